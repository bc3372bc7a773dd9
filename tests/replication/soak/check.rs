//! What must be equal: everything on every node, and everything that their files hold.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use support::{
    Client, Contents, Kind, TestServer, Value, ask_all, contents, contents_without, differences,
    eventually, reference, run_to_end, until,
};

use super::world::{Node, World};
use crate::nodes::{expect_equal, info, settle};

/// How long what has expired may be seen on one side only.
const PATIENCE: Duration = Duration::from_secs(120);

const DATABASES: Range<u8> = 0..16;

/// What a base that Redis made of commands does not tell of a group, either: which entries are
/// pending that have been deleted from the stream, and whose they are. XCLAIM cannot say that.
const OPEN_IN_COMMANDS: [&str; 5] = ["entries-read", "lag", "pel-count", "pending", "consumers"];

/// The databases' counts are those of what is there.
fn expect_counts(node: &TestServer) {
    let mut last = Vec::new();
    let are_right = until(PATIENCE, || {
        last = wrong_counts(&mut node.client());
        last.is_empty()
    });
    assert!(are_right, "{} counts wrongly: {last:?}", name(node));
}

/// Databases whose number of keys, or of keys that expire, is not what INFO says.
fn wrong_counts(client: &mut Client) -> Vec<String> {
    let told = client.run("INFO keyspace").text();
    let mut wrong = Vec::new();
    for db in 0..16 {
        client.run(&format!("SELECT {db}"));
        let keys = client.run("KEYS *").items();
        let questions = keys.iter().filter_map(|key| match key {
            Value::Bulk(key) => Some(vec![&b"PEXPIRETIME"[..], key.as_slice()]),
            _ => None,
        });
        let times = ask_all(client, &questions.collect::<Vec<_>>());
        let expiring = times.iter().filter(|time| **time != Value::Int(-1)).count();
        let seen = format!("db{db}:keys={},expires={expiring},", keys.len());
        let line = told.lines().find(|line| line.starts_with(&format!("db{db}:")));
        let is_right = line.map_or(keys.is_empty(), |line| line.starts_with(&seen));
        if !is_right {
            wrong.push(format!("{seen} told as {line:?}"));
        }
    }
    wrong
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
    if world.is_of_one_kind() {
        expect_equal(top, &replicas);
    } else {
        settle(top, &replicas);
    }
    for node in world.nodes.iter().map(|node| &node.server) {
        expect_counts(node);
    }
    for replica in replicas {
        let what = format!("{} and {}", name(top), name(replica));
        expect_same(
            &what,
            || contents(DATABASES, &mut top.client()),
            || contents(DATABASES, &mut replica.client()),
        );
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
    // Redis 7.0 does not know hashes whose fields expire.
    if !fs::read(&file).expect("a snapshot").starts_with(b"REDIS0012") {
        let (sound, told) = run_to_end(&reference("check-rdb"), &[file.to_str().expect("a path")]);
        assert!(sound, "{told}");
    }
    loader.set_directives(&["--enable-debug-command", "yes"]);
    loader.restart();
    let what = format!("{} and {kind:?} with its snapshot", name(node));
    expect_same(
        &what,
        || contents(DATABASES, &mut node.client()),
        || contents(DATABASES, &mut loader.client()),
    );
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
        let look = |client: &mut Client| match is_partial {
            true => contents_without(&OPEN_IN_COMMANDS, DATABASES, client),
            false => contents(DATABASES, client),
        };
        let wanted = look(&mut node.server.client());
        last = differences(&wanted, &look(&mut loader.client()));
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
