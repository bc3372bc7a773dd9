//! Waiting for writes to be safe, as commands ask for it.

use super::{Ctx, Reply};
use crate::base::Millis;
use crate::replication::Reach;
use crate::resp::Encoder;
use crate::spec::{CmdError, CmdResult};
use crate::state::durability::{Durability, Need};

/// What WAITAOF answers who wants this node's file, if there is none.
pub const NO_FILE: CmdError =
    CmdError::text("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");

/// What WAIT and WAITAOF answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// How many replicas have applied it.
    Replicas,
    /// Whether it is on disk here, and on the disks of how many replicas.
    Disks,
}

impl Report {
    /// Writes how safe everything up to `reach` is.
    pub fn write(self, out: &mut Encoder, gate: &Durability, reach: Reach) {
        let (applied, on_disk) = gate.replicas_at(reach.offset);
        match self {
            Report::Replicas => out.int(applied as i64),
            Report::Disks => {
                out.array(2);
                out.int(i64::from(gate.is_on_disk(reach)));
                out.int(on_disk as i64);
            }
        }
    }
}

/// A wait that a command asks for, on its way to the engine.
#[derive(Clone, Copy, Debug)]
pub struct WantedDurable {
    pub need: Need,
    pub deadline: Option<Millis>,
    pub report: Report,
}

/// What has replicas acknowledge at once.
pub const GETACK: &[u8] = b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";

impl Ctx<'_> {
    /// Waits for this connection's writes to be safe, and tells how safe they are: at once if they
    /// are safe enough, or where nobody may wait.
    pub fn wait_durable(
        &mut self,
        need: Need,
        deadline: Option<Millis>,
        report: Report,
    ) -> CmdResult<Reply> {
        let gate = &self.server.durability;
        if !self.may_block || gate.is_met(&need) {
            report.write(self.out, gate, need.reach);
            return Ok(Reply::Written);
        }
        if need.replicas + need.replica_disks > 0 && self.server.log.is_active() {
            self.server.log.append_if_active(GETACK);
        }
        self.effects.wanted_durable = Some(WantedDurable { need, deadline, report });
        Ok(Reply::Later)
    }
}
