//! A series of snapshots as columns: every (kind, name) group with its counts and sizes in each snapshot.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::graph::devtools::comparison::Change;
use crate::grouping::{Sums, Traits};
use crate::load::Loaded;
use crate::report::{Moved, OrderBy, Survived, Warning};
use crate::snapshot::{Runtime, Snapshot};
use crate::stacks::Stacks;

/// What one input contributes, without its groups.
#[derive(Debug)]
pub struct Input {
    /// The path as given.
    pub path: String,
    /// The snapshot's facts; its groups and stacks have moved into the series, and `allocated` goes by its stacks.
    pub snapshot: Snapshot,
    /// Number of its process, if ids tell.
    pub process: Option<u32>,
    /// Whether it tells of any object where it was allocated.
    pub has_stacks: bool,
}

/// Snapshots in order.
#[derive(Debug)]
pub struct Series {
    /// The inputs in order.
    pub inputs: Vec<Input>,
    /// What the order goes by.
    pub order_by: OrderBy,
    /// The groups of all inputs, sorted by kind, name, stack and class.
    pub groups: Vec<SeriesGroup>,
    /// Whether `groups` know which objects came and went.
    pub has_changes: bool,
    /// Whether every input has sizes.
    pub has_sizes: bool,
    /// Whose objects they are.
    pub runtime: Runtime,
    /// The stacks the groups refer to.
    pub stacks: Stacks,
    /// The texts of the stacks' frames. Stacks share most of them.
    frame_texts: Vec<OnceLock<String>>,
    /// What a reader of the figures has to know.
    pub warnings: Vec<Warning>,
}

/// The objects of one kind and name (and stack and class) over the series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesGroup {
    /// Node type.
    pub kind: String,
    /// Name; empty for kinds that are one group each.
    pub name: String,
    /// Where they were allocated.
    pub stack: u32,
    /// The class as DevTools forms it, or what holds the objects; empty where it was not asked for, and of objects that have none.
    pub class: String,
    /// Its counts and sizes.
    pub sums: Sums,
}

/// Which objects came and went between two snapshots of one process, by group of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// By group of the later snapshot.
    pub added: Vec<Moved>,
    /// By group of the earlier snapshot.
    pub removed: Vec<Moved>,
}

/// What comparing the objects of two snapshots gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// Which came and went.
    Changes(Changes),
    /// The snapshots were not read for it.
    Impossible,
    /// The later snapshot has an id that is new and yet not above the earlier one's, or its journal does not go down to that: it
    /// has to be read against the earlier's ids.
    IdsFall,
}

/// Compares the objects of two snapshots of one process.
///
/// The later must have been read with [`Identify::Ids`](crate::identity::Identify::Ids), the earlier against those, or the later
/// against the ids of the earlier too. Odd ids match by id; native nodes, whose ids are given anew in each snapshot, as a multiset
/// of group and size. Where classes of DevTools were asked for, ids match as there: all of them, and within their class.
#[must_use]
pub fn compare(first: &Snapshot, last: &Snapshot) -> Comparison {
    if let (Some(earlier), Some(later)) = (first.objects(), last.objects()) {
        let mut changes =
            Changes { added: vec![Moved::default(); last.groups.len()], removed: vec![Moved::default(); first.groups.len()] };
        earlier.changes(later, |change| match change {
            Change::Added(object) => changes.added[object.group as usize].add(Moved { count: 1, size: object.size }),
            Change::Removed(object) => changes.removed[object.group as usize].add(Moved { count: 1, size: object.size }),
        });
        return Comparison::Changes(changes);
    }
    let (Some(earlier), Some(later)) = (&first.identity, &last.identity) else { return Comparison::Impossible };
    let Some(mut removed) = earlier.lacking.clone() else { return Comparison::Impossible };
    let young = || later.journal.as_ref()?.above(first.order_key?, last.groups.len());
    let sum = |moved: &[Moved]| moved.iter().map(|moved| moved.count).sum::<u64>();
    // Every survivor has an old id; if there are as many old ids as survivors, no old id is new.
    let none_is_new = |added: &Vec<Moved>| earlier.odd - sum(&removed) == later.odd - sum(added);
    let Some(mut added) = later.lacking.clone().or_else(|| young().filter(none_is_new)) else { return Comparison::IdsFall };
    // A kind and name may be several groups, one a stack.
    type Natives = BTreeMap<(String, u64), Vec<(u32, u64)>>;
    let natives = |snapshot: &'_ Snapshot| -> Natives {
        let mut natives = Natives::new();
        for &(key, count) in snapshot.identity.iter().flat_map(|identity| &identity.natives) {
            let Some(group) = snapshot.groups.get(key.group as usize) else { continue };
            let name = format!("{}\0{}", group.kind, group.name);
            natives.entry((name, key.self_size)).or_default().push((key.group, count));
        }
        natives
    };
    let (before, after) = (natives(first), natives(last));
    let surplus = |of: &Natives, over: &Natives, into: &mut [Moved]| {
        for (key, groups) in of {
            let mut stay: u64 = over.get(key).into_iter().flatten().map(|&(_, count)| count).sum();
            for &(group, count) in groups {
                let surplus = count.saturating_sub(stay);
                stay = stay.saturating_sub(count);
                into[group as usize].count += surplus;
                into[group as usize].size += surplus * key.1;
            }
        }
    };
    surplus(&after, &before, &mut added);
    surplus(&before, &after, &mut removed);
    Comparison::Changes(Changes { added, removed })
}

impl Series {
    /// Puts snapshots side by side. `changes` speaks of the first and the last.
    #[must_use]
    pub fn new(loaded: Vec<Loaded>, order_by: OrderBy, changes: Option<Changes>, warnings: Vec<Warning>) -> Self {
        let n = loaded.len();
        let has_sizes = loaded.iter().all(|loaded| loaded.snapshot.self_size.is_some());
        let runtime = loaded.first().map_or(Runtime::V8, |loaded| loaded.snapshot.runtime);
        let mut stacks = Stacks::default();
        let mut groups: Vec<SeriesGroup> = Vec::new();
        let mut inputs = Vec::with_capacity(n);
        for (i, Loaded { path, mut snapshot, process }) in loaded.into_iter().enumerate() {
            let (first, last) = (i == 0, i == n - 1);
            let moved = |number: usize| Sums {
                removed: changes.as_ref().filter(|_| first).map_or(Moved::default(), |changes| changes.removed[number]),
                added: changes.as_ref().filter(|_| last).map_or(Moved::default(), |changes| changes.added[number]),
                ..Sums::default()
            };
            let has_stacks = !snapshot.stacks.is_empty();
            // A stack is known by its frames: its number in a file means nothing in another.
            let numbers = stacks.graft(std::mem::take(&mut snapshot.stacks));
            let mut allocated = vec![Moved::default(); if snapshot.allocated.is_empty() { 0 } else { stacks.len() }];
            for (stack, moved) in std::mem::take(&mut snapshot.allocated).into_iter().enumerate() {
                allocated[numbers[stack] as usize].add(moved);
            }
            snapshot.allocated = allocated;
            let more = std::mem::take(&mut snapshot.groups).into_iter().enumerate().map(|(number, group)| {
                let mut sums = Sums { count: vec![0; n], self_size: vec![0; n], ..moved(number) };
                sums.count[i] = group.count;
                sums.self_size[i] = group.self_size;
                let stack = numbers[group.stack as usize];
                SeriesGroup { kind: group.kind, name: group.name, stack, class: group.class, sums }
            });
            let mut more: Vec<SeriesGroup> = more.collect();
            if !stacks.is_empty() {
                let same_name = |a: &SeriesGroup, b: &SeriesGroup| (&a.kind, &a.name) == (&b.kind, &b.name);
                more.chunk_by_mut(same_name).for_each(|same| same.sort_by(|a, b| a.place().cmp(&b.place())));
            }
            groups = merge(groups, more);
            snapshot.identity = None;
            inputs.push(Input { path, snapshot, process, has_stacks });
        }
        let frame_texts = vec![OnceLock::new(); stacks.frames_len()];
        Self { inputs, order_by, groups, has_changes: changes.is_some(), has_sizes, runtime, stacks, frame_texts, warnings }
    }

    /// The text of a frame of the series' stacks.
    ///
    /// # Panics
    /// If no frame has the number.
    #[must_use]
    pub fn frame_text(&self, frame: u32) -> &str {
        self.frame_texts[frame as usize].get_or_init(|| self.stacks.frame_of(frame).text())
    }

    /// The series without its first inputs; the last one stays. What came and went was told from the first, and is no longer known.
    #[must_use]
    pub fn without_first(mut self, inputs: usize) -> Self {
        let skip = inputs.min(self.inputs.len().saturating_sub(1));
        if skip == 0 {
            return self;
        }
        self.inputs.drain(..skip);
        for sums in self.groups.iter_mut().map(|group| &mut group.sums) {
            sums.count.drain(..skip);
            sums.self_size.drain(..skip);
            (sums.added, sums.removed) = Default::default();
        }
        self.groups.retain(|group| group.sums.count.iter().any(|&count| count > 0));
        self.has_changes = false;
        self.warnings.retain_mut(|warning| match warning.input {
            Some(input) if input < skip => false,
            Some(input) => {
                warning.input = Some(input - skip);
                true
            }
            None => true,
        });
        self
    }
}

impl SeriesGroup {
    /// What tells it from other groups, and their order.
    fn place(&self) -> (&str, &str, u32, &str) {
        (&self.kind, &self.name, self.stack, &self.class)
    }

    /// What its keys are made of.
    #[must_use]
    pub fn traits<'a>(&'a self, series: &'a Series) -> Traits<'a> {
        let Self { kind, name, stack, class, .. } = self;
        Traits { runtime: series.runtime, stacks: &series.stacks, kind, name, stack: *stack, class }
    }
}

/// Merges sorted groups; sums of equal ones are added up.
fn merge(groups: Vec<SeriesGroup>, more: Vec<SeriesGroup>) -> Vec<SeriesGroup> {
    if groups.is_empty() {
        return more;
    }
    let mut merged = Vec::with_capacity(groups.len().max(more.len()));
    let (mut groups, mut more) = (groups.into_iter().peekable(), more.into_iter().peekable());
    loop {
        let order = match (groups.peek(), more.peek()) {
            (Some(a), Some(b)) => a.place().cmp(&b.place()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return merged,
        };
        let mut next = if order == Ordering::Greater { more.next() } else { groups.next() };
        if let (Ordering::Equal, Some(next), Some(other)) = (order, &mut next, more.next_if(|_| order == Ordering::Equal)) {
            next.sums.add(&other.sums);
        }
        merged.extend(next);
    }
}

/// The survivors of a row, from its counts and sizes and what came and went.
#[must_use]
pub fn survived(count_last: u64, sizes: (u64, u64), added: Moved, removed: Moved) -> Survived {
    let stayed = |size: u64, moved: u64| i128::from(size) - i128::from(moved);
    let delta = stayed(sizes.1, added.size) - stayed(sizes.0, removed.size);
    Survived {
        count: count_last.saturating_sub(added.count),
        size_delta: i64::try_from(delta).unwrap_or(if delta > 0 { i64::MAX } else { i64::MIN }),
    }
}
