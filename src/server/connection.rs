//! One connection's task: moves bytes between its socket and its session.

use std::cell::RefCell;
use std::future::Future;
use std::io::IoSlice;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::base::Millis;
use crate::engine::{Progress, Session, Worker};
use crate::resp::OutputQueue;

/// Chunks handed to one gathered write.
const SLICES_MAX: usize = 32;
/// Bytes read ahead of a request that is waiting.
const READ_AHEAD_MAX: usize = 1024 * 1024;

/// Serves one connection until it ends.
pub(super) async fn serve<S>(stream: S, session: Session, worker: Rc<RefCell<Worker>>)
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
        over_soft_limit_since: None,
    };
    std::future::poll_fn(|cx| connection.poll(cx)).await;
    connection.session.client.shared.close_mailbox();
}

struct Connection<S> {
    stream: S,
    session: Session,
    worker: Rc<RefCell<Worker>>,
    queue: OutputQueue,
    /// Bytes or messages have come since the session last ran.
    runnable: bool,
    progress: Progress,
    /// Since when the pending output is above the soft limit.
    over_soft_limit_since: Option<Millis>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Ready when the connection is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            for mail in self.session.client.shared.collect(cx.waker()) {
                self.session.deliver(mail);
                self.runnable = true;
            }
            if self.runnable {
                self.runnable = false;
                let mut worker = self.worker.borrow_mut();
                self.progress = self.session.run(&mut worker);
            }
            if self.session.is_killed() || self.flush(cx).is_err() || self.is_over_output_limit() {
                return Poll::Ready(());
            }
            match self.progress {
                Progress::Closing if self.queue.is_empty() => return Poll::Ready(()),
                Progress::Closing => return Poll::Pending,
                Progress::Yielded => {
                    self.runnable = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Progress::Waiting if self.session.parser().buffered() > READ_AHEAD_MAX => {
                    return Poll::Pending;
                }
                Progress::Waiting | Progress::NeedsInput => {}
            }
            match self.read(cx) {
                Poll::Pending => {
                    self.session.publish_sizes(self.queue.pending());
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

    /// Reads what the socket has into the session's parser; 0 is the end.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let mut spare = self.session.parser().spare();
        debug_assert!(spare.has_remaining_mut(), "the parser always has room");
        pin!(self.stream.read_buf(&mut spare)).poll(cx)
    }

    /// Writes as much of the pending output as the socket takes.
    fn flush(&mut self, cx: &mut Context<'_>) -> std::io::Result<()> {
        self.queue.take_from(self.session.out());
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
        let pending = self.queue.pending() as u64;
        if pending == 0 {
            self.over_soft_limit_since = None;
            return false;
        }
        let mut worker = self.worker.borrow_mut();
        let now = worker.clock.unix(worker.clock.read());
        let limit = worker.settings().client_output_buffer_limit.normal;
        let soft = limit.soft > 0 && pending >= limit.soft;
        let since = soft.then(|| self.over_soft_limit_since.unwrap_or(now));
        self.over_soft_limit_since = since;
        let too_long = since.is_some_and(|since| {
            now.since(since) > Millis::from_secs(u64::from(limit.soft_seconds))
        });
        let over = too_long || (limit.hard > 0 && pending >= limit.hard);
        if over {
            let stats = &worker.server.stats;
            stats.client_output_buffer_limit_disconnections.fetch_add(1, Ordering::Relaxed);
            let client = self.session.client.shared.id;
            tracing::warn!(client, pending, "client closed: output buffer limit");
        }
        over
    }
}
