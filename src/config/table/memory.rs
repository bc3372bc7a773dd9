//! How much memory may be used, what is evicted, and how expired and deleted values are freed.

use crate::config::kind::choices;

choices! {
    /// What is evicted when `maxmemory` is reached.
    pub enum MaxmemoryPolicy {
        VolatileLru = "volatile-lru",
        VolatileLfu = "volatile-lfu",
        VolatileRandom = "volatile-random",
        VolatileTtl = "volatile-ttl",
        AllkeysLru = "allkeys-lru",
        AllkeysLfu = "allkeys-lfu",
        AllkeysRandom = "allkeys-random",
        NoEviction = "noeviction",
        AllkeysS3fifo = "allkeys-s3fifo",
    }
}

impl MaxmemoryPolicy {
    /// Whether entries count how often they are used instead of noting when.
    #[must_use]
    pub const fn is_lfu(self) -> bool {
        matches!(self, MaxmemoryPolicy::VolatileLfu | MaxmemoryPolicy::AllkeysLfu)
    }

    /// Whether only keys that expire may be evicted.
    #[must_use]
    pub const fn is_volatile(self) -> bool {
        use MaxmemoryPolicy::{VolatileLfu, VolatileLru, VolatileRandom, VolatileTtl};
        matches!(self, VolatileLru | VolatileLfu | VolatileRandom | VolatileTtl)
    }
}

macro_rules! memory {
    ($done:tt $later:tt) => {
        $crate::config::declare::collect! { $done $later "Memory" {
            /// How much memory the data may use; beyond it keys are evicted or writes refused.
            ///
            /// Zero is no limit.
            maxmemory: u64 = 0, Memory::ANY, AtRuntime;

            /// Which keys are evicted when `maxmemory` is reached.
            ///
            /// `volatile-…` evicts keys that expire only, `allkeys-…` any key; `lru` the least
            /// recently and `lfu` the least often used, `ttl` those that expire soonest. `s3fifo`
            /// keeps what is used again soon after it came (S3-FIFO): scans do not push out what is
            /// used. It takes about 30 bytes per key.
            /// `noeviction` refuses writes.
            maxmemory_policy: MaxmemoryPolicy = MaxmemoryPolicy::NoEviction, Choice, AtRuntime;

            /// How many keys are compared to find one to evict. More is closer to exact and costs
            /// more time.
            maxmemory_samples: u32 = 5, Int(1..=INT_MAX), AtRuntime;

            /// How much of a request's time evicting may take: 0 the least, 100 until the limit is
            /// met.
            maxmemory_eviction_tenacity: u32 = 10, Int(0..=100), AtRuntime;

            /// How fast the use counters of the `lfu` policies saturate: higher is slower.
            lfu_log_factor: u32 = 10, Int(0..=INT_MAX), AtRuntime;

            /// After how many minutes without use such a counter is lowered by one. Zero never
            /// lowers it.
            lfu_decay_time: u32 = 1, Int(0..=INT_MAX), AtRuntime;

            /// How much processor time the search for expired keys may take: 1 the least, 10 the
            /// most.
            active_expire_effort: u32 = 1, Int(1..=10), AtRuntime;

            /// Free evicted values on another thread.
            lazyfree_lazy_eviction: bool = false, YesNo, AtRuntime;

            /// Free expired values on another thread.
            lazyfree_lazy_expire: bool = false, YesNo, AtRuntime;

            /// Free values that a command such as RENAME replaces on another thread.
            lazyfree_lazy_server_del: bool = false, YesNo, AtRuntime;

            /// DEL frees on another thread, as UNLINK does.
            lazyfree_lazy_user_del: bool = false, YesNo, AtRuntime;

            /// FLUSHALL and FLUSHDB free on another thread unless they are told SYNC.
            lazyfree_lazy_user_flush: bool = false, YesNo, AtRuntime;
        } }
    };
}

pub(super) use memory;
