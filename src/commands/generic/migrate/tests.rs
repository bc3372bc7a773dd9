use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::engine::testing::Local;
use crate::resp::Value;
use crate::state::courier::Courier;

/// Notes what it is given and answers what it was told to.
#[derive(Debug, Default)]
struct Pigeon {
    carried: Mutex<Vec<String>>,
    done: Vec<bool>,
    failure: Option<Failure>,
}

impl Courier for Arc<Pigeon> {
    fn deliver(&self, to: Address<'_>, requests: &[Vec<u8>]) -> Receipt {
        let mut carried = self.carried.lock();
        carried.push(format!("{} {} {:?}", to.db, to.timeout.0, to.auth.is_some()));
        carried.extend(requests.iter().map(|request| request.escape_ascii().to_string()));
        Receipt { done: self.done.clone(), failure: self.failure.clone() }
    }

    fn tidy(&self) {}
}

fn with(pigeon: Pigeon) -> (Local, Arc<Pigeon>) {
    let (mut local, pigeon) = (Local::default(), Arc::new(pigeon));
    local.server.courier.set(Box::new(Arc::clone(&pigeon))).expect("none yet");
    assert_eq!(local.run(&["MSET", "a", "1", "b", "2"]), Value::ok());
    (local, pigeon)
}

fn run(local: &mut Local, line: &str) -> Value {
    let args: Vec<&str> = line.split(' ').map(|word| word.trim_matches('_')).collect();
    local.run(&args)
}

#[test]
fn only_what_arrived_is_deleted() {
    let failure = Some(Failure::Refused("ERR no".to_owned()));
    let (mut local, pigeon) =
        with(Pigeon { done: vec![false, true], failure, ..Pigeon::default() });
    let answer = run(&mut local, "MIGRATE h 1 _ 3 0 REPLACE AUTH keys KEYS a none b");
    assert_eq!(
        answer.error().expect("an error"),
        b"ERR Target instance replied with error: ERR no"
    );
    assert_eq!(run(&mut local, "EXISTS a"), Value::Int(1));
    assert_eq!(run(&mut local, "EXISTS b"), Value::Int(0));
    let carried = pigeon.carried.lock();
    assert_eq!(carried[0], "3 1000 true");
    assert!(carried[1].starts_with(r"*5\r\n$7\r\nRESTORE\r\n$1\r\na\r\n$1\r\n0\r\n"));
    assert!(carried[2].ends_with(r"$7\r\nREPLACE\r\n"));
    assert_eq!(carried.len(), 3);
}

#[test]
fn a_copy_stays() {
    let (mut local, pigeon) = with(Pigeon { done: vec![true], ..Pigeon::default() });
    assert_eq!(run(&mut local, "PEXPIRE a 5000"), Value::Int(1));
    assert_eq!(run(&mut local, "MIGRATE h 1 a 0 7 COPY"), Value::ok());
    assert_eq!(run(&mut local, "EXISTS a"), Value::Int(1));
    assert_eq!(run(&mut local, "MIGRATE h 1 a 0 7"), Value::ok());
    assert_eq!(run(&mut local, "EXISTS a"), Value::Int(0));
    let carried = pigeon.carried.lock();
    assert_eq!(carried[0], "0 7 false");
    assert!(carried[1].starts_with(r"*4\r\n$7\r\nRESTORE\r\n$1\r\na\r\n$4\r\n"), "a lifetime");
}

#[test]
fn requests_that_make_no_sense_go_nowhere() {
    let (mut local, pigeon) = with(Pigeon::default());
    for (line, answer) in [
        ("MIGRATE h 1 none 0 1", "NOKEY"),
        ("MIGRATE h 1 _ 0 1 KEYS", "NOKEY"),
        ("MIGRATE h 1 none -5 -1", "NOKEY"),
        ("MIGRATE h 1 a 0 1 foo", "ERR syntax error"),
        ("MIGRATE h 1 a 0 1 AUTH", "ERR syntax error"),
        ("MIGRATE h 1 a 0 1 AUTH2 x", "ERR syntax error"),
        ("MIGRATE h 1 a x 1", "ERR value is not an integer or out of range"),
        ("MIGRATE h 1 a 0 x", "ERR value is not an integer or out of range"),
        (
            "MIGRATE h 1 a 0 1 KEYS b",
            "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
        ),
    ] {
        let got = run(&mut local, line);
        assert_eq!(got.text().or(got.error()), Some(answer.as_bytes()), "{line}");
    }
    assert!(pigeon.carried.lock().is_empty());
}
