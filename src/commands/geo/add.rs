//! Adding places.

use smallvec::SmallVec;

use super::request::read_point;
use crate::base::number::{DoubleText, format_double};
use crate::commands::zset::add::{Changes, Condition, add};
use crate::commands::{Args, Command, Ctx, Followers, Reply};
use crate::spec::{
    Arg, ArgKind, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan,
};

pub const GEOADD: Command = Command::new(
    CommandSpec {
        name: "geoadd",
        summary: "Add one or more geospatial items in the geospatial index represented using a \
            sorted set",
        since: "3.2.0",
        complexity: "O(log(N)) for each item added, where N is the number of elements in the \
            sorted set.",
        group: Group::Geo,
        arity: Arity::AtLeast(5),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[
            Arg::key("key"),
            Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
                .since("6.2.0")
                .optional(),
            Arg::word("change", "CH").since("6.2.0").optional(),
            Arg::block(
                "longitude_latitude_member",
                &[
                    Arg::new("longitude", ArgKind::Double),
                    Arg::new("latitude", ArgKind::Double),
                    Arg::string("member"),
                ],
            )
            .multiple(),
        ],
        history: &[("6.2.0", "Added the `CH`, `NX` and `XX` options.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    geoadd,
);

fn geoadd(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let (mut condition, mut count_changes) = (Condition::default(), false);
    let mut ahead = *args;
    while let Some(token) = ahead.token() {
        match token.upper() {
            b"NX" => condition.absent = true,
            b"XX" => condition.present = true,
            b"CH" => count_changes = true,
            _ => {
                ahead.step_back();
                break;
            }
        }
    }
    let places = ahead.left();
    if places == 0 || !places.is_multiple_of(3) || condition.absent && condition.present {
        return Err(CmdError::Syntax);
    }
    let options = args.left() - places;
    let mut elements = SmallVec::<[(f64, &[u8]); 8]>::new();
    while ahead.left() > 0 {
        let score = read_point(&mut ahead)?.score();
        elements.push((score as f64, ahead.bytes()?)); // 52 bits fit
    }
    let all = elements.iter().copied().map(Ok);
    let Changes { added, changed } = add(cx, &key, condition, all)?;
    if changed > 0 && cx.followers.contains(Followers::LOGGED) {
        propagate(cx, args, options, &elements)?;
    }
    Ok(Reply::Int(if count_changes { changed as i64 } else { added }))
}

/// Replicas get the scores.
fn propagate(
    cx: &mut Ctx<'_>,
    args: &mut Args<'_>,
    options: usize,
    elements: &[(f64, &[u8])],
) -> CmdResult<()> {
    let mut words: Vec<&[u8]> = vec![b"zadd", args.request().arg(1)];
    for _ in 0..options {
        words.push(args.bytes()?);
    }
    let scores: Vec<DoubleText> = elements.iter().map(|(score, _)| format_double(*score)).collect();
    for (score, (_, member)) in scores.iter().zip(elements) {
        words.extend([&**score, *member]);
    }
    cx.propagate(&words);
    Ok(())
}
