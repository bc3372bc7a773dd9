//! CLIENT in-process, as Redis 7.4 has it.

use crate::engine::testing::{Local, show};

#[test]
fn connections_are_killed_by_age() {
    let mut local = Local::default();
    local.check(
        "
        CLIENT KILL MAXAGE 0 => -ERR maxage should be greater than 0
        CLIENT KILL MAXAGE -1 => -ERR maxage should be greater than 0
        CLIENT KILL MAXAGE x => -ERR maxage is not an integer or out of range
        CLIENT KILL MAXAGE 1 SKIPME => -ERR syntax error
        CLIENT KILL MAXAGE 9223372036854775807 SKIPME no => :0
        CLIENT KILL MAXAGE 1 => :0
        CLIENT KILL MAXAGE 1 SKIPME no => :1
        ",
    );
    assert!(local.is_closing());
}

#[test]
fn the_name_of_a_library_is_one_word() {
    let mut local = Local::default();
    local.check(
        "
        CLIENT SETINFO LIB-NAME redis-py => +OK
        CLIENT SETINFO FOO 1 => -ERR Unrecognized option 'FOO'
        ",
    );
    let refused = "-ERR LIB-VER cannot contain spaces, newlines or special characters.";
    assert_eq!(show(&local.run(&["CLIENT", "SETINFO", "lib-ver", "1 2"])), refused);
}
