//! The nodes, who follows whom, and what happens to them.

use std::time::Duration;

use fastrand::Rng;
use support::Kind::{Redis, Redpoll};
use support::{Client, Kind, TestServer, eventually, run_to_end, until};

use crate::nodes::info;
use crate::proxy::Proxy;

/// How long a primary may take to hand its role over before that is given up.
const HANDOVER_LIMIT: Duration = Duration::from_secs(120);

pub struct Node {
    pub server: TestServer,
    pub has_aof: bool,
    /// Leads to it.
    proxy: Proxy,
    directives: Vec<String>,
    /// Whom it follows.
    parent: Option<usize>,
    is_paused: bool,
    is_running: bool,
}

pub struct World {
    pub nodes: Vec<Node>,
}

/// How long a node may take to end, unless it refuses to.
const ENDING_LIMIT: Duration = Duration::from_secs(10);

/// How a node ends.
const ENDINGS: &[&str] = &["KILL", "TERM", "SHUTDOWN SAVE", "SHUTDOWN NOSAVE", "SHUTDOWN"];

fn kinds(rng: &mut Rng) -> Vec<Kind> {
    let count = rng.usize(3..5);
    if rng.u32(..6) == 0 {
        return vec![Redpoll; count];
    }
    let mut kinds: Vec<Kind> =
        (0..count).map(|_| if rng.u32(..3) > 0 { Redpoll } else { Redis }).collect();
    kinds[rng.usize(..count)] = Redpoll;
    kinds[rng.usize(1..count)] = Redis;
    kinds[0] = if rng.u32(..4) > 0 { Redpoll } else { kinds[0] };
    kinds
}

/// Settings that make a difference here, drawn for one node.
fn directives(kind: Kind, rng: &mut Rng) -> Vec<String> {
    let mut drawn = Vec::new();
    let mut draw = |name: &str, values: &[&str]| {
        let value = values[rng.usize(..values.len())];
        drawn.extend([format!("--{name}"), value.to_owned()]);
    };
    let either = &["yes", "no"];
    draw("appendfsync", &["always", "everysec", "no"]);
    draw("aof-use-rdb-preamble", either);
    draw("aof-timestamp-enabled", either);
    draw("repl-diskless-sync", either);
    draw("repl-backlog-size", &["16kb", "100kb", "1mb"]);
    draw("auto-aof-rewrite-min-size", &["20kb", "100kb", "64mb"]);
    draw("lazyfree-lazy-user-flush", either);
    draw("replica-lazy-flush", either);
    if kind == Redpoll {
        draw("worker-threads", &["1", "2", "3"]);
    }
    let always = ["--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes"];
    drawn.extend(always.map(String::from));
    drawn
}

impl World {
    pub fn start(rng: &mut Rng) -> World {
        let mut nodes = Vec::new();
        for (at, kind) in kinds(rng).into_iter().enumerate() {
            let directives = directives(kind, rng);
            let has_aof = rng.bool();
            let parent = at.checked_sub(1).map(|last| rng.usize(..=last));
            let server = TestServer::stopped(kind, &[]);
            let proxy = Proxy::to(server.port());
            println!("{at}: {kind:?} {} of {parent:?}, aof {has_aof}", server.port());
            nodes.push(Node {
                server,
                has_aof,
                proxy,
                directives,
                parent,
                is_paused: false,
                is_running: false,
            });
        }
        let mut world = World { nodes };
        (0..world.nodes.len()).for_each(|at| world.launch(at));
        world
    }

    /// Whether all are redpoll, so that there may be what redis-server does not know.
    pub fn is_of_one_kind(&self) -> bool {
        self.nodes.iter().all(|node| node.server.kind() == Redpoll)
    }

    fn top_index(&self) -> usize {
        self.nodes.iter().position(|node| node.parent.is_none()).expect("one follows nobody")
    }

    /// Whom all follow in the end.
    pub fn top(&self) -> &TestServer {
        &self.nodes[self.top_index()].server
    }

    pub fn replicas(&self) -> Vec<&TestServer> {
        self.nodes.iter().filter(|node| node.parent.is_some()).map(|node| &node.server).collect()
    }

    /// Starts a node as it is to be by now.
    fn launch(&mut self, at: usize) {
        let upstream = self.nodes[at].parent.map(|parent| self.nodes[parent].proxy.port);
        let node = &mut self.nodes[at];
        let mut directives: Vec<&str> = node.directives.iter().map(String::as_str).collect();
        let port = upstream.unwrap_or_default().to_string();
        directives.extend(["--appendonly", if node.has_aof { "yes" } else { "no" }]);
        if upstream.is_some() {
            directives.extend(["--replicaof", "127.0.0.1", &port]);
        }
        node.server.set_directives(&directives);
        node.server.restart();
        node.is_running = true;
    }

    fn end(&mut self, at: usize, how: &str) {
        let node = &mut self.nodes[at];
        match how {
            "KILL" => node.server.kill(),
            command => {
                // It ends without an answer, or refuses: Redis does while it writes its first base.
                if command == "TERM" {
                    drop(run_to_end("kill", &["-TERM", &node.server.pid().to_string()]));
                } else {
                    drop(node.server.client().try_call(&command.split(' ').collect::<Vec<_>>()));
                }
                until(ENDING_LIMIT, || node.server.is_gone());
                node.server.kill();
            }
        }
        node.is_running = false;
    }

    fn follow_parent(&self, at: usize) {
        let node = &self.nodes[at];
        let Some(parent) = node.parent else {
            if info(&node.server, "role") == "slave" {
                eventually("it leads", || ask(node, "REPLICAOF NO ONE"));
            }
            return;
        };
        let port = self.nodes[parent].proxy.port;
        let follows = info(&node.server, "role") == "slave"
            && info(&node.server, "master_port") == port.to_string();
        if !follows {
            // It is refused while a dataset is loaded.
            eventually("it follows", || ask(node, &format!("REPLICAOF 127.0.0.1 {port}")));
        }
    }

    fn descends(&self, at: usize, from: usize) -> bool {
        at == from || self.nodes[at].parent.is_some_and(|parent| self.descends(parent, from))
    }

    /// Everybody runs, and follows whom it should; nothing is cut any more.
    pub fn heal(&mut self) {
        for at in 0..self.nodes.len() {
            self.resume(at);
            self.nodes[at].proxy.open();
            self.nodes[at].proxy.cut_after(i64::MAX);
            if !self.nodes[at].is_running {
                self.launch(at);
            }
        }
        (0..self.nodes.len()).for_each(|at| self.follow_parent(at));
    }

    fn resume(&mut self, at: usize) {
        if std::mem::take(&mut self.nodes[at].is_paused) {
            self.nodes[at].server.resume();
        }
    }
}

/// Tells a node something it may refuse; whether it obeyed.
fn ask(node: &Node, command: &str) -> bool {
    let Ok(mut client) = Client::try_connect(node.server.port()) else { return false };
    let reply = client.try_call(&command.split(' ').collect::<Vec<_>>());
    reply.is_ok_and(|reply| !reply.is_error())
}

/// What happens.
impl World {
    pub fn happen(&mut self, step: u64, rng: &mut Rng) {
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
            println!("{step}: {} {at}", self.happen_to(at, rng));
        }
    }

    /// One thing, drawn by chance; what it is called.
    fn happen_to(&mut self, at: usize, rng: &mut Rng) -> String {
        let is_top = at == self.top_index();
        let node = &mut self.nodes[at];
        match rng.u32(..26) {
            0..=1 => node.proxy.cut(),
            2..=4 => node.proxy.cut_after(rng.i64(..40_000)),
            5 => node.proxy.close(),
            6..=7 => return self.tell(at, "BGSAVE"),
            8..=10 => return self.tell(at, "BGREWRITEAOF"),
            11..=12 => return self.reload(at, rng.bool()),
            13..=16 => {
                let how = ENDINGS[rng.usize(..ENDINGS.len())];
                self.end(at, how);
                if rng.bool() {
                    self.launch(at);
                }
                return how.to_owned();
            }
            17..=18 => {
                let aof = if node.has_aof { "no" } else { "yes" };
                let set = ask(node, &format!("CONFIG SET appendonly {aof}"));
                node.has_aof ^= set;
                return format!("appendonly {aof}, {set}");
            }
            19 => return self.change(at, rng),
            20 if !is_top => {
                node.server.pause();
                node.is_paused = true;
                return "pause".to_owned();
            }
            21 => return self.tell(at, "CLIENT KILL TYPE replica"),
            22 => return self.rewire(at, rng),
            23 => return self.hand_over(at),
            24 => return self.take_over(at),
            _ => return self.tell(at, "SAVE"),
        }
        "cut".to_owned()
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

    fn change(&mut self, at: usize, rng: &mut Rng) -> String {
        let value = if rng.bool() { "yes" } else { "no" };
        let name = ["aof-use-rdb-preamble", "aof-timestamp-enabled", "repl-diskless-sync"];
        self.tell(at, &format!("CONFIG SET {} {value}", name[rng.usize(..name.len())]))
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

    /// The primary hands its role to one of its replicas.
    fn hand_over(&mut self, to: usize) -> String {
        let from = self.top_index();
        if self.nodes[to].parent != Some(from) || !self.nodes[from].is_running {
            return "nothing".to_owned();
        }
        let port = self.nodes[to].server.port();
        let began = ask(&self.nodes[from], &format!("FAILOVER TO 127.0.0.1 {port} TIMEOUT 5000"));
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
