//! Why objects are alive: the report of `paths`.

use std::collections::BTreeMap;

use crate::graph::paths::{FanOut, Vocabulary, holders, instances, words};
use crate::graph::{Bits, Detachedness, Dominators, Graph, retained_by_group};
use crate::grouping::{FRAMES_MAX, Level};
use crate::report::{Alive, Holder, Origin, PathStep};
use crate::series::{Series, SeriesGroup};
use crate::stacks::{Frame, NOT_TRACKED};
use crate::text::safe_name;
use regex::Regex;

/// Which objects are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Those of a class.
    Class(String),
    /// The one of an id.
    Node(u64),
}

/// What `paths` is to show.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which objects.
    pub wanted: Wanted,
    /// Places shown; 0 for all.
    pub limit: usize,
    /// Steps of a path shown, the last ones; 0 for all.
    pub depth: usize,
    /// Classes through which no path leads.
    pub avoid: Option<Regex>,
}

impl Wanted {
    /// The objects meant.
    #[must_use]
    pub fn of(&self, graph: &Graph, detachedness: &Detachedness) -> Bits {
        match self {
            Self::Class(class) => instances(graph, detachedness, class),
            Self::Node(id) => {
                let mut one = Bits::new(graph.kind.len());
                (0..graph.nodes()).filter(|&node| graph.id.get(node) == *id).for_each(|node| _ = one.add(node));
                one
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Class(class) => safe_name(class).into_owned(),
            Self::Node(id) => format!("@{id}"),
        }
    }
}

/// Whether an id is that of an object in every snapshot of a process. V8 gives native nodes new ones, which are even, in each.
#[must_use]
pub fn persists(id: u64) -> bool {
    id % 2 == 1
}

/// Says why objects are alive. Objects whose ids are among `old` are left out, unless there are some whose ids do not persist.
#[must_use]
pub fn alive(graph: &Graph, options: &Options, old: Option<&std::collections::HashSet<u64>>) -> Alive {
    let detachedness = Detachedness::new(graph);
    let all = options.wanted.of(graph, &detachedness);
    let persist = || (0..graph.nodes()).filter(|&node| all.has(node)).all(|node| persists(graph.id.get(node)));
    let old = old.filter(|_| persist());
    let mut found = Bits::new(graph.kind.len());
    let (mut instances, mut old_instances, mut self_size) = (0_u64, 0_u64, 0_u64);
    for node in (0..graph.nodes()).filter(|&node| all.has(node)) {
        if old.is_some_and(|old| old.contains(&graph.id.get(node))) {
            old_instances += 1;
            continue;
        }
        found.add(node);
        instances += 1;
        self_size = self_size.saturating_add(graph.self_size.get(node));
    }
    let mut vocabulary = Vocabulary::default();
    let avoided = avoided(graph, &detachedness, options.avoid.as_ref());
    let held = holders(graph, &detachedness, &mut vocabulary, &found, |node| avoided.has(node));
    let common = class_of(graph, &detachedness, &mut vocabulary, &found);
    let class = common.clone().unwrap_or_else(|| options.wanted.text());
    let shown = if options.limit == 0 { held.places.len() } else { options.limit };
    let holder = |place: &FanOut| {
        let tree = &held.paths.tree;
        let mut path = words::steps(tree, place.at, &vocabulary);
        let mut below = words::steps(tree, place.holder.0, &vocabulary).split_off(path.len());
        if path.is_empty() && below.is_empty() {
            // The roots themselves.
            path.push(words::step(&vocabulary, place.holder.1, &class));
        } else {
            below.push(words::step(&vocabulary, place.holder.1, &class));
        }
        cut(&mut path, &mut below, options.depth);
        Holder { instances: place.instances, text: words::line(&[&path[..], &below].concat()), path, below, routes: place.routes }
    };
    let dominators = Dominators::new(graph);
    let retained = retained_by_group(&dominators, &graph.self_size, 1, |node| found.has(node).then_some(0));
    Alive {
        of: options.wanted.text(),
        class: common.map(|class| safe_name(&class).into_owned()),
        instances,
        old_instances: old.map(|_| old_instances),
        self_size,
        allocated_at: None,
        retained_size: retained.first().copied().unwrap_or(0),
        by_one_another: held.by_one_another,
        avoided: held.avoided,
        unreached: held.unreached,
        holders: held.places.iter().take(shown).map(holder).collect(),
        holders_of: held.places.len(),
    }
}

/// The stack that allocated most of the objects of a class, or most of those that are more than in the first of several snapshots.
#[must_use]
pub fn origin(series: &Series, class: &str, more: bool) -> Option<Origin> {
    let is_meant = |group: &&SeriesGroup| {
        let function = || group.kind == "closure" && class.strip_suffix("()") == Some(&group.name);
        group.stack != NOT_TRACKED && (Level::Class.key(series, group) == class || group.name == class || function())
    };
    let mut by_stack: BTreeMap<u32, u64> = BTreeMap::new();
    for group in series.groups.iter().filter(is_meant) {
        let ends = group.sums.count.first().zip(group.sums.count.last());
        let count = ends.map_or(0, |(&first, &last)| last.saturating_sub(if more { first } else { 0 }));
        *by_stack.entry(group.stack).or_default() += count;
    }
    // Of equal ones the first.
    let (stack, instances) = by_stack.into_iter().reduce(|most, stack| if stack.1 > most.1 { stack } else { most })?;
    let frames = series.stacks.frames(stack).take(FRAMES_MAX).map(Frame::safe).collect();
    (instances > 0).then_some(Origin { frames, instances })
}

/// The class that objects have in common; None if they have several.
fn class_of(graph: &Graph, detachedness: &Detachedness, vocabulary: &mut Vocabulary, found: &Bits) -> Option<String> {
    let (mut class, mut several) = (None, false);
    vocabulary.classes_of(graph, detachedness, |node, of| {
        if found.has(node) {
            several |= class.get_or_insert_with(|| of.text.clone()) != &of.text;
        }
    });
    class.filter(|_| !several)
}

/// Leaves the last steps of a path.
fn cut(path: &mut Vec<PathStep>, below: &mut Vec<PathStep>, depth: usize) {
    if depth > 0 {
        let too_many = (path.len() + below.len()).saturating_sub(depth);
        let of_path = too_many.min(path.len());
        path.drain(..of_path);
        below.drain(..too_many - of_path);
    }
}

/// The objects whose class matches.
fn avoided(graph: &Graph, detachedness: &Detachedness, avoid: Option<&Regex>) -> Bits {
    let mut avoided = Bits::new(graph.kind.len());
    if let Some(avoid) = avoid {
        let mut vocabulary = Vocabulary::default();
        vocabulary.classes_of(graph, detachedness, |node, class| {
            if avoid.is_match(&class.text) {
                avoided.add(node);
            }
        });
    }
    avoided
}
