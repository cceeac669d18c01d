//! Shallow sizes with backing stores counted to the objects they belong to.

use super::detached::Detachedness;
use super::user_roots;
use crate::graph::{Bits, EdgeKind, Graph, NodeKind, Wide, zeros};

/// What DevTools calls an object's shallow size: its self size, and those of the backing stores that belong to nobody else.
///
/// Arrays, objects of the virtual machine and the data of external strings give their size to the one other object from which they
/// can be reached through their like. They keep it if there is more than one, or if it is a root. In a heap without a global
/// object or context below its root nothing is given away, which is the rule of DevTools, too.
#[must_use]
pub fn owned_sizes(graph: &Graph, detachedness: &Detachedness) -> Wide {
    let mut sizes = graph.self_size.copy();
    if user_roots(graph).is_empty() {
        return sizes;
    }
    let ownable = ownable(graph, detachedness);
    let owners = owners(graph, &ownable);
    for node in (0..graph.nodes()).filter(|&node| ownable.has(node)) {
        let Some(owner) = owner(owners[node as usize]) else { continue };
        let keeps = owner == graph.root || graph.kind_of(owner) == NodeKind::Synthetic;
        if !keeps {
            sizes.set(owner, sizes.get(owner).saturating_add(sizes.get(node)));
            sizes.set(node, 0);
        }
    }
    sizes
}

/// No owner seen yet: what a fresh column holds. Nodes stand for themselves plus one.
const NOBODY: u32 = 0;
/// More than one owner.
const SHARED: u32 = u32::MAX;

/// The only owner, if there is just one.
fn owner(entry: u32) -> Option<u32> {
    (entry != SHARED).then(|| entry.checked_sub(1)).flatten()
}

/// The nodes that may have an owner.
fn ownable(graph: &Graph, detachedness: &Detachedness) -> Bits {
    // External strings' data.
    let data = super::strings_named(graph, "system / ExternalStringData", NodeKind::Native);
    let is_data = |node: u32| data.contains(&graph.name[node as usize]) && !detachedness.renamed(node);
    Bits::of(graph.kind.len(), |node| match graph.kind_of(node) {
        NodeKind::Hidden | NodeKind::Array => true,
        NodeKind::Native => is_data(node),
        _ => false,
    })
}

/// The owner of each ownable node. Each changes at most twice: from nobody to one owner, and to several.
fn owners(graph: &Graph, ownable: &Bits) -> Vec<u32> {
    let mut owners = zeros(graph.kind.len());
    let mut changed = Vec::new();
    let give = |(edge, to): (usize, u32), owner: u32, owners: &mut Vec<u32>, changed: &mut Vec<u32>| {
        let old = owners[to as usize];
        let new = if old == NOBODY || old == owner { owner } else { SHARED };
        if new != old && graph.edge_kind[edge] != EdgeKind::Weak as u8 {
            owners[to as usize] = new;
            changed.push(to);
        }
    };
    let mut node = 0;
    // Few edges lead to what has an owner, and most nodes have few edges: all edges in one loop leave no branch to be guessed wrong.
    for (edge, &to) in graph.to_node.iter().enumerate().filter(|(_, to)| ownable.has(**to)) {
        while graph.first_edge[node as usize + 1] as usize <= edge {
            node += 1;
        }
        if ownable.has(node) {
            continue;
        }
        give((edge, to), node + 1, &mut owners, &mut changed);
        while let Some(from) = changed.pop() {
            let owner = owners[from as usize];
            let edges = graph.edge_range(from).map(|edge| (edge, graph.to_node[edge]));
            edges.filter(|&(_, to)| ownable.has(to)).for_each(|edge| give(edge, owner, &mut owners, &mut changed));
        }
    }
    owners
}
