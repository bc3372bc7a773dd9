//! Many connections on several workers at once, and what must hold whatever comes between what:
//! transactions are atomic, no watched change is lost, every element is popped once and in order,
//! messages arrive in order and only between the ends of a subscription.

mod messages;
mod queues;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use support::{Client, TestServer, Value, encode};

const ACCOUNTS: usize = 8;
const BALANCE: i64 = 1_000;
const MOVERS: u64 = 3;
const COUNTERS: u64 = 3;

/// What the connections of a run have in common.
struct Run {
    port: u16,
    seed: u64,
    until: Instant,
    /// Nothing more is produced.
    done: AtomicBool,
}

impl Run {
    fn goes_on(&self) -> bool {
        Instant::now() < self.until && !self.done.load(Ordering::SeqCst)
    }

    fn rng(&self, actor: u64) -> Rng {
        Rng::with_seed(self.seed.wrapping_mul(1_000).wrapping_add(actor))
    }

    fn client(&self) -> Client {
        Client::connect(self.port)
    }
}

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// A run on a server of its own; the seed is told if it fails.
fn run(act: impl FnOnce(&Run)) {
    // Who listens may be slow to read.
    let unlimited = ["--client-output-buffer-limit", "pubsub 0 0 0"];
    let server = TestServer::start(&[&["--worker-threads", "3"], &unlimited[..]].concat());
    let seed = variable("REDPOLL_STRESS_SEED", 1);
    let length = Duration::from_secs(variable("REDPOLL_STRESS_SECONDS", 4));
    println!("REDPOLL_STRESS_SEED={seed}");
    let until = Instant::now() + length;
    act(&Run { port: server.port(), seed, until, done: AtomicBool::new(false) });
    assert_eq!(server.client().run("PING").to_string(), "+PONG");
}

/// Sends commands at once; their replies.
fn pipeline(client: &mut Client, lines: &[String]) -> Vec<Value> {
    let words = |line: &String| encode(&line.split(' ').collect::<Vec<_>>());
    let bytes: Vec<u8> = lines.iter().flat_map(words).collect();
    client.send(&bytes).expect("the server reads");
    lines.iter().map(|_| client.read().expect("a reply")).collect()
}

fn number(value: &Value) -> i64 {
    value.text().parse().expect("a number")
}

/// Moves amounts between accounts; how many transactions ran.
fn move_amounts(run: &Run, actor: u64) -> u64 {
    let (mut rng, mut client, mut moved) = (run.rng(actor), run.client(), 0);
    while moved == 0 || run.goes_on() {
        let (from, to, amount) = (rng.usize(..ACCOUNTS), rng.usize(..ACCOUNTS), rng.i64(0..50));
        let mut lines = vec!["MULTI".to_owned(), format!("DECRBY account:{from} {amount}")];
        if rng.u8(..20) == 0 {
            lines.push("SELECT 0".to_owned()); // has the keyspace to itself
        }
        lines.push(format!("INCRBY account:{to} {amount}"));
        lines.push("EXEC".to_owned());
        if rng.bool() {
            pipeline(&mut client, &lines);
        } else {
            lines.iter().for_each(|line| drop(client.run(line)));
        }
        moved += 1;
    }
    moved
}

/// Adds the accounts up, in one command or in a transaction.
fn audit(run: &Run, actor: u64) {
    let (mut rng, mut client) = (run.rng(actor), run.client());
    let names: Vec<String> = (0..ACCOUNTS).map(|index| format!("account:{index}")).collect();
    while run.goes_on() {
        let balances = if rng.bool() {
            client.run(&format!("MGET {}", names.join(" "))).items()
        } else {
            let mut lines: Vec<String> = names.iter().map(|name| format!("GET {name}")).collect();
            lines.insert(0, "MULTI".to_owned());
            lines.push("EXEC".to_owned());
            pipeline(&mut client, &lines).pop().expect("EXEC's").items()
        };
        let sum: i64 = balances.iter().map(number).sum();
        assert_eq!(sum, BALANCE * ACCOUNTS as i64, "{balances:?}");
    }
}

/// Adds one with WATCH; how often that worked.
fn count_up(run: &Run, actor: u64) -> u64 {
    let (mut rng, mut client, mut added) = (run.rng(actor), run.client(), 0);
    while added == 0 || run.goes_on() {
        client.run("WATCH counter other");
        let value = number(&client.run("GET counter"));
        if rng.u8(..10) == 0 {
            client.run("UNWATCH");
            continue;
        }
        let lines = ["MULTI".to_owned(), format!("SET counter {}", value + 1), "EXEC".to_owned()];
        let outcome = pipeline(&mut client, &lines).pop().expect("EXEC's");
        added += u64::from(!outcome.is_null());
    }
    added
}

#[test]
fn transactions_are_atomic_and_no_watched_change_is_lost() {
    run(|run| {
        let mut client = run.client();
        client.run("SET counter 0");
        for index in 0..ACCOUNTS {
            client.run(&format!("SET account:{index} {BALANCE}"));
        }
        let (moved, added) = std::thread::scope(|scope| {
            let movers: Vec<_> =
                (0..MOVERS).map(|actor| scope.spawn(move || move_amounts(run, actor))).collect();
            let counters: Vec<_> = (10..10 + COUNTERS)
                .map(|actor| scope.spawn(move || count_up(run, actor)))
                .collect();
            let auditor = scope.spawn(|| audit(run, 20));
            let total = |actors: Vec<std::thread::ScopedJoinHandle<'_, u64>>| -> u64 {
                actors.into_iter().map(|actor| actor.join().expect("no failure")).sum()
            };
            let sums = (total(movers), total(counters));
            auditor.join().expect("the sums are right");
            sums
        });
        println!("{moved} transfers, {added} increments");
        assert!(moved > 0 && added > 0, "it did something");
        assert_eq!(number(&client.run("GET counter")), added as i64);
    });
}
