//! A copy of a snapshot without the contents of its strings.
//!
//! Every string of the file is in one array, whatever it is for. A first pass finds out which of them name something: nodes of
//! kinds that are told apart by name, edges, functions and scripts. A second one copies the file, and puts another string of the same
//! length, in UTF-16 code units as JavaScript counts it, in place of each that names nothing. Sections that V8 does not know are left
//! out, as nobody knows what is in them.

use std::io::{self, Write};

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
}

/// Copies a snapshot without the contents of its strings. `open` opens the same file anew for each pass.
///
/// # Errors
/// If the file is no whole V8 snapshot, cannot be read more than once, or the copy cannot be written.
pub fn anonymize(
    open: &dyn Fn() -> Result<Source, ErrorKind>,
    rule: &NameRule<'_>,
    out: &mut dyn Write,
) -> Result<(), ErrorKind> {
    let mut header = None;
    let mut strings = 0;
    pass(open, |text, key| match key {
        b"snapshot" => {
            header = Some(document::header(text)?);
            Ok(())
        }
        b"strings" => {
            text.section = "strings";
            strings = each_string(text, |text, _| text.skip_value(&mut io::sink()))?;
            Ok(())
        }
        _ => text.skip_value(&mut io::sink()),
    })?;
    let problem = || ErrorKind::Unrecognized("it is no V8 heap snapshot: only those can be made anonymous".to_owned());
    let header = header.ok_or_else(problem)?;
    let uses = uses(open, &header, strings)?;
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
        if key != b"strings" {
            return text.skip_value(out);
        }
        text.section = "strings";
        out.write_all(b"[")?;
        each_string(text, |text, number| {
            out.write_all(if number == 0 { b"" } else { b",\n" })?;
            copy(text, number, (&uses, rule), out)
        })?;
        Ok(out.write_all(b"]")?)
    })?;
    out.write_all(b"}\n")?;
    Ok(out.flush()?)
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
fn uses(open: &dyn Fn() -> Result<Source, ErrorKind>, header: &Header, strings: u64) -> Result<Uses, ErrorKind> {
    let bound = usize::try_from(strings).unwrap_or(usize::MAX);
    let mut uses = Uses { structure: Bits::new(bound), program: Bits::new(bound), fault: false };
    let kinds = header.edge_fields.as_ref().map_or(&[][..], |fields| &fields.kinds);
    let edge_kinds: Vec<EdgeKind> = kinds.iter().map(|kind| EdgeKind::named(kind)).collect();
    pass(open, |text, key| match (key, &header.edge_fields, &header.trace_fields) {
        (b"nodes", ..) => {
            text.section = "nodes";
            let named =
                |kind: u64| usize::try_from(kind).ok().and_then(|kind| header.kinds.get(kind)).is_some_and(|kind| !kind.folded);
            let fields = (header.layout.fields, header.layout.kind, header.layout.name);
            array(text, fields, &mut |kind, name| {
                if named(kind) {
                    uses.add(name, strings, true);
                }
            })
        }
        (b"edges", Some(edges), _) => {
            text.section = "edges";
            array(text, (edges.fields, edges.kind, edges.name_or_index), &mut |kind, name| {
                let kind = usize::try_from(kind).ok().and_then(|kind| edge_kinds.get(kind)).copied().unwrap_or(EdgeKind::Other);
                if !kind.numbered() {
                    uses.add(name, strings, matches!(kind, EdgeKind::Property | EdgeKind::Context | EdgeKind::Shortcut));
                }
            })
        }
        (b"trace_function_infos", _, Some(fields)) => {
            text.section = traces::SECTIONS[0];
            let functions = &fields.functions;
            array(text, (functions.fields, functions.name, functions.script), &mut |name, script| {
                uses.add(Some(name), strings, true);
                uses.add(script, strings, true);
            })
        }
        _ => text.skip_value(&mut io::sink()),
    })?;
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
    f: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), ErrorKind> {
    struct Pairs<'f> {
        fields: usize,
        first: usize,
        second: usize,
        f: &'f mut dyn FnMut(u64, Option<u64>),
    }
    impl Sink for Pairs<'_> {
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

/// Copies a string, or what takes its place.
fn copy(text: &mut Text<'_>, number: u64, (uses, rule): (&Uses, &NameRule<'_>), out: &mut dyn Write) -> Result<(), ErrorKind> {
    let is = |bits: &Bits| u32::try_from(number).is_ok_and(|number| bits.has(number));
    let (structure, program) = (is(&uses.structure), is(&uses.program));
    if !structure && !program {
        return text.skip_value(&mut Blank { out, state: Place::Before });
    }
    match rule {
        NameRule::Hash { key, is_public } if !structure => {
            let mut name = HashedName {
                hasher: blake3::Hasher::new_keyed(&blake3::derive_key("heapdiff anonymize: names", key.as_bytes())),
                head: Vec::new(),
            };
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
        let mut blank = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (Place::Inside, b'\\') => Place::Escape,
                (Place::Before | Place::Inside, b'"') => {
                    blank.push(b'"');
                    Place::Inside
                }
                (Place::Escape, b'u') => Place::Digits(4),
                (Place::Digits(more @ 2..), _) => Place::Digits(more - 1),
                // A character of four bytes is two units; what goes on with a character is none.
                (_, 0xf0..) => {
                    blank.extend_from_slice(b"xx");
                    Place::Inside
                }
                (_, 0x80..0xc0) => Place::Inside,
                _ => {
                    blank.push(b'x');
                    Place::Inside
                }
            };
        }
        self.out.write_all(&blank)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
