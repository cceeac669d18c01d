//! The `nodes` array: front to back over a stream, or by several threads over a map.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::header::Header;
use super::tally::{Fault, Tally};
use crate::error::ErrorKind;
use crate::input::text::Text;
use crate::scan::{Kernel, Layout, NumberState, Records};

/// Text whose number ends are found before its records are decoded: both stay in the first-level cache.
const STRIDE: usize = 8 << 10;
/// Text a worker takes at a time.
const CHUNK: usize = 256 << 10;
/// Bytes looked at before a place to know what state it is in.
const BEHIND: usize = 64;

/// Finds ends and decodes records, a stretch of text at a time, and hands them to a tally.
struct Decoder {
    kernel: Kernel,
    layout: Layout,
    ends: Vec<u32>,
    records: Records,
    /// Position of a field to be summed up, and the sum.
    summed: Option<usize>,
    sum: u64,
}

impl Decoder {
    fn new(kernel: Kernel, layout: Layout) -> Self {
        Self { kernel, layout, ends: Vec::new(), records: Records::default(), summed: None, sum: 0 }
    }

    /// Counts the whole records among `ends` and keeps the rest.
    fn flush(&mut self, text: &[u8], tally: &mut Tally<'_>) -> Result<(), Fault> {
        let whole = self.ends.len() / self.layout.fields * self.layout.fields;
        self.kernel.decode(text, &self.ends[..whole], &self.layout, &mut self.records);
        tally.add(&self.records)?;
        if let Some(field) = self.summed {
            for ends in self.ends[..whole].chunks_exact(self.layout.fields) {
                let value = crate::scan::number_before(text, ends[field] as usize).ok_or(Fault::Overflow)?;
                self.sum = self.sum.saturating_add(value);
            }
        }
        self.ends.drain(..whole);
        Ok(())
    }
}

/// Reads the rest of the array behind `[`, up to and including `]`. Returns the sum of the `edge_count` fields, if it is wanted.
pub(super) fn read(text: &mut Text<'_>, header: &Header, tally: &mut Tally<'_>, sum_edges: bool) -> Result<u64, ErrorKind> {
    let start = text.offset();
    let mut decoder = Decoder::new(text.kernel, header.layout);
    decoder.summed = header.edge_count_field.filter(|_| sum_edges);
    let mut state = NumberState::START;
    // Position in the window up to which number ends are known.
    let mut scanned = text.window().1;
    let mut name_max = Offender { value: 0, offset: start };
    tally.begin(0);
    loop {
        let (window, _) = text.window();
        let to = window.len().min(scanned + STRIDE);
        let stop = decoder.kernel.ends(window, scanned, to, &mut state, &mut decoder.ends);
        let first = decoder.ends.first().map_or(start, |&end| text.offset_of(end as usize));
        let whole = decoder.ends.len() - decoder.ends.len() % header.layout.fields;
        let last = whole.checked_sub(1).map(|last| decoder.ends[last] as usize);
        decoder.flush(window, tally).map_err(|fault| describe(text, header, first, fault))?;
        name_max.note(tally.name_max, first);
        if let Some(stop) = stop {
            let position = stop.at;
            let (_, begin) = text.window();
            text.consume(position - begin);
            finish(text, header, tally, state, decoder.ends.len(), name_max)?;
            return Ok(decoder.sum);
        }
        scanned = to;
        // Ends that are left over lie before `scanned`: what they end is still in the window.
        let (_, begin) = text.window();
        if decoder.ends.is_empty() && !state.in_number() {
            text.consume(scanned - begin);
        } else if let Some(last) = last {
            text.consume(last - begin);
        }
        if scanned == text.window().0.len() {
            let (_, before) = text.window();
            let more = text.fill()?;
            let (_, after) = text.window();
            let moved = u32::try_from(before - after).unwrap_or(0);
            decoder.ends.iter_mut().for_each(|end| *end -= moved);
            scanned -= before - after;
            if !more {
                let rest = text.rest().len();
                text.consume(rest);
                return Err(text.unexpected(if state.number_before() { "\",\" or \"]\"" } else { "a number" }));
            }
        }
    }
}

/// Where the highest value so far was seen.
#[derive(Clone, Copy)]
struct Offender {
    value: u32,
    offset: u64,
}

impl Offender {
    fn note(&mut self, value: u32, offset: u64) {
        if value > self.value {
            *self = Self { value, offset };
        }
    }
}

/// Checks what stands behind the last number.
fn finish(
    text: &mut Text<'_>,
    header: &Header,
    tally: &mut Tally<'_>,
    state: NumberState,
    left_over: usize,
    name_max: Offender,
) -> Result<(), ErrorKind> {
    let closes = text.rest().first() == Some(&b']');
    if !closes || !(state.number_before() || tally.nodes == 0 && left_over == 0) {
        return Err(text.unexpected(if state.number_before() { "\",\" or \"]\"" } else { "an unsigned whole number" }));
    }
    if left_over > 0 {
        let problem = format!("the array ends inside a record of {} fields", header.layout.fields);
        return Err(text.inconsistent(text.offset(), problem));
    }
    if tally.nodes != header.node_count {
        let problem = format!(
            "{} nodes, but the header announces {} (file damaged?)",
            crate::text::count(tally.nodes),
            crate::text::count(header.node_count)
        );
        return Err(text.inconsistent(text.offset(), problem));
    }
    text.consume(1);
    text.name_max_offset = name_max.offset;
    Ok(())
}

fn describe(text: &Text<'_>, header: &Header, offset: u64, fault: Fault) -> ErrorKind {
    match fault {
        Fault::Overflow => text.inconsistent(offset, "a number at or behind this place is too large".to_owned()),
        Fault::SumOverflow => text.inconsistent(offset, "the sizes add up to more than 2^64 bytes".to_owned()),
        Fault::Kind(kind) => {
            let problem = format!("node type {kind} is out of range: the header lists {}", header.kinds.len());
            text.inconsistent(offset, problem)
        }
    }
}

/// What several threads found in a mapped `nodes` array.
pub(super) struct Parallel<'a> {
    pub(super) tallies: Vec<Tally<'a>>,
    /// Position of the closing bracket.
    pub(super) end: usize,
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
) -> Option<Parallel<'a>> {
    let chunks = Chunks { map, start, next: AtomicUsize::new(0), numbers_before: prefix_counts(map.len() - start), kernel };
    let tallies = Mutex::new(Vec::new());
    let end = Mutex::new(None);
    let work = || {
        let mut mine = tally();
        let mut decoder = Decoder::new(kernel, header.layout);
        let guard = StopOnPanic(&chunks);
        while let Some(chunk) = chunks.take() {
            progress.fetch_add((chunk.to - chunk.from) as u64, Ordering::Relaxed);
            match chunks.read(&chunk, &mut decoder, &mut mine) {
                Some(()) => {}
                None => {
                    chunks.poison();
                    return;
                }
            }
            if chunk.last {
                if let Ok(mut end) = end.lock() {
                    *end = Some((chunk.to, chunk.numbers_before + chunk.numbers));
                }
                break;
            }
        }
        drop(guard);
        if let Ok(mut tallies) = tallies.lock() {
            tallies.push(mine);
        }
    };
    rayon::scope(|scope| {
        scope.spawn(|_| {
            first_job();
            work();
        });
        // More workers than pieces would only wait.
        for _ in 1..rayon::current_num_threads().min(chunks.numbers_before.len()) {
            scope.spawn(|_| work());
        }
    });
    let (end, numbers) = end.into_inner().ok()??;
    let tallies = tallies.into_inner().ok()?;
    let nodes: u64 = tallies.iter().map(|tally| tally.nodes).sum();
    let sizes = tallies.iter().try_fold(0_u64, |sum, tally| sum.checked_add(tally.self_size));
    let whole = header.node_count.checked_mul(header.layout.fields as u64) == Some(numbers) && nodes == header.node_count;
    (whole && sizes.is_some() && !chunks.poisoned()).then_some(Parallel { tallies, end })
}

/// The array in pieces of [`CHUNK`] bytes, and how many numbers end before each piece.
///
/// A worker takes a piece, counts the numbers in it, waits for the count of the piece before it, publishes the sum, and knows
/// which field its first number is. Counting is some ten times faster than decoding, so nobody waits for long.
struct Chunks<'m> {
    map: &'m [u8],
    start: usize,
    next: AtomicUsize,
    /// One more than the count, 0 while it is unknown, [`NONE`] behind the end of the array.
    numbers_before: Vec<AtomicU64>,
    kernel: Kernel,
}

const NONE: u64 = u64::MAX;

fn prefix_counts(bytes: usize) -> Vec<AtomicU64> {
    let counts: Vec<AtomicU64> = (0..bytes.div_ceil(CHUNK) + 1).map(|_| AtomicU64::new(0)).collect();
    counts[0].store(1, Ordering::Release);
    counts
}

/// A piece that a worker has taken.
struct Chunk {
    from: usize,
    to: usize,
    numbers_before: u64,
    numbers: u64,
    /// The array ends at `to`.
    last: bool,
}

impl Chunks<'_> {
    fn take(&self) -> Option<Chunk> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let from = self.start + index.checked_mul(CHUNK)?;
        if from >= self.map.len() {
            return None;
        }
        let to = self.map.len().min(from + CHUNK);
        let count = self.kernel.count(&self.map[from..to], self.map[from - 1].is_ascii_digit());
        let numbers_before = self.wait(index)?;
        let last = count.stop.is_some();
        self.numbers_before[index + 1].store(if last { NONE } else { numbers_before + count.numbers + 1 }, Ordering::Release);
        Some(Chunk { from, to: count.stop.map_or(to, |stop| from + stop), numbers_before, numbers: count.numbers, last })
    }

    /// The count before a piece; None behind the end of the array.
    fn wait(&self, index: usize) -> Option<u64> {
        let mut spins = 0_u32;
        loop {
            match self.numbers_before[index].load(Ordering::Acquire) {
                0 => {
                    spins += 1;
                    if spins < 100 { std::hint::spin_loop() } else { std::thread::yield_now() }
                }
                NONE => {
                    // Whoever waits for the next piece learns it too.
                    if let Some(next) = self.numbers_before.get(index + 1) {
                        next.store(NONE, Ordering::Release);
                    }
                    return None;
                }
                count => return Some(count - 1),
            }
        }
    }

    /// Makes all workers stop.
    fn poison(&self) {
        self.next.store(usize::MAX / CHUNK / 2, Ordering::Relaxed);
        for count in &self.numbers_before {
            count.store(NONE, Ordering::Release);
        }
    }

    fn poisoned(&self) -> bool {
        self.numbers_before[0].load(Ordering::Acquire) == NONE
    }

    /// Decodes the records whose first number ends in the piece.
    fn read(&self, chunk: &Chunk, decoder: &mut Decoder, tally: &mut Tally<'_>) -> Option<()> {
        let fields = decoder.layout.fields as u64;
        let base = chunk.from - BEHIND;
        let text = &self.map[base..self.map.len().min(chunk.to + CHUNK)];
        let mut state = if chunk.from == self.start { NumberState::START } else { NumberState::behind(&text[..BEHIND]) };
        let mut skip = usize::try_from((fields - chunk.numbers_before % fields) % fields).ok()?;
        tally.begin(usize::try_from(chunk.numbers / fields).ok()? + 1);
        decoder.ends.clear();
        let (mut at, to) = (BEHIND, chunk.to - base);
        while at < to {
            let next = to.min(at + STRIDE);
            if decoder.kernel.ends(text, at, next, &mut state, &mut decoder.ends).is_some() {
                return None;
            }
            let skipped = skip.min(decoder.ends.len());
            decoder.ends.drain(..skipped);
            skip -= skipped;
            decoder.flush(text, tally).ok()?;
            at = next;
        }
        if chunk.last {
            // The bracket ends the last number.
            let stop = decoder.kernel.ends(text, at, at + 1, &mut state, &mut decoder.ends)?;
            let closed =
                stop.at == at && text[at] == b']' && (state.number_before() || chunk.numbers_before + chunk.numbers == 0);
            let skipped = skip.min(decoder.ends.len());
            decoder.ends.drain(..skipped);
            decoder.flush(text, tally).ok()?;
            return (closed && decoder.ends.is_empty()).then_some(());
        }
        if !decoder.ends.is_empty() {
            self.complete(text, at, state, decoder)?;
            decoder.flush(text, tally).ok()?;
        }
        Some(())
    }

    /// Reads on behind a piece until its last record is complete.
    fn complete(&self, text: &[u8], mut at: usize, mut state: NumberState, decoder: &mut Decoder) -> Option<()> {
        let fields = decoder.layout.fields;
        while decoder.ends.len() < fields && at < text.len() {
            let next = text.len().min(at + 64);
            let stop = decoder.kernel.ends(text, at, next, &mut state, &mut decoder.ends);
            decoder.ends.truncate(fields);
            if stop.is_some() && decoder.ends.len() < fields {
                return None;
            }
            at = next;
        }
        (decoder.ends.len() == fields).then_some(())
    }
}

/// Lets the other workers go if one panics.
struct StopOnPanic<'c, 'm>(&'c Chunks<'m>);

impl Drop for StopOnPanic<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison();
        }
    }
}
