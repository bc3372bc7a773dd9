//! The group *pubsub*: channels, patterns of channels, and channels that belong to a slot.
//!
//! A connection's own subscriptions are in its `Client`, everybody's in `state::pubsub`. Messages
//! reach subscribers through their mailboxes; in a cluster the bus carries them to other nodes.

mod inspect;
mod publish;
mod subscribe;

pub use subscribe::write_change;

use super::Command;

pub const COMMANDS: &[&Command] = &[
    &subscribe::SUBSCRIBE,
    &subscribe::UNSUBSCRIBE,
    &subscribe::PSUBSCRIBE,
    &subscribe::PUNSUBSCRIBE,
    &subscribe::SSUBSCRIBE,
    &subscribe::SUNSUBSCRIBE,
    &publish::PUBLISH,
    &publish::SPUBLISH,
    &inspect::PUBSUB,
    &inspect::PUBSUB_CHANNELS,
    &inspect::PUBSUB_HELP,
    &inspect::PUBSUB_NUMPAT,
    &inspect::PUBSUB_NUMSUB,
    &inspect::PUBSUB_SHARDCHANNELS,
    &inspect::PUBSUB_SHARDNUMSUB,
];
