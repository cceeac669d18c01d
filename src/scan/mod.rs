//! Integers and strings out of JSON text, many bytes at a time.
//!
//! A snapshot is almost entirely arrays of unsigned integers and one array of strings. Two facts make them fast to read:
//!
//! * The places where numbers end (a digit followed by something else) are a bit mask that costs a few vector instructions per
//!   64 bytes. How many ends lie before a place tells which field of which record a number is, so an array can be cut anywhere
//!   and read by several threads; line breaks play no part.
//! * A number of up to eight digits is the eight bytes before its end with everything in front of it set to zero.
//!
//! The algebra on masks is written once ([`numbers`], [`strings`]) over a small vector trait; the files named after instruction
//! sets hold only what differs. [`naive`] says the same things one byte at a time and is what the tests compare with.
//!
//! What the kernels accept is exactly JSON: `[` and `]` apart, an integer array is digits without leading zeros, separated by
//! single commas, with white space anywhere between. They stop at the first other byte and leave it to the caller.

mod block;
pub mod line;
pub mod naive;
pub mod numbers;
pub mod strings;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod sse2;

pub use line::Line;
pub use numbers::{Count, Divisor, EdgeLayout, Edges, Layout, NumberState, Records, Stop};
pub use strings::{StringMasks, StringState};

pub use numbers::exact as number_before;

/// Bytes that must lie before the first number handed to [`Kernel::decode`].
pub const MARGIN: usize = 16;

/// One implementation of the kernels; all give equal results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Isa);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Token),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Token),
    #[cfg(target_arch = "x86_64")]
    Sse2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

/// Calls a function of the module that belongs to the kernel.
macro_rules! dispatch {
    ($self:expr, $function:ident ( $($argument:expr),* )) => {
        match $self.0 {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(token) => token.$function($($argument),*),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(token) => token.$function($($argument),*),
            #[cfg(target_arch = "x86_64")]
            Isa::Sse2 => sse2::$function($($argument),*),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon::$function($($argument),*),
            Isa::Portable => portable::$function($($argument),*),
        }
    };
}

impl Kernel {
    /// The fastest kernel of this machine.
    #[must_use]
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = || avx2::Token::new().map(Isa::Avx2);
            Self(avx512::Token::new().map(Isa::Avx512).or_else(avx2).unwrap_or(Isa::Sse2))
        }
        #[cfg(target_arch = "aarch64")]
        {
            Self(Isa::Neon)
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            Self(Isa::Portable)
        }
    }

    /// Every kernel that runs on this machine, by name.
    #[must_use]
    pub fn all() -> Vec<(&'static str, Self)> {
        let mut all = vec![("portable", Self(Isa::Portable))];
        #[cfg(target_arch = "x86_64")]
        {
            all.push(("sse2", Self(Isa::Sse2)));
            if let Some(token) = avx2::Token::new() {
                all.push(("avx2", Self(Isa::Avx2(token))));
            }
            if let Some(token) = avx512::Token::new() {
                all.push(("avx512", Self(Isa::Avx512(token))));
            }
        }
        #[cfg(target_arch = "aarch64")]
        all.push(("neon", Self(Isa::Neon)));
        all
    }

    /// Counts the numbers that end before a byte of `text`, up to the first byte that cannot stand in an integer array.
    ///
    /// A number that begins before `text` (`digit_before`: the byte before it is a digit) counts if it ends in it; one that
    /// reaches the end of `text` does not.
    #[must_use]
    pub fn count(self, text: &[u8], digit_before: bool) -> Count {
        dispatch!(self, count(text, digit_before))
    }

    /// Appends to `ends` the position behind each number in `text[from..to]`, checking the grammar of an integer array.
    ///
    /// `state` carries what came before `from` and is updated. Positions are offsets in `text`. Stops at the first byte that
    /// cannot follow; the number before it is included.
    pub fn ends(self, text: &[u8], from: usize, to: usize, state: &mut NumberState, ends: &mut Vec<u32>) -> Option<Stop> {
        assert!(u32::try_from(to).is_ok() && to <= text.len(), "positions fit 32 bits");
        dispatch!(self, ends(text, from, to, state, ends))
    }

    /// Reads the line of a Python object dump that begins at `at`; None if it is not as meliae writes it, or reaches too near to
    /// the end of the text to be read in words. References are appended to `refs`; where the result is None, some may have been.
    #[inline]
    pub fn line<'t>(self, text: &'t [u8], at: usize, refs: &mut Vec<u64>) -> Option<Line<'t>> {
        dispatch!(self, line(text, at, refs))
    }

    /// Decodes the records whose numbers end at `ends` (a multiple of the number of fields) into `records`.
    ///
    /// # Panics
    /// If a number could reach into the first [`MARGIN`] bytes of `text`, or `ends` is not a whole number of records in
    /// ascending order within `text`.
    pub fn decode(self, text: &[u8], ends: &[u32], layout: &Layout, records: &mut Records) {
        assert!(ends.len().is_multiple_of(layout.fields), "whole records");
        assert!(layout.positions().iter().all(|&field| field < layout.fields), "fields within the record");
        let Some((&first, &last)) = ends.first().zip(ends.last()) else {
            records.clear();
            return;
        };
        assert!(first as usize >= MARGIN && last as usize <= text.len(), "a margin before the first number");
        records.trace.clear();
        dispatch!(self, decode(text, ends, layout, records));
        if let Some(trace) = layout.trace.filter(|_| records.trace.is_empty()) {
            records.overflow |= !dispatch!(self, column(text, ends, (layout.fields, trace), &mut records.trace));
        }
    }

    /// Decodes the edges whose numbers end at `ends` (a multiple of the number of fields) into `edges`.
    ///
    /// # Panics
    /// See [`Kernel::decode`].
    pub fn edges(self, text: &[u8], ends: &[u32], layout: &EdgeLayout, edges: &mut Edges) {
        assert!(ends.len().is_multiple_of(layout.fields), "whole records");
        assert!(layout.positions().iter().all(|&field| field < layout.fields), "fields within the record");
        let margin = ends.first().is_none_or(|&first| first as usize >= MARGIN);
        assert!(margin && ends.last().is_none_or(|&last| last as usize <= text.len()), "a margin before the first number");
        edges.resize(ends.len() / layout.fields);
        dispatch!(self, edges(text, ends, layout, edges));
    }

    /// Appends one entry per 64 bytes of `text` to `masks`: where strings open and close. Stops at the first byte that cannot
    /// stand there.
    pub fn strings(self, text: &[u8], state: &mut StringState, masks: &mut Vec<StringMasks>) -> Option<Stop> {
        dispatch!(self, strings(text, state, masks))
    }
}

#[cfg(test)]
mod tests;
