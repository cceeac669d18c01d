//! A dump as a graph. What keeps objects alive is not in it: a root is made up that refers to modules, to frames, to every object
//! that nothing else refers to, and to the members of cycles that none of these leads to.

use std::borrow::Cow;
use std::ops::Range;

use super::addresses::Addresses;
use super::groups::{Groups, NOBODY, Role};
use super::islands::islands;
use super::piece::Columns;
use super::words::{self, Records, words};
use crate::error::ErrorKind;
use crate::graph::{Bits, EdgeKind, Graph, NodeKinds, StringTable, check_size, ordinal};
use crate::heap::HeapWant;

/// Records as they come, and their references by address.
pub(super) struct References {
    whole: bool,
    memory_max: Option<u64>,
    address: Vec<u64>,
    size: Vec<u64>,
    group: Vec<u32>,
    /// Text of each record's own name; empty unless all columns are wanted.
    name: Vec<u32>,
    /// What else each record says of itself; empty likewise.
    facts: Vec<u8>,
    /// References of each record.
    counts: Vec<u32>,
    refs: Vec<u64>,
    modules: Vec<u32>,
    frames: Vec<u32>,
    /// Old-style instances whose class was not known.
    classless: Vec<u32>,
}

/// Bytes that a record, and a reference, take beside the graph's own until it is built.
const OF_RECORD: u64 = 32;
const OF_REFERENCE: u64 = 8;

/// Name of the root's type.
pub(super) const ROOT: &str = "(root)";
/// What stands for types past the 256 that a graph knows.
const OTHER: &str = "(other)";
const TYPES_MAX: usize = 252;
/// Types that rules speak of are among those that are told apart.
const KNOWN: [&str; 3] = [ROOT, "module", "frame"];

impl References {
    pub(super) fn new(want: HeapWant<'_>) -> Self {
        Self {
            whole: want.has_words(),
            memory_max: want.memory_max,
            address: Vec::new(),
            size: Vec::new(),
            group: Vec::new(),
            name: Vec::new(),
            facts: Vec::new(),
            counts: Vec::new(),
            refs: Vec::new(),
            modules: Vec::new(),
            frames: Vec::new(),
            classless: Vec::new(),
        }
    }

    /// Takes in some records of a piece.
    ///
    /// # Errors
    /// If there are too many, or they take more memory than is allowed.
    pub(super) fn add(&mut self, columns: &Columns, kept: &[Range<usize>]) -> Result<(), ErrorKind> {
        for record in kept.iter().cloned().flatten() {
            let (node, refs) = (ordinal(self.address.len()), &columns.refs[columns.refs_of(&(record..record + 1))]);
            match columns.roles[record] {
                Role::Module => self.modules.push(node),
                Role::Frame => self.frames.push(node),
                _ => {}
            }
            if columns.group[record] == NOBODY {
                self.classless.push(node);
            }
            self.address.push(columns.address[record]);
            self.size.push(columns.size[record]);
            self.group.push(columns.group[record]);
            self.name.extend(columns.names.get(record));
            self.facts.extend(columns.facts.get(record));
            self.counts.push(ordinal(refs.len()));
            self.refs.extend_from_slice(refs);
        }
        let (nodes, edges) = (self.address.len() as u64 + 1, (self.refs.len() + self.address.len()) as u64);
        let beside = nodes * OF_RECORD + edges * OF_REFERENCE;
        check_size(nodes, edges, false, None)?;
        let needed = crate::graph::memory_needed(nodes, edges, false).saturating_add(beside);
        match self.memory_max {
            Some(limit) if needed > limit => Err(ErrorKind::Memory { needed, limit }),
            _ => Ok(()),
        }
    }

    /// Gives the instances whose class was not known their groups, in the order in which they came.
    pub(super) fn settle(&mut self, groups: impl Iterator<Item = u32>) {
        for (node, group) in std::mem::take(&mut self.classless).into_iter().zip(groups) {
            self.group[node as usize] = group;
        }
    }

    /// Builds the graph. `joined` are dictionaries that count as a part of an object, with its group; `place` tells where each group of
    /// a worker is among those of the snapshot. Returns the group of each node, too; the root's is none.
    pub(super) fn graph(
        mut self,
        addresses: &Addresses,
        mut groups: Groups,
        joined: &[(u64, u32)],
        place: &[u32],
    ) -> Result<(Graph, Vec<u32>), ErrorKind> {
        let ordinals = Ordinals::new(addresses, &self.address);
        for &(dict, group) in joined {
            if let Some(node) = ordinals.of(dict) {
                self.group[node as usize] = group;
            }
        }
        let root = ordinal(self.address.len());
        let (mut first_edge, mut to_node, mut position) = self.edges(&ordinals, root);
        drop(ordinals);
        self.refs = Vec::new();
        to_node.extend(islands(&first_edge, &to_node));
        first_edge[root as usize + 1] = ordinal(to_node.len());
        if self.whole {
            position.resize(to_node.len(), 0);
        }
        let (kinds, kind) = self.kinds(&groups);
        let mut group_of: Vec<u32> =
            self.group.iter().map(|&group| place.get(group as usize).copied().unwrap_or(u32::MAX)).collect();
        group_of.push(u32::MAX);
        let words = if self.whole {
            let (group, name, facts) = (&self.group, &self.name, &self.facts);
            let records = Records { group, name, facts, first_edge: &first_edge, to_node: &to_node, position: &position };
            words(records, &mut groups)
        } else {
            let edge_kind = vec![EdgeKind::Element as u8; to_node.len()];
            words::Columns { name: Vec::new(), class: Vec::new(), edge_kind, edge_name: Vec::new() }
        };
        let mut graph = Graph {
            kinds,
            kind,
            name: words.name,
            class: words.class,
            id: self.address.iter().copied().filter(|_| self.whole).chain(self.whole.then_some(0)).collect(),
            self_size: self.size.iter().copied().chain([0]).collect(),
            detachedness: Vec::new(),
            trace: Vec::new(),
            first_edge,
            edge_kind: words.edge_kind,
            edge_name: words.edge_name,
            to_node,
            root,
            strings: Box::new(NoStrings),
            ephemerons: Vec::new(),
            located: Vec::new(),
            places: Vec::new(),
            extra_native_bytes: 0,
        };
        if self.whole {
            graph.strings = Box::new(groups.into_texts());
        }
        Ok((graph, group_of))
    }

    /// The types, and that of each node; the root's is the first.
    fn kinds(&self, groups: &Groups) -> (NodeKinds, Vec<u8>) {
        let number = |(at, text): (usize, &str)| match KNOWN.iter().position(|&known| known == text) {
            Some(known) => known,
            None => at.min(TYPES_MAX) + KNOWN.len(),
        };
        let numbers: Vec<u8> = groups.kinds().enumerate().map(|kind| u8::try_from(number(kind)).unwrap_or(u8::MAX)).collect();
        let kind_of = |&group: &u32| numbers.get(groups.kind_of(group) as usize).copied().unwrap_or(u8::MAX);
        let types = KNOWN.into_iter().chain(groups.kinds().take(TYPES_MAX)).chain([OTHER]).map(str::to_owned);
        (NodeKinds::without_rules(types.collect()), self.group.iter().map(kind_of).chain([0]).collect())
    }

    /// The edges by source, those of the root last, and if all columns are wanted the position of each among those of its source.
    /// References to what is not in the file are left out.
    fn edges(&self, ordinals: &Ordinals<'_>, root: u32) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
        let mut first_edge = Vec::with_capacity(self.address.len() + 2);
        let mut to_node: Vec<u32> = Vec::with_capacity(self.refs.len());
        let mut position: Vec<u32> = Vec::new();
        let mut referred = Bits::new(self.address.len());
        let mut refs = self.refs.iter();
        for (node, &count) in (0..root).zip(&self.counts) {
            first_edge.push(ordinal(to_node.len()));
            for (at, address) in (0..).zip(refs.by_ref().take(count as usize)) {
                let Some(to) = ordinals.of(*address) else { continue };
                to_node.push(to);
                if self.whole {
                    position.push(at);
                }
                if to != node {
                    referred.add(to);
                }
            }
        }
        first_edge.push(ordinal(to_node.len()));
        let held = self.modules.iter().chain(&self.frames);
        to_node.extend(held.clone());
        held.for_each(|&node| _ = referred.add(node));
        to_node.extend((0..root).filter(|&node| !referred.has(node)));
        if self.whole {
            position.resize(to_node.len(), 0);
        }
        first_edge.push(ordinal(to_node.len()));
        (first_edge, to_node, position)
    }
}

/// Records by address.
struct Ordinals<'a> {
    addresses: &'a Addresses,
    ranks: super::addresses::Ranks,
    by_rank: Vec<u32>,
}

impl<'a> Ordinals<'a> {
    fn new(addresses: &'a Addresses, of_records: &[u64]) -> Self {
        let ranks = addresses.ranks();
        let mut by_rank = vec![0; of_records.len()];
        for (node, &address) in (0..).zip(of_records) {
            if let Some(place) = addresses.rank(&ranks, address).and_then(|rank| by_rank.get_mut(rank)) {
                *place = node;
            }
        }
        Self { addresses, ranks, by_rank }
    }

    fn of(&self, address: u64) -> Option<u32> {
        let rank = self.addresses.rank(&self.ranks, address)?;
        self.by_rank.get(rank).copied()
    }
}

/// What names nothing.
struct NoStrings;

impl StringTable for NoStrings {
    fn count(&self) -> u32 {
        0
    }

    fn get(&self, _: u32) -> Cow<'_, str> {
        Cow::Borrowed("")
    }
}
