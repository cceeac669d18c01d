//! The `nodes` array, counted into tallies.

use std::sync::atomic::AtomicU64;

use super::header::Header;
use super::records::{self, Batch, Crew, Fault, Parallel, Sink};
use super::tally::{self, Tally};
use crate::error::ErrorKind;
use crate::input::text::Text;
use crate::scan::{Kernel, Layout, Records};
use crate::snapshot::OUTSIDE;

/// Decodes records and hands them to a tally.
struct Counting<'h, 'a> {
    header: &'h Header,
    kernel: Kernel,
    layout: Layout,
    records: Records,
    tally: Tally<'a>,
    /// Position of a field to be summed up, and the sum.
    summed: Option<usize>,
    sum: u64,
    /// Offset of the batch where the highest name index was seen.
    name_max_offset: u64,
}

impl<'h, 'a> Counting<'h, 'a> {
    fn new(header: &'h Header, kernel: Kernel, tally: Tally<'a>, summed: Option<usize>) -> Self {
        Self { header, kernel, layout: header.layout, records: Records::default(), tally, summed, sum: 0, name_max_offset: 0 }
    }

    fn count(&mut self, batch: &Batch<'_>) -> Result<(), tally::Fault> {
        self.kernel.decode(batch.text, batch.ends, &self.layout, &mut self.records);
        self.tally.add(&mut self.records)?;
        if let Some(field) = self.summed {
            for ends in batch.ends.chunks_exact(self.layout.fields) {
                let value = crate::scan::number_before(batch.text, ends[field] as usize).ok_or(tally::Fault::Overflow)?;
                self.sum = self.sum.saturating_add(value);
            }
        }
        Ok(())
    }
}

impl Sink for Counting<'_, '_> {
    const SIGNED: bool = false;

    fn begin(&mut self, records: usize) {
        self.tally.begin(records);
    }

    fn add(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
        let name_max = self.tally.name_max;
        let counted = self.count(batch);
        if self.tally.name_max > name_max {
            self.name_max_offset = batch.offset(0);
        }
        counted.map_err(|fault| Fault { offset: batch.offset(0), problem: describe(self.header, fault) })
    }
}

/// What is wrong with nodes that a tally refuses.
pub(super) fn describe(header: &Header, fault: tally::Fault) -> String {
    match fault {
        tally::Fault::Overflow => "a number at or behind this place is too large".to_owned(),
        tally::Fault::SumOverflow => "the sizes add up to more than 2^64 bytes".to_owned(),
        tally::Fault::Kind(kind) => {
            let listed = header.kinds.iter().filter(|kind| kind.name != OUTSIDE).count();
            format!("node type {kind} is out of range: the header lists {listed}")
        }
    }
}

/// What front-to-back reading found beside the tally.
pub(super) struct Read<'a> {
    pub(super) tally: Tally<'a>,
    /// Sum of the `edge_count` fields, if it is wanted.
    pub(super) edge_count_sum: u64,
    /// At or before the node with the highest name index.
    pub(super) name_max_offset: u64,
}

/// Reads the rest of the array behind `[`, up to and including `]`.
pub(super) fn read<'a>(text: &mut Text<'_>, header: &Header, tally: Tally<'a>, sum_edges: bool) -> Result<Read<'a>, ErrorKind> {
    let mut sink = Counting::new(header, text.kernel, tally, header.edge_count_field.filter(|_| sum_edges));
    sink.name_max_offset = text.offset();
    let nodes = records::read(text, header.layout.fields, &mut sink)?;
    announced(text, "nodes", nodes, header.node_count)?;
    text.consume(1);
    Ok(Read { tally: sink.tally, edge_count_sum: sink.sum, name_max_offset: sink.name_max_offset })
}

/// Checks a number of records against the header's.
pub(super) fn announced(text: &Text<'_>, what: &str, records: u64, announced: u64) -> Result<(), ErrorKind> {
    if records == announced {
        return Ok(());
    }
    let (records, announced) = (crate::text::count(records), crate::text::count(announced));
    let problem = format!("{records} {what}, but the header announces {announced} (file damaged?)");
    Err(text.inconsistent(text.offset(), problem))
}

/// A tally for each worker.
struct Tallies<'h, F> {
    header: &'h Header,
    kernel: Kernel,
    tally: F,
}

impl<'h, 'a, F: Fn() -> Tally<'a> + Sync> Crew for Tallies<'h, F> {
    type Sink = Counting<'h, 'a>;

    fn sink(&self) -> Self::Sink {
        Counting::new(self.header, self.kernel, (self.tally)(), None)
    }

    fn claim(&self, _: &mut Self::Sink, _: usize) -> Option<()> {
        Some(())
    }
}

/// Reads the array that begins at `start` (behind `[`) of a map, on all threads of the current pool.
///
/// None if anything is out of the ordinary: the caller then reads front to back, which finds out what.
pub(super) fn read_parallel<'a>(
    map: &[u8],
    start: usize,
    header: &Header,
    kernel: Kernel,
    tally: &(dyn Fn() -> Tally<'a> + Sync),
    progress: &AtomicU64,
    first_job: impl FnOnce() + Send,
) -> Option<Parallel<Tally<'a>>> {
    let crew = Tallies { header, kernel, tally };
    let size = (header.layout.fields, header.node_count);
    let Parallel { sinks, end } = records::read_parallel((map, start), size, kernel, &crew, progress, first_job)?;
    let tallies: Vec<Tally<'a>> = sinks.into_iter().map(|sink| sink.tally).collect();
    let nodes: u64 = tallies.iter().map(|tally| tally.nodes).sum();
    let sizes = tallies.iter().try_fold(0_u64, |sum, tally| sum.checked_add(tally.self_size));
    (nodes == header.node_count && sizes.is_some()).then_some(Parallel { sinks: tallies, end })
}
