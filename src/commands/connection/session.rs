//! Talking to the connection itself: PING, ECHO, AUTH, HELLO, SELECT, RESET, QUIT.

use std::sync::Arc;

use crate::acl::DEFAULT_USER;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::resp::Proto;
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, Plan};
use crate::state::ClientFlags;

pub const PING: Command = Command::new(
    CommandSpec {
        name: "ping",
        summary: "Ping the server",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::AtLeast(1),
        flags: Flags::FAST.union(Flags::WHILE_SUBSCRIBED).union(Flags::TELLS_HEALTH),
        args: &[Arg::string("message").optional()],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    ping,
);

fn ping(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if args.left() > 1 {
        return Err(args.wrong_arity());
    }
    if cx.client.only_listens() {
        cx.out.array(2);
        cx.out.bulk(b"pong");
        cx.out.bulk(args.bytes().unwrap_or_default());
        return Ok(Reply::Written);
    }
    if args.left() == 0 {
        return Ok(Reply::Simple("PONG"));
    }
    cx.out.bulk(args.bytes()?);
    Ok(Reply::Written)
}

pub const ECHO: Command = Command::new(
    CommandSpec {
        name: "echo",
        summary: "Echo the given string",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE).union(Flags::FAST),
        args: &[Arg::string("message")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    echo,
);

fn echo(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    cx.out.bulk(args.bytes()?);
    Ok(Reply::Written)
}

pub const AUTH: Command = Command::new(
    CommandSpec {
        name: "auth",
        summary: "Authenticate to the server",
        since: "1.0.0",
        complexity: "O(N) where N is the number of passwords defined for the user",
        group: Group::Connection,
        arity: Arity::AtLeast(2),
        flags: Flags::NO_SCRIPT
            .union(Flags::LOADING)
            .union(Flags::STALE)
            .union(Flags::FAST)
            .union(Flags::NO_AUTH)
            .union(Flags::ALLOW_BUSY),
        args: &[Arg::string("username").since("6.0.0").optional(), Arg::string("password")],
        history: &[("6.0.0", "Added ACL style (username and password).")],
        ..CommandSpec::BASE
    },
    auth,
);

fn auth(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    (1..=2.min(args.left())).for_each(|index| cx.redact(index));
    let (user, password) = match args.left() {
        1 if cx.server.acl.users().default_user().no_password => {
            return Err(CmdError::text(
                "ERR AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?",
            ));
        }
        1 => (DEFAULT_USER, args.bytes()?),
        2 => (args.bytes()?, args.bytes()?),
        _ => return Err(CmdError::Syntax),
    };
    authenticate(cx, args, user, password)?;
    Ok(Reply::Ok)
}

/// Makes the connection the user's, if the password is right.
fn authenticate(cx: &mut Ctx<'_>, args: &Args<'_>, name: &[u8], password: &[u8]) -> CmdResult<()> {
    let users = cx.server.acl.users();
    let Some(user) = users.get(name).filter(|user| user.accepts(password)) else {
        cx.note_failed_login(args.command(), name);
        return Err(CmdError::WrongPass);
    };
    cx.client.authenticated = true;
    cx.client.become_user(Arc::clone(user));
    Ok(())
}

pub const HELLO: Command = Command::new(
    CommandSpec {
        name: "hello",
        summary: "Handshake with Redis",
        since: "6.0.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::AtLeast(1),
        flags: Flags::NO_SCRIPT
            .union(Flags::LOADING)
            .union(Flags::STALE)
            .union(Flags::FAST)
            .union(Flags::NO_AUTH)
            .union(Flags::ALLOW_BUSY),
        args: &[Arg::block(
            "arguments",
            &[
                Arg::int("protover"),
                Arg::block(
                    "username_password",
                    &[Arg::string("username"), Arg::string("password")],
                )
                .token("AUTH")
                .optional(),
                Arg::string("clientname").token("SETNAME").optional(),
            ],
        )
        .optional()],
        history: &[(
            "6.2.0",
            "`protover` made optional; when called without arguments the command \
            reports the current connection's context.",
        )],
        ..CommandSpec::BASE
    },
    hello,
);

fn hello(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let mut proto = cx.client.proto;
    if args.left() > 0 {
        proto = match args.int() {
            Ok(2) => Proto::Resp2,
            Ok(3) => Proto::Resp3,
            Ok(_) => return Err(CmdError::NoProto),
            Err(_) => {
                return Err(CmdError::text(
                    "ERR Protocol version is not an integer or out of range",
                ));
            }
        };
    }
    let mut credentials = None;
    let mut name = None;
    while let Some(token) = args.token() {
        match token.upper() {
            b"AUTH" if args.left() >= 2 => {
                [1, 2].into_iter().for_each(|next| cx.redact(args.latest() + next));
                credentials = Some((args.bytes()?, args.bytes()?));
            }
            b"SETNAME" if args.left() >= 1 => name = Some(args.bytes()?),
            _ => {
                let text = b"ERR Syntax error in HELLO option '";
                return Err(CmdError::echoing(&[text, token.raw(), b"'"]));
            }
        }
    }
    if let Some((user, password)) = credentials {
        authenticate(cx, args, user, password)?;
    }
    if !cx.client.is_let_in() {
        return Err(CmdError::text(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO AUTH <user> <pass> option can be used to authenticate the client and \
             select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        set_name(cx, name)?;
    }
    cx.client.speak(proto);
    cx.out.set_proto(proto);
    greet(cx);
    Ok(Reply::Written)
}

/// What HELLO tells of this server. It calls itself `redis`: clients choose their code paths by
/// that.
fn greet(cx: &mut Ctx<'_>) {
    let mode = if cx.view.is_some() { "cluster" } else { "standalone" };
    let out = &mut *cx.out;
    out.map(7);
    for (key, value) in [("server", "redis"), ("version", crate::REDIS_VERSION)] {
        out.bulk(key.as_bytes());
        out.bulk(value.as_bytes());
    }
    out.bulk(b"proto");
    out.int(if out.proto() == Proto::Resp3 { 3 } else { 2 });
    out.bulk(b"id");
    out.int(cx.client.shared.id as i64);
    let role = if cx.server.replication.is_replica() { "replica" } else { "master" };
    for (key, value) in [("mode", mode), ("role", role)] {
        out.bulk(key.as_bytes());
        out.bulk(value.as_bytes());
    }
    out.bulk(b"modules");
    out.array(0);
}

/// Gives the connection a name; an empty one takes it away.
pub(super) fn set_name(cx: &mut Ctx<'_>, name: &[u8]) -> CmdResult<()> {
    if !is_printable_word(name) {
        return Err(CmdError::text(
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ));
    }
    cx.client.shared.details.lock().name = name.to_vec();
    Ok(())
}

/// Whether CLIENT LIST can show it without quoting.
pub(super) fn is_printable_word(text: &[u8]) -> bool {
    text.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

pub const SELECT: Command = Command::new(
    CommandSpec {
        name: "select",
        summary: "Change the selected database for the current connection",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE).union(Flags::FAST).union(Flags::SELECTS),
        args: &[Arg::int("index")],
        ..CommandSpec::BASE
    },
    select,
);

fn select(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let db = args.int32()?;
    if cx.view.is_some() && db != 0 {
        return Err(CmdError::text("ERR SELECT is not allowed in cluster mode"));
    }
    let db = u8::try_from(db).ok().filter(|&db| usize::from(db) < cx.server.keyspace.databases());
    cx.client.select(db.ok_or(CmdError::DbOutOfRange)?);
    Ok(Reply::Ok)
}

pub const RESET: Command = Command::new(
    CommandSpec {
        name: "reset",
        summary: "Reset the connection",
        since: "6.2.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(1),
        flags: Flags::NO_SCRIPT
            .union(Flags::LOADING)
            .union(Flags::STALE)
            .union(Flags::FAST)
            .union(Flags::NO_AUTH)
            .union(Flags::ALLOW_BUSY)
            .union(Flags::NOT_QUEUED)
            .union(Flags::WHILE_SUBSCRIBED),
        ..CommandSpec::BASE
    },
    reset,
);

fn reset(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    if cx.client.flags.contains(ClientFlags::PRIMARY) {
        return Err(CmdError::text("ERR can only reset normal client connections"));
    }
    cx.end_transaction();
    cx.server.pubsub.leave(&mut cx.client.subscriptions, &cx.client.shared);
    cx.server.monitors.remove(cx.client.shared.id);
    cx.server.tracking.stop(cx.client);
    cx.receive();
    cx.client.publish_subscriptions();
    let sticky = ClientFlags::UNIX_SOCKET.union(ClientFlags::BLOCKED);
    let reset = cx.client.flags.difference(sticky);
    cx.client.set(reset, false);
    cx.client.select(0);
    cx.client.speak(Proto::Resp2);
    cx.out.set_proto(Proto::Resp2);
    cx.client.log_out(cx.server.acl.users().default_user());
    cx.client.shared.details.lock().name.clear();
    Ok(Reply::Simple("RESET"))
}

pub const QUIT: Command = Command::new(
    CommandSpec {
        name: "quit",
        summary: "Close the connection",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::AtLeast(1),
        flags: Flags::NO_SCRIPT
            .union(Flags::LOADING)
            .union(Flags::STALE)
            .union(Flags::FAST)
            .union(Flags::NO_AUTH)
            .union(Flags::ALLOW_BUSY)
            .union(Flags::NOT_QUEUED)
            .union(Flags::WHILE_SUBSCRIBED),
        ..CommandSpec::BASE
    },
    quit,
);

fn quit(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    cx.client.set(ClientFlags::CLOSE_AFTER_REPLY, true);
    Ok(Reply::Ok)
}
