//! A record as any JSON writer may write it: keys in any order, further keys, white space, escapes.

use std::io::Write;

use simd_json::{Buffers, Node, StaticNode};

use crate::scan::Line;
use crate::stacks::Frame;

/// What is wrong with a line, and where in it.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

/// Reads lines; holds the memory that takes.
#[derive(Default)]
pub(super) struct Json {
    buffers: Buffers,
    line: Vec<u8>,
}

/// What a line says.
pub(super) struct Record<'j> {
    pub(super) fields: Line<'j>,
    /// Frames of the allocation, the innermost last.
    pub(super) trace: Vec<Frame>,
}

impl Json {
    /// Reads a record from a line without its break and comma, and appends its references to `refs`. The trace is read if it is
    /// wanted, and else may be anything. Of a key that appears twice the later value counts, as with most readers of JSON.
    pub(super) fn record(&mut self, line: &[u8], refs: &mut Vec<u64>, want_trace: bool) -> Result<Record<'_>, Problem> {
        self.line.clear();
        copy_whole_pairs(line, &mut self.line);
        let tape = match simd_json::to_tape_with_buffers(&mut self.line, &mut self.buffers) {
            Ok(tape) => tape,
            Err(error) => return Err(Problem { at: place(line, error.index()), expected: "a record, one JSON object a line" }),
        };
        let mut found = Found::default();
        let first_ref = refs.len();
        let missing = |key: &str, expected| Problem { at: key_place(line, key), expected };
        let Some((Node::Object { .. }, mut rest)) = tape.0.split_first() else { return Err(Problem { at: 0, expected: RECORD }) };
        while let Some((Node::String(key), values)) = rest.split_first() {
            let (value, after) = values.split_at(node_count(values).min(values.len()));
            rest = after;
            match *key {
                "address" => found.address = unsigned(value),
                "type" => found.kind = text(value),
                "size" => found.size = unsigned(value),
                "name" => found.name = text(value),
                "len" => found.len = unsigned(value),
                "value" => found.value = text(value),
                "refs" => {
                    refs.truncate(first_ref);
                    found.refs = references(value, refs);
                }
                "trace" if want_trace => found.trace = frames(value),
                _ => {}
            }
        }
        let fields = Line {
            address: found.address.ok_or_else(|| missing("address", "\"address\" with a number of at most 64 bits"))?,
            kind: found.kind.ok_or_else(|| missing("type", "\"type\" with a string"))?.as_bytes(),
            size: found.size.ok_or_else(|| missing("size", "\"size\" with a number of at most 64 bits"))?,
            name: found.name.map(str::as_bytes),
            len: found.len,
            value: found.value.map(str::as_bytes),
            end: line.len(),
        };
        found.refs.ok_or_else(|| missing("refs", "\"refs\" with an array of addresses"))?;
        let trace = found.trace.ok_or_else(|| missing("trace", "\"trace\" with an array of [file, line]"))?;
        Ok(Record { fields, trace })
    }
}

const RECORD: &str = "a record {\"address\": …, \"type\": …, \"size\": …, \"refs\": […]}";

struct Found<'t> {
    address: Option<u64>,
    kind: Option<&'t str>,
    size: Option<u64>,
    name: Option<&'t str>,
    len: Option<u64>,
    value: Option<&'t str>,
    refs: Option<()>,
    trace: Option<Vec<Frame>>,
}

impl Default for Found<'_> {
    fn default() -> Self {
        let trace = Some(Vec::new());
        Self { address: None, kind: None, size: None, name: None, len: None, value: None, refs: None, trace }
    }
}

/// The number of nodes that the first value takes.
fn node_count(nodes: &[Node<'_>]) -> usize {
    match nodes.first() {
        Some(Node::Object { count, .. } | Node::Array { count, .. }) => count + 1,
        _ => 1,
    }
}

fn unsigned(value: &[Node<'_>]) -> Option<u64> {
    if let [Node::Static(StaticNode::U64(number))] = value { Some(*number) } else { None }
}

fn text<'t>(value: &[Node<'t>]) -> Option<&'t str> {
    if let [Node::String(text)] = value { Some(text) } else { None }
}

fn references(value: &[Node<'_>], refs: &mut Vec<u64>) -> Option<()> {
    let (Node::Array { .. }, items) = value.split_first()? else { return None };
    items.iter().try_for_each(|item| unsigned(std::slice::from_ref(item)).map(|address| refs.push(address)))
}

/// The frames of a trace: an array of `[file, line]`, which a function's name may follow; null stands for none.
fn frames(value: &[Node<'_>]) -> Option<Vec<Frame>> {
    let mut rest = match value.split_first()? {
        (Node::Array { .. }, rest) => rest,
        (Node::Static(StaticNode::Null), _) => return Some(Vec::new()),
        _ => return None,
    };
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (frame, after) = rest.split_at(node_count(rest).min(rest.len()));
        rest = after;
        let (Node::Array { .. }, [Node::String(file), line, more @ ..]) = frame.split_first()? else { return None };
        // A line of None, or of what a generated function claims, is unknown.
        let line = unsigned(std::slice::from_ref(line)).and_then(|line| u32::try_from(line).ok()).unwrap_or(0);
        let function = more.first().and_then(|node| text(std::slice::from_ref(node))).unwrap_or_default();
        frames.push(Frame { function: function.to_owned(), script: (*file).to_owned(), line, column: 0 });
    }
    Some(frames)
}

/// Copies a line, with `\\u{d83d}` for half a surrogate pair that stands alone: no Rust string can hold one.
fn copy_whole_pairs(line: &[u8], copy: &mut Vec<u8>) {
    let mut rest = line;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let after = &rest[at..];
        let length = match (unit(after), unit(after.get(6..).unwrap_or_default())) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(lone @ 0xd800..=0xdfff), _) => {
                copy.extend_from_slice(&rest[..at]);
                // Writing to memory does not fail.
                let _ = write!(copy, "\\\\u{{{lone:x}}}");
                rest = &after[6..];
                continue;
            }
            _ => 2,
        };
        let end = rest.len().min(at + length);
        copy.extend_from_slice(&rest[..end]);
        rest = &rest[end..];
    }
    copy.extend_from_slice(rest);
}

/// The code unit of a `\uXXXX` escape that the text begins with.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | u16::try_from(char::from(digit).to_digit(16)?).ok()?))
}

/// Where a line stops being JSON; `otherwise` if serde_json has nothing against it.
fn place(line: &[u8], otherwise: usize) -> usize {
    match serde_json::from_slice::<serde::de::IgnoredAny>(line) {
        Err(error) if error.is_eof() => line.len(),
        Err(error) => error.column().saturating_sub(1).min(line.len()),
        Ok(_) => otherwise.min(line.len()),
    }
}

/// Where the line has a key; its end if it has not.
fn key_place(line: &[u8], key: &str) -> usize {
    memchr::memmem::find(line, format!("\"{key}\"").as_bytes()).unwrap_or(line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Address, type, size, references and frames.
    type Found = (u64, String, u64, Vec<u64>, Vec<String>);

    fn read(line: &str) -> Result<Found, (usize, &'static str)> {
        let mut refs = vec![7];
        let mut json = Json::default();
        let record = json.record(line.as_bytes(), &mut refs, true).map_err(|problem| (problem.at, problem.expected))?;
        let kind = String::from_utf8(record.fields.kind.to_vec()).unwrap();
        let trace = record.trace.iter().map(Frame::text).collect();
        Ok((record.fields.address, kind, record.fields.size, refs.split_off(1), trace))
    }

    #[test]
    fn any_order_of_keys_is_read() {
        let line =
            r#" {"refs":[1,18446744073709551615],"x":{"type":[{"a":1}]},"size":3,"type":"a\"\ud83d\ude00\ud83d","address":9} "#;
        let expected = (9, "a\"\u{1f600}\\u{d83d}".to_owned(), 3, vec![1, u64::MAX], Vec::new());
        assert_eq!(read(line), Ok(expected));
        let twice = r#"{"address":1,"address":2,"type":"a","type":"b","size":1,"refs":[1],"refs":[]}"#;
        assert_eq!(read(twice), Ok((2, "b".to_owned(), 1, Vec::new(), Vec::new())));
        let big = r#"{"address":1,"type":"int","size":1,"value":123456789012345678901234567890,"refs":[]}"#;
        assert_eq!(read(big), Ok((1, "int".to_owned(), 1, Vec::new(), Vec::new())));
    }

    #[test]
    fn traces_have_a_file_and_a_line() {
        let with = |trace: &str| {
            read(&format!(r#"{{"address":1,"type":"a","size":1,"trace":{trace},"refs":[]}}"#)).map(|record| record.4)
        };
        assert_eq!(
            with(r#"[["a.py",3],["b.py",null,"f"],["c.py",5,null,"x = 1"]]"#),
            Ok(vec!["a.py:3".into(), "b.py f".into(), "c.py:5".into()])
        );
        assert_eq!(with("null"), Ok(Vec::new()));
        assert_eq!(with("[]"), Ok(Vec::new()));
        for wrong in ["1", "[1]", "[[]]", "[[1,2]]", r#"[["a.py"]]"#] {
            assert_eq!(with(wrong), Err((33, "\"trace\" with an array of [file, line]")), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let place = |line: &str| read(line).unwrap_err().0;
        assert_eq!(place(r#"{"address":1,"type":"a","size":1,"refs":[]"#), 42);
        assert_eq!(place(r#"{"address":1,"type":"a","size":1 "refs":[]}"#), 33);
        assert_eq!(place(r#"{"address":18446744073709551616,"type":"a","size":1,"refs":[]}"#), 1);
        assert_eq!(place(r#"{"address":"0x1","type":"a","size":1,"refs":[]}"#), 1);
        assert_eq!(place(r#"{"address":1,"type":"a","size":-1,"refs":[]}"#), 24);
        assert_eq!(place(r#"{"address":1,"type":"a","size":1,"refs":[-1]}"#), 33);
        assert_eq!(place(r#"{"address":1,"type":"a","size":1}"#), 33);
        assert_eq!(place("[]"), 0);
        let deep = format!(r#"{{"address":1,"type":"a","size":1,"refs":[],"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(&deep).is_err());
    }
}
