//! ACL: users and what they may do.

mod change;
mod dryrun;
mod log;
mod show;
#[cfg(test)]
mod tests;

use super::Command;

pub const COMMANDS: &[&Command] = &[
    &show::ACL,
    &show::ACL_CAT,
    &change::ACL_DELUSER,
    &dryrun::ACL_DRYRUN,
    &change::ACL_GENPASS,
    &show::ACL_GETUSER,
    &show::ACL_HELP,
    &show::ACL_LIST,
    &change::ACL_LOAD,
    &log::ACL_LOG,
    &change::ACL_SAVE,
    &change::ACL_SETUSER,
    &show::ACL_USERS,
    &show::ACL_WHOAMI,
];
