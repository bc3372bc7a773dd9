//! What changes the users, or needs the system: all of it is the control plane's to do.

use crate::acl::DEFAULT_USER;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group};
use crate::state::Request;
use crate::state::control::{AclRequest, Secrets};

/// What all of these are but GENPASS.
pub(super) const FLAGS: Flags =
    Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE);

pub const ACL_SETUSER: Command = Command::new(
    CommandSpec {
        name: "acl|setuser",
        summary: "Modify or create the rules for a specific ACL user",
        since: "6.0.0",
        complexity: "O(N). Where N is the number of rules provided.",
        group: Group::Server,
        arity: Arity::AtLeast(3),
        flags: FLAGS,
        args: &[Arg::string("username"), Arg::string("rule").optional().multiple()],
        history: &[
            ("6.2.0", "Added Pub/Sub channel patterns."),
            ("7.0.0", "Added selectors and key based permissions."),
        ],
        ..CommandSpec::BASE
    },
    acl_setuser,
);

fn acl_setuser(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    (2..args.request().len()).for_each(|index| cx.redact(index));
    let name = args.bytes()?.to_vec();
    let rules = Secrets(args.request().args().skip(3).map(<[u8]>::to_vec).collect());
    cx.ask(Request::Acl(AclRequest::SetUser { name, rules }))
}

pub const ACL_DELUSER: Command = Command::new(
    CommandSpec {
        name: "acl|deluser",
        summary: "Remove the specified ACL users and the associated rules",
        since: "6.0.0",
        complexity: "O(1) amortized time considering the typical user.",
        group: Group::Server,
        arity: Arity::AtLeast(3),
        flags: FLAGS,
        args: &[Arg::string("username").multiple()],
        ..CommandSpec::BASE
    },
    acl_deluser,
);

fn acl_deluser(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let names: Vec<Vec<u8>> = args.request().args().skip(2).map(<[u8]>::to_vec).collect();
    if names.iter().any(|name| name == DEFAULT_USER) {
        return Err(CmdError::text("ERR The 'default' user cannot be removed"));
    }
    cx.ask(Request::Acl(AclRequest::DelUser(names)))
}

pub const ACL_LOAD: Command = Command::new(
    CommandSpec {
        name: "acl|load",
        summary: "Reload the ACLs from the configured ACL file",
        since: "6.0.0",
        complexity: "O(N). Where N is the number of configured users.",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: FLAGS,
        ..CommandSpec::BASE
    },
    acl_load,
);

fn acl_load(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    need_file(cx)?;
    cx.ask(Request::Acl(AclRequest::Load))
}

pub const ACL_SAVE: Command = Command::new(
    CommandSpec {
        name: "acl|save",
        summary: "Save the current ACL rules in the configured ACL file",
        since: "6.0.0",
        complexity: "O(N). Where N is the number of configured users.",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: FLAGS,
        ..CommandSpec::BASE
    },
    acl_save,
);

fn acl_save(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    need_file(cx)?;
    cx.ask(Request::Acl(AclRequest::Save))
}

fn need_file(cx: &Ctx<'_>) -> CmdResult<()> {
    if cx.settings.aclfile.is_empty() {
        return Err(CmdError::text(
            "ERR This Redis instance is not configured to use an ACL file. You may want to \
             specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming \
             you have a Redis configuration file set) in order to store users in the Redis \
             configuration.",
        ));
    }
    Ok(())
}

pub const ACL_GENPASS: Command = Command::new(
    CommandSpec {
        name: "acl|genpass",
        summary: "Generate a pseudorandom secure password to use for ACL users",
        since: "6.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        flags: Flags::NO_SCRIPT.union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::int("bits").optional()],
        ..CommandSpec::BASE
    },
    acl_genpass,
);

/// Bits of a password unless told otherwise, and at most.
const PASSWORD_BITS: i64 = 256;
const PASSWORD_BITS_MAX: i64 = 4096;

fn acl_genpass(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if args.left() > 1 {
        return Err(args.unknown_form());
    }
    let bits = if args.left() > 0 { args.int()? } else { PASSWORD_BITS };
    if !(1..=PASSWORD_BITS_MAX).contains(&bits) {
        return Err(CmdError::text(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a \
             positive number up to 4096",
        ));
    }
    let digits = (bits as usize).div_ceil(4);
    cx.ask(Request::Acl(AclRequest::GenPass { digits }))
}
