//! Choosing some of a sequence by chance while walking it once.

use crate::base::Rng;

/// Says of each of `len` elements in turn whether it is one of the chosen; every choice of `count`
/// of them is equally likely.
#[derive(Clone, Copy, Debug)]
pub struct Selection {
    wanted: usize,
    left: usize,
}

impl Selection {
    #[must_use]
    pub fn new(count: usize, len: usize) -> Selection {
        Selection { wanted: count.min(len), left: len }
    }

    /// Whether the next element is chosen.
    ///
    /// # Panics
    /// If asked for more than `len` elements.
    pub fn take(&mut self, rng: &mut Rng) -> bool {
        let chosen = rng.index(self.left) < self.wanted;
        self.left -= 1;
        self.wanted -= usize::from(chosen);
        chosen
    }
}
