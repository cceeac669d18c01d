//! Names that a heap made up, in every format: no control character, no broken JSON, no other error than a full disk's.
#![no_main]

use heapdiff::analysis::{self, Options};
use heapdiff::load::Loaded;
use heapdiff::render::{RENDERERS, Style};
use heapdiff::report::{Command, OrderBy};
use heapdiff::series::Series;
use heapdiff::snapshot::{Group, Runtime, Snapshot};
use libfuzzer_sys::fuzz_target;

const KINDS: [&str; 6] = ["object", "closure", "native", "string", "code", "array"];

/// A snapshot of groups named by the lines of a text, the later the larger.
fn snapshot(text: &str, step: u64) -> Snapshot {
    let mut snapshot = Snapshot::new("v8", Runtime::V8);
    for (line, name) in text.split('\u{1f}').enumerate() {
        let kind = KINDS[line % KINDS.len()];
        let name = if snapshot.runtime.is_folded(kind) { "" } else { name };
        let count = 5 + (line as u64 % 7) * step;
        snapshot.groups.push(Group {
            kind: kind.to_owned(),
            name: name.to_owned(),
            stack: 0,
            class: String::new(),
            count,
            self_size: count * 48,
        });
    }
    let key = |group: &Group| (group.kind.clone(), group.name.clone());
    snapshot.groups.sort_by_key(key);
    snapshot.groups.dedup_by_key(|group| key(group));
    snapshot.nodes = snapshot.groups.iter().map(|group| group.count).sum();
    snapshot.self_size = Some(snapshot.groups.iter().map(|group| group.self_size).sum());
    snapshot
}

fuzz_target!(|text: &str| {
    let path = text.chars().take(40).collect::<String>();
    for (command, inputs) in [(Command::Top, 1), (Command::Diff, 2), (Command::Trend, 6)] {
        let loaded = (0..inputs).map(|step| Loaded { path: path.clone(), snapshot: snapshot(text, step), process: None });
        let series = Series::new(loaded.collect(), OrderBy::Given, None, Vec::new());
        let report = analysis::report(&series, &Options::new(command));
        for renderer in RENDERERS.iter().filter(|renderer| !renderer.shows_verdicts_only()) {
            for style in [Style::default(), Style { width: 120, ascii: true, ..Style::default() }] {
                let mut out = Vec::new();
                renderer.render(&report, &style, &mut out).expect("memory");
                let out = String::from_utf8(out).expect("UTF-8");
                let stray = out.chars().find(|&c| c.is_control() && c != '\n' || is_invisible(c));
                assert_eq!(stray, None, "{}: {out:?}", renderer.name());
                if renderer.name() == "json" {
                    let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
                    assert_eq!(value["groups"].as_array().map(Vec::is_empty), Some(report.groups.is_empty()));
                }
            }
        }
    }
});

/// Marks of direction and of no width, which make a text look like another.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
