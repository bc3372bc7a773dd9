//! Opening configuration files; nothing else here touches the disk.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::file::{Origin, Part};
use crate::base::glob;

/// The file, as a part to read settings from.
///
/// # Errors
/// When it cannot be read.
pub fn open(path: &Path) -> io::Result<Part> {
    let origin = Origin::File(path.display().to_string());
    Ok(Part { origin, text: fs::read(path)? })
}

/// The files an `include` names, in the order of their names.
///
/// The last part of the path may be a pattern, which may match nothing; a plain path must exist.
///
/// # Errors
/// When a file or the pattern's directory cannot be read.
pub fn open_included(pattern: &[u8]) -> io::Result<Vec<Part>> {
    let path = Path::new(OsStr::from_bytes(pattern));
    match path.file_name() {
        Some(last) if last.as_bytes().iter().any(|byte| b"*?[".contains(byte)) => {
            let directory = path.parent().unwrap_or(Path::new(""));
            let paths = matching(directory, last.as_bytes())?;
            paths.iter().map(|path| open(path)).collect()
        }
        _ => Ok(vec![open(path)?]),
    }
}

/// The files in the directory whose names match, sorted. Names that begin with a dot need it
/// spelled.
fn matching(directory: &Path, pattern: &[u8]) -> io::Result<Vec<PathBuf>> {
    let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let mut paths = Vec::new();
    for entry in fs::read_dir(listed)? {
        let name = entry?.file_name();
        let is_shown = !name.as_bytes().starts_with(b".") || pattern.starts_with(b".");
        if is_shown && glob::matches(pattern, name.as_bytes(), false) {
            paths.push(directory.join(name));
        }
    }
    paths.sort();
    Ok(paths)
}
