//! Client-side caching: which connection has which keys in its cache, and what tells it that they
//! are no longer good.
//!
//! A key is remembered under its slot's lock right after it was read, and a writer looks here under
//! the lock of the key it changed: so nobody keeps what is outdated. The table is bounded by
//! `tracking-table-max-keys`; what is forgotten counts as changed. Databases make no difference, as
//! in Redis. Without a connection that tracks, a writer pays one load.
//!
//! Connections in broadcasting mode are not in the table: they hear of every key that begins with
//! one of their prefixes, once for each batch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use dashmap::DashMap;
use parking_lot::RwLock;

use super::{Client, ClientFlags, ClientShared, Mail, Registry};
use crate::resp::{Proto, Value};

/// The channel on which connections that speak RESP2 hear of changes for others.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// A changed key, and the connection that changed it.
pub type Changed = (Box<[u8]>, u64);

/// Who hears of every key with a prefix.
type Prefixes = BTreeMap<Box<[u8]>, Vec<Arc<ClientShared>>>;

/// Who has what in its cache.
#[derive(Debug, Default)]
pub struct Tracking {
    clients: AtomicUsize,
    /// Ids of the connections that have read a key, each once.
    readers: DashMap<Box<[u8]>, Vec<u64>>,
    /// How many keys these are: asking the table itself would lock all of it.
    keys: AtomicUsize,
    /// Readers of all keys.
    items: AtomicUsize,
    prefixes: RwLock<Prefixes>,
}

/// What a connection asks for with CLIENT TRACKING ON.
#[derive(Debug)]
pub struct Wish {
    /// BCAST, OPTIN, OPTOUT and NOLOOP.
    pub flags: ClientFlags,
    /// The connection to tell instead; 0 for none.
    pub redirect: u64,
    pub prefixes: Vec<Box<[u8]>>,
}

/// What CLIENT TRACKING can set.
const FLAGS: ClientFlags = ClientFlags::TRACKING
    .union(ClientFlags::BROADCAST)
    .union(ClientFlags::OPT_IN)
    .union(ClientFlags::OPT_OUT)
    .union(ClientFlags::NO_LOOP);

impl Tracking {
    /// Connections that track.
    #[inline]
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// Keys remembered, their readers, and prefixes.
    #[must_use]
    pub fn totals(&self) -> (usize, usize, usize) {
        let items = self.items.load(Ordering::Relaxed);
        (self.keys.load(Ordering::Relaxed), items, self.prefixes.read().len())
    }

    /// Turns tracking on for a connection, or changes how it is done.
    pub fn start(&self, client: &mut Client, wish: Wish) {
        if !client.flags.contains(ClientFlags::TRACKING) {
            self.clients.fetch_add(1, Ordering::AcqRel);
        }
        client.set(FLAGS, false);
        client.set(wish.flags.union(ClientFlags::TRACKING), true);
        client.shared.redirect.store(wish.redirect, Ordering::Relaxed);
        client.shared.redirect_broken.store(false, Ordering::Relaxed);
        let mut all = self.prefixes.write();
        for prefix in wish.prefixes {
            if client.prefixes.insert(prefix.clone()) {
                all.entry(prefix).or_default().push(Arc::clone(&client.shared));
            }
        }
    }

    /// Turns tracking off. What the connection has read stays in the table until it changes.
    pub fn stop(&self, client: &mut Client) {
        if !client.flags.contains(ClientFlags::TRACKING) {
            return;
        }
        self.clients.fetch_sub(1, Ordering::AcqRel);
        client.set(FLAGS.union(ClientFlags::CACHING), false);
        client.shared.redirect.store(0, Ordering::Relaxed);
        client.shared.redirect_broken.store(false, Ordering::Relaxed);
        let mut all = self.prefixes.write();
        for prefix in std::mem::take(&mut client.prefixes) {
            if let Some(clients) = all.get_mut(&prefix) {
                clients.retain(|other| other.id != client.shared.id);
            }
        }
        all.retain(|_, clients| !clients.is_empty());
    }

    /// Remembers that a connection has read a key. Call it with the key's slot locked.
    pub fn remember(&self, key: &[u8], reader: u64) {
        let mut readers = self.readers.entry(key.into()).or_insert_with(|| {
            self.keys.fetch_add(1, Ordering::Relaxed);
            Vec::new()
        });
        if !readers.contains(&reader) {
            readers.push(reader);
            self.items.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A key that has to be forgotten lest there be more than `max`.
    #[must_use]
    pub fn surplus(&self, max: u64) -> Option<Box<[u8]>> {
        let is_full = max > 0 && self.keys.load(Ordering::Relaxed) as u64 > max;
        is_full.then(|| self.readers.iter().next().map(|entry| entry.key().clone())).flatten()
    }

    /// Forgets a key, and hands out those who have read it.
    #[must_use]
    pub fn take_readers(&self, key: &[u8]) -> Vec<u64> {
        let Some((_, readers)) = self.readers.remove(key) else { return Vec::new() };
        self.keys.fetch_sub(1, Ordering::Relaxed);
        self.items.fetch_sub(readers.len(), Ordering::Relaxed);
        readers
    }

    /// Tells everybody who tracks that nothing is as it was. Call it with the keyspace to oneself.
    pub fn forget_all(&self, clients: &Registry) {
        if self.clients() == 0 {
            return;
        }
        self.clear();
        for client in clients.all() {
            if client.flags().contains(ClientFlags::TRACKING) {
                send(clients, &client, &Value::Null);
            }
        }
    }

    /// Forgets every key.
    pub fn clear(&self) {
        self.readers.clear();
        self.keys.store(0, Ordering::Relaxed);
        self.items.store(0, Ordering::Relaxed);
    }

    /// Whether anybody hears of every key with some prefix.
    #[must_use]
    pub fn broadcasts(&self) -> bool {
        !self.prefixes.read().is_empty()
    }

    /// Tells of changed keys those who asked for their prefixes.
    pub fn broadcast(&self, clients: &Registry, mut changed: Vec<Changed>) {
        changed.sort_unstable();
        changed.dedup_by(|one, other| one.0 == other.0);
        for (prefix, listeners) in self.prefixes.read().iter() {
            let with_prefix: Vec<&Changed> =
                changed.iter().filter(|(key, _)| key.starts_with(prefix)).collect();
            for client in listeners {
                let keys: Vec<&[u8]> = with_prefix
                    .iter()
                    .filter(|(_, by)| !is_own_echo(client, *by))
                    .map(|(key, _)| &**key)
                    .collect();
                if !keys.is_empty() {
                    send(clients, client, &named(&keys));
                }
            }
        }
    }
}

/// Whether a connection does not want to hear of its own change.
#[must_use]
pub fn is_own_echo(client: &ClientShared, by: u64) -> bool {
    client.id == by && client.flags().contains(ClientFlags::NO_LOOP)
}

/// The part of a message that says which keys have changed.
#[must_use]
pub fn named(keys: &[&[u8]]) -> Value {
    Value::Array(keys.iter().map(|key| Value::Bulk(Bytes::copy_from_slice(key))).collect())
}

/// What tells a connection that tracks of changed keys, and the connection that is to get it.
#[must_use]
pub fn message(
    clients: &Registry,
    client: &Arc<ClientShared>,
    keys: &Value,
) -> Option<(Arc<ClientShared>, Arc<Value>)> {
    let speaks_resp3 = |client: &ClientShared| client.details.lock().proto == Proto::Resp3;
    let bulk = |bytes: &'static [u8]| Value::Bulk(Bytes::from_static(bytes));
    let redirect = client.redirect.load(Ordering::Relaxed);
    let target = match redirect {
        0 => Some(Arc::clone(client)),
        id => clients.get(id),
    };
    let Some(target) = target else {
        client.redirect_broken.store(true, Ordering::Relaxed);
        let parts = vec![bulk(b"tracking-redir-broken"), Value::Int(redirect as i64)];
        let told = speaks_resp3(client);
        return told.then(|| (Arc::clone(client), Arc::new(Value::Push(parts))));
    };
    let parts = if speaks_resp3(&target) {
        vec![bulk(b"invalidate"), keys.clone()]
    } else if redirect != 0 && target.flags().contains(ClientFlags::SUBSCRIBED) {
        vec![bulk(b"message"), bulk(CHANNEL), keys.clone()]
    } else {
        return None;
    };
    Some((target, Arc::new(Value::Push(parts))))
}

/// Tells a connection that tracks of changed keys.
pub fn send(clients: &Registry, client: &Arc<ClientShared>, keys: &Value) {
    if let Some((target, message)) = message(clients, client, keys) {
        target.post(Mail::Push(message));
    }
}

/// Those of `readers` who still want to hear of what they have read.
pub fn listeners(
    clients: &Registry,
    readers: Vec<u64>,
) -> impl Iterator<Item = Arc<ClientShared>> + '_ {
    readers.into_iter().filter_map(|id| clients.get(id)).filter(|client| {
        let flags = client.flags();
        flags.contains(ClientFlags::TRACKING) && !flags.contains(ClientFlags::BROADCAST)
    })
}
