//! Python object dumps: what the reader finds against a plain reader's findings and facts known of the programs behind them.

use std::fmt::Write as _;

use heapdiff::error::ErrorKind;
use heapdiff::input::{FORMATS, Sniff, Want};
use heapdiff::snapshot::Snapshot;
use heapdiff::source::Source;
use heapdiff::stacks::Frame;
use serde_json::Value;

use crate::support::dumps::{self, Plain, Style};
use crate::support::{
    Groups, Rng, VALID, corpus, folder, groups, gzip, names_section_and_offset, put, python, read_as, report, run,
    run_with_input, summary_groups, text, zst,
};

/// Dumps that are whole.
const WHOLE: &[&str] =
    &["leak27/dump-1.json", "leak27/dump-2.json", "leak27/dump-3.json", "leak27/dump-4.json", "leak27/dump-5.json"];
const CUT_BY_AN_INT: &str = "edge/truncated-by-bigint-meliae051-py27-flask.json";
const CUT_IN_A_LINE: &str = "edge/cut-mid-line.json";
/// Some objects of every kind, without those they refer to; one object comes twice.
const SAMPLES: &[&str] = &[
    "edge/all-kinds-meliae051-py27.json",
    "edge/after-viewer-rewrite.json",
    "edge/all-kinds-meliae051-py38.json",
    "edge/all-kinds-bigint-py3fork-py38.json",
    "edge/all-kinds-patched-py311.json",
    "edge/wide-unicode-meliae040-py27.json",
];

fn plain(path: &str) -> Plain {
    dumps::read(&std::fs::read(path).unwrap()).unwrap()
}

fn group<'g>(report: &'g Value, name: &str) -> &'g Value {
    report["groups"].as_array().unwrap().iter().find(|group| group["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

/// Count of a kind, its empty objects included.
fn count(groups: &Groups, kind: &str) -> u64 {
    groups.iter().filter(|((of, _), _)| of == kind).map(|(_, sums)| sums.0).sum()
}

#[test]
fn real_dumps_hold_what_a_plain_reader_finds() {
    for name in WHOLE.iter().chain(SAMPLES).chain([&CUT_BY_AN_INT]) {
        let path = python(name);
        let plain = plain(&path);
        let summary = run(&["summary", &path]).json();
        assert_eq!(summary_groups(&summary), plain.groups(false), "{name}");
        let input = &summary["input"];
        assert_eq!(input["format"], "meliae", "{name}");
        assert_eq!(input["nodes"], plain.objects.len(), "{name}");
        assert_eq!(input["edges"], plain.refs(), "{name}");
        assert_eq!(input["self_size"], plain.self_size(), "{name}");
        assert_eq!(input["order_key"], Value::Null, "{name}");
        assert_eq!(input["complete"], plain.dangling() < 8, "{name}");
    }
    let named = read_as(&python(WHOLE[0]), Want { names: true, ..Want::GROUPS }).unwrap();
    assert_eq!(groups(&named), plain(&python(WHOLE[0])).groups(true));
    assert_eq!(groups(&named)[&("module".to_owned(), "logging".to_owned())].0, 1);
}

#[test]
fn a_leak_of_empty_dicts_is_found() {
    let files: Vec<String> = WHOLE.iter().map(|name| python(name)).collect();
    let mut args = vec!["trend", "-n", "0"];
    args.extend(files.iter().map(String::as_str));
    let report = report(&args);
    let of = |name: &str| {
        let group = group(&report, name);
        (group["count"].clone(), group["trend"]["verdict"].as_str().unwrap().to_owned(), group["trend"]["rank"].as_u64().unwrap())
    };
    let (counts, verdict, rank) = of("dict (empty)");
    assert_eq!((counts, verdict.as_str()), (serde_json::json!([1686, 3185, 4685, 6185, 7685]), "leak"));
    assert!(rank <= 3, "{rank}");
    let (counts, verdict, _) = of("Session");
    assert_eq!((counts, verdict.as_str()), (serde_json::json!([40, 80, 120, 160, 200]), "leak"));
    assert_eq!(of("HostInfo").1, "step");
    for healthy in ["dict", "Event"] {
        let (_, verdict, _) = of(healthy);
        assert!(verdict != "leak" && verdict != "suspect", "{healthy}: {verdict}");
    }
    let steps = |finding: &Value| finding["steps"].as_array().unwrap().clone();
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| steps(finding) == [1499, 1500, 1500, 1500]), "{findings:?}");
    assert!(findings.iter().any(|finding| steps(finding) == [40, 40, 40, 40]), "{findings:?}");
}

#[test]
fn every_way_in_gives_the_same_bytes() {
    let folder = folder();
    for name in [WHOLE[0], CUT_BY_AN_INT, SAMPLES[0]] {
        let path = python(name);
        let content = std::fs::read(&path).unwrap();
        let expected = run(&["summary", &path, "--threads", "1"]);
        let same = |what: &str, stdout: &[u8]| assert!(stdout == expected.stdout, "{path}: {what}");
        for threads in ["2", "16", "64"] {
            same(threads, &run(&["summary", &path, "--threads", threads]).stdout);
        }
        same("pipe", &run_with_input(&["summary", "-"], &content).stdout);
        same("zstd", &run(&["summary", &put(folder.path(), "content.zst", &zst(&content)), "--threads", "16"]).stdout);
        same("gzip", &run(&["summary", &put(folder.path(), "content.gz", &gzip(&content)), "--threads", "2"]).stdout);
        let lines: Vec<&str> = std::str::from_utf8(&content).unwrap().lines().collect();
        let array = put(folder.path(), "array", format!("[\n{}\n]\n", lines.join(",\n")).as_bytes());
        same("array", &run(&["summary", &array]).stdout);
    }
}

#[test]
fn a_dump_that_ends_early_is_told_by_its_references() {
    let report = report(&["top", &python(CUT_BY_AN_INT)]);
    let input = &report["inputs"][0];
    assert_eq!(input["complete"], false);
    assert_eq!(input["warnings"][0]["code"], "dangling-references");
    let message = input["warnings"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("585 of 66,329 references (0.9%) "), "{message}");
    let stderr = run(&["top", &python(CUT_BY_AN_INT)]).stderr;
    assert!(stderr.contains(message), "{stderr}");
}

#[test]
fn a_line_cut_in_the_middle_is_refused_or_left_out() {
    let path = python(CUT_IN_A_LINE);
    let content = std::fs::read(&path).unwrap();
    let refusal = run(&["top", &path]);
    assert!(refusal.refusal().contains("objects: expected the rest of a record at byte 10,000,000"), "{refusal:?}");
    let whole_lines = &content[..content.iter().rposition(|&byte| byte == b'\n').unwrap()];
    let plain = dumps::read(whole_lines).unwrap();
    let folder = folder();
    for path in [path, put(folder.path(), "content.zst", &zst(&content))] {
        let snapshot = read_as(&path, Want { allow_truncated: true, ..Want::GROUPS }).unwrap();
        assert_eq!(groups(&snapshot), plain.groups(false));
        let report = report(&["top", "--allow-truncated", &path]);
        let input = &report["inputs"][0];
        assert_eq!(input["complete"], false);
        assert_eq!(input["nodes"], plain.objects.len());
        let messages = input["warnings"].as_array().unwrap().iter().map(|warning| warning["message"].as_str().unwrap());
        let [cut, dangling] = messages.collect::<Vec<&str>>().try_into().unwrap();
        assert_eq!(cut, "the last record, at byte 9,999,937, is cut in the middle; it was left out");
        assert!(dangling.starts_with("1,255 of 155,995 references (0.8%) "), "{dangling}");
    }
}

#[test]
fn old_style_instances_have_their_class() {
    let found = groups(&read_as(&python(WHOLE[0]), Want::GROUPS).unwrap());
    let of = |name: &str| found.get(&("instance".to_owned(), name.to_owned())).map_or(0, |sums| sums.0);
    assert_eq!((of("_Environ"), of("instance"), count(&found, "instance")), (1, 0, 23));
    let report = report(&["top", "-n", "0", &python(WHOLE[0])]);
    assert_eq!(group(&report, "_Feature")["count"], serde_json::json!([of("_Feature")]));
    assert!(of("_Feature") > 3);
}

#[test]
fn instances_and_their_dicts_count_as_one() {
    for (name, before, after) in [(WHOLE[0], 5_744, 5_280), (WHOLE[3], 18_990, 12_404)] {
        let path = python(name);
        let plain = plain(&path);
        let snapshot = read_as(&path, Want { collapse: true, ..Want::GROUPS }).unwrap();
        let found = groups(&snapshot);
        assert_eq!((count(&plain.groups(false), "dict"), count(&found, "dict")), (before, after), "{name}");
        assert_eq!(found, plain.collapsed(), "{name}");
        assert_eq!(snapshot.self_size, Some(plain.self_size()));
        assert_eq!(snapshot.nodes + before - after, plain.objects.len() as u64);
    }
}

/// What is wanted in turn, and the threads to read with.
fn wants() -> impl Iterator<Item = (Want<'static>, usize)> {
    let with = |stacks, names, collapse| Want { stacks, names, collapse, ..Want::GROUPS };
    [(with(false, false, false), 1), (with(true, false, false), 3), (with(false, true, false), 2), (with(false, false, true), 2)]
        .into_iter()
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// Compares a snapshot with what a plain reader found.
fn compare(snapshot: &Snapshot, plain: &Plain, want: Want<'_>) -> Result<(), String> {
    let expected = if want.collapse { plain.collapsed() } else { plain.groups(want.names) };
    if groups(snapshot) != expected {
        return Err(format!("groups {:?}, expected {expected:?}", groups(snapshot)));
    }
    if want.stacks {
        let frames = |stack: u32| snapshot.stacks.frames(stack).map(Frame::text).collect::<Vec<String>>();
        let found =
            snapshot.groups.iter().map(|group| ((group.kind.clone(), group.name.clone(), frames(group.stack)), group.count));
        if found.collect::<std::collections::BTreeMap<_, _>>() != plain.stacks() {
            return Err("other stacks".to_owned());
        }
    }
    let sentence = format!("{} of {} ", heapdiff::text::count(plain.dangling()), heapdiff::text::count(plain.refs()));
    let told = snapshot.warnings.iter().any(|w| w.message.starts_with(&sentence));
    let facts = (snapshot.edges, snapshot.self_size, snapshot.complete, told);
    let expected = (Some(plain.refs()), Some(plain.self_size()), plain.dangling() <= 8, plain.dangling() > 8);
    if facts == expected { Ok(()) } else { Err(format!("facts {facts:?}, expected {expected:?}")) }
}

#[test]
fn made_dumps_of_any_style_hold_what_a_plain_reader_finds() {
    let folder = folder();
    let mut rng = Rng(31);
    for round in 0..120 {
        let count = 1 + rng.below(60);
        let objects = dumps::objects(&mut rng, count);
        let (stacks, names): (Vec<_>, Vec<_>) = wants().unzip();
        for style in Style::ALL {
            let content = dumps::file(&objects, style);
            let plain = dumps::read(&content).unwrap();
            let path = put(folder.path(), "content", &content);
            for (&want, &threads) in stacks.iter().zip(&names) {
                let snapshot = on_threads(threads, || read_as(&path, want)).unwrap();
                compare(&snapshot, &plain, want).unwrap_or_else(|what| panic!("round {round}, {style:?}, {want:?}: {what}"));
            }
        }
    }
}

#[test]
fn stacks_do_not_depend_on_threads() {
    let objects = dumps::objects(&mut Rng(32), 9_000);
    let content = dumps::file(&objects, Style::Meliae);
    assert!(content.len() > 3 << 18, "several pieces");
    let folder = folder();
    let path = put(folder.path(), "content", &content);
    let report =
        |threads: &str| run(&["top", "--by", "class,stack", "--format", "json", "-n", "0", "--threads", threads, &path]).stdout;
    let one = report("1");
    assert!(one.len() > 10_000);
    assert!(one == report("2") && one == report("16") && one == report("64"));
    let want = Want { stacks: true, ..Want::GROUPS };
    let snapshot = on_threads(5, || read_as(&path, want)).unwrap();
    compare(&snapshot, &dumps::read(&content).unwrap(), want).unwrap();
}

#[test]
fn of_equal_addresses_the_first_counts_in_any_piece() {
    let filler: String = (0..9_000).fold(String::new(), |mut text, i| {
        writeln!(text, "{{\"address\": {}, \"type\": \"int\", \"size\": 24, \"value\": {i}, \"refs\": []}}", 4096 + 16 * i)
            .unwrap();
        text
    });
    let line = |address: u64, kind: &str, refs: &str| {
        format!("{{\"address\": {address}, \"type\": \"{kind}\", \"size\": 8, \"refs\": [{refs}]}}\n")
    };
    let class = "{\"address\": 72, \"type\": \"classobj\", \"size\": 8, \"name\": \"Late\", \"refs\": []}\n";
    // An instance long before its class, another of a class that is none, and records that come again.
    let content = [
        &line(64, "instance", "72, 4096"),
        &line(80, "instance", "4096"),
        &filler,
        class,
        &line(64, "Second", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10"),
        &line(4096, "Third", ""),
        &class.replace("Late", "Other"),
        &line(88, "instance", "72"),
    ]
    .map(String::from)
    .concat();
    let folder = folder();
    let path = put(folder.path(), "content", content.as_bytes());
    let packed = put(folder.path(), "content.zst", &zst(content.as_bytes()));
    for (path, threads) in [(&path, 1), (&path, 2), (&path, 16), (&packed, 3)] {
        let snapshot = on_threads(threads, || read_as(path, Want::GROUPS)).unwrap();
        let of = |(kind, name, count): (&str, &str, u64)| {
            ((kind.to_owned(), name.to_owned()), (count, count * if kind == "int" { 24 } else { 8 }))
        };
        let expected =
            [("instance", "Late", 2), ("instance", "instance", 1), ("int", "int", 9_000), ("classobj", "classobj", 1)].map(of);
        assert_eq!(groups(&snapshot), Groups::from(expected));
        assert_eq!((snapshot.edges, snapshot.complete), (Some(4), true));
    }
}

/// How often dumps of a style are damaged: `HEAPDIFF_ROUNDS`, or as often as a short run allows.
fn rounds() -> usize {
    std::env::var("HEAPDIFF_ROUNDS").map_or(500, |rounds| rounds.parse().unwrap())
}

fn damaged(content: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut content = content.to_vec();
    let at = rng.below(content.len());
    let end = content.len().min(at + 1 + rng.below(60));
    match rng.below(6) {
        0 => content[at] ^= 1 << rng.below(8),
        1 => content.insert(at, *rng.pick(b"0123456789,[]{}\"\\:-.e \n\r\0\x80u/")),
        2 => drop(content.drain(at..content.len().min(at + 1 + rng.below(4)))),
        3 => content[at] = *rng.pick(b"0123456789,[]{}\"\\ \n"),
        4 => {
            let piece = content[at..end].to_vec();
            content.splice(end..end, piece);
        }
        _ => {
            let digits: Vec<usize> = (0..content.len()).filter(|&at| content[at].is_ascii_digit()).collect();
            content[*rng.pick(&digits)] = b'0' + u8::try_from(rng.below(10)).unwrap();
        }
    }
    content
}

#[test]
fn damage_is_refused_or_read_as_it_stands() {
    let folder = folder();
    let mut rng = Rng(33);
    let (mut refused, mut accepted) = (0, 0);
    let mut faults = Vec::new();
    for style in Style::ALL {
        for _ in 0..rounds() {
            let count = 1 + rng.below(6);
            let whole = dumps::file(&dumps::objects(&mut rng, count), style);
            let content = damaged(&whole, &mut rng);
            let path = put(folder.path(), "content", &content);
            let want = Want { stacks: false, ..Want::GROUPS };
            match (read_as(&path, want), dumps::read(&content)) {
                (Ok(snapshot), Ok(plain)) => {
                    accepted += 1;
                    faults.extend(compare(&snapshot, &plain, want).err());
                }
                (Err(_), Err(_)) => refused += 1,
                (Ok(_), Err(error)) => faults.push(format!("accepted, although {error}")),
                (Err(error), Ok(_)) => faults.push(format!("{error}: {}", String::from_utf8_lossy(&content))),
            }
        }
    }
    assert!(faults.is_empty(), "{} disagreements:\n{}", faults.len(), faults.join("\n"));
    assert!(refused > 400 && accepted > 400, "{refused} refused, {accepted} accepted");
}

#[track_caller]
fn located(result: Result<Snapshot, ErrorKind>, length: usize, what: &str) {
    let error = result.map(|_| ()).expect_err(what);
    let message = error.to_string();
    assert!(names_section_and_offset(&message), "{what}: {message}");
    match error {
        ErrorKind::Malformed { offset, .. } | ErrorKind::Inconsistent { offset, .. } => {
            assert!(offset <= length as u64, "{what}: {message}")
        }
        _ => panic!("{what}: {message}"),
    }
}

#[test]
fn every_prefix_is_refused_or_ends_with_a_line() {
    let folder = folder();
    for (style, seed) in Style::ALL.into_iter().zip(34..) {
        let content = dumps::file(&dumps::objects(&mut Rng(seed), 5), style);
        let first = content.iter().position(|&byte| byte == b'}').unwrap();
        for cut in first + 1..content.len() {
            let prefix = &content[..cut];
            let path = put(folder.path(), "content", prefix);
            match dumps::read(prefix) {
                Ok(plain) => compare(&read_as(&path, Want::GROUPS).unwrap(), &plain, Want::GROUPS).unwrap(),
                Err(_) => located(read_as(&path, Want::GROUPS), cut, &format!("{style:?} cut at {cut}")),
            }
            // What is left of the whole lines, once the last one is left out.
            let allowed = read_as(&path, Want { allow_truncated: true, ..Want::GROUPS }).unwrap();
            let lines = &prefix[..prefix.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1)];
            let whole = |lines: &[u8]| dumps::read(lines).or_else(|_| dumps::read(&[lines, b"\n]"].concat()));
            let expected = whole(prefix).or_else(|_| whole(lines)).unwrap();
            assert_eq!(groups(&allowed), expected.groups(false), "{style:?} cut at {cut}");
            assert_eq!(allowed.complete, dumps::read(prefix).is_ok() && expected.dangling() <= 8, "{style:?} cut at {cut}");
        }
    }
}

#[test]
fn lines_that_are_no_records_are_refused_with_their_place() {
    let folder = folder();
    let good = "{\"address\": 8, \"type\": \"a\", \"size\": 1, \"refs\": [8, 16]}\n";
    let whole = |bad: &str| format!("{good}\n{bad}\n{}", good.replace("8,", "16,"));
    for (from, to, expected) in [
        ("\"address\": 8", "\"address\": 18446744073709551616", "\"address\" with a number of at most 64 bits"),
        ("\"address\": 8", "\"address\": -8", "\"address\" with a number"),
        ("\"address\": 8", "\"address\": \"0x8\"", "\"address\" with a number"),
        ("\"address\": 8", "\"address\": 08", "one JSON object a line"),
        ("\"address\": 8", "\"address\": 8.0", "\"address\" with a number"),
        ("\"address\": 8, ", "", "\"address\" with a number"),
        ("\"size\": 1", "\"size\": 18446744073709551616", "\"size\" with a number of at most 64 bits"),
        ("\"size\": 1", "\"size\": -1", "\"size\" with a number"),
        ("\"size\": 1", "\"size\": null", "\"size\" with a number"),
        ("\"type\": \"a\"", "\"type\": 5", "\"type\" with a string"),
        ("\"type\": \"a\"", "\"type\": \"\\x\"", "one JSON object a line"),
        ("\"type\": \"a\"", "\"type\": \"\t\"", "one JSON object a line"),
        ("[8, 16]", "[8, 18446744073709551616]", "\"refs\" with an array of addresses"),
        ("[8, 16]", "[8, -1]", "\"refs\" with an array of addresses"),
        ("[8, 16]", "[8, \"16\"]", "\"refs\" with an array of addresses"),
        ("[8, 16]", "[8, [16]]", "\"refs\" with an array of addresses"),
        ("[8, 16]", "[8 16]", "one JSON object a line"),
        ("[8, 16]", "[8, 16,]", "one JSON object a line"),
        ("[8, 16]", "null", "\"refs\" with an array of addresses"),
        (", \"refs\": [8, 16]", "", "\"refs\" with an array of addresses"),
        ("}\n", "} {}\n", "one JSON object a line"),
        ("}\n", "},,\n", "one JSON object a line"),
        ("}\n", "\n", "one JSON object a line"),
        ("{", "[", "one JSON object a line"),
        (good, "[]\n", "a record {"),
        (good, "]\n", "a record"),
        (good, "null\n", "a record {"),
        (good, "\0\0\0\n", "one JSON object a line"),
        (good, "garbage\n", "one JSON object a line"),
    ] {
        assert!(good.contains(from), "{from}");
        let content = whole(&good.replacen(from, to, 1));
        assert!(dumps::read(content.as_bytes()).is_err(), "{to}");
        for (name, bytes) in [("content", content.clone().into_bytes()), ("content.zst", zst(content.as_bytes()))] {
            let path = put(folder.path(), name, &bytes);
            let message = read_as(&path, Want::GROUPS).unwrap_err().to_string();
            assert!(message.contains(expected), "{to:?}: {message}");
            let offset: String = message.split("at byte ").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
            let line = good.len() + 1..=good.len() + 1 + good.len() + to.len();
            assert!(line.contains(&offset.parse().unwrap()), "{to:?}: {message}");
            assert!(run(&["top", &path]).refusal().contains("objects: "));
        }
    }
    let stacks = Want { stacks: true, ..Want::GROUPS };
    for trace in ["5", "[5]", "[[]]", "[[5, 1]]", "[[\"a.py\"]]", "{}"] {
        let content = whole(&good.replacen("\"refs\"", &format!("\"trace\": {trace}, \"refs\""), 1));
        let path = put(folder.path(), "content", content.as_bytes());
        assert!(read_as(&path, Want::GROUPS).is_ok());
        let message = read_as(&path, stacks).unwrap_err().to_string();
        assert!(message.contains("\"trace\" with an array of [file, line]"), "{message}");
    }
}

#[test]
fn the_first_error_in_the_file_is_told() {
    let good = dumps::file(&dumps::objects(&mut Rng(35), 20_000), Style::Meliae);
    let (mut bad, mut at) = (good, 0);
    for place in [1 << 20, 2 << 20] {
        at = place + bad[place..].iter().position(|&byte| byte == b'\n').unwrap();
        bad.splice(at..=at, *b"\nx\n");
    }
    let first = (1 << 20) + bad[1 << 20..].iter().position(|&byte| byte == b'\n').unwrap() + 1;
    assert!(first < at);
    let folder = folder();
    for (name, content) in [("content", bad.clone()), ("content.zst", zst(&bad))] {
        let path = put(folder.path(), name, &content);
        for threads in [1, 2, 16] {
            match on_threads(threads, || read_as(&path, Want::GROUPS)) {
                Err(ErrorKind::Malformed { offset, .. }) => assert_eq!(offset, first as u64),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn long_lines_are_read() {
    let folder = folder();
    let refs = |count: usize| (0..count).map(|i| (4096 + 16 * (i % 9_000)).to_string()).collect::<Vec<String>>().join(", ");
    let mut objects = String::new();
    for (i, count) in [3, 700_000, 0, 400_000].into_iter().enumerate() {
        writeln!(
            objects,
            "{{\"address\": {}, \"type\": \"list\", \"size\": 8, \"len\": {count}, \"refs\": [{}]}}",
            64 + 8 * i,
            refs(count)
        )
        .unwrap();
    }
    for i in 0..9_000 {
        writeln!(objects, "{{\"address\": {}, \"type\": \"int\", \"size\": 24, \"value\": {i}, \"refs\": []}}", 4096 + 16 * i)
            .unwrap();
    }
    writeln!(
        objects,
        "{{\"address\": 8, \"type\": \"str\", \"size\": 8, \"value\": \"{}\", \"refs\": []}}",
        "long \\\" \\u000a".repeat(600_000)
    )
    .unwrap();
    assert!(objects.len() > 15 << 20);
    let plain = dumps::read(objects.as_bytes()).unwrap();
    // One reference over and over packs far better than real ones.
    let want = Want { input_max: Some(1 << 30), ..Want::GROUPS };
    for (name, content) in [("content", objects.clone().into_bytes()), ("content.zst", zst(objects.as_bytes()))] {
        for threads in [1, 3] {
            let path = put(folder.path(), name, &content);
            compare(&on_threads(threads, || read_as(&path, want)).unwrap(), &plain, want).unwrap();
        }
    }
}

#[test]
fn extremes_are_exact_or_refused() {
    let folder = folder();
    let dump = |sizes: &[u64]| {
        let line = |(i, size): (usize, &u64)| {
            format!("{{\"address\": {}, \"type\": \"a{}\", \"size\": {size}, \"refs\": []}}\n", 8 * i, i % 2)
        };
        put(folder.path(), "content", sizes.iter().enumerate().map(line).collect::<String>().as_bytes())
    };
    let exact = read_as(&dump(&[u64::MAX - 10, 3, 7]), Want::GROUPS).unwrap();
    assert_eq!(exact.self_size, Some(u64::MAX));
    let refusal = run(&["top", &dump(&[u64::MAX - 10, 3, 8])]);
    assert!(refusal.refusal().contains("objects: the sizes add up to more than 2^64 bytes (at byte "), "{refusal:?}");

    let addresses = "{\"address\": 18446744073709551615, \"type\": \"a\", \"size\": 0, \"refs\": [0, 18446744073709551615]}\n\
                     {\"address\": 0, \"type\": \"a\", \"size\": 0, \"refs\": [18446744073709551608, 12345678901234567890]}";
    let snapshot = read_as(&put(folder.path(), "content", addresses.as_bytes()), Want::GROUPS).unwrap();
    assert_eq!((snapshot.nodes, snapshot.edges, snapshot.complete), (2, Some(4), true));

    // Nested without bottom in what nobody reads.
    let deep = format!(
        "{{\"address\": 8, \"type\": \"a\", \"size\": 1, \"refs\": [], \"x\": {}{}}}\n",
        "[".repeat(1 << 20),
        "]".repeat(1 << 20)
    );
    let path = put(folder.path(), "content", deep.as_bytes());
    let read =
        std::thread::Builder::new().stack_size(512 << 10).spawn(move || on_threads(1, || read_as(&path, Want::GROUPS)).map(drop));
    let message = read.unwrap().join().unwrap().unwrap_err().to_string();
    assert!(names_section_and_offset(&message), "{message}");
}

#[test]
fn few_dangling_references_are_no_sign_of_a_cut() {
    let folder = folder();
    for (count, complete) in [(0, true), (1, true), (8, true), (9, false), (600, false)] {
        let refs = (0..count).map(|i| (1_000 + 8 * i).to_string()).collect::<Vec<String>>().join(", ");
        let content = format!("{{\"address\": 8, \"type\": \"a\", \"size\": 1, \"refs\": [{refs}]}}\n");
        let snapshot = read_as(&put(folder.path(), "content", content.as_bytes()), Want::GROUPS).unwrap();
        assert_eq!((snapshot.complete, snapshot.warnings.is_empty()), (complete, complete), "{count}");
    }
}

#[test]
fn each_file_is_of_one_format() {
    let yes = |path: &str| {
        let source = Source::open(path).unwrap();
        let says_yes = FORMATS.iter().filter(|format| format.sniff(source.head()) == Sniff::Yes);
        says_yes.map(|format| format.name()).collect::<Vec<&str>>()
    };
    for name in WHOLE.iter().chain(SAMPLES).chain([&CUT_BY_AN_INT, &CUT_IN_A_LINE]) {
        assert_eq!(yes(&python(name)), ["meliae"], "{name}");
    }
    for name in VALID.iter().filter(|name| !name.contains("unknown-sections")) {
        assert_eq!(yes(&text(&corpus(name))), ["v8"], "{name}");
    }
    let folder = folder();
    for style in Style::ALL {
        let content = dumps::file(&dumps::objects(&mut Rng(36), 3), style);
        for content in [content.clone(), [&b"\xef\xbb\xbf"[..], &content].concat(), [&b"\n \r\n"[..], &content].concat()] {
            let path = put(folder.path(), "content", &content);
            assert_eq!(yes(&path), ["meliae"], "{style:?}");
            assert_eq!(groups(&read_as(&path, Want::GROUPS).unwrap()), dumps::read(&content).unwrap().groups(false));
        }
    }
    // Ruby's addresses are strings, and a class has no size.
    for other in [
        "{\"address\":\"0x7f\", \"type\":\"OBJECT\", \"size\":1, \"memsize\":40}\n",
        "{\"address\": 8, \"type\": \"a\"}\n",
        "[[\"a.py\", 1, \"f\", null]]\n",
    ] {
        assert!(!yes(&put(folder.path(), "content", other.as_bytes())).contains(&"meliae"), "{other}");
    }
}
