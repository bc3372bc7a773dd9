//! The effects of one batch, encoded as replicas and the append-only file get them.
//!
//! Effects come in units: one command, one transaction, one waiting client that is served. A unit
//! of several effects is wrapped in MULTI and EXEC, so that nobody ever sees half of it.

use std::ops::Range;

/// Effects in the order in which they happened.
#[derive(Debug, Default)]
pub struct Journal {
    bytes: Vec<u8>,
    /// Complete units: their commands with the database they work on. What stands together and
    /// works on one is a single entry.
    entries: Vec<(u8, Range<usize>)>,
    /// Commands of the unit that is being collected.
    unit: Vec<(u8, Range<usize>)>,
}

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

impl Journal {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a command to the unit.
    pub fn add<'a>(&mut self, db: u8, args: impl ExactSizeIterator<Item = &'a [u8]>) {
        let start = self.bytes.len();
        if start == 0 {
            self.bytes.reserve(Journal::BYTES_START);
        }
        encode(&mut self.bytes, args);
        self.unit.push((db, start..self.bytes.len()));
    }

    /// Ends the unit: what is added from now on may be seen by itself.
    pub fn end_unit(&mut self) {
        let (Some(&(first, _)), Some(&(last, _))) = (self.unit.first(), self.unit.last()) else {
            return;
        };
        if let [(db, range)] = &self.unit[..]
            && let Some((latest, all)) = self.entries.last_mut()
            && (*latest, all.end) == (*db, range.start)
        {
            all.end = range.end;
            self.unit.clear();
            return;
        }
        let wrapped = self.unit.len() > 1;
        if wrapped {
            self.frame(first, MULTI);
        }
        self.entries.append(&mut self.unit);
        if wrapped {
            self.frame(last, EXEC);
        }
    }

    fn frame(&mut self, db: u8, command: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(command);
        self.entries.push((db, start..self.bytes.len()));
    }

    /// The commands of complete units in order, some together, with their database.
    pub fn commands(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.entries.iter().map(|(db, range)| (*db, &self.bytes[range.clone()]))
    }

    /// Forgets everything and keeps the memory, unless it is much.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(Journal::KEPT_MAX);
        self.entries.clear();
        self.unit.clear();
    }

    /// Bytes of memory that a cleared journal keeps.
    const KEPT_MAX: usize = 64 * 1024;
    /// What a batch of small writes takes.
    const BYTES_START: usize = 2 * 1024;
}

/// Appends the SELECT of a database.
pub fn put_select(out: &mut Vec<u8>, db: u8) {
    let number = db.to_string();
    encode(out, [b"SELECT", number.as_bytes()].into_iter());
}

/// Appends a command as an array of bulk strings.
pub fn encode<'a>(out: &mut Vec<u8>, args: impl ExactSizeIterator<Item = &'a [u8]>) {
    put_line(out, b'*', args.len());
    for arg in args {
        put_line(out, b'$', arg.len());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

#[inline]
fn put_line(out: &mut Vec<u8>, sigil: u8, value: usize) {
    match value {
        0..10 => out.extend_from_slice(&[sigil, b'0' + value as u8, b'\r', b'\n']),
        10..100 => {
            let (tens, ones) = (b'0' + (value / 10) as u8, b'0' + (value % 10) as u8);
            out.extend_from_slice(&[sigil, tens, ones, b'\r', b'\n']);
        }
        _ => {
            out.push(sigil);
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(journal: &mut Journal, db: u8, word: &str) {
        journal.add(db, [word.as_bytes()].into_iter());
    }

    fn shown(journal: &Journal) -> Vec<(u8, String)> {
        let word = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.lines().nth(2).unwrap_or_default().to_owned()
        };
        journal.commands().map(|(db, bytes)| (db, word(bytes))).collect()
    }

    #[test]
    fn only_units_of_several_effects_are_wrapped() {
        let mut journal = Journal::default();
        journal.end_unit();
        add(&mut journal, 0, "A");
        journal.end_unit();
        add(&mut journal, 1, "B");
        add(&mut journal, 2, "C");
        journal.end_unit();
        add(&mut journal, 0, "D");
        journal.end_unit();
        let expected = [(0, "A"), (1, "MULTI"), (1, "B"), (2, "C"), (2, "EXEC"), (0, "D")];
        assert_eq!(shown(&journal), expected.map(|(db, word)| (db, word.to_owned())));
        journal.clear();
        assert!(journal.is_empty());
    }

    #[test]
    fn single_effects_of_one_database_stand_together() {
        let mut journal = Journal::default();
        let mut expected = Vec::new();
        for (db, length) in [(0, 1), (0, 9), (1, 10), (1, 99), (1, 100), (0, 1234)] {
            let word = "x".repeat(length);
            add(&mut journal, db, &word);
            journal.end_unit();
            expected.extend(format!("*1\r\n${length}\r\n{word}\r\n").into_bytes());
        }
        assert_eq!(journal.commands().map(|(db, _)| db).collect::<Vec<_>>(), [0, 1, 0]);
        let bytes: Vec<u8> = journal.commands().flat_map(|(_, bytes)| bytes.to_vec()).collect();
        assert_eq!(bytes, expected);
    }
}
