//! S3-FIFO (Yang, Zhang, Qiu, Yue, Vigfusson: "FIFO queues are all you need for cache eviction",
//! SOSP 2023): which keys to evict, decided by three queues instead of by order of use.
//!
//! A new key enters a small queue, a tenth of all. If it was used twice when it comes to that
//! queue's end it moves on to the main queue, else it is evicted and its fingerprint remembered for
//! a while: should it come back in that time it enters the main queue at once. A key at the end of
//! the main queue goes round again as often as it was used, three times at most. So keys that are
//! used once, as in a scan, never push out those that are used.
//!
//! A use only counts up two bits of the key's entry; queues change when keys come and go. An item
//! may be stale: whoever pops it asks the keyspace whether the key is still there.

mod ghost;
mod queue;

use ghost::Ghost;
use queue::Fifo;

use super::keyspace::Place;

/// The small queue is evicted from while it has at least one in so many of all items.
const SMALL_PART: usize = 10;
/// A key of the small queue that was used more often moves on.
const USES_OF_PASSERS_BY: u32 = 1;

/// A key in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub hash: u64,
    pub place: Place,
    /// Tells the item from an earlier one of the same key; the entry has it, too.
    pub ticket: u32,
}

/// The queue an item was in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    Small,
    Main,
}

/// What becomes of a key at the end of its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Evict,
    /// It is in the main queue again, with its uses counted down to this.
    Keep(u32),
}

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct S3Fifo {
    small: Fifo,
    main: Fifo,
    ghost: Ghost,
}

impl S3Fifo {
    pub(super) fn len(&self) -> usize {
        self.small.len() + self.main.len()
    }

    /// Takes a new key in.
    pub(super) fn admit(&mut self, item: Item) {
        if self.ghost.take(item.hash) {
            self.main.push(item);
        } else {
            self.small.push(item);
        }
    }

    /// Takes a key in that was there before anything was recorded.
    pub(super) fn adopt(&mut self, item: Item) {
        self.main.push(item);
    }

    /// Takes out the key whose turn it is; a [`S3Fifo::judge`] follows, unless the item is stale.
    pub(super) fn next(&mut self) -> Option<(Item, Queue)> {
        let is_small_full = self.small.len() * SMALL_PART >= self.len();
        if is_small_full && let Some(item) = self.small.pop() {
            return Some((item, Queue::Small));
        }
        let main = self.main.pop().map(|item| (item, Queue::Main));
        main.or_else(|| self.small.pop().map(|item| (item, Queue::Small)))
    }

    /// Decides about a key that was used so often since it was last decided about.
    pub(super) fn judge(&mut self, item: Item, queue: Queue, uses: u32) -> Verdict {
        match queue {
            Queue::Small if uses > USES_OF_PASSERS_BY => {
                self.main.push(item);
                Verdict::Keep(0)
            }
            Queue::Small => {
                // As many as the main queue may have.
                let remembered = self.len() * (SMALL_PART - 1) / SMALL_PART;
                self.ghost.add(item.hash, remembered);
                Verdict::Evict
            }
            Queue::Main if uses > 0 => {
                self.main.push(item);
                Verdict::Keep(uses - 1)
            }
            Queue::Main => Verdict::Evict,
        }
    }

    /// Takes out the oldest item of a queue, to be put back by [`S3Fifo::turn_back`] if it is not
    /// stale.
    pub(super) fn turn(&mut self, queue: Queue) -> Option<Item> {
        self.queue(queue).pop()
    }

    pub(super) fn turn_back(&mut self, item: Item, queue: Queue) {
        self.queue(queue).push(item);
    }

    pub(super) fn queue_len(&self, queue: Queue) -> usize {
        match queue {
            Queue::Small => self.small.len(),
            Queue::Main => self.main.len(),
        }
    }

    fn queue(&mut self, queue: Queue) -> &mut Fifo {
        match queue {
            Queue::Small => &mut self.small,
            Queue::Main => &mut self.main,
        }
    }
}

#[cfg(test)]
mod tests;
