//! The `nodes` array into columns.

use std::sync::Mutex;

use super::columns::{NodeColumns, NodeSlices};
use crate::graph::halves;
use crate::input::v8::header::Header;
use crate::input::v8::records::{Batch, Crew, Fault, Sink};
use crate::scan::{Kernel, Layout, Records};

/// Writes nodes into columns.
pub(super) struct NodeSink<'c> {
    header: &'c Header,
    kernel: Kernel,
    /// Number of edges and stack, which one decoding does not give together with the other fields.
    rest_layout: Layout,
    records: Records,
    rest: Records,
    /// Where the next nodes go.
    slices: NodeSlices<'c>,
    pub(super) facts: NodeFacts,
}

/// What is noted on the way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NodeFacts {
    /// Highest name index, and at or behind which byte.
    pub(super) name_max: (u32, u64),
    /// Sum of self sizes.
    pub(super) self_size: u128,
}

impl NodeFacts {
    pub(super) fn merge(&mut self, other: Self) {
        self.name_max = self.name_max.max(other.name_max);
        self.self_size += other.self_size;
    }
}

impl<'c> NodeSink<'c> {
    pub(super) fn new(header: &'c Header, kernel: Kernel, edge_count: usize, slices: NodeSlices<'c>) -> Self {
        let layout = header.layout;
        let rest_layout = Layout {
            kind: layout.detachedness,
            name: edge_count,
            id: header.trace_field.unwrap_or(edge_count),
            self_size: edge_count,
            ..layout
        };
        let (records, rest) = (Records::default(), Records::default());
        Self { header, kernel, rest_layout, records, rest, slices, facts: NodeFacts::default() }
    }

    fn fault(batch: &Batch<'_>, problem: String) -> Fault {
        Fault { offset: batch.offset(0), problem }
    }
}

impl Sink for NodeSink<'_> {
    const SIGNED: bool = false;

    fn add(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
        self.kernel.decode(batch.text, batch.ends, &self.header.layout, &mut self.records);
        self.kernel.decode(batch.text, batch.ends, &self.rest_layout, &mut self.rest);
        if self.records.overflow || self.rest.overflow {
            return Err(Self::fault(batch, "a number at or behind this place is too large".to_owned()));
        }
        let Some(out) = self.slices.split(self.records.len()) else {
            let problem = format!("more nodes than the {} that the header announces", crate::text::count(self.header.node_count));
            return Err(Self::fault(batch, problem));
        };
        let kinds = self.header.kinds.len();
        for (out, &kind) in out.kind.iter_mut().zip(&self.records.kind) {
            match u8::try_from(kind) {
                Ok(number) if usize::from(number) < kinds => *out = number,
                _ => {
                    let problem = format!("node type {kind} is out of range: the header lists {kinds}");
                    return Err(Self::fault(batch, problem));
                }
            }
        }
        let name_max = self.records.name.iter().copied().max().unwrap_or(0);
        if name_max > self.facts.name_max.0 {
            self.facts.name_max = (name_max, batch.offset(0));
        }
        out.name.copy_from_slice(&self.records.name);
        write_wide(&self.records.id, out.id_low, out.id_high);
        write_wide(&self.records.self_size, out.size_low, out.size_high);
        self.facts.self_size += self.records.self_size.iter().map(|&size| u128::from(size)).sum::<u128>();
        out.edges.copy_from_slice(&self.rest.name);
        for (out, &state) in out.detachedness.iter_mut().zip(&self.rest.kind).filter(|(_, state)| **state != 0) {
            *out = u8::try_from(state).unwrap_or(u8::MAX).min(3);
        }
        for (out, &trace) in out.trace.iter_mut().zip(&self.rest.id).filter(|(_, trace)| **trace != 0) {
            *out = u32::try_from(trace)
                .map_err(|_| Self::fault(batch, "a trace_node_id at or behind this place passes 32 bits".to_owned()))?;
        }
        Ok(())
    }
}

/// Writes numbers in halves. Zeros are not written to the upper ones: the column's pages stay untouched.
fn write_wide(numbers: &[u64], low: &mut [u32], high: &mut [u32]) {
    let mut any = 0;
    for (out, &number) in low.iter_mut().zip(numbers) {
        *out = halves(number).0;
        any |= number;
    }
    if halves(any).1 != 0 {
        for (out, &number) in high.iter_mut().zip(numbers).filter(|(_, number)| halves(**number).1 != 0) {
            *out = halves(number).1;
        }
    }
}

/// Hands out the columns piece by piece.
pub(super) struct NodeCrew<'c> {
    header: &'c Header,
    kernel: Kernel,
    edge_count: usize,
    rest: Mutex<NodeSlices<'c>>,
}

impl<'c> NodeCrew<'c> {
    pub(super) fn new(header: &'c Header, kernel: Kernel, edge_count: usize, columns: &'c mut NodeColumns) -> Self {
        Self { header, kernel, edge_count, rest: Mutex::new(columns.slices()) }
    }
}

impl<'c> Crew for NodeCrew<'c> {
    type Sink = NodeSink<'c>;

    fn sink(&self) -> NodeSink<'c> {
        NodeSink::new(self.header, self.kernel, self.edge_count, NodeSlices::default())
    }

    fn claim(&self, sink: &mut NodeSink<'c>, records: usize) -> Option<()> {
        sink.slices = self.rest.lock().ok()?.split(records)?;
        Some(())
    }
}
