//! Replica migration: a replica of the primary that has the most leaves it for one that has lost
//! all of its own, so that the next failure of any primary can be survived.

use std::collections::BTreeMap;

use tracing::info;

use super::flags::NodeFlags;
use super::machine::Machine;
use super::node::Node;
use crate::base::{Millis, NodeId};

/// How long a primary is without a working replica before another one moves to it: its own may be
/// restarting.
const DELAY: Millis = Millis(5000);

impl Machine {
    /// Tracks which primaries have no working replica, and moves this one to such a primary if it
    /// is the one to move.
    pub(super) fn migrate_replica(&mut self) {
        let working = self.working_replicas();
        let orphans = self.track_orphans(&working);
        let settings = &self.settings;
        let me = self.table.me();
        let Some(primary) = me.primary else { return };
        if !settings.allow_replica_migration || !self.health.is_ok() {
            return;
        }
        let well = self.table.replicas_of(primary).filter(|node| !node.has(NodeFlags::FAILING));
        if well.count() <= settings.migration_barrier as usize {
            return;
        }
        let Some((target, since)) = orphans.into_iter().next() else { return };
        if self.now.since(since) > DELAY && self.is_the_one_to_move(primary, &working) {
            info!(primary = %target, "moving to a primary without replicas");
            self.become_replica_of(target);
        }
    }

    /// Primaries that serve slots, are meant to have replicas and have none that works; since when.
    fn track_orphans(&mut self, working: &BTreeMap<NodeId, usize>) -> Vec<(NodeId, Millis)> {
        let is_orphan = |node: &Node| {
            node.is_voter()
                && node.has(NodeFlags::MIGRATE_TO)
                && !node.has(NodeFlags::FAIL)
                && !working.contains_key(&node.id)
        };
        let orphans: Vec<NodeId> =
            self.table.iter().filter(|node| is_orphan(node)).map(|node| node.id).collect();
        let now = self.now;
        for node in self.table.iter_mut() {
            let is_orphan = orphans.contains(&node.id);
            node.orphaned_since = is_orphan.then(|| node.orphaned_since.unwrap_or(now));
        }
        let since = |id: NodeId| Some((id, self.table.get(id)?.orphaned_since?));
        orphans.into_iter().filter_map(since).collect()
    }

    /// How many replicas that have not failed each primary has, if any.
    fn working_replicas(&self) -> BTreeMap<NodeId, usize> {
        let mut counts = BTreeMap::new();
        for node in self.table.iter().filter(|node| !node.has(NodeFlags::FAIL)) {
            if let Some(primary) = node.primary {
                *counts.entry(primary).or_default() += 1;
            }
        }
        counts
    }

    /// Of all replicas of the primaries that have the most, the one with the smallest id moves, and
    /// only away from a primary that keeps one.
    fn is_the_one_to_move(&self, primary: NodeId, working: &BTreeMap<NodeId, usize>) -> bool {
        let most = working.values().copied().max().unwrap_or(0);
        if most < 2 || working.get(&primary) != Some(&most) {
            return false;
        }
        let movable = self.table.iter().filter(|node| {
            let count = node.primary.and_then(|primary| working.get(&primary));
            !node.has(NodeFlags::FAIL) && count == Some(&most)
        });
        movable.map(|node| node.id).min() == Some(self.my_id())
    }
}
