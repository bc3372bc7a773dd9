//! Who owns which slot: claims, their versions, and what losing slots means.
//!
//! A primary claims slots in every header, versioned by its config epoch. The higher epoch wins;
//! equal epochs never move a slot, and two primaries with one epoch part by a rule that only one of
//! them applies.

use tracing::{info, warn};

use super::frame::{Body, Header};
use super::machine::Machine;
use super::node::Node;
use crate::base::{ConfigEpoch, Epoch, NodeId, Slot, SlotSet};

impl Machine {
    /// Compares a sender's claims with the slot map: takes over what it has won, tells it what it
    /// has lost.
    pub(super) fn follow_claims(&mut self, sender: NodeId, header: &Header) {
        let Some(node) = self.table.get(sender) else { return };
        if node.is_primary() {
            self.apply_claims(sender, header.config_epoch, &header.slots);
        } else if self.table.primary_of(node).slots == header.slots {
            return;
        }
        self.correct_stale_claim(sender, header);
    }

    /// Tells a sender about the first owner that beats one of its claims.
    fn correct_stale_claim(&mut self, sender: NodeId, header: &Header) {
        let Some(node) = self.table.get(sender) else { return };
        if node.slots == header.slots {
            return;
        }
        let winner = header.slots.iter().find_map(|slot| {
            let owner = self.table.owner(slot)?;
            let beaten = owner.id != sender
                && owner.config_epoch > header.config_epoch
                && !self.table.not_claimed.contains(slot);
            beaten.then_some(owner)
        });
        let Some(winner) = winner else { return };
        let update = Body::Update {
            config_epoch: winner.config_epoch,
            node: winner.id,
            slots: winner.slots.clone(),
        };
        self.send_to(sender, update);
    }

    /// Applies what a primary other than this node claims in an epoch.
    pub(super) fn apply_claims(&mut self, subject: NodeId, epoch: ConfigEpoch, claims: &SlotSet) {
        if subject == self.my_id() {
            return;
        }
        let my_primary = self.table.primary_of(self.table.me()).id;
        let Some(node) = self.table.get(subject) else { return };
        if node.slots == *claims && self.table.not_claimed.is_empty() {
            return; // nearly every heartbeat
        }
        let mut lost = SlotSet::empty();
        let mut changed = false;
        for slot in worth_a_look(claims, &node.slots, &self.table.not_claimed) {
            let owner = self.table.owner(slot);
            let owner_id = owner.map(|owner| owner.id);
            if owner_id == Some(subject) {
                match claims.contains(slot) {
                    true => self.table.not_claimed.remove(slot),
                    false => self.table.not_claimed.insert(slot),
                }
                continue;
            }
            let free = owner.is_none() || self.table.not_claimed.contains(slot);
            let wins = free || owner.is_some_and(|owner| owner.config_epoch < epoch);
            if !wins {
                continue;
            }
            if let Some(source) = self.table.importing.get_mut(&slot) {
                // Its source has been succeeded: what is left of the slot comes from there.
                *source = subject;
            }
            if owner_id == Some(my_primary) {
                lost.insert(slot);
            }
            self.table.assign(slot, subject);
            changed = true;
        }
        if changed {
            info!(node = %subject, epoch = epoch.0, lost = lost.len(), "slots changed owner");
            self.save_durably();
            self.pending.state = true;
        }
        self.settle_losses(subject, my_primary, claims, &lost);
    }

    /// A primary that lost its last slot to `winner` follows it, and so does its replica; otherwise
    /// the keys of what was lost go.
    fn settle_losses(
        &mut self,
        winner: NodeId,
        my_primary: NodeId,
        claims: &SlotSet,
        lost: &SlotSet,
    ) {
        let me = self.table.me();
        let emptied =
            !lost.is_empty() && self.table.get(my_primary).is_some_and(|node| node.slot_count == 0);
        let taken_over = claims.len() == lost.len();
        if emptied
            && self.settings.can_replicate
            && (self.settings.allow_replica_migration || taken_over)
        {
            self.become_replica_of(winner);
            return;
        }
        if me.is_primary() {
            lost.iter().for_each(|slot| self.pending.lost.insert(slot));
        }
    }

    /// Two primaries with one config epoch: the one with the smaller id takes a new epoch.
    pub(super) fn resolve_collision(&mut self, sender: NodeId, header: &Header) {
        let me = self.table.me();
        let both = me.is_primary() && self.table.get(sender).is_some_and(Node::is_primary);
        if !both || header.config_epoch != me.config_epoch || me.id >= sender {
            return;
        }
        let epoch = self.current_epoch.next();
        warn!(node = %sender, epoch = epoch.0, "config epoch collision resolved");
        self.take_epoch(epoch);
    }

    /// Makes an epoch both the cluster's and this node's own.
    pub(super) fn take_epoch(&mut self, epoch: Epoch) {
        self.raise_epoch(epoch);
        let me = self.table.me_mut();
        assert!(ConfigEpoch::from(epoch) >= me.config_epoch, "the config epoch never goes back");
        me.config_epoch = epoch.into();
    }

    /// Gives this node the highest epoch without asking anyone. `None` if it has it already.
    pub(super) fn bump_epoch(&mut self) -> Option<ConfigEpoch> {
        let mine = self.table.me().config_epoch;
        if mine != ConfigEpoch(0) && mine.0 == self.table.max_epoch(self.current_epoch) {
            return None;
        }
        let epoch = Epoch(self.table.max_epoch(self.current_epoch)).next();
        self.take_epoch(epoch);
        info!(epoch = epoch.0, "config epoch bumped without consensus");
        Some(epoch.into())
    }

    /// After loading: slots with keys that this primary does not own. Unowned ones are taken, the
    /// others are marked as being imported from their owner, so that an operator can finish moving
    /// them.
    pub(super) fn adopt_loaded(&mut self, slots: &SlotSet) {
        let me = self.my_id();
        if !self.table.me().is_primary() {
            return;
        }
        for slot in slots.iter() {
            match self.table.owner_id(slot) {
                _ if self.table.importing.contains_key(&slot) => continue,
                Some(owner) if owner == me => continue,
                None => {
                    warn!(slot = slot.number(), "unowned slot holds keys: taken");
                    self.table.assign(slot, me);
                }
                Some(owner) => {
                    let number = slot.number();
                    warn!(slot = number, %owner, "slot of another holds keys: importing");
                    self.table.importing.insert(slot, owner);
                }
            }
            self.save();
            self.pending.state = true;
        }
    }
}

/// The slots about which a node's claims may change something: those it claims and does not own or
/// the other way round, and those it claims that nobody claims now. O(2048).
fn worth_a_look(claims: &SlotSet, owned: &SlotSet, not_claimed: &SlotSet) -> Vec<Slot> {
    let (claims, owned) = (claims.as_bytes(), owned.as_bytes());
    let mut looked_at = [0; SlotSet::BYTES];
    for (at, byte) in looked_at.iter_mut().enumerate() {
        *byte = (claims[at] ^ owned[at]) | (claims[at] & not_claimed.as_bytes()[at]);
    }
    SlotSet::from_bytes(&looked_at).iter().collect()
}
