//! The data plane's threads: each has its own runtime, and a connection stays with the one it was
//! given to.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::thread::JoinHandle;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use super::accept::Acceptor;
use super::connection;
use super::replication::{self, Replicator};
use crate::base::{Millis, Rng};
use crate::engine::{Session, Worker, unix_time};
use crate::state::client::Origin;
use crate::state::{Client, ClientShared, Server};

/// How often a worker's clock looks at the system's.
const RESYNC_EVERY: Millis = Millis(100);

/// An accepted socket on its way to its worker.
pub(super) enum Socket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// What reaches a worker thread.
pub(super) enum Order {
    /// Serve this connection.
    Serve(Socket, Origin),
    /// Accept connections here, for all workers.
    Accept(Acceptor),
    /// End: drop every connection.
    Stop,
}

/// The way to one worker thread.
#[derive(Clone)]
pub(super) struct WorkerHandle(UnboundedSender<Order>);

impl WorkerHandle {
    /// An order to a worker that has ended is dropped: the process is ending, too.
    pub(super) fn order(&self, order: Order) {
        drop(self.0.send(order));
    }
}

/// Starts worker `index`.
///
/// # Errors
/// If the thread or its runtime cannot be created.
pub(super) fn spawn(
    index: usize,
    server: Arc<Server>,
    replicator: Replicator,
) -> std::io::Result<(WorkerHandle, JoinHandle<()>)> {
    let (sender, receiver) = unbounded_channel();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        let worker = Worker::new(index, server, Rng::from_entropy());
        let local = LocalSet::new();
        local.block_on(&runtime, run(Rc::new(RefCell::new(worker)), receiver, replicator));
    })?;
    Ok((WorkerHandle(sender), thread))
}

async fn run(
    worker: Rc<RefCell<Worker>>,
    mut orders: UnboundedReceiver<Order>,
    replicator: Replicator,
) {
    let clock = Rc::clone(&worker);
    tokio::task::spawn_local(async move {
        let mut ticks = tokio::time::interval(RESYNC_EVERY.to_duration());
        loop {
            ticks.tick().await;
            clock.borrow_mut().clock.resync();
        }
    });
    tokio::task::spawn_local(open_gates(Rc::clone(&worker)));
    while let Some(order) = orders.recv().await {
        match order {
            Order::Serve(socket, origin) => {
                let serving = serve(socket, origin, Rc::clone(&worker), replicator.clone());
                tokio::task::spawn_local(serving);
            }
            Order::Accept(acceptor) => {
                tokio::task::spawn_local(acceptor.run());
            }
            Order::Stop => return,
        }
    }
}

/// Sends word to the worker's connections when what they wait for is safe, all in one go.
async fn open_gates(worker: Rc<RefCell<Worker>>) {
    let (server, index) = (Arc::clone(&worker.borrow().server), worker.borrow().index);
    poll_fn(|cx| {
        server.durability.serve(index, cx.waker());
        Poll::Pending
    })
    .await
}

/// Registers a connection, serves it and forgets it. It was admitted when it was accepted.
async fn serve(
    socket: Socket,
    origin: Origin,
    worker: Rc<RefCell<Worker>>,
    replicator: Replicator,
) {
    let server = Arc::clone(&worker.borrow().server);
    let now = Millis(unix_time().as_millis() as u64);
    let id = server.clients.next_id();
    let shared = Arc::new(ClientShared::new(id, origin, now));
    server.clients.insert(Arc::clone(&shared));
    let registered = Arc::clone(&shared);
    let mut client = Client::new(shared, false);
    client.log_out(server.acl.users().default_user());
    let session = Session::new(client);
    match socket {
        Socket::Tcp(stream) => {
            if let Ok(stream) = TcpStream::from_std(stream) {
                converse(stream, session, worker, &replicator).await;
            }
        }
        Socket::Unix(stream) => {
            if let Ok(stream) = UnixStream::from_std(stream) {
                converse(stream, session, worker, &replicator).await;
            }
        }
    }
    server.clients.remove(&registered);
}

/// Serves a connection as a client's, then as a replica's if it becomes one.
async fn converse<S>(
    stream: S,
    session: Session,
    worker: Rc<RefCell<Worker>>,
    replicator: &Replicator,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let server = Arc::clone(&worker.borrow().server);
    if let Some((stream, session)) = connection::serve(stream, session, worker).await {
        replication::feed(stream, session, &server, replicator).await;
    }
}
