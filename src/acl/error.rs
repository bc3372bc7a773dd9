//! Why a rule, or a list of rules, makes no sense. Each `Display` is a part of what clients see.

/// What is wrong with one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("Syntax error")]
    Syntax,
    #[error("Unknown command or category name in ACL")]
    UnknownCommand,
    #[error("Allowing first-arg of a subcommand is not supported")]
    FirstArgOfSubcommand,
    #[error(
        "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not \
         have any effect. Try 'resetkeys' to start with an empty list of patterns"
    )]
    AfterAllKeys,
    #[error(
        "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does \
         not have any effect. Try 'resetchannels' to start with an empty list of channels"
    )]
    AfterAllChannels,
    #[error(
        "The password hash must be exactly 64 characters and contain only lowercase hexadecimal \
         characters"
    )]
    InvalidHash,
    #[error("The password you are trying to remove from the user does not exist")]
    NoSuchPassword,
}

/// Why ACL SETUSER changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetUserError {
    #[error("Usernames can't contain spaces or null characters")]
    InvalidName,
    #[error("Unmatched parenthesis in acl selector starting at '{0}'.")]
    Unmatched(String),
    #[error("Error in ACL SETUSER modifier '{rule}': {cause}")]
    Rule { rule: String, cause: RuleError },
}

/// A rule as an error shows it.
pub(super) fn shown(rule: &[u8]) -> String {
    String::from_utf8_lossy(rule).replace(['\r', '\n'], " ")
}
