//! Reading the configuration at the start, and writing changed settings back into its file.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::config::arguments::Arguments;
use crate::config::file::{self, LoadError, Origin, Part};
use crate::config::{Setting, Settings, disk, rewrite};

/// What the command line and the files it names say.
pub(super) struct Loaded {
    pub settings: Settings,
    pub file: Option<ConfigFile>,
}

/// The configuration file, which CONFIG REWRITE writes.
pub(super) struct ConfigFile {
    /// Absolute: the process changes its directory.
    pub path: PathBuf,
    /// Settings that files it includes name.
    included: Vec<&'static Setting>,
}

/// Why the configuration could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigError {
    #[error("Fatal error, can't open config file '{path}': {cause}")]
    Open { path: String, cause: io::Error },
    #[error("could not read the standard input: {0}")]
    Stdin(io::Error),
    #[error("{0}")]
    Load(#[from] LoadError),
}

/// Reads the file, the standard input and the directives that the arguments name, in this order.
///
/// # Errors
/// If something cannot be read or a line is wrong; `Display` is what to show.
pub(super) fn load(arguments: &[OsString]) -> Result<Loaded, ConfigError> {
    let words: Vec<&[u8]> = arguments.iter().map(|word| word.as_bytes()).collect();
    let arguments = Arguments::sort(&words);
    let mut parts = Vec::new();
    let path = arguments.file.clone().map(|path| PathBuf::from(OsString::from_vec(path)));
    let opened = path.map(|path| absolute(&path)).transpose()?;
    if let Some(path) = &opened {
        parts.push(disk::open(path).map_err(|cause| cannot_open(path, cause))?);
    }
    if arguments.stdin {
        let mut text = Vec::new();
        io::stdin().read_to_end(&mut text).map_err(ConfigError::Stdin)?;
        parts.push(Part { origin: Origin::StandardInput, text });
    }
    parts.push(arguments.overrides());
    let loaded = file::load(&parts, &mut disk::open_included)?;
    let file = opened.map(|path| ConfigFile { path, included: loaded.included });
    Ok(Loaded { settings: loaded.settings, file })
}

fn absolute(path: &Path) -> Result<PathBuf, ConfigError> {
    fs::canonicalize(path).map_err(|cause| cannot_open(path, cause))
}

fn cannot_open(path: &Path, cause: io::Error) -> ConfigError {
    ConfigError::Open { path: path.display().to_string(), cause }
}

impl ConfigFile {
    /// Writes the settings in force into the file: all of it or nothing.
    ///
    /// # Errors
    /// If the file cannot be read or written; it is then as it was.
    pub(super) fn rewrite(&self, settings: &Settings) -> io::Result<()> {
        let text = fs::read(&self.path)?;
        write_whole(&self.path, &rewrite::rewrite(&text, settings, &self.included), true)
    }
}

/// Replaces a file's content in one step: a new file beside it, renamed. With `sync` the step
/// survives a power failure once this returns.
///
/// # Errors
/// If any step fails; the old file then stands.
pub(super) fn write_whole(path: &Path, content: &[u8], sync: bool) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or(OsStr::new("file")).to_string_lossy();
    let temporary = parent.join(format!("{name}.tmp-{}", std::process::id()));
    let written = (|| {
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        if sync {
            file.sync_all()?;
        }
        fs::rename(&temporary, path)?;
        if sync { File::open(parent)?.sync_all() } else { Ok(()) }
    })();
    if written.is_err() {
        drop(fs::remove_file(&temporary));
    }
    written
}
