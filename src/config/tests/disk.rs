use std::fs;
use std::path::Path;

use super::super::disk;
use super::super::file::load;

#[test]
fn files_are_read_with_what_they_include() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, text: &str| fs::write(path(name), text).expect("writable");
    let read = || {
        let part = disk::open(Path::new(&path("main.conf"))).expect("the file is there");
        load(&[part], &mut disk::open_included).map_err(|refusal| refusal.to_string())
    };

    write("b.inc", "hz 20\ntimeout 2");
    write("a.inc", "hz 30");
    write(".hidden.inc", "zz 1");
    write("main.conf", &format!("include {}\nport 1", path("*.inc")));
    let settings = read().expect("valid files").settings;
    assert_eq!((settings.hz, settings.timeout, settings.port), (20, 2, 1), "sorted, no dot file");

    write("main.conf", &format!("include {}", path("none*.inc")));
    read().expect("a pattern may match nothing");
    write("main.conf", &format!("hz 1\ninclude {}", path("none.inc")));
    let missing = read().expect_err("no such file");
    assert!(missing.contains("at line 2 of ") && missing.contains("none.inc"), "{missing}");
    write("main.conf", &format!("include {}", path(".h*.inc")));
    let wrong = read().expect_err("an unknown directive");
    assert!(wrong.contains("at line 1 of ") && wrong.contains("inc\n>>> 'zz 1'"), "{wrong}");
    assert!(disk::open(Path::new(&path("none.conf"))).is_err());
}
