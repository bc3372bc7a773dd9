//! Splitting a line into words and quoting a word, as redis.conf and inline commands do it.

/// The line has an unclosed quote, or a closing quote that is not followed by a blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unbalanced quotes in configuration line")]
pub struct Unbalanced;

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0)
}

/// The words of a line.
///
/// Words are separated by blanks. `"…"` keeps blanks and knows `\n \r \t \b \a \xHH` and `\` before
/// any other byte; `'…'` keeps blanks and knows `\'` alone. O(length).
///
/// # Errors
/// [`Unbalanced`] when a quote is not closed or something follows its close directly.
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

/// Reads one word from the start of `rest` and returns what follows it.
fn read_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        match rest {
            [] => return Ok(rest),
            [blank, ..] if is_blank(*blank) => return Ok(rest),
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
