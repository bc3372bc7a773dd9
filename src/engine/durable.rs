//! Waiting for writes to be safe: on disk, or on other nodes.
//!
//! WAIT and WAITAOF wait and then tell how safe they are. With `appendfsync always` and
//! `min-replicas-to-ack` every write waits: its reply is kept back, and nothing else of the
//! connection runs meanwhile, until the gate opens or its time is over. Other connections' writes
//! become safe by the same sync and the same acknowledgements.

use smallvec::{SmallVec, smallvec};

use super::session::{DEMOTED, Nudge, Session, UNBLOCKED, Wait as Waiting};
use super::worker::Worker;
use crate::base::Millis;
use crate::commands::{Ctx, Followers, NO_FILE, Report};
use crate::config::Settings;
use crate::config::table::Fsync;
use crate::resp::{Encoder, Mark};
use crate::spec::CmdError;
use crate::state::aof::Phase;
use crate::state::durability::{Durability, Need};
use crate::state::{ClientFlags, Server};

/// What a write whose time is over is answered.
const NOT_ACKNOWLEDGED: &str =
    "NOACK The write was applied here, but not acknowledged by enough replicas in time";

/// A connection's wait.
#[derive(Debug)]
pub(super) struct Wait {
    pub ticket: u64,
    pub deadline: Option<Millis>,
    pub need: Need,
    pub outcome: Outcome,
}

/// How a wait ends.
enum End {
    /// Everything is safe.
    Met,
    /// Nobody waits any longer, safe or not.
    Late,
    Failed(CmdError),
}

/// What becomes of a wait when something has changed.
enum Next {
    Ends(End),
    /// It goes on, for this.
    Needs(Need),
}

/// What happens when the wait is over.
#[derive(Debug)]
pub(super) enum Outcome {
    /// WAIT and WAITAOF: tells how safe the writes are.
    Report(Report),
    /// The replies that were kept back are sent.
    Release(Replies),
}

/// The replies of a group: where each begins in the output, and whether its command wrote.
#[derive(Debug, Default)]
pub(super) struct Replies {
    starts: SmallVec<[(Mark, bool); 1]>,
    end: Option<Mark>,
}

impl Replies {
    /// One reply, of a command that wrote.
    pub(super) fn one(start: Mark) -> Replies {
        Replies { starts: smallvec![(start, true)], end: None }
    }

    /// The last one ends where the output does.
    pub(super) fn up_to(mut self, out: &Encoder) -> Replies {
        self.end = Some(out.mark());
        self
    }

    /// The next command's reply begins here.
    pub(super) fn begin(&mut self, out: &Encoder) {
        self.starts.push((out.mark(), false));
    }

    /// The command that began last has written.
    pub(super) fn wrote(&mut self) {
        if let Some((_, wrote)) = self.starts.last_mut() {
            *wrote = true;
        }
    }

    /// Replaces the replies of those that wrote by an error.
    fn refuse(self, out: &mut Encoder) {
        let mut parts: Vec<(Encoder, bool)> = Vec::new();
        parts.extend(self.end.map(|end| (out.split_off(end), false)));
        for (start, wrote) in self.starts.into_iter().rev() {
            parts.push((out.split_off(start), wrote));
        }
        for (part, wrote) in parts.into_iter().rev() {
            if wrote && !part.is_empty() {
                out.error(NOT_ACKNOWLEDGED);
            } else {
                out.append(part);
            }
        }
    }
}

impl Wait {
    /// Whether output is kept back meanwhile.
    pub(super) fn holds_output(&self) -> bool {
        matches!(self.outcome, Outcome::Release(_))
    }

    /// What is sent when the wait is over.
    fn finish(self, end: End, gate: &Durability, out: &mut Encoder) {
        match (self.outcome, end) {
            (Outcome::Report(_), End::Failed(error)) => out.error(error.wire()),
            (Outcome::Report(report), _) => report.write(out, gate, self.need.reach),
            (Outcome::Release(_), End::Met) => {}
            (Outcome::Release(replies), _) => replies.refuse(out),
        }
    }

    /// This node is a replica from now on. No replica of its own will acknowledge what it wrote;
    /// what waits for the disk alone is written there still.
    fn demoted(&self, error: CmdError) -> Next {
        match self.outcome {
            Outcome::Report(_) => Next::Ends(End::Failed(error)),
            Outcome::Release(_) if self.need.replicas > 0 => Next::Ends(End::Late),
            Outcome::Release(_) => Next::Needs(self.need),
        }
    }

    /// The settings may be others: what they ask for no longer is waited for no longer.
    fn look_again(&self, settings: &Settings, gate: &Durability) -> Next {
        let mut need = self.need;
        match self.outcome {
            Outcome::Report(_) if need.on_disk && !settings.appendonly => {
                return Next::Ends(End::Failed(NO_FILE));
            }
            Outcome::Report(_) => {}
            Outcome::Release(_) => {
                need.on_disk &= settings.appendonly && settings.appendfsync == Fsync::Always;
                need.replicas = need.replicas.min(settings.min_replicas_to_ack as usize);
            }
        }
        if gate.is_met(&need) { Next::Ends(End::Met) } else { Next::Needs(need) }
    }
}

impl Session {
    /// Whether the connection still has to wait for writes to be safe, after `nudge`.
    pub(super) fn is_waiting_for_safety(
        &mut self,
        worker: &mut Worker,
        nudge: Option<Nudge>,
    ) -> bool {
        let Some(Waiting::Durable(wait)) = &mut self.wait else { return false };
        let is_over = wait.deadline.is_some_and(|deadline| deadline <= worker.clock.time().0);
        let gate = &worker.server.durability;
        let next = match nudge {
            Some(Nudge::Safe) => Next::Ends(End::Met),
            Some(Nudge::Unblock(true)) if !wait.holds_output() => {
                Next::Ends(End::Failed(UNBLOCKED))
            }
            Some(Nudge::Unblock(false)) if !wait.holds_output() => Next::Ends(End::Late),
            Some(Nudge::Demoted) => wait.demoted(DEMOTED),
            _ if is_over => Next::Ends(End::Late),
            Some(Nudge::Recheck) => wait.look_again(worker.settings.load(), gate),
            _ => return true,
        };
        let end = match next {
            Next::Ends(end) => end,
            Next::Needs(need) => {
                if need != wait.need {
                    gate.leave(self.client.shared.id, wait.ticket);
                    wait.need = need;
                    gate.enter(need, &self.client.shared, wait.ticket);
                }
                return true;
            }
        };
        self.end_wait_for_safety(worker, end, nudge);
        false
    }

    fn end_wait_for_safety(&mut self, worker: &Worker, end: End, nudge: Option<Nudge>) {
        let Some(Waiting::Durable(wait)) = self.wait.take() else { return };
        let gate = &worker.server.durability;
        if nudge != Some(Nudge::Safe) {
            gate.leave(self.client.shared.id, wait.ticket);
        }
        self.stop_waiting();
        let mark = self.out.mark();
        let reports = !wait.holds_output();
        wait.finish(end, gate, &mut self.out);
        if reports {
            if nudge == Some(Nudge::Demoted) {
                self.client.set(ClientFlags::CLOSE_AFTER_REPLY, true);
            }
            self.drop_unwanted_reply(mark);
        }
    }
}

/// What every write of this node needs before it is answered; `None` if nothing.
#[inline]
pub(super) fn need_of_writes(cx: &Ctx<'_>) -> Option<Need> {
    need_of(cx.followers.contains(Followers::LOGGED), cx.server, cx.settings)
}

/// As [`need_of_writes`]; `logged`: whether somebody wants what they bring about.
#[inline]
pub(super) fn need_of(logged: bool, server: &Server, settings: &Settings) -> Option<Need> {
    let need = Need {
        // While the first base is being written nothing can be made safe.
        on_disk: server.aof.phase() == Phase::On && settings.appendfsync == Fsync::Always,
        replicas: settings.min_replicas_to_ack as usize,
        ..Need::default()
    };
    if !logged || need == Need::default() {
        return None;
    }
    // No replica gets what is kept aside.
    let replicas = if server.log.is_aside() { 0 } else { need.replicas };
    let need = Need { replicas, ..need };
    (need != Need::default()).then_some(need)
}

/// When a write's reply turns into an error.
pub(super) fn deadline(settings: &Settings, need: &Need, now: Millis) -> Option<Millis> {
    let timeout = settings.min_replicas_ack_timeout;
    (need.replicas > 0 && timeout > Millis::ZERO).then(|| Millis(now.0.saturating_add(timeout.0)))
}
