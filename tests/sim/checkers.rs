//! What may never happen, whatever the faults: looked for in every frame that leaves a node.

use std::collections::BTreeMap;

use redpoll::base::{NodeId, SlotSet};
use redpoll::cluster::frame::{Body, Frame};

/// A broken promise, in words.
pub type Violation = String;

/// The epochs of a node's frames never go back, not even over a restart, and are durable before
/// they leave.
#[derive(Debug, Default)]
pub struct Epochs {
    /// Current epoch and config epoch last sent.
    sent: BTreeMap<NodeId, (u64, u64)>,
}

impl Epochs {
    pub fn see(&mut self, frame: &Frame, durable_epoch: u64) -> Result<(), Violation> {
        let header = &frame.header;
        let current = header.current_epoch.0;
        if current > durable_epoch {
            let sender = header.sender;
            return Err(format!("{sender} says epoch {current}, its disk {durable_epoch}"));
        }
        let before = self.sent.entry(header.sender).or_default();
        if current < before.0 {
            return Err(format!("epoch of {} went from {} to {current}", header.sender, before.0));
        }
        before.0 = current;
        // A replica speaks for its primary, which may change.
        if header.primary.is_none() {
            let config = header.config_epoch.0;
            if config < before.1 || config > current {
                let sender = header.sender;
                return Err(format!("config epoch of {sender} went from {} to {config}", before.1));
            }
            before.1 = config;
        }
        Ok(())
    }
}

/// A node votes for at most one candidate per epoch, and remembers that before it says so.
#[derive(Debug, Default)]
pub struct Votes {
    given: BTreeMap<(NodeId, u64), usize>,
}

impl Votes {
    pub fn see(
        &mut self,
        frame: &Frame,
        candidate: usize,
        durable_vote: u64,
    ) -> Result<(), Violation> {
        if frame.body != Body::AuthAck {
            return Ok(());
        }
        let (voter, epoch) = (frame.header.sender, frame.header.current_epoch.0);
        if durable_vote < epoch {
            return Err(format!("{voter} voted in epoch {epoch}, its disk says {durable_vote}"));
        }
        match self.given.insert((voter, epoch), candidate) {
            Some(other) => Err(format!("{voter} voted for {other} and {candidate} in {epoch}")),
            None => Ok(()),
        }
    }

    pub fn count(&self) -> usize {
        self.given.len()
    }
}

/// No two primaries claim a slot in one config epoch.
#[derive(Debug, Default)]
pub struct Owners {
    claims: BTreeMap<u64, BTreeMap<NodeId, SlotSet>>,
}

impl Owners {
    pub fn see(&mut self, frame: &Frame) -> Result<(), Violation> {
        let header = &frame.header;
        if header.primary.is_some() {
            return Ok(());
        }
        let epoch = header.config_epoch.0;
        let claims = self.claims.entry(epoch).or_default();
        if claims.get(&header.sender) == Some(&header.slots) {
            return Ok(());
        }
        for (other, slots) in claims.iter().filter(|(other, _)| **other != header.sender) {
            let pairs = slots.as_bytes().iter().zip(header.slots.as_bytes());
            if let Some(byte) = pairs.clone().position(|(one, two)| one & two != 0) {
                let sender = header.sender;
                return Err(format!(
                    "{sender} and {other} both claim a slot of {}.. in epoch {epoch}",
                    byte * 8
                ));
            }
        }
        // What was ever claimed in this epoch stays claimed by its claimant.
        let all = claims.entry(header.sender).or_insert_with(SlotSet::empty);
        header.slots.iter().for_each(|slot| all.insert(slot));
        Ok(())
    }
}

/// All checkers.
#[derive(Debug, Default)]
pub struct Checkers {
    pub epochs: Epochs,
    pub votes: Votes,
    pub owners: Owners,
}

#[cfg(test)]
mod tests {
    use redpoll::base::{ConfigEpoch, Epoch, Rng, Slot};
    use redpoll::cluster::flags::{MessageFlags, NodeFlags};
    use redpoll::cluster::frame::Header;

    use super::*;

    fn frame(sender: u64, current: u64, config: u64, slot: u16, body: Body) -> Frame {
        let header = Header {
            port: 1,
            other_port: 0,
            bus_port: 2,
            current_epoch: Epoch(current),
            config_epoch: ConfigEpoch(config),
            offset: 0,
            sender: NodeId::random(&mut Rng::from_seed(sender)),
            slots: Slot::new(slot).into_iter().collect(),
            primary: None,
            ip: String::new(),
            flags: NodeFlags::PRIMARY,
            cluster_ok: true,
            message_flags: MessageFlags::empty(),
        };
        Frame { header, body }
    }

    #[test]
    fn epochs_that_go_back_or_are_not_durable_are_found() {
        let mut epochs = Epochs::default();
        assert!(epochs.see(&frame(1, 5, 3, 0, Body::MfStart), 5).is_ok());
        assert!(epochs.see(&frame(2, 4, 3, 0, Body::MfStart), 4).is_ok());
        assert!(epochs.see(&frame(1, 4, 3, 0, Body::MfStart), 5).is_err());
        assert!(epochs.see(&frame(1, 6, 3, 0, Body::MfStart), 5).is_err());
        assert!(epochs.see(&frame(1, 6, 2, 0, Body::MfStart), 6).is_err());
        assert!(epochs.see(&frame(1, 6, 7, 0, Body::MfStart), 6).is_err());
    }

    #[test]
    fn double_and_forgettable_votes_are_found() {
        let mut votes = Votes::default();
        assert!(votes.see(&frame(1, 5, 3, 0, Body::AuthAck), 7, 5).is_ok());
        assert!(votes.see(&frame(2, 5, 3, 0, Body::AuthAck), 8, 5).is_ok());
        assert!(votes.see(&frame(1, 6, 3, 0, Body::AuthAck), 8, 6).is_ok());
        assert!(votes.see(&frame(1, 5, 3, 0, Body::AuthAck), 8, 6).is_err());
        assert!(votes.see(&frame(3, 6, 3, 0, Body::AuthAck), 8, 5).is_err());
        assert_eq!(votes.count(), 3);
    }

    #[test]
    fn two_claims_of_a_slot_in_one_epoch_are_found_whenever_they_are_made() {
        let mut owners = Owners::default();
        assert!(owners.see(&frame(1, 5, 3, 10, Body::MfStart)).is_ok());
        assert!(owners.see(&frame(1, 5, 3, 11, Body::MfStart)).is_ok());
        assert!(owners.see(&frame(2, 5, 3, 12, Body::MfStart)).is_ok());
        assert!(owners.see(&frame(2, 5, 4, 10, Body::MfStart)).is_ok());
        assert!(owners.see(&frame(2, 5, 3, 10, Body::MfStart)).is_err());
        assert!(owners.see(&frame(3, 5, 4, 10, Body::MfStart)).is_err());
    }
}
