//! The reference page of all commands, printed from their declarations.

use super::{Registered, Table};
use crate::spec::{Arg, ArgFlags, ArgKind, CommandSpec};

const HEAD: &str = "\
# Commands

This page is printed from the declarations in `src/commands/` (`scripts/regen`); do not edit it.

Commands and arguments behave as in Redis 7.0, apart from what [differences.md](differences.md)
lists. What Redis 7.0 does not have is marked **beyond 7.0**, with the version of Redis or Valkey
that it comes from. In the syntax, `[ ]` is optional, `|` separates alternatives, `...` repeats.
";

/// The newest Redis whose commands are all meant to be here.
const BASE_VERSION: (u32, u32) = (7, 0);

/// The text of `docs/commands.md`.
#[must_use]
pub fn page() -> String {
    let mut commands: Vec<&Registered> = Table::get().all().iter().collect();
    commands.sort_by_key(|command| (command.spec.group.name(), command.spec.name));
    let mut page = HEAD.to_owned();
    let mut group = "";
    for command in commands {
        if command.spec.group.name() != group {
            group = command.spec.group.name();
            page += &format!("\n## {group}\n");
        }
        page += &entry(command);
    }
    page
}

fn entry(command: &Registered) -> String {
    let spec = command.spec;
    let name = spec.name.replace('|', " ").to_uppercase();
    let mut syntax = name.clone();
    for arg in spec.args {
        syntax += &format!(" {}", shown(arg));
    }
    let mut facts = vec![format!("Since {}", spec.since)];
    if is_beyond(spec.since) {
        facts[0] += " (**beyond 7.0**)";
    }
    facts.extend(beyond(spec.args));
    if let Some(old) = spec.deprecated {
        facts.push(format!("deprecated since {}, use {}", old.since, old.replaced_by));
    }
    if !spec.complexity.is_empty() {
        facts.push(spec.complexity.trim_end_matches('.').to_owned());
    }
    facts.extend(flags(command));
    let summary = summary(spec);
    format!("\n### {name}\n\n`{syntax}`\n\n{summary} {}.\n", facts.join(". "))
}

fn summary(spec: &CommandSpec) -> String {
    let text = spec.summary.trim_end_matches('.');
    if text.is_empty() { String::new() } else { format!("{text}.") }
}

fn flags(command: &Registered) -> Option<String> {
    let names: Vec<&str> = command.flags.names().collect();
    (!names.is_empty()).then(|| format!("Flags: {}", names.join(", ")))
}

fn is_beyond(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    version > BASE_VERSION
}

/// The arguments, however deep, that Redis 7.0 does not have.
fn beyond(args: &[Arg]) -> Vec<String> {
    let mut found = Vec::new();
    for arg in args {
        if let Some(since) = arg.since.filter(|since| is_beyond(since)) {
            let name = arg.token.unwrap_or(arg.name);
            found.push(format!("{name} since {since} (**beyond 7.0**)"));
        }
        found.extend(beyond(arg.children));
    }
    found
}

/// An argument as a syntax line shows it.
fn shown(arg: &Arg) -> String {
    let children = |between: &str| arg.children.iter().map(shown).collect::<Vec<_>>().join(between);
    let optional = arg.flags.contains(ArgFlags::OPTIONAL);
    let value = match arg.kind {
        ArgKind::PureToken => arg.token.unwrap_or_default().to_owned(),
        ArgKind::OneOf if optional => children(" | "),
        ArgKind::OneOf => format!("<{}>", children(" | ")),
        ArgKind::Block => children(" "),
        _ => arg.name.to_owned(),
    };
    let token = arg.token.filter(|_| arg.kind != ArgKind::PureToken);
    let with_token = |value: &str| match token {
        Some("") => format!("\"\" {value}"),
        Some(token) => format!("{token} {value}"),
        None => value.to_owned(),
    };
    let once = with_token(&value);
    let all = if arg.flags.contains(ArgFlags::MULTIPLE_TOKEN) {
        format!("{once} [{once} ...]")
    } else if arg.flags.contains(ArgFlags::MULTIPLE) {
        with_token(&format!("{value} [{value} ...]"))
    } else {
        once
    };
    if optional { format!("[{all}]") } else { all }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    fn syntax_of(name: &str) -> String {
        let command = Table::get().find_full(name.as_bytes()).expect("a command");
        command.spec.args.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn generated_files_are_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
        if env::var_os("REDPOLL_REGEN").is_some() {
            fs::write(&path, page()).expect("a writable tree");
        }
        let in_tree = fs::read_to_string(&path).unwrap_or_default();
        assert!(in_tree == page(), "docs/commands.md is stale: run scripts/regen");
    }

    #[test]
    fn syntax_says_what_is_optional_and_what_repeats() {
        assert_eq!(syntax_of("mset"), "key value [key value ...]");
        assert_eq!(syntax_of("lpos"), "key element [RANK rank] [COUNT num-matches] [MAXLEN len]");
        assert_eq!(syntax_of("hpersist"), "key FIELDS numfields field [field ...]");
        assert_eq!(syntax_of("linsert"), "key <BEFORE | AFTER> pivot element");
    }

    #[test]
    fn what_is_beyond_redis_is_marked() {
        assert!(is_beyond("7.2.0") && is_beyond("9.0.0") && !is_beyond("7.0.15"));
        let marked = entry(Table::get().find(b"delifeq").expect("a command"));
        assert!(marked.contains("Since 9.0.0 (**beyond 7.0**)"), "{marked}");
        let marked = entry(Table::get().find(b"zrank").expect("a command"));
        assert!(marked.contains("WITHSCORE since 7.2.0 (**beyond 7.0**)"), "{marked}");
    }
}
