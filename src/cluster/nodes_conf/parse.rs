//! Reading `nodes.conf`.

use super::Saved;
use crate::base::{ConfigEpoch, Epoch, Millis, NodeId, ReplId, Slot};
use crate::cluster::flags::NodeFlags;
use crate::cluster::frame::{EPOCH_MAX, is_ip_text};
use crate::cluster::node::{Address, Node};
use crate::cluster::table::Table;

/// What added to a client port gives the bus port when nothing else is said.
pub const BUS_PORT_OFFSET: u16 = 10_000;

/// Why the file cannot be used. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nodes.conf, line {line}")]
pub struct ConfError {
    pub line: usize,
    #[source]
    pub problem: ConfProblem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfProblem {
    #[error("fewer than eight fields")]
    Fields,
    #[error("not a node id")]
    Id,
    #[error("a node that has a line already")]
    Twice,
    #[error("not an address")]
    Address,
    #[error("an unknown or contradictory flag")]
    Flags,
    #[error("not a number")]
    Number,
    #[error("not a slot, slot range or open slot")]
    Slot,
    #[error("a malformed line of variables")]
    Vars,
    #[error("no line is this node's own")]
    NoMyself,
}

/// One line, before it is known which of the nodes is this one.
struct Line {
    number: usize,
    node: Node,
    slots: Vec<(Slot, Slot)>,
    migrating: Vec<(Slot, NodeId)>,
    importing: Vec<(Slot, NodeId)>,
}

/// Reads the file; `None` when it says nothing, as for a node that starts for the first time.
///
/// Pending pings and received pongs become "now": how long ago they were before the restart says
/// nothing about the peer. The current epoch is at least every config epoch.
///
/// # Errors
/// [`ConfError`] names the first line that cannot be used.
pub fn parse(text: &str, now: Millis, tls_bus: bool) -> Result<Option<Saved>, ConfError> {
    let mut lines: Vec<Line> = Vec::new();
    let (mut current_epoch, mut last_vote_epoch) = (Epoch(0), Epoch(0));
    let mut count = 0;
    for (index, text) in text.lines().enumerate() {
        let number = index + 1;
        let fail = |problem| ConfError { line: number, problem };
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        count = number;
        match fields.as_slice() {
            [] => {}
            ["vars", pairs @ ..] => {
                let (current, vote) = parse_vars(pairs).map_err(fail)?;
                current_epoch = current_epoch.max(current);
                last_vote_epoch = last_vote_epoch.max(vote);
            }
            fields => {
                let line = parse_line(number, fields, now, tls_bus).map_err(fail)?;
                if lines.iter().any(|other| other.node.id == line.node.id) {
                    return Err(fail(ConfProblem::Twice));
                }
                lines.push(line);
            }
        }
    }
    if lines.is_empty() && current_epoch == Epoch(0) {
        return Ok(None);
    }
    let table = build(lines, now, count)?;
    let current_epoch = Epoch(table.max_epoch(current_epoch));
    Ok(Some(Saved { table, current_epoch, last_vote_epoch }))
}

fn build(lines: Vec<Line>, now: Millis, count: usize) -> Result<Table, ConfError> {
    let Some(me) = lines.iter().find(|line| line.node.is_me()).map(|line| line.node.id) else {
        return Err(ConfError { line: count, problem: ConfProblem::NoMyself });
    };
    let known: Vec<NodeId> = lines.iter().map(|line| line.node.id).collect();
    let mut table = Table::new(me, now);
    for line in lines {
        let mut node = line.node;
        let id = node.id;
        // A primary that has no line is a node of which nothing but the name is known.
        node.primary = node.primary.filter(|primary| known.contains(primary));
        if id == me {
            *table.me_mut() = node;
        } else if node.is_me() {
            return Err(ConfError { line: line.number, problem: ConfProblem::Flags });
        } else {
            table.insert(node);
        }
        for (first, last) in line.slots {
            let free = (first.number()..=last.number()).filter_map(Slot::new);
            let free: Vec<Slot> = free.filter(|slot| table.owner_id(*slot).is_none()).collect();
            free.into_iter().for_each(|slot| table.assign(slot, id));
        }
        if id == me {
            table.migrating.extend(line.migrating);
            table.importing.extend(line.importing);
        }
    }
    Ok(table)
}

fn parse_vars(pairs: &[&str]) -> Result<(Epoch, Epoch), ConfProblem> {
    let (mut current, mut vote) = (Epoch(0), Epoch(0));
    for pair in pairs.chunks(2) {
        let [name, value] = pair else { return Err(ConfProblem::Vars) };
        match *name {
            "currentEpoch" => current = Epoch(epoch(value).ok_or(ConfProblem::Vars)?),
            "lastVoteEpoch" => vote = Epoch(epoch(value).ok_or(ConfProblem::Vars)?),
            _ => {} // written by a later version
        }
    }
    Ok((current, vote))
}

fn parse_line(
    number: usize,
    fields: &[&str],
    now: Millis,
    tls_bus: bool,
) -> Result<Line, ConfProblem> {
    let [id, address, flags, primary, ping, pong, config_epoch, _link, slots @ ..] = fields else {
        return Err(ConfProblem::Fields);
    };
    let id: NodeId = id.parse().map_err(|_| ConfProblem::Id)?;
    let flags = NodeFlags::from_text(flags).ok_or(ConfProblem::Flags)?;
    if flags.contains(NodeFlags::PRIMARY | NodeFlags::REPLICA) {
        return Err(ConfProblem::Flags);
    }
    let mut node = Node::new(id, flags, now);
    parse_address(&mut node, address, tls_bus)?;
    if *primary != "-" {
        node.primary = Some(primary.parse().map_err(|_| ConfProblem::Id)?);
    }
    let ping: u64 = ping.parse().map_err(|_| ConfProblem::Number)?;
    let pong: u64 = pong.parse().map_err(|_| ConfProblem::Number)?;
    node.ping_sent = (ping != 0).then_some(now);
    node.pong_received = if pong == 0 { Millis::ZERO } else { now };
    node.data_received = node.pong_received;
    if flags.contains(NodeFlags::FAIL) {
        node.failed_at = now;
    }
    let config_epoch = ConfigEpoch(epoch(config_epoch).ok_or(ConfProblem::Number)?);
    if !node.is_replica() {
        node.config_epoch = config_epoch;
    }
    let mut line = Line { number, node, slots: vec![], migrating: vec![], importing: vec![] };
    for text in slots {
        parse_slots(&mut line, text).ok_or(ConfProblem::Slot)?;
    }
    Ok(line)
}

/// `ip:port@bus_port[,hostname[,key=value…]]`. The ip may hold colons, or be empty.
fn parse_address(node: &mut Node, text: &str, tls_bus: bool) -> Result<(), ConfProblem> {
    let mut parts = text.split(',');
    let place = parts.next().expect("split yields at least one part");
    let (ip, ports) = place.rsplit_once(':').ok_or(ConfProblem::Address)?;
    let (port, bus_port) = match ports.split_once('@') {
        Some((port, bus_port)) => (number(port)?, number(bus_port)?),
        None => (number(ports)?, number(ports)?.saturating_add(BUS_PORT_OFFSET)),
    };
    if !is_ip_text(ip.as_bytes()) {
        return Err(ConfProblem::Address);
    }
    node.hostname = parts.next().unwrap_or_default().to_owned();
    let mut other_port = 0;
    for pair in parts {
        let (key, value) = pair.split_once('=').ok_or(ConfProblem::Address)?;
        match key {
            "tls-port" | "tcp-port" => other_port = number(value)?,
            "nodename" => node.nodename = value.to_owned(),
            "shard-id" => node.shard = Some(value.parse::<ReplId>().map_err(|_| ConfProblem::Id)?),
            _ => {} // written by another or a later version
        }
    }
    node.address = Address::from_wire(ip.to_owned(), port, other_port, bus_port, tls_bus);
    Ok(())
}

fn epoch(text: &str) -> Option<u64> {
    text.parse().ok().filter(|epoch| *epoch <= EPOCH_MAX)
}

fn number(text: &str) -> Result<u16, ConfProblem> {
    text.parse().map_err(|_| ConfProblem::Address)
}

/// `n`, `a-b`, `[n->-id]` or `[n-<-id]`.
fn parse_slots(line: &mut Line, text: &str) -> Option<()> {
    if let Some(open) = text.strip_prefix('[') {
        let open = open.strip_suffix(']')?;
        let (slot, arrow_and_id) = open.split_once('-')?;
        let (arrow, id) = arrow_and_id.split_once('-')?;
        let (slot, id) = (slot_of(slot)?, id.parse().ok()?);
        match arrow {
            ">" => line.migrating.push((slot, id)),
            "<" => line.importing.push((slot, id)),
            _ => return None,
        }
        return Some(());
    }
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (slot_of(first)?, slot_of(last)?),
        None => (slot_of(text)?, slot_of(text)?),
    };
    (first <= last).then(|| line.slots.push((first, last)))
}

fn slot_of(text: &str) -> Option<Slot> {
    text.parse().ok().and_then(Slot::new)
}
