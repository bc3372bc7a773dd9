//! Streams: entries of fields and values in the order of their ids, and groups that read them.
//!
//! Entries live in nodes of Redis' byte form ([`node`]), ordered by the id of the first entry ever
//! put in each.

mod group;
mod id;
mod node;

use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;

use super::compact::prefetch;
use super::memory::allocated;
use super::packed::{Form, Malformed, Pack};
use super::{Collection, Kind, Limits};
use crate::base::Millis;
pub use group::{Consumer, Delivery, Group, Pending};
pub use id::{IdText, Ids, StreamId};
pub use node::{Added, Fields};
use node::{Node, Place, Summary};

/// What a node takes besides its listpack, about.
const NODE_BYTES: usize = 64;
/// What a group takes in the tree that has it, about.
const GROUP_BYTES: usize = 200;

/// A stream, one word wide.
///
/// # Invariants (asserted by [`Stream::check`])
/// - Every node has a live entry; entries ascend over all nodes, none is past `last_id`.
/// - `len` counts the live entries and `first_id` is the first one's, 0-0 if there is none.
#[derive(Clone, Default)]
pub struct Stream(Box<Inner>);

#[derive(Clone, Default)]
struct Inner {
    /// Clones share the nodes until one of them changes one.
    nodes: BTreeMap<StreamId, Arc<Pack>>,
    len: usize,
    node_bytes: usize,
    ids: Ids,
    groups: BTreeMap<Box<[u8]>, Group>,
}

/// A live entry.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    pub id: StreamId,
    pub fields: Fields<'a>,
}

/// What a trim leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// So many of the newest.
    Newest(usize),
    /// All from this id on.
    From(StreamId),
}

impl Collection for Stream {
    const KIND: Kind = Kind::Stream;

    fn len(&self) -> usize {
        self.0.len
    }

    /// O(groups), of which there are few; what trees take is estimated.
    fn heap_bytes(&self) -> usize {
        let groups = self.0.groups.values().map(|group| GROUP_BYTES + group.heap_bytes());
        allocated(size_of::<Inner>())
            + self.0.node_bytes
            + self.0.nodes.len() * NODE_BYTES
            + groups.sum::<usize>()
    }

    #[inline]
    fn prefetch(&self, _step: usize, _hashes: &[u64]) -> bool {
        prefetch(&*self.0);
        false
    }

    fn encoding(&self) -> &'static str {
        "stream"
    }
}

impl Stream {
    #[must_use]
    pub fn ids(&self) -> Ids {
        self.0.ids
    }

    /// Overrides the last id and, if given, what else XSETID sets. The caller has checked that no
    /// live entry is past `last`.
    pub fn set_ids(
        &mut self,
        last: StreamId,
        entries_added: Option<u64>,
        max_deleted: Option<StreamId>,
    ) {
        let ids = &mut self.0.ids;
        ids.last = last;
        ids.entries_added = entries_added.unwrap_or(ids.entries_added);
        ids.max_deleted = max_deleted.unwrap_or(ids.max_deleted);
    }

    /// The id that an entry added at `now_ms` gets; None if there are no more.
    #[must_use]
    pub fn next_id(&self, now_ms: u64) -> Option<StreamId> {
        let now = StreamId::new(now_ms, 0);
        if now > self.0.ids.last { Some(now) } else { self.0.ids.last.next() }
    }

    /// Appends an entry; false (and nothing happens) if the id is not past all earlier ones.
    pub fn append(&mut self, id: StreamId, fields: Added<'_>, limits: &Limits) -> bool {
        let inner = &mut *self.0;
        if id <= inner.ids.last {
            return false;
        }
        if !inner.append_to_last(id, fields, limits) {
            let mut pack = node::new(fields);
            node::append(&mut pack, Summary { id, live: 0, same: true }, id, fields);
            inner.node_bytes += pack.heap_bytes();
            inner.nodes.insert(id, Arc::new(pack));
        }
        if inner.len == 0 {
            inner.ids.first = id;
        }
        inner.len += 1;
        inner.ids.last = id;
        inner.ids.entries_added += 1;
        true
    }

    /// The live entry with that id.
    #[must_use]
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        self.range(id, id).next()
    }

    /// Deletes an entry; false if there is no live one with that id.
    pub fn remove(&mut self, id: StreamId) -> bool {
        let inner = &mut *self.0;
        let Some((&node_id, pack)) = inner.nodes.range(..=id).next_back() else {
            return false;
        };
        let place = Node::of(node_id, pack).places().find(|place| place.id == id);
        let Some(at) = place.filter(|place| !place.deleted).map(|place| place.at) else {
            return false;
        };
        inner.delete(node_id, &[at]);
        inner.ids.max_deleted = inner.ids.max_deleted.max(id);
        if id == inner.ids.first {
            inner.find_first();
        }
        true
    }

    /// Removes the oldest entries until what `keep` says is left; returns how many.
    ///
    /// With `whole_nodes` only nodes that can go as a whole are removed, and at most `limit`
    /// entries (0 = no limit): the fast way, which may leave more.
    pub fn trim(&mut self, keep: Keep, whole_nodes: bool, limit: usize) -> usize {
        let inner = &mut *self.0;
        let before = inner.len;
        while let Some((&node_id, pack)) = inner.nodes.first_key_value() {
            let node = Node::of(node_id, pack);
            let enough = match keep {
                Keep::Newest(count) => inner.len <= count,
                Keep::From(id) => inner.ids.first >= id,
            };
            if enough || limit > 0 && before - inner.len + node.live > limit {
                break;
            }
            let all = match keep {
                Keep::Newest(count) => inner.len - node.live >= count,
                Keep::From(id) => node.last_id() < id,
            };
            if all {
                inner.len -= node.live;
                inner.node_bytes -= pack.heap_bytes();
                inner.nodes.pop_first();
                inner.find_first();
                continue;
            }
            if !whole_nodes {
                let live = node.places().filter(|place| !place.deleted);
                let doomed: Vec<usize> = match keep {
                    Keep::Newest(count) => {
                        live.take(inner.len - count).map(|place| place.at).collect()
                    }
                    Keep::From(id) => {
                        live.take_while(|place| place.id < id).map(|place| place.at).collect()
                    }
                };
                inner.delete(node_id, &doomed);
                inner.find_first();
            }
            break;
        }
        before - inner.len
    }

    /// Live entries with ids from `start` to `end`, both included.
    #[must_use]
    pub fn range(&self, start: StreamId, end: StreamId) -> Range<'_> {
        range(&self.0.nodes, start, end)
    }

    /// As `range`, the newest first.
    #[must_use]
    pub fn range_back(&self, start: StreamId, end: StreamId) -> RangeBack<'_> {
        RangeBack(self.range(start, end))
    }

    /// The last live entry.
    #[must_use]
    pub fn last(&self) -> Option<Entry<'_>> {
        self.range_back(StreamId::MIN, StreamId::MAX).next()
    }

    /// How many entries precede or are `id`, counted from the stream's first ever; None if
    /// deletions hide it.
    #[must_use]
    pub fn entries_up_to(&self, id: StreamId) -> Option<u64> {
        self.0.ids.entries_up_to(id, self.0.len)
    }

    /// How many entries a group has yet to be given; None if deletions hide it. Less than none, if
    /// it was said to have read more than there were.
    #[must_use]
    pub fn lag(&self, group: &Group) -> Option<i64> {
        let (ids, len) = (self.0.ids, self.0.len);
        let read = match group.entries_read {
            _ if ids.entries_added == 0 => return Some(0),
            Some(read) if !ids.has_gap_from(group.last_delivered, len) => Some(read),
            _ => ids.entries_up_to(group.last_delivered, len),
        };
        read.map(|read| ids.entries_added.wrapping_sub(read) as i64)
    }

    /// Gives a group the entries after `after`, at most `count` of them; returns how many.
    ///
    /// With a `consumer` they become pending for it, delivered `now`.
    ///
    /// # Panics
    /// If there is no such group, or no such consumer.
    pub fn deliver(
        &mut self,
        name: &[u8],
        consumer: Option<&[u8]>,
        after: StreamId,
        count: usize,
        now: Millis,
        mut emit: impl FnMut(&Entry<'_>),
    ) -> usize {
        let inner = &mut *self.0;
        let group = inner.groups.get_mut(name).expect("entries are delivered to a known group");
        let Some(start) = after.next() else { return 0 };
        let mut delivered = 0;
        for entry in range(&inner.nodes, start, StreamId::MAX).take(count) {
            group.note_read(entry.id, inner.ids, inner.len);
            if let Some(consumer) = consumer {
                group.assign(entry.id, consumer, Delivery { at: now, count: 1 });
            }
            emit(&entry);
            delivered += 1;
        }
        delivered
    }

    /// Groups in the order of their names.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.0.groups.iter().map(|(name, group)| (&**name, group))
    }

    #[must_use]
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.0.groups.get(name)
    }

    pub fn group_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.0.groups.get_mut(name)
    }

    /// Adds a group; false if there is one of that name.
    pub fn add_group(&mut self, name: &[u8], group: Group) -> bool {
        let place = self.0.groups.entry(name.into());
        let vacant = matches!(place, btree_map::Entry::Vacant(_));
        place.or_insert(group);
        vacant
    }

    /// Removes a group; false if there is none of that name.
    pub fn remove_group(&mut self, name: &[u8]) -> bool {
        self.0.groups.remove(name).is_some()
    }

    /// The nodes that a dump holds, in order.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (StreamId, &[u8])> {
        self.0.nodes.iter().map(|(&id, pack)| (id, pack.bytes()))
    }

    /// Appends a dump's node. The ids that the stream remembers follow, as if its live entries had
    /// been added one by one; [`Stream::restore_ids`] sets those that the dump has.
    ///
    /// # Errors
    /// If the bytes are no node, or its entries do not follow those before.
    pub fn push_node(&mut self, id: StreamId, bytes: &[u8]) -> Result<(), Malformed> {
        let (live, last) = node::parse(id, bytes)?;
        let inner = &mut *self.0;
        if !inner.nodes.is_empty() && id <= inner.ids.last {
            return Err(Malformed);
        }
        let pack = Pack::from_bytes(Form::Listpack, bytes);
        inner.len += live;
        inner.node_bytes += pack.heap_bytes();
        inner.nodes.insert(id, Arc::new(pack));
        inner.ids.last = last;
        inner.ids.entries_added += live as u64;
        inner.find_first();
        Ok(())
    }

    /// Sets the ids that a dump has besides its nodes. An older dump has only the last.
    ///
    /// # Errors
    /// If they contradict the entries.
    pub fn restore_ids(&mut self, ids: Ids) -> Result<(), Malformed> {
        let own = self.0.ids;
        if ids.last < own.last || ids.first != own.first || ids.entries_added < own.entries_added {
            return Err(Malformed);
        }
        self.0.ids = ids;
        Ok(())
    }

    /// Asserts the invariants.
    pub fn check(&self) {
        let inner = &*self.0;
        let (mut len, mut bytes, mut last, mut first) = (0, 0, None, None);
        for (&id, pack) in &inner.nodes {
            let (live, node_last) = node::parse(id, pack.bytes()).expect("a well formed node");
            assert!(last.is_none_or(|last| last < id), "nodes ascend");
            let here = Node::of(id, pack).places().find(|place| !place.deleted);
            first = first.or(here.map(|place| place.id));
            last = Some(node_last);
            len += live;
            bytes += pack.heap_bytes();
        }
        assert_eq!((len, bytes), (inner.len, inner.node_bytes));
        assert_eq!(first.unwrap_or_default(), inner.ids.first);
        assert!(last.is_none_or(|last| last <= inner.ids.last));
        inner.groups.values().for_each(Group::check);
    }
}

impl Inner {
    /// Appends an entry to the last node. False if there is no room in it: then it is done with.
    #[inline]
    fn append_to_last(&mut self, id: StreamId, fields: Added<'_>, limits: &Limits) -> bool {
        let Some(mut last) = self.nodes.last_entry() else { return false };
        let room = Node::of(*last.key(), last.get()).room(fields, limits);
        let before = last.get().heap_bytes();
        let after = match room {
            Some(node) => {
                let pack = Arc::make_mut(last.get_mut());
                node::append(pack, node, id, fields);
                pack.heap_bytes()
            }
            // Who shares the node may go on sharing it; a little space is lost.
            None => Arc::get_mut(last.get_mut()).map_or(before, |pack| {
                pack.seal();
                pack.heap_bytes()
            }),
        };
        self.node_bytes = self.node_bytes - before + after;
        room.is_some()
    }

    /// Marks entries of one node as deleted, or drops the node if none is left.
    fn delete(&mut self, node_id: StreamId, places: &[usize]) {
        let pack = self.nodes.get_mut(&node_id).expect("entries are deleted from a node");
        self.len -= places.len();
        self.node_bytes -= pack.heap_bytes();
        if Node::of(node_id, pack).live == places.len() {
            self.nodes.remove(&node_id);
        } else {
            node::delete(Arc::make_mut(pack), node_id, places);
            self.node_bytes += pack.heap_bytes();
        }
    }

    /// Notes which entry is the first now.
    fn find_first(&mut self) {
        let node = self.nodes.first_key_value();
        let first = node.and_then(|(&id, pack)| {
            Node::of(id, pack).places().find(|place| !place.deleted).map(|place| place.id)
        });
        self.ids.first = first.unwrap_or_default();
    }
}

/// Live entries between two ids, both included.
fn range(nodes: &BTreeMap<StreamId, Arc<Pack>>, start: StreamId, end: StreamId) -> Range<'_> {
    let first = nodes.range(..=start).next_back().map_or(start, |(&id, _)| id);
    let ids = if start <= end { first..=end } else { StreamId::MAX..=StreamId::MAX };
    let end = if start <= end { end } else { StreamId::MIN };
    Range { nodes: nodes.range(ids), here: None, start, end }
}

/// Live entries of a [`Stream`] between two ids.
#[derive(Clone)]
pub struct Range<'a> {
    nodes: btree_map::Range<'a, StreamId, Arc<Pack>>,
    /// The node that was reached, and how far it was read: from the front, or from the back.
    here: Option<(Node<'a>, usize)>,
    start: StreamId,
    end: StreamId,
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let Some((node, at)) = self.here else {
                let (&id, pack) = self.nodes.next()?;
                let node = Node::of(id, pack);
                self.here = Some((node, node.start()));
                continue;
            };
            let place = node.place(at).filter(|place| place.id <= self.end);
            self.here = place.as_ref().map(|place| (node, place.next));
            let wanted = place.filter(|place| place.id >= self.start && !place.deleted);
            if let Some(Place { id, fields, .. }) = wanted {
                return Some(Entry { id, fields });
            }
        }
    }
}

/// Live entries of a [`Stream`] between two ids, the newest first.
#[derive(Clone)]
pub struct RangeBack<'a>(Range<'a>);

impl<'a> Iterator for RangeBack<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let Some((node, at)) = self.0.here else {
                let (&id, pack) = self.0.nodes.next_back()?;
                let node = Node::of(id, pack);
                self.0.here = Some((node, node.end()));
                continue;
            };
            let place = node.place_before(at).filter(|place| place.id >= self.0.start);
            self.0.here = place.as_ref().map(|place| (node, place.at));
            let wanted = place.filter(|place| place.id <= self.0.end && !place.deleted);
            if let Some(Place { id, fields, .. }) = wanted {
                return Some(Entry { id, fields });
            }
        }
    }
}

#[cfg(test)]
mod tests;
