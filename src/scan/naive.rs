//! The kernels' meaning, one byte at a time: what the tests compare with.

use super::numbers::{Count, EdgeLayout, Edges, Layout, NumberState, Records};

/// See [`Kernel::count`](super::Kernel::count).
#[must_use]
pub fn count(text: &[u8], digit_before: bool) -> Count {
    let mut count = Count::default();
    let mut in_number = digit_before;
    for (at, byte) in text.iter().enumerate() {
        let digit = byte.is_ascii_digit();
        count.numbers += u64::from(in_number && !digit);
        in_number = digit;
        if !digit && !matches!(byte, b',' | b' ' | b'\n' | b'\r' | b'\t') {
            count.stop = Some(at);
            break;
        }
    }
    count
}

/// The positions behind the numbers of `text` from the beginning of an integer array, and the first byte that cannot follow.
#[must_use]
pub fn ends(text: &[u8]) -> (Vec<u32>, Option<usize>, NumberState) {
    let mut ends = Vec::new();
    let (mut start, mut number_last) = (None, false);
    for (at, &byte) in text.iter().enumerate() {
        let bad = match byte {
            b'0'..=b'9' => match start {
                None if number_last => true,
                None => {
                    start = Some(at);
                    number_last = true;
                    false
                }
                Some(first) => text[first] == b'0',
            },
            b',' => !std::mem::take(&mut number_last),
            b' ' | b'\n' | b'\r' | b'\t' => false,
            _ => true,
        };
        if !byte.is_ascii_digit() && start.take().is_some() {
            ends.extend(u32::try_from(at));
        }
        if bad {
            return (ends, Some(at), NumberState::behind(&text[..at]));
        }
    }
    (ends, None, NumberState::behind(text))
}

/// See [`Kernel::decode`](super::Kernel::decode).
pub fn decode(text: &[u8], ends: &[u32], layout: &Layout, records: &mut Records) {
    let mut columns = records.columns(ends.len() / layout.fields, layout);
    for (place, ends) in ends.chunks_exact(layout.fields).enumerate() {
        columns.set(place, super::numbers::decode_exact(text, ends, layout));
    }
    records.trace.clear();
    for end in layout.trace.iter().flat_map(|&trace| ends.iter().skip(trace).step_by(layout.fields)) {
        let value = super::numbers::exact(text, *end as usize).and_then(|value| u32::try_from(value).ok());
        records.overflow |= value.is_none();
        records.trace.push(value.unwrap_or(0));
    }
}

/// See [`Kernel::edges`](super::Kernel::edges).
pub fn edges(text: &[u8], ends: &[u32], layout: &EdgeLayout, edges: &mut Edges) {
    edges.resize(ends.len() / layout.fields);
    for (place, ends) in ends.chunks_exact(layout.fields).enumerate() {
        edges.set(place, super::numbers::Edge::exact(text, ends, layout));
    }
}

/// The opening and closing quotes of the strings in `text`, from the beginning of a string array, and the first byte that cannot
/// follow.
#[must_use]
pub fn strings(text: &[u8]) -> (Vec<usize>, Vec<usize>, Option<usize>) {
    let (mut open, mut close) = (Vec::new(), Vec::new());
    let (mut inside, mut escape, mut string_last) = (false, false, false);
    for (at, &byte) in text.iter().enumerate() {
        if inside {
            if byte < 0x20 {
                return (open, close, Some(at));
            }
            if escape {
                escape = false;
            } else if byte == b'\\' {
                escape = true;
            } else if byte == b'"' {
                inside = false;
                close.push(at);
            }
            continue;
        }
        match byte {
            b'"' if !string_last => {
                inside = true;
                string_last = true;
                open.push(at);
            }
            b',' if string_last => string_last = false,
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => return (open, close, Some(at)),
        }
    }
    (open, close, None)
}
