//! The reference page and the commented configuration file, printed from the table.

use super::{Setting, Settings, TABLE};
use crate::spec::config::{ConfigFlags, When};

const REFERENCE_HEAD: &str = "\
# Settings

This page is printed from the declarations in `src/config/table/` (`scripts/regen`); do not edit it.

A setting is given in a file (`name value`, one per line, `#` begins a comment line), on the
command line (`--name value`) or, unless it says otherwise, with `CONFIG SET name value`. Names,
values and defaults are those of Redis 7.0 except where marked *redpoll only*.

A memory size is a number of bytes with an optional unit: `k` is 1000 and `kb` is 1024 bytes, and
so on with `m`, `mb`, `g` and `gb`.
";

const EXAMPLE_HEAD: &str = "\
# redpoll.conf: every setting with its default. Printed from the declarations; take what you need.
#
# Start with: redpoll server /path/to/redpoll.conf [--name value ...]
#
# A memory size is a number of bytes with an optional unit: 1k is 1000 and 1kb is 1024 bytes, and
# so on with m, mb, g and gb. `include /path/to/other.conf` reads another file at that point; lines
# after it override it.
";

/// The text of `docs/config.md`.
#[must_use]
pub fn reference() -> String {
    let mut page = REFERENCE_HEAD.to_owned();
    let defaults = Settings::default();
    let mut section = "";
    for setting in shown() {
        if setting.spec.section != section {
            section = setting.spec.section;
            page += &format!("\n## {section}\n");
        }
        let spec = &setting.spec;
        page += &format!("\n### {}\n\n", spec.name);
        for line in spec.doc {
            page += &format!("{}\n", line.trim());
        }
        page += &format!("\n{}\n", facts(setting, &defaults));
    }
    page
}

/// The text of `configs/redpoll.conf`.
#[must_use]
pub fn example() -> String {
    let mut file = EXAMPLE_HEAD.to_owned();
    let defaults = Settings::default();
    let mut section = "";
    let without = ConfigFlags::NO_EFFECT | ConfigFlags::FILE_ONLY;
    for setting in shown().filter(|setting| !setting.spec.flags.intersects(without)) {
        if setting.spec.section != section {
            section = setting.spec.section;
            let rule = "#".repeat(20);
            file += &format!("\n{rule} {section} {rule}\n");
        }
        file.push('\n');
        for line in setting.spec.doc {
            file += &format!("# {}\n", line.trim());
        }
        file.push_str("#\n");
        for line in setting.file_lines(&defaults) {
            file += &format!("# {}\n", String::from_utf8_lossy(&line));
        }
    }
    file.replace("# \n", "#\n")
}

fn shown() -> impl Iterator<Item = &'static Setting> {
    TABLE.iter().filter(|setting| !setting.spec.flags.contains(ConfigFlags::HIDDEN))
}

/// The list under a setting's description.
fn facts(setting: &Setting, defaults: &Settings) -> String {
    let spec = &setting.spec;
    let mut facts = Vec::new();
    if !setting.describe().is_empty() {
        facts.push(format!("Value: {}.", setting.describe()));
    }
    if !spec.flags.contains(ConfigFlags::FILE_ONLY) {
        let text = String::from_utf8_lossy(&setting.show(defaults)).into_owned();
        facts.push(format!("Default: `{}`.", if text.is_empty() { "\"\"" } else { &text }));
    }
    if !spec.aliases.is_empty() {
        facts.push(format!("Also called `{}`.", spec.aliases.join("`, `")));
    }
    let flagged = |flag: ConfigFlags| spec.flags.contains(flag);
    match spec.when {
        When::AtStart if flagged(ConfigFlags::FILE_ONLY) => facts.push("In files only.".to_owned()),
        When::AtStart => facts.push("At the start only.".to_owned()),
        When::AtRuntime if flagged(ConfigFlags::PROTECTED) => {
            facts.push("CONFIG SET needs `enable-protected-configs`.".to_owned());
        }
        When::AtRuntime => {}
    }
    if flagged(ConfigFlags::SENSITIVE) {
        facts.push("Never logged.".to_owned());
    }
    if flagged(ConfigFlags::OURS) {
        facts.push("*redpoll only*.".to_owned());
    }
    facts.join(" ")
}
