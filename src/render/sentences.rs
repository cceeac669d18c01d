//! What stands above and below a table: what was compared, and what to keep in mind.

use super::grid::{INFLATES, RUNTIME, keeps_growing};
use super::{Style, findings, number};
use crate::report::{Command, Finding, Input, OrderBy, Report};
use crate::text;

/// Self size below which the first snapshot of a series is small: a Node.js process right after its start holds 3 to 6 MiB.
const SMALL_BYTES: u64 = 8 << 20;
/// Snapshots from which on a finding can be a leak.
const SNAPSHOTS_WANTED: usize = 5;

/// The lines above a table, each within the width.
pub(super) fn header(report: &Report, style: &Style) -> Vec<String> {
    match (report.command, report.inputs.as_slice()) {
        (Command::Diff, [before, after]) => pair(before, after, style),
        (Command::Trend, inputs) => series(report, inputs, style),
        (_, inputs) => inputs.iter().map(|input| single(input, style)).collect(),
    }
}

fn objects(input: &Input) -> String {
    match input.nodes {
        1 => "1 object".to_owned(),
        nodes => format!("{} objects", text::count(nodes)),
    }
}

fn single(input: &Input, style: &Style) -> String {
    let mut figures = format!("{}  {}", style.size_words(input.self_size), objects(input));
    if let Some(bytes) = input.extra_native_bytes.filter(|&bytes| bytes > 0) {
        figures = format!("{figures}, {} off-heap in no object", style.size_words(bytes));
    }
    let name = style.safe(&input.path);
    let room = style.width.saturating_sub(text::width(&figures) + 2);
    format!("{}  {figures}", style.fit(&name, room))
}

fn pair(before: &Input, after: &Input, style: &Style) -> Vec<String> {
    let relation = relation(&[before, after]);
    let figures = [before, after].map(|input| (style.size_words(input.self_size), objects(input)));
    let paths = [before, after].map(|input| style.safe(&input.path));
    let stems = [stem(&paths[0]), stem(&paths[1])];
    let names = if stems[0] == stems[1] { [&*paths[0], &*paths[1]] } else { stems };
    let [first, second] = [0, 1].map(|i| format!("{}  {}  {}", names[i], figures[i].0, figures[i].1));
    let line = [first.as_str(), second.as_str(), relation].join("     ").trim_end().to_owned();
    if text::width(&line) <= style.width {
        return vec![line];
    }
    let widest = |texts: [&str; 2]| texts.map(text::width).into_iter().max().unwrap_or(0);
    let size = widest([&figures[0].0, &figures[1].0]);
    let count = widest([&figures[0].1, &figures[1].1]);
    let name = widest([&paths[0], &paths[1]]).min(style.width.saturating_sub(size + count + text::width(relation) + 6));
    [0, 1]
        .map(|i| {
            let path = style.fit(&paths[i], name);
            let pad = name.saturating_sub(text::width(&path));
            let said = if i == 1 { relation } else { "" };
            let line = format!("{path}{:pad$}  {:>size$}  {:>count$}  {said}", "", figures[i].0, figures[i].1);
            line.trim_end().to_owned()
        })
        .to_vec()
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

fn series(report: &Report, inputs: &[Input], style: &Style) -> Vec<String> {
    let of = match relation(&inputs.iter().collect::<Vec<_>>()) {
        "same process" => " of one process",
        "different processes" => " of different processes",
        _ => "",
    };
    let order = match inputs.first().map(|input| input.order.by) {
        Some(OrderBy::HeapIds) => "in heap-id order",
        Some(OrderBy::NameTime) => "by the times in their names",
        Some(OrderBy::Name) => "in order of their names",
        Some(OrderBy::Given) | None => "in the given order",
    };
    let mut line = format!("{} snapshots{of}, {order}", text::count(number(inputs.len())));
    if let (Some(Some(first)), Some(Some(last))) = (report.totals.self_size.first(), report.totals.self_size.last()) {
        line = format!("{line}, {} {} {}", style.size_words(*first), style.arrow(), style.size_words(*last));
    }
    vec![line, series_names(inputs, style)]
}

/// The files in the order used: all, or the first two and the last.
fn series_names(inputs: &[Input], style: &Style) -> String {
    let names: Vec<String> = inputs.iter().map(|input| style.safe(stem(&input.path)).into_owned()).collect();
    let all = names.join(", ");
    match names.as_slice() {
        [first, second, .., last] if text::width(&all) > style.width => {
            let room = style.width.saturating_sub(2 + 2 + text::width(style.ellipsis())) / 3;
            format!("{}, {} {} {}", style.fit(first, room), style.fit(second, room), style.ellipsis(), style.fit(last, room))
        }
        _ => style.fit(&all, style.width),
    }
}

/// Hints below a table, most pressing first. They are sentences of any length.
pub(super) fn notes(report: &Report, style: &Style) -> Vec<String> {
    let mut notes = Vec::new();
    match report.command {
        Command::Diff => {
            notes.push("Two snapshots show change, not a leak: take five or more and run heapdiff again.".to_owned());
        }
        Command::Trend => trend_notes(report, style, &mut notes),
        Command::Top | Command::Verify => {}
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
        notes.push(format!(
            "Still warming up? The first snapshot is small ({}): take later ones to be sure.",
            style.size_words(first)
        ));
    }
    if let Some((finding, step)) = growing.iter().filter(|finding| finding.members.len() > 1).find_map(|finding| {
        let steps = findings::steps(finding);
        finding.constant.then(|| steps.first().map(|&step| (finding, step))).flatten()
    }) {
        notes.push(format!(
            "{}: every step was {}; with uneven load between snapshots (say 40, 110, 60) independent leaks separate.",
            finding.rank,
            text::signed_count(step)
        ));
    }
    let noted = |wanted: fn(&crate::report::Trend) -> bool| {
        let parts = report.groups.iter().flat_map(|group| group.breakdown.iter().flat_map(|breakdown| &breakdown.groups));
        report.groups.iter().chain(parts).any(|group| group.trend.as_ref().is_some_and(wanted))
    };
    if noted(|trend| trend.runtime) {
        notes.push(format!("{}: the runtime's own code and metadata, never called a leak.", RUNTIME.trim()));
    }
    if noted(|trend| trend.inflates && !trend.runtime) {
        notes.push(format!("{}: as many objects as before, but bigger: a container that grows.", INFLATES.trim()));
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
