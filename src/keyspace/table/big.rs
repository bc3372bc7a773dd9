//! The buckets of a table too big to be resized at once.
//!
//! While it is resized, `moved` buckets of `old` are empty and what they held is in `new`: keys
//! below the start of `old`'s bucket number `moved` are in `new`, the others in `old`. Segments of
//! `new` are allocated when the frontier reaches them, those of `old` freed when it has passed.

use super::bucket::Bucket;
use super::{FINE, SMALL_MAX, Word, buckets, hash_at};
use crate::base::KeyHasher;
use crate::types::memory::allocated;

/// Buckets per segment.
const SEGMENT: usize = SMALL_MAX;

/// An array of buckets in pieces, of which some may be missing.
#[derive(Default)]
struct Segments {
    pieces: Vec<Box<[Bucket]>>,
    count: usize,
    present: usize,
}

impl Segments {
    #[inline]
    fn index(&self, hash: u64) -> usize {
        FINE.bucket(hash, self.count)
    }

    #[inline]
    fn at(&self, index: usize) -> &Bucket {
        &self.pieces[index / SEGMENT][index % SEGMENT]
    }

    #[inline]
    fn at_mut(&mut self, index: usize) -> &mut Bucket {
        &mut self.pieces[index / SEGMENT][index % SEGMENT]
    }

    /// Allocates the segments up to and including the one of a bucket.
    fn reach(&mut self, index: usize) {
        while self.pieces.len() <= index / SEGMENT {
            let before = self.pieces.len() * SEGMENT;
            let count = SEGMENT.min(self.count - before);
            self.pieces.push(buckets(count));
            self.present += count;
        }
    }

    /// Frees the segment that ends before bucket `index`, if one does.
    fn leave(&mut self, index: usize) {
        if index.is_multiple_of(SEGMENT) && index > 0 {
            let passed = std::mem::take(&mut self.pieces[index / SEGMENT - 1]);
            self.present -= passed.len();
        }
    }
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Big {
    old: Segments,
    /// Empty (`count` 0) unless a resize is going on.
    new: Segments,
    moved: usize,
}

impl Big {
    pub(super) fn new(array: Box<[Bucket]>) -> Big {
        assert!(array.len() <= SEGMENT, "a small table fits one segment");
        let count = array.len();
        let old = Segments { pieces: vec![array], count, present: count };
        Big { old, ..Big::default() }
    }

    pub(super) fn bytes(&self) -> usize {
        let lists = self.old.pieces.capacity() + self.new.pieces.capacity();
        allocated(size_of::<Big>())
            + allocated(lists * size_of::<Box<[Bucket]>>())
            + (self.old.present + self.new.present) * size_of::<Bucket>()
    }

    /// The number of buckets there are, or will be when the resize has ended.
    #[inline]
    pub(super) fn target(&self) -> usize {
        if self.is_moving() { self.new.count } else { self.old.count }
    }

    #[inline]
    pub(super) fn is_moving(&self) -> bool {
        self.new.count > 0
    }

    #[inline]
    pub(super) fn bucket(&self, hash: u64) -> &Bucket {
        let index = self.old.index(hash);
        if index < self.moved {
            return self.new.at(self.new.index(hash));
        }
        self.old.at(index)
    }

    #[inline]
    pub(super) fn bucket_mut(&mut self, hash: u64) -> &mut Bucket {
        let index = self.old.index(hash);
        if index < self.moved {
            let index = self.new.index(hash);
            return self.new.at_mut(index);
        }
        self.old.at_mut(index)
    }

    /// Where the part of the bucket around `position` that lies on its side of the frontier ends.
    pub(super) fn after(&self, position: u64) -> Option<u64> {
        let hash = hash_at(position);
        let index = self.old.index(hash);
        let old_end =
            |next: usize| (next < self.old.count).then(|| FINE.start(next, self.old.count));
        if index >= self.moved {
            return old_end(index + 1);
        }
        // Keys of the same new bucket may still wait beyond the frontier.
        let next = self.new.index(hash) + 1;
        let new_end = (next < self.new.count).then(|| FINE.start(next, self.new.count));
        let frontier = old_end(self.moved);
        match (new_end, frontier) {
            (Some(end), Some(frontier)) => Some(end.min(frontier)),
            (end, frontier) => end.or(frontier),
        }
    }

    /// Starts a resize, unless one is going on: two at a time would need a second frontier, and the
    /// steps that writes make end one long before the next is due.
    pub(super) fn begin(&mut self, count: usize) {
        if !self.is_moving() && count != self.old.count {
            self.new = Segments { pieces: Vec::new(), count, present: 0 };
            self.new.pieces.reserve_exact(count.div_ceil(SEGMENT));
            self.moved = 0;
        }
    }

    /// The buckets of `new` that keys of bucket `index` of `old` belong to.
    fn targets(&self, index: usize) -> std::ops::RangeInclusive<usize> {
        let first = hash_at(FINE.start(index, self.old.count));
        let last = match index + 1 {
            next if next < self.old.count => hash_at(FINE.start(next, self.old.count)) - 1,
            _ => u64::MAX,
        };
        self.new.index(first)..=self.new.index(last)
    }

    /// Calls `each` for the buckets that the next `count` steps of a resize touch, and for those
    /// that they would if one began now.
    pub(super) fn each_moving(&mut self, count: usize, mut each: impl FnMut(&mut Bucket)) {
        for index in self.moved..self.old.count.min(self.moved + count) {
            each(self.old.at_mut(index));
            if !self.is_moving() {
                continue;
            }
            for target in self.targets(index) {
                // Segments that are not there yet will be empty.
                if target / SEGMENT < self.new.pieces.len() {
                    each(self.new.at_mut(target));
                }
            }
        }
    }

    /// Moves one bucket's entries across; the numbers of chained buckets freed and added.
    pub(super) fn move_bucket(&mut self, hasher: &KeyHasher) -> (u32, u32) {
        if !self.is_moving() {
            return (0, 0);
        }
        let targets = self.targets(self.moved);
        let Big { old, new, moved } = self;
        if *moved + 1 < old.count {
            old.at(*moved + 1).prefetch_all();
        }
        // All that will be looked up in the new segments after this step.
        new.reach(*targets.end());
        let (mut added, epoch) = (0, old.at(*moved).epoch());
        targets.for_each(|target| new.at_mut(target).set_epoch(epoch));
        let freed = old.at_mut(*moved).drain(|_, entry| {
            let hash = hasher.hash(entry.view().key());
            let index = new.index(hash);
            let word = Word::new(entry, FINE.tag(hash));
            added += u32::from(new.at_mut(index).push(word).1);
        });
        *moved += 1;
        old.leave(*moved);
        if *moved == old.count {
            *old = std::mem::take(new);
            *moved = 0;
        }
        (u32::try_from(freed).expect("a chain is short"), added)
    }

    /// The buckets as one array, if no resize is going on and they are few enough.
    pub(super) fn take_small(&mut self) -> Option<Box<[Bucket]>> {
        let shrunk = !self.is_moving() && self.old.count <= SEGMENT;
        if shrunk { self.old.pieces.pop() } else { None }
    }

    /// As [`Big::each_bucket`], to change them.
    pub(super) fn each_bucket_mut(&mut self, mut each: impl FnMut(&mut Bucket)) {
        let pieces = self.old.pieces.iter_mut().chain(self.new.pieces.iter_mut());
        pieces.flat_map(|piece| piece.iter_mut()).for_each(&mut each);
    }

    /// Calls `each` for every bucket that may hold entries.
    pub(super) fn each_bucket(&self, mut each: impl FnMut(&Bucket)) {
        let moved = if self.is_moving() { self.moved } else { 0 };
        (moved..self.old.count).for_each(|index| each(self.old.at(index)));
        self.new.pieces.iter().flat_map(|piece| piece.iter()).for_each(each);
    }
}
