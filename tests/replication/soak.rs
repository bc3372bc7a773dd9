//! Nodes of both kinds that replicate each other, under writers, while links break, files are
//! written, turned on and off, and nodes end in every way and come back: at the end all have the
//! same history and the same data, and so has whoever loads their files.
//!
//! `REDPOLL_SOAK_SEED` replays a run, `REDPOLL_SOAK_STEPS` makes it longer, `REDPOLL_SOAK_RUNS`
//! does so many of them, each with a seed of its own.

mod check;
mod events;
mod load;
mod settings;
mod world;

use fastrand::Rng;

use check::Loaders;
use load::Load;
use world::World;

/// The seed of the run that belongs to every test; others are asked for.
const SEED: u64 = 3;
const STEPS: u64 = 20;
/// Steps between two looks at everything.
const CHECK_EVERY: u64 = 20;

fn variable(name: &str) -> Option<u64> {
    let given = std::env::var(name).ok()?;
    Some(given.parse().unwrap_or_else(|_| panic!("{name} is no number: {given}")))
}

#[test]
fn whatever_happens_all_end_with_the_same_data() {
    let runs = variable("REDPOLL_SOAK_RUNS").unwrap_or(1);
    let drawn = if runs == 1 { SEED } else { u64::from(std::process::id()) * 7919 + 1 };
    let first = variable("REDPOLL_SOAK_SEED").unwrap_or(drawn);
    let steps = variable("REDPOLL_SOAK_STEPS").unwrap_or(STEPS);
    let mut loaders = Loaders::default();
    for seed in first..first + runs {
        println!("REDPOLL_SOAK_SEED={seed} REDPOLL_SOAK_STEPS={steps}");
        run(seed, steps, &mut loaders);
    }
}

fn run(seed: u64, steps: u64, loaders: &mut Loaders) {
    let mut rng = Rng::with_seed(seed);
    let mut world = World::start(&mut rng);
    let load = Load::for_nodes(&world);
    for step in 0..steps {
        let top = world.top().port();
        let seeds: Vec<u64> = (0..rng.u64(1..5)).map(|_| rng.u64(..)).collect();
        std::thread::scope(|scope| {
            for &seed in &seeds {
                let load = &load;
                scope.spawn(move || load.write(top, seed));
            }
            world.happen(step, &mut rng, &load);
        });
        if step % CHECK_EVERY == CHECK_EVERY - 1 || step + 1 == steps {
            world.heal();
            world.tell_counts();
            check::same_everywhere(&world);
            check::same_from_files(&world, loaders);
        }
    }
}
