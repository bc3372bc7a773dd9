//! What a primary answers to SYNC and PSYNC, and what it knows of a replica.

use super::identity::Identity;
use crate::base::{Millis, ReplId};

/// What a replica has said of itself with REPLCONF.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    pub port: u16,
    /// Empty: the address that it connects from.
    pub ip: String,
    /// It takes a full copy of unknown length.
    pub eof: bool,
    /// It takes a new name of the history with `+CONTINUE`.
    pub psync2: bool,
    /// It wants the copy and nothing after it.
    pub rdb_only: bool,
    /// `rdb-filter-only`: which parts of the copy it wants.
    pub filter: Option<Filter>,
    /// Of Valkey, the first number of it; 0 if it has not said so.
    pub version: u32,
    /// It reads whatever form this server writes.
    pub is_redpoll: bool,
}

impl Announced {
    /// Does it want files as Valkey 9 writes them, and read no others that have the same in them?
    #[must_use]
    pub fn is_valkey(&self) -> bool {
        self.version >= 9 && !self.is_redpoll
    }
}

/// Parts of a full copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub functions: bool,
}

/// A connection's request for the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// SYNC, from before there were partial resynchronisations: no line says where the stream
    /// begins, and nothing is acknowledged.
    Legacy,
    /// PSYNC with the name of a history and the next byte wanted. `takes_over`: this node is to be
    /// the primary of whoever asks, which was its own.
    From { id: Option<ReplId>, next: i64, takes_over: bool },
}

/// Where a node stands when it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    pub identity: Identity,
    /// Bytes of the history before the first that is kept; `None` if nothing is kept.
    pub kept_after: Option<u64>,
    /// Bytes of the history.
    pub end: u64,
}

/// How a replica is brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes on after this many bytes.
    Continue { after: u64 },
    /// It gets a full copy.
    Full,
}

/// Decides how to serve `ask`.
#[must_use]
pub fn decide(standing: &Standing, ask: &Ask) -> Decision {
    let (Ask::From { id: Some(id), next, .. }, Some(kept_after)) = (ask, standing.kept_after)
    else {
        return Decision::Full;
    };
    let Ok(next) = u64::try_from(*next) else { return Decision::Full };
    let kept = kept_after + 1..=standing.end + 1;
    if standing.identity.shares(*id, next) && kept.contains(&next) {
        Decision::Continue { after: next - 1 }
    } else {
        Decision::Full
    }
}

/// How far a replica is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waits for a full copy to be begun.
    WaitStart,
    /// A copy is made for it, and on its way if it needs no file.
    WaitEnd,
    /// A file is on its way.
    SendBulk,
    Online,
}

impl Phase {
    /// As INFO shows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Phase::WaitStart | Phase::WaitEnd => "wait_bgsave",
            Phase::SendBulk => "send_bulk",
            Phase::Online => "online",
        }
    }
}

/// A replica as its primary sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    pub ip: String,
    pub port: u16,
    pub phase: Phase,
    /// Only the copy, no stream: not listed.
    pub rdb_only: bool,
    /// Before PSYNC: never acknowledges.
    pub is_legacy: bool,
    /// Bytes it has applied, as far as it has told.
    pub acknowledged: u64,
    /// Bytes that are on its disk.
    pub on_disk: u64,
    pub heard: Millis,
}

impl Replica {
    /// It has told how far it is. Neither goes back.
    pub fn acknowledge(&mut self, now: Millis, applied: u64, on_disk: Option<u64>) {
        self.acknowledged = self.acknowledged.max(applied);
        self.on_disk = self.on_disk.max(on_disk.unwrap_or(0));
        self.heard = now;
    }

    /// Seconds since it was heard of; zero before it is online.
    #[must_use]
    pub fn lag_secs(&self, now: Millis) -> u64 {
        if self.phase == Phase::Online { now.since(self.heard).as_secs() } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    #[test]
    fn whoever_misses_nothing_that_is_gone_may_go_on() {
        let mut rng = Rng::from_seed(3);
        let (id, other) = (ReplId::random(&mut rng), ReplId::random(&mut rng));
        let standing =
            Standing { identity: Identity::of_primary(id), kept_after: Some(100), end: 200 };
        let ask =
            |id, next| decide(&standing, &Ask::From { id: Some(id), next, takes_over: false });
        let go_on = |after| Decision::Continue { after };
        assert_eq!(ask(id, 101), go_on(100));
        assert_eq!(ask(id, 201), go_on(200), "nothing is missing");
        assert_eq!(ask(id, 100), Decision::Full, "the byte is gone");
        assert_eq!(ask(id, 202), Decision::Full, "the byte was never written");
        assert_eq!(ask(other, 150), Decision::Full);
        assert_eq!(ask(id, -1), Decision::Full);
        assert_eq!(decide(&standing, &Ask::Legacy), Decision::Full);
        let nothing_kept = Standing { kept_after: None, ..standing };
        let ask = Ask::From { id: Some(id), next: 201, takes_over: false };
        assert_eq!(decide(&nothing_kept, &ask), Decision::Full);
    }

    #[test]
    fn the_second_name_counts_up_to_the_change() {
        let mut rng = Rng::from_seed(4);
        let (old, new) = (ReplId::random(&mut rng), ReplId::random(&mut rng));
        let mut identity = Identity::of_primary(old);
        identity.shift(new, 150);
        let standing = Standing { identity, kept_after: Some(100), end: 200 };
        let ask = |next| decide(&standing, &Ask::From { id: Some(old), next, takes_over: false });
        assert_eq!(ask(151), Decision::Continue { after: 150 });
        assert_eq!(ask(152), Decision::Full);
    }

    #[test]
    fn acknowledgements_do_not_go_back() {
        let mut replica = Replica {
            ip: String::new(),
            port: 0,
            phase: Phase::Online,
            rdb_only: false,
            is_legacy: false,
            acknowledged: 0,
            on_disk: 0,
            heard: Millis(0),
        };
        replica.acknowledge(Millis(1000), 50, Some(20));
        replica.acknowledge(Millis(3000), 40, None);
        assert_eq!((replica.acknowledged, replica.on_disk), (50, 20));
        assert_eq!(replica.lag_secs(Millis(5000)), 2);
    }
}
