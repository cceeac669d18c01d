//! String arrays: where strings open and close, by the algebra on 64-byte masks.

use super::numbers::{low_bits, prefix_parity};

/// Which of 64 bytes are what, one bit each, the first byte's lowest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StringBytes {
    pub(super) quote: u64,
    pub(super) backslash: u64,
    pub(super) control: u64,
    pub(super) comma: u64,
    pub(super) space: u64,
    pub(super) high: u64,
}

/// Where strings open and close within 64 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StringMasks {
    /// Opening quotes.
    pub open: u64,
    /// Closing quotes.
    pub close: u64,
    /// Bytes behind a backslash that takes away their meaning.
    pub escaped: u64,
    /// Bytes from 0x80: the text is not ASCII.
    pub high: u64,
}

/// What the text so far means for the text that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StringState {
    /// All ones inside a string.
    in_string: u64,
    /// 1 if the last byte is a backslash that escapes the next.
    escape: u64,
    /// All ones if the last mark outside strings is a string, which a comma must follow.
    string_before: u64,
}

impl StringState {
    /// Behind `[`: a string is to follow.
    pub const START: Self = Self { in_string: 0, escape: 0, string_before: 0 };

    /// Whether the text so far ends inside a string.
    #[must_use]
    pub fn in_string(&self) -> bool {
        self.in_string != 0
    }

    /// Whether a string has been read that a comma or the end of the array may follow.
    #[must_use]
    pub fn string_before(&self) -> bool {
        self.string_before != 0 && self.in_string == 0
    }

    /// Takes in a block of `len` bytes. Returns its masks and the offset of the first byte that cannot stand where it is.
    #[inline(always)]
    pub(super) fn step(&mut self, bytes: StringBytes, len: u32) -> (StringMasks, Option<usize>) {
        let valid = low_bits(len);
        let escaped = self.escaped(bytes.backslash & valid, len);
        let quote = bytes.quote & !escaped & valid;
        // Set from an opening quote up to the byte before the closing one.
        let inside = prefix_parity(quote) ^ self.in_string;
        let open = quote & inside;
        let close = quote & !inside;
        let within = inside & !open;
        let comma = bytes.comma & !inside;
        let string_last = prefix_parity(open | comma) ^ self.string_before;
        let out_of_turn = (open & !string_last) | (comma & string_last);
        let outside = !(inside | close | bytes.comma | bytes.space);
        let bad = ((bytes.control & within) | out_of_turn | outside) & valid;
        let masks = StringMasks { open, close, escaped: escaped & within & valid, high: bytes.high & within & valid };
        self.in_string = (inside >> (len - 1) & 1).wrapping_neg();
        if bad == 0 {
            self.string_before = (string_last >> (len - 1) & 1).wrapping_neg();
            return (masks, None);
        }
        let stop = bad.trailing_zeros();
        let before = low_bits(stop + 1) >> 1;
        self.in_string = ((inside & !open) >> stop & 1).wrapping_neg();
        self.string_before = match (open | comma) & before {
            0 => ((string_last ^ open ^ comma) & 1).wrapping_neg(),
            marks => (open >> (63 - marks.leading_zeros()) & 1).wrapping_neg(),
        };
        let cut = |bits: u64| bits & before;
        let masks =
            StringMasks { open: cut(masks.open), close: cut(masks.close), escaped: cut(masks.escaped), high: cut(masks.high) };
        (masks, Some(stop as usize))
    }

    /// The bytes that a backslash before them escapes: in a run of backslashes every second one is escaped itself.
    #[inline(always)]
    fn escaped(&mut self, backslash: u64, len: u32) -> u64 {
        if backslash == 0 {
            return std::mem::take(&mut self.escape);
        }
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let escaping = backslash & !self.escape;
        let follows = escaping << 1 | self.escape;
        let odd_starts = escaping & !EVEN & !follows;
        // Adding the run's start to the run carries to the byte behind it, at a parity that tells the run's length.
        let sequences_on_even = odd_starts.wrapping_add(escaping);
        let escaped = (EVEN ^ (sequences_on_even << 1)) & follows;
        self.escape = (backslash & !escaped) >> (len - 1) & 1;
        escaped
    }
}
