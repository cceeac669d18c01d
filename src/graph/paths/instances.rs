//! The objects of a class, by any name that a report gives it.

use std::collections::HashMap;

use super::tree::Mixed;
use crate::graph::{Bits, Detachedness, Graph, NodeKind};
use crate::snapshot::{Runtime, native_name};

/// The objects that are called by a name: that of their class or their group. Functions are meant if parentheses follow it, or if there
/// is nothing else of the name.
#[must_use]
pub fn instances(graph: &Graph, detachedness: &Detachedness, class: &str) -> Bits {
    if !graph.class.is_empty() {
        return called_foreign(graph, class);
    }
    let found = called(graph, detachedness, class);
    if found.is_empty() { called(graph, detachedness, &format!("{class}()")) } else { found }
}

fn called(graph: &Graph, detachedness: &Detachedness, class: &str) -> Bits {
    let mut known: HashMap<(u8, u32, bool, bool), bool, Mixed> = HashMap::default();
    let mut instances = Bits::new(graph.kind.len());
    for node in 0..graph.nodes() {
        let kind = graph.kind[node as usize];
        let folded = Runtime::V8.is_folded(graph.kinds.name(kind));
        let name = if folded { u32::MAX } else { graph.name[node as usize] };
        // Rows by class go by what a node says of itself, paths and rows of DevTools by what is handed on to it.
        let (of_itself, handed_on) = (Detachedness::recorded(graph, node), detachedness.renamed(node));
        let is_one = *known.entry((kind, name, of_itself, handed_on)).or_insert_with(|| {
            let text = if folded { "".into() } else { graph.name_of(node) };
            let called = |detached| is_called(graph.kinds.name(kind), graph.kind_of(node), &text, detached, class);
            called(of_itself) || called(handed_on)
        });
        if is_one {
            instances.add(node);
        }
    }
    instances
}

/// The same where a column tells the class.
fn called_foreign(graph: &Graph, class: &str) -> Bits {
    let mut instances = Bits::new(graph.kind.len());
    let meant: Vec<u32> = (0..graph.strings.count()).filter(|&text| graph.strings.get(text) == class).collect();
    let columns = graph.class.iter().zip(&graph.name);
    for (node, (counted, said)) in (0..).zip(columns).filter(|(node, _)| *node != graph.root) {
        if meant.contains(counted) || meant.contains(said) {
            instances.add(node);
        }
    }
    instances
}

fn is_called(kind: &str, means: NodeKind, name: &str, detached: bool, class: &str) -> bool {
    let name = if means == NodeKind::Native { native_name(name, detached) } else { name.to_owned() };
    let named = !name.is_empty()
        && match means {
            NodeKind::Closure => class.strip_suffix("()") == Some(&name),
            NodeKind::Code => false,
            _ => name == class,
        };
    named || Runtime::V8.class_name(kind, &name) == class
}
