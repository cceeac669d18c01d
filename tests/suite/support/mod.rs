//! What the tests share: the bundled corpus, the program, a plain reader and a maker of small snapshots.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use heapdiff::error::ErrorKind;
use heapdiff::input::{self, Want};
use heapdiff::snapshot::Snapshot;
use heapdiff::source::Source;
use serde_json::Value;

pub(crate) mod dumps;
pub(crate) mod oracle;
pub(crate) mod plain;
pub(crate) mod synth;
pub(crate) mod whole;

/// (kind, name) to count and self size.
pub(crate) type Groups = BTreeMap<(String, String), (u64, u64)>;

/// Files of the bundle that are whole snapshots.
pub(crate) const VALID: &[&str] = &[
    "isolates/mr06-s1.heapsnapshot",
    "isolates/mr06-s2.heapsnapshot",
    "isolates/mr06-s3.heapsnapshot",
    "isolates/ivm-track-s1.heapsnapshot",
    "isolates/ivm-track-s2.heapsnapshot",
    "isolates/ivm-track-s3.heapsnapshot",
    "isolates/ivm-node24-track-s1.heapsnapshot",
    "isolates/ivm-node24-track-s2.heapsnapshot",
    "isolates/ivm-node24-track-s3.heapsnapshot",
    "isolates/mr0141-s1.heapsnapshot",
    "isolates/mr0141-s2.heapsnapshot",
    "isolates/mr0141-s3.heapsnapshot",
    "chromium-worker/recording.heaptimeline",
    "chromium-worker/odd.heapsnapshot",
    "bun/s1.heapsnapshot",
    "bun/s3.heapsnapshot",
    "odd/bom-utf8.heapsnapshot",
    "odd/trailing-newlines.heapsnapshot",
    "odd/ws-minified.heapsnapshot",
    "odd/lone-surrogate-strings.heapsnapshot",
    "odd/only-required-sections.heapsnapshot",
    "odd/order-reversed-strings-first.heapsnapshot",
    "odd/raw-utf8.heapsnapshot",
    "odd/self_size-2p40.heapsnapshot",
    "odd/surrogate-pairs-escaped.heapsnapshot",
    "odd/unknown-sections.heapsnapshot",
    "odd/fields-permuted-and-extra.heapsnapshot",
    "odd/odd-bun.heapsnapshot",
];

/// The repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the unpacked bundle.
pub(crate) fn corpus(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| unpack("v8")).join(name)
}

/// A file of the unpacked bundle of Python dumps.
pub(crate) fn python(name: &str) -> String {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    text(&FOLDER.get_or_init(|| unpack("python")).join(name))
}

/// Unpacks a bundle beside its place and renames it, so that nobody sees half of it.
fn unpack(bundle: &str) -> PathBuf {
    let archive = std::fs::read(repository().join("fixtures").join(bundle).join("corpus.tar.zst")).unwrap();
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = place.join(format!("corpus-{:016x}", xxhash_rust::xxh3::xxh3_64(&archive)));
    if !folder.is_dir() {
        let stage = tempfile::tempdir_in(place).unwrap();
        let content = stage.path().join("content");
        let mut decoder = zstd::stream::read::Decoder::new(&archive[..]).unwrap();
        decoder.window_log_max(30).unwrap();
        tar::Archive::new(decoder).unpack(&content).unwrap();
        // Another process may have been faster.
        if std::fs::rename(&content, &folder).is_err() {
            assert!(folder.is_dir());
        }
    }
    folder
}

/// One of the seven snapshots of the demo series, relative to the repository.
pub(crate) fn leak(number: usize) -> String {
    format!("fixtures/v8/leak/s{number}.heapsnapshot")
}

/// A fresh folder that goes away with the value.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Writes a file and returns its path as text.
pub(crate) fn put(folder: &Path, name: &str, content: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    text(&path)
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zst(content: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(content, 1).unwrap()
}

/// The program, run in the repository, with nothing of this terminal's settings.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heapdiff"));
    command.current_dir(repository()).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "RAYON_NUM_THREADS"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm-256color");
    command
}

/// What a run left.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// None if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stdout: String = String::from_utf8_lossy(&self.stdout).chars().take(300).collect();
        write!(
            f,
            "code {:?}, {} bytes of output beginning with {stdout:?}, errors {:?}",
            self.code,
            self.stdout.len(),
            self.stderr
        )
    }
}

impl Run {
    /// The standard output of a success, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        serde_json::from_slice(&self.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// Asserts a refusal: exit code 3, nothing on standard output, no panic, and returns the sentence.
    #[track_caller]
    pub(crate) fn refusal(&self) -> &str {
        assert_eq!(self.code, Some(3), "{self:?}");
        assert!(self.stdout.is_empty(), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(!self.stderr.contains("panic") && !self.stderr.contains("internal error"), "{self:?}");
        &self.stderr
    }
}

pub(crate) fn finish(mut command: Command) -> Run {
    let output = command.output().unwrap();
    Run { code: output.status.code(), stdout: output.stdout, stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
}

pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Run {
    let mut command = command();
    command.args(args);
    finish(command)
}

/// Runs with content on a pipe as standard input.
pub(crate) fn run_with_input<S: AsRef<std::ffi::OsStr>>(args: &[S], content: &[u8]) -> Run {
    let mut child = command().args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let content = content.to_vec();
    // Written on a thread, as the program may stop reading or fill its output first.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&content)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Run { code: output.status.code(), stdout: output.stdout, stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// The report of a command as JSON.
#[track_caller]
pub(crate) fn report(args: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
    run(&args).json()
}

/// Reads a file with the library.
pub(crate) fn read(path: &str, verify: bool) -> Result<Snapshot, ErrorKind> {
    read_as(path, Want { verify, ..Want::GROUPS })
}

/// Reads what is wanted of a file with the library.
pub(crate) fn read_as(path: &str, want: Want<'_>) -> Result<Snapshot, ErrorKind> {
    input::read(&mut Source::open(path)?, want)
}

/// Where the objects of a file were allocated, read with the library.
pub(crate) fn traced(path: &str) -> Result<oracle::Traced, ErrorKind> {
    let snapshot = input::read(&mut Source::open(path)?, Want { stacks: true, ..Want::GROUPS })?;
    let stack = |stack: u32| -> Vec<oracle::Frame> {
        let frames = snapshot.stacks.frames(stack);
        frames.map(|frame| (frame.function.clone(), frame.script.clone(), frame.line, frame.column)).collect()
    };
    let mut traced = oracle::Traced::default();
    for group in &snapshot.groups {
        let key = (group.kind.clone(), group.name.clone(), stack(group.stack));
        assert!(traced.groups.insert(key, (group.count, group.self_size)).is_none(), "{group:?} appears twice");
    }
    for (number, allocated) in (0..).zip(&snapshot.allocated).skip(1) {
        assert!(traced.allocated.insert(stack(number), (allocated.count, allocated.size)).is_none());
    }
    Ok(traced)
}

/// The groups of a snapshot.
pub(crate) fn groups(snapshot: &Snapshot) -> Groups {
    let mut groups = Groups::new();
    for group in &snapshot.groups {
        let sums = groups.entry((group.kind.clone(), group.name.clone())).or_default();
        *sums = (sums.0 + group.count, sums.1 + group.self_size);
    }
    groups
}

/// The groups of a summary.
pub(crate) fn summary_groups(summary: &Value) -> Groups {
    let mut groups = Groups::new();
    for row in summary["groups"].as_array().unwrap() {
        let text = |i: usize| row[i].as_str().unwrap().to_owned();
        let number = |i: usize| row[i].as_u64().unwrap();
        assert!(groups.insert((text(0), text(1)), (number(2), number(3))).is_none(), "{row} appears twice");
    }
    groups
}

/// Whether a message names a section and a byte offset.
pub(crate) fn names_section_and_offset(message: &str) -> bool {
    const SECTIONS: &[&str] = &[
        "file",
        "snapshot",
        "nodes",
        "edges",
        "strings",
        "trace_function_infos",
        "trace_tree",
        "samples",
        "locations",
        "unknown section",
        "summary",
        "stacks",
        "traces",
        "rows",
        "histogram",
        "objects",
    ];
    let section = SECTIONS.iter().any(|section| message.contains(&format!("{section}: ")));
    let offset = message.split("at byte ").nth(1).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    section && offset
}

/// Writes `content` to an open file at its beginning and cuts it there.
pub(crate) fn overwrite(path: &str, content: &[u8]) {
    File::create(path).unwrap().write_all(content).unwrap();
}

/// A generator of pseudo-random numbers (splitmix64): the same seed gives the same numbers everywhere.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n).unwrap()).unwrap()
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
