//! Rows that rules list, sums over them, and the figures taken from the sums.

use std::collections::BTreeMap;

use heapdiff::growth::{GroupSeries, Judgement, Rule};
use heapdiff::report::TrendVerdict;

use crate::rules::{RuleName, row_tests};

/// Rows of one rule in one window: whether each is a labelled leak, and whether it is labelled at all.
pub(crate) type Rows = Vec<(bool, bool)>;

/// The rows of heapdiff's rule: its findings, less those of the engine itself; `label` looks at the headline.
pub(crate) fn finding_rows(judgement: &Judgement, label: impl Fn(usize) -> (bool, bool)) -> Vec<(RuleName, Rows)> {
    let rows = |worst: TrendVerdict| -> Rows {
        let findings = judgement.findings.iter().filter(|finding| finding.verdict <= worst && !finding.runtime);
        findings.map(|finding| label(finding.headline)).collect()
    };
    vec![(RuleName::Leak, rows(TrendVerdict::Leak)), (RuleName::LeakOrSuspect, rows(TrendVerdict::Suspect))]
}

/// The rows of the rules that look at one row at a time, over classes; `label` looks at the class.
pub(crate) fn class_rows(
    rule: &Rule,
    classes: &[GroupSeries<'_>],
    label: impl Fn(usize) -> (bool, bool),
) -> Vec<(RuleName, Rows)> {
    let mut listed: BTreeMap<RuleName, Vec<(f64, usize)>> = BTreeMap::new();
    for (at, class) in classes.iter().enumerate() {
        for test in row_tests(rule, class.count, class.self_size) {
            let rows = listed.entry(test.rule).or_default();
            if test.passes {
                rows.push((test.order, at));
            }
        }
    }
    let in_order = |mut rows: Vec<(f64, usize)>| -> Rows {
        rows.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| classes[a.1].name.cmp(classes[b.1].name)));
        rows.iter().map(|&(_, at)| label(at)).collect()
    };
    listed.into_iter().map(|(name, rows)| (name, in_order(rows))).collect()
}

/// Sums from which the figures are taken.
#[derive(Default, Clone, Copy)]
pub(crate) struct Tally {
    leaking: u32,
    first_right: u32,
    in_first_three: u32,
    wrong_first: u32,
    rows: u32,
    rows_right: u32,
    clean: u32,
    alarms: u32,
}

impl Tally {
    pub(crate) fn add(&mut self, leaks: bool, rows: &Rows) {
        if leaks {
            self.leaking += 1;
            self.first_right += u32::from(rows.first().is_some_and(|row| row.0));
            self.in_first_three += u32::from(rows.iter().take(3).any(|row| row.0));
            self.wrong_first += u32::from(rows.first().is_some_and(|row| !row.1));
            self.rows += u32::try_from(rows.len()).unwrap();
            self.rows_right += u32::try_from(rows.iter().filter(|row| row.1).count()).unwrap();
        } else {
            self.clean += 1;
            self.alarms += u32::from(!rows.is_empty());
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            leaking: self.leaking + other.leaking,
            first_right: self.first_right + other.first_right,
            in_first_three: self.in_first_three + other.in_first_three,
            wrong_first: self.wrong_first + other.wrong_first,
            rows: self.rows + other.rows,
            rows_right: self.rows_right + other.rows_right,
            clean: self.clean + other.clean,
            alarms: self.alarms + other.alarms,
        }
    }

    pub(crate) fn first_right(self) -> f64 {
        share(self.first_right, self.leaking)
    }

    pub(crate) fn wrong_first(self) -> f64 {
        share(self.wrong_first, self.leaking)
    }

    pub(crate) fn alarm(self) -> f64 {
        share(self.alarms, self.clean)
    }
}

fn share(part: u32, whole: u32) -> f64 {
    f64::from(part) / f64::from(whole.max(1))
}

/// Prints tallies by length and rule.
pub(crate) fn print(tallies: &BTreeMap<(usize, RuleName), Tally>) {
    println!(
        "{:>2}  {:<36} {:>11} {:>10} {:>5} {:>6} {:>9} {:>11} {:>8} {:>6}",
        "n", "rule", "first right", "in first 3", "rows", "alarm", "precision", "wrong first", "leaking", "clean"
    );
    for ((n, name), t) in tallies {
        println!(
            "{n:>2}  {:<36} {:>11.3} {:>10.3} {:>5.2} {:>6.3} {:>9.3} {:>11.3} {:>8} {:>6}",
            name.text(),
            t.first_right(),
            share(t.in_first_three, t.leaking),
            share(t.rows, t.leaking),
            t.alarm(),
            share(t.rows_right, t.rows),
            t.wrong_first(),
            t.leaking,
            t.clean
        );
    }
}

/// Figures reached beside those a change must not fall below.
pub(crate) struct Checks {
    lines: Vec<String>,
    /// Half the last decimal of the references.
    tolerance: f64,
    /// No figure is worse so far.
    pub(crate) hold: bool,
}

impl Checks {
    /// Checks against references known to the nearest multiple of `unit` (0 for exact ones).
    pub(crate) fn rounded(unit: f64) -> Self {
        Self { lines: Vec::new(), tolerance: unit / 2.0, hold: true }
    }

    pub(crate) fn at_least(&mut self, n: &str, figure: &str, reference: f64, here: f64) {
        self.push(n, figure, reference, here, here >= reference - self.tolerance);
    }

    pub(crate) fn at_most(&mut self, n: &str, figure: &str, reference: f64, here: f64) {
        self.push(n, figure, reference, here, here <= reference + self.tolerance);
    }

    fn push(&mut self, n: &str, figure: &str, reference: f64, here: f64, good: bool) {
        self.hold &= good;
        self.lines.push(format!("{n:<9} {figure:<25} {reference:>9.3} {here:>7.4}{}", if good { "" } else { "  WORSE" }));
    }

    pub(crate) fn print(&self) {
        println!("\n{:<9} {:<25} {:>9} {:>7}", "n", "figure", "reference", "here");
        self.lines.iter().for_each(|line| println!("{line}"));
    }
}
