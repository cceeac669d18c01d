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
        let array_data = super::strings_named(graph, "system / JSArrayBufferData", NodeKind::Native);
        let mut names = Named::new(graph, "Array");
        let mut arrays = Vec::new();
        for (node, size) in (0..).zip(sizes.iter()) {
            let name = graph.name[node as usize];
            sums.total = sums.total.saturating_add(size);
            let sum = match graph.kind_of(node) {
                NodeKind::Hidden => &mut sums.system,
                NodeKind::Native => {
                    if array_data.contains(&name) && !detachedness.renamed(node) {
                        sums.typed_arrays = sums.typed_arrays.saturating_add(size);
                    }
                    &mut sums.native
                }
                NodeKind::Code => &mut sums.code,
                NodeKind::String | NodeKind::ConsString | NodeKind::SlicedString => &mut sums.strings,
                _ if names.is(name) => {
                    arrays.push(node);
                    &mut sums.js_arrays
                }
                _ => continue,
            };
            *sum = sum.saturating_add(size);
        }
        sums.js_arrays = sums.js_arrays.saturating_add(elements(graph, sizes, &arrays));
        sums
    }
}

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
    let mut once = Bits::new(graph.kind.len());
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
    let mut again = Bits::new(graph.kind.len());
    for &to in &graph.to_node {
        if !once.add(to) {
            again.add(to);
        }
    }
    wanted.iter().filter(|&&node| !again.has(node)).map(|&node| sizes.get(node)).fold(0, u64::saturating_add)
}
