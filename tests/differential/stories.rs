//! Stories: scripts for several connections, played on both servers. Each connection must be told
//! the same, in the same order.
//!
//! A line is `name: COMMAND` for the connection of that name, `name:` to let it read, `name: close`
//! or `sleep SECONDS`. `$name` is the id of a connection. What waits is given a moment.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use support::{Client, TestServer, Value, encode, until};

use crate::pair::Pair;

const STORIES: &[(&str, &str)] = &[
    ("transactions", include_str!("stories/transactions.txt")),
    ("messages", include_str!("stories/messages.txt")),
    ("monitor", include_str!("stories/monitor.txt")),
    ("waiting", include_str!("stories/waiting.txt")),
    ("shards", include_str!("stories/shards.txt")),
    ("clients", include_str!("stories/clients.txt")),
];

/// How long a command may take that is not waiting, at each attempt.
const MOMENTS: [Duration; 6] = [
    Duration::from_millis(25),
    Duration::from_millis(150),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

#[test]
fn stories_are_told_alike() {
    // Most of the time they wait: all at once, each on servers of its own.
    let failures: Vec<String> = thread::scope(|scope| {
        let all: Vec<_> = STORIES.iter().map(|story| scope.spawn(|| failure(*story))).collect();
        all.into_iter().filter_map(|one| one.join().expect("a story ends")).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Where a story is told differently, however long it may take.
fn failure((name, story): (&str, &str)) -> Option<String> {
    let pair = Pair::start()?;
    let mut found = None;
    for moment in MOMENTS {
        let (reference, subject) = thread::scope(|scope| {
            let reference = scope.spawn(|| Stage::play(&pair.reference, story, moment));
            let subject = Stage::play(&pair.subject, story, moment);
            (reference.join().expect("a story ends"), subject)
        });
        found = difference(&reference, &subject);
        if found.is_none() {
            break;
        }
    }
    found.map(|found| format!("{name}: {found}"))
}

/// What each connection was told, with the line of the story at which it was.
type Told = BTreeMap<String, Vec<(String, String)>>;

fn difference(reference: &Told, subject: &Told) -> Option<String> {
    let none = Vec::new();
    for (name, theirs) in reference {
        let mine = subject.get(name).unwrap_or(&none);
        for at in 0..theirs.len().max(mine.len()) {
            let (a, b) = (theirs.get(at), mine.get(at));
            if a.map(|(_, what)| what) != b.map(|(_, what)| what) {
                return Some(format!("{name} was told\n  reference {a:?}\n  redpoll   {b:?}"));
            }
        }
    }
    None
}

struct Stage<'a> {
    server: &'a TestServer,
    moment: Duration,
    clients: BTreeMap<String, (Client, i64)>,
    told: Told,
}

impl Stage<'_> {
    fn play(server: &TestServer, story: &str, moment: Duration) -> Told {
        let mut director = server.client();
        director.run("FLUSHALL");
        director.call(&["CONFIG", "SET", "notify-keyspace-events", ""]);
        let (clients, told) = (BTreeMap::new(), Told::new());
        let mut stage = Stage { server, moment, clients, told };
        let lines = story.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match (line.strip_prefix("sleep "), line.split_once(':')) {
                (Some(seconds), _) => {
                    let seconds = seconds.parse().expect("a number of seconds");
                    until(Duration::from_secs_f64(seconds), || false);
                }
                (None, Some((name, command))) => stage.act(name, command.trim(), line),
                (None, None) => panic!("no line of a story: {line}"),
            }
            stage.listen(line, Duration::from_millis(1));
        }
        stage.listen("the end", moment);
        stage.told
    }

    fn act(&mut self, name: &str, command: &str, line: &str) {
        if command == "close" {
            self.clients.remove(name);
            return;
        }
        if !self.clients.contains_key(name) {
            let mut client = self.server.client();
            let id = client.run("CLIENT ID").int();
            self.clients.insert(name.to_string(), (client, id));
        }
        let words: Vec<String> = words(command).into_iter().map(|word| self.named(word)).collect();
        let (client, _) = self.clients.get_mut(name).expect("it was just connected");
        if !words.is_empty() && client.send(&encode(&words)).is_err() {
            return;
        }
        client.set_read_limit(self.moment);
        if let Some(what) = read(client) {
            self.told.entry(name.to_string()).or_default().push((line.to_string(), what));
        }
    }

    /// A word with the id of the connection that it names.
    fn named(&self, word: String) -> String {
        let named = word.strip_prefix('$').and_then(|name| self.clients.get(name));
        named.map_or(word.clone(), |(_, id)| id.to_string())
    }

    /// Reads what all connections were told by now.
    fn listen(&mut self, line: &str, limit: Duration) {
        for (name, (client, _)) in &mut self.clients {
            client.set_read_limit(limit);
            while let Some(what) = read(client) {
                let told = self.told.entry(name.clone()).or_default();
                let closed = what == CLOSED;
                if !closed || told.last().is_none_or(|(_, last)| last != CLOSED) {
                    told.push((line.to_string(), what));
                }
                if closed {
                    break;
                }
            }
        }
    }
}

const CLOSED: &str = "closed";

/// The next reply or message, without what differs between any two servers.
fn read(client: &mut Client) -> Option<String> {
    let value = match client.read() {
        Ok(value) => value,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return None,
        Err(_) => return Some(CLOSED.into()),
    };
    if matches!(&value, Value::Map(_)) && value.field("server").is_some() {
        return Some("what HELLO says".into());
    }
    let text = value.to_string();
    // MONITOR: the time and the address.
    let seen = text.split_once(" [").filter(|(time, _)| time.starts_with("+1"));
    Some(match seen.and_then(|(_, rest)| rest.split_once("] ")) {
        Some((place, command)) => {
            format!("seen in {}: {command}", place.split(' ').next().unwrap_or_default())
        }
        None => text,
    })
}

/// Words between spaces; quotes keep spaces.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quoted, mut word) = (Vec::new(), false, None::<String>);
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}
