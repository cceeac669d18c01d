//! A dump of a record a line, in pieces that end with a line: of a map, or of a stream as it arrives.

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::ErrorKind;

/// Text in a piece, or little more.
const PIECE: usize = 256 << 10;
/// Longest line of a stream: what one object with 50 million references takes.
const LINE_MAX: usize = 1 << 30;

/// Where pieces come from.
pub(super) enum Feed<'a> {
    /// A map.
    Map {
        /// All of it.
        map: &'a [u8],
        /// How far it has been handed out.
        at: usize,
        /// The same, to be shown.
        progress: &'a AtomicU64,
    },
    /// A stream.
    Stream(Stream),
}

/// A stream, and what has been read but not handed out.
pub(super) struct Stream {
    input: Box<dyn Read + Send>,
    rest: Vec<u8>,
    offset: u64,
    ended: bool,
    /// What records are called in messages.
    section: &'static str,
}

/// Some whole lines; the last piece may end without a line break.
pub(super) struct Piece<'t> {
    /// Offset of the text in the whole (decompressed) input.
    pub(super) offset: u64,
    /// The piece, and of a map all that follows: what is read in words may reach beyond a piece.
    pub(super) text: &'t [u8],
    /// Length of the piece.
    pub(super) len: usize,
}

impl Stream {
    pub(super) fn new(input: Box<dyn Read + Send>, section: &'static str) -> Self {
        Self { input, rest: Vec::new(), offset: 0, ended: false, section }
    }

    /// Fills `buffer` with the next piece; false at the end.
    fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<bool, ErrorKind> {
        buffer.clear();
        buffer.append(&mut self.rest);
        let mut searched = 0;
        while !self.ended {
            let wanted = PIECE as u64;
            let read = (&mut self.input).take(wanted).read_to_end(buffer).map_err(crate::source::read_error)?;
            self.ended = (read as u64) < wanted;
            if let Some(last) = memchr::memrchr(b'\n', &buffer[searched..]) {
                let end = searched + last + 1;
                self.rest.extend_from_slice(&buffer[end..]);
                buffer.truncate(end);
                return Ok(true);
            }
            searched = buffer.len();
            if searched > LINE_MAX {
                return Err(ErrorKind::Malformed {
                    section: self.section.to_owned(),
                    offset: self.offset + searched as u64,
                    expected: format!("the end of a line of at most {} bytes", crate::text::count(LINE_MAX as u64)),
                    found: crate::error::discreet_excerpt(&buffer[searched - 16..]),
                });
            }
        }
        Ok(!buffer.is_empty())
    }
}

impl<'a> Feed<'a> {
    /// More pieces than there are.
    pub(super) fn pieces_at_most(&self) -> usize {
        match self {
            Feed::Map { map, .. } => map.len() / PIECE + 1,
            Feed::Stream(_) => usize::MAX,
        }
    }

    /// The next piece, in `buffer` where it is not of a map; None at the end.
    pub(super) fn next<'t>(&mut self, buffer: &'t mut Vec<u8>) -> Result<Option<Piece<'t>>, ErrorKind>
    where
        'a: 't,
    {
        match self {
            Feed::Map { map, at, progress } => {
                let text = &map[*at..];
                let len = match text.get(PIECE..).map(|after| memchr::memchr(b'\n', after)) {
                    Some(Some(end)) => PIECE + end + 1,
                    _ => text.len(),
                };
                let offset = *at as u64;
                *at += len;
                progress.fetch_add(len as u64, Ordering::Relaxed);
                Ok((len > 0).then_some(Piece { offset, text, len }))
            }
            Feed::Stream(stream) => {
                let more = stream.fill(buffer)?;
                let offset = stream.offset;
                stream.offset += buffer.len() as u64;
                let text: &[u8] = buffer;
                Ok(more.then_some(Piece { offset, text, len: text.len() }))
            }
        }
    }
}
