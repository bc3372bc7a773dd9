//! Stories of several connections, told to redis-server and to redpoll: both must answer the same.
//!
//! A line is a connection's name and what it sends: `ann: GET k`. `ann?` reads what has come to it
//! in the meantime, `ann!` says that it was disconnected; `$ann` stands for its id. A connection
//! begins with its first line and speaks RESP2 unless it says HELLO 3.

mod caching;
mod users;

use std::collections::BTreeMap;

use support::{Client, TestServer, Value, start_oracle};

/// Tells each story to a fresh pair of servers with these directives.
fn compare(directives: &[&str], stories: &[&str]) {
    let Some(reference) = start_oracle(directives) else { return };
    let subject = TestServer::start(directives);
    for story in stories {
        let (ours, theirs) = (tell(&subject, story), tell(&reference, story));
        assert_eq!(ours.len(), theirs.len());
        let differ: Vec<String> = ours
            .iter()
            .zip(&theirs)
            .filter(|(ours, theirs)| ours != theirs)
            .map(|(ours, theirs)| format!("redpoll: {ours}\n  redis: {theirs}"))
            .collect();
        assert!(differ.is_empty(), "{story}\n{}", differ.join("\n"));
    }
}

/// Everything that the connections read, line by line.
fn tell(server: &TestServer, story: &str) -> Vec<String> {
    let mut people: BTreeMap<&str, (i64, Client)> = BTreeMap::new();
    let mut told = Vec::new();
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let end = line.find([':', '?', '!']).expect("a name and what happens");
        let (name, what) = (&line[..end], &line[end..]);
        if !people.contains_key(name) {
            let mut client = server.client();
            // Who has to log in first is not told its id, nor does anybody need it.
            let id = client.run("CLIENT ID");
            let id = if id.is_error() { 0 } else { id.int() };
            people.insert(name, (id, client));
        }
        let mut sent = what[1..].trim().to_owned();
        for (name, (id, _)) in &people {
            sent = sent.replace(&format!("${name}"), &id.to_string());
        }
        let (_, client) = people.get_mut(name).expect("it has begun");
        let read = match &what[..1] {
            ":" => client.run(&sent).to_string(),
            "?" => pending(client),
            _ => format!("closed {}", client.is_closed_after_draining()),
        };
        told.push(format!("{line} => {}", without_ids(read, &people)));
    }
    told
}

/// Ids and versions are each server's own.
fn without_ids(read: String, people: &BTreeMap<&str, (i64, Client)>) -> String {
    if read.contains("\"proto\"") {
        return "greeted".to_owned();
    }
    let mut read = read;
    for (name, (id, _)) in people {
        for before in ["redirect\": (integer)", "redirect\", (integer)", "broken\", (integer)"] {
            for after in [",", "]"] {
                let (with, without) =
                    (format!("{before} {id}{after}"), format!("{before} ${name}"));
                read = read.replace(&with, &without);
            }
        }
    }
    read
}

/// What has come before the answer to a PING.
fn pending(client: &mut Client) -> String {
    client.send(b"*1\r\n$4\r\nPING\r\n").expect("it is connected");
    let mut read = Vec::new();
    loop {
        let value = client.read().expect("an answer to PING at last");
        let is_pong = match &value {
            Value::Simple(text) => text == b"PONG",
            Value::Array(parts) => parts.first() == Some(&Value::Bulk(b"pong".to_vec())),
            _ => false,
        };
        if is_pong {
            return read.join(", ");
        }
        read.push(value.to_string());
    }
}
