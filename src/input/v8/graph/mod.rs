//! V8 heap snapshots as graphs: nodes, edges, locations and strings.
//!
//! As for groups there are two ways: all threads at once over a map in V8's own order of sections (`mapped.rs`), and front to back for
//! everything else, which knows where an error is (`front.rs`).

use std::sync::Arc;

use super::document::missing;
use super::header::Header;
use super::traces::Traces;
use crate::error::ErrorKind;
use crate::graph::{Ephemeron, Graph, GraphWant, NodeKinds, StringTable, Wide, check_size, memory_needed};
use crate::input::text::Text;
use crate::report::Warning;
use crate::scan::Kernel;
use crate::source::Source;
use columns::{EdgeColumns, NodeColumns};
use nodes::NodeFacts;
use strings::Table;

pub(super) use groups::read_heap;
pub(super) use locations::Locations;

mod columns;
mod edges;
mod front;
mod groups;
mod locations;
mod mapped;
mod nodes;
mod strings;

/// Reads a snapshot as a graph.
///
/// Strings are looked up in the map of a mapped file for as long as the graph lives; ask [`Source::unchanged`] before a result is used.
///
/// # Errors
/// If the input is not a whole snapshot, its edges do not fit its nodes, or it is larger than what is allowed.
pub fn read_graph(source: &mut Source, want: GraphWant) -> Result<Graph, ErrorKind> {
    parse(source, want).map(|parsed| parsed.graph)
}

/// A graph, and what the file says beside it.
struct Parsed {
    graph: Graph,
    header: Header,
    strings: Arc<Table>,
    traces: Traces,
    warnings: Vec<Warning>,
}

fn parse(source: &mut Source, want: GraphWant) -> Result<Parsed, ErrorKind> {
    let kernel = Kernel::best();
    if let Some(map) = source.shared_map()
        && let Some(parsed) = mapped::read(&map, kernel, want, &source.done)?
    {
        return Ok(parsed);
    }
    source.done.store(0, std::sync::atomic::Ordering::Relaxed);
    front::read(&mut source.take_stream(), kernel, want)
}

/// What has been read of a snapshot.
struct Raw {
    header: Header,
    /// With [`first_edges`] in the place of the numbers of edges.
    nodes: NodeColumns,
    node_facts: NodeFacts,
    edges: EdgeColumns,
    /// Numbers and names of edges that speak of WeakMap entries, where names were not kept.
    noted: Vec<(u32, u32)>,
    /// Highest string index among edges' names, and at or behind which byte.
    edge_name_max: (u32, u64),
    strings: Table,
    ephemerons: Vec<Ephemeron>,
    locations: Locations,
    traces: Traces,
    warnings: Vec<Warning>,
}

/// Columns for as many nodes and edges as the header announces.
fn columns(header: &Header, want: GraphWant, edge_names: bool) -> Result<(NodeColumns, EdgeColumns), ErrorKind> {
    check_size(header.node_count, header.edge_count, edge_names, want.memory_max)?;
    let no_memory = || ErrorKind::NoMemory { needed: memory_needed(header.node_count, header.edge_count, edge_names) };
    let size = |number: u64| usize::try_from(number).map_err(|_| no_memory());
    let (nodes, edges) = (size(header.node_count)?, size(header.edge_count)?);
    // The columns below are taken without asking: a probe tells whether so much can be had at all.
    let bytes = nodes.saturating_mul(38).saturating_add(edges.saturating_mul(9));
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| no_memory())?;
    let traces = want.traces && header.layout.trace.is_some();
    Ok((NodeColumns::zeros(nodes, header.has_detachedness, traces), EdgeColumns::zeros(edges, edge_names)))
}

/// Where the number of a node's edges stands in its record.
fn edge_count_field(header: &Header, text: &Text<'_>) -> Result<usize, ErrorKind> {
    header.edge_count_field.ok_or_else(|| text.inconsistent(text.offset(), "meta.node_fields lacks \"edge_count\"".to_owned()))
}

/// Turns numbers of edges into where each node's edges begin. The sum, which the header announces, is checked.
fn first_edges(counts: &mut [u32], announced: u64) -> Result<(), String> {
    let mut sum = 0_u64;
    for count in counts.iter_mut() {
        let begin = sum;
        sum += u64::from(*count);
        // Sums that do not fit are refused below.
        *count = crate::graph::halves(begin).0;
    }
    if sum == announced {
        return Ok(());
    }
    let (sum, announced) = (crate::text::count(sum), crate::text::count(announced));
    Err(format!("the nodes' edge_count fields add up to {sum}, but there are {announced} edges"))
}

/// Checks what has been read and puts it together; `end` is the offset behind it all.
fn assemble(raw: Raw, end: u64) -> Result<Parsed, ErrorKind> {
    let Raw { header, nodes, node_facts, edges, noted, edge_name_max, strings, ephemerons, locations, traces, warnings } = raw;
    let wrong = |section: &str, offset: u64, problem: String| {
        Err(ErrorKind::Inconsistent { section: section.to_owned(), offset, problem })
    };
    let count = crate::text::count;
    if node_facts.self_size > u128::from(u64::MAX) {
        return wrong("nodes", end, "the sizes add up to more than 2^64 bytes".to_owned());
    }
    if header.node_count > 0 && u64::from(node_facts.name_max.0) >= strings.len() {
        let (name, strings) = (count(u64::from(node_facts.name_max.0)), count(strings.len()));
        let problem = format!("a name at or behind this place is string {name}, but the file has {strings} strings");
        return wrong("nodes", node_facts.name_max.1, problem);
    }
    if edge_name_max.0 > 0 && u64::from(edge_name_max.0) >= strings.len() {
        let (name, strings) = (count(u64::from(edge_name_max.0)), count(strings.len()));
        let problem = format!("an edge's name at or behind this place is string {name}, but the file has {strings} strings");
        return wrong("edges", edge_name_max.1, problem);
    }
    if let Some((name, offset)) = traces.name_max.filter(|&(name, _)| u64::from(name) >= strings.len()) {
        let (name, strings) = (count(u64::from(name)), count(strings.len()));
        return wrong("trace_function_infos", offset, format!("a name is string {name}, but the file has {strings} strings"));
    }
    let fields = header.layout.fields as u64;
    let root = header.root_index / fields;
    if header.root_index % fields != 0 || root > 0 && root >= header.node_count {
        let problem = format!("root_index {} is not the beginning of a node", header.root_index);
        return wrong("snapshot", 0, problem);
    }
    let kinds = NodeKinds::new(header.kinds.iter().map(|kind| kind.name.clone()).collect());
    let kinds = match kinds {
        Ok(kinds) => kinds,
        Err(problem) => return wrong("snapshot", 0, problem),
    };
    let strings = Arc::new(strings);
    let mut graph = Graph {
        kinds,
        kind: nodes.kind,
        name: nodes.name,
        class: Vec::new(),
        id: Wide::from_halves(nodes.id_low, if node_facts.wide_ids { nodes.id_high } else { Vec::new() }),
        self_size: Wide::from_halves(nodes.size_low, if node_facts.wide_sizes { nodes.size_high } else { Vec::new() }),
        detachedness: nodes.detachedness,
        trace: nodes.trace,
        first_edge: nodes.edges,
        edge_kind: edges.kind,
        edge_name: edges.name,
        to_node: edges.to_node,
        root: crate::graph::halves(root).0,
        ephemerons,
        strings: Box::new(Arc::clone(&strings)) as Box<dyn StringTable>,
        located: locations.located,
        places: locations.places,
        extra_native_bytes: header.extra_native_bytes.unwrap_or(0),
    };
    if graph.edge_name.is_empty() {
        graph.mark_noted(&noted);
    } else {
        graph.mark_tables();
    }
    Ok(Parsed { graph, header, strings, traces, warnings })
}
