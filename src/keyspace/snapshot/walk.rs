//! The walk itself: slot after slot, and what writers captured.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Active, CHUNK_BYTES, Captured, Chunk, Count, Preempted, VISITS, VISITS_PER_LOCK};
use crate::base::Slot;
use crate::keyspace::entry::Entry;
use crate::keyspace::keyspace::Keyspace;
use crate::keyspace::table::Table;

/// Where chunks go.
type Sink<'a> = dyn FnMut(Chunk) + 'a;

/// A walk under way. See [`super`].
pub struct Walk {
    active: Arc<Active>,
    /// What the walk itself has taken down and not handed out.
    own: Captured,
    counts: Vec<Count>,
    /// Databases to come, by number and index, the next one last.
    todo: Vec<(u8, usize)>,
    slot: Slot,
    position: u64,
    keys_done: u64,
}

impl Walk {
    pub(super) fn new(
        active: Arc<Active>,
        own: Captured,
        counts: Vec<Count>,
        todo: Vec<(u8, usize)>,
    ) -> Walk {
        let slot = Slot::new(0).expect("slot 0");
        Walk { active, own, counts, todo, slot, position: 0, keys_done: 0 }
    }

    /// What the dataset held when the walk began, by database in ascending order; those without
    /// keys are left out.
    #[must_use]
    pub fn counts(&self) -> &[Count] {
        &self.counts
    }

    /// Keys of the dataset that were handed out so far.
    #[must_use]
    pub fn keys_done(&self) -> u64 {
        self.keys_done
    }

    /// Bytes of records that writers captured so far: what would be copied pages after a fork.
    #[must_use]
    pub fn captured_bytes(&self) -> u64 {
        self.active.captured_bytes.load(Ordering::Relaxed)
    }

    /// Whether what the walk is of had elements that expire, as far as it cannot be seen in the
    /// keyspace any more: somebody who has looked for such there since the walk began, and found
    /// none, knows now. May be true in vain.
    #[must_use]
    pub fn lost_expiring_elements(&self) -> bool {
        self.active.elements_expire.load(Ordering::Relaxed)
    }

    /// Goes on a little; false when everything has been handed out and the walk is over.
    ///
    /// `lane` is the calling thread's number at the gate; `None` if it holds the exclusive gate.
    ///
    /// # Errors
    /// If the walk was ended by somebody else.
    pub fn advance(
        &mut self,
        keyspace: &Keyspace,
        lane: Option<usize>,
        sink: &mut Sink<'_>,
    ) -> Result<bool, Preempted> {
        let pass = lane.map(|lane| keyspace.gate().enter(lane, false));
        if !keyspace.is_current(&self.active) {
            return Err(Preempted);
        }
        let is_more = self.visit(keyspace);
        drop(pass);
        self.collect(sink);
        if !is_more {
            self.hand_out(sink);
            keyspace.end_snapshot(&self.active);
        }
        Ok(is_more)
    }

    /// Gives up.
    pub fn stop(self, keyspace: &Keyspace) {
        keyspace.end_snapshot(&self.active);
    }

    /// Captures some slots; false if there are no more.
    fn visit(&mut self, keyspace: &Keyspace) -> bool {
        let mut visits = VISITS;
        while visits > 0 && self.own.encoder.out().len() < CHUNK_BYTES {
            let Some(&(db, index)) = self.todo.last() else { return false };
            let database = keyspace.by_index(index).expect("it was in use");
            if !database.occupancy(false).contains(self.slot) {
                // What was here when the walk began was captured before it went.
                self.turn_to_next_slot();
                continue;
            }
            let mut store = database.slot(self.slot).lock();
            visits -= 1;
            let (epoch, own) = (self.active.epoch, &mut self.own);
            let mut next = (!store.is_captured(epoch)).then_some(self.position);
            for _ in 0..VISITS_PER_LOCK {
                let Some(at) = next else { break };
                next = store.capture_at(at, epoch, &mut |entry| own.take(db, entry));
                visits = visits.saturating_sub(1);
            }
            if let Some(position) = next {
                self.position = position;
                continue;
            }
            store.set_captured(epoch);
            drop(store);
            self.turn_to_next_slot();
        }
        !self.todo.is_empty()
    }

    fn turn_to_next_slot(&mut self) {
        self.position = 0;
        self.slot = Slot::new(self.slot.number() + 1).unwrap_or_else(|| {
            self.todo.pop();
            Slot::new(0).expect("slot 0")
        });
    }

    /// Takes over what writers captured and hands out what is enough for a chunk.
    fn collect(&mut self, sink: &mut Sink<'_>) {
        self.settle(sink);
        let active = Arc::clone(&self.active);
        for lane in &active.lanes {
            let (ready, frozen) = {
                let mut lane = lane.lock();
                lane.close();
                (std::mem::take(&mut lane.ready), std::mem::take(&mut lane.frozen))
            };
            for (db, bytes, keys) in ready {
                self.append(db, &bytes, keys, sink);
            }
            self.write_frozen(frozen, sink);
        }
        let flushed = std::mem::take(&mut *active.flushed.lock());
        for (db, table) in flushed {
            self.write_table(db, table, sink);
        }
    }

    /// Writes the large values that the walk has frozen, and what came before them.
    fn settle(&mut self, sink: &mut Sink<'_>) {
        // More than one database in one visit: rare, and each is a chunk.
        for (db, bytes, keys) in std::mem::take(&mut self.own.ready) {
            self.keys_done += keys;
            sink(Chunk { db, bytes: bytes.into(), keys });
        }
        let frozen = std::mem::take(&mut self.own.frozen);
        self.write_frozen(frozen, sink);
        self.hand_out_if_long(sink);
    }

    fn append(&mut self, db: u8, bytes: &[u8], keys: u64, sink: &mut Sink<'_>) {
        self.turn_to(db, sink);
        self.own.encoder.out().extend_from_slice(bytes);
        self.own.keys += keys;
        self.hand_out_if_long(sink);
    }

    fn write_frozen(&mut self, frozen: Vec<(u8, Entry)>, sink: &mut Sink<'_>) {
        for (db, entry) in frozen {
            self.turn_to(db, sink);
            self.own.keys += 1;
            let (done, keys) = (&mut self.keys_done, &mut self.own.keys);
            self.own.encoder.encode(entry.view(), &mut |out| {
                let chunk = Chunk { db, bytes: std::mem::take(out).into(), keys: *keys };
                *done += std::mem::take(keys);
                sink(chunk);
            });
            self.hand_out_if_long(sink);
        }
    }

    /// Writes what is left of a table that nobody else has any more, and frees it.
    fn write_table(&mut self, db: u8, mut table: Table, sink: &mut Sink<'_>) {
        self.turn_to(db, sink);
        let mut position = Some(0);
        while let Some(at) = position {
            let own = &mut self.own;
            let epoch = self.active.epoch;
            position = table.capture_at(at, epoch, &mut |entry| own.take(db, entry));
            self.settle(sink);
        }
    }

    /// Makes sure that what is written next stands among records of its own database.
    fn turn_to(&mut self, db: u8, sink: &mut Sink<'_>) {
        if self.own.db != db {
            self.hand_out(sink);
            self.own.db = db;
        }
    }

    fn hand_out_if_long(&mut self, sink: &mut Sink<'_>) {
        if self.own.encoder.out().len() >= CHUNK_BYTES {
            self.hand_out(sink);
        }
    }

    fn hand_out(&mut self, sink: &mut Sink<'_>) {
        let bytes = std::mem::take(self.own.encoder.out());
        let keys = std::mem::take(&mut self.own.keys);
        if !bytes.is_empty() {
            self.keys_done += keys;
            sink(Chunk { db: self.own.db, bytes: bytes.into(), keys });
        }
    }
}
