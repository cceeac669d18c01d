//! The search for the most readable path to every object: by cost, the cheapest first (Dial's buckets).
//!
//! Objects of equal cost are taken level by level. Of several ways of equal cost the one wins that comes from the smaller path (path
//! nodes are ordered by when they were made), then by label, then that from the object of the smaller id; the path nodes of a level
//! are made in the order of parent, label and class. So nothing depends on the order of nodes and edges in a file.

use std::collections::HashMap;

use super::costs::{
    self, COST_MAX, FRAME_ROOT, FROM_SYSTEM, GC_ROOTS, NATIVE_ROOT, NameCost, STRING_TABLE, UNREFERENCED, USER_ROOT, from_gc_list,
};
use super::foreign;
use super::names::{KEY, Label, LabelKind, MASK, Vocabulary, class_text, mask, module_text};
use super::tree::{Mixed, NO_PATH, PathTree, ROOT, Step};
use crate::graph::essential::Rule;
use crate::graph::{Bits, Detachedness, Edge, EdgeKind, Graph, NodeKind, column, ordinal, zeros};

/// What nothing leads to.
const UNREACHED: u32 = u32::MAX;
/// Not looked up yet.
const UNKNOWN: u32 = u32::MAX;

/// The path of every object.
#[derive(Debug, Default)]
pub struct Paths {
    /// The path nodes.
    pub tree: PathTree,
    /// Path node of each object, [`NO_PATH`] for those that are not reached.
    pub path: Vec<u32>,
    /// The object through which each one is reached; the root's children and those not reached have the root's.
    pub parent: Vec<u32>,
    label: Vec<u32>,
    /// The words that were looked up.
    known: Known,
}

impl Paths {
    /// The reference by which an object is reached.
    #[must_use]
    pub fn label(&self, node: u32) -> Label {
        Label::from_bits(self.label[node as usize])
    }

    /// How many objects each path node has.
    #[must_use]
    pub fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.tree.nodes.len()];
        for &path in self.path.iter().filter(|&&path| path != NO_PATH) {
            counts[path as usize] += 1;
        }
        counts
    }

    /// Whether an object is reached.
    #[must_use]
    pub fn reached(&self, node: u32) -> bool {
        self.path[node as usize] != NO_PATH
    }
}

/// Finds the most readable path to every object.
#[must_use]
pub fn search(graph: &Graph, detachedness: &Detachedness, vocabulary: &mut Vocabulary) -> Paths {
    let mut search = Search::new(graph, detachedness, vocabulary);
    search.run(&|_| false);
    search.done()
}

/// A reference as paths see it.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    /// Number of the edge.
    pub number: u32,
    /// The object it starts at.
    pub from: u32,
    /// The object it leads to.
    pub to: u32,
    /// What it is called.
    pub label: Label,
    /// What it costs to follow it.
    pub cost: u8,
    /// It is an entry of the engine's tables of strings.
    pub is_of_string_table: bool,
}

/// Tells of every reference that holds what `wanted` says yes to, and starts at what is reached.
pub fn references(
    graph: &Graph,
    detachedness: &Detachedness,
    vocabulary: &mut Vocabulary,
    paths: &mut Paths,
    wanted: impl Fn(u32) -> bool,
    mut tell: impl FnMut(Reference),
) {
    let mut search = Search::again(graph, detachedness, vocabulary, std::mem::take(paths));
    for from in 0..graph.nodes() {
        if !search.reached(from) {
            continue;
        }
        let rule = Rule::new(graph, from);
        let mut source = None;
        for (at, number) in graph.edge_range(from).enumerate() {
            let to = graph.to_node[number];
            if !rule.counts(to, graph.edge_kind[number]) || !wanted(to) {
                continue;
            }
            let (source, entries) = &*source.get_or_insert_with(|| search.source(from));
            let (mut label, weight) = search.words.label(graph.edge(number), || entries.label(at));
            if from == graph.root {
                label = search.root_label(graph.edge(number));
            }
            let cost = source.cost(graph.edge_kind[number], weight);
            let is_of_string_table = source.list == Some(STRING_TABLE);
            tell(Reference { number: ordinal(number), from, to, label, cost, is_of_string_table });
        }
    }
    *paths = search.done();
}

const BUCKETS: usize = COST_MAX + 1;

/// A search and what it has found so far.
pub(super) struct Search<'g, 'v> {
    graph: &'g Graph,
    words: Words<'g, 'v>,
    tree: PathTree,
    /// By node: the least cost so far.
    cost: Vec<u32>,
    path: Vec<u32>,
    parent: Vec<u32>,
    label: Vec<u32>,
    /// By cost, modulo their number: nodes that may be of that cost.
    buckets: Vec<Vec<u32>>,
}

impl<'g, 'v> Search<'g, 'v> {
    pub(super) fn new(graph: &'g Graph, detachedness: &'g Detachedness, vocabulary: &'v mut Vocabulary) -> Self {
        let nodes = graph.kind.len();
        let paths = Paths {
            tree: PathTree::new(),
            path: column(NO_PATH, nodes),
            parent: column(graph.root, nodes),
            label: zeros(nodes),
            known: Known::new(graph),
        };
        Self {
            cost: column(UNREACHED, nodes),
            buckets: vec![Vec::new(); BUCKETS],
            ..Self::again(graph, detachedness, vocabulary, paths)
        }
    }

    /// A search that is over.
    fn again(graph: &'g Graph, detachedness: &'g Detachedness, vocabulary: &'v mut Vocabulary, paths: Paths) -> Self {
        let Paths { tree, path, parent, label, known } = paths;
        let words = Words::new(graph, detachedness, vocabulary, known);
        Self { graph, words, tree, cost: Vec::new(), path, parent, label, buckets: Vec::new() }
    }

    /// Reaches everything. What `stops` says true of is reached, but nothing through it.
    pub(super) fn run(&mut self, stops: &dyn Fn(u32) -> bool) {
        self.start();
        let (mut level, mut empty) = (0_u32, 0);
        // No reference costs more than there are buckets.
        while empty < BUCKETS {
            let mut nodes = std::mem::take(&mut self.buckets[level as usize % BUCKETS]);
            empty = if nodes.is_empty() { empty + 1 } else { 0 };
            nodes.retain(|&node| self.cost[node as usize] == level);
            self.settle(&nodes);
            for &node in &nodes {
                if !stops(node) {
                    self.expand(node, level);
                }
            }
            let Some(next) = level.checked_add(1) else { break };
            level = next;
        }
    }

    pub(super) fn reached(&self, node: u32) -> bool {
        self.path[node as usize] != NO_PATH
    }

    /// What a node means for the costs and labels of its references.
    fn source(&mut self, node: u32) -> (Source, Entries) {
        let source = Source::of(self, node);
        let entries = if source.is_table { Entries::of(self.graph, node) } else { Entries::default() };
        (source, entries)
    }

    /// The class of a node.
    pub(super) fn class(&mut self, node: u32) -> &super::Class {
        let class = self.words.class(node);
        self.words.vocabulary.class_of(class)
    }

    pub(super) fn done(self) -> Paths {
        Paths { tree: self.tree, path: self.path, parent: self.parent, label: self.label, known: self.words.known }
    }

    /// Puts what the root leads to into the buckets.
    fn start(&mut self) {
        let graph = self.graph;
        if graph.kind.is_empty() {
            return;
        }
        self.cost[graph.root as usize] = 0;
        self.path[graph.root as usize] = ROOT;
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
        let known = self.cost[to as usize];
        if cost > known || self.path[to as usize] != NO_PATH || cost == UNREACHED {
            return;
        }
        if cost == known && !self.is_smaller(from, label, to) {
            return;
        }
        self.cost[to as usize] = cost;
        self.parent[to as usize] = from;
        self.label[to as usize] = label.to_bits();
        if cost < known {
            self.buckets[cost as usize % BUCKETS].push(to);
        }
    }

    /// Whether the path by another reference comes before the one known.
    fn is_smaller(&self, from: u32, label: Label, to: u32) -> bool {
        let (path, known) = (self.path[from as usize], self.path[self.parent[to as usize] as usize]);
        let old = Label::from_bits(self.label[to as usize]);
        if path != known {
            path < known
        } else if label != old {
            self.words.vocabulary.label_order(label) < self.words.vocabulary.label_order(old)
        } else {
            self.graph.id.get(from) < self.graph.id.get(self.parent[to as usize])
        }
    }

    /// Gives nodes of equal cost their path nodes.
    fn settle(&mut self, nodes: &[u32]) {
        let (mut fresh, mut waiting): (Vec<Step>, Vec<(u32, Step)>) = (Vec::new(), Vec::new());
        let mut last: Option<(Step, u32)> = None;
        for &node in nodes {
            let class = self.words.class(node);
            let step = (self.path[self.parent[node as usize] as usize], Label::from_bits(self.label[node as usize]), class);
            let known = last.filter(|(known, _)| *known == step).map(|(_, path)| path).or_else(|| self.tree.find(step));
            match known {
                Some(path) => {
                    self.path[node as usize] = path;
                    last = Some((step, path));
                }
                None => {
                    if waiting.last().is_none_or(|(_, before)| *before != step) {
                        fresh.push(step);
                    }
                    waiting.push((node, step));
                }
            }
        }
        let vocabulary = &*self.words.vocabulary;
        fresh.sort_unstable_by_key(|(path, label, class)| (*path, label.to_bits(), *class));
        fresh.dedup();
        fresh.sort_by(|a, b| {
            let order = |step: &Step| (step.0, vocabulary.label_order(step.1), vocabulary.class_order(step.2));
            order(a).cmp(&order(b))
        });
        for step in fresh {
            self.tree.enter(step, vocabulary);
        }
        for (node, step) in waiting {
            // All steps have been taken.
            self.path[node as usize] = self.tree.find(step).unwrap_or(ROOT);
        }
    }

    /// Offers what a node leads to.
    fn expand(&mut self, node: u32, cost: u32) {
        let graph = self.graph;
        let rule = Rule::new(graph, node);
        let (source, entries) = self.source(node);
        for (at, number) in graph.edge_range(node).enumerate() {
            let to = graph.to_node[number];
            if !rule.counts(to, graph.edge_kind[number]) || self.path[to as usize] != NO_PATH {
                continue;
            }
            let edge = graph.edge(number);
            let (label, weight) = self.words.label(edge, || entries.label(at));
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
/// From a Map or Set to its entries.
const TABLE: &str = "table";

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
    /// What references of a list of the collector cost; None for other synthetic nodes.
    fn list_cost(&self, node: u32) -> Option<u8> {
        let graph = self.graph;
        let name = graph.name_of(node);
        let parent = self.parent[node as usize];
        let below_roots = parent != graph.root && graph.name_of(parent) == GC_ROOTS_NAME;
        (below_roots || name.starts_with("C++ ")).then(|| from_gc_list(&name))
    }

    /// Whether a node holds the entries of a Map. (Those of a Set are but keys.)
    fn is_table(&self, node: u32) -> bool {
        let label = Label::from_bits(self.label[node as usize]);
        if label.kind() != LabelKind::Internal || self.words.vocabulary.text(label.name()) != TABLE {
            return false;
        }
        let owner = self.parent[node as usize];
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

    fn label(&self, at: usize) -> Label {
        let offset = self.indexes.get(at).copied().flatten().and_then(|index| index.checked_sub(self.first));
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
}

impl<'g, 'v> Words<'g, 'v> {
    fn new(graph: &'g Graph, detachedness: &'g Detachedness, vocabulary: &'v mut Vocabulary, known: Known) -> Self {
        let [mask, key, file_name] = [MASK, KEY, "filename"].map(|name| vocabulary.name(name));
        Self { graph, detachedness, vocabulary, known, mask, key, file_name }
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
