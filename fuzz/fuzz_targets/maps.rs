//! Source maps: any text is taken or refused with a sentence, and frames are looked up without harm.
#![no_main]

use heapdiff::source_maps::SourceMaps;
use heapdiff::stacks::Frame;
use libfuzzer_sys::fuzz_target;

mod files;

fuzz_target!(|data: &[u8]| {
    for end in [".js.map", ".js"] {
        look_up(&files::put(data, end));
    }
});

fn look_up(path: &str) {
    match SourceMaps::load(path) {
        Ok(maps) => {
            let script = path.strip_suffix(".map").unwrap_or(path);
            for line in [0, 1, 2, 3, u32::MAX] {
                for column in [0, 1, 2, 7, 10, 11, 40, u32::MAX] {
                    let frame = Frame { function: "a".to_owned(), script: script.to_owned(), line, column };
                    if let Some(found) = maps.resolve(&frame) {
                        assert!(found.line > 0 && found.column > 0);
                    }
                }
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
