//! The settings as their users see them: CONFIG GET, CONFIG SET, files, command lines, rewriting.

mod disk;
mod docs;
mod file;
mod rewrite;
mod set;
mod values;

use super::file::{LoadError, Loaded, Origin, Part, load, split_directive};
use super::*;
use crate::base::Rng;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// CONFIG GET: `name value` lines.
fn get(settings: &Settings, pattern: &str) -> String {
    let found = settings.get(&[pattern.as_bytes()]);
    let lines: Vec<_> = found.iter().map(|(n, v)| format!("{} {}", text(n), text(v))).collect();
    lines.join("\n")
}

/// CONFIG SET of the pairs by a remote client: the settings after it, or the error.
fn set(pairs: &[(&str, &str)]) -> Result<Settings, SetError> {
    let mut settings = Settings::default();
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
    settings.set(&pairs, Caller::Remote).map(|_| settings)
}

fn part(text: &str) -> Part {
    Part { origin: Origin::File("t.conf".to_owned()), text: text.as_bytes().to_vec() }
}

/// Reads a file that may include `a.conf` (`hz 33`, `save 2 2`) or itself as `t.conf`.
fn read(text: &str) -> Result<Loaded, LoadError> {
    load(&[part(text)], &mut |pattern| match pattern {
        b"a.conf" => Ok(vec![part("hz 33\nsave 2 2")]),
        b"t.conf" => Ok(vec![part(text)]),
        b"none*.conf" => Ok(Vec::new()),
        _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    })
}

/// Plausible values and rubbish, for random settings.
const VALUES: [&str; 24] = [
    "yes",
    "no",
    "0",
    "1",
    "7",
    "50",
    "100",
    "2000",
    "1mb",
    "3kb",
    "5%",
    "local",
    "debug",
    "everysec",
    "allkeys-lfu",
    "900 1 300 10",
    "normal 1 2 3",
    "KEA",
    "AKEn",
    "1 2 3",
    "127.0.0.1 -::1",
    "a \"b\" \\ \n\t\u{1}é",
    "",
    "x",
];

/// Settings changed at random, as CONFIG SET or a file could have.
fn random_settings(rng: &mut Rng) -> Settings {
    let mut settings = Settings::default();
    for _ in 0..rng.below(40) {
        let setting = &TABLE[rng.index(TABLE.len())];
        let value = VALUES[rng.index(VALUES.len())];
        let words: Vec<&[u8]> = match rng.below(2) {
            0 => vec![value.as_bytes()],
            _ => value.split(' ').map(str::as_bytes).collect(),
        };
        // Rubbish is refused, which leaves the settings as they were.
        let _ = setting.read(&mut settings, &words, Source::FirstLine);
    }
    settings
}
