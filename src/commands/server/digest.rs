//! DEBUG DIGEST and DIGEST-VALUE: a fingerprint of the dataset that equals Redis' for equal data,
//! so that two servers can be compared whatever made them.
//!
//! A digest is 20 bytes. Where order does not matter (keys, members, fields) the SHA-1 of each part
//! is added by exclusive or; where it does, the sum is hashed again after each.

use sha1::{Digest as _, Sha1};

use crate::base::Slot;
use crate::base::number::format_double;
use crate::commands::{Args, Ctx, Reply};
use crate::keyspace::EntryRef;
use crate::persist::rdb::Object;
use crate::spec::CmdResult;
use crate::types::{StreamId, ValueRef};

/// A digest under construction.
#[derive(Clone, Copy, Default)]
struct Digest([u8; 20]);

impl Digest {
    /// Adds a part whose place among the others does not matter.
    fn add(&mut self, part: &[u8]) {
        let hash: [u8; 20] = Sha1::digest(part).into();
        self.0.iter_mut().zip(hash).for_each(|(own, byte)| *own ^= byte);
    }

    /// Adds a part that comes next.
    fn mix(&mut self, part: &[u8]) {
        self.add(part);
        self.0 = Sha1::digest(self.0).into();
    }

    fn mix_value(&mut self, value: ValueRef<'_>) {
        self.mix(value.text(&mut itoa::Buffer::new()));
    }

    fn hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The digest of the whole dataset. O(all data).
pub(super) fn digest(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let mut all = Digest::default();
    for db in 0..cx.db.keyspace().databases() {
        if cx.db.keyspace().counts(db as u8).0 == 0 {
            continue;
        }
        all.mix(&(db as u32).to_be_bytes());
        cx.db.select(db as u8);
        for slot in Slot::all() {
            cx.db.scan_slot(slot, usize::MAX, |entry| {
                let mut one = Digest::default();
                one.mix(entry.key());
                add_value(&mut one, entry);
                all.add(&one.0);
            });
        }
    }
    cx.out.simple(&all.hex());
    Ok(Reply::Written)
}

/// The digests of the values of some keys, zeros for those that are not there.
pub(super) fn digest_value(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    cx.out.array(args.left());
    while args.left() > 0 {
        let key = cx.db.key(args.bytes()?);
        let mut one = Digest::default();
        if let Some(entry) = cx.db.peek(&key) {
            add_value(&mut one, entry);
        }
        cx.out.simple(&one.hex());
    }
    Ok(Reply::Written)
}

/// Adds a value with its type and whether it expires.
fn add_value(digest: &mut Digest, entry: EntryRef<'_>) {
    let object = Object::of(entry);
    digest.mix(&type_number(object).to_be_bytes());
    match object {
        Object::String(text) => digest.mix_value(text),
        Object::List(list) => list.iter().for_each(|element| digest.mix_value(element)),
        Object::Set(set) => {
            set.iter().for_each(|member| digest.add(member.text(&mut itoa::Buffer::new())));
        }
        Object::Zset(zset) => {
            for (member, score) in zset.iter() {
                let mut one = Digest::default();
                one.mix_value(member);
                one.mix(&format_double(score));
                digest.add(&one.0);
            }
        }
        Object::Hash(hash) => {
            for (field, value) in hash.iter() {
                let mut one = Digest::default();
                one.mix_value(field);
                one.mix_value(value);
                digest.add(&one.0);
            }
        }
        Object::Stream(stream) => {
            for entry in stream.range(StreamId::MIN, StreamId::MAX) {
                digest.mix(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
                for (field, value) in entry.fields {
                    digest.mix_value(field);
                    digest.mix_value(value);
                }
            }
        }
    }
    if entry.expiry().is_some() {
        digest.add(b"!!expire!!");
    }
}

fn type_number(object: Object<'_>) -> u32 {
    match object {
        Object::String(_) => 0,
        Object::List(_) => 1,
        Object::Set(_) => 2,
        Object::Zset(_) => 3,
        Object::Hash(_) => 4,
        Object::Stream(_) => 6,
    }
}
