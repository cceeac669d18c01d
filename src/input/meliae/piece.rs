//! The records of a piece, column by column.

use std::ops::Range;

use super::groups::{Groups, Role};
use super::json::{Json, Problem, Record};
use super::words::{NAMED, PAIRED};
use crate::error::{ErrorKind, discreet_excerpt};
use crate::input::Want;
use crate::input::feed::Piece;
use crate::scan::{Kernel, Line};
use crate::stacks::NOT_TRACKED;

/// What a worker knows: its groups, and the piece it has read.
pub(super) struct Worker<'w> {
    want: Want<'w>,
    kernel: Kernel,
    json: Json,
    pub(super) groups: Groups,
    pub(super) columns: Columns,
    /// Instances of old-style classes whose class may come later.
    pub(super) classless: Vec<Instance>,
}

/// The records of a piece.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) address: Vec<u64>,
    pub(super) group: Vec<u32>,
    pub(super) size: Vec<u64>,
    /// The references of all records, one after the other.
    pub(super) refs: Vec<u64>,
    /// Where the references of each record end.
    pub(super) refs_end: Vec<usize>,
    /// Records of old-style classes, and their names.
    pub(super) old_classes: Vec<(usize, String)>,
    /// Records of instances of old-style classes.
    pub(super) instances: Vec<usize>,
    /// What only collapsing and graphs need: the role of each record.
    pub(super) roles: Vec<Role>,
    /// What only graphs need: the text that each record goes by.
    pub(super) names: Vec<u32>,
    /// And what else it says of itself.
    pub(super) facts: Vec<u8>,
    /// Lines that open or close an array: offset, and whether it opens.
    pub(super) brackets: Vec<(u64, bool)>,
    /// Offset of a last line that was cut and left out.
    pub(super) cut: Option<u64>,
    /// Offset of the end of the piece.
    pub(super) end: u64,
}

/// An instance of an old-style class.
pub(super) struct Instance {
    pub(super) group: u32,
    pub(super) size: u64,
    pub(super) refs: Box<[u64]>,
}

impl Columns {
    fn clear(&mut self) {
        self.address.clear();
        self.group.clear();
        self.size.clear();
        self.refs.clear();
        self.refs_end.clear();
        self.old_classes.clear();
        self.instances.clear();
        self.roles.clear();
        self.names.clear();
        self.facts.clear();
        self.brackets.clear();
        self.cut = None;
    }

    /// Where the references of some records stand.
    pub(super) fn refs_of(&self, records: &Range<usize>) -> Range<usize> {
        let before = |record: usize| if record == 0 { 0 } else { self.refs_end[record - 1] };
        before(records.start)..before(records.end)
    }
}

impl<'w> Worker<'w> {
    pub(super) fn new(want: Want<'w>) -> Self {
        let groups = Groups::new(&want);
        Self { want, kernel: Kernel::best(), json: Json::default(), groups, columns: Columns::default(), classless: Vec::new() }
    }

    /// Reads a piece into the columns.
    pub(super) fn read(&mut self, piece: &Piece<'_>) -> Result<(), ErrorKind> {
        self.columns.clear();
        self.columns.end = piece.offset + piece.len as u64;
        let mut at = if piece.offset == 0 && piece.text.starts_with(super::BOM) { super::BOM.len() } else { 0 };
        while at < piece.len {
            let first_ref = self.columns.refs.len();
            match self.kernel.line(piece.text, at, &mut self.columns.refs) {
                Some(fields) => {
                    at = fields.end;
                    self.add(&fields, NOT_TRACKED);
                }
                None => {
                    self.columns.refs.truncate(first_ref);
                    at = self.other_line(piece, at)?;
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn add(&mut self, fields: &Line<'_>, stack: u32) {
        let (group, role) = self.groups.group(fields, stack);
        let columns = &mut self.columns;
        match role {
            Role::OldClass => {
                let name = String::from_utf8_lossy(fields.name.unwrap_or(fields.kind)).into_owned();
                columns.old_classes.push((columns.address.len(), name));
            }
            Role::Instance => columns.instances.push(columns.address.len()),
            _ => {}
        }
        if self.want.collapse || self.want.heap.is_some() {
            columns.roles.push(role);
        }
        if self.want.heap.is_some_and(|heap| heap.has_words()) {
            columns.names.push(self.groups.text_of(fields));
            let refs = columns.refs.len() - columns.refs_end.last().copied().unwrap_or(0);
            let paired = role == Role::Dict && refs > 0 && fields.len == Some(refs as u64 / 2) && refs.is_multiple_of(2);
            columns.facts.push(if fields.name.is_some() { NAMED } else { 0 } | if paired { PAIRED } else { 0 });
        }
        columns.address.push(fields.address);
        columns.group.push(group);
        columns.size.push(fields.size);
        columns.refs_end.push(columns.refs.len());
    }

    /// Reads a line that is not as meliae writes records; returns the position behind it.
    #[cold]
    fn other_line(&mut self, piece: &Piece<'_>, at: usize) -> Result<usize, ErrorKind> {
        let rest = &piece.text[at..];
        let end = memchr::memchr(b'\n', rest);
        let line = &rest[..end.unwrap_or(rest.len())];
        let next = at + end.map_or(rest.len(), |end| end + 1);
        let indent = line.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let offset = piece.offset + (at + indent) as u64;
        let line = line.trim_ascii();
        match line {
            b"" => return Ok(next),
            b"[" | b"]" => {
                self.columns.brackets.push((offset, line == b"["));
                return Ok(next);
            }
            _ => {}
        }
        let first_ref = self.columns.refs.len();
        let object = line.strip_suffix(b",").unwrap_or(line).trim_ascii_end();
        let mut json = std::mem::take(&mut self.json);
        let result = match json.record(object, &mut self.columns.refs, self.want.stacks) {
            Ok(Record { fields, trace }) => {
                let stack = self.groups.stack(trace);
                self.add(&fields, stack);
                Ok(next)
            }
            Err(_) if end.is_none() && self.want.allow_truncated => {
                self.columns.refs.truncate(first_ref);
                self.columns.cut = Some(offset);
                Ok(next)
            }
            Err(problem) => Err(malformed(object, offset, &problem, end.is_none().then_some(self.columns.end))),
        };
        self.json = json;
        result
    }

    /// Counts the records of the columns, but for some.
    pub(super) fn count(&mut self, kept: &[Range<usize>]) {
        for records in kept {
            let columns = self.columns.group[records.clone()].iter().zip(&self.columns.size[records.clone()]);
            columns.for_each(|(&group, &size)| self.groups.count(group, size));
        }
    }
}

/// The error of a line that is no record; `file_end` is given for one without a line break.
fn malformed(line: &[u8], offset: u64, problem: &Problem, file_end: Option<u64>) -> ErrorKind {
    let rest = &line[problem.at.min(line.len())..];
    let (offset, expected, found) = match file_end {
        // It does not end as a record does.
        Some(end) if line.last() != Some(&b'}') => (end, "the rest of a record", "end of file (file cut short?)".to_owned()),
        _ if rest.is_empty() => (offset + line.len() as u64, problem.expected, "end of line".to_owned()),
        _ => (offset + problem.at as u64, problem.expected, discreet_excerpt(rest)),
    };
    ErrorKind::Malformed { section: super::SECTION.to_owned(), offset, expected: expected.to_owned(), found }
}
