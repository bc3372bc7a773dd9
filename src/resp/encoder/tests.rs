use super::*;

fn both(write: impl Fn(&mut Encoder)) -> (String, String) {
    let text = |proto| {
        let mut encoder = Encoder::new(proto);
        write(&mut encoder);
        encoder.buf.escape_ascii().to_string().replace("\\r\\n", "|")
    };
    (text(Proto::Resp2), text(Proto::Resp3))
}

#[test]
fn each_kind_of_reply_looks_as_the_version_wants_it() {
    type Write = fn(&mut Encoder);
    let cases: &[(Write, &str, &str)] = &[
        (|e| e.ok(), "+OK|", "+OK|"),
        (|e| e.simple("QUEUED"), "+QUEUED|", "+QUEUED|"),
        (|e| e.error("ERR a\r\nb\r\n"), "-ERR a  b|", "-ERR a  b|"),
        (|e| e.error("\r\n"), "-|", "-|"),
        (|e| e.int(i64::MIN), ":-9223372036854775808|", ":-9223372036854775808|"),
        (|e| e.int(0), ":0|", ":0|"),
        (|e| e.bulk(b""), "$0||", "$0||"),
        (|e| e.bulk(b"0123456789"), "$10|0123456789|", "$10|0123456789|"),
        (|e| e.bulk_int(-12), "$3|-12|", "$3|-12|"),
        (|e| e.null(), "$-1|", "_|"),
        (|e| e.null_array(), "*-1|", "_|"),
        (|e| e.array(10), "*10|", "*10|"),
        (|e| e.map(5), "*10|", "%5|"),
        (|e| e.set(3), "*3|", "~3|"),
        (|e| e.push(3), "*3|", ">3|"),
        (|e| e.double(0.1), "$19|0.10000000000000001|", ",0.10000000000000001|"),
        (|e| e.double(f64::NEG_INFINITY), "$4|-inf|", ",-inf|"),
        (|e| e.plain_double(1e20), "$21|100000000000000000000|", ",100000000000000000000|"),
        (|e| e.bool(true), ":1|", "#t|"),
        (|e| e.bool(false), ":0|", "#f|"),
        (|e| e.verbatim(*b"txt", b"hi"), "$2|hi|", "=6|txt:hi|"),
        (|e| e.big_number(b"123"), "$3|123|", "(123|"),
    ];
    for &(write, resp2, resp3) in cases {
        assert_eq!(both(write), (resp2.to_owned(), resp3.to_owned()));
    }
}

fn sent(encoder: &mut Encoder) -> Vec<u8> {
    let mut queue = crate::resp::OutputQueue::new();
    let len = encoder.len();
    queue.take_from(encoder);
    assert_eq!(queue.pending(), len);
    assert!(encoder.is_empty());
    let mut out = Vec::new();
    while !queue.is_empty() {
        let chunk = queue.first().to_vec();
        out.extend_from_slice(&chunk);
        queue.advance(chunk.len());
    }
    out
}

#[test]
fn a_deferred_length_stands_before_its_elements() {
    for big in [1, SHARED_MIN, 3 * SHARED_MIN] {
        let value = Bytes::from(vec![b'x'; big]);
        let (mut deferred, mut known) = (Encoder::new(Proto::Resp3), Encoder::new(Proto::Resp3));
        deferred.ok();
        let outer = deferred.begin_deferred();
        let inner = deferred.begin_deferred();
        for _ in 0..12 {
            deferred.bulk_shared(value.clone());
            deferred.bulk(&value[..big / 3]);
        }
        deferred.end_set(inner, 24);
        let map = deferred.begin_deferred();
        deferred.end_map(map, 0);
        deferred.end_array(outer, 2);
        deferred.int(7);

        known.ok();
        known.array(2);
        known.set(24);
        for _ in 0..12 {
            known.bulk(&value);
            known.bulk(&value[..big / 3]);
        }
        known.map(0);
        known.int(7);
        assert!(sent(&mut deferred) == sent(&mut known), "{big}");
    }
}

#[test]
fn a_deferred_length_moves_the_big_values_behind_it() {
    let value = Bytes::from(vec![b'x'; SHARED_MIN]);
    let (mut deferred, mut known) = (Encoder::default(), Encoder::default());
    let begun = deferred.begin_deferred();
    known.array(2);
    for encoder in [&mut deferred, &mut known] {
        encoder.int(1);
        encoder.bulk_shared(value.clone());
    }
    deferred.end_array(begun, 2);
    assert!(sent(&mut deferred) == sent(&mut known));
}

#[test]
fn a_rewind_leaves_what_was_before_the_mark() {
    let value = Bytes::from(vec![b'x'; SHARED_MIN]);
    let mut encoder = Encoder::default();
    encoder.bulk_shared(value.clone());
    let mark = encoder.mark();
    encoder.array(3);
    encoder.bulk_shared(value.clone());
    encoder.rewind(mark);
    encoder.error("ERR no");
    assert_eq!(sent(&mut encoder).len(), "$16384||".len() + 2 + SHARED_MIN + "-ERR no|".len() + 1);
}

#[test]
fn a_big_shared_value_is_not_copied() {
    let value = Bytes::from(vec![b'x'; SHARED_MIN]);
    let mut encoder = Encoder::default();
    encoder.bulk_shared(value.clone());
    encoder.bulk_shared(value.slice(1..));
    assert_eq!(encoder.shared.len(), 1, "one byte less is copied");
    assert_eq!(encoder.shared[0].1.as_ptr(), value.as_ptr());
}
