//! What the system is told of memory that is about to be used. It may do otherwise: no result depends on it.

use std::ops::Range;

/// Asks for huge pages under a large column that is about to be filled: what is read at random then misses the page table less.
pub(crate) fn prefer_huge_pages<T>(column: &Vec<T>) {
    #[cfg(target_os = "linux")]
    advise(column, 2 << 20, libc::MADV_HUGEPAGE);
    #[cfg(not(target_os = "linux"))]
    let _ = column;
}

/// Takes the memory of a large column that is about to be filled from end to end all at once: page after page takes several times as
/// long.
pub(crate) fn populate<T>(column: &Vec<T>) {
    // Smaller ones the allocator has at hand.
    const LEAST: usize = 1 << 20;
    #[cfg(target_os = "linux")]
    if column.capacity() * size_of::<T>() > LEAST {
        advise(column, PAGE, libc::MADV_POPULATE_WRITE);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (column, LEAST);
}

/// Memory of large columns that are about to be filled side by side, each from end to end. Another thread takes it, and stays ahead.
#[derive(Debug, Default)]
pub(crate) struct Ahead(Vec<Range<usize>>);

impl Ahead {
    /// Adds the room for the first values of a column.
    pub(crate) fn add<T>(&mut self, column: &Vec<T>, values: usize) {
        let begin = column.as_ptr() as usize;
        self.0.push(begin..begin + values.min(column.capacity()) * size_of::<T>());
    }

    /// Takes all of it, a part of each column in turn. By then columns may be gone, and their memory, too, or another's.
    pub(crate) fn take(&self) {
        // Few enough pages that those who want to map some do not wait long.
        const PART: usize = 1 << 20;
        let longest = self.0.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        #[cfg(target_os = "linux")]
        for part in (0..longest).step_by(PART) {
            for column in &self.0 {
                let (begin, end) = (column.start + part, column.end.min(column.start + part + PART));
                advise_range(begin..end, PAGE, libc::MADV_POPULATE_WRITE);
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = longest;
    }
}

#[cfg(target_os = "linux")]
const PAGE: usize = 4096;

/// Gives advice that changes no content on the pages that lie within a column, from the first multiple of `unit` on.
#[cfg(target_os = "linux")]
fn advise<T>(column: &Vec<T>, unit: usize, advice: libc::c_int) {
    let begin = column.as_ptr() as usize;
    advise_range(begin..begin + column.capacity() * size_of::<T>(), unit, advice);
}

#[cfg(target_os = "linux")]
fn advise_range(range: Range<usize>, unit: usize, advice: libc::c_int) {
    let (start, end) = (range.start.next_multiple_of(unit), range.end / PAGE * PAGE);
    if end > start {
        // SAFETY: the advice changes no content, whosever the memory is. A refusal, as where there is none, is no error.
        unsafe {
            libc::madvise(start as *mut libc::c_void, end - start, advice);
        }
    }
}

/// Asks for the memory of an entry that is about to be read. Where there is no such entry, or no such request, nothing happens.
#[inline(always)]
pub(crate) fn prefetch<T>(column: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(entry) = column.get(at) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a request for memory reads and changes nothing, wherever it points.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(entry).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (column, at);
}
