//! V8 heap snapshots: `.heapsnapshot` and `.heaptimeline`, as Node, Chrome, Deno, Bun and bare V8 write them.
//!
//! Two ways lead through a file. A mapped file in V8's own order of sections is read by all threads at once: nodes in pieces,
//! strings found from the end of the file, edges not at all (`mapped.rs`). Whatever is not as expected there, and every stream,
//! is read front to back (`front_to_back`), which accepts any order of sections and knows where an error is.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use crate::error::ErrorKind;
use crate::heap::{Heap, HeapWant};
use crate::identity::{Identity, NativeKey, Sampled};
use crate::input::text::{self, Text};
use crate::input::{InputFormat, Sniff, Want, foreign, json};
use crate::report::{Moved, Warning};
use crate::scan::Kernel;
use crate::snapshot::{Group, Runtime, Snapshot, native_name};
use crate::source::Source;
use crate::stacks::NOT_TRACKED;
use document::{Aside, SECTIONS, missing, put_aside};
use header::Header;
use names::Names;
use samples::{Ids, Sample};
use tally::{Slot, Tally};
use traces::{Recorded, Traces};
use verify::Facts;

mod anonymize;
mod arrays;
mod document;
mod graph;
mod header;
mod mapped;
mod names;
mod nodes;
mod peek;
mod records;
mod samples;
mod strings;
mod tally;
mod traced;
mod traces;
mod verify;

/// The format of V8's heap profiler.
pub struct V8;

pub use graph::read_graph;

/// Whether content that begins so may be a V8 snapshot.
#[must_use]
pub fn may_be(head: &[u8]) -> bool {
    V8.sniff(head) != Sniff::No
}

/// Name of the format in reports.
pub const NAME: &str = "v8";

impl InputFormat for V8 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn runtime(&self) -> Runtime {
        Runtime::V8
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        let text = text::beginning(head);
        let Some(text) = text.strip_prefix(b"{") else { return Sniff::No };
        let key = text.trim_ascii_start();
        let known = SECTIONS.iter().any(|section| {
            key.strip_prefix(b"\"")
                .and_then(|key| key.strip_prefix(section.as_bytes()))
                .is_some_and(|rest| rest.starts_with(b"\""))
        });
        if known { Sniff::Yes } else { Sniff::Maybe }
    }

    fn recent_id(&self, source: &Source) -> u64 {
        source.mapped().map_or(0, |map| peek::recent_id(map, Kernel::best()))
    }

    fn read(&self, source: &mut Source, want: Want<'_>) -> Result<Snapshot, ErrorKind> {
        let kernel = Kernel::best();
        // What has to look at edges or samples reads all sections one after the other.
        let all = want.verify || want.allocated_between.is_some();
        if !all
            && let Some(map) = source.mapped()
            && let Some(snapshot) = mapped::read(map, kernel, want, &source.done)
        {
            return Ok(snapshot);
        }
        source.done.store(0, std::sync::atomic::Ordering::Relaxed);
        let names_max = source.mapped().map_or(u64::from(u32::MAX), |map| map.len() as u64 / 3 + 1);
        let mut stream = source.take_stream();
        front_to_back(&mut stream, kernel, want, names_max)
    }

    fn read_heap(&self, source: &mut Source, want: Want<'_>, heap: HeapWant<'_>) -> Result<Heap, ErrorKind> {
        graph::read_heap(source, want, heap)
    }
}

pub use anonymize::{NameRule, anonymize, not_anonymous};

/// A stream may hold more names than this only where it announces as many nodes; they are then found by hashing.
const NAMES_TABLE_MAX: u64 = 1 << 26;

/// What has been read of a file so far.
struct Parts<'a> {
    header: Option<Header>,
    tally: Option<Tally<'a>>,
    names: Option<Names>,
    nodes_aside: Option<Aside>,
    strings_aside: Option<Aside>,
    traces: Traces,
    /// Stacks and locations that came before the header.
    early: Vec<(&'static str, Aside)>,
    samples: Option<Vec<Sample>>,
    samples_aside: Option<Aside>,
    name_max_offset: u64,
    kernel: Kernel,
    want: Want<'a>,
    names_max: u64,
    strings: u64,
    facts: Facts,
    edges_aside: Option<Aside>,
    /// A known section has been read.
    known: bool,
    /// The first key that is none of a snapshot's.
    stranger: Option<Vec<u8>>,
}

/// Reads a snapshot front to back, in bounded memory.
fn front_to_back(input: &mut dyn Read, kernel: Kernel, want: Want<'_>, names_max: u64) -> Result<Snapshot, ErrorKind> {
    let mut text = Text::new(input, 0, kernel);
    let mut parts = Parts {
        header: None,
        tally: None,
        names: None,
        nodes_aside: None,
        strings_aside: None,
        traces: Traces::default(),
        early: Vec::new(),
        samples: None,
        samples_aside: None,
        name_max_offset: 0,
        kernel,
        want,
        names_max,
        strings: 0,
        facts: Facts::default(),
        edges_aside: None,
        known: false,
        stranger: None,
    };
    document::sections(&mut text, |text, key| parts.section(text, key))?;
    if let (false, Some(key)) = (parts.known, &parts.stranger) {
        return Err(ErrorKind::Unrecognized(foreign::unknown_object(key)));
    }
    let warnings = document::trailing(&mut text)?;
    parts.finish(&mut text, warnings)
}

impl<'a> Parts<'a> {
    /// Reads the value of a key.
    fn section(&mut self, text: &mut Text<'_>, key: &[u8]) -> Result<(), ErrorKind> {
        let known = SECTIONS.iter().any(|section| section.as_bytes() == key);
        self.known |= known;
        if !known && self.stranger.is_none() {
            self.stranger = Some(key.to_vec());
        }
        match key {
            b"snapshot" => self.header = Some(document::header(text)?.wanting(self.want)),
            b"nodes" => {
                text.section = "nodes";
                let timed = self.want.allocated_between.is_none() || self.samples.is_some();
                if self.header.is_some() && timed {
                    self.nodes(text)?;
                } else {
                    self.nodes_aside = Some(put_aside(text)?);
                }
            }
            b"strings" => {
                text.section = "strings";
                let traced = self.header.as_ref().is_some_and(|header| header.trace_fields.is_some());
                if self.tally.is_some() && (!traced || self.traces.has_functions()) {
                    self.strings(text)?;
                } else {
                    self.strings_aside = Some(put_aside(text)?);
                }
            }
            b"edges" => self.edges(text)?,
            b"trace_function_infos" => self.traces(text, traces::SECTIONS[0])?,
            b"trace_tree" => self.traces(text, traces::SECTIONS[1])?,
            b"samples" => self.samples(text)?,
            b"locations" => self.locations(text)?,
            _ => self.skip(text, "unknown section")?,
        }
        Ok(())
    }

    fn skip(&self, text: &mut Text<'_>, section: &'static str) -> Result<(), ErrorKind> {
        text.section = section;
        if self.want.verify { json::value(text) } else { text.skip_value(&mut std::io::sink()) }
    }

    fn locations(&mut self, text: &mut Text<'_>) -> Result<(), ErrorKind> {
        match &self.header {
            None if self.want.verify => {
                text.section = "locations";
                self.early.push(("locations", put_aside(text)?));
                Ok(())
            }
            Some(header) if self.want.verify && header.location_fields.is_some() => {
                text.section = "locations";
                text.expect(b'[')?;
                graph::Locations::read(text, header).map(|_| ())
            }
            _ => self.skip(text, "locations"),
        }
    }

    fn edges(&mut self, text: &mut Text<'_>) -> Result<(), ErrorKind> {
        match &self.header {
            Some(header) if self.want.verify => {
                text.section = "edges";
                self.facts.edges(text, header)
            }
            None if self.want.verify => {
                text.section = "edges";
                self.edges_aside = Some(put_aside(text)?);
                Ok(())
            }
            _ => self.skip(text, "edges"),
        }
    }

    fn traces(&mut self, text: &mut Text<'_>, section: &'static str) -> Result<(), ErrorKind> {
        match &self.header {
            Some(Header { trace_fields: Some(fields), .. }) => self.traces.read(text, section, fields),
            None if self.want.stacks || self.want.verify => {
                text.section = section;
                self.early.push((section, put_aside(text)?));
                Ok(())
            }
            _ => self.skip(text, section),
        }
    }

    fn samples(&mut self, text: &mut Text<'_>) -> Result<(), ErrorKind> {
        match &self.header {
            _ if self.want.allocated_between.is_none() => self.skip(text, "samples"),
            Some(Header { sample_fields: Some(fields), .. }) => {
                self.samples = Some(samples::read(text, fields)?);
                Ok(())
            }
            None => {
                text.section = "samples";
                self.samples_aside = Some(put_aside(text)?);
                Ok(())
            }
            Some(_) => self.skip(text, "samples"),
        }
    }

    /// The ids of the objects that are wanted, if not all are.
    fn ids_wanted(&self, text: &Text<'_>) -> Result<Option<Ids>, ErrorKind> {
        match (self.want.allocated_between, &self.samples) {
            (None, _) => Ok(None),
            (Some(range), Some(samples)) if !samples.is_empty() => Ok(Some(samples::ids_between(samples, range))),
            _ => Err(ErrorKind::Inconsistent {
                section: "samples".to_owned(),
                offset: text.offset(),
                problem: "there are none: not a recording that tells when objects were allocated".to_owned(),
            }),
        }
    }

    fn nodes(&mut self, text: &mut Text<'_>) -> Result<(), ErrorKind> {
        text.section = "nodes";
        let Some(header) = &self.header else { return Err(missing(text, "snapshot")) };
        let dense = self.names_max.min(header.node_count.saturating_mul(4).max(1 << 16)).min(NAMES_TABLE_MAX);
        let tally = Tally::new(header, dense, self.want.identify).with_ids(self.ids_wanted(text)?);
        text.expect(b'[')?;
        let read = nodes::read(text, header, tally, self.want.verify)?;
        self.facts.nodes(read.edge_count_sum);
        self.name_max_offset = read.name_max_offset;
        self.tally = Some(read.tally);
        Ok(())
    }

    fn strings(&mut self, text: &mut Text<'_>) -> Result<(), ErrorKind> {
        text.section = "strings";
        let (Some(header), Some(tally)) = (&self.header, &self.tally) else { return Err(missing(text, "nodes")) };
        text.expect(b'[')?;
        let mut names = Names::wanted(header, std::slice::from_ref(tally), &self.traces);
        let wanted = names.indexes();
        let count = strings::read(text, &wanted, |name, raw| names.add(name, raw))?;
        if let Some((name, offset)) = self.traces.name_max.filter(|&(name, _)| u64::from(name) >= count) {
            text.section = traces::SECTIONS[0];
            let (name, count) = (crate::text::count(u64::from(name)), crate::text::count(count));
            return Err(text.inconsistent(offset, format!("a name is string {name}, but the file has {count} strings")));
        }
        if tally.nodes > 0 && u64::from(tally.name_max) >= count {
            text.section = "nodes";
            let problem = format!(
                "a name at or behind this place is string {}, but the file has {} strings",
                crate::text::count(u64::from(tally.name_max)),
                crate::text::count(count)
            );
            return Err(text.inconsistent(self.name_max_offset, problem));
        }
        self.names = Some(names);
        self.strings = count;
        Ok(())
    }

    /// Reads what was put aside, and builds the snapshot.
    fn finish(mut self, text: &mut Text<'_>, warnings: Vec<Warning>) -> Result<Snapshot, ErrorKind> {
        for (section, present) in [
            ("snapshot", self.header.is_some()),
            ("nodes", self.tally.is_some() || self.nodes_aside.is_some()),
            ("strings", self.names.is_some() || self.strings_aside.is_some()),
        ] {
            if !present {
                return Err(missing(text, section));
            }
        }
        for (section, mut aside) in std::mem::take(&mut self.early) {
            let mut text = Text::new(&mut aside.file, aside.offset, self.kernel);
            if section == "locations" { self.locations(&mut text)? } else { self.traces(&mut text, section)? }
        }
        if let Some(mut aside) = self.samples_aside.take() {
            self.samples(&mut Text::new(&mut aside.file, aside.offset, self.kernel))?;
        }
        if let Some(mut aside) = self.nodes_aside.take() {
            self.nodes(&mut Text::new(&mut aside.file, aside.offset, self.kernel))?;
        }
        if let Some(mut aside) = self.strings_aside.take() {
            self.strings(&mut Text::new(&mut aside.file, aside.offset, self.kernel))?;
        }
        if let Some(mut aside) = self.edges_aside.take() {
            self.edges(&mut Text::new(&mut aside.file, aside.offset, self.kernel))?;
        }
        if let (Some(header), true) = (&self.header, self.want.verify) {
            self.facts.finish(text, header, self.strings)?;
        }
        match (self.header, self.tally, self.names) {
            (Some(header), Some(tally), Some(names)) => {
                let snapshot = assemble(&header, vec![tally], &names, (&self.traces, &Branches::default()), warnings).0;
                Ok(Snapshot { strings: self.strings, ..snapshot })
            }
            _ => Err(missing(text, "nodes")),
        }
    }
}

/// Kind and name of a slot, as a report tells them.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Label<'n> {
    kind: &'n str,
    name: Cow<'n, str>,
}

/// The labels of all slots, sorted, and which of them each slot of each worker has.
fn labels<'n>(header: &'n Header, tallies: &[Tally<'_>], names: &'n Names) -> (Vec<Label<'n>>, Vec<Vec<u32>>) {
    let mut slots: Vec<((&str, u32, bool), usize, usize)> = Vec::new();
    for (tally, counted) in tallies.iter().enumerate() {
        let untraced = counted.slots.iter().enumerate().skip(1).filter(|(_, found)| found.without_trace().is_none());
        // A kind may be listed twice.
        let kind = |found: &Slot| header.kinds[found.kind()].name.as_str();
        slots.extend(untraced.map(|(slot, found)| ((kind(found), found.name, found.detached()), tally, slot)));
    }
    // Most slots are put together by their numbers, only the rest by text.
    slots.sort_unstable();
    let mut labels: Vec<(Label<'_>, usize, usize)> = Vec::new();
    let mut from = 0;
    for same in slots.chunk_by(|a, b| a.0 == b.0) {
        let (kind, name, detached) = same[0].0;
        let name = match &header.kinds[tallies[same[0].1].slots[same[0].2].kind()] {
            kind if kind.folded => Cow::Borrowed(""),
            kind if kind.native => Cow::Owned(native_name(names.get(name).0, detached)),
            _ => Cow::Borrowed(names.get(name).0),
        };
        labels.push((Label { kind, name }, from, from + same.len()));
        from += same.len();
    }
    labels.sort_unstable();
    let mut label_of: Vec<Vec<u32>> = tallies.iter().map(|tally| vec![0; tally.slots.len()]).collect();
    let mut distinct: Vec<Label<'_>> = Vec::with_capacity(labels.len());
    for (label, from, to) in labels {
        if distinct.last() != Some(&label) {
            distinct.push(label);
        }
        let number = u32::try_from(distinct.len() - 1).unwrap_or(u32::MAX);
        slots[from..to].iter().for_each(|&(_, tally, slot)| label_of[tally][slot] = number);
    }
    for (tally, label_of) in tallies.iter().zip(&mut label_of) {
        for (slot, found) in tally.slots.iter().enumerate() {
            if let Some(other) = found.without_trace() {
                label_of[slot] = label_of[other];
            }
        }
    }
    (distinct, label_of)
}

/// What the numbers mean that tell slots of one kind and name apart.
#[derive(Default)]
struct Branches {
    /// Trace node and class of each number; None if the number is the trace node.
    pairs: Option<Vec<(u32, u32)>>,
    /// The classes; the first is none.
    classes: Vec<String>,
}

impl Branches {
    /// Trace node and class of a slot.
    fn of(&self, slot: &Slot) -> (u32, u32) {
        self.pairs.as_ref().map_or((slot.trace, 0), |pairs| pairs[slot.trace as usize])
    }

    fn class(&self, number: u32) -> String {
        self.classes.get(number as usize).cloned().unwrap_or_default()
    }
}

/// A slot of a worker, and what it is of.
#[derive(Clone, Copy, Default)]
struct Place {
    label: u32,
    stack: u32,
    class: u32,
    tally: u32,
    slot: u32,
}

/// The slots of all workers by label, stack and class.
fn places(
    labels: usize,
    tallies: &[Tally<'_>],
    label_of: &[Vec<u32>],
    (recorded, branches): (&Recorded, &Branches),
) -> Vec<Place> {
    let mut places = Vec::with_capacity(label_of.iter().map(Vec::len).sum());
    for ((tally, counted), label_of) in (0..).zip(tallies).zip(label_of) {
        for ((slot, found), &label) in (0..).zip(&counted.slots).zip(label_of).skip(1) {
            let (trace, class) = branches.of(found);
            let stack = recorded.stack(trace).unwrap_or(NOT_TRACKED);
            places.push(Place { label, stack, class, tally, slot });
        }
    }
    let places = ordered(&places, branches.classes.len(), |place| place.class);
    let places = ordered(&places, recorded.stacks.len(), |place| place.stack);
    ordered(&places, labels, |place| place.label)
}

/// Sorts by a number below `keys`; equal ones stay in order. The numbers are dense: counted, not compared.
fn ordered(places: &[Place], keys: usize, key: impl Fn(&Place) -> u32) -> Vec<Place> {
    let mut next = vec![0; keys.max(1) + 1];
    places.iter().for_each(|place| next[key(place) as usize + 1] += 1);
    (1..next.len()).for_each(|key| next[key] += next[key - 1]);
    let mut sorted = vec![Place::default(); places.len()];
    for place in places {
        let next = &mut next[key(place) as usize];
        sorted[*next] = *place;
        *next += 1;
    }
    sorted
}

/// Puts what the workers counted together, now that names are known. Returns the group of each slot of each tally, too.
fn assemble(
    header: &Header,
    mut tallies: Vec<Tally<'_>>,
    names: &Names,
    (traces, branches): (&Traces, &Branches),
    mut warnings: Vec<Warning>,
) -> (Snapshot, Vec<Arc<[u32]>>) {
    tallies.iter_mut().for_each(Tally::settle);
    let recorded = traces.recorded(names);
    let objects = tallies.iter().flat_map(|tally| &tally.slots[1..]).map(|slot| (branches.of(slot).0, slot.count));
    warnings.extend(recorded.warnings(objects));
    let (labels, label_of) = labels(header, &tallies, names);
    let places = places(labels.len(), &tallies, &label_of, (&recorded, branches));
    let mut group_of: Vec<Vec<u32>> = tallies.iter().map(|tally| vec![u32::MAX; tally.slots.len()]).collect();
    let mut groups: Vec<Group> = Vec::new();
    let mut lacking = Vec::new();
    for same in places.chunk_by(|a, b| (a.label, a.stack, a.class) == (b.label, b.stack, b.class)) {
        let (mut count, mut self_size, mut lacks) = (0, 0, Moved::default());
        for &Place { tally, slot, .. } in same {
            let (tally, slot) = (tally as usize, slot as usize);
            let found = &tallies[tally].slots[slot];
            count += found.count;
            self_size += found.self_size;
            lacks.add(found.lacking);
            group_of[tally][slot] = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        }
        // A slot that all objects have left for those of their stacks is no group.
        if count > 0 {
            let (Label { kind, name }, stack) = (&labels[same[0].label as usize], same[0].stack);
            let (kind, name, class) = ((*kind).to_owned(), name.clone().into_owned(), branches.class(same[0].class));
            groups.push(Group { kind, name, stack, class, count, self_size });
            lacking.push(lacks);
        }
    }
    let odd_id_max = tallies.iter().map(|tally| tally.odd_id_max).max().unwrap_or(0);
    let group_of: Vec<Arc<[u32]>> = group_of.into_iter().map(Into::into).collect();
    let snapshot = Snapshot {
        nodes: tallies.iter().map(|tally| tally.nodes).sum(),
        edges: Some(header.edge_count),
        self_size: Some(tallies.iter().map(|tally| tally.self_size).sum()),
        extra_native_bytes: header.extra_native_bytes,
        order_key: (odd_id_max > 0 && !tallies.iter().any(|tally| tally.foreign_ids)).then_some(odd_id_max),
        groups,
        stacks: recorded.stacks,
        allocated: recorded.allocated,
        warnings,
        identity: identity(header, tallies, &group_of, names, lacking),
        ..Snapshot::new(NAME, Runtime::V8)
    };
    (snapshot, group_of)
}

/// Merges what the workers noted of the objects' identity.
fn identity(
    header: &Header,
    tallies: Vec<Tally<'_>>,
    group_of: &[Arc<[u32]>],
    names: &Names,
    lacking: Vec<Moved>,
) -> Option<Identity> {
    let mut merged: Option<Identity> = None;
    let mut natives: HashMap<NativeKey, u64> = HashMap::new();
    for (tally, group_of) in tallies.into_iter().zip(group_of) {
        let noted = tally.identity?;
        let merged = merged.get_or_insert_with(Identity::default);
        merged.stride = noted.stride;
        merged.sample.extend(noted.sample.iter().map(|&(id, slot, name)| {
            let kind = header.kinds[tally.slots[slot as usize].kind()].name.as_bytes();
            Sampled { id, hash: xxhash_rust::xxh3::xxh3_64_with_seed(kind, names.get(name).1) }
        }));
        if let Some(ids) = noted.ids {
            merged.ids.get_or_insert_default().merge(ids);
        }
        #[expect(clippy::iter_over_hash_type, reason = "sums do not depend on the order")]
        for ((slot, self_size), count) in noted.natives {
            *natives.entry(NativeKey { group: group_of[slot as usize], self_size }).or_default() += count;
        }
        merged.odd += noted.odd;
        merged.lacking = noted.against.map(|_| Vec::new());
        if let Some(segments) = noted.journal {
            let journal = merged.journal.get_or_insert_default();
            journal.above = noted.above;
            journal.segments.extend(segments.into_iter().map(|segment| segment.with_groups(group_of)));
        }
    }
    let mut merged = merged?;
    if let Some(ids) = &mut merged.ids {
        ids.finish();
    }
    merged.sample.sort_unstable();
    merged.natives = natives.into_iter().collect();
    merged.natives.sort_unstable();
    merged.lacking = merged.lacking.map(|_| lacking);
    Some(merged)
}
