//! L8: the tools in the same binary: what an operator runs besides the server.

pub mod check_aof;
pub mod check_rdb;
pub mod local;
