//! One machine among puppets: peers that say what the test wants, and nothing else.

mod election;
mod failover;
mod failures;
mod hostile;
mod membership;
mod ownership;
mod succession;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::flags::{MessageFlags, NodeFlags};
use super::frame::{Body, Extension, Frame, GossipEntry, Header, Heartbeat, HeartbeatKind};
use super::link::LinkId;
use super::machine::{Action, Input, Machine};
use super::node::Node;
use super::nodes_conf;
use super::settings::Settings;
use crate::base::{ConfigEpoch, Epoch, Millis, NodeId, Rng, Slot, SlotSet};

const START: Millis = Millis(1_800_000_000_000);
const TIMEOUT: Millis = Millis(1000);

/// The id whose text is that letter, forty times.
fn id(letter: char) -> NodeId {
    letter.to_string().repeat(40).parse().expect("a hex digit")
}

fn slots(range: std::ops::Range<u16>) -> SlotSet {
    range.filter_map(Slot::new).collect()
}

/// The machine under test is node a. It starts with primaries b, c and d, which it is connected
/// to, and b's replica e.
struct Stage {
    machine: Machine,
    now: Millis,
    /// What was done since the last look.
    actions: Vec<Action>,
    /// The link that the machine opened to a node, and the one that the node opened.
    links: BTreeMap<NodeId, (LinkId, LinkId)>,
    next_link: u64,
}

const NODES: &str = "\
    {a} 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-99\n\
    {b} 10.0.0.2:6379@16379 master - 0 0 2 connected 100-199\n\
    {c} 10.0.0.3:6379@16379 master - 0 0 3 connected 200-299\n\
    {d} 10.0.0.4:6379@16379 master - 0 0 4 connected 300-399\n\
    {e} 10.0.0.5:6379@16379 slave {b} 0 0 2 connected\n\
    vars currentEpoch 5 lastVoteEpoch 0\n";

impl Stage {
    fn new() -> Stage {
        Stage::with(NODES, Settings::default())
    }

    fn with(text: &str, settings: Settings) -> Stage {
        let text = ["a", "b", "c", "d", "e", "f"].iter().fold(text.to_owned(), |text, letter| {
            text.replace(&format!("{{{letter}}}"), &letter.repeat(40))
        });
        let saved = nodes_conf::parse(&text, START, false).expect("a valid file");
        let settings = Settings { node_timeout: TIMEOUT, require_full_coverage: false, ..settings };
        let machine = Machine::new(settings, saved, Rng::from_seed(1), START);
        let mut stage = Stage {
            machine,
            now: START,
            actions: Vec::new(),
            links: BTreeMap::new(),
            next_link: 1000,
        };
        stage.step(Input::Tick);
        for peer in stage.machine.table().ids() {
            if peer != id('a') {
                stage.connect(peer);
            }
        }
        stage.actions.clear();
        stage
    }

    fn step(&mut self, input: Input) {
        self.machine.step(self.now, input, &mut self.actions);
        self.machine.table().check();
    }

    /// Opens both links between the machine and a puppet.
    fn connect(&mut self, peer: NodeId) {
        let outbound = self.new_link();
        let ip = self.ip_of(peer);
        let local_ip = "10.0.0.1".to_owned();
        self.step(Input::Connected { node: peer, link: outbound, local_ip });
        let inbound = self.accept(&ip);
        self.links.insert(peer, (outbound, inbound));
    }

    fn new_link(&mut self) -> LinkId {
        self.next_link += 1;
        LinkId(self.next_link)
    }

    /// Somebody connects from that address.
    fn accept(&mut self, ip: &str) -> LinkId {
        let link = self.new_link();
        let (peer_ip, local_ip) = (ip.to_owned(), "10.0.0.1".to_owned());
        self.step(Input::Accepted { link, peer_ip, local_ip });
        link
    }

    fn ip_of(&self, peer: NodeId) -> String {
        self.node(peer).map(|node| node.address.ip.clone()).unwrap_or_default()
    }

    fn node(&self, peer: NodeId) -> Option<&Node> {
        self.machine.table().get(peer)
    }

    fn has(&self, peer: char, flag: NodeFlags) -> bool {
        self.node(id(peer)).is_some_and(|node| node.has(flag))
    }

    fn owner(&self, slot: u16) -> Option<NodeId> {
        self.machine.table().owner_id(Slot::new(slot).expect("a slot"))
    }

    /// A header as the puppet would send it if the machine's table were right.
    fn header_of(&self, peer: char) -> Header {
        let peer = id(peer);
        let (table, known) = (self.machine.table(), self.node(peer));
        let shown = known.map(|node| table.primary_of(node));
        let role = if known.is_some_and(Node::is_replica) {
            NodeFlags::REPLICA
        } else {
            NodeFlags::PRIMARY
        };
        Header {
            port: 6379,
            other_port: 0,
            bus_port: 16379,
            current_epoch: self.machine.current_epoch(),
            config_epoch: shown.map_or(ConfigEpoch(0), |node| node.config_epoch),
            offset: 0,
            sender: peer,
            slots: shown.map_or_else(SlotSet::empty, |node| node.slots.clone()),
            primary: known.and_then(|node| node.primary),
            ip: String::new(),
            flags: role | NodeFlags::MYSELF,
            cluster_ok: true,
            message_flags: MessageFlags::empty(),
        }
    }

    /// The frame comes in on the link that its sender opened.
    fn hear(&mut self, header: Header, body: Body) {
        let link = self.links[&header.sender].1;
        self.hear_on(link, header, body);
    }

    fn hear_on(&mut self, link: LinkId, header: Header, body: Body) {
        let frame = Frame { header, body }.encode();
        self.step(Input::Received { link, frame });
    }

    /// A PING of a puppet that says nothing new.
    fn ping_from(&mut self, peer: char, gossip: Vec<GossipEntry>) {
        let header = self.header_of(peer);
        self.hear(header, heartbeat(HeartbeatKind::Ping, gossip));
    }

    /// A PONG on the link that the machine opened.
    fn pong_from(&mut self, peer: char) {
        let header = self.header_of(peer);
        let link = self.links[&id(peer)].0;
        self.hear_on(link, header, heartbeat(HeartbeatKind::Pong, vec![]));
    }

    /// Time passes in steps of the cron; puppets named here answer throughout.
    fn pass(&mut self, span: Millis, answering: &str) {
        let end = self.now + span;
        while self.now < end {
            self.now = self.now + Millis(100);
            self.step(Input::Tick);
            for peer in answering.chars() {
                if self.links.contains_key(&id(peer)) && self.node(id(peer)).is_some() {
                    self.pong_from(peer);
                }
            }
        }
    }

    /// The frames sent to a puppet since the last look, in order.
    fn sent_to(&mut self, peer: char) -> Vec<Frame> {
        let (outbound, inbound) = self.links[&id(peer)];
        self.sent_on(&[outbound, inbound])
    }

    fn sent_on(&mut self, links: &[LinkId]) -> Vec<Frame> {
        let sent = self.actions.iter().filter_map(|action| match action {
            Action::Send { link, frame } if links.contains(link) => {
                Some(Frame::decode(frame).expect("what a machine sends can be read"))
            }
            _ => None,
        });
        sent.collect()
    }

    /// Whether the persistent state was saved, durably, before anything else was done.
    fn saved_durably_first(&self) -> bool {
        matches!(self.actions.first(), Some(Action::Persist { sync: true, .. }))
    }
}

fn heartbeat(kind: HeartbeatKind, gossip: Vec<GossipEntry>) -> Body {
    Body::Heartbeat(Heartbeat { kind, gossip, extensions: vec![] })
}

/// What a puppet says about a node.
fn gossip(about: char, flags: NodeFlags) -> GossipEntry {
    GossipEntry {
        node: id(about),
        ping_sent_s: 0,
        pong_received_s: 0,
        ip: format!("10.0.0.{}", u32::from(about) % 32),
        port: 6379,
        bus_port: 16379,
        flags,
        other_port: 0,
    }
}

#[test]
fn noise_changes_nothing() {
    let mut stage = Stage::new();
    let before = stage.machine.saved_text();
    let inbound = stage.links[&id('b')].1;
    for frame in [&b""[..], b"RCmb", &[0; 3000]] {
        stage.step(Input::Received { link: inbound, frame: Bytes::copy_from_slice(frame) });
    }
    stage.step(Input::Received { link: LinkId(7), frame: Bytes::new() });
    stage.step(Input::Closed { link: LinkId(7) });
    stage.step(Input::ConnectFailed { node: id('f') });
    assert_eq!(stage.machine.saved_text(), before);
    assert!(stage.actions.is_empty(), "{:?}", stage.actions);
}

#[test]
fn settings_are_announced_as_soon_as_they_change() {
    let mut stage = Stage::new();
    let settings = Settings {
        announce_ip: "192.0.2.1".to_owned(),
        announce_port: 7000,
        announce_bus_port: 7001,
        announce_hostname: "a.example".to_owned(),
        replica_no_failover: true,
        ..Settings::default()
    };
    stage.step(Input::Settings(Box::new(settings)));
    assert!(stage.actions.iter().any(|action| matches!(action, Action::ViewChanged(_))));
    stage.actions.clear();
    stage.ping_from('b', vec![]);
    let pong = stage.sent_to('b').remove(0);
    assert_eq!((pong.header.port, pong.header.bus_port), (7000, 7001));
    assert_eq!(pong.header.ip, "192.0.2.1");
    assert!(pong.header.flags.contains(NodeFlags::NOFAILOVER));
    let Body::Heartbeat(heartbeat) = pong.body else { panic!("a heartbeat") };
    assert_eq!(heartbeat.extensions, [Extension::Hostname("a.example".to_owned())]);
}

#[test]
fn a_full_send_buffer_ends_a_link() {
    let mut stage = Stage::new();
    let settings =
        Settings { link_sendbuf_limit: 100, node_timeout: TIMEOUT, ..Settings::default() };
    stage.step(Input::Settings(Box::new(settings)));
    let link = stage.links[&id('b')].0;
    let buffers = |send_allocated| super::link::LinkBuffers { send_allocated, send_used: 1 };
    stage.step(Input::Buffers { link, buffers: buffers(100) });
    stage.pass(Millis(100), "");
    assert!(stage.node(id('b')).is_some_and(|node| node.outbound == Some(link)));
    stage.step(Input::Buffers { link, buffers: buffers(101) });
    stage.actions.clear();
    stage.pass(Millis(100), "");
    assert!(stage.actions.iter().any(|done| matches!(done, Action::CloseLink(it) if *it == link)));
    assert_eq!(stage.machine.stats.links_over_limit, 1);
}

#[test]
fn a_clock_that_goes_back_stops_nothing() {
    let mut stage = Stage::new();
    stage.now = Millis(START.0 - 3_600_000);
    stage.step(Input::Tick);
    assert!(stage.machine.next_deadline() <= stage.now + Millis(100));
    stage.pass(Millis(3000), "cd");
    assert!(stage.has('b', NodeFlags::FAILING), "still suspected after the timeout");
}
