//! CLIENT subcommands about other connections: LIST, KILL, PAUSE, UNBLOCK.

use std::sync::Arc;

use super::describe::describe;
use crate::base::Millis;
use crate::base::number::parse_i64;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group};
use crate::state::control::Pause;
use crate::state::{ClientFlags, ClientShared, Mail, Request, Server};

pub const CLIENT_LIST: Command = Command::new(
    CommandSpec {
        name: "client|list",
        summary: "Get the list of client connections",
        since: "2.4.0",
        complexity: "O(N) where N is the number of client connections",
        group: Group::Connection,
        arity: Arity::AtLeast(2),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        args: &[
            Arg::one_of(
                "normal_master_replica_pubsub",
                &[
                    Arg::word("normal", "NORMAL"),
                    Arg::word("master", "MASTER"),
                    Arg::word("replica", "REPLICA"),
                    Arg::word("pubsub", "PUBSUB"),
                ],
            )
            .token("TYPE")
            .since("5.0.0")
            .optional(),
            Arg::block("id", &[Arg::int("client-id").multiple()])
                .token("ID")
                .since("6.2.0")
                .optional(),
        ],
        tips: &["nondeterministic_output"],
        history: &[
            ("2.8.12", "Added unique client `id` field."),
            ("5.0.0", "Added optional `TYPE` filter."),
            ("6.0.0", "Added `user` field."),
            (
                "6.2.0",
                "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional \
            `ID` filter.",
            ),
            ("7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."),
            ("7.0.3", "Added `ssub` field."),
        ],
        ..CommandSpec::BASE
    },
    client_list,
);

fn client_list(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let listed = match args.token() {
        None => cx.server.clients.all(),
        Some(token) => match token.upper() {
            b"TYPE" if args.left() == 1 => {
                let class = Class::named(args.bytes()?)?;
                let all = cx.server.clients.all();
                all.into_iter().filter(|client| Class::of(client) == class).collect()
            }
            b"ID" if args.left() > 0 => listed_by_id(cx, args)?,
            _ => return Err(CmdError::Syntax),
        },
    };
    let mut text = Vec::new();
    for client in listed {
        text.extend(describe(&client, cx.now));
        text.push(b'\n');
    }
    cx.out.verbatim(*b"txt", &text);
    Ok(Reply::Written)
}

fn listed_by_id(cx: &Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Vec<Arc<ClientShared>>> {
    let mut listed = Vec::new();
    while args.left() > 0 {
        let id = parse_i64(args.bytes()?).filter(|&id| id > 0);
        let id = id.ok_or(CmdError::text("ERR Invalid client ID"))?;
        listed.extend(cx.server.clients.get(id as u64));
    }
    Ok(listed)
}

/// What a connection is used for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Normal,
    Primary,
    Replica,
    Pubsub,
}

impl Class {
    fn named(name: &[u8]) -> CmdResult<Class> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(Class::Normal),
            b"master" => Ok(Class::Primary),
            b"slave" | b"replica" => Ok(Class::Replica),
            b"pubsub" => Ok(Class::Pubsub),
            _ => Err(CmdError::echoing(&[b"ERR Unknown client type '", name, b"'"])),
        }
    }

    fn of(client: &ClientShared) -> Class {
        let flags = client.flags();
        // As in Redis, who runs MONITOR counts as a replica elsewhere, but not here.
        if flags.contains(ClientFlags::PRIMARY) {
            Class::Primary
        } else if flags.contains(ClientFlags::REPLICA) {
            Class::Replica
        } else if flags.contains(ClientFlags::SUBSCRIBED) {
            Class::Pubsub
        } else {
            Class::Normal
        }
    }
}

pub const CLIENT_KILL: Command = Command::new(
    CommandSpec {
        name: "client|kill",
        summary: "Kill the connection of a client",
        since: "2.4.0",
        complexity: "O(N) where N is the number of client connections",
        group: Group::Connection,
        arity: Arity::AtLeast(3),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::one_of(
            "filter",
            &[
                Arg::string("ip:port").deprecated("2.8.12"),
                Arg::one_of(
                    "new-format",
                    &[
                        Arg::int("client-id").token("ID").since("2.8.12").optional(),
                        Arg::one_of(
                            "normal_master_slave_pubsub",
                            &[
                                Arg::word("normal", "NORMAL"),
                                Arg::word("master", "MASTER").since("3.2.0"),
                                Arg::word("slave", "SLAVE"),
                                Arg::word("replica", "REPLICA").since("5.0.0"),
                                Arg::word("pubsub", "PUBSUB"),
                            ],
                        )
                        .token("TYPE")
                        .since("2.8.12")
                        .optional(),
                        Arg::string("username").token("USER").optional(),
                        Arg::string("ip:port").token("ADDR").optional(),
                        Arg::string("ip:port").token("LADDR").since("6.2.0").optional(),
                        Arg::string("yes/no").token("SKIPME").optional(),
                    ],
                )
                .multiple(),
            ],
        )],
        history: &[
            ("2.8.12", "Added new filter format."),
            ("2.8.12", "`ID` option."),
            ("3.2.0", "Added `master` type in for `TYPE` option."),
            (
                "5.0.0",
                "Replaced `slave` `TYPE` with `replica`. `slave` still supported for \
            backward compatibility.",
            ),
            ("6.2.0", "`LADDR` option."),
        ],
        ..CommandSpec::BASE
    },
    client_kill,
);

fn client_kill(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if args.left() == 1 {
        let filter = Filter { peer: Some(args.bytes()?), ..Filter::default() };
        return match kill(cx, &filter) {
            0 => Err(CmdError::text("ERR No such client")),
            _ => Ok(Reply::Ok),
        };
    }
    let mut filter = Filter { skip_me: true, ..Filter::default() };
    while let Some(token) = args.token() {
        let value = args.bytes()?;
        match token.upper() {
            b"ID" => {
                let id = parse_i64(value).filter(|&id| id > 0);
                let refusal = CmdError::text("ERR client-id should be greater than 0");
                filter.id = Some(id.ok_or(refusal)? as u64);
            }
            b"TYPE" => filter.class = Some(Class::named(value)?),
            b"MAXAGE" => filter.age_secs_min = Some(read_age(value)?),
            b"ADDR" => filter.peer = Some(value),
            b"LADDR" => filter.local = Some(value),
            b"USER" => {
                filter.user = Some(value);
                if cx.server.acl.users().get(value).is_none() {
                    return Err(CmdError::echoing(&[b"ERR No such user '", value, b"'"]));
                }
            }
            b"SKIPME" => {
                filter.skip_me = match value.to_ascii_lowercase().as_slice() {
                    b"yes" => true,
                    b"no" => false,
                    _ => return Err(CmdError::Syntax),
                }
            }
            _ => return Err(CmdError::Syntax),
        }
    }
    Ok(Reply::Int(kill(cx, &filter)))
}

/// The least age, in seconds, of connections that are to go.
fn read_age(text: &[u8]) -> CmdResult<u64> {
    const NO_AGE: CmdError = CmdError::text("ERR maxage is not an integer or out of range");
    const TOO_YOUNG: CmdError = CmdError::text("ERR maxage should be greater than 0");
    let age = parse_i64(text).ok_or(NO_AGE)?;
    u64::try_from(age).ok().filter(|&age| age > 0).ok_or(TOO_YOUNG)
}

/// Which connections to kill: those that everything set here holds for.
#[derive(Default)]
struct Filter<'a> {
    id: Option<u64>,
    age_secs_min: Option<u64>,
    class: Option<Class>,
    peer: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
    skip_me: bool,
}

impl Filter<'_> {
    fn matches(&self, client: &ClientShared, me: u64, now: Millis) -> bool {
        let age_secs = now.since(client.created).0 / 1000;
        let text = |wanted: Option<&[u8]>, is: &str| wanted.is_none_or(|w| w == is.as_bytes());
        self.id.is_none_or(|id| id == client.id)
            && self.age_secs_min.is_none_or(|min| age_secs >= min)
            && self.class.is_none_or(|class| class == Class::of(client))
            && text(self.peer, &client.peer)
            && text(self.local, &client.local)
            && self.user.is_none_or(|user| user == client.details.lock().user)
            && !(self.skip_me && client.id == me)
    }
}

/// Kills what the filter matches; this connection only after its reply.
fn kill(cx: &mut Ctx<'_>, filter: &Filter<'_>) -> i64 {
    let me = cx.client.shared.id;
    let mut killed = 0;
    for client in cx.server.clients.all() {
        if filter.matches(&client, me, cx.now) {
            killed += 1;
            if client.id == me {
                cx.client.set(ClientFlags::CLOSE_AFTER_REPLY, true);
            } else {
                client.post(Mail::Kill);
            }
        }
    }
    killed
}

pub const CLIENT_PAUSE: Command = Command::new(
    CommandSpec {
        name: "client|pause",
        summary: "Stop processing commands from clients for some time",
        since: "2.9.50",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::AtLeast(3),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        args: &[
            Arg::int("timeout"),
            Arg::one_of("mode", &[Arg::word("write", "WRITE"), Arg::word("all", "ALL")])
                .since("6.2.0")
                .optional(),
        ],
        history: &[("6.2.0", "`CLIENT PAUSE WRITE` mode added along with the `mode` option.")],
        ..CommandSpec::BASE
    },
    client_pause,
);

fn client_pause(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let timeout = args.bytes()?;
    let mut writes_only = false;
    if args.left() > 0 {
        writes_only = match args.bytes()?.to_ascii_uppercase().as_slice() {
            b"WRITE" => true,
            b"ALL" => false,
            _ => {
                return Err(CmdError::text("ERR CLIENT PAUSE mode must be WRITE or ALL"));
            }
        };
    }
    let millis = parse_i64(timeout)
        .ok_or(CmdError::text("ERR timeout is not an integer or out of range"))?;
    let millis = u64::try_from(millis).map_err(|_| CmdError::text("ERR timeout is negative"))?;
    let until = Millis(cx.now.0.saturating_add(millis));
    cx.ask(Request::Pause(Some(Pause { until, writes_only })))
}

pub const CLIENT_UNPAUSE: Command = Command::new(
    CommandSpec {
        name: "client|unpause",
        summary: "Resume processing of clients that were paused",
        since: "6.2.0",
        complexity: "O(N) Where N is the number of paused clients",
        group: Group::Connection,
        arity: Arity::Exact(2),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        ..CommandSpec::BASE
    },
    client_unpause,
);

fn client_unpause(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    cx.ask(Request::Pause(None))
}

pub const CLIENT_UNBLOCK: Command = Command::new(
    CommandSpec {
        name: "client|unblock",
        summary: "Unblock a client blocked in a blocking command from a different \
            connection",
        since: "5.0.0",
        complexity: "O(log N) where N is the number of client connections",
        group: Group::Connection,
        arity: Arity::AtLeast(3),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        args: &[
            Arg::int("client-id"),
            Arg::one_of(
                "timeout_error",
                &[Arg::word("timeout", "TIMEOUT"), Arg::word("error", "ERROR")],
            )
            .optional(),
        ],
        ..CommandSpec::BASE
    },
    client_unblock,
);

fn client_unblock(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let id = args.int()?;
    let mut with_error = false;
    if args.left() > 0 {
        with_error = match args.bytes()?.to_ascii_uppercase().as_slice() {
            b"TIMEOUT" => false,
            b"ERROR" => true,
            _ => {
                return Err(CmdError::text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
            }
        };
    }
    let client = u64::try_from(id).ok().and_then(|id| cx.server.clients.get(id));
    let unblocked = client.is_some_and(|client| unblock(cx.server, &client, with_error));
    Ok(Reply::Flag(unblocked))
}

/// Ends what a connection waits for, unless it has just got it or may not be disturbed.
fn unblock(server: &Server, client: &ClientShared, with_error: bool) -> bool {
    let waits_for_report = client.flags().contains(ClientFlags::UNBLOCKABLE);
    let report = || waits_for_report.then(|| server.durability.take_out(client.id)).flatten();
    let ticket = server.waiters.take_out(client.id).or_else(report);
    if let Some(ticket) = ticket {
        client.post(Mail::Unblock { ticket, with_error });
    }
    ticket.is_some()
}
