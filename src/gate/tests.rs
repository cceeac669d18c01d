//! Verdicts on made-up series, each built for one rule.

use super::baseline::{self, Header};
use super::*;
use crate::analysis;
use crate::load::Loaded;
use crate::report::{Command, OrderBy, Report, Status, Verdict, Warning};
use crate::snapshot::{Group, Snapshot};

/// Kind, name, counts and bytes an object of a group.
type Row<'a> = (&'a str, &'a str, &'a [u64], u64);

/// 40 a step: a leak from the fifth snapshot on.
const LEAK: Row<'_> = ("object", "LeakyItem", &[40, 80, 120, 160, 200, 240, 280], 32);
/// What a heap holds besides, unmoved.
const REST: Row<'_> = ("string", "", &[1_000; 7], 24);
/// Grows once.
const STEP: Row<'_> = ("object", "Catalog", &[0, 0, 0, 500, 500, 500, 500], 48);
/// The engine's own code.
const CODE: Row<'_> = ("code", "", &[900, 1_000, 1_100, 1_200, 1_300, 1_400, 1_500], 3_000);

fn series_of(rows: &[Row<'_>], change: impl Fn(usize, &mut Snapshot)) -> Series {
    let inputs = rows.first().map_or(0, |row| row.2.len());
    let load = |i: usize| {
        let mut snapshot = Snapshot::new("v8", Runtime::V8);
        let group = |&(kind, name, counts, each): &Row<'_>| Group {
            kind: kind.to_owned(),
            name: name.to_owned(),
            stack: 0,
            class: String::new(),
            count: counts[i],
            self_size: counts[i] * each,
        };
        snapshot.groups = rows.iter().map(group).filter(|group| group.count > 0).collect();
        snapshot.groups.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
        snapshot.nodes = snapshot.groups.iter().map(|group| group.count).sum();
        snapshot.self_size = Some(snapshot.groups.iter().map(|group| group.self_size).sum());
        change(i, &mut snapshot);
        Loaded { path: format!("s{}", i + 1), snapshot, process: Some(0) }
    };
    Series::new((0..inputs).map(load).collect(), OrderBy::HeapIds, None, Vec::new())
}

fn series(rows: &[Row<'_>]) -> Series {
    series_of(rows, |_, _| {})
}

fn options() -> Options {
    Options {
        command: Command::Check,
        by: Vec::new(),
        limit: 0,
        sort: None,
        focus: None,
        ignore: None,
        kinds: Vec::new(),
        sizes: analysis::Sizes::Recorded,
        retained: false,
        allocated_between: None,
    }
}

fn rules(budget: &str) -> Rules {
    budget::parse(budget, "heapdiff.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn report_of(series: &Series, options: &Options) -> Report {
    analysis::report(series, options)
}

/// The verdict and the codes of the warnings.
fn judge_with(series: &Series, gate: &Gate<'_>) -> (Verdict, Vec<String>) {
    let (verdict, warnings) = judge(series, &report_of(series, gate.options), gate);
    (verdict, warnings.into_iter().map(|warning| warning.code).collect())
}

fn verdict(series: &Series, budget: &str) -> Verdict {
    verdict_and_warnings(series, budget).0
}

fn verdict_and_warnings(series: &Series, budget: &str) -> (Verdict, Vec<String>) {
    let (rules, options) = (rules(budget), options());
    judge_with(series, &gate(&rules, &options))
}

fn gate<'a>(rules: &'a Rules, options: &'a Options) -> Gate<'a> {
    Gate { rules, options, baseline: None, missing: None, runtime: None, today: None }
}

fn codes(verdict: &Verdict) -> Vec<&str> {
    verdict.reasons.iter().map(|reason| reason.code.as_str()).collect()
}

#[test]
fn a_leak_fails_and_a_heap_without_one_passes() {
    let leaking = verdict(&series(&[LEAK, REST]), "");
    assert_eq!((leaking.status, codes(&leaking)), (Status::Fail, vec!["leak"]));
    assert_eq!(leaking.reasons[0].name.as_deref(), Some("LeakyItem"));
    assert_eq!(leaking.reasons[0].finding, Some(1));
    let healthy = verdict(&series(&[STEP, REST]), "");
    assert_eq!((healthy.status, codes(&healthy)), (Status::Pass, vec![]));
    assert_eq!(healthy.checks.len(), 1);
}

#[test]
fn what_growth_fails_can_be_chosen() {
    let heap = series(&[LEAK, REST, STEP]);
    for (fail_on, expected) in [
        ("[]", vec!["nothing-checked"]),
        ("[\"leak\"]", vec!["leak"]),
        ("[\"suspect\"]", vec!["leak"]),
        ("[\"step\"]", vec!["step"]),
        ("[\"step\", \"leak\"]", vec!["leak", "step"]),
    ] {
        assert_eq!(codes(&verdict(&heap, &format!("[check]\nfail_on = {fail_on}"))), expected, "{fail_on}");
    }
    let big: Row<'_> = ("string", "", &[10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 70_000], 24);
    assert_eq!(codes(&verdict(&series(&[big]), "[check]\nfail_on = [\"total\"]")), ["total"]);
    assert_eq!(codes(&verdict(&series(&[REST]), "[check]\nfail_on = [\"total\"]")), [""; 0]);
}

#[test]
fn suspects_fail_where_asked_for_only() {
    // One a step: never more than suspect.
    let slow = series(&[("object", "Slow", &[1, 2, 3, 4, 5, 6, 7], 32), REST]);
    assert_eq!(verdict(&slow, "").status, Status::Pass);
    assert_eq!(codes(&verdict(&slow, "[check]\nfail_on = [\"suspect\"]")), ["suspect"]);
}

#[test]
fn too_few_snapshots_are_inconclusive_unless_a_budget_is_passed() {
    let heap = series(&[("object", "LeakyItem", &[40, 80, 120, 160, 200], 32), REST_5]);
    let short = verdict(&heap, "");
    assert_eq!((short.status, codes(&short)), (Status::Inconclusive, vec!["too-few-snapshots"]));
    let over = verdict(&heap, "[total]\nmax_growth = \"1 KiB\"");
    assert_eq!((over.status, codes(&over)), (Status::Fail, vec!["total-max-growth", "too-few-snapshots"]));
    assert_eq!(codes(&verdict(&heap, "[check]\nmin_snapshots = 5")), ["leak"]);
}

const REST_5: Row<'_> = ("string", "", &[1_000; 5], 24);

#[test]
fn a_verdict_that_cannot_be_reached_is_no_pass() {
    let pair = series(&[("object", "LeakyItem", &[40, 80], 32)]);
    let (two, warnings) = verdict_and_warnings(&pair, "[check]\nmin_snapshots = 2");
    assert_eq!((two.status, codes(&two)), (Status::Inconclusive, vec!["nothing-checked"]));
    assert_eq!(warnings, ["not-checked"]);
    let limited = verdict(&pair, "[check]\nmin_snapshots = 2\n[total]\nmax_growth = \"1 MB\"");
    assert_eq!(limited.status, Status::Pass);
    let none = verdict(&series(&[("object", "Gone", &[0; 7], 1)]), "");
    assert_eq!((none.status, codes(&none)), (Status::Inconclusive, vec!["nothing-matched"]));
}

#[test]
fn inputs_that_cannot_be_compared_are_inconclusive() {
    for code in ["mixed-processes", "identical-inputs", "order-contradicts-ids"] {
        let mut heap = series(&[LEAK, REST]);
        heap.warnings.push(Warning { code: code.to_owned(), message: "told".to_owned(), input: None });
        let mixed = verdict(&heap, "[total]\nmax_growth = 1");
        assert_eq!((mixed.status, codes(&mixed)), (Status::Inconclusive, vec![code]));
        // How much there is does not depend on a comparison.
        let over = verdict(&heap, "[total]\nmax_size = 1");
        assert_eq!((over.status, codes(&over)), (Status::Fail, vec!["total-max-size", code]));
    }
    let cut = series_of(&[LEAK, REST], |i, snapshot| snapshot.complete = i != 3);
    let cut = verdict(&cut, "");
    assert_eq!((cut.status, codes(&cut)), (Status::Inconclusive, vec!["incomplete-input"]));
    assert_eq!(cut.reasons[0].name.as_deref(), Some("s4"));
    let unstable = {
        let mut heap = series(&[LEAK, REST]);
        heap.warnings.push(Warning { code: "unstable-ids".to_owned(), message: "told".to_owned(), input: None });
        verdict(&heap, "")
    };
    assert_eq!(codes(&unstable), ["leak"], "ids that do not persist leave the groups comparable");
}

#[test]
fn growth_of_the_runtime_fails_no_build() {
    let heap = series(&[CODE, REST]);
    let options = options();
    let report = report_of(&heap, &options);
    assert!(report.findings.iter().any(|finding| finding.runtime), "{:?}", report.findings);
    for fail_on in ["leak", "suspect"] {
        assert_eq!(verdict(&heap, &format!("[check]\nfail_on = [\"{fail_on}\"]")).status, Status::Pass);
    }
}

#[test]
fn the_first_rule_that_matches_counts() {
    let heap = series(&[LEAK, REST]);
    let allowed = "[[group]]\nmatch = \"re:^Leaky\"\nallow = [\"leak\"]\n";
    let limited = "[[group]]\nmatch = \"LeakyItem\"\nmax_count = 1\n";
    let first = verdict_and_warnings(&heap, &format!("{allowed}{limited}"));
    // What was let through is said.
    assert_eq!((first.0.status, first.1), (Status::Pass, ["allowed-finding", "unused-rule"].map(str::to_owned).to_vec()));
    let second = verdict_and_warnings(&heap, &format!("{limited}{allowed}"));
    assert_eq!((codes(&second.0), second.1), (vec!["leak", "max-count"], vec!["unused-rule".to_owned()]));
    assert_eq!(second.0.reasons[1].rule, Some(Place { file: "heapdiff.toml".to_owned(), line: 1 }));
}

#[test]
fn limits_are_kept_or_broken_by_one() {
    let heap = series(&[LEAK, REST]);
    for (limit, most) in [("max_growth", 240 * 32), ("max_count", 280), ("max_count_growth", 240), ("max_size", 280 * 32)] {
        let with = |limits: u64| {
            verdict(
                &heap,
                &format!("[[group]]\nmatch = \"glob:Leaky*\"\nallow = [\"leak\"]\n{limit} = {limits}\nreason = \"why\""),
            )
        };
        assert_eq!(with(most).status, Status::Pass, "{limit}");
        let broken = with(most - 1);
        assert_eq!(codes(&broken), [limit.replace('_', "-")], "{limit}");
        assert!(broken.reasons[0].message.ends_with(" (why)"), "{:?}", broken.reasons);
    }
    for (limit, most) in [("max_growth", 240 * 32), ("max_growth_per_step", 40 * 32), ("max_size", 280 * 32 + 24_000)] {
        let with = |limits: u64| verdict(&heap, &format!("[check]\nfail_on = []\n[total]\n{limit} = {limits}"));
        assert_eq!(with(most).status, Status::Pass, "{limit}");
        assert_eq!(codes(&with(most - 1)), [format!("total-{}", limit.replace('_', "-"))], "{limit}");
    }
}

#[test]
fn rules_speak_of_any_level() {
    let heap = series(&[("closure", "onMessage", &[1, 2, 3, 4, 5, 6, 7], 64), ("closure", "other", &[3; 7], 64), REST]);
    for (level, name) in [("class", "(closure)"), ("kind", "closure"), ("name", "onMessage")] {
        let budget = format!("[[group]]\nmatch = \"{name}\"\nlevel = \"{level}\"\nmax_count_growth = 5");
        assert_eq!(codes(&verdict(&heap, &budget)), ["max-count-growth"], "{level}");
    }
    let (_, warnings) = verdict_and_warnings(&heap, "[[group]]\nmatch = \"onMessage\"\nmax_count = 1");
    assert_eq!(warnings, ["unused-rule"], "by class the row is (closure)");
}

#[test]
fn a_rule_that_allows_covers_findings_by_kind_and_name() {
    let heap = series(&[LEAK, REST]);
    for rule in ["match = \"LeakyItem\"", "match = \"LeakyItem\"\nlevel = \"name\"", "match = \"object\"\nlevel = \"kind\""] {
        for allow in ["leak", "suspect"] {
            let status = verdict(&heap, &format!("[[group]]\n{rule}\nallow = [\"{allow}\"]")).status;
            assert_eq!(status == Status::Pass, allow == "leak", "{rule} {allow}");
        }
    }
    let stepped = series(&[STEP, REST]);
    let rule = "[check]\nfail_on = [\"step\"]\n[[group]]\nmatch = \"Catalog\"\nallow = [\"step\"]";
    assert_eq!(verdict(&stepped, rule).status, Status::Pass);
}

#[test]
fn an_expired_rule_holds_no_longer() {
    let heap = series(&[LEAK, REST]);
    let rules = rules("[[group]]\nmatch = \"LeakyItem\"\nallow = [\"leak\"]\nexpires = 2027-03-31");
    let options = options();
    let on = |day: &str| judge_with(&heap, &Gate { today: Day::parse(day).ok(), ..gate(&rules, &options) });
    assert_eq!(on("2027-03-31").0.status, Status::Pass);
    let (late, warnings) = on("2027-04-01");
    assert_eq!((codes(&late), warnings), (vec!["leak"], vec!["expired-rule".to_owned()]));
}

#[test]
fn steps_that_are_multiples_of_the_loops_are_no_accident() {
    // Among a dozen classes that come and go, one that rises unevenly is suspect.
    let uneven: Row<'_> = ("object", "Session", &[300, 307, 314, 349, 356, 363, 412], 32);
    let names: Vec<String> = (0..12).map(|i| format!("Moving{i}")).collect();
    let moving = |i: usize| -> Vec<u64> { (0..7).map(|at| [60, 90, 40, 110, 70, 20, 80][(at * 3 + i) % 7] + i as u64).collect() };
    let moving: Vec<Vec<u64>> = (0..12).map(moving).collect();
    let mut rows = vec![uneven, REST];
    rows.extend(names.iter().zip(&moving).map(|(name, counts)| ("object", name.as_str(), counts.as_slice(), 32)));
    let heap = series(&rows);
    assert_eq!(codes(&verdict(&heap, "")), [""; 0]);
    assert_eq!(codes(&verdict(&heap, "[check]\nloops = 7")), ["leak"]);
    for loops in [5, 14] {
        assert_eq!(codes(&verdict(&heap, &format!("[check]\nloops = {loops}"))), [""; 0], "not a multiple of {loops}");
    }
}

#[test]
fn assertions_all_count_and_need_one_snapshot() {
    let heap = series(&[("object", "NotebookModel", &[2], 32), ("object", "Cell", &[9], 32)]);
    let asserted = |pairs: &[(&str, u64)]| {
        let assertion = |&(name, count): &(&str, u64)| Rule {
            pattern: Pattern::new(name).unwrap_or_else(|error| panic!("{error}")),
            level: None,
            limits: Limits { max_count: Some(count), ..Limits::default() },
            allow: Vec::new(),
            reason: None,
            expires: None,
            place: None,
        };
        let rules = Rules { assertions: pairs.iter().map(assertion).collect(), ..Rules::default() };
        judge_with(&heap, &gate(&rules, &options())).0
    };
    assert_eq!(asserted(&[("NotebookModel", 2), ("Absent", 0)]).status, Status::Pass);
    let both = asserted(&[("NotebookModel", 0), ("re:.", 8)]);
    assert_eq!(codes(&both), ["max-count", "max-count"]);
    let names: Vec<_> = both.reasons.iter().map(|reason| reason.name.as_deref()).collect();
    assert_eq!(names, [Some("NotebookModel"), Some("Cell")]);
    assert_eq!(codes(&asserted(&[])), ["too-few-snapshots"]);
}

#[test]
fn sizes_that_are_unknown_pass_no_limit() {
    let heap = series_of(&[STEP, REST], |_, snapshot| snapshot.self_size = None);
    let budget = "[total]\nmax_size = \"1 GB\"\n[[group]]\nmatch = \"Catalog\"\nmax_count = 500";
    let unknown = verdict(&heap, budget);
    assert_eq!((unknown.status, codes(&unknown)), (Status::Inconclusive, vec!["no-sizes"]));
}

#[test]
fn warm_up_ends_where_steps_become_even() {
    assert_eq!(warm_up(&[100, 900, 910, 920, 930, 940], 3), 1);
    assert_eq!(warm_up(&[100, 900, 1_300, 1_310, 1_320, 1_330], 3), 2, "the first two steps are");
    assert_eq!(warm_up(&[100, 110, 1_200, 1_210, 1_220, 1_230], 3), 2);
    assert_eq!(warm_up(&[100, 300, 400, 500, 600, 700], 3), 0, "twice, not more");
    assert_eq!(warm_up(&[100, 900, 910, 920], 4), 0, "as many snapshots as are wanted stay");
    assert_eq!(warm_up(&[100, 200, 300, 400, 500], 2), 0, "a leak is no warm-up");
    assert_eq!(warm_up(&[500, 400, 300, 300, 300], 2), 0);
    assert_eq!(warm_up(&[], 0) + warm_up(&[1], 0), 0);
    let warming: Row<'_> = ("object", "Module", &[0, 9_000, 9_000, 9_000, 9_000, 9_000, 9_000, 9_000], 100);
    let heap = series(&[warming]);
    let rules = rules("[check]\nskip_first = \"auto\"");
    assert_eq!(gate(&rules, &options()).skipped(&heap), 1);
    let kept = heap.without_first(1);
    assert_eq!(kept.inputs.len(), 7);
    assert_eq!(kept.groups[0].sums.count, vec![9_000; 7]);
}

#[test]
fn a_baseline_is_read_back_and_its_findings_are_known() {
    let (heap, rules, options) = (series(&[LEAK, REST]), rules("[[group]]\nmatch = \"Leaky\"\nmax_growth = 0"), options());
    let report = report_of(&heap, &options);
    let header = Header { name: Some("main\u{202e}"), runtime: Some("v20"), sizes: analysis::Sizes::Recorded };
    let text = baseline::write(&heap, &report.findings, &[Level::Class], header);
    assert!(!text.contains('\u{202e}') && text.lines().any(|line| line.starts_with("[\"class\",\"LeakyItem\",280,8960]")));
    let before = Baseline::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((before.name.as_deref(), before.runtime.as_deref()), (Some("main\u{202e}"), Some("v20")));
    assert_eq!(before.total, (1_280, Some(280 * 32 + 24_000)));
    let known = Gate { baseline: Some(&before), runtime: Some("v20"), ..gate(&rules, &options) };
    let (same, warnings) = judge_with(&heap, &known);
    assert_eq!((same.status, warnings), (Status::Pass, vec!["known-finding".to_owned(), "unused-rule".to_owned()]));
    let other = Gate { runtime: Some("v24"), ..known };
    assert!(judge_with(&heap, &other).1.contains(&"baseline-differs".to_owned()));
    for broken in ["", "{}", &text[..text.len() - 3], &text.replace("\"schema_version\":1", "\"schema_version\":2")] {
        assert!(Baseline::parse(broken).is_err(), "{broken}");
    }
}

#[test]
fn growth_counts_from_the_baseline_too() {
    let earlier = series(&[("object", "Cell", &[100], 32), REST_1]);
    let now = series(&[("object", "Cell", &[150], 32), ("object", "New", &[10], 32), REST_1]);
    let options = options();
    let text =
        baseline::write(&earlier, &[], &[Level::Class], Header { name: None, runtime: None, sizes: analysis::Sizes::Recorded });
    let before = Baseline::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let with = |budget: &str| {
        let rules = Rules { file: None, ..rules(budget) };
        judge_with(&now, &Gate { baseline: Some(&before), ..gate(&rules, &options) }).0
    };
    assert_eq!(with("[total]\nmax_growth = 1920").status, Status::Pass);
    assert_eq!(codes(&with("[total]\nmax_growth = 1919")), ["total-max-growth"]);
    assert_eq!(with("[[group]]\nmatch = \"Cell\"\nmax_growth = 1600").status, Status::Pass);
    assert_eq!(codes(&with("[[group]]\nmatch = \"New\"\nmax_count_growth = 9")), ["max-count-growth"]);
    assert_eq!(
        codes(&with("[[group]]\nmatch = \"object\"\nlevel = \"kind\"\nmax_growth = 1")),
        ["no-growth", "baseline-lacks-level"].into_iter().rev().collect::<Vec<_>>()
    );
}

const REST_1: Row<'_> = ("string", "", &[1_000], 24);

#[test]
fn a_missing_baseline_fails_or_is_told() {
    let (heap, rules, options) = (series(&[STEP, REST]), rules(""), options());
    for (fails, status) in [(true, Status::Fail), (false, Status::Pass)] {
        let missing = Some(MissingBaseline { path: "b.json", fails });
        assert_eq!(judge_with(&heap, &Gate { missing, ..gate(&rules, &options) }).0.status, status);
    }
}

#[test]
fn filters_leave_out_rows_and_findings() {
    let (heap, rules) = (series(&[LEAK, REST]), rules("[[group]]\nmatch = \"re:.\"\nmax_count = 1"));
    let expression = |text: &str| regex::Regex::new(text).ok();
    let ignoring = Options { ignore: expression("^Leaky"), ..options() };
    assert_eq!(codes(&judge_with(&heap, &gate(&rules, &ignoring)).0), ["max-count"], "strings are left");
    let focused = Options { focus: expression("^Leaky"), ..options() };
    assert_eq!(codes(&judge_with(&heap, &gate(&rules, &focused)).0), ["leak", "max-count"]);
    let nothing = Options { focus: expression("^Nothing"), ..options() };
    assert_eq!(judge_with(&heap, &gate(&Rules::default(), &nothing)).0.status, Status::Inconclusive);
    let strings = Options { kinds: vec!["string".to_owned()], ..options() };
    assert_eq!(codes(&judge_with(&heap, &gate(&rules, &strings)).0), ["max-count"]);
}

#[test]
fn permuted_groups_and_scaled_sizes_change_no_verdict() {
    let rows = [LEAK, STEP, CODE, REST, ("object", "Cell", &[9, 8, 9, 7, 9, 8, 9], 40)];
    let budget = |factor: u64| {
        format!(
            "[check]\nfail_on = [\"leak\", \"step\"]\n[total]\nmax_growth = {}\nmax_growth_per_step = {}\n[[group]]\nmatch = \
             \"Cell\"\nmax_size = {}\n",
            1_000 * factor,
            400_000 * factor,
            359 * factor
        )
    };
    let facts = |verdict: &Verdict| {
        let about = |reason: &crate::report::Reason| (reason.code.clone(), reason.group.clone());
        (verdict.status, verdict.reasons.iter().map(about).collect::<Vec<_>>())
    };
    let expected = verdict(&series(&rows), &budget(1));
    assert_eq!(codes(&expected), ["leak", "step", "total-max-growth", "max-size"]);
    for turn in 0..rows.len() {
        let mut turned = rows;
        turned.rotate_left(turn);
        assert_eq!(verdict(&series(&turned), &budget(1)), expected);
    }
    for factor in [2, 1_000, 1 << 20] {
        let scaled = rows.map(|(kind, name, counts, each)| (kind, name, counts, each * factor));
        assert_eq!(facts(&verdict(&series(&scaled), &budget(factor))), facts(&expected), "{factor}");
    }
}

#[test]
fn a_budget_says_what_is_wrong_and_where() {
    for (budget, wrong) in [
        ("x = 1", ":1: unknown field `x`"),
        ("[check]\n\nmin_snapshot = 1", ":3: unknown field `min_snapshot`"),
        ("[check]\nmin_snapshots = 0", ":2: invalid value: integer `0`"),
        ("[check]\nloops = 1", ":2: expected 2 or more repetitions"),
        ("[check]\nskip_first = \"soon\"", ":2: expected a number of snapshots or \"auto\", found \"soon\""),
        ("[check]\nfail_on = [\"leek\"]", ":2: unknown variant `leek`"),
        ("[total]\nmax_size = \"1 parsec\"", ":2: expected a size such as"),
        ("[total]\nmax_size = -1", ":2: invalid value: integer `-1`, expected a size such as"),
        ("\n[[group]]\nmatch = \"a\"", ":2: the rule says nothing"),
        ("\n[[group]]\nmax_count = 1", ":2: missing field `match`"),
        ("[[group]]\nmatch = \"re:(\"\nmax_count = 1", ":1: match: \"re:(\": regex parse error"),
        ("[[group]]\nmatch = \"a\"\nlevel = \"b\"\nmax_count = 1", ":1: level: expected one of class, kind,"),
        ("[[group]]\nmatch = \"a\"\nmax_count = 1\nexpires = \"2026-02-30\"", ":4: expected a day such as"),
        ("[total", ":1: "),
    ] {
        let error = budget::parse(budget, "b.toml").map(|_| ()).unwrap_err();
        assert!(error.starts_with(&format!("b.toml{wrong}")) && error.lines().count() == 1, "{budget:?}: {error}");
    }
    for deep in ["[", "{a=", "[{a=", "a."] {
        let deep = format!("x = {}", deep.repeat(100_000));
        assert!(budget::parse(&deep, "b.toml").is_err() && Baseline::parse(&deep.replace('=', ":")).is_err());
    }
    let full = rules(
        "[check]\nmin_snapshots = 9\nskip_first = 2\nfail_on = [\"leak\", \"total\"]\nloops = 7\n[total]\nmax_growth = \"1 MiB\"\n\
         [[group]]\nmatch = \"glob:*\"\nlevel = \"site\"\nmax_size = 5\nallow = [\"suspect\"]\nreason = \"r\"\nexpires = \"2027-01-01\"",
    );
    assert_eq!((full.min_snapshots, full.skip_first, full.loops), (Some(9), Skip::Number(2), Some(7)));
    assert_eq!((full.total.max_growth, full.groups[0].limits.max_size), (Some(1 << 20), Some(5)));
    assert_eq!(full.levels(Runtime::V8), [Level::Class, Level::Site]);
}
