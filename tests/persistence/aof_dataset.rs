//! A dataset of every type, and the digest that tells whether two are the same.

pub use support::digest;
use support::{Client, TestServer, eventually};

/// Commands that both servers know.
const COMMANDS: &[&str] = &[
    "SET text hello",
    "SET number 12345678901",
    "SET gone 1 PX 1",
    "SET later 1 EX 1000000",
    "SETRANGE binary 10 abc",
    "INCRBYFLOAT float 3.5",
    "RPUSH list a b c 1 2 3",
    "LPUSH long",
    "SADD ints 1 2 300 -5",
    "SADD words a b c 17",
    "SPOP words",
    "ZADD scores 1 a 2.5 b inf c",
    "ZADD scores XX INCR 0.1 a",
    "GEOADD places 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
    "HSET hash f1 v1 n 123456",
    "HINCRBYFLOAT hash n 0.5",
    "PFADD log a b c",
    "XADD stream 5-0 f v",
    "XADD stream 6-0 f v g w",
    "XADD stream 7-0 other v",
    "XDEL stream 7-0",
    "XGROUP CREATE stream g 0",
    "XGROUP CREATECONSUMER stream g idle",
    "XREADGROUP GROUP g c COUNT 1 STREAMS stream >",
    "XADD empty 5-0 f v",
    "XDEL empty 5-0",
    "MULTI",
    "INCR counter",
    "INCR counter",
    "EXEC",
    "SELECT 3",
    "SET elsewhere 1",
    "EXPIRE elsewhere 5000",
    "RENAME elsewhere there",
    "COPY there here",
    "SELECT 0",
];

/// Writes something of every type.
pub fn fill(client: &mut Client) {
    let long: Vec<String> = (0..500).map(|n| format!("element {n}")).collect();
    let pairs: Vec<String> = (0..400).flat_map(|n| [n.to_string(), format!("m{n}")]).collect();
    for line in COMMANDS {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if words[1..] == ["long"] {
            words.extend(long.iter().map(String::as_str));
        }
        let reply = client.call(&words);
        assert!(!reply.is_error(), "{line}: {reply}");
    }
    for command in ["ZADD many", "HSET fields"] {
        let words = command.split_whitespace().chain(pairs.iter().map(String::as_str));
        client.call(&words.collect::<Vec<_>>());
    }
}

/// A second helping, so that something comes after a rewrite.
pub fn add(client: &mut Client) {
    for line in ["APPEND text more", "LPOP list", "SREM ints 300", "XADD stream 8-* f x"] {
        assert!(!client.run(line).is_error(), "{line}");
    }
}

/// One line of INFO persistence.
pub fn info(client: &mut Client, name: &str) -> String {
    let info = client.run("INFO persistence").to_string();
    let lines = info.split("\\r\\n").flat_map(|part| part.split("\r\n"));
    let found = lines.filter_map(|line| line.strip_prefix(&format!("{name}:"))).next();
    found.unwrap_or_else(|| panic!("no {name} in {info}")).to_owned()
}

/// Rewrites and waits for the end of it.
pub fn rewrite(client: &mut Client) {
    let before: u64 = info(client, "aof_rewrites").parse().expect("a number");
    let reply = client.run("BGREWRITEAOF");
    assert!(!reply.is_error(), "{reply}");
    eventually("the rewrite ends", || {
        info(client, "aof_rewrites") == (before + 1).to_string()
            && info(client, "aof_rewrite_in_progress") == "0"
    });
    assert_eq!(info(client, "aof_last_bgrewrite_status"), "ok");
}

/// The files of a server's append-only folder, in the order of the manifest.
pub fn files(server: &TestServer) -> Vec<String> {
    let manifest = server.folder().join("appendonlydir/appendonly.aof.manifest");
    let manifest = std::fs::read_to_string(manifest).expect("a manifest");
    let name = |line: &str| line.split(' ').nth(1).map(str::to_owned);
    manifest.lines().filter_map(name).collect()
}
