//! Where members are, and how far from each other.

use super::{READ, UNIT, metres_per};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::resp::Encoder;
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, Plan};
use crate::types::Zset;
use crate::types::geo::Point;

pub const GEODIST: Command = Command::new(
    CommandSpec {
        name: "geodist",
        summary: "Returns the distance between two members of a geospatial index",
        since: "3.2.0",
        complexity: "O(log(N))",
        group: Group::Geo,
        arity: Arity::AtLeast(4),
        flags: Flags::READONLY,
        keys: READ,
        args: &[Arg::key("key"), Arg::string("member1"), Arg::string("member2"), UNIT.optional()],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    geodist,
);

fn geodist(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, one, other) = (args.key()?, args.bytes()?, args.bytes()?);
    let metres = match args.left() {
        0 => 1.0,
        1 => metres_per(args.bytes()?)?,
        _ => return Err(CmdError::Syntax),
    };
    let zset = cx.db.get::<Zset>(&key)?;
    let place = |member: &[u8]| zset.and_then(|zset| zset.score(member)).map(Point::of_member);
    let Some((one, other)) = place(one).zip(place(other)) else {
        return Ok(Reply::Nil);
    };
    put_distance(cx.out, one.distance(other) / metres);
    Ok(Reply::Written)
}

/// Writes a distance: four decimals, a string in RESP3 too.
pub fn put_distance(out: &mut Encoder, distance: f64) {
    out.bulk(format!("{distance:.4}").as_bytes());
}

/// Writes a longitude and a latitude.
pub fn put_point(out: &mut Encoder, point: Point) {
    out.array(2);
    out.plain_double(point.longitude);
    out.plain_double(point.latitude);
}

pub const GEOHASH: Command = Command::new(
    CommandSpec {
        name: "geohash",
        summary: "Returns members of a geospatial index as standard geohash strings",
        since: "3.2.0",
        complexity: "O(log(N)) for each member requested, where N is the number of elements in \
            the sorted set.",
        group: Group::Geo,
        arity: Arity::AtLeast(2),
        flags: Flags::READONLY,
        keys: READ,
        args: &[Arg::key("key"), Arg::string("member").multiple()],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    geohash,
);

fn geohash(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let zset = cx.db.get::<Zset>(&args.key()?)?;
    cx.out.array(args.left());
    while args.left() > 0 {
        let member = args.bytes()?;
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => cx.out.bulk(&Point::of_member(score).geohash()),
            None => cx.out.null(),
        }
    }
    Ok(Reply::Written)
}

pub const GEOPOS: Command = Command::new(
    CommandSpec {
        name: "geopos",
        summary: "Returns longitude and latitude of members of a geospatial index",
        since: "3.2.0",
        complexity: "O(N) where N is the number of members requested.",
        group: Group::Geo,
        arity: Arity::AtLeast(2),
        flags: Flags::READONLY,
        keys: READ,
        args: &[Arg::key("key"), Arg::string("member").multiple()],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    geopos,
);

fn geopos(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let zset = cx.db.get::<Zset>(&args.key()?)?;
    cx.out.array(args.left());
    while args.left() > 0 {
        let member = args.bytes()?;
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => put_point(cx.out, Point::of_member(score)),
            None => cx.out.null_array(),
        }
    }
    Ok(Reply::Written)
}
