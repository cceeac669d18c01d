//! Whose objects are that say little by themselves: `(array) ← Map ← Cache.entries`.
//!
//! The owner is told by the most readable path, not by some referrer, so a second one changes it only if it is the better answer.

use super::lookup::CONTEXT;
use super::names::{Class, Label, LabelKind, Vocabulary};
use super::search::{GLOBAL, Search};
use super::tree::{NO_PATH, PathTree, ROOT};
use super::{foreign, is_part};
use crate::graph::{Detachedness, Graph, NodeKind, ordinal};

/// Stands between an object and what holds it.
pub const HELD_BY: &str = " ← ";
/// Holders that say little, one after the other, before the next is not told any more.
const HOLDERS_MAX: usize = 4;
/// In place of holders that are not told.
const FURTHER: &str = "…";
/// What only the roots hold.
const ROOTS: &str = "(roots)";
/// What no path leads to.
const UNREACHED: &str = "(nothing)";

/// Whose each object is.
#[derive(Debug)]
pub struct Owners {
    /// The owners in words: what holds an object, what holds that, up to what is the program's own. The first is none.
    pub texts: Vec<String>,
    /// By node: the number of its owner, 0 for objects whose class tells by itself.
    pub of: Vec<u32>,
}

/// Finds the owners of all objects whose class says little.
#[must_use]
pub fn owners(graph: &Graph, detachedness: &Detachedness) -> Owners {
    let mut vocabulary = Vocabulary::default();
    let mut search = Search::new(graph, detachedness, &mut vocabulary);
    search.run(&|_| false);
    let mut mute = crate::graph::Bits::new(graph.kind.len());
    for node in (0..graph.nodes()).filter(|&node| node != graph.root) {
        if is_mute(search.class(node), graph.kind_of(node)) {
            mute.add(node);
        }
    }
    let paths = search.done();
    let mut texts = Texts { texts: vec![String::new(), UNREACHED.to_owned()], of_path: vec![0; paths.tree.nodes.len()] };
    let mut known: std::collections::HashMap<String, u32> = std::collections::HashMap::new();
    let of = (0..graph.nodes()).map(|node| match paths.path(node) {
        _ if !mute.has(node) => 0,
        NO_PATH => 1,
        path => {
            if texts.of_path[path as usize] == 0 {
                let text = holders(&paths.tree, path, &vocabulary);
                texts.of_path[path as usize] = *known.entry(text).or_insert_with_key(|text| {
                    texts.texts.push(text.clone());
                    ordinal(texts.texts.len() - 1)
                });
            }
            texts.of_path[path as usize]
        }
    });
    let of = of.collect();
    Owners { texts: texts.texts, of }
}

struct Texts {
    texts: Vec<String>,
    /// By path node: the number of its text, 0 for one that was not asked for yet.
    of_path: Vec<u32>,
}

/// Whether objects of a class are better told by what holds them. Functions are one class, whatever their names.
fn is_mute(class: &Class, kind: NodeKind) -> bool {
    class.is_mute() || kind == NodeKind::Closure || class.text.ends_with(" (empty)")
}

/// What holds the objects of a path node.
fn holders(tree: &PathTree, mut path: u32, vocabulary: &Vocabulary) -> String {
    let mut told: Vec<String> = Vec::new();
    loop {
        let label = tree.node(path).label;
        let mut holder = tree.node(path).parent;
        // A backing store is a part of its object, the context of a function that of the function.
        while holder != ROOT && is_part_of_holder(tree, holder, vocabulary) {
            holder = tree.node(holder).parent;
        }
        if holder == ROOT {
            if told.is_empty() {
                told.push(ROOTS.to_owned());
            }
            return told.join(HELD_BY);
        }
        if told.len() == HOLDERS_MAX {
            told.push(FURTHER.to_owned());
            return told.join(HELD_BY);
        }
        let node = tree.node(holder);
        let class = vocabulary.class_of(node.class);
        let is_global = node.label.kind() == LabelKind::Root && vocabulary.text(node.label.name()) == GLOBAL;
        let name = if is_global { GLOBAL } else { foreign::module(&class.text).unwrap_or(&class.text) };
        told.push(format!("{name}{}", reference(label, vocabulary)));
        if !class.is_mute() || class.kind == "synthetic" {
            return told.join(HELD_BY);
        }
        path = holder;
    }
}

/// Whether a path node stands for parts of what is above it.
pub(super) fn is_part_of_holder(tree: &PathTree, path: u32, vocabulary: &Vocabulary) -> bool {
    let node = tree.node(path);
    let is_context = || vocabulary.class_of(node.class).text == CONTEXT;
    node.label.kind() == LabelKind::Internal && (is_part(vocabulary.text(node.label.name())) || is_context())
}

/// A reference as it follows what it starts at.
fn reference(label: Label, vocabulary: &Vocabulary) -> String {
    let name = vocabulary.text(label.name());
    match label.kind() {
        LabelKind::Property => super::words::property(name),
        LabelKind::Variable => format!(" var {name}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::tests::{items, program, real, shuffled};
    use super::*;
    use crate::graph::EdgeKind::{Context, Element, Internal, Property};
    use crate::graph::tests::{Node, Reference, Rng, Texts};

    /// The owner of each node, by id.
    fn told(graph: &Graph) -> BTreeMap<u64, String> {
        let owners = owners(graph, &Detachedness::new(graph));
        (0..graph.nodes()).map(|node| (graph.id.get(node), owners.texts[owners.of[node as usize] as usize].clone())).collect()
    }

    const NODES: [Node<'_>; 8] = [
        ("object", "Cache", 8),
        ("object", "Map", 8),
        ("array", "", 8),
        ("object", "Object", 8),
        ("string", "text", 8),
        ("closure", "onTick", 8),
        ("object", CONTEXT, 8),
        ("object", "Array", 8),
    ];
    const REFERENCES: [Reference<'_>; 8] = [
        (1, Property, "cache", 2),
        (2, Property, "entries", 3),
        (3, Internal, "table", 4),
        (4, Element, "5", 5),
        (5, Property, "text", 6),
        (1, Property, "onTick", 7),
        (7, Internal, "context", 8),
        (8, Context, "list", 9),
    ];
    const EXPECTED: [&str; 10] = [
        "",
        "(roots)",
        "",
        "Cache.entries",
        "Map ← Cache.entries",
        "Map ← Cache.entries",
        "Object.text ← Map ← Cache.entries",
        "globalThis.onTick",
        "onTick()",
        "onTick() var list",
    ];

    #[test]
    fn owners_are_told_up_to_what_is_the_programs_own() {
        let owners: Vec<String> = told(&program(&NODES, &REFERENCES)).into_values().collect();
        assert_eq!(owners, EXPECTED);
    }

    #[test]
    fn a_second_referrer_and_the_order_of_a_file_change_no_owner() {
        // One from further away, and one from as near.
        let nodes = [&NODES[..], &[("object", "Other", 8), ("object", "Array", 8)]].concat();
        let others = [(1, Property, "other", 10), (10, Property, "list", 11), (11, Element, "0", 3), (10, Property, "map", 3)];
        let mut rng = Rng(11);
        for further in [&others[..3], &others] {
            let graph = program(&nodes, &[&REFERENCES[..], further].concat());
            let owners: Vec<String> = told(&graph).into_values().take(EXPECTED.len()).collect();
            assert_eq!(owners, EXPECTED);
            assert_eq!(told(&shuffled(&graph, &mut rng)), told(&graph));
        }
        let graph = real();
        assert_eq!(told(&shuffled(&graph, &mut rng)), told(&graph));
    }

    #[test]
    fn long_chains_wide_fans_and_islands_have_short_owners() {
        const MANY: u32 = 1_000_000;
        let texts = || Box::new(Texts(["", "global", "Object", "first", "next"].map(str::to_owned).to_vec()));
        let owners_of = |mut graph: Graph| {
            graph.strings = texts();
            let owners = owners(&graph, &Detachedness::new(&graph));
            let mut counts: BTreeMap<String, u32> = BTreeMap::new();
            owners.of.iter().for_each(|&of| *counts.entry(owners.texts[of as usize].clone()).or_default() += 1);
            counts
        };
        let counts = |pairs: &[(&str, u32)]| pairs.iter().map(|&(text, count)| (text.to_owned(), count)).collect();
        let chain = items(MANY, (1..=MANY).map(|node| (node, Property, if node == 1 { 3 } else { 4 }, node + 1)));
        let expected: BTreeMap<String, u32> =
            counts(&[("", 1), (ROOTS, 1), ("globalThis.first", 1), ("Object.next ← globalThis.first", MANY - 1)]);
        assert_eq!(owners_of(chain), expected);
        let fan = items(MANY, (0..MANY).map(|index| (1, Element, index, index + 2)));
        assert_eq!(owners_of(fan), counts(&[("", 1), (ROOTS, 1), ("globalThis", MANY)]));
        let island = items(MANY, (2..=MANY).map(|node| (node, Property, 4, node + 1)).chain([(MANY + 1, Property, 4, 2)]));
        assert_eq!(owners_of(island), counts(&[("", 1), (ROOTS, 1), (UNREACHED, MANY)]));
    }
}
