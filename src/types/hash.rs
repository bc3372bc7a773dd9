//! Hashes: unique fields, each with a value.
//!
//! A small hash is one listpack of fields and values in turn, in order of insertion. Past the
//! limits it becomes a [`Table`], and stays one. Between the two is a listpack that Redis would
//! already have converted: it is reported as "hashtable", but takes less room (see [`admission`]).
//!
//! Fields may expire. Then the hash is wrapped together with the fields' times, and unwrapped when
//! the last of them goes; a hash without such fields is none the larger for it. A hash knows no
//! clock: an expired field is there until somebody calls [`Collection::expire`].

mod timed;

use std::collections::BTreeSet;

use super::compact::{PackOr, Shape, ShapeMut};
use super::memory::allocated;
use super::packed::listpack::{self, Listpack};
use super::packed::{Form, Malformed, Pack, admission};
use super::sample::Selection;
use super::table::{self, Table};
use super::{Collection, Kind, Limits, Needle, ValueRef};
use crate::base::{Millis, Rng};
use timed::{Timed, Times};

/// A hash, one word wide.
///
/// # Invariants (asserted by [`Hash::check`])
/// - A packed hash's listpack has an even number of entries, and no field twice.
/// - A timed hash has expiring fields, all of which are in the hash it wraps, which is not timed.
#[derive(Clone)]
pub struct Hash(PackOr<Big>);

/// What is too large for a pack, or has times.
#[derive(Clone)]
enum Big {
    Table(Table),
    Timed(Box<Timed>),
}

impl Default for Hash {
    fn default() -> Hash {
        Hash(PackOr::pack(Pack::empty_listpack()))
    }
}

impl Collection for Hash {
    const KIND: Kind = Kind::Hash;
    const ELEMENTS_EXPIRE: bool = true;

    #[inline]
    fn len(&self) -> usize {
        match self.0.shape() {
            Shape::Pack(pack) => Listpack::of(pack).len() / 2,
            Shape::Big(Big::Table(table)) => table.len(),
            Shape::Big(Big::Timed(timed)) => timed.plain.len(),
        }
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        match self.0.shape() {
            Shape::Pack(pack) => pack.heap_bytes(),
            Shape::Big(Big::Table(table)) => allocated(size_of::<Big>()) + table.heap_bytes(),
            Shape::Big(Big::Timed(timed)) => {
                let inner = timed.plain.heap_bytes() + timed.times.heap_bytes();
                allocated(size_of::<Big>()) + allocated(size_of::<Timed>()) + inner
            }
        }
    }

    fn encoding(&self) -> &'static str {
        match self.0.shape() {
            Shape::Pack(pack) if pack.form() == Form::Listpack => "listpack",
            Shape::Big(Big::Timed(timed)) if timed.plain.as_listpack().is_some() => "listpackex",
            Shape::Pack(_) | Shape::Big(_) => "hashtable",
        }
    }

    #[inline]
    fn next_expiry(&self) -> Millis {
        match self.0.shape() {
            Shape::Big(Big::Timed(timed)) => timed.times.first().map_or(Millis::MAX, |(at, _)| at),
            _ => Millis::MAX,
        }
    }

    #[inline]
    fn prefetch(&self, step: usize, hashes: &[u64]) -> bool {
        let Some(step) = step.checked_sub(1) else { return self.0.prefetch() };
        match self.0.shape() {
            Shape::Big(Big::Table(table)) => table.prefetch(step, hashes),
            _ => false,
        }
    }

    fn expire(&mut self, now: Millis, max: usize, gone: &mut dyn FnMut(&[u8])) {
        let ShapeMut::Big(Big::Timed(timed)) = self.0.shape_mut() else { return };
        for _ in 0..max {
            let Some((at, name)) = timed.times.first() else { break };
            if !at.is_over(now) {
                break;
            }
            let name = std::sync::Arc::clone(name);
            timed.times.set(&name, None);
            timed.plain.remove(&name);
            gone(&name);
        }
        self.unwrap_if_timeless();
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
            Shape::Big(Big::Table(table)) => table.get(field).map(ValueRef::Bytes),
            Shape::Big(Big::Timed(timed)) => timed.plain.get(field),
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

    /// Sets the field's value; true if the field is new. It expires no more.
    pub fn insert(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        let pack = match self.0.shape_mut() {
            ShapeMut::Big(Big::Table(table)) => return table.insert(field, value),
            ShapeMut::Big(Big::Timed(_)) => {
                self.set_expiry(field, None);
                return self.update(field, value, limits);
            }
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

    /// As `insert`, but if the field expires it goes on to.
    pub fn update(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        match self.0.shape_mut() {
            ShapeMut::Big(Big::Timed(timed)) => timed.plain.insert(field, value, limits),
            _ => self.insert(field, value, limits),
        }
    }

    /// When the field expires: None if there is no such field, `Some(None)` if it does not.
    #[must_use]
    pub fn expiry(&self, field: &[u8]) -> Option<Option<Millis>> {
        self.contains(field).then(|| self.times().and_then(|times| times.get(field)))
    }

    /// Sets or takes away the field's expiry; false if there is no such field.
    pub fn set_expiry(&mut self, field: &[u8], at: Option<Millis>) -> bool {
        if !self.contains(field) {
            return false;
        }
        if at.is_some() && self.times().is_none() {
            let timed = Timed { plain: std::mem::take(self), times: Times::default() };
            self.0 = PackOr::big(Box::new(Big::Timed(Box::new(timed))));
        }
        if let ShapeMut::Big(Big::Timed(timed)) = self.0.shape_mut() {
            timed.times.set(field, at);
            self.unwrap_if_timeless();
        }
        true
    }

    /// Expiring fields by the time when they go.
    pub fn expiring(&self) -> impl Iterator<Item = (&[u8], Millis)> {
        self.times().into_iter().flat_map(Times::iter)
    }

    fn times(&self) -> Option<&Times> {
        match self.0.shape() {
            Shape::Big(Big::Timed(timed)) => Some(&timed.times),
            _ => None,
        }
    }

    fn unwrap_if_timeless(&mut self) {
        if let ShapeMut::Big(Big::Timed(timed)) = self.0.shape_mut()
            && timed.times.is_empty()
        {
            *self = std::mem::take(&mut timed.plain);
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
            ShapeMut::Big(Big::Table(table)) => table.remove(field),
            ShapeMut::Big(Big::Timed(_)) => {
                self.set_expiry(field, None);
                match self.0.shape_mut() {
                    ShapeMut::Big(Big::Timed(timed)) => timed.plain.remove(field),
                    _ => self.remove(field),
                }
            }
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
            self.0 = PackOr::big(Box::new(Big::Table(table)));
        }
        match self.0.shape_mut() {
            ShapeMut::Big(Big::Table(table)) => table,
            _ => unreachable!("just made big"),
        }
    }

    /// Fields and values: a packed hash's in order of insertion, a big one's in no order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        match self.0.shape() {
            Shape::Pack(pack) => Iter::Pack(Pairs(Listpack::of(pack).iter())),
            Shape::Big(Big::Table(table)) => Iter::Table(table.iter()),
            Shape::Big(Big::Timed(timed)) => timed.plain.iter(),
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
            Shape::Big(Big::Table(table)) => table.scan(cursor, count, |field, value| {
                emit(ValueRef::Bytes(field), ValueRef::Bytes(value));
            }),
            Shape::Big(Big::Timed(timed)) => timed.plain.scan_dyn(cursor, count, &mut emit),
        }
    }

    /// A field by chance, with its value; None if there is none.
    #[must_use]
    pub fn random(&self, rng: &mut Rng) -> Option<(ValueRef<'_>, ValueRef<'_>)> {
        match self.0.shape() {
            Shape::Pack(_) if self.is_empty() => None,
            Shape::Pack(_) => self.iter().nth(rng.index(self.len())),
            Shape::Big(Big::Table(table)) => {
                let (field, value) = table.random(rng)?;
                Some((ValueRef::Bytes(field), ValueRef::Bytes(value)))
            }
            Shape::Big(Big::Timed(timed)) => timed.plain.random(rng),
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
            Shape::Big(Big::Table(table)) => table.sample(count, rng, |field, value| {
                emit(ValueRef::Bytes(field), ValueRef::Bytes(value));
            }),
            Shape::Big(Big::Timed(timed)) => timed.plain.sample_dyn(count, rng, &mut emit),
        }
    }

    /// As `scan` and `sample`, for the hash inside a timed one: closures would nest for ever.
    fn scan_dyn(
        &self,
        cursor: u64,
        count: usize,
        emit: &mut dyn FnMut(ValueRef<'_>, ValueRef<'_>),
    ) -> u64 {
        self.scan(cursor, count, emit)
    }

    fn sample_dyn(
        &self,
        count: usize,
        rng: &mut Rng,
        emit: &mut dyn FnMut(ValueRef<'_>, ValueRef<'_>),
    ) {
        self.sample(count, rng, emit);
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
            Shape::Big(Big::Table(table)) => table.check(),
            Shape::Big(Big::Timed(timed)) => {
                assert!(timed.plain.times().is_none() && !timed.times.is_empty());
                assert!(timed.times.iter().all(|(field, _)| timed.plain.contains(field)));
                timed.times.check();
                timed.plain.check();
            }
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
mod expiry_tests;
#[cfg(test)]
mod tests;
