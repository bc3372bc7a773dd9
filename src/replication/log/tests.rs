use proptest::prelude::*;

use super::*;

fn text(pieces: &[Bytes]) -> Vec<u8> {
    pieces.concat()
}

#[test]
fn a_change_of_database_is_told_once() {
    let log = Log::default();
    log.append_command(0, &[b"A"]);
    log.append_command(0, &[b"B"]);
    log.append_command(3, &[b"C"]);
    log.forget_db();
    log.append_command(3, &[b"D"]);
    let all = String::from_utf8(text(&log.read(0, usize::MAX).expect("all is kept")));
    let words: Vec<String> = all
        .expect("text")
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_alphanumeric()))
        .map(str::to_owned)
        .collect();
    let expected = ["SELECT", "0", "A", "B", "SELECT", "3", "C", "SELECT", "3", "D"];
    assert_eq!(words, expected);
}

#[test]
fn what_nobody_needs_is_dropped_and_what_a_reader_needs_is_not() {
    let log = Log::default();
    let block = vec![b'x'; BLOCK_BYTES];
    let fill = |blocks: usize| {
        for _ in 0..blocks {
            log.append_stream(&block, 0);
        }
    };
    log.set_backlog(BLOCK_BYTES as u64);
    let reader = log.reader(0).expect("the beginning");
    reader.allow(20 * BLOCK_BYTES as u64);
    fill(10);
    assert_eq!(log.first(), 0, "the reader is behind");
    reader.advance_to(log.end());
    fill(10);
    assert!(log.first() > 0);
    assert_eq!(log.read(0, 1), Err(Gap::Evicted));
    assert_eq!(log.read(log.end() + 1, 1), Err(Gap::Future));
    let lost = log.reader(log.end()).expect("the end");
    lost.allow(20 * BLOCK_BYTES as u64);
    let kept = lost.clone();
    fill(40);
    assert_eq!(log.read(lost.offset(), 1), Err(Gap::Evicted), "it was too slow");
    lost.advance_to(log.end());
    drop(lost);
    fill(10);
    assert!(log.read(kept.offset(), 1).is_ok(), "a copy of it keeps what it kept");
    let patient = log.patient_reader(log.end()).expect("the end");
    fill(60);
    assert!(log.read(patient.offset(), 1).is_ok(), "it gets everything");
    drop(patient);
    fill(60);
    assert!(log.first() > log.end() - 40 * BLOCK_BYTES as u64);
}

#[test]
fn who_waits_is_woken_when_another_history_begins() {
    struct Woken(AtomicBool);
    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let (log, woken) = (Log::default(), Arc::new(Woken(AtomicBool::new(false))));
    log.append_stream(b"abc", 0);
    assert!(!log.poll_beyond(3, &Waker::from(Arc::clone(&woken))));
    log.restart(1);
    assert!(woken.0.load(Ordering::SeqCst));
    assert_eq!((log.end(), log.restarts()), (1, 1));
}

proptest! {
    #[test]
    fn every_reader_gets_every_byte(
        sizes in proptest::collection::vec(0..BLOCK_BYTES * 2, 0..20),
        steps in proptest::collection::vec(1..BLOCK_BYTES, 1..20),
    ) {
        let log = Log::default();
        log.set_backlog(u64::MAX >> 1);
        let mut expected = Vec::new();
        for (index, size) in sizes.iter().enumerate() {
            let bytes = vec![index as u8; *size];
            log.append_stream(&bytes, 0);
            expected.extend(bytes);
        }
        let (mut had, mut at) = (Vec::new(), steps.iter().cycle());
        while had.len() < expected.len() {
            let step = *at.next().expect("it repeats");
            had.extend(text(&log.read(had.len() as u64, step).expect("all is kept")));
        }
        prop_assert_eq!(had, expected);
    }
}
