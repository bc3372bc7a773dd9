//! What this node's primary or its own append-only file says and what fails here all the same: the
//! data are not what they were when it was first run.

use std::sync::atomic::Ordering;

use super::Ctx;
use crate::config::table::PropagationError;
use crate::spec::CmdError;
use crate::state::conditions::Condition;

impl Ctx<'_> {
    /// Counts a failure of a command whose client is the primary or the file, and ends the process
    /// if `propagation-error-behavior` says so.
    #[cold]
    pub fn failed_unexpectedly(&self, command: &str, error: &CmdError) {
        let count = 1 + self.server.stats.unexpected_errors.fetch_add(1, Ordering::Relaxed);
        let from_file = self.server.conditions.load().contains(Condition::LOADING);
        let source = if from_file { "append-only file" } else { "primary" };
        let text = error.to_string();
        let code = text.split(' ').next().unwrap_or_default();
        // The first ones tell all that a log can.
        if count.is_power_of_two() {
            tracing::warn!(command, code, source, count, "what cannot fail has failed");
        }
        let behavior = self.settings.propagation_error_behavior;
        let is_fatal = match (behavior, from_file) {
            (PropagationError::Ignore, _) | (PropagationError::PanicOnReplicas, true) => false,
            (PropagationError::Panic, true) => true,
            // What clients may write here may well be in the way of the primary's commands.
            (PropagationError::Panic | PropagationError::PanicOnReplicas, false) => {
                self.settings.replica_read_only
            }
        };
        if is_fatal {
            tracing::error!(command, code, source, "propagation-error-behavior: exiting");
            std::process::exit(1);
        }
    }
}
