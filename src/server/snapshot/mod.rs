//! Snapshots on the disk: walks with their consumers, saving, loading.
//!
//! # How to have a walk
//! [`walk`] runs on a thread of its own choosing: it notes the moment, goes through the dataset and
//! hands every chunk to every feed. A feed is the sending end of a bounded channel; who receives
//! ([`Feed`]) may block on it (a file) or await it (a socket). The walk waits for the slowest feed;
//! one whose receiver is gone is left out, and a walk without feeds ends. A feed that closes
//! without [`Feed::End`] was given up: what came of it is worthless.
//!
//! There is one walk at a time ([`Busy`]); others wait for it to end, but the last save of a
//! process that is to end does not: it ends what is under way.

mod file;
mod fill;
mod load;
mod saver;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};

pub(super) use file::{SaveError, Saved};
pub(super) use fill::{Done, Filled, Host, LOADERS_MAX, Source, Target, fill};
pub(super) use load::{LoadError, load_at_start, reload};
pub(super) use saver::{Saver, Then, follow};

use crate::base::Millis;
use crate::config::Settings;
use crate::config::table::MaxmemoryPolicy;
use crate::engine::unix_time;
use crate::keyspace::snapshot::Count;
use crate::keyspace::{Chunk, Clock, Encode, Pass, Walk};
use crate::persist::rdb::file::{Hints, Needs, RecordEncoder};
use crate::state::Server;
use crate::state::conditions::Condition;

/// Chunks that a receiver may be behind: a megabyte, unless strings are larger than a chunk.
const QUEUE: usize = 16;

/// How often it is looked whether another walk has ended.
const RETRY: Duration = Duration::from_millis(20);

/// What the receiver of a walk gets, in this order.
pub(super) enum Feed {
    /// How many keys are to come.
    Begin(Vec<Count>),
    Chunk(Chunk),
    /// That was all.
    End,
}

/// Another walk is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another snapshot is being made")]
pub(super) struct Busy;

/// What is done about another walk that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    Waits,
    /// It is ended, for whomever it was.
    Preempts,
}

/// The ends of a bounded channel for one consumer.
pub(super) fn feed() -> (Sender<Feed>, Receiver<Feed>) {
    channel(QUEUE)
}

/// The number at the gate of the thread that walks.
fn walker_lane(server: &Server) -> usize {
    server.identity.worker_threads + 4
}

/// The number at the gate of one of the threads that load.
fn loader_lane(server: &Server, number: usize) -> usize {
    server.identity.worker_threads + 5 + number
}

/// Whether there is a file to be loaded.
pub(super) fn is_there(server: &Server) -> bool {
    file::path(server).exists()
}

/// Unix time by the system's clock.
fn now() -> Millis {
    Millis(unix_time().as_millis() as u64)
}

/// Begins a walk.
fn begin(server: &Server, pass: &Pass<'_>, needs: &Needs) -> Result<Walk, Busy> {
    let settings = server.settings();
    let (compress, hints) = (settings.rdbcompression, hints(&settings));
    let clock = Clock::new(now(), server.keyspace.recording());
    let encoder = || {
        let encoder = RecordEncoder::new(compress, hints, clock).noting(needs);
        Box::new(encoder) as Box<dyn Encode>
    };
    let walk = server.keyspace.begin_snapshot(pass, encoder).ok_or(Busy)?;
    let total = walk.counts().iter().map(|count| count.keys).sum();
    let progress = &server.persistence.progress;
    progress.keys_done.store(0, Ordering::Relaxed);
    progress.keys_total.store(total, Ordering::Relaxed);
    progress.captured_bytes.store(0, Ordering::Relaxed);
    Ok(walk)
}

/// Makes a walk and feeds it to `feeds`, until it is over or `stop` is set. Blocks, also while
/// another walk is under way, unless that is ended. `moment` runs while nobody touches the
/// keyspace: what it returns belongs to the very dataset that is walked.
///
/// # Errors
/// If it was stopped before it could begin.
pub(super) fn walk<M>(
    server: &Server,
    feeds: Vec<Sender<Feed>>,
    stop: &AtomicBool,
    (urgency, needs): (Urgency, &Needs),
    moment: impl FnOnce() -> M,
) -> Result<M, Busy> {
    let (walk, noted) = loop {
        let pass = server.keyspace.gate().exclusive();
        // Half a dataset is none.
        let is_loading = server.conditions.load().contains(Condition::LOADING);
        if urgency == Urgency::Preempts && !is_loading {
            server.keyspace.preempt_walk(&pass);
        }
        let begun = if is_loading { Err(Busy) } else { begin(server, &pass, needs) };
        match begun {
            Ok(walk) => break (walk, moment()),
            Err(busy) if stop.load(Ordering::Relaxed) => return Err(busy),
            Err(Busy) => {}
        }
        drop(pass);
        std::thread::sleep(RETRY);
    };
    drive(server, walk, Some(walker_lane(server)), feeds, stop);
    Ok(noted)
}

/// As [`walk`] with a walk that has begun; `lane` as in [`Walk::advance`].
fn drive(
    server: &Server,
    mut walk: Walk,
    lane: Option<usize>,
    mut feeds: Vec<Sender<Feed>>,
    stop: &AtomicBool,
) {
    let progress = &server.persistence.progress;
    feeds.retain(|feed| feed.blocking_send(Feed::Begin(walk.counts().to_vec())).is_ok());
    loop {
        let advanced = walk.advance(&server.keyspace, lane, &mut |chunk| {
            feeds.retain(|feed| feed.blocking_send(Feed::Chunk(chunk.clone())).is_ok());
        });
        let is_more = match advanced {
            Ok(is_more) => is_more,
            Err(preempted) => {
                tracing::warn!(reason = %preempted, "snapshot not made");
                return;
            }
        };
        progress.keys_done.store(walk.keys_done(), Ordering::Relaxed);
        progress.captured_bytes.store(walk.captured_bytes(), Ordering::Relaxed);
        if !is_more {
            break;
        }
        if feeds.is_empty() || stop.load(Ordering::Relaxed) {
            walk.stop(&server.keyspace);
            return;
        }
        give_way();
    }
    feeds.iter().for_each(|feed| drop(feed.blocking_send(Feed::End)));
}

/// What others on the same core may have to wait for.
const STINT: Duration = Duration::from_micros(100);

/// Lets others have the core: called by whoever works in the background after every piece of work.
/// Without it a worker that shares the core waits for the end of the time slice, milliseconds
/// instead of a tenth of one. Pieces may be tiny: on a busy machine each time costs milliseconds,
/// and an empty database has hundreds of them.
pub(super) fn give_way() {
    thread_local! {
        static WORKS_SINCE: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }
    let worked = unix_time().checked_sub(WORKS_SINCE.get());
    if worked.is_none_or(|worked| worked >= STINT) {
        std::thread::yield_now();
        WORKS_SINCE.set(unix_time());
    }
}

/// What keys' records say of their use: what the eviction policy goes by.
fn hints(settings: &Settings) -> Hints {
    match settings.maxmemory_policy {
        MaxmemoryPolicy::AllkeysLru | MaxmemoryPolicy::VolatileLru => Hints::Idle,
        policy if policy.is_lfu() => Hints::Frequency,
        _ => Hints::None,
    }
}
