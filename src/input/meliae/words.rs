//! What paths call the objects and references of a dump.
//!
//! A dump has neither names of references nor costs. Both follow from the order in which CPython visits what an object refers to: an
//! instance its slots, its attributes, its class; a dictionary each key before its value, where keys are not all strings or Python is of
//! version 2; a function its code, then its globals. Values have a name only in dictionaries of attributes: keys of others are contents.

use std::collections::HashMap;

use super::groups::Groups;
use crate::graph::{Bits, EdgeKind, Graph, ordinal};
use crate::snapshot::Runtime;

/// What a record says beside its type: it has a name of its own.
pub(super) const NAMED: u8 = 1;
/// It is a dictionary whose keys are among its references.
pub(super) const PAIRED: u8 = 2;

/// What the type of an object means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Module,
    Frame,
    Function,
    Dict,
    /// An instance of an old-style class of Python 2.
    OldInstance,
    Text,
    Other,
}

impl Shape {
    fn of(kind: &str) -> Self {
        match kind {
            "module" => Self::Module,
            "frame" => Self::Frame,
            "function" => Self::Function,
            "dict" => Self::Dict,
            "instance" => Self::OldInstance,
            "str" | "unicode" => Self::Text,
            _ => Self::Other,
        }
    }
}

/// The records of a dump, by ordinal.
pub(super) struct Records<'r> {
    /// Group, as a worker numbers it.
    pub(super) group: &'r [u32],
    /// Text that it goes by.
    pub(super) name: &'r [u32],
    /// [`NAMED`] and [`PAIRED`].
    pub(super) facts: &'r [u8],
    /// References, as in a [`Graph`]; those of the root come last.
    pub(super) first_edge: &'r [u32],
    pub(super) to_node: &'r [u32],
    /// Position of each among the references of its record.
    pub(super) position: &'r [u32],
}

/// The columns of a [`Graph`] that hold words.
pub(super) struct Columns {
    pub(super) name: Vec<u32>,
    pub(super) class: Vec<u32>,
    pub(super) edge_kind: Vec<u8>,
    pub(super) edge_name: Vec<u32>,
}

/// Finds the words.
pub(super) fn words(records: Records<'_>, groups: &mut Groups) -> Columns {
    let shapes: Vec<Shape> = groups.kinds().map(Shape::of).collect();
    let kind_texts = groups.kind_texts();
    let classes = groups.classes(|kind, name| Runtime::Python.class_name(kind, name));
    let mut naming = Naming { records, shapes, kind_texts, groups, texts: HashMap::new() };
    let mut columns = naming.edges();
    (columns.name, columns.class) = naming.nodes(&classes);
    columns
}

struct Naming<'r, 'g> {
    records: Records<'r>,
    /// By number of a type.
    shapes: Vec<Shape>,
    /// By number of a type: the number of its text.
    kind_texts: Vec<u32>,
    groups: &'g mut Groups,
    /// By shape and name: the number of what a path says.
    texts: HashMap<(u8, u32), u32>,
}

/// An object's attributes, as a reference.
const ATTRIBUTES: &str = "__dict__";
const CLASS: &str = "__class__";
const GLOBALS: &str = "__globals__";
/// The dictionaries of a running call.
const LOCALS: &str = "f_locals";
/// To a key of a dictionary.
const KEY: &str = crate::graph::paths::KEY;
/// Where a function's globals stand among its references.
const GLOBALS_AT: u32 = 1;

impl Naming<'_, '_> {
    fn kind(&self, node: u32) -> Option<usize> {
        Some(self.groups.kind_of(*self.records.group.get(node as usize)?) as usize)
    }

    fn shape(&self, node: u32) -> Shape {
        self.kind(node).and_then(|kind| self.shapes.get(kind)).copied().unwrap_or(Shape::Other)
    }

    fn is(&self, node: u32, fact: u8) -> bool {
        self.records.facts.get(node as usize).is_some_and(|facts| facts & fact != 0)
    }

    fn is_class(&self, node: u32) -> bool {
        self.is(node, NAMED) && self.shape(node) == Shape::Other
    }

    /// Whether an object is of a class.
    fn is_of(&self, node: u32, class: u32) -> bool {
        let kind = self.kind(node).and_then(|kind| self.kind_texts.get(kind));
        let same = || self.shape(node) == Shape::Other && self.records.name.get(class as usize) == kind;
        self.is_class(class) && (self.shape(node) == Shape::OldInstance || same())
    }

    fn edges_of(&self, node: u32) -> std::ops::Range<usize> {
        self.records.first_edge[node as usize] as usize..self.records.first_edge[node as usize + 1] as usize
    }

    /// Whether a reference is to the attributes of its source.
    fn is_to_attributes(&self, node: u32, edge: usize) -> bool {
        let to = self.records.to_node[edge];
        if self.shape(to) != Shape::Dict {
            return false;
        }
        match self.shape(node) {
            Shape::Module | Shape::OldInstance => true,
            Shape::Other if self.is_class(node) => true,
            // The class comes next.
            Shape::Other => {
                let next = self.edges_of(node).contains(&(edge + 1)).then(|| self.records.to_node[edge + 1]);
                next.is_some_and(|next| self.is_of(node, next))
            }
            _ => false,
        }
    }

    /// The dictionaries that hold attributes or variables, and those of modules.
    fn attributes(&self) -> (Bits, Bits) {
        let nodes = self.records.group.len();
        let (mut attributes, mut of_modules) = (Bits::new(nodes), Bits::new(nodes));
        for node in 0..ordinal(nodes) {
            let shape = self.shape(node);
            for edge in self.edges_of(node) {
                let to = self.records.to_node[edge];
                if self.is_to_attributes(node, edge) || shape == Shape::Frame && self.shape(to) == Shape::Dict {
                    attributes.add(to);
                    if shape == Shape::Module {
                        of_modules.add(to);
                    }
                }
            }
        }
        (attributes, of_modules)
    }

    fn edges(&mut self) -> Columns {
        let (attributes, of_modules) = self.attributes();
        let mut edge_kind = Vec::with_capacity(self.records.to_node.len());
        let mut edge_name = Vec::with_capacity(self.records.to_node.len());
        let [own, class, globals, locals, key] = [ATTRIBUTES, CLASS, GLOBALS, LOCALS, KEY].map(|text| self.groups.text(text));
        for node in 0..ordinal(self.records.group.len()) {
            let shape = self.shape(node);
            let named = shape == Shape::Dict && attributes.has(node);
            for edge in self.edges_of(node) {
                let (to, position) = (self.records.to_node[edge], self.records.position[edge]);
                let is_dict = self.shape(to) == Shape::Dict;
                let internal = |name| (EdgeKind::Internal as u8, name);
                let shared = |name| (EdgeKind::Internal as u8 | Graph::SHARED, name);
                let (kind, name) = match shape {
                    _ if self.is_to_attributes(node, edge) => internal(own),
                    Shape::Dict if !self.is(node, PAIRED) => (EdgeKind::Element as u8, position),
                    Shape::Dict if position % 2 == 0 => internal(key),
                    Shape::Dict => match self.key(node, edge).filter(|_| named) {
                        Some(name) => (EdgeKind::Property as u8, name),
                        None => (EdgeKind::Element as u8, position),
                    },
                    Shape::Function if is_dict && (position == GLOBALS_AT || of_modules.has(to)) => shared(globals),
                    Shape::Frame if is_dict => internal(locals),
                    _ if self.is_of(node, to) => shared(class),
                    _ => (EdgeKind::Element as u8, position),
                };
                let into_module = self.shape(to) == Shape::Module;
                edge_kind.push(kind | if into_module { Graph::SHARED } else { 0 });
                edge_name.push(name);
            }
        }
        // Those of the root.
        let of_root = &self.records.position[edge_name.len()..];
        edge_kind.extend(of_root.iter().map(|_| EdgeKind::Element as u8));
        edge_name.extend_from_slice(of_root);
        Columns { name: Vec::new(), class: Vec::new(), edge_kind, edge_name }
    }

    /// The text of the key before a value, if it is a name.
    fn key(&self, node: u32, value: usize) -> Option<u32> {
        let key = value.checked_sub(1).filter(|key| self.edges_of(node).contains(key))?;
        let (of_key, of_value) = (self.records.position[key], self.records.position[value]);
        let to = self.records.to_node[key];
        let name = *self.records.name.get(to as usize)?;
        let is_name =
            of_key + 1 == of_value && self.shape(to) == Shape::Text && self.kind_texts.get(self.kind(to)?) != Some(&name);
        is_name.then_some(name)
    }

    /// Names and classes of all records, and of the root.
    fn nodes(&mut self, classes: &[String]) -> (Vec<u32>, Vec<u32>) {
        let numbers: Vec<u32> = classes.iter().map(|class| self.groups.text(class)).collect();
        let class_of = |group: u32| numbers.get(group as usize).copied().unwrap_or(0);
        let mut name = Vec::with_capacity(self.records.group.len() + 1);
        for (node, &group) in (0..).zip(self.records.group) {
            let shape = self.shape(node);
            let own = match shape {
                Shape::Module | Shape::Frame | Shape::Function => true,
                _ => self.is_class(node),
            };
            name.push(if own { self.own(shape, self.records.name[node as usize]) } else { class_of(group) });
        }
        let mut class: Vec<u32> = self.records.group.iter().map(|&group| class_of(group)).collect();
        let root = self.groups.text(super::graph::ROOT);
        name.push(root);
        class.push(root);
        (name, class)
    }

    /// What a path says of something with a name of its own.
    fn own(&mut self, shape: Shape, name: u32) -> u32 {
        if let Some(&known) = self.texts.get(&(shape as u8, name)) {
            return known;
        }
        let text = self.groups.text_at(name);
        let said = match shape {
            Shape::Module => format!("<module '{text}'>"),
            Shape::Frame => format!("frame {text}()"),
            Shape::Function => format!("{text}()"),
            _ => format!("class {text}"),
        };
        let number = self.groups.text(&said);
        self.texts.insert((shape as u8, name), number);
        number
    }
}
