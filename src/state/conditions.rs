//! Process-wide conditions that decide whether commands are admitted, as one word that a batch
//! reads once.

use std::sync::atomic::{AtomicU32, Ordering};

use bitflags::bitflags;

bitflags! {
    /// What is currently the matter with this node. None set is the normal case and costs one load.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Condition: u32 {
        /// The dataset is being loaded.
        const LOADING = 1 << 0;
        /// `maxmemory` is exceeded and nothing can be evicted.
        const OUT_OF_MEMORY = 1 << 1;
        /// CLIENT PAUSE ... WRITE is in force.
        const PAUSE_WRITES = 1 << 2;
        /// CLIENT PAUSE ... ALL is in force.
        const PAUSE_ALL = 1 << 3;
        /// Cluster state is not ok.
        const CLUSTER_DOWN = 1 << 4;
        /// The process is about to end, or waits for replicas to catch up before it does: nothing
        /// is written.
        const SHUTTING_DOWN = 1 << 5;
        /// DEBUG SET-SKIP-CHECKSUM-VALIDATION 1: RESTORE believes its payloads.
        const CHECKSUMS_SKIPPED = 1 << 6;
        /// A full copy is being loaded beside the data, which is served meanwhile.
        const ASYNC_LOADING = 1 << 16;
        /// DEBUG SET-ACTIVE-EXPIRE 0: expired keys go only when somebody looks at them.
        const NO_ACTIVE_EXPIRE = 1 << 7;
        /// DEBUG PAUSE-CRON 1: the same.
        const CRON_PAUSED = 1 << 17;
        /// The append-only file cannot be written.
        const AOF_FAILS = 1 << 13;
        /// The append-only file is too far behind the log.
        const AOF_BEHIND = 1 << 14;
        /// The last background save failed, and `stop-writes-on-bgsave-error` is set.
        const SAVE_FAILED = 1 << 15;
        /// This node follows a primary.
        const REPLICA = 1 << 8;
        /// A replica that clients may not write to.
        const READ_ONLY = 1 << 9;
        /// A replica without its primary, which is not to serve old data.
        const STALE = 1 << 10;
        /// Fewer replicas are up to date than writes need.
        const FEW_REPLICAS = 1 << 11;
        /// The role is being handed over: nothing is written.
        const HANDOVER = 1 << 12;
        /// What is written has an end: this is asked again inside the gate.
        const WRITES_WAIT = Self::HANDOVER.bits() | Self::SHUTTING_DOWN.bits();
        /// Any of these: the dataset stands as it is, nothing is removed by expiry or eviction.
        const STANDSTILL =
            Self::WRITES_WAIT.bits() | Self::PAUSE_WRITES.bits() | Self::PAUSE_ALL.bits();
    }
}

/// The conditions in force; any thread may set or read them.
#[derive(Debug, Default)]
pub struct Conditions(AtomicU32);

impl Conditions {
    #[inline]
    #[must_use]
    pub fn load(&self) -> Condition {
        Condition::from_bits_truncate(self.0.load(Ordering::Acquire))
    }

    pub fn set(&self, condition: Condition, on: bool) {
        if on {
            self.0.fetch_or(condition.bits(), Ordering::AcqRel);
        } else {
            self.0.fetch_and(!condition.bits(), Ordering::AcqRel);
        }
    }
}
