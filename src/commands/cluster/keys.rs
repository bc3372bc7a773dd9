//! Slots and the keys in them, answered without the control plane: admin tools ask for many slots
//! in a row.

use super::enabled;
use crate::base::Slot;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Place;
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, Plan};

pub const CLUSTER_COUNTKEYSINSLOT: Command = Command::new(
    CommandSpec {
        name: "cluster|countkeysinslot",
        summary: "Return the number of local keys in the specified hash slot",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(3),
        flags: Flags::STALE,
        args: &[Arg::int("slot")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    cluster_countkeysinslot,
);

fn cluster_countkeysinslot(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    enabled(cx)?;
    let slot = slot(args.int()?).ok_or(CmdError::text("ERR Invalid slot"))?;
    Ok(Reply::Int(cx.server.keyspace.slot_len(Place { db: 0, slot }) as i64))
}

pub const CLUSTER_GETKEYSINSLOT: Command = Command::new(
    CommandSpec {
        name: "cluster|getkeysinslot",
        summary: "Return local key names in the specified hash slot",
        since: "3.0.0",
        complexity: "O(log(N)) where N is the number of requested keys",
        group: Group::Cluster,
        arity: Arity::Exact(4),
        flags: Flags::STALE,
        args: &[Arg::int("slot"), Arg::int("count")],
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    cluster_getkeysinslot,
);

fn cluster_getkeysinslot(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    enabled(cx)?;
    let (number, count) = (args.int()?, args.int()?);
    let (Some(slot), Ok(count)) = (slot(number), usize::try_from(count)) else {
        return Err(CmdError::text("ERR Invalid slot or number of keys"));
    };
    let begun = cx.out.begin_deferred();
    let mut found = 0;
    let out = &mut *cx.out;
    // Expired keys too: COUNTKEYSINSLOT counts them, and a slot is not handed over while it holds
    // any.
    cx.server.keyspace.with_slot(Place { db: 0, slot }, |store| {
        let mut next = Some(0);
        while let Some(at) = next.filter(|_| found < count) {
            next = store.table().scan(at, |entry| {
                if found < count {
                    out.bulk(entry.key());
                    found += 1;
                }
            });
        }
    });
    cx.out.end_array(begun, found);
    Ok(Reply::Written)
}

pub const CLUSTER_KEYSLOT: Command = Command::new(
    CommandSpec {
        name: "cluster|keyslot",
        summary: "Returns the hash slot of the specified key",
        since: "3.0.0",
        complexity: "O(N) where N is the number of bytes in the key",
        group: Group::Cluster,
        arity: Arity::Exact(3),
        flags: Flags::STALE,
        args: &[Arg::string("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    cluster_keyslot,
);

fn cluster_keyslot(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    enabled(cx)?;
    Ok(Reply::Int(i64::from(Slot::of(args.bytes()?).number())))
}

fn slot(number: i64) -> Option<Slot> {
    u16::try_from(number).ok().and_then(Slot::new)
}
