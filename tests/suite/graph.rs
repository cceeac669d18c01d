//! Graphs and DevTools' numbers against the reference viewer's own: per node, per class, and compared.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use heapdiff::graph::devtools::comparison::{Side, compare};
use heapdiff::graph::devtools::distance::distances;
use heapdiff::graph::devtools::interfaces::Interfaces;
use heapdiff::graph::devtools::rows::rows;
use heapdiff::graph::devtools::statistics::Statistics;
use heapdiff::graph::{Detachedness, Dominators, Graph, GraphWant, Keys, Wide, devtools_keys, owned_sizes, retained_sizes};
use heapdiff::input::v8::read_graph;
use heapdiff::source::Source;
use serde_json::Value;

use crate::support::whole::{self, snapshot};
use crate::support::{corpus, repository, text};

fn graph(path: &Path) -> Graph {
    read_graph(&mut Source::open(&text(path)).unwrap(), GraphWant { places: true, ..GraphWant::default() }).unwrap()
}

/// A heap with all that is computed of it.
struct Heap {
    graph: Graph,
    detachedness: Detachedness,
    sizes: Wide,
    dominators: Dominators,
    retained: Wide,
    distances: Vec<i32>,
    interfaces: Interfaces,
    keys: Keys,
}

impl Heap {
    fn new(graph: Graph) -> Self {
        let detachedness = Detachedness::new(&graph);
        let sizes = owned_sizes(&graph, &detachedness);
        let dominators = Dominators::new(&graph);
        let retained = retained_sizes(&dominators, &sizes);
        let distances = distances(&graph);
        let interfaces = Interfaces::infer(&graph);
        let keys = devtools_keys(&graph, &detachedness, &interfaces);
        Self { graph, detachedness, sizes, dominators, retained, distances, interfaces, keys }
    }

    fn read(path: &Path) -> Self {
        Self::new(graph(path))
    }

    fn key(&self, node: u32) -> String {
        self.keys.keys[self.keys.of[node as usize] as usize].to_string()
    }
}

/// The columns of the reference's table of nodes. The bundled ones lack the first three, which the snapshot has itself.
const COLUMNS: &str = "ordinal\tid\ttype\tshallow\tretained\tdistance\tdominatorId\tdetachedness\tpageObject\tclassKey";

/// Compares every node with the reference's table.
fn compare_nodes(heap: &Heap, reference: &Path) {
    let mut table = String::new();
    zstd::stream::Decoder::new(std::fs::File::open(reference).unwrap()).unwrap().read_to_string(&mut table).unwrap();
    let mut lines = table.lines();
    let columns = lines.next().unwrap();
    assert!(COLUMNS.ends_with(columns), "{columns}");
    let lacking = COLUMNS.split('\t').count() - columns.split('\t').count();
    let Heap { graph, dominators, .. } = heap;
    let (page, by_node) = (dominators.page_objects(), dominators.by_node());
    let mut place = vec![0; by_node.len()];
    (0..).zip(&dominators.order).for_each(|(at, &node)| place[node as usize] = at);
    let mut nodes = 0;
    for (node, line) in (0..).zip(lines) {
        let at = node as usize;
        let ours = [
            node.to_string(),
            graph.id.get(node).to_string(),
            graph.kinds.name(graph.kind[at]).to_owned(),
            heap.sizes.get(node).to_string(),
            heap.retained.get(place[at]).to_string(),
            heap.distances[at].to_string(),
            graph.id.get(by_node[at]).to_string(),
            heap.detachedness.of(node).to_string(),
            u8::from(page.has(node)).to_string(),
            serde_json::to_string(&heap.key(node)).unwrap(),
        ];
        assert_eq!(ours[lacking..].join("\t"), line, "node {node} of {}", reference.display());
        nodes += 1;
    }
    assert_eq!(nodes, graph.nodes());
}

/// Key to count, shallow size, retained size and distance.
type Rows = BTreeMap<String, (u64, u64, u64, i64)>;

/// Compares the rows of classes, the statistics and the total with the reference's.
fn compare_rows(heap: &Heap, reference: &Path) {
    let expected: Value = serde_json::from_slice(&std::fs::read(reference).unwrap()).unwrap();
    let owned = &expected["owned"];
    let number = |row: &Value, column: usize| row[column].as_u64().unwrap();
    let expected_rows: Rows = owned["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let sums = (number(row, 1), number(row, 2), number(row, 3), row[4].as_i64().unwrap());
            (row[0].as_str().unwrap().to_owned(), sums)
        })
        .collect();
    let found = rows(&heap.keys, &heap.sizes, &heap.dominators, &heap.distances);
    let ours: Rows = found
        .iter()
        .map(|row| {
            let key = heap.keys.keys[row.key as usize].to_string();
            (key, (row.count, row.shallow, row.retained, i64::from(row.distance)))
        })
        .collect();
    assert_eq!(ours.len(), found.len(), "keys are unique");
    assert_eq!(ours, expected_rows, "{}", reference.display());
    let names: Vec<&str> = owned["interfaces"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(heap.interfaces.0.iter().map(|interface| interface.name.as_str()).collect::<Vec<_>>(), names);
    let statistics = Statistics::new(&heap.graph, &heap.detachedness, &heap.sizes);
    let at = |path: &str| owned["statistics"].pointer(path).unwrap().as_u64().unwrap();
    assert_eq!(statistics.total, at("/total"));
    assert_eq!(statistics.native, at("/native/total"));
    assert_eq!(statistics.typed_arrays, at("/native/typedArrays"));
    assert_eq!(statistics.v8_heap(), at("/v8heap/total"));
    assert_eq!(statistics.code, at("/v8heap/code"));
    assert_eq!(statistics.js_arrays, at("/v8heap/jsArrays"));
    assert_eq!(statistics.strings, at("/v8heap/strings"));
    assert_eq!(statistics.system, at("/v8heap/system"));
    let sum: u64 = found.iter().map(|row| row.shallow).sum();
    assert_eq!(sum + heap.graph.extra_native_bytes, statistics.total, "every byte is in some row");
}

/// Compares what came and went with the reference's.
fn compare_differences(base: &Heap, current: &Heap, reference: &Path) {
    let expected: Value = serde_json::from_slice(&std::fs::read(reference).unwrap()).unwrap();
    let keys = devtools_keys(&base.graph, &base.detachedness, &current.interfaces);
    let ours: BTreeMap<String, Vec<u64>> = compare(
        Side { graph: &base.graph, sizes: &base.sizes, keys: &keys },
        Side { graph: &current.graph, sizes: &current.sizes, keys: &current.keys },
    )
    .into_iter()
    .map(|row| (row.key.to_string(), vec![row.added, row.removed, row.added_size, row.removed_size]))
    .collect();
    let rows = expected["owned"]["rows"].as_array().unwrap().iter().map(|row| {
        let numbers = [1, 2, 4, 5].map(|column| row[column].as_u64().unwrap()).to_vec();
        (row[0].as_str().unwrap().to_owned(), numbers)
    });
    assert_eq!(ours, rows.collect::<BTreeMap<_, _>>(), "{}", reference.display());
}

/// The snapshot of a name in a folder, unpacked or not.
/// Compares a snapshot with what there is of expected values under its name.
fn compare_all(snapshots: &Path, expected: &Path, name: &str) -> Heap {
    let heap = Heap::read(&snapshot(snapshots, name));
    let nodes = expected.join(format!("{name}.nodes.tsv.zst"));
    if nodes.exists() {
        compare_nodes(&heap, &nodes);
    }
    compare_rows(&heap, &expected.join(format!("{name}.expected.json")));
    heap
}

#[test]
fn every_node_is_as_in_the_reference_viewer() {
    for (snapshot, table) in
        [("isolates/mr06-s3", "isolates-mr06-s3"), ("isolates/mr0141-s3", "isolates-mr0141-s3"), ("bun/s3", "bun-s3")]
    {
        let heap = Heap::read(&corpus(&format!("{snapshot}.heapsnapshot")));
        compare_nodes(&heap, &repository().join(format!("fixtures/v8/nodes/{table}.tsv.zst")));
    }
}

#[test]
fn isolates_are_as_in_the_reference_viewer() {
    for name in ["mr06", "ivm-track", "ivm-node24-track", "mr0141"] {
        let (snapshots, expected) = (corpus("isolates"), corpus("expected/isolates"));
        let base = compare_all(&snapshots, &expected, &format!("{name}-s1"));
        let current = compare_all(&snapshots, &expected, &format!("{name}-s3"));
        compare_differences(&base, &current, &expected.join(format!("{name}-s1-s3.diff.expected.json")));
    }
}

#[test]
fn heaps_without_global_objects_are_as_in_the_reference_viewer() {
    compare_all(&corpus("chromium-worker"), &corpus("expected/chromium-worker"), "recording");
    for name in ["s1", "s3"] {
        compare_all(&corpus("bun"), &corpus("expected/bun"), name);
    }
}

#[test]
fn a_whole_corpus_is_as_in_the_reference_viewer() {
    for reference in &whole::references(".expected.json") {
        match reference.pair() {
            Some(pair) => {
                let [base, current] = pair.map(|path| Heap::read(&path));
                compare_differences(&base, &current, &reference.path);
            }
            None => drop(compare_all(&reference.snapshots, reference.path.parent().unwrap(), &reference.name)),
        }
    }
}
