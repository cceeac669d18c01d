//! Content as a file, to be mapped.

use std::io::Write;
use std::path::PathBuf;

/// Writes content to a file of this process, in memory where there is such a folder, and returns its path.
pub fn put(content: &[u8], ending: &str) -> String {
    let folder = if std::path::Path::new("/dev/shm").is_dir() { PathBuf::from("/dev/shm") } else { std::env::temp_dir() };
    let path = folder.join(format!("heapdiff-fuzz-{}{ending}", std::process::id()));
    std::fs::File::create(&path).and_then(|mut file| file.write_all(content)).expect("a file");
    path.to_string_lossy().into_owned()
}
