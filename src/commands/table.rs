//! The command table: every family's commands joined, found by name.

use std::sync::OnceLock;

use super::{Command, Handler, KeyFinder};
use crate::acl::{Catalog, Entry};
use crate::spec::{
    Arg, ArgFlags, ArgKind, Begin, Categories, CommandSpec, Find, Flags, Group, KeyFlags, Plan,
};

/// Every family's commands, containers before their subcommands.
const FAMILIES: &[&[&Command]] = &[
    super::connection::COMMANDS,
    super::cluster::COMMANDS,
    super::server::COMMANDS,
    super::acl::COMMANDS,
    super::generic::COMMANDS,
    super::hash::COMMANDS,
    super::list::COMMANDS,
    super::set::COMMANDS,
    super::string::COMMANDS,
    super::bitmap::COMMANDS,
    super::zset::COMMANDS,
    super::stream::COMMANDS,
    super::geo::COMMANDS,
    super::transactions::COMMANDS,
    super::pubsub::COMMANDS,
    super::replication::COMMANDS,
    super::monitor::COMMANDS,
    super::hyperloglog::COMMANDS,
];

/// A command in the table, with what is worth computing once.
#[derive(Debug)]
pub struct Registered {
    pub spec: &'static CommandSpec,
    /// The name clients use, in lower case: its own unless `rename-command` changed it; empty when
    /// that took it away.
    pub called: Vec<u8>,
    pub run: Handler,
    pub find_keys: Option<KeyFinder>,
    /// Its number: indexes per-command counters.
    pub index: usize,
    pub flags: Flags,
    pub categories: Categories,
    pub is_subcommand: bool,
    /// First key, last key (negative: from the end) and step, when that is all there is to its
    /// keys.
    pub key_range: Option<(u16, i16, u16)>,
    /// Whether it can have keys at all.
    pub has_keys: bool,
    /// Where the first element that it looks for in the collection of its key usually is, or the
    /// key itself: what is worth fetching ahead. A hint, since options may come before it.
    pub element: Option<usize>,
    /// Which argument says how many elements a command takes that shares its group with others.
    pub count: Option<usize>,
    /// Indexes of its subcommands.
    pub subcommands: Vec<usize>,
}

/// All commands.
#[derive(Debug)]
pub struct Table {
    commands: Vec<Registered>,
    /// Open addressing by folded name, for commands that are no subcommands; `u16::MAX` is free.
    by_name: Box<[u16; Table::BUCKETS]>,
}

static TABLE: OnceLock<Table> = OnceLock::new();
static CATALOG: OnceLock<Catalog> = OnceLock::new();

/// Why `rename-command` cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenameError {
    #[error("rename-command: no such command '{0}'")]
    Unknown(String),
    #[error("rename-command: the target command name '{0}' already exists")]
    Taken(String),
}

impl Table {
    /// A power of two well above the number of commands.
    const BUCKETS: usize = 2048;

    /// The one table of this process.
    #[must_use]
    pub fn get() -> &'static Table {
        TABLE.get_or_init(|| Table::build(FAMILIES))
    }

    /// Makes the table with commands found under other names: pairs of the old name and the new
    /// one, or of a name and nothing, which takes the command away. Before the first
    /// [`Table::get`].
    ///
    /// # Errors
    /// If there is no such command, or the new name is another's.
    pub fn install(renames: &[(&[u8], &[u8])]) -> Result<(), RenameError> {
        let mut table = Table::build(FAMILIES);
        for (from, to) in renames {
            let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
            let found = table.find(from).map(|command| command.index);
            let index = found.ok_or_else(|| RenameError::Unknown(text(from)))?;
            if !to.is_empty() && table.find(to).is_some() {
                return Err(RenameError::Taken(text(to)));
            }
            table.commands[index].called = to.to_ascii_lowercase();
            table.index_names();
        }
        TABLE.set(table).map_err(drop).expect("the table is installed before it is used");
        Ok(())
    }

    /// The commands as ACL rules know them: `rename-command` changes nothing there.
    #[must_use]
    pub fn catalog() -> &'static Catalog {
        let entry = |command: &Registered| Entry {
            name: command.spec.name,
            categories: command.categories,
            subcommands: command.subcommands.clone(),
            is_subcommand: command.is_subcommand,
        };
        CATALOG.get_or_init(|| Catalog::new(Table::get().all().iter().map(entry).collect()))
    }

    fn build(families: &'static [&'static [&'static Command]]) -> Table {
        let mut commands: Vec<Registered> = families
            .iter()
            .flat_map(|family| family.iter())
            .enumerate()
            .map(|(index, command)| Registered::new(index, command))
            .collect();
        for index in 0..commands.len() {
            if commands[index].is_subcommand {
                let container = commands[index].spec.container();
                let parent = commands.iter_mut().find(|command| command.spec.name == container);
                parent.expect("a subcommand's container is declared").subcommands.push(index);
            }
        }
        let mut table = Table { commands, by_name: Box::new([u16::MAX; Table::BUCKETS]) };
        table.index_names();
        table
    }

    /// Enters every command under the name it is called by.
    fn index_names(&mut self) {
        self.by_name.fill(u16::MAX);
        for command in self.commands.iter().filter(|command| !command.is_subcommand) {
            if command.called.is_empty() {
                continue;
            }
            let mut bucket = fold(&command.called) % Table::BUCKETS;
            while self.by_name[bucket] != u16::MAX {
                let other = &self.commands[usize::from(self.by_name[bucket])];
                assert!(other.called != command.called, "'{}' is declared twice", other.spec.name);
                bucket = (bucket + 1) % Table::BUCKETS;
            }
            self.by_name[bucket] = u16::try_from(command.index).expect("fewer than 65535 commands");
        }
    }

    /// The command called `name`, whatever its case. O(1), about 10 ns.
    #[inline]
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<&Registered> {
        let mut bucket = fold(name) % Table::BUCKETS;
        loop {
            let command = self.commands.get(usize::from(self.by_name[bucket]))?;
            if command.called.eq_ignore_ascii_case(name) {
                return Some(command);
            }
            bucket = (bucket + 1) % Table::BUCKETS;
        }
    }

    /// The subcommand of `container` called `name`, whatever its case.
    #[must_use]
    pub fn find_subcommand(&self, container: &Registered, name: &[u8]) -> Option<&Registered> {
        let named = |index: &&usize| {
            let sub = self.commands[**index].spec.subcommand();
            sub.is_some_and(|sub| sub.as_bytes().eq_ignore_ascii_case(name))
        };
        container.subcommands.iter().find(named).map(|&index| &self.commands[index])
    }

    /// The command or subcommand called `name` in full: `get`, `client|list`.
    #[must_use]
    pub fn find_full(&self, name: &[u8]) -> Option<&Registered> {
        match name.iter().position(|&byte| byte == b'|') {
            None => self.find(name),
            Some(bar) => self.find_subcommand(self.find(&name[..bar])?, &name[bar + 1..]),
        }
    }

    #[inline]
    #[must_use]
    pub fn by_index(&self, index: usize) -> Option<&Registered> {
        self.commands.get(index)
    }

    /// Every command and subcommand.
    #[must_use]
    pub fn all(&self) -> &[Registered] {
        &self.commands
    }

    /// The commands that are no subcommands.
    pub fn top_level(&self) -> impl Iterator<Item = &Registered> {
        self.commands.iter().filter(|command| !command.is_subcommand)
    }
}

impl Registered {
    fn new(index: usize, command: &'static Command) -> Registered {
        let spec = &command.spec;
        let mut flags = spec.flags;
        flags.set(Flags::MOVABLE_KEYS, spec.has_movable_keys());
        Registered {
            spec,
            called: spec.name.as_bytes().to_vec(),
            run: command.run,
            find_keys: command.find_keys,
            index,
            flags,
            categories: spec.all_categories(),
            is_subcommand: spec.subcommand().is_some(),
            key_range: key_range(command),
            has_keys: !spec.keys.is_empty() || command.find_keys.is_some(),
            element: usual_element(spec),
            count: count_argument(spec),
            subcommands: Vec::new(),
        }
    }
}

/// Which argument usually is the first field or member of a collection; the key if none is.
fn usual_element(spec: &CommandSpec) -> Option<usize> {
    let has_elements = matches!(
        spec.group,
        Group::Hash | Group::List | Group::Set | Group::SortedSet | Group::Stream | Group::Geo
    );
    if !has_elements || spec.plan != Plan::Batch {
        return None;
    }
    let needed = spec.args.iter().filter(|arg| !arg.flags.contains(ArgFlags::OPTIONAL));
    let mut names = needed.flat_map(|arg| match arg.kind {
        ArgKind::Block => arg.children,
        _ => std::slice::from_ref(arg),
    });
    let at = names.position(|arg| matches!(arg.name, "field" | "member"));
    Some(at.map_or(1, |at| at + 1))
}

/// The argument after the key that is a plain number of elements.
fn count_argument(spec: &CommandSpec) -> Option<usize> {
    let is_count =
        |arg: &Arg| arg.name == "count" && arg.kind == ArgKind::Integer && arg.token.is_none();
    let at = spec.args.iter().position(is_count).filter(|_| spec.plan == Plan::Batch);
    at.map(|at| at + 1)
}

/// The one plain range a command's keys are, if that is what they are.
fn key_range(command: &Command) -> Option<(u16, i16, u16)> {
    let [only] = command.spec.keys else {
        return None;
    };
    if only.flags.contains(KeyFlags::NOT_KEY) {
        return None;
    }
    match (only.begin, only.find) {
        (Begin::Index(first), Find::Range { last_key, step, limit: 0 | 1 }) => {
            Some((first, last_key, step))
        }
        _ => None,
    }
}

/// A hash of a name that takes no notice of case.
#[inline]
fn fold(name: &[u8]) -> usize {
    let mut hash = name.len() as u64;
    for &byte in name.iter().take(24) {
        hash = (hash ^ u64::from(byte | 0x20)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 29;
    }
    hash as usize
}
