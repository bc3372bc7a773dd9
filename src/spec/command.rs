//! A command's declaration: everything that can be known of it without running it.
//!
//! COMMAND and its subcommands, arity checks, key extraction, ACL categories, admission, batching
//! and the generated reference all derive from this.

use bitflags::bitflags;

use super::{Categories, Channels, Flags};

/// One command or subcommand. Unset fields come from [`CommandSpec::BASE`].
#[derive(Debug)]
pub struct CommandSpec {
    /// Lower case; a subcommand is `container|name`.
    pub name: &'static str,
    pub summary: &'static str,
    pub since: &'static str,
    pub complexity: &'static str,
    pub group: Group,
    pub arity: Arity,
    pub flags: Flags,
    /// Categories that follow neither from the group nor from the flags; `None`: the group's own.
    pub categories: Option<Categories>,
    pub keys: &'static [KeySpec],
    pub channels: Channels,
    pub args: &'static [Arg],
    /// Hints for clients and proxies, as COMMAND INFO prints them.
    pub tips: &'static [&'static str],
    pub history: &'static [(&'static str, &'static str)],
    pub deprecated: Option<Deprecated>,
    pub plan: Plan,
}

impl CommandSpec {
    /// What a declaration leaves out.
    pub const BASE: CommandSpec = CommandSpec {
        name: "",
        summary: "",
        since: "1.0.0",
        complexity: "",
        group: Group::Generic,
        arity: Arity::AtLeast(1),
        flags: Flags::empty(),
        categories: None,
        keys: &[],
        channels: Channels::None,
        args: &[],
        tips: &[],
        history: &[],
        deprecated: None,
        plan: Plan::Alone,
    };

    /// The container's name for a subcommand, the command's own otherwise.
    #[must_use]
    pub fn container(&self) -> &'static str {
        self.name.split('|').next().expect("split yields at least one part")
    }

    /// The subcommand's own name, if this is one.
    #[must_use]
    pub fn subcommand(&self) -> Option<&'static str> {
        self.name.split_once('|').map(|(_, sub)| sub)
    }

    /// ACL categories: declared or the group's, and those that flags imply.
    #[must_use]
    pub fn all_categories(&self) -> Categories {
        let mut all = self.categories.unwrap_or(self.group.category());
        let implied = [
            (Flags::WRITE, Categories::WRITE),
            (Flags::READONLY, Categories::READ),
            (Flags::ADMIN, Categories::ADMIN.union(Categories::DANGEROUS)),
            (Flags::PUBSUB, Categories::PUBSUB),
            (Flags::FAST, Categories::FAST),
            (Flags::BLOCKING, Categories::BLOCKING),
        ];
        for (flag, category) in implied {
            if self.flags.contains(flag) && !(category == Categories::READ && self.is_scripting()) {
                all |= category;
            }
        }
        if !self.flags.contains(Flags::FAST) {
            all |= Categories::SLOW;
        }
        all
    }

    fn is_scripting(&self) -> bool {
        self.group == Group::Scripting
    }

    /// Whether its keys cannot be told from a fixed first, last and step.
    #[must_use]
    pub fn has_movable_keys(&self) -> bool {
        let fixed = |key: &KeySpec| {
            matches!((key.begin, key.find), (Begin::Index(_), Find::Range { .. }))
                && !key.flags.contains(KeyFlags::INCOMPLETE)
        };
        !self.keys.iter().all(fixed)
    }

    /// First key, last key (negative: from the end) and step, as old clients want them; zeros
    /// without keys.
    #[must_use]
    pub fn legacy_range(&self) -> (i32, i32, i32) {
        let (mut first, mut last, mut step) = (0i32, 0i32, 0i32);
        let mut seen_open_end = false;
        for key in self.keys {
            let (Begin::Index(at), Find::Range { last_key, step: stride, .. }) =
                (key.begin, key.find)
            else {
                continue;
            };
            let at = i32::from(at);
            if first == 0 {
                (first, step) = (at, i32::from(stride));
            } else if at != last + 1 {
                // Only adjacent ranges can be told as one.
                continue;
            }
            let end = if last_key >= 0 { at + i32::from(last_key) } else { i32::from(last_key) };
            if !seen_open_end {
                last = end;
            }
            seen_open_end |= end < 0;
        }
        (first, last, step)
    }
}

/// How many arguments a command takes, its own name included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    Exact(u16),
    AtLeast(u16),
}

impl Arity {
    #[inline]
    #[must_use]
    pub fn accepts(self, count: usize) -> bool {
        match self {
            Arity::Exact(n) => count == usize::from(n),
            Arity::AtLeast(n) => count >= usize::from(n),
        }
    }

    /// As COMMAND INFO prints it: negative for a minimum.
    #[must_use]
    pub fn number(self) -> i64 {
        match self {
            Arity::Exact(n) => i64::from(n),
            Arity::AtLeast(n) => -i64::from(n),
        }
    }
}

/// How the engine runs a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Cheap whatever its arguments: may share a batch, its locks and its clock reading with
    /// others.
    Batch,
    /// Runs by itself, holding the locks of its keys (if it has any).
    Alone,
    /// Needs the whole keyspace to itself.
    Exclusive,
    /// Runs the queued requests of the connection, holding the locks of all their keys.
    Transaction,
}

/// The family a command belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Generic,
    String,
    List,
    Set,
    SortedSet,
    Hash,
    Pubsub,
    Transactions,
    Connection,
    Server,
    Scripting,
    Hyperloglog,
    Cluster,
    Geo,
    Stream,
    Bitmap,
}

impl Group {
    /// As COMMAND DOCS prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Hash => "hash",
            Group::Pubsub => "pubsub",
            Group::Transactions => "transactions",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Scripting => "scripting",
            Group::Hyperloglog => "hyperloglog",
            Group::Cluster => "cluster",
            Group::Geo => "geo",
            Group::Stream => "stream",
            Group::Bitmap => "bitmap",
        }
    }

    /// The ACL category its members have unless they declare others.
    #[must_use]
    pub fn category(self) -> Categories {
        match self {
            Group::Generic => Categories::KEYSPACE,
            Group::String => Categories::STRING,
            Group::List => Categories::LIST,
            Group::Set => Categories::SET,
            Group::SortedSet => Categories::SORTED_SET,
            Group::Hash => Categories::HASH,
            Group::Pubsub | Group::Server | Group::Cluster => Categories::empty(),
            Group::Transactions => Categories::TRANSACTION,
            Group::Connection => Categories::CONNECTION,
            Group::Scripting => Categories::SCRIPTING,
            Group::Hyperloglog => Categories::HYPERLOGLOG,
            Group::Geo => Categories::GEO,
            Group::Stream => Categories::STREAM,
            Group::Bitmap => Categories::BITMAP,
        }
    }
}

/// Since when a command is discouraged, and what to use instead.
#[derive(Clone, Copy, Debug)]
pub struct Deprecated {
    pub since: &'static str,
    pub replaced_by: &'static str,
}

/// Where some of a command's keys stand among its arguments.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    pub begin: Begin,
    pub find: Find,
    pub flags: KeyFlags,
    pub notes: &'static str,
}

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug)]
pub enum Begin {
    /// At this argument.
    Index(u16),
    /// After this word, looked for from argument `from` on (negative: backwards from the end).
    Keyword {
        word: &'static str,
        from: i16,
    },
    Unknown,
}

/// Which arguments, from the beginning on, are keys.
#[derive(Clone, Copy, Debug)]
pub enum Find {
    /// Up to `last_key` after the first (negative: counted from the last argument), every
    /// `step`-th; with a `limit` of n > 1 only the first n-th part of the arguments left.
    Range {
        last_key: i16,
        step: u16,
        limit: u16,
    },
    /// As many as the number at `index` says, the first at `first`, both relative to the beginning.
    Count {
        index: u16,
        first: u16,
        step: u16,
    },
    Unknown,
}

impl KeySpec {
    /// The single key at argument `index`.
    #[must_use]
    pub const fn one(index: u16, flags: KeyFlags) -> KeySpec {
        KeySpec::range(index, 0, 1, flags)
    }

    /// The keys from argument `first` up to `last_key` after it (negative: from the end), every
    /// `step`-th.
    #[must_use]
    pub const fn range(first: u16, last_key: i16, step: u16, flags: KeyFlags) -> KeySpec {
        let find = Find::Range { last_key, step, limit: 0 };
        KeySpec { begin: Begin::Index(first), find, flags, notes: "" }
    }

    #[must_use]
    pub const fn notes(mut self, notes: &'static str) -> KeySpec {
        self.notes = notes;
        self
    }
}

bitflags! {
    /// What a command does to the keys of one [`KeySpec`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct KeyFlags: u16 {
        const RO = 1 << 0;
        const RW = 1 << 1;
        const OW = 1 << 2;
        const RM = 1 << 3;
        const ACCESS = 1 << 4;
        const UPDATE = 1 << 5;
        const INSERT = 1 << 6;
        const DELETE = 1 << 7;
        const NOT_KEY = 1 << 8;
        const INCOMPLETE = 1 << 9;
        const VARIABLE_FLAGS = 1 << 10;
    }
}

impl KeyFlags {
    const NAMES: &'static [(KeyFlags, &'static str)] = &[
        (KeyFlags::RO, "RO"),
        (KeyFlags::RW, "RW"),
        (KeyFlags::OW, "OW"),
        (KeyFlags::RM, "RM"),
        (KeyFlags::ACCESS, "access"),
        (KeyFlags::UPDATE, "update"),
        (KeyFlags::INSERT, "insert"),
        (KeyFlags::DELETE, "delete"),
        (KeyFlags::NOT_KEY, "not_key"),
        (KeyFlags::INCOMPLETE, "incomplete"),
        (KeyFlags::VARIABLE_FLAGS, "variable_flags"),
    ];

    /// The names of the set flags, in the order COMMAND INFO prints them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        KeyFlags::NAMES.iter().filter(move |(flag, _)| self.contains(*flag)).map(|&(_, name)| name)
    }
}

/// One argument, or a group of them, in a command's grammar.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    pub name: &'static str,
    pub kind: ArgKind,
    /// The word that stands before the value (or is the whole argument of a pure token).
    pub token: Option<&'static str>,
    pub since: Option<&'static str>,
    pub deprecated_since: Option<&'static str>,
    pub flags: ArgFlags,
    pub children: &'static [Arg],
}

/// What an argument's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// A key, described by the key spec of this index.
    Key(u8),
    String,
    Integer,
    Double,
    Pattern,
    /// A pattern of names of keys, described by the key spec of this index.
    KeyPattern(u8),
    UnixTime,
    PureToken,
    OneOf,
    Block,
}

impl ArgKind {
    /// As COMMAND DOCS prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ArgKind::Key(_) => "key",
            ArgKind::String => "string",
            ArgKind::Integer => "integer",
            ArgKind::Double => "double",
            ArgKind::Pattern | ArgKind::KeyPattern(_) => "pattern",
            ArgKind::UnixTime => "unix-time",
            ArgKind::PureToken => "pure-token",
            ArgKind::OneOf => "oneof",
            ArgKind::Block => "block",
        }
    }
}

bitflags! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ArgFlags: u8 {
        const OPTIONAL = 1 << 0;
        const MULTIPLE = 1 << 1;
        const MULTIPLE_TOKEN = 1 << 2;
    }
}

impl Arg {
    #[must_use]
    pub const fn new(name: &'static str, kind: ArgKind) -> Arg {
        Arg {
            name,
            kind,
            token: None,
            since: None,
            deprecated_since: None,
            flags: ArgFlags::empty(),
            children: &[],
        }
    }

    /// A key that the command's first key spec describes.
    #[must_use]
    pub const fn key(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Key(0))
    }

    #[must_use]
    pub const fn string(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::String)
    }

    #[must_use]
    pub const fn int(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Integer)
    }

    /// A fixed word.
    #[must_use]
    pub const fn word(name: &'static str, token: &'static str) -> Arg {
        Arg::new(name, ArgKind::PureToken).token(token)
    }

    #[must_use]
    pub const fn one_of(name: &'static str, children: &'static [Arg]) -> Arg {
        Arg { children, ..Arg::new(name, ArgKind::OneOf) }
    }

    #[must_use]
    pub const fn block(name: &'static str, children: &'static [Arg]) -> Arg {
        Arg { children, ..Arg::new(name, ArgKind::Block) }
    }

    #[must_use]
    pub const fn token(mut self, token: &'static str) -> Arg {
        self.token = Some(token);
        self
    }

    #[must_use]
    pub const fn since(mut self, version: &'static str) -> Arg {
        self.since = Some(version);
        self
    }

    #[must_use]
    pub const fn deprecated(mut self, version: &'static str) -> Arg {
        self.deprecated_since = Some(version);
        self
    }

    #[must_use]
    pub const fn optional(mut self) -> Arg {
        self.flags = self.flags.union(ArgFlags::OPTIONAL);
        self
    }

    #[must_use]
    pub const fn multiple(mut self) -> Arg {
        self.flags = self.flags.union(ArgFlags::MULTIPLE);
        self
    }

    #[must_use]
    pub const fn multiple_token(mut self) -> Arg {
        self.flags = self.flags.union(ArgFlags::MULTIPLE).union(ArgFlags::MULTIPLE_TOKEN);
        self
    }
}
