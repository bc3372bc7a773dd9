//! Snapshots and the append-only file.

use crate::config::kind::choices;

choices! {
    /// When the append-only file is synced to the disk.
    pub enum Fsync {
        EverySecond = "everysec",
        Always = "always",
        No = "no",
    }
}

macro_rules! persistence {
    ($done:tt $later:tt) => {
        $crate::config::declare::collect! { $done $later "Persistence" {
            /// When to save a snapshot: after so many seconds if so many keys changed.
            ///
            /// Several pairs, on one line or on several; `""` is none.
            save: Vec<SavePoint> = vec![
                SavePoint { seconds: 3_600, changes: 1 },
                SavePoint { seconds: 300, changes: 100 },
                SavePoint { seconds: 60, changes: 10_000 },
            ], SavePoints, AtRuntime;

            /// The snapshot's file.
            dbfilename: Vec<u8> = text("dump.rdb"), FileName {
                if_path: "dbfilename can't be a path, just a filename", if_empty: None,
            }, AtRuntime + PROTECTED;

            /// Refuse writes after a snapshot could not be saved, so that somebody notices.
            stop_writes_on_bgsave_error: bool = true, YesNo, AtRuntime;

            /// Compress strings in snapshots.
            rdbcompression: bool = true, YesNo, AtRuntime;

            /// Write and verify a checksum over the whole snapshot.
            rdbchecksum: bool = true, YesNo, AtStart;

            /// Remove snapshots that were only made for replication, if nothing else is persisted.
            rdb_del_sync_files: bool = false, YesNo, AtRuntime;

            /// Sync a snapshot to the disk while it is written, not all of it at the end.
            rdb_save_incremental_fsync: bool = true, YesNo, AtRuntime;

            /// Log every write to the append-only file.
            appendonly: bool = false, YesNo, AtRuntime;

            /// The base name of the append-only files.
            appendfilename: Vec<u8> = text("appendonly.aof"), FileName {
                if_path: "appendfilename can't be a path, just a filename",
                if_empty: Some("appendfilename can't be empty"),
            }, AtStart;

            /// The directory of the append-only files, inside `dir`.
            appenddirname: Vec<u8> = text("appendonlydir"), FileName {
                if_path: "appenddirname can't be a path, just a dirname",
                if_empty: Some("appenddirname can't be empty"),
            }, AtStart;

            /// When the append-only file is synced to the disk.
            ///
            /// `always` before a write is acknowledged, `everysec` once a second, `no` when the
            /// system likes.
            appendfsync: Fsync = Fsync::EverySecond, Choice, AtRuntime;

            /// With `appendfsync always`: for how many bytes space is written ahead in the
            /// append-only file, so that a sync need not note its growth. Zero does without;
            /// no space is made for writes that come to more than an eighth of it at once.
            ///
            /// Space is lines of `#`, which every server skips that knows annotations; what is not
            /// used of it goes when the file is closed. Redis has no such setting.
            aof_space_ahead: u64 = MIB, Memory(0..=64 * MIB), AtRuntime + OURS;

            /// Do not sync the append-only file while a snapshot or a rewrite is being written.
            no_appendfsync_on_rewrite: bool = false, YesNo, AtRuntime;

            /// Rewrite the append-only file when it grew by this many percent. Zero never does.
            auto_aof_rewrite_percentage: u32 = 100, Int(0..=INT_MAX), AtRuntime;

            /// Do not rewrite an append-only file that is smaller than this.
            auto_aof_rewrite_min_size: u64 = 64 * MIB, Memory::SIGNED, AtRuntime;

            /// Start with what can be read of an append-only file whose end is cut off.
            aof_load_truncated: bool = true, YesNo, AtRuntime;

            /// Rewrite the append-only file as a snapshot, which is smaller and loads faster.
            aof_use_rdb_preamble: bool = true, YesNo, AtRuntime;

            /// Note the time in the append-only file, so that it can be cut at a point in time.
            aof_timestamp_enabled: bool = false, YesNo, AtRuntime;

            /// Sync an append-only file to the disk while it is rewritten, not all of it at the
            /// end.
            aof_rewrite_incremental_fsync: bool = true, YesNo, AtRuntime;

            /// Keep append-only files that a rewrite made superfluous.
            aof_disable_auto_gc: bool = false, YesNo, AtRuntime;
        } }
    };
}

pub(super) use persistence;
