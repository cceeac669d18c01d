//! Which places hold the instances of a class, independently of one another.
//!
//! Instances are reached, but nothing through them, so that no path leads through another instance. Every strong reference from a reached
//! object to an instance is a holder. Holders are put together by where one becomes many: upwards from the holders, the topmost path
//! node at which their ways lead through at least half as many objects as there are instances hangs off it. Objects of a path node
//! that lead to none of the instances do not count.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::names::{Label, LabelKind, Vocabulary};
use super::owners::is_part_of_holder;
use super::references::references;
use super::search::{Paths, Search};
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
    /// Of the others, those that what is avoided leads to.
    pub avoided: u64,
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
    avoided: impl Fn(u32) -> bool + Sync,
) -> Holders {
    let stops = |node: u32| instances.has(node) || avoided(node);
    let mut search = Search::new(graph, detachedness, vocabulary);
    search.run(&stops);
    let mut held: Vec<(u32, Label, u32)> = Vec::new();
    let mut paths = search.done();
    references(
        graph,
        detachedness,
        vocabulary,
        &mut paths,
        |from, to| instances.has(to) && !stops(from),
        |reference| held.push((reference.from, reference.label, reference.to)),
    );
    let mut ways = Ways::new(&paths);
    let is_store = |vocabulary: &Vocabulary, path: u32| {
        let label = paths.tree.node(path).label;
        label.kind() == LabelKind::Internal && is_part(vocabulary.text(label.name()))
    };
    // The backing store of an array is no holder beside the array.
    for (from, label, _) in &mut held {
        if label.kind() == LabelKind::Index && is_store(vocabulary, paths.path(*from)) {
            *from = ways.up(*from);
        }
    }
    let mut by_holder: BTreeMap<(u32, u32), (Vec<u32>, Vec<u32>)> = BTreeMap::new();
    for (from, label, to) in held {
        let (holders, held) = by_holder.entry((paths.path(from), label.to_bits())).or_default();
        holders.push(from);
        held.push(to);
    }
    let mut places: BTreeMap<u32, Vec<(Label, u32, Vec<u32>)>> = BTreeMap::new();
    for ((path, label), (holders, mut held)) in by_holder {
        held.sort_unstable();
        held.dedup();
        let mut at = ways.fan_out(path, holders, held.len());
        while at != ROOT && is_part_of_holder(&paths.tree, at, vocabulary) {
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
    let of_interest = || (0..graph.nodes()).filter(|&node| instances.has(node));
    let lacking = of_interest().filter(|&node| !paths.reached(node)).count() as u64;
    let mut seen = Bits::new(graph.kind.len());
    let (mut by_one_another, mut by_avoided) = (0, 0);
    if lacking > 0 {
        let reached = |node: &u32| paths.reached(*node);
        by_one_another = led_to(graph, &paths, instances, &mut seen, of_interest().filter(reached));
        by_avoided =
            led_to(graph, &paths, instances, &mut seen, (0..graph.nodes()).filter(|node| reached(node) && avoided(*node)));
    }
    Holders { paths, places, by_one_another, avoided: by_avoided, unreached: lacking - by_one_another - by_avoided }
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

/// The ways to holders, object by object.
struct Ways<'p> {
    paths: &'p Paths,
    /// By object: one of those that it was reached through, ever nearer to the root until it is what [`Self::up`] asks for.
    above: Vec<u32>,
}

impl<'p> Ways<'p> {
    fn new(paths: &'p Paths) -> Self {
        Self { paths, above: (0..paths.objects()).map(|object| paths.parent(object)).collect() }
    }

    /// The path node from which so many instances are held by objects of a path node, one becoming many.
    fn fan_out(&mut self, holder: u32, mut objects: Vec<u32>, instances: usize) -> u32 {
        let mut at = holder;
        loop {
            objects.sort_unstable();
            objects.dedup();
            // Further up there are never more.
            if at == ROOT || objects.len() < 2 || objects.len() * 2 < instances {
                return at;
            }
            at = self.paths.tree.node(at).parent;
            objects.iter_mut().for_each(|object| *object = self.up(*object));
        }
    }

    /// The nearest object on the way to another one that is of the path node above the other's. Lists and trees are one path node,
    /// so there may be any number between them.
    fn up(&mut self, object: u32) -> u32 {
        let mut waiting = vec![object];
        while let Some(&object) = waiting.last() {
            let above = self.above[object as usize];
            if self.is_up(object) {
                waiting.pop();
            } else if self.is_up(above) {
                self.above[object as usize] = self.above[above as usize];
            } else {
                waiting.push(above);
            }
        }
        self.above[object as usize]
    }

    fn is_up(&self, object: u32) -> bool {
        let path = |object: u32| self.paths.path(object);
        path(self.above[object as usize]) == self.paths.tree.node(path(object)).parent
    }
}

/// How many instances that no path leads to some nodes lead to. Those that were seen before do not count.
fn led_to(graph: &Graph, paths: &Paths, instances: &Bits, seen: &mut Bits, from: impl Iterator<Item = u32>) -> u64 {
    let mut waiting: Vec<u32> = from.collect();
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
    found
}
