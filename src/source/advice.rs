//! What the system is told of memory that is about to be used. It may do otherwise: no result depends on it.

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

#[cfg(target_os = "linux")]
const PAGE: usize = 4096;

/// Gives advice that changes no content on the pages that lie within a column, from the first multiple of `unit` on.
#[cfg(target_os = "linux")]
fn advise<T>(column: &Vec<T>, unit: usize, advice: libc::c_int) {
    let begin = column.as_ptr() as usize;
    let (start, end) = (begin.next_multiple_of(unit), (begin + column.capacity() * size_of::<T>()) / PAGE * PAGE);
    if end > start {
        // SAFETY: the range lies in the column's own allocation, and the advice changes no content. A refusal is no error.
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
