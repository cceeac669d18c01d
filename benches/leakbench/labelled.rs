//! Part (a): labelled series of real programs.
//!
//! A *window* is a run of 3, 5, 7 or 10 consecutive snapshots at the start, in the middle or at the end of a series. A window
//! of a leaking program *leaks* if a group labelled `leak` rises, in number or size, in at least half of its steps; windows in
//! which it does not are left out. All windows of programs that do not leak are *clean*. Every window weighs the same.
//!
//! | figure | meaning |
//! |---|---|
//! | first right | share of leaking windows whose first row is labelled `leak` |
//! | in first 3 | share of leaking windows with such a row among the first three |
//! | rows | mean number of rows of a leaking window |
//! | alarm | share of clean windows with at least one row |
//! | precision | share of the rows of leaking windows that are labelled `leak` or `also` |
//! | wrong first | share of leaking windows that have rows, the first labelled neither `leak` nor `also` |
//!
//! A row of heapdiff's rule is a finding that is not of the engine itself; it is right by its headline, a (kind, name) group.
//! A row of a rule by class is a class; it is right if it is the class of a labelled group.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};

use heapdiff::growth::{GroupSeries, Rule};
use serde::Deserialize;

use crate::rules::RuleName;
use crate::tally::{self, Checks, Tally};

/// Lengths of the windows.
const LENGTHS: [usize; 4] = [3, 5, 7, 10];

/// Runs part (a) and prints it; whether no figure is worse than the reference. A quick run takes a few series and asks that of none.
pub(crate) fn run(quick: bool) -> bool {
    let table = Table::of(&labelled(if quick { 11 } else { 1 }));
    tally::print(&table.0);
    quick || table.holds_reference()
}

/// Prints the findings of every window of the series whose names begin like this.
pub(crate) fn show_all(wanted: &str) {
    labelled(1).iter().filter(|series| series.name.starts_with(wanted)).for_each(show);
}

/// One line of the fixture.
#[derive(Deserialize)]
struct Series {
    program: String,
    variant: String,
    labels: Labels,
    snapshots: Vec<Snapshot>,
}

#[derive(Deserialize)]
struct Labels {
    #[serde(default)]
    leak: BTreeSet<String>,
    #[serde(default)]
    also: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Snapshot {
    groups: Vec<(String, String, u64, u64)>,
}

/// A series as columns: one entry per group, sorted by kind and name.
struct Columns {
    name: String,
    leak: BTreeSet<String>,
    also: BTreeSet<String>,
    snapshots: usize,
    groups: Vec<Column>,
    classes: Vec<Column>,
}

/// Counts and sizes of one group or class.
struct Column {
    kind: String,
    name: String,
    count: Vec<u64>,
    self_size: Vec<u64>,
}

impl Columns {
    fn of(series: &Series) -> Self {
        let n = series.snapshots.len();
        let mut groups: BTreeMap<(&str, &str), Column> = BTreeMap::new();
        let mut classes: BTreeMap<String, Column> = BTreeMap::new();
        for (at, snapshot) in series.snapshots.iter().enumerate() {
            for (kind, name, count, self_size) in &snapshot.groups {
                let empty = |kind: &str, name: &str| Column {
                    kind: kind.to_owned(),
                    name: name.to_owned(),
                    count: vec![0; n],
                    self_size: vec![0; n],
                };
                let class = class_of(kind, name);
                let group = groups.entry((kind, name)).or_insert_with(|| empty(kind, name));
                group.count[at] += count;
                group.self_size[at] += self_size;
                let row = classes.entry(class.clone()).or_insert_with(|| empty("object", &class));
                row.count[at] += count;
                row.self_size[at] += self_size;
            }
        }
        Self {
            name: format!("{}.{}", series.program, series.variant),
            leak: series.labels.leak.clone(),
            also: series.labels.also.clone(),
            snapshots: n,
            groups: groups.into_values().collect(),
            classes: classes.into_values().collect(),
        }
    }

    /// First snapshots of the windows of `n` snapshots: at the start, in the middle, at the end.
    fn windows(&self, n: usize) -> BTreeSet<usize> {
        self.snapshots.checked_sub(n).map_or_else(BTreeSet::new, |last| BTreeSet::from([0, last / 2, last]))
    }

    /// Whether a group labelled as the leak rises in at least half of the window's steps.
    fn leaks(&self, start: usize, n: usize) -> bool {
        let rises = |values: &[u64]| 2 * values[start..start + n].windows(2).filter(|pair| pair[1] > pair[0]).count() >= n - 1;
        self.groups.iter().any(|group| self.leak.contains(&group.label()) && (rises(&group.count) || rises(&group.self_size)))
    }

    fn labelled_classes(&self, labels: &BTreeSet<String>) -> BTreeSet<String> {
        labels.iter().filter_map(|label| label.split_once(':')).map(|(kind, name)| class_of(kind, name)).collect()
    }
}

impl Column {
    fn label(&self) -> String {
        format!("{}:{}", self.kind, self.name)
    }
}

/// The row of DevTools' class list a group counts in.
fn class_of(kind: &str, name: &str) -> String {
    match kind {
        "object" | "native" => name.to_owned(),
        "string" | "concatenated string" | "sliced string" => "(string)".to_owned(),
        "number" | "heap number" => "(number)".to_owned(),
        "code" => "(compiled code)".to_owned(),
        "hidden" | "synthetic" => "(system)".to_owned(),
        other => format!("({other})"),
    }
}

/// Every `every`-th labelled series, in the order of the fixture.
fn labelled(every: usize) -> Vec<Columns> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/series/labelled.ndjson.zst");
    let mut decoder = zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap();
    decoder.window_log_max(31).unwrap();
    BufReader::new(decoder)
        .lines()
        .step_by(every)
        .map(|line| Columns::of(&serde_json::from_str(&line.unwrap()).unwrap()))
        .collect()
}

/// The rows that each rule lists for a window.
fn rows(series: &Columns, rule: &Rule, start: usize, n: usize) -> Vec<(RuleName, tally::Rows)> {
    let groups = window(&series.groups, start, n);
    let mut all = tally::finding_rows(&rule.judge(&groups), |headline| {
        let label = series.groups[headline].label();
        (series.leak.contains(&label), series.leak.contains(&label) || series.also.contains(&label))
    });
    let (leak, also) = (series.labelled_classes(&series.leak), series.labelled_classes(&series.also));
    all.extend(tally::class_rows(rule, &window(&series.classes, start, n), |at| {
        let class = &series.classes[at].name;
        (leak.contains(class), leak.contains(class) || also.contains(class))
    }));
    all
}

fn window(columns: &[Column], start: usize, n: usize) -> Vec<GroupSeries<'_>> {
    let series = columns.iter().map(|column| GroupSeries {
        kind: &column.kind,
        name: &column.name,
        count: &column.count[start..start + n],
        self_size: &column.self_size[start..start + n],
    });
    series.collect()
}

/// Tallies by window length and rule.
struct Table(BTreeMap<(usize, RuleName), Tally>);

impl Table {
    fn of(all: &[Columns]) -> Self {
        let mut tallies: BTreeMap<(usize, RuleName), Tally> = BTreeMap::new();
        for n in LENGTHS {
            let rule = Rule::new(n);
            for series in all {
                for start in series.windows(n) {
                    let leaks = series.leaks(start, n);
                    if series.leak.is_empty() || leaks {
                        for (name, rows) in rows(series, &rule, start, n) {
                            tallies.entry((n, name)).or_default().add(leaks, &rows);
                        }
                    }
                }
            }
        }
        Self(tallies)
    }

    /// Prints the figures a change must not fall below beside those reached; whether they are.
    fn holds_reference(&self) -> bool {
        let get = |n: usize, name: RuleName| self.0.get(&(n, name)).copied().unwrap_or_default();
        // The reference has two decimals.
        let mut checks = Checks::rounded(0.01);
        for (label, lengths, [leak_right, right, wrong, alarm]) in
            [("7 and 10", &[7, 10][..], [0.64, 0.84, 0.0, 0.05]), ("10", &[10][..], [0.71, 0.88, 0.0, 0.02])]
        {
            let sum = |name| lengths.iter().fold(Tally::default(), |sum, &n| sum.plus(get(n, name)));
            let (leak, both) = (sum(RuleName::Leak), sum(RuleName::LeakOrSuspect));
            checks.at_least(label, "first right, leak", leak_right, leak.first_right());
            checks.at_least(label, "first right, with suspect", right, both.first_right());
            checks.at_most(label, "wrong first, leak", wrong, leak.wrong_first());
            checks.at_most(label, "alarm, leak", alarm, leak.alarm());
        }
        checks.print();
        checks.hold
    }
}

/// Prints the findings of every window of a series.
fn show(series: &Columns) {
    println!("{} leak {:?} also {:?}", series.name, series.leak, series.also);
    for n in LENGTHS {
        let rule = Rule::new(n);
        for start in series.windows(n) {
            println!("n = {n} from {start}{}", if series.leaks(start, n) { ", leaks" } else { "" });
            for finding in rule.judge(&window(&series.groups, start, n)).findings {
                let headline = &series.groups[finding.headline];
                println!(
                    "  {:?}{} {} count {:?} steps {:?} members {} size {} total {}",
                    finding.verdict,
                    if finding.runtime { " runtime" } else { "" },
                    headline.label(),
                    &headline.count[start..start + n],
                    finding.steps,
                    finding.members.len(),
                    finding.size_growth,
                    finding.size_growth_total
                );
            }
        }
    }
}
