//! Commands about all keys at once.

use crate::commands::generic::database;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, Categories, CmdError, CmdResult, CommandSpec, Flags, Group, Plan};
use crate::state::conditions::Condition;
use crate::state::{Ask, ClientFlags, Request};

pub const DBSIZE: Command = Command::new(
    CommandSpec {
        name: "dbsize",
        summary: "Return the number of keys in the selected database",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(1),
        flags: Flags::READONLY.union(Flags::FAST),
        categories: Some(Categories::KEYSPACE),
        tips: &["request_policy:all_shards", "response_policy:agg_sum"],
        ..CommandSpec::BASE
    },
    dbsize,
);

fn dbsize(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    Ok(Reply::Int(cx.db.size(cx.client.db) as i64))
}

pub const FLUSHDB: Command = Command::new(
    CommandSpec {
        name: "flushdb",
        summary: "Remove all keys from the current database",
        since: "1.0.0",
        complexity: "O(N) where N is the number of keys in the selected database",
        group: Group::Server,
        arity: Arity::AtLeast(1),
        flags: Flags::WRITE,
        categories: Some(Categories::KEYSPACE.union(Categories::DANGEROUS)),
        args: &[Arg::one_of(
            "async",
            &[Arg::word("async", "ASYNC").since("4.0.0"), Arg::word("sync", "SYNC").since("6.2.0")],
        )
        .optional()],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        history: &[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ],
        plan: Plan::Exclusive,
        ..CommandSpec::BASE
    },
    flushdb,
);

fn flushdb(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    read_mode(args)?;
    cx.invalidate_all();
    flush(cx, cx.client.db);
    Ok(Reply::Ok)
}

pub const FLUSHALL: Command = Command::new(
    CommandSpec {
        name: "flushall",
        summary: "Remove all keys from all databases",
        since: "1.0.0",
        complexity: "O(N) where N is the total number of keys in all databases",
        group: Group::Server,
        arity: Arity::AtLeast(1),
        flags: Flags::WRITE,
        categories: Some(Categories::KEYSPACE.union(Categories::DANGEROUS)),
        args: &[Arg::one_of(
            "async",
            &[Arg::word("async", "ASYNC").since("4.0.0"), Arg::word("sync", "SYNC").since("6.2.0")],
        )
        .optional()],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        history: &[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ],
        plan: Plan::Exclusive,
        ..CommandSpec::BASE
    },
    flushall,
);

fn flushall(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    read_mode(args)?;
    cx.invalidate_all();
    for db in 0..cx.db.keyspace().databases() {
        flush(cx, db as u8);
    }
    save_emptiness(cx)
}

/// With save points the file on the disk is to be empty, too, before the reply.
fn save_emptiness(cx: &mut Ctx<'_>) -> CmdResult<Reply> {
    let is_loading = cx.server.conditions.load().contains(Condition::LOADING);
    if cx.settings.save.is_empty() || is_loading {
        return Ok(Reply::Ok);
    }
    if cx.client.flags.contains(ClientFlags::PRIMARY) {
        cx.server.control.post(Ask { request: Request::SaveFlushed, from: None });
        return Ok(Reply::Ok);
    }
    cx.ask(Request::SaveFlushed)
}

/// ASYNC and SYNC say when memory is given back; here it never is while anybody waits.
fn read_mode(args: &mut Args<'_>) -> CmdResult<()> {
    match args.token() {
        None => Ok(()),
        Some(word) if matches!(word.upper(), b"ASYNC" | b"SYNC") => args.finish(),
        Some(_) => Err(CmdError::Syntax),
    }
}

fn flush(cx: &mut Ctx<'_>, db: u8) {
    // Replicas may have keys that are gone here.
    cx.propagate_always();
    cx.changing_all(db);
    let keys = cx.db.flush(db);
    cx.effects.changes += keys as u64;
}

pub const SWAPDB: Command = Command::new(
    CommandSpec {
        name: "swapdb",
        summary: "Swaps two Redis databases",
        since: "4.0.0",
        complexity: "O(N) where N is the count of clients watching or blocking on keys from \
            both databases.",
        group: Group::Server,
        arity: Arity::Exact(3),
        flags: Flags::WRITE.union(Flags::FAST),
        categories: Some(Categories::KEYSPACE.union(Categories::DANGEROUS)),
        args: &[Arg::int("index1"), Arg::int("index2")],
        plan: Plan::Exclusive,
        ..CommandSpec::BASE
    },
    swapdb,
);

fn swapdb(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if cx.view.is_some() {
        return Err(CmdError::text("ERR SWAPDB is not allowed in cluster mode"));
    }
    const BAD_FIRST: CmdError = CmdError::text("ERR invalid first DB index");
    const BAD_SECOND: CmdError = CmdError::text("ERR invalid second DB index");
    let one = args.int32().map_err(|_| BAD_FIRST)?;
    let other = args.int32().map_err(|_| BAD_SECOND)?;
    let (one, other) = (database(cx, one)?, database(cx, other)?);
    // Watched or awaited keys may be in either, before or after.
    [one, other].into_iter().for_each(|db| cx.changing_all(db));
    cx.db.swap(one, other);
    [one, other].into_iter().for_each(|db| cx.changing_all(db));
    cx.effects.changes += 1;
    Ok(Reply::Ok)
}

#[cfg(test)]
mod tests {
    use crate::engine::testing::Local;

    #[test]
    fn a_transaction_sees_how_many_keys_it_has_made() {
        Local::default().check(
            "
            SET a 1 => +OK
            MULTI => +OK
            MSET b 1 c 1 => +QUEUED
            DBSIZE => +QUEUED
            DEL a b => +QUEUED
            DBSIZE => +QUEUED
            EXEC => [+OK :3 :2 :1]
            ",
        );
    }
}
