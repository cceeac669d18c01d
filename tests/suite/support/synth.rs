//! Small snapshots in the styles of real producers.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::Rng;

/// V8's node types.
pub(crate) const KINDS: &[&str] = &[
    "hidden",
    "array",
    "string",
    "object",
    "code",
    "closure",
    "regexp",
    "number",
    "native",
    "synthetic",
    "concatenated string",
    "sliced string",
    "symbol",
    "bigint",
    "object shape",
];

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) kind: usize,
    /// As it stands between the quotes of the file.
    pub(crate) raw_name: String,
    pub(crate) id: u64,
    pub(crate) self_size: u64,
    pub(crate) detached: bool,
}

/// An object of a kind with a name that needs no escapes.
pub(crate) fn object(kind: &str, name: &str, id: u64, self_size: u64) -> Object {
    let kind = KINDS.iter().position(|&known| known == kind).unwrap();
    Object { kind, raw_name: name.to_owned(), id, self_size, detached: false }
}

/// How a file is written.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    /// Fields of a node, in order. `type name id self_size` must be among them.
    pub(crate) fields: Vec<&'static str>,
    /// Sections, in order.
    pub(crate) sections: Vec<&'static str>,
    /// Between records.
    pub(crate) record: &'static str,
    /// Between sections.
    pub(crate) section: &'static str,
    /// Put behind every comma and opening bracket, and before every closing one.
    pub(crate) space: &'static str,
    /// Bytes of an unknown entry of the header.
    pub(crate) padding: usize,
    /// Behind the document.
    pub(crate) tail: &'static str,
    /// Whether objects tell where they were allocated.
    pub(crate) tracked: bool,
}

const SECTIONS: &[&str] =
    &["snapshot", "nodes", "edges", "trace_function_infos", "trace_tree", "samples", "locations", "strings"];

impl Style {
    /// As V8 up to 12 writes: seven fields, a record a line.
    pub(crate) fn classic() -> Self {
        Self {
            fields: vec!["type", "name", "id", "self_size", "edge_count", "trace_node_id", "detachedness"],
            sections: SECTIONS.to_vec(),
            record: "\n",
            section: "\n",
            space: "",
            padding: 0,
            tail: "",
            tracked: false,
        }
    }

    /// As V8 up to 12 writes with allocation tracking.
    pub(crate) fn tracked() -> Self {
        Self { tracked: true, ..Self::classic() }
    }

    /// As V8 14 and later write: six fields, no newline in any array, scopes.
    pub(crate) fn new() -> Self {
        let mut sections = SECTIONS[..7].to_vec();
        sections.extend(["scopes", "scope_context_vars", "scope_uses", "strings"]);
        Self {
            fields: vec!["type", "name", "id", "self_size", "edge_count", "detachedness"],
            sections,
            record: "",
            ..Self::classic()
        }
    }

    /// Fields in another order, with one nobody knows.
    pub(crate) fn permuted() -> Self {
        Self {
            fields: vec!["self_size", "detachedness", "type", "extra_field", "id", "name", "edge_count"],
            record: "",
            ..Self::classic()
        }
    }

    /// White space wherever JSON allows it.
    pub(crate) fn pretty() -> Self {
        Self { space: "\r\n\t ", record: "", tail: "\n\n", ..Self::classic() }
    }

    /// Sections in another order: what depends on others comes first.
    pub(crate) fn reversed() -> Self {
        Self { sections: SECTIONS.iter().rev().copied().collect(), ..Self::classic() }
    }

    /// Unknown sections between known ones.
    pub(crate) fn unknown() -> Self {
        let mut sections = vec!["unknown"];
        sections.extend(SECTIONS.iter().flat_map(|&section| [section, "unknown"]));
        Self { sections, tail: "\n", ..Self::new() }
    }

    /// As V8 7 (Node 12) writes: six fields, no detachedness.
    pub(crate) fn old() -> Self {
        Self { fields: vec!["type", "name", "id", "self_size", "edge_count", "trace_node_id"], ..Self::classic() }
    }

    /// The four sections that every producer writes, and no field that is not needed.
    pub(crate) fn required() -> Self {
        Self {
            fields: vec!["type", "name", "id", "self_size", "edge_count"],
            sections: vec!["snapshot", "nodes", "edges", "strings"],
            ..Self::new()
        }
    }

    /// Only what a comparison of groups needs: not a file that a producer writes.
    pub(crate) fn bare() -> Self {
        Self { fields: vec!["type", "name", "id", "self_size"], sections: vec!["snapshot", "nodes", "strings"], ..Self::new() }
    }

    /// Every style.
    pub(crate) fn all() -> Vec<(&'static str, Self)> {
        vec![
            ("classic", Self::classic()),
            ("new", Self::new()),
            ("permuted", Self::permuted()),
            ("pretty", Self::pretty()),
            ("reversed", Self::reversed()),
            ("unknown", Self::unknown()),
            ("old", Self::old()),
            ("required", Self::required()),
            ("tracked", Self::tracked()),
        ]
    }
}

/// Each object has this many edges.
const EDGES: usize = 2;

/// Writes a file.
pub(crate) fn file(objects: &[Object], style: &Style) -> Vec<u8> {
    let mut strings: Vec<&str> = vec!["<dummy>"];
    let mut index: HashMap<&str, usize> = HashMap::new();
    let names: Vec<usize> = objects
        .iter()
        .map(|object| {
            *index.entry(&object.raw_name).or_insert_with(|| {
                strings.push(&object.raw_name);
                strings.len() - 1
            })
        })
        .collect();
    let edges_per_node = if style.sections.contains(&"edges") { EDGES } else { 0 };
    let mut nodes = Vec::new();
    for (i, (object, name)) in objects.iter().zip(&names).enumerate() {
        nodes.push(style.fields.iter().map(move |&field| match field {
            "type" => object.kind.to_string(),
            "name" => name.to_string(),
            "id" => object.id.to_string(),
            "self_size" => object.self_size.to_string(),
            "edge_count" => edges_per_node.to_string(),
            "trace_node_id" if style.tracked => (i % 5).to_string(),
            "detachedness" => (if object.detached { "2" } else { "0" }).to_owned(),
            _ => "0".to_owned(),
        }));
    }
    let n = objects.len();
    let to_node = |i: usize, edge: usize| (i * 7 + edge + 1) % n * style.fields.len();
    let edges = (0..n * edges_per_node).map(|i| {
        let (i, edge) = (i / EDGES, i % EDGES);
        let kind_and_name = if edge == 0 { ["1".to_owned(), i.to_string()] } else { ["2".to_owned(), names[i].to_string()] };
        kind_and_name.into_iter().chain([to_node(i, edge).to_string()])
    });
    let (nodes, edges) = (records(nodes, style.record), records(edges, style.record));
    let strings = format!("[\"{}\"]", strings.join("\",\n\""));
    let header = header(n, n * edges_per_node, style);
    let mut text = String::new();
    for (i, &section) in style.sections.iter().enumerate() {
        let (key, value) = match section {
            "snapshot" => (section, header.as_str()),
            "nodes" => (section, nodes.as_str()),
            "edges" => (section, edges.as_str()),
            "strings" => (section, strings.as_str()),
            // More functions than the header announces, as V8 writes them.
            "trace_function_infos" if style.tracked => (section, "[1,0,0,0,0,0,7,0,0,5,3,9]"),
            "trace_tree" if style.tracked => (section, "[1,0,3,96,[2,1,1,32,[4,0,0,0,[]],3,1,2,64,[]]]"),
            "trace_function_infos" => (section, "[1,0,0,0,0,0]"),
            "trace_tree" => (section, "[1,0,3,96,[2,0,1,32,[],3,0,2,64,[]]]"),
            "samples" => (section, "[0,1,100,9]"),
            "locations" => (section, "[0,3,0,27]"),
            "unknown" => {
                ("x-notes", "{\"nodes\":[1,2.5e3,null],\"text\":\"\\\"strings\\\":[\\u0022\",\"deep\":[[{}]],\"on\":true}")
            }
            other => (other, "[]"),
        };
        let key = if key == "x-notes" { format!("x-notes-{i}") } else { key.to_owned() };
        let separator = if i == 0 { "{" } else { "," };
        let between = if i == 0 { "" } else { style.section };
        write!(text, "{separator}{between}\"{key}\":{value}").unwrap();
    }
    text.push('}');
    let mut text = if style.space.is_empty() { text } else { spaced(&text, style.space) };
    text.push_str(style.tail);
    text.into_bytes()
}

fn records<R: Iterator<Item = String>>(records: impl IntoIterator<Item = R>, newline: &str) -> String {
    let lines: Vec<String> = records.into_iter().map(|record| record.collect::<Vec<_>>().join(",")).collect();
    format!("[{}{newline}]", lines.join(&format!("{newline},")))
}

fn header(nodes: usize, edges: usize, style: &Style) -> String {
    let quoted = |names: &[&str]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",");
    let types: Vec<String> = style
        .fields
        .iter()
        .map(|&field| match field {
            "type" => format!("[{}]", quoted(KINDS)),
            "name" => "\"string\"".to_owned(),
            _ => "\"number\"".to_owned(),
        })
        .collect();
    format!(
        "{{\"meta\":{{\"x-padding\":\"{}\",\"node_fields\":[{}],\"node_types\":[{}],\
         \"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],\
         \"edge_types\":[[\"context\",\"element\",\"property\",\"internal\",\"hidden\",\"shortcut\",\"weak\"],\
         \"string_or_number\",\"node\"],\
         \"trace_function_info_fields\":[\"function_id\",\"name\",\"script_name\",\"script_id\",\"line\",\"column\"],\
         \"trace_node_fields\":[\"id\",\"function_info_index\",\"count\",\"size\",\"children\"],\
         \"sample_fields\":[\"timestamp_us\",\"last_assigned_id\"],\
         \"location_fields\":[\"object_index\",\"script_id\",\"line\",\"column\"]}},\
         \"node_count\":{nodes},\"edge_count\":{edges},\"trace_function_count\":1}}",
        "p".repeat(style.padding),
        quoted(&style.fields),
        types.join(","),
    )
}

/// The document with white space between its tokens.
fn spaced(json: &str, space: &str) -> String {
    let mut out = String::new();
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            out.push(c);
            continue;
        }
        in_string = c == '"';
        if matches!(c, ']' | '}' | ':') {
            out.push_str(space);
        }
        out.push(c);
        if matches!(c, '[' | '{' | ',' | ':') {
            out.push_str(space);
        }
    }
    out
}

/// Names that files of all producers have, as they stand in the file.
const NAMES: &[&str] = &[
    "",
    "Object",
    "LeakyConn",
    "Job",
    "Map",
    "system / Context",
    "onPriceChange",
    "(GC roots)",
    "caf\\u00e9",
    "\\u4e2d\\u6587",
    "caf\u{e9} \u{4e2d}\u{1f600}",
    "\\ud83d\\ude00",
    "lone \\ud83d end",
    "\\ude00\\ud83d",
    "a \\\"quoted\\\" name\\\\",
    "tab\\tnewline\\nslash\\/",
    "\\\\\\\\",
    "],\\\"strings\\\":[",
    "[1,2,3]",
    "{\\\"snapshot\\\":",
    "\\u001b[31mred",
    "<b>",
];
const NATIVES: &[&str] =
    &["<section id=\\\"w0\\\">", "<section id=\\\"w1\\\">", "<b>", "Detached <a href=x>", "system / Node", "Window / x y", "< >"];

/// Objects of every kind with all kinds of names. Odd ids ascend with gaps; native nodes have even ones.
pub(crate) fn objects(rng: &mut Rng, n: usize) -> Vec<Object> {
    let mut id = 1;
    (0..n).map(|_| fresh(rng, &mut id)).collect()
}

/// An object with an id above `id`, which rises.
pub(crate) fn fresh(rng: &mut Rng, id: &mut u64) -> Object {
    let kind = rng.below(KINDS.len());
    let native = KINDS[kind] == "native";
    let raw_name = (*rng.pick(if native { NATIVES } else { NAMES })).to_owned();
    *id += 2 + 2 * (rng.next() % 3);
    let size = *rng.pick(&[0, 8, 16, 24, 40, 1000, 5_368_709_120]);
    Object { kind, raw_name, id: *id - u64::from(native), self_size: size, detached: native && rng.below(3) == 0 }
}

/// The same process some time later: some objects have gone, some have come, some changed size or name. Native nodes get new
/// ids.
pub(crate) fn later(rng: &mut Rng, objects: &[Object], gone: usize, come: usize) -> Vec<Object> {
    let mut next: Vec<Object> = objects.to_vec();
    for _ in 0..gone {
        next.remove(rng.below(next.len()));
    }
    let mut id = objects.iter().map(|object| object.id | 1).max().unwrap_or(1);
    for object in &mut next {
        if rng.below(20) == 0 {
            object.self_size = object.self_size / 2 + 8;
        }
        if object.id % 2 == 0 {
            id += 2;
            object.id = id - 1;
        }
    }
    for _ in 0..come {
        let new = fresh(rng, &mut id);
        next.push(new);
    }
    next
}
