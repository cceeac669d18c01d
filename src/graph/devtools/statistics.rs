//! DevTools' Statistics view: bytes by what they are for.

use rayon::prelude::*;

use super::detached::Detachedness;
use crate::graph::{Bits, EdgeKind, Graph, NodeKind, Wide, ordinal};

/// Bytes by what they are for. Every node counts once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// All nodes, and what belongs to no node.
    pub total: u64,
    /// Outside the JavaScript heap, what belongs to no node included.
    pub native: u64,
    /// The part of `native` that is contents of typed arrays.
    pub typed_arrays: u64,
    /// Compiled code.
    pub code: u64,
    /// Strings of all kinds.
    pub strings: u64,
    /// Arrays with their elements.
    pub js_arrays: u64,
    /// The virtual machine's own objects.
    pub system: u64,
}

impl Statistics {
    /// Inside the JavaScript heap.
    #[must_use]
    pub fn v8_heap(&self) -> u64 {
        self.total - self.native
    }

    /// Sums up a heap by sizes from [`owned_sizes`](super::owned::owned_sizes), or any others; on all threads of the current pool.
    #[must_use]
    pub fn new(graph: &Graph, detachedness: &Detachedness, sizes: &Wide) -> Self {
        let mut sums = Self { total: graph.extra_native_bytes, native: graph.extra_native_bytes, ..Self::default() };
        let add = |sum: &mut u64, size: u64| *sum = sum.saturating_add(size);
        let (by_kind, arrays) = by_kind(graph, sizes);
        for (kind, size) in (0..=u8::MAX).zip(by_kind) {
            add(&mut sums.total, size);
            sums.part(graph.kinds.of(kind)).into_iter().for_each(|sum| add(sum, size));
        }
        let array_data = super::strings_named(graph, "system / JSArrayBufferData", NodeKind::Native);
        let is_array_data = |node: u32| array_data.contains(&graph.name[node as usize]) && !detachedness.renamed(node);
        if !array_data.is_empty() {
            let natives = (0..graph.nodes()).filter(|&node| graph.kind_of(node) == NodeKind::Native);
            natives.filter(|&node| is_array_data(node)).for_each(|node| add(&mut sums.typed_arrays, sizes.get(node)));
        }
        arrays.iter().for_each(|&array| add(&mut sums.js_arrays, sizes.get(array)));
        add(&mut sums.js_arrays, elements(graph, sizes, &arrays));
        sums
    }
}

impl Statistics {
    /// What all nodes of a type count as; None if that depends on their names.
    fn part(&mut self, kind: NodeKind) -> Option<&mut u64> {
        match kind {
            NodeKind::Hidden => Some(&mut self.system),
            NodeKind::Native => Some(&mut self.native),
            NodeKind::Code => Some(&mut self.code),
            NodeKind::String | NodeKind::ConsString | NodeKind::SlicedString => Some(&mut self.strings),
            _ => None,
        }
    }
}

/// Bytes by type, and the nodes named `Array` of the types that may be.
fn by_kind(graph: &Graph, sizes: &Wide) -> ([u64; 256], Vec<u32>) {
    let may_be_array: [bool; 256] = std::array::from_fn(|kind| {
        u8::try_from(kind).is_ok_and(|kind| Statistics::default().part(graph.kinds.of(kind)).is_none())
    });
    // Many more pieces than threads: one that comes late, from other work, takes its part of them.
    let piece = graph.kind.len().div_ceil(PIECES).next_multiple_of(AT_ONCE).max(AT_ONCE);
    let count = |(number, kinds): (usize, &[u8])| {
        let (mut by_kind, mut arrays) = ([0_u64; 256], Vec::<u32>::new());
        let mut names = Named::new(graph, "Array");
        let mut named = [0; AT_ONCE];
        for (first, kinds) in (ordinal(number * piece)..).step_by(AT_ONCE).zip(kinds.chunks(AT_ONCE)) {
            // Types follow each other without any order: a branch on them would be guessed wrong.
            let mut count = 0;
            for (node, &kind) in (first..).zip(kinds) {
                let sum = &mut by_kind[usize::from(kind)];
                *sum = sum.saturating_add(sizes.get(node));
                named[count] = node;
                count += usize::from(may_be_array[usize::from(kind)]);
            }
            arrays.extend(named[..count].iter().filter(|&&node| names.is(graph.name[node as usize])));
        }
        (by_kind, arrays)
    };
    let counted: Vec<_> = graph.kind.par_chunks(piece).enumerate().with_max_len(1).map(count).collect();
    let mut all = ([0_u64; 256], Vec::new());
    for (by_kind, arrays) in counted {
        all.0.iter_mut().zip(by_kind).for_each(|(sum, size)| *sum = sum.saturating_add(size));
        all.1.extend(arrays);
    }
    all
}

/// Pieces that the nodes are looked at in.
const PIECES: usize = 16;

/// Nodes whose types are looked at at once.
const AT_ONCE: usize = 1024;

/// Which strings are a text; each is looked at once.
struct Named<'g> {
    graph: &'g Graph,
    text: &'static str,
    seen: Bits,
    equal: Bits,
}

impl<'g> Named<'g> {
    fn new(graph: &'g Graph, text: &'static str) -> Self {
        let none = || Bits::new(graph.strings.count() as usize);
        Self { graph, text, seen: none(), equal: none() }
    }

    #[inline]
    fn is(&mut self, name: u32) -> bool {
        if self.seen.add(name) && self.graph.strings.get(name) == self.text {
            self.equal.add(name);
        }
        self.equal.has(name)
    }
}

/// Bytes of the arrays' elements that nothing else refers to.
fn elements(graph: &Graph, sizes: &Wide, arrays: &[u32]) -> u64 {
    let mut names = Named::new(graph, "elements");
    let mut wanted: Vec<u32> = Vec::new();
    for &array in arrays {
        let is_elements = |&edge: &usize| match graph.edge_name.get(edge) {
            Some(&name) => graph.edge(edge).kind == EdgeKind::Internal && names.is(name),
            None => graph.edge_kind[edge] & Graph::ELEMENTS != 0,
        };
        let found = graph.edge_range(array).find(is_elements).map(|edge| graph.edge(edge));
        // What has no size adds nothing: the usual case, as its size is the array's already.
        wanted.extend(found.map(|edge| edge.to).filter(|&to| sizes.get(to) > 0));
    }
    if wanted.is_empty() {
        return 0;
    }
    let mut candidates = Bits::new(graph.kind.len());
    wanted.iter().for_each(|&node| _ = candidates.add(node));
    let (mut once, mut again) = (Bits::new(graph.kind.len()), Bits::new(graph.kind.len()));
    for &to in graph.to_node.iter().filter(|&&to| candidates.has(to)) {
        if !once.add(to) {
            again.add(to);
        }
    }
    wanted.iter().filter(|&&node| !again.has(node)).map(|&node| sizes.get(node)).fold(0, u64::saturating_add)
}
