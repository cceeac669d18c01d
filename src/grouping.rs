//! Rows: the groups of a series put together by one or more levels.
//!
//! Every level is a function of a (kind, name, stack) group, so rows are sums of groups and nothing is counted twice or lost.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use crate::graph::paths::HELD_BY;
use crate::package::package;
use crate::report::{Change, Moved, Totals};
use crate::series::{Series, SeriesGroup, survived};
use crate::snapshot::{Runtime, UNTRACKED};
use crate::stacks::{Frame, OfStacks, Stacks, UNNAMED};

/// A level of grouping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The constructor, or what DevTools shows in its place; the class or type in other runtimes.
    Class,
    /// V8's node type, or the type in other runtimes' terms.
    Kind,
    /// The object's own name; strings and numbers by kind only.
    Name,
    /// The whole allocation stack; of a deep recursion the innermost [`FRAMES_MAX`] frames.
    Stack,
    /// The innermost frame of the stack that is the program's, not the runtime's.
    Site,
    /// The innermost frame of the stack.
    Function,
    /// The file of the site.
    Script,
    /// The [package](package()) that the file belongs to.
    Package,
    /// The class as Chrome DevTools forms it: `script,line,column,Class` or `,Class`. Objects without a size have none.
    DevTools,
    /// What holds the objects, where their class says little: `(array) ← Map ← Cache.entries`. Else the class.
    Owner,
}

/// What the keys of some objects are made of.
#[derive(Debug, Clone, Copy)]
pub struct Traits<'a> {
    /// Whose objects they are.
    pub runtime: Runtime,
    /// The stacks that `stack` is one of.
    pub stacks: &'a Stacks,
    /// Node type.
    pub kind: &'a str,
    /// Name.
    pub name: &'a str,
    /// Where they were allocated.
    pub stack: u32,
    /// The class as DevTools forms it, or what holds them; empty where it was not asked for, or they have none.
    pub class: &'a str,
}

impl Level {
    /// Every level, with the name `--by` knows it under.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Class, "class"),
        (Self::Kind, "kind"),
        (Self::Name, "name"),
        (Self::Stack, "stack"),
        (Self::Site, "site"),
        (Self::Function, "function"),
        (Self::Script, "script"),
        (Self::Package, "package"),
        (Self::DevTools, "devtools"),
        (Self::Owner, "owner"),
    ];

    /// Its name.
    #[must_use]
    pub fn label(self) -> &'static str {
        Self::ALL.iter().find(|(level, _)| *level == self).map_or("", |(_, label)| label)
    }

    /// The part of a stack that it goes by, if it tells where objects were allocated.
    #[must_use]
    pub fn of_stacks(self) -> Option<OfStacks> {
        match self {
            Self::Stack => Some(OfStacks::Whole),
            Self::Site | Self::Script | Self::Package => Some(OfStacks::Site),
            Self::Function => Some(OfStacks::Innermost),
            Self::Class | Self::Kind | Self::Name | Self::DevTools | Self::Owner => None,
        }
    }

    /// Whether it tells where objects were allocated.
    #[must_use]
    pub fn is_of_stack(self) -> bool {
        self.of_stacks().is_some()
    }

    /// Whether a group's key depends on its stack alone.
    #[must_use]
    pub fn goes_by_stack(self, runtime: Runtime) -> bool {
        // A summary has no stacks, but allocations without a type are named by their site.
        self.is_of_stack() && !(self == Self::Site && runtime == Runtime::Untyped)
    }

    /// Whether the objects that the rule of growth judges together are always in one row.
    #[must_use]
    pub fn keeps_judged_groups_whole(self, runtime: Runtime) -> bool {
        match self {
            Self::Class | Self::Kind => true,
            Self::Name => runtime != Runtime::Python,
            Self::Site => runtime == Runtime::Untyped,
            Self::Stack | Self::Function | Self::Script | Self::Package | Self::DevTools | Self::Owner => false,
        }
    }

    /// The level that says most about a runtime's objects.
    #[must_use]
    pub fn default_of(runtime: Runtime) -> Self {
        if runtime == Runtime::Untyped { Self::Site } else { Self::Class }
    }

    /// The raw key of a group at this level.
    #[must_use]
    pub fn key(self, series: &Series, group: &SeriesGroup) -> String {
        self.key_of(&group.traits(series))
    }

    /// The raw key of objects at this level; empty for those that have no row at [`Level::DevTools`].
    #[must_use]
    pub fn key_of(self, of: &Traits<'_>) -> String {
        let Traits { runtime, kind, name, .. } = *of;
        match self {
            Self::Class => runtime.class_name(kind, name),
            Self::Kind => kind.to_owned(),
            Self::Name if runtime.is_folded(kind) => format!("({kind})"),
            Self::Name => name.to_owned(),
            Self::Site if !self.goes_by_stack(runtime) => name.to_owned(),
            Self::DevTools => of.class.to_owned(),
            Self::Owner if of.class.is_empty() => runtime.class_name(kind, name),
            Self::Owner => format!("{}{HELD_BY}{}", runtime.class_name(kind, name), of.class),
            _ => self.stack_key(of.stacks, of.stack, |frame| of.stacks.frame_of(frame).text()),
        }
    }

    /// Whether objects have a row at this level.
    #[must_use]
    pub fn has_row(self, class: &str) -> bool {
        self != Self::DevTools || !class.is_empty()
    }

    /// The raw key of a stack at a level that tells where objects were allocated.
    fn stack_key<T: Borrow<str>>(self, stacks: &Stacks, stack: u32, text: impl Fn(u32) -> T) -> String {
        let Some(site) = stacks.site(stack) else { return UNTRACKED.to_owned() };
        match self {
            Self::Script if site.is_native() => site.text(),
            Self::Script if site.script.is_empty() => UNNAMED.to_owned(),
            Self::Script => site.script.clone(),
            Self::Package if site.is_native() => NATIVE.to_owned(),
            Self::Package => package(&site.script),
            _ => {
                let frames: Vec<T> = self.frame_numbers(stacks, stack).map(text).collect();
                frames.join(" < ")
            }
        }
    }

    /// The frames that make up a stack's key at this level, innermost first; none at levels that don't show frames.
    pub fn frames(self, stacks: &Stacks, stack: u32) -> impl Iterator<Item = &Frame> {
        self.frame_numbers(stacks, stack).map(|frame| stacks.frame_of(frame))
    }

    fn frame_numbers(self, stacks: &Stacks, stack: u32) -> impl Iterator<Item = u32> {
        let (all, one) = match self {
            Self::Stack => (FRAMES_MAX, None),
            Self::Site => (0, stacks.site_frame(stack)),
            Self::Function => (0, stacks.innermost(stack)),
            _ => (0, None),
        };
        one.into_iter().chain(stacks.frame_numbers(stack).take(all))
    }
}

/// Frames that tell whole stacks apart. V8 records no more than 64.
pub const FRAMES_MAX: usize = 256;

/// The package of stacks that hold nothing but functions of the runtime itself.
const NATIVE: &str = "[native]";

/// A key as a person reads it: an empty name is that of an anonymous function or object.
#[must_use]
pub fn printable(key: &str) -> String {
    if key.is_empty() { "(anonymous)".to_owned() } else { crate::text::safe_name(key).into_owned() }
}

/// The id of a row or group: a hash (XXH3, 64 bits) of its levels and raw keys.
#[must_use]
pub fn id(levels: &[Level], keys: &[String]) -> String {
    let mut raw = Vec::new();
    for (level, key) in levels.iter().zip(keys) {
        raw.extend_from_slice(level.label().as_bytes());
        raw.push(0x1f);
        raw.extend_from_slice(key.as_bytes());
        raw.push(0x1e);
    }
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&raw))
}

/// Groups that share a key.
#[derive(Debug, Clone)]
pub struct Row {
    /// The raw key.
    pub key: Vec<String>,
    /// Indexes of its groups in the series.
    pub members: Vec<usize>,
    /// Its sums.
    pub sums: Sums,
}

/// Sums of a set of groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sums {
    /// Number of objects, per input.
    pub count: Vec<u64>,
    /// Self sizes in bytes, per input.
    pub self_size: Vec<u64>,
    /// Objects of the last input that the first lacks.
    pub added: Moved,
    /// Objects of the first input that the last lacks.
    pub removed: Moved,
}

impl Sums {
    /// Sums over nothing, for a number of inputs.
    #[must_use]
    pub fn zero(inputs: usize) -> Self {
        Self { count: vec![0; inputs], self_size: vec![0; inputs], ..Self::default() }
    }

    /// Sums of the given groups of a series.
    #[must_use]
    pub fn of<'a>(series: &Series, groups: impl IntoIterator<Item = &'a usize>) -> Self {
        let mut sums = Self::zero(series.inputs.len());
        for &group in groups {
            sums.add(&series.groups[group].sums);
        }
        sums
    }

    /// Adds other sums of the same series.
    pub fn add(&mut self, other: &Self) {
        let add = |mine: &mut [u64], theirs: &[u64]| mine.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        add(&mut self.count, &other.count);
        add(&mut self.self_size, &other.self_size);
        for (mine, theirs) in [(&mut self.added, other.added), (&mut self.removed, other.removed)] {
            mine.count += theirs.count;
            mine.size += theirs.size;
        }
    }

    /// What is left without a part of it.
    #[must_use]
    pub fn minus(&self, part: &Self) -> Self {
        let minus = |whole: &[u64], part: &[u64]| whole.iter().zip(part).map(|(a, b)| a - b).collect();
        let moved = |whole: Moved, part: Moved| Moved { count: whole.count - part.count, size: whole.size - part.size };
        Self {
            count: minus(&self.count, &part.count),
            self_size: minus(&self.self_size, &part.self_size),
            added: moved(self.added, part.added),
            removed: moved(self.removed, part.removed),
        }
    }

    /// Last count minus first.
    #[must_use]
    pub fn count_delta(&self) -> i64 {
        delta(&self.count)
    }

    /// Last size minus first.
    #[must_use]
    pub fn size_delta(&self) -> i64 {
        delta(&self.self_size)
    }

    /// The part of a report that compares the first and the last input.
    #[must_use]
    pub fn change(&self, series: &Series) -> Change {
        let (Some(&count_last), true) = (self.count.last(), self.count.len() > 1) else { return Change::default() };
        let sizes = (self.self_size[0], self.self_size[self.self_size.len() - 1]);
        let moved = series.has_changes;
        Change {
            count_delta: Some(self.count_delta()),
            size_delta: series.has_sizes.then(|| self.size_delta()),
            added: moved.then_some(self.added),
            removed: moved.then_some(self.removed),
            survived: moved.then(|| survived(count_last, sizes, self.added, self.removed)),
        }
    }

    /// The sums as a report shows them.
    #[must_use]
    pub fn totals(&self, series: &Series) -> Totals {
        Totals { count: self.count.clone(), self_size: self.sizes(series), change: self.change(series) }
    }

    /// Self sizes, with none for the inputs that have no sizes.
    #[must_use]
    pub fn sizes(&self, series: &Series) -> Vec<Option<u64>> {
        let has_sizes = series.inputs.iter().map(|input| input.snapshot.self_size.is_some());
        self.self_size.iter().zip(has_sizes).map(|(&size, has)| has.then_some(size)).collect()
    }

    /// Change of the self size, or of the count where sizes are unknown.
    #[must_use]
    pub fn growth(&self, series: &Series) -> i64 {
        if series.has_sizes { self.size_delta() } else { self.count_delta() }
    }
}

/// Last minus first, at the limits of 63 bits where it passes them.
fn delta(values: &[u64]) -> i64 {
    let (Some(&first), Some(&last)) = (values.first(), values.last()) else { return 0 };
    let delta = i128::from(last) - i128::from(first);
    i64::try_from(delta).unwrap_or(if delta > 0 { i64::MAX } else { i64::MIN })
}

/// The rows of one level among the given groups, in the order of their keys. Their keys begin with `prefix`.
#[must_use]
pub fn rows(series: &Series, groups: &[usize], level: Level, prefix: &[String]) -> Vec<Row> {
    members(series, groups, level)
        .into_iter()
        .map(|(key, members)| Row {
            key: prefix.iter().cloned().chain([key]).collect(),
            sums: Sums::of(series, &members),
            members,
        })
        .collect()
}

/// The groups of each key, ascending.
fn members(series: &Series, groups: &[usize], level: Level) -> BTreeMap<String, Vec<usize>> {
    if level.goes_by_stack(series.runtime) {
        return by_stack_key(series, level, groups, |&group| series.groups[group].stack);
    }
    let mut members: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    // Groups that differ in their stack only lie together and have one key.
    let place = |group: usize| {
        let SeriesGroup { kind, name, class, .. } = &series.groups[group];
        (kind, name, class)
    };
    for same in groups.chunk_by(|&a, &b| place(a) == place(b)) {
        let group = &series.groups[same[0]];
        if level.has_row(&group.class) {
            members.entry(level.key(series, group)).or_default().extend_from_slice(same);
        }
    }
    members
}

/// Things that have a stack, by its key, in the given order. Many stacks share a key, which is made once for each place that tells it.
fn by_stack_key<T: Copy>(series: &Series, level: Level, things: &[T], stack: impl Fn(&T) -> u32) -> BTreeMap<String, Vec<T>> {
    const UNKNOWN: usize = usize::MAX;
    let part = level.of_stacks().unwrap_or_default();
    let mut key_of_place: Vec<usize> = Vec::new();
    let mut key_of_text: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_key: Vec<Vec<T>> = Vec::new();
    for thing in things {
        let stack = stack(thing);
        let place = series.stacks.part(stack, part) as usize;
        if place >= key_of_place.len() {
            key_of_place.resize(place + 1, UNKNOWN);
        }
        if key_of_place[place] == UNKNOWN {
            let key = level.stack_key(&series.stacks, stack, |frame| series.frame_text(frame));
            let key = *key_of_text.entry(key).or_insert(by_key.len());
            if key == by_key.len() {
                by_key.push(Vec::new());
            }
            key_of_place[place] = key;
        }
        by_key[key_of_place[place]].push(*thing);
    }
    key_of_text.into_iter().map(|(text, key)| (text, std::mem::take(&mut by_key[key]))).collect()
}

/// The stacks of each key, at a level that goes by them alone.
#[must_use]
pub fn stacks_by_key(series: &Series, stacks: &[u32], level: Level) -> BTreeMap<String, Vec<u32>> {
    by_stack_key(series, level, stacks, |&stack| stack)
}

/// The kind that holds most of a row's bytes in the last input (objects, where there are no bytes).
#[must_use]
pub fn main_kind(series: &Series, members: &[usize]) -> String {
    let mut kinds: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for &group in members {
        let group = &series.groups[group];
        let sums = kinds.entry(&group.kind).or_default();
        sums.0 += group.sums.self_size.last().copied().unwrap_or(0);
        sums.1 += group.sums.count.last().copied().unwrap_or(0);
    }
    let most = kinds.into_iter().reduce(|most, kind| if kind.1 > most.1 { kind } else { most });
    most.map_or_else(String::new, |(kind, _)| kind.to_owned())
}
