//! The manifest: which files make up the dataset, in what order they are read, and which are no
//! longer needed.

use crate::base::words;

/// A longer line is refused, its line end included.
const LINE_MAX: usize = 1024;
/// A line has at least these words: `file NAME seq NUMBER type LETTER`.
const WORDS_MIN: usize = 6;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The dataset at some moment.
    Base,
    /// What changed since.
    Incremental,
    /// No longer needed; it may be gone.
    History,
}

impl Kind {
    fn letter(self) -> char {
        match self {
            Kind::Base => 'b',
            Kind::Incremental => 'i',
            Kind::History => 'h',
        }
    }
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name inside the folder.
    pub name: Vec<u8>,
    pub seq: u64,
    pub kind: Kind,
}

/// Which rule a manifest breaks; the texts are Redis'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    #[error("Found an empty AOF manifest")]
    Empty,
    #[error("The AOF manifest file contains too long line")]
    LongLine,
    #[error("Invalid AOF manifest file format")]
    Format,
    #[error("Unknown AOF file type")]
    Kind,
    #[error("File can't be a path, just a filename")]
    Path,
    #[error("Found duplicate base file information")]
    TwoBases,
    #[error("Found a non-monotonic sequence number")]
    Order,
}

/// Which rule a manifest breaks, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule} (line {line})")]
pub struct ManifestError {
    /// The first is 1.
    pub line: usize,
    /// The line as it stands there.
    pub text: Vec<u8>,
    pub rule: Rule,
}

/// See the module's head.
///
/// # Invariants
/// Numbers of incremental files ascend; there is at most one base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    pub base: Option<Part>,
    pub history: Vec<Part>,
    pub increments: Vec<Part>,
    /// The numbers of the latest base and incremental file.
    base_seq: u64,
    increment_seq: u64,
}

impl Manifest {
    /// The name of the manifest itself, for files whose names begin with `prefix`.
    #[must_use]
    pub fn file_name(prefix: &[u8]) -> Vec<u8> {
        [prefix, b".manifest"].concat()
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(text: &[u8]) -> Result<Manifest, ManifestError> {
        let mut manifest = Manifest::default();
        let mut count = 0;
        for (index, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
            count += 1;
            if line.first() == Some(&b'#') {
                continue;
            }
            let outcome = match line.strip_suffix(b"\n") {
                Some(whole) if line.len() <= LINE_MAX => manifest.add_line(whole),
                _ => Err(Rule::LongLine),
            };
            outcome.map_err(|rule| ManifestError {
                line: index + 1,
                text: line.trim_ascii().to_vec(),
                rule,
            })?;
        }
        if count == 0 {
            return Err(ManifestError { line: 0, text: Vec::new(), rule: Rule::Empty });
        }
        Ok(manifest)
    }

    fn add_line(&mut self, line: &[u8]) -> Result<(), Rule> {
        let words = words::split(line).map_err(|_| Rule::Format)?;
        if words.len() < WORDS_MIN || !words.len().is_multiple_of(2) {
            return Err(Rule::Format);
        }
        let (mut name, mut seq, mut letter) = (None, 0, None);
        for pair in words.chunks_exact(2) {
            let [key, value] = pair else { continue };
            match key.to_ascii_lowercase().as_slice() {
                b"file" if value.contains(&b'/') => return Err(Rule::Path),
                b"file" => name = Some(value.clone()),
                b"seq" => seq = leading_number(value),
                b"type" => letter = value.first().copied(),
                _ => {}
            }
        }
        let (Some(name), Some(letter), 1..) = (name.filter(|name| !name.is_empty()), letter, seq)
        else {
            return Err(Rule::Format);
        };
        match letter {
            b'b' if self.base.is_some() => Err(Rule::TwoBases),
            b'b' => {
                self.base = Some(Part { name, seq, kind: Kind::Base });
                self.base_seq = seq;
                Ok(())
            }
            b'i' if seq <= self.increment_seq => Err(Rule::Order),
            b'i' => {
                self.increments.push(Part { name, seq, kind: Kind::Incremental });
                self.increment_seq = seq;
                Ok(())
            }
            b'h' => {
                self.history.push(Part { name, seq, kind: Kind::History });
                Ok(())
            }
            _ => Err(Rule::Kind),
        }
    }

    /// The manifest as it is written.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for part in self.base.iter().chain(&self.history).chain(&self.increments) {
            text.extend_from_slice(b"file ");
            text.extend(words::quote_if_needed(&part.name));
            text.extend(format!(" seq {} type {}\n", part.seq, part.kind.letter()).bytes());
        }
        text
    }

    /// The files that make up the dataset, in the order in which they are read.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.base.iter().chain(&self.increments)
    }

    /// The single file of older versions, as the base it becomes.
    #[must_use]
    pub fn of_old_file(name: &[u8]) -> Manifest {
        let base = Part { name: name.to_vec(), seq: 1, kind: Kind::Base };
        Manifest { base: Some(base), base_seq: 1, ..Manifest::default() }
    }

    /// The base that comes after the present one.
    #[must_use]
    pub fn next_base(&self, prefix: &[u8], is_rdb: bool) -> Part {
        let seq = self.base_seq + 1;
        let format = if is_rdb { "rdb" } else { "aof" };
        let name = [prefix, format!(".{seq}.base.{format}").as_bytes()].concat();
        Part { name, seq, kind: Kind::Base }
    }

    /// The incremental file that comes after the present ones.
    #[must_use]
    pub fn next_increment(&self, prefix: &[u8]) -> Part {
        let seq = self.increment_seq + 1;
        let name = [prefix, format!(".{seq}.incr.aof").as_bytes()].concat();
        Part { name, seq, kind: Kind::Incremental }
    }

    /// Adds what [`Manifest::next_increment`] named.
    pub fn push_increment(&mut self, part: Part) {
        assert!(part.seq > self.increment_seq, "numbers ascend");
        self.increment_seq = part.seq;
        self.increments.push(part);
    }

    /// Takes a new base in which everything but what the incremental files from number `first` on
    /// hold has been absorbed: all older files become history.
    pub fn rebase(&mut self, base: Part, first: u64) {
        assert!(base.seq > self.base_seq, "numbers ascend");
        self.base_seq = base.seq;
        let split = self.increments.partition_point(|part| part.seq < first);
        let absorbed = self.base.replace(base).into_iter().chain(self.increments.drain(..split));
        self.history.extend(absorbed.map(|part| Part { kind: Kind::History, ..part }));
    }
}

/// The number that a word begins with, as C's atoll reads it; 0 if there is none, or none could
/// follow it.
fn leading_number(word: &[u8]) -> u64 {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&word[..digits]).ok().and_then(|text| text.parse().ok());
    number.filter(|&number| number < i64::MAX as u64).unwrap_or(0)
}
