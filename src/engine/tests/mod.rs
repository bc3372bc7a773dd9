//! Sessions in-process: order, refusals, waiting, dropped replies.

mod fuzz;
mod waits;

use super::testing::{Local, show};
use crate::base::Millis;
use crate::config::Settings;
use crate::replication::Logging;
use crate::resp::Value;
use crate::state::conditions::Condition;
use crate::state::replication::Link;
use crate::state::{Mail, Request};

fn simple(text: &'static str) -> Value {
    Value::Simple(text.into())
}

fn error(text: &str) -> Value {
    Value::Error(text.to_owned().into())
}

#[test]
fn a_pipeline_is_answered_in_order_whatever_is_grouped() {
    let mut local = Local::default();
    let replies = local.feed(
        b"SET a 1\r\nINCR a\r\nNOSUCH x\r\nGET\r\nDBSIZE\r\nGET a\r\nECHO end\r\n\
          CONFIG GET port\r\nINCR a\r\n",
    );
    assert_eq!(replies[0], Value::ok());
    assert_eq!(replies[1], Value::Int(2));
    assert_eq!(replies[2], error("ERR unknown command 'NOSUCH', with args beginning with: 'x' "));
    assert_eq!(replies[3], error("ERR wrong number of arguments for 'get' command"));
    assert_eq!(replies[4], Value::Int(1));
    assert_eq!(replies[5], Value::bulk(b"2"));
    assert_eq!(replies[6], Value::bulk(b"end"));
    assert_eq!(replies[8], Value::Int(3));
    assert_eq!(replies.len(), 9);
}

#[test]
fn what_was_sent_before_a_protocol_error_still_runs_and_nothing_after_it_does() {
    let mut local = Local::default();
    let replies = local.feed(b"SET a 1\r\n*1\r\n!boo\r\nSET a 2\r\n");
    assert_eq!(replies, [Value::ok(), error("ERR Protocol error: expected '$', got '!'")]);
    assert!(local.is_closing());
}

#[test]
fn a_request_for_the_control_plane_holds_back_what_follows_it() {
    let mut local = Local::default();
    assert_eq!(local.feed(b"SET a 1\r\nCONFIG SET timeout 7\r\nGET a\r\n"), [Value::ok()]);
    let ask = local.asks.try_recv().expect("posted");
    assert!(matches!(ask.request, Request::ConfigSet { .. }));
    let ticket = ask.from.expect("somebody waits").ticket;
    let late = Mail::Answer { ticket: ticket + 1, answer: Ok(Value::Int(0)) };
    assert_eq!(local.deliver(late), []);
    let answer = Mail::Answer { ticket, answer: Ok(Value::ok()) };
    assert_eq!(local.deliver(answer), [Value::ok(), Value::bulk(b"1")]);
}

#[test]
fn a_pause_of_writes_holds_back_writes_until_it_ends() {
    let mut local = Local::default();
    local.server.conditions.set(Condition::PAUSE_WRITES, true);
    assert_eq!(local.feed(b"GET a\r\nSET a 1\r\nGET a\r\n"), [Value::Null]);
    local.server.conditions.set(Condition::PAUSE_WRITES, false);
    assert_eq!(local.deliver(Mail::Wake), [Value::ok(), Value::bulk(b"1")]);
}

/// A handover compares offsets, and a snapshot at the end is to be the end of the history.
#[test]
fn nothing_expires_or_is_evicted_while_writes_wait() {
    for condition in [Condition::PAUSE_WRITES, Condition::HANDOVER, Condition::SHUTTING_DOWN] {
        let mut local = Local::default();
        local.server.log.set_logging(Logging::On);
        local.check("SET k v PX 10 => +OK");
        local.pass(Millis(20));
        let end = local.server.log.end();
        local.server.conditions.set(condition, true);
        local.check("GET k => nil");
        local.check("DBSIZE => :1");
        assert_eq!(local.server.log.end(), end, "{condition:?}");
        local.server.conditions.set(condition, false);
        local.check("GET k => nil");
        local.check("DBSIZE => :0");
        assert!(local.server.log.end() > end);
    }
}

#[test]
fn nothing_that_expires_is_removed_while_writes_wait() {
    for waits in [Condition::HANDOVER, Condition::SHUTTING_DOWN] {
        let mut local = Local::default();
        local.check("SET a 1 PX 10 => +OK\nSET b 1 => +OK");
        local.pass(Millis(20));
        local.server.conditions.set(waits, true);
        local.check("GET a => nil\nDBSIZE => :2");
        assert_eq!(local.feed(b"SET b 2\r\n"), []);
        local.server.conditions.set(waits, false);
        assert_eq!(local.deliver(Mail::Wake), [Value::ok()]);
        local.check("GET a => nil\nDBSIZE => :1");
    }
}

#[test]
fn replies_are_dropped_when_the_client_asked_for_it() {
    let mut local = Local::default();
    let skipped = local.feed(b"CLIENT REPLY SKIP\r\nPING\r\nECHO a\r\n");
    assert_eq!(skipped, [Value::bulk(b"a")]);
    let off = local.feed(b"CLIENT REPLY OFF\r\nPING\r\nNOSUCH\r\nCLIENT REPLY ON\r\nPING\r\n");
    assert_eq!(off, [Value::ok(), simple("PONG")]);
}

#[test]
fn a_browser_is_not_answered() {
    let mut local = Local::default();
    let replies = local.feed(b"SET a 1\r\nPOST / HTTP/1.1\r\nHost: x\r\n\r\nSET a 2\r\n");
    assert_eq!(replies, [Value::ok()]);
    assert!(local.is_closing());
}

#[test]
fn without_the_password_nothing_but_greeting_is_served() {
    let mut local = Local::default();
    local.require_password(b"secret");
    let replies = local.feed(b"GET a\r\nAUTH wrong\r\nAUTH secret\r\nGET a\r\n");
    assert_eq!(
        replies,
        [
            error("NOAUTH Authentication required."),
            error("WRONGPASS invalid username-password pair or user is disabled."),
            Value::ok(),
            Value::Null,
        ]
    );
}

#[test]
fn memory_that_is_used_up_refuses_what_needs_more() {
    let mut local = Local::default();
    assert_eq!(local.run(&["SET", "a", "1"]), Value::ok());
    local.server.conditions.set(Condition::OUT_OF_MEMORY, true);
    let refusal = "OOM command not allowed when used memory > 'maxmemory'.";
    assert_eq!(local.run(&["SET", "a", "2"]), error(refusal));
    assert_eq!(local.run(&["GET", "a"]), Value::bulk(b"1"));
    assert_eq!(local.run(&["DEL", "a"]), Value::Int(1));
}

/// A walk over all keys may lock any slot, also inside a transaction that holds some.
#[test]
fn a_transaction_may_walk_over_all_keys() {
    Local::default().check(
        "
        SET k v => +OK
        MULTI => +OK
        SCAN 0 => +QUEUED
        KEYS * => +QUEUED
        RANDOMKEY => +QUEUED
        GET k => +QUEUED
        EXEC => [[\"0\" [\"k\"]] [\"k\"] \"k\" \"v\"]
        ",
    );
}

/// WAIT answers how many replicas have the connection's writes, when there are enough or time is
/// up.
#[test]
fn wait_tells_how_many_replicas_acknowledged() {
    let mut local = Local::default();
    local.server.log.set_logging(Logging::On);
    local.check("WAIT 0 0 => :0\nSET k v => +OK");
    let end = local.server.log.end();
    assert!(end > 0);
    assert_eq!(local.feed(b"WAIT 1 0\r\n"), []);
    local.server.durability.acknowledged(7, end, 0);
    let replies = local.collect();
    assert_eq!(replies.iter().map(show).collect::<Vec<_>>(), [":1"]);
    local.check("WAITAOF 0 0 1 => [:0 :0]");
}

/// With `min-replicas-to-ack` a write's reply is kept back until a replica has it, and nothing of
/// the connection runs meanwhile.
#[test]
fn a_write_is_answered_when_replicas_have_it() {
    let settings = Settings { min_replicas_to_ack: 1, ..Settings::default() };
    let mut local = Local::with_settings(settings);
    local.server.log.set_logging(Logging::On);
    local.check("GET k => nil");
    local.feed(b"SET k v\r\nGET k\r\n");
    assert!(local.is_held());
    local.server.durability.acknowledged(1, local.server.log.end(), 0);
    let replies: Vec<String> = local.collect().iter().map(show).collect();
    assert_eq!(replies, ["+OK", "\"v\""]);
    assert!(!local.is_held());
}

/// What was not acknowledged in time is an error; reads in between are answered.
#[test]
fn a_write_that_is_not_acknowledged_in_time_is_an_error() {
    let settings = Settings {
        min_replicas_to_ack: 1,
        min_replicas_ack_timeout: Millis(1),
        ..Settings::default()
    };
    let mut local = Local::with_settings(settings);
    local.server.log.set_logging(Logging::On);
    let mut replies = local.feed(b"GET k\r\nSET k v\r\nGET k\r\n");
    local.pass(Millis(1));
    replies.extend(local.collect());
    let shown: Vec<String> = replies.iter().map(show).collect();
    let refused = "-NOACK The write was applied here, but not acknowledged by enough replicas in \
                   time";
    assert_eq!(shown, ["nil", refused, "\"v\""]);
}

/// What is known of a copy is told from the moment it is asked for.
#[test]
fn a_copy_that_has_not_come_yet_is_of_unknown_length() {
    let mut local = Local::default();
    local.server.follow_primary("nowhere".to_owned(), 1, Millis(0));
    local.server.replication.lock().set_link(Link::Sync, Millis(0));
    let info = show(&local.run(&["INFO", "replication"]));
    for line in ["total_bytes:-1", "read_bytes:0", "left_bytes:-1", "perc:-0.00"] {
        assert!(info.contains(&format!("master_sync_{line}\\r\\n")), "{info}");
    }
}
