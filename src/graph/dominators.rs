//! The dominator tree by the semi-NCA algorithm (Georgiadis, Tarjan and Werneck, "Finding Dominators in Practice"), retained sizes,
//! and their sums by group without counting anything twice.
//!
//! Nodes are numbered in depth-first order from 1, the root. Of the references to a node, those from smaller numbers only bear on
//! its semi-dominator by their least source; the others are kept, sorted by target.

use super::devtools::essential::Essential;
use super::{Graph, Wide, ordinal};

/// The dominator tree of a graph. Every node is in it: what nothing leads to hangs off the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dominators {
    /// The immediate dominator of each node; the root's is itself.
    pub dominator: Vec<u32>,
    /// All nodes, each behind its dominator.
    pub order: Vec<u32>,
}

/// Computes the dominator tree over the references that keep their target alive ([`Essential`]).
///
/// A node that no such reference leads to counts as referenced by the root, with all that it leads to. What is left then, cycles
/// that nothing leads to, hangs off the root node by node, and its references count for nobody else.
#[must_use]
pub fn dominators(graph: &Graph, essential: &Essential<'_>) -> Dominators {
    let nodes = graph.kind.len();
    if nodes == 0 {
        return Dominators { dominator: Vec::new(), order: Vec::new() };
    }
    let mut walk = Walk::new(graph, essential);
    walk.from(graph.root, 0);
    for orphan in walk.orphans() {
        walk.from(orphan, 1);
    }
    let Walk { number, mut order, parent, semi, cursor, cross, .. } = walk;
    let incoming = Incoming::new(cross, order.len());
    let dominator_of = semi_nca(&incoming, parent, semi, cursor);
    drop(incoming);
    let mut dominator = number;
    for (&node, &by) in order.iter().zip(&dominator_of).skip(1) {
        // A node's own number is not needed any more once it has been looked at.
        dominator[node as usize] = order[by as usize];
    }
    dominator[graph.root as usize] = graph.root;
    unreached_behind(&mut order, &mut dominator, graph.root);
    Dominators { dominator, order }
}

/// Takes the place-holder off the front of the order and adds the nodes that were never reached.
fn unreached_behind(order: &mut Vec<u32>, dominator: &mut [u32], root: u32) {
    let nodes = dominator.len();
    order.remove(0);
    if order.len() == nodes {
        return;
    }
    let mut reached = super::Bits::new(nodes);
    for &node in order.iter() {
        reached.add(node);
    }
    for node in (0..ordinal(nodes)).filter(|&node| !reached.has(node)) {
        dominator[node as usize] = root;
        order.push(node);
    }
}

/// A depth-first walk. Columns with "by number" have an unused entry for number 0.
struct Walk<'g> {
    graph: &'g Graph,
    essential: &'g Essential<'g>,
    /// Number of each node, 0 before it is reached.
    number: Vec<u32>,
    /// By number: the node.
    order: Vec<u32>,
    /// By number: the number of the node from which it was reached first.
    parent: Vec<u32>,
    /// By number: the least number among the nodes that refer to it, as far as that is smaller than its own.
    semi: Vec<u32>,
    /// By number: the next edge to look at.
    cursor: Vec<u32>,
    /// Numbers of target and source of the edges from larger to smaller numbers.
    cross: Vec<(u32, u32)>,
}

impl<'g> Walk<'g> {
    fn new(graph: &'g Graph, essential: &'g Essential<'g>) -> Self {
        let nodes = graph.kind.len();
        let by_number = || {
            let mut column = Vec::with_capacity(nodes + 1);
            column.push(0);
            column
        };
        Self {
            graph,
            essential,
            number: vec![0; nodes],
            order: by_number(),
            parent: by_number(),
            semi: by_number(),
            cursor: by_number(),
            cross: Vec::new(),
        }
    }

    /// Gives a node the next number.
    fn reach(&mut self, node: u32, from: u32) -> u32 {
        let number = ordinal(self.order.len());
        self.number[node as usize] = number;
        self.order.push(node);
        self.parent.push(from);
        self.semi.push(from);
        self.cursor.push(self.graph.first_edge[node as usize]);
        number
    }

    /// Walks over all that a node leads to and that has no number yet.
    fn from(&mut self, node: u32, parent: u32) {
        let top = self.reach(node, parent);
        let mut at = top;
        loop {
            match self.descend(at) {
                Some(child) => at = child,
                None if at == top => return,
                None => at = self.parent[at as usize],
            }
        }
    }

    /// Goes on with the edges of a node up to one that leads to a node without a number, and gives it one.
    #[inline]
    fn descend(&mut self, at: u32) -> Option<u32> {
        let node = self.order[at as usize];
        let end = self.graph.first_edge[node as usize + 1];
        let begin = self.cursor[at as usize];
        let rule = self.essential.from(node);
        for edge in begin..end {
            let Some(to) = rule.target(edge as usize) else { continue };
            match self.number[to as usize] {
                0 => {
                    self.cursor[at as usize] = edge + 1;
                    return Some(self.reach(to, at));
                }
                number if number > at => {
                    let semi = &mut self.semi[number as usize];
                    *semi = at.min(*semi);
                }
                // Nothing dominates the root.
                1 => {}
                number => self.cross.push((number, at)),
            }
        }
        self.cursor[at as usize] = end;
        None
    }

    /// The nodes without a number to which no essential edge leads.
    fn orphans(&self) -> Vec<u32> {
        let nodes = self.number.len();
        if self.order.len() > nodes {
            return Vec::new();
        }
        let unreached = || (0..ordinal(nodes)).filter(|&node| self.number[node as usize] == 0);
        let mut led_to = super::Bits::new(nodes);
        for node in unreached() {
            let rule = self.essential.from(node);
            for to in self.graph.edge_range(node).filter_map(|edge| rule.target(edge)) {
                led_to.add(to);
            }
        }
        unreached().filter(|&node| !led_to.has(node)).collect()
    }
}

/// The edges from larger to smaller numbers, by target.
struct Incoming {
    /// By number: where its sources begin.
    begin: Vec<u32>,
    sources: Vec<u32>,
}

impl Incoming {
    fn new(edges: Vec<(u32, u32)>, numbers: usize) -> Self {
        let mut begin = vec![0_u32; numbers + 1];
        for &(target, _) in &edges {
            begin[target as usize] += 1;
        }
        let mut sum = 0;
        for begin in &mut begin {
            sum += *begin;
            *begin = sum;
        }
        let mut sources = vec![0; edges.len()];
        for &(target, source) in &edges {
            let place = &mut begin[target as usize];
            *place -= 1;
            sources[*place as usize] = source;
        }
        Self { begin, sources }
    }

    fn of(&self, number: u32) -> &[u32] {
        &self.sources[self.begin[number as usize] as usize..self.begin[number as usize + 1] as usize]
    }
}

/// The dominator's number for each number. `scratch` is any column by number.
fn semi_nca(incoming: &Incoming, parent: Vec<u32>, mut semi: Vec<u32>, scratch: Vec<u32>) -> Vec<u32> {
    let mut forest = Forest { ancestor: parent.clone(), label: scratch, path: Vec::new() };
    let numbers = ordinal(parent.len());
    for number in (2..numbers).rev() {
        let mut least = semi[number as usize];
        for &source in incoming.of(number) {
            least = least.min(forest.least(source, number));
        }
        semi[number as usize] = least;
        forest.label[number as usize] = least;
    }
    drop(forest);
    let mut dominator = parent;
    for number in 2..numbers as usize {
        let mut by = dominator[number];
        while by > semi[number] {
            by = dominator[by as usize];
        }
        dominator[number] = by;
    }
    dominator
}

/// Least semi-dominators along paths of the walk's tree, with path compression.
struct Forest {
    /// By number: an ancestor in the tree, such that `label` covers the path to it.
    ancestor: Vec<u32>,
    /// By number: the least semi-dominator on the path from the ancestor (not itself) down to it.
    label: Vec<u32>,
    path: Vec<u32>,
}

impl Forest {
    /// The least semi-dominator on the path from `above` (not itself, all numbers larger than it are known) down to `number`.
    #[inline]
    fn least(&mut self, number: u32, above: u32) -> u32 {
        if self.ancestor[number as usize] > above {
            self.compress(number, above);
        }
        self.label[number as usize]
    }

    fn compress(&mut self, number: u32, above: u32) {
        let mut top = number;
        while self.ancestor[top as usize] > above {
            self.path.push(top);
            top = self.ancestor[top as usize];
        }
        let ancestor = self.ancestor[top as usize];
        let mut least = self.label[top as usize];
        while let Some(below) = self.path.pop() {
            let label = &mut self.label[below as usize];
            least = least.min(*label);
            *label = least;
            self.ancestor[below as usize] = ancestor;
        }
    }
}

/// Retained size of each node: the sizes of all that it dominates, itself included.
#[must_use]
pub fn retained_sizes(dominators: &Dominators, sizes: &Wide) -> Wide {
    let mut retained = sizes.clone();
    for &node in dominators.order.iter().skip(1).rev() {
        let by = dominators.dominator[node as usize];
        retained.set(by, retained.get(by).saturating_add(retained.get(node)));
    }
    retained
}

/// Retained size of each group: what its members retain, where a member counts only if no dominator of it is one, too.
///
/// `group_of` tells each node's group, below `groups`; None for those that are no members of any.
#[must_use]
pub fn retained_by_group(
    dominators: &Dominators,
    retained: &Wide,
    groups: usize,
    group_of: impl Fn(u32) -> Option<u32>,
) -> Vec<u64> {
    let mut sums = vec![0_u64; groups];
    let Some(&root) = dominators.order.first() else { return sums };
    let tree = Children::new(dominators);
    // How many of the nodes on the way from the root are of a group.
    let mut above = vec![0_u32; groups];
    let mut node = root;
    loop {
        if let Some(group) = group_of(node) {
            if above[group as usize] == 0 {
                sums[group as usize] = sums[group as usize].saturating_add(retained.get(node));
            }
            above[group as usize] += 1;
        }
        if let Some(child) = tree.first(node) {
            node = child;
            continue;
        }
        // Up to the next node that has a sibling.
        loop {
            if let Some(group) = group_of(node) {
                above[group as usize] -= 1;
            }
            if node == root {
                return sums;
            }
            if let Some(sibling) = tree.next(node) {
                node = sibling;
                break;
            }
            node = dominators.dominator[node as usize];
        }
    }
}

/// The dominator tree downwards, as lists.
struct Children {
    first: Vec<u32>,
    next: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Children {
    fn new(dominators: &Dominators) -> Self {
        let nodes = dominators.order.len();
        let mut children = Self { first: vec![NONE; nodes], next: vec![NONE; nodes] };
        for &node in dominators.order.iter().skip(1) {
            let first = &mut children.first[dominators.dominator[node as usize] as usize];
            children.next[node as usize] = *first;
            *first = node;
        }
        children
    }

    fn first(&self, node: u32) -> Option<u32> {
        Some(self.first[node as usize]).filter(|&first| first != NONE)
    }

    fn next(&self, node: u32) -> Option<u32> {
        Some(self.next[node as usize]).filter(|&next| next != NONE)
    }
}
