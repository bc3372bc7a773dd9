//! The durability gate: how far the log is safe, and who waits for it to be.
//!
//! WAIT, WAITAOF, `appendfsync always` and `min-replicas-to-ack` are one mechanism: a connection
//! needs some offset of the log to be on disk here, or acknowledged by so many replicas. Those who
//! learn that an offset is safe tell it here; whoever that satisfies gets a message. Workers never
//! block on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::{ClientShared, Mail};

/// What has to be safe, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Everything up to this offset of the log.
    pub offset: u64,
    /// On the disk of this node.
    pub on_disk: bool,
    /// Applied by so many replicas.
    pub replicas: usize,
    /// On the disks of so many replicas.
    pub replica_disks: usize,
}

/// What one replica has told.
#[derive(Clone, Copy, Debug, Default)]
struct Acknowledged {
    applied: u64,
    on_disk: u64,
}

#[derive(Debug)]
struct Pending {
    need: Need,
    client: Arc<ClientShared>,
    ticket: u64,
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Durability {
    on_disk: AtomicU64,
    replicas: Mutex<BTreeMap<u64, Acknowledged>>,
    pending: Mutex<Vec<Pending>>,
}

impl Durability {
    /// The log is on disk up to `offset`. Never goes back, except when a file is begun anew.
    pub fn synced(&self, offset: u64) {
        self.on_disk.store(offset, Ordering::SeqCst);
        self.settle();
    }

    /// Another history was begun: nothing of it is on disk, whatever was of the one before.
    pub fn begin_anew(&self) {
        self.on_disk.store(0, Ordering::SeqCst);
    }

    /// Replica number `replica` has applied the log up to `applied` and has it on its disk up to
    /// `on_disk`. Neither goes back.
    pub fn acknowledged(&self, replica: u64, applied: u64, on_disk: u64) {
        {
            let mut replicas = self.replicas.lock();
            let known = replicas.entry(replica).or_default();
            known.applied = known.applied.max(applied);
            known.on_disk = known.on_disk.max(on_disk);
        }
        self.settle();
    }

    /// A replica is gone and counts no more.
    pub fn forget_replica(&self, replica: u64) {
        self.replicas.lock().remove(&replica);
    }

    /// Up to where the log is on disk.
    #[must_use]
    pub fn synced_to(&self) -> u64 {
        self.on_disk.load(Ordering::SeqCst)
    }

    /// Whether the log is on disk up to `offset`.
    #[must_use]
    pub fn is_on_disk(&self, offset: u64) -> bool {
        self.on_disk.load(Ordering::SeqCst) >= offset
    }

    /// Replicas that have applied the log up to `offset`, and those that have it on disk.
    #[must_use]
    pub fn replicas_at(&self, offset: u64) -> (usize, usize) {
        let replicas = self.replicas.lock();
        let count = |at: fn(&Acknowledged) -> u64| {
            replicas.values().filter(|replica| at(replica) >= offset).count()
        };
        (count(|replica| replica.applied), count(|replica| replica.on_disk))
    }

    #[must_use]
    pub fn is_met(&self, need: &Need) -> bool {
        if need.on_disk && !self.is_on_disk(need.offset) {
            return false;
        }
        if need.replicas == 0 && need.replica_disks == 0 {
            return true;
        }
        let (applied, on_disk) = self.replicas_at(need.offset);
        applied >= need.replicas && on_disk >= need.replica_disks
    }

    /// Sends the connection [`Mail::Durable`] once `need` is met, perhaps at once.
    pub fn enter(&self, need: Need, client: &Arc<ClientShared>, ticket: u64) {
        let mut pending = self.pending.lock();
        // Under the lock: whoever makes it safe from now on looks at those who wait after us.
        if self.is_met(&need) {
            drop(pending);
            client.post(Mail::Durable { ticket });
        } else {
            pending.push(Pending { need, client: Arc::clone(client), ticket });
        }
    }

    /// The connection waits no longer, although it was not sent word.
    pub fn leave(&self, client: u64, ticket: u64) {
        let is_it = |one: &Pending| one.client.id == client && one.ticket == ticket;
        self.pending.lock().retain(|one| !is_it(one));
    }

    /// Ends the wait of a connection, unless its need is met; the ticket of what it waited for.
    #[must_use]
    pub fn take_out(&self, client: u64) -> Option<u64> {
        let mut pending = self.pending.lock();
        let at = pending.iter().position(|one| one.client.id == client)?;
        Some(pending.remove(at).ticket)
    }

    /// Connections that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pending.lock().len()
    }

    /// Sends word to those whose needs are met.
    fn settle(&self) {
        self.pending.lock().retain(|one| {
            let met = self.is_met(&one.need);
            if met {
                one.client.post(Mail::Durable { ticket: one.ticket });
            }
            !met
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_is_met_by_disks_and_replicas_together() {
        let gate = Durability::default();
        let need = Need { offset: 10, on_disk: true, replicas: 2, replica_disks: 1 };
        gate.synced(10);
        gate.acknowledged(1, 10, 0);
        gate.acknowledged(2, 9, 0);
        assert!(!gate.is_met(&need));
        gate.acknowledged(2, 12, 10);
        assert!(gate.is_met(&need));
        gate.acknowledged(2, 3, 3);
        assert!(gate.is_met(&need), "acknowledgements do not go back");
        gate.forget_replica(1);
        assert!(!gate.is_met(&need));
        assert_eq!(gate.replicas_at(10), (1, 1));
        assert!(gate.is_met(&Need { offset: 10, ..Need::default() }));
    }
}
