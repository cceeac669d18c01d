//! The dominator tree by the semi-NCA algorithm (Georgiadis, Tarjan and Werneck, "Finding Dominators in Practice").
//!
//! Nodes are numbered in depth-first order from 0, the root. Of the references to a node, those from smaller numbers bear on its
//! semi-dominator by their least source only; the others are kept and then sorted by target, as what is looked up for one source can then
//! be looked up for many at once: waiting for memory is most of the work. Some nodes have a million sources that all tell the same (what
//! instances of a class share): a bound of what any of them can tell ends the search after the first few. Numbers rather than ordinals
//! address all columns: what is next to each other in the walk is next to each other in memory.

use super::crossing::{Crossing, Many};
use super::essential::Rule;
use super::{Bits, Graph, Spare, ordinal, reserved};
use crate::source::{Ahead, prefetch};

/// The dominator tree of a graph. Every node is in it: what nothing leads to hangs off the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dominators {
    /// All nodes, the root first, each behind its dominator. A node's index in it is its *place*.
    pub order: Vec<u32>,
    /// By place: the place of the immediate dominator; the root's is its own.
    pub dominator: Vec<u32>,
    /// How many nodes behind the root belong to pages.
    page_nodes: usize,
    /// Further nodes that belong to pages.
    page_rest: Vec<u32>,
}

impl Dominators {
    /// Computes the dominator tree over the references that keep their target alive (`Rule`).
    ///
    /// A node that no such reference leads to counts as referenced by the root, with all that it leads to. What is left then, cycles
    /// that nothing leads to, hangs off the root node by node, and its references count for nobody else.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let mut spare = Spare::default();
        let room = Room::new(graph, &mut spare);
        Walked::new(graph, &super::essential::pages(graph), room).dominators(&mut spare)
    }

    /// Number of places, which is that of nodes.
    pub(super) fn places(&self) -> u32 {
        ordinal(self.order.len())
    }

    /// The immediate dominator of each node; the root's is itself.
    #[must_use]
    pub fn by_node(&self) -> Vec<u32> {
        let mut by_node = vec![0; self.order.len()];
        for (&node, &by) in self.order.iter().zip(&self.dominator) {
            by_node[node as usize] = self.order[by as usize];
        }
        by_node
    }

    /// The nodes that belong to pages: what can be reached over strong references from the root's shortcuts and its documents.
    #[must_use]
    pub fn page_objects(&self) -> Bits {
        let mut page = Bits::new(self.order.len());
        for &node in self.order.iter().skip(1).take(self.page_nodes).chain(&self.page_rest) {
            page.add(node);
        }
        page
    }
}

/// A graph after the walk, which is all that dominators are computed of: its edges can be let go.
pub struct Walked {
    /// Nodes of the graph.
    nodes: usize,
    /// What is known of each node: see [`State`].
    state: Vec<u32>,
    /// By number: the node.
    order: Vec<u32>,
    /// By number: the number of the node from which it was reached first; the root's is its own.
    parent: Vec<u32>,
    /// By number: the least number among the nodes that refer to it, as far as that is smaller than its own.
    semi: Vec<u32>,
    /// The edges from larger to smaller numbers.
    crossing: Crossing,
    /// Numbers up to this belong to pages.
    page_last: u32,
    /// Nodes that belong to pages, but that no essential edge from one leads to.
    page_rest: Vec<u32>,
    /// `page_rest` as a set; empty while there are none.
    page_rest_set: Bits,
}

/// The root's number.
const ROOT: u32 = 0;

/// The first number that no node has.
#[expect(clippy::cast_possible_truncation, reason = "below 2^31")]
const FIRST_APART: u32 = super::NODES_MAX as u32;

/// What the walk knows of a node: its number once it is reached, and until then where its edges begin.
#[derive(Clone, Copy)]
struct State(u32);

impl State {
    const REACHED: u32 = 1 << 31;

    /// Of a node that has not been reached. The edge is a hint: of 32 bits one is not kept.
    #[inline]
    fn waiting(first_edge: u32) -> Self {
        Self(first_edge & !Self::REACHED)
    }

    #[inline]
    fn reached(number: u32) -> Self {
        Self(number | Self::REACHED)
    }

    /// Of a node to which so many references lead that they are kept apart: numbers from [`FIRST_APART`] on are places there.
    fn kept_apart(place: u32) -> Self {
        Self::reached(FIRST_APART + place)
    }

    /// The number, if it has been reached; from [`FIRST_APART`] on it stands for a place.
    #[inline]
    fn number(self) -> Option<u32> {
        (self.0 & Self::REACHED != 0).then_some(self.0 & !Self::REACHED)
    }

    /// Where the edges begin, if it has not been reached.
    #[inline]
    fn first_edge(self) -> usize {
        self.0 as usize
    }
}

/// A depth-first walk.
struct Walk<'g> {
    graph: &'g Graph,
    walked: Walked,
    /// Nodes to go on with, and the number of the node that leads to each.
    waiting: Vec<(u32, u32)>,
    /// See [`Rule::mark_doubtful`].
    doubtful: Bits,
}

/// The columns of a walk that has not begun.
pub struct Room {
    walked: Walked,
    waiting: Vec<(u32, u32)>,
    doubtful: Bits,
    ahead: Ahead,
}

impl Room {
    /// Room for a walk over a graph.
    #[must_use]
    pub fn new(graph: &Graph, spare: &mut Spare) -> Self {
        let (nodes, edges) = (graph.kind.len(), graph.to_node.len());
        let mut ahead = Ahead::default();
        let mut by_number = || spare.take_ahead(nodes, &mut ahead);
        let walked = Walked {
            nodes,
            // The one that is looked up at random, and later written over with another such.
            state: reserved(nodes),
            order: by_number(),
            parent: by_number(),
            semi: by_number(),
            crossing: Crossing::new(nodes, edges, spare, &mut ahead),
            page_last: ROOT,
            page_rest: Vec::new(),
            page_rest_set: Bits::default(),
        };
        // Whoever maps memory while another thread takes some waits for it: all that is large is mapped before.
        Self { walked, waiting: Vec::with_capacity(nodes), doubtful: Bits::new(nodes), ahead }
    }

    /// What another thread may do to make the walk faster.
    #[must_use]
    pub(crate) fn ahead(&mut self) -> Ahead {
        std::mem::take(&mut self.ahead)
    }
}

impl Walked {
    /// Walks over a graph, which needs no names if its [`pages`](super::pages) are known.
    #[must_use]
    pub fn new(graph: &Graph, pages: &[u32], room: Room) -> Self {
        let Room { mut walked, waiting, mut doubtful, .. } = room;
        let nodes = walked.nodes;
        walked.state.extend(graph.first_edge.iter().take(nodes).map(|&edge| State::waiting(edge).0));
        Rule::mark_doubtful(graph, &mut doubtful);
        let mut walk = Walk { graph, walked, waiting, doubtful };
        if nodes > 0 {
            walk.reach(graph.root, ROOT);
            walk.page(pages);
            walk.rest();
        }
        walk.walked
    }

    /// The number of a node, if it has been reached.
    #[inline]
    fn number(&self, node: u32) -> Option<u32> {
        let number = State(self.state[node as usize]).number();
        number.map(|number| number.checked_sub(FIRST_APART).map_or(number, |place| self.crossing.kept_apart(place)))
    }

    /// The dominator tree.
    #[must_use]
    pub fn dominators(mut self, spare: &mut Spare) -> Dominators {
        let nodes = self.nodes;
        let page_rest = std::mem::take(&mut self.page_rest);
        if nodes == 0 {
            return Dominators { order: Vec::new(), dominator: Vec::new(), page_nodes: 0, page_rest };
        }
        let page_nodes = self.page_last as usize;
        let (mut order, mut dominator) = self.semi_nca(spare);
        if order.len() < nodes {
            let mut reached = Bits::new(nodes);
            order.iter().for_each(|&node| _ = reached.add(node));
            order.extend((0..ordinal(nodes)).filter(|&node| !reached.has(node)));
            dominator.resize(nodes, ROOT);
        }
        Dominators { order, dominator, page_nodes, page_rest }
    }

    /// By number: the nodes, and the number of each one's dominator.
    fn semi_nca(self, spare: &mut Spare) -> (Vec<u32>, Vec<u32>) {
        let Self { state, order, parent, mut semi, crossing, .. } = self;
        spare.put(state);
        let mut sources = crossing.by_target(spare);
        let mut links = spare.unset(2 * parent.len());
        let mut forest = Forest { links: links.as_chunks_mut().0, path: Vec::new() };
        let mut falling = Falling::default();
        for number in (1..ordinal(parent.len())).rev() {
            let (few, many) = sources.of(number);
            let mut least = semi[number as usize];
            if let Some(last) = many.as_ref().map(|many| many.last).or(few.last().copied()) {
                let floor = falling.least_up_to(last);
                if let Some(many) = many {
                    least = forest.least_of_many(&many, number, (least, floor));
                }
                least = forest.least_of(few, number, (least, floor));
            }
            semi[number as usize] = least;
            forest.links[number as usize] = [parent[number as usize], least];
            falling.put(number, least);
        }
        let mut dominator = parent;
        for number in 1..dominator.len() {
            let mut by = dominator[number];
            while by > semi[number] {
                by = dominator[by as usize];
            }
            dominator[number] = by;
        }
        sources.give(spare);
        [links, semi].into_iter().for_each(|column| spare.put(column));
        (order, dominator)
    }
}

impl Walk<'_> {
    /// Walks over pages, which comes first: references from elsewhere into a page do not count.
    fn page(&mut self, starts: &[u32]) {
        let graph = self.graph;
        for &start in starts {
            self.walk::<true>(start, ROOT);
            if start == graph.root {
                self.walked.page_rest.push(start);
            }
        }
        self.walked.page_last = ordinal(self.walked.order.len() - 1);
        self.spread_pages();
    }

    /// Finds what belongs to a page because of references that are strong, but not essential.
    fn spread_pages(&mut self) {
        let graph = self.graph;
        let mut waiting = std::mem::take(&mut self.walked.page_rest);
        if waiting.is_empty() {
            return;
        }
        self.walked.page_rest_set = Bits::new(graph.kind.len());
        while let Some(node) = waiting.pop() {
            if self.walked.number(node).is_some_and(|number| number != ROOT) || !self.walked.page_rest_set.add(node) {
                continue;
            }
            self.walked.page_rest.push(node);
            let strong = graph.edge_range(node).filter(|&edge| Rule::is_strong(graph.edge_kind[edge]));
            waiting.extend(strong.map(|edge| graph.to_node[edge]));
        }
    }

    /// Walks over everything else.
    fn rest(&mut self) {
        self.look::<false>(ROOT, self.graph.root);
        self.go_on::<false>();
        for orphan in self.orphans() {
            self.walk::<false>(orphan, ROOT);
        }
    }

    /// Gives a node the next number.
    #[inline]
    fn reach(&mut self, node: u32, from: u32) -> u32 {
        let walked = &mut self.walked;
        let number = ordinal(walked.order.len());
        walked.state[node as usize] = State::reached(number).0;
        walked.order.push(node);
        walked.parent.push(from);
        walked.semi.push(from);
        walked.crossing.reach();
        number
    }

    /// Walks over a node and all that it leads to, as far as it has no number yet.
    fn walk<const PAGE: bool>(&mut self, node: u32, parent: u32) {
        self.waiting.push((node, parent));
        self.go_on::<PAGE>();
    }

    /// Walks on until nothing waits. The edges of a node are looked at all at once, so the loads of one need not wait for another's; the
    /// one that leads on is the last that was put down.
    fn go_on<const PAGE: bool>(&mut self) {
        while let Some((node, from)) = self.waiting.pop() {
            self.ask_ahead();
            if let Some(number) = self.walked.number(node) {
                let semi = &mut self.walked.semi[number as usize];
                *semi = from.min(*semi);
            } else {
                let number = self.reach(node, from);
                self.look::<PAGE>(number, node);
            }
        }
    }

    /// Asks for what will soon be looked at, as far as it is known: its number and edges.
    #[inline]
    fn ask_ahead(&self) {
        let graph = self.graph;
        let ahead = |entries: usize| self.waiting.len().checked_sub(entries).map(|at| self.waiting[at].0 as usize);
        if let Some(node) = ahead(AHEAD) {
            prefetch(&self.walked.state, node);
            prefetch(&graph.first_edge, node);
        }
        if let Some(node) = ahead(AHEAD / 2) {
            prefetch(&graph.to_node, State(self.walked.state[node]).first_edge());
        }
    }

    /// Looks at the edges of a node: those that lead to nodes without a number wait, the others are noted.
    #[inline]
    fn look<const PAGE: bool>(&mut self, at: u32, node: u32) {
        let (graph, walked) = (self.graph, &mut self.walked);
        let edges = graph.edge_range(node);
        let rule = Rule::new(graph, node);
        let outside = !PAGE && at != ROOT && !walked.page_rest_set.has(node);
        let kinds = if self.doubtful.has(node) { &graph.edge_kind[edges.clone()] } else { &[] };
        for (edge, &to) in graph.to_node[edges].iter().enumerate() {
            let kind = kinds.get(edge);
            if !kind.map_or(to != node, |&kind| rule.counts(to, kind)) {
                if PAGE && kind.is_some_and(|&kind| Rule::is_strong(kind)) && to != node {
                    walked.page_rest.push(to);
                }
                continue;
            }
            let state = State(walked.state[to as usize]);
            let number = state.number();
            let in_page = |number: u32| number != ROOT && number <= walked.page_last;
            if outside && (number.is_some_and(in_page) || walked.page_rest_set.has(to)) {
                continue;
            }
            match number {
                None => {
                    prefetch(&graph.first_edge, to as usize);
                    prefetch(&graph.to_node, state.first_edge());
                    self.waiting.push((to, at));
                }
                // Nothing dominates the root, but what it leads to belongs to the page.
                Some(ROOT) if PAGE => walked.page_rest.push(to),
                Some(ROOT) => {}
                Some(number) if number >= FIRST_APART => {
                    let place = number - FIRST_APART;
                    let number = walked.crossing.kept_apart(place);
                    if outside && in_page(number) {
                        continue;
                    }
                    // Only the root, which may be looked at late, has a smaller number.
                    if at == ROOT {
                        walked.semi[number as usize] = ROOT;
                    } else {
                        walked.crossing.note_apart(at, place);
                    }
                }
                Some(number) if number > at => {
                    let semi = &mut walked.semi[number as usize];
                    *semi = at.min(*semi);
                }
                Some(number) => {
                    if let Some(place) = walked.crossing.note(at, number) {
                        walked.state[to as usize] = State::kept_apart(place).0;
                    }
                }
            }
        }
    }

    /// The nodes without a number to which no essential edge leads.
    fn orphans(&self) -> Vec<u32> {
        let graph = self.graph;
        if self.walked.order.len() == graph.kind.len() {
            return Vec::new();
        }
        let unreached = || (0..graph.nodes()).filter(|&node| self.walked.number(node).is_none());
        let mut led_to = Bits::new(graph.kind.len());
        for node in unreached() {
            let rule = Rule::new(graph, node);
            let outside = !self.walked.page_rest_set.has(node);
            for edge in graph.edge_range(node) {
                let to = graph.to_node[edge];
                if rule.counts(to, graph.edge_kind[edge]) && !(outside && self.walked.page_rest_set.has(to)) {
                    led_to.add(to);
                }
            }
        }
        unreached().filter(|&node| !led_to.has(node)).collect()
    }
}

/// How many entries ahead of what is walked over memory is asked for.
const AHEAD: usize = 8;

/// Sources that are looked up at once.
const AT_ONCE: usize = 32;

/// Least semi-dominators along paths of the walk's tree, with path compression.
struct Forest<'l> {
    /// By number, of all larger than the one that is looked at: an ancestor in the tree, and the least semi-dominator on the path from
    /// there (not itself) down to the number.
    links: &'l mut [[u32; 2]],
    path: Vec<u32>,
}

/// The least of what has been put under each range of numbers that begins with the last one put, which is the smallest.
#[derive(Default)]
struct Falling {
    /// Numbers and what was put under them where that is less than all under smaller numbers, from the largest number down.
    least: Vec<(u32, u32)>,
}

impl Falling {
    /// Puts something under a number smaller than all before.
    #[inline]
    fn put(&mut self, number: u32, least: u32) {
        while self.least.last().is_some_and(|&(_, other)| other >= least) {
            self.least.pop();
        }
        self.least.push((number, least));
    }

    /// The least under all numbers up to this one.
    #[inline]
    fn least_up_to(&self, number: u32) -> u32 {
        let larger = self.least.partition_point(|&(at, _)| at > number);
        self.least.get(larger).map_or(u32::MAX, |&(_, least)| least)
    }
}

impl Forest<'_> {
    /// The least semi-dominator on the paths from `above` (not itself; of all larger numbers it is known) down to the sources, or `least`.
    /// Nothing on these paths is less than `floor`: that is looked for no further.
    #[inline]
    fn least_of(&mut self, sources: &[u32], above: u32, (mut least, floor): (u32, u32)) -> u32 {
        for sources in sources.rchunks(AT_ONCE) {
            if least <= floor {
                break;
            }
            // Nothing here waits for anything else here.
            let mut known = [[0, 0]; AT_ONCE];
            for (known, &source) in known.iter_mut().zip(sources) {
                *known = self.links[source as usize];
            }
            for (&[ancestor, label], &source) in known.iter().zip(sources) {
                least = least.min(if ancestor <= above { label } else { self.least(source, above) });
            }
        }
        least
    }

    /// The same for many sources, as far as they are wanted.
    #[cold]
    fn least_of_many(&mut self, many: &Many, above: u32, (mut least, floor): (u32, u32)) -> u32 {
        let mut backwards = many.backwards();
        while least > floor {
            let mut sources = [0; AT_ONCE];
            let found = sources.iter_mut().zip(&mut backwards).map(|(place, source)| *place = source).count();
            if found == 0 {
                break;
            }
            least = self.least_of(&sources[..found], above, (least, floor));
        }
        least
    }

    /// The same for one source.
    fn least(&mut self, number: u32, above: u32) -> u32 {
        let (mut top, [mut ancestor, mut least]) = (number, self.links[number as usize]);
        while ancestor > above {
            self.path.push(top);
            top = ancestor;
            [ancestor, least] = self.links[top as usize];
        }
        while let Some(below) = self.path.pop() {
            let link = &mut self.links[below as usize];
            least = least.min(link[1]);
            *link = [ancestor, least];
        }
        least
    }
}
