//! Running one command: its handler, its reply or its error.

use super::{Args, Ctx, Followers, Registered, Reply};
use crate::keyspace::Key;
use crate::resp::RawRequest;
use crate::spec::{CmdError, Plan};
use crate::state::ClientFlags;

impl Ctx<'_> {
    /// Runs a command that was admitted, and writes its reply. `keys` are those of the request, in
    /// the order of its arguments.
    #[inline]
    pub fn call(
        &mut self,
        command: &'static Registered,
        request: RawRequest<'_>,
        keys: &[Key<'_>],
    ) -> Result<Reply, CmdError> {
        let mark = self.out.mark();
        self.effects.secrets.clear();
        let before = self.effects.changes;
        let mut args = Args::new(request, keys, command);
        let result = (command.run)(self, &mut args);
        if !self.db.incidents.is_empty() {
            self.settle_incidents();
        }
        if self.followers.contains(Followers::LOGGED) {
            let changed = self.effects.changes != before;
            self.journalize(command, request, changed);
        }
        match result {
            Ok(reply) => {
                reply.encode(self.out);
                Ok(reply)
            }
            Err(error) => {
                self.out.rewind(mark);
                self.stats.by_command[command.index].failed.add(1);
                if self.client.flags.contains(ClientFlags::PRIMARY) {
                    self.failed_unexpectedly(command.spec.name, &error);
                }
                self.write_error(&error);
                Err(error)
            }
        }
    }

    /// Adds what a command brought about to the unit that is collected.
    fn journalize(&mut self, command: &'static Registered, request: RawRequest<'_>, changed: bool) {
        let instead = self.effects.instead.take();
        let forced = std::mem::take(&mut self.effects.forced);
        // What a transaction ran has been added one by one.
        if command.spec.plan == Plan::Transaction {
            return;
        }
        let db = self.client.db;
        match instead {
            Some(requests) => {
                for request in requests {
                    self.effects.journal.add(db, request.as_raw().args());
                }
            }
            None if changed || forced => self.effects.journal.add(db, request.args()),
            None => {}
        }
    }

    /// Ends a unit of effects: what follows may be seen without what came before.
    #[inline]
    pub fn end_unit(&mut self) {
        if self.followers.contains(Followers::LOGGED) {
            self.effects.journal.end_unit();
        }
    }

    /// Writes an error as the reply, and counts it.
    #[cold]
    pub fn write_error(&mut self, error: &CmdError) {
        self.server.stats.count_error(&error.to_string());
        self.stats.errors.add(1);
        self.out.error(error.wire());
    }
}
