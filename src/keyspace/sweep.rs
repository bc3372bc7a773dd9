//! Deleting what has expired though nobody asks for it.
//!
//! A sweeper goes round the slots of all databases. A slot says when its first key may expire, so
//! slots without expired keys cost one look; the others are walked bucket by bucket. The work per
//! call is bounded by the caller, who decides how much CPU that may take. Only primaries sweep.

use super::access::Garbage;
use super::entry::Entry;
use super::keyspace::{Keyspace, Place};
use super::slot_store::{SlotStore, SlotWalk};
use crate::base::{Millis, Slot};

/// Buckets moved of a table under resize, per visit, so that it ends even if nobody writes.
const STEP_BUCKETS: usize = 64;

/// Expired elements removed from one collection per visit; the rest has to wait for the next round.
const ELEMENTS_MAX: usize = 1000;

/// What the sweep has removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed<'a> {
    Key(&'a [u8]),
    /// Elements of the collection under a key.
    Elements {
        key: &'a [u8],
        elements: &'a [Box<[u8]>],
    },
    /// The key, since the last element of its collection is gone.
    Emptied(&'a [u8]),
}

/// Where the sweep stands.
#[derive(Debug)]
pub struct Sweeper {
    db: u8,
    slot: Slot,
    walk: SlotWalk,
}

/// What a call has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub removed: usize,
    /// Buckets walked and slots looked at.
    pub visited: usize,
    /// The last slot of the last database was reached; the next call starts from the first.
    pub round_ended: bool,
}

impl Default for Sweeper {
    fn default() -> Sweeper {
        Sweeper { db: 0, slot: Slot::new(0).expect("slot 0"), walk: SlotWalk::default() }
    }
}

impl Sweeper {
    /// Visits about `visits` buckets and slots. `removed` is told all that is deleted, under the
    /// lock of its slot, so that whoever propagates deletions keeps their order. The caller holds a
    /// pass of the gate.
    pub fn run(
        &mut self,
        keyspace: &Keyspace,
        now: Millis,
        visits: usize,
        garbage: &mut Vec<Garbage>,
        mut removed: impl FnMut(Place, Removed<'_>),
    ) -> Swept {
        let mut swept = Swept::default();
        while swept.visited < visits {
            let ended = if keyspace.is_allocated(self.db) {
                let place = Place { db: self.db, slot: self.slot };
                keyspace.with_slot(place, |store| {
                    let left = visits - swept.visited;
                    let mut tell = |what: Removed<'_>| removed(place, what);
                    self.visit(store, keyspace, now, left, garbage, &mut swept, &mut tell)
                })
            } else {
                true
            };
            swept.visited += 1;
            if ended && self.advance(keyspace) {
                swept.round_ended = true;
                break;
            }
        }
        swept
    }

    /// Sweeps one slot as far as `visits` goes; whether its end was reached.
    #[expect(
        clippy::too_many_arguments,
        reason = "what a visit reads, and the three it reports to"
    )]
    fn visit(
        &mut self,
        store: &mut SlotStore,
        keyspace: &Keyspace,
        now: Millis,
        visits: usize,
        garbage: &mut Vec<Garbage>,
        swept: &mut Swept,
        tell: &mut impl FnMut(Removed<'_>),
    ) -> bool {
        let place = Place { db: self.db, slot: self.slot };
        keyspace.before_steps(place, store, STEP_BUCKETS);
        store.step(STEP_BUCKETS, keyspace.hasher());
        if self.walk.is_new() && !store.next_expiry().is_over(now) {
            return true;
        }
        for _ in 0..visits {
            swept.visited += 1;
            keyspace.before_sweep(place, store, self.walk.position());
            let mut due = Vec::new();
            let taken = |entry: Entry| {
                tell(Removed::Key(entry.view().key()));
                swept.removed += 1;
                garbage.extend(Garbage::if_heavy(entry));
            };
            let ended = store.sweep_bucket(&mut self.walk, now, taken, &mut due);
            for key in due {
                expire_elements(store, (keyspace, place), &key, now, tell);
            }
            if ended {
                keyspace.before_steps(place, store, STEP_BUCKETS);
                store.step(STEP_BUCKETS, keyspace.hasher());
                return true;
            }
        }
        false
    }

    /// Goes to the next slot; true if that is the first of all.
    fn advance(&mut self, keyspace: &Keyspace) -> bool {
        self.walk = SlotWalk::default();
        if keyspace.is_allocated(self.db)
            && let Some(next) = Slot::new(self.slot.number() + 1)
        {
            self.slot = next;
            return false;
        }
        self.slot = Slot::new(0).expect("slot 0");
        self.db = if usize::from(self.db) + 1 < keyspace.databases() { self.db + 1 } else { 0 };
        self.db == 0
    }
}

/// Removes the expired elements of a collection, and the collection with the last.
fn expire_elements(
    store: &mut SlotStore,
    (keyspace, place): (&Keyspace, Place),
    key: &[u8],
    now: Millis,
    tell: &mut impl FnMut(Removed<'_>),
) {
    let hash = keyspace.hash(key);
    let Some(spot) = store.locate(hash, key) else { return };
    keyspace.before_change(place, store, hash);
    let mut elements: Vec<Box<[u8]>> = Vec::new();
    let mut gone = |element: &[u8]| elements.push(element.into());
    let left = store.expire_elements(hash, spot, now, ELEMENTS_MAX, &mut gone);
    tell(Removed::Elements { key, elements: &elements });
    if left == 0 {
        tell(Removed::Emptied(key));
        drop(store.remove_at(hash, spot, keyspace.hasher()));
    }
}
