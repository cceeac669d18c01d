//! Class histograms of the JVM, as `jmap -histo` and `jcmd PID GC.class_histogram` print them: a line
//! `rank: instances bytes name (module)` for every class, and the sums in the last, which tell a whole file from one cut short.
//!
//! Names are as printed (`[B` is an array of bytes), without module, so that classes of one name in several loaders are one group.
//! A hidden class (`Shop$$Lambda$14/0x00007f317c0ee518`) loses the address: in another process, or once generated again, it is
//! another.

use std::io::Read;

use crate::error::{ErrorKind, excerpt};
use crate::input::{InputFormat, Sniff, Want};
use crate::snapshot::{Histogram, Runtime, Snapshot};
use crate::source::{Source, read_error};
use crate::stacks::{NOT_TRACKED, Stacks};
use crate::text::count;

/// The format of class histograms.
pub struct Jmap;

/// Name of the format in reports.
pub const NAME: &str = "jmap";
/// What messages call the file's content.
const SECTION: &str = "histogram";
/// What the line above the classes begins with.
const HEADER: [&str; 4] = ["num", "#instances", "#bytes", "class"];
/// How far down it may stand.
const HEADER_LINE_MAX: usize = 4;
/// What the line of sums begins with.
const TOTAL: &str = "Total";
/// Largest histogram that is read.
const BYTES_MAX: u64 = 1 << 30;

impl InputFormat for Jmap {
    fn name(&self) -> &'static str {
        NAME
    }

    fn runtime(&self) -> Runtime {
        Runtime::Java
    }

    /// The header stands in the first line, behind an empty one (JDK 8), or behind one with the process (`jcmd`).
    fn sniff(&self, head: &[u8]) -> Sniff {
        let lines = head[..head.len().min(512)].split(|&byte| byte == b'\n').take(HEADER_LINE_MAX);
        if lines.filter_map(|line| std::str::from_utf8(line).ok()).any(is_header) { Sniff::Yes } else { Sniff::No }
    }

    fn read(&self, source: &mut Source, want: Want<'_>) -> Result<Snapshot, ErrorKind> {
        let mut text = Vec::new();
        source.take_stream().take(BYTES_MAX).read_to_end(&mut text).map_err(read_error)?;
        let mut histogram = Histogram::default();
        let whole = lines(&text, &mut histogram)?;
        let mut snapshot = histogram.snapshot(NAME, Runtime::Java, Stacks::default());
        if !whole && want.allow_truncated {
            snapshot.cut_at(text.len() as u64);
        } else if !whole {
            let expected = "the line of totals";
            return Err(malformed(text.len() as u64, expected, "end of file (file cut short?)".to_owned()));
        }
        Ok(snapshot)
    }
}

/// Counts the objects of every line; false if the file ends before the totals do.
fn lines(text: &[u8], histogram: &mut Histogram) -> Result<bool, ErrorKind> {
    let (mut offset, mut begun, mut whole) = (0, false, false);
    for raw in text.split_inclusive(|&byte| byte == b'\n') {
        let wrong = |expected| malformed(offset, expected, excerpt(raw));
        let problem = |problem| ErrorKind::Inconsistent { section: SECTION.to_owned(), offset, problem };
        let last = !raw.ends_with(b"\n");
        match std::str::from_utf8(raw).map(str::trim) {
            Ok("") => {}
            Ok(_) if whole => return Err(wrong("end of file")),
            Ok(line) if !begun => begun = is_header(line),
            Ok(line) if line.starts_with("---") => {}
            Ok(line) => match (totals(line), class(line)) {
                (Some(totals), _) if totals == histogram.sums() => whole = true,
                _ if last => return Ok(false),
                (Some((objects, bytes)), _) => {
                    let (counted, summed) = histogram.sums();
                    let sums = [counted, summed, objects, bytes].map(count);
                    let [counted, summed, objects, bytes] = sums;
                    let text = format!(
                        "{counted} objects of {summed} bytes, but the line of totals says {objects} of {bytes} (file damaged?)"
                    );
                    return Err(problem(text));
                }
                (None, Some((name, objects, bytes))) => {
                    let kind = if name.starts_with('[') { "array" } else { "object" };
                    histogram.add(kind, name, NOT_TRACKED, objects, bytes).map_err(problem)?;
                }
                (None, None) => return Err(wrong("a line \"rank: instances bytes class\" or that of totals")),
            },
            Err(_) if last => return Ok(false),
            Err(_) => return Err(wrong("UTF-8 text in this line")),
        }
        offset += raw.len() as u64;
    }
    Ok(whole)
}

fn is_header(line: &str) -> bool {
    line.split_whitespace().take(HEADER.len()).eq(HEADER)
}

/// The sums in the line of totals.
fn totals(line: &str) -> Option<(u64, u64)> {
    let mut numbers = line.strip_prefix(TOTAL)?.split_whitespace().map(number);
    let sums = numbers.next()?.zip(numbers.next()?)?;
    numbers.next().is_none().then_some(sums)
}

/// Name, number of objects and their bytes in the line of a class.
fn class(line: &str) -> Option<(&str, u64, u64)> {
    let (rank, rest) = line.split_once(':')?;
    let (objects, rest) = rest.trim_start().split_once(char::is_whitespace)?;
    let (bytes, name) = rest.trim_start().split_once(char::is_whitespace)?;
    let name = name.trim_start();
    let name = name.rsplit_once(" (").filter(|_| name.ends_with(')')).map_or(name, |(name, _)| name);
    number(rank)?;
    (!name.is_empty()).then_some((visible(name), number(objects)?, number(bytes)?))
}

/// The name of a class without the address that tells hidden classes apart.
fn visible(name: &str) -> &str {
    let is_address = |text: &str| {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit())
    };
    name.rsplit_once('/').filter(|(name, address)| !name.is_empty() && is_address(address)).map_or(name, |(name, _)| name)
}

/// A number without a sign.
fn number(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|_| !digits.starts_with('+'))
}

fn malformed(offset: u64, expected: &str, found: String) -> ErrorKind {
    ErrorKind::Malformed { section: SECTION.to_owned(), offset, expected: expected.to_owned(), found }
}
