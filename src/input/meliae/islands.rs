//! What no module, no frame and no object that nobody refers to leads to: cycles, and what hangs off them.

use crate::graph::{Bits, ordinal};

/// The members of every cycle that is reached neither from the last node, the root, nor from another cycle, ascending. All of a cycle
/// are told, so that the order of records plays no part.
pub(super) fn islands(first_edge: &[u32], to_node: &[u32]) -> Vec<u32> {
    let edges = Edges { first_edge, to_node };
    let nodes = first_edge.len() - 1;
    let mut reached = Bits::new(nodes);
    let mut waiting = vec![ordinal(nodes - 1)];
    reached.add(waiting[0]);
    while let Some(node) = waiting.pop() {
        waiting.extend(edges.of(node).iter().filter(|&&to| reached.add(to)));
    }
    let apart: Vec<u32> = (0..ordinal(nodes)).filter(|&node| !reached.has(node)).collect();
    if apart.is_empty() {
        return apart;
    }
    let cycle = Cycles::new(edges, nodes).find(&apart);
    let mut entered = Bits::new(nodes);
    for &node in &apart {
        for &to in edges.of(node).iter().filter(|&&to| !reached.has(to)) {
            if cycle[to as usize] != cycle[node as usize] {
                entered.add(cycle[to as usize]);
            }
        }
    }
    apart.into_iter().filter(|&node| !entered.has(cycle[node as usize])).collect()
}

#[derive(Clone, Copy)]
struct Edges<'g> {
    first_edge: &'g [u32],
    to_node: &'g [u32],
}

impl<'g> Edges<'g> {
    fn of(self, node: u32) -> &'g [u32] {
        &self.to_node[self.first_edge[node as usize] as usize..self.first_edge[node as usize + 1] as usize]
    }
}

/// Not met yet.
const NEW: u32 = u32::MAX;

/// Tarjan's strongly connected components, on a stack of its own.
struct Cycles<'g> {
    edges: Edges<'g>,
    /// When each node was met.
    met: Vec<u32>,
    /// The earliest node on the stack that each one leads back to.
    back: Vec<u32>,
    /// The cycle of each node, by one of its members.
    cycle: Vec<u32>,
    stack: Vec<u32>,
}

impl<'g> Cycles<'g> {
    fn new(edges: Edges<'g>, nodes: usize) -> Self {
        Self { edges, met: vec![NEW; nodes], back: vec![NEW; nodes], cycle: vec![NEW; nodes], stack: Vec::new() }
    }

    /// Nodes outside `apart` must not be led to by those in it, or be of no interest.
    fn find(mut self, apart: &[u32]) -> Vec<u32> {
        let (mut clock, mut way): (u32, Vec<(u32, usize)>) = (0, Vec::new());
        for &start in apart {
            if self.met[start as usize] != NEW {
                continue;
            }
            way.push((start, 0));
            while let Some((node, at)) = way.last_mut() {
                let node = *node;
                if *at == 0 && self.met[node as usize] == NEW {
                    self.met[node as usize] = clock;
                    self.back[node as usize] = clock;
                    clock += 1;
                    self.stack.push(node);
                }
                let Some(&to) = self.edges.of(node).get(*at) else {
                    way.pop();
                    self.leave(node, way.last().map(|&(above, _)| above));
                    continue;
                };
                *at += 1;
                if self.met[to as usize] == NEW {
                    way.push((to, 0));
                } else if self.cycle[to as usize] == NEW {
                    self.back[node as usize] = self.back[node as usize].min(self.met[to as usize]);
                }
            }
        }
        self.cycle
    }

    /// All that a node leads to has been looked at.
    fn leave(&mut self, node: u32, above: Option<u32>) {
        let back = self.back[node as usize];
        if let Some(above) = above {
            self.back[above as usize] = self.back[above as usize].min(back);
        }
        if back == self.met[node as usize] {
            while let Some(member) = self.stack.pop() {
                self.cycle[member as usize] = node;
                if member == node {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edges by source, those of the root last.
    fn told(edges: &[&[u32]]) -> Vec<u32> {
        let mut first_edge = vec![0];
        let mut to_node = Vec::new();
        for targets in edges {
            to_node.extend_from_slice(targets);
            first_edge.push(ordinal(to_node.len()));
        }
        islands(&first_edge, &to_node)
    }

    #[test]
    fn cycles_that_nothing_leads_to_are_told_and_what_hangs_off_them_is_not() {
        assert!(told(&[&[1], &[0], &[0]]).is_empty());
        // 0 and 1 lead to the cycle of 2 and 3, which leads to what the root holds, too.
        assert_eq!(told(&[&[1], &[0, 2], &[3], &[2, 4], &[], &[4]]), [0, 1]);
        // One that refers to itself, and a figure of eight.
        assert_eq!(told(&[&[0], &[2, 3], &[1], &[1], &[]]), [0, 1, 2, 3]);
    }

    #[test]
    fn a_cycle_of_a_million_needs_no_deep_stack() {
        let nodes = 1_000_000_u32;
        let mut first_edge: Vec<u32> = (0..=nodes).collect();
        first_edge.push(nodes);
        let to_node: Vec<u32> = (1..nodes).chain([0]).collect();
        assert_eq!(islands(&first_edge, &to_node).len(), nodes as usize);
    }
}
