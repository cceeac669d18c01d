//! The gate of a build: exit codes, rules from files and flags, baselines, and what build servers get.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Run, command, corpus, finish, folder, leak, put, repository, run, text};

const SERIES: &str = "fixtures/v8/leak";

/// Runs `check` on the leaking series of the repository, without whatever budget lies above it.
fn check(args: &[&str]) -> Run {
    run(&[&["check", SERIES, "--no-config"], args].concat())
}

/// Runs `check` in a folder, the leaking series its input.
fn check_in(folder: &Path, args: &[&str], settings: &[(&str, &str)]) -> Run {
    let mut command = command();
    command.current_dir(folder).arg("check").arg(repository().join(SERIES)).args(args).envs(settings.iter().copied());
    finish(command)
}

/// The report of a run, whatever its exit code.
fn report(run: &Run) -> Value {
    serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

fn verdict(args: &[&str]) -> (Option<i32>, Value) {
    let run = check(&[args, &["--format", "json"]].concat());
    (run.code, report(&run)["verdict"].clone())
}

fn codes(verdict: &Value) -> Vec<&str> {
    verdict["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}

/// Snapshots `from..to` of labelled programs of `fixtures/series`, as the summaries of a folder each.
fn programs(wanted: &[&str], (from, to): (usize, usize)) -> BTreeMap<String, tempfile::TempDir> {
    let file = std::fs::File::open(repository().join("fixtures/series/labelled.ndjson.zst")).unwrap();
    let mut decoder = zstd::Decoder::new(file).unwrap();
    decoder.window_log_max(31).unwrap();
    let mut found = BTreeMap::new();
    for line in BufReader::new(decoder).lines().map(Result::unwrap) {
        let Some(name) = wanted.iter().find(|name| line.starts_with(&format!("{{\"program\":\"{name}-"))) else { continue };
        if found.contains_key(*name) || !line[line.len() - 200..].contains("\"variant\":\"base\"") {
            continue;
        }
        let series: Value = serde_json::from_str(&line).unwrap();
        let folder = folder();
        for (i, snapshot) in series["snapshots"].as_array().unwrap()[from..to].iter().enumerate() {
            let summary = json!({"schema": "heapdiff.summary", "schema_version": 1, "input": {"format": "v8"}, "groups": snapshot["groups"]});
            put(folder.path(), &format!("s{i:02}.json"), summary.to_string().as_bytes());
        }
        found.insert((*name).to_owned(), folder);
        if found.len() == wanted.len() {
            break;
        }
    }
    found
}

#[test]
fn a_leak_exits_with_1_and_says_why() {
    let run = check(&[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.text().starts_with("FAIL ") && run.text().contains("RequestContext leaks: +119"), "{}", run.text());
    assert!(run.text().lines().count() <= 10);
    let (_, verdict) = verdict(&[]);
    assert_eq!((&verdict["status"], codes(&verdict)), (&json!("fail"), vec!["leak"]));
    let reason = &verdict["reasons"][0];
    assert_eq!((reason["name"].as_str(), reason["finding"].as_u64()), (Some("RequestContext"), Some(1)));
}

#[test]
fn real_programs_fail_or_pass_as_they_are_labelled() {
    // A listener a request is kept; modules are loaded at the first request.
    let programs = programs(&["L01", "N03"], (3, 10));
    for (program, folder) in &programs {
        let run = run(&["check", &text(folder.path()), "--no-config"]);
        let code = if program.starts_with('L') { 1 } else { 0 };
        assert_eq!(run.code, Some(code), "{program}: {run:?}");
    }
    assert_eq!(programs.len(), 2);
}

#[test]
fn an_assertion_needs_one_snapshot() {
    let on = |args: &[&str]| run(&[&["check", "--no-config", &leak(7)], args].concat());
    assert_eq!(on(&["--max", "NotebookModel=0"]).code, Some(0));
    assert_eq!(on(&["--max", "RequestContext=127"]).code, Some(0));
    let over = on(&["--max", "RequestContext=126", "--max", "glob:Job*=100"]);
    assert_eq!(over.code, Some(1));
    assert!(over.text().contains("RequestContext: 127, at most 126 objects allowed"), "{}", over.text());
    assert_eq!(on(&["--max", "re:^Request=0"]).code, Some(1));
    let typo = on(&["--max", "NotebokModel=0"]);
    assert!(typo.stderr.contains("matches no class"), "{}", typo.stderr);
}

#[test]
fn what_was_not_measured_exits_with_4() {
    let (short, one) = ([leak(1), leak(2), leak(3)], leak(1));
    for args in [
        &["check", "--no-config", &short[0], &short[1], &short[2]][..],
        &["check", "--no-config", &one],
        &["check", "--no-config", &one, "--min-snapshots", "1"],
        &["check", "--no-config", SERIES, "--focus", "no group has this name"],
        &["check", "--no-config", SERIES, "--ignore", "."],
        &["check", "--no-config", SERIES, "--kind", "nonsense"],
        &["check", "--no-config", SERIES, &one],
        &["check", "--no-config", SERIES, "--order", "given", "--min-snapshots", "3", &short[0]],
        &["check", "--no-config", SERIES, "--skip-first", "3"],
        &["check", "--no-config", SERIES, "--min-snapshots", "8"],
    ] {
        let stopped = run(args);
        assert_eq!(stopped.code, Some(4), "{args:?}: {stopped:?}");
        assert!(stopped.text().starts_with("INCONCLUSIVE "), "{args:?}");
        let passed = run(&[args, &["--inconclusive", "pass"]].concat());
        assert_eq!((passed.code, passed.stdout), (Some(0), stopped.stdout), "{args:?}");
    }
}

#[test]
fn snapshots_of_several_processes_are_inconclusive_unless_a_budget_is_passed() {
    let files =
        ["isolates/mr06-s1", "isolates/mr06-s2", "isolates/mr0141-s3"].map(|name| text(&corpus(&format!("{name}.heapsnapshot"))));
    let mixed =
        |args: &[&str]| run(&[&["check", "--no-config", "--min-snapshots", "3", &files[0], &files[1], &files[2]], args].concat());
    let unsure = mixed(&["--format", "json", "--max-growth", "1"]);
    assert_eq!(unsure.code, Some(4), "{unsure:?}");
    assert!(codes(&report(&unsure)["verdict"]).contains(&"mixed-processes"));
    assert_eq!(mixed(&["--max", "LeakyConn=59"]).code, Some(1));
}

#[test]
fn an_empty_folder_is_no_pass() {
    let empty = folder();
    run(&["check", &text(empty.path()), "--no-config"]).refusal();
    run(&["check", "no/such/file", "--no-config"]).refusal();
}

#[test]
fn usage_errors_of_rules_exit_with_2() {
    let folder = folder();
    let bad = put(folder.path(), "bad.toml", b"[check]\nfail_on = [\"leek\"]\n");
    let big = put(folder.path(), "big.toml", &vec![b'#'; 2 << 20]);
    for args in [
        &["--max", "RequestContext"][..],
        &["--max", "RequestContext=many"],
        &["--max", "re:(=0"],
        &["--max-growth", "much"],
        &["--max-growth", "Foo=much"],
        &["--min-snapshots", "0"],
        &["--loops", "1"],
        &["--skip-first", "some"],
        &["--fail-on", "leek"],
        &["--ci", "nobody"],
        &["--ci", "github", "--format", "json"],
        &["--update-baseline"],
        &["--baseline-missing", "perhaps"],
    ] {
        let run = check(args);
        assert_eq!(run.code, Some(2), "{args:?}: {run:?}");
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{args:?}");
    }
    for (budget, said) in
        [(bad.as_str(), "bad.toml:2: unknown variant `leek`"), (&big, "more than"), ("none.toml", "none.toml: ")]
    {
        let run = run(&["check", SERIES, "--budget", budget]);
        assert_eq!(run.code, Some(2), "{budget}");
        assert!(run.stdout.is_empty() && run.stderr.contains(said) && run.stderr.lines().count() == 1, "{}", run.stderr);
    }
    for format in ["junit", "github", "gitlab"] {
        assert_eq!(run(&["top", &leak(1), "--format", format]).code, Some(2), "{format} shows a verdict");
        assert_eq!(run(&["verify", &leak(1), "-o", &format!("{format}=x")]).code, Some(2), "{format}");
    }
}

#[test]
fn an_output_that_fails_exits_with_5() {
    assert_eq!(check(&["-o", "junit=no/such/folder/x"]).code, Some(5));
    assert_eq!(check(&["--baseline", "no/such/folder/x", "--update-baseline"]).code, Some(5));
    let folder = folder();
    let summary = text(folder.path());
    assert_eq!(check_in(folder.path(), &["--ci", "github"], &[("GITHUB_STEP_SUMMARY", &summary)]).code, Some(5));
}

#[test]
fn the_budget_is_found_in_the_folders_above() {
    let folder = folder();
    let deep = folder.path().join("a/b");
    std::fs::create_dir_all(&deep).unwrap();
    let budget = "[check]\nfail_on = []\n\n[[group]]\nmatch = \"RequestContext\"\nmax_count = 126\nreason = \"known\"\n";
    put(folder.path(), "heapdiff.toml", budget.as_bytes());
    let found = report(&check_in(&deep, &["--format", "json"], &[]));
    assert_eq!(codes(&found["verdict"]), ["max-count"]);
    assert_eq!(found["verdict"]["reasons"][0]["rule"], json!({"file": "../../heapdiff.toml", "line": 4}));
    // The nearest one counts, a named one before it, none if none is wanted.
    put(&deep, "heapdiff.toml", b"[[group]]\nmatch = \"RequestContext\"\nallow = [\"leak\"]\n");
    assert_eq!(check_in(&deep, &[], &[]).code, Some(0));
    assert_eq!(
        codes(&report(&check_in(&deep, &["--budget", "../../heapdiff.toml", "--format", "json"], &[]))["verdict"]),
        ["max-count"]
    );
    assert_eq!(codes(&report(&check_in(&deep, &["--no-config", "--format", "json"], &[]))["verdict"]), ["leak"]);
    // Flags win over the file.
    assert_eq!(check_in(&deep, &["--min-snapshots", "9"], &[]).code, Some(4));
}

#[test]
fn rules_expire_on_the_day_that_the_environment_says() {
    let folder = folder();
    put(folder.path(), "heapdiff.toml", b"[[group]]\nmatch = \"RequestContext\"\nallow = [\"leak\"]\nexpires = \"2027-03-31\"\n");
    // 2027-03-31T23:59:59Z and a second later.
    for (seconds, code) in [("1806537599", 0), ("1806537600", 1)] {
        let run = check_in(folder.path(), &[], &[("SOURCE_DATE_EPOCH", seconds)]);
        assert_eq!(run.code, Some(code), "{run:?}");
        assert_eq!(run.stderr.contains("expired on 2027-03-31"), code == 1, "{}", run.stderr);
    }
    assert_eq!(check_in(folder.path(), &[], &[("SOURCE_DATE_EPOCH", "soon")]).code, Some(2));
}

#[test]
fn a_baseline_is_written_compared_with_and_kept() {
    let folder = folder();
    let path = text(&folder.path().join("baseline.json"));
    let with = |args: &[&str]| check(&[&["--baseline", &path], args].concat());
    let missing = with(&[]);
    assert_eq!(missing.code, Some(1));
    let told = missing.text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("there is no baseline yet"), "{told}");
    assert_eq!(with(&["--ignore", "RequestContext", "--baseline-missing", "pass"]).code, Some(0));
    assert_eq!(with(&["--min-snapshots", "8", "--update-baseline"]).code, Some(4));
    assert!(!Path::new(&path).exists(), "an inconclusive verdict is no baseline");
    assert_eq!(with(&["--update-baseline", "--name", "main", "--runtime-version", "v8.9"]).code, Some(1));
    let written = std::fs::read_to_string(&path).unwrap();
    let value: Value = serde_json::from_str(&written).unwrap();
    assert_eq!((&value["name"], &value["runtime"], &value["snapshots"]), (&json!("main"), &json!("v8.9"), &json!(7)));
    assert_eq!(value["findings"], json!([["object", "RequestContext", "leak"]]));
    let rows = value["groups"].as_array().unwrap();
    assert!(rows.contains(&json!(["class", "RequestContext", 127, 3556])), "{written}");
    assert!(rows.is_sorted_by_key(|row| row[1].as_str().unwrap().to_owned()));
    let lines: Vec<&str> = written.lines().map(|line| line.trim_end_matches(',')).collect();
    for row in rows {
        assert!(lines.contains(&row.to_string().as_str()), "one row a line: {row}");
    }
    let known = with(&["--runtime-version", "v8.9"]);
    assert_eq!(known.code, Some(0), "{known:?}");
    assert!(known.stderr.contains("known from baseline main"), "{}", known.stderr);
    assert!(with(&["--runtime-version", "v9.0"]).stderr.contains("of runtime \"v8.9\""));
    let later = |args: &[&str]| {
        run(&[&["check", "--no-config", "--baseline", &path, "--runtime-version", "v8.9", &leak(7)], args].concat())
    };
    assert_eq!(later(&["--max-growth", "0"]).code, Some(0), "one snapshot is enough to compare with a baseline");
    let smaller = written.replace("[\"class\",\"RequestContext\",127,3556]", "[\"class\",\"RequestContext\",100,2800]");
    std::fs::write(&path, smaller).unwrap();
    assert_eq!(later(&["--max-growth", "RequestContext=756"]).code, Some(0));
    assert_eq!(later(&["--max-growth", "RequestContext=755"]).code, Some(1));
    std::fs::write(&path, "{").unwrap();
    assert!(with(&[]).refusal().contains("baseline: "));
}

#[test]
fn the_same_input_gives_the_same_verdict_a_hundred_times() {
    let args = |threads: &str| vec!["--format".to_owned(), "json".to_owned(), "--threads".to_owned(), threads.to_owned()];
    let of = |threads: usize| {
        let args = args(&threads.to_string());
        check(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let first = of(1);
    assert_eq!(first.code, Some(1));
    for turn in 0..100 {
        assert!(of(1 + turn % 8) == first, "run {turn}");
    }
    let mut shuffled: Vec<String> = [3, 7, 1, 5, 2, 6, 4].map(leak).to_vec();
    shuffled.splice(0..0, ["check", "--no-config", "--format", "json"].map(str::to_owned));
    assert!(run(&shuffled) == first, "the order of the arguments");
}

#[test]
fn a_closed_pipe_keeps_the_verdict() {
    let mut child = command();
    child.args(["check", SERIES, "--no-config", "-n", "0", "--by", "class,name", "--format", "json"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.is_empty()), (Some(1), true), "{output:?}");
}

#[test]
fn files_for_build_servers_are_read_back() {
    let folder = folder();
    let path = |name: &str| text(&folder.path().join(name));
    let files = ["junit", "gitlab", "openmetrics", "markdown"].map(|format| format!("{format}={}", path(format)));
    let args: Vec<&str> = files.iter().flat_map(|file| ["-o", file.as_str()]).chain(["--max", "Absent=0"]).collect();
    assert_eq!(check(&args).code, Some(1));
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    let junit = read("junit");
    let document = roxmltree::Document::parse(&junit).unwrap();
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
    assert_eq!(["tests", "failures", "errors"].map(|name| suite.attribute(name)), [Some("2"), Some("1"), Some("0")]);
    let issues: Vec<Value> = serde_json::from_str(&read("gitlab")).unwrap();
    assert_eq!(issues.len(), 1);
    assert_eq!(issues[0]["location"]["path"], leak(7));
    let metrics = read("openmetrics");
    let exposition = openmetrics_parser::openmetrics::parse_openmetrics(&metrics).unwrap();
    assert!(
        exposition.families.contains_key("heapdiff_check") && metrics.contains("heapdiff_check{heapdiff_check=\"fail\"} 1\n")
    );
    assert!(read("markdown").starts_with("### heapdiff: fail\n"));
}

#[test]
fn github_gets_annotations_and_a_summary() {
    let folder = folder();
    let summary = folder.path().join("summary.md");
    let settings = [("GITHUB_STEP_SUMMARY", text(&summary))];
    let settings = settings.each_ref().map(|(name, path)| (*name, path.as_str()));
    let run = || check_in(folder.path(), &["--ci", "github", "--no-config"], &settings);
    let first = run();
    assert_eq!(first.code, Some(1));
    assert!(first.text().starts_with("FAIL "));
    let commands: Vec<&str> = first.text().lines().filter(|line| line.starts_with("::")).collect();
    assert_eq!(commands.len(), 1);
    assert!(commands[0].starts_with("::error title=heapdiff%3A RequestContext::RequestContext leaks"), "{commands:?}");
    let page = std::fs::read_to_string(&summary).unwrap();
    assert!(page.starts_with("### heapdiff: fail\n"));
    run();
    assert_eq!(std::fs::read_to_string(&summary).unwrap(), page.repeat(2), "what other steps wrote stays");
    std::fs::write(&summary, " ".repeat(899_900)).unwrap();
    let full = run();
    assert!(full.code == Some(1) && full.stderr.contains("summary is full"), "{full:?}");
    assert_eq!(std::fs::metadata(&summary).unwrap().len(), 899_900);
    let nowhere = check_in(folder.path(), &["--ci", "github", "--no-config"], &[("GITHUB_STEP_SUMMARY", "")]);
    assert_eq!((nowhere.code, nowhere.stdout), (Some(1), first.stdout));
}

#[test]
fn the_command_says_what_it_left_out() {
    let (code, verdict) = verdict(&["--skip-first", "2", "--min-snapshots", "5"]);
    assert_eq!((code, codes(&verdict)), (Some(1), vec!["leak"]));
    let run = check(&["--skip-first", "2", "--min-snapshots", "5", "--format", "json"]);
    let report = report(&run);
    assert_eq!(report["inputs"].as_array().unwrap().len(), 5);
    assert_eq!(report["inputs"][0]["path"], leak(3));
    assert_eq!(report["totals"]["count"].as_array().unwrap().len(), 5);
    assert!(run.stderr.contains("left out as warm-up: the first 2 of 7"), "{}", run.stderr);
}
