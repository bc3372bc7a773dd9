//! One connection: the part only its own thread touches, and the part that others may read or write
//! to.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::Waker;

use bitflags::bitflags;
use bytes::Bytes;
use parking_lot::Mutex;

use super::pubsub::{Medium, Subscriptions};
use super::transaction::Transaction;
use super::watches::Watching;
use crate::acl::{DEFAULT_USER, User};
use crate::base::Millis;
use crate::config::Caller;
use crate::replication::{Announced, Ask, Reach};
use crate::resp::{Proto, Value};
use crate::spec::CmdError;

bitflags! {
    /// What a connection is and has asked for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ClientFlags: u32 {
        /// READONLY: reads may be served from a replica.
        const READONLY = 1 << 0;
        /// The command now running may touch an importing slot.
        const ASKING = 1 << 1;
        /// CLIENT REPLY OFF.
        const REPLY_OFF = 1 << 2;
        /// CLIENT REPLY SKIP: the reply of the next command is dropped.
        const REPLY_SKIP_NEXT = 1 << 3;
        /// The reply of the command now running is dropped.
        const REPLY_SKIP = 1 << 4;
        /// CLIENT NO-EVICT ON.
        const NO_EVICT = 1 << 5;
        /// CLIENT NO-TOUCH ON: reads do not refresh LRU and LFU.
        const NO_TOUCH = 1 << 6;
        /// Close once the pending output is written; nothing more is executed.
        const CLOSE_AFTER_REPLY = 1 << 7;
        /// Connected through the Unix socket.
        const UNIX_SOCKET = 1 << 8;
        /// Waiting for something before its next command may run.
        const BLOCKED = 1 << 9;
        /// Inside MULTI; [`Client::transaction`] has what is queued.
        const MULTI = 1 << 10;
        /// Has a channel or pattern subscription.
        const SUBSCRIBED = 1 << 11;
        /// Runs MONITOR.
        const MONITOR = 1 << 12;
        /// Waits in a blocking command, which CLIENT UNBLOCK can end.
        const UNBLOCKABLE = 1 << 13;
        /// ASKING: the next command may touch an importing slot.
        const ASKING_NEXT = 1 << 14;
        /// Its user may not do everything.
        const LIMITED = 1 << 15;
        /// Gets the replication stream.
        const REPLICA = 1 << 20;
        /// Brings the replication stream: the link to this node's primary.
        const PRIMARY = 1 << 21;
        /// CLIENT TRACKING ON, with its options.
        const TRACKING = 1 << 16;
        const BROADCAST = 1 << 17;
        const OPT_IN = 1 << 18;
        const OPT_OUT = 1 << 19;
        const NO_LOOP = 1 << 22;
        /// CLIENT CACHING: the command now running is the exception.
        const CACHING = 1 << 23;
        /// CLIENT CACHING: the next command is the exception.
        const CACHING_NEXT = 1 << 24;
    }
}

/// What the connection's own thread knows of it.
#[derive(Debug)]
pub struct Client {
    pub shared: Arc<ClientShared>,
    pub db: u8,
    pub proto: Proto,
    /// Has logged in, or was let in without.
    pub authenticated: bool,
    /// Whose connection it is; `None` for one that nothing is forbidden to.
    pub user: Option<Arc<User>>,
    /// The version of the table of users that `user` was looked up in.
    pub user_version: u64,
    pub flags: ClientFlags,
    /// Where the log ended after this connection's latest write.
    pub logged_to: Reach,
    /// What MULTI has queued.
    pub transaction: Transaction,
    /// What WATCH watches.
    pub watching: Watching,
    pub subscriptions: Subscriptions,
    /// What REPLCONF has said.
    pub announced: Box<Announced>,
    /// What SYNC or PSYNC has asked for: the connection is to leave its session.
    pub sync: Option<Ask>,
    /// The primary wants to hear how far this node is: so far.
    pub acknowledge: Option<u64>,
    /// Whose changed keys CLIENT TRACKING tells of in broadcasting mode.
    pub prefixes: BTreeSet<Box<[u8]>>,
}

impl Client {
    #[must_use]
    pub fn new(shared: Arc<ClientShared>, authenticated: bool) -> Client {
        let flags = ClientFlags::from_bits_truncate(shared.flags.load(Ordering::Relaxed));
        Client {
            shared,
            db: 0,
            proto: Proto::Resp2,
            authenticated,
            user: None,
            user_version: 0,
            flags,
            logged_to: Reach::default(),
            transaction: Transaction::default(),
            watching: Watching::default(),
            subscriptions: Subscriptions::default(),
            announced: Box::default(),
            sync: None,
            acknowledge: None,
            prefixes: BTreeSet::new(),
        }
    }

    /// A stand-in for a connection of another thread, while a command is run for it here.
    #[must_use]
    pub fn guest(shared: Arc<ClientShared>, db: u8, proto: Proto) -> Client {
        Client { db, proto, ..Client::new(shared, true) }
    }

    /// A connection that has not logged in: it is the default user's.
    pub fn log_out(&mut self, default: &Arc<User>) {
        self.authenticated = default.is_open();
        self.become_user(Arc::clone(default));
    }

    /// Makes it the connection of a user, or of what has become of its user.
    pub fn become_user(&mut self, user: Arc<User>) {
        self.set(ClientFlags::LIMITED, !user.is_unrestricted());
        self.shared.details.lock().user = user.name.to_vec();
        self.user = Some(user);
    }

    /// Whether it may send what needs a login. The default user may have lost its password since
    /// it came.
    #[must_use]
    pub fn is_let_in(&self) -> bool {
        self.authenticated || self.user.as_ref().is_some_and(|user| user.is_open())
    }

    /// Whether its user may still listen to all that it listens to.
    #[must_use]
    pub fn may_listen_on(&self) -> bool {
        let Some(user) = &self.user else { return true };
        [Medium::Channel, Medium::Pattern, Medium::ShardChannel].into_iter().all(|medium| {
            let is_pattern = medium == Medium::Pattern;
            self.subscriptions.of(medium).iter().all(|name| user.allows_channel(name, is_pattern))
        })
    }

    /// Whether RESP2 lets it do nothing but manage its subscriptions.
    #[must_use]
    pub fn only_listens(&self) -> bool {
        self.flags.contains(ClientFlags::SUBSCRIBED) && self.proto == Proto::Resp2
    }

    /// How protected settings and commands see this connection.
    #[must_use]
    pub fn caller(&self) -> Caller {
        if self.shared.loopback { Caller::Local } else { Caller::Remote }
    }

    /// Sets or clears `flag`, also where other threads look.
    pub fn set(&mut self, flag: ClientFlags, on: bool) {
        self.flags.set(flag, on);
        self.shared.flags.store(self.flags.bits(), Ordering::Relaxed);
    }

    /// Ends MULTI; what it has queued.
    pub fn take_transaction(&mut self) -> Transaction {
        self.set(ClientFlags::MULTI, false);
        let transaction = std::mem::take(&mut self.transaction);
        self.publish_queue();
        transaction
    }

    /// Shows other threads how much MULTI has queued.
    pub fn publish_queue(&self) {
        let (queued, bytes) = (self.transaction.queued.len(), self.transaction.heap_bytes());
        self.shared.queued.store(queued as u64, Ordering::Relaxed);
        self.shared.queued_bytes.store(bytes as u64, Ordering::Relaxed);
    }

    /// Whether what a command that runs now says is not wanted.
    #[must_use]
    pub fn is_muted(&self) -> bool {
        self.flags.intersects(ClientFlags::REPLY_OFF.union(ClientFlags::REPLY_SKIP))
    }

    /// Shows other threads how many subscriptions there are.
    pub fn publish_subscriptions(&self) {
        let count = |medium| self.subscriptions.of(medium).len();
        self.shared.details.lock().subscriptions =
            [Medium::Channel, Medium::Pattern, Medium::ShardChannel].map(count);
    }

    /// Switches to database `db`.
    pub fn select(&mut self, db: u8) {
        self.db = db;
        self.shared.details.lock().db = db;
    }

    /// Switches the protocol of the replies to come.
    pub fn speak(&mut self, proto: Proto) {
        self.proto = proto;
        self.shared.details.lock().proto = proto;
    }
}

/// What other threads may see of a connection, and the box in which they leave messages for it.
#[derive(Debug)]
pub struct ClientShared {
    pub id: u64,
    /// `ip:port` of the other end, or the Unix socket's path with port 0.
    pub peer: String,
    /// `ip:port` of this end.
    pub local: String,
    pub fd: i32,
    pub worker: usize,
    /// The other end is on this machine.
    pub loopback: bool,
    pub created: Millis,
    pub last_active: AtomicU64,
    /// Number of the latest command in the command table.
    pub last_command: AtomicU32,
    pub flags: AtomicU32,
    pub query_bytes: AtomicU64,
    pub query_capacity: AtomicU64,
    pub output_bytes: AtomicU64,
    pub output_chunks: AtomicU64,
    /// Requests queued since MULTI, and their bytes.
    pub queued: AtomicU64,
    pub queued_bytes: AtomicU64,
    /// CLIENT TRACKING: the connection that is told instead, 0 for none, and whether that was found
    /// to be gone.
    pub redirect: AtomicU64,
    pub redirect_broken: AtomicBool,
    /// What the registry has counted for it, unless it is no longer counted.
    pub(super) weight: AtomicU64,
    pub(super) disowned: AtomicBool,
    pub details: Mutex<ClientDetails>,
    /// No mail has come since the box was emptied and its waker registered.
    quiet: AtomicBool,
    mailbox: Mutex<Mailbox>,
}

/// Messages that an empty mailbox keeps room for.
const MAIL_KEPT: usize = 4;

/// Details that change rarely.
#[derive(Clone, Debug)]
pub struct ClientDetails {
    pub name: Vec<u8>,
    pub user: Vec<u8>,
    pub db: u8,
    pub proto: Proto,
    pub lib_name: Vec<u8>,
    pub lib_version: Vec<u8>,
    /// Channels, patterns and shard channels subscribed to.
    pub subscriptions: [usize; 3],
}

/// A message for a connection.
#[derive(Debug)]
pub enum Mail {
    /// The answer to what the connection is waiting for; `ticket` tells it from a late one.
    Answer { ticket: u64, answer: Result<Value, CmdError> },
    /// Out-of-band data: pub/sub messages, invalidations.
    Push(Arc<Value>),
    /// A blocking command was served: its reply, encoded in the connection's protocol, and where
    /// the log ends that has what the command brought about.
    Served { ticket: u64, reply: Bytes, logged_to: Option<Reach> },
    /// The writes that the connection waits for are safe.
    Durable { ticket: u64 },
    /// The connection's user has changed, or is gone: look again.
    UserChanged,
    /// CLIENT PAUSE has ended.
    Wake,
    /// What a blocking command waits for may be served elsewhere or be gone: look again.
    Recheck,
    /// A shard channel it had subscribed to is no longer served here.
    ShardChannelGone(Bytes),
    /// Close now.
    Kill,
    /// This node is a replica now: nobody may wait for keys to be written.
    Demoted,
    /// What had this ticket is over: CLIENT UNBLOCK, perhaps with an error.
    Unblock { ticket: u64, with_error: bool },
}

#[derive(Debug, Default)]
struct Mailbox {
    mail: VecDeque<Mail>,
    waker: Option<Waker>,
    closed: bool,
}

/// Where a connection comes from, and which thread has it.
#[derive(Clone, Debug)]
pub struct Origin {
    pub peer: String,
    pub local: String,
    pub fd: i32,
    pub worker: usize,
    pub unix_socket: bool,
    /// The other end is on this machine.
    pub loopback: bool,
}

impl Origin {
    /// Of a session that has no socket.
    #[must_use]
    pub fn here() -> Origin {
        Origin {
            peer: String::new(),
            local: String::new(),
            fd: -1,
            worker: 0,
            unix_socket: false,
            loopback: true,
        }
    }
}

impl ClientShared {
    #[must_use]
    pub fn new(id: u64, origin: Origin, now: Millis) -> ClientShared {
        let mut flags = ClientFlags::empty();
        flags.set(ClientFlags::UNIX_SOCKET, origin.unix_socket);
        let details = ClientDetails {
            name: Vec::new(),
            user: DEFAULT_USER.to_vec(),
            db: 0,
            proto: Proto::Resp2,
            lib_name: Vec::new(),
            lib_version: Vec::new(),
            subscriptions: [0; 3],
        };
        ClientShared {
            id,
            peer: origin.peer,
            local: origin.local,
            fd: origin.fd,
            worker: origin.worker,
            loopback: origin.loopback,
            created: now,
            last_active: AtomicU64::new(now.0),
            last_command: AtomicU32::new(u32::MAX),
            flags: AtomicU32::new(flags.bits()),
            query_bytes: AtomicU64::new(0),
            query_capacity: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            output_chunks: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            queued_bytes: AtomicU64::new(0),
            redirect: AtomicU64::new(0),
            redirect_broken: AtomicBool::new(false),
            weight: AtomicU64::new(0),
            disowned: AtomicBool::new(false),
            details: Mutex::new(details),
            quiet: AtomicBool::new(false),
            mailbox: Mutex::default(),
        }
    }

    /// Bytes that the connection takes, as of what it last published: buffers, what MULTI has
    /// queued, itself.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let parts = [&self.query_capacity, &self.output_bytes, &self.queued_bytes];
        let buffers: u64 = parts.iter().map(|part| part.load(Ordering::Relaxed)).sum();
        buffers + size_of::<ClientShared>() as u64
    }

    /// The connection that hears of changed keys in its place; 0 for none, -1 if it does not track.
    #[must_use]
    pub fn redirects_to(&self) -> i64 {
        match self.flags().contains(ClientFlags::TRACKING) {
            true => self.redirect.load(Ordering::Relaxed) as i64,
            false => -1,
        }
    }

    #[must_use]
    pub fn flags(&self) -> ClientFlags {
        ClientFlags::from_bits_truncate(self.flags.load(Ordering::Relaxed))
    }

    /// Leaves a message and wakes the connection's task; a closed connection drops it.
    pub fn post(&self, mail: Mail) {
        let waker = {
            let mut mailbox = self.mailbox.lock();
            if mailbox.closed {
                return;
            }
            mailbox.mail.push_back(mail);
            self.quiet.store(false, Ordering::Release);
            mailbox.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Moves the messages that have arrived into `mail`, which is empty, and has `waker` woken by
    /// the next one.
    ///
    /// Without mail this is one load: the connection's task has one waker for life, so what was
    /// registered once need not be compared again.
    pub fn collect(&self, waker: &Waker, mail: &mut VecDeque<Mail>) {
        if self.quiet.load(Ordering::Acquire) {
            return;
        }
        let mut mailbox = self.mailbox.lock();
        mailbox.waker = Some(waker.clone());
        self.quiet.store(true, Ordering::Release);
        // Two buffers take turns, so that a message needs no allocation.
        std::mem::swap(&mut mailbox.mail, mail);
        mailbox.mail.shrink_to(MAIL_KEPT);
    }

    /// Takes the pushes that have arrived, and leaves other mail.
    #[must_use]
    pub fn take_pushes(&self) -> Vec<Arc<Value>> {
        if self.quiet.load(Ordering::Acquire) {
            return Vec::new();
        }
        let (mut pushes, mut rest) = (Vec::new(), VecDeque::new());
        let mut mailbox = self.mailbox.lock();
        for mail in mailbox.mail.drain(..) {
            match mail {
                Mail::Push(value) => pushes.push(value),
                other => rest.push_back(other),
            }
        }
        mailbox.mail = rest;
        pushes
    }

    /// No message will be read any more.
    pub fn close_mailbox(&self) {
        let mut mailbox = self.mailbox.lock();
        mailbox.closed = true;
        mailbox.waker = None;
        mailbox.mail.clear();
    }
}
