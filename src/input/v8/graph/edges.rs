//! The `edges` array into columns.

use std::ops::RangeInclusive;
use std::sync::Mutex;

use super::columns::{EdgeColumns, EdgeSlices};
use crate::graph::{Bits, EdgeKind, Ephemeron, Graph, ordinal};
use crate::input::v8::header::{EdgeFields, Header};
use crate::input::v8::records::{Batch, Crew, Fault, Sink};
use crate::scan::{Divisor, EdgeLayout, Edges, Kernel, number_before};

/// Writes edges into columns.
pub(super) struct EdgeSink<'c> {
    rule: EdgeRule<'c>,
    kernel: Kernel,
    records: Edges,
    /// Where the next edges go.
    slices: EdgeSlices<'c>,
    /// Highest string index among the names, and at or behind which byte.
    pub(super) name_max: (u32, u64),
    /// Numbers and names of the edges that speak of WeakMap entries, if that is to be noted.
    pub(super) noted: Vec<(u32, u32)>,
}

/// What an edge has to look like.
#[derive(Clone, Copy)]
pub(super) struct EdgeRule<'c> {
    header: &'c Header,
    fields: &'c EdgeFields,
    kinds: [EdgeKind; 256],
    /// The types' numbers are ours, as V8's are.
    as_numbered: bool,
    ordinal: Divisor,
    marks: Option<&'c Marks>,
}

/// What is noted of edges whose names are not kept.
pub(super) struct Marks {
    /// String index of `elements`.
    elements: Option<u32>,
    /// The names that speak of WeakMap entries, and the least and the greatest of them.
    ephemerons: Bits,
    range: RangeInclusive<u32>,
}

impl Marks {
    /// From the strings of that text, and the names that speak of WeakMap entries, ascending. None if several strings are `elements`.
    pub(super) fn new(elements: &[u32], ephemerons: &[Ephemeron]) -> Option<Self> {
        let names = || ephemerons.iter().map(|ephemeron| ephemeron.name);
        // An empty range where there are none.
        let range = names().next().unwrap_or(1)..=names().next_back().unwrap_or(0);
        let mut bits = Bits::new(*range.end() as usize + 1);
        names().for_each(|name| _ = bits.add(name));
        (elements.len() <= 1).then(|| Self { elements: elements.first().copied(), ephemerons: bits, range })
    }
}

/// A fault in a batch, not described yet.
struct Wrong;

impl<'c> EdgeRule<'c> {
    pub(super) fn new(header: &'c Header, fields: &'c EdgeFields) -> Self {
        let mut kinds = [EdgeKind::Other; 256];
        for (kind, name) in kinds.iter_mut().zip(&fields.kinds) {
            *kind = EdgeKind::named(name);
        }
        let as_numbered = (0..).zip(kinds).take(fields.kinds.len()).all(|(number, kind)| number == kind as u8);
        let ordinal = Divisor::new(ordinal(header.layout.fields));
        Self { header, fields, kinds, as_numbered, ordinal, marks: None }
    }

    /// The rule for edges whose names are not kept.
    pub(super) fn noting(self, marks: &'c Marks) -> Self {
        Self { marks: Some(marks), ..self }
    }

    fn layout(&self) -> EdgeLayout {
        let EdgeFields { fields, kind, name_or_index, to_node, .. } = *self.fields;
        EdgeLayout { fields, kind, name_or_index, to_node, ordinal: self.ordinal }
    }

    /// Finds out what is wrong with a batch.
    fn diagnose(&self, batch: &Batch<'_>) -> Fault {
        let fields = self.fields;
        for record in (0..batch.ends.len()).step_by(fields.fields) {
            for at in record..record + fields.fields {
                if let Some(problem) = self.problem(batch, record, at) {
                    let end = batch.ends[at] as usize;
                    let digits = batch.text[..end].iter().rev().take_while(|b| b.is_ascii_digit()).count();
                    let length = digits + usize::from(batch.negative(at));
                    return Fault { offset: batch.offset(at).saturating_sub(length as u64), problem };
                }
            }
        }
        Fault { offset: batch.offset(0), problem: "an edge at or behind this place is wrong".to_owned() }
    }

    fn problem(&self, batch: &Batch<'_>, record: usize, at: usize) -> Option<String> {
        let node_fields = self.header.layout.fields as u64;
        let sign = if batch.negative(at) { "-" } else { "" };
        let Some(value) = number_before(batch.text, batch.ends[at] as usize) else {
            return Some("the number is too large".to_owned());
        };
        let field = at - record;
        let negative = batch.negative(at) && value > 0;
        let listed = self.fields.kinds.len();
        if field == self.fields.kind {
            let known = !negative && usize::try_from(value).is_ok_and(|kind| kind < listed);
            return (!known).then(|| format!("edge type {sign}{value} is out of range: the header lists {listed}"));
        }
        if field == self.fields.to_node {
            if negative || value / node_fields >= self.header.node_count {
                return Some(format!("to_node {sign}{value} lies outside the nodes"));
            }
            return (!value.is_multiple_of(node_fields)).then(|| format!("to_node {value} is not the beginning of a node"));
        }
        if field == self.fields.name_or_index {
            if value > u64::from(u32::MAX) {
                return Some(format!("the name or index {sign}{value} passes 32 bits"));
            }
            let kind = number_before(batch.text, batch.ends[record + self.fields.kind] as usize);
            let kind = kind.and_then(|kind| self.kinds.get(usize::try_from(kind).ok()?)).copied();
            let named = !kind.is_some_and(EdgeKind::numbered);
            return (negative && named).then(|| format!("-{value} is no string index"));
        }
        None
    }
}

impl<'c> EdgeSink<'c> {
    pub(super) fn new(rule: EdgeRule<'c>, kernel: Kernel, slices: EdgeSlices<'c>) -> Self {
        Self { rule, kernel, records: Edges::default(), slices, name_max: (0, 0), noted: Vec::new() }
    }

    fn write(&mut self, batch: &Batch<'_>, out: &mut EdgeSlices<'_>) -> Result<(), Wrong> {
        // One column after the other: each loop is short.
        let kind_max = self.records.kind.iter().copied().max();
        let to_max = self.records.to_node.iter().copied().max();
        let wrong = kind_max.is_some_and(|kind| usize::from(kind) >= self.rule.fields.kinds.len())
            | to_max.is_some_and(|to| u64::from(to) >= self.rule.header.node_count);
        if wrong {
            return Err(Wrong);
        }
        if self.rule.as_numbered {
            out.kind.copy_from_slice(&self.records.kind);
        } else {
            for (&number, out_kind) in self.records.kind.iter().zip(&mut *out.kind) {
                *out_kind = self.rule.kinds[usize::from(number)] as u8;
            }
        }
        out.to_node.copy_from_slice(&self.records.to_node);
        // Indexes are rarely larger than the largest name.
        let names = &self.records.name_or_index;
        if names.iter().copied().max().is_some_and(|max| max > self.name_max.0) {
            let named = out.kind.iter().zip(names).filter(|&(&kind, _)| !EdgeKind::ALL[usize::from(kind)].numbered());
            let name_max = named.map(|(_, &name)| name).max().unwrap_or(0);
            if name_max > self.name_max.0 {
                self.name_max = (name_max, batch.offset(0));
            }
        }
        match self.rule.marks {
            Some(marks) => self.note(marks, out),
            None => out.name.copy_from_slice(&self.records.name_or_index),
        }
        if batch.signed {
            self.signs(batch, out)?;
        }
        Ok(())
    }

    /// Notes what names tell.
    fn note(&mut self, marks: &Marks, out: &mut EdgeSlices<'_>) {
        const INTERNAL: u8 = EdgeKind::Internal as u8;
        let names = &self.records.name_or_index;
        let (first, last) = (*marks.range.start(), *marks.range.end());
        let may_be = |kind: u8, name: u32| (kind == INTERNAL) & (name >= first) & (name <= last);
        let mut any = false;
        // No string index is that large.
        let elements = marks.elements.unwrap_or(u32::MAX);
        for (kind, &name) in out.kind.iter_mut().zip(names) {
            any |= may_be(*kind, name);
            *kind |= if (*kind == INTERNAL) & (name == elements) { Graph::ELEMENTS } else { 0 };
        }
        // Few batches speak of WeakMap entries: that is found out without a branch an edge.
        if any {
            let edges = (out.from..).zip(out.kind.iter().zip(names));
            let speaks = edges.filter(|&(_, (&kind, &name))| may_be(kind, name) && marks.ephemerons.has(name));
            self.noted.extend(speaks.map(|(edge, (_, &name))| (ordinal(edge), name)));
        }
    }

    /// Takes minus signs into account. V8 writes indexes from 2^31 on as negative numbers of 32 bits.
    fn signs(&self, batch: &Batch<'_>, out: &mut EdgeSlices<'_>) -> Result<(), Wrong> {
        let fields = self.rule.fields;
        for (edge, record) in (0..batch.ends.len()).step_by(fields.fields).enumerate() {
            for field in [fields.kind, fields.name_or_index, fields.to_node] {
                if !batch.negative(record + field) {
                    continue;
                }
                if self.rule.problem(batch, record, record + field).is_some() {
                    return Err(Wrong);
                }
                if field == fields.name_or_index
                    && let Some(name) = out.name.get_mut(edge)
                {
                    *name = name.wrapping_neg();
                }
            }
        }
        Ok(())
    }
}

impl Sink for EdgeSink<'_> {
    const SIGNED: bool = true;

    fn add(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
        self.kernel.edges(batch.text, batch.ends, &self.rule.layout(), &mut self.records);
        if self.records.overflow {
            return Err(self.rule.diagnose(batch));
        }
        let Some(mut out) = self.slices.split(self.records.len()) else {
            let problem =
                format!("more edges than the {} that the header announces", crate::text::count(self.rule.header.edge_count));
            return Err(Fault { offset: batch.offset(0), problem });
        };
        self.write(batch, &mut out).map_err(|Wrong| self.rule.diagnose(batch))
    }
}

/// Hands out the columns piece by piece.
pub(super) struct EdgeCrew<'c> {
    rule: EdgeRule<'c>,
    kernel: Kernel,
    rest: Mutex<EdgeSlices<'c>>,
}

impl<'c> EdgeCrew<'c> {
    pub(super) fn new(rule: EdgeRule<'c>, kernel: Kernel, columns: &'c mut EdgeColumns) -> Self {
        Self { rule, kernel, rest: Mutex::new(columns.slices()) }
    }
}

impl<'c> Crew for EdgeCrew<'c> {
    type Sink = EdgeSink<'c>;

    fn sink(&self) -> EdgeSink<'c> {
        EdgeSink::new(self.rule, self.kernel, EdgeSlices::default())
    }

    fn claim(&self, sink: &mut EdgeSink<'c>, records: usize) -> Option<()> {
        sink.slices = self.rest.lock().ok()?.split(records)?;
        Some(())
    }
}
