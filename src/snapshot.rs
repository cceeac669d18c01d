//! A snapshot as analyses see it: groups with counts and sizes, and what is known of its objects' identity.

use crate::identity::Identity;
use crate::report::Warning;

/// What one input holds.
#[derive(Debug)]
pub struct Snapshot {
    /// Name of the input format.
    pub format: &'static str,
    /// For a summary: the format of the snapshot it stands for.
    pub origin: Option<String>,
    /// Size of the input in bytes as stored.
    pub file_bytes: u64,
    /// False for a dump that shows signs of being cut short.
    pub complete: bool,
    /// Number of objects.
    pub nodes: u64,
    /// Number of references, where the input says.
    pub edges: Option<u64>,
    /// Sum of all self sizes in bytes.
    pub self_size: u64,
    /// Off-heap bytes that belong to no object, where the input says.
    pub extra_native_bytes: Option<u64>,
    /// The highest odd object id, which rises with time within a process.
    pub order_key: Option<u64>,
    /// The groups, sorted by kind and name.
    pub groups: Vec<Group>,
    /// What a reader of the figures has to know.
    pub warnings: Vec<Warning>,
    /// What identifies the objects, if it was asked for and the format has ids.
    pub identity: Option<Identity>,
}

/// The objects of one kind and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Node type, V8's word for it.
    pub kind: String,
    /// Name; empty for the kinds that are [one group each](is_folded). For native nodes the class name.
    pub name: String,
    /// Number of objects.
    pub count: u64,
    /// Self sizes in bytes.
    pub self_size: u64,
}

/// Whether all nodes of a kind are one group with an empty name: their names are contents, not types.
#[must_use]
pub fn is_folded(kind: &str) -> bool {
    matches!(kind, "string" | "concatenated string" | "sliced string" | "number" | "heap number" | "bigint" | "symbol" | "regexp")
}

/// The class of a (kind, name) group: the row DevTools' Summary view would put it in, with the unambiguous names of Chrome 116
/// and earlier for closures and regular expressions.
#[must_use]
pub fn class_name(kind: &str, name: &str) -> String {
    match kind {
        "object" | "native" => name.to_owned(),
        "hidden" => "(system)".to_owned(),
        "code" => "(compiled code)".to_owned(),
        _ => format!("({kind})"),
    }
}

/// The group name of a native node: a tag without its attributes, with "Detached " in front where its own detachedness says so.
#[must_use]
pub fn native_name(name: &str, detached: bool) -> String {
    let (prefix, bare) = match name.strip_prefix("Detached ") {
        Some(bare) => ("Detached ", bare),
        None => (if detached { "Detached " } else { "" }, name),
    };
    match bare.split_once(' ') {
        Some((tag, _)) if tag.starts_with('<') => format!("{prefix}{tag}>"),
        _ => format!("{prefix}{bare}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_names_are_classes() {
        assert_eq!(native_name("<section id=\"w0\">", false), "<section>");
        assert_eq!(native_name("<section id=\"w0\">", true), "Detached <section>");
        assert_eq!(native_name("Detached <a href=x>", false), "Detached <a>");
        assert_eq!(native_name("<b>", false), "<b>");
        assert_eq!(native_name("system / Context", false), "system / Context");
        assert_eq!(native_name("", false), "");
    }
}
