//! Random writes, cuts and changes of roles over a chain of mixed kinds; at the end all have the
//! same history and the same data. `REDPOLL_SOAK_SEED` replays a run, `REDPOLL_SOAK_STEPS` makes it
//! longer.

use support::Kind::{Redis, Redpoll};
use support::{Client, TestServer};

use crate::nodes::{expect_equal, follow, start, tell, wait_until_linked};
use crate::proxy::Proxy;

/// A small generator: the seed gives the whole run.
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

/// `{k}` is one of few keys, `{m}` one of few members, `{n}` a number.
const WRITES: &[&str] = &[
    "SET s{k} {n}",
    "SET s{k} {n} PX 30",
    "SET s{k} {n} EX 1000",
    "SETEX s{k} 1 {n}",
    "GETEX s{k} PX 20",
    "GETDEL s{k}",
    "INCR n{k}",
    "INCRBYFLOAT f{k} 0.1",
    "APPEND s{k} {n}",
    "SETRANGE s{k} 3 {m}",
    "EXPIRE s{k} 1",
    "PEXPIRE l{k} 15",
    "PERSIST s{k}",
    "DEL s{k} l{k}",
    "RPUSH l{k} {m} {n}",
    "LPOP l{k}",
    "LMPOP 2 l{k} l1 RIGHT COUNT 2",
    "LMOVE l{k} l2 LEFT RIGHT",
    "SADD S{k} {m} {n}",
    "SPOP S{k}",
    "SPOP S{k} 3",
    "SMOVE S{k} S1 {m}",
    "HSET h{k} {m} {n}",
    "HINCRBYFLOAT h{k} float 0.5",
    "HDEL h{k} {m}",
    "ZADD z{k} {n} {m}",
    "ZINCRBY z{k} 1.5 {m}",
    "ZPOPMIN z{k}",
    "ZUNIONSTORE z{k} 2 z1 z2",
    "GEOADD g{k} 13.3 38.1 {m}",
    "XADD x{k} * f {n}",
    "XADD x{k} MAXLEN ~ 10 * f {n}",
    "XTRIM x{k} MAXLEN 5",
    "SETBIT b{k} {n} 1",
    "PFADD p{k} {m}",
    "PFCOUNT p{k}",
    "SORT S{k} ALPHA STORE l{k}",
    "COPY s{k} s3 REPLACE",
    "RENAME s{k} s4",
    "MOVE s{k} 2",
    "SELECT 0",
    "SELECT 1",
    "GET s{k}",
    "FLUSHDB",
];

fn line(rng: &mut Rng) -> String {
    let mut template = rng.pick(WRITES);
    if template == "FLUSHDB" && rng.below(20) > 0 {
        template = "INCR n{k}";
    }
    let (key, number) = (rng.below(6).to_string(), rng.below(300).to_string());
    let member = rng.pick(&["a", "b", "c", "d", "e"]);
    template.replace("{k}", &key).replace("{m}", member).replace("{n}", &number)
}

fn write(client: &mut Client, rng: &mut Rng) {
    for _ in 0..rng.below(40) {
        if rng.below(8) == 0 {
            client.run("MULTI");
            for _ in 0..rng.below(6) {
                client.run(&line(rng));
            }
            client.run("EXEC");
        } else {
            client.run(&line(rng));
        }
    }
}

fn variable(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// A chain: each node follows the one before it, by a proxy of its own.
struct Chain {
    nodes: Vec<TestServer>,
    /// `proxies[n]` leads to node `n`.
    proxies: Vec<Proxy>,
    order: Vec<usize>,
}

impl Chain {
    fn link(&self) {
        for pair in self.order.windows(2) {
            follow(&self.nodes[pair[1]], self.proxies[pair[0]].port);
        }
    }

    fn top(&self) -> &TestServer {
        &self.nodes[self.order[0]]
    }

    fn check(&self) {
        let others: Vec<&TestServer> = self.order[1..].iter().map(|&at| &self.nodes[at]).collect();
        others.iter().for_each(|replica| wait_until_linked(replica));
        expect_equal(self.top(), &others);
    }
}

#[test]
fn whatever_happens_all_end_with_the_same_data() {
    let seed = variable("REDPOLL_SOAK_SEED", u64::from(std::process::id()) * 7919 + 1);
    let steps = variable("REDPOLL_SOAK_STEPS", 60);
    println!("REDPOLL_SOAK_SEED={seed}");
    let mut rng = Rng(seed | 1);
    let nodes: Vec<TestServer> =
        [Redpoll, Redis, Redpoll].into_iter().map(|kind| start(kind, &[])).collect();
    let proxies = nodes.iter().map(|node| Proxy::to(node.port())).collect();
    let mut chain = Chain { nodes, proxies, order: vec![0, 1, 2] };
    chain.link();
    chain.check();
    for step in 0..steps {
        let mut client = chain.top().client();
        write(&mut client, &mut rng);
        let link = chain.order[rng.below(2) as usize];
        match rng.below(6) {
            0 => chain.proxies[link].cut(),
            1 => chain.proxies[link].cut_after(rng.below(2_000) as i64),
            2 if step % 10 == 9 => promote(&mut chain),
            3 if step % 10 == 4 => chain.check(),
            _ => {}
        }
    }
    chain.proxies.iter().for_each(|proxy| proxy.cut_after(i64::MAX));
    chain.check();
}

/// The second becomes the first, the first the last.
fn promote(chain: &mut Chain) {
    chain.proxies.iter().for_each(|proxy| proxy.cut_after(i64::MAX));
    chain.check();
    chain.order.rotate_left(1);
    tell(chain.top(), "REPLICAOF NO ONE");
    chain.link();
    chain.check();
}
