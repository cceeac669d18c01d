//! The reader of graphs against a plain one, on whole and on broken files.

use heapdiff::error::ErrorKind;
use heapdiff::graph::{Dominators, EdgeKind, Graph, GraphWant};
use heapdiff::input::v8::read_graph;
use heapdiff::source::Source;

use crate::support::oracle::{self, Reference};
use crate::support::{Rng, VALID, corpus, folder, names_section_and_offset, put, text};

const ALL: GraphWant = GraphWant { traces: true, places: true, bare: false, memory_max: None };

fn read(path: &str) -> Result<Graph, ErrorKind> {
    read_graph(&mut Source::open(path)?, ALL)
}

/// Compresses content so that it is read as a stream.
fn streamed(folder: &tempfile::TempDir, content: &[u8]) -> String {
    put(folder.path(), "streamed.heapsnapshot.zst", &zstd::stream::encode_all(content, 1).unwrap())
}

/// All edges of a graph, in the words of the plain reader.
fn references(graph: &Graph) -> Vec<Reference> {
    let reference = |from: u32, edge: heapdiff::graph::Edge| Reference {
        from: from as usize,
        kind: format!("{:?}", edge.kind).to_lowercase(),
        name: if edge.kind.numbered() { edge.name.to_string() } else { graph.strings.get(edge.name).into_owned() },
        to: edge.to as usize,
    };
    (0..graph.nodes()).flat_map(|node| graph.edges(node).map(move |edge| reference(node, edge))).collect()
}

fn compare(graph: &Graph, content: &[u8], what: &str) {
    let plain = oracle::raw_nodes(content).unwrap();
    assert_eq!(graph.nodes() as usize, plain.len(), "{what}");
    for (node, plain) in (0..).zip(&plain) {
        let ours = oracle::Node {
            kind: graph.kinds.name(graph.kind[node as usize]).to_owned(),
            name: graph.name_of(node).into_owned(),
            id: graph.id.get(node),
            self_size: graph.self_size.get(node),
        };
        assert_eq!(&ours, plain, "node {node} of {what}");
    }
    assert!(references(graph) == oracle::references(content).unwrap(), "edges of {what}");
}

#[test]
fn graphs_are_those_of_a_plain_reader_from_maps_and_streams() {
    let folder = folder();
    for name in VALID {
        let content = std::fs::read(corpus(name)).unwrap();
        compare(&read(&text(&corpus(name))).unwrap(), &content, name);
        compare(&read(&streamed(&folder, &content)).unwrap(), &content, &format!("{name}, streamed"));
    }
}

#[test]
fn traces_and_places_are_read_where_they_are() {
    let graph = read(&text(&corpus("isolates/ivm-track-s1.heapsnapshot"))).unwrap();
    assert!(graph.trace.iter().any(|&trace| trace > 0));
    // Twenty objects and their class's constructor.
    let located = (0..graph.nodes()).filter(|&node| graph.name_of(node) == "LeakyConn" && graph.place_of(node).is_some());
    assert_eq!(located.count(), 21);
    let bare = read_graph(&mut Source::open(&text(&corpus("isolates/ivm-track-s1.heapsnapshot"))).unwrap(), GraphWant::default());
    let bare = bare.unwrap();
    assert!(bare.trace.is_empty() && bare.located.is_empty());
    // Six fields: there are no stacks to be had.
    assert!(read(&text(&corpus("isolates/mr0141-s1.heapsnapshot"))).unwrap().trace.is_empty());
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let path = text(&corpus("chromium-worker/recording.heaptimeline"));
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let graph = read(&path).unwrap();
            let dominators = Dominators::new(&graph);
            let Graph { kind, name, id, self_size, detachedness, trace, .. } = graph;
            let edges = (graph.first_edge, graph.edge_kind, graph.edge_name, graph.to_node);
            ((kind, name, id, self_size, detachedness, trace), edges, graph.located, graph.places, dominators)
        })
    };
    let one = with(1);
    for threads in [2, 3, 16] {
        assert!(with(threads) == one, "{threads} threads");
    }
}

#[test]
fn faults_are_refused_with_section_and_offset() {
    let folder = folder();
    for (name, part) in [
        ("bad-edge_count-sum", "add up to"),
        ("bad-edges-not-multiple", "edges: the array ends inside a record of 3 fields"),
        ("bad-to_node-misaligned", "is not the beginning of a node"),
        ("bad-to_node-out-of-range", "lies outside the nodes"),
        ("bad-name-out-of-range", "but the file has"),
        ("bad-node_count", "but the header announces"),
        ("truncated-in-edges", "file cut short?"),
        ("truncated-in-nodes", "file cut short?"),
        ("truncated-in-strings", "file cut short?"),
        ("truncated-last-byte", "file cut short?"),
        ("truncated-mid-meta", "file cut short?"),
        ("floats-exponents", "nodes: "),
        ("invalid-utf8-in-string", "UTF-8"),
        ("trailing-garbage", "a second JSON document follows"),
    ] {
        let content = std::fs::read(corpus(&format!("odd/{name}.heapsnapshot"))).unwrap();
        for path in [put(folder.path(), "plain.heapsnapshot", &content), streamed(&folder, &content)] {
            let Err(error) = read(&path) else { panic!("{name} is read") };
            let message = error.to_string();
            assert!(message.contains(part) && names_section_and_offset(&message), "{name}: {message}");
        }
    }
}

/// A small file, and where its edges are.
fn small() -> (Vec<u8>, std::ops::Range<usize>) {
    let content = std::fs::read(corpus("odd/ws-minified.heapsnapshot")).unwrap();
    let start = memchr::memmem::find(&content, b"\"edges\":[").unwrap() + 9;
    let end = start + memchr::memchr(b']', &content[start..]).unwrap();
    (content, start..end)
}

#[test]
fn edges_are_refused_if_and_only_if_verify_refuses_them() {
    let (content, edges) = small();
    let folder = folder();
    let mut rng = Rng(7);
    let mut refused = 0;
    for _ in 0..120 {
        let mut broken = content.clone();
        let at = edges.start + rng.below(edges.len());
        broken[at] = *rng.pick(b"0123456789,-. ]x");
        let path = put(folder.path(), "broken.heapsnapshot", &broken);
        let verified = crate::support::read(&path, true);
        for graph in [read(&path), read(&streamed(&folder, &broken))] {
            match (&verified, graph) {
                (Ok(_), Ok(graph)) => compare(&graph, &broken, "changed"),
                (Err(_), Err(error)) => {
                    assert!(names_section_and_offset(&error.to_string()), "{error}");
                    refused += 1;
                }
                (verified, graph) => panic!("{:?} at {at}: {:?} {:?}", broken[at], verified.is_ok(), graph.is_ok()),
            }
        }
    }
    assert!(refused > 30);
}

#[test]
fn a_minus_sign_stands_only_before_indexes() {
    let (content, edges) = small();
    let folder = folder();
    let numbers: Vec<(usize, u64)> = content[edges.clone()]
        .split(|&b| b == b',')
        .scan(edges.start, |at, digits| {
            let begin = *at;
            *at += digits.len() + 1;
            Some((begin, std::str::from_utf8(digits).unwrap().parse().unwrap()))
        })
        .collect();
    let element = numbers.chunks(3).find(|edge| edge[0].1 == 1 && edge[1].1 > 0).unwrap();
    let signed = |at: usize| [&content[..at], b"-", &content[at..]].concat();
    for path in [put(folder.path(), "plain.heapsnapshot", &signed(element[1].0)), streamed(&folder, &signed(element[1].0))] {
        let graph = read(&path).unwrap();
        let index = u32::try_from(element[1].1).unwrap().wrapping_neg();
        assert!((0..graph.to_node.len()).any(|edge| graph.edge(edge).name == index && graph.edge(edge).kind.numbered()));
    }
    for at in [element[0].0, element[2].0] {
        for path in [put(folder.path(), "plain.heapsnapshot", &signed(at)), streamed(&folder, &signed(at))] {
            let Err(message) = read(&path).map(drop).map_err(|error| error.to_string()) else { panic!("{at} is read") };
            assert!(message.starts_with("edges: ") && names_section_and_offset(&message), "{message}");
        }
    }
}

#[test]
fn no_part_of_a_file_is_taken_for_the_whole() {
    let (content, edges) = small();
    let folder = folder();
    let mut rng = Rng(9);
    let random = (0..60).map(|_| rng.below(content.len()));
    for length in random.chain([edges.start, edges.end, edges.end + 1, content.len() - 1]) {
        let part = &content[..length];
        for path in [put(folder.path(), "part.heapsnapshot", part), streamed(&folder, part)] {
            assert!(read(&path).is_err(), "the first {length} bytes");
        }
    }
}

#[test]
fn what_is_too_large_is_refused_before_memory_is_taken() {
    let folder = folder();
    let path = text(&corpus("isolates/mr06-s1.heapsnapshot"));
    let want = GraphWant { memory_max: Some(1 << 20), ..ALL };
    let refused = |path: &str| read_graph(&mut Source::open(path).unwrap(), want).err().unwrap();
    assert!(matches!(refused(&path), ErrorKind::Memory { limit: 1_048_576, needed } if needed > 1 << 20));
    // A header that promises more than the file can hold.
    let (content, _) = small();
    let header = String::from_utf8(content[..content.len().min(4096)].to_vec()).unwrap();
    let (key, rest) = header.split_once("\"node_count\":").unwrap();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    for (count, too_large) in [("4000000000", false), ("99999999999", true)] {
        let lying = [key.as_bytes(), b"\"node_count\":", count.as_bytes(), &content[key.len() + 13 + digits..]].concat();
        for path in [put(folder.path(), "lying.heapsnapshot", &lying), streamed(&folder, &lying)] {
            let Err(error) = read(&path) else { panic!("read") };
            // Whether 4,000,000,000 can be asked for is up to the machine; they are not there in any case.
            assert!(matches!(error, ErrorKind::TooLarge(_)) || !too_large, "{error}");
        }
    }
}

/// A root, two tables, a key and its value. The second table has an edge that speaks of the first one.
const EPHEMERONS: &str = r#"{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],
"node_types":[["hidden","array","object","synthetic"],"string","number","number","number"],
"edge_fields":["type","name_or_index","to_node"],"edge_types":[["context","element","property","internal","hidden","shortcut","weak"],
"string_or_number","node"]},"node_count":5,"edge_count":6},
"nodes":[3,0,1,0,3,1,1,3,8,1,1,1,5,8,1,2,2,7,8,1,2,3,9,8,0],
"edges":[1,0,5,1,1,10,1,2,15,3,4,20,3,4,20,3,5,20],
"strings":["","table","K","V",
"1 / part of key (K @7) -> value (V @9) pair in WeakMap (table @3)",
"2 / part of key (K @7) -> value (V @9) pair in WeakMap (table @3)"]}"#;

#[test]
fn without_names_of_edges_what_they_tell_is_kept() {
    let (mut tables, mut elements) = (0, 0);
    let folder = folder();
    let mut files = vec![put(folder.path(), "ephemerons", EPHEMERONS.as_bytes())];
    for name in ["isolates/mr06-s3", "isolates/ivm-node24-track-s3", "isolates/mr0141-s3", "bun/s3"] {
        files.push(text(&corpus(&format!("{name}.heapsnapshot"))));
    }
    for path in files {
        let read = |bare| read_graph(&mut Source::open(&path).unwrap(), GraphWant { bare, ..ALL }).unwrap();
        let (named, bare) = (read(false), read(true));
        assert!(bare.edge_name.is_empty() && bare.to_node == named.to_node, "{path}");
        for edge in 0..named.to_node.len() {
            let is_elements =
                named.edge(edge).kind == EdgeKind::Internal && named.strings.get(named.edge_name[edge]) == "elements";
            let expected = named.edge_kind[edge] | if is_elements { Graph::ELEMENTS } else { 0 };
            assert_eq!(bare.edge_kind[edge], expected, "edge {edge} of {path}");
            tables += u32::from(expected & Graph::FROM_TABLE != 0);
            elements += u32::from(is_elements);
        }
    }
    assert!(elements > 0);
    // The value's edge from the table, and not that from the key, nor that of another table.
    assert_eq!(tables, 1);
}
