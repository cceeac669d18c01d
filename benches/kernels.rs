//! The kernels on text as V8 writes it, in bytes a second, beside the naive reader and the speed of the memory.
#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use heapdiff::scan::{Kernel, Layout, MARGIN, NumberState, Records, StringState, naive};

const BYTES: usize = 4 << 20;
const LAYOUT: Layout =
    Layout { fields: 7, kind: 0, name: 1, id: 2, self_size: 3, detachedness: 6, trace: None, edge_count: None };

/// Nodes with the digits of a snapshot of several million objects.
fn nodes(separator: &str) -> Vec<u8> {
    let mut text = " ".repeat(MARGIN).into_bytes();
    let mut seed = 7_u64;
    let mut id = 1_000_001;
    while text.len() < BYTES {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = seed >> 33;
        id += 2 + random % 3 * 2;
        let (kind, name, size, edges) = (random % 14, random % 400_000, 16 + random % 9 * 8, random % 6);
        text.extend_from_slice(format!("{kind},{name},{id},{size},{edges},0,0{separator}").as_bytes());
    }
    text
}

fn strings() -> Vec<u8> {
    let mut text = Vec::new();
    for i in 0.. {
        text.extend_from_slice(format!("\"customer {i} of \\\"Example & Söhne\\\" \\u00e9\",\n").as_bytes());
        if text.len() >= BYTES {
            return text;
        }
    }
    text
}

fn numbers(c: &mut Criterion) {
    for (style, separator) in [("lines", "\n,"), ("one-line", ",")] {
        let text = nodes(separator);
        let mut group = c.benchmark_group(format!("nodes-{style}"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("memchr", |b| b.iter(|| memchr::memchr(b']', black_box(&text))));
        for (name, kernel) in Kernel::all() {
            group.bench_function(format!("count/{name}"), |b| b.iter(|| kernel.count(black_box(&text), false)));
            let mut ends = Vec::new();
            group.bench_function(format!("ends/{name}"), |b| {
                b.iter(|| {
                    ends.clear();
                    kernel.ends(black_box(&text), MARGIN, text.len(), &mut NumberState::START.clone(), &mut ends)
                });
            });
            ends.clear();
            kernel.ends(&text, MARGIN, text.len(), &mut NumberState::START.clone(), &mut ends);
            ends.truncate(ends.len() / LAYOUT.fields * LAYOUT.fields);
            let mut records = Records::default();
            // As readers do it: a stretch that stays in the cache.
            let stretch = 300 * LAYOUT.fields;
            group.bench_function(format!("decode/{name}"), |b| {
                b.iter(|| ends.chunks(stretch).for_each(|ends| kernel.decode(black_box(&text), ends, &LAYOUT, &mut records)));
            });
        }
        group.bench_function("count/naive", |b| b.iter(|| naive::count(black_box(&text), false)));
        group.finish();
    }
}

fn string_arrays(c: &mut Criterion) {
    let text = strings();
    let mut group = c.benchmark_group("strings");
    group.throughput(Throughput::Bytes(text.len() as u64));
    for (name, kernel) in Kernel::all() {
        let mut masks = Vec::new();
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut state = StringState::START;
                for stretch in black_box(&text).chunks(4096) {
                    masks.clear();
                    kernel.strings(stretch, &mut state, &mut masks);
                }
            });
        });
    }
    group.bench_function("naive", |b| b.iter(|| naive::strings(black_box(&text))));
    group.finish();
}

criterion_group!(benches, numbers, string_arrays);
criterion_main!(benches);
