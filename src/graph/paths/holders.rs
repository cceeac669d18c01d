//! Which places hold the instances of a class, independently of one another.
//!
//! Instances are reached, but nothing through them, so that no path leads through another instance. Every strong reference from a reached
//! object to an instance is a holder. Holders are put together by where one becomes many: upwards from the holder, the topmost path
//! node with at least half as many objects as there are instances hangs off it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::names::{Label, LabelKind, Vocabulary};
use super::search::{Paths, Search, references};
use super::tree::ROOT;
use crate::graph::{Bits, Detachedness, Graph};

/// What holds the instances of a class.
#[derive(Debug)]
pub struct Holders {
    /// The path of everything that is reached without leading through an instance.
    pub paths: Paths,
    /// The places, those of most instances first.
    pub places: Vec<FanOut>,
    /// Instances that only other instances lead to.
    pub by_one_another: u64,
    /// Instances that no strong reference leads to.
    pub unreached: u64,
}

/// A place from which one way becomes many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FanOut {
    /// Its path node.
    pub at: u32,
    /// How many instances it holds.
    pub instances: u64,
    /// The path node whose objects hold most of them, and by which reference.
    pub holder: (u32, Label),
    /// Further ways from the place to instances.
    pub routes: usize,
}

/// Whether what the engine calls so is a part of an object: its backing store.
pub(crate) fn is_part(name: &str) -> bool {
    matches!(name, "elements" | "properties" | "table" | "__dict__" | "f_locals")
}

/// Finds what holds instances. `avoided` is reached, but nothing through it.
#[must_use]
pub fn holders(
    graph: &Graph,
    detachedness: &Detachedness,
    vocabulary: &mut Vocabulary,
    instances: &Bits,
    avoided: impl Fn(u32) -> bool,
) -> Holders {
    let stops = |node: u32| instances.has(node) || avoided(node);
    let mut search = Search::new(graph, detachedness, vocabulary);
    search.run(&stops);
    let mut held: Vec<(u32, Label, u32)> = Vec::new();
    let mut paths = search.done();
    let path: Vec<u32> = paths.path.clone();
    references(
        graph,
        detachedness,
        vocabulary,
        &mut paths,
        |to| instances.has(to),
        |reference| {
            if !stops(reference.from) {
                held.push((path[reference.from as usize], reference.label, reference.to));
            }
        },
    );
    let counts = paths.counts();
    let is_store = |vocabulary: &Vocabulary, path: u32| {
        let label = paths.tree.node(path).label;
        label.kind() == LabelKind::Internal && is_part(vocabulary.text(label.name()))
    };
    // The backing store of an array is no holder beside the array.
    for (path, label, _) in &mut held {
        if label.kind() == LabelKind::Index && is_store(vocabulary, *path) {
            *path = paths.tree.node(*path).parent;
        }
    }
    let mut by_holder: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
    for (path, label, to) in held {
        by_holder.entry((path, label.to_bits())).or_default().push(to);
    }
    let mut places: BTreeMap<u32, Vec<(Label, u32, Vec<u32>)>> = BTreeMap::new();
    for ((path, label), mut held) in by_holder {
        held.sort_unstable();
        held.dedup();
        let mut at = fan_out(&paths, &counts, path, held.len());
        while at != ROOT && is_store(vocabulary, at) {
            at = paths.tree.node(at).parent;
        }
        // What many roots hold begins with the first step.
        if at == ROOT {
            at = paths.tree.path_to(path).first().copied().unwrap_or(ROOT);
        }
        places.entry(at).or_default().push((Label::from_bits(label), path, held));
    }
    let mut places: Vec<FanOut> = places.into_iter().map(|(at, ways)| place(at, ways, vocabulary)).collect();
    places.sort_by_key(|place| (Reverse(place.instances), place.at));
    let (by_one_another, unreached) = rest(graph, &paths, instances);
    Holders { paths, places, by_one_another, unreached }
}

fn place(at: u32, mut ways: Vec<(Label, u32, Vec<u32>)>, vocabulary: &Vocabulary) -> FanOut {
    ways.sort_by(|a, b| {
        let order = |way: &(Label, u32, Vec<u32>)| (Reverse(way.2.len()), way.1);
        order(a).cmp(&order(b)).then_with(|| vocabulary.label_order(a.0).cmp(&vocabulary.label_order(b.0)))
    });
    let routes = ways.len() - 1;
    let holder = (ways[0].1, ways[0].0);
    let mut all: Vec<u32> = ways.into_iter().flat_map(|(_, _, held)| held).collect();
    all.sort_unstable();
    all.dedup();
    FanOut { at, instances: all.len() as u64, holder, routes }
}

/// The path node from which so many instances are held, one becoming many.
fn fan_out(paths: &Paths, counts: &[u64], holder: u32, instances: usize) -> u32 {
    let (mut at, mut found) = (holder, holder);
    while at != ROOT {
        let count = counts[at as usize];
        let above = paths.tree.node(at).parent;
        if count > 1 && count * 2 >= instances as u64 {
            found = above;
        }
        at = above;
    }
    found
}

/// Of the instances that no path leads to: how many others of them lead to, and how many nothing does.
fn rest(graph: &Graph, paths: &Paths, instances: &Bits) -> (u64, u64) {
    let of_interest = || (0..graph.nodes()).filter(|&node| instances.has(node));
    let lacking = of_interest().filter(|&node| !paths.reached(node)).count() as u64;
    if lacking == 0 {
        return (0, 0);
    }
    let mut seen = Bits::new(graph.kind.len());
    let mut waiting: Vec<u32> = of_interest().filter(|&node| paths.reached(node)).collect();
    waiting.iter().for_each(|&node| _ = seen.add(node));
    let mut found = 0;
    while let Some(node) = waiting.pop() {
        let rule = crate::graph::essential::Rule::new(graph, node);
        for edge in graph.edge_range(node) {
            let to = graph.to_node[edge];
            if rule.counts(to, graph.edge_kind[edge]) && !paths.reached(to) && seen.add(to) {
                found += u64::from(instances.has(to));
                waiting.push(to);
            }
        }
    }
    (found, lacking - found)
}
