//! Where growth begins, and which of these places are one cause.

use std::collections::{BTreeMap, BTreeSet};

use super::merge::{Merged, growth};
use crate::graph::paths::{LabelKind, ROOT, Vocabulary};
use crate::growth::Rule;

/// No place, no cause.
pub(crate) const NONE: u32 = u32::MAX;

/// What grows, by merged node.
#[derive(Debug)]
pub(crate) struct Growing {
    /// Whether the node's count grows.
    pub(crate) grows: Vec<bool>,
    /// The topmost growing node at or above it, or [`NONE`].
    pub(crate) place: Vec<u32>,
    /// The places, ascending.
    pub(crate) places: Vec<u32>,
}

impl Growing {
    /// Judges every node by the rule of growth. A place is the topmost growing node of a branch: its container does not grow.
    pub(crate) fn new(merged: &Merged, rule: &Rule, chances: usize) -> Self {
        let nodes = merged.nodes.len();
        let grows: Vec<bool> = merged.nodes.iter().map(|node| rule.grows(&node.count, chances)).collect();
        let mut growing = Self { grows, place: vec![NONE; nodes], places: Vec::new() };
        for node in (0..).take(nodes).filter(|&node| node != ROOT) {
            let above = growing.place[merged.node(node).parent as usize];
            growing.place[node as usize] = if above == NONE && growing.grows[node as usize] {
                growing.places.push(node);
                node
            } else {
                above
            };
        }
        growing
    }
}

/// Places that are one cause, as a forest of representatives.
#[derive(Debug)]
pub(crate) struct Joined {
    of: BTreeMap<u32, u32>,
}

impl Joined {
    pub(crate) fn new(places: &[u32]) -> Self {
        Self { of: places.iter().map(|&place| (place, place)).collect() }
    }

    /// The place that stands for the cause.
    pub(crate) fn cause(&self, mut place: u32) -> u32 {
        while let Some(&of) = self.of.get(&place).filter(|&&of| of != place) {
            place = of;
        }
        place
    }

    /// Makes two causes one. The smaller number stands for it, so the order of joins decides nothing.
    pub(crate) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.cause(a), self.cause(b));
        self.of.insert(a.max(b), a.min(b));
    }
}

/// Joins what hangs off one container, and one class in several containers.
pub(crate) fn join_alike(merged: &Merged, growing: &Growing, joined: &mut Joined, vocabulary: &Vocabulary) {
    let mut by_parent: BTreeMap<u32, u32> = BTreeMap::new();
    let mut by_class: BTreeMap<u32, u32> = BTreeMap::new();
    let mut by_tail: BTreeMap<Vec<(u32, u32)>, u32> = BTreeMap::new();
    for &place in growing.places.iter().filter(|&&place| !is_text(merged, place, vocabulary)) {
        let node = merged.node(place);
        let class = vocabulary.class_of(node.class);
        let is_entry = matches!(node.label.kind(), LabelKind::Index | LabelKind::Key | LabelKind::Value | LabelKind::Any);
        if is_entry && !is_list_of_engine(merged, node.parent, vocabulary) {
            let first = *by_parent.entry(node.parent).or_insert(place);
            joined.join(first, place);
        }
        if class.is_of_application() {
            let first = *by_class.entry(node.class).or_insert(place);
            joined.join(first, place);
        } else if class.is_mute() && !class.is_runtime() {
            let tail = merged.tail(place, vocabulary).into_iter().map(|(label, class)| (label.to_bits(), class)).collect();
            let first = *by_tail.entry(tail).or_insert(place);
            joined.join(first, place);
        }
    }
    join_siblings(merged, growing, joined, vocabulary);
}

/// Labels and classes, upwards.
type Way = Vec<(u32, u32)>;

/// Joins places of classes that say little where the same groups grow, if the ways to them differ in one property of an object that says
/// little, too: a dictionary of containers.
fn join_siblings(merged: &Merged, growing: &Growing, joined: &mut Joined, vocabulary: &Vocabulary) {
    let is_mute = |node: u32| vocabulary.class_of(merged.node(node).class).is_mute();
    // Variables of a program are no keys.
    let is_dictionary = |node: u32| merged.node(node).depth > 1 && is_mute(node);
    let mut groups: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for (&(node, group), counts) in &merged.groups {
        if growing.place[node as usize] != NONE && growth(counts) > 0 {
            groups.entry(growing.place[node as usize]).or_default().insert(group);
        }
    }
    let mut by_dictionary: BTreeMap<(u32, Way, BTreeSet<u32>), u32> = BTreeMap::new();
    for (place, groups) in groups.into_iter().filter(|(place, _)| is_mute(*place) && !is_text(merged, *place, vocabulary)) {
        let mut below = Vec::new();
        let mut at = place;
        while at != ROOT {
            let node = merged.node(at);
            if node.label.kind() == LabelKind::Property && is_dictionary(node.parent) {
                let way: Way = below.iter().copied().chain([(0, node.class)]).collect();
                let first = *by_dictionary.entry((node.parent, way, groups.clone())).or_insert(place);
                joined.join(first, place);
            }
            below.push((node.label.to_bits(), node.class));
            at = node.parent;
        }
    }
}

/// Whether a node stands for strings or numbers, which many causes share.
pub(crate) fn is_text(merged: &Merged, node: u32, vocabulary: &Vocabulary) -> bool {
    let kind = &vocabulary.class_of(merged.node(node).class).kind;
    ["string", "number", "bigint", "symbol"].iter().any(|shared| kind.ends_with(shared))
}

/// Whether a node is the root, or a list that the root begins with.
fn is_list_of_engine(merged: &Merged, node: u32, vocabulary: &Vocabulary) -> bool {
    let node = merged.node(node);
    node.depth == 0 || vocabulary.class_of(node.class).kind == "synthetic"
}
