//! Summaries: kilobytes that stand for a snapshot in later comparisons.
//!
//! A summary holds every (kind, name) group, the header's facts and the id range that orders a series. Strings, numbers, symbols
//! and regular expressions are one group each with an empty name, so no content of the heap is in it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;
use crate::snapshot::{Histogram, Runtime, Snapshot};
use crate::stacks::{NOT_TRACKED, Stacks};

/// Value of `schema` in every summary.
pub const SCHEMA: &str = "heapdiff.summary";
/// Value of `schema_version` in every summary.
pub const SCHEMA_VERSION: u32 = 1;

/// The file's content.
#[derive(Debug, Serialize, Deserialize)]
pub struct Summary<'a> {
    /// Always [`SCHEMA`].
    pub schema: Cow<'a, str>,
    /// Always [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The snapshot's facts.
    pub input: Facts<'a>,
    /// Kind, name, count and self size of each group; sizes are null where the input has none.
    pub groups: Vec<Entry<'a>>,
}

/// Kind, name, count and self size.
pub type Entry<'a> = (Cow<'a, str>, Cow<'a, str>, u64, Option<u64>);

/// Facts of the snapshot a summary stands for.
#[derive(Debug, Serialize, Deserialize)]
pub struct Facts<'a> {
    /// Its format.
    pub format: Cow<'a, str>,
    /// False for a dump that showed signs of being cut short.
    #[serde(default = "yes")]
    pub complete: bool,
    /// Number of objects.
    #[serde(default)]
    pub nodes: Option<u64>,
    /// Number of references.
    #[serde(default)]
    pub edges: Option<u64>,
    /// Sum of all self sizes in bytes.
    #[serde(default)]
    pub self_size: Option<u64>,
    /// Off-heap bytes that belong to no object.
    #[serde(default)]
    pub extra_native_bytes: Option<u64>,
    /// The highest odd object id.
    #[serde(default)]
    pub order_key: Option<u64>,
}

fn yes() -> bool {
    true
}

/// The summary of a snapshot.
#[must_use]
pub fn of(snapshot: &Snapshot) -> Summary<'_> {
    let of_name = snapshot.groups.chunk_by(|a, b| (&a.kind, &a.name) == (&b.kind, &b.name));
    let groups = of_name.map(|groups| {
        let count = groups.iter().map(|group| group.count).sum();
        let self_size = groups.iter().map(|group| group.self_size).sum();
        let (kind, name) = (Cow::from(groups[0].kind.as_str()), Cow::from(groups[0].name.as_str()));
        (kind, name, count, snapshot.self_size.map(|_| self_size))
    });
    Summary {
        schema: SCHEMA.into(),
        schema_version: SCHEMA_VERSION,
        input: Facts {
            format: snapshot.kind_of_input().into(),
            complete: snapshot.complete,
            nodes: Some(snapshot.nodes),
            edges: snapshot.edges,
            self_size: snapshot.self_size,
            extra_native_bytes: snapshot.extra_native_bytes,
            order_key: snapshot.order_key,
        },
        groups: groups.collect(),
    }
}

/// The snapshot that a summary's text stands for.
///
/// # Errors
/// If the text is not a summary of a known version, or its sums contradict its groups.
pub fn parse(mut text: Vec<u8>) -> Result<Snapshot, ErrorKind> {
    let problem = |problem: String| ErrorKind::Inconsistent { section: "summary".to_owned(), offset: 0, problem };
    // The offsets that simd-json reports are of its index; serde_json finds the byte.
    let copy = text.clone();
    let summary: Summary<'_> = simd_json::serde::from_slice(&mut text).map_err(|_| malformed(&copy))?;
    if summary.schema != SCHEMA || summary.schema_version != SCHEMA_VERSION {
        return Err(problem(format!(
            "schema {:?} version {} is not {SCHEMA:?} version {SCHEMA_VERSION}",
            summary.schema, summary.schema_version
        )));
    }
    let sizes = summary.groups.iter().filter(|group| group.3.is_some()).count();
    if sizes != 0 && sizes != summary.groups.len() {
        return Err(problem("some groups have a size and some have none".to_owned()));
    }
    let has_sizes = sizes > 0 || summary.groups.is_empty() && summary.input.self_size.is_some();
    let mut histogram = Histogram::default();
    for (kind, name, count, size) in &summary.groups {
        histogram.add(kind, name, NOT_TRACKED, *count, size.unwrap_or(0)).map_err(problem)?;
    }
    let (nodes, self_size) = histogram.sums();
    let facts = summary.input;
    if facts.nodes.is_some_and(|n| n != nodes) || facts.self_size.is_some_and(|n| n != self_size) {
        return Err(problem("the groups do not add up to the sums (file damaged?)".to_owned()));
    }
    let known = crate::input::FORMATS.iter().find(|format| format.name() == facts.format);
    let runtime = known.map_or(Runtime::V8, |format| format.runtime());
    Ok(Snapshot {
        origin: Some(facts.format.into_owned()),
        complete: facts.complete,
        edges: facts.edges,
        self_size: has_sizes.then_some(self_size),
        extra_native_bytes: facts.extra_native_bytes,
        order_key: facts.order_key,
        ..histogram.snapshot(crate::input::summary::NAME, runtime, Stacks::default())
    })
}

/// The error of a text that is no summary, with the byte where it goes wrong.
fn malformed(text: &[u8]) -> ErrorKind {
    let (offset, expected) = match serde_json::from_slice::<Summary<'_>>(text) {
        Ok(_) => (0, "a summary".to_owned()),
        Err(error) => {
            let lines = text.split_inclusive(|&b| b == b'\n').take(error.line().saturating_sub(1));
            let offset = lines.map(<[u8]>::len).sum::<usize>() + error.column().saturating_sub(1);
            let message = error.to_string();
            (offset.min(text.len()), format!("a summary ({})", message.split(" at line ").next().unwrap_or_default()))
        }
    };
    let rest = &text[offset..];
    let found = if rest.is_empty() { "end of file (file cut short?)".to_owned() } else { crate::error::excerpt(rest) };
    ErrorKind::Malformed { section: "summary".to_owned(), offset: offset as u64, expected, found }
}
