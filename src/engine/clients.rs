//! Keeping to `maxmemory-clients`: the connections that take the most are closed first.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::config::Settings;
use crate::state::{ClientFlags, ClientShared, Mail, Server};

/// No limit is lower: one would lock everybody out, whoever could raise it included.
const LIMIT_MIN: u64 = 128 * 1024;

/// Closes connections until the others take less than `maxmemory-clients`. Cheap while they do.
#[inline]
pub fn evict_clients(server: &Server, settings: &Settings) {
    let Some(limit) = settings.maxmemory_clients.limit(settings.maxmemory) else {
        return;
    };
    if server.clients.memory() >= limit.max(LIMIT_MIN) {
        close_largest(server, limit.max(LIMIT_MIN));
    }
}

#[cold]
fn close_largest(server: &Server, limit: u64) {
    let Some(_alone) = server.clients.lock_evictions() else {
        return; // somebody is at it
    };
    let exempt = ClientFlags::NO_EVICT.union(ClientFlags::REPLICA).union(ClientFlags::PRIMARY);
    let may_go = |client: &Arc<ClientShared>| !client.flags().intersects(exempt);
    let mut clients: Vec<_> = server.clients.all().into_iter().filter(may_go).collect();
    clients.sort_by_key(|client| client.memory());
    while server.clients.memory() >= limit {
        let Some(largest) = clients.pop() else {
            tracing::warn!("over maxmemory-clients, and nobody else may be disconnected");
            // Until the next tick.
            server.clients.give_up_evictions();
            return;
        };
        if server.clients.disown(&largest) {
            tracing::info!(client = largest.id, bytes = largest.memory(), "evicting client");
            server.stats.evicted_clients.fetch_add(1, Ordering::Relaxed);
            largest.post(Mail::Kill);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kind::ClientsMemory;
    use crate::engine::testing::Local;

    fn client(server: &Server, bytes: u64, flags: ClientFlags) -> Arc<ClientShared> {
        let origin = crate::state::client::Origin::here();
        let client = ClientShared::new(server.clients.next_id(), origin, crate::base::Millis(1));
        client.flags.store(flags.bits(), Ordering::Relaxed);
        client.query_capacity.store(bytes, Ordering::Relaxed);
        let client = Arc::new(client);
        server.clients.insert(Arc::clone(&client));
        server.clients.weigh(&client);
        client
    }

    #[test]
    fn the_largest_go_first_and_protected_ones_never() {
        let local = Local::default();
        let server = &local.server;
        let limit = ClientsMemory::Bytes(1 << 20);
        let settings = Settings { maxmemory_clients: limit, ..Settings::default() };
        let bytes = [900_000, 300_000, 200_000, 100_000];
        let clients = bytes.map(|bytes| client(server, bytes, ClientFlags::empty()));
        let evicted = || server.stats.evicted_clients.load(Ordering::Relaxed);
        evict_clients(server, &settings);
        assert_eq!(evicted(), 1);
        assert!(server.clients.memory() < 700_000);
        // It is no longer counted, whatever it still publishes before it ends.
        server.clients.weigh(&clients[0]);
        assert!(server.clients.memory() < 700_000);
        let protected = client(server, 800_000, ClientFlags::NO_EVICT);
        evict_clients(server, &settings);
        assert_eq!(evicted(), 3, "300,000 and 200,000");
        protected.query_capacity.store(2_000_000, Ordering::Relaxed);
        server.clients.weigh(&protected);
        evict_clients(server, &settings);
        assert!(server.clients.memory() > 2_000_000);
        let without = Settings::default();
        evict_clients(server, &without);
    }
}
