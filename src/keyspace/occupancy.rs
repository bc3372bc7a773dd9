//! Which slots of a database have something in them: a bit per slot, so that a random one is found
//! as quickly among few as among many.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::{Rng, Slot};

const WORDS: usize = Slot::COUNT / 64;
/// Random slots tried before the occupied ones are counted: enough if one in four is.
const TRIES: usize = 8;

/// A set of slots that threads change under the locks of the slots concerned.
pub(super) struct Occupancy([AtomicU64; WORDS]);

impl Default for Occupancy {
    fn default() -> Occupancy {
        Occupancy([const { AtomicU64::new(0) }; WORDS])
    }
}

impl Occupancy {
    pub(super) fn set(&self, slot: Slot, occupied: bool) {
        let (word, bit) = (&self.0[slot.index() / 64], 1 << (slot.index() % 64));
        if occupied {
            word.fetch_or(bit, Ordering::Relaxed);
        } else {
            word.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    pub(super) fn contains(&self, slot: Slot) -> bool {
        self.0[slot.index() / 64].load(Ordering::Relaxed) >> (slot.index() % 64) & 1 == 1
    }

    pub(super) fn clear(&self) {
        self.0.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    }

    /// The slots in the set, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = Slot> {
        Slot::all().filter(|slot| self.contains(*slot))
    }

    /// Number of slots in the set.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|word| word.load(Ordering::Relaxed).count_ones() as usize).sum()
    }

    /// Whether no slot is in the set.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| word.load(Ordering::Relaxed) == 0)
    }

    /// One of the slots, all equally likely. O(1) if many are occupied, else 256 words are read.
    pub(super) fn random(&self, rng: &mut Rng) -> Option<Slot> {
        for _ in 0..TRIES {
            let slot = Slot::new(rng.below(Slot::COUNT as u64) as u16)?;
            if self.contains(slot) {
                return Some(slot);
            }
        }
        let ones = |word: &AtomicU64| u64::from(word.load(Ordering::Relaxed).count_ones());
        let total: u64 = self.0.iter().map(ones).sum();
        let mut skipped = if total > 0 { rng.below(total) } else { return None };
        let mut last = None;
        for (index, word) in self.0.iter().enumerate() {
            let mut bits = word.load(Ordering::Relaxed);
            while bits != 0 {
                last = Slot::new((index * 64) as u16 + bits.trailing_zeros() as u16);
                if skipped == 0 {
                    return last;
                }
                skipped -= 1;
                bits &= bits - 1;
            }
        }
        last // some were emptied meanwhile
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occupied_slot_is_found_about_equally_often() {
        let (bits, mut rng) = (Occupancy::default(), Rng::from_seed(1));
        assert_eq!(bits.random(&mut rng), None);
        let slots: Vec<Slot> = [0, 1, 63, 64, 9000, 16383].map(|n| Slot::new(n).unwrap()).into();
        slots.iter().for_each(|&slot| bits.set(slot, true));
        let mut seen = vec![0; slots.len()];
        for _ in 0..6000 {
            let slot = bits.random(&mut rng).expect("some are occupied");
            seen[slots.iter().position(|&s| s == slot).expect("only occupied ones")] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
        slots.iter().for_each(|&slot| bits.set(slot, false));
        assert_eq!(bits.random(&mut rng), None);
    }
}
