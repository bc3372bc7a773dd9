//! The table behind big hashes and sets: byte-string keys, each with a byte-string value (empty in
//! sets).
//!
//! Extendible hashing over [`Segment`]s: a segment holds all keys whose hash begins with its
//! `depth` bits, at most a thousand of them, in one arena. A full one splits in two, a sparse one
//! merges with its buddy; so the work of a single insertion is bounded by one segment however large
//! the table is.
//!
//! # Invariants (asserted by [`Table::check`])
//! - `segments` and `starts` have `2^depth` places. A segment of depth `d` covers `2^(depth - d)`
//!   consecutive ones and stands in the first; the others are None. `starts` has the first of them
//!   in all.
//! - Segment order, and bucket order inside a segment, is hash order: a scan's cursor is a position
//!   in hash space, which means the same however the table is cut. A key that is present during a
//!   whole scan is therefore returned at least once, whatever splits, merges and grows in between.

mod larges;
mod segment;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::{KeyHasher, Rng, same_bytes};
use crate::types::compact::prefetch;
use crate::types::memory::allocated;
use crate::types::sample::Selection;
use segment::{Found, MERGE_COUNT, POSITION_BITS, Segment};

/// A big hash's fields with their values, or a big set's members.
///
/// A clone shares the segments: it costs a reference count each, and who then changes one of them
/// copies that one first. So a snapshot of a table under writes stalls nobody.
#[derive(Clone)]
pub struct Table {
    hasher: KeyHasher,
    segments: Vec<Option<Arc<Segment>>>,
    /// Found without a loop, whose end no CPU could guess.
    starts: Vec<u32>,
    depth: u32,
    /// Segments whose own depth is the table's: at zero the directory can be halved.
    deepest: usize,
    len: usize,
    /// Heap bytes of all segments.
    segment_bytes: usize,
    /// And of the directory.
    directory_bytes: usize,
}

impl Table {
    /// An empty table with room for about `count` keys of `bytes` bytes in all.
    #[must_use]
    pub fn new(hasher: KeyHasher, count: usize, bytes: usize) -> Table {
        let segment = Arc::new(Segment::new(0, count, bytes));
        let segment_bytes = segment.heap_bytes();
        let (segments, starts) = (vec![Some(segment)], vec![0]);
        let directory_bytes = directory_bytes(segments.len());
        let (depth, deepest, len) = (0, 1, 0);
        Table { hasher, segments, starts, depth, deepest, len, segment_bytes, directory_bytes }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Heap bytes behind the table, its own block excluded.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.segment_bytes + self.directory_bytes
    }

    /// Which segment covers `hash`.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        self.starts[((hash >> 1) >> (63 - self.depth)) as usize] as usize
    }

    #[inline]
    fn segment(&self, index: usize) -> &Segment {
        self.segments[index].as_deref().expect("a segment stands where it begins")
    }

    #[inline]
    fn segment_mut(&mut self, index: usize) -> &mut Segment {
        let segment = self.segments[index].as_mut().expect("a segment stands where it begins");
        Arc::make_mut(segment)
    }

    /// How many places of the directory the segment at `index` covers.
    fn span(&self, index: usize) -> usize {
        1 << (self.depth - self.segment(index).depth())
    }

    #[inline]
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let hash = self.hasher.hash(key);
        self.segment(self.home(hash)).get(hash, key)
    }

    /// Starts to fetch what searches for those hashes will read: step 0 the segments, the others
    /// what lies behind them; whether there is more.
    #[inline]
    pub fn prefetch(&self, step: usize, hashes: &[u64]) -> bool {
        let segments = hashes.iter().map(|&hash| (self.segment(self.home(hash)), hash));
        let Some(step) = step.checked_sub(1) else {
            for (segment, _) in segments {
                prefetch(segment);
                prefetch((&raw const *segment).wrapping_byte_add(64));
            }
            return true;
        };
        segments.fold(false, |more, (segment, hash)| segment.prefetch(step, hash) || more)
    }

    /// Sets the key's value to what `next` makes of the one it has; `None` leaves it as it is.
    #[inline]
    pub fn update<V: AsRef<[u8]>>(
        &mut self,
        key: &[u8],
        next: impl FnOnce(Option<&[u8]>) -> Option<V>,
    ) {
        let hash = self.hasher.hash(key);
        let index = self.home(hash);
        let segment = self.segment(index);
        let found = segment.find(hash, key);
        if let Some(value) = next(found.map(|found| segment.value(found))) {
            self.put(index, found, (hash, key), value.as_ref());
        }
    }

    /// Sets the key's value; true if the key is new.
    #[inline]
    pub fn insert(&mut self, key: &[u8], value: &[u8]) -> bool {
        let hash = self.hasher.hash(key);
        let index = self.home(hash);
        let segment = self.segment(index);
        let found = segment.find(hash, key);
        if found.is_some_and(|found| same_bytes(segment.value(found), value)) {
            return false;
        }
        self.put(index, found, (hash, key), value)
    }

    /// Sets the value of a key that was looked for in the segment at `index`, its home.
    #[inline]
    fn put(
        &mut self,
        mut index: usize,
        mut found: Option<Found>,
        (hash, key): (u64, &[u8]),
        value: &[u8],
    ) -> bool {
        if let Some(found) = found
            && let Some(segment) = self.segments[index].as_mut().and_then(Arc::get_mut)
            && segment.overwrite_inline(found, value)
        {
            return false;
        }
        let new = found.is_none();
        loop {
            let hasher = self.hasher.clone();
            // A copy of a shared segment may be smaller: measured before it is made.
            let before = self.segment(index).heap_bytes();
            let segment = self.segment_mut(index);
            let done = segment.put(found, (hash, key), value, &hasher);
            let after = segment.heap_bytes();
            self.segment_bytes = self.segment_bytes - before + after;
            if done {
                self.len += usize::from(new);
                return new;
            }
            self.split(index);
            index = self.home(hash);
            found = self.segment(index).find(hash, key);
        }
    }

    /// Removes the key; true if it was there.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let hash = self.hasher.hash(key);
        let index = self.home(hash);
        let hasher = self.hasher.clone();
        let before = self.segment(index).heap_bytes();
        let segment = self.segment_mut(index);
        let removed = segment.remove(hash, key, &hasher);
        let (after, sparse) = (segment.heap_bytes(), segment.count() < MERGE_COUNT);
        self.segment_bytes = self.segment_bytes - before + after;
        if removed {
            self.len -= 1;
            if sparse {
                self.merge(index);
            }
        }
        removed
    }

    fn split(&mut self, index: usize) {
        if self.segment(index).depth() == self.depth {
            let places = self.segments.len() * 2;
            let old = std::mem::replace(&mut self.segments, Vec::with_capacity(places));
            for segment in old {
                self.segments.extend([segment, None]);
            }
            self.starts = (0..places).map(|place| self.starts[place / 2] * 2).collect();
            self.directory_bytes = directory_bytes(self.segments.len());
            self.depth += 1;
            self.deepest = 0;
            return; // the caller comes back with the segment's new place
        }
        let half = self.span(index) / 2;
        let whole = self.segments[index].take().expect("a segment stands where it begins");
        self.segment_bytes -= whole.heap_bytes();
        for (place, segment) in
            [index, index + half].into_iter().zip(Arc::unwrap_or_clone(whole).split(&self.hasher))
        {
            self.segment_bytes += segment.heap_bytes();
            self.deepest += usize::from(segment.depth() == self.depth);
            self.segments[place] = Some(Arc::new(segment));
            self.starts[place..place + half].fill(place as u32);
        }
    }

    /// Joins the segment at `index` with its buddy if both are sparse, and halves a directory that
    /// no segment needs in full.
    fn merge(&mut self, index: usize) {
        if self.segment(index).depth() == 0 {
            return;
        }
        let (low, high) = (index & !self.span(index), index | self.span(index));
        let [Some(one), Some(two)] = [low, high].map(|place| self.segments[place].as_deref())
        else {
            return;
        };
        if one.depth() != two.depth() || !one.fits_with(two) {
            return;
        }
        let depth = one.depth();
        let [one, two] = [low, high].map(|place| self.segments[place].take());
        let pair = one.zip(two).expect("both were just seen");
        self.segment_bytes -= pair.0.heap_bytes() + pair.1.heap_bytes();
        self.deepest -= if depth == self.depth { 2 } else { 0 };
        let [one, two] = [pair.0, pair.1].map(Arc::unwrap_or_clone);
        let merged = Arc::new(one.merge(two, &self.hasher));
        self.segment_bytes += merged.heap_bytes();
        self.segments[low] = Some(merged);
        let span = self.span(low);
        self.starts[low..low + span].fill(low as u32);
        while self.deepest == 0 && self.depth > 0 {
            self.depth -= 1;
            self.segments = self.segments.drain(..).step_by(2).collect();
            self.starts = self.starts.iter().step_by(2).map(|start| start / 2).collect();
            self.directory_bytes = directory_bytes(self.segments.len());
            self.deepest =
                self.segments.iter().flatten().filter(|one| one.depth() == self.depth).count();
        }
    }

    /// Calls `emit` with the elements from hash position `cursor` on until at least `count` were
    /// emitted (or ten times as many buckets visited), and returns the cursor to continue with, 0
    /// at the end.
    pub fn scan(&self, cursor: u64, count: usize, mut emit: impl FnMut(&[u8], &[u8])) -> u64 {
        let mut position = cursor;
        let (mut emitted, mut visited) = (0, 0);
        while position >> POSITION_BITS == 0 {
            let index = self.home(position << (64 - POSITION_BITS));
            let segment = self.segment(index);
            let start = (index as u64) << (POSITION_BITS - self.depth);
            let mut bucket = segment.bucket(position << (64 - POSITION_BITS));
            while bucket < segment.buckets() {
                for (key, value) in segment.chain(bucket) {
                    emit(key, value);
                    emitted += 1;
                }
                bucket += 1;
                visited += 1;
                if emitted >= count || visited >= count.saturating_mul(10) {
                    break;
                }
            }
            position = start + segment.bucket_start(bucket);
            if emitted >= count || visited >= count.saturating_mul(10) {
                break;
            }
        }
        if position >> POSITION_BITS == 0 { position } else { 0 }
    }

    /// An element by chance, each about equally likely; None if the table is empty.
    pub fn random(&self, rng: &mut Rng) -> Option<(&[u8], &[u8])> {
        /// Chains are hardly ever longer. A shorter one is refused in proportion, so that its
        /// elements are no likelier than those of a longer one.
        const USUAL_CHAIN: usize = 4;
        if self.len == 0 {
            return None;
        }
        loop {
            let segment = self.segment(self.home(rng.next_u64()));
            let bucket = rng.index(segment.buckets());
            let length = segment.chain(bucket).count();
            if length > 0 {
                let nth = rng.index(length.max(USUAL_CHAIN));
                if let Some(element) = segment.chain(bucket).nth(nth) {
                    return Some(element);
                }
            }
        }
    }

    /// Emits `count` distinct elements by chance, or all if there are no more.
    pub fn sample(&self, count: usize, rng: &mut Rng, mut emit: impl FnMut(&[u8], &[u8])) {
        /// From this share on, walking the table is cheaper than drawing until enough differ.
        const WALK_SHARE: usize = 4;
        if count.saturating_mul(WALK_SHARE) < self.len {
            let mut seen = BTreeSet::new();
            while seen.len() < count {
                let (key, value) = self.random(rng).expect("more elements than wanted");
                if seen.insert(key) {
                    emit(key, value);
                }
            }
            return;
        }
        let mut selection = Selection::new(count, self.len);
        self.iter().filter(|_| selection.take(rng)).for_each(|(key, value)| emit(key, value));
    }

    /// All elements, in hash order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { table: self, index: 0, bucket: 1, chain: self.segment(0).chain(0), left: self.len }
    }

    /// Asserts the invariants.
    pub fn check(&self) {
        assert_eq!(self.segments.len(), 1 << self.depth, "directory size");
        assert_eq!(self.starts.len(), self.segments.len(), "directory size");
        let (mut index, mut len, mut bytes, mut deepest) = (0, 0, 0, 0);
        while index < self.segments.len() {
            let (segment, span) = (self.segment(index), self.span(index));
            assert_eq!(index & (span - 1), 0, "a segment begins where its prefix does");
            assert!(self.segments[index + 1..index + span].iter().all(Option::is_none));
            assert!(self.starts[index..index + span].iter().all(|start| *start == index as u32));
            segment.check(&self.hasher);
            for (key, _) in (0..segment.buckets()).flat_map(|bucket| segment.chain(bucket)) {
                assert_eq!(self.home(self.hasher.hash(key)), index, "a key is at home");
            }
            len += segment.count();
            bytes += segment.heap_bytes();
            deepest += usize::from(segment.depth() == self.depth);
            index += span;
        }
        assert_eq!((len, bytes, deepest), (self.len, self.segment_bytes, self.deepest));
        assert_eq!(self.directory_bytes, directory_bytes(self.segments.len()));
    }
}

/// Heap bytes of a directory.
fn directory_bytes(places: usize) -> usize {
    allocated(places * size_of::<Option<Arc<Segment>>>()) + allocated(places * size_of::<u32>())
}

/// Elements of a [`Table`].
#[derive(Clone)]
pub struct Iter<'a> {
    table: &'a Table,
    index: usize,
    /// The bucket after the one that `chain` walks.
    bucket: usize,
    chain: segment::Chain<'a>,
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        loop {
            if let Some(element) = self.chain.next() {
                self.left -= 1;
                return Some(element);
            }
            if self.bucket == self.table.segment(self.index).buckets() {
                self.index += self.table.span(self.index);
                self.bucket = 0;
            }
            self.chain = self.table.segment(self.index).chain(self.bucket);
            self.bucket += 1;
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests;
