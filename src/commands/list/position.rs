//! LPOS: where an element is.

use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec};
use crate::types::{Collection, List, Needle, ValueRef};

const NO_RANK: CmdError = CmdError::text(
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
     negative to start from the end of the list",
);
const NEGATIVE_COUNT: CmdError = CmdError::text("ERR COUNT can't be negative");
const NEGATIVE_LENGTH: CmdError = CmdError::text("ERR MAXLEN can't be negative");

pub const LPOS: Command = Command::new(
    CommandSpec {
        name: "lpos",
        summary: "Return the index of matching elements on a list",
        since: "6.0.6",
        complexity: "O(N) where N is the number of elements in the list, for the average case. \
            When searching for elements near the head or the tail of the list, or when \
            the MAXLEN option is provided, the command may run in constant time.",
        group: Group::List,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[
            Arg::key("key"),
            Arg::string("element"),
            Arg::int("rank").token("RANK").optional(),
            Arg::int("num-matches").token("COUNT").optional(),
            Arg::int("len").token("MAXLEN").optional(),
        ],
        ..CommandSpec::BASE
    },
    lpos,
);

fn lpos(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, element) = (args.key()?, args.bytes()?);
    let search = Search::read(args, element)?;
    let Some(list) = cx.db.get::<List>(&key)? else {
        return Ok(if search.count.is_some() { Reply::EmptyArray } else { Reply::Nil });
    };
    if search.count.is_none() {
        let mut first = None;
        search.run(list, 1, |index| first = Some(index));
        return Ok(first.map_or(Reply::Nil, |index| Reply::Int(index as i64)));
    }
    let wanted = search.count.filter(|&count| count > 0).unwrap_or(usize::MAX);
    let (begun, mut found) = (cx.out.begin_deferred(), 0);
    search.run(list, wanted, |index| {
        cx.out.int(index as i64);
        found += 1;
    });
    cx.out.end_array(begun, found);
    Ok(Reply::Written)
}

/// What is looked for, and how.
struct Search<'a> {
    needle: Needle<'a>,
    backwards: bool,
    /// Matches to pass over.
    skipped: usize,
    /// Zero: all.
    count: Option<usize>,
    /// Elements to look at; zero: all.
    looked_at: usize,
}

impl<'a> Search<'a> {
    fn read(args: &mut Args<'a>, element: &'a [u8]) -> CmdResult<Search<'a>> {
        let needle = Needle::new(element);
        let mut search = Search { needle, backwards: false, skipped: 0, count: None, looked_at: 0 };
        while let Some(token) = args.token() {
            match token.upper() {
                b"RANK" if args.left() > 0 => {
                    let rank = args.int()?;
                    search.backwards = rank < 0;
                    search.skipped = match rank {
                        // Redis negates it, and it stays what it is.
                        i64::MIN => 0,
                        _ => rank.unsigned_abs().checked_sub(1).ok_or(NO_RANK)? as usize,
                    };
                }
                b"COUNT" if args.left() > 0 => {
                    search.count = Some(not_negative(args).ok_or(NEGATIVE_COUNT)?);
                }
                b"MAXLEN" if args.left() > 0 => {
                    search.looked_at = not_negative(args).ok_or(NEGATIVE_LENGTH)?;
                }
                _ => return Err(CmdError::Syntax),
            }
        }
        Ok(search)
    }

    /// Reports the indexes of up to `wanted` matches.
    fn run(&self, list: &List, wanted: usize, mut report: impl FnMut(usize)) {
        let last = list.len().saturating_sub(1);
        if self.backwards {
            self.scan(list.iter().rev(), wanted, |distance| report(last - distance));
        } else {
            self.scan(list.iter(), wanted, report);
        }
    }

    fn scan<'b>(
        &self,
        elements: impl Iterator<Item = ValueRef<'b>>,
        wanted: usize,
        report: impl FnMut(usize),
    ) {
        let looked_at = if self.looked_at == 0 { usize::MAX } else { self.looked_at };
        let matches = elements.take(looked_at).enumerate().filter(|(_, one)| self.needle.is(*one));
        matches.skip(self.skipped).take(wanted).map(|(distance, _)| distance).for_each(report);
    }
}

/// Redis says of what is no number at all that it is negative.
fn not_negative(args: &mut Args<'_>) -> Option<usize> {
    usize::try_from(args.int().ok()?).ok()
}
