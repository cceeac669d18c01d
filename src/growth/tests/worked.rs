//! The rule's worked examples, most of them measured on real programs.

use super::Heap;
use crate::growth::Rule;
use crate::report::TrendVerdict::{self, Change, Leak, Noise, Saturating, Shrinking, Stable, Step, Suspect};

/// Step vector of requests kept under uneven load.
const UNEVEN: [i64; 9] = [58, 91, 20, 74, 133, 45, 66, 101, 29];

fn multiple(steps: &[i64], factor: i64) -> Vec<i64> {
    steps.iter().map(|step| step * factor).collect()
}

fn alone(first: u64, steps: &[i64]) -> TrendVerdict {
    Heap::default().class("Foo", first, steps).judge().verdict("Foo")
}

#[test]
fn a_listener_a_request_is_one_finding_with_its_context_and_shared_groups() {
    let steps = [150; 5];
    let heap = Heap::default()
        .class("RequestContext", 150, &steps)
        .group("closure", "onPriceChange", 150, &steps, 64)
        .group("object", "system / Context", 900, &steps, 32)
        .class("SessionRecord", 150, &[150, 100, 0, 0, 0])
        .group("object", "Object", 4000, &[830, 850, 835, 842, 839], 56)
        .group("string", "", 30_000, &[1380, 1390, 1384, 1379, 1388], 24);
    let judged = heap.judge();
    let finding = judged.finding();
    assert_eq!(judged.findings(), [("RequestContext", Leak)]);
    assert_eq!(judged.members(finding), [("RequestContext", 1), ("onPriceChange", 1), ("system / Context", 1)]);
    assert!(finding.constant && !finding.slowing && !finding.runtime);
    assert_eq!((finding.since, finding.steps.as_deref()), (0, Some(&steps[..])));
    assert_eq!(finding.size_growth, 750 * (40 + 64 + 32));
    assert_eq!(finding.size_per_step, [150 * (40 + 64 + 32); 5]);
    let shared: Vec<_> = finding.attributed.iter().map(|a| (judged.name(a.group), (a.per_unit * 10.0).round())).collect();
    assert_eq!(shared, [("Object", 56.0), ("", 92.0)], "5.6 objects and 9.2 strings a request");
    assert_eq!(finding.size_growth_total, finding.size_growth + finding.attributed.iter().map(|a| a.size_growth).sum::<i64>());
    assert_eq!(judged.group("Object").finding, Some(0));
    assert!(judged.group("Object").explained_share.unwrap() > 0.9);
    assert_eq!(judged.verdict("SessionRecord"), Saturating);
}

#[test]
fn emptied_dicts_are_no_multiple_of_a_few_sessions() {
    let heap = Heap::default()
        .group("object", "dict (empty)", 12, &[1499, 1500, 1500, 1500], 280)
        .class("Session", 5, &[40; 4])
        .class("HostInfo", 10, &[6000, 0, 0, 0])
        .group("object", "Event", 500, &[3500, -3800, 2800, -2100], 64);
    let judged = heap.judge();
    assert_eq!(judged.findings(), [("dict (empty)", Leak), ("Session", Leak)]);
    assert_eq!(judged.verdict("HostInfo"), Step);
    assert_eq!(judged.verdict("Event"), Noise);
    assert_eq!(judged.judgement.chances, 1, "only Event goes up and down");
}

#[test]
fn a_url_cache_still_filling_is_a_finding_but_the_last() {
    let heap = Heap::default()
        .group("object", "dict (empty)", 12, &[1499, 1500, 1500, 1500], 280)
        .class("Session", 5, &[40; 4])
        .class("SplitResult", 6, &[4, 3, 3, 3]);
    assert_eq!(heap.judge().findings().last().map(|finding| finding.0), Some("SplitResult"));
}

#[test]
fn requests_kept_under_uneven_load_are_a_leak_with_all_they_hold() {
    let heap = Heap::default()
        .group("object", "ReadableState", 80, &UNEVEN, 80)
        .group("object", "IncomingMessage", 80, &UNEVEN, 240)
        .group("array", "(object elements)", 9000, &multiple(&UNEVEN, 4), 48)
        .group("object", "Array", 2000, &[231, 365, 82, 297, 530, 182, 263, 405, 114], 16);
    let judged = heap.judge();
    let finding = judged.finding();
    assert_eq!(judged.findings(), [("IncomingMessage", Leak)], "equal names by their bytes");
    assert!(!finding.constant);
    assert_eq!(judged.members(finding), [("IncomingMessage", 1), ("ReadableState", 1), ("Array", 4), ("(object elements)", 4)]);
    let exact: Vec<bool> = finding.members.iter().map(|member| member.exact).collect();
    assert_eq!(exact, [true, true, false, true]);
}

#[test]
fn a_few_tickets_among_thousands_of_jobs_pass_no_byte_gate_and_are_a_leak() {
    let jobs = [812, -1330, 455, 902, -260, -1101, 700, 350, -95];
    let heap = Heap::default().class("Job", 4000, &jobs).class("Ticket", 25, &[20; 9]);
    assert_eq!(heap.judge().findings(), [("Ticket", Leak)]);
}

#[test]
fn the_count_decides_where_the_size_falls() {
    let count: Vec<u64> = (1..=10).map(|i| 20 * i).collect();
    let size = (0..10).map(|i| 9000 - 10 * i).collect();
    let heap = Heap::default().columns("object", "Ticket", count, size);
    assert_eq!(heap.judge().findings(), [("Ticket", Leak)]);
}

#[test]
fn a_leak_that_starts_late_shows_once_five_snapshots_follow() {
    let heap = |n: usize| Heap::default().class("Replica", 0, &[0, 0, 0, 30, 30, 30, 30][..n - 1]);
    assert_eq!(heap(7).judge().findings(), []);
    let late = heap(8);
    let judged = late.judge();
    assert_eq!(judged.findings(), [("Replica", Leak)]);
    assert_eq!(judged.finding().since, 3);
}

#[test]
fn a_cache_that_fills_is_a_leak_until_its_flat_part_is_seen() {
    assert_eq!(alone(90, &[90, 90, 90, 40]), Leak);
    assert_eq!(alone(90, &[90, 90, 90, 40, 0, 0]), Saturating);
}

#[test]
fn one_object_a_step_is_suspect_and_two_can_be_a_leak() {
    assert_eq!(alone(1, &[1; 9]), Suspect);
    assert_eq!(alone(1, &[2; 9]), Leak);
    assert_eq!(alone(32, &[30; 9]), Leak);
}

#[test]
fn classes_that_swing_together_are_noise() {
    let queue = [12, 31, -25, 40, -38, 22, 9, -14, 17];
    let heap = Heap::default().class("Task", 300, &queue).class("TaskPart", 900, &multiple(&queue, 2));
    let judged = heap.judge();
    assert_eq!(judged.findings(), []);
    assert_eq!((judged.verdict("Task"), judged.verdict("TaskPart")), (Noise, Noise));
}

#[test]
fn luck_in_a_large_population_is_no_leak() {
    let uneven = [50, 3, 20, 41];
    assert_eq!(alone(20, &uneven), Leak, "most instances are new");
    assert_eq!(alone(5000, &uneven), Noise, "a hundred more of 5000, unevenly");
    assert_eq!(alone(5000, &[30, 28, 31, 29]), Leak, "even steps are no luck");
}

#[test]
fn independent_leaks_with_constant_steps_in_a_whole_ratio_merge() {
    let heap = Heap::default().class("Small", 10, &[20; 6]).class("Large", 10, &[40; 6]).class("Other", 10, &[33; 6]);
    let judged = heap.judge();
    assert_eq!(judged.findings(), [("Small", Leak), ("Other", Leak)]);
    let merged = &judged.judgement.findings[0];
    assert_eq!(judged.members(merged), [("Small", 1), ("Large", 2)]);
    assert!(merged.constant);
}

#[test]
fn one_a_step_is_no_unit_of_others() {
    let heap = Heap::default().class("Tenant", 1, &[1; 9]).class("Order", 1, &[3; 9]);
    assert_eq!(heap.judge().findings(), [("Order", Leak), ("Tenant", Suspect)]);
}

#[test]
fn other_verdicts() {
    assert_eq!(alone(4100, &[-900, -900, -900, -900]), Shrinking);
    assert_eq!(alone(4100, &[-900, -900, 5, -900]), Shrinking);
    assert_eq!(alone(137, &[-16, -16, 37, -16]), Shrinking, "it falls in three of four steps");
    assert_eq!(alone(137, &[-16, -16, 30, -1]), Noise, "by 3 in all");
    assert_eq!(alone(137, &[-16, -16, 37, 20]), Noise);
    assert_eq!(alone(10, &[0, 0, 0, 0]), Stable);
    assert_eq!(alone(10, &[0, 1, 0, -1]), Stable);
    assert_eq!(alone(0, &[3000, 0, 0, 0]), Step);
}

#[test]
fn among_many_classes_that_swing_only_steady_steps_are_no_luck() {
    let crowd = |steps: &[i64]| {
        let heap = (0..40).fold(Heap::default(), |heap, at| heap.class(&format!("Job{at}"), 200, &[at - 50, 30, -at - 1, 7]));
        heap.class("Order", 20, steps).judge().verdict("Order")
    };
    let uneven = [50, 3, 20, 41];
    assert_eq!(alone(20, &uneven), Leak);
    assert_eq!(crowd(&uneven), Suspect, "in order by chance once in 120, and there are forty chances");
    assert_eq!(crowd(&[30, 28, 31, 29]), Leak);
}

#[test]
fn growth_that_has_just_ended_may_be_a_pool_at_its_cap() {
    assert_eq!(alone(4, &[4, 4, 4, 4, 4, 4]), Leak);
    assert_eq!(alone(4, &[4, 4, 4, 4, 4, 0]), Suspect, "24 connections are all it may have");
}

#[test]
fn two_jumps_of_a_size_are_no_leak_and_three_are() {
    // A map of numbers: the table doubles; sizes between vary by some bytes.
    let tables = |sizes: [u64; 7]| {
        let sizes = sizes.map(|kib| 1024 * kib).to_vec();
        Heap::default().columns("array", "", vec![320; 7], sizes).judge().verdict("")
    };
    assert_eq!(tables([587, 811, 812, 1258, 1259, 1260, 2155]), Leak);
    assert_eq!(tables([810, 811, 1258, 1259, 1260, 2154, 2155]), Suspect);
}

#[test]
fn functions_compiled_from_text_are_suspect_by_what_v8_keeps_of_each() {
    let compiled = |n: usize| {
        Heap::default()
            .group("code", "(shared function info)", 312, &UNEVEN[..n - 1], 56)
            .group("code", "system / BytecodeArray", 417, &UNEVEN[..n - 1], 80)
            .group("closure", "", 975, &[32, -11, 75, -17, 39, 53, 6, 79, -2][..n - 1], 56)
    };
    for n in [5, 7, 10] {
        let heap = compiled(n);
        let judged = heap.judge();
        let telling: Vec<_> = judged.judgement.findings.iter().filter(|finding| !finding.runtime).collect();
        let [finding] = telling.as_slice() else { panic!("{:?}", judged.findings()) };
        assert_eq!(judged.members(finding)[0], ("(shared function info)", 1), "{n}");
        assert_eq!(finding.verdict, Suspect, "modules are loaded late, too");
    }
    let named = compiled(10).class("Template", 12, &UNEVEN);
    assert_eq!(named.judge().findings(), [("Template", Leak)]);
    let lazily = Heap::default().group("code", "(shared function info)", 352, &[60, 12, 3, 0, 0, 0], 56);
    assert_eq!(lazily.judge().findings(), []);
}

#[test]
fn code_objects_of_python_are_no_code_of_the_engine() {
    let compiled = |n: usize| {
        Heap::default().group("code", "code", 2403, &UNEVEN[..n - 1], 240).group(
            "function",
            "function",
            2508,
            &[24, 32, 13, 38, 61, 1, 40, 41, 50][..n - 1],
            152,
        )
    };
    assert_eq!(compiled(7).judge().findings().first(), Some(&("code", Suspect)));
    assert_eq!(compiled(10).judge().findings().first(), Some(&("code", Leak)));
}

#[test]
fn few_snapshots_allow_little() {
    assert_eq!(alone(5, &[]), Stable);
    assert_eq!(alone(5, &[400]), Change);
    assert_eq!(alone(5, &[0]), Stable);
    assert_eq!(alone(5, &[400, 400]), Suspect);
    assert_eq!(alone(5, &[400, 400, 400]), Suspect);
    assert_eq!(alone(5, &[400, 400, 400, 400]), Leak);
    assert_eq!(alone(5, &[3, 3]), Noise, "too few objects");
    assert!(Heap::default().judge().findings().is_empty());
}

#[test]
fn names_that_tell_nothing_start_findings_late() {
    let dates = |n: usize| Heap::default().class("Date", 5, &UNEVEN[..n - 1]);
    assert_eq!(dates(4).judge().findings(), []);
    assert_eq!(dates(7).judge().findings(), [("Date", Suspect)]);
    assert_eq!(dates(8).judge().findings(), [("Date", Leak)]);
    let few = Heap::default().class("Date", 5, &[3; 9]);
    assert_eq!(few.judge().findings(), [], "27 are too few");
}

#[test]
fn a_name_that_tells_nothing_folds_into_a_finding_that_explains_it() {
    let maps = [70, 79, 32, 62, 145, 33, 78, 89, 41];
    let heap = Heap::default().group("object", "Map", 60, &maps, 4000).class("TraceContext", 60, &UNEVEN);
    let judged = heap.judge();
    assert_eq!(judged.findings(), [("TraceContext", Leak)]);
    assert_eq!(judged.finding().attributed.len(), 1);
    assert_eq!(judged.verdict("Map"), Leak);
    let without = Heap::default().group("object", "Map", 60, &maps, 4000);
    assert_eq!(without.judge().findings(), [("Map", Leak)]);
}

#[test]
fn strings_alone_are_judged_by_their_size() {
    let growing: Vec<u64> = (0..10).map(|i| 1_000_000 + 20_000 * i + (i * 7919) % 5000).collect();
    let counts: Vec<u64> = vec![500, 520, 490, 505, 515, 499, 530, 502, 511, 507];
    let heap = Heap::default().columns("string", "", counts.clone(), growing.clone());
    let judged = heap.judge();
    let finding = judged.finding();
    assert_eq!((finding.verdict, finding.steps.clone(), finding.members.len()), (Leak, None, 1));
    assert!(judged.group("").inflates, "507 strings after 500");
    let few: Vec<u64> = growing.iter().map(|size| 1_000_000 + (size - 1_000_000) / 4).collect();
    assert!(Heap::default().columns("string", "", counts, few).judge().findings().is_empty(), "45 KB are under the gate");
}

#[test]
fn literals_are_suspect_by_their_number_where_nothing_else_is_found() {
    // Objects of a process that keeps some 60 more a step among a few hundred that come and go, 54 KB in all.
    let counts = vec![1012, 1185, 1210, 1230, 1418, 1806, 1873, 1901, 2237, 2239];
    let sizes: Vec<u64> = [56, 65, 62, 62, 71, 91, 93, 92, 109, 108].map(|kib| 1024 * kib).to_vec();
    let literals = Heap::default().columns("object", "Object", counts, sizes);
    assert_eq!(literals.judge().findings(), [("Object", Suspect)]);
    let named = literals.class("Ticket", 25, &[20; 9]);
    assert_eq!(named.judge().findings(), [("Ticket", Leak)]);
}

#[test]
fn steps_that_halve_are_saturating_though_one_is_out_of_order() {
    assert_eq!(alone(95, &[59, 25, 20, 21]), Saturating, "histograms of labels that are bounded");
    assert_eq!(alone(95, &[59, 25, 40, 21]), Leak);
}

#[test]
fn the_engine_is_never_a_leak_and_ranks_last() {
    let size: Vec<u64> = (0..10).map(|i| 2_000_000 + 50_000 * i).collect();
    let heap = Heap::default()
        .columns("code", "system / BytecodeArray", vec![4000; 10], size)
        .group("array", "", 320, &[0; 9], 1)
        .columns(
            "array",
            "(object elements)",
            vec![300; 10],
            [1, 1, 1, 1, 2, 2, 2, 2, 4, 4].map(|doubled| 90_000 * doubled).to_vec(),
        );
    let judged = heap.judge();
    assert_eq!(judged.findings(), [("(object elements)", Suspect), ("system / BytecodeArray", Suspect)]);
    let [table, code] = judged.judgement.findings.as_slice() else { panic!() };
    assert!(code.runtime && !table.runtime);
    assert!(judged.group("(object elements)").inflates, "a table that doubles");
}

#[test]
fn a_leak_within_the_churn_of_its_own_class_is_suspect_from_seven_snapshots() {
    let heap = |n: usize| Heap::default().class("Order", 100, &[45, 80, -20, 75, 60, -15, 70, 66, 50][..n - 1]);
    assert_eq!(heap(6).judge().findings(), []);
    assert_eq!(heap(10).judge().findings(), [("Order", Suspect)]);
}

#[test]
fn without_sizes_everything_goes_by_count() {
    let stacks = |name: &str, counts: &[u64]| (name.to_owned(), counts.to_vec());
    let mut heap = Heap::default();
    for (name, count) in [stacks("roll_up", &[750, 1500, 2250]), stacks("main", &[30, 31, 29])] {
        heap = heap.columns("frame", &name, count, Vec::new());
    }
    let judged = heap.judge();
    let finding = judged.finding();
    assert_eq!(judged.findings(), [("roll_up", Suspect)]);
    assert_eq!((finding.size_growth, finding.size_per_step.as_slice()), (1500, &[750, 750][..]));
    let measures = judged.group("roll_up").measures;
    assert!(measures.monotonic);
    assert_eq!((measures.steps_up, measures.growth), (2, 1500));
}

#[test]
fn rows_of_other_levels_are_judged_by_their_class_or_as_one() {
    let rule = Rule::new(10);
    let counts: Vec<u64> = (1..=10).map(|i| 20 * i).collect();
    let sizes: Vec<u64> = counts.iter().map(|count| 40 * count).collect();
    let row = |kind: &str, class: Option<&str>| rule.judge_row(kind, class, &counts, &sizes, 0).verdict;
    assert_eq!(row("object", Some("Ticket")), Leak);
    assert_eq!(row("string", None), Leak, "a row without a class is one of its own");
    assert_eq!(row("string", Some("")), Stable, "7 KB of strings");
    assert_eq!(row("object", Some("Date")), Leak);
    assert_eq!(Rule::new(2).judge_row("object", Some("Ticket"), &[1, 2], &[40, 80], 0).verdict, Change);
}
