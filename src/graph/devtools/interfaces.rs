//! Classes of plain objects by their properties: `{a, b}`.

use std::collections::HashMap;

use super::strings_named;
use crate::graph::{Bits, EdgeKind, Graph, NodeKind, ordinal};

/// A class of plain objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The properties in braces, cut after some 120 characters.
    pub name: String,
    /// The properties that an object must have to be of the class.
    pub properties: Vec<String>,
}

/// The classes of plain objects, those of most objects first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interfaces(
    /// In order of precedence among those of equally many properties.
    pub Vec<Interface>,
);

const PROTO: &str = "__proto__";
/// Longest text of an interface's name to which another property may be added, in UTF-16 units.
const NAME_MAX: usize = 120;

/// The objects that have no class but `Object`.
pub(super) struct PlainObjects<'g> {
    graph: &'g Graph,
    names: Vec<u32>,
}

impl<'g> PlainObjects<'g> {
    pub(super) fn new(graph: &'g Graph) -> Self {
        Self { graph, names: strings_named(graph, "Object", NodeKind::Object) }
    }

    /// Whether a node of type object is one.
    #[inline]
    pub(super) fn named(&self, name: u32) -> bool {
        self.names.contains(&name)
    }

    fn all(&self) -> impl Iterator<Item = u32> + '_ {
        let is_object = |&node: &u32| self.graph.kind_of(node) == NodeKind::Object && self.named(self.graph.name[node as usize]);
        (0..self.graph.nodes()).filter(is_object)
    }

    /// String indexes of a node's properties, in the order of the file.
    fn properties(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let is_property = |&edge: &usize| self.graph.edge_kind[edge] == EdgeKind::Property as u8;
        self.graph.edge_range(node).filter(is_property).map(|edge| self.graph.edge_name[edge])
    }
}

impl Interfaces {
    /// The interfaces that at least a thousandth of a heap's plain objects show, and at least two of them.
    #[must_use]
    pub fn infer(graph: &Graph) -> Self {
        let plain = PlainObjects::new(graph);
        let mut names = PropertyNames { graph, number: HashMap::new(), by_text: HashMap::new(), known: Vec::new() };
        let mut numbers: HashMap<Vec<u32>, usize> = HashMap::new();
        // Properties and count of each candidate, in the order of first occurrence.
        let mut candidates: Vec<(Vec<u32>, u64)> = Vec::new();
        let mut objects = 0_u64;
        let mut properties = Vec::new();
        for object in plain.all() {
            objects += 1;
            names.candidate(plain.properties(object), &mut properties);
            if properties.is_empty() {
                continue;
            }
            if let Some(&candidate) = numbers.get(&properties) {
                candidates[candidate].1 += 1;
            } else {
                numbers.insert(properties.clone(), candidates.len());
                candidates.push((properties.clone(), 1));
            }
        }
        candidates.retain(|&(_, count)| count >= 2 && count.saturating_mul(1000) >= objects);
        candidates.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        Self(candidates.iter().map(|(properties, _)| names.interface(properties)).collect())
    }
}

/// A property name.
struct PropertyName {
    text: String,
    formatted: String,
    /// Length of the formatted name in UTF-16 units.
    units: usize,
}

/// The names of properties that candidates have, numbered by text.
struct PropertyNames<'g> {
    graph: &'g Graph,
    /// Number by string index.
    number: HashMap<u32, u32>,
    by_text: HashMap<String, u32>,
    known: Vec<PropertyName>,
}

impl PropertyNames<'_> {
    fn number(&mut self, name: u32) -> u32 {
        if let Some(&number) = self.number.get(&name) {
            return number;
        }
        let text = self.graph.strings.get(name).into_owned();
        let number = *self.by_text.entry(text.clone()).or_insert_with(|| {
            let formatted = formatted(&text);
            let units = formatted.encode_utf16().count();
            self.known.push(PropertyName { text, formatted, units });
            ordinal(self.known.len() - 1)
        });
        self.number.insert(name, number);
        number
    }

    /// The numbers of the properties that an object's interface names.
    fn candidate(&mut self, names: impl Iterator<Item = u32>, properties: &mut Vec<u32>) {
        properties.clear();
        let mut length = 1;
        for name in names {
            let number = self.number(name);
            let name = &self.known[number as usize];
            if name.text == PROTO {
                continue;
            }
            if length > 1 && length + name.units > NAME_MAX {
                return;
            }
            length += name.units + if length > 1 { 2 } else { 0 };
            properties.push(number);
        }
    }

    fn interface(&self, properties: &[u32]) -> Interface {
        let names = || properties.iter().map(|&number| &self.known[number as usize]);
        let formatted: Vec<&str> = names().map(|name| name.formatted.as_str()).collect();
        Interface { name: format!("{{{}}}", formatted.join(", ")), properties: names().map(|name| name.text.clone()).collect() }
    }
}

/// A property's name as it stands in an interface's.
fn formatted(name: &str) -> String {
    if name.contains([',', '\'', '"', '{', '}']) {
        // A string is always written.
        serde_json::to_string(name).unwrap_or_default()
    } else {
        name.to_owned()
    }
}

/// Finds the interfaces of a heap's plain objects.
pub(super) struct Matcher<'g> {
    plain: PlainObjects<'g>,
    /// Number of each property that some interface has, by string index.
    property: HashMap<u32, u32>,
    /// The interfaces by one of their properties: sorted properties, how many they are, and the interface's number.
    by_property: Vec<Vec<(Vec<u32>, usize, u32)>>,
    /// What has been found for a set of properties.
    found: HashMap<Vec<u32>, Option<u32>>,
    properties: Vec<u32>,
}

impl<'g> Matcher<'g> {
    pub(super) fn new(graph: &'g Graph, interfaces: &Interfaces) -> Self {
        let plain = PlainObjects::new(graph);
        let mut by_text: HashMap<&str, u32> = HashMap::new();
        for name in interfaces.0.iter().flat_map(|interface| &interface.properties) {
            let number = ordinal(by_text.len());
            by_text.entry(name).or_insert(number);
        }
        let property = if by_text.is_empty() { HashMap::new() } else { indexes(&plain, &by_text) };
        Self { by_property: by_property(interfaces, &by_text), plain, property, found: HashMap::new(), properties: Vec::new() }
    }

    /// Whether a node of type object is a plain one.
    #[inline]
    pub(super) fn is_plain(&self, name: u32) -> bool {
        self.plain.named(name)
    }

    /// The number of a plain object's interface: of those all of whose properties it has, the one with most.
    pub(super) fn interface(&mut self, object: u32) -> Option<u32> {
        self.properties.clear();
        self.properties.extend(self.plain.properties(object).filter_map(|name| self.property.get(&name)));
        self.properties.sort_unstable();
        self.properties.dedup();
        if let Some(&found) = self.found.get(&self.properties) {
            return found;
        }
        let has = |property: &u32| self.properties.binary_search(property).is_ok();
        let candidates = self.properties.iter().flat_map(|&property| &self.by_property[property as usize]);
        let matching = candidates.filter(|(properties, ..)| properties.iter().all(has));
        let best = matching.min_by_key(|&&(_, count, interface)| (std::cmp::Reverse(count), interface));
        let found = best.map(|&(_, _, interface)| interface);
        self.found.insert(self.properties.clone(), found);
        found
    }
}

/// String indexes of the properties of plain objects that are wanted, with the wanted numbers.
fn indexes(plain: &PlainObjects<'_>, wanted: &HashMap<&str, u32>) -> HashMap<u32, u32> {
    let strings = &plain.graph.strings;
    let mut seen = Bits::new(strings.count() as usize);
    let mut numbers = HashMap::new();
    for name in plain.all().flat_map(|object| plain.properties(object)) {
        if seen.add(name)
            && let Some(&number) = wanted.get(&*strings.get(name))
        {
            numbers.insert(name, number);
        }
    }
    numbers
}

/// The interfaces by that of their properties which the fewest have.
fn by_property(interfaces: &Interfaces, numbers: &HashMap<&str, u32>) -> Vec<Vec<(Vec<u32>, usize, u32)>> {
    let sets: Vec<Vec<u32>> = interfaces
        .0
        .iter()
        .map(|interface| {
            let mut set: Vec<u32> = interface.properties.iter().filter_map(|name| numbers.get(&**name).copied()).collect();
            set.sort_unstable();
            set.dedup();
            set
        })
        .collect();
    let mut users = vec![0_u32; numbers.len()];
    sets.iter().flatten().for_each(|&property| users[property as usize] += 1);
    let mut by_property = vec![Vec::new(); numbers.len()];
    for (number, (set, interface)) in (0..).zip(sets.into_iter().zip(&interfaces.0)) {
        if let Some(&rarest) = set.iter().min_by_key(|&&property| users[property as usize]) {
            by_property[rarest as usize].push((set, interface.properties.len(), number));
        }
    }
    by_property
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_misread_are_quoted() {
        assert_eq!(formatted("a b"), "a b");
        assert_eq!(formatted("a,b"), "\"a,b\"");
        assert_eq!(formatted("it's"), "\"it's\"");
        assert_eq!(formatted("{\n}"), "\"{\\n}\"");
    }
}
