//! The group *connection*: commands about connections, this one and others.

mod client;
mod describe;
mod others;
mod session;
mod tracking;

pub(super) use describe::describe;

use super::Command;

pub const COMMANDS: &[&Command] = &[
    &session::PING,
    &session::ECHO,
    &session::AUTH,
    &session::HELLO,
    &session::SELECT,
    &session::RESET,
    &session::QUIT,
    &client::CLIENT,
    &client::CLIENT_GETNAME,
    &client::CLIENT_HELP,
    &client::CLIENT_ID,
    &client::CLIENT_INFO,
    &client::CLIENT_NO_EVICT,
    &client::CLIENT_NO_TOUCH,
    &client::CLIENT_REPLY,
    &client::CLIENT_SETINFO,
    &client::CLIENT_SETNAME,
    &tracking::CLIENT_CACHING,
    &tracking::CLIENT_GETREDIR,
    &tracking::CLIENT_TRACKING,
    &tracking::CLIENT_TRACKINGINFO,
    &others::CLIENT_KILL,
    &others::CLIENT_LIST,
    &others::CLIENT_PAUSE,
    &others::CLIENT_UNBLOCK,
    &others::CLIENT_UNPAUSE,
];

#[cfg(test)]
mod tests;
