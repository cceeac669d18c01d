//! The `snapshot` section: which fields and types the arrays have, and how many records were announced.

use serde::Deserialize;

use crate::input::Want;
use crate::scan::Layout;
use crate::snapshot::{OUTSIDE, is_folded};
use crate::stacks::OfStacks;

/// What the header says, checked and resolved to positions.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) layout: Layout,
    pub(super) has_detachedness: bool,
    pub(super) edge_count_field: Option<usize>,
    /// Offset of the root in `nodes`.
    pub(super) root_index: u64,
    /// None where meta does not describe locations fully.
    pub(super) location_fields: Option<LocationFields>,
    pub(super) kinds: Vec<Kind>,
    /// None where meta does not describe edges fully.
    pub(super) edge_fields: Option<EdgeFields>,
    /// None where no stacks were recorded, or meta does not describe them fully, or they are not wanted.
    pub(super) trace_fields: Option<TraceFields>,
    /// None where meta does not describe samples fully.
    pub(super) sample_fields: Option<SampleFields>,
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

/// Positions in the records of allocation stacks.
#[derive(Debug, Clone)]
pub(super) struct TraceFields {
    pub(super) functions: FunctionFields,
    pub(super) tree: TreeFields,
    /// See [`Want::of_stacks`].
    pub(super) of_stacks: OfStacks,
}

/// Positions in a record of `samples`.
#[derive(Debug, Clone)]
pub(super) struct SampleFields {
    pub(super) fields: usize,
    pub(super) timestamp: usize,
    pub(super) last_id: usize,
}

/// Positions in a record of `trace_function_infos`.
#[derive(Debug, Clone)]
pub(super) struct FunctionFields {
    pub(super) fields: usize,
    pub(super) name: usize,
    pub(super) script: usize,
    pub(super) line: usize,
    pub(super) column: usize,
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

/// Positions in a record of `trace_tree`.
#[derive(Debug, Clone)]
pub(super) struct TreeFields {
    pub(super) fields: usize,
    pub(super) id: usize,
    pub(super) function: usize,
    pub(super) count: usize,
    pub(super) size: usize,
    pub(super) children: usize,
}

#[derive(Deserialize)]
struct RawSnapshot {
    meta: RawMeta,
    node_count: u64,
    edge_count: u64,
    trace_function_count: Option<u64>,
    extra_native_bytes: Option<u64>,
    root_index: Option<u64>,
}

#[derive(Deserialize)]
struct RawMeta {
    node_fields: Vec<String>,
    node_types: Vec<serde_json::Value>,
    edge_fields: Option<Vec<String>>,
    edge_types: Option<Vec<serde_json::Value>>,
    trace_function_info_fields: Option<Vec<String>>,
    trace_node_fields: Option<Vec<String>>,
    location_fields: Option<Vec<String>>,
    sample_fields: Option<Vec<String>>,
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

fn trace_fields(functions: Option<Vec<String>>, tree: Option<Vec<String>>) -> Option<TraceFields> {
    let (functions, tree) = (functions?, tree?);
    let function = |name: &str| functions.iter().position(|field| field == name);
    let node = |name: &str| tree.iter().position(|field| field == name);
    Some(TraceFields {
        functions: FunctionFields {
            fields: functions.len(),
            name: function("name")?,
            script: function("script_name")?,
            line: function("line")?,
            column: function("column")?,
        },
        tree: TreeFields {
            fields: tree.len(),
            id: node("id")?,
            function: node("function_info_index")?,
            count: node("count")?,
            size: node("size")?,
            children: node("children")?,
        },
        of_stacks: OfStacks::Whole,
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

fn sample_fields(fields: &[String]) -> Option<SampleFields> {
    let field = |name: &str| fields.iter().position(|field| field == name);
    Some(SampleFields { fields: fields.len(), timestamp: field("timestamp_us")?, last_id: field("last_assigned_id")? })
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
            trace: field("trace_node_id").ok(),
            edge_count: None,
        };
        // The count may be too small, but it is not 0 if stacks were recorded: the root of the tree is a function too.
        let tracked = layout.trace.is_some() && raw.trace_function_count != Some(0);
        let trace_fields = trace_fields(raw.meta.trace_function_info_fields, raw.meta.trace_node_fields);
        Ok(Self {
            layout,
            has_detachedness: detachedness.is_some(),
            edge_count_field: field("edge_count").ok(),
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
            trace_fields: trace_fields.filter(|_| tracked),
            sample_fields: raw.meta.sample_fields.as_deref().and_then(sample_fields),
            node_count: raw.node_count,
            edge_count: raw.edge_count,
            extra_native_bytes: raw.extra_native_bytes,
        })
    }

    /// The header for a reader that looks at allocation stacks only if they are wanted, and puts objects that are not wanted into a
    /// kind of their own.
    pub(super) fn wanting(mut self, want: Want<'_>) -> Self {
        self.trace_fields = self.trace_fields.filter(|_| want.stacks || want.verify);
        self.trace_fields.iter_mut().for_each(|fields| fields.of_stacks = want.of_stacks);
        if !want.types {
            self.kinds.iter_mut().for_each(|kind| kind.folded = true);
        }
        if want.allocated_between.is_some() {
            self.kinds.push(Kind { name: OUTSIDE.to_owned(), folded: true, native: false, even_ids: true });
        }
        self.layout.trace = self.layout.trace.filter(|_| self.trace_fields.is_some());
        self
    }
}
