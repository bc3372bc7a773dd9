use std::io::Cursor;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::persist::aof::Item;
use crate::replication::journal::encode;

/// Bytes that are on a disk together or not at all.
const SECTOR: usize = 512;

/// A file into which writes were made, one synced after the other.
struct Written {
    bytes: Vec<u8>,
    /// Where the next write goes.
    end: usize,
}

impl Written {
    /// What `before` has, and `room` bytes of space.
    fn after(before: &[u8], room: usize) -> Written {
        let mut bytes = before.to_vec();
        Seal::BEGIN.write(0, &mut bytes);
        let (end, until) = (bytes.len() as u64, (bytes.len() + room) as u64);
        bytes.extend(space(end, until.next_multiple_of(LINE_BYTES)));
        Written { bytes, end: end as usize }
    }

    fn write(&mut self, values: &[Vec<u8>]) {
        let mut batch = Vec::new();
        for value in values {
            encode(&mut batch, [b"SET".as_slice(), b"key", value].into_iter());
        }
        Seal::of(&batch).write(self.end as u64, &mut batch);
        self.bytes[self.end..self.end + batch.len()].copy_from_slice(&batch);
        self.end += batch.len();
    }

    fn ending(&self) -> Result<Option<Ending>, ScanError> {
        ending(&mut Cursor::new(&self.bytes), self.bytes.len() as u64)
    }
}

/// Values that may look like space, seals and commands.
fn values() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let odd = prop_oneof![
        Just(b"#".repeat(700)),
        Just(space(0, 1500)),
        Just(b"\r\n#SEAL:5:0000000000000000\r\n".to_vec()),
        vec(any::<u8>(), 0..3000),
    ];
    vec(odd, 1..6)
}

proptest! {
    /// Whatever of the last write reached the disk: all before it is there, and nothing of it
    /// unless all of it is.
    #[test]
    fn a_torn_write_is_found(
        batches in vec(values(), 1..5),
        last in values(),
        reached in vec(any::<bool>(), 64),
        before in vec(any::<bool>(), 0..80),
    ) {
        let before = b"#\n".repeat(before.len());
        let mut written = Written::after(&before, 100_000);
        for batch in &batches {
            written.write(batch);
        }
        let whole = Written { bytes: written.bytes.clone(), end: written.end };
        let sealed = whole.end as u64;
        prop_assert_eq!(
            whole.ending().expect("it is sound"),
            Some(Ending { sealed, is_torn: false })
        );
        written.write(&last);
        let is_torn = {
            let mut reached = reached.into_iter().cycle();
            let sectors = written.bytes.chunks_mut(SECTOR).zip(whole.bytes.chunks(SECTOR));
            let mut lost = false;
            for (new, old) in sectors.filter(|(new, old)| new != old) {
                if reached.next() == Some(false) {
                    new.copy_from_slice(old);
                    lost = true;
                }
            }
            lost
        };
        let found = written.ending().expect("a torn end is no spoilt file").expect("a seal");
        if is_torn {
            prop_assert_eq!(found.sealed, sealed);
        } else {
            prop_assert_eq!(found, Ending { sealed: written.end as u64, is_torn: false });
        }
    }

    /// A file that is spoilt before its last write is not taken for a torn one.
    #[test]
    fn what_was_synced_is_not_cut_off(
        batches in vec(values(), 2..5),
        at in any::<prop::sample::Index>(),
    ) {
        let mut written = Written::after(b"", 100_000);
        let begin = written.end;
        for batch in &batches[1..] {
            written.write(batch);
        }
        let at = begin + at.index(written.end - begin);
        written.write(&batches[0]);
        written.bytes[at] ^= 1;
        prop_assert!(written.ending().is_err(), "byte {at} of {}", written.end);
    }
}

#[test]
fn other_files_have_no_such_ending() {
    let of = |bytes: &[u8]| ending(&mut Cursor::new(bytes), bytes.len() as u64).expect("readable");
    assert_eq!(of(b""), None);
    assert_eq!(of(b"*1\r\n$4\r\nPING\r\n"), None);
    assert_eq!(of(&space(0, 640)), None, "there is no seal");
    let cut = Written::after(b"", 640);
    assert_eq!(of(&cut.bytes[..cut.end]), None, "there is no space");
}

#[test]
fn what_follows_an_end_is_not_cut_off() {
    let mut written = Written::after(b"", 640);
    written.write(&[b"value".to_vec()]);
    written.bytes.truncate(written.end);
    Seal::END.write(written.end as u64, &mut written.bytes);
    encode(&mut written.bytes, [b"SET".as_slice(), b"key", b"acknowledged"].into_iter());
    // A value that was cut off, of which a part looks like space.
    written.bytes.extend(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5000\r\n");
    let len = written.bytes.len() as u64;
    written.bytes.extend(space(len, len.next_multiple_of(LINE_BYTES) + 640));
    assert_eq!(written.ending().expect("it is cut off"), None);
}

#[test]
fn space_that_was_not_written_is_space() {
    for unwritten in [1024..1536, 1536..2048, 1024..2048] {
        let mut written = Written::after(b"", 640);
        written.write(&[b"value".to_vec()]);
        written.bytes.extend(space(written.bytes.len() as u64, 2048));
        written.bytes[unwritten.clone()].fill(0);
        let sealed = written.end as u64;
        let found = written.ending().expect("it is sound");
        assert_eq!(found, Some(Ending { sealed, is_torn: false }), "{unwritten:?}");
        // Commands of somebody else are not cut off for zeros at the end.
        let other = b"*1\r\n$4\r\nPING\r\n";
        written.bytes[written.end..written.end + other.len()].copy_from_slice(other);
        let found = written.ending().expect("it is sound");
        let is_torn = unwritten.end < 2048;
        assert_eq!(found, is_torn.then_some(Ending { sealed, is_torn }), "{unwritten:?}");
    }
}

#[test]
fn a_file_whose_beginning_was_cut_off_is_sound() {
    let mut written = Written::after(b"", 6400);
    let begin = written.end;
    for value in ["first", "second", "third"] {
        written.write(&[value.as_bytes().to_vec()]);
    }
    let mut scanner = Scanner::new(&written.bytes[begin..], 0, 6400);
    let mut found = 0;
    while let Some(item) = scanner.next_item().expect("nobody knows better") {
        found += usize::from(item.name().is_some());
    }
    assert_eq!(found, 3);
}

#[test]
fn space_behind_a_seal_is_annotations_wherever_it_begins() {
    for start in 2..130 {
        let mut bytes = [b"#".repeat(start - 1), b"\n".to_vec()].concat();
        Seal { len: 7, crc: 1 }.write(0, &mut bytes);
        let end = bytes.len() as u64;
        bytes.extend(space(end, 640));
        let mut scanner = Scanner::new(bytes.as_slice(), 0, 640);
        let mut seals = 0;
        while let Some(item) = scanner.next_item().expect("annotations") {
            let Item::Annotation(line) = item else { panic!("{item:?}") };
            seals += usize::from(!is_space(line));
        }
        assert_eq!((seals, scanner.sealed()), (1, end), "from {start}");
    }
}

#[test]
fn a_seal_reads_as_it_was_written() {
    for (len, crc) in [(0, 0), (7, 0xdead), (u64::MAX, u64::MAX)] {
        let mut text = Vec::new();
        Seal { len, crc }.write(0, &mut text);
        assert!(text.len() as u64 <= SEAL_MAX, "{}", text.len());
        assert_eq!(Seal::parse(&text), Some(Seal { len, crc }));
    }
    for other in ["#SEAL:", "#SEAL:1", "#SEAL:x:0", "#SEAL:1:0", "#TS:1:0000000000000000"] {
        assert_eq!(Seal::parse(other.as_bytes()), None, "{other}");
    }
}
