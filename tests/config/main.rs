//! The settings against redis-server 7.0: what is known, defaults, accepted values, errors.
//!
//! Both sides are given the same changes; `DIFFERENCES` lists what may differ and why.

mod listening;

use std::fs;

use redpoll::config::file::{Origin, Part, load};
use redpoll::config::rewrite::rewrite;
use redpoll::config::{Caller, Setting, Settings, TABLE};
use redpoll::spec::config::{ConfigFlags, When};
use support::{Client, TestServer, Value, run_to_end, start_oracle};

/// Settings that are not compared by changing them, and why.
const NOT_CHANGED: [(&str, &str); 17] = [
    ("bind", "the oracle listens elsewhere at once"),
    ("port", "the oracle listens elsewhere at once"),
    ("tls-port", "needs certificates"),
    ("tls-replication", "needs certificates"),
    ("tls-cluster", "needs certificates"),
    ("tls-auth-clients", "reloads certificates"),
    ("tls-prefer-server-ciphers", "reloads certificates"),
    ("tls-session-caching", "reloads certificates"),
    ("tls-session-cache-size", "reloads certificates"),
    ("tls-session-cache-timeout", "reloads certificates"),
    ("dir", "the oracle changes its directory at once; here the server does"),
    ("requirepass", "the oracle asks for it at once"),
    ("maxclients", "the oracle asks the system how many files it may open"),
    ("maxmemory-clients", "the oracle disconnects this test when it is small"),
    ("appendonly", "the oracle rewrites its file"),
    ("activedefrag", "the oracle's allocator cannot do it"),
    ("watchdog-period", "the oracle's watchdog interrupts it"),
];

/// Settings and values about which the two disagree, and why.
const DIFFERENCES: [(&str, &str, &str); 4] = [
    ("*", "18446744073709551616", "a size past 2^64 is refused, the oracle wraps it around"),
    ("*", "17179869184gb", "a size past 2^64 is refused, the oracle wraps it around"),
    ("maxmemory-policy", "*", "refusals list a policy of ours, too"),
    ("oom-score-adj-values", "900 1 ", "the oracle takes a missing number for zero"),
];

const VALUES: [&str; 58] = [
    "",
    " ",
    "0",
    "1",
    "2",
    "-1",
    "-2",
    "007",
    "+5",
    "10",
    "11",
    "99",
    "100",
    "101",
    "500",
    "501",
    "1023",
    "1024",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1b",
    "1k",
    "3kb",
    "1mB",
    "1g",
    "17179869184gb",
    "kb",
    "5%",
    "yes",
    "NO",
    "local",
    "x",
    "a b",
    "everysec",
    "allkeys-lru",
    "debug",
    "swapdb",
    "900 1",
    "900 1 ",
    "1 2 3",
    "normal 1 2 3",
    "KEAm",
    "50 99.9",
    "save now",
    "now nosave save",
    "{title} x {port}",
    "a.b-c",
];

/// Both sides, changed alike.
struct Pair {
    client: Client,
    ours: Settings,
    server: TestServer,
}

impl Pair {
    fn start() -> Option<Pair> {
        let server = start_oracle(&["--enable-protected-configs", "yes"])?;
        let said = format!(
            "port {}\nbind 127.0.0.1\nsave ''\nenable-protected-configs yes\ndir '{}'",
            server.port(),
            server.folder().display()
        );
        let part = Part { origin: Origin::StandardInput, text: said.into_bytes() };
        let loaded = load(&[part], &mut |_| Ok(Vec::new())).expect("valid directives");
        Some(Pair { client: server.client(), ours: loaded.settings, server })
    }

    /// Asks the oracle, once more if it has hung up: it does when `timeout` is short.
    fn ask<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Value {
        self.client.try_call(words).unwrap_or_else(|_| {
            self.client = self.server.client();
            self.client.call(words)
        })
    }

    /// CONFIG SET on both sides; the two replies.
    fn set(&mut self, pairs: &[(&str, &str)]) -> [String; 2] {
        let words = pairs.iter().flat_map(|(name, value)| [*name, *value]);
        let words: Vec<&str> = ["CONFIG", "SET"].into_iter().chain(words).collect();
        let theirs = self.ask(&words).text();
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
        let ours = match self.ours.set(&pairs, Caller::Local) {
            Ok(_) => "OK".to_owned(),
            Err(refusal) => refusal.to_string(),
        };
        [theirs, ours]
    }

    /// CONFIG GET of one name on both sides.
    fn get(&mut self, name: &str) -> [String; 2] {
        let theirs = self.ask(&["CONFIG", "GET", name]).items();
        let theirs: Vec<String> = theirs.iter().map(Value::text).collect();
        let ours = self.ours.get(&[name.as_bytes()]);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ours: Vec<_> = ours.iter().flat_map(|(n, v)| [text(n), text(v)]).collect();
        [theirs.join(" "), ours.join(" ")]
    }
}

fn is_about((listed, of, _): &(&str, &str, &str), name: &str, value: &str) -> bool {
    (*listed == "*" || *listed == name) && (*of == "*" || *of == value)
}

/// A directive that does not exist: as the last one, it ends the oracle before it listens.
const LAST: [&str; 2] = ["--zz", "1"];

/// The names and aliases of settings that both sides have.
fn shared_names() -> impl Iterator<Item = (&'static Setting, &'static str)> {
    let neither = ConfigFlags::OURS | ConfigFlags::FILE_ONLY;
    let shared = TABLE.iter().filter(move |setting| !setting.spec.flags.intersects(neither));
    shared.flat_map(|setting| setting.spec.names().map(move |name| (setting, name)))
}

/// Those that can be changed on both sides without harm.
fn comparable_names() -> impl Iterator<Item = &'static str> {
    let is_comparable = |name: &&str| NOT_CHANGED.iter().all(|(listed, _)| listed != name);
    shared_names().map(|(_, name)| name).filter(is_comparable)
}

#[test]
fn every_setting_is_known_and_has_the_same_default() {
    let Some(mut pair) = Pair::start() else { return };
    let listed = pair.client.call(&["CONFIG", "GET", "*"]).items();
    let names: Vec<String> = listed.chunks(2).map(|entry| entry[0].text()).collect();
    assert!(names.len() > 180, "{names:?}");
    for name in names.iter().map(String::as_str).chain(shared_names().map(|(_, name)| name)) {
        let [theirs, ours] = pair.get(name);
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn every_value_is_accepted_refused_and_shown_alike() {
    let Some(mut pair) = Pair::start() else { return };
    let (mut wrong, mut differed) = (Vec::new(), [false; DIFFERENCES.len()]);
    for name in comparable_names() {
        for value in VALUES {
            let before = pair.ours.clone();
            let [theirs, ours] = pair.set(&[(name, value)]);
            let [their_value, our_value] = pair.get(name);
            let is_same = ours == theirs && our_value == their_value;
            let listed = DIFFERENCES.iter().position(|entry| is_about(entry, name, value));
            if let Some(entry) = listed {
                differed[entry] |= !is_same;
            } else if !is_same {
                wrong.push(format!(
                    "{name} {value:?}\n  {theirs}: {their_value}\n  {ours}: {our_value}"
                ));
            }
            if our_value != their_value {
                pair.ours = before;
                let restored = pair.ours.get(&[name.as_bytes()]).remove(0).1;
                pair.ask(&[b"CONFIG".as_slice(), b"SET", name.as_bytes(), &restored]);
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(differed, [true; DIFFERENCES.len()], "a listed difference is none any more");
}

#[test]
fn several_at_once_fail_alike() {
    let Some(mut pair) = Pair::start() else { return };
    let cases: [&[(&str, &str)]; 9] = [
        &[("hz", "20"), ("timeout", "5")],
        &[("hz", "30"), ("timeout", "x")],
        &[("timeout", "x"), ("hz", "y")],
        &[("hz", "1"), ("HZ", "2")],
        &[("hz", "1"), ("no-such", "2"), ("databases", "1")],
        &[("databases", "1"), ("no-such", "2"), ("hz", "1")],
        &[("slave-read-only", "no"), ("replica-read-only", "yes")],
        &[("no\r\nsuch\"", "1")],
        &[("user", "a")],
    ];
    for case in cases {
        let [theirs, ours] = pair.set(case);
        assert_eq!(ours, theirs, "{case:?}");
        for (name, _) in case {
            let [theirs, ours] = pair.get(name);
            assert_eq!(ours, theirs, "{name} after {case:?}");
        }
    }
}

/// What CONFIG REWRITE writes here, the oracle can read: one could go back with the same file.
#[test]
fn the_oracle_reads_rewritten_files() {
    let Some(oracle) = start_oracle(&[]) else { return };
    let path = oracle.folder().join("rewritten.conf");
    let path = path.to_str().expect("a plain path");
    for value in VALUES {
        let mut settings = Settings::default();
        for name in comparable_names() {
            // Most values are none of most settings.
            let _ = settings.set(&[(name.as_bytes(), value.as_bytes())], Caller::Local);
        }
        fs::write(path, rewrite(b"", &settings, &[])).expect("a writable folder");
        let (_, printed) = run_to_end("redis-server", &[path, LAST[0], LAST[1]]);
        assert!(printed.contains(">>> 'zz \"1\"'"), "{value}: {printed}");
    }
}

/// Settings that CONFIG SET refuses are compared through the command line.
#[test]
fn values_at_the_start_are_refused_alike() {
    if start_oracle(&[]).is_none() {
        return;
    }
    let mut wrong = Vec::new();
    let at_start = |(setting, _): &(&Setting, &str)| setting.spec.when == When::AtStart;
    for (_, name) in shared_names().filter(at_start) {
        for value in ["zz", "", "0", "1", "777", "999999999999", "-5", "yes", "a/b", "no one"] {
            if name == "daemonize" && value == "yes" {
                continue; // redpoll refuses it
            }
            let option = format!("--{name}");
            let (_, printed) = run_to_end("redis-server", &[&option, value, LAST[0], LAST[1]]);
            let theirs = printed.lines().last().unwrap_or_default().to_owned();
            let theirs = theirs.replace("Bad directive or wrong number of arguments", "accepted");
            let line = format!("{name} \"{value}\"").into_bytes();
            let part = Part { origin: Origin::CommandLine, text: line };
            let ours = match load(&[part], &mut |_| Ok(Vec::new())) {
                Ok(_) => "accepted".to_owned(),
                Err(refusal) => refusal.to_string().lines().last().unwrap_or_default().to_owned(),
            };
            if ours != theirs {
                wrong.push(format!("{name} {value:?}: {theirs} / {ours}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
