//! Rewriting: a new base in place of the old one and all that was added to it.
//!
//! The moment of the new base is one at which nobody is inside the keyspace: the walk begins there,
//! and there the log is cut. What came before goes into the old incremental file and is synced,
//! what comes after into a new one; only then does the manifest name the new file, so that a torn
//! end is always that of the last file. When the base is complete, the manifest names it and all
//! older files become history. A crash in between leaves what the manifest names: nothing is lost.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::base::{Form, Job, Written};
use super::folder::{self, Folder, FolderError};
use super::incremental::{Incremental, LogPoint, WriteForm};
use super::output::Output;
use super::writer::{Event, Open, Writer};
use crate::base::Millis;
use crate::base::error::with_causes;
use crate::config::Settings;
use crate::config::table::Fsync;
use crate::engine::unix_time;
use crate::keyspace::Walk;
use crate::persist::aof::{Manifest, Part};
use crate::persist::rdb::file::Needs;
use crate::state::aof::Phase;
use crate::state::conditions::Condition;

/// Automatic rewrites that may fail one after the other before there are pauses between them.
const FAILURES_FREE: u64 = 3;
const PAUSE_MAX_MINUTES: u64 = 60;
const MINUTE: Millis = Millis(60_000);

/// A rewrite under way.
pub(super) struct Rewrite {
    /// Tells it from those before.
    number: u64,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    /// Where the base is until it is complete.
    temporary: PathBuf,
    form: Form,
    /// The number of the first incremental file that comes after the base.
    first: u64,
}

/// The dataset of a moment, and where the log stood.
struct Moment {
    walk: Walk,
    form: Form,
    needs: Needs,
    point: LogPoint,
}

fn now() -> Millis {
    Millis(unix_time().as_millis() as u64)
}

impl Writer {
    /// Starts a rewrite that was asked for, or that is due.
    pub(super) fn rewrite_if_wanted(&mut self) {
        let server = Arc::clone(&self.server);
        let has_to_begin = self.open.is_none() && server.settings.load().appendonly;
        let is_beginning = has_to_begin || server.aof.phase() == Phase::Beginning;
        if self.rewrite.is_some() || is_beginning || self.is_loading() {
            return;
        }
        let is_wanted = server.aof.is_scheduled() || self.is_rewrite_due();
        if !is_wanted {
            return;
        }
        if server.keyspace.is_walked() {
            server.aof.rewrite_is_put_off();
            return;
        }
        server.aof.rewrite_begins(now());
        if let Err(error) = self.start_rewrite() {
            tracing::error!(error = %with_causes(&error), "rewrite failed");
            server.aof.rewrite_ends(now(), false);
        }
    }

    /// Whether the dataset is being replaced: half of it is none.
    fn is_loading(&self) -> bool {
        self.server.conditions.load().contains(Condition::LOADING)
    }

    /// Whether the files have grown enough.
    fn is_rewrite_due(&self) -> bool {
        let (aof, settings) = (&self.server.aof, self.server.settings.load());
        let percentage = u64::from(settings.auto_aof_rewrite_percentage);
        let size = aof.size.load(Ordering::Relaxed);
        if self.open.is_none() || percentage == 0 || size <= settings.auto_aof_rewrite_min_size {
            return false;
        }
        let base = aof.base_size.load(Ordering::Relaxed).max(1);
        let growth = u128::from(size) * 100 / u128::from(base);
        if growth < u128::from(percentage) + 100 {
            return false;
        }
        let failures = aof.failures.load(Ordering::Relaxed);
        let pause = match failures.checked_sub(FAILURES_FREE) {
            None => 0,
            Some(more) => (1 << more.min(6)).min(PAUSE_MAX_MINUTES),
        };
        let began = Millis(aof.rewrite_began.load(Ordering::Relaxed));
        now().since(began).0 >= pause * MINUTE.0
    }

    /// Begins a walk, and notes where the log stands; `None` if another walk is under way, or the
    /// dataset is being replaced.
    fn moment(&self, settings: &Settings) -> Option<Moment> {
        let (server, form) = (&*self.server, Form::of(settings));
        let alone = server.keyspace.gate().exclusive();
        if self.is_loading() {
            return None;
        }
        let needs = Needs::default();
        let encoder = || form.encoder(server, settings, &needs);
        let walk = server.keyspace.begin_snapshot(&alone, encoder)?;
        server.log_if_wanted();
        Some(Moment { walk, form, needs, point: LogPoint::end_of(&server.log) })
    }

    fn start_rewrite(&mut self) -> Result<(), FolderError> {
        let settings = self.server.settings.load_full();
        if self.open.is_none() {
            self.find_folder(&settings)?;
        }
        self.folder.create()?;
        let Some(moment) = self.moment(&settings) else {
            self.server.aof.rewrite_is_put_off();
            return Ok(());
        };
        let switched = if self.open.is_some() {
            self.switch(&settings, moment.point)
        } else {
            // With the file turned off the base is all there will be.
            Ok(u64::MAX)
        };
        match switched {
            Ok(first) => self.spawn(moment, first),
            Err(error) => {
                moment.walk.stop(&self.server.keyspace);
                Err(error)
            }
        }
    }

    /// Goes on in a new incremental file with what follows `point`; its number.
    fn switch(&mut self, settings: &Settings, point: LogPoint) -> Result<u64, FolderError> {
        let log = &self.server.log;
        let open = self.open.as_mut().expect("there is a file to switch from");
        let old = open.manifest.increments.last().map(|part| self.folder.file(&part.name));
        let old = old.unwrap_or_default();
        let second = settings.aof_timestamp_enabled.then(|| unix_time().as_secs());
        open.incremental
            .write(log, point.reach, WriteForm { second, ahead: 0 })
            .map_err(FolderError::io("write", &old))?;
        open.incremental.output.finish().map_err(FolderError::io("sync", &old))?;
        let part = open.manifest.next_increment(&self.folder.prefix);
        let path = self.folder.file(&part.name);
        let file = self.folder.create_file(&path)?;
        let mut manifest = open.manifest.clone();
        manifest.push_increment(part.clone());
        self.folder.write_manifest(&manifest)?;
        open.other_bytes += open.incremental.output.end();
        open.manifest = manifest;
        // The dataset may have been replaced after the moment: then all of this is begun anew.
        let incremental = Incremental::new(Output::new(file, 0), log, point);
        open.incremental = incremental.map_err(FolderError::io("follow the log into", &path))?;
        self.is_safe(point.reach);
        Ok(part.seq)
    }

    fn spawn(&mut self, moment: Moment, first: u64) -> Result<(), FolderError> {
        let stop = Arc::new(AtomicBool::new(false));
        let temporary = self.folder.temporary("base");
        let job = Job {
            server: Arc::clone(&self.server),
            walk: moment.walk,
            form: moment.form,
            needs: moment.needs,
            path: temporary.clone(),
            lane: self.lane,
            stop: Arc::clone(&stop),
        };
        self.rewrites += 1;
        let (number, events) = (self.rewrites, self.sender.clone());
        // If there is no thread to be had the walk has to be ended here.
        let shared = Arc::new(Mutex::new(Some(job)));
        let taken = Arc::clone(&shared);
        let work = move || {
            let job = taken.lock().take();
            if let Some(outcome) = job.map(Job::run) {
                drop(events.send(Event::Rewritten(number, outcome)));
            }
        };
        let thread = std::thread::Builder::new().name("aof-rewrite".to_owned()).spawn(work);
        let thread = thread.map_err(|error| {
            if let Some(job) = shared.lock().take() {
                job.walk.stop(&self.server.keyspace);
            }
            FolderError::io("start a thread for", &temporary)(error)
        })?;
        self.rewrite = Some(Rewrite { number, stop, thread, temporary, form: moment.form, first });
        tracing::info!("append-only file rewriting started");
        Ok(())
    }

    /// Begins to write where nothing was written: into a temporary file until there is a base.
    pub(super) fn begin(&mut self) {
        let server = Arc::clone(&self.server);
        if self.is_resting() || self.is_loading() {
            return;
        }
        if server.keyspace.is_walked() {
            server.aof.rewrite_is_put_off();
            return;
        }
        server.aof.rewrite_begins(now());
        if let Err(error) = self.try_to_begin() {
            let error = with_causes(&error);
            tracing::error!(error, "the append-only file could not be begun");
            self.abandon_beginning();
        }
    }

    /// The folder is where the settings say now: the working directory may be another one than when
    /// files were last written, or be gone.
    fn find_folder(&mut self, settings: &Settings) -> Result<(), FolderError> {
        let found = Folder::of(settings);
        self.folder = found.map_err(FolderError::io("find", Path::new(".")))?;
        Ok(())
    }

    fn try_to_begin(&mut self) -> Result<(), FolderError> {
        let settings = self.server.settings.load_full();
        self.find_folder(&settings)?;
        self.folder.create()?;
        let manifest = self.folder.read_manifest()?.unwrap_or_default();
        let path = self.folder.temporary("incr");
        let file = self.folder.create_file(&path)?;
        let Some(moment) = self.moment(&settings) else {
            self.server.aof.rewrite_is_put_off();
            return Ok(());
        };
        let log = &self.server.log;
        let incremental = match Incremental::new(Output::new(file, 0), log, moment.point) {
            Ok(incremental) => incremental,
            Err(error) => {
                moment.walk.stop(&self.server.keyspace);
                return Err(FolderError::io("follow the log into", &path)(error));
            }
        };
        self.open = Some(Open { manifest, incremental, other_bytes: 0, temporary: Some(path) });
        self.server.aof.set_phase(Phase::Beginning);
        self.spawn(moment, u64::MAX)
    }

    /// Takes the new base in use, or leaves everything as it was.
    pub(super) fn end_rewrite(&mut self, number: u64, outcome: io::Result<Written>) {
        let Some(rewrite) = self.rewrite.take_if(|rewrite| rewrite.number == number) else {
            return;
        };
        let Rewrite { thread, temporary, form, first, .. } = rewrite;
        drop(thread.join());
        let server = Arc::clone(&self.server);
        let was_beginning = server.aof.phase() == Phase::Beginning;
        let taken = match outcome {
            Ok(written) => self.take_base((&temporary, form), &written, first).map_err(|error| {
                folder::remove(&temporary);
                with_causes(&error)
            }),
            Err(error) => Err(error.to_string()),
        };
        match &taken {
            Ok(()) => tracing::info!("append-only file rewritten"),
            Err(error) => {
                tracing::error!(error, "rewriting the append-only file failed");
                if was_beginning {
                    self.abandon_beginning();
                    return;
                }
            }
        }
        server.aof.rewrite_ends(now(), taken.is_ok());
    }

    /// Puts a base in place of all files up to the incremental one of number `first`.
    fn take_base(
        &mut self,
        (temporary, form): (&Path, Form),
        written: &Written,
        first: u64,
    ) -> Result<(), FolderError> {
        let folder = &self.folder;
        let mut manifest = match &self.open {
            Some(open) => open.manifest.clone(),
            None => folder.read_manifest()?.unwrap_or_default(),
        };
        let base = manifest.next_base(&folder.prefix, form == Form::Rdb);
        folder.rename(temporary, &folder.file(&base.name))?;
        manifest.rebase(base, first);
        if let Some(path) = self.open.as_ref().and_then(|open| open.temporary.clone()) {
            let next = self.establish(&path, &manifest)?;
            manifest.push_increment(next);
        }
        self.folder.write_manifest(&manifest)?;
        if !self.server.settings.load().aof_disable_auto_gc {
            self.folder.remove_history(&mut manifest)?;
        }
        let aof = &self.server.aof;
        let Some(open) = &mut self.open else {
            aof.size.store(written.bytes, Ordering::Relaxed);
            aof.base_size.store(written.bytes, Ordering::Relaxed);
            return Ok(());
        };
        open.manifest = manifest;
        open.other_bytes = written.bytes;
        let size = written.bytes + open.incremental.output.end();
        aof.size.store(size, Ordering::Relaxed);
        aof.base_size.store(size, Ordering::Relaxed);
        if open.temporary.take().is_some() {
            let safe = open.incremental.written();
            aof.set_phase(Phase::On);
            self.is_safe(safe);
            self.catch_up();
        }
        Ok(())
    }

    /// With `always`: what was answered while nothing could be made safe is on the disk before
    /// anybody is told that the beginning is over.
    fn catch_up(&mut self) {
        let server = Arc::clone(&self.server);
        if server.settings.load().appendfsync != Fsync::Always {
            return;
        }
        // Whoever is answered without waiting is inside, or has been.
        let alone = server.keyspace.gate().exclusive();
        let end = server.log.reach();
        drop(alone);
        let Some(open) = &mut self.open else { return };
        match open.incremental.write(&server.log, end, WriteForm::default()) {
            Ok(()) => {
                self.sync_now();
                self.is_safe(end);
            }
            Err(error) => self.fails("write to", &error),
        }
    }

    /// Gives the incremental file that was written while there was no base its place.
    fn establish(&self, path: &Path, manifest: &Manifest) -> Result<Part, FolderError> {
        self.sync_now();
        let part = manifest.next_increment(&self.folder.prefix);
        self.folder.rename(path, &self.folder.file(&part.name))?;
        Ok(part)
    }

    /// Drops what was written without a base; it is tried again after a pause.
    fn abandon_beginning(&mut self) {
        self.abandon_rewrite();
        self.rest();
        self.close();
        self.server.aof.rewrite_ends(now(), false);
    }

    /// Ends a rewrite that is under way without its base.
    pub(super) fn abandon_rewrite(&mut self) {
        let Some(rewrite) = self.rewrite.take() else { return };
        rewrite.stop.store(true, Ordering::Release);
        drop(rewrite.thread.join());
        folder::remove(&rewrite.temporary);
        self.server.aof.rewrite_is_given_up();
    }
}
