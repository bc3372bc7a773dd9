//! Waiting for keys: what BLPOP and its kin do when there is nothing to take.
//!
//! A blocking command is its plain form with [`Ctx::block`] where that would answer "nothing". When
//! one of its keys has become ready, the same handler is run again for the waiting connection, on
//! the thread of whoever made it ready and before that one's next command; [`Ctx::skips`] then
//! passes over the other keys.

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
    /// What to answer when one of the keys is deleted or becomes something else.
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
        Blocking { kind, keys, deadline, otherwise, request: None, if_gone: None }
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
    pub if_gone: Option<CmdError>,
}

impl Ctx<'_> {
    /// Has the connection wait, or answers that there is nothing where it may not.
    pub fn block(&mut self, what: Blocking<'_>) -> CmdResult<Reply> {
        if !self.may_block {
            return Ok(what.otherwise);
        }
        let mut names: Vec<Name> = Vec::with_capacity(what.keys.len());
        for key in what.keys {
            let name = (self.db.place(key).db, Box::from(key.bytes));
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let Blocking { kind, deadline, otherwise, request, if_gone, .. } = what;
        self.effects.wanted = Some(Wanted { kind, names, deadline, otherwise, request, if_gone });
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
