//! A raw blocking client: sends what it is told, returns what comes back, follows nothing.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Value;

/// Far beyond what a slow machine needs: only a server that hangs is silent for so long.
const REPLY_LIMIT: Duration = Duration::from_secs(120);

pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// # Panics
    /// If nobody listens on that loopback port.
    #[must_use]
    #[track_caller]
    pub fn connect(port: u16) -> Client {
        Client::try_connect(port).unwrap_or_else(|error| panic!("connecting to {port}: {error}"))
    }

    /// # Errors
    /// What the system reports.
    pub fn try_connect(port: u16) -> io::Result<Client> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let stream = TcpStream::connect_timeout(&address, REPLY_LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_LIMIT))?;
        stream.set_write_timeout(Some(REPLY_LIMIT))?;
        Ok(Client { stream: BufReader::new(stream) })
    }

    /// Sends a command, returns its reply.
    ///
    /// # Panics
    /// If the connection breaks or no reply comes within two minutes.
    #[track_caller]
    pub fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        match self.try_call(args) {
            Ok(reply) => reply,
            Err(error) => {
                let shown: Vec<String> =
                    args.iter().map(|arg| arg.as_ref().escape_ascii().to_string()).collect();
                panic!("no reply to {}: {error}", shown.join(" "))
            }
        }
    }

    /// [`Client::call`] with the words of one line.
    #[track_caller]
    pub fn run(&mut self, line: &str) -> Value {
        self.call(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// # Errors
    /// If the connection breaks, is garbled or silent for two minutes.
    pub fn try_call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<Value> {
        self.send(&encode(args))?;
        self.read()
    }

    /// # Errors
    /// If the connection is broken, or full for two minutes.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// # Errors
    /// As [`Client::try_call`].
    pub fn read(&mut self) -> io::Result<Value> {
        Value::read(&mut self.stream)
    }

    /// Everything the server still sends until it closes.
    ///
    /// # Errors
    /// `WouldBlock` when it does not close within the read limit.
    pub fn read_to_close(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(bytes),
            Err(error) => Err(error),
        }
    }

    /// How long a read may take.
    ///
    /// # Panics
    /// If `limit` is zero.
    pub fn set_read_limit(&mut self, limit: Duration) {
        self.stream.get_ref().set_read_timeout(Some(limit)).expect("a limit above zero");
    }

    /// Says that nothing more will be sent; replies can still be read.
    ///
    /// # Errors
    /// What the system reports.
    pub fn close_write(&mut self) -> io::Result<()> {
        self.stream.get_ref().shutdown(std::net::Shutdown::Write)
    }

    /// Reads what the server still sends; true if it then closes, false if it falls silent.
    pub fn is_closed_after_draining(&mut self) -> bool {
        let mut chunk = [0; 65_536];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
            }
        }
    }
}

/// A command as an array of bulk strings.
#[must_use]
pub fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        out.extend(format!("${}\r\n", arg.len()).bytes());
        out.extend(arg);
        out.extend(b"\r\n");
    }
    out
}
