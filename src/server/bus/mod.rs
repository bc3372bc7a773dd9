//! The shell around the cluster machine: performs its actions in order, feeds it what happens on
//! the bus.
//!
//! Runs on the control thread. It decides nothing; see `cluster::machine` for the rules it follows.

mod link;
mod nodes_file;
mod translate;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

pub(super) use self::link::Event;
use self::link::Link;
use self::nodes_file::NodesFile;
pub(super) use self::nodes_file::NodesFileError;
use super::listen::{self, ListenError};
use super::replication::{Order, Replicator};
use crate::base::{Millis, Rng};
use crate::cluster::admin::AdminContext;
use crate::cluster::frame::Message;
use crate::cluster::link::{LinkBuffers, LinkId};
use crate::cluster::{Action, Admin, ClusterView, Input, Machine};
use crate::config::Settings;
use crate::engine::unix_time;
use crate::resp::Value;
use crate::spec::CmdError;
use crate::state::conditions::Condition;
use crate::state::control::LocalFacts;
use crate::state::{self, Mail, Server, pubsub};

/// Bus events that may wait for the control loop; a reader beyond that waits itself.
const EVENTS_MAX: usize = 1024;
/// Buffers are reported to the machine this often.
const REPORT_EVERY: Duration = Duration::from_millis(1000);
/// Pending connections of the bus port.
const BACKLOG: i32 = 511;

/// Why a node cannot join a cluster.
#[derive(Debug, thiserror::Error)]
pub(super) enum BusError {
    #[error(transparent)]
    NodesFile(#[from] NodesFileError),
    #[error("could not listen on the cluster bus")]
    Listen(#[from] ListenError),
    #[error("port {0} leaves no room for the bus port 10000 above it: set cluster-port")]
    Port(u16),
}

/// The machine, its links and its file.
pub(super) struct Bus {
    server: Option<Arc<Server>>,
    replicator: Option<Replicator>,
    machine: Machine,
    file: NodesFile,
    links: BTreeMap<LinkId, Link>,
    next_link: u64,
    events: Receiver<Event>,
    sender: Sender<Event>,
    actions: Vec<Action>,
    /// Links that were cut while actions were performed.
    cut: Vec<LinkId>,
    view: Arc<ClusterView>,
    reported: Millis,
    /// The machine knows that the dataset is loaded.
    told_loaded: bool,
    message_len_max: usize,
    source: Option<IpAddr>,
    node_timeout: Duration,
    /// Where this node listens for its peers; CONFIG SET port does not move it.
    bus_port: u16,
}

impl Bus {
    /// Locks and reads `nodes.conf` and builds the machine. Nothing listens yet.
    ///
    /// # Errors
    /// If the file is another process's, cannot be read or is corrupt.
    pub(super) fn open(settings: &Settings) -> Result<Bus, BusError> {
        let bus_port = translate::bus_port(settings).ok_or(BusError::Port(settings.port))?;
        let now = wall_clock();
        let file = NodesFile::open(nodes_path(settings))?;
        let saved = file.read(now)?;
        let own = translate::settings(settings, bus_port);
        let mut machine = Machine::new(own, saved, Rng::from_entropy(), now);
        let (sender, events) = channel(EVENTS_MAX);
        let mut actions = Vec::new();
        machine.step(now, Input::Tick, &mut actions);
        let first_view = actions.iter().find_map(|action| match action {
            Action::ViewChanged(view) => Some(Arc::clone(view)),
            _ => None,
        });
        Ok(Bus {
            server: None,
            replicator: None,
            view: first_view.expect("the first step publishes a view"),
            machine,
            file,
            links: BTreeMap::new(),
            next_link: 0,
            events,
            sender,
            actions,
            cut: Vec::new(),
            reported: now,
            told_loaded: false,
            message_len_max: settings.proto_max_bulk_len as usize,
            source: translate::source(settings),
            node_timeout: settings.cluster_node_timeout.to_duration(),
            bus_port,
        })
    }

    /// The view to start with.
    pub(super) fn view(&self) -> ClusterView {
        ClusterView::clone(&self.view)
    }

    /// Starts to listen and performs what the first step asked for.
    ///
    /// # Errors
    /// If the bus port cannot be opened, or `nodes.conf` not written.
    pub(super) fn start(
        &mut self,
        server: Arc<Server>,
        replicator: Replicator,
    ) -> Result<(), BusError> {
        let settings = server.settings.load_full();
        self.server = Some(server);
        self.replicator = Some(replicator);
        for listener in listen::open_tcp(&settings, self.bus_port, BACKLOG)? {
            tokio::task::spawn_local(link::accept(listener, self.sender.clone()));
        }
        self.perform()?;
        Ok(())
    }

    /// What happened next on a link.
    pub(super) async fn next_event(&mut self) -> Event {
        self.events.recv().await.expect("the bus keeps a sender itself")
    }

    /// Takes what happened on a link.
    ///
    /// # Errors
    /// If `nodes.conf` cannot be written: the process must end.
    pub(super) fn handle(&mut self, event: Event) -> Result<(), NodesFileError> {
        let input = match event {
            Event::Accepted { stream, peer_ip, local_ip } => {
                let link = self.adopt(stream);
                Input::Accepted { link, peer_ip, local_ip }
            }
            Event::Connected { node, stream, local_ip } => {
                let link = self.adopt(stream);
                Input::Connected { node, link, local_ip }
            }
            Event::ConnectFailed { node } => Input::ConnectFailed { node },
            Event::Received { link, frame } if self.links.contains_key(&link) => {
                Input::Received { link, frame }
            }
            Event::Closed { link } => {
                self.links.remove(&link);
                Input::Closed { link }
            }
            Event::Received { .. } => return Ok(()),
            Event::WritesPaused { offset } => Input::WritesPaused { offset },
        };
        self.step(input)
    }

    /// Time passed.
    ///
    /// # Errors
    /// As [`Bus::handle`].
    pub(super) fn tick(&mut self, now: Millis) -> Result<(), NodesFileError> {
        if now.since(self.reported).to_duration() >= REPORT_EVERY {
            self.reported = now;
            self.report_buffers()?;
        }
        if now < self.machine.next_deadline() {
            return Ok(());
        }
        self.report_replication(now)?;
        self.step(Input::Tick)
    }

    /// The dataset is loaded, or there was none; the machine is told once which slots have keys.
    ///
    /// # Errors
    /// As [`Bus::handle`].
    pub(super) fn tell_loaded(&mut self) -> Result<(), NodesFileError> {
        let Some(server) = self.server.as_ref().filter(|_| !self.told_loaded) else {
            return Ok(());
        };
        let slots = server.keyspace.occupied_slots(0);
        self.told_loaded = true;
        self.step(Input::Loaded { slots })
    }

    /// Settings changed.
    ///
    /// # Errors
    /// As [`Bus::handle`].
    pub(super) fn reconfigure(&mut self, settings: &Settings) -> Result<(), NodesFileError> {
        self.message_len_max = settings.proto_max_bulk_len as usize;
        self.node_timeout = settings.cluster_node_timeout.to_duration();
        let own = translate::settings(settings, self.bus_port);
        self.step(Input::Settings(Box::new(own)))
    }

    /// A local client published a message for the whole cluster, or for its shard.
    ///
    /// # Errors
    /// As [`Bus::handle`].
    pub(super) fn publish(
        &mut self,
        channel: Vec<u8>,
        payload: Vec<u8>,
        shard: bool,
    ) -> Result<(), NodesFileError> {
        let message = Message { channel: Bytes::from(channel), payload: Bytes::from(payload) };
        self.step(Input::Publish { message, shard })
    }

    /// Runs a CLUSTER subcommand; its answer may be sent when this returns.
    ///
    /// # Errors
    /// As [`Bus::handle`]; the operator's mistakes are in the inner result.
    pub(super) fn admin(
        &mut self,
        command: &Admin,
        facts: LocalFacts,
    ) -> Result<Result<Value, CmdError>, NodesFileError> {
        let cx = AdminContext { keys: &facts, tls: false };
        let answer = self.machine.admin(wall_clock(), command, cx, &mut self.actions);
        self.perform()?;
        Ok(answer.map_err(|error| CmdError::owned(format!("ERR {error}"))))
    }

    /// Saves what is known, on the way out.
    pub(super) fn stop(mut self) {
        if let Err(error) = self.file.write(&self.machine.saved_text(), true) {
            tracing::error!(%error, "nodes.conf not saved on shutdown");
        }
    }

    fn step(&mut self, input: Input) -> Result<(), NodesFileError> {
        self.machine.step(wall_clock(), input, &mut self.actions);
        self.perform()
    }

    /// Performs what is to be done, and tells the machine of links that were cut by it.
    fn perform(&mut self) -> Result<(), NodesFileError> {
        self.perform_actions()?;
        while let Some(link) = self.cut.pop() {
            self.machine.step(wall_clock(), Input::Closed { link }, &mut self.actions);
            self.perform_actions()?;
        }
        Ok(())
    }

    /// Performs the actions in order: a later one never happens before an earlier one is done.
    fn perform_actions(&mut self) -> Result<(), NodesFileError> {
        for action in std::mem::take(&mut self.actions) {
            match action {
                Action::Persist { text, sync } => self.file.write(&text, sync)?,
                Action::ViewChanged(view) => self.publish_view(view),
                Action::Connect { node, ip, bus_port } => {
                    let (source, patience) = (self.source, self.node_timeout);
                    let target = link::Target { node, ip, bus_port, source, patience };
                    tokio::task::spawn_local(link::connect(target, self.sender.clone()));
                }
                Action::CloseLink(link) => drop(self.links.remove(&link)),
                Action::Send { link, frame } => self.send(link, frame),
                Action::DropSlotKeys(slots) => self.drop_keys(slots.iter()),
                Action::DropAllKeys => self.drop_keys(crate::base::Slot::all()),
                Action::Deliver { message, shard } => self.deliver(&message, shard),
                Action::FollowPrimary { ip: host, port, .. } => {
                    self.order(Order::Follow { host, port, waiting: None });
                }
                Action::StopFollowing => self.order(Order::Lead { done: None, waiting: None }),
                Action::PauseWrites { .. } => {
                    let (done, paused) = oneshot::channel();
                    self.order(Order::PauseWrites { done });
                    tokio::task::spawn_local(tell_paused(paused, self.sender.clone()));
                }
                Action::ResumeWrites => self.order(Order::ResumeWrites),
            }
        }
        Ok(())
    }

    /// Has the replication thread do something.
    fn order(&self, order: Order) {
        if let Some(replicator) = &self.replicator {
            replicator.order(order);
        }
    }

    /// Tells the machine where replication stands.
    fn report_replication(&mut self, now: Millis) -> Result<(), NodesFileError> {
        let Some(server) = &self.server else { return Ok(()) };
        let role = server.replication.lock();
        let data_age = role.upstream.as_ref().map_or(Millis::ZERO, |upstream| {
            let is_up = upstream.link == state::replication::Link::Connected;
            now.since(if is_up { upstream.heard } else { upstream.down_since.unwrap_or_default() })
        });
        drop(role);
        let offset = server.log.end();
        self.step(Input::Replication { offset, data_age })
    }

    /// A message from another node, for the subscribers here.
    fn deliver(&self, Message { channel, payload }: &Message, shard: bool) {
        let Some(server) = &self.server else { return };
        if shard {
            server.pubsub.publish_to_shard(channel, payload, pubsub::post);
        } else {
            server.pubsub.publish(channel, payload, pubsub::post);
        }
    }

    /// A peer that does not read loses its link; the machine hears of it as of any link that ended.
    fn send(&mut self, link: LinkId, frame: Bytes) {
        if self.links.get(&link).is_some_and(|open| !open.send(frame)) {
            tracing::warn!(link = link.0, "bus peer does not read: link closed");
            self.links.remove(&link);
            self.cut.push(link);
        }
    }

    fn publish_view(&mut self, view: Arc<ClusterView>) {
        self.view = Arc::clone(&view);
        let Some(server) = &self.server else {
            return;
        };
        let down = view.state != crate::cluster::state::State::Ok;
        if let Some(published) = &server.cluster {
            published.store(Arc::clone(&view));
        }
        server.conditions.set(Condition::CLUSTER_DOWN, down);
        server.pubsub.drop_shard_channels(&view);
        // Who waits for keys may have to be sent elsewhere.
        server.waiters.all().iter().for_each(|waiter| waiter.client.post(Mail::Recheck));
    }

    /// Hands slots that were lost to the janitor, which waits for the commands still at work on
    /// them.
    fn drop_keys(&self, slots: impl Iterator<Item = crate::base::Slot>) {
        if let Some(server) = &self.server {
            server.garbage.drop_slots(slots);
        }
    }

    /// Gives a new connection a name and its task.
    fn adopt(&mut self, stream: tokio::net::TcpStream) -> LinkId {
        self.next_link += 1;
        let id = LinkId(self.next_link);
        let link = Link::start(id, stream, self.sender.clone(), self.message_len_max);
        self.links.insert(id, link);
        id
    }

    fn report_buffers(&mut self) -> Result<(), NodesFileError> {
        let used: Vec<(LinkId, u64)> =
            self.links.iter().map(|(&id, link)| (id, link.queued_bytes())).collect();
        for (link, bytes) in used {
            let buffers = LinkBuffers { send_allocated: bytes, send_used: bytes };
            self.step(Input::Buffers { link, buffers })?;
        }
        Ok(())
    }
}

/// Waits until writes have stopped, and says so.
async fn tell_paused(paused: oneshot::Receiver<u64>, events: Sender<Event>) {
    if let Ok(offset) = paused.await {
        // Without a receiver the process is ending.
        drop(events.send(Event::WritesPaused { offset }).await);
    }
}

fn wall_clock() -> Millis {
    Millis(unix_time().as_millis() as u64)
}

/// Where `nodes.conf` is.
fn nodes_path(settings: &Settings) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(&settings.cluster_config_file))
}
