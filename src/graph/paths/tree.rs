//! The path tree: what is held in the same way is one path node.
//!
//! A path node is a parent, the label of a reference and the class it leads to. Lists and trees of one class are folded into the node
//! they begin with, so that the tree follows the size of the program, not of its heap.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::names::{Label, LabelKind, Vocabulary};
use crate::graph::ordinal;
use crate::growth::CLASS_TIER;

/// Steps below the root that are told apart. Real leaks lie deep: at 16, nearly all of gRPC's growth stayed unexplained, at 60 none.
const DEPTH_MAX: u8 = 64;
/// Path nodes of a snapshot; past it, objects are credited to the nodes above them.
const NODES_MAX: usize = 200_000;
/// Names that lead from a path node to one class; the rest is any name.
pub(super) const NAMES_MAX: u32 = 200;

/// The root of the tree.
pub const ROOT: u32 = 0;
/// No path node.
pub const NO_PATH: u32 = u32::MAX;

/// A path node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathNode {
    /// The path node above it; the root's is itself.
    pub parent: u32,
    /// The reference that leads to it.
    pub label: Label,
    /// Number of the class it leads to.
    pub class: u32,
    /// Steps from the root.
    pub depth: u8,
    /// Lists or trees of it were folded into it.
    pub folded: bool,
}

/// The path nodes of one snapshot, each behind its parent.
#[derive(Debug, Default)]
pub struct PathTree {
    /// The path nodes; the first is the root.
    pub nodes: Vec<PathNode>,
    children: HashMap<Step, u32, Mixed>,
    /// How many names lead from a path node to a class.
    names: HashMap<(u32, u32), u32, Mixed>,
}

/// From a path node by a reference to a class.
pub(super) type Step = (u32, Label, u32);

impl PathTree {
    pub(super) fn new() -> Self {
        let root = PathNode { parent: ROOT, label: Label::bare(LabelKind::Root), class: u32::MAX, depth: 0, folded: false };
        Self { nodes: vec![root], children: HashMap::default(), names: HashMap::default() }
    }

    /// A path node by its number.
    #[must_use]
    #[inline]
    pub fn node(&self, number: u32) -> &PathNode {
        &self.nodes[number as usize]
    }

    /// The path node that a step leads to, if it was taken before.
    #[inline]
    pub(super) fn find(&self, step: Step) -> Option<u32> {
        self.children.get(&step).copied()
    }

    /// The path node that a step leads to.
    pub(super) fn enter(&mut self, step: Step, vocabulary: &Vocabulary) -> u32 {
        if let Some(known) = self.find(step) {
            return known;
        }
        let node = self.place(step, vocabulary);
        self.children.insert(step, node);
        node
    }

    fn place(&mut self, (parent, label, class): Step, vocabulary: &Vocabulary) -> u32 {
        if let Some(ancestor) = self.folds((parent, label, class), vocabulary) {
            self.nodes[ancestor as usize].folded = true;
            return ancestor;
        }
        let depth = self.node(parent).depth;
        if depth >= DEPTH_MAX || self.nodes.len() >= NODES_MAX {
            return parent;
        }
        let names = self.names.entry((parent, class)).or_default();
        if *names >= NAMES_MAX && label.kind() != LabelKind::Any {
            return self.enter_any(parent, class, vocabulary);
        }
        *names += 1;
        self.nodes.push(PathNode { parent, label, class, depth: depth + 1, folded: false });
        ordinal(self.nodes.len() - 1)
    }

    /// The one child of a class that stands for all further names. (Of a label that is never too many, so this goes one deep.)
    fn enter_any(&mut self, parent: u32, class: u32, vocabulary: &Vocabulary) -> u32 {
        self.enter((parent, Label::bare(LabelKind::Any), class), vocabulary)
    }

    /// The path node that a step only repeats.
    fn folds(&self, (parent, label, class): Step, vocabulary: &Vocabulary) -> Option<u32> {
        if parent == ROOT {
            return None;
        }
        let above = self.node(parent);
        if above.class == class {
            let named = matches!(label.kind(), LabelKind::Property | LabelKind::Variable);
            let previous = label.kind() == LabelKind::Internal && vocabulary.text(label.name()) == PREVIOUS;
            if above.label == label || previous || named && vocabulary.class_of(class).tier == CLASS_TIER {
                return Some(parent);
            }
        }
        // The nodes above, nearest first.
        let mut chain = [parent; 6];
        for at in 1..chain.len() {
            chain[at] = self.node(chain[at - 1]).parent;
        }
        let alike = |a: u32, b: u32| {
            let (a, b) = (self.node(a), self.node(b));
            a.label == b.label && a.class == b.class
        };
        let is_step = |at: usize| {
            let node = self.node(chain[at]);
            chain[at] != ROOT && node.label == label && node.class == class
        };
        // A period of two or three, repeated twice: what is entered stands there one and two periods above.
        (2..=3)
            .find(|&period| {
                let between = (0..period - 1).all(|at| alike(chain[at], chain[at + period]));
                is_step(period - 1) && is_step(2 * period - 1) && between
            })
            .map(|period| chain[period - 1])
    }

    /// The path nodes from below the root down to one.
    #[must_use]
    pub fn path_to(&self, node: u32) -> Vec<u32> {
        path_to(node, |node| self.node(node).parent)
    }
}

/// The path nodes from below the root down to one, by what is above each.
pub(crate) fn path_to(node: u32, parent_of: impl Fn(u32) -> u32) -> Vec<u32> {
    let above = |&node: &u32| Some(parent_of(node)).filter(|&parent| parent != ROOT);
    let mut path: Vec<u32> = std::iter::successors(Some(node).filter(|&node| node != ROOT), above).collect();
    path.reverse();
    path
}

/// From a context to the one around it.
const PREVIOUS: &str = "previous";

/// Hashes a few small numbers.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Mix(u64);

pub(crate) type Mixed = BuildHasherDefault<Mix>;

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u32(u32::from(byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(23) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
