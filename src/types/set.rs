//! Sets: unique members.
//!
//! A set of integers is an intset, another small one a listpack in order of insertion. Past the
//! limits it becomes a [`Table`] without values, and stays one. Between the two is a listpack that
//! Redis would already have converted: it is reported as "hashtable" (see [`admission`]).

use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::compact::{PackOr, Shape, ShapeMut};
use super::memory::allocated;
use super::packed::intset::{self, Intset};
use super::packed::listpack::{self, Listpack};
use super::packed::{Form, Malformed, Pack, admission};
use super::sample::Selection;
use super::table::{self, Table};
use super::{Collection, Kind, Limits, Needle, ValueRef};
use crate::base::Rng;
use crate::base::number::parse_i64;

/// A set, one word wide.
///
/// # Invariants (asserted by [`Set::check`])
/// - No member is there twice.
#[derive(Clone)]
pub struct Set(PackOr<Table>);

/// A member that was taken out; a short one takes no heap.
pub type Popped = SmallVec<[u8; 64]>;

impl Default for Set {
    fn default() -> Set {
        Set(PackOr::pack(Pack::empty_listpack()))
    }
}

impl Collection for Set {
    const KIND: Kind = Kind::Set;

    #[inline]
    fn len(&self) -> usize {
        match self.0.shape() {
            Shape::Pack(pack) if pack.form() == Form::Intset => Intset::of(pack).len(),
            Shape::Pack(pack) => Listpack::of(pack).len(),
            Shape::Big(table) => table.len(),
        }
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        match self.0.shape() {
            Shape::Pack(pack) => pack.heap_bytes(),
            Shape::Big(table) => allocated(size_of::<Table>()) + table.heap_bytes(),
        }
    }

    #[inline]
    fn prefetch(&self, step: usize, hashes: &[u64]) -> bool {
        let Some(step) = step.checked_sub(1) else { return self.0.prefetch() };
        match self.0.shape() {
            Shape::Big(table) => table.prefetch(step, hashes),
            Shape::Pack(_) => false,
        }
    }

    fn encoding(&self) -> &'static str {
        match self.0.shape() {
            Shape::Pack(pack) => match pack.form() {
                Form::Intset => "intset",
                Form::Listpack => "listpack",
                Form::Wide | Form::Leaf | Form::Growing => "hashtable",
            },
            Shape::Big(_) => "hashtable",
        }
    }
}

impl Set {
    #[inline]
    #[must_use]
    pub fn contains(&self, member: &[u8]) -> bool {
        match self.0.shape() {
            Shape::Pack(pack) if pack.form() == Form::Intset => {
                parse_i64(member).is_some_and(|value| Intset::of(pack).find(value).is_ok())
            }
            Shape::Pack(pack) => find(pack, member).is_some(),
            Shape::Big(table) => table.get(member).is_some(),
        }
    }

    /// As [`Set::contains`], for a member of another collection.
    #[inline]
    #[must_use]
    pub fn contains_value(&self, member: ValueRef<'_>) -> bool {
        match (self.0.shape(), member) {
            (Shape::Pack(pack), ValueRef::Int(value)) if pack.form() == Form::Intset => {
                Intset::of(pack).find(value).is_ok()
            }
            _ => self.contains(member.text(&mut itoa::Buffer::new())),
        }
    }

    /// Adds the member; true if it is new.
    pub fn insert(&mut self, member: &[u8], limits: &Limits) -> bool {
        let pack = match self.0.shape_mut() {
            ShapeMut::Big(table) => return table.insert(member, b""),
            ShapeMut::Pack(pack) => pack,
        };
        if pack.form() == Form::Intset {
            return self.insert_in_intset(member, limits);
        }
        let list = Listpack::of(pack);
        if list.is_empty()
            && limits.set_intset_entries > 0
            && let Some(value) = parse_i64(member)
        {
            *pack = intset::single(value);
            return true;
        }
        if find(pack, member).is_some() {
            return false;
        }
        let members = list.len() + 1;
        match admission::admit(pack, members, member.len(), member.len(), limits.set) {
            Some(form) => {
                pack.set_form(form);
                listpack::push(pack, &[ValueRef::of(member)]);
                true
            }
            None => self.spread(member.len(), limits).insert(member, b""),
        }
    }

    fn insert_in_intset(&mut self, member: &[u8], limits: &Limits) -> bool {
        let ShapeMut::Pack(pack) = self.0.shape_mut() else { unreachable!("an intset is packed") };
        let set = Intset::of(pack);
        match parse_i64(member) {
            Some(value) if set.find(value).is_ok() => false,
            Some(value) if set.len() < limits.set_intset_entries.min(intset::MAX_COUNT) => {
                intset::insert(pack, value)
            }
            Some(_) => self.spread(member.len(), limits).insert(member, b""),
            None => {
                self.unpack_integers(member.len(), limits);
                self.insert(member, limits)
            }
        }
    }

    /// Turns the intset into a listpack, or a table if that would not admit one more member of
    /// `added` bytes.
    fn unpack_integers(&mut self, added: usize, limits: &Limits) {
        let ShapeMut::Pack(pack) = self.0.shape_mut() else { unreachable!("an intset is packed") };
        let set = Intset::of(pack);
        let mut list = Pack::empty_listpack();
        let ends = [0, set.len().saturating_sub(1)].map(|rank| set.get(rank).unwrap_or(0));
        let longest = ends.map(|value| ValueRef::Int(value).len()).into_iter().max().unwrap_or(0);
        // Whether the pack would be admitted is asked before it is made: a long one is slow to
        // fill.
        let bytes = set.len() * (longest + 2) + added;
        match admission::admit(&list, set.len() + 1, longest.max(added), bytes, limits.set) {
            Some(form) => {
                let values: Vec<ValueRef<'_>> = set.iter().map(ValueRef::Int).collect();
                listpack::push(&mut list, &values);
                list.set_form(form);
                *pack = list;
            }
            None => {
                self.spread(added, limits);
            }
        }
    }

    /// Removes the member; true if it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self.0.shape_mut() {
            ShapeMut::Pack(pack) if pack.form() == Form::Intset => {
                parse_i64(member).is_some_and(|value| intset::remove(pack, value))
            }
            ShapeMut::Pack(pack) => {
                let Some(at) = find(pack, member) else { return false };
                listpack::remove(pack, at, 1);
                true
            }
            ShapeMut::Big(table) => table.remove(member),
        }
    }

    /// Turns the packed form into a table with room for one more member of `added` bytes.
    fn spread(&mut self, added: usize, limits: &Limits) -> &mut Table {
        if let Shape::Pack(pack) = self.0.shape() {
            let bytes = pack.total() + added;
            let mut table = Table::new(limits.hasher.clone(), self.len() + 1, bytes);
            let mut buffer = itoa::Buffer::new();
            for member in self.iter() {
                table.insert(member.text(&mut buffer), b"");
            }
            self.0 = PackOr::big(Box::new(table));
        }
        match self.0.shape_mut() {
            ShapeMut::Big(table) => table,
            ShapeMut::Pack(_) => unreachable!("just made big"),
        }
    }

    /// Members: an intset's ascending, a listpack's in order of insertion, a big set's in no order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        match self.0.shape() {
            Shape::Pack(pack) if pack.form() == Form::Intset => {
                Iter::Intset(Intset::of(pack).iter())
            }
            Shape::Pack(pack) => Iter::Pack(Listpack::of(pack).iter()),
            Shape::Big(table) => Iter::Table(table.iter()),
        }
    }

    /// Emits about `count` members from `cursor` on (a packed set: all) and returns the cursor to
    /// go on with, 0 at the end. Members that are there throughout a scan are emitted at least
    /// once.
    pub fn scan(&self, cursor: u64, count: usize, mut emit: impl FnMut(ValueRef<'_>)) -> u64 {
        match self.0.shape() {
            Shape::Pack(_) => {
                self.iter().for_each(emit);
                0
            }
            Shape::Big(table) => {
                table.scan(cursor, count, |member, _| emit(ValueRef::Bytes(member)))
            }
        }
    }

    /// A member by chance; None if there is none.
    #[must_use]
    pub fn random(&self, rng: &mut Rng) -> Option<ValueRef<'_>> {
        match self.0.shape() {
            Shape::Pack(_) if self.is_empty() => None,
            Shape::Pack(pack) if pack.form() == Form::Intset => {
                Intset::of(pack).get(rng.index(self.len())).map(ValueRef::Int)
            }
            Shape::Pack(pack) => Listpack::of(pack).get(rng.index(self.len())),
            Shape::Big(table) => Some(ValueRef::Bytes(table.random(rng)?.0)),
        }
    }

    /// Removes a member by chance; None if there is none.
    pub fn pop(&mut self, rng: &mut Rng) -> Option<Popped> {
        let member = self.random(rng)?;
        let member = Popped::from_slice(member.text(&mut itoa::Buffer::new()));
        self.remove(&member);
        Some(member)
    }

    /// Emits `count` distinct members by chance, or all if there are no more.
    pub fn sample(&self, count: usize, rng: &mut Rng, mut emit: impl FnMut(ValueRef<'_>)) {
        match self.0.shape() {
            Shape::Pack(_) => {
                let mut selection = Selection::new(count, self.len());
                self.iter().filter(|_| selection.take(rng)).for_each(emit);
            }
            Shape::Big(table) => {
                table.sample(count, rng, |member, _| emit(ValueRef::Bytes(member)));
            }
        }
    }

    /// Whether it is an intset.
    #[must_use]
    pub fn is_intset(&self) -> bool {
        matches!(self.0.shape(), Shape::Pack(pack) if pack.form() == Form::Intset)
    }

    /// The dump of a set that is reported as an intset.
    #[must_use]
    pub fn as_intset(&self) -> Option<Vec<u8>> {
        match self.0.shape() {
            Shape::Pack(pack) if pack.form() == Form::Intset => Some(Intset::of(pack).dump()),
            Shape::Pack(_) | Shape::Big(_) => None,
        }
    }

    /// The bytes of a set that is reported as a listpack.
    #[must_use]
    pub fn as_listpack(&self) -> Option<&[u8]> {
        match self.0.shape() {
            Shape::Pack(pack) if pack.form() == Form::Listpack => Some(pack.bytes()),
            Shape::Pack(_) | Shape::Big(_) => None,
        }
    }

    /// A set of a dump's intset.
    ///
    /// # Errors
    /// If the bytes are no intset.
    pub fn from_intset(dump: &[u8], limits: &Limits) -> Result<Set, Malformed> {
        let mut set = Set(PackOr::pack(intset::parse(dump)?));
        if set.len() > limits.set_intset_entries {
            set.spread(0, limits);
        }
        Ok(set)
    }

    /// A set of a dump's listpack.
    ///
    /// # Errors
    /// If the bytes are no listpack, or a member is there twice.
    pub fn from_listpack(bytes: &[u8], limits: &Limits) -> Result<Set, Malformed> {
        let list = Listpack::parse(bytes)?;
        let members: BTreeSet<_> = list.iter().map(|member| member.to_vec()).collect();
        if members.len() != list.len() {
            return Err(Malformed);
        }
        let pack = Pack::from_bytes(Form::Listpack, bytes);
        let longest = members.iter().map(Vec::len).max().unwrap_or(0);
        let form = admission::admit(&pack, members.len(), longest, 0, limits.set);
        let mut set = Set(PackOr::pack(pack));
        match (form, set.0.shape_mut()) {
            (Some(form), ShapeMut::Pack(pack)) => pack.set_form(form),
            _ => {
                set.spread(0, limits);
            }
        }
        Ok(set)
    }

    /// Asserts the invariants.
    pub fn check(&self) {
        match self.0.shape() {
            Shape::Pack(pack) if pack.form() == Form::Intset => Intset::of(pack).check(),
            Shape::Pack(pack) => {
                Listpack::of(pack).check();
                let members: BTreeSet<_> = self.iter().map(|member| member.to_vec()).collect();
                assert_eq!(members.len(), self.len(), "members are unique");
            }
            Shape::Big(table) => table.check(),
        }
    }
}

#[inline]
fn find(pack: &Pack, member: &[u8]) -> Option<usize> {
    let list = Listpack::of(pack);
    list.find(list.start(), 0, &Needle::new(member))
}

/// Members of a [`Set`].
#[derive(Clone)]
pub enum Iter<'a> {
    Intset(intset::Iter<'a>),
    Pack(listpack::Iter<'a>),
    Table(table::Iter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = ValueRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<ValueRef<'a>> {
        match self {
            Iter::Intset(integers) => integers.next().map(ValueRef::Int),
            Iter::Pack(members) => members.next(),
            Iter::Table(members) => members.next().map(|(member, _)| ValueRef::Bytes(member)),
        }
    }
}

#[cfg(test)]
mod tests;
