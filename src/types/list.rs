//! Lists: elements in the order that they were put in, reached from both ends.
//!
//! A list is one listpack as long as `list-max-listpack-size` allows, and past that a deque of them
//! ([`Nodes`]). One that shrinks to half a node becomes a single listpack again.

mod nodes;

use std::ops::Range;

use super::compact::{PackOr, Shape, ShapeMut};
use super::memory::allocated;
use super::packed::listpack::{self, Listpack};
use super::packed::{Form, Malformed, Pack};
use super::{Collection, Kind, Limits, Needle, ValueRef};
use nodes::{Nodes, fits};

/// A list, one word wide.
///
/// # Invariants (asserted by [`List::check`])
/// - No node of a long list is empty, and each knows its length.
#[derive(Clone)]
pub struct List(PackOr<Nodes>);

/// Which end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Front,
    Back,
}

impl Default for List {
    fn default() -> List {
        List(PackOr::pack(Pack::empty_listpack()))
    }
}

impl Collection for List {
    const KIND: Kind = Kind::List;

    #[inline]
    fn len(&self) -> usize {
        match self.0.shape() {
            Shape::Pack(pack) => Listpack::of(pack).len(),
            Shape::Big(nodes) => nodes.len(),
        }
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        match self.0.shape() {
            Shape::Pack(pack) => pack.heap_bytes(),
            Shape::Big(nodes) => allocated(size_of::<Nodes>()) + nodes.heap_bytes(),
        }
    }

    #[inline]
    fn prefetch(&self, _step: usize, _hashes: &[u64]) -> bool {
        self.0.prefetch();
        false
    }

    /// A single listpack is a quicklist of one node to Redis 7.0.
    fn encoding(&self) -> &'static str {
        "quicklist"
    }
}

impl List {
    pub fn push(&mut self, end: End, element: &[u8], limits: &Limits) {
        let value = ValueRef::of(element);
        match self.0.shape_mut() {
            ShapeMut::Pack(pack) if fits(pack, value, limits) => {
                let list = Listpack::of(pack);
                let at = if end == End::Front { list.start() } else { list.end() };
                listpack::insert(pack, at, &[value]);
            }
            ShapeMut::Pack(_) => self.spread().push(end, value, limits),
            ShapeMut::Big(nodes) => nodes.push(end, value, limits),
        }
    }

    /// Shows the element at that end, then removes it; what `show` returned, None if there is none.
    pub fn pop<R>(
        &mut self,
        end: End,
        limits: &Limits,
        show: impl FnOnce(ValueRef<'_>) -> R,
    ) -> Option<R> {
        match self.0.shape_mut() {
            ShapeMut::Pack(pack) => nodes::pop(pack, end, show),
            ShapeMut::Big(nodes) => {
                let shown = nodes.pop(end, show);
                self.gather(limits);
                shown
            }
        }
    }

    /// Shows up to `count` elements, those nearest to `end` first, then removes them.
    pub fn take(
        &mut self,
        end: End,
        count: usize,
        limits: &Limits,
        show: impl FnMut(ValueRef<'_>),
    ) {
        let len = self.len();
        let count = count.min(len);
        match end {
            End::Front => {
                self.each(0..count, show);
                self.remove_range(0..count, limits);
            }
            End::Back => {
                self.range(len - count..len).rev().for_each(show);
                self.remove_range(len - count..len, limits);
            }
        }
    }

    /// The element at `index`, counted from the front.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<ValueRef<'_>> {
        match self.0.shape() {
            Shape::Pack(pack) => Listpack::of(pack).get(index),
            Shape::Big(nodes) => {
                let (node, index) = nodes.locate(index)?;
                Listpack::of(nodes.pack(node)).get(index)
            }
        }
    }

    /// Replaces the element at `index`; false if there is none.
    pub fn set(&mut self, index: usize, element: &[u8], limits: &Limits) -> bool {
        if index >= self.len() {
            return false;
        }
        let value = ValueRef::of(element);
        match self.0.shape_mut() {
            ShapeMut::Pack(pack) if fits(pack, value, limits) || Listpack::of(pack).len() == 1 => {
                let at = Listpack::of(pack).seek(index).expect("an index below the length");
                listpack::replace(pack, at, value);
            }
            ShapeMut::Pack(_) => self.spread().set(index, value, limits),
            ShapeMut::Big(nodes) => nodes.set(index, value, limits),
        }
        true
    }

    /// Inserts before the element at `index`, or at the end.
    ///
    /// # Panics
    /// If `index` is past the end.
    pub fn insert(&mut self, index: usize, element: &[u8], limits: &Limits) {
        assert!(index <= self.len(), "an index in the list");
        let value = ValueRef::of(element);
        match self.0.shape_mut() {
            ShapeMut::Pack(pack) if fits(pack, value, limits) => {
                let list = Listpack::of(pack);
                let at = list.seek(index).unwrap_or(list.end());
                listpack::insert(pack, at, &[value]);
            }
            ShapeMut::Pack(_) => self.spread().insert(index, value, limits),
            ShapeMut::Big(nodes) => nodes.insert(index, value, limits),
        }
    }

    /// Removes the elements of these indexes; the range is cut to what there is.
    pub fn remove_range(&mut self, range: Range<usize>, limits: &Limits) {
        let end = range.end.min(self.len());
        if range.start >= end {
            return;
        }
        match self.0.shape_mut() {
            ShapeMut::Pack(pack) => {
                let at = Listpack::of(pack).seek(range.start).expect("an index below the length");
                listpack::remove(pack, at, end - range.start);
            }
            ShapeMut::Big(nodes) => {
                nodes.remove_range(range.start..end);
                self.gather(limits);
            }
        }
    }

    /// Removes up to `count` elements that equal `element`, those nearest to `end` first; returns
    /// how many.
    pub fn remove_equal(
        &mut self,
        element: &[u8],
        end: End,
        count: usize,
        limits: &Limits,
    ) -> usize {
        let needle = Needle::new(element);
        match self.0.shape_mut() {
            ShapeMut::Pack(pack) => nodes::remove_equal(pack, &needle, end, count),
            ShapeMut::Big(nodes) => {
                let removed = nodes.remove_equal(&needle, end, count);
                self.gather(limits);
                removed
            }
        }
    }

    /// The elements of these indexes, from either end; the range is cut to what there is.
    #[must_use]
    pub fn range(&self, range: Range<usize>) -> Walk<'_> {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        let (first, last) = (self.place(start), self.place(end));
        let pack = Listpack::of(self.pack(first.0));
        let front = pack.iter_between(first.1, pack.end());
        let pack = Listpack::of(self.pack(last.0));
        let back = pack.iter_between(pack.start(), last.1);
        Walk { list: self, left: end - start, front: (first.0, front), back: (last.0, back) }
    }

    #[must_use]
    pub fn iter(&self) -> Walk<'_> {
        self.range(0..usize::MAX)
    }

    /// Shows the elements of these indexes from front to back, quicker than [`List::range`].
    #[inline]
    pub fn each(&self, range: Range<usize>, mut show: impl FnMut(ValueRef<'_>)) {
        let mut left = range.end.min(self.len()).saturating_sub(range.start);
        if left == 0 {
            return;
        }
        let (mut node, mut at) = self.place(range.start);
        loop {
            let list = Listpack::of(self.pack(node));
            while let Some((element, next)) = list.entry(at) {
                show(element);
                (at, left) = (next, left - 1);
                if left == 0 {
                    return;
                }
            }
            (node, at) = (node + 1, list.start());
        }
    }

    /// The node of the element at `index` (at most the length) and the element's offset in it.
    fn place(&self, index: usize) -> (usize, usize) {
        let (node, index) = match self.0.shape() {
            Shape::Pack(_) => (0, index),
            Shape::Big(nodes) => nodes.locate(index).unwrap_or((nodes.count() - 1, usize::MAX)),
        };
        let pack = Listpack::of(self.pack(node));
        (node, pack.seek(index).unwrap_or(pack.end()))
    }

    fn pack(&self, node: usize) -> &Pack {
        match self.0.shape() {
            Shape::Pack(pack) => pack,
            Shape::Big(nodes) => nodes.pack(node),
        }
    }

    /// The listpacks that a dump holds, in order.
    pub fn listpacks(&self) -> impl Iterator<Item = &[u8]> {
        let count = match self.0.shape() {
            Shape::Pack(_) => 1,
            Shape::Big(nodes) => nodes.count(),
        };
        (0..count).map(|node| self.pack(node).bytes())
    }

    /// Appends the elements of a dump's listpack.
    ///
    /// # Errors
    /// If the bytes are no listpack.
    pub fn push_listpack(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Malformed> {
        let list = Listpack::parse(bytes)?;
        if nodes::is_node(&list, self.is_empty(), limits) {
            let pack = Pack::from_bytes(Form::Listpack, bytes);
            match self.0.shape_mut() {
                ShapeMut::Pack(own) if Listpack::of(own).is_empty() => *own = pack,
                ShapeMut::Pack(_) => self.spread().append(pack),
                ShapeMut::Big(nodes) => nodes.append(pack),
            }
            return Ok(());
        }
        let mut buffer = itoa::Buffer::new();
        // A dump's nodes may be of any size: ours are filled to our own limit.
        for element in list.iter() {
            self.push(End::Back, element.text(&mut buffer), limits);
        }
        Ok(())
    }

    /// Turns the single listpack into the first of several.
    fn spread(&mut self) -> &mut Nodes {
        if let ShapeMut::Pack(pack) = self.0.shape_mut() {
            let first = std::mem::replace(pack, Pack::empty_listpack());
            self.0 = PackOr::big(Box::new(Nodes::new(first)));
        }
        match self.0.shape_mut() {
            ShapeMut::Big(nodes) => nodes,
            ShapeMut::Pack(_) => unreachable!("just made big"),
        }
    }

    /// Turns a list that shrank to half a node, or to nothing, into a single listpack.
    fn gather(&mut self, limits: &Limits) {
        if let ShapeMut::Big(nodes) = self.0.shape_mut()
            && let Some(pack) = nodes.take_single(limits)
        {
            self.0 = PackOr::pack(pack);
        }
    }

    /// Asserts the invariants.
    pub fn check(&self) {
        match self.0.shape() {
            Shape::Pack(pack) => {
                assert_eq!(pack.form(), Form::Listpack);
                Listpack::of(pack).check();
            }
            Shape::Big(nodes) => nodes.check(),
        }
    }
}

/// Elements of a [`List`] between two indexes, from either end.
#[derive(Clone)]
pub struct Walk<'a> {
    list: &'a List,
    /// Elements still to come: says where the two ends meet.
    left: usize,
    front: (usize, listpack::Iter<'a>),
    back: (usize, listpack::Iter<'a>),
}

impl<'a> Iterator for Walk<'a> {
    type Item = ValueRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<ValueRef<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (node, elements) = &mut self.front;
        if let Some(element) = elements.next() {
            return Some(element);
        }
        *node += 1;
        *elements = Listpack::of(self.list.pack(*node)).iter();
        elements.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Walk<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (node, elements) = &mut self.back;
        if let Some(element) = elements.next_back() {
            return Some(element);
        }
        *node -= 1;
        *elements = Listpack::of(self.list.pack(*node)).iter();
        elements.next_back()
    }
}

impl ExactSizeIterator for Walk<'_> {}

#[cfg(test)]
mod tests;
