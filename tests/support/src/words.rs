//! The words that generated commands are made of. Pools are small, so that commands meet each
//! other's keys, fields and values; each pool has a few entries that are at or over a limit.

use fastrand::Rng;

/// Longer than what any small encoding holds.
pub const LONG: &[u8] = &[b'L'; 70];

const VALUES: &[&[u8]] = &[
    b"a",
    b"b",
    b"c",
    b"1",
    b"10",
    b"-5",
    b"3.5",
    b"hello world",
    b"9223372036854775807",
    LONG,
    b"",
    b"\x00\xff\r\n",
];

/// What looks like a number until it is looked at closely.
const ODD: &[&[u8]] = &[
    b"",
    b"abc",
    b" 1",
    b"1 ",
    b"+5",
    b"-0",
    b"007",
    b"0x10",
    b"1e5",
    b"1.50",
    b".5",
    b"5.",
    b"inf",
    b"-inf",
    b"+infinity",
    b"nan",
    b"1e400",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551616",
    b"\xff\xfe\r\n", // no zero byte: C ends its texts there
    b"NX",
    b"XX",
    b"WITHSCORES",
    b"LIMIT",
];

const MEMBERS: &[&[u8]] = &[b"a", b"b", b"c", b"d", b"e", b"1", b"2", b"3"];

const INTEGERS: &[&[u8]] = &[b"0", b"1", b"-1", b"2", b"-2", b"3", b"5", b"10", b"100", b"-100"];

/// Nothing between: an offset of 2^31 is valid and costs 256 MB, and a negative count asks for so
/// many random members, unless it is the least of all.
const HUGE_INTEGERS: &[&[u8]] = &[
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"4294967296",
    b"99999999999999999999",
];

const DOUBLES: &[&[u8]] = &[
    b"0",
    b"1",
    b"-1",
    b"1.5",
    b"-2.25",
    b"3.0e3",
    b"0.1",
    b"5.0",
    b"inf",
    b"-inf",
    b"3.141592653589793",
    b"1e17",
    b"123456789012345678",
    b"(1",
    b"(2.5",
    b"1e308",
];

/// Far enough away that nothing expires while a script runs, or already past.
const LIFETIMES: &[&[u8]] = &[
    b"100000",
    b"200000",
    b"300000",
    b"100000",
    b"0",
    b"-1",
    b"9223372036854775807",
    b"9223372036854775",
    b"-9223372036854775808",
    b"abc",
    b"1.5",
    b"",
];

const PATTERNS: &[&[u8]] =
    &[b"*", b"s*", b"?0", b"[sh]*", b"h[^1]", b"\\*", b"", b"[a-c]", b"*1*", b"[", b"a\\"];

const KEYS_OF_GROUPS: &[(&str, &[&str])] = &[
    ("string", &["s0", "s1", "s2"]),
    ("bitmap", &["b0", "b1", "s0"]),
    ("hyperloglog", &["p0", "p1", "s1"]),
    ("hash", &["h0", "h1", "h2"]),
    ("list", &["l0", "l1", "l2"]),
    ("set", &["t0", "t1", "t2"]),
    ("sorted-set", &["z0", "z1", "z2"]),
    ("geo", &["g0", "g1", "z0"]),
    ("stream", &["x0", "x1"]),
];

pub fn pick<T: Copy>(rng: &mut Rng, pool: &[T]) -> T {
    pool[rng.usize(..pool.len())]
}

pub fn chance(rng: &mut Rng, percent: u32) -> bool {
    rng.u32(..100) < percent
}

pub fn odd(rng: &mut Rng) -> Vec<u8> {
    pick(rng, ODD).to_vec()
}

/// A key that usually holds what commands of this group work on.
pub fn key(rng: &mut Rng, group: &str) -> Vec<u8> {
    let own = KEYS_OF_GROUPS.iter().find(|(name, _)| *name == group);
    match own {
        Some((_, keys)) if chance(rng, 85) => pick(rng, keys).into(),
        _ if chance(rng, 4) => {
            pick(rng, &[&b""[..], b"{a}k", b"\x00\xffkey", b"a key", LONG]).into()
        }
        _ => {
            let (_, keys) = pick(rng, KEYS_OF_GROUPS);
            pick(rng, keys).into()
        }
    }
}

/// Is this one of the keys that commands meet each other at?
pub fn is_key(word: &[u8]) -> bool {
    KEYS_OF_GROUPS.iter().any(|(_, keys)| keys.iter().any(|key| key.as_bytes() == word))
}

pub fn double(rng: &mut Rng, name: &str) -> Vec<u8> {
    const LONGITUDES: &[&[u8]] = &[b"13.361389", b"15.087269", b"14.5", b"-180", b"180", b"180.1"];
    const LATITUDES: &[&[u8]] = &[b"38.115556", b"37.502669", b"37", b"85.05", b"-85.05", b"86"];
    const DISTANCES: &[&[u8]] = &[b"100", b"200", b"190.5", b"5000", b"0", b"-1", b"1e17"];
    let pool = match name {
        "longitude" => LONGITUDES,
        "latitude" => LATITUDES,
        "radius" | "width" | "height" => DISTANCES,
        _ => DOUBLES,
    };
    if chance(rng, 5) { odd(rng) } else { pick(rng, pool).to_vec() }
}

pub fn pattern(rng: &mut Rng) -> Vec<u8> {
    pick(rng, PATTERNS).to_vec()
}

/// What SORT sorts by, or gets.
pub fn sort_pattern(rng: &mut Rng, name: &str) -> Vec<u8> {
    let by: &[&[u8]] = &[b"s*", b"s*", b"h*->a", b"h*->1", b"*", b"nosort", b"x*->f", b"h*->"];
    let get: &[&[u8]] = &[b"#", b"s*", b"h*->a", b"h*->b", b"*", b"l*", b"none", b"h*->"];
    let pool = if name == "pattern" && chance(rng, 50) { by } else { get };
    pick(rng, pool).to_vec()
}

/// A point in time: far ahead, long past, or none at all.
pub fn unix_time(rng: &mut Rng, now_seconds: u64) -> Vec<u8> {
    match rng.u32(..6) {
        0 => b"1".to_vec(),
        1 => odd_time(rng),
        2 | 3 => (now_seconds + 100_000).to_string().into(),
        _ => ((now_seconds + 100_000) * 1000).to_string().into(),
    }
}

fn odd_time(rng: &mut Rng) -> Vec<u8> {
    pick(rng, &[&b"0"[..], b"-1", b"abc", b"9223372036854775807", b"-9223372036854775808"]).into()
}

pub fn integer(rng: &mut Rng, name: &str) -> Vec<u8> {
    match name {
        "seconds" | "milliseconds" | "ttl" | "ms" => pick(rng, LIFETIMES).to_vec(),
        "db" | "destination-db" | "index1" | "index2" => database(rng),
        "bit" | "value" if chance(rng, 70) => pick(rng, &[&b"0"[..], b"1"]).to_vec(),
        "numreplicas" => b"0".to_vec(),
        _ if chance(rng, 5) => pick(rng, HUGE_INTEGERS).to_vec(),
        _ if chance(rng, 4) => pick(rng, &[&b"abc"[..], b"1.5", b"", b" 1", b"+1"]).to_vec(),
        "offset" => pick(rng, &[&b"0"[..], b"1", b"7", b"8", b"100", b"1000", b"-1", b"3"]).into(),
        _ => pick(rng, INTEGERS).to_vec(),
    }
}

fn database(rng: &mut Rng) -> Vec<u8> {
    pick(rng, &[&b"0"[..], b"0", b"1", b"2", b"3", b"16", b"-1", b"x"]).to_vec()
}

/// The bounds of ranges, by what they are ranges of.
fn bound(rng: &mut Rng, command: &str, serial: usize) -> Vec<u8> {
    const LEX: &[&[u8]] = &[b"-", b"+", b"[a", b"(b", b"[c", b"(d", b"[e", b"-", b"+", b"a"];
    const SCORES: &[&[u8]] = &[b"-inf", b"+inf", b"0", b"1", b"(1", b"3000", b"(-1", b"2.5", b"("];
    const ANY: &[&[u8]] =
        &[b"-", b"+", b"[a", b"(b", b"[c", b"0", b"-1", b"1", b"3", b"-inf", b"+inf"];
    match command {
        _ if chance(rng, 4) => odd(rng),
        name if name.contains("lex") => pick(rng, LEX).to_vec(),
        name if name.contains("score") || name == "zcount" => pick(rng, SCORES).to_vec(),
        name if name.starts_with('x') => match rng.u32(..5) {
            0 => format!("({}-0", rng.usize(..=serial)).into(),
            1 | 2 => rng.usize(..=serial).to_string().into(),
            _ => pick(rng, &[&b"-"[..], b"+"]).to_vec(),
        },
        _ => pick(rng, ANY).to_vec(),
    }
}

/// A string argument, by what it is called.
pub fn string(rng: &mut Rng, command: &str, name: &str, serial: usize) -> Vec<u8> {
    let one_of = |rng: &mut Rng, pool: &[&[u8]]| pick(rng, pool).to_vec();
    match name {
        "id" if command == "xreadgroup" && chance(rng, 80) => one_of(rng, &[b">", b">", b"0"]),
        "last-id" if command == "xsetid" && chance(rng, 70) => format!("{serial}-5").into(),
        "field" | "member" | "member1" | "member2" | "element" | "pivot" if chance(rng, 85) => {
            one_of(rng, MEMBERS)
        }
        "encoding" => {
            one_of(rng, &[b"u8", b"i8", b"u1", b"i16", b"u63", b"i64", b"u64", b"u0", b"i65", b"f"])
        }
        "operation" => one_of(rng, &[b"AND", b"OR", b"XOR", b"NOT", b"and", b"NAND"]),
        "id" | "last-id" | "max_deleted_entry_id" => match rng.u32(..8) {
            0 => {
                let ids = [&b"0"[..], b"0-0", b"-", b"+", b"$", b">", b"abc", b"1-abc", b"5-*"];
                match one_of(rng, &ids).as_slice() {
                    b"+" if command == "xread" => b"-".to_vec(), // Redis 7.0 does not know it
                    id => id.to_vec(),
                }
            }
            1 if chance(rng, 20) => b"18446744073709551615-18446744073709551615".to_vec(),
            2..=4 => format!("{}-{}", rng.usize(..=serial), rng.u32(..3)).into(),
            _ => format!("{serial}-1").into(),
        },
        "group" | "groupname" => one_of(rng, &[b"g1", b"g2"]),
        "consumer" | "consumername" => one_of(rng, &[b"alice", b"bob"]),
        "min" | "max" | "start" | "stop" | "end" => bound(rng, command, serial),
        "threshold" => one_of(rng, &[b"0", b"2", b"5", b"3-1", b"-1", b"abc"]),
        "min-idle-time" => one_of(rng, &[b"0", b"-1", b"abc"]),
        "type" => one_of(rng, &[b"string", b"hash", b"list", b"set", b"zset", b"stream", b"none"]),
        _ if chance(rng, 10) => odd(rng),
        _ => one_of(rng, VALUES),
    }
}
