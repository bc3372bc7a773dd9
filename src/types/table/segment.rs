//! A table's unit: the elements whose hashes share a prefix, in one arena, found through chained
//! buckets.
//!
//! ```text
//! element = link (2 bytes LE) | key length | value length | key | value
//! length  = 1 byte below 128, else 2: 0x80 | high 6 bits, low 8 bits
//! ```
//!
//! A link is an arena offset plus one, 0 = end of the chain. A key length byte of [`LARGE`] means
//! that the element lives in [`Larges`] under the number in the two bytes that follow; higher first
//! bytes are free for elements with more to say. Replaced and removed elements stay as garbage
//! until it is worth a copy of the rest.

use super::larges::{Large, Larges};
use crate::base::{KeyHasher, same_bytes};
use crate::types::compact::prefetch;
use crate::types::memory::allocated;

/// A segment splits rather than hold more: bounds what one insertion can cost.
const COUNT_MAX: usize = 1024;
/// Below this a removal looks whether the segment fits with its buddy.
pub(super) const MERGE_COUNT: usize = COUNT_MAX / 8;
/// Links are 16 bits wide, and one of them means none.
const ARENA_MAX: usize = u16::MAX as usize - 1;
/// Longer elements (key and value) live outside the arena, which so holds at least sixty.
const INLINE_MAX: usize = 1024;
/// The least number of buckets.
const BUCKETS_MIN: usize = 8;
/// Less garbage than this is never collected for its own sake.
const GARBAGE_MIN: usize = 512;
/// So many elements of a chain are fetched ahead: few have more.
const PREFETCHED_ELEMENTS: usize = 2;
/// So much of a long element is fetched ahead.
const PREFETCHED_BYTES: u32 = 128;
/// The reference counts that stand before a shared segment.
const COUNTS: usize = 2 * size_of::<usize>();
const LARGE: u8 = 0xc0;
/// What an element that lives elsewhere takes in the arena.
const LARGE_SIZE: usize = 5;

/// A scan position is the hash's first so many bits.
pub(super) const POSITION_BITS: u32 = 48;
/// A bucket is found by so many bits after the segment's prefix, which leaves as many for prefixes.
const BUCKET_BITS: u32 = 24;

#[derive(Clone)]
pub(super) struct Segment {
    /// Bits of hash that all keys share.
    depth: u32,
    count: u32,
    /// First links of the chains.
    heads: Box<[u16]>,
    arena: Vec<u8>,
    /// Bytes of the arena that no chain reaches.
    garbage: usize,
    larges: Option<Box<Larges>>,
}

/// Where a key is. Good until the segment is changed.
#[derive(Clone, Copy)]
pub(super) struct Found {
    /// The link that leads to it; 0 = the bucket's head.
    before: u16,
    at: usize,
}

/// An element as the arena has it.
struct Element<'a> {
    next: u16,
    size: usize,
    body: Body<'a>,
}

enum Body<'a> {
    Inline { key: &'a [u8], value: &'a [u8] },
    Large(u16),
}

impl Segment {
    /// An empty segment for about `count` elements of `bytes` bytes in all.
    pub fn new(depth: u32, count: usize, bytes: usize) -> Segment {
        let heads = vec![0; count.max(BUCKETS_MIN)].into_boxed_slice();
        let room = allocated((bytes + 4 * count).clamp(64, ARENA_MAX)).min(ARENA_MAX);
        let arena = Vec::with_capacity(room);
        Segment { depth, count: 0, heads, arena, garbage: 0, larges: None }
    }

    pub fn depth(&self) -> u32 {
        self.depth
    }

    pub fn count(&self) -> usize {
        self.count as usize
    }

    pub fn buckets(&self) -> usize {
        self.heads.len()
    }

    pub fn heap_bytes(&self) -> usize {
        let larges = self.larges.as_deref();
        allocated(COUNTS + size_of::<Segment>())
            + allocated(size_of_val(&*self.heads))
            + allocated(self.arena.capacity())
            + larges.map_or(0, |larges| allocated(size_of::<Larges>()) + larges.heap_bytes())
    }

    /// The bucket of `hash`: multiply-shift, so that any number of buckets is in hash order.
    #[inline]
    pub fn bucket(&self, hash: u64) -> usize {
        let position = (hash << self.depth) >> (64 - BUCKET_BITS);
        ((position * self.heads.len() as u64) >> BUCKET_BITS) as usize
    }

    /// The first scan position of `bucket`, from the start of the segment; the segment's end for
    /// the bucket after the last.
    pub fn bucket_start(&self, bucket: usize) -> u64 {
        let position = ((bucket as u64) << BUCKET_BITS).div_ceil(self.heads.len() as u64);
        position << (POSITION_BITS - BUCKET_BITS - self.depth)
    }

    pub fn chain(&self, bucket: usize) -> Chain<'_> {
        Chain { segment: self, link: self.heads[bucket] }
    }

    #[inline]
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<&[u8]> {
        self.chain(self.bucket(hash))
            .find(|(name, _)| same_bytes(name, key))
            .map(|(_, value)| value)
    }

    /// Starts to fetch the chain of a hash, then the first elements in it; whether there is more.
    #[inline]
    pub fn prefetch(&self, step: usize, hash: u64) -> bool {
        let head = &self.heads[self.bucket(hash)];
        let Some(step) = step.checked_sub(1) else {
            prefetch(head);
            return true;
        };
        let mut link = *head;
        for _ in 0..step {
            let Some(at) = usize::from(link).checked_sub(1) else { return false };
            link = u16::from_le_bytes([self.arena[at], self.arena[at + 1]]);
        }
        let Some(at) = usize::from(link).checked_sub(1) else { return false };
        self.prefetch_element(at);
        step < PREFETCHED_ELEMENTS - 1
    }

    /// Starts to fetch the element at `at`, as long as most are here.
    #[inline]
    fn prefetch_element(&self, at: usize) {
        let first = &raw const self.arena[at];
        // The arena is smaller than 64 KiB.
        let usual = self.arena.len() as u32 / self.count.max(1);
        let last = first.wrapping_add(usual.min(PREFETCHED_BYTES) as usize);
        prefetch(first);
        prefetch(last);
        if usual > 64 {
            prefetch(first.wrapping_add(64));
        }
    }

    /// Sets the value of a key that was looked for; false if the segment must be split first.
    pub fn put(
        &mut self,
        found: Option<Found>,
        (hash, key): (u64, &[u8]),
        value: &[u8],
        hasher: &KeyHasher,
    ) -> bool {
        let bytes = key.len() + value.len();
        if let Some(found) = found {
            if self.overwrite_inline(found, value) || self.overwrite_large(found, bytes, value) {
                return true;
            }
            if !self.make_room(bytes, hasher) {
                return false;
            }
            self.unlink(hash, key); // looked for again: making room may have moved everything
            self.append(hash, key, value);
            return true;
        }
        if self.count() == COUNT_MAX || !self.make_room(bytes, hasher) {
            return false;
        }
        if self.count() * 4 >= self.heads.len() * 3 {
            self.rebuild(self.heads.len() * 3 / 2, bytes, hasher);
        }
        self.append(hash, key, value);
        true
    }

    pub fn remove(&mut self, hash: u64, key: &[u8], hasher: &KeyHasher) -> bool {
        let removed = self.unlink(hash, key);
        if removed && self.garbage >= GARBAGE_MIN && self.garbage * 2 >= self.arena.len() {
            self.rebuild(self.heads.len().min(self.count() + self.count() / 2), 0, hasher);
        }
        removed
    }

    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Found> {
        let (mut before, mut link) = (0, self.heads[self.bucket(hash)]);
        while link != 0 {
            let at = usize::from(link) - 1;
            let element = self.read(at);
            if same_bytes(self.resolve(&element.body).0, key) {
                return Some(Found { before, at });
            }
            (before, link) = (link, element.next);
        }
        None
    }

    #[inline]
    pub fn value(&self, found: Found) -> &[u8] {
        self.resolve(&self.read(found.at).body).1
    }

    /// Writes the value over the old one if that stands in the arena and is as long.
    #[inline]
    pub fn overwrite_inline(&mut self, found: Found, value: &[u8]) -> bool {
        let Element { size, body, .. } = self.read(found.at);
        let fits = matches!(body, Body::Inline { value: old, .. } if old.len() == value.len());
        if fits {
            let end = found.at + size;
            self.arena[end - value.len()..end].copy_from_slice(value);
        }
        fits
    }

    /// Replaces the old value if it and the new one, of so many bytes with the key, are large.
    fn overwrite_large(&mut self, found: Found, bytes: usize, value: &[u8]) -> bool {
        match self.read(found.at).body {
            Body::Large(slot) if bytes > INLINE_MAX => {
                self.larges_mut().set_value(slot, value);
                true
            }
            _ => false,
        }
    }

    /// Makes the arena large enough for an element of `bytes` bytes; false if only a split can.
    fn make_room(&mut self, bytes: usize, hasher: &KeyHasher) -> bool {
        let needed = self.arena.len() + largest_size(bytes);
        if needed <= self.arena.capacity() {
            return true;
        }
        if self.garbage * 4 >= self.arena.len() {
            self.rebuild(self.heads.len(), bytes, hasher);
            return true;
        }
        if needed > ARENA_MAX {
            return false;
        }
        let room = allocated(needed).min(ARENA_MAX);
        self.arena.reserve_exact(room - self.arena.len());
        true
    }

    /// Adds an element that is not there. The caller has made room.
    fn append(&mut self, hash: u64, key: &[u8], value: &[u8]) {
        let large = (key.len() + value.len() > INLINE_MAX)
            .then(|| Large { key: key.into(), value: value.into() });
        match large {
            Some(large) => self.append_large(hash, large),
            None => {
                self.link(hash);
                push_length(&mut self.arena, key.len());
                push_length(&mut self.arena, value.len());
                self.arena.extend_from_slice(key);
                self.arena.extend_from_slice(value);
            }
        }
    }

    fn append_large(&mut self, hash: u64, large: Large) {
        let slot = self.larges_mut().add(large);
        self.link(hash);
        self.arena.push(LARGE);
        self.arena.extend_from_slice(&slot.to_le_bytes());
    }

    /// Begins an element at the arena's end: makes it its bucket's first.
    fn link(&mut self, hash: u64) {
        let bucket = self.bucket(hash);
        let link = u16::try_from(self.arena.len() + 1).expect("the arena is bounded");
        let next = std::mem::replace(&mut self.heads[bucket], link);
        self.arena.extend_from_slice(&next.to_le_bytes());
        self.count += 1;
    }

    fn unlink(&mut self, hash: u64, key: &[u8]) -> bool {
        let Some(Found { before, at }) = self.find(hash, key) else { return false };
        let element = self.read(at);
        let (next, size) = (element.next, element.size);
        if let Body::Large(slot) = element.body {
            drop(self.larges_mut().take(slot));
        }
        match usize::from(before) {
            0 => self.heads[self.bucket(hash)] = next,
            before => self.arena[before - 1..before + 1].copy_from_slice(&next.to_le_bytes()),
        }
        self.garbage += size;
        self.count -= 1;
        true
    }

    /// Copies what is alive, in hash order, to a new arena with room for `spare` more bytes.
    fn rebuild(&mut self, buckets: usize, spare: usize, hasher: &KeyHasher) {
        let live = self.arena.len() - self.garbage;
        let mut next = Segment::new(self.depth, buckets, 0);
        next.arena = Vec::with_capacity(class_of_arena(live + largest_size(spare)));
        let old = std::mem::replace(self, next);
        old.pour(hasher, std::slice::from_mut(self), |_| 0);
    }

    /// Moves every element to one of `targets`, which `choose` picks by its hash.
    fn pour(mut self, hasher: &KeyHasher, targets: &mut [Segment], choose: impl Fn(u64) -> usize) {
        for bucket in 0..self.heads.len() {
            let mut link = self.heads[bucket];
            while link != 0 {
                let at = usize::from(link) - 1;
                let element = self.read(at);
                link = element.next;
                match element.body {
                    Body::Inline { key, .. } => {
                        let hash = hasher.hash(key);
                        let to = &mut targets[choose(hash)];
                        to.reserve(element.size);
                        to.link(hash);
                        to.arena.extend_from_slice(&self.arena[at + 2..at + element.size]);
                    }
                    Body::Large(slot) => {
                        let large = self.larges_mut().take(slot);
                        let hash = hasher.hash(&large.key);
                        let to = &mut targets[choose(hash)];
                        to.reserve(LARGE_SIZE);
                        to.append_large(hash, large);
                    }
                }
            }
        }
    }

    /// Room for `size` more bytes, in steps of size classes.
    fn reserve(&mut self, size: usize) {
        let needed = self.arena.len() + size;
        if needed > self.arena.capacity() {
            self.arena.reserve_exact(class_of_arena(needed) - self.arena.len());
        }
    }

    /// The elements by the next bit of their hashes.
    pub fn split(self, hasher: &KeyHasher) -> [Segment; 2] {
        let depth = self.depth;
        assert!(depth < POSITION_BITS - BUCKET_BITS, "hashes differ long before this depth");
        let half = (self.arena.len() - self.garbage) / 2;
        // Buckets enough for the time until each half is full itself.
        let buckets = self.count();
        let mut halves = [0, 1].map(|_| {
            let mut segment = Segment::new(depth + 1, buckets, 0);
            segment.arena = Vec::with_capacity(class_of_arena(half));
            segment
        });
        self.pour(hasher, &mut halves, |hash| ((hash << depth) >> 63) as usize);
        halves
    }

    /// Whether one segment could comfortably hold both.
    pub fn fits_with(&self, other: &Segment) -> bool {
        let live = |segment: &Segment| segment.arena.len() - segment.garbage;
        self.count() + other.count() <= MERGE_COUNT * 2 && live(self) + live(other) <= ARENA_MAX / 2
    }

    pub fn merge(self, other: Segment, hasher: &KeyHasher) -> Segment {
        let mut merged = Segment::new(self.depth - 1, self.count() + other.count(), 0);
        self.pour(hasher, std::slice::from_mut(&mut merged), |_| 0);
        other.pour(hasher, std::slice::from_mut(&mut merged), |_| 0);
        merged
    }

    fn larges_mut(&mut self) -> &mut Larges {
        self.larges.get_or_insert_default()
    }

    #[inline]
    fn resolve<'a>(&'a self, body: &Body<'a>) -> (&'a [u8], &'a [u8]) {
        match *body {
            Body::Inline { key, value } => (key, value),
            Body::Large(slot) => {
                let larges = self.larges.as_deref().expect("a large element has a home");
                let large = larges.get(slot);
                (&large.key, &large.value)
            }
        }
    }

    #[inline]
    fn read(&self, at: usize) -> Element<'_> {
        let bytes = &self.arena[at..];
        let next = u16::from_le_bytes([bytes[0], bytes[1]]);
        if bytes[2] == LARGE {
            let slot = u16::from_le_bytes([bytes[3], bytes[4]]);
            return Element { next, size: LARGE_SIZE, body: Body::Large(slot) };
        }
        let (key_len, at) = read_length(bytes, 2);
        let (value_len, at) = read_length(bytes, at);
        let (key, rest) = bytes[at..].split_at(key_len);
        let body = Body::Inline { key, value: &rest[..value_len] };
        Element { next, size: at + key_len + value_len, body }
    }

    /// Asserts the segment's invariants.
    pub fn check(&self, hasher: &KeyHasher) {
        let (mut count, mut live, mut larges) = (0, 0, 0);
        for bucket in 0..self.heads.len() {
            let mut link = self.heads[bucket];
            while link != 0 {
                let element = self.read(usize::from(link) - 1);
                let (key, value) = self.resolve(&element.body);
                assert_eq!(self.bucket(hasher.hash(key)), bucket, "an element is in its bucket");
                let large = matches!(element.body, Body::Large(_));
                assert_eq!(large, key.len() + value.len() > INLINE_MAX);
                count += 1;
                live += element.size;
                larges += usize::from(large);
                link = element.next;
            }
        }
        assert!(count == self.count() && count <= COUNT_MAX, "{count} elements");
        assert_eq!(live + self.garbage, self.arena.len(), "every byte is an element's or garbage");
        assert!(self.arena.capacity() <= ARENA_MAX + 1);
        match &self.larges {
            Some(slab) => slab.check(larges),
            None => assert_eq!(larges, 0),
        }
    }
}

/// The elements of one bucket.
#[derive(Clone)]
pub(super) struct Chain<'a> {
    segment: &'a Segment,
    link: u16,
}

impl<'a> Iterator for Chain<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.link == 0 {
            return None;
        }
        let element = self.segment.read(usize::from(self.link) - 1);
        self.link = element.next;
        Some(self.segment.resolve(&element.body))
    }
}

/// An upper bound of the arena bytes of an element with `bytes` bytes of key and value.
fn largest_size(bytes: usize) -> usize {
    6 + if bytes > INLINE_MAX { 0 } else { bytes }
}

fn class_of_arena(bytes: usize) -> usize {
    allocated(bytes.max(64)).min(ARENA_MAX)
}

fn push_length(arena: &mut Vec<u8>, len: usize) {
    match len {
        0..0x80 => arena.push(len as u8),
        _ => arena.extend_from_slice(&[0x80 | (len >> 8) as u8, len as u8]),
    }
}

#[inline]
fn read_length(bytes: &[u8], at: usize) -> (usize, usize) {
    match bytes[at] {
        len @ 0..0x80 => (usize::from(len), at + 1),
        high => (usize::from(high & 0x3f) << 8 | usize::from(bytes[at + 1]), at + 2),
    }
}
