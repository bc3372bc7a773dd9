//! TIME, LOLWUT and SHUTDOWN.

use crate::base::number::parse_i64;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group};
use crate::state::Request;
use crate::state::control::Shutdown;

pub const TIME: Command = Command::new(
    CommandSpec {
        name: "time",
        summary: "Return the current server time",
        since: "2.6.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(1),
        flags: Flags::LOADING.union(Flags::STALE).union(Flags::FAST),
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    time,
);

fn time(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let micros = cx.unix_micros;
    cx.out.array(2);
    cx.out.bulk((micros / 1_000_000).to_string().as_bytes());
    cx.out.bulk((micros % 1_000_000).to_string().as_bytes());
    Ok(Reply::Written)
}

pub const LOLWUT: Command = Command::new(
    CommandSpec {
        name: "lolwut",
        summary: "Display some computer art and the Redis version",
        since: "5.0.0",
        group: Group::Server,
        arity: Arity::AtLeast(1),
        flags: Flags::READONLY.union(Flags::FAST),
        args: &[Arg::int("version").token("VERSION").optional()],
        ..CommandSpec::BASE
    },
    lolwut,
);

fn lolwut(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let mut columns = 66;
    // As in Redis, the word alone means nothing.
    if args.left() > 1 && args.take_word("VERSION") {
        args.int()?;
        if args.left() > 0 {
            columns = parse_i64(args.bytes()?).unwrap_or(columns).clamp(24, 200);
        }
    }
    let picture = birds(cx, columns as usize);
    let text = format!(
        "{picture}\nredpoll {} (Redis ver. {})\n",
        env!("CARGO_PKG_VERSION"),
        crate::REDIS_VERSION
    );
    cx.out.verbatim(*b"txt", text.as_bytes());
    Ok(Reply::Written)
}

/// Rows of sky above the wire.
const SKY: usize = 5;

/// Birds on a wire, some of them in the air.
fn birds(cx: &mut Ctx<'_>, columns: usize) -> String {
    let mut rows = vec![vec![b' '; columns]; SKY];
    let mut at = 1 + cx.rng.index(4);
    while at + 4 < columns {
        let row = if cx.rng.chance(0.6) { SKY - 1 } else { cx.rng.index(SKY - 1) };
        let bird: &[u8] = if row == SKY - 1 { b"(')>" } else { b"\\v/" };
        rows[row][at..at + bird.len()].copy_from_slice(bird);
        at += 5 + cx.rng.index(5);
    }
    rows.push(vec![b'~'; columns]);
    let lines = rows.iter().map(|row| String::from_utf8_lossy(row).trim_end().to_owned());
    lines.map(|line| line + "\n").collect()
}

pub const SHUTDOWN: Command = Command::new(
    CommandSpec {
        name: "shutdown",
        summary: "Synchronously save the dataset to disk and then shut down the server",
        since: "1.0.0",
        complexity: "O(N) when saving, where N is the total number of keys in all databases \
            when saving data, otherwise O(1)",
        group: Group::Server,
        arity: Arity::AtLeast(1),
        flags: Flags::ADMIN
            .union(Flags::NO_SCRIPT)
            .union(Flags::LOADING)
            .union(Flags::STALE)
            .union(Flags::NO_MULTI)
            .union(Flags::ALLOW_BUSY),
        args: &[
            Arg::one_of("nosave_save", &[Arg::word("nosave", "NOSAVE"), Arg::word("save", "SAVE")])
                .optional(),
            Arg::word("now", "NOW").since("7.0.0").optional(),
            Arg::word("force", "FORCE").since("7.0.0").optional(),
            Arg::word("abort", "ABORT").since("7.0.0").optional(),
        ],
        history: &[("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.")],
        ..CommandSpec::BASE
    },
    shutdown,
);

fn shutdown(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let mut options = Shutdown::default();
    while let Some(token) = args.token() {
        match token.upper() {
            b"SAVE" if options.save.is_none() => options.save = Some(true),
            b"NOSAVE" if options.save.is_none() => options.save = Some(false),
            b"NOW" => options.now = true,
            b"FORCE" => options.force = true,
            b"ABORT" => options.abort = true,
            _ => return Err(CmdError::Syntax),
        }
    }
    let others = options.now || options.force || options.save.is_some();
    if options.abort && others {
        return Err(CmdError::Syntax);
    }
    cx.ask(Request::Shutdown(options))
}
