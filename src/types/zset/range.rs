//! Walking a tree's entries between two ranks, from either end.

use std::ops::Range;

use smallvec::SmallVec;

use super::leaf::{self, Entry};
use super::tree::{Inner, Node, Tree};
use crate::types::packed::Pack;

/// Entries of consecutive ranks.
#[derive(Clone)]
pub(super) struct Walk<'a> {
    tree: &'a Tree,
    /// Ranks still to come.
    ranks: Range<usize>,
    front: Option<Cursor<'a>>,
    back: Option<Cursor<'a>>,
}

/// A place in the tree: an entry of a leaf, and the way there.
#[derive(Clone)]
struct Cursor<'a> {
    path: SmallVec<[(&'a Inner, usize); 4]>,
    leaf: &'a Pack,
    offsets: SmallVec<[u32; 64]>,
    index: usize,
}

impl Tree {
    /// The entries of these ranks; the range is cut to what there is.
    pub fn walk(&self, ranks: Range<usize>) -> Walk<'_> {
        let end = ranks.end.min(self.len());
        Walk { tree: self, ranks: ranks.start.min(end)..end, front: None, back: None }
    }
}

impl<'a> Cursor<'a> {
    /// At the entry of that rank, which exists.
    fn seek(tree: &'a Tree, mut rank: usize) -> Cursor<'a> {
        let (mut node, mut path) = (&tree.root, SmallVec::new());
        loop {
            match node {
                Node::Leaf(leaf) => {
                    let mut cursor = Cursor { path, leaf, offsets: SmallVec::new(), index: rank };
                    cursor.enter(leaf);
                    return cursor;
                }
                Node::Inner(inner) => {
                    let mut index = 0;
                    while rank >= inner.children[index].len {
                        rank -= inner.children[index].len;
                        index += 1;
                    }
                    path.push((&**inner, index));
                    node = &inner.children[index].node;
                }
            }
        }
    }

    fn enter(&mut self, leaf: &'a Pack) {
        self.leaf = leaf;
        self.offsets.clear();
        self.offsets.extend(leaf::offsets(leaf).map(|at| at as u32)); // a pack's length fits
    }

    fn entry(&self) -> Entry<'a> {
        let at = self.offsets[self.index] as usize;
        leaf::entry(self.leaf, at).expect("an offset names an entry").0
    }

    /// To the next entry; the caller knows that there is one.
    fn advance(&mut self) {
        self.index += 1;
        if self.index == self.offsets.len() {
            self.move_to_leaf(|inner, index| Some(index + 1).filter(|&i| i < inner.children.len()));
            self.index = 0;
        }
    }

    /// To the previous entry; the caller knows that there is one.
    fn retreat(&mut self) {
        if self.index == 0 {
            self.move_to_leaf(|_, index| index.checked_sub(1));
            self.index = self.offsets.len();
        }
        self.index -= 1;
    }

    /// To the neighbouring leaf: up until `step` finds another child, then down along the edge.
    fn move_to_leaf(&mut self, step: impl Fn(&Inner, usize) -> Option<usize>) {
        let (inner, index) = loop {
            let (inner, index) = self.path.pop().expect("there is a neighbouring leaf");
            if let Some(other) = step(inner, index) {
                self.path.push((inner, other));
                break (inner, index);
            }
        };
        let (_, other) = *self.path.last().expect("just pushed");
        let forward = other > index;
        let mut node = &inner.children[other].node;
        loop {
            match node {
                Node::Leaf(leaf) => return self.enter(leaf),
                Node::Inner(below) => {
                    let edge = if forward { 0 } else { below.children.len() - 1 };
                    self.path.push((&**below, edge));
                    node = &below.children[edge].node;
                }
            }
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let rank = self.ranks.next()?;
        match &mut self.front {
            Some(cursor) => cursor.advance(),
            None => self.front = Some(Cursor::seek(self.tree, rank)),
        }
        self.front.as_ref().map(Cursor::entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }
}

impl DoubleEndedIterator for Walk<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let rank = self.ranks.next_back()?;
        match &mut self.back {
            Some(cursor) => cursor.retreat(),
            None => self.back = Some(Cursor::seek(self.tree, rank)),
        }
        self.back.as_ref().map(Cursor::entry)
    }
}
