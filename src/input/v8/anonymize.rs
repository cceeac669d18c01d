//! A copy of a snapshot without the contents of its strings.
//!
//! Every string of the file is in one array, whatever it is for. A first pass finds out which of them name something: nodes of
//! kinds that are told apart by name, edges, functions and scripts. A second one copies the file, and puts another string of the same
//! length, in UTF-16 code units as JavaScript counts it, in place of each that names nothing. V8 names the references of a WeakMap's
//! entries by key and value, whose names may be contents: of these only the ids stay. Sections and parts of the header that V8 does not
//! know are left out, as nobody knows what is in them. A file whose header does not come first takes one pass more.

use std::io::{self, Write};

use regex::bytes::Regex;

use super::document::{self, SECTIONS};
use super::header::Header;
use super::records::{self, Batch, Fault, Sink};
use super::traces;
use crate::error::ErrorKind;
use crate::graph::{Bits, EdgeKind};
use crate::input::text::Text;
use crate::scan::{Kernel, number_before};
use crate::source::Source;

/// What becomes of names.
pub enum NameRule<'a> {
    /// They stay as they are.
    Keep,
    /// Names of classes, functions, scripts and properties are replaced by a hash with a key: the same key gives the same names in all
    /// snapshots of a series, and without it nobody can try out what a name may have been. Names for which the function is true stay.
    Hash {
        /// Any text.
        key: &'a str,
        /// Whether a name is the platform's.
        is_public: &'a dyn Fn(&str) -> bool,
    },
}

/// What the strings of a file are for.
struct Uses {
    /// Names of references that V8 gives.
    structure: Bits,
    /// Names that a program may have given.
    program: Bits,
    fault: bool,
}

impl Uses {
    fn add(&mut self, name: Option<u64>, strings: u64, by_program: bool) {
        match name.and_then(|name| u32::try_from(name).ok()) {
            Some(name) if u64::from(name) < strings => {
                (if by_program { &mut self.program } else { &mut self.structure }).add(name);
            }
            _ => self.fault = true,
        }
    }

    /// Takes in what a section says.
    fn section(&mut self, text: &mut Text<'_>, key: &[u8], header: &Header, strings: u64) -> Result<(), ErrorKind> {
        match (key, &header.edge_fields, &header.trace_fields) {
            (b"nodes", ..) => {
                text.section = "nodes";
                let kinds: Vec<bool> = header.kinds.iter().map(|kind| !kind.folded).collect();
                let named = |kind: u64| usize::try_from(kind).is_ok_and(|kind| kinds.get(kind) == Some(&true));
                let fields = (header.layout.fields, header.layout.kind, header.layout.name);
                array(text, fields, |kind, name| {
                    if named(kind) {
                        self.add(name, strings, true);
                    }
                })
            }
            (b"edges", Some(edges), _) => {
                text.section = "edges";
                let kinds: Vec<EdgeKind> = edges.kinds.iter().map(|kind| EdgeKind::named(kind)).collect();
                array(text, (edges.fields, edges.kind, edges.name_or_index), |kind, name| {
                    let kind = usize::try_from(kind).ok().and_then(|kind| kinds.get(kind)).copied().unwrap_or(EdgeKind::Other);
                    if !kind.numbered() {
                        self.add(name, strings, !matches!(kind, EdgeKind::Internal | EdgeKind::Weak));
                    }
                })
            }
            (b"trace_function_infos", _, Some(fields)) => {
                text.section = traces::SECTIONS[0];
                let functions = &fields.functions;
                array(text, (functions.fields, functions.name, functions.script), |name, script| {
                    self.add(Some(name), strings, true);
                    self.add(script, strings, true);
                })
            }
            _ => text.skip_value(&mut io::sink()),
        }
    }
}

/// Copies a snapshot without the contents of its strings. `open` opens the same file anew for each pass; `strings` is their number.
///
/// # Errors
/// If the file is no whole V8 snapshot, cannot be read more than once, or the copy cannot be written.
pub fn anonymize(
    open: &dyn Fn() -> Result<Source, ErrorKind>,
    strings: u64,
    rule: &NameRule<'_>,
    out: &mut dyn Write,
) -> Result<(), ErrorKind> {
    let uses = uses(open, strings)?;
    let mut copier = Copier::new(&uses, rule)?;
    out.write_all(b"{")?;
    let mut sections = 0;
    pass(open, |text, key| {
        if !SECTIONS.iter().any(|section| section.as_bytes() == key) {
            return text.skip_value(&mut io::sink());
        }
        out.write_all(if sections == 0 { b"\"" } else { b",\n\"" })?;
        sections += 1;
        out.write_all(key)?;
        out.write_all(b"\":")?;
        if key == b"snapshot" {
            return copy_header(text, out);
        }
        if key != b"strings" {
            return text.skip_value(out);
        }
        text.section = "strings";
        out.write_all(b"[")?;
        each_string(text, |text, number| {
            out.write_all(if number == 0 { b"" } else { b",\n" })?;
            copier.copy(text, number, out)
        })?;
        Ok(out.write_all(b"]")?)
    })?;
    out.write_all(b"}\n")?;
    Ok(out.flush()?)
}

/// The refusal of what is no V8 snapshot.
#[must_use]
pub fn not_anonymous() -> ErrorKind {
    ErrorKind::Unrecognized("it is no V8 heap snapshot: only those can be made anonymous".to_owned())
}

/// Reads the file once, section by section.
fn pass(
    open: &dyn Fn() -> Result<Source, ErrorKind>,
    section: impl FnMut(&mut Text<'_>, &[u8]) -> Result<(), ErrorKind>,
) -> Result<(), ErrorKind> {
    let mut source = open()?;
    let mut stream = source.take_stream();
    let result = document::read(&mut Text::new(&mut stream, 0, Kernel::best()), section);
    source.unchanged()?;
    result.map(|_| ())
}

/// Finds out what strings are for.
fn uses(open: &dyn Fn() -> Result<Source, ErrorKind>, strings: u64) -> Result<Uses, ErrorKind> {
    let bound = usize::try_from(strings).unwrap_or(usize::MAX);
    let mut uses = Uses { structure: Bits::new(bound), program: Bits::new(bound), fault: false };
    let mut header = None;
    // What comes before the header cannot be told yet.
    let mut early = false;
    pass(open, |text, key| match &header {
        None if key == b"snapshot" => {
            header = Some(document::header(text)?);
            Ok(())
        }
        None => {
            early |= SECTIONS.iter().any(|section| section.as_bytes() == key);
            text.skip_value(&mut io::sink())
        }
        Some(header) => uses.section(text, key, header, strings),
    })?;
    let header = header.ok_or_else(not_anonymous)?;
    if early {
        pass(open, |text, key| uses.section(text, key, &header, strings))?;
    }
    if uses.fault {
        return Err(ErrorKind::Inconsistent {
            section: "strings".to_owned(),
            offset: 0,
            problem: "a name lies outside the strings (`heapdiff verify` says where)".to_owned(),
        });
    }
    Ok(uses)
}

/// Calls `f` with two fields of each record; the second is None if it is negative or too large.
fn array(
    text: &mut Text<'_>,
    (fields, first, second): (usize, usize, usize),
    f: impl FnMut(u64, Option<u64>),
) -> Result<(), ErrorKind> {
    struct Pairs<F> {
        fields: usize,
        first: usize,
        second: usize,
        f: F,
    }
    impl<F: FnMut(u64, Option<u64>)> Sink for Pairs<F> {
        const SIGNED: bool = true;

        fn add(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
            for record in (0..batch.ends.len()).step_by(self.fields) {
                let number = |at: usize| number_before(batch.text, batch.ends[record + at] as usize);
                let negative = batch.signed && batch.negative(record + self.second);
                let Some(first) = number(self.first) else {
                    return Err(Fault {
                        offset: batch.offset(record),
                        problem: "a number at or behind this place is too large".to_owned(),
                    });
                };
                (self.f)(first, number(self.second).filter(|_| !negative));
            }
            Ok(())
        }
    }
    text.expect(b'[')?;
    records::read(text, fields, &mut Pairs { fields, first, second, f })?;
    text.expect(b']')
}

/// What V8 writes of a snapshot as a whole.
const OF_SNAPSHOT: [&str; 6] = ["meta", "node_count", "edge_count", "trace_function_count", "root_index", "extra_native_bytes"];

/// Copies what is known of the header.
fn copy_header(text: &mut Text<'_>, out: &mut dyn Write) -> Result<(), ErrorKind> {
    let mut raw = Vec::new();
    text.skip_value(&mut raw)?;
    let mut header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&raw).map_err(|_| text.inconsistent(text.offset(), "the header is no object".to_owned()))?;
    header.retain(|key, _| OF_SNAPSHOT.contains(&key.as_str()));
    if let Some(serde_json::Value::Object(meta)) = header.get_mut("meta") {
        // Lists of the names of fields and types.
        meta.retain(|key, _| key.ends_with("_fields") || key.ends_with("_types"));
    }
    serde_json::to_writer(out, &header).map_err(|error| ErrorKind::Io(error.into()))
}

/// Calls `f` in front of each string of the array; returns their number.
fn each_string(text: &mut Text<'_>, mut f: impl FnMut(&mut Text<'_>, u64) -> Result<(), ErrorKind>) -> Result<u64, ErrorKind> {
    text.expect(b'[')?;
    let mut number = 0;
    while text.peek_token()? != Some(b']') {
        if number > 0 {
            text.expect(b',')?;
        }
        if text.peek_token()? != Some(b'"') {
            return Err(text.unexpected("a string"));
        }
        f(text, number)?;
        number += 1;
    }
    text.consume(1);
    Ok(number)
}

/// Copies strings.
struct Copier<'a> {
    uses: &'a Uses,
    rule: &'a NameRule<'a>,
    /// Of the names that are hashed.
    key: [u8; blake3::KEY_LEN],
    /// The parts of the name of a WeakMap's entry, as JSON.
    entry: Regex,
    /// Room for what takes a string's place.
    blank: Vec<u8>,
}

impl<'a> Copier<'a> {
    fn new(uses: &'a Uses, rule: &'a NameRule<'a>) -> Result<Self, ErrorKind> {
        let key = match rule {
            NameRule::Keep => [0; blake3::KEY_LEN],
            NameRule::Hash { key, .. } => blake3::derive_key("heapdiff anonymize: names", key.as_bytes()),
        };
        let entry = Regex::new(ENTRY_PARTS).map_err(|error| ErrorKind::Unrecognized(error.to_string()))?;
        Ok(Self { uses, rule, key, entry, blank: Vec::new() })
    }

    /// Copies a string, or what takes its place.
    fn copy(&mut self, text: &mut Text<'_>, number: u64, out: &mut dyn Write) -> Result<(), ErrorKind> {
        let is = |bits: &Bits| u32::try_from(number).is_ok_and(|number| bits.has(number));
        let (structure, program) = (is(&self.uses.structure), is(&self.uses.program));
        if !structure && !program {
            return text.skip_value(&mut Blank { out, state: Place::Before, blank: &mut self.blank });
        }
        while text.rest().len() < ENTRY_AHEAD && text.fill()? {}
        if is_entry(text.rest()) {
            let mut raw = Vec::new();
            text.skip_value(&mut raw)?;
            return self.copy_entry(&raw, out);
        }
        match self.rule {
            NameRule::Hash { is_public, .. } if !structure => {
                let mut name = HashedName { hasher: blake3::Hasher::new_keyed(&self.key), head: Vec::new() };
                text.skip_value(&mut name)?;
                let as_it_is = name.head.len() <= PUBLIC_MAX
                    && serde_json::from_slice::<String>(&name.head).is_ok_and(|name| name.is_empty() || is_public(&name));
                if as_it_is {
                    return Ok(out.write_all(&name.head)?);
                }
                Ok(write!(out, "\"n{}\"", &name.hasher.finalize().to_hex()[..HASH_DIGITS])?)
            }
            _ => text.skip_value(out),
        }
    }

    /// Copies the name of a WeakMap's entry, a JSON string, without those of its key and value. V8 may have cut it short.
    fn copy_entry(&mut self, raw: &[u8], out: &mut dyn Write) -> Result<(), ErrorKind> {
        let parts = self.entry.captures(raw);
        let kept_and_not = match &parts {
            Some(parts) => [1, 2, 3, 4, 5].map(|part| &parts[part]),
            None => {
                let begin = memchr::memmem::find(raw, ENTRY).map_or(0, |at| at + ENTRY.len());
                [&raw[..begin], &raw[begin..raw.len() - 1], b"\"", b"", b""]
            }
        };
        for (part, kept) in kept_and_not.into_iter().zip([true, false, true, false, true]) {
            if kept {
                out.write_all(part)?;
            } else {
                Blank { out, state: Place::Inside, blank: &mut self.blank }.write_all(part)?;
            }
        }
        Ok(())
    }
}

/// What the name of a WeakMap's entry goes on with, behind its number.
const ENTRY: &[u8] = b" / part of key (";
/// All of it: what goes before the name of the key, that, what goes before the name of the value, that, and the rest.
const ENTRY_PARTS: &str =
    r#"(?s-u)^("[0-9]+ / part of key \()(.*?)( @[0-9]+\) -> value \()(.*)( @[0-9]+\) pair in WeakMap \(table @[0-9]+\)")$"#;
/// Bytes of a string that tell whether it is one.
const ENTRY_AHEAD: usize = 64;

/// Whether JSON text begins with the name of a WeakMap's entry.
fn is_entry(text: &[u8]) -> bool {
    let Some(name) = text.strip_prefix(b"\"") else { return false };
    let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && name[digits..].starts_with(ENTRY)
}

/// Longest name, in bytes of JSON, that may be public.
const PUBLIC_MAX: usize = 256;
/// Hexadecimal digits of a hashed name: 64 bits.
const HASH_DIGITS: usize = 16;

/// A name while it is hashed, with its beginning.
struct HashedName {
    hasher: blake3::Hasher,
    head: Vec<u8>,
}

impl Write for HashedName {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.update(bytes);
        let room = (PUBLIC_MAX + 1).saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..room.min(bytes.len())]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a JSON string of as many UTF-16 code units as the one that is written to it.
struct Blank<'w> {
    out: &'w mut dyn Write,
    state: Place,
    /// What a piece of the string becomes.
    blank: &'w mut Vec<u8>,
}

/// Where in a JSON string.
#[derive(Clone, Copy)]
enum Place {
    Before,
    Inside,
    /// Behind a backslash.
    Escape,
    /// So many digits of `\uXXXX` are to come.
    Digits(u8),
}

impl Write for Blank<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.blank.clear();
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (Place::Inside, b'\\') => Place::Escape,
                (Place::Before | Place::Inside, b'"') => {
                    self.blank.push(b'"');
                    Place::Inside
                }
                (Place::Escape, b'u') => Place::Digits(4),
                (Place::Digits(more @ 2..), _) => Place::Digits(more - 1),
                // A character of four bytes is two units; what goes on with a character is none.
                (_, 0xf0..) => {
                    self.blank.extend_from_slice(b"xx");
                    Place::Inside
                }
                (_, 0x80..0xc0) => Place::Inside,
                _ => {
                    self.blank.push(b'x');
                    Place::Inside
                }
            };
        }
        self.out.write_all(self.blank)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
