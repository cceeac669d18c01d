//! Kernels with AVX2, chosen at run time. Decoding turns four numbers of a record into integers at once.
#![allow(unsafe_code, reason = "AVX2 intrinsics behind a token that proves AVX2 is there")]

use core::arch::x86_64::{
    __m256i, _mm_cvtsi128_si64, _mm256_andnot_si256, _mm256_castsi256_si128, _mm256_cmpeq_epi8, _mm256_extracti128_si256,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_max_epu8, _mm256_min_epu8, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_packus_epi32, _mm256_set_epi64x, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_srli_epi64, _mm256_sub_epi8,
};

use super::block::Vector;
use super::numbers::{Count, Layout, NumberState, Record, Records, Stop, decode_exact, two_digits};
use super::strings::{StringMasks, StringState};

/// Proof that the processor has what these kernels use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token(());

impl Token {
    pub(super) fn new() -> Option<Self> {
        let present = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        present.then_some(Self(()))
    }

    pub(super) fn count(self, text: &[u8], digit_before: bool) -> Count {
        // SAFETY: the token proves the instruction set, here and below.
        unsafe { with_avx2::count(text, digit_before) }
    }

    pub(super) fn ends(self, text: &[u8], from: usize, to: usize, state: &mut NumberState, ends: &mut Vec<u32>) -> Option<Stop> {
        // SAFETY: see count.
        unsafe { with_avx2::ends(text, from, to, state, ends) }
    }

    pub(super) fn strings(self, text: &[u8], state: &mut StringState, masks: &mut Vec<StringMasks>) -> Option<Stop> {
        // SAFETY: see count.
        unsafe { with_avx2::strings(text, state, masks) }
    }

    pub(super) fn decode(self, text: &[u8], ends: &[u32], layout: &Layout, records: &mut Records) {
        // SAFETY: see count.
        unsafe { decode(text, ends, layout, records) }
    }
}

mod with_avx2 {
    use super::super::block::entry_points;
    use core::arch::x86_64::__m256i;
    entry_points!(__m256i, #[target_feature(enable = "avx2,bmi1,lzcnt,popcnt")] unsafe);
}

impl Vector for __m256i {
    const BYTES: usize = 32;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller promises 32 readable bytes and AVX2.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        // SAFETY: the caller promises AVX2, here and below.
        unsafe { _mm256_set1_epi8(byte.cast_signed()) }
    }

    #[inline(always)]
    unsafe fn eq(self, other: Self) -> Self {
        // SAFETY: see splat.
        unsafe { _mm256_cmpeq_epi8(self, other) }
    }

    #[inline(always)]
    unsafe fn at_most(self, other: Self) -> Self {
        // SAFETY: see splat.
        unsafe { _mm256_cmpeq_epi8(_mm256_min_epu8(self, other), self) }
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        // SAFETY: see splat.
        unsafe { _mm256_sub_epi8(self, other) }
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: see splat.
        unsafe { _mm256_or_si256(self, other) }
    }

    #[inline(always)]
    unsafe fn mask(self) -> u64 {
        // SAFETY: see splat.
        u64::from(unsafe { _mm256_movemask_epi8(self) }.cast_unsigned())
    }
}

/// The eight bytes before `end`.
///
/// # Safety
/// `end` must be at least 8 and at most the length of the text.
#[inline(always)]
unsafe fn eight_before(text: &[u8], end: usize) -> i64 {
    debug_assert!(end >= 8 && end <= text.len());
    // SAFETY: the bytes end - 8 .. end lie in the text.
    unsafe { text.as_ptr().add(end - 8).cast::<i64>().read_unaligned() }
}

/// Four numbers, each of up to eight digits and in the eight bytes before its end (in a 64-bit lane, most significant digit
/// lowest), to integers in the low and high halves of two words. The returned mask has a bit for each byte that is no digit.
#[inline(always)]
unsafe fn four_numbers(lanes: __m256i) -> (u64, u64, u32) {
    // SAFETY: the caller promises AVX2.
    unsafe {
        let value = _mm256_sub_epi8(lanes, _mm256_set1_epi8(b'0'.cast_signed()));
        let other = _mm256_cmpeq_epi8(_mm256_max_epu8(value, _mm256_set1_epi8(10)), value);
        // Everything in front of the last byte that is no digit belongs to other numbers.
        let front = _mm256_or_si256(other, _mm256_srli_epi64::<8>(other));
        let front = _mm256_or_si256(front, _mm256_srli_epi64::<16>(front));
        let front = _mm256_or_si256(front, _mm256_srli_epi64::<32>(front));
        let digits = _mm256_andnot_si256(front, value);
        let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a));
        let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_0064));
        let packed = _mm256_packus_epi32(fours, fours);
        let eights = _mm256_madd_epi16(packed, _mm256_set1_epi32(0x0001_2710));
        let low = _mm_cvtsi128_si64(_mm256_castsi256_si128(eights)).cast_unsigned();
        let high = _mm_cvtsi128_si64(_mm256_extracti128_si256::<1>(eights)).cast_unsigned();
        (low, high, _mm256_movemask_epi8(other).cast_unsigned())
    }
}

/// See [`Kernel::decode`](super::Kernel::decode).
///
/// # Safety
/// AVX2 must be present.
#[target_feature(enable = "avx2,bmi1,lzcnt,popcnt")]
unsafe fn decode(text: &[u8], ends: &[u32], layout: &Layout, records: &mut Records) {
    // A plain loop: a closure would be compiled without AVX2.
    let (mut least, mut most) = (u32::MAX, 0);
    for &end in ends {
        least = end.min(least);
        most = end.max(most);
    }
    assert!(least as usize >= super::MARGIN && most as usize <= text.len(), "ends within the text");
    // The layouts V8 writes, as constants.
    match *layout {
        Layout { fields: 7, kind: 0, name: 1, id: 2, self_size: 3, detachedness: 6 } => {
            let layout = Layout { fields: 7, kind: 0, name: 1, id: 2, self_size: 3, detachedness: 6 };
            // SAFETY: AVX2 is present and all ends are in range, here and below.
            unsafe { decode_layout(text, ends, layout, records) }
        }
        Layout { fields: 6, kind: 0, name: 1, id: 2, self_size: 3, detachedness: 5 } => {
            let layout = Layout { fields: 6, kind: 0, name: 1, id: 2, self_size: 3, detachedness: 5 };
            // SAFETY: see above.
            unsafe { decode_layout(text, ends, layout, records) }
        }
        // Edges: the target in the place of the id.
        Layout { fields: 3, kind: 0, name: 1, id: 2, self_size: 0, detachedness: 0 } => {
            let layout = Layout { fields: 3, kind: 0, name: 1, id: 2, self_size: 0, detachedness: 0 };
            // SAFETY: see above.
            unsafe { decode_layout(text, ends, layout, records) }
        }
        // SAFETY: see above.
        other => unsafe { decode_layout(text, ends, other, records) },
    }
}

/// # Safety
/// AVX2 must be present, and every end at least [`super::MARGIN`] and at most the length of the text.
#[inline(always)]
unsafe fn decode_layout(text: &[u8], ends: &[u32], layout: Layout, records: &mut Records) {
    const LOW: u64 = 0xffff_ffff;
    let mut columns = records.columns(ends.len() / layout.fields);
    for (place, ends) in ends.chunks_exact(layout.fields).enumerate() {
        let end = |position: usize| ends[position] as usize;
        let id_end = end(layout.id);
        // SAFETY: every end is at least 16 and within the text, so all loads, the two of the id too, lie in it.
        let ((name_size, id, other), kind, last) = unsafe {
            let lanes = _mm256_set_epi64x(
                eight_before(text, id_end - 8),
                eight_before(text, id_end),
                eight_before(text, end(layout.self_size)),
                eight_before(text, end(layout.name)),
            );
            (four_numbers(lanes), four_before(text, end(layout.kind)), four_before(text, end(layout.detachedness)))
        };
        let (kind, kind_is_short) = two_digits(kind);
        let [name_other, size_other, id_other, id_front_other] = other.to_le_bytes();
        // A lane of eight digits may hold the end of a longer number; only the id has a lane for what comes before.
        let short = (name_other != 0) & (size_other != 0) & ((id_other | id_front_other) != 0);
        if !(kind_is_short & short) {
            columns.set(place, decode_exact(text, ends, &layout));
            continue;
        }
        let front = if id_other == 0 { id >> 32 } else { 0 };
        #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
        let name = name_size as u32;
        let record = Record {
            kind,
            name,
            id: front * 100_000_000 + (id & LOW),
            self_size: name_size >> 32,
            detached: (last[3] == b'2') & !last[2].is_ascii_digit(),
        };
        columns.set(place, Some(record));
    }
}

/// The four bytes before `end`.
///
/// # Safety
/// `end` must be at least 4 and at most the length of the text.
#[inline(always)]
unsafe fn four_before(text: &[u8], end: usize) -> [u8; 4] {
    debug_assert!(end >= 4 && end <= text.len());
    // SAFETY: the bytes end - 4 .. end lie in the text.
    unsafe { text.as_ptr().add(end - 4).cast::<[u8; 4]>().read_unaligned() }
}
