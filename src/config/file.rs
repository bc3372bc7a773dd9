//! Reading settings: files in redis.conf syntax, what they include, and the command line.
//!
//! A line is a directive and its words (`base/words.rs`); `#` begins a comment line. Later lines
//! win, except that the lines of some settings add up. Adding up starts over at the beginning and
//! after the end of an included file, so that a file can override what it includes.

use std::{fmt, io};

use super::kind::{Source, ValueError};
use super::{Setting, Settings};
use crate::base::words::{self, Unbalanced};
use crate::spec::config::ConfigFlags;

/// How deep files may include files; a file that includes itself ends here.
pub const INCLUDE_DEPTH_MAX: usize = 16;

/// Directives of old versions that mean nothing any more; Redis passes over them as well.
const OBSOLETE: [&str; 2] = ["list-max-ziplist-entries", "list-max-ziplist-value"];

/// Where a text comes from, for errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    File(String),
    StandardInput,
    CommandLine,
}

/// A text to read settings from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub origin: Origin,
    pub text: Vec<u8>,
}

/// What the texts say.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub settings: Settings,
    /// The settings that included files name. CONFIG REWRITE must write these after the `include`.
    pub included: Vec<&'static Setting>,
}

/// Why the settings could not be read. `Display` is the block that is shown before the process
/// ends.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{HEADER}\nReading the {place}\n>>> '{line}'\n{cause}")]
    Line { place: Place, line: String, cause: LineError },
    #[error("{HEADER}\nreplicaof directive not allowed in cluster mode")]
    ReplicaInCluster,
}

const HEADER: &str =
    concat!("*** FATAL CONFIG FILE ERROR (redpoll ", env!("CARGO_PKG_VERSION"), ") ***");

/// What is wrong with one line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error("Bad directive or wrong number of arguments")]
    BadDirective,
    #[error("sentinel directive while not in sentinel mode")]
    Sentinel,
    #[error("{0}")]
    Unbalanced(#[from] Unbalanced),
    #[error("{0}")]
    Value(#[from] ValueError),
    #[error("files include files more than {INCLUDE_DEPTH_MAX} deep")]
    TooDeep,
    #[error("can't open config file '{path}': {cause}")]
    Include { path: String, cause: io::Error },
}

/// A line of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    origin: Origin,
    line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line;
        match &self.origin {
            Origin::File(name) => write!(f, "configuration file, at line {line} of {name}"),
            Origin::StandardInput => write!(f, "standard input, at line {line}"),
            Origin::CommandLine => f.write_str("command line"),
        }
    }
}

/// Opens what an `include` names: every file that matches the pattern, in order.
pub type Open<'a> = dyn FnMut(&[u8]) -> io::Result<Vec<Part>> + 'a;

/// Reads the parts, one after the other, over the defaults.
///
/// # Errors
/// [`LoadError`] for the first line that is wrong.
pub fn load(parts: &[Part], open: &mut Open<'_>) -> Result<Loaded, LoadError> {
    let loaded = Loaded { settings: Settings::default(), included: Vec::new() };
    let mut reader = Reader { loaded, seen: Vec::new(), open };
    for part in parts {
        reader.part(part, 0)?;
    }
    let settings = &reader.loaded.settings;
    if settings.cluster_enabled && settings.replicaof.is_some() {
        return Err(LoadError::ReplicaInCluster);
    }
    Ok(reader.loaded)
}

struct Reader<'a, 'b> {
    loaded: Loaded,
    /// The settings named since adding up last started over.
    seen: Vec<&'static Setting>,
    open: &'a mut Open<'b>,
}

impl Reader<'_, '_> {
    fn part(&mut self, part: &Part, depth: usize) -> Result<(), LoadError> {
        for (index, line) in part.text.split(|byte| *byte == b'\n').enumerate() {
            match self.line(line, depth) {
                Ok(None) => {}
                Ok(Some(included)) => self.include(&included, depth)?,
                Err(cause) => {
                    let place = Place { origin: part.origin.clone(), line: index + 1 };
                    return Err(LoadError::Line { place, line: presentable(line), cause });
                }
            }
        }
        Ok(())
    }

    fn include(&mut self, parts: &[Part], depth: usize) -> Result<(), LoadError> {
        self.seen.clear();
        for part in parts {
            self.part(part, depth + 1)?;
        }
        self.seen.clear();
        Ok(())
    }

    /// Applies one line; the answer is what it includes.
    fn line(&mut self, line: &[u8], depth: usize) -> Result<Option<Vec<Part>>, LineError> {
        let Some((name, words)) = split_directive(line)? else { return Ok(None) };
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        if name.eq_ignore_ascii_case(b"include") {
            let &[pattern] = words.as_slice() else { return Err(LineError::BadDirective) };
            return self.open(pattern, depth).map(Some);
        }
        if OBSOLETE.iter().any(|old| old.as_bytes().eq_ignore_ascii_case(&name)) {
            return Ok(None);
        }
        let setting = Setting::find(&name).ok_or_else(|| unknown(&name))?;
        let is_later = self.seen.contains(&setting);
        let source = if is_later { Source::LaterLine } else { Source::FirstLine };
        setting.read(&mut self.loaded.settings, &words, source)?;
        if !is_later {
            self.seen.push(setting);
        }
        if depth > 0 && !self.loaded.included.contains(&setting) {
            self.loaded.included.push(setting);
        }
        Ok(None)
    }

    fn open(&mut self, pattern: &[u8], depth: usize) -> Result<Vec<Part>, LineError> {
        if depth == INCLUDE_DEPTH_MAX {
            return Err(LineError::TooDeep);
        }
        let path = || String::from_utf8_lossy(pattern).into_owned();
        (self.open)(pattern).map_err(|cause| LineError::Include { path: path(), cause })
    }
}

fn unknown(name: &[u8]) -> LineError {
    match name.eq_ignore_ascii_case(b"sentinel") {
        true => LineError::Sentinel,
        false => LineError::BadDirective,
    }
}

/// A directive and its words.
type Directive = (Vec<u8>, Vec<Vec<u8>>);

/// The directive of a line and the words after it, unless the line is blank or a comment.
pub(super) fn split_directive(line: &[u8]) -> Result<Option<Directive>, Unbalanced> {
    if line.trim_ascii().starts_with(b"#") {
        return Ok(None);
    }
    let mut words = words::split(line)?.into_iter();
    Ok(words.next().map(|name| (name, words.collect())))
}

/// The line as an error shows it: without the blanks around it, and without secrets.
fn presentable(line: &[u8]) -> String {
    let line = line.trim_ascii();
    let name = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let name_text = String::from_utf8_lossy(name);
    match Setting::find(name) {
        Some(found) if found.spec.flags.contains(ConfigFlags::SENSITIVE) => {
            format!("{name_text} (redacted)")
        }
        _ => String::from_utf8_lossy(line).into_owned(),
    }
}
