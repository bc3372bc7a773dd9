//! House rules that the compiler and clippy cannot see: which module may import which, how long
//! files and functions may be, what may not be called where.
//!
//! Works on text: comments and literals are blanked first, so a rule never fires on prose. Every
//! rule has a test below that feeds it a violation.

mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::{Source, block_end, words};

/// Files that may break a rule, as `(rule, path)`. May only shrink: an entry that is no longer
/// needed fails the test too.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// Who may import whom: a module imports modules of lower layers, and itself.
const LAYERS: &[(&str, u8)] = &[
    ("base", 0),
    ("spec", 1),
    ("resp", 2),
    ("types", 2),
    ("config", 2),
    ("keyspace", 3),
    ("acl", 3),
    ("persist", 4),
    ("replication", 4),
    ("cluster", 4),
    ("sentinel", 4),
    ("state", 5),
    ("commands", 6),
    ("engine", 7),
    ("server", 8),
    ("admin", 8),
];

/// The folders that may read clocks, start threads and ask the system for randomness.
const SHELL: &[&str] = &["src/engine", "src/server", "src/admin", "src/main.rs"];

/// Calls that make a run impossible to replay, and what to use instead.
const SHELL_ONLY: &[(&str, &str)] = &[
    ("Instant::now", "take the time as an argument"),
    ("SystemTime", "take the time as an argument"),
    ("thread::spawn", "return an action and let the server perform it"),
    ("tokio::spawn", "return an action and let the server perform it"),
    ("RandomState", "use base::KeyHasher"),
    ("HashMap::new", "its order is random: use base::KeyHasher, or a BTreeMap"),
    ("HashSet::new", "its order is random: use base::KeyHasher, or a BTreeSet"),
    ("thread_rng", "use base::Rng"),
];

/// Where `unsafe` may be written.
const UNSAFE_FILES: &[&str] = &[
    "src/base/checked.rs",
    "src/server/resources.rs",
    "src/keyspace/entry",
    "src/keyspace/table",
    "src/types/compact.rs",
    "src/types/pack",
    "src/types/packed",
    "src/main.rs",
];

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// One breach: the rule, where, and what was found.
#[derive(Debug, PartialEq)]
struct Breach {
    rule: &'static str,
    path: String,
    line: usize,
    what: String,
}

impl Source {
    fn breach(&self, rule: &'static str, line: usize, what: impl Into<String>) -> Breach {
        Breach { rule, path: self.path.clone(), line, what: what.into() }
    }
}

/// The top-level modules that one line of code names by `crate::` or by `super::`.
fn imported_modules<'a>(line: &'a str, own: &[&'a str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    for (at, word) in words(line) {
        let rest = &line[at + word.len()..];
        match word {
            "crate" => found.extend(roots(rest)),
            "super" if !line[..at].trim_end().ends_with("super::") => {
                let ups = 1 + rest.matches("::super").count();
                let path = rest.trim_start_matches("::super");
                match own.len().cmp(&ups) {
                    std::cmp::Ordering::Greater => {}
                    _ => found.extend(roots(path)),
                }
            }
            _ => {}
        }
    }
    found
}

/// The first names of `::name…` or `::{name…, name…}`.
fn roots(path: &str) -> Vec<&str> {
    let Some(path) = path.strip_prefix("::") else { return Vec::new() };
    let Some(group) = path.strip_prefix('{') else {
        return words(path).next().map(|(_, word)| word).into_iter().collect();
    };
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (index, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.extend(words(&group[start..index]).next().map(|(_, word)| word));
                start = index + 1;
            }
            _ => {}
        }
        if c == '}' && start > index {
            break;
        }
    }
    names
}

fn check_layers(source: &Source) -> Vec<Breach> {
    let layer = |name: &str| LAYERS.iter().find(|(known, _)| *known == name).map(|known| known.1);
    let own = source.module_path();
    let Some(own_layer) = own.first().and_then(|name| layer(name)) else {
        let listed = own.is_empty() || !source.path.starts_with("src/");
        let what = "a module without a layer: add it to LAYERS";
        return if listed { Vec::new() } else { vec![source.breach("layers", 1, what)] };
    };
    // Statements, not lines: a `use crate::{` runs over several.
    let product: String = source
        .code_lines()
        .map(|(n, line)| if source.test_lines[n - 1] { "\n".into() } else { format!("{line}\n") })
        .collect();
    let mut breaches = Vec::new();
    let mut line = 1;
    for statement in product.split_inclusive(';') {
        for name in imported_modules(&statement.replace(['\n', ' '], " "), &own) {
            let too_high = layer(name).is_some_and(|theirs| theirs >= own_layer);
            if too_high && own[0] != name {
                let what = format!("{} may not import {name}: it is not a lower layer", own[0]);
                breaches.push(source.breach("layers", line, what));
            }
        }
        line += statement.matches('\n').count();
    }
    breaches
}

fn check_sizes(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let lines: Vec<&str> = source.code.lines().collect();
    let product = source.test_lines.iter().filter(|is_test| !**is_test).count();
    let counted = if source.path.starts_with("src/") { product } else { lines.len() };
    if counted > FILE_LINES_MAX {
        let what = format!("{counted} lines, at most {FILE_LINES_MAX}: split it by noun");
        breaches.push(source.breach("file length", 1, what));
    }
    for (index, line) in lines.iter().enumerate() {
        let starts_function = words(line).any(|(_, word)| word == "fn")
            && !line.contains("fn(")
            && line.trim_start().chars().next().is_some_and(char::is_alphabetic);
        let length = if starts_function { block_end(&lines, index) + 1 - index } else { 0 };
        if length > FUNCTION_LINES_MAX {
            let what = format!("a function of {length} lines, at most {FUNCTION_LINES_MAX}");
            breaches.push(source.breach("function length", index + 1, what));
        }
    }
    for (index, line) in source.text.lines().enumerate() {
        let columns = line.chars().count();
        // A sample of what another program wrote stays as it was written.
        let is_comment = line.trim_start().starts_with("//");
        let code = lines.get(index).map_or("", |line| line.trim_end());
        let sample = source.test_lines[index] && !is_comment && code.len() <= COLUMNS_MAX;
        if columns > COLUMNS_MAX && !sample {
            let what =
                format!("{columns} columns, at most {COLUMNS_MAX}: scripts/fix wraps comments");
            breaches.push(source.breach("line length", index + 1, what));
        }
    }
    breaches
}

fn check_calls(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let in_shell = source.is_under(SHELL);
    for (number, line) in source.product_lines() {
        for (call, instead) in SHELL_ONLY.iter().filter(|_| !in_shell) {
            if contains_word(line, call) {
                let what = format!("{call} outside the shell: {instead}");
                breaches.push(source.breach("banned call", number, what));
            }
        }
        if line.contains("fastrand::") && source.path != "src/base/rng.rs" {
            breaches.push(source.breach("banned call", number, "fastrand: use base::Rng"));
        }
    }
    for (number, line) in source.code_lines() {
        for unfinished in ["todo!", "unimplemented!", "dbg!"] {
            if line.contains(unfinished) {
                breaches.push(source.breach("unfinished", number, unfinished));
            }
        }
        let is_unsafe = words(line).any(|(_, word)| word == "unsafe");
        if is_unsafe && !source.is_under(UNSAFE_FILES) {
            breaches.push(source.breach("unsafe", number, "unsafe outside the listed files"));
        }
        let waits_by_guess = line.contains("thread::sleep") || line.contains("time::sleep");
        let allowed = source.path == "tests/support/src/wait.rs" || !source.test_lines[number - 1];
        if waits_by_guess && !allowed {
            breaches.push(source.breach("sleep", number, "a sleep in a test: use eventually()"));
        }
    }
    breaches
}

/// Marks of unfinished work, paths of one machine, and words that promise instead of saying.
fn check_words(path: &str, text: &str) -> Vec<Breach> {
    let forbidden = [
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("HA", "CK"),
        concat!("/wo", "rk/"),
        concat!("/tmp/", "w/"),
        concat!("/ro", "ot/"),
        concat!("blazing", "ly"),
        concat!("lightning-", "fast"),
    ];
    let mut breaches = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for word in forbidden.iter().filter(|word| contains_word(line, word)) {
            let what = format!("the text {word:?}");
            let (path, line) = (path.to_string(), index + 1);
            breaches.push(Breach { rule: "forbidden text", path, line, what });
        }
    }
    breaches
}

fn contains_word(line: &str, word: &str) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        !joins(line[..at].chars().next_back()) && !joins(line[at + word.len()..].chars().next())
            || word.contains('/')
    })
}

fn check(source: &Source) -> Vec<Breach> {
    let mut breaches = check_layers(source);
    breaches.extend(check_sizes(source));
    breaches.extend(check_calls(source));
    breaches
}

fn files_under(folder: &Path, keep: fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        let skipped = path.file_name().is_some_and(|name| {
            matches!(name.to_str(), Some("target" | ".git" | "node_modules" | "__pycache__"))
        });
        match path.is_dir() {
            _ if skipped => {}
            true => found.extend(files_under(&path, keep)),
            false if keep(&path) => found.push(path),
            false => {}
        }
    }
    found.sort();
    found
}

#[test]
fn every_file_keeps_the_house_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let name = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().to_string();
    let is_rust = |path: &Path| path.extension().is_some_and(|ext| ext == "rs");
    let mut breaches = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for path in files_under(&root.join(folder), is_rust) {
            let text = fs::read_to_string(&path).unwrap();
            breaches.extend(check(&Source::new(&name(&path), &text)));
        }
    }
    for folder in ["src", "tests", "benches", "scripts", "docs", "configs", ".ci"] {
        for path in files_under(&root.join(folder), |_| true) {
            let bytes = fs::read(&path).unwrap();
            breaches.extend(check_words(&name(&path), &String::from_utf8_lossy(&bytes)));
        }
    }
    let excepted = |b: &Breach, e: &(&str, &str)| b.rule == e.0 && b.path == e.1;
    for exception in EXCEPTIONS {
        let used = breaches.iter().any(|breach| excepted(breach, exception));
        assert!(used, "no longer needed, take it out of EXCEPTIONS: {exception:?}");
    }
    breaches.retain(|breach| !EXCEPTIONS.iter().any(|exception| excepted(breach, exception)));
    let list: Vec<String> = breaches
        .iter()
        .map(|Breach { rule, path, line, what }| format!("{path}:{line}: {rule}: {what}"))
        .collect();
    assert!(list.is_empty(), "{} breaches\n{}", list.len(), list.join("\n"));
}

fn rules_broken(path: &str, text: &str) -> Vec<&'static str> {
    check(&Source::new(path, text)).into_iter().map(|breach| breach.rule).collect()
}

#[test]
fn imports_of_the_same_or_a_higher_layer_are_found() {
    let broken = |text| rules_broken("src/cluster/frame.rs", text);
    assert_eq!(broken("use crate::base::Slot;\nuse crate::keyspace::Key;"), [""; 0]);
    assert_eq!(broken("use super::machine::Machine;"), [""; 0]);
    assert_eq!(broken("use crate::server::Clock;"), ["layers"]);
    assert_eq!(broken("use crate::sentinel::Quorum;"), ["layers"]);
    assert_eq!(broken("use super::super::engine::Batch;"), ["layers"]);
    assert_eq!(broken("use crate::{\n    base::{Slot, engine},\n    engine::X,\n};"), ["layers"]);
    assert_eq!(broken("fn f() { crate::commands::run() }"), ["layers"]);
    assert_eq!(broken("#[cfg(test)]\nmod tests {\n    use crate::server::Clock;\n}"), [""; 0]);
    assert_eq!(rules_broken("src/unheard/mod.rs", ""), ["layers"]);
}

#[test]
fn excess_length_is_found() {
    let lines = |n: usize| "let x = 1;\n".repeat(n);
    let function = |n: usize| format!("fn f() {{\n{}}}\n", lines(n - 2));
    assert_eq!(rules_broken("src/base/a.rs", &function(70)), [""; 0]);
    assert_eq!(rules_broken("src/base/a.rs", &function(71)), ["function length"]);
    assert_eq!(rules_broken("src/base/a.rs", &lines(500)), [""; 0]);
    assert_eq!(rules_broken("src/base/a.rs", &lines(501)), ["file length"]);
    let with_tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(500), lines(300));
    assert_eq!(rules_broken("src/base/a.rs", &with_tests), [""; 0]);
    assert_eq!(rules_broken("src/base/a.rs", &format!("//{}", "é".repeat(98))), [""; 0]);
    assert_eq!(rules_broken("src/base/a.rs", &format!("//{}", "é".repeat(99))), ["line length"]);
}

#[test]
fn banned_calls_are_found_in_code_only() {
    let broken = |text| rules_broken("src/types/set.rs", text);
    assert_eq!(broken("let t = Instant::now();"), ["banned call"]);
    assert_eq!(broken("let m = HashMap::new();"), ["banned call"]);
    assert_eq!(broken("let r = fastrand::u64(..);"), ["banned call"]);
    assert_eq!(broken("// Instant::now\nlet a = \"thread_rng\"; let b = r#\"todo!\"#;"), [""; 0]);
    assert_eq!(broken("let a = '\"'; todo!(); let b = '\"';"), ["unfinished"]);
    assert_eq!(broken("unsafe { f() }"), ["unsafe"]);
    assert_eq!(rules_broken("src/keyspace/entry.rs", "unsafe { f() }"), [""; 0]);
    assert_eq!(rules_broken("src/engine/clock.rs", "Instant::now()"), [""; 0]);
    assert_eq!(rules_broken("tests/cluster/main.rs", "thread::sleep(x)"), ["sleep"]);
    assert_eq!(rules_broken("tests/support/src/wait.rs", "thread::sleep(x)"), [""; 0]);
}

#[test]
fn forbidden_text_is_found() {
    let marks = |text| check_words("docs/a.md", text).len();
    assert_eq!(marks(concat!("// FIX", "ME: later")), 1);
    assert_eq!(marks(concat!("see /wo", "rk/notes")), 1);
    assert_eq!(marks(concat!("AXX", "XB and mktemp a.XX", "XXXX")), 0);
}
