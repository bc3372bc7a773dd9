//! The replica's end of the wire: lines, full copies, the stream's bytes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::copy::temporary_name;
use crate::replication::transfer::{Body, Framing, TransferError};

/// Read at a time.
const READ_BYTES: usize = 256 * 1024;
/// Synced to the disk whenever so much was received, lest the end of a copy takes long.
const SYNC_BYTES: usize = 8 << 20;
/// A line of the handshake is no longer than this.
const LINE_MAX: usize = 1023;

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    #[error("the connection broke")]
    Broken(#[from] io::Error),
    #[error("the primary closed the connection")]
    Closed,
    #[error("the primary was silent for repl-timeout")]
    Silent,
    #[error("the primary sent an endless line")]
    LongLine,
    #[error("the handshake failed")]
    Handshake(#[from] crate::replication::handshake::Failure),
    #[error("no full copy came")]
    Transfer(#[from] TransferError),
    #[error("the full copy cannot be loaded")]
    Load(#[from] crate::persist::rdb::RdbError),
    #[error("the primary is empty, and replica-refuse-empty-primary is set")]
    EmptyPrimary,
    #[error("the stream cannot be read")]
    Garbled,
    #[error("the link was killed")]
    Killed,
}

/// A connection to a primary.
pub(super) struct Wire {
    pub stream: TcpStream,
    /// Received and not taken.
    pub buffer: BytesMut,
    /// How long the primary may be silent.
    pub patience: Duration,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, patience: Duration) -> Wire {
        Wire { stream, buffer: BytesMut::new(), patience }
    }

    /// Reads what has come, waiting for it; how much that is.
    pub(super) async fn read(&mut self) -> Result<usize, Cut> {
        self.buffer.reserve(READ_BYTES);
        match timeout(self.patience, self.stream.read_buf(&mut self.buffer)).await {
            Err(_) => Err(Cut::Silent),
            Ok(Ok(0)) => Err(Cut::Closed),
            Ok(Ok(count)) => Ok(count),
            Ok(Err(error)) => Err(Cut::Broken(error)),
        }
    }

    /// As [`Wire::read`], without a limit.
    pub(super) async fn read_some(&mut self) -> Result<usize, Cut> {
        self.buffer.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(Cut::Closed),
            count => Ok(count),
        }
    }

    /// Tells the primary that this node lives. What cannot be sent now is not worth waiting for.
    pub(super) fn show_life(&self) {
        drop(self.stream.try_write(b"\n"));
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        let written = timeout(self.patience, self.stream.write_all(bytes)).await;
        written.map_err(|_| Cut::Silent)?.map_err(Cut::Broken)
    }

    /// The line that came, without its end, if one is complete.
    pub(super) fn take_line(&mut self) -> Result<Option<Vec<u8>>, Cut> {
        let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') else {
            let endless = self.buffer.len() > LINE_MAX;
            return if endless { Err(Cut::LongLine) } else { Ok(None) };
        };
        let line = self.buffer.split_to(end);
        self.buffer.advance(1);
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(&line).to_vec()))
    }

    /// The line before a full copy.
    pub(super) async fn framing(&mut self) -> Result<Framing, Cut> {
        loop {
            while let Some(line) = self.take_line()? {
                if let Some(framing) = Framing::parse(&line)? {
                    return Ok(framing);
                }
            }
            self.read().await?;
        }
    }

    /// Receives a full copy into a file. `told` hears how much has come.
    pub(super) async fn receive(
        &mut self,
        framing: Framing,
        mut told: impl FnMut(&Body),
    ) -> Result<Received, Cut> {
        let mut received = Received::create()?;
        let (mut body, mut content) = (Body::new(framing), Vec::new());
        let mut unsynced = 0;
        loop {
            let taken = body.take(&self.buffer, &mut content);
            self.buffer.advance(taken.used);
            received.file.write_all(&content)?;
            unsynced += content.len();
            if unsynced >= SYNC_BYTES {
                received.file.sync_data()?;
                unsynced = 0;
            }
            content.clear();
            told(&body);
            if taken.is_complete {
                return Ok(received);
            }
            self.read().await?;
        }
    }
}

/// A full copy in a file, which goes with it unless it is kept.
pub(super) struct Received {
    pub file: File,
    path: PathBuf,
    is_kept: bool,
}

impl Received {
    fn create() -> io::Result<Received> {
        let path = temporary_name();
        let file =
            File::options().create(true).truncate(true).read(true).write(true).open(&path)?;
        Ok(Received { file, path, is_kept: false })
    }

    /// Removes the file that was kept under this name.
    pub(super) fn remove(&self, name: &Path) {
        if let Err(error) = fs::remove_file(self.path.with_file_name(name)) {
            tracing::warn!(%error, "a full copy's file was not removed");
        }
    }

    /// Gives the file its name, and so replaces another: only when all of it is on the disk.
    pub(super) fn keep(&mut self, name: &Path) -> io::Result<()> {
        self.file.sync_data()?;
        fs::rename(&self.path, self.path.with_file_name(name))?;
        self.is_kept = true;
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(%error, "a partly received copy was not removed");
        }
    }
}
