//! One connection of the cluster bus: a reader and a writer around a socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::{Sender, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::super::listen::Listener;
use crate::base::NodeId;
use crate::cluster::frame::frame_len;
use crate::cluster::link::LinkId;

/// Bytes that may wait for a peer before a further frame, however long that is. It bounds what a
/// stranger who asks and never reads can cost; `cluster-link-sendbuf-limit` can only lower it.
const QUEUE_BYTES_MAX: u64 = 64 << 20;
/// Pause after an accept failed for want of resources.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// What happened on the bus.
pub(in crate::server) enum Event {
    Accepted {
        stream: TcpStream,
        peer_ip: String,
        local_ip: String,
    },
    Connected {
        node: NodeId,
        stream: TcpStream,
        local_ip: String,
    },
    ConnectFailed {
        node: NodeId,
    },
    Received {
        link: LinkId,
        frame: Bytes,
    },
    Closed {
        link: LinkId,
    },
    /// Nothing is written any more; the history ends at `offset`.
    WritesPaused {
        offset: u64,
    },
}

/// Where to connect to.
pub(super) struct Target {
    pub node: NodeId,
    pub ip: String,
    pub bus_port: u16,
    /// The local address to connect from.
    pub source: Option<IpAddr>,
    pub patience: Duration,
}

/// A connection's tasks; they end when this is dropped.
pub(super) struct Link {
    frames: UnboundedSender<Bytes>,
    queued: Arc<AtomicU64>,
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
}

impl Link {
    pub(super) fn start(
        id: LinkId,
        stream: TcpStream,
        events: Sender<Event>,
        message_len_max: usize,
    ) -> Link {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "bus socket option not set");
        }
        let (read, write) = stream.into_split();
        let (frames, queue) = unbounded_channel();
        let queued = Arc::new(AtomicU64::new(0));
        let reader = tokio::task::spawn_local(read_frames(id, read, events, message_len_max));
        let writer = tokio::task::spawn_local(write_frames(write, queue, Arc::clone(&queued)));
        Link { frames, queued, reader, writer }
    }

    /// Queues a frame; false when so much waits already that the peer must have stopped reading.
    #[must_use]
    pub(super) fn send(&self, frame: Bytes) -> bool {
        let len = frame.len() as u64;
        if self.queued.fetch_add(len, Ordering::Relaxed) > QUEUE_BYTES_MAX {
            return false;
        }
        // A link whose writer has ended reports its end through the reader.
        drop(self.frames.send(frame));
        true
    }

    pub(super) fn queued_bytes(&self) -> u64 {
        self.queued.load(Ordering::Relaxed)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.reader.abort();
        self.writer.abort();
    }
}

/// Accepts bus connections for as long as the process lives.
pub(super) async fn accept(listener: Listener, events: Sender<Event>) {
    let Listener::Tcp(listener) = listener else {
        return;
    };
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "bus port cannot be used");
            return;
        }
    };
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let local_ip = local_ip(&stream);
                let peer_ip = ip_text(peer);
                let event = Event::Accepted { stream, peer_ip, local_ip };
                if events.send(event).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "bus accept failed");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}

/// Opens a connection; always ends in one event.
pub(super) async fn connect(target: Target, events: Sender<Event>) {
    let node = target.node;
    let opened = tokio::time::timeout(target.patience, open(&target)).await;
    let event = match opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(stream) => {
            let local_ip = local_ip(&stream);
            Event::Connected { node, stream, local_ip }
        }
        Err(error) => {
            tracing::debug!(node = %node, %error, "bus connection failed");
            Event::ConnectFailed { node }
        }
    };
    drop(events.send(event).await);
}

async fn open(target: &Target) -> io::Result<TcpStream> {
    let ip: IpAddr = target.ip.parse().map_err(io::Error::other)?;
    let socket = if ip.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = target.source.filter(|source| source.is_ipv4() == ip.is_ipv4()) {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(SocketAddr::new(ip, target.bus_port)).await
}

async fn read_frames(
    link: LinkId,
    mut socket: OwnedReadHalf,
    events: Sender<Event>,
    message_len_max: usize,
) {
    let mut buffer = BytesMut::with_capacity(16 * 1024);
    loop {
        match next_frame(&mut socket, &mut buffer, message_len_max).await {
            Ok(Some(frame)) => {
                if events.send(Event::Received { link, frame }).await.is_err() {
                    return;
                }
            }
            Ok(None) => break,
            Err(error) => {
                tracing::debug!(link = link.0, %error, "bus link ends");
                break;
            }
        }
    }
    drop(events.send(Event::Closed { link }).await);
}

/// The next whole frame; `None` when the peer closed the connection between two.
async fn next_frame(
    socket: &mut OwnedReadHalf,
    buffer: &mut BytesMut,
    message_len_max: usize,
) -> io::Result<Option<Bytes>> {
    loop {
        if !buffer.is_empty()
            && let Some(len) = frame_len(buffer, message_len_max).map_err(io::Error::other)?
            && buffer.len() >= len
        {
            return Ok(Some(buffer.split_to(len).freeze()));
        }
        if socket.read_buf(buffer).await? == 0 {
            let clean = buffer.is_empty();
            return if clean { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
}

async fn write_frames(
    mut socket: OwnedWriteHalf,
    mut queue: UnboundedReceiver<Bytes>,
    queued: Arc<AtomicU64>,
) {
    while let Some(mut frame) = queue.recv().await {
        let len = frame.remaining() as u64;
        if let Err(error) = socket.write_all_buf(&mut frame).await {
            // Dropping this half shuts the connection down, which ends the reader.
            tracing::debug!(%error, "bus write failed");
            return;
        }
        queued.fetch_sub(len, Ordering::Relaxed);
    }
}

fn local_ip(stream: &TcpStream) -> String {
    stream.local_addr().map(ip_text).unwrap_or_default()
}

/// An IPv4 address that came over an IPv6 socket is told as IPv4.
fn ip_text(address: SocketAddr) -> String {
    address.ip().to_canonical().to_string()
}
