//! Which references keep their target alive.
//!
//! Not counted for dominators and retained sizes are weak references, those of a node to itself, shortcuts that do not start at the
//! root, the reference from a WeakMap's table to a value (the one from its key is), and those from outside a page to one of its
//! objects. The last are told by the walk that numbers the nodes.

use super::{Bits, EdgeKind, Graph, NodeKind};

/// The name of the synthetic root of documents.
pub(super) const DOM_TREES: &str = "(Document DOM trees)";

/// The rule for the edges of one node, pages apart.
pub(super) struct Rule {
    node: u32,
    is_root: bool,
}

/// Edges that are looked at at once.
const AT_ONCE: usize = 64;

const WEAK: u8 = EdgeKind::Weak as u8;
const SHORTCUT: u8 = EdgeKind::Shortcut as u8;

impl Rule {
    #[inline]
    pub(super) fn new(graph: &Graph, node: u32) -> Self {
        Self { node, is_root: node == graph.root }
    }

    /// Whether an edge of the node counts, by its target and its entry in [`Graph::edge_kind`].
    #[inline]
    pub(super) fn counts(&self, to: u32, kind: u8) -> bool {
        let counts = match kind {
            WEAK => false,
            SHORTCUT => self.is_root,
            kind => kind & Graph::FROM_TABLE == 0,
        };
        counts && to != self.node
    }

    /// Whether an edge with such an entry in [`Graph::edge_kind`] counts from every node and to every other.
    #[inline]
    fn always_counts(kind: u8) -> bool {
        (kind != WEAK) & (kind != SHORTCUT) & (kind & Graph::FROM_TABLE == 0)
    }

    /// Adds the nodes with an edge that may not count for its kind: of all others the kinds need not be looked at.
    pub(super) fn mark_doubtful(graph: &Graph, doubtful: &mut Bits) {
        let mut node = 0;
        for (first, kinds) in (0..).step_by(AT_ONCE).zip(graph.edge_kind.chunks(AT_ONCE)) {
            // Most hold none: that is found out without a branch an edge.
            if kinds.iter().fold(true, |all, &kind| all & Self::always_counts(kind)) {
                continue;
            }
            for (edge, _) in (first..).zip(kinds).filter(|(_, kind)| !Self::always_counts(**kind)) {
                while graph.first_edge[node as usize + 1] <= edge {
                    node += 1;
                }
                doubtful.add(node);
            }
        }
    }

    /// Whether an edge is not weak.
    #[inline]
    pub(super) fn is_strong(kind: u8) -> bool {
        kind != WEAK
    }
}

/// The nodes that pages begin with: what the root's shortcuts lead to, and its documents.
#[must_use]
pub fn pages(graph: &Graph) -> Vec<u32> {
    if graph.kind.is_empty() {
        return Vec::new();
    }
    let is_page = |kind: EdgeKind, node: u32| match kind {
        EdgeKind::Shortcut => true,
        EdgeKind::Element => graph.kind_of(node) == NodeKind::Synthetic && graph.name_of(node) == DOM_TREES,
        _ => false,
    };
    graph.edges(graph.root).filter(|edge| is_page(edge.kind, edge.to)).map(|edge| edge.to).collect()
}
