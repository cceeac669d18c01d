//! The rows of DevTools' Comparison view.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::keys::{ClassKey, Keys};
use crate::graph::{Graph, Wide, ordinal};

/// A heap to be compared.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The heap.
    pub graph: &'a Graph,
    /// The size of each node.
    pub sizes: &'a Wide,
    /// Its classes, formed with the interfaces of the later heap.
    pub keys: &'a Keys,
}

/// What came and went of a class. Nodes without a size are not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The class.
    pub key: ClassKey,
    /// Nodes whose ids only the later heap has in the class.
    pub added: u64,
    /// Nodes whose ids only the earlier heap has in the class.
    pub removed: u64,
    /// Bytes of the added nodes.
    pub added_size: u64,
    /// Bytes of the removed nodes.
    pub removed_size: u64,
}

/// Compares class by class. A node whose id is in the class on both sides counts for nothing, even if its size changed. Classes of which
/// nothing came or went are left out.
#[must_use]
pub fn compare(base: Side<'_>, current: Side<'_>) -> Vec<Difference> {
    let objects = |side: Side<'_>| Objects::new(side, &[]);
    let (base, current) = (objects(base), objects(current));
    let mut rows: BTreeMap<&ClassKey, Difference> = BTreeMap::new();
    base.changes(&current, |change| {
        let (Change::Removed(object) | Change::Added(object)) = change;
        let key = match change {
            Change::Removed(_) => &base.classes[object.class as usize],
            Change::Added(_) => &current.classes[object.class as usize],
        };
        let new = || Difference { key: key.clone(), added: 0, removed: 0, added_size: 0, removed_size: 0 };
        let row = rows.entry(key).or_insert_with(new);
        let (count, size) = match change {
            Change::Removed(_) => (&mut row.removed, &mut row.removed_size),
            Change::Added(_) => (&mut row.added, &mut row.added_size),
        };
        *count += 1;
        *size = size.saturating_add(object.size);
    });
    rows.into_values().collect()
}

/// The nodes of a heap that have a size, by class and id: what is left of it for a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Objects {
    /// The classes, ascending.
    classes: Vec<ClassKey>,
    /// Ascending by class and id.
    objects: Vec<Object>,
}

/// A node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    class: u32,
    /// The group it counts in.
    pub group: u32,
    id: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// A node that only one of two heaps has in a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'o> {
    /// It came.
    Added(&'o Object),
    /// It went.
    Removed(&'o Object),
}

impl Objects {
    /// The nodes of a heap. `group_of` is the group of each, or empty if there are none.
    #[must_use]
    pub fn new(side: Side<'_>, group_of: &[u32]) -> Self {
        let keys = &side.keys.keys;
        let mut order: Vec<u32> = (0..ordinal(keys.len())).collect();
        order.sort_by(|&a, &b| keys[a as usize].cmp(&keys[b as usize]));
        let mut rank = vec![0; keys.len()];
        (0..).zip(&order).for_each(|(place, &key)| rank[key as usize] = place);
        let object = |node: u32| Object {
            class: rank[side.keys.of[node as usize] as usize],
            group: group_of.get(node as usize).copied().unwrap_or(0),
            id: side.graph.id.get(node),
            size: side.sizes.get(node),
        };
        let mut objects: Vec<Object> = (0..side.graph.nodes()).filter(|&node| side.sizes.get(node) > 0).map(object).collect();
        objects.sort_unstable_by_key(|object| (object.class, object.id));
        Self { classes: order.iter().map(|&key| keys[key as usize].clone()).collect(), objects }
    }

    /// Puts the nodes of each group into another.
    pub(crate) fn regroup(&mut self, new_of: &[u32]) {
        self.objects.iter_mut().for_each(|object| object.group = new_of[object.group as usize]);
    }

    /// Calls `f` with every node that only one of two heaps has in its class, this one being the earlier.
    pub fn changes<'o>(&'o self, later: &'o Self, mut f: impl FnMut(Change<'o>)) {
        // A class that both have is known by its place among the earlier ones; one of the later heap alone stands in front of a place.
        let later_class: Vec<(usize, u32)> = (0..)
            .zip(&later.classes)
            .map(|(number, key)| match self.classes.binary_search(key) {
                Ok(place) => (2 * place + 1, 0),
                Err(place) => (2 * place, number),
            })
            .collect();
        let of_earlier = |object: &Object| ((2 * object.class as usize + 1, 0), object.id);
        let of_later = |object: &Object| (later_class[object.class as usize], object.id);
        let (mut gone, mut new) = (self.objects.iter().peekable(), later.objects.iter().peekable());
        loop {
            let order = match (gone.peek(), new.peek()) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(gone), Some(new)) => of_earlier(gone).cmp(&of_later(new)),
            };
            match (gone.next_if(|_| order.is_le()), new.next_if(|_| order.is_ge())) {
                (Some(object), None) => f(Change::Removed(object)),
                (None, Some(object)) => f(Change::Added(object)),
                _ => {}
            }
        }
    }
}
