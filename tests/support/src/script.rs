//! Scripts: lists of commands made from a seed.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use fastrand::Rng;

use crate::grammar::Grammar;
use crate::words;

pub const STEPS: usize = 300;

/// How a step is carried out and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Once,
    /// A SCAN from cursor 0: repeated until the cursor is 0 again, all elements compared as a set.
    WholeScan,
    /// A PEXPIRE: then wait until the key is gone from both servers.
    UntilExpired,
    /// On another connection than the rest.
    ByOther,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub words: Vec<Vec<u8>>,
    pub how: How,
}

impl Step {
    pub fn once(words: &[&[u8]]) -> Step {
        Step { words: words.iter().map(|word| word.to_vec()).collect(), how: How::Once }
    }

    /// A range by member of a sorted set whose scores differ: what it holds hangs on chance.
    #[must_use]
    pub fn hangs_on_chance(&self) -> bool {
        let is_lex =
            |word: &Vec<u8>| word.to_ascii_uppercase().windows(3).any(|part| part == b"LEX");
        self.words.iter().any(is_lex)
    }

    pub fn show(&self) -> String {
        let show = |word: &Vec<u8>| match word.as_slice() {
            b"" => "\"\"".to_string(),
            word if word.contains(&b' ') => format!("\"{}\"", word.escape_ascii()),
            word => word.escape_ascii().to_string(),
        };
        let line = self.words.iter().map(show).collect::<Vec<_>>().join(" ");
        match self.how {
            How::Once => line,
            How::WholeScan => format!("{line}   (to the end)"),
            How::UntilExpired => format!("{line}   (and wait)"),
            How::ByOther => format!("{line}   (by another client)"),
        }
    }
}

/// Commands that cannot be compared, with the reason.
const LEFT_OUT: &[&str] = &[
    "migrate",
    "wait", // need other servers
    "dump",
    "restore", // see data.rs and restore.rs
    "object|help",
    "pfdebug",
    "pfselftest", // not for clients
    "xinfo|help",
    "xgroup|help", // long texts of the reference's own version
];

const GROUPS: &[(&str, u32)] = &[
    ("string", 5),
    ("hash", 5),
    ("generic", 4),
    ("bitmap", 3),
    ("list", 3),
    ("set", 3),
    ("sorted-set", 3),
    ("geo", 1),
    ("hyperloglog", 1),
    ("stream", 2),
    ("transactions", 1),
];

/// Single commands of groups that are otherwise left out.
const EXTRAS: &[&str] =
    &["echo", "ping", "select", "dbsize", "flushdb", "flushall", "swapdb", "publish", "spublish"];

/// The tag that most keys have in a cluster.
const TAG: &[u8] = b"{k}";

/// Makes scripts from the grammars of the commands that both servers know.
pub struct Generator {
    /// Whether keys should be in one slot.
    pub in_cluster: bool,
    /// By group, in the order of `GROUPS`; the last is `EXTRAS`.
    groups: Vec<(Vec<Grammar>, u32)>,
}

impl Generator {
    /// `is_known`: does the server under test have this command?
    pub fn new(grammars: &[Grammar], is_known: impl Fn(&str) -> bool) -> Generator {
        let usable = |grammar: &&Grammar| {
            is_known(&grammar.name) && !LEFT_OUT.contains(&grammar.name.as_str())
        };
        let usable: Vec<&Grammar> = grammars.iter().filter(usable).collect();
        let select = |keep: &dyn Fn(&Grammar) -> bool| -> Vec<Grammar> {
            usable.iter().filter(|grammar| keep(grammar)).map(|&grammar| grammar.clone()).collect()
        };
        let mut groups: Vec<(Vec<Grammar>, u32)> = GROUPS
            .iter()
            .map(|(name, weight)| (select(&|grammar| grammar.group == *name), *weight))
            .collect();
        groups.push((select(&|grammar| EXTRAS.contains(&grammar.name.as_str())), 1));
        groups.retain(|(grammars, _)| !grammars.is_empty());
        Generator { in_cluster: false, groups }
    }

    /// The commands that scripts are made of.
    pub fn names(&self) -> BTreeSet<String> {
        let all = self.groups.iter().flat_map(|(grammars, _)| grammars);
        all.map(|grammar| grammar.name.clone()).collect()
    }

    /// The script of a seed: always the same for the same commands.
    pub fn script(&self, seed: u64) -> Vec<Step> {
        let mut rng = Rng::with_seed(seed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let mut steps = Vec::with_capacity(STEPS + 8);
        while steps.len() < STEPS {
            let serial = steps.len();
            match rng.u32(..100) {
                0..=2 => {
                    let step = big_value(&mut rng);
                    let name = String::from_utf8_lossy(&step.words[0]).to_ascii_lowercase();
                    steps.extend(self.knows(&name).then_some(step));
                }
                3 if self.knows("pexpire") && self.knows("pttl") => {
                    let leave = self.knows("discard").then(|| Step::once(&[b"DISCARD"]));
                    steps.extend(leave);
                    let key = words::key(&mut rng, "generic");
                    let words = vec![b"PEXPIRE".to_vec(), key, b"1".to_vec()];
                    steps.push(Step { words, how: How::UntilExpired });
                }
                10..=11 => self.prepare(&mut rng, serial, &mut steps),
                4..=5 => self.transaction(&mut rng, now, &mut steps),
                6..=9 => self.command_by_other(&mut rng, now, serial, &mut steps),
                _ => self.command(&mut rng, now, serial, &mut steps),
            }
        }
        if self.in_cluster {
            steps.iter_mut().for_each(|step| into_one_slot(&mut rng, step));
        }
        steps
    }

    /// Values that chance alone seldom makes: a stream with groups, places that are near each
    /// other.
    fn prepare(&self, rng: &mut Rng, serial: usize, steps: &mut Vec<Step>) {
        let mut lines = Vec::new();
        let key = words::pick(rng, &["x0", "x1"]);
        if words::chance(rng, 60) {
            let group = words::pick(rng, &["g1", "g2"]);
            lines.push(format!("XGROUP CREATE {key} {group} 0 MKSTREAM"));
            lines.extend((0..rng.u32(1..4)).map(|n| format!("XADD {key} {serial}-{n} f {n} g v")));
            lines.push(format!("XREADGROUP GROUP {group} alice COUNT 2 STREAMS {key} >"));
        } else {
            let key = words::pick(rng, &["g0", "g1"]);
            lines.push(format!("GEOADD {key} 13.361389 38.115556 a 15.087269 37.502669 b"));
        }
        let known = |line: &String| {
            let word = line.split(' ').next().unwrap_or_default().to_ascii_lowercase();
            word == "xgroup" || self.knows(&word)
        };
        lines.retain(known);
        let words = |line: &String| line.split(' ').map(|word| word.into()).collect();
        steps.extend(lines.iter().map(|line| Step { words: words(line), how: How::Once }));
    }

    /// A transaction that usually runs, with others who may write what it watches.
    fn transaction(&self, rng: &mut Rng, now: u64, steps: &mut Vec<Step>) {
        if !self.knows("watch") {
            return;
        }
        if words::chance(rng, 60) {
            for _ in 0..rng.u32(1..3) {
                let group = words::pick(rng, GROUPS).0;
                steps.push(Step::once(&[b"WATCH", &words::key(rng, group)]));
            }
            if words::chance(rng, 50) {
                self.command_by_other(rng, now, steps.len(), steps);
            }
        }
        steps.push(Step::once(&[b"MULTI"]));
        for _ in 0..rng.u32(0..12) {
            match rng.u32(..10) {
                0 => self.command_by_other(rng, now, steps.len(), steps),
                1 => steps.extend(self.knows("dbsize").then(|| Step::once(&[b"DBSIZE"]))),
                _ => self.command(rng, now, steps.len(), steps),
            }
        }
        let end: &[u8] = if words::chance(rng, 90) { b"EXEC" } else { b"DISCARD" };
        steps.push(Step::once(&[end]));
    }

    /// A command for the other connection, which has no transactions.
    fn command_by_other(&self, rng: &mut Rng, now: u64, serial: usize, steps: &mut Vec<Step>) {
        let mut made = Vec::new();
        self.command(rng, now, serial, &mut made);
        let is_alone = |step: &Step| {
            let first = step.words[0].to_ascii_uppercase();
            let state = [&b"MULTI"[..], b"EXEC", b"DISCARD", b"WATCH", b"SELECT", b"SUBSCRIBE"];
            step.how == How::Once && !state.contains(&first.as_slice())
        };
        made.retain(is_alone);
        made.iter_mut().for_each(|step| step.how = How::ByOther);
        steps.extend(made);
    }

    fn knows(&self, name: &str) -> bool {
        self.groups.iter().any(|(grammars, _)| grammars.iter().any(|known| known.name == name))
    }

    fn command(&self, rng: &mut Rng, now: u64, serial: usize, steps: &mut Vec<Step>) {
        let total: u32 = self.groups.iter().map(|(_, weight)| weight).sum();
        let mut ticket = rng.u32(..total);
        let chosen = self.groups.iter().find(|(_, weight)| {
            let wins = ticket < *weight;
            ticket = ticket.saturating_sub(*weight);
            wins
        });
        let (grammars, _) = chosen.expect("the ticket is below the total");
        let grammar = &grammars[rng.usize(..grammars.len())];
        let rare = matches!(
            grammar.name.as_str(),
            "flushall" | "flushdb" | "swapdb" | "select" | "multi" | "watch"
        );
        if rare && !words::chance(rng, 15) {
            return;
        }
        let mut command = grammar.generate(rng, now, serial);
        if words::chance(rng, 6) {
            spoil(rng, grammar, &mut command);
        }
        if grammar.name == "sort" && has_word(&command, b"STORE") && is_open_sort(&command) {
            return; // A list in an order that is up to the server.
        }
        if self.in_cluster && has_word(&command, b"STORE") && has_word(&command, b"STOREDIST") {
            return; // Which of the two is a key: see differences.md.
        }
        let scans = grammar.name.ends_with("scan") && is_whole_scan(&command);
        let how = if scans { How::WholeScan } else { How::Once };
        let popped = (grammar.name == "spop").then(|| command.get(1).cloned()).flatten();
        steps.push(Step { words: command, how });
        if let Some(key) = popped {
            // Which members left is up to the server: start over.
            steps.push(Step { words: vec![b"DEL".to_vec(), key], how: How::Once });
        }
    }
}

fn has_word(command: &[Vec<u8>], word: &[u8]) -> bool {
    command.iter().any(|own| own.eq_ignore_ascii_case(word))
}

/// Whether the order of a SORT is up to the server: elements of a set that are not sorted, or
/// sorted by texts that may be equal.
pub fn is_open_sort(command: &[Vec<u8>]) -> bool {
    let by = command.iter().rposition(|word| word.eq_ignore_ascii_case(b"BY"));
    let pattern = by.and_then(|by| command.get(by + 1));
    pattern.is_some_and(|by| !by.contains(&b'*') || has_word(command, b"ALPHA"))
}

/// Gives all keys of a step the same tag, with few exceptions.
fn into_one_slot(rng: &mut Rng, step: &mut Step) {
    // What cleans up after another step must find its key.
    let is_cleaned = step.words[0] == b"DEL" || step.words[0].eq_ignore_ascii_case(b"SPOP");
    if !is_cleaned && words::chance(rng, 6) {
        return;
    }
    for word in step.words.iter_mut().skip(1).filter(|word| words::is_key(word)) {
        *word = [TAG, word].concat();
    }
}

fn is_whole_scan(command: &[Vec<u8>]) -> bool {
    let at = if command[0].eq_ignore_ascii_case(b"scan") { 1 } else { 2 };
    command.get(at).is_some_and(|cursor| cursor == b"0")
}

/// Commands that take more arguments than in the reference, as later versions of Redis do.
const NEWER: &[&str] = &["zrank", "zrevrank"];

/// Breaks a command in one place: arity, syntax or type.
fn spoil(rng: &mut Rng, grammar: &Grammar, command: &mut Vec<Vec<u8>>) {
    let fixed = grammar.name.split('|').count();
    let at = if command.len() > fixed { rng.usize(fixed..command.len()) } else { fixed };
    match rng.u32(..4) {
        _ if at == command.len() => command.push(words::odd(rng)),
        0 => drop(command.remove(at)),
        // A spoiled timeout may block for ever, a spoiled lifetime may end between two servers.
        _ if grammar.blocking || NEWER.contains(&grammar.name.as_str()) => {}
        1 => command.push(words::odd(rng)),
        2 => command.insert(at, words::odd(rng)),
        _ => command[at] = words::odd(rng),
    }
}

/// One command that takes a key over a threshold of its encoding.
fn big_value(rng: &mut Rng) -> Step {
    let count = words::pick(rng, &[127, 128, 129, 512, 513, 600]);
    let each = |prefix: &str, pairs: bool| -> Vec<Vec<u8>> {
        (0..count)
            .flat_map(|n| {
                let item = format!("{prefix}{n}").into_bytes();
                if pairs { vec![n.to_string().into_bytes(), item] } else { vec![item] }
            })
            .collect()
    };
    let (name, group, items) = match rng.u32(..9) {
        0 => ("HSET", "hash", each("v", true)),
        1 => ("SADD", "set", each("", false)),
        2 => ("SADD", "set", each("m", false)),
        3 => ("RPUSH", "list", each("element-", false)),
        4 => ("ZADD", "sorted-set", each("m", true)),
        5 => ("PFADD", "hyperloglog", each("many", false)),
        6 => ("RPUSH", "list", vec![vec![b'e'; 9000]; 3]),
        7 => ("HSET", "hash", vec![b"f".to_vec(), vec![b'v'; 20_000]]),
        _ => ("APPEND", "string", vec![vec![b'x'; count]]),
    };
    let mut words = vec![name.into(), words::key(rng, group)];
    words.extend(items);
    Step { words, how: How::Once }
}
