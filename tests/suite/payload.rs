//! The payload that writes dumps of Python processes, run in Python as its users do. What it writes is checked against what the
//! programs of `tests/python` say of themselves, with nothing of heapdiff in between.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::support::oracle::without_lone_surrogates;
use crate::support::{folder, report, repository, text};

/// An object's line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    address: u64,
    r#type: String,
    size: u64,
    name: Option<String>,
    len: Option<u64>,
    value: Option<Value>,
    refs: Vec<u64>,
    trace: Option<Vec<(String, u64)>>,
}

type Dump = BTreeMap<u64, Line>;

/// CPython as `HEAPDIFF_PYTHON` or `python3`, ready to run a program of `tests/python`; None where there is none of 3.9 or later.
fn python(program: &str) -> Option<Command> {
    let python = std::env::var_os("HEAPDIFF_PYTHON").unwrap_or_else(|| "python3".into());
    let fits = "import sys; sys.exit(sys.version_info < (3, 9) or sys.implementation.name != 'cpython')";
    if !Command::new(&python).args(["-c", fits]).status().is_ok_and(|status| status.success()) {
        return None;
    }
    let mut command = Command::new(python);
    command.env_clear().env("PYTHONPATH", repository().join("contrib")).env("PATH", std::env::var_os("PATH")?);
    command.arg("-B").arg("-Xutf8").args(tracing(program)).arg(repository().join("tests/python").join(program));
    Some(command)
}

/// Calls are recorded for the programs whose test looks at them.
fn tracing(program: &str) -> &'static [&'static str] {
    if program == "leak.py" { &["-Xtracemalloc=2"] } else { &[] }
}

/// The lines of JSON that a program printed.
#[track_caller]
fn printed(mut command: Command) -> Vec<Value> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = without_lone_surrogates(std::str::from_utf8(&output.stdout).unwrap());
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Reads a dump. Each line has meliae's grammar, each object one line, and each reference an object.
#[track_caller]
fn dump(path: &str) -> Dump {
    const STRING: &str = r#""(?:[ !#-\[\]-~]|\\["\\bfnrt]|\\u[0-9a-f]{4})*""#;
    let line = format!(
        r#"^\{{"address": \d+, "type": {STRING}, "size": \d+(?:, "name": {STRING})?(?:, "len": \d+)?(?:, "value": (?:{STRING}|-?\d+))?, "refs": \[(?:\d+(?:, \d+)*)?\](?:, "trace": \[(?:\[{STRING}, \d+\](?:, \[{STRING}, \d+\])*)?\])?\}}$"#
    );
    let grammar = Regex::new(&line).unwrap();
    let mut content = std::fs::read(path).unwrap();
    if path.ends_with(".gz") {
        let packed = std::mem::take(&mut content);
        flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut content).unwrap();
    }
    let mut dump = Dump::new();
    for line in std::str::from_utf8(&content).unwrap().strip_suffix('\n').unwrap().split('\n') {
        assert!(grammar.is_match(line), "{path}: {}", &line[..line.len().min(300)]);
        let line: Line = serde_json::from_str(&without_lone_surrogates(line)).unwrap();
        assert!(dump.insert(line.address, line).is_none(), "{path}: an address twice");
    }
    let dangling = dump.values().flat_map(|line| &line.refs).filter(|&target| !dump.contains_key(target)).count();
    assert_eq!(dangling, 0, "{path}: references to objects that are not there");
    dump
}

/// How many objects there are of each type; empty ones apart, as `dict (empty)`.
fn counts(dump: &Dump) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in dump.values() {
        let empty = if line.len == Some(0) { " (empty)" } else { "" };
        *counts.entry(format!("{}{empty}", line.r#type)).or_default() += 1;
    }
    counts
}

/// The dumps that `leak.py` writes in a folder, and what it says of each.
fn leak(folder: &Path, requests: &str, dumps: &str, name: &str) -> Option<Vec<(Dump, Value)>> {
    let mut program = python("leak.py")?;
    program.args([requests, dumps]).arg(folder.join(name));
    let said = printed(program);
    Some(said.into_iter().map(|said| (dump(said["path"].as_str().unwrap()), said)).collect())
}

/// The line of `leak.py` with a text, counted from 1.
fn line_with(text: &str) -> u64 {
    let program = std::fs::read_to_string(repository().join("tests/python/leak.py")).unwrap();
    program.lines().position(|line| line.contains(text)).unwrap() as u64 + 1
}

#[test]
fn counts_rise_by_what_was_leaked() {
    let folder = folder();
    let Some(dumps) = leak(folder.path(), "300", "4", "dump-{n}.json") else { return };
    let counts: Vec<_> = dumps.iter().map(|(dump, _)| counts(dump)).collect();
    for (i, ((dump, said), now)) in dumps.iter().zip(&counts).enumerate() {
        assert_eq!(said["path"], text(&folder.path().join(format!("dump-{}.json", i + 1))));
        assert_eq!(now["Session"], 300 * (i + 1));
        assert_eq!(now["dict (empty)"] - counts[0]["dict (empty)"], 300 * i);
        let list = &dump[&said["sessions"].as_u64().unwrap()];
        assert_eq!((list.len, list.refs.len()), (Some(300 * (i as u64 + 1)), 300 * (i + 1)));
        assert!(list.refs.iter().all(|session| dump[session].r#type == "Session"));
    }
}

#[test]
fn traces_name_the_line_that_made_the_object() {
    let folder = folder();
    let Some(dumps) = leak(folder.path(), "50", "1", "dump.json") else { return };
    let program = text(&repository().join("tests/python/leak.py"));
    let call = |text: &str| (program.clone(), line_with(text));
    let (dump, _) = &dumps[0];
    for session in dump.values().filter(|line| line.r#type == "Session") {
        assert_eq!(session.trace.as_ref().unwrap()[..], [call("serve(int("), call("# leaks")]);
    }
    let notes = [call("# leaks"), call("# stays empty")];
    let made = dump.values().filter(|line| line.trace.as_ref().is_some_and(|trace| trace[..] == notes)).collect::<Vec<_>>();
    assert_eq!(made.iter().filter(|line| line.r#type == "dict" && line.len == Some(0)).count(), 50);
}

#[test]
fn an_idle_process_does_not_grow() {
    let folder = folder();
    // The first dump makes a few objects that stay, as everything that is done for the first time does.
    let Some(dumps) = leak(folder.path(), "0", "4", "dump-{n}.json.gz") else { return };
    let counts: Vec<_> = dumps.iter().map(|(dump, _)| counts(dump)).collect();
    assert_eq!(counts[1], counts[2]);
    assert_eq!(counts[2], counts[3]);
    assert!(counts[3].values().sum::<usize>() > 5000);
}

#[test]
fn objects_that_disturb_are_written_as_they_are() {
    let folder = folder();
    let Some(mut program) = python("odd.py") else { return };
    program.arg(folder.path().join("dump-{n}.json"));
    let said = printed(program).remove(0);
    for path in said["paths"].as_array().unwrap() {
        let dump = dump(path.as_str().unwrap());
        for fact in said["facts"].as_array().unwrap() {
            let line = &dump[&fact[0].as_u64().unwrap()];
            assert_eq!(line.size, fact[1].as_u64().unwrap(), "{line:?}");
            let (name, len, value) = (line.name.as_deref().into(), line.len.into(), line.value.clone().unwrap_or_default());
            let fields: [(&str, Value); 3] = [("name", name), ("len", len), ("value", value)];
            for (field, found) in fields {
                assert_eq!(found, fact[2][field], "{field} of a {}", line.r#type);
            }
            assert!(line.r#type.chars().count() <= 100);
        }
        let reached = said["addresses"].as_array().unwrap();
        assert!(reached.len() > 50_000 && reached.iter().all(|address| dump.contains_key(&address.as_u64().unwrap())));
    }
}

#[test]
fn every_way_of_running_it_leaves_one_dump() {
    let folder = folder();
    let Some(mut program) = python("ways.py") else { return };
    program.arg(repository().join("contrib/heapdiff_dump.py")).arg(folder.path());
    let said = printed(program).remove(0);
    let name = |number: u32, ending: &str| format!("heapdiff-{}-{number}.json{ending}", said["pid"]);
    let expected = serde_json::json!({
        "pyrasite": [name(1, "")],
        "remote_exec": [name(2, "")],
        "import": [],
        "signal": [name(3, "")],
        "call": [name(4, "")],
        "gzip": [name(1, ".gz")],
        "environment": [format!("of-{}.json", said["pid"])],
    });
    assert_eq!(said["left"], expected);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let counts = counts(&dump(&text(&file.unwrap().path())));
        assert!(counts["module"] > 20 && counts["dict (empty)"] > 20, "{counts:?}");
    }
}

#[test]
fn a_dump_that_fails_leaves_nothing() {
    let folder = folder();
    let Some(mut program) = python("failing.py") else { return };
    program.arg(folder.path());
    let outcome = printed(program).remove(0);
    // The file from before the failures is still there, and nothing else.
    let expected = serde_json::json!({
        "no folder": ["FileNotFoundError", ["dump.json"]],
        "interrupted": ["KeyboardInterrupt", ["dump.json"]],
        "dump in a dump": ["RuntimeError", ["dump.json"]],
        "folder removed": ["FileNotFoundError", ["dump.json"]],
        "no room": ["OSError", ["dump.json"]],
        "no room, compressed": ["OSError", ["dump.json"]],
        "whole again": [null, ["dump.json"]],
    });
    assert_eq!(outcome, expected);
}

#[test]
fn heapdiff_names_what_was_leaked_and_where() {
    let folder = folder();
    let Some(dumps) = leak(folder.path(), "300", "5", "dump-{n}.json") else { return };
    let paths: Vec<&str> = dumps.iter().map(|(_, said)| said["path"].as_str().unwrap()).collect();
    let report = report(&[&["trend", "--by", "class,site"], &paths[..]].concat());
    let finding = &report["findings"][0];
    let of_session = |member: &Value| member["name"] == "Session" && member["per_unit"] == 1 && member["exact"] == true;
    assert!(finding["members"].as_array().unwrap().iter().any(of_session), "{finding}");
    assert_eq!(finding["steps"], serde_json::json!([300, 300, 300, 300]));
    let site = format!("leak.py:{}", line_with("# leaks"));
    let rows = report["groups"].as_array().unwrap();
    let session = rows.iter().find(|row| row["key"][0] == "Session").unwrap();
    assert!(session["key"][1].as_str().unwrap().ends_with(&site), "{session}");
    assert_eq!(session["count"], serde_json::json!([300, 600, 900, 1200, 1500]));
    assert!(report["inputs"].as_array().unwrap().iter().all(|input| input["complete"] == true));
}
