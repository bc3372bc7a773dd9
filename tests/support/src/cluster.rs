//! Several servers joined into one cluster.

use crate::{Client, Kind, TestServer, Value, eventually};

const SLOTS: usize = 16384;
/// Longer than a slow machine keeps a node from running: nobody is suspected for that. A story
/// about a failure asks for less with [`suspect_after`].
const NODE_TIMEOUT: &str = "30000";

/// Primaries that own all slots between them in equal, ascending parts.
pub struct TestCluster {
    pub nodes: Vec<TestServer>,
}

impl TestCluster {
    /// `primaries` redpoll nodes.
    ///
    /// # Panics
    /// If they do not agree that the cluster is up within two minutes.
    #[must_use]
    #[track_caller]
    pub fn start(primaries: usize) -> TestCluster {
        TestCluster::of(&vec![Kind::Redpoll; primaries])
    }

    /// One node of each kind, in this order.
    ///
    /// # Panics
    /// As [`TestCluster::start`].
    #[must_use]
    #[track_caller]
    pub fn of(kinds: &[Kind]) -> TestCluster {
        let cluster = TestCluster::apart(kinds);
        let first = cluster.nodes[0].port().to_string();
        for (index, node) in cluster.nodes.iter().enumerate() {
            let (low, high) = slot_range(index, kinds.len());
            let mut client = node.client();
            expect_ok(&mut client, &format!("CLUSTER ADDSLOTSRANGE {low} {high}"));
            expect_ok(&mut client, &format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
            if index > 0 {
                expect_ok(&mut client, &format!("CLUSTER MEET 127.0.0.1 {first}"));
            }
        }
        cluster.wait_until_up();
        cluster
    }

    /// Nodes in cluster mode that do not know each other and own nothing. Those that will be
    /// replicas stay with the primary they are given.
    ///
    /// # Panics
    /// If one does not start.
    #[must_use]
    #[track_caller]
    pub fn apart(kinds: &[Kind]) -> TestCluster {
        let start = |kind: &Kind| {
            let directives = [
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                NODE_TIMEOUT,
                "--cluster-allow-replica-migration",
                "no",
                // However long an election takes.
                "--cluster-replica-validity-factor",
                "0",
                "--repl-diskless-sync-delay",
                "0",
            ];
            TestServer::start_kind(*kind, &directives)
        };
        TestCluster { nodes: kinds.iter().map(start).collect() }
    }

    /// Waits until every node is linked with every other, sees all slots covered, and says
    /// `cluster_state:ok`.
    ///
    /// # Panics
    /// After two minutes.
    #[track_caller]
    pub fn wait_until_up(&self) {
        wait_until_up(&self.nodes.iter().collect::<Vec<_>>());
    }

    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        self.nodes.iter().map(TestServer::port).collect()
    }

    /// `host:port` of every node.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect()
    }

    /// The node that owns a slot in the cluster as it was created.
    #[must_use]
    pub fn first_owner(&self, slot: usize) -> &TestServer {
        let count = self.nodes.len();
        let index = (0..count).find(|index| slot <= slot_range(*index, count).1);
        &self.nodes[index.expect("a slot below 16384")]
    }
}

/// [`TestCluster::wait_until_up`] for a cluster of these nodes.
///
/// # Panics
/// After two minutes.
#[track_caller]
pub fn wait_until_up(nodes: &[&TestServer]) {
    eventually("every node sees the whole cluster up", || {
        nodes.iter().all(|node| {
            let info = ask(node, &["CLUSTER", "INFO"]);
            let views = views(&ask(node, &["CLUSTER", "NODES"]));
            info.contains("cluster_state:ok\r")
                && views.len() == nodes.len()
                && views.iter().all(|view| view.connected && !view.is_in_doubt())
        })
    });
}

/// Has replicas take over only when they are told to: whoever is suspected because it stood still
/// for a moment remains who it is.
///
/// # Panics
/// If one refuses.
pub fn forbid_elections<'a>(replicas: impl IntoIterator<Item = &'a TestServer>) {
    for replica in replicas {
        expect_ok(&mut replica.client(), "CONFIG SET cluster-replica-no-failover yes");
    }
}

/// One line of CLUSTER NODES.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    pub id: String,
    pub port: u16,
    /// Without `myself`, so that two nodes' views can be compared.
    pub flags: Vec<String>,
    pub config_epoch: u64,
    pub connected: bool,
    pub slots: Vec<String>,
}

impl NodeView {
    #[must_use]
    pub fn has_flag(&self, flag: &str) -> bool {
        self.flags.iter().any(|known| known == flag)
    }

    fn is_in_doubt(&self) -> bool {
        ["handshake", "fail?", "fail", "noaddr"].iter().any(|flag| self.has_flag(flag))
    }
}

/// Has the nodes that answer suspect others after so many milliseconds of silence, until they are
/// restarted.
///
/// # Panics
/// If one refuses.
pub fn suspect_after<'a>(millis: u32, nodes: impl IntoIterator<Item = &'a TestServer>) {
    let set = format!("CONFIG SET cluster-node-timeout {millis}");
    for node in nodes {
        if let Ok(mut client) = Client::try_connect(node.port()) {
            expect_ok(&mut client, &set);
        }
    }
}

/// What CLUSTER NODES says on one node, by ascending port.
///
/// # Panics
/// If a line is not as Redis writes it.
#[must_use]
#[track_caller]
pub fn nodes_seen_by(node: &TestServer) -> Vec<NodeView> {
    views(&node.client().run("CLUSTER NODES").text())
}

#[track_caller]
fn views(text: &str) -> Vec<NodeView> {
    let mut views: Vec<NodeView> = text.lines().map(node_view).collect();
    views.sort_by_key(|view| view.port);
    views
}

#[track_caller]
fn node_view(line: &str) -> NodeView {
    let fields: Vec<&str> = line.split(' ').collect();
    assert!(fields.len() >= 8, "too few fields: {line}");
    let port = fields[1].split('@').next().and_then(|address| address.rsplit(':').next());
    NodeView {
        id: fields[0].into(),
        port: port.and_then(|port| port.parse().ok()).expect("host:port@bus-port"),
        flags: fields[2].split(',').filter(|flag| *flag != "myself").map(String::from).collect(),
        config_epoch: fields[6].parse().expect("a config epoch"),
        connected: fields[7] == "connected",
        slots: fields[8..].iter().map(ToString::to_string).collect(),
    }
}

/// First and last slot of the `index`-th of `count` nodes.
fn slot_range(index: usize, count: usize) -> (usize, usize) {
    (index * SLOTS / count, (index + 1) * SLOTS / count - 1)
}

#[track_caller]
fn expect_ok(client: &mut Client, command: &str) {
    let reply = client.run(command);
    assert!(reply.is_ok(), "{command}: {reply}");
}

/// A text; empty if the node does not answer.
fn ask(node: &TestServer, command: &[&str]) -> String {
    let asked = Client::try_connect(node.port()).and_then(|mut client| client.try_call(command));
    match asked {
        Ok(Value::Bulk(text)) => String::from_utf8_lossy(&text).into_owned(),
        _ => String::new(),
    }
}
