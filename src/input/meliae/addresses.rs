//! A set of addresses: bit maps of the stretches of memory they lie in.
//!
//! Objects are aligned to eight bytes and lie close together in arenas, so a bit for each eight bytes of the stretches that hold
//! any takes some four to eight bytes an object, where a table of addresses would take twenty.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// A stretch of 32 KiB, a bit for each eight bytes.
type Page = [u64; 64];
const PAGE_SHIFT: u32 = 15;
const EMPTY: u32 = u32::MAX;

/// A set of addresses.
#[derive(Debug)]
pub(super) struct Addresses {
    /// Number of each page, and its place in `pages`; a power of two of entries, at most half of them taken.
    table: Vec<(u64, u32)>,
    pages: Vec<Page>,
    /// Odd, and another in every process: no file can be made whose pages all fall on one place of the table.
    factor: u64,
    /// Addresses that are not multiples of eight.
    unaligned: HashSet<u64>,
}

impl Default for Addresses {
    fn default() -> Self {
        let factor = RandomState::new().hash_one(PAGE_SHIFT) | 1;
        Self { table: vec![(0, EMPTY); 256], pages: Vec::new(), factor, unaligned: HashSet::new() }
    }
}

impl Addresses {
    /// Adds an address; false if it was there.
    #[inline]
    pub(super) fn insert(&mut self, address: u64) -> bool {
        let Some((number, word, bit)) = place(address) else { return self.unaligned.insert(address) };
        let mut slot = self.slot(number);
        if self.table[slot].1 == EMPTY {
            slot = self.add_page(number, slot);
        }
        let word = &mut self.pages[self.table[slot].1 as usize][word];
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether an address is in the set.
    #[inline]
    pub(super) fn contains(&self, address: u64) -> bool {
        let Some((number, word, bit)) = place(address) else { return self.unaligned.contains(&address) };
        let page = self.table[self.slot(number)].1;
        self.pages.get(page as usize).is_some_and(|page| page[word] & bit != 0)
    }

    /// The entry of a page, or the free one where it would be.
    #[inline]
    fn slot(&self, number: u64) -> usize {
        let mask = self.table.len() - 1;
        // The high bits of the product depend on all bits of the number.
        let mut slot = (number.wrapping_mul(self.factor) >> 32) as usize & mask;
        while self.table[slot].1 != EMPTY && self.table[slot].0 != number {
            slot = (slot + 1) & mask;
        }
        slot
    }

    #[cold]
    fn add_page(&mut self, number: u64, mut slot: usize) -> usize {
        if self.pages.len() * 2 >= self.table.len() {
            let larger = vec![(0, EMPTY); self.table.len() * 2];
            for entry in std::mem::replace(&mut self.table, larger).into_iter().filter(|entry| entry.1 != EMPTY) {
                let slot = self.slot(entry.0);
                self.table[slot] = entry;
            }
            slot = self.slot(number);
        }
        // Four billion pages would be two terabytes.
        let page = u32::try_from(self.pages.len()).unwrap_or(EMPTY - 1);
        self.table[slot] = (number, page);
        self.pages.push([0; 64]);
        slot
    }
}

/// Number of the page, word in it and bit in that of an address; None if it is not a multiple of eight.
#[inline(always)]
fn place(address: u64) -> Option<(u64, usize, u64)> {
    let unit = address >> 3;
    (address & 7 == 0).then_some((address >> PAGE_SHIFT, (unit >> 6 & 63) as usize, 1 << (unit & 63)))
}
