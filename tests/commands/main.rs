//! Commands run in-process: what single replies compared with the reference server cannot show.

mod dumps;
mod hashes;
mod keys;
mod runner;
