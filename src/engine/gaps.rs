//! Replies with holes: what a transaction asked of the control plane is answered later, and the
//! rest of its reply waits behind.

use std::collections::VecDeque;

use crate::resp::{Encoder, Mark};

/// The answers that are missing, in the order of the output, each with what follows it.
#[derive(Debug, Default)]
pub(super) struct Gaps(VecDeque<(u64, Encoder)>);

impl Gaps {
    /// Cuts the output at the places where answers are missing.
    pub(super) fn open(&mut self, missing: &[(u64, Mark)], out: &mut Encoder) {
        for &(ticket, mark) in missing.iter().rev() {
            self.0.push_front((ticket, out.split_off(mark)));
        }
    }

    /// Whether the output written so far ends in the middle of a reply.
    pub(super) fn are_open(&self) -> bool {
        !self.0.is_empty()
    }

    /// Where what follows the reply goes: behind the last answer that is missing.
    pub(super) fn end<'a>(&'a mut self, out: &'a mut Encoder) -> &'a mut Encoder {
        match self.0.back_mut() {
            Some((_, rest)) => rest,
            None => out,
        }
    }

    /// The ticket of the answer that is missing first.
    pub(super) fn first(&self) -> Option<u64> {
        self.0.front().map(|(ticket, _)| *ticket)
    }

    /// The first missing answer was written: writes what follows it, up to the next that is
    /// missing, and says which that is.
    pub(super) fn close(&mut self, out: &mut Encoder) -> Option<u64> {
        let (_, rest) = self.0.pop_front()?;
        out.append(rest);
        self.first()
    }
}
