//! How far loading the dataset is, for INFO.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::Millis;

/// See the module's head. All zero when nothing is loaded.
#[derive(Debug, Default)]
pub struct Loading {
    began: AtomicU64,
    total: AtomicU64,
    loaded: AtomicU64,
}

/// What is known of a load under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub began: Millis,
    pub total: u64,
    pub loaded: u64,
}

impl Loading {
    /// Begins to load `total` bytes.
    pub fn begin(&self, now: Millis, total: u64) {
        self.total.store(total, Ordering::Relaxed);
        self.loaded.store(0, Ordering::Relaxed);
        self.began.store(now.0.max(1), Ordering::Release);
    }

    /// So many bytes have been loaded.
    pub fn reach(&self, loaded: u64) {
        self.loaded.store(loaded, Ordering::Relaxed);
    }

    pub fn end(&self) {
        self.began.store(0, Ordering::Release);
    }

    /// `None` when nothing is loaded.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        let began = self.began.load(Ordering::Acquire);
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (began > 0).then(|| Progress {
            began: Millis(began),
            total: load(&self.total),
            loaded: load(&self.loaded),
        })
    }
}
