//! The two logical clocks of a cluster, kept apart by type so that they cannot be swapped.

use std::fmt;

/// The cluster-wide logical clock (`currentEpoch` on the wire): the highest epoch a node has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// The version of one primary's slot claims (`configEpoch` on the wire).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigEpoch(pub u64);

impl Epoch {
    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Epoch {
        Epoch(self.0 + 1)
    }
}

impl From<Epoch> for ConfigEpoch {
    /// A claim made in an epoch is versioned by that epoch.
    fn from(epoch: Epoch) -> ConfigEpoch {
        ConfigEpoch(epoch.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ConfigEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
