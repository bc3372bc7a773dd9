//! The slow log: the latest commands that took longer than `slowlog-log-slower-than`.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Arguments kept per entry; the last one then says how many are missing.
const ARGS_MAX: usize = 32;
/// Bytes kept per argument.
const ARG_BYTES_MAX: usize = 128;

/// One slow command.
#[derive(Clone, Debug)]
pub struct SlowEntry {
    pub id: u64,
    pub unix_seconds: u64,
    pub micros: u64,
    pub args: Vec<Vec<u8>>,
    pub peer: String,
    pub client_name: Vec<u8>,
}

/// Bounded by `slowlog-max-len`; newest first.
#[derive(Debug, Default)]
pub struct SlowLog(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    next_id: u64,
    newest_first: VecDeque<SlowEntry>,
}

impl SlowLog {
    /// Adds an entry (its id is assigned here) and forgets the oldest beyond `max_len`.
    pub fn add(&self, mut entry: SlowEntry, max_len: usize) {
        let mut entries = self.0.lock();
        entry.id = entries.next_id;
        entries.next_id += 1;
        entries.newest_first.push_front(entry);
        entries.newest_first.truncate(max_len);
    }

    /// The newest `count` entries, newest first.
    #[must_use]
    pub fn newest(&self, count: usize) -> Vec<SlowEntry> {
        self.0.lock().newest_first.iter().take(count).cloned().collect()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().newest_first.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn reset(&self) {
        self.0.lock().newest_first.clear();
    }
}

/// What stands in the place of a secret.
pub const REDACTED: &[u8] = b"(redacted)";

/// Trims a command's arguments to what the log keeps of them, as Redis does; those numbered in
/// `secrets` are not shown.
#[must_use]
pub fn trim_args<'a>(
    args: impl ExactSizeIterator<Item = &'a [u8]>,
    secrets: &[usize],
) -> Vec<Vec<u8>> {
    let count = args.len();
    let kept = if count > ARGS_MAX { ARGS_MAX - 1 } else { count };
    let shown = |(index, arg)| if secrets.contains(&index) { REDACTED } else { arg };
    let mut trimmed: Vec<Vec<u8>> = args.take(kept).enumerate().map(shown).map(trim_arg).collect();
    if count > kept {
        trimmed.push(format!("... ({} more arguments)", count - kept).into_bytes());
    }
    trimmed
}

fn trim_arg(arg: &[u8]) -> Vec<u8> {
    if arg.len() <= ARG_BYTES_MAX {
        return arg.to_vec();
    }
    let mut trimmed = arg[..ARG_BYTES_MAX].to_vec();
    trimmed.extend(format!("... ({} more bytes)", arg.len() - ARG_BYTES_MAX).into_bytes());
    trimmed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(micros: u64) -> SlowEntry {
        let (peer, client_name) = (String::new(), Vec::new());
        SlowEntry { id: 0, unix_seconds: 0, micros, args: Vec::new(), peer, client_name }
    }

    #[test]
    fn the_oldest_entries_go_first_and_ids_go_on() {
        let log = SlowLog::default();
        (0..5).for_each(|micros| log.add(entry(micros), 3));
        let kept: Vec<_> = log.newest(10).iter().map(|e| (e.id, e.micros)).collect();
        assert_eq!(kept, [(4, 4), (3, 3), (2, 2)]);
        log.reset();
        log.add(entry(9), 3);
        assert_eq!(log.newest(1)[0].id, 5);
    }

    #[test]
    fn long_commands_are_trimmed() {
        let args = vec![vec![b'x'; 200]; 40];
        let trimmed = trim_args(args.iter().map(Vec::as_slice), &[1]);
        assert_eq!(trimmed.len(), 32);
        assert_eq!(trimmed[31], b"... (9 more arguments)");
        assert_eq!(trimmed[1], REDACTED);
        assert!(trimmed[0].ends_with(b"x... (72 more bytes)"));
    }
}
