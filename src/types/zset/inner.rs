//! An inner node of a sorted set's tree: its children, and what tells them apart.
//!
//! What a search compares, what a rank adds up and where to go on stand in arrays of their own,
//! inside the node: a search of a node of 62 children reads a few lines of the first, not the whole
//! node, and a rank adds up eight.

use std::sync::Arc;

use smallvec::SmallVec;

use super::leaf::Entry;
use super::tree::Node;
use crate::types::compact::prefetch;
use crate::types::memory::allocated;

/// An inner node splits past so many children: with the one that is too many it fits a block of 3
/// KiB, and four levels are enough for ten million members.
pub(super) const CHILDREN_MAX: usize = 62;
const ROOM: usize = CHILDREN_MAX + 1;
/// The reference counts that stand before a shared node.
const COUNTS: usize = 2 * size_of::<usize>();

/// Children in order, each with its separator and the number of entries below it.
#[derive(Clone, Default)]
pub(super) struct Inner {
    scores: SmallVec<[f64; ROOM]>,
    lens: SmallVec<[usize; ROOM]>,
    below: SmallVec<[(Box<[u8]>, Node); ROOM]>,
}

/// A child outside of any node.
pub(super) struct Child {
    pub separator: Separator,
    pub len: usize,
    pub node: Node,
}

pub(super) struct Separator {
    score: f64,
    member: Box<[u8]>,
}

impl Separator {
    /// Less than anything: the first child's, which nobody looks at.
    pub fn lowest() -> Separator {
        Separator { score: f64::NEG_INFINITY, member: Box::default() }
    }

    /// The shortest between two neighbours.
    pub fn between(left: Entry<'_>, right: Entry<'_>) -> Separator {
        let member = if left.0 < right.0 { &[][..] } else { right.1 };
        Separator { score: right.0, member: member.into() }
    }

    pub fn heap_bytes(&self) -> usize {
        allocated(self.member.len())
    }
}

impl Inner {
    pub const BLOCK_BYTES: usize = allocated(COUNTS + size_of::<Inner>());

    pub fn of(children: impl IntoIterator<Item = Child>) -> Arc<Inner> {
        let mut inner = Inner::default();
        children.into_iter().for_each(|child| inner.insert(inner.len(), child));
        Arc::new(inner)
    }

    /// Starts to fetch what `child_of` compares, and what a writer looks at first.
    #[inline]
    pub fn prefetch(self: &Arc<Inner>) {
        let block = Arc::as_ptr(self).cast::<u8>().wrapping_sub(COUNTS);
        (0..COUNTS + ROOM * size_of::<f64>())
            .step_by(64)
            .for_each(|at| prefetch(block.wrapping_add(at)));
    }

    /// The node's own block and its separators', not its children's.
    pub fn heap_bytes(&self) -> usize {
        let separators: usize = self.below.iter().map(|(member, _)| allocated(member.len())).sum();
        Inner::BLOCK_BYTES + separators
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.below.len()
    }

    #[inline]
    pub fn node(&self, index: usize) -> &Node {
        &self.below[index].1
    }

    #[inline]
    pub fn node_mut(&mut self, index: usize) -> &mut Node {
        &mut self.below[index].1
    }

    /// How many entries are below each child.
    #[inline]
    pub fn lens(&self) -> &[usize] {
        &self.lens
    }

    /// How many entries are below the children before `index`. Counts of what is in memory cannot
    /// overflow; unchecked, several are added at once.
    #[inline]
    pub fn len_before(&self, index: usize) -> usize {
        self.lens[..index].iter().copied().fold(0, usize::wrapping_add)
    }

    #[inline]
    pub fn len_mut(&mut self, index: usize) -> &mut usize {
        &mut self.lens[index]
    }

    #[inline]
    pub fn separator(&self, index: usize) -> Entry<'_> {
        (self.scores[index], &self.below[index].0)
    }

    /// Which child the first entry that `before` does not hold for is in, if anywhere.
    #[inline]
    pub fn child_where(&self, mut before: impl FnMut(Entry<'_>) -> bool) -> usize {
        let (mut low, mut high) = (1, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if before(self.separator(middle)) { low = middle + 1 } else { high = middle }
        }
        low - 1
    }

    /// Which child holds `entry`, or should. Members are only looked at where scores are equal.
    #[inline]
    pub fn child_of(&self, entry: Entry<'_>) -> usize {
        let scores = &self.scores[1..];
        // Counted, not searched for: the misses of one pass overlap, those of a binary search wait
        // for each other.
        let less = scores.iter().map(|&score| usize::from(score < entry.0));
        let less = less.fold(0, usize::wrapping_add);
        let equal = scores[less..].iter().take_while(|&&score| score == entry.0).count();
        let members = &self.below[1 + less..1 + less + equal];
        less + members.partition_point(|(member, _)| **member <= *entry.1)
    }

    pub fn insert(&mut self, index: usize, child: Child) {
        let Child { separator: Separator { score, member }, len, node } = child;
        self.scores.insert(index, score);
        self.lens.insert(index, len);
        self.below.insert(index, (member, node));
    }

    pub fn remove(&mut self, index: usize) -> Child {
        let (score, len) = (self.scores.remove(index), self.lens.remove(index));
        let (member, node) = self.below.remove(index);
        Child { separator: Separator { score, member }, len, node }
    }

    /// Cuts off the children from `index` on: a node of them, and the separator before it.
    pub fn split(&mut self, index: usize) -> (Separator, Inner) {
        let mut right = Inner {
            scores: self.scores.drain(index..).collect(),
            lens: self.lens.drain(index..).collect(),
            below: self.below.drain(index..).collect(),
        };
        let score = std::mem::replace(&mut right.scores[0], f64::NEG_INFINITY);
        let member = std::mem::take(&mut right.below[0].0);
        (Separator { score, member }, right)
    }

    /// Takes over the children of the right neighbour, which `separator` stands before.
    pub fn join(&mut self, separator: Separator, mut right: Inner) {
        right.scores[0] = separator.score;
        right.below[0].0 = separator.member;
        self.scores.append(&mut right.scores);
        self.lens.append(&mut right.lens);
        self.below.append(&mut right.below);
    }

    /// Bytes of the first separator's own block.
    pub fn first_separator_bytes(&self) -> usize {
        allocated(self.below[0].0.len())
    }
}
