//! What a node means for its references: costs, and what its entries are called.

use super::costs::{self, FROM_SYSTEM, from_gc_list};
use super::names::{Label, LabelKind};
use super::search::{GC_ROOTS_NAME, Search};
use crate::graph::{Edge, EdgeKind, Graph, NodeKind};

/// What a node means for the costs of its references.
pub(super) struct Source {
    /// More, for what starts at the engine's own.
    more: u8,
    /// What all of them cost, for lists of the collector.
    list: Option<u8>,
    /// Whether it holds the entries of a Map.
    pub(super) is_table: bool,
}

impl Source {
    /// What a reference costs, by its entry in [`Graph::edge_kind`] and what its name costs.
    #[inline]
    pub(super) fn cost(&self, kind: u8, named: u8) -> u8 {
        let named = if kind & Graph::SHARED == 0 { named } else { costs::CLASS };
        self.list.unwrap_or(named).saturating_add(self.more)
    }

    pub(super) fn of(search: &mut Search<'_, '_>, node: u32) -> Self {
        let plain = Self { more: 0, list: None, is_table: false };
        match search.graph.kind_of(node) {
            NodeKind::Synthetic => Self { list: search.list_cost(node), ..plain },
            NodeKind::Code => Self { more: FROM_SYSTEM, ..plain },
            NodeKind::Hidden | NodeKind::Native if search.words.is_of_engine(node) => {
                Self { more: FROM_SYSTEM, is_table: search.is_table(node), ..plain }
            }
            NodeKind::Array => Self { is_table: search.is_table(node), ..plain },
            _ => plain,
        }
    }
}

impl Search<'_, '_> {
    /// What references of a list of the collector cost; None for other synthetic nodes.
    pub(super) fn list_cost(&self, node: u32) -> Option<u8> {
        let graph = self.graph;
        let name = graph.name_of(node);
        let parent = self.parent(node);
        let below_roots = parent != graph.root && graph.name_of(parent) == GC_ROOTS_NAME;
        (below_roots || name.starts_with("C++ ")).then(|| from_gc_list(&name))
    }

    /// Whether a node holds the entries of a Map. (Those of a Set are but keys.)
    fn is_table(&self, node: u32) -> bool {
        let label = self.label(node);
        if label != self.words.table {
            return false;
        }
        let owner = self.parent(node);
        let name = self.graph.name_of(owner);
        self.graph.kind_of(owner) == NodeKind::Object && name.ends_with("Map") && !name.ends_with("WeakMap")
    }
}

/// Which of a table's references lead to keys, which to values.
#[derive(Default)]
pub(super) struct Entries {
    /// By edge of the table: its index, if it has one.
    indexes: Vec<Option<u32>>,
    first: u32,
}

/// Entries of a table begin behind so many fields and its buckets.
const TABLE_FIELDS: u32 = 3;
/// A key, a value, and the number of the next entry.
const ENTRY_FIELDS: u32 = 3;

impl Entries {
    /// V8's ordered hash table: three fields, a power of two of buckets, entries. Where an index does not fit, none is an entry.
    pub(super) fn of(graph: &Graph, table: u32) -> Self {
        let index = |edge: Edge| (edge.kind == EdgeKind::Internal).then(|| graph.strings.get(edge.name).parse().ok()).flatten();
        let indexes: Vec<Option<u32>> = graph.edges(table).map(index).collect();
        let behind = || indexes.iter().flatten().copied().filter(|&index| index > TABLE_FIELDS);
        let Some(least) = behind().min() else { return Self::default() };
        let buckets = 1 << (least - TABLE_FIELDS).ilog2();
        let first = TABLE_FIELDS + buckets;
        if behind().any(|index| (index - first) % ENTRY_FIELDS == ENTRY_FIELDS - 1) {
            return Self::default();
        }
        Self { indexes, first }
    }

    /// What a reference of a table, or of anything else, is called by its index.
    pub(super) fn label(entries: Option<&Self>, at: usize) -> Label {
        let of_entry = |entries: &Self| entries.indexes.get(at).copied().flatten()?.checked_sub(entries.first);
        let offset = entries.and_then(of_entry);
        Label::bare(match offset.map(|offset| offset % ENTRY_FIELDS) {
            Some(0) => LabelKind::Key,
            Some(_) => LabelKind::Value,
            None => LabelKind::Index,
        })
    }
}
