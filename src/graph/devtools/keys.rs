//! Classes as DevTools forms them.

use std::collections::HashMap;
use std::fmt;

use super::detached::Detachedness;
use super::interfaces::{Interfaces, Matcher};
use crate::graph::{Graph, NodeKind, Place, ordinal};

/// What tells two classes apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClassKey {
    /// Where the constructor is written down, for objects of which that is known.
    pub place: Option<Place>,
    /// Name of the class.
    pub class: String,
}

/// As in DevTools: `script,line,column,Class`, or `,Class`.
impl fmt::Display for ClassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { script, line, column }) = self.place {
            write!(f, "{script},{line},{column}")?;
        }
        write!(f, ",{}", self.class)
    }
}

/// The class that a written key ends with.
#[must_use]
pub fn class_of_key(key: &str) -> &str {
    // Only numbers stand in front of it.
    let commas = if key.starts_with(',') { 1 } else { 3 };
    key.splitn(commas + 1, ',').last().unwrap_or(key)
}

/// The classes of a heap.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The classes, each once.
    pub keys: Vec<ClassKey>,
    /// Number of each node's class.
    pub of: Vec<u32>,
}

/// The class of each node by the rules of DevTools: `(system)`, `Function`, `<div>`, `{a, b}`, …
///
/// `interfaces` are those of this heap, or in a comparison those of the later one. Where DevTools has two classes of one key, one of
/// which hides the other, this has one.
#[must_use]
pub fn devtools_keys(graph: &Graph, detachedness: &Detachedness, interfaces: &Interfaces) -> Keys {
    let mut classes = Classes::new(graph, detachedness, interfaces);
    let mut located = graph.located.iter().copied().peekable();
    let of = (0..graph.nodes())
        .map(|node| {
            while located.next_if(|&(ordinal, _)| ordinal < node).is_some() {}
            let place = located.next_if(|&(ordinal, _)| ordinal == node).map(|(_, place)| place);
            classes.key(node, place)
        })
        .collect();
    Keys { keys: classes.keys, of }
}

/// Not known yet.
const UNKNOWN: u32 = u32::MAX;

/// Forms keys, each name but once.
struct Classes<'g> {
    graph: &'g Graph,
    detachedness: &'g Detachedness,
    interfaces: &'g Interfaces,
    matcher: Matcher<'g>,
    keys: Vec<ClassKey>,
    numbers: HashMap<ClassKey, u32>,
    /// Key of all nodes of a type.
    of_kind: [u32; 256],
    /// Key of a name, in front of `of_interface`.
    of_name: Vec<u32>,
    /// Key of detached nodes of a name.
    of_detached: HashMap<u32, u32>,
    /// Key of an interface.
    of_interface: HashMap<u32, u32>,
    /// Key of a class at a place.
    placed: HashMap<(u32, u32), u32>,
}

impl<'g> Classes<'g> {
    fn new(graph: &'g Graph, detachedness: &'g Detachedness, interfaces: &'g Interfaces) -> Self {
        Self {
            graph,
            detachedness,
            interfaces,
            matcher: Matcher::new(graph, interfaces),
            keys: Vec::new(),
            numbers: HashMap::new(),
            of_kind: [UNKNOWN; 256],
            of_name: vec![UNKNOWN; graph.strings.count() as usize],
            of_detached: HashMap::new(),
            of_interface: HashMap::new(),
            placed: HashMap::new(),
        }
    }

    fn key(&mut self, node: u32, place: Option<u32>) -> u32 {
        match self.graph.kind_of(node) {
            NodeKind::Object => {
                let class = self.object(node);
                place.map_or(class, |place| self.placed(class, place))
            }
            NodeKind::Native if self.detachedness.renamed(node) => self.detached(self.graph.name[node as usize]),
            NodeKind::Native => self.named(self.graph.name[node as usize]),
            kind => self.of_kind(self.graph.kind[node as usize], kind),
        }
    }

    fn number(&mut self, place: Option<Place>, class: String) -> u32 {
        let next = ordinal(self.keys.len());
        let key = ClassKey { place, class };
        let number = *self.numbers.entry(key.clone()).or_insert(next);
        if number == next {
            self.keys.push(key);
        }
        number
    }

    fn of_kind(&mut self, number: u8, kind: NodeKind) -> u32 {
        let known = self.of_kind[usize::from(number)];
        if known != UNKNOWN {
            return known;
        }
        let class = match kind {
            NodeKind::Hidden => "(system)".to_owned(),
            NodeKind::Code => "(compiled code)".to_owned(),
            NodeKind::Closure => "Function".to_owned(),
            NodeKind::Regexp => "RegExp".to_owned(),
            _ => format!("({})", self.graph.kinds.name(number)),
        };
        let key = self.number(None, class);
        self.of_kind[usize::from(number)] = key;
        key
    }

    fn object(&mut self, node: u32) -> u32 {
        let name = self.graph.name[node as usize];
        let interface = if self.matcher.is_plain(name) { self.matcher.interface(node) } else { None };
        let Some(interface) = interface else { return self.named(name) };
        if let Some(&key) = self.of_interface.get(&interface) {
            return key;
        }
        let class = self.interfaces.0.get(interface as usize).map_or_else(String::new, |interface| interface.name.clone());
        let key = self.number(None, class);
        self.of_interface.insert(interface, key);
        key
    }

    fn named(&mut self, name: u32) -> u32 {
        let known = self.of_name.get(name as usize).copied().unwrap_or(UNKNOWN);
        if known != UNKNOWN {
            return known;
        }
        let key = self.number(None, without_attributes(&self.graph.strings.get(name)));
        if let Some(of_name) = self.of_name.get_mut(name as usize) {
            *of_name = key;
        }
        key
    }

    fn detached(&mut self, name: u32) -> u32 {
        if let Some(&key) = self.of_detached.get(&name) {
            return key;
        }
        let key = self.number(None, without_attributes(&format!("Detached {}", self.graph.strings.get(name))));
        self.of_detached.insert(name, key);
        key
    }

    fn placed(&mut self, class: u32, place: u32) -> u32 {
        if let Some(&key) = self.placed.get(&(class, place)) {
            return key;
        }
        let written = self.graph.places.get(place as usize).copied();
        let key = self.number(written, self.keys[class as usize].class.clone());
        self.placed.insert((class, place), key);
        key
    }
}

/// A tag without its attributes; any other name as it is.
fn without_attributes(name: &str) -> String {
    let tag = name.strip_prefix("Detached ").unwrap_or(name);
    let end = tag.find(' ').filter(|_| tag.starts_with('<')).map(|space| name.len() - tag.len() + space);
    end.map_or_else(|| name.to_owned(), |end| format!("{}>", &name[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_lose_their_attributes() {
        assert_eq!(without_attributes("<section id=\"w0\">"), "<section>");
        assert_eq!(without_attributes("Detached <a href=x>"), "Detached <a>");
        assert_eq!(without_attributes("Detached system / X"), "Detached system / X");
        assert_eq!(without_attributes("<b>"), "<b>");
    }

    #[test]
    fn keys_are_written_as_in_devtools() {
        let key = |place| ClassKey { place, class: "A,b".to_owned() }.to_string();
        assert_eq!(key(None), ",A,b");
        assert_eq!(key(Some(Place { script: 3, line: 0, column: 17 })), "3,0,17,A,b");
        assert_eq!(class_of_key(&key(None)), "A,b");
        assert_eq!(class_of_key(&key(Some(Place { script: 3, line: 0, column: 17 }))), "A,b");
    }
}
