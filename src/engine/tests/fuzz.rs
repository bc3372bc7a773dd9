//! Every command with arguments that make little sense, alone and in a transaction: a panic would
//! end the process.

use std::sync::Arc;

use crate::base::rng::seeds;
use crate::base::{Millis, Rng};
use crate::commands::{Registered, Table};
use crate::engine::testing::Local;
use crate::engine::{Progress, Replay, Session, Worker};
use crate::replication::Logging;
use crate::resp::Value;
use crate::resp::client::encode_command;
use crate::state::client::Origin;
use crate::state::{Client, ClientShared, Mail};

/// Requests per command.
const ROUNDS: usize = 40;
const ARGS_MAX: u64 = 9;

const KEYS: [&str; 8] = ["string", "list", "hash", "set", "zset", "stream", "none", "{list}2"];
const NUMBERS: [&str; 11] =
    ["0", "1", "2", "3", "-1", "-2", "1.5", "99999999999999999999", "-0", "+1", "0-1"];
const WORDS: &str = "* $ > - + ( [a (1 inf nan '' LEFT RIGHT BEFORE AFTER COUNT MATCH TYPE STORE \
    STOREDIST KEYS STREAMS GROUP BLOCK BY GET nosort LIMIT WEIGHTS AGGREGATE SUM MIN MAX WITHSCORES \
    NX XX GT LT CH INCR EX PX EXAT KEEPTTL PERSIST DB REPLACE ABSTTL FROMLONLAT FROMMEMBER BYRADIUS \
    BYBOX WITHCOORD WITHDIST WITHHASH km m ANY ASC DESC ALPHA MAXLEN MINID = ~ NOACK IDLE TIME \
    RETRYCOUNT FORCE JUSTID ENTRIESREAD MKSTREAM ID g consumer u8 i5 #1 SET INCRBY OVERFLOW FAIL \
    AND OR XOR NOT BIT BYTE ON OFF SKIP YES NO 3 AUTH SETNAME ch c* FULL FIELDS FNX FXX REV BYLEX \
    BYSCORE IDX LEN MINMATCHLEN WITHMATCHLEN RANK 1 field a b c RANDOM";

fn request(rng: &mut Rng, command: &'static Registered, words: &[&str]) -> Vec<String> {
    let name = command.spec.name.to_owned();
    let mut request: Vec<String> = name.split('|').map(str::to_owned).collect();
    for _ in 0..rng.below(ARGS_MAX) {
        let pool = match rng.below(5) {
            0 | 1 => &KEYS[..],
            2 | 3 => &NUMBERS[..],
            _ => words,
        };
        let word = pool[rng.below(pool.len() as u64) as usize];
        request.push(if word == "''" { String::new() } else { word.to_owned() });
    }
    request
}

fn filled() -> Local {
    let mut local = Local::default();
    let fill = "RPUSH list 1 2 3\r\nRPUSH {list}2 3 4\r\nSET string 5\r\nHSET hash a 1 field 2\r\n\
                SADD set a b c\r\nZADD zset 1 a 2 b\r\nXADD stream 1-1 a b\r\n\
                XGROUP CREATE stream g 0\r\n";
    local.feed(fill.as_bytes());
    local
}

/// Runs a request; whether the connection can go on.
fn run(local: &mut Local, request: &[String]) -> bool {
    local.feed(&encode_command(request));
    for _ in 0..3 {
        while let Ok(ask) = local.asks.try_recv() {
            if let Some(from) = ask.from {
                local.deliver(Mail::Answer { ticket: from.ticket, answer: Ok(Value::ok()) });
            }
        }
        let (id, server) = (local.client().shared.id, &local.server);
        let ticket = server.waiters.take_out(id).or_else(|| server.durability.take_out(id));
        if let Some(ticket) = ticket {
            local.deliver(Mail::Unblock { ticket, with_error: false });
        }
        local.collect();
    }
    !local.is_closing()
}

#[test]
fn no_arguments_bring_the_process_down() {
    seeds(1).for_each(run_all);
}

fn run_all(seed: u64) {
    println!("seed {seed}");
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut rng = Rng::from_seed(seed);
    let mut local = filled();
    for command in Table::get().all() {
        for round in 0..ROUNDS {
            let request = request(&mut rng, command, &words);
            let in_transaction = round % 2 == 1;
            // Shown if this fails.
            println!("{in_transaction} {request:?}");
            let mut goes_on = !in_transaction || run(&mut local, &["MULTI".to_owned()]);
            goes_on &= run(&mut local, &request);
            goes_on = goes_on && (!in_transaction || run(&mut local, &["EXEC".to_owned()]));
            if !goes_on || round == ROUNDS - 1 {
                local = filled();
            }
        }
    }
}

/// What a file or this node's primary says is refused by nobody.
#[test]
fn nothing_that_is_replayed_brings_the_process_down() {
    seeds(1).for_each(replay_all);
}

fn replay_all(seed: u64) {
    println!("seed {seed}");
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut rng = Rng::from_seed(seed);
    let local = filled();
    let link = || {
        let id = local.server.clients.next_id();
        let client = Arc::new(ClientShared::new(id, Origin::here(), Millis(1)));
        Session::of_primary(Client::new(client, true))
    };
    local.server.log.set_logging(Logging::On);
    let mut worker = Worker::new(1, Arc::clone(&local.server), Rng::from_seed(9));
    let mut session = link();
    let mut replay = Replay::new(2, Arc::clone(&local.server));
    for command in Table::get().all() {
        for _ in 0..ROUNDS / 4 {
            let request = request(&mut rng, command, &words);
            // Shown if this fails.
            println!("{request:?}");
            let request = encode_command(&request);
            if replay.run(&request).is_err() {
                replay.restart();
            }
            session.feed(&request);
            if session.run(&mut worker) != Progress::NeedsInput {
                session = link();
            }
        }
    }
}
