//! Trimming: what XADD and XTRIM may be told about it, and XTRIM.

use super::propagate::ExactTrim;
use super::{ids, propagate};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::config::Settings;
use crate::spec::{
    Arg, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec,
};
use crate::types::Stream;
use crate::types::stream::Keep;

/// What every trim is called to those who listen.
pub const XTRIM_EVENT: Event = Event::stream("xtrim");

const TWO_STRATEGIES: CmdError = CmdError::text(
    "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
);
const LIMIT_ALONE: CmdError =
    CmdError::text("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
const LIMIT_EXACT: CmdError =
    CmdError::text("ERR syntax error, LIMIT cannot be used without the special ~ option");
const NEGATIVE_LENGTH: CmdError = CmdError::text("ERR The MAXLEN argument must be >= 0.");
const NEGATIVE_LIMIT: CmdError = CmdError::text("ERR The LIMIT argument must be >= 0.");

/// Without LIMIT an approximate trim removes at most so many full nodes …
const NODES_MAX: usize = 100;
/// … or entries, if nodes have no bound, …
const ENTRIES_UNBOUNDED: usize = 10_000;
/// … and never more than so many entries.
const ENTRIES_MAX: usize = 1_000_000;

pub const TRIM_ARGS: &[Arg] = &[
    Arg::one_of(
        "strategy",
        &[Arg::word("maxlen", "MAXLEN"), Arg::word("minid", "MINID").since("6.2.0")],
    ),
    Arg::one_of("operator", &[Arg::word("equal", "="), Arg::word("approximately", "~")]).optional(),
    Arg::string("threshold"),
    Arg::int("count").token("LIMIT").since("6.2.0").optional(),
];

/// A trim that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    pub keep: Keep,
    /// Only what can go cheaply.
    pub approximate: bool,
    /// At most so many entries; 0: no limit.
    limit: usize,
}

impl Trim {
    /// Trims; how many entries went.
    pub fn apply(self, stream: &mut Stream) -> usize {
        stream.trim(self.keep, self.approximate, self.limit)
    }
}

/// Trimming options as they are read, one after the other.
#[derive(Default)]
pub struct TrimOptions {
    keep: Option<Keep>,
    approximate: bool,
    limit: Option<usize>,
}

impl TrimOptions {
    /// Reads the next argument and what belongs to it if it is one of these options; whether it
    /// was.
    ///
    /// # Errors
    /// If the option's value makes no sense, or a second threshold is given.
    #[inline]
    pub fn take(&mut self, args: &mut Args<'_>) -> CmdResult<bool> {
        let Some(token) = args.peek() else { return Ok(false) };
        let by_id = match token.upper() {
            _ if args.left() < 2 => return Ok(false),
            b"MAXLEN" => false,
            b"MINID" => true,
            b"LIMIT" => {
                args.token();
                self.limit = Some(usize::try_from(args.int()?).map_err(|_| NEGATIVE_LIMIT)?);
                return Ok(true);
            }
            _ => return Ok(false),
        };
        args.token();
        if self.keep.is_some() {
            return Err(TWO_STRATEGIES);
        }
        if args.left() >= 2 {
            self.approximate = args.take_word("~");
            let _ = self.approximate || args.take_word("=");
        }
        self.keep = Some(match by_id {
            true => Keep::From(ids::read(args.bytes()?)?),
            false => Keep::Newest(usize::try_from(args.int()?).map_err(|_| NEGATIVE_LENGTH)?),
        });
        Ok(true)
    }

    /// What they amount to.
    ///
    /// # Errors
    /// If they contradict each other.
    #[inline]
    pub fn finish(self, settings: &Settings) -> CmdResult<Option<Trim>> {
        let Some(keep) = self.keep else {
            return if self.limit.is_some() { Err(LIMIT_ALONE) } else { Ok(None) };
        };
        if self.limit.is_some() && !self.approximate {
            return Err(LIMIT_EXACT);
        }
        let by_nodes = match settings.stream_node_max_entries {
            0 => ENTRIES_UNBOUNDED,
            entries => entries.saturating_mul(NODES_MAX).min(ENTRIES_MAX),
        };
        let limit = if self.approximate { self.limit.unwrap_or(by_nodes) } else { 0 };
        Ok(Some(Trim { keep, approximate: self.approximate, limit }))
    }
}

pub const XTRIM: Command = Command::new(
    CommandSpec {
        name: "xtrim",
        summary: "Trims the stream to (approximately if '~' is passed) a certain size",
        since: "5.0.0",
        complexity: "O(N), with N being the number of evicted entries. Constant times are very \
            small however, since entries are organized in macro nodes containing \
            multiple entries that can be released with a single deallocation.",
        group: Group::Stream,
        arity: Arity::AtLeast(4),
        flags: Flags::WRITE,
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))],
        args: &[Arg::key("key"), Arg::block("trim", TRIM_ARGS)],
        tips: &["nondeterministic_output"],
        history: &[("6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option.")],
        ..CommandSpec::BASE
    },
    xtrim,
);

fn xtrim(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let mut options = TrimOptions::default();
    while args.left() > 0 {
        if !options.take(args)? {
            return Err(CmdError::Syntax);
        }
    }
    let trim = options.finish(cx.settings)?.ok_or(CmdError::Syntax)?;
    let Some(mut stream) = cx.db.get_mut::<Stream>(&key)? else {
        return Ok(Reply::Int(0));
    };
    let removed = trim.apply(&mut stream);
    let exact = trim.approximate.then(|| ExactTrim::of(trim, &stream));
    drop(stream);
    if removed > 0 {
        cx.changed_by(&key, XTRIM_EVENT, removed);
        if let Some(exact) = exact {
            propagate::trim(cx, &key, &exact);
        }
    }
    Ok(Reply::Int(removed as i64))
}
