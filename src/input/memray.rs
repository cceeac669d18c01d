//! Allocations that memray recorded, as `memray transform csv --leaks` writes them: a row for every allocator, thread and stack.
//!
//! A stack is `function;file;line` for every frame, joined by `|`, the innermost first. The allocator is the kind; threads are
//! not told apart.

use std::io::Read;

use csv::ByteRecord;

use crate::error::{ErrorKind, excerpt};
use crate::input::text::beginning;
use crate::input::{InputFormat, Sniff, Want};
use crate::snapshot::{Histogram, Runtime, Snapshot};
use crate::source::{Source, read_error};
use crate::stacks::{Frame, NOT_TRACKED, Stacks};

/// The format of memray's CSV.
pub struct Memray;

/// Name of the format in reports.
pub const NAME: &str = "memray";
/// What rows are called in messages.
const SECTION: &str = "rows";
/// The columns that are looked at.
const COLUMNS: [&str; 4] = ["allocator", "num_allocations", "size", "stack_trace"];

impl InputFormat for Memray {
    fn name(&self) -> &'static str {
        NAME
    }

    fn runtime(&self) -> Runtime {
        Runtime::Untyped
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        let line = beginning(head).split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii_end();
        let names: Vec<&[u8]> = line[..line.len().min(256)].split(|&byte| byte == b',').collect();
        if COLUMNS.iter().all(|column| names.contains(&column.as_bytes())) { Sniff::Yes } else { Sniff::No }
    }

    fn read(&self, source: &mut Source, want: Want<'_>) -> Result<Snapshot, ErrorKind> {
        let input = Ending { input: source.take_stream(), last: 0, length: 0 };
        let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(input);
        let mut table = Table::new(rows.byte_headers().map_err(csv_error)?);
        let (mut row, mut next) = (ByteRecord::new(), ByteRecord::new());
        let mut more = rows.read_byte_record(&mut next).map_err(csv_error)?;
        while more {
            std::mem::swap(&mut row, &mut next);
            more = rows.read_byte_record(&mut next).map_err(csv_error)?;
            if more || rows.get_ref().is_whole() {
                table.add(&row)?;
            }
        }
        let end = rows.get_ref();
        let cut = (!end.is_whole()).then_some(end.length);
        let mut snapshot = table.histogram.snapshot(NAME, Runtime::Untyped, table.stacks);
        match cut {
            Some(length) if want.allow_truncated => snapshot.cut_at(length),
            Some(length) => return Err(malformed(length, "the end of a row", "end of file (file cut short?)".to_owned())),
            None => {}
        }
        Ok(snapshot)
    }
}

/// What has been read so far.
struct Table {
    fields: usize,
    places: [usize; COLUMNS.len()],
    histogram: Histogram,
    stacks: Stacks,
}

impl Table {
    fn new(header: &ByteRecord) -> Self {
        let place = |column: &str| header.iter().position(|name| name == column.as_bytes()).unwrap_or(usize::MAX);
        let (histogram, stacks) = (Histogram::default(), Stacks::default());
        Self { fields: header.len(), places: COLUMNS.map(place), histogram, stacks }
    }

    fn add(&mut self, row: &ByteRecord) -> Result<(), ErrorKind> {
        let offset = row.position().map_or(0, csv::Position::byte);
        if row.len() != self.fields {
            return Err(malformed(offset, &format!("{} fields", self.fields), format!("{} fields", row.len())));
        }
        let [allocator, allocations, size, trace] = self.places.map(|place| row.get(place).unwrap_or_default());
        let wrong = |expected: &str, found: &[u8]| malformed(offset, expected, excerpt(found));
        let text = |field| std::str::from_utf8(field).map_err(|_| wrong("UTF-8 text in this row", field));
        let number = |field: &[u8], expected| {
            let digits = std::str::from_utf8(field).ok().filter(|_| field.iter().all(u8::is_ascii_digit));
            digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| wrong(expected, field))
        };
        let (count, size) = (number(allocations, "a num_allocations in this row")?, number(size, "a size in this row")?);
        let mut frames =
            frames(text(trace)?).map_err(|found| wrong("frames function;file;line in this row", found.as_bytes()))?;
        frames.reverse();
        let stack = frames.into_iter().fold(NOT_TRACKED, |stack, frame| self.stacks.push(stack, frame));
        let problem = |problem| ErrorKind::Inconsistent { section: SECTION.to_owned(), offset, problem };
        self.histogram.add(text(allocator)?, "", stack, count, size).map_err(problem)
    }
}

/// The frames of a stack, innermost first; else what is no frame. Names of C++ operators may have a `|` in them.
fn frames(trace: &str) -> Result<Vec<Frame>, &str> {
    let (mut frames, mut rest) = (Vec::new(), trace);
    while !rest.is_empty() {
        let ends = rest.match_indices('|').map(|(at, _)| at).chain([rest.len()]).take(BARS_MAX);
        let (end, frame) = ends.filter_map(|end| Some((end, frame(&rest[..end])?))).next().ok_or(rest)?;
        frames.push(frame);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Ok(frames)
}

/// Most `|` in a function's name, and one more.
const BARS_MAX: usize = 16;

fn frame(text: &str) -> Option<Frame> {
    let mut parts = text.rsplitn(3, ';');
    let (line, script, function) = (parts.next()?.parse().ok()?, parts.next()?.to_owned(), parts.next()?.to_owned());
    (!function.contains(';')).then_some(Frame { function, script, line, column: 0 })
}

fn malformed(offset: u64, expected: &str, found: String) -> ErrorKind {
    ErrorKind::Malformed { section: SECTION.to_owned(), offset, expected: expected.to_owned(), found }
}

fn csv_error(error: csv::Error) -> ErrorKind {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => read_error(error),
        other => ErrorKind::Io(std::io::Error::other(format!("{other:?}"))),
    }
}

/// Notes whether the input ends with a line.
struct Ending<R> {
    input: R,
    last: u8,
    length: u64,
}

impl<R> Ending<R> {
    fn is_whole(&self) -> bool {
        matches!(self.last, b'\n' | b'\r')
    }
}

impl<R: Read> Read for Ending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        if let Some(&last) = buffer[..read].last() {
            self.last = last;
        }
        self.length += read as u64;
        Ok(read)
    }
}
