//! Which arguments of a request are keys: derived from the command's key specs.

use smallvec::SmallVec;

use super::Registered;
use crate::base::number::parse_i64;
use crate::resp::RawRequest;
use crate::spec::{Begin, CmdError, CmdResult, Find, Flags, KeyFlags, KeySpec};

/// A request with more keys than this keeps them on the heap.
const INLINE_KEYS: usize = 16;

/// The keys of one request: argument indexes with what the command does to them.
pub type Found = SmallVec<[(u32, KeyFlags); INLINE_KEYS]>;

/// The error COMMAND GETKEYS and routing give when the arguments make no sense as keys.
pub const INVALID: CmdError = CmdError::text("ERR Invalid arguments specified for command");

/// Finds the request's keys, in the order of the key specs.
///
/// # Errors
/// [`INVALID`] when a key count is missing, no number, or larger than the arguments there are.
pub fn find(command: &Registered, request: RawRequest<'_>, found: &mut Found) -> CmdResult<()> {
    if let Some(find_keys) = command.find_keys {
        return find_keys(request, found);
    }
    let mut specs = command.spec.keys.iter().filter(|spec| !spec.flags.contains(KeyFlags::NOT_KEY));
    if specs.try_for_each(|spec| find_by_spec(spec, request, found)).is_err() {
        found.clear();
        return find_leniently(command, request, found);
    }
    Ok(())
}

/// What Redis falls back to when a number of keys makes no sense to the key specs: an older way
/// that reads the number as C does, names a destination last, and knows no flags.
fn find_leniently(
    command: &Registered,
    request: RawRequest<'_>,
    found: &mut Found,
) -> CmdResult<()> {
    let (mut counted, mut destination) = (None, None);
    for spec in command.spec.keys {
        match (spec.begin, spec.find) {
            (Begin::Index(at), Find::Count { index, first, step: 1 }) => {
                counted = Some((at + index, usize::from(at + first)));
            }
            (Begin::Index(at), _) => destination = Some(u32::from(at)),
            _ => {}
        }
    }
    let (number, first) = counted.ok_or(INVALID)?;
    let number = request.get(usize::from(number)).map_or(0, leading_number);
    if number == 0 || number > request.len().saturating_sub(first) {
        // Redis does not ask for keys what will be refused anyway.
        let may_lack = command.flags.contains(Flags::NO_MANDATORY_KEYS);
        return if may_lack { Ok(()) } else { Err(INVALID) };
    }
    let counted = (first..first + number).map(|index| index as u32);
    found.extend(counted.chain(destination).map(|index| (index, KeyFlags::empty())));
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
    let (first, last, step) = match spec.find {
        Find::Range { last_key, step, limit } => {
            (first, range_end(first, last_key, limit, request.len()), usize::from(step))
        }
        Find::Count { index, first: offset, step } => {
            let count = request.get(first + usize::from(index)).and_then(parse_i64);
            let count = count.and_then(|n| usize::try_from(n).ok()).ok_or(INVALID)?;
            let from = first + usize::from(offset);
            let span = count.checked_mul(usize::from(step)).ok_or(INVALID)?;
            let Some(last) = from.checked_add(span).and_then(|end| end.checked_sub(1)) else {
                return Err(INVALID);
            };
            if count == 0 {
                return Err(INVALID);
            }
            (from, last, usize::from(step))
        }
        Find::Unknown => return Ok(()),
    };
    if last >= request.len() || first >= request.len() {
        return Err(INVALID);
    }
    found.extend((first..=last).step_by(step.max(1)).map(|index| (index as u32, spec.flags)));
    Ok(())
}

/// The number that a text begins with, as C's `atoi` reads it; 0 if that is none, or negative.
fn leading_number(text: &[u8]) -> usize {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number: usize, digit| {
        number.saturating_mul(10).saturating_add(usize::from(digit - b'0'))
    })
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
