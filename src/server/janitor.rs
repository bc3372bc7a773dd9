//! The housekeeping thread: removes what has expired, frees what was unlinked and helps to evict,
//! away from the workers.
//!
//! It takes slot locks like a worker, one slot at a time and each for a bounded number of buckets,
//! so that a worker never waits long for it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::sweep::Sweep;
use crate::base::{Rng, Slot};
use crate::commands::Followers;
use crate::commands::follow;
use crate::engine::{Bailiff, Turn};
use crate::keyspace::{Place, Table};
use crate::state::Server;

/// Sweeping begins this often, and takes at most its share of that time.
const ROUND: Duration = Duration::from_millis(100);
/// When so many keys of lost slots were told of, the others get a turn.
const KEYS_TOLD: usize = 1000;

/// The thread, until it is stopped.
pub(super) struct Janitor {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Janitor {
    /// Starts the thread; its gate lane is the one after the workers'.
    ///
    /// # Errors
    /// If the thread cannot be created.
    pub(super) fn start(server: Arc<Server>) -> io::Result<Janitor> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("janitor".to_owned()).spawn(move || {
            let lane = server.identity.worker_threads;
            let (mut sweep, mut bailiff) = (Sweep::new(lane), Bailiff::default());
            let (mut rng, mut is_full) = (Rng::from_entropy(), false);
            while !stopped.load(Ordering::Acquire) {
                do_chores(&server, if is_full { Duration::ZERO } else { ROUND });
                sweep.turn(&server, ROUND);
                is_full = bailiff.help(Turn {
                    server: &server,
                    settings: &server.settings.load(),
                    lane,
                    clock: sweep.clock(),
                    rng: &mut rng,
                });
            }
        })?;
        Ok(Janitor { stop, thread })
    }

    /// Ends the thread.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        drop(self.thread.join());
    }
}

/// Frees what was left here, and empties lost slots.
fn do_chores(server: &Server, patience: Duration) {
    let chores = server.garbage.collect(patience);
    let count = chores.garbage.len() as u64;
    chores.garbage.into_iter().for_each(|garbage| server.garbage.free(garbage));
    server.stats.lazyfreed_objects.fetch_add(count, Ordering::Relaxed);
    let tables = empty(server, &chores.lost_slots);
    drop(tables);
}

/// Takes the keys of slots that went to another node, and did not come back meanwhile.
fn empty(server: &Server, lost: &[Slot]) -> Vec<Table> {
    let mut tables = Vec::new();
    let mut lost = lost.iter();
    while let Some(published) = server.cluster.as_ref().filter(|_| lost.len() > 0) {
        // Every command that began while the slots were ours has ended once this is granted.
        let _alone = server.keyspace.gate().exclusive();
        let view = published.load();
        let mut told = 0;
        for &slot in lost.by_ref() {
            // A replica has the keys that its primary has.
            let is_kept = view.my_primary.is_some()
                || view.is_mine(slot)
                || view.importing_from(slot).is_some();
            if !is_kept {
                told += tell_of(server, slot);
                tables.push(server.keyspace.flush_slot(Place { db: 0, slot }));
            }
            if told > KEYS_TOLD {
                break;
            }
        }
    }
    tables
}

/// Tells whoever follows changes that a slot's keys go; how many.
fn tell_of(server: &Server, slot: Slot) -> usize {
    let followers = Followers::of(server, &server.settings.load());
    let place = Place { db: 0, slot };
    if !followers.intersects(Followers::LOGGED | Followers::TRACKED | Followers::WATCHED) {
        return 0;
    }
    server.keyspace.with_slot(place, |store| {
        let mut at = Some(0);
        while let Some(bucket) = at {
            at = store.table().scan(bucket, |entry| {
                follow::given_up(server, followers, place, entry.key());
            });
        }
        store.len()
    })
}
