//! A primary that came back without data: what it says and refuses meanwhile.

use super::*;
use crate::cluster::redirect::{ClientFacts, CommandFacts, KeyFacts, Refusal, decide};

const MINE: &str = "\
    {a} 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-99\n\
    {b} 10.0.0.2:6379@16379 slave {a} 0 0 1 connected\n\
    {c} 10.0.0.3:6379@16379 master - 0 0 3 connected 200-299\n\
    vars currentEpoch 5 lastVoteEpoch 0\n";

/// Node a, which was b's primary, has loaded nothing.
fn emptied(settings: Settings) -> Stage {
    let mut stage = Stage::with(MINE, settings);
    stage.step(Input::Loaded { slots: SlotSet::empty() });
    stage
}

/// How often it has told `peer` that it has failed.
fn confessions(stage: &mut Stage, peer: char) -> usize {
    let sent = stage.sent_to(peer);
    sent.iter().filter(|frame| frame.body == Body::Fail(id('a'))).count()
}

fn read(stage: &Stage) -> Result<(), Refusal> {
    let facts = (CommandFacts::empty(), ClientFacts::default());
    decide(&stage.machine.view(), Slot::new(5), facts.0, facts.1, KeyFacts::default)
}

#[test]
fn it_says_that_it_has_failed_until_time_is_over() {
    let mut stage = emptied(Settings { allow_reads_when_down: true, ..Settings::default() });
    for peer in ['b', 'c'] {
        assert_eq!(confessions(&mut stage, peer), 1, "at once");
    }
    assert_eq!(read(&stage), Err(Refusal::Down), "there is nothing to be read");
    stage.actions.clear();
    stage.pass(Millis(4900), "bc");
    assert!((4..=5).contains(&confessions(&mut stage, 'b')));
    assert!(stage.machine.view().awaits_successor());
    stage.pass(Millis(200), "bc");
    assert!(!stage.machine.view().awaits_successor());
    assert_eq!(read(&stage), Ok(()));
    stage.actions.clear();
    stage.pass(Millis(3000), "bc");
    assert_eq!(confessions(&mut stage, 'b'), 0);
}

#[test]
fn whoever_is_connected_later_hears_of_it_at_once() {
    let mut stage = emptied(Settings::default());
    stage.actions.clear();
    stage.connect(id('c'));
    assert_eq!(confessions(&mut stage, 'c'), 1);
}

#[test]
fn it_waits_only_without_data_and_with_a_replica_that_may_take_over() {
    let waits = |text: &str, settings: Settings, keys: std::ops::Range<u16>| {
        let mut stage = Stage::with(text, settings);
        stage.step(Input::Loaded { slots: slots(keys) });
        stage.machine.view().awaits_successor()
    };
    let off = Settings { empty_primary_wait: Some(Millis::ZERO), ..Settings::default() };
    assert!(waits(MINE, Settings::default(), 0..0));
    assert!(!waits(MINE, Settings::default(), 0..1));
    assert!(!waits(MINE, off, 0..0));
    for (from, to) in [
        ("slave {a}", "slave {c}"),
        ("slave {a}", "slave,fail {a}"),
        ("slave {a}", "slave,nofailover {a}"),
        (" 0-99", ""),
    ] {
        assert!(!waits(&MINE.replace(from, to), Settings::default(), 0..0), "{to}");
    }
}

#[test]
fn keys_are_refused_while_it_is_not_known_whether_there_are_any() {
    let mut stage = Stage::with(MINE, Settings::default());
    assert!(stage.machine.view().awaits_successor());
    stage.pass(Millis(10_000), "bc");
    assert_eq!(confessions(&mut stage, 'b'), 0, "it is still loading");
    stage.step(Input::Loaded { slots: slots(0..1) });
    assert!(!stage.machine.view().awaits_successor());
}

#[test]
fn it_votes_for_its_replica_and_follows_it() {
    let mut stage = emptied(Settings { can_replicate: true, ..Settings::default() });
    let header = Header { current_epoch: Epoch(9), ..stage.header_of('b') };
    stage.actions.clear();
    stage.hear(header.clone(), Body::AuthRequest);
    assert!(stage.sent_to('b').iter().any(|frame| frame.body == Body::AuthAck));

    let (config_epoch, flags) = (ConfigEpoch(9), NodeFlags::PRIMARY);
    let header = Header { config_epoch, flags, primary: None, ..header };
    stage.hear(header, heartbeat(HeartbeatKind::Pong, vec![]));
    assert_eq!(stage.machine.table().me().primary, Some(id('b')));
    assert!(!stage.machine.view().awaits_successor());

    let mut stage = Stage::with(MINE, Settings::default());
    stage.step(Input::Loaded { slots: slots(0..1) });
    let header = Header { current_epoch: Epoch(9), ..stage.header_of('b') };
    stage.hear(header, Body::AuthRequest);
    assert!(!stage.sent_to('b').iter().any(|frame| frame.body == Body::AuthAck), "it is well");
}
