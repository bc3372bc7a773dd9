//! An engine without sockets, fed with command lines.

use redpoll::engine::testing::Local;
use redpoll::resp::Value;

/// One connection to a server of its own.
#[derive(Default)]
pub struct Runner(Local);

impl Runner {
    /// Runs the words of a line.
    pub fn run(&mut self, line: &str) -> Value {
        self.call(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs a command of any bytes.
    pub fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        self.0.run(args)
    }

    /// Runs a line and compares its reply, as [`show`] prints it.
    #[track_caller]
    pub fn expect(&mut self, line: &str, reply: &str) {
        assert_eq!(show(&self.run(line)), reply, "{line}");
    }
}

/// A reply on one line: `OK`, `7`, `"text"`, `nil`, `[1 2]`, `{1: 2}`, `-ERR text`.
pub fn show(value: &Value) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let list = |items: &[Value]| items.iter().map(show).collect::<Vec<_>>().join(" ");
    match value {
        Value::Simple(status) => text(status),
        Value::Error(error) => format!("-{}", text(error)),
        Value::Int(number) => number.to_string(),
        Value::Bulk(bytes) => format!("\"{}\"", text(bytes)),
        Value::Null => "nil".into(),
        Value::NullArray => "nil array".into(),
        Value::Array(items) => format!("[{}]", list(items)),
        Value::Map(pairs) => {
            let pair = |(key, value): &(Value, Value)| format!("{}: {}", show(key), show(value));
            format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(" "))
        }
        other => format!("{other:?}"),
    }
}
