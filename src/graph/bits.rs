//! Sets of ordinals, and large columns.

use super::ordinal;
use crate::source::Ahead;

/// A set of numbers below a bound, a bit each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// The empty set of numbers below `bound`.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { words: vec![0; bound.div_ceil(64)] }
    }

    /// Those of the numbers below `bound` that are wanted.
    #[must_use]
    pub fn of(bound: usize, wanted: impl Fn(u32) -> bool) -> Self {
        let word = |first: usize| {
            let numbers = ordinal(first)..ordinal(bound.min(first + 64));
            numbers.rev().fold(0, |word, number| word << 1 | u64::from(wanted(number)))
        };
        Self { words: (0..bound).step_by(64).map(word).collect() }
    }

    /// Whether a number is in the set.
    #[must_use]
    #[inline]
    pub fn has(&self, number: u32) -> bool {
        self.words.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Adds a number below the bound; false if it was there.
    #[inline]
    pub fn add(&mut self, number: u32) -> bool {
        let word = &mut self.words[number as usize / 64];
        let bit = 1 << (number % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Adds a number below the bound, or takes it out; true if it is in the set then.
    pub fn toggle(&mut self, number: u32) -> bool {
        let word = &mut self.words[number as usize / 64];
        *word ^= 1 << (number % 64);
        *word >> (number % 64) & 1 == 1
    }

    /// Whether there is no number in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }
}

/// Columns that are not needed any more, for others to be written into: memory that is fresh has to be cleared first, which takes
/// longer than most of what is done with it.
#[derive(Debug, Default)]
pub struct Spare(Vec<Vec<u32>>);

impl Spare {
    /// Takes in a column.
    pub fn put(&mut self, column: Vec<u32>) {
        self.0.push(column);
    }

    /// An empty column with room for so many values: the smallest spare one that is large enough, or a new one.
    #[must_use]
    pub fn take(&mut self, length: usize) -> Vec<u32> {
        let mut column = self.find(length).unwrap_or_else(|| populated(length));
        column.clear();
        column
    }

    /// The same for a column whose memory another thread takes, if it is new.
    pub(super) fn take_ahead(&mut self, length: usize, ahead: &mut Ahead) -> Vec<u32> {
        let mut column = self.find(length).unwrap_or_else(|| {
            let column = Vec::with_capacity(length);
            ahead.add(&column, length);
            column
        });
        column.clear();
        column
    }

    fn find(&mut self, length: usize) -> Option<Vec<u32>> {
        let fits = self.0.iter().enumerate().filter(|(_, column)| column.capacity() >= length);
        let (best, _) = fits.min_by_key(|(_, column)| column.capacity())?;
        Some(self.0.swap_remove(best))
    }

    /// A column of whatever values, each of which is to be written before it is read.
    #[must_use]
    pub(super) fn unset(&mut self, length: usize) -> Vec<u32> {
        let mut column = self.find(length).unwrap_or_else(|| populated(length));
        column.resize(length, 0);
        column
    }

    /// A column of equal values.
    #[must_use]
    pub fn filled(&mut self, value: u32, length: usize) -> Vec<u32> {
        let mut column = self.take(length);
        column.resize(length, value);
        column
    }
}

/// An empty column with memory for so many values.
pub(super) fn populated(length: usize) -> Vec<u32> {
    let column = Vec::with_capacity(length);
    crate::source::populate(&column);
    column
}

/// A large column of equal values, to be written and read at random.
#[must_use]
pub(crate) fn column<T: Clone>(value: T, length: usize) -> Vec<T> {
    let mut column = reserved(length);
    column.resize(length, value);
    column
}

/// A large column of zeros, to be written and read at random: its memory is taken as it is used.
#[must_use]
pub(crate) fn zeros(length: usize) -> Vec<u32> {
    let column = vec![0; length];
    crate::source::prefer_huge_pages(&column);
    column
}

/// An empty column with room for so many values.
#[must_use]
pub(crate) fn reserved<T>(length: usize) -> Vec<T> {
    let column = Vec::with_capacity(length);
    crate::source::prefer_huge_pages(&column);
    column
}
