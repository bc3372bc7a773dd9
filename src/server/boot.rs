//! From the command line to a running node, and down again.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;

use sd_notify::NotifyState;
use tokio::runtime::Builder;
use tokio::sync::mpsc::unbounded_channel;

use super::acl::{self, UsersError};
use super::aof::AppendOnly;
use super::bus::{Bus, BusError};
use super::config_file::{self, ConfigFile, Loaded};
use super::control::{ControlError, ControlLoop};
use super::courier::Courier;
use super::cron::Cron;
use super::janitor::Janitor;
use super::listen::{self, ListenError};
use super::listeners::Listeners;
use super::replication::{ReplicationThread, Replicator};
use super::snapshot::{self, Saver};
use super::unsupported::{self, Unsupported};
use super::workers::{self, Order, WorkerHandle};
use super::{dir, logging, resources};
use crate::base::error::with_causes;
use crate::base::{KeyHasher, Millis, ReplId, Rng};
use crate::cluster::ClusterView;
use crate::cluster::state::State;
use crate::commands::Table;
use crate::commands::table::RenameError;
use crate::config::Settings;
use crate::config::table::Supervised;
use crate::engine::unix_time;
use crate::keyspace::Keyspace;
use crate::state::conditions::Condition;
use crate::state::{Control, Identity, Server, Stats};

/// Threads that take slot locks besides the workers: the janitor, replication, full copies, the
/// append-only file's, the one that saves. Their lanes of the gate come after the workers' in this
/// order, and those of the threads that load behind them.
const OTHER_THREADS: usize = 5;

/// Why a node could not start. Each leaves the machine as it was.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("could not change to the directory {dir}")]
    Dir {
        dir: String,
        #[source]
        cause: io::Error,
    },
    #[error("could not open the log file")]
    Log(#[source] io::Error),
    #[error("could not write the pid file")]
    Pid(#[source] io::Error),
    #[error("could not start a thread")]
    Thread(#[source] io::Error),
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    #[error(transparent)]
    Users(#[from] UsersError),
    #[error(transparent)]
    Rename(#[from] RenameError),
    #[error("could not listen")]
    Listen(#[from] ListenError),
    #[error("could not join the cluster")]
    Bus(#[from] BusError),
    #[error("the control plane ended")]
    Control(#[from] ControlError),
}

/// Runs one node until it is told to end. `arguments` are a configuration file and directives, as
/// `redis-server` takes them.
pub fn run(arguments: &[OsString]) -> ExitCode {
    let loaded = match config_file::load(arguments) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match serve(loaded) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The log may not be there yet, and who starts a node by hand looks at the terminal.
            eprintln!("redpoll: {}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

/// Everything from settings to the end of the process.
fn serve(loaded: Loaded) -> Result<(), StartError> {
    let Loaded { mut settings, file } = loaded;
    unsupported::check(&settings, None)?;
    rename_commands(&settings)?;
    enter_dir(&mut settings)?;
    let logging = logging::start(&settings).map_err(StartError::Log)?;
    let listeners = listen::open_all(&settings)?;
    let where_to = listen::describe(&listeners);
    write_pid(&settings)?;
    let (control, asks) = unbounded_channel();
    raise_descriptor_limit(u64::from(settings.maxclients));
    let bus = settings.cluster_enabled.then(|| Bus::open(&settings)).transpose()?;
    let view = bus.as_ref().map(Bus::view);
    let server = Arc::new(build(settings, file.as_ref(), Control::new(control), view));
    acl::load_at_start(&server, &server.settings())?;
    server.memory.ask(resources::allocated);
    let couriers = server.courier.set(Box::new(Courier::default()));
    couriers.expect("a fresh server has no courier");
    server.refresh_role(server.identity.started);
    // Before anybody can look at the keys, or take this node for a primary.
    let loads_aof = server.settings.load().appendonly;
    let follows = follow_at_start(&server);
    let is_loading = loads_aof || follows || snapshot::is_there(&server);
    server.conditions.set(Condition::LOADING, is_loading);
    if !is_loading {
        server.log_if_wanted();
    }
    let lane = server.identity.worker_threads + 1;
    let replication =
        ReplicationThread::start(Arc::clone(&server), lane).map_err(StartError::Thread)?;
    server.persistence.saves.lock().last_saved = server.identity.started;
    let (workers, threads) = start_workers(&server, replication.replicator())?;
    let aof = AppendOnly::start(&server, lane + 2, loads_aof).map_err(StartError::Thread)?;
    let janitor = Janitor::start(Arc::clone(&server)).map_err(StartError::Thread)?;
    let listeners = Listeners::start(Arc::clone(&server), Arc::clone(&workers), listeners);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        pid = server.identity.pid,
        workers = workers.len(),
        addresses = %where_to,
        "ready to accept connections"
    );
    tell_supervisor(&server.settings.load(), &NotifyState::Ready);
    let cron = Cron::default();
    let control = ControlLoop {
        server: Arc::clone(&server),
        asks,
        logging,
        listeners,
        cron,
        file,
        bus,
        pause: None,
        replicator: replication.replicator().clone(),
        saver: Saver::new(),
        ending: None,
    };
    let result = run_control(control);
    tell_supervisor(&server.settings.load(), &NotifyState::Stopping);
    replication.stop();
    workers.iter().for_each(|worker| worker.order(Order::Stop));
    threads.into_iter().for_each(|thread| drop(thread.join()));
    janitor.stop();
    aof.stop();
    clean_up(&server.settings.load());
    tracing::info!("bye");
    result
}

fn run_control(control: ControlLoop) -> Result<(), StartError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
    let local = tokio::task::LocalSet::new();
    Ok(local.block_on(&runtime, control.run())?)
}

/// Makes the node the replica that its settings, or in a cluster `nodes.conf`, say it is; whether
/// they do. What is loaded then is a replica's, with which its primary may go on. The link is
/// opened when the dataset is loaded.
fn follow_at_start(server: &Server) -> bool {
    let Some((host, port)) = primary_at_start(server) else { return false };
    server.follow_primary(host, port, server.identity.started);
    true
}

fn primary_at_start(server: &Server) -> Option<(String, u16)> {
    let Some(cluster) = &server.cluster else {
        let primary = server.settings.load().replicaof.clone()?;
        return Some((String::from_utf8_lossy(&primary.host).into_owned(), primary.port));
    };
    let view = cluster.load();
    let primary = view.node(view.my_primary?);
    let tls = view.tls_by_default;
    Some((primary.ip.clone(), primary.client_port(tls)))
}

/// The shared state of a fresh node.
fn build(
    settings: Settings,
    file: Option<&ConfigFile>,
    control: Control,
    view: Option<ClusterView>,
) -> Server {
    let mut rng = Rng::from_entropy();
    let worker_threads = match settings.worker_threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads as usize,
    };
    let identity = Identity {
        run_id: ReplId::random(&mut rng),
        started: Millis(unix_time().as_millis() as u64),
        pid: std::process::id(),
        executable: std::env::current_exe()
            .map(|path| path.display().to_string())
            .unwrap_or_default(),
        os: os_name(),
        config_file: file.map(|file| file.path.clone()),
        worker_threads,
    };
    let databases = if settings.cluster_enabled { 1 } else { settings.databases as usize };
    let threads = worker_threads + OTHER_THREADS;
    let lanes = threads + snapshot::LOADERS_MAX;
    let keyspace = Keyspace::new(databases, KeyHasher::seeded(&mut rng), lanes);
    let stats = Stats::new(threads, Table::get().all().len());
    // Before the bus is started, requests are served already.
    let is_down = view.as_ref().is_some_and(|view| view.state != State::Ok);
    let server = Server::new(identity, settings, keyspace, stats, control, view, Table::catalog());
    server.conditions.set(Condition::CLUSTER_DOWN, is_down);
    server
}

/// Kernel, release and machine, as far as the system tells.
fn os_name() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let (kind, release) = (read("/proc/sys/kernel/ostype"), read("/proc/sys/kernel/osrelease"));
    format!("{kind} {release} {}", std::env::consts::ARCH)
}

/// The ways to the worker threads, and the threads.
type Workers = (Arc<[WorkerHandle]>, Vec<JoinHandle<()>>);

fn start_workers(server: &Arc<Server>, replicator: &Replicator) -> Result<Workers, StartError> {
    let count = server.identity.worker_threads;
    let started: Result<Vec<_>, _> = (0..count)
        .map(|index| workers::spawn(index, Arc::clone(server), replicator.clone()))
        .collect();
    let (handles, threads): (Vec<_>, Vec<_>) =
        started.map_err(StartError::Thread)?.into_iter().unzip();
    Ok((handles.into(), threads))
}

/// `rename-command`.
fn rename_commands(settings: &Settings) -> Result<(), RenameError> {
    let renames: Vec<(&[u8], &[u8])> = settings
        .rename_command
        .iter()
        .filter_map(|line| Some((line.first()?.as_slice(), line.get(1)?.as_slice())))
        .collect();
    Table::install(&renames)
}

/// Descriptors besides the clients': listeners, logs, the bus, the runtimes.
const OTHER_DESCRIPTORS: u64 = 128;

/// Allows as many open files as `maxclients` needs, if the system lets us.
fn raise_descriptor_limit(maxclients: u64) {
    let wanted = maxclients + OTHER_DESCRIPTORS;
    match rlimit::increase_nofile_limit(wanted) {
        Ok(limit) if limit < wanted => {
            tracing::warn!(limit, wanted, "fewer open files allowed than maxclients needs");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, wanted, "the limit of open files was not raised"),
    }
}

fn enter_dir(settings: &mut Settings) -> Result<(), StartError> {
    let wanted = String::from_utf8_lossy(&settings.dir).into_owned();
    dir::enter(settings).map_err(|cause| StartError::Dir { dir: wanted, cause })
}

fn write_pid(settings: &Settings) -> Result<(), StartError> {
    match &settings.pidfile {
        None => Ok(()),
        Some(path) => {
            let text = format!("{}\n", std::process::id());
            fs::write(OsStr::from_bytes(path), text).map_err(StartError::Pid)
        }
    }
}

/// Removes what only a running node has.
fn clean_up(settings: &Settings) {
    for path in [&settings.pidfile, &settings.unixsocket].into_iter().flatten() {
        if let Err(error) = fs::remove_file(OsStr::from_bytes(path)) {
            tracing::debug!(%error, "could not remove a file on exit");
        }
    }
}

/// `Type=notify`: systemd hears when the node is ready and when it ends.
fn tell_supervisor(settings: &Settings, state: &NotifyState<'_>) {
    if matches!(settings.supervised, Supervised::Systemd | Supervised::Auto)
        && let Err(error) = sd_notify::notify(false, std::slice::from_ref(state))
    {
        tracing::warn!(%error, "could not notify the supervisor");
    }
}
