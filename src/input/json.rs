//! JSON as it is read front to back: arrays, objects, strings, numbers, and values that are only checked.

use super::text::Text;
use crate::error::ErrorKind;

/// Longest escape sequence behind its backslash.
pub(super) const ESCAPE: usize = 5;
/// What a string should have where it has a control character.
pub(super) const CONTROL: &str = "no unescaped control character in a string";
/// Longest string whose content is looked at.
const STRING_MAX: usize = 1 << 20;

/// Reads an array, calling `element` where each of its elements begins.
pub(super) fn array<'t>(
    text: &mut Text<'t>,
    mut element: impl FnMut(&mut Text<'t>) -> Result<(), ErrorKind>,
) -> Result<(), ErrorKind> {
    text.expect(b'[')?;
    if text.peek_token()? == Some(b']') {
        text.consume(1);
        return Ok(());
    }
    loop {
        element(text)?;
        match text.peek_token()? {
            Some(b',') => text.consume(1),
            Some(b']') => {
                text.consume(1);
                return Ok(());
            }
            _ => return Err(text.unexpected("\",\" or \"]\"")),
        }
    }
}

/// Reads an object, calling `member` with each key where its value begins.
pub(super) fn object<'t>(
    text: &mut Text<'t>,
    mut member: impl FnMut(&mut Text<'t>, &str) -> Result<(), ErrorKind>,
) -> Result<(), ErrorKind> {
    text.expect(b'{')?;
    if text.peek_token()? == Some(b'}') {
        text.consume(1);
        return Ok(());
    }
    loop {
        let key = string(text)?;
        text.expect(b':')?;
        member(text, &key)?;
        match text.peek_token()? {
            Some(b',') => text.consume(1),
            Some(b'}') => {
                text.consume(1);
                return Ok(());
            }
            _ => return Err(text.unexpected("\",\" or \"}\"")),
        }
    }
}

/// Reads a string of at most a mebibyte.
pub(super) fn string(text: &mut Text<'_>) -> Result<String, ErrorKind> {
    text.short_string(STRING_MAX).map(|raw| unescape(&raw))
}

/// Reads a value, or `null` in its place.
pub(super) fn optional<'t, T>(
    text: &mut Text<'t>,
    value: impl FnOnce(&mut Text<'t>) -> Result<T, ErrorKind>,
) -> Result<Option<T>, ErrorKind> {
    if text.peek_token()? != Some(b'n') {
        return value(text).map(Some);
    }
    for byte in b"null" {
        if text.peek()? != Some(*byte) {
            return Err(text.unexpected("null"));
        }
        text.consume(1);
    }
    Ok(None)
}

/// Reads a whole number, from 0 to the largest that `T` holds; `expected` says what it is where something else stands.
pub(super) fn number<T: TryFrom<u64>>(text: &mut Text<'_>, expected: &str) -> Result<T, ErrorKind> {
    text.peek_token()?;
    while text.rest().len() <= DIGITS_MAX && text.fill()? {}
    let rest = text.rest();
    let length = rest.iter().take(DIGITS_MAX).take_while(|b| b.is_ascii_digit()).count();
    let canonical = length == 1 || rest.first() != Some(&b'0');
    let ends = !matches!(rest.get(length), Some(b'0'..=b'9' | b'.' | b'e' | b'E'));
    let value = std::str::from_utf8(&rest[..length]).ok().and_then(|digits| digits.parse::<u64>().ok());
    match value.filter(|_| canonical && ends).and_then(|value| T::try_from(value).ok()) {
        Some(value) => {
            text.consume(length);
            Ok(value)
        }
        None => Err(text.unexpected(expected)),
    }
}

/// Digits of the largest number of 64 bits.
const DIGITS_MAX: usize = 20;

/// What may come next in a JSON value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// A value, or the end of an empty array.
    FirstElement,
    /// A key, or the end of an empty object.
    FirstKey,
    Key,
    /// A comma or the end of what is open.
    More,
}

/// Reads one value of any kind, checking that it is JSON; nesting may be as deep as memory allows.
pub(super) fn value(text: &mut Text<'_>) -> Result<(), ErrorKind> {
    let mut open: Vec<u8> = Vec::new();
    let mut next = Next::Value;
    loop {
        let byte = text.peek_token()?;
        next = match (next, byte) {
            (Next::FirstElement, Some(b']')) | (Next::FirstKey, Some(b'}')) => {
                text.consume(1);
                open.pop();
                Next::More
            }
            (Next::Value | Next::FirstElement, Some(b'[')) => {
                text.consume(1);
                open.push(b'[');
                Next::FirstElement
            }
            (Next::Value | Next::FirstElement, Some(b'{')) => {
                text.consume(1);
                open.push(b'{');
                Next::FirstKey
            }
            (Next::Value | Next::FirstElement, Some(_)) => {
                scalar(text)?;
                Next::More
            }
            (Next::FirstKey | Next::Key, Some(b'"')) => {
                skip_string(text)?;
                text.expect(b':')?;
                Next::Value
            }
            (Next::FirstKey, _) => return Err(text.unexpected("a key or \"}\"")),
            (Next::Key, _) => return Err(text.unexpected("a key")),
            (Next::More, Some(b',')) => {
                text.consume(1);
                if open.last() == Some(&b'[') { Next::Value } else { Next::Key }
            }
            (Next::More, Some(b']' | b'}')) if byte == open.last().map(|&open| closing(open)) => {
                text.consume(1);
                open.pop();
                Next::More
            }
            (Next::More, _) => {
                return Err(text.unexpected(if open.last() == Some(&b'[') { "\",\" or \"]\"" } else { "\",\" or \"}\"" }));
            }
            (Next::Value | Next::FirstElement, None) => return Err(text.unexpected("a value")),
        };
        if next == Next::More && open.is_empty() {
            return Ok(());
        }
    }
}

fn closing(open: u8) -> u8 {
    if open == b'[' { b']' } else { b'}' }
}

/// Reads a string, number, `true`, `false` or `null`.
fn scalar(text: &mut Text<'_>) -> Result<(), ErrorKind> {
    const LONGEST: usize = 4096;
    if text.peek()? == Some(b'"') {
        return skip_string(text);
    }
    while text.rest().len() < LONGEST && text.fill()? {}
    let length = text.rest().iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')).count();
    let scalar = &text.rest()[..length];
    if LITERALS.contains(&scalar) || is_number(scalar) {
        text.consume(length);
        return Ok(());
    }
    let cut = LITERALS.iter().any(|literal| literal.starts_with(scalar)) || is_number(&[scalar, b"0"].concat());
    if cut && length == text.rest().len() {
        text.consume(length);
    }
    Err(text.unexpected("a value"))
}

const LITERALS: [&[u8]; 3] = [b"true", b"false", b"null"];

/// Whether text is a number of JSON.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || whole > 1 && rest[0] == b'0' {
        return false;
    }
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let length = digits(exponent);
        return length > 0 && length == exponent.len();
    }
    rest.is_empty()
}

/// Reads past a string of any length, checking its escapes and that it is UTF-8.
pub(super) fn skip_string(text: &mut Text<'_>) -> Result<(), ErrorKind> {
    text.expect(b'"')?;
    loop {
        let length = length(text.rest());
        let known = length.unwrap_or_else(|| settled(text.rest()));
        if let Err((at, expected)) = check(&text.rest()[..known]) {
            text.consume(at);
            return Err(text.unexpected(expected));
        }
        text.consume(known);
        if length.is_some() {
            text.consume(1);
            return Ok(());
        }
        if !text.fill()? {
            let rest = text.rest().len();
            text.consume(rest);
            return Err(text.unexpected("the end of a string"));
        }
    }
}

/// How much of a string's raw text can be checked before more of it is there: up to an escape sequence or character that may go on.
fn settled(raw: &[u8]) -> usize {
    let mut at = 0;
    let end = loop {
        match memchr::memchr(b'\\', &raw[at..]).map(|more| at + more) {
            Some(backslash) if backslash + 1 + ESCAPE > raw.len() => break backslash,
            // What is escaped may be a backslash itself.
            Some(backslash) => at = backslash + 2,
            None => break raw.len(),
        }
    };
    let character = raw[..end].iter().rev().take(4).position(|&byte| !(0x80..0xc0).contains(&byte));
    match character {
        Some(behind) if raw[end - 1 - behind] >= 0xc0 => end - 1 - behind,
        _ => end,
    }
}

/// Checks the raw text of a string: where something cannot stand, and what should.
pub(super) fn check(raw: &[u8]) -> Result<(), (usize, &'static str)> {
    if let Some(at) = raw.iter().position(|&b| b < 0x20) {
        return Err((at, CONTROL));
    }
    let mut at = 0;
    while let Some(backslash) = memchr::memchr(b'\\', &raw[at..]) {
        at += backslash + 1;
        check_escape(raw, at)?;
        at += 1;
    }
    std::str::from_utf8(raw).map(drop).map_err(|error| (error.valid_up_to(), "UTF-8 text"))
}

/// Checks the escape sequence whose backslash is before `at`.
pub(super) fn check_escape(text: &[u8], at: usize) -> Result<(), (usize, &'static str)> {
    let valid = match text.get(at).copied().unwrap_or(0) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => true,
        b'u' => text.get(at + 1..at + ESCAPE).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
        _ => false,
    };
    if valid { Ok(()) } else { Err((at - 1, "an escape sequence of JSON")) }
}

/// The number of bytes before the quote that closes the string whose text begins here.
pub(super) fn length(text: &[u8]) -> Option<usize> {
    length_from(text, 0)
}

/// The same, where it is known that no such quote stands before `from`.
pub(super) fn length_from(text: &[u8], from: usize) -> Option<usize> {
    memchr::memchr_iter(b'"', &text[from..])
        .map(|quote| from + quote)
        .find(|&quote| text[..quote].iter().rev().take_while(|&&b| b == b'\\').count().is_multiple_of(2))
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
    use std::io::Read;

    use super::*;
    use crate::scan::Kernel;

    fn accepts(json: &str) -> bool {
        let mut input = json.as_bytes();
        let mut text = Text::new(&mut input, 0, Kernel::best());
        value(&mut text).is_ok() && text.peek_token().unwrap().is_none()
    }

    #[test]
    fn values_are_those_serde_json_accepts() {
        let fragments = ["[", "]", "{", "}", ",", ":", "\"a\"", "1", "-0", "0.5", "1e9", "01", "true", "nul", "\"\\u12\"", " "];
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            let mut json = String::new();
            for _ in 0..seed >> 33 & 7 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                json.push_str(fragments[(seed >> 40) as usize % fragments.len()]);
            }
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Numbers of any size are JSON: the oracle must not turn them into floating-point numbers.
            assert_eq!(accepts(&json), serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok(), "{json}");
        }
    }

    #[test]
    fn nesting_may_be_deep() {
        assert!(accepts(&format!("{}1{}", "[".repeat(1_000_000), "]".repeat(1_000_000))));
        assert!(!accepts(&format!("{}1{}", "[".repeat(1_000_000), "]".repeat(999_999))));
    }

    #[test]
    fn strings_that_arrive_in_pieces_are_checked_like_whole_ones() {
        // Text is read half a mebibyte at a time.
        const PIECE: usize = 512 << 10;
        for tail in [
            "\\u00e9",
            "\\\\",
            "\\\"x",
            "\\\\\\\"",
            "\u{e9}",
            "\u{1f600}",
            "\\u00g9",
            "\\x",
            "\u{1}",
            "\\u12",
            "\u{1f600}\\ud83d\u{e9}",
        ] {
            for before in PIECE - 24..PIECE + 2 {
                let json = format!("\"{}{tail}\"", "x".repeat(before));
                assert_eq!(
                    accepts(&json),
                    serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok(),
                    "{tail:?} behind {before}"
                );
                let mut cut = &json.as_bytes()[..json.len() - 1];
                assert!(value(&mut Text::new(&mut cut, 0, Kernel::best())).is_err());
            }
        }
        // No piece of it is held longer than it takes to check it.
        let mut endless = std::io::repeat(b'x').take(64 << 20);
        let mut input = (&b"\""[..]).chain(&mut endless);
        let mut text = Text::new(&mut input, 0, Kernel::best());
        assert!(value(&mut text).is_err());
        assert!(text.window().0.len() < 4 * PIECE);
    }

    #[test]
    fn escapes_are_those_of_json() {
        let raw = br#"a\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00z"#;
        let expected: String = serde_json::from_str(&format!("\"{}\"", std::str::from_utf8(raw).unwrap())).unwrap();
        assert_eq!(unescape(raw), expected);
        assert_eq!(unescape(br"x\ud83dy"), "x\\u{d83d}y");
        assert_eq!(unescape(br"\ude00\ud83d\ud83d\ude00"), "\\u{de00}\\u{d83d}\u{1f600}");
    }
}
