//! What is known of snapshots: the one being made or loaded, and how earlier ones ended. Written by
//! the control plane and the threads that save and load, read by INFO and admission.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::base::Millis;

/// How saving went so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saves {
    /// When the save under way began.
    pub began: Option<Millis>,
    /// It runs in the background: nobody waits for its end.
    pub in_background: bool,
    /// When the dataset was last saved, or was known to need no saving.
    pub last_saved: Millis,
    /// When a background save was last begun.
    pub last_try: Millis,
    pub last_failed: bool,
    /// How long the last background save took.
    pub last_secs: Option<u64>,
    /// Saves begun.
    pub count: u64,
    /// What writers captured during the last one, in bytes.
    pub last_captured_bytes: u64,
}

/// How far the walk of a snapshot is.
#[derive(Debug, Default)]
pub struct Progress {
    pub keys_done: AtomicU64,
    pub keys_total: AtomicU64,
    pub captured_bytes: AtomicU64,
}

/// What the latest file that was loaded held, so far.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Memory in use where the file was made.
    pub used_memory: AtomicU64,
    pub keys_loaded: AtomicU64,
    pub keys_expired: AtomicU64,
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Persistence {
    pub saves: Mutex<Saves>,
    pub progress: Progress,
    pub loaded: Loaded,
    /// Changes counted since the start that the last save has.
    saved_changes: AtomicU64,
}

impl Persistence {
    /// Changes that the last save does not have, of `changes` since the start.
    #[must_use]
    pub fn unsaved(&self, changes: u64) -> u64 {
        changes.saturating_sub(self.saved_changes.load(Ordering::Relaxed))
    }

    /// Notes that a save has the first `changes` changes since the start.
    pub fn note_saved(&self, changes: u64) {
        self.saved_changes.fetch_max(changes, Ordering::Relaxed);
    }
}
