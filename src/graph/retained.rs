//! Retained sizes, and their sums by group without counting anything twice.

use super::{Dominators, Spare, Wide};

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
    group_of: impl Fn(u32) -> Option<u32>,
) -> Vec<u64> {
    Children::new(dominators, &mut Spare::default()).retained_by_group(retained, groups, group_of)
}

impl Children<'_> {
    /// [`retained_by_group`], of a tree that is looked at several times.
    #[must_use]
    pub fn retained_by_group(&self, retained: &Wide, groups: usize, group_of: impl Fn(u32) -> Option<u32>) -> Vec<u64> {
        let (tree, dominators) = (self, self.dominators);
        let mut sums = vec![0_u64; groups];
        if dominators.order.is_empty() {
            return sums;
        }
        // How many of the nodes on the way from the root are of a group.
        let mut above = vec![0_u32; groups];
        let mut at = 0;
        loop {
            let group = group_of(dominators.order[at as usize]);
            if let Some(group) = group
                && above[group as usize] == 0
            {
                sums[group as usize] = sums[group as usize].saturating_add(retained.get(at));
            }
            if let Some(child) = tree.first(at) {
                // Only what dominates something can hide anything.
                if let Some(group) = group {
                    above[group as usize] += 1;
                }
                at = child;
                continue;
            }
            // Up to the next node that has a sibling.
            while tree.next(at).is_none() {
                at = dominators.dominator[at as usize];
                if let Some(group) = group_of(dominators.order[at as usize]) {
                    above[group as usize] -= 1;
                }
                if at == 0 {
                    return sums;
                }
            }
            at = tree.next(at).unwrap_or(0);
        }
    }
}

/// The dominator tree downwards, as lists. By place.
pub struct Children<'d> {
    dominators: &'d Dominators,
    first: Vec<u32>,
    next: Vec<u32>,
}

impl<'d> Children<'d> {
    /// Turns the tree round.
    #[must_use]
    pub fn new(dominators: &'d Dominators, spare: &mut Spare) -> Self {
        let nodes = dominators.order.len();
        // The root, 0, is nobody's child.
        let mut children = Self { dominators, first: spare.filled(0, nodes), next: spare.filled(0, nodes) };
        // From behind, so that children come in the order of places.
        for place in (1..dominators.places()).rev() {
            let by = dominators.dominator[place as usize];
            children.next[place as usize] = children.first[by as usize];
            children.first[by as usize] = place;
        }
        children
    }

    #[inline]
    fn first(&self, place: u32) -> Option<u32> {
        Some(self.first[place as usize]).filter(|&first| first != 0)
    }

    #[inline]
    fn next(&self, place: u32) -> Option<u32> {
        Some(self.next[place as usize]).filter(|&next| next != 0)
    }
}
