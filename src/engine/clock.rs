//! The data plane's clock: one monotonic reading per batch gives both Unix time and durations.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::base::Millis;

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Derives Unix time from the monotonic clock between two looks at the real one.
#[derive(Debug)]
pub struct Clock {
    base: Instant,
    unix_at_base: Duration,
}

impl Clock {
    #[must_use]
    pub fn new() -> Clock {
        let mut clock = Clock { base: now(), unix_at_base: Duration::ZERO };
        clock.resync();
        clock
    }

    /// One that stands at this time until [`Clock::resync`]: no test depends on how fast it runs.
    #[must_use]
    pub(super) fn standing(at: Duration) -> Clock {
        // No reading is later than its base.
        Clock { base: now() + CENTURY, unix_at_base: at }
    }

    /// Looks at the system's clock again, so that its adjustments arrive here within a tick.
    pub fn resync(&mut self) {
        self.base = now();
        self.unix_at_base = unix_time();
    }

    /// A monotonic reading, about 20 ns.
    #[inline]
    #[must_use]
    pub fn read(&self) -> Instant {
        now()
    }

    /// Unix time now, in milliseconds and in microseconds.
    #[must_use]
    pub fn time(&self) -> (Millis, u64) {
        let unix_micros = self.unix_micros(self.read());
        (Millis(unix_micros / 1000), unix_micros)
    }

    /// Unix time at a reading.
    #[inline]
    #[must_use]
    pub fn unix(&self, at: Instant) -> Millis {
        Millis(self.unix_micros(at) / 1000)
    }

    /// Unix time at a reading, in microseconds.
    #[inline]
    #[must_use]
    pub fn unix_micros(&self, at: Instant) -> u64 {
        let since_base = at.saturating_duration_since(self.base);
        (self.unix_at_base + since_base).as_micros() as u64
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new()
    }
}

/// Unix time now, straight from the system.
#[must_use]
pub fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[inline]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_clock_stands() {
        let clock = Clock::standing(Duration::from_micros(5_001_000));
        let begun = now();
        while begun.elapsed() < Duration::from_millis(2) {}
        assert_eq!(clock.time(), (Millis(5001), 5_001_000));
    }
}
