//! serde_json into typed vectors: what one writes first. Reads the whole file, then adds up by (type, name).

use std::collections::HashMap;
use std::error::Error;

use heapdiff_peers::{Totals, map_argument};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    snapshot: Header,
    nodes: Vec<u64>,
    // Newer V8 writes large element indexes as negative numbers.
    edges: Vec<i64>,
    strings: Vec<String>,
}

#[derive(Deserialize)]
struct Header {
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    node_fields: Vec<String>,
    edge_fields: Vec<String>,
}

impl Meta {
    fn node_field(&self, name: &str) -> Result<usize, String> {
        self.node_fields.iter().position(|field| field == name).ok_or_else(|| format!("no node field {name}"))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let bytes = map_argument()?;
    let file: File = serde_json::from_slice(&bytes)?;
    let meta = &file.snapshot.meta;
    let (kind, name, size) = (meta.node_field("type")?, meta.node_field("name")?, meta.node_field("self_size")?);
    if !file.edges.len().is_multiple_of(meta.edge_fields.len()) {
        return Err("edges are cut".into());
    }

    // V8 writes every string once, so its index stands for the name and no text need be hashed.
    let mut groups: HashMap<(u64, u64), (u64, u64)> = HashMap::new();
    for node in file.nodes.chunks_exact(meta.node_fields.len()) {
        let group = groups.entry((node[kind], node[name])).or_default();
        group.0 += 1;
        group.1 += node[size];
    }
    if groups.keys().any(|&(_, name)| usize::try_from(name).map_or(true, |name| name >= file.strings.len())) {
        return Err("a name is out of range".into());
    }
    let totals = groups.values().fold(Totals { groups: groups.len() as u64, ..Totals::default() }, |sum, (count, size)| Totals {
        nodes: sum.nodes + count,
        self_size: sum.self_size + size,
        ..sum
    });
    println!("{}", totals.line());
    Ok(())
}
