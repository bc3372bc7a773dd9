//! What a handler works with, and what it answers.

use std::sync::Arc;

use crate::base::{Millis, Rng};
use crate::cluster::ClusterView;
use crate::config::Settings;
use crate::keyspace::{Held, Key};
use crate::resp::Encoder;
use crate::spec::{CmdError, Event};
use crate::state::control::Waiting;
use crate::state::{Ask, Client, Request, Server, WorkerStats};

/// A handler's answer. Small replies are values; large ones are streamed into [`Ctx::out`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    Ok,
    Int(i64),
    /// 1 or 0.
    Flag(bool),
    Nil,
    NilArray,
    EmptyArray,
    Simple(&'static str),
    /// The handler wrote its reply into [`Ctx::out`].
    Written,
    /// The answer comes later; the connection waits for it (see [`Ctx::ask`]).
    Later,
}

impl Reply {
    /// Writes the reply, unless it was written already or comes later.
    #[inline]
    pub fn encode(self, out: &mut Encoder) {
        match self {
            Reply::Ok => out.ok(),
            Reply::Int(value) => out.int(value),
            Reply::Flag(flag) => out.int(i64::from(flag)),
            Reply::Nil => out.null(),
            Reply::NilArray => out.null_array(),
            Reply::EmptyArray => out.array(0),
            Reply::Simple(text) => out.simple(text),
            Reply::Written | Reply::Later => {}
        }
    }
}

/// What a batch's commands have brought about, collected for what follows a change.
#[derive(Debug, Default)]
pub struct Effects {
    /// Changes to the dataset, as INFO's `rdb_changes_since_last_save` counts them.
    pub changes: u64,
    /// Number of the request the connection now waits for; see [`Ctx::ask`].
    pub awaiting: Option<u64>,
}

/// Everything a handler may touch, made once per batch.
pub struct Ctx<'a> {
    /// The batch's one clock reading, Unix time.
    pub now: Millis,
    /// The same reading in microseconds.
    pub unix_micros: u64,
    /// The slots of the batch's keys.
    pub db: Held<'a>,
    pub out: &'a mut Encoder,
    pub client: &'a mut Client,
    pub server: &'a Server,
    pub settings: &'a Settings,
    /// The cluster as the data plane sees it; `None` when cluster mode is off.
    pub view: Option<&'a Arc<ClusterView>>,
    pub stats: &'a WorkerStats,
    pub rng: &'a mut Rng,
    pub effects: Effects,
    /// Source of tickets, which tell the answer a connection waits for from one it no longer does.
    pub tickets: &'a mut u64,
}

impl Ctx<'_> {
    /// Reports that `key` was changed. Replication, AOF, WATCH and notifications derive from it.
    #[inline]
    pub fn changed(&mut self, _key: &Key<'_>, _event: Event) {
        self.effects.changes += 1;
    }

    /// Posts a request to the control plane; the connection waits and gets its answer as the reply.
    pub fn ask(&mut self, request: Request) -> Result<Reply, CmdError> {
        *self.tickets += 1;
        let ticket = *self.tickets;
        self.effects.awaiting = Some(ticket);
        let from = Waiting { client: Arc::clone(&self.client.shared), ticket };
        self.server.control.post(Ask { request, from: Some(from) });
        Ok(Reply::Later)
    }
}
