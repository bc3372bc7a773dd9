//! Servers that end under load, again and again: whatever was acknowledged is there afterwards.
//!
//! Each round runs writers, rewrites now and then, ends the server at a random moment, starts it
//! again on what it left and looks for everything that was acknowledged. It is killed under
//! `appendfsync always`, and told to end under weaker settings. `REDPOLL_CRASH_ROUNDS` sets the
//! number of rounds, `REDPOLL_CRASH_SEED` the first seed (1); a failure names its own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use support::{Client, Stop, TestServer, encode, until};

const ROUNDS: u64 = 5;
const WRITERS: u64 = 5;
/// Commands that a writer has under way at most.
const PIPELINE_MAX: i64 = 20;
/// Elements after which a list is begun anew, so that a round stays cheap.
const LIST_MAX: i64 = 200;

/// What one writer knows to be safe.
#[derive(Clone, Copy, Debug, Default)]
struct Acknowledged {
    counter: i64,
    pushed: i64,
    paired: i64,
    /// How much further each may be: what was sent and not answered.
    under_way: i64,
}

/// A queue of ascending numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Queue {
    pushed: i64,
    popped: i64,
}

pub fn variable(name: &str, otherwise: u64) -> u64 {
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
        known.under_way = 1;
        let done = match rng.u32(0..5) {
            0 | 1 => client.try_call(&["INCR", &format!("{id}:counter")]).map(|reply| {
                known.counter = reply.int();
            }),
            2 => push(&mut client, id, rng, &mut known),
            3 => pipeline(&mut client, id, rng, &mut known),
            _ => pair(&mut client, id, rng.bool()).map(|count| known.paired = count),
        };
        if done.is_err() {
            return known;
        }
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

fn push(
    client: &mut Client,
    id: u64,
    rng: &mut fastrand::Rng,
    known: &mut Acknowledged,
) -> std::io::Result<()> {
    let padding = "p".repeat(rng.usize(0..3000));
    known.pushed = client.try_call(&["RPUSH", &format!("{id}:list"), &padding])?.int();
    Ok(())
}

/// Several commands in one piece, their replies one by one.
fn pipeline(
    client: &mut Client,
    id: u64,
    rng: &mut fastrand::Rng,
    known: &mut Acknowledged,
) -> std::io::Result<()> {
    let count = rng.i64(1..=PIPELINE_MAX);
    let command = encode(&["INCR", &format!("{id}:counter")]);
    known.under_way = count;
    client.send(&command.repeat(count as usize))?;
    for _ in 0..count {
        known.counter = client.read()?.int();
        known.under_way -= 1;
    }
    Ok(())
}

/// Two counters that only a transaction changes; in one piece or step by step.
fn pair(client: &mut Client, id: u64, at_once: bool) -> std::io::Result<i64> {
    let names = [format!("{id}:left"), format!("{id}:right")];
    let lines = [vec!["MULTI"], vec!["INCR", &names[0]], vec!["INCR", &names[1]], vec!["EXEC"]];
    if at_once {
        client.send(&lines.iter().flat_map(|line| encode(line)).collect::<Vec<u8>>())?;
    }
    let mut last = None;
    for line in &lines {
        last = Some(if at_once { client.read()? } else { client.try_call(line)? });
    }
    Ok(last.expect("four replies").items()[0].int())
}

/// Pushes ascending numbers for [`pop`]; the last that was acknowledged.
fn produce(port: u16, key: &str) -> i64 {
    let Ok(mut client) = Client::try_connect(port) else { return 0 };
    let pushes = |number: &i64| client.try_call(&["RPUSH", key, &number.to_string()]).is_ok();
    (1..).take_while(pushes).last().unwrap_or(0)
}

/// Waits for numbers; the last that came.
fn pop(port: u16, key: &str) -> i64 {
    let Ok(mut client) = Client::try_connect(port) else { return 0 };
    let mut last = 0;
    while let Ok(reply) = client.try_call(&["BLPOP", key, "0"]) {
        last = reply.items()[1].text().parse().expect("a number");
    }
    last
}

fn number(client: &mut Client, command: &[&str]) -> i64 {
    let reply = client.call(command);
    if reply.is_null() { 0 } else { reply.text().parse().expect("a number") }
}

/// Compares what is there with what was acknowledged; what is there.
fn look(client: &mut Client, id: u64, known: Acknowledged, seed: u64) -> Acknowledged {
    let list = format!("{id}:list");
    let mut found = Acknowledged {
        counter: number(client, &["GET", &format!("{id}:counter")]),
        pushed: client.call(&["LLEN", &list]).int(),
        paired: number(client, &["GET", &format!("{id}:left")]),
        under_way: 0,
    };
    let right = number(client, &["GET", &format!("{id}:right")]);
    assert_eq!(found.paired, right, "seed {seed}: half a transaction");
    for (found, known, more) in [
        (found.counter, known.counter, known.under_way),
        (found.pushed, known.pushed, 1),
        (found.paired, known.paired, 1),
    ] {
        let expected = known..=known + more;
        assert!(expected.contains(&found), "seed {seed}: {found} where {known} was acknowledged");
    }
    if found.pushed > LIST_MAX {
        client.call(&["DEL", &list]);
        found.pushed = 0;
    }
    found
}

/// What was popped is gone, what was pushed and not popped is there, in order.
fn look_at_queue(client: &mut Client, key: &str, known: Queue, seed: u64) {
    let items = client.call(&["LRANGE", key, "0", "-1"]).items();
    let items: Vec<i64> = items.iter().map(|item| item.text().parse().expect("a number")).collect();
    // One may have been popped, and one pushed, without an answer.
    let first = items.first().copied().unwrap_or(known.popped + 1);
    let last = items.last().copied().unwrap_or(known.popped + 1);
    let shown = format!("seed {seed}: {known:?}, and {first} to {last}");
    assert!(items.is_sorted() && items.len() as i64 <= last - first + 1, "{shown}");
    assert!((known.popped + 1..=known.popped + 2).contains(&first), "{shown}");
    assert!((known.pushed..=known.pushed.max(known.popped) + 1).contains(&last), "{shown}");
    client.call(&["DEL", key]);
}

/// One round: what everybody knows when the server is gone.
fn run(
    server: &mut TestServer,
    end: fn(&mut TestServer),
    known: &mut [Acknowledged],
    seed: u64,
) -> Queue {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (port, ended, answers) = (server.port(), AtomicBool::new(false), AtomicU64::new(0));
    let jobs = format!("jobs:{seed}");
    std::thread::scope(|scope| {
        let writers: Vec<_> = known
            .iter()
            .enumerate()
            .map(|(id, &from)| {
                let mut rng = rng.fork();
                let answers = &answers;
                scope.spawn(move || write(port, id as u64, &mut rng, from, answers))
            })
            .collect();
        let (producer, consumer) =
            (scope.spawn(|| produce(port, &jobs)), scope.spawn(|| pop(port, &jobs)));
        let (pause, ended) = (rng.u64(1..60), &ended);
        scope.spawn(move || {
            let Ok(mut client) = Client::try_connect(port) else { return };
            while !ended.load(Ordering::Relaxed) {
                until(Duration::from_millis(pause), || false);
                if client.try_call(&["BGREWRITEAOF"]).is_err() {
                    return;
                }
            }
        });
        until(Duration::from_millis(rng.u64(1..120)), || false);
        // On a busy machine even the first answer may take its time.
        let is_answered = || answers.load(Ordering::Relaxed) > 0;
        let is_tested = until(Duration::from_secs(120), is_answered);
        let ending = Stop(ended);
        end(server);
        drop(ending);
        assert!(is_tested, "no write is answered");
        for (known, writer) in known.iter_mut().zip(writers) {
            *known = writer.join().expect("a writer");
        }
        let joined =
            |thread: std::thread::ScopedJoinHandle<'_, i64>| thread.join().expect("a thread");
        Queue { pushed: joined(producer), popped: joined(consumer) }
    })
}

fn nothing_is_lost(directives: &[&str], end: fn(&mut TestServer)) {
    let first = variable("REDPOLL_CRASH_SEED", 1);
    let mut server = TestServer::start(&[directives, &["--worker-threads", "3"]].concat());
    let mut known = [Acknowledged::default(); WRITERS as usize];
    let mut popped = 0;
    for seed in first..first + variable("REDPOLL_CRASH_ROUNDS", ROUNDS) {
        println!("seed {seed}");
        let queue = run(&mut server, end, &mut known, seed);
        popped += queue.popped;
        server.restart();
        let mut client = server.client();
        for (id, known) in known.iter_mut().enumerate() {
            *known = look(&mut client, id as u64, *known, seed);
        }
        look_at_queue(&mut client, &format!("jobs:{seed}"), queue, seed);
    }
    let written: i64 = known.iter().map(|known| known.counter).sum();
    println!("{written} counted, {popped} popped");
    assert!(written > 0, "nothing was tested");
}

#[test]
fn nothing_acknowledged_is_lost_in_a_crash() {
    nothing_is_lost(&["--appendonly", "yes", "--appendfsync", "always"], TestServer::kill);
}

#[test]
fn nothing_acknowledged_is_lost_when_a_server_is_told_to_end() {
    nothing_is_lost(&["--appendonly", "yes", "--appendfsync", "no"], TestServer::stop);
    nothing_is_lost(&[], |server| {
        drop(server.client().try_call(&["SHUTDOWN", "SAVE"]));
        assert!(until(Duration::from_secs(120), || server.is_gone()), "it does not end");
        server.kill();
    });
}
