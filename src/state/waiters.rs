//! Who waits in a blocking command, and for which keys.
//!
//! A client is entered under the locks of its keys' slots after it has found nothing there, and a
//! writer looks here under the lock of the key it changed: so nobody is missed. Queues are in the
//! order of arrival. A waiter's call is taken out by whoever ends the wait, which is a writer that
//! serves it or its own thread (timeout, CLIENT UNBLOCK, a closed connection); whoever comes second
//! finds nothing.
//!
//! Lock order: slots, then one waiter's call, then the table.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use dashmap::DashMap;
use parking_lot::Mutex;

use super::watches::Name;
use super::{ClientShared, Mail};
use crate::resp::{OwnedRequest, Proto};
use crate::spec::CmdError;
use crate::types::Kind;

/// A connection that waits.
#[derive(Debug)]
pub struct Waiter {
    pub client: Arc<ClientShared>,
    /// Tells its answer from a late one.
    pub ticket: u64,
    /// Its keys, each once.
    pub names: Vec<Name>,
    /// What to run for it; `None` once the wait is over.
    pub call: Mutex<Option<Call>>,
}

/// The reply to a connection that waited.
#[derive(Debug)]
pub struct Served {
    pub waiter: Arc<Waiter>,
    pub reply: Bytes,
}

impl Served {
    /// Sends the reply. `logged_to`: where the log ends that has what the command brought about.
    pub fn send(self, logged_to: Option<u64>) {
        let Served { waiter, reply } = self;
        waiter.client.post(Mail::Served { ticket: waiter.ticket, reply, logged_to });
    }
}

/// The command that is run again when a key is ready.
#[derive(Debug)]
pub struct Call {
    pub request: OwnedRequest,
    /// Number of the command in the command table.
    pub command: usize,
    pub db: u8,
    pub proto: Proto,
    /// What a key must hold to be of use.
    pub kind: Kind,
    /// What to answer when a key it waits for is deleted or becomes something else.
    pub if_gone: Option<CmdError>,
}

/// Every waiter by key.
#[derive(Debug, Default)]
pub struct Waiters {
    count: AtomicUsize,
    queues: DashMap<Name, Vec<Arc<Waiter>>>,
}

impl Waiters {
    /// Connections that wait.
    #[inline]
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Enters a waiter. Call it with the slots of its keys locked.
    pub fn enter(&self, waiter: &Arc<Waiter>) {
        self.count.fetch_add(1, Ordering::Relaxed);
        for name in &waiter.names {
            self.queues.entry(name.clone()).or_default().push(Arc::clone(waiter));
        }
    }

    /// Takes a waiter whose call has been taken out of all queues.
    pub fn leave(&self, waiter: &Waiter) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        for name in &waiter.names {
            if let Some(mut queue) = self.queues.get_mut(name) {
                queue.retain(|other| !std::ptr::eq(&**other, waiter));
            }
            self.queues.remove_if(name, |_, queue| queue.is_empty());
        }
    }

    /// Whether anybody waits for a key.
    #[must_use]
    pub fn awaits(&self, name: &Name) -> bool {
        self.queues.contains_key(name)
    }

    /// Those who wait for a key, first come first.
    #[must_use]
    pub fn queue(&self, name: &Name) -> Vec<Arc<Waiter>> {
        self.queues.get(name).map(|queue| queue.clone()).unwrap_or_default()
    }

    /// The keys of a database that somebody waits for.
    #[must_use]
    pub fn names(&self, db: u8) -> Vec<Name> {
        let of_db = self.queues.iter().filter(|entry| entry.key().0 == db);
        of_db.map(|entry| entry.key().clone()).collect()
    }

    /// Everybody who waits, in no order; one who waits for several keys comes several times.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Waiter>> {
        self.queues.iter().flat_map(|entry| entry.value().clone()).collect()
    }
}
