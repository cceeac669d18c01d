//! Strings of equal text, and what the copies take.
//!
//! The rules are those of DevTools: strings and concatenated ones with a size, but for concatenations with an empty part, which are
//! their other part; slices are parts of what they are cut from. The text of a concatenation is that of its parts, cut where DevTools
//! stops. Strings that V8 says it has cut count as equal only if their lengths and hashes are, too; those that are as long as V8 cuts at
//! without saying so, only if their sizes are, which DevTools does not ask for.

use std::cmp::Reverse;
use std::collections::HashMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::graph::{EdgeKind, Graph, NodeKind, ordinal};

/// UTF-16 units at which V8 cuts the text of a string, and from which on that of a concatenation is not looked at.
const UNITS_MAX: usize = 1024;

/// What is wanted of equal strings.
#[derive(Debug, Clone, Copy)]
pub struct StringsWant {
    /// Texts listed; 0 for all.
    pub limit: usize,
    /// Tell the texts.
    pub contents: bool,
}

/// The strings of a heap, by text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Strings {
    /// Strings looked at.
    pub count: u64,
    /// Their sizes in bytes.
    pub self_size: u64,
    /// Copies of other strings.
    pub copies: u64,
    /// What these take, where the largest of equal strings is no copy.
    pub wasted: u64,
    /// Texts that several strings have.
    pub texts_of: usize,
    /// Those of them that waste most.
    pub texts: Vec<Text>,
}

/// A text that several strings have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// A hash of it (XXH3, 64 bits).
    pub hash: u64,
    /// UTF-16 units, of what the snapshot holds of it.
    pub length: u64,
    /// The strings may go on, and differ there.
    pub cut: bool,
    /// Strings of the text.
    pub count: u64,
    /// Their sizes in bytes.
    pub self_size: u64,
    /// Bytes that all but the largest take.
    pub wasted: u64,
    /// The text, where it was asked for.
    pub text: Option<String>,
}

/// What equal strings have in common: a hash of their text, what V8 says of the whole of one that it has cut, and the size where it may
/// have cut one without a word.
type Key = (u128, Option<(u64, u64)>, Option<u64>);

/// Strings of one text.
struct Same {
    node: u32,
    cut: bool,
    count: u64,
    size: u64,
    largest: u64,
}

impl Strings {
    /// Looks for equal strings in a graph that has names of edges.
    #[must_use]
    pub fn new(graph: &Graph, want: StringsWant) -> Self {
        let mut reader = Reader { graph, words: HashMap::new(), cut_texts: HashMap::new() };
        let mut known: HashMap<Key, u32> = HashMap::new();
        // Strings that are neither concatenated nor cut nor as long as those that are, by their names.
        let mut of_name: HashMap<u32, u32> = HashMap::new();
        let mut all: Vec<Same> = Vec::new();
        for node in 0..graph.nodes() {
            let (kind, size) = (graph.kind_of(node), graph.self_size.get(node));
            let is_one = match kind {
                NodeKind::String => true,
                NodeKind::ConsString => !reader.is_flat(node),
                _ => false,
            };
            if !is_one || size == 0 {
                continue;
            }
            let cut = reader.cut(node);
            let name = graph.name[node as usize];
            let by_name = kind == NodeKind::String && cut.is_none();
            let known_by_name = of_name.get(&name).copied().filter(|_| by_name);
            let number = known_by_name.unwrap_or_else(|| {
                let (hash, is_long) = reader.hash(node);
                let of_size = Some(size).filter(|_| is_long && cut.is_none());
                let number = *known.entry((hash, cut, of_size)).or_insert_with(|| {
                    all.push(Same { node, cut: of_size.is_some(), count: 0, size: 0, largest: 0 });
                    ordinal(all.len() - 1)
                });
                if by_name && !is_long {
                    of_name.insert(name, number);
                }
                number
            });
            let same = &mut all[number as usize];
            same.count += 1;
            same.size = same.size.saturating_add(size);
            same.largest = same.largest.max(size);
        }
        reader.found(all, want)
    }
}

/// What an edge's name means for a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    First,
    Second,
    Truncated,
    Length,
    Hash,
    Value,
    None,
}

struct Reader<'g> {
    graph: &'g Graph,
    /// By string index of an edge's name.
    words: HashMap<u32, Word>,
    /// Hashes of the texts of concatenations that are cut.
    cut_texts: HashMap<u32, u128>,
}

impl Reader<'_> {
    fn found(mut self, all: Vec<Same>, want: StringsWant) -> Strings {
        let mut strings = Strings::default();
        let mut texts: Vec<(u64, u64, u64, Same)> = Vec::new();
        for same in all {
            strings.count += same.count;
            strings.self_size = strings.self_size.saturating_add(same.size);
            if same.count > 1 {
                let wasted = same.size - same.largest;
                strings.copies += same.count - 1;
                strings.wasted = strings.wasted.saturating_add(wasted);
                texts.push((wasted, same.count, xxh3_64(self.text(same.node).as_bytes()), same));
            }
        }
        strings.texts_of = texts.len();
        texts.sort_by_key(|(wasted, count, hash, same)| (Reverse(*wasted), Reverse(*count), *hash, same.size));
        texts.truncate(if want.limit == 0 { usize::MAX } else { want.limit });
        let tell = |(wasted, count, hash, same): (u64, u64, u64, Same)| {
            let text = self.text(same.node);
            let length = text.encode_utf16().count() as u64;
            Text { hash, length, cut: same.cut, count, self_size: same.size, wasted, text: want.contents.then_some(text) }
        };
        strings.texts = texts.into_iter().map(tell).collect();
        strings
    }

    /// Where internal edges of a name lead to.
    fn to(&mut self, node: u32, word: Word) -> Option<u32> {
        let graph = self.graph;
        let internal = |edge: &usize| graph.edge_kind[*edge] & 7 == EdgeKind::Internal as u8;
        graph
            .edge_range(node)
            .filter(internal)
            .find(|&edge| self.word(graph.edge_name[edge]) == word)
            .map(|edge| graph.to_node[edge])
    }

    fn word(&mut self, name: u32) -> Word {
        let graph = self.graph;
        *self.words.entry(name).or_insert_with(|| match &*graph.strings.get(name) {
            "first" => Word::First,
            "second" => Word::Second,
            "truncated" => Word::Truncated,
            "length" => Word::Length,
            "hash" => Word::Hash,
            "value" => Word::Value,
            _ => Word::None,
        })
    }

    /// Whether a concatenation has an empty part. V8 makes none of which all is empty.
    fn is_flat(&mut self, node: u32) -> bool {
        let graph = self.graph;
        let parts = [Word::First, Word::Second].map(|word| self.to(node, word));
        parts.into_iter().flatten().any(|part| graph.kind_of(part) != NodeKind::ConsString && graph.name_of(part).is_empty())
    }

    /// Length and hash of a string of which the snapshot holds but the beginning.
    fn cut(&mut self, node: u32) -> Option<(u64, u64)> {
        let truncated = self.value(node, Word::Truncated, "bool")?;
        if truncated != "true" {
            return None;
        }
        let mut number = |word| self.value(node, word, "int").and_then(|value| value.parse().ok()).unwrap_or(0);
        Some((number(Word::Length), number(Word::Hash)))
    }

    /// The value of a number that a string refers to.
    fn value(&mut self, node: u32, word: Word, name: &str) -> Option<String> {
        let number = self.to(node, word).filter(|&number| self.graph.name_of(number) == name)?;
        let value = self.to(number, Word::Value)?;
        Some(self.graph.name_of(value).into_owned())
    }

    /// A hash of a string's text, and whether that is as long as texts are cut at.
    fn hash(&mut self, node: u32) -> (u128, bool) {
        if self.graph.kind_of(node) != NodeKind::ConsString {
            let text = self.graph.name_of(node);
            let is_long = text.len() >= UNITS_MAX && text.encode_utf16().count() >= UNITS_MAX;
            return (xxh3_128(text.as_bytes()), is_long);
        }
        let ahead = self.ahead(node);
        // What begins with a text that is cut has that text.
        let known = ahead.iter().position(|part| self.cut_texts.contains_key(part));
        let (hash, same) = match known {
            Some(at) => (self.cut_texts[&ahead[at]], at),
            None => {
                let (text, same) = self.text_of(&ahead);
                (xxh3_128(text.as_bytes()), same)
            }
        };
        ahead[..same].iter().for_each(|&part| _ = self.cut_texts.insert(part, hash));
        (hash, same > 0 || known.is_some())
    }

    /// A concatenation, what it begins with, what that begins with and so on, but for what is no concatenation.
    fn ahead(&mut self, node: u32) -> Vec<u32> {
        let mut ahead = Vec::new();
        let mut next = Some(node);
        // In a file that is not V8's, parts may lead in a circle.
        while let Some(node) = next.filter(|&node| self.is_cons(node) && ahead.len() < self.graph.kind.len()) {
            ahead.push(node);
            next = if self.cut_texts.contains_key(&node) { None } else { self.to(node, Word::First) };
        }
        ahead
    }

    fn is_cons(&self, node: u32) -> bool {
        self.graph.kind_of(node) == NodeKind::ConsString
    }

    /// The text of the first of some concatenations, each of which begins with the next, and how many of them have that text since it
    /// is cut.
    fn text_of(&mut self, ahead: &[u32]) -> (String, usize) {
        let (mut text, mut units) = (String::new(), 0);
        for (at, &node) in ahead.iter().enumerate().rev() {
            let parts = if at + 1 == ahead.len() { &[Word::First, Word::Second][..] } else { &[Word::Second] };
            for &part in parts {
                if let Some(part) = self.to(node, part) {
                    self.append(part, &mut text, &mut units);
                }
            }
            if units >= UNITS_MAX {
                return (text, at + 1);
            }
        }
        (text, 0)
    }

    /// Appends the text of a string, from front to back, up to where it is cut.
    fn append(&mut self, node: u32, text: &mut String, units: &mut usize) {
        let graph = self.graph;
        let (mut waiting, mut steps) = (vec![node], 0);
        while *units < UNITS_MAX && steps < PARTS_MAX {
            let Some(node) = waiting.pop() else { return };
            steps += 1;
            if self.is_cons(node) {
                waiting.extend([Word::Second, Word::First].into_iter().filter_map(|word| self.to(node, word)));
            } else {
                let part = graph.name_of(node);
                *units += part.encode_utf16().count();
                text.push_str(&part);
            }
        }
    }

    /// The text of a string, as far as it is looked at.
    fn text(&mut self, node: u32) -> String {
        if !self.is_cons(node) {
            return self.graph.name_of(node).into_owned();
        }
        self.cut_texts.clear();
        let ahead = self.ahead(node);
        self.text_of(&ahead).0
    }
}

/// Parts of what follows in a concatenation that are looked at.
const PARTS_MAX: usize = 1 << 16;
