//! Walking a tree's entries between two ranks, from either end.

use std::ops::Range;

use smallvec::SmallVec;

use super::inner::Inner;
use super::leaf::{self, Entry};
use super::tree::{Node, Tree};
use crate::types::packed::Pack;

/// Entries of consecutive ranks.
#[derive(Clone)]
pub(super) struct Walk<'a> {
    tree: &'a Tree,
    /// Ranks still to come.
    ranks: Range<usize>,
    front: Option<Front<'a>>,
    back: Option<Back<'a>>,
}

/// The way from the root to a leaf: inner nodes, and which child of each.
#[derive(Clone)]
struct Way<'a>(SmallVec<[(&'a Inner, usize); 4]>);

/// Before an entry; the next may be in the next leaf.
#[derive(Clone)]
struct Front<'a> {
    way: Way<'a>,
    leaf: &'a Pack,
    at: usize,
}

/// After an entry; the previous may be in the previous leaf. Entries cannot be read backwards:
/// hence the offsets.
#[derive(Clone)]
struct Back<'a> {
    way: Way<'a>,
    leaf: &'a Pack,
    offsets: SmallVec<[u32; 64]>,
}

impl Tree {
    /// The entries of these ranks; the range is cut to what there is.
    pub fn walk(&self, ranks: Range<usize>) -> Walk<'_> {
        let end = ranks.end.min(self.len());
        Walk { tree: self, ranks: ranks.start.min(end)..end, front: None, back: None }
    }
}

impl<'a> Way<'a> {
    /// To the leaf with the entry of that rank, which exists, and its index there.
    fn to(tree: &'a Tree, mut rank: usize) -> (Way<'a>, &'a Pack, usize) {
        let (mut node, mut path) = (&tree.root, SmallVec::new());
        loop {
            match node {
                Node::Leaf(leaf) => return (Way(path), leaf, rank),
                Node::Inner(inner) => {
                    let mut index = 0;
                    while rank >= inner.lens()[index] {
                        rank -= inner.lens()[index];
                        index += 1;
                    }
                    path.push((&**inner, index));
                    node = inner.node(index);
                }
            }
        }
    }

    /// To the neighbouring leaf: up until `step` finds another child, then down along the edge. The
    /// caller knows that there is one.
    fn go_on(&mut self, step: impl Fn(&Inner, usize) -> Option<usize>) -> &'a Pack {
        let (inner, index, other) = loop {
            let (inner, index) = self.0.pop().expect("there is a neighbouring leaf");
            if let Some(other) = step(inner, index) {
                break (inner, index, other);
            }
        };
        self.0.push((inner, other));
        let mut node = inner.node(other);
        loop {
            match node {
                Node::Leaf(leaf) => return leaf,
                Node::Inner(below) => {
                    let edge = if other > index { 0 } else { below.len() - 1 };
                    self.0.push((&**below, edge));
                    node = below.node(edge);
                }
            }
        }
    }
}

impl<'a> Front<'a> {
    /// Before the entry of that rank, which exists.
    fn seek(tree: &'a Tree, rank: usize) -> Front<'a> {
        let (way, leaf, index) = Way::to(tree, rank);
        let at = leaf::offsets(leaf).nth(index).expect("a rank names an entry");
        Front { way, leaf, at }
    }

    /// The next entry; the caller knows that there is one.
    #[inline]
    fn advance(&mut self) -> Entry<'a> {
        if self.at == self.leaf.total() {
            let next = |inner: &Inner, index| Some(index + 1).filter(|&i| i < inner.len());
            (self.leaf, self.at) = (self.way.go_on(next), leaf::HEADER);
        }
        let (entry, next) = leaf::entry(self.leaf, self.at).expect("a leaf's entries are whole");
        self.at = next;
        entry
    }
}

impl<'a> Back<'a> {
    /// After the entry of that rank, which exists.
    fn seek(tree: &'a Tree, rank: usize) -> Back<'a> {
        let (way, leaf, index) = Way::to(tree, rank);
        let mut back = Back { way, leaf, offsets: SmallVec::new() };
        back.enter(leaf);
        back.offsets.truncate(index + 1);
        back
    }

    fn enter(&mut self, leaf: &'a Pack) {
        self.leaf = leaf;
        self.offsets.extend(leaf::offsets(leaf).map(|at| at as u32)); // a pack's length fits
    }

    /// The previous entry; the caller knows that there is one.
    fn retreat(&mut self) -> Entry<'a> {
        if self.offsets.is_empty() {
            let previous = self.way.go_on(|_, index| index.checked_sub(1));
            self.enter(previous);
        }
        let at = self.offsets.pop().expect("a leaf below the root is not empty");
        leaf::entry(self.leaf, at as usize).expect("an offset names an entry").0
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        let rank = self.ranks.next()?;
        let front = self.front.get_or_insert_with(|| Front::seek(self.tree, rank));
        Some(front.advance())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }
}

impl DoubleEndedIterator for Walk<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let rank = self.ranks.next_back()?;
        let back = self.back.get_or_insert_with(|| Back::seek(self.tree, rank));
        Some(back.retreat())
    }
}
