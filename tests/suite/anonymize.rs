//! Copies without the contents of strings: every figure is the same, and no text of the program's data is left.

use serde_json::Value;

use crate::support::oracle::without_lone_surrogates;
use crate::support::{VALID, corpus, folder, leak, put, report, run, text};

/// Kinds whose nodes' names are contents.
const CONTENT: [&str; 8] =
    ["string", "concatenated string", "sliced string", "regexp", "number", "heap number", "bigint", "symbol"];

/// The file as a plain JSON document, byte order mark and padding apart.
fn document(path: &str) -> Value {
    let content = std::fs::read(path).unwrap();
    let content = std::str::from_utf8(&content).unwrap().trim_start_matches('\u{feff}');
    serde_json::from_str(&without_lone_surrogates(content)).unwrap()
}

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|number| number.as_i64().map_or(0, i64::cast_unsigned)).collect()
}

fn position(fields: &Value, name: &str) -> usize {
    fields.as_array().unwrap().iter().position(|field| field == name).unwrap()
}

/// Indexes of strings that name a node of a kind that is told apart by name, an edge, a function or a script.
fn names(document: &Value) -> std::collections::BTreeSet<u64> {
    let meta = &document["snapshot"]["meta"];
    let mut names = std::collections::BTreeSet::new();
    let fields = meta["node_fields"].as_array().unwrap().len();
    let (kind, name) = (position(&meta["node_fields"], "type"), position(&meta["node_fields"], "name"));
    for node in numbers(&document["nodes"]).chunks_exact(fields) {
        let kind = &meta["node_types"][kind][usize::try_from(node[kind]).unwrap()];
        if !CONTENT.contains(&kind.as_str().unwrap()) {
            names.insert(node[name]);
        }
    }
    if document["edges"].is_array() {
        let fields = meta["edge_fields"].as_array().unwrap().len();
        for edge in numbers(&document["edges"]).chunks_exact(fields) {
            let kind = &meta["edge_types"][0][usize::try_from(edge[0]).unwrap()];
            if kind != "element" && kind != "hidden" {
                names.insert(edge[1]);
            }
        }
    }
    if let Some(functions) = document["trace_function_infos"].as_array().filter(|functions| !functions.is_empty()) {
        let fields = &meta["trace_function_info_fields"];
        let (name, script) = (position(fields, "name"), position(fields, "script_name"));
        let functions = numbers(&Value::from(functions.clone()));
        names.extend(
            functions.chunks_exact(fields.as_array().unwrap().len()).flat_map(|function| [function[name], function[script]]),
        );
    }
    names
}

/// The report without what tells of the file itself.
fn figures(path: &str) -> Value {
    let mut report = report(&["top", path, "-n", "0", "--by", "class,name"]);
    for input in report["inputs"].as_array_mut().unwrap() {
        for field in ["path", "file_bytes", "warnings"] {
            input.as_object_mut().unwrap().remove(field);
        }
    }
    report.as_object_mut().unwrap().remove("warnings");
    report
}

#[test]
fn names_stay_contents_go_and_every_figure_is_the_same() {
    let folder = folder();
    let copy = text(&folder.path().join("copy.heapsnapshot"));
    let files = VALID.iter().map(|name| text(&corpus(name))).chain([leak(3)]);
    let mut blanked = 0;
    for file in files {
        let made = run(&["anonymize", &file, &copy]);
        assert_eq!(made.code, Some(0), "{made:?}");
        assert_eq!(figures(&copy), figures(&file), "{file}");
        let (before, after) = (document(&file), document(&copy));
        for section in ["snapshot", "nodes", "edges", "trace_function_infos", "trace_tree", "samples", "locations"] {
            assert_eq!(after[section], before[section], "{file}: {section}");
        }
        let names = names(&before);
        let strings = |document: &Value| document["strings"].as_array().unwrap().clone();
        assert_eq!(strings(&after).len(), strings(&before).len());
        for (number, (before, after)) in (0..).zip(strings(&before).iter().zip(&strings(&after))) {
            let (before, after) = (before.as_str().unwrap(), after.as_str().unwrap());
            if names.contains(&number) {
                assert_eq!(after, before, "{file}: {number}");
            } else if !before.contains("\\u") {
                assert_eq!(after, "x".repeat(before.encode_utf16().count()), "{file}: {number}");
                blanked += 1;
            }
        }
    }
    assert!(blanked > 1_000, "{blanked} strings");
}

#[test]
fn hashed_names_are_the_same_in_all_snapshots_and_hide_what_the_program_calls_things() {
    let folder = folder();
    let series = |key: &str| -> Vec<String> {
        let copy = |number: usize| text(&folder.path().join(format!("{key}-s{number}.heapsnapshot")));
        for number in 1..=7 {
            assert_eq!(run(&["anonymize", &leak(number), &copy(number), "--hash-names", key]).code, Some(0));
        }
        (1..=7).map(copy).collect()
    };
    let trend = |files: &[String]| {
        let mut arguments = vec!["trend"];
        arguments.extend(files.iter().map(String::as_str));
        report(&arguments)
    };
    let copies = series("key");
    let (hashed, plain) = (trend(&copies), trend(&(1..=7).map(leak).collect::<Vec<_>>()));
    for report in [&hashed, &plain] {
        assert_eq!(report["findings"].as_array().unwrap().len(), 1);
        assert_eq!(report["findings"][0]["verdict"], "leak");
    }
    assert_eq!(hashed["findings"][0]["steps"], plain["findings"][0]["steps"]);
    assert_eq!(hashed["totals"], plain["totals"]);
    let content = std::fs::read_to_string(&copies[6]).unwrap();
    for told in ["RequestContext", "onPriceChange"] {
        assert!(std::fs::read_to_string(leak(7)).unwrap().contains(told));
        assert!(!content.contains(told), "{told}");
    }
    for kept in ["system / Context", "(GC roots)", "\"Map\""] {
        assert!(content.contains(kept), "{kept}");
    }
    assert_ne!(std::fs::read(&series("other")[6]).unwrap(), content.into_bytes(), "the key matters");
}

#[test]
fn what_is_no_whole_snapshot_is_refused_and_leaves_nothing() {
    let folder = folder();
    let copy = folder.path().join("copy");
    let whole = std::fs::read(leak(1)).unwrap();
    let damaged = String::from_utf8(whole.clone()).unwrap().replacen("\"edges\":[1,", "\"edges\":[99,", 1);
    for content in [&whole[..whole.len() / 2], damaged.as_bytes(), b"[[[\"a.py\",1,\"f\",\"\"]]]"] {
        let path = put(folder.path(), "content", content);
        assert_eq!(run(&["anonymize", &path, &text(&copy)]).code, Some(3));
        assert!(!copy.exists());
    }
    assert_eq!(run(&["anonymize", "-", &text(&copy)]).code, Some(2));
    assert_eq!(run(&["anonymize", &leak(1), &text(&folder.path().join("none/copy"))]).code, Some(5));
    if cfg!(target_os = "linux") {
        assert_eq!(run(&["anonymize", &leak(1), "/dev/full"]).code, Some(5));
    }
}

/// A snapshot of a root and three objects with two references; the second is a WeakMap's. `names` are the last strings.
fn with_entry(names: [&str; 2]) -> Vec<u8> {
    format!(
        r#"{{"snapshot":{{"title":"S3CRET title","meta":{{"node_fields":["type","name","id","self_size","edge_count"],
"node_types":[["synthetic","object","string"],"string","number","number","number"],
"edge_fields":["type","name_or_index","to_node"],"edge_types":[["property","internal"],"string_or_number","node"],"note":"S3CRET note"}},
"node_count":3,"edge_count":2,"root_index":0,"extra":{{"path":"S3CRET path"}}}},
"nodes":[0,0,1,0,1,1,1,3,16,1,2,2,5,16,0],"edges":[0,3,5,1,4,10],
"strings":["(root)","Session","S3CRET value","cache","{}","{}"]}}"#,
        names[0], names[1]
    )
    .into_bytes()
}

/// V8 names the references to a WeakMap's value by key and value, of which strings are told by their text, and cuts long names.
#[test]
fn names_of_weak_entries_tell_ids_only() {
    const WHOLE: &str = r#"17 / part of key (S3CRET \"a\" @3) -> value (S3CRET 9 @1) -> value (x @5) pair in WeakMap (table @7)"#;
    const CUT: &str = "18 / part of key (S3CRET that is cut sh";
    let folder = folder();
    let path = put(folder.path(), "s.heapsnapshot", &with_entry([WHOLE, CUT]));
    let cut = put(folder.path(), "cut.heapsnapshot", &with_entry([CUT, WHOLE]));
    for options in [&[][..], &["--hash-names", "key"]] {
        let copy = text(&folder.path().join("copy.heapsnapshot"));
        assert_eq!(run(&[&["anonymize", &path, &copy], options].concat()).code, Some(0));
        let content = std::fs::read_to_string(&copy).unwrap();
        assert!(!content.contains("S3CRET"), "{content}");
        let strings = document(&copy)["strings"].clone();
        assert_eq!(
            strings[4],
            "17 / part of key (xxxxxxxxxx @3) -> value (xxxxxxxxxxxxxxxxxxxxxxxx @5) pair in WeakMap (table @7)"
        );
        assert_eq!(strings[5], "x".repeat(CUT.len()));
        assert_eq!(run(&[&["anonymize", &cut, &copy], options].concat()).code, Some(0));
        assert_eq!(document(&copy)["strings"][4], "18 / part of key (xxxxxxxxxxxxxxxxxxxxx");
        assert_eq!(figures(&copy)["totals"], figures(&path)["totals"]);
    }
    assert_eq!(run(&["anonymize", &path, "-", "--hash-names", ""]).code, Some(2));
}
