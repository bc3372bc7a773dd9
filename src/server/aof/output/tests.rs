use std::cell::RefCell;
use std::io::{Cursor, ErrorKind};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::persist::aof::seal::{Ending, ending};
use crate::persist::aof::{Item, Scanner};

const COMMAND: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const AHEAD: u64 = 4096;

/// A file that is gone with the test, read from its beginning.
fn text(output: &Output) -> Vec<u8> {
    let mut bytes = vec![0; output.file.metadata().expect("it is there").len() as usize];
    output.file.read_exact_at(&mut bytes, 0).expect("it can be read");
    bytes
}

fn empty() -> Output {
    Output::new(tempfile::tempfile().expect("a temporary file"), 0)
}

fn device(path: &str) -> Arc<File> {
    Arc::new(File::options().write(true).open(path).expect("every system has it"))
}

/// All commands of a file; `None` if it is not sound.
fn commands(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut scanner = Scanner::new(bytes, 0, bytes.len() as u64);
    let mut found = Vec::new();
    loop {
        match scanner.next_item() {
            Ok(None) => return Some(found),
            Ok(Some(Item::Command(bytes, _))) => found.push(bytes.to_vec()),
            Ok(Some(Item::Annotation(_))) => {}
            Err(crate::persist::aof::ScanError::Content { is_end: true, .. }) => {
                return Some(found);
            }
            Err(_) => return None,
        }
    }
}

#[test]
fn space_is_there_as_long_as_it_is_wanted() {
    let mut output = empty();
    output.put(&mut COMMAND.to_vec(), 0).expect("it is written");
    assert_eq!(text(&output), COMMAND);
    for count in 1..30 {
        output.put(&mut COMMAND.repeat(count), AHEAD).expect("it is written");
        let bytes = text(&output);
        let size = bytes.len() as u64;
        assert!(size >= output.end() + LINE_BYTES && size < output.end() + 3 * AHEAD);
        let found = ending(&mut Cursor::new(bytes), size).expect("it is sound");
        assert_eq!(found, Some(Ending { sealed: output.end(), is_torn: false }), "{count}");
    }
    // More than there is ever space for.
    output.put(&mut COMMAND.repeat(1000), AHEAD).expect("it is written");
    let end = output.end();
    assert!(text(&output).len() as u64 == end && text(&output).ends_with(&COMMAND.repeat(1000)));
    for _ in 0..2 {
        output.put(&mut COMMAND.to_vec(), AHEAD).expect("it is written");
    }
    assert!(text(&output).len() as u64 > output.end() + LINE_BYTES);
    output.trim().expect("it is trimmed");
    let bytes = text(&output);
    assert_eq!(bytes.len() as u64, output.end());
    let found = commands(&bytes).expect("it is sound").len();
    assert_eq!(found, 1 + (1..30).sum::<usize>() + 1000 + 2);
}

#[test]
fn space_is_not_made_again_after_each_large_write() {
    let mut output = empty();
    for round in 0..5 {
        output.put(&mut COMMAND.to_vec(), AHEAD).expect("it is written");
        assert!(round == 0 || text(&output).len() as u64 == output.end(), "round {round}");
        output.put(&mut COMMAND.repeat(1000), AHEAD).expect("it is written");
        // What is used up at once is no gain, either.
        output.put(&mut COMMAND.repeat(100), AHEAD).expect("it is written");
        assert_eq!(text(&output).len() as u64, output.end(), "round {round}");
    }
}

#[test]
fn what_follows_space_is_not_taken_for_a_torn_write() {
    let mut output = empty();
    output.put(&mut COMMAND.to_vec(), AHEAD).expect("it is written");
    output.put(&mut COMMAND.to_vec(), 0).expect("it is written");
    output.finish().expect("it is synced");
    let mut bytes = text(&output);
    // A value that was cut off, of which a part looks like space.
    bytes.extend(b"*2\r\n$4\r\nECHO\r\n$5000\r\n");
    let from = bytes.len() as u64;
    bytes.extend(seal::space(from, from.next_multiple_of(LINE_BYTES) + 640));
    let size = bytes.len() as u64;
    assert_eq!(ending(&mut Cursor::new(&bytes), size).expect("it is cut off"), None);
    assert_eq!(commands(&bytes).expect("it is cut off").len(), 2);
}

#[test]
fn a_sync_that_failed_is_not_forgotten() {
    let mut output = empty();
    output.put(&mut COMMAND.to_vec(), AHEAD).expect("it is written");
    // It takes what is written, but cannot be synced.
    let file = std::mem::replace(&mut output.file, device("/dev/null"));
    let mut more = COMMAND.to_vec();
    assert!(output.put(&mut more, AHEAD).is_err(), "what is in the space was not synced");
    assert_eq!(more, COMMAND);
    output.file = file;
    assert!(output.put(&mut more, AHEAD).is_err(), "nobody knows what became of the first write");
    assert!(output.sync().is_err() && output.finish().is_err());
    output.forgive();
    output.put(&mut more, AHEAD).expect("it is written");
    output.finish().expect("it is synced");
    assert_eq!(commands(&text(&output)).expect("it is sound").len(), 2);
}

#[test]
fn what_could_not_be_taken_back_is_written_over() {
    let mut output = empty();
    output.put(&mut COMMAND.to_vec(), 0).expect("it is written");
    let mut more = COMMAND.to_vec();
    // It is full, and cannot be cut off.
    let file = std::mem::replace(&mut output.file, device("/dev/full"));
    assert_eq!(output.put(&mut more, 0).expect_err("full").kind(), ErrorKind::StorageFull);
    FileExt::write_all_at(&*file, &[b'x'; 1000], output.end()).expect("it is written");
    output.file = file;
    assert_eq!(more, COMMAND);
    output.put(&mut more, 0).expect("it is written");
    assert_eq!(text(&output), COMMAND.repeat(2));
}

/// Bytes that are on a disk together or not at all.
const SECTOR: usize = 512;

#[derive(Clone, Default)]
struct Image {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// Sizes since the latest sync.
    sizes: Vec<usize>,
    /// Nothing but space was written over or made since then.
    is_space: bool,
}

/// A disk that knows what would be left of a file after a power cut at any moment.
#[derive(Default)]
struct Disk {
    now: RefCell<Image>,
    moments: RefCell<Vec<Image>>,
}

impl Disk {
    fn change(&self, change: impl FnOnce(&mut Image)) -> io::Result<()> {
        let mut now = self.now.borrow_mut();
        change(&mut now);
        let size = now.bytes.len();
        now.sizes.push(size);
        self.moments.borrow_mut().push(now.clone());
        Ok(())
    }
}

impl Medium for Disk {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change(|image| {
            let (start, end) = (offset as usize, offset as usize + bytes.len());
            let is_space = |bytes: &[u8]| bytes.iter().all(|byte| b"#\n".contains(byte));
            let over = image.bytes.get(start..end).is_some_and(is_space);
            image.is_space &= over || is_space(bytes);
            image.bytes.resize(image.bytes.len().max(end), 0);
            image.bytes[start..end].copy_from_slice(bytes);
        })
    }

    fn set_len(&self, size: u64) -> io::Result<()> {
        self.change(|image| {
            image.is_space = false;
            image.bytes.resize(size as usize, 0);
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(|image| {
            image.durable.clone_from(&image.bytes);
            (image.sizes, image.is_space) = (Vec::new(), true);
        })
    }
}

impl Image {
    /// What a power cut leaves: any size since the sync, and any sectors of what came.
    fn after_power_cut(&self, mut chance: impl FnMut(usize) -> usize) -> Vec<u8> {
        let mut sizes = self.sizes.clone();
        sizes.push(self.durable.len());
        let size = sizes[chance(sizes.len())];
        let mut left = vec![0; size];
        for (number, sector) in left.chunks_mut(SECTOR).enumerate() {
            let of = if chance(2) == 0 { &self.durable } else { &self.bytes };
            let from = of.get(number * SECTOR..).unwrap_or_default();
            let len = sector.len().min(from.len());
            sector[..len].copy_from_slice(&from[..len]);
        }
        left
    }
}

/// Commands of what is loaded, and whether all of it was sealed; `None` if it is refused.
fn load(bytes: &[u8]) -> Option<(Vec<Vec<u8>>, bool)> {
    let ending = ending(&mut Cursor::new(bytes), bytes.len() as u64).ok()?;
    let size = ending.map_or(bytes.len(), |ending| ending.sealed as usize);
    commands(&bytes[..size]).map(|found| (found, ending.is_some()))
}

/// A command of a value that looks like space, about so long.
fn command(number: usize, len: usize) -> Vec<u8> {
    let value = [number.to_string().into_bytes(), seal::space(0, len as u64)].concat();
    let head = format!("*2\r\n$4\r\nECHO\r\n${}\r\n", value.len());
    [head.into_bytes(), value, b"\r\n".to_vec()].concat()
}

proptest! {
    /// A power cut at any moment takes nothing of what was synced, and leaves nothing half behind
    /// where there is space; there it is no reason to refuse the file either.
    #[test]
    fn a_power_cut_takes_only_what_was_not_synced(
        history in vec(
            (0_usize..1200, prop_oneof![4 => Just(AHEAD), 1 => Just(0)], any::<bool>()), 1..12),
        choices in vec(any::<prop::sample::Index>(), 200),
    ) {
        let mut output = Output::new(Disk::default(), 0);
        let mut choices = choices.into_iter().cycle();
        let mut chance = |below: usize| choices.next().expect("it is endless").index(below);
        let mut all = Vec::new();
        let mut synced = 0;
        for (number, (len, ahead, is_synced)) in history.into_iter().enumerate() {
            // Small ones among others, and some that are large.
            let len = if len % 9 == 0 { 8 * len } else { len / 4 };
            let next = command(number, len);
            all.push(next.clone());
            output.put(&mut next.clone(), ahead).expect("there is room");
            if is_synced {
                output.sync().expect("it is synced");
            }
            for moment in output.file.moments.take() {
                for _ in 0..2 {
                    let left = moment.after_power_cut(&mut chance);
                    let Some((found, is_sealed)) = load(&left) else {
                        prop_assert!(!moment.is_space, "refused with {synced} synced");
                        continue;
                    };
                    prop_assert!(found.starts_with(&all[..synced]), "{synced} were synced");
                    prop_assert!(!is_sealed || all.starts_with(&found), "a half write");
                }
            }
            if is_synced {
                synced = all.len();
            }
        }
    }
}
