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
//! The programs are of two sets: those the rule was designed on, which the references are for, and those written later. Half of
//! each, by the program's number, is for tuning; nothing in the rule may be chosen by the held-out half.
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

/// The sets of programs.
const SETS: [(Set, &str, &str); 2] = [
    (Set::Designed, "labelled.ndjson.zst", "26 programs the rule was designed on"),
    (Set::Later, "programs.ndjson.zst", "22 programs written later"),
];

/// Runs part (a) and prints it; whether no figure is worse than the reference. A quick run takes a few series and asks that of none.
pub(crate) fn run(quick: bool) -> bool {
    let measured: Vec<Measured> = labelled(if quick { 11 } else { 1 }).iter().map(Measured::of).collect();
    for (set, _, title) in SETS {
        println!("\nLabelled series: {title}");
        tally::print(&sum(measured.iter().filter(|series| series.set == set)));
    }
    for (set, _, title) in SETS {
        for (held_out, half) in [(false, "the half for tuning"), (true, "the half held out")] {
            println!("\nLabelled series: {title}, {half}");
            let mut half = sum(measured.iter().filter(|series| series.set == set && series.held_out == held_out));
            half.retain(|(_, name), _| matches!(name, RuleName::Leak | RuleName::LeakOrSuspect));
            tally::print(&half);
        }
    }
    quick || holds_reference(&sum(measured.iter().filter(|series| series.set == Set::Designed)))
}

/// Prints the findings of every window of the series whose names begin like this.
pub(crate) fn show_all(wanted: &str) {
    labelled(1).iter().filter(|series| series.name.starts_with(wanted)).for_each(show);
}

/// Which programs a series belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    Designed,
    Later,
}

/// Whether nothing may be tuned on a program: every other one, by the number in its name, which is odd.
fn is_held_out(program: &str) -> bool {
    let number: String = program.chars().skip(1).take_while(char::is_ascii_digit).collect();
    number.parse::<u32>().unwrap() % 4 == 3
}

/// One line of the fixture.
#[derive(Deserialize)]
struct Series {
    program: String,
    variant: String,
    runtime: String,
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
    set: Set,
    python: bool,
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
    fn of(series: &Series, set: Set) -> Self {
        let python = series.runtime.starts_with("python");
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
                let class = class_of(python, kind, name);
                let group = groups.entry((kind, name)).or_insert_with(|| empty(kind, name));
                group.count[at] += count;
                group.self_size[at] += self_size;
                let row = classes.entry(class.clone()).or_insert_with(|| empty("object", &class));
                row.count[at] += count;
                row.self_size[at] += self_size;
            }
        }
        Self {
            set,
            python,
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
        labels.iter().filter_map(|label| label.split_once(':')).map(|(kind, name)| class_of(self.python, kind, name)).collect()
    }
}

impl Column {
    fn label(&self) -> String {
        format!("{}:{}", self.kind, self.name)
    }
}

/// The row of DevTools' class list a group counts in; in Python, a group is a class.
fn class_of(python: bool, kind: &str, name: &str) -> String {
    match kind {
        _ if python => name.to_owned(),
        "object" | "native" => name.to_owned(),
        "string" | "concatenated string" | "sliced string" => "(string)".to_owned(),
        "number" | "heap number" => "(number)".to_owned(),
        "code" => "(compiled code)".to_owned(),
        "hidden" | "synthetic" => "(system)".to_owned(),
        other => format!("({other})"),
    }
}

/// Every `every`-th labelled series of each set, in the order of the fixtures.
fn labelled(every: usize) -> Vec<Columns> {
    let mut all = Vec::new();
    for (set, file, _) in SETS {
        let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/series")).join(file);
        let mut decoder = zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap();
        decoder.window_log_max(31).unwrap();
        let lines = BufReader::new(decoder).lines().step_by(every);
        all.extend(lines.map(|line| Columns::of(&serde_json::from_str(&line.unwrap()).unwrap(), set)));
    }
    all
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
type Tallies = BTreeMap<(usize, RuleName), Tally>;

/// What the rules made of one series.
struct Measured {
    set: Set,
    held_out: bool,
    tallies: Tallies,
}

impl Measured {
    fn of(series: &Columns) -> Self {
        let mut tallies = Tallies::new();
        for n in LENGTHS {
            let rule = Rule::new(n);
            for start in series.windows(n) {
                let leaks = series.leaks(start, n);
                if series.leak.is_empty() || leaks {
                    for (name, rows) in rows(series, &rule, start, n) {
                        tallies.entry((n, name)).or_default().add(leaks, &rows);
                    }
                }
            }
        }
        Self { set: series.set, held_out: is_held_out(&series.name), tallies }
    }
}

fn sum<'a>(all: impl Iterator<Item = &'a Measured>) -> Tallies {
    let mut sums = Tallies::new();
    for (&key, tally) in all.flat_map(|measured| &measured.tallies) {
        let sum = sums.entry(key).or_default();
        *sum = sum.plus(*tally);
    }
    sums
}

/// Prints the figures a change must not fall below beside those reached; whether they are.
fn holds_reference(tallies: &Tallies) -> bool {
    let get = |n: usize, name: RuleName| tallies.get(&(n, name)).copied().unwrap_or_default();
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
