//! The word that buckets are made of: a pointer to a block it owns, and 16 bits of the key's hash.

use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use super::super::shape::Shape;
use super::block::{Block, PAYLOAD_AT};
use super::{Entry, EntryMut, EntryRef};
use crate::types::Collection;
use crate::types::compact::prefetch;

const TAG_SHIFT: u32 = 48;
/// User-space addresses of x86-64 and aarch64 fit 48 bits.
const POINTER_BITS: usize = (1 << TAG_SHIFT) - 1;

/// The word of a block that is being destroyed.
pub(in super::super) struct Payload(pub(super) Block);

impl Payload {
    /// Drops the collection in the word.
    pub(in super::super) fn drop_as<T: Collection>(self) {
        Shape::assert_is::<T>(self.0.head().kind());
        // SAFETY: the shape check above says that the payload is a `T`; `destroy` is the only maker
        // of a `Payload` and does not touch the word again.
        unsafe { self.0.at(PAYLOAD_AT).cast::<T>().drop_in_place() }
    }
}

/// An entry's word in a bucket: nothing, or a pointer to a block it owns with a 16-bit tag above
/// it.
#[repr(transparent)]
pub(in super::super) struct Word(pub(super) *mut u8);

// SAFETY: a word owns its block; what blocks hold (bytes, `Arc<Vec<u8>>`, `Collection: Send`) is
// `Send`.
unsafe impl Send for Word {}

impl Word {
    pub(in super::super) const EMPTY: Word = Word(ptr::null_mut());

    #[inline]
    pub(in super::super) fn new(entry: Entry, tag: u16) -> Word {
        let mut entry = entry;
        let word = std::mem::replace(&mut entry.0, Word::EMPTY);
        word.tagged(tag)
    }

    #[inline]
    fn tagged(mut self, tag: u16) -> Word {
        let pointer = self.0.map_addr(|bits| bits & POINTER_BITS | usize::from(tag) << TAG_SHIFT);
        self.0 = ptr::null_mut();
        Word(pointer)
    }

    #[inline]
    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_null()
    }

    #[inline]
    pub(in super::super) fn tag(&self) -> u16 {
        (self.0.addr() >> TAG_SHIFT) as u16
    }

    #[inline]
    pub(super) fn block(&self) -> Option<Block> {
        NonNull::new(self.0.map_addr(|bits| bits & POINTER_BITS)).map(Block)
    }

    #[inline]
    pub(in super::super) fn entry(&self) -> Option<EntryRef<'_>> {
        self.block().map(|block| EntryRef(block, PhantomData))
    }

    #[inline]
    pub(in super::super) fn entry_mut(&mut self) -> Option<EntryMut<'_>> {
        (!self.is_empty()).then_some(EntryMut(self))
    }

    /// Takes the entry out and leaves the word empty.
    pub(in super::super) fn take(&mut self) -> Option<Entry> {
        (!self.is_empty()).then(|| Entry(std::mem::replace(self, Word::EMPTY)))
    }

    /// Points the word at another block; the old one is the caller's.
    pub(super) fn replace(&mut self, block: Block) -> Block {
        let old = self.block().expect("only occupied words are replaced");
        let tag = usize::from(self.tag()) << TAG_SHIFT;
        self.0 = block.0.as_ptr().map_addr(|bits| bits | tag);
        old
    }

    /// Asks the CPU for the first two lines of the block, which hold the whole of a typical entry.
    #[inline]
    pub(in super::super) fn prefetch(&self) {
        if let Some(block) = self.block() {
            prefetch(block.0.as_ptr());
            prefetch(block.0.as_ptr().wrapping_add(64));
        }
    }
}

impl Drop for Word {
    #[inline]
    fn drop(&mut self) {
        if let Some(block) = self.block() {
            block.destroy();
        }
    }
}
