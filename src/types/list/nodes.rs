//! A long list: a deque of listpacks.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::End;
use crate::types::memory::allocated;
use crate::types::packed::Pack;
use crate::types::packed::listpack::{self, Listpack};
use crate::types::{Limits, Needle, ValueRef};

/// A node that is limited by a number of entries is limited to so many bytes as well.
const BYTES_SAFE: usize = 8192;

/// # Invariants (asserted by [`Nodes::check`])
/// - No node is empty, unless it is the only one.
/// - A node past its limit has a single element.
#[derive(Clone)]
pub(super) struct Nodes {
    nodes: VecDeque<Node>,
    len: usize,
    pack_bytes: usize,
}

/// A listpack with its length, which a walk to an index should not have to fetch. Clones share the
/// listpack until one of them changes it.
#[derive(Clone)]
struct Node {
    pack: Arc<Pack>,
    len: u32,
}

/// The largest number of entries and of bytes that a node may have.
fn node_limits(limits: &Limits) -> (usize, usize) {
    match limits.list_node {
        entries @ 0.. => (usize::try_from(entries).unwrap_or(usize::MAX).max(1), BYTES_SAFE),
        -1 => (usize::MAX, 4096),
        -2 => (usize::MAX, 8192),
        -3 => (usize::MAX, 16_384),
        -4 => (usize::MAX, 32_768),
        _ => (usize::MAX, 65_536),
    }
}

/// Whether a node may take one more entry.
pub(super) fn fits(pack: &Pack, value: ValueRef<'_>, limits: &Limits) -> bool {
    let (entries, bytes) = node_limits(limits);
    let list = Listpack::of(pack);
    let total = pack.total() + listpack::encoded_len(value);
    list.is_empty() || (list.len() < entries && total <= bytes)
}

/// Whether a dump's listpack is worth a node as it is: within the limits, and half full unless it
/// is the first.
pub(super) fn is_node(list: &Listpack<'_>, is_first: bool, limits: &Limits) -> bool {
    let (entries, bytes) = node_limits(limits);
    let (len, total) = (list.len(), list.bytes().len());
    let half_full = is_first || len >= entries / 2 || total >= bytes / 2;
    len > 0 && len <= entries && total <= bytes && half_full
}

impl Nodes {
    pub fn new(first: Pack) -> Nodes {
        let first = Node::new(first);
        let (len, pack_bytes) = (first.len as usize, first.heap_bytes());
        let mut nodes = VecDeque::with_capacity(2);
        nodes.push_back(first);
        Nodes { nodes, len, pack_bytes }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn heap_bytes(&self) -> usize {
        self.pack_bytes + allocated(self.nodes.capacity() * size_of::<Node>())
    }

    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    pub fn pack(&self, node: usize) -> &Pack {
        &self.nodes[node].pack
    }

    /// The node of element `index` and the element's index in it, from whichever end is nearer.
    pub fn locate(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        if index < self.len / 2 {
            let mut start = 0;
            let node = self.nodes.iter().position(|node| {
                start += node.len as usize;
                index < start
            })?;
            Some((node, index + self.nodes[node].len as usize - start))
        } else {
            let mut start = self.len;
            let node = self.nodes.iter().rposition(|node| {
                start -= node.len as usize;
                start <= index
            })?;
            Some((node, index - start))
        }
    }

    /// Changes a node's listpack, keeping the sums right.
    fn edit<R>(&mut self, node: usize, change: impl FnOnce(&mut Pack) -> R) -> R {
        let node = &mut self.nodes[node];
        self.len -= node.len as usize;
        self.pack_bytes -= node.heap_bytes();
        let result = change(Arc::make_mut(&mut node.pack));
        node.len = Listpack::of(&node.pack).len() as u32; // bounded by a node's bytes
        self.pack_bytes += node.heap_bytes();
        self.len += node.len as usize;
        result
    }

    fn add_node(&mut self, at: usize, pack: Pack) {
        let node = Node::new(pack);
        self.len += node.len as usize;
        self.pack_bytes += node.heap_bytes();
        self.nodes.insert(at, node);
    }

    fn drop_node(&mut self, at: usize) -> Option<Node> {
        let node = self.nodes.remove(at)?;
        self.len -= node.len as usize;
        self.pack_bytes -= node.heap_bytes();
        Some(node)
    }

    pub fn push(&mut self, end: End, value: ValueRef<'_>, limits: &Limits) {
        match end {
            End::Front if fits(&self.nodes[0].pack, value, limits) => {
                self.edit(0, |pack| listpack::insert(pack, Listpack::of(pack).start(), &[value]));
            }
            End::Back if fits(&self.nodes[self.nodes.len() - 1].pack, value, limits) => {
                self.edit(self.nodes.len() - 1, |pack| listpack::push(pack, &[value]));
            }
            End::Front => self.add_node(0, single(value)),
            End::Back => self.add_node(self.nodes.len(), single(value)),
        }
    }

    /// Appends a listpack that is not empty as a node of its own.
    pub fn append(&mut self, pack: Pack) {
        self.add_node(self.nodes.len(), pack);
    }

    /// Shows the element at that end, then removes it.
    pub fn pop<R>(&mut self, end: End, show: impl FnOnce(ValueRef<'_>) -> R) -> Option<R> {
        let node = if end == End::Front { 0 } else { self.nodes.len() - 1 };
        if self.nodes[node].len == 1 && self.nodes.len() > 1 {
            let node = self.drop_node(node)?;
            return Listpack::of(&node.pack).get(0).map(show);
        }
        self.edit(node, |pack| pop(pack, end, show))
    }

    /// Replaces element `index`, which exists.
    pub fn set(&mut self, index: usize, value: ValueRef<'_>, limits: &Limits) {
        let (node, index) = self.locate(index).expect("an index below the length");
        let fits = fits(&self.nodes[node].pack, value, limits);
        if fits || self.nodes[node].len == 1 {
            self.edit(node, |pack| listpack::replace(pack, seek(pack, index), value));
            return;
        }
        self.split(node, index);
        self.edit(node + 1, |pack| listpack::remove(pack, Listpack::of(pack).start(), 1));
        self.place_between(node, value, limits);
        self.mend(node);
    }

    /// Inserts before element `index`, or at the end.
    pub fn insert(&mut self, index: usize, value: ValueRef<'_>, limits: &Limits) {
        let Some((node, index)) = self.locate(index) else {
            return self.push(End::Back, value, limits);
        };
        if fits(&self.nodes[node].pack, value, limits) {
            self.edit(node, |pack| listpack::insert(pack, seek(pack, index), &[value]));
            return;
        }
        self.split(node, index);
        self.place_between(node, value, limits);
        self.mend(node);
    }

    /// Cuts a node in two before its element `index`; either half may be empty until mended.
    fn split(&mut self, node: usize, index: usize) {
        let mut right = Pack::empty_listpack();
        self.edit(node, |pack| {
            let list = Listpack::of(pack);
            let (at, moved) = (seek(pack, index), list.len() - index);
            let values: Vec<ValueRef<'_>> = list.iter_between(at, list.end()).collect();
            listpack::push(&mut right, &values);
            listpack::remove(pack, at, moved);
        });
        self.add_node(node + 1, right);
    }

    /// Inserts a value between a node and its right neighbour.
    fn place_between(&mut self, node: usize, value: ValueRef<'_>, limits: &Limits) {
        if fits(&self.nodes[node].pack, value, limits) {
            self.edit(node, |pack| listpack::push(pack, &[value]));
        } else if fits(&self.nodes[node + 1].pack, value, limits) {
            self.edit(node + 1, |pack| {
                listpack::insert(pack, Listpack::of(pack).start(), &[value]);
            });
        } else {
            self.add_node(node + 1, single(value));
        }
    }

    /// Drops what a change around `node` left empty: it and its two right neighbours may be.
    fn mend(&mut self, node: usize) {
        for place in (node..(node + 3).min(self.nodes.len())).rev() {
            if self.nodes[place].len == 0 && self.nodes.len() > 1 {
                self.drop_node(place);
            }
        }
    }

    /// Removes the elements of these indexes, which exist.
    pub fn remove_range(&mut self, range: Range<usize>) {
        let mut left = range.len();
        let Some((mut node, mut index)) = self.locate(range.start) else { return };
        while left > 0 {
            let here = (self.nodes[node].len as usize - index).min(left);
            left -= here;
            if here == self.nodes[node].len as usize && self.nodes.len() > 1 {
                self.drop_node(node);
            } else {
                self.edit(node, |pack| listpack::remove(pack, seek(pack, index), here));
                node += 1;
            }
            index = 0;
        }
    }

    pub fn remove_equal(&mut self, needle: &Needle<'_>, end: End, count: usize) -> usize {
        let mut removed = 0;
        let places: Vec<usize> = match end {
            End::Front => (0..self.nodes.len()).collect(),
            End::Back => (0..self.nodes.len()).rev().collect(),
        };
        for place in places {
            if removed < count {
                removed +=
                    self.edit(place, |pack| remove_equal(pack, needle, end, count - removed));
            }
        }
        self.len = 0;
        self.nodes.retain(|node| {
            self.len += node.len as usize;
            self.pack_bytes -= if node.len == 0 { node.heap_bytes() } else { 0 };
            node.len > 0
        });
        if self.nodes.is_empty() {
            self.add_node(0, Pack::empty_listpack());
        }
        removed
    }

    /// The only node's listpack, if half a node could hold it.
    pub fn take_single(&mut self, limits: &Limits) -> Option<Pack> {
        let (entries, bytes) = node_limits(limits);
        if self.nodes.len() > 1 {
            return None;
        }
        let node = self.nodes.front_mut()?;
        let small = node.len as usize <= entries / 2 && node.pack.total() <= bytes / 2;
        (small || node.len == 0)
            .then(|| std::mem::replace(Arc::make_mut(&mut node.pack), Pack::empty_listpack()))
    }

    /// Asserts the invariants.
    pub fn check(&self) {
        let (mut len, mut pack_bytes) = (0, 0);
        for node in &self.nodes {
            let list = Listpack::of(&node.pack);
            list.check();
            assert_eq!(list.len(), node.len as usize);
            assert!(node.len > 0 || self.nodes.len() == 1, "an empty node");
            len += list.len();
            pack_bytes += node.heap_bytes();
        }
        assert_eq!((len, pack_bytes), (self.len, self.pack_bytes));
        assert!(!self.nodes.is_empty());
    }
}

impl Node {
    fn new(pack: Pack) -> Node {
        let len = Listpack::of(&pack).len() as u32; // bounded by a node's bytes
        Node { pack: Arc::new(pack), len }
    }

    /// The listpack, its pointer and the reference counts.
    fn heap_bytes(&self) -> usize {
        self.pack.heap_bytes() + allocated(3 * size_of::<usize>())
    }
}

/// Where element `index` is; the end if there are not so many.
fn seek(pack: &Pack, index: usize) -> usize {
    let list = Listpack::of(pack);
    list.seek(index).unwrap_or(list.end())
}

fn single(value: ValueRef<'_>) -> Pack {
    let mut pack = Pack::empty_listpack();
    listpack::push(&mut pack, &[value]);
    pack
}

/// Shows the element at one end of a listpack, then removes it.
pub(super) fn pop<R>(pack: &mut Pack, end: End, show: impl FnOnce(ValueRef<'_>) -> R) -> Option<R> {
    let list = Listpack::of(pack);
    let at = match end {
        End::Front => list.start(),
        End::Back => list.previous(list.end())?,
    };
    let shown = show(list.entry(at)?.0);
    listpack::remove(pack, at, 1);
    Some(shown)
}

/// Removes up to `count` elements of one listpack that equal the needle.
pub(super) fn remove_equal(pack: &mut Pack, needle: &Needle<'_>, end: End, count: usize) -> usize {
    let list = Listpack::of(pack);
    let mut equal = Vec::new();
    let mut from = list.start();
    while let Some(at) = list.find(from, 0, needle) {
        equal.push(at);
        from = list.entry(at).expect("just found").1;
    }
    let surplus = equal.len().saturating_sub(count);
    let doomed = match end {
        End::Front => &equal[..equal.len() - surplus],
        End::Back => &equal[surplus..],
    };
    // Backwards, so that the offsets before stay valid.
    for &at in doomed.iter().rev() {
        listpack::remove(pack, at, 1);
    }
    doomed.len()
}
