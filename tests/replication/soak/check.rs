//! What must be equal: everything on every node, and everything that their files hold.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use support::{Client, Kind, TestServer, Value, encode, eventually, reference, run_to_end, until};

use super::world::{Node, World};
use crate::nodes::{expect_equal, info};

/// How long what has expired may be seen on one side only.
const PATIENCE: Duration = Duration::from_secs(120);

/// Everything of a node: what is behind every key of every database.
type Contents = BTreeMap<String, String>;

/// What Redis 7.0 does not tell its replicas of a group.
const OPEN: [&str; 2] = ["entries-read", "lag"];

/// What a base that Redis made of commands does not tell of a group, either: which entries are
/// pending that have been deleted from the stream, and whose they are. XCLAIM cannot say that.
const OPEN_IN_COMMANDS: [&str; 5] = ["entries-read", "lag", "pel-count", "pending", "consumers"];

/// A reply without what stands behind these names.
fn without(names: &[&str], value: &Value) -> Value {
    let is_named = |value: &Value| match value {
        Value::Bulk(name) => names.iter().any(|known| known.as_bytes() == name),
        _ => false,
    };
    let Value::Array(items) = value else { return value.clone() };
    let each = |(at, item): (usize, &Value)| {
        if at % 2 == 1 && is_named(&items[at - 1]) { Value::Null } else { without(names, item) }
    };
    Value::Array(items.iter().enumerate().map(each).collect())
}

/// Sends all at once.
fn ask_all(client: &mut Client, commands: &[Vec<&[u8]>]) -> Vec<Value> {
    let bytes: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
    client.send(&bytes).expect("the server reads");
    commands.iter().map(|_| client.read().expect("the server answers")).collect()
}

fn contents(client: &mut Client) -> Contents {
    contents_without(&OPEN, client)
}

fn contents_without(open: &[&str], client: &mut Client) -> Contents {
    let mut found = Contents::new();
    for db in (0..16).map(|db: u8| db.to_string()) {
        let select = vec![&b"SELECT"[..], db.as_bytes()];
        let keys = ask_all(client, &[select, vec![b"KEYS", b"*"]]).remove(1).items();
        let keys = keys.iter().filter_map(|key| match key {
            Value::Bulk(key) => Some(key.as_slice()),
            _ => None,
        });
        let keys: Vec<&[u8]> = keys.collect();
        let questions = keys.iter().flat_map(|&key| {
            [
                vec![&b"DEBUG"[..], b"DIGEST-VALUE", key],
                vec![&b"PEXPIRETIME"[..], key],
                // An error for other types.
                vec![&b"XINFO"[..], b"STREAM", key, b"FULL"],
            ]
        });
        let answers = ask_all(client, &questions.collect::<Vec<_>>());
        for (key, answers) in keys.iter().zip(answers.chunks(3)) {
            let [digest, until, stream] = answers else { unreachable!("three answers each") };
            let stream = without(open, &stream.timeless());
            let shown = format!("{} until {until}, {stream}", digest.items()[0].text());
            found.insert(format!("{db}/{}", key.escape_ascii()), shown);
        }
    }
    found
}

/// What the two have differently.
fn differences(one: &Contents, other: &Contents) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differing = names.into_iter().filter(|name| one.get(*name) != other.get(*name));
    differing
        .take(10)
        .map(|name| format!("{name}:\n    {:?}\n    {:?}", one.get(name), other.get(name)))
        .collect()
}

/// Waits until both have the same.
fn expect_same(what: &str, mut one: impl FnMut() -> Contents, mut other: impl FnMut() -> Contents) {
    let mut last = Vec::new();
    let same = until(PATIENCE, || {
        last = differences(&one(), &other());
        last.is_empty()
    });
    assert!(same, "{what}:\n  {}", last.join("\n  "));
}

/// Histories, offsets and data of all nodes are equal.
pub fn same_everywhere(world: &World) {
    let top = world.top();
    let replicas = world.replicas();
    expect_equal(top, &replicas);
    for replica in replicas {
        let what = format!("{} and {}", name(top), name(replica));
        expect_same(&what, || contents(&mut top.client()), || contents(&mut replica.client()));
    }
}

fn name(server: &TestServer) -> String {
    format!("{:?} {}", server.kind(), server.port())
}

/// Servers that load files of others, to be looked at.
#[derive(Default)]
pub struct Loaders {
    servers: Vec<TestServer>,
}

impl Loaders {
    /// A server of this kind, not running, with an empty folder.
    fn empty(&mut self, kind: Kind) -> &mut TestServer {
        let known = self.servers.iter().position(|server| server.kind() == kind);
        let at = known.unwrap_or_else(|| {
            self.servers.push(TestServer::stopped(kind, &[]));
            self.servers.len() - 1
        });
        let server = &mut self.servers[at];
        server.kill();
        for entry in fs::read_dir(server.folder()).expect("a folder of ours").flatten() {
            let path = entry.path();
            let gone = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            gone.expect("a file of ours");
        }
        server
    }
}

/// What every node has on its disk is what it has in memory, whoever loads it.
pub fn same_from_files(world: &World, loaders: &mut Loaders) {
    let kinds: &[Kind] =
        if world.is_of_one_kind() { &[Kind::Redpoll] } else { &[Kind::Redpoll, Kind::Redis] };
    for node in &world.nodes {
        eventually("it is saved", || node.server.client().run("SAVE").is_ok());
        for &kind in kinds {
            from_snapshot(&node.server, kind, loaders);
            if node.has_aof {
                from_log(node, kind, loaders);
            }
        }
    }
}

fn from_snapshot(node: &TestServer, kind: Kind, loaders: &mut Loaders) {
    let loader = loaders.empty(kind);
    let file = loader.folder().join("dump.rdb");
    fs::copy(node.folder().join("dump.rdb"), &file).expect("a snapshot");
    let (sound, told) = run_to_end(&reference("check-rdb"), &[file.to_str().expect("a path")]);
    assert!(sound, "{told}");
    loader.set_directives(&["--enable-debug-command", "yes"]);
    loader.restart();
    let what = format!("{} and {kind:?} with its snapshot", name(node));
    expect_same(&what, || contents(&mut node.client()), || contents(&mut loader.client()));
}

fn from_log(node: &Node, kind: Kind, loaders: &mut Loaders) {
    let is_quiet = || {
        let is = |field: &str| info(&node.server, field);
        is("aof_enabled") == "1"
            && is("aof_rewrite_in_progress") == "0"
            && is("aof_rewrite_scheduled") == "0"
    };
    eventually("no rewrite is under way", is_quiet);
    let what = format!("{} and {kind:?} with its append-only files", name(&node.server));
    let (mut last, folder) = (Vec::new(), "appendonlydir");
    // What was written a moment ago may not be in the file yet.
    let same = until(PATIENCE, || {
        let loader = loaders.empty(kind);
        copy(&node.server.folder().join(folder), &loader.folder().join(folder));
        loader.set_directives(&["--enable-debug-command", "yes", "--appendonly", "yes"]);
        loader.restart();
        let is_by_redis = node.server.kind() == Kind::Redis;
        let is_partial = is_by_redis && has_base_of_commands(&loader.folder().join(folder));
        let open = if is_partial { &OPEN_IN_COMMANDS[..] } else { &OPEN };
        let wanted = contents_without(open, &mut node.server.client());
        last = differences(&wanted, &contents_without(open, &mut loader.client()));
        last.is_empty()
    });
    assert!(same, "{what}:\n  {}", last.join("\n  "));
}

/// Whether the base of these append-only files was written with `aof-use-rdb-preamble no`.
fn has_base_of_commands(folder: &Path) -> bool {
    let names = fs::read_dir(folder).expect("a folder of ours").flatten();
    names.map(|entry| entry.file_name()).any(|name| {
        let name = name.to_string_lossy();
        name.ends_with(".base.aof")
    })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder of ours");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}
