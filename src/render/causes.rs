//! Causes of growth in words: which places keep it alive.

use super::{Style, findings, number};
use crate::graph::paths::words::pieces_to;
use crate::report::{Cause, CauseKind, Finding, Report};
use crate::text;

/// Places told of a finding, and other holders.
const PLACES_MAX: usize = 3;
const HOLDERS_MAX: usize = 3;
/// Columns a holder in a list of holders takes at most.
const HOLDER_MAX: usize = 60;
/// Columns that a place is indented by.
const MARGIN: usize = 5;

/// What keeps a finding alive, each line within the width; nothing where it was not asked for.
pub(super) fn lines(finding: &Finding, style: &Style) -> Vec<String> {
    let Some(causes) = &finding.causes else { return Vec::new() };
    if causes.is_empty() {
        let paths = format!("heapdiff paths {} {}", style.ellipsis(), findings::name(finding, style));
        let pieces = ["   no few places hold half of it:", &style.fit(&paths, style.width.saturating_sub(MARGIN)), "shows all"];
        return text::wrap(pieces, style.width, MARGIN);
    }
    let mut lines = Vec::new();
    if let Some(share) = &finding.share {
        let mut pieces = vec![format!("   {}", style.size_words(share.exclusive))];
        let own = "go when nothing below holds them";
        if share.shared > 0 {
            pieces.extend(format!("{own}, and").split(' ').map(str::to_owned));
            pieces.push(style.size_words(share.shared));
            pieces.extend("of what others hold, too".split(' ').map(str::to_owned));
        } else {
            pieces.push(own.to_owned());
        }
        lines.extend(text::wrap(pieces.iter().map(String::as_str), style.width, MARGIN));
    }
    let of_kind = |kind: CauseKind| causes.iter().filter(move |cause| cause.kind == kind);
    let all: Vec<&Cause> = of_kind(CauseKind::Place).collect();
    if !all.is_empty() {
        lines.push("   kept alive by".to_owned());
    }
    lines.extend(places(&all, style));
    for (kind, words) in [(CauseKind::HeldBy, "   also held by"), (CauseKind::Bookkeeping, "   and listed in")] {
        let held: Vec<String> = of_kind(kind).map(|cause| style.fit(&style.safe(&cause.text), HOLDER_MAX)).collect();
        if !held.is_empty() {
            let room = style.width.saturating_sub(MARGIN);
            let listed = text::list(&held, HOLDERS_MAX, room * HOLDERS_MAX, style.ellipsis());
            lines.extend(text::wrap([words].into_iter().chain(listed.iter().map(String::as_str)), style.width, MARGIN));
        }
    }
    lines
}

/// Places that grow and belong to no finding.
pub(super) fn others(report: &Report, style: &Style) -> Vec<String> {
    let all: Vec<&Cause> = report.other_causes.iter().collect();
    if all.is_empty() {
        return Vec::new();
    }
    let what = if report.findings.is_empty() { "what is more than before stands in" } else { "other places that grow" };
    std::iter::once(what.to_owned()).chain(places(&all, style)).collect()
}

/// Places with their bytes and steps.
fn places(causes: &[&Cause], style: &Style) -> Vec<String> {
    let shown = &causes[..causes.len().min(PLACES_MAX)];
    let sizes: Vec<String> = shown.iter().map(|cause| style.signed_size(cause.size_growth.unwrap_or(0))).collect();
    let widest = sizes.iter().map(|size| text::width(size)).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (cause, size) in shown.iter().zip(&sizes) {
        lines.extend(place(cause, size, widest, style));
    }
    if causes.len() > shown.len() {
        lines.push(format!("{:MARGIN$}and {} more places", "", text::count(number(causes.len() - shown.len()))));
    }
    lines
}

fn place(cause: &Cause, size: &str, widest: usize, style: &Style) -> Vec<String> {
    let margin = MARGIN + widest + 2;
    let room = style.width.saturating_sub(margin);
    let mut words: Vec<String> = pieces_to(&cause.path, style.arrow()).iter().map(|piece| style.safe(piece)).collect();
    words.iter_mut().for_each(|piece| *piece = style.fit(piece, room));
    words.extend(steps(cause).map(|steps| format!(" {steps}")));
    let wrapped = text::wrap(words.iter().map(String::as_str), room, 0);
    let lead = format!("{:MARGIN$}{size:>widest$}  ", "");
    // Steps have a space before them, which is none at the start of a line.
    (wrapped.iter().map(|line| line.trim_start()).enumerate())
        .map(|(at, line)| if at == 0 { format!("{lead}{line}") } else { format!("{:margin$}{line}", "") })
        .collect()
}

/// How many came in each step.
fn steps(cause: &Cause) -> Option<String> {
    let (low, high) = cause.steps.iter().min().zip(cause.steps.iter().max())?;
    let more = text::signed_count;
    Some(if cause.steps.len() == 1 {
        more(*low)
    } else if low == high {
        format!("{} a step", more(*low))
    } else {
        format!("{} to {} a step", more(*low), more(*high))
    })
}
