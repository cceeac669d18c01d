//! The columns of each command's table and the text in their cells, shared by the formats that people read.

use super::Style;
use super::rows::{Role, Row, rows};
use crate::report::{Command, Group, Report, Totals, Trend, TrendVerdict};
use crate::text;

/// A column of figures. The column of names, TYPE, is not one of them: it comes last and takes the room that is left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// Its heading.
    pub(super) title: &'static str,
    /// Whether it holds numbers, which end at the right edge.
    pub(super) right: bool,
    /// Columns with a number are left out where there is no room for them, those of the highest number first.
    pub(super) dispensable: Option<u8>,
    cell: fn(&Cell<'_>) -> String,
}

/// What a column makes its text of.
struct Cell<'a> {
    row: &'a Row<'a>,
    report: &'a Report,
    style: &'a Style,
    /// Widest first count and widest last count of the table, so that the arrows between them stand below each other.
    counts: (usize, usize),
}

/// A line of a table.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Text of the columns of figures.
    pub(super) cells: Vec<String>,
    /// What the line stands for.
    pub(super) role: Role,
    /// Levels it is indented by.
    pub(super) depth: usize,
    /// Safe name, uncut.
    pub(super) name: String,
    /// What has to be said about the row, behind the name.
    pub(super) note: &'static str,
    /// How the row develops.
    pub(super) verdict: Option<TrendVerdict>,
}

/// A table before it is laid out.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    /// Columns of figures, left to right.
    pub(super) columns: Vec<Column>,
    /// Heading of the column of names.
    pub(super) title: String,
    /// Lines from the top.
    pub(super) lines: Vec<Line>,
}

/// No figure.
const NONE: &str = "-";
/// Behind a row of the runtime's own objects.
pub(super) const RUNTIME: &str = " *";
/// Behind a row whose count is flat while its size rises.
pub(super) const INFLATES: &str = " ^";

/// The table of a report.
pub(super) fn grid(report: &Report, style: &Style) -> Grid {
    let rows = rows(report);
    let columns = columns(report, &rows);
    let widest = |count: fn(&Totals) -> Option<u64>| {
        rows.iter().filter_map(|row| count(&row.sums)).map(|count| text::count(count).len()).max().unwrap_or(0)
    };
    let counts = (widest(first_count), widest(last_count));
    let lines = rows
        .iter()
        .map(|row| {
            let trend = trend(row);
            Line {
                cells: columns.iter().map(|column| (column.cell)(&Cell { row, report, style, counts })).collect(),
                role: row.role,
                depth: row.depth,
                name: style.safe(&row.label),
                note: trend.map_or("", note),
                verdict: trend.map(|trend| trend.verdict),
            }
        })
        .collect();
    Grid { columns, title: title(report, style), lines }
}

fn title(report: &Report, style: &Style) -> String {
    match report.grouping.by.as_slice() {
        [class] if class == "class" => "TYPE".to_owned(),
        levels => style.safe(&levels.join("/").to_uppercase()),
    }
}

fn columns(report: &Report, rows: &[Row<'_>]) -> Vec<Column> {
    let figures = |title, cell| Column { title, right: true, dispensable: None, cell };
    let extra = |title, rank, cell| Column { title, right: true, dispensable: Some(rank), cell };
    let retained = rows.iter().any(|row| row.group.is_some_and(|group| group.retained_size.is_some()));
    let mut columns = match report.command {
        Command::Check if report.inputs.len() < 2 => {
            vec![figures("SIZE", last_size), figures("COUNT", |cell| count(cell, last_count))]
        }
        Command::Top => {
            vec![figures("SIZE", last_size), extra("SHARE", 1, size_share), figures("COUNT", |cell| count(cell, last_count))]
        }
        Command::Diff => vec![
            extra("SIZE", 1, last_size),
            figures("DELTA", size_delta),
            extra("CHANGE", 2, size_change),
            figures("COUNT", |cell| count(cell, last_count)),
            figures("DELTA", count_delta),
            extra("ADDED", 3, |cell| optional(cell.row.sums.change.added.map(|added| text::count(added.count)))),
            extra("REMOVED", 3, |cell| optional(cell.row.sums.change.removed.map(|removed| text::count(removed.count)))),
        ],
        Command::Trend | Command::Check => vec![
            Column { title: "VERDICT", right: false, dispensable: None, cell: verdict },
            figures("GROWTH", size_delta),
            extra("PER STEP", 2, per_step),
            Column { title: "TREND", right: false, dispensable: Some(1), cell: sparkline },
            extra("p", 3, probability),
            Column { title: "COUNT", right: false, dispensable: None, cell: count_change },
        ],
        Command::Verify | Command::Paths => Vec::new(),
    };
    if retained {
        columns.insert(1, figures("RETAINED", retained_size));
    }
    columns
}

fn optional(text: Option<String>) -> String {
    text.unwrap_or_else(|| NONE.to_owned())
}

fn first_count(sums: &Totals) -> Option<u64> {
    sums.count.first().copied()
}

fn last_count(sums: &Totals) -> Option<u64> {
    sums.count.last().copied()
}

fn trend<'a>(row: &Row<'a>) -> Option<&'a Trend> {
    row.group.and_then(|group| group.trend.as_ref())
}

fn note(trend: &Trend) -> &'static str {
    match (is_spared(trend), trend.inflates && !trend.runtime) {
        (true, _) => RUNTIME,
        (false, true) => INFLATES,
        (false, false) => "",
    }
}

/// Whether a row is spared because it is the runtime's own; what grows in lockstep with a leak is part of it.
pub(super) fn is_spared(trend: &Trend) -> bool {
    trend.runtime && trend.verdict != TrendVerdict::Leak
}

fn count(cell: &Cell<'_>, which: fn(&Totals) -> Option<u64>) -> String {
    optional(which(&cell.row.sums).map(text::count))
}

fn last_size(cell: &Cell<'_>) -> String {
    optional(cell.row.sums.self_size.last().copied().flatten().map(|size| cell.style.size(size)))
}

fn size_share(cell: &Cell<'_>) -> String {
    let part = cell.row.sums.self_size.last().copied().flatten();
    let whole = cell.report.totals.self_size.last().copied().flatten();
    optional(part.zip(whole).and_then(|(part, whole)| text::share(part, whole)))
}

fn retained_size(cell: &Cell<'_>) -> String {
    let retained = |group: &Group| group.retained_size.as_ref().and_then(|sizes| sizes.last().copied());
    optional(cell.row.group.and_then(retained).map(|size| cell.style.size(size)))
}

fn size_delta(cell: &Cell<'_>) -> String {
    optional(cell.row.sums.change.size_delta.map(|delta| cell.style.signed_size(delta)))
}

fn count_delta(cell: &Cell<'_>) -> String {
    optional(cell.row.sums.change.count_delta.map(text::signed_count))
}

fn size_change(cell: &Cell<'_>) -> String {
    let sums = &cell.row.sums;
    match (first_count(sums), last_count(sums)) {
        (Some(0), Some(1..)) => return "new".to_owned(),
        (Some(1..), Some(0)) => return "gone".to_owned(),
        _ => {}
    }
    let end = |size: Option<&Option<u64>>| size.copied().flatten();
    let ends = end(sums.self_size.first()).zip(end(sums.self_size.last()));
    optional(ends.and_then(|(first, last)| text::change(first, last)))
}

/// What a verdict is called on a screen.
pub(super) fn verdict_name(verdict: TrendVerdict) -> &'static str {
    match verdict {
        TrendVerdict::Leak => "LEAK",
        TrendVerdict::Suspect => "suspect",
        TrendVerdict::Saturating => "saturating",
        TrendVerdict::Step => "step",
        TrendVerdict::Shrinking => "shrinking",
        TrendVerdict::Noise => "noise",
        TrendVerdict::Stable => "stable",
        TrendVerdict::Change => "change",
    }
}

/// Whether a verdict says that growth goes on.
pub(super) fn keeps_growing(verdict: TrendVerdict) -> bool {
    matches!(verdict, TrendVerdict::Leak | TrendVerdict::Suspect)
}

fn verdict(cell: &Cell<'_>) -> String {
    let Some(trend) = trend(cell.row) else {
        return String::new();
    };
    let name = verdict_name(trend.verdict);
    trend.finding.map_or_else(|| name.to_owned(), |finding| format!("{name} {finding}"))
}

/// Mean growth of a step, where growth goes on.
fn per_step(cell: &Cell<'_>) -> String {
    let goes_on = match cell.row.role {
        Role::Rest => return String::new(),
        Role::Total => true,
        Role::Group | Role::Parent => trend(cell.row).is_some_and(|trend| keeps_growing(trend.verdict)),
    };
    let mean =
        cell.row.sums.change.size_delta.filter(|_| goes_on).map(|delta| mean(delta, cell.report.inputs.len().saturating_sub(1)));
    optional(mean.map(|mean| cell.style.signed_size(mean)))
}

/// A sum spread over the steps, rounded towards zero.
pub(super) fn mean(sum: i64, steps: usize) -> i64 {
    sum / i64::try_from(steps.max(1)).unwrap_or(i64::MAX)
}

fn probability(cell: &Cell<'_>) -> String {
    if matches!(cell.row.role, Role::Rest | Role::Total) {
        return String::new();
    }
    optional(trend(cell.row).filter(|trend| keeps_growing(trend.verdict)).map(|trend| text::probability(trend.p)))
}

fn sparkline(cell: &Cell<'_>) -> String {
    if cell.row.role == Role::Rest {
        return String::new();
    }
    let sizes: Option<Vec<u64>> = cell.row.sums.self_size.iter().copied().collect();
    let columns = if cell.style.width < 100 { 12 } else { 20 };
    text::sparkline(sizes.as_ref().unwrap_or(&cell.row.sums.count), columns, cell.style.ascii)
}

fn count_change(cell: &Cell<'_>) -> String {
    let Some((first, last)) = first_count(&cell.row.sums).zip(last_count(&cell.row.sums)) else {
        return NONE.to_owned();
    };
    let (before, after) = cell.counts;
    format!("{:>before$} {} {:>after$}", text::count(first), cell.style.arrow(), text::count(last))
}
