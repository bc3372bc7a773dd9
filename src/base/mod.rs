//! L0: the vocabulary everything else is written in. Imports nothing of ours.

mod big;
mod bytes;
#[cfg(any(test, feature = "checked-allocator"))]
pub mod checked;
pub mod epoch;
pub mod error;
pub mod float;
pub mod glob;
pub mod hash;
pub mod id;
pub mod longdouble;
pub mod number;
pub mod rng;
pub mod slot;
pub mod time;
pub mod words;

pub use bytes::same_bytes;
pub use epoch::{ConfigEpoch, Epoch};
pub use hash::KeyHasher;
pub use id::{NodeId, ReplId};
pub use longdouble::LongDouble;
pub use rng::Rng;
pub use slot::{Slot, SlotSet};
pub use time::Millis;
