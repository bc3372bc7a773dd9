//! L2: the value types: what a key can hold besides a string, and the byte forms they share.
//!
//! A collection knows its elements, nothing of keys, expiry, clients or clocks. Small ones are one
//! packed blob in Redis' own byte format, so that dumps and migrations copy them; big ones are
//! tables and trees. Every type has a `check()` that asserts its invariants, for tests.

pub mod compact;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod limits;
pub mod list;
pub mod memory;
pub mod packed;
pub mod sample;
pub mod set;
pub mod stream;
pub mod table;
pub mod value;
pub mod zset;

use crate::base::Millis;
pub use hash::Hash;
pub use limits::{Limits, PackLimits};
pub use list::{End, List};
pub use set::Set;
pub use stream::{Stream, StreamId};
pub use value::{Needle, ValueRef};
pub use zset::Zset;

/// The latest time until which an element may live: it has to fit the 48 bits that Redis gives it.
pub const ELEMENT_EXPIRY_MAX: Millis = Millis((1 << 48) - 2);

/// What kind of value a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    String,
    List,
    Set,
    Zset,
    Hash,
    Stream,
}

impl Kind {
    pub const ALL: [Kind; 6] =
        [Kind::String, Kind::List, Kind::Set, Kind::Zset, Kind::Hash, Kind::Stream];

    /// As TYPE prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Set => "set",
            Kind::Zset => "zset",
            Kind::Hash => "hash",
            Kind::Stream => "stream",
        }
    }

    /// As SCAN's TYPE option accepts it: any case.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name().as_bytes().eq_ignore_ascii_case(name))
    }
}

/// What every collection type offers to the keyspace, which stores it as one machine word.
pub trait Collection: Clone + Send + 'static {
    const KIND: Kind;

    /// Number of elements; pairs count once.
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Heap bytes behind the word, as the allocator rounds them. O(1).
    fn heap_bytes(&self) -> usize;

    /// As OBJECT ENCODING prints it.
    fn encoding(&self) -> &'static str;

    /// Whether elements of this type may expire by themselves.
    const ELEMENTS_EXPIRE: bool = false;

    /// When the first of its elements expires; [`Millis::MAX`] if none does. O(1) if none does.
    #[inline]
    fn next_expiry(&self) -> Millis {
        Millis::MAX
    }

    /// Starts to fetch what finding elements will read, each `step` a little further from the word
    /// on; whether there is more to fetch. A step reads what the one before it has fetched.
    /// `hashes` are the elements' by the hasher of the big collections: others would only fetch in
    /// vain.
    fn prefetch(&self, step: usize, hashes: &[u64]) -> bool;

    /// Removes up to `max` elements that are over by `now`, and tells which.
    fn expire(&mut self, _now: Millis, _max: usize, _gone: &mut dyn FnMut(&[u8])) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_name_in_any_case() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name().to_uppercase().as_bytes()), Some(kind));
        }
        assert_eq!(Kind::from_name(b"zse"), None);
    }
}
