//! Peers and strangers that say anything at all. The machine may believe them, but its table stays
//! sound, and what it sends and saves can be read.

use proptest::prelude::*;

use super::*;
use crate::base::Rng;
use crate::cluster::frame::{EPOCH_MAX, EPOCH_PLAUSIBLE, EPOCH_STEP_MAX, Message};

/// Frames and other events of one run.
const EVENTS: usize = 60;

/// The machine among peers that a seed makes say what they say.
struct Theatre {
    stage: Stage,
    rng: Rng,
    links: Vec<LinkId>,
}

impl Theatre {
    fn new(seed: u64) -> Theatre {
        let mut rng = Rng::from_seed(seed);
        let role = ["master -", "slave {b}"][rng.index(2)];
        let text = NODES.replace("myself,master -", &format!("myself,{role}"));
        let text = if role == "master -" { text } else { text.replace(" 0-99", "") };
        let settings = Settings {
            can_replicate: rng.chance(0.8),
            allow_replica_migration: rng.chance(0.5),
            ..Settings::default()
        };
        let stage = Stage::with(&text, settings);
        let links = stage.links.values().flat_map(|&(one, other)| [one, other]).collect();
        Theatre { stage, rng, links }
    }

    /// A node of the table, those in handshake among them, or nobody that is known.
    fn anyone(&mut self) -> NodeId {
        let known = self.stage.machine.table().ids();
        match self.rng.below(6) {
            0 => id(['0', '1', '2', 'f'][self.rng.index(4)]),
            _ => known[self.rng.index(known.len())],
        }
    }

    fn epoch(&mut self) -> u64 {
        let known = self.stage.machine.current_epoch().0;
        match self.rng.below(14) {
            0 => self.rng.below(EPOCH_MAX),
            1 => EPOCH_PLAUSIBLE,
            2 => known.max(EPOCH_PLAUSIBLE) + EPOCH_STEP_MAX,
            3 => EPOCH_MAX,
            4..8 => known,
            _ => self.rng.below(known.min(20) + 3),
        }
    }

    fn slots(&mut self) -> SlotSet {
        let start = self.rng.below(420) as u16;
        let len = [0, 1, 7, 100, 100, 400, 16_384][self.rng.index(7)];
        slots(start..start.saturating_add(len))
    }

    fn port(&mut self) -> u16 {
        [0, 6379, 16_379, 65_535][self.rng.index(4)]
    }

    fn ip(&mut self) -> String {
        ["", "10.0.0.1", "10.0.0.2", "10.0.0.77", "::1"][self.rng.index(5)].to_owned()
    }

    fn flags(&mut self) -> NodeFlags {
        NodeFlags::from_bits_truncate(self.rng.next_u64() as u16)
    }

    /// What a peer would say, but for a few fields; or nothing that any peer would.
    fn header(&mut self) -> Header {
        let letter = char::from(b'b' + self.rng.below(4) as u8);
        let mut header = self.stage.header_of(letter);
        let changes = if self.rng.chance(0.2) { 20 } else { self.rng.below(4) };
        for _ in 0..changes {
            match self.rng.below(10) {
                0 => header.sender = self.anyone(),
                1 => header.primary = None,
                2 => header.primary = Some(self.anyone()),
                3 => header.config_epoch = ConfigEpoch(self.epoch()),
                4 => header.current_epoch = Epoch(self.epoch()),
                5 => header.slots = self.slots(),
                6 => header.flags = self.flags(),
                7 => {
                    let flags = MessageFlags::from_bits_truncate(self.rng.next_u64() as u8);
                    header.message_flags = flags;
                }
                8 => (header.ip, header.port) = (self.ip(), self.port()),
                _ => (header.bus_port, header.offset) = (self.port(), self.rng.next_u64()),
            }
        }
        header
    }

    fn extension(&mut self) -> Extension {
        let name = ["", "node.example", "two words", "a,b", "x\ny"][self.rng.index(5)].to_owned();
        match self.rng.below(4) {
            0 => Extension::Hostname(name),
            1 => Extension::Nodename(name),
            2 => Extension::Forgotten { node: self.anyone(), ttl_s: self.rng.next_u64() },
            _ => Extension::ShardId(crate::base::ReplId::random(&mut self.rng)),
        }
    }

    fn gossip(&mut self) -> GossipEntry {
        let now = self.stage.now.as_secs() as u32;
        let time = [0, now, now + 100, u32::MAX][self.rng.index(4)];
        GossipEntry {
            node: self.anyone(),
            ping_sent_s: time,
            pong_received_s: time,
            ip: self.ip(),
            port: self.port(),
            bus_port: self.port(),
            flags: self.flags(),
            other_port: self.port(),
        }
    }

    fn body(&mut self) -> Body {
        let kinds = [HeartbeatKind::Ping, HeartbeatKind::Pong, HeartbeatKind::Meet];
        match self.rng.below(12) {
            0 => Body::Fail(self.anyone()),
            1 => Body::AuthRequest,
            2 => Body::AuthAck,
            3 => Body::MfStart,
            4 => Body::Update {
                config_epoch: ConfigEpoch(self.epoch()),
                node: self.anyone(),
                slots: self.slots(),
            },
            5 => Body::Publish(Message { channel: Bytes::new(), payload: Bytes::new() }),
            _ => Body::Heartbeat(Heartbeat {
                kind: kinds[self.rng.index(3)],
                gossip: (0..self.rng.below(4)).map(|_| self.gossip()).collect(),
                extensions: (0..self.rng.below(3)).map(|_| self.extension()).collect(),
            }),
        }
    }

    fn frame(&mut self) -> Bytes {
        let mut bytes = Frame { header: self.header(), body: self.body() }.encode().to_vec();
        if self.rng.chance(0.1) {
            let at = self.rng.index(bytes.len());
            bytes[at] = self.rng.next_u64() as u8;
        }
        Bytes::from(bytes)
    }

    fn event(&mut self) -> Input {
        let link = self.links[self.rng.index(self.links.len())];
        match self.rng.below(16) {
            0 => Input::Closed { link },
            1 => {
                let link = self.stage.new_link();
                self.links.push(link);
                Input::Accepted { link, peer_ip: self.ip(), local_ip: self.ip() }
            }
            2 => Input::WritesPaused { offset: self.rng.next_u64() },
            3 | 4 => {
                self.stage.now = self.stage.now + Millis(self.rng.below(3 * TIMEOUT.0));
                Input::Tick
            }
            5 => {
                let data_age = Millis(self.rng.below(100_000));
                Input::Replication { offset: self.rng.below(1000), data_age }
            }
            _ => Input::Received { link, frame: self.frame() },
        }
    }

    /// Performs what the machine wants: connections come about, or not.
    fn perform(&mut self) {
        for action in std::mem::take(&mut self.stage.actions) {
            match action {
                Action::Connect { node, .. } if self.rng.chance(0.7) => {
                    let (link, local_ip) = (self.stage.new_link(), "10.0.0.1".to_owned());
                    self.links.push(link);
                    self.take(Input::Connected { node, link, local_ip });
                }
                Action::Connect { node, .. } => self.take(Input::ConnectFailed { node }),
                Action::Send { frame, .. } => {
                    Frame::decode(&frame).expect("what a machine sends can be read");
                }
                Action::FollowPrimary { node, .. } => {
                    assert_ne!(node, self.stage.machine.my_id(), "it would copy itself");
                }
                _ => {}
            }
        }
    }

    fn take(&mut self, input: Input) {
        self.stage.machine.step(self.stage.now, input, &mut self.stage.actions);
    }
}

proptest! {
    #[test]
    fn whatever_peers_say_the_table_stays_sound(seed: u64) {
        let mut theatre = Theatre::new(seed);
        for _ in 0..EVENTS {
            let event = theatre.event();
            theatre.take(event);
            theatre.perform();
        }
        let machine = &theatre.stage.machine;
        machine.table().check();
        let saved = nodes_conf::parse(&machine.saved_text(), theatre.stage.now, false);
        saved.expect("what a machine saves can be read").expect("a node").table.check();
    }
}
