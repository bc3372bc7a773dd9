//! When a packed collection may stay packed.

use super::{Form, Pack, listpack};
use crate::types::PackLimits;

/// Past Redis' limits a collection of at most so many elements still stays one block: a few long
/// values would otherwise pay for a table or a tree. It is reported as the big encoding.
const WIDE_ELEMENTS: usize = 64;
/// … and of at most so many bytes, which bounds what an edit moves.
const WIDE_BYTES: usize = 4096;

/// The form for `pack` once it holds `elements` and `added` more bytes, the longest of them
/// `longest`; None if it must not stay packed. A wide pack never becomes narrow again, as in Redis
/// a big encoding never becomes small.
#[inline]
#[must_use]
pub fn admit(
    pack: &Pack,
    elements: usize,
    longest: usize,
    added: usize,
    limits: PackLimits,
) -> Option<Form> {
    let total = pack.total().saturating_add(added);
    let narrow =
        elements <= limits.entries && longest <= limits.value_bytes && total <= listpack::MAX_BYTES;
    if narrow && pack.form() == Form::Listpack {
        return Some(Form::Listpack);
    }
    (elements <= WIDE_ELEMENTS && total <= WIDE_BYTES).then_some(Form::Wide)
}
