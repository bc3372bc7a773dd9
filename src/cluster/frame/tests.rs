use super::*;
use crate::base::rng::seeds;
use crate::base::{ReplId, Rng, Slot};

const MESSAGE_LEN_MAX: usize = 1 << 20;

/// The frames of `recorded.txt`, by name.
fn recorded() -> Vec<(&'static str, Bytes)> {
    let mut frames: Vec<(&str, Vec<u8>)> = Vec::new();
    for line in include_str!("recorded.txt").lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix("frame ") {
            Some(name) => frames.push((name, Vec::new())),
            None => {
                let bytes = &mut frames.last_mut().expect("a name comes first").1;
                line.split_ascii_whitespace().for_each(|token| push_token(bytes, token));
            }
        }
    }
    frames.into_iter().map(|(name, bytes)| (name, Bytes::from(bytes))).collect()
}

fn push_token(bytes: &mut Vec<u8>, token: &str) {
    let byte = |hex: &str| u8::from_str_radix(hex, 16).expect("hex");
    match token.split_once('*') {
        Some((hex, times)) => {
            let len = bytes.len() + times.parse::<usize>().expect("a number");
            bytes.resize(len, byte(hex));
        }
        None => bytes.extend((0..token.len()).step_by(2).map(|at| byte(&token[at..at + 2]))),
    }
}

fn decoded(name: &str) -> Frame {
    let frames = recorded();
    let (_, bytes) = frames.iter().find(|(other, _)| *other == name).expect("a recorded frame");
    Frame::decode(bytes).expect("a valid frame")
}

fn heartbeat(frame: &Frame) -> &Heartbeat {
    match &frame.body {
        Body::Heartbeat(heartbeat) => heartbeat,
        other => panic!("{other:?}"),
    }
}

#[test]
fn frames_of_a_running_cluster_round_trip_byte_for_byte() {
    let frames = recorded();
    assert_eq!(frames.len(), 13);
    for (name, bytes) in frames {
        assert_eq!(frame_len(&bytes, MESSAGE_LEN_MAX), Ok(Some(bytes.len())), "{name}");
        let frame = Frame::decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(frame.encode(), bytes, "{name}");
        let kind = kind_of(&bytes).expect("a known type");
        assert_eq!(kind as u16, frame.body.wire_type(), "{name}");
    }
}

#[test]
fn a_recorded_meet_says_who_wants_to_join() {
    let meet = decoded("meet");
    assert_eq!(heartbeat(&meet).kind, HeartbeatKind::Meet);
    assert_eq!(meet.header.port, 27101);
    assert_eq!(meet.header.bus_port, 42101);
    assert_eq!(meet.header.ip, "");
    assert_eq!(meet.header.primary, None);
    assert_eq!(meet.header.flags, NodeFlags::PRIMARY | NodeFlags::MYSELF);
    assert_eq!(meet.header.slots.len(), 5462);
    assert!(meet.header.slots.contains(Slot::new(5461).unwrap()));
    assert!(!meet.header.slots.contains(Slot::new(5460).unwrap()));
}

#[test]
fn recorded_gossip_extensions_and_bodies_are_understood() {
    let ping = decoded("ping-with-gossip-and-hostname");
    assert_eq!(heartbeat(&ping).extensions, [Extension::Hostname("node-two.example".to_owned())]);
    assert!(heartbeat(&ping).gossip.len() >= 2);
    for entry in &heartbeat(&ping).gossip {
        assert_eq!(entry.ip, "127.0.0.1");
        assert_eq!(entry.bus_port, entry.port + 15_000);
    }

    let heard = heartbeat(&ping).gossip.iter().map(|entry| entry.pong_received_s).max();
    assert!(heard > Some(1_700_000_000), "seconds since 1970");

    let replica = decoded("pong-of-a-replica").header;
    assert_eq!(replica.flags, NodeFlags::REPLICA | NodeFlags::MYSELF);
    assert!(replica.primary.is_some());
    assert_eq!(replica.slots.len(), 5461);

    let Body::Update { config_epoch, node, slots } = decoded("update").body else {
        panic!("an update");
    };
    assert_eq!(config_epoch, ConfigEpoch(5));
    assert_ne!(node, decoded("update").header.sender, "about another node than the sender");
    assert_eq!(slots.len(), 5461);

    let message =
        Message { channel: Bytes::from_static(b"chan"), payload: Bytes::from_static(b"hello") };
    assert_eq!(decoded("publish").body, Body::Publish(message.clone()));
    assert_eq!(decoded("publishshard").body, Body::PublishShard(message));
    assert!(decoded("ping-paused").header.message_flags.contains(MessageFlags::PAUSED));
    assert!(decoded("auth-req").header.message_flags.contains(MessageFlags::FORCE_ACK));
    assert!(matches!(decoded("fail").body, Body::Fail(_)));
}

#[test]
fn extensions_of_later_versions_round_trip() {
    let mut rng = Rng::from_seed(3);
    let mut frame = decoded("meet");
    let extensions = vec![
        Extension::Hostname("1234567".to_owned()), // with its NUL exactly eight bytes
        Extension::Nodename("n".to_owned()),
        Extension::Forgotten { node: NodeId::random(&mut rng), ttl_s: 60 },
        Extension::ShardId(ReplId::random(&mut rng)),
    ];
    frame.header.message_flags = MessageFlags::EXT_DATA;
    frame.body = Body::Heartbeat(Heartbeat {
        kind: HeartbeatKind::Ping,
        gossip: vec![],
        extensions: extensions.clone(),
    });
    let bytes = frame.encode();
    assert_eq!(bytes.len(), HEADER_LEN + 16 + 16 + 56 + 48);
    assert_eq!(Frame::decode(&bytes), Ok(frame.clone()));

    // A record of an unknown type is skipped.
    let mut unknown = bytes.to_vec();
    unknown[HEADER_LEN + 5] = 77;
    let skipped = Frame::decode(&Bytes::from(unknown)).expect("still valid");
    assert_eq!(heartbeat(&skipped).extensions, extensions[1..]);

    // Without the flag there are no extensions, whatever is counted.
    let mut unflagged = bytes.to_vec();
    unflagged[2253] = 0;
    assert!(matches!(
        Frame::decode(&Bytes::from(unflagged)),
        Err(FrameError::Length { declared: HEADER_LEN, .. })
    ));
}

/// Writes `field` at `offset` of a recorded frame and decodes it.
fn with(name: &str, offset: usize, field: &[u8]) -> Result<Frame, FrameError> {
    let mut bytes = decoded(name).encode().to_vec();
    bytes[offset..offset + field.len()].copy_from_slice(field);
    Frame::decode(&Bytes::from(bytes))
}

#[test]
fn every_malformed_field_has_a_name() {
    assert_eq!(with("meet", 8, &[0, 2]), Err(FrameError::Version(2)));
    assert_eq!(
        with("meet", 4, &[0, 0, 9, 0]),
        Err(FrameError::Length { declared: 2304, found: 2256 })
    );
    let absurd = FrameError::AbsurdEpoch { offset: 16 };
    assert_eq!(with("meet", 16, &[0x40, 0, 0, 0, 0, 0, 0, 1]), Err(absurd));
    assert_eq!(with("meet", 14, &[0, 1]), Err(FrameError::Truncated { offset: HEADER_LEN }));
    assert_eq!(with("meet", 40, b"Z"), Err(FrameError::BadId { offset: 40 }));
    assert_eq!(with("meet", 2128, b"Z"), Err(FrameError::BadId { offset: 2128 }));
    assert_eq!(with("meet", 2168, &[b'1'; 46]), Err(FrameError::BadIp { offset: 2168 }));
    assert_eq!(with("meet", 2168, b"1 2"), Err(FrameError::BadIp { offset: 2168 }));
    let extension = FrameError::BadExtension { offset: HEADER_LEN };
    for bad in [&[0, 0, 0, 0][..], &[0, 0, 0, 7], &[0, 0, 0, 33]] {
        assert_eq!(with("meet-with-hostname", HEADER_LEN, bad), Err(extension), "{bad:?}");
    }
    assert_eq!(with("meet-with-hostname", HEADER_LEN + 8, &[b'x'; 24]), Err(extension));
    assert!(matches!(
        with("meet-with-hostname", HEADER_LEN, &[0xff, 0xff, 0xff, 0xf8]),
        Err(FrameError::Truncated { .. })
    ));
    assert!(matches!(with("publish", HEADER_LEN, &[0xff; 8]), Err(FrameError::Truncated { .. })));
}

#[test]
fn absurd_lengths_end_the_link_before_anything_is_buffered() {
    let len = |name: &str, offset: usize, field: &[u8]| {
        let mut bytes = decoded(name).encode().to_vec();
        bytes[offset..offset + field.len()].copy_from_slice(field);
        frame_len(&bytes[..16], 1000)
    };
    assert_eq!(frame_len(b"", 0), Ok(None));
    assert_eq!(frame_len(b"RC", 0), Ok(None));
    assert_eq!(frame_len(b"RX", 0), Err(SplitError::BadSignature));
    assert_eq!(frame_len(b"*1\r\n", 0), Err(SplitError::BadSignature));
    assert_eq!(len("meet", 4, &[0, 0, 8, 0xcf]), Err(SplitError::TooShort { len: 2255 }));
    let at_most = |wire_type, limit| SplitError::TooLong { wire_type, len: 0x7fff_ffff, limit };
    let huge = &[0x7f, 0xff, 0xff, 0xff];
    assert_eq!(len("fail", 4, huge), Err(at_most(3, 2296)));
    assert_eq!(len("mfstart", 4, huge), Err(at_most(8, 2256)));
    assert_eq!(len("update", 4, huge), Err(at_most(7, 4352)));
    assert_eq!(len("publish", 4, huge), Err(at_most(4, 3256)));
    assert_eq!(len("meet", 4, huge), Err(at_most(2, HEADER_LEN + EXTENSIONS_LEN_MAX)));
    assert!(len("fail", 12, &[0, 99]).is_ok_and(|len| len == Some(2296)));
    // A light frame of Valkey 8: 16 bytes of header, never asked for.
    assert_eq!(len("fail", 4, &[0, 0, 0, 33]), Err(SplitError::TooShort { len: 33 }));
}

/// Bytes that no honest peer sends: noise, valid frames with flipped bytes, cut-off frames.
#[test]
fn hostile_bytes_are_refused_or_round_trip_but_never_panic() {
    let frames = recorded();
    let (mut tried, mut accepted) = (0, 0);
    for seed in seeds(4000) {
        tried += 1;
        let mut rng = Rng::from_seed(seed);
        let mut bytes = frames[rng.index(frames.len())].1.to_vec();
        match rng.below(4) {
            0 => rng.fill(&mut bytes),
            1 => bytes.truncate(rng.index(bytes.len())),
            2 => bytes.extend_from_within(..rng.index(300)),
            _ => {}
        }
        for _ in 0..rng.below(8) {
            let near_fields = [0, 80, 2128, 2256][rng.index(4)] + rng.index(130);
            if let Some(byte) = bytes.get_mut(near_fields) {
                *byte = rng.next_u64() as u8;
            }
        }
        if bytes.len() >= 8 && rng.chance(0.7) {
            let len = (bytes.len() as u32).to_be_bytes();
            bytes[4..8].copy_from_slice(&len);
        }
        let _ = frame_len(&bytes, MESSAGE_LEN_MAX);
        let bytes = Bytes::from(bytes);
        if let Ok(frame) = Frame::decode(&bytes) {
            accepted += 1;
            if !matches!(frame.body, Body::Module | Body::Unknown(_)) {
                assert_eq!(Frame::decode(&frame.encode()), Ok(frame), "seed {seed}");
            }
        }
    }
    assert!(accepted > tried / 40, "the mutations are too wild to test anything: {accepted}");
}
