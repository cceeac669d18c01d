//! Every reader: no bytes make it panic, and a mapped file and a stream of the same bytes give the same.
//!
//! The first byte of the input says what is wanted of the rest.
#![no_main]

use std::io::Cursor;

use heapdiff::error::ErrorKind;
use heapdiff::identity::Identify;
use heapdiff::input::{self, Want};
use heapdiff::snapshot::Snapshot;
use heapdiff::source::Source;
use libfuzzer_sys::fuzz_target;

mod files;

fn want(choice: u8) -> Want<'static> {
    Want {
        identify: if choice & 1 == 0 { Identify::No } else { Identify::Ids(u64::from(choice >> 6)) },
        verify: choice & 2 != 0,
        stacks: choice & 4 != 0,
        names: choice & 8 != 0,
        collapse: choice & 16 != 0,
        allow_truncated: choice & 32 != 0,
        ..Want::GROUPS
    }
}

/// What has to be equal however the bytes arrive.
fn facts(snapshot: &Snapshot) -> impl PartialEq + std::fmt::Debug {
    let groups: Vec<_> =
        snapshot.groups.iter().map(|group| (group.clone(), snapshot.stacks.frames(group.stack).count())).collect();
    (snapshot.format, snapshot.complete, snapshot.nodes, snapshot.self_size, snapshot.order_key, groups)
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, content)) = data.split_first() else { return };
    let want = want(choice);
    let streamed =
        Source::from_reader("-", Box::new(Cursor::new(content.to_vec()))).and_then(|mut source| input::read(&mut source, want));
    let mapped = Source::open(&files::put(content, "")).and_then(|mut source| input::read(&mut source, want));
    match (&streamed, &mapped) {
        (Ok(streamed), Ok(mapped)) => assert_eq!(facts(streamed), facts(mapped)),
        (Err(_), Err(_)) => {}
        // What no one asked for is not looked at in a map.
        (Err(_), Ok(_)) if !want.verify => {}
        (streamed, mapped) => panic!("streamed: {:?}, mapped: {:?}", told(streamed), told(mapped)),
    }
    for result in [streamed, mapped] {
        if let Err(error) = result {
            let told = error.at("file").to_string();
            assert!(told.len() < 4096 && !told.chars().any(|c| c.is_control() && c != '\n'), "{told:?}");
        }
    }
});

fn told(result: &Result<Snapshot, ErrorKind>) -> Result<u64, String> {
    result.as_ref().map(|snapshot| snapshot.nodes).map_err(|error| format!("{error:?}"))
}
