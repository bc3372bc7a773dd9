//! Joining several into one.

use super::{PFADD_EVENT, refuse, store};
use crate::commands::keys::Found;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::resp::RawRequest;
use crate::spec::{Arg, ArgKind, Arity, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec};
use crate::types::hyperloglog::{self, REGISTERS};

pub const PFMERGE: Command = Command::new(
    CommandSpec {
        name: "pfmerge",
        summary: "Merge N different HyperLogLogs into a single one.",
        since: "2.8.9",
        complexity: "O(N) to merge N HyperLogLogs, but with high constant times.",
        group: Group::Hyperloglog,
        arity: Arity::AtLeast(2),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[
            KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::INSERT)),
            KeySpec::range(2, -1, 1, KeyFlags::RO.union(KeyFlags::ACCESS)),
        ],
        args: &[Arg::key("destkey"), Arg::new("sourcekey", ArgKind::Key(1)).multiple()],
        ..CommandSpec::BASE
    },
    pfmerge,
)
.with_keys(find_keys);

fn pfmerge(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let mut registers = Box::new([0; REGISTERS]);
    let mut digits = itoa::Buffer::new();
    let (mut dense, mut merged) = (false, None);
    let mut target = None;
    while args.left() > 0 {
        let key = args.key()?;
        let value = cx.db.string(&key)?;
        let bytes = value.as_ref().map(|value| value.text(&mut digits));
        if let Some(bytes) = bytes {
            hyperloglog::merge_into(&mut registers, bytes).map_err(refuse)?;
            dense |= hyperloglog::is_dense(bytes);
        }
        if target.is_none() {
            target = Some(key);
            merged = bytes.map(<[u8]>::to_vec);
        }
    }
    let target = target.ok_or_else(|| args.wrong_arity())?;
    let mut merged = merged.unwrap_or_else(hyperloglog::new);
    let sparse_max_bytes = cx.settings.hll_sparse_max_bytes;
    hyperloglog::raise_all(&mut merged, &registers, dense, sparse_max_bytes).map_err(refuse)?;
    store(cx, &target, merged);
    cx.changed(&target, PFADD_EVENT);
    Ok(Reply::Ok)
}

/// As declared, but without sources too.
fn find_keys(request: RawRequest<'_>, found: &mut Found) -> CmdResult<()> {
    let [target, sources] = [0, 1].map(|spec| PFMERGE.spec.keys[spec].flags);
    let flags = |index| if index == 1 { target } else { sources };
    found.extend((1..request.len()).map(|index| (index as u32, flags(index))));
    Ok(())
}
