//! Up to which size a collection is kept packed, which is smaller but slower to search.

macro_rules! types {
    ($done:tt $later:tt) => {
        $crate::config::declare::collect! { $done $later "Data types" {
            /// The most fields of a packed hash.
            hash_max_listpack_entries also "hash-max-ziplist-entries": usize
                = 512, Int(0..=i64::MAX), AtRuntime;

            /// The longest field or value of a packed hash, in bytes.
            hash_max_listpack_value also "hash-max-ziplist-value": usize
                = 64, Memory::SIGNED, AtRuntime;

            /// The size of a list's packs: the most elements, or when negative the most bytes.
            ///
            /// -1 is 4 KiB, -2 is 8 KiB, -3 is 16 KiB, -4 is 32 KiB, -5 is 64 KiB.
            list_max_listpack_size also "list-max-ziplist-size": i32
                = -2, Int(INT_MIN..=INT_MAX), AtRuntime;

            /// How many packs at either end of a list are never compressed. Zero compresses none at
            /// all.
            list_compress_depth: u32 = 0, Int(0..=INT_MAX), AtRuntime;

            /// The most members of a set that is stored as sorted integers.
            set_max_intset_entries: usize = 512, Int(0..=i64::MAX), AtRuntime;

            /// The most members of a packed sorted set.
            zset_max_listpack_entries also "zset-max-ziplist-entries": usize
                = 128, Int(0..=i64::MAX), AtRuntime;

            /// The longest member of a packed sorted set, in bytes.
            zset_max_listpack_value also "zset-max-ziplist-value": usize
                = 64, Memory::SIGNED, AtRuntime;

            /// The longest sparse HyperLogLog, in bytes; a longer one becomes dense.
            hll_sparse_max_bytes: usize = 3_000, Memory::SIGNED, AtRuntime;

            /// The longest node of a stream, in bytes. Zero is no limit.
            stream_node_max_bytes: usize = 4_096, Memory::SIGNED, AtRuntime;

            /// The most entries of a stream's node. Zero is no limit.
            stream_node_max_entries: usize = 100, Int(0..=i64::MAX), AtRuntime;
        } }
    };
}

pub(super) use types;
