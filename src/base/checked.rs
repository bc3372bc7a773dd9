//! An allocator that looks whether blocks are given back as they were taken.
//!
//! Entries and packs store no capacity: the layout a block is freed with follows from what is in
//! it. An allocator believes that layout, and AddressSanitizer does not look at it. This one keeps
//! the layout in front of each block and ends the process when it is told another. Beyond that it
//! makes mistakes show: a block that grows always moves, and neither new nor freed ones are zero.
//!
//! Unit tests run with it, and so does a server built with the feature `checked-allocator`.
#![expect(unsafe_code, reason = "an allocator deals in raw blocks")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::ptr;

/// See the module's head.
pub struct CheckedAllocator;

/// What stands in front of a block: its size, and its alignment under a mark.
#[repr(C)]
struct Front {
    size: usize,
    align: usize,
}

const FRONT_BYTES: usize = size_of::<Front>();
const MARK: usize = 0x5EA1_ED00_0000_0000;
const NEW: u8 = 0xA5;
const FREED: u8 = 0xDB;
/// No more than this is overwritten: large blocks are mostly buffers.
const NOISE_MAX: usize = 4096;

impl Front {
    fn of(layout: Layout) -> Front {
        Front { size: layout.size(), align: layout.align() ^ MARK }
    }
}

/// What the system is asked for, and where the block begins in it.
fn whole(layout: Layout) -> Option<(Layout, usize)> {
    let align = layout.align().max(FRONT_BYTES);
    let size = layout.size().checked_add(align)?;
    Some((Layout::from_size_align(size, align).ok()?, align))
}

// SAFETY: blocks are the system's, which are at least as large and as aligned as asked for; the
// part in front of a block is nobody else's.
unsafe impl GlobalAlloc for CheckedAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((whole, front)) = whole(layout) else { return ptr::null_mut() };
        // SAFETY: the whole is never empty. The front lies before the block, inside the whole,
        // and is aligned, since the block is.
        unsafe {
            let start = System.alloc(whole);
            if start.is_null() {
                return start;
            }
            let block = start.add(front);
            block.sub(FRONT_BYTES).cast::<Front>().write(Front::of(layout));
            block.write_bytes(NEW, layout.size().min(NOISE_MAX));
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller vouches that `alloc` has made the block.
        let front = unsafe { block.sub(FRONT_BYTES).cast::<Front>().read() };
        if !is_as_taken(&front, layout) {
            // Not with `eprintln`: tests keep back what is printed, and this one does not end.
            let _ = writeln!(
                std::io::stderr(),
                "a block of {} bytes aligned to {} is given back as {layout:?}",
                front.size,
                front.align ^ MARK
            );
            std::process::abort();
        }
        let Some((whole, at)) = whole(layout) else { return };
        // SAFETY: the layout is the one of `alloc`, so the whole and its start are, too.
        unsafe {
            block.write_bytes(FREED, layout.size().min(NOISE_MAX));
            block.sub(FRONT_BYTES).write_bytes(FREED, FRONT_BYTES);
            System.dealloc(block.sub(at), whole);
        }
    }
}

fn is_as_taken(front: &Front, layout: Layout) -> bool {
    let told = Front::of(layout);
    front.size == told.size && front.align == told.align
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn a_block_is_to_be_given_back_as_it_was_taken() {
        for (size, align) in [(1, 1), (24, 8), (64, 64), (100_000, 4096)] {
            let taken = layout(size, align);
            // SAFETY: the block is given back as it was taken, and its front is read before that.
            unsafe {
                let block = CheckedAllocator.alloc(taken);
                assert_eq!(block.addr() % align, 0);
                assert_eq!(block.read(), NEW);
                let front = block.sub(FRONT_BYTES).cast::<Front>().read();
                assert!(is_as_taken(&front, taken));
                assert!(!is_as_taken(&front, layout(size + 1, align)));
                assert!(!is_as_taken(&front, layout(size, align * 2)));
                CheckedAllocator.dealloc(block, taken);
            }
        }
    }

    #[test]
    fn what_no_system_has_is_not_given() {
        let most = layout(isize::MAX as usize - 7, 8);
        // SAFETY: there is no block, so nothing is given back.
        assert!(unsafe { CheckedAllocator.alloc(most) }.is_null());
    }
}
