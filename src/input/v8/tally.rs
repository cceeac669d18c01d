//! Counts and sizes by (kind, name), while names are still indexes of the string table.
//!
//! Names are dense small integers, so a table by name index leads to the group of a node without hashing. Each worker has a
//! tally of its own; they are merged when names are known.

use std::collections::HashMap;

use super::header::Header;
use super::samples::Ids;
use super::traced::Traced;
use super::traces::ById;
use crate::identity::{Batch, IdSet, Identify, Segment};
use crate::report::Moved;
use crate::scan::Records;

/// One (kind, name index) group.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// Kind, with [`DETACHED`] for detached native nodes.
    tag: u16,
    /// Next slot of the same name, 0 for none; of a trace node's slot, that of the same kind and name without one.
    next: u32,
    pub(super) name: u32,
    /// What tells it from other slots of its kind and name: the trace node that allocated its objects, unless [`super::Branches`] say
    /// otherwise; 0 if that is not known or was not asked for.
    pub(super) trace: u32,
    pub(super) count: u64,
    pub(super) self_size: u64,
    /// The part that the given id set lacks.
    pub(super) lacking: Moved,
}

const DETACHED: u16 = 1 << 15;
/// Tag of slot 0, which belongs to no group.
const NOBODY: u16 = u16::MAX;

impl Slot {
    fn new(tag: u16, next: u32, name: u32, trace: u32) -> Self {
        Self { tag, next, name, trace, count: 0, self_size: 0, lacking: Moved::default() }
    }

    pub(super) fn kind(&self) -> usize {
        usize::from(self.tag & !DETACHED)
    }

    pub(super) fn detached(&self) -> bool {
        self.tag & DETACHED != 0
    }

    /// The slot of the same kind and name that has no trace node, if it has one itself.
    pub(super) fn without_trace(&self) -> Option<usize> {
        (self.trace != 0).then_some(self.next as usize)
    }
}

/// How a kind's nodes find their slot.
#[derive(Clone, Copy)]
struct Rule {
    /// All ones if the name counts, zero if all nodes of the kind are one group.
    mask: u32,
    base: u32,
    native: bool,
    even_ids: bool,
}

/// A node that cannot be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A field does not fit 64 bits (32 for type and name).
    Overflow,
    /// The type is not in the header's list.
    Kind(u32),
    /// The sum of sizes passes 2^64.
    SumOverflow,
}

/// What a worker has counted.
pub(super) struct Tally<'a> {
    rules: Vec<Rule>,
    /// Slot of each name index, behind one entry per kind.
    heads: Vec<u32>,
    /// Slots of name indexes from `dense` on.
    far: HashMap<u32, u32>,
    dense: u32,
    /// Slots of trace nodes.
    traced: Traced,
    /// The trace nodes that stand for others.
    alike: Option<&'a ById>,
    /// Ids of the objects that are wanted, if not all are.
    ids: Option<Ids>,
    /// Sums of slots that [`Tally::settle`] has to add: many slots are in use at once, and these are a third of their size.
    unsettled: Vec<Moved>,
    pub(super) slots: Vec<Slot>,
    pub(super) nodes: u64,
    pub(super) self_size: u64,
    /// Highest name index seen.
    pub(super) name_max: u32,
    pub(super) odd_id_max: u64,
    /// An object of JavaScript's heap has an even id: these are not V8's ids, which rise with time.
    pub(super) foreign_ids: bool,
    slot_of: Vec<u32>,
    pub(super) identity: Option<IdentityTally<'a>>,
}

/// What a worker has noted of the objects' identity.
pub(super) struct IdentityTally<'a> {
    /// Distance of the sample, a power of two.
    pub(super) stride: u64,
    /// Id, slot and name index of the sampled objects.
    pub(super) sample: Vec<(u64, u32, u32)>,
    pub(super) ids: Option<IdSet>,
    pub(super) natives: HashMap<(u32, u64), u64>,
    /// Of the objects with ids above `above`.
    pub(super) journal: Option<Vec<Segment>>,
    pub(super) above: u64,
    /// Objects a segment of the journal has room for. Few large ones: the allocator takes a lock for each.
    segment_objects: usize,
    /// Number of odd ids.
    pub(super) odd: u64,
    pub(super) against: Option<&'a IdSet>,
    /// Columns of the objects that go to the journal.
    young: (Vec<u64>, Vec<u32>, Vec<u64>),
}

/// Objects in the sample that tells processes apart, at most about this many.
const SAMPLE: u64 = 1 << 12;

/// Most objects a segment of a journal makes room for at once.
const SEGMENT: usize = 1 << 19;

impl<'a> Tally<'a> {
    /// An empty tally. Name indexes below `dense` use a table, others a map: no snapshot of so many bytes holds more names.
    pub(super) fn new(header: &Header, dense: u64, identify: Identify<'a>) -> Self {
        let kinds = u32::try_from(header.kinds.len()).unwrap_or(u32::MAX);
        let rules = (0..).zip(&header.kinds).map(|(number, kind)| Rule {
            mask: if kind.folded { 0 } else { u32::MAX },
            base: if kind.folded { number } else { kinds },
            native: kind.native && header.has_detachedness,
            even_ids: kind.even_ids,
        });
        let identity = match identify {
            Identify::No => None,
            Identify::Sample => Some((None, None)),
            Identify::Ids(above) => Some((Some(above), None)),
            Identify::Against(ids) => Some((None, Some(ids))),
        };
        Self {
            rules: rules.collect(),
            heads: vec![0; header.kinds.len()],
            far: HashMap::new(),
            dense: u32::try_from(dense).unwrap_or(u32::MAX - kinds - 1),
            traced: Traced::new(dense),
            alike: None,
            ids: None,
            unsettled: Vec::new(),
            slots: vec![Slot::new(NOBODY, 0, 0, 0)],
            nodes: 0,
            self_size: 0,
            name_max: 0,
            odd_id_max: 0,
            foreign_ids: false,
            slot_of: Vec::new(),
            identity: identity.map(|(above, against)| IdentityTally {
                stride: (header.node_count / SAMPLE).max(1).next_power_of_two(),
                sample: Vec::new(),
                ids: above.map(|_| IdSet::default()),
                natives: HashMap::new(),
                journal: above.map(|_| Vec::new()),
                above: above.unwrap_or(0),
                segment_objects: usize::try_from(header.node_count / 8).unwrap_or(usize::MAX).min(SEGMENT),
                odd: 0,
                against,
                young: Default::default(),
            }),
        }
    }

    /// The slot of each record that was added last.
    pub(super) fn slot_of(&self) -> &[u32] {
        &self.slot_of
    }

    /// The tally, for objects with certain ids; all others are put together under the header's last kind.
    pub(super) fn with_ids(self, ids: Option<Ids>) -> Self {
        Self { ids, ..self }
    }

    /// The tally, with objects of some trace nodes counted as those of others.
    pub(super) fn with_alike(self, alike: Option<&'a ById>) -> Self {
        Self { alike, ..self }
    }

    /// Makes room for a number of nodes that are to be added.
    pub(super) fn begin(&mut self, nodes: usize) {
        let Some(identity) = &mut self.identity else { return };
        let segment_objects = identity.segment_objects;
        if let Some(journal) = &mut identity.journal
            && journal.last().is_none_or(|segment| segment.room() < nodes)
        {
            journal.push(Segment::with_capacity(nodes.max(segment_objects)));
        }
    }

    /// Counts records.
    pub(super) fn add(&mut self, records: &mut Records) -> Result<(), Fault> {
        if records.overflow {
            return Err(Fault::Overflow);
        }
        if let Some(ids) = self.ids {
            self.leave_out(ids, records)?;
        }
        let overflow = if records.trace.is_empty() {
            self.count::<false>(records)?
        } else {
            let overflow = self.count::<true>(records)?;
            self.branch_out(records);
            overflow
        };
        let batch = Batch::of(&records.id);
        let odd_id_max = batch.odd_max();
        self.odd_id_max = self.odd_id_max.max(odd_id_max);
        if !self.foreign_ids && !batch.is_odd() {
            let even = records.id.iter().zip(&records.kind).filter(|(id, _)| *id & 1 == 0);
            self.foreign_ids = even.into_iter().any(|(_, &kind)| !self.rules[kind as usize].even_ids);
        }
        if let Some(identity) = &mut self.identity {
            identity.add((batch, odd_id_max), records, &self.slot_of, &mut self.slots);
        }
        if overflow { Err(Fault::SumOverflow) } else { Ok(()) }
    }

    /// Puts objects with other ids under the last kind.
    fn leave_out(&mut self, ids: Ids, records: &mut Records) -> Result<(), Fault> {
        let outside = u32::try_from(self.rules.len()).unwrap_or(u32::MAX).saturating_sub(1);
        for (i, (kind, &id)) in records.kind.iter_mut().zip(&records.id).enumerate() {
            let rule = self.rules.get(*kind as usize).filter(|_| *kind < outside).ok_or(Fault::Kind(*kind))?;
            self.foreign_ids |= id & 1 == 0 && !rule.even_ids;
            if id & 1 == 0 || id <= ids.above || id > ids.up_to {
                *kind = outside;
                if let Some(trace) = records.trace.get_mut(i) {
                    *trace = 0;
                }
            }
        }
        Ok(())
    }

    /// Finds the slot of each record and, unless trace nodes are to tell slots apart, adds the record to it; true if the sum of sizes
    /// passes 2^64.
    fn count<const TRACED: bool>(&mut self, records: &Records) -> Result<bool, Fault> {
        self.slot_of.resize(records.len(), 0);
        let (mut name_max, mut size_sum, mut overflow) = (self.name_max, self.self_size, false);
        let fields = records.kind.iter().zip(&records.name).zip(&records.self_size).zip(&records.detachedness);
        for (i, (((&kind, &name), &self_size), &detachedness)) in fields.enumerate() {
            let Some(rule) = self.rules.get(kind as usize) else { return Err(Fault::Kind(kind)) };
            name_max = name_max.max(name);
            #[expect(clippy::cast_possible_truncation, reason = "below the number of rules, which fits")]
            let tag = kind as u16 | if detachedness == 2 && rule.native { DETACHED } else { 0 };
            let head = (name & rule.mask) as usize + rule.base as usize;
            let mut slot = self.heads.get(head).copied().unwrap_or(0);
            if self.slots[slot as usize].tag != tag {
                slot = self.find(head, tag, name & rule.mask);
            }
            if !TRACED {
                let found = &mut self.slots[slot as usize];
                found.count += 1;
                found.self_size = found.self_size.wrapping_add(self_size);
            }
            let (sum, carry) = size_sum.overflowing_add(self_size);
            size_sum = sum;
            overflow |= carry;
            self.slot_of[i] = slot;
        }
        self.name_max = name_max;
        self.self_size = size_sum;
        self.nodes += records.len() as u64;
        Ok(overflow)
    }

    /// Gives each record the slot of its trace node, and adds the record to it.
    fn branch_out(&mut self, records: &Records) {
        let mut found = 0;
        while found < records.len() {
            found += self.traced.slots(&records.trace[found..], &mut self.slot_of[found..]);
            if found < records.len() {
                self.slot_of[found] = self.branch(self.slot_of[found], records.trace[found]);
                found += 1;
            }
        }
        self.unsettled.resize(self.slots.len(), Moved::default());
        let unsettled = &mut self.unsettled[..];
        for (&slot, &self_size) in self.slot_of.iter().zip(&records.self_size) {
            let sums = &mut unsettled[slot as usize];
            sums.count += 1;
            sums.size = sums.size.wrapping_add(self_size);
        }
    }

    /// Brings the sums of all slots up to date.
    pub(super) fn settle(&mut self) {
        for (slot, sums) in self.slots.iter_mut().zip(self.unsettled.drain(..)) {
            slot.count += sums.count;
            slot.self_size = slot.self_size.wrapping_add(sums.size);
        }
    }

    /// A slot for what a trace node allocated of another slot's kind and name: that of the trace node that stands for it, or a new one.
    #[cold]
    #[inline(never)]
    fn branch(&mut self, slot: u32, trace: u32) -> u32 {
        let first = self.alike.and_then(|alike| alike.get(trace)).unwrap_or(trace);
        let known = if first == trace { None } else { self.traced.get(slot, first) };
        let of_pair = known.unwrap_or_else(|| {
            let new = u32::try_from(self.slots.len()).unwrap_or(0);
            let Slot { tag, name, .. } = self.slots[slot as usize];
            self.slots.push(Slot::new(tag, slot, name, first));
            if first != trace {
                self.traced.insert(slot, first, new);
            }
            new
        });
        self.traced.insert(slot, trace, of_pair);
        of_pair
    }

    /// The slot of a tag whose name's first slot is another's, or that has none yet.
    #[cold]
    #[inline(never)]
    fn find(&mut self, head: usize, tag: u16, name: u32) -> u32 {
        let dense = name < self.dense;
        let first = if dense {
            if head >= self.heads.len() {
                // Names appear roughly in ascending order: grow ahead of them.
                let ahead = (head + 1).next_power_of_two().min(self.dense as usize + self.rules.len() + 1);
                self.heads.resize(ahead.max(head + 1), 0);
            }
            self.heads[head]
        } else {
            self.far.get(&name).copied().unwrap_or(0)
        };
        let (mut before, mut slot) = (0, first);
        while slot != 0 && self.slots[slot as usize].tag != tag {
            before = slot;
            slot = self.slots[slot as usize].next;
        }
        if slot == 0 {
            slot = u32::try_from(self.slots.len()).unwrap_or(0);
            self.slots.push(Slot::new(tag, first, name, 0));
        } else if before != 0 {
            self.slots[before as usize].next = self.slots[slot as usize].next;
            self.slots[slot as usize].next = first;
        }
        // What was asked for is asked for again: of a class there are many instances, but one function and its code.
        if dense {
            self.heads[head] = slot;
        } else {
            self.far.insert(name, slot);
        }
        slot
    }
}

impl IdentityTally<'_> {
    /// Notes records; `odd_id_max` is the highest odd id among them.
    fn add(&mut self, (batch, odd_id_max): (Batch<'_>, u64), records: &Records, slot_of: &[u32], slots: &mut [Slot]) {
        // One column after the other: each loop is short, and its data is in the cache.
        let mask = self.stride * 2 - 1;
        // Few batches have an id of the sample: that is found out without a branch an id.
        if records.id.iter().fold(false, |any, &id| any | (id & mask == 1)) {
            let sampled = (0..).zip(&records.id).filter(|&(_, id)| id & mask == 1);
            self.sample.extend(sampled.map(|(i, &id): (usize, _)| (id, slot_of[i], records.name[i])));
        }
        if let Some(ids) = &mut self.ids {
            ids.insert_odd(batch);
        }
        if odd_id_max > self.above {
            self.note_young(batch, records, slot_of);
        }
        if let Some(ids) = self.against {
            ids.for_each_lacking(batch, |i| {
                let lacking = &mut slots[slot_of[i] as usize].lacking;
                lacking.count += 1;
                lacking.size += records.self_size[i];
            });
        }
        self.odd += records.len() as u64;
        if batch.is_odd() {
            return;
        }
        for (i, &id) in records.id.iter().enumerate() {
            if id & 1 == 0 {
                self.odd -= 1;
                *self.natives.entry((slot_of[i], records.self_size[i])).or_default() += 1;
            }
        }
    }

    /// Writes the records above the bound to the journal.
    fn note_young(&mut self, batch: Batch<'_>, records: &Records, slot_of: &[u32]) {
        let Some(segment) = self.journal.as_mut().and_then(|journal| journal.last_mut()) else { return };
        if self.above == 0 {
            return segment.push_odd(batch, slot_of, &records.self_size);
        }
        let (ids, slots, self_sizes) = &mut self.young;
        ids.clear();
        slots.clear();
        self_sizes.clear();
        for (i, &id) in records.id.iter().enumerate() {
            if id > self.above {
                ids.push(id);
                slots.push(slot_of[i]);
                self_sizes.push(records.self_size[i]);
            }
        }
        segment.push_odd(Batch::of(ids), slots, self_sizes);
    }
}
