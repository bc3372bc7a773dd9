//! One script on its way through both servers.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use support::{Client, Value, until};

use crate::compare::{self, equal, rule};
use crate::coverage::Coverage;
use crate::data;
use crate::known::Known;
use crate::pair::{Mode, Pair};
use support::script::{How, Step};

/// What both servers replied.
pub type Replies = (Value, Value);

/// The same, to be shown.
pub type Shown = (String, String);

/// A server that says nothing for so long hangs.
const SILENCE: Duration = Duration::from_secs(120);
/// What expires must be gone after that.
const EXPIRY_LIMIT: Duration = Duration::from_secs(120);

/// A connection to each server.
pub struct Both {
    pub reference: Client,
    pub subject: Client,
    /// When the script began.
    pub since: Instant,
}

/// A script's connections and what a transaction has queued on them.
pub struct Run<'a> {
    known: &'a Known,
    names: &'a BTreeSet<String>,
    coverage: &'a mut Coverage,
    mode: Mode,
    main: Both,
    /// Writes what the main connections watch, and asks what they must not be asked.
    pub other: Both,
    listeners: Option<Both>,
    /// `rdb_changes_since_last_save` when it was last looked at.
    changes: (i64, i64),
    queued: Vec<Step>,
    /// Keys whose time was over.
    expired: BTreeSet<String>,
}

impl Both {
    fn connect(pair: &Pair) -> Both {
        let (reference, subject) = (pair.reference.client(), pair.subject.client());
        let mut both = Both { reference, subject, since: Instant::now() };
        both.subject.set_read_limit(SILENCE);
        both
    }

    pub fn ask<A: AsRef<[u8]>>(&mut self, words: &[A]) -> io::Result<Replies> {
        let reference = self.reference.call(words);
        Ok((reference, self.subject.try_call(words)?))
    }

    fn run(&mut self, line: &str) -> io::Result<Replies> {
        self.ask(&line.split(' ').collect::<Vec<_>>())
    }
}

impl<'a> Run<'a> {
    pub fn begin(pair: &'a mut Pair, mode: Mode) -> io::Result<Run<'a>> {
        let (mut main, mut other) = (Both::connect(pair), Both::connect(pair));
        other.run("FLUSHALL")?;
        main.run(&format!("HELLO {}", mode.protocol))?;
        let policy = if mode.counts_uses { "allkeys-lfu" } else { "noeviction" };
        other.run(&format!("CONFIG SET maxmemory-policy {policy}"))?;
        let mut listeners = None;
        if mode.listens {
            other.run("CONFIG SET notify-keyspace-events KEAmn")?;
            let mut both = Both::connect(pair);
            both.run("PSUBSCRIBE __key*__:*")?;
            listeners = Some(both);
        } else {
            other.ask(&["CONFIG", "SET", "notify-keyspace-events", ""])?;
        }
        let changes = changes(&mut other)?;
        let Pair { known, names, coverage, .. } = pair;
        let (queued, expired) = (Vec::new(), BTreeSet::new());
        Ok(Run { known, names, coverage, mode, main, other, listeners, changes, queued, expired })
    }

    /// Carries a step out on both; `Some` if what they reply, or tell who listens, differs for no
    /// known reason.
    pub fn compared(&mut self, step: &Step) -> io::Result<Option<Shown>> {
        let replies = self.step(step)?;
        let events = self.events(step)?;
        if self.known.covers(step) {
            return Ok(None);
        }
        Ok(replies.map(|(a, b)| (a.to_string(), b.to_string())).or(events))
    }

    fn step(&mut self, step: &Step) -> io::Result<Option<Replies>> {
        if self.hangs_on_chance(step)? {
            return Ok(None);
        }
        if step.how == How::ByOther {
            let (reference, subject) = self.other.ask(&step.words)?;
            let is_size = step.words[0].eq_ignore_ascii_case(b"DBSIZE");
            let same = self.same(step, &reference, &subject)
                || is_size && self.same_size_soon(How::ByOther);
            return Ok((!same).then_some((reference, subject)));
        }
        let (reference, subject) = self.main.ask(&step.words)?;
        let is_queued = reference.to_string() == "+QUEUED";
        if is_queued && reference == subject {
            self.queued.push(step.clone());
            return Ok(None);
        }
        self.coverage.note(&step.words, &reference, self.names);
        match step.how {
            How::WholeScan if !reference.is_error() && !subject.is_error() => {
                return self.whole_scan(step, reference, subject);
            }
            How::UntilExpired => self.wait_for_expiry(&step.words[1]),
            _ => {}
        }
        let command = step.words[0].to_ascii_uppercase();
        let same = match command.as_slice() {
            b"EXEC" => {
                let queued = std::mem::take(&mut self.queued);
                self.same_transaction(&queued, &reference, &subject)
            }
            b"DBSIZE" if reference != subject => self.same_size_soon(How::Once),
            _ => self.same(step, &reference, &subject),
        };
        if command == b"DISCARD" || command == b"RESET" {
            self.queued.clear();
        }
        Ok((!same).then_some((reference, subject)))
    }

    /// A range by member of a big sorted set whose scores differ: it means nothing, and where Redis
    /// begins to look depends on chance.
    fn hangs_on_chance(&mut self, step: &Step) -> io::Result<bool> {
        let is_lex =
            |word: &Vec<u8>| word.to_ascii_uppercase().windows(3).any(|part| part == b"LEX");
        if !step.words.iter().any(is_lex) {
            return Ok(false);
        }
        for key in &step.words[1..step.words.len().min(3)] {
            let (encoding, _) = self.other.ask(&[b"OBJECT", &b"ENCODING"[..], key])?;
            if encoding != Value::Bulk(b"skiplist".to_vec()) {
                continue;
            }
            let mut score_at = |rank: &[u8]| -> io::Result<Option<Value>> {
                let end = self.other.ask(&[b"ZRANGE", &key[..], rank, rank, b"WITHSCORES"])?;
                Ok(end.0.items().pop())
            };
            if score_at(b"0")? != score_at(b"-1")? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn same(&mut self, step: &Step, reference: &Value, subject: &Value) -> bool {
        let asked = if step.how == How::ByOther { &mut self.other } else { &mut self.main };
        let passed = asked.since.elapsed();
        let packed = || {
            let key = step.words.get(1).cloned().unwrap_or_default();
            let encodings = asked.ask(&[b"OBJECT".to_vec(), b"ENCODING".to_vec(), key]);
            encodings.is_ok_and(|(a, b)| {
                let is_packed = |value: &Value| {
                    matches!(value, Value::Bulk(name) if name == b"listpack" || name == b"intset")
                };
                is_packed(&a) && is_packed(&b)
            })
        };
        equal(rule(step, passed), reference, subject, packed)
    }

    /// Expired keys count until they are swept, which must not take long.
    fn same_size_soon(&mut self, how: How) -> bool {
        let asked = if how == How::ByOther { &mut self.other } else { &mut self.main };
        until(EXPIRY_LIMIT, || asked.ask(&["DBSIZE"]).is_ok_and(|(a, b)| a == b))
    }

    fn same_transaction(&mut self, queued: &[Step], a: &Value, b: &Value) -> bool {
        let (Value::Array(a), Value::Array(b)) = (a, b) else { return a == b };
        for (step, reply) in queued.iter().zip(a) {
            self.coverage.note(&step.words, reply, self.names);
        }
        let passed = self.main.since.elapsed();
        let each = |(step, (a, b)): (&Step, (&Value, &Value))| match step.how {
            // One page of a scan may be any page.
            How::WholeScan => a.is_error() == b.is_error(),
            _ => self.known.covers(step) || equal(rule(step, passed), a, b, || false),
        };
        a.len() == b.len()
            && queued.len() == a.len()
            && queued.iter().zip(a.iter().zip(b)).all(each)
    }

    fn whole_scan(&mut self, step: &Step, a: Value, b: Value) -> io::Result<Option<Replies>> {
        let size = match step.words[0].to_ascii_uppercase().as_slice() {
            b"HSCAN" | b"ZSCAN" => 2,
            _ => 1,
        };
        let a = scan_on(&mut self.main.reference, step, a, size)?;
        let b = scan_on(&mut self.main.subject, step, b, size)?;
        Ok((a != b).then_some((a, b)))
    }

    fn wait_for_expiry(&mut self, key: &[u8]) {
        let gone = |client: &mut Client| {
            let left = client.try_call(&[b"PTTL", key]);
            !matches!(left, Ok(Value::Int(left)) if left >= 0)
        };
        let Both { reference, subject, .. } = &mut self.main;
        until(EXPIRY_LIMIT, || gone(reference) && gone(subject));
    }

    /// Reads all events up to now; `Some` if they differ.
    fn events(&mut self, step: &Step) -> io::Result<Option<Shown>> {
        let Some(listeners) = &mut self.listeners else { return Ok(None) };
        self.other.run("PUBLISH __key__:end x")?;
        let mut told = (heard(&mut listeners.reference)?, heard(&mut listeners.subject)?);
        if step.how == How::UntilExpired {
            // It may be past already when it is set: then it is deleted at once.
            return self.changes();
        }
        let command = step.words[0].to_ascii_uppercase();
        if command.starts_with(b"SORT") || command == b"EXEC" {
            // What is sorted by is looked up in an order that may be open.
            let missed = |event: &String| event.contains("keymiss");
            told.0.retain(|event| !missed(event));
            told.1.retain(|event| !missed(event));
        }
        // What expires is told of when it is found, which may be any time.
        let gone = &mut self.expired;
        gone.extend(told.0.iter().chain(&told.1).filter_map(|event| expired_key(event)));
        let lens = (told.0.len(), told.1.len());
        told.0.retain(|event| !is_end_of(gone, event));
        told.1.retain(|event| !is_end_of(gone, event));
        let ends_differ = lens.0 - told.0.len() != lens.1 - told.1.len();
        let is_scan = matches!(step.how, How::WholeScan);
        let shown = |events: Vec<String>| format!("events {}", events.join(" "));
        if told.0 != told.1 && !is_scan {
            return Ok(Some((shown(told.0), shown(told.1))));
        }
        let grown = self.changes()?;
        // What is deleted counts as a change, what expires does not.
        Ok(grown.filter(|_| !ends_differ))
    }

    /// How much INFO says has changed since it was last looked at; `Some` if they differ.
    fn changes(&mut self) -> io::Result<Option<Shown>> {
        let now = changes(&mut self.other)?;
        let (a, b) = (now.0 - self.changes.0, now.1 - self.changes.1);
        self.changes = now;
        let shown = |count| format!("rdb_changes_since_last_save grows by {count}");
        Ok((a != b).then(|| (shown(a), shown(b))))
    }

    /// Compares everything stored in the first four databases.
    pub fn compare_data(&mut self) -> io::Result<Option<(String, Shown)>> {
        self.main.ask(&["DISCARD"])?;
        for database in ["0", "1", "2", "3"] {
            let (selected, _) = self.main.ask(&["SELECT", database])?;
            self.other.ask(&["SELECT", database])?;
            if selected.is_error() && database != "0" {
                break;
            }
            let (keys, _) = self.main.ask(&["KEYS", "*"])?;
            let mut steps = vec![Step::once(&[b"DBSIZE"]), Step::once(&[b"KEYS", b"*"])];
            for key in keys.items() {
                let Value::Bulk(key) = key else { continue };
                let (kind, _) = self.main.ask(&[b"TYPE", key.as_slice()])?;
                steps.extend(data::questions(&kind.text(), &key));
            }
            for step in steps {
                if let Some((a, b)) = self.step(&step)?
                    && !b.is_error_of("ERR unknown")
                    && !self.known.covers(&step)
                {
                    return Ok(Some((step.show(), (a.to_string(), b.to_string()))));
                }
            }
            if self.mode.crosses {
                for key in keys.items() {
                    let Value::Bulk(key) = key else { continue };
                    if let Some(found) = data::cross(&mut self.other, &key)? {
                        return Ok(Some(found));
                    }
                }
            }
        }
        if self.mode.crosses {
            let (a, b) = self.other.run("DEBUG DIGEST")?;
            return Ok((a != b).then(|| ("DEBUG DIGEST".into(), (a.to_string(), b.to_string()))));
        }
        Ok(None)
    }
}

/// How much both have counted as changed.
fn changes(other: &mut Both) -> io::Result<(i64, i64)> {
    let (reference, subject) = other.run("INFO persistence")?;
    let count = |info: &Value| {
        let text = info.text();
        let line = text.lines().find_map(|l| l.strip_prefix("rdb_changes_since_last_save:"));
        line.and_then(|count| count.trim().parse().ok()).expect("INFO counts changes")
    };
    Ok((count(&reference), count(&subject)))
}

/// The key that an event says has expired.
fn expired_key(event: &str) -> Option<String> {
    let (channel, key) = event.split_once('=')?;
    channel.ends_with(":expired\"").then(|| key.trim_matches('"').to_owned())
}

/// Whether an event is the end of a key whose time was over: found expired, or deleted before that.
fn is_end_of(expired: &BTreeSet<String>, event: &str) -> bool {
    let Some((channel, said)) = event.split_once('=') else { return false };
    let of = |key: &str| expired.contains(key);
    match said.trim_matches('"') {
        "expired" => true,
        "del" => channel.trim_matches('"').split_once(":").is_some_and(|(_, key)| of(key)),
        key => channel.ends_with(":expired\"") || channel.ends_with(":del\"") && of(key),
    }
}

/// The events up to the one that says that these are all: channel and message.
fn heard(listener: &mut Client) -> io::Result<Vec<String>> {
    let mut events = Vec::new();
    loop {
        let items = listener.read()?.items();
        let event = format!("{}={}", items[2], items[3]);
        if event.contains("__key__:end") {
            return Ok(events);
        }
        events.push(event);
    }
}

/// All elements of a scan that starts with this first page, without repetitions.
fn scan_on(client: &mut Client, step: &Step, first: Value, size: usize) -> io::Result<Value> {
    const PAGES_MAX: usize = 10_000;
    let at = if step.words[0].eq_ignore_ascii_case(b"scan") { 1 } else { 2 };
    let (mut page, mut groups) = (first, Vec::new());
    for _ in 0..PAGES_MAX {
        let parts = match &page {
            Value::Array(parts) if parts.len() == 2 => parts,
            _ => return Ok(page),
        };
        groups.extend(compare::sorted(&parts[1], size));
        if parts[0].text() == "0" {
            groups.sort();
            groups.dedup();
            return Ok(Value::Array(groups.into_iter().flatten().collect()));
        }
        let mut words = step.words.clone();
        words[at] = parts[0].text().into();
        page = client.try_call(&words)?;
    }
    Err(io::Error::other("a scan without end"))
}
