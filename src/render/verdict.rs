//! The verdict of `check` in words.

use std::io::{self, Write};

use super::{Style, number, sentences};
use crate::report::{Reason, Report, Status, Verdict};
use crate::text;

/// Lines a verdict takes on a screen.
pub(super) const LINES_MAX: usize = 10;
/// Lines a reason takes.
const REASON_LINES_MAX: usize = 2;

/// What an outcome is called on a screen.
pub(super) fn loud(status: Status) -> &'static str {
    match status {
        Status::Pass => "PASS",
        Status::Fail => "FAIL",
        Status::Inconclusive => "INCONCLUSIVE",
    }
}

/// Severity of a reason, for formats that know errors and warnings.
pub(super) fn is_failure(reason: &Reason) -> bool {
    reason.status == Status::Fail
}

/// What a reason is about, in a word: the type, or else the code.
pub(super) fn subject(reason: &Reason) -> &str {
    reason.name.as_deref().unwrap_or(&reason.code)
}

/// The verdict on a screen: why, in at most [`LINES_MAX`] lines.
pub(super) fn write_screen(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let Some(verdict) = &report.verdict else { return Ok(()) };
    let status = loud(verdict.status);
    let series = sentences::inputs(report, style);
    let mut lines = text::wrap([status, ""].into_iter().chain(series.split(' ')), style.width, 2);
    lines.truncate(2);
    let last = last_line(report, verdict, style);
    let mut told = 0;
    for reason in &verdict.reasons {
        let mut reason_lines = text::wrap(["-"].into_iter().chain(style.safe(&reason.message).split(' ')), style.width, 2);
        if reason_lines.len() > REASON_LINES_MAX {
            let rest = reason_lines.split_off(REASON_LINES_MAX - 1);
            let rest: Vec<&str> = rest.iter().map(|line| line.trim()).collect();
            reason_lines.push(format!("  {}", rest.join(" ")));
        }
        if lines.len() + reason_lines.len() + 2 > LINES_MAX {
            break;
        }
        lines.extend(reason_lines);
        told += 1;
    }
    if told < verdict.reasons.len() {
        lines.push(format!("[{} more]", text::count(number(verdict.reasons.len() - told))));
    }
    lines.push(last);
    for (i, line) in lines.iter().enumerate() {
        let line = style.fit(line.trim_end(), style.width);
        let painted =
            if i == 0 { super::table::painted(&line, status.len().min(line.len()), code(verdict.status), style) } else { line };
        writeln!(out, "{}", painted.trim_end())?;
    }
    Ok(())
}

fn code(status: Status) -> &'static str {
    match status {
        Status::Pass => "1;32",
        Status::Fail => "1;31",
        Status::Inconclusive => "33",
    }
}

/// What was checked; after a failure, how to see more.
fn last_line(report: &Report, verdict: &Verdict, style: &Style) -> String {
    match (verdict.status, verdict.checks.as_slice()) {
        (Status::Pass, [check]) => format!("checked: {}", style.safe(&check.name)),
        (Status::Pass, checks) => format!("{} checks passed", text::count(number(checks.len()))),
        (Status::Fail, _) if report.inputs.len() < 2 => "heapdiff top with the same file shows every type".to_owned(),
        (Status::Fail, _) => "heapdiff trend with the same files shows every type".to_owned(),
        (Status::Inconclusive, _) => "exit code 4; --inconclusive pass makes it 0".to_owned(),
    }
}
