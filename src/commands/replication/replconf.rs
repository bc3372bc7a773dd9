//! REPLCONF: what a replica says of itself, and how far it is.

use crate::base::number::parse_i64;
use crate::base::words::split;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::replication::sync::Filter;
use crate::spec::{Arity, CmdError, CmdResult, CommandSpec, Flags, Group, Plan};
use crate::state::ClientFlags;

pub const REPLCONF: Command = Command::new(
    CommandSpec {
        name: "replconf",
        summary: "An internal command for configuring the replication stream",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::AtLeast(1),
        flags: Flags::ADMIN
            .union(Flags::NO_SCRIPT)
            .union(Flags::LOADING)
            .union(Flags::STALE)
            .union(Flags::ALLOW_BUSY)
            .union(Flags::SYSTEM),
        plan: Plan::Alone,
        ..CommandSpec::BASE
    },
    replconf,
);

/// Bytes of an announced address.
const IP_MAX: usize = 255;

fn replconf(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if !args.left().is_multiple_of(2) {
        return Err(CmdError::Syntax);
    }
    while args.left() > 0 {
        let (name, value) = (args.bytes()?, args.bytes()?);
        let announced = &mut cx.client.announced;
        match name.to_ascii_lowercase().as_slice() {
            b"listening-port" => {
                let port = parse_i64(value).ok_or(CmdError::NotInteger)?;
                announced.port = port as u16;
            }
            b"ip-address" if value.len() > IP_MAX => {
                return Err(CmdError::owned(format!(
                    "ERR REPLCONF ip-address provided by replica instance is too long: {} bytes",
                    value.len()
                )));
            }
            b"ip-address" => announced.ip = String::from_utf8_lossy(value).into_owned(),
            b"capa" => {
                announced.eof |= value.eq_ignore_ascii_case(b"eof");
                announced.psync2 |= value.eq_ignore_ascii_case(b"psync2");
                announced.is_redpoll |= value.eq_ignore_ascii_case(b"redpoll");
            }
            // How far a replica is: its feeder reads that. Here nobody is one.
            b"ack" => return Ok(Reply::Written),
            b"getack" => {
                if cx.client.flags.contains(ClientFlags::PRIMARY) {
                    cx.client.acknowledge = Some(cx.server.log.end());
                }
                return Ok(Reply::Written);
            }
            b"version" => announced.version = version(value)?,
            b"rdb-only" => {
                let wanted = parse_i64(value).ok_or(CmdError::NotInteger)?;
                if !(0..=1).contains(&wanted) {
                    let told = "ERR value is out of range, value must between 0 and 1";
                    return Err(CmdError::text(told));
                }
                announced.rdb_only = wanted == 1;
            }
            b"rdb-filter-only" => announced.filter = Some(filter(value)?),
            _ => {
                let name = String::from_utf8_lossy(name);
                return Err(CmdError::owned(format!("ERR Unrecognized REPLCONF option: {name}")));
            }
        }
    }
    Ok(Reply::Ok)
}

/// The first number of a version `x.y.z`.
fn version(value: &[u8]) -> CmdResult<u32> {
    let text = String::from_utf8_lossy(value);
    let numbers: Vec<Option<u8>> = text.split('.').map(|part| part.parse().ok()).collect();
    match numbers[..] {
        [Some(major), Some(_), Some(_)] => Ok(u32::from(major)),
        _ => Err(CmdError::owned(format!("ERR Unrecognized version format: {text}"))),
    }
}

fn filter(value: &[u8]) -> CmdResult<Filter> {
    const MISSING: CmdError = CmdError::text("ERR Missing rdb-filter-only values");
    let mut filter = Filter::default();
    for word in split(value).map_err(|_| MISSING)? {
        if !word.eq_ignore_ascii_case(b"functions") {
            let word = String::from_utf8_lossy(&word);
            return Err(CmdError::owned(format!("ERR Unsupported rdb-filter-only option: {word}")));
        }
        filter.functions = true;
    }
    Ok(filter)
}
