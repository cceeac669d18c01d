//! A plain reader: the whole document through serde_json, one node after the other. Slow, and written from the description of
//! the format alone.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::Groups;

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) id: u64,
    pub(crate) self_size: u64,
}

/// A snapshot.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edge_count: u64,
}

#[derive(Deserialize)]
struct Document {
    snapshot: Value,
    nodes: Vec<u64>,
    strings: Vec<String>,
    #[serde(default)]
    edges: Option<IgnoredAny>,
    #[serde(default)]
    trace_function_infos: Option<IgnoredAny>,
    #[serde(default)]
    trace_tree: Option<IgnoredAny>,
    #[serde(default)]
    samples: Option<IgnoredAny>,
    #[serde(default)]
    locations: Option<IgnoredAny>,
}

/// Reads a document; the error is a sentence.
pub(crate) fn read(bytes: &[u8]) -> Result<Plain, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let document: Document = serde_json::from_str(&without_lone_surrogates(text)).map_err(|error| error.to_string())?;
    let Document { snapshot, nodes, strings, .. } = document;
    let _ = (document.edges, document.trace_function_infos, document.trace_tree, document.samples, document.locations);
    let list = |value: &Value| -> Result<Vec<String>, String> {
        let strings = value.as_array().ok_or("not a list")?.iter();
        strings.map(|s| s.as_str().map(str::to_owned).ok_or_else(|| "not a string".to_owned())).collect()
    };
    let meta = &snapshot["meta"];
    let fields = list(&meta["node_fields"])?;
    let place = |name: &str| fields.iter().position(|field| field == name);
    let need = |name: &str| place(name).ok_or(format!("no {name}"));
    let (kind, name, id, size) = (need("type")?, need("name")?, need("id")?, need("self_size")?);
    let kinds = list(&meta["node_types"][kind])?;
    let detachedness = place("detachedness");
    let count = snapshot["node_count"].as_u64().ok_or("no node_count")?;
    let edge_count = snapshot["edge_count"].as_u64().ok_or("no edge_count")?;
    if !nodes.len().is_multiple_of(fields.len()) || u64::try_from(nodes.len() / fields.len()).unwrap() != count {
        return Err("node_count and nodes disagree".to_owned());
    }
    let mut read = Vec::new();
    for record in nodes.chunks(fields.len()) {
        let index = |field: usize| usize::try_from(record[field]).map_err(|error| error.to_string());
        let kind = kinds.get(index(kind)?).ok_or("kind out of range")?;
        let raw = strings.get(index(name)?).ok_or("name out of range")?;
        let name = group_name(kind, raw, detachedness.is_some_and(|field| record[field] == 2));
        read.push(Node { kind: kind.clone(), name, id: record[id], self_size: record[size] });
    }
    read.iter().try_fold(0_u64, |sum, node| sum.checked_add(node.self_size)).ok_or("the sizes pass 2^64")?;
    Ok(Plain { nodes: read, edge_count })
}

/// The name of the (kind, name) group a node counts in.
fn group_name(kind: &str, name: &str, detached: bool) -> String {
    const CONTENTS: &[&str] =
        &["string", "concatenated string", "sliced string", "number", "heap number", "bigint", "symbol", "regexp"];
    if CONTENTS.contains(&kind) {
        return String::new();
    }
    if kind != "native" {
        return name.to_owned();
    }
    let bare = name.strip_prefix("Detached ").unwrap_or(name);
    let short = match bare.find(' ') {
        Some(space) if bare.starts_with('<') => format!("{}>", &bare[..space]),
        _ => bare.to_owned(),
    };
    if detached || bare.len() < name.len() { format!("Detached {short}") } else { short }
}

/// The class of a (kind, name) group.
pub(crate) fn class(kind: &str, name: &str) -> String {
    match kind {
        "object" | "native" => name.to_owned(),
        "hidden" => "(system)".to_owned(),
        "code" => "(compiled code)".to_owned(),
        other => format!("({other})"),
    }
}

impl Plain {
    pub(crate) fn groups(&self) -> Groups {
        let mut groups = Groups::new();
        for node in &self.nodes {
            let sums = groups.entry((node.kind.clone(), node.name.clone())).or_default();
            *sums = (sums.0 + 1, sums.1 + node.self_size);
        }
        groups
    }

    pub(crate) fn self_size(&self) -> u64 {
        self.nodes.iter().map(|node| node.self_size).sum()
    }

    /// The highest odd id.
    pub(crate) fn order_key(&self) -> Option<u64> {
        self.nodes.iter().map(|node| node.id).filter(|id| id % 2 == 1).max()
    }
}

/// Came, went and stayed, by group: count and bytes each.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Join {
    pub(crate) added: Groups,
    pub(crate) removed: Groups,
}

/// Joins two snapshots by id: odd ids as they are, native nodes (even ids) as a multiset of group and size.
pub(crate) fn join(a: &Plain, b: &Plain) -> Join {
    let odd = |plain: &Plain| plain.nodes.iter().map(|node| node.id).filter(|id| id % 2 == 1).collect::<Vec<_>>();
    let (mut ids_a, mut ids_b) = (odd(a), odd(b));
    ids_a.sort_unstable();
    ids_b.sort_unstable();
    let mut join = Join::default();
    let missing = |from: &Plain, other: &Plain, ids: &[u64], into: &mut Groups| {
        let mut natives: BTreeMap<(String, String, u64), usize> = BTreeMap::new();
        for node in other.nodes.iter().filter(|node| node.id % 2 == 0) {
            *natives.entry((node.kind.clone(), node.name.clone(), node.self_size)).or_default() += 1;
        }
        for node in &from.nodes {
            let stays = if node.id % 2 == 1 {
                ids.binary_search(&node.id).is_ok()
            } else {
                let left = natives.entry((node.kind.clone(), node.name.clone(), node.self_size)).or_default();
                let stays = *left > 0;
                *left = left.saturating_sub(1);
                stays
            };
            if !stays {
                let sums = into.entry((node.kind.clone(), node.name.clone())).or_default();
                *sums = (sums.0 + 1, sums.1 + node.self_size);
            }
        }
    };
    missing(b, a, &ids_a, &mut join.added);
    missing(a, b, &ids_b, &mut join.removed);
    join
}

/// Writes lone surrogates, which no Rust string can hold, as the text `\u{d83d}`.
pub(crate) fn without_lone_surrogates(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let unit = |text: &str| -> Option<u16> {
            let digits = text.strip_prefix("\\u")?.get(..4)?;
            digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).unwrap())
        };
        let high = |unit: u16| (0xd800..0xdc00).contains(&unit);
        let low = |unit: u16| (0xdc00..0xe000).contains(&unit);
        let length = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(first), Some(second)) if high(first) && low(second) => 12,
            (Some(first), _) if high(first) || low(first) => {
                out.push_str(&format!("\\\\u{{{first:x}}}"));
                rest = &rest[6..];
                continue;
            }
            (Some(_), _) => 6,
            // The backslash and the character behind it.
            (None, _) => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}
