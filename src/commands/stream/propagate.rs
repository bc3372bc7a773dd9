//! What replicas and the append-only file get instead of the commands as they were sent: chosen
//! ids, exact trims, and every delivery as a claim.

use super::ids::Wanted;
use super::trim::Trim;
use crate::commands::{Ctx, Followers};
use crate::keyspace::Key;
use crate::types::stream::{Delivery, Group, Keep};
use crate::types::{Collection, Stream, StreamId};

/// An exact trim that removes what an approximate one has.
pub struct ExactTrim {
    strategy: &'static [u8],
    threshold: Vec<u8>,
}

impl ExactTrim {
    /// Call it once the stream is trimmed.
    pub fn of(trim: Trim, stream: &Stream) -> ExactTrim {
        let first = if stream.is_empty() { StreamId::MAX } else { stream.ids().first };
        let (strategy, threshold) = match trim.keep {
            Keep::Newest(_) if trim.approximate => (&b"MAXLEN"[..], stream.len().to_string()),
            Keep::Newest(count) => (&b"MAXLEN"[..], count.to_string()),
            Keep::From(_) if trim.approximate => (&b"MINID"[..], first.to_string()),
            Keep::From(id) => (&b"MINID"[..], id.to_string()),
        };
        ExactTrim { strategy, threshold: threshold.into() }
    }

    fn push<'a>(&'a self, words: &mut Vec<&'a [u8]>) {
        words.extend([self.strategy, b"=", &self.threshold]);
    }
}

/// XADD with the id that was chosen.
pub fn add(
    cx: &mut Ctx<'_>,
    key: &Key<'_>,
    (wanted, id): (Wanted, StreamId),
    trim: Option<(Trim, ExactTrim)>,
    fields: &[(&[u8], &[u8])],
) {
    let as_sent = matches!(wanted, Wanted::Exactly(_))
        && trim.as_ref().is_none_or(|(trim, _)| !trim.approximate);
    if as_sent || !is_logged(cx) {
        return;
    }
    let text = id.text();
    let mut words: Vec<&[u8]> = vec![b"XADD", key.bytes];
    if let Some((_, exact)) = &trim {
        exact.push(&mut words);
    }
    words.push(&text);
    words.extend(fields.iter().flat_map(|(name, value)| [*name, *value]));
    cx.propagate(&words);
}

/// XTRIM that removes exactly what was removed.
pub fn trim(cx: &mut Ctx<'_>, key: &Key<'_>, exact: &ExactTrim) {
    let mut words: Vec<&[u8]> = vec![b"XTRIM", key.bytes];
    exact.push(&mut words);
    cx.propagate(&words);
}

/// Whether anybody gets anything: what follows is built only then.
pub fn is_logged(cx: &Ctx<'_>) -> bool {
    cx.followers.contains(Followers::LOGGED)
}

/// A consumer and where it belongs.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    pub key: &'a [u8],
    pub group: &'a [u8],
    pub consumer: &'a [u8],
}

impl Reader<'_> {
    pub fn created(self, cx: &mut Ctx<'_>) {
        cx.propagate(&[b"XGROUP", b"CREATECONSUMER", self.key, self.group, self.consumer]);
    }

    /// The consumer was given an entry; `last` is the last that its group was given.
    pub fn was_given(self, cx: &mut Ctx<'_>, id: StreamId, delivery: Delivery, last: StreamId) {
        let (id, last) = (id.text(), last.text());
        let mut digits = (itoa::Buffer::new(), itoa::Buffer::new());
        let at = digits.0.format(delivery.at.0).as_bytes();
        let count = digits.1.format(delivery.count as i64).as_bytes();
        cx.propagate(&[
            b"XCLAIM",
            self.key,
            self.group,
            self.consumer,
            b"0",
            &id,
            b"TIME",
            at,
            b"RETRYCOUNT",
            count,
            b"FORCE",
            b"JUSTID",
            b"LASTID",
            &last,
        ]);
    }

    /// An entry is pending no more, since it is gone.
    pub fn lost(self, cx: &mut Ctx<'_>, id: StreamId) {
        cx.propagate(&[b"XACK", self.key, self.group, &id.text()]);
    }

    /// The group has come so far.
    pub fn moved(self, cx: &mut Ctx<'_>, last: StreamId, entries_read: Option<u64>) {
        let read = entries_read.map_or("-1".to_owned(), |read| read.to_string());
        let words: [&[u8]; 7] = [
            b"XGROUP",
            b"SETID",
            self.key,
            self.group,
            &last.text(),
            b"ENTRIESREAD",
            read.as_bytes(),
        ];
        cx.propagate(&words);
    }
}

/// Where a group stands: the last entry it was given, and how many those were.
pub type Position = (StreamId, Option<u64>);

pub fn position(group: &Group) -> Position {
    (group.last_delivered, group.entries_read)
}

#[cfg(test)]
mod tests;
