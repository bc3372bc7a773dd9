//! How much of anything a connection may send.

use super::error::ProtocolError;

/// From this length on an argument gets a block of its own.
pub const BIG_ARG: usize = 32 * 1024;
/// A line with a length, or an inline request, longer than this is refused.
pub(super) const LINE_MAX: usize = 64 * 1024;
/// What a client may send before it has authenticated.
const UNAUTHENTICATED_ARGS_MAX: usize = 10;
const UNAUTHENTICATED_BULK_MAX: usize = 16 * 1024;

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
    /// Until then a request may have 10 arguments of 16 KiB.
    pub authenticated: bool,
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
        }
    }
}

impl Limits {
    /// Whether a request may have `count` arguments.
    pub(super) fn check_args(&self, count: usize) -> Result<(), ProtocolError> {
        if count > self.max_args {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        if count > UNAUTHENTICATED_ARGS_MAX && !self.authenticated {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        Ok(())
    }

    /// Whether an argument may have `len` bytes.
    pub(super) fn check_bulk(&self, len: usize) -> Result<(), ProtocolError> {
        if len > self.max_bulk_len {
            return Err(ProtocolError::InvalidBulkLength);
        }
        if len > UNAUTHENTICATED_BULK_MAX && !self.authenticated {
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
            let bulk = self.max_bulk_len.min(UNAUTHENTICATED_BULK_MAX);
            (self.max_args.min(UNAUTHENTICATED_ARGS_MAX), bulk)
        }
    }
}
