//! Whole files through the library: `top` of a mapped and of a streamed file, and the parts of `diff`, in bytes a second.
#![allow(missing_docs, reason = "criterion's macros")]
#![allow(clippy::expect_used, reason = "a bench may fail loudly")]

use std::fmt::Write as _;
use std::io::Write as _;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use heapdiff::heap::{HeapWant, RowsWant};
use heapdiff::identity::Identify;
use heapdiff::input::{Want, read};
use heapdiff::source::Source;

const META: &str = r#"{"node_fields":["type","name","id","self_size","edge_count","trace_node_id","detachedness"],"node_types":[["hidden","array","string","object","code","closure"],"string","number","number","number","number","number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["context","element","property"],"string_or_number","node"]}"#;

/// A snapshot of `nodes` objects with the proportions of a real one: three edges an object, one name in fifteen.
fn snapshot(nodes: usize) -> String {
    let mut text =
        format!("{{\"snapshot\":{{\"meta\":{META},\"node_count\":{nodes},\"edge_count\":{}}},\n\"nodes\":[", nodes * 3);
    let names = nodes / 15 + 10;
    let mut seed = 7_usize;
    for i in 0..nodes {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = seed >> 33;
        // Most objects are strings and instances of few classes; few names appear under two types.
        let (kind, name) = if random & 3 == 0 { (2, random % names) } else { (random % 6, random % (names / 5)) };
        let kind = if random & 255 == 0 { kind } else { kind.min(2 + name % 4) };
        let comma = if i > 0 { "," } else { "" };
        writeln!(text, "{comma}{kind},{name},{},{},3,0,0", 2 * i + 1, 16 + random % 9 * 8).expect("memory");
    }
    text.push_str("],\n\"edges\":[");
    for i in 0..nodes * 3 {
        let comma = if i > 0 { "," } else { "" };
        writeln!(text, "{comma}{},{},{}", i % 3, i % names, i % nodes * 7).expect("memory");
    }
    text.push_str("],\n\"strings\":[");
    for i in 0..names {
        write!(text, "{}\"name of object number {i}\"", if i > 0 { ",\n" } else { "" }).expect("memory");
    }
    text.push_str("]}");
    text
}

fn files(c: &mut Criterion) {
    let smoke = std::env::args().any(|argument| argument == "--test");
    let text = snapshot(if smoke { 20_000 } else { 500_000 });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::File::create(&path).and_then(|mut file| file.write_all(content)).expect("a file");
        path.to_string_lossy().into_owned()
    };
    let plain = write("plain.heapsnapshot", text.as_bytes());
    let zstd = write("packed.heapsnapshot.zst", &zstd::encode_all(text.as_bytes(), 3).expect("zstd"));
    let load = |path: &str, identify: Identify<'_>| {
        let mut source = Source::open(path).expect("opens");
        read(&mut source, Want { identify, ..Want::GROUPS }).expect("reads")
    };
    let order_key = load(&plain, Identify::No).order_key.unwrap_or(0);
    let ids = load(&plain, Identify::Ids(u64::MAX)).identity.and_then(|identity| identity.ids).unwrap_or_default();

    let mut group = c.benchmark_group("file");
    group.sample_size(20).throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("top", |b| b.iter(|| load(&plain, Identify::No)));
    group.bench_function("top-zstd", |b| b.iter(|| load(&zstd, Identify::No)));
    group.bench_function("diff-last", |b| b.iter(|| load(&plain, Identify::Ids(order_key / 10 * 9))));
    group.bench_function("diff-first", |b| b.iter(|| load(&plain, Identify::Against(&ids))));
    group.bench_function("verify", |b| {
        b.iter(|| {
            let mut source = Source::open(&plain).expect("opens");
            read(&mut source, Want { verify: true, ..Want::GROUPS }).expect("reads")
        });
    });
    let heap = HeapWant { retained: Some(RowsWant::default()), ..HeapWant::default() };
    for (name, heap) in [("retained", heap), ("owned", HeapWant { owned: true, ..HeapWant::default() })] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut source = Source::open(&plain).expect("opens");
                read(&mut source, Want { heap: Some(heap), ..Want::GROUPS }).expect("reads")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, files);
criterion_main!(benches);
