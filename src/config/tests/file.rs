use proptest::prelude::{any, proptest};

use super::super::arguments::Arguments;
use super::*;

/// What CONFIG GET of `names` answers after the file was read, or the last lines of the error.
fn check(file: &str, name: &str, expect: &str) {
    let shown = match read(file) {
        Ok(loaded) => get(&loaded.settings, name),
        Err(refusal) => {
            let block = refusal.to_string();
            let (_, rest) = block.split_once('\n').expect("a header");
            rest.to_owned()
        }
    };
    assert_eq!(shown, expect, "{file}");
}

#[test]
fn lines_are_directives_comments_or_blank() {
    check("# c\n\n  hz 20 \r\n\tHZ \"30\"\n#x\n", "hz", "hz 30");
    check("logfile ''", "logfile", "logfile ");
    check("logfile \"a\\x41\\n b\"", "logfile", "logfile aA\n b");
    check(
        "list-max-ziplist-entries 512",
        "list-max*",
        "list-max-listpack-size -2\nlist-max-ziplist-size -2",
    );
    check("slaveof 127.0.0.1 6390", "replicaof", "replicaof 127.0.0.1 6390");
    check("replicaof a 1\nreplicaof no one", "replicaof", "replicaof ");
}

#[test]
fn save_lines_add_up_and_start_over() {
    check("save 1 1\nsave 2 2 3 3", "save", "save 1 1 2 2 3 3");
    check("save \"900 1\"", "save", "save 900 1");
    check("save 1 1\nsave \"\"\nsave 3 3", "save", "save 3 3");
    check("save", "save", "save ");
    check("save 1 1\ninclude a.conf", "save", "save 2 2");
    check("save 1 1\ninclude a.conf\nsave 3 3", "save", "save 3 3");
}

#[test]
fn a_wrong_line_is_named_with_its_file() {
    let at = |line: usize| format!("Reading the configuration file, at line {line} of t.conf\n");
    let bad = "Bad directive or wrong number of arguments";
    check("hz 1\n\n  zz 1 ", "hz", &format!("{}>>> 'zz 1'\n{bad}", at(3)));
    check("port 1 2", "hz", &format!("{}>>> 'port 1 2'\nwrong number of arguments", at(1)));
    check(
        "port 'a",
        "hz",
        &format!("{}>>> 'port 'a'\nUnbalanced quotes in configuration line", at(1)),
    );
    check("rename-command A", "hz", &format!("{}>>> 'rename-command A'\n{bad}", at(1)));
    check("include a b", "hz", &format!("{}>>> 'include a b'\n{bad}", at(1)));
    check("replicaof a b", "hz", &format!("{}>>> 'replicaof a b'\nInvalid master port", at(1)));
    check(
        "sentinel x",
        "hz",
        &format!("{}>>> 'sentinel x'\nsentinel directive while not in sentinel mode", at(1)),
    );
    check(
        "requirepass hunter2 x",
        "hz",
        &format!("{}>>> 'requirepass (redacted)'\nwrong number of arguments", at(1)),
    );
    check(
        "cluster-enabled yes\nreplicaof a 1",
        "hz",
        "replicaof directive not allowed in cluster mode",
    );
    let daemonize = read("daemonize yes").expect_err("refused").to_string();
    assert!(daemonize.contains("foreground") && daemonize.contains("systemd"), "{daemonize}");
    let module = read("loadmodule /x.so").expect_err("refused").to_string();
    assert!(module.ends_with("redpoll does not load modules"), "{module}");
    assert!(module.starts_with("*** FATAL CONFIG FILE ERROR (redpoll "), "{module}");
}

#[test]
fn includes_are_read_in_place_and_end_at_a_depth() {
    check("hz 5\ninclude a.conf", "hz", "hz 33");
    check("include a.conf\nhz 5", "hz", "hz 5");
    check("include none*.conf", "hz", "hz 10");
    let looped = read("include t.conf").expect_err("a file that includes itself").to_string();
    assert!(looped.ends_with("files include files more than 16 deep"), "{looped}");
    let missing = read("include no.conf").expect_err("no such file").to_string();
    assert!(missing.contains("can't open config file 'no.conf'"), "{missing}");
    let included = read("timeout 1\ninclude a.conf").expect("a valid file").included;
    let names: Vec<_> = included.iter().map(|setting| setting.spec.name).collect();
    assert_eq!(names, ["hz", "save"]);
}

#[test]
fn users_and_renamed_commands_are_kept_for_others() {
    let file = "user bob on >p ~* +@all\nrename-command CONFIG \"\"\nuser al off";
    let settings = read(file).expect("valid").settings;
    assert_eq!(settings.user.len(), 2);
    assert_eq!(settings.user[0][4], b"+@all");
    assert_eq!(settings.rename_command, [[b"CONFIG".to_vec(), Vec::new()]]);
}

#[test]
fn command_lines_are_sorted_as_redis_server_does() {
    let check = |arguments: &[&str], expect: Result<&str, &str>| {
        let sorted = Arguments::sort(arguments);
        let file = sorted.file.iter().map(|_| part("hz 7\nsave 1 1"));
        let parts: Vec<_> = file.chain([sorted.overrides()]).collect();
        let loaded = load(&parts, &mut |_| Ok(Vec::new())).map(|loaded| {
            let of = |name: &str| text(&loaded.settings.get(&[name.as_bytes()])[0].1);
            format!("{}|{}|{}|{}", of("hz"), of("save"), of("requirepass"), of("bind"))
        });
        let shown = loaded.map_err(|refusal| {
            refusal.to_string().split_once('\n').expect("a header").1.replace('\n', "|")
        });
        assert_eq!(shown.as_deref().map_err(String::as_str), expect, "{arguments:?}");
    };
    let save = "3600 1 300 100 60 10000";
    check(&["--hz", "5"], Ok(&format!("5|{save}||* -::*")));
    check(&["--hz 5", "--save", "--bind", "127.0.0.1", "-::1"], Ok("5|||127.0.0.1 -::1"));
    check(&["--save", "", "--HZ", "5", "--"], Ok("5|||* -::*"));
    check(&["--requirepass", "--x", "--hz", "5"], Ok(&format!("5|{save}|--x|* -::*")));
    check(&["--save", "9 1", "--save", "8 2"], Ok("10|9 1 8 2||* -::*"));
    check(&["f.conf", "--save", "2 2", "--#x", "y"], Ok("7|1 1 2 2||* -::*"));
    check(&["f.conf", "--save", ""], Ok("7|||* -::*"));
    check(&["--hz"], Err("Reading the command line|>>> 'hz'|wrong number of arguments"));
    check(
        &["-p", "1"],
        Err("Reading the command line|>>> '\"-p\" \"1\"'|\
             Bad directive or wrong number of arguments"),
    );
    check(
        &["--hz", "5", "6"],
        Err("Reading the command line|>>> 'hz \"5\" \"6\"'|wrong number of arguments"),
    );
    let sorted = Arguments::sort(&["a.conf", "--hz", "5", "-"]);
    assert_eq!((sorted.file.as_deref(), sorted.stdin), (Some(b"a.conf".as_slice()), true));
    assert!(Arguments::sort(&["-"]).stdin);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let part = Part { origin: Origin::StandardInput, text: bytes };
        let _ = load(&[part], &mut |_| Ok(Vec::new())).map_err(|refusal| refusal.to_string());
    }
}

#[test]
fn random_directives_are_read_or_refused() {
    let mut rng = Rng::from_seed(11);
    let mut accepted = 0;
    for _ in 0..3000 {
        let setting = &TABLE[rng.index(TABLE.len())];
        let mut line = setting.spec.name.as_bytes().to_vec();
        for _ in 0..rng.below(4) {
            line.push(b' ');
            line.extend(VALUES[rng.index(VALUES.len())].as_bytes());
            if rng.below(8) == 0 {
                let at = rng.index(line.len());
                line[at] = rng.next_u64() as u8;
            }
        }
        let part = Part { origin: Origin::StandardInput, text: line };
        accepted += usize::from(load(&[part], &mut |_| Ok(Vec::new())).is_ok());
    }
    assert!(accepted > 200, "only {accepted} lines got past the first checks");
}
