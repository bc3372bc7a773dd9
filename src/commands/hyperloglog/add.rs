//! Adding elements.

use super::{PFADD_EVENT, refuse, store};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan};
use crate::types::hyperloglog;

pub const PFADD: Command = Command::new(
    CommandSpec {
        name: "pfadd",
        summary: "Adds the specified elements to the specified HyperLogLog.",
        since: "2.8.9",
        complexity: "O(1) to add every element.",
        group: Group::Hyperloglog,
        arity: Arity::AtLeast(2),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::INSERT))],
        args: &[Arg::key("key"), Arg::string("element").optional().multiple()],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    pfadd,
);

fn pfadd(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let mut digits = itoa::Buffer::new();
    let existing = match cx.db.view_string(&key)? {
        None => None,
        Some(value) => {
            let bytes = value.text(&mut digits);
            hyperloglog::validate(bytes).map_err(refuse)?;
            let dense = hyperloglog::is_dense(bytes);
            Some(if dense { Existing::Dense } else { Existing::Sparse(bytes.to_vec()) })
        }
    };
    let (mut hll, mut changed) = match existing {
        Some(Existing::Dense) => {
            let changed = cx.db.edit_string(&key, 0, |bytes| add_dense(bytes, args))??;
            if changed > 0 {
                cx.changed_by(&key, PFADD_EVENT, changed);
            }
            return Ok(Reply::Flag(changed > 0));
        }
        Some(Existing::Sparse(bytes)) => (bytes, 0),
        None => (hyperloglog::new(), 1),
    };
    let sparse_max_bytes = cx.settings.hll_sparse_max_bytes;
    while args.left() > 0 {
        let element = args.bytes()?;
        let raised = hyperloglog::add(&mut hll, element, sparse_max_bytes).map_err(refuse)?;
        changed += usize::from(raised);
    }
    if changed > 0 {
        store(cx, &key, hll);
        cx.changed_by(&key, PFADD_EVENT, changed);
    } else {
        // Looked at for writing, it is a raw string from now on.
        cx.db.edit_string(&key, 0, |_| ())?;
    }
    Ok(Reply::Flag(changed > 0))
}

/// A key's HyperLogLog: the dense form is changed in place.
enum Existing {
    Dense,
    Sparse(Vec<u8>),
}

/// How many registers were raised.
fn add_dense(hll: &mut [u8], args: &mut Args<'_>) -> CmdResult<usize> {
    let mut changed = 0;
    while args.left() > 0 {
        changed += usize::from(hyperloglog::add_dense(hll, args.bytes()?));
    }
    Ok(changed)
}
