//! Which history a dataset belongs to: the names that partial resynchronisation goes by.
//!
//! A history is a name and the bytes written under it. A node that takes over from another goes on
//! under a new name but keeps the old one as its second: replicas of the old primary have seen the
//! same bytes up to the offset where the names changed, and may go on from there.

use crate::base::{ReplId, Rng};

/// Whether an offset that somebody tells can be one: there are so many that none is ever the last,
/// and on the wire they are signed.
#[must_use]
pub fn is_offset(said: &u64) -> bool {
    i64::try_from(*said).is_ok()
}

/// The names of a node's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub id: ReplId,
    pub second: Option<Second>,
}

/// A name the history went by before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Second {
    pub id: ReplId,
    /// The first byte that may differ from the history of that name.
    pub until: u64,
}

impl Identity {
    /// A history that nobody shares.
    #[must_use]
    pub fn fresh(rng: &mut Rng) -> Identity {
        Identity { id: ReplId::random(rng), second: None }
    }

    /// The history of another node, taken over with all its data.
    #[must_use]
    pub fn of_primary(id: ReplId) -> Identity {
        Identity { id, second: None }
    }

    /// Goes on under a new name from the byte after `offset`: a replica was promoted, or its
    /// primary was.
    pub fn shift(&mut self, id: ReplId, offset: u64) {
        self.second = Some(Second { id: self.id, until: offset + 1 });
        self.id = id;
    }

    /// Whether whoever has followed the history `asked` up to the byte before `next` has what this
    /// node had there.
    #[must_use]
    pub fn shares(&self, asked: ReplId, next: u64) -> bool {
        let as_second = |second: Second| asked == second.id && next <= second.until;
        asked == self.id || self.second.is_some_and(as_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_former_name_holds_up_to_where_the_names_changed() {
        let mut rng = Rng::from_seed(1);
        let mut identity = Identity::fresh(&mut rng);
        let (old, new) = (identity.id, ReplId::random(&mut rng));
        assert!(identity.shares(old, 1000));
        identity.shift(new, 50);
        assert!(identity.shares(new, 1000));
        assert!(identity.shares(old, 51));
        assert!(!identity.shares(old, 52));
        let third = ReplId::random(&mut rng);
        identity.shift(third, 60);
        assert!(!identity.shares(old, 1), "only one former name is remembered");
        assert!(identity.shares(new, 61));
    }
}
