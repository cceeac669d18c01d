//! Allocations that Python's `tracemalloc` traced, as JSON: `{"format": "tracemalloc", "traces": [{"size": bytes, "count": blocks,
//! "stack": [[file, line], …]}, …]}`. Further keys are ignored.
//!
//! A stack is in the order of the raw traces of a `tracemalloc.Snapshot`: the most recent frame first. (The `Traceback` objects
//! that Python 3.7 and later make of them are in the opposite order.)

use crate::error::ErrorKind;
use crate::input::stack_list::{KIND, frame};
use crate::input::summary::SummaryFormat;
use crate::input::text::{Text, compact};
use crate::input::{InputFormat, Sniff, Want, json};
use crate::scan::Kernel;
use crate::snapshot::{Histogram, Runtime, Snapshot};
use crate::source::Source;
use crate::stacks::{NOT_TRACKED, Stacks};

/// The format of `tracemalloc` traces as JSON.
pub struct Tracemalloc;

/// Name of the format in reports.
pub const NAME: &str = "tracemalloc";

impl InputFormat for Tracemalloc {
    fn name(&self) -> &'static str {
        NAME
    }

    fn runtime(&self) -> Runtime {
        Runtime::Untyped
    }

    fn repeats(&self) -> bool {
        true
    }

    /// An object that says so (and is no summary of one), or whose first member is a list of traces: the word may then come late.
    fn sniff(&self, head: &[u8]) -> Sniff {
        let text = compact(head);
        if SummaryFormat.sniff(head) == Sniff::Yes {
            return Sniff::No;
        }
        let says_so = text.starts_with(b"{") && memchr::memmem::find(&text, b"\"format\":\"tracemalloc\"").is_some();
        if says_so || text.starts_with(b"{\"traces\":[") { Sniff::Yes } else { Sniff::No }
    }

    fn read(&self, source: &mut Source, _: Want<'_>) -> Result<Snapshot, ErrorKind> {
        let mut stream = source.take_stream();
        let mut text = Text::new(&mut stream, 0, Kernel::best());
        text.section = "traces";
        text.skip_bom()?;
        let (mut histogram, mut stacks) = (Histogram::default(), Stacks::default());
        let mut seen = Vec::new();
        json::object(&mut text, |text, key| match key {
            "format" => {
                once(text, key, &mut seen)?;
                text.peek_token()?;
                let offset = text.offset();
                let format = json::string(text)?;
                if format == NAME {
                    Ok(())
                } else {
                    Err(text.inconsistent(offset, format!("the format is {format:?}, not {NAME:?}")))
                }
            }
            "traces" => {
                once(text, key, &mut seen)?;
                json::array(text, |text| trace(text, &mut histogram, &mut stacks))
            }
            _ => json::value(text),
        })?;
        text.end()?;
        if let Some(key) = ["format", "traces"].into_iter().find(|key| !seen.iter().any(|seen| seen == key)) {
            return Err(text.inconsistent(text.offset(), format!("the key {key:?} is missing")));
        }
        Ok(histogram.snapshot(NAME, Runtime::Untyped, stacks))
    }
}

/// Reads the blocks allocated at one stack; a trace without a count is one block.
fn trace(text: &mut Text<'_>, histogram: &mut Histogram, stacks: &mut Stacks) -> Result<(), ErrorKind> {
    text.peek_token()?;
    let offset = text.offset();
    let (mut size, mut count, mut frames) = (0, 1, Vec::new());
    let mut seen = Vec::new();
    json::object(text, |text, key| {
        if let "size" | "count" | "stack" = key {
            once(text, key, &mut seen)?;
        }
        match key {
            "size" => size = json::number(text, "a size in bytes")?,
            "count" => count = json::number(text, "a number of blocks")?,
            "stack" => json::array(text, |text| {
                frames.push(frame(text)?);
                Ok(())
            })?,
            _ => json::value(text)?,
        }
        Ok(())
    })?;
    if let Some(key) = ["size", "stack"].into_iter().find(|key| !seen.iter().any(|seen| seen == key)) {
        return Err(text.inconsistent(offset, format!("a trace has no {key}")));
    }
    let stack = frames.into_iter().rev().fold(NOT_TRACKED, |stack, frame| stacks.push(stack, frame));
    histogram.add(KIND, "", stack, count, size).map_err(|problem| text.inconsistent(offset, problem))
}

/// Notes a key, which may stand in an object once.
fn once(text: &Text<'_>, key: &str, seen: &mut Vec<String>) -> Result<(), ErrorKind> {
    if seen.iter().any(|seen| seen == key) {
        return Err(text.inconsistent(text.offset(), format!("the key {key:?} appears twice")));
    }
    seen.push(key.to_owned());
    Ok(())
}
