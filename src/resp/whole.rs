//! The fast path of the request parser: a request of small arguments that has arrived whole, which
//! is nearly all of them. Says nothing about why something is not one; the slow path does.

use super::batch::Batch;

/// Parses one request of small arguments at `at`; its end, or `None` for whatever is not one,
/// whole.
#[inline]
pub(super) fn whole_request(
    input: &[u8],
    at: usize,
    max_args: usize,
    max_bulk: usize,
    batch: &mut Batch,
) -> Option<usize> {
    let (count, mut at) = small_number(input, at, b'*')?;
    if count == 0 || count > max_args {
        return None;
    }
    for _ in 0..count {
        let (len, body) = small_number(input, at, b'$')?;
        at = body + len + 2;
        if len > max_bulk || at > input.len() {
            return None;
        }
        batch.push_small(body, len);
    }
    Some(at)
}

/// Reads `sigil`, a number of one to six digits and a line break; the number and where the line
/// ends.
#[inline]
fn small_number(input: &[u8], at: usize, sigil: u8) -> Option<(usize, usize)> {
    let line: &[u8; 4] = input.get(at..)?.first_chunk()?;
    let first = line[1].wrapping_sub(b'0');
    if line[0] != sigil || first > 9 {
        return None;
    }
    if line[2] == b'\r' {
        return Some((usize::from(first), at + 4));
    }
    let second = line[2].wrapping_sub(b'0');
    if second > 9 || first == 0 {
        return None;
    }
    let mut number = usize::from(first) * 10 + usize::from(second);
    if line[3] == b'\r' {
        return Some((number, at + 5));
    }
    for (index, &byte) in input[at + 3..].iter().take(5).enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if byte == b'\r' {
            return Some((number, at + index + 5));
        }
        if digit > 9 {
            return None;
        }
        number = number * 10 + usize::from(digit);
    }
    None
}
