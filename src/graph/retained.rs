//! Retained sizes, and their sums by group without counting anything twice.

use rayon::prelude::*;

use super::{Dominators, Spare, Wide, ordinal};

/// Retained size of each node: the sizes of all that it dominates, itself included. By place in [`Dominators::order`].
#[must_use]
pub fn retained_sizes(dominators: &Dominators, sizes: &Wide) -> Wide {
    retained_sizes_in(dominators, sizes, &mut Spare::default())
}

/// The same, in spare memory.
#[must_use]
pub fn retained_sizes_in(dominators: &Dominators, sizes: &Wide, spare: &mut Spare) -> Wide {
    let mut retained = sizes.picked(&dominators.order, spare);
    for place in (1..dominators.places()).rev() {
        let by = dominators.dominator[place as usize];
        retained.set(by, retained.get(by).saturating_add(retained.get(place)));
    }
    retained
}

/// Retained size of each group: what its members retain, where a member counts only if no dominator of it is one, too.
///
/// `retained` is by place, as [`retained_sizes`] gives it. `group_of` tells each node's group, below `groups`; None for those that are
/// no members of any.
#[must_use]
pub fn retained_by_group(
    dominators: &Dominators,
    retained: &Wide,
    groups: usize,
    group_of: impl Fn(u32) -> Option<u32> + Sync,
) -> Vec<u64> {
    Subtrees::new(dominators, &mut Spare::default()).retained_by_group(retained, groups, group_of)
}

/// The dominator tree in preorder: what a node dominates follows it.
pub struct Subtrees<'d> {
    dominators: &'d Dominators,
    /// The places in preorder.
    places: Vec<u32>,
    /// By place: where in preorder the subtree ends.
    end: Vec<u32>,
}

impl<'d> Subtrees<'d> {
    /// Orders the tree.
    #[must_use]
    pub fn new(dominators: &'d Dominators, spare: &mut Spare) -> Self {
        let nodes = dominators.order.len();
        let mut size = spare.filled(1, nodes);
        for place in (1..nodes).rev() {
            size[dominators.dominator[place] as usize] += size[place];
        }
        // Each place comes behind its dominator, which gives it the next stretch of its own: in the end, all has been given away.
        let (mut places, mut end) = (spare.filled(0, nodes), spare.filled(0, nodes));
        end.iter_mut().take(1).for_each(|root| *root = 1);
        for place in 1..nodes {
            let by = &mut end[dominators.dominator[place] as usize];
            let at = *by;
            *by += size[place];
            end[place] = at + 1;
            places[at as usize] = ordinal(place);
        }
        Self { dominators, places, end }
    }

    /// [`retained_by_group`], of a tree that is looked at several times; on all threads of the current pool.
    #[must_use]
    pub fn retained_by_group(&self, retained: &Wide, groups: usize, group_of: impl Fn(u32) -> Option<u32> + Sync) -> Vec<u64> {
        let group = |place: u32| group_of(self.dominators.order[place as usize]).map(|group| group as usize);
        let piece = self.places.len().div_ceil(rayon::current_num_threads()).max(1);
        let of_piece = |(number, places): (usize, &[u32])| {
            // Where the subtree of the member that counts ends: up to there no other does.
            let mut until = vec![0; groups];
            self.above(places[0])
                .for_each(|place| group(place).into_iter().for_each(|group| until[group] = self.end[place as usize]));
            let mut sums = vec![0_u64; groups];
            for (at, &place) in (ordinal(number * piece)..).zip(places) {
                if let Some(group) = group(place)
                    && at >= until[group]
                {
                    until[group] = self.end[place as usize];
                    sums[group] = sums[group].saturating_add(retained.get(place));
                }
            }
            sums
        };
        let add = |mut sums: Vec<u64>, more: Vec<u64>| {
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.saturating_add(more));
            sums
        };
        self.places.par_chunks(piece).enumerate().map(of_piece).reduce(|| vec![0; groups], add)
    }

    /// The places above one, the root last.
    fn above(&self, place: u32) -> impl Iterator<Item = u32> {
        let by = |place: u32| self.dominators.dominator[place as usize];
        std::iter::successors(Some(place), move |&place| Some(by(place)).filter(|_| place != 0)).skip(1)
    }
}
