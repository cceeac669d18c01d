//! Rows of classes against the reference viewer's own figures.
//!
//! Two differences of the reference are known and taken out on both sides: it hands "Detached " on along edges, and it does not
//! cut tags short. A third is counted with the plain reader: it leaves out objects without a size other than native ones.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::oracle;
use crate::support::{corpus, report, text, whole};

/// Class to count and self size.
type Classes = BTreeMap<String, (u64, u64)>;

/// The class without what the reference treats otherwise.
fn neutral(class: &str) -> String {
    let bare = class.strip_prefix("Detached ").unwrap_or(class);
    match bare.find(' ') {
        Some(space) if bare.starts_with('<') => format!("{}>", &bare[..space]),
        _ => bare.to_owned(),
    }
}

fn add(classes: &mut Classes, class: &str, count: u64, size: u64) {
    let sums = classes.entry(neutral(class)).or_default();
    *sums = (sums.0 + count, sums.1 + size);
}

fn expected(path: &Path) -> Classes {
    let expected: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut classes = Classes::new();
    for row in expected["self"]["rows"].as_array().unwrap() {
        add(&mut classes, row[0].as_str().unwrap(), row[1].as_u64().unwrap(), row[2].as_u64().unwrap());
    }
    classes
}

/// Compares the rows of `top` with the reference's.
fn compare(snapshot: &str, content: &[u8], reference: &Path) {
    let expected = expected(reference);
    let report = report(&["top", snapshot, "--by", "class", "-n", "0"]);
    let mut rows = Classes::new();
    for row in report["groups"].as_array().unwrap() {
        let number = |column: &str| row[column][0].as_u64().unwrap();
        add(&mut rows, row["name"].as_str().unwrap(), number("count"), number("self_size"));
    }
    for node in oracle::read(content).unwrap().nodes {
        if node.self_size == 0 && node.kind != "native" {
            let class = heapdiff::grouping::printable(&oracle::class(&node.kind, &node.name));
            rows.get_mut(&neutral(&class)).unwrap().0 -= 1;
        }
    }
    rows.retain(|_, sums| sums.0 > 0);
    // An empty name is shown as what it stands for.
    let shown = expected.into_iter().map(|(class, sums)| (heapdiff::grouping::printable(&class), sums));
    assert_eq!(rows, shown.collect::<Classes>(), "{snapshot}");
}

#[test]
fn classes_are_those_of_the_reference_viewer() {
    for name in [
        "isolates/mr06-s1",
        "isolates/mr06-s3",
        "isolates/ivm-track-s1",
        "isolates/ivm-track-s3",
        "isolates/ivm-node24-track-s1",
        "isolates/ivm-node24-track-s3",
        "isolates/mr0141-s1",
        "isolates/mr0141-s3",
        "chromium-worker/recording",
        "bun/s1",
        "bun/s3",
    ] {
        let snapshot = [".heapsnapshot", ".heaptimeline"].map(|suffix| corpus(&format!("{name}{suffix}")));
        let snapshot = snapshot.into_iter().find(|path| path.exists()).unwrap();
        let content = std::fs::read(&snapshot).unwrap();
        compare(&text(&snapshot), &content, &corpus(&format!("expected/{name}.expected.json")));
    }
}

#[test]
fn classes_of_a_whole_corpus_are_those_of_the_reference_viewer() {
    for reference in whole::references(".expected.json").iter().filter(|reference| reference.pair().is_none()) {
        let snapshot = reference.snapshot();
        compare(&text(&snapshot), &whole::unpacked(&snapshot), &reference.path);
    }
}

/// The groups that a plain reader finds, or a refusal where that refuses.
#[test]
fn every_file_of_a_whole_corpus_is_read_as_a_plain_reader_reads_it() {
    let Some(folder) = whole::folder() else { return };
    for path in whole::files(&folder.join("v8")).iter().filter(|path| path.extension().is_some_and(|end| end == "zst")) {
        let content = whole::unpacked(path);
        let run = crate::support::run(&["summary", &text(path)]);
        let padded = path.file_name().unwrap().to_str().unwrap().starts_with("nul-padded");
        let content = if padded { content.trim_ascii_end().split(|&b| b == 0).next().unwrap() } else { &content };
        match oracle::read(content) {
            Ok(plain) => assert_eq!(crate::support::summary_groups(&run.json()), plain.groups(), "{}", path.display()),
            Err(_) => drop(run.refusal().to_owned()),
        }
    }
}
