//! MONITOR: who sees every command.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::{ClientShared, Mail};
use crate::resp::Value;

/// The connections in MONITOR mode.
#[derive(Debug, Default)]
pub struct Monitors {
    /// How many there are.
    count: AtomicUsize,
    clients: RwLock<Vec<Arc<ClientShared>>>,
}

impl Monitors {
    /// Adds a connection, which is not there yet.
    pub fn add(&self, client: &Arc<ClientShared>) {
        let mut clients = self.clients.write();
        clients.push(Arc::clone(client));
        self.count.store(clients.len(), Ordering::Relaxed);
    }

    /// Takes a connection out, if it is there.
    pub fn remove(&self, id: u64) {
        let mut clients = self.clients.write();
        clients.retain(|client| client.id != id);
        self.count.store(clients.len(), Ordering::Relaxed);
    }

    /// One load.
    #[inline]
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Shows a line to all of them.
    pub fn show(&self, line: Vec<u8>) {
        let line = Arc::new(Value::Simple(line.into()));
        self.clients.read().iter().for_each(|client| client.post(Mail::Push(Arc::clone(&line))));
    }
}
