//! FAILOVER: a primary waits with writes until a replica has caught up, and becomes its replica.

use super::now;
use crate::base::Millis;
use crate::replication::{Phase, Replica};
use crate::state::conditions::Condition;
use crate::state::replication::Failover;
use crate::state::{Mail, Server};

/// A handover under way.
#[derive(Debug)]
pub(super) struct HandingOver {
    pub target: Option<(String, u16)>,
    pub deadline: Option<Millis>,
    pub force: bool,
}

/// What is to be done next.
pub(super) enum Next {
    Wait,
    /// Follow this replica, which is to take over.
    Follow(String, u16),
    GiveUp,
}

/// Begins: no writes from now on.
pub(super) fn begin(server: &Server) {
    tracing::warn!("handing over: writes wait");
    server.replication.lock().failover = Failover::WaitingForSync;
    server.conditions.set(Condition::HANDOVER, true);
}

/// Lets writes run again.
pub(super) fn resume_writes(server: &Server) {
    server.conditions.set(Condition::HANDOVER, false);
    server.clients.all().iter().for_each(|client| client.post(Mail::Wake));
}

/// Gives up: this node stays what it is.
pub(super) fn give_up(server: &Server) {
    server.replication.lock().failover = Failover::None;
    resume_writes(server);
}

impl HandingOver {
    /// Looks whether a replica has everything, or time is over.
    pub(super) fn look(&self, server: &Server) -> Next {
        // Nobody is inside: what is not in the log now waits.
        let _alone = server.keyspace.gate().exclusive();
        let end = server.log.end();
        let role = server.replication.lock();
        let is_meant = |replica: &&Replica| match &self.target {
            Some((host, port)) => replica.ip == *host && replica.port == *port,
            None => true,
        };
        let has_all =
            |replica: &&Replica| replica.phase == Phase::Online && replica.acknowledged == end;
        if let Some(replica) = role.replicas.values().filter(is_meant).find(has_all) {
            return Next::Follow(replica.ip.clone(), replica.port);
        }
        match (&self.target, self.deadline) {
            (_, Some(deadline)) if now() < deadline => Next::Wait,
            (_, None) => Next::Wait,
            (Some((host, port)), _) if self.force => Next::Follow(host.clone(), *port),
            _ => Next::GiveUp,
        }
    }
}
