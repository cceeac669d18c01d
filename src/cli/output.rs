//! Files a report is written to: opened before the work starts, complete or untouched afterwards.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::{NamedTempFile, TempPath};

use super::{Failure, exit};

/// Temporary files to remove when the process is interrupted.
static TEMPORARY: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes all temporary files.
pub fn remove_temporary() {
    if let Ok(mut paths) = TEMPORARY.lock() {
        for path in paths.drain(..) {
            // Nothing is left to be done about a file that cannot be removed.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A file that is to be written.
pub struct OutputFile {
    path: String,
    sink: Sink,
}

enum Sink {
    /// A plain file: written beside its place, then renamed.
    Replaced { file: File, temporary: TempPath, target: PathBuf },
    /// A device or pipe.
    Direct(File),
}

fn failure(path: &str, error: &io::Error) -> Failure {
    Failure::new(exit::OUTPUT, crate::text::safe_name(&format!("{path}: {error}")))
}

impl OutputFile {
    /// Makes sure that the file can be written.
    ///
    /// # Errors
    /// Exit code 5.
    pub fn open(path: &str) -> Result<Self, Failure> {
        let sink = Self::sink(path).map_err(|error| failure(path, &error))?;
        Ok(Self { path: path.to_owned(), sink })
    }

    fn sink(path: &str) -> io::Result<Sink> {
        let target = linked(path);
        match std::fs::metadata(&target) {
            Ok(metadata) if metadata.is_dir() => return Err(io::Error::other("is a directory")),
            Ok(metadata) if !metadata.is_file() => return Ok(Sink::Direct(OpenOptions::new().write(true).open(&target)?)),
            Ok(metadata) if metadata.permissions().readonly() => return Err(io::ErrorKind::PermissionDenied.into()),
            _ => {}
        }
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = NamedTempFile::with_prefix_in(".heapdiff-", folder).map_err(|error| match error.get_ref() {
            // Nobody knows the name of the temporary file.
            Some(with_path) => io::Error::new(error.kind(), with_path.source().map_or(String::new(), ToString::to_string)),
            None => error,
        });
        let (file, temporary) = temporary?.into_parts();
        if let Ok(mut paths) = TEMPORARY.lock() {
            paths.push(temporary.to_path_buf());
        }
        Ok(Sink::Replaced { file, temporary, target })
    }

    /// Writes the content and puts the file in its place.
    ///
    /// # Errors
    /// Exit code 5; what stood in its place before is untouched.
    pub fn write(self, content: &[u8]) -> Result<(), Failure> {
        self.write_with(|out| Ok(out.write_all(content)?))
    }

    /// Lets a function write the content piece by piece, and puts the file in its place if it succeeds.
    ///
    /// # Errors
    /// Those of the function, and exit code 5; what stood in its place before is untouched.
    pub fn write_with(self, content: impl FnOnce(&mut dyn Write) -> Result<(), Fault>) -> Result<(), Failure> {
        let Self { path, sink } = self;
        let put = |mut file: &File| {
            let mut out = Out { out: io::BufWriter::new(&mut file), error: None };
            let written = content(&mut out).and_then(|()| Ok(out.flush()?));
            out.error.map_or(written, |error| Err(Fault::Output(error)))
        };
        let result = match sink {
            Sink::Direct(file) => put(&file),
            Sink::Replaced { file, temporary, target } => put(&file).and_then(|()| {
                permissions(&file, &target)?;
                Ok(temporary.persist(&target).map_err(io::Error::from)?)
            }),
        };
        result.map_err(|fault| match fault {
            Fault::Output(error) => failure(&path, &error),
            Fault::Other(other) => other,
        })
    }
}

/// An error if a file that is to be written is one of the inputs, or is to be written twice.
///
/// # Errors
/// Exit code 2.
pub fn distinct<'p>(outputs: &[&str], inputs: impl Iterator<Item = &'p str>) -> Result<(), Failure> {
    let inputs: Vec<PathBuf> = inputs.filter_map(|input| std::fs::canonicalize(input).ok()).collect();
    let mut taken: Vec<PathBuf> = Vec::new();
    for output in outputs {
        let Some(place) = place(output) else { continue };
        let problem = if inputs.contains(&place) {
            "is an input, which would be lost"
        } else if taken.contains(&place) {
            "is to be written twice"
        } else {
            taken.push(place);
            continue;
        };
        return Err(Failure::new(exit::USAGE, crate::text::safe_name(&format!("{output}: {problem}"))));
    }
    Ok(())
}

/// The place of a plain file that is there or may be made; None for devices and pipes, which hold nothing.
fn place(path: &str) -> Option<PathBuf> {
    let target = linked(path);
    if target.exists() {
        return target.is_file().then(|| std::fs::canonicalize(&target).ok()).flatten();
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(std::fs::canonicalize(folder).ok()?.join(target.file_name()?))
}

/// Why a file could not be written.
pub enum Fault {
    /// Writing failed.
    Output(io::Error),
    /// There is nothing to write.
    Other(Failure),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Remembers its own errors, so that they are not taken for those of what is read meanwhile.
struct Out<W> {
    out: W,
    error: Option<io::Error>,
}

impl<W: Write> Out<W> {
    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            self.error = Some(error);
            kind.into()
        })
    }
}

impl<W: Write> Write for Out<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.out.write(bytes);
        self.noted(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.out.flush();
        self.noted(result)
    }
}

/// What a path stands for: a link keeps pointing where it points, even if nothing is there yet.
fn linked(path: &str) -> PathBuf {
    const LINKS_MAX: usize = 40;
    let mut target = PathBuf::from(path);
    for _ in 0..LINKS_MAX {
        let Ok(next) = std::fs::read_link(&target) else { break };
        target = target.parent().unwrap_or(Path::new("")).join(next);
    }
    target
}

/// Temporary files are private; what is put in place has the permissions of what it replaces, or those of a new file.
#[cfg(unix)]
fn permissions(file: &File, target: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(target).map_or(0o644, |metadata| metadata.permissions().mode());
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn permissions(_: &File, _: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes a report to standard output. A reader that has gone is no error.
///
/// # Errors
/// Exit code 5.
pub fn standard(content: &[u8]) -> Result<(), Failure> {
    standard_with(|out| Ok(out.write_all(content)?))
}

/// Lets a function write to standard output piece by piece. A reader that has gone is no error.
///
/// # Errors
/// Those of the function, and exit code 5.
pub fn standard_with(content: impl FnOnce(&mut dyn Write) -> Result<(), Fault>) -> Result<(), Failure> {
    let mut out = Out { out: io::BufWriter::new(io::stdout().lock()), error: None };
    let written = content(&mut out).and_then(|()| Ok(out.flush()?));
    match out.error.map_or(written, |error| Err(Fault::Output(error))) {
        Err(Fault::Output(error)) if error.kind() != io::ErrorKind::BrokenPipe => Err(failure("standard output", &error)),
        Err(Fault::Other(other)) => Err(other),
        _ => Ok(()),
    }
}
