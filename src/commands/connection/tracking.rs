//! CLIENT TRACKING and its kin: the connection caches what it reads.

use std::sync::atomic::Ordering;

use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group};
use crate::state::ClientFlags;
use crate::state::tracking::Wish;

/// What all of these are.
const FLAGS: Flags = Flags::NO_SCRIPT.union(Flags::LOADING).union(Flags::STALE);

pub const CLIENT_TRACKING: Command = Command::new(
    CommandSpec {
        name: "client|tracking",
        summary: "Enable or disable server assisted client side caching support",
        since: "6.0.0",
        complexity: "O(1). Some options may introduce additional complexity.",
        group: Group::Connection,
        arity: Arity::AtLeast(3),
        flags: FLAGS,
        args: &[
            Arg::one_of("status", &[Arg::word("on", "ON"), Arg::word("off", "OFF")]),
            Arg::int("client-id").token("REDIRECT").optional(),
            Arg::string("prefix").token("PREFIX").optional().multiple_token(),
            Arg::word("bcast", "BCAST").optional(),
            Arg::word("optin", "OPTIN").optional(),
            Arg::word("optout", "OPTOUT").optional(),
            Arg::word("noloop", "NOLOOP").optional(),
        ],
        ..CommandSpec::BASE
    },
    client_tracking,
);

fn client_tracking(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let status = args.bytes()?.to_ascii_uppercase();
    let mut wish = Wish { flags: ClientFlags::empty(), redirect: 0, prefixes: Vec::new() };
    while let Some(word) = args.token() {
        match word.upper() {
            b"REDIRECT" if args.left() > 0 => wish.redirect = redirect(cx, args, wish.redirect)?,
            b"PREFIX" if args.left() > 0 => wish.prefixes.push(args.bytes()?.into()),
            b"BCAST" => wish.flags |= ClientFlags::BROADCAST,
            b"OPTIN" => wish.flags |= ClientFlags::OPT_IN,
            b"OPTOUT" => wish.flags |= ClientFlags::OPT_OUT,
            b"NOLOOP" => wish.flags |= ClientFlags::NO_LOOP,
            _ => return Err(CmdError::Syntax),
        }
    }
    match status.as_slice() {
        b"ON" => {
            check(cx, &wish)?;
            if wish.flags.contains(ClientFlags::BROADCAST) && wish.prefixes.is_empty() {
                wish.prefixes.push(Box::default());
            }
            cx.server.tracking.start(cx.client, wish);
        }
        b"OFF" => cx.server.tracking.stop(cx.client),
        _ => return Err(CmdError::Syntax),
    }
    Ok(Reply::Ok)
}

fn redirect(cx: &Ctx<'_>, args: &mut Args<'_>, before: u64) -> CmdResult<u64> {
    if before != 0 {
        return Err(CmdError::text("ERR A client can only redirect to a single other client"));
    }
    let id = u64::try_from(args.int()?).unwrap_or(0);
    let known = cx.server.clients.get(id).map(|_| id);
    known.ok_or(CmdError::text("ERR The client ID you want redirect to does not exist"))
}

/// Whether tracking can be done, or gone on with, so.
fn check(cx: &Ctx<'_>, wish: &Wish) -> CmdResult<()> {
    let (now, is) = (cx.client.flags, wish.flags);
    let broadcasts = is.contains(ClientFlags::BROADCAST);
    let opts = ClientFlags::OPT_IN.union(ClientFlags::OPT_OUT);
    let tracks = now.contains(ClientFlags::TRACKING);
    let refusal = if !broadcasts && !wish.prefixes.is_empty() {
        "ERR PREFIX option requires BCAST mode to be enabled"
    } else if tracks && broadcasts != now.contains(ClientFlags::BROADCAST) {
        "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and \
         then re-enabling it with a different mode."
    } else if broadcasts && is.intersects(opts) {
        "ERR OPTIN and OPTOUT are not compatible with BCAST"
    } else if is.contains(opts) {
        "ERR You can't specify both OPTIN mode and OPTOUT mode"
    } else if is.intersects(opts) && now.intersects(opts) && is.union(now).contains(opts) {
        "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and \
         then re-enabling it with a different mode."
    } else {
        return check_prefixes(cx, wish);
    };
    Err(CmdError::text(refusal))
}

fn check_prefixes(cx: &Ctx<'_>, wish: &Wish) -> CmdResult<()> {
    let overlap = |one: &[u8], other: &[u8]| one.starts_with(other) || other.starts_with(one);
    let refused = |prefix: &[u8], with: &str, other: &[u8]| {
        let (prefix, other) = (String::from_utf8_lossy(prefix), String::from_utf8_lossy(other));
        Err(CmdError::owned(format!(
            "ERR Prefix '{prefix}' overlaps with {with} prefix '{other}'. Prefixes for a single \
             client must not overlap."
        )))
    };
    for (index, prefix) in wish.prefixes.iter().enumerate() {
        if let Some(other) = cx.client.prefixes.iter().find(|other| overlap(prefix, other)) {
            return refused(prefix, "an existing", other);
        }
        if let Some(other) = wish.prefixes[index + 1..].iter().find(|other| overlap(prefix, other))
        {
            return refused(prefix, "another provided", other);
        }
    }
    Ok(())
}

pub const CLIENT_CACHING: Command = Command::new(
    CommandSpec {
        name: "client|caching",
        summary: "Instruct the server about tracking or not keys in the next request",
        since: "6.0.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(3),
        flags: FLAGS,
        args: &[Arg::one_of("mode", &[Arg::word("yes", "YES"), Arg::word("no", "NO")])],
        ..CommandSpec::BASE
    },
    client_caching,
);

fn client_caching(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let flags = cx.client.flags;
    if !flags.contains(ClientFlags::TRACKING) {
        return Err(CmdError::text(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN \
             or OPTOUT mode enabled",
        ));
    }
    let (mode, refusal) = match args.bytes()?.to_ascii_uppercase().as_slice() {
        b"YES" => (
            ClientFlags::OPT_IN,
            "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
        ),
        b"NO" => (
            ClientFlags::OPT_OUT,
            "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
        ),
        _ => return Err(CmdError::Syntax),
    };
    if !flags.contains(mode) {
        return Err(CmdError::text(refusal));
    }
    cx.client.set(ClientFlags::CACHING.union(ClientFlags::CACHING_NEXT), true);
    Ok(Reply::Ok)
}

pub const CLIENT_GETREDIR: Command = Command::new(
    CommandSpec {
        name: "client|getredir",
        summary: "Get tracking notifications redirection client ID if any",
        since: "6.0.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(2),
        flags: FLAGS,
        ..CommandSpec::BASE
    },
    client_getredir,
);

fn client_getredir(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    Ok(Reply::Int(cx.client.shared.redirects_to()))
}

pub const CLIENT_TRACKINGINFO: Command = Command::new(
    CommandSpec {
        name: "client|trackinginfo",
        summary: "Return information about server assisted client side caching for the \
            current connection",
        since: "6.2.0",
        complexity: "O(1)",
        group: Group::Connection,
        arity: Arity::Exact(2),
        flags: FLAGS,
        ..CommandSpec::BASE
    },
    client_trackinginfo,
);

fn client_trackinginfo(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let flags = cx.client.flags;
    let has = |flag: ClientFlags, name: &'static str| flags.contains(flag).then_some(name);
    let tracks = flags.contains(ClientFlags::TRACKING);
    let chosen = |mode: ClientFlags, name| has(mode.union(ClientFlags::CACHING), name);
    let broken = cx.client.shared.redirect_broken.load(Ordering::Relaxed);
    let words = [
        Some(if tracks { "on" } else { "off" }),
        has(ClientFlags::BROADCAST, "bcast"),
        has(ClientFlags::OPT_IN, "optin"),
        chosen(ClientFlags::OPT_IN, "caching-yes"),
        has(ClientFlags::OPT_OUT, "optout"),
        chosen(ClientFlags::OPT_OUT, "caching-no"),
        has(ClientFlags::NO_LOOP, "noloop"),
        broken.then_some("broken_redirect"),
    ];
    let out = &mut *cx.out;
    out.map(3);
    out.bulk(b"flags");
    out.set(words.iter().flatten().count());
    words.iter().flatten().for_each(|word| out.bulk(word.as_bytes()));
    out.bulk(b"redirect");
    out.int(cx.client.shared.redirects_to());
    out.bulk(b"prefixes");
    out.array(cx.client.prefixes.len());
    cx.client.prefixes.iter().for_each(|prefix| out.bulk(prefix));
    Ok(Reply::Written)
}
