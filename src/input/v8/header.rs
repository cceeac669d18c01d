//! The `snapshot` section: which fields and types the arrays have, and how many records were announced.

use serde::Deserialize;

use crate::scan::Layout;
use crate::snapshot::is_folded;

/// What the header says, checked and resolved to positions.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) layout: Layout,
    pub(super) has_detachedness: bool,
    pub(super) edge_count_field: Option<usize>,
    pub(super) trace_field: Option<usize>,
    /// Offset of the root in `nodes`.
    pub(super) root_index: u64,
    /// None where meta does not describe locations fully.
    pub(super) location_fields: Option<LocationFields>,
    pub(super) kinds: Vec<Kind>,
    /// None where meta does not describe edges fully.
    pub(super) edge_fields: Option<EdgeFields>,
    pub(super) node_count: u64,
    pub(super) edge_count: u64,
    pub(super) extra_native_bytes: Option<u64>,
}

/// A node type.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub(super) name: String,
    /// Its nodes are one group, whatever their names.
    pub(super) folded: bool,
    pub(super) native: bool,
    /// Its nodes may have even ids: they are not objects of JavaScript's heap.
    pub(super) even_ids: bool,
}

/// Positions in an edge record.
#[derive(Debug, Clone)]
pub(super) struct EdgeFields {
    pub(super) fields: usize,
    pub(super) kind: usize,
    pub(super) name_or_index: usize,
    pub(super) to_node: usize,
    pub(super) kinds: Vec<String>,
}

/// Positions in a location record.
#[derive(Debug, Clone)]
pub(super) struct LocationFields {
    pub(super) fields: usize,
    pub(super) object_index: usize,
    pub(super) script_id: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

#[derive(Deserialize)]
struct RawSnapshot {
    meta: RawMeta,
    node_count: u64,
    edge_count: u64,
    extra_native_bytes: Option<u64>,
    root_index: Option<u64>,
}

#[derive(Deserialize)]
struct RawMeta {
    node_fields: Vec<String>,
    node_types: Vec<serde_json::Value>,
    edge_fields: Option<Vec<String>>,
    edge_types: Option<Vec<serde_json::Value>>,
    location_fields: Option<Vec<String>>,
}

/// The type names that a field's entry in `node_types` or `edge_types` lists.
fn names(types: &[serde_json::Value], field: usize) -> Option<Vec<String>> {
    types.get(field)?.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

fn edge_fields(fields: Option<Vec<String>>, types: Option<Vec<serde_json::Value>>) -> Option<EdgeFields> {
    let fields = fields?;
    let field = |name: &str| fields.iter().position(|field| field == name);
    let kind = field("type")?;
    Some(EdgeFields {
        fields: fields.len(),
        kind,
        name_or_index: field("name_or_index")?,
        to_node: field("to_node")?,
        kinds: names(&types?, kind)?,
    })
}

fn location_fields(fields: &[String]) -> Option<LocationFields> {
    let field = |name: &str| fields.iter().position(|field| field == name);
    Some(LocationFields {
        fields: fields.len(),
        object_index: field("object_index")?,
        script_id: field("script_id")?,
        line: field("line")?,
        column: field("column")?,
    })
}

impl Header {
    /// Parses the section's text.
    ///
    /// # Errors
    /// Offset in the text and a sentence.
    pub(super) fn parse(text: &[u8]) -> Result<Self, (usize, String)> {
        if let Err(error) = std::str::from_utf8(text) {
            return Err((error.valid_up_to(), "not UTF-8 text".to_owned()));
        }
        let raw: RawSnapshot = serde_json::from_slice(text).map_err(|error| {
            let line_start =
                text.split_inclusive(|&b| b == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len).sum::<usize>();
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            (line_start + error.column().saturating_sub(1), message)
        })?;
        let fields = &raw.meta.node_fields;
        let field = |name: &str| {
            fields.iter().position(|field| field == name).ok_or_else(|| (0, format!("meta.node_fields lacks \"{name}\"")))
        };
        let kind = field("type")?;
        let kinds = names(&raw.meta.node_types, kind).ok_or_else(|| (0, "meta.node_types lists no types".to_owned()))?;
        let detachedness = field("detachedness").ok();
        let layout = Layout {
            fields: fields.len(),
            kind,
            name: field("name")?,
            id: field("id")?,
            self_size: field("self_size")?,
            detachedness: detachedness.unwrap_or(kind),
        };
        Ok(Self {
            layout,
            has_detachedness: detachedness.is_some(),
            edge_count_field: field("edge_count").ok(),
            trace_field: field("trace_node_id").ok(),
            root_index: raw.root_index.unwrap_or(0),
            location_fields: raw.meta.location_fields.as_deref().and_then(location_fields),
            kinds: kinds
                .into_iter()
                .map(|name| Kind {
                    folded: is_folded(&name),
                    native: name == "native",
                    even_ids: name == "native" || name == "synthetic",
                    name,
                })
                .collect(),
            edge_fields: edge_fields(raw.meta.edge_fields, raw.meta.edge_types),
            node_count: raw.node_count,
            edge_count: raw.edge_count,
            extra_native_bytes: raw.extra_native_bytes,
        })
    }
}
