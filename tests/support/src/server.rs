//! A server as a process: the one under test, or the reference it is compared with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::{program_exists, signal};
use crate::{Client, until};

const START_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(120);
const PAUSE_LIMIT: Duration = Duration::from_secs(120);
/// Ports that are tried if somebody else is quicker to take them.
const PORTS_TRIED: usize = 5;
/// How much of a log is printed when a test fails.
const LOG_TAIL_LINES: usize = 100;

/// Which program a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Redpoll,
    Redis,
}

/// A running server on a loopback port with a folder of its own; stopped when dropped.
///
/// When the test fails, its log is printed.
pub struct TestServer {
    kind: Kind,
    /// What runs the server: a command that gets the server's as its arguments.
    wrapper: Vec<String>,
    port: u16,
    directives: Vec<String>,
    folder: TempDir,
    child: Option<Child>,
}

impl TestServer {
    /// Starts redpoll with these further directives (`["--maxmemory", "1mb"]`).
    ///
    /// # Panics
    /// If it does not answer PING within two minutes.
    #[must_use]
    #[track_caller]
    pub fn start(directives: &[&str]) -> TestServer {
        TestServer::start_kind(Kind::Redpoll, directives)
    }

    /// [`TestServer::start`] for either program.
    ///
    /// # Panics
    /// As [`TestServer::start`].
    #[must_use]
    #[track_caller]
    pub fn start_kind(kind: Kind, directives: &[&str]) -> TestServer {
        TestServer::start_wrapped(kind, &[], directives)
    }

    /// Starts redpoll by `wrapper`, a command that runs the command its arguments make up in its
    /// place: `["sh", "-c", "ulimit -f 100; exec \"$@\"", "sh"]`.
    ///
    /// # Panics
    /// As [`TestServer::start`].
    #[must_use]
    #[track_caller]
    pub fn start_under(wrapper: &[&str], directives: &[&str]) -> TestServer {
        TestServer::start_wrapped(Kind::Redpoll, wrapper, directives)
    }

    /// One that is not running yet: its folder can be filled before [`TestServer::restart`].
    ///
    /// # Panics
    /// If there is no temporary folder to be had.
    #[must_use]
    #[track_caller]
    pub fn stopped(kind: Kind, directives: &[&str]) -> TestServer {
        TestServer::make(kind, &[], directives)
    }

    #[track_caller]
    fn start_wrapped(kind: Kind, wrapper: &[&str], directives: &[&str]) -> TestServer {
        for _ in 0..PORTS_TRIED {
            let mut server = TestServer::make(kind, wrapper, directives);
            match server.launch() {
                Ok(()) => return server,
                Err(Failure::PortTaken) => eprintln!("somebody took port {}", server.port),
                Err(Failure::Other(what)) => panic!("{what}"),
            }
        }
        panic!("somebody takes each port");
    }

    #[track_caller]
    fn make(kind: Kind, wrapper: &[&str], directives: &[&str]) -> TestServer {
        let folder = tempfile::Builder::new().prefix("redpoll-test-").tempdir();
        TestServer {
            kind,
            wrapper: wrapper.iter().map(ToString::to_string).collect(),
            port: free_port(),
            directives: directives.iter().map(ToString::to_string).collect(),
            folder: folder.expect("a temporary folder"),
            child: None,
        }
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it keeps its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A new connection.
    ///
    /// # Panics
    /// If the server does not accept it.
    #[must_use]
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.port)
    }

    /// Everything it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    /// Resident memory in bytes.
    ///
    /// # Panics
    /// If the process is gone.
    #[must_use]
    #[track_caller]
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the server is running");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kilobytes.expect("VmRSS in kB") * 1024
    }

    /// Has the process ended?
    pub fn is_gone(&mut self) -> bool {
        let ended = |child: &mut Child| matches!(child.try_wait(), Ok(Some(_)));
        self.child.as_mut().is_none_or(ended)
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("our own child");
            child.wait().expect("our own child");
        }
    }

    /// Asks it to shut down and waits for that.
    ///
    /// # Panics
    /// If it takes longer than two minutes.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if matches!(child.try_wait(), Ok(Some(_))) {
            return; // its number may be another's by now
        }
        signal("TERM", child.id());
        // It may be paused.
        signal("CONT", child.id());
        if !until(STOP_LIMIT, || matches!(child.try_wait(), Ok(Some(_)))) {
            let killed = child.kill().and_then(|()| child.wait().map(drop));
            assert!(std::thread::panicking() || killed.is_err(), "deaf to SIGTERM");
        }
    }

    /// Sends it a signal such as `TERM`.
    pub fn signal(&self, name: &str) {
        signal(name, self.pid());
    }

    /// Stops the process from running without ending it, as an overloaded machine would. On return
    /// all its threads stand still.
    ///
    /// # Panics
    /// If one still runs after two minutes.
    pub fn pause(&self) {
        signal("STOP", self.pid());
        let threads = PathBuf::from(format!("/proc/{}/task", self.pid()));
        let stand_still = || {
            let threads = fs::read_dir(&threads).expect("the server is running");
            threads.map_while(Result::ok).all(|thread| {
                let state = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
                // Behind the name, which may contain anything.
                state.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
            })
        };
        assert!(until(PAUSE_LIMIT, stand_still), "SIGSTOP does not stop it");
    }

    pub fn resume(&self) {
        signal("CONT", self.pid());
    }

    /// Starts it again with the same port, folder and directives.
    ///
    /// # Panics
    /// If it still runs, or does not answer within two minutes.
    #[track_caller]
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "stop() or kill() first");
        let deadline = Instant::now() + START_LIMIT;
        while let Err(failure) = self.launch() {
            let may_be_free_soon = matches!(failure, Failure::PortTaken);
            assert!(may_be_free_soon && Instant::now() < deadline, "{failure:?}");
        }
    }

    /// Replaces the directives that it is started with from now on.
    pub fn set_directives(&mut self, directives: &[&str]) {
        self.directives = directives.iter().map(ToString::to_string).collect();
    }

    /// # Panics
    /// If the server is gone.
    #[must_use]
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server is running").id()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn launch(&mut self) -> Result<(), Failure> {
        let mut words = self.wrapper.iter().cloned().chain(command_of(self.kind));
        let mut command = Command::new(words.next().expect("a program"));
        let log = File::options().create(true).append(true).open(self.log_path());
        let log = log.expect("a log file");
        command.args(words);
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.arg("--dir").arg(self.folder.path()).args(&self.directives);
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a log file")).stderr(log);
        let logged_before = self.log().len();
        let child = command.spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("starting {command:?}: {error}")));
        let answers = |server: &TestServer| {
            let client = Client::try_connect(server.port);
            client
                .and_then(|mut client| client.try_call(&["PING"]))
                .is_ok_and(|reply| reply.to_string() == "+PONG" || reply.is_error_of("NOAUTH"))
        };
        let mut ended = false;
        let mut is_up = false;
        until(START_LIMIT, || {
            is_up = answers(self);
            ended = self.is_gone();
            ended || is_up
        });
        if is_up && !ended {
            return Ok(());
        }
        let log = self.log();
        let said = log.get(logged_before..).unwrap_or_default();
        if ended && said.contains("ddress already in use") {
            self.child = None;
            return Err(Failure::PortTaken);
        }
        Err(Failure::Other(format!("does not answer PING: {command:?}")))
    }
}

/// Why a server did not start.
#[derive(Debug)]
enum Failure {
    /// Somebody else has its port, or the one of its cluster bus.
    PortTaken,
    Other(String),
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(LOG_TAIL_LINES)..];
            eprintln!("--- log of {:?} on port {}\n{}", self.kind, self.port, tail.join("\n"));
        }
    }
}

/// Is the reference Debian's redis-server 7.0?
#[must_use]
pub fn is_usual_reference() -> bool {
    std::env::var_os("REDPOLL_REFERENCE").is_none()
}

/// The program of the reference's that ends so: `server` or `check-rdb`.
///
/// # Panics
/// If `REDPOLL_REFERENCE` is no path that ends in `-server`.
#[must_use]
pub fn reference(suffix: &str) -> String {
    let named = std::env::var("REDPOLL_REFERENCE").unwrap_or_else(|_| "redis-server".into());
    let stem = named.strip_suffix("server").expect("REDPOLL_REFERENCE ends in server");
    format!("{stem}{suffix}")
}

/// Starts the reference server, Debian's redis-server 7.0 unless `REDPOLL_REFERENCE` names another.
///
/// `None` only if the variable `REDPOLL_ORACLE` is `none`.
///
/// # Panics
/// If it is not installed.
#[must_use]
#[track_caller]
pub fn start_oracle(directives: &[&str]) -> Option<TestServer> {
    if std::env::var("REDPOLL_ORACLE").is_ok_and(|value| value == "none") {
        return None;
    }
    let hint = "redis-server is missing: run scripts/test, or set REDPOLL_ORACLE=none";
    assert!(program_exists(&reference("server")), "{hint}");
    Some(TestServer::start_kind(Kind::Redis, directives))
}

fn command_of(kind: Kind) -> Vec<String> {
    if kind == Kind::Redis {
        return vec![reference("server")];
    }
    if let Ok(command) = std::env::var("REDPOLL_BIN") {
        return command.split_whitespace().map(String::from).collect();
    }
    // target/<profile>/deps/<test binary>: the server lies one folder up.
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test.parent().and_then(Path::parent).expect("cargo's folders");
    let binary = folder.join("redpoll").to_string_lossy().into_owned();
    vec![binary, "server".into()]
}
