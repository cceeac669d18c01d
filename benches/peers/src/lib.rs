//! What the peers share: how they open a file, and the line they print so that their results can be compared.

use std::error::Error;
use std::ffi::OsStr;
use std::fs::File;

use memmap2::Mmap;

/// Totals of one snapshot, as every peer prints them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Number of nodes.
    pub nodes: u64,
    /// Sum of the nodes' own sizes, in bytes.
    pub self_size: u64,
    /// Number of groups the nodes fell into. Peers group differently, so this one need not agree.
    pub groups: u64,
}

impl Totals {
    /// The totals as one line of JSON.
    pub fn line(&self) -> String {
        format!(r#"{{"nodes":{},"self_size":{},"groups":{}}}"#, self.nodes, self.self_size, self.groups)
    }
}

/// Maps the file named by the program's only argument. Mapped pages belong to the page cache, so a peer is not charged anonymous
/// memory for the file itself.
///
/// # Errors
/// When there is not exactly one argument, or the file can't be opened or mapped.
pub fn map_argument() -> Result<Mmap, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(path), None) = (arguments.next(), arguments.next()) else {
        return Err("usage: PEER FILE".into());
    };
    map(&path)
}

/// Maps a file.
///
/// # Errors
/// When it can't be opened or mapped.
pub fn map(path: &OsStr) -> Result<Mmap, Box<dyn Error>> {
    let file = File::open(path)?;
    // SAFETY: the benchmark generates the file and nothing changes it while a peer runs.
    Ok(unsafe { Mmap::map(&file)? })
}
