//! What comes while a connection waits, and what is done with its replies then.

use crate::base::Millis;
use crate::config::Settings;
use crate::engine::testing::{Local, show};
use crate::replication::Logging;
use crate::resp::Value;
use crate::state::{Mail, Request};

fn shown(replies: &[Value]) -> Vec<String> {
    replies.iter().map(show).collect()
}

/// A server where writes are answered when a replica has them.
fn careful() -> Local {
    let local = Local::with_settings(Settings { min_replicas_to_ack: 1, ..Settings::default() });
    local.server.log.set_logging(Logging::On);
    local
}

fn acknowledge(local: &Local) {
    local.server.durability.acknowledged(1, local.server.log.end(), 0);
}

/// Answers what the connection asked of the control plane.
fn answer(local: &mut Local) -> Vec<String> {
    let ask = local.asks.try_recv().expect("posted");
    assert!(matches!(ask.request, Request::ConfigSet { .. }));
    let ticket = ask.from.expect("somebody waits").ticket;
    shown(&local.deliver(Mail::Answer { ticket, answer: Ok(Value::ok()) }))
}

#[test]
fn skip_and_off_hold_for_replies_that_come_later() {
    let mut local = Local::default();
    let mut other = local.another(1);
    assert!(local.feed(b"CLIENT REPLY SKIP\r\nBLPOP l 0\r\n").is_empty());
    other.check("RPUSH l a => :1");
    assert!(local.collect().is_empty());
    local.check("PING => +PONG");
    assert!(local.feed(b"CLIENT REPLY SKIP\r\nCONFIG SET timeout 7\r\n").is_empty());
    assert!(answer(&mut local).is_empty());
    assert!(local.feed(b"CLIENT REPLY OFF\r\nBLPOP l 0\r\n").is_empty());
    other.check("RPUSH l a => :1");
    assert!(local.collect().is_empty());
    assert_eq!(shown(&local.feed(b"CLIENT REPLY ON\r\nPING\r\n")), ["+OK", "+PONG"]);
}

#[test]
fn a_transaction_with_missing_answers_may_be_unwanted() {
    let mut local = Local::default();
    let transaction = b"MULTI\r\nCONFIG SET timeout 7\r\nPING\r\nEXEC\r\n";
    assert!(local.feed(&[&b"CLIENT REPLY OFF\r\n"[..], transaction].concat()).is_empty());
    assert!(answer(&mut local).is_empty());
    local.check("CLIENT REPLY ON => +OK\nPING => +PONG");
}

#[test]
fn a_message_does_not_come_in_the_middle_of_a_reply() {
    let mut local = Local::default();
    let mut other = local.another(1);
    local.feed(b"HELLO 3\r\nSUBSCRIBE c\r\n");
    local.feed(b"MULTI\r\nCONFIG SET timeout 7\r\nPUBLISH c mine\r\n");
    local.feed(b"EXEC\r\nPING\r\n");
    other.check("PUBLISH c other => :1");
    assert!(local.collect().is_empty());
    let replies = answer(&mut local);
    let replies = &replies[replies.len() - 4..];
    let messages = ["[\"message\" \"c\" \"mine\"]", "[\"message\" \"c\" \"other\"]"];
    assert_eq!(replies, ["[+OK :1]", messages[0], messages[1], "+PONG"]);
}

#[test]
fn no_message_follows_the_end_of_its_subscription() {
    let mut local = Local::default();
    let mut other = local.another(1);
    for end in ["UNSUBSCRIBE\r\n", "RESET\r\n"] {
        local.feed(b"SUBSCRIBE c\r\n");
        other.check("PUBLISH c m => :1");
        // The message waits in the box when the request runs.
        let replies = shown(&local.feed(format!("{end}ECHO end\r\n").as_bytes()));
        assert_eq!(replies[0], "[\"message\" \"c\" \"m\"]");
        assert_eq!(replies.len(), 3, "{replies:?}");
        assert!(local.collect().is_empty());
    }
}

#[test]
fn subscribers_hear_of_channels_whatever_replies_they_want() {
    let mut local = Local::default();
    let mut other = local.another(1);
    let replies = local.feed(b"HELLO 3\r\nCLIENT REPLY OFF\r\nSUBSCRIBE c\r\nPUBLISH c m\r\n");
    assert_eq!(shown(&replies[1..]), ["[\"subscribe\" \"c\" :1]"]);
    assert_eq!(shown(&local.collect()), ["[\"message\" \"c\" \"m\"]"]);
    other.check("PUBLISH c m => :1");
    assert_eq!(shown(&local.collect()), ["[\"message\" \"c\" \"m\"]"]);
    assert_eq!(shown(&local.feed(b"UNSUBSCRIBE c\r\nPING\r\n")), ["[\"unsubscribe\" \"c\" :0]"]);
}

#[test]
fn who_leaves_is_answered_when_its_writes_are_safe() {
    let mut local = careful();
    local.feed(b"SET k v\r\n");
    acknowledge(&local);
    assert_eq!(shown(&local.collect()), ["+OK"]);
    let id = local.client().shared.id;
    let mut other = local.another(1);
    // Nobody else can end the wait, nor make it forget that it is over.
    local.feed(b"SET k w\r\nQUIT\r\n");
    assert!(local.is_held());
    other.check(&format!("CLIENT UNBLOCK {id} => :0"));
    acknowledge(&local);
    for ticket in 0..10 {
        local.client().shared.post(Mail::Unblock { ticket, with_error: false });
    }
    assert_eq!(shown(&local.collect()), ["+OK", "+OK"]);
    assert!(local.is_closing());
}

#[test]
fn a_leaving_writer_is_answered_even_in_one_group() {
    let mut local = careful();
    local.feed(b"MULTI\r\nSET k v\r\nCLIENT KILL ID 1 SKIPME no\r\nEXEC\r\n");
    assert!(local.is_held());
    acknowledge(&local);
    assert_eq!(shown(&local.collect()), ["+OK", "+QUEUED", "+QUEUED", "[+OK :1]"]);
    assert!(local.is_closing());
}

#[test]
fn unwanted_replies_of_writes_stay_away_when_they_are_not_acknowledged() {
    let settings = Settings {
        min_replicas_to_ack: 1,
        min_replicas_ack_timeout: crate::base::Millis(1),
        ..Settings::default()
    };
    let mut local = Local::with_settings(settings);
    local.server.log.set_logging(Logging::On);
    local.feed(b"CLIENT REPLY OFF\r\nSET k v\r\n");
    assert!(local.is_held());
    local.pass(crate::base::Millis(1));
    assert!(local.collect().is_empty());
    assert_eq!(shown(&local.feed(b"CLIENT REPLY ON\r\n")), ["+OK"]);
}

#[test]
fn who_is_served_is_answered_when_that_is_safe() {
    let mut local = careful();
    let mut other = local.another(1);
    local.feed(b"BLPOP l 0\r\n");
    other.feed(b"RPUSH l a\r\n");
    assert!(local.collect().is_empty() && local.is_held());
    acknowledge(&local);
    assert_eq!(shown(&local.collect()), ["[\"l\" \"a\"]"]);
    assert_eq!(shown(&other.collect()), [":1"]);
}

#[test]
fn a_transaction_with_missing_answers_is_answered_when_it_is_safe() {
    let mut local = careful();
    local.feed(b"MULTI\r\nSET k v\r\nCONFIG SET timeout 7\r\nEXEC\r\n");
    assert!(answer(&mut local).is_empty() && local.is_held());
    acknowledge(&local);
    let replies = shown(&local.collect());
    assert_eq!(replies.last().map(String::as_str), Some("[+OK +OK]"));
}

#[test]
fn what_was_queued_is_no_longer_counted_once_it_ran() {
    let mut local = Local::default();
    for end in ["EXEC\r\n", "DISCARD\r\n", "RESET\r\n"] {
        let before = local.client().shared.memory();
        local.feed(b"MULTI\r\nSET k v\r\n");
        assert!(local.client().shared.memory() > before);
        local.feed(end.as_bytes());
        assert_eq!(local.client().shared.memory(), before, "{end}");
    }
}

#[test]
fn monitoring_ends_for_one_and_goes_on_for_the_other() {
    let mut local = Local::default();
    let mut other = local.another(1);
    let mut third = local.another(2);
    local.check("MONITOR => +OK");
    other.check("MONITOR => +OK");
    local.check("RESET => +RESET");
    other.collect();
    third.check("PING => +PONG");
    assert_eq!(other.collect().len(), 1);
    other.check("RESET => +RESET");
    assert_eq!(local.server.monitors.count(), 0);
    local.check("PING => +PONG");
}

#[test]
fn what_was_not_run_is_not_counted_as_a_call() {
    let mut local = Local::default();
    local.server.conditions.set(crate::state::conditions::Condition::OUT_OF_MEMORY, true);
    local.feed(b"SET k v\r\n");
    local.server.conditions.set(crate::state::conditions::Condition::OUT_OF_MEMORY, false);
    local.feed(b"SET k v\r\nMULTI\r\nSET k v\r\nEXEC\r\n");
    let info = show(&local.run(&["INFO", "commandstats"]));
    let line = info.split("\\r\\n").find(|line| line.starts_with("cmdstat_set:")).expect("SET");
    assert!(line.contains("calls=2,") && line.contains("rejected_calls=1,"), "{line}");
}

#[test]
fn who_has_just_been_served_can_no_longer_be_unblocked() {
    let mut local = Local::default();
    let mut other = local.another(1);
    let id = local.client().shared.id;
    local.feed(b"BLPOP l 0\r\n");
    // It has not read its mail yet.
    other.check(&format!("RPUSH l a => :1\nCLIENT UNBLOCK {id} => :0"));
    assert_eq!(shown(&local.collect()), ["[\"l\" \"a\"]"]);
}

#[test]
fn who_was_unblocked_is_not_served_any_more() {
    let mut local = Local::default();
    let mut other = local.another(1);
    let id = local.client().shared.id;
    for command in ["BLPOP l 0", "WAIT 3 0"] {
        local.feed(format!("{command}\r\n").as_bytes());
        other.check(&format!(
            "CLIENT UNBLOCK {id} ERROR => :1
            CLIENT UNBLOCK {id} => :0
            RPUSH l a => :1
            DEL l => :1"
        ));
        let error = "-UNBLOCKED client unblocked via CLIENT UNBLOCK";
        assert_eq!(shown(&local.collect()), [error], "{command}");
    }
    local.feed(b"BLPOP l 0\r\n");
    other.check("RPUSH l a => :1");
    assert_eq!(shown(&local.collect()), ["[\"l\" \"a\"]"], "it may wait again");
}

#[test]
fn what_a_transaction_ran_is_in_the_slow_log_each_by_itself() {
    let settings = Settings { slowlog_log_slower_than: 0, ..Settings::default() };
    let mut local = Local::with_settings(settings);
    local.feed(b"MULTI\r\nSET k v\r\nLPUSH k a\r\nAUTH x secret\r\nEXEC\r\n");
    let log = show(&local.run(&["SLOWLOG", "GET", "-1"]));
    let at = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text} is not in {log}"));
    let newest_first = ["(redacted)", "\"LPUSH\" \"k\" \"a\"", "\"SET\" \"k\" \"v\"", "MULTI"];
    assert!(newest_first.map(at).is_sorted(), "{log}");
    assert!(!log.contains("EXEC") && !log.contains("secret"), "{log}");
    let info = show(&local.run(&["INFO", "commandstats"]));
    assert!(info.contains("cmdstat_lpush:calls=1,"), "{info}");
    let latency = show(&local.run(&["LATENCY", "HISTOGRAM", "set"]));
    assert!(latency.contains("\"calls\" :1"), "{latency}");
}

#[test]
fn a_command_that_waits_is_slow_when_it_is_served_and_not_before() {
    let settings = Settings { slowlog_log_slower_than: 0, ..Settings::default() };
    let mut local = Local::with_settings(settings);
    let mut other = local.another(1);
    local.feed(b"BLPOP l 0\r\n");
    let log = show(&other.run(&["SLOWLOG", "GET", "-1"]));
    assert_eq!(log, "[]");
    other.check("RPUSH l a => :1\nSLOWLOG LEN => :3");
    let log = show(&other.run(&["SLOWLOG", "GET", "-1"]));
    assert_eq!(log.matches("\"BLPOP\" \"l\" \"0\"").count(), 1, "{log}");
    let info = show(&other.run(&["INFO", "commandstats"]));
    assert!(info.contains("cmdstat_blpop:calls=1,"), "{info}");
}

/// `+` is the last entry there is; who finds none waits for the next.
#[test]
fn a_reader_of_the_last_entry_waits_for_one() {
    let mut local = Local::default();
    let mut other = local.another(1);
    other.check("XADD x 1-1 a 1 => \"1-1\"\nXDEL x 1-1 => :1");
    assert!(local.feed(b"XREAD BLOCK 0 STREAMS none x $ +\r\n").is_empty());
    other.check("MULTI => +OK\nXADD x 2-1 a 2 => +QUEUED\nXADD x 2-2 a 3 => +QUEUED");
    other.run(&["EXEC"]);
    let latest = "[[\"x\" [[\"2-2\" [\"a\" \"3\"]]]]]";
    assert_eq!(shown(&local.collect()), [latest]);
    local.check(&format!("XREAD BLOCK 0 STREAMS x + => {latest}"));
}

/// A client that sends one write after the other gets each reply when that write is safe.
#[test]
fn what_was_let_go_is_not_kept_back_for_the_next_write() {
    let mut local = careful();
    assert!(local.feed(b"SET a 1\r\n").is_empty());
    for _ in 0..3 {
        assert!(local.feed(b"SET a 2\r\nGET a\r\n").is_empty());
        acknowledge(&local);
        assert_eq!(shown(&local.collect())[0], "+OK");
        assert!(local.is_held(), "the next one is not safe");
    }
    acknowledge(&local);
    assert_eq!(shown(&local.collect()), ["+OK", "\"2\""]);
    assert!(!local.is_held());
}

/// Who looks for somebody that waits may find that the key's time is over: it is gone for all.
#[test]
fn a_key_that_has_expired_when_a_waiter_looks_at_it_is_gone_in_the_log_too() {
    let mut local = Local::default();
    local.server.log.set_logging(Logging::On);
    let mut waiting = local.another(1);
    assert!(waiting.feed(b"SELECT 1\r\nBLPOP k 0\r\n").len() == 1);
    local.check("RPUSH k a => :1\nPEXPIRE k 10 => :1");
    local.pass(Millis(20));
    local.check("SWAPDB 0 1 => +OK");
    assert!(waiting.collect().is_empty());
    let logged = local.server.log.read(0, usize::MAX).expect("all is kept").concat();
    let logged = String::from_utf8_lossy(&logged).into_owned();
    assert!(logged.ends_with("$3\r\nDEL\r\n$1\r\nk\r\n"), "{logged}");
    local.check("SELECT 1 => +OK\nDBSIZE => :0");
}

/// Without a replica nobody has the write: it is not answered as if one had.
#[test]
fn a_write_waits_for_the_first_replica() {
    let mut local =
        Local::with_settings(Settings { min_replicas_to_ack: 1, ..Settings::default() });
    local.server.log_if_wanted();
    assert!(local.feed(b"SET k v\r\n").is_empty());
    assert!(local.is_held());
    acknowledge(&local);
    assert_eq!(shown(&local.collect()), ["+OK"]);
}

const NOT_ACKNOWLEDGED: &str =
    "-NOACK The write was applied here, but not acknowledged by enough replicas in time";

#[test]
fn who_waits_for_safety_is_told_that_the_node_has_become_a_replica() {
    let demoted = "-UNBLOCKED force unblock from blocking operation, instance state changed \
        (master -> replica?)";
    for (wait, told) in
        [("SET k v", NOT_ACKNOWLEDGED), ("WAIT 1 0", demoted), ("WAITAOF 0 1 0", demoted)]
    {
        let mut local = careful();
        local.feed(b"SET a b\r\n");
        acknowledge(&local);
        assert_eq!(shown(&local.collect()), ["+OK"]);
        local.server.durability.forget_replica(1);
        assert!(local.feed(format!("{wait}\r\n").as_bytes()).is_empty());
        assert_eq!(shown(&local.deliver(Mail::Demoted)), [told], "{wait}");
        assert_eq!(local.is_closing(), told == demoted, "{wait}");
        assert_eq!(local.server.durability.waiting(), 0);
    }
}

#[test]
fn what_the_settings_ask_for_no_longer_is_waited_for_no_longer() {
    let always = crate::config::table::Fsync::Always;
    let settings = Settings {
        min_replicas_to_ack: 2,
        appendonly: true,
        appendfsync: always,
        ..Settings::default()
    };
    let mut local = Local::with_settings(settings.clone());
    local.server.log_if_wanted();
    local.server.aof.set_phase(crate::state::aof::Phase::On);
    assert!(local.feed(b"SET k v\r\n").is_empty());
    let mut change = |settings: Settings| {
        local.server.put_in_force(std::sync::Arc::new(settings));
        local.server.durability.recheck();
        shown(&local.collect())
    };
    assert!(change(settings.clone()).is_empty());
    assert!(change(Settings { min_replicas_to_ack: 0, ..settings.clone() }).is_empty());
    assert_eq!(change(Settings { appendonly: false, min_replicas_to_ack: 0, ..settings }), ["+OK"]);
    assert_eq!(local.server.durability.waiting(), 0);
}

#[test]
fn the_file_is_no_longer_waited_for_when_there_is_none() {
    let on = Settings { appendonly: true, ..Settings::default() };
    let mut local = Local::with_settings(on);
    local.server.log_if_wanted();
    local.check("WAITAOF 0 0 0 => [:0 :0]");
    assert!(local.feed(b"WAITAOF 1 0 0\r\n").is_empty(), "not even the beginning is there");
    local.server.durability.recheck();
    assert!(local.collect().is_empty());
    local.server.put_in_force(std::sync::Arc::default());
    local.server.durability.recheck();
    let refusal = "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    assert_eq!(shown(&local.collect()), [refusal]);
    local.check("WAITAOF 0 x 0 => -ERR value is out of range, must be positive");
}
