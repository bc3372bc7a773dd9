//! Cluster routing of one request, asked inside the gate.
//!
//! The view is loaded after the worker has entered its gate. Whoever takes a slot away publishes
//! the view without it and then passes every gate once: after that no batch runs that still
//! believed in the slot, so a hand-over is exact without an ownership mark in each slot.

use crate::cluster::redirect::decide;
use crate::cluster::{ClientFacts, CommandFacts, KeyFacts};
use crate::commands::Ctx;
use crate::keyspace::Key;
use crate::spec::{CmdError, CmdResult, Flags};
use crate::state::ClientFlags;
use crate::state::conditions::Condition;

/// Serves a request with these flags and keys here, or says where else.
///
/// # Errors
/// MOVED, ASK, TRYAGAIN, CROSSSLOT or CLUSTERDOWN.
#[inline]
pub(super) fn check(
    cx: &mut Ctx<'_>,
    flags: Flags,
    keys: &[Key<'_>],
    conditions: Condition,
) -> CmdResult<()> {
    let (Some(view), [first, rest @ ..]) = (cx.view, keys) else {
        return Ok(());
    };
    let together = rest.iter().all(|key| key.slot == first.slot);
    let down = conditions.contains(Condition::CLUSTER_DOWN);
    if !down && together && view.is_simply_mine(first.slot) {
        return Ok(());
    }
    decide_slowly(cx, flags, keys)
}

#[cold]
fn decide_slowly(cx: &mut Ctx<'_>, flags: Flags, keys: &[Key<'_>]) -> CmdResult<()> {
    let Some(view) = cx.view else {
        return Ok(());
    };
    let client = ClientFacts {
        asking: cx.client.flags.contains(ClientFlags::ASKING),
        readonly: cx.client.flags.contains(ClientFlags::READONLY),
        tls: false,
    };
    let slots = keys.iter().map(|key| key.slot);
    let db = &mut cx.db;
    decide(view, slots, facts(flags), client, || key_facts(db, keys))
        .map_err(|refusal| CmdError::owned(refusal.to_string()))
}

fn facts(flags: Flags) -> CommandFacts {
    let known = [
        (Flags::WRITE, CommandFacts::WRITE),
        (Flags::SHARD_CHANNELS, CommandFacts::PUBSUB_SHARD),
        (Flags::MIGRATES, CommandFacts::MIGRATE),
        (Flags::ASKING, CommandFacts::ASKING),
    ];
    let set = known.into_iter().filter(|(flag, _)| flags.contains(*flag));
    set.map(|(_, fact)| fact).collect()
}

/// Counts distinct, present and missing keys without touching them.
fn key_facts(db: &mut crate::keyspace::Held<'_>, keys: &[Key<'_>]) -> KeyFacts {
    let mut distinct: Vec<&[u8]> = keys.iter().map(|key| key.bytes).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let present = keys.iter().filter(|key| db.peek(key).is_some()).count();
    KeyFacts { distinct: distinct.len(), present, missing: keys.len() - present }
}
