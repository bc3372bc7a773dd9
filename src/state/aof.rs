//! What everybody may know of the append-only file. Its thread alone writes it, except for what is
//! asked of that thread.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::control::Waiting;
use crate::base::Millis;
use crate::replication::Reach;

/// What is done with writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing.
    #[default]
    Off,
    /// They are collected while the first base is written: until it is there, nothing is safe.
    Beginning,
    /// They are written.
    On,
}

/// See the module's head.
#[derive(Debug)]
pub struct Aof {
    phase: AtomicU8,
    /// Bytes of base and incremental files.
    pub size: AtomicU64,
    /// What that was after the latest rewrite; after a start, bytes of the base.
    pub base_size: AtomicU64,
    /// How far the log is in the file.
    pub written: AtomicU64,
    /// How much of what was kept aside of the log is: see [`Reach::aside`].
    pub written_aside: AtomicU64,
    rewriting: AtomicBool,
    scheduled: AtomicBool,
    /// When the rewrite under way began, in Unix milliseconds.
    pub rewrite_began: AtomicU64,
    /// Seconds that the latest rewrite took; -1: there was none.
    pub rewrite_seconds: AtomicI64,
    pub rewrite_failed: AtomicBool,
    pub rewrites: AtomicU64,
    /// Rewrites that failed since the latest that did not.
    pub failures: AtomicU64,
    pub is_syncing: AtomicBool,
    pub delayed_syncs: AtomicU64,
    /// Why it cannot be written, as the system says it.
    failure: Mutex<Option<String>>,
    /// Who waits for the dataset to be loaded again.
    reloads: Mutex<Vec<Waiting>>,
}

impl Default for Aof {
    fn default() -> Aof {
        Aof {
            phase: AtomicU8::new(Phase::Off as u8),
            size: AtomicU64::new(0),
            base_size: AtomicU64::new(0),
            written: AtomicU64::new(0),
            written_aside: AtomicU64::new(0),
            rewriting: AtomicBool::new(false),
            scheduled: AtomicBool::new(false),
            rewrite_began: AtomicU64::new(0),
            rewrite_seconds: AtomicI64::new(-1),
            rewrite_failed: AtomicBool::new(false),
            rewrites: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            is_syncing: AtomicBool::new(false),
            delayed_syncs: AtomicU64::new(0),
            failure: Mutex::new(None),
            reloads: Mutex::default(),
        }
    }
}

/// What became of asking for a rewrite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Started,
    Scheduled,
    /// One is under way.
    Refused,
}

impl Aof {
    #[must_use]
    pub fn phase(&self) -> Phase {
        [Phase::Off, Phase::Beginning, Phase::On][usize::from(self.phase.load(Ordering::Acquire))]
    }

    pub fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// Bytes up to `end` that are not in the file.
    #[must_use]
    pub fn behind(&self, end: Reach) -> u64 {
        let left =
            |end: u64, written: &AtomicU64| end.saturating_sub(written.load(Ordering::Relaxed));
        match self.phase() {
            Phase::Off => 0,
            _ => left(end.offset, &self.written) + left(end.aside, &self.written_aside),
        }
    }

    /// Asks for a rewrite: at once, or when what is `busy` is done.
    pub fn ask_for_rewrite(&self, busy: bool) -> Asked {
        if !busy {
            if self.rewriting.swap(true, Ordering::AcqRel) {
                return Asked::Refused;
            }
            self.scheduled.store(true, Ordering::Release);
            return Asked::Started;
        }
        if self.is_rewriting() {
            return Asked::Refused;
        }
        self.scheduled.store(true, Ordering::Release);
        Asked::Scheduled
    }

    /// Asks for the dataset to be loaded from the file again.
    pub fn ask_for_reload(&self, from: Option<Waiting>) {
        self.reloads.lock().extend(from);
    }

    #[must_use]
    pub fn is_reload_wanted(&self) -> bool {
        !self.reloads.lock().is_empty()
    }

    /// Those who asked for that.
    #[must_use]
    pub fn take_reloads(&self) -> Vec<Waiting> {
        std::mem::take(&mut *self.reloads.lock())
    }

    /// A rewrite is under way, or about to begin.
    #[must_use]
    pub fn is_rewriting(&self) -> bool {
        self.rewriting.load(Ordering::Acquire)
    }

    /// A rewrite has been asked for and has not begun.
    #[must_use]
    pub fn is_scheduled(&self) -> bool {
        self.scheduled.load(Ordering::Acquire)
    }

    pub fn rewrite_begins(&self, now: Millis) {
        self.rewrite_began.store(now.0, Ordering::Release);
        // In this order: at no moment there seems to be nothing to do.
        self.rewriting.store(true, Ordering::Release);
        self.scheduled.store(false, Ordering::Release);
    }

    /// It cannot begin now: it is asked for again.
    pub fn rewrite_is_put_off(&self) {
        self.scheduled.store(true, Ordering::Release);
        self.rewriting.store(false, Ordering::Release);
    }

    pub fn rewrite_ends(&self, now: Millis, well: bool) {
        if well {
            self.failures.store(0, Ordering::Relaxed);
            self.rewrites.fetch_add(1, Ordering::Relaxed);
        } else {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        let began = Millis(self.rewrite_began.load(Ordering::Acquire));
        self.rewrite_seconds.store(now.since(began).as_secs() as i64, Ordering::Relaxed);
        self.rewrite_failed.store(!well, Ordering::Relaxed);
        self.rewriting.store(false, Ordering::Release);
    }

    /// It was ended by somebody who has no use for it: no failure, as in Redis.
    pub fn rewrite_is_given_up(&self) {
        self.rewriting.store(false, Ordering::Release);
    }

    /// Notes why the file cannot be written, or that it can.
    pub fn set_failure(&self, failure: Option<String>) {
        *self.failure.lock() = failure;
    }

    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
    }
}
