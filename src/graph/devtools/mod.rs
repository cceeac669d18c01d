//! The numbers that Chrome DevTools shows of V8's heaps, by its rules of 137 and later, to the byte.
//!
//! Known faults of DevTools are not copied: two classes of one name hide each other there, here they are one row; sizes from 4 GiB
//! on wrap there, here they do not.

pub mod comparison;
pub mod detached;
pub mod distance;
pub mod interfaces;
pub mod keys;
pub mod owned;
pub mod rows;
pub mod statistics;
pub mod strings;

use super::essential::DOM_TREES;
use super::{Graph, NodeKind};

/// Whether a node below the root is one of the user's roots: a global object, a context, or the trees of a document.
fn is_user_root(graph: &Graph, node: u32) -> bool {
    graph.kind_of(node) != NodeKind::Synthetic || graph.name_of(node) == DOM_TREES
}

/// Whether a heap has any of the user's roots. Nothing is owned without.
#[must_use]
pub fn has_user_roots(graph: &Graph) -> bool {
    !user_roots(graph).is_empty()
}

/// The user's roots, in the order of the root's edges.
fn user_roots(graph: &Graph) -> Vec<u32> {
    if graph.kind.is_empty() {
        return Vec::new();
    }
    graph.edges(graph.root).map(|edge| edge.to).filter(|&node| is_user_root(graph, node)).collect()
}

/// The string indexes under which nodes of a type are named with a text. Strings may be repeated in a table.
fn strings_named(graph: &Graph, text: &str, kind: NodeKind) -> Vec<u32> {
    let mut seen = super::Bits::new(graph.strings.count() as usize);
    let named = (0..graph.nodes()).filter(|&node| graph.kind_of(node) == kind).map(|node| graph.name[node as usize]);
    named.filter(|&name| seen.add(name) && graph.strings.get(name) == text).collect()
}
