//! The gist in at most [`BYTES_MAX`] bytes of JSON for an agent that reads it as part of its context, with the command to run next.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::grid::keeps_growing;
use super::{Renderer, Style, findings, json as json_format, rows};
use crate::report::{Command, Finding, Group, Report};
use crate::text;

/// `--format brief`.
pub(super) struct Brief;

/// Bytes of the whole output.
pub(super) const BYTES_MAX: usize = 4096;

/// How much is told.
#[derive(Clone, Copy)]
struct Limits {
    findings: usize,
    groups: usize,
    warnings: usize,
    /// Columns of a name, a path or a message.
    text: usize,
    /// Bytes of the paths in the command to run next.
    command: usize,
}

/// What is tried in turn until it fits. The last one fits whatever the names are.
const LIMITS: [Limits; 7] = [
    Limits { findings: 5, groups: 15, warnings: 5, text: 120, command: 1000 },
    Limits { findings: 4, groups: 12, warnings: 4, text: 80, command: 800 },
    Limits { findings: 3, groups: 10, warnings: 3, text: 60, command: 600 },
    Limits { findings: 3, groups: 6, warnings: 3, text: 50, command: 400 },
    Limits { findings: 2, groups: 4, warnings: 2, text: 40, command: 300 },
    Limits { findings: 1, groups: 2, warnings: 1, text: 30, command: 200 },
    Limits { findings: 1, groups: 0, warnings: 0, text: 20, command: 0 },
];

impl Renderer for Brief {
    fn name(&self) -> &'static str {
        "brief"
    }

    fn render(&self, report: &Report, _style: &Style, out: &mut dyn Write) -> io::Result<()> {
        let mut line = Vec::new();
        for limits in LIMITS {
            line.clear();
            json_format::write_line(&brief(report, limits), &mut line)?;
            if line.len() <= BYTES_MAX {
                break;
            }
        }
        out.write_all(&line)
    }
}

impl Limits {
    /// Text made safe and cut.
    fn cut(self, raw: &str) -> String {
        Style::default().fit(&Style::default().safe(raw), self.text)
    }
}

fn brief(report: &Report, limits: Limits) -> Value {
    let growing = report.findings.iter().filter(|finding| keeps_growing(finding.verdict));
    let told: Vec<Value> = growing.clone().take(limits.findings).map(|finding| finding_value(finding, limits)).collect();
    let groups: Vec<Value> = report.groups.iter().take(limits.groups).map(|group| group_value(group, limits)).collect();
    let warnings = super::warnings(report);
    let path = |input: Option<&crate::report::Input>| input.map(|input| limits.cut(&input.path));
    let mut value = json!({
        "schema": "heapdiff.brief",
        "schema_version": 1,
        "command": report.command,
        "by": report.grouping.by,
        "inputs": {
            "count": report.inputs.len(),
            "first": path(report.inputs.first()),
            "last": path(report.inputs.last()),
            "incomplete": report.inputs.iter().filter(|input| !input.complete).count(),
        },
        "totals": {
            "count": ends(&report.totals.count),
            "self_size": ends(&report.totals.self_size),
            "size_delta": report.totals.change.size_delta,
        },
        "findings": told,
        "findings_of": growing.count(),
        "groups": groups,
        "groups_of": report.shown.of,
        "warnings": warnings.iter().take(limits.warnings).map(|warning| limits.cut(&warning.message)).collect::<Vec<_>>(),
        "warnings_of": warnings.len(),
        "next": next(report, limits),
    });
    if let (Some(alive), Some(fields)) = (&report.alive, value.as_object_mut()) {
        let held: Vec<Value> = alive
            .holders
            .iter()
            .take(limits.findings)
            .map(|holder| json!({ "instances": holder.instances, "path": limits.cut(&holder.text) }))
            .collect();
        fields.insert("of".to_owned(), json!(limits.cut(&alive.of)));
        fields.insert("instances".to_owned(), json!(alive.instances));
        fields.insert("retained_size".to_owned(), json!(alive.retained_size));
        fields.insert("holders".to_owned(), json!(held));
        fields.insert("holders_of".to_owned(), json!(alive.holders_of));
    }
    if let (Some(verdict), Some(fields)) = (&report.verdict, value.as_object_mut()) {
        let why: Vec<String> = verdict.reasons.iter().take(limits.findings).map(|reason| limits.cut(&reason.message)).collect();
        fields.insert("verdict".to_owned(), json!(verdict.status));
        fields.insert("reasons".to_owned(), json!(why));
        fields.insert("reasons_of".to_owned(), json!(verdict.reasons.len()));
    }
    value
}

/// First and last value of a series; one value alone once.
fn ends<T: Copy>(values: &[T]) -> Vec<T> {
    match values {
        [first, .., last] => vec![*first, *last],
        other => other.to_vec(),
    }
}

fn finding_value(finding: &Finding, limits: Limits) -> Value {
    let style = Style::default();
    let members: Vec<String> = findings::units(finding, &style).iter().take(5).map(|unit| limits.cut(unit)).collect();
    let allocated_by = finding.allocated_at.as_ref().map(|at| limits.cut(&findings::stack_words(&at.frames, &style, usize::MAX)));
    let causes = finding
        .causes
        .as_ref()
        .map(|causes| -> Vec<String> { causes.iter().take(3).map(|cause| limits.cut(&cause.text)).collect() });
    let mut value = json!({
        "rank": finding.rank,
        "verdict": finding.verdict,
        "name": limits.cut(&findings::name(finding, &style)),
        "growth": findings::facts(finding).join(", "),
        "size_growth": finding.size_growth,
        "size_growth_total": finding.size_growth_total,
        "each_unit": members,
        "members_of": finding.members.len(),
    });
    if let (Some(stack), Some(fields)) = (allocated_by, value.as_object_mut()) {
        fields.insert("allocated_by".to_owned(), json!(stack));
    }
    if let (Some(causes), Some(fields)) = (causes, value.as_object_mut()) {
        fields.insert("causes".to_owned(), json!(causes));
    }
    value
}

fn group_value(group: &Group, limits: Limits) -> Value {
    let mut value = json!({
        "name": limits.cut(&rows::label(&group.kind, &group.name)),
        "count": ends(&group.count),
        "self_size": ends(&group.self_size),
    });
    if let Some(fields) = value.as_object_mut() {
        if let Some(delta) = group.change.size_delta {
            fields.insert("size_delta".to_owned(), json!(delta));
        }
        if let Some(at) = &group.allocated_at {
            fields.insert(
                "allocated_by".to_owned(),
                json!(limits.cut(&findings::stack_words(&at.frames, &Style::default(), usize::MAX))),
            );
        }
        if let Some(trend) = &group.trend {
            fields.insert("verdict".to_owned(), json!(trend.verdict));
            fields.insert("finding".to_owned(), json!(trend.finding));
        }
    }
    value
}

/// The command to run next, and why. `LATER` stands for snapshots still to be taken.
fn next(report: &Report, limits: Limits) -> Value {
    let paths: Option<Vec<String>> = report.inputs.iter().map(|input| shell_word(&input.path)).collect();
    let paths = paths.unwrap_or_else(|| vec!["FILES".to_owned()]);
    let all = paths.join(" ");
    let ends = ends(&paths.iter().map(String::as_str).collect::<Vec<_>>()).join(" ");
    let incomplete = report.inputs.iter().any(|input| !input.complete);
    let growing = || report.findings.iter().filter(|finding| keeps_growing(finding.verdict));
    let asked = growing().any(|finding| finding.causes.is_some());
    let scattered = growing().find(|finding| finding.causes.as_ref().is_some_and(Vec::is_empty));
    let growing = growing().next().is_some();
    // Behind the paths, of what `paths` is asked.
    let of = scattered.filter(|_| report.command == Command::Trend && report.inputs.len() >= 5).map(|finding| {
        let class = shell_word(&findings::name(finding, &Style::default())).filter(|class| class.len() <= limits.command);
        format!(" {}", class.unwrap_or_else(|| "CLASS".to_owned()))
    });
    let later = format!("{all} LATER");
    let (command, paths, why) = match (report.command, report.inputs.len()) {
        (Command::Verify, _) if incomplete => ("heapdiff verify", all, "an input is cut short: take it again"),
        (Command::Verify, _) => ("heapdiff", all, "the inputs are whole"),
        (Command::Paths, _) => ("heapdiff", all, "shows what the inputs hold"),
        (Command::Check, 0..2) => ("heapdiff top", all, "shows what there is"),
        (Command::Check, _) => ("heapdiff trend", all, "shows every type"),
        (Command::Top, _) => ("heapdiff diff", later, "one snapshot shows size, not growth"),
        (Command::Diff, _) => ("heapdiff trend", later, "two snapshots show change, not a leak: take five or more"),
        (Command::Trend, 0..5) => ("heapdiff trend", later, "5 or more snapshots tell more"),
        (Command::Trend, _) if growing && !asked && super::has_references(report) => {
            ("heapdiff trend --why", all, "says what keeps the growth alive")
        }
        (Command::Trend, _) if scattered.is_some() => {
            ("heapdiff paths", ends, "no few places hold half of the growth; shows all that holds the objects")
        }
        (Command::Trend, _) if growing => ("heapdiff diff", ends, "shows what was added, removed and survived"),
        (Command::Trend, _) => ("heapdiff diff", ends, "no type keeps growing; shows what changed at all"),
    };
    let paths = if paths.len() <= limits.command { paths } else { "FILES".to_owned() };
    json!({ "command": format!("{command} {paths}{}", of.unwrap_or_default()), "why": why })
}

/// A path as a POSIX shell takes it; none if it holds what would not be seen.
fn shell_word(path: &str) -> Option<String> {
    if path.chars().any(text::is_unsafe) {
        return None;
    }
    let path = if path.starts_with('-') && path != "-" { format!("./{path}") } else { path.to_owned() };
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if path.chars().all(plain) { Some(path) } else { Some(format!("'{}'", path.replace('\'', "'\\''"))) }
}
