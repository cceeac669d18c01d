//! The `strings` array: counting, checking, and fetching the few strings that name groups.
//!
//! Every string is checked (escapes, control characters, UTF-8), but only wanted ones are unescaped.

use crate::error::ErrorKind;
use crate::input::json::{CONTROL, ESCAPE, check_escape, length, length_from};
use crate::input::text::Text;
use crate::scan::{Kernel, StringMasks, StringState};

/// Text looked at between two entries of the index.
const STRIDE: usize = 1 << 10;

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
                check_escape(text, at).map_err(|(at, expected)| Problem { at, expected })?;
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

    /// Where each string begins, in bytes from the first one's quote; None past 2^32.
    pub(super) fn starts(&self, map: &[u8], kernel: Kernel) -> Option<Vec<u32>> {
        u32::try_from(self.end - self.start).ok()?;
        let mut starts = Vec::with_capacity(usize::try_from(self.count).ok()?);
        let mut masks = Vec::new();
        for (&(_, mut state), at) in self.strides.iter().zip((0_u32..).step_by(STRIDE)) {
            let from = self.start + at as usize;
            masks.clear();
            kernel.strings(&map[from..self.end.min(from + STRIDE)], &mut state, &mut masks);
            for (masks, block) in masks.iter().zip((at..).step_by(64)) {
                let mut open = masks.open;
                while open != 0 {
                    starts.push(block + open.trailing_zeros());
                    open &= open - 1;
                }
            }
        }
        Some(starts)
    }

    /// The raw text of the string that begins at a place of [`Index::starts`].
    pub(super) fn raw<'m>(&self, map: &'m [u8], start: u32) -> &'m [u8] {
        let text = &map[self.start + start as usize + 1..=self.end];
        &text[..length(text).unwrap_or(0)]
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
            let mut searched = 0;
            loop {
                if let Some(length) = length_from(&text.rest()[open + 1..], searched) {
                    found(name, &text.rest()[open + 1..open + 1 + length]);
                    break;
                }
                searched = text.rest().len() - open - 1;
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

/// At most `at`, less up to three bytes so that no UTF-8 character is cut.
fn character_border(text: &[u8], at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    let continuation = |&at: &usize| text[at] & 0xc0 == 0x80;
    (at.saturating_sub(3)..=at).rev().find(|at| !continuation(at)).unwrap_or(at)
}
