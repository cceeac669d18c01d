//! Which native nodes belong to detached DOM trees.

use crate::graph::{EdgeKind, Graph, NodeKind};

/// The state of each node, handed on from node to node.
#[derive(Debug, Clone)]
pub struct Detachedness {
    /// By ordinal; empty if no node has a state. The lower bits are the state, [`VISITED`] is for this module.
    state: Vec<u8>,
    /// The format has the field: names do not tell yet.
    renames: bool,
}

const ATTACHED: u8 = 1;
const DETACHED: u8 = 2;
const VISITED: u8 = 1 << 7;
/// Nodes that are looked at at once.
const AT_ONCE: usize = 4096;
const PREFIX: &str = "Detached ";

impl Detachedness {
    /// Hands the states that the file tells on along strong edges, through native nodes only: first from attached nodes, then
    /// from detached ones.
    ///
    /// Files without the field name detached nodes "Detached …".
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        if graph.detachedness.is_empty() {
            return Self { state: by_name(graph), renames: false };
        }
        if graph.detachedness.chunks(AT_ONCE).all(|states| states.iter().fold(0, |any, state| any | state) == 0) {
            return Self { state: Vec::new(), renames: true };
        }
        let mut spread = Spread { graph, state: vec![0; graph.kind.len()], attached: Vec::new(), detached: Vec::new() };
        for (node, &state) in (0..).zip(&graph.detachedness) {
            if state != 0 {
                spread.visit(node, state);
            }
        }
        while let Some(node) = spread.attached.pop() {
            spread.hand_on(node, ATTACHED);
        }
        while let Some(node) = spread.detached.pop() {
            if spread.state[node as usize] & !VISITED != ATTACHED {
                spread.hand_on(node, DETACHED);
            }
        }
        Self { state: spread.state, renames: true }
    }

    /// The state of a node: 0 unknown, 1 attached, 2 detached.
    #[must_use]
    pub fn of(&self, node: u32) -> u8 {
        self.state.get(node as usize).map_or(0, |state| state & !VISITED)
    }

    /// Whether a node's own record says that it is detached.
    #[must_use]
    pub fn recorded(graph: &Graph, node: u32) -> bool {
        graph.detachedness.get(node as usize) == Some(&DETACHED)
    }

    /// Whether a node's name gets "Detached " in front.
    #[must_use]
    pub fn renamed(&self, node: u32) -> bool {
        self.renames && self.of(node) == DETACHED
    }
}

fn by_name(graph: &Graph) -> Vec<u8> {
    let mut state = Vec::new();
    for node in (0..graph.nodes()).filter(|&node| graph.kind_of(node) == NodeKind::Native) {
        if graph.name_of(node).starts_with(PREFIX) {
            state.resize(graph.kind.len(), 0);
            state[node as usize] = DETACHED;
        }
    }
    state
}

struct Spread<'g> {
    graph: &'g Graph,
    state: Vec<u8>,
    attached: Vec<u32>,
    detached: Vec<u32>,
}

impl Spread<'_> {
    /// Gives a node a state, unless it has been visited. Nodes that are not native only count as visited.
    fn visit(&mut self, node: u32, state: u8) {
        let old = &mut self.state[node as usize];
        if *old & VISITED != 0 {
            return;
        }
        *old |= VISITED;
        if self.graph.kind_of(node) != NodeKind::Native {
            return;
        }
        *old = VISITED | state & !VISITED;
        match state {
            ATTACHED => self.attached.push(node),
            DETACHED => self.detached.push(node),
            _ => {}
        }
    }

    fn hand_on(&mut self, node: u32, state: u8) {
        let graph = self.graph;
        for edge in graph.edges(node).filter(|edge| !matches!(edge.kind, EdgeKind::Hidden | EdgeKind::Weak)) {
            self.visit(edge.to, state);
        }
    }
}
