//! Python object dumps: what meliae's scanner writes, and `pyrasite-memory-viewer` with it.
//!
//! One record a line, an object each: address, type, size, references. All lines of real dumps have one order of fields and one
//! way of spacing, which the kernel reads; any other JSON object a line goes to `json.rs`. Pieces of the file (`input/feed.rs`) are read
//! by all threads (`piece.rs`, `groups.rs`) and taken in in the order of the file (`workers.rs`), which is where it shows whether
//! the dump is whole (`whole.rs`).

use crate::error::ErrorKind;
use crate::graph::ordinal;
use crate::heap::{Heap, HeapWant};
use crate::input::feed::{Feed, Stream};
use crate::input::{InputFormat, Sniff, Want};
use crate::report::Warning;
use crate::snapshot::{Group, Runtime, Snapshot};
use crate::source::Source;
use crate::stacks::{NOT_TRACKED, Stacks};
use crate::text::{count, share};
use groups::Counted;
use whole::Whole;

mod addresses;
mod collapse;
mod graph;
mod groups;
mod islands;
mod json;
mod piece;
mod whole;
mod words;
mod workers;

/// The format of meliae's scanner.
pub struct Meliae;

/// Name of the format in reports.
pub const NAME: &str = "meliae";

/// What positions are in, in messages.
const SECTION: &str = "objects";
const BOM: &[u8] = b"\xef\xbb\xbf";
/// How much of a first line is looked at to tell the format.
const SNIFFED: usize = 1 << 20;
/// References that lead nowhere in a dump that passes for whole: so many, or one in so many if that is more. Whole dumps have none
/// or one (of the scanner itself); one that was cut short had 585 of 66,329.
const DANGLING_MAX: u64 = 8;
const DANGLING_ONE_IN: u64 = 100_000;

impl InputFormat for Meliae {
    fn name(&self) -> &'static str {
        NAME
    }

    fn runtime(&self) -> Runtime {
        Runtime::Python
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        let text = head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start();
        let text = text.strip_prefix(b"[").map_or(text, <[u8]>::trim_ascii_start);
        let line = &text[..memchr::memchr(b'\n', text).unwrap_or(text.len()).min(SNIFFED)];
        let begins = |key: &str, with: fn(u8) -> bool| {
            memchr::memmem::find_iter(line, key.as_bytes()).any(|at| {
                let after = line[at + key.len()..].trim_ascii_start().strip_prefix(b":");
                after.and_then(|value| value.trim_ascii_start().first()).is_some_and(|&byte| with(byte))
            })
        };
        let number: fn(u8) -> bool = |byte| byte.is_ascii_digit();
        let record = line.starts_with(b"{")
            && begins("\"address\"", number)
            && begins("\"type\"", |byte| byte == b'"')
            && begins("\"size\"", number);
        if record { Sniff::Yes } else { Sniff::No }
    }

    fn read(&self, source: &mut Source, want: Want<'_>) -> Result<Snapshot, ErrorKind> {
        let (mut whole, mut workers) = workers(source, want)?;
        finish(&mut whole, &mut workers, want).map(|(snapshot, _)| snapshot)
    }

    fn read_heap(&self, source: &mut Source, want: Want<'_>, heap: HeapWant<'_>) -> Result<Heap, ErrorKind> {
        if heap.owned || heap.classes {
            return Err(heap.refused("a Python dump holds none of the references within V8"));
        }
        if heap.strings.is_some() {
            return Err(heap.refused("a Python dump holds no more than the beginnings of strings"));
        }
        let want = Want { heap: Some(heap), ..want };
        let (mut whole, mut workers) = workers(source, want)?;
        let (snapshot, place) = finish(&mut whole, &mut workers, want)?;
        // Where references are wanted there is one worker.
        let (Some(references), Some(worker)) = (whole.references.take(), workers.pop()) else {
            return Err(heap.refused("nothing was read"));
        };
        let (graph, group_of) = references.graph(&whole.addresses, worker.groups, &whole.joined, &place)?;
        let mut read = Heap { snapshot, graph, group_of, dominators: None };
        if heap.owners {
            read.split_by_owner();
        }
        Ok(read)
    }
}

fn workers<'w>(source: &mut Source, want: Want<'w>) -> Result<(Whole, Vec<piece::Worker<'w>>), ErrorKind> {
    let progress = std::sync::Arc::clone(&source.done);
    match source.mapped() {
        Some(map) => workers::read(Feed::Map { map, at: 0, progress: &progress }, want),
        None => workers::read(Feed::Stream(Stream::new(source.take_stream(), SECTION)), want),
    }
}

/// Puts together what the workers counted. Returns where each group of the last worker is, too.
fn finish(whole: &mut Whole, workers: &mut [piece::Worker<'_>], want: Want<'_>) -> Result<(Snapshot, Vec<u32>), ErrorKind> {
    workers.iter_mut().for_each(|worker| whole.settle(worker));
    let mut snapshot = Snapshot { edges: Some(whole.refs), ..Snapshot::new(NAME, Runtime::Python) };
    if let Some(warning) = cut(whole, want.allow_truncated)? {
        snapshot.complete = false;
        snapshot.warnings.push(warning);
    }
    let dangling = whole.dangling();
    if dangling > DANGLING_MAX.max(whole.refs / DANGLING_ONE_IN) {
        snapshot.complete = false;
        snapshot.warnings.push(warning("dangling-references", dangling_sentence(dangling, whole.refs)));
    }
    let mut counted: Vec<Counted> = workers.iter().flat_map(|worker| worker.groups.counted()).collect();
    counted.sort_unstable();
    let size = counted.iter().map(|group| group.size).sum::<u128>();
    let Ok(size) = u64::try_from(size) else {
        let problem = "the sizes add up to more than 2^64 bytes".to_owned();
        return Err(ErrorKind::Inconsistent { section: SECTION.to_owned(), offset: 0, problem });
    };
    snapshot.self_size = Some(size);
    let groups = counted.iter().map(|group| group.number as usize + 1).max().unwrap_or(0);
    let mut place = vec![u32::MAX; groups];
    for group in counted {
        snapshot.nodes += group.count;
        let number = group.number as usize;
        add(&mut snapshot.groups, &mut snapshot.stacks, group);
        place[number] = ordinal(snapshot.groups.len() - 1);
    }
    Ok((snapshot, place))
}

/// Adds what a worker counted to the last group, if it is of the same, or as a new one. Stacks get their numbers in the order of
/// the groups, which no thread has a part in.
fn add(groups: &mut Vec<Group>, stacks: &mut Stacks, Counted { kind, name, frames, count, size, .. }: Counted) {
    let stack = frames.into_iter().fold(NOT_TRACKED, |stack, frame| stacks.push(stack, frame));
    // The sum of all fits.
    let self_size = u64::try_from(size).unwrap_or(u64::MAX);
    match groups.last_mut() {
        Some(last) if (&last.kind, &last.name, last.stack) == (&kind, &name, stack) => {
            last.count += count;
            last.self_size += self_size;
        }
        _ => groups.push(Group { kind, name, stack, class: String::new(), count, self_size }),
    }
}

/// What shows that the end is missing: an error, or a warning where that is allowed.
fn cut(whole: &Whole, allowed: bool) -> Result<Option<Warning>, ErrorKind> {
    if let Some(offset) = whole.cut {
        let message = format!("the last record, at byte {}, is cut in the middle; it was left out", count(offset));
        return Ok(Some(warning("cut-short", message)));
    }
    match whole.open {
        None => Ok(None),
        Some(_) if !allowed => Err(ErrorKind::Malformed {
            section: SECTION.to_owned(),
            offset: whole.end,
            expected: "\"]\"".to_owned(),
            found: "end of file (file cut short?)".to_owned(),
        }),
        Some(offset) => {
            let message = format!("the array that begins at byte {} has no end: records are missing", count(offset));
            Ok(Some(warning("cut-short", message)))
        }
    }
}

fn dangling_sentence(dangling: u64, refs: u64) -> String {
    let share = share(dangling, refs).filter(|share| share != "0.0%").map_or_else(String::new, |share| format!(" ({share})"));
    format!(
        "{} of {} references{share} lead to objects that are not in the file; a whole dump has none or one. It was cut short while \
         it was written (meliae up to 0.5.1 stops at an int of 2^63 or more): there were more objects than shown",
        count(dangling),
        count(refs)
    )
}

fn warning(code: &str, message: String) -> Warning {
    Warning { code: code.to_owned(), message, input: None }
}
