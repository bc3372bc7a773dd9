use super::*;
use crate::base::Millis;
use crate::state::client::Origin;

fn enter(waiters: &Waiters, id: u64, line: Line, names: &[Name]) -> Arc<Waiter> {
    let call = Call {
        request: OwnedRequest::from_args([b"BLPOP"]),
        command: 0,
        db: 0,
        proto: Proto::Resp2,
        kind: Kind::List,
        if_gone: None,
    };
    let waiter = Arc::new(Waiter {
        client: Arc::new(ClientShared::new(id, Origin::here(), Millis(1))),
        ticket: 100 + id,
        names: names.to_vec(),
        place: waiters.place_in(line),
        call: Mutex::new(Some(call)),
    });
    waiters.enter(&waiter);
    waiter
}

fn name(key: &[u8]) -> Name {
    (0, key.into())
}

#[test]
fn lines_are_served_in_the_order_of_arrival_and_a_line_is_left_as_a_whole() {
    let waiters = Waiters::default();
    let key = name(b"k");
    let lines = [
        Line::Elements(Kind::List),
        Line::Reader,
        Line::Group(b"g".as_slice().into()),
        Line::Elements(Kind::List),
        Line::Reader,
        Line::Group(b"g".as_slice().into()),
        Line::Elements(Kind::Zset),
    ];
    for (id, line) in (0..).zip(lines) {
        enter(&waiters, id, line, std::slice::from_ref(&key));
    }
    let walk = |leave: fn(&Waiter) -> bool| {
        let (mut last, mut order) = (None, Vec::new());
        while let Some(waiter) = waiters.next(&key, last.as_ref()) {
            order.push(waiter.client.id);
            let place = &waiter.place;
            last = Some(if leave(&waiter) { place.end_of_line() } else { place.clone() });
        }
        order
    };
    assert_eq!(walk(|_| false), [0, 3, 6, 2, 5, 1, 4]);
    assert_eq!(walk(|_| true), [0, 6, 2, 1, 4], "readers stand alone");
    assert_eq!(walk(|waiter| waiter.client.id == 2), [0, 3, 6, 2, 1, 4]);
    let told: Vec<u64> = waiters.groups(&key).iter().map(|waiter| waiter.client.id).collect();
    assert_eq!(told, [2, 5]);
}

#[test]
fn a_wait_is_taken_out_once_and_leaves_nothing_behind() {
    let waiters = Waiters::default();
    let names = [name(b"a"), name(b"b")];
    let one = enter(&waiters, 1, Line::Elements(Kind::List), &names);
    enter(&waiters, 2, Line::Elements(Kind::List), &names[1..]);
    assert_eq!((waiters.count(), waiters.all().len()), (2, 2));
    assert_eq!(waiters.take_out(1), Some(101));
    assert_eq!((waiters.take_out(1), waiters.take_out(3)), (None, None));
    assert!(!waiters.awaits(&names[0]) && waiters.awaits(&names[1]));
    assert!(one.call.lock().is_none());
    // Somebody is serving it: it is no longer to be had.
    let call = waiters.next(&names[1], None).expect("one is left").call.lock().take();
    assert!(call.is_some());
    assert_eq!(waiters.take_out(2), None);
}
