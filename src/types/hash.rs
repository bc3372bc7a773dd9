//! Hashes: unique fields, each with a value.
//!
//! A small hash is one listpack of fields and values in turn, in order of insertion. Past the
//! limits it becomes a [`Table`], and stays one. Between the two is a listpack that Redis would
//! already have converted: it is reported as "hashtable", but takes less room (see [`admission`]).

use std::collections::BTreeSet;

use super::compact::{PackOr, Shape, ShapeMut};
use super::memory::allocated;
use super::packed::listpack::{self, Listpack};
use super::packed::{Form, Malformed, Pack, admission};
use super::sample::Selection;
use super::table::{self, Table};
use super::{Collection, Kind, Limits, Needle, ValueRef};
use crate::base::Rng;

/// A hash, one word wide.
///
/// # Invariants (asserted by [`Hash::check`])
/// - A packed hash's listpack has an even number of entries, and no field twice.
#[derive(Clone)]
pub struct Hash(PackOr<Table>);

impl Default for Hash {
    fn default() -> Hash {
        Hash(PackOr::pack(Pack::empty_listpack()))
    }
}

impl Collection for Hash {
    const KIND: Kind = Kind::Hash;

    #[inline]
    fn len(&self) -> usize {
        match self.0.shape() {
            Shape::Pack(pack) => Listpack::of(pack).len() / 2,
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

    fn encoding(&self) -> &'static str {
        match self.0.shape() {
            Shape::Pack(pack) if pack.form() == Form::Listpack => "listpack",
            Shape::Pack(_) | Shape::Big(_) => "hashtable",
        }
    }
}

impl Hash {
    /// The field's value.
    #[inline]
    #[must_use]
    pub fn get(&self, field: &[u8]) -> Option<ValueRef<'_>> {
        match self.0.shape() {
            Shape::Pack(pack) => {
                let list = Listpack::of(pack);
                let at = find(list, field)?;
                let (value, _) = list.entry(at).expect("a value follows every field");
                Some(value)
            }
            Shape::Big(table) => table.get(field).map(ValueRef::Bytes),
        }
    }

    #[must_use]
    pub fn contains(&self, field: &[u8]) -> bool {
        self.get(field).is_some()
    }

    /// Length of the field's value in bytes; 0 if there is no such field.
    #[must_use]
    pub fn value_len(&self, field: &[u8]) -> usize {
        self.get(field).map_or(0, |value| value.len())
    }

    /// Sets the field's value; true if the field is new.
    pub fn insert(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        let pack = match self.0.shape_mut() {
            ShapeMut::Big(table) => return table.insert(field, value),
            ShapeMut::Pack(pack) => pack,
        };
        let list = Listpack::of(pack);
        let found = find(list, field);
        let fields = list.len() / 2 + usize::from(found.is_none());
        let (longest, added) = (field.len().max(value.len()), field.len() + value.len());
        match admission::admit(pack, fields, longest, added, limits.hash) {
            Some(form) => {
                pack.set_form(form);
                match found {
                    Some(at) => listpack::replace(pack, at, ValueRef::of(value)),
                    None => listpack::push(pack, &[field, value].map(ValueRef::of)),
                }
                found.is_none()
            }
            None => self.spread(fields, added, limits).insert(field, value),
        }
    }

    /// Sets the value of a field that does not exist yet; false if it does.
    pub fn insert_new(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        !self.contains(field) && self.insert(field, value, limits)
    }

    /// Removes the field; true if it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match self.0.shape_mut() {
            ShapeMut::Pack(pack) => {
                let list = Listpack::of(pack);
                let Some(value) = find(list, field) else { return false };
                let at = list.previous(value).expect("a field precedes every value");
                listpack::remove(pack, at, 2);
                true
            }
            ShapeMut::Big(table) => table.remove(field),
        }
    }

    /// Turns the listpack into a table with room for `fields` fields and `added` more bytes.
    fn spread(&mut self, fields: usize, added: usize, limits: &Limits) -> &mut Table {
        if let Shape::Pack(pack) = self.0.shape() {
            let mut table = Table::new(limits.hasher.clone(), fields, pack.total() + added);
            let mut buffers = (itoa::Buffer::new(), itoa::Buffer::new());
            for (field, value) in Pairs(Listpack::of(pack).iter()) {
                table.insert(field.text(&mut buffers.0), value.text(&mut buffers.1));
            }
            self.0 = PackOr::big(Box::new(table));
        }
        match self.0.shape_mut() {
            ShapeMut::Big(table) => table,
            ShapeMut::Pack(_) => unreachable!("just made big"),
        }
    }

    /// Fields and values: a packed hash's in order of insertion, a big one's in no order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        match self.0.shape() {
            Shape::Pack(pack) => Iter::Pack(Pairs(Listpack::of(pack).iter())),
            Shape::Big(table) => Iter::Table(table.iter()),
        }
    }

    /// Emits about `count` elements from `cursor` on (a packed hash: all) and returns the cursor to
    /// go on with, 0 at the end. Fields that are there throughout a scan are emitted at least once.
    pub fn scan(
        &self,
        cursor: u64,
        count: usize,
        mut emit: impl FnMut(ValueRef<'_>, ValueRef<'_>),
    ) -> u64 {
        match self.0.shape() {
            Shape::Pack(_) => {
                self.iter().for_each(|(field, value)| emit(field, value));
                0
            }
            Shape::Big(table) => table.scan(cursor, count, |field, value| {
                emit(ValueRef::Bytes(field), ValueRef::Bytes(value));
            }),
        }
    }

    /// A field by chance, with its value; None if there is none.
    #[must_use]
    pub fn random(&self, rng: &mut Rng) -> Option<(ValueRef<'_>, ValueRef<'_>)> {
        match self.0.shape() {
            Shape::Pack(_) if self.is_empty() => None,
            Shape::Pack(_) => self.iter().nth(rng.index(self.len())),
            Shape::Big(table) => {
                let (field, value) = table.random(rng)?;
                Some((ValueRef::Bytes(field), ValueRef::Bytes(value)))
            }
        }
    }

    /// Emits `count` distinct fields by chance, or all if there are no more.
    pub fn sample(
        &self,
        count: usize,
        rng: &mut Rng,
        mut emit: impl FnMut(ValueRef<'_>, ValueRef<'_>),
    ) {
        match self.0.shape() {
            Shape::Pack(_) => {
                let mut selection = Selection::new(count, self.len());
                let chosen = self.iter().filter(|_| selection.take(rng));
                chosen.for_each(|(field, value)| emit(field, value));
            }
            Shape::Big(table) => table.sample(count, rng, |field, value| {
                emit(ValueRef::Bytes(field), ValueRef::Bytes(value));
            }),
        }
    }

    /// The bytes of a hash that is reported as a listpack: what a dump holds.
    #[must_use]
    pub fn as_listpack(&self) -> Option<&[u8]> {
        match self.0.shape() {
            Shape::Pack(pack) if pack.form() == Form::Listpack => Some(pack.bytes()),
            Shape::Pack(_) | Shape::Big(_) => None,
        }
    }

    /// A hash of a dump's listpack.
    ///
    /// # Errors
    /// If the bytes are no listpack, or not one of unique fields and their values.
    pub fn from_listpack(bytes: &[u8], limits: &Limits) -> Result<Hash, Malformed> {
        let list = Listpack::parse(bytes)?;
        if !list.len().is_multiple_of(2) {
            return Err(Malformed);
        }
        let fields: BTreeSet<_> = Pairs(list.iter()).map(|(field, _)| field.to_vec()).collect();
        if fields.len() != list.len() / 2 {
            return Err(Malformed);
        }
        let pack = Pack::from_bytes(Form::Listpack, bytes);
        let longest = list.iter().map(|value| value.len()).max().unwrap_or(0);
        let form = admission::admit(&pack, fields.len(), longest, 0, limits.hash);
        let mut hash = Hash(PackOr::pack(pack));
        match (form, hash.0.shape_mut()) {
            (Some(form), ShapeMut::Pack(pack)) => pack.set_form(form),
            _ => {
                hash.spread(fields.len(), 0, limits);
            }
        }
        Ok(hash)
    }

    /// Asserts the invariants.
    pub fn check(&self) {
        match self.0.shape() {
            Shape::Pack(pack) => {
                assert_ne!(pack.form(), Form::Intset);
                let list = Listpack::of(pack);
                list.check();
                assert_eq!(list.len() % 2, 0, "a value for every field");
                let fields: BTreeSet<_> = self.iter().map(|(field, _)| field.to_vec()).collect();
                assert_eq!(fields.len(), self.len(), "fields are unique");
            }
            Shape::Big(table) => table.check(),
        }
    }
}

/// Where the field's value is.
#[inline]
fn find(list: Listpack<'_>, field: &[u8]) -> Option<usize> {
    let at = list.find(list.start(), 1, &Needle::new(field))?;
    Some(list.entry(at)?.1)
}

/// The entries of a listpack, two by two.
#[derive(Clone)]
pub struct Pairs<'a>(listpack::Iter<'a>);

impl<'a> Iterator for Pairs<'a> {
    type Item = (ValueRef<'a>, ValueRef<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, self.0.next()?))
    }
}

/// Fields of a [`Hash`] with their values.
#[derive(Clone)]
pub enum Iter<'a> {
    Pack(Pairs<'a>),
    Table(table::Iter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (ValueRef<'a>, ValueRef<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Iter::Pack(pairs) => pairs.next(),
            Iter::Table(elements) => {
                let (field, value) = elements.next()?;
                Some((ValueRef::Bytes(field), ValueRef::Bytes(value)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
