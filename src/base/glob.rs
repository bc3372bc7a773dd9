//! Glob patterns as KEYS, SCAN, CONFIG GET and PSUBSCRIBE understand them.

/// Whether `text` matches `pattern`: `*`, `?`, `[a-z]`, `[^x]` and `\` to quote; bytes, not
/// characters.
///
/// An unclosed `[` closes at the pattern's end, as Redis has it. O(pattern × text) at worst: a `*`
/// that fails to match only ever sends the search back to the latest `*`.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if p < pattern.len() && pattern[p] == b'*' {
            retry = Some((p + 1, t));
            p += 1;
            continue;
        }
        if t == text.len() {
            return p == pattern.len();
        }
        if let Some(next) = match_one(pattern, p, text[t], ignore_case) {
            p = next;
            t += 1;
            continue;
        }
        match retry {
            Some((after_star, from)) => {
                (p, t) = (after_star, from + 1);
                retry = Some((after_star, from + 1));
            }
            None => return false,
        }
    }
}

/// Matches one byte against the pattern element at `p`; the index after that element if it matches.
fn match_one(pattern: &[u8], p: usize, byte: u8, ignore_case: bool) -> Option<usize> {
    let fold = |b: u8| if ignore_case { b.to_ascii_lowercase() } else { b };
    match *pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => match_class(pattern, p + 1, byte, ignore_case),
        b'\\' if p + 1 < pattern.len() => (fold(pattern[p + 1]) == fold(byte)).then_some(p + 2),
        literal => (fold(literal) == fold(byte)).then_some(p + 1),
    }
}

/// A `[...]` class whose first element stands at `p`.
fn match_class(pattern: &[u8], mut p: usize, byte: u8, ignore_case: bool) -> Option<usize> {
    let fold = |b: u8| if ignore_case { b.to_ascii_lowercase() } else { b };
    let negated = pattern.get(p) == Some(&b'^');
    p += usize::from(negated);
    let mut found = false;
    loop {
        match pattern[p.min(pattern.len())..] {
            [] => break,
            [b']', ..] => {
                p += 1;
                break;
            }
            [b'\\', quoted, ..] => {
                found |= quoted == byte;
                p += 2;
            }
            [first, b'-', last, ..] => {
                let (low, high) = (fold(first.min(last)), fold(first.max(last)));
                found |= (low..=high).contains(&fold(byte));
                p += 3;
            }
            [literal, ..] => {
                found |= fold(literal) == fold(byte);
                p += 1;
            }
        }
    }
    (found != negated).then_some(p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_redis_matches_them() {
        let yes = [
            ("*", ""),
            ("*", "abc"),
            ("a*c", "abbbc"),
            ("h?llo", "hello"),
            ("h[ae]llo", "hallo"),
            ("h[^e]llo", "hallo"),
            ("h[a-b]llo", "hbllo"),
            ("\\*", "*"),
            ("a**b", "ab"),
            ("[abc", "a"),
            ("[z-a]", "m"),
            ("*a*b*", "xxaxxbxx"),
            ("a\\", "a\\"),
            ("[\\]]", "]"),
        ];
        let no = [
            ("", "a"),
            ("h[^e]llo", "hello"),
            ("a*c", "abd"),
            ("\\*", "x"),
            ("?", ""),
            ("[a-c]", "d"),
            ("[]", "]"),
            ("a", "ab"),
            ("[^abc", "a"),
        ];
        for (pattern, text) in yes {
            assert!(matches(pattern.as_bytes(), text.as_bytes(), false), "{pattern} {text}");
        }
        for (pattern, text) in no {
            assert!(!matches(pattern.as_bytes(), text.as_bytes(), false), "{pattern} {text}");
        }
        assert!(matches(b"MAX*", b"maxmemory", true));
        assert!(!matches(b"MAX*", b"maxmemory", false));
    }

    #[test]
    fn many_stars_do_not_take_exponential_time() {
        let pattern = "a*".repeat(200) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(5000).as_bytes(), false));
    }
}
