//! Settings that ask for what this version cannot do. They are refused: a node that ignored them
//! would lose data, or let in clients, that its operator believes safe.

use crate::config::Settings;

/// A setting that cannot be followed, and why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {reason}")]
pub(super) struct Unsupported {
    pub setting: &'static str,
    pub reason: &'static str,
}

/// A setting, whether it asks for something, and why that cannot be had.
type Rule = (&'static str, fn(&Settings) -> bool, &'static str);

const RULES: &[Rule] = &[
    (
        "replicaof",
        |s| s.replicaof.is_some() && s.cluster_enabled,
        "replicaof directive not allowed in cluster mode",
    ),
    ("tls-port", |s| s.tls_port != 0, "there is no TLS in this version"),
    ("tls-cluster", |s| s.tls_cluster, "there is no TLS in this version"),
];

/// Refuses what `settings` ask for in vain, unless `before` asked for it already.
///
/// # Errors
/// The first such setting.
pub(super) fn check(settings: &Settings, before: Option<&Settings>) -> Result<(), Unsupported> {
    let asked = |(_, asks, _): &&Rule| asks(settings) && !before.is_some_and(asks);
    match RULES.iter().find(asked) {
        Some(&(setting, _, reason)) => Err(Unsupported { setting, reason }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        assert_eq!(check(&Settings::default(), None), Ok(()));
        let settings = Settings { tls_port: 1, ..Settings::default() };
        assert_eq!(check(&settings, None).map_err(|refusal| refusal.setting), Err("tls-port"));
        assert_eq!(check(&settings, Some(&settings)), Ok(()));
    }
}
