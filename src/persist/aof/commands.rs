//! The dataset as commands: a base without an RDB.
//!
//! Collections come in commands of at most [`ITEMS_MAX`] elements each; an expiry comes last. A
//! stream of which no commands would give all is written as a payload.

use crate::base::Millis;
use crate::base::number::format_double;
use crate::keyspace::{Encode, EntryRef};
use crate::persist::rdb::{Object, dump};
use crate::types::stream::{Group, StreamId};
use crate::types::{Collection, Hash, Stream, ValueRef};

/// Elements of one command.
const ITEMS_MAX: usize = 64;
/// Output of this length may be taken away before a key is complete.
const PIECE_BYTES: usize = 64 * 1024;

/// Makes commands of entries.
#[derive(Debug, Default)]
pub struct CommandEncoder {
    out: Vec<u8>,
    /// The command that is being collected, without its head.
    words: Vec<u8>,
    count: usize,
}

impl CommandEncoder {
    fn word(&mut self, word: &[u8]) -> &mut CommandEncoder {
        let mut number = itoa::Buffer::new();
        self.words.push(b'$');
        self.words.extend_from_slice(number.format(word.len()).as_bytes());
        self.words.extend_from_slice(b"\r\n");
        self.words.extend_from_slice(word);
        self.words.extend_from_slice(b"\r\n");
        self.count += 1;
        self
    }

    fn words(&mut self, words: &[&[u8]]) -> &mut CommandEncoder {
        for word in words {
            self.word(word);
        }
        self
    }

    fn value(&mut self, value: ValueRef<'_>) -> &mut CommandEncoder {
        self.word(value.text(&mut itoa::Buffer::new()))
    }

    fn number(&mut self, number: i64) -> &mut CommandEncoder {
        self.word(itoa::Buffer::new().format(number).as_bytes())
    }

    fn id(&mut self, id: StreamId) -> &mut CommandEncoder {
        self.word(&id.text())
    }

    fn end(&mut self, pause: &mut dyn FnMut(&mut Vec<u8>)) {
        self.out.extend_from_slice(format!("*{}\r\n", self.count).as_bytes());
        self.out.append(&mut self.words);
        self.count = 0;
        if self.out.len() >= PIECE_BYTES {
            pause(&mut self.out);
        }
    }

    /// Commands that begin with `head`, each with some of the items.
    fn chunked<I>(
        &mut self,
        head: [&[u8]; 2],
        items: impl Iterator<Item = I>,
        pause: &mut dyn FnMut(&mut Vec<u8>),
        mut add: impl FnMut(&mut CommandEncoder, I),
    ) {
        let mut in_command = 0;
        for item in items {
            if in_command == 0 {
                self.words(&head);
            }
            add(self, item);
            in_command += 1;
            if in_command == ITEMS_MAX {
                self.end(pause);
                in_command = 0;
            }
        }
        if in_command > 0 {
            self.end(pause);
        }
    }

    fn hash(&mut self, key: &[u8], hash: &Hash, pause: &mut dyn FnMut(&mut Vec<u8>)) {
        self.chunked([b"HMSET", key], hash.iter(), pause, |out, (field, value)| {
            out.value(field).value(value);
        });
        for (field, at) in hash.expiring() {
            self.words(&[b"HPEXPIREAT", key]).number(at.0 as i64);
            self.words(&[b"FIELDS", b"1", field]).end(pause);
        }
    }

    fn stream(&mut self, key: &[u8], stream: &Stream, pause: &mut dyn FnMut(&mut Vec<u8>)) {
        if awaits_what_is_gone(stream) {
            let payload = dump::write(Object::Stream(stream), false);
            self.words(&[b"RESTORE", key, b"0", &payload]).end(pause);
            return;
        }
        for entry in stream.range(StreamId::MIN, StreamId::MAX) {
            self.words(&[b"XADD", key]).id(entry.id);
            for (field, value) in entry.fields {
                self.value(field).value(value);
            }
            self.end(pause);
        }
        if stream.is_empty() {
            // A stream comes to be by an entry only.
            let words: [&[u8]; 7] = [b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"];
            self.words(&words).end(pause);
        }
        let ids = stream.ids();
        self.words(&[b"XSETID", key]).id(ids.last);
        self.word(b"ENTRIESADDED").number(ids.entries_added as i64);
        self.word(b"MAXDELETEDID").id(ids.max_deleted).end(pause);
        for (name, group) in stream.groups() {
            self.group(key, name, group, pause);
        }
    }

    fn group(
        &mut self,
        key: &[u8],
        name: &[u8],
        group: &Group,
        pause: &mut dyn FnMut(&mut Vec<u8>),
    ) {
        let read = group.entries_read.map_or(-1, |read| read as i64);
        self.words(&[b"XGROUP", b"CREATE", key, name]).id(group.last_delivered);
        self.word(b"ENTRIESREAD").number(read).end(pause);
        for consumer in group.consumers().filter(|consumer| consumer.pending_len() == 0) {
            self.words(&[b"XGROUP", b"CREATECONSUMER", key, name, consumer.name()]).end(pause);
        }
        for pending in group.pending_in(StreamId::MIN..=StreamId::MAX) {
            self.words(&[b"XCLAIM", key, name, pending.consumer, b"0"]).id(pending.id);
            self.word(b"TIME").number(pending.delivery.at.0 as i64);
            self.word(b"RETRYCOUNT").number(pending.delivery.count as i64);
            self.words(&[b"JUSTID", b"FORCE"]).end(pause);
        }
    }
}

/// Whether an entry that was deleted is still pending: XCLAIM does not bring that back.
fn awaits_what_is_gone(stream: &Stream) -> bool {
    let mut groups = stream.groups();
    groups.any(|(_, group)| {
        let mut pending = group.pending_in(StreamId::MIN..=StreamId::MAX);
        pending.any(|pending| stream.get(pending.id).is_none())
    })
}

impl Encode for CommandEncoder {
    fn encode(&mut self, entry: EntryRef<'_>, pause: &mut dyn FnMut(&mut Vec<u8>)) {
        let key = entry.key();
        match Object::of(entry) {
            Object::String(text) => self.words(&[b"SET", key]).value(text).end(pause),
            Object::List(list) => self.chunked([b"RPUSH", key], list.iter(), pause, |out, item| {
                out.value(item);
            }),
            Object::Set(set) => self.chunked([b"SADD", key], set.iter(), pause, |out, item| {
                out.value(item);
            }),
            Object::Zset(zset) => {
                self.chunked([b"ZADD", key], zset.iter(), pause, |out, (member, score)| {
                    out.word(&format_double(score)).value(member);
                });
            }
            Object::Hash(hash) => self.hash(key, hash, pause),
            Object::Stream(stream) => self.stream(key, stream, pause),
        }
        if let Some(Millis(at)) = entry.expiry() {
            self.words(&[b"PEXPIREAT", key]).number(at as i64).end(pause);
        }
    }

    fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }
}

/// `SELECT`, as it precedes the commands of a database.
#[must_use]
pub fn select(db: u8) -> Vec<u8> {
    let number = db.to_string();
    format!("*2\r\n$6\r\nSELECT\r\n${}\r\n{number}\r\n", number.len()).into_bytes()
}
