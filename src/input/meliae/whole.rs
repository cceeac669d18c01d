//! Whether a dump is whole: every address once, and every reference to an address in the file.
//!
//! Pieces come in the order of the file. Addresses of objects go into a set; references to what is not in it wait. meliae writes
//! an object soon after the first reference to it, so few wait at a time; those that still do at the end lead nowhere.

use std::collections::HashMap;
use std::ops::Range;

use super::addresses::Addresses;
use super::collapse::Collapse;
use super::graph::References;
use super::groups::NOBODY;
use super::piece::{Columns, Instance, Worker};
use crate::error::ErrorKind;
use crate::input::Want;

/// References that may wait before it is looked which of them still have to.
const WAITING: usize = 1 << 16;

/// What is known of the dump up to a piece.
pub(super) struct Whole {
    pub(super) addresses: Addresses,
    /// References to addresses that no object has had yet.
    waiting: Vec<u64>,
    /// When to look at those that wait again.
    crowded: usize,
    /// References of all objects.
    pub(super) refs: u64,
    /// Names of the old-style classes by address.
    old_classes: HashMap<u64, String>,
    /// Offset of the line that opened an array that is not closed.
    pub(super) open: Option<u64>,
    /// Offset of a last line that was cut and left out.
    pub(super) cut: Option<u64>,
    /// Where the last piece ends.
    pub(super) end: u64,
    /// What collapsing needs, if it is wanted.
    collapse: Option<Collapse>,
    /// The references of all objects, if the graph is wanted.
    pub(super) references: Option<References>,
    /// Dictionaries that count as a part of an object, with its group.
    pub(super) joined: Vec<(u64, u32)>,
}

/// The class of an old-style instance.
enum OldClass<'w> {
    /// Its name.
    Named(&'w str),
    /// No reference is to a class.
    None,
    /// A reference is to an object that has not come yet.
    Unknown,
}

impl Whole {
    pub(super) fn new(want: &Want<'_>) -> Self {
        Self {
            addresses: Addresses::default(),
            waiting: Vec::new(),
            crowded: WAITING,
            refs: 0,
            old_classes: HashMap::new(),
            open: None,
            cut: None,
            end: 0,
            collapse: want.collapse.then(Collapse::default),
            references: want.heap.map(References::new),
            joined: Vec::new(),
        }
    }

    /// Takes in a piece. Returns the records that count: of those with the same address, the first.
    pub(super) fn take(&mut self, worker: &mut Worker<'_>) -> Result<Vec<Range<usize>>, ErrorKind> {
        let columns = &mut worker.columns;
        self.brackets(columns)?;
        self.cut = columns.cut;
        self.end = columns.end;
        let kept = self.add_addresses(&columns.address);
        for records in &kept {
            let refs = &columns.refs[columns.refs_of(records)];
            self.refs += refs.len() as u64;
            for &address in refs {
                if !self.addresses.contains(address) {
                    self.waiting.push(address);
                }
            }
        }
        if self.waiting.len() >= self.crowded {
            self.forget_arrived();
            self.crowded = WAITING + 2 * self.waiting.len();
        }
        let counts = |record: &usize| kept.iter().any(|records| records.contains(record));
        for (record, name) in columns.old_classes.drain(..).filter(|(record, _)| counts(record)) {
            self.old_classes.insert(columns.address[record], name);
        }
        if let Some(collapse) = &mut self.collapse {
            collapse.add(columns, &kept);
        }
        let instances = std::mem::take(&mut worker.columns.instances);
        instances.iter().filter(|record| counts(record)).for_each(|&record| self.find_class(worker, record));
        if let Some(references) = &mut self.references {
            references.add(&worker.columns, &kept)?;
        }
        Ok(kept)
    }

    fn brackets(&mut self, columns: &Columns) -> Result<(), ErrorKind> {
        for &(offset, opens) in &columns.brackets {
            if opens == self.open.is_some() {
                let (expected, found) = if opens { ("a record", "\"[\"") } else { ("a record", "\"]\" without \"[\"") };
                return Err(ErrorKind::Malformed {
                    section: super::SECTION.to_owned(),
                    offset,
                    expected: expected.to_owned(),
                    found: found.to_owned(),
                });
            }
            self.open = opens.then_some(offset);
        }
        Ok(())
    }

    /// Adds addresses; returns the stretches of records that are not there already.
    fn add_addresses(&mut self, addresses: &[u64]) -> Vec<Range<usize>> {
        let mut kept = Vec::new();
        let mut start = 0;
        for (record, &address) in addresses.iter().enumerate() {
            if !self.addresses.insert(address) {
                kept.push(start..record);
                start = record + 1;
            }
        }
        kept.push(start..addresses.len());
        kept
    }

    /// Puts an instance of an old-style class into the group of its class, or aside until that is known.
    fn find_class(&self, worker: &mut Worker<'_>, record: usize) {
        let refs = &worker.columns.refs[worker.columns.refs_of(&(record..record + 1))];
        let group = worker.columns.group[record];
        match self.old_class(refs) {
            OldClass::Named(class) if self.collapse.is_none() => {
                worker.columns.group[record] = worker.groups.of_class(group, class);
            }
            OldClass::None if self.collapse.is_none() => {}
            _ => {
                let instance = Instance { group, size: worker.columns.size[record], refs: refs.into() };
                worker.classless.push(instance);
                worker.columns.group[record] = NOBODY;
            }
        }
    }

    fn old_class(&self, refs: &[u64]) -> OldClass<'_> {
        for address in refs {
            if let Some(class) = self.old_classes.get(address) {
                return OldClass::Named(class);
            }
            if !self.addresses.contains(*address) {
                return OldClass::Unknown;
            }
        }
        OldClass::None
    }

    /// Counts the instances whose class was not known when they came. References that lead nowhere are to no class.
    pub(super) fn settle(&mut self, worker: &mut Worker<'_>) {
        let mut settled = Vec::new();
        for instance in std::mem::take(&mut worker.classless) {
            let class = instance.refs.iter().find_map(|address| self.old_classes.get(address));
            let group = class.map_or(instance.group, |class| worker.groups.of_class(instance.group, class));
            worker.groups.count(group, instance.size);
            settled.push(group);
            if let Some(collapse) = &mut self.collapse {
                collapse.add_old(group, &instance.refs);
            }
        }
        if let Some(references) = &mut self.references {
            references.settle(settled.into_iter());
        }
        if let Some(collapse) = self.collapse.take() {
            self.joined = collapse.apply(&mut worker.groups, |address| self.old_classes.contains_key(&address));
        }
    }

    /// Lets those go that wait for an object that has come.
    fn forget_arrived(&mut self) {
        let addresses = &self.addresses;
        self.waiting.retain(|&address| !addresses.contains(address));
    }

    /// The number of references that lead nowhere, once all pieces are taken in.
    pub(super) fn dangling(&mut self) -> u64 {
        self.forget_arrived();
        self.waiting.len() as u64
    }
}
