//! The columns of a graph while they are being filled, and the parts of them that are handed out.

/// Columns of nodes.
#[derive(Default)]
pub(super) struct NodeColumns {
    pub(super) kind: Vec<u8>,
    pub(super) name: Vec<u32>,
    pub(super) id_low: Vec<u32>,
    pub(super) id_high: Vec<u32>,
    pub(super) size_low: Vec<u32>,
    pub(super) size_high: Vec<u32>,
    pub(super) detachedness: Vec<u8>,
    pub(super) trace: Vec<u32>,
    /// Number of edges of each node, and one more place.
    pub(super) edges: Vec<u32>,
}

impl NodeColumns {
    /// Columns of zeros: nothing is taken of memory before it is written to, so the upper halves take none as long as all numbers are
    /// below 2^32.
    pub(super) fn zeros(nodes: usize, detachedness: bool, trace: bool) -> Self {
        let column = || vec![0; nodes];
        Self {
            kind: vec![0; nodes],
            name: column(),
            id_low: column(),
            id_high: column(),
            size_low: column(),
            size_high: column(),
            detachedness: if detachedness { vec![0; nodes] } else { Vec::new() },
            trace: if trace { column() } else { Vec::new() },
            edges: vec![0; nodes + 1],
        }
    }

    pub(super) fn slices(&mut self) -> NodeSlices<'_> {
        let nodes = self.kind.len();
        NodeSlices {
            kind: &mut self.kind,
            name: &mut self.name,
            id_low: &mut self.id_low,
            id_high: &mut self.id_high,
            size_low: &mut self.size_low,
            size_high: &mut self.size_high,
            detachedness: &mut self.detachedness,
            trace: &mut self.trace,
            edges: &mut self.edges[..nodes],
        }
    }
}

/// Consecutive rows of [`NodeColumns`]. Columns that are not wanted are empty.
#[derive(Default)]
pub(super) struct NodeSlices<'c> {
    pub(super) kind: &'c mut [u8],
    pub(super) name: &'c mut [u32],
    pub(super) id_low: &'c mut [u32],
    pub(super) id_high: &'c mut [u32],
    pub(super) size_low: &'c mut [u32],
    pub(super) size_high: &'c mut [u32],
    pub(super) detachedness: &'c mut [u8],
    pub(super) trace: &'c mut [u32],
    pub(super) edges: &'c mut [u32],
}

impl<'c> NodeSlices<'c> {
    /// Takes rows off the front; None if there are fewer.
    pub(super) fn split(&mut self, rows: usize) -> Option<NodeSlices<'c>> {
        Some(NodeSlices {
            kind: front(&mut self.kind, rows)?,
            name: front(&mut self.name, rows)?,
            id_low: front(&mut self.id_low, rows)?,
            id_high: front(&mut self.id_high, rows)?,
            size_low: front(&mut self.size_low, rows)?,
            size_high: front(&mut self.size_high, rows)?,
            detachedness: if self.detachedness.is_empty() { &mut [] } else { front(&mut self.detachedness, rows)? },
            trace: if self.trace.is_empty() { &mut [] } else { front(&mut self.trace, rows)? },
            edges: front(&mut self.edges, rows)?,
        })
    }
}

/// Columns of edges.
#[derive(Default)]
pub(super) struct EdgeColumns {
    pub(super) kind: Vec<u8>,
    pub(super) name: Vec<u32>,
    pub(super) to_node: Vec<u32>,
}

impl EdgeColumns {
    /// Columns of zeros.
    pub(super) fn zeros(edges: usize, names: bool) -> Self {
        let name = if names { vec![0; edges] } else { Vec::new() };
        Self { kind: vec![0; edges], name, to_node: vec![0; edges] }
    }

    pub(super) fn slices(&mut self) -> EdgeSlices<'_> {
        EdgeSlices { from: 0, kind: &mut self.kind, name: &mut self.name, to_node: &mut self.to_node }
    }
}

/// Consecutive rows of [`EdgeColumns`]. Names are empty where they are not wanted.
#[derive(Default)]
pub(super) struct EdgeSlices<'c> {
    /// Number of the first edge.
    pub(super) from: usize,
    pub(super) kind: &'c mut [u8],
    pub(super) name: &'c mut [u32],
    pub(super) to_node: &'c mut [u32],
}

impl<'c> EdgeSlices<'c> {
    /// Takes rows off the front; None if there are fewer.
    pub(super) fn split(&mut self, rows: usize) -> Option<EdgeSlices<'c>> {
        let slices = EdgeSlices {
            from: self.from,
            kind: front(&mut self.kind, rows)?,
            name: if self.name.is_empty() { &mut [] } else { front(&mut self.name, rows)? },
            to_node: front(&mut self.to_node, rows)?,
        };
        self.from += rows;
        Some(slices)
    }
}

/// Takes entries off the front of a slice; None if there are fewer.
fn front<'c, T>(slice: &mut &'c mut [T], entries: usize) -> Option<&'c mut [T]> {
    if slice.len() < entries {
        return None;
    }
    let (front, rest) = std::mem::take(slice).split_at_mut(entries);
    *slice = rest;
    Some(front)
}
