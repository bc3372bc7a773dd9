//! Random 160-bit names, written as 40 lower-case hex digits everywhere a person or a peer sees
//! them.

use std::fmt;
use std::str::FromStr;

use super::Rng;

/// Length of an id in its text and wire form.
pub const ID_TEXT_LEN: usize = 40;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The text is not 40 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of 40 lower-case hex digits")]
pub struct InvalidId;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 20]);

        impl $name {
            /// A fresh random id.
            pub fn random(rng: &mut Rng) -> $name {
                let mut bytes = [0; 20];
                rng.fill(&mut bytes);
                $name(bytes)
            }

            /// Reads the 40-byte text form.
            ///
            /// # Errors
            /// [`InvalidId`] unless `text` is exactly 40 lower-case hex digits.
            pub fn from_text(text: &[u8]) -> Result<$name, InvalidId> {
                parse(text).map($name)
            }

            /// The 40-byte text form, which is also the wire form.
            #[must_use]
            pub fn to_text(self) -> [u8; ID_TEXT_LEN] {
                render(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<$name, InvalidId> {
                $name::from_text(text.as_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = self.to_text();
                f.pad(std::str::from_utf8(&text).expect("hex digits are ASCII"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id_type! {
    /// A cluster node's name. Ordered bytewise, which epoch collisions rely on.
    NodeId
}

id_type! {
    /// The name of a replication history; also used for shard ids and run ids, which have its form.
    ReplId
}

fn parse(text: &[u8]) -> Result<[u8; 20], InvalidId> {
    if text.len() != ID_TEXT_LEN {
        return Err(InvalidId);
    }
    let mut bytes = [0; 20];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(bytes)
}

fn digit(c: u8) -> Result<u8, InvalidId> {
    match c {
        b'0'..=b'9' => Ok(c - b'0'),
        b'a'..=b'f' => Ok(c - b'a' + 10),
        _ => Err(InvalidId),
    }
}

fn render(bytes: &[u8; 20]) -> [u8; ID_TEXT_LEN] {
    let mut text = [0; ID_TEXT_LEN];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_rejects_everything_else() {
        let id = NodeId::random(&mut Rng::from_seed(7));
        assert_eq!(NodeId::from_text(&id.to_text()), Ok(id));
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "abc", &"A".repeat(40), &"g".repeat(40), &"a".repeat(41)] {
            assert_eq!(bad.parse::<NodeId>(), Err(InvalidId), "{bad}");
        }
    }
}
