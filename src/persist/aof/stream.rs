//! What of the replication log goes into the file.
//!
//! Replicas are also told to acknowledge, that the link is alive and what was published: none of
//! that changes data, so none of it is written.

use super::grammar::{self, Piece};

/// Commands that only replicas are sent.
const NOT_DATA: [&[u8]; 4] = [b"REPLCONF", b"PING", b"PUBLISH", b"SPUBLISH"];

/// Follows the log; commands may arrive in any number of pieces.
#[derive(Debug, Default)]
pub struct Stream {
    /// The beginning of a command whose end has not come.
    partial: Vec<u8>,
    /// Of the latest annotation.
    second: u64,
}

impl Stream {
    /// Appends to `out` what the file gets of the log's next bytes. With `second`, the Unix time
    /// in seconds, commands are preceded by an annotation whenever it has changed.
    pub fn take(&mut self, bytes: &[u8], second: Option<u64>, out: &mut Vec<u8>) {
        if self.partial.is_empty() {
            let taken = self.copy(bytes, second, out);
            self.partial.extend_from_slice(&bytes[taken..]);
        } else {
            let mut all = std::mem::take(&mut self.partial);
            all.extend_from_slice(bytes);
            let taken = self.copy(&all, second, out);
            all.drain(..taken);
            self.partial = all;
        }
    }

    /// Bytes of the log that are held back: the beginning of a command.
    #[must_use]
    pub fn held(&self) -> usize {
        self.partial.len()
    }

    /// Copies all complete commands; the bytes they took.
    fn copy(&mut self, bytes: &[u8], second: Option<u64>, out: &mut Vec<u8>) -> usize {
        let (mut at, mut copied) = (0, 0);
        if let Some(second) = second.filter(|&second| second != self.second) {
            self.second = second;
            out.extend_from_slice(format!("#TS:{second}\r\n").as_bytes());
        }
        while at < bytes.len() {
            match grammar::piece(&bytes[at..]) {
                Ok(Piece::Command(command)) => {
                    let name = &bytes[at..][command.args[0].clone()];
                    if NOT_DATA.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                        out.extend_from_slice(&bytes[copied..at]);
                        copied = at + command.len;
                    }
                    at += command.len;
                }
                Ok(Piece::Annotation(len)) => at += len,
                Err(flaw) if flaw.is_end => break,
                // Not ours to judge: whoever wrote it knows what it is.
                Err(_) => at = bytes.len(),
            }
        }
        out.extend_from_slice(&bytes[copied..at]);
        at
    }
}
