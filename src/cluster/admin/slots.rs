//! Assigning slots by hand: ADDSLOTS, DELSLOTS, FLUSHSLOTS, SETSLOT.

use tracing::info;

use super::{AdminContext, AdminError, SetSlot};
use crate::base::{NodeId, Slot, SlotSet};
use crate::cluster::machine::Machine;
use crate::cluster::node::Node;
use crate::resp::Value;

impl Machine {
    /// Each slot once, and each for which `refuse` has no objection. All or nothing.
    fn check_slots(
        &self,
        slots: &[Slot],
        refuse: impl Fn(Slot) -> Option<AdminError>,
    ) -> Result<SlotSet, AdminError> {
        let mut seen = SlotSet::empty();
        for &slot in slots {
            if let Some(refusal) = refuse(slot) {
                return Err(refusal);
            }
            if seen.contains(slot) {
                return Err(AdminError::SlotTwice(slot));
            }
            seen.insert(slot);
        }
        Ok(seen)
    }

    pub(super) fn add_slots(&mut self, slots: &[Slot]) -> Result<Value, AdminError> {
        let slots = self.check_slots(slots, |slot| {
            self.table.owner_id(slot).map(|_| AdminError::SlotBusy(slot))
        })?;
        let me = self.my_id();
        for slot in slots.iter() {
            self.table.assign(slot, me);
            self.table.importing.remove(&slot);
        }
        Ok(self.slots_changed("slots added"))
    }

    pub(super) fn del_slots(&mut self, slots: &[Slot]) -> Result<Value, AdminError> {
        let slots = self.check_slots(slots, |slot| match self.table.owner_id(slot) {
            Some(_) => None,
            None => Some(AdminError::SlotUnassigned(slot)),
        })?;
        slots.iter().for_each(|slot| self.table.unassign(slot));
        Ok(self.slots_changed("slots deleted"))
    }

    pub(super) fn flush_slots(&mut self, cx: AdminContext<'_>) -> Result<Value, AdminError> {
        if !cx.keys.is_empty() {
            return Err(AdminError::FlushWithKeys);
        }
        self.table.unassign_all(self.my_id());
        Ok(self.slots_changed("slots flushed"))
    }

    fn slots_changed(&mut self, what: &'static str) -> Value {
        info!(slots = self.table.me().slot_count, what, "slots assigned by an operator");
        self.save();
        self.pending.state = true;
        Value::ok()
    }

    pub(super) fn set_slot(
        &mut self,
        slot: Slot,
        action: &SetSlot,
        cx: AdminContext<'_>,
    ) -> Result<Value, AdminError> {
        if self.table.me().is_replica() {
            return Err(AdminError::SetSlotOnReplica);
        }
        let mine = self.table.owner_id(slot) == Some(self.my_id());
        match action {
            SetSlot::Migrating(_) if !mine => return Err(AdminError::NotOwner(slot)),
            SetSlot::Importing(_) if mine => return Err(AdminError::AlreadyOwner(slot)),
            SetSlot::Migrating(node) => {
                let target = self.resolve_peer(node)?;
                self.table.migrating.insert(slot, target);
            }
            SetSlot::Importing(node) => {
                let source = self.resolve_peer(node)?;
                self.table.importing.insert(slot, source);
            }
            SetSlot::Stable => {
                self.table.migrating.remove(&slot);
                self.table.importing.remove(&slot);
            }
            SetSlot::Node(node) => {
                let id = self.resolve(node)?;
                if self.table.get(id).is_some_and(Node::is_replica) {
                    return Err(AdminError::TargetNotPrimary);
                }
                self.give_slot(slot, id, cx)?;
            }
        }
        Ok(self.slots_changed("setslot"))
    }

    /// The primary at the other end of a slot that is being opened.
    fn resolve_peer(&self, name: &str) -> Result<NodeId, AdminError> {
        let id = self.resolve(name).map_err(|_| AdminError::DontKnow(name.to_owned()))?;
        match self.table.get(id).is_some_and(Node::is_replica) {
            true => Err(AdminError::TargetNotPrimary),
            false => Ok(id),
        }
    }

    /// SETSLOT NODE: the last step of moving a slot, said to both ends and then to everybody.
    fn give_slot(
        &mut self,
        slot: Slot,
        to: NodeId,
        cx: AdminContext<'_>,
    ) -> Result<(), AdminError> {
        let me = self.my_id();
        let was_mine = self.table.owner_id(slot) == Some(me);
        let is_empty = cx.keys.count_in_slot(slot) == 0;
        if was_mine && to != me && !is_empty {
            return Err(AdminError::SlotHasKeys(slot));
        }
        let migrating = self.table.migrating.get(&slot).copied();
        self.table.assign(slot, to);
        if was_mine && to != me {
            // Checked to be empty, but a command may have been at work on it: nothing stays behind.
            self.pending.lost.insert(slot);
        }
        if let Some(target) = migrating.filter(|_| !is_empty && to == me) {
            self.table.migrating.insert(slot, target); // still ours, and not empty yet
        }
        let emptied = was_mine && to != me && self.table.me().slot_count == 0;
        if emptied && self.settings.allow_replica_migration && self.settings.can_replicate {
            self.become_replica_of(to);
        }
        if to == me && self.table.importing.remove(&slot).is_some() {
            // The claim has to beat the source's, and everybody should hear of it before they ask
            // the source.
            self.bump_epoch();
            // Also if the epoch is old enough: the source is about to drop its claim for good.
            self.save_durably();
            self.send_pongs(|_| true);
        }
        Ok(())
    }

    pub(super) fn bump_epoch_answer(&mut self) -> Value {
        let answer = match self.bump_epoch() {
            Some(epoch) => format!("BUMPED {epoch}"),
            None => format!("STILL {}", self.table.me().config_epoch),
        };
        Value::Simple(answer.into())
    }
}
