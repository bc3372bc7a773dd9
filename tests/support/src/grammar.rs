//! Command grammars, read at run time from the reference server's `COMMAND DOCS`.

use fastrand::Rng;

use crate::{Client, Value, words};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Key,
    String,
    Integer,
    Double,
    Pattern,
    UnixTime,
    PureToken,
    OneOf,
    Block,
}

#[derive(Clone, Debug)]
struct Arg {
    name: String,
    kind: Kind,
    token: Option<String>,
    optional: bool,
    multiple: bool,
    multiple_token: bool,
    children: Vec<Arg>,
}

/// One command or subcommand: its words and what may follow them.
#[derive(Clone, Debug)]
pub struct Grammar {
    /// `get` or `object|encoding`.
    pub name: String,
    pub group: String,
    /// May wait for data: its timeouts must stay as generated.
    pub blocking: bool,
    args: Vec<Arg>,
}

/// What the arguments of one command have to agree on.
struct Choice<'a> {
    rng: &'a mut Rng,
    group: &'a str,
    /// The count that `numkeys` announced, for the keys and weights that follow it.
    announced: Option<usize>,
    now_seconds: u64,
    serial: usize,
    command: &'a str,
}

/// The grammars of all commands and subcommands that a server documents.
pub fn all(client: &mut Client) -> Vec<Grammar> {
    let docs = client.run("COMMAND DOCS");
    let mut found = Vec::new();
    for pair in docs.items().chunks(2) {
        let (name, doc) = (pair[0].text(), &pair[1]);
        match doc.field("subcommands") {
            None => found.push(grammar(name, doc)),
            Some(subcommands) => {
                let subcommands = subcommands.items();
                found.extend(subcommands.chunks(2).map(|sub| grammar(sub[0].text(), &sub[1])));
            }
        }
    }
    for grammar in &mut found {
        let words: Vec<&str> = grammar.name.split('|').collect();
        let info = client.call(&["COMMAND", "INFO", words[0]]);
        grammar.blocking = info.to_string().contains("+blocking");
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn grammar(name: String, doc: &Value) -> Grammar {
    let group = doc.field("group").expect("every command has a group").text();
    let mut args = args_of(doc);
    if name == "xadd" {
        // An id made from the clock differs between two servers.
        args.iter_mut().for_each(|arg| arg.children.retain(|c| c.token.as_deref() != Some("*")));
    }
    Grammar { name, group, blocking: false, args }
}

fn args_of(doc: &Value) -> Vec<Arg> {
    let list = doc.field("arguments").map(|args| args.items()).unwrap_or_default();
    list.iter().map(arg).collect()
}

fn arg(doc: &Value) -> Arg {
    let text = |name: &str| doc.field(name).map(|value| value.text());
    let flags = doc.field("flags").map(|flags| flags.items()).unwrap_or_default();
    let has = |flag: &str| flags.iter().any(|known| known.text() == flag);
    let kind = match text("type").expect("every argument has a type").as_str() {
        "key" => Kind::Key,
        "integer" => Kind::Integer,
        "double" => Kind::Double,
        "pattern" => Kind::Pattern,
        "unix-time" => Kind::UnixTime,
        "pure-token" => Kind::PureToken,
        "oneof" => Kind::OneOf,
        "block" => Kind::Block,
        _ => Kind::String,
    };
    Arg {
        name: text("name").expect("every argument has a name"),
        kind,
        token: text("token"),
        optional: has("optional"),
        multiple: has("multiple"),
        multiple_token: has("multiple_token"),
        children: args_of(doc),
    }
}

impl Grammar {
    /// A command that follows the grammar; `serial` grows from step to step.
    pub fn generate(&self, rng: &mut Rng, now_seconds: u64, serial: usize) -> Vec<Vec<u8>> {
        let mut out: Vec<Vec<u8>> = self.name.split('|').map(|word| word.into()).collect();
        let group = self.group.as_str();
        let mut choice =
            Choice { rng, group, announced: None, now_seconds, serial, command: &self.name };
        for arg in &self.args {
            choice.emit(arg, &mut out);
        }
        out
    }
}

impl Choice<'_> {
    fn emit(&mut self, arg: &Arg, out: &mut Vec<Vec<u8>>) {
        if arg.optional && !words::chance(self.rng, 40) {
            return;
        }
        let count = match self.announced {
            _ if !arg.multiple => 1,
            Some(count) if words::chance(self.rng, 90) => count,
            _ => self.rng.usize(1..=3),
        };
        for turn in 0..count {
            match &arg.token {
                Some(token) if arg.kind != Kind::PureToken && (turn == 0 || arg.multiple_token) => {
                    out.push(self.in_some_case(token));
                }
                _ => {}
            }
            self.emit_once(arg, out);
        }
    }

    fn emit_once(&mut self, arg: &Arg, out: &mut Vec<Vec<u8>>) {
        let rng = &mut *self.rng;
        match arg.kind {
            Kind::Key => out.push(words::key(rng, self.group)),
            Kind::String => out.push(words::string(rng, self.command, &arg.name, self.serial)),
            Kind::Double if arg.name == "timeout" => out.push(timeout(rng)),
            Kind::Double => out.push(words::double(rng, &arg.name)),
            Kind::Pattern if self.command.starts_with("sort") => {
                out.push(words::sort_pattern(rng, &arg.name))
            }
            Kind::Pattern => out.push(words::pattern(rng)),
            Kind::UnixTime => out.push(words::unix_time(rng, self.now_seconds)),
            Kind::Integer => self.emit_integer(arg, out),
            Kind::PureToken => {
                let token = self.in_some_case(arg.token.as_deref().unwrap_or_default());
                out.push(token);
            }
            Kind::OneOf => {
                let chosen = rng.usize(..arg.children.len());
                self.emit(&arg.children[chosen], out);
            }
            Kind::Block => {
                if arg.name == "streams" {
                    self.announced = Some(self.rng.usize(1..=2));
                }
                arg.children.iter().for_each(|child| self.emit(child, out));
            }
        }
    }

    fn emit_integer(&mut self, arg: &Arg, out: &mut Vec<Vec<u8>>) {
        let rng = &mut *self.rng;
        match arg.name.as_str() {
            "numkeys" if words::chance(rng, 92) => {
                let count = rng.usize(1..=3);
                self.announced = Some(count);
                out.push(count.to_string().into());
            }
            "cursor" => out.push(if words::chance(rng, 95) { b"0".into() } else { b"abc".into() }),
            "milliseconds" if arg.token.as_deref() == Some("BLOCK") => out.push(b"1".into()),
            name => out.push(words::integer(rng, name)),
        }
    }

    fn in_some_case(&mut self, token: &str) -> Vec<u8> {
        if words::chance(self.rng, 20) { token.to_ascii_lowercase().into() } else { token.into() }
    }
}

fn timeout(rng: &mut Rng) -> Vec<u8> {
    words::pick(rng, &[&b"0.01"[..], b"0.001", b"0.01", b"-1", b"abc"]).to_vec()
}
