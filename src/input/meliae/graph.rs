//! A dump as a graph. What keeps objects alive is not in it: a root is made up that refers to modules, to frames and to every object
//! that nothing else refers to.

use std::borrow::Cow;
use std::ops::Range;

use super::addresses::Addresses;
use super::groups::{Groups, NOBODY, Role};
use super::piece::Columns;
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
    /// References of each record.
    counts: Vec<u32>,
    refs: Vec<u64>,
    modules: Vec<u32>,
    frames: Vec<u32>,
    /// Old-style instances whose class was not known.
    classless: Vec<u32>,
}

/// Bytes that a record, and a reference, take beside the graph's own until it is built.
const OF_RECORD: u64 = 24;
const OF_REFERENCE: u64 = 8;

/// Name of the root's type.
const ROOT: &str = "(root)";
/// What stands for types past the 256 that a graph knows.
const OTHER: &str = "(other)";
const TYPES_MAX: usize = 254;

impl References {
    pub(super) fn new(want: HeapWant<'_>) -> Self {
        Self {
            whole: want.whole,
            memory_max: want.memory_max,
            address: Vec::new(),
            size: Vec::new(),
            group: Vec::new(),
            name: Vec::new(),
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
            self.counts.push(ordinal(refs.len()));
            self.refs.extend_from_slice(refs);
        }
        let (nodes, edges) = (self.address.len() as u64 + 1, (self.refs.len() + self.address.len()) as u64);
        let beside = nodes * OF_RECORD + edges * OF_REFERENCE;
        check_size(nodes, edges, None)?;
        let needed = crate::graph::memory_needed(nodes, edges).saturating_add(beside);
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
        groups: Groups,
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
        let (first_edge, to_node) = self.edges(&ordinals, root);
        drop(ordinals);
        self.refs = Vec::new();
        let kind_of = |group: u32| groups.kind_of(group).min(ordinal(TYPES_MAX));
        let mut kind: Vec<u8> = self.group.iter().map(|&group| u8::try_from(kind_of(group) + 1).unwrap_or(u8::MAX)).collect();
        kind.push(0);
        let types = groups.kinds().take(TYPES_MAX).map(str::to_owned);
        let kinds = NodeKinds::without_rules([ROOT.to_owned()].into_iter().chain(types).chain([OTHER.to_owned()]).collect());
        let mut group_of: Vec<u32> =
            self.group.iter().map(|&group| place.get(group as usize).copied().unwrap_or(u32::MAX)).collect();
        group_of.push(u32::MAX);
        let edge_name = if self.whole { positions(&first_edge) } else { Vec::new() };
        if self.whole {
            self.name.push(groups.empty_text());
        }
        let mut graph = Graph {
            kinds,
            kind,
            name: self.name,
            id: self.address.iter().copied().filter(|_| self.whole).chain(self.whole.then_some(0)).collect(),
            self_size: self.size.iter().copied().chain([0]).collect(),
            detachedness: Vec::new(),
            trace: Vec::new(),
            first_edge,
            edge_kind: vec![EdgeKind::Element as u8; to_node.len()],
            edge_name,
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

    /// The edges by source, those of the root last. References to what is not in the file are left out.
    fn edges(&self, ordinals: &Ordinals<'_>, root: u32) -> (Vec<u32>, Vec<u32>) {
        let mut first_edge = Vec::with_capacity(self.address.len() + 2);
        let mut to_node: Vec<u32> = Vec::with_capacity(self.refs.len());
        let mut referred = Bits::new(self.address.len());
        let mut refs = self.refs.iter();
        for (node, &count) in (0..root).zip(&self.counts) {
            first_edge.push(ordinal(to_node.len()));
            for to in refs.by_ref().take(count as usize).filter_map(|&address| ordinals.of(address)) {
                to_node.push(to);
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
        first_edge.push(ordinal(to_node.len()));
        (first_edge, to_node)
    }
}

/// The position of each edge among those of its source.
fn positions(first_edge: &[u32]) -> Vec<u32> {
    first_edge.windows(2).flat_map(|ends| 0..ends[1] - ends[0]).collect()
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
