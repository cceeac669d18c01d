//! Input formats: one file (or folder) each, chosen by content.

use crate::error::ErrorKind;
use crate::heap::{Heap, HeapWant};
use crate::identity::Identify;
use crate::snapshot::{Runtime, Snapshot};
use crate::source::Source;
use crate::source_maps::SourceMaps;
use crate::stacks::{DropFrames, OfStacks};

mod feed;
mod foreign;
pub mod jmap;
mod json;
pub mod meliae;
pub mod memray;
pub mod ruby;
pub mod stack_list;
pub mod summary;
mod text;
pub mod tracemalloc;
pub mod v8;

/// A format heapdiff reads.
pub trait InputFormat: Sync {
    /// The name in reports.
    fn name(&self) -> &'static str;
    /// Whose objects the format describes.
    fn runtime(&self) -> Runtime;
    /// Whether records may be equal, so that content may be packed to next to nothing. Objects with ids or addresses differ.
    fn repeats(&self) -> bool {
        false
    }
    /// Whether content that begins so is of this format.
    fn sniff(&self, head: &[u8]) -> Sniff;
    /// An odd object id that is probably not above the highest, but near it, as far as a short look tells; else 0.
    fn recent_id(&self, _: &Source) -> u64 {
        0
    }
    /// Reads a snapshot.
    ///
    /// # Errors
    /// If the input is not a whole, consistent snapshot of this format.
    fn read(&self, source: &mut Source, want: Want<'_>) -> Result<Snapshot, ErrorKind>;
    /// Reads a snapshot with its graph.
    ///
    /// # Errors
    /// As [`InputFormat::read`]; if the format has no references, or not those that are needed; and if there is not enough memory.
    fn read_heap(&self, _: &mut Source, _: Want<'_>, heap: HeapWant<'_>) -> Result<Heap, ErrorKind> {
        Err(heap.refused(&format!("a file of format {} holds no references between objects", self.name())))
    }
}

/// Whether content is of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniff {
    /// It is.
    Yes,
    /// It may be: its reader will tell.
    Maybe,
    /// It is not.
    No,
}

/// What is wanted of a snapshot beside its groups.
#[derive(Debug, Clone, Copy)]
pub struct Want<'a> {
    /// What the objects are to be remembered for.
    pub identify: Identify<'a>,
    /// Look at everything in the file, not only at what the groups need.
    pub verify: bool,
    /// Tell groups apart by allocation stack. Formats that know nothing but stacks always do.
    pub stacks: bool,
    /// What is asked for of each stack: those that are equal in it may count as one of them.
    pub of_stacks: OfStacks,
    /// Name functions, modules and the like, where the type alone groups them otherwise (Python).
    pub names: bool,
    /// Count an instance and its attribute dictionary as one (Python).
    pub collapse: bool,
    /// Leave out a last record that is cut in the middle, instead of refusing the input.
    pub allow_truncated: bool,
    /// Tell the types of a kind apart: not needed where rows go by stacks alone.
    pub types: bool,
    /// Count only objects allocated in a range of a recording; the others are one group of the kind
    /// [`OUTSIDE`](crate::snapshot::OUTSIDE).
    pub allocated_between: Option<TimeRange>,
    /// Frames to take off every stack.
    pub drop_frames: Option<&'a DropFrames>,
    /// Where the frames of bundled and minified scripts stand in their sources.
    pub source_maps: Option<&'a SourceMaps>,
    /// What only references tell; None reads none.
    pub heap: Option<HeapWant<'a>>,
    /// Most bytes of the (unpacked) input, if that was said.
    pub input_max: Option<u64>,
}

/// A range of time from the beginning of a recording, its beginning excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// Microseconds.
    pub from_us: u64,
    /// Microseconds.
    pub to_us: u64,
}

impl Want<'_> {
    /// Groups and nothing else.
    pub const GROUPS: Self = Self {
        identify: Identify::No,
        verify: false,
        stacks: false,
        of_stacks: OfStacks::Whole,
        names: false,
        collapse: false,
        allow_truncated: false,
        types: true,
        allocated_between: None,
        drop_frames: None,
        heap: None,
        source_maps: None,
        input_max: None,
    };
}

/// The formats, most specific first.
pub static FORMATS: &[&dyn InputFormat] = &[
    &summary::SummaryFormat,
    &meliae::Meliae,
    &stack_list::StackList,
    &tracemalloc::Tracemalloc,
    &memray::Memray,
    &jmap::Jmap,
    &ruby::Ruby,
    &v8::V8,
];

/// An odd object id that is probably not above an input's highest, but near it; 0 where a short look does not tell.
#[must_use]
pub fn recent_id(source: &Source) -> u64 {
    format_of(source.head()).map_or(0, |format| format.recent_id(source))
}

/// The format that content is of or may be of; else a sentence on what it is.
fn format_of(head: &[u8]) -> Result<&'static dyn InputFormat, String> {
    if let Some(what) = foreign::known(head) {
        return Err(what.to_owned());
    }
    let format_that = |answer| FORMATS.iter().copied().find(|format| format.sniff(head) == answer);
    format_that(Sniff::Yes).or_else(|| format_that(Sniff::Maybe)).ok_or_else(|| foreign::unknown(head))
}

/// Whether content that begins so is certainly of a format.
pub(crate) fn is_known(head: &[u8]) -> bool {
    format_of(head).is_ok_and(|format| format.sniff(head) == Sniff::Yes)
}

/// Reads a snapshot of whatever format the content shows.
///
/// # Errors
/// If no format recognizes it, the reader refuses it, or the file changed meanwhile.
pub fn read(source: &mut Source, want: Want<'_>) -> Result<Snapshot, ErrorKind> {
    let refused = |sentence: &str| Err(ErrorKind::Unrecognized(sentence.to_owned()));
    let format = format_of(source.head());
    if format.as_ref().is_ok_and(|format| format.repeats()) {
        source.expect_repetition();
    }
    let result = format.map_err(ErrorKind::Unrecognized).and_then(|format| match want.heap {
        _ if want.allocated_between.is_some() && format.name() != v8::NAME => {
            refused("it does not tell when objects were allocated: only recordings of V8 do")
        }
        None => format.read(source, want).map(|mut snapshot| {
            snapshot.settle(want.source_maps, want.drop_frames);
            snapshot
        }),
        Some(heap) => format.read_heap(source, want, heap).map(|read| read.finish(want, heap)),
    });
    // A changed file explains any error better than the error does.
    source.unchanged()?;
    let mut snapshot = result?;
    snapshot.file_bytes = source.file_bytes();
    Ok(snapshot)
}

/// Reads a snapshot with its graph, of whatever format the content shows. Strings may be looked up in the file's map for as long as
/// the graph lives: ask [`Source::unchanged`] before a result is used.
///
/// # Errors
/// As [`read`], and if the format has no references.
pub fn read_heap(source: &mut Source, want: Want<'_>, heap: HeapWant<'_>) -> Result<Heap, ErrorKind> {
    let result =
        format_of(source.head()).map_err(ErrorKind::Unrecognized).and_then(|format| format.read_heap(source, want, heap));
    source.unchanged()?;
    let mut heap = result?;
    heap.snapshot.file_bytes = source.file_bytes();
    Ok(heap)
}
