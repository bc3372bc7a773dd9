//! How entries and ids are written.

use crate::commands::bulk_value;
use crate::resp::{Encoder, Mark, Proto};
use crate::types::StreamId;
use crate::types::stream::Entry;

#[inline]
pub fn write_id(out: &mut Encoder, id: StreamId) {
    out.bulk(&id.text());
}

/// An id and a list of fields and values in turn.
pub fn write_entry(out: &mut Encoder, entry: &Entry<'_>) {
    out.array(2);
    write_id(out, entry.id);
    let fields = entry.fields.clone();
    out.array(fields.len() * 2);
    for (name, value) in fields {
        bulk_value(out, name);
        bulk_value(out, value);
    }
}

/// As many entries as there are, in a list.
pub fn write_entries<'a>(out: &mut Encoder, entries: impl Iterator<Item = Entry<'a>>) {
    let begun = out.begin_deferred();
    let mut count = 0;
    for entry in entries {
        write_entry(out, &entry);
        count += 1;
    }
    out.end_array(begun, count);
}

/// The reply of XREAD: streams by name, a map only where the protocol has one.
pub struct ByStream {
    begun: Mark,
    pub count: usize,
}

impl ByStream {
    pub fn begin(out: &Encoder) -> ByStream {
        ByStream { begun: out.begin_deferred(), count: 0 }
    }

    /// Begins the next stream, whose entries the caller writes next.
    pub fn push(&mut self, out: &mut Encoder, name: &[u8]) {
        self.count += 1;
        if out.proto() == Proto::Resp2 {
            out.array(2);
        }
        out.bulk(name);
    }

    pub fn end(self, out: &mut Encoder) {
        match out.proto() {
            Proto::Resp2 => out.end_array(self.begun, self.count),
            Proto::Resp3 => out.end_map(self.begun, self.count),
        }
    }
}
