//! The strings of a snapshot, unescaped only when asked for, and those among them that speak of WeakMap entries.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use regex::Regex;

use crate::error::ErrorKind;
use crate::graph::{Ephemeron, StringTable, ordinal};
use crate::input::v8::strings::{self, Index};
use crate::input::v8::text::Text;
use crate::scan::Kernel;
use crate::source::SharedMap;

/// The text that holds the strings.
enum Bytes {
    Map(SharedMap),
    /// The value of `strings` alone.
    Own(Vec<u8>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Map(map) => map,
            Self::Own(bytes) => bytes,
        }
    }
}

/// The strings of a snapshot.
pub(super) struct Table {
    bytes: Bytes,
    index: Index,
    kernel: Kernel,
    /// Where each string begins, from the first time that one is asked for.
    starts: OnceLock<Option<Vec<u32>>>,
}

impl Table {
    fn new(bytes: Bytes, index: Index, kernel: Kernel) -> Self {
        Self { bytes, index, kernel, starts: OnceLock::new() }
    }

    pub(super) fn mapped(map: SharedMap, index: Index, kernel: Kernel) -> Self {
        Self::new(Bytes::Map(map), index, kernel)
    }

    /// Keeps the value that comes next.
    pub(super) fn read(text: &mut Text<'_>) -> Result<Self, ErrorKind> {
        text.peek_token()?;
        let offset = text.offset();
        let mut bytes = Vec::new();
        text.skip_value(&mut bytes)?;
        // Read once more, by what knows how to describe a fault.
        let mut input = bytes.as_slice();
        let mut checked = Text::new(&mut input, offset, text.kernel);
        checked.section = text.section;
        checked.expect(b'[')?;
        strings::read(&mut checked, &[], |_, _| {})?;
        let Some(index) = Index::new(&bytes, 1, text.kernel) else { return Err(checked.unexpected("an array of strings")) };
        Ok(Self::new(Bytes::Own(bytes), index, text.kernel))
    }

    pub(super) fn len(&self) -> u64 {
        self.index.count
    }

    /// Calls `found` with the raw text of each wanted string; `wanted` is ascending.
    pub(super) fn fetch(&self, wanted: &[u32], found: impl FnMut(u32, &[u8])) {
        self.index.fetch(&self.bytes, self.kernel, wanted, found);
    }

    /// The text of a string.
    fn text(&self, index: u32) -> String {
        if let Some(starts) = self.starts.get_or_init(|| self.index.starts(&self.bytes, self.kernel)) {
            let raw = starts.get(index as usize).map(|&start| self.index.raw(&self.bytes, start));
            return raw.map_or_else(String::new, crate::input::json::unescape);
        }
        let mut text = String::new();
        self.fetch(&[index], |_, raw| text = crate::input::json::unescape(raw));
        text
    }

    /// The strings of a text without escapes, ascending.
    pub(super) fn named(&self, text: &str) -> Vec<u32> {
        let section = &self.bytes[self.index.range()];
        let quoted = format!("\"{text}\"");
        let found = memchr::memmem::find_iter(section, &quoted);
        let mut named: Vec<u32> =
            found.map(|at| self.index.at(&self.bytes, self.kernel, self.index.range().start + at + 1)).collect();
        // The first quote may be one within a string.
        named.retain(|&index| self.text(index) == text);
        named.dedup();
        named
    }

    /// The names of edges that belong to WeakMap entries, ascending.
    pub(super) fn ephemerons(&self) -> Vec<Ephemeron> {
        // As V8 writes them, in the heap snapshot's explorer of entries of ephemeron tables.
        const MARK: &[u8] = b" pair in WeakMap (table @";
        const NAME: &str = r"^[0-9]+( / part of key \([^\n\r\u{2028}\u{2029}]*? @[0-9]+\) -> value \([^\n\r\u{2028}\u{2029}]*? @[0-9]+\) pair in WeakMap \(table @([0-9]+)\))$";
        let section = &self.bytes[self.index.range()];
        let mut marks = memchr::memmem::find_iter(section, MARK).peekable();
        let (Some(_), Ok(name)) = (marks.peek(), Regex::new(NAME)) else { return Vec::new() };
        let mut pairs: HashMap<String, u32> = HashMap::new();
        let mut found: Vec<Ephemeron> = Vec::new();
        for mark in marks {
            let index = self.index.at(&self.bytes, self.kernel, self.index.range().start + mark);
            if found.last().is_some_and(|last| last.name == index) {
                continue;
            }
            let text = self.text(index);
            let Some(captured) = name.captures(&text) else { continue };
            let Ok(table) = captured[2].parse() else { continue };
            let next = ordinal(pairs.len());
            let pair = *pairs.entry(captured[1].to_owned()).or_insert(next);
            found.push(Ephemeron { name: index, table, pair });
        }
        found
    }
}

impl StringTable for Arc<Table> {
    fn count(&self) -> u32 {
        u32::try_from(self.index.count).unwrap_or(u32::MAX)
    }

    fn get(&self, index: u32) -> Cow<'_, str> {
        Cow::Owned(self.text(index))
    }
}
