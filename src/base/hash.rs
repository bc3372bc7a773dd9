//! The table hash of a key: seeded per process so that a client cannot aim keys at one bucket.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::SeedableRandomState;

use super::Rng;

/// Hashes keys for the keyspace's tables and the collections' tables.
///
/// Production seeds it at random (a client that could predict it could make every key collide);
/// tests use a fixed seed. Every bit of the result is usable: tables take their position from the
/// high bits and their tag from the low ones.
#[derive(Clone, Debug)]
pub struct KeyHasher(SeedableRandomState);

impl KeyHasher {
    #[must_use]
    pub fn seeded(rng: &mut Rng) -> KeyHasher {
        let shared = foldhash::SharedSeed::global_fixed();
        KeyHasher(SeedableRandomState::with_seed(rng.next_u64(), shared))
    }

    #[inline]
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_agree_and_other_seeds_do_not() {
        let one = KeyHasher::seeded(&mut Rng::from_seed(1));
        let same = KeyHasher::seeded(&mut Rng::from_seed(1));
        let other = KeyHasher::seeded(&mut Rng::from_seed(2));
        assert_eq!(one.hash(b"key"), same.hash(b"key"));
        assert_ne!(one.hash(b"key"), other.hash(b"key"));
        assert_ne!(one.hash(b""), one.hash(b"\0"));
    }
}
