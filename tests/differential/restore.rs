//! RESTORE of payloads that were damaged on the way, with a checksum that is right: the server must
//! refuse them or read something from them, and live on either way.

use std::time::{Duration, Instant};

use fastrand::Rng;
use redpoll::persist::rdb::dump::checksum;
use support::{TestServer, Value, start_oracle};

use crate::{DEFAULT_SECONDS, number_of};

const SEED: u64 = 1;
/// So many are tried in any case, and, unless somebody gives them time, so many at most.
const PAYLOADS_MIN: u64 = 100;
const PAYLOADS_MAX: u64 = 2000;
/// Version and checksum.
const FOOTER_BYTES: usize = 10;
/// What a few damaged values may cost.
const MEMORY_MAX: u64 = 600 << 20;

/// Commands that make one value of every type and encoding, under the key `k`.
const VALUES: &[&str] = &[
    "SET k 12345",
    "SET k a-text",
    "SETRANGE k 400 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "RPUSH k a b 1 200 70000 -5000000000 9223372036854775807",
    "SADD k 1 2 3",
    "SADD k 1 70000 -5000000000",
    "SADD k a b 1",
    "HSET k f v g 1 h 70000",
    "ZADD k 1 a 2.5 b -inf c",
    "GEOADD k 13.361389 38.115556 a 15.087269 37.502669 b",
    "PFADD k a b c d e f",
    "XADD k 1-1 f v",
    "XADD k 1-1 f v; XADD k 1-2 f w; XADD k 2-1 other field; XDEL k 1-2",
    "XADD k 1-1 f v; XGROUP CREATE k g 0; XREADGROUP GROUP g c STREAMS k >; XADD k 1-5 f v",
];

/// Makes values beyond their packed encodings.
const GROWING: &[&str] =
    &["SADD k m", "HSET k f", "ZADD k 1 m", "RPUSH k long-element-", "SADD k "];

#[test]
fn damaged_payloads_do_no_harm() {
    let Some(mut reference) = start_oracle(&["--sanitize-dump-payload", "yes"]) else { return };
    let mut subject = TestServer::start(&[]);
    let payloads = payloads(&subject);
    let asked = number_of("REDPOLL_DIFF_SECONDS");
    let limit = Duration::from_secs(asked.unwrap_or(DEFAULT_SECONDS) / 2);
    let first = number_of("REDPOLL_DIFF_SEED").unwrap_or(SEED);
    let last = if asked.is_some() { u64::MAX } else { first + PAYLOADS_MAX };
    let deadline = Instant::now() + limit;
    let (mut seed, mut judged) = (first, [0u64; 4]);
    while seed < last && Instant::now() < deadline || seed < first + PAYLOADS_MIN {
        let mut rng = Rng::with_seed(seed);
        let payload = damaged(&mut rng, &payloads);
        let shown = || format!("REDPOLL_DIFF_SEED={seed}: RESTORE k 0 {}", payload.escape_ascii());
        let mine = restore(&mut subject, &payload).unwrap_or_else(|| panic!("died: {}", shown()));
        // The reference's own checks are not perfect: it may die.
        if let Some(theirs) = restore(&mut reference, &payload) {
            if mine.is_error() && theirs.is_error() {
                assert_eq!(mine, theirs, "{}", shown());
            }
            judged[usize::from(mine.is_ok()) * 2 + usize::from(theirs.is_ok())] += 1;
        }
        seed += 1;
    }
    let resident = subject.resident_bytes();
    assert!(resident < MEMORY_MAX, "{resident} bytes after {} damaged payloads", seed - first);
    let [refused, theirs, mine, read] = judged;
    println!(
        "{} damaged payloads: both refused {refused}, both read {read}, only the reference read \
         {theirs}, only redpoll read {mine}",
        seed - first
    );
}

/// Restores and reads a value; `None` if the server died of it.
fn restore(server: &mut TestServer, payload: &[u8]) -> Option<Value> {
    let answer = restore_on(server, payload);
    if answer.is_none() {
        server.kill();
        server.restart();
    }
    answer
}

fn restore_on(server: &mut TestServer, payload: &[u8]) -> Option<Value> {
    let mut client = server.client();
    let reply = client.try_call(&[b"RESTORE", &b"k"[..], b"0", payload, b"REPLACE"]).ok()?;
    if !reply.is_ok() {
        return Some(reply);
    }
    let kind = client.try_call(&["TYPE", "k"]).ok()?.text();
    let questions: &[&str] = match kind.as_str() {
        "string" => &["STRLEN k", "GET k", "APPEND k x"],
        "list" => &["LLEN k", "LRANGE k 0 -1", "LPOP k", "RPUSH k x"],
        "hash" => &["HLEN k", "HGETALL k", "HDEL k f", "HSET k x y"],
        "set" => &["SCARD k", "SMEMBERS k", "SREM k 1", "SADD k x"],
        "zset" => &["ZCARD k", "ZRANGE k 0 -1 WITHSCORES", "ZPOPMIN k", "ZADD k 1 x"],
        _ => &["XLEN k", "XRANGE k - +", "XINFO STREAM k FULL", "XDEL k 1-1", "XADD k * f v"],
    };
    for line in questions.iter().chain(&["DUMP k", "COPY k c REPLACE", "DEL k c"]) {
        let words: Vec<&str> = line.split(' ').collect();
        client.try_call(&words).ok()?;
    }
    Some(reply)
}

fn payloads(server: &TestServer) -> Vec<Vec<u8>> {
    let mut client = server.client();
    let mut found = Vec::new();
    let mut dump = |lines: &[String]| {
        client.run("DEL k");
        lines.iter().for_each(|line| drop(client.run(line)));
        match client.run("DUMP k") {
            Value::Bulk(payload) => found.push(payload),
            other => panic!("no payload of {lines:?}: {other}"),
        }
    };
    for value in VALUES {
        dump(&value.split("; ").map(String::from).collect::<Vec<_>>());
    }
    for start in GROWING {
        let filler = if start.starts_with('H') { " v" } else { "" };
        dump(&(0..600).map(|n| format!("{start}{n}{filler}")).collect::<Vec<_>>());
    }
    dump(&(0..250).map(|n| format!("XADD k {}-1 f v{n}", n + 1)).collect::<Vec<_>>());
    found
}

/// Bytes that mean something at the start of a length or an entry.
const MARKS: [u8; 7] = [0, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xff];

fn huge_length(rng: &mut Rng) -> Vec<u8> {
    let length = rng.u64(..) >> rng.u32(..40);
    [&[0x81][..], &length.to_be_bytes()].concat()
}

/// One of the payloads with a few bytes changed, taken out or put in, and a good checksum.
fn damaged(rng: &mut Rng, payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = payloads[rng.usize(..payloads.len())].clone();
    bytes.truncate(bytes.len() - FOOTER_BYTES);
    for _ in 0..rng.usize(1..4) {
        // Lengths and headers stand at the start.
        let near = if rng.bool() { bytes.len().min(24) } else { bytes.len() };
        let at = rng.usize(..near.max(1));
        match rng.u32(..8) {
            0 if bytes.len() > 1 => drop(bytes.remove(at)),
            1 => bytes.insert(at, rng.u8(..)),
            2 => bytes[at] = MARKS[rng.usize(..MARKS.len())],
            3 => bytes.truncate(at.max(1)),
            4 => bytes[at] ^= 1 << rng.u32(..8),
            // A length of 64 bits, or another type.
            5 => drop(bytes.splice(at..=at, huge_length(rng))),
            6 => bytes[0] = rng.u8(..22),
            _ => bytes[at] = rng.u8(..),
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes.extend(9u16.to_le_bytes());
    let checksum = checksum(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}
