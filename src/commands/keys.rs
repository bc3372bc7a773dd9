//! Which arguments of a request are keys: derived from the command's key specs.

use smallvec::SmallVec;

use super::Registered;
use crate::base::number::parse_i64;
use crate::resp::RawRequest;
use crate::spec::{Begin, CmdError, CmdResult, Find, KeyFlags, KeySpec};

/// A request with more keys than this keeps them on the heap.
const INLINE_KEYS: usize = 16;

/// The keys of one request: argument indexes with what the command does to them.
pub type Found = SmallVec<[(u32, KeyFlags); INLINE_KEYS]>;

/// The error COMMAND GETKEYS and routing give when the arguments make no sense as keys.
pub const INVALID: CmdError = CmdError::text("ERR Invalid arguments specified for command");

/// Finds the request's keys, in the order of the key specs.
///
/// # Errors
/// [`INVALID`] when a key count is missing or larger than the arguments there are.
pub fn find(command: &Registered, request: RawRequest<'_>, found: &mut Found) -> CmdResult<()> {
    if let Some(find_keys) = command.find_keys {
        return find_keys(request, found);
    }
    for spec in command.spec.keys {
        if !spec.flags.contains(KeyFlags::NOT_KEY) {
            find_by_spec(spec, request, found)?;
        }
    }
    Ok(())
}

/// Finds the arguments that one key spec describes.
///
/// # Errors
/// As [`find`].
pub fn find_by_spec(spec: &KeySpec, request: RawRequest<'_>, found: &mut Found) -> CmdResult<()> {
    let Some(first) = begin(spec.begin, request) else {
        return Ok(());
    };
    let mut flags = spec.flags;
    let (first, last, step) = match spec.find {
        Find::Range { last_key, step, limit } => {
            (first, range_end(first, last_key, limit, request.len()), usize::from(step))
        }
        Find::Count { index, first: offset, step } => {
            let text = request.get(first + usize::from(index)).ok_or(INVALID)?;
            let number = parse_i64(text);
            if number.is_none() {
                // Read by an older part of Redis, which takes it as C does and knows no flags.
                flags = KeyFlags::empty();
            }
            let count = usize::try_from(number.unwrap_or_else(|| leading_number(text)));
            let count = count.unwrap_or(0);
            let from = first + usize::from(offset);
            let span = count.checked_mul(usize::from(step)).ok_or(INVALID)?;
            let Some(last) = from.checked_add(span).and_then(|end| end.checked_sub(1)) else {
                return Err(INVALID);
            };
            if count == 0 {
                return Ok(());
            }
            (from, last, usize::from(step))
        }
        Find::Unknown => return Ok(()),
    };
    if last >= request.len() || first >= request.len() {
        return Err(INVALID);
    }
    found.extend((first..=last).step_by(step.max(1)).map(|index| (index as u32, flags)));
    Ok(())
}

/// The number that a text begins with, as C's `atoi` reads it; 0 if there is none.
fn leading_number(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    let add =
        |number: i64, digit: &u8| number.saturating_mul(10).saturating_add((digit - b'0').into());
    digits.fold(0, add)
}

/// The argument at which the search begins; `None` if the request has no such place.
fn begin(begin: Begin, request: RawRequest<'_>) -> Option<usize> {
    match begin {
        Begin::Index(index) => Some(usize::from(index)),
        Begin::Keyword { word, from } => {
            let matches = |&index: &usize| request.arg(index).eq_ignore_ascii_case(word.as_bytes());
            let found = if from >= 0 {
                (from as usize..request.len()).find(matches)
            } else {
                let start = request.len().checked_sub(usize::from(from.unsigned_abs()))?;
                (1..=start).rev().find(matches)
            };
            found.map(|index| index + 1)
        }
        Begin::Unknown => None,
    }
}

fn range_end(first: usize, last_key: i16, limit: u16, count: usize) -> usize {
    if last_key >= 0 {
        return first + last_key as usize;
    }
    let back = usize::from(last_key.unsigned_abs());
    if limit <= 1 {
        return count.saturating_sub(back);
    }
    // Only the first part of what is left: the keys of XREAD, whose other half are ids.
    let left = count.saturating_sub(first);
    (first + left / usize::from(limit)).saturating_sub(back)
}
