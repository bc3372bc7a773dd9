//! The thread that writes the append-only file.
//!
//! It follows the log and the settings: nobody tells it that there is something to write, or that
//! `appendonly` was changed. With `appendfsync always` it writes and syncs whatever has come
//! meanwhile and then says how far the log is safe, so that one sync serves all who wait. What
//! cannot be written stays in the log and is tried again; until it succeeds writes are refused.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use super::base::Written;
use super::folder::{self, Folder, FolderError};
use super::incremental::{Incremental, LogPoint, WriteForm};
use super::output::Output;
use super::rewrite::Rewrite;
use super::syncer::Syncer;
use crate::config::Settings;
use crate::config::table::Fsync;
use crate::engine::unix_time;
use crate::persist::aof::Manifest;
use crate::replication::Reach;
use crate::state::Server;
use crate::state::aof::Phase;
use crate::state::conditions::Condition;

/// How often settings and what runs beside are looked at when there is nothing to write.
const TICK: Duration = Duration::from_millis(100);
/// Unless every write is waited for, what comes within this time is written together.
const GATHER: Duration = Duration::from_millis(1);
/// Where every write is waited for: who was answered by the latest sync may write again at once.
/// For so long it is seen whether they do.
const GATHER_STEP: Duration = Duration::from_micros(100);
/// For so long they are waited for without a pause.
const GATHER_BUSILY: Duration = Duration::from_micros(500);
/// Time in which one of many who are answered at once has written again, on their side and ours: so
/// many times their number until all of them have.
const TURN: Duration = Duration::from_micros(10);
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// A sync that takes longer than this is counted as delayed.
const SYNC_PATIENCE: Duration = Duration::from_secs(2);
/// A failed write is tried again after this time.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// Bytes of the log that may wait to be written. Beyond that, writes are refused.
const BEHIND_MAX: u64 = 1024 * 1024 * 1024;

/// What other threads tell this one.
pub(super) enum Event {
    /// This file has been synced up to this, or not.
    Synced(Arc<File>, Reach, io::Result<()>),
    /// The rewrite of this number has ended.
    Rewritten(u64, io::Result<Written>),
}

/// Those who wait for syncs.
#[derive(Debug, Default)]
struct Crowd {
    /// How long the latest sync took.
    took: Duration,
    /// How many waited for it or for the next.
    size: usize,
}

/// The files that are being written.
pub(super) struct Open {
    pub manifest: Manifest,
    pub incremental: Incremental,
    /// Bytes of the other files.
    pub other_bytes: u64,
    /// Where the incremental file is as long as there is no base to go with it.
    pub temporary: Option<PathBuf>,
}

/// See the module's head.
pub(super) struct Writer {
    pub server: Arc<Server>,
    pub folder: Folder,
    /// The lane of the gate for threads that walk.
    pub lane: usize,
    pub sender: Sender<Event>,
    events: Receiver<Event>,
    pub open: Option<Open>,
    pub rewrite: Option<Rewrite>,
    /// Rewrites begun so far.
    pub rewrites: u64,
    syncer: Syncer,
    /// How far everything is safe.
    synced: Reach,
    /// When the latest sync began.
    synced_at: Duration,
    /// If every write is waited for: who waits.
    crowd: Crowd,
    /// When a failed write is tried again.
    retry_at: Duration,
}

impl Writer {
    /// # Errors
    /// If its helper thread cannot be created.
    pub(super) fn new(server: Arc<Server>, folder: Folder, lane: usize) -> io::Result<Writer> {
        let (sender, events) = channel();
        Ok(Writer {
            server,
            folder,
            lane,
            syncer: Syncer::new(sender.clone())?,
            sender,
            events,
            open: None,
            rewrite: None,
            rewrites: 0,
            synced: Reach::default(),
            synced_at: Duration::ZERO,
            crowd: Crowd::default(),
            retry_at: Duration::ZERO,
        })
    }

    /// Goes on with the files that were loaded: in the last one, or in a first one.
    pub(super) fn adopt(&mut self, mut manifest: Manifest) -> Result<(), FolderError> {
        let part = match manifest.increments.last() {
            Some(last) => last.clone(),
            None => {
                let part = manifest.next_increment(&self.folder.prefix);
                manifest.push_increment(part.clone());
                self.folder.create_file(&self.folder.file(&part.name))?;
                self.folder.write_manifest(&manifest)?;
                part
            }
        };
        let file = self.folder.open_file(&part)?;
        let size =
            file.metadata().map_err(FolderError::io("find", &self.folder.file(&part.name)))?;
        let total = self.folder.size(&manifest)?;
        let base_bytes = self.folder.size_of(manifest.base.iter())?;
        let server = Arc::clone(&self.server);
        let alone = server.keyspace.gate().exclusive();
        server.log_if_wanted();
        let log = &server.log;
        let point = LogPoint::end_of(log);
        let incremental = Incremental::new(Output::new(file, size.len()), log, point);
        drop(alone);
        let incremental = incremental.expect("nobody has begun the log anew");
        let written = incremental.written();
        let other_bytes = total - size.len();
        self.open = Some(Open { manifest, incremental, other_bytes, temporary: None });
        server.aof.base_size.store(base_bytes, Ordering::Relaxed);
        self.publish();
        server.aof.set_phase(Phase::On);
        self.is_safe(written);
        Ok(())
    }

    /// Runs until `quit` is set, and then until everything is safe.
    pub(super) fn run(mut self, quit: &AtomicBool) {
        while !quit.load(Ordering::Acquire) {
            self.handle_events();
            self.follow_settings();
            self.rewrite_if_wanted();
            self.reload_if_wanted(quit);
            let is_idle = !self.turn();
            let settings = self.server.settings.load();
            let always = settings.appendfsync == Fsync::Always;
            drop(settings);
            match &self.open {
                Some(open) if is_idle => {
                    let failing = self.is_failing().then(|| self.server.log.reach());
                    let from = failing.unwrap_or_else(|| open.incremental.written());
                    if self.server.log.wait_beyond(from, TICK) && always {
                        // A worker on the same core goes on first: its next writes are synced, too.
                        std::thread::yield_now();
                    }
                }
                Some(_) if !always => std::thread::sleep(GATHER),
                Some(_) => {}
                None => std::thread::sleep(TICK),
            }
        }
        self.abandon_rewrite();
        self.close();
    }

    fn handle_events(&mut self) {
        loop {
            match self.events.try_recv() {
                Ok(Event::Synced(file, reach, Ok(()))) => self.is_synced(&file, reach),
                Ok(Event::Synced(_, _, Err(error))) => self.fails("sync", &error),
                Ok(Event::Rewritten(number, outcome)) => self.end_rewrite(number, outcome),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    /// Turns writing on or off as `appendonly` says; begins anew if the log did.
    fn follow_settings(&mut self) {
        let wanted = self.server.settings.load().appendonly;
        let server = Arc::clone(&self.server);
        let is_stale = |open: &Open| !open.incremental.follows(&server.log);
        let was_open = self.open.is_some();
        if self.open.as_ref().is_some_and(is_stale) {
            tracing::info!("the dataset was replaced: the append-only file is begun anew");
            self.drop_open();
            self.abandon_rewrite();
        }
        if self.open.is_none() {
            // What is begun later begins with a dataset that has it.
            server.log.forget_aside(u64::MAX);
        }
        if wanted && self.open.is_none() {
            self.begin();
        } else if !wanted && was_open {
            tracing::info!("append-only file turned off");
            // In this order: who looks meanwhile, and has it turned on again, sees a rewrite until
            // one can be seen to be wanted.
            self.close();
            self.abandon_rewrite();
            server.durability.begin_anew();
            server.durability.recheck();
        }
    }

    /// Writes what has come and sees that it is synced; whether there was something.
    fn turn(&mut self) -> bool {
        if self.is_resting() {
            return false;
        }
        self.gather();
        let Some(open) = &mut self.open else { return false };
        let now = unix_time();
        let (server, settings) = (Arc::clone(&self.server), self.server.settings.load_full());
        let (before, end) = (open.incremental.written(), server.log.reach());
        let form = form(&settings, now, server.aof.phase());
        if settings.appendfsync != Fsync::Always {
            open.incremental.output.forgive();
        }
        let outcome = open.incremental.write(&server.log, end, form);
        let written = open.incremental.written();
        let follows = open.incremental.follows(&server.log);
        self.publish();
        match outcome {
            // It is begun anew at once.
            Err(_) if !follows => {}
            Err(error) => self.fails("write to", &error),
            Ok(()) => {
                if self.is_failing() && !server.aof.is_syncing.load(Ordering::Acquire) {
                    self.works_again(&settings, written);
                }
                self.sync_if_due(&settings, written, now);
            }
        }
        written != before
    }

    /// Before a sync: lets those come who write again as soon as they are answered, as long as they
    /// do. Otherwise the first of them would have a sync for themselves, and the others wait for
    /// two. If they are back before a sync would have ended, all of them, for half of its time at
    /// most. If they are too many for that, half of them: these are synced while the others are
    /// answered and write again.
    fn gather(&mut self) {
        let Crowd { took, size } = self.crowd;
        let durability = &self.server.durability;
        let turns = u32::try_from(size).unwrap_or(u32::MAX);
        if took >= TURN.saturating_mul(turns) {
            if durability.waiting() > 0 {
                durability.gather(size, GATHER_STEP, took / 2);
            }
            return;
        }
        // They come too soon for this thread, and perhaps its core, to go to sleep.
        let until = Instant::now() + took.min(GATHER_BUSILY);
        while durability.waiting() < size.div_ceil(2) && Instant::now() < until {
            std::thread::yield_now();
        }
        if durability.waiting() == 0 {
            // They do not write again.
            self.crowd = Crowd::default();
        }
    }

    /// Shows sizes, and how far the file is behind the log.
    fn publish(&self) {
        let Some(open) = &self.open else { return };
        let aof = &self.server.aof;
        aof.size.store(open.other_bytes + open.incremental.output.end(), Ordering::Relaxed);
        let Reach { offset, aside } = open.incremental.written();
        aof.written.store(offset, Ordering::Relaxed);
        aof.written_aside.store(aside, Ordering::Relaxed);
    }

    fn sync_if_due(&mut self, settings: &Settings, written: Reach, now: Duration) {
        let aof = &self.server.aof;
        if written == self.synced || aof.phase() != Phase::On {
            return;
        }
        let is_walking = aof.is_rewriting() || self.server.keyspace.is_walked();
        let held_back = settings.no_appendfsync_on_rewrite && is_walking;
        if settings.appendfsync == Fsync::Always {
            if !held_back {
                self.sync_now();
            }
            // Those who are answered now, and those who have come meanwhile.
            let size = self.server.durability.waiting();
            self.crowd = Crowd { took: unix_time().saturating_sub(now), size };
            self.is_safe(written);
            return;
        }
        // Whoever waits for the disk gets it, whatever the policy.
        let is_wanted =
            settings.appendfsync == Fsync::EverySecond || self.server.durability.waiting() > 0;
        if !is_wanted || held_back || now.saturating_sub(self.synced_at) < SYNC_EVERY {
            return;
        }
        if !aof.is_syncing.swap(true, Ordering::AcqRel) {
            self.synced_at = now;
            self.begin_sync(written);
        } else if now.saturating_sub(self.synced_at) > SYNC_PATIENCE {
            self.synced_at = now;
            aof.delayed_syncs.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A file was synced beside this thread: it may be another one by now, of another history, or
    /// one that has been synced further.
    fn is_synced(&mut self, file: &Arc<File>, reach: Reach) {
        let is_ours = |open: &Open| Arc::ptr_eq(open.incremental.output.file(), file);
        let is_further = reach.offset >= self.synced.offset && reach.aside >= self.synced.aside;
        if self.open.as_ref().is_some_and(is_ours) && is_further {
            self.is_safe(reach);
        }
    }

    /// Syncs on a thread of its own.
    fn begin_sync(&self, written: Reach) {
        if let Some(open) = &self.open {
            let syncing = Arc::clone(&self.server);
            let file = Arc::clone(open.incremental.output.file());
            self.syncer.sync(file, written, move || {
                syncing.aof.is_syncing.store(false, Ordering::Release);
            });
        }
    }

    /// Syncs here. Where a sync fails nobody knows what is on the disk, and with `always` replies
    /// promise that it is: the process ends, as Redis does.
    pub(super) fn sync_now(&self) {
        let Some(open) = &self.open else { return };
        if let Err(error) = open.incremental.output.sync() {
            tracing::error!(%error, "could not sync the append-only file: exiting");
            std::process::exit(1);
        }
    }

    /// Everything is safe up to `reach`.
    pub(super) fn is_safe(&mut self, reach: Reach) {
        self.synced = reach;
        if self.server.aof.phase() != Phase::On {
            return;
        }
        let (log, durability) = (&self.server.log, &self.server.durability);
        let is_stale = |open: &Open| !open.incremental.follows(log);
        if self.open.as_ref().is_some_and(is_stale) {
            return;
        }
        durability.synced(reach);
        // The offset may have become one of a history that is gone.
        if self.open.as_ref().is_some_and(is_stale) {
            durability.begin_anew();
        }
    }

    /// Whether something failed a moment ago and is not tried again yet.
    pub(super) fn is_resting(&self) -> bool {
        unix_time() < self.retry_at
    }

    /// Tries nothing for a while.
    pub(super) fn rest(&mut self) {
        self.retry_at = unix_time() + RETRY_AFTER;
    }

    fn is_failing(&self) -> bool {
        self.server.conditions.load().contains(Condition::AOF_FAILS)
    }

    /// Refuses writes until what failed succeeds.
    pub(super) fn fails(&mut self, what: &'static str, error: &io::Error) {
        self.rest();
        if !self.is_failing() {
            tracing::error!(%error, "could not {what} the append-only file: writes are refused");
        }
        self.server.aof.set_failure(Some(system_text(error)));
        self.server.conditions.set(Condition::AOF_FAILS, true);
    }

    /// What failed succeeds again; what failed to be synced was written before this.
    fn works_again(&mut self, settings: &Settings, written: Reach) {
        if settings.appendfsync != Fsync::Always
            && let Some(open) = &self.open
        {
            if let Err(error) = open.incremental.output.sync() {
                self.fails("sync", &error);
                return;
            }
            self.is_safe(written);
        }
        tracing::info!("the append-only file is written again");
        self.server.conditions.set(Condition::AOF_FAILS, false);
        self.server.aof.set_failure(None);
    }

    /// Writes and syncs what is left, then stops writing.
    pub(super) fn close(&mut self) {
        let server = Arc::clone(&self.server);
        let alone = server.keyspace.gate().exclusive();
        server.log_if_wanted();
        let end = server.log.reach();
        drop(alone);
        if let Some(open) = &mut self.open {
            let written = open.incremental.write(&server.log, end, WriteForm::default());
            match written.and_then(|()| open.incremental.output.finish()) {
                Ok(()) => self.is_safe(end),
                Err(error) => tracing::error!(%error, "the end of the log was not written"),
            }
        }
        self.drop_open();
    }

    /// Forgets the files; one that has no base is removed.
    fn drop_open(&mut self) {
        if let Some(Open { temporary: Some(path), .. }) = self.open.take() {
            folder::remove(&path);
        }
        self.server.aof.set_phase(Phase::Off);
        self.server.conditions.set(Condition::AOF_FAILS, false);
        self.server.aof.set_failure(None);
    }
}

/// How what has come is written. Space ahead is for files that are synced at every write.
fn form(settings: &Settings, now: Duration, phase: Phase) -> WriteForm {
    let is_synced = settings.appendfsync == Fsync::Always && !settings.no_appendfsync_on_rewrite;
    WriteForm {
        second: settings.aof_timestamp_enabled.then_some(now.as_secs()),
        ahead: if is_synced && phase == Phase::On { settings.aof_space_ahead } else { 0 },
    }
}

/// What the system says of an error, as C's strerror does.
fn system_text(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Refuses writes while the file is too far behind, whatever its thread is busy with. Called by the
/// control plane now and then.
pub(in crate::server) fn watch(server: &Server) {
    let is_behind = server.aof.behind(server.log.reach()) > BEHIND_MAX;
    server.conditions.set(Condition::AOF_BEHIND, is_behind);
}
