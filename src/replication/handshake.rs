//! A replica's side of the handshake, without socket or clock.
//!
//! ```text
//! PING → AUTH, REPLCONF ... (written together) → their replies → PSYNC → what it is answered
//! ```
//!
//! The shell feeds lines and the time and performs what it is told; after [`Action::Resume`] or
//! [`Action::Receive`] the machine is done. [`Action::Fail`] closes the connection, to be tried
//! again.

use super::identity::is_offset;
use super::journal::encode;
use crate::base::{Millis, ReplId};

/// How long one reply before that to PSYNC may take.
const REPLY_LIMIT: Millis = Millis(5_000);

/// A version of Valkey whose files are read here. Older ones are sent to those who do not say so,
/// which cannot have hashes with expiring fields in them.
const VALKEY_VERSION: &[u8] = b"9.0.0";

/// What a replica says of itself and asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Greeting {
    /// User and password; the user may be missing.
    pub auth: Option<(Option<Vec<u8>>, Vec<u8>)>,
    pub port: u16,
    pub ip: Option<Vec<u8>>,
    /// Name of the history and bytes of it that are here; `None` asks for a full copy.
    pub history: Option<(ReplId, u64)>,
    /// The primary is to hand its role over.
    pub is_failover: bool,
    /// How long the primary may be silent.
    pub timeout: Millis,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A line, without its end.
    Line(&'a [u8]),
    Tick,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Send(Vec<u8>),
    /// The stream goes on where it stopped, under another name if there is one.
    Resume {
        id: Option<ReplId>,
    },
    /// A full copy follows, then the stream from `offset` on. Without a name there will be no
    /// partial resynchronisation.
    Receive {
        id: Option<ReplId>,
        offset: u64,
        is_legacy: bool,
    },
    /// What is known of the history is worth nothing to this primary.
    ForgetHistory,
    Fail(Failure),
}

/// Why a handshake ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("the primary answered PING with: {0}")]
    Ping(String),
    #[error("the primary refused to authenticate: {0}")]
    Auth(String),
    #[error("the primary cannot serve replicas now: {0}")]
    NotNow(String),
    #[error("the replica does not take over: {0}")]
    Refused(String),
    #[error("the primary fell silent")]
    Silence,
}

/// Which reply is awaited. ROLE and INFO call all of them `handshake`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Ping,
    /// So many replies of the greeting are missing, the first of them AUTH's or not.
    Greeting {
        left: u8,
        auth: bool,
    },
    Sync,
    Done,
}

/// See the module's head.
#[derive(Clone, Debug)]
pub struct Handshake {
    greeting: Greeting,
    stage: Stage,
    /// When the last line came.
    heard: Millis,
}

fn command(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, args.iter().copied());
    bytes
}

impl Handshake {
    /// Begins on a fresh connection.
    pub fn start(now: Millis, greeting: Greeting, out: &mut Vec<Action>) -> Handshake {
        out.push(Action::Send(command(&[b"PING"])));
        Handshake { greeting, stage: Stage::Ping, heard: now }
    }

    /// Takes one input and appends what is to be done about it.
    pub fn step(&mut self, now: Millis, input: Input<'_>, out: &mut Vec<Action>) {
        match input {
            Input::Tick => {
                let limit = match self.stage {
                    Stage::Sync => self.greeting.timeout,
                    _ => self.greeting.timeout.min(REPLY_LIMIT),
                };
                if self.stage != Stage::Done && now.since(self.heard) > limit {
                    self.fail(Failure::Silence, out);
                }
            }
            Input::Line(line) => {
                self.heard = now;
                self.line(line, out);
            }
        }
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<Action>) {
        let text = || String::from_utf8_lossy(line).into_owned();
        match self.stage {
            Stage::Ping => {
                let refusals: [&[u8]; 3] =
                    [b"-NOAUTH", b"-NOPERM", b"-ERR operation not permitted"];
                let is_alive = line.first() == Some(&b'+')
                    || refusals.iter().any(|refusal| line.starts_with(refusal));
                if is_alive { self.greet(out) } else { self.fail(Failure::Ping(text()), out) }
            }
            Stage::Greeting { auth: true, .. } if line.first() == Some(&b'-') => {
                self.fail(Failure::Auth(text()), out);
            }
            // Whatever else a primary does not understand it may refuse.
            Stage::Greeting { left: 1, .. } => self.ask(out),
            Stage::Greeting { left, .. } => {
                self.stage = Stage::Greeting { left: left - 1, auth: false };
            }
            Stage::Sync if line.is_empty() => {}
            Stage::Sync => self.judge(line, out),
            Stage::Done => {}
        }
    }

    fn greet(&mut self, out: &mut Vec<Action>) {
        let (mut bytes, mut left) = (Vec::new(), 0);
        let mut say = |args: &[&[u8]]| {
            encode(&mut bytes, args.iter().copied());
            left += 1;
        };
        match &self.greeting.auth {
            Some((Some(user), password)) => say(&[b"AUTH", user, password]),
            Some((None, password)) => say(&[b"AUTH", password]),
            None => {}
        }
        let port = self.greeting.port.to_string();
        say(&[b"REPLCONF", b"listening-port", port.as_bytes()]);
        if let Some(ip) = &self.greeting.ip {
            say(&[b"REPLCONF", b"ip-address", ip]);
        }
        say(&[b"REPLCONF", b"capa", b"eof", b"capa", b"psync2", b"capa", b"redpoll"]);
        say(&[b"REPLCONF", b"version", VALKEY_VERSION]);
        self.stage = Stage::Greeting { left, auth: self.greeting.auth.is_some() };
        out.push(Action::Send(bytes));
    }

    fn ask(&mut self, out: &mut Vec<Action>) {
        self.stage = Stage::Sync;
        out.push(Action::Send(match self.greeting.history {
            None => command(&[b"PSYNC", b"?", b"-1"]),
            Some((id, offset)) => {
                let (id, next) = (id.to_text(), (offset + 1).to_string());
                let failover: &[&[u8]] =
                    if self.greeting.is_failover { &[b"FAILOVER"] } else { &[] };
                command(&[&[&b"PSYNC"[..], &id, next.as_bytes()], failover].concat())
            }
        }));
    }

    /// The answer to PSYNC.
    fn judge(&mut self, line: &[u8], out: &mut Vec<Action>) {
        let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
        let id = words.get(1).and_then(|id| ReplId::from_text(&id.to_ascii_lowercase()).ok());
        let temporary: [&[u8]; 2] = [b"-NOMASTERLINK", b"-LOADING"];
        if words[0] == b"+FULLRESYNC" {
            let offset = words.get(2).and_then(|offset| std::str::from_utf8(offset).ok());
            let offset = offset.and_then(|offset| offset.parse().ok()).filter(is_offset);
            let id = id.filter(|_| offset.is_some());
            self.stage = Stage::Done;
            let offset = offset.unwrap_or(0);
            out.push(Action::Receive { id, offset, is_legacy: false });
        } else if words[0] == b"+CONTINUE" && self.greeting.history.is_some() {
            self.stage = Stage::Done;
            out.push(Action::Resume { id });
        } else if temporary.iter().any(|prefix| line.starts_with(prefix)) {
            let text = String::from_utf8_lossy(line).into_owned();
            self.fail(Failure::NotNow(text), out);
        } else if self.greeting.is_failover {
            self.fail(Failure::Refused(String::from_utf8_lossy(line).into_owned()), out);
        } else {
            self.stage = Stage::Done;
            out.push(Action::ForgetHistory);
            out.push(Action::Send(b"SYNC\r\n".to_vec()));
            out.push(Action::Receive { id: None, offset: 0, is_legacy: true });
        }
    }

    fn fail(&mut self, failure: Failure, out: &mut Vec<Action>) {
        self.stage = Stage::Done;
        out.push(Action::Fail(failure));
    }
}

#[cfg(test)]
mod tests;
