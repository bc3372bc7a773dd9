//! Opening the sockets clients connect to.

use std::ffi::OsStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::Settings;

/// A listening socket.
pub(super) enum Listener {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

impl Listener {
    /// The same TCP socket once more.
    pub(super) fn tcp(&self) -> Option<std::net::TcpListener> {
        match self {
            Listener::Tcp(listener) => listener.try_clone().ok(),
            Listener::Unix(_) => None,
        }
    }
}

/// Why the node cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("could not resolve the bind address {address}")]
    Resolve {
        address: String,
        #[source]
        cause: io::Error,
    },
    #[error("could not listen on {address}")]
    Bind {
        address: String,
        #[source]
        cause: io::Error,
    },
    #[error("there is nothing to listen on: port is 0 and no unixsocket is set")]
    Nothing,
}

/// Opens a socket for every `bind` address, and the Unix socket.
///
/// # Errors
/// If an address cannot be bound, unless it is marked optional (`-::1`) and does not exist here.
pub(super) fn open_all(settings: &Settings) -> Result<Vec<Listener>, ListenError> {
    let backlog = settings.tcp_backlog as i32;
    let mut listeners = open_tcp(settings, settings.port, backlog)?;
    if let Some(listener) = open_unix(settings)? {
        listeners.push(listener);
    }
    if listeners.is_empty() { Err(ListenError::Nothing) } else { Ok(listeners) }
}

/// Opens a socket on `port` for every `bind` address; none when `port` is 0.
///
/// # Errors
/// As [`open_all`].
pub(super) fn open_tcp(
    settings: &Settings,
    port: u16,
    backlog: i32,
) -> Result<Vec<Listener>, ListenError> {
    let mut listeners = Vec::new();
    if port == 0 {
        return Ok(listeners);
    }
    for bind in &settings.bind {
        let bind = String::from_utf8_lossy(bind);
        let (address, optional) = match bind.strip_prefix('-') {
            Some(address) => (address, true),
            None => (&*bind, false),
        };
        let at = resolve(address, port)?;
        match bind_tcp(at, backlog) {
            Ok(listener) => listeners.push(Listener::Tcp(listener)),
            Err(cause) if optional && is_absent(&cause) => {
                tracing::debug!(address, %cause, "optional bind address skipped");
            }
            Err(cause) => return Err(ListenError::Bind { address: at.to_string(), cause }),
        }
    }
    Ok(listeners)
}

/// The addresses, for the log.
pub(super) fn describe(listeners: &[Listener]) -> String {
    let address = |listener: &Listener| match listener {
        Listener::Tcp(tcp) => tcp.local_addr().map(|at| at.to_string()),
        Listener::Unix(unix) => unix.local_addr().map(|at| format!("{at:?}")),
    };
    let all: Vec<_> = listeners.iter().filter_map(|listener| address(listener).ok()).collect();
    all.join(" ")
}

fn open_unix(settings: &Settings) -> Result<Option<Listener>, ListenError> {
    let Some(path) = &settings.unixsocket else {
        return Ok(None);
    };
    let path = Path::new(OsStr::from_bytes(path));
    let failed = |cause| ListenError::Bind { address: path.display().to_string(), cause };
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(failed(cause)),
        _ => {}
    }
    let listener = std::os::unix::net::UnixListener::bind(path).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    if settings.unixsocketperm != 0 {
        let mode = std::fs::Permissions::from_mode(settings.unixsocketperm);
        std::fs::set_permissions(path, mode).map_err(failed)?;
    }
    Ok(Some(Listener::Unix(listener)))
}

fn resolve(address: &str, port: u16) -> Result<SocketAddr, ListenError> {
    match address {
        "*" => return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)),
        "::*" => return Ok(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)),
        _ => {}
    }
    let failed = |cause| ListenError::Resolve { address: address.to_owned(), cause };
    let mut found = (address, port).to_socket_addrs().map_err(failed)?;
    found.next().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
}

fn bind_tcp(at: SocketAddr, backlog: i32) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

fn is_absent(cause: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, NetworkUnreachable, Unsupported};
    matches!(cause.kind(), AddrNotAvailable | NetworkUnreachable | Unsupported)
        || cause.raw_os_error() == Some(97) // EAFNOSUPPORT: a kernel without IPv6.
}
