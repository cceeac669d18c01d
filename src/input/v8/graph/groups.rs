//! The groups of a graph's nodes, counted as those of a file are, with what its references tell of them.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::{Parsed, Table, parse};
use crate::error::ErrorKind;
use crate::graph::devtools::comparison::{Objects, Side};
use crate::graph::devtools::interfaces::Interfaces;
use crate::graph::devtools::statistics::Statistics;
use crate::graph::devtools::strings::Strings;
use crate::graph::paths::{Owners, owners};
use crate::graph::{Detachedness, Graph, GraphWant, Keys, Room, Spare, Walked, devtools_keys, ordinal, owned_sizes, pages};
use crate::heap::{Heap, HeapFacts, HeapWant};
use crate::identity::Identify;
use crate::input::Want;
use crate::input::v8::header::Header;
use crate::input::v8::nodes::describe;
use crate::input::v8::tally::{Fault, Tally};
use crate::input::v8::{Branches, Names, assemble};
use crate::report::Warning;
use crate::scan::Records;
use crate::source::{Ahead, SharedMap, Source};

/// Nodes that are handed to a tally at once.
const BATCH: usize = 1 << 12;

/// Reads a snapshot with its graph.
pub(in crate::input::v8) fn read_heap(source: &mut Source, want: Want<'_>, heap: HeapWant<'_>) -> Result<Heap, ErrorKind> {
    let graph_want = GraphWant {
        traces: want.stacks,
        places: heap.classes || heap.whole,
        bare: !(heap.classes || heap.has_words()),
        memory_max: heap.memory_max,
    };
    let Parsed { mut graph, header, strings, traces, mut warnings } = parse(source, graph_want)?;
    let (mut facts, keys) = devtools(&mut graph, heap, &mut warnings);
    let classes = match &keys {
        Some(keys) => Classes::of_keys(keys, &graph),
        None if heap.owners => Classes::of_owners(owners(&graph, &Detachedness::new(&graph))),
        None => Classes::default(),
    };
    let (branches, of_node) = branches(&graph, &header, classes);
    let count = |graph: &Graph, slots: Vec<u32>| tallies(graph, slots, (&header, &strings), of_node.as_deref(), want.identify);
    let mut spare = Spare::default();
    // While one thread walks over the graph, others do what needs its edges, too; when these have been let go, the rest.
    let (mut counted, mut statistics) = (None, None);
    let mut room = heap.retained.map(|_| Room::new(&graph, &mut spare));
    let ahead = room.as_mut().map(Room::ahead);
    let walk = || room.map(|room| Walked::new(&graph, &pages(&graph), room));
    let meanwhile = || {
        ahead.iter().for_each(Ahead::take);
        if heap.statistics && facts.statistics.is_none() {
            statistics = Some(sums(&graph));
        } else {
            counted = Some(count(&graph, vec![0; graph.kind.len()]));
        }
    };
    let (walked, ()) = rayon::join(walk, meanwhile);
    facts.statistics = facts.statistics.or(statistics);
    facts.strings = heap.strings.map(|want| Strings::new(&graph, want));
    match walked {
        _ if heap.whole => {}
        Some(_) => graph.drop_edges(&mut spare),
        None => graph.drop_edge_names(),
    }
    // Unmapping takes time, which is to spare beside the dominators; strings that are looked up later come back.
    let map = source.shared_map().filter(|_| walked.is_some());
    let slots = if counted.is_none() { spare.filled(0, graph.kind.len()) } else { Vec::new() };
    let dominate = || walked.map(|walked| walked.dominators(&mut spare));
    let group = || {
        let counted = counted.unwrap_or_else(|| count(&graph, slots));
        map.iter().for_each(SharedMap::let_go);
        counted
    };
    let (dominators, counted) = rayon::join(dominate, group);
    let (tallies, mut group_of) = counted?;
    drop(of_node);
    let mut names = Names::wanted(&header, &tallies, &traces);
    let wanted = names.indexes();
    strings.fetch(&wanted, |name, raw| names.add(name, raw));
    let piece = piece(graph.kind.len());
    let (mut snapshot, of_slot) = assemble(&header, tallies, &names, (&traces, &branches), warnings);
    group_of.par_chunks_mut(piece).zip(&of_slot).for_each(|(nodes, of_slot)| {
        nodes.iter_mut().for_each(|slot| *slot = of_slot[*slot as usize]);
    });
    if let Some(keys) = keys.filter(|_| heap.objects) {
        let side = Side { graph: &graph, sizes: &graph.self_size, keys: &keys };
        facts.objects = Some(Objects::new(side, &group_of));
    }
    snapshot.heap = Some(facts);
    Ok(Heap { snapshot, graph, group_of, dominators: dominators.map(|dominators| (dominators, spare)) })
}

/// Bytes by what they are for.
fn sums(graph: &Graph) -> Statistics {
    let detachedness = Detachedness::new(graph);
    Statistics::new(graph, &detachedness, &owned_sizes(graph, &detachedness))
}

/// What DevTools makes of a heap and groups depend on, as far as it is wanted: sizes go to the graph, classes are returned.
fn devtools(graph: &mut Graph, want: HeapWant<'_>, warnings: &mut Vec<Warning>) -> (HeapFacts, Option<Keys>) {
    let mut facts = HeapFacts::default();
    if !(want.owned || want.classes) {
        return (facts, None);
    }
    let detachedness = Detachedness::new(graph);
    let keys = want.classes.then(|| {
        let interfaces = want.interfaces.cloned().unwrap_or_else(|| Interfaces::infer(graph));
        let keys = devtools_keys(graph, &detachedness, &interfaces);
        facts.interfaces = Some(interfaces);
        keys
    });
    if want.owned {
        let sizes = owned_sizes(graph, &detachedness);
        facts.statistics = want.statistics.then(|| Statistics::new(graph, &detachedness, &sizes));
        warnings.extend(without_owners(graph));
        graph.self_size = sizes;
    }
    (facts, keys)
}

/// A warning of heaps in which nothing belongs to anything.
fn without_owners(graph: &Graph) -> Option<Warning> {
    let message = "the snapshot has no global object or context below its root (none is written by V8 15 and later, \
                   and by earlier ones where exposeInternals is true): as in DevTools, backing \
                   stores keep their sizes, and owned sizes are self sizes";
    let warning = Warning { code: "no-owners".to_owned(), message: message.to_owned(), input: None };
    (!crate::graph::devtools::has_user_roots(graph)).then_some(warning)
}

/// What tells groups apart beside kind and name: classes of DevTools, or owners.
#[derive(Default)]
struct Classes {
    /// The first is none.
    texts: Vec<String>,
    /// By node: number of its text.
    of: Vec<u32>,
}

impl Classes {
    /// Objects without a size have none.
    fn of_keys(keys: &Keys, graph: &Graph) -> Self {
        let texts = std::iter::once(String::new()).chain(keys.keys.iter().map(ToString::to_string)).collect();
        let class = |(node, key): (u32, &u32)| if graph.self_size.get(node) == 0 { 0 } else { key + 1 };
        Self { texts, of: (0..).zip(&keys.of).map(class).collect() }
    }

    fn of_owners(Owners { texts, of }: Owners) -> Self {
        Self { texts, of }
    }
}

/// What tells groups of one kind and name apart: the stack, the class, or both. Returns the number of each node's, too, unless all
/// are 0.
fn branches(graph: &Graph, header: &Header, classes: Classes) -> (Branches, Option<Vec<u32>>) {
    let traces = header.layout.trace.map(|_| &graph.trace).filter(|trace| !trace.is_empty());
    let Classes { texts: classes, of } = classes;
    if of.is_empty() {
        return (Branches::default(), traces.cloned());
    }
    let class = |node: u32| of[node as usize];
    let mut numbers: HashMap<(u32, u32), u32> = HashMap::from([((0, 0), 0)]);
    let mut pairs = vec![(0, 0)];
    let of_node = (0..graph.nodes()).map(|node| {
        let pair = (traces.map_or(0, |trace| trace[node as usize]), class(node));
        *numbers.entry(pair).or_insert_with(|| {
            pairs.push(pair);
            ordinal(pairs.len() - 1)
        })
    });
    let of_node = of_node.collect();
    (Branches { pairs: Some(pairs), classes }, Some(of_node))
}

/// Nodes of each worker's part; some even where there are no nodes.
fn piece(nodes: usize) -> usize {
    nodes.div_ceil(rayon::current_num_threads().max(1)).max(1).next_multiple_of(BATCH)
}

/// Counts the nodes. Returns the slot of each, too, in the tally of its part; `slots` is a column for that.
fn tallies<'a>(
    graph: &Graph,
    mut slots: Vec<u32>,
    (header, strings): (&Header, &Arc<Table>),
    branches: Option<&[u32]>,
    identify: Identify<'a>,
) -> Result<(Vec<Tally<'a>>, Vec<u32>), ErrorKind> {
    let piece = piece(graph.kind.len());
    let count = |(number, slots): (usize, &mut [u32])| -> Result<Tally<'a>, Fault> {
        let mut tally = Tally::new(header, strings.len(), identify);
        let mut records = Records::default();
        for (batch, slots) in slots.chunks_mut(BATCH).enumerate() {
            let from = number * piece + batch * BATCH;
            fill(&mut records, graph, from..from + slots.len(), branches);
            tally.begin(slots.len());
            tally.add(&mut records)?;
            slots.copy_from_slice(tally.slot_of());
        }
        Ok(tally)
    };
    let tallies: Result<Vec<Tally<'a>>, Fault> = slots.par_chunks_mut(piece.max(1)).enumerate().map(count).collect();
    let tallies = tallies.map_err(|fault| ErrorKind::Inconsistent {
        section: "nodes".to_owned(),
        offset: 0,
        problem: describe(header, fault),
    })?;
    Ok((tallies, slots))
}

/// Nodes as a file's decoder gives them.
fn fill(records: &mut Records, graph: &Graph, nodes: std::ops::Range<usize>, branches: Option<&[u32]>) {
    records.clear();
    records.kind.extend(graph.kind[nodes.clone()].iter().map(|&kind| u32::from(kind)));
    records.name.extend_from_slice(&graph.name[nodes.clone()]);
    let ordinals = || (ordinal(nodes.start)..).take(nodes.len());
    records.id.extend(ordinals().map(|node| graph.id.get(node)));
    records.self_size.extend(ordinals().map(|node| graph.self_size.get(node)));
    match graph.detachedness.get(nodes.clone()) {
        Some(detachedness) => records.detachedness.extend_from_slice(detachedness),
        None => records.detachedness.resize(nodes.len(), 0),
    }
    records.trace.extend_from_slice(branches.map_or(&[], |branches| &branches[nodes]));
}
