//! The older commands, whose centre and radius have fixed places.

use super::request::{Form, Request, member_place, read_circle, read_point};
use super::{READ, UNIT};
use crate::commands::keys::{self, Found};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Key;
use crate::resp::RawRequest;
use crate::spec::{
    Arg, ArgKind, Arity, Begin, CmdResult, CommandSpec, Deprecated, Event, Find, Flags, Group,
    KeyFlags, KeySpec,
};
use crate::types::Zset;

const ORDER: Arg =
    Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional();
const COUNT: Arg =
    Arg::block("count", &[Arg::int("count").token("COUNT"), Arg::word("any", "ANY").optional()])
        .optional();
const COUNT_OR_ANY: Arg = Arg::block(
    "count",
    &[Arg::int("count").token("COUNT"), Arg::word("any", "ANY").since("6.2.0").optional()],
)
.optional();

const RADIUS: Arg = Arg::new("radius", ArgKind::Double);
const WITH_COORD: Arg = Arg::word("withcoord", "WITHCOORD").optional();
const WITH_DIST: Arg = Arg::word("withdist", "WITHDIST").optional();
const WITH_HASH: Arg = Arg::word("withhash", "WITHHASH").optional();
const STORE: Arg = Arg::new("key", ArgKind::Key(1)).token("STORE").optional();
const STORE_DIST: Arg = Arg::new("key", ArgKind::Key(2)).token("STOREDIST").optional();

/// What the declarations share.
const AROUND: CommandSpec = CommandSpec {
    complexity: "O(N+log(M)) where N is the number of elements inside the bounding box of the \
        circular area delimited by center and radius and M is the number of items inside the \
        index.",
    group: Group::Geo,
    ..CommandSpec::BASE
};

const fn stored_after(word: &'static str, from: i16) -> KeySpec {
    KeySpec {
        begin: Begin::Keyword { word, from },
        find: Find::Range { last_key: 0, step: 1, limit: 0 },
        flags: KeyFlags::OW.union(KeyFlags::UPDATE),
        notes: "",
    }
}

const AROUND_POINT: &[KeySpec] = &[
    KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS)),
    stored_after("STORE", 6),
    stored_after("STOREDIST", 6),
];
const AROUND_MEMBER: &[KeySpec] = &[
    KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS)),
    stored_after("STORE", 5),
    stored_after("STOREDIST", 5),
];

pub const GEORADIUS: Command = Command::new(
    CommandSpec {
        name: "georadius",
        summary: "Query a sorted set representing a geospatial index to fetch members matching \
            a given maximum distance from a point",
        since: "3.2.0",
        arity: Arity::AtLeast(6),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: AROUND_POINT,
        args: &[
            Arg::key("key"),
            Arg::new("longitude", ArgKind::Double),
            Arg::new("latitude", ArgKind::Double),
            RADIUS,
            UNIT,
            WITH_COORD,
            WITH_DIST,
            WITH_HASH,
            COUNT_OR_ANY,
            ORDER,
            STORE,
            STORE_DIST,
        ],
        history: &[
            ("6.2.0", "Added the `ANY` option for `COUNT`."),
            ("7.0.0", "Added support for uppercase unit names."),
        ],
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
        }),
        ..AROUND
    },
    georadius,
)
.with_keys(find_keys_around_point);

fn georadius(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    around_point(cx, args, Form::Radius)
}

pub const GEORADIUS_RO: Command = Command::new(
    CommandSpec {
        name: "georadius_ro",
        summary: "A read-only variant for GEORADIUS",
        since: "3.2.10",
        arity: Arity::AtLeast(6),
        flags: Flags::READONLY,
        keys: READ,
        args: &[
            Arg::key("key"),
            Arg::new("longitude", ArgKind::Double),
            Arg::new("latitude", ArgKind::Double),
            RADIUS,
            UNIT,
            WITH_COORD,
            WITH_DIST,
            WITH_HASH,
            COUNT_OR_ANY,
            ORDER,
        ],
        history: &[("6.2.0", "Added the `ANY` option for `COUNT`.")],
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`GEOSEARCH` with the `BYRADIUS` argument",
        }),
        ..AROUND
    },
    georadius_ro,
);

fn georadius_ro(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    around_point(cx, args, Form::RadiusReadOnly)
}

fn around_point(cx: &mut Ctx<'_>, args: &mut Args<'_>, form: Form) -> CmdResult<Reply> {
    let key = args.key()?;
    cx.db.get::<Zset>(&key)?; // another kind of value is refused before anything is read
    let (centre, circle) = (read_point(args)?, read_circle(args)?);
    finish(cx, args, &key, Request::around(Some(centre), Some(circle)), form)
}

pub const GEORADIUSBYMEMBER: Command = Command::new(
    CommandSpec {
        name: "georadiusbymember",
        summary: "Query a sorted set representing a geospatial index to fetch members matching \
            a given maximum distance from a member",
        since: "3.2.0",
        arity: Arity::AtLeast(5),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: AROUND_MEMBER,
        args: &[
            Arg::key("key"),
            Arg::string("member"),
            RADIUS,
            UNIT,
            WITH_COORD,
            WITH_DIST,
            WITH_HASH,
            COUNT,
            ORDER,
            STORE,
            STORE_DIST,
        ],
        history: &[("7.0.0", "Added support for uppercase unit names.")],
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` \
            arguments",
        }),
        ..AROUND
    },
    georadiusbymember,
)
.with_keys(find_keys_around_member);

fn georadiusbymember(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    around_member(cx, args, Form::Radius)
}

pub const GEORADIUSBYMEMBER_RO: Command = Command::new(
    CommandSpec {
        name: "georadiusbymember_ro",
        summary: "A read-only variant for GEORADIUSBYMEMBER",
        since: "3.2.10",
        arity: Arity::AtLeast(5),
        flags: Flags::READONLY,
        keys: READ,
        args: &[
            Arg::key("key"),
            Arg::string("member"),
            RADIUS,
            UNIT,
            WITH_COORD,
            WITH_DIST,
            WITH_HASH,
            COUNT,
            ORDER,
        ],
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
        }),
        ..AROUND
    },
    georadiusbymember_ro,
);

fn georadiusbymember_ro(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    around_member(cx, args, Form::RadiusReadOnly)
}

fn around_member(cx: &mut Ctx<'_>, args: &mut Args<'_>, form: Form) -> CmdResult<Reply> {
    let (key, member) = (args.key()?, args.bytes()?);
    cx.db.get::<Zset>(&key)?; // counts as one look at the key, whatever follows
    let centre = member_place(cx, &key, member)?;
    let circle = if centre.is_some() {
        Some(read_circle(args)?)
    } else {
        // Without the key nobody looks at the radius, but the options count.
        let _unread = (args.bytes()?, args.bytes()?);
        None
    };
    finish(cx, args, &key, Request::around(centre, circle), form)
}

fn finish<'a>(
    cx: &mut Ctx<'_>,
    args: &mut Args<'a>,
    key: &Key<'_>,
    mut request: Request<'a>,
    form: Form,
) -> CmdResult<Reply> {
    request.read_options(cx, args, key, form)?;
    let Some(destination) = request.destination else {
        return request.answer(cx, key);
    };
    let target = cx.db.key(destination);
    request.store(cx, key, &target, Event::zset("georadiusstore"))
}

fn find_keys_around_point(request: RawRequest<'_>, found: &mut Found) -> CmdResult<()> {
    find_keys(AROUND_POINT, 6, request, found)
}

fn find_keys_around_member(request: RawRequest<'_>, found: &mut Found) -> CmdResult<()> {
    find_keys(AROUND_MEMBER, 5, request, found)
}

/// As declared, and the destination that counts, which is the last.
fn find_keys(
    specs: &[KeySpec],
    options: usize,
    request: RawRequest<'_>,
    found: &mut Found,
) -> CmdResult<()> {
    for spec in specs {
        // A word without a key behind it is the handler's to refuse.
        let _ = keys::find_by_spec(spec, request, found);
    }
    let (mut at, mut destination) = (options, None);
    while at + 1 < request.len() {
        let word = request.arg(at);
        let stores = word.eq_ignore_ascii_case(b"STORE") || word.eq_ignore_ascii_case(b"STOREDIST");
        if stores {
            destination = Some((at + 1) as u32);
        }
        at += if stores || word.eq_ignore_ascii_case(b"COUNT") { 2 } else { 1 };
    }
    if let Some(index) = destination
        && !found.iter().any(|&(known, _)| known == index)
    {
        found.push((index, KeyFlags::OW.union(KeyFlags::UPDATE)));
    }
    Ok(())
}
