//! Latency distribution of one command on one worker: cheap to record, mergeable, a few percent
//! exact.

use std::sync::atomic::{AtomicU32, Ordering};

/// Sub-buckets per power of two: the relative error is at most 1/8.
const SUB_BITS: u32 = 3;
/// Values of 2^36 ns (about a minute) and more share the last bucket.
const MAX_POWER: u32 = 36;
/// Number of buckets.
pub const BUCKETS: usize = ((MAX_POWER - SUB_BITS) << SUB_BITS) as usize;

/// Counts of durations in nanoseconds, log-linear. One writer, any readers.
#[derive(Debug)]
pub struct Histogram(Box<[AtomicU32; BUCKETS]>);

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram(Box::new([const { AtomicU32::new(0) }; BUCKETS]))
    }
}

impl Histogram {
    /// Adds `count` durations of `nanos` each. O(1), no shared writes.
    #[inline]
    pub fn record(&self, nanos: u64, count: u32) {
        let cell = &self.0[bucket_of(nanos)];
        cell.store(cell.load(Ordering::Relaxed).saturating_add(count), Ordering::Relaxed);
    }

    pub fn reset(&self) {
        self.0.iter().for_each(|cell| cell.store(0, Ordering::Relaxed));
    }

    /// Adds this histogram's counts to `sum`.
    pub fn add_to(&self, sum: &mut [u64; BUCKETS]) {
        for (total, cell) in sum.iter_mut().zip(self.0.iter()) {
            *total += u64::from(cell.load(Ordering::Relaxed));
        }
    }
}

#[inline]
fn bucket_of(nanos: u64) -> usize {
    let value = nanos.clamp(1 << SUB_BITS, (1 << MAX_POWER) - 1);
    let power = 63 - value.leading_zeros();
    let sub = (value >> (power - SUB_BITS)) & ((1 << SUB_BITS) - 1);
    (((power - SUB_BITS) << SUB_BITS) as usize + sub as usize).min(BUCKETS - 1)
}

/// The largest duration, in nanoseconds, that falls into `bucket`.
#[must_use]
pub fn bucket_limit(bucket: usize) -> u64 {
    let power = (bucket as u32 >> SUB_BITS) + SUB_BITS;
    let sub = (bucket as u64) & ((1 << SUB_BITS) - 1);
    ((((1 << SUB_BITS) + sub + 1) << (power - SUB_BITS)) - 1).max(1)
}

/// The duration in nanoseconds that `percent` of the recorded ones do not exceed; zero when none
/// were.
#[must_use]
pub fn percentile(counts: &[u64; BUCKETS], percent: f64) -> u64 {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return 0;
    }
    let wanted = ((total as f64 * percent / 100.0).ceil() as u64).clamp(1, total);
    let mut seen = 0;
    for (bucket, count) in counts.iter().enumerate() {
        seen += count;
        if seen >= wanted {
            return bucket_limit(bucket);
        }
    }
    bucket_limit(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_within_an_eighth_of_its_bucket() {
        for nanos in [8u64, 9, 15, 16, 17, 100, 1_000, 123_456, 10_000_000, 59_000_000_000] {
            let limit = bucket_limit(bucket_of(nanos));
            assert!(limit >= nanos && limit <= nanos + nanos / 8 + 1, "{nanos} {limit}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_follow_the_counts() {
        let histogram = Histogram::default();
        histogram.record(1_000, 99);
        histogram.record(1_000_000, 1);
        let mut counts = [0; BUCKETS];
        histogram.add_to(&mut counts);
        assert!((1_000..1_200).contains(&percentile(&counts, 50.0)));
        assert!((1_000_000..1_200_000).contains(&percentile(&counts, 100.0)));
    }
}
