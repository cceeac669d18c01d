//! Which objects of two snapshots are the same.
//!
//! V8 gives every JavaScript object an odd id when a snapshot first sees it, and the object keeps it. Even ids belong to native
//! nodes, are given anew in each snapshot, and are compared by type, name and size instead.
//!
//! The later snapshot is read first: its odd ids become a bit map, three megabytes for 24 million objects. Then what the earlier
//! one has and the map lacks is *gone*, known while the earlier one is read. Ids only rise, so what has a higher id than any
//! object of the earlier one came *later*; because that highest id is not known yet, the later one keeps a [`Journal`] of its
//! objects above a lower bound, which a sample of the earlier one gives. That the bound was one, and that no id at or below the
//! highest is new, is not taken for granted: it is counted.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::report::Moved;

/// A set of odd ids.
#[derive(Debug, Clone, Default)]
pub struct IdSet {
    /// Bit maps of 4,096 consecutive odd ids each.
    pages: Vec<Option<Box<Page>>>,
    /// Ids from 2^32, sorted once the set is complete.
    far: Vec<u64>,
}

type Page = [u64; 64];
/// Of an id, which begins with a bit that is always set: of 64 consecutive odd ids the word is the same, of 4,096 the page.
const WORD_SHIFT: u32 = 7;
const PAGE_SHIFT: u32 = 13;

/// Page and word of an id below 2^32.
#[inline]
fn place(id: u64) -> (usize, usize) {
    #[expect(clippy::cast_possible_truncation, reason = "ids below 2^32 only")]
    let id = id as u32;
    ((id >> PAGE_SHIFT) as usize, (id >> WORD_SHIFT & 63) as usize)
}

/// Bit of an id in its word.
#[inline]
fn bit(id: u64) -> u64 {
    1 << (id >> 1 & 63)
}

/// Whether an id is odd and has a place on a page.
#[inline(always)]
fn is_near(id: u64) -> bool {
    id & 1 == 1 && id <= u64::from(u32::MAX)
}

/// Some ids, looked at once for what most batches are: odd throughout, and small enough for a page.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    ids: &'a [u64],
    near: bool,
    odd: bool,
}

impl<'a> Batch<'a> {
    /// Looks at ids, without a branch an id.
    #[must_use]
    pub fn of(ids: &'a [u64]) -> Self {
        let (and, or) = ids.iter().fold((u64::MAX, 0), |(and, or), id| (and & id, or | id));
        let odd = and & 1 == 1;
        Self { ids, near: odd && or <= u64::from(u32::MAX), odd }
    }

    /// Whether all are odd.
    #[must_use]
    pub fn is_odd(&self) -> bool {
        self.odd
    }

    /// The highest odd id; 0 if there is none.
    #[must_use]
    pub fn odd_max(&self) -> u64 {
        if self.near {
            // Half as wide, which takes a fourth of the time.
            #[expect(clippy::cast_possible_truncation, reason = "ids below 2^32 only")]
            let highest = self.ids.iter().fold(0, |highest: u32, &id| highest.max(id as u32));
            return u64::from(highest);
        }
        self.ids.iter().copied().filter(|id| id & 1 == 1).max().unwrap_or(0)
    }

    /// Calls `f` with the odd ids in order, those together that share a word of a page.
    ///
    /// Neighbours in a snapshot mostly do: what is looked up is looked up once for all of them.
    #[inline(always)]
    fn for_each_run(&self, mut f: impl FnMut(Run)) {
        let Self { ids, near: plain, .. } = *self;
        let mut at = 0;
        while let Some(&id) = ids.get(at) {
            if !plain && !is_near(id) {
                if id & 1 == 1 {
                    f(Run::Far(at));
                }
                at += 1;
                continue;
            }
            let (from, word_of_all) = (at, id >> WORD_SHIFT);
            let mut bits = 0;
            while let Some(&id) = ids.get(at).filter(|&&id| id >> WORD_SHIFT == word_of_all && (plain || is_near(id))) {
                bits |= bit(id);
                at += 1;
            }
            let (page, word) = place(id);
            f(Run::Near { page, word, bits, ids: from..at });
        }
    }
}

/// Odd ids next to each other in a batch.
enum Run {
    /// Some that share a word of a page: the bits of those that occur, and where in the batch they are.
    Near { page: usize, word: usize, bits: u64, ids: Range<usize> },
    /// One that has no place on a page, by its place in the batch.
    Far(usize),
}

impl IdSet {
    /// Adds the odd ones of some ids.
    pub fn insert_odd(&mut self, batch: Batch<'_>) {
        batch.for_each_run(|run| match run {
            Run::Near { page, word, bits, .. } => {
                if page >= self.pages.len() {
                    self.pages.resize_with(page + 1, || None);
                }
                self.pages[page].get_or_insert_with(|| Box::new([0; 64]))[word] |= bits;
            }
            Run::Far(at) => self.far.push(batch.ids[at]),
        });
    }

    /// Calls `f` with the place of each odd id that the set lacks. Call [`IdSet::finish`] first.
    pub fn for_each_lacking(&self, batch: Batch<'_>, mut f: impl FnMut(usize)) {
        batch.for_each_run(|run| match run {
            Run::Near { page, word, bits, ids } => {
                let lacking = bits & !self.page(page)[word];
                if lacking != 0 {
                    ids.filter(|&at| bit(batch.ids[at]) & lacking != 0).for_each(&mut f);
                }
            }
            Run::Far(at) if !self.contains(batch.ids[at]) => f(at),
            Run::Far(_) => {}
        });
    }

    /// Whether an odd id is in the set. Call [`IdSet::finish`] first.
    #[inline]
    #[must_use]
    pub fn contains(&self, id: u64) -> bool {
        if id > u64::from(u32::MAX) {
            return self.far.binary_search(&id).is_ok();
        }
        let (page, word) = place(id);
        self.page(page)[word] & bit(id) != 0
    }

    /// A page; an empty one where the set has none.
    #[inline]
    fn page(&self, number: usize) -> &Page {
        self.pages.get(number).and_then(Option::as_ref).map_or(&[0; 64], |page| &**page)
    }

    /// Takes in the ids of another set.
    pub fn merge(&mut self, other: Self) {
        if self.pages.len() < other.pages.len() {
            self.pages.resize_with(other.pages.len(), || None);
        }
        for (mine, theirs) in self.pages.iter_mut().zip(other.pages) {
            match (mine, theirs) {
                (Some(mine), Some(theirs)) => mine.iter_mut().zip(*theirs).for_each(|(a, b)| *a |= b),
                (mine @ None, theirs) => *mine = theirs,
                (Some(_), None) => {}
            }
        }
        self.far.extend(other.far);
    }

    /// Makes the set ready for look-ups.
    pub fn finish(&mut self) {
        self.far.sort_unstable();
        self.far.dedup();
    }
}

/// What identifies the objects of a snapshot.
#[derive(Debug, Default)]
pub struct Identity {
    /// A sample of the odd ids, to tell processes apart: see [`Sampled`].
    pub sample: Vec<Sampled>,
    /// Distance of the sample: it holds the ids whose number among the odd ones is a multiple of it (`id >> 1`). A power of two.
    pub stride: u64,
    /// The odd ids, if they were asked for.
    pub ids: Option<IdSet>,
    /// Number of objects with odd ids.
    pub odd: u64,
    /// Native nodes: how many of each group and size, sorted.
    pub natives: Vec<(NativeKey, u64)>,
    /// The objects with odd ids above a bound, if the ids were asked for.
    pub journal: Option<Journal>,
    /// By group: the objects with odd ids that a given set lacks.
    pub lacking: Option<Vec<Moved>>,
}

impl Identity {
    /// Follows groups that were put together: `new_of` is the new number of each, `groups` how many there are now.
    pub fn regroup(&mut self, new_of: &[u32], groups: usize) {
        let new = |group: u32| new_of.get(group as usize).copied().unwrap_or(u32::MAX);
        let mut natives: BTreeMap<NativeKey, u64> = BTreeMap::new();
        for (key, count) in std::mem::take(&mut self.natives) {
            *natives.entry(NativeKey { group: new(key.group), ..key }).or_default() += count;
        }
        self.natives = natives.into_iter().collect();
        for segment in self.journal.iter_mut().flat_map(|journal| &mut journal.segments) {
            segment.groups = segment.groups.iter().map(|&group| new(group)).collect();
        }
        if let Some(lacking) = &mut self.lacking {
            let mut merged = vec![Moved::default(); groups];
            for (moved, &group) in lacking.iter().zip(new_of) {
                merged[group as usize].add(*moved);
            }
            *lacking = merged;
        }
    }
}

/// Group and size of a native node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NativeKey {
    /// Index of the group.
    pub group: u32,
    /// Self size in bytes.
    pub self_size: u64,
}

/// One object of the sample that tells processes apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sampled {
    /// Its id.
    pub id: u64,
    /// Hash of its type and name.
    pub hash: u64,
}

/// What the objects of a snapshot are to be remembered for.
#[derive(Debug, Clone, Copy)]
pub enum Identify<'a> {
    /// Nothing.
    No,
    /// Telling processes apart.
    Sample,
    /// Also telling what another snapshot has and this one lacks; and which objects came after it, if no id at or below the
    /// given one did.
    Ids(u64),
    /// Also finding out which of them a given set lacks.
    Against(&'a IdSet),
}

/// Id, group and size of objects with odd ids, in the order of the file, in about six bytes each.
#[derive(Debug, Default)]
pub struct Journal {
    /// The objects have ids above this one.
    pub above: u64,
    /// In no particular order.
    pub segments: Vec<Segment>,
}

/// A part of a journal: columns of 16-bit codes. A code of all ones stands for a wide value: ids are read in sequence and have
/// theirs in sequence too, slots and sizes are looked up for few objects and have theirs by place.
#[derive(Debug, Default)]
pub struct Segment {
    id_steps: Vec<u16>,
    slots: Vec<u16>,
    sizes: Vec<u16>,
    wide_ids: Vec<u64>,
    wide_slots: Vec<(usize, u64)>,
    wide_sizes: Vec<(usize, u64)>,
    last_id: u64,
    groups: std::sync::Arc<[u32]>,
}

const WIDE: u16 = u16::MAX;

/// The code of a value.
#[inline(always)]
fn code(value: u64) -> u16 {
    u16::try_from(value).unwrap_or(WIDE)
}

/// Appends the codes of values, and those that have none to `wide`, with their places.
fn encode(values: impl Iterator<Item = u64> + Clone, codes: &mut Vec<u16>, wide: &mut Vec<(usize, u64)>) {
    let old = codes.len();
    codes.extend(values.clone().map(code));
    if codes[old..].contains(&WIDE) {
        wide.extend((old..).zip(values).filter(|&(_, value)| code(value) == WIDE));
    }
}

/// The value at a place.
fn decode(place: usize, codes: &[u16], wide: &[(usize, u64)]) -> u64 {
    match codes[place] {
        WIDE => wide.binary_search_by_key(&place, |&(place, _)| place).map_or(0, |found| wide[found].1),
        code => u64::from(code),
    }
}

/// Where steps begin: odd, as all ids are.
const FIRST: u64 = 1;

impl Segment {
    /// An empty segment with room for a number of objects.
    #[must_use]
    pub fn with_capacity(objects: usize) -> Self {
        Self {
            id_steps: Vec::with_capacity(objects),
            slots: Vec::with_capacity(objects),
            sizes: Vec::with_capacity(objects),
            last_id: FIRST,
            ..Self::default()
        }
    }

    /// How many more objects fit without another allocation.
    #[must_use]
    pub fn room(&self) -> usize {
        self.sizes.capacity() - self.sizes.len()
    }

    /// The segment with the group of each slot, once names are known.
    #[must_use]
    pub fn with_groups(self, groups: &std::sync::Arc<[u32]>) -> Self {
        Self { groups: std::sync::Arc::clone(groups), ..self }
    }

    /// Appends the objects with odd ids. Ids mostly rise by small even steps; those that don't are written whole.
    pub fn push_odd(&mut self, batch: Batch<'_>, slots: &[u32], self_sizes: &[u64]) {
        let ids = batch.ids;
        if !batch.odd {
            let odd: Vec<usize> = (0..ids.len()).filter(|&i| ids[i] & 1 == 1).collect();
            let column = |values: &[u64]| odd.iter().map(|&i| values[i]).collect::<Vec<u64>>();
            let slots: Vec<u32> = odd.iter().map(|&i| slots[i]).collect();
            return self.push_odd(Batch::of(&column(ids)), &slots, &column(self_sizes));
        }
        let old = self.id_steps.len();
        let mut last_id = self.last_id;
        self.id_steps.extend(ids.iter().map(|&id| code(id.wrapping_sub(std::mem::replace(&mut last_id, id)) >> 1)));
        self.last_id = last_id;
        if self.id_steps[old..].contains(&WIDE) {
            let steps = self.id_steps[old..].iter().zip(ids);
            self.wide_ids.extend(steps.filter(|&(&step, _)| step == WIDE).map(|(_, &id)| id));
        }
        encode(slots.iter().map(|&slot| u64::from(slot)), &mut self.slots, &mut self.wide_slots);
        encode(self_sizes.iter().copied(), &mut self.sizes, &mut self.wide_sizes);
    }

    /// Calls `f` with slot and size of each object with an id above a given one.
    fn for_each_above(&self, above: u64, mut f: impl FnMut(u64, u64)) {
        let mut wide_ids = self.wide_ids.iter();
        let mut id = FIRST;
        for (at, &step) in self.id_steps.iter().enumerate() {
            id = if step == WIDE { wide_ids.next().copied().unwrap_or(id) } else { id.wrapping_add(u64::from(step) << 1) };
            if id > above {
                f(decode(at, &self.slots, &self.wide_slots), decode(at, &self.sizes, &self.wide_sizes));
            }
        }
    }
}

impl Journal {
    /// By group: the objects with ids above a given one; None if the journal does not go so far down.
    #[must_use]
    pub fn above(&self, id: u64, groups: usize) -> Option<Vec<Moved>> {
        use rayon::prelude::*;
        let empty = || vec![Moved::default(); groups];
        let count = |mut above: Vec<Moved>, segment: &Segment| {
            segment.for_each_above(id, |slot, self_size| {
                let group = usize::try_from(slot).ok().and_then(|slot| segment.groups.get(slot));
                if let Some(moved) = group.and_then(|&group| above.get_mut(group as usize)) {
                    moved.count += 1;
                    moved.size += self_size;
                }
            });
            above
        };
        let merge = |mut a: Vec<Moved>, b: Vec<Moved>| {
            for (a, b) in a.iter_mut().zip(b) {
                a.count += b.count;
                a.size += b.size;
            }
            a
        };
        (id >= self.above).then(|| self.segments.par_iter().fold(empty, count).reduce(empty, merge))
    }
}

/// Share of sampled ids two snapshots have in common, and share of those with equal type and name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Sampled ids in both.
    pub common: usize,
    /// Sampled ids in the smaller of the two samples.
    pub of: usize,
    /// Those of `common` that have equal type and name.
    pub equal: usize,
}

/// Compares the samples of two snapshots.
#[must_use]
pub fn agreement(a: &Identity, b: &Identity) -> Agreement {
    let stride = a.stride.max(b.stride).max(1);
    let taken = |identity: &Identity| -> HashMap<u64, u64> {
        identity.sample.iter().filter(|s| (s.id >> 1) & (stride - 1) == 0).map(|s| (s.id, s.hash)).collect()
    };
    let (a, b) = (taken(a), taken(b));
    let mut agreement = Agreement { common: 0, of: a.len().min(b.len()), equal: 0 };
    #[expect(clippy::iter_over_hash_type, reason = "counts do not depend on the order")]
    for (id, hash) in &a {
        if let Some(other) = b.get(id) {
            agreement.common += 1;
            agreement.equal += usize::from(hash == other);
        }
    }
    agreement
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn ids() -> impl Strategy<Value = Vec<u64>> {
        let id = prop_oneof![0_u64..10_000, 0_u64..40, any::<u64>(), u64::from(u32::MAX) - 5..u64::from(u32::MAX) + 5];
        prop::collection::vec(id, 0..300)
    }

    proptest! {
        #[test]
        fn a_set_holds_the_odd_ids_it_was_given(given in ids(), more in ids(), others in ids()) {
            let (mut set, mut other) = (IdSet::default(), IdSet::default());
            set.insert_odd(Batch::of(&given));
            other.insert_odd(Batch::of(&more));
            set.merge(other);
            set.finish();
            let expected: BTreeSet<u64> = given.iter().chain(&more).copied().filter(|id| id & 1 == 1).collect();
            for id in given.iter().chain(&more).chain(&others).filter(|&id| id & 1 == 1) {
                prop_assert_eq!(set.contains(*id), expected.contains(id));
            }
            let mut lacking = Vec::new();
            set.for_each_lacking(Batch::of(&others), |at| lacking.push(others[at]));
            let absent: Vec<u64> = others.iter().copied().filter(|id| id & 1 == 1 && !expected.contains(id)).collect();
            prop_assert_eq!(lacking, absent);
        }

        #[test]
        fn a_journal_gives_back_what_was_written(
            objects in prop::collection::vec((prop_oneof![0_u64..10_000, any::<u64>()], prop_oneof![0_u32..9, any::<u32>()],
                prop_oneof![0_u64..200, any::<u64>()]), 0..200),
            cut in 0_usize..200,
            above in prop_oneof![Just(0), 0_u64..10_000],
        ) {
            let mut segment = Segment::with_capacity(objects.len());
            let cut = cut.min(objects.len());
            for part in [&objects[..cut], &objects[cut..]] {
                let column = |f: fn(&(u64, u32, u64)) -> u64| part.iter().map(f).collect::<Vec<u64>>();
                let slots: Vec<u32> = part.iter().map(|object| object.1).collect();
                segment.push_odd(Batch::of(&column(|object| object.0)), &slots, &column(|object| object.2));
            }
            let mut read = Vec::new();
            segment.for_each_above(above, |slot, size| read.push((slot, size)));
            let young = objects.iter().filter(|o| o.0 & 1 == 1 && o.0 > above);
            let expected: Vec<(u64, u64)> = young.map(|&(_, slot, size)| (u64::from(slot), size)).collect();
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn what_is_young_is_counted_by_group() {
        let mut segment = Segment::with_capacity(4);
        segment.push_odd(Batch::of(&[1, 3, 5, 8, 7]), &[1, 2, 1, 1, 2], &[10, 20, 30, 40, 50]);
        let groups: Arc<[u32]> = vec![u32::MAX, 0, 1].into();
        let journal = Journal { above: 1, segments: vec![segment.with_groups(&groups)] };
        assert_eq!(journal.above(3, 2), Some(vec![Moved { count: 1, size: 30 }, Moved { count: 1, size: 50 }]));
        assert_eq!(journal.above(0, 2), None);
    }
}
