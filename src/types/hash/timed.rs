//! Fields that expire: until when each lives, and which is the next to go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Hash;
use crate::base::Millis;

/// What an expiring field takes besides its name, about: a place in both trees, and the name's
/// counts.
const FIELD_BYTES: usize = 88;

/// A hash with expiring fields. The hash inside knows nothing of them.
#[derive(Clone, Default)]
pub(super) struct Timed {
    pub plain: Hash,
    pub times: Times,
}

/// When fields expire.
///
/// # Invariants (asserted by [`Times::check`])
/// - Both trees have the same fields with the same times.
#[derive(Clone, Default)]
pub(super) struct Times {
    by_field: BTreeMap<Arc<[u8]>, Millis>,
    by_time: BTreeSet<(Millis, Arc<[u8]>)>,
    name_bytes: usize,
}

impl Times {
    pub fn is_empty(&self) -> bool {
        self.by_field.is_empty()
    }

    pub fn get(&self, field: &[u8]) -> Option<Millis> {
        self.by_field.get(field).copied()
    }

    /// Sets or takes away a field's time.
    pub fn set(&mut self, field: &[u8], at: Option<Millis>) {
        if let Some((name, old)) = self.by_field.remove_entry(field) {
            self.name_bytes -= name.len();
            self.by_time.remove(&(old, name));
        }
        if let Some(at) = at {
            let name: Arc<[u8]> = field.into();
            self.name_bytes += name.len();
            self.by_time.insert((at, Arc::clone(&name)));
            self.by_field.insert(name, at);
        }
    }

    /// The first field to go, and when.
    pub fn first(&self) -> Option<(Millis, &Arc<[u8]>)> {
        self.by_time.first().map(|(at, name)| (*at, name))
    }

    /// Fields by the time when they go.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], Millis)> {
        self.by_time.iter().map(|(at, name)| (&**name, *at))
    }

    pub fn heap_bytes(&self) -> usize {
        self.name_bytes + self.by_field.len() * FIELD_BYTES
    }

    /// Asserts the invariants.
    pub fn check(&self) {
        assert_eq!(self.by_field.len(), self.by_time.len());
        for (at, name) in &self.by_time {
            assert_eq!(self.by_field.get(name), Some(at));
        }
        assert_eq!(self.name_bytes, self.by_field.keys().map(|name| name.len()).sum::<usize>());
    }
}
