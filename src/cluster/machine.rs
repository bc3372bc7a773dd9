//! The cluster machine: membership, failure detection and slot ownership, without sockets, clock or
//! disk.
//!
//! # How a shell drives it
//!
//! ```text
//! saved = nodes_conf::parse of the file, if there is one
//! machine = Machine::new(settings, saved, rng, now)
//! loop {
//!     input = the next event, or Input::Tick at machine.next_deadline()
//!     machine.step(now, input, &mut actions), or machine.admin(now, command, cx, &mut actions)
//!     for each action, in order: perform it
//! }
//! ```
//!
//! - Actions are performed in order, and a `Persist` is complete (with `sync`, on disk, by
//!   temporary file and rename) before the next one starts. This is what keeps a vote from leaving
//!   before it is remembered. If it fails, the process ends. The answer of an admin command is sent
//!   after its actions.
//! - Every `Connect` is answered by one `Connected` or `ConnectFailed`, within the node timeout.
//! - Links are named by the shell, never twice. A link that ended, whoever ended it, is reported by
//!   `Closed` once; for a `CloseLink` that is optional. Frames for a link that is gone are
//!   discarded.
//! - What a link receives is cut by [`frame_len`](super::frame::frame_len); on an error the shell
//!   closes it.
//! - `now` is one clock for all calls. It may jump: ahead, nobody is held to have been silent in
//!   that time; back, what was timed in the future counts as now.
//! - `ViewChanged` replaces the view that the data plane decides by; it comes before the
//!   `DropSlotKeys` of slots that were lost.
//!
//! # Invariants
//! - No frame leaves with an epoch, a vote or a claim that a restart could forget: if anything
//!   persistent changed in a step, its first action is `Persist`.
//! - The current epoch and the epoch of the last vote never go back.
//! - At most one vote per epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tracing::{debug, info};

use super::election::Election;
use super::failover::ManualFailover;
use super::frame::{Body, KINDS, Message};
use super::link::{Direction, Link, LinkBuffers, LinkId, Links};
use super::nodes_conf::{self, Saved};
use super::settings::Settings;
use super::state::Health;
use super::succession::Succession;
use super::table::Table;
use super::view::ClusterView;
use crate::base::{Epoch, Millis, NodeId, ReplId, Rng, SlotSet};

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time passed.
    Tick,
    /// An attempt of ours succeeded. `local_ip` is the address of our end.
    Connected {
        node: NodeId,
        link: LinkId,
        local_ip: String,
    },
    ConnectFailed {
        node: NodeId,
    },
    /// A peer connected to the bus port.
    Accepted {
        link: LinkId,
        peer_ip: String,
        local_ip: String,
    },
    Closed {
        link: LinkId,
    },
    /// One whole frame.
    Received {
        link: LinkId,
        frame: Bytes,
    },
    /// How full a link's buffers are. Needed for `cluster-link-sendbuf-limit` and CLUSTER LINKS.
    Buffers {
        link: LinkId,
        buffers: LinkBuffers,
    },
    Settings(Box<Settings>),
    /// A local client published. Shard messages go to this node's shard alone.
    Publish {
        message: Message,
        shard: bool,
    },
    /// The dataset is loaded, or there was nothing to load: these slots hold keys. Said once.
    Loaded {
        slots: SlotSet,
    },
    /// Where replication stands. `data_age`: a replica's time since its primary's last byte.
    Replication {
        offset: u64,
        data_age: Millis,
    },
    /// [`Action::PauseWrites`] holds, and `offset` is where the history ends until it is over.
    WritesPaused {
        offset: u64,
    },
}

/// What is to be done, in order.
#[derive(Clone, Debug)]
pub enum Action {
    /// Replaces `nodes.conf`; with `sync`, durably.
    Persist {
        text: String,
        sync: bool,
    },
    ViewChanged(Arc<ClusterView>),
    /// Open a connection to a bus port.
    Connect {
        node: NodeId,
        ip: String,
        bus_port: u16,
    },
    CloseLink(LinkId),
    Send {
        link: LinkId,
        frame: Bytes,
    },
    /// These slots went to another node: their keys go.
    DropSlotKeys(SlotSet),
    /// RESET of a replica: its copy goes.
    DropAllKeys,
    /// Hand a message from another node to local subscribers.
    Deliver {
        message: Message,
        shard: bool,
    },
    /// This node is a replica now, or of another primary.
    FollowPrimary {
        node: NodeId,
        ip: String,
        port: u16,
    },
    /// This node is a primary now; its data stays.
    StopFollowing,
    /// A manual failover: no writes, expiry or eviction until then. Answered by
    /// [`Input::WritesPaused`] once no write is under way any more.
    PauseWrites {
        until: Millis,
    },
    ResumeWrites,
}

/// How many frames went where.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    pub sent: [u64; KINDS],
    pub received: [u64; KINDS],
    pub links_over_limit: u64,
}

/// What a step still owes before it ends.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub save: bool,
    pub sync: bool,
    pub view: bool,
    pub state: bool,
    /// Slots this node has lost in this step.
    pub lost: SlotSet,
}

/// See the module's head.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) settings: Settings,
    pub(super) rng: Rng,
    pub(super) now: Millis,
    pub(super) table: Table,
    pub(super) links: Links,
    pub(super) current_epoch: Epoch,
    pub(super) last_vote_epoch: Epoch,
    /// Forgotten nodes and until when they stay so.
    pub(super) blacklist: BTreeMap<NodeId, Millis>,
    pub(super) health: Health,
    pub(super) election: Election,
    pub(super) manual: ManualFailover,
    pub(super) succession: Succession,
    /// A replica's time since its primary's last byte.
    pub(super) data_age: Millis,
    /// It had data when it started.
    pub(super) has_loaded: bool,
    pub(super) stats: Stats,
    pub(super) pending: Pending,
    pub(super) outbox: Vec<Action>,
    pub(super) next_cron: Millis,
    pub(super) cron_count: u64,
    pub(super) view_version: u64,
}

/// How often the cron runs.
pub const CRON_PERIOD: Millis = Millis(100);

impl Machine {
    /// A machine that goes on from `saved`, or a new node under a random id.
    ///
    /// Its first step persists, so that an id that a peer has seen is never replaced by another.
    #[must_use]
    pub fn new(settings: Settings, saved: Option<Saved>, mut rng: Rng, now: Millis) -> Machine {
        let saved = saved.unwrap_or_else(|| Saved {
            table: Table::new(NodeId::random(&mut rng), now),
            current_epoch: Epoch(0),
            last_vote_epoch: Epoch(0),
        });
        let mut machine = Machine {
            settings,
            now,
            succession: Succession::at_start(&saved.table),
            table: saved.table,
            links: Links::new(),
            current_epoch: saved.current_epoch,
            last_vote_epoch: saved.last_vote_epoch,
            blacklist: BTreeMap::new(),
            health: Health::new(),
            election: Election::new(),
            manual: ManualFailover::default(),
            data_age: Millis::ZERO,
            has_loaded: false,
            stats: Stats::default(),
            pending: Pending {
                save: true,
                sync: true,
                view: true,
                state: true,
                lost: SlotSet::empty(),
            },
            outbox: Vec::new(),
            next_cron: now,
            cron_count: 0,
            view_version: 0,
            rng,
        };
        if machine.table.me().shard.is_none() {
            let shard = ReplId::random(&mut machine.rng);
            machine.table.me_mut().shard = Some(shard);
        }
        machine.announce();
        machine.follow_saved_primary();
        machine
    }

    /// Takes one input and appends what is to be done about it.
    pub fn step(&mut self, now: Millis, input: Input, out: &mut Vec<Action>) {
        self.begin(now);
        match input {
            Input::Tick => {}
            Input::Connected { node, link, local_ip } => self.connected(node, link, local_ip),
            Input::ConnectFailed { node } => {
                if let Some(node) = self.table.get_mut(node) {
                    node.connecting = false;
                }
            }
            Input::Accepted { link, peer_ip, local_ip } => {
                self.open_link(link, Direction::Inbound, None, peer_ip, local_ip);
            }
            Input::Closed { link } => self.forget_link(link),
            Input::Received { link, frame } => self.receive(link, &frame),
            Input::Buffers { link, buffers } => {
                if let Some(link) = self.links.get_mut(&link) {
                    link.buffers = buffers;
                }
            }
            Input::Settings(settings) => {
                self.settings = *settings;
                self.announce();
                self.pending.view = true;
                self.pending.state = true;
            }
            Input::Publish { message, shard } => self.publish(message, shard),
            Input::Loaded { slots } => self.loaded(&slots),
            Input::Replication { offset, data_age } => {
                self.table.me_mut().replication_offset = offset;
                self.data_age = data_age;
            }
            Input::WritesPaused { offset } => self.writes_paused(offset),
        }
        self.finish(out);
    }

    /// When [`Input::Tick`] is due if nothing happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Millis {
        self.next_cron
    }

    /// The clock, and everything that is due by it.
    pub(super) fn begin(&mut self, now: Millis) {
        if now < self.now {
            self.rewind(now);
        }
        self.excuse(now);
        self.now = now;
        if now >= self.next_cron {
            self.next_cron = now + CRON_PERIOD;
            self.cron();
        }
    }

    /// The clock went back: what happened "later" happened now.
    fn rewind(&mut self, now: Millis) {
        debug!(by = self.now.since(now).0, "clock went back");
        self.next_cron = self.next_cron.min(now + CRON_PERIOD);
        let ttl = now + self.settings.blacklist_ttl;
        self.blacklist.values_mut().for_each(|until| *until = (*until).min(ttl));
        for node in self.table.iter_mut() {
            let times = [
                &mut node.created,
                &mut node.pong_received,
                &mut node.data_received,
                &mut node.failed_at,
            ];
            let optional = [
                &mut node.ping_sent,
                &mut node.voted_at,
                &mut node.orphaned_since,
                &mut node.met_at,
            ];
            let times = times.into_iter().chain(optional.into_iter().flatten());
            for time in times.chain(node.failure_reports.values_mut()) {
                *time = (*time).min(now);
            }
        }
        self.links.values_mut().for_each(|link| link.created = link.created.min(now));
        self.health.rewind(now);
        self.election.rewind(now);
        self.manual.rewind(now + self.settings.manual_failover_timeout);
        self.succession.rewind(now);
    }

    /// Settles what the step owes: state, `Persist`, the view, then everything else in order.
    pub(super) fn finish(&mut self, out: &mut Vec<Action>) {
        if std::mem::take(&mut self.pending.state) {
            self.update_state();
        }
        let sync = std::mem::take(&mut self.pending.sync);
        if std::mem::take(&mut self.pending.save) || sync {
            out.push(Action::Persist { text: self.saved_text(), sync });
        }
        if std::mem::take(&mut self.pending.view) {
            self.view_version += 1;
            out.push(Action::ViewChanged(Arc::new(self.view())));
        }
        if !self.pending.lost.is_empty() {
            let lost = std::mem::replace(&mut self.pending.lost, SlotSet::empty());
            out.push(Action::DropSlotKeys(lost));
        }
        out.append(&mut self.outbox);
    }

    /// What `nodes.conf` has to say now.
    #[must_use]
    pub fn saved_text(&self) -> String {
        let tls = self.settings.tls_bus;
        nodes_conf::render(&self.table, self.current_epoch, self.last_vote_epoch, tls)
    }

    /// A change that has to survive a restart.
    pub(super) fn save(&mut self) {
        self.pending.save = true;
        self.pending.view = true;
    }

    /// A change that has to survive a power failure before anybody hears of it.
    pub(super) fn save_durably(&mut self) {
        self.pending.sync = true;
        self.save();
    }

    /// Raises the cluster's clock.
    pub(super) fn raise_epoch(&mut self, epoch: Epoch) {
        assert!(epoch >= self.current_epoch, "the current epoch never goes back");
        self.current_epoch = epoch;
        self.save_durably();
    }

    /// Makes this node's entry say what the settings say.
    fn announce(&mut self) {
        let settings = &self.settings;
        let mut address = self.table.me().address.clone();
        if !settings.announce_ip.is_empty() {
            address.ip.clone_from(&settings.announce_ip);
        }
        address.port = settings.public_port();
        address.tls_port = settings.public_tls_port();
        address.bus_port = settings.public_bus_port();
        let (hostname, nodename) =
            (settings.announce_hostname.clone(), settings.announce_human_nodename.clone());
        let no_failover = settings.replica_no_failover;
        let me = self.table.me_mut();
        let before = (me.address.clone(), me.hostname.clone(), me.nodename.clone(), me.flags);
        me.flags.set(super::flags::NodeFlags::NOFAILOVER, no_failover);
        (me.address, me.hostname, me.nodename) = (address, hostname, nodename);
        let after = (&me.address, &me.hostname, &me.nodename, me.flags);
        if after != (&before.0, &before.1, &before.2, before.3) {
            self.save();
        }
    }

    fn connected(&mut self, id: NodeId, link: LinkId, local_ip: String) {
        let Some(node) = self.table.get_mut(id) else {
            self.outbox.push(Action::CloseLink(link)); // forgotten while the connection was made
            return;
        };
        node.connecting = false;
        let peer_ip = node.address.ip.clone();
        if let Some(old) = node.outbound.replace(link) {
            self.links.remove(&old);
            self.outbox.push(Action::CloseLink(old));
        }
        self.open_link(link, Direction::Outbound, Some(id), peer_ip, local_ip);
        self.greet(id, link);
        if self.is_seeking_successor() {
            self.send(link, Body::Fail(self.my_id()));
        }
    }

    fn open_link(
        &mut self,
        link: LinkId,
        direction: Direction,
        node: Option<NodeId>,
        peer_ip: String,
        local_ip: String,
    ) {
        let created = self.now;
        let buffers = LinkBuffers::default();
        self.links.insert(link, Link { direction, node, created, peer_ip, local_ip, buffers });
    }

    /// Forgets a link that is gone.
    pub(super) fn forget_link(&mut self, id: LinkId) {
        let Some(link) = self.links.remove(&id) else { return };
        let Some(node) = link.node.and_then(|node| self.table.get_mut(node)) else { return };
        if node.outbound == Some(id) {
            node.outbound = None;
        }
        if node.inbound == Some(id) {
            node.inbound = None;
        }
    }

    pub(super) fn close_link(&mut self, id: LinkId) {
        self.forget_link(id);
        self.outbox.push(Action::CloseLink(id));
    }

    /// Closes the link that this node opened, so that the cron opens a new one.
    pub(super) fn close_outbound(&mut self, id: NodeId) {
        if let Some(link) = self.table.get(id).and_then(|node| node.outbound) {
            self.close_link(link);
        }
    }

    /// Removes a node and its links.
    pub(super) fn remove_node(&mut self, id: NodeId) {
        let Some(node) = self.table.get(id) else { return };
        info!(node = %id, "node removed");
        for link in [node.outbound, node.inbound].into_iter().flatten() {
            self.close_link(link);
        }
        self.table.remove(id);
        self.save();
        self.pending.state = true;
    }

    #[must_use]
    pub fn my_id(&self) -> NodeId {
        self.table.my_id()
    }

    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    #[must_use]
    pub fn current_epoch(&self) -> Epoch {
        self.current_epoch
    }

    #[must_use]
    pub fn last_vote_epoch(&self) -> Epoch {
        self.last_vote_epoch
    }

    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.health.is_ok()
    }
}
