//! Allocation stacks of V8 snapshots: against a plain reader, and against the reference viewer's own figures.

use std::collections::BTreeMap;
use std::path::PathBuf;

use heapdiff::input::{self, Want};
use heapdiff::snapshot::Group;
use heapdiff::source::Source;
use serde_json::Value;

use crate::identities::check;
use crate::support::oracle::{self, Frame, Sums};
use crate::support::synth::{self, Style, objects};
use crate::support::{
    Rng, corpus, folder, leak, names_section_and_offset, put, read, report, run, run_with_input, text, traced, whole, zst,
};

/// Snapshots of the bundle that were taken with allocation tracking.
const TRACKED: &[&str] = &[
    "isolates/ivm-track-s1.heapsnapshot",
    "isolates/ivm-track-s3.heapsnapshot",
    "isolates/ivm-node24-track-s3.heapsnapshot",
    "chromium-worker/recording.heaptimeline",
];

#[test]
fn stacks_are_those_a_plain_reader_finds() {
    for name in TRACKED {
        let path = text(&corpus(name));
        let expected = oracle::traced(&std::fs::read(&path).unwrap()).unwrap();
        let found = traced(&path).unwrap();
        assert!(found == expected, "{name}");
        assert!(found.groups.keys().filter(|(_, _, stack)| stack.len() > 1).count() > 5, "{name}");
    }
}

#[test]
fn stacks_are_found_in_every_style_and_however_a_file_comes_in() {
    let folder = folder();
    for (name, style) in Style::all() {
        let style = Style { tracked: true, ..style };
        let content = synth::file(&objects(&mut Rng(31), 200), &style);
        let expected = oracle::traced(&content).unwrap();
        let tracked = style.fields.contains(&"trace_node_id");
        assert_eq!(expected.groups.keys().any(|(_, _, stack)| !stack.is_empty()), tracked, "{name}");
        assert!(traced(&put(folder.path(), "content", &content)).unwrap() == expected, "{name}");
        assert!(traced(&put(folder.path(), "content.zst", &zst(&content))).unwrap() == expected, "{name}");
    }
}

/// The sums of each function (the first frame of a stack) in the reference's view.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Function {
    allocated: Sums,
    live: Sums,
}

type Functions = BTreeMap<Frame, Function>;

fn frame(value: &Value, script: &str) -> Frame {
    let name = |key: &str| value[key].as_str().unwrap().to_owned();
    let number = |key: &str| u32::try_from(value[key].as_u64().unwrap()).unwrap();
    (name("function"), name(script), number("line"), number("column"))
}

fn reference(json: &[u8]) -> Functions {
    let rows: Value = serde_json::from_slice(json).unwrap();
    let mut functions = Functions::new();
    for row in rows.as_array().unwrap() {
        let number = |key: &str| row[key].as_u64().unwrap();
        let sums = functions.entry(frame(row, "script")).or_default();
        sums.allocated = (sums.allocated.0 + number("count"), sums.allocated.1 + number("size"));
        sums.live = (sums.live.0 + number("liveCount"), sums.live.1 + number("liveSize"));
    }
    functions
}

/// Compares the rows of `--by function` with the reference's, which counts backing stores into their owners.
fn compare(snapshot: &str, expected: Functions) {
    let report = report(&["top", snapshot, "--by", "function", "--sizes", "owned", "-n", "0"]);
    let mut found = Functions::new();
    for row in report["groups"].as_array().unwrap() {
        let Some(innermost) = row["frames"].get(0) else {
            assert_eq!((&row["name"], row.get("allocated")), (&Value::from("[not tracked]"), None));
            continue;
        };
        let number = |value: &Value| value.as_u64().unwrap();
        let sums = Function {
            allocated: (number(&row["allocated"]["count"][0]), number(&row["allocated"]["size"][0])),
            live: (number(&row["count"][0]), number(&row["self_size"][0])),
        };
        assert!(found.insert(frame(innermost, "script"), sums).is_none(), "{row}");
    }
    for (frame, function) in &expected {
        // What has no living object has no row.
        let Some(sums) = found.remove(frame) else {
            assert_eq!(function.live, (0, 0), "{snapshot}: {frame:?}");
            continue;
        };
        assert_eq!(sums.allocated, function.allocated, "{snapshot}: {frame:?}");
        assert_eq!(sums.live, function.live, "{snapshot}: {frame:?}");
    }
    assert!(found.is_empty(), "{snapshot}: {found:?}");
}

#[test]
fn functions_are_those_of_the_reference_viewer() {
    for name in [
        "isolates/ivm-track-s3.heapsnapshot",
        "isolates/ivm-node24-track-s3.heapsnapshot",
        "chromium-worker/recording.heaptimeline",
    ] {
        let snapshot = corpus(name);
        let stem = name.rsplit_once('.').unwrap().0;
        let expected = std::fs::read(corpus(&format!("expected/{stem}.stacks.json"))).unwrap();
        compare(&text(&snapshot), reference(&expected));
    }
}

#[test]
fn functions_of_a_whole_corpus_are_those_of_the_reference_viewer() {
    for expected in &whole::references(".stacks.json.zst") {
        let snapshot = expected.snapshot();
        compare(&text(&snapshot), reference(&whole::unpacked(&expected.path)));
    }
}

#[test]
fn stacks_do_not_depend_on_threads_or_the_way_in() {
    for name in TRACKED {
        let path = text(&corpus(name));
        let by = ["--by", "class,stack", "-n", "0", "--format", "json", "--threads"];
        let report = |threads: &str| run(&[&["top", &path], &by[..], &[threads]].concat()).stdout;
        let one = report("1");
        assert!(one.len() > 5_000 && one == report("2") && one == report("16"), "{name}");
        let piped = run_with_input(&[&["top", "-"], &by[..], &["2"]].concat(), &std::fs::read(&path).unwrap()).json();
        let file: Value = serde_json::from_slice(&one).unwrap();
        assert_eq!((&piped["groups"], &piped["parents"]), (&file["groups"], &file["parents"]), "{name}");
    }
}

/// A tracked file with something else in place of a part of it.
fn altered(from: &str, to: &str) -> String {
    let content = String::from_utf8(synth::file(&objects(&mut Rng(32), 9), &Style::tracked())).unwrap();
    assert!(content.contains(from), "{from}");
    content.replacen(from, to, 1)
}

const FUNCTIONS: &str = "\"trace_function_infos\":[1,0,0,0,0,0,7,0,0,5,3,9]";
const TREE: &str = "\"trace_tree\":[1,0,3,96,[2,1,1,32,[4,0,0,0,[]],3,1,2,64,[]]]";

#[test]
fn damaged_stacks_are_refused_with_section_and_offset() {
    let folder = folder();
    for (from, to, words) in [
        (FUNCTIONS, "\"trace_function_infos\":[1,0,0,0,0,0,7,0,0,5,3]", "trace_function_infos: the array ends inside a record"),
        (FUNCTIONS, "\"trace_function_infos\":[1,99,0,0,0,0]", "a name is string 99"),
        (FUNCTIONS, "\"trace_function_infos\":[1,0,0,0,-1,0]", "an unsigned whole number"),
        (FUNCTIONS, "\"trace_function_infos\":[1,0,0,0,4294967296,0]", "too large"),
        (FUNCTIONS, "\"trace_function_infos\":[1,0,0,0,[],0]", "an unsigned whole number"),
        (FUNCTIONS, "\"trace_function_infos\":{}", "\"[\""),
        (TREE, "\"trace_tree\":[1,0,3,96]", "trace_tree: the array ends inside a record"),
        (TREE, "\"trace_tree\":[1,0,3,[],96]", "trace_tree: expected an unsigned whole number"),
        (TREE, "\"trace_tree\":[1,0,3,96,7]", "trace_tree: expected \"[\""),
        (TREE, "\"trace_tree\":[1,0,3,96,[2,1,1,32,[]],]", "trace_tree: expected an unsigned whole number"),
        (TREE, "\"trace_tree\":[1,0,3,96,[]1]", "trace_tree: expected \",\" or \"]\""),
        (TREE, "\"trace_tree\":[1,0,03,96,[]]", "trace_tree: expected an unsigned whole number"),
        (TREE, "\"trace_tree\":[1,0,18446744073709551616,96,[]]", "trace_tree: the number is too large"),
        (TREE, "\"trace_tree\":[4294967296,0,3,96,[]]", "trace_tree: the number is too large"),
    ] {
        let path = put(folder.path(), "content", altered(from, to).as_bytes());
        for args in [vec!["top", &path, "--by", "site"], vec!["verify", &path]] {
            let run = run(&args);
            let message = run.refusal();
            assert!(message.contains(words) && names_section_and_offset(message), "{to}: {message}");
        }
        assert_eq!(run(&["top", &path]).code, Some(0), "{to}");
    }
}

#[test]
fn what_stacks_refer_to_in_vain_is_counted() {
    let folder = folder();
    for (from, to, sentence) in [
        (
            TREE,
            "\"trace_tree\":[1,0,3,96,[2,1,1,32,[],3,1,2,64,[]]]",
            "1 objects name an allocation stack that the file does not hold",
        ),
        (TREE, "\"trace_tree\":[1,0,3,96,[2,7,1,32,[4,0,0,0,[]],3,1,2,64,[]]]", "1 frames of allocation stacks are of functions"),
        (
            TREE,
            "\"trace_tree\":[1,0,3,96,[2,1,1,32,[4,0,0,0,[]],3,1,2,64,[],3,0,0,0,[]]]",
            "1 allocation stacks have the id of another",
        ),
    ] {
        let content = altered(from, to);
        let path = put(folder.path(), "content", content.as_bytes());
        assert!(traced(&path).unwrap() == oracle::traced(content.as_bytes()).unwrap(), "{to}");
        let warnings = report(&["top", &path, "--by", "site"])["inputs"][0]["warnings"].clone();
        let messages: Vec<&str> = warnings.as_array().unwrap().iter().filter_map(|warning| warning["message"].as_str()).collect();
        assert!(messages.len() == 1 && messages[0].starts_with(sentence), "{to}: {messages:?}");
    }
}

#[test]
fn trees_may_be_deep_and_ids_sparse() {
    const DEPTH: usize = 1_000_000;
    let mut tree = String::from("\"trace_tree\":[");
    (1..DEPTH).for_each(|id| tree.push_str(&format!("{},1,0,0,[", id + 7)));
    tree.push_str("4,1,1,32,[]");
    (1..DEPTH).for_each(|_| tree.push(']'));
    tree.push_str(",3,0,5,6,[],4294967295,1,2,3,[]]");
    let folder = folder();
    for style in [Style::tracked(), Style { tracked: true, ..Style::reversed() }] {
        let content = String::from_utf8(synth::file(&objects(&mut Rng(33), 9), &style)).unwrap();
        let content = content.replacen(TREE, &tree, 1);
        let path = put(folder.path(), "content", content.as_bytes());
        let snapshot = input::read(&mut Source::open(&path).unwrap(), Want { stacks: true, ..Want::GROUPS }).unwrap();
        let depth = |group: &Group| snapshot.stacks.frames(group.stack).count();
        // The root is not shown.
        assert_eq!(snapshot.groups.iter().map(depth).max(), Some(DEPTH - 1));
        let top = report(&["top", &path, "--by", "function", "-n", "0"]);
        let row = top["groups"].as_array().unwrap().iter().find(|row| row["frames"][0]["line"] == 3).unwrap();
        assert_eq!((&row["count"][0], &row["allocated"]["count"][0]), (&Value::from(1), &Value::from(3)));
        assert!(read(&path, true).is_ok());
    }
}

/// The rows of a level, by their keys.
fn rows(report: &Value) -> BTreeMap<String, &Value> {
    report["groups"].as_array().unwrap().iter().map(|row| (row["name"].as_str().unwrap().to_owned(), row)).collect()
}

#[test]
fn changes_by_stack_add_up_to_those_by_class() {
    let files: Vec<String> = (1..=3).map(|n| text(&corpus(&format!("isolates/ivm-track-s{n}.heapsnapshot")))).collect();
    let [first, _, last] = &files[..] else { panic!("three files") };
    let plain = report(&["diff", first, last, "-n", "0"]);
    for by in ["stack", "site", "function", "script", "package", "class,site", "package,class", "site,function,class"] {
        let report = report(&["diff", first, last, "--by", by, "-n", "0"]);
        check(&report, by);
        assert_eq!(report["totals"], plain["totals"], "{by}");
        assert!(report["warnings"].as_array().unwrap().is_empty(), "{by}: {}", report["warnings"]);
    }
    let by_class = report(&["diff", first, last, "--by", "class,stack", "-n", "0"]);
    let parents = by_class["parents"].as_array().unwrap();
    for (class, row) in rows(&plain) {
        let parent = parents.iter().find(|parent| parent["name"] == class).unwrap();
        for field in ["count", "self_size", "added", "removed", "survived"] {
            assert_eq!(parent[field], row[field], "{class} {field}");
        }
    }
    // The class that leaks, where it leaks: 20 in each of the functions that came with s2 and s3.
    let leaky: Vec<&Value> = by_class["groups"].as_array().unwrap().iter().filter(|row| row["key"][0] == "LeakyConn").collect();
    let at = |script: &str| leaky.iter().find(|row| row["frames"][0]["script"] == script).unwrap();
    assert_eq!(at("file:///req1.js")["added"]["count"], 0);
    assert_eq!(at("file:///req2.js")["added"]["count"], 20);
    assert_eq!(at("file:///req3.js")["added"]["count"], 20);
    let trend = report(&[&["trend", "-n", "0"], &files.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat());
    let place = &rows(&trend)["LeakyConn"]["allocated_at"];
    assert_eq!((&place["frames"][0]["function"], &place["count_delta"]), (&Value::from("handleRequest"), &Value::from(20)));
}

#[test]
fn rows_by_place_alone_are_sums_of_those_by_type() {
    for name in TRACKED {
        let path = text(&corpus(name));
        for level in ["stack", "site", "function", "script", "package"] {
            let alone = report(&["top", &path, "--by", level, "-n", "0"]);
            let by_type = report(&["top", &path, "--by", &format!("{level},kind,name"), "-n", "0"]);
            let parents = by_type["parents"].as_array().unwrap();
            let sums = |rows: &[Value]| -> BTreeMap<String, Value> {
                let outer = rows.iter().filter(|row| row["key"].as_array().unwrap().len() == 1);
                let values = |row: &Value| ["count", "self_size", "kind", "allocated", "frames"].map(|field| row[field].clone());
                outer.map(|row| (row["name"].to_string(), Value::from(values(row).to_vec()))).collect()
            };
            assert_eq!(sums(alone["groups"].as_array().unwrap()), sums(parents), "{name} {level}");
            assert_eq!(alone["totals"], by_type["totals"], "{name} {level}");
        }
    }
}

#[test]
fn parts_of_stacks_are_sums_of_whole_stacks() {
    for name in TRACKED {
        assert!(adds_up(&text(&corpus(name))) > 10, "{name}");
    }
    let folder = folder();
    for tree in [
        "[1,0,3,96,[2,1,1,32,[],3,1,2,64,[]]]",
        // Ids that another node has, or that mean none.
        "[1,0,3,96,[4,1,1,32,[],3,1,2,64,[],4,0,0,0,[],2,1,0,0,[]]]",
        "[1,0,3,96,[0,1,1,32,[],2,1,2,64,[3,2,0,0,[4,2,0,0,[]],5,2,0,0,[]]]]",
    ] {
        let content = altered(TREE, &format!("\"trace_tree\":{tree}"));
        assert!(adds_up(&put(folder.path(), "content", content.as_bytes())) > 2, "{tree}");
    }
}

/// Asserts that rows by parts of stacks are sums of rows by whole stacks; how many there are.
fn adds_up(path: &str) -> usize {
    let rows_of = |level: &str| {
        let parts = report(&["top", path, "--by", &format!("class,{level}"), "-n", "0"]);
        let stacks = report(&["top", path, "--by", &format!("class,{level},stack"), "-n", "0"]);
        let sums = |rows: &Value| -> BTreeMap<String, Value> {
            let inner = rows.as_array().unwrap().iter().filter(|row| row["key"].as_array().unwrap().len() == 2);
            inner
                .map(|row| (row["key"].to_string(), Value::from(["count", "self_size"].map(|f| row[f].clone()).to_vec())))
                .collect()
        };
        let expected = sums(&stacks["parents"]);
        assert_eq!(sums(&parts["groups"]), expected, "{path} {level}");
        expected.len()
    };
    ["site", "script", "package", "function"].map(rows_of).into_iter().min().unwrap_or(0)
}

#[test]
fn what_was_allocated_is_known_by_place_alone() {
    let path = text(&corpus("isolates/ivm-track-s3.heapsnapshot"));
    let by_package = report(&["top", &path, "--by", "package,class", "-n", "0"]);
    assert!(by_package["groups"].as_array().unwrap().iter().all(|row| row.get("allocated").is_none()));
    let app = by_package["parents"].as_array().unwrap().iter().find(|parent| parent["name"] == "app").unwrap();
    // All of the tree but what V8 allocates itself: its root and the node of V8's API.
    let expected = oracle::traced(&std::fs::read(&path).unwrap()).unwrap().allocated;
    let of_app = expected.iter().filter(|(stack, _)| stack.iter().any(|(_, script, ..)| !script.is_empty()));
    let sums = of_app.fold((0, 0), |sums, (_, more)| (sums.0 + more.0, sums.1 + more.1));
    assert_eq!(app["allocated"]["count"][0], sums.0);
    assert_eq!(app["allocated"]["size"][0], sums.1);
    assert!(report(&["top", &path, "--by", "site", "--kind", "object"])["groups"][0].get("allocated").is_none());
}

#[test]
fn a_snapshot_without_stacks_says_so() {
    let untracked = leak(2);
    let top = run(&["top", &untracked, "--by", "site", "--format", "json"]);
    assert!(top.stderr.contains("allocation stacks: none in this snapshot; start the process with "), "{}", top.stderr);
    let report = top.json();
    assert_eq!(report["warnings"][0]["code"], "no-stacks");
    let rows = report["groups"].as_array().unwrap();
    assert!(rows.len() == 1 && rows[0]["name"] == "[not tracked]" && rows[0]["count"] == report["totals"]["count"]);
    assert!(run(&["top", &untracked, "--by", "class"]).stderr.is_empty());
    let tracked = text(&corpus("isolates/mr06-s1.heapsnapshot"));
    let mixed =
        crate::support::report(&["diff", &tracked, &text(&corpus("isolates/ivm-track-s1.heapsnapshot")), "--by", "package"]);
    let without: Vec<&Value> = mixed["warnings"].as_array().unwrap().iter().filter(|w| w["code"] == "no-stacks").collect();
    assert!(without.len() == 1 && without[0]["input"] == 0, "{without:?}");
}

/// The gRPC channels of the corpus that `HEAPDIFF_CORPUS` names: one more channel for each request.
#[test]
#[expect(clippy::print_stderr, reason = "says that it did nothing")]
fn growth_of_channels_is_put_on_their_package_and_their_caller() {
    let Some(folder) = std::env::var_os("HEAPDIFF_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: HEAPDIFF_CORPUS names no folder");
        return;
    };
    let files: Vec<String> = (2..=6).map(|n| text(&folder.join(format!("v8/grpc-channels/s{n}.heapsnapshot.zst")))).collect();
    // Its header announces 992 functions, but there are 998.
    let first = folder.join("v8/grpc-channels/s1.heapsnapshot.zst");
    let content = zstd::stream::decode_all(std::fs::File::open(&first).unwrap()).unwrap();
    assert!(traced(&text(&first)).unwrap() == oracle::traced(&content).unwrap());
    let trend =
        |options: &[&str]| report(&[&["trend"], options, &files.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat());
    let packages = trend(&["--by", "package,class", "-n", "0", "--sort", "delta"]);
    let tracked = packages["parents"].as_array().unwrap().iter().find(|parent| parent["name"] != "[not tracked]").unwrap();
    assert_eq!(tracked["name"], "@grpc/grpc-js");
    let sites = trend(&["--by", "site", "-n", "0"]);
    let call = rows(&sites).into_iter().find(|(name, _)| name == "lookup /srv/app/corpus/make/grpc.js:24:15").unwrap().1;
    assert!(call["size_delta"].as_i64().unwrap() > 0);
    // The finding names the call in the application.
    let finding = &trend(&[])["findings"][0];
    assert!(finding["members"].as_array().unwrap().iter().any(|member| member["name"] == "InternalChannel"));
    let frames = finding["allocated_at"]["frames"].as_array().unwrap();
    assert!(frames.iter().any(|frame| frame["function"] == "lookup" && frame["line"] == 24), "{frames:?}");
    assert_eq!(finding["allocated_at"]["package"], "@grpc/grpc-js");
}

/// Bytes of the lines of folded stacks, by what they begin with.
fn folded(args: &[&str]) -> Vec<(String, Vec<u64>)> {
    let run = run(&[args, &["--format", "folded"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let values = |line: &str, n: usize| -> (String, Vec<u64>) {
        let mut parts: Vec<&str> = line.rsplitn(n + 1, ' ').collect();
        let stack = parts.pop().unwrap().to_owned();
        (stack, parts.iter().rev().map(|value| value.parse().unwrap()).collect())
    };
    run.text().lines().map(|line| values(line, if args[0] == "top" { 1 } else { 2 })).collect()
}

#[test]
fn folded_stacks_hold_every_byte() {
    let files = ["ivm-track-s1", "ivm-track-s3"].map(|name| text(&corpus(&format!("isolates/{name}.heapsnapshot"))));
    let [first, last] = [0, 1].map(|i| read(&files[i], false).unwrap().self_size.unwrap());
    let top = folded(&["top", &files[1]]);
    assert_eq!(top.iter().map(|(_, values)| values[0]).sum::<u64>(), last);
    // Outermost first, as the tree has it.
    let expected = oracle::traced(&std::fs::read(&files[1]).unwrap()).unwrap();
    let stack = "(anonymous) file:///req2.js:1:1;handleRequest file:///req2.js:1:23;LeakyConn file:///app.js:1:28;Uint8Array";
    let of_stack = expected.groups.iter().filter(|((_, _, frames), _)| frames.len() == 4 && frames[3].1 == "file:///req2.js");
    let bytes: u64 = of_stack.map(|(_, sums)| sums.1).sum();
    assert!(bytes > 0 && top.contains(&(stack.to_owned(), vec![bytes])), "{top:?}");
    let diff = folded(&["diff", &files[0], &files[1], "-n", "3"]);
    assert_eq!(diff.len(), 4);
    let sums = [0, 1].map(|i| diff.iter().map(|(_, values)| values[i]).sum::<u64>());
    assert_eq!(sums, [first, last]);
    let classes = folded(&["top", &files[1], "--by", "script,class"]);
    assert!(classes.iter().any(|(stack, _)| stack == "file:///app.js;Uint8Array"), "{classes:?}");
    // A file of stacks beside the screen, which stays as it is.
    let folder = folder();
    let path = text(&folder.path().join("stacks.txt"));
    let table = run(&["top", &files[1]]);
    assert_eq!(run(&["top", &files[1], "-o", &format!("folded={path}")]).stdout, table.stdout);
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), top.len());
    assert_eq!(run(&["verify", &files[1], "--format", "folded"]).code, Some(2));
}

#[test]
fn source_maps_put_frames_in_their_sources() {
    let files = ["ivm-track-s1", "ivm-track-s3"].map(|name| text(&corpus(&format!("isolates/{name}.heapsnapshot"))));
    let folder = folder();
    // Line 1 from column 18 on is line 7 of a source; the name stands where V8 says that `LeakyConn` does.
    let map = r#"{"version":3,"sources":["../src/conn.ts"],"names":["Connection"],"mappings":"AAAA,kBAMEA"}"#;
    put(folder.path(), "app.js.map", map.as_bytes());
    let maps = text(folder.path());
    let plain = report(&["diff", &files[0], &files[1], "--by", "function", "-n", "0"]);
    let mapped = report(&["diff", &files[0], &files[1], "--by", "function", "-n", "0", "--source-maps", &maps]);
    check(&mapped, "mapped");
    assert_eq!(mapped["totals"], plain["totals"]);
    let (plain, mapped) = (rows(&plain), rows(&mapped));
    let (row, found) = (plain["LeakyConn file:///app.js:1:28"], mapped["Connection ../src/conn.ts:7:3"]);
    assert_eq!((&found["count"], &found["added"]), (&row["count"], &row["added"]));
    let other = put(folder.path(), "other.js.map", map.as_bytes());
    let unused = run(&["top", &files[0], "--by", "site", "--source-maps", &other]);
    assert!(unused.stderr.contains("no source map is of a script"), "{}", unused.stderr);
    let wrong = run(&["top", &files[0], "--by", "site", "--source-maps", &put(folder.path(), "x.map", b"{")]);
    assert!(wrong.refusal().contains("not a source map"));
    assert_eq!(run(&["top", &files[0], "--source-maps", &text(&folder.path().join("none"))]).code, Some(3));
}

#[test]
fn objects_of_a_range_of_time_are_those_with_its_ids() {
    let path = text(&corpus("chromium-worker/recording.heaptimeline"));
    let content = std::fs::read(&path).unwrap();
    let plain = oracle::read(&content).unwrap();
    let document: Value = serde_json::from_str(&oracle::without_lone_surrogates(std::str::from_utf8(&content).unwrap())).unwrap();
    let samples: Vec<u64> = document["samples"].as_array().unwrap().iter().map(|value| value.as_u64().unwrap()).collect();
    let samples: Vec<(u64, u64)> = samples.chunks(2).map(|sample| (sample[0], sample[1])).collect();
    let mut all = 0;
    for pair in samples.windows(2) {
        let [(from, above), (to, up_to)] = [pair[0], pair[1]];
        let of_bar: Vec<&oracle::Node> =
            plain.nodes.iter().filter(|node| node.id % 2 == 1 && node.id > above && node.id <= up_to).collect();
        all += of_bar.len();
        let ms = |us: u64| format!("{}ms", us as f64 / 1000.0);
        let range = format!("{}..{}", ms(from), ms(to));
        let args = ["top", &path, "--allocated-between", &range, "-n", "0"];
        if of_bar.is_empty() {
            continue;
        }
        let report = report(&args);
        check(&report, &range);
        let sum =
            |field: &str| report["groups"].as_array().unwrap().iter().map(|row| row[field][0].as_u64().unwrap()).sum::<u64>();
        assert_eq!(sum("count"), of_bar.len() as u64, "{range}");
        assert_eq!(sum("self_size"), of_bar.iter().map(|node| node.self_size).sum::<u64>(), "{range}");
        assert_eq!(report["grouping"]["allocated_between"], serde_json::json!([from, to]));
    }
    let whole = report(&["top", &path, "--allocated-between", "0s..", "--by", "class,site", "-n", "0"]);
    check(&whole, "whole");
    let leaky = whole["parents"].as_array().unwrap().iter().find(|parent| parent["name"] == "LeakyConn").unwrap();
    assert_eq!(leaky["count"][0], 80);
    assert_eq!(whole["groups"].as_array().unwrap().iter().map(|row| row["count"][0].as_u64().unwrap()).sum::<u64>(), all as u64);
    let diff = report(&["diff", &path, &path, "--allocated-between", "0.1s..", "-n", "0"]);
    check(&diff, "diff");
    let untimed = run(&["top", &leak(1), "--allocated-between", "1s..2s"]);
    assert!(untimed.refusal().contains("samples: there are none"), "{}", untimed.stderr);
    for wrong in ["5", "3s..1s", "a..b", "1s..1s", "..-3s"] {
        assert_eq!(run(&["top", &path, "--allocated-between", wrong]).code, Some(2), "{wrong}");
    }
}

#[test]
fn a_time_in_which_nothing_was_allocated_is_no_result() {
    let path = text(&corpus("chromium-worker/recording.heaptimeline"));
    for options in [&[][..], &["--by", "site"]] {
        let message = run(&[&["top", &path, "--allocated-between", "60m.."], options].concat()).refusal().to_owned();
        assert!(message.contains("--allocated-between"), "{message}");
    }
    let gate = run(&["check", &path, "--allocated-between", "60m..", "--max", "Job=0"]);
    assert_eq!(gate.code, Some(4), "{gate:?}");
}
