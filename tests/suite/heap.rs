//! What the program makes of references: retained and owned sizes, DevTools' classes, statistics, limits of memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use heapdiff::graph::{Dominators, Graph, GraphWant};
use heapdiff::grouping::printable;
use heapdiff::input::v8::read_graph;
use heapdiff::source::Source;
use serde_json::{Value, json};

use crate::support::synth::{self, Style, objects};
use crate::support::{Rng, corpus, folder, gzip, leak, put, python, report, run, run_with_input, text, whole, zst};

fn reference(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The reference's class keys, as a report shows them.
fn key(row: &Value) -> String {
    printable(row[0].as_str().unwrap())
}

/// Compares `top` with the reference's rows and statistics.
fn compare_top(snapshot: &str, expected: &Path) {
    let owned = &reference(expected)["owned"];
    let top = report(&["top", snapshot, "--by", "devtools", "--sizes", "owned", "--retained", "-n", "0", "-q"]);
    assert_eq!(top["grouping"], json!({"by": ["devtools"], "sizes": "owned"}));
    let rows = top["groups"].as_array().unwrap().iter().map(|row| {
        assert_eq!(row["key"][0], row["name"]);
        let sums = ["count", "self_size", "retained_size"].map(|column| number(&row[column][0]));
        (row["name"].as_str().unwrap().to_owned(), sums)
    });
    let rows: BTreeMap<String, [u64; 3]> = rows.collect();
    let theirs = owned["rows"].as_array().unwrap().iter().map(|row| (key(row), [1, 2, 3].map(|column| number(&row[column]))));
    assert_eq!(rows, theirs.collect(), "{snapshot}");
    // Objects without a size have no row.
    let counted: u64 = rows.values().map(|sums| sums[0]).sum();
    assert_eq!(number(&top["shown"]["rest"]["count"][0]), number(&top["inputs"][0]["nodes"]) - counted);
    assert_eq!(number(&top["shown"]["rest"]["self_size"][0]), 0);
    let statistics = &top["statistics"];
    let theirs = |path: &str| number(owned["statistics"].pointer(path).unwrap());
    for (name, path) in [
        ("total", "/total"),
        ("code", "/v8heap/code"),
        ("strings", "/v8heap/strings"),
        ("js_arrays", "/v8heap/jsArrays"),
        ("typed_arrays", "/native/typedArrays"),
        ("system", "/v8heap/system"),
    ] {
        assert_eq!(number(&statistics[name]), theirs(path), "{name} of {snapshot}");
    }
    assert_eq!(number(&statistics["other_native"]), theirs("/native/total") - theirs("/native/typedArrays"));
    let parts = ["code", "strings", "js_arrays", "typed_arrays", "system", "other_js", "other_native"];
    assert_eq!(parts.map(|part| number(&statistics[part])).iter().sum::<u64>(), theirs("/total"));
}

/// Compares `diff` with what the reference says came and went.
fn compare_diff(base: &str, current: &str, expected: &Path) {
    let diff = report(&["diff", base, current, "--by", "devtools", "--sizes", "owned", "-n", "0", "-q"]);
    let moved = |row: &Value| {
        [("added", "count"), ("removed", "count"), ("added", "size"), ("removed", "size")].map(|(a, b)| number(&row[a][b]))
    };
    let rows = diff["groups"].as_array().unwrap().iter();
    let rows = rows.map(|row| (row["name"].as_str().unwrap().to_owned(), moved(row)));
    let rows: BTreeMap<String, [u64; 4]> = rows.filter(|(_, moved)| moved[0] + moved[1] > 0).collect();
    let theirs = reference(expected);
    let theirs = theirs["owned"]["rows"].as_array().unwrap().iter();
    let theirs = theirs.map(|row| (key(row), [1, 2, 4, 5].map(|column| number(&row[column]))));
    assert_eq!(rows, theirs.collect(), "{base} and {current}");
}

#[test]
fn rows_and_statistics_are_those_of_the_reference_viewer() {
    for name in ["isolates/mr06-s1", "isolates/ivm-node24-track-s3", "isolates/mr0141-s3", "bun/s3"] {
        let snapshot = text(&corpus(&format!("{name}.heapsnapshot")));
        compare_top(&snapshot, &corpus(&format!("expected/{name}.expected.json")));
    }
    compare_top(
        &text(&corpus("chromium-worker/recording.heaptimeline")),
        &corpus("expected/chromium-worker/recording.expected.json"),
    );
}

#[test]
fn comparisons_are_those_of_the_reference_viewer() {
    for name in ["mr06", "ivm-track", "ivm-node24-track", "mr0141"] {
        let [base, current] = ["s1", "s3"].map(|s| text(&corpus(&format!("isolates/{name}-{s}.heapsnapshot"))));
        compare_diff(&base, &current, &corpus(&format!("expected/isolates/{name}-s1-s3.diff.expected.json")));
    }
}

#[test]
fn a_whole_corpus_has_the_rows_of_the_reference_viewer() {
    for reference in &whole::references(".expected.json") {
        match reference.pair() {
            Some([base, current]) => compare_diff(&text(&base), &text(&current), &reference.path),
            None => compare_top(&text(&reference.snapshot()), &reference.path),
        }
    }
}

/// A report without what only references tell.
fn without(mut report: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("statistics");
                if let Some(retained) = fields.get_mut("retained_size") {
                    *retained = Value::Null;
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut report);
    report
}

#[test]
fn reading_references_changes_no_other_figure() {
    let tracked = ["s1", "s2", "s3"].map(|s| text(&corpus(&format!("isolates/ivm-track-{s}.heapsnapshot"))));
    let bun = ["s1", "s3"].map(|s| text(&corpus(&format!("bun/{s}.heapsnapshot"))));
    let leaks: Vec<String> = (1..=7).map(leak).collect();
    let files = |files: &[String]| -> Vec<String> { files.to_vec() };
    let mut commands: Vec<Vec<String>> = vec![
        [vec!["top".to_owned()], files(&tracked[..1])].concat(),
        [vec!["diff".to_owned()], files(&tracked[1..])].concat(),
        [vec!["trend".to_owned()], files(&tracked)].concat(),
        [vec!["diff".to_owned()], files(&bun)].concat(),
        [vec!["trend".to_owned()], files(&leaks)].concat(),
    ];
    // The later one first: what came and went is known only after another look.
    commands.push([vec!["diff".to_owned()], vec![tracked[2].clone(), tracked[0].clone()]].concat());
    for by in ["class", "kind,class", "site,class", "script,name", "stack"] {
        for command in &commands {
            let args: Vec<&str> = command.iter().map(String::as_str).chain(["--by", by, "-n", "0"]).collect();
            let plain = report(&args);
            let args: Vec<&str> = args.into_iter().chain(["--retained"]).collect();
            let read = report(&args);
            assert!(read["groups"][0]["retained_size"].is_array(), "{args:?}");
            assert!(without(read) == plain, "{args:?}");
        }
    }
}

/// The bytes of all nodes that are, or have above them in the dominator tree, a member.
fn held(graph: &Graph, by_node: &[u32], member: impl Fn(u32) -> bool) -> u64 {
    let is_held = |&node: &u32| {
        let mut at = node;
        loop {
            let by = by_node[at as usize];
            if member(at) {
                return true;
            }
            if by == at {
                return false;
            }
            at = by;
        }
    };
    (0..graph.nodes()).filter(is_held).map(|node| graph.self_size.get(node)).sum()
}

#[test]
fn a_row_retains_what_one_of_its_objects_dominates() {
    let path = text(&corpus("isolates/ivm-node24-track-s3.heapsnapshot"));
    let graph = read_graph(&mut Source::open(&path).unwrap(), GraphWant::default()).unwrap();
    let by_node = Dominators::new(&graph).by_node();
    let is_of = |node: u32, kind: &str| graph.kinds.name(graph.kind[node as usize]) == kind;
    let names = report(&["top", &path, "--by", "kind,name", "--retained", "-n", "0"]);
    let retained = |row: &Value| number(&row["retained_size"][0]);
    for parent in names["parents"].as_array().unwrap() {
        let kind = parent["key"][0].as_str().unwrap();
        assert_eq!(retained(parent), held(&graph, &by_node, |node| is_of(node, kind)), "{kind}");
    }
    let objects = names["groups"].as_array().unwrap().iter().filter(|row| row["key"][0] == "object");
    let mut rows = 0;
    for row in objects.take(40) {
        let name = row["key"][1].as_str().unwrap();
        let member = |node: u32| is_of(node, "object") && printable(&graph.name_of(node)) == name;
        assert_eq!(retained(row), held(&graph, &by_node, member), "{name}");
        rows += 1;
    }
    assert!(rows > 20);
    // With a filter only what passes it is a member.
    let arrays = report(&["top", &path, "--kind", "array", "--by", "kind", "--retained"]);
    assert_eq!(retained(&arrays["groups"][0]), held(&graph, &by_node, |node| is_of(node, "array")));
}

#[test]
fn figures_do_not_depend_on_threads_or_on_how_a_file_comes_in() {
    let path = text(&corpus("isolates/ivm-track-s3.heapsnapshot"));
    let content = std::fs::read(&path).unwrap();
    let folder = folder();
    let options = ["--by", "devtools,kind", "--sizes", "owned", "--retained", "-n", "0", "--format", "csv"];
    let csv = |file: &str, more: &[&str]| {
        let args: Vec<&str> = ["top", file].iter().chain(&options).chain(more).copied().collect();
        let run = run_with_input(&args, &content);
        assert_eq!(run.code, Some(0), "{run:?}");
        run.stdout
    };
    let whole = csv(&path, &[]);
    for threads in ["1", "2", "7", "64"] {
        assert!(csv(&path, &["--threads", threads]) == whole, "{threads} threads");
    }
    for other in [put(folder.path(), "a.zst", &zst(&content)), put(folder.path(), "a.gz", &gzip(&content)), "-".to_owned()] {
        assert!(csv(&other, &[]) == whole, "{other}");
    }
    // All styles in which a small file can be written.
    let nodes = objects(&mut Rng(5), 300);
    for (name, style) in Style::all() {
        for tracked in [false, true] {
            let content = synth::file(&nodes, &Style { tracked, ..style.clone() });
            let file = put(folder.path(), "b", &content);
            let plain = report(&["top", &file, "--by", "name,stack", "-n", "0"]);
            for file in [file, put(folder.path(), "b.zst", &zst(&content))] {
                let read = report(&["top", &file, "--by", "name,stack", "-n", "0", "--retained", "-q"]);
                assert_eq!(without(read)["groups"], plain["groups"], "{name}");
            }
        }
    }
}

#[test]
fn classes_depend_on_the_last_snapshot_whatever_the_order_given() {
    let files: Vec<String> = (1..=4).map(leak).collect();
    let trend = |order: [usize; 4]| {
        let given: Vec<&str> = order.iter().map(|&i| files[i].as_str()).collect();
        report(&[&["trend"], &given[..], &["--by", "devtools", "--sizes", "owned", "-n", "0"]].concat())
    };
    assert!(trend([2, 3, 0, 1]) == trend([0, 1, 2, 3]));
    // What came and went adds up to what changed.
    let rows = trend([0, 1, 2, 3]);
    for row in rows["groups"].as_array().unwrap() {
        let moved = |which: &str| i64::try_from(number(&row[which]["count"])).unwrap();
        assert_eq!(moved("added") - moved("removed"), row["count_delta"].as_i64().unwrap(), "{row}");
    }
}

#[test]
fn memory_is_asked_for_before_it_is_taken() {
    let path = text(&corpus("isolates/mr06-s3.heapsnapshot"));
    for options in [&["--retained"][..], &["--sizes", "owned"], &["--by", "devtools"]] {
        let refused = run(&[&["top", &path, "--max-memory", "1 MiB"], options].concat());
        assert_eq!((refused.code, refused.stdout.len()), (Some(5), 0), "{refused:?}");
        assert!(refused.stderr.contains("need about") && refused.stderr.contains("--max-memory"), "{refused:?}");
        assert_eq!(run(&[&["top", &path, "--max-memory", "1GiB"], options].concat()).code, Some(0));
    }
    let why = ["trend", "--why", "fixtures/v8/leak", "--max-memory"];
    let refused = run(&[&why[..], &["1 MiB"]].concat());
    assert_eq!((refused.code, refused.stdout.len()), (Some(5), 0), "{refused:?}");
    assert_eq!(run(&[&why[..], &["1 GiB"]].concat()).code, Some(0));
    // Nobody asks for references: nothing is refused.
    assert_eq!(run(&["top", &path, "--max-memory", "1 MiB"]).code, Some(0));
    assert_eq!(run(&["trend", "fixtures/v8/leak", "--max-memory", "1 MiB"]).code, Some(0));
    let wrong = run(&["top", &path, "--max-memory", "much"]);
    assert_eq!(wrong.code, Some(2));
}

#[test]
fn formats_without_references_say_so() {
    let folder = folder();
    let summary = run(&["summary", &leak(1)]).stdout;
    let tracemalloc = zstd::decode_all(std::fs::File::open("fixtures/python/tracemalloc-n10-1.json.zst").unwrap()).unwrap();
    for (name, content) in [("summary", summary), ("tracemalloc", tracemalloc)] {
        let file = put(folder.path(), name, &content);
        for (options, named) in [
            (&["--retained"][..], "--retained"),
            (&["--sizes", "owned"], "--sizes owned"),
            (&["--by", "devtools"], "--by devtools"),
        ] {
            let run = run(&[&["top", &file], options].concat());
            let sentence = run.refusal();
            assert!(sentence.contains(name) && sentence.contains(named) && sentence.contains("references"), "{sentence}");
        }
    }
    let dump = python("leak27/dump-1.json");
    assert!(run(&["top", &dump, "--by", "devtools"]).refusal().contains("--by devtools"));
    assert_eq!(run(&["top", &leak(1), "--sort", "retained"]).code, Some(2));
    assert_eq!(run(&["check", &leak(1), "--retained"]).code, Some(2));
}

#[test]
fn every_format_shows_what_is_retained() {
    let (path, options) = (leak(7), ["--retained", "-n", "3"]);
    let show = |format: &str| run(&[&["top", &path, "--format", format], &options[..]].concat()).text().to_owned();
    let rows = report(&["top", &path, "--retained", "-n", "3", "--sort", "retained"]);
    let retained: Vec<u64> = rows["groups"].as_array().unwrap().iter().map(|row| number(&row["retained_size"][0])).collect();
    assert!(retained.is_sorted_by(|a, b| a >= b), "{retained:?}");
    let table = show("table");
    assert!(table.contains("RETAINED") && table.contains("code ") && table.contains("typed arrays "), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(show("markdown").contains("RETAINED"));
    assert!(show("csv").lines().next().unwrap().contains("retained_size_1"));
    assert!(show("ndjson").lines().last().unwrap().contains("\"statistics\":{\"total\""));
}

/// A record of a Python dump.
struct Object {
    kind: String,
    size: u64,
    refs: Vec<u64>,
}

/// The records of a dump by address, as a plain reader finds them.
fn dump(content: &[u8]) -> BTreeMap<u64, Object> {
    let mut objects = BTreeMap::new();
    for line in content.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let record: Value = serde_json::from_slice(line).unwrap();
        let object = Object {
            kind: record["type"].as_str().unwrap().to_owned(),
            size: number(&record["size"]),
            refs: record["refs"].as_array().unwrap().iter().map(number).collect(),
        };
        // Of records with one address the first counts.
        objects.entry(number(&record["address"])).or_insert(object);
    }
    objects
}

/// What some objects lead to when others are left out.
fn led_to(objects: &BTreeMap<u64, Object>, mut waiting: Vec<u64>, without: &[u64]) -> BTreeSet<u64> {
    let mut reached = BTreeSet::new();
    while let Some(address) = waiting.pop() {
        if !without.contains(&address) && objects.contains_key(&address) && reached.insert(address) {
            waiting.extend(&objects[&address].refs);
        }
    }
    reached
}

/// Modules, frames, unreferenced objects, and what none of these leads to but leads to all that leads to it.
fn roots(objects: &BTreeMap<u64, Object>) -> Vec<u64> {
    let mut referred = BTreeSet::new();
    for (&address, object) in objects {
        referred.extend(object.refs.iter().copied().filter(|&to| to != address));
    }
    let is_root = |address: &u64, object: &Object| matches!(&object.kind[..], "module" | "frame") || !referred.contains(address);
    let mut roots: Vec<u64> =
        objects.iter().filter(|(address, object)| is_root(address, object)).map(|(&address, _)| address).collect();
    let reached = led_to(objects, roots.clone(), &[]);
    let apart: Vec<u64> = objects.keys().copied().filter(|address| !reached.contains(address)).collect();
    let leads_to: BTreeMap<u64, BTreeSet<u64>> =
        apart.iter().map(|&address| (address, led_to(objects, vec![address], &[]))).collect();
    let in_first_cycle = |address: &&u64| {
        let leads_here = |other: &&u64| leads_to[other].contains(address);
        apart.iter().filter(leads_here).all(|other| leads_to[address].contains(other))
    };
    roots.extend(apart.iter().filter(in_first_cycle));
    roots
}

#[test]
fn a_python_object_retains_what_nothing_else_leads_to() {
    let path = python("leak27/dump-2.json");
    let objects = dump(&std::fs::read(&path).unwrap());
    let bytes = |addresses: BTreeSet<u64>| addresses.iter().map(|address| objects[address].size).sum::<u64>();
    let roots = roots(&objects);
    let held = |without: &[u64]| bytes(led_to(&objects, roots.clone(), without));
    let mut of_kind: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    objects.iter().for_each(|(&address, object)| of_kind.entry(&object.kind).or_default().push(address));
    let top = report(&["top", &path, "--by", "kind", "--retained", "-n", "0"]);
    let mut alone = 0;
    for row in top["groups"].as_array().unwrap() {
        let retained = number(&row["retained_size"][0]);
        assert!(retained >= number(&row["self_size"][0]), "{row}");
        if alone < 12
            && let [address] = of_kind[row["name"].as_str().unwrap()][..]
        {
            assert_eq!(retained, held(&[]) - held(&[address]), "{row}");
            alone += 1;
        }
    }
    assert_eq!(alone, 12, "types with one object");
}

#[test]
fn what_unreachable_cycles_hold_is_retained_by_them() {
    let mut rng = crate::support::Rng(17);
    let folder = folder();
    for dump_number in 0..12 {
        let of = 4 + rng.below(16);
        let mut content = String::new();
        for at in 0..of {
            let refs: Vec<usize> = (0..rng.below(3)).map(|_| 8 * (1 + rng.below(of))).collect();
            let kind = ["A", "B", "C", "module"][if rng.below(8) == 0 { 3 } else { rng.below(3) }];
            let (address, size) = (8 * (1 + at), 1_u64 << at);
            content
                .push_str(&format!("{{\"address\": {address}, \"type\": \"{kind}\", \"size\": {size}, \"refs\": {refs:?}}}\n"));
        }
        let objects = dump(content.as_bytes());
        let roots = roots(&objects);
        let all = led_to(&objects, roots.clone(), &[]);
        assert_eq!(all.len(), of, "{content}");
        // What goes away with any one of some objects, each byte once.
        let held = |members: &[u64]| {
            let with = |&member: &u64| &all - &led_to(&objects, roots.clone(), &[member]);
            let held: BTreeSet<u64> = members.iter().flat_map(with).collect();
            held.iter().map(|address| objects[address].size).sum::<u64>()
        };
        let file = put(folder.path(), &format!("{dump_number}.json"), content.as_bytes());
        for row in report(&["top", &file, "--by", "kind", "--retained", "-n", "0"])["groups"].as_array().unwrap() {
            let members = objects.iter().filter(|(_, object)| row["name"] == object.kind);
            let members: Vec<u64> = members.map(|(&address, _)| address).collect();
            assert_eq!(number(&row["retained_size"][0]), held(&members), "{row} {content}");
        }
    }
}

#[test]
fn roots_of_a_dump_are_modules_frames_and_what_nobody_refers_to() {
    let record = |address: u64, kind: &str, size: u64, refs: &[u64]| {
        format!("{{\"address\": {address}, \"type\": \"{kind}\", \"size\": {size}, \"refs\": {refs:?}}}\n")
    };
    let content: String = [
        // A module that somebody refers to is a root all the same.
        record(8, "module", 1, &[16]),
        record(16, "dict", 10, &[24, 32]),
        record(24, "A", 100, &[40]),
        record(32, "B", 1_000, &[40, 8]),
        record(40, "C", 10_000, &[]),
        // Nobody refers to it, but itself.
        record(48, "D", 100_000, &[48, 56, 4_000]),
        record(56, "E", 1_000_000, &[]),
        // A cycle that nobody reaches: each member hangs off the root.
        record(64, "F", 10_000_000, &[72, 80]),
        record(72, "F", 100_000_000, &[64]),
        record(80, "G", 7, &[]),
    ]
    .concat();
    let folder = folder();
    let path = put(folder.path(), "dump.json", content.as_bytes());
    for path in [path, put(folder.path(), "dump.json.gz", &gzip(content.as_bytes()))] {
        let top = report(&["top", &path, "--retained", "-n", "0"]);
        let rows = top["groups"].as_array().unwrap().iter();
        let rows: BTreeMap<&str, u64> =
            rows.map(|row| (row["name"].as_str().unwrap(), number(&row["retained_size"][0]))).collect();
        let expected = [
            ("module", 11_111),
            ("dict", 11_110),
            ("A", 100),
            ("B", 1_000),
            ("C", 10_000),
            ("D", 1_100_000),
            ("E", 1_000_000),
            ("F", 110_000_007),
            ("G", 7),
        ];
        assert_eq!(rows, BTreeMap::from(expected));
        assert!(without(top) == report(&["top", &path, "-n", "0"]));
        assert_eq!(run(&["top", &path, "--retained", "--max-memory", "1MiB"]).code, Some(5));
    }
}

#[test]
fn reading_references_of_dumps_changes_no_other_figure() {
    let dumps: Vec<String> = (1..=3).map(|i| python(&format!("leak27/dump-{i}.json"))).collect();
    for options in [&["--by", "class"][..], &["--by", "class,name"], &["--collapse"], &["--by", "site,class"]] {
        for files in [&dumps[..1], &dumps[..2], &dumps[..]] {
            let args: Vec<&str> = files.iter().map(String::as_str).chain(options.iter().copied()).chain(["-n", "0"]).collect();
            let plain = report(&args);
            let args: Vec<&str> = args.into_iter().chain(["--retained"]).collect();
            assert!(without(report(&args)) == plain, "{args:?}");
        }
    }
}

#[test]
fn a_heap_without_objects_is_one() {
    let folder = folder();
    let path = put(folder.path(), "s.heapsnapshot", &synth::file(&[], &Style::required()));
    for options in [&["--retained"][..], &["--sizes", "owned"], &["--by", "devtools"], &["--by", "owner"], &["--strings"]] {
        let report = report(&[&["top", &path], options].concat());
        assert_eq!(report["totals"]["count"], serde_json::json!([0]), "{options:?}");
    }
}
