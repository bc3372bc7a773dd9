//! What one thread of the data plane has to itself.

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use super::{Bailiff, Clock, evict_clients};
use crate::base::Rng;
use crate::cluster::ClusterView;
use crate::config::Settings;
use crate::state::{ClientShared, Server};

/// One worker's view of the process. The shared parts are looked at once per batch.
pub struct Worker {
    /// Its number: its gate, its counters.
    pub index: usize,
    pub server: Arc<Server>,
    pub clock: Clock,
    pub rng: Rng,
    pub(super) bailiff: Bailiff,
    pub(super) settings: Cache<Arc<ArcSwap<Settings>>, Arc<Settings>>,
    pub(super) view: Option<Cache<Arc<ArcSwap<ClusterView>>, Arc<ClusterView>>>,
}

impl Worker {
    #[must_use]
    pub fn new(index: usize, server: Arc<Server>, rng: Rng) -> Worker {
        Worker {
            index,
            clock: Clock::new(),
            rng,
            bailiff: Bailiff::default(),
            settings: Cache::new(Arc::clone(&server.settings)),
            view: server.cluster.as_ref().map(|view| Cache::new(Arc::clone(view))),
            server,
        }
    }

    /// The settings in force.
    #[inline]
    pub fn settings(&mut self) -> &Arc<Settings> {
        self.settings.load()
    }

    /// Counts what a connection takes by now, and closes some if that is too much for all.
    pub fn weigh(&mut self, client: &ClientShared) {
        let grown = self.server.clients.weigh(client);
        self.server.keyspace.meter().note(grown);
        evict_clients(&self.server, self.settings.load());
    }
}
