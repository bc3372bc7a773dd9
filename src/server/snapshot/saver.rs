//! When to save: on demand, at save points, before the end. Part of the control loop; the work is
//! done by a thread that reports back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::file::{SaveError, Saved, save};
use super::{Urgency, now};
use crate::base::Millis;
use crate::base::error::with_causes;
use crate::config::Settings;
use crate::resp::Value;
use crate::spec::{CmdError, CmdResult};
use crate::state::Server;
use crate::state::conditions::Condition;
use crate::state::control::{Start, Waiting};

/// After a failure the next attempt is not made earlier than this.
const RETRY_AFTER: Millis = Millis(5_000);

const BUSY: CmdError = CmdError::text("ERR Background save already in progress");

const REWRITING: CmdError = CmdError::text(
    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in \
     order to schedule a BGSAVE whenever possible.",
);

/// Why a save was begun.
#[derive(Debug)]
pub(in crate::server) enum Purpose {
    /// BGSAVE or a save point.
    Background,
    /// SAVE: a client waits.
    Client(Option<Waiting>),
    /// FLUSHALL with save points: the file is to be empty, too. A client may wait.
    Flush(Option<Waiting>),
    /// The process ends with it, if `force` even if it fails.
    Shutdown { force: bool },
}

/// What a save that has ended means for the process.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::server) enum Then {
    GoOn,
    /// It was the last thing to do.
    End,
    /// The process was to end, and does not.
    StayUp,
}

/// A save under way.
struct Running {
    purpose: Purpose,
    stop: Arc<AtomicBool>,
}

/// See the module's head.
pub(in crate::server) struct Saver {
    running: Option<Running>,
    /// To be begun when what runs has ended.
    next: Option<Purpose>,
    ended: UnboundedSender<Result<Saved, SaveError>>,
    endings: UnboundedReceiver<Result<Saved, SaveError>>,
}

impl Saver {
    pub(in crate::server) fn new() -> Saver {
        let (ended, endings) = unbounded_channel();
        Saver { running: None, next: None, ended, endings }
    }

    /// The end of the save under way, if there is one; cancel-safe.
    pub(in crate::server) async fn ending(&mut self) -> Result<Saved, SaveError> {
        match self.endings.recv().await {
            Some(ending) => ending,
            None => std::future::pending().await,
        }
    }

    fn is_busy(&self, server: &Server) -> bool {
        self.running.is_some() || server.keyspace.is_walked()
    }

    /// BGSAVE.
    ///
    /// # Errors
    /// If a snapshot is being made, or the append-only file rewritten and it is not to be later.
    pub(in crate::server) fn background(
        &mut self,
        server: &Arc<Server>,
        start: Start,
    ) -> CmdResult<Value> {
        if self.running.is_some() {
            return Err(BUSY);
        }
        let is_rewriting = server.aof.is_rewriting();
        if start == Start::Later || start == Start::WhenPossible && is_rewriting {
            self.next = Some(Purpose::Background);
            return Ok(Value::Simple("Background saving scheduled".into()));
        }
        if is_rewriting {
            return Err(REWRITING);
        }
        if server.keyspace.is_walked() {
            return Err(BUSY);
        }
        self.begin(server, Purpose::Background);
        Ok(Value::Simple("Background saving started".into()))
    }

    /// SAVE; `from` is answered when it is done.
    pub(in crate::server) fn foreground(&mut self, server: &Arc<Server>, from: Option<Waiting>) {
        if self.is_busy(server) {
            answer(from, Err(BUSY));
        } else {
            self.begin(server, Purpose::Client(from));
        }
    }

    /// Saves for the last time; what runs is given up, other snapshots, too.
    pub(in crate::server) fn shut_down(&mut self, server: &Arc<Server>, force: bool) {
        self.supersede(server, Purpose::Shutdown { force });
    }

    /// Saves what FLUSHALL has left, since what is on the disk is gone here; what runs is given up.
    /// `from` is answered when it is done, or at once where other snapshots have to end before.
    pub(in crate::server) fn flushed(&mut self, server: &Arc<Server>, from: Option<Waiting>) {
        let is_last = |purpose: &Purpose| matches!(purpose, Purpose::Shutdown { .. });
        let is_ending = self.next.as_ref().is_some_and(is_last)
            || self.running.as_ref().is_some_and(|running| is_last(&running.purpose));
        if is_ending {
            return;
        }
        let waits = self.running.is_none() && server.keyspace.is_walked();
        if waits {
            answer(from, Ok(Value::ok()));
            self.supersede(server, Purpose::Flush(None));
        } else {
            self.supersede(server, Purpose::Flush(from));
        }
    }

    /// Gives up what runs and begins with this. A client's SAVE only goes for the last one.
    fn supersede(&mut self, server: &Arc<Server>, purpose: Purpose) {
        let is_last = matches!(purpose, Purpose::Shutdown { .. });
        if let Some(Purpose::Flush(from)) = self.next.replace(purpose) {
            answer(from, Ok(Value::ok()));
        }
        match &self.running {
            Some(running) if !is_last && matches!(running.purpose, Purpose::Client(_)) => {}
            Some(running) => running.stop.store(true, Ordering::Relaxed),
            None => self.begin_next(server),
        }
    }

    /// Looks whether a save point was reached.
    pub(in crate::server) fn tick(&mut self, server: &Arc<Server>, now: Millis) {
        if self.is_busy(server) || server.conditions.load().contains(Condition::LOADING) {
            return;
        }
        if self.next.is_some() {
            self.begin_next(server);
            return;
        }
        let changes = server.persistence.unsaved(server.stats.sum(|worker| &worker.dirty));
        let saves = *server.persistence.saves.lock();
        let may_try = !saves.last_failed || now.since(saves.last_try) > RETRY_AFTER;
        let settings = server.settings.load();
        let reached = settings.save.iter().find(|point| {
            changes >= u64::from(point.changes).max(1)
                && now.since(saves.last_saved) > Millis::from_secs(u64::from(point.seconds))
        });
        if let Some(point) = reached.filter(|_| may_try) {
            tracing::info!(changes, seconds = point.seconds, "save point reached: saving");
            self.begin(server, Purpose::Background);
        }
    }

    fn begin_next(&mut self, server: &Arc<Server>) {
        if let Some(purpose) = self.next.take() {
            self.begin(server, purpose);
        }
    }

    fn begin(&mut self, server: &Arc<Server>, purpose: Purpose) {
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped, ended) = (Arc::clone(server), Arc::clone(&stop), self.ended.clone());
        {
            let mut saves = server.persistence.saves.lock();
            saves.began = Some(now());
            saves.in_background = matches!(purpose, Purpose::Background);
            saves.last_try = now();
            saves.count += u64::from(matches!(purpose, Purpose::Background | Purpose::Client(_)));
        }
        let urgency = match purpose {
            Purpose::Shutdown { .. } => Urgency::Preempts,
            _ => Urgency::Waits,
        };
        self.running = Some(Running { purpose, stop });
        let work = move || drop(ended.send(save(&shared, &stopped, urgency)));
        let thread = std::thread::Builder::new().name("saver".to_owned()).spawn(work);
        if let Err(cause) = thread {
            let path = "a thread".to_owned();
            drop(self.ended.send(Err(SaveError::Write { path, cause })));
        }
    }

    /// Settles a save that has ended.
    pub(in crate::server) fn settle(
        &mut self,
        server: &Arc<Server>,
        ending: Result<Saved, SaveError>,
    ) -> Then {
        let Some(Running { purpose, .. }) = self.running.take() else { return Then::GoOn };
        let is_stopped = matches!(ending, Err(SaveError::Stopped));
        note(server, &purpose, &ending);
        let then = match purpose {
            Purpose::Background => Then::GoOn,
            Purpose::Client(from) => {
                // Redis says no more than this; the log does.
                let result = ending.map(|_| Value::ok()).map_err(|_| CmdError::text("ERR"));
                answer(from, result);
                Then::GoOn
            }
            Purpose::Flush(from) => {
                answer(from, Ok(Value::ok()));
                Then::GoOn
            }
            Purpose::Shutdown { force } if ending.is_ok() || force => Then::End,
            Purpose::Shutdown { .. } => Then::StayUp,
        };
        let is_next = is_stopped || !matches!(self.next, None | Some(Purpose::Background));
        if is_next && then == Then::GoOn {
            self.begin_next(server);
        }
        then
    }
}

/// Notes for INFO and admission how a save ended.
fn note(server: &Server, purpose: &Purpose, ending: &Result<Saved, SaveError>) {
    let mut saves = server.persistence.saves.lock();
    let began = saves.began.take();
    let in_background = matches!(purpose, Purpose::Background);
    if in_background {
        saves.last_secs = began.map(|began| now().since(began).as_secs());
    }
    match ending {
        Ok(saved) => {
            saves.last_saved = now();
            saves.last_captured_bytes = saved.captured_bytes;
            saves.last_failed = false;
            server.persistence.note_saved(saved.changes);
            let millis = began.map_or(0, |began| now().since(began).0);
            tracing::info!(bytes = saved.bytes, millis, "dataset saved");
        }
        Err(SaveError::Stopped) => tracing::info!("saving was given up"),
        Err(error) => {
            saves.last_failed |= in_background;
            tracing::error!(error = %with_causes(error), "the dataset was not saved");
        }
    }
    drop(saves);
    follow(server, &server.settings.load());
}

/// Refuses writes, or no longer, as the last save and `stop-writes-on-bgsave-error` say.
pub(in crate::server) fn follow(server: &Server, settings: &Settings) {
    let failed = server.persistence.saves.lock().last_failed;
    let refuse = failed && settings.stop_writes_on_bgsave_error && !settings.save.is_empty();
    server.conditions.set(Condition::SAVE_FAILED, refuse);
}

fn answer(from: Option<Waiting>, answer: CmdResult<Value>) {
    if let Some(waiting) = from {
        waiting.answer(answer);
    }
}
