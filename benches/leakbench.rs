//! How often the growth rule names the right culprit, and how often it cries wolf.
//!
//! `cargo bench --bench leakbench` runs the rule, and simpler rules beside it, over the labelled series of
//! `fixtures/series` and prints one table; `-- --test` is a quick smoke run over a few series; `-- --show PROGRAM.VARIANT`
//! prints the findings of every window of one series. A full run fails if a figure is worse than the reference: what the rule
//! reached on these series when it was designed.
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

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its table and stops at the first broken fixture")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::ExitCode;

use heapdiff::growth::{GroupSeries, Judgement, Rule};
use heapdiff::report::TrendVerdict;
use serde::Deserialize;

/// Lengths of the windows.
const LENGTHS: [usize; 4] = [3, 5, 7, 10];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--show") {
        let wanted = arguments.get(at + 1).map_or("", String::as_str);
        labelled(1).iter().filter(|series| series.name.starts_with(wanted)).for_each(show);
        return ExitCode::SUCCESS;
    }
    // `cargo bench` passes `--bench`, `cargo test --benches` does not: a smoke run, as with `--test`.
    let quick = arguments.iter().any(|argument| argument == "--test") || !arguments.iter().any(|argument| argument == "--bench");
    let table = Table::of(&labelled(if quick { 11 } else { 1 }));
    table.print();
    if quick || table.holds_reference() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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

/// The rules compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RuleName {
    StrictSize,
    StrictCount,
    MannKendall,
    Seed,
    Leak,
    LeakOrSuspect,
}

impl RuleName {
    const ALL: [Self; 6] = [Self::StrictSize, Self::StrictCount, Self::MannKendall, Self::Seed, Self::Leak, Self::LeakOrSuspect];

    fn text(self) -> &'static str {
        match self {
            Self::StrictSize => "size rises in every step, by class",
            Self::StrictCount => "count rises in every step, by class",
            Self::MannKendall => "Mann-Kendall and gate, by class",
            Self::Seed => "groups alone, by class, leak",
            Self::Leak => "heapdiff, leak",
            Self::LeakOrSuspect => "heapdiff, leak and suspect",
        }
    }
}

/// Rows of one rule in one window: whether each is a labelled leak, and whether it is labelled at all.
type Rows = Vec<(bool, bool)>;

fn rows(series: &Columns, rule: &Rule, start: usize, n: usize) -> Vec<(RuleName, Rows)> {
    let window = |values: &[u64]| -> Vec<u64> { values[start..start + n].to_vec() };
    let mut all = Vec::new();
    let judgement = judge(&series.groups, rule, start, n);
    let finding_rows = |worst: TrendVerdict| -> Rows {
        let findings = judgement.findings.iter().filter(|finding| finding.verdict <= worst && !finding.runtime);
        let labels = findings.map(|finding| series.groups[finding.headline].label());
        labels.map(|label| (series.leak.contains(&label), series.leak.contains(&label) || series.also.contains(&label))).collect()
    };
    all.push((RuleName::Leak, finding_rows(TrendVerdict::Leak)));
    all.push((RuleName::LeakOrSuspect, finding_rows(TrendVerdict::Suspect)));

    let (leak, also) = (series.labelled_classes(&series.leak), series.labelled_classes(&series.also));
    let mut by_class: BTreeMap<RuleName, Vec<(f64, &str)>> = RuleName::ALL.into_iter().map(|name| (name, Vec::new())).collect();
    for class in &series.classes {
        let (count, size) = (window(&class.count), window(&class.self_size));
        let strict = |values: &[u64]| values.windows(2).all(|pair| pair[1] > pair[0]);
        #[expect(clippy::cast_precision_loss, reason = "only orders rows")]
        let growth = size[n - 1] as f64 - size[0] as f64;
        let measures = rule.measure(&count, &size);
        let mut median = size.clone();
        median.sort_unstable();
        let gate = measures.growth >= 65_536 && 100 * measures.growth.unsigned_abs() >= median[n / 2];
        let tests = [
            (RuleName::StrictSize, strict(&size), growth),
            (RuleName::StrictCount, strict(&count), growth),
            (RuleName::MannKendall, gate && measures.p <= 0.01, measures.score),
            (RuleName::Seed, rule.is_leak_alone(&count, &size), measures.score),
        ];
        for (name, passes, order) in tests {
            if passes {
                by_class.get_mut(&name).unwrap().push((order, &class.name));
            }
        }
    }
    for (name, mut classes) in by_class {
        if !matches!(name, RuleName::Leak | RuleName::LeakOrSuspect) {
            classes.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
            let rows = classes.iter().map(|&(_, class)| (leak.contains(class), leak.contains(class) || also.contains(class)));
            all.push((name, rows.collect()));
        }
    }
    all
}

fn judge(columns: &[Column], rule: &Rule, start: usize, n: usize) -> Judgement {
    let groups: Vec<GroupSeries<'_>> = columns
        .iter()
        .map(|group| GroupSeries {
            kind: &group.kind,
            name: &group.name,
            count: &group.count[start..start + n],
            self_size: &group.self_size[start..start + n],
        })
        .collect();
    rule.judge(&groups)
}

/// Sums from which the figures are taken.
#[derive(Default, Clone, Copy)]
struct Tally {
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
    fn add(&mut self, leaks: bool, rows: &Rows) {
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

    fn plus(self, other: Self) -> Self {
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
}

fn share(part: u32, whole: u32) -> f64 {
    f64::from(part) / f64::from(whole.max(1))
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

    fn print(&self) {
        println!(
            "{:>2}  {:<36} {:>11} {:>10} {:>5} {:>6} {:>9} {:>11} {:>8} {:>6}",
            "n", "rule", "first right", "in first 3", "rows", "alarm", "precision", "wrong first", "leaking", "clean"
        );
        for ((n, name), t) in &self.0 {
            println!(
                "{n:>2}  {:<36} {:>11.3} {:>10.3} {:>5.2} {:>6.3} {:>9.3} {:>11.3} {:>8} {:>6}",
                name.text(),
                share(t.first_right, t.leaking),
                share(t.in_first_three, t.leaking),
                share(t.rows, t.leaking),
                share(t.alarms, t.clean),
                share(t.rows_right, t.rows),
                share(t.wrong_first, t.leaking),
                t.leaking,
                t.clean
            );
        }
    }

    /// Prints the figures a change must not fall below beside those reached; whether they are.
    fn holds_reference(&self) -> bool {
        let get = |n: usize, name: RuleName| self.0.get(&(n, name)).copied().unwrap_or_default();
        let mut holds = true;
        println!("\n{:<9} {:<25} {:>9} {:>6}", "n", "figure", "reference", "here");
        for (label, lengths, reference) in
            [("7 and 10", &[7, 10][..], [0.64, 0.84, 0.0, 0.05]), ("10", &[10][..], [0.71, 0.88, 0.0, 0.02])]
        {
            let sum = |name| lengths.iter().fold(Tally::default(), |sum, &n| sum.plus(get(n, name)));
            let (leak, both) = (sum(RuleName::Leak), sum(RuleName::LeakOrSuspect));
            let here = [
                ("first right, leak", share(leak.first_right, leak.leaking), true),
                ("first right, with suspect", share(both.first_right, both.leaking), true),
                ("wrong first, leak", share(leak.wrong_first, leak.leaking), false),
                ("alarm, leak", share(leak.alarms, leak.clean), false),
            ];
            for ((figure, here, more_is_better), reference) in here.into_iter().zip(reference) {
                // The reference has two decimals.
                let rounded = (here * 100.0).round() / 100.0;
                let good = if more_is_better { rounded >= reference } else { rounded <= reference };
                holds &= good;
                println!("{label:<9} {figure:<25} {reference:>9.2} {here:>6.3}{}", if good { "" } else { "  WORSE" });
            }
        }
        holds
    }
}

/// Prints the findings of every window of a series.
fn show(series: &Columns) {
    println!("{} leak {:?} also {:?}", series.name, series.leak, series.also);
    for n in LENGTHS {
        let rule = Rule::new(n);
        for start in series.windows(n) {
            println!("n = {n} from {start}{}", if series.leaks(start, n) { ", leaks" } else { "" });
            for finding in judge(&series.groups, &rule, start, n).findings {
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
