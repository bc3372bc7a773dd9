//! The errors a client can see. `Display` is the wire text without `-` and CRLF; its first word is
//! the code that clients match on, so every text equals Redis' byte for byte.

use std::borrow::Cow;

/// What a command answers, or why it refuses.
pub type CmdResult<T> = Result<T, CmdError>;

/// A refusal the client sees.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CmdError {
    #[error("ERR syntax error")]
    Syntax,
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    #[error("ERR value is not a valid float")]
    NotFloat,
    #[error("ERR value is out of range, must be positive")]
    NotPositive,
    #[error("ERR value is out of range")]
    OutOfRange,
    #[error("ERR index out of range")]
    IndexOutOfRange,
    #[error("ERR no such key")]
    NoSuchKey,
    #[error("ERR invalid cursor")]
    InvalidCursor,
    #[error("ERR DB index is out of range")]
    DbOutOfRange,
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    #[error("ERR increment would produce NaN or Infinity")]
    NanOrInfinity,
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    StringTooLong,
    /// `command` is the command's full name, `container|subcommand`.
    #[error("ERR invalid expire time in '{command}' command")]
    InvalidExpire { command: &'static str },
    #[error("ERR wrong number of arguments for '{command}' command")]
    WrongArity { command: &'static str },
    #[error("NOAUTH Authentication required.")]
    NoAuth,
    #[error("WRONGPASS invalid username-password pair or user is disabled.")]
    WrongPass,
    #[error("NOPERM this user has no permissions to run the '{command}' command")]
    NoPermCommand { command: &'static str },
    #[error("NOPERM this user has no permissions to access one of the keys used as arguments")]
    NoPermKey,
    #[error("NOPERM this user has no permissions to access one of the channels used as arguments")]
    NoPermChannel,
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    #[error("NOREPLICAS Not enough good replicas to write.")]
    FewReplicas,
    #[error("READONLY You can't write against a read only replica.")]
    ReadOnly,
    #[error("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")]
    PrimaryDown,
    #[error("LOADING Redis is loading the dataset in memory")]
    Loading,
    #[error("EXECABORT Transaction discarded because of previous errors.")]
    ExecAbort,
    #[error("BUSYKEY Target key name already exists.")]
    BusyKey,
    #[error("NOPROTO unsupported protocol version")]
    NoProto,
    #[error("ERR This instance has cluster support disabled")]
    ClusterDisabled,
    /// A text that occurs in one place only; it stands there in full, with its code.
    #[error("{0}")]
    Text(Cow<'static, str>),
    /// A text that repeats what a client sent, which need not be text. See [`CmdError::echoing`].
    #[error("{}", String::from_utf8_lossy(.0))]
    Bytes(Box<[u8]>),
}

impl CmdError {
    /// Whether the user may not do it.
    #[must_use]
    pub fn is_noperm(&self) -> bool {
        matches!(
            self,
            CmdError::NoPermCommand { .. } | CmdError::NoPermKey | CmdError::NoPermChannel
        )
    }

    /// A fixed text that only one command uses, code included.
    #[must_use]
    pub const fn text(text: &'static str) -> CmdError {
        CmdError::Text(Cow::Borrowed(text))
    }

    /// A composed text that only one command uses, code included.
    #[must_use]
    pub fn owned(text: String) -> CmdError {
        CmdError::Text(Cow::Owned(text))
    }

    /// A text composed of these parts. Those that come from the client are repeated byte by byte;
    /// as in Redis, where texts end with a zero byte, each part ends before its first one.
    #[must_use]
    pub fn echoing(parts: &[&[u8]]) -> CmdError {
        let shown =
            |part: &&[u8]| part.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
        CmdError::Bytes(parts.iter().flat_map(shown).collect())
    }

    /// The error for a subcommand, as it was typed, with arguments that make no sense together.
    #[must_use]
    pub fn unknown_form(container: &str, typed: &[u8]) -> CmdError {
        CmdError::echoing(&[
            b"ERR unknown subcommand or wrong number of arguments for '",
            typed,
            b"'. Try ",
            container.to_ascii_uppercase().as_bytes(),
            b" HELP.",
        ])
    }

    /// What is sent: the text without `-` and CRLF.
    #[must_use]
    pub fn wire(&self) -> Cow<'_, [u8]> {
        match self {
            CmdError::Bytes(bytes) => Cow::Borrowed(bytes),
            other => Cow::Owned(other.to_string().into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_sent_is_repeated_byte_by_byte_up_to_a_zero() {
        let error = CmdError::echoing(&[b"ERR no '", b"\xff\xfe\0hidden", b"' here"]);
        assert_eq!(&*error.wire(), b"ERR no '\xff\xfe' here");
        assert_eq!(&*CmdError::Syntax.wire(), b"ERR syntax error");
    }
}
