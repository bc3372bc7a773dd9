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
