//! Client libraries on live nodes and clusters, unchanged: redis-py, valkey-py, ioredis, node-redis
//! and the `redis` crate.
//!
//! `scripts/test` installs the Python and Node libraries under target/test-tools; a missing one
//! fails the test unless the variable `REDPOLL_CLIENTS` is `none`.

mod failover;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use redis::{AsyncCommands, Commands};
use support::{TestCluster, TestServer};

#[test]
fn redis_py_uses_the_cluster_over_resp2() {
    let Some(tools) = tools() else { return };
    run_story(
        Command::new(tools.join("venv/bin/python")).arg(script("cluster_client.py")).arg("2"),
    );
}

#[test]
fn redis_py_uses_the_cluster_over_resp3() {
    let Some(tools) = tools() else { return };
    run_story(
        Command::new(tools.join("venv/bin/python")).arg(script("cluster_client.py")).arg("3"),
    );
}

#[test]
fn ioredis_uses_the_cluster() {
    let Some(tools) = tools() else { return };
    let modules = tools.join("node_modules");
    run_story(Command::new("node").env("NODE_PATH", modules).arg(script("cluster_client.js")));
}

#[test]
fn redis_py_and_valkey_py_use_every_type_of_a_single_node() {
    let Some(tools) = tools() else { return };
    for words in [["redis", "2"], ["redis", "3"], ["valkey", "3"]] {
        let python = tools.join("venv/bin/python");
        run_on_one_node(Command::new(python).arg(script("single_client.py")).args(words));
    }
}

#[test]
fn node_redis_uses_every_type_of_a_single_node() {
    let Some(tools) = tools() else { return };
    let (modules, name) = (tools.join("node_modules"), script("single_node_redis.js"));
    run_on_one_node(Command::new("node").env("NODE_PATH", modules).arg(name));
}

#[test]
fn ioredis_uses_every_type_of_a_single_node() {
    let Some(tools) = tools() else { return };
    let modules = tools.join("node_modules");
    run_on_one_node(Command::new("node").env("NODE_PATH", modules).arg(script("single_client.js")));
}

#[test]
fn the_redis_crate_uses_the_cluster() {
    let cluster = TestCluster::start(3);
    let client = cluster_client(&cluster);
    let mut link = client.get_connection().expect("a connection to the cluster");
    for n in 0..1000 {
        let () = link.set(format!("key:{n}"), n).expect("stored");
    }
    for n in 0..1000 {
        assert_eq!(link.get::<_, i64>(format!("key:{n}")), Ok(n));
    }
    let fields: HashMap<String, i64> = (0..200).map(|n| (format!("field{n}"), n)).collect();
    let pairs: Vec<(&String, &i64)> = fields.iter().collect();
    let () = link.hset_multiple("hash", &pairs).expect("stored");
    assert_eq!(link.hgetall("hash"), Ok(fields));
    let () = link.mset(&[("{t}a", 1), ("{t}b", 2)]).expect("stored");
    assert_eq!(link.mget(&["{t}a", "{t}b", "{t}c"]), Ok((Some(1), Some(2), None::<i64>)));

    let mut pipe = redis::cluster::cluster_pipe();
    (0..100).for_each(|n| {
        pipe.incr(format!("count:{n}"), n);
    });
    assert_eq!(pipe.query(&mut link), Ok((0..100).collect::<Vec<i64>>()));
}

#[tokio::test]
async fn the_redis_crate_uses_the_cluster_asynchronously() {
    let cluster = TestCluster::start(3);
    let client = cluster_client(&cluster);
    let mut link = client.get_async_connection().await.expect("a connection to the cluster");
    for n in 0..300 {
        let () = link.set_ex(format!("key:{n}"), n, 1000).await.expect("stored");
        assert_eq!(link.get::<_, i64>(format!("key:{n}")).await, Ok(n));
    }
    let refused: redis::RedisResult<i64> = link.hget("key:1", "field").await;
    let error = refused.expect_err("a string is no hash");
    assert_eq!(error.code(), Some("WRONGTYPE"), "{error}");
}

fn cluster_client(cluster: &TestCluster) -> redis::cluster::ClusterClient {
    let builder = redis::cluster::ClusterClientBuilder::new(urls(cluster));
    // One second is what it would wait: too little for a slow machine.
    let patient = builder.connection_timeout(Duration::from_secs(60));
    patient.build().expect("three addresses")
}

/// Starts a node and runs a script on it.
fn run_on_one_node(command: &mut Command) {
    let node = TestServer::start(&["--worker-threads", "2"]);
    let output = command.arg(node.port().to_string()).output().expect("the script starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complaints}");
    assert_eq!(said.trim(), "passed");
}

/// Starts a cluster, runs a script on it, and restarts the nodes that it asks to have restarted.
fn run_story(command: &mut Command) {
    let mut cluster = TestCluster::start(3);
    command.args(cluster.ports().iter().map(ToString::to_string));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
    let mut input = child.stdin.take().expect("piped");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let mut said = Vec::new();
    for line in output.lines().map_while(Result::ok) {
        if let Some(port) = line.strip_prefix("restart ") {
            let found = cluster.nodes.iter_mut().find(|node| node.port().to_string() == port);
            let node = found.expect("one of our nodes");
            node.stop();
            node.restart();
            cluster.wait_until_up();
            writeln!(input, "restarted").expect("the script waits");
        }
        said.push(line);
    }
    let status = child.wait().expect("our own child");
    assert!(status.success(), "{status} after {said:#?}");
    assert_eq!(said.last().map(String::as_str), Some("passed"));
}

fn urls(cluster: &TestCluster) -> Vec<String> {
    cluster.addresses().iter().map(|address| format!("redis://{address}/")).collect()
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// Where `scripts/test` installed the client libraries.
fn tools() -> Option<PathBuf> {
    if std::env::var("REDPOLL_CLIENTS").is_ok_and(|value| value == "none") {
        return None;
    }
    // target/<profile>/deps/<test binary>
    let test = std::env::current_exe().expect("the path of this test");
    let target = test.ancestors().nth(3).expect("cargo's folders");
    let named = std::env::var_os("REDPOLL_TEST_TOOLS").map(PathBuf::from);
    let tools = named.unwrap_or_else(|| target.join("test-tools"));
    let hint = "no client libraries: run scripts/test --setup, or set REDPOLL_CLIENTS=none";
    for library in ["node_modules/ioredis", "node_modules/redis"] {
        assert!(tools.join(library).is_dir(), "{hint}");
    }
    assert!(tools.join("venv/bin/python").exists(), "{hint}");
    Some(tools)
}
