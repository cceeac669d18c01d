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
    layout: Layout,
    records: Records,
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
    /// Some id passes 32 bits.
    pub(super) wide_ids: bool,
    /// Some self size passes 32 bits.
    pub(super) wide_sizes: bool,
}

impl NodeFacts {
    pub(super) fn merge(&mut self, other: Self) {
        self.name_max = self.name_max.max(other.name_max);
        self.self_size += other.self_size;
        self.wide_ids |= other.wide_ids;
        self.wide_sizes |= other.wide_sizes;
    }
}

impl<'c> NodeSink<'c> {
    /// `edge_count` is where the number of edges stands in a record.
    pub(super) fn new(header: &'c Header, kernel: Kernel, edge_count: usize, slices: NodeSlices<'c>) -> Self {
        let layout = Layout { edge_count: Some(edge_count), ..header.layout };
        Self { header, kernel, layout, records: Records::default(), slices, facts: NodeFacts::default() }
    }

    fn fault(batch: &Batch<'_>, problem: String) -> Fault {
        Fault { offset: batch.offset(0), problem }
    }
}

impl Sink for NodeSink<'_> {
    const SIGNED: bool = false;

    fn add(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
        self.kernel.decode(batch.text, batch.ends, &self.layout, &mut self.records);
        let records = &self.records;
        if records.overflow {
            return Err(Self::fault(batch, "a number at or behind this place is too large".to_owned()));
        }
        let Some(out) = self.slices.split(records.len()) else {
            let problem = format!("more nodes than the {} that the header announces", crate::text::count(self.header.node_count));
            return Err(Self::fault(batch, problem));
        };
        let kinds = self.header.kinds.len();
        for (out, &kind) in out.kind.iter_mut().zip(&records.kind) {
            match u8::try_from(kind) {
                Ok(number) if usize::from(number) < kinds => *out = number,
                _ => {
                    let problem = format!("node type {kind} is out of range: the header lists {kinds}");
                    return Err(Self::fault(batch, problem));
                }
            }
        }
        let name_max = records.name.iter().copied().max().unwrap_or(0);
        if name_max > self.facts.name_max.0 {
            self.facts.name_max = (name_max, batch.offset(0));
        }
        out.name.copy_from_slice(&records.name);
        self.facts.wide_ids |= write_wide(&records.id, out.id_low, out.id_high);
        self.facts.wide_sizes |= write_wide(&records.self_size, out.size_low, out.size_high);
        self.facts.self_size += records.self_size.iter().map(|&size| u128::from(size)).sum::<u128>();
        out.edges.copy_from_slice(&records.edge_count);
        // Nearly all are zero, and what is not written to takes no memory.
        if !out.detachedness.is_empty() && records.detachedness.iter().any(|&state| state != 0) {
            out.detachedness.copy_from_slice(&records.detachedness);
        }
        if !out.trace.is_empty() {
            out.trace.copy_from_slice(&records.trace);
        }
        Ok(())
    }
}

/// Writes numbers in halves; whether some upper one is not zero. Zeros are not written there: the column's pages stay untouched.
fn write_wide(numbers: &[u64], low: &mut [u32], high: &mut [u32]) -> bool {
    let mut any = 0;
    for (out, &number) in low.iter_mut().zip(numbers) {
        *out = halves(number).0;
        any |= number;
    }
    let wide = halves(any).1 != 0;
    if wide {
        for (out, &number) in high.iter_mut().zip(numbers).filter(|(_, number)| halves(**number).1 != 0) {
            *out = halves(number).1;
        }
    }
    wide
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
