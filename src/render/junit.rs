//! JUnit XML, as Jenkins, GitLab and most build servers read it: a test case for everything checked, and for every reason.
//!
//! There are neither times nor host names in it: the same inputs give the same bytes.

use std::borrow::Cow;
use std::io::{self, Write};

use super::verdict::{is_failure, subject};
use super::{Renderer, Style};
use crate::report::{Check, Reason, Report, Status};
use crate::text::safe_name;

/// `--format junit`.
pub(super) struct JUnit;

impl Renderer for JUnit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn shows_verdicts_only(&self) -> bool {
        true
    }

    fn render(&self, report: &Report, _style: &Style, out: &mut dyn Write) -> io::Result<()> {
        let (reasons, checks) = report.verdict.as_ref().map_or((&[][..], &[][..]), |v| (&v.reasons[..], &v.checks[..]));
        // A check that does not hold is told by its reasons.
        let passed: Vec<&Check> = checks.iter().filter(|check| check.status == Status::Pass).collect();
        let failures = reasons.iter().filter(|reason| is_failure(reason)).count();
        let errors = reasons.len() - failures;
        let sums = format!("tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\"", passed.len() + reasons.len());
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(out, "<testsuites name=\"heapdiff\" {sums}>")?;
        writeln!(out, "  <testsuite name=\"heapdiff check\" {sums} skipped=\"0\">")?;
        for check in passed {
            writeln!(out, "    <testcase classname=\"heapdiff.{}\" name=\"{}\"/>", xml(&check.code), xml(&check.name))?;
        }
        for reason in reasons {
            write_reason(reason, out)?;
        }
        writeln!(out, "  </testsuite>\n</testsuites>")
    }
}

fn write_reason(reason: &Reason, out: &mut dyn Write) -> io::Result<()> {
    let element = if is_failure(reason) { "failure" } else { "error" };
    let (code, message) = (xml(&reason.code), xml(&reason.message));
    writeln!(out, "    <testcase classname=\"heapdiff.{code}\" name=\"{}\">", xml(subject(reason)))?;
    let place = reason.rule.as_ref().map(|place| format!("\n{}:{}", xml(&place.file), place.line)).unwrap_or_default();
    writeln!(out, "      <{element} type=\"{code}\" message=\"{message}\">{message}{place}</{element}>")?;
    writeln!(out, "    </testcase>")
}

/// Text as XML takes it in content and in attributes. Control characters, which XML 1.0 cannot hold at all, are written out.
fn xml(raw: &str) -> String {
    let safe: Cow<'_, str> = safe_name(raw);
    let mut text = String::with_capacity(safe.len() + 16);
    for c in safe.chars() {
        match c {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => text.extend(c.escape_unicode()),
            c => text.push(c),
        }
    }
    text
}
