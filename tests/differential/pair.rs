//! Two servers that are given the same scripts: the reference and the one under test.

use std::io;
use std::time::{Duration, Instant};

use support::{Client, TestServer, Value, start_oracle, until};

use crate::compare::{self, equal, rule};
use crate::known::Known;
use crate::script::{How, Step};

pub struct Pair {
    pub reference: TestServer,
    pub subject: TestServer,
    pub known: Known,
}

/// Where two servers parted.
#[derive(Clone, Debug)]
pub struct Mismatch {
    pub step: usize,
    pub what: String,
    pub reference: String,
    pub subject: String,
}

/// One script's connections and what a transaction has queued on them.
struct Run<'a> {
    pair: &'a Pair,
    reference: Client,
    subject: Client,
    queued: Vec<Step>,
}

type Replies = (Value, Value);

impl Pair {
    /// `None` if tests are to run without the reference.
    #[must_use]
    pub fn start() -> Option<Pair> {
        let reference = start_oracle(&[])?;
        let known = Known::read(include_str!("known.txt"));
        Some(Pair { reference, subject: TestServer::start(&[]), known })
    }

    /// Runs a script on both, from empty databases; compares each reply, then all that is stored.
    ///
    /// # Errors
    /// The first difference that `known.txt` does not explain.
    pub fn run(&mut self, steps: &[Step], protocol: u8) -> Result<(), Mismatch> {
        if self.subject.is_gone() {
            self.subject.kill();
            self.subject.restart();
        }
        let mut run = Run {
            pair: self,
            reference: self.reference.client(),
            subject: self.subject.client(),
            queued: Vec::new(),
        };
        let hello = ["HELLO".to_string(), protocol.to_string()];
        run.both(&["FLUSHALL"]).map_err(|error| closed(0, "FLUSHALL", &error))?;
        run.both(&hello).map_err(|error| closed(0, "HELLO", &error))?;
        for (index, step) in steps.iter().enumerate() {
            let found = run.step(step).map_err(|error| closed(index, &step.show(), &error))?;
            if let Some((reference, subject)) = found
                && !run.pair.known.covers(step)
            {
                let (reference, subject) = (reference.to_string(), subject.to_string());
                return Err(Mismatch { step: index, what: step.show(), reference, subject });
            }
        }
        run.compare_data().map_err(|error| closed(steps.len(), "reading back", &error))?
    }

    /// A shorter script that still fails, found by leaving steps out for five seconds at most.
    pub fn shorten(&mut self, steps: &[Step], failed: &Mismatch, protocol: u8) -> Vec<Step> {
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut shortest = steps[..steps.len().min(failed.step + 1)].to_vec();
        let mut chunk = shortest.len() / 2;
        while chunk > 0 {
            let mut from = 0;
            while from < shortest.len() && Instant::now() < deadline {
                let mut without = shortest.clone();
                without.drain(from..(from + chunk).min(shortest.len()));
                match self.run(&without, protocol) {
                    Err(found) if found.what == failed.what => shortest = without,
                    _ => from += chunk,
                }
            }
            chunk /= 2;
        }
        shortest
    }
}

fn closed(step: usize, what: &str, error: &io::Error) -> Mismatch {
    let subject = format!("the connection broke: {error}");
    Mismatch { step, what: what.into(), reference: "a reply".into(), subject }
}

impl Run<'_> {
    fn both<A: AsRef<[u8]>>(&mut self, words: &[A]) -> io::Result<Replies> {
        let reference = self.reference.call(words);
        Ok((reference, self.subject.try_call(words)?))
    }

    /// Carries a step out on both; `Some` if the replies differ.
    fn step(&mut self, step: &Step) -> io::Result<Option<Replies>> {
        let (reference, subject) = self.both(&step.words)?;
        let is_queued = reference.to_string() == "+QUEUED";
        if is_queued && reference == subject {
            self.queued.push(step.clone());
            return Ok(None);
        }
        match step.how {
            How::WholeScan if !reference.is_error() && !subject.is_error() => {
                return self.whole_scan(step, reference, subject);
            }
            How::UntilExpired => self.wait_for_expiry(&step.words[1]),
            How::WholeScan | How::Once => {}
        }
        let command = step.words[0].to_ascii_uppercase();
        let same = match command.as_slice() {
            b"EXEC" => {
                let queued = std::mem::take(&mut self.queued);
                self.same_transaction(&queued, &reference, &subject)
            }
            b"DBSIZE" if reference != subject => self.same_size_soon(),
            _ => self.same(step, &reference, &subject),
        };
        if command == b"DISCARD" || command == b"RESET" {
            self.queued.clear();
        }
        Ok((!same).then_some((reference, subject)))
    }

    fn same(&mut self, step: &Step, reference: &Value, subject: &Value) -> bool {
        let packed = || {
            let key = step.words.get(1).cloned().unwrap_or_default();
            let encodings = self.both(&[b"OBJECT".to_vec(), b"ENCODING".to_vec(), key]);
            encodings.is_ok_and(|(a, b)| {
                let is_packed = |value: &Value| {
                    matches!(value, Value::Bulk(name) if name == b"listpack" || name == b"intset")
                };
                is_packed(&a) && is_packed(&b)
            })
        };
        equal(rule(step), reference, subject, packed)
    }

    /// Expired keys count until they are swept, which must not take long.
    fn same_size_soon(&mut self) -> bool {
        until(Duration::from_secs(5), || self.both(&["DBSIZE"]).is_ok_and(|(a, b)| a == b))
    }

    fn same_transaction(&mut self, queued: &[Step], a: &Value, b: &Value) -> bool {
        let (Value::Array(a), Value::Array(b)) = (a, b) else { return a == b };
        let each = |(step, (a, b)): (&Step, (&Value, &Value))| match step.how {
            // One page of a scan may be any page.
            How::WholeScan => a.is_error() == b.is_error(),
            _ => equal(rule(step), a, b, || false),
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
        let a = scan_on(&mut self.reference, step, a, size)?;
        let b = scan_on(&mut self.subject, step, b, size)?;
        Ok((a != b).then_some((a, b)))
    }

    fn wait_for_expiry(&mut self, key: &[u8]) {
        let gone = |client: &mut Client| {
            let left = client.try_call(&[b"PTTL", key]);
            !matches!(left, Ok(Value::Int(left)) if left >= 0)
        };
        let (reference, subject) = (&mut self.reference, &mut self.subject);
        until(Duration::from_secs(5), || gone(reference) && gone(subject));
    }

    /// Compares everything stored in the first four databases.
    fn compare_data(&mut self) -> io::Result<Result<(), Mismatch>> {
        self.both(&["DISCARD"])?;
        for database in ["0", "1", "2", "3"] {
            self.both(&["SELECT", database])?;
            let (keys, _) = self.both(&["KEYS", "*"])?;
            if keys.is_error() {
                break;
            }
            let mut steps = vec![Step::once(&[b"DBSIZE"]), Step::once(&[b"KEYS", b"*"])];
            for key in keys.items() {
                let Value::Bulk(key) = key else { continue };
                let (kind, _) = self.both(&[b"TYPE", key.as_slice()])?;
                steps.extend(questions(&kind.text(), &key));
            }
            for step in steps {
                if let Some((reference, subject)) = self.step(&step)?
                    && !subject.is_error_of("ERR unknown")
                    && !self.pair.known.covers(&step)
                {
                    let what = format!("{} (afterwards)", step.show());
                    let (reference, subject) = (reference.to_string(), subject.to_string());
                    return Ok(Err(Mismatch { step: usize::MAX - 1, what, reference, subject }));
                }
            }
        }
        Ok(Ok(()))
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

/// What to ask about one key so that any difference in it shows.
fn questions(kind: &str, key: &[u8]) -> Vec<Step> {
    let mut steps = vec![
        Step::once(&[b"TYPE", key]),
        Step::once(&[b"OBJECT", b"ENCODING", key]),
        Step::once(&[b"PTTL", key]),
    ];
    let whole: &[&[u8]] = match kind {
        "string" => &[b"GET", key],
        "list" => &[b"LRANGE", key, b"0", b"-1"],
        "hash" => &[b"HGETALL", key],
        "set" => &[b"SMEMBERS", key],
        "zset" => &[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
        "stream" => &[b"XRANGE", key, b"-", b"+"],
        _ => &[b"EXISTS", key],
    };
    steps.push(Step::once(whole));
    steps
}
