//! What may go wrong around the program: reads that are short, interrupted or fail, disks that are full, memory that is not there.

use std::collections::BTreeMap;
use std::io::{self, Read};

use heapdiff::error::ErrorKind;
use heapdiff::graph::GraphWant;
use heapdiff::input::{self, Want};
use heapdiff::snapshot::Snapshot;
use heapdiff::source::Source;

use crate::support::synth::{self, Style, objects};
use crate::support::{Groups, Rng, command, dumps, finish, folder, groups, gzip, leak, put, python, run, text, zst};

/// A stream whose reads are short, and of which some fail.
struct Faulty {
    content: io::Cursor<Vec<u8>>,
    /// Most bytes of a read.
    step: usize,
    reads: usize,
    /// Every second read is interrupted.
    interrupted: bool,
    /// The read that fails, and what it fails with.
    fails: Option<(usize, io::ErrorKind)>,
}

impl Read for Faulty {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if let Some((read, kind)) = self.fails
            && self.reads > read
        {
            return Err(io::Error::new(kind, "the disk is on fire"));
        }
        if self.interrupted && self.reads.is_multiple_of(2) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = self.step.min(buffer.len());
        self.content.read(&mut buffer[..most])
    }
}

fn faulty(content: &[u8], step: usize) -> Faulty {
    Faulty { content: io::Cursor::new(content.to_vec()), step, reads: 0, interrupted: false, fails: None }
}

fn read(input: Faulty, want: Want<'_>) -> Result<Snapshot, ErrorKind> {
    input::read(&mut Source::from_reader("-", Box::new(input))?, want)
}

/// A small file of every format.
fn files() -> BTreeMap<&'static str, Vec<u8>> {
    let whole = synth::file(&objects(&mut Rng(81), 60), &Style::tracked());
    let trace = zstd::decode_all(std::fs::File::open("fixtures/python/tracemalloc-n10-1.json.zst").unwrap()).unwrap();
    let rows = zstd::decode_all(std::fs::File::open("fixtures/python/memray-leaks.csv.zst").unwrap()).unwrap();
    BTreeMap::from([
        ("v8", whole.clone()),
        ("reversed", synth::file(&objects(&mut Rng(82), 20), &Style::reversed())),
        ("gzip", gzip(&whole)),
        ("zstd", zst(&whole)),
        ("meliae", dumps::file(&dumps::objects(&mut Rng(83), 40), dumps::Style::Meliae)),
        ("stacks", b"[[[\"a.py\",1,\"f\",\"\"]],[[\"a.py\",1,\"f\",\"\"]]]".to_vec()),
        ("tracemalloc", trace),
        ("memray", rows),
        ("summary", run(&["summary", &leak(1)]).stdout),
    ])
}

#[test]
fn short_and_interrupted_reads_change_nothing() {
    for (name, content) in files() {
        for want in [Want::GROUPS, Want { verify: true, stacks: true, ..Want::GROUPS }] {
            let expected: Groups =
                groups(&read(faulty(&content, usize::MAX), want).unwrap_or_else(|error| panic!("{name}: {error}")));
            assert!(!expected.is_empty(), "{name}");
            for step in [1, 2, 63, 4097] {
                for interrupted in [false, true] {
                    let found = read(Faulty { interrupted, ..faulty(&content, step) }, want);
                    let found = found.unwrap_or_else(|error| panic!("{name}, {step} bytes at a time: {error}"));
                    assert_eq!(groups(&found), expected, "{name}, {step} bytes at a time");
                }
            }
        }
    }
}

#[test]
fn a_read_that_fails_is_the_error_that_is_told() {
    for (name, content) in files() {
        let step = (content.len() / 40).max(7);
        let whole = content.len().div_ceil(step);
        for fails in 0..=whole {
            for kind in [io::ErrorKind::Other, io::ErrorKind::UnexpectedEof, io::ErrorKind::OutOfMemory] {
                let input = Faulty { fails: Some((fails, kind)), ..faulty(&content, step) };
                let error = match read(input, Want { verify: true, ..Want::GROUPS }) {
                    Err(error) => error,
                    Ok(_) => panic!("{name}: read, although read {fails} of {whole} failed"),
                };
                assert!(error.to_string().contains("the disk is on fire"), "{name}, read {fails} of {whole}: {error}");
            }
        }
    }
}

#[test]
fn a_read_that_fails_leaves_no_graph() {
    let content = synth::file(&objects(&mut Rng(84), 60), &Style::new());
    for packed in [content.clone(), zst(&content)] {
        let step = packed.len() / 30;
        for fails in 0..=packed.len().div_ceil(step) {
            let input = Faulty { fails: Some((fails, io::ErrorKind::Other)), ..faulty(&packed, step) };
            let graph = Source::from_reader("-", Box::new(input))
                .and_then(|mut source| input::v8::read_graph(&mut source, GraphWant::default()));
            assert!(graph.is_err_and(|error| error.to_string().contains("the disk is on fire")), "read {fails}");
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fills_up_keeps_what_it_has() {
    let folder = folder();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let disk = text(&disk);
    // The small disk is there for this process only, and goes away with it.
    let on_disk = |what: &str| {
        let mut shell = std::process::Command::new("unshare");
        let script = format!(
            "mount -t tmpfs -o size=64k heapdiff '{disk}' && printf old >'{disk}/old' && {{ {what}; code=$?; ls -A '{disk}'; cat '{disk}/old'; exit $code; }}"
        );
        shell.args(["--mount", "sh", "-c", &script, env!("CARGO_BIN_EXE_heapdiff")]);
        finish(shell)
    };
    if on_disk("true").code != Some(0) {
        eprintln!("no file system may be mounted here: a disk that fills up was not tried");
        return;
    }
    let big = leak(7);
    let leak = crate::support::repository().join(&big);
    let leak = text(&leak);
    let report = on_disk(&format!("\"$0\" top '{leak}' --by kind,name -n 0 -o json='{disk}/old' >/dev/null"));
    assert_eq!((report.code, report.text()), (Some(5), "old\nold"), "{report:?}");
    let copy = on_disk(&format!("\"$0\" anonymize '{leak}' '{disk}/copy'"));
    assert_eq!((copy.code, copy.text()), (Some(5), "old\nold"), "{copy:?}");
    assert!(copy.stderr.contains("No space left"), "{copy:?}");
    // What comes before its header waits in a temporary file.
    let reversed = put(folder.path(), "reversed", &synth::file(&objects(&mut Rng(85), 4000), &Style::reversed()));
    let aside = on_disk(&format!("TMPDIR='{disk}' \"$0\" top '{reversed}'"));
    assert_eq!((aside.code, aside.text()), (Some(5), "old\nold"), "{aside:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn memory_that_is_not_there_leaves_no_report() {
    let folder = folder();
    let output = folder.path().join("report.json");
    std::fs::write(&output, "old").unwrap();
    let objects = objects(&mut Rng(86), 60_000);
    let path = put(folder.path(), "content", &synth::file(&objects, &Style::new()));
    let mut refused = 0;
    // From too little to begin with up to enough, in KiB of address space.
    for limit in (20_000..400_000).step_by(38_000) {
        for args in [&["top", &path][..], &["top", "--retained", &path]] {
            let mut limited = std::process::Command::new("sh");
            let script = format!("ulimit -c 0; ulimit -v {limit}; exec \"$0\" \"$@\"");
            limited.args(["-c", &script, env!("CARGO_BIN_EXE_heapdiff")]).args(args);
            limited.args(["--threads", "2", "-o", &format!("json={}", text(&output))]);
            let run = finish(limited);
            let written = std::fs::read(&output).unwrap();
            if run.code == Some(0) {
                assert!(serde_json::from_slice::<serde_json::Value>(&written).is_ok());
                std::fs::write(&output, "old").unwrap();
            } else {
                assert!(written == b"old" && run.stdout.is_empty(), "{limit}: {run:?}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
}

#[test]
#[cfg(unix)]
fn sockets_and_folders_without_permission_are_refused() {
    let folder = folder();
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    run(&["top", &text(&socket)]).refusal();
    run(&["top", &text(folder.path())]).refusal();
    run(&["top", &format!("{}/none", leak(1))]).refusal();
    let mut closed = std::process::Command::new("sh");
    closed.current_dir(crate::support::repository()).args(["-c", "exec \"$0\" top - <&-", env!("CARGO_BIN_EXE_heapdiff")]);
    finish(closed).refusal();
}

/// Everything that is computed gives the same bytes on any number of threads.
#[test]
fn no_report_depends_on_threads() {
    let series: Vec<String> = (1..=7).map(leak).collect();
    let series: Vec<&str> = series.iter().map(String::as_str).collect();
    let dump = python("leak27/dump-2.json");
    let timeline = text(&crate::support::corpus("chromium-worker/recording.heaptimeline"));
    let (first, last) = (series[0], series[6]);
    let commands: [Vec<&str>; 8] = [
        [&["trend"], &series[..], &["-n", "0"]].concat(),
        [&["trend"], &series[..], &["--retained", "--sizes", "owned", "-n", "0"]].concat(),
        [&["trend"], &series[..], &["--why"]].concat(),
        vec!["diff", first, last, "--why", "--by", "devtools"],
        vec!["top", last, "--by", "kind,name", "--retained", "-n", "0"],
        vec!["top", &timeline, "--by", "package,site,function", "-n", "0"],
        vec!["paths", first, last, "(closure)"],
        vec!["top", &dump, "--retained", "-n", "0"],
    ];
    for args in commands {
        let report = |threads: usize| {
            let mut command = command();
            command.args(&args).args(["--format", "json", "--threads", &threads.to_string()]);
            let run = finish(command);
            assert_eq!(run.code, Some(0), "{args:?}: {run:?}");
            run.stdout
        };
        let one = report(1);
        assert!(one.len() > 500, "{args:?}");
        for threads in [2, 3, 7, 64] {
            assert!(report(threads) == one, "{args:?} on {threads} threads");
        }
        assert!(report(1) == one, "{args:?} again");
    }
}
