//! What one thread of the data plane has to itself.

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use super::Clock;
use crate::base::Rng;
use crate::cluster::ClusterView;
use crate::config::Settings;
use crate::state::{Server, WorkerStats};

/// One worker's view of the process. The shared parts are looked at once per batch.
pub struct Worker {
    /// Its number: its gate, its counters.
    pub index: usize,
    pub server: Arc<Server>,
    pub clock: Clock,
    pub rng: Rng,
    settings: Cache<Arc<ArcSwap<Settings>>, Arc<Settings>>,
    view: Option<Cache<Arc<ArcSwap<ClusterView>>, Arc<ClusterView>>>,
}

/// What a batch reads of the shared state, fixed while it runs.
pub(super) struct Outlook<'a> {
    pub server: &'a Server,
    pub settings: &'a Settings,
    pub view: Option<&'a Arc<ClusterView>>,
    pub stats: &'a WorkerStats,
    pub clock: &'a Clock,
    pub rng: &'a mut Rng,
}

impl Worker {
    #[must_use]
    pub fn new(index: usize, server: Arc<Server>, rng: Rng) -> Worker {
        Worker {
            index,
            clock: Clock::new(),
            rng,
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

    #[inline]
    pub(super) fn outlook(&mut self) -> Outlook<'_> {
        Outlook {
            server: &self.server,
            settings: self.settings.load(),
            view: self.view.as_mut().map(|view| view.load() as &_),
            stats: self.server.stats.worker(self.index),
            clock: &self.clock,
            rng: &mut self.rng,
        }
    }
}
