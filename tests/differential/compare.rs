//! When two replies count as equal.

use std::time::Duration;

use support::Value;

use support::script::{Step, is_open_sort};

/// What the reference leaves open in the reply to one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Exact,
    /// The order of the elements is open.
    Unordered,
    /// [`Rule::Unordered`], once the key's encoding is a table; packed ones have an order.
    UnorderedTable,
    /// The same for names and values in turn.
    UnorderedTableOfPairs,
    /// Numbers may differ by so much.
    Near(i64),
    /// Exact but for points in time, how long ago they are, and how a stream is laid out.
    Times,
    /// The values are open, their kinds and number are not.
    Shape,
    /// How many elements there are.
    Length,
    /// Only errors are compared.
    Errors,
}

/// The rule for a step, so long after the script began: what one server did at its beginning the
/// other did no later than now, so that times may differ by that, and by how they are rounded.
pub fn rule(step: &Step, passed: Duration) -> Rule {
    let seconds = Rule::Near(2 + passed.as_secs() as i64);
    let upper: Vec<String> =
        step.words.iter().map(|word| String::from_utf8_lossy(word).to_ascii_uppercase()).collect();
    let has = |option: &str| upper.iter().skip(1).any(|word| word == option);
    match upper[0].as_str() {
        "KEYS" | "SINTER" | "SUNION" | "SDIFF" => Rule::Unordered,
        "SMEMBERS" | "HKEYS" | "HVALS" => Rule::UnorderedTable,
        "HGETALL" => Rule::UnorderedTableOfPairs,
        "SPOP" | "SRANDMEMBER" | "HRANDFIELD" | "ZRANDMEMBER" | "RANDOMKEY" => Rule::Shape,
        "TTL" | "EXPIRETIME" => seconds,
        "PTTL" | "PEXPIRETIME" => Rule::Near(2000 + passed.as_millis() as i64),
        // Small integers of all keys share one time of use in Redis.
        "OBJECT" if has("IDLETIME") => Rule::Shape,
        "SORT" | "SORT_RO" if !is_open_sort(&step.words) => Rule::Exact,
        "SORT" | "SORT_RO" if has("GET") => Rule::Length,
        "SORT" | "SORT_RO" if has("LIMIT") => Rule::Shape,
        "SORT" | "SORT_RO" => Rule::Unordered,
        "SCAN" | "SSCAN" | "HSCAN" | "ZSCAN" => Rule::Errors,
        "XPENDING" if step.words.len() > 3 => Rule::Times,
        "XINFO" => Rule::Times,
        "OBJECT" if has("FREQ") => Rule::Near(10),
        "GEORADIUS"
        | "GEORADIUS_RO"
        | "GEORADIUSBYMEMBER"
        | "GEORADIUSBYMEMBER_RO"
        | "GEOSEARCH"
            if has("ANY") =>
        {
            Rule::Shape
        }
        "GEORADIUS"
        | "GEORADIUS_RO"
        | "GEORADIUSBYMEMBER"
        | "GEORADIUSBYMEMBER_RO"
        | "GEOSEARCH"
            if !has("ASC") && !has("DESC") =>
        {
            Rule::Unordered
        }
        // Expired keys count until they are swept.
        "DBSIZE" => Rule::Near(2),
        _ => Rule::Exact,
    }
}

/// `packed`: the key's elements are in a packed encoding on both servers.
pub fn equal(rule: Rule, a: &Value, b: &Value, packed: impl FnOnce() -> bool) -> bool {
    if a == b {
        return true;
    }
    match rule {
        Rule::Exact => false,
        Rule::Near(distance) => match (a, b) {
            (Value::Int(a), Value::Int(b)) => {
                *a >= 0 && *b >= 0 && a.abs_diff(*b) <= distance as u64
            }
            _ => false,
        },
        Rule::Shape => same_shape(a, b),
        Rule::Length => match (a, b) {
            (Value::Array(a), Value::Array(b)) => a.len() == b.len(),
            _ => same_shape(a, b),
        },
        Rule::Times => a.timeless() == b.timeless(),
        Rule::Errors => !a.is_error() && !b.is_error(),
        _ if std::mem::discriminant(a) != std::mem::discriminant(b) => false,
        Rule::Unordered => sorted(a, 1) == sorted(b, 1),
        Rule::UnorderedTable => sorted(a, 1) == sorted(b, 1) && !packed(),
        Rule::UnorderedTableOfPairs => sorted(a, 2) == sorted(b, 2) && !packed(),
    }
}

/// The elements of an aggregate, `size` at a time, in an order of their own.
pub fn sorted(value: &Value, size: usize) -> Vec<Vec<Value>> {
    let mut groups: Vec<Vec<Value>> = match value {
        Value::Array(items) | Value::Set(items) => items.chunks(size).map(<[_]>::to_vec).collect(),
        Value::Map(pairs) => pairs.iter().map(|(k, v)| vec![k.clone(), v.clone()]).collect(),
        other => vec![vec![other.clone()]],
    };
    groups.sort();
    groups
}

fn same_shape(a: &Value, b: &Value) -> bool {
    let all = |a: &[Value], b: &[Value]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b))
    };
    match (a, b) {
        (Value::Array(a), Value::Array(b)) | (Value::Set(a), Value::Set(b)) => all(a, b),
        (Value::Map(a), Value::Map(b)) => {
            let values = |pairs: &[(Value, Value)]| -> Vec<Value> {
                pairs.iter().map(|(_, value)| value.clone()).collect()
            };
            all(&values(a), &values(b))
        }
        (Value::Error(a), Value::Error(b)) => a == b,
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equal_for(command: &str, a: &str, b: &str) -> bool {
        let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        let read = |text: &str| Value::read(&mut text.replace('|', "\r\n").as_bytes()).unwrap();
        equal(rule(&Step::once(&words), Duration::ZERO), &read(a), &read(b), || true)
    }

    #[test]
    fn times_may_differ_by_what_has_passed() {
        let near = |command: &str, seconds: u64, a: i64, b: i64| {
            let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
            let rule = rule(&Step::once(&words), Duration::from_secs(seconds));
            equal(rule, &Value::Int(a), &Value::Int(b), || true)
        };
        assert!(near("TTL a", 3, 10, 15) && !near("TTL a", 3, 10, 16));
        assert!(near("PTTL a", 3, 10_000, 15_000) && !near("PTTL a", 3, 10_000, 15_001));
        assert!(!near("STRLEN a", 3, 10, 11));
    }

    #[test]
    fn differences_that_matter_are_seen() {
        assert!(!equal_for("GET a", "$1|x|", "$1|y|"));
        assert!(!equal_for("GET a", "$-1|", "_|"));
        assert!(!equal_for("GET a", "-ERR a|", "-ERR b|"));
        assert!(!equal_for("TTL a", ":-1|", ":-2|"));
        assert!(!equal_for("TTL a", ":10|", ":13|"));
        assert!(!equal_for("SUNION a", "*2|:1|:2|", "*2|:1|:1|"));
        assert!(!equal_for("SUNION a", "*1|:1|", "~1|:1|"));
        assert!(!equal_for("HGETALL a", "*4|:1|:2|:3|:4|", "*4|:3|:4|:1|:2|"));
        assert!(!equal_for("HGETALL a", "*4|:1|:2|:3|:4|", "*4|:1|:4|:3|:2|"));
        assert!(!equal_for("SRANDMEMBER a 2", "*2|:1|:2|", "*1|:1|"));
        assert!(!equal_for("SRANDMEMBER a 2", "-ERR a|", "-ERR b|"));
    }

    #[test]
    fn differences_that_are_open_are_not() {
        assert!(equal_for("TTL a", ":10|", ":11|"));
        assert!(equal_for("KEYS *", "*2|$1|a|$1|b|", "*2|$1|b|$1|a|"));
        assert!(equal_for("SRANDMEMBER a", "$1|a|", "$1|b|"));
    }
}
