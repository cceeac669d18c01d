//! References as paths see them, once all paths have been found.

use rayon::prelude::*;

use super::costs::{BOOKKEEPING, STRING_TABLE};
use super::names::{Label, LabelKind, Vocabulary};
use super::search::{Paths, Search, ask_for_edges};
use super::sources::{Entries, Source};
use crate::graph::essential::Rule;
use crate::graph::{Detachedness, Graph, NodeKind, ordinal};

/// Nodes whose references are looked at by one thread.
const PIECE: u32 = 1 << 16;

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
