//! The hash table of one slot: cache-line buckets in the order of the keys' hashes.
//!
//! A key's bucket is its hash, seen as a fraction, times the number of buckets. So any number of
//! buckets will do (tables grow by a quarter, which keeps them full), bucket order is hash order
//! whatever the number, and a resize is one linear pass that never needs to look back:
//! - a small table is one array and is resized at once;
//! - a big one is a list of segments; while it is resized, the keys below a frontier in hash space
//!   live in the new list, the others in the old one, every write moves the frontier a little, and
//!   memory moves with it segment by segment: there are never two full tables;
//! - a scan's cursor is a position in hash space. It emits the whole bucket around the position and
//!   goes on at the bucket's end, so a key that stays is returned whatever resizes happen in
//!   between.
//!
//! Positions have [`POSITION_BITS`] bits: all that a table uses of a hash, so every bucket boundary
//! is one. Up to [`COARSE_MAX`] buckets a table uses 16 bits for both position and tag: its words
//! then tell where they belong, and a resize needs no look at the entries. Beyond that the tag is
//! the hash's low bits.
#![expect(
    unsafe_code,
    reason = "a bucket's seven words and its link fit one line only as tagged words"
)]

mod big;
mod bucket;
mod capture;

use big::Big;
use bucket::Bucket;
pub(super) use bucket::Spot;
pub(super) use capture::Take;

use super::entry::{Entry, EntryMut, EntryRef, Word};
use crate::base::KeyHasher;
use crate::types::compact::prefetch;
use crate::types::memory::allocated;

/// Bits of a hash that decide the order of keys.
pub const POSITION_BITS: u32 = 50;
/// Up to so many buckets (fewer in tests, which should see every form), 16 bits of hash serve as
/// position and tag. At 256 buckets of six keys, one lookup in forty meets a wrong key with the
/// right tag.
const COARSE_MAX: usize = if cfg!(test) { 4 } else { 256 };
/// Tables up to this size are resized at once (6,000 keys: 0.1 ms). Also the size of a segment.
const SMALL_MAX: usize = if cfg!(test) { 8 } else { 1024 };
/// Keys per bucket above which a table grows. Six of seven words: measured in
/// `benches/keyspace.rs`.
const LOAD_MAX: usize = 6;
/// Buckets that a write moves while a big table is resized. Growing by a quarter leaves room for
/// 1.5 inserts per bucket, so one would do; two end it in half the time.
pub(super) const STEP_BUCKETS: usize = 2;

/// How a table of some size uses a hash.
#[derive(Clone, Copy)]
struct Scheme {
    position_mask: u64,
    tag_shift: u32,
}

impl Scheme {
    #[inline]
    fn of(buckets: usize) -> Scheme {
        if buckets <= COARSE_MAX { COARSE } else { FINE }
    }

    #[inline]
    fn tag(self, hash: u64) -> u16 {
        (hash >> self.tag_shift) as u16
    }

    #[inline]
    fn bucket(self, hash: u64, buckets: usize) -> usize {
        ((u128::from(hash & self.position_mask) * buckets as u128) >> 64) as usize
    }

    /// The first position in a bucket.
    fn start(self, bucket: usize, buckets: usize) -> u64 {
        let bits = self.position_mask.count_ones();
        let start = ((bucket as u128) << bits).div_ceil(buckets as u128) as u64;
        start << (POSITION_BITS - bits)
    }
}

const COARSE: Scheme = Scheme { position_mask: 0xffff << 48, tag_shift: 48 };
const FINE: Scheme = Scheme { position_mask: !0 << (64 - POSITION_BITS), tag_shift: 0 };

/// The smallest hash at a position.
#[inline]
fn hash_at(position: u64) -> u64 {
    position << (64 - POSITION_BITS)
}

/// The next larger number of buckets: a size class of the allocator, so that no line is wasted.
fn grown(buckets: usize) -> usize {
    allocated((buckets + 1) * size_of::<Bucket>()) / size_of::<Bucket>()
}

/// The number of buckets for so many keys, with some room to grow.
fn fitting(keys: usize) -> usize {
    if keys == 0 { 0 } else { grown((keys + keys / 8) / LOAD_MAX) }
}

fn buckets(count: usize) -> Box<[Bucket]> {
    let mut buckets = Vec::with_capacity(count);
    buckets.resize_with(count, || Bucket::EMPTY);
    buckets.into_boxed_slice()
}

enum Repr {
    Small(Box<[Bucket]>),
    Big(Box<Big>),
}

/// See the module's head.
pub struct Table {
    repr: Repr,
    keys: u32,
    /// Buckets that hang off others.
    chained: u32,
}

impl Default for Table {
    fn default() -> Table {
        Table { repr: Repr::Small(Box::default()), keys: 0, chained: 0 }
    }
}

impl Table {
    /// Number of keys.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys as usize
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys == 0
    }

    /// Bytes of the buckets, as the allocator rounds them. O(1).
    #[must_use]
    pub fn bytes(&self) -> usize {
        let arrays = match &self.repr {
            Repr::Small(array) => allocated(size_of_val::<[Bucket]>(array)),
            Repr::Big(big) => big.bytes(),
        };
        arrays + self.chained as usize * size_of::<Bucket>()
    }

    #[inline]
    fn head(&self, hash: u64) -> Option<(&Bucket, u16)> {
        match &self.repr {
            Repr::Small(array) => {
                let scheme = Scheme::of(array.len());
                let bucket = array.get(scheme.bucket(hash, array.len()))?;
                Some((bucket, scheme.tag(hash)))
            }
            Repr::Big(big) => Some((big.bucket(hash), FINE.tag(hash))),
        }
    }

    #[inline]
    fn head_mut(&mut self, hash: u64) -> Option<(&mut Bucket, u16)> {
        match &mut self.repr {
            Repr::Small(array) => {
                let scheme = Scheme::of(array.len());
                let count = array.len();
                let bucket = array.get_mut(scheme.bucket(hash, count))?;
                Some((bucket, scheme.tag(hash)))
            }
            Repr::Big(big) => Some((big.bucket_mut(hash), FINE.tag(hash))),
        }
    }

    #[inline]
    #[must_use]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<EntryRef<'_>> {
        let (bucket, tag) = self.head(hash)?;
        bucket.find(tag, key)
    }

    /// Where a key stands until the table is changed, for [`Table::at`] and [`Table::at_mut`].
    #[inline]
    pub(super) fn locate(&self, hash: u64, key: &[u8]) -> Option<Spot> {
        let (bucket, tag) = self.head(hash)?;
        bucket.locate(tag, key)
    }

    /// As [`Table::locate`], by the hash alone.
    pub(super) fn locate_hash(&self, hash: u64, hasher: &KeyHasher) -> Option<Spot> {
        let (bucket, tag) = self.head(hash)?;
        bucket.locate_entry(tag, |entry| hasher.hash(entry.key()) == hash)
    }

    #[inline]
    pub(super) fn at(&self, hash: u64, place: Spot) -> EntryRef<'_> {
        let (bucket, _) = self.head(hash).expect("the place was found there");
        bucket.entry(place)
    }

    #[inline]
    pub(super) fn at_mut(&mut self, hash: u64, place: Spot) -> EntryMut<'_> {
        let (bucket, _) = self.head_mut(hash).expect("the place was found there");
        bucket.entry_mut(place)
    }

    #[inline]
    pub fn find_mut(&mut self, hash: u64, key: &[u8]) -> Option<EntryMut<'_>> {
        let (bucket, tag) = self.head_mut(hash)?;
        let place = bucket.locate(tag, key)?;
        Some(bucket.entry_mut(place))
    }

    /// Starts to fetch the line that [`Table::find`] will look at first.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        if let Some((bucket, _)) = self.head(hash) {
            prefetch(bucket);
        }
    }

    /// Starts to fetch the entry that [`Table::find`] will look at; reads the bucket.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        if let Some((bucket, tag)) = self.head(hash) {
            bucket.prefetch_entry(tag);
        }
    }

    /// Adds an entry whose key is not in the table. Amortised O(1); no single call moves more than
    /// [`SMALL_MAX`] buckets.
    pub fn insert(&mut self, hash: u64, entry: Entry, hasher: &KeyHasher) -> EntryMut<'_> {
        self.make_room(hasher);
        self.keys += 1;
        let (bucket, tag) = match &mut self.repr {
            Repr::Small(array) => {
                let (scheme, count) = (Scheme::of(array.len()), array.len());
                (&mut array[scheme.bucket(hash, count)], scheme.tag(hash))
            }
            Repr::Big(big) => (big.bucket_mut(hash), FINE.tag(hash)),
        };
        let (place, chained) = bucket.push(Word::new(entry, tag));
        self.chained += u32::from(chained);
        bucket.entry_mut(place)
    }

    /// Takes an entry out. Amortised O(1), bounded as [`Table::insert`].
    pub fn remove(&mut self, hash: u64, key: &[u8], hasher: &KeyHasher) -> Option<Entry> {
        let place = self.locate(hash, key)?;
        let entry = self.remove_at(hash, place);
        self.give_room_back(hasher);
        Some(entry)
    }

    pub(super) fn remove_at(&mut self, hash: u64, place: Spot) -> Entry {
        let (bucket, _) = self.head_mut(hash).expect("the place was found there");
        let (entry, freed) = bucket.remove(place);
        self.keys -= 1;
        self.chained -= u32::from(freed);
        entry
    }

    /// Calls `each` for every entry of the bucket around `position`; where the next bucket starts,
    /// or `None` after the last.
    pub fn scan(&self, position: u64, mut each: impl FnMut(EntryRef<'_>)) -> Option<u64> {
        if let Some((bucket, _)) = self.head(hash_at(position)) {
            bucket.prefetch_all();
            bucket.entries().for_each(|(_, entry)| each(entry));
        }
        self.after(position)
    }

    /// Where the bucket after the one around `position` starts.
    pub(super) fn after(&self, position: u64) -> Option<u64> {
        match &self.repr {
            Repr::Small(array) => {
                let scheme = Scheme::of(array.len());
                let next = scheme.bucket(hash_at(position), array.len()) + 1;
                (next < array.len()).then(|| scheme.start(next, array.len()))
            }
            Repr::Big(big) => big.after(position),
        }
    }

    /// As [`Table::scan`], taking out the entries that `gone` is true for. Does not resize, so that
    /// a walk over the table ends; call [`Table::give_room_back`] after it.
    pub fn sweep(
        &mut self,
        position: u64,
        mut gone: impl FnMut(EntryRef<'_>) -> bool,
        mut taken: impl FnMut(Entry),
    ) -> Option<u64> {
        let hash = hash_at(position);
        let mut index = 0;
        if let Some((bucket, _)) = self.head(hash) {
            bucket.prefetch_all();
        }
        while let Some((bucket, _)) = self.head(hash)
            && let Some(entry) = bucket.nth_entry(index)
        {
            if gone(entry) {
                let place = Spot { depth: index / bucket::WORDS, word: index % bucket::WORDS };
                taken(self.remove_at(hash, place)); // the last entry now stands at `index`
            } else {
                index += 1;
            }
        }
        self.after(position)
    }

    /// Some entry, all of them about equally likely; `draw` yields random numbers. Expected O(1).
    pub fn random(&self, mut draw: impl FnMut() -> u64) -> Option<EntryRef<'_>> {
        if self.is_empty() {
            return None;
        }
        // An entry is taken with probability 1 / (buckets × 2 × WORDS) per try wherever it stands,
        // unless its chain is longer than that, which a good hash makes rare.
        for _ in 0..200 {
            let (bucket, _) = self.head(draw())?;
            let index = (draw() >> 32) as usize % (2 * bucket::WORDS);
            if let Some(entry) = bucket.nth_entry(index) {
                return Some(entry);
            }
        }
        // Nearly empty: the first one after a random position.
        let mut position = draw() >> (64 - POSITION_BITS);
        loop {
            let (bucket, _) = self.head(hash_at(position))?;
            let count = bucket.count();
            if count > 0 {
                return bucket.nth_entry(draw() as usize % count);
            }
            position = self.after(position).unwrap_or(0);
        }
    }

    /// Makes room for so many keys, but no more than a small table has, if there are none.
    pub(super) fn reserve(&mut self, keys: usize) {
        let count = fitting(keys.min(SMALL_MAX * LOAD_MAX)).min(SMALL_MAX);
        match &mut self.repr {
            Repr::Small(array) if self.keys == 0 && array.len() < count => *array = buckets(count),
            Repr::Small(_) | Repr::Big(_) => {}
        }
    }

    /// Grows if one more key would be too many; moves a resize on.
    #[inline]
    fn make_room(&mut self, hasher: &KeyHasher) {
        match &mut self.repr {
            Repr::Small(array) if self.keys as usize >= array.len() * LOAD_MAX => {
                let count = array.len();
                // A lone bucket is filled to the brim.
                if count != 1 || self.keys as usize >= bucket::WORDS {
                    self.resize(grown(count), hasher);
                }
            }
            Repr::Small(_) => {}
            Repr::Big(big) => {
                if self.keys as usize >= big.target() * LOAD_MAX {
                    big.begin(grown(big.target()));
                }
                self.step(STEP_BUCKETS, hasher);
            }
        }
    }

    /// Shrinks if the table is sparse; moves a resize on.
    pub fn give_room_back(&mut self, hasher: &KeyHasher) {
        let keys = self.keys as usize;
        match &mut self.repr {
            Repr::Small(array) => {
                let sparse = keys < array.len() * LOAD_MAX / 3 && array.len() > 1;
                if sparse || (keys == 0 && !array.is_empty()) {
                    self.resize(fitting(keys), hasher);
                }
            }
            Repr::Big(big) => {
                if keys < big.target() * LOAD_MAX / 3 {
                    // From this size on it is one array again, which shrinks at once.
                    big.begin(fitting(keys).max(COARSE_MAX + 1));
                }
                self.step(STEP_BUCKETS, hasher);
            }
        }
    }

    /// Moves an ongoing resize of a big table on by some buckets; whether more is to do.
    pub fn step(&mut self, count: usize, hasher: &KeyHasher) -> bool {
        let Repr::Big(big) = &mut self.repr else { return false };
        for _ in 0..count {
            let (freed, added) = big.move_bucket(hasher);
            self.chained = self.chained + added - freed;
        }
        if let Some(array) = big.take_small() {
            self.repr = Repr::Small(array);
        }
        matches!(&self.repr, Repr::Big(big) if big.is_moving())
    }

    fn resize(&mut self, count: usize, hasher: &KeyHasher) {
        let Repr::Small(array) = &mut self.repr else { return };
        if count > SMALL_MAX {
            let mut big = Big::new(std::mem::take(array));
            big.begin(count);
            self.repr = Repr::Big(Box::new(big));
            return;
        }
        let mut old = std::mem::replace(array, buckets(count));
        let scheme = Scheme::of(count);
        let tags_suffice = old.len() <= COARSE_MAX && count <= COARSE_MAX;
        let mut chained = 0;
        for index in 0..old.len() {
            if !tags_suffice && let Some(next) = old.get(index + 1) {
                next.prefetch_all();
            }
            old[index].drain(|tag, entry| {
                let hash = if tags_suffice {
                    u64::from(tag) << COARSE.tag_shift
                } else {
                    hasher.hash(entry.view().key())
                };
                let word = Word::new(entry, scheme.tag(hash));
                chained += u32::from(array[scheme.bucket(hash, count)].push(word).1);
            });
        }
        self.chained = chained;
    }

    /// Asserts every invariant; for tests.
    pub fn check(&self, hasher: &KeyHasher) {
        let (mut keys, mut chained) = (0, 0);
        let mut see = |bucket: &Bucket, scheme: Scheme, home: &dyn Fn(u64) -> bool| {
            bucket.check();
            chained += bucket.chain().count() - 1;
            for (tag, entry) in bucket.entries() {
                let hash = hasher.hash(entry.key());
                assert_eq!(tag, scheme.tag(hash), "a word's tag is its key's");
                assert!(home(hash), "a key stands in the bucket that is looked up");
                keys += 1;
            }
        };
        match &self.repr {
            Repr::Small(array) => {
                let scheme = Scheme::of(array.len());
                for (index, bucket) in array.iter().enumerate() {
                    see(bucket, scheme, &|hash| scheme.bucket(hash, array.len()) == index);
                }
            }
            Repr::Big(big) => big.each_bucket(|bucket| {
                see(bucket, FINE, &|hash| std::ptr::eq(big.bucket(hash), bucket));
            }),
        }
        assert_eq!(keys, self.len(), "the number of keys is right");
        assert_eq!(chained, self.chained as usize, "the number of chained buckets is right");
    }
}

#[cfg(test)]
mod tests;
