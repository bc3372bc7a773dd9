//! Sets and sorted sets that are combined: their union, intersection or difference, member by
//! member.

use smallvec::SmallVec;

use crate::base::float::parse_double;
use crate::commands::{Args, Ctx};
use crate::keyspace::{Held, Key, WrongType};
use crate::spec::{CmdError, CmdResult};
use crate::types::table::Table;
use crate::types::{Collection, Kind, Limits, Set, ValueRef, Zset};

const WEIGHT_NOT_FLOAT: CmdError = CmdError::text("ERR weight value is not a float");

/// How the scores that a member has in several inputs become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    /// Infinities that cancel out are 0.
    fn join(self, one: f64, other: f64) -> f64 {
        match self {
            Aggregate::Sum => number(one + other),
            Aggregate::Min if other < one => other,
            Aggregate::Max if other > one => other,
            Aggregate::Min | Aggregate::Max => one,
        }
    }
}

/// What is no number counts as 0.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// The keys of a request, in its order.
pub type Keys<'a> = SmallVec<[Key<'a>; 8]>;

/// Reads the number of keys, which `ahead` stands at, and checks that so many follow.
///
/// # Errors
/// If it is none, or they do not.
pub fn count_keys(mut ahead: Args<'_>) -> CmdResult<usize> {
    let keys = ahead.int()?;
    if keys < 1 {
        let command = ahead.command().spec.name;
        return Err(CmdError::owned(format!(
            "ERR at least 1 input key is needed for '{command}' command"
        )));
    }
    let keys = usize::try_from(keys).map_err(|_| CmdError::Syntax)?;
    if keys > ahead.left() { Err(CmdError::Syntax) } else { Ok(keys) }
}

/// Reads the number of keys again and then the keys, each of which must be a set or a sorted set.
///
/// # Errors
/// If one holds another kind.
pub fn read_keys<'a>(cx: &mut Ctx<'_>, args: &mut Args<'a>, count: usize) -> CmdResult<Keys<'a>> {
    args.bytes()?;
    let mut keys = Keys::new();
    for _ in 0..count {
        let key = args.key()?;
        match cx.db.read(&key).map(|entry| entry.kind()) {
            None | Some(Kind::Set | Kind::Zset) => keys.push(key),
            Some(_) => return Err(CmdError::WrongType),
        }
    }
    Ok(keys)
}

/// Reads WEIGHTS' numbers, one for each of `count` keys.
///
/// # Errors
/// If one is no number.
pub fn read_weights(args: &mut Args<'_>, count: usize) -> CmdResult<SmallVec<[f64; 8]>> {
    (0..count).map(|_| parse_double(args.bytes()?).ok_or(WEIGHT_NOT_FLOAT)).collect()
}

/// One input.
#[derive(Clone, Copy)]
enum Source<'a> {
    Nothing,
    Set(&'a Set),
    Zset(&'a Zset),
}

impl<'a> Source<'a> {
    fn of(db: &'a Held<'_>, key: &Key<'_>) -> Result<Source<'a>, WrongType> {
        Ok(match db.peek(key).map(|entry| entry.kind()) {
            None => Source::Nothing,
            Some(Kind::Set) => db.view::<Set>(key)?.map_or(Source::Nothing, Source::Set),
            Some(_) => db.view::<Zset>(key)?.map_or(Source::Nothing, Source::Zset),
        })
    }

    fn len(self) -> usize {
        match self {
            Source::Nothing => 0,
            Source::Set(set) => set.len(),
            Source::Zset(zset) => zset.len(),
        }
    }

    /// The member's score; that of a set's member is 1.
    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Source::Nothing => None,
            Source::Set(set) => set.contains(member).then_some(1.0),
            Source::Zset(zset) => zset.score(member),
        }
    }

    /// Tells `each` of the members with their scores, until it has enough and says false.
    fn walk(self, mut each: impl FnMut(ValueRef<'a>, f64) -> bool) {
        match self {
            Source::Nothing => {}
            Source::Set(set) => {
                let _ = set.iter().all(|member| each(member, 1.0));
            }
            Source::Zset(zset) => {
                let _ = zset.iter().all(|(member, score)| each(member, score));
            }
        }
    }
}

/// The inputs with their weights, in the order in which their scores are joined: from the smallest
/// on, since sums depend on it.
pub struct Inputs<'a> {
    sources: SmallVec<[(Source<'a>, f64); 8]>,
}

impl<'a> Inputs<'a> {
    /// `weights` is empty if all are 1.
    ///
    /// # Errors
    /// If a key holds neither a set nor a sorted set.
    pub fn new(db: &'a Held<'_>, keys: &[Key<'_>], weights: &[f64]) -> CmdResult<Inputs<'a>> {
        let mut sources = SmallVec::new();
        for (index, key) in keys.iter().enumerate() {
            sources.push((Source::of(db, key)?, weights.get(index).copied().unwrap_or(1.0)));
        }
        Ok(Inputs { sources })
    }

    fn sort(&mut self) {
        self.sources.sort_by_key(|(source, _)| source.len());
    }

    /// Members of any input.
    pub fn union(mut self, aggregate: Aggregate, limits: &Limits) -> Elements {
        self.sort();
        let mut elements = Elements::default();
        if let [(source, weight)] = self.sources[..] {
            let mut digits = itoa::Buffer::new();
            source.walk(|member, score| {
                elements.push(member.text(&mut digits), number(weight * score));
                true
            });
            return elements;
        }
        let most = self.sources.last().map_or(0, |(source, _)| source.len());
        let mut joined = Table::new(limits.hasher.clone(), most, 0);
        let mut digits = itoa::Buffer::new();
        for &(source, weight) in &self.sources {
            source.walk(|member, score| {
                let (member, score) = (member.text(&mut digits), number(weight * score));
                let score = match joined.get(member) {
                    None => score,
                    Some(other) => aggregate.join(stored(other), score),
                };
                joined.insert(member, &score.to_le_bytes());
                true
            });
        }
        joined.iter().for_each(|(member, score)| elements.push(member, stored(score)));
        elements
    }

    /// Members of all inputs.
    pub fn intersection(mut self, aggregate: Aggregate) -> Elements {
        self.sort();
        let mut elements = Elements::default();
        let Some((&(first, weight), others)) = self.sources.split_first() else {
            return elements;
        };
        let mut digits = itoa::Buffer::new();
        first.walk(|member, score| {
            let member = member.text(&mut digits);
            let joined =
                others.iter().try_fold(number(weight * score), |joined, (other, weight)| {
                    Some(aggregate.join(joined, weight * other.score(member)?))
                });
            if let Some(score) = joined {
                elements.push(member, score);
            }
            true
        });
        elements
    }

    /// How many members all inputs have, `limit` at most.
    pub fn intersection_len(mut self, limit: usize) -> usize {
        self.sort();
        let Some((&(first, _), others)) = self.sources.split_first() else { return 0 };
        let mut digits = itoa::Buffer::new();
        let mut found = 0;
        first.walk(|member, _| {
            let member = member.text(&mut digits);
            found += usize::from(others.iter().all(|(other, _)| other.score(member).is_some()));
            found < limit
        });
        found
    }

    /// Members of the first input that no other has.
    pub fn difference(self) -> Elements {
        let mut elements = Elements::default();
        let Some((&(first, _), others)) = self.sources.split_first() else {
            return elements;
        };
        let mut digits = itoa::Buffer::new();
        first.walk(|member, score| {
            let member = member.text(&mut digits);
            if others.iter().all(|(other, _)| other.score(member).is_none()) {
                elements.push(member, score);
            }
            true
        });
        elements
    }
}

/// A score as a table holds it.
fn stored(score: &[u8]) -> f64 {
    f64::from_le_bytes(*score.first_chunk().expect("the table holds scores"))
}

/// Members with scores, their bytes one after the other.
#[derive(Default)]
pub struct Elements {
    bytes: Vec<u8>,
    /// Where each member ends, and its score.
    elements: Vec<(std::ops::Range<usize>, f64)>,
}

impl Elements {
    pub fn push(&mut self, member: &[u8], score: f64) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(member);
        self.elements.push((start..self.bytes.len(), score));
    }

    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Bytes of the longest member.
    pub fn longest(&self) -> usize {
        self.elements.iter().map(|(member, _)| member.len()).max().unwrap_or(0)
    }

    /// The members in a sorted set's order.
    pub fn in_order(&mut self) -> impl Iterator<Item = (&[u8], f64)> {
        let bytes = &self.bytes;
        self.elements.sort_by(|(one, score), (other, other_score)| {
            let scores = score.partial_cmp(other_score).expect("a score is a number");
            scores.then_with(|| bytes[one.clone()].cmp(&bytes[other.clone()]))
        });
        self.elements.iter().map(|(member, score)| (&bytes[member.clone()], *score))
    }
}
