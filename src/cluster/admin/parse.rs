//! Reading the arguments of the CLUSTER subcommands that have any. How many there may be the caller
//! has checked.

use std::net::IpAddr;

use super::{Admin, AdminError, Failover, SetSlot};
use crate::base::Slot;
use crate::base::number::parse_i64;
use crate::cluster::frame::EPOCH_PLAUSIBLE;
use crate::cluster::nodes_conf::BUS_PORT_OFFSET;

/// Each takes the arguments after the subcommand's name and fails with the operator's mistake.
impl Admin {
    pub fn add_slots(args: &[&[u8]]) -> Result<Admin, AdminError> {
        slots(args).map(Admin::AddSlots)
    }

    pub fn del_slots(args: &[&[u8]]) -> Result<Admin, AdminError> {
        slots(args).map(Admin::DelSlots)
    }

    pub fn add_slot_ranges(args: &[&[u8]]) -> Result<Admin, AdminError> {
        slot_ranges(args).map(Admin::AddSlots)
    }

    pub fn del_slot_ranges(args: &[&[u8]]) -> Result<Admin, AdminError> {
        slot_ranges(args).map(Admin::DelSlots)
    }

    pub fn set_slot(args: &[&[u8]]) -> Result<Admin, AdminError> {
        let [number, action, rest @ ..] = args else { return Err(AdminError::SetSlotSyntax) };
        let slot = slot(number)?;
        let action = match (action.to_ascii_lowercase().as_slice(), rest) {
            (b"migrating", [node]) => SetSlot::Migrating(text(node)),
            (b"importing", [node]) => SetSlot::Importing(text(node)),
            (b"node", [node]) => SetSlot::Node(text(node)),
            (b"stable", []) => SetSlot::Stable,
            _ => return Err(AdminError::SetSlotSyntax),
        };
        Ok(Admin::SetSlot(slot, action))
    }

    pub fn set_config_epoch(args: &[&[u8]]) -> Result<Admin, AdminError> {
        let [epoch] = args else { return Err(AdminError::Syntax) };
        let number = parse_i64(epoch).ok_or(AdminError::NotAnInteger)?;
        let epoch = u64::try_from(number).ok().filter(|epoch| *epoch <= EPOCH_PLAUSIBLE);
        epoch.map(Admin::SetConfigEpoch).ok_or(AdminError::InvalidEpoch(number))
    }

    /// The ip has to be a literal, and the bus port a port too.
    pub fn meet(args: &[&[u8]]) -> Result<Admin, AdminError> {
        let [ip, base, rest @ ..] = args else { return Err(AdminError::Syntax) };
        let port = parse_i64(base).ok_or_else(|| AdminError::InvalidPort(text(base)))?;
        let bus_port = match rest.first() {
            Some(arg) => parse_i64(arg).ok_or_else(|| AdminError::InvalidBusPort(text(arg)))?,
            None => port.saturating_add(i64::from(BUS_PORT_OFFSET)),
        };
        let is_port = |port: i64| u16::try_from(port).ok().filter(|port| *port != 0);
        let literal = text(ip).parse::<IpAddr>().ok();
        match (literal, is_port(port), is_port(bus_port)) {
            (Some(ip), Some(port), Some(bus_port)) => {
                Ok(Admin::Meet { ip: ip.to_string(), port, bus_port })
            }
            _ => Err(AdminError::InvalidAddress { ip: text(ip), port: text(base) }),
        }
    }

    pub fn failover(args: &[&[u8]]) -> Result<Admin, AdminError> {
        let kind = match args.first().map(|kind| kind.to_ascii_lowercase()).as_deref() {
            None => Failover::Ask,
            Some(b"force") => Failover::Force,
            Some(b"takeover") => Failover::Takeover,
            Some(_) => return Err(AdminError::Syntax),
        };
        Ok(Admin::Failover(kind))
    }

    pub fn reset(args: &[&[u8]]) -> Result<Admin, AdminError> {
        let hard = match args.first().map(|kind| kind.to_ascii_lowercase()).as_deref() {
            None | Some(b"soft") => false,
            Some(b"hard") => true,
            Some(_) => return Err(AdminError::Syntax),
        };
        Ok(Admin::Reset { hard })
    }

    pub fn forget(args: &[&[u8]]) -> Result<Admin, AdminError> {
        node(args).map(Admin::Forget)
    }

    pub fn replicate(args: &[&[u8]]) -> Result<Admin, AdminError> {
        node(args).map(Admin::Replicate)
    }

    pub fn replicas(args: &[&[u8]]) -> Result<Admin, AdminError> {
        node(args).map(Admin::Replicas)
    }

    pub fn count_failure_reports(args: &[&[u8]]) -> Result<Admin, AdminError> {
        node(args).map(Admin::CountFailureReports)
    }
}

fn node(args: &[&[u8]]) -> Result<String, AdminError> {
    args.first().map(|name| text(name)).ok_or(AdminError::Syntax)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn slot(arg: &[u8]) -> Result<Slot, AdminError> {
    let number = parse_i64(arg).and_then(|number| u16::try_from(number).ok());
    number.and_then(Slot::new).ok_or(AdminError::InvalidSlot)
}

fn slots(args: &[&[u8]]) -> Result<Vec<Slot>, AdminError> {
    args.iter().map(|arg| slot(arg)).collect()
}

/// Pairs of first and last slot. A slot in two of them is left for the machine to refuse.
fn slot_ranges(args: &[&[u8]]) -> Result<Vec<Slot>, AdminError> {
    let mut all = Vec::new();
    for pair in args.chunks_exact(2) {
        let (first, last) = (slot(pair[0])?, slot(pair[1])?);
        if first > last {
            return Err(AdminError::RangeOrder(first, last));
        }
        // A list longer than all slots already holds one twice, which is all that matters about it.
        if all.len() <= Slot::COUNT {
            all.extend((first.number()..=last.number()).filter_map(Slot::new));
        }
    }
    Ok(all)
}
