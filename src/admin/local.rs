//! `redpoll local up` and `local down`: a small cluster on this machine, with its data in
//! `./.redpoll/`.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use clap::Subcommand;

use crate::base::Slot;
use crate::base::error::with_causes;
use crate::resp::Value;
use crate::resp::client::{ReplyDecoder, encode_command};

/// How long nodes may take to start, and then to agree.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(50);

/// What `redpoll local` can do.
#[derive(Subcommand)]
pub enum Action {
    /// Start the nodes and join them; nodes that are there already are left as they are.
    Up {
        /// Primaries; the slots are divided between them.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
        masters: u16,
        /// Replicas of each primary.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=5))]
        replicas: u16,
        /// The first node's port; the others follow.
        #[arg(long, default_value_t = 7001)]
        port: u16,
        /// Where the nodes keep their files.
        #[arg(long, default_value = ".redpoll")]
        dir: PathBuf,
    },
    /// Stop the nodes that `up` started.
    Down {
        /// Where the nodes keep their files.
        #[arg(long, default_value = ".redpoll")]
        dir: PathBuf,
        /// Delete their files, too.
        #[arg(long)]
        wipe: bool,
    },
}

/// Why a local cluster could not be started or stopped.
#[derive(Debug, thiserror::Error)]
enum LocalError {
    #[error("{what}")]
    Io {
        what: String,
        #[source]
        cause: io::Error,
    },
    #[error("{node} answered {command} with: {answer}")]
    Refused { node: SocketAddr, command: String, answer: String },
    #[error("{what} did not happen within {} seconds; see {log}", PATIENCE.as_secs())]
    TooSlow { what: String, log: String },
    #[error("port {0} leaves no room for the bus port 10000 above it")]
    Port(u16),
}

/// Runs the subcommand.
pub fn run(action: Action) -> ExitCode {
    let result = match action {
        Action::Up { masters, replicas, port, dir } => up(masters, replicas, port, &dir),
        Action::Down { dir, wipe } => down(&dir, wipe),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("redpoll local: {}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

fn up(masters: u16, replicas: u16, port: u16, dir: &Path) -> Result<(), LocalError> {
    let count = masters * (1 + replicas);
    if port.checked_add(count).is_none_or(|end| end > 55_535) {
        return Err(LocalError::Port(port));
    }
    let nodes: Vec<Node> = (0..count).map(|index| Node::new(dir, port + index)).collect();
    for node in &nodes {
        node.start()?;
    }
    nodes.iter().try_for_each(Node::wait_until_it_answers)?;
    let are_new = nodes.iter().map(Node::is_new).collect::<Result<Vec<_>, _>>()?;
    if are_new.iter().all(|new| *new) {
        join(&nodes, usize::from(masters))?;
    }
    for node in &nodes {
        node.wait("agreement on all slots", |node| node.is_ok())?;
    }
    if are_new.iter().all(|new| *new) {
        replicate(&nodes, usize::from(masters))?;
    }
    println!(
        "{masters} primaries and {} replicas are up, ports {port} to {}",
        masters * replicas,
        port + count - 1
    );
    println!("  connect:  redis-cli -c -p {port}");
    println!("  files:    {}", dir.display());
    println!("  stop:     redpoll local down");
    Ok(())
}

/// Divides the slots between the first `masters` and introduces every node to the first.
fn join(nodes: &[Node], masters: usize) -> Result<(), LocalError> {
    for (index, node) in nodes[..masters].iter().enumerate() {
        let first = index * Slot::COUNT / masters;
        let last = (index + 1) * Slot::COUNT / masters - 1;
        let (first, last) = (first.to_string(), last.to_string());
        node.expect_ok(&["CLUSTER", "ADDSLOTSRANGE", &first, &last])?;
        let epoch = (index + 1).to_string();
        node.expect_ok(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch])?;
    }
    let port = nodes[0].address.port().to_string();
    for node in &nodes[1..] {
        node.expect_ok(&["CLUSTER", "MEET", "127.0.0.1", &port])?;
    }
    Ok(())
}

/// Has every further node replicate one of the first `masters`.
fn replicate(nodes: &[Node], masters: usize) -> Result<(), LocalError> {
    let (primaries, replicas) = nodes.split_at(masters);
    for (replica, primary) in replicas.iter().zip(primaries.iter().cycle()) {
        let asked = primary.call(&["CLUSTER", "MYID"]);
        let id =
            asked.map_err(|cause| failed("could not ask for a node's id".to_owned(), cause))?;
        let id = String::from_utf8_lossy(id.text().unwrap_or_default()).into_owned();
        replica.wait("knowing its primary", |node| {
            let answer = node.call(&["CLUSTER", "REPLICATE", &id]);
            Ok(answer.is_ok_and(|answer| answer == Value::ok()))
        })?;
    }
    for replica in replicas {
        replica.wait("the link to its primary", |node| {
            let info = node.call(&["INFO", "replication"]);
            let info = info.ok().and_then(|info| Some(info.text()?.to_vec())).unwrap_or_default();
            Ok(String::from_utf8_lossy(&info).contains("master_link_status:up"))
        })?;
    }
    Ok(())
}

fn down(dir: &Path, wipe: bool) -> Result<(), LocalError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("nothing is running from {}", dir.display());
            return Ok(());
        }
        Err(cause) => return Err(failed(format!("could not read {}", dir.display()), cause)),
    };
    let ports = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    for port in ports {
        Node::new(dir, port).stop()?;
    }
    if wipe {
        fs::remove_dir_all(dir)
            .map_err(|cause| failed(format!("could not delete {}", dir.display()), cause))?;
    }
    Ok(())
}

/// One node of the local cluster.
struct Node {
    address: SocketAddr,
    dir: PathBuf,
}

impl Node {
    fn new(dir: &Path, port: u16) -> Node {
        let dir = dir.join(port.to_string());
        Node { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), dir }
    }

    /// Starts the server process, unless something answers there already.
    fn start(&self) -> Result<(), LocalError> {
        if self.call(&["PING"]).is_ok() {
            return Ok(());
        }
        let context = |what: &str| format!("could not {what} in {}", self.dir.display());
        fs::create_dir_all(&self.dir).map_err(|cause| failed(context("create files"), cause))?;
        let log = File::create(self.dir.join("log"))
            .map_err(|cause| failed(context("create the log"), cause))?;
        let port = self.address.port().to_string();
        let binary = std::env::current_exe()
            .map_err(|cause| failed("could not find this executable".to_owned(), cause))?;
        let child = Command::new(binary)
            .args(["server", "--port", &port, "--bind", "127.0.0.1", "--cluster-enabled", "yes"])
            .args(["--cluster-node-timeout", "5000", "--dir"])
            .arg(&self.dir)
            .stdin(Stdio::null())
            .stderr(log.try_clone().map_err(|cause| failed(context("use the log"), cause))?)
            .stdout(log)
            .spawn()
            .map_err(|cause| failed("could not start a node".to_owned(), cause))?;
        fs::write(self.dir.join("pid"), child.id().to_string())
            .map_err(|cause| failed(context("write the pid"), cause))
    }

    /// Asks the node to end, if it runs, and waits until it has.
    fn stop(&self) -> Result<(), LocalError> {
        if self.call(&["SHUTDOWN", "NOSAVE"]).is_ok() {
            return Err(self.refused("SHUTDOWN", "no end".to_owned()));
        }
        self.wait("the node's end", |node| Ok(TcpStream::connect(node.address).is_err()))?;
        println!("port {}: stopped", self.address.port());
        Ok(())
    }

    fn wait_until_it_answers(&self) -> Result<(), LocalError> {
        self.wait("an answer", |node| Ok(node.call(&["PING"]).is_ok()))
    }

    fn is_ok(&self) -> Result<bool, LocalError> {
        Ok(self.info()?.contains("cluster_state:ok\r\n"))
    }

    /// Whether it has never been part of a cluster: one that was stopped remembers its slots.
    fn is_new(&self) -> Result<bool, LocalError> {
        Ok(self.info()?.contains("cluster_slots_assigned:0\r\n"))
    }

    fn info(&self) -> Result<String, LocalError> {
        let info = self.call(&["CLUSTER", "INFO"]).map_err(|cause| {
            failed(format!("could not ask {} for the cluster's state", self.address), cause)
        })?;
        Ok(String::from_utf8_lossy(info.text().unwrap_or_default()).into_owned())
    }

    fn wait(
        &self,
        what: &str,
        done: impl Fn(&Node) -> Result<bool, LocalError>,
    ) -> Result<(), LocalError> {
        let until = now() + PATIENCE;
        while !done(self)? {
            if now() > until {
                let log = self.dir.join("log").display().to_string();
                return Err(LocalError::TooSlow { what: what.to_owned(), log });
            }
            std::thread::sleep(POLL_EVERY);
        }
        Ok(())
    }

    fn expect_ok(&self, command: &[&str]) -> Result<(), LocalError> {
        let answer = self.call(command).map_err(|cause| {
            failed(format!("could not send {} to {}", command.join(" "), self.address), cause)
        })?;
        if answer == Value::ok() {
            return Ok(());
        }
        Err(self.refused(&command[..2].join(" "), format!("{answer:?}")))
    }

    fn refused(&self, command: &str, answer: String) -> LocalError {
        LocalError::Refused { node: self.address, command: command.to_owned(), answer }
    }

    /// Sends one command on a new connection and reads its reply.
    fn call(&self, command: &[&str]) -> io::Result<Value> {
        let mut stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(&encode_command(command))?;
        let (mut decoder, mut received) = (ReplyDecoder::new(), BytesMut::new());
        let mut chunk = [0; 4096];
        loop {
            if let Some(reply) = decoder.decode(&mut received).map_err(io::Error::other)? {
                return Ok(reply);
            }
            match stream.read(&mut chunk)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => received.extend_from_slice(&chunk[..count]),
            }
        }
    }
}

fn failed(what: String, cause: io::Error) -> LocalError {
    LocalError::Io { what, cause }
}

fn now() -> Instant {
    Instant::now()
}
