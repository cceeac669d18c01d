//! What can be wrong with an input or an output, as values.

use std::io;

use crate::text::{count, size};

/// An error together with the input it is about.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {kind}")]
pub struct Error {
    /// The input's path as it was given; `-` for standard input.
    pub path: String,
    /// What is wrong.
    pub kind: ErrorKind,
}

/// What is wrong with an input.
#[derive(Debug, thiserror::Error)]
pub enum ErrorKind {
    /// It cannot be opened or read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Its compressed form is damaged.
    #[error(
        "{format} data: {source} within the first {} bytes, behind {} unpacked ones (file cut short or damaged?)",
        count(*stored),
        count(*unpacked)
    )]
    Compressed {
        /// `gzip` or `zstd`.
        format: &'static str,
        /// Bytes read of the compressed input when it was found, up to 128 KiB more than were needed. All there are, if it is cut short.
        stored: u64,
        /// Bytes unpacked before.
        unpacked: u64,
        /// What the decompressor says.
        source: io::Error,
    },
    /// It can only be unpacked in more memory than a reader of streams takes.
    #[error(
        "its zstd window is larger than 128 MiB (zstd --long=28 and more): unpack it with zstd -d --long=31, or pack it anew"
    )]
    Window,
    /// It has no bytes.
    #[error("the file is empty")]
    Empty,
    /// It is something else than a heap snapshot.
    #[error("{0}")]
    Unrecognized(String),
    /// The text does not go on as the format demands.
    #[error("{section}: expected {expected} at byte {}, found {found}", count(*offset))]
    Malformed {
        /// The section of the file.
        section: String,
        /// Bytes from the beginning of the (decompressed) input.
        offset: u64,
        /// What should stand there.
        expected: String,
        /// What stands there: at most 16 bytes, escaped, and no contents of strings.
        found: String,
    },
    /// The text is well-formed, but its parts contradict each other.
    #[error("{section}: {problem} (at byte {})", count(*offset))]
    Inconsistent {
        /// The section of the file.
        section: String,
        /// Bytes from the beginning of the (decompressed) input.
        offset: u64,
        /// The contradiction.
        problem: String,
    },
    /// It holds more than the reader's numbers can count.
    #[error("{0}")]
    TooLarge(String),
    /// It needs more memory than is allowed.
    #[error("its references need about {} of memory, more than the {} that --max-memory allows", size(*needed), size(*limit))]
    Memory {
        /// Estimated bytes.
        needed: u64,
        /// Bytes that are allowed.
        limit: u64,
    },
    /// It is larger than is allowed.
    #[error("it is larger than the {} that --max-input allows", size(*limit))]
    InputSize {
        /// Bytes that are allowed, unpacked.
        limit: u64,
    },
    /// It unpacks to far more than a snapshot does.
    #[error("its first {} unpack to more than {}, as no snapshot does; to read it, allow it with --max-input", size(*stored), size(*unpacked))]
    Bomb {
        /// Bytes read of the compressed input.
        stored: u64,
        /// Bytes they unpacked to.
        unpacked: u64,
    },
    /// It needs more memory than there is.
    #[error("its references need about {} of memory, more than there is", size(*needed))]
    NoMemory {
        /// Estimated bytes.
        needed: u64,
    },
    /// The file's length or modification time changed under the reader.
    #[error("the file changed while it was being read")]
    Changed,
}

impl ErrorKind {
    /// Whether the input may be as it should, but what it takes to read it is not there.
    #[must_use]
    pub fn is_of_resources(&self) -> bool {
        match self {
            Self::Memory { .. } | Self::NoMemory { .. } | Self::InputSize { .. } | Self::Bomb { .. } | Self::Window => true,
            // Sections that come too early wait in a temporary file.
            Self::Io(error) => {
                matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
            }
            _ => false,
        }
    }

    /// Adds the path.
    #[must_use]
    pub fn at(self, path: &str) -> Error {
        Error { path: path.to_owned(), kind: self }
    }
}

/// Bytes of an input that a message shows at most.
const EXCERPT: usize = 16;

/// At most 16 bytes of input, escaped for a message.
#[must_use]
pub fn excerpt(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes[..bytes.len().min(EXCERPT)].escape_ascii())
}

/// The same where contents of strings may stand: what JSON is built of, or a single byte, and nothing of what comes then.
#[must_use]
pub fn discreet_excerpt(bytes: &[u8]) -> String {
    let of_json =
        |byte: &u8| matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',' | b'"' | b'\\') || byte.is_ascii_whitespace();
    let shown = bytes.iter().take(EXCERPT).take_while(|byte| of_json(byte)).count().max(1).min(bytes.len());
    format!("\"{}{}\"", bytes[..shown].escape_ascii(), if shown < bytes.len() { "…" } else { "" })
}
