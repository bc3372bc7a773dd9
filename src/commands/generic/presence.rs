//! Deleting keys, and asking whether they are there.

use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{
    Arg, Arity, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec, Plan,
};

pub const DEL: Command = Command::new(
    CommandSpec {
        name: "del",
        summary: "Delete a key",
        since: "1.0.0",
        complexity: "O(N) where N is the number of keys that will be removed. When a key to \
            remove holds a value other than a string, the individual complexity for \
            this key is O(M) where M is the number of elements in the list, set, \
            sorted set or hash. Removing a single key that holds a string value is \
            O(1).",
        group: Group::Generic,
        arity: Arity::AtLeast(2),
        flags: Flags::WRITE,
        keys: &[KeySpec::range(1, -1, 1, KeyFlags::RM.union(KeyFlags::DELETE))],
        args: &[Arg::key("key").multiple()],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    del,
);

fn del(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let mut deleted = 0;
    while args.left() > 0 {
        let key = args.key()?;
        if cx.db.remove(&key) {
            cx.changed(&key, Event::DEL);
            deleted += 1;
        }
    }
    Ok(Reply::Int(deleted))
}

pub const UNLINK: Command = Command::new(
    CommandSpec {
        name: "unlink",
        summary: "Delete a key asynchronously in another thread. Otherwise it is just as \
            DEL, but non blocking.",
        since: "4.0.0",
        complexity: "O(1) for each key removed regardless of its size. Then the command does \
            O(N) work in a different thread in order to reclaim memory, where N is \
            the number of allocations the deleted objects where composed of.",
        group: Group::Generic,
        arity: Arity::AtLeast(2),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::range(1, -1, 1, KeyFlags::RM.union(KeyFlags::DELETE))],
        args: &[Arg::key("key").multiple()],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    unlink,
);

fn unlink(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let mut deleted = 0;
    while args.left() > 0 {
        let key = args.key()?;
        if cx.db.unlink(&key) {
            cx.changed(&key, Event::DEL);
            deleted += 1;
        }
    }
    Ok(Reply::Int(deleted))
}

pub const EXISTS: Command = Command::new(
    CommandSpec {
        name: "exists",
        summary: "Determine if a key exists",
        since: "1.0.0",
        complexity: "O(N) where N is the number of keys to check.",
        group: Group::Generic,
        arity: Arity::AtLeast(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::range(1, -1, 1, KeyFlags::RO)],
        args: &[Arg::key("key").multiple()],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        history: &[("3.0.3", "Accepts multiple `key` arguments.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    exists,
);

fn exists(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let mut found = 0;
    while args.left() > 0 {
        let key = args.key()?;
        found += i64::from(cx.db.inspect(&key, true).is_some());
    }
    Ok(Reply::Int(found))
}

pub const TOUCH: Command = Command::new(
    CommandSpec {
        name: "touch",
        summary: "Alters the last access time of a key(s). Returns the number of existing \
            keys specified.",
        since: "3.2.1",
        complexity: "O(N) where N is the number of keys that will be touched.",
        group: Group::Generic,
        arity: Arity::AtLeast(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::range(1, -1, 1, KeyFlags::RO)],
        args: &[Arg::key("key").multiple()],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    touch,
);

fn touch(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let mut touched = 0;
    while args.left() > 0 {
        let key = args.key()?;
        touched += i64::from(cx.db.read(&key).is_some());
    }
    Ok(Reply::Int(touched))
}

pub const TYPE: Command = Command::new(
    CommandSpec {
        name: "type",
        summary: "Determine the type stored at key",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO)],
        args: &[Arg::key("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    kind,
);

fn kind(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    Ok(Reply::Simple(cx.db.inspect(&key, true).map_or("none", |entry| entry.kind().name())))
}
