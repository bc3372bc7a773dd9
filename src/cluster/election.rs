//! Electing a replica of a failed primary: how this node votes, and how it stands for election.
//!
//! A candidate raises the cluster's epoch and asks everybody; a primary with slots votes at most
//! once per epoch, and its vote is on disk before it leaves. A majority of the primaries with slots
//! makes the candidate a primary with that epoch, which no other can have.

use std::collections::BTreeSet;

use tracing::{debug, info};

use super::failover::is_manual;
use super::flags::{MessageFlags, NodeFlags};
use super::frame::{Body, Header};
use super::machine::Machine;
use super::node::Node;
use crate::base::{ConfigEpoch, Epoch, Millis, NodeId};

/// An election waits this long, and a random moment more, for the failure to get around.
const DELAY: Millis = Millis(500);
const DELAY_JITTER: u64 = 500;
/// And this long for each replica that has more data.
const RANK_DELAY: u64 = 1000;
const AUTH_TIMEOUT_MIN: Millis = Millis(2000);

/// Why a vote is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Only primaries with slots vote.
    NoVoter,
    /// The candidate's epoch is behind ours.
    OldEpoch,
    AlreadyVoted,
    /// The candidate is no replica of a known primary.
    NotAReplica,
    /// Its primary has not failed, and nobody asked for a manual failover.
    PrimaryIsFine,
    /// We have voted for a replica of that primary a moment ago.
    VotedForSibling,
    /// A slot it claims has been given to another node since.
    ClaimsOutdated,
}

/// This replica's attempts to be elected.
#[derive(Clone, Debug)]
pub(super) struct Election {
    /// When to ask for votes; `None` before the first attempt.
    start: Option<Millis>,
    epoch: Epoch,
    asked: bool,
    rank: u64,
    voters: BTreeSet<NodeId>,
}

impl Election {
    pub fn new() -> Election {
        Election { start: None, epoch: Epoch(0), asked: false, rank: 0, voters: BTreeSet::new() }
    }

    /// The start lies ahead on purpose, but not further than the longest delay.
    pub fn rewind(&mut self, now: Millis) {
        if let Some(start) = &mut self.start {
            let ahead = Millis(DELAY.0 + DELAY_JITTER + self.rank * RANK_DELAY);
            *start = (*start).min(now + ahead);
        }
    }
}

impl Machine {
    /// A replica asks for this node's vote.
    pub(super) fn vote_requested(&mut self, candidate: NodeId, header: &Header) {
        match self.judge(candidate, header) {
            Ok(primary) => self.grant(candidate, primary),
            Err(refusal) => debug!(
                node = %candidate,
                epoch = header.current_epoch.0,
                ?refusal,
                "vote refused"
            ),
        }
    }

    /// Pure. `Ok` names the primary that the candidate would replace.
    pub(super) fn judge(&self, candidate: NodeId, header: &Header) -> Result<NodeId, Refusal> {
        if !self.table.me().is_voter() {
            return Err(Refusal::NoVoter);
        }
        if header.current_epoch < self.current_epoch {
            return Err(Refusal::OldEpoch);
        }
        if self.last_vote_epoch >= self.current_epoch {
            return Err(Refusal::AlreadyVoted);
        }
        let candidate = self.table.get(candidate).filter(|node| node.is_replica());
        let primary = candidate.and_then(|node| self.table.get(node.primary?));
        let primary = primary.ok_or(Refusal::NotAReplica)?;
        let forced = header.message_flags.contains(MessageFlags::FORCE_ACK);
        let steps_down = primary.is_me() && self.awaits_successor();
        if !primary.has(NodeFlags::FAIL) && !forced && !steps_down {
            return Err(Refusal::PrimaryIsFine);
        }
        let patience = self.settings.twice_timeout();
        if primary.voted_at.is_some_and(|at| self.now.since(at) < patience) {
            return Err(Refusal::VotedForSibling);
        }
        let outdated = header.slots.iter().any(|slot| {
            let owner = self.table.owner(slot);
            !self.table.not_claimed.contains(slot)
                && owner.is_some_and(|owner| owner.config_epoch > header.config_epoch)
        });
        if outdated { Err(Refusal::ClaimsOutdated) } else { Ok(primary.id) }
    }

    fn grant(&mut self, candidate: NodeId, primary: NodeId) {
        let epoch = self.current_epoch;
        assert!(epoch > self.last_vote_epoch, "two votes in epoch {epoch}");
        self.last_vote_epoch = epoch;
        let now = self.now;
        if let Some(primary) = self.table.get_mut(primary) {
            primary.voted_at = Some(now);
        }
        info!(node = %candidate, epoch = epoch.0, "vote given");
        self.save_durably();
        self.send_to(candidate, Body::AuthAck);
    }

    /// A primary votes for this node. Each counts once.
    pub(super) fn vote_granted(&mut self, voter: NodeId, header: &Header) {
        let counts = self.table.get(voter).is_some_and(Node::is_voter);
        if counts && self.election.asked && header.current_epoch >= self.election.epoch {
            self.election.voters.insert(voter);
            self.run_candidate();
        }
    }

    /// Takes the next step towards being elected, if there is a reason to.
    pub(super) fn run_candidate(&mut self) {
        let Some(primary) = self.primary_to_replace() else { return };
        let manual = is_manual(self);
        if !manual && self.is_data_too_old() {
            return;
        }
        let timeout = self.settings.twice_timeout().max(AUTH_TIMEOUT_MIN);
        let retry = Millis(timeout.0.saturating_mul(2));
        let Some(start) = self.election.start.filter(|start| self.now.since(*start) <= retry)
        else {
            self.schedule_election(primary, manual);
            return;
        };
        let start = if manual { start } else { self.yield_to_better(primary, start) };
        if self.now < start || self.now.since(start) > timeout {
            return;
        }
        if !self.election.asked {
            self.ask_for_votes(manual);
            return;
        }
        if self.election.voters.len() > self.table.size() / 2 {
            self.win();
        }
    }

    /// The primary that this node, its replica, is to replace now.
    fn primary_to_replace(&self) -> Option<NodeId> {
        let me = self.table.me();
        let primary = self.table.get(me.primary?)?;
        let forbidden = self.settings.replica_no_failover && !is_manual(self);
        let wanted = primary.has(NodeFlags::FAIL) || is_manual(self);
        (wanted && !forbidden && primary.slot_count > 0).then_some(primary.id)
    }

    fn is_data_too_old(&self) -> bool {
        let factor = u64::from(self.settings.replica_validity_factor);
        let timeout = self.settings.node_timeout.0;
        // The time it took to notice that the primary is gone does not count.
        let age = self.data_age.0.saturating_sub(timeout);
        let limit = self.settings.repl_ping_replica_period.0 + timeout.saturating_mul(factor);
        factor != 0 && age > limit && !self.has_more_than_its_primary()
    }

    /// Its primary has come back without data, and it has loaded some: no age is too old then.
    fn has_more_than_its_primary(&self) -> bool {
        let primary = self.table.me().primary.and_then(|id| self.table.get(id));
        let patience = self.settings.twice_timeout();
        let is_empty = |at| self.now.since(at) <= patience;
        self.has_loaded && primary.and_then(|primary| primary.confessed_at).is_some_and(is_empty)
    }

    fn schedule_election(&mut self, primary: NodeId, manual: bool) {
        let rank = if manual { 0 } else { self.rank(primary) };
        let jitter = self.rng.below(DELAY_JITTER);
        let delay = if manual { 0 } else { DELAY.0 + jitter + rank * RANK_DELAY };
        self.election = Election { start: Some(self.now + Millis(delay)), rank, ..Election::new() };
        info!(rank, delay_ms = delay, "election scheduled");
        self.send_pongs(|node| node.primary == Some(primary)); // ranks need fresh offsets
    }

    /// Primaries that came back without data, all at once, are replaced one after the other: their
    /// replicas would share the votes, and the time until the next attempt is longer than such
    /// primaries wait.
    fn place_among_empty(&self, primary: NodeId) -> u64 {
        let is_empty = |node: &&Node| node.is_voter() && node.confessed_at.is_some();
        let mut empty = self.table.iter().filter(is_empty).map(|node| node.id);
        let is_one = empty.any(|id| id == primary);
        let before = self.table.iter().filter(is_empty).filter(|node| node.id < primary);
        if is_one { before.count() as u64 } else { 0 }
    }

    /// How many other replicas of the primary have more data, or come before it otherwise.
    fn rank(&self, primary: NodeId) -> u64 {
        let me = self.table.me();
        let better = self.table.replicas_of(primary).filter(|node| {
            let theirs = (node.replication_offset, std::cmp::Reverse(node.id));
            let mine = (me.replication_offset, std::cmp::Reverse(me.id));
            !node.is_me() && !node.has(NodeFlags::NOFAILOVER) && theirs > mine
        });
        better.count() as u64 + self.place_among_empty(primary)
    }

    /// Waits longer when more replicas turn out to have more data.
    fn yield_to_better(&mut self, primary: NodeId, start: Millis) -> Millis {
        let rank = self.rank(primary);
        if self.election.asked || rank <= self.election.rank {
            return start;
        }
        let start = start + Millis((rank - self.election.rank) * RANK_DELAY);
        self.election.rank = rank;
        self.election.start = Some(start);
        start
    }

    fn ask_for_votes(&mut self, manual: bool) {
        let epoch = self.current_epoch.next();
        self.raise_epoch(epoch);
        self.election.epoch = epoch;
        self.election.asked = true;
        info!(epoch = epoch.0, manual, "asking for votes");
        let flags = if manual { MessageFlags::FORCE_ACK } else { MessageFlags::empty() };
        self.send_to_all(|_| true, Body::AuthRequest, flags);
    }

    fn win(&mut self) {
        let epoch = ConfigEpoch::from(self.election.epoch);
        info!(epoch = epoch.0, votes = self.election.voters.len(), "elected");
        let me = self.table.me_mut();
        me.config_epoch = me.config_epoch.max(epoch);
        self.election = Election::new();
        self.promote();
    }
}
