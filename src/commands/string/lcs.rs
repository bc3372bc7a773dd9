//! LCS: the longest common subsequence of two values, its length, or where it is in each.

use bytes::Bytes;

use super::subsequence::{self, Match};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Key;
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec};

const NOT_STRINGS: CmdError = CmdError::text("ERR The specified keys must contain string values");
const LENGTH_AND_INDEXES: CmdError =
    CmdError::text("ERR If you want both the length and indexes, please just use IDX.");
const TOO_LONG: CmdError = CmdError::text("ERR String too long for LCS");
const TOO_MUCH: CmdError =
    CmdError::text("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");

pub const LCS: Command = Command::new(
    CommandSpec {
        name: "lcs",
        summary: "Find longest common substring",
        since: "7.0.0",
        complexity: "O(N*M) where N and M are the lengths of s1 and s2, respectively",
        group: Group::String,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY,
        keys: &[KeySpec::range(1, 1, 1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[
            Arg::key("key1"),
            Arg::key("key2"),
            Arg::word("len", "LEN").optional(),
            Arg::word("idx", "IDX").optional(),
            Arg::int("len").token("MINMATCHLEN").optional(),
            Arg::word("withmatchlen", "WITHMATCHLEN").optional(),
        ],
        ..CommandSpec::BASE
    },
    lcs,
);

fn lcs(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    // Both are looked up, whatever the first is.
    let (a, b) = (value_of(cx, &args.key()?), value_of(cx, &args.key()?));
    let (a, b) = (a?, b?);
    let options = Options::read(args)?;
    check_cost(a.len(), b.len(), cx.settings.proto_max_bulk_len)?;
    if options.len {
        return Ok(Reply::Int(subsequence::length(&a, &b) as i64));
    }
    let matches = subsequence::matches(&a, &b);
    if options.idx {
        write_matches(cx, &matches, &options);
    } else {
        let runs = matches.iter().rev().map(|run| &a[run.in_a..run.in_a + run.len]);
        cx.out.bulk(&runs.collect::<Vec<_>>().concat());
    }
    Ok(Reply::Written)
}

#[derive(Default)]
struct Options {
    len: bool,
    idx: bool,
    len_of_each: bool,
    /// Shorter runs are not listed.
    match_len_min: usize,
}

impl Options {
    fn read(args: &mut Args<'_>) -> CmdResult<Options> {
        let mut options = Options::default();
        while let Some(token) = args.token() {
            match token.upper() {
                b"LEN" => options.len = true,
                b"IDX" => options.idx = true,
                b"WITHMATCHLEN" => options.len_of_each = true,
                b"MINMATCHLEN" if args.left() > 0 => {
                    options.match_len_min = usize::try_from(args.int()?).unwrap_or(0);
                }
                _ => return Err(CmdError::Syntax),
            }
        }
        if options.len && options.idx { Err(LENGTH_AND_INDEXES) } else { Ok(options) }
    }
}

fn value_of(cx: &mut Ctx<'_>, key: &Key<'_>) -> CmdResult<Bytes> {
    let value = cx.db.string(key).map_err(|_| NOT_STRINGS)?;
    Ok(value.map_or_else(Bytes::new, |value| value.to_bytes()))
}

/// Refuses what a table of 32-bit lengths would be too large for.
///
/// Ours is much smaller, but the limit is part of the command, and it bounds the time as well.
fn check_cost(a: usize, b: usize, limit: u64) -> CmdResult<()> {
    let max = u32::MAX as usize - 1;
    if a >= max || b >= max {
        return Err(TOO_LONG);
    }
    let cells = (a as u128 + 1) * (b as u128 + 1);
    if cells * size_of::<u32>() as u128 > u128::from(limit) { Err(TOO_MUCH) } else { Ok(()) }
}

fn write_matches(cx: &mut Ctx<'_>, matches: &[Match], options: &Options) {
    let listed = || matches.iter().filter(|run| run.len >= options.match_len_min);
    cx.out.map(2);
    cx.out.bulk(b"matches");
    cx.out.array(listed().count());
    for run in listed() {
        cx.out.array(2 + usize::from(options.len_of_each));
        for start in [run.in_a, run.in_b] {
            cx.out.array(2);
            cx.out.int(start as i64);
            cx.out.int((start + run.len - 1) as i64);
        }
        if options.len_of_each {
            cx.out.int(run.len as i64);
        }
    }
    cx.out.bulk(b"len");
    cx.out.int(matches.iter().map(|run| run.len as i64).sum());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_on_a_table_of_words() {
        let mib = 1 << 20;
        for (a, b, expected) in [
            (511, 511, Ok(())),
            (511, 512, Err(TOO_MUCH)),
            (0, 262_143, Ok(())),
            (0, 262_144, Err(TOO_MUCH)),
            (u32::MAX as usize - 1, 0, Err(TOO_LONG)),
        ] {
            assert_eq!(check_cost(a, b, mib), expected, "{a} {b}");
        }
    }
}
