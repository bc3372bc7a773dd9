//! The way of MIGRATE's keys to another node.

use crate::base::Millis;

/// Where the keys go and as whom.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    pub host: &'a [u8],
    pub port: &'a [u8],
    pub db: i64,
    /// User, unless it is the default one, and password.
    pub auth: Option<(Option<&'a [u8]>, &'a [u8])>,
    /// The longest wait for any single step.
    pub timeout: Millis,
}

/// What became of a delivery.
#[derive(Debug, Default)]
pub struct Receipt {
    /// For each request, as far as answers came: whether the other node has done it.
    pub done: Vec<bool>,
    pub failure: Option<Failure>,
}

/// Why not everything is there. `Display` is the error's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("IOERR error or timeout connecting to the client")]
    Connect,
    #[error("IOERR error or timeout writing to target instance")]
    Write,
    #[error("IOERR error or timeout reading to target instance")]
    Read,
    #[error("ERR Target instance replied with error: {0}")]
    Refused(String),
}

/// Carries requests to another node and waits for its answers, with the calling thread standing
/// still.
pub trait Courier: std::fmt::Debug + Send + Sync {
    /// `requests` are whole commands as they go over the wire.
    fn deliver(&self, to: Address<'_>, requests: &[Vec<u8>]) -> Receipt;

    /// Closes connections that were not used for long.
    fn tidy(&self);
}
