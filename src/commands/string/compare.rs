//! Deleting a string if it is what one believes it is.

use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::StrRef;
use crate::spec::{
    Arg, Arity, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec, Plan,
};

/// Whether a stored string is this very text.
pub fn is_text(value: StrRef<'_>, text: &[u8]) -> bool {
    value.text(&mut itoa::Buffer::new()) == text
}

pub const DELIFEQ: Command = Command::new(
    CommandSpec {
        name: "delifeq",
        summary: "Delete a key if its value is equal to the given one",
        since: "9.0.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::Exact(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RM.union(KeyFlags::ACCESS).union(KeyFlags::DELETE))],
        args: &[Arg::key("key"), Arg::string("value")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    delifeq,
);

fn delifeq(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, text) = (args.key()?, args.bytes()?);
    let equal = cx.db.string(&key)?.is_some_and(|value| is_text(value, text));
    if equal {
        cx.db.remove(&key);
        cx.changed(&key, Event::DEL);
        cx.propagate(&[b"DEL", key.bytes]);
    }
    Ok(Reply::Flag(equal))
}
