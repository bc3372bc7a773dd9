//! One connection's conversation: bytes in, requests run in order, bytes out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::blocking;
use super::durable::{self, Replies};
use super::feed::Feed;
use super::gaps::Gaps;
use super::group;
use super::worker::Worker;
use crate::base::Millis;
use crate::commands::pubsub::write_change;
use crate::replication::Reach;
use crate::resp::{Batch, Encoder, Limits, Parser, ProtocolError};
use crate::spec::CmdError;
use crate::state::pubsub::Medium;
use crate::state::{Client, ClientFlags, Mail, Server};

/// Requests parsed before the first of them runs.
const PARSED_MAX: usize = 256;
/// What who waits in a blocking command is told when nobody will write any more.
pub(super) const UNBLOCKED: CmdError =
    CmdError::text("UNBLOCKED client unblocked via CLIENT UNBLOCK");
pub(super) const DEMOTED: CmdError = CmdError::text(
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
);
/// Requests run before other connections of the worker get their turn.
const TURN_MAX: usize = 1024;

/// Where a session stands when it gives the thread back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Everything received was run.
    NeedsInput,
    /// There is more to run, but it is the others' turn.
    Yielded,
    /// The next request has to wait for a message (see [`Session::deliver`]).
    Waiting,
    /// Write what is pending, then close.
    Closing,
    /// Write what is pending; then the connection gets the replication stream.
    Leaving,
}

/// What the next request waits for.
#[derive(Debug)]
pub(super) enum Wait {
    /// The answer with this ticket.
    Answer(u64),
    /// The end of CLIENT PAUSE.
    Pause,
    /// One of the keys of a blocking command.
    Keys(blocking::Wait),
    /// Writes to be safe.
    Durable(durable::Wait),
}

impl Wait {
    /// Shows that the connection waits, and whether others can end that.
    pub(super) fn show(&self, client: &mut Client) {
        let can_end = match self {
            Wait::Keys(_) => true,
            Wait::Durable(wait) => !wait.holds_output(),
            Wait::Answer(_) | Wait::Pause => false,
        };
        client.set(ClientFlags::UNBLOCKABLE, can_end);
        client.set(ClientFlags::BLOCKED, true);
    }
}

/// Why a wait has to be looked at again, the weightiest last: that must not be forgotten over
/// another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nudge {
    Recheck,
    /// This node has become a replica.
    Demoted,
    /// CLIENT UNBLOCK, with an error when `true`: it has ended the wait already.
    Unblock(bool),
    /// The writes are safe.
    Safe,
}

/// One connection's conversation.
pub struct Session {
    pub client: Client,
    pub(super) parser: Parser,
    pub(super) batch: Batch,
    /// The first request of `batch` that has not run.
    pub(super) next: usize,
    pub(super) out: Encoder,
    pub(super) tickets: u64,
    pub(super) wait: Option<Wait>,
    /// Answers that the output written so far still lacks.
    pub(super) gaps: Gaps,
    /// How far the log has to be safe before these replies are sent.
    pub(super) owed: Option<(Reach, Replies)>,
    /// What is answered later is not wanted.
    pub(super) muted: bool,
    nudge: Option<Nudge>,
    killed: bool,
    /// Only of the link to this node's primary.
    pub(super) feed: Option<Box<Feed>>,
}

impl Session {
    #[must_use]
    pub fn new(client: Client) -> Session {
        let out = Encoder::new(client.proto);
        Session {
            client,
            parser: Parser::new(),
            batch: Batch::new(),
            next: 0,
            out,
            tickets: 0,
            wait: None,
            gaps: Gaps::default(),
            owed: None,
            muted: false,
            nudge: None,
            killed: false,
            feed: None,
        }
    }

    /// Where the socket's bytes go.
    #[inline]
    pub fn parser(&mut self) -> &mut Parser {
        &mut self.parser
    }

    /// What is to be sent.
    #[inline]
    pub fn out(&mut self) -> &mut Encoder {
        &mut self.out
    }

    /// Runs what can be run now.
    pub fn run(&mut self, worker: &mut Worker) -> Progress {
        let mut turn = 0;
        loop {
            let version = worker.server.acl.version();
            if version != self.client.user_version {
                self.look_up_user(worker, version);
            }
            if self.wait.is_none()
                && let Some((reach, replies)) = self.owed.take()
            {
                group::owe(self, worker, reach, replies);
            }
            let leaves = self.client.flags.contains(ClientFlags::CLOSE_AFTER_REPLY);
            if self.killed || (leaves && !self.holds_output()) {
                return Progress::Closing;
            }
            if self.client.sync.is_some() {
                return Progress::Leaving;
            }
            let held = self.holds_output();
            if self.is_waiting(worker) {
                return Progress::Waiting;
            }
            if held && !self.holds_output() && self.has_more() {
                // The next write would keep back what has just been let go.
                return Progress::Yielded;
            }
            if self.next == self.batch.len() && !self.parse(worker) {
                return self.settle();
            }
            if turn >= TURN_MAX {
                return Progress::Yielded;
            }
            turn += group::run(self, worker);
        }
    }

    /// Looks what has become of the connection's user. Whose user is gone, or may no longer listen
    /// to what it listens to, is disconnected, but not before it has the answer it waits for.
    #[cold]
    fn look_up_user(&mut self, worker: &Worker, version: u64) {
        if matches!(self.wait, Some(Wait::Answer(_))) {
            return;
        }
        self.client.user_version = version;
        let Some(own) = &self.client.user else { return };
        let users = worker.server.acl.users();
        match users.get(&own.name).filter(|user| user.id == own.id) {
            Some(user) => self.client.become_user(Arc::clone(user)),
            None => return self.client.set(ClientFlags::CLOSE_AFTER_REPLY, true),
        }
        if !self.client.may_listen_on() {
            tracing::debug!(client = self.client.shared.id, "client closed: channels lost");
            self.client.set(ClientFlags::CLOSE_AFTER_REPLY, true);
        }
    }

    /// Whether something was received that has not been run.
    fn has_more(&mut self) -> bool {
        if self.next < self.batch.len() {
            return true;
        }
        self.parser.consume(&mut self.batch);
        self.next = 0;
        self.parser.buffered() > 0
    }

    /// Parses the next requests; false when there is none to run.
    #[inline]
    fn parse(&mut self, worker: &mut Worker) -> bool {
        self.parser.consume(&mut self.batch);
        self.next = 0;
        let settings = worker.settings();
        let limits = Limits {
            max_bulk_len: settings.proto_max_bulk_len as usize,
            max_query_buffer: match self.feed {
                None => settings.client_query_buffer_limit as usize,
                Some(_) => usize::MAX,
            },
            max_args: settings.proto_max_multibulk_len as usize,
            authenticated: self.client.is_let_in(),
            unauthenticated_args: settings.unauthenticated_max_multibulk_len as usize,
            unauthenticated_bulk_len: settings.unauthenticated_max_bulk_len as usize,
            ..Limits::default()
        };
        match self.parser.parse(&limits, PARSED_MAX, &mut self.batch) {
            Ok(()) => !self.batch.is_empty(),
            Err(error) => {
                self.refuse_stream(worker, error);
                false
            }
        }
    }

    /// The stream cannot be read on: say why, then close.
    fn refuse_stream(&mut self, worker: &Worker, error: ProtocolError) {
        let (client, stats) = (self.client.shared.id, &worker.server.stats);
        match error.reply() {
            Some(reply) => {
                tracing::debug!(client, %error, "protocol error");
                stats.count_error("ERR");
                self.out.raw(&reply);
            }
            None => {
                tracing::warn!(client, %error, "client closed");
                stats.client_query_buffer_limit_disconnections.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.client.set(ClientFlags::CLOSE_AFTER_REPLY, true);
    }

    fn settle(&self) -> Progress {
        if self.client.flags.contains(ClientFlags::CLOSE_AFTER_REPLY) {
            Progress::Closing
        } else {
            Progress::NeedsInput
        }
    }

    /// Takes a message; call [`Session::run`] afterwards.
    pub fn deliver(&mut self, mail: Mail) {
        match mail {
            Mail::Answer { ticket, answer } if self.awaits_answer(ticket) => {
                self.stop_waiting();
                let mark = self.out.mark();
                match answer {
                    Ok(value) => self.out.value(&value),
                    Err(error) => self.out.error(error.wire()),
                }
                self.drop_unwanted_reply(mark);
                self.wait = self.gaps.close(&mut self.out).map(Wait::Answer);
                if let Some(wait) = &self.wait {
                    wait.show(&mut self.client);
                }
            }
            Mail::Served { ticket, reply, logged_to } if self.awaits_keys(ticket) => {
                self.stop_waiting();
                let mark = self.out.mark();
                self.out.raw_shared(reply);
                self.drop_unwanted_reply(mark);
                self.client.logged_to = self.client.logged_to.and(logged_to);
                self.owed = logged_to.map(|reach| (reach, Replies::one(mark)));
            }
            Mail::Durable { ticket } if self.awaits_safety(ticket) => {
                self.nudge(Nudge::Safe);
            }
            Mail::Unblock { ticket, with_error }
                if self.awaits_keys(ticket) || self.awaits_safety(ticket) =>
            {
                self.nudge(Nudge::Unblock(with_error));
            }
            Mail::Durable { ticket }
            | Mail::Served { ticket, .. }
            | Mail::Unblock { ticket, .. }
            | Mail::Answer { ticket, .. } => {
                tracing::debug!(ticket, "answer came after the connection stopped waiting");
            }
            Mail::Push(value) => self.gaps.end(&mut self.out).value(&value),
            Mail::Wake => {
                if matches!(self.wait, Some(Wait::Pause)) {
                    self.stop_waiting();
                }
            }
            // Looked at when the session runs.
            Mail::UserChanged => {}
            Mail::ShardChannelGone(channel) => self.lose_shard_channel(&channel),
            Mail::Kill => self.killed = true,
            Mail::Demoted => self.nudge(Nudge::Demoted),
            Mail::Recheck => self.nudge(Nudge::Recheck),
        }
    }

    fn nudge(&mut self, nudge: Nudge) {
        self.nudge = self.nudge.max(Some(nudge));
    }

    /// Somebody may have been missed when the change of the cluster was told.
    #[cold]
    pub(super) fn view_changed(&mut self, server: &Server) {
        if matches!(self.wait, Some(Wait::Keys(_))) {
            self.nudge(Nudge::Recheck);
        }
        if let Some(view) = &server.cluster
            && self.client.subscriptions.count(Medium::ShardChannel) > 0
        {
            server.pubsub.drop_shard_channels(&view.load());
        }
    }

    fn awaits_answer(&self, expected: u64) -> bool {
        matches!(self.wait, Some(Wait::Answer(ticket)) if ticket == expected)
    }

    fn awaits_keys(&self, ticket: u64) -> bool {
        matches!(&self.wait, Some(Wait::Keys(wait)) if wait.waiter.ticket == ticket)
    }

    fn awaits_safety(&self, ticket: u64) -> bool {
        matches!(&self.wait, Some(Wait::Durable(wait)) if wait.ticket == ticket)
    }

    /// Whether output is kept back: until writes are safe, or a reply is whole.
    #[must_use]
    pub fn holds_output(&self) -> bool {
        let unsafe_yet = matches!(&self.wait, Some(Wait::Durable(wait)) if wait.holds_output());
        unsafe_yet || self.gaps.are_open()
    }

    /// Whether the wait is for what this node does by itself, and will be answered soon: also to
    /// those who send no more.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        matches!(self.wait, Some(Wait::Answer(_))) || self.holds_output()
    }

    pub(super) fn stop_waiting(&mut self) {
        self.wait = None;
        self.client.set(ClientFlags::BLOCKED.union(ClientFlags::UNBLOCKABLE), false);
    }

    /// When the wait ends whatever happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        match &self.wait {
            Some(Wait::Keys(wait)) => wait.deadline,
            Some(Wait::Durable(wait)) => wait.deadline,
            _ => None,
        }
    }

    /// Whether the next request still has to wait, after whatever may end that.
    fn is_waiting(&mut self, worker: &mut Worker) -> bool {
        let nudge = self.nudge.take();
        if let Some(Wait::Durable(_)) = &self.wait {
            return self.is_waiting_for_safety(worker, nudge);
        }
        let Some(Wait::Keys(wait)) = &self.wait else {
            return self.wait.is_some();
        };
        let is_over = wait.deadline.is_some_and(|deadline| deadline <= worker.clock.time().0);
        let outcome = match nudge {
            Some(Nudge::Unblock(true)) => Err(UNBLOCKED),
            Some(Nudge::Demoted) => Err(DEMOTED),
            Some(Nudge::Unblock(false)) => Ok(wait.otherwise),
            _ if is_over => Ok(wait.otherwise),
            Some(Nudge::Recheck | Nudge::Safe) => {
                blocking::recheck(worker, &wait.waiter);
                return true;
            }
            None => return true,
        };
        // Somebody else was quicker: its outcome is in the mail.
        let unblocked = matches!(nudge, Some(Nudge::Unblock(_)));
        if !unblocked && !wait.give_up(&worker.server) {
            return true;
        }
        self.stop_waiting();
        let closes = matches!(nudge, Some(Nudge::Demoted));
        self.client.set(ClientFlags::CLOSE_AFTER_REPLY, closes);
        let mark = self.out.mark();
        match outcome {
            Ok(reply) => reply.encode(&mut self.out),
            Err(error) => self.out.error(error.wire()),
        }
        self.drop_unwanted_reply(mark);
        false
    }

    fn lose_shard_channel(&mut self, channel: &[u8]) {
        let own = &mut self.client.subscriptions;
        if own.forget_shard_channel(channel) {
            let out = self.gaps.end(&mut self.out);
            write_change(out, (Medium::ShardChannel, false), Some(channel), own);
            let listens = !own.is_empty();
            self.client.set(ClientFlags::SUBSCRIBED, listens);
            self.client.publish_subscriptions();
        }
    }

    /// Takes the connection out of everything that knows of it. Nothing runs any more.
    pub fn end(&mut self, server: &Server) {
        match self.wait.take() {
            Some(Wait::Keys(wait)) => drop(wait.give_up(server)),
            Some(Wait::Durable(wait)) => {
                server.durability.leave(self.client.shared.id, wait.ticket);
            }
            _ => {}
        }
        server.watches.remove(&self.client.watching);
        server.pubsub.leave(&mut self.client.subscriptions, &self.client.shared);
        server.monitors.remove(self.client.shared.id);
        server.tracking.stop(&mut self.client);
    }

    /// CLIENT REPLY OFF and SKIP: forgets what a command wrote since `mark`.
    #[inline]
    pub(super) fn drop_unwanted_reply(&mut self, mark: crate::resp::Mark) {
        if self.muted {
            self.out.rewind(mark);
        }
    }

    /// Whether the connection was told to close without writing what is pending.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.killed
    }

    /// Hands buffer sizes to those who list connections.
    pub fn publish_sizes(&self, output_bytes: usize) {
        let shared = &self.client.shared;
        shared.query_bytes.store(self.parser.buffered() as u64, Ordering::Relaxed);
        shared.query_capacity.store(self.parser.capacity() as u64, Ordering::Relaxed);
        shared.output_bytes.store(output_bytes as u64, Ordering::Relaxed);
    }
}
