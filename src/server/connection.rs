//! One connection's task: moves bytes between its socket and its session.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::io::IoSlice;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::Sleep;

use crate::base::Millis;
use crate::engine::{Progress, Session, Worker};
use crate::resp::OutputQueue;
use crate::state::{ClientFlags, Mail};

/// Chunks handed to one gathered write.
const SLICES_MAX: usize = 32;
/// Bytes read ahead of a request that is waiting.
const READ_AHEAD_MAX: usize = 1024 * 1024;
/// Pending output that others are told of at once.
const LARGE_OUTPUT: usize = 64 * 1024;
/// The longest a timer is set for; a wait that is longer looks at the clock in between.
const ALARM_MAX: Duration = Duration::from_secs(3600);

/// Serves one connection until it ends, or until it is to get the replication stream: then it is
/// given back.
pub(super) async fn serve<S>(
    stream: S,
    session: Session,
    worker: Rc<RefCell<Worker>>,
) -> Option<(S, Session)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection {
        stream,
        session,
        worker,
        queue: OutputQueue::new(),
        runnable: false,
        progress: Progress::NeedsInput,
        put_off: false,
        released: false,
        mail: VecDeque::new(),
        ended: false,
        over_soft_limit_since: None,
        alarm: None,
    };
    std::future::poll_fn(|cx| connection.poll(cx)).await;
    let server = Arc::clone(&connection.worker.borrow().server);
    connection.session.end(&server);
    if connection.progress == Progress::Leaving && !connection.session.is_killed() {
        return Some((connection.stream, connection.session));
    }
    connection.session.client.shared.close_mailbox();
    None
}

struct Connection<S> {
    stream: S,
    session: Session,
    worker: Rc<RefCell<Worker>>,
    queue: OutputQueue,
    /// Bytes or messages have come since the session last ran.
    runnable: bool,
    progress: Progress,
    /// There are replies to write in the next turn.
    put_off: bool,
    /// Replies that had been kept back have just been let go: for all connections at once, so
    /// that there is no need to put them off.
    released: bool,
    /// Messages on their way to the session.
    mail: VecDeque<Mail>,
    /// The other end sends no more, but is owed an answer.
    ended: bool,
    /// Since when the pending output is above the soft limit.
    over_soft_limit_since: Option<Millis>,
    /// Rings when the wait is over, with the time it is set to.
    alarm: Option<(Millis, Pin<Box<Sleep>>)>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Ready when the connection is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.released = false;
            self.session.client.shared.collect(cx.waker(), &mut self.mail);
            while let Some(mail) = self.mail.pop_front() {
                self.released |= self.session.holds_output();
                self.session.deliver(mail);
                self.runnable = true;
            }
            if self.runnable {
                self.runnable = false;
                if self.worker.borrow().server.keyspace.meter().is_on() {
                    self.publish_sizes(); // what was read is memory that others must know of
                }
                let mut worker = self.worker.borrow_mut();
                self.progress = self.session.run(&mut worker);
                drop(worker);
                if self.puts_off(cx) {
                    return Poll::Pending;
                }
            }
            if self.session.is_killed() || self.flush(cx).is_err() || self.is_over_output_limit() {
                return Poll::Ready(());
            }
            if self.progress == Progress::Waiting && self.alarm_rings(cx) {
                self.runnable = true;
                continue;
            }
            if self.queue.pending() >= LARGE_OUTPUT {
                self.publish_sizes();
            }
            match self.progress {
                Progress::Closing if self.queue.is_empty() => return Poll::Ready(()),
                Progress::Leaving if self.queue.is_empty() => return Poll::Ready(()),
                Progress::Closing | Progress::Leaving => return Poll::Pending,
                Progress::Yielded => {
                    self.runnable = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Progress::Waiting if self.session.parser().buffered() > READ_AHEAD_MAX => {
                    return Poll::Pending;
                }
                Progress::Waiting if self.ended && self.session.is_owed() => {
                    return Poll::Pending;
                }
                Progress::Waiting | Progress::NeedsInput => {}
            }
            match self.read(cx) {
                Poll::Pending => {
                    self.publish_sizes();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0)) if self.session.is_owed() => {
                    self.ended = true;
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(read)) => {
                    let worker = self.worker.borrow();
                    let stats = worker.server.stats.worker(worker.index);
                    stats.reads.add(1);
                    stats.net_in_bytes.add(read as u64);
                    self.runnable = self.progress != Progress::Waiting;
                }
            }
        }
    }

    /// Whether replies that have just been made are to be written a turn later: when all
    /// connections that had something to read have run. The writes then follow each other at once,
    /// and a client with several connections is woken for the first, not for every one.
    fn puts_off(&mut self, cx: &Context<'_>) -> bool {
        let news = !self.session.out().is_empty() && self.queue.is_empty();
        let waits = self.released || self.session.holds_output();
        self.put_off = news && !waits && !self.put_off;
        if self.put_off {
            cx.waker().wake_by_ref();
        }
        self.put_off
    }

    /// Whether the session's wait is over; otherwise the task is woken when it is.
    fn alarm_rings(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.session.deadline() else {
            self.alarm = None;
            return false;
        };
        if self.alarm.as_ref().is_none_or(|(at, _)| *at != deadline) {
            let (now, _) = self.worker.borrow().clock.time();
            let left = deadline.since(now).to_duration().min(ALARM_MAX);
            self.alarm = Some((deadline, Box::pin(tokio::time::sleep(left))));
        }
        let rings =
            self.alarm.as_mut().is_some_and(|(_, sleep)| sleep.as_mut().poll(cx).is_ready());
        if rings {
            self.alarm = None;
        }
        rings
    }

    /// Lets others know how much the connection takes, and sees to it that all together do not take
    /// too much.
    fn publish_sizes(&self) {
        self.session.publish_sizes(self.queue.pending());
        self.worker.borrow_mut().weigh(&self.session.client.shared);
    }

    /// Reads what the socket has into the session's parser; 0 is the end.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let mut spare = self.session.parser().spare();
        debug_assert!(spare.has_remaining_mut(), "the parser always has room");
        pin!(self.stream.read_buf(&mut spare)).poll(cx)
    }

    /// Writes as much of the pending output as the socket takes.
    fn flush(&mut self, cx: &mut Context<'_>) -> std::io::Result<()> {
        self.put_off = false;
        if !self.session.holds_output() {
            self.queue.take_from(self.session.out());
        }
        let (mut written, mut writes) = (0, 0);
        while !self.queue.is_empty() {
            match self.write(cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => return Err(std::io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    self.queue.advance(count);
                    written += count;
                    writes += 1;
                }
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        if written > 0 {
            let worker = self.worker.borrow();
            let stats = worker.server.stats.worker(worker.index);
            stats.writes.add(writes);
            stats.net_out_bytes.add(written as u64);
        }
        Ok(())
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        let first = self.queue.first();
        if first.len() == self.queue.pending() {
            return stream.poll_write(cx, first);
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let used = self.queue.slices(&mut slices);
        let count = ready!(stream.poll_write_vectored(cx, &slices[..used]))?;
        Poll::Ready(Ok(count))
    }

    /// `client-output-buffer-limit`: at once above the hard limit, after a while above the soft
    /// one.
    fn is_over_output_limit(&mut self) -> bool {
        let pending = (self.queue.pending() + self.session.out().len()) as u64;
        if pending == 0 {
            self.over_soft_limit_since = None;
            return false;
        }
        let mut worker = self.worker.borrow_mut();
        let limits = worker.settings().client_output_buffer_limit;
        let listens = self.session.client.flags.contains(ClientFlags::SUBSCRIBED);
        let limit = if listens { limits.pubsub } else { limits.normal };
        let soft = limit.soft > 0 && pending >= limit.soft;
        let hard = limit.hard > 0 && pending >= limit.hard;
        if !soft && !hard {
            self.over_soft_limit_since = None;
            return false;
        }
        let now = worker.clock.unix(worker.clock.read());
        let since = soft.then(|| self.over_soft_limit_since.unwrap_or(now));
        self.over_soft_limit_since = since;
        let too_long = since.is_some_and(|since| {
            now.since(since) > Millis::from_secs(u64::from(limit.soft_seconds))
        });
        let over = too_long || hard;
        if over {
            let stats = &worker.server.stats;
            stats.client_output_buffer_limit_disconnections.fetch_add(1, Ordering::Relaxed);
            let client = self.session.client.shared.id;
            tracing::warn!(client, pending, "client closed: output buffer limit");
        }
        over
    }
}
