//! Who gets in, who stays out, and where they are.

use super::failover::NoKeys;
use super::*;
use crate::cluster::admin::{Admin, AdminContext};

#[test]
fn a_stranger_is_answered_but_only_a_meet_lets_it_in() {
    let mut stage = Stage::new();
    let header = stage.header_of('f');
    let link = stage.accept("10.0.0.6");
    stage.hear_on(link, header.clone(), heartbeat(HeartbeatKind::Ping, vec![gossip('f', WELL)]));
    assert_eq!(stage.sent_on(&[link]).len(), 1, "a pong");
    assert_eq!(stage.machine.table().node_count(), 5);

    let meet = heartbeat(HeartbeatKind::Meet, vec![gossip('9', WELL)]);
    stage.hear_on(link, header.clone(), meet.clone());
    stage.hear_on(link, header.clone(), meet);
    assert_eq!(stage.machine.table().node_count(), 6, "once, and none of its friends");
    let guest = stage.machine.table().iter().find(|node| node.is_handshake()).expect("met").id;
    assert_ne!(guest, id('f'), "not under that name yet");
    assert!(!stage.machine.saved_text().contains("10.0.0.6"));

    stage.now = stage.now + Millis(100);
    stage.step(Input::Tick);
    let out = stage.new_link();
    stage.step(Input::Connected { node: guest, link: out, local_ip: String::new() });
    stage.hear_on(out, header, heartbeat(HeartbeatKind::Pong, vec![]));
    assert!(stage.node(guest).is_none());
    let joined = stage.node(id('f')).expect("in");
    assert_eq!((joined.address.ip.as_str(), joined.is_handshake()), ("10.0.0.6", false));
}

const WELL: NodeFlags = NodeFlags::PRIMARY;

#[test]
fn a_handshake_that_is_not_answered_is_given_up() {
    let mut stage = Stage::new();
    let link = stage.accept("10.0.0.6");
    let header = stage.header_of('f');
    stage.hear_on(link, header, heartbeat(HeartbeatKind::Meet, vec![]));
    stage.pass(Millis(1000), "bcde");
    assert_eq!(stage.machine.table().node_count(), 6);
    stage.pass(Millis(200), "bcde");
    assert_eq!(stage.machine.table().node_count(), 5);
}

#[test]
fn whoever_has_not_taken_us_in_is_met_again() {
    let mut stage = Stage::new();
    let meet = Admin::Meet { ip: "10.0.0.6".to_owned(), port: 6379, bus_port: 16379 };
    let cx = AdminContext { keys: &NoKeys, tls: false };
    stage.machine.admin(stage.now, &meet, cx, &mut stage.actions).expect("a valid address");
    stage.pass(Millis(100), "bcde");
    let guest = stage.machine.table().iter().find(|node| node.is_handshake()).expect("met").id;
    let out = stage.new_link();
    stage.step(Input::Connected { node: guest, link: out, local_ip: String::new() });
    let header = stage.header_of('f');
    // It answers all that comes on our link.
    let meets_in = |stage: &mut Stage, tenths: u64| {
        stage.actions.clear();
        for _ in 0..tenths {
            stage.hear_on(out, header.clone(), heartbeat(HeartbeatKind::Pong, vec![]));
            stage.pass(Millis(100), "bcde");
        }
        let is_meet = |frame: &&Frame| match &frame.body {
            Body::Heartbeat(heartbeat) => heartbeat.kind == HeartbeatKind::Meet,
            _ => false,
        };
        stage.sent_on(&[out]).iter().filter(is_meet).count()
    };
    assert_eq!(meets_in(&mut stage, 10), 0, "it has some time");
    assert_eq!(meets_in(&mut stage, 20), 2);
    let inbound = stage.accept("10.0.0.6");
    let ping = heartbeat(HeartbeatKind::Ping, vec![]);
    stage.hear_on(inbound, stage.header_of('f'), ping);
    assert_eq!(meets_in(&mut stage, 30), 0, "it has opened a link: it knows us");
}

#[test]
fn members_introduce_nodes_unless_they_are_forgotten_or_nowhere() {
    let mut stage = Stage::new();
    let nowhere = GossipEntry { ip: String::new(), ..gossip('f', WELL) };
    stage.ping_from('b', vec![nowhere, gossip('f', WELL | NodeFlags::NOADDR)]);
    assert!(stage.node(id('f')).is_none());
    let flags = WELL | NodeFlags::FAIL | NodeFlags::MYSELF | NodeFlags::HANDSHAKE;
    stage.ping_from('b', vec![gossip('f', flags)]);
    assert_eq!(stage.node(id('f')).map(|node| node.flags), Some(WELL), "only its role");

    stage.machine.blacklist.insert(id('f'), stage.now + Millis(500));
    stage.machine.remove_node(id('f'));
    stage.ping_from('b', vec![gossip('f', WELL)]);
    assert!(stage.node(id('f')).is_none());
    stage.pass(Millis(600), "bcde");
    stage.ping_from('b', vec![gossip('f', WELL)]);
    assert!(stage.node(id('f')).is_some(), "the blacklist ends");
}

#[test]
fn a_peer_that_was_told_to_forget_tells_us() {
    let mut stage = Stage::new();
    let forget = |nodes: &[char]| {
        let forgotten =
            nodes.iter().map(|node| Extension::Forgotten { node: id(*node), ttl_s: 60 });
        Body::Heartbeat(Heartbeat {
            kind: HeartbeatKind::Ping,
            gossip: vec![],
            extensions: forgotten.collect(),
        })
    };
    let mut header = stage.header_of('b');
    header.message_flags = MessageFlags::EXT_DATA;
    stage.hear(header, forget(&['a', 'd', 'f']));
    assert!(stage.node(id('d')).is_none());
    assert!(stage.node(id('a')).is_some());
    stage.ping_from('c', vec![gossip('d', WELL)]);
    assert!(stage.node(id('d')).is_none(), "and it stays out");
    assert_eq!(stage.owner(300), None, "with its slots");
}

#[test]
fn peers_that_read_extensions_get_all_of_them() {
    let mut stage = Stage::new();
    stage.actions.clear();
    stage.ping_from('b', vec![]);
    let extensions = |stage: &mut Stage| match stage.sent_to('b').pop().expect("a pong").body {
        Body::Heartbeat(heartbeat) => heartbeat.extensions,
        other => panic!("{other:?}"),
    };
    assert_eq!(extensions(&mut stage), []);
    let mut header = stage.header_of('b');
    header.message_flags = MessageFlags::EXT_DATA;
    stage.hear(header, heartbeat(HeartbeatKind::Ping, vec![]));
    stage.ping_from('b', vec![]);
    assert!(matches!(extensions(&mut stage)[..], [Extension::ShardId(_)]));
}

#[test]
fn names_are_stored_and_dropped_as_they_are_announced() {
    let mut stage = Stage::new();
    let mut header = stage.header_of('b');
    header.message_flags = MessageFlags::EXT_DATA;
    let named = Body::Heartbeat(Heartbeat {
        kind: HeartbeatKind::Ping,
        gossip: vec![],
        extensions: vec![Extension::Hostname("b.example".to_owned())],
    });
    stage.hear(header, named);
    assert_eq!(stage.node(id('b')).map(|node| node.hostname.as_str()), Some("b.example"));
    assert!(!stage.has('b', NodeFlags::EXTENSIONS), "7.0 reads no more than that");
    stage.ping_from('b', vec![]);
    assert_eq!(stage.node(id('b')).map(|node| node.hostname.as_str()), Some(""));
}

#[test]
fn another_node_at_a_known_address_costs_the_first_one_its_address() {
    let mut stage = Stage::new();
    let link = stage.links[&id('b')].0;
    let header = Header { config_epoch: ConfigEpoch(9), ..stage.header_of('f') };
    stage.hear_on(link, header, heartbeat(HeartbeatKind::Pong, vec![]));
    assert!(stage.has('b', NodeFlags::NOADDR));
    assert_eq!(stage.ip_of(id('b')), "");
    assert_eq!(stage.node(id('b')).map(|node| node.config_epoch), Some(ConfigEpoch(2)));
    assert!(stage.actions.iter().any(|done| matches!(done, Action::CloseLink(it) if *it == link)));

    stage.ping_from('b', vec![]); // over its own link, from where it is
    assert!(!stage.has('b', NodeFlags::NOADDR));
    assert_eq!(stage.ip_of(id('b')), "10.0.0.2");
}

#[test]
fn a_new_address_survives_a_power_failure() {
    let mut stage = Stage::new();
    let link = stage.accept("10.0.9.2");
    stage.actions.clear();
    let header = stage.header_of('b');
    stage.hear_on(link, header, heartbeat(HeartbeatKind::Ping, vec![]));
    assert_eq!(stage.ip_of(id('b')), "10.0.9.2");
    assert!(stage.saved_durably_first());
}

#[test]
fn a_second_link_of_a_peer_replaces_the_first() {
    let mut stage = Stage::new();
    stage.ping_from('b', vec![]);
    let first = stage.links[&id('b')].1;
    let second = stage.accept("10.0.0.2");
    let header = stage.header_of('b');
    stage.hear_on(second, header, heartbeat(HeartbeatKind::Ping, vec![]));
    assert_eq!(stage.node(id('b')).and_then(|node| node.inbound), Some(second));
    assert!(stage.actions.iter().any(|done| matches!(done, Action::CloseLink(it) if *it == first)));
}

#[test]
fn an_absurd_number_of_nodes_is_not_taken_in() {
    let mut stage = Stage::new();
    let max = crate::cluster::handshake::NODES_MAX;
    let mut rng = Rng::from_seed(9);
    let crowd =
        (0..max).map(|_| GossipEntry { node: NodeId::random(&mut rng), ..gossip('f', WELL) });
    let crowd: Vec<GossipEntry> = crowd.collect();
    let header = stage.header_of('b');
    let frame = Frame { header, body: heartbeat(HeartbeatKind::Ping, crowd) }.encode();
    let link = stage.links[&id('b')].1;
    stage.machine.step(stage.now, Input::Received { link, frame }, &mut Vec::new());
    assert_eq!(stage.machine.table().node_count(), max);
}

#[test]
fn messages_of_members_reach_local_subscribers_and_ours_reach_members() {
    use crate::cluster::frame::Message;
    let message =
        || Message { channel: Bytes::from_static(b"c"), payload: Bytes::from_static(b"m") };
    let mut stage = Stage::new();
    stage.step(Input::Publish { message: message(), shard: false });
    stage.step(Input::Publish { message: message(), shard: true });
    assert_eq!(stage.sent_to('b').len(), 1, "another shard's node hears no shard message");
    let header = stage.header_of('b');
    stage.hear(header, Body::PublishShard(message()));
    let last = stage.actions.pop();
    assert!(matches!(last, Some(Action::Deliver { shard: true, .. })), "{last:?}");
    let stranger = Header { sender: id('f'), ..stage.header_of('b') };
    let link = stage.accept("10.0.0.6");
    stage.actions.clear();
    stage.hear_on(link, stranger, Body::Publish(message()));
    assert!(stage.actions.is_empty());
}
