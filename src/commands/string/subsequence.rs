//! The longest common subsequence of two strings, 64 cells of its table at a time.
//!
//! Row i of the table says how long the longest common subsequence of the first i bytes of `a` and
//! the first j bytes of `b` is, for every j. Neighbours in a row differ by 0 or 1, so a row is kept
//! as one bit per j: clear where the length grows. A row follows from the one above by a few
//! operations on whole words, in which the carry of an addition does the work of the recurrence.
//!
//! That is a 32nd of the memory of a table of 32-bit lengths, and enough to walk back: where two
//! bytes differ, dropping the one of `a` is the better choice exactly where row i grows.

/// No mask: the byte does not occur in `a`.
const ABSENT: u16 = u16::MAX;

/// Where each byte of `a` occurs in `b`.
struct Occurrences {
    /// For each byte value the number of its mask.
    index: [u16; 256],
    masks: Vec<u64>,
    /// Words per mask, and per row.
    words: usize,
}

impl Occurrences {
    fn new(a: &[u8], b: &[u8]) -> Occurrences {
        let words = b.len().div_ceil(64);
        let mut index = [ABSENT; 256];
        let mut known = 0;
        for &byte in a {
            let place = &mut index[usize::from(byte)];
            if *place == ABSENT {
                *place = known;
                known += 1;
                if known == 256 {
                    break;
                }
            }
        }
        let mut masks = vec![0; usize::from(known) * words];
        for (at, &byte) in b.iter().enumerate() {
            let place = index[usize::from(byte)];
            if place != ABSENT {
                masks[usize::from(place) * words + at / 64] |= 1 << (at % 64);
            }
        }
        Occurrences { index, masks, words }
    }

    fn of(&self, byte: u8) -> &[u64] {
        let from = usize::from(self.index[usize::from(byte)]) * self.words;
        &self.masks[from..from + self.words]
    }

    /// Turns a row into the next one, for this byte of `a`.
    fn advance(&self, row: &mut [u64], byte: u8) {
        let mut carry = false;
        for (word, &mask) in row.iter_mut().zip(self.of(byte)) {
            let (sum, over) = word.overflowing_add(*word & mask);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            carry = over | over_again;
            *word = sum | (*word & !mask);
        }
    }
}

/// The number of places where a row grows, among the first `len`.
fn growths(row: &[u64], len: usize) -> usize {
    let padding = row.len() * 64 - len;
    let set: u32 = row.iter().map(|word| word.count_ones()).sum();
    // A mask's bits behind the end are clear, so the row's stay as they began: set.
    len - (set as usize - padding)
}

/// The length of the longest common subsequence. O(|a| |b| / 64).
#[must_use]
pub fn length(a: &[u8], b: &[u8]) -> usize {
    let occurrences = Occurrences::new(a, b);
    let mut row = vec![u64::MAX; occurrences.words];
    for &byte in a {
        occurrences.advance(&mut row, byte);
    }
    growths(&row, b.len())
}

/// Bytes that both strings have in common, one after the other in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    pub in_a: usize,
    pub in_b: usize,
    pub len: usize,
}

/// The longest common subsequence as runs of bytes, the last one first. O(|a| |b| / 64) time and
/// bits.
#[must_use]
pub fn matches(a: &[u8], b: &[u8]) -> Vec<Match> {
    if b.is_empty() {
        return Vec::new();
    }
    let occurrences = Occurrences::new(a, b);
    let words = occurrences.words;
    let mut rows: Vec<u64> = Vec::with_capacity(a.len() * words);
    let mut row = vec![u64::MAX; words];
    for &byte in a {
        occurrences.advance(&mut row, byte);
        rows.extend_from_slice(&row);
    }
    let grows =
        |i: usize, j: usize| rows[(i - 1) * words + (j - 1) / 64] >> ((j - 1) % 64) & 1 == 0;

    let mut found = Vec::new();
    let (mut i, mut j) = (a.len(), b.len());
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            let back = a[..i].iter().rev().zip(b[..j].iter().rev());
            let len = back.take_while(|(x, y)| x == y).count();
            (i, j) = (i - len, j - len);
            found.push(Match { in_a: i, in_b: j, len });
        } else if grows(i, j) {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The textbook table, and the walk back that prefers to drop a byte of `b` when it is all the
    /// same.
    fn by_table(a: &[u8], b: &[u8]) -> (usize, Vec<u8>) {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for (i, x) in a.iter().enumerate() {
            for (j, y) in b.iter().enumerate() {
                table[i + 1][j + 1] =
                    if x == y { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
            }
        }
        let (mut i, mut j, mut text) = (a.len(), b.len(), Vec::new());
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                text.insert(0, a[i - 1]);
                (i, j) = (i - 1, j - 1);
            } else if table[i - 1][j] > table[i][j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        (table[a.len()][b.len()], text)
    }

    proptest! {
        #[test]
        fn agrees_with_the_textbook(
            a in vec(0..4u8, 0..150), b in vec(0..5u8, 0..150),
        ) {
            let (len, text) = by_table(&a, &b);
            prop_assert_eq!(length(&a, &b), len);
            let found = matches(&a, &b);
            let joined: Vec<u8> =
                found.iter().rev().flat_map(|m| &a[m.in_a..m.in_a + m.len]).copied().collect();
            prop_assert_eq!(joined, text);
            for run in &found {
                prop_assert_eq!(&a[run.in_a..run.in_a + run.len], &b[run.in_b..run.in_b + run.len]);
            }
        }
    }

    #[test]
    fn empty_strings_and_full_words() {
        assert_eq!((length(b"", b"abc"), length(b"abc", b"")), (0, 0));
        assert!(matches(b"", b"abc").is_empty() && matches(b"abc", b"").is_empty());
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(length(&all, &all), 256);
        assert_eq!(matches(&all, &all), [Match { in_a: 0, in_b: 0, len: 256 }]);
    }
}
