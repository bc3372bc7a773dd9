//! What a replica does of its own, for its append-only file alone.
//!
//! A replica's log is its primary's stream, byte for byte. What its own clients write, what it
//! evicts and what expires of theirs is in no stream: it is kept here, each with the place in the
//! log at which it happened, until the file has it. Both are appended under the locks of what was
//! changed, so whoever puts them together by these places has the order of execution of every key.
//! Such a place is never inside a command, or a transaction, of the stream.

use std::collections::VecDeque;
use std::mem::size_of;

use super::journal::put_select;

/// A piece is closed when it has so many bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// How far the log goes, and what is aside of it. Both only grow, except that another history may
/// begin at any offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Bytes of the log.
    pub offset: u64,
    /// Bytes kept aside so far, with what keeping them takes.
    pub aside: u64,
}

impl Reach {
    /// In the log alone.
    #[must_use]
    pub fn in_log(offset: u64) -> Reach {
        Reach { offset, aside: 0 }
    }

    /// What was written before, and `later`: each of which may be nothing of one kind.
    #[must_use]
    pub fn and(self, later: Option<Reach>) -> Reach {
        let Reach { offset, aside } = later.unwrap_or_default();
        let newer = |later, before| if later > 0 { later } else { before };
        Reach { offset: newer(offset, self.offset), aside: newer(aside, self.aside) }
    }
}

/// Commands that were run at one place of the log.
#[derive(Debug)]
pub struct Piece {
    /// The log's offset there.
    pub at: u64,
    /// [`Reach::aside`] after it.
    pub end: u64,
    /// The database that the log has selected there; `None` if it goes on with SELECT.
    stream_db: Option<u8>,
    /// The one that the latest of these commands works on.
    db: Option<u8>,
    bytes: Vec<u8>,
}

impl Piece {
    /// The commands, which begin and end in the database of the log.
    #[must_use]
    pub fn into_bytes(mut self) -> Vec<u8> {
        let back = self.stream_db.unwrap_or(0);
        if self.db != Some(back) {
            put_select(&mut self.bytes, back);
        }
        self.bytes
    }

    fn add(&mut self, db: u8, commands: &[u8]) {
        if self.db.replace(db) != Some(db) {
            put_select(&mut self.bytes, db);
        }
        self.bytes.extend_from_slice(commands);
    }
}

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Aside {
    pieces: VecDeque<Piece>,
    end: u64,
    /// Whether the last piece may grow.
    is_open: bool,
}

impl Aside {
    /// Adds commands, each with its database, that were run where the log is at `at` and has
    /// selected `stream_db`; the end then. They stay together.
    pub(super) fn append<'a>(
        &mut self,
        (at, stream_db): (u64, Option<u8>),
        commands: impl Iterator<Item = (u8, &'a [u8])>,
    ) -> u64 {
        let fits = |last: &&mut Piece| {
            (last.at, last.stream_db) == (at, stream_db) && last.bytes.len() < PIECE_BYTES
        };
        let is_open = std::mem::replace(&mut self.is_open, true);
        if self.pieces.back_mut().filter(fits).is_none_or(|_| !is_open) {
            self.end += size_of::<Piece>() as u64;
            let piece = Piece { at, end: self.end, stream_db, db: stream_db, bytes: Vec::new() };
            self.pieces.push_back(piece);
        }
        let piece = self.pieces.back_mut().expect("one was added");
        let before = piece.bytes.len();
        commands.for_each(|(db, commands)| piece.add(db, commands));
        self.end += (piece.bytes.len() - before) as u64;
        piece.end = self.end;
        self.end
    }

    /// Where the last piece ends, which is not added to any more.
    pub(super) fn close(&mut self) -> u64 {
        self.is_open = false;
        self.end
    }

    /// The place in the log of the first piece.
    pub(super) fn first_at(&self) -> Option<u64> {
        self.pieces.front().map(|piece| piece.at)
    }

    pub(super) fn take_first(&mut self) -> Option<Piece> {
        self.pieces.pop_front()
    }

    /// Drops what ends at `end` or before.
    pub(super) fn forget(&mut self, end: u64) {
        while self.pieces.front().is_some_and(|piece| piece.end <= end) {
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(aside: &mut Aside, place: (u64, Option<u8>), db: u8, command: &str) -> u64 {
        aside.append(place, std::iter::once((db, command.as_bytes())))
    }

    /// What is in the pieces; SELECT is shown as the number.
    fn shown(aside: &mut Aside) -> Vec<(u64, String)> {
        let mut pieces = Vec::new();
        while let Some(piece) = aside.take_first() {
            let at = piece.at;
            let text = String::from_utf8(piece.into_bytes()).expect("text");
            let text = text.replace("*2\r\n$6\r\nSELECT\r\n$1\r\n", " ");
            pieces.push((at, text.replace("\r\n", " ")));
        }
        pieces
    }

    #[test]
    fn what_is_aside_begins_and_ends_in_the_database_of_the_log() {
        let mut aside = Aside::default();
        add(&mut aside, (5, Some(0)), 0, "a");
        add(&mut aside, (5, Some(0)), 0, "b");
        add(&mut aside, (7, Some(0)), 3, "c");
        add(&mut aside, (7, Some(0)), 0, "d");
        add(&mut aside, (7, Some(2)), 3, "e");
        add(&mut aside, (7, None), 0, "f");
        add(&mut aside, (7, None), 4, "g");
        let expected = [(5, "ab"), (7, " 3 c 0 d"), (7, " 3 e 2 "), (7, " 0 f 4 g 0 ")];
        assert_eq!(shown(&mut aside), expected.map(|(at, text)| (at, text.to_owned())));
    }

    #[test]
    fn what_was_seen_to_be_the_end_is_the_end_of_a_piece() {
        let mut aside = Aside::default();
        let first = add(&mut aside, (0, Some(0)), 0, "a");
        assert_eq!(aside.close(), first);
        let second = add(&mut aside, (0, Some(0)), 0, "b");
        add(&mut aside, (0, Some(0)), 0, "c");
        assert!(second > first);
        aside.forget(first);
        assert_eq!(shown(&mut aside), [(0, "bc".to_owned())]);
        assert_eq!(aside.first_at(), None);
        let last = add(&mut aside, (9, Some(0)), 0, &"x".repeat(PIECE_BYTES));
        assert_eq!(aside.first_at(), Some(9));
        add(&mut aside, (9, Some(0)), 0, "too much for one piece");
        aside.forget(last);
        assert_eq!(shown(&mut aside), [(9, "too much for one piece".to_owned())]);
    }

    #[test]
    fn of_each_kind_the_latest_counts() {
        let reach = |offset, aside| Reach { offset, aside };
        assert_eq!(reach(5, 7).and(None), reach(5, 7));
        assert_eq!(reach(5, 7).and(Some(Reach::in_log(3))), reach(3, 7));
        assert_eq!(reach(5, 7).and(Some(reach(0, 8))), reach(5, 8));
    }
}
