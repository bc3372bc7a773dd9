//! What the control plane does every tick: samples, idle connections, memory.

use std::sync::atomic::Ordering;

use super::{aof, resources};
use crate::base::Millis;
use crate::engine::evict_clients;
use crate::state::memory::Resources;
use crate::state::{ClientFlags, Mail, Server};

/// Idle connections are looked for this often.
const IDLE_CHECK_EVERY: Millis = Millis(1000);

/// Time-driven work of the control plane.
#[derive(Default)]
pub(super) struct Cron {
    idle_checked: Millis,
    /// Allocated at the first tick.
    startup_bytes: u64,
}

impl Cron {
    pub(super) fn tick(&mut self, server: &Server, now: Millis) {
        sample_rates(server, now);
        self.watch_memory(server, now);
        aof::watch(server);
        server.clients.retry_evictions();
        evict_clients(server, &server.settings.load());
        if now.since(self.idle_checked) >= IDLE_CHECK_EVERY {
            self.idle_checked = now;
            close_idle(server, now);
            server.courier.get().inspect(|courier| courier.tidy());
        }
    }

    /// Notes how much is used, the peak, and whether `maxmemory` is exceeded.
    fn watch_memory(&mut self, server: &Server, now: Millis) {
        let read = |_: &Resources| resources::read(self.startup_bytes);
        let resources =
            server.memory.update(now, &server.keyspace, (&server.garbage, &server.log), read);
        if self.startup_bytes == 0 {
            self.startup_bytes = resources.allocated;
        }
        server.stats.peak_memory_bytes.fetch_max(resources.allocated, Ordering::Relaxed);
        let limit = server.settings.load().maxmemory;
        let exceeded = limit > 0 && server.keyspace.meter().used() > limit;
        server.memory.note_exceeded(exceeded, now);
    }
}

fn sample_rates(server: &Server, now: Millis) {
    let mut rates = server.stats.rates.lock();
    rates.operations.sample(server.stats.sum(|worker| &worker.commands), now.0);
    rates.net_in_bytes.sample(server.stats.sum(|worker| &worker.net_in_bytes), now.0);
    rates.net_out_bytes.sample(server.stats.sum(|worker| &worker.net_out_bytes), now.0);
}

/// `timeout`: closes connections that have sent nothing for that long and wait for nothing.
fn close_idle(server: &Server, now: Millis) {
    let timeout = u64::from(server.settings.load().timeout);
    if timeout == 0 {
        return;
    }
    let exempt = ClientFlags::BLOCKED
        .union(ClientFlags::SUBSCRIBED)
        .union(ClientFlags::MONITOR)
        .union(ClientFlags::REPLICA)
        .union(ClientFlags::PRIMARY);
    for client in server.clients.all() {
        let last_active = Millis(client.last_active.load(Ordering::Relaxed));
        let idle = now.since(last_active) > Millis::from_secs(timeout);
        if idle && !client.flags().intersects(exempt) {
            tracing::debug!(client = client.id, "closing idle client");
            client.post(Mail::Kill);
        }
    }
}
