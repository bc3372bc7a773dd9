//! Who belongs to the cluster and in which role: MEET, FORGET, REPLICATE, FAILOVER, RESET,
//! SET-CONFIG-EPOCH.

use tracing::{info, warn};

use super::{AdminContext, AdminError, Failover};
use crate::base::{ConfigEpoch, Epoch, NodeId, ReplId};
use crate::cluster::flags::NodeFlags;
use crate::cluster::machine::{Action, Machine};
use crate::cluster::node::Address;
use crate::resp::Value;

impl Machine {
    pub(super) fn meet(&mut self, ip: &str, port: u16, bus_port: u16) -> Value {
        let address = Address::from_wire(ip.to_owned(), port, 0, bus_port, self.settings.tls_bus);
        self.start_handshake(address, NodeFlags::MEET);
        Value::ok()
    }

    pub(super) fn forget(&mut self, name: &str) -> Result<Value, AdminError> {
        let id = match self.resolve(name) {
            Ok(id) => id,
            // A peer that was told first has already made us forget it.
            Err(error) => match name.parse::<NodeId>() {
                Ok(id) if self.blacklist.contains_key(&id) => return Ok(Value::ok()),
                _ => return Err(error),
            },
        };
        if id == self.my_id() {
            return Err(AdminError::ForgetMyself);
        }
        if self.table.me().primary == Some(id) {
            return Err(AdminError::ForgetMyPrimary);
        }
        self.blacklist.insert(id, self.now + self.settings.blacklist_ttl);
        self.remove_node(id);
        Ok(Value::ok())
    }

    pub(super) fn replicate(
        &mut self,
        name: &str,
        cx: AdminContext<'_>,
    ) -> Result<Value, AdminError> {
        let id = self.resolve(name)?;
        if id == self.my_id() {
            return Err(AdminError::ReplicateMyself);
        }
        if self.table.get(id).is_some_and(|node| node.is_replica()) {
            return Err(AdminError::ReplicateReplica);
        }
        let me = self.table.me();
        if me.is_primary() && (me.slot_count > 0 || !cx.keys.is_empty()) {
            return Err(AdminError::ReplicateNotEmpty);
        }
        if !self.settings.can_replicate {
            return Err(AdminError::NoReplication);
        }
        if me.primary != Some(id) {
            self.become_replica_of(id);
        }
        Ok(Value::ok())
    }

    pub(super) fn fail_over(&mut self, kind: Failover) -> Result<Value, AdminError> {
        let me = self.table.me();
        if me.is_primary() {
            return Err(AdminError::FailoverOnPrimary);
        }
        let primary = me.primary.and_then(|id| self.table.get(id));
        let primary = primary.ok_or(AdminError::FailoverUnknownPrimary)?;
        let id = primary.id;
        match kind {
            Failover::Takeover => {
                warn!(primary = %id, "taking over without a vote");
                self.bump_own_epoch();
                self.promote();
            }
            Failover::Force => self.start_manual_failover(id, true),
            Failover::Ask => {
                if primary.has(NodeFlags::FAIL) || primary.outbound.is_none() {
                    return Err(AdminError::FailoverPrimaryDown);
                }
                self.start_manual_failover(id, false);
            }
        }
        Ok(Value::ok())
    }

    /// A takeover needs an epoch of its own even if this node, as a replica, has none to compare.
    fn bump_own_epoch(&mut self) {
        let epoch = Epoch(self.table.max_epoch(self.current_epoch)).next();
        self.take_epoch(epoch);
    }

    pub(super) fn reset(&mut self, hard: bool, cx: AdminContext<'_>) -> Result<Value, AdminError> {
        if self.table.me().is_primary() && !cx.keys.is_empty() {
            return Err(AdminError::ResetWithKeys);
        }
        warn!(hard, "cluster configuration reset by an operator");
        if self.table.me().is_replica() {
            self.stop_replicating();
            self.outbox.push(Action::DropAllKeys);
        }
        self.end_manual_failover();
        let me = self.my_id();
        self.table.unassign_all(me);
        self.table.migrating.clear();
        self.table.importing.clear();
        for id in self.table.ids() {
            if id != me {
                self.remove_node(id);
            }
        }
        self.blacklist.clear();
        self.table.me_mut().flags -= NodeFlags::MIGRATE_TO;
        if hard {
            self.current_epoch = Epoch(0);
            self.last_vote_epoch = Epoch(0);
            let shard = ReplId::random(&mut self.rng);
            let node = self.table.me_mut();
            node.config_epoch = ConfigEpoch(0);
            node.shard = Some(shard);
            self.table.rename_me(&mut self.rng);
            info!(node = %self.my_id(), "this node has a new id");
        }
        self.save_durably();
        self.pending.state = true;
        Ok(Value::ok())
    }

    pub(super) fn set_config_epoch(&mut self, epoch: u64) -> Result<Value, AdminError> {
        if self.table.node_count() > 1 {
            return Err(AdminError::EpochWithOthers);
        }
        if self.table.me().config_epoch != ConfigEpoch(0) {
            return Err(AdminError::EpochIsSet);
        }
        self.table.me_mut().config_epoch = ConfigEpoch(epoch);
        let current = self.current_epoch.max(Epoch(epoch));
        self.raise_epoch(current);
        Ok(Value::ok())
    }
}
