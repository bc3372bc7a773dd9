//! Manual failover, on the side of the primary and on that of the replica.

use super::*;
use crate::cluster::admin::{Admin, AdminContext, Failover, LocalKeys};
use crate::resp::Value;

pub(super) struct NoKeys;

impl LocalKeys for NoKeys {
    fn count_in_slot(&self, _: Slot) -> u64 {
        0
    }
    fn is_empty(&self) -> bool {
        true
    }
}

const MINE: &str = "\
    {a} 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-99\n\
    {b} 10.0.0.2:6379@16379 slave {a} 0 0 1 connected\n\
    {c} 10.0.0.3:6379@16379 master - 0 0 3 connected 200-299\n\
    vars currentEpoch 5 lastVoteEpoch 0\n";

fn is_paused(frame: &Frame) -> bool {
    frame.header.message_flags.contains(MessageFlags::PAUSED)
}

#[test]
fn a_primary_pauses_for_its_replica_and_says_so_until_it_is_over() {
    let mut stage = Stage::with(MINE, Settings::default());
    let header = stage.header_of('c');
    stage.hear(header, Body::MfStart);
    assert!(stage.actions.is_empty(), "no replica of ours");

    let header = stage.header_of('b');
    stage.hear(header, Body::MfStart);
    let until = stage.now + Millis(10_000);
    let pauses =
        |action: &Action| matches!(action, Action::PauseWrites { until: it } if *it == until);
    assert!(stage.actions.iter().any(pauses));
    stage.actions.clear();
    stage.pass(Millis(100), "bc");
    assert!(!stage.sent_to('b').iter().any(is_paused), "writes may still be under way");
    stage.actions.clear();
    stage.step(Input::WritesPaused { offset: 77 });
    let inbound = stage.links[&id('b')].1;
    let told = stage.sent_on(&[inbound]).pop().expect("at once, on the same link");
    assert!(is_paused(&told) && told.body.wire_type() == 0);
    assert_eq!(told.header.offset, 77);

    stage.actions.clear();
    stage.pass(Millis(1000), "c");
    let pings = stage.sent_to('b');
    assert!(pings.len() >= 8 && pings.iter().all(is_paused), "every cron");
    stage.actions.clear();
    stage.pass(Millis(4100), "bc");
    assert!(stage.actions.iter().any(|action| matches!(action, Action::ResumeWrites)));
    stage.actions.clear();
    stage.ping_from('b', vec![]);
    assert!(!is_paused(&stage.sent_to('b')[0]));
}

/// The machine replicates b and was told to take over.
fn told(kind: Failover) -> Stage {
    let text = "\
        {a} 10.0.0.1:6379@16379 myself,slave {b} 0 0 0 connected\n\
        {b} 10.0.0.2:6379@16379 master - 0 0 2 connected 100-199\n\
        {c} 10.0.0.3:6379@16379 master - 0 0 3 connected 200-299\n\
        vars currentEpoch 5 lastVoteEpoch 0\n";
    let settings = Settings { can_replicate: true, ..Settings::default() };
    let mut stage = Stage::with(text, settings);
    let cx = AdminContext { keys: &NoKeys, tls: false };
    let answer = stage.machine.admin(stage.now, &Admin::Failover(kind), cx, &mut stage.actions);
    assert_eq!(answer, Ok(Value::ok()));
    stage
}

fn requests(stage: &mut Stage) -> Vec<Frame> {
    let sent = stage.sent_to('c');
    sent.into_iter().filter(|frame| frame.body == Body::AuthRequest).collect()
}

#[test]
fn a_replica_waits_for_the_last_byte_and_then_asks_at_once() {
    let mut stage = told(Failover::Ask);
    assert!(stage.sent_to('b').iter().any(|frame| frame.body == Body::MfStart));
    stage.step(Input::Replication { offset: 10, data_age: Millis(0) });
    let paused = Header { offset: 20, message_flags: MessageFlags::PAUSED, ..stage.header_of('b') };
    stage.hear(paused, heartbeat(HeartbeatKind::Ping, vec![]));
    stage.pass(Millis(500), "bc");
    assert!(requests(&mut stage).is_empty(), "ten bytes are missing");
    stage.step(Input::Replication { offset: 20, data_age: Millis(0) });
    stage.pass(Millis(300), "bc");
    let asked = requests(&mut stage);
    assert_eq!(asked.len(), 1);
    assert!(asked[0].header.message_flags.contains(MessageFlags::FORCE_ACK));
}

#[test]
fn a_forced_failover_does_without_the_primary() {
    let mut stage = told(Failover::Force);
    stage.pass(Millis(300), "c");
    assert_eq!(requests(&mut stage).len(), 1);
    assert!(!stage.sent_to('b').iter().any(|frame| frame.body == Body::MfStart));
}

#[test]
fn a_failover_that_takes_too_long_is_given_up() {
    let mut stage = told(Failover::Ask);
    stage.pass(Millis(5100), "bc");
    let paused = Header { message_flags: MessageFlags::PAUSED, ..stage.header_of('b') };
    stage.hear(paused, heartbeat(HeartbeatKind::Ping, vec![]));
    stage.pass(Millis(1000), "bc");
    assert!(requests(&mut stage).is_empty());
}
