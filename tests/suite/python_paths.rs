//! Why objects of Python are alive: a service whose leaks are known, and a program made by hand.

use serde_json::{Value, json};

use crate::support::{folder, put, python, report, run};

/// The dumps of a Flask service under Python 2.7.
fn service() -> Vec<String> {
    (1..=5).map(|number| python(&format!("leak27/dump-{number}.json"))).collect()
}

/// What holds the objects of a class: how many, and the path.
fn holders(file: &str, class: &str) -> Vec<(u64, String)> {
    let report = report(&["paths", file, class, "-n", "0"]);
    let holders = report["alive"]["holders"].as_array().unwrap();
    holders.iter().map(|h| (h["instances"].as_u64().unwrap(), h["text"].as_str().unwrap().to_owned())).collect()
}

fn first_cause(finding: &Value) -> (&str, &Value) {
    (finding["causes"][0]["text"].as_str().unwrap(), &finding["causes"][0]["count"])
}

#[test]
fn the_leaks_of_a_service_are_its_causes() {
    let files = service();
    let args: Vec<&str> = ["trend", "--why"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let report = report(&args);
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 2);
    let metadata = "__main__.collector Collector .checks[x] Check .svc_metadata list [x] → dict (empty)";
    assert_eq!(first_cause(&findings[0]), (metadata, &json!([1500, 3000, 4500, 6000, 7500])));
    assert_eq!(first_cause(&findings[1]), ("__main__.hub Hub .listeners list [x] → Session", &json!([40, 80, 120, 160, 200])));
    assert_eq!(findings[0]["groups_growing"], 3);
    // An empty dictionary of Python 2.7 takes 280 bytes.
    assert_eq!(findings[0]["causes"][0]["size_growth"], 6000 * 280);
}

/// A program that leaves an object in each of two lists at every request.
fn requests(requests: u64) -> String {
    let entry = |from: u64, class: &str| -> String { (from..from + requests).map(|at| dump(&[(at, class, "", &[])])).collect() };
    let list = |at: u64, first: u64| {
        let refs: Vec<u64> = (first..first + requests).collect();
        dump(&[(at, "list", "\"len\": 1, ", &refs)])
    };
    let strings: Vec<_> = [(10, "sessions"), (11, "audit")].map(|(at, text)| string(at, text)).into_iter().collect();
    let strings: String = strings.iter().map(|(at, kind, further, refs)| dump(&[(*at, kind, further, refs)])).collect();
    let main = dump(&[(1, "module", "\"name\": \"__main__\", ", &[2]), (2, "dict", "\"len\": 2, ", &[10, 3, 11, 4])]);
    [main, strings, list(3, 1000), list(4, 5000), entry(1000, "Session"), entry(5000, "AuditLine")].concat()
}

#[test]
fn objects_that_grow_in_lockstep_in_several_containers_have_a_place_each() {
    let folder = folder();
    let files: Vec<String> = [40, 70, 180, 230, 350, 400, 530]
        .iter()
        .enumerate()
        .map(|(at, &sessions)| put(folder.path(), &format!("dump-{at}.json"), requests(sessions).as_bytes()))
        .collect();
    let args: Vec<&str> = ["trend", "--why"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let report = report(&args);
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1);
    let places: Vec<&str> =
        findings[0]["causes"].as_array().unwrap().iter().map(|cause| cause["text"].as_str().unwrap()).collect();
    assert_eq!(places, ["__main__.audit list [x] → AuditLine", "__main__.sessions list [x] → Session"]);
    assert_eq!(findings[0]["members"][0]["name"], "AuditLine");
    assert_eq!((&findings[0]["groups_explained"], &findings[0]["groups_growing"]), (&json!(2), &json!(2)));
    // All of both goes: 530 objects of 64 bytes each.
    assert_eq!(findings[0]["share"], json!({ "exclusive": 2 * 530 * 64, "shared": 0 }));
}

#[test]
fn objects_of_a_service_are_held_by_what_its_program_says() {
    let last = python("leak27/dump-5.json");
    let empty = report(&["paths", &last, "dict (empty)"]);
    assert_eq!(empty["alive"]["instances"], 7685);
    let (held, path) = holders(&last, "dict (empty)").swap_remove(0);
    assert_eq!(
        (held, path.as_str()),
        (7500, "__main__.collector Collector .checks[x] Check .svc_metadata list [x] → dict (empty)")
    );
    assert_eq!(holders(&last, "Session"), [(200, "__main__.hub Hub .listeners list [x] → Session".to_owned())]);
    assert!(run(&["paths", &last, "NoSuchClass"]).refusal().contains("no object is called NoSuchClass"));
}

/// A dump of records, each with its type, further fields and references.
fn dump(records: &[(u64, &str, &str, &[u64])]) -> String {
    let line = |(address, kind, further, refs): &(u64, &str, &str, &[u64])| {
        format!(
            "{{\"address\": {}, \"type\": \"{kind}\", \"size\": 64, {further}\"refs\": {:?}}}\n",
            address * 16,
            times_16(refs)
        )
    };
    records.iter().map(line).collect()
}

fn times_16(refs: &[u64]) -> Vec<u64> {
    refs.iter().map(|address| address * 16).collect()
}

/// A text, by its own address.
fn string(address: u64, text: &str) -> (u64, &'static str, String, &'static [u64]) {
    (address, "str", format!("\"len\": {}, \"value\": \"{text}\", ", text.len()), &[])
}

/// A program of two modules, with a running call and two cycles that nothing leads to.
fn program() -> String {
    let strings: Vec<_> = [(10, "registry"), (11, "Foo"), (12, "serve"), (13, "os"), (14, "alice"), (15, "bob smith")]
        .into_iter()
        .chain([(17, "shared"), (19, "payload"), (32, "request")])
        .map(|(address, text)| string(address, text))
        .collect();
    let mut records: Vec<(u64, &str, &str, &[u64])> = vec![
        (1, "module", "\"name\": \"__main__\", ", &[2]),
        (2, "dict", "\"len\": 4, ", &[10, 3, 11, 4, 12, 6, 13, 20]),
        (3, "dict", "\"len\": 2, ", &[14, 5, 15, 8]),
        (4, "type", "\"name\": \"Foo\", ", &[16]),
        (16, "dict", "\"len\": 1, ", &[17, 18]),
        (18, "list", "\"len\": 1, ", &[50]),
        (5, "Foo", "", &[7, 4]),
        (7, "dict", "\"len\": 1, ", &[19, 21]),
        (21, "bytearray", "", &[]),
        (6, "function", "\"name\": \"serve\", ", &[22, 2]),
        (22, "code", "", &[]),
        // As of Python 3.11: dictionaries whose keys are all strings do not refer to them.
        (8, "Bar", "", &[23, 24]),
        (23, "dict", "\"len\": 2, ", &[26, 27]),
        (24, "type", "\"name\": \"Bar\", ", &[]),
        (26, "Leaf", "", &[]),
        (27, "Leaf", "", &[]),
        (20, "module", "\"name\": \"os\", ", &[25]),
        (25, "dict", "\"len\": 0, ", &[]),
        (30, "frame", "\"value\": \"serve\", ", &[2, 31]),
        (31, "dict", "\"len\": 1, ", &[32, 33]),
        (33, "Request", "", &[]),
        (40, "Ring", "", &[41]),
        (41, "Ring", "", &[40, 42]),
        (42, "Tail", "", &[43]),
        (43, "Tail", "", &[42]),
        (50, "Entry", "", &[]),
        (60, "Orphan", "", &[]),
    ];
    records.extend(strings.iter().map(|(address, kind, further, refs)| (*address, *kind, further.as_str(), *refs)));
    dump(&records)
}

#[test]
fn attributes_variables_and_classes_have_names_and_keys_have_not() {
    let folder = folder();
    let file = put(folder.path(), "dump.json", program().as_bytes());
    let one = |path: &str| vec![(1, path.to_owned())];
    for (class, path) in [
        ("Foo", "__main__.registry dict [x] → Foo"),
        ("bytearray", "__main__.registry[x] Foo .payload → bytearray"),
        ("Entry", "__main__.Foo.shared list [x] → Entry"),
        ("Request", "frame serve() .request → Request"),
        ("code", "__main__.serve() [x] → code"),
        ("Orphan", "(nothing leads to it) Orphan"),
    ] {
        assert_eq!(holders(&file, class), one(path), "{class}");
    }
    assert_eq!(holders(&file, "Leaf"), [(2, "__main__.registry[x] Bar [x] → Leaf".to_owned())]);
    // Contents of strings are shown nowhere.
    let table = run(&["paths", &file, "str", "-n", "0"]);
    assert!(!table.text().contains("alice") && !table.text().contains("bob"), "{table:?}");
}

#[test]
fn cycles_that_nothing_leads_to_are_roots_and_what_hangs_off_them_is_not() {
    let folder = folder();
    let file = put(folder.path(), "dump.json", program().as_bytes());
    assert_eq!(holders(&file, "Ring"), [(2, "(nothing leads to it) Ring".to_owned())]);
    assert_eq!(holders(&file, "Tail"), [(1, "(nothing leads to it) Ring [x] → Tail".to_owned())]);
    // The order of records decides nothing.
    let text = program();
    let backwards: Vec<&str> = text.lines().rev().collect();
    let other = put(folder.path(), "backwards.json", (backwards.join("\n") + "\n").as_bytes());
    for class in ["Ring", "Tail", "Foo", "Leaf", "Entry", "str", "dict", "type"] {
        assert_eq!(holders(&file, class), holders(&other, class), "{class}");
    }
}
