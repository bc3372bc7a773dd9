//! A source file as text, with what is not code blanked and what is a test marked.

/// A source file: as written, and with comments and literals blanked.
pub struct Source {
    pub path: String,
    pub text: String,
    pub code: String,
    /// For each line: is it part of a test module?
    pub test_lines: Vec<bool>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let code = blank_comments_and_literals(text);
        let test_lines = test_lines(path, &code);
        Source { path: path.into(), text: text.into(), code, test_lines }
    }

    pub fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Code lines outside test modules.
    pub fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code_lines().filter(|(number, _)| !self.test_lines[number - 1])
    }

    /// Is this file in one of these folders, or one of these files?
    pub fn is_under(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    /// `src/cluster/machine.rs` is `["cluster", "machine"]`.
    pub fn module_path(&self) -> Vec<&str> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let inner = inner.strip_suffix(".rs").unwrap_or(inner);
        inner.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).collect()
    }
}

/// Replaces the inside of comments, strings and character literals by spaces; keeps line breaks.
fn blank_comments_and_literals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    out
}

/// Where the comment or literal that starts at `at` ends; `at` itself if none starts there.
fn literal_end(text: &[char], at: usize) -> usize {
    let rest = &text[at..];
    let until = |from: usize, stop: fn(&[char]) -> bool, len: usize| {
        let found = (from..rest.len()).find(|index| stop(&rest[*index..]));
        at + found.map_or(rest.len(), |index| index + len)
    };
    match rest {
        ['/', '/', ..] => until(2, |tail| tail[0] == '\n', 0),
        ['/', '*', ..] => until(2, |tail| tail.starts_with(&['*', '/']), 2),
        ['"', ..] => quoted_end(text, at + 1, '"'),
        ['r', tail @ ..] if !joins_a_word(text, at) => raw_string_end(tail).map_or(at, |n| at + n),
        ['\'', '\\', ..] => quoted_end(text, at + 1, '\''),
        ['\'', _, '\'', ..] => at + 3,
        _ => at,
    }
}

fn joins_a_word(text: &[char], at: usize) -> bool {
    at > 0 && (text[at - 1].is_alphanumeric() && text[at - 1] != 'b' || text[at - 1] == '_')
}

fn quoted_end(text: &[char], mut at: usize, quote: char) -> usize {
    while at < text.len() && text[at] != quote {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// The length of a raw string whose `r` was just read, that letter included.
fn raw_string_end(tail: &[char]) -> Option<usize> {
    let hashes = tail.iter().take_while(|c| **c == '#').count();
    if tail.get(hashes) != Some(&'"') {
        return None;
    }
    let mut close = vec!['"'];
    close.extend(std::iter::repeat_n('#', hashes));
    let body = &tail[hashes + 1..];
    let end = (0..body.len()).find(|index| body[*index..].starts_with(&close))?;
    Some(1 + hashes + 1 + end + close.len())
}

/// Marks the lines of `#[cfg(test)] mod … { … }`; everything, in a file that is a test module.
fn test_lines(path: &str, code: &str) -> Vec<bool> {
    let lines: Vec<&str> = code.lines().collect();
    let whole = path.starts_with("tests/")
        || path.starts_with("benches/")
        || path.split('/').any(|part| matches!(part, "tests" | "tests.rs"));
    let mut marks = vec![whole; lines.len()];
    let mut index = 0;
    while index < lines.len() {
        let starts = lines[index].trim_start().starts_with("#[cfg(test)]");
        let end = if starts { block_end(&lines, index) } else { index };
        if starts {
            marks[index..=end].fill(true);
        }
        index = end + 1;
    }
    marks
}

/// The last line of the item that starts at `from`: its closing brace, or its semicolon.
pub fn block_end(lines: &[&str], from: usize) -> usize {
    let (mut depth, mut opened) = (0i32, false);
    for (index, line) in lines.iter().enumerate().skip(from) {
        for c in line.chars() {
            match c {
                '{' => (depth, opened) = (depth + 1, true),
                '}' => depth -= 1,
                ';' if !opened && depth == 0 => return index,
                '(' | '[' => depth += i32::from(!opened),
                ')' | ']' => depth -= i32::from(!opened),
                _ => {}
            }
            if opened && depth == 0 {
                return index;
            }
        }
    }
    lines.len() - 1
}

/// The identifiers of a line and where they start.
pub fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter_map(move |word| {
        let start = at;
        at += word.len() + line[start + word.len()..].chars().next().map_or(0, char::len_utf8);
        (!word.is_empty()).then_some((start, word))
    })
}
