//! Redis' packed byte forms: what small collections and the nodes of big ones are made of.

pub mod admission;
pub mod intset;
pub mod listpack;
pub mod pack;

pub use intset::Intset;
pub use listpack::Listpack;
pub use pack::{Form, Pack};

/// Foreign bytes are not a well-formed packed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed packed value")]
pub struct Malformed;
