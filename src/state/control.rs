//! What commands ask of the control plane: everything that is not keys.
//!
//! A handler never performs these itself: it posts an [`Ask`] and the connection waits for the
//! answer, while its worker serves others.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::{ClientShared, Mail};
use crate::base::{Millis, Slot};
use crate::cluster::{Admin, LocalKeys};
use crate::config::Caller;
use crate::resp::Value;
use crate::spec::CmdError;

/// Something only the control plane can do.
#[derive(Debug)]
pub enum Request {
    /// CONFIG SET of several settings, all or nothing.
    ConfigSet {
        pairs: Vec<(Vec<u8>, Vec<u8>)>,
        caller: Caller,
    },
    ConfigRewrite,
    Acl(AclRequest),
    /// A CLUSTER subcommand that reads or changes the cluster machine.
    Cluster {
        command: Admin,
        facts: LocalFacts,
    },
    Shutdown(Shutdown),
    /// SAVE: answered when the dataset is on the disk.
    Save,
    /// FLUSHALL with save points: answered when the empty dataset is on the disk.
    SaveFlushed,
    /// BGSAVE.
    BackgroundSave(Start),
    /// DEBUG RELOAD: the dataset goes to the disk and comes back.
    Reload(Reload),
    /// DEBUG LOADAOF: the dataset is replaced by what is in the append-only file.
    LoadAof,
    /// MEMORY MALLOC-STATS.
    MallocStats,
    /// MEMORY PURGE.
    PurgeMemory,
    /// CLIENT PAUSE until then; `None` ends a pause.
    Pause(Option<Pause>),
    /// REPLICAOF: the primary to follow, or none.
    Follow(Option<(String, u16)>),
    /// The node follows this primary by now, or none, whoever wanted that.
    Follows(Option<(String, u16)>),
    /// FAILOVER.
    Failover(HandOver),
    /// DEBUG CHANGE-REPL-ID.
    RenameHistory,
    /// A message for the cluster's subscribers on other nodes.
    Publish {
        channel: Vec<u8>,
        message: Vec<u8>,
        shard: bool,
    },
}

/// What ACL commands want done.
#[derive(Debug)]
pub enum AclRequest {
    SetUser {
        name: Vec<u8>,
        rules: Secrets,
    },
    DelUser(Vec<Vec<u8>>),
    Load,
    Save,
    /// A random password of so many hexadecimal digits.
    GenPass {
        digits: usize,
    },
}

/// Words that no log may hold.
pub struct Secrets(pub Vec<Vec<u8>>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(redacted)")
    }
}

/// What the data plane saw of the keys while it posted a CLUSTER subcommand: the control plane
/// looks at no keys itself.
#[derive(Clone, Copy, Debug)]
pub struct LocalFacts {
    /// Keys in the one slot that the subcommand names.
    pub keys_in_slot: u64,
    pub is_empty: bool,
}

impl LocalKeys for LocalFacts {
    fn count_in_slot(&self, _: Slot) -> u64 {
        self.keys_in_slot
    }

    fn is_empty(&self) -> bool {
        self.is_empty
    }
}

/// When a snapshot that was asked for is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Now,
    /// When the append-only file is no longer rewritten.
    WhenPossible,
    /// When the transaction is over that asked for it.
    Later,
}

/// How CLIENT PAUSE holds commands back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    pub until: Millis,
    /// Only commands that write wait, or all do.
    pub writes_only: bool,
}

/// DEBUG RELOAD's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reload {
    /// Saves first; otherwise the file is loaded as it is.
    pub save: bool,
    /// Empties the databases first.
    pub flush: bool,
    /// Replaces keys that are there.
    pub merge: bool,
}

/// What FAILOVER asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandOver {
    Start { target: Option<(String, u16)>, timeout: Option<Millis>, force: bool },
    Abort,
}

/// SHUTDOWN's options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shutdown {
    pub save: Option<bool>,
    pub now: bool,
    pub force: bool,
    pub abort: bool,
}

/// A request and who waits for its answer.
#[derive(Debug)]
pub struct Ask {
    pub request: Request,
    pub from: Option<Waiting>,
}

/// A connection that waits for an answer.
#[derive(Debug)]
pub struct Waiting {
    pub client: Arc<ClientShared>,
    pub ticket: u64,
}

impl Waiting {
    pub fn answer(self, answer: Result<Value, CmdError>) {
        self.client.post(Mail::Answer { ticket: self.ticket, answer });
    }
}

/// The way to the control plane. The queue is bounded by the number of connections: each waits for
/// the answer of its one request before it can post another.
#[derive(Clone, Debug)]
pub struct Control(UnboundedSender<Ask>);

impl Control {
    #[must_use]
    pub fn new(sender: UnboundedSender<Ask>) -> Control {
        Control(sender)
    }

    /// Posts a request. When the control plane is gone the process is ending and nobody waits any
    /// more.
    pub fn post(&self, ask: Ask) {
        if let Err(refused) = self.0.send(ask) {
            tracing::debug!(request = ?refused.0.request, "control plane is gone");
        }
    }
}
