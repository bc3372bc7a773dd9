//! The gates a request passes before it runs, in the order in which their refusals win.
//!
//! The first half needs nothing but the request and the connection; the second is asked under the
//! locks of the request's slots, because who owns a slot may only be decided there.

use smallvec::SmallVec;

use crate::base::{Slot, same_bytes};
use crate::commands::{Ctx, Registered, Table, keys, permission};
use crate::keyspace::{Key, Keyspace};
use crate::resp::RawRequest;
use crate::spec::{CmdError, CmdResult, Flags};
use crate::state::conditions::Condition;
use crate::state::{Client, ClientFlags};

/// Bytes of an unknown command's name and of its arguments that its error repeats.
const ECHO_MAX: usize = 128;

/// What the previous request called its command, and which that was.
pub(super) type Latest<'a> = Option<(&'a [u8], &'static Registered)>;

/// The command or subcommand a request names. Pipelines repeat the latest one's.
#[inline]
pub(super) fn look_up(
    request: RawRequest<'_>,
    latest: Latest<'_>,
) -> CmdResult<&'static Registered> {
    let name = request.arg(0);
    let table = Table::get();
    let found = match latest {
        Some((same, latest)) if !latest.is_subcommand && same_bytes(same, name) => latest,
        _ => table.find(name).ok_or_else(|| unknown_command(request))?,
    };
    if found.subcommands.is_empty() || request.len() < 2 {
        return Ok(found);
    }
    table.find_subcommand(found, request.arg(1)).ok_or_else(|| unknown_subcommand(request))
}

/// What the first lines of an HTTP request begin with.
const HTTP_WORDS: [&[u8]; 2] = [b"post", b"host:"];

/// Whether a request is really a browser's, which a page has talked into sending it here. Nothing
/// after it may run.
#[cold]
pub(super) fn is_http(request: RawRequest<'_>) -> bool {
    HTTP_WORDS.iter().any(|word| request.arg(0).eq_ignore_ascii_case(word))
}

#[cold]
fn unknown_command(request: RawRequest<'_>) -> CmdError {
    let mut args = Vec::new();
    for arg in request.args().skip(1) {
        if args.len() >= ECHO_MAX {
            break;
        }
        let room = ECHO_MAX - args.len();
        args.extend([b"'", echo(arg, room), b"' "].concat());
    }
    let name = echo(request.arg(0), ECHO_MAX);
    CmdError::echoing(&[b"ERR unknown command '", name, b"', with args beginning with: ", &args])
}

#[cold]
fn unknown_subcommand(request: RawRequest<'_>) -> CmdError {
    let container = echo(request.arg(0), ECHO_MAX).to_ascii_uppercase();
    let name = echo(request.arg(1), ECHO_MAX);
    CmdError::echoing(&[b"ERR unknown subcommand '", name, b"'. Try ", &container, b" HELP."])
}

/// At most so many bytes, and none from the first zero byte on.
fn echo(bytes: &[u8], max: usize) -> &[u8] {
    let bytes = &bytes[..bytes.len().min(max)];
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Gates that need no key: arity, authentication, permission.
#[inline]
pub(super) fn before_keys(
    command: &'static Registered,
    request: RawRequest<'_>,
    client: &Client,
) -> CmdResult<()> {
    let spec = command.spec;
    if !spec.arity.accepts(request.len()) {
        return Err(CmdError::WrongArity { command: spec.name });
    }
    if !client.authenticated && !command.flags.contains(Flags::NO_AUTH) && !client.is_let_in() {
        return Err(CmdError::NoAuth);
    }
    if client.flags.intersects(RESTRICTED) { is_allowed(command, request, client) } else { Ok(()) }
}

/// Flags of connections that may not send everything.
const RESTRICTED: ClientFlags = ClientFlags::LIMITED
    .union(ClientFlags::MULTI)
    .union(ClientFlags::SUBSCRIBED)
    .union(ClientFlags::MONITOR);

/// Whether the connection's user, and the mode that it is in, allow the command.
#[cold]
fn is_allowed(
    command: &'static Registered,
    request: RawRequest<'_>,
    client: &Client,
) -> CmdResult<()> {
    let (flags, name) = (command.flags, command.spec.name);
    if client.flags.contains(ClientFlags::MULTI) && flags.contains(Flags::NO_MULTI) {
        return Err(CmdError::text("ERR Command not allowed inside a transaction"));
    }
    permission::check(command, request, client)?;
    if client.only_listens() && !flags.contains(Flags::WHILE_SUBSCRIBED) {
        return Err(CmdError::owned(format!(
            "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / \
             RESET are allowed in this context"
        )));
    }
    let keys = Flags::WRITE.union(Flags::READONLY).union(Flags::MAY_REPLICATE);
    if client.flags.contains(ClientFlags::MONITOR) && flags.intersects(keys) {
        return Err(CmdError::text("ERR Replica can't interact with the keyspace"));
    }
    Ok(())
}

/// Appends the request's keys, hashed, to the group's.
#[inline]
pub(super) fn add_keys<'a, A>(
    command: &'static Registered,
    request: RawRequest<'a>,
    keyspace: &Keyspace,
    keys: &mut SmallVec<A>,
) -> CmdResult<()>
where
    A: smallvec::Array<Item = Key<'a>>,
{
    if !command.has_keys {
        return Ok(());
    }
    let mut add = |index: usize| {
        let bytes = request.arg(index);
        // Pipelines often work on one collection.
        let key = match keys.last() {
            Some(latest) if same_bytes(latest.bytes, bytes) => {
                Key::new(bytes, latest.hash, latest.slot)
            }
            _ => Key::new(bytes, keyspace.hash(bytes), Slot::of(bytes)),
        };
        keys.push(key);
    };
    if let Some((first, last, step)) = command.key_range {
        let end = if last >= 0 {
            usize::from(first) + last as usize
        } else {
            request.len() - usize::from(last.unsigned_abs())
        };
        let end = end.min(request.len() - 1);
        (usize::from(first)..=end).step_by(usize::from(step)).for_each(&mut add);
        return Ok(());
    }
    let mut found = keys::Found::new();
    if command.flags.contains(Flags::SHARD_CHANNELS) {
        let find = |spec| keys::find_by_spec(spec, request, &mut found);
        drop(command.spec.keys.iter().try_for_each(find));
        found.iter().for_each(|&(index, _)| add(index as usize));
        return Ok(());
    }
    // What makes no sense as keys is the handler's to refuse, in the command's own words.
    if keys::find(command, request, &mut found).is_ok() {
        found.sort_unstable_by_key(|&(index, _)| index);
        found.iter().for_each(|&(index, _)| add(index as usize));
    }
    Ok(())
}

/// Whether CLIENT PAUSE holds a command with these flags back.
#[inline]
pub(super) fn is_paused(flags: Flags, conditions: Condition) -> bool {
    const PAUSES: Condition =
        Condition::PAUSE_ALL.union(Condition::PAUSE_WRITES).union(Condition::WRITES_WAIT);
    if !conditions.intersects(PAUSES) {
        return false;
    }
    conditions.contains(Condition::PAUSE_ALL)
        || flags.intersects(Flags::WRITE.union(Flags::MAY_REPLICATE))
}

/// What is asked for: a command, with the flags of all that it will run.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub command: &'static Registered,
    pub flags: Flags,
}

/// A gate asked under the request's locks.
type Gate = fn(&Ctx<'_>, Asked, Condition) -> CmdResult<()>;

/// In the order in which refusals win; cluster routing comes before all of them.
const GATES: &[Gate] = &[
    debug_is_enabled,
    memory_is_left,
    disk_takes_snapshots,
    disk_takes_writes,
    replicas_are_enough,
    primary_is_here,
    data_is_fresh,
    dataset_is_loaded,
];

/// Conditions and flags under which the slow gates must be asked.
const SUSPICIOUS: Condition = Condition::LOADING
    .union(Condition::ASYNC_LOADING)
    .union(Condition::OUT_OF_MEMORY)
    .union(Condition::FEW_REPLICAS)
    .union(Condition::READ_ONLY)
    .union(Condition::STALE)
    .union(Condition::SAVE_FAILED)
    .union(Condition::AOF_FAILS)
    .union(Condition::AOF_BEHIND);

/// A replica whose disk does not take what its primary has it write ends, as Redis does, unless it
/// was told to go on.
fn disk_takes_the_stream(cx: &Ctx<'_>, asked: Asked, on: Condition) {
    let fails = on.intersects(Condition::AOF_FAILS.union(Condition::SAVE_FAILED));
    let is_stream = on.contains(Condition::REPLICA) && !on.contains(Condition::LOADING);
    let is_write = asked.flags.contains(Flags::WRITE);
    if fails && is_stream && is_write && !cx.settings.replica_ignore_disk_write_errors {
        tracing::error!("the primary's writes cannot be kept on the disk: exiting");
        std::process::exit(1);
    }
}

/// Gates that need the locks, after slot ownership: memory, replication, loading. What comes from
/// this node's primary passes all of them.
#[inline]
pub(super) fn under_locks(cx: &Ctx<'_>, asked: Asked, conditions: Condition) -> CmdResult<()> {
    let suspicious = conditions.intersects(SUSPICIOUS) || asked.flags.contains(Flags::PROTECTED);
    if suspicious && cx.client.flags.contains(ClientFlags::PRIMARY) {
        disk_takes_the_stream(cx, asked, conditions);
    } else if suspicious {
        return GATES.iter().try_for_each(|gate| gate(cx, asked, conditions));
    }
    Ok(())
}

fn debug_is_enabled(cx: &Ctx<'_>, Asked { command, .. }: Asked, _: Condition) -> CmdResult<()> {
    if !command.flags.contains(Flags::PROTECTED) {
        return Ok(());
    }
    if cx.settings.enable_debug_command.allows(cx.client.caller()) {
        return Ok(());
    }
    let name = command.spec.container().to_uppercase();
    let option = command.spec.container();
    Err(CmdError::owned(format!(
        "ERR {name} command not allowed. If the enable-{option}-command option is set to \
         \"local\", \
         you can run it from a local connection, otherwise you need to set this option in the \
         configuration file, and then restart the server."
    )))
}

fn memory_is_left(_: &Ctx<'_>, asked: Asked, on: Condition) -> CmdResult<()> {
    let refused = on.contains(Condition::OUT_OF_MEMORY) && asked.flags.contains(Flags::DENY_OOM);
    if refused { Err(CmdError::OutOfMemory) } else { Ok(()) }
}

fn replicas_are_enough(_: &Ctx<'_>, asked: Asked, on: Condition) -> CmdResult<()> {
    let refused = on.contains(Condition::FEW_REPLICAS) && asked.flags.contains(Flags::WRITE);
    if refused { Err(CmdError::FewReplicas) } else { Ok(()) }
}

fn primary_is_here(_: &Ctx<'_>, asked: Asked, on: Condition) -> CmdResult<()> {
    let refused = on.contains(Condition::READ_ONLY) && asked.flags.contains(Flags::WRITE);
    if refused { Err(CmdError::ReadOnly) } else { Ok(()) }
}

fn data_is_fresh(_: &Ctx<'_>, asked: Asked, on: Condition) -> CmdResult<()> {
    let refused = on.contains(Condition::STALE) && !asked.flags.contains(Flags::STALE);
    if refused { Err(CmdError::PrimaryDown) } else { Ok(()) }
}

fn disk_takes_writes(cx: &Ctx<'_>, asked: Asked, on: Condition) -> CmdResult<()> {
    let fails = on.intersects(Condition::AOF_FAILS.union(Condition::AOF_BEHIND));
    if !fails || !asked.flags.intersects(Flags::WRITE.union(Flags::TELLS_HEALTH)) {
        return Ok(());
    }
    let failure = cx.server.aof.failure();
    let failure = failure.as_deref().unwrap_or("the disk does not keep up");
    Err(CmdError::owned(format!("MISCONF Errors writing to the AOF file: {failure}")))
}

fn disk_takes_snapshots(_: &Ctx<'_>, asked: Asked, on: Condition) -> CmdResult<()> {
    let writes = asked.flags.intersects(Flags::WRITE.union(Flags::TELLS_HEALTH));
    let failed = on.contains(Condition::SAVE_FAILED);
    let refused = failed && writes;
    if refused { Err(SAVE_FAILED) } else { Ok(()) }
}

const SAVE_FAILED: CmdError = CmdError::text(
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to \
     disk. Commands that may modify the data set are disabled, because this instance is \
     configured to report errors during writes if RDB snapshotting fails \
     (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB \
     error.",
);

fn dataset_is_loaded(_: &Ctx<'_>, asked: Asked, on: Condition) -> CmdResult<()> {
    let unloaded = on.contains(Condition::LOADING) && !asked.flags.contains(Flags::LOADING);
    let replaced = on.contains(Condition::ASYNC_LOADING);
    let refused = unloaded || replaced && asked.flags.contains(Flags::NO_ASYNC_LOADING);
    if refused { Err(CmdError::Loading) } else { Ok(()) }
}
