use super::*;

#[test]
fn patterns_find_names_and_aliases_and_hidden_settings_only_by_name() {
    let settings = Settings::default();
    assert_eq!(get(&settings, "*read-only"), "replica-read-only yes\nslave-read-only yes");
    assert_eq!(get(&settings, "HZ"), "HZ 10");
    assert_eq!(get(&settings, "H[z]"), "hz 10");
    assert_eq!(get(&settings, "key-load-*"), "");
    assert_eq!(get(&settings, "key-load-delay"), "key-load-delay 0");
    assert_eq!(get(&settings, "user"), "");
    assert_eq!(settings.get(&[b"hz".as_slice(), b"h?"]).len(), 1);
}

#[test]
fn every_name_is_declared_once_and_its_default_is_a_value() {
    let mut names: Vec<_> = TABLE.iter().flat_map(|setting| setting.spec.names()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    let defaults = Settings::default();
    for setting in TABLE {
        assert!(!setting.spec.doc[0].trim().is_empty(), "{}", setting.spec.name);
        for line in setting.file_lines(&defaults) {
            let (_, words) = split_directive(&line).expect("balanced").expect("not blank");
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let mut read = Settings::default();
            setting.read(&mut read, &words, Source::LaterLine).expect("a default is accepted");
        }
    }
}

#[test]
fn refusals_are_those_of_redis() {
    let failed =
        |name: &str| format!("ERR CONFIG SET failed (possibly related to argument '{name}')");
    let check = |pairs: &[(&str, &str)], expect: String| {
        assert_eq!(set(pairs).expect_err("refused").to_string(), expect, "{pairs:?}");
    };
    let unknown = "ERR Unknown option or number of arguments for CONFIG SET - ";
    check(&[("no-such", "1")], format!("{unknown}'no-such'"));
    check(&[("hz", "9"), ("no\r\nsuch", "1")], format!("{unknown}'no  such'"));
    check(&[("user", "x")], format!("{unknown}'user'"));
    check(&[("Databases", "1")], failed("Databases") + " - can't set immutable config");
    check(&[("dir", "/")], failed("dir") + " - can't set protected config");
    check(&[("hz", "1"), ("hz", "2")], failed("hz") + " - duplicate parameter");
    check(&[("hz", "2"), ("databases", "5"), ("no", "1")], {
        failed("databases") + " - can't set immutable config"
    });
    check(&[("hz", "x")], failed("hz") + " - argument couldn't be parsed into an integer");
}

#[test]
fn several_are_changed_all_or_none() {
    let mut settings = Settings::default();
    let before = settings.clone();
    let bad: [(&[u8], &[u8]); 2] = [(b"hz", b"20"), (b"timeout", b"x")];
    settings.set(&bad, Caller::Local).expect_err("the second is refused");
    assert_eq!(settings, before);
    let good: [(&[u8], &[u8]); 3] = [(b"hz", b"20"), (b"timeout", b"0"), (b"maxmemory", b"1mb")];
    let changed = settings.set(&good, Caller::Local).expect("all are fine");
    let names: Vec<_> = changed.iter().map(|setting| setting.spec.name).collect();
    assert_eq!(names, ["hz", "maxmemory"]);
    assert_eq!((settings.hz, settings.maxmemory), (20, 1 << 20));
}

#[test]
fn an_alias_is_not_a_duplicate_of_its_name() {
    let settings = set(&[("replica-read-only", "yes"), ("slave-read-only", "no")]);
    assert!(!settings.expect("as in Redis").replica_read_only);
}

#[test]
fn protected_settings_open_to_whom_the_file_says() {
    let may = |mode: &str, caller| {
        let loaded = read(&format!("enable-protected-configs {mode}")).expect("a valid file");
        let mut settings = loaded.settings;
        settings.set(&[(b"dbfilename".as_slice(), b"x.rdb".as_slice())], caller).is_ok()
    };
    assert!(!may("no", Caller::Local));
    assert!(may("local", Caller::Local));
    assert!(!may("local", Caller::Remote));
    assert!(may("yes", Caller::Remote));
}

#[test]
fn secrets_do_not_reach_a_log() {
    let settings = set(&[("requirepass", "hunter2"), ("masterauth", "hunter2")]).expect("valid");
    let logged = format!("{settings:?}");
    assert!(!logged.contains("hunter2") && logged.contains("\"maxclients\""), "{logged}");
}
