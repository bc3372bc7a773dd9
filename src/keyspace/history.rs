//! An entry's access history, the 24 bits that Redis calls `lru`: when it was last used, or how
//! often.
//!
//! Under LRU they are seconds modulo 2^24. Under LFU they are 16 bits of minutes, when the counter
//! was last looked at, and 8 bits of a counter that grows ever more slowly and decays with time.
//! Under S3-FIFO they are a ticket and two bits of a counter (see [`Tally`]).

use super::entry::LRU_BITS;
use crate::base::Millis;

/// The counter of a new entry, so that it is not evicted before it had a chance.
const COUNTER_NEW: u32 = 5;
const COUNTER_MAX: u32 = 255;

/// What the history records; follows from `maxmemory-policy` and the `lfu-*` settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    #[default]
    LastUse,
    Frequency {
        log_factor: u32,
        /// Minutes for the counter to lose one; 0 never does.
        decay_minutes: u32,
    },
    /// For the queues of S3-FIFO: see [`Tally`].
    Uses,
}

/// The history of an entry under S3-FIFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    /// Of its item in a queue; below [`Tally::TICKETS`].
    pub ticket: u32,
    /// Since the queue was last asked what becomes of it; up to [`Tally::USES_MAX`].
    pub uses: u32,
}

impl Tally {
    pub(super) const TICKETS: u32 = 1 << 22;
    const USES_MAX: u32 = 3;

    pub(super) fn of(lru: u32) -> Tally {
        Tally { ticket: lru >> 2, uses: lru & Tally::USES_MAX }
    }

    pub(super) fn pack(self) -> u32 {
        self.ticket << 2 | self.uses.min(Tally::USES_MAX)
    }
}

/// The present, in the form that histories are kept in. Made once per batch.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    recording: Recording,
    seconds: u32,
    minutes: u32,
}

impl Clock {
    #[must_use]
    pub fn new(now: Millis, recording: Recording) -> Clock {
        let seconds = now.as_secs();
        Clock {
            recording,
            seconds: (seconds & u64::from(LRU_BITS)) as u32,
            minutes: ((seconds / 60) & 0xffff) as u32,
        }
    }

    /// The history of a new entry.
    #[inline]
    #[must_use]
    pub fn fresh(&self) -> u32 {
        match self.recording {
            Recording::LastUse => self.seconds,
            Recording::Frequency { .. } => self.minutes << 8 | COUNTER_NEW,
            Recording::Uses => 0,
        }
    }

    /// The history after one more use; `random` decides whether the counter grows.
    #[inline]
    #[must_use]
    pub fn used(&self, lru: u32, random: u64) -> u32 {
        match self.recording {
            Recording::LastUse => self.seconds,
            Recording::Frequency { log_factor, .. } => {
                let counter = u32::from(self.frequency(lru));
                let odds =
                    u64::from(counter.saturating_sub(COUNTER_NEW)) * u64::from(log_factor) + 1;
                let grows = counter < COUNTER_MAX && random.is_multiple_of(odds);
                self.minutes << 8 | (counter + u32::from(grows))
            }
            Recording::Uses => {
                let tally = Tally::of(lru);
                Tally { uses: tally.uses + 1, ..tally }.pack()
            }
        }
    }

    /// Seconds since the last use, if the history records it.
    #[must_use]
    pub fn idle_secs(&self, lru: u32) -> u64 {
        u64::from(self.seconds.wrapping_sub(lru) & LRU_BITS)
    }

    /// The counter, decayed to the present.
    #[must_use]
    pub fn frequency(&self, lru: u32) -> u8 {
        if self.recording == Recording::Uses {
            return Tally::of(lru).uses as u8;
        }
        let counter = lru & 0xff;
        let decay = match self.recording {
            Recording::Frequency { decay_minutes: minutes @ 1.., .. } => {
                (self.minutes.wrapping_sub(lru >> 8) & 0xffff) / minutes
            }
            _ => 0,
        };
        counter.saturating_sub(decay) as u8
    }

    /// The history of an entry that was last used so long ago (RESTORE, RDB).
    #[must_use]
    pub fn from_idle(&self, seconds: u64) -> u32 {
        self.seconds.wrapping_sub(seconds.min(u64::from(LRU_BITS)) as u32) & LRU_BITS
    }

    /// The history of an entry with such a counter (RESTORE, RDB).
    #[must_use]
    pub fn from_frequency(&self, counter: u8) -> u32 {
        self.minutes << 8 | u32::from(counter)
    }

    #[must_use]
    pub fn recording(&self) -> Recording {
        self.recording
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LFU: Recording = Recording::Frequency { log_factor: 10, decay_minutes: 1 };

    #[test]
    fn idle_time_survives_the_wrap_of_the_clock() {
        let before = Clock::new(Millis::from_secs((1 << 24) - 3), Recording::LastUse);
        let after = Clock::new(Millis::from_secs((1 << 24) + 4), Recording::LastUse);
        assert_eq!(after.idle_secs(before.fresh()), 7);
        assert_eq!(after.idle_secs(after.from_idle(100)), 100);
    }

    #[test]
    fn the_counter_grows_slowly_and_decays_by_the_minute() {
        let clock = Clock::new(Millis::from_secs(6000), LFU);
        let mut lru = clock.fresh();
        assert_eq!(clock.frequency(lru), 5);
        lru = clock.used(lru, 0);
        assert_eq!(clock.frequency(lru), 6);
        assert_eq!(clock.used(lru, 10), lru, "at 6 it grows once in eleven");
        assert_ne!(clock.used(lru, 11), lru);
        let later = Clock::new(Millis::from_secs(6000 + 4 * 60), LFU);
        assert_eq!(later.frequency(lru), 2);
        assert_eq!(later.frequency(later.from_frequency(255)), 255);
        assert_eq!(later.used(later.from_frequency(255), 0) & 0xff, 255);
    }
}
