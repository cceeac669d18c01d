//! Strings of equal text: against a plain reader, and the rules on a heap made by hand.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::synth::KINDS;
use crate::support::{corpus, folder, leak, put, report, run, text};

/// Strings of a text: how many, their bytes, the largest.
type Same = (u64, u64, u64);

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// The strings of a snapshot by text, and by size where V8 may have cut it; read without any haste.
fn by_text(content: &Value) -> BTreeMap<(String, Option<u64>), Same> {
    let meta = &content["snapshot"]["meta"];
    let place = |list: &str, name: &str| meta[list].as_array().unwrap().iter().position(|field| field == name).unwrap();
    let [kind, name, size, edges] = ["type", "name", "self_size", "edge_count"].map(|field| place("node_fields", field));
    let [edge_kind, edge_name, to] = ["type", "name_or_index", "to_node"].map(|field| place("edge_fields", field));
    let width = meta["node_fields"].as_array().unwrap().len();
    let nodes: Vec<&[Value]> = content["nodes"].as_array().unwrap().chunks(width).collect();
    let kinds = meta["node_types"][0].as_array().unwrap();
    let internal = meta["edge_types"][0].as_array().unwrap().iter().position(|kind| kind == "internal").unwrap();
    let kind_of = |node: usize| kinds[number(&nodes[node][kind])].as_str().unwrap();
    let string = |index: &Value| content["strings"][number(index)].as_str().unwrap();
    // First and second part of concatenations.
    let mut parts: BTreeMap<usize, [Option<usize>; 2]> = BTreeMap::new();
    let mut all = content["edges"].as_array().unwrap().chunks(meta["edge_fields"].as_array().unwrap().len());
    for (node, fields) in nodes.iter().enumerate() {
        for edge in all.by_ref().take(number(&fields[edges])).filter(|edge| number(&edge[edge_kind]) == internal) {
            let part = ["first", "second"].iter().position(|part| *part == string(&edge[edge_name]));
            if let Some(part) = part {
                parts.entry(node).or_default()[part] = Some(number(&edge[to]) / width);
            }
        }
    }
    let text = |node: usize| {
        let (mut text, mut waiting) = (String::new(), vec![node]);
        while let Some(node) = waiting.pop().filter(|_| text.encode_utf16().count() < 1024) {
            match kind_of(node) {
                "concatenated string" => waiting.extend(parts[&node].iter().rev().flatten()),
                _ => text.push_str(string(&nodes[node][name])),
            }
        }
        text
    };
    let mut found: BTreeMap<(String, Option<u64>), Same> = BTreeMap::new();
    for node in 0..nodes.len() {
        let size = nodes[node][size].as_u64().unwrap();
        let counts = match kind_of(node) {
            "string" => true,
            "concatenated string" => parts[&node].iter().flatten().all(|&part| !text(part).is_empty()),
            _ => false,
        };
        if counts && size > 0 {
            let text = text(node);
            let of_size = (text.encode_utf16().count() >= 1024).then_some(size);
            let same = found.entry((text, of_size)).or_default();
            *same = (same.0 + 1, same.1 + size, same.2.max(size));
        }
    }
    found
}

#[test]
fn equal_strings_are_those_that_a_plain_reader_finds() {
    for file in [leak(7), text(&corpus("isolates/mr06-s3.heapsnapshot")), text(&corpus("isolates/mr0141-s3.heapsnapshot"))] {
        let expected = by_text(&serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap());
        let found = report(&["top", &file, "--strings", "--include-strings", "-n", "0"])["strings"].clone();
        let sum = |of: fn(&Same) -> u64| expected.values().map(of).sum::<u64>();
        assert_eq!(found["count"], sum(|same| same.0), "{file}");
        assert_eq!(found["self_size"], sum(|same| same.1), "{file}");
        assert_eq!((&found["copies"], &found["wasted"]), (&sum(|same| same.0 - 1).into(), &sum(|same| same.1 - same.2).into()));
        let rows = found["equal"].as_array().unwrap();
        let several = expected.iter().filter(|(_, same)| same.0 > 1);
        assert_eq!((found["equal_of"].as_u64(), rows.len()), (Some(several.clone().count() as u64), several.clone().count()));
        assert!(!rows.is_empty());
        for ((text, of_size), same) in several {
            let safe = heapdiff::text::safe_name(text);
            let is_it = |row: &&Value| {
                let length = text.encode_utf16().count();
                row["text"] == *safe && row["length"] == length && of_size.is_none_or(|_| row["self_size"] == same.1)
            };
            let row = rows.iter().find(is_it).unwrap();
            assert_eq!(row["cut"], of_size.is_some());
            assert_eq!((row["count"].as_u64(), row["self_size"].as_u64()), (Some(same.0), Some(same.1)), "{text}");
        }
        assert!(rows.is_sorted_by_key(|row| std::cmp::Reverse(row["wasted"].as_u64())));
    }
}

#[test]
fn contents_are_shown_only_if_asked_for() {
    let hidden = report(&["top", &leak(7), "--strings", "-n", "0"])["strings"].clone();
    let shown = report(&["top", &leak(7), "--strings", "--include-strings", "-n", "0"])["strings"].clone();
    let rows = |strings: &Value| strings["equal"].as_array().unwrap().clone();
    assert!(rows(&hidden).iter().all(|row| row["text"].is_null()) && rows(&shown).iter().all(|row| row["text"].is_string()));
    for (hidden, shown) in rows(&hidden).iter().zip(rows(&shown)) {
        assert_eq!((&hidden["hash"], &hidden["length"], &hidden["count"]), (&shown["hash"], &shown["length"], &shown["count"]));
    }
    let table = run(&["top", &leak(7), "--strings", "-n", "3"]);
    assert!(table.text().contains("(hash ") && table.text().lines().all(|line| line.chars().count() <= 80), "{table:?}");
    assert_eq!(run(&["top", &leak(7), "--include-strings"]).code, Some(2));
    let dumps = folder();
    let dump = put(dumps.path(), "dump.json", b"{\"address\": 1, \"type\": \"str\", \"size\": 10, \"len\": 0, \"refs\": []}\n");
    assert!(run(&["top", &dump, "--strings"]).refusal().contains("--strings"));
}

/// A snapshot of nodes (type, string, self size) and internal references (from, string, to).
fn snapshot(nodes: &[(usize, usize, u64)], references: &[(usize, usize, usize)], strings: &[&str]) -> Vec<u8> {
    let mut edges: Vec<usize> = Vec::new();
    let mut counts = vec![0; nodes.len()];
    let mut sorted = references.to_vec();
    sorted.sort_by_key(|reference| reference.0);
    for (from, name, to) in sorted {
        counts[from] += 1;
        edges.extend([3, name, to * 5]);
    }
    let fields = (1..).step_by(2).zip(nodes.iter().zip(&counts));
    let nodes_column: Vec<u64> =
        fields.flat_map(|(id, (&(kind, name, size), &count))| [kind as u64, name as u64, id, size, count]).collect();
    let meta = json!({
        "node_fields": ["type", "name", "id", "self_size", "edge_count"],
        "node_types": [KINDS, "string", "number", "number", "number"],
        "edge_fields": ["type", "name_or_index", "to_node"],
        "edge_types": [["context", "element", "property", "internal", "hidden", "shortcut", "weak"], "string_or_number", "node"],
    });
    let content = json!({
        "snapshot": {"meta": meta, "node_count": nodes.len(), "edge_count": references.len()},
        "nodes": nodes_column, "edges": edges, "strings": strings,
    });
    serde_json::to_vec(&content).unwrap()
}

const STRING: usize = 2;
const NUMBER: usize = 7;
const ROOT: usize = 9;
const CONS: usize = 10;
const SLICED: usize = 11;

#[test]
fn flat_and_sliced_strings_count_not_and_cut_ones_only_with_their_hashes() {
    let strings =
        ["", "ab", "a", "b", "first", "second", "long", "truncated", "hash", "length", "value", "bool", "int", "true", "1", "2"];
    let nodes = [
        (ROOT, 0, 0),
        (STRING, 1, 16),
        (STRING, 2, 16),
        (STRING, 3, 16),
        // "ab", as a concatenation, and one with an empty part; a slice, and one without a size.
        (CONS, 0, 20),
        (CONS, 0, 20),
        (STRING, 0, 12),
        (SLICED, 1, 20),
        (STRING, 1, 0),
        // Three that are cut, two of which are equal.
        (STRING, 6, 1000),
        (STRING, 6, 1000),
        (STRING, 6, 900),
        (NUMBER, 11, 0),
        (STRING, 13, 0),
        (NUMBER, 12, 0),
        (STRING, 14, 0),
        (NUMBER, 12, 0),
        (STRING, 15, 0),
    ];
    let mut references = vec![(4, 4, 2), (4, 5, 3), (5, 4, 1), (5, 5, 6), (12, 10, 13), (14, 10, 15), (16, 10, 17)];
    for (string, hash) in [(9, 14), (10, 16), (11, 14)] {
        references.extend([(string, 7, 12), (string, 8, hash), (string, 9, 14)]);
    }
    let folder = folder();
    let file = put(folder.path(), "strings.heapsnapshot", &snapshot(&nodes, &references, &strings));
    let found = report(&["top", &file, "--strings", "--include-strings"])["strings"].clone();
    let rows: Vec<_> =
        found["equal"].as_array().unwrap().iter().map(|row| (&row["text"], &row["count"], &row["wasted"])).collect();
    assert_eq!(rows, [(&json!("long"), &json!(2), &json!(900)), (&json!("ab"), &json!(2), &json!(16))]);
    assert_eq!((&found["count"], &found["copies"]), (&json!(8), &json!(2)));
}

#[test]
fn texts_as_long_as_v8_cuts_them_count_as_equal_only_if_their_sizes_are() {
    let (long, short) = ("x".repeat(1024), "y".repeat(1023));
    let nodes = [
        (ROOT, 0, 0),
        (STRING, 1, 1040),
        (STRING, 1, 5000),
        (STRING, 1, 1040),
        (STRING, 1, 6000),
        (STRING, 2, 1040),
        (STRING, 2, 2080),
    ];
    let folder = folder();
    let file = put(folder.path(), "long.heapsnapshot", &snapshot(&nodes, &[], &["", &long, &short]));
    let found = report(&["top", &file, "--strings"])["strings"].clone();
    let row = |row: &Value| (row["length"].as_u64(), row["count"].as_u64(), row["wasted"].as_u64(), row["cut"].as_bool());
    let rows: Vec<_> = found["equal"].as_array().unwrap().iter().map(row).collect();
    let expected = [(1023, 2, 1040, false), (1024, 2, 1040, true)]
        .map(|(length, count, wasted, cut)| (Some(length), Some(count), Some(wasted), Some(cut)));
    assert!(rows.len() == 2 && expected.iter().all(|row| rows.contains(row)), "{rows:?}");
    assert_eq!((&found["copies"], &found["wasted"]), (&json!(2), &json!(2080)));
    assert!(run(&["top", &file, "--strings"]).text().contains("≥1,024"));
    assert!(run(&["top", &file, "--strings", "--ascii"]).text().contains(">=1,024"));
}

#[test]
fn long_ropes_are_read_as_far_as_they_are_looked_at() {
    // Each is the one before and one character more.
    const ROPES: usize = 100_000;
    let strings = ["", "x", "first", "second"];
    let nodes: Vec<_> = [(ROOT, 0, 0), (STRING, 1, 16)].into_iter().chain((0..ROPES).map(|_| (CONS, 0, 32))).collect();
    let references: Vec<_> = (0..ROPES).flat_map(|rope| [(rope + 2, 2, rope + 1), (rope + 2, 3, 1)]).collect();
    let folder = folder();
    let file = put(folder.path(), "rope.heapsnapshot", &snapshot(&nodes, &references, &strings));
    let found = report(&["top", &file, "--strings"])["strings"].clone();
    assert_eq!(found["count"], ROPES + 1);
    // Those of 1,024 characters and more look alike.
    let alike = ROPES - 1022;
    assert_eq!((&found["equal"][0]["count"], &found["equal"][0]["length"]), (&json!(alike), &json!(1024)));
    assert_eq!((&found["equal_of"], &found["wasted"]), (&json!(1), &json!((alike - 1) * 32)));
}
