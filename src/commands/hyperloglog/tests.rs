//! The HyperLogLog commands in-process. The expected replies are those of redis-server 7.0.

use crate::engine::testing::{Local, show};

/// Runs lines `command => reply`, in which `\x00` stands for a byte.
fn check(script: &str) {
    let mut local = Local::default();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (command, expected) = line.split_once(" => ").expect("command => reply");
        let words: Vec<Vec<u8>> = command.split_whitespace().map(bytes).collect();
        assert_eq!(show(&local.run(&words)), expected, "{command}");
    }
}

fn bytes(word: &str) -> Vec<u8> {
    let mut parts = word.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

#[test]
fn elements_are_added_and_counted() {
    check(
        r#"
        HSET h a b => :1
        SET s hello => +OK
        PFADD p => :1
        PFADD p => :0
        OBJECT ENCODING p => "raw"
        PFADD p a b c => :1
        PFADD p a => :0
        PFADD s a => -WRONGTYPE Key is not a valid HyperLogLog string value.
        PFADD s => -WRONGTYPE Key is not a valid HyperLogLog string value.
        PFADD h a => -WRONGTYPE Operation against a key holding the wrong kind of value
        PFCOUNT p => :3
        PFCOUNT none => :0
        PFCOUNT s => -WRONGTYPE Key is not a valid HyperLogLog string value.
        PFCOUNT h => -WRONGTYPE Operation against a key holding the wrong kind of value
        PFCOUNT p none => :3
        PFCOUNT p s => -WRONGTYPE Key is not a valid HyperLogLog string value.
        PFCOUNT p h => -WRONGTYPE Operation against a key holding the wrong kind of value
        GETRANGE p 0 20 => "HYLL\x01\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00`\xf3\x80P\xb1"
        PFADD q x y z a => :1
        PFCOUNT p q => :6
        EXPIRE p 100 => :1
        PFADD p q => :1
        TTL p => :100
        SET n 34 => +OK
        PFADD n a => -WRONGTYPE Key is not a valid HyperLogLog string value.
        PFCOUNT n => -WRONGTYPE Key is not a valid HyperLogLog string value.
        "#,
    );
}

#[test]
fn a_look_makes_the_string_raw() {
    check(
        r#"
        SET c HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff => +OK
        OBJECT ENCODING c => "embstr"
        PFADD c => :0
        OBJECT ENCODING c => "raw"
        SET c HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff => +OK
        PFCOUNT c => :0
        OBJECT ENCODING c => "raw"
        "#,
    );
}

#[test]
fn several_are_merged() {
    check(
        r#"
        PFADD p a b c => :1
        PFADD q x y z a => :1
        SET s hello => +OK
        HSET h a b => :1
        PFMERGE r p q => +OK
        PFCOUNT r => :6
        PFMERGE s p => -WRONGTYPE Key is not a valid HyperLogLog string value.
        PFMERGE h p => -WRONGTYPE Operation against a key holding the wrong kind of value
        PFMERGE p s => -WRONGTYPE Key is not a valid HyperLogLog string value.
        PFMERGE p h => -WRONGTYPE Operation against a key holding the wrong kind of value
        PFMERGE none => +OK
        GET none => "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"
        PFMERGE none missing => +OK
        PFDEBUG TODENSE q => :1
        PFMERGE r q => +OK
        PFDEBUG ENCODING r => +dense
        PFADD r q => :1
        PFADD r a => :0
        PFCOUNT r => :7
        "#,
    );
}

#[test]
fn pfdebug_looks_inside() {
    check(
        r#"
        PFADD p a b c => :1
        SET s hello => +OK
        HSET h a b => :1
        PFDEBUG ENCODING p => +sparse
        PFDEBUG encoding none => -ERR The specified key does not exist
        PFDEBUG encoding s => -WRONGTYPE Key is not a valid HyperLogLog string value.
        PFDEBUG encoding h => -WRONGTYPE Operation against a key holding the wrong kind of value
        PFDEBUG decode p => "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603"
        PFDEBUG todense p => :1
        PFDEBUG todense p => :0
        PFDEBUG decode p => -ERR HLL encoding is not sparse
        PFDEBUG encoding p => +dense
        PFDEBUG foo p => -ERR Unknown PFDEBUG subcommand 'foo'
        PFDEBUG foo none => -ERR The specified key does not exist
        PFSELFTEST => +OK
        PFADD z 1 37 44 57 => :1
        PFDEBUG DECODE z => "Z:375 v:4,1 Z:7151 v:1,1 Z:3933 v:3,1 z:22 v:3,1 Z:4899"
        "#,
    );
}

#[test]
fn damage_is_found_when_it_matters() {
    check(
        r#"
        PFADD p a b c => :1
        SET c HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x84 => +OK
        PFADD c a => -INVALIDOBJ Corrupted HLL object detected
        PFCOUNT c => -INVALIDOBJ Corrupted HLL object detected
        PFCOUNT c p => -INVALIDOBJ Corrupted HLL object detected
        PFMERGE p c => -INVALIDOBJ Corrupted HLL object detected
        PFMERGE c p => -INVALIDOBJ Corrupted HLL object detected
        PFMERGE d c => -INVALIDOBJ Corrupted HLL object detected
        EXISTS d => :0
        PFDEBUG decode c => "v:2,1"
        PFDEBUG encoding c => +sparse
        PFDEBUG getreg c => -INVALIDOBJ Corrupted HLL object detected
        PFDEBUG todense c => -INVALIDOBJ Corrupted HLL object detected
        SET c HYLL\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff => +OK
        PFADD c => -WRONGTYPE Key is not a valid HyperLogLog string value.
        SET c HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff => +OK
        PFCOUNT c => -WRONGTYPE Key is not a valid HyperLogLog string value.
        SET c HYLL\x01\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x84 => +OK
        PFCOUNT c => :7
        SET c HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80 => +OK
        PFADD c a => -INVALIDOBJ Corrupted HLL object detected
        PFADD c => :0
        PFCOUNT c => -INVALIDOBJ Corrupted HLL object detected
        SET c HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff\x7f\xff => +OK
        PFCOUNT c => -INVALIDOBJ Corrupted HLL object detected
        PFADD c a => :1
        GET c => "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80q\xa6\x84NW\x7f\xff"
        PFDEBUG decode c => "Z:12711 v:2,1 Z:3672 Z:16384"
        SET c HYLL\x01\x01\x02\x03\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff => +OK
        PFADD c a => :1
        PFCOUNT c => :1
        GET c => "HYLL\x01\x01\x02\x03\x01\x00\x00\x00\x00\x00\x00\x00q\xa6\x84NW"
        "#,
    );
}
