//! A snapshot as analyses see it: groups with counts and sizes, and what is known of its objects' identity.

use std::collections::BTreeMap;

use crate::graph::devtools::comparison::Objects;
use crate::grouping::Traits;
use crate::heap::HeapFacts;
use crate::identity::Identity;
use crate::report::{Moved, Warning};
use crate::source_maps::SourceMaps;
use crate::stacks::{DropFrames, Frame, Stacks};

/// What one input holds.
#[derive(Debug)]
pub struct Snapshot {
    /// Name of the input format.
    pub format: &'static str,
    /// Whose objects they are.
    pub runtime: Runtime,
    /// For a summary: the format of the snapshot it stands for.
    pub origin: Option<String>,
    /// Size of the input in bytes as stored.
    pub file_bytes: u64,
    /// False for a dump that shows signs of being cut short.
    pub complete: bool,
    /// Number of objects.
    pub nodes: u64,
    /// Number of references, where the input says.
    pub edges: Option<u64>,
    /// Number of strings that a [verified](crate::input::Want::verify) V8 snapshot has; else 0.
    pub strings: u64,
    /// Sum of all self sizes in bytes; None where the input has no sizes.
    pub self_size: Option<u64>,
    /// Off-heap bytes that belong to no object, where the input says.
    pub extra_native_bytes: Option<u64>,
    /// The highest odd object id, which rises with time within a process.
    pub order_key: Option<u64>,
    /// The groups, sorted by kind, name, stack and class.
    pub groups: Vec<Group>,
    /// The stacks the groups refer to.
    pub stacks: Stacks,
    /// By stack: the objects it allocated since the recording began, dead ones too; empty where the input does not say.
    pub allocated: Vec<Moved>,
    /// What a reader of the figures has to know.
    pub warnings: Vec<Warning>,
    /// What identifies the objects, if it was asked for and the format has ids.
    pub identity: Option<Identity>,
    /// What its references tell, if they were read.
    pub heap: Option<HeapFacts>,
}

/// The objects of one kind and name and, where these were asked for, one allocation stack and one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Node type: V8's word for it, or the type in other runtimes' terms.
    pub kind: String,
    /// Name; empty for the kinds that are [one group each](Runtime::is_folded). For native nodes the class name.
    pub name: String,
    /// Where they were allocated.
    pub stack: u32,
    /// The class as DevTools forms it, or what holds the objects; empty where it was not asked for, and of objects that have none.
    pub class: String,
    /// Number of objects.
    pub count: u64,
    /// Self sizes in bytes (or the other sizes that were asked for); 0 where the input has no sizes.
    pub self_size: u64,
}

impl Snapshot {
    /// A snapshot without objects.
    #[must_use]
    pub fn new(format: &'static str, runtime: Runtime) -> Self {
        Self {
            format,
            runtime,
            origin: None,
            file_bytes: 0,
            complete: true,
            nodes: 0,
            edges: None,
            strings: 0,
            self_size: Some(0),
            extra_native_bytes: None,
            order_key: None,
            groups: Vec::new(),
            stacks: Stacks::default(),
            allocated: Vec::new(),
            warnings: Vec::new(),
            identity: None,
            heap: None,
        }
    }

    /// The format of the objects described; for a summary that of the snapshot it stands for.
    #[must_use]
    pub fn kind_of_input(&self) -> &str {
        self.origin.as_deref().unwrap_or(self.format)
    }

    /// Its objects by class and id, if they were asked for.
    pub(crate) fn objects(&self) -> Option<&Objects> {
        self.heap.as_ref()?.objects.as_ref()
    }

    /// Notes that the input ends before its end: what was cut in the middle was left out.
    pub(crate) fn cut_at(&mut self, offset: u64) {
        self.complete = false;
        let message =
            format!("the file is cut short at byte {}: it was read up to its last whole record", crate::text::count(offset));
        self.warnings.push(Warning { code: "cut-short".to_owned(), message, input: None });
    }

    /// Puts frames in their sources and takes those of the recording off all stacks, names allocations without a type by their site,
    /// and puts groups that are now the same together. Returns where each group is now.
    pub(crate) fn settle(&mut self, maps: Option<&SourceMaps>, drop: Option<&DropFrames>) -> Vec<u32> {
        if let Some(maps) = maps {
            let (stacks, numbers, replaced) = self.stacks.replaced(|frame| maps.resolve(frame));
            if replaced == 0 && !stacks.is_empty() {
                let message = "no source map is of a script in the allocation stacks".to_owned();
                self.warnings.push(Warning { code: "source-maps-unused".to_owned(), message, input: None });
            }
            self.stacks = stacks;
            self.renumber_stacks(&numbers);
        }
        if let Some(drop) = drop {
            let kept = self.stacks.without(drop);
            self.renumber_stacks(&kept);
        }
        if self.runtime == Runtime::Untyped {
            for group in self.groups.iter_mut().filter(|group| group.name.is_empty()) {
                group.name = self.stacks.site(group.stack).map_or_else(|| UNTRACKED.to_owned(), Frame::text);
            }
        }
        if maps.is_some() || drop.is_some() || self.runtime == Runtime::Untyped {
            return self.merge_equal_groups();
        }
        (0..).take(self.groups.len()).collect()
    }

    fn renumber_stacks(&mut self, numbers: &[u32]) {
        self.groups.iter_mut().for_each(|group| group.stack = numbers[group.stack as usize]);
        let stacks = if self.allocated.is_empty() { 0 } else { self.stacks.len() };
        let mut allocated = vec![Moved::default(); stacks];
        for (moved, &stack) in self.allocated.iter().zip(numbers) {
            allocated[stack as usize].add(*moved);
        }
        self.allocated = allocated;
    }

    /// Returns where each group is now.
    fn merge_equal_groups(&mut self) -> Vec<u32> {
        let key = |group: &Group| (group.kind.clone(), group.name.clone(), group.stack, group.class.clone());
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        order.sort_by_cached_key(|&group| key(&self.groups[group]));
        let mut merged: Vec<Group> = Vec::with_capacity(order.len());
        let mut new_of = vec![0; order.len()];
        for old in order {
            let group = &self.groups[old];
            match merged.last_mut().filter(|last| key(last) == key(group)) {
                Some(last) => {
                    last.count += group.count;
                    last.self_size += group.self_size;
                }
                None => merged.push(group.clone()),
            }
            new_of[old] = u32::try_from(merged.len() - 1).unwrap_or(u32::MAX);
        }
        self.groups = merged;
        if let Some(identity) = &mut self.identity {
            identity.regroup(&new_of, self.groups.len());
        }
        if let Some(objects) = self.heap.as_mut().and_then(|heap| heap.objects.as_mut()) {
            objects.regroup(&new_of);
        }
        new_of
    }
}

impl Group {
    /// What its keys are made of, in a snapshot.
    #[must_use]
    pub fn traits<'a>(&'a self, runtime: Runtime, stacks: &'a Stacks) -> Traits<'a> {
        Traits { runtime, stacks, kind: &self.kind, name: &self.name, stack: self.stack, class: &self.class }
    }
}

/// Groups while they are counted.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    groups: BTreeMap<(String, String, u32), (u64, u64)>,
    nodes: u64,
    self_size: u64,
}

impl Histogram {
    /// Adds objects of one kind, name and stack.
    ///
    /// # Errors
    /// What adds up to more than 64 bits hold.
    pub(crate) fn add(&mut self, kind: &str, name: &str, stack: u32, count: u64, self_size: u64) -> Result<(), String> {
        self.nodes = self.nodes.checked_add(count).ok_or("the counts add up to more than 2^64")?;
        self.self_size = self.self_size.checked_add(self_size).ok_or("the sizes add up to more than 2^64 bytes")?;
        let sums = self.groups.entry((kind.to_owned(), name.to_owned(), stack)).or_default();
        *sums = (sums.0 + count, sums.1 + self_size);
        Ok(())
    }

    /// Number of objects and sum of their self sizes so far.
    pub(crate) fn sums(&self) -> (u64, u64) {
        (self.nodes, self.self_size)
    }

    /// The snapshot that holds what was counted.
    pub(crate) fn snapshot(self, format: &'static str, runtime: Runtime, stacks: Stacks) -> Snapshot {
        let group =
            |((kind, name, stack), (count, self_size))| Group { kind, name, stack, class: String::new(), count, self_size };
        Snapshot {
            nodes: self.nodes,
            self_size: Some(self.self_size),
            groups: self.groups.into_iter().map(group).collect(),
            stacks,
            ..Snapshot::new(format, runtime)
        }
    }
}

/// Key of objects whose allocation was not recorded, at levels that tell where.
pub const UNTRACKED: &str = "[not tracked]";

/// Kind of the one group of all objects that were not allocated in the wanted range of time: it counts in totals and is no row.
pub const OUTSIDE: &str = "[outside]";

/// Whose objects a snapshot holds; says what kinds and names mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// V8, and what writes its format.
    V8,
    /// CPython: the kind is the type, the name the class or, where asked for, the name of a module, function, frame or class.
    Python,
    /// Ruby: the kind is the type of `ObjectSpace`, the name the class.
    Ruby,
    /// The JVM: the name is the class.
    Java,
    /// Allocations without a type; the name is their site.
    Untyped,
}

impl Runtime {
    /// The class of a (kind, name) group: in V8 the row DevTools' Summary view would put it in, with the unambiguous names of
    /// Chrome 116 and earlier for closures and regular expressions.
    #[must_use]
    pub fn class_name(self, kind: &str, name: &str) -> String {
        match (self, kind) {
            (Self::V8, "object" | "native") => name.to_owned(),
            (Self::V8, "hidden") => "(system)".to_owned(),
            (Self::V8, "code") => "(compiled code)".to_owned(),
            (Self::V8 | Self::Untyped, _) => format!("({kind})"),
            (Self::Python, kind) => python_class(kind, name).to_owned(),
            (Self::Ruby | Self::Java, _) => name.to_owned(),
        }
    }

    /// Whether all objects of a kind are one group with an empty name: their names are contents, not types.
    #[must_use]
    pub fn is_folded(self, kind: &str) -> bool {
        self == Self::V8 && is_folded(kind)
    }

    /// Kind and name under which the rule of growth judges a group. Its tables of kinds are V8's; other types go by their names.
    #[must_use]
    pub fn judged<'g>(self, kind: &'g str, name: &'g str) -> (&'g str, &'g str) {
        match self {
            Self::V8 => (kind, name),
            Self::Python => ("type", python_class(kind, name)),
            Self::Ruby | Self::Java => ("type", name),
            Self::Untyped => ("site", name),
        }
    }
}

/// The class of a Python object: its type, unless the name tells more, as of an instance of an old-style class or an empty container.
fn python_class<'g>(kind: &'g str, name: &'g str) -> &'g str {
    if kind == "instance" || name.strip_prefix(kind) == Some(" (empty)") { name } else { kind }
}

/// Whether all nodes of one of V8's kinds are one group with an empty name.
#[must_use]
pub fn is_folded(kind: &str) -> bool {
    matches!(kind, "string" | "concatenated string" | "sliced string" | "number" | "heap number" | "bigint" | "symbol" | "regexp")
}

/// The group name of a native node: a tag without its attributes, with "Detached " in front where its own detachedness says so.
#[must_use]
pub fn native_name(name: &str, detached: bool) -> String {
    let (prefix, bare) = match name.strip_prefix("Detached ") {
        Some(bare) => ("Detached ", bare),
        None => (if detached { "Detached " } else { "" }, name),
    };
    match bare.split_once(' ') {
        Some((tag, _)) if tag.starts_with('<') => format!("{prefix}{tag}>"),
        _ => format!("{prefix}{bare}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_names_are_classes() {
        assert_eq!(native_name("<section id=\"w0\">", false), "<section>");
        assert_eq!(native_name("<section id=\"w0\">", true), "Detached <section>");
        assert_eq!(native_name("Detached <a href=x>", false), "Detached <a>");
        assert_eq!(native_name("<b>", false), "<b>");
        assert_eq!(native_name("system / Context", false), "system / Context");
        assert_eq!(native_name("", false), "");
    }
}
