//! Stories about clusters of processes: made with stock tools, broken, mended, and mixed with
//! redis-server nodes.

mod listening;

use support::Kind::{Redis, Redpoll};
use support::{
    Client, Kind, NodeView, TestCluster, TestServer, Value, eventually, nodes_seen_by,
    program_exists, redis_cli, suspect_after,
};

/// How long a node may be silent, in milliseconds, where one is to be suspected soon...
const SOON: u32 = 2000;
/// ...and where none is to be. Not before all are well again: a node that has failed is taken back
/// after twice this time.
const LATE: u32 = 30_000;

/// A key of each of three equal parts of the slots, with its slot.
const KEYS: [(&str, usize); 3] = [("b", 3300), ("c", 7365), ("a", 15495)];

fn view_of(observer: &TestServer, of: &TestServer) -> NodeView {
    let views = nodes_seen_by(observer);
    views.into_iter().find(|view| view.port == of.port()).expect("a known node")
}

/// Every node answers for its own slots and names the owner of all others.
#[track_caller]
fn expect_redirects(cluster: &TestCluster) {
    for (key, slot) in KEYS {
        let owner = cluster.first_owner(slot).port();
        for node in &cluster.nodes {
            let mut reply = Value::Null;
            eventually("the cluster serves", || {
                reply = node.client().call(&["SET", key, "value"]);
                !reply.is_error_of("CLUSTERDOWN")
            });
            let expected = match node.port() == owner {
                true => "+OK".to_string(),
                false => format!("-MOVED {slot} 127.0.0.1:{owner}"),
            };
            assert_eq!(reply.to_string(), expected, "{key} at {}", node.port());
        }
    }
}

#[test]
fn stock_redis_cli_creates_checks_and_asks_a_cluster() {
    assert!(program_exists("redis-cli"), "redis-cli is missing: run scripts/test");
    let cluster = TestCluster::apart(&[Redpoll; 3]);
    let addresses = cluster.addresses();
    let mut create: Vec<&str> = vec!["--cluster", "create"];
    create.extend(addresses.iter().map(String::as_str));
    create.push("--cluster-yes");
    let (made, output) = redis_cli(&create);
    assert!(made && output.contains("[OK] All 16384 slots covered."), "{output}");
    cluster.wait_until_up();

    let (good, output) = redis_cli(&["--cluster", "check", &addresses[1]]);
    assert!(good && output.contains("[OK] All 16384 slots covered."), "{output}");
    assert!(output.contains("[OK] All nodes agree about slots configuration."), "{output}");
    let (good, output) = redis_cli(&["--cluster", "info", &addresses[2]]);
    assert!(good && output.contains("[OK] 0 keys in 3 masters."), "{output}");
    let (good, output) = redis_cli(&["--cluster", "call", &addresses[0], "PING"]);
    assert!(good && output.matches("PONG").count() == 3, "{output}");
}

#[test]
fn a_plain_client_is_redirected_and_redis_cli_follows() {
    let cluster = TestCluster::start(3);
    expect_redirects(&cluster);
    let port = cluster.nodes[0].port().to_string();
    for (key, _) in KEYS {
        let (good, output) = redis_cli(&["-c", "-p", &port, "GET", key]);
        assert!(good && output.trim() == "value", "{output}");
    }
    let mut client = cluster.nodes[0].client();
    let crossing = client.call(&["MGET", "a", "b"]);
    assert_eq!(crossing.text(), "CROSSSLOT Keys in request don't hash to the same slot");
}

#[test]
fn all_nodes_report_the_same_owners() {
    let cluster = TestCluster::start(3);
    expect_one_view(&cluster);
    let owners = |node: &TestServer| {
        let mut ranges = node.client().run("CLUSTER SLOTS").items();
        ranges.sort();
        ranges
    };
    assert_eq!(owners(&cluster.nodes[0]), owners(&cluster.nodes[1]));
    assert_eq!(owners(&cluster.nodes[0]).len(), 3);
    assert_eq!(owners(&cluster.nodes[0])[1].items()[0], Value::Int(5461));
}

/// Every node says the same of all, once what is new has got around.
#[track_caller]
fn expect_one_view(cluster: &TestCluster) {
    let mut seen: Vec<Vec<NodeView>> = Vec::new();
    let is_one = support::until(std::time::Duration::from_secs(120), || {
        seen = cluster.nodes.iter().map(nodes_seen_by).collect();
        seen.iter().all(|views| *views == seen[0])
    });
    assert!(is_one, "{seen:#?}");
}

/// Two of three primaries crash. The third alone may suspect but not condemn them; when one is
/// back, both condemn the other; when all are back, they are who they were.
#[test]
fn crashed_nodes_are_suspected_condemned_and_taken_back() {
    let mut cluster = TestCluster::start(3);
    expect_one_view(&cluster);
    let before: Vec<NodeView> = nodes_seen_by(&cluster.nodes[0]);
    suspect_after(SOON, &cluster.nodes);
    cluster.nodes[1].kill();
    cluster.nodes[2].kill();

    eventually("the survivor suspects both and stops serving", || {
        let [_, b, c] = &cluster.nodes[..] else { unreachable!("three nodes") };
        let suspects = |node| view_of(&cluster.nodes[0], node).has_flag("fail?");
        suspects(b) && suspects(c) && info(&cluster.nodes[0]).contains("cluster_state:fail")
    });
    let reply = cluster.nodes[0].client().run("GET b");
    assert!(reply.is_error_of("CLUSTERDOWN"), "{reply}");

    cluster.nodes[1].restart();
    suspect_after(SOON, &cluster.nodes[1..2]);
    eventually("the two that live condemn the third", || {
        cluster.nodes[..2].iter().all(|node| view_of(node, &cluster.nodes[2]).has_flag("fail"))
    });
    let revived = view_of(&cluster.nodes[1], &cluster.nodes[1]);
    assert!(before.contains(&NodeView { connected: true, ..revived.clone() }), "{revived:?}");

    cluster.nodes[2].restart();
    cluster.wait_until_up();
    suspect_after(LATE, &cluster.nodes);
    eventually("everybody is who they were, in everybody's eyes", || {
        cluster.nodes.iter().all(|node| nodes_seen_by(node) == before)
    });
    expect_redirects(&cluster);
}

#[test]
fn a_node_restarted_in_order_keeps_its_identity() {
    let mut cluster = TestCluster::start(3);
    expect_one_view(&cluster);
    let before = nodes_seen_by(&cluster.nodes[0]);
    let id = cluster.nodes[2].client().run("CLUSTER MYID");
    cluster.nodes[2].stop();
    cluster.nodes[2].restart();
    assert_eq!(cluster.nodes[2].client().run("CLUSTER MYID"), id);
    cluster.wait_until_up();
    eventually("the same view as before", || nodes_seen_by(&cluster.nodes[2]) == before);
}

/// A paused process keeps its connections open, as an overloaded machine does.
#[test]
fn a_node_that_hangs_is_condemned_and_returns() {
    let cluster = TestCluster::start(3);
    suspect_after(SOON, &cluster.nodes);
    cluster.nodes[1].pause();
    let condemned =
        || [0, 2].iter().all(|n| view_of(&cluster.nodes[*n], &cluster.nodes[1]).has_flag("fail"));
    eventually("the hung node is condemned", condemned);
    cluster.nodes[1].resume();
    cluster.wait_until_up();
}

fn mixed_cluster_works(kinds: &[Kind]) {
    let mut cluster = TestCluster::of(kinds);
    expect_redirects(&cluster);
    expect_one_view(&cluster);
    suspect_after(SOON, &cluster.nodes);
    // The last node crashes: both kinds condemn it and take it back.
    let last = cluster.nodes.len() - 1;
    cluster.nodes[last].kill();
    eventually("all others condemn the last node", || {
        let (dead, others) = cluster.nodes.split_last().expect("three nodes");
        others.iter().all(|node| view_of(node, dead).has_flag("fail"))
    });
    cluster.nodes[last].restart();
    cluster.wait_until_up();
    suspect_after(LATE, &cluster.nodes);
    expect_redirects(&cluster);
}

#[test]
fn redpoll_joins_a_redis_cluster() {
    mixed_cluster_works(&[Redis, Redpoll, Redis]);
}

#[test]
fn redis_joins_a_redpoll_cluster() {
    mixed_cluster_works(&[Redpoll, Redis, Redpoll]);
}

/// MEET, then FORGET: the other side of joining.
#[test]
fn a_forgotten_node_is_gone_from_the_tables() {
    let cluster = TestCluster::start(3);
    let stranger = TestCluster::apart(&[Redpoll]);
    let port = stranger.nodes[0].port();
    let met = cluster.nodes[0].client().run(&format!("CLUSTER MEET 127.0.0.1 {port}"));
    assert!(met.is_ok(), "{met}");
    eventually("all four know each other", || {
        let knows_all = |node| {
            let views = nodes_seen_by(node);
            views.len() == 4 && views.iter().all(|view| !view.has_flag("handshake"))
        };
        cluster.nodes.iter().chain(&stranger.nodes).all(knows_all)
    });
    let id = stranger.nodes[0].client().run("CLUSTER MYID").text();
    for node in &cluster.nodes {
        let forgot = node.client().run(&format!("CLUSTER FORGET {id}"));
        assert!(forgot.is_ok(), "{forgot}");
    }
    for node in &cluster.nodes {
        assert_eq!(nodes_seen_by(node).len(), 3);
    }
}

fn info(node: &TestServer) -> String {
    let mut client: Client = node.client();
    client.run("CLUSTER INFO").text()
}
