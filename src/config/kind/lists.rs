//! Settings of several words, and settings that several lines of a file add up to.

use std::ops::RangeInclusive;

use super::{Kind, Source, ValueError, parse_memory};
use crate::base::number;
use crate::base::words::{quote, quote_if_needed};

/// Words joined by single spaces, as CONFIG GET shows a list.
fn join<T: AsRef<[u8]>>(words: impl IntoIterator<Item = T>) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, word) in words.into_iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word.as_ref());
    }
    out
}

/// A list of words, at most so many; the text is the refusal of more.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    pub max: usize,
    pub if_more: &'static str,
}

impl Kind<Vec<Vec<u8>>> for Words {
    fn read(
        &self,
        words: &[&[u8]],
        _: &Vec<Vec<u8>>,
        _: Source,
    ) -> Result<Vec<Vec<u8>>, ValueError> {
        if words.len() > self.max {
            return Err(ValueError::Refused(self.if_more));
        }
        Ok(words.iter().map(|word| word.to_vec()).collect())
    }

    fn show(&self, value: &Vec<Vec<u8>>) -> Vec<u8> {
        join(value)
    }

    fn lines(&self, value: &Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        match value.as_slice() {
            [] => vec![quote(b"")],
            words => vec![join(words.iter().map(|word| quote_if_needed(word)))],
        }
    }

    fn describe(&self) -> String {
        format!("up to {} words", self.max)
    }

    fn takes_words(&self) -> bool {
        true
    }
}

/// Save a snapshot when `changes` keys changed within `seconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    pub seconds: u32,
    pub changes: u32,
}

/// Pairs of seconds and changes. The lines of a file add up, the first replacing the defaults.
#[derive(Clone, Copy, Debug)]
pub struct SavePoints;

fn save_point(pair: &[&[u8]]) -> Option<SavePoint> {
    let int = |word: &[u8]| number::parse_i64(word).and_then(|value| i32::try_from(value).ok());
    let &[seconds, changes] = pair else { return None };
    let seconds = u32::try_from(int(seconds)?).ok().filter(|seconds| *seconds > 0)?;
    Some(SavePoint { seconds, changes: u32::try_from(int(changes)?).ok()? })
}

impl Kind<Vec<SavePoint>> for SavePoints {
    fn read(
        &self,
        words: &[&[u8]],
        current: &Vec<SavePoint>,
        source: Source,
    ) -> Result<Vec<SavePoint>, ValueError> {
        let invalid = ValueError::Refused("Invalid save parameters");
        let adds = source == Source::LaterLine && !words.is_empty();
        let mut points = if adds { current.clone() } else { Vec::new() };
        for pair in words.chunks(2) {
            points.push(save_point(pair).ok_or_else(|| invalid.clone())?);
        }
        Ok(points)
    }

    fn show(&self, value: &Vec<SavePoint>) -> Vec<u8> {
        join(value.iter().map(|point| format!("{} {}", point.seconds, point.changes)))
    }

    fn lines(&self, value: &Vec<SavePoint>) -> Vec<Vec<u8>> {
        if value.is_empty() {
            return vec![quote(b"")];
        }
        value.iter().map(|point| self.show(&vec![*point])).collect()
    }

    fn describe(&self) -> String {
        "pairs of seconds and changes, or `\"\"` for none".to_owned()
    }

    fn takes_words(&self) -> bool {
        true
    }
}

/// When a client whose replies pile up is disconnected. Zero means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferLimit {
    /// Disconnected at once above this many bytes.
    pub hard: u64,
    /// Disconnected after [`soft_seconds`](Self::soft_seconds) above this many bytes.
    pub soft: u64,
    pub soft_seconds: u32,
}

/// One limit for each class of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferLimits {
    pub normal: BufferLimit,
    pub replica: BufferLimit,
    pub pubsub: BufferLimit,
}

impl BufferLimits {
    /// The lines' names for the classes. Redis still prints the old name of a replica.
    fn named(&self, replica: &'static str) -> [(&'static str, BufferLimit); 3] {
        [("normal", self.normal), (replica, self.replica), ("pubsub", self.pubsub)]
    }

    fn of_class(&mut self, class: &[u8]) -> Option<&mut BufferLimit> {
        match class.to_ascii_lowercase().as_slice() {
            b"normal" => Some(&mut self.normal),
            b"slave" | b"replica" => Some(&mut self.replica),
            b"pubsub" => Some(&mut self.pubsub),
            _ => None,
        }
    }
}

/// Groups of class, hard limit, soft limit and seconds; classes that are not named keep theirs.
#[derive(Clone, Copy, Debug)]
pub struct PerClass;

fn buffer_limit(numbers: [&[u8]; 3]) -> Option<BufferLimit> {
    let [hard, soft, seconds] = numbers;
    let seconds = number::parse_i64(seconds).filter(|seconds| *seconds <= i64::from(i32::MAX))?;
    Some(BufferLimit {
        hard: parse_memory(hard)?,
        soft: parse_memory(soft)?,
        soft_seconds: u32::try_from(seconds).ok()?,
    })
}

impl Kind<BufferLimits> for PerClass {
    fn read(
        &self,
        words: &[&[u8]],
        current: &BufferLimits,
        _: Source,
    ) -> Result<BufferLimits, ValueError> {
        let mut limits = *current;
        for group in words.chunks(4) {
            let &[class, hard, soft, seconds] = group else {
                return Err(ValueError::Refused(
                    "Wrong number of arguments in buffer limit configuration.",
                ));
            };
            let slot = limits.of_class(class).ok_or(ValueError::Refused(
                "Invalid client class specified in buffer limit configuration.",
            ))?;
            *slot = buffer_limit([hard, soft, seconds]).ok_or(ValueError::Refused(
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
            ))?;
        }
        Ok(limits)
    }

    fn show(&self, value: &BufferLimits) -> Vec<u8> {
        let classes = value.named("slave");
        join(classes.map(|(class, BufferLimit { hard, soft, soft_seconds })| {
            format!("{class} {hard} {soft} {soft_seconds}")
        }))
    }

    fn lines(&self, value: &BufferLimits) -> Vec<Vec<u8>> {
        let line = |(class, limit): (&str, BufferLimit)| {
            format!("{class} {} {} {}", limit.hard, limit.soft, limit.soft_seconds).into_bytes()
        };
        value.named("replica").map(line).to_vec()
    }

    fn describe(&self) -> String {
        "`normal`, `replica` or `pubsub`, then hard limit, soft limit and seconds".to_owned()
    }

    fn takes_words(&self) -> bool {
        true
    }
}

/// Three scores for the kernel's out-of-memory killer.
#[derive(Clone, Copy, Debug)]
pub struct OomScores;

impl Kind<[i32; 3]> for OomScores {
    fn read(&self, words: &[&[u8]], _: &[i32; 3], _: Source) -> Result<[i32; 3], ValueError> {
        let words: [&[u8]; 3] = words.try_into().map_err(|_| ValueError::WordCount)?;
        let mut scores = [0; 3];
        for (score, word) in scores.iter_mut().zip(words) {
            let value = number::parse_i64(word).and_then(|value| i32::try_from(value).ok());
            *score =
                value.filter(|value| (-2000..=2000).contains(value)).ok_or(ValueError::Refused(
                    "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
                ))?;
        }
        Ok(scores)
    }

    fn show(&self, value: &[i32; 3]) -> Vec<u8> {
        join(value.map(|score| score.to_string()))
    }

    fn lines(&self, value: &[i32; 3]) -> Vec<Vec<u8>> {
        vec![self.show(value)]
    }

    fn describe(&self) -> String {
        "three numbers, -2000 to 2000".to_owned()
    }

    fn takes_words(&self) -> bool {
        true
    }
}

/// Percentiles from 0 to 100.
#[derive(Clone, Copy, Debug)]
pub struct Percentiles;

impl Kind<Vec<f64>> for Percentiles {
    fn read(&self, words: &[&[u8]], _: &Vec<f64>, _: Source) -> Result<Vec<f64>, ValueError> {
        let mut values = Vec::with_capacity(words.len());
        for word in words {
            let value = std::str::from_utf8(word).ok().and_then(|text| text.parse::<f64>().ok());
            let value = value.filter(|value| !value.is_nan()).ok_or(ValueError::Refused(
                "Invalid latency-tracking-info-percentiles parameters",
            ))?;
            if !(0.0..=100.0).contains(&value) {
                return Err(ValueError::Refused(
                    "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
                ));
            }
            values.push(value);
        }
        Ok(values)
    }

    fn show(&self, value: &Vec<f64>) -> Vec<u8> {
        join(value.iter().map(|value| {
            let text = format!("{value:.6}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }))
    }

    fn lines(&self, value: &Vec<f64>) -> Vec<Vec<u8>> {
        if value.is_empty() { vec![quote(b"")] } else { vec![self.show(value)] }
    }

    fn describe(&self) -> String {
        "numbers from 0 to 100, or `\"\"` for none".to_owned()
    }

    fn takes_words(&self) -> bool {
        true
    }
}

/// Where the primary listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimaryAddress {
    pub host: Vec<u8>,
    pub port: u16,
}

/// `host port`, or `no one`.
#[derive(Clone, Copy, Debug)]
pub struct Primary;

impl Kind<Option<PrimaryAddress>> for Primary {
    fn read(
        &self,
        words: &[&[u8]],
        _: &Option<PrimaryAddress>,
        _: Source,
    ) -> Result<Option<PrimaryAddress>, ValueError> {
        let &[host, port] = words else { return Err(ValueError::WordCount) };
        if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
            return Ok(None);
        }
        let port = number::parse_i64(port).and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or(ValueError::Refused("Invalid master port"))?;
        Ok(Some(PrimaryAddress { host: host.to_vec(), port }))
    }

    fn show(&self, value: &Option<PrimaryAddress>) -> Vec<u8> {
        match value {
            Some(PrimaryAddress { host, port }) => join([host, port.to_string().as_bytes()]),
            None => Vec::new(),
        }
    }

    fn lines(&self, value: &Option<PrimaryAddress>) -> Vec<Vec<u8>> {
        match value {
            Some(_) => vec![self.show(value)],
            None => vec![b"no one".to_vec()],
        }
    }

    fn describe(&self) -> String {
        "a host and a port, or `no one`".to_owned()
    }

    fn takes_words(&self) -> bool {
        true
    }
}

/// Lines of a file that are kept word for word for another module to read: one entry per line.
///
/// The range is how many words a line has.
#[derive(Clone, Debug)]
pub struct KeptLines(pub RangeInclusive<usize>);

impl Kind<Vec<Vec<Vec<u8>>>> for KeptLines {
    fn read(
        &self,
        words: &[&[u8]],
        current: &Vec<Vec<Vec<u8>>>,
        _: Source,
    ) -> Result<Vec<Vec<Vec<u8>>>, ValueError> {
        if !self.0.contains(&words.len()) {
            return Err(ValueError::BadDirective);
        }
        let mut lines = current.clone();
        lines.push(words.iter().map(|word| word.to_vec()).collect());
        Ok(lines)
    }

    fn show(&self, _: &Vec<Vec<Vec<u8>>>) -> Vec<u8> {
        Vec::new()
    }

    fn lines(&self, value: &Vec<Vec<Vec<u8>>>) -> Vec<Vec<u8>> {
        let line = |words: &Vec<Vec<u8>>| join(words.iter().map(|w| quote_if_needed(w)));
        value.iter().map(line).collect()
    }

    fn describe(&self) -> String {
        String::new()
    }

    fn takes_words(&self) -> bool {
        true
    }
}

/// A switch that may be given but not turned on; the text says why.
#[derive(Clone, Copy, Debug)]
pub struct Refused(pub &'static str);

impl Kind<bool> for Refused {
    fn read(&self, words: &[&[u8]], current: &bool, source: Source) -> Result<bool, ValueError> {
        let wanted = super::YesNo.read(words, current, source)?;
        if wanted { Err(ValueError::Refused(self.0)) } else { Ok(false) }
    }

    fn show(&self, value: &bool) -> Vec<u8> {
        super::YesNo.show(value)
    }

    fn describe(&self) -> String {
        "`no`".to_owned()
    }
}

/// A line that is always refused; the text says why.
#[derive(Clone, Copy, Debug)]
pub struct RefusedLine(pub &'static str);

impl Kind<()> for RefusedLine {
    fn read(&self, _: &[&[u8]], (): &(), _: Source) -> Result<(), ValueError> {
        Err(ValueError::Refused(self.0))
    }

    fn show(&self, (): &()) -> Vec<u8> {
        Vec::new()
    }

    fn lines(&self, (): &()) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn describe(&self) -> String {
        String::new()
    }

    fn takes_words(&self) -> bool {
        true
    }
}
