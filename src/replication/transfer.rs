//! How a full copy is framed: by its length, or by a mark that ends it.
//!
//! ```text
//! $<length>\r\n <length bytes>            a file
//! $EOF:<40 bytes>\r\n <bytes> <the same 40 bytes>
//! ```

use crate::base::Rng;

/// Bytes of the mark.
pub const MARK_LEN: usize = 40;

/// What ends a copy of unknown length.
pub type Mark = [u8; MARK_LEN];

/// A mark that no copy contains, most probably.
#[must_use]
pub fn random_mark(rng: &mut Rng) -> Mark {
    crate::base::ReplId::random(rng).to_text()
}

/// Why a transfer cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    #[error("the primary refused the transfer: {0}")]
    Refused(String),
    #[error("the primary did not announce a full copy")]
    NoHeader,
}

/// How the end of a copy is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Mark(Mark),
}

impl Framing {
    /// Reads the line before a copy; `None` is a sign of life.
    ///
    /// # Errors
    /// If it is another line.
    pub fn parse(line: &[u8]) -> Result<Option<Framing>, TransferError> {
        if line.is_empty() {
            return Ok(None);
        }
        if line[0] == b'-' {
            let text = String::from_utf8_lossy(&line[1..]).into_owned();
            return Err(TransferError::Refused(text));
        }
        let rest = line.strip_prefix(b"$").ok_or(TransferError::NoHeader)?;
        if let Some(mark) = rest.strip_prefix(b"EOF:") {
            let mark = mark.get(..MARK_LEN).and_then(|mark| mark.try_into().ok());
            return mark.map(|mark| Some(Framing::Mark(mark))).ok_or(TransferError::NoHeader);
        }
        let length = std::str::from_utf8(rest).ok().and_then(|digits| digits.parse().ok());
        length.map(|length| Some(Framing::Length(length))).ok_or(TransferError::NoHeader)
    }

    /// The line before a copy.
    #[must_use]
    pub fn header(&self) -> Vec<u8> {
        match self {
            Framing::Length(length) => format!("${length}\r\n").into_bytes(),
            Framing::Mark(mark) => [b"$EOF:", mark.as_slice(), b"\r\n"].concat(),
        }
    }
}

/// A copy that is being received.
#[derive(Clone, Debug)]
pub struct Body {
    framing: Framing,
    received: u64,
    /// The end of what was received, as far as it may be the mark.
    held: Vec<u8>,
}

/// What became of received bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// How many of them belong to the copy or its frame.
    pub used: usize,
    pub is_complete: bool,
}

impl Body {
    #[must_use]
    pub fn new(framing: Framing) -> Body {
        Body { framing, received: 0, held: Vec::new() }
    }

    /// Bytes received so far, the mark's included.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How many bytes there will be, if that is known.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(length) => Some(length),
            Framing::Mark(_) => None,
        }
    }

    /// Takes received bytes and appends to `content` those that are certainly the copy's.
    ///
    /// The mark is only looked for at the end of what was received: nothing follows it until the
    /// copy is acknowledged.
    pub fn take(&mut self, bytes: &[u8], content: &mut Vec<u8>) -> Taken {
        match self.framing {
            Framing::Length(length) => {
                let left = length - self.received;
                let used = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                content.extend_from_slice(&bytes[..used]);
                self.received += used as u64;
                Taken { used, is_complete: self.received == length }
            }
            Framing::Mark(mark) => {
                self.received += bytes.len() as u64;
                self.held.extend_from_slice(bytes);
                let is_complete = self.held.ends_with(&mark);
                let sure = self.held.len().saturating_sub(MARK_LEN);
                content.extend(self.held.drain(..sure));
                Taken { used: bytes.len(), is_complete }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::Rng;

    #[test]
    fn headers_are_read_as_they_are_written() {
        let mark = random_mark(&mut Rng::from_seed(5));
        for framing in [Framing::Length(0), Framing::Length(u64::MAX), Framing::Mark(mark)] {
            let line = framing.header();
            let line = line.strip_suffix(b"\r\n").expect("a line");
            assert_eq!(Framing::parse(line), Ok(Some(framing)));
        }
        assert_eq!(Framing::parse(b""), Ok(None));
        let refused = TransferError::Refused("ERR no".into());
        assert_eq!(Framing::parse(b"-ERR no"), Err(refused));
        for bad in [&b"+OK"[..], b"$", b"$-1", b"$EOF:abc", b"$12x"] {
            assert_eq!(Framing::parse(bad), Err(TransferError::NoHeader));
        }
    }

    proptest! {
        #[test]
        fn however_it_is_cut_a_copy_arrives_whole(
            copy in proptest::collection::vec(any::<u8>(), 0..300),
            after in proptest::collection::vec(any::<u8>(), 0..20),
            cuts in proptest::collection::vec(1..60_usize, 1..40),
            marked: bool,
        ) {
            let mark = random_mark(&mut Rng::from_seed(copy.len() as u64));
            let (framing, mut wire) = if marked {
                (Framing::Mark(mark), [copy.as_slice(), &mark].concat())
            } else {
                (Framing::Length(copy.len() as u64), copy.clone())
            };
            if !marked {
                wire.extend(&after);
            }
            let (mut body, mut content, mut at) = (Body::new(framing), Vec::new(), 0);
            let mut cuts = cuts.iter().cycle();
            loop {
                let cut = (at + cuts.next().expect("it repeats")).min(wire.len());
                let taken = body.take(&wire[at..cut], &mut content);
                at += taken.used;
                if taken.is_complete {
                    break;
                }
                prop_assert!(at < wire.len(), "the end was missed");
            }
            prop_assert_eq!(content, copy);
            prop_assert_eq!(at, wire.len() - if marked { 0 } else { after.len() });
        }
    }
}
