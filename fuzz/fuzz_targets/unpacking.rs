//! Compressed inputs: what was packed reads as if it had not been, and damage is refused.
//!
//! The first byte says how the rest is packed, and where it is damaged afterwards, if at all.
#![no_main]

use std::io::{Cursor, Write};

use heapdiff::input::{self, Want};
use heapdiff::source::Source;
use libfuzzer_sys::fuzz_target;

fn packed(content: &[u8], gzip: bool) -> Vec<u8> {
    if gzip {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(content).and_then(|()| packer.finish()).expect("memory")
    } else {
        zstd::stream::encode_all(content, 1).expect("memory")
    }
}

fn read(content: Vec<u8>) -> Result<(u64, Option<u64>), String> {
    let snapshot =
        Source::from_reader("-", Box::new(Cursor::new(content))).and_then(|mut source| input::read(&mut source, Want::GROUPS));
    snapshot.map(|snapshot| (snapshot.nodes, snapshot.self_size)).map_err(|error| error.to_string())
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, content)) = data.split_first() else { return };
    if choice & 2 != 0 {
        // As they are: the bytes of a packer, or not.
        let head: &[u8] = if choice & 1 == 0 { &[0x1f, 0x8b, 8, 0] } else { &[0x28, 0xb5, 0x2f, 0xfd] };
        let _ = read([head, content].concat());
        return;
    }
    let is_packed = content.starts_with(&[0x1f, 0x8b])
        || matches!(content, [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
    let mut bytes = packed(content, choice & 1 == 0);
    if choice & 4 == 0 {
        if !is_packed {
            assert_eq!(read(bytes).ok(), read(content.to_vec()).ok());
        }
    } else {
        let at = usize::from(choice >> 3) * bytes.len() / 32;
        bytes.truncate(at);
        let _ = read(bytes);
    }
});
