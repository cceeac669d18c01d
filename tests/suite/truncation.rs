//! Files that were cut short, that contradict themselves, or that go to extremes.

use heapdiff::error::ErrorKind;

use crate::support::synth::{self, Style, object, objects};
use crate::support::{
    Rng, command, finish, folder, groups, gzip, leak, names_section_and_offset, oracle, put, read, repository, run, traced, zst,
};

/// Asserts that the error names a section and an offset inside the file.
#[track_caller]
fn located<T>(result: Result<T, ErrorKind>, length: usize, what: &str) {
    let error = match result {
        Ok(_) => panic!("{what}: accepted"),
        Err(error) => error,
    };
    let message = error.to_string();
    assert!(names_section_and_offset(&message), "{what}: {message}");
    match error {
        ErrorKind::Malformed { offset, .. } | ErrorKind::Inconsistent { offset, .. } => {
            assert!(offset <= length as u64, "{what}: {message}");
        }
        _ => panic!("{what}: {message}"),
    }
}

/// Cuts a file at every place, or every few, and asserts that each prefix is refused.
fn cut_everywhere(style: &Style, step: usize) {
    let folder = folder();
    let mut objects = objects(&mut Rng(11), 5);
    objects.push(object("object", "a\\\\b\\\"c\\u00e9\\ud83d\\ude00", 1001, 8));
    objects.push(object("closure", "caf\u{e9} \u{1f600}", 1003, 8));
    let content = synth::file(&objects, style);
    let end = content.trim_ascii_end().len();
    assert!(read(&put(folder.path(), "content", &content), false).is_ok());
    for cut in (1..end).step_by(step) {
        let path = put(folder.path(), "content", &content[..cut]);
        located(read(&path, false), cut, &format!("cut at {cut}"));
        located(traced(&path), cut, &format!("cut at {cut}, stacks"));
        if cut % 11 == 0 {
            located(read(&path, true), cut, &format!("cut at {cut}, verify"));
        }
    }
}

#[test]
fn every_prefix_of_a_classic_file_is_refused() {
    cut_everywhere(&Style::tracked(), 1);
}

#[test]
fn every_prefix_of_a_new_file_is_refused() {
    cut_everywhere(&Style::new(), 1);
}

#[test]
fn prefixes_of_unusual_files_are_refused() {
    cut_everywhere(&Style { tracked: true, ..Style::reversed() }, 4);
    cut_everywhere(&Style { fields: vec!["id", "name", "type", "self_size"], ..Style::unknown() }, 4);
    assert!(matches!(read(&put(folder().path(), "content", b""), false), Err(ErrorKind::Empty)));
}

#[test]
fn every_prefix_of_a_compressed_file_is_refused() {
    let folder = folder();
    let content = synth::file(&objects(&mut Rng(12), 40), &Style::new());
    for packed in [gzip(&content), zst(&content)] {
        assert!(read(&put(folder.path(), "content", &packed), false).is_ok());
        for cut in 1..packed.len() {
            let error = read(&put(folder.path(), "content", &packed[..cut]), false).unwrap_err();
            // The first bytes do not show the compression yet.
            let is_located = || matches!(error, ErrorKind::Compressed { stored, .. } if stored == cut as u64);
            let expected = if cut < 4 { !error.to_string().is_empty() } else { is_located() };
            assert!(expected, "cut at {cut}: {error}");
        }
    }
}

#[test]
fn random_cuts_of_a_real_file_are_refused() {
    let folder = folder();
    let content = std::fs::read(repository().join(leak(3))).unwrap();
    let end = content.trim_ascii_end().len();
    let mut rng = Rng(13);
    for i in 0..60 {
        let cut = 1 + rng.below(end - 1);
        let path = put(folder.path(), "content", &content[..cut]);
        located(read(&path, i % 10 == 0), cut, &format!("cut at {cut}"));
    }
}

/// A small file as text, and its parts that can be replaced.
fn small() -> String {
    let objects = [object("object", "A", 1, 16), object("closure", "f", 3, 32), object("string", "s", 5, 24)];
    String::from_utf8(synth::file(&objects, &Style::required())).unwrap()
}

#[test]
fn counts_that_lie_are_refused() {
    let folder = folder();
    let whole = small();
    let nodes = "\"nodes\":[3,1,1,16,2,5,2,3,32,2,2,3,5,24,2]";
    assert!(whole.contains(nodes));
    let fields = "\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\"]";
    assert!(whole.contains(fields));
    let meta_end = whole.find("},\"node_count\"").unwrap();
    let meta = &whole[whole.find("{\"meta\"").unwrap() + 1..=meta_end];
    for (from, to) in [
        ("\"node_count\":3", "\"node_count\":2"),
        ("\"node_count\":3", "\"node_count\":4"),
        ("\"node_count\":3", "\"node_count\":0"),
        ("\"node_count\":3", "\"node_count\":9223372036854775808"),
        ("\"node_count\":3", "\"node_count\":18446744073709551615"),
        ("\"node_count\":3", "\"node_count\":18446744073709551616"),
        ("\"node_count\":3", "\"node_count\":-1"),
        ("\"node_count\":3", "\"node_count\":3.0"),
        ("\"node_count\":3", "\"node_count\":null"),
        ("\"node_count\":3,", ""),
        (fields, "\"node_fields\":[]"),
        (fields, "\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\"]"),
        (fields, "\"node_fields\":[\"type\",\"name\",\"id\",\"edge_count\",\"edge_count\"]"),
        (fields, "\"node_fields\":5"),
        (fields, "\"node_fields\":[1,2,3]"),
        (fields, "\"fields\":[]"),
        ("\"node_types\":[[", "\"node_types\":[[],["),
        ("\"node_types\":[[", "\"types\":[["),
        (meta, "\"meta\":null"),
        (meta, "\"meta\":[]"),
        (meta, "\"other\":{}"),
        (nodes, "\"nodes\":[99,1,1,16,2,5,2,3,32,2,2,3,5,24,2]"),
        (nodes, "\"nodes\":[18446744073709551615,1,1,16,2,5,2,3,32,2,2,3,5,24,2]"),
        (nodes, "\"nodes\":[3,4,1,16,2,5,2,3,32,2,2,3,5,24,2]"),
        (nodes, "\"nodes\":[3,4294967297,1,16,2,5,2,3,32,2,2,3,5,24,2]"),
        (nodes, "\"nodes\":[3,18446744073709551615,1,16,2,5,2,3,32,2,2,3,5,24,2]"),
        (nodes, "\"nodes\":[3,1,1,16,2,5,2,3,32,2,2,3,5,24]"),
        (nodes, "\"nodes\":[3,1,1,16,2,5,2,3,32,2,2,3,5,24,2,0]"),
        (nodes, "\"nodes\":[]"),
        (nodes, "\"nodes\":null"),
        (nodes, "\"nodes\":{}"),
        (nodes, "\"nodes\":[[3,1,1,16,2,5,2,3,32,2,2,3,5,24,2]]"),
        (nodes, "\"knots\":[]"),
        ("\"strings\":[", "\"strings\":null,\"x\":["),
        ("\"strings\":[", "\"strings\":[7,"),
        ("\"strings\":[", "\"strings\":[],\"x\":["),
        ("\"strings\":[", "\"x\":["),
        ("\"snapshot\":{", "\"snapshot\":[],\"x\":{"),
        ("\"snapshot\":{", "\"x\":{"),
        ("\"nodes\":[", "\"nodes\":[3,1,1,16,2],\"nodes\":["),
        ("\"strings\":[", "\"strings\":[\"a\",\"b\",\"c\",\"d\"],\"strings\":["),
        ("\"snapshot\":{", "\"snapshot\":{},\"snapshot\":{"),
    ] {
        assert!(whole.contains(from), "{from}");
        let content = whole.replacen(from, to, 1);
        assert!(oracle::read(content.as_bytes()).is_err(), "{to}");
        let path = put(folder.path(), "content", content.as_bytes());
        for verify in [false, true] {
            located(read(&path, verify), content.len(), &format!("{from} -> {to}"));
        }
        let packed = put(folder.path(), "content.gz", &gzip(content.as_bytes()));
        located(read(&packed, false), content.len(), &format!("{from} -> {to}, compressed"));
    }
}

#[test]
fn what_lies_in_edges_is_found_by_verify() {
    let folder = folder();
    let whole = small();
    let edges = "\"edges\":[1,0,5,2,1,10,1,1,";
    assert!(whole.contains(edges), "{whole}");
    for (from, to) in [
        ("\"edge_count\":6", "\"edge_count\":5"),
        ("\"edge_count\":6", "\"edge_count\":9223372036854775808"),
        (edges, "\"edges\":[7,0,5,2,1,10,1,1,"),
        (edges, "\"edges\":[1,0,6,2,1,10,1,1,"),
        (edges, "\"edges\":[1,0,15,2,1,10,1,1,"),
        (edges, "\"edges\":[1,0,-5,2,1,10,1,1,"),
        (edges, "\"edges\":[1,0,5,2,9,10,1,1,"),
        (edges, "\"edges\":[1,0,5,2,-1,10,1,1,"),
        (edges, "\"edges\":[1.5,0,5,2,1,10,1,1,"),
        (edges, "\"edges\":[0,1,0,5,2,1,10,1,1,"),
        (edges, "\"edges\":[],\"edges\":[1,0,5,2,1,10,1,1,"),
        ("\"nodes\":[3,1,1,16,2", "\"nodes\":[3,1,1,16,1"),
    ] {
        assert!(whole.contains(from), "{from}");
        let content = whole.replacen(from, to, 1);
        located(read(&put(folder.path(), "content", content.as_bytes()), true), content.len(), to);
    }
    // An element index may be negative (V8 13.6) or large.
    for to in ["\"edges\":[1,-3,5,2,1,10,1,1,", "\"edges\":[1,4294967293,5,2,1,10,1,1,"] {
        let content = whole.replacen(edges, to, 1);
        read(&put(folder.path(), "content", content.as_bytes()), true).unwrap();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn announced_counts_take_no_memory() {
    let folder = folder();
    for count in ["9223372036854775807", "4294967295", "100000000000"] {
        for field in ["node_count\":3", "edge_count\":6"] {
            let name = field.split('"').next().unwrap();
            let content = small().replacen(field, &format!("{name}\":{count}"), 1);
            for (file, content) in [("content", content.as_bytes().to_vec()), ("content.zst", zst(content.as_bytes()))] {
                let path = put(folder.path(), file, &content);
                let mut limited = std::process::Command::new("sh");
                limited.args(["-c", "ulimit -v 400000; exec \"$0\" verify --threads 2 \"$1\""]);
                limited.args([env!("CARGO_BIN_EXE_heapdiff"), &path]);
                let run = finish(limited);
                assert!(names_section_and_offset(run.refusal()), "{run:?}");
            }
        }
    }
}

/// Runs with a stack of 512 KiB.
fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(512 << 10).spawn(work).unwrap().join().unwrap()
}

#[test]
fn deep_nesting_takes_no_stack() {
    const DEPTH: usize = 1_000_000;
    let folder = folder();
    let objects = objects(&mut Rng(14), 30);
    let content = String::from_utf8(synth::file(&objects, &Style::classic())).unwrap();
    let expected = oracle::read(content.as_bytes()).unwrap().groups();
    let tree = "\"trace_tree\":[1,0,3,96,[2,0,1,32,[],3,0,2,64,[]]]";
    assert!(content.contains(tree));
    let arrays = format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
    let objects = format!("{}1{}", "{\"a\":[".repeat(DEPTH / 2), "]}".repeat(DEPTH / 2));
    let frames = format!("[1,0,1,1,{}[]{}]", "[2,0,1,1,".repeat(DEPTH), "]".repeat(DEPTH));
    for deep in [
        content.replacen(tree, &format!("\"trace_tree\":{frames}"), 1),
        content.replacen(tree, &format!("\"unknown\":{arrays}"), 1),
        content.replacen("{\"snapshot\"", &format!("{{\"unknown\":{objects},\"snapshot\""), 1),
    ] {
        let (plain, packed) = (put(folder.path(), "content", deep.as_bytes()), put(folder.path(), "zst", &zst(deep.as_bytes())));
        let found = on_a_small_stack(move || (read(&packed, false), read(&plain, true)));
        assert_eq!(groups(&found.0.unwrap()), expected);
        assert_eq!(groups(&found.1.unwrap()), expected);
    }
    // Brackets that never close.
    let endless = content.replacen(tree, &format!("\"unknown\":{}", "[".repeat(DEPTH)), 1);
    let path = put(folder.path(), "content", endless.as_bytes());
    located(on_a_small_stack(move || read(&path, false)), endless.len(), "deep");
    // A header without a bottom may be read or refused.
    let header = content.replacen("{\"meta\":", &format!("{{\"x\":{arrays},\"meta\":"), 1);
    let path = put(folder.path(), "content", header.as_bytes());
    if let Ok(snapshot) = on_a_small_stack(move || read(&path, false)) {
        assert_eq!(groups(&snapshot), expected);
    }
}

#[test]
fn many_short_strings_and_a_long_one_are_read() {
    let folder = folder();
    let mut many: Vec<synth::Object> =
        (0..100_000).map(|i| object(["string", "object"][i % 2], &format!("{i:x}"), 2 * i as u64 + 1, 8)).collect();
    let content = synth::file(&many, &Style::bare());
    let snapshot = read(&put(folder.path(), "content", &content), false).unwrap();
    assert_eq!(snapshot.groups.len(), 1 + 50_000);
    assert_eq!(snapshot.nodes, 100_000);
    assert_eq!(groups(&snapshot), oracle::read(&content).unwrap().groups());

    many.truncate(10);
    let long = format!("{}\\\"\\\\", "long\\n\\u00e9 ".repeat((16 << 20) / 12));
    many.push(object("object", &long, 99, 1 << 40));
    many.push(object("string", &long.repeat(2), 101, 1 << 41));
    let content = synth::file(&many, &Style::new());
    assert!(content.len() > 48 << 20);
    let path = put(folder.path(), "content", &content);
    let expected = heapdiff::text::count(1 << 40);
    let shown = run(&["top", &path, "--bytes"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(shown.text().contains(&expected) && shown.text().lines().all(|line| line.chars().count() <= 80));
    let name = serde_json::from_str::<String>(&format!("\"{long}\"")).unwrap();
    let mut summary = command();
    summary.args(["summary", &path]);
    let summary = crate::support::summary_groups(&finish(summary).json());
    assert_eq!(summary[&("object".to_owned(), name)], (1, 1 << 40));
}
