//! What the collections need to know when they grow, taken from the settings.

use super::Ctx;
use crate::config::Settings;
use crate::keyspace::Keyspace;
use crate::types::{Limits, PackLimits};

impl Ctx<'_> {
    /// The limits in force. Cheap to make: no heap, a few words.
    #[inline]
    #[must_use]
    pub fn limits(&self) -> Limits {
        limits_of(self.settings, self.db.keyspace())
    }
}

/// The limits that `settings` put on collections.
#[inline]
#[must_use]
pub fn limits_of(settings: &Settings, keyspace: &Keyspace) -> Limits {
    Limits {
        hasher: keyspace.hasher().clone(),
        hash: PackLimits {
            entries: settings.hash_max_listpack_entries,
            value_bytes: settings.hash_max_listpack_value,
        },
        set_intset_entries: settings.set_max_intset_entries,
        // Redis 7.0 packs no sets but those of integers.
        set: PackLimits { entries: 0, value_bytes: 0 },
        zset: PackLimits {
            entries: settings.zset_max_listpack_entries,
            value_bytes: settings.zset_max_listpack_value,
        },
        list_node: i64::from(settings.list_max_listpack_size),
        stream_node_bytes: settings.stream_node_max_bytes,
        stream_node_entries: settings.stream_node_max_entries,
    }
}
