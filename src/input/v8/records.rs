//! Arrays of records of whole numbers (`nodes`, `edges`, `locations`): front to back over a stream, or by several threads over a
//! map. What becomes of the records is up to a [`Sink`].

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::error::ErrorKind;
use crate::input::text::Text;
use crate::scan::{Kernel, NumberState, Stop};

/// Text of a stream whose number ends are found before its records are decoded: both stay in the first-level cache.
const STRIDE: usize = 8 << 10;
/// Text a worker takes at a time: with the ends of its numbers it stays in the second-level cache.
const CHUNK: usize = 128 << 10;
/// Numbers that are decoded at a time.
const BATCH: usize = 2 << 10;
/// Bytes looked at before a place to know what state it is in.
const BEHIND: usize = 64;

/// Whole records, in a stretch of text.
pub(super) struct Batch<'t> {
    pub(super) text: &'t [u8],
    /// Where the numbers end.
    pub(super) ends: &'t [u32],
    /// Offset in the input of the text's first byte, modulo 2^64.
    base: u64,
    /// Some number has a minus sign in front. Only where [`Sink::SIGNED`] allows it.
    pub(super) signed: bool,
}

impl Batch<'_> {
    /// Offset in the input of the place behind the number whose end is `ends[n]`.
    pub(super) fn offset(&self, n: usize) -> u64 {
        self.ends.get(n).map_or(self.base, |&end| self.base.wrapping_add(u64::from(end)))
    }

    /// Whether the number whose end is `ends[n]` has a minus sign.
    pub(super) fn negative(&self, n: usize) -> bool {
        let before = &self.text[..self.ends[n] as usize];
        before.iter().rev().find(|b| !b.is_ascii_digit()) == Some(&b'-')
    }
}

/// A record that cannot be right.
#[derive(Debug)]
pub(super) struct Fault {
    /// At or behind which byte of the input.
    pub(super) offset: u64,
    pub(super) problem: String,
}

/// What becomes of records.
pub(super) trait Sink {
    /// Whether numbers may have a minus sign.
    const SIGNED: bool;
    /// A piece begins that has at most so many records.
    fn begin(&mut self, _records: usize) {}
    /// Takes in the next records of the piece.
    fn add(&mut self, batch: &Batch<'_>) -> Result<(), Fault>;
}

/// Who reads an array in parallel: a sink for each worker.
pub(super) trait Crew: Sync {
    type Sink: Sink + Send;
    fn sink(&self) -> Self::Sink;
    /// The sink is about to read a piece of exactly so many records. Called in the order of the pieces; None gives up.
    fn claim(&self, sink: &mut Self::Sink, records: usize) -> Option<()>;
}

/// Finds number ends as [`Kernel::ends`] does; where signs are allowed, those too (`signed` becomes true).
///
/// A minus sign counts only if the digit behind it is there: at the end of the text this stops at the sign.
fn find_ends<S: Sink>(
    kernel: Kernel,
    (text, mut from, to): (&[u8], usize, usize),
    state: &mut NumberState,
    ends: &mut Vec<u32>,
    signed: &mut bool,
) -> Option<Stop> {
    loop {
        let stop = kernel.ends(text, from, to, state, ends)?;
        let sign = S::SIGNED && text[stop.at] == b'-' && !state.number_before();
        if !sign || !text.get(stop.at + 1).is_some_and(u8::is_ascii_digit) {
            return Some(stop);
        }
        *signed = true;
        from = stop.at + 1;
    }
}

/// Reads the rest of an array behind `[`, up to and not including `]`. Returns the number of records.
pub(super) fn read<S: Sink>(text: &mut Text<'_>, fields: usize, sink: &mut S) -> Result<u64, ErrorKind> {
    let (mut state, mut ends, mut signed) = (NumberState::START, Vec::new(), false);
    // Position in the window up to which number ends are known.
    let mut scanned = text.window().1;
    let mut records = 0;
    sink.begin(0);
    loop {
        let (window, begin) = text.window();
        let to = window.len().min(scanned + STRIDE);
        let stop = find_ends::<S>(text.kernel, (window, scanned, to), &mut state, &mut ends, &mut signed);
        let whole = ends.len() / fields * fields;
        let last = whole.checked_sub(1).map(|last| ends[last] as usize);
        let batch = Batch { text: window, ends: &ends[..whole], base: text.offset_of(begin).wrapping_sub(begin as u64), signed };
        sink.add(&batch).map_err(|fault| text.inconsistent(fault.offset, fault.problem))?;
        records += (whole / fields) as u64;
        ends.drain(..whole);
        signed &= !ends.is_empty();
        scanned = stop.map_or(to, |stop| stop.at);
        let sign_at_end = S::SIGNED && stop.is_some_and(|stop| window[stop.at] == b'-' && stop.at + 1 == window.len());
        if stop.is_some() && !sign_at_end {
            text.consume(scanned - begin);
            return finish(text, fields, (S::SIGNED, state), records, ends.len());
        }
        // Ends that are left over lie before `scanned`: what they end is still in the window.
        if ends.is_empty() && !state.in_number() {
            text.consume(scanned - begin);
        } else if let Some(last) = last {
            text.consume(last - begin);
        }
        if sign_at_end || scanned == text.window().0.len() {
            let (_, before) = text.window();
            let more = text.fill()?;
            let (_, after) = text.window();
            let moved = u32::try_from(before - after).unwrap_or(0);
            ends.iter_mut().for_each(|end| *end -= moved);
            scanned -= before - after;
            if !more {
                let rest = text.rest().len();
                text.consume(rest);
                return Err(text.unexpected(if state.number_before() { "\",\" or \"]\"" } else { "a number" }));
            }
        }
    }
}

/// Checks that the array ends here, behind a whole record.
fn finish(
    text: &mut Text<'_>,
    fields: usize,
    (signed, state): (bool, NumberState),
    records: u64,
    left_over: usize,
) -> Result<u64, ErrorKind> {
    let closes = text.rest().first() == Some(&b']');
    if !closes || !(state.number_before() || records == 0 && left_over == 0) {
        let number = if signed { "a whole number" } else { "an unsigned whole number" };
        return Err(text.unexpected(if state.number_before() { "\",\" or \"]\"" } else { number }));
    }
    if left_over > 0 {
        let problem = format!("the array ends inside a record of {fields} fields");
        return Err(text.inconsistent(text.offset(), problem));
    }
    Ok(records)
}

/// What several threads found in a mapped array.
pub(super) struct Parallel<S> {
    pub(super) sinks: Vec<S>,
    /// Position of the closing bracket.
    pub(super) end: usize,
}

/// Reads the array of `records` records that begins at `start` (behind `[`) of a map, on all threads of the current pool.
///
/// None if anything is out of the ordinary: the caller then reads front to back, which finds out what.
pub(super) fn read_parallel<C: Crew>(
    (map, start): (&[u8], usize),
    (fields, records): (usize, u64),
    kernel: Kernel,
    crew: &C,
    progress: &AtomicU64,
    first_job: impl FnOnce() + Send,
) -> Option<Parallel<C::Sink>> {
    let numbers_before = prefix_counts(map.len() - start);
    let chunks = Chunks { map, start, fields: fields as u64, next: AtomicUsize::new(0), numbers_before, kernel };
    let sinks = Mutex::new(Vec::new());
    let end = Mutex::new(None);
    let work = || {
        let mut sink = crew.sink();
        let mut ends = Vec::new();
        let guard = StopOnPanic(&chunks);
        while let Some(mut chunk) = chunks.take(crew, &mut sink, &mut ends) {
            progress.fetch_add((chunk.to - chunk.from) as u64, Ordering::Relaxed);
            if chunks.read(&mut chunk, &mut ends, &mut sink).is_none() {
                chunks.poison();
                return;
            }
            if chunk.last {
                if let Ok(mut end) = end.lock() {
                    *end = Some((chunk.to, chunk.numbers));
                }
                break;
            }
        }
        drop(guard);
        if let Ok(mut sinks) = sinks.lock() {
            sinks.push(sink);
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
    let sinks = sinks.into_inner().ok()?;
    let whole = records.checked_mul(fields as u64) == Some(numbers);
    (whole && !chunks.poisoned()).then_some(Parallel { sinks, end })
}

/// The array in pieces of [`CHUNK`] bytes, and how many numbers end before each piece.
///
/// A worker takes a piece, finds where the numbers in it end, waits for the count of the piece before it, publishes the sum, and knows
/// which field its first number is. Only then are the numbers decoded, so nobody waits for long.
struct Chunks<'m> {
    map: &'m [u8],
    start: usize,
    fields: u64,
    next: AtomicUsize,
    /// One more than the count, 0 while it is unknown, [`NONE`] behind the end of the array.
    numbers_before: Vec<AtomicU64>,
    kernel: Kernel,
}

const NONE: u64 = u64::MAX;

/// Between looks at a count that others are long in finding.
const PAUSE: Duration = Duration::from_micros(50);

fn prefix_counts(bytes: usize) -> Vec<AtomicU64> {
    let counts: Vec<AtomicU64> = (0..bytes.div_ceil(CHUNK) + 1).map(|_| AtomicU64::new(0)).collect();
    counts[0].store(1, Ordering::Release);
    counts
}

/// A piece that a worker has taken.
struct Chunk {
    from: usize,
    to: usize,
    /// Numbers at its beginning that belong to the record before.
    skip: usize,
    /// Records that begin in it.
    records: usize,
    /// Numbers that end up to its end.
    numbers: u64,
    /// The array ends at `to`.
    last: bool,
    /// Behind the piece.
    state: NumberState,
    /// Some number has a minus sign.
    signed: bool,
}

impl Chunks<'_> {
    /// Takes the next piece. `ends` are those of its numbers then, in the text that begins [`BEHIND`] bytes before it.
    fn take<C: Crew>(&self, crew: &C, sink: &mut C::Sink, ends: &mut Vec<u32>) -> Option<Chunk> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let from = self.start + index.checked_mul(CHUNK)?;
        if from >= self.map.len() {
            return None;
        }
        let to = self.map.len().min(from + CHUNK);
        // One byte more: what follows a sign tells whether it is one.
        let text = &self.map[from - BEHIND..self.map.len().min(to + 1)];
        let mut state = if index == 0 { NumberState::START } else { NumberState::behind(&text[..BEHIND]) };
        let mut signed = false;
        ends.clear();
        let stop = find_ends::<C::Sink>(self.kernel, (text, BEHIND, BEHIND + to - from), &mut state, ends, &mut signed);
        let to = stop.map_or(to, |stop| from - BEHIND + stop.at);
        let numbers_before = self.wait(index)?;
        let numbers = numbers_before + ends.len() as u64;
        let first = numbers_before.div_ceil(self.fields);
        let records = usize::try_from(numbers.div_ceil(self.fields) - first).ok()?;
        let skip = usize::try_from(first * self.fields - numbers_before).ok()?;
        let last = stop.is_some();
        let closed = !last || self.map[to] == b']' && (state.number_before() || numbers == 0);
        if !closed || crew.claim(sink, records).is_none() {
            self.poison();
            return None;
        }
        self.numbers_before[index + 1].store(if last { NONE } else { numbers + 1 }, Ordering::Release);
        sink.begin(records);
        Some(Chunk { from, to, skip, records, numbers, last, state, signed })
    }

    /// The count before a piece; None behind the end of the array.
    fn wait(&self, index: usize) -> Option<u64> {
        let mut spins = 0_u32;
        loop {
            match self.numbers_before[index].load(Ordering::Acquire) {
                0 => {
                    spins += 1;
                    // The one waited for may have lost its processor to others, and a machine that is shared gives it none while this
                    // one is kept busy.
                    match spins {
                        ..100 => std::hint::spin_loop(),
                        100..2_000 => std::thread::yield_now(),
                        _ => std::thread::sleep(PAUSE),
                    }
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

    /// Decodes the records that begin in the piece, whose numbers' ends are known.
    fn read<S: Sink>(&self, chunk: &mut Chunk, ends: &mut Vec<u32>, sink: &mut S) -> Option<()> {
        let fields = usize::try_from(self.fields).ok()?;
        let wanted = chunk.skip + chunk.records * fields;
        let base = chunk.from - BEHIND;
        let text = &self.map[base..self.map.len().min(chunk.to + CHUNK)];
        if chunk.records > 0 && ends.len() < wanted {
            self.complete::<S>(text, chunk, ends, wanted)?;
        }
        let ends = ends.get(chunk.skip..).unwrap_or_default();
        for ends in ends.chunks((BATCH / fields).max(1) * fields) {
            sink.add(&Batch { text, ends, base: base as u64, signed: chunk.signed }).ok()?;
        }
        Some(())
    }

    /// Reads on behind a piece until its last record is complete, with as many ends as are wanted.
    fn complete<S: Sink>(&self, text: &[u8], chunk: &mut Chunk, ends: &mut Vec<u32>, wanted: usize) -> Option<()> {
        let mut at = chunk.to + BEHIND - chunk.from;
        while !chunk.last && ends.len() < wanted && at < text.len() {
            let next = text.len().min(at + 64);
            let stop = find_ends::<S>(self.kernel, (text, at, next), &mut chunk.state, ends, &mut chunk.signed);
            ends.truncate(wanted);
            if stop.is_some() && ends.len() < wanted {
                return None;
            }
            at = next;
        }
        (ends.len() == wanted).then_some(())
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
