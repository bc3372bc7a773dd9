use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::base::{KeyHasher, Rng};
use crate::keyspace::sweep::Removed;
use crate::keyspace::{
    Criteria, Eviction, Evictor, Garbage, Held, IncidentKind, Key, Lifetime, NewStr, Order, Sweeper,
};
use crate::types::{Hash, Limits};

const NOW: Millis = Millis(1_000_000);
const DATABASES: u8 = 3;

/// What a key holds: a text, or fields.
type Content = (Vec<u8>, BTreeSet<Vec<u8>>);
type Dataset = BTreeMap<(u8, Vec<u8>), Content>;

fn keyspace() -> Keyspace {
    Keyspace::new(usize::from(DATABASES), KeyHasher::seeded(&mut Rng::from_seed(1)), 4)
}

fn limits() -> Limits {
    Limits::new(KeyHasher::seeded(&mut Rng::from_seed(2)))
}

/// Writes records that are easy to read: key, text and fields, each with its length; the number of
/// fields before them.
#[derive(Default)]
struct Plain(Vec<u8>);

impl Plain {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend((bytes.len() as u32).to_le_bytes());
        self.0.extend(bytes);
    }
}

impl Encode for Plain {
    fn encode(&mut self, entry: EntryRef<'_>, pause: &mut dyn FnMut(&mut Vec<u8>)) {
        self.put(entry.key());
        let text = entry.string().map(|text| text.to_cow().into_owned());
        self.put(&text.unwrap_or_default());
        let fields = entry.get::<Hash>().map(|hash| hash.iter().map(|(f, _)| f.to_vec()));
        let fields: Vec<Vec<u8>> = fields.into_iter().flatten().collect();
        self.0.extend((fields.len() as u32).to_le_bytes());
        for field in fields {
            self.put(&field);
            if self.0.len() > 200 {
                pause(&mut self.0);
            }
        }
    }

    fn out(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

/// Puts chunks together and reads them.
#[derive(Default)]
struct Reader {
    streams: BTreeMap<u8, Vec<u8>>,
    keys: u64,
    /// The database of a record that is not complete yet.
    open: Option<u8>,
}

impl Reader {
    fn chunk(&mut self, chunk: &Chunk) {
        assert!(!chunk.bytes.is_empty());
        assert!(self.open.is_none_or(|db| db == chunk.db), "a record is in one piece");
        let stream = self.streams.entry(chunk.db).or_default();
        stream.extend(&chunk.bytes);
        self.keys += chunk.keys;
        let (_, complete) = records(stream);
        self.open = (complete < stream.len()).then_some(chunk.db);
    }

    fn dataset(&self) -> Dataset {
        let mut dataset = Dataset::new();
        for (&db, stream) in &self.streams {
            let (records, complete) = records(stream);
            assert_eq!(complete, stream.len());
            for (key, content) in records {
                assert!(dataset.insert((db, key), content).is_none(), "each key comes once");
            }
        }
        assert_eq!(dataset.len() as u64, self.keys);
        dataset
    }
}

/// The complete records of a stream, and where they end.
fn records(stream: &[u8]) -> (Vec<(Vec<u8>, Content)>, usize) {
    let (mut found, mut complete, mut rest) = (Vec::new(), 0, stream);
    while let Some(record) = record(&mut rest) {
        found.push(record);
        complete = stream.len() - rest.len();
    }
    (found, complete)
}

fn record(rest: &mut &[u8]) -> Option<(Vec<u8>, Content)> {
    let (key, text) = (part(rest)?, part(rest)?);
    let fields = (0..number(rest)?).map(|_| part(rest)).collect::<Option<_>>()?;
    Some((key, (text, fields)))
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_le_bytes(*number))
}

fn part(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let len = number(rest)? as usize;
    let (part, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(part.to_vec())
}

#[derive(Clone, Debug)]
enum Step {
    Set { db: u8, key: u16, size: usize, lives: Option<u64> },
    Append { db: u8, key: u16 },
    AddFields { db: u8, key: u16, count: u8 },
    Expire { db: u8, key: u16 },
    Rename { db: u8, key: u16, to: u16 },
    Remove { db: u8, key: u16 },
    Fill { db: u8, from: u16, count: u16 },
    Clear { db: u8, from: u16, count: u16 },
    Flush { db: u8 },
    Swap { one: u8, other: u8 },
    Replace { db: u8, count: u16 },
    Sweep { visits: usize },
    Evict,
    Pass { millis: u64 },
    Begin,
    GiveUp,
    Walk { turns: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (db, key) = (0..DATABASES, 0..400_u16);
    let at = move || (db.clone(), key.clone());
    let step = prop_oneof![
        8 => (at(), 0..6000_usize, prop::option::of(0..50_u64))
            .prop_map(|((db, key), size, lives)| Step::Set { db, key, size, lives }),
        4 => at().prop_map(|(db, key)| Step::Append { db, key }),
        4 => (at(), any::<u8>()).prop_map(|((db, key), count)| Step::AddFields { db, key, count }),
        2 => at().prop_map(|(db, key)| Step::Expire { db, key }),
        2 => (at(), 0..400_u16).prop_map(|((db, key), to)| Step::Rename { db, key, to }),
        4 => at().prop_map(|(db, key)| Step::Remove { db, key }),
        3 => (at(), 0..300_u16).prop_map(|((db, from), count)| Step::Fill { db, from, count }),
        2 => (at(), 0..300_u16).prop_map(|((db, from), count)| Step::Clear { db, from, count }),
        1 => (0..DATABASES).prop_map(|db| Step::Flush { db }),
        1 => (0..DATABASES, 0..DATABASES).prop_map(|(one, other)| Step::Swap { one, other }),
        1 => (0..DATABASES, 0..300_u16).prop_map(|(db, count)| Step::Replace { db, count }),
        2 => (0..300_usize).prop_map(|visits| Step::Sweep { visits }),
        2 => Just(Step::Evict),
        2 => (0..30_u64).prop_map(|millis| Step::Pass { millis }),
        5 => Just(Step::Begin),
        1 => Just(Step::GiveUp),
        12 => (1..80_u8).prop_map(|turns| Step::Walk { turns }),
    ];
    prop::collection::vec(step, 1..120)
}

/// A keyspace, what is in it, and a walk with what it has to yield.
struct World {
    keyspace: Keyspace,
    now: Millis,
    model: Dataset,
    sweeper: Sweeper,
    rng: Rng,
    walk: Option<(Walk, Dataset, Reader)>,
    walks: usize,
}

/// Most keys share a slot, so that its table is a large one.
fn name(key: u16) -> Vec<u8> {
    if key < 300 { format!("{{a}}{key}").into_bytes() } else { key.to_string().into_bytes() }
}

impl World {
    fn new() -> World {
        World {
            keyspace: keyspace(),
            now: NOW,
            model: Dataset::new(),
            sweeper: Sweeper::default(),
            rng: Rng::from_seed(3),
            walk: None,
            walks: 0,
        }
    }

    /// Works on some keys, as a batch does.
    fn batch<R>(
        &mut self,
        db: u8,
        names: &[Vec<u8>],
        work: impl FnOnce(&mut Held<'_>, &[Key<'_>], &mut Dataset) -> R,
    ) -> R {
        let key = |name: &Vec<u8>| (self.keyspace.hash(name), Slot::of(name));
        let hashes: Vec<_> = names.iter().map(key).collect();
        let keys = names.iter().zip(hashes);
        let mut keys: Vec<Key<'_>> =
            keys.map(|(name, (hash, slot))| Key::new(name, hash, slot)).collect();
        let mut held = Held::lock(&self.keyspace, db, &mut keys, self.now);
        // What lookups remove on the way goes from the model first.
        for key in &keys {
            held.exists(key);
        }
        for incident in held.incidents.drain(..) {
            assert_eq!(incident.kind, IncidentKind::Expired);
            self.model.remove(&(incident.place.db, incident.key.to_vec()));
        }
        work(&mut held, &keys, &mut self.model)
    }

    fn set(&mut self, db: u8, key: u16, size: usize, lives: Option<u64>) {
        let until = lives
            .map_or(Lifetime::Forever, |lives| Lifetime::Until(Millis(self.now.0 + 1 + lives)));
        let text = b"t".repeat(size);
        self.batch(db, &[name(key)], |held, keys, model| {
            held.set_string(&keys[0], NewStr::Text(&text), until);
            model.insert((db, name(key)), (text.clone(), BTreeSet::new()));
        });
    }

    /// Everything is replaced by some keys of one database.
    fn replace(&mut self, db: u8, count: u16) {
        let former = std::mem::replace(&mut self.keyspace, keyspace());
        let other = former.beside();
        self.keyspace = other;
        self.model.clear();
        (0..count).for_each(|key| self.set(db, key, 20, None));
        let other = std::mem::replace(&mut self.keyspace, former);
        drop(self.keyspace.replace(&self.keyspace.gate().exclusive(), other));
    }

    fn remove(&mut self, db: u8, key: u16) {
        self.batch(db, &[name(key)], |held, keys, model| {
            let was_there = model.remove(&(db, name(key))).is_some();
            assert_eq!(held.remove(&keys[0]), was_there);
        });
    }

    fn append(&mut self, db: u8, key: u16) {
        self.batch(db, &[name(key)], |held, keys, model| {
            let Ok(_) = held.append(&keys[0], b"more") else { return };
            model.entry((db, name(key))).or_default().0.extend(b"more");
        });
    }

    fn add_fields(&mut self, db: u8, key: u16, count: u8) {
        self.batch(db, &[name(key)], |held, keys, model| {
            let Ok(mut hash) = held.get_or_create::<Hash>(&keys[0]) else { return };
            for number in 0..=count {
                let field = format!("field {number}").into_bytes();
                hash.insert(&field, b"value", &limits());
                model.entry((db, name(key))).or_default().1.insert(field);
            }
        });
    }

    fn rename(&mut self, db: u8, key: u16, to: u16) {
        self.batch(db, &[name(key), name(to)], |held, keys, model| {
            let Some(entry) = held.take(&keys[0]) else { return };
            held.put(&keys[1], entry);
            let content = model.remove(&(db, name(key))).expect("it was there");
            model.insert((db, name(to)), content);
        });
    }

    fn whole(&mut self, work: impl FnOnce(&mut Held<'_>)) {
        let _alone = self.keyspace.gate().exclusive();
        work(&mut Held::whole(&self.keyspace, 0, &mut [], self.now));
    }

    fn swap(&mut self, one: u8, other: u8) {
        self.whole(|held| held.swap(one, other));
        let swapped = |db| match db {
            db if db == one => other,
            db if db == other => one,
            db => db,
        };
        let model = std::mem::take(&mut self.model).into_iter();
        self.model = model.map(|((db, key), content)| ((swapped(db), key), content)).collect();
    }

    fn sweep(&mut self, visits: usize) {
        let mut garbage: Vec<Garbage> = Vec::new();
        let model = &mut self.model;
        self.sweeper.run(&self.keyspace, self.now, visits, &mut garbage, |place, removed| {
            let Removed::Key(key) = removed else { panic!("no field expires") };
            assert!(model.remove(&(place.db, key.to_vec())).is_some());
        });
    }

    fn evict(&mut self) {
        let criteria = Criteria { order: Order::Random, volatile_only: false, samples: 5 };
        let model = &mut self.model;
        let mut evictor = Evictor::default();
        let gone = |place: Place, key: &[u8]| {
            assert!(model.remove(&(place.db, key.to_vec())).is_some());
        };
        let eviction = evictor.evict(&self.keyspace, criteria, self.now, &mut self.rng, gone);
        assert!(!matches!(eviction, Eviction::NotFound));
    }

    fn begin(&mut self) {
        let pass = self.keyspace.gate().exclusive();
        let mut walk = self.keyspace.begin_snapshot(&pass, || Box::<Plain>::default());
        assert_eq!(walk.is_some(), self.walk.is_none(), "one at a time");
        if walk.is_none() && self.walks.is_multiple_of(2) {
            return;
        }
        if let Some((mut former, ..)) = self.walk.take() {
            self.keyspace.preempt_walk(&pass);
            walk = self.keyspace.begin_snapshot(&pass, || Box::<Plain>::default());
            drop(pass);
            let end = former.advance(&self.keyspace, Some(0), &mut |_| panic!("it is over"));
            assert_eq!(end, Err(Preempted));
            former.stop(&self.keyspace);
            assert!(self.keyspace.is_walked(), "the new one goes on");
        }
        let walk = walk.expect("none is under way");
        self.walks += 1;
        let mut counts = BTreeMap::<u8, u64>::new();
        self.model.keys().for_each(|(db, _)| *counts.entry(*db).or_default() += 1);
        let noted = walk.counts().iter().map(|count| (count.db, count.keys));
        assert!(noted.eq(counts), "counts are those of the moment");
        self.walk = Some((walk, self.model.clone(), Reader::default()));
    }

    fn advance(&mut self, turns: usize) {
        let Some((walk, _, reader)) = &mut self.walk else { return };
        for _ in 0..turns {
            if !walk.advance(&self.keyspace, Some(0), &mut |chunk| reader.chunk(&chunk)).unwrap() {
                let (walk, expected, reader) = self.walk.take().expect("just seen");
                assert_eq!(reader.dataset(), expected);
                assert_eq!(walk.keys_done(), expected.len() as u64);
                return;
            }
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Set { db, key, size, lives } => self.set(db, key, size, lives),
            Step::Append { db, key } => self.append(db, key),
            Step::AddFields { db, key, count } => self.add_fields(db, key, count),
            Step::Expire { db, key } => {
                let at = Some(Millis(self.now.0 + 10));
                self.batch(db, &[name(key)], |held, keys, _| held.set_expiry(&keys[0], at));
            }
            Step::Rename { db, key, to } => self.rename(db, key, to),
            Step::Remove { db, key } => self.remove(db, key),
            Step::Fill { db, from, count } => {
                (0..count).for_each(|n| self.set(db, (from + n) % 300, 10, None));
            }
            Step::Clear { db, from, count } => {
                (0..count).for_each(|n| self.remove(db, (from + n) % 300));
            }
            Step::Flush { db } => {
                self.whole(|held| _ = held.flush(db));
                self.model.retain(|(of, _), _| *of != db);
            }
            Step::Swap { one, other } => self.swap(one, other),
            Step::Replace { db, count } => self.replace(db, count),
            Step::Sweep { visits } => self.sweep(visits),
            Step::Evict => self.evict(),
            Step::Pass { millis } => self.now = Millis(self.now.0 + millis),
            Step::Begin => self.begin(),
            Step::GiveUp => {
                if let Some((walk, _, _)) = self.walk.take() {
                    walk.stop(&self.keyspace);
                }
            }
            Step::Walk { turns } => self.advance(usize::from(turns)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 3))]
    #[test]
    fn a_walk_yields_the_dataset_of_its_beginning(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.advance(usize::MAX);
        world.begin();
        world.advance(usize::MAX);
        for db in 0..DATABASES {
            for slot in Slot::all().filter(|_| world.keyspace.is_allocated(db)) {
                world.keyspace.slot(Place { db, slot }).lock().check(world.keyspace.hasher());
            }
        }
    }
}

#[test]
fn large_values_leave_in_pieces() {
    let mut world = World::new();
    (0..20).for_each(|_| world.add_fields(1, 7, 255));
    world.begin();
    let (walk, _, reader) = world.walk.as_mut().expect("begun");
    let mut chunks = 0;
    let mut count = |chunk: Chunk| {
        chunks += 1;
        reader.chunk(&chunk);
    };
    while walk.advance(&world.keyspace, Some(0), &mut count).unwrap() {}
    assert!(chunks > 5, "{chunks}");
}

/// Pairs of counters that are only ever changed together are equal in every snapshot.
#[test]
fn threads_that_write_do_not_blur_the_picture() {
    let keyspace = keyspace();
    let done = AtomicBool::new(false);
    const PAIRS: u32 = 200;
    std::thread::scope(|scope| {
        for thread in 0..2_usize {
            let (keyspace, done) = (&keyspace, &done);
            scope.spawn(move || {
                let mut rng = Rng::from_seed(thread as u64);
                while !done.load(Ordering::Relaxed) {
                    let pair = rng.below(u64::from(PAIRS));
                    let names = [format!("a{pair}"), format!("b{pair}")];
                    let key = |name: &'_ String| {
                        (keyspace.hash(name.as_bytes()), Slot::of(name.as_bytes()))
                    };
                    let (one, other) = (key(&names[0]), key(&names[1]));
                    let mut keys = [
                        Key::new(names[0].as_bytes(), one.0, one.1),
                        Key::new(names[1].as_bytes(), other.0, other.1),
                    ];
                    let _pass = keyspace.gate().enter(thread, false);
                    let mut held = Held::lock(keyspace, 0, &mut keys, NOW);
                    for key in &keys {
                        held.append(key, b"x").expect("a string");
                    }
                }
            });
        }
        for _ in 0..60 {
            let pass = keyspace.gate().exclusive();
            let mut walk =
                keyspace.begin_snapshot(&pass, || Box::<Plain>::default()).expect("none under way");
            drop(pass);
            let mut reader = Reader::default();
            while walk.advance(&keyspace, Some(2), &mut |chunk| reader.chunk(&chunk)).unwrap() {}
            let dataset = reader.dataset();
            for pair in 0..PAIRS {
                let of = |name: String| dataset.get(&(0, name.into_bytes()));
                assert_eq!(of(format!("a{pair}")), of(format!("b{pair}")), "pair {pair}");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}
