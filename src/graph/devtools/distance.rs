//! How far from the user's roots a node is.

use std::collections::HashMap;

use super::{strings_named, user_roots};
use crate::graph::{Bits, EdgeKind, Graph, NodeKind, column, reserved};

/// The distance of what nothing leads to.
pub const UNREACHED: i32 = -5;
/// From here on distances are counted from the root instead of the user's roots; DevTools shows a dash.
pub const SYSTEM: i32 = 100_000_000;

/// The distance of each node: references on the shortest way from one of the user's roots, or, for what these do not lead to, from the
/// root, plus [`SYSTEM`] if there are roots of the user. [`UNREACHED`] for the rest.
///
/// Weak references are not followed, nor some that would make every object near. The reference to a value in a WeakMap is followed
/// only when both its table and its key have been reached.
#[must_use]
pub fn distances(graph: &Graph) -> Vec<i32> {
    let mut distances = column(UNREACHED, graph.kind.len());
    if distances.is_empty() {
        return distances;
    }
    let mut detours = Detours::new(graph);
    let roots = user_roots(graph);
    let any = !roots.is_empty();
    let mut queue = reserved(graph.kind.len() + roots.len());
    queue.extend(roots);
    for &node in &queue {
        distances[node as usize] = 1;
    }
    spread(graph, &mut distances, &mut detours, &mut queue);
    distances[graph.root as usize] = if any { SYSTEM } else { 0 };
    queue.clear();
    queue.push(graph.root);
    spread(graph, &mut distances, &mut detours, &mut queue);
    distances
}

/// Goes on from the nodes in the queue, nearest first.
fn spread(graph: &Graph, distances: &mut [i32], detours: &mut Detours<'_>, queue: &mut Vec<u32>) {
    let mut next = 0;
    while let Some(&node) = queue.get(next) {
        next += 1;
        let distance = distances[node as usize].saturating_add(1);
        let plain = !detours.concerns(node);
        for edge in graph.edge_range(node) {
            let to = graph.to_node[edge];
            let kind = graph.edge_kind[edge] & !(Graph::FROM_TABLE | Graph::ELEMENTS);
            if kind == EdgeKind::Weak as u8 || distances[to as usize] != UNREACHED {
                continue;
            }
            let followed = if plain && kind != EdgeKind::Internal as u8 { true } else { detours.follows(node, edge) };
            if followed {
                distances[to as usize] = distance;
                queue.push(to);
            }
        }
    }
}

/// The references that are not followed, or not at once.
struct Detours<'g> {
    graph: &'g Graph,
    /// Names of native contexts, whose `sloppy_function_map` is not followed.
    contexts: Vec<u32>,
    /// Names of descriptor arrays, of which keys are not followed.
    descriptors: Vec<u32>,
    /// Whether edges of a name that start at descriptor arrays are followed.
    descriptor_names: HashMap<u32, bool>,
    ephemerons: Bits,
    /// WeakMap entries to whose value one of two references has been seen.
    half_seen: Bits,
}

impl<'g> Detours<'g> {
    fn new(graph: &'g Graph) -> Self {
        let mut ephemerons = Bits::new(graph.ephemerons.last().map_or(0, |last| last.name as usize + 1));
        for ephemeron in &graph.ephemerons {
            ephemerons.add(ephemeron.name);
        }
        let pairs = graph.ephemerons.iter().map(|ephemeron| ephemeron.pair as usize + 1).max().unwrap_or(0);
        Self {
            graph,
            contexts: strings_named(graph, "system / NativeContext", NodeKind::Hidden),
            descriptors: strings_named(graph, "(map descriptors)", NodeKind::Array),
            descriptor_names: HashMap::new(),
            ephemerons,
            half_seen: Bits::new(pairs),
        }
    }

    /// Whether more than the WeakMap rule applies to the edges of a node.
    #[inline]
    fn concerns(&self, node: u32) -> bool {
        let name = self.graph.name[node as usize];
        match self.graph.kind_of(node) {
            NodeKind::Hidden => self.contexts.contains(&name),
            NodeKind::Array => self.descriptors.contains(&name),
            _ => false,
        }
    }

    fn follows(&mut self, node: u32, edge: usize) -> bool {
        let graph = self.graph;
        let edge = graph.edge(edge);
        if self.concerns(node) {
            if graph.kind_of(node) == NodeKind::Array {
                return if edge.kind.numbered() { is_no_key(i64::from(edge.name)) } else { self.follows_descriptor(edge.name) };
            }
            if !edge.kind.numbered() && graph.strings.get(edge.name) == "sloppy_function_map" {
                return false;
            }
        }
        if edge.kind == EdgeKind::Internal
            && self.ephemerons.has(edge.name)
            && let Some(ephemeron) = graph.ephemeron(edge.name)
        {
            return !self.half_seen.toggle(ephemeron.pair);
        }
        true
    }

    fn follows_descriptor(&mut self, name: u32) -> bool {
        let graph = self.graph;
        *self.descriptor_names.entry(name).or_insert_with(|| parse_int(&graph.strings.get(name)).is_none_or(is_no_key))
    }
}

/// Whether an entry of a descriptor array is none of its keys.
fn is_no_key(index: i64) -> bool {
    index < 2 || index % 3 != 1
}

/// JavaScript's `parseInt` of what is no larger than 2^63.
fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let signed = usize::from(text.starts_with(['-', '+']));
    let digits = text[signed..].bytes().take_while(u8::is_ascii_digit).count();
    text[..signed + digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_parsed_as_in_javascript() {
        for (text, value) in [("4", Some(4)), (" 12px", Some(12)), ("-3", Some(-3)), ("+7", Some(7)), ("x1", None), ("", None)] {
            assert_eq!(parse_int(text), value, "{text}");
        }
    }
}
