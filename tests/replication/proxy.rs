//! A small proxy between a replica and its primary: links are cut with it, at once or after a
//! number of bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use support::{free_port, until};

/// Bytes carried at a time: cuts fall anywhere.
const CHUNK: usize = 4096;
/// A test that has not let go by then has failed.
const HOLD_MAX: Duration = Duration::from_secs(120);

struct Shared {
    target: u16,
    open: Mutex<Vec<TcpStream>>,
    /// What may still go to the replica before the link is cut.
    allowance: AtomicI64,
    /// The link is held up then, not cut.
    holds: AtomicBool,
    is_holding: AtomicBool,
    /// How often links were cut by hand.
    cuts: AtomicU64,
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
            holds: AtomicBool::new(false),
            is_holding: AtomicBool::new(false),
            cuts: AtomicU64::new(0),
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
        self.shared.cuts.fetch_add(1, Ordering::SeqCst);
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

    /// Has the link held up, once, when `bytes` more have gone to the replica, until
    /// [`Proxy::release`] or a cut.
    pub fn hold_after(&self, bytes: i64) {
        self.shared.holds.store(true, Ordering::SeqCst);
        self.cut_after(bytes);
    }

    /// Whether a link is held up.
    pub fn is_holding(&self) -> bool {
        self.shared.is_holding.load(Ordering::SeqCst)
    }

    /// Lets go on what is held up, or would be.
    pub fn release(&self) {
        self.shared.allowance.store(i64::MAX, Ordering::SeqCst);
        self.shared.holds.store(false, Ordering::SeqCst);
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

/// Waits until the link is released; false if it was cut.
fn hold(shared: &Shared) -> bool {
    let cuts = shared.cuts.load(Ordering::SeqCst);
    let is_cut = || shared.cuts.load(Ordering::SeqCst) != cuts;
    shared.is_holding.store(true, Ordering::SeqCst);
    until(HOLD_MAX, || !shared.holds.load(Ordering::SeqCst) || is_cut());
    shared.holds.store(false, Ordering::SeqCst);
    shared.is_holding.store(false, Ordering::SeqCst);
    !is_cut()
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
            if !shared.holds.load(Ordering::SeqCst) || !hold(shared) {
                break;
            }
            if to.write_all(&chunk[allowed..count]).is_err() {
                break;
            }
        }
    }
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}
