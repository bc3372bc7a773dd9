//! Where log lines go and what they look like.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Settings;
use crate::config::table::{LogFormat, LogLevel};

/// What can be changed while the process runs.
#[derive(Clone)]
pub(super) struct Logging {
    level: reload::Handle<LevelFilter, Registry>,
}

/// Standard output, or the file that `logfile` names.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Option<File>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.lock() {
            Some(file) => file.write(bytes),
            None => io::stdout().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut *self.0.lock() {
            Some(file) => file.flush(),
            None => io::stdout().flush(),
        }
    }
}

impl MakeWriter<'_> for Sink {
    type Writer = Sink;
    fn make_writer(&self) -> Sink {
        self.clone()
    }
}

static INSTALLED: OnceLock<Logging> = OnceLock::new();

/// Starts logging as the settings say. Called again in one process (tests do), it only changes the
/// level.
///
/// # Errors
/// If the log file cannot be opened.
pub(super) fn start(settings: &Settings) -> io::Result<Logging> {
    let sink = Sink::default();
    if !settings.logfile.is_empty() {
        let path = OsStr::from_bytes(&settings.logfile);
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        *sink.0.lock() = Some(file);
    }
    let logging = INSTALLED.get_or_init(|| {
        let (filter, level) = reload::Layer::new(level_of(settings));
        let layers = tracing_subscriber::registry().with(filter);
        let ansi = false;
        let result = match settings.log_format {
            LogFormat::Text => layers
                .with(tracing_subscriber::fmt::layer().with_ansi(ansi).with_writer(sink.clone()))
                .try_init(),
            LogFormat::Json => layers
                .with(tracing_subscriber::fmt::layer().json().with_writer(sink.clone()))
                .try_init(),
        };
        drop(result); // A subscriber that a test installed before stays.
        Logging { level }
    });
    logging.apply(settings);
    Ok(logging.clone())
}

impl Logging {
    /// Takes over a changed `loglevel`.
    pub(super) fn apply(&self, settings: &Settings) {
        drop(self.level.reload(level_of(settings)));
    }
}

fn level_of(settings: &Settings) -> LevelFilter {
    match settings.loglevel {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Verbose | LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
    }
}
