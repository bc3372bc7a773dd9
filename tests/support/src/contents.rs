//! Everything that a server holds, to be compared key by key.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::{Client, Value, encode};

/// What is behind every key of some databases.
pub type Contents = BTreeMap<String, String>;

/// What Redis 7.0 does not tell its replicas of a group.
const OPEN: [&str; 2] = ["entries-read", "lag"];

/// [`contents_without`] what replicas of Redis' need not know.
///
/// # Panics
/// If the server does not answer, or refuses DEBUG.
#[must_use]
#[track_caller]
pub fn contents(databases: Range<u8>, client: &mut Client) -> Contents {
    contents_without(&OPEN, databases, client)
}

/// Values, as DEBUG DIGEST-VALUE has them, with the moments at which they expire and with what
/// XINFO STREAM FULL says, but for times and these fields.
///
/// # Panics
/// As [`contents`].
#[must_use]
#[track_caller]
pub fn contents_without(open: &[&str], databases: Range<u8>, client: &mut Client) -> Contents {
    let mut found = Contents::new();
    for db in databases.map(|db| db.to_string()) {
        let select = vec![&b"SELECT"[..], db.as_bytes()];
        let keys = ask_all(client, &[select, vec![b"KEYS", b"*"]]).remove(1).items();
        let keys = keys.iter().filter_map(|key| match key {
            Value::Bulk(key) => Some(key.as_slice()),
            _ => None,
        });
        let keys: Vec<&[u8]> = keys.collect();
        // Most are errors for most types.
        let questions = keys.iter().flat_map(|&key| {
            [
                vec![&b"DEBUG"[..], b"DIGEST-VALUE", key],
                vec![&b"PEXPIRETIME"[..], key],
                vec![&b"XINFO"[..], b"STREAM", key, b"FULL"],
                vec![&b"GETRANGE"[..], key, b"0", b"3"],
                vec![&b"HKEYS"[..], key],
            ]
        });
        let answers = ask_all(client, &questions.collect::<Vec<_>>());
        for (key, answers) in keys.iter().zip(answers.chunks(5)) {
            let [digest, until, stream, head, fields] = answers else { unreachable!("as asked") };
            let stream = without(open, &stream.timeless());
            let value = match head {
                Value::Bulk(head) if head == b"HYLL" => registers(client, key),
                _ => digest.items()[0].text(),
            };
            let lifetimes = lifetimes(client, key, fields);
            let shown = format!("{value} until {until}, {stream}{lifetimes}");
            found.insert(format!("{db}/{}", key.escape_ascii()), shown);
        }
    }
    found
}

/// A HyperLogLog without the count it keeps: PFCOUNT changes that on replicas of Redis' kind.
fn registers(client: &mut Client, key: &[u8]) -> String {
    let Value::Bulk(mut bytes) = client.call(&[b"GET", key]) else { return String::new() };
    bytes.iter_mut().take(16).skip(8).for_each(|byte| *byte = 0);
    bytes.escape_ascii().to_string()
}

/// When fields expire, which no digest tells.
fn lifetimes(client: &mut Client, key: &[u8], fields: &Value) -> String {
    let Value::Array(fields) = fields else { return String::new() };
    let fields = fields.iter().filter_map(|field| match field {
        Value::Bulk(field) => Some(field.as_slice()),
        _ => None,
    });
    let fields: Vec<&[u8]> = fields.collect();
    let count = fields.len().to_string();
    let question = [&[b"HPEXPIRETIME", key, b"FIELDS", count.as_bytes()], &fields[..]].concat();
    let Value::Array(times) = client.call(&question) else { return String::new() };
    let each = times.iter().zip(&fields).filter(|(time, _)| **time != Value::Int(-1));
    let mut each: Vec<String> =
        each.map(|(time, field)| format!("; {} until {time}", field.escape_ascii())).collect();
    each.sort();
    each.concat()
}

/// A reply without what stands behind these names.
fn without(names: &[&str], value: &Value) -> Value {
    let is_named = |value: &Value| match value {
        Value::Bulk(name) => names.iter().any(|known| known.as_bytes() == name),
        _ => false,
    };
    let Value::Array(items) = value else { return value.clone() };
    let each = |(at, item): (usize, &Value)| {
        if at % 2 == 1 && is_named(&items[at - 1]) { Value::Null } else { without(names, item) }
    };
    Value::Array(items.iter().enumerate().map(each).collect())
}

/// Sends all at once; what is answered.
///
/// # Panics
/// If the server does not answer all.
#[track_caller]
pub fn ask_all(client: &mut Client, commands: &[Vec<&[u8]>]) -> Vec<Value> {
    let bytes: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
    client.send(&bytes).expect("the server reads");
    commands.iter().map(|_| client.read().expect("the server answers")).collect()
}

/// What the two have differently: the first ten of it.
#[must_use]
pub fn differences(one: &Contents, other: &Contents) -> Vec<String> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differing = names.into_iter().filter(|name| one.get(*name) != other.get(*name));
    differing
        .take(10)
        .map(|name| format!("{name}:\n    {:?}\n    {:?}", one.get(name), other.get(name)))
        .collect()
}
