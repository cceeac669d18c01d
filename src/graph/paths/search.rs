//! The search for the most readable path to every object: by cost, the cheapest first (Dial's buckets).
//!
//! Objects of equal cost are taken level by level. Of several ways of equal cost the one wins that comes from the smaller path (path
//! nodes are ordered by when they were made), then by label, then that from the object of the smaller id; the path nodes of a level
//! are made in the order of parent, label and class. So nothing depends on the order of nodes and edges in a file.

use std::collections::HashMap;

use rayon::prelude::*;

use super::costs::{
    self, BOOKKEEPING, COST_MAX, FRAME_ROOT, FROM_SYSTEM, GC_ROOTS, NATIVE_ROOT, NameCost, STRING_TABLE, UNREFERENCED, USER_ROOT,
    from_gc_list,
};
use super::foreign;
use super::names::{KEY, Label, LabelKind, MASK, Vocabulary, class_text, mask, module_text};
use super::tree::{Mixed, NO_PATH, PathTree, ROOT, Step};
use crate::graph::essential::Rule;
use crate::graph::{Bits, Detachedness, Edge, EdgeKind, Graph, NodeKind, column, ordinal};
use crate::source::prefetch;

/// What nothing leads to.
const UNREACHED: u32 = u32::MAX;
/// Not looked up yet.
const UNKNOWN: u32 = u32::MAX;

/// The path of every object.
#[derive(Debug, Default)]
pub struct Paths {
    /// The path nodes.
    pub tree: PathTree,
    /// By object.
    ways: Vec<Way>,
    /// The words that were looked up.
    known: Known,
}

impl Paths {
    /// Number of objects.
    #[must_use]
    pub fn objects(&self) -> u32 {
        ordinal(self.ways.len())
    }

    /// The path node of an object, [`NO_PATH`] if it is not reached.
    #[must_use]
    #[inline]
    pub fn path(&self, node: u32) -> u32 {
        let way = self.ways[node as usize];
        if way.is_settled() { way.path } else { NO_PATH }
    }

    /// The object through which one is reached; the root's children and those not reached have the root's.
    #[must_use]
    #[inline]
    pub fn parent(&self, node: u32) -> u32 {
        self.ways[node as usize].parent & !Way::SETTLED
    }

    /// How many objects each path node has.
    #[must_use]
    pub fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.tree.nodes.len()];
        for way in self.ways.iter().filter(|way| way.is_settled()) {
            counts[way.path as usize] += 1;
        }
        counts
    }

    /// Whether an object is reached.
    #[must_use]
    pub fn reached(&self, node: u32) -> bool {
        self.ways[node as usize].is_settled()
    }
}

/// How an object is reached. All of it takes one access to memory.
#[derive(Debug, Clone, Copy)]
#[repr(align(16))]
struct Way {
    /// The least cost so far.
    cost: u32,
    /// The path node of an object that is settled; until then, that of its parent.
    path: u32,
    /// The object through which it is reached, and [`Self::SETTLED`].
    parent: u32,
    /// The reference by which.
    label: u32,
}

impl Way {
    /// Added to the parent of an object whose way does not change any more. No graph has so many nodes.
    const SETTLED: u32 = 1 << 31;

    fn is_settled(self) -> bool {
        self.parent & Self::SETTLED != 0
    }

    fn label(self) -> Label {
        Label::from_bits(self.label)
    }

    fn settle(&mut self, path: u32) {
        self.path = path;
        self.parent |= Self::SETTLED;
    }
}

/// Finds the most readable path to every object.
#[must_use]
pub fn search(graph: &Graph, detachedness: &Detachedness, vocabulary: &mut Vocabulary) -> Paths {
    let mut search = Search::new(graph, detachedness, vocabulary);
    search.run(&|_| false);
    search.done()
}

/// Asks for the edges of some of the nodes that come next.
#[inline]
fn ask_for_edges(graph: &Graph, nodes: &[u32]) {
    if let Some(&node) = nodes.get(3 * AHEAD) {
        prefetch(&graph.first_edge, node as usize);
        prefetch(&graph.kind, node as usize);
    }
    if let Some(&node) = nodes.get(2 * AHEAD) {
        let first = graph.first_edge[node as usize] as usize;
        prefetch(&graph.to_node, first);
        prefetch(&graph.edge_kind, first);
        prefetch(&graph.edge_name, first);
    }
}

/// A reference as paths see it.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    /// The object it starts at.
    pub from: u32,
    /// The object it leads to.
    pub to: u32,
    /// What it is called.
    pub label: Label,
    /// What it costs to follow it.
    pub cost: u8,
}

/// Tells of every reference that holds, starts at what is reached, and of which `wanted` says yes to both ends.
pub fn references(
    graph: &Graph,
    detachedness: &Detachedness,
    vocabulary: &mut Vocabulary,
    paths: &mut Paths,
    wanted: impl Fn(u32, u32) -> bool + Sync,
    mut tell: impl FnMut(Reference),
) {
    // Most references are not wanted, which needs no words to find out.
    let of_piece = |first: u32| {
        let mut found: Vec<(u32, u32)> = Vec::new();
        for from in (first..graph.nodes().min(first.saturating_add(PIECE))).filter(|&from| paths.reached(from)) {
            let rule = Rule::new(graph, from);
            for number in graph.edge_range(from) {
                let to = graph.to_node[number];
                if wanted(from, to) && rule.counts(to, graph.edge_kind[number]) {
                    found.push((from, ordinal(number)));
                }
            }
        }
        found
    };
    let pieces: Vec<u32> = (0..graph.nodes()).step_by(PIECE as usize).collect();
    let found: Vec<(u32, u32)> = pieces.into_par_iter().flat_map_iter(of_piece).collect();
    let mut search = Search::again(graph, detachedness, vocabulary, std::mem::take(paths));
    for of_one in found.chunk_by(|a, b| a.0 == b.0) {
        let from = of_one[0].0;
        let first = graph.edge_range(from).start;
        let source = Source::of(&mut search, from);
        let entries = source.is_table.then(|| Entries::of(graph, from));
        for number in of_one.iter().map(|(_, number)| *number as usize) {
            let (mut label, weight) = search.words.label(graph.edge(number), || Entries::label(entries.as_ref(), number - first));
            if from == graph.root {
                label = search.root_label(graph.edge(number));
            }
            tell(Reference { from, to: graph.to_node[number], label, cost: source.cost(graph.edge_kind[number], weight) });
        }
    }
    *paths = search.done();
}

/// References that hold, without tables of strings and those that only keep the books.
pub struct Strong<'g, 'v> {
    search: Search<'g, 'v>,
}

impl<'g, 'v> Strong<'g, 'v> {
    /// Those of a graph whose paths have been found.
    pub fn new(graph: &'g Graph, detachedness: &'g Detachedness, vocabulary: &'v mut Vocabulary, paths: Paths) -> Self {
        Self { search: Search::again(graph, detachedness, vocabulary, paths) }
    }

    /// Goes on from objects to all that `is_new` says yes to, and tells of each. That has to make it known.
    pub fn spread<S>(&mut self, start: Vec<u32>, state: &mut S, is_new: impl Fn(&S, u32) -> bool, enter: impl Fn(&mut S, u32)) {
        let search = &mut self.search;
        let graph = search.graph;
        let mut waiting = start;
        let mut next = 0;
        while let Some(&from) = waiting.get(next) {
            ask_for_edges(graph, &waiting[next..]);
            next += 1;
            if graph.kind_of(from) == NodeKind::Synthetic && search.list_cost(from) == Some(STRING_TABLE) {
                continue;
            }
            let rule = Rule::new(graph, from);
            let mut source = None;
            for number in graph.edge_range(from) {
                let (to, kind) = (graph.to_node[number], graph.edge_kind[number]);
                if !is_new(state, to) || !rule.counts(to, kind) {
                    continue;
                }
                let (_, weight) = search.words.label(graph.edge(number), || Label::bare(LabelKind::Index));
                if weight == BOOKKEEPING {
                    let source = source.get_or_insert_with(|| Source::of(search, from));
                    if source.cost(kind, weight) == BOOKKEEPING {
                        continue;
                    }
                }
                enter(state, to);
                waiting.push(to);
            }
        }
    }
}

/// Nodes whose references are looked at by one thread.
const PIECE: u32 = 1 << 16;

const BUCKETS: usize = COST_MAX + 1;

/// How many nodes ahead their memory is asked for.
const AHEAD: usize = 8;
/// Of how many of a node's references the targets' memory is asked for ahead.
const TARGETS_AHEAD: usize = 8;

/// A search and what it has found so far.
pub(super) struct Search<'g, 'v> {
    graph: &'g Graph,
    words: Words<'g, 'v>,
    tree: PathTree,
    /// By node.
    ways: Vec<Way>,
    /// By cost, modulo their number: nodes that may be of that cost.
    buckets: Vec<Vec<u32>>,
}

impl<'g, 'v> Search<'g, 'v> {
    pub(super) fn new(graph: &'g Graph, detachedness: &'g Detachedness, vocabulary: &'v mut Vocabulary) -> Self {
        let unreached = Way { cost: UNREACHED, path: NO_PATH, parent: graph.root, label: 0 };
        let paths = Paths { tree: PathTree::new(), ways: column(unreached, graph.kind.len()), known: Known::new(graph) };
        Self { buckets: vec![Vec::new(); BUCKETS], ..Self::again(graph, detachedness, vocabulary, paths) }
    }

    /// A search that is over.
    fn again(graph: &'g Graph, detachedness: &'g Detachedness, vocabulary: &'v mut Vocabulary, paths: Paths) -> Self {
        let Paths { tree, ways, known } = paths;
        let words = Words::new(graph, detachedness, vocabulary, known);
        Self { graph, words, tree, ways, buckets: Vec::new() }
    }

    /// Reaches everything. What `stops` says true of is reached, but nothing through it.
    pub(super) fn run(&mut self, stops: &dyn Fn(u32) -> bool) {
        self.start();
        let (mut level, mut empty) = (0_u32, 0);
        // No reference costs more than there are buckets.
        while empty < BUCKETS {
            let mut nodes = std::mem::take(&mut self.buckets[level as usize % BUCKETS]);
            empty = if nodes.is_empty() { empty + 1 } else { 0 };
            self.settle(&mut nodes, level);
            for (at, &node) in nodes.iter().enumerate() {
                self.ask_ahead(&nodes[at..]);
                if !stops(node) {
                    self.expand(node, level);
                }
            }
            let Some(next) = level.checked_add(1) else { break };
            level = next;
        }
    }

    pub(super) fn reached(&self, node: u32) -> bool {
        self.ways[node as usize].is_settled()
    }

    /// The class of a node.
    pub(super) fn class(&mut self, node: u32) -> &super::Class {
        let class = self.words.class(node);
        self.words.vocabulary.class_of(class)
    }

    pub(super) fn done(self) -> Paths {
        Paths { tree: self.tree, ways: self.ways, known: self.words.known }
    }

    /// Puts what the root leads to into the buckets.
    fn start(&mut self) {
        let graph = self.graph;
        if graph.kind.is_empty() {
            return;
        }
        self.ways[graph.root as usize] = Way { cost: 0, path: ROOT, parent: graph.root | Way::SETTLED, label: 0 };
        let mut has_global = false;
        for edge in graph.edges(graph.root) {
            if edge.kind == EdgeKind::Weak || edge.to == graph.root {
                continue;
            }
            let kind = graph.kind_of(edge.to);
            let is_global = edge.kind == EdgeKind::Shortcut && kind == NodeKind::Object;
            has_global |= is_global;
            let cost = match kind {
                NodeKind::Synthetic if graph.name_of(edge.to) == GC_ROOTS_NAME => GC_ROOTS,
                NodeKind::Synthetic | NodeKind::Native => NATIVE_ROOT,
                NodeKind::Frame => FRAME_ROOT,
                NodeKind::Foreign => UNREFERENCED,
                _ => USER_ROOT,
            };
            let label = self.root_label(edge);
            self.offer(edge.to, u32::from(cost), graph.root, label);
        }
        if !has_global {
            self.start_at_contexts();
        }
    }

    /// Where the root knows no global object, those of all native contexts are the user's roots.
    fn start_at_contexts(&mut self) {
        let graph = self.graph;
        let mut seen = Bits::new(graph.strings.count() as usize);
        let mut contexts = Bits::new(graph.strings.count() as usize);
        for node in 0..graph.nodes() {
            let name = graph.name[node as usize];
            if !matches!(graph.kind_of(node), NodeKind::Hidden | NodeKind::Native | NodeKind::Object) {
                continue;
            }
            if seen.add(name) && graph.strings.get(name).starts_with(NATIVE_CONTEXT) {
                contexts.add(name);
            }
            if !contexts.has(name) {
                continue;
            }
            for edge in graph.edges(node).filter(|edge| edge.kind == EdgeKind::Internal) {
                let name = match &*graph.strings.get(edge.name) {
                    "global_object" | "global_proxy_object" => GLOBAL,
                    "extension" => "extension",
                    _ => continue,
                };
                let name = self.words.vocabulary.name(name);
                self.offer(edge.to, u32::from(USER_ROOT), graph.root, Label::new(LabelKind::Root, name));
            }
        }
    }

    /// What a reference of the root is called.
    fn root_label(&mut self, edge: Edge) -> Label {
        let name = match self.graph.kind_of(edge.to) {
            NodeKind::Object if edge.kind == EdgeKind::Shortcut => GLOBAL,
            NodeKind::Foreign => UNREFERENCED_NAME,
            _ => return Label::bare(LabelKind::Root),
        };
        Label::new(LabelKind::Root, self.words.vocabulary.name(name))
    }

    /// A way to a node: taken if it is cheaper than the one known, or as cheap and from a smaller path.
    #[inline]
    fn offer(&mut self, to: u32, cost: u32, from: u32, label: Label) {
        let known = self.ways[to as usize];
        if cost > known.cost || known.is_settled() || cost == UNREACHED {
            return;
        }
        let way = Way { cost, path: self.ways[from as usize].path, parent: from, label: label.to_bits() };
        if cost == known.cost && !self.is_smaller(way, known) {
            return;
        }
        self.ways[to as usize] = way;
        if cost < known.cost {
            self.buckets[cost as usize % BUCKETS].push(to);
        }
    }

    /// Whether a way comes before another one of equal cost.
    fn is_smaller(&self, way: Way, known: Way) -> bool {
        if way.path != known.path {
            way.path < known.path
        } else if way.label != known.label {
            let order = |way: Way| self.words.vocabulary.label_order(way.label());
            order(way) < order(known)
        } else {
            self.graph.id.get(way.parent) < self.graph.id.get(known.parent)
        }
    }

    /// Gives nodes of equal cost their path nodes. Takes out those that were reached for less.
    fn settle(&mut self, nodes: &mut Vec<u32>, cost: u32) {
        // Steps that were not taken yet, numbered, and who waits for which.
        let mut fresh: Vec<Step> = Vec::new();
        let mut number_of: HashMap<Step, u32, Mixed> = HashMap::default();
        let mut waiting: Vec<(u32, u32)> = Vec::new();
        // The path node of the step before, or its number.
        let mut last: Option<(Step, Result<u32, u32>)> = None;
        let mut settled = 0;
        for at in 0..nodes.len() {
            if let Some(&node) = nodes.get(at + AHEAD) {
                prefetch(&self.ways, node as usize);
                prefetch(&self.graph.kind, node as usize);
                prefetch(&self.graph.name, node as usize);
            }
            let node = nodes[at];
            let way = self.ways[node as usize];
            if way.cost != cost {
                continue;
            }
            nodes[settled] = node;
            settled += 1;
            let step = (way.path, way.label(), self.words.class(node));
            let taken = last.filter(|(known, _)| *known == step).map(|(_, taken)| taken).unwrap_or_else(|| {
                self.tree.find(step).ok_or_else(|| {
                    *number_of.entry(step).or_insert_with(|| {
                        fresh.push(step);
                        ordinal(fresh.len() - 1)
                    })
                })
            });
            last = Some((step, taken));
            match taken {
                Ok(path) => self.ways[node as usize].settle(path),
                Err(number) => waiting.push((node, number)),
            }
        }
        nodes.truncate(settled);
        let vocabulary = &*self.words.vocabulary;
        let mut in_order: Vec<u32> = (0..ordinal(fresh.len())).collect();
        in_order.sort_unstable_by(|&a, &b| {
            let order = |number: u32| {
                let (path, label, class) = fresh[number as usize];
                (path, vocabulary.label_order(label), vocabulary.class_order(class))
            };
            order(a).cmp(&order(b))
        });
        let mut paths = vec![ROOT; fresh.len()];
        for number in in_order {
            paths[number as usize] = self.tree.enter(fresh[number as usize], vocabulary);
        }
        for (at, &(node, number)) in waiting.iter().enumerate() {
            if let Some((node, _)) = waiting.get(at + AHEAD) {
                prefetch(&self.ways, *node as usize);
            }
            self.ways[node as usize].settle(paths[number as usize]);
        }
    }

    /// Asks for what will be looked at soon of the nodes that come next: their edges, and the ways to what they lead to.
    #[inline]
    fn ask_ahead(&self, nodes: &[u32]) {
        ask_for_edges(self.graph, nodes);
        if let Some(&node) = nodes.get(AHEAD) {
            let edges = self.graph.edge_range(node);
            for &to in &self.graph.to_node[edges.start..edges.end.min(edges.start + TARGETS_AHEAD)] {
                prefetch(&self.ways, to as usize);
            }
        }
    }

    /// Offers what a node leads to.
    fn expand(&mut self, node: u32, cost: u32) {
        let graph = self.graph;
        let rule = Rule::new(graph, node);
        let source = Source::of(self, node);
        let entries = source.is_table.then(|| Entries::of(graph, node));
        for (at, number) in graph.edge_range(node).enumerate() {
            let to = graph.to_node[number];
            if !rule.counts(to, graph.edge_kind[number]) || self.reached(to) {
                continue;
            }
            let edge = graph.edge(number);
            let (label, weight) = self.words.label(edge, || Entries::label(entries.as_ref(), at));
            let weight = source.cost(graph.edge_kind[number], weight);
            self.offer(to, cost.saturating_add(u32::from(weight)), node, label);
        }
    }
}

/// The name of the root of the collector's lists.
pub(super) const GC_ROOTS_NAME: &str = "(GC roots)";
/// What a path that starts at a global object starts with.
pub(super) const GLOBAL: &str = "globalThis";
/// What a path starts with that no module and no running call of Python leads to.
pub(super) const UNREFERENCED_NAME: &str = "(nothing leads to it)";
const NATIVE_CONTEXT: &str = "system / NativeContext";

/// What a node means for the costs of its references.
struct Source {
    /// More, for what starts at the engine's own.
    more: u8,
    /// What all of them cost, for lists of the collector.
    list: Option<u8>,
    /// Whether it holds the entries of a Map.
    is_table: bool,
}

impl Source {
    /// What a reference costs, by its entry in [`Graph::edge_kind`] and what its name costs.
    #[inline]
    fn cost(&self, kind: u8, named: u8) -> u8 {
        let named = if kind & Graph::SHARED == 0 { named } else { costs::CLASS };
        self.list.unwrap_or(named).saturating_add(self.more)
    }

    fn of(search: &mut Search<'_, '_>, node: u32) -> Self {
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
    fn parent(&self, node: u32) -> u32 {
        self.ways[node as usize].parent & !Way::SETTLED
    }

    /// What references of a list of the collector cost; None for other synthetic nodes.
    fn list_cost(&self, node: u32) -> Option<u8> {
        let graph = self.graph;
        let name = graph.name_of(node);
        let parent = self.parent(node);
        let below_roots = parent != graph.root && graph.name_of(parent) == GC_ROOTS_NAME;
        (below_roots || name.starts_with("C++ ")).then(|| from_gc_list(&name))
    }

    /// Whether a node holds the entries of a Map. (Those of a Set are but keys.)
    fn is_table(&self, node: u32) -> bool {
        let label = self.ways[node as usize].label();
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
struct Entries {
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
    fn of(graph: &Graph, table: u32) -> Self {
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
    fn label(entries: Option<&Self>, at: usize) -> Label {
        let of_entry = |entries: &Self| entries.indexes.get(at).copied().flatten()?.checked_sub(entries.first);
        let offset = entries.and_then(of_entry);
        Label::bare(match offset.map(|offset| offset % ENTRY_FIELDS) {
            Some(0) => LabelKind::Key,
            Some(_) => LabelKind::Value,
            None => LabelKind::Index,
        })
    }
}

/// What has been looked up of the words of one graph.
#[derive(Debug, Default)]
struct Known {
    /// By string: the number of the masked name.
    names: Vec<u32>,
    /// By string: the class of objects of the name.
    objects: Vec<u32>,
    /// By string: the class of functions of the name.
    closures: Vec<u32>,
    /// By type: the class of all its nodes.
    kinds: Vec<u32>,
    others: HashMap<(u8, u32, bool), u32, Mixed>,
}

impl Known {
    fn new(graph: &Graph) -> Self {
        let strings = || column(UNKNOWN, graph.strings.count() as usize);
        Self { names: strings(), objects: strings(), closures: strings(), kinds: vec![UNKNOWN; 256], others: HashMap::default() }
    }
}

/// The words of one graph, each looked up but once.
pub(super) struct Words<'g, 'v> {
    graph: &'g Graph,
    detachedness: &'g Detachedness,
    pub(super) vocabulary: &'v mut Vocabulary,
    known: Known,
    /// Number of the masked number, and of the name of keys.
    mask: u32,
    key: u32,
    file_name: u32,
    /// What leads from a Map or Set to its entries.
    table: Label,
}

impl<'g, 'v> Words<'g, 'v> {
    fn new(graph: &'g Graph, detachedness: &'g Detachedness, vocabulary: &'v mut Vocabulary, known: Known) -> Self {
        let [mask, key, file_name, table] = [MASK, KEY, "filename", "table"].map(|name| vocabulary.name(name));
        let table = Label::new(LabelKind::Internal, table);
        Self { graph, detachedness, vocabulary, known, mask, key, file_name, table }
    }

    fn name(&mut self, string: u32) -> u32 {
        match self.known.names.get(string as usize) {
            Some(&UNKNOWN) => {
                let name = self.vocabulary.name(&mask(&self.graph.strings.get(string)));
                self.known.names[string as usize] = name;
                name
            }
            known => known.copied().unwrap_or(0),
        }
    }

    /// Label and cost of a reference. `entry` tells what an index of a Map's table leads to.
    pub(super) fn label(&mut self, edge: Edge, entry: impl FnOnce() -> Label) -> (Label, u8) {
        let kind = match edge.kind {
            EdgeKind::Element => return (Label::bare(LabelKind::Index), NameCost::numbered(true)),
            EdgeKind::Hidden => return (Label::bare(LabelKind::Index), NameCost::numbered(false)),
            EdgeKind::Context => LabelKind::Variable,
            EdgeKind::Property | EdgeKind::Shortcut => LabelKind::Property,
            _ => LabelKind::Internal,
        };
        let name = self.name(edge.name);
        let cost = self.vocabulary.cost(name);
        match kind {
            LabelKind::Internal if name == self.mask => (entry(), cost.internal),
            LabelKind::Internal if name == self.key => (Label::bare(LabelKind::Key), costs::KEY),
            LabelKind::Internal => (Label::new(kind, name), cost.internal),
            _ => (Label::new(kind, name), cost.named),
        }
    }

    /// Whether a node is the engine's own. Contexts belong to functions.
    fn is_of_engine(&mut self, node: u32) -> bool {
        let class = self.class(node);
        let text = &self.vocabulary.class_of(class).text;
        text != CONTEXT && (text.starts_with("system / ") || self.graph.kind_of(node) == NodeKind::Hidden)
    }

    /// The class of a node.
    pub(super) fn class(&mut self, node: u32) -> u32 {
        let graph = self.graph;
        let (kind, name) = (graph.kind[node as usize], graph.name[node as usize]);
        let columns = match graph.kind_of(node) {
            NodeKind::Object | NodeKind::Module | NodeKind::Frame | NodeKind::Foreign => Some(&mut self.known.objects),
            NodeKind::Closure => Some(&mut self.known.closures),
            NodeKind::Native | NodeKind::Hidden | NodeKind::Synthetic => None,
            _ if self.known.kinds[usize::from(kind)] != UNKNOWN => return self.known.kinds[usize::from(kind)],
            _ => {
                let class = self.vocabulary.class(graph.kinds.name(kind), &class_text(graph.kinds.name(kind), "", false));
                self.known.kinds[usize::from(kind)] = class;
                return class;
            }
        };
        let detached = self.detachedness.renamed(node);
        let known = match &columns {
            Some(column) => column.get(name as usize).copied().filter(|&class| class != UNKNOWN),
            None => self.known.others.get(&(kind, name, detached)).copied(),
        };
        if let Some(class) = known {
            return if class == MODULE { self.module(node) } else { class };
        }
        let text = graph.strings.get(name);
        let class = match graph.kind_of(node) {
            NodeKind::Object if text == "Module" => MODULE,
            NodeKind::Module | NodeKind::Frame | NodeKind::Foreign => self.vocabulary.class(foreign::kind(&text), &text),
            _ => self.vocabulary.class(graph.kinds.name(kind), &class_text(graph.kinds.name(kind), &text, detached)),
        };
        match columns.and_then(|column| column.get_mut(name as usize)) {
            Some(place) => *place = class,
            None => _ = self.known.others.insert((kind, name, detached), class),
        }
        if class == MODULE { self.module(node) } else { class }
    }

    /// The class of a module of Node: its file.
    fn module(&mut self, node: u32) -> u32 {
        let graph = self.graph;
        let kind = graph.kinds.name(graph.kind[node as usize]);
        for edge in graph.edges(node).filter(|edge| edge.kind == EdgeKind::Property) {
            if self.name(edge.name) == self.file_name && graph.kind_of(edge.to) == NodeKind::String {
                return self.vocabulary.class(kind, &module_text(&graph.name_of(edge.to)));
            }
        }
        self.vocabulary.class(kind, "Module")
    }
}

impl Vocabulary {
    /// Tells the class of every node but the root.
    pub fn classes_of(&mut self, graph: &Graph, detachedness: &Detachedness, mut tell: impl FnMut(u32, &super::Class)) {
        let mut words = Words::new(graph, detachedness, self, Known::new(graph));
        for node in (0..graph.nodes()).filter(|&node| node != graph.root) {
            let class = words.class(node);
            tell(node, words.vocabulary.class_of(class));
        }
    }
}

/// Name of a function's context.
pub(super) const CONTEXT: &str = "system / Context";
/// In place of a class: its modules are told apart.
const MODULE: u32 = u32::MAX - 1;
