//! The outermost object of a snapshot, section by section.

use std::io::{Seek, Write};

use super::header::Header;
use crate::error::ErrorKind;
use crate::input::text::Text;
use crate::report::Warning;

/// The sections of every V8 from 7.8 on, in its order.
pub(super) const SECTIONS: [&str; 8] =
    ["snapshot", "nodes", "edges", "trace_function_infos", "trace_tree", "samples", "locations", "strings"];
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";
/// Longest key of the outermost object that is looked at.
pub(super) const KEY_MAX: usize = 1 << 16;
/// Largest header.
pub(super) const HEADER_MAX: usize = 16 << 20;

/// Reads the document: calls `section` with each key, in front of its value. Returns what a reader has to know.
pub(super) fn read(
    text: &mut Text<'_>,
    section: impl FnMut(&mut Text<'_>, &[u8]) -> Result<(), ErrorKind>,
) -> Result<Vec<Warning>, ErrorKind> {
    sections(text, section)?;
    trailing(text)
}

/// Reads the outermost object: calls `section` with each key, in front of its value.
pub(super) fn sections(
    text: &mut Text<'_>,
    mut section: impl FnMut(&mut Text<'_>, &[u8]) -> Result<(), ErrorKind>,
) -> Result<(), ErrorKind> {
    while text.rest().len() < BOM.len() && text.fill()? {}
    if text.rest().starts_with(BOM) {
        text.consume(BOM.len());
    }
    text.expect(b'{')?;
    let mut seen = Vec::new();
    let mut more = text.peek_token()? != Some(b'}');
    while more {
        text.section = "file";
        let offset = text.offset();
        let key = text.short_string(KEY_MAX)?;
        text.expect(b':')?;
        if seen.contains(&key) {
            let problem = format!("the section \"{}\" appears twice", String::from_utf8_lossy(&key));
            return Err(text.inconsistent(offset, problem));
        }
        if SECTIONS.iter().any(|section| section.as_bytes() == key) {
            seen.push(key.clone());
        }
        section(text, &key)?;
        more = text.peek_token()? == Some(b',');
        text.consume(usize::from(more));
    }
    text.section = "file";
    if text.peek_token()? != Some(b'}') {
        return Err(text.unexpected("\",\" or \"}\""));
    }
    text.consume(1);
    Ok(())
}

/// Reads the value of `snapshot`.
pub(super) fn header(text: &mut Text<'_>) -> Result<Header, ErrorKind> {
    text.section = "snapshot";
    text.peek_token()?;
    let offset = text.offset();
    let mut raw = Limited { bytes: Vec::new(), limit: HEADER_MAX };
    text.skip_value(&mut raw)?;
    Header::parse(&raw.bytes).map_err(|(at, problem)| {
        let is_object = raw.bytes.first() == Some(&b'{');
        text.inconsistent(offset + at as u64, if is_object { problem } else { "not an object".to_owned() })
    })
}

/// Checks what stands behind the outermost object.
pub(super) fn trailing(text: &mut Text<'_>) -> Result<Vec<Warning>, ErrorKind> {
    let offset = text.offset();
    match text.peek_token()? {
        None => Ok(Vec::new()),
        Some(0) => {
            let zeros = text.offset();
            while text.peek()? == Some(0) {
                let run = text.rest().iter().take_while(|&&b| b == 0).count();
                text.consume(run);
            }
            if text.peek_token()?.is_some() {
                return Err(text.unexpected("end of file"));
            }
            let message = format!("zero bytes follow the snapshot from byte {}; they were ignored", crate::text::count(zeros));
            Ok(vec![Warning { code: "nul-padding".to_owned(), message, input: None }])
        }
        Some(b'{') => {
            let problem = format!(
                "a second JSON document follows (HeapProfiler.stopTrackingHeapObjects sends one more snapshot); \
                 `head -c {offset}` gives the first"
            );
            Err(text.inconsistent(text.offset(), problem))
        }
        Some(_) => Err(text.unexpected("end of file")),
    }
}

/// A section that comes before what it depends on, put aside.
pub(super) struct Aside {
    pub(super) file: std::fs::File,
    pub(super) offset: u64,
}

pub(super) fn missing(text: &Text<'_>, section: &str) -> ErrorKind {
    ErrorKind::Inconsistent {
        section: section.to_owned(),
        offset: text.offset(),
        problem: "the section is missing: not a V8 heap snapshot, or not a whole one".to_owned(),
    }
}

/// Copies a value to a temporary file.
pub(super) fn put_aside(text: &mut Text<'_>) -> Result<Aside, ErrorKind> {
    text.peek_token()?;
    let offset = text.offset();
    let mut file = std::io::BufWriter::new(tempfile::tempfile()?);
    text.skip_value(&mut file)?;
    let mut file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(Aside { file, offset })
}

/// Collects bytes up to a limit.
pub(super) struct Limited {
    pub(super) bytes: Vec<u8>,
    pub(super) limit: usize,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(std::io::Error::other(format!("the header is larger than {} MiB", self.limit >> 20)));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
