//! Primaries that come back without their data.

use redpoll::base::{Millis, NodeId, Slot};

use crate::world::{Shape, World};

const SECOND: Millis = Millis(1000);

/// A cluster whose first primary, node 0, loses its data with its next restart.
fn forgetful(primaries: usize) -> World {
    let mut world = World::new(1, Shape { primaries, replicas_each: 1 });
    for node in 0..world.nodes.len() {
        // An hour: nobody is suspected.
        world.restart_with(node, |settings| settings.node_timeout = Millis::from_secs(3600));
    }
    world.create_cluster();
    world.run(Millis::from_secs(5));
    world.nodes[0].keeps_data = false;
    world
}

fn owner(world: &World, node: usize) -> Option<NodeId> {
    world.machine(node).table().owner_id(Slot::all().next().expect("slot 0"))
}

fn is_waiting(world: &World, node: usize) -> bool {
    world.nodes[node].view.as_ref().expect("published").awaits_successor()
}

#[test]
fn its_replica_takes_over_with_the_data_and_it_follows() {
    for primaries in [1, 2, 3] {
        let mut world = forgetful(primaries);
        let (old, new) = (world.id(0), world.id(primaries));
        let had = world.nodes[primaries].offset;
        assert!(had > 10, "there is something to lose");
        world.crash_for(0, Millis(200));
        world.run_until("it is back", SECOND, |world| world.nodes[0].machine.is_some());
        assert!(is_waiting(&world, 0) && !world.machine(0).is_ok());
        world.run_until("the replica owns the slots", Millis::from_secs(4), |world| {
            world.running().into_iter().all(|node| owner(world, node) == Some(new))
        });
        assert_eq!(world.nodes[0].following, Some(new));
        assert!(!is_waiting(&world, 0) && world.id(0) == old);
        world.run_until("all is well", Millis::from_secs(20), World::has_converged);
        assert!(world.nodes[0].offset >= had && world.nodes[primaries].offset >= had);
    }
}

#[test]
fn it_serves_without_data_when_nobody_takes_over_in_time() {
    let mut world = forgetful(3);
    let id = world.id(0);
    world.restart_with(0, |settings| settings.empty_primary_wait = Some(Millis(7000)));
    world.run_until("it waits", SECOND, |world| is_waiting(world, 0));
    // Its replica is cut off from the votes of the others.
    world.network.cut_pair(3, 1);
    world.network.cut_pair(3, 2);
    world.run(Millis::from_secs(6));
    assert!(is_waiting(&world, 0), "as long as it was told");
    world.run_until("it serves", Millis::from_secs(3), |world| world.machine(0).is_ok());
    assert_eq!(owner(&world, 0), Some(id));
}

#[test]
fn it_does_not_wait_if_it_was_told_not_to() {
    let mut world = forgetful(3);
    let id = world.id(0);
    world.restart_with(0, |settings| settings.empty_primary_wait = Some(Millis::ZERO));
    world.run_until("it is back", SECOND, |world| world.nodes[0].machine.is_some());
    assert!(!is_waiting(&world, 0));
    world.run(Millis::from_secs(10));
    assert!(world.has_converged() && owner(&world, 0) == Some(id));
    assert_eq!(world.tally.failures, 0);
}

#[test]
fn it_does_not_wait_for_replicas_that_are_gone() {
    let mut world = forgetful(3);
    let id = world.id(0);
    for node in 0..6 {
        world.restart_with(node, |settings| settings.node_timeout = SECOND);
    }
    world.nodes[0].keeps_data = true;
    world.run_until("all is well", Millis::from_secs(20), World::has_converged);
    let gone = world.id(3);
    world.crash(3);
    world.run_until("the replica has failed", Millis::from_secs(20), |world| {
        let entry = world.machine(0).table().get(gone).expect("known");
        entry.has(redpoll::cluster::flags::NodeFlags::FAIL)
    });
    world.nodes[0].keeps_data = false;
    world.crash_for(0, Millis(1));
    world.run_until("it serves", Millis::from_secs(4), |world| {
        world.nodes[0].machine.is_some() && world.machine(0).is_ok()
    });
    assert_eq!(owner(&world, 0), Some(id));
}

#[test]
fn a_primary_with_its_data_goes_on() {
    let mut world = forgetful(3);
    let id = world.id(0);
    world.nodes[0].keeps_data = true;
    world.crash_for(0, Millis(200));
    world.run(Millis::from_secs(10));
    assert!(world.has_converged());
    assert_eq!((owner(&world, 1), world.tally.failures), (Some(id), 0));
}
