//! Programs made by hand whose leaks are known.

use std::collections::HashMap;

use super::*;
use crate::graph::EdgeKind::{self, Context, Element, Internal, Property, Shortcut};
use crate::graph::tests::{Node, Reference, heap};
use crate::report::CauseKind;

/// A heap while it is made: the root and a global object come first.
struct Program {
    nodes: Vec<(&'static str, String, u64)>,
    references: Vec<(u32, EdgeKind, String, u32)>,
}

const GLOBAL: u32 = 1;

impl Program {
    fn new() -> Self {
        let nodes = vec![("synthetic", String::new(), 0), ("object", "global".to_owned(), 16)];
        Self { nodes, references: vec![(0, Shortcut, "1".to_owned(), GLOBAL)] }
    }

    fn object(&mut self, class: &str, size: u64) -> u32 {
        self.nodes.push(("object", class.to_owned(), size));
        crate::graph::ordinal(self.nodes.len() - 1)
    }

    fn refers(&mut self, from: u32, kind: EdgeKind, name: &str, to: u32) {
        self.references.push((from, kind, name.to_owned(), to));
    }

    /// A new object that another refers to.
    fn held(&mut self, from: u32, kind: EdgeKind, name: &str, class: &str, size: u64) -> u32 {
        let object = self.object(class, size);
        self.refers(from, kind, name, object);
        object
    }

    fn graph(&self) -> Graph {
        let nodes: Vec<Node<'_>> = self.nodes.iter().map(|(kind, name, size)| (*kind, name.as_str(), *size)).collect();
        let references: Vec<Reference<'_>> =
            self.references.iter().map(|(from, kind, name, to)| (*from, *kind, name.as_str(), *to)).collect();
        heap(&nodes, &references)
    }
}

/// The causes of the growth of a program, by what it holds at each snapshot.
fn causes_of(snapshots: usize, program: impl Fn(usize) -> Program) -> Causes {
    let groups: GroupNumbers<'_> = HashMap::from([(("object", "Client"), 0), (("object", "Buffer"), 1)]);
    let censuses = (0..snapshots - 1).map(|at| Searched::new(&program(at).graph(), &groups).census).collect();
    let graph = program(snapshots - 1).graph();
    let last = Searched::new(&graph, &groups);
    Causes::new(censuses, (&graph, last), (&Rule::new(snapshots), 0), 2)
}

/// What a cause says: kinds and paths.
fn words(causes: &Causes, at: usize) -> Vec<(CauseKind, String)> {
    causes.told(&causes.causes[at]).into_iter().map(|cause| (cause.kind, cause.text)).collect()
}

fn place(text: &str) -> (CauseKind, String) {
    (CauseKind::Place, text.to_owned())
}

#[test]
fn strangers_are_two_causes_of_which_each_has_its_bytes() {
    let causes = causes_of(6, |at| {
        let mut program = Program::new();
        let clients = program.held(GLOBAL, Property, "clients", "Array", 16);
        let jobs = program.held(GLOBAL, Property, "jobs", "Array", 16);
        // Both know one object, which is nobody's own.
        let shared = program.object("Options", 1000);
        for _ in 0..10 * (at + 1) {
            let client = program.held(clients, Element, "0", "Client", 100);
            program.held(client, Property, "buffer", "Buffer", 50);
            program.refers(client, Property, "options", shared);
        }
        for _ in 0..7 * at + 3 {
            let job = program.held(jobs, Element, "0", "Job", 40);
            program.refers(job, Property, "options", shared);
        }
        program
    });
    assert_eq!(causes.causes.len(), 2);
    assert_eq!(words(&causes, 0), [place("globalThis.clients Array [x] → Client")]);
    assert_eq!(words(&causes, 1), [place("globalThis.jobs Array [x] → Job")]);
    assert_eq!((causes.causes[0].size_growth, causes.causes[1].size_growth), (50 * 150, 35 * 40));
    let shares: Vec<Share> = causes.causes.iter().filter_map(|cause| cause.share).collect();
    assert_eq!(shares, [Share { exclusive: 60 * 150, shared: 500 }, Share { exclusive: 38 * 40, shared: 500 }]);
    // Both growing groups have all of their growth in the first.
    assert_eq!((causes.of_group, causes.distance), (vec![vec![0], vec![0]], vec![0, 1]));
}

#[test]
fn snapshots_are_merged_by_words_whatever_was_met_first() {
    let causes = causes_of(5, |at| {
        let mut program = Program::new();
        // What comes first gets the smallest numbers: another class by another reference in each snapshot.
        for number in 0..at {
            let name = char::from(b'a' + u8::try_from(number).unwrap());
            let first = program.object(["Boot", "Load", "Warm", "Serve"][number], 16);
            program.refers(GLOBAL, Property, &format!("start{name}"), first);
        }
        let clients = program.held(GLOBAL, Property, "clients", "Array", 16);
        for _ in 0..10 * (at + 1) {
            program.held(clients, Element, "0", "Client", 100);
        }
        program
    });
    assert_eq!(causes.causes.len(), 1);
    assert_eq!(words(&causes, 0), [place("globalThis.clients Array [x] → Client")]);
    assert_eq!(causes.causes[0].size_growth, 40 * 100);
}

#[test]
fn a_second_holder_and_lists_that_keep_the_books_are_named() {
    let causes = causes_of(5, |at| {
        let mut program = Program::new();
        let clients = program.held(GLOBAL, Property, "clients", "Set", 16);
        let table = program.held(clients, Internal, "table", "Table", 16);
        let cache = program.held(GLOBAL, Property, "cache", "Cache", 16);
        let entries = program.held(cache, Property, "entries", "Registry", 16);
        let mut last = program.held(GLOBAL, Property, "timers", "TimersList", 16);
        for _ in 0..4 * (at + 1) {
            let client = program.held(table, Property, "entry", "Client", 100);
            program.refers(entries, Property, "item", client);
            program.refers(last, Property, "_idleNext", client);
            last = client;
        }
        program
    });
    assert_eq!(causes.causes.len(), 1);
    let expected = [
        // Of two ways of equal cost the first by name.
        place("globalThis.cache Cache .entries Registry .item → Client"),
        (CauseKind::HeldBy, "globalThis.clients Set Table .entry → Client".to_owned()),
        (CauseKind::Bookkeeping, "globalThis.timers TimersList ._idleNext → Client".to_owned()),
    ];
    assert_eq!(words(&causes, 0), expected);
}

#[test]
fn places_that_refer_to_each_other_are_one_cause() {
    let causes = causes_of(5, |at| {
        let mut program = Program::new();
        let clients = program.held(GLOBAL, Property, "clients", "Array", 16);
        let handles = program.held(GLOBAL, Property, "handles", "Array", 16);
        for _ in 0..5 * (at + 1) {
            let client = program.held(clients, Element, "0", "Client", 100);
            let handle = program.held(handles, Element, "0", "Handle", 10);
            program.refers(handle, Property, "owner", client);
        }
        program
    });
    assert_eq!(causes.causes.len(), 1);
    let expected = [place("globalThis.clients Array [x] → Client"), place("globalThis.handles Array [x] → Handle")];
    assert_eq!(words(&causes, 0), expected);
}

#[test]
fn a_path_that_flips_is_followed() {
    // From the third snapshot on a shorter way leads to most clients.
    let causes = causes_of(6, |at| {
        let mut program = Program::new();
        let service = program.held(GLOBAL, Property, "service", "Service", 16);
        let pool = program.held(service, Property, "pool", "Pool", 16);
        let clients = program.held(pool, Property, "clients", "Registry", 16);
        let alias = (at >= 2).then(|| program.held(GLOBAL, Property, "alias", "Registry", 16));
        for _ in 0..20 * (at + 1) {
            let client = program.held(clients, Element, "0", "Client", 100);
            if let Some(alias) = alias {
                program.refers(alias, Element, "0", client);
            }
        }
        program
    });
    let told = causes.told(&causes.causes[0]);
    assert_eq!((causes.causes.len(), told[0].text.as_str()), (1, "globalThis.alias Registry [x] → Client"));
    assert_eq!(told[0].steps, [20; 5]);
}

#[test]
fn lists_and_trees_are_one_place() {
    let causes = causes_of(5, |at| {
        let mut program = Program::new();
        let map = program.held(GLOBAL, Property, "map", "OrderedMap", 16);
        // A chain of closures and contexts, and a tree below two names.
        for side in ["root", "header"] {
            let mut node = program.held(map, Property, side, "TreeNode", 40);
            for depth in 0..3 * (at + 1) {
                node = program.held(node, Property, if depth % 2 == 0 { "left" } else { "right" }, "TreeNode", 40);
                let context = program.held(node, Internal, "context", "system / Context", 24);
                program.held(context, Context, "client", "Client", 100);
            }
        }
        program
    });
    assert_eq!(causes.causes.len(), 1);
    assert_eq!(words(&causes, 0), [place("globalThis.map OrderedMap [*] → TreeNode (list or tree)")]);
    assert_eq!(causes.told(&causes.causes[0])[0].steps, [6; 4]);
}

#[test]
fn growth_below_the_keys_of_a_dictionary_is_one_cause() {
    let causes = causes_of(5, |at| {
        let mut program = Program::new();
        let tenants = program.held(GLOBAL, Property, "tenants", "Object", 16);
        for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
            let tenant = program.held(tenants, Property, name, "Object", 16);
            let days = program.held(tenant, Property, "days", "Array", 16);
            for _ in 0..3 * (at + 1) {
                let day = program.held(days, Element, "0", "Object", 16);
                program.held(day, Property, "invoice", "Client", 100);
            }
        }
        // What differs in more than the key is another cause.
        let others = program.held(tenants, Property, "others", "Object", 16);
        let days = program.held(others, Property, "days", "Array", 16);
        for _ in 0..3 * (at + 1) {
            let day = program.held(days, Element, "0", "Object", 16);
            program.held(day, Property, "buffer", "Buffer", 50);
        }
        program
    });
    assert_eq!(causes.causes.len(), 2);
    assert_eq!(causes.of_group, [[0], [1]]);
    assert_eq!(causes.causes[0].places.len(), 12);
    assert_eq!(words(&causes, 0)[0], place("globalThis.tenants.a.days Array [x] → Object"));
    assert_eq!(words(&causes, 1), [place("globalThis.tenants.others.days Array [x] → Object")]);
}

#[test]
fn growth_that_no_cause_has_half_of_is_told_by_those_that_have_it_together() {
    let causes = causes_of(5, |at| {
        let mut program = Program::new();
        for (name, more) in [("jobs", 6), ("waiting", 5), ("done", 4)] {
            let list = program.held(GLOBAL, Property, name, "Array", 16);
            for _ in 0..more * (at + 1) {
                let entry = program.held(list, Element, "0", "Object", 16);
                program.held(entry, Property, "client", "Client", 100);
            }
        }
        program
    });
    assert_eq!(causes.causes.len(), 3);
    assert_eq!(causes.of_group, [vec![0, 1, 2], vec![]]);
    assert_eq!(telling(vec![(5, 0), (5, 1)], 100), [0_usize; 0]);
    assert_eq!(telling(vec![(5, 0), (30, 1), (60, 2)], 100), [2]);
    assert_eq!(telling(vec![(5, 0), (20, 1), (40, 2)], 100), [2, 1]);
}

#[test]
fn the_backing_store_of_a_holder_is_no_other_holder() {
    let causes = causes_of(5, |at| {
        let mut program = Program::new();
        let by_id = program.held(GLOBAL, Property, "byId", "Object", 16);
        let store = program.held(by_id, Internal, "properties", "(object properties)", 16);
        for _ in 0..4 * (at + 1) {
            let client = program.held(by_id, Property, "client", "Client", 100);
            program.refers(store, Internal, "1", client);
        }
        program
    });
    assert_eq!(words(&causes, 0), [place("globalThis.byId Object .client → Client")]);
}

#[test]
fn what_does_not_grow_has_no_cause() {
    let steady = |_: usize| {
        let mut program = Program::new();
        let clients = program.held(GLOBAL, Property, "clients", "Array", 16);
        (0..100).for_each(|_| _ = program.held(clients, Element, "0", "Client", 100));
        program
    };
    assert!(causes_of(5, steady).causes.is_empty());
    assert!(causes_of(2, steady).causes.is_empty());
}
