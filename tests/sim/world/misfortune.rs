//! What goes wrong, and the end of it.

use std::collections::BTreeSet;

use redpoll::base::Millis;

use super::{Event, World};
use crate::faults::Faults;

impl World {
    /// Ten times a second, what goes wrong now.
    pub(super) fn misfortune(&mut self) {
        self.schedule(Millis(100), Event::Misfortune);
        let faults = self.faults.clone();
        let tenth = |rate: f64| rate / 10.0;
        if self.rng.chance(tenth(faults.partition)) {
            let group: BTreeSet<usize> =
                (0..self.nodes.len()).filter(|_| self.rng.chance(0.4)).collect();
            self.note(format!("partition: {group:?}, one way: {}", faults.one_way));
            self.tally.partitions += 1;
            self.network.partition(self.nodes.len(), &group, faults.one_way);
            let span = 1 + self.rng.below(faults.partition_max.0 + 1);
            self.schedule(Millis(span), Event::Mend);
        }
        for node in self.running() {
            let mut up_to = |span: Millis| Millis(1 + self.rng.below(span.0 + 1));
            let (downtime, pause) = (up_to(faults.downtime_max), up_to(Millis(5000)));
            let jump = up_to(faults.clock_jump_max).0.cast_signed();
            if self.rng.chance(tenth(faults.crash)) {
                self.crash_for(node, downtime);
                if faults.address_changes {
                    self.nodes[node].ip = format!("10.0.{}.{}", self.steps % 250, node + 1);
                }
            } else if self.rng.chance(tenth(faults.pause)) {
                self.pause(node, pause);
            } else if self.rng.chance(tenth(faults.clock_jump)) {
                let jump = if self.rng.chance(0.5) { jump } else { -jump };
                self.note(format!("clock of node {node} jumps by {jump} ms"));
                self.nodes[node].clock_ahead += jump;
            }
        }
        if self.rng.chance(0.1) {
            for link in self.network.dead_links() {
                let [one, other] = self.network.ends_of(link);
                self.close(one.link);
                self.schedule(Millis(1), Event::Closed { end: other });
                self.schedule(Millis(1), Event::Closed { end: one });
            }
        }
    }

    /// No more faults: everything runs, everything is connected, clocks run evenly from now on.
    pub fn heal(&mut self) {
        self.note("healed".to_owned());
        self.faults = Faults::none();
        self.operator_moves_slots = false;
        self.network.mend();
        for node in 0..self.nodes.len() {
            self.nodes[node].paused_until = Millis::ZERO;
            self.start(node);
        }
    }
}
