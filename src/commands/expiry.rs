//! When a key expires, as clients say it: the options of SET and GETEX, the arguments of SETEX and
//! of the EXPIRE family, all with one arithmetic.
//!
//! Whatever a client says becomes a point in Unix time here, at once, so that replicas and the
//! append-only file agree with the primary however late they hear of it.

use super::Args;
use crate::base::Millis;
use crate::base::number::parse_i64;
use crate::spec::{CmdError, CmdResult};

/// How a number is to be read as a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// `EX`
    InSeconds,
    /// `PX`
    InMillis,
    /// `EXAT`
    AtSeconds,
    /// `PXAT`
    AtMillis,
}

impl When {
    /// The option word's meaning; the word is in upper case.
    #[inline]
    #[must_use]
    pub fn named(word: &[u8]) -> Option<When> {
        match word {
            b"EX" => Some(When::InSeconds),
            b"PX" => Some(When::InMillis),
            b"EXAT" => Some(When::AtSeconds),
            b"PXAT" => Some(When::AtMillis),
            _ => None,
        }
    }

    /// The point in time that the number `text` names; it may lie in the past, but not `text` below
    /// 1.
    ///
    /// # Errors
    /// `text` is no integer, not positive, or too large.
    #[inline]
    pub fn positive(self, text: &[u8], now: Millis, command: &'static str) -> CmdResult<Millis> {
        let amount = parse_i64(text).ok_or(CmdError::NotInteger)?;
        if amount <= 0 {
            return Err(CmdError::InvalidExpire { command });
        }
        self.resolve(amount, now).ok_or(CmdError::InvalidExpire { command })
    }

    /// The point in time that the number `text` names, negative ones allowed: those are long past,
    /// and all the same.
    ///
    /// # Errors
    /// `text` is no integer or too large.
    pub fn any(self, text: &[u8], now: Millis, command: &'static str) -> CmdResult<Millis> {
        let amount = parse_i64(text).ok_or(CmdError::NotInteger)?;
        self.resolve(amount, now).ok_or(CmdError::InvalidExpire { command })
    }

    /// `None` beyond what a signed 64-bit number of milliseconds can say.
    #[inline]
    fn resolve(self, amount: i64, now: Millis) -> Option<Millis> {
        let millis = match self {
            When::InSeconds | When::AtSeconds => amount.checked_mul(1000)?,
            When::InMillis | When::AtMillis => amount,
        };
        let base = match self {
            When::InSeconds | When::InMillis => i64::try_from(now.0).ok()?,
            When::AtSeconds | When::AtMillis => 0,
        };
        let at = millis.checked_add(base)?;
        Some(Millis(u64::try_from(at).unwrap_or(0)))
    }
}

/// What a command shall do to a key's expiry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpiryOption<'a> {
    /// Nothing was said.
    #[default]
    Unsaid,
    /// `KEEPTTL`
    Keep,
    /// `PERSIST`
    Persist,
    /// A point in time, its number not yet read: other mistakes are reported first.
    Until { when: When, amount: &'a [u8] },
}

impl<'a> ExpiryOption<'a> {
    /// Takes the option `word` if it is one of those that name a point in time.
    ///
    /// # Errors
    /// A syntax error if its number is missing or a rival option was given.
    #[inline]
    pub fn take(&mut self, word: &[u8], args: &mut Args<'a>) -> CmdResult<bool> {
        let Some(when) = When::named(word) else {
            return Ok(false);
        };
        self.choose(ExpiryOption::Until { when, amount: args.bytes()? })?;
        Ok(true)
    }

    /// Chooses `option`. The same one may come twice, and the last counts.
    ///
    /// # Errors
    /// A syntax error if a rival option was given.
    #[inline]
    pub fn choose(&mut self, option: ExpiryOption<'a>) -> CmdResult<()> {
        let agrees = match (*self, option) {
            (ExpiryOption::Unsaid, _) => true,
            (ExpiryOption::Until { when, .. }, ExpiryOption::Until { when: again, .. }) => {
                when == again
            }
            (said, again) => said == again,
        };
        if !agrees {
            return Err(CmdError::Syntax);
        }
        *self = option;
        Ok(())
    }

    /// The point in time, if one was named.
    ///
    /// # Errors
    /// As [`When::positive`].
    #[inline]
    pub fn deadline(self, now: Millis, command: &'static str) -> CmdResult<Option<Millis>> {
        match self {
            ExpiryOption::Until { when, amount } => when.positive(amount, now, command).map(Some),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Millis = Millis(1_700_000_000_000);
    const ALL: [When; 4] = [When::InSeconds, When::InMillis, When::AtSeconds, When::AtMillis];

    fn invalid<T>() -> CmdResult<T> {
        Err(CmdError::InvalidExpire { command: "set" })
    }

    #[test]
    fn each_unit_and_origin_has_its_own_limit() {
        let max = i64::MAX as u64;
        for (when, largest) in [
            (When::InSeconds, (max - NOW.0) / 1000),
            (When::InMillis, max - NOW.0),
            (When::AtSeconds, max / 1000),
            (When::AtMillis, max),
        ] {
            let read = |amount: u64| when.positive(amount.to_string().as_bytes(), NOW, "set");
            assert!(read(largest).is_ok(), "{when:?}");
            assert!(read(largest + 1).is_err(), "{when:?}");
            assert_eq!(read(0), invalid());
        }
    }

    #[test]
    fn numbers_below_one_are_for_those_who_ask_for_any() {
        for when in ALL {
            assert_eq!(when.positive(b"-1", NOW, "set"), invalid());
            assert_eq!(when.positive(b"", NOW, "set"), Err(CmdError::NotInteger));
            assert!(when.any(b"-1", NOW, "set").expect("negative is fine") < NOW);
            assert_eq!(when.any(b"1x", NOW, "set"), Err(CmdError::NotInteger));
        }
        let lowest = i64::MIN.to_string();
        assert_eq!(When::InMillis.any(lowest.as_bytes(), NOW, "set"), Ok(Millis(0)));
        assert_eq!(When::InSeconds.any(lowest.as_bytes(), NOW, "set"), invalid());
    }

    #[test]
    fn rivals_are_refused_and_repetition_is_not() {
        let until = |when| ExpiryOption::Until { when, amount: b"1" };
        let options: Vec<ExpiryOption<'_>> =
            [ExpiryOption::Keep, ExpiryOption::Persist].into_iter().chain(ALL.map(until)).collect();
        for first in &options {
            for second in &options {
                let mut chosen = ExpiryOption::Unsaid;
                chosen.choose(*first).expect("nothing to contradict");
                assert_eq!(chosen.choose(*second).is_ok(), first == second);
            }
        }
    }

    proptest! {
        #[test]
        fn the_arithmetic_agrees_with_wider_numbers(amount in any::<i64>(), now in 0..1u64 << 62) {
            for when in ALL {
                let unit = if matches!(when, When::InSeconds | When::AtSeconds) { 1000 } else { 1 };
                let millis = i128::from(amount) * unit;
                let fits = |value: i128| i64::try_from(value).is_ok();
                let base = if matches!(when, When::InSeconds | When::InMillis) { now } else { 0 };
                let at = millis + i128::from(base);
                let expected = (fits(millis) && fits(at)).then(|| Millis(at.max(0) as u64));
                let text = amount.to_string();
                prop_assert_eq!(when.any(text.as_bytes(), Millis(now), "set").ok(), expected);
            }
        }
    }
}
