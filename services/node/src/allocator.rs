//! The allocator of the program.

use std::alloc::{GlobalAlloc, Layout};

use mimalloc::MiMalloc;

/// From this size on, in bytes, memory is asked for in huge pages: tables of coins, above all. A
/// table that is read here and there spends most of its time on finding its pages.
const HUGE_FROM: usize = 4 << 20;
/// Bytes of a huge page.
const HUGE_PAGE: usize = 2 << 20;

/// Blocks are made on one thread and dropped on another, in millions of small pieces: mimalloc takes
/// a third of the time for it that the system's allocator takes.
pub(crate) struct Allocator;

#[expect(
    unsafe_code,
    reason = "an allocator is unsafe by its trait; all but the advice is mimalloc's"
)]
// SAFETY: every call is answered by mimalloc, and the advice changes no memory.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that mimalloc asks for.
        let memory = unsafe { MiMalloc.alloc(layout) };
        advise(memory, layout.size());
        memory
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        let memory = unsafe { MiMalloc.alloc_zeroed(layout) };
        advise(memory, layout.size());
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`; all memory is mimalloc's.
        unsafe { MiMalloc.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size < HUGE_FROM || size <= layout.size() {
            // SAFETY: as in `dealloc`.
            return unsafe { MiMalloc.realloc(memory, layout, size) };
        }
        // Advice counts for pages that nothing was written to, so it comes before the copy.
        //
        // SAFETY: the caller promises that the size, rounded up to the alignment, is in range.
        let larger = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the new size is not zero.
        let new = unsafe { self.alloc(larger) };
        if !new.is_null() {
            // SAFETY: both are as long as the old one at least, and the new one is nobody else's.
            unsafe { std::ptr::copy_nonoverlapping(memory, new, layout.size()) };
            // SAFETY: as in `dealloc`; on failure the old memory stays, as the trait has it.
            unsafe { self.dealloc(memory, layout) };
        }
        new
    }
}

/// Asks for huge pages under a large piece of memory.
#[inline]
fn advise(memory: *mut u8, size: usize) {
    if size >= HUGE_FROM && !memory.is_null() {
        advise_huge(memory, size);
    }
}

#[cold]
#[expect(unsafe_code, reason = "advice on memory is a system call by address")]
fn advise_huge(memory: *mut u8, size: usize) {
    let skipped = memory.align_offset(HUGE_PAGE);
    let length = size.saturating_sub(skipped) / HUGE_PAGE * HUGE_PAGE;
    if length == 0 {
        return;
    }
    // SAFETY: the range lies within memory that was just allocated, and huge pages change nothing of
    // what is read there.
    let _advised = unsafe {
        rustix::mm::madvise(
            memory.wrapping_add(skipped).cast(),
            length,
            rustix::mm::Advice::LinuxHugepage,
        )
    };
}
