//! MONITOR: who sees every command.

use std::sync::Arc;

use parking_lot::RwLock;

use super::{ClientShared, Mail};
use crate::resp::Value;

/// The connections in MONITOR mode.
#[derive(Debug, Default)]
pub struct Monitors(RwLock<Vec<Arc<ClientShared>>>);

impl Monitors {
    /// Adds a connection, which is not there yet.
    pub fn add(&self, client: &Arc<ClientShared>) {
        self.0.write().push(Arc::clone(client));
    }

    /// Takes a connection out, if it is there.
    pub fn remove(&self, id: u64) {
        self.0.write().retain(|client| client.id != id);
    }

    #[must_use]
    pub fn count(&self) -> usize {
        self.0.read().len()
    }

    /// Shows a line to all of them.
    pub fn show(&self, line: Vec<u8>) {
        let line = Arc::new(Value::Simple(line.into()));
        self.0.read().iter().for_each(|client| client.post(Mail::Push(Arc::clone(&line))));
    }
}
