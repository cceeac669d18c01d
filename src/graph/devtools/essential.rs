//! Which references keep their target alive.

use super::DOM_TREES;
use crate::graph::{Bits, EdgeKind, Graph, NodeKind};

/// The rule by which references count for dominators and retained sizes.
///
/// Not counted are weak references, those of a node to itself, shortcuts that do not start at the root, the reference from a WeakMap's
/// table to a value (the one from the key is), and those from outside a page to one of its objects.
pub struct Essential<'g> {
    graph: &'g Graph,
    /// What can be reached from a page's global objects and documents; empty where there are none.
    page: Bits,
    /// String indexes of the names of WeakMap entries; empty if there are none.
    ephemerons: Bits,
}

impl<'g> Essential<'g> {
    /// The rule for a graph.
    #[must_use]
    pub fn new(graph: &'g Graph) -> Self {
        let names = graph.ephemerons.last().map_or(0, |last| last.name as usize + 1);
        let mut ephemerons = Bits::new(names);
        for ephemeron in &graph.ephemerons {
            ephemerons.add(ephemeron.name);
        }
        Self { graph, page: page_objects(graph), ephemerons }
    }

    /// Whether a node belongs to a page.
    #[must_use]
    pub fn is_page_object(&self, node: u32) -> bool {
        self.page.has(node)
    }

    /// The rule for the edges of a node.
    #[inline]
    pub(in crate::graph) fn from(&self, node: u32) -> From<'_> {
        let is_root = node == self.graph.root;
        From { essential: self, node, is_root, outside: !is_root && !self.page.has(node) }
    }
}

/// The rule for the edges of one node.
pub(in crate::graph) struct From<'e> {
    essential: &'e Essential<'e>,
    node: u32,
    is_root: bool,
    /// The node is neither the root nor part of a page.
    outside: bool,
}

impl From<'_> {
    /// Where an edge of the node leads, if it counts.
    #[inline]
    pub(in crate::graph) fn target(&self, edge: usize) -> Option<u32> {
        const WEAK: u8 = EdgeKind::Weak as u8;
        const SHORTCUT: u8 = EdgeKind::Shortcut as u8;
        const INTERNAL: u8 = EdgeKind::Internal as u8;
        let graph = self.essential.graph;
        let to = graph.to_node[edge];
        let counts = match graph.edge_kind[edge] {
            WEAK => false,
            SHORTCUT => self.is_root,
            INTERNAL => !self.is_table_entry(graph.edge_name[edge]),
            _ => true,
        };
        (counts && to != self.node && !(self.outside && self.essential.page.has(to))).then_some(to)
    }

    /// Whether an edge of this name leads from a WeakMap's table, the node, to a value.
    #[inline]
    fn is_table_entry(&self, name: u32) -> bool {
        self.essential.ephemerons.has(name) && {
            let graph = self.essential.graph;
            graph.ephemeron(name).is_some_and(|ephemeron| ephemeron.table == graph.id.get(self.node))
        }
    }
}

/// What can be reached over strong references from the root's shortcuts and its documents.
fn page_objects(graph: &Graph) -> Bits {
    if graph.kind.is_empty() {
        return Bits::default();
    }
    let is_page = |kind: EdgeKind, node: u32| match kind {
        EdgeKind::Shortcut => true,
        EdgeKind::Element => graph.kind_of(node) == NodeKind::Synthetic && graph.name_of(node) == DOM_TREES,
        _ => false,
    };
    let mut waiting: Vec<u32> =
        graph.edges(graph.root).filter(|edge| is_page(edge.kind, edge.to)).map(|edge| edge.to).collect();
    if waiting.is_empty() {
        return Bits::default();
    }
    let mut page = Bits::new(graph.kind.len());
    waiting.retain(|&node| page.add(node));
    while let Some(node) = waiting.pop() {
        for edge in graph.edge_range(node) {
            if graph.edge_kind[edge] != EdgeKind::Weak as u8 && page.add(graph.to_node[edge]) {
                waiting.push(graph.to_node[edge]);
            }
        }
    }
    page
}
