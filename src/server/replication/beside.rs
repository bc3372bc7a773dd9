//! `repl-diskless-load`: a full copy is loaded while it comes, into a keyspace beside the one that
//! is there. What is there is replaced in one moment when the copy is complete, and untouched if it
//! never is.
//!
//! One thread decodes; the link hands it what has been received and goes on listening to orders.
//! If the link ends, the thread finds that its input ends too early and drops what it had.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::load::{Copied, fill_beside};
use super::now;
use super::receive::{Cut, Wire};
use crate::base::ReplId;
use crate::config::table::DisklessLoad;
use crate::keyspace::Keyspace;
use crate::persist::rdb::RdbError;
use crate::replication::transfer::{Body, Framing};
use crate::state::Server;
use crate::state::conditions::Condition;

/// Pieces that may have been received and not decoded.
const PIECES_MAX: usize = 16;
/// A primary hears of this node at least so often.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// What clients are served while a copy is loaded beside the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meanwhile {
    /// The old data: it is an earlier state of what the copy is of.
    Data,
    /// Nothing: the data is another history's, kept only in case the copy fails.
    Nothing,
}

/// Whether a copy of the history `id` is loaded beside the data, and what clients are served then.
pub(super) fn is_wanted(server: &Server, id: Option<ReplId>) -> Option<Meanwhile> {
    let is_empty =
        || (0..server.keyspace.databases() as u8).all(|db| server.keyspace.counts(db).0 == 0);
    let mode = server.settings.load().repl_diskless_load;
    let is_own = id.is_some_and(|id| server.replication.lock().identity.id == id);
    match mode {
        DisklessLoad::SwapDb if is_own => Some(Meanwhile::Data),
        DisklessLoad::SwapDb => Some(Meanwhile::Nothing),
        DisklessLoad::OnEmptyDb if is_empty() => Some(Meanwhile::Nothing),
        DisklessLoad::OnEmptyDb | DisklessLoad::Disabled => None,
    }
}

/// A copy that is complete.
pub(super) struct Loaded {
    pub keyspace: Keyspace,
    pub copied: Copied,
}

/// A copy that is being loaded. While it is there commands are refused as [`Meanwhile`] says.
pub(super) struct Beside {
    shown: Shown,
    /// `None` when the decoder wants no more.
    pieces: Option<Sender<Bytes>>,
    /// What it has made of the copy, if it was done before all had been received.
    early: Option<Loaded>,
    outcome: oneshot::Receiver<Result<Loaded, RdbError>>,
}

impl Beside {
    pub(super) fn start(
        server: &Arc<Server>,
        meanwhile: Meanwhile,
        total: u64,
    ) -> io::Result<Self> {
        let (pieces, received) = channel(PIECES_MAX);
        let (ended, outcome) = oneshot::channel();
        let shared = Arc::clone(server);
        let work = move || {
            let keyspace = shared.keyspace.beside();
            let source = Pieces { received, current: Bytes::new() };
            let filled = fill_beside(&shared, &keyspace, source);
            // If nobody wants it any more, it goes.
            drop(ended.send(filled.map(|copied| Loaded { keyspace, copied })));
        };
        std::thread::Builder::new().name("copy-loader".to_owned()).spawn(work)?;
        let shown = Shown::new(server, meanwhile, total);
        Ok(Beside { shown, pieces: Some(pieces), early: None, outcome })
    }

    /// Receives the copy and loads it; with it comes what keeps commands refused until the copy is
    /// in its place. `told` hears how much has come.
    pub(super) async fn receive(
        mut self,
        wire: &mut Wire,
        framing: Framing,
        mut told: impl FnMut(&Body),
    ) -> Result<(Loaded, Shown), Cut> {
        let (mut body, mut content) = (Body::new(framing), Vec::new());
        loop {
            let taken = body.take(&wire.buffer, &mut content);
            wire.buffer.advance(taken.used);
            told(&body);
            if !content.is_empty() {
                self.hand_over(wire, std::mem::take(&mut content).into()).await?;
            }
            if taken.is_complete {
                break;
            }
            wire.read().await?;
        }
        self.pieces = None;
        let loaded = match self.early.take() {
            Some(loaded) => loaded,
            None => self.outcome(wire).await?,
        };
        Ok((loaded, self.shown))
    }

    async fn hand_over(&mut self, wire: &Wire, piece: Bytes) -> Result<(), Cut> {
        let Some(pieces) = self.pieces.clone() else { return Ok(()) };
        let room = loop {
            match timeout(SIGN_OF_LIFE, pieces.reserve()).await {
                Ok(room) => break room.ok(),
                Err(_) => wire.show_life(),
            }
        };
        if let Some(room) = room {
            room.send(piece);
            return Ok(());
        }
        // If it has failed, the rest is not worth receiving.
        self.pieces = None;
        self.early = Some(self.outcome(wire).await?);
        Ok(())
    }

    async fn outcome(&mut self, wire: &Wire) -> Result<Loaded, Cut> {
        loop {
            match timeout(SIGN_OF_LIFE, &mut self.outcome).await {
                Ok(outcome) => {
                    let gone = |_| io::Error::other("the loading thread is gone");
                    return Ok(outcome.map_err(gone)??);
                }
                Err(_) => wire.show_life(),
            }
        }
    }
}

/// Refuses commands and shows in INFO that a copy is loaded, for as long as it lives.
pub(super) struct Shown {
    server: Arc<Server>,
    condition: Condition,
}

impl Shown {
    pub(super) fn new(server: &Arc<Server>, meanwhile: Meanwhile, total: u64) -> Shown {
        let condition = match meanwhile {
            Meanwhile::Data => Condition::ASYNC_LOADING,
            Meanwhile::Nothing => Condition::LOADING,
        };
        tracing::info!(?meanwhile, "loading a full copy");
        server.loading.begin(now(), total);
        server.conditions.set(condition, true);
        Shown { server: Arc::clone(server), condition }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.server.conditions.set(self.condition, false);
        self.server.loading.end();
    }
}

/// What the link has received, as a file for the thread that decodes.
struct Pieces {
    received: Receiver<Bytes>,
    current: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.received.blocking_recv() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
            }
        }
        let count = out.len().min(self.current.len());
        self.current.copy_to_slice(&mut out[..count]);
        Ok(count)
    }
}
