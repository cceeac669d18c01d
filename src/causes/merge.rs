//! The path trees of several snapshots as one, merged by names. Needs no ids: it works across restarts, too.

use std::collections::BTreeMap;

use super::Census;
use crate::graph::ordinal;
use crate::graph::paths::{Label, LabelKind, PathNode, ROOT, Vocabulary};

/// A path node over the series.
#[derive(Debug, Clone)]
pub(crate) struct MergedNode {
    pub(crate) parent: u32,
    pub(crate) label: Label,
    pub(crate) class: u32,
    pub(crate) depth: u8,
    pub(crate) folded: bool,
    /// Objects in each snapshot.
    pub(crate) count: Vec<u64>,
    /// Their self sizes in bytes.
    pub(crate) size: Vec<u64>,
}

/// The path nodes of a series, each behind its parent.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) nodes: Vec<MergedNode>,
    /// Snapshots.
    pub(crate) n: usize,
    /// By path node of the last snapshot: the merged one.
    pub(crate) of_last: Vec<u32>,
    /// By merged node and growing group: objects in each snapshot.
    pub(crate) groups: BTreeMap<(u32, u32), Vec<u64>>,
}

impl Merged {
    /// Merges the trees of snapshots, the last one last.
    pub(crate) fn new(censuses: &[Census], vocabulary: &Vocabulary) -> Self {
        let n = censuses.len();
        let children: Vec<Children> = censuses.iter().map(|census| Children::new(&census.nodes)).collect();
        let mut of: Vec<Vec<u32>> = censuses.iter().map(|census| vec![ROOT; census.nodes.len()]).collect();
        let root = MergedNode {
            parent: ROOT,
            label: Label::bare(LabelKind::Root),
            class: u32::MAX,
            depth: 0,
            folded: false,
            count: vec![0; n],
            size: vec![0; n],
        };
        let mut nodes = vec![root];
        // By merged node: the path nodes that are it, as (snapshot, path node).
        let mut parts: Vec<Vec<(usize, u32)>> = vec![(0..n).map(|snapshot| (snapshot, ROOT)).collect()];
        let mut next = 0;
        while next < nodes.len() {
            let mine = std::mem::take(&mut parts[next]);
            for &(snapshot, node) in &mine {
                of[snapshot][node as usize] = ordinal(next);
                let census = &censuses[snapshot];
                nodes[next].count[snapshot] += census.count[node as usize];
                nodes[next].size[snapshot] += census.size[node as usize];
                nodes[next].folded |= census.nodes[node as usize].folded;
            }
            for ((label, class), parts_of_child) in steps_from(&mine, censuses, &children, vocabulary) {
                let depth = nodes[next].depth.saturating_add(1);
                let (parent, folded) = (ordinal(next), false);
                nodes.push(MergedNode { parent, label, class, depth, folded, count: vec![0; n], size: vec![0; n] });
                parts.push(parts_of_child);
            }
            next += 1;
        }
        let mut groups: BTreeMap<(u32, u32), Vec<u64>> = BTreeMap::new();
        for (snapshot, census) in censuses.iter().enumerate() {
            for &(node, group, count) in &census.groups {
                groups.entry((of[snapshot][node as usize], group)).or_insert_with(|| vec![0; n])[snapshot] += count;
            }
        }
        Self { nodes, n, of_last: of.pop().unwrap_or_default(), groups }
    }

    pub(crate) fn node(&self, number: u32) -> &MergedNode {
        &self.nodes[number as usize]
    }

    /// How many more objects of a node the last snapshot has than the first.
    pub(crate) fn growth(&self, number: u32) -> i64 {
        growth(&self.node(number).count)
    }

    /// What two nodes must have in common to be alike: references and classes up to the nearest class of the application.
    pub(crate) fn tail(&self, mut node: u32, vocabulary: &Vocabulary) -> Vec<(Label, u32)> {
        let mut tail = Vec::new();
        while node != ROOT && tail.len() < TAIL_MAX {
            let MergedNode { parent, label, class, .. } = *self.node(node);
            tail.push((label, class));
            if vocabulary.class_of(class).is_of_application() {
                break;
            }
            node = parent;
        }
        tail
    }
}

/// Steps that are compared at most.
const TAIL_MAX: usize = 3;

/// Last less first.
pub(crate) fn growth(values: &[u64]) -> i64 {
    let difference = |a: u64, b: u64| i64::try_from(i128::from(a) - i128::from(b)).unwrap_or(i64::MAX);
    values.first().zip(values.last()).map_or(0, |(&first, &last)| difference(last, first))
}

/// What leads from the parts of a merged node, by label and class, in an order of words.
type StepParts = Vec<((Label, u32), Vec<(usize, u32)>)>;

fn steps_from(parts: &[(usize, u32)], censuses: &[Census], children: &[Children], vocabulary: &Vocabulary) -> StepParts {
    let mut by_class: BTreeMap<u32, Vec<(Label, usize, u32, bool)>> = BTreeMap::new();
    for &(snapshot, node) in parts {
        for child in children[snapshot].of(node) {
            let PathNode { label, class, folded, .. } = censuses[snapshot].nodes[child as usize];
            by_class.entry(class).or_default().push((label, snapshot, child, folded));
        }
    }
    let mut steps = StepParts::new();
    for (class, found) in by_class {
        let named: Vec<&(Label, usize, u32, bool)> = found.iter().filter(|(label, ..)| is_named(*label)).collect();
        let several = named.iter().any(|(label, ..)| *label != named[0].0);
        // Too many names, or a list or tree that has several: they are one.
        let any = several && named.iter().any(|(label, _, _, folded)| *folded || label.kind() == LabelKind::Any);
        let mut by_label: BTreeMap<u32, Vec<(usize, u32)>> = BTreeMap::new();
        for (label, snapshot, child, _) in found {
            let label = if any && is_named(label) { Label::bare(LabelKind::Any) } else { label };
            by_label.entry(label.to_bits()).or_default().push((snapshot, child));
        }
        steps.extend(by_label.into_iter().map(|(label, parts)| ((Label::from_bits(label), class), parts)));
    }
    steps.sort_by(|((a, class_a), _), ((b, class_b), _)| {
        let labels = vocabulary.label_order(*a).cmp(&vocabulary.label_order(*b));
        labels.then_with(|| vocabulary.class_order(*class_a).cmp(&vocabulary.class_order(*class_b)))
    });
    steps
}

fn is_named(label: Label) -> bool {
    matches!(label.kind(), LabelKind::Property | LabelKind::Variable | LabelKind::Internal | LabelKind::Any)
}

/// The children of each path node.
struct Children {
    first: Vec<u32>,
    all: Vec<u32>,
}

impl Children {
    fn new(nodes: &[PathNode]) -> Self {
        let mut first = vec![0; nodes.len() + 2];
        let below_root = || (0..).zip(nodes).skip(1);
        below_root().for_each(|(_, node): (u32, _)| first[node.parent as usize + 2] += 1);
        (1..first.len()).for_each(|at| first[at] += first[at - 1]);
        let mut all = vec![0; nodes.len().saturating_sub(1)];
        for (number, node) in below_root() {
            let place = &mut first[node.parent as usize + 1];
            all[*place as usize] = number;
            *place += 1;
        }
        Self { first, all }
    }

    fn of(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        self.all[self.first[node as usize] as usize..self.first[node as usize + 1] as usize].iter().copied()
    }
}
