//! The process's use of memory and CPU: the latest reading, and how long `maxmemory` was exceeded.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::Dump;
use crate::base::Millis;
use crate::keyspace::Keyspace;
use crate::replication::Log;

/// A reading during which more bytes than this came or went is not to be trusted: whether it has
/// seen them cannot be told.
const MOVED_MAX: u64 = 256 * 1024;
/// Readings made at most to get one that can be trusted.
const ATTEMPTS: usize = 5;

/// What the allocator and the system say of the process, in bytes and seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resources {
    pub allocated: u64,
    pub active: u64,
    pub resident: u64,
    pub rss: u64,
    /// Allocated when the node had started and held no key.
    pub startup: u64,
    /// Memory of the machine.
    pub system: u64,
    pub cpu_user_seconds: f64,
    pub cpu_system_seconds: f64,
}

/// The latest reading. Made by the control plane at every tick, and by anyone who needs to know
/// better.
#[derive(Debug, Default)]
pub struct Gauge {
    latest: Mutex<Resources>,
    /// Asks the allocator how much it has given out; absent where nobody can tell.
    probe: OnceLock<fn() -> u64>,
    read_at: AtomicU64,
    /// How long the latest reading between ticks took, in microseconds.
    cost_micros: AtomicU64,
    exceeded: Exceeded,
}

/// When and for how long more than `maxmemory` was used, in milliseconds.
#[derive(Debug, Default)]
struct Exceeded {
    /// Zero if it is not now.
    since: AtomicU64,
    before: AtomicU64,
}

impl Gauge {
    #[must_use]
    pub fn load(&self) -> Resources {
        *self.latest.lock()
    }

    /// Notes what `read` finds. Neither garbage that waits to be freed nor what the log keeps for
    /// its readers is taken for used: evicting keys would not free it any sooner, and would add to
    /// the log.
    pub fn update(
        &self,
        now: Millis,
        keyspace: &Keyspace,
        (garbage, log): (&Dump, &Log),
        mut read: impl FnMut(&Resources) -> Resources,
    ) -> Resources {
        let mut latest = self.latest.lock();
        let meter = keyspace.meter();
        for attempt in 1..=ATTEMPTS {
            let (believed, pending) = (meter.believed(), garbage.pending_bytes());
            *latest = read(&latest);
            let (believed_now, pending_now) = (meter.believed(), garbage.pending_bytes());
            let moved = believed.abs_diff(believed_now) + pending.abs_diff(pending_now);
            if moved <= MOVED_MAX || attempt == ATTEMPTS {
                let uncounted = pending_now + log.beyond_backlog();
                meter.correct(believed, latest.allocated.saturating_sub(uncounted));
                break;
            }
        }
        self.read_at.store(now.0, Ordering::Relaxed);
        *latest
    }

    /// Who is to be asked between ticks.
    pub fn ask(&self, probe: fn() -> u64) {
        self.probe.get_or_init(|| probe);
    }

    /// Asks the allocator unless the latest reading is younger than `age`; whether it did.
    pub fn read_if_older(
        &self,
        age: Millis,
        now: Millis,
        keyspace: &Keyspace,
        (garbage, log): (&Dump, &Log),
    ) -> bool {
        let read_at = self.read_at.load(Ordering::Relaxed);
        let Some(probe) = self.probe.get().filter(|_| now.since(Millis(read_at)) >= age) else {
            return false;
        };
        // Of several that find it old, one asks.
        let claim = |at| (at == read_at).then_some(now.0);
        let is_claimed =
            self.read_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim).is_ok();
        if is_claimed {
            let read = |latest: &Resources| Resources { allocated: probe(), ..*latest };
            self.update(now, keyspace, (garbage, log), read);
        }
        is_claimed
    }

    /// How long a reading takes: with many cores the allocator has many figures to add up.
    #[must_use]
    pub fn cost(&self) -> Duration {
        Duration::from_micros(self.cost_micros.load(Ordering::Relaxed))
    }

    pub fn note_cost(&self, cost: Duration) {
        self.cost_micros.store(cost.as_micros() as u64, Ordering::Relaxed);
    }

    /// Notes whether more than `maxmemory` is used.
    pub fn note_exceeded(&self, is_exceeded: bool, now: Millis) {
        let since = &self.exceeded.since;
        if is_exceeded {
            let start = |since| (since == 0).then_some(now.0);
            since.fetch_update(Ordering::Relaxed, Ordering::Relaxed, start).ok();
        } else if since.load(Ordering::Relaxed) != 0 {
            let from = since.swap(0, Ordering::Relaxed);
            let lasted = if from == 0 { Millis::ZERO } else { now.since(Millis(from)) };
            self.exceeded.before.fetch_add(lasted.0, Ordering::Relaxed);
        }
    }

    /// For how long `maxmemory` was exceeded: in all, and this time.
    #[must_use]
    pub fn exceeded_for(&self, now: Millis) -> (Millis, Millis) {
        let since = self.exceeded.since.load(Ordering::Relaxed);
        let current = if since == 0 { Millis::ZERO } else { now.since(Millis(since)) };
        (Millis(self.exceeded.before.load(Ordering::Relaxed) + current.0), current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_above_the_limit_adds_up() {
        let gauge = Gauge::default();
        gauge.note_exceeded(true, Millis(100));
        gauge.note_exceeded(true, Millis(150));
        assert_eq!(gauge.exceeded_for(Millis(200)), (Millis(100), Millis(100)));
        gauge.note_exceeded(false, Millis(300));
        gauge.note_exceeded(false, Millis(400));
        assert_eq!(gauge.exceeded_for(Millis(500)), (Millis(200), Millis::ZERO));
        gauge.note_exceeded(true, Millis(600));
        assert_eq!(gauge.exceeded_for(Millis(610)), (Millis(210), Millis(10)));
    }
}
