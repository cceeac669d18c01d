//! From a series to a report: rows, their order, what is shown, and in `trend` what keeps growing.

use std::collections::BTreeSet;

use regex::Regex;

use crate::allocation::allocated_at;
use crate::grouping::{Level, Row, Sums, id, main_kind, printable, rows, stacks_by_key};
use crate::input::TimeRange;
use crate::report::{
    Allocated, Change, Command, Finding, Group, Grouping, Input, Moved, Order, Parent, Report, SCHEMA, SCHEMA_VERSION, Shown,
    Statistics, Strings, Tool, TrendVerdict, Warning,
};
use crate::series::Series;
use crate::snapshot::{OUTSIDE, Runtime};
use crate::stacks::{Frame, NOT_TRACKED};
use crate::text::safe_name;
use crate::trend::{RowTrend, Trends};

/// What a report is to show.
#[derive(Debug, Clone)]
pub struct Options {
    /// The command.
    pub command: Command,
    /// Levels of grouping, outermost first; none for what says most about the inputs.
    pub by: Vec<Level>,
    /// Rows shown at each level; 0 for all. Stable rows of `trend` are among them only if rows are sorted or picked by hand.
    pub limit: usize,
    /// What rows are ordered by; None for the command's own order.
    pub sort: Option<Sort>,
    /// Only rows one of whose names matches.
    pub focus: Option<Regex>,
    /// No rows one of whose names matches.
    pub ignore: Option<Regex>,
    /// Only objects of these node types.
    pub kinds: Vec<String>,
    /// Which sizes count.
    pub sizes: Sizes,
    /// Retained sizes of rows.
    pub retained: bool,
    /// The range of the recording whose objects were read, if not all were.
    pub allocated_between: Option<TimeRange>,
}

impl Options {
    /// All rows by class, as a command shows them.
    #[must_use]
    pub fn new(command: Command) -> Self {
        Self {
            command,
            by: vec![Level::Class],
            limit: 0,
            sort: None,
            focus: None,
            ignore: None,
            kinds: Vec::new(),
            sizes: Sizes::Recorded,
            retained: false,
            allocated_between: None,
        }
    }
}

/// Which sizes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sizes {
    /// Those that the runtime recorded.
    #[default]
    Recorded,
    /// Those of Chrome DevTools, where a backing store counts to the object that it belongs to.
    Owned,
}

impl Sizes {
    /// Every choice, with the name `--sizes` knows it under.
    pub const ALL: [(Self, &'static str); 2] = [(Self::Recorded, "self"), (Self::Owned, "owned")];

    /// Its name.
    #[must_use]
    pub fn label(self) -> &'static str {
        if self == Self::Owned { "owned" } else { "self" }
    }
}

/// What rows can be ordered by, largest first except for the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Self size in the last input.
    Size,
    /// Count in the last input.
    Count,
    /// Change of the self size, growth first.
    SizeDelta,
    /// Change of the count, growth first.
    CountDelta,
    /// Bytes added.
    Added,
    /// Retained size in the last input.
    Retained,
    /// The raw key.
    Name,
}

impl Options {
    /// Whether a row with these raw names, outermost first, is asked for.
    #[must_use]
    pub fn matches(&self, key: &[String]) -> bool {
        let any = |pattern: &Regex| key.iter().any(|name| pattern.is_match(name) || pattern.is_match(&printable(name)));
        self.focus.as_ref().is_none_or(any) && !self.ignore.as_ref().is_some_and(any)
    }

    /// Whether a command follows groups over the inputs. One snapshot has no steps to judge.
    fn follows_growth(&self, series: &Series) -> bool {
        self.command == Command::Trend || self.command == Command::Check && series.inputs.len() > 1
    }
}

impl Sort {
    /// Every criterion, with the name `--sort` knows it under.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Size, "size"),
        (Self::Count, "count"),
        (Self::SizeDelta, "delta"),
        (Self::CountDelta, "count-delta"),
        (Self::Added, "added"),
        (Self::Retained, "retained"),
        (Self::Name, "name"),
    ];
}

/// The rows of a report, and which of them it shows.
struct Table<'s> {
    series: &'s Series,
    options: &'s Options,
    trends: Option<Trends>,
    groups: Vec<Group>,
    parents: Vec<Parent>,
    /// Number of innermost rows there are.
    of: usize,
}

/// Builds the report of a series.
#[must_use]
pub fn report(series: &Series, options: &Options) -> Report {
    rows_and_findings(series, options, options.follows_growth(series).then(|| Trends::of(series)))
}

/// Builds the report of a series whose growth has been judged.
#[must_use]
pub fn report_with(series: &Series, options: &Options, trends: Trends) -> Report {
    rows_and_findings(series, options, Some(trends).filter(|_| options.follows_growth(series)))
}

fn rows_and_findings(series: &Series, options: &Options, trends: Option<Trends>) -> Report {
    let by = if options.by.is_empty() { vec![Level::default_of(series.runtime)] } else { options.by.clone() };
    let options = &Options { by, ..options.clone() };
    let every: Vec<usize> = (0..series.groups.len()).collect();
    let mut table = Table { series, options, trends, groups: Vec::new(), parents: Vec::new(), of: 0 };
    let wanted: Vec<usize> = every
        .iter()
        .copied()
        .filter(|&group| options.allocated_between.is_none() || series.groups[group].kind != OUTSIDE)
        .filter(|&group| options.kinds.is_empty() || options.kinds.contains(&series.groups[group].kind))
        .collect();
    let findings = table.findings(&every);
    // What was allocated is known by stack, not by type or time.
    let every_object = options.kinds.is_empty() && options.allocated_between.is_none();
    let stacks: Option<Vec<u32>> = every_object.then(|| (1..).take(series.stacks.len() - 1).collect());
    let shown = table.level(0, (&wanted, stacks.as_deref()), &[]);
    let totals = Sums::of(series, &every);
    let rest = totals.minus(&shown).totals(series);
    Report {
        schema: SCHEMA,
        schema_version: SCHEMA_VERSION,
        tool: Tool::THIS,
        command: options.command,
        grouping: Grouping {
            by: options.by.iter().map(|level| level.label().to_owned()).collect(),
            sizes: options.sizes.label(),
            allocated_between: options.allocated_between.map(|range| [range.from_us, range.to_us]),
        },
        inputs: inputs(series),
        totals: totals.totals(series),
        statistics: statistics(series, options),
        strings: strings(series),
        shown: Shown { groups: table.groups.len(), of: table.of, rest },
        groups: table.groups,
        parents: table.parents,
        findings,
        other_causes: Vec::new(),
        alive: None,
        verdict: None,
        warnings: warnings(series).into_iter().chain(without_stacks(series, &options.by)).collect(),
    }
}

impl Table<'_> {
    /// Adds the rows of one level and those within them; returns the sums of the innermost rows shown.
    ///
    /// `stacks` are those of the rows, where they go by nothing else.
    fn level(&mut self, depth: usize, (groups, stacks): (&[usize], Option<&[u32]>), prefix: &[String]) -> Sums {
        let level = self.options.by[depth];
        let innermost = depth + 1 == self.options.by.len();
        let mut rows = rows(self.series, groups, level, prefix);
        let mut trends: Vec<Option<RowTrend>> = rows
            .iter()
            .map(|row| self.trends.as_ref().map(|trends| trends.row(self.series, &self.options.by[..=depth], row)))
            .collect();
        let ranks = rank(self.series, &rows, &trends);
        for (trend, rank) in trends.iter_mut().zip(&ranks) {
            if let Some(trend) = trend {
                trend.rank = *rank;
            }
        }
        let mut order: Vec<usize> = (0..rows.len()).filter(|&row| !innermost || self.options.matches(&rows[row].key)).collect();
        if innermost {
            self.of += rows.len();
        }
        order.sort_by(|&a, &b| self.compare((&rows[a], ranks[a]), (&rows[b], ranks[b])));
        if !innermost {
            order.retain(|&row| self.any_matches(depth + 1, &rows[row]));
        }
        if self.options.limit > 0 {
            if self.options.sort.is_none() && self.options.focus.is_none() {
                let stable = |trend: &Option<RowTrend>| trend.as_ref().is_some_and(|t| t.verdict == TrendVerdict::Stable);
                order.retain(|&row| !stable(&trends[row]));
            }
            order.truncate(self.options.limit);
        }
        let by_stack = level.goes_by_stack(self.series.runtime);
        let stacks = stacks.filter(|_| by_stack).map(|stacks| match level {
            // Most stacks have no row, and their keys would be long.
            Level::Stack => {
                let shown = order.iter().map(|&row| &rows[row]);
                shown.filter_map(|row| Some((row.key.last()?.clone(), self.stacks_of(row)))).collect()
            }
            _ => stacks_by_key(self.series, stacks, level),
        });
        let mut sums = Sums::of(self.series, &[]);
        for row in order {
            let taken = Row { key: Vec::new(), members: Vec::new(), sums: Sums::default() };
            let (row, trend) = (std::mem::replace(&mut rows[row], taken), trends[row].take());
            let stacks = stacks.as_ref().zip(row.key.last()).and_then(|(stacks, key)| stacks.get(key)).map(Vec::as_slice);
            let allocated = stacks.and_then(|stacks| self.allocated(stacks));
            let group = Group { allocated, ..self.group(&self.options.by[..=depth], &row, trend) };
            if innermost {
                sums.add(&row.sums);
                self.groups.push(group);
            } else {
                let place = self.parents.len();
                let (shown_before, of_before) = (self.groups.len(), self.of);
                self.parents.push(Parent { group, shown: Shown::default() });
                let shown = self.level(depth + 1, (&row.members, stacks), &row.key);
                self.parents[place].shown = Shown {
                    groups: self.groups.len() - shown_before,
                    of: self.of - of_before,
                    rest: row.sums.minus(&shown).totals(self.series),
                };
                sums.add(&shown);
            }
        }
        sums
    }

    /// Whether a row within a row matches.
    fn any_matches(&self, depth: usize, row: &Row) -> bool {
        if self.options.focus.is_none() && self.options.ignore.is_none() {
            return true;
        }
        rows(self.series, &row.members, self.options.by[depth], &row.key).iter().any(|row| {
            if depth + 1 == self.options.by.len() { self.options.matches(&row.key) } else { self.any_matches(depth + 1, row) }
        })
    }

    /// The order of rows: as asked for, or by change (`diff`), rank (where growth is followed) or size; then by key.
    fn compare(&self, (a, rank_a): (&Row, usize), (b, rank_b): (&Row, usize)) -> std::cmp::Ordering {
        let last = |values: &[u64]| values.last().copied().unwrap_or(0);
        let by_key = || a.key.cmp(&b.key);
        let by_size =
            || last(&b.sums.self_size).cmp(&last(&a.sums.self_size)).then_with(|| last(&b.sums.count).cmp(&last(&a.sums.count)));
        let order = match (self.options.sort, self.options.command) {
            (Some(Sort::Size), _) => by_size(),
            (Some(Sort::Count), _) => last(&b.sums.count).cmp(&last(&a.sums.count)),
            (Some(Sort::SizeDelta), _) => b.sums.size_delta().cmp(&a.sums.size_delta()),
            (Some(Sort::CountDelta), _) => b.sums.count_delta().cmp(&a.sums.count_delta()),
            (Some(Sort::Added), _) => b.sums.added.size.cmp(&a.sums.added.size).then(b.sums.added.count.cmp(&a.sums.added.count)),
            (Some(Sort::Retained), _) => {
                let retained = |row: &Row| self.retained(&row.key).and_then(|sizes| sizes.last().copied());
                retained(b).cmp(&retained(a))
            }
            (Some(Sort::Name), _) => std::cmp::Ordering::Equal,
            (None, Command::Diff) => {
                let change = |sums: &Sums| (sums.size_delta().unsigned_abs(), sums.count_delta().unsigned_abs());
                change(&b.sums).cmp(&change(&a.sums))
            }
            (None, _) if self.trends.is_some() => rank_a.cmp(&rank_b),
            (None, _) => by_size(),
        };
        order.then_with(by_key)
    }

    fn group(&self, levels: &[Level], row: &Row, trend: Option<RowTrend>) -> Group {
        let breakdown = match (&self.trends, &trend) {
            (Some(trends), Some(trend)) if self.options.by == [Level::Class] => {
                trends.breakdown(self.series, row, trend, |row, trend| self.group(&[Level::Class, Level::Name], row, Some(trend)))
            }
            _ => None,
        };
        let grows = match &trend {
            Some(trend) => matches!(trend.verdict, TrendVerdict::Leak | TrendVerdict::Suspect),
            None => self.options.command == Command::Diff && row.sums.growth(self.series) > 0,
        };
        let allocated_at = grows.then(|| allocated_at(self.series, &[], &row.members, false)).flatten();
        Group {
            id: id(levels, &row.key),
            key: row.key.iter().map(|name| printable(name)).collect(),
            name: row.key.last().map_or_else(String::new, |name| printable(name)),
            kind: main_kind(self.series, &row.members),
            count: row.sums.count.clone(),
            self_size: row.sums.sizes(self.series),
            retained_size: self.retained(&row.key),
            change: row.sums.change(self.series),
            trend: trend.map(|trend| trend.report(self.series.inputs.len())),
            breakdown,
            frames: self.frames(levels, &row.members),
            allocated: None,
            allocated_at,
        }
    }

    /// What a row's objects retain, per input, if that was computed.
    fn retained(&self, key: &[String]) -> Option<Vec<u64>> {
        let of_input = |input: &crate::series::Input| Some(input.snapshot.heap.as_ref()?.retained.as_ref()?.of(key));
        self.options.retained.then(|| self.series.inputs.iter().map(of_input).collect()).flatten()
    }

    /// The stacks of a row, other than none.
    fn stacks_of(&self, row: &Row) -> Vec<u32> {
        let stacks: BTreeSet<u32> = row.members.iter().map(|&group| self.series.groups[group].stack).collect();
        stacks.into_iter().filter(|&stack| stack != NOT_TRACKED).collect()
    }

    /// What stacks allocated, if an input says.
    fn allocated(&self, stacks: &[u32]) -> Option<Allocated> {
        if stacks.is_empty() {
            return None;
        }
        let (mut sums, mut known) = (Allocated::default(), false);
        for input in &self.series.inputs {
            let by_stack = &input.snapshot.allocated;
            let mut sum = Moved::default();
            stacks.iter().filter_map(|&stack| by_stack.get(stack as usize)).for_each(|&moved| sum.add(moved));
            let says = !by_stack.is_empty();
            known |= says;
            sums.count.push(says.then_some(sum.count));
            sums.size.push(says.then_some(sum.size));
        }
        known.then_some(sums)
    }

    /// The frames of the innermost level that shows any.
    fn frames(&self, levels: &[Level], members: &[usize]) -> Option<Vec<Frame>> {
        let level = levels.iter().rev().find(|level| matches!(level, Level::Stack | Level::Site | Level::Function))?;
        let stack = self.series.groups[*members.first()?].stack;
        Some(level.frames(&self.series.stacks, stack).map(Frame::safe).collect())
    }

    /// The findings, with the ids of the rows their members count in.
    fn findings(&self, every: &[usize]) -> Vec<Finding> {
        let Some(trends) = &self.trends else { return Vec::new() };
        // Where a judged group falls into several rows, the class stands for them.
        let usual = [Level::default_of(self.series.runtime)];
        let whole = self.options.by.iter().all(|level| level.keeps_judged_groups_whole(self.series.runtime));
        let levels = if whole { &self.options.by[..] } else { &usual };
        let mut row_of = vec![String::new(); self.series.groups.len()];
        self.row_ids(levels, every, &[], &mut row_of);
        trends.findings(self.series, &row_of)
    }

    /// The id of the innermost row of some levels that each group counts in.
    fn row_ids(&self, levels: &[Level], groups: &[usize], prefix: &[String], row_of: &mut [String]) {
        let depth = prefix.len();
        for row in rows(self.series, groups, levels[depth], prefix) {
            if depth + 1 < levels.len() {
                self.row_ids(levels, &row.members, &row.key, row_of);
                continue;
            }
            let id = id(levels, &row.key);
            for &group in &row.members {
                row_of[group].clone_from(&id);
            }
        }
    }
}

/// Ranks of rows, from 1: rows of a finding together, the headline's row first, then by change of size; then the others by
/// verdict, score and key.
fn rank(series: &Series, rows: &[Row], trends: &[Option<RowTrend>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|&a, &b| match (&trends[a], &trends[b]) {
        (Some(left), Some(right)) => {
            let finding = |trend: &RowTrend| trend.finding.unwrap_or(usize::MAX);
            finding(left).cmp(&finding(right)).then_with(|| {
                let within =
                    || right.headline.cmp(&left.headline).then(rows[b].sums.growth(series).cmp(&rows[a].sums.growth(series)));
                let alone = || left.verdict.cmp(&right.verdict).then(right.measures.score.total_cmp(&left.measures.score));
                let order = if left.finding.is_some() { within() } else { alone() };
                order.then_with(|| rows[a].key.cmp(&rows[b].key))
            })
        }
        _ => std::cmp::Ordering::Equal,
    });
    let mut ranks = vec![0; rows.len()];
    for (rank, row) in (1..).zip(order) {
        ranks[row] = rank;
    }
    ranks
}

/// Bytes of the one snapshot of `top` by what they are for, if its references were read.
fn statistics(series: &Series, options: &Options) -> Option<Statistics> {
    let [input] = series.inputs.as_slice() else { return None };
    let sums = input.snapshot.heap.as_ref().filter(|_| options.command == Command::Top)?.statistics.as_ref()?;
    Some(sums.into())
}

/// Strings of equal text, if they were looked for.
fn strings(series: &Series) -> Option<Strings> {
    let [input] = series.inputs.as_slice() else { return None };
    input.snapshot.heap.as_ref()?.strings.as_ref().map(Strings::from)
}

fn inputs(series: &Series) -> Vec<Input> {
    let input = |(index, input): (usize, &crate::series::Input)| Input {
        index,
        path: safe_name(&input.path).into_owned(),
        format: input.snapshot.format,
        file_bytes: input.snapshot.file_bytes,
        complete: input.snapshot.complete,
        nodes: input.snapshot.nodes,
        edges: input.snapshot.edges,
        self_size: input.snapshot.self_size,
        extra_native_bytes: input.snapshot.extra_native_bytes,
        process: input.process,
        order: Order { by: series.order_by, key: input.snapshot.order_key },
        warnings: input.snapshot.warnings.iter().map(|warning| Warning { input: Some(index), ..warning.clone() }).collect(),
    };
    series.inputs.iter().enumerate().map(input).collect()
}

fn warnings(series: &Series) -> Vec<Warning> {
    let safe = |warning: &Warning| Warning { message: safe_name(&warning.message).into_owned(), ..warning.clone() };
    series.warnings.iter().map(safe).collect()
}

/// Warnings of inputs that do not tell where objects were allocated, if rows go by that.
fn without_stacks(series: &Series, by: &[Level]) -> Vec<Warning> {
    let without: Vec<usize> = (0..series.inputs.len()).filter(|&input| !series.inputs[input].has_stacks).collect();
    if without.is_empty() || !by.iter().any(|level| level.goes_by_stack(series.runtime)) {
        return Vec::new();
    }
    let is_summary = |input: usize| series.inputs[input].snapshot.format == crate::input::summary::NAME;
    let how = match series.runtime {
        _ if without.iter().all(|&input| is_summary(input)) => "a summary holds none: use the snapshot itself",
        Runtime::V8 => {
            "start the process with allocation tracking on (HeapProfiler.startTrackingHeapObjects with trackAllocations in a \
             node:inspector session; \"Allocations on timeline\" with stack traces in DevTools) to record them"
        }
        Runtime::Python => "start the process with tracemalloc or memray, or dump objects with a trace, to record them",
        Runtime::Ruby => "start the process with ObjectSpace.trace_object_allocations_start to record them",
        Runtime::Java | Runtime::Untyped => "use a format that has them",
    };
    let warning = |which: &str, input| Warning {
        code: "no-stacks".to_owned(),
        message: format!("allocation stacks: none in {which}; {how}"),
        input,
    };
    match (without.len() == series.inputs.len(), without.len()) {
        (true, 1) => vec![warning("this snapshot", None)],
        (true, _) => vec![warning("these snapshots", None)],
        _ => without.into_iter().map(|input| warning(&safe_name(&series.inputs[input].path), Some(input))).collect(),
    }
}

/// A report that says that files are whole.
#[must_use]
pub fn verified(series: &Series) -> Report {
    without_rows(series, Command::Verify)
}

/// A report about inputs, not about groups.
#[must_use]
pub fn without_rows(series: &Series, command: Command) -> Report {
    let every: Vec<usize> = (0..series.groups.len()).collect();
    let mut totals = Sums::of(series, &every).totals(series);
    totals.change = Change::default();
    Report {
        schema: SCHEMA,
        schema_version: SCHEMA_VERSION,
        tool: Tool::THIS,
        command,
        grouping: Grouping { by: Vec::new(), sizes: "self", allocated_between: None },
        inputs: inputs(series),
        shown: Shown { groups: 0, of: 0, rest: totals.clone() },
        totals,
        statistics: None,
        strings: None,
        groups: Vec::new(),
        parents: Vec::new(),
        findings: Vec::new(),
        other_causes: Vec::new(),
        alive: None,
        verdict: None,
        warnings: warnings(series),
    }
}
