//! Kernels with NEON, which every 64-bit ARM processor has.
#![allow(unsafe_code, reason = "NEON intrinsics; NEON is part of the AArch64 baseline")]

use core::arch::aarch64::{
    uint8x16_t, vaddv_u8, vandq_u8, vceqq_u8, vcleq_u8, vdupq_n_u8, vget_high_u8, vget_low_u8, vld1q_u8, vorrq_u8,
    vreinterpretq_s8_u8, vreinterpretq_u8_s8, vshrq_n_s8, vsubq_u8,
};

use super::block::{Vector, entry_points};
pub(super) use super::portable::{column, decode, edges, line};

/// The weight of each byte's bit within its half of the mask.
const WEIGHT: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];

impl Vector for uint8x16_t {
    const BYTES: usize = 16;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller promises 16 readable bytes.
        unsafe { vld1q_u8(from) }
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        // SAFETY: NEON is part of the baseline, here and below.
        unsafe { vdupq_n_u8(byte) }
    }

    #[inline(always)]
    unsafe fn eq(self, other: Self) -> Self {
        // SAFETY: see splat.
        unsafe { vceqq_u8(self, other) }
    }

    #[inline(always)]
    unsafe fn at_most(self, other: Self) -> Self {
        // SAFETY: see splat.
        unsafe { vcleq_u8(self, other) }
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        // SAFETY: see splat.
        unsafe { vsubq_u8(self, other) }
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: see splat.
        unsafe { vorrq_u8(self, other) }
    }

    #[inline(always)]
    unsafe fn mask(self) -> u64 {
        // SAFETY: see splat; WEIGHT has 16 bytes.
        unsafe {
            let top = vreinterpretq_u8_s8(vshrq_n_s8::<7>(vreinterpretq_s8_u8(self)));
            let weighted = vandq_u8(top, vld1q_u8(WEIGHT.as_ptr()));
            u64::from(vaddv_u8(vget_low_u8(weighted))) | u64::from(vaddv_u8(vget_high_u8(weighted))) << 8
        }
    }
}

entry_points!(uint8x16_t, #[inline(never)]);
