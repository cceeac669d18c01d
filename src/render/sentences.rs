//! What stands above and below a table: what was compared, and what to keep in mind.

use std::collections::BTreeSet;

use super::grid::{INFLATES, RUNTIME, is_spared, keeps_growing};
use super::{Style, findings, number, rows};
use crate::report::{Command, Finding, Input, OrderBy, Report, Statistics};
use crate::stacks::Frame;
use crate::text;

/// Self size below which the first snapshot of a series is small: a Node.js process right after its start holds 3 to 6 MiB.
const SMALL_BYTES: u64 = 8 << 20;
/// Columns an input's name gets before something else goes to a line of its own.
const NAME_MIN: usize = 12;
/// Rows whose place of allocation is told.
const PLACES_MAX: usize = 3;
/// Columns the name of such a row gets.
const PLACE_NAME_MAX: usize = 24;
/// Snapshots from which on a finding can be a leak.
const SNAPSHOTS_WANTED: usize = 5;

/// The lines above a table, each within the width.
pub(super) fn header(report: &Report, style: &Style) -> Vec<String> {
    match (report.command, report.inputs.as_slice()) {
        (Command::Diff, [before, after]) => pair(before, after, style),
        (Command::Trend, inputs) => series(report, inputs, style),
        (Command::Check, inputs @ [_, _, ..]) => series(report, inputs, style),
        (_, inputs) => {
            let mut lines: Vec<String> = inputs.iter().flat_map(|input| single(input, style)).collect();
            lines.extend(report.statistics.iter().flat_map(|statistics| parts(statistics, style)));
            lines
        }
    }
}

/// Bytes by what they are for.
fn parts(statistics: &Statistics, style: &Style) -> Vec<String> {
    let Statistics { code, strings, js_arrays, typed_arrays, system, other_js, other_native, .. } = *statistics;
    let parts = [
        ("code", code),
        ("strings", strings),
        ("JS arrays", js_arrays),
        ("typed arrays", typed_arrays),
        ("system", system),
        ("other JS", other_js),
        ("other native", other_native),
    ];
    let told: Vec<String> = parts.into_iter().map(|(name, bytes)| format!("{name} {}", style.size(bytes))).collect();
    let last = told.len() - 1;
    let pieces: Vec<String> =
        told.into_iter().enumerate().map(|(i, part)| if i == last { part } else { format!("{part},") }).collect();
    text::wrap(pieces.iter().map(String::as_str), style.width, 0)
}

fn objects(input: &Input) -> String {
    match input.nodes {
        1 => "1 object".to_owned(),
        nodes => format!("{} objects", text::count(nodes)),
    }
}

fn single(input: &Input, style: &Style) -> Vec<String> {
    let figures = format!("{}  {}", style.total_words(input.self_size), objects(input));
    let name = style.safe(&input.path);
    let room = style.width.saturating_sub(text::width(&figures) + 2);
    let mut lines = vec![format!("{}  {figures}", style.fit(&name, room))];
    if let Some(bytes) = input.extra_native_bytes.filter(|&bytes| bytes > 0) {
        lines.push(format!("and {} off-heap that belong to no object", style.size_words(bytes)));
    }
    lines
}

fn pair(before: &Input, after: &Input, style: &Style) -> Vec<String> {
    let relation = relation(&[before, after]);
    let figures = [before, after].map(|input| (style.total_words(input.self_size), objects(input)));
    let names = names(&[before, after], style);
    let [first, second] = [0, 1].map(|i| format!("{}  {}  {}", names[i], figures[i].0, figures[i].1));
    let line = [first.as_str(), second.as_str(), relation].join("   ").trim_end().to_owned();
    if text::width(&line) <= style.width {
        return vec![line];
    }
    let widest = |texts: [&str; 2]| texts.map(text::width).into_iter().max().unwrap_or(0);
    let size = widest([&figures[0].0, &figures[1].0]);
    let count = widest([&figures[0].1, &figures[1].1]);
    let name = widest([&names[0], &names[1]]);
    let figures_width = size + count + 4;
    let relation_width = text::width(relation) + 2;
    let beside = figures_width + relation_width + name.min(NAME_MIN) <= style.width;
    let name = name.min(style.width.saturating_sub(figures_width + if beside { relation_width } else { 0 }));
    let line = |i: usize| {
        let said = if i == 1 && beside { relation } else { "" };
        let path = style.fit(&names[i], name);
        let pad = name.saturating_sub(text::width(&path));
        format!("{path}{:pad$}  {:>size$}  {:>count$}  {said}", "", figures[i].0, figures[i].1).trim_end().to_owned()
    };
    let mut lines = vec![line(0), line(1)];
    lines.extend((!beside && !relation.is_empty()).then(|| relation.to_owned()));
    lines
}

/// What tells the inputs apart: names of the files, or where those are not distinct, paths without the folders they share.
fn names(inputs: &[&Input], style: &Style) -> Vec<String> {
    let paths: Vec<&str> = inputs.iter().map(|input| input.path.as_str()).collect();
    let stems: BTreeSet<&str> = paths.iter().map(|path| stem(path)).collect();
    let shared = paths.iter().skip(1).fold(paths.first().copied().unwrap_or_default(), |shared, path| {
        let same = shared.char_indices().zip(path.chars()).take_while(|&((_, a), b)| a == b);
        &shared[..same.map(|((at, c), _)| at + c.len_utf8()).last().unwrap_or(0)]
    });
    let folder = shared.rfind('/').map_or(0, |slash| slash + 1);
    let name = |path| if stems.len() == paths.len() { stem(path) } else { &path[folder..] };
    paths.iter().map(|path| style.fit(&style.safe(name(path)), style.width)).collect()
}

/// A file's name without its folder and the extension every snapshot has.
fn stem(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    plain.strip_suffix(".heapsnapshot").unwrap_or(plain)
}

/// What ids tell about the processes; nothing where they don't tell.
fn relation(inputs: &[&Input]) -> &'static str {
    let processes: Option<Vec<u32>> = inputs.iter().map(|input| input.process).collect();
    match processes.as_deref() {
        Some([first, rest @ ..]) if rest.iter().all(|process| process == first) => "same process",
        Some([_, ..]) => "different processes",
        Some([]) | None => "",
    }
}

/// The inputs in a sentence.
pub(super) fn inputs(report: &Report, style: &Style) -> String {
    if let [input] = report.inputs.as_slice() {
        return format!("1 snapshot, {}, {}", style.total_words(input.self_size), objects(input));
    }
    let inputs: Vec<&Input> = report.inputs.iter().collect();
    let of = match relation(&inputs) {
        "same process" => " of one process,",
        "different processes" => " of different processes,",
        _ => "",
    };
    let order = match inputs.first().map(|input| input.order.by) {
        Some(OrderBy::HeapIds) => "in heap-id order",
        Some(OrderBy::NameTime) => "by the times in their names",
        Some(OrderBy::Name) => "in order of their names",
        Some(OrderBy::Given) | None => "in the given order",
    };
    let mut line = format!("{} snapshots{of} {order}", text::count(number(inputs.len())));
    if let (Some(Some(first)), Some(Some(last))) = (report.totals.self_size.first(), report.totals.self_size.last()) {
        line = format!("{line}, {} {} {}", style.size_words(*first), style.arrow(), style.size_words(*last));
    }
    line
}

fn series(report: &Report, given: &[Input], style: &Style) -> Vec<String> {
    let given: Vec<&Input> = given.iter().collect();
    let mut lines = text::wrap(inputs(report, style).split(' '), style.width, 2);
    lines.push(series_names(&names(&given, style), style));
    lines
}

/// The files in the order used: all, or the first two and the last, or the ends.
fn series_names(names: &[String], style: &Style) -> String {
    let all = names.join(", ");
    let [first, second, .., last] = names else {
        return style.fit(&all, style.width);
    };
    let dots = style.ellipsis();
    let room = style.width.saturating_sub(text::width(dots) + 2) / 2;
    let ends = || format!("{} {dots} {}", style.fit(first, room), style.fit(last, room));
    [all, format!("{first}, {second} {dots} {last}")]
        .into_iter()
        .find(|line| text::width(line) <= style.width)
        .unwrap_or_else(ends)
}

/// A row that grew, and where most of that was allocated. Name and share are safe to print.
pub(super) struct Place<'r> {
    pub(super) name: String,
    /// `+1.2 KiB of +2.4 KiB`: growth of that way through the program, and of the row where that is not less.
    pub(super) share: String,
    pub(super) frames: &'r [Frame],
}

/// Where the first rows of a comparison that grew were allocated; findings tell it themselves.
pub(super) fn places<'r>(report: &'r Report, style: &Style) -> Vec<Place<'r>> {
    let rows = report.groups.iter().filter(|_| report.command == Command::Diff);
    rows.filter_map(|row| {
        let at = row.allocated_at.as_ref()?;
        let of_bytes = at.size_delta.zip(row.change.size_delta);
        let (part, all) = of_bytes.unwrap_or((at.count_delta, row.change.count_delta?));
        let figure = |number| if of_bytes.is_some() { style.signed_size(number) } else { text::signed_count(number) };
        // What other ways allocated may have shrunk.
        let share = if part > all { figure(part) } else { format!("{} of {}", figure(part), figure(all)) };
        Some(Place {
            name: style.fit(&style.safe(&rows::label(&row.kind, &row.name)), PLACE_NAME_MAX),
            share,
            frames: &at.frames,
        })
    })
    .take(PLACES_MAX)
    .collect()
}

/// Hints below a table, most pressing first. They are sentences of any length.
pub(super) fn notes(report: &Report, style: &Style) -> Vec<String> {
    let mut notes = Vec::new();
    match report.command {
        Command::Diff => {
            notes.push("Two snapshots show change, not a leak: take five or more and run heapdiff again.".to_owned());
        }
        Command::Trend => trend_notes(report, style, &mut notes),
        Command::Top | Command::Check | Command::Paths | Command::Verify => {}
    }
    notes
}

fn trend_notes(report: &Report, style: &Style, notes: &mut Vec<String>) {
    let growing: Vec<&Finding> = report.findings.iter().filter(|finding| keeps_growing(finding.verdict)).collect();
    if growing.is_empty() {
        notes.push("No type keeps growing.".to_owned());
    }
    if report.inputs.len() < SNAPSHOTS_WANTED {
        notes.push("5 or more snapshots tell more.".to_owned());
    }
    if let Some(first) = warming_up(report, &growing) {
        notes.push(format!("Still warming up? The first snapshot is small ({}): take later ones too.", style.size_words(first)));
    }
    if let Some((finding, step)) = growing.iter().filter(|finding| finding.members.len() > 1).find_map(|finding| {
        let steps = findings::steps(finding);
        finding.constant.then(|| steps.first().map(|&step| (finding, step))).flatten()
    }) {
        notes.push(format!(
            "Finding {}: every step was {}; with uneven load between snapshots (say 40, 110, 60 {}) independent leaks separate.",
            finding.rank,
            text::signed_count(step),
            style.ellipsis()
        ));
    }
    let told = growing.iter().any(|finding| finding.causes.is_some());
    if !growing.is_empty() && !told && super::has_references(report) {
        notes.push("Why is it kept alive? Run again with --why.".to_owned());
    }
    let noted = |wanted: fn(&crate::report::Trend) -> bool| {
        let parts = report.groups.iter().flat_map(|group| group.breakdown.iter().flat_map(|breakdown| &breakdown.groups));
        report.groups.iter().chain(parts).any(|group| group.trend.as_ref().is_some_and(wanted))
    };
    if noted(is_spared) {
        notes.push(format!("{} the runtime's own code and metadata: never called a leak", RUNTIME.trim()));
    }
    if noted(|trend| trend.inflates && !trend.runtime) {
        notes.push(format!("{} as many objects as before, but bigger: a container that grows", INFLATES.trim()));
    }
}

/// Self size of a first snapshot that may have been taken before the program had settled: growth from the first step on, and a
/// heap that is small, or a quarter of what it becomes.
fn warming_up(report: &Report, growing: &[&Finding]) -> Option<u64> {
    let first = report.totals.self_size.first().copied().flatten()?;
    let last = report.totals.self_size.last().copied().flatten()?;
    let small = first < SMALL_BYTES || first <= last / 4;
    (small && growing.iter().any(|finding| finding.since == 0)).then_some(first)
}
