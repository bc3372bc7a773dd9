//! Commands that write bits.

use smallvec::SmallVec;

use super::bit_offset;
use super::bits::{self, Join};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::{INLINE_MAX, Key, Lifetime, NewStr};
use crate::spec::{
    Arg, ArgKind, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec,
    Plan,
};

pub const SETBIT: Command = Command::new(
    CommandSpec {
        name: "setbit",
        summary: "Sets or clears the bit at offset in the string value stored at key",
        since: "2.2.0",
        complexity: "O(1)",
        group: Group::Bitmap,
        arity: Arity::Exact(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::int("offset"), Arg::int("value")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    setbit,
);

fn setbit(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let offset = bit_offset(cx, args.bytes()?)?;
    let bit = match args.int() {
        Ok(0) => false,
        Ok(1) => true,
        _ => return Err(CmdError::text("ERR bit is not an integer or out of range")),
    };
    let len = cx.db.view_string(&key)?.map_or(0, |value| value.len());
    let needed = offset / 8 + 1;
    let was = cx.db.edit_string(&key, needed, |bytes| bits::set(bytes, offset, bit))?;
    if was != bit || needed > len {
        cx.changed(&key, Event::string("setbit"));
    }
    Ok(Reply::Flag(was))
}

pub const BITOP: Command = Command::new(
    CommandSpec {
        name: "bitop",
        summary: "Perform bitwise operations between strings",
        since: "2.6.0",
        complexity: "O(N)",
        group: Group::Bitmap,
        arity: Arity::AtLeast(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[
            KeySpec::one(2, KeyFlags::OW.union(KeyFlags::UPDATE)),
            KeySpec::range(3, -1, 1, KeyFlags::RO.union(KeyFlags::ACCESS)),
        ],
        args: &[
            Arg::string("operation"),
            Arg::key("destkey"),
            Arg::new("key", ArgKind::Key(1)).multiple(),
        ],
        ..CommandSpec::BASE
    },
    bitop,
);

fn bitop(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let operation = args.token().ok_or(CmdError::Syntax)?;
    let join = match operation.upper() {
        b"AND" => Some(Join::And),
        b"OR" => Some(Join::Or),
        b"XOR" => Some(Join::Xor),
        b"NOT" => None,
        _ => return Err(CmdError::Syntax),
    };
    let target = args.key()?;
    if join.is_none() && args.left() > 1 {
        return Err(CmdError::text("ERR BITOP NOT must be called with a single source key."));
    }
    let mut sources: SmallVec<[Key<'_>; 8]> = SmallVec::new();
    let mut len = 0;
    while args.left() > 0 {
        let key = args.key()?;
        len = len.max(cx.db.string(&key)?.map_or(0, |value| value.len()));
        sources.push(key);
    }
    if len == 0 {
        if cx.db.clear(&target) {
            cx.changed(&target, Event::DEL);
        }
        return Ok(Reply::Int(0));
    }
    let mut result = vec![0; len];
    for (index, key) in sources.iter().enumerate() {
        let value = cx.db.view_string(key)?;
        let mut digits = itoa::Buffer::new();
        let bytes = value.as_ref().map_or(&b""[..], |value| value.text(&mut digits));
        match join {
            Some(join) if index > 0 => bits::join(&mut result, bytes, join),
            _ => result[..bytes.len()].copy_from_slice(bytes),
        }
    }
    if join.is_none() {
        result.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let value = if len > INLINE_MAX { NewStr::Owned(result) } else { NewStr::Raw(&result) };
    cx.db.set_string(&target, value, Lifetime::Forever);
    cx.changed(&target, Event::string("set"));
    Ok(Reply::Int(len as i64))
}
