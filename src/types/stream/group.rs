//! Consumer groups: who was given which entry and has not acknowledged it yet.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::{Ids, StreamId};
use crate::base::Millis;

/// What a pending entry takes in the two trees that have it, about.
const PENDING_BYTES: usize = 96;
/// What a consumer takes besides its name, about.
const CONSUMER_BYTES: usize = 160;

/// A group of consumers that share a stream's entries.
///
/// # Invariants (asserted by [`Group::check`])
/// - An entry is pending for exactly one consumer, and in that consumer's set.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Entries after this one are new to the group.
    pub last_delivered: StreamId,
    /// How many entries the group has read, counted from the stream's first ever; None if unknown.
    pub entries_read: Option<u64>,
    pending: BTreeMap<StreamId, Slot>,
    consumers: Vec<Option<Consumer>>,
    /// Names to places in `consumers`, in the order that replies list them.
    names: BTreeMap<Box<[u8]>, usize>,
}

/// One who reads for the group.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When it last asked for something.
    pub seen: Millis,
    /// When it last got something; None if never.
    pub active: Option<Millis>,
    pending: BTreeSet<StreamId>,
}

#[derive(Clone, Debug)]
struct Slot {
    consumer: usize,
    delivery: Delivery,
}

/// When an entry was last delivered, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub at: Millis,
    pub count: u64,
}

/// An entry that waits for its acknowledgement.
#[derive(Clone, Copy, Debug)]
pub struct Pending<'a> {
    pub id: StreamId,
    pub consumer: &'a [u8],
    pub delivery: Delivery,
}

impl Consumer {
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Ids of its pending entries, ascending.
    pub fn pending(&self) -> impl DoubleEndedIterator<Item = StreamId> {
        self.pending.iter().copied()
    }

    /// As `pending`, of the ids in a range.
    pub fn pending_in(
        &self,
        ids: RangeInclusive<StreamId>,
    ) -> impl DoubleEndedIterator<Item = StreamId> {
        let ids = Some(ids).filter(|ids| !ids.is_empty());
        ids.into_iter().flat_map(|ids| self.pending.range(ids)).copied()
    }

    #[must_use]
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }
}

impl Group {
    #[must_use]
    pub fn new(last_delivered: StreamId, entries_read: Option<u64>) -> Group {
        Group { last_delivered, entries_read, ..Group::default() }
    }

    /// Notes that the group was given the entry `id` of a stream, if that is news to it.
    pub(super) fn note_read(&mut self, id: StreamId, ids: Ids, len: usize) {
        if id <= self.last_delivered {
            return;
        }
        self.entries_read = match self.entries_read {
            Some(read) if !ids.has_gap_from(id, len) => Some(read + 1),
            read if ids.entries_added == 0 => read,
            _ => ids.entries_up_to(id, len),
        };
        self.last_delivered = id;
    }

    /// Consumers in the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.names.values().map(|&place| self.at(place))
    }

    fn at(&self, place: usize) -> &Consumer {
        self.consumers[place].as_ref().expect("a name leads to a consumer")
    }

    fn at_mut(&mut self, place: usize) -> &mut Consumer {
        self.consumers[place].as_mut().expect("a name leads to a consumer")
    }

    #[must_use]
    pub fn consumer(&self, name: &[u8]) -> Option<&Consumer> {
        self.names.get(name).map(|&place| self.at(place))
    }

    pub fn consumer_mut(&mut self, name: &[u8]) -> Option<&mut Consumer> {
        let place = *self.names.get(name)?;
        Some(self.at_mut(place))
    }

    /// Adds a consumer, seen `now`; false if there is one of that name.
    pub fn add_consumer(&mut self, name: &[u8], now: Millis) -> bool {
        if self.names.contains_key(name) {
            return false;
        }
        let consumer =
            Consumer { name: name.into(), seen: now, active: None, pending: BTreeSet::new() };
        let place = self.consumers.iter().position(Option::is_none).unwrap_or_else(|| {
            self.consumers.push(None);
            self.consumers.len() - 1
        });
        self.consumers[place] = Some(consumer);
        self.names.insert(name.into(), place);
        true
    }

    /// Removes a consumer and what is pending for it; returns how many entries that were.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let place = self.names.remove(name)?;
        let consumer = self.consumers[place].take()?;
        for id in &consumer.pending {
            self.pending.remove(id);
        }
        Some(consumer.pending.len())
    }

    /// Makes an entry pending for a consumer, whoever had it before.
    ///
    /// # Panics
    /// If there is no such consumer.
    pub fn assign(&mut self, id: StreamId, consumer: &[u8], delivery: Delivery) {
        let place = *self.names.get(consumer).expect("an entry is given to a known consumer");
        if let Some(old) = self.pending.insert(id, Slot { consumer: place, delivery }) {
            self.at_mut(old.consumer).pending.remove(&id);
        }
        self.at_mut(place).pending.insert(id);
    }

    /// Changes when and how often a pending entry was delivered; false if it is not pending.
    pub fn set_delivery(&mut self, id: StreamId, delivery: Delivery) -> bool {
        self.pending.get_mut(&id).map(|slot| slot.delivery = delivery).is_some()
    }

    /// The entry is pending no more; false if it was not.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(slot) = self.pending.remove(&id) else { return false };
        self.at_mut(slot.consumer).pending.remove(&id)
    }

    #[must_use]
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    #[must_use]
    pub fn pending_entry(&self, id: StreamId) -> Option<Pending<'_>> {
        self.pending.get(&id).map(|slot| self.describe(id, slot))
    }

    /// Pending entries with ids in a range, ascending, whoever has them.
    pub fn pending_in(
        &self,
        ids: RangeInclusive<StreamId>,
    ) -> impl DoubleEndedIterator<Item = Pending<'_>> {
        let ids = Some(ids).filter(|ids| !ids.is_empty());
        let slots = ids.into_iter().flat_map(|ids| self.pending.range(ids));
        slots.map(|(&id, slot)| self.describe(id, slot))
    }

    fn describe(&self, id: StreamId, slot: &Slot) -> Pending<'_> {
        Pending { id, consumer: self.at(slot.consumer).name(), delivery: slot.delivery }
    }

    /// About how many bytes the group takes. O(1).
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.pending.len() * PENDING_BYTES + self.consumers.len() * CONSUMER_BYTES
    }

    /// Asserts the invariants.
    pub fn check(&self) {
        for (name, &place) in &self.names {
            assert_eq!(*name, self.at(place).name);
        }
        assert_eq!(self.names.len(), self.consumers.iter().flatten().count());
        let of_consumers: usize = self.consumers().map(|consumer| consumer.pending.len()).sum();
        assert_eq!(of_consumers, self.pending.len());
        for (id, slot) in &self.pending {
            assert!(self.at(slot.consumer).pending.contains(id), "{id} is its consumer's");
        }
    }
}
