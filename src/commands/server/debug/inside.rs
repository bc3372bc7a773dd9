//! DEBUG HTSTATS, HTSTATS-KEY, LISTPACK, QUICKLIST and SDSLEN: what Redis tells, or prints, of the
//! structures behind a key or a database; here told of ours, in as many of its words as fit.

use std::fmt::Write;

use crate::base::number::parse_i64;
use crate::commands::{Args, Ctx, Reply};
use crate::keyspace::EntryRef;
use crate::spec::{CmdError, CmdResult};
use crate::types::{Kind, List};

const NO_LISTPACK: CmdError = CmdError::text("ERR Not a listpack encoded object.");
const NO_QUICKLIST: CmdError = CmdError::text("ERR Not a quicklist encoded object.");
const NO_TEXT: CmdError = CmdError::text("ERR Not an sds encoded string.");
const NO_TABLE: CmdError = CmdError::text(
    "ERR The value stored at the specified key is not represented using an hash table",
);

fn entry<'a>(cx: &'a mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<EntryRef<'a>> {
    let key = cx.db.key(args.bytes()?);
    cx.db.peek(&key).ok_or(CmdError::NoSuchKey)
}

pub fn table_of_database(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let db = parse_i64(args.bytes()?).ok_or(CmdError::NotInteger)?;
    let db = u8::try_from(db).ok().filter(|&db| usize::from(db) < cx.server.keyspace.databases());
    let db = db.ok_or(CmdError::text("ERR Out of range database"))?;
    let (keys, expiring) = cx.server.keyspace.counts(db);
    let text = format!("[Dictionary HT]\n{}[Expires HT]\n{}", table(keys), table(expiring));
    cx.out.verbatim(*b"txt", text.as_bytes());
    Ok(Reply::Written)
}

/// What is said of a hash table. There are no chains to tell of.
fn table(elements: usize) -> String {
    let mut text = String::from("Hash table 0 stats (main hash table):\n");
    match elements {
        0 => text.push_str("No stats available for empty dictionaries\n"),
        _ => writeln!(text, " number of elements: {elements}").expect("a string takes any text"),
    }
    text
}

pub fn table_of_key(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let entry = entry(cx, args)?;
    let has_table = ["hashtable", "skiplist"].contains(&entry.encoding());
    let elements = has_table.then(|| entry.elements()).ok_or(NO_TABLE)?;
    cx.out.verbatim(*b"txt", table(elements).as_bytes());
    Ok(Reply::Written)
}

pub fn listpack(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let entry = entry(cx, args)?;
    if entry.kind() == Kind::List || !entry.encoding().starts_with("listpack") {
        return Err(NO_LISTPACK);
    }
    let text = format!("Listpack of {} elements, {} bytes", entry.elements(), entry.heap_bytes());
    cx.out.simple(&text);
    Ok(Reply::Written)
}

pub fn quicklist(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let list = entry(cx, args)?.get::<List>().ok_or(NO_QUICKLIST)?;
    let mut text = String::from("Quicklist of nodes with");
    for pack in list.listpacks() {
        write!(text, " {}", pack.len()).expect("a string takes any text");
    }
    cx.out.simple(&(text + " bytes"));
    Ok(Reply::Written)
}

/// A key lies in one block with its expiry and, unless that is long, its value.
pub fn text_len(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let name = args.bytes()?;
    let key = cx.db.key(name);
    let entry = cx.db.peek(&key).ok_or(CmdError::NoSuchKey)?;
    let value = entry.string().filter(|_| entry.encoding() != "int").ok_or(NO_TEXT)?;
    let text = format!(
        "key_sds_len:{}, key_sds_avail:0, key_zmalloc: {}, val_sds_len:{}, val_sds_avail:0, \
         val_zmalloc: {}",
        name.len(),
        entry.block_bytes(),
        value.len(),
        entry.heap_bytes(),
    );
    cx.out.simple(&text);
    Ok(Reply::Written)
}
