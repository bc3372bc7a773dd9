//! What an entry asks of the collection in its payload without knowing its type.
//!
//! One record of functions per [`Kind`], registered when the first collection of that kind is
//! stored. So the keyspace names no collection type; a type that claims a kind another one has is
//! refused.

use std::any::TypeId;
use std::sync::OnceLock;

use super::entry::{Entry, EntryMut, EntryRef, Payload};
use crate::base::Millis;
use crate::types::{Collection, Kind};

/// Removes so many elements that expire by a time, and tells which.
type Expire = fn(EntryMut<'_>, Millis, usize, &mut dyn FnMut(&[u8]));

pub(super) struct Shape {
    type_id: TypeId,
    pub(super) len: fn(EntryRef<'_>) -> usize,
    pub(super) heap_bytes: fn(EntryRef<'_>) -> usize,
    pub(super) encoding: fn(EntryRef<'_>) -> &'static str,
    pub(super) duplicate: fn(EntryRef<'_>, &[u8]) -> Entry,
    pub(super) drop_payload: fn(Payload),
    pub(super) next_expiry: fn(EntryRef<'_>) -> Millis,
    pub(super) prefetch: fn(EntryRef<'_>, usize, &[u64]) -> bool,
    pub(super) expire: Expire,
}

static SHAPES: [OnceLock<Shape>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];

impl Shape {
    pub(super) fn register<T: Collection>() {
        SHAPES[T::KIND as usize].get_or_init(|| Shape {
            type_id: TypeId::of::<T>(),
            len: |entry| value::<T>(entry).len(),
            heap_bytes: |entry| value::<T>(entry).heap_bytes(),
            encoding: |entry| value::<T>(entry).encoding(),
            duplicate: |entry, key| {
                Entry::collection(key, value::<T>(entry).clone(), entry.expiry(), entry.lru())
            },
            drop_payload: Payload::drop_as::<T>,
            next_expiry: |entry| value::<T>(entry).next_expiry(),
            prefetch: |entry, step, hashes| value::<T>(entry).prefetch(step, hashes),
            expire: |entry, now, max, gone| {
                let value = entry.get_mut::<T>();
                value.expect("a shape is asked about its own kind").expire(now, max, gone);
            },
        });
        Shape::assert_is::<T>(T::KIND);
    }

    /// The shape of a kind of which a collection exists.
    #[inline]
    pub(super) fn of(kind: Kind) -> &'static Shape {
        SHAPES[kind as usize].get().expect("a stored collection has registered its shape")
    }

    /// # Panics
    /// Unless collections of this kind are `T`s: what makes reading a payload as `T` sound.
    #[inline]
    pub(super) fn assert_is<T: Collection>(kind: Kind) {
        assert!(Shape::of(kind).type_id == TypeId::of::<T>(), "one type per kind");
    }
}

fn value<T: Collection>(entry: EntryRef<'_>) -> &T {
    entry.get::<T>().expect("a shape is asked about its own kind")
}
