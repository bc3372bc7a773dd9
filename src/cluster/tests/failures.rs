//! From suspicion to verdict, and back.

use super::*;

const SUSPECTED: NodeFlags = NodeFlags::PRIMARY.union(NodeFlags::PFAIL);
const WELL: NodeFlags = NodeFlags::PRIMARY;

/// b is silent for long enough that the machine suspects it.
fn suspicious() -> Stage {
    let mut stage = Stage::new();
    stage.pass(Millis(2500), "cde");
    assert!(stage.has('b', NodeFlags::PFAIL) && !stage.has('b', NodeFlags::FAIL));
    stage.actions.clear();
    stage
}

fn fails_sent(stage: &mut Stage) -> usize {
    let sent = stage.sent_to('c');
    sent.iter().filter(|frame| frame.body == Body::Fail(id('b'))).count()
}

#[test]
fn a_majority_of_primaries_with_slots_decides() {
    let mut stage = suspicious();
    stage.ping_from('e', vec![gossip('b', SUSPECTED)]);
    stage.ping_from('c', vec![gossip('b', SUSPECTED)]);
    stage.ping_from('c', vec![gossip('b', SUSPECTED)]);
    assert!(!stage.has('b', NodeFlags::FAIL), "two of four, a replica's word not counted");
    stage.ping_from('d', vec![gossip('b', SUSPECTED)]);
    assert!(stage.has('b', NodeFlags::FAIL) && !stage.has('b', NodeFlags::PFAIL));
    assert_eq!(fails_sent(&mut stage), 1);
}

#[test]
fn reports_are_withdrawn_and_grow_old() {
    let mut stage = suspicious();
    stage.ping_from('c', vec![gossip('b', SUSPECTED)]);
    stage.ping_from('c', vec![gossip('b', WELL)]);
    stage.ping_from('d', vec![gossip('b', SUSPECTED)]);
    assert!(!stage.has('b', NodeFlags::FAIL));
    stage.pass(Millis(2 * TIMEOUT.0 + 100), "cde");
    stage.ping_from('c', vec![gossip('b', SUSPECTED)]);
    assert!(!stage.has('b', NodeFlags::FAIL), "what d said is too old");
    assert_eq!(stage.machine.count_reports(id('b')), Some(1));
}

#[test]
fn others_suspicions_alone_decide_nothing() {
    let mut stage = Stage::new();
    for reporter in ['c', 'd'] {
        stage.ping_from(reporter, vec![gossip('b', SUSPECTED)]);
    }
    assert!(!stage.has('b', NodeFlags::FAILING), "it answers us");
}

#[test]
fn a_verdict_is_taken_over_except_about_oneself() {
    let mut stage = Stage::new();
    let header = stage.header_of('c');
    stage.hear(header.clone(), Body::Fail(id('a')));
    assert!(!stage.has('a', NodeFlags::FAILING));
    stage.hear(header, Body::Fail(id('b')));
    assert!(stage.has('b', NodeFlags::FAIL));
    assert_eq!(fails_sent(&mut stage), 0, "it is the finder who tells");

    let mut stage = Stage::new();
    let stranger = Header { sender: id('f'), ..stage.header_of('c') };
    let link = stage.accept("10.0.0.6");
    stage.hear_on(link, stranger, Body::Fail(id('b')));
    assert!(!stage.has('b', NodeFlags::FAIL), "a stranger's word");
}

#[test]
fn an_answer_clears_suspicion_at_once_and_failure_when_nobody_took_over() {
    let mut stage = suspicious();
    stage.connect(id('b'));
    stage.pong_from('b');
    assert!(!stage.has('b', NodeFlags::FAILING));

    let mut stage = Stage::new();
    let header = stage.header_of('c');
    for failed in ['b', 'e'] {
        stage.hear(header.clone(), Body::Fail(id(failed)));
        stage.pong_from(failed);
    }
    assert!(!stage.has('e', NodeFlags::FAIL), "a replica has no slots to lose");
    assert!(stage.has('b', NodeFlags::FAIL), "its replica may be about to take over");
    stage.pass(Millis(2 * TIMEOUT.0 + 100), "bcde");
    assert!(!stage.has('b', NodeFlags::FAIL));
}

#[test]
fn a_silent_link_is_renewed_before_its_node_is_suspected() {
    let mut stage = Stage::new();
    let (link, _) = stage.links[&id('b')];
    stage.pass(Millis(1200), "cde");
    let closed = |action: &Action| matches!(action, Action::CloseLink(it) if *it == link);
    assert!(stage.actions.iter().any(closed));
    let connects = |action: &Action| {
        matches!(action, Action::Connect { node, ip, bus_port: 16379 }
            if *node == id('b') && ip == "10.0.0.2")
    };
    assert!(stage.actions.iter().any(connects));
    let pending = stage.node(id('b')).and_then(|node| node.ping_sent);
    stage.connect(id('b'));
    assert_eq!(stage.node(id('b')).and_then(|node| node.ping_sent), pending, "still unanswered");
}

#[test]
fn whoever_was_stopped_suspects_nobody_for_its_own_silence() {
    let mut stage = Stage::new();
    stage.pass(Millis(300), "");
    let pending = stage.node(id('b')).and_then(|node| node.ping_sent);
    assert!(pending.is_some(), "an answer is awaited");
    stage.now = stage.now + Millis(30_000);
    stage.step(Input::Tick);
    assert!("bcde".chars().all(|peer| !stage.has(peer, NodeFlags::FAILING)));
    stage.pass(Millis(1500), "cde");
    assert!(stage.has('b', NodeFlags::PFAIL), "silent while this node runs");
    assert!(!stage.has('c', NodeFlags::PFAIL));
}

#[test]
fn a_minority_is_down_and_stays_so_for_a_moment_after() {
    let mut stage = Stage::new();
    stage.pass(Millis(2500), "bcde");
    assert!(stage.machine.is_ok());
    stage.pass(Millis(2500), "");
    assert!(!stage.machine.is_ok());
    for peer in ['b', 'c', 'd'] {
        stage.connect(id(peer));
        stage.pong_from(peer);
    }
    stage.pass(Millis(500), "bcde");
    assert!(!stage.machine.is_ok(), "others may have replaced us");
    stage.pass(TIMEOUT, "bcde");
    assert!(stage.machine.is_ok());
}
