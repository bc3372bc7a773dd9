//! Waiting for writes to be safe: on disk, or on other nodes.
//!
//! WAIT and WAITAOF wait and then tell how safe they are. With `appendfsync always` and
//! `min-replicas-to-ack` every write waits: its reply is kept back, and nothing else of the
//! connection runs meanwhile, until the gate opens or its time is over. Other connections' writes
//! become safe by the same sync and the same acknowledgements.

use smallvec::{SmallVec, smallvec};

use crate::base::Millis;
use crate::commands::{Ctx, Followers, Report};
use crate::config::Settings;
use crate::config::table::Fsync;
use crate::replication::Reach;
use crate::resp::{Encoder, Mark};
use crate::state::Server;
use crate::state::aof::Phase;
use crate::state::durability::{Durability, Need};

/// What a write whose time is over is answered.
const NOT_ACKNOWLEDGED: &str =
    "NOACK The write was applied here, but not acknowledged by enough replicas in time";

/// A connection's wait.
#[derive(Debug)]
pub(super) struct Wait {
    pub ticket: u64,
    pub deadline: Option<Millis>,
    pub reach: Reach,
    pub outcome: Outcome,
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

    /// What is sent when the wait is over; `met`: because everything is safe.
    pub(super) fn finish(self, met: bool, gate: &Durability, out: &mut Encoder) {
        match self.outcome {
            Outcome::Report(report) => report.write(out, gate, self.reach),
            Outcome::Release(replies) if !met => replies.refuse(out),
            Outcome::Release(_) => {}
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
