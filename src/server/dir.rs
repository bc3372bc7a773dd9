//! The working directory, in which all files without a path are.

use std::env;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::config::{SetError, Settings};

/// Enters the directory that the settings name; they have its full path then.
///
/// # Errors
/// What the system reports; the directory is what it was.
pub(super) fn enter(settings: &mut Settings) -> io::Result<()> {
    env::set_current_dir(OsStr::from_bytes(&settings.dir))?;
    settings.dir = env::current_dir()?.into_os_string().into_vec();
    Ok(())
}

/// Enters another directory if the settings name another one.
///
/// # Errors
/// If that is not possible.
pub(super) fn change(before: &Settings, after: &mut Settings) -> Result<(), SetError> {
    if before.dir == after.dir {
        return Ok(());
    }
    enter(after).map_err(|error| {
        let reason = match error.kind() {
            ErrorKind::NotFound => "No such file or directory",
            ErrorKind::NotADirectory => "Not a directory",
            ErrorKind::PermissionDenied => "Permission denied",
            _ => "the directory cannot be entered",
        };
        SetError::not_applied("dir", reason)
    })
}

/// Back to where it was: something else about the change was refused.
pub(super) fn go_back(before: &Settings, after: &Settings) {
    if before.dir != after.dir
        && let Err(error) = env::set_current_dir(OsStr::from_bytes(&before.dir))
    {
        tracing::error!(%error, "could not go back to the working directory");
    }
}
