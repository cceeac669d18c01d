//! Kernels without vector instructions: for machines that have none of the others, and as a second opinion in tests.
#![allow(unsafe_code, reason = "implements the vector trait over plain arrays")]

use super::block::{Vector, entry_points};
use super::line::{self, Digits, Line, ONES, word};
use super::numbers::{DETACHEDNESS_MAX, Edge, EdgeLayout, Edges, Layout, Record, Records, decode_exact, one_digit, two_digits};

/// Eight bytes in a general register.
#[derive(Clone, Copy)]
pub(super) struct Bytes(u64);

const TOP: u64 = 0x8080_8080_8080_8080;
const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;

impl Bytes {
    /// Spreads the top bit of each byte over the whole byte.
    #[inline(always)]
    fn spread(top: u64) -> Self {
        Self((top >> 7).wrapping_mul(0xff))
    }
}

impl Vector for Bytes {
    const BYTES: usize = 8;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller promises 8 readable bytes.
        Self(u64::from_le_bytes(unsafe { from.cast::<[u8; 8]>().read() }))
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        Self(u64::from_le_bytes([byte; 8]))
    }

    #[inline(always)]
    unsafe fn eq(self, other: Self) -> Self {
        let difference = self.0 ^ other.0;
        Self::spread(!((difference & LOW).wrapping_add(LOW) | difference) & TOP)
    }

    #[inline(always)]
    unsafe fn at_most(self, other: Self) -> Self {
        // The top bit of (other | 0x80) - (self & 0x7f) says whether the low seven bits are at most; the top bits decide first.
        let low = (other.0 | TOP).wrapping_sub(self.0 & LOW);
        Self::spread(((other.0 & !self.0) | (!(other.0 ^ self.0) & low)) & TOP)
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        Self((self.0 | TOP).wrapping_sub(other.0 & LOW) ^ ((self.0 ^ !other.0) & TOP))
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline(always)]
    unsafe fn mask(self) -> u64 {
        (self.0 & TOP).wrapping_mul(0x0002_0408_1020_4081) >> 56
    }
}

entry_points!(Bytes, #[inline(never)]);

/// The number of up to eight digits in the eight bytes before `end`: None if all eight are digits (it may be longer).
#[inline(always)]
pub(super) fn eight_digits(text: &[u8], end: usize) -> Option<u32> {
    let bytes: [u8; 8] = text[end - 8..end].try_into().ok()?;
    let digits = u64::from_le_bytes(bytes) ^ 0x3030_3030_3030_3030;
    let not_digit = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & TOP;
    if not_digit == 0 {
        return None;
    }
    // The highest byte that is no digit lies right before the number: it and all below it are shifted out.
    let number = digits.checked_shr(64 - not_digit.leading_zeros()).unwrap_or(0);
    let number = number.checked_shl(64 - not_digit.leading_zeros()).unwrap_or(0);
    let pairs = (number.wrapping_mul(10).wrapping_add(number >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff;
    #[expect(clippy::cast_possible_truncation, reason = "at most 99,999,999 after the mask")]
    Some((fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) as u32)
}

/// The number of up to sixteen digits before `end`.
#[inline(always)]
fn sixteen_digits(text: &[u8], end: usize) -> Option<u64> {
    match eight_digits(text, end) {
        Some(low) => Some(u64::from(low)),
        None => {
            let low = super::numbers::exact(&text[end - 8..end], 8)?;
            Some(u64::from(eight_digits(text, end - 8)?) * 100_000_000 + low)
        }
    }
}

/// See [`Kernel::decode`](super::Kernel::decode).
pub(super) fn decode(text: &[u8], ends: &[u32], layout: &Layout, records: &mut Records) {
    let mut columns = records.columns(ends.len() / layout.fields, layout);
    for (place, ends) in ends.chunks_exact(layout.fields).enumerate() {
        columns.set(place, record(text, ends, layout));
    }
}

/// One record; None if a field does not fit.
#[inline(always)]
pub(super) fn record(text: &[u8], ends: &[u32], layout: &Layout) -> Option<Record> {
    let end = |position: usize| ends[position] as usize;
    let kind_end = end(layout.kind);
    let (kind, kind_is_short) = two_digits([0, text[kind_end - 3], text[kind_end - 2], text[kind_end - 1]]);
    let name = eight_digits(text, end(layout.name));
    let id = sixteen_digits(text, end(layout.id));
    let self_size = eight_digits(text, end(layout.self_size));
    let last = end(layout.detachedness);
    let detachedness = one_digit([text[last - 2], text[last - 1]]);
    let edge_count = layout.edge_count.map_or(Some(0), |position| eight_digits(text, end(position)));
    match (kind_is_short, name, id, self_size, detachedness, edge_count) {
        (true, Some(name), Some(id), Some(self_size), Some(detachedness), Some(edge_count)) => {
            let (self_size, detachedness) = (u64::from(self_size), detachedness.min(DETACHEDNESS_MAX));
            Some(Record { kind, name, id, self_size, detachedness, edge_count })
        }
        _ => decode_exact(text, ends, layout),
    }
}

/// See [`Kernel::edges`](super::Kernel::edges).
pub(super) fn edges(text: &[u8], ends: &[u32], layout: &EdgeLayout, edges: &mut Edges) {
    for (place, ends) in ends.chunks_exact(layout.fields).enumerate() {
        edges.set(place, edge(text, ends, layout));
    }
}

/// One edge; None if a field does not fit.
#[inline(always)]
pub(super) fn edge(text: &[u8], ends: &[u32], layout: &EdgeLayout) -> Option<Edge> {
    let end = |position: usize| ends[position] as usize;
    let kind_end = end(layout.kind);
    let kind = one_digit([text[kind_end - 2], text[kind_end - 1]]);
    match (kind, eight_digits(text, end(layout.name_or_index)), sixteen_digits(text, end(layout.to_node))) {
        (Some(kind), Some(name_or_index), Some(to_node)) => {
            Some(Edge { kind, name_or_index, to_node: layout.ordinal.exact(to_node)? })
        }
        _ => Edge::exact(text, ends, layout),
    }
}

/// Some edges, for a kernel that reads only short numbers itself; false if a field does not fit.
#[inline(never)]
pub(super) fn some_edges(
    text: &[u8],
    ends: &[u32],
    layout: &EdgeLayout,
    (kinds, names, targets): (&mut [u8], &mut [u32], &mut [u32]),
) -> bool {
    let mut fits = true;
    for (place, ends) in ends.chunks_exact(layout.fields).enumerate() {
        let edge = edge(text, ends, layout);
        fits &= edge.is_some();
        let edge = edge.unwrap_or_default();
        (kinds[place], names[place], targets[place]) = (edge.kind, edge.name_or_index, edge.to_node);
    }
    fits
}

/// See [`Kernel::line`](super::Kernel::line).
pub(super) fn line<'t>(text: &'t [u8], at: usize, refs: &mut Vec<u64>) -> Option<Line<'t>> {
    line::read(Eight, text, at, refs)
}

/// Reads up to eight digits at once.
#[derive(Clone, Copy)]
struct Eight;

impl Digits for Eight {
    #[inline(always)]
    fn number(self, text: &[u8], at: usize) -> Option<(u64, usize)> {
        let (first, digits) = up_to_eight(word(text, at)?);
        if digits < 8 {
            let zero_leads = digits > 1 && text[at] == b'0';
            return (digits > 0 && !zero_leads).then_some((first, at + digits));
        }
        let (second, more) = up_to_eight(word(text, at + 8)?);
        let value = first * POWERS[more] + second;
        if text[at] == b'0' {
            return None;
        }
        if more < 8 {
            return Some((value, at + 8 + more));
        }
        let (third, rest) = up_to_eight(word(text, at + 16)?);
        (rest < 4).then_some((value.wrapping_mul(POWERS[rest]).wrapping_add(third), at + 16 + rest))
    }
}

const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The digits that a word begins with: their value and how many they are.
#[inline(always)]
fn up_to_eight(word: u64) -> (u64, usize) {
    let digits = word ^ (ONES * 0x30);
    // Carries come from bytes that are no digits only, so the lowest mark is right.
    let other = (digits.wrapping_add(ONES * 0x76) | digits) & TOP;
    let bits = other.trailing_zeros() & !7;
    // Leading zeros take the place of what follows the number.
    let digits = digits.checked_shl(64 - bits).unwrap_or(0);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let value = fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff;
    (value, bits as usize / 8)
}

/// Appends one field of each record to `values`; false if one passes 2^32 - 1.
pub(super) fn column(text: &[u8], ends: &[u32], (fields, position): (usize, usize), values: &mut Vec<u32>) -> bool {
    let old = values.len();
    let value = |&end: &u32| match eight_digits(text, end as usize) {
        Some(value) => Some(value),
        None => super::numbers::exact(text, end as usize).and_then(|value| u32::try_from(value).ok()),
    };
    values.extend(ends.iter().skip(position).step_by(fields).map_while(value));
    values.len() - old == ends.len() / fields
}
