//! What the servers say about their commands: COMMAND INFO, DOCS, GETKEYS, LIST.

use std::collections::BTreeSet;

use fastrand::Rng;
use support::{Client, Value, encode};

use crate::pair::Pair;
use support::grammar;
use support::script::Step;

/// The names of all commands and subcommands (`object|encoding`) that a server lists.
pub fn command_list(client: &mut Client) -> impl Iterator<Item = String> {
    let reply = client.run("COMMAND LIST");
    reply.items().into_iter().map(|name| name.text().to_ascii_lowercase())
}

/// Top-level commands that both servers have.
fn shared(pair: &Pair) -> Vec<String> {
    let of = |client: &mut Client| -> BTreeSet<String> {
        command_list(client).filter(|name| !name.contains('|')).collect()
    };
    let reference = of(&mut pair.reference.client());
    let subject = of(&mut pair.subject.client());
    reference.intersection(&subject).cloned().collect()
}

/// Asks both the same about each shared command and lists the differences.
fn differences(pair: &Pair, question: &[&str], protocol: &str) -> Vec<String> {
    let (mut reference, mut subject) = (pair.reference.client(), pair.subject.client());
    reference.call(&["HELLO", protocol]);
    subject.call(&["HELLO", protocol]);
    let mut found = Vec::new();
    for name in shared(pair) {
        let mut words = question.to_vec();
        words.push(&name);
        if is_known(pair, &words) {
            continue;
        }
        let (a, b) = (normal(reference.call(&words)), normal(subject.call(&words)));
        first_difference(&name, &a, &b, &mut found);
    }
    found
}

/// Flags, categories and subcommands in an order of their own.
fn normal(value: Value) -> Value {
    match value {
        Value::Set(items) => {
            let mut items: Vec<Value> = items.into_iter().map(normal).collect();
            items.sort();
            Value::Set(items)
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(normal).collect();
            let all_simple = items.iter().all(|item| matches!(item, Value::Simple(_)));
            let all_commands = items.iter().all(is_command_entry);
            if all_simple || all_commands {
                items.sort();
            }
            Value::Array(items)
        }
        Value::Map(pairs) => {
            let mut pairs: Vec<(Value, Value)> =
                pairs.into_iter().map(|(k, v)| (k, normal(v))).collect();
            if pairs.iter().all(|(key, _)| matches!(key, Value::Bulk(k) if k.contains(&b'|'))) {
                pairs.sort();
            }
            Value::Map(pairs)
        }
        other => other,
    }
}

/// An entry of COMMAND INFO: name, arity, flags…
fn is_command_entry(value: &Value) -> bool {
    matches!(value, Value::Array(parts) if parts.len() == 10)
}

/// A list of subcommands without those that the other list lacks; anything else as it is.
fn shared_part(value: &Value, other: &Value) -> Value {
    let mut value = value.clone();
    match (&mut value, other) {
        (Value::Array(own), Value::Array(others))
            if own.iter().chain(others).all(is_command_entry) =>
        {
            let names: Vec<Value> = others.iter().map(|entry| entry.items()[0].clone()).collect();
            own.retain(|entry| names.contains(&entry.items()[0]));
        }
        (Value::Map(own), Value::Map(others)) => {
            own.retain(|(name, _)| {
                let is_command = matches!(name, Value::Bulk(name) if name.contains(&b'|'));
                !is_command || others.iter().any(|(known, _)| known == name)
            });
        }
        _ => {}
    }
    value
}

/// Names the deepest place where two trees part.
fn first_difference(path: &str, a: &Value, b: &Value, found: &mut Vec<String>) {
    let (a, b) = (&shared_part(a, b), &shared_part(b, a));
    if a == b {
        return;
    }
    let part = |value: &Value| match value {
        Value::Array(parts) if is_command_entry(value) => parts[0].text(),
        _ => String::new(),
    };
    match (a, b) {
        (Value::Array(left), Value::Array(right)) | (Value::Set(left), Value::Set(right))
            if left.len() == right.len() =>
        {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                first_difference(&format!("{path} {index} {}", part(left)), left, right, found);
            }
        }
        (Value::Map(left), Value::Map(right)) if left.len() == right.len() => {
            for (left, right) in left.iter().zip(right) {
                if left.0 == right.0 {
                    first_difference(&format!("{path} {}", left.0), &left.1, &right.1, found);
                } else {
                    found.push(format!("{path}: reference {}, redpoll {}", left.0, right.0));
                }
            }
        }
        _ => found.push(format!("{path}: reference {a}, redpoll {b}")),
    }
}

/// Is this question in `known.txt`?
fn is_known<A: AsRef<[u8]>>(pair: &Pair, words: &[A]) -> bool {
    let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
    pair.known.covers(&Step::once(&words))
}

fn expect_none(what: &str, found: &[String]) {
    let shown: Vec<String> =
        found.iter().take(30).map(|line| line.chars().take(250).collect()).collect();
    assert!(found.is_empty(), "{what}: {} differences\n{}", found.len(), shown.join("\n"));
}

#[test]
fn command_info_is_equal() {
    let Some(pair) = Pair::start() else { return };
    let mut found = differences(&pair, &["COMMAND", "INFO"], "2");
    found.extend(differences(&pair, &["COMMAND", "INFO"], "3"));
    expect_none("COMMAND INFO", &found);
}

#[test]
fn command_docs_are_equal() {
    let Some(pair) = Pair::start() else { return };
    expect_none("COMMAND DOCS", &differences(&pair, &["COMMAND", "DOCS"], "3"));
    let (mut reference, mut subject) = (pair.reference.client(), pair.subject.client());
    let flat = ["COMMAND", "DOCS", "get"];
    assert_eq!(reference.call(&flat), subject.call(&flat));
}

#[test]
fn keys_are_found_in_the_same_places() {
    let Some(pair) = Pair::start() else { return };
    let (mut reference, mut subject) = (pair.reference.client(), pair.subject.client());
    let names: BTreeSet<String> = command_list(&mut subject).collect();
    let mut rng = Rng::with_seed(1);
    let mut found = Vec::new();
    for grammar in grammar::all(&mut reference) {
        if !names.contains(&grammar.name) {
            continue;
        }
        let mut questions = Vec::new();
        for serial in 0..30 {
            let command = grammar.generate(&mut rng, 1_000_000, serial);
            for question in ["GETKEYS", "GETKEYSANDFLAGS"] {
                let mut words = vec![b"COMMAND".to_vec(), question.into()];
                words.extend(command.clone());
                questions.push(words);
            }
        }
        questions.retain(|words| !is_known(&pair, words));
        // All at once: many turns of two servers on a busy machine would take their time.
        let sent: Vec<u8> = questions.iter().flat_map(|words| encode(words)).collect();
        for client in [&mut reference, &mut subject] {
            client.send(&sent).expect("the server reads");
        }
        for words in &questions {
            let answer = |client: &mut Client| normal(client.read().expect("an answer"));
            let (a, b) = (answer(&mut reference), answer(&mut subject));
            let shown: Vec<String> =
                words[1..].iter().map(|word| word.escape_ascii().to_string()).collect();
            first_difference(&shown.join(" "), &a, &b, &mut found);
        }
    }
    expect_none("keys", &found);
}

#[test]
fn filtered_command_lists_are_equal() {
    let Some(pair) = Pair::start() else { return };
    let (mut reference, mut subject) = (pair.reference.client(), pair.subject.client());
    let both: BTreeSet<String> = shared(&pair).into_iter().collect();
    let mut found = Vec::new();
    let categories = reference.run("ACL CAT").items();
    let mut filters: Vec<String> =
        categories.iter().map(|category| format!("ACLCAT {}", category.text())).collect();
    for pattern in ["*", "h*", "?et", "x[ar]*", "nothing", "GET"] {
        filters.push(format!("PATTERN {pattern}"));
    }
    filters.extend(["ACLCAT unheard".into(), "MODULE none".into(), "UNHEARD x".into()]);
    for filter in filters {
        let question = format!("COMMAND LIST FILTERBY {filter}");
        let (a, b) = (reference.run(&question), subject.run(&question));
        let of = |reply: &Value| -> Value {
            let Value::Array(names) = reply else { return reply.clone() };
            let mut names = names.clone();
            names.retain(|name| both.contains(&name.text()));
            names.sort();
            Value::Array(names)
        };
        first_difference(&filter, &of(&a), &of(&b), &mut found);
    }
    expect_none("COMMAND LIST FILTERBY", &found);
}

#[test]
fn differing_descriptions_are_noticed() {
    let list = |flags: &[&str]| {
        normal(Value::Array(flags.iter().map(|flag| Value::Simple((*flag).into())).collect()))
    };
    let mut found = Vec::new();
    first_difference("get", &list(&["fast", "readonly"]), &list(&["readonly", "fast"]), &mut found);
    assert_eq!(found, [""; 0]);
    first_difference("get", &list(&["fast"]), &list(&["write"]), &mut found);
    assert_eq!(found, ["get 0 : reference +fast, redpoll +write"]);
}
