//! Retained sizes, and their sums by group without counting anything twice.

use rayon::prelude::*;

use super::{Dominators, Spare, Wide, ordinal};

/// Retained size of each node: the sizes of all that it dominates, itself included. By place in [`Dominators::order`].
#[must_use]
pub fn retained_sizes(dominators: &Dominators, sizes: &Wide) -> Wide {
    let mut retained: Wide = dominators.order.iter().map(|&node| sizes.get(node)).collect();
    for place in (1..dominators.places()).rev() {
        let by = dominators.dominator[place as usize];
        retained.set(by, retained.get(by).saturating_add(retained.get(place)));
    }
    retained
}

/// Retained size of each group: what its members retain, where a member counts only if no dominator of it is one, too.
///
/// `sizes` are by node. `group_of` tells each node's group, below `groups`; None for those that are no members of any.
#[must_use]
pub fn retained_by_group(
    dominators: &Dominators,
    sizes: &Wide,
    groups: usize,
    group_of: impl Fn(u32) -> Option<u32> + Sync,
) -> Vec<u64> {
    Subtrees::new(dominators, &mut Spare::default()).retained_by_group(sizes, groups, group_of)
}

/// The dominator tree in preorder: what a node dominates follows it.
pub struct Subtrees {
    /// In preorder, two entries each: the node, and where its subtree ends.
    tree: Vec<u32>,
}

/// A member that counts, in whose subtree the sweep is.
struct Open {
    /// Where the subtree ends.
    end: u32,
    group: usize,
    /// Bytes before it.
    before: u64,
}

/// A sweep over a stretch of the tree.
struct Sweep {
    /// By group: where the subtree of the last member that counts ends. Up to there no other does.
    until: Vec<u32>,
    /// From the outermost inwards; at most one of each group.
    open: Vec<Open>,
    /// Bytes so far.
    bytes: u64,
    sums: Vec<u64>,
}

impl Subtrees {
    /// Orders the tree.
    #[must_use]
    pub fn new(dominators: &Dominators, spare: &mut Spare) -> Self {
        let nodes = dominators.order.len();
        let mut size = spare.filled(1, nodes);
        for place in (1..nodes).rev() {
            size[dominators.dominator[place] as usize] += size[place];
        }
        // Each place comes behind its dominator, which gives it the next stretch of its own: in the end, all has been given away.
        let (mut next, mut tree) = (spare.unset(nodes), spare.unset(2 * nodes));
        next.iter_mut().take(1).for_each(|root| *root = 0);
        let (pairs, _) = tree.as_chunks_mut();
        for (place, (&node, &by)) in dominators.order.iter().zip(&dominators.dominator).enumerate() {
            let stretch = &mut next[by as usize];
            let at = *stretch;
            *stretch += size[place];
            next[place] = at + 1;
            pairs[at as usize] = [node, at + size[place]];
        }
        [size, next].into_iter().for_each(|column| spare.put(column));
        Self { tree }
    }

    fn pairs(&self) -> &[[u32; 2]] {
        self.tree.as_chunks().0
    }

    /// [`retained_by_group`], of a tree that is looked at several times; on all threads of the current pool.
    #[must_use]
    pub fn retained_by_group(&self, sizes: &Wide, groups: usize, group_of: impl Fn(u32) -> Option<u32> + Sync) -> Vec<u64> {
        let tree = self.pairs();
        let piece = tree.len().div_ceil(rayon::current_num_threads()).max(1);
        let of_piece = |(number, pairs): (usize, &[[u32; 2]])| {
            let begin = ordinal(number * piece);
            let mut sweep = Sweep { until: vec![0; groups], open: Vec::new(), bytes: 0, sums: vec![0; groups] };
            self.above(begin).for_each(|at| sweep.enter(at, tree[at as usize][1], group_of(tree[at as usize][0])));
            for (at, &[node, end]) in (begin..).zip(pairs) {
                sweep.leave(at);
                sweep.enter(at, end, group_of(node));
                sweep.bytes = sweep.bytes.saturating_add(sizes.get(node));
            }
            sweep.leave(u32::MAX);
            sweep.sums
        };
        let add = |mut sums: Vec<u64>, more: Vec<u64>| {
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.saturating_add(more));
            sums
        };
        tree.par_chunks(piece).enumerate().map(of_piece).reduce(|| vec![0; groups], add)
    }

    /// The nodes above one, by place in preorder, the root first.
    fn above(&self, at: u32) -> impl Iterator<Item = u32> {
        let tree = self.pairs();
        let mut next = 0;
        std::iter::from_fn(move || {
            while next < at {
                let (place, end) = (next, tree[next as usize][1]);
                next = if end > at { place + 1 } else { end };
                if end > at {
                    return Some(place);
                }
            }
            None
        })
    }
}

impl Sweep {
    /// A subtree begins.
    #[inline]
    fn enter(&mut self, at: u32, end: u32, group: Option<u32>) {
        let Some(group) = group.map(|group| group as usize) else { return };
        if at >= self.until[group] {
            self.until[group] = end;
            self.open.push(Open { end, group, before: self.bytes });
        }
    }

    /// All subtrees that end here or before do so.
    #[inline]
    fn leave(&mut self, at: u32) {
        while let Some(Open { group, before, .. }) = self.open.pop_if(|open| open.end <= at) {
            let sum = &mut self.sums[group];
            *sum = sum.saturating_add(self.bytes - before);
        }
    }
}
