//! The replication thread: it alone changes this node's role, so that nothing of a primary's
//! stream runs once it is followed no more.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::LocalSet;

use super::copy::Copies;
use super::handover::{self, HandingOver, Next};
use super::link::Upstream;
use super::{Order, Replicator, now};
use crate::base::{Millis, ReplId};
use crate::replication::Identity;
use crate::resp::Value;
use crate::state::Server;
use crate::state::conditions::Condition;
use crate::state::control::{HandOver, Waiting};
use crate::state::replication::Failover;

/// How often time-driven work is looked at.
const TICK: Duration = Duration::from_millis(100);
/// Replicas are counted and the backlog is looked at this often.
const CRON_EVERY: Millis = Millis(1_000);
/// What keeps links to replicas alive.
const PING: &[u8] = b"*1\r\n$4\r\nping\r\n";

/// The thread, until it is stopped.
pub(in crate::server) struct ReplicationThread {
    replicator: Replicator,
    thread: JoinHandle<()>,
}

impl ReplicationThread {
    /// Starts the thread. It has the lane `lane` of the gate, full copies the one after it.
    ///
    /// # Errors
    /// If the thread or its runtime cannot be created.
    pub(in crate::server) fn start(
        server: Arc<Server>,
        lane: usize,
    ) -> io::Result<ReplicationThread> {
        let (orders, receiver) = unbounded_channel();
        let copies = Copies::new(Arc::clone(&server), lane + 1);
        let replicator = Replicator { orders, copies: Arc::clone(&copies) };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("replication".to_owned());
        let thread = thread.spawn(move || {
            let owner = Owner {
                upstream: Upstream::new(Arc::clone(&server), lane),
                server,
                copies,
                handing_over: None,
                looked: Millis::ZERO,
                pinged: Millis::ZERO,
            };
            LocalSet::new().block_on(&runtime, owner.run(receiver));
        })?;
        Ok(ReplicationThread { replicator, thread })
    }

    pub(in crate::server) fn replicator(&self) -> &Replicator {
        &self.replicator
    }

    /// Ends the thread.
    pub(in crate::server) fn stop(self) {
        self.replicator.order(Order::Stop);
        drop(self.thread.join());
    }
}

/// Who owns the role.
struct Owner {
    server: Arc<Server>,
    upstream: Upstream,
    copies: Arc<Copies>,
    handing_over: Option<HandingOver>,
    looked: Millis,
    pinged: Millis,
}

/// What happened while the link was kept.
enum Turn {
    Order(Option<Order>),
    Tick,
    LinkEnded,
}

impl Owner {
    async fn run(mut self, mut orders: UnboundedReceiver<Order>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let server = Arc::clone(&self.server);
        loop {
            let turn = if server.replication.is_replica() {
                let mut kept = std::pin::pin!(self.upstream.keep());
                // What is due now and then does not cut the link.
                loop {
                    tokio::select! {
                        biased;
                        order = orders.recv() => match perform_aside(&server, order) {
                            None => {}
                            Some(order) => break Turn::Order(order),
                        },
                        _ = ticks.tick() => self.copies.start_if_due(now()),
                        () = &mut kept => break Turn::LinkEnded,
                    }
                    server.refresh_role(now());
                    server.forget_parted(now());
                }
            } else {
                tokio::select! {
                    biased;
                    order = orders.recv() => match perform_aside(&server, order) {
                        None => Turn::Tick,
                        Some(order) => Turn::Order(order),
                    },
                    _ = ticks.tick() => Turn::Tick,
                }
            };
            match turn {
                Turn::Order(None | Some(Order::Stop)) => return,
                Turn::Order(Some(order)) => self.perform(order),
                Turn::Tick => self.tick(now()),
                Turn::LinkEnded => {}
            }
        }
    }

    fn perform(&mut self, order: Order) {
        let waiting = match order {
            Order::Follow { host, port, waiting } => {
                tracing::info!(host, port, "following a primary");
                self.server.follow_primary(host, port, now());
                waiting
            }
            Order::Lead { done, waiting } => {
                if self.server.replication.is_replica() {
                    tracing::info!("following nobody any more");
                    let name = ReplId::random(self.upstream.rng());
                    self.server.be_primary(Some(name), now());
                }
                // Whoever asked may be gone.
                done.map(|done| done.send(()));
                waiting
            }
            Order::HandOver { command, waiting } => {
                self.hand_over(command);
                waiting
            }
            Order::RenameHistory { waiting } => {
                let identity = Identity::fresh(self.upstream.rng());
                self.server.replication.lock().identity = identity;
                waiting
            }
            Order::PauseWrites { .. }
            | Order::ResumeWrites
            | Order::FollowSettings { .. }
            | Order::Stop => None,
        };
        if let Some(waiting) = waiting {
            Waiting::answer(waiting, Ok(Value::ok()));
        }
    }

    fn hand_over(&mut self, command: HandOver) {
        match command {
            HandOver::Start { target, timeout, force } => {
                let deadline = timeout.map(|timeout| now() + timeout);
                self.handing_over = Some(HandingOver { target, deadline, force });
                handover::begin(&self.server);
            }
            HandOver::Abort => {
                self.handing_over = None;
                let in_progress = self.server.replication.lock().failover == Failover::InProgress;
                handover::give_up(&self.server);
                if in_progress {
                    self.server.be_primary(None, now());
                }
            }
        }
    }

    /// Time passed on a primary.
    fn tick(&mut self, now: Millis) {
        self.copies.start_if_due(now);
        match self.handing_over.as_ref().map(|handing_over| handing_over.look(&self.server)) {
            None | Some(Next::Wait) => {}
            Some(Next::GiveUp) => {
                tracing::warn!("no replica has caught up in time: the role stays here");
                self.handing_over = None;
                handover::give_up(&self.server);
            }
            Some(Next::Follow(host, port)) => {
                self.handing_over = None;
                self.server.replication.lock().failover = Failover::InProgress;
                self.server.follow_primary(host, port, now);
                return;
            }
        }
        if now.since(self.looked) >= CRON_EVERY {
            self.looked = now;
            self.server.refresh_role(now);
            self.server.forget_parted(now);
            self.ping(now);
            self.forget_backlog(now);
        }
    }

    /// Shows replicas that this node lives.
    fn ping(&mut self, now: Millis) {
        let server = &self.server;
        let period = server.settings.load().repl_ping_replica_period;
        let is_paused = server.conditions.load().intersects(Condition::WRITES_WAIT);
        let alone = server.replication.lock().replicas.is_empty();
        if !alone && !is_paused && now.since(self.pinged) >= Millis::from_secs(u64::from(period)) {
            self.pinged = now;
            server.log.append_if_active(PING);
        }
    }

    /// `repl-backlog-ttl`.
    fn forget_backlog(&mut self, now: Millis) {
        let ttl = self.server.settings.load().repl_backlog_ttl;
        let role = self.server.replication.lock();
        let since = role.alone_since.filter(|_| role.backlog_after.is_some());
        drop(role);
        if ttl > 0 && since.is_some_and(|since| now.since(since) > Millis::from_secs(ttl)) {
            tracing::info!("no replica for repl-backlog-ttl: backlog dropped");
            self.server.drop_backlog(self.upstream.rng());
        }
    }
}

/// Performs an order that leaves role and link as they are; gives any other back.
fn perform_aside(server: &Server, order: Option<Order>) -> Option<Option<Order>> {
    match order {
        Some(Order::PauseWrites { done }) => {
            server.conditions.set(Condition::HANDOVER, true);
            // Whoever began before has ended when nobody is inside.
            let _alone = server.keyspace.gate().exclusive();
            if done.send(server.log.end()).is_err() {
                tracing::debug!("nobody waits for writes to stop any more");
            }
        }
        Some(Order::ResumeWrites) => handover::resume_writes(server),
        Some(Order::FollowSettings { waiting }) => {
            let alone = server.keyspace.gate().exclusive();
            server.log_if_wanted();
            drop(alone);
            server.durability.recheck();
            if let Some(waiting) = waiting {
                waiting.answer(Ok(Value::ok()));
            }
        }
        other => return Some(other),
    }
    None
}
