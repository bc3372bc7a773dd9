//! The process-wide state, created once and shared by every thread.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::courier::Courier;
use super::memory::{Gauge, Resources};
use super::own_expiries::OwnExpiries;
use super::{
    Acl, Aof, Conditions, Control, Dump, Durability, LatencyMonitor, Loading, Mail, Monitors,
    Persistence, PubSub, Registry, Replication, SlowLog, Stats, Tracking, Waiters, Watches,
};
use crate::acl::{Catalog, Users};
use crate::base::{Millis, ReplId};
use crate::cluster::ClusterView;
use crate::config::Settings;
use crate::config::table::MaxmemoryPolicy;
use crate::keyspace::{Keyspace, Recording};
use crate::replication::Log;

/// What does not change while the process runs.
#[derive(Debug)]
pub struct Identity {
    pub run_id: ReplId,
    pub started: Millis,
    pub pid: u32,
    pub executable: String,
    /// Kernel and machine, as `uname` prints them.
    pub os: String,
    /// `None` when the node was started without one.
    pub config_file: Option<PathBuf>,
    pub worker_threads: usize,
}

/// Everything the process shares.
#[derive(Debug)]
pub struct Server {
    pub identity: Identity,
    pub keyspace: Keyspace,
    pub stats: Stats,
    pub acl: Acl,
    pub clients: Registry,
    pub slowlog: SlowLog,
    pub latency: LatencyMonitor,
    pub conditions: Conditions,
    /// Until when a shutdown waits for replicas, in Unix milliseconds; 0: none waits.
    pub shutdown_at: AtomicU64,
    pub control: Control,
    pub garbage: Dump,
    /// How far the log is safe.
    pub durability: Durability,
    /// What replicas and the append-only file read.
    pub log: Log,
    /// Whom this node follows, and who follows it.
    pub replication: Replication,
    pub own_expiries: OwnExpiries,
    pub aof: Aof,
    pub loading: Loading,
    /// Held by whoever replaces the whole dataset, and while the primary's stream is run, which
    /// nothing else keeps out meanwhile. Taken before the gate.
    pub replacing: Mutex<()>,
    pub monitors: Monitors,
    /// How saving and loading go.
    pub persistence: Persistence,
    pub pubsub: PubSub,
    pub tracking: Tracking,
    pub waiters: Waiters,
    pub watches: Watches,
    /// How MIGRATE reaches other nodes; set once sockets may be opened.
    pub courier: OnceLock<Box<dyn Courier>>,
    pub memory: Gauge,
    /// What the data plane knows of the cluster; `None` when cluster mode is off.
    pub cluster: Option<Arc<ArcSwap<ClusterView>>>,
    /// The settings in force; only the control plane replaces them.
    pub settings: Arc<ArcSwap<Settings>>,
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
        catalog: &'static Catalog,
    ) -> Server {
        follow(&keyspace, &settings);
        let log = Log::default();
        log.set_backlog(settings.repl_backlog_size);
        Server {
            acl: Acl::new(catalog, &settings),
            replication: Replication::new(identity.run_id),
            clients: Registry::new(identity.worker_threads),
            durability: Durability::new(identity.worker_threads),
            identity,
            keyspace,
            stats,
            slowlog: SlowLog::default(),
            latency: LatencyMonitor::default(),
            conditions: Conditions::default(),
            shutdown_at: AtomicU64::new(0),
            control,
            garbage: Dump::default(),
            log,
            own_expiries: OwnExpiries::default(),
            aof: Aof::default(),
            loading: Loading::default(),
            replacing: Mutex::default(),
            monitors: Monitors::default(),
            persistence: Persistence::default(),
            pubsub: PubSub::default(),
            tracking: Tracking::default(),
            waiters: Waiters::default(),
            watches: Watches::default(),
            courier: OnceLock::new(),
            memory: Gauge::default(),
            cluster: cluster.map(|view| Arc::new(ArcSwap::from_pointee(view))),
            settings: Arc::new(ArcSwap::from_pointee(settings)),
        }
    }

    /// Puts new settings in force. Only the control plane does this.
    pub fn put_in_force(&self, settings: Arc<Settings>) {
        follow(&self.keyspace, &settings);
        self.log.set_backlog(settings.repl_backlog_size);
        self.settings.store(settings);
    }

    /// Puts a new table of users in force, and has the connections look whose user is changed or
    /// gone. Only the control plane does this.
    pub fn put_users(&self, users: Users) {
        let after = Arc::new(users);
        let before = self.acl.put(Arc::clone(&after));
        for client in self.clients.all() {
            let name = client.details.lock().user.clone();
            let users = before.get(&name).zip(after.get(&name));
            if users.is_none_or(|(before, after)| !Arc::ptr_eq(before, after)) {
                client.post(Mail::UserChanged);
            }
        }
    }

    /// The process's use of memory as of now.
    #[must_use]
    pub fn read_memory(&self, now: Millis) -> Resources {
        // Costs less than the rest of the report it is made for.
        let uncounted = (&self.garbage, &self.log);
        self.memory.read_if_older(Millis(1), now, &self.keyspace, uncounted);
        self.memory.load()
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }
}

/// What the keyspace has to know of the settings.
fn follow(keyspace: &Keyspace, settings: &Settings) {
    keyspace.set_recording(recording(settings));
    keyspace.meter().set_on(settings.maxmemory > 0);
    let is_queued = settings.maxmemory_policy == MaxmemoryPolicy::AllkeysS3fifo;
    keyspace.set_queues(is_queued && settings.maxmemory > 0);
}

/// What entries note of their use, as `maxmemory-policy` needs it.
fn recording(settings: &Settings) -> Recording {
    if settings.maxmemory_policy == MaxmemoryPolicy::AllkeysS3fifo {
        Recording::Uses
    } else if settings.maxmemory_policy.is_lfu() {
        let (log_factor, decay_minutes) = (settings.lfu_log_factor, settings.lfu_decay_time);
        Recording::Frequency { log_factor, decay_minutes }
    } else {
        Recording::LastUse
    }
}
