//! A growable byte string behind one thin, tagged pointer.
//!
//! # Invariants
//! - The bytes begin with their own total length (4 bytes, little endian), as a listpack's do;
//!   nobody but this module writes those four.
//! - The block's size follows from the form and that length (`block_bytes`), so that no capacity is
//!   stored. The one exception is the shared empty listpack, which is never written or freed.
//! - The pointer's low three bits are the [`Form`] and never zero; zero is left to
//!   `compact::PackOr`.
#![expect(
    unsafe_code,
    reason = "a thin pointer: half the words of a Vec in every small collection"
)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ptr::{NonNull, copy, copy_nonoverlapping};
use std::slice;

use crate::types::compact::prefetch;
use crate::types::memory::allocated;

/// What a pack's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Form {
    Listpack = 1,
    Intset = 2,
    /// A listpack of a collection that Redis would not keep packed: reported as the big encoding.
    Wide = 3,
    /// A leaf of a sorted set's tree.
    Leaf = 4,
    /// A listpack that grows at its end, in fewer and larger steps; see [`Pack::seal`].
    Growing = 5,
}

/// Growing packs that are larger grow in the steps of all others.
const GROWING_MAX: usize = 8192;

/// How large the block of a pack is: the allocator's size class for its bytes, or, for one that
/// grows, the next power of two.
#[inline]
fn block_bytes(form: Form, total: usize) -> usize {
    match form {
        Form::Growing if total <= GROWING_MAX => total.next_power_of_two(),
        _ => allocated(total),
    }
}

pub(in crate::types) const TAG_MASK: usize = 0b111;
const LENGTH_BYTES: usize = 4;
const ALIGN: usize = 8;

#[repr(align(8))]
struct Aligned([u8; 8]);
/// A listpack without entries (7 bytes, then padding).
static EMPTY: Aligned = Aligned([7, 0, 0, 0, 0, 0, 0xff, 0]);

/// The pointer to the block, its low bits the form.
#[repr(transparent)]
pub struct Pack(NonNull<u8>);

// SAFETY: a Pack owns its block alone; the shared empty one is only read.
unsafe impl Send for Pack {}
// SAFETY: `&Pack` only reads.
unsafe impl Sync for Pack {}

impl Pack {
    /// A listpack without entries, which takes no memory.
    #[must_use]
    pub fn empty_listpack() -> Pack {
        Pack(NonNull::from(&EMPTY.0).cast()).tagged(Form::Listpack)
    }

    /// As `empty_listpack`, growing.
    #[must_use]
    pub fn growing_listpack() -> Pack {
        Pack::empty_listpack().tagged(Form::Growing)
    }

    /// A copy of `bytes`, whose first four are replaced by the length.
    ///
    /// # Panics
    /// If there are fewer than four bytes or more than a `u32` counts.
    #[must_use]
    pub fn from_bytes(form: Form, bytes: &[u8]) -> Pack {
        assert!(bytes.len() >= LENGTH_BYTES, "a pack begins with its length");
        let mut pack = Pack(allocate(block_bytes(form, bytes.len()))).tagged(form);
        // SAFETY: the new block is at least bytes.len() long and is not `bytes`.
        unsafe { copy_nonoverlapping(bytes.as_ptr(), pack.base(), bytes.len()) };
        pack.set_len(bytes.len());
        pack
    }

    #[inline]
    #[must_use]
    pub fn form(&self) -> Form {
        match self.0.addr().get() & TAG_MASK {
            1 => Form::Listpack,
            2 => Form::Intset,
            3 => Form::Wide,
            4 => Form::Leaf,
            _ => Form::Growing,
        }
    }

    /// # Panics
    /// If the pack's block would have another size; only `seal` ends growing.
    pub fn set_form(&mut self, form: Form) {
        assert!(form != Form::Growing && self.form() != Form::Growing, "another block");
        self.tag(form);
    }

    fn tag(&mut self, form: Form) {
        let word = self.base().map_addr(|base| base | form as usize);
        self.0 = NonNull::new(word).expect("a block's address is not zero");
    }

    fn tagged(mut self, form: Form) -> Pack {
        self.tag(form);
        self
    }

    /// Ends the growing: the pack is a listpack like others, its block as large as it needs to be.
    pub fn seal(&mut self) {
        if self.form() == Form::Growing {
            let total = self.total();
            self.move_to(block_bytes(Form::Growing, total), allocated(total));
            self.tag(Form::Listpack);
        }
    }

    #[inline]
    fn base(&self) -> *mut u8 {
        self.0.as_ptr().map_addr(|addr| addr & !TAG_MASK)
    }

    fn is_shared(&self) -> bool {
        std::ptr::eq(self.base(), EMPTY.0.as_ptr())
    }

    /// Total length in bytes, its own four included.
    #[inline]
    #[must_use]
    pub fn total(&self) -> usize {
        // SAFETY: every block holds at least its length.
        let length: [u8; LENGTH_BYTES] = unsafe { self.base().cast::<[u8; LENGTH_BYTES]>().read() };
        u32::from_le_bytes(length) as usize
    }

    fn set_len(&mut self, total: usize) {
        let length = u32::try_from(total).expect("callers bound a pack's length");
        // SAFETY: callers own the block, which holds at least its length.
        unsafe { self.base().cast::<[u8; LENGTH_BYTES]>().write(length.to_le_bytes()) };
    }

    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the first `total` bytes of the block are initialised; they live as long as self.
        unsafe { slice::from_raw_parts(self.base(), self.total()) }
    }

    /// Starts to fetch the first `bytes`, but a kilobyte at most, for somebody who will walk them.
    #[inline]
    pub fn prefetch(&self, bytes: usize) {
        let lines = (0..bytes.min(1024)).step_by(64);
        lines.for_each(|at| prefetch(self.base().wrapping_add(at)));
    }

    /// Everything after the length.
    pub fn body_mut(&mut self) -> &mut [u8] {
        self.own(0);
        // SAFETY: as in `bytes`; the block is ours alone after `own`.
        unsafe {
            slice::from_raw_parts_mut(self.base().add(LENGTH_BYTES), self.total() - LENGTH_BYTES)
        }
    }

    /// What the allocator set aside.
    #[inline]
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        if self.is_shared() { 0 } else { block_bytes(self.form(), self.total()) }
    }

    /// Replaces `removed` bytes from `at` on by the concatenation of `parts`.
    ///
    /// # Panics
    /// If the range is outside the bytes after the length, or the total would exceed a `u32`.
    pub fn splice(&mut self, at: usize, removed: usize, parts: &[&[u8]]) {
        let old = self.total();
        let end = at + removed;
        assert!(at >= LENGTH_BYTES && end <= old, "a splice within the pack");
        let added: usize = parts.iter().map(|part| part.len()).sum();
        let new = old - removed + added;
        let mut class = self.own(new);
        if new > old {
            class = self.resize(class, new);
        }
        // SAFETY: the block now holds max(old, new) bytes: the tail [end, old) moves to
        // [at + added, new), then the parts fill [at, at + added). `parts` borrow other memory,
        // since self is borrowed mutably.
        unsafe {
            let base = self.base();
            if removed != added {
                copy(base.add(end), base.add(at + added), old - end);
            }
            let mut to = base.add(at);
            for part in parts {
                copy_nonoverlapping(part.as_ptr(), to, part.len());
                to = to.add(part.len());
            }
        }
        self.set_len(new);
        if new < old {
            self.resize(class, new);
        }
    }

    /// Puts `added` zero bytes before those from `at` on, to be written by the caller.
    ///
    /// # Panics
    /// As `splice`.
    #[inline]
    pub fn open_gap(&mut self, at: usize, added: usize) -> &mut [u8] {
        let old = self.total();
        assert!(at >= LENGTH_BYTES && at <= old, "a gap within the pack");
        let new = old + added;
        let class = self.own(new);
        self.resize(class, new);
        // SAFETY: the block holds `new` bytes; the tail [at, old) moves behind the gap, which is
        // then initialised. The slice borrows self mutably.
        let gap = unsafe {
            let gap = self.base().add(at);
            copy(gap, gap.add(added), old - at);
            gap.write_bytes(0, added);
            slice::from_raw_parts_mut(gap, added)
        };
        self.set_len(new);
        gap
    }

    /// Makes sure that the block is our own, with room for `room` bytes if it had to be made.
    /// Returns the block's size class.
    fn own(&mut self, room: usize) -> usize {
        let (form, total) = (self.form(), self.total());
        if !self.is_shared() {
            return block_bytes(form, total);
        }
        let class = block_bytes(form, room.max(total));
        let block = allocate(class);
        // SAFETY: both blocks hold `total` bytes and differ.
        unsafe { copy_nonoverlapping(self.base(), block.as_ptr(), total) };
        *self = Pack(block).tagged(form);
        class
    }

    /// Moves from a block of size class `from` to the class of `total` bytes, which it returns.
    fn resize(&mut self, from: usize, total: usize) -> usize {
        let to = block_bytes(self.form(), total);
        self.move_to(from, to);
        to
    }

    /// Moves from a block of `from` bytes to one of `to` bytes.
    fn move_to(&mut self, from: usize, to: usize) {
        if from != to {
            let form = self.form();
            // SAFETY: the block was allocated with the size `from` and this alignment.
            let moved = unsafe { realloc(self.base(), layout(from), to) };
            let Some(block) = NonNull::new(moved) else { handle_alloc_error(layout(to)) };
            self.0 = block;
            self.tag(form);
        }
    }
}

impl Drop for Pack {
    fn drop(&mut self) {
        if !self.is_shared() {
            // SAFETY: by the invariant the block was allocated with the size of its form and
            // length.
            unsafe {
                dealloc(self.base(), layout(block_bytes(self.form(), self.total())));
            }
        }
    }
}

impl Clone for Pack {
    fn clone(&self) -> Pack {
        Pack::from_bytes(self.form(), self.bytes())
    }
}

fn layout(class: usize) -> Layout {
    Layout::from_size_align(class, ALIGN).expect("a pack's length is bounded by a u32")
}

/// A block of `bytes` (at least one) bytes.
fn allocate(bytes: usize) -> NonNull<u8> {
    let layout = layout(bytes);
    // SAFETY: the size is not zero.
    let block = unsafe { alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn index() -> impl Strategy<Value = prop::sample::Index> {
        any::<prop::sample::Index>()
    }

    #[test]
    fn an_empty_listpack_is_shared_until_written() {
        let mut pack = Pack::empty_listpack();
        assert_eq!((pack.heap_bytes(), pack.bytes()), (0, &[7, 0, 0, 0, 0, 0, 0xff][..]));
        pack.body_mut()[0] = 9;
        assert_eq!((pack.heap_bytes(), pack.bytes()[4]), (8, 9));
        assert_eq!(Pack::empty_listpack().bytes()[4], 0);
    }

    #[test]
    fn a_growing_pack_moves_seldom_until_it_is_sealed() {
        let mut pack = Pack::growing_listpack();
        let mut blocks = Vec::new();
        while pack.total() < 3000 {
            let end = pack.total() - 1;
            pack.open_gap(end, 50).fill(7);
            blocks.push(pack.heap_bytes());
        }
        blocks.dedup();
        assert_eq!(blocks, [64, 128, 256, 512, 1024, 2048, 4096]);
        let bytes = pack.bytes().to_vec();
        let copy = pack.clone();
        pack.seal();
        assert_eq!((pack.form(), pack.heap_bytes()), (Form::Listpack, 3072));
        for pack in [pack, copy] {
            assert_eq!(pack.bytes(), bytes);
        }
    }

    proptest! {
        #[test]
        fn splices_agree_with_a_vec(
            splices in vec((index(), 0..300_usize, vec(any::<u8>(), 0..300)), 0..40),
        ) {
            let mut pack = Pack::empty_listpack();
            let mut model = pack.bytes().to_vec();
            for (at, removed, part) in splices {
                let at = 4 + at.index(model.len() - 3);
                let removed = removed.min(model.len() - at);
                let (one, two) = part.split_at(part.len() / 2);
                pack.splice(at, removed, &[one, two]);
                model.splice(at..at + removed, part);
                let total = model.len() as u32;
                model[..4].copy_from_slice(&total.to_le_bytes());
                prop_assert_eq!(pack.bytes(), &model[..]);
                prop_assert_eq!(pack.form(), Form::Listpack);
            }
            pack.set_form(Form::Wide);
            let copy = pack.clone();
            prop_assert_eq!(copy.form(), Form::Wide);
            prop_assert_eq!(copy.bytes(), &model[..]);
        }
    }
}
