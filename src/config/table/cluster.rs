//! Cluster mode.

use crate::config::kind::choices;

choices! {
    /// What clients are told to connect to.
    pub enum PreferredEndpoint {
        Ip = "ip",
        Hostname = "hostname",
        /// The address they asked.
        Unknown = "unknown-endpoint",
    }
}

macro_rules! cluster {
    ($done:tt $later:tt) => {
        $crate::config::declare::collect! { $done $later "Cluster" {
            /// Be a node of a cluster.
            cluster_enabled: bool = false, YesNo, AtStart;

            /// The file in which the node remembers the cluster. The node writes it, nobody edits
            /// it.
            cluster_config_file: Vec<u8> = text("nodes.conf"), Text, AtStart;

            /// Databases of a node in a cluster: always one. Tools of Valkey 9 ask.
            cluster_databases: u32 = 1, Int(1..=1), AtStart + OURS;

            /// The port of the cluster bus; zero is the client port plus 10000.
            cluster_port: u16 = 0, Int(0..=65_535), AtStart;

            /// How long a node may be silent before it is suspected to have failed.
            ///
            /// Unit: milliseconds. Lower fails over sooner, but a pause longer than this costs a
            /// failover.
            cluster_node_timeout: Millis = Millis(15_000), Int(0..=i64::MAX), AtRuntime;

            /// How out of date a replica's data may be for it to become primary.
            ///
            /// The longest time without a link to the primary is this many node timeouts, plus a
            /// ping period. Zero is any age.
            cluster_replica_validity_factor also "cluster-slave-validity-factor": u32
                = 10, Int(0..=INT_MAX), AtRuntime;

            /// Never become primary by itself; a manual failover still works.
            cluster_replica_no_failover also "cluster-slave-no-failover": bool
                = false, YesNo, AtRuntime;

            /// How long a primary that comes back without any data, although it has replicas, waits
            /// for one of them to take over before it serves an empty dataset, also to them.
            ///
            /// Unit: milliseconds. -1 is as long as `cluster-node-timeout`, but at least five
            /// seconds. Zero does not wait.
            cluster_empty_primary_wait: i64 = -1, Int(-1..=i64::MAX), AtRuntime + OURS;

            /// How many replicas a primary keeps before one may move to a primary that has none.
            cluster_migration_barrier: u32 = 1, Int(0..=INT_MAX), AtRuntime;

            /// Let replicas move to primaries that have none.
            cluster_allow_replica_migration: bool = true, YesNo, AtRuntime;

            /// Serve nothing while a slot has no node that serves it.
            cluster_require_full_coverage: bool = true, YesNo, AtRuntime;

            /// Answer reads while the cluster is down.
            cluster_allow_reads_when_down: bool = false, YesNo, AtRuntime;

            /// Serve sharded channels while the cluster is down.
            cluster_allow_pubsubshard_when_down: bool = true, YesNo, AtRuntime;

            /// How much may wait to be sent to one other node before that link is dropped. Zero is
            /// no limit.
            cluster_link_sendbuf_limit: u64 = 0, Memory::ANY, AtRuntime;

            /// The address to tell others; empty is the one they see.
            cluster_announce_ip: Option<Vec<u8>> = None, OptionalText, AtRuntime;

            /// The client port to tell others; zero is `port`.
            cluster_announce_port: u16 = 0, Int(0..=65_535), AtRuntime;

            /// The TLS port to tell others; zero is `tls-port`.
            cluster_announce_tls_port: u16 = 0, Int(0..=65_535), AtRuntime;

            /// The bus port to tell others; zero is the one this node listens on.
            cluster_announce_bus_port: u16 = 0, Int(0..=65_535), AtRuntime;

            /// The host name to tell others; empty for none.
            cluster_announce_hostname: Option<Vec<u8>> = None, HostName, AtRuntime;

            /// What clients are told to connect to.
            cluster_preferred_endpoint_type: PreferredEndpoint
                = PreferredEndpoint::Ip, Choice, AtRuntime;
        } }
    };
}

pub(super) use cluster;
