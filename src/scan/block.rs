//! The vector trait, and the classification of 64 bytes that is built on it.
#![allow(unsafe_code, reason = "vector loads through pointers; every caller proves the bytes are there")]

use super::numbers::NumberBytes;
use super::strings::StringBytes;

/// A register of bytes. Implementations are thin wrappers of intrinsics.
///
/// # Safety
/// The methods may only be called where the instruction set of the implementation is enabled.
pub(super) trait Vector: Copy {
    /// Bytes in a register; divides 64.
    const BYTES: usize;
    /// Loads `BYTES` bytes, not necessarily aligned, that must be readable.
    unsafe fn load(from: *const u8) -> Self;
    /// The same byte everywhere.
    unsafe fn splat(byte: u8) -> Self;
    /// 0xFF where equal.
    unsafe fn eq(self, other: Self) -> Self;
    /// 0xFF where `self` is at most `other`, unsigned.
    unsafe fn at_most(self, other: Self) -> Self;
    /// Difference modulo 256.
    unsafe fn minus(self, other: Self) -> Self;
    /// Bitwise or.
    unsafe fn or(self, other: Self) -> Self;
    /// The top bit of each byte, the first byte's lowest.
    unsafe fn mask(self) -> u64;
}

/// Entries that may be written for 64 bytes.
const WRITTEN: usize = 36;

/// What a kernel makes of 64 bytes.
///
/// # Safety
/// The functions may only be called where the instruction set of the implementation is enabled.
pub(super) trait Block {
    /// Classifies the 64 bytes at `from`, which must be readable, for an integer array.
    unsafe fn number_bytes(from: *const u8) -> NumberBytes;
    /// The same for a string array.
    unsafe fn string_bytes(from: *const u8) -> StringBytes;
    /// Writes `at` plus the position of each set bit, of which no two are neighbours. [`WRITTEN`] entries must be
    /// writable, whatever the bits.
    unsafe fn write_positions(bits: u64, at: u32, to: *mut u32);
}

impl<V: Vector> Block for V {
    #[inline(always)]
    unsafe fn number_bytes(from: *const u8) -> NumberBytes {
        let mut bytes = NumberBytes::default();
        let mut at = 0;
        while at < 64 {
            // SAFETY: at + BYTES <= 64 bytes are readable; the caller enabled the instruction set.
            unsafe {
                let v = V::load(from.add(at));
                let digit = v.minus(V::splat(b'0')).at_most(V::splat(9));
                bytes.digit |= digit.mask() << at;
                bytes.zero |= v.eq(V::splat(b'0')).mask() << at;
                bytes.comma |= v.eq(V::splat(b',')).mask() << at;
                bytes.space |= space(v).mask() << at;
            }
            at += V::BYTES;
        }
        bytes
    }

    #[inline(always)]
    unsafe fn string_bytes(from: *const u8) -> StringBytes {
        let mut bytes = StringBytes::default();
        let mut at = 0;
        while at < 64 {
            // SAFETY: at + BYTES <= 64 bytes are readable; the caller enabled the instruction set.
            unsafe {
                let v = V::load(from.add(at));
                bytes.quote |= v.eq(V::splat(b'"')).mask() << at;
                bytes.backslash |= v.eq(V::splat(b'\\')).mask() << at;
                bytes.control |= v.at_most(V::splat(0x1f)).mask() << at;
                bytes.comma |= v.eq(V::splat(b',')).mask() << at;
                bytes.space |= space(v).mask() << at;
                bytes.high |= v.mask() << at;
            }
            at += V::BYTES;
        }
        bytes
    }

    #[inline(always)]
    unsafe fn write_positions(bits: u64, at: u32, to: *mut u32) {
        let mut end = to;
        // Eight entries for each byte of the mask, of which as many stay as it has bits: no branch depends on the text.
        for byte in 0..8 {
            let mask = bits >> (8 * byte) & 0xff;
            for (i, &bit) in BITS[mask as usize].iter().enumerate() {
                // SAFETY: no two bits are neighbours, so the bytes before have at most four each: this is at most the 36th entry.
                unsafe { end.add(i).write(at.wrapping_add(8 * byte + u32::from(bit))) };
            }
            // SAFETY: see above.
            end = unsafe { end.add(mask.count_ones() as usize) };
        }
    }
}

/// 0xFF where a byte is white space.
///
/// # Safety
/// `V`'s instruction set must be enabled.
#[inline(always)]
unsafe fn space<V: Vector>(v: V) -> V {
    // SAFETY: the caller enabled the instruction set.
    unsafe { v.eq(V::splat(b' ')).or(v.eq(V::splat(b'\n'))).or(v.eq(V::splat(b'\r')).or(v.eq(V::splat(b'\t')))) }
}

/// Calls `f` with each 64-byte block of `text[from..to]`: a pointer to 64 readable bytes, the block's offset, and how many of
/// the bytes belong to the text. The last block is padded with spaces. Ends early when `f` returns false.
#[inline(always)]
pub(super) fn for_each(text: &[u8], from: usize, to: usize, mut f: impl FnMut(*const u8, usize, u32) -> bool) {
    let text = &text[..to];
    let mut padded = [b' '; 64];
    let mut at = from;
    while at < to {
        let rest = &text[at..];
        // One call of `f` for whole blocks and the last, so that it is inlined.
        let (block, len) = if let Some(block) = rest.first_chunk::<64>() {
            (block.as_ptr(), 64)
        } else {
            padded[..rest.len()].copy_from_slice(rest);
            #[expect(clippy::cast_possible_truncation, reason = "less than 64")]
            (padded.as_ptr(), rest.len() as u32)
        };
        if !f(block, at, len) {
            return;
        }
        crate::source::prefetch(text, at + AHEAD);
        at += 64;
    }
}

/// Bytes ahead that memory is asked for: processors do so themselves, but not across the pages of a file.
const AHEAD: usize = 2048;

/// The positions of the set bits of a byte.
static BITS: [[u8; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut found) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                table[byte][found] = bit;
                found += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    table
};

/// Appends positions of set bits to a vector that has room for those of a whole text.
pub(super) struct Positions<'v> {
    vector: &'v mut Vec<u32>,
    /// Bytes of text whose positions there is room for.
    bytes_left: usize,
}

impl<'v> Positions<'v> {
    /// Makes room for the number ends in `bytes` bytes of text.
    pub(super) fn new(vector: &'v mut Vec<u32>, bytes: usize) -> Self {
        // At most every second byte ends a number.
        vector.reserve(bytes.div_ceil(64) * 32 + WRITTEN);
        Self { vector, bytes_left: bytes.div_ceil(64) * 64 }
    }

    /// Appends `at` plus the position of each bit. No two bits are neighbours.
    ///
    /// # Safety
    /// `B`'s instruction set must be enabled.
    #[inline(always)]
    pub(super) unsafe fn push<B: Block>(&mut self, bits: u64, at: usize) {
        debug_assert_eq!(bits & bits << 1, 0);
        let count = bits.count_ones() as usize;
        assert!(self.bytes_left >= 64 && count <= 32);
        self.bytes_left -= 64;
        #[expect(clippy::cast_possible_truncation, reason = "the entry point checked that all positions fit")]
        let at = at as u32;
        let len = self.vector.len();
        // SAFETY: `new` reserved 32 entries for each 64 bytes and WRITTEN more. What is written beyond the bits' positions lies there
        // too, and does not count. The caller enabled the instruction set.
        unsafe {
            B::write_positions(bits, at, self.vector.as_mut_ptr().add(len));
            self.vector.set_len(len + count);
        }
    }
}

/// Writes the entry points of a kernel: each inlines the algorithms with `$block`, under the attributes given.
macro_rules! entry_points {
    ($block:ty, $(#[$attribute:meta])* $($unsafety:ident)?) => {
        $(#[$attribute])*
        pub(super) $($unsafety)? fn count(text: &[u8], digit_before: bool) -> $crate::scan::numbers::Count {
            let mut counter = $crate::scan::numbers::Counter::new(digit_before);
            $crate::scan::block::for_each(text, 0, text.len(), |block, at, len| {
                // SAFETY: for_each gives 64 readable bytes; this function runs only with the instruction set it is written for.
                counter.step(unsafe { <$block as $crate::scan::block::Block>::number_bytes(block) }, at, len)
            });
            counter.finish()
        }

        $(#[$attribute])*
        pub(super) $($unsafety)? fn ends(
            text: &[u8],
            from: usize,
            to: usize,
            state: &mut $crate::scan::numbers::NumberState,
            ends: &mut Vec<u32>,
        ) -> Option<$crate::scan::numbers::Stop> {
            let mut stop = None;
            let mut local = *state;
            let mut positions = $crate::scan::block::Positions::new(ends, to - from);
            $crate::scan::block::for_each(text, from, to, |block, at, len| {
                // SAFETY: for_each gives 64 readable bytes; this function runs only with the instruction set it is written for.
                let (after, stopped) = local.step(unsafe { <$block as $crate::scan::block::Block>::number_bytes(block) }, len);
                // SAFETY: see above.
                unsafe { positions.push::<$block>(after, at) };
                stop = stopped.map(|offset| $crate::scan::numbers::Stop { at: at + offset });
                stop.is_none()
            });
            *state = local;
            stop
        }

        $(#[$attribute])*
        pub(super) $($unsafety)? fn strings(
            text: &[u8],
            state: &mut $crate::scan::strings::StringState,
            masks: &mut Vec<$crate::scan::strings::StringMasks>,
        ) -> Option<$crate::scan::numbers::Stop> {
            let mut stop = None;
            $crate::scan::block::for_each(text, 0, text.len(), |block, at, len| {
                // SAFETY: for_each gives 64 readable bytes; this function runs only with the instruction set it is written for.
                let (found, stopped) = state.step(unsafe { <$block as $crate::scan::block::Block>::string_bytes(block) }, len);
                masks.push(found);
                stop = stopped.map(|offset| $crate::scan::numbers::Stop { at: at + offset });
                stop.is_none()
            });
            stop
        }
    };
}
pub(super) use entry_points;
