//! What writers do: scripts made from the reference's grammar, and commands whose effect is drawn
//! by chance or by the clock, which replicas must be told.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use support::script::Generator;
use support::{Client, Kind, TestServer, Value, encode, grammar};

use super::world::World;

/// Commands in flight on one connection.
const PIPELINE_MAX: usize = 16;
const COMMANDS_MAX: usize = 120;

/// `{k}` is one of few keys, `{m}` one of few members, `{n}` a number, `{t}` a moment close to now
/// in milliseconds, `{T}` one in seconds, `{p}` the port of a server that keeps what it is given.
const BY_CHANCE: &[&str] = &[
    "SET s{k} {n} PX 30",
    "SET s{k} {n} EX 1000",
    "SET s{k} {n} PXAT {t}",
    "SET s{k} {n} KEEPTTL",
    "SETEX s{k} 1 {n}",
    "GETEX s{k} PX 20",
    "GETEX s{k} EXAT {T}",
    "GETEX s{k} PERSIST",
    "GETDEL s{k}",
    "APPEND s{k} {m}",
    "INCR n{k}",
    "INCRBYFLOAT f{k} 0.1",
    "BITFIELD b{k} OVERFLOW WRAP INCRBY u8 {n} 7",
    "EXPIRE s{k} 1",
    "PEXPIRE l{k} 15",
    "PEXPIRE h{k} 5",
    "PEXPIREAT z{k} {t}",
    "EXPIREAT x{k} {T}",
    "PERSIST t{k}",
    "RPUSH l{k} {m} {n}",
    "LMPOP 2 l{k} l1 RIGHT COUNT 2",
    "LMOVE l{k} l2 LEFT RIGHT",
    "BLPOP l{k} l2 0.02",
    "BLPOP l{k} 0.3",
    "BLMOVE l{k} l2 LEFT RIGHT 0.02",
    "BRPOPLPUSH l{k} l2 0.2",
    "BLMPOP 0.2 2 l{k} l1 LEFT COUNT 3",
    "BZPOPMIN z{k} z1 0.02",
    "BZMPOP 0.2 2 z{k} z2 MAX COUNT 2",
    "SADD t{k} {m} {n}",
    "SMOVE t{k} t1 {m}",
    "SPOP t{k}",
    "SPOP t{k} 3",
    "HINCRBYFLOAT h{k} float 0.5",
    "ZADD z{k} {n} {m}",
    "ZADD z{k} INCR 0.1 {m}",
    "ZPOPMIN z{k}",
    "GEOADD g{k} 13.{n} 38.{n} {m}",
    "GEOSEARCHSTORE z{k} g{k} FROMLONLAT 13 38 BYRADIUS 300 km COUNT 2 ANY",
    "XADD x{k} * f {n}",
    "XADD x{k} MAXLEN ~ 10 * f {n}",
    "XTRIM x{k} MAXLEN ~ 5",
    "XGROUP CREATE x{k} g1 0 MKSTREAM",
    "XGROUP DELCONSUMER x{k} g1 alice",
    "XREADGROUP GROUP g1 alice COUNT 2 STREAMS x{k} >",
    "XREADGROUP GROUP g1 bob BLOCK 10 STREAMS x{k} >",
    "XREADGROUP GROUP g1 dave NOACK BLOCK 100 STREAMS x{k} x1 > >",
    "XAUTOCLAIM x{k} g1 carol 0 0 COUNT 1",
    "PFADD p{k} {m}",
    "PFCOUNT p{k}",
    "SORT t{k} ALPHA STORE l{k}",
    "SORT t{k} BY nosort STORE l{k}",
    "RENAME s{k} s4",
    "COPY h{k} h4 DB 1 REPLACE",
    "COPY z{k} z4 REPLACE",
    "MOVE s{k} 2",
    "MOVE l{k} 9",
    "UNLINK h{k} t{k} z{k}",
    "MIGRATE 127.0.0.1 {p} s{k} 3 200 REPLACE",
    "MIGRATE 127.0.0.1 {p} h{k} 4 200 COPY REPLACE",
    "CLIENT PAUSE 20 WRITE",
    "CLIENT PAUSE 10",
    "WAIT 1 10",
    "SELECT 0",
    "SELECT 1",
    "SELECT 9",
    "SWAPDB 0 1",
    "SWAPDB 1 9",
    "FLUSHDB ASYNC",
    "FLUSHALL",
];

/// What only redpoll takes.
const OF_OUR_OWN: &[&str] = &[
    "HSET h{k} {m} {n}",
    "HEXPIRE h{k} 1 FIELDS 2 a b",
    "HPEXPIRE h{k} 20 FIELDS 1 {m}",
    "HPEXPIREAT h{k} {t} FIELDS 1 {m}",
    "HEXPIRE h{k} 1000 FIELDS 1 {m}",
    "HGETEX h{k} PX 30 FIELDS 1 {m}",
    "HGETEX h{k} PERSIST FIELDS 1 {m}",
    "HSETEX h{k} PX 40 FIELDS 1 {m} {n}",
    "HSETEX h{k} KEEPTTL FIELDS 1 {m} {n}",
    "HGETDEL h{k} FIELDS 1 {m}",
    "HPERSIST h{k} FIELDS 1 {m}",
    "SET s{k} {m} IFEQ {m}",
    "DELIFEQ s{k} {m}",
    "WAITAOF 0 1 10",
];

/// Keys that are dumped, to be restored as another of the same kind.
const DUMPED: &[&str] = &["s", "n", "l", "h", "t", "z", "x", "p", "g"];

/// See the module's head.
pub struct Load {
    generator: Generator,
    lines: Vec<&'static str>,
    /// Has told the grammar, and gets what is migrated.
    reference: TestServer,
}

impl Load {
    pub fn for_nodes(world: &World) -> Load {
        let reference = TestServer::start_kind(Kind::Redis, &[]);
        let grammars = grammar::all(&mut reference.client());
        let mut lines = BY_CHANCE.to_vec();
        if world.is_of_one_kind() {
            lines.extend(OF_OUR_OWN);
        }
        Load { generator: Generator::new(&grammars, |_| true), lines, reference }
    }

    /// Writes what follows from `seed`; a connection that ends, or is refused, ends it.
    pub fn write(&self, port: u16, seed: u64) {
        let Ok(mut client) = Client::try_connect(port) else { return };
        let mut rng = Rng::with_seed(seed);
        let script = self.generator.script(rng.u64(..));
        let mut script = script.into_iter().filter(|step| !step.hangs_on_chance());
        let mut left = rng.usize(0..COMMANDS_MAX);
        while left > 0 {
            let count = rng.usize(1..=left.min(PIPELINE_MAX));
            left -= count;
            let commands = (0..count).map(|_| match script.next() {
                Some(step) if rng.u32(..3) > 0 => encode(&step.words),
                _ => encode(&self.line(&mut rng).split(' ').collect::<Vec<_>>()),
            });
            let mut commands = commands.collect::<Vec<_>>();
            if rng.u32(..4) == 0 {
                let Ok(more) = restored(&mut client, &mut rng) else { return };
                commands.extend(more);
            }
            if client.send(&commands.concat()).is_err() {
                return;
            }
            for _ in commands {
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
        let line = template.replace("{k}", &key).replace("{m}", member).replace("{n}", &number);
        let moment = soon(rng);
        line.replace("{t}", &moment.to_string())
            .replace("{T}", &(moment / 1000 + 1).to_string())
            .replace("{p}", &self.reference.port().to_string())
    }
}

/// A moment that is about to come, or just over, in milliseconds.
fn soon(rng: &mut Rng) -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    now + rng.u128(..300) - 100
}

/// Dumps a key; a command that restores it elsewhere, if it is there.
fn restored(client: &mut Client, rng: &mut Rng) -> io::Result<Option<Vec<u8>>> {
    let kind = DUMPED[rng.usize(..DUMPED.len())];
    let [from, to] = [(); 2].map(|()| format!("{kind}{}", rng.u32(..5)));
    let Value::Bulk(payload) = client.try_call(&["DUMP", &from])? else { return Ok(None) };
    let (moment, ahead) = (soon(rng).to_string(), rng.u32(..60).to_string());
    let mut words: Vec<&[u8]> = vec![b"RESTORE", to.as_bytes()];
    match rng.u32(..4) {
        0 => words.extend([moment.as_bytes(), &payload, b"ABSTTL"]),
        1 => words.extend([ahead.as_bytes(), &payload]),
        2 => words.extend([&b"0"[..], &payload, b"IDLETIME", b"1000"]),
        _ => words.extend([&b"0"[..], &payload]),
    }
    if rng.u32(..4) > 0 {
        words.push(b"REPLACE");
    }
    Ok(Some(encode(&words)))
}
