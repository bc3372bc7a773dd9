//! What one client may make the server hold for it.

macro_rules! clients {
    ($done:tt $later:tt) => {
        $crate::config::declare::collect! { $done $later "Client limits" {
            /// When a client that does not read its replies fast enough is disconnected.
            ///
            /// For each class: a hard limit, a soft limit, and for how many seconds the soft limit
            /// may be exceeded. Zero is no limit.
            client_output_buffer_limit: BufferLimits = BufferLimits {
                normal: BufferLimit { hard: 0, soft: 0, soft_seconds: 0 },
                replica: BufferLimit { hard: 256 * MIB, soft: 64 * MIB, soft_seconds: 60 },
                pubsub: BufferLimit { hard: 32 * MIB, soft: 8 * MIB, soft_seconds: 60 },
            }, PerClass, AtRuntime;

            /// How much of a client's unfinished request is kept before it is disconnected.
            client_query_buffer_limit: u64 = 1 << 30, Memory(MIB..=i64::MAX as u64), AtRuntime;

            /// How much memory all clients' buffers together may use before the largest are
            /// disconnected.
            ///
            /// A percentage is of `maxmemory`. Zero is no limit.
            maxmemory_clients: ClientsMemory = ClientsMemory::Bytes(0), MemoryOrPercent, AtRuntime;

            /// The longest argument of a request, and so the longest value.
            proto_max_bulk_len: u64 = 512 * MIB, Memory(MIB..=i64::MAX as u64), AtRuntime;

            /// The most arguments of a request.
            proto_max_multibulk_len: u32 = 2_147_483_647, Int(1_024..=INT_MAX), AtRuntime + OURS;

            /// The longest argument of a request from a client that has not authenticated.
            unauthenticated_max_bulk_len: u64 = 16 * KIB, Memory(KIB..=MIB), AtRuntime + OURS;

            /// The most arguments of a request from a client that has not authenticated.
            unauthenticated_max_multibulk_len: u32 = 10, Int(10..=1_024), AtRuntime + OURS;

            /// How many keys are remembered for clients that cache them. Zero is no limit.
            ///
            /// Beyond it, clients are told to forget keys that did not change.
            tracking_table_max_keys: u64 = 1_000_000, Int(0..=i64::MAX), AtRuntime;
        } }
    };
}

pub(super) use clients;
