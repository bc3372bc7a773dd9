//! Settings that make a difference here: those that a node starts with, those that change.

use fastrand::Rng;
use support::Kind::{self, Redpoll};

/// Drawn for one node; it has them again whenever it starts.
pub fn directives(kind: Kind, rng: &mut Rng) -> Vec<String> {
    let mut drawn = Vec::new();
    let mut draw = |name: &str, values: &[&str]| {
        let value = values[rng.usize(..values.len())];
        drawn.extend([format!("--{name}"), value.to_owned()]);
    };
    let either = &["yes", "no"];
    draw("appendfsync", &["always", "everysec", "no"]);
    draw("aof-use-rdb-preamble", either);
    draw("aof-timestamp-enabled", either);
    draw("repl-diskless-sync", either);
    draw("repl-diskless-load", &["disabled", "on-empty-db", "swapdb"]);
    draw("repl-backlog-size", &["16kb", "100kb", "1mb"]);
    draw("auto-aof-rewrite-min-size", &["20kb", "100kb", "64mb"]);
    draw("lazyfree-lazy-user-flush", either);
    draw("replica-lazy-flush", either);
    // Not those of sorted sets: a listpack writes a score of -0 as 0, in Redis, too.
    draw("hash-max-listpack-entries", &["4", "128"]);
    draw("set-max-intset-entries", &["4", "512"]);
    draw("list-max-listpack-size", &["3", "-2"]);
    draw("shutdown-timeout", &["0", "1"]);
    if kind == Redpoll {
        draw("worker-threads", &["1", "2", "3"]);
        // What a change of the setting may make writers wait.
        draw("min-replicas-ack-timeout", &["20"]);
    }
    let always = ["--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes"];
    drawn.extend(always.map(String::from));
    drawn
}

const EITHER: &[&str] = &["yes", "no"];

/// What a running node may be told.
const CHANGES: &[(&str, &[&str])] = &[
    ("aof-use-rdb-preamble", EITHER),
    ("aof-timestamp-enabled", EITHER),
    ("appendfsync", &["always", "everysec", "no"]),
    ("auto-aof-rewrite-percentage", &["0", "10", "100"]),
    ("no-appendfsync-on-rewrite", EITHER),
    ("repl-diskless-sync", EITHER),
    ("repl-diskless-load", &["disabled", "on-empty-db", "swapdb"]),
    ("repl-backlog-size", &["1", "16384", "50000", "1000000"]),
    ("repl-backlog-ttl", &["1", "3600"]),
    ("client-output-buffer-limit", &["replica 16kb 8kb 1", "replica 40kb 0 0", "replica 0 0 0"]),
    ("save", &["", "1 1", "1 100"]),
    ("rdbcompression", EITHER),
    ("hz", &["1", "10", "200"]),
    ("active-expire-effort", &["1", "10"]),
    ("lazyfree-lazy-expire", EITHER),
    ("lazyfree-lazy-eviction", EITHER),
    ("lazyfree-lazy-server-del", EITHER),
];

/// Only redpoll has it.
const OF_OUR_OWN: (&str, &[&str]) = ("min-replicas-to-ack", &["0", "1"]);

/// What keeps nodes from ever being equal, and writers from writing, is over.
pub fn healthy(kind: Kind) -> Vec<&'static [&'static str]> {
    let mut told: Vec<&[&str]> = vec![
        &["CONFIG", "SET", "maxmemory", "0"],
        &["CONFIG", "SET", "client-output-buffer-limit", "replica 256mb 64mb 60"],
        &["DEBUG", "SET-ACTIVE-EXPIRE", "1"],
    ];
    if kind == Redpoll {
        told.push(&["CONFIG", "SET", "min-replicas-to-ack", "0"]);
    }
    told
}

/// A setting with its new value.
pub fn change_of(kind: Kind, rng: &mut Rng) -> (&'static str, &'static str) {
    let own = usize::from(kind == Redpoll);
    let (name, values) = match CHANGES.get(rng.usize(..CHANGES.len() + own)) {
        Some(&change) => change,
        None => OF_OUR_OWN,
    };
    (name, values[rng.usize(..values.len())])
}

/// What is evicted if memory is short.
pub fn eviction_of(kind: Kind, rng: &mut Rng) -> &'static str {
    let policies = [
        "noeviction",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
        "allkeys-s3fifo",
    ];
    let known = if kind == Redpoll { policies.len() } else { policies.len() - 1 };
    policies[rng.usize(..known)]
}
