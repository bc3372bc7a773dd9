use std::error::Error as _;

use super::*;
use crate::base::rng::seeds;
use crate::base::{ConfigEpoch, Millis, Rng};
use crate::cluster::flags::NodeFlags;

/// Written by redis-server 7.0.15.
const REDIS_7_0: &str = "\
b1e4712205c8a728fc2c72236c0b4fb9b39eb23c 127.0.0.1:27103@42103 myself,slave 58d3b33f4ed4405b83d87ad8448e31840a7e4503 0 1795230563000 1 connected
16eca0c2883da6ceaba99c518c459644e9881571 127.0.0.1:27101@42101 master - 0 1795230564304 2 connected 5461-10922
58d3b33f4ed4405b83d87ad8448e31840a7e4503 127.0.0.1:27100@42100 master - 0 1795230564000 1 connected 0-5460
6a449c036183b0c3ebf6f978b89774b9c3140e5b 127.0.0.1:27102@42102,node-two.example master - 7 1795230564099 3 connected 10923-16383
vars currentEpoch 3 lastVoteEpoch 2
";

const ID: &str = "b1e4712205c8a728fc2c72236c0b4fb9b39eb23c";
const NOW: Millis = Millis(5_000);

fn parsed(text: &str) -> Saved {
    parse(text, NOW, false).expect("a valid file").expect("not empty")
}

fn id(text: &str) -> NodeId {
    text.parse().expect("an id")
}

#[test]
fn a_file_of_redis_7_0_is_understood() {
    let saved = parsed(REDIS_7_0);
    saved.table.check();
    assert_eq!((saved.current_epoch, saved.last_vote_epoch), (Epoch(3), Epoch(2)));
    let me = saved.table.me();
    assert_eq!(me.id, id(ID));
    assert!(me.is_replica());
    assert_eq!(me.config_epoch, ConfigEpoch(0), "a replica has no claims of its own");
    let primary = saved.table.primary_of(me);
    assert_eq!(primary.slot_count, 5461);
    assert_eq!(primary.config_epoch, ConfigEpoch(1));
    let third = saved.table.get(id("6a449c036183b0c3ebf6f978b89774b9c3140e5b")).expect("known");
    assert_eq!(third.hostname, "node-two.example");
    assert_eq!(third.address.ip, "127.0.0.1");
    assert_eq!((third.address.port, third.address.bus_port), (27102, 42102));
    assert_eq!((third.ping_sent, third.pong_received), (Some(NOW), NOW));
}

#[test]
fn lines_of_redis_7_0_are_written_back_word_for_word() {
    let saved = parsed(REDIS_7_0);
    let mut lines: Vec<String> = saved
        .table
        .iter()
        .map(|node| {
            let mut line = String::new();
            push_line(&mut line, &saved.table, node, Style { tls_first: false, keys: false });
            line.replace("disconnected", "connected")
        })
        .collect();
    let mut expected: Vec<String> = REDIS_7_0
        .lines()
        .filter(|line| !line.starts_with("vars"))
        .map(|line| format!("{}\n", with_times_of_loading(line)))
        .collect();
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
}

/// What loading does to the two times of a line.
fn with_times_of_loading(line: &str) -> String {
    let mut fields: Vec<&str> = line.split(' ').collect();
    for field in &mut fields[4..6] {
        *field = if *field == "0" { "0" } else { "5000" };
    }
    fields.join(" ")
}

#[test]
fn keys_of_later_versions_and_open_slots_round_trip() {
    let shard = "c".repeat(40);
    let text = format!(
        "{ID} 127.0.0.1:21705@31705,vk.example.com,client-ipv4=10.1.2.3,tls-port=7,nodename=vk1,\
         shard-id={shard} myself,master,nofailover - 0 0 4 connected 0 5-7 16383 \
         [5->-{other}] [9-<-{other}]\n\
         {other} ::1:6379@16379,,tls-port=0 slave,fail?,noaddr {ID} 0 0 9 disconnected\n\
         vars currentEpoch 2 lastVoteEpoch 1 later 7\n",
        other = "a".repeat(40),
    );
    let saved = parsed(&text);
    assert_eq!(saved.current_epoch, Epoch(4), "at least every config epoch");
    let me = saved.table.me();
    assert_eq!(me.address.tls_port, 7);
    assert_eq!(me.nodename, "vk1");
    assert_eq!(me.shard.map(|shard| shard.to_string()), Some(shard));
    assert_eq!(saved.table.importing.len() + saved.table.migrating.len(), 2);
    assert_eq!(saved.table.get(id(&"a".repeat(40))).expect("known").address.ip, "::1");

    let written = render(&saved.table, saved.current_epoch, saved.last_vote_epoch, false);
    let expected = text
        .replace("client-ipv4=10.1.2.3,", "")
        .replace(" 0 0 9 ", " 0 0 4 ")
        .replace("currentEpoch 2", "currentEpoch 4")
        .replace(" later 7", "");
    let mut lines: Vec<&str> = expected.lines().collect();
    lines[..2].sort_unstable();
    assert_eq!(written.lines().collect::<Vec<_>>(), lines);
    let again = parsed(&written);
    assert_eq!(render(&again.table, again.current_epoch, again.last_vote_epoch, false), written);
}

#[test]
fn the_port_of_the_bus_transport_stands_first() {
    let text =
        format!("{ID} 127.0.0.1:7000@17000,,tcp-port=6999 myself,master - 0 0 0 connected\n");
    let saved = parse(&text, NOW, true).expect("valid").expect("not empty");
    assert_eq!((saved.table.me().address.tls_port, saved.table.me().address.port), (7000, 6999));
    assert!(render(&saved.table, Epoch(0), Epoch(0), true).starts_with(&text));
}

#[test]
fn a_first_start_has_no_file_or_an_empty_one() {
    for text in ["", "\n\n", "vars currentEpoch 0 lastVoteEpoch 0\n"] {
        assert!(parse(text, NOW, false).expect("no error").is_none(), "{text:?}");
    }
    let old = format!("{ID} 1.2.3.4:6379 myself,master - 0 0 0 connected");
    assert_eq!(parsed(&old).table.me().address.bus_port, 16379, "before bus ports were written");
}

#[test]
fn a_corrupt_file_is_refused_with_the_line_and_the_reason() {
    let mine = format!("{ID} 1.2.3.4:1@2 myself,master - 0 0 0 connected");
    let other = format!("{} 1.2.3.4:1@2", "a".repeat(40));
    let cases = [
        ("garbage".to_owned(), ConfProblem::Fields),
        (mine.clone(), ConfProblem::Twice),
        (format!("{other} boss - 0 0 0 connected"), ConfProblem::Flags),
        (format!("{other} master,slave - 0 0 0 connected"), ConfProblem::Flags),
        (format!("{other} myself,slave - 0 0 0 connected"), ConfProblem::Flags),
        (format!("{other} slave x 0 0 0 connected"), ConfProblem::Id),
        ("x 1.2.3.4:1@2 master - 0 0 0 connected".to_owned(), ConfProblem::Id),
        (format!("{} 1.2.3.4 master - 0 0 0 connected", "a".repeat(40)), ConfProblem::Address),
        (format!("{} 1.2.3.4:99999@2 master - 0 0 0 c", "a".repeat(40)), ConfProblem::Address),
        (format!("{other} master - 0 0 -1 connected"), ConfProblem::Number),
        (format!("{other} master - 0 0 0 connected 16384"), ConfProblem::Slot),
        (format!("{other} master - 0 0 0 connected 9-1"), ConfProblem::Slot),
        (format!("{other} master - 0 0 0 connected [5->-x]"), ConfProblem::Slot),
        ("vars currentEpoch".to_owned(), ConfProblem::Vars),
        ("vars currentEpoch x".to_owned(), ConfProblem::Vars),
    ];
    for (line, problem) in cases {
        let error = parse(&format!("{mine}\n{line}\n"), NOW, false).expect_err(&line);
        assert_eq!(error, ConfError { line: 2, problem }, "{line}");
        assert!(error.source().is_some_and(|source| !source.to_string().is_empty()));
    }
    let nobody = parse(&format!("{other} master - 0 0 0 connected\n"), NOW, false);
    assert_eq!(nobody.expect_err("no myself").problem, ConfProblem::NoMyself);
}

#[test]
fn mutated_files_never_panic_and_what_is_accepted_keeps_the_invariants() {
    let (mut tried, mut accepted) = (0, 0);
    for seed in seeds(3000) {
        tried += 1;
        let mut rng = Rng::from_seed(seed);
        let mut bytes = REDIS_7_0.as_bytes().to_vec();
        for _ in 0..1 + rng.below(4) {
            let at = rng.index(bytes.len());
            match rng.below(3) {
                0 => bytes[at] = b" -0123456789[]<>,:@\n=am"[rng.index(23)],
                1 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let text = String::from_utf8(bytes).expect("ASCII");
        if let Ok(Some(saved)) = parse(&text, NOW, false) {
            accepted += 1;
            saved.table.check();
            assert!(
                saved.table.get(saved.table.my_id()).is_some_and(|me| me.has(NodeFlags::MYSELF))
            );
        }
    }
    let few = tried / 30;
    assert!((few..tried - few).contains(&accepted), "{accepted} of {tried} accepted");
}

#[test]
fn ranges_are_the_maximal_runs_of_any_set() {
    for seed in seeds(200) {
        let mut rng = Rng::from_seed(seed);
        let mut slots = SlotSet::empty();
        for _ in 0..rng.below(12) {
            let first = rng.index(Slot::COUNT) as u16;
            let len = [1, 3, 8, 64, 5000][rng.index(5)];
            (first..first.saturating_add(len)).filter_map(Slot::new).for_each(|s| slots.insert(s));
        }
        let runs = ranges(&slots);
        let members = runs.iter().flat_map(|(first, last)| first.number()..=last.number());
        assert!(members.eq(slots.iter().map(Slot::number)), "seed {seed}");
        let apart = |pair: &[(Slot, Slot)]| pair[0].1.number() + 1 < pair[1].0.number();
        assert!(runs.windows(2).all(apart), "seed {seed}");
    }
}
