//! Walks over keys for commands: SCAN, KEYS, RANDOMKEY, the keys of a slot.
//!
//! A cursor is a slot and a position in its table's hash order, so that Redis' guarantee for one
//! table (see [`super::table`]) holds for the whole database: slots are visited in order, and no
//! key changes its slot. Expired keys are not shown. Walks lock one slot at a time; they run in
//! batches without keys or in whole mode, where slots that the batch has locked are looked at
//! through its own guards.

use super::access::Held;
use super::entry::EntryRef;
use super::keyspace::Place;
use super::slot_store::SlotStore;
use super::table::POSITION_BITS;
use crate::base::{Rng, Slot};

/// Slots that one call looks into before it returns with what it has: all, at about 30 ns each when
/// empty, since clients expect a small database in one piece.
const SLOTS_PER_CALL_MAX: usize = Slot::COUNT;
/// Buckets that one call visits per key asked for, as Redis bounds it.
const BUCKETS_PER_KEY_MAX: usize = 10;
/// Random slots tried before RANDOMKEY falls back to walking; finds one of 100 keys 19 times in 20.
const RANDOM_TRIES: usize = 512;
/// Draws that may meet an expired key.
const LIVE_TRIES: usize = 100;

impl Held<'_> {
    /// Calls `each` for about `count` keys, or for none, from `cursor` on; where to go on, 0 at the
    /// end.
    ///
    /// A cursor that nobody returned is as good as any: it names a place, whatever is there.
    pub fn scan(&self, cursor: u64, count: usize, mut each: impl FnMut(EntryRef<'_>)) -> u64 {
        let (mut slot, mut position) = unpack(cursor);
        if self.keyspace.counts(self.db()).0 == 0 && !self.is_whole() {
            return 0;
        }
        let mut seen = 0;
        let mut buckets = count.saturating_mul(BUCKETS_PER_KEY_MAX);
        for _ in 0..SLOTS_PER_CALL_MAX {
            let next = self.look(slot, |store| {
                let mut next = (!store.is_empty()).then_some(position);
                while let Some(at) = next {
                    if seen >= count || buckets == 0 {
                        break;
                    }
                    next = store.table().scan(at, |entry| {
                        seen += 1;
                        self.show(entry, &mut each);
                    });
                    buckets -= 1;
                }
                next
            });
            if let Some(position) = next {
                return pack(slot, position);
            }
            let Some(following) = Slot::new(slot.number() + 1) else { return 0 };
            (slot, position) = (following, 0);
            if seen >= count || buckets == 0 {
                break;
            }
        }
        pack(slot, 0)
    }

    /// Calls `each` for up to `count` keys of a slot.
    pub fn scan_slot(&self, slot: Slot, count: usize, mut each: impl FnMut(EntryRef<'_>)) {
        self.look(slot, |store| {
            let (mut left, mut next) = (count, Some(0));
            while let Some(at) = next.filter(|_| left > 0) {
                next = store.table().scan(at, |entry| {
                    if left > 0 && self.show(entry, &mut each) {
                        left -= 1;
                    }
                });
            }
        });
    }

    /// Calls `each` for every key of the database. O(keys).
    pub fn each_key(&self, mut each: impl FnMut(EntryRef<'_>)) {
        for slot in Slot::all() {
            self.scan_slot(slot, usize::MAX, &mut each);
        }
    }

    /// Some key, all of them about equally likely.
    pub fn random_key(&self, rng: &mut Rng) -> Option<Vec<u8>> {
        let mut found = None;
        for _ in 0..LIVE_TRIES {
            let slot = self.random_slot(rng)?;
            self.look(slot, |store| {
                let entry = store.table().random(|| rng.next_u64());
                entry.map(|entry| self.show(entry, &mut |entry| found = Some(entry.key().to_vec())))
            });
            if found.is_some() {
                break;
            }
        }
        found
    }

    /// A slot with keys, chosen with a probability that is proportional to their number.
    fn random_slot(&self, rng: &mut Rng) -> Option<Slot> {
        // A slot of n keys is accepted n times in `bound`; slots more crowded than that come a
        // little short, which only matters when keys are crammed into a few slots.
        let mean = self.keyspace.counts(self.db()).0 / Slot::COUNT;
        let bound = 2 * mean as u64 + 4;
        for _ in 0..RANDOM_TRIES {
            let slot = Slot::new(rng.below(Slot::COUNT as u64) as u16)?;
            let accept = rng.below(bound);
            if self.look(slot, |store| store.len() as u64) > accept {
                return Some(slot);
            }
        }
        let start = rng.index(Slot::COUNT);
        let occupied = |slot: &Slot| self.look(*slot, |store| !store.is_empty());
        Slot::all().skip(start).find(occupied).or_else(|| Slot::all().take(start).find(occupied))
    }

    fn show(&self, entry: EntryRef<'_>, each: &mut impl FnMut(EntryRef<'_>)) -> bool {
        let live = entry.expiry().is_none_or(|at| !self.is_past(at));
        if live {
            each(entry);
        }
        live
    }

    /// Looks at a slot through the batch's guard if it has one.
    fn look<R>(&self, slot: Slot, work: impl FnOnce(&SlotStore) -> R) -> R {
        let place = Place { db: self.db(), slot };
        match self.held(place) {
            Some(store) => work(store),
            None => {
                assert!(self.may_roam(), "walks run in batches without keys or in whole mode");
                work(&self.keyspace.slot(place).lock())
            }
        }
    }
}

fn pack(slot: Slot, position: u64) -> u64 {
    u64::from(slot.number()) << POSITION_BITS | position
}

fn unpack(cursor: u64) -> (Slot, u64) {
    let slot = Slot::new((cursor >> POSITION_BITS) as u16).expect("14 bits are left of 64");
    (slot, cursor & ((1 << POSITION_BITS) - 1))
}
