//! Setting up what commands work with, and settling what they leave behind.

use super::clock;
use crate::base::{Millis, Rng};
use crate::cluster::ClusterView;
use crate::commands::{Ctx, Effects, Followers};
use crate::config::Settings;
use crate::keyspace::{Counters, Expiry, Held};
use crate::resp::Encoder;
use crate::state::conditions::Condition;
use crate::state::{Client, ClientFlags, Server, WorkerStats};
use std::sync::Arc;

/// What a worker lends to the commands it runs.
pub(super) struct Shared<'a> {
    pub unix_micros: u64,
    pub server: &'a Server,
    pub settings: &'a Settings,
    pub view: Option<&'a Arc<ClusterView>>,
    pub stats: &'a WorkerStats,
    pub rng: &'a mut Rng,
}

/// The context of commands that work on `db`, for one connection: what is known of it, its output
/// and its source of tickets.
#[inline]
pub(super) fn context<'a>(
    mut db: Held<'a>,
    (client, out, tickets): (&'a mut Client, &'a mut Encoder, &'a mut u64),
    shared: Shared<'a>,
) -> Ctx<'a> {
    let Shared { unix_micros, server, settings, view, stats, rng } = shared;
    let mut followers = Followers::of(server, settings);
    if client.flags.contains(ClientFlags::PRIMARY) {
        // It is in the log, or in the file, as it came.
        followers.remove(Followers::LOGGED);
    } else if !settings.replica_read_only {
        let is_replica = server.conditions.load().contains(Condition::REPLICA);
        followers.set(Followers::OWN_EXPIRY, is_replica);
    }
    followers.instruct(&mut db, settings);
    Ctx {
        now: Millis(unix_micros / 1000),
        unix_micros,
        read_clock: clock::now,
        db,
        out,
        client,
        server,
        settings,
        view,
        stats,
        rng,
        effects: Effects::default(),
        followers,
        execution: None,
        may_block: true,
        woken_by: None,
        tickets,
    }
}

/// What becomes of expired keys, if it is usually this: where nothing may change they stay.
#[inline]
pub(super) fn expiry(usual: Expiry, conditions: Condition) -> Expiry {
    match usual {
        Expiry::Delete if conditions.intersects(Condition::STANDSTILL) => Expiry::Hide,
        usual => usual,
    }
}

/// Lets go of the locks, counts what happened, leaves garbage to the janitor and sends those who
/// waited and were served their replies. `commands` is how many of the connection's own were run.
/// What else they brought about is the caller's.
#[inline]
pub(super) fn close(mut cx: Ctx<'_>, commands: u64) -> Effects {
    // Whoever looks for those who wait may find keys expired when no command follows to tell it.
    if !cx.db.incidents.is_empty() {
        cx.settle_incidents();
        cx.end_unit();
    }
    let Ctx { mut db, effects, server, stats, .. } = cx;
    // Before the locks are let go, so that the order of the log is that of the changes.
    let mut effects = effects;
    if !effects.journal.is_empty() {
        effects.logged_to = Some(server.log.append(&effects.journal));
    }
    for served in effects.served.drain(..) {
        served.send(effects.logged_to);
    }
    let garbage = std::mem::take(&mut db.garbage);
    let counters = db.release();
    if !garbage.is_empty() {
        server.garbage.throw(garbage);
    }
    if !effects.broadcast.is_empty() {
        server.tracking.broadcast(&server.clients, std::mem::take(&mut effects.broadcast));
    }
    let commands = commands + effects.inner.len() as u64;
    count(stats, &counters, effects.changes, commands);
    effects
}

#[inline]
fn count(stats: &WorkerStats, counters: &Counters, changes: u64, commands: u64) {
    stats.hits.add(counters.hits);
    stats.misses.add(counters.misses);
    stats.expired_keys.add(counters.expired);
    stats.dirty.add(changes);
    stats.commands.add(commands);
}
