//! Brings one replica up to date and keeps it so: from the log, or with a full copy before that.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::copy::{Event, Waiting};
use super::{Replicator, now};
use crate::acl::User;
use crate::base::Millis;
use crate::base::number::parse_i64;
use crate::engine::Session;
use crate::replication::room::{Lag, Limits};
use crate::replication::sync::{Ask, Decision, Phase, Replica, decide};
use crate::replication::transfer::Framing;
use crate::replication::{Announced, LogReader};
use crate::resp::RawRequest;
use crate::state::replication::Parted;
use crate::state::{ClientShared, Mail, Server};

/// Read from the log at a time.
const CHUNK_BYTES: usize = 256 * 1024;
/// Who waits for a copy gets a sign of life this often; limits are looked at this often, too.
const TICK: Duration = Duration::from_secs(1);
/// Bytes that are written to a replica and may be in no hands but the system's: with Linux' usual
/// settings its buffers for both ends of a connection hold up to 36 MiB.
const UNDER_WAY_MAX: u64 = 40 * 1024 * 1024;

/// Why a replica is no longer fed.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the connection broke")]
    Broken(#[from] io::Error),
    #[error("the replica closed the connection")]
    Closed,
    #[error("the replica sent what is no request")]
    Garbled,
    #[error("the connection was killed")]
    Killed,
    #[error("the replica's user is gone")]
    NoUser,
    #[error("the replica was silent for repl-timeout")]
    Silent,
    #[error("the replica is behind by more than its output limit")]
    Behind,
    #[error("this node has another history by now")]
    Replaced,
    #[error("no full copy could be made")]
    NoCopy,
    #[error("the copy was all that was wanted")]
    Served,
}

/// One replica's feeding.
struct Feeder<'a> {
    server: &'a Server,
    replicator: &'a Replicator,
    client: Arc<ClientShared>,
    /// Who has authenticated it.
    user: Option<Arc<User>>,
    announced: Announced,
    ask: Ask,
    /// Acknowledgements so far.
    acks: Cell<u64>,
    acked: Notify,
    /// Bytes of the history that were written to it; `None` before its stream is settled.
    sent: Cell<Option<u64>>,
    /// Bytes of the history that it has, as far as it has told.
    has: Cell<u64>,
    lag: Cell<Lag>,
    /// Keeps in the log what it may still need.
    place: RefCell<Option<LogReader>>,
    /// Bytes of the dataset when it came.
    dataset: u64,
}

/// Serves a connection that asked for the stream, until it ends.
pub(in crate::server) async fn feed<S>(
    stream: S,
    mut session: Session,
    server: &Server,
    replicator: &Replicator,
) where
    S: AsyncRead + AsyncWrite,
{
    let Some(ask) = session.client.sync.take() else { return };
    let client = Arc::clone(&session.client.shared);
    let feeder = Feeder {
        server,
        replicator,
        client: Arc::clone(&client),
        user: session.client.user.clone(),
        announced: *session.client.announced.clone(),
        ask,
        acks: Cell::new(0),
        acked: Notify::new(),
        sent: Cell::new(None),
        has: Cell::new(0),
        lag: Cell::default(),
        place: RefCell::default(),
        dataset: server.memory.load().allocated,
    };
    let (mut read, mut write) = split(stream);
    let end = tokio::select! {
        biased;
        end = feeder.watch_mail() => end,
        end = feeder.watch_limits() => end,
        end = feeder.listen(&mut read, &mut session) => end,
        end = feeder.bring(&mut write) => end,
    };
    tracing::info!(client = client.id, reason = %end, "replica disconnected");
    if matches!(end, End::Behind) {
        feeder.part();
    }
    server.leave_replica(client.id, now());
}

impl Feeder<'_> {
    async fn watch_mail(&self) -> End {
        poll_fn(|cx| {
            let mut mail = VecDeque::new();
            self.client.collect(cx.waker(), &mut mail);
            let end = mail.iter().find_map(|mail| match mail {
                Mail::Kill => Some(End::Killed),
                Mail::UserChanged if self.user_is_gone() => Some(End::NoUser),
                _ => None,
            });
            end.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn user_is_gone(&self) -> bool {
        let Some(own) = &self.user else { return false };
        self.server.acl.users().get(&own.name).is_none_or(|user| user.id != own.id)
    }

    /// Ends when the replica is silent for too long, or too far behind.
    async fn watch_limits(&self) -> End {
        loop {
            tokio::time::sleep(TICK).await;
            let (now, behind, limits) = (now(), self.behind(), self.limits());
            self.client.output_bytes.store(behind, Ordering::Relaxed);
            if let Some(place) = &*self.place.borrow() {
                place.allow(limits.kept_max());
            }
            let mut lag = self.lag.get();
            let is_too_much = lag.is_too_much(now, behind, &limits);
            self.lag.set(lag);
            if is_too_much {
                let stats = &self.server.stats;
                stats.client_output_buffer_limit_disconnections.fetch_add(1, Ordering::Relaxed);
                return End::Behind;
            }
            let timeout = u64::from(self.server.settings.load().repl_timeout);
            let timeout = Millis::from_secs(timeout);
            let role = self.server.replication.lock();
            let silent = role.replicas.get(&self.client.id).is_some_and(|replica| {
                let waits = replica.phase == Phase::Online && !replica.is_legacy;
                waits && now.since(replica.heard) > timeout
            });
            if silent {
                return End::Silent;
            }
        }
    }

    /// Bytes of the history that were not written to the replica.
    fn behind(&self) -> u64 {
        self.sent.get().map_or(0, |sent| self.server.log.end().saturating_sub(sent))
    }

    fn limits(&self) -> Limits {
        let settings = self.server.settings.load();
        let limit = settings.client_output_buffer_limit.replica;
        Limits {
            hard: limit.hard,
            soft: limit.soft,
            soft_for: Millis::from_secs(u64::from(limit.soft_seconds)),
            backlog: settings.repl_backlog_size,
            dataset: self.dataset,
        }
    }

    /// A replica that was too far behind may come back: what it needs then is kept for a while.
    fn part(&self) {
        let place = self.place.take().filter(|_| self.lag.get().is_streaming());
        if let Some(place) = place {
            place.allow(self.limits().kept_for_parted(self.behind()));
            let (ip, port) = self.address();
            self.server.part_from_replica(Parted { ip, port, place, since: now() });
        }
    }

    /// What has been written may still be lost with the connection.
    fn safe(&self, sent: u64) -> u64 {
        sent.saturating_sub(UNDER_WAY_MAX).max(self.has.get()).min(sent)
    }

    /// Reads what the replica says: how far it is.
    async fn listen<S: AsyncRead>(&self, read: &mut ReadHalf<S>, session: &mut Session) -> End {
        loop {
            if !session.take_requests(|request| self.heed(request)) {
                return End::Garbled;
            }
            match read.read_buf(&mut session.parser().spare()).await {
                Ok(0) => return End::Closed,
                Ok(_) => self.client.last_active.store(now().0, Ordering::Relaxed),
                Err(error) => return End::Broken(error),
            }
        }
    }

    fn heed(&self, request: RawRequest<'_>) {
        let is = |index: usize, word: &[u8]| {
            request.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word))
        };
        if !is(0, b"REPLCONF") || !is(1, b"ACK") {
            tracing::debug!(client = self.client.id, "a replica's command was ignored");
            return;
        }
        let number = |index| {
            let number = request.get(index).and_then(parse_i64);
            number.and_then(|number| u64::try_from(number).ok())
        };
        let on_disk = if is(3, b"FACK") { number(4) } else { None };
        if let Some(applied) = number(2) {
            self.has.set(self.has.get().max(applied));
            self.server.acknowledge(self.client.id, now(), applied, on_disk);
            self.acks.set(self.acks.get() + 1);
            self.acked.notify_one();
        }
    }

    async fn bring<S: AsyncWrite>(&self, write: &mut WriteHalf<S>) -> End {
        match self.try_bring(write).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn try_bring<S: AsyncWrite>(
        &self,
        write: &mut WriteHalf<S>,
    ) -> Result<std::convert::Infallible, End> {
        if matches!(self.ask, Ask::From { takes_over: true, .. }) {
            self.replicator.lead().await;
        }
        // Asked before anything else: if the history is replaced meanwhile, it has changed.
        let era = self.server.log.restarts();
        let (reader, era) = match self.resume() {
            Some(reader) => {
                let id = self.server.replication.lock().identity.id;
                let line = match self.announced.psync2 {
                    true => format!("+CONTINUE {id}\r\n"),
                    false => "+CONTINUE\r\n".to_owned(),
                };
                self.enter(Phase::Online);
                tracing::info!(
                    client = self.client.id,
                    offset = reader.offset(),
                    "replica goes on"
                );
                self.write(write, line.as_bytes()).await?;
                (reader, era)
            }
            None => self.copy(write).await?,
        };
        self.stream(write, &reader, era).await
    }

    /// The log from where the replica stopped, if it can go on there.
    fn resume(&self) -> Option<LogReader> {
        let stats = &self.server.stats;
        let standing = self.server.standing();
        let reader = match decide(&standing, &self.ask) {
            Decision::Continue { after } => self.server.read_log(after),
            Decision::Full => None,
        };
        if reader.is_some() {
            stats.sync_partial_ok.fetch_add(1, Ordering::Relaxed);
        } else if let Ask::From { id: Some(asked), next, .. } = &self.ask {
            tracing::info!(
                client = self.client.id,
                asked = %asked,
                next,
                own = %standing.identity.id,
                kept_after = ?standing.kept_after,
                end = standing.end,
                "replica cannot go on: full copy"
            );
            stats.sync_partial_err.fetch_add(1, Ordering::Relaxed);
        }
        reader
    }

    /// Where the replica says that it is: the port is 0 if it has not said.
    fn address(&self) -> (String, u16) {
        let (ip, _) = self.client.peer.rsplit_once(':').unwrap_or_default();
        let ip = match self.announced.ip.as_str() {
            "" => ip.trim_matches(['[', ']']).to_owned(),
            announced => announced.to_owned(),
        };
        (ip, self.announced.port)
    }

    /// Lists the replica.
    fn enter(&self, phase: Phase) {
        let (ip, port) = self.address();
        let replica = Replica {
            ip,
            port,
            phase,
            rdb_only: self.announced.rdb_only,
            is_legacy: self.ask == Ask::Legacy,
            acknowledged: 0,
            on_disk: 0,
            heard: now(),
        };
        self.server.enter_replica(self.client.id, replica, now());
    }

    fn set_phase(&self, phase: Phase) {
        self.server.set_phase(self.client.id, phase, now());
    }

    /// Sends a full copy; the log from there on.
    async fn copy<S: AsyncWrite>(&self, write: &mut WriteHalf<S>) -> Result<(LogReader, u64), End> {
        self.server.stats.sync_full.fetch_add(1, Ordering::Relaxed);
        // It acknowledges when it has loaded all of it, which may be at once.
        let before = self.acks.get();
        self.enter(Phase::WaitStart);
        let (waiting, mut events) = Waiting::new(&self.announced, now());
        self.replicator.copies().enroll(waiting);
        let (mut begun, mut is_marked) = (None, false);
        loop {
            let event = match timeout(TICK, events.recv()).await {
                Ok(Some(event)) => event,
                Ok(None) => {
                    const SORRY: &[u8] = b"-ERR BGSAVE failed, replication can't continue\r\n";
                    self.write(write, if begun.is_none() { SORRY } else { b"" }).await?;
                    return Err(End::NoCopy);
                }
                Err(_) if is_marked => continue,
                Err(_) => {
                    self.write(write, b"\n").await?;
                    continue;
                }
            };
            match event {
                Event::Begin { line, reader, era, mark } => {
                    if self.ask != Ask::Legacy {
                        self.write(write, &line).await?;
                    }
                    if let Some(mark) = mark {
                        is_marked = true;
                        self.write(write, &Framing::Mark(mark).header()).await?;
                    }
                    self.sent.set(Some(reader.offset()));
                    self.place.replace(Some(reader.clone()));
                    begun = Some((reader, era));
                    self.set_phase(Phase::WaitEnd);
                }
                Event::Chunk(bytes) => self.write(write, &bytes).await?,
                Event::File(file) => {
                    self.set_phase(Phase::SendBulk);
                    self.send_file(write, &file).await?;
                    break;
                }
                Event::End => break,
            }
        }
        let Some((reader, era)) = begun else { return Err(End::NoCopy) };
        if self.announced.rdb_only {
            write.shutdown().await?;
            return Err(End::Served);
        }
        self.set_phase(Phase::Online);
        if is_marked && self.ask != Ask::Legacy {
            while self.acks.get() == before {
                self.acked.notified().await;
            }
        }
        tracing::info!(client = self.client.id, offset = reader.offset(), "replica has its copy");
        Ok((reader, era))
    }

    async fn send_file<S: AsyncWrite>(
        &self,
        write: &mut WriteHalf<S>,
        file: &File,
    ) -> Result<(), End> {
        let mut file = file.try_clone()?;
        io::Seek::rewind(&mut file)?;
        let length = file.metadata()?.len();
        self.write(write, &Framing::Length(length).header()).await?;
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut file = file.take(length);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(()),
                count => self.write(write, &buffer[..count]).await?,
            }
        }
    }

    /// Sends what is written to the log, as it is written.
    async fn stream<S: AsyncWrite>(
        &self,
        write: &mut WriteHalf<S>,
        reader: &LogReader,
        era: u64,
    ) -> Result<std::convert::Infallible, End> {
        let log = &self.server.log;
        let mut at = reader.offset();
        self.sent.set(Some(at));
        self.place.replace(Some(reader.clone()));
        self.lag.set(Lag::of_stream(self.behind()));
        loop {
            // A history that begins anew may end before this.
            let more = |cx: &mut std::task::Context<'_>| {
                let is_there = log.poll_beyond(at, cx.waker()) || log.restarts() != era;
                if is_there { Poll::Ready(()) } else { Poll::Pending }
            };
            poll_fn(more).await;
            let pieces = log.read(at, CHUNK_BYTES);
            if log.restarts() != era {
                return Err(End::Replaced);
            }
            let pieces = pieces.map_err(|_| End::Behind)?;
            for piece in pieces {
                self.write(write, &piece).await?;
                at += piece.len() as u64;
                reader.advance_to(self.safe(at).max(reader.offset()));
                self.sent.set(Some(at));
                let mut lag = self.lag.get();
                lag.note(self.behind());
                self.lag.set(lag);
            }
        }
    }

    /// Writes all of `bytes`; the replica has `repl-timeout` to take them.
    async fn write<S: AsyncWrite>(
        &self,
        write: &mut WriteHalf<S>,
        bytes: &[u8],
    ) -> Result<(), End> {
        let patience = Duration::from_secs(u64::from(self.server.settings.load().repl_timeout));
        for piece in bytes.chunks(CHUNK_BYTES) {
            timeout(patience, write.write_all(piece)).await.map_err(|_| End::Silent)??;
            let stats = &self.server.stats;
            stats.net_repl_out_bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}
