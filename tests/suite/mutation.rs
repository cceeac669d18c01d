//! Damaged files: the reader and the plain reader both refuse, or both agree.
//!
//! The default read looks at header, nodes and strings; what lies between nodes and strings it may skip. Where only that part is
//! damaged it may accept, and then finds what it found in the whole file. Reading stacks skips less, `verify` nothing.

use std::ops::Range;

use crate::support::synth::{self, Style, objects};
use crate::support::{Rng, folder, groups, oracle, put, read, traced};

/// Sections that every read looks at.
const NEEDED: [&str; 3] = ["snapshot", "nodes", "strings"];
/// Sections that tell where objects were allocated.
const STACKS: [&str; 2] = ["trace_function_infos", "trace_tree"];

/// A file, and the parts of it that the default read may skip.
struct Whole {
    content: Vec<u8>,
    /// Where sections begin, and the last one ends.
    begins: Vec<usize>,
    skipped: Vec<Range<usize>>,
}

impl Whole {
    /// `looked_at` are the sections of the style that are not skipped.
    fn new(content: Vec<u8>, style: &Style, looked_at: &[&str]) -> Self {
        let text = std::str::from_utf8(&content).unwrap();
        // Where the sections begin, with the comma or brace before them.
        let begin = |(i, &section): (usize, &&str)| {
            let key = if section == "unknown" { format!("\"x-notes-{i}\"") } else { format!("\"{section}\"") };
            let before = text.match_indices(&key).map(|(at, _)| text[..at].trim_end());
            before.filter(|before| before.ends_with(',') || *before == "{").last().unwrap().len() - 1
        };
        let mut begins: Vec<usize> = style.sections.iter().enumerate().map(begin).collect();
        begins.push(text.rfind('}').unwrap());
        let ranges = begins.windows(2).map(|pair| pair[0]..pair[1]).zip(&style.sections);
        let skipped = ranges.filter(|(_, section)| !looked_at.contains(section)).map(|(range, _)| range);
        Self { skipped: skipped.collect(), begins, content }
    }

    fn skips(&self, at: usize) -> bool {
        self.skipped.iter().any(|range| range.contains(&at))
    }

    /// The whole file with something else in place of a stretch, and the same without what the default read may skip.
    fn with(&self, stretch: Range<usize>, other: &[u8]) -> (Vec<u8>, Vec<u8>) {
        // The same bytes appear when a repeated stretch is put in at its beginning.
        let before = stretch.start.saturating_sub(other.len());
        let repeats = stretch.is_empty() && self.content[before..stretch.start] == *other;
        let within = stretch.clone().all(|at| self.skips(at)) && self.skips(stretch.start) || repeats && self.skips(before);
        let mut content = self.content.clone();
        content.splice(stretch, other.iter().copied());
        let seen = if within { self.content.clone() } else { content.clone() };
        (content, seen)
    }

    /// Damages the file: its bytes, and those with the damage undone that the default read may skip.
    fn damaged(&self, rng: &mut Rng) -> (Vec<u8>, Vec<u8>) {
        let length = self.content.len();
        let at = rng.below(length);
        match rng.below(7) {
            0 => self.with(at..at + 1, &[self.content[at] ^ 1 << rng.below(8)]),
            1 => self.with(at..at, &[*rng.pick(b"0123456789,[]{}\"\\:-.e \n\0\x80u")]),
            2 => self.with(at..length.min(at + 1 + rng.below(4)), &[]),
            3 => self.with(at..at + 1, &[*rng.pick(b"0123456789,[]{}\"\\")]),
            4 => self.swapped(rng),
            5 => {
                let end = length.min(at + 1 + rng.below(60));
                self.with(end..end, &self.content[at..end])
            }
            _ => {
                // A digit becomes another: the file stays JSON.
                let digits: Vec<usize> = (0..length).filter(|&at| self.content[at].is_ascii_digit()).collect();
                let at = *rng.pick(&digits);
                self.with(at..at + 1, &[b'0' + u8::try_from(rng.below(10)).unwrap()])
            }
        }
    }

    /// Two stretches change places.
    fn swapped(&self, rng: &mut Rng) -> (Vec<u8>, Vec<u8>) {
        let half = self.content.len() / 2;
        let size = 1 + rng.below(40);
        // Where a stretch reaches from what is read into what is skipped, nothing says beforehand which bytes of the result are read.
        let is_whole = |at: usize| !self.begins.iter().any(|begin| (at + 1..at + size).contains(begin));
        let mut begins = |from: usize| loop {
            let at = from + rng.below(half - size);
            if is_whole(at) {
                return at;
            }
        };
        let (a, b) = (begins(0), begins(half));
        let mut content = self.content.clone();
        (0..size).for_each(|i| content.swap(a + i, b + i));
        let seen = content.iter().enumerate().map(|(at, &byte)| if self.skips(at) { self.content[at] } else { byte });
        (content.clone(), seen.collect())
    }
}

/// How often files of a style are damaged: `HEAPDIFF_ROUNDS`, or as often as a short run allows.
pub(crate) fn rounds() -> u64 {
    std::env::var("HEAPDIFF_ROUNDS").map_or(250, |rounds| rounds.parse().unwrap())
}

/// A file without zero bytes behind it, which are ignored with a warning.
fn unpadded(content: &[u8]) -> &[u8] {
    let is_padding = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let end = content.iter().rposition(|byte| !is_padding(byte)).map_or(0, |last| last + 1);
    if content[end..].contains(&0) { &content[..end] } else { content }
}

/// Damages files of a style many times; returns how often they were refused and accepted by `verify`.
fn damage(name: &str, style: &Style, rng: &mut Rng, faults: &mut Vec<String>) -> (usize, usize) {
    let folder = folder();
    let (mut refused, mut accepted) = (0, 0);
    for round in 0..rounds() {
        let mut round_rng = Rng(rng.next() ^ round);
        let content = synth::file(&objects(&mut round_rng, 12), style);
        oracle::read_all(&content).unwrap();
        let whole = Whole::new(content.clone(), style, &NEEDED);
        let looked_at = if style.fields.contains(&"trace_node_id") { [&NEEDED[..], &STACKS].concat() } else { NEEDED.to_vec() };
        let with_stacks = Whole::new(content, style, &looked_at);
        let (_, seen_with_stacks) = with_stacks.damaged(&mut Rng(round_rng.0));
        let (content, seen) = whole.damaged(&mut round_rng);
        let path = put(folder.path(), "content", &content);
        let mut fault = |what: String| faults.push(format!("{name}: {what}: {}", difference(&whole.content, &content)));
        // In the header, too, only what is needed is looked at.
        let lossy = |seen: &[u8]| String::from_utf8_lossy(unpadded(seen)).into_owned().into_bytes();
        let text = unpadded(&content);
        match (read(&path, false), oracle::read(text), oracle::read(&lossy(&seen))) {
            (Ok(found), Ok(expected), _) | (Ok(found), Err(_), Ok(expected)) => {
                if groups(&found) != expected.groups() {
                    fault("other groups".to_owned());
                }
            }
            (Ok(_), Err(error), Err(_)) => fault(format!("accepted, although {error}")),
            (Err(error), Ok(_), _) => fault(error.to_string()),
            (Err(_), Err(_), _) => {}
        }
        match (traced(&path), oracle::traced(text), oracle::traced(&lossy(&seen_with_stacks))) {
            (Ok(found), Ok(expected), _) | (Ok(found), Err(_), Ok(expected)) => {
                if found != expected {
                    fault(format!("other stacks: {found:?}, expected {expected:?}"));
                }
            }
            // A header that does not describe stacks any more makes their sections what is skipped.
            (Ok(found), Err(error), Err(_)) => {
                let without = oracle::traced(&lossy(&seen));
                if !without.is_ok_and(|expected| expected.allocated.is_empty() && expected == found) {
                    fault(format!("stacks accepted, although {error}"));
                }
            }
            (Err(error), Ok(_), _) => fault(format!("stacks: {error}")),
            (Err(_), Err(_), _) => {}
        }
        match (read(&path, true), oracle::read_all(text)) {
            (Ok(found), Ok(expected)) if groups(&found) != expected.groups() => fault("verify: other groups".to_owned()),
            (Ok(_), Err(error)) => fault(format!("verify accepts, although {error}")),
            (Err(error), Ok(_)) => fault(format!("verify: {error}")),
            (Ok(_), Ok(_)) => accepted += 1,
            (Err(_), Err(_)) => refused += 1,
        }
    }
    (refused, accepted)
}

fn damage_all(styles: &[(&'static str, Style)], mut rng: Rng) {
    let (mut refused, mut accepted) = (0, 0);
    let mut faults = Vec::new();
    for (name, style) in styles {
        let sums = damage(name, style, &mut rng, &mut faults);
        (refused, accepted) = (refused + sums.0, accepted + sums.1);
    }
    assert!(faults.is_empty(), "{} disagreements:\n{}", faults.len(), faults.join("\n"));
    assert!(refused > 400 && accepted > 100, "{refused} refused, {accepted} accepted");
}

#[test]
fn damage_is_refused_or_read_as_it_stands() {
    damage_all(&Style::all()[..4], Rng(21));
}

#[test]
fn damage_to_unusual_files_is_refused_or_read_as_it_stands() {
    damage_all(&Style::all()[4..], Rng(22));
}

/// The stretch in which two files differ, with what stands around it.
fn difference(a: &[u8], b: &[u8]) -> String {
    let head = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let part = |text: &[u8]| {
        let shown = &text[head.saturating_sub(30)..text.len().min(text.len() - tail + 30)];
        String::from_utf8_lossy(&shown[..shown.len().min(160)]).into_owned()
    };
    format!("at byte {head}\n    {:?}\n    {:?}", part(a), part(b))
}
