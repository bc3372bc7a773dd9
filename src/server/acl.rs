//! Users: the control plane changes the table, and reads and writes the files it is kept in.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::config_file::write_whole;
use crate::acl::{FileError, Users};
use crate::config::Settings;
use crate::resp::Value;
use crate::spec::CmdError;
use crate::state::Server;
use crate::state::control::AclRequest;

/// Why the users could not be loaded at the start.
#[derive(Debug, thiserror::Error)]
pub(super) enum UsersError {
    #[error(
        "users are defined in the configuration file and there is an ACL file: define them in one \
         of the two"
    )]
    TwoPlaces,
    #[error("could not load users")]
    Load(#[from] LoadError),
    #[error("could not load users: {0}")]
    Lines(FileError),
}

/// Why the ACL file could not be loaded. `Display` is what ACL LOAD answers.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error("Error loading ACLs, opening file '{path}': {}", reason(.cause))]
    Open { path: String, cause: io::Error },
    #[error(transparent)]
    Content(#[from] FileError),
}

/// What the system says, without the number that Rust adds.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Puts the users in force that the settings declare.
///
/// # Errors
/// If they make no sense, or their file cannot be read.
pub(super) fn load_at_start(server: &Server, settings: &Settings) -> Result<(), UsersError> {
    if !settings.user.is_empty() && !settings.aclfile.is_empty() {
        return Err(UsersError::TwoPlaces);
    }
    if !settings.aclfile.is_empty() {
        server.put_users(load(server, settings)?);
    } else if !settings.user.is_empty() {
        let new = server.acl.new_users(settings);
        let users = server.acl.users().with_lines(&settings.user, new);
        server.put_users(users.map_err(UsersError::Lines)?);
    }
    Ok(())
}

/// The users that the ACL file declares.
fn load(server: &Server, settings: &Settings) -> Result<Users, LoadError> {
    let path = Path::new(OsStr::from_bytes(&settings.aclfile));
    let shown = path.display().to_string();
    let text = fs::read(path);
    let text = text.map_err(|cause| LoadError::Open { path: shown.clone(), cause })?;
    Ok(server.acl.users().from_text(&text, &shown, server.acl.new_users(settings))?)
}

/// Serves one ACL command.
pub(super) fn serve(server: &Server, request: AclRequest) -> Result<Value, CmdError> {
    let settings = server.settings();
    let refused = |error: &dyn std::fmt::Display| CmdError::owned(format!("ERR {error}"));
    match request {
        AclRequest::SetUser { name, rules } => {
            let new = server.acl.new_users(&settings);
            let users = server.acl.users().with_rules(&name, &rules.0, new);
            server.put_users(users.map_err(|error| refused(&error))?);
            Ok(Value::ok())
        }
        AclRequest::DelUser(names) => {
            let (users, removed) = server.acl.users().without(&names);
            server.put_users(users);
            Ok(Value::Int(removed as i64))
        }
        AclRequest::Load => {
            let users = load(server, &settings).map_err(|error| {
                tracing::warn!(%error, "users not loaded");
                refused(&error)
            })?;
            server.put_users(users);
            tracing::info!("users loaded");
            Ok(Value::ok())
        }
        AclRequest::Save => {
            save(server, &settings).map_err(|error| {
                tracing::warn!(%error, "users not saved");
                CmdError::text(
                    "ERR There was an error trying to save the ACLs. Please check the server logs \
                     for more information",
                )
            })?;
            Ok(Value::ok())
        }
        AclRequest::GenPass { digits } => {
            let password = random_digits(digits).map_err(|error| refused(&error))?;
            Ok(Value::Bulk(password.into()))
        }
    }
}

fn save(server: &Server, settings: &Settings) -> io::Result<()> {
    let text = server.acl.users().to_text(server.acl.catalog);
    write_whole(Path::new(OsStr::from_bytes(&settings.aclfile)), &text, true)
}

/// Hexadecimal digits that nobody can guess.
fn random_digits(count: usize) -> io::Result<String> {
    let mut bytes = vec![0; count.div_ceil(2)];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.truncate(count);
    Ok(digits)
}

/// The settings that CONFIG REWRITE writes: with the users as they are now, unless these have a
/// file of their own or are as in a new server.
pub(super) fn settings_with_users(server: &Server) -> Settings {
    let mut settings = Settings::clone(&server.settings.load());
    let (users, catalog) = (server.acl.users(), server.acl.catalog);
    let is_untold = users.to_text(catalog) == Users::new(catalog).to_text(catalog);
    settings.user = Vec::new();
    if settings.aclfile.is_empty() && !is_untold {
        let words = |line: Vec<u8>| {
            let words = line.split(|&byte| byte == b' ').skip(1);
            words.map(<[u8]>::to_vec).collect()
        };
        settings.user = users.iter().map(|user| words(user.line(catalog))).collect();
    }
    settings
}
