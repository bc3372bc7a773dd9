//! Full copies: one walk over the dataset for all replicas that wait, streamed to them or by way
//! of a file.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::now;
use crate::base::{Millis, ReplId, Rng};
use crate::config::Settings;
use crate::config::table::MaxmemoryPolicy;
use crate::keyspace::{Chunk, Clock, Encode, Walk};
use crate::persist::rdb::Dialect;
use crate::persist::rdb::file::{
    FileWriter, Header, Hints, Needs, RecordEncoder, ReplicationPoint, put_version,
};
use crate::replication::sync::Filter;
use crate::replication::transfer::{Mark, random_mark};
use crate::replication::{Announced, LogReader};
use crate::server::snapshot::give_way;
use crate::state::Server;
use crate::state::conditions::Condition;

/// Bytes of the copy that leave together.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks that a replica may be behind the copy: all get it in step.
const CHUNKS_MAX: usize = 16;
/// Another walk may be under way: how often it is looked whether it has ended.
const RETRY: Duration = Duration::from_millis(100);

/// What a feeder is told of the copy that it waits for; the end of the channel is a failure.
#[derive(Debug)]
pub(super) enum Event {
    /// The copy is of this moment: the line that says so, the log from there on, as long as it has
    /// been restarted `era` times, and the mark that will end the copy unless it comes as a file.
    Begin {
        line: Bytes,
        reader: LogReader,
        era: u64,
        mark: Option<Mark>,
    },
    Chunk(Bytes),
    /// All of it.
    File(Arc<File>),
    End,
}

/// A replica that waits for a copy.
#[derive(Debug)]
pub(super) struct Waiting {
    since: Millis,
    /// It takes a copy of unknown length.
    eof: bool,
    form: Form,
    events: Sender<Event>,
}

/// What is in a copy, and how it is written: who wants the same shares one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Form {
    filter: Option<Filter>,
    dialect: Dialect,
}

impl Waiting {
    pub(super) fn new(announced: &Announced, now: Millis) -> (Waiting, Receiver<Event>) {
        let (events, receiver) = channel(CHUNKS_MAX);
        let dialect = if announced.is_valkey() { Dialect::Valkey } else { Dialect::Redis };
        let form = Form { filter: announced.filter, dialect };
        (Waiting { since: now, eof: announced.eof, form, events }, receiver)
    }
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiting>,
    is_running: bool,
}

/// Who waits for a copy, and whether one is being made.
#[derive(Debug)]
pub(in crate::server) struct Copies {
    server: Arc<Server>,
    lane: usize,
    state: Mutex<State>,
}

impl Copies {
    /// `lane` is the copying thread's lane of the gate.
    pub(in crate::server) fn new(server: Arc<Server>, lane: usize) -> Arc<Copies> {
        Arc::new(Copies { server, lane, state: Mutex::default() })
    }

    /// Enters a replica; its copy begins at once unless others are waited for, or it has to wait.
    pub(super) fn enroll(self: &Arc<Self>, waiting: Waiting) {
        self.state.lock().waiting.push(waiting);
        self.start_if_due(now());
    }

    /// Starts a copy if somebody waits who has waited for long enough.
    pub(in crate::server) fn start_if_due(self: &Arc<Self>, now: Millis) {
        let mut state = self.state.lock();
        state.waiting.retain(|waiting| !waiting.events.is_closed());
        if state.is_running || state.waiting.is_empty() {
            return;
        }
        let settings = self.server.settings.load();
        let form = state.waiting[0].form;
        // A filtered copy must not become the snapshot's file, nor one in another form.
        let diskless = (settings.repl_diskless_sync || form != Form::default())
            && state.waiting.iter().all(|one| one.eof);
        let delay = Millis::from_secs(u64::from(settings.repl_diskless_sync_delay));
        let waited = state.waiting.iter().map(|one| now.since(one.since)).max();
        let many = settings.repl_diskless_sync_max_replicas as usize;
        let is_due = !diskless
            || !settings.repl_diskless_sync
            || waited.is_some_and(|waited| waited >= delay)
            || many > 0 && state.waiting.len() >= many;
        if !is_due {
            return;
        }
        let (served, others) =
            std::mem::take(&mut state.waiting).into_iter().partition(|one| one.form == form);
        (state.waiting, state.is_running) = (others, true);
        let copies = Arc::clone(self);
        let thread = std::thread::Builder::new().name("full-copy".to_owned());
        let spawned = thread.spawn(move || {
            copies.make(served, form, diskless);
            copies.state.lock().is_running = false;
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread for a full copy");
            state.is_running = false;
        }
    }
}

/// Making one copy, on its own thread.
impl Copies {
    fn make(&self, waiting: Vec<Waiting>, form: Form, diskless: bool) {
        let mut rng = Rng::from_entropy();
        let mark = diskless.then(|| random_mark(&mut rng));
        let events: Vec<Sender<Event>> = waiting.into_iter().map(|one| one.events).collect();
        let replicas = events.len();
        let Some(moment) = self.begin(&events, mark, form, &mut rng) else { return };
        // A stream says of which version it is before it comes to what needs a later one: Redis 7.0
        // refuses the version, but ends over the value. In this order nothing is missed; what came
        // after the moment may have it say more than is needed.
        let is_timed = diskless
            && form.filter.is_none()
            && (self.server.keyspace.has_expiring_elements(self.lane)
                || moment.walk.lost_expiring_elements());
        let moment = Moment { is_timed, ..moment };
        tracing::info!(replicas, offset = moment.offset, diskless, "full copy begun");
        let result = if let Some(mark) = mark {
            let fan = Fan { events, buffer: Vec::new() };
            self.write((fan, false), moment).and_then(|fan| fan.finish(mark))
        } else {
            self.write_file(moment).map(|file| {
                let file = Arc::new(file);
                let give = |one: &Sender<Event>| one.blocking_send(Event::File(Arc::clone(&file)));
                // Whoever is gone needs none.
                events.iter().for_each(|one| drop(give(one)));
            })
        };
        match result {
            Ok(()) => tracing::info!("full copy made"),
            Err(error) => tracing::warn!(%error, "full copy not made"),
        }
    }

    /// Fixes the moment that the copy is of, and tells the feeders.
    fn begin(
        &self,
        events: &[Sender<Event>],
        mark: Option<Mark>,
        form: Form,
        rng: &mut Rng,
    ) -> Option<Moment> {
        let server = &*self.server;
        let settings = server.settings.load_full();
        loop {
            let pass = server.keyspace.gate().exclusive();
            let (compress, needs) = (settings.rdbcompression, Needs::default());
            let clock = Clock::new(now(), server.keyspace.recording());
            let encoder = || {
                let encoder = RecordEncoder::new(compress, hints(&settings), clock).noting(&needs);
                Box::new(encoder.speaking(form.dialect)) as Box<dyn Encode>
            };
            // Half a dataset is none.
            let is_loading = server.conditions.load().contains(Condition::LOADING);
            let begin = || server.keyspace.begin_snapshot(&pass, encoder);
            let Some(walk) = (!is_loading).then(begin).flatten() else {
                drop(pass);
                if events.iter().all(Sender::is_closed) {
                    return None;
                }
                std::thread::sleep(RETRY);
                continue;
            };
            server.ensure_backlog(&pass, rng);
            let (offset, db) = (server.log.end(), server.log.db().unwrap_or(0));
            let role = server.replication.lock();
            let (id, is_primary) = (role.identity.id, role.upstream.is_none());
            drop(role);
            if is_primary {
                // Those who get the copy do not know the database of the stream.
                server.log.forget_db();
            }
            let line = Bytes::from(format!("+FULLRESYNC {id} {offset}\r\n"));
            for one in events {
                let reader = server.read_log(offset).expect("the end can be read");
                let era = server.log.restarts();
                let begin = Event::Begin { line: line.clone(), reader, era, mark };
                // The channel is empty: there is room, or nobody.
                drop(one.try_send(begin));
            }
            return Some(Moment { walk, form, id, offset, db, needs, is_timed: false });
        }
    }

    /// Writes the copy to `out`, which is given back; a file is to get its version then.
    fn write<W: Write>(&self, (out, is_file): (W, bool), moment: Moment) -> io::Result<W> {
        let Moment { mut walk, form, id, offset, db, needs, is_timed } = moment;
        let (server, settings) = (&*self.server, self.server.settings.load_full());
        let keyspace = &server.keyspace;
        let header = Header {
            redis_version: crate::REDIS_VERSION,
            created: now(),
            used_memory: keyspace.meter().used(),
            replication: Some(ReplicationPoint { db: i32::from(db), id, offset: offset as i64 }),
            is_aof_base: false,
            is_timed,
            dialect: form.dialect,
        };
        let mut file = match FileWriter::start(out, settings.rdbchecksum, &header) {
            Ok(file) => file,
            Err(error) => {
                walk.stop(keyspace);
                return Err(error);
            }
        };
        if form.filter.is_some() {
            walk.stop(keyspace);
            return file.finish();
        }
        let mut result = walk
            .counts()
            .iter()
            .try_for_each(|count| file.counts(count.db, count.keys, count.expires));
        loop {
            let mut sink = |chunk: Chunk| {
                if result.is_ok() {
                    result = file.records(chunk.db, &chunk.bytes);
                }
            };
            let is_more = walk.advance(keyspace, Some(self.lane), &mut sink);
            if !is_more.map_err(io::Error::other)? {
                break;
            }
            if result.is_err() {
                walk.stop(keyspace);
                break;
            }
            give_way();
        }
        result?;
        if is_file { file.finish_for(&needs) } else { file.finish() }
    }

    fn write_file(&self, moment: Moment) -> io::Result<File> {
        let settings = self.server.settings.load_full();
        let temporary = temporary_name();
        let result = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&temporary)
            .map_err(|error| {
                tracing::warn!(path = %temporary.display(), %error, "no file for a full copy");
                error
            });
        let file = match result {
            Ok(file) => file,
            Err(error) => {
                moment.walk.stop(&self.server.keyspace);
                return Err(error);
            }
        };
        let out = io::BufWriter::with_capacity(CHUNK_BYTES, file);
        let needs = moment.needs.clone();
        let written = self
            .write((out, true), moment)
            .and_then(|out| out.into_inner().map_err(io::IntoInnerError::into_error))
            .and_then(|file| {
                put_version(&file, &needs)?;
                file.sync_all()?;
                let name = temporary.with_file_name(OsStr::from_bytes(&settings.dbfilename));
                fs::rename(&temporary, &name)?;
                if settings.rdb_del_sync_files && settings.save.is_empty() && !settings.appendonly {
                    // Whoever has it open reads on.
                    tracing::info!("the full copy's file is removed: nothing is persisted here");
                    fs::remove_file(name)?;
                }
                Ok(file)
            });
        if written.is_err() {
            drop(fs::remove_file(&temporary));
        }
        written
    }
}

/// The moment that a copy is of.
struct Moment {
    walk: Walk,
    form: Form,
    id: ReplId,
    offset: u64,
    db: u8,
    /// Noted for a file.
    needs: Needs,
    /// Whether a stream has to say that it is of the later version.
    is_timed: bool,
}

/// Where a copy is written before it gets its name, wherever the process goes meanwhile.
pub(super) fn temporary_name() -> PathBuf {
    let name = format!("temp-{}.{}.rdb", now().as_secs(), std::process::id());
    std::env::current_dir().unwrap_or_default().join(name)
}

/// What the policy of eviction goes by.
fn hints(settings: &Settings) -> Hints {
    match settings.maxmemory_policy {
        policy if policy.is_lfu() => Hints::Frequency,
        MaxmemoryPolicy::AllkeysLru | MaxmemoryPolicy::VolatileLru => Hints::Idle,
        _ => Hints::None,
    }
}

/// Gives what is written to all feeders in step. Those that are gone are left out; with the last
/// of them writing ends.
struct Fan {
    events: Vec<Sender<Event>>,
    buffer: Vec<u8>,
}

impl Fan {
    fn give(&mut self, event: impl Fn() -> Event) -> io::Result<()> {
        self.events.retain(|one| one.blocking_send(event()).is_ok());
        if self.events.is_empty() {
            return Err(io::Error::other("every replica is gone"));
        }
        Ok(())
    }

    fn hand_out(&mut self) -> io::Result<()> {
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        self.give(|| Event::Chunk(bytes.clone()))
    }

    /// Writes the mark that ends the copy.
    fn finish(mut self, mark: Mark) -> io::Result<()> {
        self.buffer.extend_from_slice(&mark);
        self.hand_out()?;
        self.give(|| Event::End)
    }
}

impl Write for Fan {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK_BYTES {
            self.hand_out()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
