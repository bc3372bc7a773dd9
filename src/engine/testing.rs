//! The engine in-process: workers and sessions, no sockets. For tests of commands and of the
//! engine.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{Clock, Progress, Session, Worker, unix_time};
use crate::base::{KeyHasher, Millis, ReplId, Rng};
use crate::commands::Table;
use crate::config::Settings;
use crate::keyspace::Keyspace;
use crate::replication::Logging;
use crate::resp::client::{ReplyDecoder, encode_command};
use crate::resp::{OutputQueue, Value};
use crate::state::client::Origin;
use crate::state::{
    Ask, Client, ClientFlags, ClientShared, Control, Identity, Mail, Server, Stats,
};

/// Workers there may be.
const THREADS: usize = 4;

/// A server without sockets, and one connection to it with a worker of its own.
///
/// Its clock stands at the time at which it was made and goes on by [`Local::pass`] alone.
pub struct Local {
    pub server: Arc<Server>,
    /// What the connection asked of the control plane.
    pub asks: UnboundedReceiver<Ask>,
    worker: Worker,
    session: Session,
    /// Unix time.
    time: Duration,
}

impl Local {
    /// A standalone server with these settings.
    #[must_use]
    pub fn with_settings(settings: Settings) -> Local {
        let mut rng = Rng::from_seed(1);
        let (sender, asks) = unbounded_channel();
        let identity = Identity {
            run_id: ReplId::random(&mut rng),
            started: Millis(1),
            pid: 1,
            executable: "redpoll".to_owned(),
            os: "Linux".to_owned(),
            config_file: None,
            worker_threads: THREADS,
        };
        let keyspace =
            Keyspace::new(settings.databases as usize, KeyHasher::seeded(&mut rng), THREADS);
        let stats = Stats::new(THREADS, Table::get().all().len());
        let control = Control::new(sender);
        let server = Arc::new(Server::new(
            identity,
            settings,
            keyspace,
            stats,
            control,
            None,
            Table::catalog(),
        ));
        Local::connect(server, asks, 0, unix_time())
    }

    /// Another connection to the same server, with worker number `index`: each worker is used by
    /// one thread. What it asks of the control plane goes to the first one's `asks`. Its clock
    /// stands where the first one's does, and goes on by itself.
    #[must_use]
    pub fn another(&self, index: usize) -> Local {
        let (_, asks) = unbounded_channel();
        Local::connect(Arc::clone(&self.server), asks, index, self.time)
    }

    fn connect(
        server: Arc<Server>,
        asks: UnboundedReceiver<Ask>,
        index: usize,
        time: Duration,
    ) -> Local {
        let origin = Origin {
            peer: "127.0.0.1:1".to_owned(),
            local: "127.0.0.1:2".to_owned(),
            fd: 0,
            worker: index,
            unix_socket: false,
            loopback: true,
        };
        let shared = Arc::new(ClientShared::new(server.clients.next_id(), origin, Millis(1)));
        server.clients.insert(Arc::clone(&shared));
        let mut client = Client::new(shared, true);
        client.log_out(server.acl.users().default_user());
        let mut worker = Worker::new(index, Arc::clone(&server), Rng::from_seed(index as u64 + 1));
        worker.clock = Clock::standing(time);
        Local { server, asks, worker, session: Session::new(client), time }
    }

    /// Lets time pass for this connection.
    pub fn pass(&mut self, time: Millis) {
        self.time += Duration::from_millis(time.0);
        self.worker.clock = Clock::standing(self.time);
    }

    /// Runs one command and returns its reply.
    ///
    /// # Panics
    /// If there is no reply, or more than one.
    pub fn run<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        let replies = self.feed(&encode_command(args));
        let [reply] = <[Value; 1]>::try_from(replies).expect("one command has one reply");
        reply
    }

    /// Runs a script of lines `command => reply` and compares; words are split at blanks, `''` is
    /// the empty one, and replies are written as [`show`] does.
    ///
    /// # Panics
    /// If a reply differs.
    pub fn check(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (command, expected) = line.split_once(" => ").expect("command => reply");
            let words: Vec<&str> = command.split_whitespace().collect();
            let words: Vec<&str> =
                words.into_iter().map(|word| if word == "''" { "" } else { word }).collect();
            assert_eq!(show(&self.run(&words)), expected, "{command}");
        }
    }

    /// What a script of commands puts into the replication log, a line per command; the times of
    /// claims are written `T`.
    ///
    /// # Panics
    /// If a command fails, or the log is malformed.
    #[must_use]
    pub fn logged(script: &str) -> Vec<String> {
        let mut local = Local::default();
        local.server.log.set_logging(Logging::On);
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let reply = local.run(&line.split_whitespace().collect::<Vec<_>>());
            assert!(reply.error().is_none(), "{line}: {reply:?}");
        }
        let bytes = local.server.log.read(0, usize::MAX).expect("all is kept").concat();
        let (mut decoder, mut bytes) = (ReplyDecoder::new(), BytesMut::from(bytes.as_slice()));
        let mut lines = Vec::new();
        while let Some(command) = decoder.decode(&mut bytes).expect("a well-formed log") {
            let words = command.items().expect("commands are arrays").iter();
            let text = |word: &Value| word.text().map(|text| String::from_utf8_lossy(text).into());
            let mut words: Vec<String> =
                words.map(|word| text(word).expect("words are strings")).collect();
            if let Some(time) = words.iter().position(|word| word == "TIME") {
                "T".clone_into(&mut words[time + 1]);
            }
            lines.push(words.join(" "));
        }
        lines
    }

    /// Feeds raw bytes and returns the replies they brought about.
    ///
    /// # Panics
    /// If the output is no sequence of replies.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Value> {
        self.session.parser().feed(bytes);
        self.go_on()
    }

    /// Delivers a message as another thread would, and returns the replies that follow.
    pub fn deliver(&mut self, mail: Mail) -> Vec<Value> {
        self.session.deliver(mail);
        self.go_on()
    }

    /// Takes the mail that has come, runs what can be run now and returns the replies.
    pub fn collect(&mut self) -> Vec<Value> {
        let mut mail = VecDeque::new();
        self.session.client.shared.collect(std::task::Waker::noop(), &mut mail);
        for mail in mail {
            self.session.deliver(mail);
        }
        self.go_on()
    }

    /// Whether replies are kept back.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.session.holds_output()
    }

    /// Whether the connection ends once its replies are written.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.session.client.flags.contains(ClientFlags::CLOSE_AFTER_REPLY)
    }

    /// Sets `requirepass`, and takes back this connection's authentication.
    pub fn require_password(&mut self, password: &[u8]) {
        let mut settings = Settings::clone(&self.server.settings.load());
        settings.requirepass = Some(password.to_vec());
        let new = self.server.acl.new_users(&settings);
        let users = self.server.acl.users().with_default_password(Some(password), new);
        self.server.settings.store(Arc::new(settings));
        self.server.put_users(users);
        self.session.client.authenticated = false;
    }

    /// What the connection knows of itself.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.session.client
    }

    /// Runs what can be run now; the replies, as they are written whenever the session yields.
    fn go_on(&mut self) -> Vec<Value> {
        let mut replies = Vec::new();
        loop {
            let progress = self.session.run(&mut self.worker);
            replies.append(&mut self.replies());
            if progress != Progress::Yielded {
                return replies;
            }
        }
    }

    fn replies(&mut self) -> Vec<Value> {
        if self.session.holds_output() {
            return Vec::new();
        }
        let mut queue = OutputQueue::new();
        queue.take_from(self.session.out());
        let mut bytes = BytesMut::new();
        while !queue.is_empty() {
            let chunk = queue.first().to_vec();
            queue.advance(chunk.len());
            bytes.extend_from_slice(&chunk);
        }
        let (mut decoder, mut replies) = (ReplyDecoder::new(), Vec::new());
        while let Some(reply) = decoder.decode(&mut bytes).expect("well-formed replies") {
            replies.push(reply);
        }
        assert!(bytes.is_empty(), "a reply is cut off");
        replies
    }
}

/// A reply in one line: `+status`, `-error`, `:1`, `"text"`, `nil`, `[…]` for arrays, sets and
/// pushes, `{…}` for maps.
#[must_use]
pub fn show(value: &Value) -> String {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let list = |items: &[Value]| items.iter().map(show).collect::<Vec<_>>().join(" ");
    match value {
        Value::Simple(status) => format!("+{}", text(status)),
        Value::Error(error) => format!("-{}", String::from_utf8_lossy(error)),
        Value::Int(value) => format!(":{value}"),
        Value::Bulk(bytes) => format!("\"{}\"", text(bytes)),
        Value::Null | Value::NullArray => "nil".to_owned(),
        Value::Array(items) | Value::Set(items) | Value::Push(items) => {
            format!("[{}]", list(items))
        }
        Value::Map(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| format!("{} {}", show(key), show(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(" "))
        }
        other => format!("{other:?}"),
    }
}

impl Default for Local {
    /// Without save points: nobody is there who would save after FLUSHALL.
    fn default() -> Local {
        Local::with_settings(Settings { save: Vec::new(), ..Settings::default() })
    }
}
