//! How often each generated command was accepted: a command that is always refused tests little.

use std::collections::{BTreeMap, BTreeSet};

use support::Value;

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    accepted: u64,
    refused: u64,
}

/// Counts of replies by full command name (`object|encoding`).
#[derive(Debug, Default)]
pub struct Coverage {
    counts: BTreeMap<String, Count>,
}

impl Coverage {
    /// Counts a reply of the reference. A word that does not name a command is not counted.
    pub fn note(&mut self, words: &[Vec<u8>], reply: &Value, names: &BTreeSet<String>) {
        let lower = |word: &Vec<u8>| String::from_utf8_lossy(word).to_ascii_lowercase();
        let full: Vec<String> = words.iter().take(2).map(lower).collect();
        let name = [full.join("|"), full[0].clone()];
        if let Some(name) = name.into_iter().find(|name| names.contains(name)) {
            let count = self.counts.entry(name).or_default();
            *(if reply.is_error() { &mut count.refused } else { &mut count.accepted }) += 1;
        }
    }

    /// Names, out of these, that were never accepted.
    pub fn never(&self, names: &BTreeSet<String>) -> Vec<String> {
        let accepted = |name: &String| self.counts.get(name).is_some_and(|c| c.accepted > 0);
        names.iter().filter(|name| !accepted(name)).cloned().collect()
    }

    /// One line per command, the least accepted first.
    pub fn table(&self) -> String {
        let mut lines: Vec<(u64, String)> = self.counts.iter().map(line).collect();
        lines.sort();
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

fn line((name, count): (&String, &Count)) -> (u64, String) {
    let total = count.accepted + count.refused;
    let percent = count.accepted * 100 / total.max(1);
    (percent, format!("{percent:4}% of {total:6} {name}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_refused_is_named() {
        let names: BTreeSet<String> = ["get", "object|freq"].map(String::from).into();
        let mut coverage = Coverage::default();
        let words = |line: &str| -> Vec<Vec<u8>> { line.split(' ').map(Into::into).collect() };
        coverage.note(&words("GET a"), &Value::NullBulk, &names);
        coverage.note(&words("OBJECT freq a"), &Value::Error(b"ERR x".into()), &names);
        assert_eq!(coverage.never(&names), ["object|freq"]);
        assert!(coverage.table().starts_with("   0% of      1 object|freq\n"));
    }
}
