//! Votes: to whom, when not, and what comes before them.

use super::*;
use crate::cluster::election::Refusal;

/// b has failed, and its replica e asks for a vote.
fn stage() -> Stage {
    let mut stage = Stage::new();
    stage.pass(Millis(2500), "cde");
    for reporter in ['c', 'd'] {
        stage.ping_from(reporter, vec![gossip('b', NodeFlags::PRIMARY | NodeFlags::PFAIL)]);
    }
    assert!(stage.has('b', NodeFlags::FAIL));
    stage.actions.clear();
    stage
}

fn request(stage: &Stage, epoch: u64) -> Header {
    Header { current_epoch: Epoch(epoch), ..stage.header_of('e') }
}

fn votes(stage: &mut Stage) -> usize {
    let sent = stage.sent_to('e');
    sent.iter().filter(|frame| frame.body == Body::AuthAck).count()
}

#[test]
fn a_vote_is_on_disk_before_it_leaves() {
    let mut stage = stage();
    // The epoch is known already, so that the vote alone has to be saved.
    let earlier = Header { current_epoch: Epoch(6), ..stage.header_of('c') };
    stage.hear(earlier, heartbeat(HeartbeatKind::Pong, vec![]));
    stage.actions.clear();
    let header = request(&stage, 6);
    stage.hear(header, Body::AuthRequest);
    assert_eq!(votes(&mut stage), 1);
    assert!(stage.saved_durably_first());
    let Some(Action::Persist { text, .. }) = stage.actions.first() else { panic!("saved") };
    assert!(text.ends_with("vars currentEpoch 6 lastVoteEpoch 6\n"), "{text}");
    assert_eq!(stage.machine.last_vote_epoch(), Epoch(6));
}

#[test]
fn a_vote_is_given_once_per_epoch_and_once_in_a_while_per_primary() {
    let mut stage = stage();
    let first = request(&stage, 6);
    stage.hear(first.clone(), Body::AuthRequest);
    stage.hear(first, Body::AuthRequest);
    assert_eq!(votes(&mut stage), 1);
    let next = request(&stage, 7);
    stage.hear(next, Body::AuthRequest);
    assert_eq!(votes(&mut stage), 1, "a sibling has just got one");
    stage.pass(Millis(2 * TIMEOUT.0), "cde");
    let later = request(&stage, 8);
    stage.hear(later, Body::AuthRequest);
    assert_eq!(votes(&mut stage), 2);
}

#[test]
fn each_rule_refuses_by_its_name() {
    let judged = |stage: &Stage, header: &Header| stage.machine.judge(header.sender, header);
    let mut asked = stage();
    asked.machine.current_epoch = Epoch(6);
    let good = request(&asked, 6);
    assert_eq!(judged(&asked, &good), Ok(id('b')));

    let old = Header { current_epoch: Epoch(5), ..good.clone() };
    assert_eq!(judged(&asked, &old), Err(Refusal::OldEpoch));
    let primary = Header { sender: id('c'), ..good.clone() };
    assert_eq!(judged(&asked, &primary), Err(Refusal::NotAReplica));
    let stranger = Header { sender: id('f'), ..good.clone() };
    assert_eq!(judged(&asked, &stranger), Err(Refusal::NotAReplica));
    let outdated = Header { slots: slots(200..201), ..good.clone() };
    assert_eq!(judged(&asked, &outdated), Err(Refusal::ClaimsOutdated));
    let same_epoch = Header { config_epoch: ConfigEpoch(3), ..outdated };
    assert_eq!(judged(&asked, &same_epoch), Ok(id('b')), "an equal epoch is not outdated");

    let mut voted = stage();
    voted.machine.current_epoch = Epoch(6);
    voted.machine.last_vote_epoch = Epoch(6);
    assert_eq!(judged(&voted, &good), Err(Refusal::AlreadyVoted));

    let healthy = Stage::new();
    let header = request(&healthy, 5);
    assert_eq!(judged(&healthy, &header), Err(Refusal::PrimaryIsFine));
    let forced = Header { message_flags: MessageFlags::FORCE_ACK, ..header };
    assert_eq!(judged(&healthy, &forced), Ok(id('b')));

    let slotless = Stage::with(&NODES.replace("connected 0-99", "connected"), Settings::default());
    assert_eq!(judged(&slotless, &forced), Err(Refusal::NoVoter));
}

#[test]
fn nobody_votes_twice_after_a_restart() {
    let mut stage = stage();
    let header = request(&stage, 6);
    stage.hear(header, Body::AuthRequest);
    let text = stage.machine.saved_text();
    let mut again = Stage::with(&text, Settings::default());
    let header = Header { message_flags: MessageFlags::FORCE_ACK, ..request(&again, 6) };
    again.hear(header, Body::AuthRequest);
    assert_eq!(votes(&mut again), 0);
}

const AS_REPLICA: &str = "\
    {a} 10.0.0.1:6379@16379 myself,slave {b} 0 0 0 connected\n\
    {b} 10.0.0.2:6379@16379 master - 0 0 2 connected 100-199\n\
    {c} 10.0.0.3:6379@16379 master - 0 0 3 connected 200-299\n\
    {d} 10.0.0.4:6379@16379 master - 0 0 4 connected 300-399\n\
    {e} 10.0.0.5:6379@16379 slave {b} 0 0 2 connected\n\
    vars currentEpoch 5 lastVoteEpoch 0\n";

/// The machine replicates b, which has just failed.
fn candidate(settings: Settings) -> Stage {
    let settings = Settings { can_replicate: true, ..settings };
    let mut stage = Stage::with(AS_REPLICA, settings);
    let header = stage.header_of('c');
    stage.hear(header, Body::Fail(id('b')));
    stage.actions.clear();
    stage
}

fn requests(stage: &mut Stage) -> Vec<Frame> {
    let sent = stage.sent_to('c');
    sent.into_iter().filter(|frame| frame.body == Body::AuthRequest).collect()
}

fn vote(stage: &mut Stage, voter: char) {
    let header = stage.header_of(voter);
    stage.hear(header, Body::AuthAck);
}

#[test]
fn a_candidate_asks_once_and_wins_with_a_majority_of_different_voters() {
    let mut stage = candidate(Settings::default());
    stage.pass(Millis(500), "cde");
    assert!(requests(&mut stage).is_empty(), "not before the failure got around");
    stage.pass(Millis(1000), "cde");
    let asked = requests(&mut stage);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header.current_epoch, Epoch(6));
    assert_eq!(asked[0].header.config_epoch, ConfigEpoch(2), "its primary's");
    assert_eq!(asked[0].header.slots.len(), 100);

    vote(&mut stage, 'c');
    vote(&mut stage, 'c');
    vote(&mut stage, 'e'); // a replica has no vote
    assert!(stage.machine.table().me().is_replica(), "one voter of three");
    stage.actions.clear();
    vote(&mut stage, 'd');
    let me = stage.machine.table().me();
    assert!(me.is_primary() && me.slot_count == 100);
    assert_eq!(me.config_epoch, ConfigEpoch(6));
    assert!(stage.saved_durably_first());
    assert!(stage.actions.iter().any(|action| matches!(action, Action::StopFollowing)));
    let news = stage.sent_to('d').remove(0);
    assert_eq!((news.header.config_epoch, news.header.primary), (ConfigEpoch(6), None));
}

#[test]
fn votes_of_an_older_attempt_do_not_count() {
    let mut stage = candidate(Settings::default());
    stage.pass(Millis(1500), "cde");
    let old = Header { current_epoch: Epoch(5), ..stage.header_of('c') };
    stage.hear(old, Body::AuthAck);
    vote(&mut stage, 'd');
    assert!(stage.machine.table().me().is_replica());
}

#[test]
fn a_candidate_with_less_data_waits_longer() {
    let mut stage = candidate(Settings::default());
    let ahead = Header { offset: 50, ..stage.header_of('e') };
    stage.hear(ahead, heartbeat(HeartbeatKind::Ping, vec![]));
    stage.pass(Millis(1400), "cde");
    assert!(requests(&mut stage).is_empty());
    stage.pass(Millis(1000), "cde");
    assert_eq!(requests(&mut stage).len(), 1);
}

#[test]
fn replicas_with_old_data_or_orders_to_stay_do_not_stand() {
    let mut old = candidate(Settings { replica_validity_factor: 1, ..Settings::default() });
    let limit = 10_000 + 2 * TIMEOUT.0;
    old.step(Input::Replication { offset: 0, data_age: Millis(limit + 1) });
    old.pass(Millis(3000), "cde");
    assert!(requests(&mut old).is_empty());
    old.step(Input::Replication { offset: 0, data_age: Millis(limit) });
    old.pass(Millis(3000), "cde");
    assert_eq!(requests(&mut old).len(), 1);

    let mut told = candidate(Settings { replica_no_failover: true, ..Settings::default() });
    told.pass(Millis(3000), "cde");
    assert!(requests(&mut told).is_empty());
}

#[test]
fn data_of_any_age_are_better_than_none() {
    let mut stage = candidate(Settings { replica_validity_factor: 1, ..Settings::default() });
    let stands = |stage: &mut Stage| {
        stage.step(Input::Replication { offset: 0, data_age: Millis(1 << 40) });
        stage.pass(Millis(3000), "cde");
        requests(stage).len() == 1
    };
    stage.step(Input::Loaded { slots: slots(100..101) });
    assert!(!stands(&mut stage), "its primary may have better data");
    let header = stage.header_of('b');
    stage.hear(header.clone(), Body::Fail(id('b')));
    stage.step(Input::Loaded { slots: SlotSet::empty() });
    assert!(!stands(&mut stage), "it has no more than its primary");
    stage.hear(header, Body::Fail(id('b')));
    stage.step(Input::Loaded { slots: slots(100..101) });
    assert!(stands(&mut stage));
}
