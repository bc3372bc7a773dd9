//! Commands that only read bits.

use super::{bit_offset, bits};
use crate::base::number::parse_i64;
use crate::commands::string::range::{clamp, runs_backwards};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{
    Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan,
};

pub const GETBIT: Command = Command::new(
    CommandSpec {
        name: "getbit",
        summary: "Returns the bit value at offset in the string value stored at key",
        since: "2.2.0",
        complexity: "O(1)",
        group: Group::Bitmap,
        arity: Arity::Exact(3),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key"), Arg::int("offset")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    getbit,
);

fn getbit(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let offset = bit_offset(cx, args.bytes()?)?;
    let Some(value) = cx.db.string(&key)? else {
        return Ok(Reply::Int(0));
    };
    Ok(Reply::Flag(bits::get(value.text(&mut itoa::Buffer::new()), offset)))
}

/// Reads what the ends of a range count, as the number of bits in it; bytes, if nothing is said.
fn unit(args: &mut Args<'_>) -> CmdResult<usize> {
    match args.token() {
        None => Ok(8),
        Some(token) => match token.upper() {
            b"BYTE" => Ok(8),
            b"BIT" => Ok(1),
            _ => Err(CmdError::Syntax),
        },
    }
}

pub const BITCOUNT: Command = Command::new(
    CommandSpec {
        name: "bitcount",
        summary: "Count set bits in a string",
        since: "2.6.0",
        complexity: "O(N)",
        group: Group::Bitmap,
        arity: Arity::AtLeast(2),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[
            Arg::key("key"),
            Arg::block(
                "index",
                &[
                    Arg::int("start"),
                    Arg::int("end"),
                    Arg::one_of(
                        "index_unit",
                        &[Arg::word("byte", "BYTE"), Arg::word("bit", "BIT")],
                    )
                    .since("7.0.0")
                    .optional(),
                ],
            )
            .optional(),
        ],
        history: &[("7.0.0", "Added the `BYTE|BIT` option.")],
        ..CommandSpec::BASE
    },
    bitcount,
);

fn bitcount(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let Some(value) = cx.db.string(&key)? else {
        return Ok(Reply::Int(0));
    };
    let mut digits = itoa::Buffer::new();
    let bytes = value.text(&mut digits);
    match args.left() {
        0 => return Ok(Reply::Int(bits::count(bytes) as i64)),
        2 | 3 => {}
        _ => return Err(CmdError::Syntax),
    }
    let (start, end) = (args.int()?, args.int()?);
    if runs_backwards(start, end) {
        return Ok(Reply::Int(0)); // Redis does not look at the unit then.
    }
    let unit = unit(args)?;
    let count = clamp(start, end, bytes.len() * 8 / unit)
        .map_or(0, |range| bits::count_in(bytes, range.start * unit..range.end * unit));
    Ok(Reply::Int(count as i64))
}

pub const BITPOS: Command = Command::new(
    CommandSpec {
        name: "bitpos",
        summary: "Find first bit set or clear in a string",
        since: "2.8.7",
        complexity: "O(N)",
        group: Group::Bitmap,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[
            Arg::key("key"),
            Arg::int("bit"),
            Arg::block(
                "index",
                &[
                    Arg::int("start"),
                    Arg::block(
                        "end_index",
                        &[
                            Arg::int("end"),
                            Arg::one_of(
                                "index_unit",
                                &[Arg::word("byte", "BYTE"), Arg::word("bit", "BIT")],
                            )
                            .since("7.0.0")
                            .optional(),
                        ],
                    )
                    .optional(),
                ],
            )
            .optional(),
        ],
        history: &[("7.0.0", "Added the `BYTE|BIT` option.")],
        ..CommandSpec::BASE
    },
    bitpos,
);

fn bitpos(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let bit = match args.int()? {
        0 => false,
        1 => true,
        _ => return Err(CmdError::text("ERR The bit argument must be 1 or 0.")),
    };
    let Some(value) = cx.db.string(&key)? else {
        // A string that is not there is clear bits without an end.
        return Ok(Reply::Int(if bit { -1 } else { 0 }));
    };
    let mut digits = itoa::Buffer::new();
    let bytes = value.text(&mut digits);
    if args.left() > 3 {
        return Err(CmdError::Syntax);
    }
    let start = if args.left() > 0 { args.int()? } else { 0 };
    let end = if args.left() > 0 { Some(args.bytes()?) } else { None };
    let unit = unit(args)?;
    let end = end.map(|end| parse_i64(end).ok_or(CmdError::NotInteger)).transpose()?;
    let Some(range) = clamp(start, end.unwrap_or(-1), bytes.len() * 8 / unit) else {
        return Ok(Reply::Int(-1));
    };
    let found = bits::find_in(bytes, range.start * unit..range.end * unit, bit);
    Ok(Reply::Int(match found {
        Some(at) => at as i64,
        // Behind the end all bits are clear, but whoever names an end does not ask for those.
        None if !bit && end.is_none() => bytes.len() as i64 * 8,
        None => -1,
    }))
}
