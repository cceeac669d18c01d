//! The rows of DevTools' Comparison view.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::keys::{ClassKey, Keys};
use crate::graph::{Graph, Wide, ordinal};

/// A heap to be compared.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The heap.
    pub graph: &'a Graph,
    /// The size of each node.
    pub sizes: &'a Wide,
    /// Its classes, formed with the interfaces of the later heap.
    pub keys: &'a Keys,
}

/// What came and went of a class. Nodes without a size are not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The class.
    pub key: ClassKey,
    /// Nodes whose ids only the later heap has in the class.
    pub added: u64,
    /// Nodes whose ids only the earlier heap has in the class.
    pub removed: u64,
    /// Bytes of the added nodes.
    pub added_size: u64,
    /// Bytes of the removed nodes.
    pub removed_size: u64,
}

/// Compares class by class. A node whose id is in the class on both sides counts for nothing, even if its size changed. Classes of which
/// nothing came or went are left out.
#[must_use]
pub fn compare(base: Side<'_>, current: Side<'_>) -> Vec<Difference> {
    let mut numbers: HashMap<&ClassKey, u32> = HashMap::new();
    let mut rows: Vec<Difference> = Vec::new();
    let mut number = |key| {
        *numbers.entry(key).or_insert_with(|| {
            rows.push(Difference { key: key.clone(), added: 0, removed: 0, added_size: 0, removed_size: 0 });
            ordinal(rows.len() - 1)
        })
    };
    let of_base: Vec<u32> = base.keys.keys.iter().map(&mut number).collect();
    let of_current: Vec<u32> = current.keys.keys.iter().map(&mut number).collect();
    let (went, came) = (Sorted::new(base, &of_base), Sorted::new(current, &of_current));
    let (mut gone, mut new) = (went.nodes.iter().copied().peekable(), came.nodes.iter().copied().peekable());
    loop {
        let order = match (gone.peek(), new.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(&gone), Some(&new)) => went.place(gone).cmp(&came.place(new)),
        };
        let (gone, new) = (gone.next_if(|_| order.is_le()), new.next_if(|_| order.is_ge()));
        match (gone, new) {
            (Some(node), None) => {
                let row = &mut rows[went.place(node).0 as usize];
                row.removed += 1;
                row.removed_size = row.removed_size.saturating_add(base.sizes.get(node));
            }
            (None, Some(node)) => {
                let row = &mut rows[came.place(node).0 as usize];
                row.added += 1;
                row.added_size = row.added_size.saturating_add(current.sizes.get(node));
            }
            _ => {}
        }
    }
    rows.retain(|row| row.added > 0 || row.removed > 0);
    rows
}

/// The nodes of a side with a size, by class and id.
struct Sorted<'a> {
    side: Side<'a>,
    numbers: &'a [u32],
    nodes: Vec<u32>,
}

impl<'a> Sorted<'a> {
    fn new(side: Side<'a>, numbers: &'a [u32]) -> Self {
        let nodes = (0..side.graph.nodes()).filter(|&node| side.sizes.get(node) > 0).collect();
        let mut sorted = Self { side, numbers, nodes };
        let mut nodes = std::mem::take(&mut sorted.nodes);
        nodes.sort_unstable_by_key(|&node| sorted.place(node));
        sorted.nodes = nodes;
        sorted
    }

    /// Joint number of a node's class, and its id.
    fn place(&self, node: u32) -> (u32, u64) {
        (self.numbers[self.side.keys.of[node as usize] as usize], self.side.graph.id.get(node))
    }
}
