//! Inputs that are larger than they look, and limits that say so.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::support::synth::{self, Style, objects};
use crate::support::{Rng, Run, command, finish, folder, groups, gzip, leak, oracle, put, read, run, run_with_input, text, zst};

/// What a bomb unpacks to.
const BOMB: u64 = 96 << 20;

/// A text that goes on with one byte for a long time, packed.
fn bomb(head: &[u8], byte: u8, tail: &[u8], gzipped: bool) -> Vec<u8> {
    let mut content = head.chain(std::io::repeat(byte).take(BOMB)).chain(tail);
    let mut packed = Vec::new();
    if gzipped {
        flate2::read::GzEncoder::new(content, flate2::Compression::best()).read_to_end(&mut packed).unwrap();
    } else {
        zstd::stream::copy_encode(&mut content, &mut packed, 1).unwrap();
    }
    assert!(packed.len() < 1 << 20);
    packed
}

const HEADER: &[u8] = br#"{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],"node_types":[["object"],"string","number","number","number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["element"],"string_or_number","node"]},"node_count":3,"edge_count":2},"#;
const MELIAE: &[u8] = br#"{"address": 4096, "type": "str", "size": 33, "value": ""#;

fn with(head: &[u8], more: &[u8]) -> Vec<u8> {
    [head, more].concat()
}

/// Beginnings of files, and the byte with which they go on.
fn beginnings() -> Vec<(&'static str, Vec<u8>, u8)> {
    vec![
        ("white space", b"{\"snapshot\":".to_vec(), b' '),
        ("header", b"{\"snapshot\":{\"x\":\"".to_vec(), b'x'),
        ("section", b"{\"unknown\":\"".to_vec(), b'x'),
        ("nesting", b"{\"unknown\":".to_vec(), b'['),
        ("number", with(HEADER, b"\"nodes\":["), b'1'),
        ("zeros", with(HEADER, b"\"nodes\":[0,0,0,"), b'0'),
        ("spaces between numbers", with(HEADER, b"\"nodes\":[0,0,0,"), b' '),
        ("string", with(HEADER, b"\"nodes\":[0,0,1,8,0],\"edges\":[],\"strings\":[\""), b'x'),
        ("put aside", b"{\"strings\":[\"".to_vec(), b'x'),
        ("edges put aside", b"{\"edges\":[".to_vec(), b'1'),
        ("line", MELIAE.to_vec(), b'x'),
        ("stacks", b"[[[\"a.py\",1,\"".to_vec(), b'x'),
        ("rows", b"rank,filename,n_allocations,size,stack_trace,location,allocator\n1,\"".to_vec(), b'x'),
        ("histogram", b" num     #instances         #bytes  class name\n-----\n   1:  1  16  ".to_vec(), b'x'),
        ("objects", b"{\"address\":\"0x7f\", \"type\":\"STRING\", \"value\":\"".to_vec(), b'x'),
        ("summary", b"{\"heapdiff\":\"summary\",\"x\":\"".to_vec(), b'x'),
    ]
}

/// Runs with at most so much memory that is the process's own, thread stacks included.
#[cfg(target_os = "linux")]
fn within(mebibytes: u64, args: &[&str]) -> Run {
    let mut limited = Command::new("sh");
    limited
        .args(["-c", &format!("ulimit -d {}; exec \"$0\" \"$@\"", mebibytes << 10), env!("CARGO_BIN_EXE_heapdiff")])
        .args(args);
    finish(limited)
}

/// Most memory that a hostile small file may take.
#[cfg(target_os = "linux")]
const SMALL: u64 = 64;

#[test]
#[cfg(target_os = "linux")]
fn bombs_are_refused_in_little_memory() {
    let folder = folder();
    for (name, head, byte) in beginnings() {
        for gzipped in [false, true] {
            let path = put(folder.path(), "bomb", &bomb(&head, byte, b"", gzipped));
            for args in [&["top", &path][..], &["verify", &path], &["top", "--retained", &path]] {
                let run = within(SMALL, &[args, &["--threads", "2"]].concat());
                assert!(matches!(run.code, Some(3 | 5)), "{name}: {args:?}: {run:?}");
                assert!(run.stdout.is_empty() && run.stderr.lines().count() == 1, "{name}: {run:?}");
                assert!(run.code == Some(3) || run.stderr.contains("--max-input"), "{name}: {run:?}");
            }
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn broken_files_are_refused_in_little_memory() {
    let folder = folder();
    let mut files: Vec<String> =
        std::fs::read_dir(crate::support::corpus("odd")).unwrap().map(|entry| text(&entry.unwrap().path())).collect();
    let header = String::from_utf8(HEADER.to_vec()).unwrap();
    for (number, (from, to)) in [
        ("\"node_count\":3", "\"node_count\":4294967000"),
        ("\"node_count\":3", "\"node_count\":9223372036854775807"),
        ("\"edge_count\":2", "\"edge_count\":4294967000"),
        ("[\"object\"]", "[\"object\",\"object\",\"string\"]"),
        ("\"node_fields\":[", "\"node_fields\":[\"x\",\"trace_node_id\",\"detachedness\","),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(header.contains(from));
        let content = header.replacen(from, to, 1) + "\"nodes\":[0,4294967295,1,8,0],\"edges\":[],\"strings\":[\"\"]}";
        files.push(put(folder.path(), &format!("lie-{number}"), content.as_bytes()));
        files.push(put(folder.path(), &format!("lie-{number}.zst"), &zst(content.as_bytes())));
    }
    for (name, head, byte) in beginnings() {
        let content = [head, vec![byte; 900 << 10]].concat();
        files.push(put(folder.path(), &name.replace(' ', "-"), &content));
    }
    for path in &files {
        for args in [
            &["top", path][..],
            &["verify", path],
            &["top", "--retained", path],
            &["top", "--by", "devtools,stack", path],
            &["paths", path, "A"],
        ] {
            let run = within(SMALL, &[args, &["--threads", "2"]].concat());
            // Whether memory for announced records can be had is up to the system.
            let announced = args.contains(&"--retained") || args.contains(&"devtools,stack") || args[0] == "paths";
            assert!(matches!(run.code, Some(0 | 3)) || announced && run.code == Some(5), "{args:?}: {run:?}");
            assert!(run.code == Some(0) || run.stdout.is_empty(), "{args:?}: {run:?}");
        }
    }
    assert!(files.len() > 40);
}

#[test]
fn equal_stacks_are_read_however_small_they_are_packed() {
    const STACKS: usize = 400_000;
    let stack = r#"[["svc/agent.py",54,"_roll_up_instance_metadata","self.metadata = {}"]]"#;
    let list = format!("[{}]", vec![stack; STACKS].join(","));
    let packed = zst(list.as_bytes());
    assert!(list.len() > 24 << 20 && packed.len() * 200 < list.len());
    let folder = folder();
    let found = crate::support::report(&["top", &put(folder.path(), "stacks.json.zst", &packed)]);
    assert_eq!(found["groups"][0]["count"][0], STACKS);
}

#[test]
fn what_unpacks_to_far_more_is_read_if_it_is_allowed() {
    let folder = folder();
    let whole = synth::file(&objects(&mut Rng(71), 50), &Style::new());
    let expected = oracle::read(&whole).unwrap().groups();
    for gzipped in [false, true] {
        let path = put(folder.path(), "padded", &bomb(&whole, b' ', b"\n", gzipped));
        let refused = run(&["top", &path]);
        assert_eq!((refused.code, refused.stdout.len()), (Some(5), 0), "{refused:?}");
        assert!(refused.stderr.contains("as no snapshot does") && refused.stderr.contains("--max-input"), "{refused:?}");
        assert_eq!(run(&["top", &path, "--max-input", "97 MiB"]).code, Some(0));
        let summary = run(&["summary", &path, "--max-input", "1GiB"]);
        assert_eq!(crate::support::summary_groups(&summary.json()), expected);
    }
    // A pipe that is not compressed has no size to compare with.
    let mut child = command().args(["top", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&whole).unwrap();
    std::io::copy(&mut std::io::repeat(b' ').take(BOMB), &mut stdin).unwrap();
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn inputs_over_the_limit_exit_with_5() {
    let folder = folder();
    let content = std::fs::read(leak(2)).unwrap();
    let (exact, less) = (content.len().to_string(), (content.len() - 1).to_string());
    let (plain, packed, zstd) =
        (leak(2), put(folder.path(), "packed.gz", &gzip(&content)), put(folder.path(), "packed.zst", &zst(&content)));
    let copy = text(&folder.path().join("copy"));
    for file in [&plain, &packed, &zstd] {
        let first = leak(1);
        for args in [
            &["top", file][..],
            &["top", file, "--retained"],
            &["diff", &first, file],
            &["diff", &first, file, "--why"],
            &["trend", &first, file],
            &["check", file, "--no-config", "--max", "Foo=0"],
            &["verify", file],
            &["summary", file],
            &["paths", file, "(closure)"],
            &["anonymize", file, &copy],
            &[file],
        ] {
            assert_eq!(run(&[args, &["--max-input", &exact]].concat()).code, Some(0), "{args:?}");
            let refused = run(&[args, &["--max-input", &less]].concat());
            assert_eq!((refused.code, refused.stdout.len()), (Some(5), 0), "{args:?}: {refused:?}");
            assert!(refused.stderr.contains("--max-input") && refused.stderr.contains(file.as_str()), "{args:?}: {refused:?}");
            let _ = std::fs::remove_file(&copy);
        }
        let content = std::fs::read(file).unwrap();
        assert_eq!(run_with_input(&["top", "-", "--max-input", &exact], &content).code, Some(0));
        assert_eq!(run_with_input(&["top", "-", "--max-input", &less], &content).code, Some(5));
    }
    assert!(!folder.path().join("copy").exists());
    // What is broken says more than what is too large.
    let broken = put(folder.path(), "broken", b"{\"snapshot\":");
    assert_eq!(run(&["verify", &plain, &broken, "--max-input", "100"]).code, Some(3));
    assert_eq!(run(&["top", &plain, "--max-input", "much"]).code, Some(2));
}

#[test]
fn a_window_that_takes_too_much_memory_is_no_damage() {
    let folder = folder();
    // A frame whose window is 2^31 bytes, and one of 2^27, each with an empty last block.
    for (descriptor, code, said) in [(21 << 3, 5, "zstd window is larger than 128 MiB"), (17 << 3, 3, "the file is empty")] {
        let packed = [0x28, 0xb5, 0x2f, 0xfd, 0, descriptor, 1, 0, 0];
        let ran = run(&["top", &put(folder.path(), "long.zst", &packed)]);
        assert_eq!(ran.code, Some(code));
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
}

#[test]
fn memory_is_limited_wherever_references_are_read() {
    let (first, last) = (leak(1), leak(2));
    for args in [&["paths", &first, "(closure)"][..], &["diff", &first, &last, "--why"], &["top", &first, "--retained"]] {
        let refused = run(&[args, &["--max-memory", "1MiB"]].concat());
        assert_eq!((refused.code, refused.stdout.len()), (Some(5), 0), "{refused:?}");
        assert!(refused.stderr.contains("need about") && refused.stderr.contains("--max-memory"), "{refused:?}");
        assert_eq!(run(&[args, &["--max-memory", "1GiB"]].concat()).code, Some(0));
    }
}

#[test]
fn packed_files_in_pieces_are_one_and_twice_packed_ones_are_refused() {
    let folder = folder();
    let whole = synth::file(&objects(&mut Rng(72), 300), &Style::new());
    let expected = oracle::read(&whole).unwrap().groups();
    let pieces = || whole.chunks(97);
    let nothing = [gzip(b""), gzip(b"")].concat();
    let gz: Vec<u8> = pieces().flat_map(|piece| [gzip(piece), nothing.clone()].concat()).collect();
    let frames: Vec<u8> = pieces().flat_map(zst).collect();
    // A frame that a reader has to pass over.
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zst(&whole)].concat();
    for content in [gz, frames, skippable] {
        assert_eq!(groups(&read(&put(folder.path(), "content", &content), true).unwrap()), expected);
    }
    for (outer, inner) in [(gzip as fn(&[u8]) -> Vec<u8>, gzip as fn(&[u8]) -> Vec<u8>), (gzip, zst), (zst, gzip), (zst, zst)] {
        let twice = run(&["top", &put(folder.path(), "content", &outer(&inner(&whole)))]);
        assert!(twice.refusal().contains("compressed twice"), "{twice:?}");
    }
    for packed in [gzip(&whole), zst(&whole)] {
        for garbage in [&b"x"[..], b"\x1f\x8b\x08\x00", b"{\"snapshot\":{}}", &whole, &[0xff; 4096]] {
            let run = run(&["top", &put(folder.path(), "content", &[&packed, garbage].concat())]);
            run.refusal();
        }
    }
}

#[test]
#[cfg(unix)]
fn a_sparse_file_of_5_gib_is_refused_with_its_offset() {
    use std::os::unix::fs::MetadataExt;
    const LENGTH: u64 = 5 << 30;
    let folder = folder();
    let whole = synth::file(&objects(&mut Rng(73), 20), &Style::new());
    let sparse = |head: &[u8], tail: &[u8]| {
        let path = put(folder.path(), "sparse.heapsnapshot", head);
        let mut file = std::fs::File::options().append(true).open(&path).unwrap();
        file.set_len(LENGTH).unwrap();
        file.write_all(tail).unwrap();
        (file.metadata().unwrap().blocks() < 10_000).then_some(path)
    };
    let heads = [b"".to_vec(), with(HEADER, b"\"nodes\":["), with(HEADER, b"\"nodes\":[0,0,1,8,0],\"edges\":[],\"strings\":[\"")];
    for head in heads {
        // Where the file system has no holes, such a file is not made.
        let Some(path) = sparse(&head, b"") else { return };
        run(&["top", &path]).refusal();
        run(&["top", "--retained", &path]).refusal();
        run(&["verify", &path]).refusal();
    }
    // Zero bytes behind a snapshot are padding; what follows them is not.
    let Some(path) = sparse(&whole, b"x") else { return };
    let behind = run(&["top", &path]);
    assert!(behind.refusal().contains(&heapdiff::text::count(LENGTH)), "{behind:?}");
    assert_eq!(run(&["top", &path, "--max-input", "1GiB"]).code, Some(5));
}
