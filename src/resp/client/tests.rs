use proptest::prelude::*;

use super::*;
use crate::base::Rng;
use crate::base::rng::seeds;
use crate::resp::Proto;

/// Decodes all of `wire`, fed in pieces of `cut` bytes.
fn decode_all(wire: &[u8], cut: usize) -> Result<Vec<Value>, ReplyError> {
    let (mut decoder, mut input) = (ReplyDecoder::new(), BytesMut::new());
    let mut values = Vec::new();
    for piece in wire.chunks(cut) {
        input.extend_from_slice(piece);
        while let Some(value) = decoder.decode(&mut input)? {
            assert_eq!(decoder.elements, 0, "each reply has its own allowance");
            values.push(value);
        }
    }
    Ok(values)
}

fn encode(value: &Value, proto: Proto) -> Vec<u8> {
    let mut encoder = Encoder::new(proto);
    encoder.value(value);
    encoder.into_bytes()
}

/// What is left of a value once RESP2 has flattened it.
fn flattened(value: &Value) -> Value {
    let bulk = |bytes: &[u8]| Value::bulk(bytes);
    match value {
        Value::Map(pairs) => {
            Value::Array(pairs.iter().flat_map(|(k, v)| [flattened(k), flattened(v)]).collect())
        }
        Value::Array(items) | Value::Set(items) | Value::Push(items) => {
            Value::Array(items.iter().map(flattened).collect())
        }
        Value::Double(value) => bulk(&crate::base::number::format_double(*value)),
        Value::Bool(value) => Value::Int(i64::from(*value)),
        Value::Verbatim { text, .. } => bulk(text),
        Value::BigNumber(digits) => bulk(digits),
        other => other.clone(),
    }
}

fn value() -> impl Strategy<Value = Value> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
    let leaf = prop_oneof![
        "[ -~]{0,20}".prop_map(|text| Value::Simple(text.into())),
        "[ -~\u{80}-\u{fff}]{0,20}".prop_map(|text| Value::Error(text.into())),
        any::<i64>().prop_map(Value::Int),
        bytes().prop_map(Value::Bulk),
        (SHARED_MIN..SHARED_MIN + 3).prop_map(|len| Value::Bulk(vec![b'x'; len].into())),
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        prop_oneof![any::<f64>(), Just(f64::INFINITY)].prop_map(Value::Double),
        bytes().prop_map(|text| Value::Verbatim { format: *b"txt", text }),
        "-?[0-9]{1,40}".prop_map(|digits| Value::BigNumber(digits.into())),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let items = || prop::collection::vec(inner.clone(), 0..6);
        prop_oneof![
            items().prop_map(Value::Array),
            items().prop_map(Value::Set),
            items().prop_map(Value::Push),
            prop::collection::vec((inner.clone(), inner.clone()), 0..4).prop_map(Value::Map),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        values in prop::collection::vec(value(), 1..5),
        cut in 1..60usize
    ) {
        let wire: Vec<u8> = values.iter().flat_map(|value| encode(value, Proto::Resp3)).collect();
        prop_assert_eq!(decode_all(&wire, cut).expect("valid"), values.clone());
        let wire: Vec<u8> = values.iter().flat_map(|value| encode(value, Proto::Resp2)).collect();
        let flat: Vec<_> = values.iter().map(flattened).collect();
        prop_assert_eq!(decode_all(&wire, cut).expect("valid"), flat);
    }

    #[test]
    fn random_bytes_do_no_harm(
        bytes in prop::collection::vec(
            prop_oneof![
                any::<u8>(),
                prop::sample::select(b"*$~>%|=!+-:,#(_\r\n0123456789?".to_vec())
            ],
            1..200
        ),
        cut in 1..40usize
    ) {
        let _ = decode_all(&bytes, cut);
    }
}

/// Valid replies with a few bytes changed: a verdict, the same however they are cut, and no panic.
#[test]
fn mutated_replies_do_no_harm() {
    let whole = b"*3\r\n%1\r\n+k\r\n,1.5\r\n~2\r\n#t\r\n_\r\n>1\r\n=7\r\ntxt:abc\r\n\
        |1\r\n+a\r\n:1\r\n$2\r\nhi\r\n";
    for seed in seeds(3000) {
        let rng = &mut Rng::from_seed(seed);
        let mut wire = whole.to_vec();
        for _ in 0..1 + rng.below(3) {
            let at = rng.index(wire.len());
            wire[at] = b"*$~>%|=!+-:,#(_\r\n0159?x\xff"[rng.index(24)];
        }
        let (one, many) = (decode_all(&wire, 1), decode_all(&wire, wire.len()));
        assert_eq!(format!("{one:?}"), format!("{many:?}"), "seed {seed}");
    }
}

#[test]
fn replies_of_real_servers_are_understood() {
    let array = |items: &[Value]| Value::Array(items.to_vec());
    let cases = [
        (&b"$-1\r\n*-1\r\n*0\r\n"[..], vec![Value::Null, Value::NullArray, array(&[])]),
        (b"%0\r\n~0\r\n", vec![Value::Map(vec![]), Value::Set(vec![])]),
        (b"!5\r\nERR x\r\n", vec![Value::Error("ERR x".into())]),
        (b"-ERR \xff\r\n", vec![Value::Error(Bytes::from_static(b"ERR \xff"))]),
        (b"|1\r\n+ttl\r\n:3\r\n+OK\r\n", vec![Value::ok()]),
        (b"*2\r\n|0\r\n:1\r\n:2\r\n", vec![array(&[Value::Int(1), Value::Int(2)])]),
        (b",inf\r\n", vec![Value::Double(f64::INFINITY)]),
        (b"$2\r\n\r\n\r\n", vec![Value::bulk(b"\r\n")]),
    ];
    for (wire, values) in cases {
        assert_eq!(decode_all(wire, 1).expect("valid"), values, "{}", wire.escape_ascii());
        assert_eq!(decode_all(wire, 1000).expect("valid"), values);
    }
}

#[test]
fn deep_long_and_endless_replies_are_refused() {
    let deep = |depth| [b"*1\r\n".repeat(depth), b":1\r\n".to_vec()].concat();
    assert_eq!(decode_all(&deep(DEPTH_MAX), 100).expect("allowed").len(), 1);
    assert!(matches!(decode_all(&deep(DEPTH_MAX + 1), 100), Err(ReplyError::TooDeep)));
    assert!(matches!(decode_all(&deep(100_000), 1460), Err(ReplyError::TooDeep)));

    let announced = |text: String| decode_all(text.as_bytes(), 100);
    assert!(announced(format!("*{ELEMENTS_MAX}\r\n")).expect("allowed").is_empty());
    let more = format!("*{}\r\n", ELEMENTS_MAX + 1);
    assert!(matches!(announced(more), Err(ReplyError::TooManyElements)));
    let nested = format!("*2\r\n%{}\r\n", ELEMENTS_MAX / 2);
    assert!(matches!(announced(nested), Err(ReplyError::TooManyElements)));
    let huge = format!("%{}\r\n", i64::MAX);
    assert!(matches!(announced(huge), Err(ReplyError::TooManyElements)));
    assert!(announced(format!("${STRING_MAX}\r\n")).expect("allowed").is_empty());
    assert!(matches!(announced(format!("${}\r\n", STRING_MAX + 1)), Err(ReplyError::BadLength)));
    assert!(matches!(announced("$?\r\n".into()), Err(ReplyError::BadLength)));
    assert!(matches!(announced("*-2\r\n".into()), Err(ReplyError::BadLength)));
    assert!(matches!(announced("x\r\n".into()), Err(ReplyError::UnknownKind(b'x'))));
    let endless = "+".repeat(LINE_MAX + 2);
    assert!(matches!(announced(endless), Err(ReplyError::TooLongLine)));
}

/// Started over with every read, this would look at 10 GB.
#[test]
fn many_elements_in_small_reads_are_linear() {
    let mut wire = b"*100000\r\n".to_vec();
    wire.extend_from_slice(&b"$3\r\nabc\r\n".repeat(100_000));
    let values = decode_all(&wire, 5).expect("valid");
    assert_eq!(values[0].items().map(<[Value]>::len), Some(100_000));
}

#[test]
fn commands_are_arrays_of_strings() {
    assert_eq!(encode_command(&["GET", ""]), b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
}
