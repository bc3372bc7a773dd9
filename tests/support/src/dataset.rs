//! Whether two servers hold the same.

use crate::{Client, Value, is_usual_reference};

/// Databases that tests use.
const DATABASES: usize = 16;

/// A text that is the same for servers that hold the same keys with the same values. Leaves the
/// client in database 0.
///
/// This is DEBUG DIGEST, unless the reference is another server than usual: digests are made of
/// scores as they are printed, and of times of fields, and versions differ in both.
///
/// # Panics
/// If the server refuses.
#[must_use]
#[track_caller]
pub fn digest(client: &mut Client) -> String {
    if is_usual_reference() {
        return client.run("DEBUG DIGEST").to_string();
    }
    let mut found = String::new();
    for db in 0..DATABASES {
        assert!(client.run(&format!("SELECT {db}")).is_ok(), "database {db}");
        let mut names: Vec<Vec<u8>> = client.run("KEYS *").items().iter().map(bytes).collect();
        names.sort();
        for name in names {
            let expiry = client.call(&[&b"PEXPIRETIME"[..], &name]);
            let value = value(client, &name);
            found += &format!("{db} {} {expiry} {value}\n", name.escape_ascii());
        }
    }
    assert!(client.run("SELECT 0").is_ok());
    found
}

fn value(client: &mut Client, name: &[u8]) -> String {
    let elements = |client: &mut Client, command: &[&[u8]]| {
        let elements = client.call(&[&[command[0], name], &command[1..]].concat()).items();
        let pairs: Vec<_> = elements.chunks(2).map(|p| (bytes(&p[0]), bytes(&p[1]))).collect();
        pairs
    };
    match client.call(&[&b"TYPE"[..], name]).text().as_str() {
        "zset" => {
            let members = elements(client, &[b"ZRANGE", b"0", b"-1", b"WITHSCORES"]);
            let bits = |score: &[u8]| {
                let text = std::str::from_utf8(score).expect("a score");
                text.parse::<f64>().expect("a score").to_bits()
            };
            let scores = members.iter().map(|(member, score)| (member, bits(score)));
            format!("{:?}", scores.collect::<Vec<_>>())
        }
        "hash" => {
            let mut fields = elements(client, &[b"HGETALL"]);
            fields.sort();
            format!("{fields:?}")
        }
        _ => client.call(&[&b"DEBUG"[..], b"DIGEST-VALUE", name]).to_string(),
    }
}

#[track_caller]
fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Bulk(bytes) => bytes.clone(),
        other => panic!("no string: {other}"),
    }
}

/// Does the server know a command?
///
/// # Panics
/// If it does not answer.
#[must_use]
#[track_caller]
pub fn knows(client: &mut Client, command: &str) -> bool {
    !client.call(&["COMMAND", "INFO", command]).items()[0].is_null()
}
