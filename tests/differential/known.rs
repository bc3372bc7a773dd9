//! Differences from the reference that are accepted, with reasons: `known.txt`.

use support::script::Step;

/// One accepted difference.
#[derive(Debug)]
pub struct Entry {
    /// How the command line starts, in capitals.
    pub differs: String,
    pub because: String,
    /// A script whose last reply differs; an entry that no longer differs must go.
    pub shown_by: Vec<String>,
}

#[derive(Debug)]
pub struct Known {
    pub entries: Vec<Entry>,
}

impl Known {
    /// # Panics
    /// If a block lacks one of its three lines.
    #[must_use]
    pub fn read(text: &str) -> Known {
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let blocks = lines.split(|line| line.trim().is_empty()).filter(|block| !block.is_empty());
        Known { entries: blocks.map(entry).collect() }
    }

    #[must_use]
    pub fn covers(&self, step: &Step) -> bool {
        let line = step.show().to_ascii_uppercase();
        self.entries.iter().any(|entry| line.starts_with(&entry.differs))
    }
}

fn entry(block: &[&str]) -> Entry {
    let value = |name: &str| {
        let found = block.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.unwrap_or_else(|| panic!("known.txt: no `{name}:` in {block:?}")).trim().to_string()
    };
    let shown_by = value("shown by").split(';').map(|line| line.trim().to_string()).collect();
    Entry { differs: value("differs"), because: value("because"), shown_by }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_cover_by_prefix() {
        let known = Known::read(
            "# a comment\ndiffers: OBJECT FREQ\nbecause: x\nshown by: SET a 1; OBJECT FREQ a\n",
        );
        assert_eq!(known.entries[0].shown_by, ["SET a 1", "OBJECT FREQ a"]);
        assert!(known.covers(&Step::once(&[b"object", b"freq", b"k"])));
        assert!(!known.covers(&Step::once(&[b"object", b"encoding", b"k"])));
    }

    #[test]
    #[should_panic(expected = "no `because:`")]
    fn an_entry_without_a_reason_is_refused() {
        let _ = Known::read("differs: GET\nshown by: GET a\n");
    }
}
