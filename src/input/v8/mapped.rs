//! A mapped snapshot in V8's own order of sections, read by all threads at once.
//!
//! Only nodes and strings are looked at, some 40 % of the bytes: the strings are found from the end of the file. Whatever is
//! not as V8 writes it makes this way give up, and the file is read front to back.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use super::document::{KEY_MAX, header};
use super::header::{Header, TraceFields};
use super::strings::Index;
use super::tally::Tally;
use super::traces::{self, Traces};
use super::{Branches, Names, assemble, nodes};
use crate::input::Want;
use crate::input::text::Text;
use crate::scan::Kernel;
use crate::snapshot::Snapshot;

/// Bytes at the beginning among which the nodes must begin.
const PREFIX_MAX: usize = 1 << 20;

/// Sections between nodes and strings of up to so many bytes are walked through; larger ones only measured.
const WALKED_MAX: usize = 16 << 20;

/// Reads the snapshot; None if anything is out of the ordinary.
pub(super) fn read(map: &[u8], kernel: Kernel, want: Want<'_>, progress: &AtomicU64) -> Option<Snapshot> {
    let (header, nodes_start) = prefix(map, kernel, want)?;
    let names_max = map.len() as u64 / 3 + 1;
    let dense = names_max.min(header.node_count.saturating_mul(4).max(1 << 16));
    // What is found behind the nodes; stacks are read by whichever worker needs them first, while another looks at the strings.
    let (start, index, stacks) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
    let start = || *start.get_or_init(|| strings_start(map, nodes_start));
    let stacks = || {
        stacks.get_or_init(|| {
            let traced = header.trace_fields.as_ref().and_then(|_| traced(&map[..start()?], nodes_start, &header, kernel));
            let alike = traced.as_ref().and_then(|traced| traced.traces.alike());
            (traced, alike)
        })
    };
    let tally = || Tally::new(&header, dense, want.identify).with_alike(stacks().1.as_ref());
    let index = || index.get_or_init(|| start().and_then(|start| Some((start, Index::new(map, start, kernel)?))));
    let parallel = nodes::read_parallel(map, nodes_start, &header, kernel, &tally, progress, || {
        index();
    })?;
    let (strings_start, index) = index().as_ref()?;
    let name_max = parallel.sinks.iter().map(|tally| tally.name_max).max()?;
    let traces = between(map, (parallel.end, *strings_start), stacks().0.as_ref(), &header, kernel)?;
    let name_max = traces.name_max.map_or(name_max, |(of_functions, _)| of_functions.max(name_max));
    if u64::from(name_max) >= index.count || !closes(&map[index.end + 1..]) {
        return None;
    }
    let mut names = Names::wanted(&header, &parallel.sinks, &traces);
    let wanted = names.indexes();
    index.fetch(map, kernel, &wanted, |name, raw| names.add(name, raw));
    Some(assemble(&header, parallel.sinks, &names, (&traces, &Branches::default()), Vec::new()).0)
}

/// Bytes at the end among which a whole file has its last bracket.
const SUFFIX_MAX: usize = 4096;

/// The header, and where the numbers of `nodes` begin, if these are the first two sections and the file ends as it should: one that was
/// cut or padded is not searched for strings.
pub(super) fn prefix(map: &[u8], kernel: Kernel, want: Want<'_>) -> Option<(Header, usize)> {
    let suffix = &map[map.len().saturating_sub(SUFFIX_MAX)..];
    if suffix.trim_ascii_end().last() != Some(&b'}') {
        return None;
    }
    let mut prefix = &map[..map.len().min(PREFIX_MAX)];
    let mut text = Text::new(&mut prefix, 0, kernel);
    text.expect(b'{').ok()?;
    if text.short_string(KEY_MAX).ok()? != b"snapshot" {
        return None;
    }
    text.expect(b':').ok()?;
    let header = header(&mut text).ok()?.wanting(want);
    text.expect(b',').ok()?;
    if text.short_string(KEY_MAX).ok()? != b"nodes" {
        return None;
    }
    text.expect(b':').ok()?;
    text.expect(b'[').ok()?;
    Some((header, usize::try_from(text.offset()).ok()?))
}

/// Where the text of the last array named `strings` begins, behind its bracket.
///
/// Searched from the end. `"strings":[` cannot stand inside an array of strings, where its quotes would be escaped; that it is
/// a key of the outermost object is what [`closes`] shows.
pub(super) fn strings_start(map: &[u8], from: usize) -> Option<usize> {
    memchr::memrchr_iter(b'[', &map[from..]).find_map(|at| {
        let before = map[..from + at].trim_ascii_end().strip_suffix(b":")?.trim_ascii_end().strip_suffix(b"\"strings\"")?;
        matches!(before.trim_ascii_end().last(), Some(b',')).then_some(from + at + 1)
    })
}

/// Looks at what lies between the bracket that ends the nodes and the text of the strings; None if that is not what should.
fn between<'t>(
    map: &[u8],
    (nodes_end, strings_start): (usize, usize),
    known: Option<&'t Traced>,
    header: &Header,
    kernel: Kernel,
) -> Option<Cow<'t, Traces>> {
    let skipped = strings_start.checked_sub(nodes_end)?;
    if skipped <= WALKED_MAX {
        let traces = walk(Text::mapped(map, nodes_end + 1..strings_start, kernel)?, header)?;
        return known.is_none_or(|known| known.traces.says_the_same(&traces)).then_some(Cow::Owned(traces));
    }
    if header.trace_fields.is_none() {
        return (skipped <= edges_max(header)).then(Cow::default);
    }
    let known = known?;
    let edges = map.get(nodes_end + 1..known.comma)?;
    let framed = edges.trim_ascii_start().starts_with(b",") && edges.trim_ascii_end().ends_with(b"]");
    (framed && skipped - known.walked <= edges_max(header)).then_some(Cow::Borrowed(&known.traces))
}

/// The sections of allocation stacks.
struct Traced {
    /// Position of the comma before them.
    comma: usize,
    traces: Traces,
    /// Their length.
    walked: usize,
}

/// The sections of allocation stacks behind a place, searched from the end of what comes before the strings.
fn traced(before_strings: &[u8], from: usize, header: &Header, kernel: Kernel) -> Option<Traced> {
    let fields = header.trace_fields.as_ref()?;
    let comma = comma_before_traces(before_strings, from)?;
    let (traces, end) = walk_traces(Text::mapped(before_strings, comma..before_strings.len(), kernel)?, fields)?;
    Some(Traced { comma, traces, walked: end - comma })
}

/// Position of the comma before the sections of allocation stacks, searched from the end: few sections follow them, all of
/// numbers.
fn comma_before_traces(map: &[u8], from: usize) -> Option<usize> {
    let keys = memchr::memrchr_iter(b'"', &map[from..]);
    let key = b"\"trace_function_infos\"";
    let before = keys.into_iter().find_map(|at| map[..=from + at].strip_suffix(key))?.trim_ascii_end();
    (before.last() == Some(&b',') && before.len() > from).then(|| before.len() - 1)
}

/// Whether text up to that of the strings is a sequence of sections, each once, and what it says about allocation stacks if that is
/// wanted.
fn walk(mut text: Text<'_>, header: &Header) -> Option<Traces> {
    let mut seen: Vec<Vec<u8>> = [&b"snapshot"[..], b"nodes"].map(<[u8]>::to_vec).to_vec();
    let mut traces = Traces::default();
    loop {
        let key = next_key(&mut text)?;
        if seen.contains(&key) {
            return None;
        }
        if key == b"strings" {
            text.expect(b'[').ok()?;
            let whole = text.peek().ok()?.is_none() && (header.trace_fields.is_none() || traces.has_functions());
            return whole.then_some(traces);
        }
        let of_traces = traces::SECTIONS.into_iter().find(|section| section.as_bytes() == key);
        match of_traces.zip(header.trace_fields.as_ref()) {
            Some((section, fields)) => traces.read(&mut text, section, fields).ok()?,
            None => text.skip_value(&mut std::io::sink()).ok()?,
        }
        seen.push(key);
    }
}

/// The sections of allocation stacks at the beginning of some text, in V8's order, and where they end.
fn walk_traces(mut text: Text<'_>, fields: &TraceFields) -> Option<(Traces, usize)> {
    let mut traces = Traces::default();
    for section in traces::SECTIONS {
        if next_key(&mut text)? != section.as_bytes() {
            return None;
        }
        traces.read(&mut text, section, fields).ok()?;
    }
    Some((traces, usize::try_from(text.offset()).ok()?))
}

/// The key behind a comma.
fn next_key(text: &mut Text<'_>) -> Option<Vec<u8>> {
    text.expect(b',').ok()?;
    let key = text.short_string(KEY_MAX).ok()?;
    text.expect(b':').ok()?;
    Some(key)
}

/// Whether the outermost object ends here and nothing follows.
pub(super) fn closes(tail: &[u8]) -> bool {
    let white = |bytes: &[u8]| bytes.iter().all(|b| matches!(b, b' ' | b'\n' | b'\r' | b'\t'));
    tail.iter().position(|&b| b == b'}').is_some_and(|at| white(&tail[..at]) && white(&tail[at + 1..]))
}

/// Most bytes that edges and locations can take.
///
/// Two snapshots one after the other would pass for one whose edges are several times larger than announced; so would a file
/// with large sections of another kind. Both are read front to back.
fn edges_max(header: &Header) -> usize {
    let digits = |n: u64| n.checked_ilog10().unwrap_or(0) as u64 + 1;
    let offsets = digits(header.node_count.saturating_mul(header.layout.fields as u64));
    let edge = 2 + 10 + offsets + 4;
    usize::try_from(header.edge_count.saturating_mul(edge).saturating_add(64 << 10)).unwrap_or(usize::MAX)
}
