//! A small proxy between a replica and its primary: links are cut with it, at once or after a
//! number of bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::Mutex;
use support::free_port;

/// Bytes carried at a time: cuts fall anywhere.
const CHUNK: usize = 4096;

struct Shared {
    target: u16,
    open: Mutex<Vec<TcpStream>>,
    /// What may still go to the replica before the link is cut.
    allowance: AtomicI64,
    is_closed: AtomicBool,
    is_gone: AtomicBool,
}

/// Listens on a port of its own and carries bytes to and from `target`.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    pub fn to(target: u16) -> Proxy {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
        let shared = Arc::new(Shared {
            target,
            open: Mutex::default(),
            allowance: AtomicI64::new(i64::MAX),
            is_closed: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
        });
        let inner = Arc::clone(&shared);
        std::thread::spawn(move || {
            for downstream in listener.incoming().map_while(Result::ok) {
                if inner.is_gone.load(Ordering::SeqCst) {
                    return;
                }
                if !inner.is_closed.load(Ordering::SeqCst) {
                    carry(&inner, downstream);
                }
            }
        });
        Proxy { port, shared }
    }

    /// Cuts the links there are; new ones are let through.
    pub fn cut(&self) {
        let links = std::mem::take(&mut *self.shared.open.lock());
        links.iter().for_each(|link| drop(link.shutdown(Shutdown::Both)));
    }

    /// Cuts the links there are and refuses others, until [`Proxy::open`].
    pub fn close(&self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        self.cut();
    }

    pub fn open(&self) {
        self.shared.is_closed.store(false, Ordering::SeqCst);
    }

    /// Has the link cut, once, when `bytes` more have gone to the replica.
    pub fn cut_after(&self, bytes: i64) {
        self.shared.allowance.store(bytes, Ordering::SeqCst);
    }

    /// Whether the cut that was asked for is still to come.
    pub fn is_armed(&self) -> bool {
        self.shared.allowance.load(Ordering::SeqCst) < i64::MAX / 2
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_gone.store(true, Ordering::SeqCst);
        self.cut();
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn carry(shared: &Arc<Shared>, downstream: TcpStream) {
    let Ok(upstream) = TcpStream::connect(("127.0.0.1", shared.target)) else { return };
    let pair = || Some((downstream.try_clone().ok()?, upstream.try_clone().ok()?));
    let (Some((down, up)), Some((down_again, up_again))) = (pair(), pair()) else { return };
    shared.open.lock().extend([downstream, upstream]);
    let inner = Arc::clone(shared);
    std::thread::spawn(move || to_replica(&inner, up, down));
    std::thread::spawn(move || drop(std::io::copy(&mut &down_again, &mut &up_again)));
}

fn to_replica(shared: &Shared, mut from: TcpStream, mut to: TcpStream) {
    let mut chunk = [0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        let left = shared.allowance.fetch_sub(count as i64, Ordering::SeqCst);
        let allowed = usize::try_from(left).unwrap_or(0).min(count);
        if to.write_all(&chunk[..allowed]).is_err() {
            break;
        }
        if allowed < count {
            shared.allowance.store(i64::MAX, Ordering::SeqCst);
            break;
        }
    }
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}
