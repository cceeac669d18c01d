//! The words of one graph: which labels its edges have, and which classes its nodes.

use std::collections::HashMap;

use super::costs::{self, NameCost};
use super::foreign;
use super::names::{Class, KEY, Label, LabelKind, MASK, Vocabulary, class_text, mask, module_text};
use super::tree::Mixed;
use crate::graph::{Detachedness, Edge, EdgeKind, Graph, NodeKind, column};

/// Not looked up yet.
const UNKNOWN: u32 = u32::MAX;

/// What has been looked up of the words of one graph.
#[derive(Debug, Default)]
pub(super) struct Known {
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
    pub(super) fn new(graph: &Graph) -> Self {
        let strings = || column(UNKNOWN, graph.strings.count() as usize);
        Self { names: strings(), objects: strings(), closures: strings(), kinds: vec![UNKNOWN; 256], others: HashMap::default() }
    }
}

/// The words of one graph, each looked up but once.
pub(super) struct Words<'g, 'v> {
    graph: &'g Graph,
    detachedness: &'g Detachedness,
    pub(super) vocabulary: &'v mut Vocabulary,
    pub(super) known: Known,
    /// Number of the masked number, and of the name of keys.
    mask: u32,
    key: u32,
    file_name: u32,
    /// What leads from a Map or Set to its entries.
    pub(super) table: Label,
}

impl<'g, 'v> Words<'g, 'v> {
    pub(super) fn new(graph: &'g Graph, detachedness: &'g Detachedness, vocabulary: &'v mut Vocabulary, known: Known) -> Self {
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
    pub(super) fn is_of_engine(&mut self, node: u32) -> bool {
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
    pub fn classes_of(&mut self, graph: &Graph, detachedness: &Detachedness, mut tell: impl FnMut(u32, &Class)) {
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
