//! A group: consecutive requests of one connection that run under one set of locks.
//!
//! Planning looks up commands and keys and stops before anything that must run alone; running takes
//! the locks of all slots in ascending order, prefetches, executes in the client's order and lets
//! go. So the order is the client's, whatever is grouped, and a group costs one gate, one lock per
//! slot and two clock readings however many requests it has.

use std::sync::Arc;

use super::account::Account;
use super::admission::{self, Asked};
use super::blocking;
use super::durable::{self, Outcome, Replies};
use super::eviction::Turn;
use super::plan::{Group, Scene, Step, take_execution};
use super::redirect;
use super::session::{Session, Wait};
use super::stage::{self, Shared};
use super::worker::Worker;
use crate::base::Millis;
use crate::cluster::ClusterView;
use crate::commands::{Ctx, GETACK, Ready, Registered, WantedDurable};
use crate::config::Settings;
use crate::keyspace::{Expiry, Held, Key};
use crate::replication::Reach;
use crate::resp::RawRequest;
use crate::spec::{CmdError, Flags, Group as Family, Plan};
use crate::state::conditions::Condition;
use crate::state::durability::Need;
use crate::state::transaction::Execution;
use crate::state::{Client, ClientFlags, Server};

#[cold]
fn close_hostile(client: &mut Client) {
    let id = client.shared.id;
    tracing::warn!(client = id, "possible cross-protocol attack: client closed");
    client.set(ClientFlags::CLOSE_AFTER_REPLY, true);
}

/// Runs the next group of the session's parsed requests; returns how many it took.
pub(super) fn run(session: &mut Session, worker: &mut Worker) -> usize {
    let (taken, ready, moved) = run_group(session, worker);
    if moved {
        session.view_changed(&worker.server);
    }
    if !ready.is_empty() {
        blocking::serve_apart(worker, ready);
    }
    taken
}

/// How many requests were run, the keys that somebody waits for and who could not be served under
/// the group's locks, and whether the cluster has changed meanwhile.
fn run_group(session: &mut Session, worker: &mut Worker) -> (usize, Ready, bool) {
    let Session { client, parser, batch, next, out, tickets, wait, .. } = session;
    let Session { gaps, owed, muted, feed, .. } = session;
    let Worker { index, server, clock, rng, bailiff, settings, view } = worker;
    let (server, settings) = (&**server, &**settings.load());
    // What our primary or our own file says was decided when it was first run.
    let is_trusted = client.flags.contains(ClientFlags::PRIMARY);
    let conditions = if is_trusted { Condition::empty() } else { server.conditions.load() };
    let execution = take_execution(client, batch.request(parser.input(), *next), conditions);
    let scene = Scene { server, settings, conditions, execution: execution.as_ref() };
    // Filled in place: moving them would copy some kilobytes for every group.
    let mut group = Group::default();
    group.plan(scene, client, batch, (parser.input(), *next));
    if runs_nothing(&group, client, wait) {
        return (0, Ready::default(), false);
    }
    let turn = Turn { server, settings, lane: *index, clock, rng };
    let conditions =
        if is_trusted { conditions } else { group.make_room(bailiff, turn, conditions) };
    let pass = server.keyspace.gate().enter(*index, group.exclusive);
    // Roles change while nobody is inside: what is refused for it is known only now.
    let conditions = server.conditions.load() | conditions & Condition::OUT_OF_MEMORY;
    if conditions.intersects(Condition::WRITES_WAIT) && !is_trusted && writes(&group.steps) {
        drop((pass, group));
        hold_back(client, wait, execution);
        return (0, Ready::default(), false);
    }
    // Only now: see `redirect` for why the view must not be older than the pass.
    let seen = view.as_mut().filter(|_| !is_trusted).map(|view| view.load() as &Arc<ClusterView>);
    let version = seen.map(Arc::as_ptr);
    let stats = server.stats.worker(*index);
    let started = clock.read();
    let unix_micros = clock.unix_micros(started);
    let now = Millis(unix_micros / 1000);
    let hold = if group.exclusive { Held::whole } else { Held::lock };
    let db = hold(&server.keyspace, client.db, &mut group.keys, now);
    group.prefetch_elements(&db);
    let Group { steps, keys, .. } = &mut group;
    let shared = Shared { unix_micros, server, settings, view: seen, stats, rng };
    let mut cx = stage::context(db, (client, out, tickets), shared);
    cx.execution = execution.as_ref();
    let shown = stage::expiry(cx.db.expiry, conditions);
    cx.db.expiry = if is_trusted { Expiry::Show } else { shown };
    cx.may_block &= !is_trusted;
    let need = durable::need_of_writes(&cx);
    let Ran { taken, called, blocked, replies } = run_steps(&mut cx, steps, keys, conditions, need);
    if let Some(feed) = feed {
        let bytes = (*next..*next + taken).map(|index| batch.wire_len(index)).sum();
        feed.advance(bytes, server, cx.client);
    }
    let effects = stage::close(cx, called);
    drop(pass);
    let elapsed = clock.read().saturating_duration_since(started);
    let account = Account { server, settings, now, shared: &client.shared };
    account.group(stats, (&steps[..taken], blocked.is_some()), &effects, elapsed);
    execution.iter().for_each(|it| account.transaction(stats, &it.transaction, &effects.inner));
    *next += taken;
    execution.iter().for_each(|it| server.watches.remove(&it.watching));
    client.logged_to = client.logged_to.and(effects.logged_to);
    gaps.open(&effects.gaps, out);
    *owed = need.and(effects.logged_to).map(|reach| (reach, replies));
    let answer = effects.awaiting.or(gaps.first());
    let waits = Waits { server, settings, client, tickets, now };
    *wait = wait_after(blocked, answer, effects.wanted_durable, waits);
    *muted = effects.muted;
    wait.iter().for_each(|wait| wait.show(client));
    let current = view.as_mut().map(|view| Arc::as_ptr(view.load()));
    (taken, effects.ready, version.is_some() && current != version)
}

/// Has the connection wait until everything up to `reach` is safe, if it has to be before `replies`
/// are sent.
#[cold]
pub(super) fn owe(session: &mut Session, worker: &mut Worker, reach: Reach, replies: Replies) {
    let Session { client, tickets, wait, gaps, out, .. } = session;
    debug_assert!(wait.is_none() && !gaps.are_open(), "first things first");
    let now = worker.clock.time().0;
    let (server, settings) = (&*worker.server, &**worker.settings.load());
    let Some(need) = durable::need_of(server.log.wants_effects(), server, settings) else {
        return;
    };
    let mut waits = Waits { server, settings, client, tickets, now };
    *wait = waits.for_writes(Need { reach, ..need }, replies.up_to(out));
    if let Some(wait) = wait {
        wait.show(client);
    }
}

/// Whether there is nothing to run, and what then has to be done.
#[inline]
fn runs_nothing(group: &Group<'_>, client: &mut Client, wait: &mut Option<Wait>) -> bool {
    if group.paused {
        *wait = Some(Wait::Pause);
        client.set(ClientFlags::BLOCKED, true);
        return true;
    }
    if group.hostile {
        close_hostile(client);
    }
    group.steps.is_empty()
}

/// What the next request has to wait for.
#[inline]
fn wait_after(
    blocked: Option<blocking::Wait>,
    answer: Option<u64>,
    safety: Option<WantedDurable>,
    mut waits: Waits<'_>,
) -> Option<Wait> {
    match (blocked, answer, safety) {
        (Some(blocked), ..) => Some(Wait::Keys(blocked)),
        (None, Some(ticket), _) => Some(Wait::Answer(ticket)),
        (None, None, Some(wanted)) => Some(waits.for_report(wanted)),
        (None, None, None) => None,
    }
}

/// Whether anything would be written to the log.
#[cold]
fn writes(steps: &[Step<'_>]) -> bool {
    let writes = Flags::WRITE.union(Flags::MAY_REPLICATE);
    steps.iter().any(|step| step.flags.intersects(writes))
}

/// Has the connection wait until writes may run: the role began to be handed over while its
/// requests were planned.
#[cold]
fn hold_back(client: &mut Client, wait: &mut Option<Wait>, execution: Option<Execution>) {
    if let Some(Execution { transaction, watching }) = execution {
        client.set(ClientFlags::MULTI, true);
        (client.transaction, client.watching) = (transaction, watching);
        client.publish_queue();
    }
    *wait = Some(Wait::Pause);
    client.set(ClientFlags::BLOCKED, true);
}

/// What came of running a group's steps.
struct Ran {
    /// How many were run; the others come in the next group.
    taken: usize,
    /// How many commands that was, not counting what was refused or queued.
    called: u64,
    blocked: Option<blocking::Wait>,
    /// Noted only if writes have to be safe before they are answered.
    replies: Replies,
}

/// Runs the steps, and serves those who wait for what they made ready before the next.
#[inline]
fn run_steps(
    cx: &mut Ctx<'_>,
    steps: &mut [Step<'_>],
    keys: &[Key<'_>],
    conditions: Condition,
    need: Option<Need>,
) -> Ran {
    let mut ran = Ran { taken: 0, called: 0, blocked: None, replies: Replies::default() };
    for step in steps {
        ran.taken += 1;
        let changes = cx.effects.changes;
        if need.is_some() {
            ran.replies.begin(cx.out);
        }
        execute(cx, step, keys, conditions);
        ran.called += u64::from(step.called);
        cx.end_unit();
        if need.is_some() && cx.effects.changes != changes {
            ran.replies.wrote();
        }
        if let Some(wanted) = cx.effects.wanted.take() {
            let command = step.command.expect("only a command can ask to wait");
            ran.blocked = Some(blocking::Wait::begin(cx, wanted, command, step.request));
        }
        // What clients of a replica are served is no part of the stream: it comes after that.
        let is_apart = cx.client.flags.contains(ClientFlags::PRIMARY);
        if !cx.effects.ready.is_empty() && (is_apart || !blocking::serve(cx)) {
            break;
        }
    }
    ran
}

/// What it takes to have a connection wait for writes to be safe.
struct Waits<'a> {
    server: &'a Server,
    settings: &'a Settings,
    client: &'a Client,
    tickets: &'a mut u64,
    now: Millis,
}

impl Waits<'_> {
    fn for_report(&mut self, wanted: WantedDurable) -> Wait {
        self.until_met(wanted.need, wanted.deadline, Outcome::Report(wanted.report))
    }

    /// Keeps the replies of a group that wrote back, unless what it wrote is safe already.
    fn for_writes(&mut self, need: Need, replies: Replies) -> Option<Wait> {
        if self.server.durability.is_met(&need) {
            return None;
        }
        if need.replicas > 0 {
            self.server.log.append_if_active(GETACK);
        }
        let deadline = durable::deadline(self.settings, &need, self.now);
        Some(self.until_met(need, deadline, Outcome::Release(replies)))
    }

    fn until_met(&mut self, need: Need, deadline: Option<Millis>, outcome: Outcome) -> Wait {
        *self.tickets += 1;
        self.server.durability.enter(need, &self.client.shared, *self.tickets);
        Wait::Durable(durable::Wait { ticket: *self.tickets, deadline, need, outcome })
    }
}

/// Runs one planned request, or queues it, and writes its reply.
#[inline]
fn execute(cx: &mut Ctx<'_>, step: &mut Step<'_>, keys: &[Key<'_>], conditions: Condition) {
    let mark = cx.out.mark();
    match admit(cx, step, &keys[step.first_key..step.routed_end], conditions) {
        Ok(command) if step.queued => queue(cx, command, step.request),
        Ok(command) => {
            step.called = true;
            cx.make_way(step.flags);
            let own = &keys[step.first_key..step.end_key];
            // An error has been written and counted.
            drop(cx.call(command, step.request, own));
            cx.track(command, own);
            // Only now: EXEC comes after what it ran.
            cx.show(command, step.request);
        }
        Err(refusal) => reject(cx, step, &refusal),
    }
    if cx.client.flags.contains(ClientFlags::PRIMARY) {
        mute(cx, mark); // no other of those flags is ever set
    } else if cx.client.flags.intersects(AFTERMATH) {
        let pushes = step.called && step.flags.contains(PUSHES);
        settle_flags(cx, mark, pushes);
    }
    if !cx.effects.pushes.is_empty() {
        // What the command brought about for its own connection comes after its reply.
        let pushes = std::mem::take(&mut cx.effects.pushes);
        pushes.iter().for_each(|push| cx.out.value(push));
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
    let from_primary = cx.client.flags.contains(ClientFlags::PRIMARY);
    if cx.view.is_some() && !keys.is_empty() && !from_primary {
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
    // What walks over keys that it does not name may lock any slot, and others are held by then.
    let walks =
        matches!(command.spec.group, Family::Generic | Family::Cluster) && !command.has_keys;
    let exclusive = command.spec.plan == Plan::Exclusive
        || command.flags.contains(Flags::SELECTS)
        || (walks && command.spec.plan != Plan::Batch);
    let transaction = &mut cx.client.transaction;
    // If a watched key has changed, EXEC will run nothing.
    if !cx.client.watching.watcher.is_touched() {
        transaction.queue(request.into(), command.index, command.flags, exclusive);
    }
    let bytes = transaction.heap_bytes() as u64;
    cx.client.publish_queue();
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
    if let (Refusal::Condition(error), Some(command)) = (refusal, step.command)
        && error.is_noperm()
    {
        cx.note_denial(command, step.request, command);
    }
    let executes = step.command.is_some_and(|command| command.spec.plan == Plan::Transaction);
    let (Refusal::Condition(error) | Refusal::Elsewhere(error)) = refusal;
    if cx.client.flags.contains(ClientFlags::PRIMARY) {
        let name = step.command.map_or("an unknown command", |command| command.spec.name);
        cx.failed_unexpectedly(name, error);
    }
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
    .union(ClientFlags::REPLY_SKIP_NEXT)
    .union(ClientFlags::CACHING);

/// Flags of commands whose replies are pushes: those come even where no reply is wanted.
const PUSHES: Flags = Flags::PUBSUB.union(Flags::WHILE_SUBSCRIBED);

/// Drops the reply that was written since `mark`.
#[inline]
fn mute(cx: &mut Ctx<'_>, mark: crate::resp::Mark) {
    cx.effects.muted = true;
    cx.out.rewind(mark);
    // Answers to come are dropped in their places.
    cx.effects.gaps.iter_mut().for_each(|(_, place)| *place = mark);
}

#[cold]
fn settle_flags(cx: &mut Ctx<'_>, mark: crate::resp::Mark, pushes: bool) {
    let flags = cx.client.flags;
    // Inside MULTI it is for the whole transaction.
    let kept = flags.contains(ClientFlags::ASKING | ClientFlags::MULTI);
    cx.client.set(ClientFlags::ASKING, kept || flags.contains(ClientFlags::ASKING_NEXT));
    cx.client.set(ClientFlags::ASKING_NEXT, false);
    // So is this.
    let in_transaction = flags.contains(ClientFlags::MULTI);
    let chosen = in_transaction || flags.contains(ClientFlags::CACHING_NEXT);
    cx.client.set(ClientFlags::CACHING, chosen && flags.contains(ClientFlags::CACHING));
    cx.client.set(ClientFlags::CACHING_NEXT, false);
    cx.effects.muted = false;
    if cx.client.is_muted() && !pushes {
        mute(cx, mark);
    }
    // SKIP takes effect with the command after the one that asked for it.
    cx.client.set(ClientFlags::REPLY_SKIP, flags.contains(ClientFlags::REPLY_SKIP_NEXT));
    cx.client.set(ClientFlags::REPLY_SKIP_NEXT, false);
}
