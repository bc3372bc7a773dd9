//! What SCAN, HSCAN, SSCAN and ZSCAN have in common: cursor, options and the shape of the reply.

use crate::base::glob;
use crate::commands::{Args, Ctx, Reply};
use crate::resp::Encoder;
use crate::spec::{Arg, ArgKind, Arity, CmdError, CmdResult, CommandSpec, Flags};
use crate::types::{Collection, Kind};

/// What the declarations of HSCAN, SSCAN and ZSCAN share.
pub const COLLECTION: CommandSpec = CommandSpec {
    since: "2.8.0",
    complexity: "O(1) for every call. O(N) for a complete iteration, including enough command \
        calls for the cursor to return back to 0. N is the number of elements inside the \
        collection..",
    arity: Arity::AtLeast(3),
    flags: Flags::READONLY,
    args: &[
        Arg::key("key"),
        Arg::int("cursor"),
        Arg::new("pattern", ArgKind::Pattern).token("MATCH").optional(),
        Arg::int("count").token("COUNT").optional(),
    ],
    tips: &["nondeterministic_output"],
    ..CommandSpec::BASE
};

/// One step through a collection: `walk` pushes elements from a cursor on and returns the next one.
pub fn collection<T: Collection>(
    cx: &mut Ctx<'_>,
    args: &mut Args<'_>,
    extra: Extra,
    walk: impl FnOnce(&T, u64, &Options<'_>, &mut Page) -> u64,
) -> CmdResult<Reply> {
    let key = args.key()?;
    let cursor = read_cursor(args.bytes()?)?;
    let mut page = Page::new(cx.out);
    let next = match cx.db.get::<T>(&key)? {
        Some(collection) => walk(collection, cursor, &Options::read(args, extra)?, &mut page),
        None => 0,
    };
    page.finish(next, cx.out);
    Ok(Reply::Written)
}

/// About how many elements a call looks at unless COUNT says otherwise.
const COUNT: usize = 10;

/// Reads a cursor: decimal, modulo nothing; a sign is allowed, and nothing at all is 0.
///
/// # Errors
/// If it is not a number of 64 bits.
pub fn read_cursor(text: &[u8]) -> CmdResult<u64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() && !text.is_empty() {
        return Err(CmdError::InvalidCursor);
    }
    let mut value = 0_u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(CmdError::InvalidCursor);
        }
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u64::from(digit)))
            .ok_or(CmdError::InvalidCursor)?;
    }
    Ok(if negative { value.wrapping_neg() } else { value })
}

/// Which options besides MATCH and COUNT a command has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    None,
    /// SCAN: `TYPE name`
    Type,
    /// HSCAN: `NOVALUES`
    NoValues,
}

const NOT_FOR_NO_VALUES: CmdError = CmdError::text("ERR NOVALUES option can only be used in HSCAN");

/// The options after the cursor.
#[derive(Debug)]
pub struct Options<'a> {
    pattern: Option<&'a [u8]>,
    pub count: usize,
    /// SCAN's TYPE; no kind has a name that is none.
    kind: Option<Option<Kind>>,
    pub values: bool,
}

impl<'a> Options<'a> {
    /// Reads all arguments that are left.
    ///
    /// # Errors
    /// A syntax error, or a COUNT that is no integer.
    pub fn read(args: &mut Args<'a>, extra: Extra) -> CmdResult<Options<'a>> {
        let mut options = Options { pattern: None, count: COUNT, kind: None, values: true };
        while let Some(token) = args.token() {
            match token.upper() {
                b"MATCH" => options.pattern = Some(args.bytes()?),
                b"COUNT" => {
                    let count = args.int()?;
                    if count < 1 {
                        return Err(CmdError::Syntax);
                    }
                    options.count = usize::try_from(count).unwrap_or(usize::MAX);
                }
                b"TYPE" if extra == Extra::Type => {
                    options.kind = Some(Kind::from_name(args.bytes()?));
                }
                b"NOVALUES" if extra == Extra::NoValues => options.values = false,
                b"NOVALUES" => return Err(NOT_FOR_NO_VALUES),
                _ => return Err(CmdError::Syntax),
            }
        }
        if options.pattern == Some(b"*") {
            options.pattern = None;
        }
        Ok(options)
    }

    /// Whether the pattern lets the element through.
    #[inline]
    #[must_use]
    pub fn matches(&self, element: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, element, false))
    }

    /// Whether a key of this kind is asked for.
    #[inline]
    #[must_use]
    pub fn wants(&self, kind: Kind) -> bool {
        self.kind.is_none_or(|wanted| wanted == Some(kind))
    }
}

/// The elements of one step, encoded; the cursor that goes before them is known only after them.
pub struct Page {
    elements: Encoder,
    count: usize,
}

impl Page {
    /// A page in the protocol that `out` speaks.
    #[must_use]
    pub fn new(out: &Encoder) -> Page {
        Page { elements: Encoder::new(out.proto()), count: 0 }
    }

    pub fn push(&mut self, element: &[u8]) {
        self.elements.bulk(element);
        self.count += 1;
    }

    /// Writes the reply.
    pub fn finish(self, cursor: u64, out: &mut Encoder) {
        out.array(2);
        out.bulk(itoa::Buffer::new().format(cursor).as_bytes());
        out.array(self.count);
        out.raw(&self.elements.into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_redis_reads_them() {
        let max = u64::MAX.to_string();
        for (text, expected) in
            [("0", 0), ("", 0), ("+7", 7), ("007", 7), ("-1", u64::MAX), (&max, u64::MAX)]
        {
            assert_eq!(read_cursor(text.as_bytes()), Ok(expected), "{text}");
        }
        for text in ["x", " 1", "1 ", "-", "+", "1.0", "18446744073709551616"] {
            assert_eq!(read_cursor(text.as_bytes()), Err(CmdError::InvalidCursor), "{text}");
        }
    }
}
