//! Cluster clients while a primary crashes and its replica takes over.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use support::{Kind, TestCluster, TestServer, eventually, forbid_elections, suspect_after};

use crate::{script, tools};

/// Three primaries and a replica of each.
fn with_replicas() -> (TestCluster, TestCluster) {
    let primaries = TestCluster::start(3);
    let replicas = TestCluster::apart(&[Kind::Redpoll; 3]);
    let meet = format!("CLUSTER MEET 127.0.0.1 {}", primaries.nodes[0].port());
    for replica in &replicas.nodes {
        assert!(replica.client().run(&meet).is_ok());
    }
    for (primary, replica) in primaries.nodes.iter().zip(&replicas.nodes) {
        let replicate =
            format!("CLUSTER REPLICATE {}", primary.client().run("CLUSTER MYID").text());
        eventually("it replicates", || replica.client().run(&replicate).is_ok());
    }
    let is_linked = |node: &TestServer| {
        node.client().run("INFO replication").text().contains("master_link_status:up")
    };
    eventually("replicas are linked", || replicas.nodes.iter().all(is_linked));
    // First and last slot, the primary, its replica.
    let is_told = |node: &TestServer| {
        let ranges = node.client().run("CLUSTER SLOTS").items();
        ranges.len() == 3 && ranges.iter().all(|range| range.items().len() == 4)
    };
    let nodes = || primaries.nodes.iter().chain(&replicas.nodes);
    eventually("all nodes know the replicas", || nodes().all(is_told));
    (primaries, replicas)
}

/// A client's script as a process.
struct Story {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Story {
    fn start(command: &mut Command) -> Story {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Story { child, output }
    }

    #[track_caller]
    fn expect(&mut self, expected: &str) {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a pipe");
        assert_eq!(line.trim(), expected);
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn clients_go_on_when_a_replica_has_taken_over() {
    let Some(tools) = tools() else { return };
    let (mut primaries, replicas) = with_replicas();
    let ports: Vec<String> =
        primaries.ports().iter().chain(&replicas.ports()).map(ToString::to_string).collect();
    let commands = [
        ("venv/bin/python", "failover_client.py", Some("redis")),
        ("venv/bin/python", "failover_client.py", Some("valkey")),
        ("node", "failover_ioredis.js", None),
        ("node", "failover_node_redis.js", None),
    ];
    let start = |(program, name, library): (&str, &str, Option<&str>)| {
        let program = if program == "node" { program.into() } else { tools.join(program) };
        let mut command = Command::new(program);
        command.env("NODE_PATH", tools.join("node_modules")).arg(script(name));
        Story::start(command.args(library).args(&ports))
    };
    let mut stories = commands.map(start);
    stories.iter_mut().for_each(|story| story.expect("ready"));
    // Whoever stands still for a moment has no replica take over, which might cost a write.
    forbid_elections([&replicas.nodes[0], &replicas.nodes[2]]);
    suspect_after(5_000, primaries.nodes.iter().chain(&replicas.nodes));
    primaries.nodes[1].kill();
    for story in &mut stories {
        writeln!(story.child.stdin.as_mut().expect("piped"), "killed").expect("it waits");
    }
    let (of_node_redis, others) = stories.split_last_mut().expect("four stories");
    others.iter_mut().for_each(|story| story.expect("passed"));
    primaries.nodes[1].restart();
    of_node_redis.expect("passed");
}
