//! Keys that clients of a writable replica have given an expiry here. Its primary knows nothing of
//! that, so the replica removes them itself, and tells nobody but its append-only file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::watches::Name;
use crate::base::Millis;

/// The keys by the time at which each is to be looked at.
#[derive(Debug, Default)]
pub struct OwnExpiries {
    inner: Mutex<Inner>,
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    due: BTreeSet<(Millis, Name)>,
    /// Invariant: the pairs of `due`, the other way round.
    times: BTreeMap<Name, Millis>,
}

impl OwnExpiries {
    /// Notes that a key is to be looked at then. Call it with the key's slot locked.
    pub fn note(&self, name: Name, at: Millis) {
        let mut inner = self.inner.lock();
        if let Some(before) = inner.times.insert(name.clone(), at) {
            inner.due.remove(&(before, name.clone()));
        }
        inner.due.insert((at, name));
        self.count.store(inner.times.len(), Ordering::Relaxed);
    }

    /// The key is gone, or does not expire any more.
    pub fn forget(&self, name: &Name) {
        if self.is_empty() {
            return;
        }
        let mut inner = self.inner.lock();
        if let Some(at) = inner.times.remove(name) {
            inner.due.remove(&(at, name.clone()));
        }
        self.count.store(inner.times.len(), Ordering::Relaxed);
    }

    /// Takes out one whose time is over.
    pub fn take_due(&self, now: Millis) -> Option<Name> {
        if self.is_empty() {
            return None;
        }
        let mut inner = self.inner.lock();
        if !inner.due.first()?.0.is_over(now) {
            return None;
        }
        let (_, name) = inner.due.pop_first()?;
        inner.times.remove(&name);
        self.count.store(inner.times.len(), Ordering::Relaxed);
        Some(name)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all: the dataset is another, or this is a primary now.
    pub fn clear(&self) {
        let mut inner = self.inner.lock();
        *inner = Inner::default();
        self.count.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_out_in_the_order_of_their_latest_times() {
        let own = OwnExpiries::default();
        let name = |text: &str| -> Name { (0, text.as_bytes().into()) };
        own.note(name("a"), Millis(30));
        own.note(name("b"), Millis(20));
        own.note(name("a"), Millis(10));
        assert_eq!((own.len(), own.take_due(Millis(9))), (2, None));
        assert_eq!(own.take_due(Millis(10)), None, "it lives through that millisecond");
        assert_eq!(own.take_due(Millis(50)), Some(name("a")));
        assert_eq!((own.len(), own.take_due(Millis(50))), (1, Some(name("b"))));
        assert_eq!(own.take_due(Millis(50)), None);
        own.note(name("c"), Millis(1));
        own.note(name("d"), Millis(1));
        own.forget(&name("c"));
        own.forget(&name("e"));
        assert_eq!(own.len(), 1);
        own.clear();
        assert!(own.is_empty() && own.take_due(Millis(50)).is_none());
    }
}
