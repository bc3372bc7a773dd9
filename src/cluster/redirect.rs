//! Whether a command is served here, or what the client is told instead.
//!
//! One pure function over the view, in the order in which Redis Cluster decides. The slots of a
//! command's keys come in argument order, so that an unbound first slot is reported before a second
//! key elsewhere.

use std::fmt;

use bitflags::bitflags;

use super::state::State;
use super::view::{ClusterView, NodeIndex};
use crate::base::Slot;

bitflags! {
    /// What matters about a command here.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct CommandFacts: u8 {
        /// The command itself may write. EXEC does not, by itself.
        const WRITE = 1;
        /// EXEC with a write in its queue.
        const QUEUED_WRITE = 2;
        /// SPUBLISH, SSUBSCRIBE, SUNSUBSCRIBE.
        const PUBSUB_SHARD = 4;
        const MIGRATE = 8;
        /// As if the client had said ASKING: RESTORE-ASKING.
        const ASKING = 16;
    }
}

/// What matters about a connection here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientFacts {
    pub asking: bool,
    pub readonly: bool,
    /// Connected over TLS: which port it is told. For those without a connection,
    /// [`ClusterView::tls_by_default`].
    pub tls: bool,
}

/// What the keyspace says about a command's keys; asked for only when the slot is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyFacts {
    /// Keys named more than once count once.
    pub distinct: usize,
    /// Keys that exist; an expired one does not.
    pub present: usize,
    pub missing: usize,
}

/// Why a command is not served here. `Display` is the error's exact text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    CrossSlot,
    TryAgain,
    Down,
    DownForWrites,
    NotServed,
    Moved { slot: Slot, endpoint: String, port: u16 },
    Ask { slot: Slot, endpoint: String, port: u16 },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::CrossSlot => {
                f.write_str("CROSSSLOT Keys in request don't hash to the same slot")
            }
            Refusal::TryAgain => {
                f.write_str("TRYAGAIN Multiple keys request during rehashing of slot")
            }
            Refusal::Down => f.write_str("CLUSTERDOWN The cluster is down"),
            Refusal::DownForWrites => {
                f.write_str("CLUSTERDOWN The cluster is down and only accepts read commands")
            }
            Refusal::NotServed => f.write_str("CLUSTERDOWN Hash slot not served"),
            Refusal::Moved { slot, endpoint, port } => write!(f, "MOVED {slot} {endpoint}:{port}"),
            Refusal::Ask { slot, endpoint, port } => write!(f, "ASK {slot} {endpoint}:{port}"),
        }
    }
}

impl Refusal {
    /// What a script is told whose inner command was refused.
    #[must_use]
    pub fn in_script(&self) -> &'static str {
        match self {
            Refusal::DownForWrites => {
                "ERR Script attempted to execute a write command while the cluster is down and \
                 readonly"
            }
            Refusal::Down => "ERR Script attempted to execute a command while the cluster is down",
            _ => "ERR Script attempted to access a non local key in a cluster node",
        }
    }
}

/// Decides for a command whose keys, in order, hash to `slots`. `keys` is called at most once, and
/// only if the slot is open.
///
/// # Errors
/// What the client is told.
pub fn decide(
    view: &ClusterView,
    slots: impl IntoIterator<Item = Slot>,
    command: CommandFacts,
    client: ClientFacts,
    keys: impl FnOnce() -> KeyFacts,
) -> Result<(), Refusal> {
    let mut slots = slots.into_iter();
    let Some(slot) = slots.next() else { return Ok(()) };
    let Some(owner) = view.owner(slot) else { return Err(Refusal::NotServed) };
    if slots.any(|other| other != slot) {
        return Err(Refusal::CrossSlot);
    }
    check_state(view, command)?;

    let migrating = view.migrating_to(slot);
    let importing = view.importing_from(slot).is_some() && migrating.is_none();
    if command.contains(CommandFacts::MIGRATE) && (migrating.is_some() || importing) {
        return Ok(());
    }
    let shard = command.contains(CommandFacts::PUBSUB_SHARD);
    if let Some(target) = migrating
        && !shard
    {
        let keys = keys();
        return match (keys.missing, keys.present) {
            (0, _) => Ok(()),
            (_, 0) => Err(ask(view, slot, target, client)),
            _ => Err(Refusal::TryAgain),
        };
    }
    let asking = client.asking || command.contains(CommandFacts::ASKING);
    if importing && asking {
        let keys = if shard { KeyFacts::default() } else { keys() };
        let torn = keys.distinct > 1 && keys.missing > 0;
        return if torn { Err(Refusal::TryAgain) } else { Ok(()) };
    }
    let writes = command.intersects(CommandFacts::WRITE | CommandFacts::QUEUED_WRITE);
    let may_read_here = (client.readonly || shard) && !writes && view.my_primary == Some(owner);
    if may_read_here || owner == view.me {
        return Ok(());
    }
    Err(moved(view, slot, owner, client))
}

/// Whether a client that is blocked on a key of `slot` has to be told to go elsewhere.
///
/// # Errors
/// What it is told.
pub fn stay_blocked(
    view: &ClusterView,
    slot: Slot,
    writes: bool,
    client: ClientFacts,
) -> Result<(), Refusal> {
    if view.state != State::Ok {
        return Err(Refusal::Down);
    }
    if view.is_mine(slot) || view.importing_from(slot).is_some() {
        return Ok(());
    }
    let Some(owner) = view.owner(slot) else { return Err(Refusal::NotServed) };
    if client.readonly && !writes && view.my_primary == Some(owner) {
        return Ok(());
    }
    Err(moved(view, slot, owner, client))
}

fn check_state(view: &ClusterView, command: CommandFacts) -> Result<(), Refusal> {
    if view.state == State::Ok {
        return Ok(());
    }
    if command.contains(CommandFacts::PUBSUB_SHARD) {
        return if view.allow_pubsubshard_when_down { Ok(()) } else { Err(Refusal::Down) };
    }
    if !view.allow_reads_when_down || view.awaits_successor() {
        return Err(Refusal::Down);
    }
    if command.contains(CommandFacts::WRITE) {
        return Err(Refusal::DownForWrites);
    }
    Ok(())
}

fn moved(view: &ClusterView, slot: Slot, to: NodeIndex, client: ClientFacts) -> Refusal {
    let port = view.node(to).client_port(client.tls);
    Refusal::Moved { slot, endpoint: view.endpoint(to).to_owned(), port }
}

fn ask(view: &ClusterView, slot: Slot, to: NodeIndex, client: ClientFacts) -> Refusal {
    let port = view.node(to).client_port(client.tls);
    Refusal::Ask { slot, endpoint: view.endpoint(to).to_owned(), port }
}

#[cfg(test)]
mod tests;
