//! Slots of (slot, trace node) pairs: objects of one kind and name that one stack allocated.
//!
//! Objects of a stack lie together in a file, and most stacks allocate few types. A stack's first eight slots are a line of the
//! cache, found by the trace node's id, which is a small dense integer; what is more is found by hashing.

/// Most trace nodes that have a line.
const LINES_MAX: u64 = 1 << 20;
const IN_LINE: usize = 8;

/// The first slots of a trace node.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Line {
    /// Slots of kinds and names, 0 for none.
    of: [u32; IN_LINE],
    /// The slots of their pairs with the trace node.
    pairs: [u32; IN_LINE],
}

/// Slots by pair.
pub(super) struct Traced {
    lines: Vec<Line>,
    /// Trace nodes with ids below this have a line.
    lines_max: u32,
    /// The other pairs, 0 for none, and their slots: open addressing, at most half full.
    table: Vec<(u64, u32)>,
    in_table: usize,
}

const TABLE_MIN: usize = 1 << 10;

fn key(slot: u32, trace: u32) -> u64 {
    u64::from(slot) << 32 | u64::from(trace)
}

impl Traced {
    /// No pairs yet. There are lines for a fraction of the names a file may have: no file costs much more than it has bytes.
    pub(super) fn new(names_max: u64) -> Self {
        let lines_max = u32::try_from((names_max / 16).min(LINES_MAX)).unwrap_or(u32::MAX);
        Self { lines: Vec::new(), lines_max, table: Vec::new(), in_table: 0 }
    }

    /// Replaces slots by those of their pairs with trace nodes, up to the first pair that has none; returns how many. A slot without a
    /// trace node (0) stays.
    pub(super) fn slots(&self, traces: &[u32], slots: &mut [u32]) -> usize {
        for (i, (&trace, slot)) in traces.iter().zip(&mut *slots).enumerate() {
            if trace != 0 {
                let Some(of_pair) = self.get(*slot, trace) else { return i };
                *slot = of_pair;
            }
        }
        traces.len()
    }

    /// The slot of a pair, if it has one.
    #[inline(always)]
    pub(super) fn get(&self, slot: u32, trace: u32) -> Option<u32> {
        if let Some(line) = self.lines.get(trace as usize) {
            // All at once, without a branch for each; at most one is equal.
            let pair =
                line.of.iter().zip(&line.pairs).fold(0, |pair, (&of, &of_pair)| pair | if of == slot { of_pair } else { 0 });
            if pair != 0 {
                return Some(pair);
            }
        }
        self.in_table(slot, trace)
    }

    #[inline(never)]
    fn in_table(&self, slot: u32, trace: u32) -> Option<u32> {
        if self.table.is_empty() {
            return None;
        }
        let (found, of_pair) = self.table[self.place(key(slot, trace))];
        (found != 0).then_some(of_pair)
    }

    /// The place of a pair in the table, or the free one where it would stand.
    fn place(&self, key: u64) -> usize {
        let mask = self.table.len() - 1;
        // Fibonacci hashing: the middle bits depend on all of the key.
        let mut at = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        while self.table[at].0 != key && self.table[at].0 != 0 {
            at = (at + 1) & mask;
        }
        at
    }

    /// Gives a pair that has none a slot.
    pub(super) fn insert(&mut self, slot: u32, trace: u32, of_pair: u32) {
        if trace < self.lines_max {
            let lines = (trace as usize + 1).next_power_of_two();
            if self.lines.len() <= trace as usize {
                self.lines.resize(lines, Line::default());
            }
            let line = &mut self.lines[trace as usize];
            if let Some(free) = line.of.iter().position(|&of| of == 0) {
                line.of[free] = slot;
                line.pairs[free] = of_pair;
                return;
            }
        }
        if self.in_table * 2 >= self.table.len() {
            let larger = vec![(0, 0); (self.table.len() * 2).max(TABLE_MIN)];
            for (key, slot) in std::mem::replace(&mut self.table, larger) {
                if key != 0 {
                    let at = self.place(key);
                    self.table[at] = (key, slot);
                }
            }
        }
        let key = key(slot, trace);
        let at = self.place(key);
        self.table[at] = (key, of_pair);
        self.in_table += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pairs_keep_their_slots(
            pairs in prop::collection::vec((1_u32..40, prop_oneof![1_u32..9, 1_u32..5_000, any::<u32>()]), 0..2_000),
        ) {
            let (mut traced, mut expected) = (Traced::new(16 * 3_000), HashMap::new());
            for (number, &(slot, trace)) in (1_u32..).zip(pairs.iter().filter(|(_, trace)| *trace != 0)) {
                prop_assert_eq!(traced.get(slot, trace), expected.get(&(slot, trace)).copied());
                if let std::collections::hash_map::Entry::Vacant(vacant) = expected.entry((slot, trace)) {
                    vacant.insert(number);
                    traced.insert(slot, trace, number);
                }
            }
        }
    }
}
