//! Why the growth is kept alive: many rows, one cause.
//!
//! Every snapshot's path tree (`graph::paths`) is merged with the others' by name. The topmost path nodes that grow are places: their
//! containers do not grow. Places that refer to each other's growth, or hold the same in several containers, are one cause. Growth is
//! counted by the tree; whose bytes they are is told by what would not be reached without a cause.

mod flips;
mod last;
mod merge;
mod places;
#[cfg(test)]
mod tests;
mod told;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use crate::graph::paths::{Mixed, NO_PATH, PathNode, Paths, Vocabulary, search};
use crate::graph::{Detachedness, Graph, ordinal};
use crate::growth::Rule;
use crate::snapshot::{Runtime, native_name};

use last::{Held, Last, Share};
use merge::{Merged, growth};
use places::{Growing, Joined, NONE};

/// The path tree of a snapshot with what it holds.
#[derive(Debug)]
pub struct Census {
    /// What the path nodes' words are.
    vocabulary: Vocabulary,
    nodes: Vec<PathNode>,
    count: Vec<u64>,
    size: Vec<u64>,
    /// Path node, growing group, and how many of its objects stand there.
    groups: Vec<(u32, u32, u64)>,
}

/// Numbers of the groups that grow, by kind and name; by [`ANY_TYPE`] and class, where a graph's column tells that.
pub type GroupNumbers<'s> = HashMap<(&'s str, &'s str), u32>;

/// The kind that stands for all types where the class tells by itself.
pub const ANY_TYPE: &str = "type";

/// A snapshot in which the path of every object has been found.
#[derive(Debug)]
pub struct Searched {
    /// What its path tree holds.
    pub census: Census,
    detachedness: Detachedness,
    paths: Paths,
}

impl Searched {
    /// Finds the path of every object.
    #[must_use]
    pub fn new(graph: &Graph, groups: &GroupNumbers<'_>) -> Self {
        let detachedness = Detachedness::new(graph);
        let mut vocabulary = Vocabulary::default();
        let paths = search(graph, &detachedness, &mut vocabulary);
        Self { census: census(graph, &paths, vocabulary, groups), detachedness, paths }
    }
}

/// Counts the objects of every path node.
fn census(graph: &Graph, paths: &Paths, vocabulary: Vocabulary, groups: &GroupNumbers<'_>) -> Census {
    let piece = graph.kind.len().div_ceil(rayon::current_num_threads()).max(1);
    let of_piece = |from: usize| {
        let objects = ordinal(from)..ordinal(graph.kind.len().min(from + piece));
        Counted::of(graph, objects.map(|object| (object, paths.path(object))), paths.tree.nodes.len(), groups)
    };
    let pieces: Vec<Counted> = (0..graph.kind.len()).into_par_iter().step_by(piece).map(of_piece).collect();
    let mut sum = Counted::none(paths.tree.nodes.len());
    pieces.into_iter().for_each(|piece| sum.add(piece));
    let Counted { count, size, of_groups } = sum;
    let mut groups: Vec<(u32, u32, u64)> = of_groups.into_iter().map(|((path, group), count)| (path, group, count)).collect();
    groups.sort_unstable();
    Census { vocabulary, nodes: paths.tree.nodes.clone(), count, size, groups }
}

/// Objects counted by path node.
struct Counted {
    count: Vec<u64>,
    size: Vec<u64>,
    /// By path node and growing group.
    of_groups: HashMap<(u32, u32), u64, Mixed>,
}

impl Counted {
    fn none(paths: usize) -> Self {
        Self { count: vec![0; paths], size: vec![0; paths], of_groups: HashMap::default() }
    }

    /// Counts objects with their path nodes.
    fn of(graph: &Graph, objects: impl Iterator<Item = (u32, u32)>, paths: usize, groups: &GroupNumbers<'_>) -> Self {
        let mut counted = Self::none(paths);
        let number = |kind: &str, name: &str| groups.get(&(kind, name)).copied();
        // By type, where all its objects are one group.
        let of_kind = |kind| Some(graph.kinds.name(kind)).filter(|kind| Runtime::V8.is_folded(kind)).map(|kind| number(kind, ""));
        let of_kind: Vec<Option<Option<u32>>> = (0..=u8::MAX).map(of_kind).collect();
        // By type, name and detachedness.
        let mut of_name: HashMap<u64, Option<u32>, Mixed> = HashMap::default();
        for (node, path) in objects.filter(|(_, path)| *path != NO_PATH) {
            counted.count[path as usize] += 1;
            counted.size[path as usize] += graph.self_size.get(node);
            let kind = graph.kind[node as usize];
            let group = of_kind[usize::from(kind)].unwrap_or_else(|| {
                let detached = Detachedness::recorded(graph, node);
                let class = graph.class.get(node as usize).copied();
                let name = class.unwrap_or(graph.name[node as usize]);
                let key = u64::from(name) | u64::from(kind) << 32 | u64::from(detached) << 40;
                *of_name.entry(key).or_insert_with(|| {
                    let text = graph.strings.get(name);
                    match graph.kinds.name(kind) {
                        _ if class.is_some() => number(ANY_TYPE, &text),
                        "native" => number("native", &native_name(&text, detached)),
                        kind => number(kind, &text),
                    }
                })
            });
            if let Some(group) = group {
                *counted.of_groups.entry((path, group)).or_default() += 1;
            }
        }
        counted
    }

    fn add(&mut self, other: Self) {
        let add = |mine: &mut [u64], theirs: &[u64]| mine.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        add(&mut self.count, &other.count);
        add(&mut self.size, &other.size);
        #[expect(clippy::iter_over_hash_type, reason = "sums do not depend on the order")]
        for (key, count) in other.of_groups {
            *self.of_groups.entry(key).or_default() += count;
        }
    }
}

/// Why the growth of a series is kept alive.
#[derive(Debug)]
pub struct Causes {
    merged: Merged,
    growing: Growing,
    vocabulary: Vocabulary,
    /// The causes, those of most bytes first.
    pub causes: Vec<Cause>,
    /// By growing group: the cause that has at least half of its growth; where none has, those that have at least half together, largest
    /// first; none where growth is scattered.
    pub of_group: Vec<Vec<usize>>,
    /// By growing group: how far below its place most of its growth stands.
    pub distance: Vec<u32>,
}

/// A cause of growth.
#[derive(Debug)]
pub struct Cause {
    /// Its places by bytes gained.
    places: Vec<u32>,
    held: Vec<Held>,
    /// Bytes that the objects of its branches gained.
    pub size_growth: i64,
    /// What would go away with it, as far as it was looked at.
    share: Option<Share>,
}

impl Causes {
    /// Finds the causes of the growth of a series. `censuses` are those of all snapshots in order but the last.
    #[must_use]
    pub fn new(
        mut censuses: Vec<Census>,
        (graph, last): (&Graph, Searched),
        (rule, chances): (&Rule, usize),
        groups: usize,
    ) -> Self {
        let Searched { mut census, detachedness, paths } = last;
        let mut vocabulary = std::mem::take(&mut census.vocabulary);
        for census in &mut censuses {
            vocabulary.adopt(&mut census.nodes, &census.vocabulary);
        }
        censuses.push(census);
        let mut merged = Merged::new(&censuses, &vocabulary);
        let alias = flips::undo(&mut merged, &vocabulary);
        let growing = Growing::new(&merged, rule, chances);
        let merged_node = |path: u32| if path == NO_PATH { NONE } else { alias[merged.of_last[path as usize] as usize] };
        let node: Vec<u32> = (0..paths.objects()).into_par_iter().map(|object| merged_node(paths.path(object))).collect();
        let mut last = Last { graph, detachedness: &detachedness, paths, node };
        let incoming = last.incoming(&merged, &growing, &mut vocabulary);
        let mut joined = Joined::new(&growing.places);
        places::join_alike(&merged, &growing, &mut joined, &vocabulary);
        incoming.join(&merged, &growing, &mut joined, &vocabulary);
        let held = incoming.held(&merged, &growing, &joined, &vocabulary);
        let mut causes = causes(&merged, &growing, &joined, held, &vocabulary);
        let order: Vec<u32> = causes.iter().map(|(cause, _)| *cause).collect();
        let cause_of: Vec<u32> = (0..)
            .zip(&growing.place)
            .map(|(node, &place): (usize, _)| if place != NONE && growing.grows[node] { joined.cause(place) } else { NONE })
            .collect();
        let shares = last.shares(&cause_of, &order, &mut vocabulary);
        causes.iter_mut().for_each(|(cause, found)| found.share = shares.get(cause).copied());
        let (of_group, distance) = of_groups(&merged, &growing, &joined, &order, groups);
        let causes = causes.into_iter().map(|(_, cause)| cause).collect();
        Self { merged, growing, vocabulary, causes, of_group, distance }
    }
}

/// The causes with the place that stands for each, those of most bytes first.
fn causes(merged: &Merged, growing: &Growing, joined: &Joined, held: Vec<Held>, vocabulary: &Vocabulary) -> Vec<(u32, Cause)> {
    let mut bytes: BTreeMap<u32, i64> = BTreeMap::new();
    for (node, &place) in merged.nodes.iter().zip(&growing.place).filter(|(_, place)| **place != NONE) {
        let sum = bytes.entry(place).or_default();
        *sum = sum.saturating_add(growth(&node.size));
    }
    let of_place = |place: u32| bytes.get(&place).copied().unwrap_or(0);
    let mut causes: BTreeMap<u32, Cause> = BTreeMap::new();
    for &place in &growing.places {
        let empty = || Cause { places: Vec::new(), held: Vec::new(), size_growth: 0, share: None };
        let cause = causes.entry(joined.cause(place)).or_insert_with(empty);
        cause.places.push(place);
        cause.size_growth = cause.size_growth.saturating_add(of_place(place));
    }
    for held in held {
        if let Some(cause) = causes.get_mut(&held.cause) {
            cause.held.push(held);
        }
    }
    for cause in causes.values_mut() {
        cause.places.sort_by_key(|&place| (Reverse(of_place(place)), place));
        cause.held.sort_by(|a, b| {
            let order = |held: &Held| (held.bookkeeping, Reverse(held.objects), held.from, held.to);
            order(a).cmp(&order(b)).then_with(|| vocabulary.label_order(a.label).cmp(&vocabulary.label_order(b.label)))
        });
    }
    let mut causes: Vec<(u32, Cause)> = causes.into_iter().collect();
    causes.sort_by_key(|(place, cause)| (Reverse(cause.size_growth), *place));
    causes
}

/// By growing group: the causes that tell of its growth, and how far below the place most of that stands.
fn of_groups(merged: &Merged, growing: &Growing, joined: &Joined, order: &[u32], groups: usize) -> (Vec<Vec<usize>>, Vec<u32>) {
    let mut all = vec![0_i64; groups];
    let mut within: BTreeMap<(u32, u32), i64> = BTreeMap::new();
    let mut most: Vec<(i64, u32)> = vec![(0, u32::MAX); groups];
    for (&(node, group), counts) in &merged.groups {
        let (more, place) = (growth(counts), growing.place[node as usize]);
        all[group as usize] += more;
        if place == NONE {
            continue;
        }
        *within.entry((group, joined.cause(place))).or_default() += more;
        let most = &mut most[group as usize];
        if more > most.0 {
            *most = (more, u32::from(merged.node(node).depth - merged.node(place).depth));
        }
    }
    let number: BTreeMap<u32, usize> = order.iter().copied().zip(0..).collect();
    let mut parts: Vec<Vec<(i64, usize)>> = vec![Vec::new(); groups];
    for ((group, cause), more) in within {
        parts[group as usize].extend(number.get(&cause).map(|&cause| (more, cause)));
    }
    let of = parts.into_iter().zip(all).map(|(parts, all)| telling(parts, all)).collect();
    (of, most.into_iter().map(|(_, distance)| distance).collect())
}

/// The cause with at least half of all growth. Where none has, those with at least a tenth each, if they have half together.
fn telling(mut parts: Vec<(i64, usize)>, all: i64) -> Vec<usize> {
    parts.retain(|&(more, _)| more > 0 && more.saturating_mul(10) >= all);
    parts.sort_unstable_by_key(|&(more, cause)| (Reverse(more), cause));
    if parts.first().is_some_and(|(most, _)| most.saturating_mul(2) >= all) {
        parts.truncate(1);
    }
    let together = parts.iter().fold(0, |sum: i64, (more, _)| sum.saturating_add(*more));
    let tell = all > 0 && together.saturating_mul(2) >= all;
    parts.into_iter().filter(|_| tell).map(|(_, cause)| cause).collect()
}
