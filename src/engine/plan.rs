//! Planning a group: which requests run under one set of locks, and what each of them needs.
//!
//! Planning looks up commands and keys and stops before anything that must run alone. Between MULTI
//! and EXEC requests are planned to be queued; EXEC is planned with everything that was.

use smallvec::SmallVec;

use super::admission;
use super::eviction::{Bailiff, Room, Turn};
use crate::base::{Millis, Slot};
use crate::commands::{Registered, Table};
use crate::config::Settings;
use crate::keyspace::{Held, Key, Keyspace};
use crate::resp::{Batch, RawRequest};
use crate::spec::{CmdError, CmdResult, Flags, Plan};
use crate::state::conditions::Condition;
use crate::state::transaction::Execution;
use crate::state::watches::Name;
use crate::state::{Client, ClientFlags, Server};

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
    /// It was run, and not refused.
    pub called: bool,
    /// Why it will not run.
    pub refusal: Option<Box<CmdError>>,
}

/// What a group consists of.
#[derive(Default)]
pub(super) struct Group<'a> {
    pub steps: SmallVec<[Step<'a>; STEPS_MAX]>,
    pub keys: SmallVec<[Key<'a>; KEYS_MAX]>,
    pub exclusive: bool,
    /// Some look for elements of collections.
    has_elements: bool,
    /// The first request must wait for the end of CLIENT PAUSE.
    pub paused: bool,
    /// A request is no client's: close the connection before it.
    pub hostile: bool,
    /// Bytes of what EXEC is to run.
    transaction_bytes: usize,
}

/// A count of so many digits is of elements that nobody else should wait for: a group's keys are
/// locked as long as it runs.
const LONG_COUNT_DIGITS: usize = 4;

/// Whether a request is to run by itself.
fn is_alone(command: &Registered, request: RawRequest<'_>) -> bool {
    let takes_many = |at| request.get(at).is_some_and(|count| count.len() >= LONG_COUNT_DIGITS);
    command.spec.plan != Plan::Batch || command.count.is_some_and(takes_many)
}

/// What planning looks at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub server: &'a Server,
    pub settings: &'a Settings,
    pub conditions: Condition,
    /// What EXEC is to run, if that is the first request.
    pub execution: Option<&'a Execution>,
}

impl<'a> Group<'a> {
    /// Takes requests until one must run alone, a bound is reached or there are no more.
    pub(super) fn plan(
        &mut self,
        scene: Scene<'a>,
        client: &Client,
        batch: &'a Batch,
        (input, next): (&'a [u8], usize),
    ) {
        let one_by_one = client.flags.intersects(ONE_BY_ONE);
        let steps_max = if one_by_one || wants_exact_times(scene.settings) { 1 } else { STEPS_MAX };
        let mut latest = None;
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
            let alone = !queued && found.as_ref().is_ok_and(|command| is_alone(command, request));
            if alone && !self.steps.is_empty() {
                break;
            }
            if let Ok(command) = found
                && !client.flags.contains(ClientFlags::PRIMARY)
                && admission::is_paused(
                    all_flags(command, client, scene.execution),
                    scene.conditions,
                )
            {
                self.paused = self.steps.is_empty();
                break;
            }
            latest = found.as_ref().ok().map(|command| (request.arg(0), *command)).or(latest);
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
            self.has_elements |= !queued && command.element.is_some();
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
            called: false,
            refusal,
        });
    }

    /// Starts to fetch what its requests will look for in collections, if there are several.
    #[inline]
    pub(super) fn prefetch_elements(&self, db: &Held<'_>) {
        if !self.has_elements || self.steps.len() < 2 {
            return;
        }
        let keyspace = db.keyspace();
        db.prefetch_elements(self.steps.iter().filter_map(|step| {
            let at = step.command?.element?;
            let key = self.keys[..step.end_key].get(step.first_key)?;
            // The key itself stands for whatever is looked for first.
            Some((key, if at == 1 { key.hash } else { keyspace.hash(step.request.get(at)?) }))
        }));
    }

    /// Takes the keys of everything that EXEC will run, then those that are watched; where the
    /// former end.
    fn add_transaction(&mut self, keyspace: &Keyspace, db: u8, execution: &'a Execution) -> usize {
        self.transaction_bytes = execution.transaction.heap_bytes();
        for queued in &execution.transaction.queued {
            let command = Table::get().by_index(queued.command);
            let command = command.expect("it was queued by its number");
            // Keys that cannot be found are its handler's to refuse.
            drop(admission::add_keys(command, queued.request.as_raw(), keyspace, &mut self.keys));
        }
        let routed_end = self.keys.len();
        let watched = &execution.watching.keys;
        let key = |name: &'a Name| Key::new(&name.1, keyspace.hash(&name.1), Slot::of(&name.1));
        self.keys.extend(watched.keys().map(key));
        let elsewhere = watched.keys().any(|name| name.0 != db);
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

/// What a group has to do with `maxmemory`.
impl Group<'_> {
    /// Has room made for the group, or makes the group fit; the conditions it runs under.
    #[inline]
    pub(super) fn make_room(
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
        let transaction = self.transaction_bytes;
        let bytes = |step: &Step<'_>| step.request.bytes_total() + transaction;
        self.steps.iter().filter(grows).map(|step| bytes(step) as u64).sum()
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

/// Takes what EXEC is to run out of the connection, if that is the next request and may run now.
#[inline]
pub(super) fn take_execution(
    client: &mut Client,
    request: RawRequest<'_>,
    conditions: Condition,
) -> Option<Execution> {
    if !client.flags.contains(ClientFlags::MULTI) {
        return None;
    }
    let command = admission::look_up(request, None).ok()?;
    let paused = || {
        !client.flags.contains(ClientFlags::PRIMARY)
            && admission::is_paused(all_flags(command, client, None), conditions)
    };
    if command.spec.plan != Plan::Transaction || paused() {
        return None;
    }
    let transaction = client.take_transaction();
    Some(Execution { transaction, watching: std::mem::take(&mut client.watching) })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::OwnedRequest;

    fn runs_alone(words: &str) -> bool {
        let request = OwnedRequest::from_args(words.split(' ').map(str::as_bytes));
        let command = admission::look_up(request.as_raw(), None).expect("a command");
        is_alone(command, request.as_raw())
    }

    #[test]
    fn who_takes_many_elements_runs_alone() {
        for words in ["LPOP l 1000", "RPOP l 2147483647", "SPOP s 1000", "LRANGE l 0 1", "EXEC"] {
            assert!(runs_alone(words), "{words}");
        }
        for words in ["LPOP l", "RPOP l 999", "SPOP s 10", "GET a", "SET count 1000", "LPOP"] {
            assert!(!runs_alone(words), "{words}");
        }
    }
}
