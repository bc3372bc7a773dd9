//! What a snapshot walk takes down of a table, bucket by bucket, while others change it.
//!
//! A chain's first bucket carries the number of the walk that has everything it held when that walk
//! began. Whoever changes a table during a walk captures first what the change may touch: the
//! key's bucket, the buckets that a resize moves meanwhile, and those they are moved to. So a
//! bucket's entries are either all captured or newer, or none of them is.

use super::bucket::Bucket;
use super::{COARSE_MAX, LOAD_MAX, Repr, STEP_BUCKETS, Table, hash_at};
use crate::keyspace::entry::EntryRef;

/// Tables of so many buckets are captured as a whole.
const WHOLE_MAX: usize = if cfg!(test) { 1 } else { 4 };

const _: () = assert!(WHOLE_MAX <= COARSE_MAX);

/// Who takes down what is captured.
pub(in super::super) type Take<'a> = dyn FnMut(EntryRef<'_>) + 'a;

fn capture(bucket: &mut Bucket, epoch: u16, take: &mut Take<'_>) {
    if bucket.epoch() != epoch {
        bucket.prefetch_all();
        bucket.entries().for_each(|(_, entry)| take(entry));
        bucket.set_epoch(epoch);
    }
}

impl Table {
    /// Captures what adding, changing or removing a key of this hash may touch; whether that is the
    /// whole table.
    pub(in super::super) fn capture_change(
        &mut self,
        hash: u64,
        epoch: u16,
        take: &mut Take<'_>,
    ) -> bool {
        if let Repr::Small(array) = &self.repr {
            let (keys, full) = (self.keys as usize, array.len() * LOAD_MAX);
            // A small table is resized at once, so before that all of it is captured.
            if array.len() <= WHOLE_MAX || keys >= full || keys <= full / 3 + 1 {
                self.capture_all(epoch, take);
                return true;
            }
        }
        if let Some((bucket, _)) = self.head_mut(hash) {
            capture(bucket, epoch, take);
        }
        self.capture_steps(STEP_BUCKETS, epoch, take)
    }

    /// Captures what so many steps of a resize may touch; whether that is the whole table.
    pub(in super::super) fn capture_steps(
        &mut self,
        count: usize,
        epoch: u16,
        take: &mut Take<'_>,
    ) -> bool {
        match &mut self.repr {
            Repr::Small(array) => {
                let sparse = (self.keys as usize) < array.len() * LOAD_MAX / 3 || self.keys == 0;
                if sparse {
                    self.capture_all(epoch, take);
                }
                sparse
            }
            Repr::Big(big) => {
                big.each_moving(count, |bucket| capture(bucket, epoch, take));
                false
            }
        }
    }

    /// Captures the bucket around `position`; where the next one starts, or `None` after the last.
    pub(in super::super) fn capture_at(
        &mut self,
        position: u64,
        epoch: u16,
        take: &mut Take<'_>,
    ) -> Option<u64> {
        if let Some((bucket, _)) = self.head_mut(hash_at(position)) {
            capture(bucket, epoch, take);
        }
        self.after(position)
    }

    fn capture_all(&mut self, epoch: u16, take: &mut Take<'_>) {
        let mut position = Some(0);
        while let Some(at) = position {
            position = self.capture_at(at, epoch, take);
        }
    }

    /// Forgets all walks, so that their numbers may be used again. O(buckets).
    pub(in super::super) fn clear_epochs(&mut self) {
        match &mut self.repr {
            Repr::Small(array) => array.iter_mut().for_each(|bucket| bucket.set_epoch(0)),
            Repr::Big(big) => big.each_bucket_mut(|bucket| bucket.set_epoch(0)),
        }
    }
}
