use std::path::Path;
use std::{env, fs};

use super::super::docs;
use super::*;

/// The files in the tree are what the table prints. `REDPOLL_REGEN=1` writes them.
#[test]
fn generated_files_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [("docs/config.md", docs::reference()), ("configs/redpoll.conf", docs::example())];
    for (name, printed) in files {
        let path = root.join(name);
        if env::var_os("REDPOLL_REGEN").is_some() {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a writable tree");
            fs::write(&path, &printed).expect("a writable tree");
        }
        let in_tree = fs::read_to_string(&path).unwrap_or_default();
        assert!(in_tree == printed, "{name} is stale: run scripts/regen");
    }
}

#[test]
fn the_example_says_the_defaults() {
    let mut said = Vec::new();
    for line in docs::example().lines() {
        let line = line.trim_start_matches("# ");
        let name = line.split(' ').next().unwrap_or_default();
        let is_example = TABLE.iter().any(|setting| setting.spec.name == name);
        if is_example && read(line).is_ok() {
            said.push(line.to_owned());
        }
    }
    assert!(said.len() > 100, "{said:?}");
    assert_eq!(read(&said.join("\n")).expect("a valid file").settings, Settings::default());
}
