//! The rows of DevTools' Summary view.

use super::distance::UNREACHED;
use super::keys::Keys;
use crate::graph::{Dominators, Wide, retained_by_group};

/// The nodes of a class. Nodes without a size are not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Number of the class in [`Keys::keys`].
    pub key: u32,
    /// Number of nodes.
    pub count: u64,
    /// Sum of their sizes in bytes.
    pub shallow: u64,
    /// Bytes that would go away with all of them, counting what they keep alive once.
    pub retained: u64,
    /// The least distance of one of them.
    pub distance: i32,
}

/// The rows in the order of classes. Sizes and distances are by node.
#[must_use]
pub fn rows(keys: &Keys, sizes: &Wide, dominators: &Dominators, distances: &[i32]) -> Vec<Row> {
    let member = |node: u32| (sizes.get(node) > 0).then(|| keys.of[node as usize]);
    let retained = retained_by_group(dominators, sizes, keys.keys.len(), member);
    let mut rows: Vec<Row> =
        (0..).zip(retained).map(|(key, retained)| Row { key, count: 0, shallow: 0, retained, distance: i32::MAX }).collect();
    for ((&key, size), &distance) in keys.of.iter().zip(sizes.iter()).zip(distances).filter(|((_, size), _)| *size > 0) {
        let row = &mut rows[key as usize];
        row.count += 1;
        row.shallow = row.shallow.saturating_add(size);
        row.distance = row.distance.min(distance.max(UNREACHED));
    }
    rows.retain(|row| row.count > 0);
    rows
}
