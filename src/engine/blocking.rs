//! Serving those who wait in blocking commands, and giving up the wait.
//!
//! The command that made a key ready serves those who wait for it, first come first served, before
//! the next command of its connection: under the locks it holds if these are enough, and otherwise
//! right after with locks of their own. The waiter's thread only hears the outcome.

use std::sync::Arc;

use smallvec::SmallVec;

use super::account::Account;
use super::redirect;
use super::stage::{self, Shared};
use super::worker::Worker;
use crate::base::Slot;
use crate::commands::{Ctx, Ready, Registered, Reply, Table, Wanted, keys};
use crate::keyspace::{Held, Key};
use crate::resp::{Encoder, OwnedRequest, Proto, RawRequest};
use crate::spec::CmdError;
use crate::state::waiters::{Call, Line, Place, Served, Waiter};
use crate::state::watches::Name;
use crate::state::{Client, Server};
use crate::types::Kind;

/// A connection's wait.
#[derive(Debug)]
pub(super) struct Wait {
    pub waiter: Arc<Waiter>,
    pub deadline: Option<crate::base::Millis>,
    pub otherwise: Reply,
}

impl Wait {
    /// Enters a connection whose command found nothing. Call it under the locks of its keys.
    pub(super) fn begin(
        cx: &mut Ctx<'_>,
        wanted: Wanted,
        command: &'static Registered,
        request: RawRequest<'_>,
    ) -> Wait {
        *cx.tickets += 1;
        let line = match (wanted.kind, wanted.group) {
            (_, Some(group)) => Line::Group(group),
            (Kind::Stream, None) => Line::Reader,
            (kind, None) => Line::Elements(kind),
        };
        let call = Call {
            request: wanted.request.unwrap_or_else(|| OwnedRequest::from(request)),
            command: command.index,
            db: cx.client.db,
            proto: cx.client.proto,
            kind: wanted.kind,
            if_gone: wanted.if_gone,
        };
        let waiter = Arc::new(Waiter {
            client: Arc::clone(&cx.client.shared),
            ticket: *cx.tickets,
            names: wanted.names,
            place: cx.server.waiters.place_in(line),
            call: parking_lot::Mutex::new(Some(call)),
        });
        cx.server.waiters.enter(&waiter);
        Wait { waiter, deadline: wanted.deadline, otherwise: wanted.otherwise }
    }

    /// Ends the wait without being served; false if it is being served after all.
    pub(super) fn give_up(&self, server: &Server) -> bool {
        let given_up = self.waiter.call.lock().take().is_some();
        if given_up {
            server.waiters.leave(&self.waiter);
        }
        given_up
    }
}

/// What became of an attempt to serve somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// It is answered, or its wait was over.
    Over,
    /// There is nothing for it.
    Nothing,
    /// It needs slots that are not locked.
    NeedsLocks,
}

impl Attempt {
    /// The place behind which others may still be served.
    fn leaves_off_at(self, place: &Place) -> Place {
        if self == Attempt::Nothing { place.end_of_line() } else { place.clone() }
    }
}

/// Serves those who wait for what the commands so far made ready; false if that needs other locks.
#[cold]
pub(super) fn serve(cx: &mut Ctx<'_>) -> bool {
    while let Some(name) = cx.effects.ready.first().cloned() {
        let mut last = None;
        while let Some(waiter) = cx.server.waiters.next(&name, last.as_ref()) {
            let attempt = attempt(cx, &waiter, &name);
            if attempt == Attempt::NeedsLocks {
                return false;
            }
            last = Some(attempt.leaves_off_at(&waiter.place));
        }
        cx.effects.ready.take_first();
    }
    true
}

/// Serves those who wait for `ready`, each with locks of its own.
#[cold]
pub(super) fn serve_apart(worker: &mut Worker, mut ready: Ready) {
    while let Some(name) = ready.take_first() {
        let mut last = None;
        while let Some(waiter) = worker.server.waiters.next(&name, last.as_ref()) {
            let found = with_locks_of(worker, &waiter, &name, |cx| {
                let attempt = attempt(cx, &waiter, &name);
                debug_assert_ne!(attempt, Attempt::NeedsLocks, "all its slots are locked");
                (attempt, std::mem::take(&mut cx.effects.ready))
            });
            let (attempt, found) = found.unwrap_or((Attempt::Over, Ready::default()));
            last = Some(attempt.leaves_off_at(&waiter.place));
            ready.extend(found);
        }
    }
}

/// Looks again whether a waiting connection is still waiting in the right place, and whether
/// something became ready that nobody served.
#[cold]
pub(super) fn recheck(worker: &mut Worker, waiter: &Arc<Waiter>) {
    for name in &waiter.names {
        let found = with_locks_of(worker, waiter, name, |cx| {
            redirect_away(cx, waiter, name);
            attempt(cx, waiter, name);
            std::mem::take(&mut cx.effects.ready)
        });
        serve_apart(worker, found.unwrap_or_default());
    }
}

/// Answers a waiter whose keys are served by another node by now.
fn redirect_away(cx: &mut Ctx<'_>, waiter: &Arc<Waiter>, name: &Name) {
    let mut slot = waiter.call.lock();
    let Some(call) = slot.as_ref() else { return };
    let command = Table::get().by_index(call.command).expect("it was entered by its number");
    let key = cx.db.key_in(name.0, &name.1);
    let conditions = cx.server.conditions.load();
    if let Err(error) = redirect::check(cx, command.flags, &[key], conditions) {
        let mut out = Encoder::new(call.proto);
        out.error(error.wire());
        *slot = None;
        drop(slot);
        answer(cx, waiter, out);
    }
}

/// Runs `work` with the slots of a waiter's keys and of `name` locked; `None` if the wait is over.
fn with_locks_of<R>(
    worker: &mut Worker,
    waiter: &Waiter,
    name: &Name,
    work: impl FnOnce(&mut Ctx<'_>) -> R,
) -> Option<R> {
    let (request, command, db) = {
        let call = waiter.call.lock();
        let call = call.as_ref()?;
        (call.request.clone(), call.command, call.db)
    };
    let command = Table::get().by_index(command).expect("it was entered by its number");
    let Worker { index, server, clock, rng, settings, view, .. } = worker;
    let (server, settings) = (&**server, &**settings.load());
    let keyspace = &server.keyspace;
    let key_of = |bytes| Key::new(bytes, keyspace.hash(bytes), Slot::of(bytes));
    let mut bound: SmallVec<[Key<'_>; 8]> = SmallVec::new();
    bound.push(key_of(&name.1));
    let request = request.as_raw();
    bound.extend(key_indexes(command, request).map(|index| key_of(request.arg(index))));
    let mut guest = Client::guest(Arc::clone(&waiter.client), db, Proto::Resp2);
    let (mut out, mut tickets) = (Encoder::default(), 0);
    let pass = keyspace.gate().enter(*index, false);
    let view = view.as_mut().map(|view| view.load() as &_);
    let (now, unix_micros) = clock.time();
    let mut held = Held::lock(keyspace, db, &mut bound, now);
    held.expiry = stage::expiry(held.expiry, server.conditions.load());
    let stats = server.stats.worker(*index);
    let shared = Shared { unix_micros, server, settings, view, stats, rng };
    let mut cx = stage::context(held, (&mut guest, &mut out, &mut tickets), shared);
    let result = work(&mut cx);
    stage::close(cx, 0);
    drop(pass);
    Some(result)
}

/// Where a request's keys stand among its arguments, in order.
fn key_indexes(
    command: &'static Registered,
    request: RawRequest<'_>,
) -> impl Iterator<Item = usize> + use<> {
    let mut found = keys::Found::new();
    if keys::find(command, request, &mut found).is_err() {
        found.clear();
    }
    found.sort_unstable_by_key(|&(index, _)| index);
    found.into_iter().map(|(index, _)| index as usize)
}

/// Runs a waiter's command again for the key that is ready.
fn attempt(cx: &mut Ctx<'_>, waiter: &Arc<Waiter>, name: &Name) -> Attempt {
    if !cx.db.may_touch(name.0, &name.1) {
        return Attempt::NeedsLocks;
    }
    // Taken out while it runs, and put back if it has to wait on.
    let mut slot = waiter.call.lock();
    let Some(call) = slot.take() else { return Attempt::Over };
    let ready = cx.db.key_in(name.0, &name.1);
    if cx.db.kind(&ready) != Some(call.kind) {
        if let Some(error) = &call.if_gone {
            let mut out = Encoder::new(call.proto);
            out.error(error.wire());
            answer(cx, waiter, out);
            return Attempt::Over;
        }
        *slot = Some(call);
        return Attempt::Nothing;
    }
    let command = Table::get().by_index(call.command).expect("it was entered by its number");
    let request = call.request.as_raw();
    let mut bound: SmallVec<[Key<'_>; 8]> = SmallVec::new();
    for index in key_indexes(command, request) {
        let bytes = request.arg(index);
        if !cx.db.may_touch(call.db, bytes) {
            drop(bound);
            *slot = Some(call);
            return Attempt::NeedsLocks;
        }
        bound.push(cx.db.key_in(call.db, bytes));
    }
    // The handler sees the waiting connection; its own one comes back right after.
    let mut guest = Client::guest(Arc::clone(&waiter.client), call.db, call.proto);
    let mut out = Encoder::new(call.proto);
    std::mem::swap(cx.client, &mut guest);
    std::mem::swap(cx.out, &mut out);
    let before = cx.woken_by.replace(name.clone());
    let begun = (cx.read_clock)();
    cx.make_way(command.flags);
    let result: Result<Reply, CmdError> = cx.call(command, request, &bound);
    cx.end_unit();
    cx.woken_by = before;
    std::mem::swap(cx.client, &mut guest);
    std::mem::swap(cx.out, &mut out);
    drop(bound);
    if cx.effects.wanted.take().is_some() {
        *slot = Some(call);
        return Attempt::Nothing;
    }
    tracing::trace!(client = waiter.client.id, ok = result.is_ok(), "waiting client served");
    let elapsed = (cx.read_clock)().saturating_duration_since(begun);
    let (server, settings, now) = (cx.server, cx.settings, cx.now);
    let account = Account { server, settings, now, shared: &waiter.client };
    account.served(cx.stats, command, request, elapsed);
    answer(cx, waiter, out);
    Attempt::Over
}

/// Has the outcome sent to a waiter whose call was taken out, once the log has it.
fn answer(cx: &mut Ctx<'_>, waiter: &Arc<Waiter>, out: Encoder) {
    cx.server.waiters.leave(waiter);
    let reply = out.into_bytes().into();
    cx.effects.served.push(Served { waiter: Arc::clone(waiter), reply });
}
