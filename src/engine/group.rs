//! A group: consecutive requests of one connection that run under one set of locks.
//!
//! Planning looks up commands and keys and stops before anything that must run alone; running takes
//! the locks of all slots in ascending order, prefetches, executes in the client's order and lets
//! go. So the order is the client's, whatever is grouped, and a group costs one gate, one lock per
//! slot and two clock readings however many requests it has.

use std::sync::atomic::Ordering;
use std::time::Duration;

use smallvec::SmallVec;

use super::admission::{self, Asked};
use super::blocking;
use super::eviction::{Bailiff, Room, Turn};
use super::redirect;
use super::session::{Session, Wait};
use super::stage::{self, Shared};
use super::worker::Worker;
use crate::base::{Millis, Slot};
use crate::commands::{Ctx, Registered, Table};
use crate::config::Settings;
use crate::keyspace::{Held, Key, Keyspace};
use crate::resp::{Batch, RawRequest};
use crate::spec::{CmdError, CmdResult, Flags, Plan};
use crate::state::conditions::Condition;
use crate::state::slowlog::trim_args;
use crate::state::transaction::Execution;
use crate::state::watches::Name;
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
    /// The command's flags, and those of what it will run.
    pub flags: Flags,
    /// Its keys among the group's: those that say where it is served end before those it only
    /// watches.
    pub first_key: usize,
    pub routed_end: usize,
    pub end_key: usize,
    /// It is not run but kept for EXEC.
    pub queued: bool,
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

/// What planning looks at.
#[derive(Clone, Copy)]
struct Scene<'a> {
    server: &'a Server,
    settings: &'a Settings,
    conditions: Condition,
    /// What EXEC is to run, if that is the first request.
    execution: Option<&'a Execution>,
}

impl<'a> Group<'a> {
    /// Takes requests until one must run alone, a bound is reached or there are no more.
    fn plan(
        &mut self,
        scene: Scene<'a>,
        client: &Client,
        batch: &'a Batch,
        (input, next): (&'a [u8], usize),
    ) {
        let one_by_one = client.flags.intersects(ONE_BY_ONE);
        let steps_max = if one_by_one || wants_exact_times(scene.settings) { 1 } else { STEPS_MAX };
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
            let queued = found.as_ref().is_ok_and(|command| is_queued(command, client));
            let alone =
                !queued && found.as_ref().is_ok_and(|command| command.spec.plan != Plan::Batch);
            if alone && !self.steps.is_empty() {
                break;
            }
            if let Ok(command) = found
                && admission::is_paused(
                    all_flags(command, client, scene.execution),
                    scene.conditions,
                )
            {
                self.paused = self.steps.is_empty();
                break;
            }
            latest = found.as_ref().ok().copied().or(latest);
            self.add(scene, client, request, found, queued);
            if alone {
                break;
            }
        }
    }

    /// Takes one request: what it needs to run, or why it will not.
    #[inline]
    fn add(
        &mut self,
        scene: Scene<'a>,
        client: &Client,
        request: RawRequest<'a>,
        found: CmdResult<&'static Registered>,
        queued: bool,
    ) {
        let named = found.as_ref().ok().copied();
        let first_key = self.keys.len();
        let checked = found.and_then(|command| {
            admission::before_keys(command, request, client)?;
            admission::add_keys(command, request, &scene.server.keyspace, &mut self.keys)?;
            Ok(command)
        });
        let (command, refusal) = match checked {
            Ok(command) => (Some(command), None),
            Err(refusal) => {
                self.keys.truncate(first_key);
                (named, Some(Box::new(refusal)))
            }
        };
        let mut routed_end = self.keys.len();
        if let (Some(command), None) = (command, &refusal) {
            self.exclusive |= !queued && command.spec.plan == Plan::Exclusive;
            if let (Plan::Transaction, Some(execution)) = (command.spec.plan, scene.execution) {
                routed_end = self.add_transaction(&scene.server.keyspace, client.db, execution);
            }
        }
        let end_key = self.keys.len();
        let flags =
            command.map_or(Flags::empty(), |command| all_flags(command, client, scene.execution));
        self.steps.push(Step {
            request,
            command,
            flags,
            first_key,
            routed_end,
            end_key,
            queued,
            refusal,
        });
    }

    /// Takes the keys of everything that EXEC will run, then those that are watched; where the
    /// former end.
    fn add_transaction(&mut self, keyspace: &Keyspace, db: u8, execution: &'a Execution) -> usize {
        for queued in &execution.transaction.queued {
            let command = Table::get().by_index(queued.command);
            let command = command.expect("it was queued by its number");
            // Keys that cannot be found are its handler's to refuse.
            drop(admission::add_keys(command, queued.request.as_raw(), keyspace, &mut self.keys));
        }
        let routed_end = self.keys.len();
        let watched = &execution.watching.keys;
        let key = |name: &'a Name| Key::new(&name.1, keyspace.hash(&name.1), Slot::of(&name.1));
        self.keys.extend(watched.iter().map(|watched| key(&watched.name)));
        let elsewhere = watched.iter().any(|watched| watched.name.0 != db);
        self.exclusive |= execution.transaction.exclusive || elsewhere;
        routed_end
    }
}

/// Whether MULTI keeps a command for EXEC instead of running it.
#[inline]
fn is_queued(command: &'static Registered, client: &Client) -> bool {
    client.flags.contains(ClientFlags::MULTI) && !command.flags.contains(Flags::NOT_QUEUED)
}

/// The flags of a command and, for EXEC, of everything that it will run.
#[inline]
fn all_flags(
    command: &'static Registered,
    client: &Client,
    execution: Option<&Execution>,
) -> Flags {
    if command.spec.plan != Plan::Transaction {
        return command.flags;
    }
    let transaction = execution.map_or(&client.transaction, |execution| &execution.transaction);
    command.flags | transaction.flags
}

/// Takes what EXEC is to run out of the connection, if that is the next request and may run now.
#[inline]
fn take_execution(
    client: &mut Client,
    request: RawRequest<'_>,
    conditions: Condition,
) -> Option<Execution> {
    if !client.flags.contains(ClientFlags::MULTI) {
        return None;
    }
    let command = admission::look_up(request, None).ok()?;
    let paused = || admission::is_paused(all_flags(command, client, None), conditions);
    if command.spec.plan != Plan::Transaction || paused() {
        return None;
    }
    client.set(ClientFlags::MULTI, false);
    let transaction = std::mem::take(&mut client.transaction);
    Some(Execution { transaction, watching: std::mem::take(&mut client.watching) })
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
        let grows = |step: &&Step<'_>| step.flags.contains(Flags::DENY_OOM);
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
    let (taken, ready) = run_group(session, worker);
    if !ready.is_empty() {
        blocking::serve_apart(worker, ready);
    }
    taken
}

/// How many requests were run, and the keys that somebody waits for and who could not be served
/// under the group's locks.
fn run_group(session: &mut Session, worker: &mut Worker) -> (usize, Vec<Name>) {
    let Session { client, parser, batch, next, out, tickets, wait, gaps, .. } = session;
    let Worker { index, server, clock, rng, bailiff, settings, view } = worker;
    let (server, settings) = (&**server, &**settings.load());
    let conditions = server.conditions.load();
    let execution = take_execution(client, batch.request(parser.input(), *next), conditions);
    let scene = Scene { server, settings, conditions, execution: execution.as_ref() };
    // Filled in place: moving them would copy some kilobytes for every group.
    let mut group = Group::default();
    group.plan(scene, client, batch, (parser.input(), *next));
    if group.paused {
        *wait = Some(Wait::Pause);
        client.set(ClientFlags::BLOCKED, true);
        return (0, Vec::new());
    }
    if group.hostile {
        close_hostile(client);
    }
    if group.steps.is_empty() {
        return (0, Vec::new());
    }
    let turn = Turn { server, settings, lane: *index, clock, rng };
    let conditions = group.make_room(bailiff, turn, conditions);
    let Group { steps, keys, exclusive, .. } = &mut group;
    let exclusive = *exclusive;
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
    let shared = Shared { unix_micros, server, settings, view, stats, rng };
    let mut cx = stage::context(db, (client, out, tickets), shared);
    cx.execution = execution.as_ref();
    let mut taken = 0;
    let mut blocked = None;
    for step in steps.iter() {
        taken += 1;
        execute(&mut cx, step, keys, conditions);
        if let Some(wanted) = cx.effects.wanted.take() {
            let command = step.command.expect("only a command can ask to wait");
            blocked = Some(blocking::Wait::begin(&mut cx, wanted, command, step.request));
        }
        if !cx.effects.ready.is_empty() && !blocking::serve(&mut cx) {
            break;
        }
    }
    let effects = stage::close(cx, taken as u64);
    drop(pass);
    let elapsed = clock.read().saturating_duration_since(started);
    let account = Account { server, settings, now, client };
    account.group(stats, &steps[..taken], &effects.inner, elapsed);
    *next += taken;
    if let Some(execution) = &execution {
        server.watches.remove(&execution.watching);
    }
    gaps.open(&effects.gaps, out);
    *wait = match (blocked, effects.awaiting.or(gaps.first())) {
        (Some(blocked), _) => Some(Wait::Keys(blocked)),
        (None, Some(ticket)) => Some(Wait::Answer(ticket)),
        (None, None) => None,
    };
    if let Some(wait) = wait {
        client.set(ClientFlags::BLOCKED, true);
        client.set(ClientFlags::UNBLOCKABLE, matches!(wait, Wait::Keys(_)));
    }
    (taken, effects.ready)
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

/// Runs one planned request, or queues it, and writes its reply.
#[inline]
fn execute(cx: &mut Ctx<'_>, step: &Step<'_>, keys: &[Key<'_>], conditions: Condition) {
    let mark = cx.out.mark();
    match admit(cx, step, &keys[step.first_key..step.routed_end], conditions) {
        Ok(command) if step.queued => queue(cx, command, step.request),
        Ok(command) => {
            let own = &keys[step.first_key..step.end_key];
            cx.show(command, step.request);
            // An error has been written and counted.
            drop(cx.call(command, step.request, own));
        }
        Err(refusal) => reject(cx, step, &refusal),
    }
    if cx.client.flags.intersects(AFTERMATH) {
        settle_flags(cx, mark);
    }
}

/// The command, if nothing speaks against running it now.
#[inline]
fn admit(
    cx: &mut Ctx<'_>,
    step: &Step<'_>,
    keys: &[Key<'_>],
    conditions: Condition,
) -> Result<&'static Registered, Refusal> {
    let command = match (step.command, &step.refusal) {
        (Some(command), None) => command,
        (_, refusal) => {
            let error = refusal.as_deref().expect("a request without a command is refused");
            return Err(Refusal::Condition(error.clone()));
        }
    };
    if cx.view.is_some() && !keys.is_empty() {
        redirect::check(cx, step.flags, keys, conditions).map_err(Refusal::Elsewhere)?;
    }
    let asked = Asked { command, flags: step.flags };
    admission::under_locks(cx, asked, conditions).map_err(Refusal::Condition)?;
    Ok(command)
}

/// Why a request is not run.
enum Refusal {
    /// Another node serves its keys.
    Elsewhere(CmdError),
    /// It makes no sense, or not now.
    Condition(CmdError),
}

/// Keeps a request for EXEC.
#[cold]
fn queue(cx: &mut Ctx<'_>, command: &'static Registered, request: RawRequest<'_>) {
    let exclusive = command.spec.plan == Plan::Exclusive || command.flags.contains(Flags::SELECTS);
    let transaction = &mut cx.client.transaction;
    transaction.queue(request.into(), command.index, command.flags, exclusive);
    let (queued, bytes) = (transaction.queued.len() as u64, transaction.heap_bytes() as u64);
    cx.client.shared.queued.store(queued, Ordering::Relaxed);
    cx.client.shared.queued_bytes.store(bytes, Ordering::Relaxed);
    if bytes > cx.settings.client_query_buffer_limit {
        tracing::warn!(client = cx.client.shared.id, bytes, "transaction too large: client closed");
        cx.client.set(ClientFlags::CLOSE_AFTER_REPLY, true);
    }
    cx.out.simple("QUEUED");
}

/// Writes why a request is not run. A transaction that it was to be part of, or to end, fails.
#[cold]
fn reject(cx: &mut Ctx<'_>, step: &Step<'_>, refusal: &Refusal) {
    if let Some(command) = step.command {
        cx.stats.by_command[command.index].rejected.add(1);
    }
    if cx.client.flags.contains(ClientFlags::MULTI) {
        cx.client.transaction.failed = true;
    }
    let executes = step.command.is_some_and(|command| command.spec.plan == Plan::Transaction);
    match refusal {
        Refusal::Condition(error) if executes => {
            let text = error.to_string();
            let reason = text.strip_prefix("ERR ").unwrap_or(&text);
            cx.write_error(&CmdError::owned(format!(
                "EXECABORT Transaction discarded because of: {reason}"
            )));
        }
        Refusal::Condition(error) | Refusal::Elsewhere(error) => cx.write_error(error),
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

/// What is written down after a group has run.
struct Account<'a> {
    server: &'a Server,
    settings: &'a Settings,
    now: Millis,
    client: &'a Client,
}

impl Account<'_> {
    fn group(&self, stats: &WorkerStats, steps: &[Step<'_>], inner: &[usize], elapsed: Duration) {
        let nanos = elapsed.as_nanos() as u64 / steps.len().max(1) as u64;
        for &index in inner {
            stats.by_command[index].calls.add(1);
            stats.by_command[index].nanos.add(elapsed.as_nanos() as u64 / inner.len() as u64);
        }
        // Runs of the same command are counted in one go: usually the whole group is one.
        let ran = |step: &&Step<'_>| step.refusal.is_none() && !step.queued;
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
