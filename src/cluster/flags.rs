//! The flag words of the bus, and their names in `nodes.conf` and CLUSTER NODES.

use bitflags::bitflags;

bitflags! {
    /// What a node is and how it does, as headers and gossip entries carry it. Unknown bits are
    /// dropped.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct NodeFlags: u16 {
        const PRIMARY = 1;
        const REPLICA = 2;
        /// Suspected by the node that says so.
        const PFAIL = 4;
        /// Agreed to have failed.
        const FAIL = 8;
        const MYSELF = 16;
        const HANDSHAKE = 32;
        const NOADDR = 64;
        /// Local: the first frame to this node has to be a MEET.
        const MEET = 128;
        /// A primary that has, or took over from one that had, replicas.
        const MIGRATE_TO = 256;
        const NOFAILOVER = 512;
        /// Local: the peer has shown that it reads ping extensions.
        const EXTENSIONS = 1024;
    }
}

impl NodeFlags {
    /// Flags that are one node's own bookkeeping and mean nothing when a peer sends them.
    pub const LOCAL: NodeFlags = NodeFlags::MYSELF
        .union(NodeFlags::HANDSHAKE)
        .union(NodeFlags::MEET)
        .union(NodeFlags::EXTENSIONS);

    /// Either kind of failure.
    pub const FAILING: NodeFlags = NodeFlags::PFAIL.union(NodeFlags::FAIL);

    /// The words of the text form, in the order they are written.
    const WORDS: [(&'static str, NodeFlags); 8] = [
        ("myself", NodeFlags::MYSELF),
        ("master", NodeFlags::PRIMARY),
        ("slave", NodeFlags::REPLICA),
        ("fail?", NodeFlags::PFAIL),
        ("fail", NodeFlags::FAIL),
        ("handshake", NodeFlags::HANDSHAKE),
        ("noaddr", NodeFlags::NOADDR),
        ("nofailover", NodeFlags::NOFAILOVER),
    ];

    /// The comma list of CLUSTER NODES; `noflags` when there is nothing to name.
    #[must_use]
    pub fn to_text(self) -> String {
        let words: Vec<&str> = NodeFlags::WORDS
            .iter()
            .filter(|(_, flag)| self.contains(*flag))
            .map(|(word, _)| *word)
            .collect();
        if words.is_empty() { "noflags".to_owned() } else { words.join(",") }
    }

    /// Reads the comma list; Valkey's `primary` and `replica` are understood too. `None` on any
    /// other word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<NodeFlags> {
        if text == "noflags" {
            return Some(NodeFlags::empty());
        }
        let mut flags = NodeFlags::empty();
        for word in text.split(',') {
            flags |= match word {
                "primary" => NodeFlags::PRIMARY,
                "replica" => NodeFlags::REPLICA,
                _ => NodeFlags::WORDS.iter().find(|(name, _)| *name == word)?.1,
            };
        }
        Some(flags)
    }
}

bitflags! {
    /// The first byte of a header's message flags; the other two are zero.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct MessageFlags: u8 {
        /// The sending primary has paused its clients for a manual failover.
        const PAUSED = 1;
        /// A vote request of a manual failover: to be granted although the primary has not failed.
        const FORCE_ACK = 2;
        /// Extensions follow the gossip, or the sender is able to read them.
        const EXT_DATA = 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_words_round_trip_and_unknown_ones_are_refused() {
        for bits in 0..1024u16 {
            let named =
                NodeFlags::from_bits_truncate(bits) - NodeFlags::MEET - NodeFlags::MIGRATE_TO;
            assert_eq!(NodeFlags::from_text(&named.to_text()), Some(named));
        }
        assert_eq!(NodeFlags::from_text("myself,primary"), NodeFlags::from_text("myself,master"));
        assert_eq!(NodeFlags::from_text("noflags"), Some(NodeFlags::empty()));
        for bad in ["", "master,", "boss", "Master", "noflags,master"] {
            assert_eq!(NodeFlags::from_text(bad), None, "{bad:?}");
        }
    }
}
