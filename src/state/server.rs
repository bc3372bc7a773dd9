//! The process-wide state, created once and shared by every thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::{Conditions, Control, LatencyMonitor, Registry, SlowLog, Stats};
use crate::base::{Millis, ReplId};
use crate::cluster::ClusterView;
use crate::config::Settings;
use crate::keyspace::Keyspace;

/// What does not change while the process runs.
#[derive(Debug)]
pub struct Identity {
    pub run_id: ReplId,
    pub started: Millis,
    pub pid: u32,
    pub executable: String,
    /// Empty when the node was started without one.
    pub config_file: String,
    pub worker_threads: usize,
}

/// Everything the process shares.
#[derive(Debug)]
pub struct Server {
    pub identity: Identity,
    pub keyspace: Keyspace,
    pub stats: Stats,
    pub clients: Registry,
    pub slowlog: SlowLog,
    pub latency: LatencyMonitor,
    pub conditions: Conditions,
    pub control: Control,
    /// What the data plane knows of the cluster; `None` when cluster mode is off.
    pub cluster: Option<ArcSwap<ClusterView>>,
    settings: ArcSwap<Settings>,
    settings_version: AtomicU64,
}

impl Server {
    #[must_use]
    pub fn new(
        identity: Identity,
        settings: Settings,
        keyspace: Keyspace,
        stats: Stats,
        control: Control,
        cluster: Option<ClusterView>,
    ) -> Server {
        Server {
            identity,
            keyspace,
            stats,
            clients: Registry::default(),
            slowlog: SlowLog::default(),
            latency: LatencyMonitor::default(),
            conditions: Conditions::default(),
            control,
            cluster: cluster.map(ArcSwap::from_pointee),
            settings: ArcSwap::from_pointee(settings),
            settings_version: AtomicU64::new(0),
        }
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// Changes with every [`Server::publish_settings`], so that workers know when to look again.
    #[inline]
    #[must_use]
    pub fn settings_version(&self) -> u64 {
        self.settings_version.load(Ordering::Acquire)
    }

    /// Puts new settings in force. Only the control plane does this.
    pub fn publish_settings(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
        self.settings_version.fetch_add(1, Ordering::AcqRel);
    }
}
