//! What must hold for any series.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Heap, Row};
use crate::growth::{Finding, GroupSeries, Judgement, Rule, judge};
use crate::report::TrendVerdict;

const KINDS: [&str; 6] = ["object", "closure", "string", "array", "code", "native"];
const NAMES: [&str; 8] = ["", "Foo", "Bar", "Object", "Map", "Socket", "onData", "system / Context"];

/// A group that often moves in lockstep with others: a multiple of one of three vectors, with a little noise at times.
fn row(n: usize) -> impl Strategy<Value = Row> {
    let vectors = [
        (0..n).map(|i| 40 * i).collect::<Vec<_>>(),
        (0..n).map(|i| 13 * i + (i % 3) * 9).collect(),
        (0..n).map(|i| (i * 7) % 5 * 30).collect(),
    ];
    let base = (0..KINDS.len(), 0..NAMES.len(), 0..vectors.len(), 0_u64..4, 0_u64..2000, 1_u64..900);
    (base, vec(0_u64..3, n)).prop_map(move |((kind, name, vector, factor, first, size), noise)| {
        let step = |i: usize| first + factor * u64::try_from(vectors[vector][i]).unwrap() + noise[i] / 2;
        let count: Vec<u64> = (0..n).map(step).collect();
        let self_size = count.iter().map(|objects| objects * size).collect();
        Row { kind: KINDS[kind].to_owned(), name: NAMES[name].to_owned(), count, self_size }
    })
}

/// A heap of groups no two of which have equal kind and name.
fn heap() -> impl Strategy<Value = Heap> {
    (1_usize..11).prop_flat_map(|n| vec(row(n), 1..25)).prop_map(|mut rows| {
        rows.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
        rows.dedup_by(|a, b| (&a.kind, &a.name) == (&b.kind, &b.name));
        Heap { rows }
    })
}

/// The judgement with `index` giving every group's new place.
fn renumbered(judgement: &Judgement, index: &[usize]) -> Judgement {
    let mut groups = judgement.groups.clone();
    for (old, group) in judgement.groups.iter().enumerate() {
        groups[index[old]] = *group;
    }
    let findings = judgement.findings.iter().map(|finding| {
        let mut finding: Finding = finding.clone();
        finding.headline = index[finding.headline];
        finding.members.iter_mut().for_each(|member| member.group = index[member.group]);
        finding.attributed.iter_mut().for_each(|attributed| attributed.group = index[attributed.group]);
        finding
    });
    Judgement { groups, findings: findings.collect(), chances: judgement.chances }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn the_order_of_groups_decides_nothing((heap, keys) in heap().prop_flat_map(|heap| {
        let keys = vec(any::<u32>(), heap.rows.len());
        (Just(heap), keys)
    })) {
        let mut order: Vec<usize> = (0..heap.rows.len()).collect();
        order.sort_by_key(|&at| keys[at]);
        let mut index = vec![0; order.len()];
        for (new, &old) in order.iter().enumerate() {
            index[old] = new;
        }
        let series = heap.series();
        let shuffled: Vec<GroupSeries<'_>> = order.iter().map(|&at| series[at].clone()).collect();
        prop_assert_eq!(renumbered(&judge(&series), &index), judge(&shuffled));
    }

    #[test]
    fn sizes_and_gates_scaled_together_change_no_verdict(heap in heap()) {
        const SCALE: u16 = 16;
        let mut scaled = heap.clone();
        for row in &mut scaled.rows {
            row.self_size.iter_mut().for_each(|size| *size *= u64::from(SCALE));
        }
        let n = heap.rows[0].count.len();
        let mut rule = Rule::new(n);
        let before = rule.judge(&heap.series());
        rule.gate_bytes *= f64::from(SCALE);
        let after = rule.judge(&scaled.series());
        let verdicts = |judgement: &Judgement| judgement.groups.iter().map(|g| (g.verdict, g.finding, g.inflates)).collect::<Vec<_>>();
        prop_assert_eq!(verdicts(&before), verdicts(&after));
        prop_assert_eq!(before.findings.len(), after.findings.len());
        for (a, b) in before.findings.iter().zip(&after.findings) {
            prop_assert_eq!((a.headline, a.verdict, &a.steps, &a.members), (b.headline, b.verdict, &b.steps, &b.members));
            prop_assert_eq!(a.size_growth * i64::from(SCALE), b.size_growth);
        }
    }

    #[test]
    fn findings_and_groups_agree(heap in heap()) {
        let series = heap.series();
        let judgement = judge(&series);
        let n = series[0].count.len();
        prop_assert_eq!(judgement.groups.len(), series.len());
        let mut owners = vec![0; series.len()];
        for (at, finding) in judgement.findings.iter().enumerate() {
            prop_assert!(n >= 5 || finding.verdict != TrendVerdict::Leak);
            prop_assert!(matches!(finding.verdict, TrendVerdict::Leak | TrendVerdict::Suspect));
            prop_assert_eq!(finding.headline, finding.members[0].group);
            prop_assert_eq!(finding.size_per_step.iter().sum::<i64>(), finding.size_growth);
            for member in &finding.members {
                owners[member.group] += 1;
                prop_assert_eq!(judgement.groups[member.group].finding, Some(at));
                prop_assert_eq!(judgement.groups[member.group].verdict, finding.verdict);
                prop_assert_eq!(member.exact, member.residual == 0);
            }
        }
        prop_assert!(owners.iter().all(|&owners| owners <= 1), "a group belongs to one finding");
        for group in &judgement.groups {
            let named = matches!(group.verdict, TrendVerdict::Leak | TrendVerdict::Suspect);
            prop_assert_eq!(named, group.finding.is_some());
            prop_assert!(group.measures.tail.is_finite() && group.measures.weakest.is_finite() && group.measures.score.is_finite());
        }
    }

    #[test]
    fn no_counts_or_sizes_make_it_panic(rows in (0_usize..9).prop_flat_map(|n| vec((vec(any::<u64>(), n), vec(any::<u64>(), n)), 0..12))) {
        let names: Vec<String> = (0..rows.len()).map(|at| format!("Foo{}", at / 2)).collect();
        let series: Vec<GroupSeries<'_>> = rows
            .iter()
            .zip(&names)
            .enumerate()
            .map(|(at, ((count, self_size), name))| GroupSeries { kind: KINDS[at % 6], name, count, self_size })
            .collect();
        prop_assert_eq!(judge(&series).groups.len(), series.len());
    }
}

#[test]
fn ten_thousand_causes_are_ten_thousand_findings() {
    let mut heap = Heap::default();
    for at in 0..10_000_u64 {
        // Vectors no two of which are multiples of each other within the tolerance.
        let digits = [at % 10, at / 10 % 10, at / 100 % 10, at / 1000].map(|digit| i64::try_from(digit).unwrap());
        let steps: Vec<i64> =
            digits.iter().chain(&[4]).flat_map(|digit| [1000 + 100 * digit, 1000 - 100 * digit.min(&4)]).chain([1000]).collect();
        heap = heap.class(&format!("Class{at}"), 0, &steps);
    }
    let judged = heap.judge();
    let members: usize = judged.judgement.findings.iter().map(|finding| finding.members.len()).sum();
    assert_eq!(members, 10_000, "every class is in exactly one finding");
}
