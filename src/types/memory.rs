//! What an allocation really takes.

/// The bytes that the allocator (jemalloc, 16-byte quantum) sets aside for a block of `bytes`.
///
/// Size classes are 8, multiples of 16 up to 128, then four evenly spaced ones per doubling.
#[inline]
#[must_use]
pub const fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        1..=8 => 8,
        9..=128 => bytes.next_multiple_of(16),
        _ => bytes.next_multiple_of(1 << ((bytes - 1).ilog2() - 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_are_those_of_the_allocator() {
        let classes = [
            (1, 8),
            (9, 16),
            (17, 32),
            (96, 96),
            (97, 112),
            (128, 128),
            (129, 160),
            (257, 320),
            (1000, 1024),
            (1025, 1280),
            (16_385, 20_480),
        ];
        for (asked, class) in classes {
            assert_eq!(allocated(asked), class, "{asked}");
        }
    }
}
