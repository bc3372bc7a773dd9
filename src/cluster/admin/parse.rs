//! Reading a CLUSTER subcommand from its arguments.

use std::net::IpAddr;

use super::{Admin, AdminError, Failover, SetSlot};
use crate::base::Slot;
use crate::base::number::parse_i64;
use crate::cluster::frame::EPOCH_MAX;
use crate::cluster::nodes_conf::BUS_PORT_OFFSET;

impl Admin {
    /// Reads `args`, the subcommand's name first. `Ok(None)`: not one of the machine's. The lower
    /// bounds of the arity are checked here too, so that no caller can get them wrong.
    ///
    /// # Errors
    /// The operator's mistake, with Redis' text.
    pub fn parse(args: &[&[u8]]) -> Result<Option<Admin>, AdminError> {
        let [name, rest @ ..] = args else { return Ok(None) };
        let typed = text(name);
        let name = typed.to_ascii_lowercase();
        let arity = || AdminError::Arity(name.clone());
        let admin = match (name.as_str(), rest) {
            ("addslots", [_, ..]) => Admin::AddSlots(slots(rest)?),
            ("delslots", [_, ..]) => Admin::DelSlots(slots(rest)?),
            ("addslotsrange", [_, _, ..]) => Admin::AddSlots(slot_ranges(rest, arity)?),
            ("delslotsrange", [_, _, ..]) => Admin::DelSlots(slot_ranges(rest, arity)?),
            ("setslot", [_, _, ..]) => set_slot(rest)?,
            ("set-config-epoch", [epoch]) => config_epoch(epoch)?,
            ("meet", [_, _] | [_, _, _]) => meet(rest)?,
            ("failover", []) => Admin::Failover(Failover::Ask),
            ("failover", [option]) => Admin::Failover(failover(option)?),
            ("reset", []) => Admin::Reset { hard: false },
            ("reset", [kind]) => Admin::Reset { hard: is_hard(kind)? },
            ("meet", [_, _, ..]) | ("failover" | "reset", _) => {
                return Err(AdminError::TooMany(typed));
            }
            ("forget", [node]) => Admin::Forget(text(node)),
            ("replicate", [node]) => Admin::Replicate(text(node)),
            ("replicas" | "slaves", [node]) => Admin::Replicas(text(node)),
            ("count-failure-reports", [node]) => Admin::CountFailureReports(text(node)),
            ("flushslots", []) => Admin::FlushSlots,
            ("bumpepoch", []) => Admin::BumpEpoch,
            ("saveconfig", []) => Admin::SaveConfig,
            ("myid", []) => Admin::MyId,
            ("myshardid", []) => Admin::MyShardId,
            ("nodes", []) => Admin::Nodes,
            ("info", []) => Admin::Info,
            ("slots", []) => Admin::Slots,
            ("shards", []) => Admin::Shards,
            ("links", []) => Admin::Links,
            (name, _) if NAMES.contains(&name) => return Err(arity()),
            _ => return Ok(None),
        };
        Ok(Some(admin))
    }
}

/// Every subcommand above, for telling a wrong number of arguments from a subcommand of someone
/// else.
const NAMES: [&str; 24] = [
    "addslots",
    "delslots",
    "addslotsrange",
    "delslotsrange",
    "setslot",
    "set-config-epoch",
    "meet",
    "failover",
    "reset",
    "forget",
    "replicate",
    "replicas",
    "slaves",
    "count-failure-reports",
    "flushslots",
    "bumpepoch",
    "saveconfig",
    "myid",
    "myshardid",
    "nodes",
    "info",
    "slots",
    "shards",
    "links",
];

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
fn slot_ranges(args: &[&[u8]], arity: impl Fn() -> AdminError) -> Result<Vec<Slot>, AdminError> {
    if !args.len().is_multiple_of(2) {
        return Err(arity());
    }
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

fn set_slot(args: &[&[u8]]) -> Result<Admin, AdminError> {
    let slot = slot(args[0])?;
    let action = args[1].to_ascii_lowercase();
    let action = match (action.as_slice(), &args[2..]) {
        (b"migrating", [node]) => SetSlot::Migrating(text(node)),
        (b"importing", [node]) => SetSlot::Importing(text(node)),
        (b"node", [node]) => SetSlot::Node(text(node)),
        (b"stable", []) => SetSlot::Stable,
        _ => return Err(AdminError::SetSlotSyntax),
    };
    Ok(Admin::SetSlot(slot, action))
}

fn config_epoch(arg: &[u8]) -> Result<Admin, AdminError> {
    let number = parse_i64(arg).ok_or(AdminError::NotAnInteger)?;
    let epoch = u64::try_from(number).ok().filter(|epoch| *epoch <= EPOCH_MAX);
    epoch.map(Admin::SetConfigEpoch).ok_or(AdminError::InvalidEpoch(number))
}

/// The ip has to be a literal, and the bus port a port too.
fn meet(args: &[&[u8]]) -> Result<Admin, AdminError> {
    let port = parse_i64(args[1]).ok_or_else(|| AdminError::InvalidPort(text(args[1])))?;
    let bus_port = match args.get(2) {
        Some(arg) => parse_i64(arg).ok_or_else(|| AdminError::InvalidBusPort(text(arg)))?,
        None => port.saturating_add(i64::from(BUS_PORT_OFFSET)),
    };
    let is_port = |port: i64| u16::try_from(port).ok().filter(|port| *port != 0);
    let ip = text(args[0]).parse::<IpAddr>().ok();
    match (ip, is_port(port), is_port(bus_port)) {
        (Some(ip), Some(port), Some(bus_port)) => {
            Ok(Admin::Meet { ip: ip.to_string(), port, bus_port })
        }
        _ => Err(AdminError::InvalidAddress { ip: text(args[0]), port: text(args[1]) }),
    }
}

fn failover(option: &[u8]) -> Result<Failover, AdminError> {
    match option.to_ascii_lowercase().as_slice() {
        b"force" => Ok(Failover::Force),
        b"takeover" => Ok(Failover::Takeover),
        _ => Err(AdminError::Syntax),
    }
}

fn is_hard(kind: &[u8]) -> Result<bool, AdminError> {
    match kind.to_ascii_lowercase().as_slice() {
        b"hard" => Ok(true),
        b"soft" => Ok(false),
        _ => Err(AdminError::Syntax),
    }
}
