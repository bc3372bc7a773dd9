//! Searching around a place or a member.

use super::request::{Form, Request};
use super::{READ, UNIT};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{
    Arg, ArgKind, Arity, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec,
};
use crate::types::Zset;

const FROM: Arg = Arg::one_of(
    "from",
    &[
        Arg::string("member").token("FROMMEMBER"),
        Arg::block(
            "longitude_latitude",
            &[Arg::new("longitude", ArgKind::Double), Arg::new("latitude", ArgKind::Double)],
        )
        .token("FROMLONLAT"),
    ],
);
const BY: Arg = Arg::one_of(
    "by",
    &[
        Arg::block("circle", &[Arg::new("radius", ArgKind::Double).token("BYRADIUS"), UNIT]),
        Arg::block(
            "box",
            &[
                Arg::new("width", ArgKind::Double).token("BYBOX"),
                Arg::new("height", ArgKind::Double),
                UNIT,
            ],
        ),
    ],
);
const ORDER: Arg =
    Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional();
const COUNT: Arg =
    Arg::block("count", &[Arg::int("count").token("COUNT"), Arg::word("any", "ANY").optional()])
        .optional();

pub const GEOSEARCH: Command = Command::new(
    CommandSpec {
        name: "geosearch",
        summary: "Query a sorted set representing a geospatial index to fetch members inside \
            an area of a box or a circle.",
        since: "6.2.0",
        complexity: "O(N+log(M)) where N is the number of elements in the grid-aligned bounding \
            box area around the shape provided as the filter and M is the number of \
            items inside the shape",
        group: Group::Geo,
        arity: Arity::AtLeast(7),
        flags: Flags::READONLY,
        keys: READ,
        args: &[
            Arg::key("key"),
            FROM,
            BY,
            ORDER,
            COUNT,
            Arg::word("withcoord", "WITHCOORD").optional(),
            Arg::word("withdist", "WITHDIST").optional(),
            Arg::word("withhash", "WITHHASH").optional(),
        ],
        history: &[("7.0.0", "Added support for uppercase unit names.")],
        ..CommandSpec::BASE
    },
    geosearch,
);

fn geosearch(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let mut request = Request::default();
    cx.db.get::<Zset>(&key)?; // another kind of value is refused before the options are read
    request.read_options(cx, args, &key, Form::Search)?;
    request.answer(cx, &key)
}

pub const GEOSEARCHSTORE: Command = Command::new(
    CommandSpec {
        name: "geosearchstore",
        summary: "Query a sorted set representing a geospatial index to fetch members inside \
            an area of a box or a circle, and store the result in another key.",
        since: "6.2.0",
        complexity: "O(N+log(M)) where N is the number of elements in the grid-aligned bounding \
            box area around the shape provided as the filter and M is the number of \
            items inside the shape",
        group: Group::Geo,
        arity: Arity::AtLeast(8),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[
            KeySpec::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
            KeySpec::one(2, KeyFlags::RO.union(KeyFlags::ACCESS)),
        ],
        args: &[
            Arg::key("destination"),
            Arg::new("source", ArgKind::Key(1)),
            FROM,
            BY,
            ORDER,
            COUNT,
            Arg::word("storedist", "STOREDIST").optional(),
        ],
        history: &[("7.0.0", "Added support for uppercase unit names.")],
        ..CommandSpec::BASE
    },
    geosearchstore,
);

fn geosearchstore(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (target, source) = (args.key()?, args.key()?);
    let mut request = Request::default();
    cx.db.get::<Zset>(&source)?;
    request.read_options(cx, args, &source, Form::SearchStore)?;
    request.store(cx, &source, &target, Event::zset("geosearchstore"))
}
