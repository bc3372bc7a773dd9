//! How much memory is in use, between two readings of the allocator.
//!
//! A reading is too expensive to be made for every batch, so batches add what their slots grew by
//! to the latest one, and connections what their buffers grew by. The next reading corrects
//! whatever that did not see, such as side tables.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// See the module's head. On its own lines: every batch that changes sizes writes to it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Meter {
    on: AtomicBool,
    used: AtomicI64,
}

impl Meter {
    /// Whether batches measure how their slots grow: only while somebody asks for the sum.
    #[inline]
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Batches that are running now may still go unmeasured: readings correct that.
    pub fn set_on(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn add(&self, grown: i64) {
        if grown != 0 {
            self.used.fetch_add(grown, Ordering::Relaxed);
        }
    }

    /// Adds what something besides the keyspace grew by.
    #[inline]
    pub fn note(&self, grown: i64) {
        if self.is_on() {
            self.add(grown);
        }
    }

    /// The latest reading and what has changed since.
    #[inline]
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed).max(0) as u64
    }

    /// As [`Meter::used`], not yet rounded up to zero: what a correction is measured against.
    #[must_use]
    pub fn believed(&self) -> i64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes `truth` for what was used when [`Meter::believed`] said `believed`.
    pub fn correct(&self, believed: i64, truth: u64) {
        let truth = i64::try_from(truth).unwrap_or(i64::MAX);
        self.used.fetch_add(truth.saturating_sub(believed), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_replaces_what_was_believed_before_it() {
        let meter = Meter::default();
        meter.add(100);
        let believed = meter.believed();
        meter.add(5); // comes in while the allocator is asked
        meter.correct(believed, 1000);
        assert_eq!(meter.used(), 1005);
        meter.add(-2000);
        assert_eq!(meter.used(), 0);
    }
}
