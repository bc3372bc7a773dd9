//! The table of settings, one page per theme. `Settings` and `TABLE` are made of all pages here.

mod clients;
mod cluster;
mod compat;
mod memory;
mod network;
mod observe;
mod persistence;
mod process;
mod replication;
mod security;
mod tls;
mod types;

pub use cluster::PreferredEndpoint;
pub use compat::{OomScoreAdj, SyslogFacility};
pub use memory::MaxmemoryPolicy;
pub use persistence::Fsync;
pub use process::{LogFormat, LogLevel, Supervised};
pub use replication::{DisklessLoad, PropagationError};
pub use security::{EnableFor, PubsubDefault, SanitizeDump};
pub use tls::AuthClients;

use clients::clients;
use cluster::cluster;
use compat::compat;
use memory::memory;
use network::network;
use observe::observe;
use persistence::persistence;
use process::process;
use replication::replication;
use security::security;
use tls::tls;
use types::types;

use super::Setting;
use super::kind::*;
use crate::base::Millis;
use crate::spec::config::{ConfigFlags, ConfigSpec, When};
use crate::spec::event::EventClass;

/// The ends of what Redis keeps in a C `int`.
const INT_MAX: i64 = i32::MAX as i64;
const INT_MIN: i64 = i32::MIN as i64;

/// The default of a text.
fn text(value: &str) -> Vec<u8> {
    value.as_bytes().to_vec()
}

/// The default of a list of words.
fn words(values: &[&str]) -> Vec<Vec<u8>> {
    values.iter().map(|value| text(value)).collect()
}

network! { {} [
    clients tls process security memory types persistence replication cluster observe compat
] }
