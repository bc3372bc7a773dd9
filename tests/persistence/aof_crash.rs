//! `appendfsync always` under kill -9, again and again: whatever was acknowledged is there.
//!
//! Each round runs writers, rewrites now and then, kills the server at a random moment, starts it
//! again on what it left and looks for everything that was acknowledged. `REDPOLL_CRASH_ROUNDS`
//! sets the number of rounds, `REDPOLL_CRASH_SEED` the first seed; a failure names its own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use support::{Client, TestServer, until};

const ROUNDS: u64 = 5;
const WRITERS: u64 = 6;

/// What one writer knows to be safe.
#[derive(Clone, Copy, Debug, Default)]
struct Acknowledged {
    counter: i64,
    pushed: i64,
    paired: i64,
}

fn variable(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// Writes until the server is gone, from where it stands; `answers` counts.
fn write(
    port: u16,
    id: u64,
    rng: &mut fastrand::Rng,
    from: Acknowledged,
    answers: &AtomicU64,
) -> Acknowledged {
    let mut known = from;
    let Ok(mut client) = Client::try_connect(port) else { return known };
    loop {
        let padding = "p".repeat(rng.usize(0..3000));
        let done = match rng.u32(0..4) {
            0 | 1 => client.try_call(&["INCR", &format!("{id}:counter")]).map(|reply| {
                known.counter = reply.int();
            }),
            2 => client.try_call(&["RPUSH", &format!("{id}:list"), &padding]).map(|reply| {
                known.pushed = reply.int();
            }),
            _ => pair(&mut client, id).map(|count| known.paired = count),
        };
        if done.is_err() {
            return known;
        }
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// Two counters that only a transaction changes.
fn pair(client: &mut Client, id: u64) -> std::io::Result<i64> {
    let names = [format!("{id}:left"), format!("{id}:right")];
    client.try_call(&["MULTI"])?;
    for name in &names {
        client.try_call(&["INCR", name])?;
    }
    Ok(client.try_call(&["EXEC"])?.items()[0].int())
}

fn number(client: &mut Client, command: &[&str]) -> i64 {
    let reply = client.call(command);
    if reply.is_null() { 0 } else { reply.text().parse().expect("a number") }
}

/// Compares what is there with what was acknowledged; what is there.
fn look(client: &mut Client, id: u64, known: Acknowledged, seed: u64) -> Acknowledged {
    let found = Acknowledged {
        counter: number(client, &["GET", &format!("{id}:counter")]),
        pushed: client.call(&["LLEN", &format!("{id}:list")]).int(),
        paired: number(client, &["GET", &format!("{id}:left")]),
    };
    let right = number(client, &["GET", &format!("{id}:right")]);
    assert_eq!(found.paired, right, "seed {seed}: half a transaction");
    for (found, known) in
        [(found.counter, known.counter), (found.pushed, known.pushed), (found.paired, known.paired)]
    {
        // One more may have been on its way.
        let expected = known..=known + 1;
        assert!(expected.contains(&found), "seed {seed}: {found} where {known} was acknowledged");
    }
    found
}

#[test]
fn nothing_acknowledged_is_lost_in_a_crash() {
    let first = variable("REDPOLL_CRASH_SEED", u64::from(std::process::id()));
    let always = ["--appendonly", "yes", "--appendfsync", "always", "--worker-threads", "3"];
    let mut server = TestServer::start(&always);
    let mut known = [Acknowledged::default(); WRITERS as usize];
    for seed in first..first + variable("REDPOLL_CRASH_ROUNDS", ROUNDS) {
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let port = server.port();
        let (killed, answers) = (AtomicBool::new(false), AtomicU64::new(0));
        let has_written = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|id| {
                    let (mut rng, from) = (rng.fork(), known[id as usize]);
                    let answers = &answers;
                    scope.spawn(move || write(port, id, &mut rng, from, answers))
                })
                .collect();
            let (pause, killed) = (rng.u64(1..60), &killed);
            scope.spawn(move || {
                let Ok(mut client) = Client::try_connect(port) else { return };
                while !killed.load(Ordering::Relaxed) {
                    until(Duration::from_millis(pause), || false);
                    drop(client.try_call(&["BGREWRITEAOF"]));
                }
            });
            until(Duration::from_millis(rng.u64(10..400)), || false);
            let any = || answers.load(Ordering::Relaxed) > 0;
            let has_written = until(Duration::from_secs(60), any);
            server.kill();
            killed.store(true, Ordering::Relaxed);
            for (id, writer) in writers.into_iter().enumerate() {
                known[id] = writer.join().expect("a writer");
            }
            has_written
        });
        assert!(has_written, "nothing is tested");
        server.restart();
        let mut client = server.client();
        for id in 0..WRITERS {
            known[id as usize] = look(&mut client, id, known[id as usize], seed);
        }
    }
}
