//! Graphs: maps and streams give the same one, its dominators are those of the definition, and what is computed of it adds up.
//!
//! The first byte says whether the rest is a file, or nodes and edges that a file is made of.
#![no_main]

use std::collections::{BTreeSet, HashMap};
use std::io::Cursor;

use heapdiff::alive::{Options, Wanted, alive};
use heapdiff::causes::{Causes, Searched};
use heapdiff::graph::{Dominators, EdgeKind, Graph, GraphWant, pages, retained_sizes};
use heapdiff::grouping::Level;
use heapdiff::growth::Rule;
use heapdiff::heap::{HeapWant, RowsWant};
use heapdiff::input::{self, Want, v8};
use heapdiff::snapshot::Snapshot;
use heapdiff::source::Source;
use libfuzzer_sys::fuzz_target;

mod files;

/// Names that some rule speaks of, and others.
const NAMES: [&str; 32] = [
    "",
    "Foo",
    "Bar",
    "(GC roots)",
    "(Document DOM trees)",
    "(Global handles)",
    "elements",
    "table",
    "map",
    "context",
    "properties",
    "__proto__",
    "Map",
    "WeakMap",
    "Array",
    "Object",
    "system / Context",
    "Window / http://a",
    "Detached HTMLDivElement",
    "constructor",
    "1 / part of key (Foo @3) -> value (Bar @5) pair in WeakMap (table @7)",
    "2 / part of key (Foo @5) -> value (Bar @3) pair in WeakMap (table @9)",
    "_idleNext",
    "native_context",
    "shared",
    "code",
    "prototype",
    "(Bytecode handlers)",
    "backing_store",
    "0",
    "next",
    "Foo / part of",
];
const KINDS: [&str; 8] = ["hidden", "array", "object", "closure", "string", "synthetic", "native", "regexp"];

/// A snapshot of few nodes: their number, a type and a name of each, and as many edges as there are bytes left.
fn made(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.iter().copied();
    let nodes = 2 + usize::from(bytes.next().unwrap_or(0)) % 14;
    let kinds: Vec<(u8, u8)> = (0..nodes).map(|_| (bytes.next().unwrap_or(2), bytes.next().unwrap_or(0))).collect();
    let mut edges: Vec<Vec<[usize; 3]>> = vec![Vec::new(); nodes];
    while let (Some(from), Some(kind), Some(to)) = (bytes.next(), bytes.next(), bytes.next()) {
        edges[usize::from(from) % nodes].push([usize::from(kind) % 7, usize::from(kind) / 8, usize::from(to) % nodes * 7]);
    }
    let texts = |values: Vec<usize>| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let node = |(number, &(kind, name)): (usize, &(u8, u8))| {
        [
            usize::from(kind) % 8,
            usize::from(name) % 32,
            2 * number + 1,
            usize::from(kind) / 8 * 8,
            edges[number].len(),
            0,
            usize::from(name) / 32 % 3,
        ]
    };
    let all: Vec<usize> = kinds.iter().enumerate().flat_map(node).collect();
    let count: usize = edges.iter().map(Vec::len).sum();
    format!(
        "{{\"snapshot\":{{\"meta\":{{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\",\"trace_node_id\",\"detachedness\"],\
         \"node_types\":[{},\"string\",\"number\",\"number\",\"number\",\"number\",\"number\"],\
         \"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],\
         \"edge_types\":[[\"context\",\"element\",\"property\",\"internal\",\"hidden\",\"shortcut\",\"weak\"],\"string_or_number\",\"node\"]}},\
         \"node_count\":{nodes},\"edge_count\":{count},\"trace_function_count\":0}},\"nodes\":[{}],\"edges\":[{}],\"strings\":{}}}",
        serde_json::json!(KINDS), texts(all), texts(edges.into_iter().flatten().flatten().collect()), serde_json::json!(NAMES),
    )
    .into_bytes()
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else { return };
    let is_made = choice & 1 != 0;
    let content = if is_made { made(rest) } else { rest.to_vec() };
    let bare = choice & 2 != 0;
    let want = GraphWant { traces: choice & 4 != 0, places: true, bare, memory_max: Some(256 << 20) };
    let path = files::put(&content, ".heapsnapshot");
    let stream = || Source::from_reader("-", Box::new(Cursor::new(content.clone())));
    let streamed = stream().and_then(|mut source| v8::read_graph(&mut source, want));
    let mapped = Source::open(&path).and_then(|mut source| v8::read_graph(&mut source, want));
    match (&streamed, &mapped) {
        (Ok(streamed), Ok(mapped)) => {
            assert_eq!(columns(streamed), columns(mapped));
            // Where names of edges may be left out, only a map leaves them out, and marks what they told.
            assert!(bare || streamed.edge_name == mapped.edge_name);
            if mapped.nodes() <= 40 && mapped.to_node.len() <= 400 {
                dominated(mapped);
            }
            if !bare && mapped.nodes() <= 4000 {
                explained(mapped);
            }
        }
        (Err(_), Err(_)) => assert!(!is_made),
        (streamed, mapped) => panic!("streamed: {:?}, mapped: {:?}", streamed.as_ref().err(), mapped.as_ref().err()),
    }
    let (owned, classes) = (choice & 8 != 0, choice & 16 != 0);
    let by = [if classes { Level::DevTools } else { Level::Class }];
    let rows = RowsWant { by: &by, breakdown: choice & 32 != 0, kinds: &[] };
    let heap = HeapWant {
        retained: Some(rows),
        owned,
        classes,
        objects: classes,
        statistics: true,
        memory_max: Some(256 << 20),
        ..HeapWant::default()
    };
    let want = Want { heap: Some(heap), ..Want::GROUPS };
    let streamed = stream().and_then(|mut source| input::read(&mut source, want));
    let mapped = Source::open(&path).and_then(|mut source| input::read(&mut source, want));
    match (streamed, mapped) {
        (Ok(streamed), Ok(mapped)) => assert_eq!(facts(&streamed), facts(&mapped)),
        (Err(_), Err(_)) => assert!(!is_made),
        (streamed, mapped) => panic!("streamed: {:?}, mapped: {:?}", streamed.err(), mapped.err()),
    }
});

fn facts(snapshot: &Snapshot) -> impl PartialEq + std::fmt::Debug {
    let heap = snapshot.heap.as_ref();
    let retained = heap.and_then(|heap| heap.retained.as_ref());
    let keys = snapshot
        .groups
        .iter()
        .map(|group| retained.map(|retained| retained.of(std::slice::from_ref(&group.name))))
        .collect::<Vec<_>>();
    (
        snapshot.nodes,
        snapshot.edges,
        snapshot.self_size,
        snapshot.groups.clone(),
        keys,
        format!("{:?}", heap.map(|heap| &heap.statistics)),
    )
}

fn columns(graph: &Graph) -> impl PartialEq + std::fmt::Debug {
    let node =
        |node: u32| (graph.name_of(node).into_owned(), graph.id.get(node), graph.self_size.get(node), graph.place_of(node));
    let nodes: Vec<_> = (0..graph.nodes()).map(node).collect();
    let kinds: Vec<u8> = graph.edge_kind.iter().map(|kind| kind & !Graph::ELEMENTS).collect();
    let edges = (graph.first_edge.clone(), kinds, graph.to_node.clone());
    (graph.kind.clone(), nodes, graph.detachedness.clone(), graph.trace.clone(), edges, graph.root, graph.extra_native_bytes)
}

/// The references that count, by the rule as it is written down.
fn essential(graph: &Graph) -> Vec<(u32, u32)> {
    let edges: Vec<_> = (0..graph.nodes())
        .flat_map(|node| graph.edge_range(node).map(move |number| (node, graph.edge(number), graph.edge_kind[number])))
        .collect();
    let mut page: BTreeSet<u32> = pages(graph).into_iter().collect();
    loop {
        let before = page.len();
        let more: Vec<u32> = edges
            .iter()
            .filter(|(node, edge, _)| page.contains(node) && edge.kind != EdgeKind::Weak)
            .map(|(_, edge, _)| edge.to)
            .collect();
        page.extend(more);
        if page.len() == before {
            break;
        }
    }
    let root = graph.root;
    let counts = |node: u32, edge: &heapdiff::graph::Edge, kind: u8| {
        edge.kind != EdgeKind::Weak
            && kind & Graph::FROM_TABLE == 0
            && node != edge.to
            && (node == root || edge.kind != EdgeKind::Shortcut && (page.contains(&node) || !page.contains(&edge.to)))
    };
    edges.iter().filter(|(node, edge, kind)| counts(*node, edge, *kind)).map(|(node, edge, _)| (*node, edge.to)).collect()
}

fn reached(root: u32, edges: &[(u32, u32)], without: Option<u32>) -> BTreeSet<u32> {
    let (mut reached, mut list) = (BTreeSet::from([root]), vec![root]);
    while let Some(node) = list.pop() {
        if Some(node) != without {
            list.extend(edges.iter().filter(|(from, to)| *from == node && reached.insert(*to)).map(|(_, to)| *to));
        }
    }
    reached
}

/// Dominators and retained sizes are those of the definition.
fn dominated(graph: &Graph) {
    let root = graph.root;
    let mut edges = essential(graph);
    let all = reached(root, &edges, None);
    let orphans = (0..graph.nodes()).filter(|node| !all.contains(node) && !edges.iter().any(|(_, to)| to == node));
    let orphans: Vec<(u32, u32)> = orphans.map(|node| (root, node)).collect();
    edges.extend(orphans);
    let all = reached(root, &edges, None);
    edges.retain(|(from, _)| all.contains(from));
    let without: Vec<BTreeSet<u32>> = (0..graph.nodes()).map(|node| reached(root, &edges, Some(node))).collect();
    let is_strict = |by: u32, node: u32| by != node && (by == root || !without[by as usize].contains(&node));
    let strict = |node: u32| all.iter().copied().filter(|&by| is_strict(by, node)).collect::<Vec<_>>();
    let by_node = Dominators::new(graph).by_node();
    for node in 0..graph.nodes() {
        let expected = if node == root || !all.contains(&node) {
            root
        } else {
            strict(node).into_iter().max_by_key(|&by| strict(by).len()).unwrap_or(root)
        };
        assert_eq!(by_node[node as usize], expected, "node {node} of {:?} {:?}", graph.first_edge, graph.to_node);
    }
    let dominators = Dominators::new(graph);
    let retained = retained_sizes(&dominators, &graph.self_size);
    if let Some(size) = size(graph) {
        assert_eq!(retained.get(0), size);
    }
}

/// Paths and causes: every object is counted once.
fn explained(graph: &Graph) {
    for class in ["Foo", "Object", "(string)"] {
        let options = Options { wanted: Wanted::Class(class.to_owned()), limit: 0, depth: 0, avoid: None };
        let alive = alive(graph, &options, None);
        assert!(alive.retained_size >= alive.self_size || alive.self_size > u64::from(u32::MAX), "{alive:?}");
        assert!(alive.holders.iter().all(|holder| holder.instances <= alive.instances), "{alive:?}");
    }
    let Some(size) = size(graph) else { return };
    let groups = HashMap::from([(("object", "Foo"), 0), (("closure", "Bar"), 1)]);
    let causes_since = |before: &Graph| {
        let before = Searched::new(before, &groups).census;
        Causes::new(vec![before], (graph, Searched::new(graph, &groups)), (&Rule::new(2), 2), 2)
    };
    assert!(causes_since(graph).causes.is_empty(), "nothing grows between a snapshot and itself");
    let mut empty = Source::from_reader("-", Box::new(Cursor::new(made(&[])))).unwrap();
    let causes = causes_since(&v8::read_graph(&mut empty, GraphWant::default()).unwrap());
    let shares = causes.causes.iter().filter_map(|cause| causes.share(cause));
    let kept: u64 = shares.map(|share| share.exclusive + share.shared).sum();
    assert!(kept <= size, "{kept} of {size} bytes");
}

/// The sizes of all nodes, if they have a sum.
fn size(graph: &Graph) -> Option<u64> {
    (0..graph.nodes()).try_fold(0_u64, |sum, node| sum.checked_add(graph.self_size.get(node)))
}
