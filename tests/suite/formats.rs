//! The formats beside V8's: stack lists, tracemalloc, memray, jmap, Ruby.

use std::path::PathBuf;

use heapdiff::error::ErrorKind;
use heapdiff::input::{self, FORMATS, Sniff, Want};
use heapdiff::snapshot::Snapshot;
use heapdiff::source::Source;

use crate::mutation::rounds;
use crate::support::plain::{self, Found, found};
use crate::support::{
    Rng, VALID, corpus, folder, gzip, leak, names_section_and_offset, put, report, repository, run, run_with_input, text, zst,
};

/// A format, files of it, and a plain reader.
struct Format {
    name: &'static str,
    files: &'static [&'static str],
    plain: fn(&[u8]) -> Result<Found, String>,
    /// A small file with everything there is.
    small: &'static str,
}

const STACK_LIST: Format = Format {
    name: "stack-list",
    files: &["python/traces/traces-py27-1.json", "python/traces/traces-py27-2.json", "python/traces/traces-py27-3.json"],
    plain: plain::stack_list,
    small: concat!(
        "[ [[\"a.py\", 1, \"main\", \"run()\"], [\"caf\\u00e9\\\\b.py\", 4294967295, \"r\\\"n\", null]],\n",
        "[],[[\"a.py\", 1]] ,[[\"a.py\",null,null],[\"\",0,\"native\"],[\"\",0]], [[\"\u{6f22}.py\", 7, \"f\"]],\r\n",
        "\t[[\"a.py\", 1, \"main\", \"other text\"], [\"caf\u{e9}\\\\b.py\", 4294967295, \"r\\\"n\"]]]\n"
    ),
};
const TRACEMALLOC: Format = Format {
    name: "tracemalloc",
    files: &["python/tracemalloc-n10-1.json", "python/tracemalloc-n10-2.json", "python/tracemalloc-n10-3.json"],
    plain: plain::tracemalloc,
    small: concat!(
        "{\"time\": 1.5e3, \"format\": \"tracemalloc\", \"deep\": [{\"a\": [null, true, -0.5]}], \"traces\": [\n",
        "{\"domain\": 0, \"size\": 217856, \"count\": 2999, \"stack\": [[\"tm.py\", 5], [\"tm.py\", 22]]},\n",
        "{\"stack\": [[\"tm.py\", 5, \"f\"], [\"tm.py\", 22]], \"size\": 0}, {\"count\": 0, \"stack\": [], \"size\": 17},\n",
        "{\"size\": 4294967296, \"count\": 10, \"stack\": [[\"tm.py\", 5], [\"tm.py\", 22]]}], \"z\": \"\\u00e9\"}"
    ),
};
const MEMRAY: Format = Format {
    name: "memray",
    files: &["python/memray-leaks.csv"],
    plain: plain::memray,
    small: concat!(
        "allocator,num_allocations,size,tid,thread_name,stack_trace\n",
        "PYMALLOC_MALLOC,2,1372,1,0x1,leaf;/srv/a.py;58|main;/srv/a.py;7\nMMAP,1,4096,1,0x1 (T\u{e9}),\n",
        "PYMALLOC_MALLOC,1,100,2,0x2,leaf;/srv/a.py;58|main;/srv/a.py;7\r\nMALLOC,18446744073709,0,2,,main;/srv/a.py;7\n"
    ),
};
const JMAP: Format = Format {
    name: "jmap",
    files: &["other/jmap-histo-1.txt", "other/jmap-histo-2.txt", "other/jmap-histo-3.txt"],
    plain: plain::jmap,
    small: concat!(
        "4711:\n num     #instances         #bytes  class name (module)\n---------------------------------\n",
        "   1:         14864         933024  [B (java.base@17.0.15)\n   2:             7            336  shop.Cart\n",
        "   3:             5            240  shop.Cart (app//shop@1)\n",
        "   4:             1             16  A$$Lambda$32/0x00007f317c024400\n",
        "   5:             1             16  A$$Lambda$32/791452441 (x@1)\n\nTotal         14878         933632\n"
    ),
};
const RUBY: Format = Format {
    name: "ruby",
    files: &["other/ruby-1.json", "other/ruby-3.json", "other/ruby-5.json"],
    plain: plain::ruby,
    small: concat!(
        "{\"type\":\"ROOT\", \"root\":\"vm\", \"references\":[\"0x10\"]}\n",
        "{\"address\":\"0x99\", \"type\":\"OBJECT\", \"class\":\"0x10\", \"references\":[\"0x10\", \"0x11\"], ",
        "\"file\":\"r\\u00e9.rb\", \"line\":6, \"method\":\"new\", \"memsize\":40}\n",
        "{\"address\":\"0x9a\", \"type\":\"STRING\", \"class\":\"0x12\", \"value\":\"{\\\"type\\\":\", ",
        "\"memsize\":40, \"flags\":{\"old\":true}}\n",
        "{\"address\":\"0x10\", \"type\":\"CLASS\", \"class\":\"0x13\", \"superclass\":\"0x11\", ",
        "\"name\":\"Sess\", \"memsize\":480}\n",
        "{\"address\":\"0x11\", \"type\":\"ICLASS\", \"class\":\"0x12\", \"superclass\":\"0x12\", \"memsize\":40}\n\n",
        "{\"address\":\"0x12\", \"type\":\"CLASS\", \"class\":\"0x14\", \"name\":\"String\"}\n",
        "{\"address\":\"0x13\", \"type\":\"CLASS\", \"superclass\":\"0x14\", \"singleton\":true}\n",
        "{\"address\":\"0x14\", \"type\":\"CLASS\", \"real_class_name\":\"Class\", \"singleton\":true, \"memsize\":8}\n",
        "{\"address\":\"0x15\", \"type\":\"CLASS\", \"class\":\"0x14\", \"superclass\":\"0x10\"}\n",
        "{\"address\":\"0x16\", \"type\":\"OBJECT\", \"class\":\"0x15\", \"file\":\"a.rb\", \"line\":1}\n",
        "{\"address\":\"0x17\", \"type\":\"IMEMO\", \"class\":\"0x10\", \"imemo_type\":\"ment\", \"memsize\":48}\n",
        "{\"address\":\"0x18\", \"type\":\"DATA\", \"struct\":\"proc\"}\n{\"address\":\"0x19\", \"type\":\"ARRAY\"}\n",
        "{\"address\":\"0x1a\", \"type\":\"NONE\"}\n{\"address\":\"0x1b\", \"type\":\"OBJECT\", \"class\":\"0xdead\"}\n"
    ),
};
const ALL: [Format; 5] = [STACK_LIST, TRACEMALLOC, MEMRAY, JMAP, RUBY];

/// A file of the fixtures, unpacked.
fn unpacked(name: &str) -> Vec<u8> {
    zstd::stream::decode_all(&std::fs::read(packed(name)).unwrap()[..]).unwrap()
}

fn packed(name: &str) -> PathBuf {
    repository().join(format!("fixtures/{name}.zst"))
}

fn read(path: &str, want: Want<'_>) -> Result<Snapshot, ErrorKind> {
    input::read(&mut Source::open(path)?, want)
}

const STACKS: Want<'_> = Want { stacks: true, ..Want::GROUPS };

#[test]
fn every_way_in_finds_what_a_plain_reader_finds() {
    let folder = folder();
    let pools = [1, 3].map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap());
    for format in ALL {
        let ends = format.files.iter().step_by(2);
        let files = ends.map(|name| unpacked(name)).chain([format.small.as_bytes().to_vec()]);
        for (i, content) in files.enumerate() {
            let expected = (format.plain)(&content).unwrap();
            let ways = [put(folder.path(), "map", &content), put(folder.path(), "zst", &zst(&content))];
            let snapshot = read(&ways[0], STACKS).unwrap();
            for (way, pool) in ways.iter().flat_map(|way| pools.iter().map(move |pool| (way, pool))) {
                let other = pool.install(|| read(way, STACKS)).unwrap();
                assert_eq!((&other.groups, &other.stacks), (&snapshot.groups, &snapshot.stacks), "{} {i} {way}", format.name);
                assert_eq!((other.nodes, other.self_size, other.edges), (snapshot.nodes, snapshot.self_size, snapshot.edges));
            }
            assert_eq!(snapshot.format, format.name);
            assert!(found(&snapshot) == expected, "{} {i}", format.name);
            assert_eq!(snapshot.nodes, expected.values().map(|sums| sums.0).sum::<u64>());
            let bytes = expected.values().map(|sums| sums.1).sum::<u64>();
            assert_eq!(snapshot.self_size, (format.name != "stack-list").then_some(bytes));
        }
    }
}

#[test]
fn a_finding_names_the_line_that_makes_its_headline() {
    // The sessions' strings are more, and are made on line 3.
    let files = ["1", "3", "5"].map(|n| text(&packed(&format!("other/ruby-{n}.json"))));
    let args = [&["trend"][..], &files.each_ref().map(String::as_str)].concat();
    let finding = &report(&args)["findings"][0];
    assert_eq!(finding["members"][0]["name"], "Sess");
    assert_eq!(finding["allocated_at"]["frames"][0]["line"], 6, "{finding}");
    assert_eq!(finding["allocated_at"]["package"], serde_json::Value::Null);
}

#[test]
fn without_sites_ruby_objects_are_counted_by_class() {
    let content = unpacked("other/ruby-1.json");
    let expected = plain::ruby(&content).unwrap();
    let mut by_class = Found::new();
    for ((kind, name, _), (count, size)) in expected {
        let sums = by_class.entry((kind, name, Vec::new())).or_default();
        *sums = (sums.0 + count, sums.1 + size);
    }
    let snapshot = read(&text(&packed("other/ruby-1.json")), Want::GROUPS).unwrap();
    assert!(found(&snapshot) == by_class);
    assert!(snapshot.complete && snapshot.warnings.is_empty());
    let lines = String::from_utf8(content).unwrap();
    let arrays = lines.lines().filter(|line| !line.contains("\"ROOT\"")).filter_map(|line| line.split("\"references\":[").nth(1));
    let references: usize = arrays.map(|array| array.split(']').next().unwrap().split(',').count()).sum();
    assert_eq!(snapshot.edges, Some(references as u64));
}

#[test]
fn exactly_one_format_recognizes_each_file() {
    let folder = folder();
    let mut files: Vec<(String, String)> = VALID.iter().map(|name| (text(&corpus(name)), "v8".to_owned())).collect();
    files.extend((1..=7).map(|i| (leak(i), "v8".to_owned())));
    for format in ALL {
        files.extend(format.files.iter().map(|name| (text(&packed(name)), format.name.to_owned())));
        files.push((put(folder.path(), format.name, format.small.as_bytes()), format.name.to_owned()));
    }
    let meliae = "{\"address\": 1, \"type\": \"dict\", \"size\": 280, \"len\": 0, \"refs\": []}\n";
    files.push((put(folder.path(), "meliae", meliae.as_bytes()), "meliae".to_owned()));
    for (file, name) in files.clone() {
        let summary = run(&["summary", &file, "-q"]);
        assert_eq!(summary.code, Some(0), "{file}: {summary:?}");
        files.push((put(folder.path(), &format!("{name}-{}", files.len()), &summary.stdout), "summary".to_owned()));
    }
    for (path, name) in files {
        let path = if path.starts_with('/') { path } else { text(&repository().join(path)) };
        let source = Source::open(&path).unwrap();
        let that =
            |answer| FORMATS.iter().filter(move |format| format.sniff(source.head()) == answer).map(|format| format.name());
        // What begins with a section of another V8 may be anything.
        let answer = if path.ends_with("unknown-sections.heapsnapshot") { Sniff::Maybe } else { Sniff::Yes };
        assert_eq!(that(answer).collect::<Vec<_>>(), [name], "{path}");
    }
}

#[test]
fn a_cut_file_is_refused_or_read_as_it_stands() {
    let folder = folder();
    for format in ALL {
        let content = format.small.as_bytes();
        let mut accepted = 0;
        for cut in 1..content.len() {
            let prefix = &content[..cut];
            let path = put(folder.path(), "content", prefix);
            match (read(&path, STACKS), (format.plain)(prefix)) {
                (Ok(snapshot), Ok(expected)) => {
                    assert_eq!(found(&snapshot), expected, "{} cut at {cut}", format.name);
                    accepted += 1;
                }
                (Ok(_), Err(error)) => panic!("{} cut at {cut}: accepted, although {error}", format.name),
                (Err(error), Ok(_)) => panic!("{} cut at {cut}: {error}", format.name),
                (Err(ErrorKind::Unrecognized(_)), Err(_)) => assert!(cut < 90, "{} cut at {cut}", format.name),
                (Err(error), Err(_)) => {
                    let message = error.to_string();
                    let end = format!("at byte {}, found end of file (file cut short?)", heapdiff::text::count(cut as u64));
                    assert!(message.ends_with(&end), "{} cut at {cut}: {message}", format.name);
                    assert!(names_section_and_offset(&message), "{message}");
                }
            }
            let packed = put(folder.path(), "packed", &zst(prefix));
            assert_eq!(read(&packed, STACKS).is_ok(), read(&path, STACKS).is_ok(), "{} cut at {cut}", format.name);
        }
        // Only where no bracket and no sum tells, a file that ends with a line is a whole one.
        let lines = content.iter().filter(|&&byte| byte == b'\n').count();
        let expected = match format.name {
            "memray" => lines - 1..=lines,
            "ruby" => 2 * (lines - 1) - 1..=2 * lines,
            _ => 0..=1,
        };
        assert!(expected.contains(&accepted), "{}: {accepted} of {expected:?}", format.name);
    }
}

#[test]
fn what_is_cut_can_be_left_out() {
    let folder = folder();
    let want = Want { allow_truncated: true, ..STACKS };
    for format in [MEMRAY, JMAP, RUBY] {
        let content = format.small.as_bytes();
        let last = content[..content.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
        let cut = &content[..last - 3];
        let lines = &cut[..=cut.iter().rposition(|&byte| byte == b'\n').unwrap()];
        let cut = put(folder.path(), "content", cut);
        assert!(read(&cut, STACKS).is_err());
        let snapshot = read(&cut, want).unwrap();
        assert!(!snapshot.complete);
        assert_eq!(snapshot.warnings[0].code, "cut-short");
        let expected = match format.name {
            "jmap" => {
                let sums = (snapshot.nodes, snapshot.self_size.unwrap());
                (format.plain)(&[lines, format!("Total {} {}\n", sums.0, sums.1).as_bytes()].concat())
            }
            _ => (format.plain)(lines),
        };
        assert_eq!(found(&snapshot), expected.unwrap(), "{}", format.name);
        let shown = run(&["top", &cut, "--allow-truncated"]);
        assert!(shown.stderr.contains("cut short at byte"), "{shown:?}");
    }
    for format in [STACK_LIST, TRACEMALLOC] {
        let cut = put(folder.path(), "content", &format.small.as_bytes()[..format.small.len() - 3]);
        assert!(read(&cut, want).is_err(), "{}", format.name);
    }
}

/// Changes a few bytes of a file.
fn damaged(content: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut content = content.to_vec();
    let at = rng.below(content.len());
    let end = content.len().min(at + 1 + rng.below(30));
    match rng.below(6) {
        0 => content[at] ^= 1 << rng.below(8),
        1 => content.insert(at, *rng.pick(b"0123456789,[]{}:-.; |\n")),
        2 => drop(content.drain(at..end)),
        3 => content[at] = *rng.pick(b"0123456789,[]{}:-.; |\n"),
        4 => {
            let digits: Vec<usize> = (0..content.len()).filter(|&at| content[at].is_ascii_digit()).collect();
            content[*rng.pick(&digits)] = *rng.pick(b"0123456789");
        }
        _ => {
            let part = content[at..end].to_vec();
            content.splice(at..at, part);
        }
    }
    content
}

#[test]
fn damage_is_refused_or_read_as_it_stands() {
    let folder = folder();
    let mut rng = Rng(31);
    for format in ALL {
        let (mut refused, mut accepted) = (0, 0);
        let rounds = 4 * rounds();
        for _ in 0..rounds {
            let content = damaged(format.small.as_bytes(), &mut rng);
            let lossy = String::from_utf8_lossy(&content).into_owned();
            let path = put(folder.path(), "content", &content);
            let result = read(&path, STACKS);
            // The plain reader of rows knows no quotes, and what is not looked at there and in objects need not be text.
            let quoted = format.name == "memray" && lossy.contains('"');
            if quoted || ["memray", "ruby"].contains(&format.name) && lossy.as_bytes() != content {
                continue;
            }
            match (result, (format.plain)(&content)) {
                (Ok(snapshot), Ok(expected)) => {
                    assert_eq!(found(&snapshot), expected, "{}: {lossy}", format.name);
                    accepted += 1;
                }
                (Err(error), Err(_)) => {
                    let message = error.to_string();
                    let offset = matches!(error, ErrorKind::Unrecognized(_)) || message.contains("at byte ");
                    assert!(offset, "{}: {message}", format.name);
                    refused += 1;
                }
                (Ok(_), Err(error)) => panic!("{}: accepted, although {error}: {lossy}", format.name),
                (Err(error), Ok(_)) => panic!("{}: {error}: {lossy}", format.name),
            }
        }
        assert!(refused > rounds / 5 && accepted > rounds / 12, "{}: {refused} refused, {accepted} accepted", format.name);
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let folder = folder();
    let root = "{\"type\":\"ROOT\"}\n";
    let object = |more: &str| format!("{root}{{\"address\":\"0x1\",\"type\":\"STRING\"{more}}}\n");
    let trace = |fields: &str| format!("{{\"format\":\"tracemalloc\",\"traces\":[{{{fields}}}]}}");
    let row = |fields: &str| format!("allocator,num_allocations,size,tid,thread_name,stack_trace\n{fields}\n");
    let classes = |lines: &str| format!(" num     #instances         #bytes  class name\n{lines}");
    for (content, words) in [
        ("[[[\"a\",1]],[[\"a\",-1]]]".to_owned(), "stacks: expected a line number at byte 17, found \"-…\""),
        ("[[[\"a\",4294967296]]]".to_owned(), "stacks: expected a line number at byte 7,"),
        ("[[[\"a\",18446744073709551616]]]".to_owned(), "stacks: expected a line number at byte 7,"),
        ("[[[\"a\",1.0]]]".to_owned(), "stacks: expected a line number at byte 7,"),
        ("[[[\"a\",01]]]".to_owned(), "stacks: expected a line number at byte 7,"),
        ("[[[\"a\",\"1\"]]]".to_owned(), "stacks: expected a line number at byte 7,"),
        ("[[[\"a\"]]]".to_owned(), "stacks: expected a frame of a file"),
        ("[[[\"a\",1,\"f\",\"s\",2]]]".to_owned(), "at byte 17,"),
        ("[[[\"a\",1,2]]]".to_owned(), "at byte 9,"),
        ("[[[\"a\",1]]],".to_owned(), "stacks: expected end of file at byte 11,"),
        (trace("\"size\":-1,\"stack\":[]"), "traces: expected a size in bytes at byte 42,"),
        (trace("\"size\":18446744073709551616,\"stack\":[]"), "traces: expected a size in bytes at byte 42,"),
        (trace("\"size\":1,\"count\":1.5,\"stack\":[]"), "traces: expected a number of blocks at byte 52,"),
        (trace("\"size\":1"), "traces: a trace has no stack (at byte 34)"),
        (
            trace("\"size\":18446744073709551615,\"stack\":[]},{\"size\":1,\"stack\":[]"),
            "traces: the sizes add up to more than 2^64",
        ),
        (trace("\"size\":1,\"count\":18446744073709551615,\"stack\":[]},{\"size\":1,\"stack\":[]"), "traces: the counts add up"),
        (trace("\"size\":1,\"size\":1"), "traces: the key \"size\" appears twice (at byte 51)"),
        ("{\"format\":\"tracemalloc\"}".to_owned(), "traces: the key \"traces\" is missing"),
        ("{\"traces\":[]}".to_owned(), "traces: the key \"format\" is missing"),
        ("{\"traces\":[],\"format\":\"other\"}".to_owned(), "traces: the format is \"other\", not \"tracemalloc\" (at byte 22)"),
        (row("M,-1,2,1,x,f;a;1"), "rows: expected a num_allocations in this row at byte 59, found \"-1\""),
        (row("M,1,18446744073709551616,1,x,f;a;1"), "rows: expected a size in this row at byte 59,"),
        (row("M,1,2,1,x,f;a;-1"), "rows: expected frames function;file;line in this row at byte 59, found \"f;a;-1\""),
        (row("M,1,2,1,x,f;a;4294967296"), "rows: expected frames"),
        (row("M,1,2,1,x,f;a;1\nM,1,2,1,f;a;1"), "rows: expected 6 fields at byte 75, found 5 fields"),
        (row("M,1,18446744073709551615,1,x,\nM,1,1,1,x,"), "rows: the sizes add up to more than 2^64 bytes (at byte 89)"),
        (
            classes(" 1: -1 16 A\nTotal 1 16\n"),
            "histogram: expected a line \"rank: instances bytes class\" or that of totals at byte 47,",
        ),
        (classes(" 1: 1 18446744073709551616 A\nTotal 1 16\n"), "at byte 47,"),
        (
            classes(" 1: 1 16 A\nTotal 1 17\n"),
            "1 objects of 16 bytes, but the line of totals says 1 of 17 (file damaged?) (at byte 58)",
        ),
        (classes(" 1: 1 16 A\nTotal 1 16\n 1: 1 16 A\n"), "histogram: expected end of file at byte 69,"),
        (classes(" 1: 1 16 A\n"), "histogram: expected the line of totals at byte 58, found end of file (file cut short?)"),
        (object(",\"memsize\":-1"), "objects: expected a record (u64) at byte 59, found \"-…\""),
        (object(",\"memsize\":18446744073709551616"), "objects: expected a record (u64) at byte 59,"),
        (object(", \"line\": 4294967296"), "objects: expected a record (u32) at byte 58, found \"4…\""),
        (
            object(",\"memsize\":18446744073709551615}\n{\"address\":\"0x2\",\"type\":\"STRING\",\"memsize\":1"),
            "objects: the sizes add up",
        ),
        (object(",\"class\":17"), "objects: expected a record (an address such as \"0x7f00\") at byte 57, found \"1…\""),
        (object("} x"), "objects: expected a record (trailing characters) at byte 50"),
        (format!("{root}{{\"type\":\"STRING\"}}\n"), "objects: expected a record with an address at byte 16,"),
        (format!("{root}[]\n"), "objects: expected a record"),
    ] {
        for (name, content) in [("content", content.as_bytes().to_vec()), ("content.gz", gzip(content.as_bytes()))] {
            let run = run(&["top", &put(folder.path(), name, &content)]);
            assert!(run.refusal().contains(words), "{words}: {run:?}");
        }
    }
}

#[test]
fn nesting_may_be_deep() {
    let folder = folder();
    let deep = format!("{}{}", "[".repeat(300_000), "]".repeat(300_000));
    let traces = format!("{{\"format\":\"tracemalloc\",\"x\":{deep},\"traces\":[]}}");
    let object = format!("{{\"address\":\"0x1\",\"type\":\"STRING\",\"x\":{deep},\"references\":[{deep}]}}\n");
    let paths = [put(folder.path(), "traces", traces.as_bytes()), put(folder.path(), "objects", object.as_bytes())];
    let counts = std::thread::Builder::new()
        .stack_size(512 << 10)
        .spawn(move || paths.map(|path| read(&path, Want::GROUPS).unwrap().nodes))
        .unwrap();
    assert_eq!(counts.join().unwrap(), [0, 1]);
    let stacks = put(folder.path(), "stacks", format!("[[[\"a\",1]],{deep}]").as_bytes());
    assert!(read(&stacks, Want::GROUPS).is_err());
}

#[test]
fn names_of_cpp_operators_and_quoted_rows_are_read() {
    let folder = folder();
    let header = "allocator,num_allocations,size,tid,thread_name,stack_trace\r\n";
    let quoted = "MALLOC,3,48,1,\"a \"\"b\"\", c\",\"std::map<int, A>::at;m.h;5|operator||(A, B);a.cpp;7|main;a.py;1\"\r\n";
    let snapshot = read(&put(folder.path(), "content", format!("{header}{quoted}").as_bytes()), Want::GROUPS).unwrap();
    let frames: Vec<String> = snapshot.stacks.frames(snapshot.groups[0].stack).map(|frame| frame.text()).collect();
    assert_eq!(frames, ["m.h:5 std::map<int, A>::at", "a.cpp:7 operator||(A, B)", "a.py:1 main"]);
    assert_eq!((snapshot.nodes, snapshot.self_size), (3, Some(48)));
}

#[test]
fn a_file_that_changes_meanwhile_is_refused() {
    let folder = folder();
    for format in ALL {
        let path = put(folder.path(), "content", format.small.as_bytes());
        let mut source = Source::open(&path).unwrap();
        std::fs::write(&path, [format.small.as_bytes(), b"\n"].concat()).unwrap();
        assert!(matches!(input::read(&mut source, Want::GROUPS), Err(ErrorKind::Changed)), "{}", format.name);
    }
}

#[test]
fn a_list_of_nothing_is_a_snapshot_without_objects() {
    let folder = folder();
    let nothing = put(folder.path(), "nothing", b"[]");
    let one = put(folder.path(), "one", b"[[[\"a.py\",1,\"f\"]]]");
    let report = report(&["diff", &nothing, &one]);
    assert_eq!(report["totals"]["count"], serde_json::json!([0, 1]));
    assert_eq!(report["totals"]["self_size"], serde_json::json!([null, null]));
    let summary = run(&["summary", &nothing]);
    let summary = put(folder.path(), "summary", &summary.stdout);
    assert_eq!(crate::support::report(&["diff", &summary, &one])["totals"], report["totals"]);
}

/// A series of the fixtures.
fn series(format: &Format) -> Vec<String> {
    format.files.iter().map(|name| text(&packed(name))).collect()
}

fn trend(format: &Format, args: &[&str]) -> serde_json::Value {
    let files = series(format);
    let args: Vec<&str> = ["trend"].into_iter().chain(files.iter().map(String::as_str)).chain(args.iter().copied()).collect();
    report(&args)
}

#[test]
fn the_culprit_of_the_stack_lists_heads_the_ranking() {
    const CULPRIT: &str = "svc/agent.py:54 _roll_up_instance_metadata";
    const RECORDER: &str = "svc/agent.py:14 __init__";
    let head = |args: &[&str]| trend(&STACK_LIST, args)["groups"][0].clone();
    for drop in ["1", "__init__"] {
        let group = head(&["--drop-frames", drop]);
        assert_eq!(group["key"], serde_json::json!([CULPRIT]));
        assert_eq!(group["count"], serde_json::json!([750, 1500, 2250]));
        assert_eq!(group["self_size"], serde_json::json!([null, null, null]));
        assert_eq!(head(&["--by", "function", "--drop-frames", drop])["key"], serde_json::json!([CULPRIT]));
        let stack = head(&["--by", "stack", "--drop-frames", drop])["key"][0].clone();
        let frames: Vec<&str> = stack.as_str().unwrap().split(" < ").collect();
        assert_eq!((frames.len(), frames[0], frames[1]), (6, CULPRIT, "svc/agent.py:50 run"));
        assert!(frames[5].ends_with("/lib/python2.7/threading.py:774 __bootstrap"));
        assert_eq!(head(&["--by", "file", "--drop-frames", drop])["key"], serde_json::json!(["svc/agent.py"]));
    }
    assert_eq!(head(&["--by", "function"])["key"], serde_json::json!([RECORDER]));
    assert_eq!(head(&[])["key"], serde_json::json!([RECORDER]));
    let recorded = head(&["--by", "stack"])["key"][0].clone();
    assert_eq!(recorded.as_str().unwrap().split(" < ").collect::<Vec<_>>()[..2], [RECORDER, CULPRIT]);
    // Without sizes, what grows are objects.
    let shown = run(&["trend", &text(&repository().join("fixtures/python/traces"))]);
    assert!(shown.text().contains("+1,500 objects in 2 steps (+750 a step)"), "{}", shown.text());
}

#[test]
fn the_culprits_of_the_other_series_head_the_rankings() {
    let report = trend(&RUBY, &["--by", "class,site"]);
    assert_eq!(report["groups"][0]["key"], serde_json::json!(["Sess", "svc/rb.rb:6 new"]));
    assert_eq!(report["groups"][0]["count"], serde_json::json!([2000, 6000, 10000]));
    assert_eq!(report["findings"][0]["members"][0]["name"], "Sess");
    assert_eq!(trend(&RUBY, &[])["groups"][0]["name"], "Sess");
    assert_eq!(trend(&JMAP, &[])["groups"][0]["name"], "java.util.HashMap");
    assert_eq!(trend(&JMAP, &[])["groups"][0]["count"], serde_json::json!([8336, 12336, 18336]));
    let group = trend(&TRACEMALLOC, &[])["groups"][0].clone();
    assert_eq!(group["name"], "/srv/app/python/svc/tm.py:5");
    assert_eq!(group["count"], serde_json::json!([2999, 5998, 8998]));
    assert_eq!(group["self_size"], serde_json::json!([217_856, 436_832, 651_424]));
    let file = text(&packed(MEMRAY.files[0]));
    let report = crate::support::report(&["top", &file]);
    assert_eq!(report["groups"][0]["name"], "svc/mr.py:4 leak");
    assert_eq!(report["groups"][0]["count"], serde_json::json!([597_305]));
}

#[test]
fn files_that_are_taken_for_snapshots_are_named() {
    let folder = folder();
    let mut lz4 = b"\x04\x22\x4d\x18".to_vec();
    lz4.extend([0x64, 0x40, 0xa7, 0, 0, 0, 0]);
    for (content, words) in [
        (&b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x0btracemalloc"[..], "Python pickle"),
        (b"\x80\x02}q\0.", "Python pickle"),
        (b"JAVA PROFILE 1.0.2\0\0\0\0\x08", "GC.class_histogram"),
        (b"\0\x12portable heap dump\0\0\0\x06", "OpenJ9"),
        (&gzip(b"\x0a\x04\x08\x01\x10\x02\x0a\x04\x08\x03\x10\x04"), "go tool pprof"),
        (b"heap profile: 1: 1024 [2: 2048] @ heap/1048576\n", "go tool pprof"),
        (b"memray\0\x0c\0\0\0", "memray transform csv --leaks"),
        (&lz4, "memray transform csv --leaks"),
        (b"BZh91AY&SY", "bzip2"),
        (b"\xfd7zXZ\0\0\x04", "xz"),
        (br#"{"head": {"callFrame": {"functionName": "(root)"}}}"#, "sampling heap profile"),
        (br#"{"nodes": [{"id": 1, "callFrame": {"functionName": "(root)"}}]}"#, "CPU profile"),
        (br#"{"traceEvents": [{"pid": 1, "ph": "X"}]}"#, "trace"),
        (br#"[{"pid": 1, "tid": 2, "ph": "X"}]"#, "trace"),
        (br#"{"version":3,"type":"GCDebugging","nodes":[0,0]}"#, "JavaScriptCore"),
        (
            br#"{"name": "x", "version": "1.0"}"#,
            "is JSON, but not a heap snapshot that heapdiff knows: its first key is \"name\"",
        ),
        (b"{\"level\":\"info\"}\n{\"level\":\"warn\"}\n", "is JSON, but not a heap snapshot"),
        (br#"[{"a": 1}]"#, "is JSON, but not a heap snapshot"),
        (br#"[[1, 2], [3]]"#, "is JSON, but not a heap snapshot"),
        (br#"["a"]"#, "is JSON, but not a heap snapshot"),
        (br#"{"samples": [], "x": 1}"#, "section is missing"),
    ] {
        let run = run(&["top", &put(folder.path(), "content", content)]);
        assert!(run.refusal().contains(words), "{words}: {run:?}");
        let piped = run_with_input(&["top", "-"], content);
        assert!(piped.refusal().contains(words), "{words}: {piped:?}");
    }
    let only = tempfile::tempdir_in(folder.path()).unwrap();
    put(only.path(), "a.cpuprofile", br#"{"nodes": [{"id": 1, "callFrame": {"functionName": "(root)"}}]}"#);
    assert!(run(&["trend", &text(only.path())]).refusal().contains("holds no heap snapshot"));
}
