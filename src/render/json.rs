//! The whole report as one line of JSON.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter};

use super::{Renderer, Style};
use crate::report::Report;
use crate::text::{is_command, is_unsafe};

/// `--format json`.
pub(super) struct Json;

impl Renderer for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn render(&self, report: &Report, _style: &Style, out: &mut dyn Write) -> io::Result<()> {
        write_line(report, out)
    }
}

/// Writes a value as one line of JSON that is safe to show on a terminal.
pub(super) fn write_line<T: Serialize + ?Sized>(value: &T, mut out: &mut dyn Write) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut out, SafeFormatter))?;
    out.write_all(b"\n")
}

/// The word JSON has for a value.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

/// Writes what JSON allows in a string but a terminal or a build server acts on (DEL, C1, bidirectional controls, `##[error]` …) as
/// `\u202e`. A reader of the JSON gets the same text: a path can still be opened.
struct SafeFormatter;

impl Formatter for SafeFormatter {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|&(at, c)| is_unsafe(c) || is_command(&rest[at..])) {
            CompactFormatter.write_string_fragment(writer, &rest[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        CompactFormatter.write_string_fragment(writer, rest)
    }
}
