//! A record as meliae writes it: one fixed order of fields and one way of spacing, 64 bits at a time.
//!
//! Whatever differs, even in a single space, is left to the exact way ([`super::json`]): the two accept the same records. What is
//! accepted here is JSON: numbers have no leading zeros, strings no raw control characters and only JSON's escapes.

/// The fields of a record that groups need. Strings are raw, but a kind or name that would have to be unescaped is never here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields<'t> {
    /// Address of the object.
    pub(super) address: u64,
    /// Its type.
    pub(super) kind: &'t [u8],
    /// Bytes, those of the garbage collector's header included.
    pub(super) size: u64,
    /// Name of a module, function or class.
    pub(super) name: Option<&'t [u8]>,
    /// Number of items.
    pub(super) len: Option<u64>,
    /// A string value.
    pub(super) value: Option<&'t [u8]>,
    /// Position behind the line, its break included.
    pub(super) end: usize,
}

/// Reads the line at `at`; None if it is not as meliae writes it, or reaches too near to the end of the text to be read in words.
/// References are appended to `refs`: when the result is None, some may have been.
#[inline]
pub(super) fn record<'t>(text: &'t [u8], at: usize, refs: &mut Vec<u64>) -> Option<Fields<'t>> {
    let at = literal(text, at, b"{\"address\": ")?;
    let (address, at) = number(text, at)?;
    let at = literal(text, at, b", \"type\": \"")?;
    let (kind, mut at) = plain_string(text, at)?;
    at = literal(text, at, b", \"size\": ")?;
    let (size, mut at) = number(text, at)?;
    let (mut name, mut len, mut value) = (None, None, None);
    if let Some(begin) = literal(text, at, b", \"name\": \"") {
        let (text, end) = plain_string(text, begin)?;
        (name, at) = (Some(text), end);
    }
    if let Some(begin) = literal(text, at, b", \"len\": ") {
        let (items, end) = number(text, begin)?;
        (len, at) = (Some(items), end);
    }
    if let Some(begin) = literal(text, at, b", \"value\": ") {
        if text.get(begin) == Some(&b'"') {
            let (contents, end, escaped) = string(text, begin + 1)?;
            (value, at) = ((!escaped).then_some(contents), end);
        } else {
            let digits = begin + usize::from(text.get(begin) == Some(&b'-'));
            at = number(text, digits)?.1;
        }
    }
    at = literal(text, at, b", \"refs\": [")?;
    let end = line_end(text, references(text, at, refs)?)?;
    Some(Fields { address, kind, size, name, len, value, end })
}

/// The position behind a literal, if it stands at `at`.
#[inline(always)]
fn literal<const N: usize>(text: &[u8], at: usize, literal: &[u8; N]) -> Option<usize> {
    (text.get(at..at + N)? == literal).then_some(at + N)
}

/// Reads numbers up to the closing bracket; returns the position behind it.
#[inline(always)]
fn references(text: &[u8], mut at: usize, refs: &mut Vec<u64>) -> Option<usize> {
    if *text.get(at)? == b']' {
        return Some(at + 1);
    }
    loop {
        let (address, end) = number(text, at)?;
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

const ONES: u64 = u64::MAX / 0xff;
const TOP: u64 = ONES << 7;

/// The eight bytes at `at`, the first one lowest.
#[inline(always)]
fn word(text: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(text.get(at..at + 8)?.try_into().ok()?))
}

/// The number at `at` and the position behind it: up to 19 digits, without a leading zero.
#[inline(always)]
fn number(text: &[u8], at: usize) -> Option<(u64, usize)> {
    let (first, digits) = up_to_eight(word(text, at)?);
    if digits < 8 {
        let zero_leads = digits > 1 && text[at] == b'0';
        return (digits > 0 && !zero_leads).then_some((first, at + digits));
    }
    let (second, more) = up_to_eight(word(text, at + 8)?);
    let value = first * POWERS[more] + second;
    if text[at] == b'0' {
        return None;
    }
    if more < 8 {
        return Some((value, at + 8 + more));
    }
    let (third, rest) = up_to_eight(word(text, at + 16)?);
    (rest < 4).then_some((value.wrapping_mul(POWERS[rest]).wrapping_add(third), at + 16 + rest))
}

const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The digits that a word begins with: their value and how many they are.
#[inline(always)]
fn up_to_eight(word: u64) -> (u64, usize) {
    let digits = word ^ (ONES * 0x30);
    // Carries come from bytes that are no digits only, so the lowest mark is right.
    let other = (digits.wrapping_add(ONES * 0x76) | digits) & TOP;
    let bits = other.trailing_zeros() & !7;
    // Leading zeros take the place of what follows the number.
    let digits = digits.checked_shl(64 - bits).unwrap_or(0);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let value = fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff;
    (value, bits as usize / 8)
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
