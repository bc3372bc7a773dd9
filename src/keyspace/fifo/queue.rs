//! A first-in-first-out queue in blocks, so that it neither doubles nor keeps what it once needed.

use std::collections::VecDeque;

use super::Item;

/// Items of a block: 8 KiB.
const BLOCK: usize = 512;

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Fifo {
    blocks: VecDeque<Vec<Item>>,
    /// Items of the first block that are gone.
    gone: usize,
    len: usize,
}

impl Fifo {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, item: Item) {
        match self.blocks.back_mut() {
            Some(block) if block.len() < BLOCK => block.push(item),
            _ => {
                // The first block grows as it is needed: most queues of a small cache have one.
                let room = if self.blocks.is_empty() { 4 } else { BLOCK };
                let mut block = Vec::with_capacity(room);
                block.push(item);
                self.blocks.push_back(block);
            }
        }
        self.len += 1;
    }

    pub(super) fn pop(&mut self) -> Option<Item> {
        let item = *self.blocks.front()?.get(self.gone)?;
        self.gone += 1;
        self.len -= 1;
        if self.gone == BLOCK || self.len == 0 {
            self.blocks.pop_front();
            self.gone = 0;
        }
        Some(item)
    }
}
