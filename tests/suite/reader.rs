//! What the reader finds against what a plain reader finds, whatever way a file comes in.

use std::fs::File;
use std::process::Stdio;

use crate::support::oracle::{self, Plain};
use crate::support::synth::{self, Style, object, objects};
use crate::support::{
    Rng, VALID, command, corpus, finish, folder, groups, gzip, leak, names_section_and_offset, put, read, repository, run,
    run_with_input, summary_groups, text, zst,
};

/// Every whole snapshot in the repository.
fn valid() -> Vec<String> {
    let demo = (1..=7).map(|n| text(&repository().join(leak(n))));
    VALID.iter().map(|name| text(&corpus(name))).chain(demo).collect()
}

fn plain(path: &str) -> Plain {
    oracle::read(&std::fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn summaries_hold_what_a_plain_reader_finds() {
    for path in valid() {
        let plain = plain(&path);
        let summary = run(&["summary", &path]).json();
        assert_eq!(summary_groups(&summary), plain.groups(), "{path}");
        let input = &summary["input"];
        assert_eq!(input["format"], "v8", "{path}");
        assert_eq!(input["complete"], true, "{path}");
        assert_eq!(input["nodes"], plain.nodes.len(), "{path}");
        assert_eq!(input["edges"], plain.edge_count, "{path}");
        assert_eq!(input["self_size"], plain.self_size(), "{path}");
        assert_eq!(input["order_key"].as_u64(), plain.order_key(), "{path}");
    }
}

#[test]
fn every_way_in_gives_the_same_bytes() {
    let folder = folder();
    for (i, path) in valid().into_iter().enumerate() {
        let content = std::fs::read(&path).unwrap();
        let expected = run(&["summary", &path, "--threads", "1"]);
        assert_eq!(expected.code, Some(0), "{expected:?}");
        let same = |what: &str, stdout: &[u8]| assert!(stdout == expected.stdout, "{path}: {what}");
        for threads in ["2", "16"] {
            same(threads, &run(&["summary", &path, "--threads", threads]).stdout);
        }
        same("pipe", &run_with_input(&["summary", "-"], &content).stdout);
        let zst = put(folder.path(), "content.zst", &zst(&content));
        same("zstd", &run(&["summary", &zst, "--threads", "2"]).stdout);
        if i % 5 != 0 {
            // A debug build unpacks gzip slowly.
            continue;
        }
        let gz = put(folder.path(), "content.gz", &gzip(&content));
        same("gzip", &run(&["summary", &gz, "--threads", "16"]).stdout);
        let mut redirected = command();
        redirected.args(["summary", "-"]).stdin(Stdio::from(File::open(&gz).unwrap()));
        same("compressed standard input", &finish(redirected).stdout);
    }
}

#[test]
fn reports_do_not_depend_on_threads() {
    let files: Vec<String> = (1..=7).map(leak).collect();
    let report = |threads: &str| {
        let mut args = vec!["trend", "--format", "json", "-n", "0", "--threads", threads];
        args.extend(files.iter().map(String::as_str));
        run(&args).stdout
    };
    let one = report("1");
    assert!(one.len() > 10_000);
    assert!(one == report("2") && one == report("16") && one == report("1"));
}

#[test]
fn a_second_look_reads_the_sums_of_the_file() {
    for name in ["odd/self_size-2p40.heapsnapshot", "isolates/mr06-s1.heapsnapshot"] {
        let path = text(&corpus(name));
        let plain = plain(&path);
        let report = crate::support::report(&["top", &path, "-n", "1"]);
        assert_eq!(report["totals"]["self_size"][0], plain.self_size());
        assert_eq!(report["totals"]["count"][0], plain.nodes.len());
    }
    assert!(plain(&text(&corpus("odd/self_size-2p40.heapsnapshot"))).self_size() >= 1 << 40);
}

#[test]
fn broken_files_are_refused_with_section_and_offset() {
    for (name, words) in [
        ("floats-exponents", "nodes: "),
        ("invalid-utf8-in-string", "strings: "),
        ("trailing-garbage", "file: "),
        ("truncated-in-edges", "edges: "),
        ("truncated-in-nodes", "nodes: "),
        ("truncated-in-strings", "strings: "),
        ("truncated-last-byte", "file: "),
        ("truncated-mid-meta", "snapshot: "),
        ("empty-object", "snapshot: "),
        ("only-brace", "file: "),
        ("bad-name-out-of-range", "nodes: "),
        ("bad-node_count", "nodes: "),
    ] {
        let path = text(&corpus(&format!("odd/{name}.heapsnapshot")));
        for command in ["summary", "top", "verify"] {
            let run = run(&[command, &path]);
            let message = run.refusal();
            assert!(message.contains(words) && names_section_and_offset(message), "{name}: {message}");
            assert!(message.contains(&path), "{message}");
        }
    }
}

#[test]
fn a_cut_file_says_that_it_was_cut_at_its_end() {
    for name in ["truncated-in-edges", "truncated-in-nodes", "truncated-in-strings", "truncated-last-byte", "truncated-mid-meta"]
    {
        let path = corpus(&format!("odd/{name}.heapsnapshot"));
        let end = heapdiff::text::count(std::fs::metadata(&path).unwrap().len());
        let run = run(&["top", &text(&path)]);
        let message = run.refusal();
        assert!(message.contains("cut short") && message.contains(&format!("at byte {end}, ")), "{name}: {message}");
    }
}

#[test]
fn faults_inside_edges_are_found_by_verify_alone() {
    for name in ["bad-edge_count-sum", "bad-edges-not-multiple", "bad-to_node-misaligned", "bad-to_node-out-of-range"] {
        let path = text(&corpus(&format!("odd/{name}.heapsnapshot")));
        assert_eq!(run(&["top", &path]).code, Some(0), "{name}");
        let run = run(&["verify", &path]);
        let message = run.refusal();
        assert!(names_section_and_offset(message), "{name}: {message}");
    }
}

#[test]
fn whole_files_pass_verify() {
    let files = valid();
    let mut args = vec!["verify", "--format", "json"];
    args.extend(files.iter().map(String::as_str));
    let report = run(&args).json();
    for (input, path) in report["inputs"].as_array().unwrap().iter().zip(&files) {
        assert_eq!(input["path"], path.as_str());
        assert_eq!(input["warnings"].as_array().unwrap().len(), 0, "{input}");
    }
}

#[test]
fn padding_with_zero_bytes_is_ignored_with_a_warning() {
    let path = corpus("odd/nul-padded.heapsnapshot");
    let content = std::fs::read(&path).unwrap();
    let end = content.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    let plain = oracle::read(&content[..end]).unwrap();
    let run = run(&["summary", &text(&path)]);
    assert_eq!(summary_groups(&run.json()), plain.groups());
    assert!(run.stderr.contains("warning: ") && run.stderr.contains("zero bytes"), "{}", run.stderr);
    let report = crate::support::report(&["top", &text(&path)]);
    assert_eq!(report["inputs"][0]["warnings"][0]["code"], "nul-padding");
}

#[test]
fn files_of_another_kind_are_named() {
    let folder = folder();
    let whole = synth::file(&objects(&mut Rng(1), 20), &Style::classic());
    let twice: Vec<u8> = [&whole[..], b"\n", &whole].concat();
    let mut utf16 = vec![0xff, 0xfe];
    utf16.extend(String::from_utf8(whole.clone()).unwrap().encode_utf16().flat_map(u16::to_le_bytes));
    for (content, words) in [
        (&b"<html>502</html>"[..], "web page"),
        (b"<!DOCTYPE html>", "web page"),
        (b"", "is empty"),
        (&[0; 5000], "zero bytes"),
        (&utf16, "UTF-16"),
        (b"PK\x03\x04 and more", "zip"),
        (&gzip(&gzip(&whole)), "compressed twice"),
        (&twice, "second"),
        (b"\x7fELF", "not a heap snapshot"),
        (b"[1,2,3]", "not a heap snapshot"),
        (b"null", "not a heap snapshot"),
        (br#"{"version":2,"type":"Inspector","nodes":[0,0,0,0]}"#, "JavaScriptCore"),
    ] {
        let path = put(folder.path(), "content", content);
        let from_file = run(&["top", &path]);
        assert!(from_file.refusal().contains(words), "{words}: {from_file:?}");
        let from_pipe = run_with_input(&["top", "-"], content);
        assert!(from_pipe.refusal().contains(words), "{words}: {from_pipe:?}");
    }
}

#[test]
fn compressed_files_are_read_to_their_end_or_refused() {
    let folder = folder();
    let whole = synth::file(&objects(&mut Rng(2), 400), &Style::new());
    let expected = oracle::read(&whole).unwrap().groups();
    let half = whole.len() / 2;
    let members: Vec<u8> = [gzip(&whole[..half]), gzip(&whole[half..])].concat();
    let frames: Vec<u8> = [zst(&whole[..half]), zst(&whole[half..])].concat();
    for content in [members, frames] {
        assert_eq!(groups(&read(&put(folder.path(), "content", &content), false).unwrap()), expected);
    }
    for packed in [gzip(&whole), zst(&whole)] {
        for cut in [packed.len() - 1, packed.len() - 6, packed.len() / 2, 20] {
            let run = run(&["top", &put(folder.path(), "content", &packed[..cut])]);
            assert!(run.refusal().contains("cut short"), "{cut}: {run:?}");
        }
        let garbage: Vec<u8> = [&packed[..], b"garbage"].concat();
        run(&["top", &put(folder.path(), "content", &garbage)]).refusal();
    }
}

#[test]
fn every_style_of_file_is_read() {
    let folder = folder();
    let mut rng = Rng(3);
    for n in [1, 2, 3, 17, 150, 700] {
        let objects = objects(&mut rng, n);
        for (name, style) in Style::all() {
            let content = synth::file(&objects, &style);
            let plain = oracle::read(&content).unwrap();
            assert_eq!(plain.nodes.len(), n);
            for (way, content) in [("plain", content.clone()), ("gzip", gzip(&content)), ("zstd", zst(&content))] {
                let path = put(folder.path(), "content", &content);
                for verify in [false, true] {
                    let snapshot = read(&path, verify).unwrap_or_else(|error| panic!("{name} {way} {n}: {error}"));
                    assert_eq!(groups(&snapshot), plain.groups(), "{name} {way} {n}");
                    assert_eq!(snapshot.nodes, plain.nodes.len() as u64);
                    assert_eq!(snapshot.self_size, Some(plain.self_size()));
                    assert_eq!(snapshot.order_key, plain.order_key());
                    assert_eq!(snapshot.edges, Some(plain.edge_count));
                    assert!(snapshot.complete && snapshot.warnings.is_empty(), "{name} {way} {n}");
                }
            }
        }
    }
}

/// A file of several pieces that threads share, with numbers of every length up to 20 digits.
fn large() -> Vec<synth::Object> {
    let mut rng = Rng(4);
    let mut objects = Vec::new();
    for i in 0..60_000_u64 {
        let digits = 1 + u32::try_from(rng.below(20)).unwrap();
        let id = 10_u64.pow(digits - 1).saturating_mul(1 + rng.next() % 9) | 1;
        let size = match i % 1000 {
            0 => 10_u64.pow(1 + u32::try_from(i / 1000 % 17).unwrap()) + i,
            1 => 1 << 33,
            _ => i % 100,
        };
        let kind = *rng.pick(synth::KINDS);
        objects.push(object(kind, &format!("Class{}", rng.below(300)), id, size));
    }
    objects.push(object("object", "Last", u64::MAX, 10_u64.pow(18)));
    objects
}

#[test]
fn records_may_lie_across_any_border_of_pieces() {
    let folder = folder();
    let objects = large();
    let pools: Vec<rayon::ThreadPool> =
        [1, 3].iter().map(|&n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap()).collect();
    for (style, paddings) in [(Style::classic(), 9), (Style::bare(), 9), (Style::permuted(), 3)] {
        let unpadded = synth::file(&objects, &style);
        assert!(unpadded.len() > 1 << 20);
        let plain = oracle::read(&unpadded).unwrap();
        let (expected, self_size) = (plain.groups(), plain.self_size());
        let key = b"\"x-padding\":\"";
        let at = unpadded.windows(key.len()).position(|window| window == key).unwrap() + key.len();
        for padding in (0..paddings).map(|i| i * 1013 % 997) {
            let content = [&unpadded[..at], &vec![b'p'; padding], &unpadded[at..]].concat();
            let path = put(folder.path(), "content", &content);
            for pool in &pools {
                let snapshot = pool.install(|| read(&path, false)).unwrap();
                assert!(groups(&snapshot) == expected, "padding {padding}");
                assert_eq!(snapshot.self_size, Some(self_size));
                assert_eq!(snapshot.order_key, Some(u64::MAX));
            }
        }
    }
}

#[test]
fn numbers_up_to_two_to_the_64_are_exact() {
    let folder = folder();
    let largest = u64::MAX;
    let content = synth::file(&[object("object", "A", largest, largest), object("object", "B", 1, 0)], &Style::new());
    let path = put(folder.path(), "content", &content);
    let report = crate::support::report(&["top", &path]);
    assert_eq!(report["totals"]["self_size"][0], largest);
    assert_eq!(report["inputs"][0]["order"]["key"], largest);
    let over = String::from_utf8(content).unwrap().replace("18446744073709551615", "18446744073709551616");
    let refused = run(&["top", &put(folder.path(), "content", over.as_bytes())]);
    assert!(refused.refusal().contains("nodes: "), "{refused:?}");
    let content = synth::file(&[object("object", "A", 1, largest), object("object", "B", 3, 1)], &Style::new());
    let refused = run(&["top", &put(folder.path(), "content", &content)]);
    assert!(names_section_and_offset(refused.refusal()), "{refused:?}");
}

#[test]
fn numbers_that_json_does_not_know_are_refused() {
    let folder = folder();
    let content = String::from_utf8(synth::file(&objects(&mut Rng(5), 30), &Style::classic())).unwrap();
    let nodes = content.find("\"nodes\":[").unwrap() + 9;
    let number = nodes + content[nodes..].find(',').unwrap() + 1;
    let rest = number + content[number..].find(',').unwrap();
    for bad in ["-1", "1.0", "1e0", "+1", "NaN", "1e999", "0x1", "", "1 2", "\"1\"", "null", "[1]", "1,,1", "1,]", "01", "00"] {
        let content = format!("{}{bad}{}", &content[..number], &content[rest..]);
        assert!(oracle::read(content.as_bytes()).is_err());
        let refused = run(&["top", &put(folder.path(), "content", content.as_bytes())]);
        let message = refused.refusal();
        assert!(message.contains("nodes: ") && names_section_and_offset(message), "{bad}: {message}");
    }
}

#[test]
fn a_type_listed_twice_is_one_kind() {
    let folder = folder();
    let content = synth::file(&[object("object", "A", 1, 8), object("closure", "A", 3, 16)], &Style::new());
    let content = String::from_utf8(content).unwrap().replacen("\"closure\"", "\"object\"", 1);
    let summary = run(&["summary", &put(folder.path(), "content", content.as_bytes())]).json();
    assert_eq!(summary["groups"], serde_json::json!([["object", "A", 2, 24]]));
}

#[test]
fn verify_needs_fields_of_edges_to_check_them() {
    let folder = folder();
    let content = String::from_utf8(synth::file(&objects(&mut Rng(6), 10), &Style::new())).unwrap();
    let fields = "[\"type\",\"name_or_index\",\"to_node\"]";
    for field in ["\"type\"", "\"name_or_index\"", "\"to_node\""] {
        let without = fields.replace(field, "\"nonsense\"");
        let content = content.replacen(&format!("\"edge_fields\":{fields}"), &format!("\"edge_fields\":{without}"), 1);
        run(&["verify", &put(folder.path(), "content", content.as_bytes())]).refusal();
    }
}

#[test]
fn verify_refuses_what_is_not_utf8_wherever_it_stands() {
    let folder = folder();
    let content = synth::file(&objects(&mut Rng(7), 10), &Style { padding: 3, ..Style::unknown() });
    for key in ["ppp", "\"deep\"", "script_id", "x-notes-2"] {
        let at = content.windows(key.len()).position(|window| window == key.as_bytes()).unwrap();
        let mut broken = content.clone();
        broken[at + 1] = 0xff;
        run(&["verify", &put(folder.path(), "content", &broken)]).refusal();
    }
}
