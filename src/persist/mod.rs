//! L4: the dataset as bytes. Knows formats and values; no files, no sockets, no clocks.

pub mod aof;
pub mod rdb;
