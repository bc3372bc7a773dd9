//! Removing expired keys that nobody asks for, at a bounded share of CPU.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::base::{Millis, Slot};
use crate::commands::follow;
use crate::engine::Clock;
use crate::keyspace::sweep::{Removed, Sweeper};
use crate::keyspace::{Expiry, Held, Key, Place};
use crate::spec::Event;
use crate::state::Server;
use crate::state::conditions::Condition;

/// The share of one core that sweeping may take at effort 1; each further effort adds as much
/// again.
const SHARE_PERCENT: u32 = 5;
/// Buckets and slots visited between two looks at the clock, about 10 microseconds of work: as long
/// as the gate and one slot's lock are held.
const VISITS: usize = 256;

/// The sweep and its clock.
pub(super) struct Sweep {
    /// The thread's lane of the gate, and its counters.
    lane: usize,
    clock: Clock,
    sweeper: Sweeper,
}

impl Sweep {
    pub(super) fn new(lane: usize) -> Sweep {
        Sweep { lane, clock: Clock::new(), sweeper: Sweeper::default() }
    }

    /// The thread's clock.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Goes on where the last turn stopped, until every slot was seen or the share of `every` is
    /// used up.
    pub(super) fn turn(&mut self, server: &Server, every: Duration) {
        self.clock.resync();
        const RESTING: Condition =
            Condition::NO_ACTIVE_EXPIRE.union(Condition::CRON_PAUSED).union(Condition::LOADING);
        if server.conditions.load().intersects(RESTING) {
            return;
        }
        let effort = server.settings.load().active_expire_effort;
        let share = every * SHARE_PERCENT * effort / 100;
        let started = self.clock.read();
        let stats = server.stats.worker(self.lane);
        loop {
            let reading = self.clock.read();
            if reading - started > share {
                return;
            }
            let now = self.clock.unix(reading);
            let mut garbage = Vec::new();
            let pass = server.keyspace.gate().enter(self.lane, false);
            let conditions = server.conditions.load();
            if conditions.contains(Condition::REPLICA) {
                // What its primary gave it the primary removes.
                match self.expire_own(server, now) {
                    true => continue,
                    false => return,
                }
            }
            // The dataset may have begun to be loaded since this turn began, which nobody is told.
            if conditions.intersects(Condition::STANDSTILL.union(Condition::LOADING)) {
                return;
            }
            let lapsed = |place: Place, removed: Removed<'_>| match removed {
                Removed::Key(key) => follow::removed(server, place, key, Event::EXPIRED),
                Removed::Elements { key, elements } => {
                    follow::elements_expired(server, place, key, elements);
                }
                Removed::Emptied(key) => follow::emptied(server, place, key),
            };
            let swept = self.sweeper.run(&server.keyspace, now, VISITS, &mut garbage, lapsed);
            drop(pass);
            stats.expired_keys.add(swept.removed as u64);
            let freed = garbage.len() as u64;
            drop(garbage);
            server.stats.lazyfreed_objects.fetch_add(freed, Ordering::Relaxed);
            if swept.round_ended {
                return;
            }
        }
    }

    /// Removes a key of a writable replica's own that has expired, without telling its replicas:
    /// only its append-only file is told. Whether one was looked at. The caller holds a pass of the
    /// gate.
    fn expire_own(&self, server: &Server, now: Millis) -> bool {
        let Some((db, name)) = server.own_expiries.take_due(now) else { return false };
        let keyspace = &server.keyspace;
        let mut keys = [Key::new(&name, keyspace.hash(&name), Slot::of(&name))];
        let mut held = Held::lock(keyspace, db, &mut keys, now);
        let [key] = keys;
        held.expiry = Expiry::Delete;
        match held.expiry_of(&key) {
            None => {}
            Some(at) if !at.is_over(now) => server.own_expiries.note((db, name.clone()), at),
            Some(_) => {
                held.exists(&key);
                follow::removed(server, held.place(&key), &name, Event::EXPIRED);
            }
        }
        let garbage = std::mem::take(&mut held.garbage);
        let counters = held.release();
        server.garbage.throw(garbage);
        server.stats.worker(self.lane).expired_keys.add(counters.expired);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Local;
    use crate::engine::unix_time;

    #[test]
    fn nothing_is_swept_while_writes_wait() {
        let mut local = Local::default();
        local.check("SET k v PX 1 => +OK");
        let begun = unix_time();
        while unix_time() < begun + Duration::from_millis(5) {}
        let (mut sweep, long) = (Sweep::new(3), Duration::from_secs(60));
        for condition in [Condition::HANDOVER, Condition::SHUTTING_DOWN, Condition::PAUSE_ALL] {
            local.server.conditions.set(condition, true);
            sweep.turn(&local.server, long);
            local.server.conditions.set(condition, false);
            local.check("DBSIZE => :1");
        }
        sweep.turn(&local.server, long);
        local.check("DBSIZE => :0");
    }
}
