use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::base::Rng;

/// A handshake, the time and what came out last.
struct Story {
    machine: Handshake,
    now: Millis,
}

fn start(greeting: Greeting) -> (Story, Vec<Action>) {
    let mut out = Vec::new();
    let greeting = Greeting { timeout: Millis(60_000), ..greeting };
    let machine = Handshake::start(Millis(0), greeting, &mut out);
    (Story { machine, now: Millis(0) }, out)
}

impl Story {
    fn line(&mut self, line: &str) -> Vec<Action> {
        let mut out = Vec::new();
        self.machine.step(self.now, Input::Line(line.as_bytes()), &mut out);
        out
    }

    fn after(&mut self, millis: u64) -> Vec<Action> {
        self.now = Millis(self.now.0 + millis);
        let mut out = Vec::new();
        self.machine.step(self.now, Input::Tick, &mut out);
        out
    }

    /// Answers everything up to PSYNC; what is sent then.
    fn until_psync(&mut self) -> String {
        self.line("+PONG");
        for _ in 0..10 {
            if let [Action::Send(bytes)] = self.line("+OK").as_slice() {
                return words(bytes);
            }
        }
        panic!("no PSYNC");
    }
}

/// The words of commands on the wire.
fn words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let is_word = |line: &&str| !line.starts_with(['*', '$']);
    text.lines().filter(is_word).collect::<Vec<_>>().join(" ")
}

fn sent(actions: &[Action]) -> String {
    match actions {
        [Action::Send(bytes)] => words(bytes),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_greets_and_asks_for_a_full_copy() {
    let (mut stage, first) = start(Greeting { port: 7, ..Greeting::default() });
    assert_eq!(sent(&first), "PING");
    let greeting = "REPLCONF listening-port 7 REPLCONF capa eof capa psync2 capa redpoll \
                    REPLCONF version 9.0.0";
    assert_eq!(sent(&stage.line("+PONG")), greeting);
    assert_eq!(stage.line("-ERR unknown"), [], "a primary need not understand");
    assert_eq!(stage.line("+OK"), []);
    assert_eq!(sent(&stage.line("+OK")), "PSYNC ? -1");
    assert_eq!(stage.line(""), [], "a sign of life");
    let id = ReplId::random(&mut Rng::from_seed(1));
    let expected = Action::Receive { id: Some(id), offset: 77, is_legacy: false };
    assert_eq!(stage.line(&format!("+FULLRESYNC {id} 77")), [expected]);
}

#[test]
fn it_authenticates_and_gives_up_when_refused() {
    let auth = Some((Some(b"me".to_vec()), b"secret".to_vec()));
    let ip = Some(b"10.0.0.1".to_vec());
    let (mut stage, _) = start(Greeting { auth, ip, ..Greeting::default() });
    let greeting = sent(&stage.line("-NOAUTH Authentication required."));
    assert!(greeting.starts_with("AUTH me secret REPLCONF listening-port 0"), "{greeting}");
    assert!(greeting.contains("ip-address 10.0.0.1"));
    let refusal = stage.line("-WRONGPASS no");
    assert_eq!(refusal, [Action::Fail(Failure::Auth("-WRONGPASS no".into()))]);
}

#[test]
fn it_goes_on_where_it_stopped_under_the_name_it_is_told() {
    let mut rng = Rng::from_seed(2);
    let (id, new) = (ReplId::random(&mut rng), ReplId::random(&mut rng));
    let history = Some((id, 41));
    for (answer, expected) in [
        ("+CONTINUE".to_owned(), Action::Resume { id: None }),
        (format!("+CONTINUE {new}"), Action::Resume { id: Some(new) }),
        (
            "+FULLRESYNC nonsense 5".to_owned(),
            Action::Receive { id: None, offset: 5, is_legacy: false },
        ),
    ] {
        let (mut stage, _) = start(Greeting { history, ..Greeting::default() });
        assert_eq!(stage.until_psync(), format!("PSYNC {id} 42"));
        assert_eq!(stage.line(&answer), [expected]);
    }
    let (mut stage, _) = start(Greeting { history, is_failover: true, ..Greeting::default() });
    assert_eq!(stage.until_psync(), format!("PSYNC {id} 42 FAILOVER"));
}

#[test]
fn a_primary_that_cannot_now_is_tried_again_and_an_old_one_is_asked_with_sync() {
    for text in ["-NOMASTERLINK Can't SYNC", "-LOADING Redis is"] {
        let (mut stage, _) = start(Greeting::default());
        stage.until_psync();
        assert_eq!(stage.line(text), [Action::Fail(Failure::NotNow(text.into()))]);
    }
    let (mut stage, _) = start(Greeting::default());
    stage.until_psync();
    let expected = [
        Action::ForgetHistory,
        Action::Send(b"SYNC\r\n".to_vec()),
        Action::Receive { id: None, offset: 0, is_legacy: true },
    ];
    assert_eq!(stage.line("-ERR unknown command 'PSYNC'"), expected);
}

#[test]
fn silence_ends_it_sooner_before_psync_than_after() {
    let (mut stage, _) = start(Greeting::default());
    assert_eq!(stage.after(5_000), []);
    assert_eq!(stage.after(1), [Action::Fail(Failure::Silence)]);
    assert_eq!(stage.after(100_000), [], "it fails once");
    let (mut stage, _) = start(Greeting::default());
    stage.until_psync();
    assert_eq!(stage.after(60_000), []);
    stage.line("");
    assert_eq!(stage.after(60_000), []);
    assert_eq!(stage.after(1), [Action::Fail(Failure::Silence)]);
}

#[test]
fn an_error_to_ping_is_fatal() {
    let (mut stage, _) = start(Greeting::default());
    let expected = Action::Fail(Failure::Ping("-ERR what".into()));
    assert_eq!(stage.line("-ERR what"), [expected]);
}

#[test]
fn an_offset_that_leaves_no_room_is_none() {
    let id = ReplId::random(&mut Rng::from_seed(1));
    for (offset, known) in [(i64::MAX as u64, true), (1 << 63, false), (u64::MAX, false)] {
        let (mut stage, _) = start(Greeting::default());
        stage.until_psync();
        let told = stage.line(&format!("+FULLRESYNC {id} {offset}"));
        let [Action::Receive { id: found, offset, .. }] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert_eq!((found.is_some(), *offset > 0), (known, known));
    }
}

/// Lines that make sense in one place or another, and some that make none.
const LINES: [&str; 16] = [
    "",
    "+PONG",
    "+OK",
    "-NOAUTH Authentication required.",
    "-ERR unknown command",
    "-LOADING",
    "-NOMASTERLINK",
    "+FULLRESYNC",
    "+FULLRESYNC x 1",
    "+FULLRESYNC aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 18446744073709551616",
    "+FULLRESYNC aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa -1",
    "+CONTINUE",
    "+CONTINUE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa and more",
    "+CONTINUE \u{fffd}",
    "$100",
    "\u{0} \u{0}",
];

proptest! {
    #[test]
    fn whatever_a_primary_says_a_handshake_ends_at_most_once(
        lines in vec(prop_oneof![
            select(&LINES[..]).prop_map(|line| line.as_bytes().to_vec()),
            vec(any::<u8>(), 0..60),
        ], 0..30),
        has_history: bool,
        is_failover: bool,
    ) {
        let history = has_history.then(|| (ReplId::random(&mut Rng::from_seed(1)), 7));
        let (mut stage, _) = start(Greeting { history, is_failover, ..Greeting::default() });
        let mut has_ended = false;
        for line in lines {
            let mut out = Vec::new();
            stage.machine.step(stage.now, Input::Line(&line), &mut out);
            prop_assert!(!has_ended || out.is_empty(), "{:?}", out);
            has_ended |= out.iter().any(|action| {
                !matches!(action, Action::Send(_) | Action::ForgetHistory)
            });
        }
    }
}
