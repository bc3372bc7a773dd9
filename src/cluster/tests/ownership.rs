//! Claims, their versions, and what losing means.

use super::*;
use crate::cluster::frame::{EPOCH_MAX, EPOCH_PLAUSIBLE, EPOCH_STEP_MAX};

/// `peer` claims these slots in that epoch.
fn claim(stage: &mut Stage, peer: char, epoch: u64, claimed: SlotSet) {
    let header = Header {
        config_epoch: ConfigEpoch(epoch),
        current_epoch: Epoch(epoch).max(stage.machine.current_epoch()),
        slots: claimed,
        primary: None,
        ..stage.header_of(peer)
    };
    stage.hear(header, heartbeat(HeartbeatKind::Ping, vec![]));
}

fn updates(stage: &mut Stage, peer: char) -> Vec<(NodeId, ConfigEpoch)> {
    let sent = stage.sent_to(peer).into_iter().filter_map(|frame| match frame.body {
        Body::Update { node, config_epoch, .. } => Some((node, config_epoch)),
        _ => None,
    });
    sent.collect()
}

#[test]
fn the_higher_epoch_wins_a_slot_and_an_equal_one_does_not() {
    let mut stage = Stage::new();
    claim(&mut stage, 'c', 2, slots(100..300)); // stored: 3, b's: 2
    assert_eq!(stage.owner(150), Some(id('b')), "an equal epoch moves nothing");
    claim(&mut stage, 'c', 3, slots(100..300));
    assert_eq!(stage.owner(150), Some(id('c')));
    assert_eq!(stage.node(id('b')).map(|node| node.slot_count), Some(0));
}

#[test]
fn free_and_abandoned_slots_go_to_whoever_claims_them() {
    let mut stage = Stage::new();
    claim(&mut stage, 'b', 2, slots(100..150));
    assert_eq!(stage.owner(170), Some(id('b')), "not claimed, but nobody else's either");
    claim(&mut stage, 'e', 1, slots(170..171));
    assert_eq!(stage.owner(170), Some(id('e')));
    claim(&mut stage, 'd', 4, slots(300..401));
    assert_eq!(stage.owner(400), Some(id('d')));
}

#[test]
fn what_is_lost_is_saved_published_and_dropped_in_that_order() {
    let mut stage = Stage::new();
    stage.actions.clear();
    claim(&mut stage, 'd', 6, slots(90..110));
    let order: Vec<&str> = stage
        .actions
        .iter()
        .map(|action| match action {
            Action::Persist { sync: true, .. } => "persist",
            Action::ViewChanged(_) => "view",
            Action::DropSlotKeys(lost) => {
                assert_eq!(*lost, slots(90..100), "b's slots are not ours to drop");
                "drop"
            }
            _ => "other",
        })
        .filter(|name| *name != "other")
        .collect();
    assert_eq!(order, ["persist", "view", "drop"]);
}

#[test]
fn a_slot_that_is_being_imported_comes_from_whoever_owns_it_now() {
    let mut stage = Stage::new();
    let slot = Slot::new(150).expect("a slot");
    stage.machine.table.importing.insert(slot, id('b'));
    claim(&mut stage, 'c', 1, slots(100..300));
    assert_eq!(stage.owner(150), Some(id('b')), "an older claim");
    assert_eq!(stage.machine.table.importing[&slot], id('b'));
    claim(&mut stage, 'c', 9, slots(100..300));
    assert_eq!(stage.owner(150), Some(id('c')));
    assert_eq!(stage.owner(151), Some(id('c')));
    assert_eq!(stage.machine.table.importing[&slot], id('c'));
}

#[test]
fn a_primary_that_lost_its_last_slot_stays_or_follows() {
    for can_replicate in [false, true] {
        let settings = Settings { can_replicate, ..Settings::default() };
        let mut stage = Stage::with(NODES, settings);
        claim(&mut stage, 'd', 6, slots(0..100));
        let me = stage.machine.table().me();
        assert_eq!(me.primary, can_replicate.then_some(id('d')));
        let follows = |action: &Action| {
            matches!(action, Action::FollowPrimary { node, port: 6379, .. }
                if *node == id('d'))
        };
        assert_eq!(stage.actions.iter().any(follows), can_replicate);
        let drops = |action: &Action| matches!(action, Action::DropSlotKeys(_));
        assert_eq!(stage.actions.iter().any(drops), !can_replicate);
    }
}

#[test]
fn a_stale_claimant_is_told_who_has_won() {
    let mut stage = Stage::new();
    stage.actions.clear();
    claim(&mut stage, 'b', 2, slots(100..301));
    assert_eq!(updates(&mut stage, 'b'), [(id('c'), ConfigEpoch(3))], "the first winner alone");
    assert_eq!(stage.owner(200), Some(id('c')));
    stage.actions.clear();
    claim(&mut stage, 'd', 4, slots(200..400));
    assert_eq!(updates(&mut stage, 'd'), [], "it has won");
}

#[test]
fn an_update_is_believed_only_if_it_is_news_and_not_about_us() {
    let mut stage = Stage::new();
    let mut told = |node, epoch, claimed| {
        let body =
            Body::Update { config_epoch: ConfigEpoch(epoch), node: id(node), slots: claimed };
        let header = stage.header_of('d');
        stage.hear(header, body);
    };
    told('c', 3, slots(0..10));
    told('a', 9, slots(0..400));
    told('f', 9, slots(0..400));
    told('e', 7, slots(100..200));
    assert_eq!(stage.owner(5), Some(id('a')));
    assert_eq!(stage.owner(150), Some(id('e')), "it has been elected meanwhile");
    assert!(stage.node(id('e')).is_some_and(Node::is_primary));
    assert_eq!(stage.machine.table().me().config_epoch, ConfigEpoch(1));
    assert!(stage.machine.current_epoch() >= Epoch(7));
}

#[test]
fn of_two_with_one_epoch_the_smaller_id_takes_a_new_one() {
    let mut stage = Stage::new();
    stage.actions.clear();
    claim(&mut stage, 'b', 1, slots(100..200));
    assert_eq!(stage.machine.table().me().config_epoch, ConfigEpoch(6), "a is smaller than b");
    assert!(stage.saved_durably_first());

    let mut larger =
        Stage::with(&NODES.replace("{a}", "{f}").replace("{b}", "{a}"), Settings::default());
    let before = larger.machine.table().me().config_epoch;
    larger.connect(id('a'));
    let header = Header { config_epoch: before, ..larger.header_of('a') };
    larger.hear(header, heartbeat(HeartbeatKind::Ping, vec![]));
    assert_eq!(larger.machine.table().me().config_epoch, before, "the other one moves");
}

#[test]
fn roles_follow_what_nodes_say_of_themselves() {
    let mut stage = Stage::new();
    let header = Header { primary: Some(id('c')), ..stage.header_of('b') };
    stage.hear(header, heartbeat(HeartbeatKind::Ping, vec![]));
    let b = stage.node(id('b')).expect("known");
    assert_eq!((b.is_replica(), b.primary, b.slot_count), (true, Some(id('c')), 0));
    assert_eq!(stage.owner(150), None);
    assert!(stage.has('c', NodeFlags::MIGRATE_TO));

    claim(&mut stage, 'e', 6, slots(100..200));
    let e = stage.node(id('e')).expect("known");
    assert_eq!((e.is_primary(), e.primary, e.slot_count), (true, None, 100));
}

#[test]
fn nobody_copies_a_replica() {
    let settings = Settings { can_replicate: true, ..Settings::default() };
    let mut stage = Stage::with(
        &NODES.replace("myself,master - 0 0 1 connected 0-99", "myself,slave {b} 0 0 0 c"),
        settings,
    );
    let header = Header { primary: Some(id('c')), ..stage.header_of('b') };
    stage.hear(header, heartbeat(HeartbeatKind::Ping, vec![]));
    assert_eq!(stage.machine.table().me().primary, Some(id('c')));

    // A primary that follows us is not followed back.
    let header = Header { primary: Some(id('a')), ..stage.header_of('c') };
    stage.hear(header, heartbeat(HeartbeatKind::Ping, vec![]));
    assert_eq!(stage.machine.table().me().primary, Some(id('c')));
}

#[test]
fn epochs_are_raised_by_anyone_and_kept() {
    let mut stage = Stage::new();
    stage.actions.clear();
    let header = Header { current_epoch: Epoch(50), ..stage.header_of('e') };
    stage.hear(header, heartbeat(HeartbeatKind::Pong, vec![]));
    assert_eq!(stage.machine.current_epoch(), Epoch(50));
    assert!(stage.saved_durably_first());
    let header = Header { current_epoch: Epoch(40), ..stage.header_of('e') };
    stage.hear(header, heartbeat(HeartbeatKind::Pong, vec![]));
    assert_eq!(stage.machine.current_epoch(), Epoch(50));
}

/// Whoever says the highest epoch that is believed takes no epoch away from the others.
#[test]
fn there_is_always_a_next_epoch() {
    let mut stage = Stage::new();
    for _ in 0..3 {
        let highest = stage.machine.current_epoch().0.max(EPOCH_PLAUSIBLE) + EPOCH_STEP_MAX;
        let says = |epoch: u64, stage: &mut Stage| {
            let header = Header { current_epoch: Epoch(epoch), ..stage.header_of('e') };
            stage.hear(header, heartbeat(HeartbeatKind::Pong, vec![]));
            stage.machine.current_epoch().0
        };
        let before = stage.machine.current_epoch().0;
        assert_eq!(says(highest + 1, &mut stage), before, "out of reach");
        assert_eq!(says(highest, &mut stage), highest);
        assert_eq!(says(highest + 1, &mut stage), highest + 1, "it is one step now");
        // Of two with one epoch the smaller takes the next one.
        let mine = stage.machine.table().me().config_epoch;
        let header = Header { config_epoch: mine, ..stage.header_of('c') };
        stage.actions.clear();
        stage.hear(header, heartbeat(HeartbeatKind::Ping, vec![]));
        assert_eq!(stage.machine.table().me().config_epoch, ConfigEpoch(highest + 2));
        for frame in stage.actions.iter().filter_map(|action| match action {
            Action::Send { frame, .. } => Some(frame),
            _ => None,
        }) {
            Frame::decode(frame).expect("peers can read it");
        }
        let saved = nodes_conf::parse(&stage.machine.saved_text(), stage.now, false);
        assert_eq!(saved.expect("it can be read").expect("a node").current_epoch.0, highest + 2);
    }
}

/// Nor does what an update says, nor a node that claims slots.
#[test]
fn claims_out_of_reach_are_not_believed() {
    let mut stage = Stage::new();
    let wild = ConfigEpoch(EPOCH_MAX);
    claim(&mut stage, 'b', wild.0, slots(0..100));
    let body = Body::Update { config_epoch: wild, node: id('c'), slots: slots(0..100) };
    stage.hear(stage.header_of('b'), body);
    assert_eq!(stage.owner(50), Some(id('a')));
    assert_eq!(stage.machine.current_epoch(), Epoch(5));
}

#[test]
fn keys_found_after_loading_decide_about_unowned_slots() {
    let mut stage = Stage::new();
    stage.step(Input::Loaded { slots: [5, 150, 500].into_iter().filter_map(Slot::new).collect() });
    assert_eq!(stage.owner(500), Some(id('a')));
    assert_eq!(stage.owner(150), Some(id('b')));
    let importing: Vec<_> = stage.machine.table().importing.iter().collect();
    assert_eq!(importing, [(&Slot::new(150).expect("a slot"), &id('b'))]);
}
