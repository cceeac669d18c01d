//! The decompressors that heapdiff uses, alone: unpacks a file to nowhere. What reading a compressed file costs at least.

use std::error::Error;
use std::fs::File;
use std::io::{ErrorKind, Read};

/// Unpacked bytes asked for at once: they stay in the cache.
const BLOCK: usize = 256 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(path), None) = (arguments.next(), arguments.next()) else {
        return Err("usage: decompress FILE.gz|FILE.zst".into());
    };
    let file = File::open(&path)?;
    let mut unpacked: Box<dyn Read> = match std::path::Path::new(&path).extension().and_then(|name| name.to_str()) {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Some("zst") => Box::new(zstd::stream::read::Decoder::new(file)?),
        _ => return Err("neither .gz nor .zst".into()),
    };
    let mut block = vec![0; BLOCK];
    let mut bytes = 0_u64;
    loop {
        match unpacked.read(&mut block) {
            Ok(0) => break,
            Ok(n) => bytes += n as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    println!(r#"{{"bytes":{bytes}}}"#);
    Ok(())
}
