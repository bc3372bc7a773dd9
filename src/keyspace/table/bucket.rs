//! One cache line of a table: seven entry words and a link to the rest of the chain.
//!
//! Invariant of a chain: words are packed to the front, so only its last bucket has free ones, and
//! no chained bucket is empty.

use crate::base::same_bytes;
use std::ptr;

use super::super::entry::{Entry, EntryMut, EntryRef, Word};

pub(super) const WORDS: usize = 7;
const EPOCH_SHIFT: u32 = 48;
const POINTER_BITS: usize = (1 << EPOCH_SHIFT) - 1;

/// An owned pointer to the next bucket of the chain; the 16 bits above it are kept for the epoch of
/// a snapshot walk.
struct Link(*mut Bucket);

// SAFETY: a link owns the bucket behind it, and buckets are `Send` because words are.
unsafe impl Send for Link {}

impl Link {
    const NONE: Link = Link(ptr::null_mut());

    #[inline]
    fn pointer(&self) -> *mut Bucket {
        self.0.map_addr(|bits| bits & POINTER_BITS)
    }

    #[inline]
    fn get(&self) -> Option<&Bucket> {
        // SAFETY: null or a live bucket that this link owns.
        unsafe { self.pointer().as_ref() }
    }

    #[inline]
    fn get_mut(&mut self) -> Option<&mut Bucket> {
        // SAFETY: as in `get`; the link is borrowed exclusively.
        unsafe { self.pointer().as_mut() }
    }

    fn take(&mut self) -> Option<Box<Bucket>> {
        let pointer = self.pointer();
        self.0 = self.0.map_addr(|bits| bits & !POINTER_BITS);
        // SAFETY: null or made by `Box::into_raw` in `set`; the link has just forgotten it.
        (!pointer.is_null()).then(|| unsafe { Box::from_raw(pointer) })
    }

    fn set(&mut self, bucket: Box<Bucket>) {
        debug_assert!(self.pointer().is_null(), "a chain is extended at its end");
        let epoch = self.0.addr() & !POINTER_BITS;
        self.0 = Box::into_raw(bucket).map_addr(|bits| bits | epoch);
    }
}

impl Drop for Link {
    #[inline]
    fn drop(&mut self) {
        self.take();
    }
}

/// See the module's head.
#[repr(C, align(64))]
pub(super) struct Bucket {
    words: [Word; WORDS],
    link: Link,
}

const _: () = assert!(size_of::<Bucket>() == 64);

/// A place in a chain: how many buckets down, and which word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct Spot {
    pub(in super::super) depth: usize,
    pub(in super::super) word: usize,
}

impl Bucket {
    /// The walk that has everything this chain held when it began; see [`super::capture`].
    #[inline]
    pub(super) fn epoch(&self) -> u16 {
        (self.link.0.addr() >> EPOCH_SHIFT) as u16
    }

    pub(super) fn set_epoch(&mut self, epoch: u16) {
        let epoch = usize::from(epoch) << EPOCH_SHIFT;
        self.link.0 = self.link.0.map_addr(|bits| bits & POINTER_BITS | epoch);
    }

    pub(super) const EMPTY: Bucket =
        Bucket { words: [const { Word::EMPTY }; WORDS], link: Link::NONE };

    /// Where a key is in this bucket's chain.
    #[inline]
    pub(super) fn locate(&self, tag: u16, key: &[u8]) -> Option<Spot> {
        let mut depth = 0;
        let mut bucket = self;
        loop {
            for (word, candidate) in bucket.words.iter().enumerate() {
                if candidate.tag() == tag
                    && candidate.entry().is_some_and(|e| same_bytes(e.key(), key))
                {
                    return Some(Spot { depth, word });
                }
            }
            bucket = bucket.link.get()?;
            depth += 1;
        }
    }

    /// Where the first entry is that has this tag and is `wanted`.
    pub(super) fn locate_entry(
        &self,
        tag: u16,
        wanted: impl Fn(EntryRef<'_>) -> bool,
    ) -> Option<Spot> {
        let words = self.chain().flat_map(|bucket| bucket.words.iter());
        let index = words.enumerate().find_map(|(index, word)| {
            (word.tag() == tag && word.entry().is_some_and(&wanted)).then_some(index)
        })?;
        Some(Spot { depth: index / WORDS, word: index % WORDS })
    }

    #[inline]
    pub(super) fn find(&self, tag: u16, key: &[u8]) -> Option<EntryRef<'_>> {
        let mut bucket = self;
        loop {
            for word in &bucket.words {
                if word.tag() == tag
                    && let Some(entry) = word.entry()
                    && same_bytes(entry.key(), key)
                {
                    return Some(entry);
                }
            }
            bucket = bucket.link.get()?;
        }
    }

    /// Fetches the entries whose tag matches; in this line only, which holds most keys.
    #[inline]
    pub(super) fn prefetch_entry(&self, tag: u16) {
        for word in &self.words {
            if word.tag() == tag {
                word.prefetch();
            }
        }
    }

    #[inline]
    fn nth(&mut self, depth: usize) -> &mut Bucket {
        let mut bucket = self;
        for _ in 0..depth {
            bucket = bucket.link.get_mut().expect("a place lies within its chain");
        }
        bucket
    }

    #[inline]
    pub(super) fn entry(&self, place: Spot) -> EntryRef<'_> {
        let bucket = self.chain().nth(place.depth).expect("a place lies within its chain");
        bucket.words[place.word].entry().expect("a place names an occupied word")
    }

    #[inline]
    pub(super) fn entry_mut(&mut self, place: Spot) -> EntryMut<'_> {
        let word = &mut self.nth(place.depth).words[place.word];
        word.entry_mut().expect("a place names an occupied word")
    }

    /// Adds a word at the chain's end; whether that took another bucket.
    #[inline]
    pub(super) fn push(&mut self, word: Word) -> (Spot, bool) {
        let mut depth = 0;
        let mut bucket = self;
        while bucket.link.get().is_some() {
            bucket = bucket.link.get_mut().expect("just seen");
            depth += 1;
        }
        if let Some(free) = bucket.words.iter().position(Word::is_empty) {
            bucket.words[free] = word;
            return (Spot { depth, word: free }, false);
        }
        let mut next = Box::new(Bucket::EMPTY);
        next.words[0] = word;
        bucket.link.set(next);
        (Spot { depth: depth + 1, word: 0 }, true)
    }

    /// Takes the chain's last word; whether its bucket went with it.
    fn pop(&mut self) -> (Spot, Word, bool) {
        let count = self.count();
        let last = count.checked_sub(1).expect("only occupied chains are popped");
        let place = Spot { depth: last / WORDS, word: last % WORDS };
        let bucket = self.nth(place.depth);
        let word = std::mem::replace(&mut bucket.words[place.word], Word::EMPTY);
        let freed = place.word == 0 && place.depth > 0;
        if freed {
            self.nth(place.depth - 1).link.take();
        }
        (place, word, freed)
    }

    /// Takes one entry out and fills the hole with the last; whether that freed a bucket.
    pub(super) fn remove(&mut self, place: Spot) -> (Entry, bool) {
        let (last, mut word, freed) = self.pop();
        if last != place {
            word = std::mem::replace(&mut self.nth(place.depth).words[place.word], word);
        }
        (word.take().expect("a place names an occupied word"), freed)
    }

    /// Number of entries in the chain.
    pub(super) fn count(&self) -> usize {
        let mut before = 0;
        let mut bucket = self;
        while let Some(next) = bucket.link.get() {
            bucket = next;
            before += WORDS;
        }
        before + bucket.words.iter().filter(|word| !word.is_empty()).count()
    }

    /// The chain's buckets, this one first.
    pub(super) fn chain(&self) -> impl Iterator<Item = &Bucket> {
        std::iter::successors(Some(self), |bucket| bucket.link.get())
    }

    /// The chain's entries with their tags.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u16, EntryRef<'_>)> {
        self.chain().flat_map(|bucket| bucket.words.iter()).filter_map(|word| {
            let entry = word.entry()?;
            Some((word.tag(), entry))
        })
    }

    /// The entry at an index below [`Bucket::count`].
    pub(super) fn nth_entry(&self, index: usize) -> Option<EntryRef<'_>> {
        self.chain().nth(index / WORDS)?.words[index % WORDS].entry()
    }

    /// Moves every entry out; how many chained buckets that freed.
    pub(super) fn drain(&mut self, mut each: impl FnMut(u16, Entry)) -> usize {
        #[cfg(test)]
        DRAINED.set(DRAINED.get() + 1);
        let mut freed = 0;
        let mut chained = self.drain_line(&mut each);
        while let Some(mut bucket) = chained {
            chained = bucket.drain_line(&mut each);
            freed += 1;
        }
        freed
    }

    fn drain_line(&mut self, each: &mut impl FnMut(u16, Entry)) -> Option<Box<Bucket>> {
        for word in &mut self.words {
            let tag = word.tag();
            if let Some(entry) = word.take() {
                each(tag, entry);
            }
        }
        self.link.take()
    }

    /// Fetches the entries of this line, before their keys are hashed again.
    pub(super) fn prefetch_all(&self) {
        self.words.iter().for_each(Word::prefetch);
    }

    /// Asserts the invariants of the chain.
    pub(super) fn check(&self) {
        let mut buckets = self.chain().peekable();
        let mut first = true;
        while let Some(bucket) = buckets.next() {
            let used = bucket.words.iter().take_while(|word| !word.is_empty()).count();
            let occupied = bucket.words.iter().filter(|word| !word.is_empty()).count();
            assert_eq!(used, occupied, "words are packed to the front");
            assert!(first || used > 0, "a chained bucket is never empty");
            assert!(buckets.peek().is_none() || used == WORDS, "only the last has room");
            first = false;
        }
    }
}

#[cfg(test)]
thread_local! {
    static DRAINED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Chains that this thread has emptied: how much work resizes were.
#[cfg(test)]
pub(super) fn drained() -> usize {
    DRAINED.get()
}
