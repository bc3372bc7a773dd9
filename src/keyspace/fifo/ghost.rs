//! Fingerprints of keys that were evicted lately.
//!
//! A table of small buckets; each fingerprint has the number of its entry, so that one is forgotten
//! when as many as the capacity have followed, without a queue beside the table. Two keys may have
//! the same fingerprint, one time in thousands; then one is taken for the other.

/// Fingerprints of a bucket.
const WAYS: usize = 4;
/// Fingerprints per bucket that the table is made for: a full bucket forgets its oldest early.
const LOAD: usize = 2;
const BUCKETS_MIN: usize = 16;

/// A fingerprint and when it came; a number of zero is a free place.
#[derive(Clone, Copy, Debug, Default)]
struct Trace {
    fingerprint: u32,
    number: u32,
}

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Ghost {
    /// A power of two of them, or none.
    buckets: Vec<[Trace; WAYS]>,
    latest: u32,
    capacity: u32,
}

impl Ghost {
    /// Remembers a key until `capacity` others have followed.
    pub(super) fn add(&mut self, hash: u64, capacity: usize) {
        self.capacity = capacity.clamp(1, u32::MAX as usize / 4) as u32;
        self.fit();
        self.latest = self.latest.checked_add(1).unwrap_or_else(|| {
            self.buckets.clear(); // numbers start again: once in four billion evictions
            1
        });
        self.fit();
        let trace = Trace { fingerprint: fingerprint(hash), number: self.latest };
        self.put(trace);
    }

    /// Whether a key is remembered; it no longer is then.
    pub(super) fn take(&mut self, hash: u64) -> bool {
        if self.buckets.is_empty() {
            return false;
        }
        let fingerprint = fingerprint(hash);
        let (latest, capacity) = (self.latest, self.capacity);
        let index = self.index(fingerprint);
        let known = self.buckets[index].iter_mut().find(|trace| {
            trace.number != 0
                && trace.fingerprint == fingerprint
                && latest - trace.number < capacity
        });
        known.map(|trace| *trace = Trace::default()).is_some()
    }

    /// Replaces the oldest of its bucket: a free place is older than any.
    fn put(&mut self, trace: Trace) {
        let index = self.index(trace.fingerprint);
        let bucket = &mut self.buckets[index];
        let same = bucket
            .iter()
            .position(|known| known.number != 0 && known.fingerprint == trace.fingerprint);
        let oldest = (0..WAYS).min_by_key(|&way| bucket[way].number);
        bucket[same.or(oldest).expect("a bucket has places")] = trace;
    }

    fn index(&self, fingerprint: u32) -> usize {
        let spread = u64::from(fingerprint).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        spread as usize & (self.buckets.len() - 1)
    }

    /// Follows the capacity by factors of two; what is remembered stays.
    fn fit(&mut self) {
        let wanted = (self.capacity as usize / LOAD).next_power_of_two().max(BUCKETS_MIN);
        let now = self.buckets.len();
        if now >= wanted && now <= wanted * 4 {
            return;
        }
        let old = std::mem::replace(&mut self.buckets, vec![[Trace::default(); WAYS]; wanted]);
        let mut traces: Vec<Trace> = old.into_iter().flatten().collect();
        traces.retain(|trace| trace.number != 0 && self.latest - trace.number < self.capacity);
        traces.into_iter().for_each(|trace| self.put(trace));
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of_val::<[[Trace; WAYS]]>(&self.buckets)
    }
}

fn fingerprint(hash: u64) -> u32 {
    (hash >> 32) as u32
}
