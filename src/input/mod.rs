//! Input formats: one file (or folder) each, chosen by content.

use crate::error::ErrorKind;
use crate::identity::Identify;
use crate::snapshot::{Runtime, Snapshot};
use crate::source::Source;
use crate::source_maps::SourceMaps;
use crate::stacks::DropFrames;

pub mod summary;
pub mod v8;

/// A format heapdiff reads.
pub trait InputFormat: Sync {
    /// The name in reports.
    fn name(&self) -> &'static str;
    /// Whose objects the format describes.
    fn runtime(&self) -> Runtime;
    /// Whether content that begins so is of this format.
    fn sniff(&self, head: &[u8]) -> Sniff;
    /// Reads a snapshot.
    ///
    /// # Errors
    /// If the input is not a whole, consistent snapshot of this format.
    fn read(&self, source: &mut Source, want: Want<'_>) -> Result<Snapshot, ErrorKind>;
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
    /// Name functions, modules and the like, where the type alone groups them otherwise (Python).
    pub names: bool,
    /// Count an instance and its attribute dictionary as one (Python).
    pub collapse: bool,
    /// Leave out a last record that is cut in the middle, instead of refusing the input.
    pub allow_truncated: bool,
    /// Count only objects allocated in a range of a recording; the others are one group of the kind
    /// [`OUTSIDE`](crate::snapshot::OUTSIDE).
    pub allocated_between: Option<TimeRange>,
    /// Frames to take off every stack.
    pub drop_frames: Option<&'a DropFrames>,
    /// Where the frames of bundled and minified scripts stand in their sources.
    pub source_maps: Option<&'a SourceMaps>,
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
        names: false,
        collapse: false,
        allow_truncated: false,
        allocated_between: None,
        drop_frames: None,
        source_maps: None,
    };
}

/// The formats, most specific first.
pub static FORMATS: &[&dyn InputFormat] = &[&summary::SummaryFormat, &v8::V8];

/// Reads a snapshot of whatever format the content shows.
///
/// # Errors
/// If no format recognizes it, the reader refuses it, or the file changed meanwhile.
pub fn read(source: &mut Source, want: Want<'_>) -> Result<Snapshot, ErrorKind> {
    let format_that = |answer| FORMATS.iter().find(|format| format.sniff(source.head()) == answer);
    let result = match format_that(Sniff::Yes).or_else(|| format_that(Sniff::Maybe)) {
        Some(format) if want.allocated_between.is_some() && format.name() != v8::NAME => {
            Err(ErrorKind::Unrecognized("it does not tell when objects were allocated: only recordings of V8 do".to_owned()))
        }
        Some(format) => format.read(source, want),
        None => Err(ErrorKind::Unrecognized(unrecognized(source.head()))),
    };
    // A changed file explains any error better than the error does.
    source.unchanged()?;
    let mut snapshot = result?;
    snapshot.file_bytes = source.file_bytes();
    snapshot.settle(want.source_maps, want.drop_frames);
    Ok(snapshot)
}

/// A sentence on what content is that no format recognizes.
fn unrecognized(head: &[u8]) -> String {
    let text = head.trim_ascii_start();
    let starts = |what: &str| text.get(..what.len()).is_some_and(|t| t.eq_ignore_ascii_case(what.as_bytes()));
    let what = if head.iter().all(|&b| b == 0) {
        "not a heap snapshot: it holds only zero bytes"
    } else if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        "is UTF-16 text; heap snapshots are UTF-8 (convert it with `iconv -f UTF-16 -t UTF-8`)"
    } else if starts("<!doctype") || starts("<html") || starts("<?xml") {
        "not a heap snapshot: it is a web page (a failed download?)"
    } else if starts("{") {
        "is a JavaScriptCore heap snapshot; Bun writes V8's format with Bun.generateHeapSnapshot(\"v8\")"
    } else if starts("PK\u{3}\u{4}") {
        "is a zip archive; unpack it first"
    } else {
        return format!("not a heap snapshot: it begins with {}", crate::error::excerpt(head));
    };
    what.to_owned()
}
