//! The one source of randomness: seeded, so that tests and the simulator can replay it.

/// A small, fast, seeded generator. Not for secrets.
#[derive(Clone, Debug)]
pub struct Rng(fastrand::Rng);

impl Rng {
    #[must_use]
    pub fn from_seed(seed: u64) -> Rng {
        Rng(fastrand::Rng::with_seed(seed))
    }

    /// Seeded from the operating system: for the shell, never for a machine under simulation.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn from_entropy() -> Rng {
        Rng(fastrand::Rng::new())
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// Uniform in `0..bound`.
    ///
    /// # Panics
    /// If `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.u64(..bound)
    }

    /// Uniform index into something of `len` elements.
    ///
    /// # Panics
    /// If `len` is zero.
    pub fn index(&mut self, len: usize) -> usize {
        self.0.usize(..len)
    }

    /// True with the given probability (0.0 to 1.0).
    pub fn chance(&mut self, probability: f64) -> bool {
        self.0.f64() < probability
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    /// A generator with its own sequence, derived from this one.
    pub fn fork(&mut self) -> Rng {
        Rng(self.0.fork())
    }
}

/// Seeds for a test that draws by itself: as property tests do, it draws others with another
/// `PROPTEST_RNG_SEED`, and `PROPTEST_CASES` says how many in proportion to the usual 256.
#[cfg(test)]
pub fn seeds(count: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let first = (number("PROPTEST_RNG_SEED").unwrap_or(1).saturating_sub(1) % (1 << 32)) << 24;
    first..first + (count * number("PROPTEST_CASES").unwrap_or(256)).div_ceil(256)
}
