//! Several servers joined into one cluster.

use crate::{Client, Kind, TestServer, Value, eventually};

const SLOTS: usize = 16384;
/// Short enough that a story about a failure takes seconds.
const NODE_TIMEOUT: &str = "2000";

/// Primaries that own all slots between them in equal, ascending parts.
pub struct TestCluster {
    pub nodes: Vec<TestServer>,
}

impl TestCluster {
    /// `primaries` redpoll nodes.
    ///
    /// # Panics
    /// If they do not agree that the cluster is up within 30 seconds.
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

    /// Nodes in cluster mode that do not know each other and own nothing.
    ///
    /// # Panics
    /// If one does not start.
    #[must_use]
    #[track_caller]
    pub fn apart(kinds: &[Kind]) -> TestCluster {
        let start = |kind: &Kind| {
            let directives = ["--cluster-enabled", "yes", "--cluster-node-timeout", NODE_TIMEOUT];
            TestServer::start_kind(*kind, &directives)
        };
        TestCluster { nodes: kinds.iter().map(start).collect() }
    }

    /// Waits until every node sees every other, all slots covered, and says `cluster_state:ok`.
    ///
    /// # Panics
    /// After 30 seconds.
    #[track_caller]
    pub fn wait_until_up(&self) {
        let size = self.nodes.len();
        let known = format!("cluster_known_nodes:{size}\r");
        eventually("every node sees the whole cluster up", || {
            self.nodes.iter().all(|node| {
                let info = cluster_info(node);
                info.contains("cluster_state:ok\r") && info.contains(&known)
            })
        });
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

/// First and last slot of the `index`-th of `count` nodes.
fn slot_range(index: usize, count: usize) -> (usize, usize) {
    (index * SLOTS / count, (index + 1) * SLOTS / count - 1)
}

#[track_caller]
fn expect_ok(client: &mut Client, command: &str) {
    let reply = client.run(command);
    assert!(reply.is_ok(), "{command}: {reply}");
}

fn cluster_info(node: &TestServer) -> String {
    let asked = Client::try_connect(node.port())
        .and_then(|mut client| client.try_call(&["CLUSTER", "INFO"]));
    match asked {
        Ok(Value::Bulk(text)) => String::from_utf8_lossy(&text).into_owned(),
        _ => String::new(),
    }
}
