//! Rules against what Redis made of them, and properties that hold for any rules.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::spec::Categories;

fn entry(name: &'static str, categories: Categories, subcommands: &[usize]) -> Entry {
    let is_subcommand = name.contains('|');
    Entry { name, categories, subcommands: subcommands.to_vec(), is_subcommand }
}

fn catalog() -> Catalog {
    use Categories as C;
    let admin = C::ADMIN.union(C::SLOW).union(C::DANGEROUS);
    Catalog::new(vec![
        entry("get", C::STRING.union(C::READ).union(C::FAST), &[]),
        entry("set", C::STRING.union(C::WRITE).union(C::SLOW), &[]),
        entry("hget", C::HASH.union(C::READ).union(C::FAST), &[]),
        entry("hset", C::HASH.union(C::WRITE).union(C::FAST), &[]),
        entry("select", C::CONNECTION.union(C::FAST), &[]),
        entry("config", C::SLOW, &[6, 7, 8]),
        entry("config|get", admin, &[]),
        entry("config|set", admin, &[]),
        entry("config|help", C::SLOW, &[]),
        entry("flushall", C::KEYSPACE.union(C::WRITE).union(C::SLOW).union(C::DANGEROUS), &[]),
    ])
}

fn user(rules: &str) -> Result<User, SetUserError> {
    let catalog = catalog();
    let mut user = User::new(&catalog, 1, b"u", false);
    let rules: Vec<&str> = rules.split_whitespace().collect();
    user.apply_all(&catalog, &rules, false).map(|()| user)
}

/// The rules that ACL LIST shows for a user made with these.
fn listed(rules: &str) -> String {
    match user(rules) {
        Ok(user) => String::from_utf8_lossy(&user.describe(&catalog()).join(&b' ')).into_owned(),
        Err(error) => error.to_string(),
    }
}

/// Every line was seen at Redis 7.0.15.
#[test]
fn rules_are_listed_as_redis_lists_them() {
    let cases = [
        ("", "off resetchannels -@all"),
        ("on ~* &* +@all nopass", "on nopass ~* &* +@all"),
        ("~x* %R~r* %W~w* %RW~z* &ch*", "off ~x* %R~r* %W~w* ~z* resetchannels &ch* -@all"),
        ("~a ~a %R~a %W~b %R~b", "off ~a ~b resetchannels -@all"),
        ("%R~* ~a %W~*", "off ~* resetchannels -@all"),
        ("%R", "off %R~ resetchannels -@all"),
        ("+@hash +set", "off resetchannels -@all +@hash +set"),
        ("+config -config|set", "off resetchannels -@all +config -config|set"),
        ("+@all -config +config|get", "off resetchannels +@all -config +config|get"),
        ("+@all -@dangerous", "off resetchannels +@all -@dangerous"),
        ("+SELECT|AbC +select|b", "off resetchannels -@all +select|AbC +select|b"),
        ("+get|a +get", "off resetchannels -@all +get"),
        ("+select|a -@connection", "off resetchannels -@all"),
        (
            "(+get ~a) ( +set  ~b )",
            "off resetchannels -@all (~a resetchannels -@all +get) \
         (~b resetchannels -@all +set)",
        ),
        (
            "(+get) clearselectors skip-sanitize-payload",
            "off skip-sanitize-payload resetchannels -@all",
        ),
        ("on +@all reset", "off sanitize-payload resetchannels -@all"),
        (">p nopass", "off nopass resetchannels -@all"),
        (
            "nopass >p >p",
            "off #148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940 \
         resetchannels -@all",
        ),
        (">p <p", "off resetchannels -@all"),
    ];
    for (rules, expected) in cases {
        assert_eq!(listed(rules), expected, "{rules}");
    }
}

#[test]
fn rules_that_make_no_sense_are_refused_by_name() {
    let cases = [
        ("foo", "Syntax error"),
        ("%X~a", "Syntax error"),
        ("%~a", "Syntax error"),
        ("%RR~a", "Syntax error"),
        ("(on)", "Syntax error"),
        ("((+get))", "Syntax error"),
        ("(+get))", "Unknown command or category name in ACL"),
        ("+nosuch", "Unknown command or category name in ACL"),
        ("+nosuch|x", "Unknown command or category name in ACL"),
        ("+config|nosuch", "Unknown command or category name in ACL"),
        ("+@nosuch", "Unknown command or category name in ACL"),
        ("-select|a", "Unknown command or category name in ACL"),
        ("+get|a|b", "Unknown command or category name in ACL"),
        ("+|x", "Unknown command or category name in ACL"),
        ("+get|", "Syntax error"),
        ("+config|get|x", "Allowing first-arg of a subcommand is not supported"),
        ("<p", "The password you are trying to remove from the user does not exist"),
    ];
    for (rule, cause) in cases {
        assert_eq!(listed(rule), format!("Error in ACL SETUSER modifier '{rule}': {cause}"));
    }
    assert_eq!(listed("(+get ~a"), "Unmatched parenthesis in acl selector starting at '(+get'.");
    assert!(listed("allkeys ~a").contains("'resetkeys'"));
    assert!(listed("&* &a").contains("'resetchannels'"));
    assert!(listed("#ABC").contains("exactly 64 characters"));
}

fn asked<'a>(command: usize, keys: &'a [(&'a [u8], Access)]) -> Asked<'a> {
    let command = Some(command);
    Asked { command, first_arg: None, keys, channels: &[], are_patterns: false }
}

#[test]
fn one_selector_has_to_allow_all_of_a_request() {
    let user = user("+set %W~w* (+get ~a) (+get %R~b &c)").expect("rules");
    let (read, write) = (Access::READ, Access::WRITE);
    assert_eq!(user.check(&asked(1, &[(b"w1", write)])), Ok(()));
    assert_eq!(user.check(&asked(1, &[(b"w1", read)])), Err(Denied::Key(0)));
    assert_eq!(user.check(&asked(0, &[(b"a", read)])), Ok(()));
    assert_eq!(user.check(&asked(0, &[(b"b", read)])), Ok(()));
    let both: [(&[u8], Access); 2] = [(b"a", read), (b"b", read)];
    assert_eq!(user.check(&asked(0, &both)), Err(Denied::Key(1)), "the greatest refusal is told");
    assert_eq!(user.check(&asked(2, &[])), Err(Denied::Command));
    assert!(user.allows_channel(b"c", false) && !user.allows_channel(b"d", false));
    assert!(!user.allows_channel(b"*", true));
    assert!(!user.is_unrestricted());
}

#[test]
fn nothing_is_asked_of_who_may_do_everything() {
    assert!(user("+@all ~* &*").is_ok_and(|user| user.is_unrestricted()));
    assert!(user("(+@all ~* &*)").is_ok_and(|user| user.is_unrestricted()));
    for less in ["+@all ~*", "+@all &* ~a", "+@all ~* &* -get", "~* &* +get"] {
        assert!(user(less).is_ok_and(|user| !user.is_unrestricted()), "{less}");
    }
}

#[test]
fn files_of_users_are_read_whole_or_not_at_all() {
    let catalog = catalog();
    let new = NewUsers { catalog: &catalog, all_channels: false };
    let users = Users::new(&catalog).with_rules(b"old", &["on"], new).expect("rules");
    let text = b"\n  user b on nopass ~* +@all\r\nuser a on   +get (+set ~a)\n";
    let read = users.from_text(text, "u.acl", new).expect("users");
    let expected = "user a on resetchannels -@all +get (~a resetchannels -@all +set)\n\
                    user b on nopass ~* resetchannels +@all\nuser default on nopass ~* &* +@all\n";
    assert_eq!(String::from_utf8_lossy(&read.to_text(&catalog)), expected);
    let again = read.from_text(expected.as_bytes(), "u.acl", new).expect("users");
    let id = |users: &Users, name: &[u8]| users.get(name).map(|user| user.id);
    assert_ne!(id(&read, b"a"), id(&again, b"a"), "their connections are to end");
    assert_eq!(id(&read, b"default"), id(&again, b"default"));
    let text = b"user q on\nuser q off\nuser r foo\nuser\nbogus\nuser s +nosuch ~a\nuser t (+get\n\
        user u (foo)\n";
    let error = users.from_text(text, "u.acl", new).expect_err("a bad file").to_string();
    assert_eq!(
        error,
        "WARNING: Duplicate user 'q' found on line 2. u.acl:3: Syntax error. u.acl:4 should start \
         with user keyword followed by the username. u.acl:5 should start with user keyword \
         followed by the username. u.acl:6: Error in applying operation '+nosuch': Unknown command \
         or category name in ACL. u.acl:7: Unmatched parenthesis in selector definition.u.acl:8: \
         Syntax error. WARNING: ACL errors detected, no change to the previously active ACL rules \
         was performed"
    );
}

fn rule() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "on",
        "off",
        "nopass",
        "resetpass",
        ">p",
        ">q",
        "sanitize-payload",
        "reset",
        "allkeys",
        "resetkeys",
        "~a*",
        "%R~b",
        "%W~b",
        "%RW~*",
        "allchannels",
        "resetchannels",
        "&c",
        "&d*",
        "+@all",
        "-@all",
        "+get",
        "-get",
        "+config",
        "-config",
        "+config|get",
        "-config|set",
        "+select|1",
        "+select|2",
        "+@read",
        "-@read",
        "+@write",
        "-@write",
        "+@slow",
        "-@slow",
        "+@fast",
        "+@string",
        "-@string",
        "+@hash",
        "-@admin",
        "+@dangerous",
        "-@dangerous",
        "(+get ~a)",
        "(-@all +@read ~* &x)",
        "clearselectors",
    ])
}

proptest! {
    /// What is listed makes the same user again: nothing is lost by saving and loading.
    #[test]
    fn listed_rules_make_the_same_user(rules in vec(rule(), 0..24)) {
        let catalog = catalog();
        let mut made = User::new(&catalog, 1, b"u", false);
        for rule in rules {
            // A pattern after all keys is refused and changes nothing.
            if made.apply(&catalog, rule.as_bytes(), false).is_err() {
                continue;
            }
        }
        let mut again = User::new(&catalog, 1, b"u", false);
        let listed = made.describe(&catalog);
        again.apply_all(&catalog, &listed_words(&listed), false).expect("rules as listed");
        prop_assert_eq!(again.describe(&catalog), listed);
        for command in 0..catalog.len() {
            let keys: [(&[u8], Access); 1] = [(b"abc", Access::READ)];
            let one = Asked { first_arg: Some(b"1"), ..asked(command, &keys) };
            prop_assert_eq!(made.check(&one), again.check(&one));
        }
        prop_assert_eq!(made.is_unrestricted(), again.is_unrestricted());
    }

    /// Any bytes are a rule or an error.
    #[test]
    fn no_rule_panics(rules in vec(vec(any::<u8>(), 0..12), 0..4)) {
        let catalog = catalog();
        let mut user = User::new(&catalog, 1, b"u", false);
        drop(user.apply_all(&catalog, &rules, false));
        prop_assert!(!user.describe(&catalog).is_empty());
    }
}

/// As a file is read: cut at every blank.
fn listed_words(rules: &[Vec<u8>]) -> Vec<Vec<u8>> {
    rules.join(&b' ').split(|&byte| byte == b' ').map(<[u8]>::to_vec).collect()
}
