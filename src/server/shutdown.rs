//! The control loop's part in ending the process: waits for replicas that are behind, saves for the
//! last time, ends; or stays up if that is called off, or if saving fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::signal::unix::SignalKind;

use super::control::ControlLoop;
use super::snapshot::{SaveError, Saved, Then};
use crate::base::Millis;
use crate::commands::GETACK;
use crate::config::kind::ShutdownOn;
use crate::engine::unix_time;
use crate::resp::Value;
use crate::spec::{CmdError, CmdResult};
use crate::state::conditions::Condition;
use crate::state::control::{Shutdown, Waiting};
use crate::state::{Mail, Server};

/// What those who asked for a shutdown are told when there is none.
const CALLED_OFF: CmdError = CmdError::text("ERR Errors trying to SHUTDOWN. Check logs.");

/// A shutdown under way.
#[derive(Debug)]
pub(super) struct Ending {
    options: Shutdown,
    /// Until when replicas are waited for; `None` when the last save has begun.
    deadline: Option<Millis>,
    /// What they are to have. Not known before everybody who was writing has left.
    goal: Arc<AtomicU64>,
    /// Who hears if the process stays up.
    waiting: Vec<Waiting>,
    by_signal: bool,
}

impl ControlLoop {
    /// A signal asks for the end; false if it is at once.
    pub(super) fn ends_by(&mut self, signal: SignalKind) -> bool {
        let settings = self.server.settings.load_full();
        let is_interrupt = signal == SignalKind::interrupt();
        let name = if is_interrupt { "SIGINT" } else { "SIGTERM" };
        if let Some(ending) = &mut self.ending {
            if is_interrupt && ending.by_signal {
                tracing::warn!("interrupted again: exiting now");
                std::process::exit(1);
            }
            tracing::info!(signal = name, "asked again to shut down");
            ending.by_signal = true;
            return true;
        }
        let how = match is_interrupt {
            true => settings.shutdown_on_sigint,
            false => settings.shutdown_on_sigterm,
        };
        tracing::info!(signal = name, "shutting down");
        let save = match how {
            how if how.contains(ShutdownOn::SAVE) => Some(true),
            how if how.contains(ShutdownOn::NOSAVE) => Some(false),
            _ => None,
        };
        let (now, force) = (how.contains(ShutdownOn::NOW), how.contains(ShutdownOn::FORCE));
        let goes_on = self.end(Shutdown { save, now, force, abort: false }, None);
        self.ending.iter_mut().for_each(|ending| ending.by_signal = true);
        goes_on
    }

    /// Ends the process: at once, or after replicas have caught up and a last save; false if at
    /// once. Whoever asks again waits with the others, whatever the options are.
    pub(super) fn end(&mut self, options: Shutdown, from: Option<Waiting>) -> bool {
        if let Some(ending) = &mut self.ending {
            ending.waiting.extend(from);
            return true;
        }
        let waiting = from.into_iter().collect();
        let server = &self.server;
        let goal = Arc::new(AtomicU64::new(server.log.end()));
        let mut ending = Ending { options, deadline: None, goal, waiting, by_signal: false };
        let timeout = Millis::from_secs(u64::from(server.settings.load().shutdown_timeout));
        // Nothing is written from now on: it would be lost, or no replica would ever have all.
        server.conditions.set(Condition::SHUTTING_DOWN, true);
        if !options.now && timeout > Millis::ZERO && lagging(server, &ending.goal) > 0 {
            tracing::info!("waiting for replicas before shutting down");
            let deadline = now() + timeout;
            ending.deadline = Some(deadline);
            server.shutdown_at.store(deadline.0, Ordering::Relaxed);
            set_goal(server, &ending.goal);
            self.ending = Some(ending);
            return true;
        }
        self.ending = Some(ending);
        self.finish()
    }

    /// Looks whether replicas are waited for no longer; false if the process is to end now.
    pub(super) fn look_at_end(&mut self, now: Millis) -> bool {
        let waits = |ending: &Ending| Some((ending.deadline?, Arc::clone(&ending.goal)));
        let Some((deadline, goal)) = self.ending.as_ref().and_then(waits) else { return true };
        let is_over = now >= deadline || lagging(&self.server, &goal) == 0;
        !is_over || self.finish()
    }

    /// Saves for the last time; false if there is nothing to save.
    fn finish(&mut self) -> bool {
        let Some(ending) = &mut self.ending else { return true };
        let server = &self.server;
        ending.deadline = None;
        server.shutdown_at.store(0, Ordering::Relaxed);
        let replicas = server.replication.lock().replicas.len();
        if replicas > 0 {
            let in_sync = replicas.saturating_sub(lagging(server, &ending.goal));
            tracing::info!(in_sync, replicas, "replicas that have everything");
        }
        let options = ending.options;
        let is_loading = server.conditions.load().contains(Condition::LOADING);
        let has_points = !server.settings.load().save.is_empty();
        if is_loading || !options.save.unwrap_or(has_points) {
            return false;
        }
        tracing::info!("saving before exiting");
        self.pause_all();
        self.saver.shut_down(&self.server, options.force);
        true
    }

    /// SHUTDOWN ABORT.
    pub(super) fn abort_end(&mut self) -> CmdResult<Value> {
        if self.ending.as_ref().is_none_or(|ending| ending.deadline.is_none()) {
            return Err(CmdError::text("ERR No shutdown in progress."));
        }
        tracing::info!("shutdown called off");
        self.stay_up();
        Ok(Value::ok())
    }

    /// A save has ended; false when the process is to end with it.
    pub(super) fn saved(&mut self, outcome: Result<Saved, SaveError>) -> bool {
        match self.saver.settle(&self.server, outcome) {
            Then::GoOn => true,
            Then::End => false,
            Then::StayUp => {
                tracing::warn!("not shutting down: the dataset could not be saved");
                self.set_pause(None);
                self.stay_up();
                true
            }
        }
    }

    /// The process does not end.
    fn stay_up(&mut self) {
        let server = &self.server;
        server.shutdown_at.store(0, Ordering::Relaxed);
        server.conditions.set(Condition::SHUTTING_DOWN, false);
        server.clients.all().iter().for_each(|client| client.post(Mail::Wake));
        if let Some(ending) = self.ending.take() {
            ending.waiting.into_iter().for_each(|one| one.answer(Err(CALLED_OFF)));
        }
    }
}

fn now() -> Millis {
    Millis(unix_time().as_millis() as u64)
}

/// Finds out what replicas are to have, and asks them whether they do. On a thread of its own: the
/// control plane never waits at the gate.
fn set_goal(server: &Arc<Server>, goal: &Arc<AtomicU64>) {
    goal.store(u64::MAX, Ordering::Relaxed);
    let (shared, known) = (Arc::clone(server), Arc::clone(goal));
    let work = move || {
        // Nobody is inside: what is not in the log now waits.
        let _alone = shared.keyspace.gate().exclusive();
        known.store(shared.log.end(), Ordering::Relaxed);
        shared.log.append_if_active(GETACK);
    };
    let thread = std::thread::Builder::new().name("last-words".to_owned()).spawn(work);
    if let Err(error) = thread {
        tracing::error!(%error, "no thread to wait for writers with");
        goal.store(server.log.end(), Ordering::Relaxed);
    }
}

/// Replicas that have not told that they have everything.
fn lagging(server: &Server, goal: &AtomicU64) -> usize {
    let goal = goal.load(Ordering::Relaxed);
    let role = server.replication.lock();
    role.replicas.values().filter(|replica| replica.acknowledged < goal).count()
}
