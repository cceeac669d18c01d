//! Several inputs: their order, their processes, and the warnings that go with them.

use std::path::Path;

use serde_json::Value;

use crate::support::synth::{self, Style};
use crate::support::{Rng, corpus, folder, gzip, leak, put, report, repository, run, run_with_input, text};

fn codes(report: &Value) -> Vec<&str> {
    report["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

fn names(report: &Value) -> Vec<String> {
    let name = |input: &Value| Path::new(input["path"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned();
    report["inputs"].as_array().unwrap().iter().map(name).collect()
}

/// How the inputs were put in order.
fn order_by(report: &Value) -> &str {
    report["inputs"][0]["order"]["by"].as_str().unwrap()
}

/// Copies the snapshots of the demo series under other names.
fn copies(folder: &Path, names: &[(usize, &str)]) {
    for (number, name) in names {
        std::fs::copy(repository().join(leak(*number)), folder.join(name)).unwrap();
    }
}

#[test]
fn snapshots_of_one_process_come_in_the_order_of_their_ids() {
    let given: Vec<String> = [4, 1, 7, 2, 6, 3, 5].map(leak).into();
    let mut args: Vec<&str> = vec!["trend", "-n", "0"];
    args.extend(given.iter().map(String::as_str));
    let shuffled = report(&args);
    assert_eq!(names(&shuffled), (1..=7).map(|n| format!("s{n}.heapsnapshot")).collect::<Vec<_>>());
    assert_eq!(order_by(&shuffled), "heap-ids");
    assert!(codes(&shuffled).is_empty());
    let keys: Vec<u64> = shuffled["inputs"].as_array().unwrap().iter().map(|i| i["order"]["key"].as_u64().unwrap()).collect();
    assert!(keys.is_sorted());
    let sorted: Vec<String> = (1..=7).map(leak).collect();
    let mut args: Vec<&str> = vec!["trend", "-n", "0"];
    args.extend(sorted.iter().map(String::as_str));
    assert_eq!(report(&args), shuffled);
    let mut bare: Vec<&str> = vec!["-n", "0"];
    bare.extend(given.iter().map(String::as_str));
    assert_eq!(report(&bare), shuffled);
}

#[test]
fn the_order_can_be_given() {
    let given = [3, 1, 2].map(leak);
    let args = ["trend", "--order", "given", &given[0], &given[1], &given[2]];
    let as_given = report(&args);
    assert_eq!(names(&as_given), ["s3.heapsnapshot", "s1.heapsnapshot", "s2.heapsnapshot"]);
    assert_eq!(order_by(&as_given), "given");
    assert_eq!(codes(&as_given), ["order-contradicts-ids"]);
    let args = ["trend", "--order", "name", &given[0], &given[1], &given[2]];
    let by_name = report(&args);
    assert_eq!(names(&by_name), ["s1.heapsnapshot", "s2.heapsnapshot", "s3.heapsnapshot"]);
    assert_eq!(order_by(&by_name), "name");
}

#[test]
fn names_count_where_ids_do_not_tell() {
    let folder = folder();
    let (bun1, bun3) = (corpus("bun/s1.heapsnapshot"), corpus("bun/s3.heapsnapshot"));
    for (from, to) in [(&bun1, "s2.heapsnapshot"), (&bun3, "s10.heapsnapshot"), (&bun1, "s1.heapsnapshot")] {
        std::fs::copy(from, folder.path().join(to)).unwrap();
    }
    put(folder.path(), "notes.txt", b"no snapshot");
    put(folder.path(), ".hidden.heapsnapshot", b"{\"snapshot\":");
    std::fs::create_dir(folder.path().join("deeper.heapsnapshot")).unwrap();
    let report = report(&["trend", &text(folder.path())]);
    assert_eq!(names(&report), ["s1.heapsnapshot", "s2.heapsnapshot", "s10.heapsnapshot"]);
    assert_eq!(order_by(&report), "name");
}

#[test]
fn a_directory_stands_for_its_snapshots() {
    let folder = folder();
    // Names in another order than time: ids tell.
    copies(folder.path(), &[(1, "z.heapsnapshot"), (2, "b.heapsnapshot"), (3, "a.heapsnapshot")]);
    let report = report(&[&text(folder.path())]);
    assert_eq!(report["command"], "trend");
    assert_eq!(names(&report), ["z.heapsnapshot", "b.heapsnapshot", "a.heapsnapshot"]);
    assert_eq!(order_by(&report), "heap-ids");
    let path = report["inputs"][0]["path"].as_str().unwrap();
    assert_eq!(path, text(&folder.path().join("z.heapsnapshot")));
}

#[test]
fn the_number_of_snapshots_decides_what_is_done() {
    let folder = folder();
    let files = [1, 2, 3].map(leak);
    assert_eq!(report(&[&files[0]])["command"], "top");
    assert_eq!(report(&[&files[0], &files[1]])["command"], "diff");
    assert_eq!(report(&[&files[0], &files[1], &files[2]])["command"], "trend");
    copies(folder.path(), &[(2, "a.heapsnapshot"), (1, "b.heapsnapshot")]);
    let of_folder = report(&[&text(folder.path())]);
    assert_eq!(of_folder["command"], "diff");
    assert_eq!(names(&of_folder), ["b.heapsnapshot", "a.heapsnapshot"]);
}

#[test]
fn times_in_the_names_of_node_count_before_names() {
    let folder = folder();
    let bun = [corpus("bun/s1.heapsnapshot"), corpus("bun/s3.heapsnapshot")];
    let names_in_time = [
        "Heap.20261119.235959.99.0.001.heapsnapshot",
        "Heap.20261120.000000.100.0.001.heapsnapshot",
        "Heap.20261120.000000.9.0.002.heapsnapshot",
    ];
    for (i, name) in names_in_time.iter().enumerate() {
        std::fs::copy(&bun[i % 2], folder.path().join(name)).unwrap();
    }
    let report = report(&["trend", &text(folder.path())]);
    assert_eq!(names(&report), names_in_time);
    assert_eq!(order_by(&report), "name-time");
}

#[test]
fn the_same_file_twice_is_said() {
    let run_twice = run(&["diff", &leak(3), &leak(3), "--format", "json"]);
    let report = run_twice.json();
    assert_eq!(codes(&report), ["identical-inputs"]);
    assert!(run_twice.stderr.contains("warning: ") && run_twice.stderr.contains("same snapshot"));
    let folder = folder();
    copies(folder.path(), &[(1, "1.heapsnapshot"), (2, "2.heapsnapshot"), (2, "2b.heapsnapshot"), (3, "3.heapsnapshot")]);
    let report = crate::support::report(&["trend", &text(folder.path())]);
    assert_eq!(codes(&report), ["identical-inputs"]);
    assert_eq!(report["warnings"][0]["input"], 2);
}

#[test]
fn snapshots_of_several_processes_are_compared_by_group() {
    for (a, b) in [
        ("isolates/mr06-s1.heapsnapshot", "isolates/mr0141-s2.heapsnapshot"),
        ("isolates/ivm-track-s1.heapsnapshot", "isolates/ivm-node24-track-s3.heapsnapshot"),
    ] {
        let report = report(&["diff", &text(&corpus(a)), &text(&corpus(b))]);
        assert_eq!(codes(&report), ["mixed-processes"], "{a} {b}");
        for field in ["added", "removed", "survived"] {
            assert!(report["totals"][field].is_null() && report["groups"][0][field].is_null());
        }
        assert!(report["totals"]["count_delta"].is_i64());
        let processes: Vec<&Value> = report["inputs"].as_array().unwrap().iter().map(|input| &input["process"]).collect();
        assert_eq!(processes, [0, 1]);
    }
}

#[test]
fn snapshots_of_one_process_are_told_to_be() {
    for series in ["isolates/mr06", "isolates/ivm-track", "isolates/ivm-node24-track", "isolates/mr0141"] {
        let paths: Vec<String> = [3, 1, 2].map(|n| text(&corpus(&format!("{series}-s{n}.heapsnapshot")))).into();
        let report = report(&["trend", &paths[0], &paths[1], &paths[2]]);
        assert!(codes(&report).is_empty(), "{series}");
        assert_eq!(order_by(&report), "heap-ids", "{series}");
        assert!(report["inputs"].as_array().unwrap().iter().all(|input| input["process"] == 0), "{series}");
        assert!(names(&report).is_sorted(), "{series}");
        assert!(report["totals"]["added"].is_object(), "{series}");
    }
}

#[test]
fn ids_that_do_not_persist_are_not_compared() {
    let (a, b) = (text(&corpus("bun/s1.heapsnapshot")), text(&corpus("bun/s3.heapsnapshot")));
    for args in [["diff", &a, &b], ["trend", &a, &b], ["diff", &b, &a]] {
        let run = run(&[&args[..], &["--format", "json"]].concat());
        let report = run.json();
        assert_eq!(codes(&report), ["unstable-ids"], "{args:?}");
        assert!(run.stderr.contains("warning: "));
        assert!(report["totals"]["added"].is_null() && report["inputs"][0]["process"].is_null());
        // The given order stays, for nothing tells another.
        assert_eq!(report["inputs"][0]["path"], args[1]);
    }
}

#[test]
fn diff_keeps_the_given_order_and_says_what_ids_say() {
    let report = report(&["diff", &leak(5), &leak(2)]);
    assert_eq!(names(&report), ["s5.heapsnapshot", "s2.heapsnapshot"]);
    assert_eq!(codes(&report), ["order-contradicts-ids"]);
    assert!(report["totals"]["count_delta"].as_i64().unwrap() < 0);
    assert!(report["totals"]["added"].is_object());
    let bare = crate::support::report(&[&leak(5), &leak(2)]);
    assert_eq!(names(&bare), ["s5.heapsnapshot", "s2.heapsnapshot"]);
}

#[test]
fn two_snapshots_show_change_and_no_more() {
    let report = report(&["trend", &leak(1), &leak(7), "-n", "0"]);
    assert_eq!(report["findings"].as_array().unwrap().len(), 0);
    let rows = report["groups"].as_array().unwrap();
    let verdict = |name: &str| &rows.iter().find(|row| row["name"] == name).unwrap()["trend"]["verdict"];
    for name in ["RequestContext", "(closure)", "system / Context"] {
        assert_eq!(verdict(name), "change", "{name}");
    }
    assert_eq!(verdict("Array"), "stable");
    // What changed comes before what did not.
    let changed: Vec<bool> = rows.iter().map(|row| row["trend"]["verdict"] == "change").collect();
    assert!(changed.is_sorted_by(|a, b| a >= b), "{changed:?}");
}

/// Summaries of the demo series, some without an order key.
fn summaries(folder: &Path, with_keys: bool) -> Vec<String> {
    [3, 1, 2]
        .map(|number| {
            let mut summary = run(&["summary", &leak(number)]).json();
            if !with_keys && number == 1 {
                summary["input"].as_object_mut().unwrap().remove("order_key");
            }
            put(folder, &format!("s{number}.json"), summary.to_string().as_bytes())
        })
        .into()
}

#[test]
fn summaries_are_ordered_by_their_keys_where_all_have_one() {
    let folder = folder();
    let paths = summaries(folder.path(), true);
    let report = report(&["trend", &paths[0], &paths[1], &paths[2]]);
    assert_eq!(names(&report), ["s1.json", "s2.json", "s3.json"]);
    assert_eq!(order_by(&report), "heap-ids");
    let folder = crate::support::folder();
    let paths = summaries(folder.path(), false);
    let report = crate::support::report(&["trend", &paths[0], &paths[1], &paths[2]]);
    assert_eq!(names(&report), ["s3.json", "s1.json", "s2.json"]);
    assert_eq!(order_by(&report), "given");
    assert!(report["inputs"].as_array().unwrap().iter().all(|input| input["process"].is_null()));
}

#[test]
fn only_four_fields_of_a_summary_are_required() {
    let folder = folder();
    let summary = |n: u64, extra: &str| {
        let text = format!(
            r#"{{"schema":"heapdiff.summary","schema_version":1,"input":{{"format":"v8"{extra}}},"groups":[["object","A",{n},{}]]}}"#,
            n * 8
        );
        put(folder.path(), &format!("{n}{}.json", extra.len()), text.as_bytes())
    };
    let report = report(&["trend", &summary(1, ""), &summary(5, ""), &summary(9, ""), &summary(13, "")]);
    assert_eq!(report["totals"]["count"], serde_json::json!([1, 5, 9, 13]));
    assert_eq!(report["totals"]["self_size"], serde_json::json!([8, 40, 72, 104]));
    for (extra, version) in [(",\"nodes\":2", "1"), (",\"self_size\":9", "1"), ("", "2")] {
        let path = summary(1, extra);
        let text =
            std::fs::read_to_string(&path).unwrap().replace("\"schema_version\":1", &format!("\"schema_version\":{version}"));
        std::fs::write(&path, text).unwrap();
        run(&["top", &path]).refusal();
    }
}

#[test]
fn keys_of_a_summary_may_come_in_any_order() {
    let folder = folder();
    let facts = [
        r#""schema":"heapdiff.summary""#,
        r#""schema_version":1"#,
        r#""input":{"format":"v8"}"#,
        &format!(r#""groups":[["object","A",7,56]{}]"#, r#",["closure","f",0,0]"#.repeat(500)),
    ]
    .map(str::to_owned);
    for turn in 0..4 {
        let mut facts = facts.clone();
        facts.rotate_left(turn);
        for open in ["{", " {\n "] {
            let path = put(folder.path(), "s.json", format!("{open}{}}}", facts.join(",\n")).as_bytes());
            assert_eq!(report(&["top", &path])["totals"]["self_size"][0], 56, "{turn}");
        }
    }
}

#[test]
fn cut_summaries_are_refused() {
    let folder = folder();
    let objects = synth::objects(&mut Rng(41), 30);
    let summary = run(&["summary", &put(folder.path(), "a", &synth::file(&objects, &Style::new()))]).stdout;
    let end = summary.trim_ascii_end().len();
    for cut in (30..end).step_by(37).chain([end - 1]) {
        let message = run(&["top", &put(folder.path(), "cut.json", &summary[..cut])]).refusal().to_owned();
        assert!(message.contains("summary: ") && message.contains("at byte "), "{cut}: {message}");
    }
}

#[test]
fn standard_input_takes_part_in_a_series() {
    let last = std::fs::read(repository().join(leak(3))).unwrap();
    let from_pipe = run_with_input(&["trend", &leak(1), &leak(2), "-", "--format", "json", "-n", "0"], &last).json();
    assert_eq!(from_pipe["inputs"][2]["path"], "-");
    let from_files = report(&["trend", &leak(1), &leak(2), &leak(3), "-n", "0"]);
    assert_eq!(from_pipe["groups"], from_files["groups"]);
    assert_eq!(from_pipe["findings"], from_files["findings"]);
    // Out of order, it cannot be read a second time: that is said.
    let first = run_with_input(
        &["trend", &leak(2), &leak(3), "-", "--format", "json"],
        &std::fs::read(repository().join(leak(1))).unwrap(),
    );
    let report = first.json();
    assert_eq!(names(&report), ["-", "s2.heapsnapshot", "s3.heapsnapshot"]);
    assert!(codes(&report).contains(&"no-identity") || report["totals"]["added"].is_object());
}

#[test]
fn summaries_of_bun_keep_the_order_of_its_files() {
    let folder = folder();
    let files = ["bun/s3", "bun/s1"].map(|name| text(&corpus(&format!("{name}.heapsnapshot"))));
    let summaries = ["a", "b"].map(|name| text(&folder.path().join(name)));
    for (file, summary) in files.iter().zip(&summaries) {
        assert_eq!(run(&["summary", file, "-o", summary]).code, Some(0));
    }
    let order = |inputs: &[String; 2]| {
        let report = report(&["trend", &inputs[0], &inputs[1]]);
        (report["inputs"][0]["nodes"].clone(), report["inputs"][0]["order"].clone())
    };
    assert_eq!(order(&files), order(&summaries));
    assert_eq!(order(&files).1, serde_json::json!({"by": "given", "key": null}));
}

#[test]
fn what_is_damaged_in_a_directory_is_told() {
    let whole = std::fs::read(crate::support::repository().join(leak(1))).unwrap();
    for (name, content) in [
        ("s3.heapsnapshot", &b""[..]),
        ("s3.heapsnapshot", &whole[..3]),
        ("s3.heapsnapshot", b"\0\0\0\0"),
        ("s3.heapsnapshot.gz", &gzip(&whole)[..200]),
        ("s3.json.gz", &gzip(&whole)[..200]),
        ("s3.heapsnapshot.xz", b"\xfd7zXZ\0"),
    ] {
        let folder = folder();
        copies(folder.path(), &[(1, "s1.heapsnapshot"), (2, "s2.heapsnapshot")]);
        put(folder.path(), name, content);
        for command in ["trend", "verify", "check"] {
            let message = run(&[command, &text(folder.path())]).refusal().to_owned();
            assert!(message.contains(name), "{message}");
        }
    }
    // Of others only what is like those that are known.
    let dumps = folder();
    for (name, content) in [("1.json", &b"[[[\"a.py\",1,\"f\",\"\"]]]"[..]), ("2.txt", b""), ("3.json", b"{\"name\":1}")] {
        put(dumps.path(), name, content);
    }
    assert_eq!(run(&["verify", &text(dumps.path())]).code, Some(0));
    put(dumps.path(), "4.json", b"");
    assert!(run(&["verify", &text(dumps.path())]).refusal().contains("4.json: the file is empty"));
}
