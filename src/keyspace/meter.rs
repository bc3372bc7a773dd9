//! How much memory is in use, between two readings of the allocator.
//!
//! A reading is too expensive to be made for every batch, so batches add what their slots grew by
//! to the latest one. The next reading corrects whatever that did not see: buffers, side tables.

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

    /// The latest reading and what has changed since.
    #[inline]
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed).max(0) as u64
    }

    /// Takes what `read` says for the truth. What other threads change while it reads may count
    /// twice until the next reading.
    pub fn correct(&self, read: impl FnOnce() -> u64) {
        let believed = self.used.load(Ordering::Relaxed);
        let truth = i64::try_from(read()).unwrap_or(i64::MAX);
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
        meter.correct(|| {
            meter.add(5); // comes in while the allocator is asked
            1000
        });
        assert_eq!(meter.used(), 1005);
        meter.add(-2000);
        assert_eq!(meter.used(), 0);
    }
}
