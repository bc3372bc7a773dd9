//! L6: the commands: one folder per family, each command a [`Command`] const right above its
//! handler.
//!
//! A handler sees one [`Ctx`] and its [`Args`]; it knows nothing of sockets, batches or locks. It
//! reports what it changed through [`Ctx::changed`], from which everything that follows a change
//! derives.

pub mod acl;
mod args;
pub mod bitmap;
mod blocking;
mod call;
pub mod cluster;
pub mod connection;
mod context;
mod durable;
pub mod expiry;
pub mod follow;
pub mod generic;
pub mod geo;
pub mod hash;
pub mod help;
pub mod hyperloglog;
pub mod keys;
mod limits;
pub mod list;
mod monitor;
pub mod permission;
pub mod pubsub;
pub mod reference;
pub mod replication;
pub mod scan;
pub mod server;
pub mod set;
pub mod stream;
pub mod string;
pub mod table;
mod tracking;
pub mod transactions;
mod unexpected;
pub mod zset;

pub use args::{Args, Once, Token};
pub use blocking::{Blocking, Ready, Wanted};
pub use context::{Ctx, Effects, Inner, Reply};
pub use durable::{GETACK, NO_FILE, Report, WantedDurable};
pub use follow::Followers;
pub use limits::limits_of;
pub use table::{Registered, Table};

use crate::resp::{Encoder, RawRequest};
use crate::spec::{CmdError, CommandSpec};
use crate::types::ValueRef;

/// Runs a command; on an error whatever it had written to the reply is dropped.
pub type Handler = fn(&mut Ctx<'_>, &mut Args<'_>) -> Result<Reply, CmdError>;

/// Finds the keys of a command whose key specs cannot tell them; pushes argument indexes.
pub type KeyFinder = fn(RawRequest<'_>, &mut keys::Found) -> Result<(), CmdError>;

/// A declaration and the code behind it.
#[derive(Debug)]
pub struct Command {
    pub spec: CommandSpec,
    pub run: Handler,
    pub find_keys: Option<KeyFinder>,
}

impl Command {
    /// Rejects contradictory declarations at compile time.
    #[must_use]
    pub const fn new(spec: CommandSpec, run: Handler) -> Command {
        use crate::spec::{Flags, Plan};
        let bits = spec.flags.bits();
        assert!(
            bits & Flags::WRITE.bits() == 0 || bits & Flags::READONLY.bits() == 0,
            "a command cannot both write and be read-only"
        );
        assert!(!spec.name.is_empty(), "a command needs a name");
        assert!(
            !matches!(spec.plan, Plan::Batch) || bits & Flags::BLOCKING.bits() == 0,
            "a blocking command cannot share a batch"
        );
        Command { spec, run, find_keys: None }
    }

    /// With its own key finder, for grammars that key specs cannot express.
    #[must_use]
    pub const fn with_keys(mut self, find_keys: KeyFinder) -> Command {
        self.find_keys = Some(find_keys);
        self
    }
}

/// Writes a stored field, member or value as a bulk string.
#[inline]
fn bulk_value(out: &mut Encoder, value: ValueRef<'_>) {
    match value {
        ValueRef::Int(number) => out.bulk_int(number),
        ValueRef::Bytes(bytes) => out.bulk(bytes),
    }
}
