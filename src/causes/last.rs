//! What the last snapshot's references say: who else holds what grows, which places refer to each other, and whose bytes it is.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::merge::{Merged, MergedNode};
use super::places::{Growing, Joined, NONE, is_text};
use crate::graph::paths::{
    BOOKKEEPING_COST, CLASS_COST, Label, LabelKind, Paths, ROOT, Reference, Strong, Vocabulary, is_part, references,
};
use crate::graph::{Bits, Detachedness, Graph, NodeKind, column};

/// The last snapshot, with the merged node of each object.
pub(crate) struct Last<'g> {
    pub(crate) graph: &'g Graph,
    pub(crate) detachedness: &'g Detachedness,
    pub(crate) paths: Paths,
    /// By object: its merged node, or [`NONE`].
    pub(crate) node: Vec<u32>,
}

/// Something that holds objects of a growing node, beside the way their paths take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// The place that stands for the cause.
    pub(crate) cause: u32,
    /// Merged node of the holders.
    pub(crate) from: u32,
    pub(crate) label: Label,
    /// The growing node.
    pub(crate) to: u32,
    /// How many of its objects are held.
    pub(crate) objects: u64,
    /// It only keeps the books.
    pub(crate) bookkeeping: bool,
}

/// References into growing nodes, as far as anything depends on them.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// (growing node referred to, place of the source) and the object, sorted.
    between: Vec<(u32, u32, u32)>,
    /// (merged node of the source, label, growing node), whether it only keeps the books, and the object.
    outside: Vec<((u32, u32, u32), bool, u32)>,
}

impl Last<'_> {
    /// Looks at every reference to an object of a growing node.
    pub(crate) fn incoming(&mut self, merged: &Merged, growing: &Growing, vocabulary: &mut Vocabulary) -> Incoming {
        let node = &self.node;
        let graph = self.graph;
        let whole = wholes(merged, vocabulary);
        let mut incoming = Incoming::default();
        // Strings are referred to by many: they tell only where nothing but a table holds them.
        let tells = |node: u32| {
            let grows = growing.grows[node as usize] && growing.place[node as usize] != NONE;
            grows && (!is_text(merged, node, vocabulary) || is_in_string_table(merged, node, vocabulary))
        };
        let telling: Vec<bool> = (0..).take(merged.nodes.len()).map(tells).collect();
        let grows = Bits::of(node.len(), |object| {
            let node = node[object as usize];
            node != NONE && telling[node as usize]
        });
        let place = |object: u32| growing.place[node[object as usize] as usize];
        let is_told = |from: u32, to: u32| {
            let is_source = grows.has(to) && node[from as usize] != NONE && graph.kind_of(from) != NodeKind::Code;
            is_source && place(from) != place(to)
        };
        references(graph, self.detachedness, vocabulary, &mut self.paths, is_told, |reference: Reference| {
            let (from, to) = (node[reference.from as usize], node[reference.to as usize]);
            let bookkeeping = reference.cost == BOOKKEEPING_COST;
            match place(reference.from) {
                NONE if bookkeeping || reference.cost < CLASS_COST => {
                    let holder = if reference.label.kind() == LabelKind::Index { whole[from as usize] } else { from };
                    incoming.outside.push(((holder, reference.label.to_bits(), to), bookkeeping, reference.to));
                }
                NONE => {}
                source if reference.cost < CLASS_COST => incoming.between.push((to, source, reference.to)),
                _ => {}
            }
        });
        incoming.between.par_sort_unstable();
        incoming.between.dedup();
        incoming.outside.par_sort_unstable();
        incoming.outside.dedup();
        incoming
    }

    /// Bytes that only one cause keeps alive, and its part of those that several do, by cause.
    ///
    /// `causes` lists the causes; at most [`CAUSES_MAX`] are looked at.
    pub(crate) fn shares(&mut self, cause_of: &[u32], causes: &[u32], vocabulary: &mut Vocabulary) -> BTreeMap<u32, Share> {
        if causes.is_empty() {
            return BTreeMap::new();
        }
        let graph = self.graph;
        let causes = &causes[..causes.len().min(CAUSES_MAX)];
        let number: BTreeMap<u32, usize> = causes.iter().copied().zip(0..).collect();
        let number_of: Vec<Option<usize>> = cause_of.iter().map(|cause| number.get(cause).copied()).collect();
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); causes.len()];
        let mut is_member = Bits::new(graph.kind.len());
        for (object, &node) in (0..).zip(&self.node).filter(|(_, node)| **node != NONE) {
            if let Some(cause) = number_of[node as usize] {
                members[cause].push(object);
                is_member.add(object);
            }
        }
        let mut strong = Strong::new(graph, self.detachedness, vocabulary, std::mem::take(&mut self.paths));
        // What the roots reach without any cause.
        let mut base = Bits::new(graph.kind.len());
        base.add(graph.root);
        let is_base = |base: &Bits, object: u32| !is_member.has(object) && !base.has(object);
        strong.spread(vec![graph.root], &mut base, is_base, |base, object| _ = base.add(object));
        // By object: a bit for each cause that reaches it, if nothing else does.
        let mut causes_of: Vec<u64> = column(0, graph.kind.len());
        for (at, members) in members.into_iter().enumerate() {
            let mut own = Bits::new(graph.kind.len());
            let start: Vec<u32> = members.into_iter().filter(|&object| !base.has(object) && own.add(object)).collect();
            start.iter().for_each(|&object| causes_of[object as usize] |= 1 << at);
            let is_new = |(own, _): &(Bits, _), object: u32| !own.has(object) && !base.has(object);
            strong.spread(start, &mut (own, &mut causes_of), is_new, |(own, causes_of), object| {
                own.add(object);
                causes_of[object as usize] |= 1 << at;
            });
        }
        let mut shares: Vec<Share> = vec![Share::default(); causes.len()];
        for (object, &mask) in (0..).zip(&causes_of).filter(|(_, mask)| **mask != 0) {
            let size = graph.self_size.get(object);
            if mask.is_power_of_two() {
                shares[mask.trailing_zeros() as usize].exclusive += size;
                continue;
            }
            let several = u64::from(mask.count_ones());
            let sharing = (0..causes.len()).filter(|at| mask >> at & 1 == 1);
            for (rank, at) in (0..).zip(sharing) {
                // What does not divide goes to the first.
                shares[at].shared += size / several + u64::from(rank < size % several);
            }
        }
        causes.iter().copied().zip(shares).collect()
    }
}

/// Causes whose bytes are told apart.
pub(crate) const CAUSES_MAX: usize = 64;

/// Bytes that a cause keeps alive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// What no other cause keeps alive.
    pub(crate) exclusive: u64,
    /// Its part of what several do.
    pub(crate) shared: u64,
}

impl Incoming {
    /// Joins places of which one refers to at least half of another's growth.
    pub(crate) fn join(&self, merged: &Merged, growing: &Growing, joined: &mut Joined, vocabulary: &Vocabulary) {
        for same in self.between.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (target, source, _) = same[0];
            let half = same.len() as u64 * 2 >= u64::try_from(merged.growth(target)).unwrap_or(u64::MAX);
            let text = is_text(merged, source, vocabulary);
            if half && !text {
                joined.join(growing.place[target as usize], source);
            }
        }
    }

    /// What else holds growing nodes, from half of their growth on; lists that keep the books whatever their number.
    pub(crate) fn held(&self, merged: &Merged, growing: &Growing, joined: &Joined, vocabulary: &Vocabulary) -> Vec<Held> {
        let mut found = Vec::new();
        for same in self.outside.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let ((from, label, to), bookkeeping, _) = same[0];
            let objects = same.len() as u64;
            let label = Label::from_bits(label);
            let node = merged.node(to);
            // The way their own paths take is told as the place; a number is how the object's own backing store holds it.
            let own = from == ROOT || node.parent == from && (node.label == label || label.kind() == LabelKind::Index);
            let bookkeeping = bookkeeping || keeps_books(merged, from, vocabulary);
            let half = objects * 2 >= u64::try_from(merged.growth(to)).unwrap_or(u64::MAX);
            if own || !(half || bookkeeping) || is_text(merged, to, vocabulary) {
                continue;
            }
            let cause = joined.cause(growing.place[to as usize]);
            found.push(Held { cause, from, label, to, objects, bookkeeping });
        }
        found
    }
}

/// Whether the way to a node leads through a list that keeps the books.
fn keeps_books(merged: &Merged, mut node: u32, vocabulary: &Vocabulary) -> bool {
    while node != ROOT {
        let step = merged.node(node);
        if vocabulary.is_bookkeeping(step.label) {
            return true;
        }
        node = step.parent;
    }
    false
}

/// By node: the object it is the backing store of, or itself.
fn wholes(merged: &Merged, vocabulary: &Vocabulary) -> Vec<u32> {
    let of = |(number, node): (u32, &MergedNode)| {
        let is_part = node.label.kind() == LabelKind::Internal && is_part(vocabulary.text(node.label.name()));
        if is_part { node.parent } else { number }
    };
    (0..).zip(&merged.nodes).map(of).collect()
}

fn is_in_string_table(merged: &Merged, place: u32, vocabulary: &Vocabulary) -> bool {
    let parent = merged.node(place).parent;
    merged.node(parent).depth > 0 && vocabulary.class_of(merged.node(parent).class).kind == "synthetic"
}
