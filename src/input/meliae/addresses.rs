//! A set of addresses: bit maps of the stretches of memory they lie in.
//!
//! Objects are aligned to eight bytes and lie close together in arenas, so a bit for each eight bytes of the stretches that hold
//! any takes some four to eight bytes an object, where a table of addresses would take twenty.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// A stretch of 16 KiB, a bit for each eight bytes. With its entry in the table it takes less than five times the text of the one
/// record that may be all it holds.
type Page = [u64; 32];
const PAGE_SHIFT: u32 = 14;
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
        self.pages.push([0; 32]);
        slot
    }
}

/// Number of the page, word in it and bit in that of an address; None if it is not a multiple of eight.
#[inline(always)]
fn place(address: u64) -> Option<(u64, usize, u64)> {
    let unit = address >> 3;
    (address & 7 == 0).then_some((address >> PAGE_SHIFT, (unit >> 6 & 31) as usize, 1 << (unit & 63)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn addresses() -> impl Strategy<Value = Vec<u64>> {
        let near = (0_u64..200_000).prop_map(|unit| (1 << 47) + 8 * unit);
        prop::collection::vec(prop_oneof![near, 0_u64..100, any::<u64>(), any::<u64>().prop_map(|address| address & !7)], 0..600)
    }

    proptest! {
        #[test]
        fn a_set_holds_what_was_put_in(given in addresses(), others in addresses()) {
            let (mut set, mut expected) = (Addresses::default(), BTreeSet::new());
            for &address in &given {
                prop_assert_eq!(set.insert(address), expected.insert(address));
            }
            for address in given.iter().chain(&others) {
                prop_assert_eq!(set.contains(*address), expected.contains(address));
            }
        }
    }
}
