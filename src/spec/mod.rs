//! L1: what commands and settings are declared with. Plain data; no behaviour beyond what follows
//! from it.

pub mod command;
pub mod config;
pub mod error;
pub mod event;
pub mod flags;

pub use command::{
    Arg, ArgFlags, ArgKind, Arity, Begin, CommandSpec, Deprecated, Find, Group, KeyFlags, KeySpec,
    Plan,
};
pub use error::{CmdError, CmdResult};
pub use event::Event;
pub use flags::{Categories, Channels, Flags};
