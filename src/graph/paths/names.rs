//! The words of paths: labels of references and classes of objects, masked so that what differs between equal things does not count.

use std::borrow::Cow;
use std::collections::HashMap;

use super::costs::{BOOKKEEPING, NameCost};
use super::foreign;
use super::tree::PathNode;
use crate::graph::ordinal;
use crate::growth::{CLASS_TIER, NATIVE_TIER, is_runtime, tier};
use crate::snapshot::native_name;

/// Longest name that is told apart from others, in bytes.
const NAME_MAX: usize = 96;
/// Names that consist of more than one of these parts in four of hexadecimal digits are contents.
const HEX_LENGTH_MIN: usize = 8;

/// What a reference is called on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LabelKind {
    /// One of many that have but a number.
    Index,
    /// A named property.
    Property,
    /// A variable of a closure's context.
    Variable,
    /// A reference of the engine's own.
    Internal,
    /// Any of several names.
    Any,
    /// A key of a Map.
    Key,
    /// A value of a Map.
    Value,
    /// From the root.
    Root,
}

impl LabelKind {
    const ALL: [Self; 8] =
        [Self::Index, Self::Property, Self::Variable, Self::Internal, Self::Any, Self::Key, Self::Value, Self::Root];
}

/// A label, by the number of its name in a [`Vocabulary`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Label(u32);

impl Label {
    /// Names from this number on are one.
    const NAMES_MAX: u32 = 1 << 29;

    pub(super) fn new(kind: LabelKind, name: u32) -> Self {
        Self(name.min(Self::NAMES_MAX - 1) << 3 | kind as u32)
    }

    /// One without a name.
    pub(crate) fn bare(kind: LabelKind) -> Self {
        Self::new(kind, 0)
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(self) -> LabelKind {
        LabelKind::ALL[self.0 as usize & 7]
    }

    /// Number of its name.
    #[must_use]
    pub fn name(self) -> u32 {
        self.0 >> 3
    }

    pub(crate) fn to_bits(self) -> u32 {
        self.0
    }

    pub(crate) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// A class as a path names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// As a person reads it: `Foo`, `onMessage()`, `<div>`, `module app/server.js`.
    pub text: String,
    /// Type of its nodes.
    pub kind: String,
    /// How much its name says, by the rule of growth.
    pub tier: u8,
}

impl Class {
    /// Whether it is an application's own class.
    #[must_use]
    pub fn is_of_application(&self) -> bool {
        self.tier == CLASS_TIER
    }

    /// Whether its name says little, so that only the way to it tells two apart.
    #[must_use]
    pub fn is_mute(&self) -> bool {
        self.tier < NATIVE_TIER
    }

    /// Whether it is what the engine itself adds while a program runs.
    #[must_use]
    pub fn is_runtime(&self) -> bool {
        is_runtime(&self.kind, "")
    }
}

/// Names and classes by number, for any number of snapshots.
#[derive(Debug)]
pub struct Vocabulary {
    names: Vec<String>,
    /// What it costs to follow references of each name.
    costs: Vec<NameCost>,
    name_numbers: HashMap<String, u32>,
    classes: Vec<Class>,
    class_numbers: HashMap<(String, String), u32>,
}

impl Default for Vocabulary {
    fn default() -> Self {
        let mut vocabulary = Self {
            names: Vec::new(),
            costs: Vec::new(),
            name_numbers: HashMap::new(),
            classes: Vec::new(),
            class_numbers: HashMap::new(),
        };
        // The name of labels without one.
        vocabulary.name("");
        vocabulary
    }
}

/// The name of the reference from a key of a WeakMap to its value.
pub(super) const WEAK_MAP_VALUE: &str = "[WeakMap value]";
/// The name of the reference from a dictionary to a key.
pub(crate) const KEY: &str = "[key]";
/// A list of timers is one list from either end.
const LIST_BACK: &str = "_idlePrev";
const LIST_ON: &str = "_idleNext";
/// What stands for digits and contents in masked names.
pub(super) const MASK: &str = "#";

impl Vocabulary {
    /// The number of a masked name.
    pub(super) fn name(&mut self, masked: &str) -> u32 {
        if let Some(&number) = self.name_numbers.get(masked) {
            return number;
        }
        let number = ordinal(self.names.len());
        self.names.push(masked.to_owned());
        self.costs.push(NameCost::of(masked));
        self.name_numbers.insert(masked.to_owned(), number);
        number
    }

    pub(super) fn cost(&self, name: u32) -> NameCost {
        self.costs[name as usize]
    }

    /// Whether a reference only keeps the books.
    pub(crate) fn is_bookkeeping(&self, label: Label) -> bool {
        self.costs.get(label.name() as usize).is_some_and(|cost| cost.named == BOOKKEEPING)
    }

    /// The text of a name.
    #[must_use]
    pub fn text(&self, name: u32) -> &str {
        self.names.get(name as usize).map_or("", String::as_str)
    }

    /// The number of a class.
    pub(super) fn class(&mut self, kind: &str, text: &str) -> u32 {
        let key = (kind.to_owned(), text.to_owned());
        if let Some(&number) = self.class_numbers.get(&key) {
            return number;
        }
        let number = ordinal(self.classes.len());
        let name = text.strip_suffix("()").filter(|_| kind == "closure").unwrap_or(text);
        let name = if kind == "closure" && text == ANONYMOUS { "" } else { name };
        let tier = foreign::tier(kind).unwrap_or_else(|| tier(kind, name));
        self.classes.push(Class { text: text.to_owned(), kind: kind.to_owned(), tier });
        self.class_numbers.insert(key, number);
        number
    }

    /// A class by its number.
    #[must_use]
    pub fn class_of(&self, number: u32) -> &Class {
        &self.classes[number as usize]
    }

    /// Puts path nodes that are written in another vocabulary's words into this one's.
    pub(crate) fn adopt(&mut self, nodes: &mut [PathNode], other: &Self) {
        let mut names: Vec<Option<u32>> = vec![None; other.names.len()];
        let mut classes: Vec<Option<u32>> = vec![None; other.classes.len()];
        for node in nodes {
            let name = node.label.name();
            let name = *names[name as usize].get_or_insert_with(|| self.name(other.text(name)));
            node.label = Label::new(node.label.kind(), name);
            // The root has no class.
            if let Some(known) = classes.get_mut(node.class as usize) {
                let class = &other.classes[node.class as usize];
                node.class = *known.get_or_insert_with(|| self.class(&class.kind, &class.text));
            }
        }
    }

    /// What labels are ordered by: independent of numbers.
    pub(crate) fn label_order(&self, label: Label) -> (LabelKind, &str) {
        (label.kind(), self.text(label.name()))
    }

    /// What classes are ordered by: independent of numbers.
    pub(crate) fn class_order(&self, class: u32) -> (&str, &str) {
        let class = &self.classes[class as usize];
        (&class.text, &class.kind)
    }
}

/// A function without a name.
pub(super) const ANONYMOUS: &str = "(closure)";

/// The class of a node as a path names it, by its type and name. Kinds whose names are contents, and those of the engine's own that
/// are many, are one class each.
pub(super) fn class_text<'n>(kind: &'n str, name: &'n str, detached: bool) -> Cow<'n, str> {
    let masked = |name: &'n str| if name.contains(['/', '@']) { mask(name) } else { cut(name).into() };
    match kind {
        "object" | "hidden" => masked(name),
        "closure" if name.is_empty() => ANONYMOUS.into(),
        "closure" => format!("{}()", masked(name)).into(),
        "native" => mask(&native_name(name, detached)).into_owned().into(),
        "synthetic" => mask(name),
        "code" => "(compiled code)".into(),
        kind => format!("({kind})").into(),
    }
}

/// The path of a module's file as a path names it: from its package on, or its last three parts.
pub(super) fn module_text(file: &str) -> String {
    let file = file.strip_prefix("file://").unwrap_or(file);
    let short = match file.rsplit_once("node_modules/") {
        Some((_, within)) => within.strip_prefix('@').and_then(|scoped| scoped.split_once('/')).map_or(within, |(_, rest)| rest),
        None => {
            let start = file.char_indices().rev().filter(|&(_, c)| c == '/' || c == '\\').nth(2);
            start.map_or(file, |(slash, _)| &file[slash + 1..])
        }
    };
    format!("module {}", cut(short))
}

/// A name without what differs between equal things: digit runs of two or more, or after anything but a letter, become `#`; a name that
/// is mostly hexadecimal digits is `#`; so is the number in front of ` / `, and references within a WeakMap are one name.
pub(super) fn mask(name: &str) -> Cow<'_, str> {
    if name.contains(" pair in WeakMap (table @") {
        return WEAK_MAP_VALUE.into();
    }
    if name == LIST_BACK {
        return LIST_ON.into();
    }
    let name = match name.split_once(" / ") {
        Some((number, _)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => return MASK.into(),
        _ => cut(name),
    };
    if !name.bytes().any(|b| b.is_ascii_digit()) {
        return name.into();
    }
    if is_mostly_hex(name) {
        return MASK.into();
    }
    let mut masked = String::with_capacity(name.len());
    let mut rest = name;
    let mut after_letter = false;
    while let Some(c) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 1 || digits == 1 && !after_letter {
            masked.push_str(MASK);
            rest = &rest[digits..];
            after_letter = false;
        } else {
            masked.push(c);
            rest = &rest[c.len_utf8()..];
            after_letter = c.is_alphabetic();
        }
    }
    masked.into()
}

/// Three quarters of the characters are hexadecimal digits, and at least a quarter decimal ones.
fn is_mostly_hex(name: &str) -> bool {
    let name = name.as_bytes();
    let hex = name.iter().filter(|b| b.is_ascii_hexdigit()).count();
    let digits = name.iter().filter(|b| b.is_ascii_digit()).count();
    name.len() >= HEX_LENGTH_MIN && hex * 4 >= name.len() * 3 && digits * 4 >= name.len()
}

fn cut(name: &str) -> &str {
    if name.len() <= NAME_MAX {
        return name;
    }
    let end = (0..=NAME_MAX).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_hide_what_differs_between_equal_things() {
        for (name, masked) in [
            ("pool", "pool"),
            ("utf8", "utf8"),
            ("dns:127.0.0.1:8080", "dns:#.#.#.#:#"),
            ("item12", "item#"),
            ("a_1", "a_#"),
            ("7", "#"),
            ("3f2504e0-4f89-41d3-9a0c-0305e82c3301", "#"),
            ("deadbeef", "deadbeef"),
            ("12 / DeoptimizationEntry_Lazy", "#"),
            ("2 / part of key (K @1) -> value (V @3) pair in WeakMap (table @5)", WEAK_MAP_VALUE),
            ("日本12", "日本#"),
        ] {
            assert_eq!(mask(name), masked, "{name}");
        }
        assert!(mask(&"é".repeat(NAME_MAX)).len() <= NAME_MAX);
    }

    #[test]
    fn classes_keep_their_numbers() {
        assert_eq!(class_text("object", "A7", false), "A7");
        assert_eq!(class_text("native", "<section id=\"w0\">", true), "Detached <section>");
        assert_eq!(
            class_text("hidden", "system / NativeContext / http://127.0.0.1:81/x", false),
            "system / NativeContext / http://#.#.#.#:#/x"
        );
        assert_eq!(class_text("closure", "", false), "(closure)");
        assert_eq!(class_text("closure", "onMessage", false), "onMessage()");
        assert_eq!(class_text("string", "secret", false), "(string)");
    }

    #[test]
    fn modules_are_named_by_package_or_folder() {
        assert_eq!(module_text("/srv/node_modules/@grpc/grpc-js/build/src/channelz.js"), "module grpc-js/build/src/channelz.js");
        assert_eq!(module_text("/srv/a/node_modules/b/c.js"), "module b/c.js");
        assert_eq!(module_text("/home/me/app/src/server.js"), "module app/src/server.js");
        assert_eq!(module_text("x.js"), "module x.js");
    }
}
