//! Inline requests: a line of words, as a person types it into `telnet` or a peer into a
//! configuration file.

/// Splits a line into words; `None` when its quotes are not balanced.
///
/// Words are separated by blanks. `"…"` takes `\n \r \t \b \a`, `\xhh` and `\` before any other
/// byte; `'…'` takes only `\'`. A quote may open inside a word, and what follows a closing one must
/// be a blank or the end. Vertical tabs and form feeds are blanks between words but do not end a
/// bare one: odd, but that is how a Redis server reads them.
#[must_use]
pub fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        while line.get(at).copied().is_some_and(is_blank) {
            at += 1;
        }
        if at == line.len() {
            return Some(words);
        }
        let mut word = Vec::new();
        at = read_word(line, at, &mut word)?;
        words.push(word);
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Reads one word from `at` on and returns where it ends.
fn read_word(line: &[u8], mut at: usize, word: &mut Vec<u8>) -> Option<usize> {
    while let Some(&byte) = line.get(at) {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => break,
            b'"' | b'\'' => {
                at = if byte == b'"' {
                    read_double_quoted(line, at + 1, word)?
                } else {
                    read_single_quoted(line, at + 1, word)?
                };
                let ends = line.get(at).copied().is_none_or(is_blank);
                return ends.then_some(at);
            }
            _ => word.push(byte),
        }
        at += 1;
    }
    Some(at)
}

/// Reads up to the closing `"` and returns the position after it.
fn read_double_quoted(line: &[u8], mut at: usize, word: &mut Vec<u8>) -> Option<usize> {
    loop {
        let (byte, taken) = match line.get(at..)? {
            [] => return None,
            [b'"', ..] => return Some(at + 1),
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) << 4 | hex(*low), 4)
            }
            [b'\\', escaped, ..] => (unescape(*escaped), 2),
            [byte, ..] => (*byte, 1),
        };
        word.push(byte);
        at += taken;
    }
}

/// Reads up to the closing `'` and returns the position after it.
fn read_single_quoted(line: &[u8], mut at: usize, word: &mut Vec<u8>) -> Option<usize> {
    loop {
        let (byte, taken) = match line.get(at..)? {
            [] => return None,
            [b'\'', ..] => return Some(at + 1),
            [b'\\', b'\'', ..] => (b'\'', 2),
            [byte, ..] => (*byte, 1),
        };
        word.push(byte);
        at += taken;
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
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
            assert_eq!(split(line.as_bytes()), None, "{line:?}");
        }
    }
}
