//! Reports as they are, for every command and format, against files that `HEAPDIFF_BLESS=1` writes anew.

use serde_json::Value;

use crate::support::synth::{self, Object, Style};
use crate::support::{Rng, repository, run};

/// Compares with a file of `tests/golden`, or writes it when `HEAPDIFF_BLESS=1`.
#[track_caller]
fn golden(name: &str, actual: &[u8]) {
    let path = repository().join("tests/golden").join(name);
    if std::env::var_os("HEAPDIFF_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read(&path).unwrap_or_default();
    let text = String::from_utf8_lossy(actual);
    assert!(actual == expected, "{name} differs from its golden file; HEAPDIFF_BLESS=1 accepts it:\n{text}");
}

/// The commands whose reports are kept, with what is said on standard error.
const REPORTS: &[(&str, &[&str])] = &[
    ("leak-top", &["top", "fixtures/v8/leak/s7.heapsnapshot", "-n", "8"]),
    ("leak-diff", &["diff", "fixtures/v8/leak/s1.heapsnapshot", "fixtures/v8/leak/s7.heapsnapshot", "-n", "8"]),
    (
        "leak-diff-backwards",
        &["diff", "fixtures/v8/leak/s4.heapsnapshot", "fixtures/v8/leak/s3.heapsnapshot", "-n", "4", "--bytes"],
    ),
    ("leak-trend", &["trend", "fixtures/v8/leak", "-n", "8"]),
    ("leak-verify", &["verify", "fixtures/v8/leak"]),
    ("small-top", &["top", "tests/golden/inputs/small-1.heapsnapshot", "-n", "0", "--by", "kind,name", "--ascii"]),
    ("small-diff", &["diff", "tests/golden/inputs/small-1.heapsnapshot", "tests/golden/inputs/small-2.heapsnapshot", "-n", "0"]),
    (
        "small-trend",
        &[
            "tests/golden/inputs/small-1.heapsnapshot",
            "tests/golden/inputs/small-2.heapsnapshot",
            "tests/golden/inputs/small-3.heapsnapshot",
            "--sort",
            "count-delta",
        ],
    ),
    ("small-verify", &["verify", "tests/golden/inputs/small-1.heapsnapshot", "tests/golden/inputs/small-2.heapsnapshot"]),
];

/// Checks whose reports are kept, with their exit codes.
const CHECKS: &[(&str, i32, &[&str])] = &[
    ("leak-check", 1, &["check", "fixtures/v8/leak", "--no-config", "-n", "8", "--max", "Session=14", "--max-growth", "8 KiB"]),
    ("leak-check-short", 4, &["check", "fixtures/v8/leak/s1.heapsnapshot", "fixtures/v8/leak/s2.heapsnapshot", "--no-config"]),
    (
        "leak-check-single",
        0,
        &["check", "fixtures/v8/leak/s7.heapsnapshot", "--no-config", "-n", "4", "--max", "NotebookModel=0"],
    ),
];

/// Formats that show nothing but a verdict.
const CHECK_FORMATS: &[(&str, &str)] = &[("junit", "junit.xml"), ("github", "github.txt"), ("gitlab", "gitlab.json")];

const FORMATS: &[(&str, &str)] = &[
    ("table", "txt"),
    ("json", "json"),
    ("ndjson", "ndjson"),
    ("csv", "csv"),
    ("markdown", "md"),
    ("brief", "brief.json"),
    ("openmetrics", "om.txt"),
];

/// Three snapshots of a made-up process with all kinds of names.
fn inputs() -> [Vec<u8>; 3] {
    let mut rng = Rng(71);
    let small = |object: &mut Object| object.self_size %= 100_000;
    let mut first = synth::objects(&mut rng, 60);
    first.iter_mut().for_each(small);
    let mut second = synth::later(&mut rng, &first, 6, 20);
    second.iter_mut().for_each(small);
    let mut third = synth::later(&mut rng, &second, 8, 25);
    third.iter_mut().for_each(small);
    [(&first, Style::classic()), (&second, Style::new()), (&third, Style::permuted())]
        .map(|(objects, style)| synth::file(objects, &style))
}

/// The made-up snapshots are committed, so that their paths in reports are the same everywhere.
fn write_inputs() {
    for (i, content) in inputs().iter().enumerate() {
        golden(&format!("inputs/small-{}.heapsnapshot", i + 1), content);
    }
}

#[test]
fn reports_are_as_they_were() {
    write_inputs();
    let schema: Value = serde_json::from_str(run(&["schema"]).text()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let reports = REPORTS.iter().map(|(name, args)| (name, 0, args, &[][..]));
    for (name, code, args, more) in reports.chain(CHECKS.iter().map(|(name, code, args)| (name, *code, args, CHECK_FORMATS))) {
        for (format, suffix) in FORMATS.iter().chain(more) {
            let run = run(&[args, &["--format", format][..]].concat());
            assert_eq!(run.code, Some(code), "{name} {format}: {}", run.stderr);
            golden(&format!("reports/{name}.{suffix}"), &run.stdout);
            match *format {
                "table" => golden(&format!("reports/{name}.stderr.txt"), run.stderr.as_bytes()),
                "json" => {
                    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
                    let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
                    assert!(errors.is_empty(), "{name}: {errors:?}");
                }
                "ndjson" => check_lines(run.text()),
                _ => {}
            }
        }
    }
}

/// Every line is a record that says what it is; the summary is the last.
fn check_lines(text: &str) {
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = records.iter().map(|record| record["record"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|&&kind| kind == "summary").count(), 1);
    assert_eq!(kinds.last(), Some(&"summary"));
    assert!(kinds.iter().all(|kind| ["input", "parent", "group", "finding", "warning", "summary"].contains(kind)), "{kinds:?}");
}

#[test]
fn the_summary_is_as_it_was() {
    write_inputs();
    for number in 1..=2 {
        let run = run(&["summary", &format!("tests/golden/inputs/small-{number}.heapsnapshot")]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        golden(&format!("reports/small-{number}-summary.json"), &run.stdout);
    }
}

#[test]
fn the_schema_is_the_committed_one() {
    let schema = run(&["schema"]);
    golden("report.schema.json", &schema.stdout);
    let schema = schema.json();
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(!validator.is_valid(&serde_json::json!({"schema": "heapdiff.report"})));
}

#[test]
fn what_leaks_in_the_demo_series_is_found_and_nothing_else() {
    // fixtures/v8/leak/service.js: a listener is never taken off the feed and holds the context of its request.
    let report = crate::support::report(&["trend", "fixtures/v8/leak", "-n", "0"]);
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0]["verdict"], "leak");
    let mut names: Vec<&str> = findings[0]["members"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["RequestContext", "onPriceChange", "system / Context"]);
    for row in report["groups"].as_array().unwrap() {
        let leaks = ["RequestContext", "(closure)", "system / Context"].contains(&row["name"].as_str().unwrap());
        assert_eq!(row["trend"]["verdict"] == "leak", leaks, "{row}");
    }
}
