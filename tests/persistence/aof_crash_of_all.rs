//! As [`super::aof_crash`], with every kind of write: what a server has after kill -9 is what it
//! answered, and of what came after that nothing without what was sent before it.
//!
//! Meanwhile the file is rewritten, snapshots are saved, and the file is turned off and on.

use std::time::Duration;

use fastrand::Rng;
use support::{Client, Ledger, Sent, TestServer, eventually, start_oracle, until};

use super::aof_crash::variable;

const ROUNDS: u64 = 3;
const WRITERS: u8 = 4;
/// Things that happen before a crash, at most.
const EVENTS_MAX: usize = 5;

/// Off, and on again; writes are safe again when the first base is complete.
fn toggle(client: &mut Client, rng: &mut Rng) {
    assert!(client.run("CONFIG SET appendonly no").is_ok());
    wait(rng);
    assert!(client.run("CONFIG SET appendonly yes").is_ok());
    // All of one moment.
    let complete = ["aof_rewrite_in_progress:0\r", "aof_rewrite_scheduled:0\r"];
    let mut told = String::new();
    eventually("the file is complete", || {
        told = client.run("INFO persistence").text();
        complete.iter().all(|field| told.contains(field))
    });
    assert!(told.contains("aof_last_bgrewrite_status:ok\r"), "{told}");
}

fn wait(rng: &mut Rng) {
    until(Duration::from_millis(rng.u64(..40)), || false);
}

/// One thing that must not cost anything.
fn happen(client: &mut Client, rng: &mut Rng) {
    let commands = [
        "BGREWRITEAOF",
        "BGSAVE",
        "BGSAVE SCHEDULE",
        "CONFIG SET aof-use-rdb-preamble no",
        "CONFIG SET aof-use-rdb-preamble yes",
        "CONFIG SET aof-timestamp-enabled yes",
    ];
    match rng.usize(..commands.len() + 2) {
        // It may be refused: another one is under way.
        at if at < commands.len() => drop(client.run(commands[at])),
        _ => toggle(client, rng),
    }
    wait(rng);
}

/// Writers write, things happen, the server is killed.
fn crash(server: &mut TestServer, ledger: &Ledger, rng: &mut Rng) -> Vec<Sent> {
    ledger.write_until(server.port(), WRITERS, rng, |rng| {
        let mut client = server.client();
        (0..rng.usize(..=EVENTS_MAX)).for_each(|_| happen(&mut client, rng));
        wait(rng);
        server.kill();
    })
}

#[test]
fn a_crash_leaves_all_that_was_answered_whatever_was_written() {
    let Some(reference) = start_oracle(&[]) else { return };
    let ledger = Ledger::with_grammars_of(&reference);
    drop(reference);
    let always = ["--appendonly", "yes", "--appendfsync", "always", "--worker-threads", "3"];
    let more = ["--enable-debug-command", "yes", "--auto-aof-rewrite-min-size", "50kb"];
    let mut server = TestServer::start(&[&always[..], &more].concat());
    let first = variable("REDPOLL_CRASH_SEED", 1);
    let (mut answered, rounds) = (0, variable("REDPOLL_CRASH_ROUNDS", ROUNDS));
    for seed in first..first + rounds {
        println!("seed {seed}");
        let sent = crash(&mut server, &ledger, &mut Rng::with_seed(seed));
        server.restart();
        for (db, sent) in (0..).zip(&sent) {
            let settled = ledger.settle(&mut server.client(), db, sent);
            assert!(settled.is_ok(), "seed {seed}: {}", settled.unwrap_err());
            answered += sent.answered;
        }
    }
    println!("{rounds} crashes, {answered} answered commands");
    assert!(answered > 0, "nothing was tested");
}
