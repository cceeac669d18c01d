//! Objects that changed their path between snapshots: what one path node lost and a like one gained is one node again.

use std::collections::BTreeMap;

use super::merge::Merged;
use crate::graph::paths::Vocabulary;

/// Nodes of fewer objects are left as they are.
const OBJECTS_MIN: u64 = 4;

/// Puts the counts of nodes that are alike into one of them, where one lost what another gained and their sum rises at every step.
/// Returns, by node, where its objects count now.
pub(crate) fn undo(merged: &mut Merged, vocabulary: &Vocabulary) -> Vec<u32> {
    let mut alias: Vec<u32> = (0..).take(merged.nodes.len()).collect();
    let jumping: Vec<u32> = (1..).take(merged.nodes.len() - 1).filter(|&node| jumps(&merged.node(node).count)).collect();
    // Words, not numbers, put the alike in an order.
    let mut alike: BTreeMap<Vec<(u32, u32)>, Vec<u32>> = BTreeMap::new();
    for node in jumping {
        let tail = merged.tail(node, vocabulary).into_iter().map(|(label, class)| (label.to_bits(), class)).collect();
        alike.entry(tail).or_default().push(node);
    }
    for nodes in alike.into_values().filter(|nodes| nodes.len() > 1) {
        let counts = |node: u32| &merged.node(node).count;
        let sum: Vec<u64> = (0..merged.n).map(|at| nodes.iter().map(|&node| counts(node)[at]).sum()).collect();
        let flips = (1..merged.n).any(|at| {
            let moved = |from: usize, to: usize| nodes.iter().any(|&node| is_jump(counts(node), from, to));
            moved(at - 1, at) && moved(at, at - 1)
        });
        if !flips || !sum.windows(2).all(|pair| pair[1] > pair[0]) {
            continue;
        }
        // The one that has most in the end, of equal ones the first.
        let most = nodes.iter().copied().reduce(|most, node| if counts(node).last() > counts(most).last() { node } else { most });
        let Some(most) = most else { continue };
        for node in nodes.into_iter().filter(|&node| node != most) {
            alias[node as usize] = most;
            let count = std::mem::replace(&mut merged.nodes[node as usize].count, vec![0; merged.n]);
            let size = std::mem::replace(&mut merged.nodes[node as usize].size, vec![0; merged.n]);
            let into = &mut merged.nodes[most as usize];
            into.count.iter_mut().zip(count).for_each(|(sum, more)| *sum += more);
            into.size.iter_mut().zip(size).for_each(|(sum, more)| *sum += more);
        }
    }
    let groups = std::mem::take(&mut merged.groups);
    for ((node, group), counts) in groups {
        let sums = merged.groups.entry((alias[node as usize], group)).or_insert_with(|| vec![0; counts.len()]);
        sums.iter_mut().zip(counts).for_each(|(sum, more)| *sum += more);
    }
    alias
}

fn jumps(counts: &[u64]) -> bool {
    (1..counts.len()).any(|at| is_jump(counts, at - 1, at) || is_jump(counts, at, at - 1))
}

/// Whether half of the most a node ever has comes between two snapshots.
fn is_jump(counts: &[u64], before: usize, after: usize) -> bool {
    let most = counts.iter().max().copied().unwrap_or(0);
    most >= OBJECTS_MIN && counts[after] > counts[before] && (counts[after] - counts[before]) * 2 >= most
}
