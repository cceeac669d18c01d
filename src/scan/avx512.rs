//! Kernels with AVX-512, chosen at run time: 64 bytes are one register, and comparing gives masks. Records are decoded by `records`.
#![allow(unsafe_code, reason = "AVX-512 intrinsics behind a token that proves AVX-512 is there")]

use core::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_castsi512_si128, _mm512_cmpeq_epi8_mask, _mm512_cmple_epu8_mask, _mm512_cvtepu8_epi32,
    _mm512_extracti32x4_epi32, _mm512_loadu_si512, _mm512_maskz_compress_epi8, _mm512_movepi8_mask, _mm512_set1_epi8,
    _mm512_set1_epi32, _mm512_shuffle_epi8, _mm512_storeu_si512, _mm512_sub_epi8,
};

use super::avx2::{self, within};
use super::block::Block;
use super::line::Line;
use super::numbers::{Count, EdgeLayout, Edges, Layout, NumberBytes, NumberState, Records, Stop};
use super::strings::{StringBytes, StringMasks, StringState};

/// Proof that the processor has what these kernels use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token(avx2::Token);

impl Token {
    pub(super) fn new() -> Option<Self> {
        let present = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512vbmi2");
        avx2::Token::new().filter(|_| present).map(Self)
    }

    pub(super) fn count(self, text: &[u8], digit_before: bool) -> Count {
        // SAFETY: the token proves the instruction set, here and below.
        unsafe { with_avx512::count(text, digit_before) }
    }

    pub(super) fn ends(self, text: &[u8], from: usize, to: usize, state: &mut NumberState, ends: &mut Vec<u32>) -> Option<Stop> {
        // SAFETY: see count.
        unsafe { with_avx512::ends(text, from, to, state, ends) }
    }

    pub(super) fn strings(self, text: &[u8], state: &mut StringState, masks: &mut Vec<StringMasks>) -> Option<Stop> {
        // SAFETY: see count.
        unsafe { with_avx512::strings(text, state, masks) }
    }

    pub(super) fn line<'t>(self, text: &'t [u8], at: usize, refs: &mut Vec<u64>) -> Option<Line<'t>> {
        self.0.line(text, at, refs)
    }

    pub(super) fn decode(self, text: &[u8], ends: &[u32], layout: &Layout, records: &mut Records) {
        // Numbers of edges and trace nodes are rarely both wanted: where only one is, it is read in the same place.
        let swap = layout.trace.is_some() && layout.edge_count.is_none();
        let layout = if swap { Layout { edge_count: layout.trace, ..*layout } } else { *layout };
        // SAFETY: see count.
        unsafe { decode(text, ends, &layout, records) }
        if swap {
            std::mem::swap(&mut records.trace, &mut records.edge_count);
            records.edge_count.clear();
        }
    }

    pub(super) fn edges(self, text: &[u8], ends: &[u32], layout: &EdgeLayout, edges: &mut Edges) {
        // SAFETY: see count.
        unsafe { self::edges(text, ends, layout, edges) }
    }

    pub(super) fn column(self, text: &[u8], ends: &[u32], field: (usize, usize), values: &mut Vec<u32>) -> bool {
        self.0.column(text, ends, field, values)
    }
}

mod records;

mod with_avx512 {
    use super::super::block::entry_points;
    entry_points!(super::Register, #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,lzcnt,popcnt")] unsafe);
}

/// See [`Kernel::decode`](super::Kernel::decode).
#[target_feature(enable = "avx512f,avx512bw,avx512cd")]
fn decode(text: &[u8], ends: &[u32], layout: &Layout, records: &mut Records) {
    assert!(within(text, ends), "ends within the text");
    // The layouts V8 writes have functions of their own.
    // SAFETY: all ends are in range.
    unsafe {
        match layout.v8_fields() {
            Some(7) => records::decode::<7>(text, ends, layout, records),
            Some(6) => records::decode::<6>(text, ends, layout, records),
            _ => records::decode::<0>(text, ends, layout, records),
        }
    }
}

/// See [`Kernel::edges`](super::Kernel::edges).
#[target_feature(enable = "avx512f,avx512bw,avx512cd")]
fn edges(text: &[u8], ends: &[u32], layout: &EdgeLayout, edges: &mut Edges) {
    assert!(within(text, ends), "ends within the text");
    // SAFETY: all ends are in range.
    unsafe {
        if layout.is_v8() {
            records::edges::<true>(text, ends, layout, edges);
        } else {
            records::edges::<false>(text, ends, layout, edges);
        }
    }
}

/// Blocks as whole registers.
struct Register;

/// Which bytes are a byte.
///
/// # Safety
/// AVX-512 must be present, here and below.
#[inline(always)]
unsafe fn equal(v: __m512i, byte: u8) -> u64 {
    // SAFETY: the caller promises AVX-512, here and below.
    unsafe { _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(byte.cast_signed())) }
}

/// Which bytes are at most a byte.
#[inline(always)]
unsafe fn at_most(v: __m512i, byte: u8) -> u64 {
    // SAFETY: see equal.
    unsafe { _mm512_cmple_epu8_mask(v, _mm512_set1_epi8(byte.cast_signed())) }
}

/// For each of four parts: at its lower four bits each white space, and elsewhere what no byte with these is.
static SPACES: [u8; 64] = {
    let mut spaces = [0xff; 64];
    let mut part = 0;
    while part < 64 {
        (spaces[part], spaces[part + 9], spaces[part + 10], spaces[part + 13]) = (b' ', b'\t', b'\n', b'\r');
        part += 16;
    }
    spaces
};

/// Which bytes are white space.
#[inline(always)]
unsafe fn space(v: __m512i) -> u64 {
    // SAFETY: see equal. A byte from 0x80 looks up a zero, which it is not.
    unsafe { _mm512_cmpeq_epi8_mask(v, _mm512_shuffle_epi8(_mm512_loadu_si512(SPACES.as_ptr().cast()), v)) }
}

/// The numbers from 0 to 63.
static COUNTED: [u8; 64] = {
    let mut counted = [0; 64];
    let mut number = 0;
    while number < 64 {
        counted[number as usize] = number;
        number += 1;
    }
    counted
};

impl Block for Register {
    #[inline(always)]
    unsafe fn number_bytes(from: *const u8) -> NumberBytes {
        // SAFETY: the caller promises 64 readable bytes and AVX-512, here and below.
        unsafe {
            let v = _mm512_loadu_si512(from.cast());
            NumberBytes {
                digit: at_most(_mm512_sub_epi8(v, _mm512_set1_epi8(b'0'.cast_signed())), 9),
                zero: equal(v, b'0'),
                comma: equal(v, b','),
                space: space(v),
            }
        }
    }

    #[inline(always)]
    unsafe fn string_bytes(from: *const u8) -> StringBytes {
        // SAFETY: see number_bytes.
        unsafe {
            let v = _mm512_loadu_si512(from.cast());
            StringBytes {
                quote: equal(v, b'"'),
                backslash: equal(v, b'\\'),
                control: at_most(v, 0x1f),
                comma: equal(v, b','),
                space: space(v),
                high: _mm512_movepi8_mask(v),
            }
        }
    }

    #[inline(always)]
    unsafe fn write_positions(bits: u64, at: u32, to: *mut u32) {
        // SAFETY: the caller promises room for 32 entries and AVX-512.
        unsafe {
            let found = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(COUNTED.as_ptr().cast()));
            let at = _mm512_set1_epi32(at.cast_signed());
            let first = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(found));
            let second = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32::<1>(found));
            _mm512_storeu_si512(to.cast(), _mm512_add_epi32(at, first));
            _mm512_storeu_si512(to.add(16).cast(), _mm512_add_epi32(at, second));
        }
    }
}
