//! The command line of a server: `[file] [--directive value …] …`, as redis-server takes it.

use super::file::{Origin, Part};
use crate::base::words;

/// What the command line names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The configuration file.
    pub file: Option<Vec<u8>>,
    /// More settings come from the standard input.
    pub stdin: bool,
    /// Directives that override the file's, one per line.
    overrides: Vec<u8>,
}

impl Arguments {
    /// Sorts the arguments after the program's name.
    ///
    /// A first argument that does not begin with `-` is the file; `-` as the first or the last one
    /// is the standard input. `--name` begins a directive and what follows are its words, up to the
    /// next `--`. The argument right after `--name` always belongs to it, so that a password may
    /// begin with dashes; `--save` alone is the exception, which may stand without a word.
    #[must_use]
    pub fn sort<A: AsRef<[u8]>>(arguments: &[A]) -> Arguments {
        let mut rest: Vec<&[u8]> = arguments.iter().map(AsRef::as_ref).collect();
        let mut sorted = Arguments::default();
        match rest.first().copied() {
            Some(first) if !first.starts_with(b"-") => sorted.file = Some(rest.remove(0).to_vec()),
            Some(b"-") => {
                sorted.stdin = true;
                rest.remove(0);
            }
            _ => {}
        }
        if rest.last() == Some(&b"-".as_slice()) {
            sorted.stdin = true;
            rest.pop();
        }
        let mut needs_word = false;
        for word in rest {
            match word.strip_prefix(b"--") {
                Some(name) if !needs_word => {
                    sorted.overrides.push(b'\n');
                    sorted.overrides.extend_from_slice(name);
                    let is_bare = !name.is_empty() && !name.iter().any(u8::is_ascii_whitespace);
                    needs_word = is_bare && !name.eq_ignore_ascii_case(b"save");
                }
                _ => {
                    sorted.overrides.push(b' ');
                    sorted.overrides.extend(words::quote(word));
                    needs_word = false;
                }
            }
        }
        sorted
    }

    /// The directives given on the command line; they are read after the file and the standard
    /// input.
    #[must_use]
    pub fn overrides(&self) -> Part {
        Part { origin: Origin::CommandLine, text: self.overrides.clone() }
    }
}
