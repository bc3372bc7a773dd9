//! The settings a cluster machine works by, handed to it whole and again whenever one changes.

use crate::base::Millis;

/// Which name of a node a client is told (`cluster-preferred-endpoint-type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndpointType {
    #[default]
    Ip,
    Hostname,
    /// None: the client goes on using the name it connected with.
    Unknown,
}

/// See the directives of the same names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// This node's own client port; 0 if it has none without TLS.
    pub port: u16,
    /// This node's own TLS client port; 0 if it has none.
    pub tls_port: u16,
    pub bus_port: u16,
    /// The bus runs over TLS (`tls-cluster`).
    pub tls_bus: bool,

    /// Empty: the address that peers see and this node's sockets tell.
    pub announce_ip: String,
    /// 0: the node's own port. The same for the next two.
    pub announce_port: u16,
    pub announce_tls_port: u16,
    pub announce_bus_port: u16,
    pub announce_hostname: String,
    pub announce_human_nodename: String,
    pub preferred_endpoint_type: EndpointType,

    /// How long a peer may be silent before it is suspected.
    pub node_timeout: Millis,
    /// How long a peer's last answer may be old before it is pinged; 0 is half of `node_timeout`.
    pub ping_interval: Millis,
    pub require_full_coverage: bool,
    pub allow_reads_when_down: bool,
    pub allow_pubsubshard_when_down: bool,

    pub allow_replica_migration: bool,
    pub migration_barrier: u32,
    /// 0: data of any age will do.
    pub replica_validity_factor: u32,
    pub replica_no_failover: bool,
    pub manual_failover_timeout: Millis,
    pub repl_ping_replica_period: Millis,
    /// How long a primary that came back without data waits for a replica to take over; `None`
    /// follows `node_timeout`.
    pub empty_primary_wait: Option<Millis>,

    /// How long a forgotten node is not learnt from gossip again.
    pub blacklist_ttl: Millis,
    /// Bytes queued on a link past which it is closed; 0 is no limit.
    pub link_sendbuf_limit: u64,

    /// Whether this process can copy a primary's data. Without it this node never becomes a
    /// replica: a primary that lost its last slot stays one, empty.
    pub can_replicate: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            port: 6379,
            tls_port: 0,
            bus_port: 16379,
            tls_bus: false,
            announce_ip: String::new(),
            announce_port: 0,
            announce_tls_port: 0,
            announce_bus_port: 0,
            announce_hostname: String::new(),
            announce_human_nodename: String::new(),
            preferred_endpoint_type: EndpointType::Ip,
            node_timeout: Millis(15_000),
            ping_interval: Millis::ZERO,
            require_full_coverage: true,
            allow_reads_when_down: false,
            allow_pubsubshard_when_down: true,
            allow_replica_migration: true,
            migration_barrier: 1,
            replica_validity_factor: 10,
            replica_no_failover: false,
            manual_failover_timeout: Millis(5_000),
            repl_ping_replica_period: Millis::from_secs(10),
            empty_primary_wait: None,
            blacklist_ttl: Millis::from_secs(60),
            link_sendbuf_limit: 0,
            can_replicate: false,
        }
    }
}

impl Settings {
    /// Half of the node timeout: how old an answer, or a pending ping, may get before something is
    /// done.
    #[must_use]
    pub fn half_timeout(&self) -> Millis {
        Millis(self.node_timeout.0 / 2)
    }

    /// How long failure reports are believed, and how long a FAIL of a primary with slots stays.
    #[must_use]
    pub fn twice_timeout(&self) -> Millis {
        Millis(self.node_timeout.0.saturating_mul(2))
    }

    /// The announced port, or the own one.
    #[must_use]
    pub fn public_port(&self) -> u16 {
        if self.announce_port == 0 { self.port } else { self.announce_port }
    }

    #[must_use]
    pub fn public_tls_port(&self) -> u16 {
        if self.announce_tls_port == 0 { self.tls_port } else { self.announce_tls_port }
    }

    #[must_use]
    pub fn public_bus_port(&self) -> u16 {
        if self.announce_bus_port == 0 { self.bus_port } else { self.announce_bus_port }
    }
}
