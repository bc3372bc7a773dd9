//! Lines of words and quotes, as redis.conf and inline requests have them.

/// A quote is not closed, or something follows its close directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unbalanced quotes in configuration line")]
pub struct Unbalanced;

/// Splits a line into words.
///
/// Words are separated by blanks. `"…"` keeps blanks and knows `\n \r \t \b \a \xHH` and `\`
/// before any other byte; `'…'` keeps blanks and knows `\'` alone. A quote may open inside a word.
/// Vertical tabs and form feeds are blanks between words but do not end a bare one: odd, but that
/// is how a Redis server reads them. O(length).
///
/// # Errors
/// When quotes are not balanced.
pub fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, Unbalanced> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let start = rest.iter().position(|byte| !is_blank(*byte)).unwrap_or(rest.len());
        rest = &rest[start..];
        if rest.is_empty() {
            return Ok(words);
        }
        let mut word = Vec::new();
        rest = read_word(rest, &mut word)?;
        words.push(word);
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Reads one word from the start of `rest` and returns what follows it.
fn read_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        match rest {
            [] | [b' ' | b'\t' | b'\n' | b'\r', ..] => return Ok(rest),
            [quote @ (b'"' | b'\''), after @ ..] => {
                let after = match quote {
                    b'"' => read_double(after, word)?,
                    _ => read_single(after, word)?,
                };
                return match after {
                    [next, ..] if !is_blank(*next) => Err(Unbalanced),
                    _ => Ok(after),
                };
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

fn read_double<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        let (byte, after) = match rest {
            [] => return Err(Unbalanced),
            [b'"', after @ ..] => return Ok(after),
            [b'\\', b'x', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex_digit(*high) << 4 | hex_digit(*low), after)
            }
            [b'\\', escaped, after @ ..] => (unescape(*escaped), after),
            [byte, after @ ..] => (*byte, after),
        };
        word.push(byte);
        rest = after;
    }
}

fn read_single<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        let (byte, after) = match rest {
            [] => return Err(Unbalanced),
            [b'\'', after @ ..] => return Ok(after),
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [byte, after @ ..] => (*byte, after),
        };
        word.push(byte);
        rest = after;
    }
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

fn unescape(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// The word in double quotes; [`split`] reads it back unchanged.
#[must_use]
pub fn quote(word: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len() + 2);
    out.push(b'"');
    for byte in word {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', *byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x07 => out.extend(b"\\a"),
            0x08 => out.extend(b"\\b"),
            b' '..=b'~' => out.push(*byte),
            other => out.extend(format!("\\x{other:02x}").into_bytes()),
        }
    }
    out.push(b'"');
    out
}

/// The word as it is if [`split`] reads it back unchanged, and in quotes otherwise.
#[must_use]
pub fn quote_if_needed(word: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| (b'!'..=b'~').contains(byte) && !matches!(byte, b'"' | b'\'' | b'\\');
    let bare = !word.is_empty() && word[0] != b'#' && word.iter().all(plain);
    if bare { word.to_vec() } else { quote(word) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_redis_server_splits_them() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  \t\x0b\x0c ", &[]),
            ("PING", &["PING"]),
            (" PING  a\tb ", &["PING", "a", "b"]),
            ("PING a\rb", &["PING", "a", "b"]),
            ("PING\x0ba", &["PING\x0ba"]),
            ("PING \"a b\"", &["PING", "a b"]),
            ("PING a\"b c\"", &["PING", "ab c"]),
            ("PING 'a\\'b\\n'", &["PING", "a'b\\n"]),
            ("\"\\x41\\n\\r\\t\\b\\a\\z\\xzz\\\"\"", &["A\n\r\t\x08\x07zxzz\""]),
            ("PING \"\" ''", &["PING", "", ""]),
            ("\"\\x4\"", &["x4"]),
            ("'a\\\\b'", &["a\\\\b"]),
            ("PING \"a\rb\"", &["PING", "a\rb"]),
            ("a\0b", &["a\0b"]),
        ];
        for (line, words) in cases {
            let found = split(line.as_bytes()).expect("balanced");
            assert!(
                found.iter().map(Vec::as_slice).eq(words.iter().map(|w| w.as_bytes())),
                "{line:?}"
            );
        }
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in
            ["\"a", "'a", "\"a\"b", "a\"b\"'c'", "a'b'c", "a\\\"b", "\"a\\", "\"\\x4", "'\\'"]
        {
            assert_eq!(split(line.as_bytes()), Err(Unbalanced), "{line:?}");
        }
    }

    #[test]
    fn quoting_is_undone_by_splitting() {
        let all: Vec<u8> = (0..=255).collect();
        for word in [all.as_slice(), b"", b"#x", b"a b", b"plain", b"'", b"\\n"] {
            for quoted in [quote(word), quote_if_needed(word)] {
                assert_eq!(split(&quoted), Ok(vec![word.to_vec()]), "{}", quoted.escape_ascii());
            }
        }
        assert_eq!(quote_if_needed(b"127.0.0.1"), b"127.0.0.1");
        assert!(split(b"\"a\"b").is_err());
    }
}
