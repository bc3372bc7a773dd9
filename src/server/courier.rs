//! Connections to other nodes for MIGRATE: opened when needed, kept for a while, used by one thread
//! at a time.
//!
//! The sockets block: the thread that migrates holds the keys' slots and must not do anything else.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use parking_lot::Mutex;

use crate::engine::unix_time;
use crate::resp::client::encode_command;
use crate::state::courier::{self, Address, Failure, Receipt};

/// Connections that are kept, and for how long without use.
const CONNECTIONS_MAX: usize = 64;
const IDLE_MAX: Duration = Duration::from_secs(10);
/// Bytes per write.
const CHUNK_BYTES: usize = 64 * 1024;
/// A longer answer is none to the commands that are sent here.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// A connection, what database it is on and when it was used last.
#[derive(Debug)]
struct Connection {
    socket: BufReader<TcpStream>,
    db: Option<i64>,
    used: Duration,
}

type Name = (Vec<u8>, Vec<u8>);

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Courier {
    idle: Mutex<BTreeMap<Name, Connection>>,
}

/// Why a delivery broke off, with what had come back by then.
struct Broken {
    receipt: Receipt,
    /// Nothing was answered and nothing timed out: a kept connection may just have been closed.
    retry: bool,
}

impl courier::Courier for Courier {
    fn deliver(&self, to: Address<'_>, requests: &[Vec<u8>]) -> Receipt {
        let name = (to.host.to_vec(), to.port.to_vec());
        let kept = self.take(&name);
        let mut connection = match kept.map_or_else(|| connect(&to), Ok) {
            Ok(connection) => connection,
            Err(failure) => return failed(failure),
        };
        let mut outcome = converse(&mut connection, &to, requests);
        if outcome.as_ref().is_err_and(|broken| broken.retry) {
            connection = match connect(&to) {
                Ok(connection) => connection,
                Err(failure) => return failed(failure),
            };
            outcome = converse(&mut connection, &to, requests);
        }
        match outcome {
            Ok(receipt) => {
                self.keep(name, connection);
                receipt
            }
            Err(broken) => broken.receipt,
        }
    }

    fn tidy(&self) {
        let now = unix_time();
        self.idle.lock().retain(|_, open| now.saturating_sub(open.used) < IDLE_MAX);
    }
}

impl Courier {
    /// The kept connection of that name, if there is one.
    fn take(&self, name: &Name) -> Option<Connection> {
        courier::Courier::tidy(self);
        self.idle.lock().remove(name)
    }

    fn keep(&self, name: Name, mut connection: Connection) {
        connection.used = unix_time();
        let mut idle = self.idle.lock();
        if idle.len() >= CONNECTIONS_MAX {
            idle.pop_first();
        }
        idle.insert(name, connection);
    }
}

fn failed(failure: Failure) -> Receipt {
    Receipt { done: Vec::new(), failure: Some(failure) }
}

fn connect(to: &Address<'_>) -> Result<Connection, Failure> {
    let host = std::str::from_utf8(to.host).map_err(|_| Failure::Connect)?;
    // A port that is none is refused by the other side, as port 0 is.
    let port = std::str::from_utf8(to.port).ok().and_then(|port| port.parse::<u16>().ok());
    let address = (host, port.unwrap_or_default()).to_socket_addrs();
    let address = address.ok().and_then(|mut found| found.next()).ok_or(Failure::Connect)?;
    let opened = TcpStream::connect_timeout(&address, to.timeout.to_duration());
    let socket = opened.map_err(|error| {
        tracing::debug!(%address, %error, "could not connect for MIGRATE");
        if error.kind() == ErrorKind::TimedOut { Failure::Connect } else { Failure::Write }
    })?;
    socket.set_nodelay(true).map_err(|_| Failure::Connect)?;
    Ok(Connection { socket: BufReader::new(socket), db: None, used: unix_time() })
}

/// Sends all requests, then reads all answers.
fn converse(
    connection: &mut Connection,
    to: &Address<'_>,
    requests: &[Vec<u8>],
) -> Result<Receipt, Broken> {
    let timeout = Some(to.timeout.to_duration());
    let stream = connection.socket.get_ref();
    let limited = stream.set_read_timeout(timeout).and(stream.set_write_timeout(timeout));
    limited.map_err(|error| broken(Receipt::default(), Failure::Write, &error))?;
    let mut preface = Vec::new();
    if let Some((user, password)) = to.auth {
        let words: Vec<&[u8]> =
            [Some(&b"AUTH"[..]), user, Some(password)].into_iter().flatten().collect();
        preface.extend(encode_command(&words));
    }
    let select = connection.db != Some(to.db);
    if select {
        preface.extend(encode_command(&[b"SELECT", to.db.to_string().as_bytes()]));
    }
    let mut out = BufWriter::with_capacity(CHUNK_BYTES, connection.socket.get_mut());
    let mut parts = std::iter::once(&preface).chain(requests);
    let written = parts.try_for_each(|part| out.write_all(part)).and_then(|()| out.flush());
    // What could not be written must not be tried again when the buffer goes.
    drop(out.into_parts());
    written.map_err(|error| broken(Receipt::default(), Failure::Write, &error))?;
    let greetings = usize::from(to.auth.is_some()) + usize::from(select);
    let receipt = collect(connection, to, greetings, requests.len())?;
    connection.db = receipt.failure.is_none().then_some(to.db);
    Ok(receipt)
}

/// Reads the answers to the greetings and to the requests.
fn collect(
    connection: &mut Connection,
    to: &Address<'_>,
    greetings: usize,
    requests: usize,
) -> Result<Receipt, Broken> {
    let (mut receipt, mut welcome) = (Receipt::default(), true);
    for number in 0..greetings + requests {
        let answer = match read_line(&mut connection.socket, to.timeout.to_duration()) {
            Ok(answer) => answer,
            Err(error) => {
                let mut broken = broken(receipt, Failure::Read, &error);
                broken.retry &= number == 0;
                return Err(broken);
            }
        };
        let refusal = answer.strip_prefix('-');
        if let Some(text) = refusal {
            receipt.failure.get_or_insert_with(|| Failure::Refused(text.to_owned()));
        }
        if number < greetings {
            welcome &= refusal.is_none();
        } else {
            // After a refused AUTH or SELECT a key may have gone anywhere: it stays here, too.
            receipt.done.push(welcome && refusal.is_none());
        }
    }
    Ok(receipt)
}

fn broken(receipt: Receipt, failure: Failure, error: &io::Error) -> Broken {
    let retry = !matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock);
    tracing::debug!(%error, answers = receipt.done.len(), "MIGRATE broke off");
    let failure = receipt.failure.or(Some(failure));
    Broken { receipt: Receipt { done: receipt.done, failure }, retry }
}

/// One answer without its line end. None of the commands sent is answered by more than a line.
fn read_line(socket: &mut BufReader<TcpStream>, timeout: Duration) -> io::Result<String> {
    let until = unix_time() + timeout;
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let room = ANSWER_BYTES_MAX.saturating_sub(line.len() as u64);
        let available = socket.by_ref().take(room).fill_buf()?.len();
        if available == 0 || room == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        socket.by_ref().take(room.min(available as u64)).read_until(b'\n', &mut line)?;
        if unix_time() > until {
            return Err(ErrorKind::TimedOut.into());
        }
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}
