//! The CLUSTER subcommands that are the machine's: as data, with their answers and errors.
//!
//! KEYSLOT, COUNTKEYSINSLOT, GETKEYSINSLOT and HELP are not here: the data plane answers them. What
//! a subcommand needs to know about local keys it is handed by [`LocalKeys`].

mod membership;
mod parse;
mod report;
mod slots;
#[cfg(test)]
mod tests;

use super::machine::{Action, Machine};
use crate::base::{Millis, NodeId, Slot};
use crate::resp::Value;

/// A subcommand with its arguments. Nodes are as the operator wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admin {
    AddSlots(Vec<Slot>),
    DelSlots(Vec<Slot>),
    FlushSlots,
    SetSlot(Slot, SetSlot),
    BumpEpoch,
    SetConfigEpoch(u64),
    Meet { ip: String, port: u16, bus_port: u16 },
    Forget(String),
    Replicate(String),
    Failover(Failover),
    Reset { hard: bool },
    SaveConfig,
    CountFailureReports(String),
    MyId,
    MyShardId,
    Nodes,
    Info,
    Slots,
    Shards,
    Links,
    Replicas(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetSlot {
    Migrating(String),
    Importing(String),
    Stable,
    Node(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failover {
    /// With the primary's consent, nothing lost.
    Ask,
    /// Without the primary, by vote.
    Force,
    /// Without anybody.
    Takeover,
}

/// An operator's mistake. `Display` is the error's exact text after its code, `ERR`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    #[error("syntax error")]
    Syntax,
    #[error("value is not an integer or out of range")]
    NotAnInteger,
    #[error("Invalid or out of range slot")]
    InvalidSlot,
    #[error("start slot number {0} is greater than end slot number {1}")]
    RangeOrder(Slot, Slot),
    #[error("Slot {0} specified multiple times")]
    SlotTwice(Slot),
    #[error("Slot {0} is already busy")]
    SlotBusy(Slot),
    #[error("Slot {0} is already unassigned")]
    SlotUnassigned(Slot),
    #[error("DB must be empty to perform CLUSTER FLUSHSLOTS.")]
    FlushWithKeys,
    #[error("Please use SETSLOT only with masters.")]
    SetSlotOnReplica,
    #[error("Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP")]
    SetSlotSyntax,
    #[error("I'm not the owner of hash slot {0}")]
    NotOwner(Slot),
    #[error("I'm already the owner of hash slot {0}")]
    AlreadyOwner(Slot),
    #[error("I don't know about node {0}")]
    DontKnow(String),
    #[error("Unknown node {0}")]
    UnknownNode(String),
    #[error("Target node is not a master")]
    TargetNotPrimary,
    #[error(
        "Can't assign hashslot {0} to a different node while I still hold keys for this hash slot."
    )]
    SlotHasKeys(Slot),
    #[error("Invalid node address specified: {ip}:{port}")]
    InvalidAddress { ip: String, port: String },
    #[error("Invalid TCP base port specified: {0}")]
    InvalidPort(String),
    #[error("Invalid TCP bus port specified: {0}")]
    InvalidBusPort(String),
    #[error("I tried hard but I can't forget myself...")]
    ForgetMyself,
    #[error("Can't forget my master!")]
    ForgetMyPrimary,
    #[error("Can't replicate myself")]
    ReplicateMyself,
    #[error("I can only replicate a master, not a replica.")]
    ReplicateReplica,
    #[error("To set a master the node must be empty and without assigned slots.")]
    ReplicateNotEmpty,
    #[error("This node cannot replicate another one yet.")]
    NoReplication,
    #[error("The specified node is not a master")]
    NotPrimary,
    #[error("You should send CLUSTER FAILOVER to a replica")]
    FailoverOnPrimary,
    #[error("I'm a replica but my master is unknown to me")]
    FailoverUnknownPrimary,
    #[error("Master is down or failed, please use CLUSTER FAILOVER FORCE")]
    FailoverPrimaryDown,
    #[error("CLUSTER RESET can't be called with master nodes containing keys")]
    ResetWithKeys,
    #[error("Invalid config epoch specified: {0}")]
    InvalidEpoch(i64),
    #[error("The user can assign a config epoch only when the node does not know any other node.")]
    EpochWithOthers,
    #[error("Node config epoch is already non-zero")]
    EpochIsSet,
}

/// What the keyspace says while a subcommand runs.
pub trait LocalKeys {
    fn count_in_slot(&self, slot: Slot) -> u64;
    fn is_empty(&self) -> bool;
}

/// Who asks and what they may know.
#[derive(Clone, Copy)]
pub struct AdminContext<'a> {
    pub keys: &'a dyn LocalKeys,
    /// The client is connected over TLS: it is shown TLS ports.
    pub tls: bool,
}

impl Machine {
    /// Runs a subcommand. Its answer is to be sent after `out` is performed.
    ///
    /// # Errors
    /// What the operator did wrong; nothing has changed then.
    pub fn admin(
        &mut self,
        now: Millis,
        command: &Admin,
        cx: AdminContext<'_>,
        out: &mut Vec<Action>,
    ) -> Result<Value, AdminError> {
        self.begin(now);
        let answer = self.run_admin(command, cx);
        self.finish(out);
        answer
    }

    fn run_admin(&mut self, command: &Admin, cx: AdminContext<'_>) -> Result<Value, AdminError> {
        match command {
            Admin::AddSlots(slots) => self.add_slots(slots),
            Admin::DelSlots(slots) => self.del_slots(slots),
            Admin::FlushSlots => self.flush_slots(cx),
            Admin::SetSlot(slot, action) => self.set_slot(*slot, action, cx),
            Admin::BumpEpoch => Ok(self.bump_epoch_answer()),
            Admin::SetConfigEpoch(epoch) => self.set_config_epoch(*epoch),
            Admin::Meet { ip, port, bus_port } => Ok(self.meet(ip, *port, *bus_port)),
            Admin::Forget(node) => self.forget(node),
            Admin::Replicate(node) => self.replicate(node, cx),
            Admin::Failover(kind) => self.fail_over(*kind),
            Admin::Reset { hard } => self.reset(*hard, cx),
            Admin::SaveConfig => {
                self.save_durably();
                Ok(Value::ok())
            }
            Admin::CountFailureReports(node) => {
                let id = self.resolve(node)?;
                let reports = self.count_reports(id).unwrap_or(0);
                Ok(Value::Int(i64::try_from(reports).unwrap_or(i64::MAX)))
            }
            Admin::MyId => Ok(Value::bulk(&self.my_id().to_text())),
            Admin::MyShardId => {
                let shard = self.table().me().shard.expect("every node has given itself a shard");
                Ok(Value::bulk(&shard.to_text()))
            }
            Admin::Nodes => Ok(self.report_nodes(cx.tls)),
            Admin::Info => Ok(self.report_info()),
            Admin::Slots => Ok(self.report_slots(cx.tls)),
            Admin::Shards => Ok(self.report_shards()),
            Admin::Links => Ok(self.report_links()),
            Admin::Replicas(node) => self.report_replicas(node, cx.tls),
        }
    }

    /// The node an operator names.
    fn resolve(&self, name: &str) -> Result<NodeId, AdminError> {
        let id = name.parse().ok().filter(|id| self.table().get(*id).is_some());
        id.ok_or_else(|| AdminError::UnknownNode(name.to_owned()))
    }
}
