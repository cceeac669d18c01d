//! A window over JSON text that arrives in pieces, with the positions and expectations that error messages need.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::ops::Range;

use crate::error::{ErrorKind, discreet_excerpt, excerpt};
use crate::scan::{Kernel, MARGIN};

/// How much is read at a time.
const BLOCK: usize = 512 << 10;
/// Bytes kept in front of the unread text, for kernels that look back.
const KEEP: usize = 64;

/// Sections of numbers only, which may be quoted: there are no contents of strings in them.
const OF_NUMBERS: [&str; 6] = ["nodes", "edges", "trace_function_infos", "trace_tree", "samples", "locations"];

/// A byte order mark.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// The beginning of a text, without a byte order mark and white space before it.
pub(super) fn beginning(head: &[u8]) -> &[u8] {
    head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start()
}

/// How much of an input is looked at to tell its format.
const HEAD: usize = 4096;

/// The beginning of a text without any white space, to look for what JSON of a kind begins with.
pub(super) fn compact(head: &[u8]) -> Vec<u8> {
    let head = &head[..head.len().min(HEAD)];
    beginning(head).iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
}

/// Text that is read front to back.
pub(super) struct Text<'a> {
    /// None once the buffer holds all that is left.
    input: Option<&'a mut dyn Read>,
    buffer: Cow<'a, [u8]>,
    /// Unread text begins here.
    start: usize,
    /// Offset in the input of the buffer's first byte, less `KEEP`.
    base: u64,
    /// What the text is part of, for messages.
    pub(super) section: &'static str,
    pub(super) kernel: Kernel,
}

impl<'a> Text<'a> {
    /// Text that begins at an offset of the whole input.
    pub(super) fn new(input: &'a mut dyn Read, offset: u64, kernel: Kernel) -> Self {
        const { assert!(KEEP >= MARGIN) };
        let buffer = Cow::Owned(vec![b' '; KEEP]);
        Self { input: Some(input), buffer, start: KEEP, base: offset, section: "file", kernel }
    }

    /// Text that is part of a map and is read where it is; None if fewer than 64 bytes lie before it.
    pub(super) fn mapped(map: &'a [u8], range: Range<usize>, kernel: Kernel) -> Option<Self> {
        let buffer = Cow::Borrowed(map.get(range.start.checked_sub(KEEP)?..range.end)?);
        Some(Self { input: None, buffer, start: KEEP, base: range.start as u64, section: "file", kernel })
    }

    /// Reads past a byte order mark.
    pub(super) fn skip_bom(&mut self) -> Result<(), ErrorKind> {
        while self.rest().len() < BOM.len() && self.fill()? {}
        if self.rest().starts_with(BOM) {
            self.consume(BOM.len());
        }
        Ok(())
    }

    /// Reads the end: nothing but white space may be left.
    pub(super) fn end(&mut self) -> Result<(), ErrorKind> {
        if self.peek_token()?.is_none() { Ok(()) } else { Err(self.unexpected("end of file")) }
    }

    /// Offset of the unread text in the whole input.
    pub(super) fn offset(&self) -> u64 {
        self.offset_of(self.start)
    }

    /// Offset in the whole input of a position in [`Text::window`].
    pub(super) fn offset_of(&self, position: usize) -> u64 {
        (self.base + position as u64).saturating_sub(KEEP as u64)
    }

    /// The text at hand, and where its unread part begins. At least 64 bytes lie before it.
    pub(super) fn window(&self) -> (&[u8], usize) {
        (&self.buffer, self.start)
    }

    /// The unread text at hand.
    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Marks bytes as read.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        debug_assert!(self.start <= self.buffer.len());
    }

    /// Reads more text behind the unread part; false at the end. The window's positions change.
    pub(super) fn fill(&mut self) -> Result<bool, ErrorKind> {
        let Some(input) = &mut self.input else { return Ok(false) };
        let drop = self.start - KEEP;
        let buffer = self.buffer.to_mut();
        buffer.drain(..drop);
        self.base += drop as u64;
        self.start = KEEP;
        let old = buffer.len();
        buffer.resize(old + BLOCK, 0);
        let mut filled = old;
        while filled < buffer.len() {
            match input.read(&mut buffer[filled..]) {
                Ok(0) => {
                    self.input = None;
                    break;
                }
                Ok(n) => filled += n,
                Err(e) => return Err(crate::source::read_error(e)),
            }
        }
        buffer.truncate(filled);
        Ok(filled > old)
    }

    /// The next byte, without reading past it.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, ErrorKind> {
        if self.start == self.buffer.len() && !self.fill()? {
            return Ok(None);
        }
        Ok(Some(self.buffer[self.start]))
    }

    /// The next byte that is not white space, without reading past it.
    pub(super) fn peek_token(&mut self) -> Result<Option<u8>, ErrorKind> {
        while let Some(byte) = self.peek()? {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Ok(Some(byte));
            }
            self.consume(1);
        }
        Ok(None)
    }

    /// Reads a byte, white space before it allowed.
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), ErrorKind> {
        if self.peek_token()? == Some(byte) {
            self.consume(1);
            Ok(())
        } else {
            Err(self.unexpected(&excerpt(&[byte])))
        }
    }

    /// The error that something else stands next.
    pub(super) fn unexpected(&mut self, expected: &str) -> ErrorKind {
        while self.rest().len() < 16 {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return error,
            }
        }
        let found = match self.rest() {
            [] => "end of file (file cut short?)".to_owned(),
            rest if OF_NUMBERS.contains(&self.section) => excerpt(rest),
            rest => discreet_excerpt(rest),
        };
        self.malformed(self.offset(), expected, found)
    }

    /// The error that something else stands at an offset.
    pub(super) fn malformed(&self, offset: u64, expected: &str, found: String) -> ErrorKind {
        ErrorKind::Malformed { section: self.section.to_owned(), offset, expected: expected.to_owned(), found }
    }

    /// The error that the text contradicts itself at an offset.
    pub(super) fn inconsistent(&self, offset: u64, problem: String) -> ErrorKind {
        ErrorKind::Inconsistent { section: self.section.to_owned(), offset, problem }
    }

    /// Reads a string that should be short, up to its closing quote; returns its raw bytes.
    pub(super) fn short_string(&mut self, limit: usize) -> Result<Vec<u8>, ErrorKind> {
        self.expect(b'"')?;
        let mut searched = 0;
        loop {
            let rest = self.rest();
            if let Some(quote) = memchr::memchr2_iter(b'"', b'\\', &rest[searched..]).find_map(|at| closing(rest, searched + at))
            {
                let raw = rest[..quote].to_vec();
                super::json::check(&raw).map_err(|(at, expected)| {
                    self.consume(at);
                    self.unexpected(expected)
                })?;
                self.consume(quote + 1);
                return Ok(raw);
            }
            searched = self.rest().len();
            if searched > limit || !self.fill()? {
                let rest = self.rest().len();
                if searched <= limit {
                    self.consume(rest);
                }
                return Err(self.unexpected("the end of a string"));
            }
            // An escape may lie across the border: look at the whole string again.
            searched = 0;
        }
    }

    /// Reads one value of any kind without looking at its meaning, checking only that brackets match; writes its text to `keep`.
    pub(super) fn skip_value(&mut self, keep: &mut dyn Write) -> Result<(), ErrorKind> {
        self.peek_token()?;
        let mut open: Vec<u8> = Vec::new();
        let (mut in_string, mut escape, mut begun) = (false, false, false);
        loop {
            if self.rest().is_empty() && !self.fill()? {
                let expected = match open.last() {
                    _ if in_string => "the end of a string",
                    Some(b'{') => "\"}\"",
                    Some(_) => "\"]\"",
                    None if begun => return Ok(()),
                    None => "a value",
                };
                return Err(self.unexpected(expected));
            }
            let kernel = self.kernel;
            let rest = self.rest();
            let mut at = 0;
            let mut done = false;
            while at < rest.len() && !done {
                let byte = rest[at];
                if escape {
                    escape = false;
                    at += 1;
                } else if in_string {
                    match memchr::memchr2(b'"', b'\\', &rest[at..]) {
                        None => at = rest.len(),
                        Some(more) => {
                            at += more + 1;
                            escape = rest[at - 1] == b'\\';
                            in_string = escape;
                            done = !in_string && open.is_empty();
                        }
                    }
                } else {
                    match byte {
                        b'"' => {
                            in_string = true;
                            at += 1;
                        }
                        b'[' | b'{' => {
                            open.push(byte);
                            at += 1;
                        }
                        b']' | b'}' if open.is_empty() => done = true,
                        b']' | b'}' => {
                            if open.pop() != Some(if byte == b']' { b'[' } else { b'{' }) {
                                self.consume(at);
                                return Err(self.unexpected("the bracket that matches"));
                            }
                            at += 1;
                            done = open.is_empty();
                        }
                        b',' | b' ' | b'\n' | b'\r' | b'\t' if open.is_empty() => done = true,
                        _ if open.is_empty() => at += 1,
                        _ => at += kernel.count(&rest[at..], false).stop.map_or(rest.len() - at, |stop| stop.max(1)),
                    }
                    begun |= at > 0;
                }
            }
            keep.write_all(&self.rest()[..at])?;
            if done && !begun {
                return Err(self.unexpected("a value"));
            }
            self.consume(at);
            if done {
                return Ok(());
            }
        }
    }
}

/// If the quote or backslash at `at` is a quote that closes the string that `text` begins in: its position.
fn closing(text: &[u8], at: usize) -> Option<usize> {
    let backslashes = text[..at].iter().rev().take_while(|&&b| b == b'\\').count();
    (text[at] == b'"' && backslashes.is_multiple_of(2)).then_some(at)
}
