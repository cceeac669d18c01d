//! Kernels with AVX2, chosen at run time. Decoding turns four numbers of a record into integers at once.
#![allow(unsafe_code, reason = "AVX2 intrinsics behind a token that proves AVX2 is there")]

use core::arch::x86_64::{
    __m128i, __m256i, _mm_cmpeq_epi8, _mm_cvtsi128_si64, _mm_loadu_si128, _mm_madd_epi16, _mm_maddubs_epi16, _mm_min_epu8,
    _mm_movemask_epi8, _mm_packus_epi32, _mm_set1_epi8, _mm_set1_epi16, _mm_set1_epi32, _mm_shuffle_epi8, _mm_sub_epi8,
    _mm256_andnot_si256, _mm256_castsi256_si128, _mm256_cmpeq_epi8, _mm256_extracti128_si256, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_max_epu8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
    _mm256_packus_epi32, _mm256_set_epi64x, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_srli_epi64,
    _mm256_sub_epi8,
};

use super::block::Vector;
use super::line::{self, Digits, Line};
use super::numbers::{
    Count, DETACHEDNESS_MAX, EdgeLayout, Edges, Layout, NumberState, Record, Records, Stop, decode_exact, one_digit, two_digits,
};
use super::portable::{edge, eight_digits, some_edges};
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

    pub(super) fn line<'t>(self, text: &'t [u8], at: usize, refs: &mut Vec<u64>) -> Option<Line<'t>> {
        // SAFETY: see count.
        unsafe { line(self, text, at, refs) }
    }

    pub(super) fn decode(self, text: &[u8], ends: &[u32], layout: &Layout, records: &mut Records) {
        // SAFETY: see count.
        unsafe { decode(text, ends, layout, records) }
    }

    pub(super) fn edges(self, text: &[u8], ends: &[u32], layout: &EdgeLayout, edges: &mut Edges) {
        // SAFETY: see count.
        unsafe { self::edges(text, ends, layout, edges) }
    }

    pub(super) fn column(self, text: &[u8], ends: &[u32], (fields, position): (usize, usize), values: &mut Vec<u32>) -> bool {
        // SAFETY: see count.
        unsafe { column(text, ends, (fields, position), values) }
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
    assert!(within(text, ends), "ends within the text");
    // The layouts V8 writes, as constants.
    // SAFETY: AVX2 is present and all ends are in range.
    unsafe {
        match layout.v8_fields() {
            Some(7) => decode_layout(text, ends, layout.of_v8(7), records),
            Some(6) => decode_layout(text, ends, layout.of_v8(6), records),
            _ => decode_layout(text, ends, *layout, records),
        }
    }
}

/// # Safety
/// AVX2 must be present, and every end at least [`super::MARGIN`] and at most the length of the text.
#[inline(always)]
unsafe fn decode_layout(text: &[u8], ends: &[u32], layout: Layout, records: &mut Records) {
    const LOW: u64 = 0xffff_ffff;
    let mut columns = records.columns(ends.len() / layout.fields, &layout);
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
        let detachedness = one_digit([last[2], last[3]]).filter(|_| kind_is_short & short);
        let edge_count = layout.edge_count.map_or(Some(0), |position| eight_digits(text, end(position)));
        let Some((detachedness, edge_count)) = detachedness.zip(edge_count) else {
            columns.set(place, decode_exact(text, ends, &layout));
            continue;
        };
        let front = if id_other == 0 { id >> 32 } else { 0 };
        #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
        let name = name_size as u32;
        let record = Record {
            kind,
            name,
            id: front * 100_000_000 + (id & LOW),
            self_size: name_size >> 32,
            detachedness: detachedness.min(DETACHEDNESS_MAX),
            edge_count,
        };
        columns.set(place, Some(record));
    }
}

/// See [`Kernel::edges`](super::Kernel::edges).
///
/// # Safety
/// AVX2 must be present.
#[target_feature(enable = "avx2,bmi1,lzcnt,popcnt")]
unsafe fn edges(text: &[u8], ends: &[u32], layout: &EdgeLayout, edges: &mut Edges) {
    assert!(within(text, ends), "ends within the text");
    // That of V8 as constants.
    if layout.is_v8() {
        let layout = EdgeLayout { fields: 3, kind: 0, name_or_index: 1, to_node: 2, ..*layout };
        // SAFETY: AVX2 is present and all ends are in range, here and below.
        unsafe { edges_of_layout(text, ends, layout, edges) }
    } else {
        // SAFETY: see above.
        unsafe { edges_of_layout(text, ends, *layout, edges) }
    }
}

/// Name and target of two edges at once.
///
/// # Safety
/// AVX2 must be present, and every end at least [`super::MARGIN`] and at most the length of the text.
#[inline(always)]
unsafe fn edges_of_layout(text: &[u8], ends: &[u32], layout: EdgeLayout, edges: &mut Edges) {
    let EdgeLayout { fields, kind, name_or_index, to_node, ordinal } = layout;
    let records = ends.len() / fields;
    let kinds = edges.kind[..records].chunks_exact_mut(2);
    let names = edges.name_or_index[..records].chunks_exact_mut(2);
    let targets = edges.to_node[..records].chunks_exact_mut(2);
    let mut overflow = false;
    for (((ends, kinds), names), targets) in ends.chunks_exact(2 * fields).zip(kinds).zip(names).zip(targets) {
        let end = |edge: usize, position: usize| ends[edge * fields + position] as usize;
        let target_ends = [end(0, to_node), end(1, to_node)];
        // SAFETY: every end is at least 16 and within the text, so all loads lie in it.
        let (first, second, other, kind_bytes, before) = unsafe {
            let (first, second, other) = four_numbers(_mm256_set_epi64x(
                eight_before(text, target_ends[1]),
                eight_before(text, end(1, name_or_index)),
                eight_before(text, target_ends[0]),
                eight_before(text, end(0, name_or_index)),
            ));
            let kind_bytes = [four_before(text, end(0, kind)), four_before(text, end(1, kind))];
            (first, second, other, kind_bytes, target_ends.map(|end| *text.get_unchecked(end - 9)))
        };
        let [name_0, target_0, name_1, target_1] = other.to_le_bytes();
        // A lane of eight digits may hold the end of a longer number.
        let is_short = |other: u8, before: u8| (other != 0) | !before.is_ascii_digit();
        let targets_are_short = is_short(target_0, before[0]) & is_short(target_1, before[1]);
        let short_kinds = kind_bytes.map(|[_, _, tens, ones]| one_digit([tens, ones]));
        let others_are_short = (name_0 != 0) & (name_1 != 0) & short_kinds[0].is_some() & short_kinds[1].is_some();
        let mut to = [first >> 32, second >> 32];
        if others_are_short && (targets_are_short || add_fronts(text, target_ends, &mut to)) {
            kinds.copy_from_slice(&short_kinds.map(Option::unwrap_or_default));
            #[expect(clippy::cast_possible_truncation, reason = "the low halves are meant")]
            names.copy_from_slice(&[first as u32, second as u32]);
            let to = to.map(|to| ordinal.exact(to));
            overflow |= to.contains(&None);
            targets.copy_from_slice(&to.map(Option::unwrap_or_default));
        } else {
            overflow |= !some_edges(text, ends, &layout, (kinds, names, targets));
        }
    }
    edges.overflow = overflow;
    if records % 2 == 1 {
        edges.set(records - 1, edge(text, &ends[(records - 1) * fields..], &layout));
    }
}

/// Adds what stands in front of the last eight digits of two numbers, as it does in the largest files; false if it is longer, too.
#[inline(never)]
fn add_fronts(text: &[u8], ends: [usize; 2], numbers: &mut [u64; 2]) -> bool {
    let front = |end: usize| if eight_digits(text, end).is_some() { Some(0) } else { eight_digits(text, end - 8) };
    let [first, second] = ends.map(front);
    let Some((first, second)) = first.zip(second) else { return false };
    numbers[0] += u64::from(first) * 100_000_000;
    numbers[1] += u64::from(second) * 100_000_000;
    true
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

/// See [`Kernel::line`](super::Kernel::line).
///
/// # Safety
/// AVX2 must be present.
#[target_feature(enable = "avx2,bmi1,lzcnt,popcnt")]
unsafe fn line<'t>(token: Token, text: &'t [u8], at: usize, refs: &mut Vec<u64>) -> Option<Line<'t>> {
    line::read(token, text, at, refs)
}

/// Shuffles that move what a register begins with to its end: the one for `n` bytes begins at `n`.
static TO_THE_END: [u8; 32] = {
    let mut shuffles = [0x80; 32];
    let mut byte = 0;
    while byte < 16 {
        shuffles[16 + byte as usize] = byte;
        byte += 1;
    }
    shuffles
};

/// Reads up to sixteen digits at once.
impl Digits for Token {
    #[inline(always)]
    fn number(self, text: &[u8], at: usize) -> Option<(u64, usize)> {
        let bytes: &[u8; 24] = text.get(at..at + 24)?.try_into().ok()?;
        // SAFETY: the token proves AVX2; 24 bytes are readable, and 16 from each of the first 17 shuffles.
        let (value, digits) = unsafe {
            let value = _mm_sub_epi8(_mm_loadu_si128(bytes.as_ptr().cast()), _mm_set1_epi8(b'0'.cast_signed()));
            let is_digit = _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value);
            let digits = (!_mm_movemask_epi8(is_digit)).trailing_zeros() as usize;
            (to_integer(_mm_shuffle_epi8(value, _mm_loadu_si128(TO_THE_END.as_ptr().add(digits).cast()))), digits)
        };
        if bytes[0] == b'0' && digits != 1 || digits == 0 {
            return None;
        }
        if digits < 16 {
            return Some((value, at + digits));
        }
        let (mut value, mut digits) = (value, digits);
        while bytes[digits].is_ascii_digit() {
            if digits == 19 {
                return None;
            }
            value = value * 10 + u64::from(bytes[digits] - b'0');
            digits += 1;
        }
        Some((value, at + digits))
    }
}

/// Sixteen digits, the most significant one first, to an integer.
///
/// # Safety
/// AVX2 must be present.
#[inline(always)]
unsafe fn to_integer(digits: __m128i) -> u64 {
    // SAFETY: the caller promises AVX2.
    let halves = unsafe {
        let pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));
        let fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x0001_0064));
        let packed = _mm_packus_epi32(fours, fours);
        _mm_cvtsi128_si64(_mm_madd_epi16(packed, _mm_set1_epi32(0x0001_2710))).cast_unsigned()
    };
    (halves & 0xffff_ffff) * 100_000_000 + (halves >> 32)
}

/// Whether all ends have a margin before them and lie in the text.
#[inline(always)]
pub(super) fn within(text: &[u8], ends: &[u32]) -> bool {
    // A plain loop: a closure would be compiled without AVX2.
    let (mut least, mut most) = (u32::MAX, 0);
    for &end in ends {
        least = end.min(least);
        most = end.max(most);
    }
    least as usize >= super::MARGIN && most as usize <= text.len()
}

/// Appends one field of each record to `values`, four records at a time; false if one passes 2^32 - 1.
///
/// # Safety
/// AVX2 must be present.
#[target_feature(enable = "avx2,bmi1,lzcnt,popcnt")]
unsafe fn column(text: &[u8], ends: &[u32], (fields, position): (usize, usize), values: &mut Vec<u32>) -> bool {
    assert!(within(text, ends), "ends within the text");
    let (records, old) = (ends.len() / fields, values.len());
    values.resize(old + records, 0);
    let mut chunks = values[old..].chunks_exact_mut(4);
    let mut done = 0;
    for four in &mut chunks {
        let end = |record: usize| ends[(done + record) * fields + position] as usize;
        // SAFETY: AVX2 is present, and every end is at least 16 and within the text.
        let (low, high, other) = unsafe {
            four_numbers(_mm256_set_epi64x(
                eight_before(text, end(3)),
                eight_before(text, end(2)),
                eight_before(text, end(1)),
                eight_before(text, end(0)),
            ))
        };
        let short = other.to_le_bytes().iter().all(|&other| other != 0);
        if !short {
            break;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
        four.copy_from_slice(&[low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32]);
        done += 4;
    }
    // What is left of the records, and all from the first long number on.
    values.truncate(old + done);
    super::portable::column(text, &ends[done * fields..], (fields, position), values)
}
