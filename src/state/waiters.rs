//! Who waits in a blocking command, and for which keys.
//!
//! A client is entered under the locks of its keys' slots after it has found nothing there, and a
//! writer looks here under the lock of the key it changed: so nobody is missed. A waiter's call is
//! taken out by whoever ends the wait, which is a writer that serves it, CLIENT UNBLOCK or its own
//! thread (timeout, a closed connection); whoever comes second finds nothing.
//!
//! Those who wait for a key stand in lines, in the order of arrival. What one of a line leaves is
//! all that the next can get, so a writer stops at the first for whom there is nothing, and pays
//! for those it serves, not for those who wait.
//!
//! Lock order: slots, then one waiter's call, then the table.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use dashmap::DashMap;
use parking_lot::Mutex;

use super::watches::Name;
use super::{ClientShared, Mail};
use crate::replication::Reach;
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
    /// Where it stands in the queue of each of them.
    pub place: Place,
    /// What to run for it; `None` once the wait is over.
    pub call: Mutex<Option<Call>>,
}

/// Those who take from the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    /// Elements of a collection of this kind.
    Elements(Kind),
    /// New entries of a stream, for this group.
    Group(Box<[u8]>),
    /// Nothing: this one reads a stream from a position of its own, and stands alone.
    Reader,
}

/// Where a waiter stands in the queue of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    line: Line,
    arrival: u64,
}

impl Place {
    /// Behind all who can get nothing if this one cannot.
    #[must_use]
    pub fn end_of_line(&self) -> Place {
        let alone = self.line == Line::Reader;
        Place { line: self.line.clone(), arrival: if alone { self.arrival } else { u64::MAX } }
    }

    /// Whether it has to hear when a key is gone.
    #[must_use]
    pub fn is_of_group(&self) -> bool {
        matches!(self.line, Line::Group(_))
    }
}

/// The reply to a connection that waited.
#[derive(Debug)]
pub struct Served {
    pub waiter: Arc<Waiter>,
    pub reply: Bytes,
}

impl Served {
    /// Sends the reply. `logged_to`: how far the log goes that has what the command brought about.
    pub fn send(self, logged_to: Option<Reach>) {
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

/// Those who wait for one key, in the order in which they are served.
type Queue = BTreeMap<Place, Arc<Waiter>>;

/// Every waiter by key, and by connection.
#[derive(Debug, Default)]
pub struct Waiters {
    count: AtomicUsize,
    arrivals: AtomicU64,
    queues: DashMap<Name, Queue>,
    by_client: DashMap<u64, Arc<Waiter>>,
}

impl Waiters {
    /// Connections that wait.
    #[inline]
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The last place of a line. Call it, and [`Waiters::enter`], with the slots of the waiter's
    /// keys locked.
    #[must_use]
    pub fn place_in(&self, line: Line) -> Place {
        Place { line, arrival: self.arrivals.fetch_add(1, Ordering::Relaxed) }
    }

    /// Enters a waiter.
    pub fn enter(&self, waiter: &Arc<Waiter>) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.by_client.insert(waiter.client.id, Arc::clone(waiter));
        for name in &waiter.names {
            let mut queue = self.queues.entry(name.clone()).or_default();
            queue.insert(waiter.place.clone(), Arc::clone(waiter));
        }
    }

    /// Takes a waiter whose call has been taken out of all queues.
    pub fn leave(&self, waiter: &Waiter) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.by_client.remove(&waiter.client.id);
        for name in &waiter.names {
            if let Some(mut queue) = self.queues.get_mut(name) {
                queue.remove(&waiter.place);
            }
            self.queues.remove_if(name, |_, queue| queue.is_empty());
        }
    }

    /// Ends the wait of a connection, unless it has been served; the ticket of what it waited for.
    #[must_use]
    pub fn take_out(&self, client: u64) -> Option<u64> {
        let waiter = Arc::clone(self.by_client.get(&client)?.value());
        waiter.call.lock().take()?;
        self.leave(&waiter);
        Some(waiter.ticket)
    }

    /// Whether anybody waits for a key.
    #[must_use]
    pub fn awaits(&self, name: &Name) -> bool {
        self.queues.contains_key(name)
    }

    /// The first who waits for a key behind `last`, or of all.
    #[must_use]
    pub fn next(&self, name: &Name, last: Option<&Place>) -> Option<Arc<Waiter>> {
        let queue = self.queues.get(name)?;
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        queue.range((from, Bound::Unbounded)).next().map(|(_, waiter)| Arc::clone(waiter))
    }

    /// Those who have to hear that a key is gone.
    #[must_use]
    pub fn groups(&self, name: &Name) -> Vec<Arc<Waiter>> {
        let Some(queue) = self.queues.get(name) else { return Vec::new() };
        let of_groups = queue.values().filter(|waiter| waiter.place.is_of_group());
        of_groups.cloned().collect()
    }

    /// The keys of a database that somebody waits for.
    #[must_use]
    pub fn names(&self, db: u8) -> Vec<Name> {
        let of_db = self.queues.iter().filter(|entry| entry.key().0 == db);
        of_db.map(|entry| entry.key().clone()).collect()
    }

    /// Everybody who waits, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Waiter>> {
        self.by_client.iter().map(|entry| Arc::clone(entry.value())).collect()
    }
}

#[cfg(test)]
mod tests;
