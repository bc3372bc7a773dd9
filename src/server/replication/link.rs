//! The link to this node's primary: opened, greeted, fed from, and opened again.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{sleep, timeout};

use super::beside::{self, Beside, Loaded, Meanwhile, Shown};
use super::receive::{Cut, Wire};
use super::{load, now};
use crate::base::error::with_causes;
use crate::base::{Millis, ReplId, Rng};
use crate::engine::{Progress, Session, Worker};
use crate::keyspace::Pass;
use crate::replication::handshake::{Action, Failure, Greeting, Input};
use crate::replication::journal::encode;
use crate::replication::transfer::Body;
use crate::replication::{Handshake, Identity};
use crate::state::client::Origin;
use crate::state::conditions::Condition;
use crate::state::replication::{Failover, Link, Role, Transfer};
use crate::state::{Client, ClientShared, Mail, Server};

/// Between two attempts, and while the primary is to hand over its role.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_FAILOVER: Duration = Duration::from_millis(100);
/// How often this node tells how far it is.
const ACKNOWLEDGE_EVERY: Duration = Duration::from_secs(1);

/// What a handshake has led to.
enum Agreed {
    Resume(Option<ReplId>),
    Receive { id: Option<ReplId>, offset: u64, is_legacy: bool },
}

/// See the head of this file.
pub(super) struct Upstream {
    server: Arc<Server>,
    worker: Worker,
    rng: Rng,
}

impl Upstream {
    /// `lane` is the thread's lane of the gate.
    pub(super) fn new(server: Arc<Server>, lane: usize) -> Upstream {
        let mut rng = Rng::from_entropy();
        Upstream { worker: Worker::new(lane, Arc::clone(&server), rng.fork()), server, rng }
    }

    pub(super) fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Keeps the link open for as long as this node is a replica; ends when it is none.
    pub(super) async fn keep(&mut self) {
        loop {
            let Some((host, port)) = self.with_role(|role| {
                role.upstream.as_ref().map(|upstream| (upstream.host.clone(), upstream.port))
            }) else {
                return;
            };
            let Err(cut) = self.attempt(&host, port).await;
            let was_up = self.with_role(|role| role.is_linked());
            tracing::warn!(host, port, reason = %with_causes(&cut), "link to the primary is down");
            self.set_link(Link::Connect);
            let hands_over = self.with_role(|role| role.failover != Failover::None);
            if hands_over && matches!(cut, Cut::Handshake(Failure::Refused(_))) {
                // The replica will not take over: this node is what it was, and writes go on.
                self.server.be_primary(None, now());
                super::handover::give_up(&self.server);
                return;
            }
            if !was_up {
                sleep(if hands_over { RETRY_FAILOVER } else { RETRY }).await;
            }
        }
    }

    fn with_role<R>(&self, work: impl FnOnce(&mut Role) -> R) -> R {
        work(&mut self.server.replication.lock())
    }

    fn set_link(&self, link: Link) {
        self.with_role(|role| role.set_link(link, now()));
        self.server.refresh_role(now());
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.server.settings.load().repl_timeout))
    }

    async fn attempt(&mut self, host: &str, port: u16) -> Result<Infallible, Cut> {
        // What is loaded at the start may be what the primary can go on from.
        while self.server.conditions.load().contains(Condition::LOADING) {
            sleep(RETRY_FAILOVER).await;
        }
        self.set_link(Link::Connecting);
        let source = source(&self.server);
        let opened = timeout(self.patience(), open(host, port, source)).await;
        let stream = opened.map_err(|_| Cut::Silent)??;
        stream.set_nodelay(true)?;
        self.set_link(Link::Handshake);
        let mut wire = Wire::new(stream, self.patience());
        let mut is_legacy = false;
        match self.shake_hands(&mut wire).await? {
            Agreed::Resume(id) => self.resume(id),
            Agreed::Receive { id, offset, is_legacy: legacy } => {
                is_legacy = legacy;
                self.receive(&mut wire, id, offset).await?;
            }
        }
        self.set_link(Link::Connected);
        tracing::info!(host, port, offset = self.server.log.end(), "link to the primary is up");
        self.follow(&mut wire, is_legacy).await
    }

    async fn shake_hands(&mut self, wire: &mut Wire) -> Result<Agreed, Cut> {
        let mut actions = Vec::new();
        let mut machine = Handshake::start(now(), self.greeting(), &mut actions);
        loop {
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::Send(bytes) => wire.write(&bytes).await?,
                    Action::ForgetHistory => self.with_role(|role| role.has_history = false),
                    Action::Fail(failure) => return Err(failure.into()),
                    Action::Resume { id } => {
                        self.end_failover();
                        return Ok(Agreed::Resume(id));
                    }
                    Action::Receive { id, offset, is_legacy } => {
                        self.end_failover();
                        return Ok(Agreed::Receive { id, offset, is_legacy });
                    }
                }
            }
            if let Some(line) = wire.take_line()? {
                machine.step(now(), Input::Line(&line), &mut actions);
                continue;
            }
            match timeout(ACKNOWLEDGE_EVERY, wire.read()).await {
                Ok(read) => drop(read?),
                Err(_) => machine.step(now(), Input::Tick, &mut actions),
            }
        }
    }

    fn greeting(&self) -> Greeting {
        let settings = self.server.settings.load();
        let end = self.server.log.end();
        let password = settings.masterauth.clone().filter(|password| !password.is_empty());
        let user = settings.masteruser.clone().filter(|user| !user.is_empty());
        let announced = settings.replica_announce_port;
        self.with_role(|role| Greeting {
            auth: password.map(|password| (user, password)),
            port: if announced == 0 { settings.port } else { announced },
            ip: settings.replica_announce_ip.clone().filter(|ip| !ip.is_empty()),
            history: role.has_history.then_some((role.identity.id, end)),
            is_failover: role.failover == Failover::InProgress,
            timeout: Millis::from_secs(u64::from(settings.repl_timeout)),
        })
    }

    /// The replica has taken over.
    fn end_failover(&self) {
        let ended = self.with_role(|role| std::mem::take(&mut role.failover) != Failover::None);
        if ended {
            tracing::warn!("role handed over");
            super::handover::resume_writes(&self.server);
        }
    }

    /// The stream goes on where it stopped.
    fn resume(&mut self, id: Option<ReplId>) {
        {
            let pass = self.server.keyspace.gate().exclusive();
            self.server.ensure_backlog(&pass, &mut self.rng);
        }
        let end = self.server.log.end();
        let renamed = self.with_role(|role| {
            let new = id.filter(|&id| id != role.identity.id);
            if let Some(id) = new {
                role.identity.shift(id, end);
            }
            if let Some(upstream) = &mut role.upstream {
                upstream.received = end;
            }
            new.is_some()
        });
        tracing::info!(offset = end, renamed, "stream goes on");
        if renamed {
            self.server.disconnect_replicas();
        }
    }

    /// Takes a full copy.
    async fn receive(
        &mut self,
        wire: &mut Wire,
        id: Option<ReplId>,
        offset: u64,
    ) -> Result<(), Cut> {
        self.set_link(Link::Sync);
        let framing = wire.framing().await?;
        let server = Arc::clone(&self.server);
        tracing::info!(?framing, offset, "receiving a full copy");
        let told = |body: &Body| {
            if let Some(upstream) = &mut server.replication.lock().upstream {
                let (total, received) = (body.total(), body.received());
                upstream.transfer = Some(Transfer { total, received, heard: now() });
            }
        };
        if let Some(meanwhile) = beside::is_wanted(&server, id) {
            let total = Body::new(framing).total().unwrap_or(0);
            let copy = Beside::start(&server, meanwhile, total)?;
            let (loaded, shown) = copy.receive(wire, framing, told).await?;
            if loaded.copied.keys == 0 {
                self.refuse_empty_primary()?;
            }
            self.replace(loaded, id, offset);
            drop(shown);
            return Ok(());
        }
        let mut received = wire.receive(framing, told).await?;
        let settings = server.settings.load_full();
        if settings.replica_refuse_empty_primary && !load::holds_keys(&server, &mut received.file) {
            self.refuse_empty_primary()?;
        }
        self.load(wire, &mut received.file, id, offset)?;
        received.keep(Path::new(OsStr::from_bytes(&settings.dbfilename)))?;
        if settings.rdb_del_sync_files && settings.save.is_empty() {
            tracing::info!("the full copy's file is removed: this replica keeps no snapshots");
            received.remove(Path::new(OsStr::from_bytes(&settings.dbfilename)));
        }
        Ok(())
    }

    /// `replica-refuse-empty-primary`, when the primary has no keys.
    fn refuse_empty_primary(&self) -> Result<(), Cut> {
        let keyspace = &self.server.keyspace;
        let is_empty = (0..keyspace.databases() as u8).all(|db| keyspace.counts(db).0 == 0);
        let refuses = self.server.settings.load().replica_refuse_empty_primary;
        if refuses && !is_empty { Err(Cut::EmptyPrimary) } else { Ok(()) }
    }

    /// Replaces the dataset by a file. Does not return before it is done.
    fn load(
        &mut self,
        wire: &Wire,
        file: &mut std::fs::File,
        id: Option<ReplId>,
        offset: u64,
    ) -> Result<(), Cut> {
        let server = Arc::clone(&self.server);
        let _replacing = server.replacing.lock();
        let total = file.metadata()?.len();
        let shown = Shown::new(&server, Meanwhile::Nothing, total);
        server.disconnect_replicas();
        self.with_role(|role| (role.has_history, role.backlog_after) = (false, None));
        load::flush(&server);
        let mut told = now();
        let mut keep_alive = || {
            if now().since(told) >= Millis::from_secs(1) {
                told = now();
                wire.show_life();
            }
        };
        let filled = load::fill_from(&server, file, &mut keep_alive);
        let copied = filled.inspect_err(|_| load::flush(&server))?;
        let pass = server.keyspace.gate().exclusive();
        self.take_history(&pass, id, offset, copied.db);
        drop((pass, shown));
        Ok(())
    }

    /// Replaces the dataset by one that was loaded beside it, in one moment.
    fn replace(&mut self, loaded: Loaded, id: Option<ReplId>, offset: u64) {
        let server = Arc::clone(&self.server);
        let _replacing = server.replacing.lock();
        let pass = server.keyspace.gate().exclusive();
        server.disconnect_replicas();
        load::replace(&server, &pass, loaded.keyspace);
        self.take_history(&pass, id, offset, loaded.copied.db);
        drop(pass);
        // Those who wait for keys may find what they wait for.
        server.clients.all().iter().for_each(|client| client.post(Mail::Recheck));
    }

    /// The dataset is the primary's as of `offset`; its stream goes on in `db`.
    fn take_history(&mut self, _: &Pass<'_>, id: Option<ReplId>, offset: u64, db: u8) {
        let server = &*self.server;
        server.log.restart(offset);
        server.durability.begin_anew();
        server.log.set_db(Some(db));
        let mut role = server.replication.lock();
        // A history without a name is shared with nobody.
        role.identity = Identity::of_primary(id.unwrap_or(ReplId::random(&mut self.rng)));
        role.parted.clear();
        role.has_history = id.is_some();
        role.backlog_after = Some(offset);
        if let Some(upstream) = &mut role.upstream {
            upstream.received = offset;
        }
    }

    /// Runs the stream until the link breaks.
    async fn follow(&mut self, wire: &mut Wire, is_legacy: bool) -> Result<Infallible, Cut> {
        let listed = Listed::enter(&self.server, &wire.stream)?;
        let mut client = Client::new(Arc::clone(&listed.client), true);
        client.select(self.server.log.db().unwrap_or(0));
        let mut session = Session::of_primary(client);
        let mut ticks = tokio::time::interval(ACKNOWLEDGE_EVERY);
        let mut heard = now();
        loop {
            let bytes = wire.buffer.split();
            session.feed(&bytes);
            let progress = self.run(&mut session);
            let acknowledge = session.client.acknowledge.take();
            if let Some(offset) = acknowledge.filter(|_| !is_legacy) {
                self.acknowledge(wire, offset).await?;
            }
            match progress {
                Progress::NeedsInput | Progress::Waiting => {}
                Progress::Yielded => {
                    tokio::task::yield_now().await;
                    continue;
                }
                Progress::Closing | Progress::Leaving if session.is_killed() => {
                    return Err(Cut::Killed);
                }
                Progress::Closing | Progress::Leaving => {
                    self.with_role(|role| role.has_history = false);
                    return Err(Cut::Garbled);
                }
            }
            tokio::select! {
                biased;
                mail = mail(&listed.client) => {
                    mail.into_iter().for_each(|mail| session.deliver(mail));
                }
                _ = ticks.tick() => {
                    if now().since(heard).to_duration() > wire.patience {
                        return Err(Cut::Silent);
                    }
                    wire.patience = self.patience();
                    if !is_legacy {
                        self.acknowledge(wire, self.server.log.end()).await?;
                    }
                }
                read = wire.read_some() => {
                    let count = read?;
                    heard = now();
                    self.heard(count, &session, &listed.client);
                }
            }
        }
    }

    /// Runs what was fed; replies go nowhere.
    fn run(&mut self, session: &mut Session) -> Progress {
        let _replacing = self.server.replacing.lock();
        self.worker.clock.resync();
        let progress = session.run(&mut self.worker);
        session.out().clear();
        progress
    }

    /// Bytes have come.
    fn heard(&self, count: usize, session: &Session, client: &ClientShared) {
        let stats = &self.server.stats;
        stats.net_repl_in_bytes.fetch_add(count as u64, Ordering::Relaxed);
        client.last_active.store(now().0, Ordering::Relaxed);
        let received = self.server.log.end() + (session.fed() + count) as u64;
        self.with_role(|role| {
            if let Some(upstream) = &mut role.upstream {
                (upstream.heard, upstream.received) = (now(), received);
            }
        });
    }

    async fn acknowledge(&self, wire: &mut Wire, offset: u64) -> Result<(), Cut> {
        let (offset, synced) = (offset.to_string(), self.server.durability.synced_to().to_string());
        let mut words: Vec<&[u8]> = vec![b"REPLCONF", b"ACK", offset.as_bytes()];
        if self.server.settings.load().appendonly {
            words.extend([&b"FACK"[..], synced.as_bytes()]);
        }
        let mut bytes = Vec::new();
        encode(&mut bytes, words.into_iter());
        wire.write(&bytes).await
    }
}

/// The messages for the link.
async fn mail(client: &ClientShared) -> VecDeque<Mail> {
    poll_fn(|cx| {
        let mut mail = VecDeque::new();
        client.collect(cx.waker(), &mut mail);
        if mail.is_empty() { Poll::Pending } else { Poll::Ready(mail) }
    })
    .await
}

/// The link among the connections, for as long as it lives.
struct Listed {
    server: Arc<Server>,
    client: Arc<ClientShared>,
}

impl Listed {
    fn enter(server: &Arc<Server>, stream: &TcpStream) -> Result<Listed, Cut> {
        let (peer, local) = (stream.peer_addr()?, stream.local_addr()?);
        let origin = Origin {
            peer: peer.to_string(),
            local: local.to_string(),
            fd: stream.as_raw_fd(),
            worker: 0,
            unix_socket: false,
            loopback: peer.ip().is_loopback(),
        };
        let client = Arc::new(ClientShared::new(server.clients.next_id(), origin, now()));
        server.clients.insert(Arc::clone(&client));
        Ok(Listed { server: Arc::clone(server), client })
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.client.close_mailbox();
        self.server.clients.withdraw(&self.client);
    }
}

/// The address to connect from, if one is set.
fn source(server: &Server) -> Option<IpAddr> {
    let settings = server.settings.load();
    let words = settings.bind_source_addr.iter();
    let mut found = words.filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok());
    found.next()
}

async fn open(host: &str, port: u16, source: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let mut failure = std::io::Error::other("the name has no address");
    for address in lookup_host((host, port)).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(source) = source.filter(|source| source.is_ipv4() == address.is_ipv4()) {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        match socket.connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
