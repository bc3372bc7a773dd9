//! What a handler works with, and what it answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::{Millis, Rng};
use crate::cluster::ClusterView;
use crate::config::Settings;
use crate::keyspace::Held;
use crate::replication::{Journal, Reach};
use crate::resp::{Encoder, Mark, OwnedRequest, Value};
use crate::spec::CmdError;
use crate::state::control::Waiting;
use crate::state::tracking::Changed;
use crate::state::transaction::Execution;
use crate::state::waiters::Served;
use crate::state::watches::Name;
use crate::state::{Ask, Client, Request, Server, WorkerStats};

use super::WantedDurable;
use super::blocking::{Ready, Wanted};
use super::follow::Followers;

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
#[derive(Default)]
pub struct Effects {
    /// Changes to the dataset, as INFO's `rdb_changes_since_last_save` counts them.
    pub changes: u64,
    /// Number of the request the connection now waits for; see [`Ctx::ask`].
    pub awaiting: Option<u64>,
    /// Answers that a transaction waits for, and where in the output they belong.
    pub gaps: Vec<(u64, Mark)>,
    /// The reply of the command that ran last was dropped: what is answered later is dropped, too.
    pub muted: bool,
    /// The connection shall wait for keys; see [`Ctx::block`].
    pub wanted: Option<Wanted>,
    /// The connection shall wait for its writes to be safe; see [`Ctx::wait_durable`].
    pub wanted_durable: Option<WantedDurable>,
    /// Changed keys that somebody waits for, in the order of their changes.
    pub ready: Ready,
    /// Those who waited and were served, with their replies.
    pub served: Vec<Served>,
    /// What the batch so far means to replicas and the append-only file.
    pub journal: Journal,
    /// How far the log went when it had got the batch.
    pub logged_to: Option<Reach>,
    /// The command now running is propagated even if it changes nothing.
    pub forced: bool,
    /// What replicas and the append-only file get instead of the command now running; `None`: the
    /// command as it was sent.
    pub instead: Option<Vec<OwnedRequest>>,
    /// Arguments of the command that ran last which nobody may see.
    pub secrets: Vec<usize>,
    /// Changed keys that those hear of who track all keys with some prefix.
    pub broadcast: Vec<Changed>,
    /// What the connection is told once the command that is running has been answered.
    pub pushes: Vec<Arc<Value>>,
    /// Commands that a transaction ran.
    pub inner: Vec<Inner>,
}

/// A command that a transaction ran.
#[derive(Debug)]
pub struct Inner {
    /// Its place in the transaction's queue.
    pub at: usize,
    pub took: Duration,
    /// Arguments which nobody may see.
    pub secrets: Vec<usize>,
}

/// Everything a handler may touch, made once per batch.
pub struct Ctx<'a> {
    /// The batch's one clock reading, Unix time.
    pub now: Millis,
    /// The same reading in microseconds.
    pub unix_micros: u64,
    /// Reads the monotonic clock: for how long something takes, and nothing else.
    pub read_clock: fn() -> Instant,
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
    /// Who wants to hear of changes; looked at under the locks, so that nobody is missed.
    pub followers: Followers,
    /// The transaction that EXEC runs.
    pub execution: Option<&'a Execution>,
    /// Whether commands may make the connection wait: not inside a transaction.
    pub may_block: bool,
    /// The key that a waiting command is run again for.
    pub woken_by: Option<Name>,
    /// Source of tickets, which tell the answer a connection waits for from one it no longer does.
    pub tickets: &'a mut u64,
}

impl Ctx<'_> {
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
