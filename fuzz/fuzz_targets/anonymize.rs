//! Copies without contents: of what is whole the copy is whole and has the same figures, and no content of a string is left in it.
//!
//! The first byte says whether names are hashed.
#![no_main]

use heapdiff::input::v8::{self, NameRule};
use heapdiff::input::{self, Want};
use heapdiff::snapshot::Snapshot;
use heapdiff::source::Source;
use libfuzzer_sys::fuzz_target;

mod files;

fn facts(snapshot: &Snapshot, names: bool) -> impl PartialEq + std::fmt::Debug + use<> {
    let group = |group: &heapdiff::snapshot::Group| {
        (group.kind.clone(), if names { group.name.clone() } else { String::new() }, group.count, group.self_size)
    };
    let mut groups: Vec<_> = snapshot.groups.iter().map(group).collect();
    groups.sort();
    (snapshot.nodes, snapshot.edges, snapshot.self_size, snapshot.order_key, groups)
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, content)) = data.split_first() else { return };
    let path = files::put(content, ".heapsnapshot");
    let read =
        |path: &str| Source::open(path).and_then(|mut source| input::read(&mut source, Want { verify: true, ..Want::GROUPS }));
    let hashed = choice & 1 != 0;
    let rule = if hashed { NameRule::Hash { key: "key", is_public: &|name| name == "Object" } } else { NameRule::Keep };
    // Only what is whole is copied by the program; what changes meanwhile may be anything.
    let whole = read(&path);
    let strings = whole.as_ref().map_or(u64::from(choice), |whole| whole.strings);
    let mut copy = Vec::new();
    let made = v8::anonymize(&|| Source::open(&path), strings, &rule, &mut copy);
    let Ok(whole) = whole else { return };
    if whole.format != v8::NAME {
        assert!(made.is_err());
        return;
    }
    made.expect("a whole snapshot can be copied");
    let copied = read(&files::put(&copy, ".copy")).expect("the copy is whole");
    // Names of one hash or of none are rows of their own only before.
    if !hashed {
        assert_eq!(facts(&whole, true), facts(&copied, true));
    } else {
        assert_eq!(
            (whole.nodes, whole.edges, whole.self_size, whole.order_key),
            (copied.nodes, copied.edges, copied.self_size, copied.order_key)
        );
    }
});
