use crate::config::Settings;
use crate::config::table::EnableFor;
use crate::engine::testing::{Local, show};

fn local() -> Local {
    Local::with_settings(Settings {
        enable_debug_command: EnableFor::Everybody,
        ..Settings::default()
    })
}

#[test]
fn replies_of_each_type_are_those_of_redis() {
    let mut local = local();
    local.check(
        "
        DEBUG PROTOCOL map => [:0 :0 :1 :1 :2 :0]
        DEBUG PROTOCOL null => nil
        DEBUG PROTOCOL push => -ERR RESP2 is not supported by this command
        DEBUG PROTOCOL nothing => -ERR Wrong protocol type name. Please use one of the following: \
        string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false
        ",
    );
    local.run(&["HELLO", "3"]);
    local.check("DEBUG PROTOCOL double => Double(3.141)");
}

#[test]
fn keys_are_made_for_tests_and_those_that_are_there_stay() {
    let mut local = local();
    local.check(
        "
        SET p:1 mine => +OK
        DEBUG POPULATE 3 p 8 => +OK
        DBSIZE => :3
        MGET p:1 p:3 => [\"mine\" nil]
        STRLEN p:2 => :8
        DEBUG POPULATE 2 => +OK
        GET key:1 => \"value:1\"
        DEBUG POPULATE -1 => -ERR value is out of range, must be positive
        ",
    );
}

#[test]
fn a_list_is_described_with_its_nodes() {
    let mut local = local();
    local.check("RPUSH l a b c => :3");
    let shown = show(&local.run(&["DEBUG", "OBJECT", "l"]));
    assert!(shown.contains(" encoding:quicklist serializedlength:19 lru:"), "{shown}");
    let nodes = " ql_nodes:1 ql_avg_node:3.00 ql_listpack_max:-2 ql_compressed:0";
    assert!(shown.ends_with(&format!("{nodes} ql_uncompressed_size:16")), "{shown}");
}

#[test]
fn checksums_of_payloads_may_be_left_unchecked() {
    let mut local = local();
    let payload: &[u8] = b"\x00\x01v\x0a\x00........";
    let restore: [&[u8]; 4] = [b"RESTORE", b"k", b"0", payload];
    let refused = "-ERR DUMP payload version or checksum are wrong";
    assert_eq!(show(&local.run(&restore)), refused);
    local.check("DEBUG SET-SKIP-CHECKSUM-VALIDATION 1 => +OK");
    assert_eq!(show(&local.run(&restore)), "+OK");
    local.check("GET k => \"v\"\nDEBUG SET-SKIP-CHECKSUM-VALIDATION 0 => +OK\nDEL k => :1");
    assert_eq!(show(&local.run(&restore)), refused);
}

#[test]
fn structures_are_told_of() {
    local().check(
        "
        SET s hello => +OK
        SET i 12 => +OK
        SET t 1 EX 100 => +OK
        RPUSH l a b => :2
        HSET h a 1 => :1
        SADD m x y => :2
        ZADD z 1 a => :1
        DEBUG HTSTATS 0 => \"[Dictionary HT]\\nHash table 0 stats (main hash table):\\n number of \
            elements: 7\\n[Expires HT]\\nHash table 0 stats (main hash table):\\n number of \
            elements: 1\\n\"
        DEBUG HTSTATS 99 => -ERR Out of range database
        DEBUG HTSTATS x => -ERR value is not an integer or out of range
        DEBUG HTSTATS-KEY m => \"Hash table 0 stats (main hash table):\\n number of elements: 2\\n\"
        DEBUG HTSTATS-KEY none => -ERR no such key
        DEBUG HTSTATS-KEY h => -ERR The value stored at the specified key is not represented using \
            an hash table
        DEBUG LISTPACK l => -ERR Not a listpack encoded object.
        DEBUG LISTPACK m => -ERR Not a listpack encoded object.
        DEBUG LISTPACK none => -ERR no such key
        DEBUG QUICKLIST s => -ERR Not a quicklist encoded object.
        DEBUG QUICKLIST l 1 => +Quicklist of nodes with 13 bytes
        DEBUG SDSLEN i => -ERR Not an sds encoded string.
        DEBUG SDSLEN h => -ERR Not an sds encoded string.
        DEBUG SDSLEN none => -ERR no such key
        DEBUG PAUSE-CRON 1 => +OK
        ",
    );
    let mut local = local();
    local.check("SET s hello => +OK\nHSET h a 1 => :1");
    let shown = show(&local.run(&["DEBUG", "SDSLEN", "s"]));
    assert!(shown.contains("key_sds_len:1, ") && shown.contains(" val_sds_len:5, "), "{shown}");
    let shown = show(&local.run(&["DEBUG", "LISTPACK", "h"]));
    assert!(shown.starts_with("+Listpack of 1 elements, "), "{shown}");
}
