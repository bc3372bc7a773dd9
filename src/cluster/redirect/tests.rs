//! One case per row of the decision table, in its order, and per wording of an answer.

use super::*;
use crate::base::{Millis, Rng};
use crate::cluster::machine::{Input, Machine};
use crate::cluster::nodes_conf;
use crate::cluster::settings::{EndpointType, Settings};
use crate::cluster::state::Why;

const WRITE: CommandFacts = CommandFacts::WRITE;
const READ: CommandFacts = CommandFacts::empty();
const SHARD: CommandFacts = CommandFacts::PUBSUB_SHARD;
const MIGRATE: CommandFacts = CommandFacts::MIGRATE.union(WRITE);
const PLAIN: ClientFacts = ClientFacts { asking: false, readonly: false, tls: false };
const ASKING: ClientFacts = ClientFacts { asking: true, ..PLAIN };
const READONLY: ClientFacts = ClientFacts { readonly: true, ..PLAIN };

/// This node (a) owns 0-99 and replicates nobody, b owns 100-199, c replicates b; 200 is nobody's.
/// 5 is migrating to b, 105 is importing from b.
fn primary() -> ClusterView {
    view("myself,master", "-", "0-99 [5->-{b}] [105-<-{b}]", &Settings::default())
}

/// This node replicates b, the owner of 100-199.
fn replica() -> ClusterView {
    view("myself,slave", "{b}", "", &Settings::default())
}

fn view(flags: &str, primary: &str, slots: &str, settings: &Settings) -> ClusterView {
    let text = format!(
        "{{a}} 10.0.0.1:6379@16379 {flags} {primary} 0 0 1 connected {slots}\n\
         {{b}} 10.0.0.2:6380@16380,b.example,tls-port=7380 master - 0 0 2 connected 100-199\n\
         {{c}} ::1:6381@16381 slave {{b}} 0 0 2 connected\n\
         {{d}} 10.0.0.4:6382@16382 master - 0 0 3 connected 300\n"
    );
    let text = ["a", "b", "c", "d"]
        .iter()
        .fold(text, |text, name| text.replace(&format!("{{{name}}}"), &name.repeat(40)));
    let saved = nodes_conf::parse(&text, Millis(1), false).expect("a valid file");
    let settings = Settings { require_full_coverage: false, ..settings.clone() };
    let mut machine = Machine::new(settings, saved, Rng::from_seed(1), Millis(1));
    for now in [1, 2_002] {
        machine.step(Millis(now), Input::Tick, &mut Vec::new());
    }
    machine.view()
}

fn down(mut view: ClusterView) -> ClusterView {
    view.state = State::Down(Why::Uncovered);
    view
}

fn keys(present: usize, missing: usize) -> KeyFacts {
    KeyFacts { distinct: present + missing, present, missing }
}

/// The decision as the text a client sees; `serve` if it is served.
fn told(
    view: &ClusterView,
    slots: &[u16],
    command: CommandFacts,
    client: ClientFacts,
    keys: KeyFacts,
) -> String {
    let slots = slots.iter().map(|number| Slot::new(*number).expect("a slot"));
    match decide(view, slots, command, client, || keys) {
        Ok(()) => "serve".to_owned(),
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn rows_1_to_3_keys_owners_and_slots() {
    let (view, none) = (primary(), KeyFacts::default());
    assert_eq!(told(&view, &[], WRITE, PLAIN, none), "serve");
    assert_eq!(told(&down(view.clone()), &[], WRITE, PLAIN, none), "serve");
    assert_eq!(told(&view, &[200], READ, PLAIN, none), "CLUSTERDOWN Hash slot not served");
    assert_eq!(told(&view, &[200, 1], READ, PLAIN, none), "CLUSTERDOWN Hash slot not served");
    let cross = "CROSSSLOT Keys in request don't hash to the same slot";
    assert_eq!(told(&view, &[1, 1, 2], READ, PLAIN, none), cross);
    assert_eq!(told(&view, &[1, 200], READ, PLAIN, none), cross);
    assert_eq!(told(&down(view), &[1, 2], READ, PLAIN, none), cross);
}

#[test]
fn rows_4_to_6_a_cluster_that_is_down() {
    let none = KeyFacts::default();
    let (mut strict, mut lenient) = (down(primary()), down(primary()));
    strict.allow_pubsubshard_when_down = false;
    lenient.allow_reads_when_down = true;
    let is_down = "CLUSTERDOWN The cluster is down";
    assert_eq!(told(&strict, &[1], SHARD, PLAIN, none), is_down);
    assert_eq!(told(&down(primary()), &[1], SHARD, PLAIN, none), "serve");
    assert_eq!(told(&down(primary()), &[1], READ, PLAIN, none), is_down);
    assert_eq!(told(&down(primary()), &[1], WRITE, PLAIN, none), is_down);
    assert_eq!(told(&lenient, &[1], READ, PLAIN, none), "serve");
    let reads_only = "CLUSTERDOWN The cluster is down and only accepts read commands";
    assert_eq!(told(&lenient, &[1], WRITE, PLAIN, none), reads_only);
    // EXEC has no write flag of its own: what was queued while all was well still runs.
    assert_eq!(told(&lenient, &[1], CommandFacts::QUEUED_WRITE, PLAIN, none), "serve");
}

#[test]
fn rows_7_to_9_a_slot_that_is_leaving() {
    let view = primary();
    let again = "TRYAGAIN Multiple keys request during rehashing of slot";
    assert_eq!(told(&view, &[5], MIGRATE, PLAIN, keys(0, 1)), "serve");
    assert_eq!(told(&view, &[5, 5], WRITE, PLAIN, keys(1, 1)), again);
    assert_eq!(told(&view, &[5], WRITE, PLAIN, keys(0, 1)), "ASK 5 10.0.0.2:6380");
    assert_eq!(told(&view, &[5, 5], READ, PLAIN, keys(0, 2)), "ASK 5 10.0.0.2:6380");
    assert_eq!(told(&view, &[5, 5], READ, PLAIN, keys(2, 0)), "serve");
    assert_eq!(told(&view, &[5], SHARD, PLAIN, keys(0, 1)), "serve");
    // Only the owner's own record counts.
    assert_eq!(told(&view, &[6], READ, PLAIN, keys(0, 1)), "serve");
}

#[test]
fn rows_10_and_11_a_slot_that_is_arriving() {
    let view = primary();
    let again = "TRYAGAIN Multiple keys request during rehashing of slot";
    let moved = "MOVED 105 10.0.0.2:6380";
    assert_eq!(told(&view, &[105], MIGRATE, PLAIN, keys(0, 1)), "serve");
    assert_eq!(told(&view, &[105, 105], READ, ASKING, keys(1, 1)), again);
    assert_eq!(told(&view, &[105], READ, ASKING, keys(0, 1)), "serve");
    assert_eq!(told(&view, &[105, 105], READ, ASKING, keys(2, 0)), "serve");
    let same_key_twice = KeyFacts { distinct: 1, present: 0, missing: 2 };
    assert_eq!(told(&view, &[105, 105], READ, ASKING, same_key_twice), "serve");
    assert_eq!(told(&view, &[105], CommandFacts::ASKING | WRITE, PLAIN, keys(0, 1)), "serve");
    assert_eq!(told(&view, &[105], SHARD, ASKING, keys(0, 1)), "serve");
    assert_eq!(told(&view, &[105], WRITE, PLAIN, keys(1, 0)), moved);
    // ASKING does not open what is not being imported.
    assert_eq!(told(&view, &[106], READ, ASKING, keys(1, 0)), "MOVED 106 10.0.0.2:6380");
}

#[test]
fn rows_12_to_14_mine_my_primarys_and_others() {
    let none = KeyFacts::default();
    let view = replica();
    let moved = "MOVED 100 10.0.0.2:6380";
    assert_eq!(told(&view, &[100], READ, READONLY, none), "serve");
    assert_eq!(told(&view, &[100], READ, PLAIN, none), moved);
    assert_eq!(told(&view, &[100], WRITE, READONLY, none), moved);
    assert_eq!(told(&view, &[100], CommandFacts::QUEUED_WRITE, READONLY, none), moved);
    assert_eq!(told(&view, &[100], SHARD, PLAIN, none), "serve");
    assert_eq!(told(&view, &[300], READ, READONLY, none), "MOVED 300 10.0.0.4:6382");

    assert_eq!(told(&primary(), &[7], WRITE, PLAIN, none), "serve");
    assert_eq!(told(&primary(), &[100], READ, READONLY, none), moved);
}

#[test]
fn keys_are_looked_up_only_while_a_slot_is_open() {
    let untouched = || -> KeyFacts { panic!("looked up") };
    let slot = |number| Slot::new(number).expect("a slot");
    assert!(decide(&primary(), [slot(7)], WRITE, ASKING, untouched).is_ok());
    assert!(decide(&primary(), [slot(100)], WRITE, ASKING, untouched).is_err());
    let simply: Vec<u16> = [5, 7, 100, 105, 200]
        .into_iter()
        .filter(|number| primary().is_simply_mine(slot(*number)))
        .collect();
    assert_eq!(simply, [7]);
}

#[test]
fn endpoints_follow_the_preference_and_ports_the_client() {
    let of = |preferred| {
        let settings = Settings { preferred_endpoint_type: preferred, ..Settings::default() };
        view("myself,master", "-", "0-99", &settings)
    };
    let none = KeyFacts::default();
    let tls = ClientFacts { tls: true, ..PLAIN };
    let host = of(EndpointType::Hostname);
    assert_eq!(told(&host, &[100], READ, PLAIN, none), "MOVED 100 b.example:6380");
    assert_eq!(told(&host, &[300], READ, PLAIN, none), "MOVED 300 ?:6382");
    assert_eq!(told(&of(EndpointType::Unknown), &[100], READ, PLAIN, none), "MOVED 100 :6380");
    assert_eq!(told(&of(EndpointType::Ip), &[100], READ, tls, none), "MOVED 100 10.0.0.2:7380");
    // A node without a TLS port is named by the one it has.
    assert_eq!(told(&of(EndpointType::Ip), &[300], READ, tls, none), "MOVED 300 10.0.0.4:6382");
}

#[test]
fn blocked_clients_are_sent_away_when_the_slot_or_the_cluster_is_gone() {
    let slot = |number| Slot::new(number).expect("a slot");
    let told = |view: &ClusterView, number, writes, client| {
        stay_blocked(view, slot(number), writes, client).map_err(|refusal| refusal.to_string())
    };
    assert_eq!(told(&primary(), 1, true, PLAIN), Ok(()));
    assert_eq!(told(&primary(), 105, true, PLAIN), Ok(()));
    assert_eq!(told(&primary(), 100, true, PLAIN), Err("MOVED 100 10.0.0.2:6380".to_owned()));
    let unserved = "CLUSTERDOWN Hash slot not served".to_owned();
    assert_eq!(told(&primary(), 200, true, PLAIN), Err(unserved));
    let is_down = "CLUSTERDOWN The cluster is down".to_owned();
    assert_eq!(told(&down(primary()), 1, true, PLAIN), Err(is_down));
    assert_eq!(told(&replica(), 100, false, READONLY), Ok(()));
    assert!(told(&replica(), 100, true, READONLY).is_err());
}

#[test]
fn scripts_are_told_in_their_own_words() {
    assert_eq!(
        Refusal::DownForWrites.in_script(),
        "ERR Script attempted to execute a write command while the cluster is down and readonly"
    );
    assert_eq!(
        Refusal::Down.in_script(),
        "ERR Script attempted to execute a command while the cluster is down"
    );
    assert_eq!(
        Refusal::TryAgain.in_script(),
        "ERR Script attempted to access a non local key in a cluster node"
    );
}
