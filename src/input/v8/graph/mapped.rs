//! A mapped snapshot in V8's own order of sections, read by all threads at once: nodes, then edges, while the strings are looked
//! for from the end.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use super::columns::{EdgeColumns, NodeColumns};
use super::edges::{EdgeCrew, EdgeRule, Marks};
use super::locations::Locations;
use super::nodes::{NodeCrew, NodeFacts};
use super::strings::Table;
use super::{Parsed, Raw, assemble, columns, first_edges};
use crate::error::ErrorKind;
use crate::graph::{Ephemeron, GraphWant};
use crate::input::v8::document::KEY_MAX;
use crate::input::v8::header::Header;
use crate::input::v8::mapped::{closes, prefix, strings_start};
use crate::input::v8::records::read_parallel;
use crate::input::v8::strings::Index;
use crate::input::v8::text::Text;
use crate::input::v8::traces::{self, Traces};
use crate::scan::Kernel;
use crate::source::SharedMap;

/// Most bytes between the end of the nodes and the first edge.
const GAP_MAX: usize = 4096;

/// Reads the graph; None if anything is out of the ordinary.
///
/// # Errors
/// If the graph is larger than what is allowed.
pub(super) fn read(map: &SharedMap, kernel: Kernel, want: GraphWant, progress: &AtomicU64) -> Result<Option<Parsed>, ErrorKind> {
    let Some((header, start)) = prefix(map, kernel, want.of_header()).filter(|(header, _)| plausible(header, map.len())) else {
        return Ok(None);
    };
    let (nodes, edges) = columns(&header, want, !want.bare)?;
    let raw = sections(map, kernel, (header, start), (nodes, edges), want, progress);
    // An inconsistency is described by whoever reads front to back.
    Ok(raw.and_then(|raw| assemble(raw, 0).ok()))
}

/// Whether a file of so many bytes can hold what its header announces.
fn plausible(header: &Header, bytes: usize) -> bool {
    let fits = |records: u64, fields: usize| records.saturating_mul(2 * fields as u64) <= bytes as u64;
    let edge_fields = header.edge_fields.as_ref().map_or(1, |fields| fields.fields);
    fits(header.node_count, header.layout.fields) && fits(header.edge_count, edge_fields)
}

fn sections(
    map: &SharedMap,
    kernel: Kernel,
    (header, start): (Header, usize),
    (mut nodes, mut edges): (NodeColumns, EdgeColumns),
    want: GraphWant,
    progress: &AtomicU64,
) -> Option<Raw> {
    let named = Mutex::new(None);
    let find_strings = || {
        let found = strings_start(map, start).and_then(|start| Some((start, Named::new(map, start, kernel, want.bare)?)));
        if let Ok(mut named) = named.lock() {
            *named = found;
        }
    };
    let crew = NodeCrew::new(&header, kernel, header.edge_count_field?, &mut nodes);
    let size = (header.layout.fields, header.node_count);
    let read = read_parallel((map, start), size, kernel, &crew, progress, find_strings)?;
    let mut node_facts = NodeFacts::default();
    read.sinks.iter().for_each(|sink| node_facts.merge(sink.facts));
    let nodes_end = read.end;
    drop((read, crew));

    let (strings_start, Named { strings, strings_end, ephemerons, marks }) = named.into_inner().ok()??;
    let start = edges_start(map, nodes_end, kernel)?;
    let fields = header.edge_fields.as_ref()?;
    let rule = EdgeRule::new(&header, fields);
    let rule = marks.as_ref().map_or(rule, |marks| rule.noting(marks));
    let crew = EdgeCrew::new(rule, kernel, &mut edges);
    let mut summed = Ok(());
    let sum_up = || summed = first_edges(&mut nodes.edges, header.edge_count);
    let read = read_parallel((map, start), (fields.fields, header.edge_count), kernel, &crew, progress, sum_up)?;
    summed.ok()?;
    let edge_name_max = read.sinks.iter().map(|sink| sink.name_max).max()?;
    let edges_end = read.end;
    let noted = read.sinks.into_iter().flat_map(|sink| sink.noted).collect();

    let (locations, traces) = walk(Text::mapped(map, edges_end + 1..strings_start, kernel)?, &header, want)?;
    if !closes(&map[strings_end + 1..]) {
        return None;
    }
    let warnings = Vec::new();
    Some(Raw { header, nodes, node_facts, edges, noted, edge_name_max, strings, ephemerons, locations, traces, warnings })
}

/// The strings, and what edges have to know of them.
struct Named {
    strings: Table,
    strings_end: usize,
    ephemerons: Vec<Ephemeron>,
    marks: Option<Marks>,
}

impl Named {
    fn new(map: &SharedMap, start: usize, kernel: Kernel, bare: bool) -> Option<Self> {
        let index = Index::new(map, start, kernel)?;
        let strings_end = index.end;
        let strings = Table::mapped(map.clone(), index, kernel);
        let ephemerons = strings.ephemerons();
        let marks = if bare { Some(Marks::new(&strings.named("elements"), &ephemerons)?) } else { None };
        Some(Self { strings, strings_end, ephemerons, marks })
    }
}

/// Where the first edge begins, if the edges follow the nodes.
fn edges_start(map: &[u8], nodes_end: usize, kernel: Kernel) -> Option<usize> {
    let mut gap = &map[nodes_end + 1..map.len().min(nodes_end + GAP_MAX)];
    let mut text = Text::new(&mut gap, 0, kernel);
    text.expect(b',').ok()?;
    if text.short_string(KEY_MAX).ok()? != b"edges" {
        return None;
    }
    text.expect(b':').ok()?;
    text.expect(b'[').ok()?;
    Some(nodes_end + 1 + usize::try_from(text.offset()).ok()?)
}

/// Walks through the sections between edges and strings. Returns the locations, and what is said of allocation stacks.
fn walk(mut text: Text<'_>, header: &Header, want: GraphWant) -> Option<(Locations, Traces)> {
    let mut seen: Vec<Vec<u8>> = [&b"snapshot"[..], b"nodes", b"edges"].map(<[u8]>::to_vec).into();
    let (mut locations, mut stacks) = (Locations::default(), Traces::default());
    loop {
        text.expect(b',').ok()?;
        let key = text.short_string(KEY_MAX).ok()?;
        if seen.contains(&key) {
            return None;
        }
        text.expect(b':').ok()?;
        match &key[..] {
            b"strings" => {
                text.expect(b'[').ok()?;
                let whole = text.peek().ok()?.is_none() && (header.trace_fields.is_none() || stacks.has_functions());
                return whole.then_some((locations, stacks));
            }
            b"locations" if want.places && header.location_fields.is_some() => {
                text.expect(b'[').ok()?;
                locations = Locations::read(&mut text, header).ok()?;
            }
            _ => match (traces::SECTIONS.into_iter().find(|section| section.as_bytes() == key), &header.trace_fields) {
                (Some(section), Some(fields)) => stacks.read(&mut text, section, fields).ok()?,
                _ => text.skip_value(&mut std::io::sink()).ok()?,
            },
        }
        seen.push(key);
    }
}
