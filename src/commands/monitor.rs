//! MONITOR, and what it shows.

use super::{Args, Command, Ctx, Followers, Registered, Reply};
use crate::base::words::quote;
use crate::resp::RawRequest;
use crate::spec::{Arity, CmdError, CmdResult, CommandSpec, Flags, Group};
use crate::state::ClientFlags;
use crate::state::slowlog::REDACTED;

pub const COMMANDS: &[&Command] = &[&MONITOR];

pub const MONITOR: Command = Command::new(
    CommandSpec {
        name: "monitor",
        summary: "Listen for all requests received by the server in real time",
        since: "1.0.0",
        group: Group::Server,
        arity: Arity::Exact(1),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        ..CommandSpec::BASE
    },
    monitor,
);

fn monitor(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    if !cx.may_block {
        return Err(CmdError::text("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    if !cx.client.flags.contains(ClientFlags::MONITOR) {
        cx.client.set(ClientFlags::MONITOR, true);
        cx.server.monitors.add(&cx.client.shared);
    }
    Ok(Reply::Ok)
}

/// Commands that monitors do not see: those that tell secrets or are about the server.
const UNSEEN: Flags = Flags::SKIP_MONITOR.union(Flags::ADMIN);

impl Ctx<'_> {
    /// Keeps an argument of the running command from monitors and the slow log.
    pub fn redact(&mut self, index: usize) {
        self.effects.secrets.push(index);
    }

    /// Shows a command that has run to those who monitor.
    #[inline]
    pub fn show(&self, command: &'static Registered, request: RawRequest<'_>) {
        if self.followers.contains(Followers::MONITORED) && !command.flags.intersects(UNSEEN) {
            self.server.monitors.show(self.line(request));
        }
    }

    /// `time [db address] "command" "argument"…`
    fn line(&self, request: RawRequest<'_>) -> Vec<u8> {
        let (seconds, micros) = (self.unix_micros / 1_000_000, self.unix_micros % 1_000_000);
        let unix = self.client.flags.contains(ClientFlags::UNIX_SOCKET);
        let address = if unix { "unix:" } else { "" };
        let peer = &self.client.shared.peer;
        let peer = if unix { peer.trim_end_matches(":0") } else { peer };
        let head = format!("{seconds}.{micros:06} [{} {address}{peer}]", self.client.db);
        let mut line = head.into_bytes();
        for (index, arg) in request.args().enumerate() {
            let secret = self.effects.secrets.contains(&index);
            line.push(b' ');
            line.extend(quote(if secret { REDACTED } else { arg }));
        }
        line
    }
}
