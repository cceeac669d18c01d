//! What the references of a snapshot tell: retained sizes of rows, bytes by what they are for, classes as Chrome DevTools forms them.
//!
//! A graph takes several times the time and memory of groups. It is read on demand, one snapshot at a time, and what stays of it are
//! the [`HeapFacts`].

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use crate::error::ErrorKind;
use crate::graph::devtools::comparison::Objects;
use crate::graph::devtools::interfaces::Interfaces;
use crate::graph::devtools::statistics::Statistics;
use crate::graph::devtools::strings::{Strings, StringsWant};
use crate::graph::paths::owners;
use crate::graph::{Detachedness, Dominators, Graph, Room, Spare, Subtrees, Walked, ordinal, pages};
use crate::grouping::Level;
use crate::input::Want;
use crate::snapshot::{Group, Snapshot};

/// What is wanted of a snapshot's references.
#[derive(Debug, Clone, Copy, Default)]
pub struct HeapWant<'a> {
    /// Rows whose retained sizes are wanted.
    pub retained: Option<RowsWant<'a>>,
    /// Count the sizes that DevTools shows, where a backing store belongs to the object it is of, instead of self sizes.
    pub owned: bool,
    /// Tell groups apart by the class that DevTools forms.
    pub classes: bool,
    /// Tell groups apart by what holds their objects, where the class says little. Does not go with `classes`.
    pub owners: bool,
    /// The classes of plain objects; those that the snapshot itself shows unless given.
    pub interfaces: Option<&'a Interfaces>,
    /// Remember class, id and size of every object, to compare them with another snapshot's.
    pub objects: bool,
    /// Sum up bytes by what they are for.
    pub statistics: bool,
    /// Look for strings of equal text.
    pub strings: Option<StringsWant>,
    /// Keep all columns of the graph, for those who follow references themselves.
    pub whole: bool,
    /// Bytes that the graph may take with what is computed of it; checked against the header before anything is taken.
    pub memory_max: Option<u64>,
}

/// Rows, as a report forms them.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowsWant<'a> {
    /// Levels of grouping, outermost first; none for what says most about the input.
    pub by: &'a [Level],
    /// Also the rows by name within classes.
    pub breakdown: bool,
    /// Node types of the objects that count; none for all.
    pub kinds: &'a [String],
}

impl HeapWant<'_> {
    /// Whether names of nodes and references are needed.
    #[must_use]
    pub(crate) fn has_words(&self) -> bool {
        self.whole || self.owners || self.strings.is_some()
    }

    /// The refusal of a format whose files hold no references, or not those that are needed.
    #[must_use]
    pub fn refused(&self, what: &str) -> ErrorKind {
        let option = match self {
            Self { classes: true, .. } => "--by devtools",
            Self { owned: true, .. } => "--sizes owned",
            Self { strings: Some(_), .. } => "--strings",
            Self { owners: true, .. } => "--by owner",
            Self { retained: Some(_), .. } => "--retained",
            _ => "this command",
        };
        ErrorKind::Unrecognized(format!("{what}, which {option} needs"))
    }
}

/// What stays of a graph.
#[derive(Debug, Default)]
pub struct HeapFacts {
    /// Retained sizes.
    pub retained: Option<Retained>,
    /// Bytes by what they are for, as DevTools counts them.
    pub statistics: Option<Statistics>,
    /// Strings of equal text.
    pub strings: Option<Strings>,
    /// The classes of plain objects that were formed.
    pub interfaces: Option<Interfaces>,
    /// The objects by class and id.
    pub objects: Option<Objects>,
}

/// Retained sizes of rows.
#[derive(Debug, Default)]
pub struct Retained {
    by_key: HashMap<Vec<String>, u64>,
}

impl Retained {
    /// Bytes that the objects of a row retain, by the row's raw key; 0 for one that the snapshot does not have.
    #[must_use]
    pub fn of(&self, key: &[String]) -> u64 {
        self.by_key.get(key).copied().unwrap_or(0)
    }
}

/// A snapshot with its graph.
pub struct Heap {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The graph; its sizes are those that were asked for. Names, ids and edges' names may have been let go.
    pub graph: Graph,
    /// The group of each node; past the last one for a root that is not in the file.
    pub group_of: Vec<u32>,
    /// Its dominators, where they were wanted and have been computed, and memory that is not needed any more. The edges may be gone then.
    pub dominators: Option<(Dominators, Spare)>,
}

impl Heap {
    /// Tells groups apart by what holds their objects.
    pub(crate) fn split_by_owner(&mut self) {
        let owners = owners(&self.graph, &Detachedness::new(&self.graph));
        // By group and owner: objects and bytes.
        let mut parts: BTreeMap<(u32, &str), (u64, u64)> = BTreeMap::new();
        let owner = |node: u32| owners.texts[owners.of[node as usize] as usize].as_str();
        let grouped = || (0..).zip(&self.group_of).filter(|(_, group)| (**group as usize) < self.snapshot.groups.len());
        for (node, &group) in grouped() {
            let (count, size) = parts.entry((group, owner(node))).or_default();
            *count += 1;
            *size = size.saturating_add(self.graph.self_size.get(node));
        }
        let numbers: HashMap<(u32, &str), u32> = parts.keys().copied().zip(0..).collect();
        let group_of: Vec<(u32, u32)> = grouped().map(|(node, &group)| (node, numbers[&(group, owner(node))])).collect();
        let groups = parts.into_iter().map(|((group, owner), (count, self_size))| {
            let group = self.snapshot.groups[group as usize].clone();
            Group { class: owner.to_owned(), count, self_size, ..group }
        });
        self.snapshot.groups = groups.collect();
        group_of.into_iter().for_each(|(node, group)| self.group_of[node as usize] = group);
    }

    /// Computes what is wanted and lets the graph go.
    #[must_use]
    pub(crate) fn finish(self, files: Want<'_>, want: HeapWant<'_>) -> Snapshot {
        let Self { mut snapshot, graph, group_of, dominators } = self;
        let settled = snapshot.settle(files.source_maps, files.drop_frames);
        if let Some(rows) = want.retained {
            let retained = retained(&snapshot, &settled, (graph, dominators), &group_of, rows);
            snapshot.heap.get_or_insert_default().retained = Some(retained);
        }
        snapshot
    }
}

/// Retained sizes of the rows that the groups of a snapshot make. `settled` tells where each group of `group_of` is now.
fn retained(
    snapshot: &Snapshot,
    settled: &[u32],
    (mut graph, dominators): (Graph, Option<(Dominators, Spare)>),
    group_of: &[u32],
    want: RowsWant<'_>,
) -> Retained {
    let (dominators, mut spare) = dominators.unwrap_or_else(|| {
        let mut spare = Spare::default();
        let room = Room::new(&graph, &mut spare);
        let walked = Walked::new(&graph, &pages(&graph), room);
        graph.drop_edges(&mut spare);
        (walked.dominators(&mut spare), spare)
    });
    graph.drop_nodes(&mut spare);
    let tree = Subtrees::new(&dominators, &mut spare);
    drop((dominators, spare));
    let default = [Level::default_of(snapshot.runtime)];
    let by = if want.by.is_empty() { &default } else { want.by };
    let mut lists: Vec<&[Level]> = (1..=by.len()).map(|depth| &by[..depth]).collect();
    if want.breakdown && by == [Level::Class] {
        lists.push(&[Level::Class, Level::Name]);
    }
    let of_list = |levels: &&[Level]| {
        let (keys, row_of) = rows(snapshot, levels, want.kinds);
        let row_of: Vec<Option<u32>> = settled.iter().map(|&group| row_of[group as usize]).collect();
        let sums = tree.retained_by_group(&graph.self_size, keys.len(), |node| {
            // A root that is made up is in no group.
            row_of.get(group_of[node as usize] as usize).copied().flatten()
        });
        keys.into_iter().zip(sums).collect::<Vec<_>>()
    };
    let by_key: Vec<Vec<(Vec<String>, u64)>> = lists.par_iter().map(of_list).collect();
    Retained { by_key: by_key.into_iter().flatten().collect() }
}

/// The rows of a snapshot's groups at some levels, and the row of each group.
fn rows(snapshot: &Snapshot, levels: &[Level], kinds: &[String]) -> (Vec<Vec<String>>, Vec<Option<u32>>) {
    let mut numbers: BTreeMap<Vec<String>, u32> = BTreeMap::new();
    let mut keys = Vec::new();
    let mut row = |group: &crate::snapshot::Group| {
        let counts = (kinds.is_empty() || kinds.contains(&group.kind)) && levels.iter().all(|level| level.has_row(&group.class));
        counts.then(|| {
            let of = group.traits(snapshot.runtime, &snapshot.stacks);
            let key: Vec<String> = levels.iter().map(|level| level.key_of(&of)).collect();
            *numbers.entry(key).or_insert_with_key(|key| {
                keys.push(key.clone());
                ordinal(keys.len() - 1)
            })
        })
    };
    let row_of = snapshot.groups.iter().map(&mut row).collect();
    (keys, row_of)
}
