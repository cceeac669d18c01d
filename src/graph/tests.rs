//! Small heaps made by hand, and random ones against definitions taken literally.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::devtools::comparison::{Side, compare};
use super::devtools::distance::{SYSTEM, UNREACHED, distances};
use super::devtools::interfaces::Interfaces;
use super::devtools::rows::rows;
use super::*;

pub(crate) struct Texts(pub(crate) Vec<String>);

impl StringTable for Texts {
    fn count(&self) -> u32 {
        ordinal(self.0.len())
    }

    fn get(&self, index: u32) -> Cow<'_, str> {
        self.0.get(index as usize).map_or(Cow::Borrowed(""), Cow::from)
    }
}

/// Type, name and self size of a node; its id is 2 · ordinal + 1.
pub(crate) type Node<'a> = (&'a str, &'a str, u64);
/// Source, kind, name and target.
pub(crate) type Reference<'a> = (u32, EdgeKind, &'a str, u32);

/// A heap whose root is the first node.
pub(crate) fn heap(nodes: &[Node<'_>], references: &[Reference<'_>]) -> Graph {
    let mut texts: Vec<String> = Vec::new();
    let mut index = |text: &str| {
        let found = texts.iter().position(|other| other == text);
        ordinal(found.unwrap_or_else(|| {
            texts.push(text.to_owned());
            texts.len() - 1
        }))
    };
    let mut kinds: Vec<String> = Vec::new();
    for (kind, ..) in nodes {
        if !kinds.iter().any(|known| known == kind) {
            kinds.push((*kind).to_owned());
        }
    }
    let kind = nodes.iter().map(|(kind, ..)| u8::try_from(kinds.iter().position(|known| known == kind).unwrap()).unwrap());
    let mut graph = Graph {
        kind: kind.collect(),
        kinds: NodeKinds::new(kinds).unwrap(),
        name: nodes.iter().map(|(_, name, _)| index(name)).collect(),
        id: Wide::from_halves((0..nodes.len()).map(|node| ordinal(node * 2 + 1)).collect(), Vec::new()),
        self_size: Wide::zeros(nodes.len()),
        detachedness: Vec::new(),
        trace: Vec::new(),
        class: Vec::new(),
        first_edge: vec![0],
        edge_kind: Vec::new(),
        edge_name: Vec::new(),
        to_node: Vec::new(),
        root: 0,
        strings: Box::new(Texts(Vec::new())),
        ephemerons: Vec::new(),
        located: Vec::new(),
        places: Vec::new(),
        extra_native_bytes: 0,
    };
    for (node, (_, _, size)) in (0..).zip(nodes) {
        graph.self_size.set(node, *size);
        for (_, kind, name, to) in references.iter().filter(|(from, ..)| *from == node) {
            graph.edge_kind.push(*kind as u8);
            graph.edge_name.push(if kind.numbered() { name.parse().unwrap() } else { index(name) });
            graph.to_node.push(*to);
        }
        graph.first_edge.push(ordinal(graph.to_node.len()));
    }
    graph.strings = Box::new(Texts(texts));
    graph
}

use EdgeKind::{Element, Hidden, Internal, Property, Shortcut, Weak};

/// A heap with a global object below its root, which makes the rules for sizes apply.
fn program(nodes: &[Node<'_>], references: &[Reference<'_>]) -> Graph {
    let all: Vec<Node<'_>> = [("synthetic", "", 0), ("object", "global", 10)].iter().chain(nodes).copied().collect();
    let all_references: Vec<Reference<'_>> = [(0, Shortcut, "global", 1)].iter().chain(references).copied().collect();
    heap(&all, &all_references)
}

fn dominators_by_node(graph: &Graph) -> Vec<u32> {
    Dominators::new(graph).by_node()
}

/// The edges that count, by the rule as it is written down.
fn essential(graph: &Graph) -> Vec<(u32, u32)> {
    let edges = || (0..graph.nodes()).flat_map(|node| graph.edges(node).map(move |edge| (node, edge)));
    let mut page: BTreeSet<u32> =
        edges().filter(|(node, edge)| *node == 0 && edge.kind == Shortcut).map(|(_, edge)| edge.to).collect();
    loop {
        let more: Vec<u32> =
            edges().filter(|(node, edge)| page.contains(node) && edge.kind != Weak).map(|(_, edge)| edge.to).collect();
        let before = page.len();
        page.extend(more);
        if page.len() == before {
            break;
        }
    }
    assert_eq!((0..graph.nodes()).filter(|&node| Dominators::new(graph).page_objects().has(node)).collect::<BTreeSet<_>>(), page);
    let counts = |node: u32, edge: &Edge| {
        edge.kind != Weak
            && node != edge.to
            && (node == 0 || edge.kind != Shortcut && (page.contains(&node) || !page.contains(&edge.to)))
    };
    edges().filter(|(node, edge)| counts(*node, edge)).map(|(node, edge)| (node, edge.to)).collect()
}

/// What can be reached from the root without going through `without`.
fn reached(edges: &[(u32, u32)], without: Option<u32>) -> BTreeSet<u32> {
    let mut reached = BTreeSet::from([0]);
    loop {
        let goes_on = |(from, to): &&(u32, u32)| reached.contains(from) && Some(*from) != without && !reached.contains(to);
        let Some(&(_, to)) = edges.iter().find(goes_on) else { return reached };
        reached.insert(to);
    }
}

/// Immediate dominators by definition: the node on all ways from the root that all others on all ways come before.
fn naive_dominators(graph: &Graph) -> Vec<u32> {
    let mut edges = essential(graph);
    let all = reached(&edges, None);
    let orphans = (0..graph.nodes()).filter(|node| !all.contains(node) && !edges.iter().any(|(_, to)| to == node));
    let orphans: Vec<(u32, u32)> = orphans.map(|node| (0, node)).collect();
    edges.extend(orphans);
    let all = reached(&edges, None);
    edges.retain(|(from, _)| all.contains(from));
    let strict = |node: u32| -> Vec<u32> {
        all.iter().copied().filter(|&by| by != node && !(by != 0 && reached(&edges, Some(by)).contains(&node))).collect()
    };
    (0..graph.nodes())
        .map(|node| {
            if node == 0 || !all.contains(&node) { 0 } else { *strict(node).iter().max_by_key(|&&by| strict(by).len()).unwrap() }
        })
        .collect()
}

/// A generator of pseudo-random numbers.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }
}

fn random_heap(rng: &mut Rng) -> Graph {
    let nodes = 2 + rng.below(11);
    let kinds = [Property, Property, Property, Property, Element, Internal, Weak, Shortcut];
    let kind_of = |node: usize| if node == 0 { "synthetic" } else { ["object", "array", "closure"][node % 3] };
    let made: Vec<Node<'_>> = (0..nodes).map(|node| (kind_of(node), "x", 1 << node)).collect();
    let references: Vec<Reference<'_>> = (0..rng.below(2 * nodes + 4))
        .map(|_| {
            let from = if rng.below(4) == 0 { 0 } else { rng.below(nodes) };
            (ordinal(from), kinds[rng.below(kinds.len())], "1", ordinal(rng.below(nodes)))
        })
        .collect();
    heap(&made, &references)
}

#[test]
fn dominators_are_those_of_the_definition() {
    let mut rng = Rng(1);
    for _ in 0..3_000 {
        let graph = random_heap(&mut rng);
        assert_eq!(dominators_by_node(&graph), naive_dominators(&graph), "{:?} {:?}", graph.first_edge, graph.to_node);
    }
}

#[test]
fn retained_sizes_of_nodes_and_groups_are_those_of_the_definition() {
    let mut rng = Rng(2);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(5).build().unwrap();
    for _ in 0..2_000 {
        let graph = random_heap(&mut rng);
        let dominators = Dominators::new(&graph);
        let by = dominators.by_node();
        let above = |node: u32| std::iter::successors(Some(node), |&node| Some(by[node as usize]).filter(|_| node != 0)).skip(1);
        let dominated = |node: u32| (0..graph.nodes()).filter(move |&other| other == node || above(other).any(|by| by == node));
        let expected: Vec<u64> =
            (0..graph.nodes()).map(|node| dominated(node).map(|node| graph.self_size.get(node)).sum()).collect();
        let retained = retained_sizes(&dominators, &graph.self_size);
        let places = || (0..).zip(&dominators.order);
        let by_node: BTreeMap<u32, u64> = places().map(|(place, &node)| (node, retained.get(place))).collect();
        assert_eq!(by_node.into_values().collect::<Vec<_>>(), expected);
        // Some nodes are of no group.
        let group = |node: u32| (node % 5 != 4).then(|| u32::from(graph.kind[node as usize]));
        let sums = pool.install(|| retained_by_group(&dominators, &graph.self_size, 4, group));
        let mut expected_sums = vec![0; 4];
        for node in 0..graph.nodes() {
            if let Some(of) = group(node)
                && !above(node).any(|by| group(by) == Some(of))
            {
                expected_sums[of as usize] += expected[node as usize];
            }
        }
        assert_eq!(sums, expected_sums);
    }
}

#[test]
fn a_long_list_is_walked_without_recursion() {
    let length = 300_000;
    let mut nodes = vec![("synthetic", "", 0_u64); 1];
    nodes.extend(vec![("object", "Item", 1); length]);
    let mut references: Vec<Reference<'_>> = Vec::new();
    for node in 0..ordinal(length) {
        references.push((node, Property, "next", node + 1));
    }
    // Built without searching for each node's edges.
    let mut graph = heap(&nodes[..2], &references[..1]);
    graph.kind = nodes.iter().map(|(kind, ..)| u8::from(*kind == "object")).collect();
    graph.name = vec![graph.name[1]; length + 1];
    graph.id = Wide::zeros(length + 1);
    graph.self_size = Wide::from_halves(vec![1; length + 1], Vec::new());
    graph.first_edge = (0..=ordinal(length)).chain([ordinal(length)]).collect();
    graph.edge_kind = vec![Property as u8; length];
    graph.edge_name = vec![graph.edge_name[0]; length];
    graph.to_node = (1..=ordinal(length)).collect();
    let dominators = Dominators::new(&graph);
    let retained = retained_sizes(&dominators, &graph.self_size);
    assert_eq!(retained.get(0), length as u64 + 1);
    assert_eq!(dominators.by_node()[length], ordinal(length) - 1);
    assert_eq!(retained_by_group(&dominators, &graph.self_size, 1, |node| (node > 0).then_some(0)), [length as u64]);
    assert_eq!(distances(&graph)[length], i32::try_from(length).unwrap());
}

#[test]
fn backing_stores_belong_to_the_only_object_that_leads_to_them() {
    let graph = program(
        &[
            ("object", "Map", 32),
            ("array", "", 100),
            ("array", "", 200),
            ("array", "", 400),
            ("object", "Set", 48),
            ("hidden", "system / Map", 80),
            ("native", "system / ExternalStringData", 1_000),
            ("string", "text", 20),
        ],
        &[
            (1, Property, "map", 2),
            (2, Internal, "table", 3),
            // Behind a store that is the map's alone, and one that it shares with the set.
            (3, Internal, "part", 4),
            (3, Internal, "shared", 5),
            (1, Property, "set", 6),
            (6, Internal, "shared", 5),
            // A weak reference owns nothing, and the root keeps nothing.
            (6, Weak, "weak", 7),
            (0, Element, "1", 7),
            (1, Property, "text", 9),
            (9, Internal, "data", 8),
        ],
    );
    let sizes = owned_sizes(&graph, &Detachedness::new(&graph));
    assert_eq!(sizes.iter().collect::<Vec<_>>(), [0, 10, 332, 0, 0, 400, 48, 80, 0, 1_020]);
    // Without an object of the user's right below the root everything keeps its size.
    let graph = heap(
        &[("synthetic", "", 0), ("synthetic", "(GC roots)", 0), ("object", "Map", 32), ("array", "", 100)],
        &[(0, Element, "1", 1), (1, Element, "1", 2), (2, Internal, "table", 3)],
    );
    assert_eq!(owned_sizes(&graph, &Detachedness::new(&graph)).iter().collect::<Vec<_>>(), [0, 0, 32, 100]);
}

#[test]
fn detachedness_is_handed_on_through_native_nodes() {
    let mut graph = program(
        &[
            ("native", "<div id=\"a\">", 1),
            ("native", "<p class=x>", 1),
            ("object", "Wrapper", 1),
            ("native", "Text", 1),
            ("native", "<b>", 1),
            ("native", "<i>", 1),
        ],
        &[
            (2, Element, "1", 3),
            (2, Hidden, "1", 6),
            (3, Element, "1", 4),
            (4, Property, "node", 5),
            (7, Element, "1", 3),
            (7, Element, "2", 6),
        ],
    );
    graph.detachedness = vec![0, 0, 1, 0, 0, 0, 0, 2];
    let detachedness = Detachedness::new(&graph);
    assert_eq!((0..8).map(|node| detachedness.of(node)).collect::<Vec<_>>(), [0, 0, 1, 1, 0, 0, 2, 2]);
    let keys = devtools_keys(&graph, &detachedness, &Interfaces::infer(&graph));
    let key = |node: usize| keys.keys[keys.of[node] as usize].to_string();
    assert_eq!([2, 3, 5, 6, 7].map(key), [",<div>", ",<p>", ",Text", ",Detached <b>", ",Detached <i>"]);
}

#[test]
fn plain_objects_are_named_by_their_properties() {
    let long = "x".repeat(118);
    let graph = program(
        &[("object", "Object", 8); 7],
        &[
            (2, Property, "a", 1),
            (2, Property, "b", 1),
            (3, Property, "b", 1),
            (3, Property, "a", 1),
            (4, Property, "a", 1),
            (4, Property, "__proto__", 1),
            (4, Property, "b", 1),
            (4, Property, "c", 1),
            (5, Property, "a", 1),
            (5, Property, "b", 1),
            // Too long a name stands alone, and nothing goes behind it.
            (6, Property, &long, 1),
            (6, Property, "it's", 1),
            (7, Property, &long, 1),
            (8, Internal, "a", 1),
        ],
    );
    let interfaces = Interfaces::infer(&graph);
    let names: Vec<&str> = interfaces.0.iter().map(|interface| interface.name.as_str()).collect();
    let long_name = format!("{{{long}}}");
    // "{a, b}" is seen twice, "{b, a}" and "{a, b, c}" once.
    assert_eq!(names, ["{a, b}", long_name.as_str()]);
    let keys = devtools_keys(&graph, &Detachedness::new(&graph), &interfaces);
    let class = |node: usize| keys.keys[keys.of[node] as usize].class.as_str();
    assert_eq!([2, 3, 4, 5].map(class), ["{a, b}"; 4]);
    assert_eq!([6, 7, 8].map(class), [&*long_name, &*long_name, "Object"]);
}

#[test]
fn classes_of_one_name_are_one_row_and_sizes_do_not_wrap() {
    let large = 5 << 30;
    let mut graph = program(
        &[
            ("closure", "f", 64),
            ("object", "Function", 28),
            ("native", "system / JSArrayBufferData", large),
            ("array", "", large),
        ],
        &[(1, Property, "f", 2), (1, Property, "g", 3), (1, Property, "data", 4), (3, Internal, "elements", 5)],
    );
    graph.extra_native_bytes = 7;
    let detachedness = Detachedness::new(&graph);
    let sizes = owned_sizes(&graph, &detachedness);
    let dominators = Dominators::new(&graph);
    let keys = devtools_keys(&graph, &detachedness, &Interfaces::infer(&graph));
    let rows = rows(&keys, &sizes, &dominators, &distances(&graph));
    let row = |class: &str| rows.iter().find(|row| keys.keys[row.key as usize].class == class).unwrap();
    assert_eq!((row("Function").count, row("Function").shallow), (2, 92 + large));
    assert_eq!(row("global").retained, 102 + 2 * large);
    assert_eq!(row("global").distance, 1);
    let statistics = devtools::statistics::Statistics::new(&graph, &detachedness, &sizes);
    assert_eq!((statistics.total, statistics.native), (109 + 2 * large, large + 7));
    assert_eq!(statistics.total, rows.iter().map(|row| row.shallow).sum::<u64>() + 7);
}

#[test]
fn values_of_a_weak_map_belong_to_their_keys() {
    let pair = "1 / part of key (Key @7) -> value (Value @9) pair in WeakMap (table @5)";
    let mut graph = program(
        &[("array", "", 1), ("object", "Key", 1), ("object", "Value", 1), ("object", "Far", 1)],
        &[
            (1, Property, "weak_map", 2),
            (1, Property, "far", 5),
            (5, Property, "key", 3),
            (2, Internal, pair, 4),
            (3, Internal, pair, 4),
        ],
    );
    let name = (0..graph.strings.count()).find(|&index| graph.strings.get(index) == pair).unwrap();
    graph.ephemerons = vec![Ephemeron { name, table: 5, pair: 0 }];
    graph.mark_tables();
    assert_eq!(graph.edge_kind.iter().filter(|&&kind| kind & Graph::FROM_TABLE != 0).count(), 1);
    assert_eq!(graph.edge(4).kind, Internal);
    assert_eq!(dominators_by_node(&graph), [0, 0, 1, 5, 3, 1]);
    // The table is two steps away, the key three: the value follows the later of them.
    assert_eq!(distances(&graph), [SYSTEM, 1, 2, 3, 4, 2]);
    graph.first_edge[1..].fill(1);
    assert_eq!(distances(&graph)[4], UNREACHED);
}

#[test]
fn what_is_in_a_class_of_both_counts_for_nothing() {
    let base = program(&[("object", "A", 10), ("object", "B", 10), ("object", "A", 0)], &[]);
    let mut current = program(&[("object", "A", 99), ("object", "C", 10), ("object", "A", 5)], &[]);
    current.id.set(1, 77);
    let sides = [&base, &current].map(|graph| devtools_keys(graph, &Detachedness::new(graph), &Interfaces::default()));
    let side = |graph, keys| Side { graph, sizes: &graph.self_size, keys };
    let found = compare(side(&base, &sides[0]), side(&current, &sides[1]));
    let rows: BTreeMap<String, _> =
        found.iter().map(|row| (row.key.class.clone(), (row.added, row.removed, row.added_size, row.removed_size))).collect();
    let expected = [("A", (1, 0, 5, 0)), ("B", (0, 1, 0, 10)), ("C", (1, 0, 10, 0)), ("global", (1, 1, 10, 10))];
    assert_eq!(rows, expected.map(|(class, sums)| (class.to_owned(), sums)).into());
}

#[test]
fn what_does_not_fit_is_refused_with_a_sentence() {
    assert!(check_size(1_000, 3_000, true, None).is_ok());
    let needed = memory_needed(1_000_000, 3_000_000, true);
    assert!(memory_needed(1_000_000, 3_000_000, false) < needed);
    assert!(check_size(1_000_000, 3_000_000, true, Some(needed)).is_ok());
    let error = check_size(1_000_000, 3_000_000, true, Some(needed - 1)).unwrap_err().to_string();
    assert!(error.starts_with("its references need about ") && error.contains("--max-memory"), "{error}");
    let error = check_size(1, 5_000_000_000, false, None).unwrap_err().to_string();
    assert_eq!(error, "5,000,000,000 edges; a graph holds at most 4,294,967,293");
    let error = check_size(3_000_000_000, 1, false, None).unwrap_err().to_string();
    assert_eq!(error, "3,000,000,000 nodes; a graph holds at most 2,113,929,216");
    assert!(matches!(check_size(u64::MAX, u64::MAX, true, Some(1)), Err(ErrorKind::TooLarge(_))));
}
