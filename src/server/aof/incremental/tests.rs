use std::fs::File;
use std::os::unix::fs::FileExt;

use proptest::prelude::*;

use super::*;
use crate::replication::Logging;

#[test]
fn another_history_is_not_followed_into_the_file() {
    let log = Log::default();
    let file = || Output::new(tempfile::tempfile().expect("a temporary file"), 0);
    log.append_command(0, &[b"A"]);
    let point = LogPoint::end_of(&log);
    let mut old = Incremental::new(file(), &log, point).expect("it is there");
    log.append_command(0, &[b"B"]);
    old.write(&log, log.reach(), WriteForm::default()).expect("it is written");
    let written = old.written();
    for end in [0, point.reach.offset, written.offset + 100] {
        log.restart(end);
        let end = Reach::in_log(end);
        assert!(old.write(&log, end, WriteForm::default()).is_err(), "from {written:?} to {end:?}");
        assert!(Incremental::new(file(), &log, point).is_err(), "{end:?}");
    }
    assert_eq!(old.written(), written);
}

/// What a file holds: commands of one word, each with its database.
fn content(file: &File) -> Vec<(u8, String)> {
    let mut bytes = vec![0; file.metadata().expect("it is there").len() as usize];
    file.read_exact_at(&mut bytes, 0).expect("it can be read");
    let text = String::from_utf8(bytes).expect("text");
    let mut words = text.lines().filter(|line| !line.starts_with(['*', '$']));
    let (mut db, mut found) = (0, Vec::new());
    while let Some(word) = words.next() {
        match word {
            "SELECT" => db = words.next().and_then(|db| db.parse().ok()).expect("a number"),
            word => found.push((db, word.to_owned())),
        }
    }
    found
}

/// What happens on a replica, by the database of what is run.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The primary's stream.
    Stream(u8),
    /// A transaction of it that works on two.
    Transaction(u8, u8),
    Own(u8),
    /// The file's thread writes what there is.
    Write,
    /// It goes on in another file.
    Switch,
    /// It is a primary for a while, and a replica again.
    ChangeRole,
}

fn step() -> impl Strategy<Value = Step> {
    let db = || 0..3_u8;
    prop_oneof![
        4 => db().prop_map(Step::Stream),
        2 => (db(), db()).prop_map(|(first, second)| Step::Transaction(first, second)),
        4 => db().prop_map(Step::Own),
        2 => Just(Step::Write),
        1 => Just(Step::Switch),
        1 => Just(Step::ChangeRole),
    ]
}

/// A primary's stream, and where it is.
struct Primary<'a> {
    log: &'a Log,
    db: Option<u8>,
}

impl Primary<'_> {
    /// Appends commands in one piece, as they arrive when all of them have run.
    fn send(&mut self, commands: &[(u8, &str)]) {
        let mut bytes = Vec::new();
        for (db, command) in commands {
            if self.db.replace(*db) != Some(*db) {
                bytes.extend(select(*db));
            }
            bytes.extend(format!("*1\r\n${}\r\n{command}\r\n", command.len()).into_bytes());
        }
        self.log.append_stream(&bytes, self.db.expect("it has selected one"));
    }
}

proptest! {
    #[test]
    fn a_file_has_everything_in_the_order_in_which_it_was_run(
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let log = Log::default();
        log.set_logging(Logging::Aside);
        let file = || Output::new(tempfile::tempfile().expect("a temporary file"), 0);
        let follow = |log: &Log| Incremental::new(file(), log, LogPoint::end_of(log));
        let mut primary = Primary { log: &log, db: None };
        let mut open = follow(&log).expect("it is there");
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        for (index, step) in steps.into_iter().enumerate() {
            let names = ["a", "b"].map(|which| format!("{which}{index}"));
            let [one, other] = &names;
            match step {
                Step::Stream(db) if log.is_aside() => {
                    primary.send(&[(db, one)]);
                    expected.push((db, one.clone()));
                }
                Step::Transaction(first, second) if log.is_aside() => {
                    let all = [(first, "MULTI"), (first, one), (second, other), (second, "EXEC")];
                    primary.send(&all);
                    expected.extend(all.map(|(db, word)| (db, word.to_owned())));
                }
                Step::Own(db) | Step::Stream(db) | Step::Transaction(db, _) => {
                    log.append_command(db, &[one.as_bytes()]);
                    expected.push((db, one.clone()));
                }
                Step::ChangeRole if log.is_aside() => {
                    log.forget_db();
                    log.set_logging(Logging::On);
                }
                Step::ChangeRole => {
                    primary.db = log.db();
                    log.set_logging(Logging::Aside);
                }
                Step::Write => {
                    open.write(&log, log.reach(), WriteForm::default()).expect("it is written");
                }
                Step::Switch => {
                    let point = LogPoint::end_of(&log);
                    open.write(&log, point.reach, WriteForm::default()).expect("it is written");
                    found.extend(content(open.output.file()));
                    open = Incremental::new(file(), &log, point).expect("it is there");
                }
            }
        }
        open.write(&log, log.reach(), WriteForm::default()).expect("it is written");
        prop_assert_eq!(open.written(), log.reach());
        found.extend(content(open.output.file()));
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn what_came_aside_before_the_beginning_is_not_in_the_file() {
    let log = Log::default();
    log.set_logging(Logging::Aside);
    log.append_command(0, &[b"before"]);
    let point = LogPoint::end_of(&log);
    log.append_command(1, &[b"after"]);
    log.append_command(1, &[b"PUBLISH", b"channel", b"message"]);
    let output = Output::new(tempfile::tempfile().expect("a temporary file"), 0);
    let mut open = Incremental::new(output, &log, point).expect("it is there");
    open.write(&log, log.reach(), WriteForm::default()).expect("it is written");
    assert_eq!(content(open.output.file()), [(1, "after".to_owned())]);
    log.append_command(1, &[b"lost"]);
    log.restart(7);
    assert!(open.write(&log, log.reach(), WriteForm::default()).is_err());
    assert_eq!(
        (log.first_aside(), content(open.output.file()).len()),
        (None, 1),
        "it went with its history"
    );
}
