use std::fs;

use super::*;

const SOUND: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n#TS:100\r\n*1\r\n$5\r\nMULTI\r\n\
                       *2\r\n$4\r\nINCR\r\n$1\r\na\r\n*1\r\n$4\r\nEXEC\r\n\
                       #TS:101\r\n*2\r\n$4\r\nINCR\r\n$1\r\nb\r\n";

/// Runs it on `files` in a folder of their own; what it says, whether it succeeds, and the files.
fn told(mode: &[&str], answer: &str, files: &[(&str, &[u8])]) -> (String, bool, Vec<Vec<u8>>) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("a file");
    }
    let path = folder.path().join(files[0].0);
    let arguments: Vec<OsString> =
        mode.iter().map(OsString::from).chain([path.into_os_string()]).collect();
    let (mut input, mut out) = (answer.as_bytes(), Vec::new());
    let succeeds = check(&arguments, &mut input, &mut out).is_ok();
    let said = String::from_utf8(out).expect("text");
    let said = said.replace(&format!("{}/", folder.path().display()), "");
    let left = files.iter().map(|(name, _)| fs::read(folder.path().join(name)).expect("a file"));
    (said, succeeds, left.collect())
}

fn spoilt(tail: &[u8]) -> Vec<u8> {
    [SOUND, tail].concat()
}

#[test]
fn a_sound_file_is_called_valid() {
    let (said, succeeds, _) = told(&[], "", &[("x.aof", SOUND)]);
    let size = SOUND.len();
    assert!(succeeds);
    assert_eq!(
        said,
        format!(
            "Start checking Old-Style AOF\nAOF analyzed: filename=x.aof, size={size}, \
             ok_up_to={size}, ok_up_to_line=22, diff=0\nAOF x.aof is valid\n"
        )
    );
    assert!(told(&[], "", &[("x.aof", b"")]).0.ends_with("AOF x.aof is empty\n"));
}

/// The texts are those of redis-check-aof 7.0.15 for the same bytes.
#[test]
fn what_is_wrong_is_told_as_redis_does() {
    let size = SOUND.len();
    for (tail, expected) in [
        (&b"garbage\r\n"[..], "AOF x.aof format error".to_owned()),
        (b"*1\r\n$3\r\nfo", format!("0x{:16x}: Expected to read 5 bytes, got 2 bytes", size + 8)),
        (
            b"*1\r\n$5\r\nMULTI\r\n*1\r\n$1\r\na\r\n",
            format!("0x{:16x}: Reached EOF before reading EXEC for MULTI", size + 15 + 8),
        ),
        (b"*1\r\n$4\r\nEXEC\r\n", format!("0x{:16x}: Unexpected EXEC in AOF x.aof", size + 8)),
        (
            b"*1\r\n$5\r\nMULTI\r\n*1\r\n$5\r\nMULTI\r\n",
            format!("0x{:16x}: Unexpected MULTI in AOF x.aof", size + 15 + 8),
        ),
        (b"*2\r\n$3\r\nfoo\r\n", String::new()),
    ] {
        let bytes = spoilt(tail);
        let (said, succeeds, left) = told(&[], "", &[("x.aof", &bytes)]);
        assert!(!succeeds);
        let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with("Start")).collect();
        let [found @ .., analysis, verdict] = lines.as_slice() else { panic!("{said}") };
        assert_eq!(found.join(" "), expected);
        assert!(analysis.contains(&format!("ok_up_to={size}, ")), "{analysis}");
        assert!(analysis.ends_with(&format!("diff={}", tail.len())), "{analysis}");
        assert!(verdict.ends_with("Use the --fix option to try fixing it."));
        assert_eq!(left[0], bytes);
        let (said, succeeds, left) = told(&["--fix"], "n\n", &[("x.aof", &bytes)]);
        assert!(!succeeds && said.ends_with("Continue? [y/N]: Aborting...\n"), "{said}");
        assert_eq!(left[0], bytes);
        let (said, succeeds, left) = told(&["--fix"], "Y\n", &[("x.aof", &bytes)]);
        assert!(succeeds && said.ends_with("Successfully truncated AOF x.aof\n"), "{said}");
        assert_eq!(left[0], SOUND);
    }
}

#[test]
fn a_file_is_cut_off_at_a_point_in_time() {
    let at = |time: &str| told(&["--truncate-to-timestamp", time], "", &[("x.aof", SOUND)]);
    let (said, succeeds, left) = at("100");
    assert!(succeeds);
    assert!(said.ends_with("Successfully truncated AOF x.aof to timestamp 100\n"), "{said}");
    assert!(left[0].ends_with(b"EXEC\r\n"));
    let (said, succeeds, left) = at("101");
    assert!(succeeds && left[0] == SOUND);
    assert!(said.contains("Truncate nothing in AOF x.aof to timestamp 101\n"), "{said}");
    assert_eq!(at("x").0, "Invalid timestamp, aborting...\n");
    let early = b"#TS:100\r\n*1\r\n$4\r\nPING\r\n";
    let (said, succeeds, _) = told(&["--truncate-to-timestamp", "99"], "", &[("x.aof", early)]);
    assert!(!succeeds);
    assert!(said.ends_with("AOF x.aof has nothing before timestamp 99, aborting...\n"), "{said}");
}

#[test]
fn all_files_of_a_manifest_are_looked_at_and_only_the_last_is_cut_off() {
    let manifest: &[u8] = b"file a seq 1 type b\nfile b seq 1 type i\nfile c seq 2 type i\n";
    let base: &[u8] = b"REDIS0010\xff\0\0\0\0\0\0\0\0";
    let files = |b, c| [("m", manifest), ("a", base), ("b", b), ("c", c)];
    let (said, succeeds, _) = told(&[], "", &files(SOUND, b""));
    assert!(succeeds, "{said}");
    for line in [
        "Start checking Multi Part AOF",
        "Start to check BASE AOF (RDB format).",
        "BASE AOF a is valid",
        "Start to check INCR files.",
        "INCR AOF b is valid",
        "INCR AOF c is empty",
        "All AOF files and manifest are valid",
    ] {
        assert!(said.lines().any(|told| told == line), "{line} is missing in {said}");
    }
    let cut = &SOUND[..SOUND.len() - 1];
    let (said, succeeds, _) = told(&["--fix"], "y\n", &files(cut, SOUND));
    assert!(!succeeds);
    assert!(said.ends_with("Failed to truncate AOF b because it is not the last file\n"));
    let (said, succeeds, left) = told(&["--fix"], "y\n", &files(SOUND, cut));
    assert!(succeeds && said.ends_with("All AOF files and manifest are valid\n"), "{said}");
    assert_eq!(left[3].len(), SOUND.len() - 21);
    let broken = told(&[], "", &[("m", b"file a seq 1 type x\n")]);
    assert!(!broken.1 && broken.0.ends_with("Unknown AOF file type\n"), "{}", broken.0);
}
