//! From paths to snapshots in order: which files a directory holds, which snapshot came first, which of them are of one process,
//! and which objects came and went between the first and the last.

use std::cmp::Ordering;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::error::{Error, ErrorKind};
use crate::heap::HeapWant;
use crate::identity::{Agreement, Identify, agreement};
use crate::input::{self, Want};
use crate::report::{OrderBy, Warning};
use crate::series::{Changes, Comparison, Series, compare};
use crate::snapshot::Snapshot;
use crate::source::{Source, is_repeatable};

/// How inputs are to be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputOrder {
    /// By object ids within one process, else by a time in the names, else by name in a directory and as given otherwise.
    Auto,
    /// As given.
    Given,
    /// By name.
    Name,
}

/// An input before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The path as given; for a file of a directory, joined with the directory's.
    pub path: String,
    /// It was found in a directory.
    pub from_directory: bool,
}

/// A snapshot and what is known of its place in the series.
#[derive(Debug)]
pub struct Loaded {
    /// The path as given.
    pub path: String,
    /// What it holds.
    pub snapshot: Snapshot,
    /// Number of its process, if ids tell.
    pub process: Option<u32>,
}

/// Told about the work as it goes on.
pub trait Progress: Sync {
    /// Reading of an input begins: `done` counts the bytes read of `total`. Others may still be at work.
    fn begin(&self, path: &str, done: &Arc<AtomicU64>, total: Option<u64>);
}

/// The files that inputs stand for: a directory stands for every snapshot in it, in natural order of the names. What looks like one and
/// is damaged, or cannot be read, is among them.
///
/// # Errors
/// If a directory cannot be read or holds no snapshot, or standard input is named twice.
pub fn expand(inputs: &[String]) -> Result<Vec<Candidate>, Error> {
    let mut candidates = Vec::new();
    for input in inputs {
        if input == "-" && candidates.iter().any(|c: &Candidate| c.path == "-") {
            return Err(ErrorKind::Unrecognized("standard input can be read only once".to_owned()).at(input));
        }
        if input != "-" && Path::new(input).is_dir() {
            candidates.extend(directory(input).map_err(|kind| kind.at(input))?);
        } else {
            candidates.push(Candidate { path: input.clone(), from_directory: false });
        }
    }
    Ok(candidates)
}

fn directory(path: &str) -> Result<Vec<Candidate>, ErrorKind> {
    let (mut names, mut empty) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let is_file = entry.path().metadata().map(|metadata| metadata.is_file());
        let is_called = is_called_snapshot(&entry.file_name().to_string_lossy());
        if entry.file_name().to_string_lossy().starts_with('.') || !is_file.unwrap_or(is_called) {
            continue;
        }
        let file = entry.path().to_string_lossy().into_owned();
        match Source::open(&file) {
            _ if is_called => names.push(file),
            Ok(source) if input::is_known(source.head()) => names.push(file),
            // What cannot be read may be one: whoever reads it says what is wrong.
            Err(ErrorKind::Io(_) | ErrorKind::Compressed { .. }) => names.push(file),
            Err(ErrorKind::Empty) => empty.push(file),
            _ => {}
        }
    }
    // A dump that failed leaves an empty file with the ending of the others.
    let ending = |file: &String| Path::new(file).extension().map(ToOwned::to_owned);
    let of_snapshots: Vec<_> = names.iter().map(ending).collect();
    names.extend(empty.into_iter().filter(|file| of_snapshots.contains(&ending(file))));
    if names.is_empty() {
        return Err(ErrorKind::Unrecognized(
            "the directory holds no heap snapshot (folders in it are not looked into)".to_owned(),
        ));
    }
    names.sort_by(|a, b| natural(a, b));
    Ok(names.into_iter().map(|path| Candidate { path, from_directory: true }).collect())
}

/// Whether a file's name says that it is a snapshot, compressed or not.
fn is_called_snapshot(name: &str) -> bool {
    let plain = [".gz", ".zst", ".xz", ".bz2"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    [".heapsnapshot", ".heaptimeline"].iter().any(|ending| plain.ends_with(ending))
}

/// Natural order: runs of digits compare as numbers.
#[must_use]
pub fn natural(a: &str, b: &str) -> Ordering {
    let split = |s: &str| -> Vec<(String, String)> {
        let mut parts = Vec::new();
        let mut rest = s;
        while !rest.is_empty() {
            let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let digits = rest[text..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - text);
            parts.push((rest[..text].to_owned(), rest[text..text + digits].trim_start_matches('0').to_owned()));
            rest = &rest[text + digits..];
        }
        parts
    };
    let number = |a: &str, b: &str| a.len().cmp(&b.len()).then_with(|| a.cmp(b));
    let (parts_a, parts_b) = (split(a), split(b));
    for ((text_a, digits_a), (text_b, digits_b)) in parts_a.iter().zip(&parts_b) {
        let order = text_a.cmp(text_b).then_with(|| number(digits_a, digits_b));
        if order != Ordering::Equal {
            return order;
        }
    }
    parts_a.len().cmp(&parts_b.len()).then_with(|| a.cmp(b))
}

/// The time in a name of Node's form `Heap.YYYYMMDD.HHMMSS.pid.tid.seq`: date, time and sequence number.
fn name_time(path: &str) -> Option<(u64, u64, u64)> {
    let name = Path::new(path).file_name()?.to_str()?;
    let mut parts = name.split('.');
    if parts.next()? != "Heap" {
        return None;
    }
    let mut number = |digits: Option<usize>| {
        let part = parts.next()?;
        (digits.is_none_or(|digits| part.len() == digits)).then(|| part.parse::<u64>().ok()).flatten()
    };
    let (date, time) = (number(Some(8))?, number(Some(6))?);
    let (_pid, _tid, sequence) = (number(None)?, number(None)?, number(None)?);
    Some((date, time, sequence))
}

/// Opens one input, of which so many bytes may be read, if that was said.
///
/// # Errors
/// If it cannot be opened or is too large.
pub fn open(path: &str, input_max: Option<u64>) -> Result<Source, Error> {
    Source::open(path).and_then(|source| source.limited(input_max)).map_err(|kind| kind.at(path))
}

/// Reads one input.
///
/// # Errors
/// If it cannot be read or is refused.
pub fn read(path: &str, want: Want<'_>, progress: &dyn Progress) -> Result<Snapshot, Error> {
    let mut source = open(path, want.input_max)?;
    progress.begin(path, &source.done, source.total);
    input::read(&mut source, want).map_err(|kind| kind.at(path))
}

/// Reads several inputs and puts them in order.
///
/// # Errors
/// If one of them cannot be read or is refused.
pub fn series(candidates: &[Candidate], ordering: InputOrder, want: Want<'_>, progress: &dyn Progress) -> Result<Series, Error> {
    let guess = by_name_or_given(candidates, ordering);
    let ends_of = |order: &[usize]| order.first().copied().zip(order.last().copied()).unwrap_or((0, 0));
    let (first, last) = ends_of(&guess);
    let mut loaded = all(candidates, &guess, want, progress)?;
    let mut warnings = Vec::new();
    processes(&mut loaded, &mut warnings);
    let (order, order_by) = order(candidates, &loaded, ordering, &guess, &mut warnings);
    let (a, b) = ends_of(&order);
    let one_process = a != b && loaded[a].process.is_some() && loaded[a].process == loaded[b].process;
    let mut changed = None;
    if one_process {
        if (a, b) != (first, last) {
            reread(candidates, &mut loaded, &order, want, progress, &mut warnings)?;
        }
        changed = changes(&mut loaded, (a, b), want, progress)?;
    }
    let mut places: Vec<Option<Loaded>> = loaded.into_iter().map(Some).collect();
    let loaded: Vec<Loaded> = order.iter().filter_map(|&i| places[i].take()).collect();
    duplicates(&loaded, &mut warnings);
    Ok(Series::new(loaded, order_by, changed, warnings))
}

/// Reads all inputs, the first and the last of an order so that they can be compared. They are returned in the order given.
fn all(candidates: &[Candidate], order: &[usize], want: Want<'_>, progress: &dyn Progress) -> Result<Vec<Loaded>, Error> {
    let (first, last) = (order.first().copied().unwrap_or(0), order.last().copied().unwrap_or(0));
    let by_class = want.heap.is_some_and(|heap| heap.classes);
    let read_as = |i: usize, identify: Identify<'_>, later: Option<&Snapshot>| {
        let heap = want.heap.map(|heap| HeapWant {
            interfaces: later.and_then(|later| later.heap.as_ref()?.interfaces.as_ref()),
            objects: by_class && first != last && (i == first || i == last),
            ..heap
        });
        read(&candidates[i].path, Want { identify, heap, ..want }, progress).map(|snapshot| (i, snapshot))
    };
    // The last goes first: what the first has and the last lacks is then found while reading the first.
    let ends = || {
        let identify = match candidates {
            [_] => Identify::No,
            _ if by_class => Identify::Sample,
            _ => Identify::Ids(recent_id(&candidates[first].path)),
        };
        let later = read_as(last, identify, None)?;
        let identify = if by_class { Identify::Sample } else { against(&later.1) };
        let earlier = (first != last).then(|| read_as(first, identify, Some(&later.1))).transpose()?;
        Ok([Some(later), earlier])
    };
    let between = |later: Option<&Snapshot>| {
        let others = order.iter().filter(|&&i| i != first && i != last);
        others.map(|&i| read_as(i, Identify::Sample, later)).collect::<Result<Vec<_>, Error>>()
    };
    let (ends, others) = if want.heap.is_some() {
        // One graph at a time, and its classes may be those of the last.
        let ends = ends()?;
        let others = between(ends[0].as_ref().map(|(_, later)| later))?;
        (ends, others)
    } else {
        // What no other thread can help with, the names at the end of a file, then goes on beside another file's nodes.
        let (ends, others) = rayon::join(ends, || between(None));
        (ends?, others?)
    };
    let mut read: Vec<(usize, Snapshot)> = ends.into_iter().flatten().chain(others).collect();
    of_one_kind(candidates, &read)?;
    read.sort_unstable_by_key(|&(i, _)| i);
    let loaded = |(i, snapshot): (usize, Snapshot)| Loaded { path: candidates[i].path.clone(), snapshot, process: None };
    Ok(read.into_iter().map(loaded).collect())
}

/// Refuses what is of another kind of program than the first.
fn of_one_kind(candidates: &[Candidate], read: &[(usize, Snapshot)]) -> Result<(), Error> {
    let mut read = read.iter();
    let Some((last, expected)) = read.next() else { return Ok(()) };
    let Some((i, other)) = read.find(|(_, other)| other.runtime != expected.runtime) else { return Ok(()) };
    let problem = format!(
        "it is of another kind of program ({}) than {} ({})",
        other.kind_of_input(),
        candidates[*last].path,
        expected.kind_of_input()
    );
    Err(ErrorKind::Unrecognized(problem).at(&candidates[*i].path))
}

/// An id that is probably not above the highest of a file, but near it.
fn recent_id(path: &str) -> u64 {
    if is_repeatable(path) { Source::open(path).map_or(0, |source| input::recent_id(&source)) } else { 0 }
}

/// To be read against the ids of another snapshot, if it has any.
fn against(later: &Snapshot) -> Identify<'_> {
    let ids = later.identity.as_ref().and_then(|identity| identity.ids.as_ref());
    ids.map_or(Identify::Sample, Identify::Against)
}

/// Which objects came and went between two snapshots of one process; reads both again if the later one's ids do not just rise.
fn changes(
    loaded: &mut [Loaded],
    (first, last): (usize, usize),
    want: Want<'_>,
    progress: &dyn Progress,
) -> Result<Option<Changes>, Error> {
    match compare(&loaded[first].snapshot, &loaded[last].snapshot) {
        Comparison::Changes(changes) => return Ok(Some(changes)),
        Comparison::IdsFall if [first, last].iter().all(|&i| is_repeatable(&loaded[i].path)) => {}
        _ => return Ok(None),
    }
    let earlier = read(&loaded[first].path, Want { identify: Identify::Ids(u64::MAX), ..want }, progress)?;
    loaded[last].snapshot = read(&loaded[last].path, Want { identify: against(&earlier), ..want }, progress)?;
    match compare(&loaded[first].snapshot, &loaded[last].snapshot) {
        Comparison::Changes(changes) => Ok(Some(changes)),
        _ => Ok(None),
    }
}

/// Reads the first and the last snapshot again, now that it is known which they are; all of them where classes depend on the last.
fn reread(
    candidates: &[Candidate],
    loaded: &mut [Loaded],
    order: &[usize],
    want: Want<'_>,
    progress: &dyn Progress,
    warnings: &mut Vec<Warning>,
) -> Result<(), Error> {
    let (Some(&first), Some(&last)) = (order.first(), order.last()) else { return Ok(()) };
    let by_class = want.heap.is_some_and(|heap| heap.classes);
    let again = |i: usize| by_class || i == first || i == last;
    if let Some(i) = (0..loaded.len()).find(|&i| again(i) && !is_repeatable(&loaded[i].path)) {
        let what = if loaded[i].path == "-" { "standard input" } else { &loaded[i].path };
        let message = format!("{what} is out of order and cannot be read twice: objects added and removed are not known");
        warnings.push(Warning { code: "no-identity".to_owned(), message, input: None });
        loaded[first].snapshot.identity = None;
        loaded[first].snapshot.heap.iter_mut().for_each(|heap| heap.objects = None);
        return Ok(());
    }
    if by_class {
        loaded.iter_mut().for_each(|place| place.snapshot = Snapshot::new("", place.snapshot.runtime));
        for (place, read) in loaded.iter_mut().zip(all(candidates, order, want, progress)?) {
            place.snapshot = read.snapshot;
        }
        return Ok(());
    }
    for place in loaded.iter_mut() {
        place.snapshot.identity = None;
    }
    let id_max = loaded[first].snapshot.order_key.unwrap_or(0);
    loaded[last].snapshot = read(&loaded[last].path, Want { identify: Identify::Ids(id_max), ..want }, progress)?;
    let identify = against(&loaded[last].snapshot);
    let earlier = read(&loaded[first].path, Want { identify, ..want }, progress)?;
    loaded[first].snapshot = earlier;
    Ok(())
}

/// The order to read in: by a time in the names, by name, or as given.
fn by_name_or_given(candidates: &[Candidate], ordering: InputOrder) -> Vec<usize> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    let path = |&i: &usize| candidates[i].path.as_str();
    match ordering {
        InputOrder::Given => {}
        InputOrder::Name => order.sort_by(|a, b| natural(path(a), path(b))),
        InputOrder::Auto if candidates.iter().all(|c| name_time(&c.path).is_some()) => {
            order.sort_by(|a, b| name_time(path(a)).cmp(&name_time(path(b))).then_with(|| natural(path(a), path(b))));
        }
        InputOrder::Auto => {}
    }
    order
}

/// What two snapshots' ids say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Same,
    Different,
    Unknown,
}

/// Within a process at least this share of common ids keeps type and name (0.9959 is the least seen, Node 16); two runs of one
/// script agree in 0.90.
const SAME_SHARE: f64 = 0.97;
/// Fewer common ids than this say nothing, unless they are half of all.
const COMMON_MIN: usize = 16;

fn relation(agreement: Agreement) -> Relation {
    let Agreement { common, of, equal } = agreement;
    #[expect(clippy::cast_precision_loss, reason = "sample sizes")]
    let share = equal as f64 / common.max(1) as f64;
    if common == 0 || common < COMMON_MIN.min(of.div_ceil(2)) || common * 50 < of {
        Relation::Unknown
    } else if share >= SAME_SHARE {
        Relation::Same
    } else {
        Relation::Different
    }
}

/// Numbers the processes, as far as ids tell, and warns where they don't or where there are several.
fn processes(loaded: &mut [Loaded], warnings: &mut Vec<Warning>) {
    if loaded.len() < 2 {
        return;
    }
    // Neighbours in time have most in common.
    let mut by_key: Vec<usize> = (0..loaded.len()).filter(|&i| loaded[i].snapshot.identity.is_some()).collect();
    by_key.sort_by_key(|&i| loaded[i].snapshot.order_key);
    let mut clusters: Vec<Vec<usize>> = Vec::new();
    let mut unknown = false;
    for &i in &by_key {
        let mut relations = clusters.iter().map(|cluster| {
            let newest = cluster.last().copied().unwrap_or(i);
            match (&loaded[i].snapshot.identity, &loaded[newest].snapshot.identity) {
                (Some(a), Some(b)) => relation(agreement(a, b)),
                _ => Relation::Unknown,
            }
        });
        let found = relations.clone().position(|relation| relation == Relation::Same);
        unknown |= found.is_none() && relations.any(|relation| relation == Relation::Unknown);
        match found {
            Some(cluster) => clusters[cluster].push(i),
            None => clusters.push(vec![i]),
        }
    }
    if unknown {
        let message = "object ids do not persist between these snapshots: they are compared by group only, and added, removed and \
                       surviving objects are not known";
        warnings.push(Warning { code: "unstable-ids".to_owned(), message: message.to_owned(), input: None });
        return;
    }
    clusters.sort_by_key(|cluster| cluster.iter().min().copied());
    for (number, cluster) in (0..).zip(&clusters) {
        for &i in cluster {
            loaded[i].process = Some(number);
        }
    }
    if clusters.len() > 1 {
        let message = format!(
            "the snapshots come from {} processes: differences between them are not growth, and objects are compared by group only",
            clusters.len()
        );
        warnings.push(Warning { code: "mixed-processes".to_owned(), message, input: None });
    }
}

/// The final order, and what it goes by.
fn order(
    candidates: &[Candidate],
    loaded: &[Loaded],
    ordering: InputOrder,
    guess: &[usize],
    warnings: &mut Vec<Warning>,
) -> (Vec<usize>, OrderBy) {
    let ids_tell = loaded.len() > 1 && {
        let keys = loaded.iter().all(|l| l.snapshot.order_key.is_some());
        // Summaries have no ids: their keys count unless other inputs show that keys mean nothing.
        let one = loaded.iter().all(|l| l.process == Some(0) || l.snapshot.identity.is_none() && l.snapshot.format == "summary");
        keys && one
    };
    let mut by_ids: Vec<usize> = guess.to_vec();
    by_ids.sort_by_key(|&i| loaded[i].snapshot.order_key);
    let key = |&i: &usize| loaded[i].snapshot.order_key;
    match ordering {
        InputOrder::Auto if ids_tell => return (by_ids, OrderBy::HeapIds),
        _ if ids_tell && !guess.is_sorted_by_key(key) => {
            let message = "object ids say that the snapshots were taken in another order";
            warnings.push(Warning { code: "order-contradicts-ids".to_owned(), message: message.to_owned(), input: None });
        }
        _ => {}
    }
    let by = match ordering {
        InputOrder::Name => OrderBy::Name,
        InputOrder::Auto if candidates.iter().all(|c| name_time(&c.path).is_some()) => OrderBy::NameTime,
        InputOrder::Auto if candidates.iter().all(|c| c.from_directory) => OrderBy::Name,
        _ => OrderBy::Given,
    };
    (guess.to_vec(), by)
}

/// Warns of inputs that are the same snapshot: a copy, or what a dump that failed left behind.
fn duplicates(loaded: &[Loaded], warnings: &mut Vec<Warning>) {
    for (i, later) in loaded.iter().enumerate().skip(1) {
        let same = |earlier: &&Loaded| {
            let (a, b) = (&earlier.snapshot, &later.snapshot);
            let groups = a.nodes == b.nodes && a.order_key == b.order_key && a.groups == b.groups;
            // Without ids two snapshots may well agree in all counts.
            groups && (a.order_key.is_some() || a.file_bytes == b.file_bytes && same_bytes(&earlier.path, &later.path))
        };
        if let Some(earlier) = loaded[..i].iter().rev().find(same) {
            let what = if later.snapshot.order_key.is_some() { "hold the same snapshot" } else { "are byte for byte the same" };
            let message = format!("{} and {} {what}: the later one may be a stale copy", earlier.path, later.path);
            warnings.push(Warning { code: "identical-inputs".to_owned(), message, input: Some(i) });
        }
    }
}

/// Whether two files hold the same bytes, by their hash (XXH3, 128 bits); false where one cannot be read again.
fn same_bytes(a: &str, b: &str) -> bool {
    let digest = |path: &str| -> Option<u128> {
        let mut stream = is_repeatable(path).then(|| Source::open(path).ok()).flatten()?.take_stream();
        let (mut hash, mut part) = (xxhash_rust::xxh3::Xxh3::new(), vec![0; 1 << 18]);
        loop {
            match stream.read(&mut part).ok()? {
                0 => return Some(hash.digest128()),
                read => hash.update(&part[..read]),
            }
        }
    };
    digest(a).is_some_and(|a| digest(b) == Some(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_order_compares_numbers() {
        let mut names = ["s10", "s2", "s1", "s02", "a", "s", "s1b"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "s", "s1", "s1b", "s02", "s2", "s10"]);
    }

    #[test]
    fn times_in_names_are_those_of_node() {
        assert_eq!(name_time("x/Heap.20261121.093001.4711.0.002.heapsnapshot"), Some((20_261_121, 93_001, 2)));
        assert_eq!(name_time("Heap.2026.093001.4711.0.002.heapsnapshot"), None);
        assert_eq!(name_time("s1.heapsnapshot"), None);
    }

    #[test]
    fn ids_tell_processes_apart() {
        assert_eq!(relation(Agreement { common: 5000, of: 6000, equal: 4980 }), Relation::Same);
        assert_eq!(relation(Agreement { common: 5000, of: 6000, equal: 4500 }), Relation::Different);
        assert_eq!(relation(Agreement { common: 1, of: 2841, equal: 1 }), Relation::Unknown);
        assert_eq!(relation(Agreement { common: 0, of: 0, equal: 0 }), Relation::Unknown);
        assert_eq!(relation(Agreement { common: 2, of: 5, equal: 2 }), Relation::Unknown);
        assert_eq!(relation(Agreement { common: 3, of: 5, equal: 3 }), Relation::Same);
        assert_eq!(relation(Agreement { common: 3, of: 5, equal: 2 }), Relation::Different);
    }
}
