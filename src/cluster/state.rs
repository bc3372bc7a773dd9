//! Whether this node sees a cluster that may serve requests.
//!
//! It may not while it has just started, while slots are uncovered (if full coverage is required),
//! while it sees only a minority of the primaries with slots, and for a moment after it rejoined
//! the majority: by then the others may have replaced it, and it should hear of that first.

use tracing::info;

use super::flags::NodeFlags;
use super::machine::Machine;
use crate::base::{Millis, Slot};

/// How long a primary stays down after it started: others may have taken over while it was away.
const START_DELAY: Millis = Millis(2000);
/// Bounds of the delay before a primary serves again after it saw only a minority.
const REJOIN_DELAY_MIN: Millis = Millis(500);
const REJOIN_DELAY_MAX: Millis = Millis(5000);

/// The state that CLUSTER INFO shows and every header carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    Down(Why),
}

/// Why requests are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Starting,
    /// A primary without the data it had: a replica is to take over.
    Succession,
    /// A slot has no owner, or one that failed.
    Uncovered,
    /// Fewer than half of the primaries with slots are in sight.
    Minority,
    /// The majority is back in sight only since a moment ago.
    Rejoining,
}

#[derive(Clone, Debug)]
pub(super) struct Health {
    pub state: State,
    /// When the state was first worked out.
    first: Option<Millis>,
    /// When last only a minority was in sight.
    minority_at: Option<Millis>,
}

impl Health {
    pub fn new() -> Health {
        Health { state: State::Down(Why::Starting), first: None, minority_at: None }
    }

    pub fn is_ok(&self) -> bool {
        self.state == State::Ok
    }

    pub fn rewind(&mut self, now: Millis) {
        for time in [&mut self.first, &mut self.minority_at].into_iter().flatten() {
            *time = (*time).min(now);
        }
    }
}

impl Machine {
    /// Works the state out again.
    pub(super) fn update_state(&mut self) {
        let state = self.judge_state();
        if state != self.health.state {
            info!(?state, epoch = self.current_epoch.0, "cluster state changed");
            self.health.state = state;
            self.pending.view = true;
        }
    }

    fn judge_state(&mut self) -> State {
        let first = *self.health.first.get_or_insert(self.now);
        let is_primary = self.table.me().is_primary();
        if self.awaits_successor() {
            return State::Down(Why::Succession);
        }
        let before = [Why::Starting, Why::Succession].map(State::Down);
        let starting = before.contains(&self.health.state);
        if is_primary && starting && self.now.since(first) < START_DELAY {
            return State::Down(Why::Starting);
        }
        let voters = self.table.iter().filter(|node| node.is_voter());
        let (mut size, mut reachable) = (0, 0);
        for node in voters {
            size += 1;
            reachable += usize::from(!node.has(NodeFlags::FAILING));
        }
        if reachable < size / 2 + 1 {
            self.health.minority_at = Some(self.now);
            // With no primaries at all, what is missing is not a majority.
            let why = if size == 0 { Why::Uncovered } else { Why::Minority };
            return State::Down(why);
        }
        if self.settings.require_full_coverage && !self.is_covered() {
            return State::Down(Why::Uncovered);
        }
        if is_primary && !self.health.is_ok() && self.is_rejoining() {
            return State::Down(Why::Rejoining);
        }
        State::Ok
    }

    fn is_covered(&self) -> bool {
        let owned: usize = self
            .table
            .iter()
            .filter(|node| !node.has(NodeFlags::FAIL))
            .map(|node| node.slot_count)
            .sum();
        owned == Slot::COUNT
    }

    fn is_rejoining(&self) -> bool {
        let delay = self.settings.node_timeout.clamp(REJOIN_DELAY_MIN, REJOIN_DELAY_MAX);
        self.health.minority_at.is_some_and(|at| self.now.since(at) < delay)
    }
}
