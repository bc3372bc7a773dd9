//! Command flags and ACL categories, with the names COMMAND INFO prints.

use bitflags::bitflags;

bitflags! {
    /// What a command is and where it may run. The bits in `HIDDEN` are ours or internal: not
    /// printed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Flags: u32 {
        const WRITE = 1 << 0;
        const READONLY = 1 << 1;
        const DENY_OOM = 1 << 2;
        const ADMIN = 1 << 3;
        const PUBSUB = 1 << 4;
        const NO_SCRIPT = 1 << 5;
        const BLOCKING = 1 << 6;
        const LOADING = 1 << 7;
        const STALE = 1 << 8;
        const SKIP_MONITOR = 1 << 9;
        const SKIP_SLOWLOG = 1 << 10;
        const ASKING = 1 << 11;
        const FAST = 1 << 12;
        const NO_AUTH = 1 << 13;
        const MAY_REPLICATE = 1 << 14;
        const NO_MANDATORY_KEYS = 1 << 15;
        /// Off unless the setting of its name allows it.
        const PROTECTED = 1 << 16;
        const NO_ASYNC_LOADING = 1 << 17;
        const NO_MULTI = 1 << 18;
        const ALLOW_BUSY = 1 << 19;
        const MOVABLE_KEYS = 1 << 20;
        /// Its channel arguments are routed by slot like keys.
        const SHARD_CHANNELS = 1 << 21;
        /// Inside MULTI it runs at once instead of being queued.
        const NOT_QUEUED = 1 << 22;
        /// A RESP2 connection with subscriptions may send it.
        const WHILE_SUBSCRIBED = 1 << 23;
        /// It may switch the connection to another database.
        const SELECTS = 1 << 26;
        /// Clients ask whether all is well by it: a disk that takes no writes makes it fail.
        const TELLS_HEALTH = 1 << 27;
        /// Moves keys to another node: served locally whatever a half-open slot says.
        const MIGRATES = 1 << 24;
        /// Internal: documented as such, not meant for applications.
        const SYSTEM = 1 << 25;
    }
}

impl Flags {
    /// Name of each printed flag, in the order COMMAND INFO prints them.
    pub const PRINTED: &'static [(Flags, &'static str)] = &[
        (Flags::WRITE, "write"),
        (Flags::READONLY, "readonly"),
        (Flags::DENY_OOM, "denyoom"),
        (Flags::ADMIN, "admin"),
        (Flags::PUBSUB, "pubsub"),
        (Flags::NO_SCRIPT, "noscript"),
        (Flags::BLOCKING, "blocking"),
        (Flags::LOADING, "loading"),
        (Flags::STALE, "stale"),
        (Flags::SKIP_MONITOR, "skip_monitor"),
        (Flags::SKIP_SLOWLOG, "skip_slowlog"),
        (Flags::ASKING, "asking"),
        (Flags::FAST, "fast"),
        (Flags::NO_AUTH, "no_auth"),
        (Flags::MAY_REPLICATE, "may_replicate"),
        (Flags::NO_MANDATORY_KEYS, "no_mandatory_keys"),
        (Flags::NO_ASYNC_LOADING, "no_async_loading"),
        (Flags::NO_MULTI, "no_multi"),
        (Flags::MOVABLE_KEYS, "movablekeys"),
        (Flags::ALLOW_BUSY, "allow_busy"),
    ];

    /// The names of the set flags that COMMAND INFO prints.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Flags::PRINTED.iter().filter(move |(flag, _)| self.contains(*flag)).map(|&(_, name)| name)
    }
}

bitflags! {
    /// ACL categories, in the order COMMAND INFO and ACL CAT print them.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Categories: u32 {
        const KEYSPACE = 1 << 0;
        const READ = 1 << 1;
        const WRITE = 1 << 2;
        const SET = 1 << 3;
        const SORTED_SET = 1 << 4;
        const LIST = 1 << 5;
        const HASH = 1 << 6;
        const STRING = 1 << 7;
        const BITMAP = 1 << 8;
        const HYPERLOGLOG = 1 << 9;
        const GEO = 1 << 10;
        const STREAM = 1 << 11;
        const PUBSUB = 1 << 12;
        const ADMIN = 1 << 13;
        const FAST = 1 << 14;
        const SLOW = 1 << 15;
        const BLOCKING = 1 << 16;
        const DANGEROUS = 1 << 17;
        const CONNECTION = 1 << 18;
        const TRANSACTION = 1 << 19;
        const SCRIPTING = 1 << 20;
    }
}

/// Which arguments name channels, which ACL rules are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    None,
    /// The first.
    First,
    All,
    /// All, and they are patterns.
    Patterns,
}

impl Categories {
    pub const NAMES: &'static [(Categories, &'static str)] = &[
        (Categories::KEYSPACE, "keyspace"),
        (Categories::READ, "read"),
        (Categories::WRITE, "write"),
        (Categories::SET, "set"),
        (Categories::SORTED_SET, "sortedset"),
        (Categories::LIST, "list"),
        (Categories::HASH, "hash"),
        (Categories::STRING, "string"),
        (Categories::BITMAP, "bitmap"),
        (Categories::HYPERLOGLOG, "hyperloglog"),
        (Categories::GEO, "geo"),
        (Categories::STREAM, "stream"),
        (Categories::PUBSUB, "pubsub"),
        (Categories::ADMIN, "admin"),
        (Categories::FAST, "fast"),
        (Categories::SLOW, "slow"),
        (Categories::BLOCKING, "blocking"),
        (Categories::DANGEROUS, "dangerous"),
        (Categories::CONNECTION, "connection"),
        (Categories::TRANSACTION, "transaction"),
        (Categories::SCRIPTING, "scripting"),
    ];

    /// The category called `name` (without `@`), whatever its case.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Categories> {
        let found =
            Categories::NAMES.iter().find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name));
        found.map(|&(category, _)| category)
    }

    /// The names of the set categories, without `@`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let set = move |(category, _): &&(Categories, &str)| self.contains(*category);
        Categories::NAMES.iter().filter(set).map(|&(_, name)| name)
    }
}
