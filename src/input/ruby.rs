//! Heap dumps of Ruby, as `ObjectSpace.dump_all` writes them: JSON, one object a line.
//!
//! The kind is Ruby's type (`STRING`, `OBJECT`), the name that of the class. Objects refer to their class by address, and classes
//! come in any order, so objects are counted by address first. With `ObjectSpace.trace_object_allocations` a record has the file,
//! line and method that made the object. Roots and free slots are no objects. Lines are read by all threads.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::error::{ErrorKind, discreet_excerpt};
use crate::input::feed::{Feed, Piece, Stream};
use crate::input::text::compact;
use crate::input::{InputFormat, Sniff, Want};
use crate::report::Warning;
use crate::snapshot::{Histogram, Runtime, Snapshot};
use crate::source::Source;
use crate::stacks::{Frame, NOT_TRACKED, Stacks};
use crate::text::count;

/// The format of Ruby's heap dumps.
pub struct Ruby;

/// Name of the format in reports.
pub const NAME: &str = "ruby";
/// What records are called in messages.
const SECTION: &str = "objects";
/// Longest way up from a class that is followed: there may be a circle in a damaged file.
const ANCESTORS_MAX: usize = 1000;

impl InputFormat for Ruby {
    fn name(&self) -> &'static str {
        NAME
    }

    fn runtime(&self) -> Runtime {
        Runtime::Ruby
    }

    /// The first record is a root, or an object with its address in hexadecimal.
    fn sniff(&self, head: &[u8]) -> Sniff {
        let text = compact(head);
        let begins = [&b"{\"type\":\"ROOT\""[..], b"{\"address\":\"0x"].iter().any(|record| text.starts_with(record));
        if begins { Sniff::Yes } else { Sniff::No }
    }

    fn read(&self, source: &mut Source, want: Want<'_>) -> Result<Snapshot, ErrorKind> {
        let progress = Arc::clone(&source.done);
        let part = match source.mapped() {
            Some(map) => read(Feed::Map { map, at: 0, progress: &progress }, want),
            None => read(Feed::Stream(Stream::new(source.take_stream(), SECTION)), want),
        };
        finish(part, want)
    }
}

/// Reads pieces on all threads of the current pool. They are taken in the order of the file, and none after one that is wrong:
/// it is always the first thing wrong that is told.
fn read(feed: Feed<'_>, want: Want<'_>) -> Part<'static> {
    let threads = rayon::current_num_threads().min(feed.pieces_at_most());
    let (feed, whole) = (Mutex::new(Some(feed)), Mutex::new(Part::default()));
    let work = || {
        let (mut buffer, mut mine) = (Vec::new(), Part::default());
        while let Some(piece) = next(&feed, &mut buffer) {
            let part = match piece {
                Ok(piece) => Part::read(&piece, want).owned(),
                Err(error) => Part { error: Some((u64::MAX, error)), ..Part::default() },
            };
            if let (Some(_), Ok(mut feed)) = (&part.error, feed.lock()) {
                *feed = None;
            }
            mine = mine.and(part);
        }
        if let Ok(mut whole) = whole.lock() {
            *whole = std::mem::take(&mut *whole).and(mine);
        }
    };
    rayon::scope(|scope| (0..threads).for_each(|_| scope.spawn(|_| work())));
    // A panic of another thread ends the program by itself.
    whole.into_inner().unwrap_or_default()
}

/// The next piece, or what went wrong with it; None where nothing more is to be read.
fn next<'t, 'a: 't>(feed: &Mutex<Option<Feed<'a>>>, buffer: &'t mut Vec<u8>) -> Option<Result<Piece<'t>, ErrorKind>> {
    let mut feed = feed.lock().ok()?;
    let piece = feed.as_mut()?.next(buffer).transpose();
    if matches!(piece, Some(Err(_))) {
        *feed = None;
    }
    piece
}

/// The fields of a record that are looked at.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    address: Option<Address>,
    class: Option<Address>,
    #[serde(default)]
    memsize: u64,
    #[serde(default)]
    references: Elements,
    #[serde(borrow)]
    file: Option<Text<'a>>,
    line: Option<u32>,
    #[serde(borrow)]
    method: Option<Text<'a>>,
    #[serde(borrow)]
    imemo_type: Option<Text<'a>>,
    #[serde(borrow, rename = "struct")]
    structure: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    real_class_name: Option<Text<'a>>,
    superclass: Option<Address>,
    #[serde(default)]
    singleton: bool,
}

/// Text that is borrowed where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// An address in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Address(u64);

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Hexadecimal;
        impl Visitor<'_> for Hexadecimal {
            type Value = Address;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address such as \"0x7f00\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Address, E> {
                let digits = text.strip_prefix("0x").filter(|digits| !digits.starts_with('+'));
                let address = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
                address.map(Address).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Hexadecimal)
    }
}

/// The number of elements of an array.
#[derive(Default)]
struct Elements(u64);

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counter;
        impl<'de> Visitor<'de> for Counter {
            type Value = Elements;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Elements, A::Error> {
                let mut count = 0;
                while elements.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Elements(count))
            }
        }
        deserializer.deserialize_seq(Counter)
    }
}

/// What objects are counted by.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key<'a> {
    kind: Cow<'a, str>,
    class: Class<'a>,
    /// File, line and method, if they are wanted and known.
    site: Option<(Cow<'a, str>, u32, Cow<'a, str>)>,
}

/// What gives objects their name.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Class<'a> {
    /// A class of the program.
    At(Address),
    /// Ruby's own objects have none but what they are for: `ment`, `iseq`, the structure of data.
    Internal(Cow<'a, str>),
}

/// What is known of a class or module.
struct ClassRecord {
    /// None for one without a name.
    name: Option<String>,
    superclass: Option<Address>,
    /// It stands for others between a class and its superclass: a singleton class, an included module.
    of_others: bool,
}

/// What a stretch of text holds.
#[derive(Default)]
struct Part<'a> {
    /// Number and bytes of the objects of each key.
    objects: HashMap<Key<'a>, (u64, u128)>,
    classes: HashMap<Address, ClassRecord>,
    references: u64,
    /// Where it ends in the file.
    end: u64,
    /// The first thing wrong, and where it is.
    error: Option<(u64, ErrorKind)>,
    /// Where a last record begins that is cut in the middle.
    cut: Option<u64>,
}

impl<'a> Part<'a> {
    /// Reads the lines of a piece, up to one that is wrong.
    fn read(piece: &Piece<'a>, want: Want<'_>) -> Self {
        let mut part = Self { end: piece.offset + piece.len as u64, ..Self::default() };
        let mut offset = piece.offset;
        for line in piece.text[..piece.len].split_inclusive(|&byte| byte == b'\n') {
            part.line(line, offset, want);
            if part.error.is_some() {
                break;
            }
            offset += line.len() as u64;
        }
        part
    }

    /// Reads a line, which may be empty.
    fn line(&mut self, line: &'a [u8], offset: u64, want: Want<'_>) {
        if line.trim_ascii().is_empty() {
            return;
        }
        match serde_json::from_slice::<Record<'a>>(line.trim_ascii_end()) {
            Ok(record) if matches!(&*record.kind, "ROOT" | "NONE") => {}
            Ok(record) => match record.address {
                Some(address) => self.record(record, address, want.stacks),
                None => self.error = Some((offset, malformed(offset, "a record with an address", line))),
            },
            Err(error) if error.is_eof() && !line.ends_with(b"\n") => self.cut = Some(offset),
            Err(error) => self.error = Some((offset, refusal(&error, line, offset))),
        }
    }

    fn record(&mut self, record: Record<'a>, address: Address, sites: bool) {
        let text = |text: Option<Text<'a>>| text.map(|text| text.0);
        self.references += record.references.0;
        if let "CLASS" | "MODULE" | "ICLASS" = &*record.kind {
            let real = if record.singleton { text(record.real_class_name) } else { text(record.name) };
            // Ruby up to 2.6 names a class without a name by its address.
            let name = real.filter(|name| !name.starts_with("#<")).map(Cow::into_owned);
            let of_others = record.singleton || record.kind == "ICLASS";
            self.classes.insert(address, ClassRecord { name, superclass: record.superclass, of_others });
        }
        let internal = text(record.imemo_type);
        let class = match record.class {
            Some(class) if internal.is_none() => Class::At(class),
            _ => Class::Internal(internal.or(text(record.structure)).unwrap_or_default()),
        };
        let method = text(record.method).unwrap_or_default();
        let site = text(record.file).filter(|_| sites).map(|file| (file, record.line.unwrap_or(0), method));
        let sums = self.objects.entry(Key { kind: record.kind, class, site }).or_default();
        *sums = (sums.0 + 1, sums.1 + u128::from(record.memsize));
    }

    /// Takes in what follows.
    fn and(mut self, later: Self) -> Self {
        later.objects.into_iter().for_each(|(key, (count, size))| {
            let sums = self.objects.entry(key).or_default();
            *sums = (sums.0 + count, sums.1 + size);
        });
        self.classes.extend(later.classes);
        let first = |a: &(u64, ErrorKind), b: &(u64, ErrorKind)| a.0.cmp(&b.0);
        Self {
            references: self.references + later.references,
            error: self.error.into_iter().chain(later.error).min_by(first),
            cut: self.cut.or(later.cut),
            end: self.end.max(later.end),
            ..self
        }
    }

    /// The same, without reference to the text.
    fn owned(self) -> Part<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let key = |Key { kind, class, site }: Key<'_>| Key {
            kind: own(kind),
            class: match class {
                Class::At(address) => Class::At(address),
                Class::Internal(what) => Class::Internal(own(what)),
            },
            site: site.map(|(file, line, method)| (own(file), line, own(method))),
        };
        let Self { objects, classes, references, end, error, cut } = self;
        Part { objects: objects.into_iter().map(|(k, sums)| (key(k), sums)).collect(), classes, references, end, error, cut }
    }
}

/// The snapshot of a whole file.
fn finish(part: Part<'_>, want: Want<'_>) -> Result<Snapshot, ErrorKind> {
    if let Some((_, error)) = part.error {
        return Err(error);
    }
    if part.cut.is_some() && !want.allow_truncated {
        return Err(malformed(part.end, "the end of a record", b""));
    }
    let problem = |problem| ErrorKind::Inconsistent { section: SECTION.to_owned(), offset: part.end, problem };
    let (mut histogram, mut stacks, mut unknown) = (Histogram::default(), Stacks::default(), 0);
    for (Key { kind, class, site }, (objects, size)) in BTreeMap::from_iter(part.objects) {
        let name = match class {
            Class::At(address) => class_name(&part.classes, address).unwrap_or_else(|| {
                unknown += objects;
                "(unknown class)".to_owned()
            }),
            Class::Internal(what) if what.is_empty() => format!("({})", kind.to_lowercase()),
            Class::Internal(what) => format!("({} {what})", kind.to_lowercase()),
        };
        let frame = site.map(|(file, line, method)| Frame { function: method.into(), script: file.into(), line, column: 0 });
        let stack = frame.map_or(NOT_TRACKED, |frame| stacks.push(NOT_TRACKED, frame));
        let size = u64::try_from(size).map_err(|_| problem("the sizes add up to more than 2^64 bytes".to_owned()))?;
        histogram.add(&kind, &name, stack, objects, size).map_err(problem)?;
    }
    let mut snapshot = Snapshot { edges: Some(part.references), ..histogram.snapshot(NAME, Runtime::Ruby, stacks) };
    if part.cut.is_some() {
        snapshot.cut_at(part.end);
    }
    if unknown > 0 {
        snapshot.complete = false;
        let message = format!("the classes of {} objects are not in the file: it is part of a dump", count(unknown));
        snapshot.warnings.push(Warning { code: "unknown-classes".to_owned(), message, input: None });
    }
    Ok(snapshot)
}

/// The name of the class that Ruby says an object is of: singleton classes and included modules lie before it. A class without a
/// name goes by its superclass's, as its own would be another in every process. None for a class that is not in the file.
fn class_name(classes: &HashMap<Address, ClassRecord>, address: Address) -> Option<String> {
    let mut record = classes.get(&address)?;
    let mut anonymous = false;
    for _ in 0..ANCESTORS_MAX {
        match &record.name {
            Some(name) if anonymous => return Some(format!("(anonymous {name})")),
            Some(name) => return Some(name.clone()),
            None => anonymous |= !record.of_others,
        }
        match record.superclass.and_then(|superclass| classes.get(&superclass)) {
            Some(superclass) => record = superclass,
            None => break,
        }
    }
    Some("(anonymous class)".to_owned())
}

/// The error of a line that is no record. What is not JSON is named by its place; what is of another type by where it begins, and
/// not by itself, as it may be text of the heap.
fn refusal(error: &serde_json::Error, line: &[u8], offset: u64) -> ErrorKind {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let end = error.column().min(line.len());
    let (at, expected) = match message.rsplit_once(", expected ") {
        Some((_, expected)) => (memchr::memrchr(b':', &line[..end]).map_or(end, |colon| colon + 1), expected),
        None => (end.saturating_sub(usize::from(!error.is_eof())), message),
    };
    let found = line[at..].trim_ascii_start();
    let at = if found.is_empty() { at } else { line.len() - found.len() };
    malformed(offset + at as u64, &format!("a record ({expected})"), &line[at..])
}

/// The error that something else stands at an offset; nothing is the end of the file.
fn malformed(offset: u64, expected: &str, found: &[u8]) -> ErrorKind {
    let found = if found.is_empty() { "end of file (file cut short?)".to_owned() } else { discreet_excerpt(found) };
    ErrorKind::Malformed { section: SECTION.to_owned(), offset, expected: expected.to_owned(), found }
}
