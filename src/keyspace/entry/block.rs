//! The layout of an entry's block, and the reads and writes of its fields.
//!
//! ```text
//! inline string   head 4 | expiry 8? | key length 1 or 5 | key | value
//! anything else   head 4 | key length 4 | payload 8 | expiry 8? | key
//! ```
//! `head` is 5 bits of encoding, one that says whether there is an expiry, two spare, and the 24
//! bits of access history that Redis calls `lru`. An inline value is 8 bytes of integer, or a
//! length (1 or 5 bytes) and as many bytes. A payload is one machine word: an `Arc<Vec<u8>>` or a
//! collection. It is 8-aligned so that a reference to it can be handed out; the fields of inline
//! strings are read unaligned, which keeps a 16-byte key with a 64-byte value and an expiry within
//! 96 bytes.
//!
//! A block's capacity is the allocator's size class of what it uses, so it is never stored: changes
//! that stay within the class happen in place. Size classes grow geometrically, which makes
//! appending byte by byte linear in total.
//!
//! [`Block`] is trusted: whoever holds one vouches that it is live and well formed. The handles in
//! the parent module tie it to a borrow.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::super::shape::Shape;
use super::super::string::Stored;
use super::Payload;
use crate::base::Millis;
use crate::types::Kind;
use crate::types::memory::allocated;

const _: () = assert!(size_of::<usize>() == 8, "an entry's word packs a pointer and a tag");
const _: () = assert!(size_of::<Arc<Vec<u8>>>() == 8);

/// What a block holds. Collections follow: `COLLECTION + kind`.
pub(super) const TEXT: u32 = 0;
pub(super) const RAW: u32 = 1;
pub(super) const INT: u32 = 2;
pub(super) const BIG: u32 = 3;
pub(super) const COLLECTION: u32 = 3;

pub(super) const HAS_EXPIRY: u32 = 1 << 5;
pub(super) const CODE_BITS: u32 = 0x1f;
pub(super) const LRU_SHIFT: u32 = 8;
/// The access history has 24 bits.
pub const LRU_BITS: u32 = (1 << 24) - 1;

pub(super) const EXPIRY_LEN: usize = 8;
pub(super) const INLINE_FIXED: usize = 4;
pub(super) const BOXED_FIXED: usize = 16;
pub(super) const PAYLOAD_AT: usize = 8;
pub(super) const KEY_LEN_AT: usize = 4;

#[derive(Clone, Copy)]
pub(super) struct Head(pub(super) u32);

impl Head {
    pub(super) fn new(code: u32, has_expiry: bool, lru: u32) -> Head {
        let expiry = if has_expiry { HAS_EXPIRY } else { 0 };
        Head(code | expiry | (lru & LRU_BITS) << LRU_SHIFT)
    }

    #[inline]
    pub(super) fn code(self) -> u32 {
        self.0 & CODE_BITS
    }

    #[inline]
    pub(super) fn is_boxed(self) -> bool {
        self.code() >= BIG
    }

    #[inline]
    pub(super) fn has_expiry(self) -> bool {
        self.0 & HAS_EXPIRY != 0
    }

    #[inline]
    pub(super) fn lru(self) -> u32 {
        self.0 >> LRU_SHIFT
    }

    /// Where the expiry stands, or would.
    #[inline]
    pub(super) fn expiry_at(self) -> usize {
        if self.is_boxed() { BOXED_FIXED } else { INLINE_FIXED }
    }

    #[inline]
    pub(super) fn key_at(self) -> usize {
        self.expiry_at() + if self.has_expiry() { EXPIRY_LEN } else { 0 }
    }

    pub(super) fn kind(self) -> Kind {
        match self.code() {
            code if code > COLLECTION => Kind::ALL[(code - COLLECTION) as usize],
            _ => Kind::String,
        }
    }
}

/// Bytes that a length takes in front of what it counts.
#[inline]
pub(super) fn prefix_len(len: usize) -> usize {
    if len < 255 { 1 } else { 5 }
}

/// A live, well-formed block. Copied freely inside this file; the handles own or borrow it.
#[derive(Clone, Copy)]
pub(super) struct Block(pub(super) NonNull<u8>);

impl Block {
    pub(super) fn layout(used: usize) -> Layout {
        Layout::from_size_align(allocated(used), 8).expect("blocks are far below isize::MAX")
    }

    /// A block for `used` bytes, none of them written.
    pub(super) fn allocate(used: usize) -> Block {
        let layout = Block::layout(used);
        // SAFETY: `used` counts at least the head, so the layout is not empty.
        let pointer = unsafe { alloc(layout) };
        Block(NonNull::new(pointer).unwrap_or_else(|| handle_alloc_error(layout)))
    }

    /// Gives the memory back without dropping a payload.
    pub(super) fn free(self, used: usize) {
        // SAFETY: a block's layout is always that of what it uses (see the module's head).
        unsafe { dealloc(self.0.as_ptr(), Block::layout(used)) }
    }

    /// Drops the payload, if any, and gives the memory back.
    pub(super) fn destroy(self) {
        let head = self.head();
        let used = self.used();
        if head.code() == BIG {
            // SAFETY: the payload of a BIG block is an initialised Arc; the block is not used
            // again.
            unsafe { self.at(PAYLOAD_AT).cast::<Arc<Vec<u8>>>().drop_in_place() }
        } else if head.is_boxed() {
            (Shape::of(head.kind()).drop_payload)(Payload(self));
        }
        self.free(used);
    }

    #[inline]
    pub(super) fn at(self, offset: usize) -> *mut u8 {
        // SAFETY: every offset used in this file lies within the block.
        unsafe { self.0.as_ptr().add(offset) }
    }

    #[inline]
    pub(super) fn head(self) -> Head {
        // SAFETY: every block starts with an aligned head.
        Head(unsafe { self.0.cast::<u32>().read() })
    }

    #[inline]
    pub(super) fn set_head(self, head: Head) {
        // SAFETY: as in `head`.
        unsafe { self.0.cast::<u32>().write(head.0) }
    }

    #[inline]
    pub(super) fn read_u32(self, offset: usize) -> u32 {
        // SAFETY: the layout has four bytes there.
        unsafe { self.at(offset).cast::<u32>().read_unaligned() }
    }

    #[inline]
    pub(super) fn read_u64(self, offset: usize) -> u64 {
        // SAFETY: the layout has eight bytes there.
        unsafe { self.at(offset).cast::<u64>().read_unaligned() }
    }

    #[inline]
    pub(super) fn write_u64(self, offset: usize, value: u64) {
        // SAFETY: the layout has eight bytes there.
        unsafe { self.at(offset).cast::<u64>().write_unaligned(value) }
    }

    #[inline]
    pub(super) fn write(self, offset: usize, bytes: &[u8]) {
        // SAFETY: the caller sized the block for it, and a shared slice cannot overlap a block
        // being written.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.at(offset), bytes.len()) }
    }

    /// Writes a length; the offset after it.
    #[inline]
    pub(super) fn write_prefix(self, offset: usize, len: usize) -> usize {
        if len < 255 {
            self.write(offset, &[len as u8]);
            return offset + 1;
        }
        let long = u32::try_from(len).expect("keys and inline values are below 4 GiB");
        self.write(offset, &[255]);
        self.write(offset + 1, &long.to_ne_bytes());
        offset + 5
    }

    /// Reads a length: (offset after it, length).
    #[inline]
    pub(super) fn read_prefix(self, offset: usize) -> (usize, usize) {
        // SAFETY: the layout has a length there.
        match unsafe { self.at(offset).read() } {
            255 => (offset + 5, self.read_u32(offset + 1) as usize),
            short => (offset + 1, usize::from(short)),
        }
    }

    /// Where the key's bytes are: (offset, length).
    #[inline]
    pub(super) fn key_span(self) -> (usize, usize) {
        let head = self.head();
        if head.is_boxed() {
            (head.key_at(), self.read_u32(KEY_LEN_AT) as usize)
        } else {
            self.read_prefix(head.key_at())
        }
    }

    /// Where an inline value starts.
    #[inline]
    pub(super) fn value_at(self) -> usize {
        let (at, len) = self.key_span();
        at + len
    }

    /// Bytes of the block that mean something.
    pub(super) fn used(self) -> usize {
        let end = self.value_at();
        match self.head().code() {
            INT => end + 8,
            TEXT | RAW => {
                let (at, len) = self.read_prefix(end);
                at + len
            }
            _ => end,
        }
    }

    #[inline]
    pub(super) fn expiry(self) -> Option<Millis> {
        let head = self.head();
        head.has_expiry().then(|| Millis(self.read_u64(head.expiry_at())))
    }

    /// Bytes that a block takes for a key, an expiry and a string value.
    #[inline]
    pub(super) fn needed(key_len: usize, has_expiry: bool, value: &Stored<'_>) -> usize {
        let expiry = if has_expiry { EXPIRY_LEN } else { 0 };
        let inline = INLINE_FIXED + expiry + prefix_len(key_len) + key_len;
        match value {
            Stored::Int(_) => inline + 8,
            Stored::Inline { bytes, .. } => inline + prefix_len(bytes.len()) + bytes.len(),
            Stored::Big(_) => BOXED_FIXED + expiry + key_len,
        }
    }

    /// Writes the fields before an inline value; the offset of the value. The key is not written.
    #[inline]
    pub(super) fn write_value(self, offset: usize, value: Stored<'_>) {
        match value {
            Stored::Int(value) => self.write_u64(offset, value as u64),
            Stored::Inline { bytes, .. } => {
                let at = self.write_prefix(offset, bytes.len());
                self.write(at, bytes);
            }
            // SAFETY: a boxed block has an aligned, uninitialised word there.
            Stored::Big(value) => unsafe {
                self.at(PAYLOAD_AT).cast::<Arc<Vec<u8>>>().write(value);
            },
        }
    }

    /// A new block for a string.
    pub(super) fn string(key: &[u8], value: Stored<'_>, expiry: Option<Millis>, lru: u32) -> Block {
        let block = Block::allocate(Block::needed(key.len(), expiry.is_some(), &value));
        let head = Head::new(code_of(&value), expiry.is_some(), lru);
        block.write_front(head, key, expiry);
        block.write_value(head.key_at() + prefix_len(key.len()) + key.len(), value);
        block
    }

    /// Writes head, expiry and key.
    pub(super) fn write_front(self, head: Head, key: &[u8], expiry: Option<Millis>) {
        self.set_head(head);
        if let Some(at) = expiry {
            self.write_u64(head.expiry_at(), at.0);
        }
        if head.is_boxed() {
            let len = u32::try_from(key.len()).expect("a key is below 4 GiB");
            self.write(KEY_LEN_AT, &len.to_ne_bytes());
            self.write(head.key_at(), key);
        } else {
            let at = self.write_prefix(head.key_at(), key.len());
            self.write(at, key);
        }
    }
}

pub(super) fn code_of(value: &Stored<'_>) -> u32 {
    match value {
        Stored::Int(_) => INT,
        Stored::Inline { raw: false, .. } => TEXT,
        Stored::Inline { raw: true, .. } => RAW,
        Stored::Big(_) => BIG,
    }
}
