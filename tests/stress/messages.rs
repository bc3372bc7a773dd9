//! Messages: some publish, some listen all the time, some come and go.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use support::Value;

use crate::{Run, pipeline, run};

const PUBLISHERS: u64 = 2;
const LISTENERS: u64 = 3;
const GUESTS: u64 = 2;
const CHANNELS: usize = 3;
/// Messages sent before their receipt is looked at.
const BURST: usize = 16;

/// Publishes `publisher number`, numbered by channel, until time is over; then says so.
fn publish(run: &Run, actor: u64) -> u64 {
    let (mut rng, mut client, mut numbers) = (run.rng(actor), run.client(), [0; CHANNELS]);
    let mut sent = 0;
    while sent == 0 || run.goes_on() {
        let count = rng.usize(1..BURST);
        let mut message = || {
            let channel = rng.usize(..CHANNELS);
            numbers[channel] += 1;
            format!("PUBLISH channel:{channel} {actor}:{}", numbers[channel])
        };
        let mut lines: Vec<String> = (0..count).map(|_| message()).collect();
        if count % 4 == 0 {
            lines.insert(0, "MULTI".to_owned());
            lines.push("EXEC".to_owned());
        }
        pipeline(&mut client, &lines);
        sent += count as u64;
    }
    sent
}

/// Checks that each publisher's messages come in order; `complete`: and none is missing.
#[derive(Default)]
struct Order(BTreeMap<(String, String), u64>);

impl Order {
    fn add(&mut self, channel: String, message: &str, complete: bool) {
        let (publisher, number) = message.split_once(':').expect("publisher:number");
        let number: u64 = number.parse().expect("a number");
        let before = self.0.insert((channel, publisher.to_owned()), number).unwrap_or(0);
        let fits = if complete { number == before + 1 } else { number > before };
        assert!(fits, "{message} came after {before}");
    }
}

/// Listens from the beginning to the end; how many messages came.
fn listen(run: &Run, actor: u64, ready: &std::sync::Barrier) -> u64 {
    let (mut client, mut order, mut count) = (run.client(), Order::default(), 0);
    let pattern = actor.is_multiple_of(2);
    let subscriptions = if pattern { 2 } else { CHANNELS + 1 };
    client.run(if pattern { "PSUBSCRIBE channel:*" } else { "SUBSCRIBE channel:0" });
    let more = if pattern { "SUBSCRIBE end" } else { "SUBSCRIBE channel:1 channel:2 end" };
    client.run(more);
    (2..subscriptions).for_each(|_| drop(client.read().expect("a confirmation")));
    ready.wait();
    loop {
        let items = client.read().expect("a message").items();
        let [.., channel, message] = items.as_slice() else { panic!("{items:?}") };
        if channel.text() == "end" {
            return count;
        }
        order.add(channel.text(), &message.text(), true);
        count += 1;
    }
}

/// Comes and goes: after the end of its subscriptions nothing but replies arrives.
fn come_and_go(run: &Run, actor: u64) {
    let (mut rng, mut client, mut order) = (run.rng(actor), run.client(), Order::default());
    while run.goes_on() {
        let channel = format!("channel:{}", rng.usize(..CHANNELS));
        let token = rng.u32(..).to_string();
        let (end, last) = match rng.u8(..3) {
            0 => ("RESET".to_owned(), "RESET"),
            1 => ("UNSUBSCRIBE".to_owned(), "unsubscribe"),
            _ => (format!("UNSUBSCRIBE {channel}"), "unsubscribe"),
        };
        let first = client.run(&format!("SUBSCRIBE {channel}")).items();
        assert_eq!(first[0].text(), "subscribe");
        let lines = [end, format!("ECHO {token}"), "GET nothing".to_owned()];
        let bytes = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>();
        client.send(bytes.as_bytes()).expect("the server reads");
        loop {
            let value = client.read().expect("a message or the end");
            let items = if let Value::Simple(_) = value { vec![value] } else { value.items() };
            if items[0].text() == last {
                break;
            }
            assert_eq!(items[0].text(), "message");
            order.add(channel.clone(), &items[2].text(), false);
        }
        assert_eq!(client.read().expect("the echo").text(), token);
        assert!(client.read().expect("nothing").is_null());
    }
}

#[test]
fn messages_come_in_order_and_only_to_those_who_listen() {
    run(|run| {
        let ready = std::sync::Barrier::new(LISTENERS as usize + 1);
        std::thread::scope(|scope| {
            let ready = &ready;
            let spawn = |actor| scope.spawn(move || listen(run, actor, ready));
            let listeners: Vec<_> = (10..10 + LISTENERS).map(spawn).collect();
            ready.wait();
            for actor in 20..20 + GUESTS {
                scope.spawn(move || come_and_go(run, actor));
            }
            let spawn = |actor| scope.spawn(move || publish(run, actor));
            let publishers: Vec<_> = (0..PUBLISHERS).map(spawn).collect();
            let published = publishers.into_iter().map(|one| one.join().expect("no failure"));
            let published: u64 = published.sum();
            run.done.store(true, Ordering::SeqCst);
            assert_eq!(run.client().run("PUBLISH end now").int(), LISTENERS as i64);
            for listener in listeners {
                assert_eq!(listener.join().expect("no failure"), published);
            }
            println!("{published} messages");
            assert!(published > 0, "it did something");
        });
    });
}
