//! CLIENT subcommands about the connection that sends them.

use super::describe::describe;
use super::session::{is_printable_word, set_name};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, Categories, CmdError, CmdResult, CommandSpec, Flags, Group};
use crate::state::ClientFlags;

pub const CLIENT: Command = Command::new(
    CommandSpec {
        name: "client",
        summary: "A container for client connection commands",
        since: "2.4.0",
        complexity: "Depends on subcommand.",
        group: Group::Connection,
        arity: Arity::AtLeast(2),
        categories: Some(Categories::empty()),
        ..CommandSpec::BASE
    },
    client,
);

/// Only reached without a subcommand, which its arity refuses.
fn client(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    Err(args.wrong_arity())
}

pub const CLIENT_GETNAME: Command = Command::new(
    CommandSpec {
        name: "client|getname",
        summary: "Get the current connection name",
        since: "2.6.9",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(2),
        flags: Flags::NO_SCRIPT.union(Flags::LOADING).union(Flags::STALE),
        ..CommandSpec::BASE
    },
    client_getname,
);

fn client_getname(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let details = cx.client.shared.details.lock();
    if details.name.is_empty() {
        return Ok(Reply::Nil);
    }
    cx.out.bulk(&details.name);
    Ok(Reply::Written)
}

pub const CLIENT_ID: Command = Command::new(
    CommandSpec {
        name: "client|id",
        summary: "Returns the client ID for the current connection",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(2),
        flags: Flags::NO_SCRIPT.union(Flags::LOADING).union(Flags::STALE),
        ..CommandSpec::BASE
    },
    client_id,
);

fn client_id(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    Ok(Reply::Int(cx.client.shared.id as i64))
}

pub const CLIENT_INFO: Command = Command::new(
    CommandSpec {
        name: "client|info",
        summary: "Returns information about the current client connection.",
        since: "6.2.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(2),
        flags: Flags::NO_SCRIPT.union(Flags::LOADING).union(Flags::STALE),
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    client_info,
);

fn client_info(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let mut line = describe(&cx.client.shared, cx.now);
    line.push(b'\n');
    cx.out.verbatim(*b"txt", &line);
    Ok(Reply::Written)
}

pub const CLIENT_SETNAME: Command = Command::new(
    CommandSpec {
        name: "client|setname",
        summary: "Set the current connection name",
        since: "2.6.9",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(3),
        flags: Flags::NO_SCRIPT.union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::string("connection-name")],
        ..CommandSpec::BASE
    },
    client_setname,
);

fn client_setname(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    set_name(cx, args.bytes()?)?;
    Ok(Reply::Ok)
}

pub const CLIENT_SETINFO: Command = Command::new(
    CommandSpec {
        name: "client|setinfo",
        summary: "Sets information specific to the client or connection.",
        since: "7.2.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(4),
        flags: Flags::NO_SCRIPT.union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::one_of(
            "attr",
            &[Arg::string("libname").token("LIB-NAME"), Arg::string("libver").token("LIB-VER")],
        )],
        ..CommandSpec::BASE
    },
    client_setinfo,
);

fn client_setinfo(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (attribute, value) = (args.bytes()?, args.bytes()?);
    let mut details = cx.client.shared.details.lock();
    let (name, target) = match attribute.to_ascii_uppercase().as_slice() {
        b"LIB-NAME" => ("LIB-NAME", &mut details.lib_name),
        b"LIB-VER" => ("LIB-VER", &mut details.lib_version),
        _ => {
            return Err(CmdError::echoing(&[b"ERR Unrecognized option '", attribute, b"'"]));
        }
    };
    if !is_printable_word(value) {
        return Err(CmdError::owned(format!(
            "ERR {name} cannot contain spaces, newlines or special characters."
        )));
    }
    *target = value.to_vec();
    Ok(Reply::Ok)
}

pub const CLIENT_REPLY: Command = Command::new(
    CommandSpec {
        name: "client|reply",
        summary: "Instruct the server whether to reply to commands",
        since: "3.2.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(3),
        flags: Flags::NO_SCRIPT.union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::one_of(
            "on_off_skip",
            &[Arg::word("on", "ON"), Arg::word("off", "OFF"), Arg::word("skip", "SKIP")],
        )],
        ..CommandSpec::BASE
    },
    client_reply,
);

fn client_reply(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    match args.bytes()?.to_ascii_uppercase().as_slice() {
        b"ON" => {
            cx.client.set(ClientFlags::REPLY_OFF.union(ClientFlags::REPLY_SKIP_NEXT), false);
            Ok(Reply::Ok)
        }
        b"OFF" => {
            cx.client.set(ClientFlags::REPLY_OFF, true);
            Ok(Reply::Written)
        }
        b"SKIP" => {
            if !cx.client.flags.contains(ClientFlags::REPLY_OFF) {
                cx.client.set(ClientFlags::REPLY_SKIP_NEXT, true);
            }
            Ok(Reply::Written)
        }
        _ => Err(CmdError::Syntax),
    }
}

pub const CLIENT_NO_EVICT: Command = Command::new(
    CommandSpec {
        name: "client|no-evict",
        summary: "Set client eviction mode for the current connection",
        since: "7.0.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(3),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::one_of("enabled", &[Arg::word("on", "ON"), Arg::word("off", "OFF")])],
        ..CommandSpec::BASE
    },
    client_no_evict,
);

fn client_no_evict(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let on = on_or_off(args)?;
    cx.client.set(ClientFlags::NO_EVICT, on);
    Ok(Reply::Ok)
}

pub const CLIENT_NO_TOUCH: Command = Command::new(
    CommandSpec {
        name: "client|no-touch",
        summary: "Controls whether commands sent by the client affect the LRU/LFU of \
            accessed keys.",
        since: "7.2.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(3),
        flags: Flags::NO_SCRIPT.union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::one_of("enabled", &[Arg::word("on", "ON"), Arg::word("off", "OFF")])],
        ..CommandSpec::BASE
    },
    client_no_touch,
);

fn client_no_touch(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let on = on_or_off(args)?;
    cx.client.set(ClientFlags::NO_TOUCH, on);
    Ok(Reply::Ok)
}

fn on_or_off(args: &mut Args<'_>) -> CmdResult<bool> {
    match args.bytes()?.to_ascii_uppercase().as_slice() {
        b"ON" => Ok(true),
        b"OFF" => Ok(false),
        _ => Err(CmdError::Syntax),
    }
}

pub const CLIENT_HELP: Command = Command::new(
    CommandSpec {
        name: "client|help",
        summary: "Show helpful text about the different subcommands",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE),
        ..CommandSpec::BASE
    },
    client_help,
);

fn client_help(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    crate::commands::help::write(cx.out, HELP);
    Ok(Reply::Written)
}

const HELP: &[&str] = &[
    "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CACHING (YES|NO)",
    "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
    "GETREDIR",
    "    Return the client ID we are redirecting to when tracking is enabled.",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * ID <client-id>",
    "      Kill connections by client id.",
    "    * MAXAGE <maxage>",
    "      Kill connections older than the specified age.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "LIST [options ...]",
    "    Return information about client connections. Options:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Return clients of specified type.",
    "UNPAUSE",
    "    Stop the current client pause, resuming traffic.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Suspend all, or just write, clients for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "SETINFO <option> <value>",
    "    Set client meta attr. Options are:",
    "    * LIB-NAME: the client lib name.",
    "    * LIB-VER: the client lib version.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Control server assisted client side caching.",
    "TRACKINGINFO",
    "    Report tracking status for the current connection.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
    "NO-TOUCH (ON|OFF)",
    "    Will not touch LRU/LFU stats when this mode is on.",
    "HELP",
    "    Prints this help.",
];
