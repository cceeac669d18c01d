//! What was accepted before: rows and findings of an earlier run, one a line, so that a change of the file reads as a change of the
//! heap.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;

use crate::analysis::Sizes;
use crate::grouping::{Level, Sums, rows};
use crate::render::line;
use crate::report::{Finding, TrendVerdict};
use crate::series::{Series, SeriesGroup};
use crate::trend::{group_id, judged_name};

/// Value of `schema` in every baseline.
const SCHEMA: &str = "heapdiff.baseline";
/// The version this program writes and reads.
const SCHEMA_VERSION: u32 = 1;

/// An accepted state.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Baseline {
    schema: String,
    schema_version: u32,
    /// What the caller calls it: a branch, a commit.
    pub name: Option<String>,
    /// Version of the runtime, as the caller gave it.
    pub runtime: Option<String>,
    /// Format of the inputs.
    pub format: String,
    /// Which sizes count: `self` unless it says otherwise.
    #[serde(default = "recorded")]
    pub sizes: String,
    /// Number of snapshots.
    pub snapshots: usize,
    /// Objects and bytes of the last snapshot.
    pub total: (u64, Option<u64>),
    /// Kind, name and verdict of the headline of every finding.
    findings: Vec<(String, String, Known)>,
    /// Level, key, objects and bytes of every row of the last snapshot.
    groups: Vec<(String, String, u64, Option<u64>)>,
}

fn recorded() -> String {
    Sizes::Recorded.label().to_owned()
}

/// Verdicts of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Known {
    Leak,
    Suspect,
}

impl Baseline {
    /// Reads a baseline.
    ///
    /// # Errors
    /// What is wrong with it, with the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let baseline: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if baseline.schema != SCHEMA || baseline.schema_version != SCHEMA_VERSION {
            return Err(format!("expected schema {SCHEMA} of version {SCHEMA_VERSION}"));
        }
        Ok(baseline)
    }

    /// The name in a sentence.
    #[must_use]
    pub fn called(&self) -> String {
        self.name.as_ref().map_or_else(|| "the baseline".to_owned(), |name| format!("baseline {name}"))
    }

    /// The rows of a level by key; None if the baseline has none of it.
    #[must_use]
    pub fn rows(&self, level: Level) -> Option<BTreeMap<&str, (u64, Option<u64>)>> {
        let of_level = self.groups.iter().filter(|(name, ..)| name == level.label());
        let rows: BTreeMap<_, _> = of_level.map(|(_, key, count, size)| (key.as_str(), (*count, *size))).collect();
        (!rows.is_empty()).then_some(rows)
    }

    /// Whether a finding headed by a group was accepted, with a verdict no weaker.
    #[must_use]
    pub fn knows(&self, verdict: TrendVerdict, kind: &str, name: &str) -> bool {
        let accepted = |known: Known| known == Known::Leak || verdict == TrendVerdict::Suspect;
        self.findings.iter().any(|(k, n, known)| k == kind && n == name && accepted(*known))
    }

    /// What a reader of a comparison has to know: the states were not taken alike.
    #[must_use]
    pub fn difference(&self, series: &Series, runtime: Option<&str>) -> Option<String> {
        let called = self.called();
        let say =
            |version: Option<&str>| version.map_or_else(|| "an unknown version".to_owned(), |version| format!("{version:?}"));
        let format = series.inputs.last().map_or("", |input| input.snapshot.kind_of_input());
        if format != self.format {
            return Some(format!("{called} was made of {} files, not {format}: names and sizes may not compare", self.format));
        }
        (self.runtime.as_deref() != runtime).then(|| {
            let (theirs, ours) = (say(self.runtime.as_deref()), say(runtime));
            format!("{called} is of runtime {theirs}, the snapshots of {ours}: some differences are the runtime's own")
        })
    }
}

/// What a baseline says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// What the caller calls it.
    pub name: Option<&'a str>,
    /// Version of the runtime.
    pub runtime: Option<&'a str>,
    /// Which sizes count.
    pub sizes: Sizes,
}

/// The text of a baseline: the state of a series now, with its rows at some levels.
#[must_use]
pub fn write(series: &Series, findings: &[Finding], levels: &[Level], header: Header<'_>) -> String {
    let format = series.inputs.last().map_or("", |input| input.snapshot.kind_of_input());
    let every: Vec<usize> = (0..series.groups.len()).collect();
    let last = |sums: &Sums| {
        let size = sums.self_size.last().filter(|_| series.has_sizes);
        (sums.count.last().copied().unwrap_or(0), size.copied())
    };
    let mut text = format!("{{\"schema\":\"{SCHEMA}\",\"schema_version\":{SCHEMA_VERSION},\n");
    // Writing to text does not fail.
    let _ = writeln!(text, "\"name\":{},\"runtime\":{},", line(&header.name), line(&header.runtime));
    let _ = writeln!(text, "\"format\":{},\"sizes\":{},", line(&format), line(&header.sizes.label()));
    let _ = writeln!(text, "\"snapshots\":{},", series.inputs.len());
    let _ = writeln!(text, "\"total\":{},", line(&last(&Sums::of(series, &every))));
    let raw: BTreeMap<String, &SeriesGroup> = series.groups.iter().map(|group| (group_id(series, group), group)).collect();
    let findings = findings.iter().filter(|finding| !finding.runtime).filter_map(|finding| {
        let group = raw.get(&finding.headline)?;
        Some(line(&(&group.kind, judged_name(series, group), finding.verdict)))
    });
    let mut lines: Vec<String> = findings.collect();
    lines.sort_unstable();
    let _ = write!(text, "\"findings\":[\n{}\n],\n\"groups\":[\n", lines.join(",\n"));
    lines.clear();
    for &level in levels {
        let rows = rows(series, &every, level, &[]);
        let there = rows.iter().map(|row| (row, last(&row.sums))).filter(|(_, (count, _))| *count > 0);
        lines.extend(there.map(|(row, (count, size))| line(&(level.label(), &row.key[0], count, size))));
    }
    let _ = write!(text, "{}\n]}}\n", lines.join(",\n"));
    text
}
