//! Running what the append-only file holds, as its commands were once run.
//!
//! Nothing refuses them, nobody is answered, expired keys are there as they were then. Errors mean
//! nothing, as they meant nothing then: what changed no data is not in the file.

use std::sync::Arc;

use super::{Progress, Session, Worker, unix_time};
use crate::base::{Millis, Rng};
use crate::commands::Table;
use crate::state::client::Origin;
use crate::state::{Client, ClientFlags, ClientShared, Server};

/// Runs commands on the calling thread.
pub struct Replay {
    worker: Worker,
    session: Session,
}

/// A command asked for what no file can give it: an answer of the control plane, a key to wait for.
#[derive(Debug, thiserror::Error)]
#[error("a command that waits")]
pub struct Stuck;

impl Replay {
    /// For the thread that has this lane of the gate.
    #[must_use]
    pub fn new(lane: usize, server: Arc<Server>) -> Replay {
        let session = session(&server);
        Replay { worker: Worker::new(lane, server, Rng::from_entropy()), session }
    }

    /// Begins another file: its commands begin in database 0 and outside any transaction.
    pub fn restart(&mut self) {
        self.session = session(&self.worker.server);
    }

    /// The lane of the gate.
    #[must_use]
    pub fn lane(&self) -> usize {
        self.worker.index
    }

    /// Whether there is a command of that name.
    #[must_use]
    pub fn knows(name: &[u8], subcommand: Option<&[u8]>) -> bool {
        let table = Table::get();
        let Some(command) = table.find(name) else { return false };
        command.subcommands.is_empty()
            || subcommand.is_none_or(|name| table.find_subcommand(command, name).is_some())
    }

    /// Runs complete commands.
    ///
    /// # Errors
    /// If one cannot be run to its end.
    pub fn run(&mut self, commands: &[u8]) -> Result<(), Stuck> {
        self.session.parser().feed(commands);
        loop {
            match self.session.run(&mut self.worker) {
                Progress::NeedsInput => return Ok(()),
                Progress::Yielded => self.worker.clock.resync(),
                Progress::Waiting | Progress::Closing | Progress::Leaving => return Err(Stuck),
            }
        }
    }
}

fn session(server: &Server) -> Session {
    let now = Millis(unix_time().as_millis() as u64);
    let shared = Arc::new(ClientShared::new(server.clients.next_id(), Origin::here(), now));
    let mut client = Client::new(shared, true);
    client.set(ClientFlags::PRIMARY.union(ClientFlags::REPLY_OFF), true);
    Session::new(client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Local;
    use crate::resp::client::encode_command;
    use crate::state::conditions::Condition;

    #[test]
    fn nothing_refuses_what_is_replayed() {
        let mut local = Local::default();
        local.server.conditions.set(Condition::LOADING, true);
        local.server.conditions.set(Condition::PAUSE_ALL, true);
        let mut replay = Replay::new(0, Arc::clone(&local.server));
        let commands = [
            &["SELECT", "1"][..],
            &["SET", "gone", "1", "PXAT", "1"],
            &["INCR", "gone"],
            &["MULTI"],
            &["SET", "a", "1"],
            &["EXEC"],
            &["LPUSH", "a", "wrong type"],
            &["MULTI"],
            &["SET", "half", "1"],
        ];
        for command in commands {
            replay.run(&encode_command(command)).expect("it runs");
        }
        replay.restart();
        replay.run(&encode_command(&["SET", "b", "0"])).expect("it runs");
        local.server.conditions.set(Condition::LOADING, false);
        local.server.conditions.set(Condition::PAUSE_ALL, false);
        local.check("KEYS * => [\"b\"]\nSELECT 1 => +OK\nDBSIZE => :2\nGET a => \"1\"");
        local.check("EXISTS gone => :0\nDBSIZE => :1\nEXISTS half => :0");
    }

    #[test]
    fn commands_are_known_by_their_full_names() {
        assert!(Replay::knows(b"set", Some(b"key")));
        assert!(Replay::knows(b"XGROUP", Some(b"create")));
        assert!(!Replay::knows(b"XGROUP", Some(b"nonsense")));
        assert!(!Replay::knows(b"nonsense", None));
    }
}
