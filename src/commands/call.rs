//! Running one command: its handler, its reply or its error.

use super::{Args, Ctx, Registered, Reply};
use crate::keyspace::Key;
use crate::resp::RawRequest;
use crate::spec::CmdError;

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
        let mut args = Args::new(request, keys, command);
        let result = (command.run)(self, &mut args);
        if !self.db.incidents.is_empty() {
            self.settle_incidents();
        }
        match result {
            Ok(reply) => {
                reply.encode(self.out);
                Ok(reply)
            }
            Err(error) => {
                self.out.rewind(mark);
                self.stats.by_command[command.index].failed.add(1);
                self.write_error(&error);
                Err(error)
            }
        }
    }

    /// Writes an error as the reply, and counts it.
    #[cold]
    pub fn write_error(&mut self, error: &CmdError) {
        let text = error.to_string();
        self.server.stats.count_error(&text);
        self.stats.errors.add(1);
        self.out.error(&text);
    }
}
