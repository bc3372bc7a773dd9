//! What the cluster looks like from here: NODES, REPLICAS, INFO, SLOTS, SHARDS, LINKS.

use std::fmt::Write as _;

use bytes::Bytes;

use super::AdminError;
use crate::base::{NodeId, Slot};
use crate::cluster::flags::NodeFlags;
use crate::cluster::frame::{KINDS, Kind};
use crate::cluster::link::LinkId;
use crate::cluster::machine::Machine;
use crate::cluster::node::Node;
use crate::cluster::nodes_conf::{Style, push_line, ranges};
use crate::cluster::settings::EndpointType;
use crate::resp::Value;

impl Machine {
    pub(super) fn report_nodes(&self, tls: bool) -> Value {
        let mut text = String::new();
        for node in self.table.iter() {
            push_line(&mut text, &self.table, node, Style { tls_first: tls, keys: false });
        }
        verbatim(text)
    }

    pub(super) fn report_replicas(&self, name: &str, tls: bool) -> Result<Value, AdminError> {
        let id = self.resolve(name)?;
        if self.table.get(id).is_some_and(Node::is_replica) {
            return Err(AdminError::NotPrimary);
        }
        let lines = self.table.replicas_of(id).map(|node| {
            let mut line = String::new();
            push_line(&mut line, &self.table, node, Style { tls_first: tls, keys: false });
            line.pop(); // the line end
            bulk(line)
        });
        Ok(Value::Array(lines.collect()))
    }

    pub(super) fn report_info(&self) -> Value {
        let (mut assigned, mut pfail, mut fail) = (0, 0, 0);
        for node in self.table.iter() {
            assigned += node.slot_count;
            if node.has(NodeFlags::FAIL) {
                fail += node.slot_count;
            } else if node.has(NodeFlags::PFAIL) {
                pfail += node.slot_count;
            }
        }
        let mut text = format!(
            "cluster_state:{}\r\ncluster_slots_assigned:{assigned}\r\ncluster_slots_ok:{}\r\n\
             cluster_slots_pfail:{pfail}\r\ncluster_slots_fail:{fail}\r\n\
             cluster_known_nodes:{}\r\ncluster_size:{}\r\ncluster_current_epoch:{}\r\n\
             cluster_my_epoch:{}\r\n",
            if self.health.is_ok() { "ok" } else { "fail" },
            assigned - pfail - fail,
            self.table.node_count(),
            self.table.size(),
            self.current_epoch,
            self.table.primary_of(self.table.me()).config_epoch,
        );
        push_counters(&mut text, &self.stats.sent, "sent");
        push_counters(&mut text, &self.stats.received, "received");
        let _ = write!(
            text,
            "total_cluster_links_buffer_limit_exceeded:{}\r\n",
            self.stats.links_over_limit
        );
        verbatim(text)
    }

    pub(super) fn report_slots(&self, tls: bool) -> Value {
        let mut runs: Vec<(Slot, Slot, NodeId)> = Vec::new();
        for slot in Slot::all() {
            let Some(owner) = self.table.owner_id(slot) else { continue };
            match runs.last_mut() {
                Some((_, last, id)) if *id == owner && last.number() + 1 == slot.number() => {
                    *last = slot;
                }
                _ => runs.push((slot, slot, owner)),
            }
        }
        let entry = |(first, last, owner): (Slot, Slot, NodeId)| {
            let mut items = vec![slot_value(first), slot_value(last)];
            let owner = self.table.get(owner).expect("owners are known");
            items.push(self.slots_node(owner, tls));
            let replicas = self
                .table
                .replicas_of(owner.id)
                .filter(|node| !node.has(NodeFlags::FAIL) && node.replication_offset > 0);
            items.extend(replicas.map(|node| self.slots_node(node, tls)));
            Value::Array(items)
        };
        Value::Array(runs.into_iter().map(entry).collect())
    }

    /// A node as CLUSTER SLOTS shows it: endpoint, port, id, and what the endpoint leaves out.
    fn slots_node(&self, node: &Node, tls: bool) -> Value {
        let preferred = self.settings.preferred_endpoint_type;
        let mut rest = Vec::new();
        if preferred != EndpointType::Ip {
            rest.push((key("ip"), bulk(node.address.ip.clone())));
        }
        if preferred != EndpointType::Hostname && !node.hostname.is_empty() {
            rest.push((key("hostname"), bulk(node.hostname.clone())));
        }
        Value::Array(vec![
            match self.settings.preferred_endpoint_type {
                EndpointType::Unknown => Value::Null,
                _ => self.endpoint_value(node),
            },
            Value::Int(i64::from(node.address.client_port(tls))),
            Value::bulk(&node.id.to_text()),
            Value::Map(rest),
        ])
    }

    fn endpoint_value(&self, node: &Node) -> Value {
        match self.settings.preferred_endpoint_type {
            EndpointType::Ip => bulk(node.address.ip.clone()),
            EndpointType::Hostname if node.hostname.is_empty() => key("?"),
            EndpointType::Hostname => bulk(node.hostname.clone()),
            EndpointType::Unknown => key(""),
        }
    }

    pub(super) fn report_shards(&self) -> Value {
        let heads = self
            .table
            .iter()
            .filter(|node| !node.is_handshake() && self.table.primary_of(node).id == node.id);
        let shard = |head: &Node| {
            let mut slots = Vec::new();
            for (first, last) in ranges(&head.slots) {
                slots.extend([slot_value(first), slot_value(last)]);
            }
            let members = self.table.replicas_of(head.id).filter(|node| node.id != head.id);
            let nodes = std::iter::once(head).chain(members);
            let nodes = nodes.map(|node| self.shards_node(node)).collect();
            Value::Map(vec![
                (key("slots"), Value::Array(slots)),
                (key("nodes"), Value::Array(nodes)),
            ])
        };
        Value::Array(heads.map(shard).collect())
    }

    fn shards_node(&self, node: &Node) -> Value {
        let address = &node.address;
        let mut pairs = vec![(key("id"), Value::bulk(&node.id.to_text()))];
        for (name, port) in [("port", address.port), ("tls-port", address.tls_port)] {
            if port != 0 {
                pairs.push((key(name), Value::Int(i64::from(port))));
            }
        }
        pairs.push((key("ip"), bulk(address.ip.clone())));
        pairs.push((key("endpoint"), self.endpoint_value(node)));
        if !node.hostname.is_empty() {
            pairs.push((key("hostname"), bulk(node.hostname.clone())));
        }
        let offset = i64::try_from(node.replication_offset).unwrap_or(i64::MAX);
        let health = if node.has(NodeFlags::FAIL) {
            "fail"
        } else if node.is_replica() && offset == 0 {
            "loading"
        } else {
            "online"
        };
        pairs.push((key("role"), key(if node.is_replica() { "replica" } else { "master" })));
        pairs.push((key("replication-offset"), Value::Int(offset)));
        pairs.push((key("health"), key(health)));
        Value::Map(pairs)
    }

    pub(super) fn report_links(&self) -> Value {
        let mut links = Vec::new();
        for node in self.table.iter() {
            links.extend(node.outbound.and_then(|link| self.link_value(link, "to", node.id)));
            links.extend(node.inbound.and_then(|link| self.link_value(link, "from", node.id)));
        }
        Value::Array(links)
    }

    fn link_value(&self, link: LinkId, direction: &'static str, node: NodeId) -> Option<Value> {
        let link = self.links.get(&link)?;
        let int = |value: u64| Value::Int(i64::try_from(value).unwrap_or(i64::MAX));
        let events = if link.buffers.send_used > 0 { "rw" } else { "r" };
        Some(Value::Map(vec![
            (key("direction"), key(direction)),
            (key("node"), Value::bulk(&node.to_text())),
            (key("create-time"), int(link.created.0)),
            (key("events"), key(events)),
            (key("send-buffer-allocated"), int(link.buffers.send_allocated)),
            (key("send-buffer-used"), int(link.buffers.send_used)),
        ]))
    }
}

/// The counters that are not zero, by type, and their sum.
fn push_counters(text: &mut String, counters: &[u64; KINDS], direction: &str) {
    for kind in Kind::ALL {
        let count = counters[kind as usize];
        if count != 0 {
            let _ = write!(text, "cluster_stats_messages_{}_{direction}:{count}\r\n", kind.name());
        }
    }
    let sum: u64 = counters.iter().sum();
    let _ = write!(text, "cluster_stats_messages_{direction}:{sum}\r\n");
}

fn key(name: &'static str) -> Value {
    Value::Bulk(Bytes::from_static(name.as_bytes()))
}

fn bulk(text: String) -> Value {
    Value::Bulk(Bytes::from(text))
}

fn verbatim(text: String) -> Value {
    Value::Verbatim { format: *b"txt", text: Bytes::from(text) }
}

fn slot_value(slot: Slot) -> Value {
    Value::Int(i64::from(slot.number()))
}
