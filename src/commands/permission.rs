//! What a request needs permission for, and what becomes of a refusal.

use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use super::connection::describe;
use super::{Args, Ctx, Registered, keys};
use crate::acl::{Access, Asked, Denied, User};
use crate::resp::RawRequest;
use crate::spec::{Channels, CmdError, CmdResult, Flags, KeyFlags};
use crate::state::acl::{AclEntry, Reason};
use crate::state::{Client, ClientFlags};

/// What a request asks for.
pub struct Demand<'a> {
    command: &'static Registered,
    request: RawRequest<'a>,
    keys: SmallVec<[(&'a [u8], Access); 8]>,
    channels: SmallVec<[&'a [u8]; 4]>,
}

impl<'a> Demand<'a> {
    #[must_use]
    pub fn of(command: &'static Registered, request: RawRequest<'a>) -> Demand<'a> {
        let found = if command.has_keys { find_keys(command, request) } else { keys::Found::new() };
        let keys = found.iter().map(|&(index, flags)| (request.arg(index as usize), access(flags)));
        let channels = match command.spec.channels {
            Channels::None => 0,
            Channels::First => 1,
            Channels::All | Channels::Patterns => usize::MAX,
        };
        Demand {
            command,
            request,
            keys: keys.collect(),
            channels: request.args().skip(1).take(channels).collect(),
        }
    }

    fn asked(&self) -> Asked<'_> {
        let is_free = self.command.flags.contains(Flags::NO_AUTH);
        Asked {
            command: (!is_free).then_some(self.command.index),
            first_arg: self.request.get(1),
            keys: &self.keys,
            channels: &self.channels,
            are_patterns: self.command.spec.channels == Channels::Patterns,
        }
    }

    /// # Errors
    /// What the user may not do of it.
    pub fn check(&self, user: &User) -> Result<(), Denied> {
        user.check(&self.asked())
    }

    /// What was denied: the command's name, the key or the channel.
    #[must_use]
    pub fn object(&self, denied: Denied) -> &[u8] {
        match denied {
            Denied::Command => self.command.spec.name.as_bytes(),
            Denied::Key(index) => self.keys[index].0,
            Denied::Channel(index) => self.channels[index],
        }
    }
}

/// The keys to ask about. Where a command finds none by its own rules, such as XREAD without as
/// many ids as streams, those count that its declaration points at, before the handler says what
/// is wrong. What makes no sense as keys is the handler's to refuse.
fn find_keys(command: &'static Registered, request: RawRequest<'_>) -> keys::Found {
    let mut found = keys::Found::new();
    if keys::find(command, request, &mut found).is_err() {
        found.clear();
    }
    if found.is_empty() && command.find_keys.is_some() {
        for spec in command.spec.keys {
            drop(keys::find_by_spec(spec, request, &mut found));
        }
    }
    found
}

fn access(flags: KeyFlags) -> Access {
    let writes = KeyFlags::INSERT.union(KeyFlags::DELETE).union(KeyFlags::UPDATE);
    let mut access = Access::empty();
    access.set(Access::READ, flags.contains(KeyFlags::ACCESS));
    access.set(Access::WRITE, flags.intersects(writes));
    access
}

/// Whether the connection's user may run a request.
///
/// # Errors
/// NOPERM; [`Ctx::note_denial`] writes it down.
pub fn check(
    command: &'static Registered,
    request: RawRequest<'_>,
    client: &Client,
) -> CmdResult<()> {
    match &client.user {
        Some(user) if client.flags.contains(ClientFlags::LIMITED) => {
            Demand::of(command, request).check(user).map_err(|denied| refusal(command, denied))
        }
        _ => Ok(()),
    }
}

fn refusal(command: &'static Registered, denied: Denied) -> CmdError {
    match denied {
        Denied::Command => CmdError::NoPermCommand { command: command.spec.name },
        Denied::Key(_) => CmdError::NoPermKey,
        Denied::Channel(_) => CmdError::NoPermChannel,
    }
}

impl Ctx<'_> {
    /// Whether the user may run the command that is running, and read every key with it: it reads
    /// keys that its arguments do not name.
    #[must_use]
    pub fn may_read_all(&self, args: &Args<'_>) -> bool {
        match &self.client.user {
            Some(user) if self.client.flags.contains(ClientFlags::LIMITED) => {
                let demand = Demand::of(args.command(), args.request());
                user.allows_reading_all(&demand.asked())
            }
            _ => true,
        }
    }

    /// Checks a request again that was queued earlier, and writes down that `exec` was refused it.
    ///
    /// # Errors
    /// NOPERM, in EXEC's words.
    pub fn check_queued(
        &self,
        command: &'static Registered,
        request: RawRequest<'_>,
        exec: &'static Registered,
    ) -> CmdResult<()> {
        let reason = match check(command, request, self.client) {
            Ok(()) => return Ok(()),
            Err(CmdError::NoPermKey) => "no permission to touch the specified keys",
            Err(CmdError::NoPermChannel) => {
                "no permission to access one of the channels used as arguments"
            }
            Err(_) => "no permission to execute the command or subcommand",
        };
        self.note_denial(command, request, exec);
        Err(CmdError::owned(format!(
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the \
             EXEC call. This command is no longer allowed for the following reason: {reason}"
        )))
    }

    /// Writes down that a request was refused to the connection's user; `by` is the command that
    /// the connection sent.
    #[cold]
    pub fn note_denial(
        &self,
        command: &'static Registered,
        request: RawRequest<'_>,
        by: &'static Registered,
    ) {
        let demand = Demand::of(command, request);
        let Some(user) = &self.client.user else { return };
        let Err(denied) = demand.check(user) else { return };
        let reason = match denied {
            Denied::Command => Reason::Command,
            Denied::Key(_) => Reason::Key,
            Denied::Channel(_) => Reason::Channel,
        };
        self.client.shared.last_command.store(by.index as u32, Ordering::Relaxed);
        self.note(reason, demand.object(denied), &user.name);
    }

    /// Writes down a login that was refused; `command` is the one that asked for it.
    #[cold]
    pub fn note_failed_login(&self, command: &'static Registered, user: &[u8]) {
        self.client.shared.last_command.store(command.index as u32, Ordering::Relaxed);
        self.note(Reason::Auth, command.spec.name.to_uppercase().as_bytes(), user);
    }

    fn note(&self, reason: Reason, object: &[u8], user: &[u8]) {
        let stats = &self.server.stats;
        let counter = match reason {
            Reason::Command => &stats.acl_access_denied_cmd,
            Reason::Key => &stats.acl_access_denied_key,
            Reason::Channel => &stats.acl_access_denied_channel,
            Reason::Auth => &stats.acl_access_denied_auth,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let queues = self.client.flags.contains(ClientFlags::MULTI) || self.execution.is_some();
        let entry = AclEntry {
            count: 1,
            reason,
            context: if queues { "multi" } else { "toplevel" },
            object: object.to_vec(),
            user: user.to_vec(),
            at: self.now,
            client: describe(&self.client.shared, self.now),
        };
        self.server.acl.log.add(entry, self.settings.acllog_max_len as usize);
    }
}
