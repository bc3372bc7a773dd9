//! A B+ tree of (score, member) that counts its subtrees, so that ranks are found on the way down.
//! A clone shares the inner nodes; who changes one of them copies it first.
//!
//! # Invariants (asserted by [`Tree::check`])
//! - Entries ascend by score, then by the member's bytes; none is there twice.
//! - A child's separator is at most its first entry and greater than its left neighbour's last;
//!   the first child's counts as less than anything. It holds no more of the member than it needs.
//! - A child's `len` is the number of entries below it, never zero.

use std::sync::Arc;

use super::leaf::{self, Entry, order};
use crate::types::memory::allocated;
use crate::types::packed::Pack;

/// An inner node splits past so many children: 3 KiB, and four levels for ten million members.
const CHILDREN_MAX: usize = 64;
/// The reference counts that stand before a shared node.
const COUNTS: usize = 2 * size_of::<usize>();

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

pub(super) struct Inner {
    pub(super) children: Vec<Child>,
}

#[derive(Clone)]
pub(super) struct Child {
    separator: Separator,
    pub(super) len: usize,
    pub(super) node: Node,
}

#[derive(Clone)]
struct Separator {
    score: f64,
    member: Box<[u8]>,
}

impl Separator {
    fn entry(&self) -> Entry<'_> {
        (self.score, &self.member)
    }

    /// The shortest between two neighbours.
    fn between(left: Entry<'_>, right: Entry<'_>) -> Separator {
        let member = if left.0 < right.0 { &[][..] } else { right.1 };
        Separator { score: right.0, member: member.into() }
    }

    fn heap_bytes(&self) -> usize {
        allocated(self.member.len())
    }
}

impl Clone for Inner {
    /// With the room that every inner node has; nodes further down stay shared.
    fn clone(&self) -> Inner {
        let mut children = Vec::with_capacity(CHILDREN_MAX + 1);
        children.extend_from_slice(&self.children);
        Inner { children }
    }
}

impl Inner {
    fn new(children: impl Iterator<Item = Child>) -> Arc<Inner> {
        let mut all = Vec::with_capacity(CHILDREN_MAX + 1);
        all.extend(children);
        Arc::new(Inner { children: all })
    }

    /// The node's own blocks and its separators', not its children's.
    fn heap_bytes(&self) -> usize {
        let separators: usize = self.children.iter().map(|one| one.separator.heap_bytes()).sum();
        self.block_bytes() + separators
    }

    fn block_bytes(&self) -> usize {
        allocated(COUNTS + size_of::<Inner>())
            + allocated(self.children.capacity() * size_of::<Child>())
    }

    /// Which child the first entry that `before` does not hold for is in, if anywhere.
    #[inline]
    fn child_where(&self, mut before: impl FnMut(Entry<'_>) -> bool) -> usize {
        self.children[1..].partition_point(|child| before(child.separator.entry()))
    }

    /// Which child holds `entry`, or should.
    #[inline]
    fn child_of(&self, entry: Entry<'_>) -> usize {
        self.child_where(|separator| order(separator, entry).is_le())
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
            let lowest = Separator { score: f64::NEG_INFINITY, member: Box::default() };
            let left = Child { separator: lowest, len: self.len + 1 - right.len, node: left };
            let inner = Inner::new([left, right].into_iter());
            self.heap_bytes += inner.block_bytes();
            self.root = Node::Inner(inner);
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
            && inner.children.len() == 1
        {
            self.heap_bytes -= inner.heap_bytes();
            let only = Arc::make_mut(inner).children.pop();
            self.root = only.expect("one child").node;
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
                    rank += inner.children[..index].iter().map(|child| child.len).sum::<usize>();
                    node = &inner.children[index].node;
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
            let child = &mut inner.children[index];
            let right = insert(&mut child.node, entry, heap);
            child.len += 1;
            let right = right?;
            child.len -= right.len;
            inner.children.insert(index + 1, right);
            if inner.children.len() <= CHILDREN_MAX {
                return None;
            }
            let mut moved = inner.children.drain(CHILDREN_MAX / 2..).peekable();
            let first = moved.peek_mut().expect("an overfull node has two halves");
            let lowest = Separator { score: f64::NEG_INFINITY, member: Box::default() };
            let separator = std::mem::replace(&mut first.separator, lowest);
            let right = Inner::new(moved);
            *heap += right.block_bytes();
            let len = right.children.iter().map(|child| child.len).sum();
            Some(Child { separator, len, node: Node::Inner(right) })
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
            let child = &mut inner.children[index];
            if !remove(&mut child.node, entry, heap) {
                return false;
            }
            child.len -= 1;
            mend(inner, index, heap);
            true
        }
    }
}

/// Drops an empty child, or joins a sparse one with a neighbour.
fn mend(inner: &mut Inner, index: usize, heap: &mut usize) {
    if inner.children[index].len == 0 {
        let empty = inner.children.remove(index);
        *heap -= empty.separator.heap_bytes();
        *heap -= match &empty.node {
            Node::Leaf(pack) => pack.heap_bytes(),
            Node::Inner(below) => below.heap_bytes(),
        };
        return;
    }
    let right = match index {
        _ if index + 1 < inner.children.len() && fits(inner, index + 1) => index + 1,
        1.. if fits(inner, index) => index,
        _ => return,
    };
    let Child { separator, len, node } = inner.children.remove(right);
    let left = &mut inner.children[right - 1];
    left.len += len;
    match (&mut left.node, node) {
        (Node::Leaf(one), Node::Leaf(two)) => {
            *heap -= one.heap_bytes() + two.heap_bytes() + separator.heap_bytes();
            leaf::merge(one, &two);
            *heap += one.heap_bytes();
        }
        (Node::Inner(one), Node::Inner(two)) => {
            let (one, mut two) = (Arc::make_mut(one), Arc::unwrap_or_clone(two));
            *heap -= two.block_bytes();
            // The separator that stood above the right node now stands before its first child.
            *heap -= two.children[0].separator.heap_bytes();
            two.children[0].separator = separator;
            one.children.append(&mut two.children);
        }
        _ => unreachable!("children of one node are of one level"),
    }
}

/// Whether child `right` and its left neighbour could be one.
fn fits(inner: &Inner, right: usize) -> bool {
    match (&inner.children[right - 1].node, &inner.children[right].node) {
        (Node::Leaf(one), Node::Leaf(two)) => leaf::fits_with(one, two),
        (Node::Inner(one), Node::Inner(two)) => {
            one.children.len() + two.children.len() <= CHILDREN_MAX / 2
        }
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
            assert!(inner.children.len() > usize::from(is_root), "a useless node");
            assert!(inner.children.len() <= CHILDREN_MAX);
            let (mut len, mut heap_bytes) = (0, inner.heap_bytes());
            for (index, child) in inner.children.iter().enumerate() {
                let separator = child.separator.entry();
                if index > 0
                    && let Some(last) = last
                {
                    assert!(order((last.0, &last.1), separator).is_lt(), "after the left child");
                }
                let first = first(&child.node);
                assert!(index == 0 || order(separator, first).is_le(), "before its own");
                let (below, bytes) = check(&child.node, false, last);
                assert_eq!(below, child.len, "a child's count");
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
        Node::Inner(inner) => first(&inner.children[0].node),
    }
}
