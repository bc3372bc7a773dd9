//! What is on the disk: files that redis-server wrote are loaded here and the other way round, and
//! what was acknowledged survives crashes, cut-off files and full disks.

mod aof_crash;
mod aof_crash_of_all;
mod aof_dataset;
mod aof_files;
mod aof_full_disk;
mod aof_interchange;
mod aof_space;
mod rdb_crash;
mod rdb_files;
mod rdb_interchange;
mod rdb_moment;
