//! Up to which size collections stay packed, and the seed of those that are not.

use crate::base::KeyHasher;

/// A packed form holds at most so many entries, none longer than so many bytes.
#[derive(Clone, Copy, Debug)]
pub struct PackLimits {
    pub entries: usize,
    pub value_bytes: usize,
}

/// What collections need to know when they grow. Defaults are Redis'; the settings override them.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Seeds the tables of big collections, so that no client can aim its fields at one bucket.
    pub hasher: KeyHasher,
    /// `hash-max-listpack-entries`, `hash-max-listpack-value`
    pub hash: PackLimits,
    /// `set-max-intset-entries`
    pub set_intset_entries: usize,
    /// `set-max-listpack-entries`, `set-max-listpack-value`
    pub set: PackLimits,
    /// `zset-max-listpack-entries`, `zset-max-listpack-value`
    pub zset: PackLimits,
    /// `list-max-listpack-size`: a number of entries, or -1..=-5 for 4, 8, 16, 32, 64 KiB per node
    pub list_node: i64,
    /// `stream-node-max-bytes`, 0 = no bound
    pub stream_node_bytes: usize,
    /// `stream-node-max-entries`, 0 = no bound
    pub stream_node_entries: usize,
}

impl Limits {
    #[must_use]
    pub fn new(hasher: KeyHasher) -> Limits {
        Limits {
            hasher,
            hash: PackLimits { entries: 512, value_bytes: 64 },
            set_intset_entries: 512,
            set: PackLimits { entries: 128, value_bytes: 64 },
            zset: PackLimits { entries: 128, value_bytes: 64 },
            list_node: -2,
            stream_node_bytes: 4096,
            stream_node_entries: 100,
        }
    }
}
