//! The `strings` array: counting, checking, and fetching the few strings that name groups.
//!
//! Every string is checked (escapes, control characters, UTF-8), but only wanted ones are unescaped.

use super::text::Text;
use crate::error::ErrorKind;
use crate::scan::{Kernel, StringMasks, StringState};

/// Text looked at between two entries of the index.
const STRIDE: usize = 1 << 10;
/// Longest escape sequence behind its backslash.
const ESCAPE: usize = 5;

const CONTROL: &str = "no unescaped control character in a string";

/// What cannot stand where it stands.
struct Problem {
    at: usize,
    expected: &'static str,
}

/// Finds the strings of an array, a stretch of text at a time.
struct Finder {
    kernel: Kernel,
    state: StringState,
    masks: Vec<StringMasks>,
    /// Strings that began so far.
    count: u64,
    /// Up to here the text is known to be UTF-8; None while all of it is ASCII.
    utf8_from: Option<usize>,
}

impl Finder {
    fn new(kernel: Kernel) -> Self {
        Self { kernel, state: StringState::START, masks: Vec::new(), count: 0, utf8_from: None }
    }

    /// Looks at `text[from..to]`; `text` goes on for [`ESCAPE`] bytes behind `to` or ends for good. Returns the position of
    /// the array's closing bracket, if it is there.
    fn step(&mut self, text: &[u8], from: usize, to: usize) -> Result<Option<usize>, Problem> {
        self.masks.clear();
        let stop = self.kernel.strings(&text[from..to], &mut self.state, &mut self.masks).map(|stop| from + stop.at);
        let mut high = 0;
        for (masks, at) in self.masks.iter().zip((from..).step_by(64)) {
            self.count += u64::from(masks.open.count_ones());
            high |= masks.high;
            let mut escaped = masks.escaped;
            while escaped != 0 {
                let at = at + escaped.trailing_zeros() as usize;
                check_escape(text, at)?;
                escaped &= escaped - 1;
            }
        }
        let end = stop.unwrap_or(to);
        if high != 0 || self.utf8_from.is_some() {
            self.check_utf8(text, from, end, high != 0)?;
        }
        match stop {
            None => Ok(None),
            Some(at) if text[at] == b']' && (self.state.string_before() || self.count == 0) => Ok(Some(at)),
            Some(at) if self.state.in_string() => Err(Problem { at, expected: CONTROL }),
            Some(at) if self.state.string_before() => Err(Problem { at, expected: "\",\" or \"]\"" }),
            Some(at) => Err(Problem { at, expected: "a string" }),
        }
    }

    /// Checks UTF-8 up to `to`, or up to a character that goes on behind it.
    fn check_utf8(&mut self, text: &[u8], from: usize, to: usize, high: bool) -> Result<(), Problem> {
        let begin = self.utf8_from.unwrap_or(from);
        self.utf8_from = None;
        if let Err(error) = std::str::from_utf8(&text[begin..to]) {
            let at = begin + error.valid_up_to();
            if error.error_len().is_some() || !high {
                return Err(Problem { at, expected: "UTF-8 text" });
            }
            self.utf8_from = Some(at);
        }
        Ok(())
    }
}

fn check_escape(text: &[u8], at: usize) -> Result<(), Problem> {
    let valid = match text.get(at).copied().unwrap_or(0) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => true,
        b'u' => text.get(at + 1..at + ESCAPE).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
        _ => false,
    };
    if valid { Ok(()) } else { Err(Problem { at: at - 1, expected: "an escape sequence of JSON" }) }
}

/// The number of bytes before the quote that closes the string whose text begins here.
fn length(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'"', text)
        .find(|&quote| text[..quote].iter().rev().take_while(|&&b| b == b'\\').count().is_multiple_of(2))
}

/// Where the strings of a mapped array are.
pub(super) struct Index {
    start: usize,
    /// Position of the closing bracket.
    pub(super) end: usize,
    /// Number of strings.
    pub(super) count: u64,
    /// How many strings began before each stride, and in what state the text is there.
    strides: Vec<(u64, StringState)>,
}

impl Index {
    /// Looks at the whole array that begins at `start` (behind `[`); None if anything is wrong with it.
    pub(super) fn new(map: &[u8], start: usize, kernel: Kernel) -> Option<Self> {
        let mut finder = Finder::new(kernel);
        let mut strides = Vec::with_capacity((map.len() - start) / STRIDE + 1);
        let mut from = start;
        while from < map.len() {
            strides.push((finder.count, finder.state));
            let to = map.len().min(from + STRIDE);
            if let Some(end) = finder.step(map, from, to).ok()? {
                return Some(Self { start, end, count: finder.count, strides });
            }
            from = to;
        }
        None
    }

    /// Where the text of the array lies, its closing bracket apart.
    pub(super) fn range(&self) -> std::ops::Range<usize> {
        self.start..self.end
    }

    /// Number of the string that the byte at `position` belongs to.
    pub(super) fn at(&self, map: &[u8], kernel: Kernel, position: usize) -> u32 {
        let stride = (position - self.start) / STRIDE;
        let (before, mut state) = self.strides[stride];
        let mut masks = Vec::new();
        kernel.strings(&map[self.start + stride * STRIDE..=position], &mut state, &mut masks);
        let begun = before + masks.iter().map(|masks| u64::from(masks.open.count_ones())).sum::<u64>();
        u32::try_from(begun.saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Calls `found` with the raw text of each wanted string; `wanted` is ascending and below `count`.
    pub(super) fn fetch(&self, map: &[u8], kernel: Kernel, wanted: &[u32], mut found: impl FnMut(u32, &[u8])) {
        let mut masks = Vec::new();
        let mut scanned = None;
        for &name in wanted {
            let stride = self.strides.partition_point(|&(before, _)| before <= u64::from(name)).saturating_sub(1);
            let (before, state) = self.strides[stride];
            let from = self.start + stride * STRIDE;
            if scanned != Some(stride) {
                masks.clear();
                let mut state = state;
                kernel.strings(&map[from..self.end.min(from + STRIDE)], &mut state, &mut masks);
                scanned = Some(stride);
            }
            let nth = usize::try_from(u64::from(name) - before).unwrap_or(usize::MAX);
            if let Some(open) = nth_open(&masks, nth) {
                let text = &map[from + open + 1..=self.end];
                found(name, &text[..length(text).unwrap_or(0)]);
            }
        }
    }
}

/// Position of the n-th opening quote.
fn nth_open(masks: &[StringMasks], mut n: usize) -> Option<usize> {
    for (block, masks) in masks.iter().enumerate() {
        let here = masks.open.count_ones() as usize;
        if n < here {
            let bits = (0..n).fold(masks.open, |bits, _| bits & (bits - 1));
            return Some(block * 64 + bits.trailing_zeros() as usize);
        }
        n -= here;
    }
    None
}

/// Reads the rest of the array behind `[`, up to and including `]`, and calls `found` with the raw text of each wanted string
/// (`wanted` is ascending). Returns the number of strings.
pub(super) fn read(text: &mut Text<'_>, wanted: &[u32], mut found: impl FnMut(u32, &[u8])) -> Result<u64, ErrorKind> {
    let mut finder = Finder::new(text.kernel);
    let mut wanted = wanted.iter().copied().peekable();
    loop {
        while text.rest().len() < STRIDE + ESCAPE && text.fill()? {}
        if text.rest().is_empty() {
            return Err(text.unexpected(if finder.state.in_string() { "the end of a string" } else { "\"]\"" }));
        }
        let before = finder.count;
        let to = character_border(text.rest(), STRIDE);
        let end = match finder.step(text.rest(), 0, to) {
            Ok(end) => end,
            Err(problem) => {
                text.consume(problem.at);
                return Err(text.unexpected(problem.expected));
            }
        };
        while let Some(name) = wanted.next_if(|&name| u64::from(name) < finder.count) {
            let nth = usize::try_from(u64::from(name) - before).unwrap_or(usize::MAX);
            let Some(open) = nth_open(&finder.masks, nth) else { continue };
            loop {
                if let Some(length) = length(&text.rest()[open + 1..]) {
                    found(name, &text.rest()[open + 1..open + 1 + length]);
                    break;
                }
                if !text.fill()? {
                    let rest = text.rest().len();
                    text.consume(rest);
                    return Err(text.unexpected("the end of a string"));
                }
            }
        }
        if let Some(end) = end {
            text.consume(end + 1);
            return Ok(finder.count);
        }
        if let Some(at) = finder.utf8_from {
            text.consume(at);
            return Err(text.unexpected("UTF-8 text"));
        }
        text.consume(to);
    }
}

/// Reads one string, from its opening quote on, checking its escapes and that it is UTF-8.
pub(super) fn one(text: &mut Text<'_>) -> Result<(), ErrorKind> {
    text.expect(b'"')?;
    let length = loop {
        if let Some(length) = length(text.rest()) {
            break length;
        }
        if !text.fill()? {
            let rest = text.rest().len();
            text.consume(rest);
            return Err(text.unexpected("the end of a string"));
        }
    };
    if let Err((at, expected)) = check(&text.rest()[..length]) {
        text.consume(at);
        return Err(text.unexpected(expected));
    }
    text.consume(length + 1);
    Ok(())
}

/// Checks the raw text of a string: where something cannot stand, and what should.
pub(super) fn check(raw: &[u8]) -> Result<(), (usize, &'static str)> {
    if let Some(at) = raw.iter().position(|&b| b < 0x20) {
        return Err((at, CONTROL));
    }
    let mut at = 0;
    while let Some(backslash) = memchr::memchr(b'\\', &raw[at..]) {
        at += backslash + 1;
        check_escape(raw, at).map_err(|problem| (problem.at, problem.expected))?;
        at += 1;
    }
    std::str::from_utf8(raw).map(drop).map_err(|error| (error.valid_up_to(), "UTF-8 text"))
}

/// At most `at`, less up to three bytes so that no UTF-8 character is cut.
fn character_border(text: &[u8], at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    let continuation = |&at: &usize| text[at] & 0xc0 == 0x80;
    (at.saturating_sub(3)..=at).rev().find(|at| !continuation(at)).unwrap_or(at)
}

/// The text of a string from its raw form. A lone surrogate, which no Rust string can hold, is written as `\u{d83d}`.
pub(super) fn unescape(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        text.push_str(&String::from_utf8_lossy(&rest[..at]));
        let (unit, length) = escape(&rest[at..]);
        rest = &rest[at + length..];
        match unit {
            Unit::Char(c) => text.push(c),
            Unit::Surrogate(high @ 0xd800..=0xdbff) => match escape(rest) {
                (Unit::Surrogate(low @ 0xdc00..=0xdfff), length) => {
                    let code = 0x10000 + (u32::from(high - 0xd800) << 10) + u32::from(low - 0xdc00);
                    text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    rest = &rest[length..];
                }
                _ => lone(high, &mut text),
            },
            Unit::Surrogate(low) => lone(low, &mut text),
        }
    }
    text.push_str(&String::from_utf8_lossy(rest));
    text
}

fn lone(surrogate: u16, text: &mut String) {
    text.push_str(&format!("\\u{{{surrogate:x}}}"));
}

enum Unit {
    Char(char),
    Surrogate(u16),
}

/// The unit that an escape sequence at the beginning of `text` stands for, and the sequence's length.
fn escape(text: &[u8]) -> (Unit, usize) {
    let plain = |c| (Unit::Char(c), 2);
    match text {
        [b'\\', b'b', ..] => plain('\u{8}'),
        [b'\\', b'f', ..] => plain('\u{c}'),
        [b'\\', b'n', ..] => plain('\n'),
        [b'\\', b'r', ..] => plain('\r'),
        [b'\\', b't', ..] => plain('\t'),
        [b'\\', b'u', a, b, c, d, ..] => {
            let code = [a, b, c, d]
                .iter()
                .fold(0_u16, |code, &&digit| code << 4 | u16::try_from(char::from(digit).to_digit(16).unwrap_or(0)).unwrap_or(0));
            let unit = char::from_u32(u32::from(code)).map_or(Unit::Surrogate(code), Unit::Char);
            (unit, 6)
        }
        [b'\\', other, ..] => plain(char::from(*other)),
        _ => (Unit::Char(char::REPLACEMENT_CHARACTER), text.len().min(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_json() {
        let raw = br#"a\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00z"#;
        let expected: String = serde_json::from_str(&format!("\"{}\"", std::str::from_utf8(raw).unwrap())).unwrap();
        assert_eq!(unescape(raw), expected);
        assert_eq!(unescape(br"x\ud83dy"), "x\\u{d83d}y");
        assert_eq!(unescape(br"\ude00\ud83d\ud83d\ude00"), "\\u{de00}\\u{d83d}\u{1f600}");
    }
}
