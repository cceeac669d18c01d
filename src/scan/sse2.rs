//! Kernels with SSE2, which every x86-64 processor has.
#![allow(unsafe_code, reason = "SSE2 intrinsics; SSE2 is part of the x86-64 baseline")]

use core::arch::x86_64::{
    __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8, _mm_sub_epi8,
};

use super::block::{Vector, entry_points};
pub(super) use super::portable::{column, decode, edges, line};

impl Vector for __m128i {
    const BYTES: usize = 16;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller promises 16 readable bytes.
        unsafe { _mm_loadu_si128(from.cast()) }
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        // SAFETY: SSE2 is part of the baseline, here and below.
        unsafe { _mm_set1_epi8(byte.cast_signed()) }
    }

    #[inline(always)]
    unsafe fn eq(self, other: Self) -> Self {
        // SAFETY: see splat.
        unsafe { _mm_cmpeq_epi8(self, other) }
    }

    #[inline(always)]
    unsafe fn at_most(self, other: Self) -> Self {
        // SAFETY: see splat.
        unsafe { _mm_cmpeq_epi8(_mm_min_epu8(self, other), self) }
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        // SAFETY: see splat.
        unsafe { _mm_sub_epi8(self, other) }
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: see splat.
        unsafe { _mm_or_si128(self, other) }
    }

    #[inline(always)]
    unsafe fn mask(self) -> u64 {
        // SAFETY: see splat.
        u64::from(unsafe { _mm_movemask_epi8(self) }.cast_unsigned())
    }
}

entry_points!(__m128i, #[inline(never)]);
