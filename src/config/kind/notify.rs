//! `notify-keyspace-events`: a set of one-letter classes.

use super::{Kind, Source, ValueError, single};
use crate::base::words::quote;
use crate::spec::event::EventClass;

/// The letters in the order in which they are printed; the first ten together are `A`.
const CLASSES: [(u8, EventClass); 11] = [
    (b'g', EventClass::GENERIC),
    (b'$', EventClass::STRING),
    (b'l', EventClass::LIST),
    (b's', EventClass::SET),
    (b'h', EventClass::HASH),
    (b'z', EventClass::ZSET),
    (b'x', EventClass::EXPIRED),
    (b'e', EventClass::EVICTED),
    (b't', EventClass::STREAM),
    (b'd', EventClass::MODULE),
    (b'n', EventClass::NEW),
];

/// Where they are published, and the class that is never part of `A`; printed last.
const OTHERS: [(u8, EventClass); 3] =
    [(b'K', EventClass::KEYSPACE), (b'E', EventClass::KEYEVENT), (b'm', EventClass::KEY_MISS)];

/// The classes that `A` stands for.
fn all() -> EventClass {
    CLASSES[..10].iter().map(|(_, class)| *class).collect()
}

fn class_of(letter: u8) -> Option<EventClass> {
    let found = CLASSES.iter().chain(&OTHERS).find(|(name, _)| *name == letter);
    found.map(|(_, class)| *class)
}

fn print(value: EventClass, classes: &[(u8, EventClass)]) -> Vec<u8> {
    let set = classes.iter().filter(|(_, class)| value.contains(*class));
    set.map(|(letter, _)| *letter).collect()
}

/// The classes of events that are published.
#[derive(Clone, Copy, Debug)]
pub struct Notify;

impl Kind<EventClass> for Notify {
    fn read(&self, words: &[&[u8]], _: &EventClass, _: Source) -> Result<EventClass, ValueError> {
        let class = |letter: &u8| if *letter == b'A' { Some(all()) } else { class_of(*letter) };
        let refusal = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
        let classes: Option<EventClass> = single(words)?.iter().map(class).collect();
        classes.ok_or(ValueError::Refused(refusal))
    }

    /// As Redis prints it, which leaves `n` out beside `A`.
    fn show(&self, value: &EventClass) -> Vec<u8> {
        let mut text = if value.contains(all()) { vec![b'A'] } else { print(*value, &CLASSES) };
        text.extend(print(*value, &OTHERS));
        text
    }

    fn lines(&self, value: &EventClass) -> Vec<Vec<u8>> {
        let mut text = self.show(value);
        if value.contains(all() | EventClass::NEW) {
            text.push(b'n');
        }
        vec![quote(&text)]
    }

    fn describe(&self) -> String {
        "letters of `Ag$lshzxeKEtmdn`, or `\"\"` for none".to_owned()
    }
}
