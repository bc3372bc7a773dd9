//! Waiting for keys: what BLPOP and its kin do when there is nothing to take.
//!
//! A blocking command is its plain form with [`Ctx::block`] where that would answer "nothing". When
//! one of its keys has become ready, the same handler is run again for the waiting connection, on
//! the thread of whoever made it ready and before that one's next command; [`Ctx::skips`] then
//! passes over the other keys.

use std::collections::{BTreeSet, VecDeque};

use super::{Args, Ctx, Reply};
use crate::base::Millis;
use crate::base::float::parse_double;
use crate::base::longdouble::LongDouble;
use crate::keyspace::Key;
use crate::resp::OwnedRequest;
use crate::spec::{CmdError, CmdResult};
use crate::state::watches::Name;
use crate::types::Kind;

/// What a connection waits for.
#[derive(Debug)]
pub struct Blocking<'a> {
    /// What a key must hold to be of use.
    pub kind: Kind,
    pub keys: &'a [Key<'a>],
    /// When to give up; `None`: never.
    pub deadline: Option<Millis>,
    /// The reply when the time is over, and at once where nobody may wait.
    pub otherwise: Reply,
    /// What to run instead of the request as it was sent, when its meaning depends on the time it
    /// came (`$`).
    pub request: Option<OwnedRequest>,
    /// The group of a stream's readers that shares what comes.
    pub group: Option<&'a [u8]>,
    /// What to answer when one of the keys is deleted or becomes something else; only who waits for
    /// a group is told of all of that.
    pub if_gone: Option<CmdError>,
}

impl<'a> Blocking<'a> {
    /// Waits for one of `keys` to hold a collection of this kind.
    #[must_use]
    pub fn on(
        kind: Kind,
        keys: &'a [Key<'a>],
        deadline: Option<Millis>,
        otherwise: Reply,
    ) -> Blocking<'a> {
        Blocking { kind, keys, deadline, otherwise, request: None, group: None, if_gone: None }
    }
}

/// A [`Blocking`] on its way from the handler to the engine.
#[derive(Debug)]
pub struct Wanted {
    pub kind: Kind,
    pub names: Vec<Name>,
    pub deadline: Option<Millis>,
    pub otherwise: Reply,
    pub request: Option<OwnedRequest>,
    pub group: Option<Box<[u8]>>,
    pub if_gone: Option<CmdError>,
}

/// Keys that somebody waits for, each once, in the order in which they became ready.
#[derive(Debug, Default)]
pub struct Ready {
    queue: VecDeque<Name>,
    queued: BTreeSet<Name>,
}

impl Ready {
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    #[must_use]
    pub fn first(&self) -> Option<&Name> {
        self.queue.front()
    }

    pub fn add(&mut self, name: Name) {
        if self.queued.insert(name.clone()) {
            self.queue.push_back(name);
        }
    }

    pub fn take_first(&mut self) -> Option<Name> {
        let name = self.queue.pop_front()?;
        self.queued.remove(&name);
        Some(name)
    }

    pub fn extend(&mut self, others: Ready) {
        others.queue.into_iter().for_each(|name| self.add(name));
    }
}

impl Ctx<'_> {
    /// Has the connection wait, or answers that there is nothing where it may not.
    pub fn block(&mut self, what: Blocking<'_>) -> CmdResult<Reply> {
        if !self.may_block {
            return Ok(what.otherwise);
        }
        let mut seen = BTreeSet::new();
        let new = what.keys.iter().filter(|key| seen.insert(key.bytes));
        let names = new.map(|key| (self.db.place(key).db, Box::from(key.bytes))).collect();
        let Blocking { kind, deadline, otherwise, request, group, if_gone, .. } = what;
        let group = group.map(Box::from);
        self.effects.wanted =
            Some(Wanted { kind, names, deadline, otherwise, request, group, if_gone });
        Ok(Reply::Later)
    }

    /// Whether a command that is run again passes over this key: it is not the one that is ready.
    #[must_use]
    pub fn skips(&self, key: &Key<'_>) -> bool {
        self.woken_by.as_ref().is_some_and(|(_, name)| **name != *key.bytes)
    }
}

impl Args<'_> {
    /// The next argument as a timeout in seconds, which may have a fraction: the point in time when
    /// it ends; `None` for 0, which is never.
    ///
    /// # Errors
    /// If it is no number, negative, or beyond all time.
    pub fn deadline(&mut self, now: Millis) -> CmdResult<Option<Millis>> {
        const NO_NUMBER: CmdError = CmdError::text("ERR timeout is not a float or out of range");
        // What no clock can hold is called negative by Redis, too.
        const NEGATIVE: CmdError = CmdError::text("ERR timeout is negative");
        let text = self.bytes()?;
        let Some(seconds) = parse_double(text) else {
            return Err(if LongDouble::parse(text).is_some() { NEGATIVE } else { NO_NUMBER });
        };
        let millis = (seconds * 1000.0).ceil();
        if !(0.0..i64::MAX as f64).contains(&millis) {
            return Err(NEGATIVE);
        }
        Ok((millis > 0.0).then(|| Millis(now.0.saturating_add(millis as u64))))
    }
}
