//! L7: runs requests: sessions, batches, what waits and what is woken. No sockets: a session is fed
//! bytes and hands bytes back, so that the whole engine runs in-process under test.

mod account;
mod admission;
mod blocking;
mod clients;
mod clock;
mod durable;
mod eviction;
mod feed;
mod gaps;
mod group;
mod plan;
mod redirect;
mod replay;
pub mod session;
mod stage;
pub mod testing;
#[cfg(test)]
mod tests;
pub mod worker;

pub use clients::evict_clients;
pub use clock::{Clock, unix_time};
pub use eviction::{Bailiff, Turn};
pub use replay::{Replay, Stuck};
pub use session::{Progress, Session};
pub use worker::Worker;
