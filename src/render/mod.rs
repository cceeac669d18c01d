//! Renderers: one file a format, each turns a [`Report`] into bytes and computes nothing.
//!
//! What a renderer prints is safe on a terminal, in a spreadsheet and in a pull request whatever the names in a snapshot are:
//! every piece of text goes through [`text::safe_name`] or, in JSON, is escaped where strings are written.

mod brief;
mod causes;
mod comment;
mod csv;
mod findings;
mod folded;
mod github;
mod gitlab;
mod grid;
mod json;
mod junit;
mod markdown;
mod ndjson;
mod openmetrics;
mod paths;
mod rows;
#[cfg(test)]
mod samples;
mod sentences;
mod strings;
mod table;
#[cfg(test)]
mod tests;
mod verdict;

use std::io;

use crate::graph::paths::HELD_BY;
use crate::report::{Report, Warning};
use crate::text;

/// An output format.
pub trait Renderer: Sync {
    /// What `--format` calls it.
    fn name(&self) -> &'static str;

    /// Whether it shows stacks: it then gets all rows, by stack, where no levels or number of rows were asked for.
    fn wants_stacks(&self) -> bool {
        false
    }

    /// Whether it shows nothing but the verdict of `check`, so that other commands have no use for it.
    fn shows_verdicts_only(&self) -> bool {
        false
    }

    /// Writes the report, the last line's end included. Writes are small: `out` should be buffered.
    ///
    /// # Errors
    /// Only what writing to `out` returns.
    fn render(&self, report: &Report, style: &Style, out: &mut dyn io::Write) -> io::Result<()>;
}

/// Columns no terminal has.
const LINE_MAX: usize = 1000;

/// Every output format, in the order help lists them.
pub static RENDERERS: &[&dyn Renderer] = &[
    &table::Table,
    &json::Json,
    &ndjson::NdJson,
    &csv::Csv,
    &markdown::Markdown,
    &brief::Brief,
    &folded::Folded,
    &junit::JUnit,
    &github::GitHub,
    &gitlab::GitLab,
    &openmetrics::OpenMetrics,
];

/// The format of a name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Renderer> {
    RENDERERS.iter().copied().find(|renderer| renderer.name() == name)
}

/// A value as JSON that is safe to show on a terminal; empty if it has no JSON form.
pub(crate) fn line<T: serde::Serialize>(value: &T) -> String {
    let mut out = Vec::new();
    let written = json::write_line(value, &mut out).is_ok();
    String::from_utf8(out).ok().filter(|_| written).map_or_else(String::new, |line| line.trim_end().to_owned())
}

/// The JSON Schema of the report, generated from its types.
#[must_use]
pub fn schema() -> String {
    let settings = schemars::generate::SchemaSettings::default().for_serialize();
    format!("{:#}\n", settings.into_generator().into_root_schema_for::<Report>().to_value())
}

/// How output for people looks. Formats for programs pay no attention to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns a line may take.
    pub width: usize,
    /// Whether to use terminal colours.
    pub color: bool,
    /// Whether to print nothing outside ASCII.
    pub ascii: bool,
    /// Whether to print exact byte numbers instead of binary units.
    pub bytes: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 80, color: false, ascii: false, bytes: false }
    }
}

impl Style {
    fn ellipsis(&self) -> &'static str {
        if self.ascii { "..." } else { "…" }
    }

    fn arrow(&self) -> &'static str {
        if self.ascii { "->" } else { "→" }
    }

    /// A name for people, made safe; one longer than any line is cut before the whole of it is looked at.
    fn safe(&self, name: &str) -> String {
        let name = text::fit(name, LINE_MAX, self.ellipsis());
        if self.ascii {
            text::ascii_name(&name.replace(HELD_BY, " <- ")).into_owned()
        } else {
            text::safe_name(&name).into_owned()
        }
    }

    fn fit(&self, safe: &str, columns: usize) -> String {
        text::fit(safe, columns, self.ellipsis()).into_owned()
    }

    /// Bytes in a table's cell.
    fn size(&self, bytes: u64) -> String {
        if self.bytes { text::count(bytes) } else { text::size(bytes) }
    }

    /// A difference in bytes in a table's cell.
    fn signed_size(&self, delta: i64) -> String {
        if self.bytes { text::signed_count(delta) } else { text::signed_size(delta) }
    }

    /// Bytes in a sentence.
    fn size_words(&self, bytes: u64) -> String {
        if self.bytes { format!("{} bytes", text::count(bytes)) } else { text::size(bytes) }
    }

    /// The sizes of an input, in a sentence.
    fn total_words(&self, bytes: Option<u64>) -> String {
        bytes.map_or_else(|| "no sizes".to_owned(), |bytes| self.size_words(bytes))
    }

    /// A difference in bytes in a sentence.
    fn signed_size_words(&self, delta: i64) -> String {
        if self.bytes { format!("{} bytes", text::signed_count(delta)) } else { text::signed_size(delta) }
    }
}

/// What there is to warn of, the series before the inputs, each once.
fn warnings(report: &Report) -> Vec<&Warning> {
    let mut told: Vec<&Warning> = report.warnings.iter().collect();
    for warning in report.inputs.iter().flat_map(|input| &input.warnings) {
        if !told.iter().any(|other| other.code == warning.code && other.message == warning.message) {
            told.push(warning);
        }
    }
    told
}

/// Whether `--why` can be asked of a report's inputs.
fn has_references(report: &Report) -> bool {
    let formats = [crate::input::v8::NAME, crate::input::meliae::NAME];
    report.inputs.iter().all(|input| formats.contains(&input.format) && input.path != "-")
}

/// A length as the type counts are printed from.
fn number(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
