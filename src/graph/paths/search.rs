//! The search for the most readable path to every object: by cost, the cheapest first (Dial's buckets).
//!
//! Objects of equal cost are taken level by level. Of several ways of equal cost the one wins that comes from the smaller path (path
//! nodes are ordered by when they were made), then by label, then that from the object of the smaller id; the path nodes of a level
//! are made in the order of parent, label and class. So nothing depends on the order of nodes and edges in a file.

use std::collections::HashMap;

use super::costs::{COST_MAX, FRAME_ROOT, GC_ROOTS, NATIVE_ROOT, UNREFERENCED, USER_ROOT};
use super::lookup::{Known, Words};
use super::names::{Label, LabelKind, Vocabulary};
use super::sources::{Entries, Source};
use super::tree::{Mixed, NO_PATH, PathTree, ROOT, Step};
use crate::graph::essential::Rule;
use crate::graph::{Bits, Detachedness, Edge, EdgeKind, Graph, NodeKind, column, ordinal};
use crate::source::prefetch;

/// What nothing leads to.
const UNREACHED: u32 = u32::MAX;

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
pub(super) fn ask_for_edges(graph: &Graph, nodes: &[u32]) {
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

const BUCKETS: usize = COST_MAX + 1;

/// How many nodes ahead their memory is asked for.
const AHEAD: usize = 8;
/// Of how many of a node's references the targets' memory is asked for ahead.
const TARGETS_AHEAD: usize = 8;

/// A search and what it has found so far.
pub(super) struct Search<'g, 'v> {
    pub(super) graph: &'g Graph,
    pub(super) words: Words<'g, 'v>,
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
    pub(super) fn again(graph: &'g Graph, detachedness: &'g Detachedness, vocabulary: &'v mut Vocabulary, paths: Paths) -> Self {
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

    /// The object through which one is reached, if one is; else the root.
    pub(super) fn parent(&self, node: u32) -> u32 {
        self.ways[node as usize].parent & !Way::SETTLED
    }

    /// What leads to a node.
    pub(super) fn label(&self, node: u32) -> Label {
        self.ways[node as usize].label()
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
    pub(super) fn root_label(&mut self, edge: Edge) -> Label {
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
