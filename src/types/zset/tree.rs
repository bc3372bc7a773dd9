//! A B+ tree of (score, member) that counts its subtrees, so that ranks are found on the way down.
//! A clone shares the inner nodes; who changes one of them copies it first.
//!
//! # Invariants (asserted by [`Tree::check`])
//! - Entries ascend by score, then by the member's bytes; none is there twice.
//! - A child's separator is at most its first entry and greater than its left neighbour's last;
//!   the first child's counts as less than anything. It holds no more of the member than it needs.
//! - A child's `len` is the number of entries below it, never zero.

use std::sync::Arc;

use super::inner::{CHILDREN_MAX, Child, Inner, Separator};
use super::leaf::{self, Entry, order};
use crate::types::packed::Pack;

#[derive(Clone)]
pub(super) struct Tree {
    pub(super) root: Node,
    len: usize,
    heap_bytes: usize,
}

#[derive(Clone)]
pub(super) enum Node {
    Leaf(Pack),
    Inner(Arc<Inner>),
}

/// Starts to fetch what a search for `entry` will read of the node's child, whose members are
/// probably about as long.
#[inline]
fn prefetch_child(inner: &Inner, index: usize, entry: Entry<'_>) {
    match inner.node(index) {
        Node::Leaf(pack) => pack.prefetch(leaf::usual_bytes(inner.lens()[index], entry)),
        Node::Inner(inner) => inner.prefetch(),
    }
}

impl Default for Tree {
    fn default() -> Tree {
        let root = leaf::new();
        Tree { heap_bytes: root.heap_bytes(), root: Node::Leaf(root), len: 0 }
    }
}

impl Tree {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }

    /// Adds an entry that is not there.
    pub fn insert(&mut self, entry: Entry<'_>) {
        if let Some(right) = insert(&mut self.root, entry, &mut self.heap_bytes) {
            let left = std::mem::replace(&mut self.root, Node::Leaf(Pack::empty_listpack()));
            let (separator, len) = (Separator::lowest(), self.len + 1 - right.len);
            let left = Child { separator, len, node: left };
            self.heap_bytes += Inner::BLOCK_BYTES;
            self.root = Node::Inner(Inner::of([left, right]));
        }
        self.len += 1;
    }

    /// Removes that very entry; false if it is not there.
    pub fn remove(&mut self, entry: Entry<'_>) -> bool {
        if !remove(&mut self.root, entry, &mut self.heap_bytes) {
            return false;
        }
        self.len -= 1;
        while let Node::Inner(inner) = &mut self.root
            && inner.len() == 1
        {
            self.heap_bytes -= inner.heap_bytes();
            self.root = Arc::make_mut(inner).remove(0).node;
        }
        true
    }

    /// How many entries come before the first that `before` does not hold for. It must hold for all
    /// entries up to some point and for none after.
    pub fn partition_point(&self, mut before: impl FnMut(Entry<'_>) -> bool) -> usize {
        let (mut node, mut rank) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(pack) => return rank + leaf::partition_point(pack, before).0,
                Node::Inner(inner) => {
                    let index = inner.child_where(&mut before);
                    rank += inner.len_before(index);
                    node = inner.node(index);
                }
            }
        }
    }

    /// How many entries come before this one.
    pub fn rank(&self, entry: Entry<'_>) -> usize {
        let (mut node, mut rank) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(pack) => {
                    return rank + leaf::partition_point(pack, |here| order(here, entry).is_lt()).0;
                }
                Node::Inner(inner) => {
                    let index = inner.child_of(entry);
                    prefetch_child(inner, index, entry);
                    node = inner.node(index);
                    rank += inner.len_before(index);
                }
            }
        }
    }

    /// Asserts the invariants.
    pub fn check(&self) {
        let mut last = None;
        let (len, heap_bytes) = check(&self.root, true, &mut last);
        assert_eq!((len, heap_bytes), (self.len, self.heap_bytes), "entries and bytes");
    }
}

fn insert(node: &mut Node, entry: Entry<'_>, heap: &mut usize) -> Option<Child> {
    match node {
        Node::Leaf(pack) => {
            *heap -= pack.heap_bytes();
            leaf::insert(pack, entry);
            let right = leaf::split(pack).map(|right| leaf_child(pack, right, heap));
            *heap += pack.heap_bytes();
            right
        }
        Node::Inner(inner) => {
            let inner = Arc::make_mut(inner);
            let index = inner.child_of(entry);
            prefetch_child(inner, index, entry);
            let right = insert(inner.node_mut(index), entry, heap);
            *inner.len_mut(index) += 1;
            let right = right?;
            *inner.len_mut(index) -= right.len;
            inner.insert(index + 1, right);
            if inner.len() <= CHILDREN_MAX {
                return None;
            }
            let (separator, right) = inner.split(CHILDREN_MAX / 2);
            *heap += Inner::BLOCK_BYTES;
            let len = right.lens().iter().sum();
            Some(Child { separator, len, node: Node::Inner(Arc::new(right)) })
        }
    }
}

/// A new leaf that was split off `left`.
fn leaf_child(left: &Pack, right: Pack, heap: &mut usize) -> Child {
    let at = leaf::offsets(left).last().expect("a half is not empty");
    let (last, _) = leaf::entry(left, at).expect("an offset names an entry");
    let separator = Separator::between(last, leaf::first(&right).expect("a half is not empty"));
    *heap += right.heap_bytes() + separator.heap_bytes();
    Child { separator, len: leaf::len(&right), node: Node::Leaf(right) }
}

fn remove(node: &mut Node, entry: Entry<'_>, heap: &mut usize) -> bool {
    match node {
        Node::Leaf(pack) => {
            *heap -= pack.heap_bytes();
            let removed = leaf::remove(pack, entry);
            *heap += pack.heap_bytes();
            removed
        }
        Node::Inner(inner) => {
            let inner = Arc::make_mut(inner);
            let index = inner.child_of(entry);
            prefetch_child(inner, index, entry);
            if !remove(inner.node_mut(index), entry, heap) {
                return false;
            }
            *inner.len_mut(index) -= 1;
            mend(inner, index, heap);
            true
        }
    }
}

/// Drops an empty child, or joins a sparse one with a neighbour.
fn mend(inner: &mut Inner, index: usize, heap: &mut usize) {
    if inner.lens()[index] == 0 {
        let empty = inner.remove(index);
        *heap -= empty.separator.heap_bytes();
        *heap -= match &empty.node {
            Node::Leaf(pack) => pack.heap_bytes(),
            Node::Inner(below) => below.heap_bytes(),
        };
        return;
    }
    let right = match index {
        _ if index + 1 < inner.len() && fits(inner, index + 1, index) => index + 1,
        1.. if fits(inner, index, index) => index,
        _ => return,
    };
    let Child { separator, len, node } = inner.remove(right);
    *inner.len_mut(right - 1) += len;
    match (inner.node_mut(right - 1), node) {
        (Node::Leaf(one), Node::Leaf(two)) => {
            *heap -= one.heap_bytes() + two.heap_bytes() + separator.heap_bytes();
            leaf::merge(one, &two);
            *heap += one.heap_bytes();
        }
        (Node::Inner(one), Node::Inner(two)) => {
            let (one, two) = (Arc::make_mut(one), Arc::unwrap_or_clone(two));
            // The separator that stood above the right node now stands before its first child.
            *heap -= Inner::BLOCK_BYTES + two.first_separator_bytes();
            one.join(separator, two);
        }
        _ => unreachable!("children of one node are of one level"),
    }
}

/// Whether child `right` and its left neighbour could be one. `known` of the two was just worked
/// on: the other is only looked at if need be, since that is likely to be a cache miss.
fn fits(inner: &Inner, right: usize, known: usize) -> bool {
    let left = right - 1;
    match inner.node(known) {
        Node::Leaf(_) if !leaf::may_fit(inner.lens()[left] + inner.lens()[right]) => return false,
        Node::Inner(below) if below.len() > CHILDREN_MAX / 2 => return false,
        _ => {}
    }
    match (inner.node(left), inner.node(right)) {
        (Node::Leaf(one), Node::Leaf(two)) => leaf::fits_with(one, two),
        (Node::Inner(one), Node::Inner(two)) => one.len() + two.len() <= CHILDREN_MAX / 2,
        _ => unreachable!("children of one node are of one level"),
    }
}

/// Checks a subtree whose entries follow `last`; returns how many they are and its heap bytes.
fn check(node: &Node, is_root: bool, last: &mut Option<(f64, Vec<u8>)>) -> (usize, usize) {
    match node {
        Node::Leaf(pack) => {
            for at in leaf::offsets(pack) {
                let (here, _) = leaf::entry(pack, at).expect("an offset names an entry");
                let ascends =
                    last.as_ref().is_none_or(|last| order((last.0, &last.1), here).is_lt());
                assert!(ascends, "{last:?} before {here:?}");
                *last = Some((here.0, here.1.to_vec()));
            }
            assert_eq!(leaf::len(pack), leaf::offsets(pack).count());
            assert!(is_root || leaf::len(pack) > 0, "an empty leaf");
            (leaf::len(pack), pack.heap_bytes())
        }
        Node::Inner(inner) => {
            assert!(inner.len() > usize::from(is_root), "a useless node");
            assert!(inner.len() <= CHILDREN_MAX);
            let (mut len, mut heap_bytes) = (0, inner.heap_bytes());
            for index in 0..inner.len() {
                let separator = inner.separator(index);
                if index > 0
                    && let Some(last) = last
                {
                    assert!(order((last.0, &last.1), separator).is_lt(), "after the left child");
                }
                let first = first(inner.node(index));
                assert!(index == 0 || order(separator, first).is_le(), "before its own");
                let (below, bytes) = check(inner.node(index), false, last);
                assert_eq!(below, inner.lens()[index], "a child's count");
                len += below;
                heap_bytes += bytes;
            }
            (len, heap_bytes)
        }
    }
}

fn first(node: &Node) -> Entry<'_> {
    match node {
        Node::Leaf(pack) => leaf::first(pack).expect("a leaf below the root is not empty"),
        Node::Inner(inner) => first(inner.node(0)),
    }
}
