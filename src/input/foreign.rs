//! What files are that people take for heap snapshots, in a sentence each: what it is, and what to do.

use super::text::compact;
use crate::error::excerpt;

/// What content is that is certainly no heap dump; None if it may be one.
pub(super) fn known(head: &[u8]) -> Option<&'static str> {
    let text = head.trim_ascii_start();
    let starts = |what: &&str| text.get(..what.len()).is_some_and(|t| t.eq_ignore_ascii_case(what.as_bytes()));
    match head {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(UTF_16),
        [0x80, 2..=5, ..] => Some(PICKLE),
        // The first field of a profile: two short numbers, the type and the unit of its first value.
        [0x0a, 4, 0x08, 0..=0x7f, 0x10, 0..=0x7f, ..] => Some(GO),
        _ if head.iter().all(|&byte| byte == 0) => Some("not a heap snapshot: it begins with nothing but zero bytes"),
        _ if ["<!doctype", "<html", "<?xml"].iter().any(starts) => {
            Some("not a heap snapshot: it is a web page (a failed download?)")
        }
        _ => MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| *what).or_else(|| known_json(head)),
    }
}

/// What JSON is that is certainly no heap dump.
fn known_json(head: &[u8]) -> Option<&'static str> {
    let text = compact(head);
    let has = |what: &str| memchr::memmem::find(&text, what.as_bytes()).is_some();
    let starts = |what: &str| text.starts_with(what.as_bytes());
    if starts("{\"head\":{\"callFrame\":") {
        Some(SAMPLING)
    } else if starts("{\"nodes\":[{") && has("\"callFrame\":") {
        Some("is a CPU profile; take a heap snapshot instead (DevTools' Memory panel, `v8.writeHeapSnapshot()`)")
    } else if starts("{\"traceEvents\":") || starts("[{") && has("\"ph\":\"") {
        Some("is a trace of Chrome's; take a heap snapshot instead (DevTools' Memory panel, `v8.writeHeapSnapshot()`)")
    } else if starts("{\"version\":") && (has("\"type\":\"Inspector\"") || has("\"type\":\"GCDebugging\"")) {
        Some("is a JavaScriptCore heap snapshot; Bun writes V8's format with Bun.generateHeapSnapshot(\"v8\")")
    } else {
        None
    }
}

/// A sentence on content that is of no format and nothing known either.
pub(super) fn unknown(head: &[u8]) -> String {
    let is_json = compact(head).first().is_some_and(|byte| b"[{\"".contains(byte));
    format!("{}: it begins with {}", if is_json { JSON } else { "not a heap snapshot" }, excerpt(head))
}

/// A sentence on a JSON object of an unknown shape, by its first key.
pub(super) fn unknown_object(key: &[u8]) -> String {
    format!("{JSON}: its first key is {}", excerpt(key))
}

const JSON: &str = "is JSON, but not a heap snapshot that heapdiff knows";

const UTF_16: &str = "is UTF-16 text; heap snapshots are UTF-8 (convert it with `iconv -f UTF-16 -t UTF-8`)";
const PICKLE: &str = "is a Python pickle, which can run code and is never loaded; write the traces of tracemalloc as JSON instead: \
                      {\"format\":\"tracemalloc\",\"traces\":[{\"size\":B,\"count\":N,\"stack\":[[FILE,LINE],...]},...]}";
const SAMPLING: &str = "is a sampling heap profile, which holds no objects; take a heap snapshot instead (DevTools' Memory panel, \
                        `v8.writeHeapSnapshot()`)";
const HPROF: &str = "is a heap dump of the JVM (hprof); heapdiff reads class histograms: `jcmd PID GC.class_histogram`";
const PHD: &str = "is a heap dump of OpenJ9; heapdiff reads class histograms: `jcmd PID GC.class_histogram`";
const MEMRAY: &str = "is a capture of memray's; `memray transform csv --leaks FILE` writes what heapdiff reads";
const LZ4: &str = "is compressed with lz4; unpack it first, or, if it is a capture of memray's, write it as CSV: \
                   `memray transform csv --leaks FILE`";
const GO: &str = "is a profile for pprof (of Go?), which compares two itself: `go tool pprof -diff_base OLD NEW`";

/// What files of a kind begin with.
const MAGIC: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "is a zip archive; unpack it first"),
    (b"\xfd7zXZ\0", "is compressed with xz; unpack it first"),
    (b"BZh", "is compressed with bzip2; unpack it first"),
    (b"\x04\x22\x4d\x18", LZ4),
    (b"memray\0", MEMRAY),
    (b"JAVA PROFILE 1.0.", HPROF),
    (b"\0\x12portable heap dump", PHD),
    (b"heap profile: ", GO),
];
