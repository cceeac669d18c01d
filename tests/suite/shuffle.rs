//! The order of nodes and references in a snapshot decides nothing.

use serde_json::Value;

use crate::support::{Rng, folder, leak, put, report};

fn shuffle<T>(values: &mut [T], rng: &mut Rng) {
    (1..values.len()).rev().for_each(|at| values.swap(at, rng.below(at + 1)));
}

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect()
}

/// The same snapshot with its nodes, but for the root, and the references of each node in another order.
fn shuffled(snapshot: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut content: Value = serde_json::from_slice(snapshot).unwrap();
    let meta = &content["snapshot"]["meta"];
    let of = |list: &str| meta[list].as_array().unwrap().clone();
    let (node_fields, edge_fields) = (of("node_fields"), of("edge_fields"));
    let edge_count = node_fields.iter().position(|field| field == "edge_count").unwrap();
    let to_node = edge_fields.iter().position(|field| field == "to_node").unwrap();
    let location_fields = meta["location_fields"].as_array().map_or(0, Vec::len);
    let width = node_fields.len() as u64;
    let (nodes, edges) = (numbers(&content["nodes"]), numbers(&content["edges"]));
    let nodes: Vec<&[u64]> = nodes.chunks(node_fields.len()).collect();
    let mut all_edges = edges.chunks(edge_fields.len());
    let edges: Vec<Vec<&[u64]>> =
        nodes.iter().map(|node| all_edges.by_ref().take(usize::try_from(node[edge_count]).unwrap()).collect()).collect();
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    shuffle(&mut order[1..], rng);
    let mut place = vec![0_u64; nodes.len()];
    (0..).zip(&order).for_each(|(at, &node)| place[node] = at);
    let moved = |index: u64| place[usize::try_from(index / width).unwrap()] * width;
    let (mut new_nodes, mut new_edges): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
    for &node in &order {
        new_nodes.extend(nodes[node]);
        let mut edges = edges[node].clone();
        shuffle(&mut edges, rng);
        for edge in edges {
            new_edges.extend((0..).zip(edge).map(|(field, &value)| if field == to_node { moved(value) } else { value }));
        }
    }
    if location_fields > 0 {
        let mut locations = numbers(&content["locations"]);
        locations.chunks_mut(location_fields).for_each(|location| location[0] = moved(location[0]));
        content["locations"] = locations.into();
    }
    (content["nodes"], content["edges"]) = (new_nodes.into(), new_edges.into());
    serde_json::to_vec(&content).unwrap()
}

/// A report without what names its files.
fn without_files(mut report: Value) -> Value {
    for input in report["inputs"].as_array_mut().unwrap() {
        (input["path"], input["file_bytes"]) = (Value::Null, Value::Null);
    }
    report
}

#[test]
fn shuffled_snapshots_have_the_same_causes_owners_and_paths() {
    let folder = folder();
    let mut rng = Rng(17);
    let plain: Vec<String> = (1..=7).map(leak).collect();
    let mixed: Vec<String> = plain
        .iter()
        .enumerate()
        .map(|(at, path)| put(folder.path(), &format!("s{at}"), &shuffled(&std::fs::read(path).unwrap(), &mut rng)))
        .collect();
    for (command, further) in [
        (&["trend", "--why"][..], &["-n", "0"][..]),
        (&["trend", "--by", "owner", "--retained"], &["-n", "0"]),
        (&["paths"], &["(closure)", "-n", "0"]),
        (&["paths"], &["RequestContext"]),
    ] {
        let of = |files: &[String]| {
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            without_files(report(&[command, &files, further].concat()))
        };
        assert!(of(&plain) == of(&mixed), "{command:?} {further:?}");
    }
}
