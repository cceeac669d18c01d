//! Stack lists: a JSON array with the stack of every leaked object, as `traceback.extract_stack()` gives them to Python programs.
//!
//! A stack is an array of frames `[file, line, function, source]`, the oldest first. Line, function and source may be null, and
//! function and source left out. Objects have no type and no size.

use crate::error::ErrorKind;
use crate::input::text::{Text, compact};
use crate::input::{InputFormat, Sniff, Want, json};
use crate::scan::Kernel;
use crate::snapshot::{Histogram, Runtime, Snapshot};
use crate::source::Source;
use crate::stacks::{Frame, NOT_TRACKED, Stacks};

/// The format of stack lists.
pub struct StackList;

/// Name of the format in reports.
pub const NAME: &str = "stack-list";
/// Kind of objects of which only the allocation is known.
pub(super) const KIND: &str = "allocation";

impl InputFormat for StackList {
    fn name(&self) -> &'static str {
        NAME
    }

    fn runtime(&self) -> Runtime {
        Runtime::Untyped
    }

    fn repeats(&self) -> bool {
        true
    }

    /// A list of stacks, or what may become one: a list of nothing, one that is cut short.
    fn sniff(&self, head: &[u8]) -> Sniff {
        let text = compact(head);
        if text.starts_with(b"[[[\"") || text.starts_with(b"[[]") {
            Sniff::Yes
        } else if text == b"[]" || !text.is_empty() && b"[[[\"".starts_with(&text) {
            Sniff::Maybe
        } else {
            Sniff::No
        }
    }

    fn read(&self, source: &mut Source, _: Want<'_>) -> Result<Snapshot, ErrorKind> {
        let mut stream = source.take_stream();
        let mut text = Text::new(&mut stream, 0, Kernel::best());
        text.section = "stacks";
        text.skip_bom()?;
        let (mut histogram, mut stacks) = (Histogram::default(), Stacks::default());
        json::array(&mut text, |text| {
            let offset = text.offset();
            let mut stack = NOT_TRACKED;
            json::array(text, |text| {
                stack = stacks.push(stack, frame(text)?);
                Ok(())
            })?;
            histogram.add(KIND, "", stack, 1, 0).map_err(|problem| text.inconsistent(offset, problem))
        })?;
        text.end()?;
        Ok(Snapshot { self_size: None, ..histogram.snapshot(NAME, Runtime::Untyped, stacks) })
    }
}

/// Reads a frame `[file, line, function, source]`; all but the file and the line may be left out.
pub(super) fn frame(text: &mut Text<'_>) -> Result<Frame, ErrorKind> {
    let mut frame = Frame::default();
    let mut fields = 0;
    json::array(text, |text| {
        fields += 1;
        match fields {
            1 => frame.script = json::string(text)?,
            2 => frame.line = json::optional(text, |text| json::number(text, "a line number"))?.unwrap_or(0),
            3 => frame.function = json::optional(text, json::string)?.unwrap_or_default(),
            4 => drop(json::optional(text, json::skip_string)?),
            _ => return Err(text.unexpected("\"]\" behind a file, line, function and source")),
        }
        Ok(())
    })?;
    if fields < 2 { Err(text.unexpected("a frame of a file, line, function and source")) } else { Ok(frame) }
}
