//! Identities between figures: rows and rest add up, a comparison turned round has the other sign, objects that came and went
//! are those a join by id finds.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use heapdiff::input::Want;
use heapdiff::load::{self, Candidate, InputOrder, Progress};
use heapdiff::series::Series;
use serde_json::Value;

use crate::support::oracle::{self, Plain};
use crate::support::synth::{self, Object, Style, object};
use crate::support::{Groups, Rng, corpus, folder, leak, put, report, repository, run, text};

/// Every figure of a row, a rest or the totals, under its name. What is null has none.
fn figures(row: &Value) -> BTreeMap<String, i128> {
    fn add(name: &str, value: &Value, into: &mut BTreeMap<String, i128>) {
        match value {
            Value::Null => {}
            Value::Array(list) => (0..).zip(list).for_each(|(i, value): (usize, _)| add(&format!("{name}.{i}"), value, into)),
            Value::Object(fields) => fields.iter().for_each(|(key, value)| add(&format!("{name}.{key}"), value, into)),
            number => {
                let number = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from)).unwrap();
                into.insert(name.to_owned(), number);
            }
        }
    }
    let mut figures = BTreeMap::new();
    for column in ["count", "self_size", "count_delta", "size_delta", "added", "removed", "survived"] {
        add(column, &row[column], &mut figures);
    }
    figures
}

/// Asserts that rows and rest add up to a whole.
#[track_caller]
fn add_up<'a>(rows: impl IntoIterator<Item = &'a Value>, rest: &Value, whole: &Value, what: &str) {
    let mut sums = figures(rest);
    for row in rows {
        let row = figures(row);
        assert_eq!(row.keys().collect::<Vec<_>>(), sums.keys().collect::<Vec<_>>(), "{what}");
        for (column, sum) in &mut sums {
            *sum += row[column];
        }
    }
    assert_eq!(sums, figures(whole), "{what}");
}

fn rows(report: &Value) -> &Vec<Value> {
    report["groups"].as_array().unwrap()
}

/// Asserts every identity that holds within a report.
#[track_caller]
pub(crate) fn check(report: &Value, what: &str) {
    add_up(rows(report), &report["shown"]["rest"], &report["totals"], what);
    assert_eq!(report["shown"]["groups"], rows(report).len(), "{what}");
    assert!(report["shown"]["of"].as_u64() >= report["shown"]["groups"].as_u64(), "{what}");
    let totals = figures(&report["totals"]);
    for (i, input) in report["inputs"].as_array().unwrap().iter().enumerate() {
        assert_eq!(input["index"], i);
        assert_eq!(Some(totals[&format!("count.{i}")]), input["nodes"].as_i64().map(i128::from), "{what}");
        assert_eq!(Some(totals[&format!("self_size.{i}")]), input["self_size"].as_u64().map(i128::from), "{what}");
    }
    for row in rows(report).iter().chain([&report["totals"]]) {
        let row = figures(row);
        if let (Some(added), Some(removed)) = (row.get("added.count"), row.get("removed.count")) {
            if row == totals {
                assert_eq!(added - removed, row["count_delta"], "{what}");
            }
            let sizes = row["added.size"] - row["removed.size"] + row["survived.size_delta"];
            assert_eq!(sizes, row["size_delta"], "{what}");
        }
        if let Some(delta) = row.get("count_delta") {
            let last = report["inputs"].as_array().unwrap().len() - 1;
            assert_eq!(row[&format!("count.{last}")] - row["count.0"], *delta, "{what}");
            assert_eq!(row[&format!("self_size.{last}")] - row["self_size.0"], row["size_delta"], "{what}");
        }
    }
    for parent in report["parents"].as_array().map_or(&[][..], Vec::as_slice) {
        let key = parent["key"].as_array().unwrap();
        let children: Vec<&Value> = rows(report).iter().filter(|row| row["key"].as_array().unwrap().starts_with(key)).collect();
        assert_eq!(parent["shown"]["groups"], children.len(), "{what}");
        add_up(children, &parent["shown"]["rest"], parent, &format!("{what}: {key:?}"));
    }
    for row in rows(report) {
        if let Some(inner) = row.get("breakdown").filter(|inner| !inner.is_null()) {
            add_up(inner["groups"].as_array().unwrap(), &inner["shown"]["rest"], row, &format!("{what}: breakdown"));
        }
    }
}

#[test]
fn rows_and_rest_add_up_to_the_totals() {
    let files: Vec<String> = [1, 3, 5, 7].map(leak).into();
    let one = vec![corpus("chromium-worker/odd.heapsnapshot")].into_iter().map(|path| text(&path)).collect::<Vec<_>>();
    for (command, files) in [("top", &one[..]), ("diff", &files[1..3]), ("trend", &files[..])] {
        for limit in ["3", "0"] {
            for filter in [
                &[][..],
                &["--by", "kind,class"],
                &["--by", "class,kind,name"],
                &["--by", "name"],
                &["--kind", "closure,array"],
                &["--focus", "(?i)co"],
                &["--ignore", "^\\("],
                &["--by", "kind,name", "--focus", "on", "--kind", "object,closure"],
                &["--sort", "count"],
            ] {
                let mut args = vec![command, "-n", limit];
                args.extend(files.iter().map(String::as_str).chain(filter.iter().copied()));
                let report = report(&args);
                let what = args.join(" ");
                check(&report, &what);
                let unfiltered = filter.first().is_none_or(|flag| *flag == "--by" || *flag == "--sort") && filter.len() < 3;
                if limit == "0" && unfiltered {
                    assert!(figures(&report["shown"]["rest"]).values().all(|&value| value == 0), "{what}");
                    assert_eq!(report["shown"]["groups"], report["shown"]["of"], "{what}");
                }
                if limit == "3" && report["grouping"]["by"].as_array().unwrap().len() == 1 {
                    assert!(rows(&report).len() <= 3, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_snapshot_does_not_differ_from_itself() {
    for path in
        [repository().join(leak(4)), corpus("isolates/mr0141-s2.heapsnapshot"), corpus("chromium-worker/odd.heapsnapshot")]
    {
        let path = text(&path);
        let report = report(&["diff", &path, &path, "-n", "0"]);
        check(&report, &path);
        for row in rows(&report).iter().chain([&report["totals"]]) {
            for (column, value) in figures(row) {
                let counts = column.starts_with("count.") || column.starts_with("self_size.") || column == "survived.count";
                assert!(counts || value == 0, "{path}: {column} of {row}");
            }
            assert_eq!(row["survived"]["count"], row["count"][0]);
        }
    }
}

#[test]
fn a_comparison_turned_round_has_the_other_sign() {
    let pairs = [
        (text(&repository().join(leak(2))), text(&repository().join(leak(6)))),
        (text(&corpus("isolates/mr06-s1.heapsnapshot")), text(&corpus("isolates/mr06-s3.heapsnapshot"))),
        (text(&corpus("isolates/ivm-track-s1.heapsnapshot")), text(&corpus("isolates/ivm-track-s3.heapsnapshot"))),
        (text(&corpus("bun/s1.heapsnapshot")), text(&corpus("bun/s3.heapsnapshot"))),
    ];
    for (a, b) in &pairs {
        let (there, back) = (report(&["diff", a, b, "-n", "0"]), report(&["diff", b, a, "-n", "0"]));
        check(&there, a);
        check(&back, a);
        assert_eq!(there["shown"]["of"], back["shown"]["of"]);
        let back_rows: BTreeMap<&str, &Value> = rows(&back).iter().map(|row| (row["id"].as_str().unwrap(), row)).collect();
        let pairs = rows(&there).iter().map(|row| (row, back_rows[row["id"].as_str().unwrap()]));
        for (there, back) in pairs.chain([(&there["totals"], &back["totals"])]) {
            for column in ["count", "self_size"] {
                assert_eq!(there[column][0], back[column][1]);
                assert_eq!(there[column][1], back[column][0]);
            }
            for column in ["count_delta", "size_delta"] {
                assert_eq!(there[column].as_i64().unwrap(), -back[column].as_i64().unwrap());
            }
            assert_eq!(there["added"], back["removed"]);
            assert_eq!(there["removed"], back["added"]);
        }
        assert_eq!(there["totals"]["survived"]["count"], back["totals"]["survived"]["count"]);
    }
}

struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: &Arc<AtomicU64>, _: Option<u64>) {}
}

/// Reads files in the given order.
fn series(paths: &[&str]) -> Series {
    let candidates: Vec<Candidate> =
        paths.iter().map(|path| Candidate { path: (*path).to_owned(), from_directory: false }).collect();
    load::series(&candidates, InputOrder::Given, Want::GROUPS, &Silent).unwrap()
}

/// Compares what came and went between two files with a join of the plain reader's nodes.
#[track_caller]
fn compare_with_join(a: &str, b: &str) -> (usize, usize) {
    let plain = |path: &str| -> Plain { oracle::read(&std::fs::read(path).unwrap()).unwrap() };
    let (first, last) = (plain(a), plain(b));
    let expected = oracle::join(&first, &last);
    let series = series(&[a, b]);
    assert!(series.has_changes, "{a} {b}");
    let (mut added, mut removed) = (Groups::new(), Groups::new());
    for group in &series.groups {
        for (moved, into) in [(group.sums.added, &mut added), (group.sums.removed, &mut removed)] {
            if moved.count > 0 {
                into.insert((group.kind.clone(), group.name.clone()), (moved.count, moved.size));
            }
        }
    }
    assert_eq!(added, expected.added, "{a} {b}: added");
    assert_eq!(removed, expected.removed, "{a} {b}: removed");
    (added.len(), removed.len())
}

#[test]
fn objects_that_came_and_went_are_those_of_a_join_by_id() {
    for (a, b) in [
        ("isolates/mr06-s1", "isolates/mr06-s3"),
        ("isolates/mr06-s3", "isolates/mr06-s2"),
        ("isolates/ivm-track-s1", "isolates/ivm-track-s3"),
        ("isolates/ivm-node24-track-s2", "isolates/ivm-node24-track-s3"),
        ("isolates/mr0141-s1", "isolates/mr0141-s2"),
    ] {
        let path = |name: &str| text(&corpus(&format!("{name}.heapsnapshot")));
        compare_with_join(&path(a), &path(b));
    }
    let path = |number: usize| text(&repository().join(leak(number)));
    let (added, removed) = compare_with_join(&path(1), &path(7));
    assert!(added > 5 && removed > 0);
}

#[test]
fn objects_of_made_up_processes_are_joined_by_id() {
    let folder = folder();
    let mut rng = Rng(31);
    for round in 0..40 {
        let objects = synth::objects(&mut rng, 300);
        let (gone, come) = (rng.below(60), rng.below(200));
        let next = synth::later(&mut rng, &objects, gone, come);
        // The same objects, the other way round: ids need not ascend in a file.
        let turned: Vec<Object> = next.iter().rev().cloned().collect();
        let styles = Style::all();
        let put = |name: &str, objects: &[Object], style: usize| {
            put(folder.path(), name, &synth::file(objects, &styles[style % styles.len()].1))
        };
        let (a, b) = (put("a", &objects, round), put("b", &turned, round));
        compare_with_join(&a, &b);
        compare_with_join(&b, &a);
    }
}

#[test]
fn ids_past_32_bits_are_joined_too() {
    let folder = folder();
    let objects: Vec<Object> = (0..200).map(|i| object("object", "A", (1 << 32) - 201 + 2 * i, 8)).collect();
    let mut next = objects[3..].to_vec();
    next.extend((0..5).map(|i| object("object", "A", (1 << 40) + 2 * i + 1, 16)));
    let a = put(folder.path(), "a", &synth::file(&objects, &Style::new()));
    let b = put(folder.path(), "b", &synth::file(&next, &Style::new()));
    compare_with_join(&a, &b);
    let report = report(&["diff", &a, &b]);
    assert_eq!(report["totals"]["added"], serde_json::json!({"count": 5, "size": 80}));
    assert_eq!(report["totals"]["removed"], serde_json::json!({"count": 3, "size": 24}));
    assert_eq!(report["totals"]["survived"], serde_json::json!({"count": 197, "size_delta": 0}));
}

/// Writes the summaries of files into a folder.
fn summaries(folder: &Path, files: &[String]) -> Vec<String> {
    let write = |(i, file): (usize, &String)| {
        let path = text(&folder.join(format!("{i}.json")));
        let run = run(&["summary", file, "-o", &path]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        path
    };
    files.iter().enumerate().map(write).collect()
}

/// Removes what a summary cannot know, and what names the input.
fn without_identity(mut report: Value) -> Value {
    fn clear(value: &mut Value) {
        match value {
            Value::Array(list) => list.iter_mut().for_each(clear),
            Value::Object(fields) => {
                for key in ["added", "removed", "survived", "allocated_at"] {
                    fields.remove(key);
                }
                fields.values_mut().for_each(clear);
            }
            _ => {}
        }
    }
    clear(&mut report);
    for input in report["inputs"].as_array_mut().unwrap() {
        for key in ["path", "format", "file_bytes", "process", "order"] {
            input.as_object_mut().unwrap().remove(key);
        }
    }
    report
}

#[test]
fn summaries_stand_for_their_files() {
    let folder = folder();
    let demo: Vec<String> = (1..=7).map(leak).collect();
    let bun = ["bun/s1.heapsnapshot", "bun/s3.heapsnapshot"].map(|name| text(&corpus(name))).to_vec();
    let tracked: Vec<String> = (1..=3).map(|n| text(&corpus(&format!("isolates/ivm-track-s{n}.heapsnapshot")))).collect();
    for (files, command) in [(&demo, "trend"), (&tracked, "trend"), (&demo[1..3].to_vec(), "diff"), (&bun, "trend")] {
        let summaries = summaries(folder.path(), files);
        for options in [&["-n", "0"][..], &["-n", "0", "--by", "kind,class"], &["-n", "4", "--focus", "a"]] {
            let report = |files: &[String]| {
                let mut args = vec![command];
                args.extend(files.iter().map(String::as_str).chain(options.iter().copied()));
                report(&args)
            };
            let (of_files, of_summaries) = (report(files), report(&summaries));
            check(&of_summaries, "summaries");
            assert!(of_summaries["totals"]["added"].is_null() && of_summaries["inputs"][0]["process"].is_null());
            assert_eq!(of_summaries["inputs"][0]["format"], "summary");
            let (mut a, mut b) = (without_identity(of_files), without_identity(of_summaries));
            a.as_object_mut().unwrap().remove("warnings");
            b.as_object_mut().unwrap().remove("warnings");
            assert!(a == b, "{files:?} {options:?}:\n{a}\n{b}");
        }
    }
}

#[test]
fn a_summary_of_a_summary_is_the_summary() {
    let folder = folder();
    let first = run(&["summary", &leak(5)]);
    let path = put(folder.path(), "s.json", &first.stdout);
    let second = run(&["summary", &path]);
    assert_eq!(second, first);
    assert!(first.stdout.len() < 150_000);
}
