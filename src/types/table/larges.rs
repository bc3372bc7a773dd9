//! Elements too long for a segment's arena, each in blocks of its own.

use crate::types::memory::allocated;

#[derive(Clone)]
pub(super) struct Large {
    pub key: Box<[u8]>,
    pub value: Box<[u8]>,
}

impl Large {
    fn heap_bytes(&self) -> usize {
        allocated(self.key.len()) + allocated(self.value.len())
    }
}

/// A slab: an element is named by its place.
#[derive(Clone, Default)]
pub(super) struct Larges {
    slots: Vec<Option<Large>>,
    free: Vec<u16>,
    element_bytes: usize,
}

impl Larges {
    pub fn add(&mut self, large: Large) -> u16 {
        self.element_bytes += large.heap_bytes();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u16::try_from(self.slots.len() - 1).expect("a segment's count is bounded")
        });
        self.slots[usize::from(slot)] = Some(large);
        slot
    }

    pub fn get(&self, slot: u16) -> &Large {
        self.slots[usize::from(slot)].as_ref().expect("an element names a taken place")
    }

    pub fn take(&mut self, slot: u16) -> Large {
        let large = self.slots[usize::from(slot)].take().expect("an element names a taken place");
        self.element_bytes -= large.heap_bytes();
        self.free.push(slot);
        large
    }

    pub fn set_value(&mut self, slot: u16, value: &[u8]) {
        let large = self.slots[usize::from(slot)].as_mut().expect("an element names a taken place");
        self.element_bytes -= large.heap_bytes();
        large.value = value.into();
        self.element_bytes += large.heap_bytes();
    }

    pub fn heap_bytes(&self) -> usize {
        self.element_bytes
            + allocated(self.slots.capacity() * size_of::<Option<Large>>())
            + allocated(self.free.capacity() * size_of::<u16>())
    }

    /// Asserts that `count` places are taken and that the bytes add up.
    pub fn check(&self, count: usize) {
        assert_eq!(self.slots.iter().flatten().count(), count, "large elements");
        assert_eq!(self.slots.len(), count + self.free.len(), "free places");
        let bytes: usize = self.slots.iter().flatten().map(Large::heap_bytes).sum();
        assert_eq!(bytes, self.element_bytes);
    }
}
