//! A group: consecutive requests of one connection that run under one set of locks.
//!
//! Planning looks up commands and keys and stops before anything that must run alone; running takes
//! the locks of all slots in ascending order, prefetches, executes in the client's order and lets
//! go. So the order is the client's, whatever is grouped, and a group costs one gate, one lock per
//! slot and two clock readings however many requests it has.

use std::sync::atomic::Ordering;
use std::time::Duration;

use smallvec::SmallVec;

use super::admission;
use super::eviction::{Bailiff, Room, Turn};
use super::session::{Session, Wait};
use super::worker::Worker;
use crate::base::Millis;
use crate::commands::{Args, Ctx, Effects, Registered};
use crate::config::Settings;
use crate::keyspace::{Counters, Held, Key};
use crate::resp::{Batch, RawRequest};
use crate::spec::{CmdError, CmdResult, Flags, Plan};
use crate::state::conditions::Condition;
use crate::state::slowlog::trim_args;
use crate::state::{Client, ClientFlags, Histogram, Server, SlowEntry, WorkerStats};

/// Requests in one group.
const STEPS_MAX: usize = 64;
/// Keys after which a group takes no further request.
const KEYS_MAX: usize = 128;
/// Below this threshold (microseconds) of the slow log a group's mean would hide what it looks for.
const EXACT_BELOW_MICROS: i64 = 1_000;

/// One request, planned.
pub(super) struct Step<'a> {
    pub request: RawRequest<'a>,
    pub command: Option<&'static Registered>,
    /// Its keys among the group's.
    pub first_key: usize,
    pub end_key: usize,
    /// Why it will not run.
    pub refusal: Option<Box<CmdError>>,
}

/// What a group consists of.
#[derive(Default)]
struct Group<'a> {
    steps: SmallVec<[Step<'a>; STEPS_MAX]>,
    keys: SmallVec<[Key<'a>; KEYS_MAX]>,
    exclusive: bool,
    /// The first request must wait for the end of CLIENT PAUSE.
    paused: bool,
    /// A request is no client's: close the connection before it.
    hostile: bool,
}

impl<'a> Group<'a> {
    /// Takes requests until one must run alone, a bound is reached or there are no more.
    fn plan(
        &mut self,
        server: &Server,
        settings: &Settings,
        client: &Client,
        batch: &'a Batch,
        (input, next): (&'a [u8], usize),
        conditions: Condition,
    ) {
        let steps_max = if wants_exact_times(settings) || client.flags.intersects(ONE_BY_ONE) {
            1
        } else {
            STEPS_MAX
        };
        let mut latest: Option<&'static Registered> = None;
        for index in next..batch.len() {
            if self.steps.len() == steps_max || self.keys.len() >= KEYS_MAX {
                break;
            }
            let request = batch.request(input, index);
            let found = admission::look_up(request, latest);
            if found.is_err() && admission::is_http(request) {
                self.hostile = true;
                break;
            }
            let alone = found.as_ref().is_ok_and(|command| command.spec.plan != Plan::Batch);
            if alone && !self.steps.is_empty() {
                break;
            }
            if let Ok(command) = found
                && admission::is_paused(command, conditions)
            {
                self.paused = self.steps.is_empty();
                break;
            }
            latest = found.as_ref().ok().copied().or(latest);
            self.add(server, client, request, found);
            if alone {
                break;
            }
        }
    }

    /// Takes one request: what it needs to run, or why it will not.
    #[inline]
    fn add(
        &mut self,
        server: &Server,
        client: &Client,
        request: RawRequest<'a>,
        found: CmdResult<&'static Registered>,
    ) {
        let named = found.as_ref().ok().copied();
        let first_key = self.keys.len();
        let checked = found.and_then(|command| {
            admission::before_keys(command, request, client)?;
            admission::add_keys(command, request, &server.keyspace, &mut self.keys)?;
            Ok(command)
        });
        let (command, refusal) = match checked {
            Ok(command) => (Some(command), None),
            Err(refusal) => {
                self.keys.truncate(first_key);
                (named, Some(Box::new(refusal)))
            }
        };
        self.exclusive |= refusal.is_none()
            && command.is_some_and(|command| command.spec.plan == Plan::Exclusive);
        let end_key = self.keys.len();
        self.steps.push(Step { request, command, first_key, end_key, refusal });
    }
}

#[cold]
fn close_hostile(client: &mut Client) {
    let id = client.shared.id;
    tracing::warn!(client = id, "possible cross-protocol attack: client closed");
    client.set(ClientFlags::CLOSE_AFTER_REPLY, true);
}

/// What a group has to do with `maxmemory`.
impl Group<'_> {
    /// Has room made for the group, or makes the group fit; the conditions it runs under.
    #[inline]
    fn make_room(
        &mut self,
        bailiff: &mut Bailiff,
        turn: Turn<'_>,
        conditions: Condition,
    ) -> Condition {
        match bailiff.make_room(turn, || self.bytes_wanted()) {
            Room::Enough => conditions,
            Room::Little => {
                self.shorten();
                conditions
            }
            Room::None => {
                self.shorten();
                conditions.union(Condition::OUT_OF_MEMORY)
            }
        }
    }

    /// Bytes of the requests that may need memory: about what they will make the data grow by.
    fn bytes_wanted(&self) -> u64 {
        let grows = |step: &&Step<'_>| {
            step.command.is_some_and(|command| command.flags.contains(Flags::DENY_OOM))
        };
        self.steps.iter().filter(grows).map(|step| step.request.bytes_total() as u64).sum()
    }

    /// Leaves all but the first request to later groups, if they may need memory.
    #[cold]
    fn shorten(&mut self) {
        if self.bytes_wanted() > 0 && !self.hostile {
            self.steps.truncate(1);
            self.keys.truncate(self.steps[0].end_key);
        }
    }
}

/// Runs the next group of the session's parsed requests; returns how many it took.
pub(super) fn run(session: &mut Session, worker: &mut Worker) -> usize {
    let Session { client, parser, batch, next, out, tickets, wait, .. } = session;
    let Worker { index, server, clock, rng, bailiff, settings, view } = worker;
    let (server, settings) = (&**server, &**settings.load());
    let conditions = server.conditions.load();
    // Filled in place: moving them would copy some kilobytes for every group.
    let mut group = Group::default();
    group.plan(server, settings, client, batch, (parser.input(), *next), conditions);
    if group.paused {
        *wait = Some(Wait::Pause);
        client.set(ClientFlags::BLOCKED, true);
        return 0;
    }
    if group.hostile {
        close_hostile(client);
    }
    if group.steps.is_empty() {
        return 0;
    }
    let turn = Turn { server, settings, lane: *index, clock, rng };
    let conditions = group.make_room(bailiff, turn, conditions);
    let Group { steps, keys, exclusive, .. } = &mut group;
    let (taken, exclusive) = (steps.len(), *exclusive);
    let keyspace = &server.keyspace;
    let pass = keyspace.gate().enter(*index, exclusive);
    // Only now: see `redirect` for why the view must not be older than the pass.
    let view = view.as_mut().map(|view| view.load() as &_);
    let stats = server.stats.worker(*index);
    let started = clock.read();
    let unix_micros = clock.unix_micros(started);
    let now = Millis(unix_micros / 1000);
    let db = if exclusive {
        Held::whole(keyspace, client.db, keys, now)
    } else {
        Held::lock(keyspace, client.db, keys, now)
    };
    let mut cx = Ctx {
        now,
        unix_micros,
        db,
        out,
        client,
        server,
        settings,
        view,
        stats,
        rng,
        effects: Effects::default(),
        tickets,
    };
    for step in steps.iter() {
        execute(&mut cx, step, &keys[step.first_key..step.end_key], conditions);
    }
    let Ctx { mut db, effects, client, .. } = cx;
    let garbage = std::mem::take(&mut db.garbage);
    let counters = db.release();
    drop(pass);
    if !garbage.is_empty() {
        server.garbage.throw(garbage);
    }
    let elapsed = clock.read().saturating_duration_since(started);
    count(stats, &counters, effects.changes, taken as u64);
    Account { server, settings, now, client }.group(stats, steps, elapsed);
    *next += taken;
    if let Some(ticket) = effects.awaiting {
        client.set(ClientFlags::BLOCKED, true);
        *wait = Some(Wait::Answer(ticket));
    }
    taken
}

#[inline]
fn count(stats: &WorkerStats, counters: &Counters, changes: u64, commands: u64) {
    stats.hits.add(counters.hits);
    stats.misses.add(counters.misses);
    stats.expired_keys.add(counters.expired);
    stats.dirty.add(changes + counters.expired);
    stats.commands.add(commands);
}

/// Flags under which the requests of a connection cannot share a group: each changes how the next
/// runs.
const ONE_BY_ONE: ClientFlags = ClientFlags::ASKING
    .union(ClientFlags::REPLY_SKIP)
    .union(ClientFlags::REPLY_SKIP_NEXT)
    .union(ClientFlags::CLOSE_AFTER_REPLY);

/// Whether every command has to be timed by itself.
fn wants_exact_times(settings: &Settings) -> bool {
    (0..EXACT_BELOW_MICROS).contains(&settings.slowlog_log_slower_than)
        || settings.latency_monitor_threshold > Millis::ZERO
}

/// Runs one planned request and writes its reply.
#[inline]
fn execute(cx: &mut Ctx<'_>, step: &Step<'_>, keys: &[Key<'_>], conditions: Condition) {
    let mark = cx.out.mark();
    let result = match (&step.refusal, step.command) {
        (None, Some(command)) => admission::under_locks(cx, command, keys, conditions)
            .map_err(|refusal| (refusal, true))
            .and_then(|()| {
                let mut args = Args::new(step.request, keys, command);
                (command.run)(cx, &mut args).map_err(|error| (error, false))
            }),
        (refusal, _) => {
            let refusal = refusal.as_deref().expect("a request without a command is refused");
            Err((refusal.clone(), true))
        }
    };
    match result {
        Ok(reply) => reply.encode(cx.out),
        Err((error, rejected)) => {
            cx.out.rewind(mark);
            write_error(cx, step.command, &error, rejected);
        }
    }
    if cx.client.flags.intersects(AFTERMATH) {
        settle_flags(cx, mark);
    }
}

/// Flags that the end of a command has to look at.
const AFTERMATH: ClientFlags = ClientFlags::ASKING
    .union(ClientFlags::ASKING_NEXT)
    .union(ClientFlags::REPLY_OFF)
    .union(ClientFlags::REPLY_SKIP)
    .union(ClientFlags::REPLY_SKIP_NEXT);

#[cold]
fn settle_flags(cx: &mut Ctx<'_>, mark: crate::resp::Mark) {
    let flags = cx.client.flags;
    // Inside MULTI it is for the whole transaction.
    let kept = flags.contains(ClientFlags::ASKING | ClientFlags::MULTI);
    cx.client.set(ClientFlags::ASKING, kept || flags.contains(ClientFlags::ASKING_NEXT));
    cx.client.set(ClientFlags::ASKING_NEXT, false);
    if flags.intersects(ClientFlags::REPLY_OFF.union(ClientFlags::REPLY_SKIP)) {
        cx.out.rewind(mark);
    }
    // SKIP takes effect with the command after the one that asked for it.
    cx.client.set(ClientFlags::REPLY_SKIP, flags.contains(ClientFlags::REPLY_SKIP_NEXT));
    cx.client.set(ClientFlags::REPLY_SKIP_NEXT, false);
}

#[cold]
fn write_error(
    cx: &mut Ctx<'_>,
    command: Option<&'static Registered>,
    error: &CmdError,
    rejected: bool,
) {
    let text = error.to_string();
    cx.server.stats.count_error(&text);
    cx.stats.errors.add(1);
    if let Some(command) = command {
        let stats = &cx.stats.by_command[command.index];
        if rejected { stats.rejected.add(1) } else { stats.failed.add(1) }
    }
    cx.out.error(&text);
}

/// What is written down after a group has run.
struct Account<'a> {
    server: &'a Server,
    settings: &'a Settings,
    now: Millis,
    client: &'a Client,
}

impl Account<'_> {
    fn group(&self, stats: &WorkerStats, steps: &[Step<'_>], elapsed: Duration) {
        let nanos = elapsed.as_nanos() as u64 / steps.len().max(1) as u64;
        // Runs of the same command are counted in one go: usually the whole group is one.
        let ran = |step: &&Step<'_>| step.refusal.is_none();
        let mut rest = steps.iter().filter(ran).filter_map(|step| step.command).peekable();
        while let Some(command) = rest.next() {
            let mut count = 1;
            while rest.next_if(|next| next.index == command.index).is_some() {
                count += 1;
            }
            let command_stats = &stats.by_command[command.index];
            command_stats.calls.add(count);
            command_stats.nanos.add(nanos * count);
            if self.settings.latency_tracking {
                let histogram = command_stats.latency.get_or_init(Histogram::default);
                histogram.record(nanos, count as u32);
            }
        }
        if let Some(command) = steps.last().and_then(|step| step.command) {
            self.client.shared.last_command.store(command.index as u32, Ordering::Relaxed);
        }
        self.client.shared.last_active.store(self.now.0, Ordering::Relaxed);
        let micros = nanos / 1000;
        let threshold = self.settings.slowlog_log_slower_than;
        if threshold >= 0 && micros >= threshold as u64 {
            steps.iter().for_each(|step| self.log_slow(step, micros));
        }
        let spike = self.settings.latency_monitor_threshold.0;
        if spike > 0 && micros / 1000 >= spike {
            let fast = steps.iter().filter_map(|step| step.command).all(is_fast);
            let event = if fast { "fast-command" } else { "command" };
            self.server.latency.record(event, self.now.as_secs(), micros / 1000);
        }
    }

    #[cold]
    fn log_slow(&self, step: &Step<'_>, micros: u64) {
        let Some(command) = step.command else {
            return;
        };
        if command.flags.contains(Flags::SKIP_SLOWLOG) || step.refusal.is_some() {
            return;
        }
        let shared = &self.client.shared;
        let entry = SlowEntry {
            id: 0,
            unix_seconds: self.now.as_secs(),
            micros,
            args: trim_args(step.request.args()),
            peer: shared.peer.clone(),
            client_name: shared.details.lock().name.clone(),
        };
        self.server.slowlog.add(entry, self.settings.slowlog_max_len as usize);
    }
}

fn is_fast(command: &'static Registered) -> bool {
    command.flags.contains(Flags::FAST)
}
