//! `nodes.conf`: the file in which a node keeps what it knows of the cluster, and the lines of
//! CLUSTER NODES.
//!
//! One line per node that is not in handshake, then `vars currentEpoch <n> lastVoteEpoch <n>`:
//!
//! ```text
//! <id> <ip>:<port>@<bus port>[,<hostname>[,<key>=<value>…]] <flags> <primary id|->
//!     <ping sent> <pong received> <config epoch> <connected|disconnected> [slots…]
//! ```
//!
//! Slots are `n`, `a-b`, and on this node's own line `[n->-id]` (migrating) and `[n-<-id]`
//! (importing). Files of Redis 7.0 (no keys), 7.2 and Valkey 8 are read; what is written has the
//! keys of 7.2. Owns the text form alone; reading and writing the file is the shell's business.

mod parse;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use super::node::Node;
use super::table::Table;
use crate::base::{Epoch, NodeId, Slot, SlotSet};

pub use parse::{BUS_PORT_OFFSET, ConfError, ConfProblem, parse};

/// Everything that survives a restart.
#[derive(Clone, Debug)]
pub struct Saved {
    pub table: Table,
    pub current_epoch: Epoch,
    pub last_vote_epoch: Epoch,
}

/// The file's text. `tls_bus`: the bus runs over TLS, so that the TLS port stands first.
#[must_use]
pub fn render(table: &Table, current: Epoch, last_vote: Epoch, tls_bus: bool) -> String {
    let mut text = String::with_capacity(table.node_count() * 160 + 64);
    for node in table.iter().filter(|node| !node.is_handshake()) {
        push_line(&mut text, table, node, Style { tls_first: tls_bus, keys: true });
    }
    let _ = writeln!(text, "vars currentEpoch {current} lastVoteEpoch {last_vote}");
    text
}

/// How a node's line is written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The TLS port stands before the plain one.
    pub tls_first: bool,
    /// The keys after the hostname, which the file has and CLUSTER NODES has not.
    pub keys: bool,
}

/// Appends a node's line, ended by LF.
pub fn push_line(out: &mut String, table: &Table, node: &Node, style: Style) {
    let address = &node.address;
    let port = match style.keys {
        true => address.wire_ports(style.tls_first).0,
        false => address.client_port(style.tls_first),
    };
    let _ = write!(out, "{} {}:{port}@{}", node.id, address.ip, address.bus_port);
    if style.keys {
        push_keys(out, node, style.tls_first);
    } else if !node.hostname.is_empty() {
        let _ = write!(out, ",{}", node.hostname);
    }
    let _ = write!(out, " {} ", node.flags.to_text());
    match node.primary {
        Some(primary) => {
            let _ = write!(out, "{primary}");
        }
        None => out.push('-'),
    }
    let connected = node.outbound.is_some() || node.is_me();
    let _ = write!(
        out,
        " {} {} {} {}",
        node.ping_sent.map_or(0, |at| at.0),
        node.pong_received,
        table.primary_of(node).config_epoch,
        if connected { "connected" } else { "disconnected" },
    );
    for (first, last) in ranges(&node.slots) {
        let _ =
            if first == last { write!(out, " {first}") } else { write!(out, " {first}-{last}") };
    }
    if node.is_me() {
        push_open_slots(out, table);
    }
    out.push('\n');
}

fn push_keys(out: &mut String, node: &Node, tls_first: bool) {
    let (name, port) = match tls_first {
        true => ("tcp-port", node.address.port),
        false => ("tls-port", node.address.tls_port),
    };
    let _ = write!(out, ",{},{name}={port}", node.hostname);
    if !node.nodename.is_empty() {
        let _ = write!(out, ",nodename={}", node.nodename);
    }
    if let Some(shard) = node.shard {
        let _ = write!(out, ",shard-id={shard}");
    }
}

fn push_open_slots(out: &mut String, table: &Table) {
    let migrating = table.migrating.iter().map(|(slot, id)| (*slot, "->-", *id));
    let importing = table.importing.iter().map(|(slot, id)| (*slot, "-<-", *id));
    let mut open: Vec<(Slot, &str, NodeId)> = migrating.chain(importing).collect();
    open.sort_unstable_by_key(|(slot, ..)| *slot);
    for (slot, arrow, id) in open {
        let _ = write!(out, " [{slot}{arrow}{id}]");
    }
}

/// The maximal runs of a slot set, first and last slot, in ascending order.
///
/// Sets are mostly runs, and this is written with every change: bytes that are all or nothing are
/// taken whole.
#[must_use]
pub fn ranges(slots: &SlotSet) -> Vec<(Slot, Slot)> {
    let mut runs = Vec::new();
    let mut start: Option<u16> = None;
    let slot = |number| Slot::new(number).expect("a bit of the set");
    for (first, &byte) in (0u16..).step_by(8).zip(slots.as_bytes()) {
        match (byte, start) {
            (0, None) | (0xff, Some(_)) => continue,
            _ => {}
        }
        for number in first..first + 8 {
            match (byte & (1 << (number - first)) != 0, start) {
                (true, None) => start = Some(number),
                (false, Some(begun)) => {
                    runs.push((slot(begun), slot(number - 1)));
                    start = None;
                }
                _ => {}
            }
        }
    }
    runs.extend(start.map(|begun| (slot(begun), slot(Slot::COUNT as u16 - 1))));
    runs
}
