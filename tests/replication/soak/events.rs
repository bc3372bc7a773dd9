//! What happens to the nodes.

use std::time::Duration;

use fastrand::Rng;
use support::Kind::{Redis, Redpoll};
use support::{eventually, until};

use super::load::Load;
use super::settings::{change_of, eviction_of};
use super::world::{World, ask, ask_in_words};
use crate::nodes::info;

/// How long a primary may take to hand its role over before that is given up.
const HANDOVER_LIMIT: Duration = Duration::from_secs(120);

/// How a node ends.
const ENDINGS: &[&str] = &["KILL", "TERM", "SHUTDOWN SAVE", "SHUTDOWN NOSAVE", "SHUTDOWN"];

/// How long the primary stands still: writers wait for it.
const STANDSTILL: Duration = Duration::from_millis(30);

impl World {
    pub fn happen(&mut self, step: u64, rng: &mut Rng, load: &Load) {
        for _ in 0..rng.u32(1..4) {
            let at = rng.usize(..self.nodes.len());
            if !self.nodes[at].is_running || self.nodes[at].is_paused {
                self.resume(at);
                self.nodes[at].proxy.open();
                if !self.nodes[at].is_running {
                    self.launch(at);
                }
                continue;
            }
            println!("{step}: {} {at}", self.happen_to(at, rng, load));
        }
    }

    /// One thing, drawn by chance; what it is called.
    fn happen_to(&mut self, at: usize, rng: &mut Rng, load: &Load) -> String {
        match rng.u32(..42) {
            0..=8 => self.happen_to_link(at, rng),
            9..=10 => self.tell(at, "BGSAVE"),
            11..=13 => self.tell(at, "BGREWRITEAOF"),
            14..=15 => self.reload(at, rng.bool()),
            16..=19 => {
                let how = ENDINGS[rng.usize(..ENDINGS.len())];
                self.end(at, how);
                if rng.bool() {
                    self.launch(at);
                }
                how.to_owned()
            }
            20..=21 => {
                let node = &mut self.nodes[at];
                let aof = if node.has_aof { "no" } else { "yes" };
                let set = ask(node, &format!("CONFIG SET appendonly {aof}"));
                node.has_aof ^= set;
                format!("appendonly {aof}, {set}")
            }
            22..=27 => self.change(at, rng),
            28..=29 => self.pause(at),
            30 => self.rewire(at, rng),
            31..=32 => self.hand_over(at, rng.u32(..3) == 0),
            33..=34 => self.take_over(at),
            35..=36 => self.squeeze(at, rng),
            37..=38 => self.part(at, rng.u64(..), load),
            39 => self.tell(
                at,
                ["DEBUG SET-ACTIVE-EXPIRE 0", "DEBUG SET-ACTIVE-EXPIRE 1"][rng.usize(..2)],
            ),
            _ => self.tell(at, "SAVE"),
        }
    }

    /// To the link that leads to a node, or the connections of its replicas.
    fn happen_to_link(&mut self, at: usize, rng: &mut Rng) -> String {
        let proxy = &self.nodes[at].proxy;
        match rng.u32(..9) {
            0..=1 => proxy.cut(),
            2..=4 => proxy.cut_after(rng.i64(..40_000)),
            5 => proxy.close(),
            6 => proxy.hold_after(rng.i64(..40_000)),
            7 => return self.tell(at, "CLIENT KILL TYPE replica"),
            _ => return self.tell(at, "CLIENT KILL TYPE master"),
        }
        "cut".to_owned()
    }

    /// It stands still: a primary for a moment only.
    fn pause(&mut self, at: usize) -> String {
        let is_top = at == self.top_index();
        let node = &mut self.nodes[at];
        node.server.pause();
        if is_top {
            until(STANDSTILL, || false);
            node.server.resume();
        }
        node.is_paused = !is_top;
        "pause".to_owned()
    }

    /// Memory becomes short, or is no longer.
    fn squeeze(&mut self, at: usize, rng: &mut Rng) -> String {
        let node = &self.nodes[at];
        let used: i64 = info(&node.server, "used_memory").parse().unwrap_or_default();
        let policy = eviction_of(node.server.kind(), rng);
        let limit =
            if used == 0 || rng.u32(..3) == 0 { 0 } else { used + rng.i64(-30_000..60_000) };
        self.tell(at, &format!("CONFIG SET maxmemory {limit} maxmemory-policy {policy}"))
    }

    /// A replica goes its own way for a while, writes what nobody is to keep, and comes back.
    fn part(&mut self, at: usize, seed: u64, load: &Load) -> String {
        if at == self.top_index() || !ask(&self.nodes[at], "REPLICAOF NO ONE") {
            return "nothing".to_owned();
        }
        load.write(self.nodes[at].server.port(), seed);
        self.follow_parent(at);
        "part".to_owned()
    }

    fn tell(&self, at: usize, command: &str) -> String {
        format!("{command}, {}", ask(&self.nodes[at], command))
    }

    /// DEBUG RELOAD and LOADAOF. Redis deletes what has expired meanwhile without a word to its
    /// replicas, and takes its primary's commands while it loads.
    fn reload(&self, at: usize, from_log: bool) -> String {
        let node = &self.nodes[at];
        match (node.server.kind(), from_log && node.has_aof) {
            (Redis, _) => "nothing".to_owned(),
            (Redpoll, true) => self.tell(at, "DEBUG LOADAOF"),
            (Redpoll, false) => self.tell(at, "DEBUG RELOAD"),
        }
    }

    fn change(&self, at: usize, rng: &mut Rng) -> String {
        let node = &self.nodes[at];
        let (name, value) = change_of(node.server.kind(), rng);
        let is_set = ask_in_words(node, &["CONFIG", "SET", name, value]);
        format!("{name} {value}, {is_set}")
    }

    /// Follows another one.
    fn rewire(&mut self, at: usize, rng: &mut Rng) -> String {
        let to = rng.usize(..self.nodes.len());
        if at != self.top_index() && !self.descends(to, at) {
            self.nodes[at].parent = Some(to);
            self.follow_parent(at);
            return format!("follow {to}:");
        }
        "nothing".to_owned()
    }

    /// The primary hands its role to one of its replicas, which need not have everything if
    /// `by_force`.
    fn hand_over(&mut self, to: usize, by_force: bool) -> String {
        let from = self.top_index();
        if self.nodes[to].parent != Some(from) || !self.nodes[from].is_running {
            return "nothing".to_owned();
        }
        let port = self.nodes[to].server.port();
        let how = if by_force { "FORCE TIMEOUT 30" } else { "TIMEOUT 5000" };
        let began = ask(&self.nodes[from], &format!("FAILOVER TO 127.0.0.1 {port} {how}"));
        if !began {
            return "no handover".to_owned();
        }
        let (old, new) = (&self.nodes[from].server, &self.nodes[to].server);
        let mut done = false;
        eventually("the handover ends", || {
            done = info(old, "role") == "slave" && info(new, "role") == "master";
            done || info(old, "master_failover_state") == "no-failover"
                && info(old, "role") == "master"
        });
        let settled = until(HANDOVER_LIMIT, || info(old, "master_failover_state") == "no-failover");
        assert!(settled, "a handover without end");
        if done {
            self.become_top(to);
        }
        format!("handover, {done}")
    }

    /// The primary is gone: another one takes its place.
    fn take_over(&mut self, to: usize) -> String {
        let from = self.top_index();
        if from == to {
            return "nothing".to_owned();
        }
        if self.nodes[from].is_running {
            self.end(from, "KILL");
        }
        self.become_top(to);
        self.follow_parent(to);
        self.launch(from);
        "take over".to_owned()
    }

    fn become_top(&mut self, to: usize) {
        let from = self.top_index();
        self.nodes[to].parent = None;
        self.nodes[from].parent = Some(to);
    }
}
