//! Accepting connections and giving each to the worker with the fewest.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use super::listen::Listener;
use super::workers::{Order, Socket, WorkerHandle};
use crate::state::Server;
use crate::state::client::Origin;

/// Pause after running out of file descriptors or memory, instead of spinning on the same error.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

const FULL: &[u8] = b"-ERR max number of clients reached\r\n";
const PROTECTED: &[u8] =
    b"-DENIED Redis is running in protected mode because protected mode is enabled and no \
    password is set for the default user. In this mode connections are only accepted from the \
    loopback interface. If you want to connect from external computers to Redis you may adopt \
    one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG \
    SET protected-mode no' from the loopback interface by connecting to Redis from the same \
    host the server is running, however MAKE SURE Redis is not publicly accessible from \
    internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively \
    you can just disable the protected mode by editing the Redis configuration file, and \
    setting the protected mode option to 'no', and then restarting the server. 3) If you \
    started the server manually just for testing, restart it with the '--protected-mode no' \
    option. 4) Setup a an authentication password for the default user. NOTE: You only need to \
    do one of the above things in order for the server to start accepting connections from the \
    outside.\r\n";

/// Accepts from one listener until told to stop.
pub(super) struct Acceptor {
    pub listener: Listener,
    pub server: Arc<Server>,
    pub workers: Arc<[WorkerHandle]>,
    /// Becomes true when this listener is to close.
    pub stop: watch::Receiver<bool>,
}

impl Acceptor {
    pub(super) async fn run(self) {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            _ = stop.wait_for(|&stop| stop) => {}
            result = self.accept_all() => {
                if let Err(error) = result {
                    tracing::error!(%error, "listening socket failed");
                }
            }
        }
    }

    async fn accept_all(&self) -> io::Result<()> {
        match &self.listener {
            Listener::Tcp(listener) => {
                let listener = TcpListener::from_std(listener.try_clone()?)?;
                loop {
                    match listener.accept().await {
                        Ok((stream, peer)) => self.place_tcp(stream.into_std()?, peer),
                        Err(error) => pause_after(&error).await,
                    }
                }
            }
            Listener::Unix(listener) => {
                let path = listener.local_addr()?;
                let path = path.as_pathname().map(|path| path.display().to_string());
                let name = format!("{}:0", path.unwrap_or_default());
                let listener = UnixListener::from_std(listener.try_clone()?)?;
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => self.place_unix(stream.into_std()?, &name),
                        Err(error) => pause_after(&error).await,
                    }
                }
            }
        }
    }

    fn place_tcp(&self, stream: std::net::TcpStream, peer: SocketAddr) {
        let local = stream.local_addr().map(|local| local.to_string());
        let origin = Origin {
            peer: peer.to_string(),
            local: local.unwrap_or_default(),
            fd: stream.as_raw_fd(),
            worker: 0,
            unix_socket: false,
            loopback: peer.ip().to_canonical().is_loopback(),
        };
        self.place(Socket::Tcp(stream), origin);
    }

    fn place_unix(&self, stream: std::os::unix::net::UnixStream, name: &str) {
        let origin = Origin {
            peer: name.to_owned(),
            local: name.to_owned(),
            fd: stream.as_raw_fd(),
            worker: 0,
            unix_socket: true,
            loopback: true,
        };
        self.place(Socket::Unix(stream), origin);
    }

    /// Admits a connection and hands it to a worker, or says why not and closes it.
    fn place(&self, socket: Socket, mut origin: Origin) {
        let settings = self.server.settings.load();
        if !self.server.clients.admit(settings.maxclients as usize) {
            self.server.stats.connections_rejected.fetch_add(1, Ordering::Relaxed);
            return refuse(&socket, FULL);
        }
        let open = settings.protected_mode && self.server.acl.users().default_user().no_password;
        if open && !origin.loopback {
            self.server.clients.dismiss();
            self.server.stats.connections_rejected.fetch_add(1, Ordering::Relaxed);
            return refuse(&socket, PROTECTED);
        }
        self.server.stats.connections_received.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = prepare(&socket, u64::from(settings.tcp_keepalive)) {
            tracing::debug!(%error, "socket options not set");
        }
        origin.worker = self.server.clients.assign();
        self.workers[origin.worker].order(Order::Serve(socket, origin));
    }
}

/// Out of file descriptors or memory: others have to end first.
async fn pause_after(error: &io::Error) {
    tracing::warn!(%error, "accept failed");
    tokio::time::sleep(EXHAUSTED_PAUSE).await;
}

/// Best effort: the peer may be gone already.
fn refuse(socket: &Socket, text: &[u8]) {
    let sent = match socket {
        Socket::Tcp(stream) => SockRef::from(stream).send(text),
        Socket::Unix(stream) => SockRef::from(stream).send(text),
    };
    if let Err(error) = sent {
        tracing::debug!(%error, "refusal not sent");
    }
}

fn prepare(socket: &Socket, keepalive_seconds: u64) -> io::Result<()> {
    match socket {
        Socket::Tcp(stream) => {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            if keepalive_seconds > 0 {
                let every = Duration::from_secs(keepalive_seconds);
                let probes = TcpKeepalive::new()
                    .with_time(every)
                    .with_interval((every / 3).max(Duration::from_secs(1)))
                    .with_retries(3);
                SockRef::from(stream).set_tcp_keepalive(&probes)?;
            }
            Ok(())
        }
        Socket::Unix(stream) => stream.set_nonblocking(true),
    }
}
