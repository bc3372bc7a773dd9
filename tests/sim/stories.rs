//! Rare cases told one by one, on the same world.

use redpoll::base::{ConfigEpoch, Millis, NodeId, Slot};
use redpoll::cluster::admin::{Failover, SetSlot};
use redpoll::cluster::flags::NodeFlags;
use redpoll::cluster::{Admin, AdminError};
use redpoll::resp::Value;

use crate::world::{NODE_TIMEOUT, Shape, World};

const SECOND: Millis = Millis(1000);

fn created(primaries: usize, replicas_each: usize) -> World {
    let mut world = World::new(1, Shape { primaries, replicas_each });
    world.create_cluster();
    world
}

/// Whether `node` has that flag for `about`.
fn holds(world: &World, node: usize, about: NodeId, flag: NodeFlags) -> bool {
    world.machine(node).table().get(about).is_some_and(|entry| entry.has(flag))
}

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("a slot")
}

fn owner(world: &World, node: usize, number: u16) -> Option<NodeId> {
    world.machine(node).table().owner_id(slot(number))
}

#[test]
fn a_cluster_is_created_as_redis_cli_does_it() {
    let world = created(6, 0);
    let table = world.machine(5).table();
    assert_eq!(table.node_count(), 6);
    assert_eq!(table.size(), 6);
    assert_eq!(table.me().config_epoch, ConfigEpoch(6), "as assigned");
    let view = world.nodes[5].view.as_ref().expect("a view was published");
    assert_eq!(view.my_id(), world.id(5));
    assert!(view.is_simply_mine(slot(16383)) && !view.is_mine(slot(0)));
}

#[test]
fn a_silent_node_is_suspected_then_failed_and_comes_back() {
    let mut world = created(3, 0);
    let gone = world.id(2);
    world.crash(2);
    world.run(Millis(NODE_TIMEOUT.0 / 4));
    assert!(!holds(&world, 0, gone, NodeFlags::FAILING), "not before the timeout");
    world.run_until("it is failed for both", Millis::from_secs(5), |world| {
        (0..2).all(|node| holds(world, node, gone, NodeFlags::FAIL))
    });
    world.run_until("the cluster is down", SECOND, |world| {
        (0..2).all(|node| !world.machine(node).is_ok())
    });
    world.crash_for(2, Millis(1)); // starts it again
    world.run_until("all is well", Millis::from_secs(20), World::has_converged);
    assert_eq!(world.id(2), gone, "under its old name");
}

#[test]
fn a_node_that_only_one_other_cannot_reach_is_suspected_but_not_failed() {
    let mut world = created(4, 0);
    let gone = world.id(3);
    world.network.cut_pair(0, 3);
    world.run_until("one suspects it", Millis::from_secs(5), |world| {
        holds(world, 0, gone, NodeFlags::PFAIL)
    });
    world.run(Millis::from_secs(10));
    assert!(!(0..3).any(|node| holds(&world, node, gone, NodeFlags::FAIL)));
    assert!(world.machine(1).is_ok());
}

#[test]
fn nodes_that_are_stopped_for_longer_than_the_timeout_suspect_nobody() {
    let mut world = created(4, 1);
    for round in 0..20 {
        // All at once, as on a machine that is overloaded or suspended.
        let span = Millis(NODE_TIMEOUT.0 * 2 + round * 37);
        (0..8).for_each(|node| world.pause(node, span));
        world.run(span + Millis(NODE_TIMEOUT.0 + 411));
        assert!((0..8).all(|node| world.machine(node).is_ok()), "round {round}");
    }
    assert_eq!((world.tally.failures, world.tally.takeovers), (0, 0));
}

#[test]
fn the_smaller_side_of_a_partition_stops_serving() {
    let mut world = created(5, 0);
    world.network.partition(5, &[0, 1].into(), false);
    world.run_until("the minority is down", Millis::from_secs(5), |world| {
        (0..2).all(|node| !world.machine(node).is_ok())
    });
    world.network.mend();
    world.run_until("all is well", Millis::from_secs(30), World::has_converged);
}

#[test]
fn a_replica_replaces_its_failed_primary_which_returns_as_its_replica() {
    let mut world = created(3, 1);
    let (old, new) = (world.id(0), world.id(3));
    world.crash(0);
    world.run_until("the replica owns the slots", Millis::from_secs(15), |world| {
        (1..6).all(|node| owner(world, node, 0) == Some(new))
    });
    assert!(world.checkers.votes.count() >= 2, "by a majority of three");
    world.crash_for(0, SECOND);
    world.run_until("all is well", Millis::from_secs(30), World::has_converged);
    assert_eq!(world.id(0), old);
    assert_eq!(world.machine(0).table().me().primary, Some(new));
    assert_eq!(world.nodes[0].following, Some(new));
}

#[test]
fn a_primary_that_lost_its_replica_gets_one_from_the_richest() {
    let mut world = created(3, 1);
    let spare = world.add_node();
    let meet = Admin::Meet { ip: "10.0.0.1".to_owned(), port: 6379, bus_port: 16379 };
    world.admin(spare, &meet).expect("valid");
    let count = world.nodes.len();
    world.run_until("it is in", Millis::from_secs(20), |world| {
        (0..count).all(|node| world.machine(node).table().node_count() == count)
    });
    let rich = world.id(0);
    world.admin(spare, &Admin::Replicate(rich.to_string())).expect("empty");
    world.run_until("all is well", Millis::from_secs(10), World::has_converged);

    world.crash(4);
    world.run(Millis::from_secs(4));
    let of = |world: &World, node: usize| world.machine(node).table().me().primary;
    assert_eq!((of(&world, 3), of(&world, spare)), (Some(rich), Some(rich)), "not at once");
    let poor = world.id(1);
    world.run_until("one of the two has moved", Millis::from_secs(10), |world| {
        of(world, 3) == Some(poor) || of(world, spare) == Some(poor)
    });
    world.run(Millis::from_secs(10));
    assert_ne!(of(&world, 3), of(&world, spare), "the other one stays");
    let moved = if world.id(3) < world.id(spare) { 3 } else { spare };
    assert_eq!(of(&world, moved), Some(poor), "the smaller id");
}

#[test]
fn a_manual_failover_swaps_the_roles_of_two_healthy_nodes() {
    let mut world = created(3, 1);
    let new = world.id(3);
    world.admin(3, &Admin::Failover(Failover::Ask)).expect("a replica");
    world.run_until("the roles are swapped", Millis::from_secs(5), |world| {
        (0..6).all(|node| owner(world, node, 0) == Some(new)) && world.has_converged()
    });
    assert_eq!(world.machine(0).table().me().primary, Some(new));
    assert_eq!(world.tally.failures, 0, "nobody failed");
    let back = world.admin(3, &Admin::Failover(Failover::Ask));
    assert_eq!(back, Err(AdminError::FailoverOnPrimary));
}

#[test]
fn a_takeover_needs_no_votes() {
    let mut world = created(3, 1);
    (0..3).for_each(|node| world.crash(node));
    world.admin(4, &Admin::Failover(Failover::Takeover)).expect("a replica");
    world.run(SECOND);
    assert_eq!(owner(&world, 3, 6000), Some(world.id(4)));
    assert_eq!(world.checkers.votes.count(), 0);
}

#[test]
fn a_forgotten_node_stays_forgotten_although_others_gossip_about_it() {
    let mut world = created(4, 0);
    let slots = world.machine(3).table().me().slots.iter().collect();
    let gone = world.id(3);
    world.admin(3, &Admin::DelSlots(slots)).expect("its own");
    world.crash(3);
    world.admin(0, &Admin::Forget(gone.to_string())).expect("known");
    world.run(Millis::from_secs(20));
    for node in 0..3 {
        assert!(world.machine(node).table().get(gone).is_none(), "told by node 0, as 7.2 does");
    }
    let again = world.admin(1, &Admin::Forget(gone.to_string()));
    assert_eq!(again, Ok(Value::ok()), "it was told already");
}

#[test]
fn equal_config_epochs_part_by_themselves() {
    let mut world = World::new(3, Shape { primaries: 4, replicas_each: 0 });
    for node in 0..4u16 {
        let slots = (node * 4096..(node + 1) * 4096).map(slot).collect();
        world.admin(node.into(), &Admin::AddSlots(slots)).expect("free");
        let meet = Admin::Meet { ip: "10.0.0.1".to_owned(), port: 6379, bus_port: 16379 };
        world.admin(node.into(), &meet).expect("valid");
    }
    assert!((0..4).all(|node| world.machine(node).table().me().config_epoch == ConfigEpoch(0)));
    world.run_until("no two share an epoch", Millis::from_secs(30), World::has_converged);
}

#[test]
fn a_node_with_a_new_address_is_found_there() {
    let mut world = created(3, 0);
    world.crash(1);
    world.nodes[1].ip = "10.9.9.9".to_owned();
    world.crash_for(1, SECOND);
    world.run_until("all is well", Millis::from_secs(20), World::has_converged);
    for node in [0, 2] {
        let entry = world.machine(node).table().get(world.id(1)).expect("known");
        assert_eq!(entry.address.ip, "10.9.9.9");
    }
}

#[test]
fn an_address_that_another_node_has_taken_is_not_believed() {
    let mut world = created(4, 0);
    let ids = [world.id(2), world.id(3)];
    world.crash(2);
    world.crash(3);
    let ip = world.nodes[2].ip.clone();
    world.nodes[2].ip = std::mem::replace(&mut world.nodes[3].ip, ip);
    world.crash_for(2, SECOND);
    world.crash_for(3, SECOND);
    world.run_until("all is well", Millis::from_secs(40), World::has_converged);
    for (node, id) in [(2, ids[0]), (3, ids[1])] {
        let entry = world.machine(0).table().get(id).expect("known");
        assert_eq!(entry.address.ip, world.nodes[node].ip);
    }
}

#[test]
fn a_slot_moves_in_the_steps_of_redis_cli() {
    let mut world = created(3, 0);
    let (source, target) = (world.id(0), world.id(1));
    let mut set = |node: usize, action: SetSlot| {
        world.admin(node, &Admin::SetSlot(slot(5), action)).expect("allowed");
    };
    set(1, SetSlot::Importing(source.to_string()));
    set(0, SetSlot::Migrating(target.to_string()));
    let view = world.nodes[0].view.clone().expect("published");
    assert!(view.is_mine(slot(5)) && view.migrating_to(slot(5)).is_some());
    assert!(world.nodes[1].view.as_ref().expect("published").importing_from(slot(5)).is_some());
    for node in [1, 0] {
        let to_target = SetSlot::Node(target.to_string());
        world.admin(node, &Admin::SetSlot(slot(5), to_target)).expect("allowed");
    }
    world.run_until("node 2 has heard of it", SECOND, |world| owner(world, 2, 5) == Some(target));
    assert_eq!(world.machine(1).table().me().config_epoch, ConfigEpoch(4), "a new claim");
    assert!(world.has_converged());
}

#[test]
fn a_source_that_missed_the_last_step_hears_of_it_from_the_target() {
    let mut world = created(3, 0);
    let (source, target) = (world.id(0).to_string(), world.id(2));
    world.admin(2, &Admin::SetSlot(slot(5), SetSlot::Importing(source))).expect("allowed");
    world.crash(0);
    let last = Admin::SetSlot(slot(5), SetSlot::Node(target.to_string()));
    world.admin(2, &last).expect("allowed");
    world.crash_for(0, SECOND);
    world.run_until("all is well", Millis::from_secs(20), World::has_converged);
    assert_eq!(owner(&world, 0, 5), Some(target));
}

#[test]
fn a_hard_reset_makes_a_stranger_of_a_node() {
    let mut world = created(3, 0);
    let before = world.id(2);
    world.admin(2, &Admin::Reset { hard: true }).expect("no keys");
    let machine = world.machine(2);
    assert_ne!(machine.my_id(), before);
    assert_eq!(machine.table().node_count(), 1);
    assert_eq!(machine.current_epoch().0, 0);
    world.run(Millis::from_secs(10));
    assert_eq!(world.machine(2).table().node_count(), 1, "nobody drags it back in");
    assert!(holds(&world, 0, before, NodeFlags::FAILING | NodeFlags::NOADDR));
}
