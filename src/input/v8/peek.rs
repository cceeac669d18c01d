//! A look at a few places of a mapped snapshot: which ids its objects have.

use super::header::Header;
use super::mapped::prefix;
use crate::input::Want;
use crate::scan::{Kernel, NumberState, Records};

/// Places looked at.
const PLACES: usize = 64;
/// Bytes read at each.
const WINDOW: usize = 2 << 10;
/// Bytes that lie before the first number decoded.
const BEHIND: usize = 64;

/// The highest odd id among a sample of the nodes; 0 where none is found.
///
/// At each place the field of the first number is guessed by what records look like, so the answer may be wrong: it may be any
/// number, but is hardly ever higher than the snapshot's highest id.
pub(super) fn recent_id(map: &[u8], kernel: Kernel) -> u64 {
    let Some((header, start)) = prefix(map, kernel, Want::GROUPS) else { return 0 };
    // Where the array ends is not known: its length follows from that of its first records.
    let Some((_, bytes)) = window(map, start + BEHIND, &header, kernel) else { return 0 };
    let nodes = usize::try_from(header.node_count).unwrap_or(usize::MAX);
    let end = start.saturating_add(nodes.saturating_mul(bytes)).min(map.len());
    let place = |i: usize| start + BEHIND + (end.saturating_sub(start) / PLACES) * i;
    let ids = (0..PLACES).filter_map(|i| window(map, place(i), &header, kernel)).map(|(id, _)| id);
    ids.max().unwrap_or(0)
}

/// The highest odd id near a place, and the length of a record there.
fn window(map: &[u8], at: usize, header: &Header, kernel: Kernel) -> Option<(u64, usize)> {
    let text = map.get(at - BEHIND..(at + WINDOW).min(map.len()))?;
    let mut state = NumberState::behind(&text[..BEHIND]);
    let mut ends = Vec::new();
    if kernel.ends(text, BEHIND, text.len(), &mut state, &mut ends).is_some() {
        return None;
    }
    // The first number may have begun before the place.
    let fields = header.layout.fields;
    let candidates = (1..=fields).filter_map(|skip| {
        let ends = ends.get(skip..).filter(|ends| ends.len() >= fields)?;
        let whole = ends.len() / fields * fields;
        let mut records = Records::default();
        kernel.decode(text, &ends[..whole], &header.layout, &mut records);
        Some((likeness(&records, header)?, records.id.iter().copied().filter(|id| id & 1 == 1).max()?))
    });
    let (_, id) = candidates.max()?;
    Some((id, text.len() * fields / ends.len().max(1)))
}

/// How much numbers look like records: objects have odd ids and sizes that are multiples of four. None if they cannot be.
fn likeness(records: &Records, header: &Header) -> Option<usize> {
    let kinds = records.kind.iter().all(|&kind| (kind as usize) < header.kinds.len());
    let odd = records.id.iter().filter(|&&id| id & 1 == 1).count();
    let aligned = records.self_size.iter().filter(|&&size| size % 4 == 0).count();
    (kinds && !records.overflow).then_some(odd + aligned)
}
