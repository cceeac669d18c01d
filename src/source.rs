//! Bytes of an input: a memory map where there is a plain file, a stream for everything else.
//!
//! # The contract of the mapping
//! A map shows the file as it is now, not as it was when it was opened. A file that is *replaced* (written anew and renamed)
//! does no harm: the map keeps the old one. A file that is *cut short* while it is mapped makes the kernel send SIGBUS for every
//! page that is gone; a handler then puts zero pages in their place and notes it. A file that is *rewritten* in place may show
//! any mixture of bytes. No reader here relies on bytes staying equal between two looks for its memory safety, only for its
//! result, and [`Source::unchanged`] is asked before a result is used: length or time of the last change differ, or a page was
//! missing, and the result is an error instead.
#![allow(unsafe_code, reason = "the memory map, the handler for pages that vanish from it, and advice on pages")]

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::SystemTime;

use memmap2::Mmap;

use crate::error::ErrorKind;
use limit::{Bound, Limited, OverLimit};

mod advice;
mod limit;

pub(crate) use advice::{Ahead, populate, prefer_huge_pages, prefetch};

/// How much a decompressing thread hands over at a time, and how many such blocks there are: scanning is the faster of the two, and
/// with small blocks the time to wake its thread is a tenth of the whole.
const BLOCK: usize = 2 << 20;
const BLOCKS: usize = 4;
/// How much of a stream is looked at to tell its format.
const HEAD: usize = 16 << 10;

/// An opened input.
pub struct Source {
    /// The path as given; `-` for standard input.
    pub path: String,
    bytes: Bytes,
    /// Bytes of the input as stored that have been read so far.
    pub done: Arc<AtomicU64>,
    /// Bytes of the input as stored, where known before the end.
    pub total: Option<u64>,
    /// `gzip` or `zstd`, if the input is compressed.
    pub compressed: Option<&'static str>,
    /// Most bytes of the (unpacked) content, if that was said.
    max: Option<u64>,
    /// Whatever a compressed input unpacks to, so many bytes are read if nothing else was said.
    always: u64,
}

enum Bytes {
    Mapped(SharedMap),
    Stream { head: Vec<u8>, rest: Box<dyn Read + Send> },
    Taken,
}

impl Source {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// If it cannot be opened or read, is a directory, or is empty.
    pub fn open(path: &str) -> Result<Self, ErrorKind> {
        if path == "-" {
            return Self::from_reader(path, Box::new(io::stdin()));
        }
        let done = Arc::new(AtomicU64::new(0));
        let file = File::open(Path::new(path))?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(ErrorKind::Unrecognized("is a directory".to_owned()));
        }
        if metadata.is_file() {
            if metadata.len() == 0 {
                return Err(ErrorKind::Empty);
            }
            if let Some(mapped) = Mapped::new(&file, &metadata)
                && compression(mapped.bytes()).is_none()
            {
                let total = Some(metadata.len());
                return Ok(Self {
                    path: path.to_owned(),
                    bytes: Bytes::Mapped(SharedMap(Arc::new(mapped))),
                    done,
                    total,
                    compressed: None,
                    max: None,
                    always: limit::ALWAYS,
                });
            }
        }
        let total = metadata.is_file().then_some(metadata.len());
        let input = Counted { input: file, done: Arc::clone(&done) };
        Self::stream(path, Box::new(input), done, total)
    }

    /// An input that is read front to back, as standard input is. `path` is its name.
    ///
    /// # Errors
    /// If it cannot be read, or is empty.
    pub fn from_reader(path: &str, input: Box<dyn Read + Send>) -> Result<Self, ErrorKind> {
        let done = Arc::new(AtomicU64::new(0));
        let input = Counted { input, done: Arc::clone(&done) };
        Self::stream(path, Box::new(input), done, None)
    }

    fn stream(path: &str, mut input: Box<dyn Read + Send>, done: Arc<AtomicU64>, total: Option<u64>) -> Result<Self, ErrorKind> {
        let mut head = read_head(&mut input)?;
        if head.is_empty() {
            return Err(ErrorKind::Empty);
        }
        let compressed = compression(&head);
        let rest: Box<dyn Read + Send> = match compressed {
            None => input,
            Some(format) => {
                let input = io::Cursor::new(head).chain(input);
                let mut unpacked: Box<dyn Read + Send> = match format {
                    "gzip" => Box::new(flate2::read::MultiGzDecoder::new(input)),
                    _ => Box::new(zstd::stream::read::Decoder::new(input)?),
                };
                unpacked = Box::new(Labelled { input: unpacked, format, stored: Arc::clone(&done), unpacked: 0 });
                head = read_head(&mut unpacked)?;
                if compression(&head).is_some() {
                    return Err(ErrorKind::Unrecognized("is compressed twice; unpack it once".to_owned()));
                }
                if head.is_empty() {
                    return Err(ErrorKind::Empty);
                }
                Box::new(Pipelined::new(unpacked))
            }
        };
        Ok(Self {
            path: path.to_owned(),
            bytes: Bytes::Stream { head, rest },
            done,
            total,
            compressed,
            max: None,
            always: limit::ALWAYS,
        })
    }

    /// The same, with a limit for the bytes of its (unpacked) content in place of the one that compressed inputs have by themselves.
    ///
    /// # Errors
    /// If a file is known to be larger. What is larger otherwise fails when it is read.
    pub fn limited(self, max: Option<u64>) -> Result<Self, ErrorKind> {
        match (self.total, max) {
            (Some(total), Some(limit)) if self.compressed.is_none() && total > limit => Err(ErrorKind::InputSize { limit }),
            _ => Ok(Self { max, ..self }),
        }
    }

    /// Lets a compressed input unpack to much more than its size: its records may be equal.
    pub fn expect_repetition(&mut self) {
        self.always = limit::ALWAYS_REPEATED;
    }

    /// The first kilobytes of the (unpacked) content.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(map) => &map[..map.len().min(HEAD)],
            Bytes::Stream { head, .. } => head,
            Bytes::Taken => &[],
        }
    }

    /// The whole content, if it is mapped.
    #[must_use]
    pub fn mapped(&self) -> Option<&[u8]> {
        if let Bytes::Mapped(map) = &self.bytes { Some(map) } else { None }
    }

    /// The map, to be kept when the source is gone.
    #[must_use]
    pub fn shared_map(&self) -> Option<SharedMap> {
        if let Bytes::Mapped(map) = &self.bytes { Some(map.clone()) } else { None }
    }

    /// The content as a stream from the beginning. What is no map can be taken once.
    pub fn take_stream(&mut self) -> Box<dyn Read + Send> {
        if let Bytes::Mapped(map) = &self.bytes {
            let input = MappedReader { map: map.clone(), at: 0 };
            return Box::new(Counted { input, done: Arc::clone(&self.done) });
        }
        match std::mem::replace(&mut self.bytes, Bytes::Taken) {
            Bytes::Stream { head, rest } => {
                let input = io::Cursor::new(head).chain(rest);
                match (self.max, self.compressed) {
                    (Some(max), _) => Box::new(Limited { input, read: 0, bound: Bound::At(max) }),
                    (None, Some(_)) => Box::new(Limited {
                        input,
                        read: 0,
                        bound: Bound::Ratio { stored: Arc::clone(&self.done), always: self.always },
                    }),
                    (None, None) => Box::new(input),
                }
            }
            _ => Box::new(io::empty()),
        }
    }

    /// An error if the mapped file has changed since it was opened.
    ///
    /// # Errors
    /// [`ErrorKind::Changed`].
    pub fn unchanged(&self) -> Result<(), ErrorKind> {
        if let Bytes::Mapped(map) = &self.bytes { map.0.unchanged() } else { Ok(()) }
    }

    /// Bytes of the input as stored: all of a file, what has been read of a stream.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.total.unwrap_or_else(|| self.done.load(Ordering::Relaxed))
    }
}

/// Whether a path leads to the same content each time it is opened: standard input and pipes can be read once.
#[must_use]
pub fn is_repeatable(path: &str) -> bool {
    path != "-" && std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// The compression format that content begins with.
fn compression(head: &[u8]) -> Option<&'static str> {
    match head {
        [0x1f, 0x8b, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some("zstd"),
        _ => None,
    }
}

fn read_head(input: &mut dyn Read) -> Result<Vec<u8>, ErrorKind> {
    let mut head = Vec::with_capacity(HEAD);
    input.take(HEAD as u64).read_to_end(&mut head).map_err(read_error)?;
    Ok(head)
}

/// The error kind of a failed read: decompressors mark theirs with [`Labelled`], limits theirs with [`OverLimit`].
#[must_use]
pub(crate) fn read_error(error: io::Error) -> ErrorKind {
    let error = match error.downcast::<DecompressionError>() {
        Ok(error) if error.source.to_string() == WINDOW_TOO_LARGE => return ErrorKind::Window,
        Ok(DecompressionError { format, stored, unpacked, source }) => {
            return ErrorKind::Compressed { format, stored, unpacked, source };
        }
        Err(error) => error,
    };
    error.downcast::<OverLimit>().map_or_else(ErrorKind::Io, ErrorKind::from)
}

/// Counts bytes as they pass.
struct Counted<R> {
    input: R,
    done: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Here rather than in everything that reads.
        let n = loop {
            match self.input.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.done.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// What zstd says of a window beyond its limit, which is 128 MiB unless it is told otherwise.
const WINDOW_TOO_LARGE: &str = "Frame requires too much memory for decoding";

/// Marks errors as those of a decompressor, and says where.
struct Labelled {
    input: Box<dyn Read + Send>,
    format: &'static str,
    stored: Arc<AtomicU64>,
    unpacked: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("{format}: {source}")]
struct DecompressionError {
    format: &'static str,
    stored: u64,
    unpacked: u64,
    source: io::Error,
}

impl Read for Labelled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer).map_err(|source| {
            let stored = self.stored.load(Ordering::Relaxed);
            io::Error::other(DecompressionError { format: self.format, stored, unpacked: self.unpacked, source })
        });
        self.unpacked += *read.as_ref().unwrap_or(&0) as u64;
        read
    }
}

/// Reads ahead on a thread of its own, so that unpacking and scanning run side by side.
///
/// Blocks go round: one that has been read is filled anew, so that a long stream touches the same few pages from its beginning to
/// its end.
struct Pipelined {
    blocks: Receiver<io::Result<Block>>,
    empty: SyncSender<Box<[u8]>>,
    block: Block,
    at: usize,
}

/// A stretch of a stream, at the beginning of a larger allocation.
#[derive(Default)]
struct Block {
    bytes: Box<[u8]>,
    len: usize,
}

impl Pipelined {
    fn new(input: Box<dyn Read + Send>) -> Self {
        let (sender, blocks) = sync_channel(BLOCKS);
        let (empty, empties) = sync_channel(BLOCKS);
        for _ in 0..BLOCKS {
            // The channel has room for every block there is.
            let _ = empty.try_send(vec![0; BLOCK].into_boxed_slice());
        }
        std::thread::spawn(move || read_ahead(input, &empties, &sender));
        Self { blocks, empty, block: Block::default(), at: 0 }
    }
}

/// Fills blocks until the input ends or fails, or until nobody waits for them any more.
fn read_ahead(mut input: Box<dyn Read + Send>, empties: &Receiver<Box<[u8]>>, blocks: &SyncSender<io::Result<Block>>) {
    for mut bytes in empties {
        let filled = fill(&mut input, &mut bytes);
        let ended = !matches!(filled, Ok(len) if len > 0);
        if blocks.send(filled.map(|len| Block { bytes, len })).is_err() || ended {
            return;
        }
    }
}

/// Reads until the buffer is full or the input ends. Returns how much was read.
fn fill(input: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl Read for Pipelined {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len {
            let next = self.blocks.recv().unwrap_or_else(|_| Ok(Block::default()))?;
            let read = std::mem::replace(&mut self.block, next);
            self.at = 0;
            if !read.bytes.is_empty() {
                // The thread is gone at the end of the stream.
                let _ = self.empty.try_send(read.bytes);
            }
        }
        let n = buffer.len().min(self.block.len - self.at);
        buffer[..n].copy_from_slice(&self.block.bytes[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

/// A mapped file's content, for as long as anyone needs it.
#[derive(Clone)]
pub struct SharedMap(Arc<Mapped>);

impl std::ops::Deref for SharedMap {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl SharedMap {
    /// Lets go of the pages that have been read; one that is read again comes back. It is the part of unmapping that takes time, for a
    /// thread that has some to spare.
    pub(crate) fn let_go(&self) {
        #[cfg(target_os = "linux")]
        // SAFETY: the range is the map's own, which is shared and read only: its pages are those of the file. A refusal is no error.
        unsafe {
            libc::madvise(self.as_ptr().cast_mut().cast(), self.len(), libc::MADV_DONTNEED);
        }
    }
}

/// Reads a map like a stream.
struct MappedReader {
    map: SharedMap,
    at: usize,
}

impl Read for MappedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.map[self.at..];
        let n = buffer.len().min(rest.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}

/// A mapped file and what it looked like when it was mapped.
struct Mapped {
    map: Mmap,
    file: File,
    modified: Option<SystemTime>,
    guard: bus::Guard,
}

impl Mapped {
    /// None where the file system or the platform cannot map the file: it is then read as a stream.
    fn new(file: &File, metadata: &std::fs::Metadata) -> Option<Self> {
        let file = file.try_clone().ok()?;
        // SAFETY: the bytes may change under the map; see the module's documentation for why no reader depends on it.
        let map = unsafe { Mmap::map(&file) }.ok()?;
        if map.len() as u64 != metadata.len() {
            return None;
        }
        let guard = bus::Guard::new(&map)?;
        Some(Self { map, file, modified: metadata.modified().ok(), guard })
    }

    fn bytes(&self) -> &[u8] {
        &self.map
    }

    fn unchanged(&self) -> Result<(), ErrorKind> {
        let now = self.file.metadata()?;
        if self.guard.hit() || now.len() != self.map.len() as u64 || now.modified().ok() != self.modified {
            return Err(ErrorKind::Changed);
        }
        Ok(())
    }
}

#[cfg(unix)]
mod bus {
    //! SIGBUS for pages that are gone from a mapped file.
    //!
    //! The handler runs at any moment on any thread: it only reads and writes atomics and calls `mmap` and `sigaction`.

    use std::sync::Once;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// Most maps that can be open at once; further files are read as streams.
    const SLOTS: usize = 64;

    struct Slot {
        taken: AtomicBool,
        start: AtomicUsize,
        end: AtomicUsize,
        hit: AtomicBool,
    }

    static MAPS: [Slot; SLOTS] = [const {
        Slot { taken: AtomicBool::new(false), start: AtomicUsize::new(0), end: AtomicUsize::new(0), hit: AtomicBool::new(false) }
    }; SLOTS];
    static PAGE: AtomicUsize = AtomicUsize::new(4096);

    /// A map that the handler looks after, for as long as this value lives.
    pub(super) struct Guard(&'static Slot);

    impl Guard {
        pub(super) fn new(map: &[u8]) -> Option<Self> {
            install();
            let slot = MAPS.iter().find(|slot| !slot.taken.swap(true, Ordering::AcqRel))?;
            slot.hit.store(false, Ordering::Release);
            slot.start.store(map.as_ptr() as usize, Ordering::Release);
            slot.end.store(map.as_ptr() as usize + map.len(), Ordering::Release);
            Some(Self(slot))
        }

        /// Whether a page of the map was missing when it was read.
        pub(super) fn hit(&self) -> bool {
            self.0.hit.load(Ordering::Acquire)
        }
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.end.store(0, Ordering::Release);
            self.0.start.store(0, Ordering::Release);
            self.0.taken.store(false, Ordering::Release);
        }
    }

    fn install() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: sysconf has no preconditions; the action is fully initialised and its handler is async-signal-safe.
            unsafe {
                if let Ok(page) = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)) {
                    PAGE.store(page, Ordering::Release);
                }
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = on_bus_error as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                libc::sigemptyset(&raw mut action.sa_mask);
                libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
            }
        });
    }

    extern "C" fn on_bus_error(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel passes a valid siginfo_t to handlers installed with SA_SIGINFO.
        let address = unsafe { (*info).si_addr() } as usize;
        for slot in &MAPS {
            let (start, end) = (slot.start.load(Ordering::Acquire), slot.end.load(Ordering::Acquire));
            if address >= start && address < end {
                slot.hit.store(true, Ordering::Release);
                let page = address & !(PAGE.load(Ordering::Acquire) - 1);
                // SAFETY: the range lies in the map, which is ours and read only; zero pages take the place of missing ones.
                let mapped = unsafe {
                    libc::mmap(
                        page as *mut libc::c_void,
                        end - page,
                        libc::PROT_READ,
                        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
                        -1,
                        0,
                    )
                };
                if mapped != libc::MAP_FAILED {
                    return;
                }
            }
        }
        // Not ours: with the default action back in place, the access repeats and ends the process as it should.
        // SAFETY: restoring the default action is async-signal-safe.
        unsafe {
            libc::signal(libc::SIGBUS, libc::SIG_DFL);
        }
    }
}

#[cfg(not(unix))]
mod bus {
    //! Elsewhere a mapped file cannot be cut short.

    pub(super) struct Guard;

    impl Guard {
        #[expect(clippy::unnecessary_wraps, reason = "the same signature on every platform")]
        pub(super) fn new(_: &[u8]) -> Option<Self> {
            Some(Self)
        }

        pub(super) fn hit(&self) -> bool {
            false
        }
    }
}
