//! Text: bytes, not characters, as paths and passwords are.

use super::{Kind, Source, ValueError, single};
use crate::base::words::quote;

/// Any text.
#[derive(Clone, Copy, Debug)]
pub struct Text;

impl Kind<Vec<u8>> for Text {
    fn read(&self, words: &[&[u8]], _: &Vec<u8>, _: Source) -> Result<Vec<u8>, ValueError> {
        Ok(single(words)?.to_vec())
    }

    fn show(&self, value: &Vec<u8>) -> Vec<u8> {
        value.clone()
    }

    fn lines(&self, value: &Vec<u8>) -> Vec<Vec<u8>> {
        vec![quote(value)]
    }

    fn describe(&self) -> String {
        "text".to_owned()
    }
}

/// Text that may be absent; the empty text means absent.
#[derive(Clone, Copy, Debug)]
pub struct OptionalText;

impl Kind<Option<Vec<u8>>> for OptionalText {
    fn read(
        &self,
        words: &[&[u8]],
        _: &Option<Vec<u8>>,
        _: Source,
    ) -> Result<Option<Vec<u8>>, ValueError> {
        let word = single(words)?;
        Ok((!word.is_empty()).then(|| word.to_vec()))
    }

    fn show(&self, value: &Option<Vec<u8>>) -> Vec<u8> {
        value.clone().unwrap_or_default()
    }

    fn lines(&self, value: &Option<Vec<u8>>) -> Vec<Vec<u8>> {
        vec![quote(value.as_deref().unwrap_or_default())]
    }

    fn describe(&self) -> String {
        "text, or `\"\"` for none".to_owned()
    }
}

/// The name of a file in `dir`: no path. The fields are the refusals.
#[derive(Clone, Copy, Debug)]
pub struct FileName {
    pub if_path: &'static str,
    pub if_empty: Option<&'static str>,
}

impl Kind<Vec<u8>> for FileName {
    fn read(&self, words: &[&[u8]], _: &Vec<u8>, _: Source) -> Result<Vec<u8>, ValueError> {
        let word = single(words)?;
        if let (true, Some(refusal)) = (word.is_empty(), self.if_empty) {
            return Err(ValueError::Refused(refusal));
        }
        if word.contains(&b'/') {
            return Err(ValueError::Refused(self.if_path));
        }
        Ok(word.to_vec())
    }

    fn show(&self, value: &Vec<u8>) -> Vec<u8> {
        value.clone()
    }

    fn lines(&self, value: &Vec<u8>) -> Vec<Vec<u8>> {
        Text.lines(value)
    }

    fn describe(&self) -> String {
        "a file name without a path".to_owned()
    }
}

/// A host name, or none when empty.
#[derive(Clone, Copy, Debug)]
pub struct HostName;

/// The longest host name. It is a field of fixed size in the cluster bus's messages.
const HOST_NAME_MAX: usize = 255;

impl Kind<Option<Vec<u8>>> for HostName {
    fn read(
        &self,
        words: &[&[u8]],
        current: &Option<Vec<u8>>,
        source: Source,
    ) -> Result<Option<Vec<u8>>, ValueError> {
        let name = single(words)?;
        if name.len() > HOST_NAME_MAX {
            return Err(ValueError::Refused("Hostnames must be less than 256 characters"));
        }
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        if !name.iter().all(allowed) {
            let refusal = "Hostnames may only contain alphanumeric characters, hyphens or dots";
            return Err(ValueError::Refused(refusal));
        }
        OptionalText.read(words, current, source)
    }

    fn show(&self, value: &Option<Vec<u8>>) -> Vec<u8> {
        OptionalText.show(value)
    }

    fn lines(&self, value: &Option<Vec<u8>>) -> Vec<Vec<u8>> {
        OptionalText.lines(value)
    }

    fn describe(&self) -> String {
        "letters, digits, `-` and `.`, or `\"\"` for none".to_owned()
    }
}

/// The process title: text with variables in braces.
#[derive(Clone, Copy, Debug)]
pub struct TitleTemplate;

const TITLE_VARIABLES: [&[u8]; 7] =
    [b"title", b"listen-addr", b"server-mode", b"port", b"tls-port", b"unixsocket", b"config-file"];

/// Whether every brace belongs to a known variable.
fn is_title(mut text: &[u8]) -> bool {
    while let Some(open) = text.iter().position(|byte| *byte == b'{') {
        let after = &text[open + 1..];
        let Some(close) = after.iter().position(|byte| *byte == b'}') else { return false };
        if !TITLE_VARIABLES.contains(&&after[..close]) {
            return false;
        }
        text = &after[close + 1..];
    }
    true
}

impl Kind<Vec<u8>> for TitleTemplate {
    fn read(&self, words: &[&[u8]], _: &Vec<u8>, _: Source) -> Result<Vec<u8>, ValueError> {
        let text = single(words)?;
        if text.trim_ascii().is_empty() || !is_title(text) {
            let refusal = "template format is invalid or contains unknown variables";
            return Err(ValueError::Refused(refusal));
        }
        Ok(text.to_vec())
    }

    fn show(&self, value: &Vec<u8>) -> Vec<u8> {
        value.clone()
    }

    fn lines(&self, value: &Vec<u8>) -> Vec<Vec<u8>> {
        Text.lines(value)
    }

    fn describe(&self) -> String {
        "text with variables such as `{title}`, `{port}`".to_owned()
    }
}
