//! A whole corpus, where `HEAPDIFF_CORPUS` names a folder with it: snapshots in `v8/PRODUCER/NAME.heapsnapshot.zst`, what the
//! reference viewer says of them in `expected/v8/PRODUCER/NAME.expected.json` and files beside it.

use std::path::{Path, PathBuf};

/// The folder, if there is one.
#[expect(clippy::print_stderr, reason = "says that a test did nothing")]
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("HEAPDIFF_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: HEAPDIFF_CORPUS names no folder");
    }
    folder
}

/// Files in the folders within a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let within = |path: &Path| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    within(folder).flat_map(|producer| within(&producer).collect::<Vec<_>>()).collect()
}

/// What the reference viewer says of a snapshot, or of the difference of two.
pub(crate) struct Reference {
    /// The snapshot's name without a suffix.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// Where the producer's snapshots are.
    pub(crate) snapshots: PathBuf,
}

/// The references whose file names end like this; none without a corpus.
pub(crate) fn references(suffix: &str) -> Vec<Reference> {
    let Some(folder) = folder() else { return Vec::new() };
    let reference = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(suffix)?.to_owned();
        let snapshots = folder.join("v8").join(path.parent()?.file_name()?);
        Some(Reference { name, path, snapshots })
    };
    let references: Vec<Reference> = files(&folder.join("expected/v8")).into_iter().filter_map(reference).collect();
    assert!(!references.is_empty(), "{suffix}");
    references
}

impl Reference {
    /// The two snapshots that are compared, if it is of a difference.
    pub(crate) fn pair(&self) -> Option<[PathBuf; 2]> {
        // `mr06-s1-s3`: the last part is the later one's.
        let (base, last) = self.name.strip_suffix(".diff")?.rsplit_once('-').unwrap();
        let current = format!("{}{last}", base.trim_end_matches(char::is_numeric).strip_suffix('s').unwrap());
        Some([base, &current].map(|name| snapshot(&self.snapshots, name)))
    }

    /// The snapshot it is of.
    pub(crate) fn snapshot(&self) -> PathBuf {
        snapshot(&self.snapshots, &self.name)
    }
}

/// The snapshot of a name in a folder, however it is written.
pub(crate) fn snapshot(folder: &Path, name: &str) -> PathBuf {
    let suffixes = ["heapsnapshot", "heaptimeline", "heapsnapshot.zst", "heaptimeline.zst"];
    suffixes.map(|suffix| folder.join(format!("{name}.{suffix}"))).into_iter().find(|path| path.exists()).unwrap()
}

/// The content of a compressed file.
pub(crate) fn unpacked(path: &Path) -> Vec<u8> {
    zstd::stream::decode_all(std::fs::File::open(path).unwrap()).unwrap()
}
