//! L2: the wire protocol. Requests are parsed by [`request`], replies written by [`encoder`] and
//! queued by [`output`]; [`client`] is the other end, for talking to peers. Knows bytes, no
//! commands, no sockets.

pub mod batch;
pub mod client;
pub mod encoder;
pub mod error;
pub mod limits;
pub mod output;
pub mod request;
pub mod value;
mod whole;

pub use batch::{Batch, OwnedRequest, RawRequest, Span};
pub use client::{ReplyDecoder, ReplyError, encode_command};
pub use encoder::{Encoder, Mark, Proto};
pub use error::ProtocolError;
pub use limits::{BIG_ARG, Limits};
pub use output::OutputQueue;
pub use request::Parser;
pub use value::Value;
