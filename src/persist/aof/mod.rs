//! The append-only file: which files it consists of, and what stands in them.
//!
//! A folder holds a base (the dataset at some moment), the commands that changed it since in one or
//! several incremental files, and a [`Manifest`] that says which they are and in what order. A file
//! may begin with an RDB; the rest is commands as replicas get them, and annotations:
//!
//! ```text
//! #TS:1700000000 CRLF
//! *3 CRLF $3 CRLF SET CRLF $1 CRLF a CRLF $1 CRLF 1 CRLF
//! ```
//!
//! [`grammar`] reads one of these from bytes, [`Scanner`] all of a file and says where a cut-off
//! or spoilt end begins, [`seal`] what of the space at
//! its end was used; [`Stream`] is what of the replication log goes into a file. All bytes read
//! are foreign: whatever they claim, reading them neither panics nor takes more memory than they
//! have.

mod commands;
pub mod grammar;
mod manifest;
mod scan;
pub mod seal;
mod stream;

pub use commands::{CommandEncoder, select};
pub use grammar::{Fault, Flaw};
pub use manifest::{Kind, Manifest, ManifestError, Part, Rule};
pub use scan::{Item, ScanError, Scanner};
pub use stream::Stream;

#[cfg(test)]
mod tests;
