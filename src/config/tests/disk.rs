use std::fs;

use super::super::arguments::Arguments;
use super::super::disk;

#[test]
fn a_command_line_is_read_with_its_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("b.inc"), "hz 20\ntimeout 2").expect("writable");
    fs::write(path("a.inc"), "hz 30").expect("writable");
    fs::write(path(".hidden.inc"), "zz 1").expect("writable");
    fs::write(path("main.conf"), format!("include {}\nport 1", path("*.inc"))).expect("writable");
    let load = |arguments: &[&str]| {
        let arguments = Arguments::sort(arguments);
        let loaded = disk::load(&arguments, &mut b"port 2\ndatabases 3".as_slice());
        loaded.map_err(|refusal| refusal.to_string())
    };

    let settings = load(&[&path("main.conf"), "--databases", "4"]).expect("valid files").settings;
    assert_eq!(
        (settings.hz, settings.timeout, settings.port),
        (20, 2, 1),
        "sorted, and no dot file"
    );
    assert_eq!(settings.databases, 4);
    let settings = load(&[&path("main.conf"), "--databases", "4", "-"]).expect("valid").settings;
    assert_eq!((settings.port, settings.databases), (2, 4), "the command line comes last");

    let missing = load(&[&path("none.conf")]).expect_err("no such file");
    assert!(missing.starts_with("Fatal error, can't open config file '"), "{missing}");
    fs::write(path("main.conf"), format!("hz 1\ninclude {}", path("none.inc"))).expect("writable");
    let missing = load(&[&path("main.conf")]).expect_err("no such file");
    assert!(missing.contains("at line 2 of ") && missing.contains("none.inc"), "{missing}");
    fs::write(path("main.conf"), format!("include {}", path(".h*.inc"))).expect("writable");
    let wrong = load(&[&path("main.conf")]).expect_err("an unknown directive");
    assert!(
        wrong.contains("at line 1 of ") && wrong.contains(".hidden.inc\n>>> 'zz 1'"),
        "{wrong}"
    );
}
