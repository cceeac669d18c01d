//! A snapshot's graph front to back: sections in any order, and every fault with its place.

use std::io::Read;

use super::columns::{EdgeColumns, NodeColumns};
use super::edges::{EdgeRule, EdgeSink};
use super::locations::Locations;
use super::nodes::{NodeFacts, NodeSink};
use super::strings::Table;
use super::{Parsed, Raw, assemble, columns, edge_count_field, first_edges, missing};
use crate::error::ErrorKind;
use crate::graph::GraphWant;
use crate::input::v8::document::{self, Aside, put_aside};
use crate::input::v8::header::Header;
use crate::input::v8::nodes::announced;
use crate::input::v8::records;
use crate::input::v8::text::Text;
use crate::input::v8::traces::{self, Traces};
use crate::report::Warning;
use crate::scan::Kernel;

/// The sections that wait for the header if they come before it.
const WAITING: [&str; 5] = ["nodes", "edges", traces::SECTIONS[0], traces::SECTIONS[1], "locations"];

/// Reads a snapshot's graph.
pub(super) fn read(input: &mut dyn Read, kernel: Kernel, want: GraphWant) -> Result<Parsed, ErrorKind> {
    let mut text = Text::new(input, 0, kernel);
    let mut parts = Parts { want, ..Parts::default() };
    let warnings = document::read(&mut text, |text, key| parts.section(text, key))?;
    parts.finish(&text, kernel, warnings)
}

/// What has been read so far.
#[derive(Default)]
struct Parts {
    want: GraphWant,
    header: Option<Header>,
    nodes: NodeColumns,
    edges: EdgeColumns,
    node_facts: Option<NodeFacts>,
    edge_name_max: Option<(u32, u64)>,
    locations: Locations,
    traces: Traces,
    strings: Option<Table>,
    aside: Vec<(&'static str, Aside)>,
}

impl Parts {
    fn section(&mut self, text: &mut Text<'_>, key: &[u8]) -> Result<(), ErrorKind> {
        match key {
            b"snapshot" => {
                let header = document::header(text)?.wanting(self.want.of_header());
                (self.nodes, self.edges) = columns(&header, self.want, true)?;
                self.header = Some(header);
            }
            b"strings" => {
                text.section = "strings";
                self.strings = Some(Table::read(text)?);
            }
            _ => match WAITING.iter().find(|section| section.as_bytes() == key) {
                Some(section) => {
                    text.section = section;
                    if self.header.is_some() {
                        self.array(section, text)?;
                    } else {
                        self.aside.push((section, put_aside(text)?));
                    }
                }
                None => {
                    text.section = "unknown section";
                    text.skip_value(&mut std::io::sink())?;
                }
            },
        }
        Ok(())
    }

    /// Reads one of the arrays that need the header.
    fn array(&mut self, section: &'static str, text: &mut Text<'_>) -> Result<(), ErrorKind> {
        let Some(header) = &self.header else { return Err(missing(text, "snapshot")) };
        text.section = section;
        let of_traces = traces::SECTIONS.contains(&section);
        if let Some(fields) = header.trace_fields.as_ref().filter(|_| of_traces) {
            return self.traces.read(text, section, fields);
        }
        if of_traces || section == "locations" && !(self.want.places && header.location_fields.is_some()) {
            return text.skip_value(&mut std::io::sink());
        }
        text.expect(b'[')?;
        match section {
            "nodes" => {
                let edge_count = edge_count_field(header, text)?;
                let mut sink = NodeSink::new(header, text.kernel, edge_count, self.nodes.slices());
                let nodes = records::read(text, header.layout.fields, &mut sink)?;
                self.node_facts = Some(sink.facts);
                announced(text, "nodes", nodes, header.node_count)?;
                text.consume(1);
            }
            "edges" => {
                let Some(fields) = &header.edge_fields else {
                    let problem = "the header's meta does not describe edges (edge_fields, edge_types)";
                    return Err(text.inconsistent(text.offset(), problem.to_owned()));
                };
                let mut sink = EdgeSink::new(EdgeRule::new(header, fields), text.kernel, self.edges.slices());
                let edges = records::read(text, fields.fields, &mut sink)?;
                self.edge_name_max = Some(sink.name_max);
                announced(text, "edges", edges, header.edge_count)?;
                text.consume(1);
            }
            _ => self.locations = Locations::read(text, header)?,
        }
        Ok(())
    }

    /// Reads what was put aside, and builds the graph.
    fn finish(mut self, text: &Text<'_>, kernel: Kernel, warnings: Vec<Warning>) -> Result<Parsed, ErrorKind> {
        if self.header.is_none() {
            return Err(missing(text, "snapshot"));
        }
        for (section, mut aside) in std::mem::take(&mut self.aside) {
            self.array(section, &mut Text::new(&mut aside.file, aside.offset, kernel))?;
        }
        let Parts { header, mut nodes, edges, node_facts, edge_name_max, locations, traces, strings, .. } = self;
        let header = header.ok_or_else(|| missing(text, "snapshot"))?;
        let node_facts = node_facts.ok_or_else(|| missing(text, "nodes"))?;
        let edge_name_max = edge_name_max.ok_or_else(|| missing(text, "edges"))?;
        let strings = strings.ok_or_else(|| missing(text, "strings"))?;
        let ephemerons = strings.ephemerons();
        first_edges(&mut nodes.edges, header.edge_count).map_err(|problem| ErrorKind::Inconsistent {
            section: "edges".to_owned(),
            offset: text.offset(),
            problem,
        })?;
        assemble(
            Raw {
                header,
                nodes,
                node_facts,
                edges,
                noted: Vec::new(),
                edge_name_max,
                strings,
                ephemerons,
                locations,
                traces,
                warnings,
            },
            text.offset(),
        )
    }
}
