//! Commands to a GitHub workflow that make annotations: `::error …::message`.

use std::io::{self, Write};

use super::verdict::{is_failure, loud, subject};
use super::{Renderer, Style, number};
use crate::report::{Place, Report};
use crate::text;

/// `--format github`.
pub(super) struct GitHub;

/// Annotations that are made. GitHub shows ten of a step, and drops the others without a word.
pub(super) const ANNOTATIONS_MAX: usize = 8;
/// Columns of a title and of a message.
const TITLE_MAX: usize = 100;
const MESSAGE_MAX: usize = 1000;

/// What an annotation says.
struct Annotation<'a> {
    level: &'static str,
    place: Option<&'a Place>,
    title: String,
    message: &'a str,
}

impl Renderer for GitHub {
    fn name(&self) -> &'static str {
        "github"
    }

    fn shows_verdicts_only(&self) -> bool {
        true
    }

    fn render(&self, report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        let Some(verdict) = &report.verdict else {
            return writeln!(out, "::notice title=heapdiff::no verdict");
        };
        let reasons = verdict.reasons.iter().map(|reason| Annotation {
            level: if is_failure(reason) { "error" } else { "warning" },
            place: reason.rule.as_ref(),
            title: format!("heapdiff: {}", subject(reason)),
            message: &reason.message,
        });
        let warnings = super::warnings(report).into_iter().map(|warning| Annotation {
            level: "warning",
            place: None,
            title: format!("heapdiff: {}", warning.code),
            message: &warning.message,
        });
        let all: Vec<Annotation<'_>> = reasons.chain(warnings).collect();
        let shown = if all.len() > ANNOTATIONS_MAX { ANNOTATIONS_MAX - 1 } else { all.len() };
        for annotation in &all[..shown] {
            annotation.write(style, out)?;
        }
        if all.len() > shown {
            let hidden = text::count(number(all.len() - shown));
            let level = if all[shown..].iter().any(|other| other.level == "error") { "error" } else { "warning" };
            writeln!(out, "::{level} title=heapdiff::and {hidden} more, hidden here: see the report")?;
        }
        if all.is_empty() {
            let checks = text::count(number(verdict.checks.len()));
            writeln!(out, "::notice title=heapdiff::{}, checked: {checks}", loud(verdict.status).to_lowercase())?;
        }
        Ok(())
    }
}

impl Annotation<'_> {
    fn write(&self, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        let cut = |text: &str, columns| style.fit(&style.safe(text), columns);
        write!(out, "::{} ", self.level)?;
        if let Some(place) = self.place {
            write!(out, "file={},line={},", property(&style.safe(&place.file)), place.line)?;
        }
        writeln!(out, "title={}::{}", property(&cut(&self.title, TITLE_MAX)), data(&cut(self.message, MESSAGE_MAX)))
    }
}

/// A command's message, escaped as GitHub's runner reads it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a command's property, escaped as GitHub's runner reads it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
