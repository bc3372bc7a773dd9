//! Primaries and replicas.

use crate::config::kind::choices;

choices! {
    /// Whether a replica loads a full copy straight from the connection.
    pub enum DisklessLoad {
        Disabled = "disabled",
        /// Only when it has no data to lose.
        OnEmptyDb = "on-empty-db",
        /// Beside its old data, which it keeps serving until the copy is complete.
        SwapDb = "swapdb",
    }
}

choices! {
    /// What happens when a command fails that cannot fail, since it was run before.
    pub enum PropagationError {
        /// It is counted and logged.
        Ignore = "ignore",
        /// The process ends, be the command from the primary or from the append-only file.
        Panic = "panic",
        /// The process ends if the command is from the primary.
        PanicOnReplicas = "panic-on-replicas",
    }
}

macro_rules! replication {
    ($done:tt $later:tt) => {
        $crate::config::declare::collect! { $done $later "Replication" {
            /// The primary to replicate from: host and port. The command REPLICAOF changes it.
            replicaof also "slaveof": Option<PrimaryAddress> = None, Primary, AtStart;

            /// The password to give the primary; empty for none.
            masterauth: Option<Vec<u8>> = None, OptionalText, AtRuntime + SENSITIVE;

            /// The user to give the primary; empty is the default user.
            masteruser: Option<Vec<u8>> = None, OptionalText, AtRuntime + SENSITIVE;

            /// Answer reads from old data while the link to the primary is down.
            replica_serve_stale_data also "slave-serve-stale-data": bool = true, YesNo, AtRuntime;

            /// Refuse writes of clients while this server is a replica.
            replica_read_only also "slave-read-only": bool = true, YesNo, AtRuntime;

            /// Leave eviction to the primary while this server is a replica.
            replica_ignore_maxmemory also "slave-ignore-maxmemory": bool = true, YesNo, AtRuntime;

            /// Free the old data on another thread before a full copy is loaded.
            replica_lazy_flush also "slave-lazy-flush": bool = false, YesNo, AtRuntime;

            /// Go on when a replica cannot write its append-only file or save snapshots; otherwise
            /// its process ends with the next write of its primary.
            replica_ignore_disk_write_errors: bool = false, YesNo, AtRuntime;

            /// What happens when a command of the primary, or of the append-only file, fails here:
            /// `ignore` counts it (INFO `unexpected_error_replies`), `panic` ends the process,
            /// `panic-on-replicas` does so only for the primary's. A replica that clients may
            /// write to goes on whatever it says.
            propagation_error_behavior: PropagationError
                = PropagationError::Ignore, Choice, AtRuntime;

            /// The lower, the sooner sentinel promotes this replica. Zero is never.
            replica_priority also "slave-priority": u32 = 100, Int(0..=INT_MAX), AtRuntime;

            /// Show this replica to sentinels.
            replica_announced: bool = true, YesNo, AtRuntime;

            /// The address the primary shows for this replica; empty is the one it connects from.
            replica_announce_ip also "slave-announce-ip": Option<Vec<u8>>
                = None, OptionalText, AtRuntime;

            /// The port the primary shows for this replica; zero is the one it listens on.
            replica_announce_port also "slave-announce-port": u16 = 0, Int(0..=65_535), AtRuntime;

            /// How long a replication link may be silent before it is given up, in seconds.
            repl_timeout: u32 = 60, Int(1..=INT_MAX), AtRuntime;

            /// How often a primary pings its replicas, in seconds.
            repl_ping_replica_period also "repl-ping-slave-period": u32
                = 10, Int(1..=INT_MAX), AtRuntime;

            /// How much of the history is kept for replicas that come back; at least 16 KiB.
            repl_backlog_size: u64 = MIB, AtLeast { accepts: 1, raised_to: 16 * KIB }, AtRuntime;

            /// How long the history is kept when there are no replicas, in seconds. Zero is for
            /// ever.
            repl_backlog_ttl: u64 = 3_600, Int(0..=i64::MAX), AtRuntime;

            /// Collect small writes to replicas into larger packets, for up to 40 ms.
            repl_disable_tcp_nodelay: bool = false, YesNo, AtRuntime;

            /// Send a full copy straight to the replica, not through a file.
            repl_diskless_sync: bool = true, YesNo, AtRuntime;

            /// How long to wait for more replicas before such a copy starts, in seconds.
            repl_diskless_sync_delay: u32 = 5, Int(0..=INT_MAX), AtRuntime;

            /// Start such a copy at once when this many replicas wait. Zero always waits.
            repl_diskless_sync_max_replicas: u32 = 0, Int(0..=INT_MAX), AtRuntime;

            /// Load a full copy straight from the connection, not through a file.
            repl_diskless_load: DisklessLoad = DisklessLoad::Disabled, Choice, AtRuntime;

            /// Refuse writes unless this many replicas are connected and not too far behind.
            min_replicas_to_write also "min-slaves-to-write": u32 = 0, Int(0..=INT_MAX), AtRuntime;

            /// How long ago a replica that counts for it may have acknowledged last, in seconds.
            min_replicas_max_lag also "min-slaves-max-lag": u32 = 10, Int(0..=INT_MAX), AtRuntime;

            /// Keep this replica's data when its primary turns out to have none, as one has that
            /// was restarted without its data. Such a primary is asked again every second.
            replica_refuse_empty_primary: bool = false, YesNo, AtRuntime + OURS;

            /// How many replicas must have a write before its client is answered. Zero is none.
            min_replicas_to_ack: u32 = 0, Int(0..=INT_MAX), AtRuntime + OURS;

            /// How long an answer waits for these replicas before it is an error.
            ///
            /// Unit: milliseconds. Zero waits for ever.
            min_replicas_ack_timeout: Millis = Millis(1_000), Int(0..=i64::MAX), AtRuntime + OURS;
        } }
    };
}

pub(super) use replication;
