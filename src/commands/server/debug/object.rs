//! DEBUG OBJECT: what a key's value looks like inside.

use std::fmt::Write;

use crate::commands::{Args, Ctx, Reply};
use crate::keyspace::EntryRef;
use crate::persist::rdb::Object;
use crate::persist::rdb::dump;
use crate::spec::{CmdError, CmdResult};
use crate::types::{Collection, List};

pub fn object(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = cx.db.key(args.bytes()?);
    let entry = cx.db.peek(&key).ok_or(CmdError::NoSuchKey)?;
    let mut text = format!(
        "Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
        entry.encoding(),
        dump::value_len(Object::of(entry), cx.settings.rdbcompression),
        entry.lru(),
        cx.db.clock.idle_secs(entry.lru()),
    );
    if let Some(nodes) = list_nodes(cx, entry) {
        text.push_str(&nodes);
    }
    cx.out.simple(&text);
    Ok(Reply::Written)
}

/// What Redis says of a list's nodes.
fn list_nodes(cx: &Ctx<'_>, entry: EntryRef<'_>) -> Option<String> {
    let list = entry.get::<List>()?;
    let (nodes, bytes) = list.listpacks().fold((0, 0), |(n, sum), pack| (n + 1, sum + pack.len()));
    let mut text = String::new();
    write!(
        text,
        " ql_nodes:{nodes} ql_avg_node:{:.2} ql_listpack_max:{} ql_compressed:{} \
        ql_uncompressed_size:{bytes}",
        list.len() as f64 / f64::from(nodes),
        cx.settings.list_max_listpack_size,
        i32::from(cx.settings.list_compress_depth != 0),
    )
    .expect("a string takes any text");
    Some(text)
}
