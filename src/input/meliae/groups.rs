//! Groups of records by type, and where asked for by name and allocation stack.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::graph::StringTable;
use crate::input::Want;
use crate::scan::Line;
use crate::stacks::{Frame, NOT_TRACKED, Stacks};

/// What the type of a record means for its group, or for that of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// `dict`, which may be the attributes of an instance, and is told apart where it is empty.
    Dict,
    /// Another container that is told apart where it is empty.
    Container,
    /// An instance of an old-style class of Python 2: the class is the first reference to a `classobj`.
    Instance,
    /// An old-style class.
    OldClass,
    /// A class.
    Class,
    /// A module, whose only reference is its dictionary.
    Module,
    /// A running or suspended call: its value is the function's name.
    Frame,
    /// Of the runtime: has no attribute dictionary, whatever it refers to.
    Atom,
    /// Any other.
    Other,
}

impl Role {
    fn of(kind: &[u8]) -> Self {
        match kind {
            b"dict" => Self::Dict,
            b"list" | b"tuple" | b"set" | b"frozenset" => Self::Container,
            b"instance" => Self::Instance,
            b"classobj" => Self::OldClass,
            b"type" => Self::Class,
            b"module" => Self::Module,
            b"frame" => Self::Frame,
            b"str" | b"function" | b"wrapper_descriptor" | b"code" | b"int" | b"weakref" => Self::Atom,
            _ => Self::Other,
        }
    }
}

/// Longest string that may be the name of an attribute, in bytes.
const NAME_MAX: usize = 96;

/// Group of records that count nowhere.
pub(super) const NOBODY: u32 = 0;

/// How the name of a group is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Name {
    /// It is the type.
    Kind,
    /// The type, and that the container is empty.
    Empty,
    /// An own one: a number of `texts`.
    Own(u32),
}

/// What records of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    kind: u32,
    name: Name,
    stack: u32,
}

/// A type that has been met.
struct Kind {
    text: u32,
    role: Role,
    /// Groups of those with the type's name, and of empty ones, without a stack; [`NOBODY`] until met.
    plain: [u32; 2],
}

/// A group that has been counted, with text for numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Counted {
    pub(super) kind: String,
    pub(super) name: String,
    /// Frames of the stack, outermost first.
    pub(super) frames: Vec<Frame>,
    pub(super) count: u64,
    pub(super) size: u128,
    /// The worker's number of it.
    pub(super) number: u32,
}

/// The groups that one worker has met, and what it has counted.
pub(super) struct Groups {
    by_name: bool,
    texts: Texts,
    kinds: Vec<Kind>,
    /// Kind of each text; `u32::MAX` for those that are none.
    kind_of: Vec<u32>,
    others: HashMap<Key, u32>,
    keys: Vec<Key>,
    counts: Vec<(u64, u128)>,
    stacks: Stacks,
}

impl Groups {
    pub(super) fn new(want: &Want<'_>) -> Self {
        let nobody = Key { kind: u32::MAX, name: Name::Kind, stack: NOT_TRACKED };
        Self {
            by_name: want.names,
            texts: Texts::default(),
            kinds: Vec::new(),
            kind_of: Vec::new(),
            others: HashMap::new(),
            keys: vec![nobody],
            counts: vec![(0, 0)],
            stacks: Stacks::default(),
        }
    }

    /// The group of a record, and its role. Instances of old-style classes are in the group of their type until their class is known.
    #[inline]
    pub(super) fn group(&mut self, fields: &Line<'_>, stack: u32) -> (u32, Role) {
        let kind = self.kind(fields.kind);
        let role = self.kinds[kind as usize].role;
        let empty = matches!(role, Role::Dict | Role::Container) && fields.len == Some(0);
        let own = if self.by_name { if role == Role::Frame { fields.value } else { fields.name } } else { None };
        let name = match own {
            Some(own) => Name::Own(self.texts.number(own)),
            None if empty => Name::Empty,
            None => Name::Kind,
        };
        (self.number(Key { kind, name, stack }), role)
    }

    /// The group like another, but of an old-style class.
    pub(super) fn of_class(&mut self, group: u32, class: &str) -> u32 {
        let name = Name::Own(self.texts.number(class.as_bytes()));
        self.number(Key { name, ..self.keys[group as usize] })
    }

    #[inline]
    fn kind(&mut self, text: &[u8]) -> u32 {
        let text_number = self.texts.number(text);
        match self.kind_of.get(text_number as usize) {
            Some(&kind) if kind != u32::MAX => kind,
            _ => self.add_kind(text_number, Role::of(text)),
        }
    }

    #[cold]
    fn add_kind(&mut self, text: u32, role: Role) -> u32 {
        let kind = number_of(self.kinds.len());
        self.kinds.push(Kind { text, role, plain: [NOBODY; 2] });
        self.kind_of.resize(self.kind_of.len().max(text as usize + 1), u32::MAX);
        self.kind_of[text as usize] = kind;
        kind
    }

    #[inline]
    fn number(&mut self, key: Key) -> u32 {
        if key.stack == NOT_TRACKED && !matches!(key.name, Name::Own(_)) {
            let known = self.kinds[key.kind as usize].plain[usize::from(key.name == Name::Empty)];
            if known != NOBODY {
                return known;
            }
        } else if let Some(&known) = self.others.get(&key) {
            return known;
        }
        self.add(key)
    }

    #[cold]
    fn add(&mut self, key: Key) -> u32 {
        let group = number_of(self.keys.len());
        self.keys.push(key);
        self.counts.push((0, 0));
        if key.stack == NOT_TRACKED && !matches!(key.name, Name::Own(_)) {
            self.kinds[key.kind as usize].plain[usize::from(key.name == Name::Empty)] = group;
        } else {
            self.others.insert(key, group);
        }
        group
    }

    /// The number of a stack, outermost frame first.
    pub(super) fn stack(&mut self, frames: Vec<Frame>) -> u32 {
        frames.into_iter().fold(NOT_TRACKED, |stack, frame| self.stacks.push(stack, frame))
    }

    /// Counts an object.
    #[inline]
    pub(super) fn count(&mut self, group: u32, size: u64) {
        let (count, sum) = &mut self.counts[group as usize];
        *count += 1;
        *sum += u128::from(size);
    }

    /// Counts an object of one group as a part of an object of another.
    pub(super) fn join(&mut self, part: u32, whole: u32, size: u64) {
        let (count, sum) = &mut self.counts[part as usize];
        *count -= 1;
        *sum -= u128::from(size);
        self.counts[whole as usize].1 += u128::from(size);
    }

    /// Number of the type of a group's objects.
    pub(super) fn kind_of(&self, group: u32) -> u32 {
        self.keys[group as usize].kind
    }

    /// The types, by number.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(|kind| self.texts.get(kind.text))
    }

    /// Number of the text that a record goes by: its own name, that of a call, the contents of a string that may be a name, or its type.
    pub(super) fn text_of(&mut self, fields: &Line<'_>) -> u32 {
        let is_name = |value: &[u8]| {
            let characters = || value.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'_');
            value.len() <= NAME_MAX && characters() && value.first().is_some_and(|first| !first.is_ascii_digit())
        };
        let value = fields.value.filter(|value| matches!(fields.kind, b"str" | b"unicode" | b"frame") && is_name(value));
        self.texts.number(fields.name.or(value).unwrap_or(fields.kind))
    }

    /// Number of a text.
    pub(super) fn text(&mut self, text: &str) -> u32 {
        self.texts.number(text.as_bytes())
    }

    /// The text of a number.
    pub(super) fn text_at(&self, number: u32) -> &str {
        self.texts.get(number)
    }

    /// The numbers of the types' texts, by number of the type.
    pub(super) fn kind_texts(&self) -> Vec<u32> {
        self.kinds.iter().map(|kind| kind.text).collect()
    }

    /// What is made of the type and name of each group.
    pub(super) fn classes(&self, class: impl Fn(&str, &str) -> String) -> Vec<String> {
        let of = |key: &Key| {
            let Some(kind) = self.kinds.get(key.kind as usize) else { return String::new() };
            let kind = self.texts.get(kind.text);
            class(kind, &self.name(key, kind))
        };
        self.keys.iter().map(of).collect()
    }

    /// The name of a group of a type.
    fn name(&self, key: &Key, kind: &str) -> String {
        match key.name {
            Name::Kind => kind.to_owned(),
            Name::Empty => format!("{kind} (empty)"),
            Name::Own(text) => self.texts.get(text).to_owned(),
        }
    }

    /// The texts alone.
    pub(super) fn into_texts(self) -> Texts {
        self.texts
    }

    /// The groups that hold objects.
    pub(super) fn counted(&self) -> impl Iterator<Item = Counted> {
        let groups = (0..).zip(self.keys.iter().zip(&self.counts)).skip(1).filter(|(_, (_, (count, _)))| *count > 0);
        groups.map(|(number, (key, &(count, size)))| {
            let kind = self.texts.get(self.kinds[key.kind as usize].text).to_owned();
            let name = self.name(key, &kind);
            let mut frames: Vec<Frame> = self.stacks.frames(key.stack).cloned().collect();
            frames.reverse();
            Counted { kind, name, frames, count, size, number }
        })
    }
}

/// A number for the next of some things. No memory holds 2^32 of them.
fn number_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Texts by number, equal ones once. Those met lately are found by their first and last bytes.
pub(super) struct Texts {
    lately: Vec<Lately>,
    numbers: HashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

#[derive(Clone, Copy)]
struct Lately {
    first: u64,
    last: u64,
    len: usize,
    number: u32,
}

const LATELY: usize = 256;

impl Default for Texts {
    fn default() -> Self {
        let none = Lately { first: 0, last: 0, len: usize::MAX, number: 0 };
        Self { lately: vec![none; LATELY], numbers: HashMap::new(), texts: Vec::new() }
    }
}

impl Texts {
    #[inline]
    fn number(&mut self, text: &[u8]) -> u32 {
        let (first, last) = ends(text);
        // Any mixture will do: what is lost is time.
        let mixed = (first ^ last.rotate_left(23) ^ text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let place = (mixed >> 56) as usize;
        let lately = self.lately[place];
        if lately.len == text.len()
            && lately.first == first
            && lately.last == last
            && (text.len() <= 16 || self.texts[lately.number as usize].as_bytes() == text)
        {
            return lately.number;
        }
        let number = self.look_up(text);
        self.lately[place] = Lately { first, last, len: text.len(), number };
        number
    }

    #[cold]
    fn look_up(&mut self, text: &[u8]) -> u32 {
        let text = String::from_utf8_lossy(text);
        if let Some(&number) = self.numbers.get(&*text) {
            return number;
        }
        let number = number_of(self.texts.len());
        self.numbers.insert(Box::from(&*text), number);
        self.texts.push(Box::from(&*text));
        number
    }

    fn get(&self, number: u32) -> &str {
        &self.texts[number as usize]
    }
}

impl StringTable for Texts {
    fn count(&self) -> u32 {
        number_of(self.texts.len())
    }

    fn get(&self, index: u32) -> Cow<'_, str> {
        Cow::Borrowed(self.texts.get(index as usize).map_or("", |text| text))
    }
}

/// The first and the last eight bytes; together with the length, all of a text of up to sixteen.
#[inline(always)]
fn ends(text: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        return (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
    }
    (text.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0)
}
