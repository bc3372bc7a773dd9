//! The stream of this node's primary, as its replica runs it.
//!
//! A session whose client is the primary runs the commands of the stream like any client's, but
//! refuses nothing, answers nothing and sees expired keys as the primary does. What has run is
//! appended to the own log byte for byte, so the log's end is how far this node is, and its own
//! replicas and append-only file read what the primary wrote. A transaction counts when it is
//! complete: a link that breaks inside one asks for it again from its start.

use bytes::BytesMut;

use super::Session;
use crate::resp::{Limits, RawRequest};
use crate::state::{Client, ClientFlags, Server};

/// Requests of a replica parsed at a time.
const TAKEN_MAX: usize = 64;

/// The bytes of the stream that are not in the log yet.
#[derive(Debug, Default)]
pub(super) struct Feed {
    raw: BytesMut,
    /// How many of them have run, or are queued in an open transaction.
    run: usize,
}

impl Feed {
    /// Commands of so many bytes have run. Call it under the locks of what they changed: whoever
    /// changes it after them comes after them, too, in the append-only file.
    pub(super) fn advance(&mut self, bytes: u64, server: &Server, client: &Client) {
        self.run += bytes as usize;
        if !client.flags.contains(ClientFlags::MULTI) {
            server.log.append_stream(&self.raw.split_to(self.run), client.db);
            self.run = 0;
        }
    }
}

impl Session {
    /// The session of the link to this node's primary.
    #[must_use]
    pub fn of_primary(mut client: Client) -> Session {
        client.set(ClientFlags::PRIMARY.union(ClientFlags::REPLY_OFF), true);
        let mut session = Session::new(client);
        session.feed = Some(Box::default());
        session
    }

    /// Takes bytes of the stream; call [`Session::run`] afterwards.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.parser.feed(bytes);
        if let Some(feed) = &mut self.feed {
            feed.raw.extend_from_slice(bytes);
        }
    }

    /// Bytes of the stream that were received and have not run.
    #[must_use]
    pub fn fed(&self) -> usize {
        self.feed.as_ref().map_or(0, |feed| feed.raw.len())
    }
}

/// A connection that has asked for the stream itself.
impl Session {
    /// Hands every complete request that was received to `each` instead of running it; false when
    /// the stream cannot be read on.
    pub fn take_requests(&mut self, mut each: impl FnMut(RawRequest<'_>)) -> bool {
        loop {
            while self.next < self.batch.len() {
                each(self.batch.request(self.parser.input(), self.next));
                self.next += 1;
            }
            self.parser.consume(&mut self.batch);
            self.next = 0;
            match self.parser.parse(&Limits::default(), TAKEN_MAX, &mut self.batch) {
                Ok(()) if self.batch.is_empty() => return true,
                Ok(()) => {}
                Err(_) => return false,
            }
        }
    }
}
