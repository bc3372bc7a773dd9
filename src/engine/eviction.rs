//! Keeping to `maxmemory`: before a group runs, its worker deletes keys until what the group brings
//! has room.
//!
//! Workers see each other's growth at once (see [`crate::keyspace::Meter`]) and look at the
//! allocator now and then when the limit is near. How long one turn may evict is bounded by
//! `maxmemory-eviction-tenacity`; what it leaves over is the next group's, or the janitor's.

use std::time::{Duration, Instant};

use super::Clock;
use crate::base::{Millis, Rng};
use crate::commands::follow;
use crate::config::Settings;
use crate::config::table::MaxmemoryPolicy;
use crate::keyspace::{Criteria, Eviction, Evictor, Garbage, Order};
use crate::spec::Event;
use crate::state::Server;
use crate::state::conditions::Condition;

/// The allocator is asked again after this time when the limit is near: often enough that what the
/// meter does not see stays small.
const READ_EVERY: Millis = Millis(5);
/// But not before so many times as long as that takes: one percent of a core.
const READ_SHARE: u32 = 100;
/// Nobody is refused on an older reading than this, whatever it costs: one that was made while a
/// FLUSHALL was throwing its tables away still counts them.
const READ_BEFORE_REFUSAL: Millis = Millis(1);
/// The limit is near when less than one part in so many is left.
const NEAR: u64 = 32;
/// Keys evicted between two looks at the clock.
const STRIDE: usize = 16;
/// Searches without success after which a turn ends.
const MISSES_MAX: usize = 8;
/// How long the janitor evicts at a stretch.
const JANITOR_TURN: Duration = Duration::from_millis(25);

/// Slots whose keys the janitor queues at a stretch after the policy was set to S3-FIFO.
const ADOPTED_AT_A_TIME: usize = 256;

/// What is left below `maxmemory` for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Enough,
    /// Less than the group may need: one request at a time.
    Little,
    /// The limit is exceeded, and nothing can be evicted.
    None,
}

/// What one thread that evicts works with.
#[derive(Default)]
pub struct Bailiff {
    evictor: Evictor,
}

/// How a turn of evicting ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Sufficed,
    OutOfTime,
    NothingLeft,
}

/// The thread that evicts, and what it may do.
pub struct Turn<'a> {
    pub server: &'a Server,
    pub settings: &'a Settings,
    /// The thread's lane of the gate.
    pub lane: usize,
    pub clock: &'a Clock,
    pub rng: &'a mut Rng,
}

impl Bailiff {
    /// Makes room for `needed` bytes more. Costs three loads if there is enough.
    #[inline]
    pub(super) fn make_room(&mut self, turn: Turn<'_>, needed: impl FnOnce() -> u64) -> Room {
        let limit = turn.settings.maxmemory;
        if limit == 0 || !may_evict(turn.server, turn.settings) {
            return Room::Enough;
        }
        let needed = needed();
        let Server { keyspace, garbage, .. } = turn.server;
        let held = keyspace.meter().used() + garbage.pending_bytes();
        if held + needed + limit / NEAR <= limit {
            return Room::Enough;
        }
        self.near_limit(turn, limit, needed)
    }

    #[cold]
    fn near_limit(&mut self, mut turn: Turn<'_>, limit: u64, needed: u64) -> Room {
        let Turn { server, settings, .. } = turn;
        let started = turn.clock.read();
        let now = turn.clock.unix(started);
        let cost = server.memory.cost() * READ_SHARE;
        self.read_memory(&turn, READ_EVERY.max(Millis(cost.as_millis() as u64)));
        let meter = server.keyspace.meter();
        let fits = || meter.used() + needed <= limit;
        if !fits() {
            let until = started + turn_time(settings.maxmemory_eviction_tenacity);
            let ended = self.evict(&mut turn, now, until, fits);
            server.memory.note_exceeded(meter.used() > limit, now);
            let is_full = || ended == Ended::NothingLeft && meter.used() > limit;
            if is_full() {
                self.read_memory(&turn, READ_BEFORE_REFUSAL);
            }
            if ended != Ended::Sufficed {
                return if is_full() { Room::None } else { Room::Little };
            }
        }
        // What was removed but not freed counts, too: freeing it cannot wait then.
        while meter.used() + server.garbage.pending_bytes() + needed > limit {
            if !server.garbage.free_one() {
                break;
            }
        }
        Room::Enough
    }

    /// Asks the allocator if the latest reading is older than `age`.
    fn read_memory(&self, turn: &Turn<'_>, age: Millis) {
        let Server { memory, keyspace, garbage, log, .. } = turn.server;
        let started = turn.clock.read();
        if memory.read_if_older(age, turn.clock.unix(started), keyspace, (garbage, log)) {
            memory.note_cost(turn.clock.read() - started);
        }
    }

    /// What the janitor does: evicts for a while if the limit is exceeded, and tends the queues.
    /// Whether there is more to do.
    pub fn help(&mut self, mut turn: Turn<'_>) -> bool {
        let limit = turn.settings.maxmemory;
        let pass = turn.server.keyspace.gate().enter(turn.lane, false);
        let is_more = turn.server.keyspace.tend_queues(ADOPTED_AT_A_TIME);
        drop(pass);
        let meter = turn.server.keyspace.meter();
        let fits = || limit == 0 || meter.used() <= limit;
        if fits() {
            return is_more;
        }
        let started = turn.clock.read();
        let now = turn.clock.unix(started);
        self.evict(&mut turn, now, started + JANITOR_TURN, fits) == Ended::OutOfTime || is_more
    }

    /// Deletes keys until enough are gone, none are left or time is up.
    fn evict(
        &mut self,
        turn: &mut Turn<'_>,
        now: Millis,
        until: Instant,
        fits: impl Fn() -> bool,
    ) -> Ended {
        let Turn { server, settings, .. } = *turn;
        let Some(criteria) = criteria(settings).filter(|_| may_evict(server, settings)) else {
            return Ended::NothingLeft;
        };
        let pass = server.keyspace.gate().enter(turn.lane, false);
        if !may_evict(server, settings) {
            return Ended::NothingLeft; // the role changed meanwhile
        }
        let (mut garbage, mut count, mut misses) = (Vec::new(), 0, 0);
        let ended = loop {
            if fits() {
                break Ended::Sufficed;
            }
            let evicted = |place, key: &[u8]| follow::removed(server, place, key, Event::EVICTED);
            match self.evictor.evict(&server.keyspace, criteria, now, turn.rng, evicted) {
                Eviction::Done(heavy) => {
                    count += 1;
                    garbage.extend(heavy);
                }
                Eviction::NotFound => misses += 1,
                Eviction::NothingLeft => break Ended::NothingLeft,
            }
            let is_checked = count % STRIDE == 0 || misses > 0;
            if misses == MISSES_MAX || (is_checked && turn.clock.read() >= until) {
                break Ended::OutOfTime;
            }
        };
        drop(pass);
        server.stats.evicted_keys.fetch_add(count as u64, std::sync::atomic::Ordering::Relaxed);
        dispose(server, settings, garbage);
        ended
    }
}

/// Frees large values that were evicted: here, since the memory is needed now, unless the settings
/// say otherwise.
fn dispose(server: &Server, settings: &Settings, garbage: Vec<Garbage>) {
    if settings.lazyfree_lazy_eviction && !garbage.is_empty() {
        server.garbage.throw(garbage);
    }
}

/// Whether this node decides what is evicted, and may now: a replica leaves it to its primary, and
/// what goes while the dataset is loaded nobody is told of.
fn may_evict(server: &Server, settings: &Settings) -> bool {
    let conditions = server.conditions.load();
    let follows = settings.replica_ignore_maxmemory && conditions.contains(Condition::REPLICA);
    !follows && !conditions.intersects(Condition::STANDSTILL.union(Condition::LOADING))
}

/// What the policy looks for; `None` if it evicts nothing.
fn criteria(settings: &Settings) -> Option<Criteria> {
    use MaxmemoryPolicy as Policy;
    let policy = settings.maxmemory_policy;
    let order = match policy {
        Policy::NoEviction => return None,
        Policy::AllkeysLru | Policy::VolatileLru => Order::LeastRecent,
        Policy::AllkeysLfu | Policy::VolatileLfu => Order::LeastFrequent,
        Policy::AllkeysRandom | Policy::VolatileRandom => Order::Random,
        Policy::VolatileTtl => Order::SoonestExpiry,
        Policy::AllkeysS3fifo => Order::Queued,
    };
    let samples = settings.maxmemory_samples as usize;
    Some(Criteria { order, volatile_only: policy.is_volatile(), samples })
}

/// How long one turn may evict: 50 microseconds per step of tenacity up to 10, then doubled by
/// every ten steps, and without end at 100.
fn turn_time(tenacity: u32) -> Duration {
    match tenacity {
        0..=10 => Duration::from_micros(50 * u64::from(tenacity)),
        11..=99 => Duration::from_micros(500).mul_f64((f64::from(tenacity - 10) / 10.0).exp2()),
        _ => Duration::from_secs(3600),
    }
}

#[cfg(test)]
mod tests;
