//! A line of a Python object dump as meliae writes it: one fixed order of fields and one way of spacing.
//!
//! What is accepted is JSON: numbers have no leading zeros, strings no raw control characters and only JSON's escapes. Whatever
//! differs, even in a single space, is left to a general reader; so are names with escapes.

/// The fields of a record, but for its references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'t> {
    /// Address of the object.
    pub address: u64,
    /// Its type.
    pub kind: &'t [u8],
    /// Bytes, those of the garbage collector's header included.
    pub size: u64,
    /// Name of a module, function or class.
    pub name: Option<&'t [u8]>,
    /// Number of items.
    pub len: Option<u64>,
    /// A string value; none where it has escapes, unless it is a frame's, which is the name of its function.
    pub value: Option<&'t [u8]>,
    /// Position behind the line, its break included.
    pub end: usize,
}

/// How digits are read: a value that proves that the instructions are there.
pub(super) trait Digits: Copy {
    /// The number at `at` and the position behind it: up to 19 digits, without a leading zero. None for any other text, and near
    /// to its end.
    fn number(self, text: &[u8], at: usize) -> Option<(u64, usize)>;
}

/// See [`Kernel::line`](super::Kernel::line).
#[inline(always)]
pub(super) fn read<'t>(digits: impl Digits, text: &'t [u8], at: usize, refs: &mut Vec<u64>) -> Option<Line<'t>> {
    let at = literal(text, at, b"{\"address\": ")?;
    let (address, at) = digits.number(text, at)?;
    let at = literal(text, at, b", \"type\": \"")?;
    let (kind, mut at) = plain_string(text, at)?;
    at = literal(text, at, b", \"size\": ")?;
    let (size, mut at) = digits.number(text, at)?;
    let (mut name, mut len, mut value) = (None, None, None);
    if let Some(begin) = literal(text, at, b", \"name\": \"") {
        let (text, end) = plain_string(text, begin)?;
        (name, at) = (Some(text), end);
    }
    if let Some(begin) = literal(text, at, b", \"len\": ") {
        let (items, end) = digits.number(text, begin)?;
        (len, at) = (Some(items), end);
    }
    if let Some(begin) = literal(text, at, b", \"value\": ") {
        if text.get(begin) == Some(&b'"') {
            let (contents, end, escaped) = string(text, begin + 1)?;
            if escaped && kind == b"frame" {
                return None;
            }
            (value, at) = ((!escaped).then_some(contents), end);
        } else {
            let first = begin + usize::from(text.get(begin) == Some(&b'-'));
            at = digits.number(text, first)?.1;
        }
    }
    at = literal(text, at, b", \"refs\": [")?;
    let end = line_end(text, references(digits, text, at, refs)?)?;
    Some(Line { address, kind, size, name, len, value, end })
}

/// The position behind a literal, if it stands at `at`.
#[inline(always)]
fn literal<const N: usize>(text: &[u8], at: usize, literal: &[u8; N]) -> Option<usize> {
    (text.get(at..at + N)? == literal).then_some(at + N)
}

/// Reads numbers up to the closing bracket; returns the position behind it.
#[inline(always)]
fn references(digits: impl Digits, text: &[u8], mut at: usize, refs: &mut Vec<u64>) -> Option<usize> {
    if *text.get(at)? == b']' {
        return Some(at + 1);
    }
    loop {
        let (address, end) = digits.number(text, at)?;
        refs.push(address);
        match text.get(end..end + 2)? {
            b", " => at = end + 2,
            [b']', _] => return Some(end + 1),
            _ => return None,
        }
    }
}

/// What may follow the references: the position of the next line.
#[inline(always)]
fn line_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at..at + 2)? {
        b"}\n" => Some(at + 2),
        b"}," if text.get(at + 2) == Some(&b'\n') => Some(at + 3),
        b"}\r" if text.get(at + 2) == Some(&b'\n') => Some(at + 3),
        b"}," if text.get(at + 2..at + 4) == Some(b"\r\n") => Some(at + 4),
        _ => None,
    }
}

pub(super) const ONES: u64 = u64::MAX / 0xff;
pub(super) const TOP: u64 = ONES << 7;

/// The eight bytes at `at`, the first one lowest.
#[inline(always)]
pub(super) fn word(text: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(text.get(at..at + 8)?.try_into().ok()?))
}

/// The text of a string without escapes, whose contents begin at `at`, and the position behind its closing quote.
#[inline(always)]
fn plain_string(text: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (contents, end, escaped) = string(text, at)?;
    (!escaped).then_some((contents, end))
}

/// The raw text of an ASCII string whose contents begin at `at`, the position behind its closing quote, and whether it has
/// escapes.
#[inline(always)]
fn string(text: &[u8], begin: usize) -> Option<(&[u8], usize, bool)> {
    let (mut at, mut escaped) = (begin, false);
    loop {
        let word = word(text, at)?;
        let marks = special(word);
        if marks == 0 {
            at += 8;
            continue;
        }
        at += marks.trailing_zeros() as usize / 8;
        match text[at] {
            b'"' => return Some((&text[begin..at], at + 1, escaped)),
            b'\\' => {
                at = escape_end(text, at)?;
                escaped = true;
            }
            _ => return None,
        }
    }
}

/// Marks quotes, backslashes, control characters and bytes from 0x80; the lowest mark is right.
#[inline(always)]
fn special(word: u64) -> u64 {
    let zero = |x: u64| x.wrapping_sub(ONES) & !x;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5c)) | control | word) & TOP
}

/// The position behind the escape sequence at `at`. Halves of surrogate pairs may stand alone, as meliae writes them.
#[inline(always)]
fn escape_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at + 1)? {
        b'u' => text.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit).then_some(at + 6),
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        _ => None,
    }
}
