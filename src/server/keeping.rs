//! The control loop's part in loading: at the start, and on demand.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::control::{ControlError, ControlLoop};
use super::snapshot::{self, LoadError};
use crate::base::error::with_causes;
use crate::resp::Value;
use crate::spec::CmdError;
use crate::state::conditions::Condition;
use crate::state::control::{Reload, Waiting};

/// How loading ends.
type Loading = oneshot::Receiver<Result<(), LoadError>>;

impl ControlLoop {
    /// Loads the snapshot on a thread of its own; commands that need it are refused meanwhile. With
    /// an append-only file that is what is loaded. A file that was not there when it was decided
    /// whether commands are refused has come since, perhaps by a save: it is none to begin with.
    pub(super) fn start_loading(&self) -> Result<Option<Loading>, ControlError> {
        let is_loading = self.server.conditions.load().contains(Condition::LOADING);
        if self.server.settings.load().appendonly || !is_loading {
            return Ok(None);
        }
        let (sender, receiver) = oneshot::channel();
        let server = Arc::clone(&self.server);
        let work = move || drop(sender.send(snapshot::load_at_start(&server)));
        let thread = std::thread::Builder::new().name("loader".to_owned()).spawn(work);
        thread.map(|_| Some(receiver)).map_err(ControlError::Thread)
    }

    /// The dataset is there, or cannot be had: then the process ends.
    pub(super) fn loaded(&mut self, loaded: Result<(), LoadError>) -> Result<bool, ControlError> {
        if let Err(error) = &loaded {
            tracing::error!(error = %with_causes(error), "the dataset cannot be loaded");
        }
        loaded?;
        self.server.conditions.set(Condition::LOADING, false);
        Ok(true)
    }

    /// DEBUG RELOAD, on a thread of its own.
    pub(super) fn reload(&self, how: Reload, from: Option<Waiting>) -> Result<(), ControlError> {
        let server = Arc::clone(&self.server);
        let work = move || {
            let result = snapshot::reload(&server, how);
            let answer = result.map(|()| Value::ok()).map_err(|error| {
                tracing::error!(error = %with_causes(&*error), "DEBUG RELOAD failed");
                CmdError::text("ERR Error trying to load the RDB dump, check server logs.")
            });
            if let Some(waiting) = from {
                waiting.answer(answer);
            }
        };
        let thread = std::thread::Builder::new().name("reload".to_owned()).spawn(work);
        thread.map(drop).map_err(ControlError::Thread)
    }
}
