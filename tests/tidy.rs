//! House rules that the compiler and clippy cannot see: which module may import which, how long
//! files and functions may be, what may not be called where.
//!
//! Works on text: comments and literals are blanked first, so a rule never fires on prose. Every
//! rule has a test below that feeds it a violation.

use std::fs;
use std::path::{Path, PathBuf};

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
    ("thread_rng", "use base::Rng"),
];

/// Where `unsafe` may be written.
const UNSAFE_FILES: &[&str] = &[
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

/// A source file: as written, and with comments and literals blanked.
struct Source {
    path: String,
    text: String,
    code: String,
    /// For each line: is it part of a test module?
    test_lines: Vec<bool>,
}

impl Source {
    fn new(path: &str, text: &str) -> Source {
        let code = blank_comments_and_literals(text);
        let test_lines = test_lines(path, &code);
        Source { path: path.into(), text: text.into(), code, test_lines }
    }

    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Code lines outside test modules.
    fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code_lines().filter(|(number, _)| !self.test_lines[number - 1])
    }

    fn breach(&self, rule: &'static str, line: usize, what: impl Into<String>) -> Breach {
        Breach { rule, path: self.path.clone(), line, what: what.into() }
    }

    /// Is this file in one of these folders, or one of these files?
    fn is_under(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    /// `src/cluster/machine.rs` is `["cluster", "machine"]`.
    fn module_path(&self) -> Vec<&str> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let inner = inner.strip_suffix(".rs").unwrap_or(inner);
        inner.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).collect()
    }
}

/// Replaces the inside of comments, strings and character literals by spaces; keeps line breaks.
fn blank_comments_and_literals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    out
}

/// Where the comment or literal that starts at `at` ends; `at` itself if none starts there.
fn literal_end(text: &[char], at: usize) -> usize {
    let rest = &text[at..];
    let until = |from: usize, stop: fn(&[char]) -> bool, len: usize| {
        let found = (from..rest.len()).find(|index| stop(&rest[*index..]));
        at + found.map_or(rest.len(), |index| index + len)
    };
    match rest {
        ['/', '/', ..] => until(2, |tail| tail[0] == '\n', 0),
        ['/', '*', ..] => until(2, |tail| tail.starts_with(&['*', '/']), 2),
        ['"', ..] => quoted_end(text, at + 1, '"'),
        ['r', tail @ ..] if !joins_a_word(text, at) => raw_string_end(tail).map_or(at, |n| at + n),
        ['\'', '\\', ..] => quoted_end(text, at + 1, '\''),
        ['\'', _, '\'', ..] => at + 3,
        _ => at,
    }
}

fn joins_a_word(text: &[char], at: usize) -> bool {
    at > 0 && (text[at - 1].is_alphanumeric() && text[at - 1] != 'b' || text[at - 1] == '_')
}

fn quoted_end(text: &[char], mut at: usize, quote: char) -> usize {
    while at < text.len() && text[at] != quote {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// The length of a raw string whose `r` was just read, that letter included.
fn raw_string_end(tail: &[char]) -> Option<usize> {
    let hashes = tail.iter().take_while(|c| **c == '#').count();
    if tail.get(hashes) != Some(&'"') {
        return None;
    }
    let mut close = vec!['"'];
    close.extend(std::iter::repeat_n('#', hashes));
    let body = &tail[hashes + 1..];
    let end = (0..body.len()).find(|index| body[*index..].starts_with(&close))?;
    Some(1 + hashes + 1 + end + close.len())
}

/// Marks the lines of `#[cfg(test)] mod … { … }`; everything, in a file that is a test module.
fn test_lines(path: &str, code: &str) -> Vec<bool> {
    let lines: Vec<&str> = code.lines().collect();
    let whole = path.starts_with("tests/")
        || path.starts_with("benches/")
        || path.split('/').any(|part| matches!(part, "tests" | "tests.rs"));
    let mut marks = vec![whole; lines.len()];
    let mut index = 0;
    while index < lines.len() {
        let starts = lines[index].trim_start().starts_with("#[cfg(test)]");
        let end = if starts { block_end(&lines, index) } else { index };
        if starts {
            marks[index..=end].fill(true);
        }
        index = end + 1;
    }
    marks
}

/// The last line of the item that starts at `from`: its closing brace, or its semicolon.
fn block_end(lines: &[&str], from: usize) -> usize {
    let (mut depth, mut opened) = (0i32, false);
    for (index, line) in lines.iter().enumerate().skip(from) {
        for c in line.chars() {
            match c {
                '{' => (depth, opened) = (depth + 1, true),
                '}' => depth -= 1,
                ';' if !opened && depth == 0 => return index,
                '(' | '[' => depth += i32::from(!opened),
                ')' | ']' => depth -= i32::from(!opened),
                _ => {}
            }
            if opened && depth == 0 {
                return index;
            }
        }
    }
    lines.len() - 1
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

fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter_map(move |word| {
        let start = at;
        at += word.len() + line[start + word.len()..].chars().next().map_or(0, char::len_utf8);
        (!word.is_empty()).then_some((start, word))
    })
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
