//! Records, eight at a time: the sixteen bytes that end with a number fill a quarter of a register, whatever else is in them.
#![allow(unsafe_code, reason = "loads and stores through pointers; the entry points say what they rely on")]
#![allow(clippy::wildcard_imports, reason = "the intrinsics of three instruction sets, named for what they are")]

use core::arch::x86_64::*;

use crate::scan::MARGIN;
use crate::scan::numbers::{DETACHEDNESS_MAX, EdgeLayout, Edges, Layout, Records};
use crate::scan::portable;

/// Records that are decoded at once.
const AT_ONCE: usize = 8;

/// The sixteen bytes before each of four ends.
///
/// # Safety
/// Every end must be at least [`MARGIN`] and at most the text's length.
#[target_feature(enable = "avx512f,avx512bw,avx512cd")]
#[inline]
unsafe fn windows(text: &[u8], ends: [u32; 4]) -> __m512i {
    debug_assert!(ends.iter().all(|&end| end as usize >= MARGIN && end as usize <= text.len()));
    // SAFETY: the sixteen bytes lie in the text.
    let [a, b, c, d] = ends.map(|end| unsafe { _mm_loadu_si128(text.as_ptr().add(end as usize - MARGIN).cast()) });
    let all = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(a), b);
    _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(all, c), d)
}

/// The four bytes before the ends of a field of eight records.
///
/// # Safety
/// See [`windows`].
#[target_feature(enable = "avx512f,avx512bw,avx512cd")]
#[inline]
unsafe fn quarters(text: &[u8], ends: &[u32], (fields, field): (usize, usize)) -> __m256i {
    let quarter = |record: usize| {
        let end = ends[record * fields + field] as usize;
        debug_assert!(end >= MARGIN && end <= text.len());
        // SAFETY: the four bytes lie in the text.
        unsafe { text.as_ptr().add(end - 4).cast::<i32>().read_unaligned() }
    };
    let [a, b, c, d] = [0, 1, 2, 3].map(quarter);
    _mm256_setr_epi32(a, b, c, d, quarter(4), quarter(5), quarter(6), quarter(7))
}

/// The numbers that end each four bytes, and which may have more than three digits.
#[target_feature(enable = "avx512f,avx512bw,avx512cd")]
#[inline]
fn short_numbers(bytes: __m512i) -> (__m512i, u16) {
    let value = _mm512_sub_epi8(bytes, _mm512_set1_epi8(b'0'.cast_signed()));
    let other = _mm512_subs_epu8(value, _mm512_set1_epi8(9));
    let more = _mm512_sub_epi32(_mm512_lzcnt_epi32(other), _mm512_set1_epi32(8));
    let before = _mm512_srlv_epi32(_mm512_set1_epi32(i32::MAX >> 7), _mm512_and_si512(more, _mm512_set1_epi32(0x18)));
    (fours(_mm512_andnot_si512(before, value)), _mm512_testn_epi32_mask(other, other))
}

/// Each four digits as an integer.
#[target_feature(enable = "avx512f,avx512bw,avx512cd")]
#[inline]
fn fours(digits: __m512i) -> __m512i {
    _mm512_madd_epi16(_mm512_maddubs_epi16(digits, _mm512_set1_epi16(0x010a)), _mm512_set1_epi32(0x0001_0064))
}

/// An order for the integers of a register, or of two.
#[target_feature(enable = "avx512f,avx512bw,avx512cd")]
#[inline]
fn order(order: &[u32; 16]) -> __m512i {
    // SAFETY: sixteen integers are as long as a register.
    unsafe { _mm512_loadu_si512(order.as_ptr().cast()) }
}

/// Eight times eight bytes, each of which end with a number or with a part of one.
#[derive(Clone, Copy)]
struct Words {
    /// The values of the last number's digits; zeros before.
    digits: __m512i,
    /// Not zero where a byte is no digit.
    other: __m512i,
}

impl Words {
    #[target_feature(enable = "avx512f,avx512bw,avx512cd")]
    #[inline]
    fn new(bytes: __m512i) -> Self {
        let value = _mm512_sub_epi8(bytes, _mm512_set1_epi8(b'0'.cast_signed()));
        let other = _mm512_subs_epu8(value, _mm512_set1_epi8(9));
        // Whole bytes from the top, up to the first that is no digit, are the number's. At least one is: the shift stays below 64.
        let more = _mm512_sub_epi64(_mm512_lzcnt_epi64(other), _mm512_set1_epi64(8));
        let before = _mm512_srlv_epi64(_mm512_set1_epi64(i64::MAX >> 7), _mm512_and_si512(more, _mm512_set1_epi64(0x38)));
        Self { digits: _mm512_andnot_si512(before, value), other }
    }

    /// Which are digits throughout: their numbers may be longer.
    #[target_feature(enable = "avx512f,avx512bw,avx512cd")]
    #[inline]
    fn full(self) -> u8 {
        _mm512_testn_epi64_mask(self.other, self.other)
    }

    /// The numbers as integers of 32 bits: in each quarter of the register two of the first and two of the second.
    #[target_feature(enable = "avx512f,avx512bw,avx512cd")]
    #[inline]
    fn integers(first: Self, second: Self) -> __m512i {
        _mm512_madd_epi16(_mm512_packus_epi32(fours(first.digits), fours(second.digits)), _mm512_set1_epi32(0x0001_2710))
    }
}

/// Adds to numbers what stands before their last eight digits, where these may not be all, and says which of those are longer than
/// sixteen digits. Numbers are told by the lanes in which the first halves of their windows stand side by side.
#[target_feature(enable = "avx512f,avx512bw,avx512cd")]
#[inline]
fn with_fronts(numbers: __m512i, windows: [__m512i; 2], full: u8) -> (__m512i, u8) {
    let front = Words::new(_mm512_unpacklo_epi64(windows[0], windows[1]));
    let goes_on = full & _mm512_testn_epi64_mask(front.other, _mm512_set1_epi64(0xff << 56));
    if goes_on == 0 {
        return (numbers, 0);
    }
    let longer = front.full() & full;
    let front = Words { digits: _mm512_maskz_mov_epi64(goes_on, front.digits), ..front };
    let nothing = Words { digits: _mm512_setzero_si512(), ..front };
    let front = _mm512_permutexvar_epi32(order(&FRONTS), Words::integers(front, nothing));
    let front = _mm512_cvtepu32_epi64(_mm512_castsi512_si256(front));
    (_mm512_add_epi64(numbers, _mm512_mul_epu32(front, _mm512_set1_epi64(100_000_000))), longer)
}

/// The lanes of [`with_fronts`] for the second of each two lanes of two registers.
#[inline]
fn side_by_side([first, second]: [u8; 2]) -> u8 {
    (first >> 1 & FIRSTS) | (second & !FIRSTS)
}

/// Brings the integers of these lanes into the order of the numbers.
static FRONTS: [u32; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 0, 0, 0, 0, 0, 0, 0, 0];

/// The first of each two.
const FIRSTS: u8 = 0b0101_0101;

/// In each quarter a name and a target of one edge and of another: all names, then all targets.
static NAMES_TARGETS: [u32; 16] = [0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15];

/// See [`Kernel::edges`](crate::scan::Kernel::edges). `V8` says that the fields stand where V8 writes them.
///
/// # Safety
/// Every end must be at least [`MARGIN`] and at most the text's length.
#[target_feature(enable = "avx512f,avx512bw,avx512cd")]
#[inline]
pub(super) unsafe fn edges<const V8: bool>(text: &[u8], ends: &[u32], layout: &EdgeLayout, edges: &mut Edges) {
    let EdgeLayout { fields, kind, name_or_index, to_node, ordinal } = *layout;
    let (fields, kind, name_or_index, to_node) = if V8 { (3, 0, 1, 2) } else { (fields, kind, name_or_index, to_node) };
    let records = ends.len() / fields;
    let (kinds, _) = edges.kind[..records].as_chunks_mut::<AT_ONCE>();
    let (names, _) = edges.name_or_index[..records].as_chunks_mut::<AT_ONCE>();
    let (targets, _) = edges.to_node[..records].as_chunks_mut::<AT_ONCE>();
    let shift = _mm_cvtsi32_si128(ordinal.shift.cast_signed());
    let inverse = _mm512_set1_epi64(i64::from(ordinal.inverse));
    let divisor = _mm512_set1_epi64(i64::from(ordinal.divisor));
    let mut overflow = false;
    let mut pieces = ends.chunks_exact(AT_ONCE * fields);
    for (((ends, kinds), names), targets) in (&mut pieces).zip(kinds).zip(names).zip(targets) {
        // SAFETY: the caller promises it of all ends, here and below.
        let [name_windows, to_windows] =
            [name_or_index, to_node].map(|field| unsafe { both_windows(text, ends, (fields, field)) });
        let words = [0, 1].map(|half| Words::new(_mm512_unpackhi_epi64(name_windows[half], to_windows[half])));
        let full = words.map(|words| words.full());
        let integers = _mm512_permutexvar_epi32(order(&NAMES_TARGETS), Words::integers(words[0], words[1]));
        let (mut to, mut longer) = (_mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64::<1>(integers)), 0);
        let to_full = side_by_side(full);
        if to_full != 0 {
            (to, longer) = with_fronts(to, to_windows, to_full);
        }
        // SAFETY: see above.
        let (short, long_kinds) = short_numbers(_mm512_zextsi256_si512(unsafe { quarters(text, ends, (fields, kind)) }));
        // There are no more than eight.
        let long_kinds = (long_kinds | _mm512_cmpgt_epu32_mask(short, _mm512_set1_epi32(0xff))) & 0xff;
        if long_kinds != 0 || longer | (full[0] | full[1]) & FIRSTS != 0 {
            overflow |= !portable::some_edges(text, ends, layout, (kinds, names, targets));
            continue;
        }
        let quotients = _mm512_mullo_epi32(_mm512_srl_epi64(to, shift), inverse);
        overflow |= _mm512_cmpeq_epi64_mask(_mm512_mul_epu32(quotients, divisor), to) != u8::MAX;
        // SAFETY: eight integers are as long as these registers, or these parts of them.
        unsafe {
            _mm_storel_epi64(kinds.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(short));
            _mm256_storeu_si256(names.as_mut_ptr().cast(), _mm512_castsi512_si256(integers));
            _mm256_storeu_si256(targets.as_mut_ptr().cast(), _mm512_cvtepi64_epi32(quotients));
        }
    }
    edges.overflow = overflow;
    let rest = pieces.remainder();
    for (place, ends) in (records - rest.len() / fields..).zip(rest.chunks_exact(fields)) {
        edges.set(place, portable::edge(text, ends, layout));
    }
}

/// The windows of a field of eight records.
///
/// # Safety
/// See [`windows`].
#[target_feature(enable = "avx512f,avx512bw,avx512cd")]
#[inline]
unsafe fn both_windows(text: &[u8], ends: &[u32], (fields, field): (usize, usize)) -> [__m512i; 2] {
    [0, 4].map(|first| {
        let ends = [0, 1, 2, 3].map(|record| ends[(first + record) * fields + field]);
        // SAFETY: the caller promises it.
        unsafe { windows(text, ends) }
    })
}

/// In each quarter name, id, self size and number of edges of one node, in two registers: first all of the one, then all of the other.
static NAMES_IDS: [u32; 16] = [0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29];
static SIZES_COUNTS: [u32; 16] = [2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31];

/// See [`Kernel::decode`](crate::scan::Kernel::decode). `FIELDS` says that the fields stand where V8 writes them, the first ones and
/// the last, in records of so many; 0 that they need not.
///
/// # Safety
/// Every end must be at least [`MARGIN`] and at most the text's length.
#[target_feature(enable = "avx512f,avx512bw,avx512cd")]
#[inline]
pub(super) unsafe fn decode<const FIELDS: usize>(text: &[u8], ends: &[u32], layout: &Layout, records: &mut Records) {
    let layout = if FIELDS == 0 { *layout } else { layout.of_v8(FIELDS) };
    let fields = layout.fields;
    let number = ends.len() / fields;
    let mut columns = records.columns(number, &layout);
    let mut pieces = ends.chunks_exact(AT_ONCE * fields);
    for (place, ends) in (0..).step_by(AT_ONCE).zip(&mut pieces) {
        // SAFETY: the caller promises it of all ends.
        let windows = |field: usize| unsafe { both_windows(text, ends, (fields, field)) };
        // SAFETY: see above.
        let quarters = |field: usize| unsafe { quarters(text, ends, (fields, field)) };
        let [names, ids, sizes] = [layout.name, layout.id, layout.self_size].map(windows);
        // What is read in its place if it is not wanted is thrown away.
        let counts = layout.edge_count.map_or(sizes, windows);
        let names_ids = [0, 1].map(|half| Words::new(_mm512_unpackhi_epi64(names[half], ids[half])));
        let sizes_counts = [0, 1].map(|half| Words::new(_mm512_unpackhi_epi64(sizes[half], counts[half])));
        let integers = [0, 1].map(|half| Words::integers(names_ids[half], sizes_counts[half]));
        let both = |order| _mm512_permutex2var_epi32(integers[0], order, integers[1]);
        let (names_ids_low, sizes_counts_low) = (both(order(&NAMES_IDS)), both(order(&SIZES_COUNTS)));
        let full = names_ids.map(|words| words.full());
        let others_full = (full[0] | full[1]) & FIRSTS | sizes_counts[0].full() | sizes_counts[1].full();
        let (mut id, mut longer) = (_mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64::<1>(names_ids_low)), 0);
        let id_full = side_by_side(full);
        if id_full != 0 {
            (id, longer) = with_fronts(id, ids, id_full);
        }
        let short = _mm512_zextsi256_si512(quarters(layout.kind));
        let (short, long) = short_numbers(_mm512_inserti64x4::<1>(short, quarters(layout.detachedness)));
        if long != 0 || longer | others_full != 0 {
            for (place, ends) in (place..).zip(ends.chunks_exact(fields)) {
                columns.set(place, portable::record(text, ends, &layout));
            }
            continue;
        }
        let detachedness = _mm512_min_epu32(short, _mm512_set1_epi32(DETACHEDNESS_MAX.into()));
        assert!(place + AT_ONCE <= number);
        // SAFETY: there is room for eight integers from the place on, as has just been checked; these registers, or these parts of
        // them, hold eight.
        unsafe {
            _mm256_storeu_si256(columns.kind.as_mut_ptr().add(place).cast(), _mm512_castsi512_si256(short));
            _mm256_storeu_si256(columns.name.as_mut_ptr().add(place).cast(), _mm512_castsi512_si256(names_ids_low));
            _mm512_storeu_si512(columns.id.as_mut_ptr().add(place).cast(), id);
            let sizes = _mm512_cvtepu32_epi64(_mm512_castsi512_si256(sizes_counts_low));
            _mm512_storeu_si512(columns.self_size.as_mut_ptr().add(place).cast(), sizes);
            let detachedness = _mm_unpackhi_epi64(_mm512_cvtepi32_epi8(detachedness), _mm_setzero_si128());
            _mm_storel_epi64(columns.detachedness.as_mut_ptr().add(place).cast(), detachedness);
            if layout.edge_count.is_some() {
                let counts = _mm512_extracti64x4_epi64::<1>(sizes_counts_low);
                _mm256_storeu_si256(columns.edge_count.as_mut_ptr().add(place).cast(), counts);
            }
        }
    }
    let rest = pieces.remainder();
    for (place, ends) in (number - rest.len() / fields..).zip(rest.chunks_exact(fields)) {
        columns.set(place, portable::record(text, ends, &layout));
    }
}
