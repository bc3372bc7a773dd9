//! Writers of whom every command is known, so that a server can be asked after a crash for all that
//! it has answered.
//!
//! A writer has a database to itself and sends what a seed draws. Later a twin, a server that never
//! crashes, runs the same: all that was answered, then one command after the other of what was only
//! sent, until both have the same. What makes them differ by chance or by the clock is left out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;

use crate::contents::{Contents, contents_without, differences};
use crate::script::{Generator, How, Step};
use crate::{Client, TestServer, encode, grammar, until};

/// Commands in flight.
const PIPELINE_MAX: usize = 20;

/// Commands that hang on chance, on the clock, or on other databases; and XSETID, after which a
/// stream's count of entries may overflow: no command brings that back.
const LEFT_OUT: &[&str] =
    &["FLUSHALL", "MOVE", "SELECT", "SPOP", "SWAPDB", "XAUTOCLAIM", "XCLAIM", "XSETID"];

/// What a node that was loaded from commands may have otherwise.
const OPEN: [&str; 4] = ["entries-read", "lag", "radix-tree-keys", "radix-tree-nodes"];

/// What one connection has sent, and how much of it was answered.
#[derive(Default)]
pub struct Sent {
    commands: Vec<Vec<u8>>,
    pub answered: usize,
}

/// Draws commands, and keeps the twin.
pub struct Ledger {
    generator: Generator,
    twin: TestServer,
}

impl Ledger {
    /// Grammars are the reference's.
    ///
    /// # Panics
    /// If a server does not start.
    #[must_use]
    #[track_caller]
    pub fn with_grammars_of(reference: &TestServer) -> Ledger {
        let grammars = grammar::all(&mut reference.client());
        let twin = TestServer::start(&["--enable-debug-command", "yes"]);
        Ledger { generator: Generator::new(&grammars, |_| true), twin }
    }

    /// Writers, each in a database of its own, write to a server until `end` has ended it, which is
    /// called when the first write was answered; what each has sent.
    ///
    /// # Panics
    /// If no write is answered.
    pub fn write_until(
        &self,
        port: u16,
        writers: u8,
        rng: &mut Rng,
        end: impl FnOnce(&mut Rng),
    ) -> Vec<Sent> {
        let answers = AtomicU64::new(0);
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..writers)
                .map(|db| {
                    let (mut rng, answers) = (rng.fork(), &answers);
                    scope.spawn(move || self.write(port, db, &mut rng, answers))
                })
                .collect();
            let is_answered = || answers.load(Ordering::Relaxed) > 0;
            let begun = until(Duration::from_secs(120), is_answered);
            end(rng);
            assert!(begun, "writes are answered");
            writers.into_iter().map(|writer| writer.join().expect("a writer")).collect()
        })
    }

    /// Writes to database `db` until the connection ends; `answers` counts.
    fn write(&self, port: u16, db: u8, rng: &mut Rng, answers: &AtomicU64) -> Sent {
        let mut sent = Sent::default();
        let Ok(mut client) = Client::try_connect(port) else { return sent };
        if !client.try_call(&["SELECT", &db.to_string()]).is_ok_and(|reply| reply.is_ok()) {
            return sent;
        }
        loop {
            let script = self.generator.script(rng.u64(..));
            let mut commands = script.iter().filter(|step| is_certain(step)).peekable();
            while commands.peek().is_some() {
                let count = rng.usize(1..=PIPELINE_MAX);
                let next: Vec<Vec<u8>> =
                    commands.by_ref().take(count).map(|step| encode(&step.words)).collect();
                let bytes = next.concat();
                let count = next.len();
                sent.commands.extend(next);
                if client.send(&bytes).is_err() {
                    return sent;
                }
                for _ in 0..count {
                    if client.read().is_err() {
                        return sent;
                    }
                    sent.answered += 1;
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Has the twin run what was answered, and as much of the rest as `subject` has run.
    ///
    /// # Errors
    /// What differs if all that was answered has been run, and if everything has.
    pub fn settle(&self, subject: &mut Client, db: u8, sent: &Sent) -> Result<(), String> {
        let found = everything(subject, db);
        let (mut writer, mut reader) = (self.twin.client(), self.twin.client());
        writer.run(&format!("SELECT {db}"));
        let (answered, more) = sent.commands.split_at(sent.answered);
        for command in answered.chunks(PIPELINE_MAX) {
            run_all(&mut writer, command);
        }
        let first = differences(&everything(&mut reader, db), &found);
        let mut last = first.clone();
        for command in more {
            if last.is_empty() {
                return Ok(());
            }
            run_all(&mut writer, std::slice::from_ref(command));
            last = differences(&everything(&mut reader, db), &found);
        }
        if last.is_empty() {
            return Ok(());
        }
        let (count, more) = (answered.len(), more.len());
        Err(format!("db {db}, {count} answered: {first:#?}\nand {more} more: {last:#?}"))
    }
}

fn run_all(client: &mut Client, commands: &[Vec<u8>]) {
    client.send(&commands.concat()).expect("the twin reads");
    for _ in commands {
        client.read().expect("the twin answers");
    }
}

/// What is in a database, but not when exactly it expires: that follows from when it was written.
fn everything(client: &mut Client, db: u8) -> Contents {
    let timeless = |text: String| match text.split_once(" until ") {
        Some((value, rest)) if !rest.starts_with("(integer) -1,") => {
            let rest = rest.split_once(',').map_or(rest, |(_, rest)| rest);
            format!("{value} until some time,{rest}")
        }
        _ => text,
    };
    let found = contents_without(&OPEN, db..db + 1, client);
    found.into_iter().map(|(key, text)| (key, timeless(text))).collect()
}

/// Whether a step does the same whenever it is run.
fn is_certain(step: &Step) -> bool {
    let has = |word: &[u8]| step.words.iter().any(|own| own.eq_ignore_ascii_case(word));
    let name = step.words[0].to_ascii_uppercase();
    let is_left_out = LEFT_OUT.iter().any(|known| known.as_bytes() == name);
    let leaves = name == b"COPY" && has(b"DB");
    !is_left_out
        && !leaves
        && !has(b"~")
        && step.how != How::UntilExpired
        && !step.hangs_on_chance()
}
