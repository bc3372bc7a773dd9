//! What there is: categories, users, oneself.

use super::change::FLAGS;
use crate::acl::Selector;
use crate::commands::{Args, Command, Ctx, Reply, help};
use crate::spec::{Arg, Arity, Categories, CmdError, CmdResult, CommandSpec, Flags, Group};

pub const ACL: Command = Command::new(
    CommandSpec {
        name: "acl",
        summary: "A container for Access List Control commands ",
        since: "6.0.0",
        complexity: "Depends on subcommand.",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        ..CommandSpec::BASE
    },
    acl,
);

/// Only reached without a subcommand, which its arity refuses.
fn acl(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    Err(args.wrong_arity())
}

pub const ACL_CAT: Command = Command::new(
    CommandSpec {
        name: "acl|cat",
        summary: "List the ACL categories or the commands inside a category",
        since: "6.0.0",
        complexity: "O(1) since the categories and commands are a fixed set.",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        flags: Flags::NO_SCRIPT.union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::string("categoryname").optional()],
        ..CommandSpec::BASE
    },
    acl_cat,
);

fn acl_cat(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if args.left() > 1 {
        return Err(args.unknown_form());
    }
    if args.left() == 0 {
        cx.out.array(Categories::NAMES.len());
        Categories::NAMES.iter().for_each(|(_, name)| cx.out.bulk(name.as_bytes()));
        return Ok(Reply::Written);
    }
    let name = args.bytes()?;
    let category = Categories::named(name).ok_or_else(|| {
        CmdError::owned(format!("ERR Unknown category '{}'", String::from_utf8_lossy(name)))
    })?;
    let catalog = cx.server.acl.catalog;
    cx.out.array(catalog.of(category).count());
    catalog.of(category).for_each(|(_, entry)| cx.out.bulk(entry.name.as_bytes()));
    Ok(Reply::Written)
}

pub const ACL_GETUSER: Command = Command::new(
    CommandSpec {
        name: "acl|getuser",
        summary: "Get the rules for a specific ACL user",
        since: "6.0.0",
        complexity: "O(N). Where N is the number of password, command and pattern rules that the \
            user has.",
        group: Group::Server,
        arity: Arity::Exact(3),
        flags: FLAGS,
        args: &[Arg::string("username")],
        history: &[
            ("6.2.0", "Added Pub/Sub channel patterns."),
            (
                "7.0.0",
                "Added selectors and changed the format of key and channel patterns from a \
            list to their rule representation.",
            ),
        ],
        ..CommandSpec::BASE
    },
    acl_getuser,
);

fn acl_getuser(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let name = args.bytes()?;
    let users = cx.server.acl.users();
    let Some(user) = users.get(name) else { return Ok(Reply::Nil) };
    let out = &mut *cx.out;
    out.map(6);
    out.bulk(b"flags");
    out.set(user.flags().count());
    user.flags().for_each(|flag| out.bulk(flag.as_bytes()));
    out.bulk(b"passwords");
    out.array(user.passwords().len());
    user.passwords().iter().for_each(|known| out.bulk(known.to_text().as_bytes()));
    write_selector(cx, user.root());
    cx.out.bulk(b"selectors");
    cx.out.array(user.selectors().len());
    for selector in user.selectors() {
        cx.out.map(3);
        write_selector(cx, selector);
    }
    Ok(Reply::Written)
}

/// Three pairs of a map.
fn write_selector(cx: &mut Ctx<'_>, selector: &Selector) {
    let pairs = [
        ("commands", selector.describe_commands(cx.server.acl.catalog)),
        ("keys", selector.describe_keys()),
        ("channels", selector.describe_channels()),
    ];
    for (name, rules) in pairs {
        cx.out.bulk(name.as_bytes());
        cx.out.bulk(&rules);
    }
}

pub const ACL_LIST: Command = Command::new(
    CommandSpec {
        name: "acl|list",
        summary: "List the current ACL rules in ACL config file format",
        since: "6.0.0",
        complexity: "O(N). Where N is the number of configured users.",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: FLAGS,
        ..CommandSpec::BASE
    },
    acl_list,
);

fn acl_list(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let users = cx.server.acl.users();
    cx.out.array(users.iter().len());
    users.iter().for_each(|user| cx.out.bulk(&user.line(cx.server.acl.catalog)));
    Ok(Reply::Written)
}

pub const ACL_USERS: Command = Command::new(
    CommandSpec {
        name: "acl|users",
        summary: "List the username of all the configured ACL rules",
        since: "6.0.0",
        complexity: "O(N). Where N is the number of configured users.",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: FLAGS,
        ..CommandSpec::BASE
    },
    acl_users,
);

fn acl_users(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let users = cx.server.acl.users();
    cx.out.array(users.iter().len());
    users.iter().for_each(|user| cx.out.bulk(&user.name));
    Ok(Reply::Written)
}

pub const ACL_WHOAMI: Command = Command::new(
    CommandSpec {
        name: "acl|whoami",
        summary: "Return the name of the user associated to the current connection",
        since: "6.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: Flags::NO_SCRIPT.union(Flags::LOADING).union(Flags::STALE),
        ..CommandSpec::BASE
    },
    acl_whoami,
);

fn acl_whoami(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    match &cx.client.user {
        Some(user) => cx.out.bulk(&user.name),
        None => cx.out.null(),
    }
    Ok(Reply::Written)
}

pub const ACL_HELP: Command = Command::new(
    CommandSpec {
        name: "acl|help",
        summary: "Show helpful text about the different subcommands",
        since: "6.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE),
        ..CommandSpec::BASE
    },
    acl_help,
);

fn acl_help(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    help::write(cx.out, HELP);
    Ok(Reply::Written)
}

const HELP: &[&str] = &[
    "ACL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CAT [<category>]",
    "    List all commands that belong to <category>, or all command categories",
    "    when no category is specified.",
    "DELUSER <username> [<username> ...]",
    "    Delete a list of users.",
    "DRYRUN <username> <command> [<arg> ...]",
    "    Returns whether the user can execute the given command without executing the command.",
    "GETUSER <username>",
    "    Get the user's details.",
    "GENPASS [<bits>]",
    "    Generate a secure 256-bit user password. The optional `bits` argument can",
    "    be used to specify a different size.",
    "LIST",
    "    Show users details in config file format.",
    "LOAD",
    "    Reload users from the ACL file.",
    "LOG [<count> | RESET]",
    "    Show the ACL log entries.",
    "SAVE",
    "    Save the current config to the ACL file.",
    "SETUSER <username> <attribute> [<attribute> ...]",
    "    Create or modify a user with the specified attributes.",
    "USERS",
    "    List all the registered usernames.",
    "WHOAMI",
    "    Return the current connection username.",
    "HELP",
    "    Prints this help.",
];
