//! This node's part in replication: which history it has, whom it follows and who follows it.
//!
//! The replication thread alone changes the role, under the exclusive gate; feeders enter and
//! leave the replicas they serve. Everybody may look. The lock is never held across the gate.

use std::collections::BTreeMap;

use parking_lot::{Mutex, MutexGuard};

use super::conditions::Condition;
use super::{Ask, Mail, Request, Server};
use crate::base::number::parse_i64;
use crate::base::{Millis, ReplId, Rng};
use crate::keyspace::{Expiry, Pass};
use crate::replication::sync::{Phase, Replica, Standing};
use crate::replication::{Identity, LogReader, Logging};

/// Where a replica's link to its primary stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// To be opened.
    #[default]
    Connect,
    Connecting,
    Handshake,
    /// Receives or loads a full copy.
    Sync,
    Connected,
}

impl Link {
    /// As ROLE shows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Link::Connect => "connect",
            Link::Connecting => "connecting",
            Link::Handshake => "handshake",
            Link::Sync => "sync",
            Link::Connected => "connected",
        }
    }
}

/// A full copy that is being received.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transfer {
    /// Unknown if it ends with a mark.
    pub total: Option<u64>,
    pub received: u64,
    pub heard: Millis,
}

/// The primary that this node replicates.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub host: String,
    pub port: u16,
    pub link: Link,
    /// When the primary was last heard of.
    pub heard: Millis,
    /// Since when the link is down; `None` if it never was up, or is.
    pub down_since: Option<Millis>,
    pub transfer: Option<Transfer>,
    /// Bytes received of the history, applied or not.
    pub received: u64,
}

/// A primary's attempt to hand its role to a replica.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Failover {
    #[default]
    None,
    /// Writes wait for a replica to catch up.
    WaitingForSync,
    /// The replica is asked to take over.
    InProgress,
}

impl Failover {
    /// As INFO shows it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Failover::None => "no-failover",
            Failover::WaitingForSync => "waiting-for-sync",
            Failover::InProgress => "failover-in-progress",
        }
    }
}

/// A replica that was cut off because it was too far behind. It may come back and go on.
#[derive(Debug)]
pub struct Parted {
    pub ip: String,
    pub port: u16,
    /// Keeps in the log what it has not got.
    pub place: LogReader,
    pub since: Millis,
}

/// See the module's head.
#[derive(Debug)]
pub struct Role {
    pub identity: Identity,
    /// Bytes of the history before those that are kept; `None` if none are.
    pub backlog_after: Option<u64>,
    /// `None` on a primary.
    pub upstream: Option<Upstream>,
    /// Whether what is here is part of a history that a primary may be asked to continue.
    pub has_history: bool,
    /// By the ids of their connections.
    pub replicas: BTreeMap<u64, Replica>,
    pub parted: Vec<Parted>,
    pub failover: Failover,
    /// Since when a primary has no replica.
    pub alone_since: Option<Millis>,
}

/// A point of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryPoint {
    pub id: ReplId,
    /// Bytes of the history up to it.
    pub offset: u64,
    /// The database that the stream has selected there.
    pub db: u8,
}

/// The role, and what makes changing it safe.
#[derive(Debug)]
pub struct Replication(Mutex<Role>);

impl Replication {
    /// A primary with a history of its own.
    #[must_use]
    pub fn new(name: ReplId) -> Replication {
        Replication(Mutex::new(Role {
            identity: Identity::of_primary(name),
            backlog_after: None,
            upstream: None,
            has_history: false,
            replicas: BTreeMap::new(),
            parted: Vec::new(),
            failover: Failover::None,
            alone_since: None,
        }))
    }

    /// The role as it is now. Hold it shortly, and take no other lock meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, Role> {
        self.0.lock()
    }

    /// Whether this node follows a primary.
    #[must_use]
    pub fn is_replica(&self) -> bool {
        self.lock().upstream.is_some()
    }
}

impl Role {
    /// Replicas that are online and were heard of in the last `max_lag` seconds.
    #[must_use]
    pub fn good_replicas(&self, now: Millis, max_lag: u64) -> usize {
        let is_good =
            |replica: &&Replica| replica.phase == Phase::Online && replica.lag_secs(now) <= max_lag;
        self.replicas.values().filter(is_good).count()
    }

    /// Whether the link to the primary, if this is a replica, is up.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.upstream.as_ref().is_none_or(|upstream| upstream.link == Link::Connected)
    }

    /// Notes where the link stands.
    pub fn set_link(&mut self, link: Link, now: Millis) {
        if let Some(upstream) = &mut self.upstream {
            let was_up = upstream.link == Link::Connected;
            if was_up && link != Link::Connected {
                upstream.down_since = Some(now);
            }
            if link == Link::Connected {
                upstream.down_since = None;
            }
            if link != Link::Sync {
                upstream.transfer = None;
            }
            upstream.link = link;
            upstream.heard = now;
        }
    }
}

/// What becoming a primary, or the replica of one, means for everything else.
impl Server {
    /// Follows a primary from now on. Only the replication thread calls this.
    pub fn follow_primary(&self, host: String, port: u16, now: Millis) {
        let _alone = self.keyspace.gate().exclusive();
        self.tell_control(Some((host.clone(), port)));
        let was_primary = {
            let mut role = self.replication.lock();
            let was_primary = role.upstream.is_none();
            // A primary's own history may be what the new one goes on with.
            role.has_history |= was_primary && role.backlog_after.is_some();
            role.alone_since = None;
            role.upstream = Some(Upstream {
                host,
                port,
                link: Link::Connect,
                heard: now,
                down_since: None,
                transfer: None,
                received: self.log.end(),
            });
            was_primary
        };
        self.log_if_wanted();
        self.keyspace.set_expiry(Expiry::Hide);
        self.refresh_role(now);
        if was_primary {
            self.clients.all().iter().for_each(|client| client.post(Mail::Demoted));
        }
    }

    /// Is a primary from now on, under a new name of its history unless the attempt to hand over
    /// has failed. Only the replication thread calls this.
    pub fn be_primary(&self, new_name: Option<ReplId>, now: Millis) {
        let _alone = self.keyspace.gate().exclusive();
        let replicas: Vec<u64> = {
            let mut role = self.replication.lock();
            if role.upstream.take().is_none() {
                return;
            }
            role.alone_since = role.replicas.is_empty().then_some(now);
            if let Some(name) = new_name {
                role.identity.shift(name, self.log.end());
            }
            role.replicas.keys().copied().collect()
        };
        self.tell_control(None);
        self.own_expiries.clear();
        self.log.forget_db();
        self.log_if_wanted();
        self.keyspace.set_expiry(Expiry::Delete);
        self.refresh_role(now);
        if new_name.is_some() {
            self.disconnect(&replicas);
        }
    }

    /// Has the settings say whom this node follows, also after a handover.
    fn tell_control(&self, primary: Option<(String, u16)>) {
        self.control.post(Ask { request: Request::Follows(primary), from: None });
    }

    /// Cuts off these replicas: they come back and hear of the new name.
    pub fn disconnect(&self, replicas: &[u64]) {
        let clients = replicas.iter().filter_map(|&id| self.clients.get(id));
        clients.for_each(|client| client.post(Mail::Kill));
    }

    /// Cuts off all replicas.
    pub fn disconnect_replicas(&self) {
        let replicas: Vec<u64> = self.replication.lock().replicas.keys().copied().collect();
        self.disconnect(&replicas);
    }

    /// Has effects logged if somebody wants them: on a primary with a backlog or an append-only
    /// file, or where writes wait for replicas: an offset is what they wait for, also while there
    /// is none. What a replica does of its own only its append-only file gets. Call it under the
    /// exclusive gate.
    pub fn log_if_wanted(&self) {
        let role = self.replication.lock();
        let is_primary = role.upstream.is_none();
        let keeps = role.backlog_after.is_some();
        drop(role);
        let settings = self.settings.load();
        let (is_kept, is_awaited) = (settings.appendonly, settings.min_replicas_to_ack > 0);
        self.log.set_logging(match is_primary {
            true if keeps || is_kept || is_awaited => Logging::On,
            false if is_kept => Logging::Aside,
            _ => Logging::Off,
        });
    }

    /// Begins to keep a backlog if there is none: the history gets a name, since what was written
    /// before is known to nobody. Call it under the exclusive gate.
    pub fn ensure_backlog(&self, _: &Pass<'_>, rng: &mut Rng) {
        {
            let mut role = self.replication.lock();
            if role.backlog_after.is_some() {
                return;
            }
            if role.upstream.is_none() {
                role.identity = Identity::fresh(rng);
            }
            role.backlog_after = Some(self.log.end());
        }
        self.log_if_wanted();
    }

    /// The point of its history that the dataset is at, for a snapshot; `None` if nobody could go
    /// on from it. Ask under the exclusive gate.
    #[must_use]
    pub fn history_point(&self) -> Option<HistoryPoint> {
        let role = self.replication.lock();
        let is_known = role.backlog_after.is_some() || role.has_history;
        let id = role.identity.id;
        drop(role);
        let db = self.log.db().unwrap_or(0);
        is_known.then(|| HistoryPoint { id, offset: self.log.end(), db })
    }

    /// Goes on where a snapshot left off, before anybody is served: a replica asks its primary for
    /// what follows; a primary has a new name, since what it did after the snapshot is lost, but
    /// its former replicas may go on if they have no more than the snapshot. Whether it is a
    /// replica.
    pub fn resume_history(&self, point: HistoryPoint, new_name: ReplId) -> bool {
        let HistoryPoint { id, offset, db } = point;
        let _alone = self.keyspace.gate().exclusive();
        self.log.restart(offset);
        let as_replica = {
            let mut role = self.replication.lock();
            role.parted.clear();
            role.identity = Identity::of_primary(id);
            let as_replica = role.upstream.is_some();
            if as_replica {
                role.has_history = true;
            } else {
                role.identity.shift(new_name, offset);
                role.backlog_after = Some(offset);
            }
            as_replica
        };
        if as_replica {
            self.log.set_db(Some(db));
        }
        self.log_if_wanted();
        as_replica
    }

    /// The database that a stream has selected, as a snapshot says. The primary may have more
    /// databases than there are here: such a one cannot be selected, as if the stream had tried.
    #[must_use]
    pub fn stream_db(&self, said: &[u8]) -> u8 {
        let db = parse_i64(said).and_then(|db| u8::try_from(db).ok());
        db.filter(|&db| usize::from(db) < self.keyspace.databases()).unwrap_or(0)
    }

    /// Drops the backlog of a primary that has had no replica for long.
    pub fn drop_backlog(&self, rng: &mut Rng) {
        let _alone = self.keyspace.gate().exclusive();
        {
            let mut role = self.replication.lock();
            if !role.replicas.is_empty() || role.upstream.is_some() {
                return;
            }
            role.parted.clear();
            role.backlog_after = None;
            role.alone_since = None;
            role.identity = Identity::fresh(rng);
        }
        self.log_if_wanted();
    }

    /// Where this node stands when somebody asks for the stream.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let role = self.replication.lock();
        let kept_after = role.backlog_after.map(|after| after.max(self.log.first()));
        Standing { identity: role.identity, kept_after, end: self.log.end() }
    }

    /// A reader of the log for a replica that has had everything up to `after`.
    #[must_use]
    pub fn read_log(&self, after: u64) -> Option<LogReader> {
        self.log.reader(after).ok()
    }

    /// Derives from role, link and replicas what commands are refused for.
    pub fn refresh_role(&self, now: Millis) {
        let settings = self.settings.load();
        let role = self.replication.lock();
        let is_replica = role.upstream.is_some();
        let wanted = settings.min_replicas_to_write as usize;
        let max_lag = u64::from(settings.min_replicas_max_lag);
        let few =
            !is_replica && wanted > 0 && max_lag > 0 && role.good_replicas(now, max_lag) < wanted;
        let stale = !role.is_linked() && !settings.replica_serve_stale_data;
        drop(role);
        let conditions = &self.conditions;
        conditions.set(Condition::REPLICA, is_replica);
        conditions.set(Condition::READ_ONLY, is_replica && settings.replica_read_only);
        conditions.set(Condition::STALE, stale);
        conditions.set(Condition::FEW_REPLICAS, few);
    }
}

/// Replicas, as their feeders see to them.
impl Server {
    pub fn enter_replica(&self, id: u64, replica: Replica, now: Millis) {
        let mut role = self.replication.lock();
        // It has a place of its own again.
        role.parted.retain(|one| (&one.ip, one.port) != (&replica.ip, replica.port));
        role.replicas.insert(id, replica);
        role.alone_since = None;
        drop(role);
        self.refresh_role(now);
    }

    /// Keeps what a replica needs that was cut off, until it is back or `repl-timeout` is over.
    pub fn part_from_replica(&self, parted: Parted) {
        self.replication.lock().parted.push(parted);
    }

    /// Nothing is kept any longer for replicas that do not come back.
    pub fn forget_parted(&self, now: Millis) {
        let patience = Millis::from_secs(u64::from(self.settings.load().repl_timeout));
        self.replication.lock().parted.retain(|one| now.since(one.since) <= patience);
    }

    pub fn leave_replica(&self, id: u64, now: Millis) {
        let mut role = self.replication.lock();
        role.replicas.remove(&id);
        if role.replicas.is_empty() && role.upstream.is_none() {
            role.alone_since = Some(now);
        }
        drop(role);
        self.durability.forget_replica(id);
        self.refresh_role(now);
    }

    pub fn set_phase(&self, id: u64, phase: Phase, now: Millis) {
        let mut role = self.replication.lock();
        if let Some(replica) = role.replicas.get_mut(&id) {
            replica.phase = phase;
            replica.heard = now;
        }
        drop(role);
        self.refresh_role(now);
    }

    /// A replica has told how far it is.
    pub fn acknowledge(&self, id: u64, now: Millis, applied: u64, on_disk: Option<u64>) {
        let mut role = self.replication.lock();
        let Some(replica) = role.replicas.get_mut(&id) else { return };
        replica.acknowledge(now, applied, on_disk);
        let (applied, on_disk) = (replica.acknowledged, replica.on_disk);
        let is_online = replica.phase == Phase::Online;
        drop(role);
        if is_online {
            self.durability.acknowledged(id, applied, on_disk);
        }
    }
}
