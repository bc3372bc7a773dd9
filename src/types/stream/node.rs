//! A node of a stream: a run of entries in one listpack, their ids and fields told by difference.
//!
//! ```text
//! master entry  live, deleted, number of fields, field …, 0
//! entry         flags, ms - master's, seq - master's, value …, n + 3               same fields
//!               flags, ms - master's, seq - master's, n, field, value …, 2n + 4    others
//! ```
//!
//! The master entry has the node's id and the fields of the first entry ever put in. Flags: 1 =
//! deleted, 2 = same fields. A deleted entry stays until all of its node are.

use super::StreamId;
use crate::types::packed::listpack::{self, Listpack, Values, Visitor};
use crate::types::packed::{Malformed, Pack};
use crate::types::{Limits, ValueRef};

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;
/// Elements of an entry besides its fields and values.
const OVERHEAD_SAME: usize = 3;
const OVERHEAD_OTHER: usize = 4;
/// Nothing may make a node larger.
const BYTES_MAX: usize = listpack::MAX_BYTES;

/// A node's master entry, and where its entries begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    list: Listpack<'a>,
    id: StreamId,
    pub live: usize,
    pub deleted: usize,
    fields: usize,
    /// Where the master's fields and the first entry are.
    fields_at: usize,
    entries_at: usize,
}

/// What of a node concerns an entry that is appended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Summary {
    pub id: StreamId,
    pub live: usize,
    /// Whether the entry may be told by its values alone.
    pub same: bool,
}

/// An entry where it stands.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    /// Where its flags are.
    pub at: usize,
    pub id: StreamId,
    pub deleted: bool,
    pub fields: Fields<'a>,
    /// Where the next entry is.
    pub next: usize,
}

/// Fields of an entry with their values.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    /// The master's fields, or None if each value is preceded by its own.
    names: Option<listpack::Iter<'a>>,
    values: listpack::Iter<'a>,
    left: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (ValueRef<'a>, ValueRef<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = self.names.as_mut().unwrap_or(&mut self.values).next()?;
        Some((name, self.values.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

impl<'a> Node<'a> {
    #[inline]
    pub fn of(id: StreamId, pack: &'a Pack) -> Node<'a> {
        Node::read(id, Listpack::of(pack)).expect("a stream's nodes are well formed")
    }

    #[inline]
    fn read(id: StreamId, list: Listpack<'a>) -> Option<Node<'a>> {
        let mut at = list.start();
        let live = usize::try_from(int(list, &mut at)?).ok()?;
        let deleted = usize::try_from(int(list, &mut at)?).ok()?;
        let fields = usize::try_from(int(list, &mut at)?).ok()?;
        let fields_at = at;
        for _ in 0..fields {
            at = list.entry(at)?.1;
        }
        (int(list, &mut at)? == 0).then_some(())?;
        Some(Node { list, id, live, deleted, fields, fields_at, entries_at: at })
    }

    /// Entries in order, deleted ones too.
    pub fn places(self) -> impl Iterator<Item = Place<'a>> + Clone {
        std::iter::successors(self.place(self.start()), move |place| self.place(place.next))
    }

    /// Where the first entry is.
    pub fn start(&self) -> usize {
        self.entries_at
    }

    /// Where an entry would be appended.
    pub fn end(&self) -> usize {
        self.list.end()
    }

    /// The entry at `at`; None at the end.
    pub fn place(&self, at: usize) -> Option<Place<'a>> {
        (at < self.list.end())
            .then(|| self.read_place(at).expect("a stream's entries are well formed"))
    }

    /// The entry that ends at `at`; None at the start.
    pub fn place_before(&self, at: usize) -> Option<Place<'a>> {
        if at <= self.entries_at {
            return None;
        }
        let mut start = self.list.previous(at)?;
        let elements = int(self.list, &mut start.clone()).expect("an entry ends with its length");
        for _ in 0..elements {
            start = self.list.previous(start).expect("an entry is as long as it says");
        }
        self.place(start)
    }

    /// The entry at `at`; None if it is not a well formed one.
    fn read_place(&self, at: usize) -> Option<Place<'a>> {
        let (list, mut to) = (self.list, at);
        let flags = int(list, &mut to)?;
        let ms = self.id.ms.wrapping_add_signed(int(list, &mut to)?);
        let seq = self.id.seq.wrapping_add_signed(int(list, &mut to)?);
        let same = flags & SAME_FIELDS != 0;
        let left = match same {
            true => self.fields,
            false => usize::try_from(int(list, &mut to)?).ok()?,
        };
        let names = same.then(|| list.iter_between(self.fields_at, self.entries_at));
        let fields = Fields { names, values: list.iter_between(to, list.end()), left };
        let elements = if same { left } else { left.checked_mul(2)? };
        for _ in 0..elements {
            to = list.entry(to)?.1;
        }
        let counted = elements + if same { OVERHEAD_SAME } else { OVERHEAD_OTHER };
        (int(list, &mut to)? == i64::try_from(counted).ok()?).then_some(())?;
        let id = StreamId { ms, seq };
        Some(Place { at, id, deleted: flags & DELETED != 0, fields, next: to })
    }

    /// What has to be known to append an entry with these fields; None if the node has no room.
    #[inline]
    pub fn room(&self, fields: Added<'_>, limits: &Limits) -> Option<Summary> {
        let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        let bytes_max = match limits.stream_node_bytes {
            0 => BYTES_MAX,
            bytes => bytes.min(BYTES_MAX),
        };
        let entries = self.live.saturating_add(self.deleted);
        let full = limits.stream_node_entries > 0 && entries >= limits.stream_node_entries;
        if full || self.list.bytes().len().saturating_add(bytes) >= bytes_max {
            return None;
        }
        let mut master = self.list.iter_between(self.fields_at, self.entries_at);
        let same = fields.len() == self.fields
            && fields.iter().all(|(name, _)| master.next().is_some_and(|own| own.is(name)));
        Some(Summary { id: self.id, live: self.live, same })
    }

    pub fn last_id(&self) -> StreamId {
        self.places().last().map_or(self.id, |place| place.id)
    }
}

/// Reads an integer and steps over it.
#[inline]
fn int(list: Listpack<'_>, at: &mut usize) -> Option<i64> {
    let (value, next) = list.entry(*at)?;
    *at = next;
    value.as_i64()
}

/// A master entry before anything is added.
struct Master<'a>(Added<'a>);

/// Fields and values as a command has them.
pub type Added<'a> = &'a [(&'a [u8], &'a [u8])];

impl Values for Master<'_> {
    fn visit(&self, visitor: &mut impl Visitor) {
        [0, 0, self.0.len() as i64].into_iter().for_each(|n| visitor.value(ValueRef::Int(n)));
        self.0.iter().for_each(|(name, _)| visitor.value(ValueRef::of(name)));
        visitor.value(ValueRef::Int(0));
    }
}

/// An entry before it is added.
struct Line<'a> {
    ms: i64,
    seq: i64,
    same: bool,
    fields: Added<'a>,
}

impl Values for Line<'_> {
    #[inline]
    fn visit(&self, visitor: &mut impl Visitor) {
        let count = self.fields.len() as i64;
        let flags = if self.same { SAME_FIELDS } else { 0 };
        [flags, self.ms, self.seq].into_iter().for_each(|n| visitor.value(ValueRef::Int(n)));
        if self.same {
            self.fields.iter().for_each(|(_, value)| visitor.value(ValueRef::of(value)));
            visitor.value(ValueRef::Int(count + OVERHEAD_SAME as i64));
        } else {
            visitor.value(ValueRef::Int(count));
            for (name, value) in self.fields {
                visitor.value(ValueRef::of(name));
                visitor.value(ValueRef::of(value));
            }
            visitor.value(ValueRef::Int(2 * count + OVERHEAD_OTHER as i64));
        }
    }
}

/// A node without entries, which gets its id and fields from the first.
pub(super) fn new(fields: Added<'_>) -> Pack {
    let mut pack = Pack::growing_listpack();
    listpack::append(&mut pack, &Master(fields));
    pack
}

/// Appends an entry to the node, which has room for it. `same`: it has the node's fields.
pub(super) fn append(pack: &mut Pack, node: Summary, id: StreamId, fields: Added<'_>) {
    let ms = id.ms.wrapping_sub(node.id.ms) as i64;
    let seq = id.seq.wrapping_sub(node.id.seq) as i64;
    listpack::append(pack, &Line { ms, seq, same: node.same, fields });
    let live = ValueRef::Int(node.live as i64 + 1);
    listpack::replace(pack, Listpack::of(pack).start(), live);
}

/// Marks the entries whose flags are at these offsets as deleted.
pub(super) fn delete(pack: &mut Pack, node_id: StreamId, places: &[usize]) {
    let node = Node::of(node_id, pack);
    let (live, deleted) = (node.live - places.len(), node.deleted + places.len());
    // From the back: what stands before keeps its place, whatever the sizes.
    for &at in places.iter().rev() {
        let (flags, _) = Listpack::of(pack).entry(at).expect("an entry begins here");
        let flags = flags.as_i64().expect("an entry begins with its flags");
        listpack::replace(pack, at, ValueRef::Int(flags | DELETED));
    }
    let start = Listpack::of(pack).start();
    listpack::replace(pack, start, ValueRef::Int(live as i64));
    let (_, second) = Listpack::of(pack).entry(start).expect("the master entry");
    listpack::replace(pack, second, ValueRef::Int(deleted as i64));
}

/// Checks a dump's node completely; returns its number of live entries and its last id.
pub(super) fn parse(id: StreamId, bytes: &[u8]) -> Result<(usize, StreamId), Malformed> {
    let list = Listpack::parse(bytes)?;
    let node = Node::read(id, list).ok_or(Malformed)?;
    let (mut at, mut last, mut live, mut deleted) = (node.entries_at, None, 0, 0);
    while at < list.end() {
        let place = node.read_place(at).ok_or(Malformed)?;
        if place.id < id || last.is_some_and(|last| place.id <= last) {
            return Err(Malformed);
        }
        at = place.next;
        last = Some(place.id);
        live += usize::from(!place.deleted);
        deleted += usize::from(place.deleted);
    }
    match last {
        Some(last) if (live, deleted) == (node.live, node.deleted) && live > 0 => Ok((live, last)),
        _ => Err(Malformed),
    }
}
