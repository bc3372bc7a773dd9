use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::replication::journal::encode;

fn bytes_of(commands: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for command in commands {
        encode(&mut bytes, command.iter().map(Vec::as_slice));
    }
    bytes
}

fn scanner(bytes: &[u8]) -> Scanner<&[u8]> {
    Scanner::new(bytes, 0, bytes.len() as u64)
}

/// Reads to the end; how many commands, where it is safe to cut, and what is wrong.
fn scan(bytes: &[u8]) -> (usize, u64, Option<ScanError>) {
    let (mut scanner, mut commands) = (scanner(bytes), 0);
    loop {
        match scanner.next_item() {
            Ok(Some(Item::Command(..))) => commands += 1,
            Ok(Some(Item::Annotation(_))) => {}
            Ok(None) => return (commands, scanner.safe_end(), None),
            Err(error) => return (commands, scanner.safe_end(), Some(error)),
        }
    }
}

fn fault(bytes: &[u8]) -> (u64, String, bool) {
    match scan(bytes).2 {
        Some(ScanError::Content { offset, fault, is_end, .. }) => {
            (offset, fault.to_string(), is_end)
        }
        other => panic!("no fault: {other:?}"),
    }
}

#[test]
fn faults_are_told_as_redis_check_aof_tells_them() {
    let told = |bytes: &[u8]| {
        let (offset, text, is_end) = fault(bytes);
        format!("{offset:x} {text}{}", if is_end { " (end)" } else { "" })
    };
    assert_eq!(told(b"*1\r\n$3\r\nfo"), "8 Expected to read 5 bytes, got 2 bytes (end)");
    assert_eq!(told(b"*1\r\n$3\r\nfooxx"), "8 Expected \\r\\n, got: 7878");
    assert_eq!(told(b"*1\r\n$5"), "4 Expected \\r\\n, got: 0000 (end)");
    assert_eq!(told(b"*x\r\n$4\r\n"), "0 Expected \\r\\n, got: 780d");
    assert_eq!(told(b"*1\r\n!4\r\nEXEC\r\n"), "4 Expected prefix '$', got: '!'");
    let range = "4 Expected to read string of -1 bytes, which is not in the suitable range";
    assert_eq!(told(b"*1\r\n$-1\r\n"), range);
    assert_eq!(
        told(b"*1\r\n$99999999999\r\nx"),
        "12 Expected to read 100000000001 bytes, got 1 bytes (end)"
    );
    assert_eq!(told(b"*2\r\n$1\r\na\r\n"), "b the end of the file (end)");
    assert_eq!(told(b"#TS:1"), "0 the end of the file (end)");
    assert!(told(b"garbage").ends_with("neither a command nor an annotation begins here"));
    assert!(told(&[b"#".as_slice(), &[b'x'; 2000]].concat()).contains("too long"));
    assert!(!fault(&[b"*".as_slice(), &[b'1'; 40]].concat()).2, "no number is that long");
}

#[test]
fn a_file_is_cut_before_a_transaction_that_is_not_complete() {
    let set = bytes_of(&[vec![b"SET".to_vec(), b"a".to_vec(), b"1".to_vec()]]);
    let multi = bytes_of(&[vec![b"multi".to_vec()]]);
    let exec = bytes_of(&[vec![b"EXEC".to_vec()]]);
    let open = [set.as_slice(), &multi, &set].concat();
    assert_eq!(scan(&open).1, set.len() as u64);
    let cut = [open.as_slice(), &exec[..3]].concat();
    assert_eq!(scan(&cut).1, set.len() as u64);
    let closed = [open.as_slice(), b"#TS:17\r\n", &exec].concat();
    assert_eq!(scan(&closed).1, closed.len() as u64);
}

#[test]
fn annotations_tell_the_time() {
    let mut scanner = scanner(b"#TS:1795275691\r\n#hello\n#TS:foo\r\n");
    let mut times = Vec::new();
    while let Some(item) = scanner.next_item().expect("well-formed") {
        times.push(item.timestamp());
    }
    assert_eq!(times, [Some(1_795_275_691), None, Some(0)]);
}

#[test]
fn only_data_goes_into_the_file_with_the_time_before_it() {
    let commands: Vec<Vec<Vec<u8>>> =
        [&["SET", "a", "1"][..], &["ping"], &["REPLCONF", "GETACK", "*"], &["DEL", "a"]]
            .iter()
            .map(|command| command.iter().map(|word| word.as_bytes().to_vec()).collect())
            .collect();
    let bytes = bytes_of(&commands);
    let (mut stream, mut out) = (Stream::default(), Vec::new());
    stream.take(&bytes, Some(7), &mut out);
    stream.take(&bytes, Some(7), &mut out);
    let kept = bytes_of(&[commands[0].clone(), commands[3].clone()]);
    assert_eq!(out, [b"#TS:7\r\n".as_slice(), &kept, &kept].concat());
}

fn rule(text: &str) -> Rule {
    Manifest::parse(text.as_bytes()).expect_err("a rule is broken").rule
}

#[test]
fn manifests_keep_to_the_rules_of_redis() {
    let text = "file a.2.base.rdb seq 2 type b\nfile a.1.incr.aof seq 1 type h\n\
                file \"a b.2.incr.aof\" seq 2 type i\nfile a.5.incr.aof seq 5 type i\n";
    let manifest = Manifest::parse(text.as_bytes()).expect("well-formed");
    assert_eq!(String::from_utf8_lossy(&manifest.encode()), text);
    let loose = "#comment without end of rules\nSEQ 2x FILE a.2.base.rdb TYPE bbb foo bar\n";
    assert_eq!(Manifest::parse(loose.as_bytes()).expect("accepted").base, manifest.base);
    assert_eq!(Manifest::parse(b"#x\n"), Ok(Manifest::default()));
    assert_eq!(rule(""), Rule::Empty);
    assert_eq!(rule("file a seq 1 type b"), Rule::LongLine);
    assert_eq!(rule(&format!("{:1100}\n", "x")), Rule::LongLine);
    for bad in [
        "file a seq 1\n",
        "file a seq 0 type i\n",
        "file a seq x type i\n",
        "file a seq 18446744073709551615 type b\n",
        "file \"a seq 1 type b\n",
        "\n",
        "file a seq 1 type b x\n",
        "file \"\" seq 1 type b\n",
        "fil a seq 1 type b\n",
    ] {
        assert_eq!(rule(bad), Rule::Format, "{bad}");
    }
    assert_eq!(rule("file a seq 1 type x\n"), Rule::Kind);
    assert_eq!(rule("file a/b seq 1 type i\n"), Rule::Path);
    assert_eq!(rule("file a seq 2 type b\nfile b seq 3 type b\n"), Rule::TwoBases);
    assert_eq!(rule("file a seq 2 type i\nfile b seq 2 type i\n"), Rule::Order);
}

#[test]
fn a_rewrite_makes_history_of_what_it_absorbed() {
    let mut manifest = Manifest::of_old_file(b"old.aof");
    for _ in 0..3 {
        let next = manifest.next_increment(b"p");
        manifest.push_increment(next);
    }
    manifest.rebase(manifest.next_base(b"p", true), 3);
    let expected = "file p.2.base.rdb seq 2 type b\nfile old.aof seq 1 type h\n\
                    file p.1.incr.aof seq 1 type h\nfile p.2.incr.aof seq 2 type h\n\
                    file p.3.incr.aof seq 3 type i\n";
    assert_eq!(String::from_utf8_lossy(&manifest.encode()), expected);
    assert_eq!(Manifest::parse(expected.as_bytes()), Ok(manifest.clone()));
    assert_eq!(manifest.next_increment(b"p").name, b"p.4.incr.aof");
    assert_eq!(manifest.next_base(b"p", false).name, b"p.3.base.aof");
}

fn commands() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    let word = prop_oneof![
        Just(b"MULTI".to_vec()),
        Just(b"EXEC".to_vec()),
        Just(b"PING".to_vec()),
        vec(any::<u8>(), 0..40),
    ];
    vec(vec(word, 1..12), 0..20)
}

proptest! {
    #[test]
    fn wherever_a_file_is_cut_its_whole_commands_are_found(
        commands in commands(),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = bytes_of(&commands);
        let cut = cut.index(bytes.len() + 1);
        let mut ends = vec![0];
        for command in &commands {
            ends.push(ends.last().unwrap() + bytes_of(std::slice::from_ref(command)).len());
        }
        let whole = ends.iter().filter(|&&end| end <= cut).count() - 1;
        let (found, safe, error) = scan(&bytes[..cut]);
        prop_assert_eq!(found, whole);
        prop_assert!(ends.contains(&(safe as usize)) && safe as usize <= ends[whole]);
        let is_end = matches!(error, Some(ScanError::Content { is_end: true, .. }));
        prop_assert_eq!(is_end, ends[whole] != cut, "{:?}", error);
    }

    #[test]
    fn spoilt_bytes_are_refused_or_read_and_nothing_worse(
        commands in commands(),
        spots in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = bytes_of(&commands);
        for (spot, value) in spots.iter().filter(|_| !commands.is_empty()) {
            let at = spot.index(bytes.len());
            bytes[at] = *value;
        }
        let (_, safe, _) = scan(&bytes);
        prop_assert!(safe as usize <= bytes.len());
        // What is left after the cut is sound.
        let (_, again, error) = scan(&bytes[..safe as usize]);
        prop_assert!(error.is_none());
        prop_assert_eq!(again, safe);
    }

    #[test]
    fn a_stream_is_the_same_however_it_is_cut(
        commands in commands(),
        cuts in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let bytes = bytes_of(&commands);
        let mut whole = Vec::new();
        Stream::default().take(&bytes, None, &mut whole);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let (mut stream, mut pieces, mut from) = (Stream::default(), Vec::new(), 0);
        for cut in cuts.into_iter().chain([bytes.len()]) {
            stream.take(&bytes[from..cut], None, &mut pieces);
            from = cut;
        }
        prop_assert_eq!(&pieces, &whole);
        prop_assert_eq!(stream.held(), 0);
    }

    #[test]
    fn manifests_are_read_back(
        names in vec(vec(any::<u8>(), 1..20), 1..8),
        seqs in vec(1..5u64, 8),
    ) {
        let mut manifest = Manifest::default();
        for (name, step) in names.iter().zip(&seqs) {
            let name: Vec<u8> = name.iter().map(|&b| if b == b'/' { b'_' } else { b }).collect();
            let mut part = manifest.next_increment(&name);
            part.seq += step;
            manifest.push_increment(part);
        }
        prop_assert_eq!(Manifest::parse(&manifest.encode()), Ok(manifest));
    }
}
