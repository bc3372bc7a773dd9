//! Writable replicas with an append-only file: it has what their own clients write, too, in the
//! order in which that and the primary's stream were run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::Kind::{Redis, Redpoll};
use support::{Client, Stop, TestServer, digest, encode, eventually};

use crate::nodes::{expect_equal, follow, info, number, settle, start, tell, wait_until_linked};

const OWN: [&str; 6] =
    ["--replica-read-only", "no", "--appendonly", "yes", "--appendfsync", "always"];

/// Waits until the file is of this dataset: a copy has it begun anew.
fn wait_until_kept(replica: &TestServer) {
    eventually("there is a base", || {
        number(replica, "aof_rewrites") > 0 && info(replica, "aof_rewrite_in_progress") == "0"
    });
}

/// A writable replica that follows `primary`, with its file.
fn replica_of(primary: &TestServer, directives: &[&str]) -> TestServer {
    let replica = start(Redpoll, &[&OWN[..], directives].concat());
    follow(&replica, primary.port());
    settle(primary, &[&replica]);
    wait_until_kept(&replica);
    replica
}

/// Ends a server as a crash would when its file has everything, and starts it by itself: it has
/// the same data.
fn expect_reloaded(node: &mut TestServer) {
    eventually("everything is written", || info(node, "aof_buffer_length") == "0");
    let state = |node: &TestServer| {
        let mut client = node.client();
        (digest(&mut client), client.run("DBSIZE").int())
    };
    let before = state(node);
    node.kill();
    node.restart();
    eventually("it is loaded", || info(node, "loading") == "0");
    assert_eq!(state(node), before);
    assert_eq!(info(node, "role"), "master");
}

/// Expects a reply, however it is marked or quoted.
#[track_caller]
fn is(client: &mut Client, line: &str, expected: &str) {
    assert_eq!(client.run(line).to_string().replace(['+', '"'], ""), expected, "{line}");
}

#[test]
fn what_a_replica_is_written_survives_a_crash() {
    for kind in [Redis, Redpoll] {
        let (primary, mut replica) = (start(Redpoll, &[]), start(kind, &OWN));
        follow(&replica, primary.port());
        settle(&primary, &[&replica]);
        wait_until_kept(&replica);
        let (mut stream, mut own) = (primary.client(), replica.client());
        stream.run("DEBUG SET-ACTIVE-EXPIRE 0");
        for line in ["SET shared 5", "SET theirs 7 PX 1", "SADD lapsed a b", "SADD lasting c"] {
            stream.run(line);
        }
        stream.run("PEXPIRE lapsed 1");
        settle(&primary, &[&replica]);
        eventually("their time is over", || own.run("EXISTS theirs lapsed").int() == 0);
        own.run("SELECT 3");
        is(&mut own, "SET elsewhere 1", "OK");
        own.run("SELECT 0");
        // What has expired is no part of what is written, then and when it is loaded.
        is(&mut own, "INCR theirs", "(integer) 1");
        if kind == Redpoll {
            is(&mut own, "SUNIONSTORE union lapsed lasting", "(integer) 1");
        } else {
            // There it would be part of the union when the file is loaded.
            stream.run("DEL lapsed");
        }
        for line in ["MULTI", "INCR shared", "SELECT 4", "RPUSH mine a b", "EXEC", "SELECT 0"] {
            own.run(line);
        }
        for line in ["MULTI", "INCR shared", "SELECT 5", "RPUSH yours c", "EXEC", "INCR five"] {
            stream.run(line);
        }
        settle(&primary, &[&replica]);
        is(&mut own, "SADD set 1 2 3 4 5", "(integer) 5");
        own.run("SPOP set");
        // A message is no data.
        eventually("everything is written", || info(&replica, "aof_buffer_length") == "0");
        let size = info(&replica, "aof_current_size");
        is(&mut own, "PUBLISH channel message", "(integer) 0");
        assert_eq!(info(&replica, "aof_current_size"), size);
        // One of its own that goes, and one that is to stay.
        is(&mut own, "SET short value PX 1", "OK");
        is(&mut own, "SET long value EX 100000", "OK");
        eventually("it is removed", || info(&replica, "slave_expires_tracked_keys") == "1");
        expect_reloaded(&mut replica);
        let mut own = replica.client();
        is(&mut own, "GET shared", "7");
        is(&mut own, "GET theirs", "1");
        is(&mut own, "EXISTS short", "(integer) 0");
    }
}

/// Clients that wait on a replica are served what the stream brings.
#[test]
fn what_a_waiting_client_takes_from_the_stream_is_gone_after_a_crash() {
    let primary = start(Redpoll, &[]);
    let mut replica = replica_of(&primary, &[]);
    let mut waiting = replica.client();
    waiting.send(&encode(&["BLPOP", "queue", "0"])).expect("it reads");
    eventually("it waits", || info(&replica, "blocked_clients") == "1");
    let mut stream = primary.client();
    // In one piece: the second does not come before the one that waits.
    let commands = [vec!["RPUSH", "queue", "a"], vec!["LPUSH", "queue", "b"]];
    let piece: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
    stream.send(&piece).expect("it reads");
    assert_eq!(waiting.read().expect("it is served").to_string(), "[\"queue\", \"a\"]");
    settle(&primary, &[&replica]);
    is(&mut replica.client(), "LRANGE queue 0 -1", "[b]");
    expect_reloaded(&mut replica);
}

/// Commands of a writer, on keys that all of them write: what is left tells their order.
fn commands(id: u64, number: u32, rng: &mut fastrand::Rng) -> Vec<Vec<String>> {
    let words = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<String>>();
    let (key, tag) = (rng.u32(0..2), format!("{id}:{number}"));
    // Nothing of it goes again, or it would show no order.
    let single = |rng: &mut fastrand::Rng| match rng.u32(0..4) {
        0 | 1 => format!("RPUSH list:{key} {tag}"),
        2 => format!("APPEND text:{key} {tag},"),
        _ => format!("HSET hash:{key} {} {tag}", rng.u32(0..20)),
    };
    match rng.u32(0..4) {
        0 => vec![words(format!("SELECT {}", rng.u32(0..3)))],
        1 => {
            let (one, other) = (single(rng), single(rng));
            let select = format!("SELECT {}", rng.u32(0..3));
            let all = ["MULTI".to_owned(), one, select, other, "EXEC".to_owned()];
            all.map(words).to_vec()
        }
        _ => vec![words(single(rng))],
    }
}

/// Writes until it is told to stop, some commands at a time.
fn write(port: u16, id: u64, stop: &AtomicBool) {
    let (mut client, mut rng) = (Client::connect(port), fastrand::Rng::with_seed(id));
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let count = rng.u32(1..8);
        let all: Vec<_> =
            (0..count).flat_map(|at| commands(id, turn * 10 + at, &mut rng)).collect();
        client
            .send(&all.iter().flat_map(|one| encode(one)).collect::<Vec<u8>>())
            .expect("it reads");
        all.iter().for_each(|_| drop(client.read().expect("each is answered")));
    }
}

/// Bytes of some hundred commands.
const MUCH: i64 = 50_000;

#[test]
fn own_writes_and_the_stream_are_in_the_file_in_the_order_in_which_they_were_run() {
    let primary = start(Redpoll, &[]);
    let mut replica = replica_of(&primary, &["--worker-threads", "3"]);
    let below = start(Redpoll, &[]);
    follow(&below, replica.port());
    settle(&primary, &[&replica, &below]);
    let stop = AtomicBool::new(false);
    let rewritten = |before: i64| {
        eventually("a rewrite", || number(&replica, "aof_rewrites") > before);
    };
    std::thread::scope(|scope| {
        let (ports, stop) = ([primary.port(), replica.port()], &stop);
        for id in 0..5 {
            scope.spawn(move || write(ports[usize::from(id > 1)], id, stop));
        }
        let _ending = Stop(stop);
        for round in 0..3 {
            let before = number(&replica, "aof_rewrites");
            let mut client = replica.client();
            if round == 1 {
                tell(&replica, "CONFIG SET appendonly no");
                eventually("it is turned off", || info(&replica, "aof_current_size").is_empty());
                tell(&replica, "CONFIG SET appendonly yes");
            } else {
                assert!(!client.run("BGREWRITEAOF").is_error());
            }
            rewritten(before);
            // What came before is in the base: its order shows nothing.
            let size = || number(&replica, "aof_current_size");
            let base = size();
            eventually("much is written after that", || size() > base + MUCH);
        }
    });
    settle(&primary, &[&replica, &below]);
    expect_equal(&primary, &[&below]);
    assert_eq!(number(&replica, "sync_full"), 1, "it heard of nothing but the stream");
    expect_reloaded(&mut replica);
}

#[test]
fn what_a_replica_acknowledged_is_there_after_a_crash() {
    const ROUNDS: usize = 3;
    const WRITERS: usize = 3;
    let primary = start(Redpoll, &[]);
    let mut replica = replica_of(&primary, &["--worker-threads", "3"]);
    for round in 0..ROUNDS {
        let (port, from) = (replica.port(), primary.port());
        let stop = AtomicBool::new(false);
        let counted = std::thread::scope(|scope| {
            let stop = &stop;
            scope.spawn(move || write(from, round as u64, stop));
            let _ending = Stop(stop);
            let count = move |id: usize| {
                let mut client = Client::connect(port);
                let key = format!("own:{id}");
                let count = |_: &i64| client.try_call(&["INCR", &key]).is_ok();
                (1..).take_while(count).last().unwrap_or(0)
            };
            let writers: Vec<_> = (0..WRITERS).map(|id| scope.spawn(move || count(id))).collect();
            eventually("something is counted", || {
                let mut client = replica.client();
                (0..WRITERS).all(|id| client.run(&format!("EXISTS own:{id}")).int() == 1)
            });
            replica.kill();
            writers.into_iter().map(|writer| writer.join().expect("a writer")).collect::<Vec<_>>()
        });
        replica.restart();
        eventually("it is loaded", || info(&replica, "loading") == "0");
        let mut client = replica.client();
        for (id, counted) in counted.into_iter().enumerate() {
            let found: i64 = client.run(&format!("INCR own:{id}")).int() - 1;
            assert!((counted..=counted + 1).contains(&found), "{found} of {counted}");
        }
        // It gets a copy: nothing of its own is left.
        follow(&replica, primary.port());
        settle(&primary, &[&replica]);
        wait_until_kept(&replica);
        is(&mut client, "EXISTS own:0", "(integer) 0");
    }
}

/// What is not in the file is not acknowledged.
#[test]
fn a_full_disk_holds_back_what_a_replica_is_written() {
    const LIMIT: &str = "trap '' XFSZ; ulimit -S -f 400; exec \"$@\"";
    let primary = start(Redpoll, &[]);
    let mut directives = [&OWN[..], &["--logfile", "/dev/null"]].concat();
    directives.extend(["--replica-ignore-disk-write-errors", "yes"]);
    let mut replica = TestServer::start_under(&["sh", "-c", LIMIT, "sh"], &directives);
    follow(&replica, primary.port());
    settle(&primary, &[&replica]);
    wait_until_kept(&replica);
    let mut client = replica.client();
    client.set_read_limit(Duration::from_millis(200));
    let value = "v".repeat(1000);
    let mut acknowledged = 0;
    let is_taken = |client: &mut Client, key: &str| {
        let mut answer = client.try_call(&["SET", key, &value]);
        while answer.is_err() && info(&replica, "aof_last_write_status") == "ok" {
            answer = client.read();
        }
        answer.is_ok_and(|reply| reply.is_ok())
    };
    while is_taken(&mut client, &format!("key:{acknowledged}")) {
        acknowledged += 1;
    }
    assert!((50..400).contains(&acknowledged), "{acknowledged}");
    let refusal = "MISCONF Errors writing to the AOF file";
    eventually("refusals", || replica.client().run("SET more 1").to_string().contains(refusal));
    replica.kill();
    replica.restart();
    let mut client = replica.client();
    for number in 0..acknowledged {
        assert_eq!(client.run(&format!("STRLEN key:{number}")).int(), 1000, "{number}");
    }
}

#[test]
fn a_node_keeps_its_own_writes_through_changes_of_its_role() {
    let lazily = [&OWN[..4], &["--appendfsync", "no"]].concat();
    let (first, mut second) = (start(Redpoll, &lazily), start(Redpoll, &lazily));
    follow(&second, first.port());
    settle(&first, &[&second]);
    wait_until_kept(&second);
    let mut client = second.client();
    client.run("SELECT 2");
    is(&mut client, "SET as:replica 1", "OK");
    tell(&first, "SET shared 1");
    settle(&first, &[&second]);
    // It is a primary with what it has not written yet.
    tell(&first, &format!("FAILOVER TO 127.0.0.1 {}", second.port()));
    is(&mut client, "INCR as:replica", "(integer) 2");
    wait_until_linked(&first);
    assert_eq!(info(&second, "role"), "master");
    is(&mut client, "APPEND as:primary 1", "(integer) 1");
    assert_eq!(client.run("WAITAOF 1 0 0").items()[0].int(), 1);
    settle(&second, &[&first]);
    assert_eq!(number(&second, "sync_partial_ok"), 1, "the first goes on with its history");
    let mut below = first.client();
    is(&mut below, "SET below 1", "OK");
    below.run("SELECT 2");
    is(&mut below, "APPEND as:primary 2", "(integer) 2");
    is(&mut client, "APPEND as:primary 3", "(integer) 2");
    settle(&second, &[&first]);
    is(&mut below, "GET as:primary", "123");
    let mut first = first;
    expect_reloaded(&mut first);
    expect_reloaded(&mut second);
    is(&mut first.client(), "EXISTS below shared", "(integer) 2");

    // Another dataset: nothing is left of the one before.
    follow(&first, second.port());
    settle(&second, &[&first]);
    wait_until_kept(&first);
    is(&mut first.client(), "EXISTS below", "(integer) 0");
    is(&mut first.client(), "SET after 1", "OK");
    expect_reloaded(&mut first);
    is(&mut first.client(), "EXISTS below after", "(integer) 1");
}

/// A replica that makes room by itself.
#[test]
fn what_a_replica_evicts_is_gone_after_a_crash() {
    let primary = start(Redpoll, &[]);
    let policy = ["--replica-ignore-maxmemory", "no", "--maxmemory-policy", "allkeys-random"];
    let mut replica = replica_of(&primary, &policy);
    let value = "v".repeat(10_000);
    let mut client = replica.client();
    for number in 0..300 {
        assert!(client.call(&["SET", &format!("key:{number}"), &value]).is_ok());
    }
    let used = number(&replica, "used_memory");
    tell(&replica, &format!("CONFIG SET maxmemory {}", used - 1_000_000));
    eventually("keys are evicted", || {
        client.call(&["SET", "more", &value]);
        number(&replica, "evicted_keys") > 0
    });
    tell(&replica, "CONFIG SET maxmemory 0");
    expect_reloaded(&mut replica);
}
