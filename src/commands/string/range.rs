//! Ranges with ends that may count from the back: of bytes, or of bits.

use std::ops::Range;

/// The units of a value of `len` that `start..=end` covers, both counted from the end when
/// negative.
#[must_use]
pub fn resolve(start: i64, end: i64, len: usize) -> Option<Range<usize>> {
    if runs_backwards(start, end) { None } else { clamp(start, end, len) }
}

/// Whether two ends that both count from the end are the wrong way round. Behind the beginning of
/// the value they would otherwise both be taken for its first unit.
#[must_use]
pub fn runs_backwards(start: i64, end: i64) -> bool {
    start < 0 && end < 0 && start > end
}

/// As [`resolve`], without the exception for ends that run backwards.
#[must_use]
pub fn clamp(start: i64, end: i64, len: usize) -> Option<Range<usize>> {
    let count = i64::try_from(len).ok()?;
    let from_end = |at: i64| if at < 0 { (count + at).max(0) } else { at };
    let (start, end) = (from_end(start), from_end(end).min(count - 1));
    (start <= end).then(|| start as usize..end as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_count_from_both_ends() {
        let (min, max) = (i64::MIN, i64::MAX);
        for (start, end, expected) in [
            (0, -1, Some(0..5)),
            (1, 1, Some(1..2)),
            (-2, max, Some(3..5)),
            (min, max, Some(0..5)),
            (min, min, Some(0..1)),
            (max, max, None),
            (3, 2, None),
            (5, 9, None),
            (-100, -200, None),
            (-1, -2, None),
        ] {
            assert_eq!(resolve(start, end, 5), expected, "{start} {end}");
        }
        assert_eq!(clamp(-100, -200, 5), Some(0..1));
        assert_eq!(clamp(0, -1, 0), None);
        assert_eq!(clamp(min, min, 0), None);
    }
}
