//! The control plane's loop: the one place that changes settings, drives the cluster machine and
//! ends the process. It has a thread of its own and touches no keys, so a busy data plane cannot
//! hold it up.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use super::aof;
use super::bus::{Bus, BusError, Event, NodesFileError};
use super::config_file::ConfigFile;
use super::cron::Cron;
use super::listeners::Listeners;
use super::logging::Logging;
use super::replication::{Order, Replicator};
use super::shutdown::Ending;
use super::snapshot::{self, LoadError, Saver};
use super::{acl, dir, resources, unsupported};
use crate::base::Millis;
use crate::config::kind::PrimaryAddress;
use crate::config::{Caller, SetError, Settings};
use crate::engine::unix_time;
use crate::resp::Value;
use crate::spec::CmdError;
use crate::state::conditions::Condition;
use crate::state::control::{Pause, Shutdown, Waiting};
use crate::state::{Ask, Mail, Request, Server};

/// How often time-driven work is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Why the control plane cannot begin or go on: the process ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    #[error("could not receive signals")]
    Signals(#[source] std::io::Error),
    #[error("could not start the cluster bus")]
    Bus(#[from] BusError),
    #[error("the cluster's state cannot be saved")]
    NodesFile(#[from] NodesFileError),
    #[error("the dataset cannot be loaded")]
    Load(#[from] LoadError),
    #[error("could not start a thread")]
    Thread(#[source] std::io::Error),
}

/// What the control plane owns.
pub(super) struct ControlLoop {
    pub server: Arc<Server>,
    pub asks: UnboundedReceiver<Ask>,
    pub logging: Logging,
    pub listeners: Listeners,
    pub cron: Cron,
    /// What CONFIG REWRITE writes; `None` without a configuration file.
    pub file: Option<ConfigFile>,
    /// `None` when cluster mode is off.
    pub bus: Option<Bus>,
    /// End of CLIENT PAUSE.
    pub pause: Option<Pause>,
    pub replicator: Replicator,
    pub saver: Saver,
    /// A shutdown under way.
    pub ending: Option<Ending>,
}

impl ControlLoop {
    /// Runs until the process is to end.
    ///
    /// # Errors
    /// If it cannot begin, or can go on no longer.
    pub(super) async fn run(mut self) -> Result<(), ControlError> {
        let listen_for = |kind| signal(kind).map_err(ControlError::Signals);
        let mut terminate = listen_for(SignalKind::terminate())?;
        let mut interrupt = listen_for(SignalKind::interrupt())?;
        // A log file may be rotated, a terminal may go: neither ends a server.
        let mut hangup = listen_for(SignalKind::hangup())?;
        if let Some(bus) = &mut self.bus {
            bus.start(Arc::clone(&self.server), self.replicator.clone())?;
        }
        let mut loading = self.start_loading()?;
        let mut ticks = tokio::time::interval(TICK);
        loop {
            let proceed = tokio::select! {
                biased;
                () = received(&mut terminate) => self.ends_by(SignalKind::terminate()),
                () = received(&mut interrupt) => self.ends_by(SignalKind::interrupt()),
                () = received(&mut hangup) => true,
                event = next_event(self.bus.as_mut()) => self.bus_event(event)?,
                loaded = ended(&mut loading) => self.loaded(loaded)?,
                ending = self.saver.ending() => self.saved(ending),
                _ = ticks.tick() => self.tick()?,
                Some(ask) = self.asks.recv() => self.serve(ask)?,
            };
            if !proceed {
                if let Some(bus) = self.bus {
                    bus.stop();
                }
                return Ok(());
            }
        }
    }

    fn bus_event(&mut self, event: Event) -> Result<bool, ControlError> {
        if let Some(bus) = &mut self.bus {
            bus.handle(event)?;
        }
        Ok(true)
    }

    fn tick(&mut self) -> Result<bool, ControlError> {
        let now = Millis(unix_time().as_millis() as u64);
        if let Some(bus) = &mut self.bus {
            bus.tick(now)?;
        }
        self.cron.tick(&self.server, now);
        let is_loading = self.server.conditions.load().contains(Condition::LOADING);
        if let Some(bus) = self.bus.as_mut().filter(|_| !is_loading) {
            bus.tell_loaded()?;
        }
        self.saver.tick(&self.server, now);
        if !self.look_at_end(now) {
            return Ok(false);
        }
        if self.pause.is_some_and(|pause| pause.until <= now) {
            self.set_pause(None);
        }
        Ok(true)
    }

    /// Serves one request; false when the process is to end.
    fn serve(&mut self, ask: Ask) -> Result<bool, ControlError> {
        let waiting = ask.from;
        let answer = match ask.request {
            Request::Follow(primary) => {
                self.follow(primary, waiting);
                return Ok(true);
            }
            Request::Failover(command) => {
                self.replicator.order(Order::HandOver { command, waiting });
                return Ok(true);
            }
            Request::Follows(primary) => {
                self.note_handover(primary.as_ref());
                return Ok(true);
            }
            Request::RenameHistory => {
                self.replicator.order(Order::RenameHistory { waiting });
                return Ok(true);
            }
            Request::ConfigSet { pairs, caller } => return self.serve_set(&pairs, caller, waiting),
            Request::ConfigRewrite => self.config_rewrite(),
            Request::Acl(request) => acl::serve(&self.server, request),
            Request::Pause(pause) => {
                self.set_pause(pause);
                Ok(Value::ok())
            }
            Request::MallocStats => {
                let text = resources::report().into();
                Ok(Value::Verbatim { format: *b"txt", text })
            }
            Request::LoadAof => {
                self.server.aof.ask_for_reload(waiting);
                return Ok(true);
            }
            Request::PurgeMemory => {
                resources::purge();
                Ok(Value::ok())
            }
            Request::Shutdown(Shutdown { abort: true, .. }) => self.abort_end(),
            Request::Shutdown(options) => {
                tracing::info!("user requested shutdown");
                return Ok(self.end(options, waiting));
            }
            Request::SaveFlushed => {
                self.saver.flushed(&self.server, waiting);
                return Ok(true);
            }
            Request::Save => {
                self.saver.foreground(&self.server, waiting);
                return Ok(true);
            }
            Request::BackgroundSave(start) => self.saver.background(&self.server, start),
            Request::Reload(how) => {
                self.reload(how, waiting)?;
                return Ok(true);
            }
            Request::Cluster { command, facts } => match &mut self.bus {
                Some(bus) => bus.admin(&command, facts)?,
                None => Err(CmdError::ClusterDisabled),
            },
            Request::Publish { channel, message, shard } => {
                if let Some(bus) = &mut self.bus {
                    bus.publish(channel, message, shard)?;
                }
                Ok(Value::ok())
            }
        };
        answer_to(waiting, answer);
        Ok(true)
    }

    fn follow(&mut self, primary: Option<(String, u16)>, waiting: Option<Waiting>) {
        self.note_primary(primary.as_ref());
        self.replicator.order(match primary {
            Some((host, port)) => Order::Follow { host, port, waiting },
            None => Order::Lead { done: None, waiting },
        });
    }

    fn note_handover(&mut self, primary: Option<&(String, u16)>) {
        // In a cluster the machine's state says so.
        if self.bus.is_none() {
            self.note_primary(primary);
        }
    }
}

/// CLIENT PAUSE.
impl ControlLoop {
    /// Holds all commands back until the process ends.
    pub(super) fn pause_all(&mut self) {
        self.set_pause(Some(Pause { until: Millis::MAX, writes_only: false }));
    }

    pub(super) fn set_pause(&mut self, pause: Option<Pause>) {
        self.pause = pause;
        let (all, writes) = match pause {
            None => (false, false),
            Some(pause) => (!pause.writes_only, pause.writes_only),
        };
        self.server.conditions.set(Condition::PAUSE_ALL, all);
        self.server.conditions.set(Condition::PAUSE_WRITES, writes);
        if pause.is_none() {
            self.server.clients.all().iter().for_each(|client| client.post(Mail::Wake));
        }
    }
}

/// CONFIG.
impl ControlLoop {
    /// Has CONFIG GET and REWRITE say whom this node follows.
    fn note_primary(&self, primary: Option<&(String, u16)>) {
        let mut settings = Settings::clone(&self.server.settings.load());
        settings.replicaof = primary
            .map(|(host, port)| PrimaryAddress { host: host.clone().into_bytes(), port: *port });
        self.server.put_in_force(Arc::new(settings));
    }

    fn serve_set(
        &mut self,
        pairs: &[(Vec<u8>, Vec<u8>)],
        caller: Caller,
        waiting: Option<Waiting>,
    ) -> Result<bool, ControlError> {
        let before = self.server.settings.load().min_replicas_to_ack;
        let answer = self.config_set(pairs, caller)?;
        let after = self.server.settings.load().min_replicas_to_ack;
        if after != before && !self.server.replication.is_replica() {
            // It holds for whatever is written after the answer.
            self.replicator.order(Order::FollowSettings { waiting });
        } else {
            answer_to(waiting, answer);
        }
        Ok(true)
    }

    fn config_set(
        &mut self,
        pairs: &[(Vec<u8>, Vec<u8>)],
        caller: Caller,
    ) -> Result<Result<Value, CmdError>, ControlError> {
        let before = self.server.settings.load_full();
        let mut after = Settings::clone(&before);
        let pairs: Vec<(&[u8], &[u8])> =
            pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        let set = after.set(&pairs, caller).map(drop).and_then(|()| {
            unsupported::check(&after, Some(&before))
                .map_err(|refusal| SetError::not_applied(refusal.setting, refusal.reason))
        });
        let set = set.and_then(|()| {
            dir::change(&before, &mut after)?;
            let rest =
                aof::prepare(&before, &after).and_then(|()| self.listeners.change(&before, &after));
            rest.inspect_err(|_| dir::go_back(&before, &after))
        });
        if let Err(refusal) = set {
            return Ok(Err(CmdError::owned(refusal.to_string())));
        }
        self.logging.apply(&after);
        snapshot::follow(&self.server, &after);
        let after = Arc::new(after);
        if after.appendonly && !before.appendonly {
            // Whoever looks at INFO right after this sees that the first base is being written.
            self.server.aof.ask_for_rewrite(false);
        }
        self.server.put_in_force(Arc::clone(&after));
        self.server.refresh_role(Millis(unix_time().as_millis() as u64));
        if before.requirepass != after.requirepass {
            let new = self.server.acl.new_users(&after);
            let password = after.requirepass.as_deref();
            self.server.put_users(self.server.acl.users().with_default_password(password, new));
        }
        if let Some(bus) = &mut self.bus {
            bus.reconfigure(&after)?;
        }
        Ok(Ok(Value::ok()))
    }

    fn config_rewrite(&self) -> Result<Value, CmdError> {
        let Some(file) = &self.file else {
            return Err(CmdError::text("ERR The server is running without a config file"));
        };
        let path = file.path.display();
        file.rewrite(&acl::settings_with_users(&self.server)).map_err(|error| {
            tracing::warn!(%error, %path, "config rewrite failed");
            CmdError::owned(format!("ERR Rewriting config file: {error}"))
        })?;
        tracing::info!(%path, "config file rewritten");
        Ok(Value::ok())
    }
}

/// The end of a task, once; or never.
async fn ended<T>(task: &mut Option<oneshot::Receiver<T>>) -> T {
    let result = match task {
        Some(receiver) => receiver.await.ok(),
        None => None,
    };
    *task = None;
    match result {
        Some(result) => result,
        None => std::future::pending().await,
    }
}

/// The next event of the bus, or never.
async fn next_event(bus: Option<&mut Bus>) -> Event {
    match bus {
        Some(bus) => bus.next_event().await,
        None => std::future::pending().await,
    }
}

async fn received(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

fn answer_to(from: Option<Waiting>, answer: Result<Value, CmdError>) {
    if let Some(waiting) = from {
        waiting.answer(answer);
    }
}
