//! The heap as a graph: nodes and references as columns, and what can be computed of them.
//!
//! Any format can fill a [`Graph`]; the rules of Chrome DevTools for V8's heaps ([`devtools`]) are inert where a graph has none of
//! the types they speak of. Everything is addressed by *ordinal*, a node's number from 0. Nothing here recurses.

use std::borrow::Cow;

use crate::error::ErrorKind;

mod bits;
mod crossing;
pub mod devtools;
mod dominators;
mod essential;
pub mod paths;
mod retained;
#[cfg(test)]
pub(crate) mod tests;
mod wide;

pub use bits::{Bits, Spare};
pub(crate) use bits::{column, reserved, zeros};
pub use devtools::detached::Detachedness;
pub use devtools::keys::{ClassKey, Keys, devtools_keys};
pub use devtools::owned::owned_sizes;
pub use dominators::{Dominators, Room, Walked};
pub use essential::pages;
pub use retained::{Subtrees, retained_by_group, retained_sizes};
pub use wide::Wide;
pub(crate) use wide::halves;

/// What is referenced how, in V8's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum EdgeKind {
    /// A variable of a closure's context.
    Context,
    /// An element of an array; its name is a number.
    Element,
    /// A named property.
    Property,
    /// A reference of the virtual machine's own, with a name.
    Internal,
    /// A reference of the virtual machine's own, with a number.
    Hidden,
    /// A reference that stands for several.
    Shortcut,
    /// A reference that keeps nothing alive.
    Weak,
    /// Any other, with a name.
    Other,
}

impl EdgeKind {
    /// All kinds, each at its number.
    pub const ALL: [Self; 8] =
        [Self::Context, Self::Element, Self::Property, Self::Internal, Self::Hidden, Self::Shortcut, Self::Weak, Self::Other];

    /// The kind of V8's name for it.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "context" => Self::Context,
            "element" => Self::Element,
            "property" => Self::Property,
            "internal" => Self::Internal,
            "hidden" => Self::Hidden,
            "shortcut" => Self::Shortcut,
            "weak" => Self::Weak,
            _ => Self::Other,
        }
    }

    /// Whether [`Edge::name`] is a number rather than a string index.
    #[must_use]
    pub fn numbered(self) -> bool {
        matches!(self, Self::Element | Self::Hidden)
    }
}

/// The types of nodes that some rule speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// An object of the virtual machine's own.
    Hidden,
    /// A backing store.
    Array,
    /// A string.
    String,
    /// A JavaScript object.
    Object,
    /// Compiled code.
    Code,
    /// A function.
    Closure,
    /// A regular expression.
    Regexp,
    /// Something outside the JavaScript heap.
    Native,
    /// A root or group of roots.
    Synthetic,
    /// A string made of others.
    ConsString,
    /// A part of another string.
    SlicedString,
    /// A module of a program in another language.
    Module,
    /// A running call in another language.
    Frame,
    /// Any other object in another language.
    Foreign,
    /// Any other.
    Other,
}

impl NodeKind {
    fn named(name: &str) -> Self {
        match name {
            "hidden" => Self::Hidden,
            "array" => Self::Array,
            "string" => Self::String,
            "object" => Self::Object,
            "code" => Self::Code,
            "closure" => Self::Closure,
            "regexp" => Self::Regexp,
            "native" => Self::Native,
            "synthetic" => Self::Synthetic,
            "concatenated string" => Self::ConsString,
            "sliced string" => Self::SlicedString,
            _ => Self::Other,
        }
    }
}

/// The types that a format's nodes have.
#[derive(Debug, Clone)]
pub struct NodeKinds {
    names: Vec<String>,
    kinds: [NodeKind; 256],
}

impl NodeKinds {
    /// From the names, in the order of the numbers in [`Graph::kind`].
    ///
    /// # Errors
    /// A sentence, if there are more than 256.
    pub fn new(names: Vec<String>) -> Result<Self, String> {
        if names.len() > 256 {
            return Err(format!("the header lists {} node types, more than 256", names.len()));
        }
        let mut kinds = [NodeKind::Other; 256];
        for (kind, name) in kinds.iter_mut().zip(&names) {
            *kind = NodeKind::named(name);
        }
        Ok(Self { names, kinds })
    }

    /// The same for a format that the rules for V8's types are not about. There must be no more than 256.
    #[must_use]
    pub(crate) fn without_rules(names: Vec<String>) -> Self {
        let mut kinds = [NodeKind::Foreign; 256];
        for (kind, name) in kinds.iter_mut().zip(&names) {
            match name.as_str() {
                "module" => *kind = NodeKind::Module,
                "frame" => *kind = NodeKind::Frame,
                _ => {}
            }
        }
        Self { names, kinds }
    }

    /// What a type's number means to the rules.
    #[must_use]
    pub fn of(&self, number: u8) -> NodeKind {
        self.kinds[usize::from(number)]
    }

    /// The format's name of a type.
    #[must_use]
    pub fn name(&self, number: u8) -> &str {
        self.names.get(usize::from(number)).map_or("", String::as_str)
    }
}

/// The texts that nodes and edges are named with.
pub trait StringTable: Send + Sync {
    /// Number of strings.
    fn count(&self) -> u32;
    /// The text of a string; empty behind the last. Unpaired surrogates, which no Rust string can hold, are written `\u{d83d}`.
    fn get(&self, index: u32) -> Cow<'_, str>;
}

/// An entry of a WeakMap, as V8 writes it into the names of the two edges that lead to its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ephemeron {
    /// String index of the edge's name.
    pub name: u32,
    /// Id of the table.
    pub table: u64,
    /// Which entry: the edges from its key and from its table have the same number.
    pub pair: u32,
}

/// Where the constructor of an object, or a function, is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// V8's number of the script.
    pub script: u32,
    /// Line, from 0.
    pub line: u32,
    /// Column, from 0.
    pub column: u32,
}

/// A heap as columns. The columns of nodes are equally long, as are those of edges.
pub struct Graph {
    /// The types of nodes.
    pub kinds: NodeKinds,
    /// Type of each node.
    pub kind: Vec<u8>,
    /// String index of each node's name.
    pub name: Vec<u32>,
    /// String index of the class that each node counts in. Empty where type and name tell.
    pub class: Vec<u32>,
    /// Id of each node.
    pub id: Wide,
    /// Self size of each node in bytes.
    pub self_size: Wide,
    /// `detachedness` of each node: 0 unknown, 1 attached, 2 detached. Empty where the format does not say.
    pub detachedness: Vec<u8>,
    /// Number of each node's allocation stack, 0 for none. Empty unless it was asked for and is there.
    pub trace: Vec<u32>,
    /// Number of the first edge of each node, and behind the last node the number of edges.
    pub first_edge: Vec<u32>,
    /// [`EdgeKind`] of each edge, as its number in the lower three bits; [`Graph::FROM_TABLE`] is added where it leads from a WeakMap's
    /// table to a value, [`Graph::ELEMENTS`] in a graph without names of edges where it leads to an array's elements, [`Graph::SHARED`]
    /// where it leads to what many objects of a program have in common.
    pub edge_kind: Vec<u8>,
    /// String index of each edge's name, or its number where [`EdgeKind::numbered`].
    pub edge_name: Vec<u32>,
    /// Ordinal of the node that each edge leads to.
    pub to_node: Vec<u32>,
    /// Ordinal of the root.
    pub root: u32,
    /// The strings.
    pub strings: Box<dyn StringTable>,
    /// The edges' names that speak of WeakMap entries, ascending by name.
    pub ephemerons: Vec<Ephemeron>,
    /// Ordinals, ascending, and numbers of places, for the nodes of which a place is known.
    pub located: Vec<(u32, u32)>,
    /// The places.
    pub places: Vec<Place>,
    /// Off-heap bytes that belong to no node.
    pub extra_native_bytes: u64,
}

/// An edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// What kind of reference.
    pub kind: EdgeKind,
    /// String index of the name, or a number where [`EdgeKind::numbered`].
    pub name: u32,
    /// Ordinal of the node it leads to.
    pub to: u32,
}

impl Graph {
    /// Marks edges from the table of a WeakMap to a value. The value lives as long as its key, from which an edge leads to it, too.
    pub const FROM_TABLE: u8 = 1 << 7;
    /// Marks internal edges named `elements`, in a graph without names of edges.
    pub const ELEMENTS: u8 = 1 << 6;
    /// Marks references to an object's class, to its module: true of many objects, and the reason of none.
    pub const SHARED: u8 = 1 << 5;

    /// Puts [`Self::FROM_TABLE`] where it belongs, among edges that are known to speak of WeakMap entries: number and name of each.
    pub(crate) fn mark_noted(&mut self, noted: &[(u32, u32)]) {
        for &(edge, name) in noted {
            let source = self.first_edge.partition_point(|&begin| begin <= edge).saturating_sub(1);
            if self.ephemeron(name).is_some_and(|ephemeron| ephemeron.table == self.id.get(ordinal(source))) {
                self.edge_kind[edge as usize] |= Self::FROM_TABLE;
            }
        }
    }

    /// Puts [`Self::FROM_TABLE`] where it belongs, by the names of edges.
    pub(crate) fn mark_tables(&mut self) {
        let Some(last) = self.ephemerons.last() else { return };
        let mut named = Bits::new(last.name as usize + 1);
        self.ephemerons.iter().for_each(|ephemeron| _ = named.add(ephemeron.name));
        let Self { first_edge, edge_name, ephemerons, id, kind, edge_kind, .. } = self;
        let (first_edge, edge_name, ephemerons, id) = (&*first_edge, &*edge_name, &*ephemerons, &*id);
        let table_of = |name: u32| {
            let found = ephemerons.binary_search_by_key(&name, |ephemeron| ephemeron.name);
            found.map(|found| ephemerons[found].table)
        };
        // Pieces of nodes, each with its part of the column.
        let mut rest = &mut edge_kind[..];
        rayon::scope(|scope| {
            let nodes = kind.len();
            for from in (0..nodes).step_by(MARKED_AT_ONCE) {
                let to = nodes.min(from + MARKED_AT_ONCE);
                let begin = first_edge[from] as usize;
                let (piece, behind) = std::mem::take(&mut rest).split_at_mut(first_edge[to] as usize - begin);
                rest = behind;
                let named = &named;
                scope.spawn(move |_| {
                    for node in from..to {
                        for edge in first_edge[node] as usize..first_edge[node + 1] as usize {
                            let (kind, name) = (&mut piece[edge - begin], edge_name[edge]);
                            let marked = *kind == EdgeKind::Internal as u8
                                && named.has(name)
                                && table_of(name) == Ok(id.get(ordinal(node)));
                            *kind |= if marked { Self::FROM_TABLE } else { 0 };
                        }
                    }
                });
            }
        });
    }

    /// Number of nodes.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        ordinal(self.kind.len())
    }

    /// What the type of a node means to the rules.
    #[must_use]
    pub fn kind_of(&self, node: u32) -> NodeKind {
        self.kinds.of(self.kind[node as usize])
    }

    /// The edges of a node, as a range of edge numbers.
    #[must_use]
    pub fn edge_range(&self, node: u32) -> std::ops::Range<usize> {
        self.first_edge[node as usize] as usize..self.first_edge[node as usize + 1] as usize
    }

    /// An edge by its number.
    #[must_use]
    pub fn edge(&self, number: usize) -> Edge {
        let kind = EdgeKind::ALL[usize::from(self.edge_kind[number] & 7)];
        // Names may have been let go.
        Edge { kind, name: self.edge_name.get(number).copied().unwrap_or(0), to: self.to_node[number] }
    }

    /// Gives the memory of edges' names back. Dominators and retained sizes need none; distances, interfaces, statistics and paths do.
    pub fn drop_edge_names(&mut self) {
        self.edge_name = Vec::new();
    }

    /// Gives the memory back of all that retained sizes do not need of nodes: types, names, ids, stacks and places.
    pub fn drop_nodes(&mut self, spare: &mut Spare) {
        (self.kind, self.located) = Default::default();
        spare.put(std::mem::take(&mut self.name));
        spare.put(std::mem::take(&mut self.trace));
        std::mem::take(&mut self.id).give(spare);
    }

    /// Gives the memory back of all edges.
    pub fn drop_edges(&mut self, spare: &mut Spare) {
        self.drop_edge_names();
        self.edge_kind = Vec::new();
        spare.put(std::mem::take(&mut self.first_edge));
        spare.put(std::mem::take(&mut self.to_node));
    }

    /// The edges of a node, in the order of the file.
    pub fn edges(&self, node: u32) -> impl Iterator<Item = Edge> + '_ {
        self.edge_range(node).map(|number| self.edge(number))
    }

    /// The text of a node's name.
    #[must_use]
    pub fn name_of(&self, node: u32) -> Cow<'_, str> {
        self.strings.get(self.name[node as usize])
    }

    /// Where a node's constructor, or the function it is, is written down.
    #[must_use]
    pub fn place_of(&self, node: u32) -> Option<Place> {
        let found = self.located.binary_search_by_key(&node, |&(located, _)| located).ok()?;
        self.places.get(self.located[found].1 as usize).copied()
    }

    /// The WeakMap entry that a name speaks of.
    #[must_use]
    pub fn ephemeron(&self, name: u32) -> Option<&Ephemeron> {
        let found = self.ephemerons.binary_search_by_key(&name, |ephemeron| ephemeron.name).ok()?;
        self.ephemerons.get(found)
    }
}

/// A number of nodes or edges; there are never more than [`NODES_MAX`] and [`EDGES_MAX`].
pub(crate) fn ordinal(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Nodes whose edges a worker marks at once.
const MARKED_AT_ONCE: usize = 1 << 16;

/// Most nodes of a graph: the walk keeps one of 32 bits to itself, and some numbers. V8's ids, which are odd and of 32 bits, last for
/// hardly more.
pub const NODES_MAX: u64 = (1 << 31) - (1 << 25);

/// Most edges of a graph: their numbers are of 32 bits, and two values mean something else.
pub const EDGES_MAX: u64 = u32::MAX as u64 - 2;

/// Bytes that a graph of so many nodes and edges takes at most, with what is computed of it.
///
/// A node has type, first edge, name, id and size (17), an edge type and target (5), and its name (4) where that is kept. Beside these, the
/// walk that dominators are computed of has five columns of nodes (20) and the owners that statistics ask for (4), and of an edge an entry of
/// a list while it waits to be followed or, with its source, where it leads back (8). The search for paths and what causes keep alive have, of
/// a node, the way to it (16), its place and causes (12), and entries of lists (19). Never both: what takes more counts.
#[must_use]
pub fn memory_needed(nodes: u64, edges: u64, names: bool) -> u64 {
    let of = |node: u64, edge: u64| {
        let edge = if names { edge + 4 } else { edge };
        nodes.saturating_mul(node).saturating_add(edges.saturating_mul(edge))
    };
    of(41, 13).max(of(64, 5)).saturating_add(16 << 20)
}

/// What is wanted of a graph beside nodes and edges.
#[derive(Debug, Clone, Copy, Default)]
pub struct GraphWant {
    /// Allocation stacks, where there are any.
    pub traces: bool,
    /// Where constructors and functions are written down.
    pub places: bool,
    /// Names of edges may be left out, but for what [`Graph::FROM_TABLE`] and [`Graph::ELEMENTS`] tell.
    pub bare: bool,
    /// Bytes that the graph may take with what is computed of it; checked against the header before anything is taken.
    pub memory_max: Option<u64>,
}

impl GraphWant {
    /// What a reader of the file's header has to know.
    pub(crate) fn of_header(self) -> crate::input::Want<'static> {
        crate::input::Want { stacks: self.traces, ..crate::input::Want::GROUPS }
    }
}

/// Checks a graph's announced size before memory is taken.
///
/// # Errors
/// If there are more than [`NODES_MAX`] nodes or [`EDGES_MAX`] edges, or the graph needs more than `limit` bytes; with `names` of its edges.
pub fn check_size(nodes: u64, edges: u64, names: bool, limit: Option<u64>) -> Result<(), ErrorKind> {
    for (what, number, most) in [("nodes", nodes, NODES_MAX), ("edges", edges, EDGES_MAX)] {
        if number > most {
            let [number, most] = [number, most].map(crate::text::count);
            return Err(ErrorKind::TooLarge(format!("{number} {what}; a graph holds at most {most}")));
        }
    }
    let needed = memory_needed(nodes, edges, names);
    match limit {
        Some(limit) if needed > limit => Err(ErrorKind::Memory { needed, limit }),
        _ => Ok(()),
    }
}
