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
struct Header {
    meta: Meta,
    node_count: u64,
    edge_count: u64,
    #[serde(default, rename = "trace_function_count")]
    _trace_function_count: Option<u64>,
    #[serde(default, rename = "extra_native_bytes")]
    _extra_native_bytes: Option<u64>,
    #[serde(default, rename = "root_index")]
    _root_index: Option<u64>,
}

#[derive(Deserialize)]
struct Meta {
    node_fields: Vec<String>,
    node_types: Vec<Value>,
    #[serde(default)]
    edge_fields: Option<Vec<String>>,
    #[serde(default)]
    location_fields: Option<Vec<String>>,
    #[serde(default)]
    edge_types: Option<Vec<Value>>,
    #[serde(default, rename = "trace_function_info_fields")]
    _trace_function_info_fields: Option<Vec<String>>,
    #[serde(default, rename = "trace_node_fields")]
    _trace_node_fields: Option<Vec<String>>,
    #[serde(default, rename = "sample_fields")]
    _sample_fields: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct HeaderAlone {
    #[serde(rename = "snapshot")]
    _snapshot: Header,
}

#[derive(Deserialize)]
struct Document {
    snapshot: Header,
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
    // Only the strings may have lone surrogates.
    serde_json::from_str::<HeaderAlone>(text).map_err(|error| error.to_string())?;
    let document: Document = serde_json::from_str(&without_lone_surrogates(text)).map_err(|error| error.to_string())?;
    let Document { snapshot, nodes, strings, edges, trace_function_infos, trace_tree, samples, locations } = document;
    let _ = (edges, trace_function_infos, trace_tree, samples, locations);
    let Header { meta, node_count, edge_count, .. } = snapshot;
    let fields = &meta.node_fields;
    let place = |name: &str| fields.iter().position(|field| field == name);
    let need = |name: &str| place(name).ok_or(format!("no {name}"));
    let (kind, name, id, size) = (need("type")?, need("name")?, need("id")?, need("self_size")?);
    let kinds = names(&meta.node_types, kind)?;
    let detachedness = place("detachedness");
    if !nodes.len().is_multiple_of(fields.len()) || u64::try_from(nodes.len() / fields.len()).unwrap() != node_count {
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

/// The nodes with their names as they are in the file.
pub(crate) fn raw_nodes(bytes: &[u8]) -> Result<Vec<Node>, String> {
    let (document, fields, _) = whole(bytes)?;
    let place = |name: &str| fields.iter().position(|field| field == name).ok_or(format!("no {name}"));
    let (kind, name, id, size) = (place("type")?, place("name")?, place("id")?, place("self_size")?);
    let kinds = names(&document.snapshot.meta.node_types, kind)?;
    let index = |number: u64| usize::try_from(number).unwrap();
    let node = |record: &[u64]| Node {
        kind: kinds[index(record[kind])].clone(),
        name: document.strings[index(record[name])].clone(),
        id: record[id],
        self_size: record[size],
    };
    Ok(document.nodes.chunks(fields.len()).map(node).collect())
}

/// An edge.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) from: usize,
    pub(crate) kind: String,
    /// The name, or an index as a number of 32 bits.
    pub(crate) name: String,
    pub(crate) to: usize,
}

/// The edges in the order of the file.
pub(crate) fn references(bytes: &[u8]) -> Result<Vec<Reference>, String> {
    let (document, fields, edge_fields) = whole(bytes)?;
    let place = |fields: &[String], name: &str| fields.iter().position(|field| field == name).ok_or(format!("no {name}"));
    let count = place(&fields, "edge_count")?;
    let (kind, name, to) = (place(&edge_fields, "type")?, place(&edge_fields, "name_or_index")?, place(&edge_fields, "to_node")?);
    let kinds = names(document.snapshot.meta.edge_types.as_deref().unwrap_or_default(), kind)?;
    let mut edges = document.edges.chunks(edge_fields.len());
    let mut references = Vec::new();
    for (from, record) in document.nodes.chunks(fields.len()).enumerate() {
        for edge in edges.by_ref().take(usize::try_from(record[count]).unwrap()) {
            let kind = kinds[usize::try_from(edge[kind]).unwrap()].clone();
            let name = if matches!(&kind[..], "element" | "hidden") {
                edge[name].rem_euclid(1 << 32).to_string()
            } else {
                document.strings[usize::try_from(edge[name]).unwrap()].clone()
            };
            references.push(Reference { from, kind, name, to: usize::try_from(edge[to]).unwrap() / fields.len() });
        }
    }
    Ok(references)
}

#[derive(Deserialize)]
struct Whole {
    snapshot: Header,
    nodes: Vec<u64>,
    edges: Vec<i64>,
    strings: Vec<String>,
}

/// The document, and the fields of nodes and edges.
fn whole(bytes: &[u8]) -> Result<(Whole, Vec<String>, Vec<String>), String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let document: Whole = serde_json::from_str(&without_lone_surrogates(text)).map_err(|error| error.to_string())?;
    let (nodes, edges) = (document.snapshot.meta.node_fields.clone(), document.snapshot.meta.edge_fields.clone());
    Ok((document, nodes, edges.ok_or("no edge_fields")?))
}

/// The type names that the entry of a field lists.
fn names(types: &[Value], field: usize) -> Result<Vec<String>, String> {
    serde_json::from_value(types.get(field).cloned().unwrap_or_default()).map_err(|error| error.to_string())
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

    /// The highest odd id, where ids are V8's: even ones belong to native and synthetic nodes only.
    pub(crate) fn order_key(&self) -> Option<u64> {
        let foreign = |node: &Node| node.id.is_multiple_of(2) && node.kind != "native" && node.kind != "synthetic";
        if self.nodes.iter().any(foreign) {
            return None;
        }
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

/// As [`read`], and everything in the file has to be right: edges are looked at, too.
pub(crate) fn read_all(bytes: &[u8]) -> Result<Plain, String> {
    #[derive(Deserialize)]
    struct Edges {
        snapshot: Header,
        nodes: Vec<u64>,
        edges: Vec<Value>,
        strings: Vec<IgnoredAny>,
        #[serde(default)]
        locations: Option<Value>,
    }
    let plain = read(bytes)?;
    traced(bytes)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = without_lone_surrogates(std::str::from_utf8(bytes).map_err(|error| error.to_string())?);
    let Edges { snapshot, nodes, edges, strings, locations } = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    // A negative zero is a whole number, too.
    let whole = |value: &Value| {
        value.as_i64().or_else(|| value.as_f64().filter(|&value| value == 0.0 && value.is_sign_negative()).map(|_| 0))
    };
    let edges: Vec<i64> = edges.iter().map(whole).collect::<Option<_>>().ok_or("edges are whole numbers")?;
    let named = |fields: &&Vec<String>| {
        ["object_index", "script_id", "line", "column"].iter().all(|name| fields.iter().any(|field| field == name))
    };
    if let Some((fields, locations)) = snapshot.meta.location_fields.as_ref().filter(named).zip(locations) {
        let locations = locations.as_array().ok_or("locations are an array")?;
        let locations: Vec<i64> = locations.iter().map(whole).collect::<Option<_>>().ok_or("locations are whole numbers")?;
        if !locations.len().is_multiple_of(fields.len()) {
            return Err("a location is cut short".to_owned());
        }
        let object = fields.iter().position(|field| field == "object_index").unwrap_or(0);
        for location in locations.chunks(fields.len()) {
            let of_node = usize::try_from(location[object].unsigned_abs())
                .is_ok_and(|at| at < nodes.len() && at % snapshot.meta.node_fields.len() == 0);
            if of_node && location.iter().any(|value| u32::try_from(value.unsigned_abs()).is_err()) {
                return Err("a place passes 32 bits".to_owned());
            }
        }
    }
    let node_fields = snapshot.meta.node_fields;
    let edge_fields = snapshot.meta.edge_fields.ok_or("no edge_fields")?;
    let place = |name: &str| edge_fields.iter().position(|field| field == name).ok_or(format!("no {name}"));
    let (kind, name, to_node) = (place("type")?, place("name_or_index")?, place("to_node")?);
    let kinds = names(&snapshot.meta.edge_types.unwrap_or_default(), kind)?;
    if edges.len() != edge_fields.len() * usize::try_from(plain.edge_count).map_err(|error| error.to_string())? {
        return Err("edge_count and edges disagree".to_owned());
    }
    let below = |value: i64, limit: usize| usize::try_from(value).ok().filter(|&value| value < limit);
    for edge in edges.chunks(edge_fields.len()) {
        let kind = below(edge[kind], kinds.len()).ok_or("edge type out of range")?;
        if !matches!(&kinds[kind][..], "element" | "hidden") {
            below(edge[name], strings.len()).ok_or("edge name out of range")?;
        }
        let target = below(edge[to_node], nodes.len()).ok_or("to_node out of range")?;
        if target % node_fields.len() != 0 {
            return Err("to_node misaligned".to_owned());
        }
    }
    if let Some(place) = node_fields.iter().position(|field| field == "edge_count") {
        let counts = nodes.chunks(node_fields.len()).map(|record| u128::from(record[place])).sum::<u128>();
        if counts != u128::from(plain.edge_count) {
            return Err("the nodes' edge counts do not add up".to_owned());
        }
    }
    Ok(plain)
}

/// A frame: function, script, line, column.
pub(crate) type Frame = (String, String, u32, u32);

/// Objects and bytes.
pub(crate) type Sums = (u64, u64);

/// Where a snapshot's objects were allocated. Stacks are frames, innermost first; none where that was not recorded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Traced {
    /// Living objects by kind, name and stack.
    pub(crate) groups: BTreeMap<(String, String, Vec<Frame>), Sums>,
    /// What each stack allocated, dead objects too.
    pub(crate) allocated: BTreeMap<Vec<Frame>, Sums>,
}

/// Reads where objects were allocated. The root of the tree is shown only where it allocates itself.
pub(crate) fn traced(bytes: &[u8]) -> Result<Traced, String> {
    let plain = read(bytes)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = without_lone_surrogates(std::str::from_utf8(bytes).map_err(|error| error.to_string())?);
    let document: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let meta = &document["snapshot"]["meta"];
    let fields = |key: &str| -> Vec<&str> { meta[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect() };
    let place = |fields: &[&str], name: &str| fields.iter().position(|field| *field == name);
    let (of_node, of_function) = (fields("node_fields"), fields("trace_function_info_fields"));
    let described = ["name", "script_name", "line", "column"].iter().all(|name| of_function.contains(name))
        && TREE.iter().all(|name| fields("trace_node_fields").contains(name));
    let mut stacks: BTreeMap<u32, Vec<Frame>> = BTreeMap::from([(0, Vec::new())]);
    let mut traced = Traced::default();
    let trace = place(&of_node, "trace_node_id").filter(|_| described && document["snapshot"]["trace_function_count"] != 0);
    if trace.is_some() {
        let mut functions: Vec<Frame> = Vec::new();
        let none = Value::Array(Vec::new());
        let infos = document.get("trace_function_infos").unwrap_or(&none).as_array().ok_or("functions are an array")?;
        if infos.iter().any(|value| value.as_u64().is_none()) || !infos.len().is_multiple_of(of_function.len()) {
            return Err("functions are records of whole numbers".to_owned());
        }
        for info in infos.chunks(of_function.len()) {
            let number = |name: &str| small(&info[place(&of_function, name).unwrap()]);
            let string = |name: &str| -> Result<String, String> {
                let text = document["strings"].get(number(name)? as usize).and_then(Value::as_str);
                Ok(text.ok_or("no such string")?.to_owned())
            };
            functions.push((string("name")?, string("script_name")?, number("line")?, number("column")?));
        }
        if let Some(tree) = document.get("trace_tree") {
            let of_tree = fields("trace_node_fields");
            let places = TREE.map(|name| place(&of_tree, name).unwrap());
            visit(tree, None, (&functions, of_tree.len(), places), (&mut stacks, &mut traced.allocated))?;
        }
    }
    let nodes = document["nodes"].as_array().unwrap();
    for (node, record) in plain.nodes.iter().zip(nodes.chunks(of_node.len())) {
        let id = trace.map_or(Ok(0), |trace| small(&record[trace]))?;
        let stack = stacks.get(&id).cloned().unwrap_or_default();
        let sums = traced.groups.entry((node.kind.clone(), node.name.clone(), stack)).or_default();
        *sums = (sums.0 + 1, sums.1 + node.self_size);
    }
    Ok(traced)
}

/// Stacks by the ids of trace nodes.
type Stacks = BTreeMap<u32, Vec<Frame>>;

/// What a node of the tree has to tell.
const TREE: [&str; 5] = ["id", "function_info_index", "count", "size", "children"];

fn small(value: &Value) -> Result<u32, String> {
    value.as_u64().and_then(|value| u32::try_from(value).ok()).ok_or_else(|| format!("{value} is no index"))
}

/// Takes in the stacks of some nodes of the tree and those within them, in the order of the file: later ids replace earlier ones.
/// `above` is the stack they were called from, None for the root.
fn visit(
    nodes: &Value,
    above: Option<&[Frame]>,
    (functions, fields, places): (&[Frame], usize, [usize; 5]),
    (stacks, allocated): (&mut Stacks, &mut BTreeMap<Vec<Frame>, Sums>),
) -> Result<(), String> {
    let nodes = nodes.as_array().filter(|nodes| nodes.len() % fields == 0).ok_or("nodes of the tree are records in arrays")?;
    for node in nodes.chunks(fields) {
        if (0..fields).any(|field| field != places[4] && !node[field].is_u64()) {
            return Err("all but the children are whole numbers".to_owned());
        }
        let number = |field: usize| node[places[field]].as_u64().unwrap();
        let ([id, function], [count, size]) = ([small(&node[places[0]])?, small(&node[places[1]])?], [number(2), number(3)]);
        let missing = || ("(unknown function)".to_owned(), String::new(), 0, 0);
        let mut stack = vec![functions.get(function as usize).cloned().unwrap_or_else(missing)];
        stack.extend(above.unwrap_or_default().iter().cloned());
        let sums = allocated.entry(stack.clone()).or_default();
        *sums = (sums.0.saturating_add(count), sums.1.saturating_add(size));
        if id != 0 {
            stacks.insert(id, stack.clone());
        }
        let within = Some(if above.is_none() { &[][..] } else { &stack });
        visit(&node[places[4]], within, (functions, fields, places), (stacks, allocated))?;
    }
    Ok(())
}
