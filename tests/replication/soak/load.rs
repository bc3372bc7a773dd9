//! What writers do: scripts made from the reference's grammar, and commands whose effect is drawn
//! by chance or by the clock, which replicas must be told.

use fastrand::Rng;
use support::script::{Generator, Step};
use support::{Client, Kind, encode, grammar};

use super::world::World;

/// Commands in flight on one connection.
const PIPELINE_MAX: usize = 16;
const COMMANDS_MAX: usize = 120;

/// `{k}` is one of few keys, `{m}` one of few members, `{n}` a number.
const BY_CHANCE: &[&str] = &[
    "SET s{k} {n} PX 30",
    "SET s{k} {n} EX 1000",
    "SETEX s{k} 1 {n}",
    "GETEX s{k} PX 20",
    "INCR n{k}",
    "INCRBYFLOAT f{k} 0.1",
    "EXPIRE s{k} 1",
    "PEXPIRE l{k} 15",
    "PEXPIRE h{k} 5",
    "RPUSH l{k} {m} {n}",
    "LMPOP 2 l{k} l1 RIGHT COUNT 2",
    "LMOVE l{k} l2 LEFT RIGHT",
    "BLPOP l{k} l2 0.02",
    "BLMOVE l{k} l2 LEFT RIGHT 0.02",
    "BZPOPMIN z{k} z1 0.02",
    "SADD t{k} {m} {n}",
    "SPOP t{k}",
    "SPOP t{k} 3",
    "HINCRBYFLOAT h{k} float 0.5",
    "ZADD z{k} {n} {m}",
    "ZPOPMIN z{k}",
    "XADD x{k} * f {n}",
    "XADD x{k} MAXLEN ~ 10 * f {n}",
    "XTRIM x{k} MAXLEN ~ 5",
    "XGROUP CREATE x{k} g1 0 MKSTREAM",
    "XREADGROUP GROUP g1 alice COUNT 2 STREAMS x{k} >",
    "XREADGROUP GROUP g1 bob BLOCK 10 STREAMS x{k} >",
    "XAUTOCLAIM x{k} g1 carol 0 0 COUNT 1",
    "PFADD p{k} {m}",
    "PFCOUNT p{k}",
    "SORT t{k} ALPHA STORE l{k}",
    "RENAME s{k} s4",
    "MOVE s{k} 2",
    "SELECT 0",
    "SELECT 1",
    "SWAPDB 0 1",
    "FLUSHDB ASYNC",
    "FLUSHALL",
];

/// What only redpoll takes.
const OF_OUR_OWN: &[&str] = &[
    "HSET h{k} {m} {n}",
    "HEXPIRE h{k} 1 FIELDS 2 a b",
    "HPEXPIRE h{k} 20 FIELDS 1 {m}",
    "HGETEX h{k} PX 30 FIELDS 1 {m}",
    "HSETEX h{k} PX 40 FIELDS 1 {m} {n}",
    "HGETDEL h{k} FIELDS 1 {m}",
    "HPERSIST h{k} FIELDS 1 {m}",
    "SET s{k} {m} IFEQ {m}",
    "DELIFEQ s{k} {m}",
];

/// See the module's head.
pub struct Load {
    generator: Generator,
    lines: Vec<&'static str>,
}

impl Load {
    pub fn for_nodes(world: &World) -> Load {
        let reference = support::TestServer::start_kind(Kind::Redis, &[]);
        let grammars = grammar::all(&mut reference.client());
        let mut lines = BY_CHANCE.to_vec();
        if world.is_of_one_kind() {
            lines.extend(OF_OUR_OWN);
        }
        Load { generator: Generator::new(&grammars, |_| true), lines }
    }

    /// Writes what follows from `seed`; a connection that ends, or is refused, ends it.
    pub fn write(&self, port: u16, seed: u64) {
        let Ok(mut client) = Client::try_connect(port) else { return };
        let mut rng = Rng::with_seed(seed);
        let script = self.generator.script(rng.u64(..));
        let mut script = script.into_iter().filter(|step| !hangs_on_chance(step));
        let mut left = rng.usize(0..COMMANDS_MAX);
        while left > 0 {
            let count = rng.usize(1..=left.min(PIPELINE_MAX));
            left -= count;
            let commands = (0..count).map(|_| match script.next() {
                Some(step) if rng.u32(..3) > 0 => encode(&step.words),
                _ => encode(&self.line(&mut rng).split(' ').collect::<Vec<_>>()),
            });
            if client.send(&commands.collect::<Vec<_>>().concat()).is_err() {
                return;
            }
            for _ in 0..count {
                if client.read().is_err() {
                    return;
                }
            }
        }
    }

    fn line(&self, rng: &mut Rng) -> String {
        let mut template = self.lines[rng.usize(..self.lines.len())];
        if template.starts_with("FLUSH") && rng.u32(..10) > 0 {
            template = "INCR n{k}";
        }
        let (key, number) = (rng.u32(..4).to_string(), rng.u32(..300).to_string());
        let member = ["a", "b", "c", "d", "e"][rng.usize(..5)];
        template.replace("{k}", &key).replace("{m}", member).replace("{n}", &number)
    }
}

/// A range by member of a sorted set whose scores differ: what it holds hangs on chance in Redis.
fn hangs_on_chance(step: &Step) -> bool {
    let is_lex = |word: &Vec<u8>| word.to_ascii_uppercase().windows(3).any(|part| part == b"LEX");
    step.words.iter().any(is_lex)
}
