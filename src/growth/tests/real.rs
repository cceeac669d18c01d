//! Real programs: series aggregated from their snapshots.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use serde::Deserialize;

use super::Heap;
use crate::report::TrendVerdict::{Leak, Shrinking, Step};

#[derive(Deserialize)]
struct Series {
    program: String,
    snapshots: Vec<Snapshot>,
}

#[derive(Deserialize)]
struct Snapshot {
    groups: Vec<(String, String, u64, u64)>,
}

/// Snapshots `from ..` of a program in `fixtures/series/public.ndjson.zst`.
fn program(name: &str, from: usize) -> Heap {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/series/public.ndjson.zst");
    let mut decoder = zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap();
    decoder.window_log_max(31).unwrap();
    let lines = BufReader::new(decoder).lines().map(|line| serde_json::from_str::<Series>(&line.unwrap()).unwrap());
    let series = lines.into_iter().find(|series| series.program == name).unwrap();
    let snapshots = &series.snapshots[from..];
    let mut rows: BTreeMap<(&str, &str), [Vec<u64>; 2]> = BTreeMap::new();
    for (at, snapshot) in snapshots.iter().enumerate() {
        for (kind, name, count, self_size) in &snapshot.groups {
            let [counts, sizes] =
                rows.entry((kind, name)).or_insert_with(|| [vec![0; snapshots.len()], vec![0; snapshots.len()]]);
            counts[at] = *count;
            sizes[at] = *self_size;
        }
    }
    rows.into_iter().fold(Heap::default(), |heap, ((kind, name), [count, size])| heap.columns(kind, name, count, size))
}

#[test]
fn channels_never_closed_are_one_finding() {
    let heap = program("grpc-channels", 1);
    let judged = heap.judge();
    let telling: Vec<_> = judged.judgement.findings.iter().filter(|finding| !finding.runtime).collect();
    let [finding] = telling.as_slice() else { panic!("{:?}", judged.findings()) };
    let members = judged.members(finding);
    for class in ["InternalChannel", "Subchannel", "ClientHttp2Session"] {
        assert!(members.contains(&(class, 1)), "{class} of {members:?}");
    }
    assert!(members.len() >= 43, "{members:?}");
    assert_eq!(finding.steps, Some(vec![40; 4]));
    let headline = &heap.rows[finding.headline];
    assert_eq!(headline.kind, "object");
    assert_ne!(headline.name, "Object");
    assert_eq!(finding.verdict, Leak);
}

#[test]
fn leaky_connections_head_the_ranking_and_nothing_else_is_a_leak() {
    let heap = program("node20-leaky", 0);
    let judged = heap.judge();
    let first = &judged.judgement.findings[0];
    assert_eq!(judged.findings()[0], ("LeakyConn", Leak));
    assert_eq!(first.steps, Some(vec![200; 4]));
    assert_eq!(judged.judgement.findings.iter().filter(|finding| finding.verdict == Leak).count(), 1);
    assert_eq!(judged.verdict("CacheEntry"), Step);
    assert_eq!(judged.verdict("Job"), Shrinking);
    assert_eq!(judged.verdict("ChurnItem"), Shrinking, "137, 121, 105, 142, 126: it falls in three of four steps");
}
