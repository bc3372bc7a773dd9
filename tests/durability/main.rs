//! What an answer promises: with `min-replicas-to-ack` a write that was answered survives the
//! primary.
//!
//! `REDPOLL_ROUNDS` crashes as many primaries; without it a few, to know that it works.
//! `REDPOLL_ROUNDS_SEED` says when each crashes and what is written (1).

mod all_kinds;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use support::{Client, Stop, TestServer, encode, eventually, until};

/// Connections that write at the same time.
const WRITERS: usize = 4;
/// Answers after which the primary is killed, at most: crashes fall into the middle of things.
const ANSWERS_MAX: usize = 400;
/// Keys that a writer sets at once, at most.
const TOGETHER_MAX: usize = 8;

fn variable(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A primary and its replica, in step.
struct Pair {
    primary: TestServer,
    replica: TestServer,
}

impl Pair {
    fn start(directives: &[&str]) -> Pair {
        let directives = [directives, &["--repl-diskless-sync-delay", "0"]].concat();
        let [primary, replica] = [(), ()].map(|()| TestServer::start(&directives));
        let pair = Pair { primary, replica };
        pair.link();
        pair
    }

    fn link(&self) {
        let follow = format!("REPLICAOF 127.0.0.1 {}", self.primary.port());
        assert!(self.replica.client().run(&follow).is_ok());
        eventually("the replica is in step", || {
            let info = self.primary.client().run("INFO replication").text();
            info.contains("state=online")
                && self.replica.client().run("ROLE").to_string().contains("connected")
        });
    }

    /// The replica has taken over: who was killed comes back, empty, as its replica.
    fn change_roles(&mut self) {
        std::mem::swap(&mut self.primary, &mut self.replica);
        self.replica.restart();
        self.link();
        eventually("it is emptied", || self.primary.client().run("FLUSHALL").is_ok());
    }
}

/// Sets keys of its own until the connection ends; those whose writes were answered.
fn write(
    port: u16,
    writer: usize,
    stop: &AtomicBool,
    answered: &(impl Fn() + Sync),
    mut rng: fastrand::Rng,
) -> Vec<String> {
    let Ok(mut client) = Client::try_connect(port) else { return Vec::new() };
    let mut kept = Vec::new();
    for n in 0.. {
        let count = rng.usize(1..=TOGETHER_MAX);
        let keys: Vec<String> = (0..count).map(|key| format!("{writer}:{n}:{key}")).collect();
        let is_done = match rng.bool() {
            true => in_a_row(&mut client, &keys, &mut kept),
            false => in_a_transaction(&mut client, &keys, &mut kept),
        };
        answered();
        if is_done.is_err() || stop.load(Ordering::Relaxed) {
            break;
        }
    }
    kept
}

/// Sends all at once; keeps those that are answered.
fn in_a_row(client: &mut Client, keys: &[String], kept: &mut Vec<String>) -> std::io::Result<()> {
    let commands = keys.iter().flat_map(|key| encode(&["SET", key, "value"]));
    client.send(&commands.collect::<Vec<u8>>())?;
    for key in keys {
        if client.read()?.is_ok() {
            kept.push(key.clone());
        }
    }
    Ok(())
}

/// Sets all in one transaction; keeps all if EXEC is answered.
fn in_a_transaction(
    client: &mut Client,
    keys: &[String],
    kept: &mut Vec<String>,
) -> std::io::Result<()> {
    client.try_call(&["MULTI"])?;
    for key in keys {
        client.try_call(&["SET", key, "value"])?;
    }
    if !client.try_call(&["EXEC"])?.is_error() {
        kept.extend_from_slice(keys);
    }
    Ok(())
}

/// How many of these keys there are.
fn count_of(client: &mut Client, keys: &[String]) -> i64 {
    let words: Vec<&str> =
        std::iter::once("EXISTS").chain(keys.iter().map(String::as_str)).collect();
    client.call(&words).int()
}

/// Kills a primary under load and promotes its replica: writes that were answered, and how many of
/// them the replica does not have.
fn crash(pair: &mut Pair, rng: &mut fastrand::Rng) -> (usize, usize) {
    let port = pair.primary.port();
    let (stop, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let enough = rng.usize(1..ANSWERS_MAX);
    let count = || {
        answers.fetch_add(1, Ordering::Relaxed);
    };
    let kept: Vec<String> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn({
                    let (stop, count, rng) = (&stop, &count, rng.fork());
                    move || write(port, writer, stop, count, rng)
                })
            })
            .collect();
        let enough = || answers.load(Ordering::Relaxed) >= enough;
        let ending = Stop(&stop);
        let was_enough = until(Duration::from_secs(120), enough);
        pair.primary.kill();
        drop(ending);
        assert!(was_enough, "writes are answered");
        writers.into_iter().flat_map(|writer| writer.join().expect("a writer")).collect()
    });
    let mut client = pair.replica.client();
    assert!(client.run("REPLICAOF NO ONE").is_ok());
    let found: i64 = kept.chunks(500).map(|keys| count_of(&mut client, keys)).sum();
    (kept.len(), kept.len() - found as usize)
}

/// Answered and missing writes of all rounds together, each round checked by `check`.
fn crashes(directives: &[&str], check: impl Fn(usize, usize, usize)) -> (usize, usize) {
    let mut pair = Pair::start(directives);
    let mut rng = fastrand::Rng::with_seed(variable("REDPOLL_ROUNDS_SEED", 1));
    let mut sum = (0, 0);
    let rounds = variable("REDPOLL_ROUNDS", 3) as usize;
    for round in 0..rounds {
        let (answered, missing) = crash(&mut pair, &mut rng);
        check(round, answered, missing);
        sum = (sum.0 + answered, sum.1 + missing);
        pair.change_roles();
    }
    println!("{rounds} rounds, {directives:?}: {} of {} answered writes lost", sum.1, sum.0);
    sum
}

#[test]
fn an_answered_write_is_on_a_replica_when_it_must_be() {
    let always = ["--min-replicas-to-ack", "1", "--min-replicas-ack-timeout", "0"];
    let (answered, _) = crashes(&always, |round, answered, missing| {
        assert_eq!(missing, 0, "round {round}: of {answered} answered writes");
    });
    assert!(answered > 0);
}

/// Not a promise: what the setting is for. Prints how many answered writes a crash cost without it.
#[test]
fn without_it_a_crash_may_cost_answered_writes() {
    let (answered, missing) = crashes(&[], |_, _, _| {});
    assert!(missing <= answered);
}

/// Without a replica a write is applied and its client is told that nobody else has it.
#[test]
fn a_write_without_replicas_is_refused_in_time() {
    let directives = ["--min-replicas-to-ack", "1", "--min-replicas-ack-timeout", "0"];
    let Pair { primary, mut replica } = Pair::start(&directives);
    let mut client = primary.client();
    assert!(client.run("SET a 1").is_ok());
    replica.kill();
    assert!(client.run("CONFIG SET min-replicas-ack-timeout 100").is_ok());
    let refused = client.run("SET a 2");
    assert!(refused.is_error_of("NOACK"), "{refused}");
    assert_eq!(client.run("GET a").text(), "2", "it was applied");
}
