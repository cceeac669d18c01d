//! Columns of 64-bit numbers that are nearly always below 2^32.

use super::Spare;
use super::bits::populated;

/// A column of numbers in two halves. The upper half takes no memory as long as all numbers are below 2^32, and little if few are
/// not: pages of it that hold only zeros are never written to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wide {
    /// The lower 32 bits.
    low: Vec<u32>,
    /// The upper 32 bits; empty if they are all zero.
    high: Vec<u32>,
}

impl Wide {
    /// A column of zeros.
    #[must_use]
    pub fn zeros(length: usize) -> Self {
        Self { low: vec![0; length], high: vec![0; length] }
    }

    /// From the halves; the upper one may be empty.
    ///
    /// # Panics
    /// If it is neither empty nor as long as the lower one.
    #[must_use]
    pub fn from_halves(low: Vec<u32>, high: Vec<u32>) -> Self {
        assert!(high.is_empty() || high.len() == low.len(), "halves of equal length");
        Self { low, high }
    }

    /// Number of numbers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.low.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.low.is_empty()
    }

    /// A number.
    #[must_use]
    #[inline]
    pub fn get(&self, at: u32) -> u64 {
        let at = at as usize;
        u64::from(self.low[at]) | self.high.get(at).map_or(0, |&high| u64::from(high) << 32)
    }

    /// Changes a number.
    #[inline]
    pub fn set(&mut self, at: u32, number: u64) {
        let at = at as usize;
        let (low, high) = halves(number);
        self.low[at] = low;
        if high == 0 && self.high.get(at).is_none_or(|&old| old == 0) {
            return;
        }
        if self.high.is_empty() {
            self.high = vec![0; self.low.len()];
        }
        self.high[at] = high;
    }

    /// A copy, into memory that is taken all at once.
    pub(super) fn copy(&self) -> Self {
        let mut low = populated(self.low.len());
        low.extend_from_slice(&self.low);
        Self { low, high: self.high.clone() }
    }

    /// Gives the memory to others.
    pub(super) fn give(self, spare: &mut Spare) {
        spare.put(self.low);
        spare.put(self.high);
    }

    /// All numbers in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        let high = self.high.iter().copied().chain(std::iter::repeat(0));
        self.low.iter().zip(high).map(|(&low, high)| u64::from(low) | u64::from(high) << 32)
    }
}

impl FromIterator<u64> for Wide {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut wide = Self::default();
        for number in numbers {
            let (low, high) = halves(number);
            if high != 0 {
                wide.high.resize(wide.low.len(), 0);
                wide.high.push(high);
            }
            wide.low.push(low);
        }
        if !wide.high.is_empty() {
            wide.high.resize(wide.low.len(), 0);
        }
        wide
    }
}

/// The lower and upper 32 bits.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
pub(crate) fn halves(number: u64) -> (u32, u32) {
    (number as u32, (number >> 32) as u32)
}
