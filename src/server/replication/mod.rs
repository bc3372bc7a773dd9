//! The shell of replication: a thread that owns this node's role and the link to its primary,
//! feeders that bring the stream to replicas, and full copies.
//!
//! - [`thread`], a thread of its own: changes the role, keeps the link to the primary, runs its
//!   stream.
//! - [`feeder`], on the worker that had the connection: brings a replica up to date and keeps it
//!   so.
//! - [`copy`], a thread per full copy: one walk over the dataset for all replicas that wait.
//!
//! Roles change under the exclusive gate, so a batch runs as a whole on a primary or on a replica.

mod beside;
mod copy;
mod feeder;
mod handover;
mod link;
mod load;
mod receive;
mod thread;

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

pub(super) use self::copy::Copies;
pub(super) use self::feeder::feed;
pub(super) use self::thread::ReplicationThread;
use crate::base::Millis;
use crate::engine::unix_time;
use crate::state::control::{HandOver, Waiting};

/// What the replication thread is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Follow this primary.
    Follow {
        host: String,
        port: u16,
        waiting: Option<Waiting>,
    },
    /// Follow nobody.
    Lead {
        done: Option<oneshot::Sender<()>>,
        waiting: Option<Waiting>,
    },
    HandOver {
        command: HandOver,
        waiting: Option<Waiting>,
    },
    RenameHistory {
        waiting: Option<Waiting>,
    },
    /// Holds writes back; tells where the history ends then.
    PauseWrites {
        done: oneshot::Sender<u64>,
    },
    ResumeWrites,
    /// `min-replicas-to-ack` was changed.
    FollowSettings {
        waiting: Option<Waiting>,
    },
    Stop,
}

/// The ways to everything about replication.
#[derive(Clone)]
pub(super) struct Replicator {
    orders: UnboundedSender<Order>,
    copies: Arc<Copies>,
}

impl Replicator {
    /// An order to a thread that has ended is dropped: the process is ending, too.
    pub(super) fn order(&self, order: Order) {
        drop(self.orders.send(order));
    }

    pub(super) fn copies(&self) -> &Arc<Copies> {
        &self.copies
    }

    /// Becomes a primary; returns when it is one.
    pub(super) async fn lead(&self) {
        let (done, ended) = oneshot::channel();
        self.order(Order::Lead { done: Some(done), waiting: None });
        drop(ended.await);
    }
}

fn now() -> Millis {
    Millis(unix_time().as_millis() as u64)
}
