//! Users in a server: what they are refused, and what is written down of it.

use crate::config::Settings;
use crate::engine::testing::Local;
use crate::resp::Value;
use crate::state::Request;
use crate::state::control::AclRequest;

/// A connection that is served by the control plane as far as users are concerned.
fn with_user(rules: &str) -> Local {
    let mut local = Local::default();
    set_user(&local, rules);
    local.check("AUTH u p => +OK");
    local
}

/// Does what ACL SETUSER u has the control plane do.
fn set_user(local: &Local, rules: &str) {
    let new = local.server.acl.new_users(&Settings::default());
    let rules: Vec<&str> = rules.split_whitespace().collect();
    let users = local.server.acl.users().with_rules(b"u", &rules, new).expect("rules");
    local.server.put_users(users);
}

#[test]
fn a_user_is_refused_commands_keys_and_channels() {
    with_user("on nopass ~k* %R~r* %W~w* &c* +@all -hset -select +select|1 -config").check(
        "
        ACL WHOAMI => \"u\"
        GET k => nil
        GET w => -NOPERM this user has no permissions to access one of the keys used as arguments
        SET w 1 => +OK
        SET w 1 GET => -NOPERM this user has no permissions to access one of the keys used as arguments
        SET r 1 => -NOPERM this user has no permissions to access one of the keys used as arguments
        BITFIELD r GET u8 0 => [:0]
        BITFIELD r SET u8 0 1 => -NOPERM this user has no permissions to access one of the keys used as arguments
        HSET k a b => -NOPERM this user has no permissions to run the 'hset' command
        CONFIG GET port => -NOPERM this user has no permissions to run the 'config|get' command
        SELECT 0 => -NOPERM this user has no permissions to run the 'select' command
        SELECT 1 => +OK
        PUBLISH c1 x => :0
        PUBLISH d x => -NOPERM this user has no permissions to access one of the channels used as arguments
        PSUBSCRIBE c => -NOPERM this user has no permissions to access one of the channels used as arguments
        UNSUBSCRIBE d => [\"unsubscribe\" \"d\" :0]
        SORT k BY w* => -ERR BY option of SORT denied due to insufficient ACL permissions.
        SORT k BY nosort => []
        SORT k GET # => -ERR GET option of SORT denied due to insufficient ACL permissions.
        GET => -ERR wrong number of arguments for 'get' command
        RESET => +RESET
        ACL WHOAMI => \"default\"
        CONFIG GET nosuch => []
        ",
    );
}

#[test]
fn a_transaction_is_checked_when_it_is_queued_and_when_it_runs() {
    let mut local = with_user("on nopass ~* &* +@all");
    local.check(
        "
        MULTI => +OK
        GET k => +QUEUED
        SET k 1 => +QUEUED
        PUBLISH c 1 => +QUEUED
        ",
    );
    set_user(&local, "-get resetchannels");
    let exec = local.run(&["EXEC"]);
    let Value::Array(replies) = exec else { panic!("{exec:?}") };
    let begins = |reply: &Value, text: &[u8]| {
        matches!(reply, Value::Error(error) if error.starts_with(b"NOPERM ACLs rules changed")
            && error.ends_with(text))
    };
    assert!(begins(&replies[0], b"no permission to execute the command or subcommand"));
    assert_eq!(replies[1], Value::ok());
    assert!(begins(&replies[2], b"access one of the channels used as arguments"));
    local.check(
        "
        MULTI => +OK
        GET k => -NOPERM this user has no permissions to run the 'get' command
        EXEC => -EXECABORT Transaction discarded because of previous errors.
        MULTI => +OK
        ",
    );
    set_user(&local, "-exec");
    local.check(
        "EXEC => -EXECABORT Transaction discarded because of: NOPERM this user has no permissions \
         to run the 'exec' command",
    );
    let log = local.server.acl.log.newest(9);
    let show = |object: &[u8]| String::from_utf8_lossy(object).into_owned();
    let log: Vec<_> = log.iter().map(|e| (show(&e.object), e.context, e.count)).collect();
    let expected = [("exec", 1), ("get", 2), ("c", 1)];
    assert_eq!(log, expected.map(|(object, count)| (object.to_owned(), "multi", count)));
}

/// Permission is asked for before anybody counts ids, or reads options.
#[test]
fn streams_without_ids_need_permission() {
    let refused =
        "-NOPERM this user has no permissions to access one of the keys used as arguments";
    let mut local = with_user("on nopass ~k* +@all");
    for request in [
        "XREAD STREAMS s 0 1",
        "XREAD STREAMS k1 s 0 1 2",
        "XREAD STREAMS s k1 0",
        "XREADGROUP GROUP g c STREAMS s > >",
        "XREAD FOO x STREAMS s 0",
        "XREAD COUNT x STREAMS s 0 1",
    ] {
        local.check(&format!("{request} => {refused}"));
    }
    local.check(
        "
        XREAD STREAMS k1 0 1 => -ERR Unbalanced XREAD list of streams: for each stream key an ID \
            or '$' must be specified.
        XREAD FOO x STREAMS k1 0 => -ERR syntax error
        XREAD FOO => -ERR wrong number of arguments for 'xread' command
        ",
    );
}

#[test]
fn whose_user_is_gone_is_disconnected() {
    let mut local = with_user("on nopass +@all");
    local.server.put_users(local.server.acl.users().without(&["u"]).0);
    set_user(&local, "on nopass +@all");
    assert!(local.feed(b"PING\r\n").is_empty(), "a new user of the same name is another");
    assert!(local.is_closing());
}

#[test]
fn whose_channel_is_lost_is_disconnected() {
    let mut local = with_user("on nopass +@all &a &b");
    local.check("SUBSCRIBE a => [\"subscribe\" \"a\" :1]");
    set_user(&local, "resetchannels &a");
    local.check("PING => [\"pong\" \"\"]");
    set_user(&local, "resetchannels &b");
    assert!(local.feed(b"PING\r\n").is_empty());
    assert!(local.is_closing());
}

#[test]
fn logins_are_refused_and_written_down() {
    let mut local = Local::default();
    set_user(&local, ">p");
    local.check(
        "
        AUTH u p => -WRONGPASS invalid username-password pair or user is disabled.
        HELLO 3 AUTH nosuch x => -WRONGPASS invalid username-password pair or user is disabled.
        AUTH x => -ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?
        AUTH default x => +OK
        ACL DRYRUN u get x => \"This user has no permissions to run the \\'get\\' command\"
        ACL DRYRUN default get => -ERR wrong number of arguments for 'get' command
        ACL DRYRUN nosuch get x => -ERR User 'nosuch' not found
        ACL USERS => [\"default\" \"u\"]
        ACL CAT nosuch => -ERR Unknown category 'nosuch'
        ACL LOG x => -ERR value is not an integer or out of range
        ACL GENPASS 0 => -ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096
        ACL DELUSER u default => -ERR The 'default' user cannot be removed
        ",
    );
    let log = local.server.acl.log.newest(9);
    let log: Vec<_> = log.iter().map(|e| (e.object.as_slice(), e.user.as_slice())).collect();
    assert_eq!(log, [(&b"HELLO"[..], &b"nosuch"[..]), (b"AUTH", b"u")]);
}

#[test]
fn changes_are_asked_of_the_control_plane_and_leave_no_secrets_in_a_log() {
    let mut local = Local::default();
    local.feed(b"ACL SETUSER u on >secret\r\n");
    let ask = local.asks.try_recv().expect("a request");
    assert!(matches!(&ask.request, Request::Acl(AclRequest::SetUser { name, .. }) if name == b"u"));
    assert!(!format!("{ask:?}").contains("secret"));
}
