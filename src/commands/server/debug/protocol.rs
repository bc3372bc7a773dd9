//! DEBUG PROTOCOL: a reply of each type, for tests of clients.

use crate::commands::{Args, Ctx, Reply};
use crate::resp::Proto;
use crate::spec::{CmdError, CmdResult};

const UNKNOWN_TYPE: CmdError = CmdError::text(
    "ERR Wrong protocol type name. Please use one of the following: \
    string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
);
const NOT_IN_RESP2: CmdError = CmdError::text("ERR RESP2 is not supported by this command");
/// The encoder has no word for attributes: nothing else sends any.
const ATTRIBUTE: &[u8] = b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n";

#[expect(clippy::approx_constant, reason = "this is what Redis says, not pi")]
pub fn protocol(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let out = &mut *cx.out;
    match args.bytes()?.to_ascii_lowercase().as_slice() {
        b"string" => out.bulk(b"Hello World"),
        b"integer" => out.int(12345),
        b"double" => out.double(3.141),
        b"bignum" => out.big_number(b"1234567999999999999999999999999999999"),
        b"null" => out.null(),
        b"array" => {
            out.array(3);
            (0..3).for_each(|element| out.int(element));
        }
        b"set" => {
            out.set(3);
            (0..3).for_each(|element| out.int(element));
        }
        b"map" => {
            out.map(3);
            for element in 0..3 {
                out.int(element);
                out.bool(element == 1);
            }
        }
        b"attrib" => {
            if out.proto() == Proto::Resp3 {
                out.raw(ATTRIBUTE);
            }
            out.bulk(b"Some real reply following the attribute");
        }
        b"push" if out.proto() == Proto::Resp2 => return Err(NOT_IN_RESP2),
        b"push" => {
            out.push(2);
            out.bulk(b"server-cpu-usage");
            out.int(42);
            out.bulk(b"Some real reply following the push reply");
        }
        b"verbatim" => out.verbatim(*b"txt", b"This is a verbatim\nstring"),
        b"true" => out.bool(true),
        b"false" => out.bool(false),
        _ => return Err(UNKNOWN_TYPE),
    }
    Ok(Reply::Written)
}
