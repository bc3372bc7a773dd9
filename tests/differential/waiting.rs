//! Waiting for elements: several connections on each server, the same scenario on both.

use support::{Client, TestServer, encode, eventually};

use crate::pair::Pair;

/// What some connections wait for, and what another one does meanwhile.
type Scenario = (&'static [&'static str], &'static [&'static str]);

const LISTS: &[Scenario] = &[
    (&["BLPOP l 0"], &["RPUSH l a b"]),
    (&["BRPOP l 0"], &["RPUSH l a b"]),
    (&["BLPOP l 0", "BLPOP l 0", "BRPOP l 0"], &["RPUSH l a b", "RPUSH l c d"]),
    (&["BLPOP l 0", "BRPOP l 0"], &["RPUSH l a b c"]),
    (&["BLPOP k l m 0"], &["RPUSH m x", "RPUSH l y"]),
    (&["BLPOP k l m 0"], &["MULTI", "RPUSH m x", "RPUSH l y", "EXEC"]),
    (&["BLPOP k l 0"], &["MULTI", "RPUSH l 1", "RPUSH k 2", "EXEC"]),
    (&["BLPOP l l 0"], &["RPUSH l a"]),
    (&["BLPOP l 0"], &["MULTI", "RPUSH l x", "DEL l", "EXEC", "RPUSH l y"]),
    (&["BLPOP l 0"], &["MULTI", "RPUSH l x", "DEL l", "SADD l y", "EXEC", "DEL l", "RPUSH l z"]),
    (&["BLPOP l 0"], &["SET l v", "DEL l", "RPUSH l z"]),
    (&["BLMOVE l m LEFT RIGHT 0"], &["RPUSH l a b"]),
    (&["BLMOVE l l LEFT RIGHT 0"], &["RPUSH l a b"]),
    (&["BRPOPLPUSH l m 0"], &["RPUSH l a b"]),
    // One that is served makes another's key ready.
    (&["BLMOVE l m LEFT RIGHT 0", "BLPOP m 0"], &["RPUSH l a b"]),
    (&["BLPOP m 0", "BLMOVE l m LEFT RIGHT 0"], &["RPUSH l a b"]),
    (&["BRPOPLPUSH l m 0", "BRPOPLPUSH m l 0"], &["RPUSH l a"]),
    // The destination is no list by the time the element comes.
    (&["BLMOVE l m LEFT RIGHT 0", "BLPOP l 0"], &["SET m v", "RPUSH l a b"]),
    (&["BLMPOP 0 2 k l LEFT COUNT 2"], &["RPUSH l a b c"]),
    (&["BLMPOP 0 2 k l RIGHT COUNT 5"], &["RPUSH l a b c"]),
    // Other ways for a list to come into being.
    (&["BLPOP l 0"], &["RPUSH k a b", "RENAME k l"]),
    (&["BLPOP l 0"], &["RPUSH k a b", "COPY k l"]),
    (&["BLPOP l 0"], &["RPUSH k 2 1", "SORT k STORE l"]),
    (&["BLPOP l 0"], &["RPUSH k a", "LMOVE k l LEFT LEFT"]),
    (&["BLPOP l 0"], &["SELECT 1", "RPUSH l a", "SWAPDB 0 1", "SELECT 0"]),
    (&["BLPOP l 0"], &["SELECT 1", "RPUSH l a", "MOVE l 0", "SELECT 0"]),
    (&["BLPOP l 0"], &["LINSERT l BEFORE a b", "LPUSHX l a"]),
    (&["BLPOP k 0.01", "BLMOVE k l LEFT LEFT 0.01", "BLMPOP 0.01 1 k LEFT"], &["PING"]),
];

#[test]
fn those_who_wait_for_lists_are_served_as_the_reference_serves_them() {
    let Some(pair) = Pair::start() else { return };
    for protocol in [2, 3] {
        for scenario in LISTS {
            let reference = play(&pair.reference, protocol, scenario);
            let subject = play(&pair.subject, protocol, scenario);
            assert_eq!(subject, reference, "{scenario:?} in RESP{protocol}");
        }
    }
}

/// Everything that the connections and those who listen to events were told.
fn play(server: &TestServer, protocol: u8, (waits, acts): &Scenario) -> Vec<String> {
    let mut actor = server.client();
    actor.run("FLUSHALL");
    actor.run("CONFIG SET notify-keyspace-events EA");
    let mut listener = server.client();
    listener.run("PSUBSCRIBE __keyevent@*");
    let mut waiters = Vec::new();
    for line in *waits {
        let mut waiter = server.client();
        waiter.run(&format!("HELLO {protocol}"));
        let id = waiter.run("CLIENT ID").int();
        waiter.send(&encode(&line.split(' ').collect::<Vec<_>>())).expect("it is connected");
        let soon_over = line.contains("0.01");
        eventually("it waits", || soon_over || blocked(&mut actor) == waiters.len() + 1);
        waiters.push((id, waiter));
    }
    let mut told: Vec<String> = acts.iter().map(|line| actor.run(line).to_string()).collect();
    for (line, (id, waiter)) in waits.iter().zip(&mut waiters) {
        if line.contains("0.01") {
            told.push(waiter.read().expect("a reply when its time is over").to_string());
            continue;
        }
        // Who was not served hears that it was unblocked, so that each has one reply.
        told.push(actor.run(&format!("CLIENT UNBLOCK {id}")).to_string());
        told.push(waiter.read().expect("a reply").to_string());
    }
    told.extend(["k", "l", "m"].map(|key| actor.run(&format!("SORT {key} ALPHA")).to_string()));
    actor.run("PUBLISH __keyevent@end: x");
    loop {
        let event = listener.read().expect("events up to the last").to_string();
        if event.contains("@end:") {
            return told;
        }
        told.push(event);
    }
}

fn blocked(client: &mut Client) -> usize {
    let info = client.run("INFO clients").text();
    let line = info.lines().find_map(|line| line.strip_prefix("blocked_clients:"));
    line.and_then(|count| count.parse().ok()).expect("INFO tells how many are blocked")
}
