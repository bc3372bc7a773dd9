//! As the rounds of [`super`], with every kind of write and two replicas, one of which has to have
//! it: the one that is furthest takes over. Links break and replicas stand still meanwhile.

use std::time::Duration;

use fastrand::Rng;
use support::{Client, Ledger, Sent, TestServer, eventually, start_oracle, until};

use super::variable;

const ROUNDS: u64 = 2;
const WRITERS: u8 = 3;

fn replication(node: &TestServer) -> String {
    let asked = Client::try_connect(node.port())
        .and_then(|mut client| client.try_call(&["INFO", "replication"]));
    asked.map(|told| told.text()).unwrap_or_default()
}

fn has(node: &TestServer, line: &str) -> bool {
    replication(node).lines().any(|told| told == line)
}

fn offset(node: &TestServer) -> u64 {
    let told = replication(node);
    let found = told.lines().find_map(|line| line.strip_prefix("slave_repl_offset:"));
    found.and_then(|number| number.parse().ok()).expect("an offset")
}

/// The first leads, the others follow and have everything.
fn link(nodes: &[TestServer]) {
    let (primary, replicas) = nodes.split_first().expect("a primary");
    for replica in replicas {
        let follow = format!("REPLICAOF 127.0.0.1 {}", primary.port());
        assert!(replica.client().run(&follow).is_ok());
    }
    for (index, _) in replicas.iter().enumerate() {
        let online = || {
            let told = replication(primary);
            let line = told.lines().find(|line| line.starts_with(&format!("slave{index}:")));
            line.is_some_and(|line| line.contains("state=online"))
        };
        eventually("a replica is online", online);
    }
    eventually("all have everything", || {
        replicas.iter().all(|replica| {
            has(replica, "master_link_status:up") && {
                let end = replication(primary);
                end.contains(&format!("master_repl_offset:{}\r", offset(replica)))
            }
        })
    });
}

fn wait(rng: &mut Rng) {
    until(Duration::from_millis(rng.u64(..40)), || false);
}

/// One thing that costs no answered write.
fn happen(nodes: &[TestServer], rng: &mut Rng) {
    let replica = &nodes[rng.usize(1..nodes.len())];
    match rng.u32(..4) {
        0 => drop(nodes[0].client().run("CLIENT KILL TYPE replica")),
        1 => drop(nodes[rng.usize(..nodes.len())].client().run("BGSAVE")),
        2 => drop(replica.client().run("BGREWRITEAOF")),
        _ => {
            replica.pause();
            wait(rng);
            replica.resume();
        }
    }
    wait(rng);
}

/// Writers write, things happen, the primary is killed.
fn crash(nodes: &mut [TestServer], ledger: &Ledger, rng: &mut Rng) -> Vec<Sent> {
    ledger.write_until(nodes[0].port(), WRITERS, rng, |rng| {
        (0..rng.usize(..4)).for_each(|_| happen(nodes, rng));
        wait(rng);
        nodes[0].kill();
    })
}

/// Whoever has most leads from now on.
fn promote_the_furthest(nodes: &mut [TestServer]) {
    for replica in &nodes[1..] {
        eventually("the primary is missed", || has(replica, "master_link_status:down"));
    }
    let furthest = (1..nodes.len()).max_by_key(|&at| offset(&nodes[at])).expect("a replica");
    nodes.swap(0, furthest);
    assert!(nodes[0].client().run("REPLICAOF NO ONE").is_ok());
}

#[test]
fn every_kind_of_answered_write_is_on_the_replica_that_is_furthest() {
    let Some(reference) = start_oracle(&[]) else { return };
    let ledger = Ledger::with_grammars_of(&reference);
    drop(reference);
    let directives = [
        "--min-replicas-to-ack",
        "1",
        "--min-replicas-ack-timeout",
        "0",
        "--repl-diskless-sync-delay",
        "0",
        "--enable-debug-command",
        "yes",
        "--worker-threads",
        "2",
    ];
    let mut nodes = [(); 3].map(|()| TestServer::start(&directives));
    link(&nodes);
    let mut rng = Rng::with_seed(variable("REDPOLL_ROUNDS_SEED", 1));
    let (mut answered, rounds) = (0, variable("REDPOLL_ROUNDS", ROUNDS));
    for round in 0..rounds {
        let sent = crash(&mut nodes, &ledger, &mut rng);
        promote_the_furthest(&mut nodes);
        for (db, sent) in (0..).zip(&sent) {
            let settled = ledger.settle(&mut nodes[0].client(), db, sent);
            assert!(settled.is_ok(), "round {round}: {}", settled.unwrap_err());
            answered += sent.answered;
        }
        for node in &mut nodes {
            if node.is_gone() {
                node.restart();
            }
        }
        link(&nodes);
    }
    println!("{rounds} crashes, {answered} answered commands");
    assert!(answered > 0, "nothing was tested");
}
