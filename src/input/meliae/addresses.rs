//! A set of addresses: bit maps of the stretches of memory they lie in.
//!
//! Objects are aligned to eight bytes and lie close together in arenas, so a bit for each eight bytes of the stretches that hold
//! any takes some four bytes an object, where a table of addresses would take twenty. Addresses that no allocator would give, few
//! in a stretch or not aligned, are in such a table.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// A stretch of 256 KiB, the arena of CPython up to 3.9: a bit for each eight bytes.
type Page = [u64; 512];
const PAGE_SHIFT: u32 = 18;
const EMPTY: u32 = u32::MAX;
/// So many stretches have a bit map, and one more for so many addresses. A page in use has a thousand.
const PAGES_FREE: usize = 1024;
const ADDRESSES_A_PAGE: usize = 64;

/// A set of addresses.
#[derive(Debug)]
pub(super) struct Addresses {
    /// Number of each page, and its place in `pages`; a power of two of entries, at most an eighth of them taken.
    table: Vec<(u64, u32)>,
    pages: Vec<Page>,
    /// Odd, and another in every process: no file can be made whose pages all fall on one place of the table.
    factor: u64,
    /// Addresses that are on no page.
    scattered: HashSet<u64>,
    len: usize,
}

/// Numbers for the addresses of a set, which must not change.
#[derive(Debug)]
pub(super) struct Ranks {
    /// Addresses on pages before each word.
    words: Vec<u32>,
    /// Addresses on pages.
    on_pages: usize,
    /// The others, ascending.
    scattered: Vec<u64>,
}

impl Default for Addresses {
    fn default() -> Self {
        let factor = RandomState::new().hash_one(PAGE_SHIFT) | 1;
        Self { table: vec![(0, EMPTY); 1024], pages: Vec::new(), factor, scattered: HashSet::new(), len: 0 }
    }
}

impl Addresses {
    /// Adds an address; false if it was there.
    #[inline]
    pub(super) fn insert(&mut self, address: u64) -> bool {
        let (number, word, bit) = place(address);
        let mut page = self.table[self.slot(number)].1;
        if page == EMPTY || address & 7 != 0 {
            if address & 7 != 0 || self.pages.len() >= PAGES_FREE + self.len / ADDRESSES_A_PAGE {
                let new = !self.contains(address) && self.scattered.insert(address);
                self.len += usize::from(new);
                return new;
            }
            page = self.add_page(number);
        }
        let word = &mut self.pages[page as usize][word];
        let new = *word & bit == 0 && (self.scattered.is_empty() || !self.scattered.contains(&address));
        // One that came before its stretch had a page stays where it is.
        *word |= if new { bit } else { 0 };
        self.len += usize::from(new);
        new
    }

    /// Whether an address is in the set.
    #[inline]
    pub(super) fn contains(&self, address: u64) -> bool {
        let (number, word, bit) = place(address);
        let page = self.table[self.slot(number)].1;
        let on_page = address & 7 == 0 && self.pages.get(page as usize).is_some_and(|page| page[word] & bit != 0);
        on_page || !self.scattered.is_empty() && self.scattered.contains(&address)
    }

    /// What it takes to number the addresses.
    pub(super) fn ranks(&self) -> Ranks {
        let (mut words, mut before) = (Vec::with_capacity(self.pages.len() * 512), 0_usize);
        for word in self.pages.iter().flatten() {
            words.push(u32::try_from(before).unwrap_or(u32::MAX));
            before += word.count_ones() as usize;
        }
        let mut scattered: Vec<u64> = self.scattered.iter().copied().collect();
        scattered.sort_unstable();
        Ranks { words, on_pages: before, scattered }
    }

    /// The number of an address in the set: each has another, below their number.
    #[inline]
    pub(super) fn rank(&self, ranks: &Ranks, address: u64) -> Option<usize> {
        let (number, word, bit) = place(address);
        let page = self.table[self.slot(number)].1 as usize;
        if address & 7 == 0
            && let Some(words) = self.pages.get(page)
            && words[word] & bit != 0
        {
            let before = (words[word] & (bit - 1)).count_ones();
            return Some((ranks.words[page * words.len() + word] + before) as usize);
        }
        ranks.scattered.binary_search(&address).ok().map(|place| ranks.on_pages + place)
    }

    /// The entry of a page, or the free one where it would be.
    #[inline]
    fn slot(&self, number: u64) -> usize {
        let mask = self.table.len() - 1;
        // The high half of the product depends on all bits of the number.
        let mut slot = (number.wrapping_mul(self.factor) >> 32) as usize & mask;
        while self.table[slot].1 != EMPTY && self.table[slot].0 != number {
            slot = (slot + 1) & mask;
        }
        slot
    }

    #[cold]
    fn add_page(&mut self, number: u64) -> u32 {
        if self.pages.len() * 8 >= self.table.len() {
            let larger = vec![(0, EMPTY); self.table.len() * 2];
            for entry in std::mem::replace(&mut self.table, larger).into_iter().filter(|entry| entry.1 != EMPTY) {
                let slot = self.slot(entry.0);
                self.table[slot] = entry;
            }
        }
        // Four billion pages would be sixteen terabytes.
        let page = u32::try_from(self.pages.len()).unwrap_or(EMPTY - 1);
        let slot = self.slot(number);
        self.table[slot] = (number, page);
        self.pages.push([0; 512]);
        page
    }
}

/// Number of the page, word in it and bit in that of an address that is a multiple of eight.
#[inline(always)]
fn place(address: u64) -> (u64, usize, u64) {
    let unit = address >> 3;
    (address >> PAGE_SHIFT, (unit >> 6 & 511) as usize, 1 << (unit & 63))
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
            check(&given, &others);
        }
    }

    fn check(given: &[u64], others: &[u64]) {
        let (mut set, mut expected) = (Addresses::default(), BTreeSet::new());
        for &address in given {
            assert_eq!(set.insert(address), expected.insert(address));
        }
        let ranks = set.ranks();
        let mut numbers = BTreeSet::new();
        for address in given.iter().chain(others) {
            assert_eq!(set.contains(*address), expected.contains(address));
            let rank = set.rank(&ranks, *address);
            assert_eq!(rank.is_some(), expected.contains(address));
            numbers.extend(rank);
        }
        assert_eq!(numbers, (0..expected.len()).collect());
    }

    #[test]
    fn scattered_addresses_take_no_pages() {
        let scattered: Vec<u64> = (0..100_000_u64).map(|i| i << 40 | i << 3).collect();
        // Later ones close together, some of them in the table already, give pages to stretches that had none.
        let dense = (0..100_000).map(|i| (5_000 << 40) + 8 * i);
        let given: Vec<u64> = scattered.iter().copied().chain(dense).chain(scattered.iter().map(|address| address + 8)).collect();
        check(&given, &[1 << 63, 7, 5_000 << 40 | 1]);
        let mut set = Addresses::default();
        scattered.iter().for_each(|&address| assert!(set.insert(address)));
        assert!(set.pages.len() <= PAGES_FREE + scattered.len() / ADDRESSES_A_PAGE);
    }
}
