//! Users and what they are refused.

use std::fs;

use support::{TestServer, start_oracle};

use super::{compare, tell};

const REFUSALS: &[&str] = &[
    "
            root: ACL SETUSER u reset on >p ~k* %R~r* %W~w* &c* +@all -hset -select +select|1
            root: ACL SETUSER u -config +config|get
            u: AUTH u p
            u: GET k
            u: GET w
            u: SET r 1
            u: SET w 1
            u: SET w 1 GET
            u: COPY r w
            u: COPY w r
            u: GETSET w 1
            u: BITFIELD r GET u8 0
            u: BITFIELD r SET u8 0 1
            u: MSET k 1 x 1
            u: EXISTS k x
            u: DEL r
            u: XREAD STREAMS x 0
            u: ZUNIONSTORE k 1 x
            u: ZUNIONSTORE k abc x
            u: LMPOP 1 x LEFT
            u: OBJECT ENCODING x
            u: HSET k a b
            u: CONFIG SET a b
            u: CONFIG GET maxclients
            u: SELECT 0
            u: SELECT 1
            u: PUBLISH c1 x
            u: PUBLISH d x
            u: SPUBLISH d x
            u: SUBSCRIBE c1 d
            u: PSUBSCRIBE c
            u: UNSUBSCRIBE d
            u: SORT l BY w*
            u: SORT l BY nosort
            u: SORT k BY w*
            u: SORT k GET k*
            u: SORT k STORE x
            u: GET
            u: NOSUCH
            u: ACL WHOAMI
            u: RESET
            u: ACL WHOAMI
            root: ACL DRYRUN u GET x
            root: ACL DRYRUN u GET k
            root: ACL DRYRUN u HSET k a b
            root: ACL DRYRUN u PUBLISH d 1
            root: ACL DRYRUN u GET
            root: ACL DRYRUN u CONFIG nosuch
            root: ACL DRYRUN nosuch GET k
            root: CLIENT KILL USER nosuch
            root: ACL DELUSER u default
            root: ACL DELUSER u nosuch
            ",
    "
            root: ACL SETUSER u reset on nopass (+get ~a) (+set ~b) +ping
            root: ACL GETUSER u
            u: AUTH u x
            u: GET a
            u: GET b
            u: SET b 1
            u: SET a 1
            u: DEL a
            u: PING
            u: QUIT
            ",
];

#[test]
fn users_are_refused_what_the_reference_refuses_them() {
    compare(&[], REFUSALS);
}

#[test]
fn changes_reach_connections_at_once() {
    compare(
        &[],
        &[
            "
            root: ACL SETUSER u reset on nopass ~* &* +@all
            u: AUTH u x
            u: MULTI
            u: GET k
            u: SET k 1
            u: PUBLISH c 1
            root: ACL SETUSER u -get resetchannels
            u: EXEC
            u: MULTI
            u: GET k
            u: EXEC
            u: MULTI
            root: ACL SETUSER u -exec
            u: EXEC
            u: GET k
            root: ACL SETUSER u +@all off
            u: GET k
            v: AUTH u x
            ",
            "
            root: ACL SETUSER u reset on nopass +@all &c* &d
            u: AUTH u x
            u: SUBSCRIBE c1
            root: ACL SETUSER u &e
            root: PUBLISH c1 x
            u?
            root: ACL SETUSER u resetchannels &d
            u!
            v: AUTH u x
            v: BLPOP l 0.01
            root: ACL DELUSER u
            v!
            ",
            "
            root: ACL SETUSER u reset on nopass +@all
            u: AUTH u x
            u: ACL DELUSER u
            u!
            ",
            "
            old: PING
            root: ACL SETUSER default >x
            old: PING
            new: PING
            new: HELLO
            new: AUTH x
            new: PING
            root: CONFIG SET requirepass foo
            new: PING
            third: PING
            third: AUTH x
            third: AUTH foo
            fourth: PING
            root: CONFIG SET requirepass \"\"
            root: ACL SETUSER default resetpass nopass
            fourth: PING
            fourth: AUTH x
            fourth: AUTH default x
            fourth: AUTH a b c
            ",
        ],
    );
}

#[test]
fn refusals_are_logged() {
    compare(
        &[],
        &["
            root: ACL SETUSER u reset on nopass +multi +exec +get ~a
            u: AUTH u x
            u: GET b
            u: GET b
            u: MULTI
            u: GET b
            u: SET a 1
            u: EXEC
            u: AUTH u2 x
            root: HELLO 3 AUTH nosuch y
            root: ACL LOG x
            root: ACL LOG 0
            root: ACL LOG RESET
            root: ACL LOG
        "],
    );
}

const RULES: &[&str] = &[
    "~x* %R~r* %W~w* %RW~z* &ch*",
    "~a ~a %R~a %W~b %R~b",
    "%R",
    "%RR~a",
    "%X~a",
    "%~a",
    "~*",
    "allkeys ~a",
    "allchannels &a",
    "+get",
    "+nosuch",
    "+nosuch|x",
    "+config|nosuch",
    "+get|",
    "+config|get|x",
    "+get|a|b",
    "-get|a",
    "+|x",
    "+@nosuch",
    "+config -config|set",
    "+@all -config +config|get",
    "+select|AbC",
    "+get|a +get",
    "+get|a -@read",
    "+@all -@all",
    "+@all -@dangerous",
    "+@all -@admin +config|get",
    "(+get",
    "(+get ~a",
    "()",
    "(on)",
    "(+get))",
    "((+get))",
    "( +get  ~k )",
    "(+get ~a) (+set ~b)",
    "on >p nopass",
    "nopass >p",
    ">p >p <p",
    "<p",
    "#abc",
    "!abc",
    "on off ON",
    "AllKeys RESETkeys",
    "foo",
    "reset",
    "skip-sanitize-payload",
    "sanitize-payload",
    "-@all +@string",
    "+@all -@string",
    "+@hash -hset",
    "+client -client|kill",
    "+client|kill -client",
    "~a off nopass foo",
];

#[test]
fn rules_are_read_as_the_reference_reads_them() {
    let mut story = String::new();
    for rules in RULES {
        story += "root: ACL DELUSER t\n";
        story += &format!("root: ACL SETUSER t {rules}\nroot: ACL GETUSER t\nroot: ACL LIST\n");
    }
    compare(
        &[],
        &[
            &story,
            "
        root: ACL SETUSER
        root: ACL NOSUCH
        root: ACL CAT
        root: ACL CAT nosuch
        root: ACL CAT a b
        root: ACL GENPASS 0
        root: ACL GENPASS 4097
        root: ACL GENPASS x
        root: ACL GENPASS 1 2
        root: ACL LOAD
        root: ACL SAVE
        root: ACL HELP
        root: ACL USERS
        root: ACL GETUSER nosuch
    ",
        ],
    );
    compare(
        &["--acl-pubsub-default", "allchannels"],
        &["
        root: ACL SETUSER a on
        root: ACL SETUSER b reset (+get)
        root: ACL LIST
    "],
    );
}

/// Both read the same file, write the same, and refuse the same, all of it or nothing.
#[test]
fn users_are_kept_in_a_file() {
    const BEFORE: &str = "\n  user b on nopass ~* +@all\r\nuser a on >p ~k*   +get (+set ~a)\n";
    const BAD: &str = "user q on\nuser q off\nuser r foo\nuser\nbogus\nuser s +nosuch ~a ~*\n\
        user t (+get\nuser u (foo)\n";
    let folder = tempfile::tempdir().expect("a folder");
    let told = |name: &str, start: &dyn Fn(&[&str]) -> Option<TestServer>| {
        let path = folder.path().join(name);
        let shown = path.display().to_string();
        fs::write(&path, BEFORE).expect("a file");
        let server = start(&["--aclfile", &shown])?;
        let mut told = tell(
            &server,
            "
            root: ACL LIST
            root: ACL SETUSER z on nopass ~* +@all
            root: ACL SAVE
            a: AUTH a p
            b: AUTH b x
            root: ACL LOAD
            a!
            b!
            root: ACL LIST
            ",
        );
        told.push(fs::read_to_string(&path).expect("the saved users"));
        for text in [BAD, "user x\ty on\nfoo bar\n"] {
            fs::write(&path, text).expect("a file");
            told.extend(tell(&server, "root: ACL LOAD\nroot: ACL LIST"));
        }
        fs::remove_file(&path).expect("the file was there");
        told.extend(tell(&server, "root: ACL LOAD\nroot: ACL SAVE\nroot: ACL LIST"));
        fs::write(&path, "user default on >p ~* +@all\n").expect("a file");
        told.extend(tell(&server, "root: ACL LOAD\nroot: ACL LIST\nnew: PING\nnew: AUTH p"));
        Some(told.iter().map(|line| line.replace(&shown, "FILE")).collect::<Vec<_>>())
    };
    let Some(theirs) = told("theirs", &|directives| start_oracle(directives)) else { return };
    let ours = told("ours", &|directives| Some(TestServer::start(directives)));
    for (ours, theirs) in ours.expect("it was told").iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
}
