//! Paths of small heaps made by hand, and what may not depend on the order of a file.

use super::words::{line, steps};
use super::*;
use crate::graph::tests::{Node, Reference, Rng, Texts, heap};
use crate::graph::{Bits, Detachedness, EdgeKind, Graph, Wide, ordinal};

use EdgeKind::{Context, Element, Hidden, Internal, Property, Shortcut, Weak};

fn found(graph: &Graph, vocabulary: &mut Vocabulary) -> Paths {
    search(graph, &Detachedness::new(graph), vocabulary)
}

/// The path of a node in words; empty if there is none.
fn path(graph: &Graph, node: u32) -> String {
    let mut vocabulary = Vocabulary::default();
    let paths = found(graph, &mut vocabulary);
    if !paths.reached(node) {
        return String::new();
    }
    super::words::pieces(&steps(&paths.tree, paths.path(node), &vocabulary)).join(" ")
}

pub(super) fn program(nodes: &[Node<'_>], references: &[Reference<'_>]) -> Graph {
    let all: Vec<Node<'_>> = [("synthetic", "", 0), ("object", "global", 10)].iter().chain(nodes).copied().collect();
    let all_references: Vec<Reference<'_>> = [(0, Shortcut, "1", 1)].iter().chain(references).copied().collect();
    heap(&all, &all_references)
}

#[test]
fn the_cheapest_path_is_taken_not_the_shortest() {
    let nodes = [("object", "TimersList", 8), ("object", "Client", 8), ("object", "Pool", 8), ("object", "Array", 8)];
    let graph = program(
        &nodes,
        &[
            (1, Property, "_idleNext", 3),
            (1, Property, "pool", 4),
            (4, Property, "clients", 5),
            (5, Internal, "elements", 3),
            (1, Weak, "weak", 2),
            (3, Property, "itself", 3),
        ],
    );
    assert_eq!(path(&graph, 3), "globalThis.pool Pool .clients Client");
    // Weak references lead nowhere.
    assert_eq!(path(&graph, 2), "");
}

#[test]
fn values_of_a_weak_map_are_held_by_their_keys() {
    const ENTRY: &str = "2 / part of key (Key @5) -> value (Value @7) pair in WeakMap (table @9)";
    let nodes = [("object", "Key", 8), ("object", "Value", 8), ("array", "", 8), ("object", "WeakMap", 8)];
    let references = [
        (1, Property, "key", 2),
        (1, Property, "map", 5),
        (5, Internal, "table", 4),
        (2, Internal, ENTRY, 3),
        (4, Internal, ENTRY, 3),
    ];
    let mut graph = program(&nodes, &references);
    let name = (0..graph.strings.count()).find(|&string| graph.strings.get(string) == ENTRY).unwrap();
    graph.ephemerons = vec![crate::graph::Ephemeron { name, table: graph.id.get(4), pair: 0 }];
    graph.mark_tables();
    assert_eq!(path(&graph, 3), "globalThis.key Key [WeakMap value] Value");
}

#[test]
fn functions_contexts_and_variables_are_one_step() {
    let nodes = [
        ("closure", "connect", 8),
        ("object", "system / Context", 8),
        ("object", "system / Context", 8),
        ("object", "Map", 8),
        ("array", "", 8),
        ("object", "Client", 8),
        ("string", "secret", 8),
    ];
    // Two buckets: entries begin at 5. The second one's key and value stand at 8 and 9.
    let references = [
        (1, Property, "connect", 2),
        (2, Internal, "context", 3),
        (3, Internal, "previous", 4),
        (4, Context, "clients", 5),
        (5, Internal, "table", 6),
        (6, Internal, "5", 8),
        (6, Internal, "9", 7),
    ];
    let graph = program(&nodes, &references);
    assert_eq!(path(&graph, 7), "globalThis.connect() var clients Map [value] Client");
    assert_eq!(path(&graph, 8), "globalThis.connect() var clients Map [key] (string)");
}

#[test]
fn modules_begin_a_path_and_handles_are_named() {
    let nodes = [
        ("object", "Module", 8),
        ("string", "/srv/node_modules/@grpc/grpc-js/build/src/channelz.js", 8),
        ("object", "Object", 8),
        ("synthetic", "(GC roots)", 0),
        ("synthetic", "(Global handles)", 0),
        ("object", "TCP", 8),
        ("synthetic", "Node / PipeWrap", 8),
        ("object", "Object", 8),
    ];
    let references = [
        (1, Property, "main", 2),
        (2, Property, "filename", 3),
        (2, Property, "<symbol node:module_export>", 4),
        (0, Element, "2", 5),
        (5, Element, "1", 6),
        (6, Internal, "3", 7),
        (0, Element, "3", 8),
        (8, Internal, "native_to_javascript", 9),
    ];
    let graph = program(&nodes, &references);
    assert_eq!(path(&graph, 4), "module grpc-js/build/src/channelz.js .exports Object");
    assert_eq!(path(&graph, 7), "native handle TCP");
    assert_eq!(path(&graph, 9), "native PipeWrap Object");
}

/// A heap of a root, a global object and further objects of class `Item`.
pub(super) fn items(count: u32, references: impl Iterator<Item = (u32, EdgeKind, u32, u32)>) -> Graph {
    let texts = ["", "global", "Item", "first", "next"].map(str::to_owned).to_vec();
    let mut graph = heap(&[("synthetic", "", 0), ("object", "global", 0)], &[]);
    let nodes = 2 + count as usize;
    graph.kind.resize(nodes, graph.kind[1]);
    graph.name = vec![2; nodes];
    (graph.name[0], graph.name[1]) = (0, 1);
    graph.id = Wide::zeros(nodes);
    graph.self_size = Wide::zeros(nodes);
    graph.strings = Box::new(Texts(texts));
    graph.first_edge = vec![0];
    let mut references = references.peekable();
    for node in 0..ordinal(nodes) {
        if node == 0 {
            graph.edge_kind.push(Shortcut as u8);
            graph.edge_name.push(1);
            graph.to_node.push(1);
        }
        while let Some((_, kind, name, to)) = references.next_if(|reference| reference.0 == node) {
            graph.edge_kind.push(kind as u8);
            graph.edge_name.push(name);
            graph.to_node.push(to);
        }
        graph.first_edge.push(ordinal(graph.to_node.len()));
    }
    graph
}

#[test]
fn long_chains_and_wide_fans_are_few_path_nodes() {
    const MANY: u32 = 1_000_000;
    let mut vocabulary = Vocabulary::default();
    let chain = items(MANY, (1..=MANY).map(|node| (node, Property, if node == 1 { 3 } else { 4 }, node + 1)));
    let paths = found(&chain, &mut vocabulary);
    // The root, the global object, the first and all others in it: trees of one class are one.
    assert_eq!(paths.counts(), [1, 1, u64::from(MANY)]);
    let fan = items(MANY, (0..MANY).map(|index| (1, Element, index, index + 2)));
    assert_eq!(found(&fan, &mut vocabulary).counts(), [1, 1, u64::from(MANY)]);
    // Hidden references cost more than one bucket's step, and an island is reached by nobody.
    let islands = items(MANY, (2..MANY).map(|node| (node, Hidden, 0, node + 1)).chain([(MANY, Property, 4, 2)]));
    assert_eq!(found(&islands, &mut vocabulary).counts(), [1, 1]);
}

#[test]
fn depth_and_number_of_names_are_bounded() {
    // Classes that alternate in no short period.
    let classes: Vec<String> =
        (0..200_u32).map(|at| format!("Class{}", char::from(b'A' + u8::try_from(at * at % 23).unwrap()))).collect();
    let nodes: Vec<Node<'_>> = classes.iter().map(|class| ("object", class.as_str(), 8)).collect();
    let references: Vec<Reference<'_>> = (1..=200).map(|node| (node, Property, "down", node + 1)).collect();
    let mut vocabulary = Vocabulary::default();
    let paths = found(&program(&nodes, &references), &mut vocabulary);
    assert!(paths.tree.nodes.iter().all(|node| node.depth <= 64) && paths.tree.nodes.iter().any(|node| node.depth == 64));
    assert_eq!(paths.counts().iter().sum::<u64>(), 202);

    let names: Vec<String> = (0..300_u32)
        .map(|at| format!("{}{}", char::from(b'a' + u8::try_from(at % 26).unwrap()), "x".repeat(at as usize / 26)))
        .collect();
    let nodes = vec![("object", "Object", 8); 300];
    let references: Vec<Reference<'_>> = (0..).zip(&names).map(|(at, name)| (1, Property, name.as_str(), at + 2)).collect();
    let paths = found(&program(&nodes, &references), &mut vocabulary);
    // The root, the global object, 200 names and any other.
    let counts = paths.counts();
    assert_eq!((counts.len(), counts[202]), (203, 100));
}

#[test]
fn periods_are_folded_when_they_come_a_third_time() {
    let of = |times: usize| {
        let nodes: Vec<Node<'_>> = (0..2 * times).map(|at| ("object", if at % 2 == 0 { "Object" } else { "Array" }, 8)).collect();
        let references: Vec<Reference<'_>> = (0..2 * times)
            .map(|at| {
                (
                    ordinal(at + 1),
                    if at % 2 == 0 { Property } else { Element },
                    if at % 2 == 0 { "7" } else { "1" },
                    ordinal(at + 2),
                )
            })
            .collect();
        found(&program(&nodes, &references), &mut Vocabulary::default()).counts()
    };
    assert_eq!(of(2), [1, 1, 1, 1, 1, 1]);
    assert_eq!(of(3), [1, 1, 1, 1, 2, 2]);
    assert_eq!(of(50), [1, 1, 1, 1, 49, 49]);
}

/// The same heap with its nodes, and the references of each node, in another order.
pub(super) fn shuffled(graph: &Graph, rng: &mut Rng) -> Graph {
    let nodes = graph.kind.len();
    let mut order: Vec<u32> = (0..graph.nodes()).collect();
    (1..nodes).rev().for_each(|at| order.swap(at, rng.below(at + 1)));
    let mut place = vec![0; nodes];
    (0..).zip(&order).for_each(|(at, &node)| place[node as usize] = at);
    let texts = (0..graph.strings.count()).map(|string| graph.strings.get(string).into_owned()).collect();
    let mut other = heap(&[("synthetic", "", 0)], &[]);
    other.kinds = graph.kinds.clone();
    other.kind = order.iter().map(|&node| graph.kind[node as usize]).collect();
    other.name = order.iter().map(|&node| graph.name[node as usize]).collect();
    let picked = |column: &Wide| order.iter().map(|&node| column.get(node)).collect();
    other.id = picked(&graph.id);
    other.self_size = picked(&graph.self_size);
    other.detachedness = order.iter().filter_map(|&node| graph.detachedness.get(node as usize).copied()).collect();
    other.strings = Box::new(Texts(texts));
    other.ephemerons = graph.ephemerons.clone();
    other.root = place[graph.root as usize];
    other.first_edge = vec![0];
    for &node in &order {
        let mut edges: Vec<usize> = graph.edge_range(node).collect();
        (1..edges.len()).rev().for_each(|at| edges.swap(at, rng.below(at + 1)));
        for edge in edges {
            other.edge_kind.push(graph.edge_kind[edge]);
            other.edge_name.push(graph.edge_name[edge]);
            other.to_node.push(place[graph.to_node[edge] as usize]);
        }
        other.first_edge.push(ordinal(other.to_node.len()));
    }
    other
}

/// The whole tree with its counts, in words.
fn tree(graph: &Graph) -> Vec<(u32, String, String, u64)> {
    let mut vocabulary = Vocabulary::default();
    let paths = found(graph, &mut vocabulary);
    let words = |node: &PathNode| {
        let class = if node.depth == 0 { String::new() } else { vocabulary.class_of(node.class).text.clone() };
        (node.parent, format!("{:?} {}", node.label.kind(), vocabulary.text(node.label.name())), class)
    };
    let counts = paths.counts();
    paths.tree.nodes.iter().zip(counts).map(|(node, count)| (words(node), count)).map(|((a, b, c), d)| (a, b, c, d)).collect()
}

/// One of the snapshots that come with the program.
pub(super) fn real() -> Graph {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/v8/leak/s7.heapsnapshot");
    let mut source = crate::source::Source::open(path).unwrap();
    crate::input::v8::read_graph(&mut source, crate::graph::GraphWant::default()).unwrap()
}

#[test]
fn the_order_of_a_file_decides_nothing() {
    let graph = real();
    let expected = tree(&graph);
    assert!(expected.len() > 1000);
    let mut rng = Rng(5);
    for _ in 0..3 {
        assert!(tree(&shuffled(&graph, &mut rng)) == expected);
    }
}

#[test]
fn every_object_is_in_the_tree_or_held_by_nothing() {
    let graph = real();
    let mut vocabulary = Vocabulary::default();
    let paths = found(&graph, &mut vocabulary);
    let mut seen = Bits::new(graph.kind.len());
    let mut waiting = vec![graph.root];
    seen.add(graph.root);
    while let Some(node) = waiting.pop() {
        let rule = crate::graph::essential::Rule::new(&graph, node);
        let strong = graph.edge_range(node).filter(|&edge| rule.counts(graph.to_node[edge], graph.edge_kind[edge]));
        waiting.extend(strong.map(|edge| graph.to_node[edge]).filter(|&to| seen.add(to)));
    }
    assert!((0..graph.nodes()).all(|node| seen.has(node) == paths.reached(node)));
}

#[test]
fn holders_are_independent_of_one_another() {
    // A list of leaked objects, each of which also knows the one before; the last two only know each other.
    let nodes = [
        ("object", "Array", 8),
        ("array", "", 8),
        ("object", "Leak", 8),
        ("object", "Leak", 8),
        ("object", "Leak", 8),
        ("object", "Leak", 8),
        ("object", "Leak", 8),
        ("object", "Owner", 8),
    ];
    let references = [
        (1, Property, "list", 2),
        (2, Internal, "elements", 3),
        (3, Internal, "1", 4),
        (3, Internal, "2", 5),
        (3, Internal, "3", 6),
        (4, Property, "before", 5),
        (6, Property, "other", 7),
        (7, Property, "other", 8),
        (8, Property, "other", 7),
        (1, Property, "owner", 9),
        (9, Property, "last", 6),
    ];
    let all: Vec<Reference<'_>> =
        references.iter().copied().chain([(2, Element, "0", 4), (2, Element, "1", 5), (2, Element, "2", 6)]).collect();
    let graph = program(&nodes, &all);
    let detachedness = Detachedness::new(&graph);
    let mut vocabulary = Vocabulary::default();
    let found = holders(&graph, &detachedness, &mut vocabulary, &instances(&graph, &detachedness, "Leak"), |_| false);
    let words = |place: &FanOut| {
        let path = steps(&found.paths.tree, place.at, &vocabulary);
        (place.instances, line(&[&path[..], &[words::step(&vocabulary, place.holder.1, "Leak")]].concat()), place.routes)
    };
    let places: Vec<_> = found.places.iter().map(words).collect();
    let expected =
        [(3, "globalThis.list Array [x] → Leak".to_owned(), 0), (1, "globalThis.owner Owner .last → Leak".to_owned(), 0)];
    assert_eq!(places, expected);
    assert_eq!((found.by_one_another, found.unreached), (2, 0));
    // Without the list, one is left and leads to two more.
    let avoided = |node: u32| node == 2;
    let found = holders(&graph, &detachedness, &mut vocabulary, &instances(&graph, &detachedness, "Leak"), avoided);
    assert_eq!((found.places.len(), found.by_one_another, found.avoided, found.unreached), (1, 2, 2, 0));
}

/// The places of the objects of a class: how many it holds, the path to it and that below it.
fn places(graph: &Graph, class: &str) -> Vec<(u64, String, String)> {
    let detachedness = Detachedness::new(graph);
    let mut vocabulary = Vocabulary::default();
    let found = holders(graph, &detachedness, &mut vocabulary, &instances(graph, &detachedness, class), |_| false);
    let words = |place: &FanOut| {
        let path = steps(&found.paths.tree, place.at, &vocabulary);
        let mut below = steps(&found.paths.tree, place.holder.0, &vocabulary).split_off(path.len());
        below.push(words::step(&vocabulary, place.holder.1, class));
        (place.instances, super::words::pieces(&path).join(" "), super::words::pieces_below(&below, "→").join(" "))
    };
    found.places.iter().map(words).collect()
}

fn place(instances: u64, path: &str, below: &str) -> (u64, String, String) {
    (instances, path.to_owned(), below.to_owned())
}

#[test]
fn one_becomes_many_where_the_ways_to_instances_part() {
    const MANY: u32 = 300;
    // A registry of many modules, one of which exports a queue of many tasks and of further ones by name.
    let mut nodes: Vec<Node<'_>> =
        vec![("object", "Registry", 8), ("object", "Queue", 8), ("object", "Array", 8), ("array", "", 8)];
    let (registry, queue, list, store, modules) = (2, 3, 4, 5, 6);
    nodes.extend((0..MANY).map(|_| ("object", "Exporter", 8)));
    let tasks = modules + MANY;
    nodes.extend((0..MANY).map(|_| ("object", "Task", 8)));
    let mut references: Vec<Reference<'_>> = vec![(1, Property, "registry", registry)];
    references.extend((0..MANY).map(|at| (registry, Element, "1", modules + at)));
    references.extend([
        (modules + 7, Property, "exports", queue),
        (queue, Property, "tasks", list),
        (list, Internal, "elements", store),
    ]);
    references.extend((0..100).map(|at| (store, Internal, "1", tasks + at)));
    references.extend([("first", 100), ("second", 101), ("third", 102)].map(|(name, at)| (queue, Property, name, tasks + at)));
    let graph = program(&nodes, &references);
    let exporter = "globalThis.registry Registry [x] Exporter .exports Queue";
    assert_eq!(
        places(&graph, "Task"),
        [place(100, &format!("{exporter} .tasks Array"), "[x] → Task"), place(3, exporter, ".first → Task"),]
    );
    // Where each module has a task, the registry is the place.
    let of_modules = (0..MANY).map(|at| (modules + at, Property, "task", tasks + at));
    let references: Vec<Reference<'_>> = references[..=MANY as usize].iter().copied().chain(of_modules).collect();
    let graph = program(&nodes, &references);
    assert_eq!(places(&graph, "Task"), [place(300, "globalThis.registry Registry", "[x] Exporter .task → Task")]);
}

#[test]
fn lists_are_one_step_on_the_way_to_where_one_becomes_many() {
    const MANY: u32 = 1_000;
    let list = |further: &[Reference<'_>]| {
        let nodes: Vec<Node<'_>> = (0..2 * MANY).map(|at| ("object", if at < MANY { "Entry" } else { "Task" }, 8)).collect();
        let mut references: Vec<Reference<'_>> = vec![(1, Property, "list", 2)];
        references.extend((2..=MANY).map(|node| (node, Property, "next", node + 1)));
        references.extend_from_slice(further);
        program(&nodes, &references)
    };
    let of_each: Vec<Reference<'_>> = (2..MANY + 2).map(|node| (node, Property, "task", node + MANY)).collect();
    assert_eq!(
        places(&list(&of_each), "Task"),
        [place(u64::from(MANY), "globalThis", ".list Entry (list or tree) .task → Task")]
    );
    // All of one entry, far down the list.
    let of_one: Vec<Reference<'_>> = (0..50).map(|task| (MANY, Element, "1", MANY + 2 + task)).collect();
    assert_eq!(places(&list(&of_one), "Task"), [place(50, "globalThis.list Entry (list or tree)", "[x] → Task")]);
}

#[test]
fn the_order_of_a_file_decides_no_place() {
    let graph = real();
    let mut rng = Rng(23);
    for class in ["Array", "(closure)", "system / Context", "RequestContext"] {
        let expected = places(&graph, class);
        assert!(!expected.is_empty());
        assert_eq!(places(&shuffled(&graph, &mut rng), class), expected, "{class}");
    }
}
