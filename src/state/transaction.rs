//! What a connection has queued since MULTI.

use super::watches::Watching;
use crate::resp::OwnedRequest;
use crate::spec::Flags;

/// The requests that EXEC will run.
#[derive(Debug)]
pub struct Transaction {
    pub queued: Vec<Queued>,
    /// Something that could not be queued: EXEC will refuse.
    pub failed: bool,
    /// The flags of all queued commands together.
    pub flags: Flags,
    /// A queued command needs the whole keyspace to itself.
    pub exclusive: bool,
    bytes: usize,
}

/// One queued request.
#[derive(Debug)]
pub struct Queued {
    pub request: OwnedRequest,
    /// Number of the command in the command table.
    pub command: usize,
}

impl Default for Transaction {
    fn default() -> Transaction {
        Transaction {
            queued: Vec::new(),
            failed: false,
            flags: Flags::empty(),
            exclusive: false,
            bytes: 0,
        }
    }
}

impl Transaction {
    pub fn queue(&mut self, request: OwnedRequest, command: usize, flags: Flags, exclusive: bool) {
        // Nothing more of it will run.
        if self.failed {
            return;
        }
        self.bytes += request.heap_bytes();
        self.flags |= flags;
        self.exclusive |= exclusive;
        self.queued.push(Queued { request, command });
    }

    /// Bytes of the queue, which count towards `client-query-buffer-limit`.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.bytes + self.queued.capacity() * size_of::<Queued>()
    }
}

/// A transaction that is being executed, with what was watched for it.
#[derive(Debug, Default)]
pub struct Execution {
    pub transaction: Transaction,
    pub watching: Watching,
}
