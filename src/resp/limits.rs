//! How much of anything a connection may send.

use super::error::ProtocolError;

/// From this length on an argument gets a block of its own.
pub const BIG_ARG: usize = 32 * 1024;
/// A line with a length, or an inline request, longer than this is refused.
pub(super) const LINE_MAX: usize = 64 * 1024;

/// What a connection may send; may change between two calls, as AUTH and CONFIG SET do.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `proto-max-bulk-len`, in bytes.
    pub max_bulk_len: usize,
    /// Arguments of one request.
    pub max_args: usize,
    /// Bytes of an inline request.
    pub max_inline: usize,
    /// `client-query-buffer-limit`: bytes of an unfinished request.
    pub max_query_buffer: usize,
    /// Until then the next two hold as well.
    pub authenticated: bool,
    /// Arguments of a request before authentication.
    pub unauthenticated_args: usize,
    /// Bytes of an argument before authentication.
    pub unauthenticated_bulk_len: usize,
}

impl Default for Limits {
    /// A server's defaults.
    fn default() -> Limits {
        Limits {
            max_bulk_len: 512 * 1024 * 1024,
            max_args: i32::MAX as usize,
            max_inline: LINE_MAX,
            max_query_buffer: 1024 * 1024 * 1024,
            authenticated: true,
            unauthenticated_args: 10,
            unauthenticated_bulk_len: 16 * 1024,
        }
    }
}

impl Limits {
    /// Whether a request may have `count` arguments.
    pub(super) fn check_args(&self, count: usize) -> Result<(), ProtocolError> {
        if count > self.max_args {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        if count > self.unauthenticated_args && !self.authenticated {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        Ok(())
    }

    /// Whether an argument may have `len` bytes.
    pub(super) fn check_bulk(&self, len: usize) -> Result<(), ProtocolError> {
        if len > self.max_bulk_len {
            return Err(ProtocolError::InvalidBulkLength);
        }
        if len > self.unauthenticated_bulk_len && !self.authenticated {
            return Err(ProtocolError::UnauthenticatedBulkLength);
        }
        Ok(())
    }

    /// Arguments, and bytes of one, that the fast path may take without asking further.
    #[inline]
    pub(super) fn for_small(&self) -> (usize, usize) {
        if self.authenticated {
            (self.max_args, self.max_bulk_len.min(BIG_ARG - 1))
        } else {
            let bulk = self.max_bulk_len.min(self.unauthenticated_bulk_len).min(BIG_ARG - 1);
            (self.max_args.min(self.unauthenticated_args), bulk)
        }
    }
}
