//! An instance and its `__dict__` as one object: meliae's rule (`collapse_instance_dicts` of its loader).
//!
//! Collapsed is a dictionary with a single referrer, if that is
//! * an object whose references are that dictionary and a `type`, in this order, and which is itself of no type of the runtime;
//! * an old-style instance, whose references are its `classobj` and that dictionary;
//! * a module, whose only reference it is.
//!
//! This takes memory for every dictionary, class and candidate, and two bits for each eight bytes of address space in use.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::addresses::Addresses;
use super::groups::{Groups, Role};
use super::piece::Columns;

/// An object that may have a `__dict__` of its own.
struct Candidate {
    group: u32,
    dict: u64,
    class: Class,
}

enum Class {
    /// It must be a `type`.
    New(u64),
    /// It must be a `classobj`.
    Old(u64),
    /// There need be none.
    Module,
}

/// What is known of the dictionaries and of those that may own one.
#[derive(Default)]
pub(super) struct Collapse {
    /// Group and size of the dictionaries.
    dicts: HashMap<u64, (u32, u64)>,
    classes: HashSet<u64>,
    candidates: Vec<Candidate>,
    referred: Addresses,
    referred_again: Addresses,
}

impl Collapse {
    /// Takes in some records of a piece.
    pub(super) fn add(&mut self, columns: &Columns, kept: &[Range<usize>]) {
        for record in kept.iter().cloned().flatten() {
            let refs = &columns.refs[columns.refs_of(&(record..record + 1))];
            for &address in refs {
                if !self.referred.insert(address) {
                    self.referred_again.insert(address);
                }
            }
            let group = columns.group[record];
            match (columns.roles[record], refs) {
                (Role::Dict, _) => {
                    self.dicts.insert(columns.address[record], (group, columns.size[record]));
                }
                (Role::Class, _) => {
                    self.classes.insert(columns.address[record]);
                }
                (Role::Module, &[dict]) => self.candidates.push(Candidate { group, dict, class: Class::Module }),
                (Role::Frame | Role::Module | Role::Other, &[dict, class]) => {
                    self.candidates.push(Candidate { group, dict, class: Class::New(class) });
                }
                _ => {}
            }
        }
    }

    /// Takes in an old-style instance.
    pub(super) fn add_old(&mut self, group: u32, refs: &[u64]) {
        if let &[first, second] = refs {
            self.candidates.push(Candidate { group, dict: second, class: Class::Old(first) });
            self.candidates.push(Candidate { group, dict: first, class: Class::New(second) });
        }
    }

    /// Counts each dictionary that is the attributes of one object as a part of that object. Returns the addresses of these
    /// dictionaries with the groups of the objects.
    pub(super) fn apply(self, groups: &mut Groups, is_old_class: impl Fn(u64) -> bool) -> Vec<(u64, u32)> {
        let mut joined = Vec::new();
        for Candidate { group, dict, class } in self.candidates {
            let fits = match class {
                Class::New(class) => self.classes.contains(&class),
                Class::Old(class) => is_old_class(class),
                Class::Module => true,
            };
            if let Some(&(of_dict, size)) = self.dicts.get(&dict)
                && fits
                && !self.referred_again.contains(dict)
            {
                groups.join(of_dict, group, size);
                joined.push((dict, group));
            }
        }
        joined
    }
}
