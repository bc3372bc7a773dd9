//! Queues: some push, some move, some pop, and some are told to stop waiting.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use support::{Client, Stop};

use crate::{Run, pipeline, run};

const PRODUCERS: u64 = 3;
const CONSUMERS: u64 = 4;
const MOVERS: u64 = 2;
/// In different slots. What is pushed to the first is moved to the last.
const QUEUES: [&str; 4] = ["in", "q1", "q2", "out"];
/// Elements that wait to be popped at the most.
const BACKLOG_MAX: i64 = 200;

/// Pushes `producer:queue:number`; the elements.
fn produce(run: &Run, producer: u64) -> Vec<String> {
    let (mut rng, mut client, mut pushed) = (run.rng(producer), run.client(), Vec::new());
    let mut numbers = [0; QUEUES.len()];
    while numbers == [0; QUEUES.len()] || run.goes_on() {
        let mut push = |queue: usize| {
            numbers[queue] += 1;
            pushed.push(format!("{producer}:{}:{}", QUEUES[queue], numbers[queue]));
            format!("RPUSH {} {}", QUEUES[queue], pushed.last().expect("just pushed"))
        };
        let lines = match rng.u8(..4) {
            0 => vec!["MULTI".into(), push(0), push(1), push(2), push(1), "EXEC".into()],
            1 => (0..rng.usize(2..20)).map(|index| push(index % 3)).collect(),
            2 => vec![push(1) + " " + push(1).rsplit(' ').next().expect("its element")],
            _ => vec![push(rng.usize(..3))],
        };
        pipeline(&mut client, &lines);
        if rng.u8(..8) == 0 {
            wait_for_consumers(run, &mut client);
        }
    }
    pushed
}

fn wait_for_consumers(run: &Run, client: &mut Client) {
    let mut backlog =
        || -> i64 { QUEUES.iter().map(|queue| client.run(&format!("LLEN {queue}")).int()).sum() };
    while run.goes_on() && backlog() > BACKLOG_MAX {
        std::thread::yield_now();
    }
}

/// Whether nothing is left, and nothing will come.
fn is_over(run: &Run, client: &mut Client) -> bool {
    // In this order: what is moved is in one of them at any time.
    run.done.load(Ordering::SeqCst) && client.run("EXISTS in q1 q2 out").int() == 0
}

/// Moves what comes into the first queue to the last.
fn relay(run: &Run, actor: u64) {
    let (mut rng, mut client) = (run.rng(actor), run.client());
    while !is_over(run, &mut client) {
        let timeout = ["0.05", "0.01", "0.2"][rng.usize(..3)];
        client.run(&format!("BLMOVE in out LEFT RIGHT {timeout}"));
    }
}

/// Pops; the elements in their order.
fn consume(run: &Run, actor: u64) -> Vec<String> {
    let (mut rng, mut client, mut popped) = (run.rng(actor), run.client(), Vec::new());
    client.run(&format!("CLIENT SETNAME consumer{actor}"));
    while !is_over(run, &mut client) {
        let line = match rng.u8(..4) {
            0 => "BLPOP q1 q2 out 0.2",
            1 => "BLPOP out q1 0.01",
            2 => "BLMPOP 0.1 2 q2 out LEFT COUNT 3",
            _ => "BLPOP q2 0.05",
        };
        let reply = client.run(line);
        if reply.is_null() {
            continue;
        }
        let items = reply.items();
        match line.starts_with("BLMPOP") {
            true => popped.extend(items[1].items().iter().map(support::Value::text)),
            false => popped.push(items[1].text()),
        }
    }
    popped
}

/// Ends the waits of consumers, as their timeouts would.
fn unblock(run: &Run, actor: u64) {
    let (mut rng, mut client) = (run.rng(actor), run.client());
    while run.goes_on() {
        let list = client.run("CLIENT LIST").text();
        let ids = list.lines().filter(|line| line.contains("name=consumer"));
        let ids: Vec<&str> = ids.filter_map(|line| line.split(' ').next()?.get(3..)).collect();
        if !ids.is_empty() {
            client.run(&format!("CLIENT UNBLOCK {}", ids[rng.usize(..ids.len())]));
        }
    }
}

/// Elements of one producer and queue come to each consumer in the order of their numbers.
fn assert_in_order(popped: &[String]) {
    let mut latest: BTreeMap<&str, u64> = BTreeMap::new();
    for element in popped {
        let (source, number) = element.rsplit_once(':').expect("producer:queue:number");
        let number: u64 = number.parse().expect("a number");
        let before = latest.insert(source, number).unwrap_or(0);
        assert!(before < number, "{element} came after {before}");
    }
}

#[test]
fn every_element_is_popped_once_and_in_order() {
    run(|run| {
        let (mut pushed, mut popped) = (Vec::new(), Vec::new());
        std::thread::scope(|scope| {
            let ending = Stop(&run.done);
            let spawn = |actor| scope.spawn(move || consume(run, actor));
            let consumers: Vec<_> = (10..10 + CONSUMERS).map(spawn).collect();
            for actor in 20..20 + MOVERS {
                scope.spawn(move || relay(run, actor));
            }
            scope.spawn(|| unblock(run, 30));
            let spawn = |actor| scope.spawn(move || produce(run, actor));
            let producers: Vec<_> = (0..PRODUCERS).map(spawn).collect();
            for producer in producers {
                pushed.extend(producer.join().expect("no failure"));
            }
            drop(ending);
            for consumer in consumers {
                let elements = consumer.join().expect("no failure");
                assert_in_order(&elements);
                popped.extend(elements);
            }
        });
        println!("{} elements", pushed.len());
        pushed.sort_unstable();
        popped.sort_unstable();
        assert!(!pushed.is_empty() && pushed == popped, "each comes once");
        assert_eq!(run.client().run("DBSIZE").int(), 0);
    });
}
