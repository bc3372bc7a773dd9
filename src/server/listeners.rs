//! The listening sockets in use, which CONFIG SET can change while clients are connected.

use std::net::{Shutdown, TcpListener};
use std::sync::Arc;

use socket2::SockRef;
use tokio::sync::watch;

use super::accept::Acceptor;
use super::listen::{self, Listener};
use super::workers::{Order, WorkerHandle};
use crate::base::error::with_causes;
use crate::config::{SetError, Settings};
use crate::state::Server;

/// The worker that accepts for all.
const ACCEPTING_WORKER: usize = 0;

/// What the node listens on.
pub(super) struct Listeners {
    server: Arc<Server>,
    workers: Arc<[WorkerHandle]>,
    /// Set to true, it closes the TCP sockets opened so far.
    stop_tcp: watch::Sender<bool>,
    /// These sockets again, so that nothing listens on their addresses any more as soon as that is
    /// wanted: the worker that closes them may be busy.
    tcp: Vec<TcpListener>,
    /// Never set: the Unix socket stays open for the life of the process.
    stop_unix: watch::Sender<bool>,
}

impl Listeners {
    /// Starts accepting on `listeners`.
    pub(super) fn start(
        server: Arc<Server>,
        workers: Arc<[WorkerHandle]>,
        listeners: Vec<Listener>,
    ) -> Listeners {
        let mut started = Listeners {
            server,
            workers,
            stop_tcp: watch::Sender::new(false),
            tcp: Vec::new(),
            stop_unix: watch::Sender::new(false),
        };
        let (tcp, unix): (Vec<_>, Vec<_>) =
            listeners.into_iter().partition(|listener| matches!(listener, Listener::Tcp(_)));
        unix.into_iter()
            .for_each(|listener| started.accept_on(listener, started.stop_unix.subscribe()));
        started.accept_on_tcp(tcp);
        started
    }

    /// Follows a change of `port` or `bind`. The old sockets close only when the new ones are open,
    /// except that addresses cannot be bound twice: those in both are closed first.
    ///
    /// # Errors
    /// If the new sockets cannot be opened; the old ones are open again then.
    pub(super) fn change(&mut self, before: &Settings, after: &Settings) -> Result<(), SetError> {
        if (before.port, &before.bind) == (after.port, &after.bind) {
            return Ok(());
        }
        self.stop_tcp();
        match listen::open_tcp(after, after.port, after.tcp_backlog as i32) {
            Ok(listeners) => {
                self.accept_on_tcp(listeners);
                Ok(())
            }
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), "cannot listen as asked");
                let port_changed = before.port != after.port;
                match listen::open_tcp(before, before.port, before.tcp_backlog as i32) {
                    Ok(listeners) => self.accept_on_tcp(listeners),
                    Err(error) => {
                        tracing::error!(error = %with_causes(&error), "cannot listen any more");
                    }
                }
                let argument = if port_changed { "port" } else { "bind" };
                let reason = if port_changed {
                    "Unable to listen on this port. Check server logs."
                } else {
                    "Failed to bind to specified addresses."
                };
                Err(SetError::not_applied(argument, reason))
            }
        }
    }

    fn stop_tcp(&mut self) {
        self.stop_tcp.send_replace(true);
        for listener in self.tcp.drain(..) {
            if let Err(error) = SockRef::from(&listener).shutdown(Shutdown::Both) {
                tracing::debug!(%error, "a listening socket was not shut down");
            }
        }
    }

    fn accept_on_tcp(&mut self, listeners: Vec<Listener>) {
        let (sender, stop) = watch::channel(false);
        self.stop_tcp = sender;
        self.tcp = listeners.iter().filter_map(Listener::tcp).collect();
        listeners.into_iter().for_each(|listener| self.accept_on(listener, stop.clone()));
    }

    fn accept_on(&self, listener: Listener, stop: watch::Receiver<bool>) {
        let (server, workers) = (Arc::clone(&self.server), Arc::clone(&self.workers));
        let acceptor = Acceptor { listener, server, workers, stop };
        self.workers[ACCEPTING_WORKER].order(Order::Accept(acceptor));
    }
}
