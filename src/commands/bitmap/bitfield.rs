//! BITFIELD: a string as an array of small integers.

use smallvec::SmallVec;

use super::field::{Action, Overflow, Step, Width};
use super::scaled_bit_offset;
use crate::commands::keys::Found;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Key;
use crate::resp::RawRequest;
use crate::spec::{
    Arg, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec, Plan,
};

const INVALID_TYPE: CmdError = CmdError::text(
    "ERR Invalid bitfield type. Use something like i16 u8. \
     Note that u64 is not supported but i64 is.",
);

type Steps = SmallVec<[Step; 4]>;

pub const BITFIELD: Command = Command::new(
    CommandSpec {
        name: "bitfield",
        summary: "Perform arbitrary bitfield integer operations on strings",
        since: "3.2.0",
        complexity: "O(1) for each subcommand specified",
        group: Group::Bitmap,
        arity: Arity::AtLeast(2),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[KeySpec::one(
            1,
            KeyFlags::RW
                .union(KeyFlags::ACCESS)
                .union(KeyFlags::UPDATE)
                .union(KeyFlags::VARIABLE_FLAGS),
        )
        .notes("This command allows both access and modification of the key")],
        args: &[
            Arg::key("key"),
            Arg::one_of(
                "operation",
                &[
                    Arg::block("encoding_offset", &[Arg::string("encoding"), Arg::int("offset")])
                        .token("GET"),
                    Arg::block(
                        "write",
                        &[
                            Arg::one_of(
                                "wrap_sat_fail",
                                &[
                                    Arg::word("wrap", "WRAP"),
                                    Arg::word("sat", "SAT"),
                                    Arg::word("fail", "FAIL"),
                                ],
                            )
                            .token("OVERFLOW")
                            .optional(),
                            Arg::one_of(
                                "write_operation",
                                &[
                                    Arg::block(
                                        "encoding_offset_value",
                                        &[
                                            Arg::string("encoding"),
                                            Arg::int("offset"),
                                            Arg::int("value"),
                                        ],
                                    )
                                    .token("SET"),
                                    Arg::block(
                                        "encoding_offset_increment",
                                        &[
                                            Arg::string("encoding"),
                                            Arg::int("offset"),
                                            Arg::int("increment"),
                                        ],
                                    )
                                    .token("INCRBY"),
                                ],
                            ),
                        ],
                    ),
                ],
            )
            .optional()
            .multiple(),
        ],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    bitfield,
)
.with_keys(find_key);

/// The key, which is only read if there is nothing but GET.
fn find_key(request: RawRequest<'_>, found: &mut Found) -> CmdResult<()> {
    let mut index = 2;
    let only_reads = loop {
        let left = request.len().saturating_sub(index);
        let Some(word) = request.get(index) else { break true };
        match word.to_ascii_uppercase().as_slice() {
            b"GET" if left >= 3 => index += 3,
            b"OVERFLOW" if left >= 2 => index += 2,
            _ => break false,
        }
    };
    let flags = match only_reads {
        true => KeyFlags::RO.union(KeyFlags::ACCESS),
        false => KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE),
    };
    found.push((1, flags));
    Ok(())
}

fn bitfield(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let steps = read_steps(cx, args)?;
    if steps.iter().any(Step::writes) { write(cx, &key, &steps) } else { read(cx, &key, &steps) }
}

pub const BITFIELD_RO: Command = Command::new(
    CommandSpec {
        name: "bitfield_ro",
        summary: "Perform arbitrary bitfield integer operations on strings. Read-only \
            variant of BITFIELD",
        since: "6.0.0",
        complexity: "O(1) for each subcommand specified",
        group: Group::Bitmap,
        arity: Arity::AtLeast(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[
            Arg::key("key"),
            Arg::block("encoding_offset", &[Arg::string("encoding"), Arg::int("offset")])
                .token("GET")
                .optional()
                .multiple_token(),
        ],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    bitfield_ro,
);

fn bitfield_ro(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let steps = read_steps(cx, args)?;
    if steps.iter().any(Step::writes) {
        return Err(CmdError::text("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read(cx, &key, &steps)
}

fn read_steps(cx: &Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Steps> {
    let mut steps = Steps::new();
    let mut overflow = Overflow::default();
    while let Some(token) = args.token() {
        match (token.upper(), args.left()) {
            (b"GET", 2..) => {
                let (width, offset) = read_field(cx, args)?;
                steps.push(Step { width, offset, action: Action::Get });
            }
            (b"SET", 3..) => {
                let (width, offset) = read_field(cx, args)?;
                steps.push(Step { width, offset, action: Action::Set(args.int()?, overflow) });
            }
            (b"INCRBY", 3..) => {
                let (width, offset) = read_field(cx, args)?;
                let action = Action::Increment(args.int()?, overflow);
                steps.push(Step { width, offset, action });
            }
            (b"OVERFLOW", 1..) => overflow = read_overflow(args)?,
            _ => return Err(CmdError::Syntax),
        }
    }
    Ok(steps)
}

fn read_field(cx: &Ctx<'_>, args: &mut Args<'_>) -> CmdResult<(Width, usize)> {
    let width = Width::parse(args.bytes()?).ok_or(INVALID_TYPE)?;
    let offset = match args.bytes()? {
        [b'#', number @ ..] => scaled_bit_offset(cx, number, width.bits())?,
        number => scaled_bit_offset(cx, number, 1)?,
    };
    Ok((width, offset))
}

fn read_overflow(args: &mut Args<'_>) -> CmdResult<Overflow> {
    match args.token().ok_or(CmdError::Syntax)?.upper() {
        b"WRAP" => Ok(Overflow::Wrap),
        b"SAT" => Ok(Overflow::Saturate),
        b"FAIL" => Ok(Overflow::Fail),
        _ => Err(CmdError::text("ERR Invalid OVERFLOW type specified")),
    }
}

fn read(cx: &mut Ctx<'_>, key: &Key<'_>, steps: &[Step]) -> CmdResult<Reply> {
    let value = cx.db.string(key)?;
    let mut digits = itoa::Buffer::new();
    let bytes = value.as_ref().map_or(&b""[..], |value| value.text(&mut digits));
    cx.out.array(steps.len());
    for step in steps {
        cx.out.int(step.read(bytes));
    }
    Ok(Reply::Written)
}

fn write(cx: &mut Ctx<'_>, key: &Key<'_>, steps: &[Step]) -> CmdResult<Reply> {
    let len = cx.db.view_string(key)?.map_or(0, |value| value.len());
    let writing = steps.iter().filter(|step| step.writes());
    let needed = writing.map(Step::bytes_needed).max().unwrap_or(0);
    let out = &mut *cx.out;
    out.array(steps.len());
    let changed = cx.db.edit_string(key, needed, |bytes| {
        let mut changed = 0;
        for step in steps {
            let (reply, has_changed) = step.run(bytes);
            // Of a string that grows, every part that is written counts as changed.
            let counts = has_changed || needed > len && step.writes() && reply.is_some();
            changed += usize::from(counts);
            match reply {
                Some(value) => out.int(value),
                None => out.null(),
            }
        }
        changed
    })?;
    if changed > 0 {
        cx.changed_by(key, Event::string("setbit"), changed);
    } else if needed > len {
        // It only grew, as what was to be written there did not fit. Redis forgets to report that;
        // its replicas then differ from it.
        cx.propagate_always();
    }
    Ok(Reply::Written)
}
