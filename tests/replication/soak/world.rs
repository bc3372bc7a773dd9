//! The nodes, who follows whom, how they end and come back.

use std::time::Duration;

use fastrand::Rng;
use support::Kind::{Redis, Redpoll};
use support::{Client, Kind, TestServer, eventually, run_to_end, until};

use super::settings::{directives, healthy};
use crate::nodes::info;
use crate::proxy::Proxy;

pub struct Node {
    pub server: TestServer,
    pub has_aof: bool,
    /// Leads to it.
    pub proxy: Proxy,
    directives: Vec<String>,
    /// Whom it follows.
    pub parent: Option<usize>,
    pub is_paused: bool,
    pub is_running: bool,
}

pub struct World {
    pub nodes: Vec<Node>,
}

/// How long a node may take to end, unless it refuses to.
const ENDING_LIMIT: Duration = Duration::from_secs(10);

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

    /// What nodes have counted since they were started, for whoever asks what a run has tested.
    pub fn tell_counts(&self) {
        let fields =
            ["expired_keys", "evicted_keys", "sync_full", "sync_partial_ok", "aof_rewrites"];
        for node in &self.nodes {
            let counts = fields.map(|field| format!("{field} {}", info(&node.server, field)));
            println!("{:?} {}: {}", node.server.kind(), node.server.port(), counts.join(", "));
        }
    }

    /// Whether all are redpoll, so that there may be what redis-server does not know.
    pub fn is_of_one_kind(&self) -> bool {
        self.nodes.iter().all(|node| node.server.kind() == Redpoll)
    }

    pub fn top_index(&self) -> usize {
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
    pub fn launch(&mut self, at: usize) {
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

    pub fn end(&mut self, at: usize, how: &str) {
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

    pub fn follow_parent(&self, at: usize) {
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

    pub fn descends(&self, at: usize, from: usize) -> bool {
        at == from || self.nodes[at].parent.is_some_and(|parent| self.descends(parent, from))
    }

    /// Everybody runs, and follows whom it should; nothing is cut any more.
    pub fn heal(&mut self) {
        for at in 0..self.nodes.len() {
            self.resume(at);
            self.nodes[at].proxy.open();
            self.nodes[at].proxy.release();
            self.bury(at);
            if !self.nodes[at].is_running {
                self.launch(at);
            }
        }
        (0..self.nodes.len()).for_each(|at| self.follow_parent(at));
        for node in &self.nodes {
            for words in healthy(node.server.kind()) {
                eventually("it is told", || ask_in_words(node, words));
            }
        }
    }

    /// Redis 7.0 crashes now and then where a transaction serves who waits for a key: that is no
    /// failure of ours.
    fn bury(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if node.is_running && node.server.kind() == Redis && node.server.is_gone() {
            println!("{at} has crashed");
            node.server.kill();
            node.is_running = false;
        }
    }

    pub fn resume(&mut self, at: usize) {
        if std::mem::take(&mut self.nodes[at].is_paused) {
            self.nodes[at].server.resume();
        }
    }
}

/// Tells a node something it may refuse; whether it obeyed.
pub fn ask(node: &Node, command: &str) -> bool {
    ask_in_words(node, &command.split(' ').collect::<Vec<_>>())
}

pub fn ask_in_words(node: &Node, words: &[&str]) -> bool {
    let Ok(mut client) = Client::try_connect(node.server.port()) else { return false };
    client.try_call(words).is_ok_and(|reply| !reply.is_error())
}
