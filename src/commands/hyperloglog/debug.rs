//! Looking inside.

use super::{refuse, store};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Key;
use crate::spec::{
    Arg, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec,
};
use crate::types::hyperloglog;

const NO_SUCH_KEY: CmdError = CmdError::text("ERR The specified key does not exist");
const NOT_SPARSE: CmdError = CmdError::text("ERR HLL encoding is not sparse");
const FAILED: CmdError = CmdError::text("TESTFAILED the HyperLogLog self test failed");

pub const PFDEBUG: Command = Command::new(
    CommandSpec {
        name: "pfdebug",
        summary: "Internal commands for debugging HyperLogLog values",
        since: "2.8.9",
        complexity: "N/A",
        group: Group::Hyperloglog,
        arity: Arity::Exact(3),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::ADMIN).union(Flags::SYSTEM),
        keys: &[KeySpec::one(2, KeyFlags::RW.union(KeyFlags::ACCESS))],
        args: &[Arg::string("subcommand"), Arg::key("key")],
        ..CommandSpec::BASE
    },
    pfdebug,
);

fn pfdebug(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let subcommand = args.token().ok_or(CmdError::Syntax)?;
    let key = args.key()?;
    let mut digits = itoa::Buffer::new();
    let value = cx.db.string(&key)?.ok_or(NO_SUCH_KEY)?;
    let bytes = value.text(&mut digits);
    hyperloglog::validate(bytes).map_err(refuse)?;
    let dense = hyperloglog::is_dense(bytes);
    let hll = bytes.to_vec();
    match subcommand.upper() {
        b"GETREG" => {
            let registers = hyperloglog::registers(&hll).map_err(refuse)?;
            if !dense {
                make_dense(cx, &key, hll)?;
            }
            cx.out.array(registers.len());
            registers.iter().for_each(|&register| cx.out.int(i64::from(register)));
            Ok(Reply::Written)
        }
        b"DECODE" => {
            let codes = hyperloglog::describe_sparse(&hll).ok_or(NOT_SPARSE)?;
            cx.out.bulk(codes.as_bytes());
            Ok(Reply::Written)
        }
        b"ENCODING" => Ok(Reply::Simple(if dense { "dense" } else { "sparse" })),
        b"TODENSE" => {
            if !dense {
                make_dense(cx, &key, hll)?;
            }
            Ok(Reply::Flag(!dense))
        }
        _ => {
            let name = subcommand.raw();
            Err(CmdError::echoing(&[b"ERR Unknown PFDEBUG subcommand '", name, b"'"]))
        }
    }
}

fn make_dense(cx: &mut Ctx<'_>, key: &Key, mut hll: Vec<u8>) -> CmdResult<()> {
    hyperloglog::to_dense(&mut hll).map_err(refuse)?;
    store(cx, key, hll);
    cx.changed(key, Event::UNTOLD);
    Ok(())
}

pub const PFSELFTEST: Command = Command::new(
    CommandSpec {
        name: "pfselftest",
        summary: "An internal command for testing HyperLogLog values",
        since: "2.8.9",
        complexity: "N/A",
        group: Group::Hyperloglog,
        arity: Arity::Exact(1),
        flags: Flags::ADMIN.union(Flags::SYSTEM),
        ..CommandSpec::BASE
    },
    pfselftest,
);

fn pfselftest(_cx: &mut Ctx<'_>, _args: &mut Args<'_>) -> CmdResult<Reply> {
    if hyperloglog::self_test() { Ok(Reply::Ok) } else { Err(FAILED) }
}
