//! Limits of what is read of a stream: those that were asked for, and what no snapshot unpacks to.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::ErrorKind;

/// Compressed inputs may unpack to so many times their size. Snapshots of real programs unpack to 4 to 20 times theirs, one of nothing but
/// equal objects to 54, as ids rise; deflate ends at 1032.
pub(super) const RATIO_MAX: u64 = 100;
/// Whatever unpacks to less is read: memory that is taken for a line or a name stays below it, too.
pub(super) const ALWAYS: u64 = 16 << 20;

/// How much may be read.
pub(super) enum Bound {
    /// So many bytes, unpacked.
    At(u64),
    /// [`RATIO_MAX`] times what has been read of the compressed input.
    Ratio(Arc<AtomicU64>),
}

/// Reads up to a bound, and fails behind it.
pub(super) struct Limited<R> {
    pub(super) input: R,
    pub(super) read: u64,
    pub(super) bound: Bound,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.read += n as u64;
        match &self.bound {
            Bound::At(limit) if self.read > *limit => Err(io::Error::other(OverLimit::Size(*limit))),
            Bound::Ratio(stored) if self.read > ALWAYS => {
                let stored = stored.load(Ordering::Relaxed);
                let bomb = self.read > stored.saturating_mul(RATIO_MAX);
                if bomb { Err(io::Error::other(OverLimit::Ratio { stored, unpacked: self.read })) } else { Ok(n) }
            }
            _ => Ok(n),
        }
    }
}

/// The bound that was passed.
#[derive(Debug, thiserror::Error)]
#[error("over the limit")]
pub(super) enum OverLimit {
    /// That of the size, in bytes.
    Size(u64),
    /// That of the ratio.
    Ratio {
        /// Bytes read of the compressed input.
        stored: u64,
        /// Bytes they unpacked to.
        unpacked: u64,
    },
}

impl From<OverLimit> for ErrorKind {
    fn from(over: OverLimit) -> Self {
        match over {
            OverLimit::Size(limit) => Self::InputSize { limit },
            OverLimit::Ratio { stored, unpacked } => Self::Bomb { stored, unpacked },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::read_error;

    fn read(bytes: u64, bound: Bound) -> Result<usize, ErrorKind> {
        let input = io::repeat(b'x').take(bytes);
        Limited { input, read: 0, bound }.read_to_end(&mut Vec::new()).map_err(read_error)
    }

    #[test]
    fn the_last_byte_that_is_allowed_is_read_and_the_next_is_not() {
        assert_eq!(read(1000, Bound::At(1000)).unwrap(), 1000);
        assert!(matches!(read(1001, Bound::At(1000)), Err(ErrorKind::InputSize { limit: 1000 })));
        assert!(matches!(read(1, Bound::At(0)), Err(ErrorKind::InputSize { limit: 0 })));
        let ratio = |stored, bytes| read(bytes, Bound::Ratio(Arc::new(AtomicU64::new(stored))));
        assert_eq!(ratio(1, ALWAYS).unwrap() as u64, ALWAYS);
        assert!(matches!(ratio(1, ALWAYS + 1), Err(ErrorKind::Bomb { stored: 1, .. })));
        let stored = ALWAYS / RATIO_MAX * 2;
        assert_eq!(ratio(stored, stored * RATIO_MAX).unwrap() as u64, stored * RATIO_MAX);
        assert!(matches!(ratio(stored, stored * RATIO_MAX + 1), Err(ErrorKind::Bomb { .. })));
        assert!(ratio(u64::MAX, ALWAYS * 2).is_ok());
    }
}
