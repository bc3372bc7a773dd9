//! What is asked about everything that is stored.

use std::io;

use support::Value;

use crate::compare::{equal, rule};
use crate::run::{Both, Shown};
use support::script::Step;

/// Where a payload is restored to be looked at.
const COPY: &str = "{copy}\u{1}";

/// What to ask about one key so that any difference in it shows.
pub fn questions(kind: &str, key: &[u8]) -> Vec<Step> {
    let mut steps = vec![
        Step::once(&[b"TYPE", key]),
        Step::once(&[b"OBJECT", b"ENCODING", key]),
        Step::once(&[b"PTTL", key]),
    ];
    let whole: &[&[u8]] = match kind {
        "string" => &[b"GET", key],
        "list" => &[b"LRANGE", key, b"0", b"-1"],
        "hash" => &[b"HGETALL", key],
        "set" => &[b"SMEMBERS", key],
        "zset" => &[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
        "stream" => &[b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"],
        _ => &[b"EXISTS", key],
    };
    steps.push(Step::once(whole));
    steps
}

/// Has each server read what the other dumps. The reference then tells by its digest whether a copy
/// of what the subject has is what it has itself.
pub fn cross(both: &mut Both, key: &[u8]) -> io::Result<Option<(String, Shown)>> {
    let (a, b) = both.ask(&[b"DUMP", key])?;
    let (Value::Bulk(a), Value::Bulk(b)) = (&a, &b) else { return Ok(None) };
    let (ttl, _) = both.ask(&[b"PTTL", key])?;
    let lifetime: &[u8] = if ttl == Value::Int(-1) { b"0" } else { b"100000" };
    let restore = |payload: &[u8]| -> Vec<Vec<u8>> {
        [b"RESTORE", COPY.as_bytes(), lifetime, payload, b"REPLACE"].map(<[u8]>::to_vec).into()
    };
    let shown = || Step::once(&[b"DUMP", key]).show();
    let restored = both.reference.try_call(&restore(b))?;
    if !restored.is_ok() {
        return Ok(Some((shown(), ("read it".into(), restored.to_string()))));
    }
    let words: [&[u8]; 4] = [b"DEBUG", b"DIGEST-VALUE", key, COPY.as_bytes()];
    let digests = both.reference.try_call(&words)?.items();
    if digests[0] != digests[1] {
        return Ok(Some((shown(), (digests[0].to_string(), digests[1].to_string()))));
    }
    let restored = both.subject.try_call(&restore(a))?;
    if !restored.is_ok() {
        return Ok(Some((
            format!("{} of the reference", shown()),
            ("+OK".into(), restored.to_string()),
        )));
    }
    let (kind, _) = both.ask(&[b"TYPE", COPY.as_bytes()])?;
    for step in questions(&kind.text(), COPY.as_bytes()) {
        let (a, b) = both.ask(&step.words)?;
        if !equal(rule(&step, both.since.elapsed()), &a, &b, || false) {
            let what = format!("{} read from {}", step.show(), shown());
            return Ok(Some((what, (a.to_string(), b.to_string()))));
        }
    }
    both.ask(&["DEL", COPY])?;
    Ok(None)
}
