//! DevTools' Statistics view: bytes by what they are for.

use super::detached::Detachedness;
use crate::graph::{Bits, EdgeKind, Graph, NodeKind, Wide};

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

    /// Sums up a heap by sizes from [`owned_sizes`](super::owned::owned_sizes), or any others.
    #[must_use]
    pub fn new(graph: &Graph, detachedness: &Detachedness, sizes: &Wide) -> Self {
        let mut sums = Self { total: graph.extra_native_bytes, native: graph.extra_native_bytes, ..Self::default() };
        let mut by_kind = [0_u64; 256];
        for (&kind, size) in graph.kind.iter().zip(sizes.iter()) {
            let sum = &mut by_kind[usize::from(kind)];
            *sum = sum.saturating_add(size);
        }
        let add = |sum: &mut u64, size: u64| *sum = sum.saturating_add(size);
        let mut may_be_array = [false; 256];
        for ((kind, size), may_be_array) in (0..=u8::MAX).zip(by_kind).zip(&mut may_be_array) {
            add(&mut sums.total, size);
            match graph.kinds.of(kind) {
                NodeKind::Hidden => add(&mut sums.system, size),
                NodeKind::Native => add(&mut sums.native, size),
                NodeKind::Code => add(&mut sums.code, size),
                NodeKind::String | NodeKind::ConsString | NodeKind::SlicedString => add(&mut sums.strings, size),
                _ => *may_be_array = true,
            }
        }
        let array_data = super::strings_named(graph, "system / JSArrayBufferData", NodeKind::Native);
        let is_array_data = |node: u32| array_data.contains(&graph.name[node as usize]) && !detachedness.renamed(node);
        if !array_data.is_empty() {
            let natives = (0..graph.nodes()).filter(|&node| graph.kind_of(node) == NodeKind::Native);
            natives.filter(|&node| is_array_data(node)).for_each(|node| add(&mut sums.typed_arrays, sizes.get(node)));
        }
        let arrays = arrays(graph, &may_be_array);
        arrays.iter().for_each(|&array| add(&mut sums.js_arrays, sizes.get(array)));
        add(&mut sums.js_arrays, elements(graph, sizes, &arrays));
        sums
    }
}

/// The nodes named `Array`, of the types that may be.
fn arrays(graph: &Graph, may_be_array: &[bool; 256]) -> Vec<u32> {
    let mut names = Named::new(graph, "Array");
    let mut arrays = Vec::new();
    let mut named = [0; AT_ONCE];
    for (first, kinds) in (0..).step_by(AT_ONCE).zip(graph.kind.chunks(AT_ONCE)) {
        // Types follow each other without any order: a branch on them would be guessed wrong.
        let mut count = 0;
        for (node, &kind) in (first..).zip(kinds) {
            named[count] = node;
            count += usize::from(may_be_array[usize::from(kind)]);
        }
        arrays.extend(named[..count].iter().filter(|&&node| names.is(graph.name[node as usize])));
    }
    arrays
}

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
