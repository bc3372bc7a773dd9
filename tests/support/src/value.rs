//! A reply as a tree, with a recursive reader that is only good for tests: it trusts the server's
//! lengths and its nesting.

use std::fmt;
use std::io::{self, BufRead};

/// One reply, RESP2 or RESP3. Doubles and big numbers keep their text, so that comparing two
/// replies compares bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Int(i64),
    Bulk(Vec<u8>),
    NullBulk,
    Array(Vec<Value>),
    NullArray,
    Null,
    Double(Vec<u8>),
    Bool(bool),
    BigNumber(Vec<u8>),
    /// Format (three letters) and text.
    Verbatim(Vec<u8>),
    Map(Vec<(Value, Value)>),
    Set(Vec<Value>),
    Push(Vec<Value>),
}

impl Value {
    /// Reads one reply; attributes before it are dropped.
    ///
    /// # Errors
    /// What the stream reports; `InvalidData` when a reply starts with an unknown byte.
    pub fn read(from: &mut impl BufRead) -> io::Result<Value> {
        let line = read_line(from)?;
        let (kind, rest) = line.split_first().ok_or_else(|| invalid("an empty line"))?;
        let rest = rest.to_vec();
        Ok(match kind {
            b'+' => Value::Simple(rest),
            b'-' => Value::Error(rest),
            b':' => Value::Int(number(&rest)?),
            b'$' if rest == b"-1" => Value::NullBulk,
            b'*' if rest == b"-1" => Value::NullArray,
            b'$' => Value::Bulk(read_bulk(from, &rest)?),
            b'!' => Value::Error(read_bulk(from, &rest)?),
            b'=' => Value::Verbatim(read_bulk(from, &rest)?),
            b'*' => Value::Array(read_items(from, number(&rest)?)?),
            b'~' => Value::Set(read_items(from, number(&rest)?)?),
            b'>' => Value::Push(read_items(from, number(&rest)?)?),
            b'%' => Value::Map(read_pairs(from, number(&rest)?)?),
            b'_' => Value::Null,
            b',' => Value::Double(rest),
            b'#' => Value::Bool(rest == b"t"),
            b'(' => Value::BigNumber(rest),
            b'|' => {
                read_pairs(from, number(&rest)?)?;
                Value::read(from)?
            }
            _ => return Err(invalid(&format!("a reply of unknown kind: {}", text(&line)))),
        })
    }

    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }

    /// An error whose text starts so.
    #[must_use]
    pub fn is_error_of(&self, code: &str) -> bool {
        matches!(self, Value::Error(text) if text.starts_with(code.as_bytes()))
    }

    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self, Value::Simple(text) if text == b"OK")
    }

    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null | Value::NullBulk | Value::NullArray)
    }

    /// The text of a simple string, a bulk, a verbatim string (without its format) or an error.
    ///
    /// # Panics
    /// For any other kind.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> String {
        match self {
            Value::Simple(bytes) | Value::Error(bytes) | Value::Bulk(bytes) => text(bytes),
            Value::Verbatim(bytes) => text(bytes.get(4..).unwrap_or_default()),
            other => panic!("no text: {other}"),
        }
    }

    /// # Panics
    /// If this is no integer.
    #[must_use]
    #[track_caller]
    pub fn int(&self) -> i64 {
        match self {
            Value::Int(number) => *number,
            other => panic!("no integer: {other}"),
        }
    }

    /// The elements of an array, a set or a push; a map's keys and values in turn.
    ///
    /// # Panics
    /// For any other kind.
    #[must_use]
    #[track_caller]
    pub fn items(&self) -> Vec<Value> {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => items.clone(),
            Value::Map(pairs) => {
                pairs.iter().flat_map(|(key, value)| [key.clone(), value.clone()]).collect()
            }
            other => panic!("no elements: {other}"),
        }
    }

    /// The value behind a name in a map or in a flat array of names and values.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Value> {
        let items = self.items();
        let found = items.chunks(2).find(|pair| pair[0] == Value::Bulk(name.into()))?;
        found.get(1).cloned()
    }

    /// The reply without points in time, durations and the layout of streams.
    #[must_use]
    pub fn timeless(&self) -> Value {
        const NAMES: [&str; 5] =
            ["seen-time", "idle", "inactive", "radix-tree-keys", "radix-tree-nodes"];
        let is_open = |value: &Value| match value {
            Value::Bulk(name) => NAMES.iter().any(|known| known.as_bytes() == name),
            _ => false,
        };
        /// Milliseconds since 1970 are larger, times that are given in scripts smaller.
        const RECENT: i64 = 1_000_000_000_000;
        match self {
            Value::Int(RECENT..) => Value::Int(RECENT),
            // An entry of XPENDING: id, consumer, idle time, count.
            Value::Array(items)
                if matches!(
                    items[..],
                    [Value::Bulk(_), Value::Bulk(_), Value::Int(_), Value::Int(_)]
                ) =>
            {
                Value::Array(vec![items[0].clone(), items[1].clone(), items[3].clone()])
            }
            Value::Array(items) => {
                let after_open = |at: usize| at % 2 == 1 && is_open(&items[at - 1]);
                let each = |(at, item): (usize, &Value)| {
                    if after_open(at) { Value::Null } else { item.timeless() }
                };
                Value::Array(items.iter().enumerate().map(each).collect())
            }
            Value::Map(pairs) => {
                let each = |(name, value): &(Value, Value)| {
                    (name.clone(), if is_open(name) { Value::Null } else { value.timeless() })
                };
                Value::Map(pairs.iter().map(each).collect())
            }
            other => other.clone(),
        }
    }
}

fn read_line(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    if !line.ends_with(b"\r\n") {
        let why = if line.is_empty() { "closed" } else { "closed inside a line" };
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
    }
    line.truncate(line.len() - 2);
    Ok(line)
}

fn read_bulk(from: &mut impl BufRead, length: &[u8]) -> io::Result<Vec<u8>> {
    let length = usize::try_from(number(length)?).map_err(|_| invalid("a negative length"))?;
    let mut bytes = vec![0; length + 2];
    from.read_exact(&mut bytes)?;
    bytes.truncate(length);
    Ok(bytes)
}

fn read_items(from: &mut impl BufRead, count: i64) -> io::Result<Vec<Value>> {
    (0..count).map(|_| Value::read(from)).collect()
}

fn read_pairs(from: &mut impl BufRead, count: i64) -> io::Result<Vec<(Value, Value)>> {
    (0..count).map(|_| Ok((Value::read(from)?, Value::read(from)?))).collect()
}

fn number(digits: &[u8]) -> io::Result<i64> {
    let parsed = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    parsed.ok_or_else(|| invalid(&format!("no number: {}", text(digits))))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, open: &str, items: &[Value], close: &str| {
            let items: Vec<String> = items.iter().map(Value::to_string).collect();
            write!(f, "{open}{}{close}", items.join(", "))
        };
        match self {
            Value::Simple(bytes) => write!(f, "+{}", bytes.escape_ascii()),
            Value::Error(bytes) => write!(f, "-{}", bytes.escape_ascii()),
            Value::Int(number) => write!(f, "(integer) {number}"),
            Value::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Value::NullBulk => write!(f, "(null bulk)"),
            Value::NullArray => write!(f, "(null array)"),
            Value::Null => write!(f, "(null)"),
            Value::Double(bytes) => write!(f, "(double) {}", bytes.escape_ascii()),
            Value::Bool(truth) => write!(f, "({truth})"),
            Value::BigNumber(bytes) => write!(f, "(big number) {}", bytes.escape_ascii()),
            Value::Verbatim(bytes) => write!(f, "(verbatim) \"{}\"", bytes.escape_ascii()),
            Value::Array(items) => list(f, "[", items, "]"),
            Value::Set(items) => list(f, "(set) [", items, "]"),
            Value::Push(items) => list(f, "(push) [", items, "]"),
            Value::Map(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}: {v}")).collect();
                write!(f, "{{{}}}", pairs.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_reply_is_read_and_shown() {
        let cases: [(&[u8], &str); 15] = [
            (b"+OK\r\n", "+OK"),
            (b"-ERR no\r\n", "-ERR no"),
            (b":-3\r\n", "(integer) -3"),
            (b"$4\r\na\r\nb\r\n", "\"a\\r\\nb\""),
            (b"$-1\r\n", "(null bulk)"),
            (b"*-1\r\n", "(null array)"),
            (b"*2\r\n:1\r\n*0\r\n", "[(integer) 1, []]"),
            (b"_\r\n", "(null)"),
            (b",1.5\r\n", "(double) 1.5"),
            (b"#t\r\n", "(true)"),
            (b"(123\r\n", "(big number) 123"),
            (b"=5\r\ntxt:a\r\n", "(verbatim) \"txt:a\""),
            (b"%1\r\n$1\r\nk\r\n~1\r\n:1\r\n", "{\"k\": (set) [(integer) 1]}"),
            (b">1\r\n+m\r\n", "(push) [+m]"),
            (b"|1\r\n+a\r\n+b\r\n:7\r\n", "(integer) 7"),
        ];
        for (mut bytes, shown) in cases {
            assert_eq!(Value::read(&mut bytes).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_closed_or_garbled_stream_is_an_error() {
        for bytes in [&b""[..], b"$5\r\nab", b"+OK", b"?\r\n", b":x\r\n"] {
            assert!(Value::read(&mut &bytes[..]).is_err(), "{}", bytes.escape_ascii());
        }
    }
}
