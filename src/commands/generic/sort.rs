//! SORT: the elements of a list, set or sorted set in an order of the client's choosing.
//!
//! BY and GET name keys that follow from the elements, in any slot: that is why both commands run
//! alone with the whole keyspace, and why a cluster refuses these options.

use std::cmp::Ordering;
use std::ops::Range;

use super::pattern::Pattern;
use crate::base::float::parse_double;
use crate::commands::keys::Found;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::{EntryRef, Key};
use crate::resp::RawRequest;
use crate::spec::{
    Arg, ArgKind, Arity, Begin, Categories, CmdError, CmdResult, CommandSpec, Event, Find, Flags,
    Group, KeyFlags, KeySpec, Plan,
};
use crate::types::{Collection, End, Kind, List, Set, ValueRef, Zset};

const NOT_A_SCORE: CmdError =
    CmdError::text("ERR One or more scores can't be converted into double");
const BY_DENIED: CmdError = CmdError::text("ERR BY option of SORT denied in Cluster mode.");
const GET_DENIED: CmdError = CmdError::text("ERR GET option of SORT denied in Cluster mode.");

const BY_NOT_PERMITTED: CmdError =
    CmdError::text("ERR BY option of SORT denied due to insufficient ACL permissions.");
const GET_NOT_PERMITTED: CmdError =
    CmdError::text("ERR GET option of SORT denied due to insufficient ACL permissions.");

pub const SORT: Command = Command::new(
    CommandSpec {
        name: "sort",
        summary: "Sort the elements in a list, set or sorted set",
        since: "1.0.0",
        complexity: "O(N+M*log(M)) where N is the number of elements in the list or set to \
            sort, and M the number of returned elements. When the elements are not \
            sorted, complexity is O(N).",
        group: Group::Generic,
        arity: Arity::AtLeast(2),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        categories: Some(
            Categories::SET
                .union(Categories::SORTED_SET)
                .union(Categories::LIST)
                .union(Categories::DANGEROUS),
        ),
        keys: &[
            KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS)),
            KeySpec {
                begin: Begin::Unknown,
                find: Find::Unknown,
                flags: KeyFlags::RO.union(KeyFlags::ACCESS),
                notes: "For the optional BY/GET keyword. It is marked 'unknown' because the key \
            names derive from the content of the key we sort",
            },
            KeySpec {
                begin: Begin::Unknown,
                find: Find::Unknown,
                flags: KeyFlags::OW.union(KeyFlags::UPDATE),
                notes: "For the optional STORE keyword. It is marked 'unknown' because the \
            keyword can appear anywhere in the argument array",
            },
        ],
        args: &[
            Arg::key("key"),
            Arg::new("pattern", ArgKind::KeyPattern(1)).token("BY").optional(),
            Arg::block("offset_count", &[Arg::int("offset"), Arg::int("count")])
                .token("LIMIT")
                .optional(),
            Arg::new("pattern", ArgKind::KeyPattern(1)).token("GET").optional().multiple_token(),
            Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional(),
            Arg::word("sorting", "ALPHA").optional(),
            Arg::new("destination", ArgKind::Key(2)).token("STORE").optional(),
        ],
        plan: Plan::Exclusive,
        ..CommandSpec::BASE
    },
    sort,
)
.with_keys(find_keys);

fn sort(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let query = Query::read(cx, args, true)?;
    run(cx, &key, query)
}

pub const SORT_RO: Command = Command::new(
    CommandSpec {
        name: "sort_ro",
        summary: "Sort the elements in a list, set or sorted set. Read-only variant of \
            SORT.",
        since: "7.0.0",
        complexity: "O(N+M*log(M)) where N is the number of elements in the list or set to \
            sort, and M the number of returned elements. When the elements are not \
            sorted, complexity is O(N).",
        group: Group::Generic,
        arity: Arity::AtLeast(2),
        flags: Flags::READONLY,
        categories: Some(
            Categories::SET
                .union(Categories::SORTED_SET)
                .union(Categories::LIST)
                .union(Categories::DANGEROUS),
        ),
        keys: &[
            KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS)),
            KeySpec {
                begin: Begin::Unknown,
                find: Find::Unknown,
                flags: KeyFlags::RO.union(KeyFlags::ACCESS),
                notes: "For the optional BY/GET keyword. It is marked 'unknown' because the key \
            names derive from the content of the key we sort",
            },
        ],
        args: &[
            Arg::key("key"),
            Arg::new("pattern", ArgKind::KeyPattern(1)).token("BY").optional(),
            Arg::block("offset_count", &[Arg::int("offset"), Arg::int("count")])
                .token("LIMIT")
                .optional(),
            Arg::new("pattern", ArgKind::KeyPattern(1)).token("GET").optional().multiple_token(),
            Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional(),
            Arg::word("sorting", "ALPHA").optional(),
        ],
        plan: Plan::Exclusive,
        ..CommandSpec::BASE
    },
    sort_ro,
);

fn sort_ro(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let query = Query::read(cx, args, false)?;
    run(cx, &key, query)
}

/// The key to sort, and the last destination that is given.
fn find_keys(request: RawRequest<'_>, found: &mut Found) -> CmdResult<()> {
    found.push((1, KeyFlags::RO.union(KeyFlags::ACCESS)));
    let (mut at, mut destination) = (2, None);
    while at + 1 < request.len() {
        let word = request.arg(at).to_ascii_uppercase();
        if word == b"STORE" {
            destination = Some(at + 1);
        }
        at += match &word[..] {
            b"LIMIT" => 3,
            b"BY" | b"GET" | b"STORE" => 2,
            _ => 1,
        };
    }
    found.extend(destination.map(|at| (at as u32, KeyFlags::OW.union(KeyFlags::UPDATE))));
    Ok(())
}

/// The options.
struct Query<'a> {
    by: Option<Pattern<'a>>,
    get: Vec<Pattern<'a>>,
    /// False: in the order the elements have.
    sorted: bool,
    descending: bool,
    alpha: bool,
    offset: i64,
    /// Negative: all.
    count: i64,
    store: Option<&'a [u8]>,
}

impl<'a> Query<'a> {
    fn read(cx: &Ctx<'_>, args: &mut Args<'a>, may_store: bool) -> CmdResult<Query<'a>> {
        let mut query = Query {
            by: None,
            get: Vec::new(),
            sorted: true,
            descending: false,
            alpha: false,
            offset: 0,
            count: -1,
            store: None,
        };
        while let Some(token) = args.token() {
            match token.upper() {
                b"ASC" => query.descending = false,
                b"DESC" => query.descending = true,
                b"ALPHA" => query.alpha = true,
                b"LIMIT" if args.left() >= 2 => {
                    (query.offset, query.count) = (args.int()?, args.int()?);
                }
                b"STORE" if may_store => query.store = Some(args.bytes()?),
                b"BY" => {
                    let pattern = Pattern::new(args.bytes()?);
                    // A pattern that is the same for all elements is how clients ask not to sort.
                    query.sorted &= pattern.varies();
                    if pattern.varies() && cx.view.is_some() {
                        return Err(BY_DENIED);
                    }
                    if pattern.varies() && !cx.may_read_all(args) {
                        return Err(BY_NOT_PERMITTED);
                    }
                    query.by = Some(pattern);
                }
                b"GET" => {
                    query.get.push(Pattern::new(args.bytes()?));
                    if cx.view.is_some() {
                        return Err(GET_DENIED);
                    }
                    if !cx.may_read_all(args) {
                        return Err(GET_NOT_PERMITTED);
                    }
                }
                _ => return Err(CmdError::Syntax),
            }
        }
        Ok(query)
    }

    /// The part of `len` elements that is wanted.
    fn window(&self, len: usize) -> Range<usize> {
        let start = usize::try_from(self.offset.max(0)).map_or(len, |offset| offset.min(len));
        let end = match usize::try_from(self.count) {
            Ok(count) => start.saturating_add(count).min(len),
            Err(_) => len,
        };
        start..end
    }
}

fn run(cx: &mut Ctx<'_>, key: &Key<'_>, mut query: Query<'_>) -> CmdResult<Reply> {
    if cx.db.kind(key) == Some(Kind::Zset)
        && let Some(mut zset) = cx.db.get_mut::<Zset>(key)?
    {
        zset.leave_listpack();
    }
    let mut elements = match cx.db.read(key) {
        None => Vec::new(),
        Some(entry) => {
            if entry.get::<Set>().is_some() && !query.sorted && query.store.is_some() {
                // What is stored must not depend on the order of a table.
                (query.sorted, query.alpha, query.by) = (true, true, None);
            }
            collect(entry, &query)?
        }
    };
    if query.sorted {
        elements = arrange(cx, elements, &query)?;
        let window = query.window(elements.len());
        elements.truncate(window.end);
        elements.drain(..window.start);
    }
    match query.store {
        None => Ok(reply(cx, &elements, &query.get)),
        Some(destination) => store(cx, destination, &elements, &query.get),
    }
}

/// The elements as they stand; those that are wanted if they are not to be sorted.
fn collect(entry: EntryRef<'_>, query: &Query<'_>) -> CmdResult<Vec<Vec<u8>>> {
    let copy = |value: ValueRef<'_>| value.to_vec();
    let all = |len: usize| if query.sorted { 0..len } else { query.window(len) };
    let backwards = query.descending && !query.sorted;
    let mirrored = |len: usize| {
        let range = all(len);
        if backwards { len - range.end..len - range.start } else { range }
    };
    let mut elements: Vec<Vec<u8>> = if let Some(list) = entry.get::<List>() {
        list.range(mirrored(list.len())).map(copy).collect()
    } else if let Some(set) = entry.get::<Set>() {
        let range = all(set.len());
        return Ok(set.iter().skip(range.start).take(range.len()).map(copy).collect());
    } else if let Some(zset) = entry.get::<Zset>() {
        zset.range(mirrored(zset.len())).map(|(member, _)| copy(member)).collect()
    } else {
        return Err(CmdError::WrongType);
    };
    if backwards {
        elements.reverse();
    }
    Ok(elements)
}

/// What an element is sorted by.
enum Weight {
    Number(f64),
    Text(Option<Vec<u8>>),
}

/// Sorts. Numbers that are equal are told apart by the elements' bytes.
fn arrange(cx: &mut Ctx<'_>, elements: Vec<Vec<u8>>, query: &Query<'_>) -> CmdResult<Vec<Vec<u8>>> {
    let mut weighed = Vec::with_capacity(elements.len());
    for element in elements {
        let by = match &query.by {
            Some(pattern) => pattern.look_up(cx, &element),
            None => Some(element.clone()),
        };
        let weight = match by {
            text if query.alpha => Weight::Text(text),
            None => Weight::Number(0.0),
            Some(text) => Weight::Number(score(&text).ok_or(NOT_A_SCORE)?),
        };
        weighed.push((weight, element));
    }
    weighed.sort_by(|(weight, element), (other, other_element)| {
        let order = match (weight, other) {
            (Weight::Number(one), Weight::Number(other)) => {
                one.partial_cmp(other).unwrap_or(Ordering::Equal).then(element.cmp(other_element))
            }
            (Weight::Text(one), Weight::Text(other)) => one.cmp(other),
            _ => unreachable!("all weights are of one kind"),
        };
        if query.descending { order.reverse() } else { order }
    });
    Ok(weighed.into_iter().map(|(_, element)| element).collect())
}

/// Reads a score as C does: blanks may precede it, a NUL ends it, nothing at all is zero.
fn score(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    if end == 0 {
        return Some(0.0);
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|byte| !blank(byte))?;
    parse_double(text.get(start..end)?)
}

/// What is shown of one element.
fn columns(
    cx: &mut Ctx<'_>,
    element: &[u8],
    get: &[Pattern<'_>],
    mut put: impl FnMut(&mut Ctx<'_>, Option<&[u8]>),
) {
    if get.is_empty() {
        put(cx, Some(element));
    }
    for pattern in get {
        let value = pattern.look_up(cx, element);
        put(cx, value.as_deref());
    }
}

fn reply(cx: &mut Ctx<'_>, elements: &[Vec<u8>], get: &[Pattern<'_>]) -> Reply {
    cx.out.array(elements.len() * get.len().max(1));
    for element in elements {
        columns(cx, element, get, |cx, value| match value {
            Some(text) => cx.out.bulk(text),
            None => cx.out.null(),
        });
    }
    Reply::Written
}

fn store(
    cx: &mut Ctx<'_>,
    destination: &[u8],
    elements: &[Vec<u8>],
    get: &[Pattern<'_>],
) -> CmdResult<Reply> {
    let limits = cx.limits();
    let mut list = List::default();
    for element in elements {
        columns(cx, element, get, |_, value| {
            list.push(End::Back, value.unwrap_or_default(), &limits);
        });
    }
    let key = cx.db.key(destination);
    let len = list.len();
    if len > 0 {
        cx.db.put_collection(&key, list);
        cx.changed_by(&key, Event::list("sortstore"), len);
    } else if cx.db.clear(&key) {
        cx.changed(&key, Event::DEL);
    }
    Ok(Reply::Int(len as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_read_as_c_reads_numbers() {
        for (text, expected) in [
            (&b""[..], Some(0.0)),
            (b"\0x", Some(0.0)),
            (b" \t2", Some(2.0)),
            (b"2\0x", Some(2.0)),
            (b"0x10", Some(16.0)),
            (b"-inf", Some(f64::NEG_INFINITY)),
            (b" ", None),
            (b"2 ", None),
            (b"nan", None),
            (b"1e400", None),
            (b"x", None),
        ] {
            assert_eq!(score(text), expected, "{text:?}");
        }
    }
}
