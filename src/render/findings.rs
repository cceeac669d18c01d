//! Findings in words.

use super::grid::{keeps_growing, mean, verdict_name};
use super::{Style, causes, number, rows};
use crate::package::is_app;
use crate::report::{AllocatedAt, Finding, Report, TrendVerdict};
use crate::stacks::Frame;
use crate::text;

/// Findings told in full; those that follow get a line each.
const FULL_MAX: usize = 5;
/// Findings told at all.
const TOLD_MAX: usize = 20;
/// Members of a finding that are named.
pub(super) const MEMBERS_MAX: usize = 6;
/// Shared groups that are named.
const ATTRIBUTED_MAX: usize = 3;
/// Frames of a stack that are told.
const FRAMES_TOLD: usize = 3;
/// Columns the name of a package takes at most.
const PACKAGE_MAX: usize = 30;
/// Columns that must be left for a site, or the package goes untold.
const SITE_MIN: usize = 24;
/// Columns a name in a list of names takes at most.
const LISTED_NAME_MAX: usize = 40;

/// A line about a finding.
#[derive(Debug)]
pub(super) struct Line {
    /// What it says.
    pub(super) text: String,
    /// Bytes at its start that are rank and verdict.
    pub(super) mark: usize,
    /// The verdict they tell.
    pub(super) verdict: Option<TrendVerdict>,
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self { text, mark: 0, verdict: None }
    }
}

/// The findings as blocks of lines, each line within the width.
pub(super) fn paragraphs(report: &Report, style: &Style) -> Vec<Vec<Line>> {
    let (full, brief) = report.findings.split_at(report.findings.len().min(FULL_MAX));
    let mut paragraphs: Vec<Vec<Line>> = Vec::new();
    let mut single: Vec<Line> = Vec::new();
    for finding in full {
        if keeps_growing(finding.verdict) {
            let mut lines = vec![headline(finding, style, &facts(finding))];
            let more = bytes(report, finding, style).into_iter().chain(unit(finding, style)).chain(allocated(finding, style));
            let more = more.chain(causes::lines(finding, style));
            lines.extend(more.map(Line::from));
            paragraphs.push(lines);
        } else {
            single.push(short(report, finding, style));
        }
    }
    single.extend(brief.iter().take(TOLD_MAX - FULL_MAX).map(|finding| short(report, finding, style)));
    if report.findings.len() > TOLD_MAX {
        single.push(format!("and {} more findings", text::count(number(report.findings.len() - TOLD_MAX))).into());
    }
    if !single.is_empty() {
        paragraphs.push(single);
    }
    let others: Vec<Line> = causes::others(report, style).into_iter().map(Line::from).collect();
    paragraphs.extend(Some(others).filter(|others| !others.is_empty()));
    paragraphs
}

fn short(report: &Report, finding: &Finding, style: &Style) -> Line {
    let mut facts = facts(finding);
    facts.insert(0, growth_words(report, finding.size_growth, style));
    headline(finding, style, &facts)
}

/// Rank, verdict, name, and as many of the facts as there is room for.
fn headline(finding: &Finding, style: &Style, facts: &[String]) -> Line {
    let mark = format!("{}  {}", finding.rank, loud(finding.verdict));
    let name = name(finding, style);
    let room = style.width.saturating_sub(text::width(&mark) + 4);
    let name_wanted = text::width(&name).min(24);
    let mut told = String::new();
    for fact in facts {
        let comma = if told.is_empty() { "" } else { ", " };
        if text::width(&told) + comma.len() + text::width(fact) + name_wanted > room {
            break;
        }
        told = format!("{told}{comma}{fact}");
    }
    let name = style.fit(&name, room.saturating_sub(text::width(&told)));
    let text = format!("{mark}  {name}  {told}").trim_end().to_owned();
    Line { text, mark: mark.len(), verdict: Some(finding.verdict) }
}

/// A verdict as findings are headed with.
pub(super) fn loud(verdict: TrendVerdict) -> String {
    verdict_name(verdict).to_uppercase()
}

/// Name of the member that names the cause best, safe to print.
pub(super) fn name(finding: &Finding, style: &Style) -> String {
    let headline = finding.members.iter().find(|member| member.group == finding.headline).or(finding.members.first());
    headline.map_or_else(|| finding.headline.clone(), |member| object(&member.kind, &member.name, style))
}

/// An object as a reader knows it: functions have parentheses.
fn object(kind: &str, name: &str, style: &Style) -> String {
    let label = rows::label(kind, name);
    let call = if kind == "closure" && !name.is_empty() { "()" } else { "" };
    format!("{}{call}", style.safe(&label))
}

/// The steps from the first one with growth on.
pub(super) fn steps(finding: &Finding) -> &[i64] {
    finding.steps.as_deref().and_then(|steps| steps.get(finding.since..)).unwrap_or_default()
}

/// How the finding grows, most telling first.
pub(super) fn facts(finding: &Finding) -> Vec<String> {
    let steps = steps(finding);
    let mut facts = Vec::new();
    let all: i64 = steps.iter().sum();
    facts.push(match (steps.iter().min(), steps.iter().max()) {
        (Some(_), Some(_)) if finding.verdict == TrendVerdict::Step => format!("{} at once", text::signed_count(all)),
        (Some(_), Some(_)) if finding.verdict == TrendVerdict::Saturating => {
            format!("{}, slowing to a stop", text::signed_count(all))
        }
        (Some(low), Some(high)) if low == high => format!("{} in every step", text::signed_count(*low)),
        (Some(low), Some(high)) => format!("{} to {} a step", text::signed_count(*low), text::signed_count(*high)),
        _ => "judged by its size".to_owned(),
    });
    if let Some((explained, growing)) = finding.groups_explained.filter(|&of| of > 0).zip(finding.groups_growing) {
        facts.push(format!("explains {} of {} growing types", text::count(number(explained)), text::count(number(growing))));
    } else if finding.members.len() > 1 {
        facts.push(format!("{} types in lockstep", text::count(number(finding.members.len()))));
    }
    if finding.since > 0 {
        facts.push(format!("since snapshot {}", finding.since + 1));
    }
    if finding.slowing {
        facts.push("slowing".to_owned());
    }
    facts
}

/// How many bytes the finding gained, in one line or two.
fn bytes(report: &Report, finding: &Finding, style: &Style) -> Vec<String> {
    let own = format!("   {}", own_bytes(report, finding, style));
    let Some(attributed) = attributed_bytes(finding, style) else {
        return vec![own];
    };
    let named = |room| text::list(&attributed_names(finding, style), ATTRIBUTED_MAX, room, style.ellipsis()).join(" ");
    let line = format!("{own}, and {attributed} of {}", named(usize::MAX));
    if text::width(&line) <= style.width {
        return vec![line];
    }
    let more = format!("   and {attributed} of ");
    let room = style.width.saturating_sub(text::width(&more));
    vec![own, format!("{more}{}", named(room))]
}

/// What each new unit consists of; nothing for single objects of one type.
fn unit(finding: &Finding, style: &Style) -> Vec<String> {
    const START: &str = "   each unit:";
    if finding.members.len() < 2 && finding.members.iter().all(|member| member.per_unit == 1) {
        return Vec::new();
    }
    let room = style.width.saturating_sub(START.len() + 1);
    let listed = text::list(&units(finding, style), MEMBERS_MAX, room + room / 2, style.ellipsis());
    let lines = text::wrap([START].into_iter().chain(listed.iter().map(String::as_str)), style.width, START.len() + 1);
    lines.iter().map(|line| style.fit(line, style.width)).collect()
}

/// Where the growth was allocated, in one line.
fn allocated(finding: &Finding, style: &Style) -> Option<String> {
    let at = finding.allocated_at.as_ref()?;
    let start = "   allocated by ";
    let figure = |package: bool| format!(" ({})", allocated_words(finding, at, package, style));
    let room_beside = |figure: &str| style.width.saturating_sub(start.len() + text::width(figure));
    let with_package = figure(true);
    let figure = if room_beside(&with_package) < SITE_MIN { figure(false) } else { with_package };
    let room = room_beside(&figure);
    Some(format!("{start}{}{figure}", stack_words(&at.frames, style, room)))
}

/// How much grew there, in what the finding is judged by: `+4,000 objects`, `+1.1 MiB, most in express`.
pub(super) fn allocated_words(finding: &Finding, at: &AllocatedAt, package: bool, style: &Style) -> String {
    let growth = match at.size_delta.filter(|_| finding.steps.is_none()) {
        Some(size) => style.signed_size_words(size),
        None => format!("{} objects", text::signed_count(at.count_delta)),
    };
    match at.package.as_ref().filter(|_| package) {
        Some(package) => format!("{growth}, most in {}", style.fit(&style.safe(package), PACKAGE_MAX)),
        None => growth,
    }
}

/// The application's frames of a stack, or the innermost one if there are none: `lookup grpc.js:24:15 < handle server.js:9:2`. As many
/// as fit. Safe to print.
pub(super) fn stack_words(frames: &[Frame], style: &Style, room: usize) -> String {
    let own: Vec<&Frame> = frames.iter().filter(|frame| is_app(frame)).take(FRAMES_TOLD).collect();
    let told = if own.is_empty() {
        frames.iter().find(|frame| !frame.is_native()).or(frames.first()).into_iter().collect()
    } else {
        own
    };
    let words = |frame: &Frame| {
        let file = frame.script.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        style.safe(&Frame { script: file, ..frame.clone() }.text())
    };
    let mut told: Vec<String> = told.into_iter().map(words).collect();
    while told.len() > 1 && text::width(&told.join(" < ")) > room {
        told.pop();
    }
    style.fit(&told.join(" < "), room)
}

/// Growth in bytes, or in objects where an input has no sizes.
fn growth_words(report: &Report, growth: i64, style: &Style) -> String {
    if has_sizes(report) { style.signed_size_words(growth) } else { format!("{} objects", text::signed_count(growth)) }
}

fn has_sizes(report: &Report) -> bool {
    report.totals.self_size.iter().all(Option::is_some)
}

/// Growth of the members: `+412 KiB in 9 steps (+45.8 KiB a step)`, without the mean where growth has come to an end.
pub(super) fn own_bytes(report: &Report, finding: &Finding, style: &Style) -> String {
    let steps = report.inputs.len().saturating_sub(1);
    let all = growth_words(report, finding.size_growth, style);
    if !keeps_growing(finding.verdict) {
        return format!("{all} in {steps} steps");
    }
    let each = mean(finding.size_growth, steps);
    let each = if has_sizes(report) { style.signed_size(each) } else { text::signed_count(each) };
    format!("{all} in {steps} steps ({each} a step)")
}

/// Bytes of shared groups that the finding explains: `about 120 KiB`.
pub(super) fn attributed_bytes(finding: &Finding, style: &Style) -> Option<String> {
    let bytes = u64::try_from(finding.size_growth_total.checked_sub(finding.size_growth)?).ok()?;
    (!finding.attributed.is_empty() && bytes > 0).then(|| format!("about {}", style.size_words(bytes)))
}

/// Names of the shared groups, safe to print.
pub(super) fn attributed_names(finding: &Finding, style: &Style) -> Vec<String> {
    let name = |kind: &str, name: &str| style.fit(&object(kind, name, style), LISTED_NAME_MAX);
    finding.attributed.iter().map(|group| name(&group.kind, &group.name)).collect()
}

/// What every new unit consists of: `1 LeakyItem`, `1 onMessage()`, `~2 Array` where the figure is not exact. Safe to print.
pub(super) fn units(finding: &Finding, style: &Style) -> Vec<String> {
    finding
        .members
        .iter()
        .map(|member| {
            let about = if member.exact { "" } else { "~" };
            let name = style.fit(&object(&member.kind, &member.name, style), LISTED_NAME_MAX);
            format!("{about}{} {name}", text::count(member.per_unit))
        })
        .collect()
}
